/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of -l and -L; points of an alias are shown under its name. */
#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"

struct line_list {
	VEC(const char *) list;
};

static const char *locals_text(struct arena *a, const struct sema_probe *p)
{
	struct buf b;

	buf_init(&b, a);
	vec_each(v, &p->locals)
		buf_addf(&b, " %s:%s", (*v)->name, lang_type_name((*v)->type));
	return buf_str(&b);
}

static const char *arguments_text(struct arena *a, const struct sema_site *s)
{
	struct buf b;

	if (s->variables)
		return s->variables;
	buf_init(&b, a);
	for (uint32_t i = 0; i < s->n_args; i++)
		buf_addf(&b, " $arg%u:long", i + 1);
	return buf_str(&b);
}

/* Where a " $name:type" ends. */
static size_t variable_length(const char *text)
{
	const char *next = *text ? strstr(text + 1, " $") : NULL;

	return next ? (size_t)(next - text) : strlen(text);
}

static bool has_variable(const char *all, const char *one, size_t n)
{
	for (; *all; all += variable_length(all))
		if (variable_length(all) == n && strncmp(all, one, n) == 0)
			return true;
	return false;
}

/* What all places of one name have: of several instances of a template that is little. */
static const char *variables_of_both(struct arena *a, const char *x, const char *y)
{
	struct buf b;
	size_t n;

	if (strcmp(x, y) == 0)
		return x;
	buf_init(&b, a);
	for (; *x; x += n) {
		n = variable_length(x);
		if (has_variable(y, x, n))
			buf_add(&b, x, n);
	}
	return buf_str(&b);
}

/* Lines that differ in their variables alone become one. */
static void variables_join(struct arena *a, const struct sema_program *p, struct map *joined)
{
	vec_each(it, &p->probes)
		vec_each(site, &(*it)->sites) {
			const char *name = (*it)->alias || !(*site)->listed ? NULL : (*site)->listed;
			const char *have = name ? map_find(joined, name) : NULL, *own = arguments_text(a, *site);

			if (name)
				map_put(joined, name, (void *)(uintptr_t)(have ? variables_of_both(a, have, own) : own));
		}
}

static void probe_lines(struct arena *a, struct line_list *to, const struct sema_probe *p,
			bool with_variables, const struct map *joined)
{
	const char *locals = with_variables ? locals_text(a, p) : "";
	bool any = false;

	vec_each(it, &p->sites) {
		const struct sema_site *s = *it;
		const char *shown = s->listed ? s->listed : s->point;

		const char *variables = with_variables && !p->alias && s->listed ? map_find(joined, s->listed) : NULL;

		any = true;
		shown = p->alias ? p->alias : shown;
		if (with_variables && !variables)
			variables = arguments_text(a, s);
		vec_push(a, &to->list, with_variables ? ARENA_JOIN(a, shown, locals, variables) : shown);
	}
	if (!any && p->point->event != EVENT_SITE)
		vec_push(a, &to->list,
			 arena_printf(a, "%s%s", p->alias ? p->alias : p->point->point, locals));
}

/*
 * Lines of one file begin alike, so that comparing them looks at the same bytes again and again: what they have in
 * common is left out, and the eight bytes behind it are kept beside each line.
 */
struct sorted_line {
	uint64_t key; /* big-endian: compares like the bytes */
	const char *text;
};

static size_t common_length(const struct line_list *l)
{
	size_t n = l->list.n ? strlen(l->list.p[0]) : 0;

	for (uint32_t i = 1; i < l->list.n && n; i++)
		if (strncmp(l->list.p[0], l->list.p[i], n) != 0)
			for (n = 0; l->list.p[0][n] == l->list.p[i][n];)
				n++;
	return n;
}

static uint64_t key_of(const char *text)
{
	uint64_t key = 0;

	for (int i = 0; i < 8; i++) {
		key = key << 8 | (unsigned char)*text;
		text += *text != 0;
	}
	return key;
}

static int compare_lines(const void *a, const void *b, void *user)
{
	const struct sorted_line *x = a, *y = b;
	const size_t *common = user;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->text + *common, y->text + *common);
}

static void lines_sort(struct arena *a, struct line_list *l)
{
	struct sorted_line *sorted = arena_array(a, struct sorted_line, l->list.n);
	size_t common = common_length(l);

	for (uint32_t i = 0; i < l->list.n; i++)
		sorted[i] = (struct sorted_line){ key_of(l->list.p[i] + common), l->list.p[i] };
	qsort_r(sorted, l->list.n, sizeof *sorted, compare_lines, &common);
	for (uint32_t i = 0; i < l->list.n; i++)
		l->list.p[i] = sorted[i].text;
}

static struct line_list lines_of(struct arena *a, const struct sema_program *p, bool with_variables)
{
	struct map *joined = map_create(a);
	struct line_list lines = { 0 };
	uint32_t kept = 0;

	if (with_variables)
		variables_join(a, p, joined);
	vec_each(it, &p->probes)
		probe_lines(a, &lines, *it, with_variables, joined);
	if (lines.list.n > 1)
		lines_sort(a, &lines);
	for (uint32_t i = 0; i < lines.list.n; i++)
		if (!kept || strcmp(lines.list.p[kept - 1], lines.list.p[i]) != 0)
			lines.list.p[kept++] = lines.list.p[i];
	lines.list.n = kept;
	return lines;
}

uint32_t probe_list_print(FILE *to, struct arena *a, const struct sema_program *p, bool with_variables)
{
	struct line_list lines = lines_of(a, p, with_variables);

	flockfile(to);
	vec_each(line, &lines.list) {
		fputs_unlocked(*line, to);
		putc_unlocked('\n', to);
	}
	funlockfile(to);
	return lines.list.n;
}
