/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: the levels of precedence, from assignment down to unary.
 *
 *	assignment < ?: < || < && < | < ^ < & < in < comparison, =~
 *	           < shift < . < + - < * / % < unary
 *
 * The left-associative levels on both sides of comparison are one table.
 */
#include "lang/parse.h"

struct binary_row {
	uint32_t punct;
	enum lang_op op;
	int level;
};

#define LEVEL_LOGICAL 1
#define LEVEL_SHIFT 7

static const struct binary_row upper_rows[] = {
	{ PUNCT2('|', '|'), OP_LOGICAL_OR, 1 }, { PUNCT2('&', '&'), OP_LOGICAL_AND, 2 },
	{ PUNCT1('|'), OP_OR, 3 },		{ PUNCT1('^'), OP_XOR, 4 },
	{ PUNCT1('&'), OP_AND, 5 },		{ 0, OP_NONE, 0 },
};

static const struct binary_row lower_rows[] = {
	{ PUNCT2('<', '<'), OP_SHL, 7 },	 { PUNCT2('>', '>'), OP_SHR, 7 },
	{ PUNCT3('>', '>', '>'), OP_USHR, 7 },	 { PUNCT1('.'), OP_CONCAT, 8 },
	{ PUNCT1('+'), OP_ADD, 9 },		 { PUNCT1('-'), OP_SUB, 9 },
	{ PUNCT1('*'), OP_MUL, 10 },		 { PUNCT1('/'), OP_DIV, 10 },
	{ PUNCT1('%'), OP_MOD, 10 },		 { 0, OP_NONE, 0 },
};

static const struct binary_row comparison_rows[] = {
	{ PUNCT1('<'), OP_LT, 6 },	{ PUNCT1('>'), OP_GT, 6 },
	{ PUNCT2('<', '='), OP_LE, 6 }, { PUNCT2('>', '='), OP_GE, 6 },
	{ PUNCT2('=', '='), OP_EQ, 6 }, { PUNCT2('!', '='), OP_NE, 6 },
	{ 0, OP_NONE, 0 },
};

static const struct binary_row assign_rows[] = {
	{ PUNCT1('='), OP_ASSIGN, 0 },		{ PUNCT3('<', '<', '<'), OP_AGGREGATE, 0 },
	{ PUNCT2('+', '='), OP_ADD, 0 },	{ PUNCT2('-', '='), OP_SUB, 0 },
	{ PUNCT2('*', '='), OP_MUL, 0 },	{ PUNCT2('/', '='), OP_DIV, 0 },
	{ PUNCT2('%', '='), OP_MOD, 0 },	{ PUNCT3('<', '<', '='), OP_SHL, 0 },
	{ PUNCT3('>', '>', '='), OP_SHR, 0 },	{ PUNCT2('&', '='), OP_AND, 0 },
	{ PUNCT2('^', '='), OP_XOR, 0 },	{ PUNCT2('|', '='), OP_OR, 0 },
	{ PUNCT2('.', '='), OP_CONCAT, 0 },	{ 0, OP_NONE, 0 },
};

static const struct binary_row unary_rows[] = {
	{ PUNCT1('+'), OP_PLUS, 0 }, { PUNCT1('-'), OP_NEG, 0 },	{ PUNCT1('!'), OP_NOT, 0 },
	{ PUNCT1('~'), OP_COMPLEMENT, 0 }, { 0, OP_NONE, 0 },
};

/* The row of the token ahead, or NULL. */
static const struct binary_row *row_find(struct parser *p, const struct binary_row *rows)
{
	const struct token *t = lang_peek(p);

	if (t->kind != TOKEN_OPERATOR || !t->code)
		return NULL;
	for (; rows->punct; rows++)
		if (rows->punct == t->code)
			return rows;
	return NULL;
}

/* An expression whose operator is the token consumed last and that began with `left`. */
static struct expr *expr_start(struct parser *p, enum expr_kind kind, const struct expr *left)
{
	struct expr *e = lang_expr_new(p->o->arena, kind, p->last.span);

	if (left)
		e->span = left->span;
	return e;
}

static void expr_end(const struct parser *p, struct expr *e)
{
	e->span = lang_span_since(p, e->span);
}

/* ---- binary levels ------------------------------------------------------------------- */

typedef struct expr *operand_parser(struct parser *p);

/* Precedence climbing over one table. */
static struct expr *climb(struct parser *p, const struct binary_row *rows, int level,
			  operand_parser *operand)
{
	struct expr *left = operand(p), *e;
	const struct binary_row *row;

	while ((row = row_find(p, rows)) && row->level >= level) {
		lang_take(p);
		e = expr_start(p, EXPR_BINARY, left);
		e->binary.op = row->op;
		e->binary.left = left;
		e->binary.right = climb(p, rows, row->level + 1, operand);
		expr_end(p, e);
		left = e;
	}
	return left;
}

static struct expr *parse_shift(struct parser *p)
{
	return climb(p, lower_rows, LEVEL_SHIFT, lang_parse_unary);
}

static struct expr *parse_regex(struct parser *p, struct expr *subject)
{
	struct expr *e;

	lang_take(p);
	e = expr_start(p, EXPR_REGEX, subject);
	e->regex.negate = p->last.code == PUNCT2('!', '~');
	e->regex.subject = subject;
	e->regex.literal = lang_peek(p)->span;
	e->regex.pattern = lang_parse_text(p, "expected literal string",
					   &e->regex.pattern_length);
	expr_end(p, e);
	return e;
}

static struct expr *parse_comparison(struct parser *p)
{
	struct expr *left = parse_shift(p), *e;
	const struct binary_row *row;

	if (lang_peek_is(p, PUNCT2('=', '~')) || lang_peek_is(p, PUNCT2('!', '~')))
		return parse_regex(p, left);
	while ((row = row_find(p, comparison_rows))) {
		lang_take(p);
		e = expr_start(p, EXPR_BINARY, left);
		e->binary.op = row->op;
		e->binary.left = left;
		e->binary.right = parse_shift(p);
		expr_end(p, e);
		left = e;
	}
	return left;
}

/* ---- in --------------------------------------------------------------------------------- */

void lang_parse_keys(struct parser *p, struct expr_list *to, bool stars)
{
	do {
		struct expr *e = NULL;

		if (!stars || !lang_accept(p, PUNCT1('*')))
			e = lang_parse_expr(p);
		vec_push(p->o->arena, &to->list, e);
	} while (lang_accept(p, PUNCT1(',')));
	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	if (!lang_accept(p, PUNCT1(']')))
		lang_fail(p, "expected ',' or ']'");
}

/* At `in`. */
static struct expr *parse_membership(struct parser *p, const struct expr_list *keys,
				     struct span from)
{
	struct expr *e;

	lang_take(p);
	e = expr_start(p, EXPR_IN, NULL);
	e->span = from;
	e->in.keys = *keys;
	e->in.array = lang_parse_indexable(p);
	expr_end(p, e);
	return e;
}

/* [keys] in array; a single [e] without it is only e. */
static struct expr *parse_bracketed(struct parser *p)
{
	struct span from = lang_take(p)->span;
	struct expr_list keys = { 0 };

	lang_parse_keys(p, &keys, true);
	if (lang_peek_keyword(p, KEYWORD_IN))
		return parse_membership(p, &keys, from);
	if (keys.list.n != 1 || !keys.list.p[0])
		lang_fail(p, "unexpected comma-separated expression list");
	return keys.list.p[0];
}

static struct expr *parse_in(struct parser *p)
{
	struct expr_list keys = { 0 };
	struct expr *e;

	if (!p->histogram && lang_peek_is(p, PUNCT1('[')))
		return parse_bracketed(p);
	e = parse_comparison(p);
	if (!lang_peek_keyword(p, KEYWORD_IN))
		return e;
	vec_push(p->o->arena, &keys.list, e);
	return parse_membership(p, &keys, e->span);
}

/* ---- ?: and assignment ----------------------------------------------------------------- */

static struct expr *parse_ternary(struct parser *p)
{
	struct expr *condition = climb(p, upper_rows, LEVEL_LOGICAL, parse_in), *e;

	if (!lang_accept(p, PUNCT1('?')))
		return condition;
	lang_enter(p);
	e = expr_start(p, EXPR_TERNARY, condition);
	e->ternary.condition = condition;
	e->ternary.yes = lang_parse_expr(p);
	lang_expect(p, PUNCT1(':'));
	e->ternary.no = parse_ternary(p);
	expr_end(p, e);
	lang_leave(p);
	return e;
}

struct expr *lang_parse_expr(struct parser *p)
{
	const struct binary_row *row;
	struct expr *left, *e;

	lang_enter(p);
	left = parse_ternary(p);
	row = row_find(p, assign_rows);
	if (row) {
		lang_take(p);
		e = expr_start(p, EXPR_ASSIGN, left);
		e->assign.op = row->op;
		e->assign.left = left;
		e->assign.right = lang_parse_expr(p);
		expr_end(p, e);
		left = e;
	}
	lang_leave(p);
	return left;
}

/* ---- unary ------------------------------------------------------------------------------- */

static struct expr *parse_step(struct parser *p, struct expr *operand, bool prefix)
{
	struct expr *e;

	lang_take(p);
	e = expr_start(p, EXPR_STEP, operand);
	e->step.increment = p->last.code == PUNCT2('+', '+');
	e->step.prefix = prefix;
	e->step.operand = prefix ? lang_parse_value(p) : operand;
	expr_end(p, e);
	return e;
}

static bool peek_step(struct parser *p)
{
	return lang_peek_is(p, PUNCT2('+', '+')) || lang_peek_is(p, PUNCT2('-', '-'));
}

struct expr *lang_parse_unary(struct parser *p)
{
	const struct binary_row *row = row_find(p, unary_rows);
	struct expr *e;

	if (row) {
		lang_enter(p);
		lang_take(p);
		e = expr_start(p, EXPR_UNARY, NULL);
		e->unary.op = row->op;
		e->unary.operand = lang_parse_unary(p);
		expr_end(p, e);
		lang_leave(p);
		return e;
	}
	if (peek_step(p))
		return parse_step(p, NULL, true);
	e = lang_parse_value(p);
	return peek_step(p) ? parse_step(p, e, false) : e;
}
