/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe points. Brace groups are multiplied out while reading: a list of
 * points grows by every component.
 *
 *	a.{b, c.d}.e?
 *	[a]  ->  [a.b, a.c.d]  ->  [a.b.e, a.c.d.e]  ->  [a.b.e?, a.c.d.e?]
 */
#include "lang/parse.h"

#include <string.h>

static bool begins_name(const struct token *t)
{
	return t->kind == TOKEN_IDENTIFIER || t->kind == TOKEN_KEYWORD ||
	       token_is(t, PUNCT1('*'));
}

static const char *keyword_or_name(const struct parser *p)
{
	return p->last.kind == TOKEN_OPERATOR ? "*" : p->last.text;
}

/* Words and stars with nothing between them. */
static const char *parse_name(struct parser *p)
{
	const char *name;
	struct buf b;

	if (!begins_name(lang_peek(p)))
		lang_fail(p, "expected identifier or '*' or '{'");
	lang_take(p);
	name = keyword_or_name(p);
	if (!lang_peek(p)->glued || !begins_name(lang_peek(p)))
		return intern(p->o->names, name, strlen(name));
	buf_init(&b, p->o->arena);
	buf_adds(&b, name);
	while (lang_peek(p)->glued && begins_name(&p->ahead)) {
		lang_take(p);
		buf_adds(&b, keyword_or_name(p));
	}
	return intern(p->o->names, buf_str(&b), b.n);
}

static struct point_component parse_component(struct parser *p)
{
	struct point_component c = { .span = lang_peek(p)->span };

	c.name = parse_name(p);
	if (lang_accept(p, PUNCT1('('))) {
		c.has_argument = true;
		c.argument = lang_parse_literal(p);
		lang_expect(p, PUNCT1(')'));
	}
	c.span = lang_span_since(p, c.span);
	return c;
}

/* ---- products -------------------------------------------------------------------- */

static struct probe_point *point_join(struct arena *a, const struct probe_point *left,
				      const struct probe_point *right)
{
	struct probe_point *to = arena_new(a, struct probe_point);

	vec_each(it, &left->components)
		vec_push(a, &to->components, *it);
	vec_each(it, &right->components)
		vec_push(a, &to->components, *it);
	to->optional = right->optional;
	to->sufficient = right->sufficient;
	if (right->condition)
		to->condition = lang_clone_expr(a, right->condition);
	to->span = left->components.n ? left->span : right->span;
	return to;
}

static void points_multiply(struct parser *p, struct point_list *to, const struct point_list *by)
{
	struct point_list all = { 0 };

	if ((uint64_t)to->list.n * by->list.n > POINTS_MAX)
		lang_fail(p, "too many probe points");
	vec_each(left, &to->list)
		vec_each(right, &by->list)
			vec_push(p->o->arena, &all.list, point_join(p->o->arena, *left, *right));
	*to = all;
}

static void points_extend(struct parser *p, struct point_list *to, struct point_component c)
{
	vec_each(it, &to->list) {
		if (!(*it)->components.n)
			(*it)->span = c.span;
		vec_push(p->o->arena, &(*it)->components, c);
	}
}

/* ---- marks ------------------------------------------------------------------------- */

static bool is_marked(const struct probe_point *point)
{
	return point->optional || point->sufficient || point->condition;
}

void lang_fail_point(struct parser *p, const struct probe_point *point, const char *message)
{
	const struct point_component *c = &point->components.p[0];
	struct token t = { .kind = TOKEN_IDENTIFIER, .span = c->span, .text = c->name };

	t.length = (uint32_t)strlen(c->name);
	lang_fail_at(p, &t, message);
}

/* Marks belong to the end: none may be inside a group that goes on. */
static void refuse_marks(struct parser *p, const struct point_list *points)
{
	vec_each(it, &points->list)
		if (is_marked(*it))
			lang_fail_point(p, *it,
					"'?', '!' or condition must only be specified in suffix");
}

static void mark_condition(struct parser *p, struct point_list *points)
{
	struct expr *condition;

	lang_expect(p, PUNCT1('('));
	condition = lang_parse_expr(p);
	lang_expect(p, PUNCT1(')'));
	vec_each(it, &points->list) {
		if ((*it)->condition)
			lang_fail(p, "condition respecified");
		(*it)->condition = it == points->list.p ?
					   condition :
					   lang_clone_expr(p->o->arena, condition);
	}
}

/* At ? or ! . */
static void mark_points(struct parser *p, struct point_list *points, bool sufficient)
{
	vec_each(it, &points->list) {
		if ((*it)->optional)
			lang_fail(p, "'?' or '!' respecified");
		(*it)->optional = true;
		(*it)->sufficient = sufficient;
	}
	lang_take(p);
}

/* ["?" | "!"] ["if" "(" e ")"] */
static void parse_marks(struct parser *p, struct point_list *points)
{
	bool optional = lang_peek_is(p, PUNCT1('?')), sufficient = lang_peek_is(p, PUNCT1('!'));

	if (optional || sufficient)
		mark_points(p, points, sufficient);
	if (lang_accept_keyword(p, KEYWORD_IF))
		mark_condition(p, points);
}

/* ---- one dotted path ----------------------------------------------------------------- */

static void parse_group(struct parser *p, struct point_list *to)
{
	struct point_list inner = { 0 };

	lang_enter(p);
	do
		lang_parse_points(p, &inner, true);
	while (lang_accept(p, PUNCT1(',')));
	lang_expect(p, PUNCT1('}'));
	lang_leave(p);
	points_multiply(p, to, &inner);
}

static bool ends_points(struct parser *p, bool of_probe)
{
	return lang_peek_is(p, PUNCT1(',')) || lang_peek_is(p, PUNCT1('{')) ||
	       lang_peek_is(p, PUNCT1('}')) || lang_peek_is(p, PUNCT1('=')) ||
	       lang_peek_is(p, PUNCT2('+', '=')) ||
	       (!of_probe && lang_peek(p)->kind == TOKEN_END);
}

void lang_parse_points(struct parser *p, struct point_list *to, bool of_probe)
{
	struct point_list points = { 0 };
	struct span from = lang_peek(p)->span;

	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	vec_push(p->o->arena, &points.list, arena_new(p->o->arena, struct probe_point));
	do {
		refuse_marks(p, &points);
		if (lang_accept(p, PUNCT1('{')))
			parse_group(p, &points);
		else
			points_extend(p, &points, parse_component(p));
	} while (lang_accept(p, PUNCT1('.')));
	parse_marks(p, &points);
	if (!ends_points(p, of_probe))
		lang_fail(p, "expected one of ', { } = +='");
	if (to->list.n + points.list.n > POINTS_MAX)
		lang_fail(p, "too many probe points");
	vec_each(it, &points.list) {
		(*it)->span = lang_span_since(p, from);
		vec_push(p->o->arena, &to->list, *it);
	}
}
