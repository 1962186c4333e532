/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of functions and statements, read and compared; see pattern.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "probe/pattern.h"

/* More lines than this in one point are a slip of the pen. */
#define LINES_LIMIT 100000u

/* ---- scopes -------------------------------------------------------------------------------- */

/* The next "::" outside <> and (); NULL if none. */
static const char *scope_end(const char *text)
{
	unsigned depth = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '<' || *p == '(')
			depth++;
		else if ((*p == '>' || *p == ')') && depth)
			depth--;
		else if (!depth && p[0] == ':' && p[1] == ':')
			return p;
	}
	return NULL;
}

typedef VEC(const char *) scope_list;

/* Cuts at "::"; the last part is returned. */
static const char *scopes_cut(struct arena *a, const char *text, scope_list *to)
{
	for (const char *end; (end = scope_end(text)); text = end + 2)
		vec_push(a, to, arena_strndup(a, text, (size_t)(end - text)));
	return text;
}

static void function_read(struct arena *a, const char *text, struct function_pattern *p)
{
	scope_list scopes = { 0 };

	p->is_global = strncmp(text, "::", 2) == 0;
	p->function = scopes_cut(a, text + (p->is_global ? 2 : 0), &scopes);
	p->scopes.p = scopes.p;
	p->scopes.n = scopes.n;
}

/* ---- lines --------------------------------------------------------------------------------- */

typedef VEC(uint32_t) line_list;

static bool number_read(const char **at, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)**at))
		return false;
	v = strtoul(*at, &end, 10);
	if (v > INT32_MAX)
		return false;
	*at = end;
	*out = (uint32_t)v;
	return true;
}

/* "10", "10-12", "10,20-22" */
static bool lines_read(struct arena *a, const char *at, line_list *to)
{
	for (;;) {
		uint32_t first, last;

		if (!number_read(&at, &first))
			return false;
		last = first;
		if (*at == '-' && (at++, !number_read(&at, &last)))
			return false;
		if (last < first || last - first >= LINES_LIMIT)
			return false;
		for (uint32_t n = first; n <= last; n++)
			vec_push(a, to, n);
		if (!*at)
			return true;
		if (*at++ != ',')
			return false;
	}
}

static bool line_part(struct arena *a, const char *mark, struct function_pattern *p)
{
	line_list numbers = { 0 };

	p->has_lines = true;
	if (strcmp(mark, ":*") == 0) {
		p->lines.kind = ELF_LINES_ALL;
		return true;
	}
	p->lines.kind = *mark == '+' ? ELF_LINES_RELATIVE : ELF_LINES_LISTED;
	if (!lines_read(a, mark + 1, &numbers))
		return false;
	p->lines.numbers = numbers.p;
	p->lines.n = numbers.n;
	return true;
}

/* ---- the whole --------------------------------------------------------------------------- */

/* The file ends at its last ':', or at a '+' that a number follows ("c++/x.c" has none). */
static const char *lines_mark(const char *file)
{
	const char *colon = strrchr(file, ':'), *plus = strrchr(file, '+');

	if (colon)
		return colon;
	return plus && isdigit((unsigned char)plus[1]) ? plus : NULL;
}

static bool pattern_read(struct arena *a, const char *text, struct function_pattern *p)
{
	const char *at = strchr(text, '@'), *mark;

	function_read(a, at ? arena_strndup(a, text, (size_t)(at - text)) : text, p);
	if (!*p->function)
		return false;
	if (!at)
		return true;
	mark = lines_mark(at + 1);
	p->file = mark ? arena_strndup(a, at + 1, (size_t)(mark - at - 1)) : at + 1;
	if (!*p->file || strchr(p->file, '@') || strchr(p->file, ':'))
		return false;
	return !mark || line_part(a, mark, p);
}

bool process_pattern_parse(struct process_query *q, uint32_t i, struct function_pattern *out)
{
	const char *text = process_text(q, i);

	*out = (struct function_pattern){ 0 };
	if (pattern_read(q->resolver->arena, text, out))
		return true;
	process_error(q, DIAG_PROBE_POINT, q->point->components.p[i].span,
		      "malformed specification '%s'; expected [scope::]function[@file][:line|+line]",
		      text);
	return false;
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* "box.c" and "src/box.c" mean /x/src/box.c. */
bool process_pattern_file(const char *glob, const char *path)
{
	size_t n = strlen(path);

	if (base_glob(glob, path))
		return true;
	if (*glob == '/')
		return false;
	for (size_t i = 0; i < n; i++)
		if (path[i] == '/' && base_glob(glob, path + i + 1))
			return true;
	return false;
}

/* The outermost scope has no name, but is one: "*::main" is ::main as well. */
static bool scopes_match(const struct function_pattern *p, const scope_list *actual)
{
	uint32_t skip, first = actual->n + 1 == p->scopes.n;

	if (actual->n + 1 < p->scopes.n || (p->is_global && actual->n != p->scopes.n) ||
	    (first && !base_glob(p->scopes.p[0], "")))
		return false;
	skip = actual->n + first - p->scopes.n;
	for (uint32_t i = first; i < p->scopes.n; i++)
		if (!base_glob(p->scopes.p[i], actual->p[skip + i - first]))
			return false;
	return true;
}

static const char *shown_name(struct arena *a, const struct function_pattern *p,
			      const scope_list *actual, const char *name)
{
	struct buf b;

	if (!p->scopes.n && !p->is_global)
		return name;
	buf_init(&b, a);
	if (p->is_global || actual->n < p->scopes.n)
		buf_adds(&b, "::");
	for (uint32_t i = actual->n - base_min(actual->n, p->scopes.n); i < actual->n; i++)
		buf_addf(&b, "%s::", actual->p[i]);
	buf_adds(&b, name);
	return buf_str(&b);
}

bool process_pattern_matches(struct process_query *q, const struct function_pattern *p,
			     const struct elf_function *f, const char **shown)
{
	struct arena *a = q->resolver->arena;
	scope_list actual = { 0 };

	if (p->file && !process_pattern_file(p->file, f->file))
		return false;
	*shown = f->name;
	if (!p->scopes.n && !p->is_global)
		return true;
	if (*f->scope) {
		const char *last = scopes_cut(a, f->scope, &actual);

		vec_push(a, &actual, last);
	}
	if (!scopes_match(p, &actual))
		return false;
	*shown = shown_name(a, p, &actual, f->name);
	return true;
}
