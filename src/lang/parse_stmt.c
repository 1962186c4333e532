/* SPDX-License-Identifier: Apache-2.0 */
/* Statements. */
#include "lang/parse.h"

static struct stmt *stmt_start(struct parser *p, enum stmt_kind kind)
{
	return lang_stmt_new(p->o->arena, kind, lang_peek(p)->span);
}

static struct expr *parse_parenthesised(struct parser *p)
{
	struct expr *e;

	lang_expect(p, PUNCT1('('));
	e = lang_parse_expr(p);
	lang_expect(p, PUNCT1(')'));
	return e;
}

/* A name that a loop or catch binds. */
static struct expr *parse_bound_name(struct parser *p)
{
	const struct token *t = lang_expect_name(p);
	struct expr *e = lang_expr_new(p->o->arena, EXPR_SYMBOL, t->span);

	e->symbol.name = t->text;
	return e;
}

struct stmt *lang_parse_block(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_BLOCK);

	lang_enter(p);
	lang_expect(p, PUNCT1('{'));
	while (!lang_accept(p, PUNCT1('}')))
		vec_push(p->o->arena, &s->block.list, lang_parse_statement(p));
	lang_leave(p);
	return s;
}

/* ---- plain ones ----------------------------------------------------------------------- */

static struct stmt *parse_empty(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_EMPTY);

	lang_take(p);
	return s;
}

static struct stmt *parse_word(struct parser *p, enum stmt_kind kind)
{
	struct stmt *s = stmt_start(p, kind);

	lang_take(p);
	lang_accept(p, PUNCT1(';'));
	return s;
}

static struct stmt *parse_return(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_RETURN);

	if (!p->in_function)
		lang_fail(p, "found 'return' not in function context");
	lang_take(p);
	if (!lang_peek_is(p, PUNCT1(';')) && !lang_peek_is(p, PUNCT1('}')))
		s->expr = lang_parse_expr(p);
	lang_accept(p, PUNCT1(';'));
	return s;
}

static struct stmt *parse_delete(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_DELETE);

	lang_take(p);
	s->expr = lang_parse_expr(p);
	lang_accept(p, PUNCT1(';'));
	return s;
}

static struct stmt *parse_expr_statement(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_EXPR);
	struct expr *e = lang_parse_expr(p);

	s->expr = e;
	if (e->kind == EXPR_EMBEDDED) {
		s->kind = STMT_EMBEDDED;
		s->embedded.code = e->embedded.code;
		s->embedded.length = e->embedded.length;
	}
	lang_accept(p, PUNCT1(';'));
	return s;
}

static struct stmt *parse_if(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_IF);

	lang_take(p);
	s->if_.condition = parse_parenthesised(p);
	s->if_.yes = lang_parse_statement(p);
	if (lang_accept_keyword(p, KEYWORD_ELSE))
		s->if_.no = lang_parse_statement(p);
	return s;
}

static struct stmt *parse_while(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_WHILE);

	lang_take(p);
	s->loop.condition = parse_parenthesised(p);
	s->loop.body = lang_parse_statement(p);
	return s;
}

/* A part of for's head that may be left out, and what ends it. */
static struct expr *parse_for_part(struct parser *p, uint32_t end)
{
	struct expr *e = lang_peek_is(p, end) ? NULL : lang_parse_expr(p);

	lang_expect(p, end);
	return e;
}

static struct stmt *parse_for(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_FOR);

	lang_take(p);
	lang_expect(p, PUNCT1('('));
	s->loop.init = parse_for_part(p, PUNCT1(';'));
	s->loop.condition = parse_for_part(p, PUNCT1(';'));
	if (!s->loop.condition) {
		s->loop.condition = lang_expr_new(p->o->arena, EXPR_NUMBER, p->last.span);
		s->loop.condition->number.value = 1;
	}
	s->loop.step = parse_for_part(p, PUNCT1(')'));
	s->loop.body = lang_parse_statement(p);
	return s;
}

static struct stmt *parse_try(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_TRY);

	lang_take(p);
	s->try_.body = lang_parse_block(p);
	if (!lang_accept_keyword(p, KEYWORD_CATCH))
		lang_fail(p, "expected 'catch'");
	if (lang_accept(p, PUNCT1('('))) {
		s->try_.variable = parse_bound_name(p);
		lang_expect(p, PUNCT1(')'));
	}
	s->try_.handler = lang_parse_block(p);
	return s;
}

/* ---- foreach --------------------------------------------------------------------------- */

/* [+|-]; one in the whole head. */
static bool parse_sort(struct parser *p, struct stmt *s, int column)
{
	bool up = lang_peek_is(p, PUNCT1('+')), down = lang_peek_is(p, PUNCT1('-'));

	if (!up && !down)
		return false;
	if (s->foreach.sort)
		lang_fail(p, "multiple sort directives");
	lang_take(p);
	s->foreach.sort = up ? 1 : -1;
	s->foreach.sort_column = column;
	return true;
}

static void parse_loop_key(struct parser *p, struct stmt *s)
{
	vec_push(p->o->arena, &s->foreach.keys.list, parse_bound_name(p));
	parse_sort(p, s, (int)s->foreach.keys.list.n);
}

static void parse_loop_keys(struct parser *p, struct stmt *s)
{
	if (!lang_accept(p, PUNCT1('['))) {
		parse_loop_key(p, s);
		return;
	}
	do
		parse_loop_key(p, s);
	while (lang_accept(p, PUNCT1(',')));
	if (!lang_accept(p, PUNCT1(']')))
		lang_fail(p, "expected ',' or ']'");
}

/* [value =] keys: the first name turns out to be the value when = follows. */
static void parse_loop_variables(struct parser *p, struct stmt *s)
{
	bool single = !lang_peek_is(p, PUNCT1('['));

	parse_loop_keys(p, s);
	if (!single || !lang_accept(p, PUNCT1('=')))
		return;
	s->foreach.value = s->foreach.keys.list.p[0];
	s->foreach.keys.list.n = 0;
	s->foreach.sort_column = 0;
	parse_loop_keys(p, s);
}

/* [@op] [+|-] */
static void parse_loop_order(struct parser *p, struct stmt *s)
{
	const struct token *t = lang_peek(p);

	if (t->kind == TOKEN_AT) {
		s->foreach.sort_op = lang_stat_find(p, t->text);
		if (s->foreach.sort_op == STAT_NONE)
			lang_fail(p, "expected statistical operation");
		lang_take(p);
		if (!parse_sort(p, s, 0))
			lang_fail(p, "expected sort directive");
		return;
	}
	parse_sort(p, s, 0);
}

static struct stmt *parse_foreach(struct parser *p)
{
	struct stmt *s = stmt_start(p, STMT_FOREACH);

	s->foreach.sort_op = STAT_NONE;
	lang_take(p);
	lang_expect(p, PUNCT1('('));
	parse_loop_variables(p, s);
	if (!lang_accept_keyword(p, KEYWORD_IN))
		lang_fail(p, "expected 'in'");
	s->foreach.array = lang_parse_indexable(p);
	if (lang_accept(p, PUNCT1('['))) {
		s->foreach.has_slice = true;
		lang_parse_keys(p, &s->foreach.slice, true);
	}
	parse_loop_order(p, s);
	if (lang_accept_keyword(p, KEYWORD_LIMIT))
		s->foreach.limit = lang_parse_expr(p);
	lang_expect(p, PUNCT1(')'));
	s->foreach.body = lang_parse_statement(p);
	return s;
}

/* ---- any -------------------------------------------------------------------------------- */

static struct stmt *parse_keyword(struct parser *p)
{
	switch ((enum keyword)p->ahead.code) {
	case KEYWORD_IF:
		return parse_if(p);
	case KEYWORD_FOR:
		return parse_for(p);
	case KEYWORD_FOREACH:
		return parse_foreach(p);
	case KEYWORD_WHILE:
		return parse_while(p);
	case KEYWORD_TRY:
		return parse_try(p);
	case KEYWORD_RETURN:
		return parse_return(p);
	case KEYWORD_DELETE:
		return parse_delete(p);
	case KEYWORD_BREAK:
		return parse_word(p, STMT_BREAK);
	case KEYWORD_CONTINUE:
		return parse_word(p, STMT_CONTINUE);
	case KEYWORD_NEXT:
		return parse_word(p, STMT_NEXT);
	case KEYWORD_PROBE:
	case KEYWORD_GLOBAL:
	case KEYWORD_PRIVATE:
	case KEYWORD_FUNCTION:
	case KEYWORD_ELSE:
	case KEYWORD_IN:
	case KEYWORD_LIMIT:
	case KEYWORD_STRING:
	case KEYWORD_LONG:
	case KEYWORD_CATCH:
		break;
	}
	lang_fail(p, "expected statement");
}

struct stmt *lang_parse_statement(struct parser *p)
{
	const struct token *t = lang_peek(p);
	struct stmt *s;

	lang_enter(p);
	if (t->kind == TOKEN_END)
		lang_fail(p, "expected statement");
	if (t->kind == TOKEN_KEYWORD)
		s = parse_keyword(p);
	else if (token_is(t, PUNCT1(';')))
		s = parse_empty(p);
	else if (token_is(t, PUNCT1('{')))
		s = lang_parse_block(p);
	else
		s = parse_expr_statement(p);
	s->span = lang_span_since(p, s->span);
	lang_leave(p);
	return s;
}
