/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of probe points, and the check of a point against the forms of its provider. */
#include "sema/pattern.h"
#include "sema/private.h"

#include <string.h>

static enum pattern_argument argument_kind(const char *parenthesis)
{
	if (!parenthesis)
		return PATTERN_NONE;
	return parenthesis[1] == 'n' ? PATTERN_NUMBER : PATTERN_STRING;
}

struct pattern sema_pattern_parse(struct arena *a, const char *text)
{
	struct pattern p = { 0 };

	while (*text) {
		size_t n = strcspn(text, ".");
		const char *parenthesis = memchr(text, '(', n);
		size_t length = parenthesis ? (size_t)(parenthesis - text) : n;

		vec_push(a, &p.components,
			 (struct pattern_component){ arena_strndup(a, text, length),
						     argument_kind(parenthesis) });
		text += n + (text[n] == '.');
	}
	return p;
}

static enum pattern_argument argument_of(const struct point_component *c)
{
	if (!c->has_argument)
		return PATTERN_NONE;
	return c->argument->kind == EXPR_STRING ? PATTERN_STRING : PATTERN_NUMBER;
}

struct pattern sema_pattern_of_point(struct arena *a, const struct probe_point *p)
{
	struct pattern n = { 0 };

	vec_each(c, &p->components)
		vec_push(a, &n.components, (struct pattern_component){ c->name, argument_of(c) });
	return n;
}

const char *sema_pattern_text(struct arena *a, const struct pattern_component *c)
{
	static const char *const arguments[] = { "", "(number)", "(string)" };

	return arena_printf(a, "%s%s", c->name, arguments[c->argument]);
}

bool sema_pattern_accepts(const struct pattern_component *c, const struct point_component *p)
{
	return strcmp(c->name, p->name) == 0 && c->argument == argument_of(p);
}

/* ---- a point against the forms of its provider ----------------------------------------- */

typedef VEC(struct pattern) pattern_list;
typedef VEC(const char *) name_list;

/* Keeps the patterns whose component i accepts c. */
static void narrow(pattern_list *l, uint32_t i, const struct point_component *c)
{
	uint32_t n = 0;

	vec_each(p, l)
		if (i < p->components.n && sema_pattern_accepts(&p->components.p[i], c))
			l->p[n++] = *p;
	l->n = n;
}

/* What may stand at component i, each once. */
static name_list choices(struct arena *a, const pattern_list *l, uint32_t i, bool with_argument)
{
	struct map *seen = map_create(a);
	name_list out = { 0 };

	vec_each(p, l) {
		const char *name;

		if (i >= p->components.n)
			continue;
		name = with_argument ? sema_pattern_text(a, &p->components.p[i])
				     : p->components.p[i].name;
		if (map_find(seen, name))
			continue;
		map_put(seen, name, p);
		vec_push(a, &out, name);
	}
	return out;
}

/* NULL: nothing is said. */
static struct diag *say(struct sema_resolver *r, struct span at, const char *text)
{
	const char *token = sema_token_text(r->arena, r->sources, at);

	return r->quiet ? NULL : diag_add(r->diags, DIAG_PROBE_POINT, at, "%s%s%s", text, *token ? ": " : "", token);
}

/* What stands there by another kind of argument. */
static void note_argument(struct sema_resolver *r, struct diag *d, const pattern_list *l, uint32_t i,
			  const struct point_component *c)
{
	name_list names = choices(r->arena, l, i, true);
	size_t length = strlen(c->name);
	struct buf b;

	buf_init(&b, r->arena);
	vec_each(n, &names)
		if (strncmp(*n, c->name, length) == 0 && ((*n)[length] == 0 || (*n)[length] == '('))
			buf_addf(&b, "%s%s", b.n ? " or " : "", *n);
	if (b.n)
		diag_note(r->diags, d, (struct span){ 0, 0, 0 }, "it is written %s", buf_str(&b));
}

static void say_mismatch(struct sema_resolver *r, const pattern_list *l, uint32_t i,
			 const struct point_component *c)
{
	name_list names = choices(r->arena, l, i, false);
	struct diag *d = NULL;
	bool complete = false;

	vec_each(p, l)
		complete |= p->components.n == i;
	if (complete)
		say(r, c->span, "invalid suffix for probe");
	else
		d = say(r, c->span,
			arena_printf(r->arena, "probe point mismatch%s",
				     sema_similar(r->arena, c->name, names.p, names.n)));
	if (d)
		note_argument(r, d, l, i, c);
}

static void say_truncated(struct sema_resolver *r, const pattern_list *l,
			  const struct probe_point *p)
{
	name_list names = choices(r->arena, l, p->components.n, true);

	say(r, p->components.p[p->components.n - 1].span, sema_truncated(r->arena, names.p, names.n));
}

bool sema_point_match(struct sema_resolver *r, const struct probe_point *p,
		      const char *const *types)
{
	pattern_list left = { 0 }, before;

	for (uint32_t i = 0; types[i]; i++)
		vec_push(r->arena, &left, sema_pattern_parse(r->arena, types[i]));
	for (uint32_t i = 0; i < p->components.n; i++) {
		before = left;
		before.p = arena_dup(r->arena, left.p, left.n * sizeof *left.p);
		narrow(&left, i, &p->components.p[i]);
		if (!left.n) {
			say_mismatch(r, &before, i, &p->components.p[i]);
			return false;
		}
	}
	vec_each(t, &left)
		if (t->components.n == p->components.n)
			return true;
	say_truncated(r, &left, p);
	return false;
}

/* ---- what providers build with --------------------------------------------------------- */

struct sema_point *sema_point_add(struct sema_resolver *r, enum probe_event event,
				  enum probe_context context, const char *point)
{
	struct sema_point *p = arena_new(r->arena, struct sema_point);

	p->event = event;
	p->context = context;
	p->point = point;
	vec_push(r->arena, &r->out, p);
	return p;
}

static const struct expr *argument(struct sema_resolver *r, const struct probe_point *p, uint32_t i,
				   enum expr_kind kind, const char *what)
{
	const struct point_component *c;

	base_assert(i < p->components.n);
	c = &p->components.p[i];
	if (c->has_argument && c->argument->kind == kind)
		return c->argument;
	say(r, c->span,
	    arena_printf(r->arena, "probe point component '%s' takes a %s", c->name, what));
	return NULL;
}

bool sema_number_argument(struct sema_resolver *r, const struct probe_point *p, uint32_t i,
			  int64_t *out)
{
	const struct expr *e = argument(r, p, i, EXPR_NUMBER, "number");

	if (e)
		*out = e->number.value;
	return e != NULL;
}

bool sema_string_argument(struct sema_resolver *r, const struct probe_point *p, uint32_t i,
			  const char **out)
{
	const struct expr *e = argument(r, p, i, EXPR_STRING, "string");

	if (e)
		*out = e->string.text;
	return e != NULL;
}
