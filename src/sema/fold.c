/* SPDX-License-Identifier: Apache-2.0 */
/* Constant folding of single nodes whose operands are folded already. */
#include "sema/private.h"

#include <string.h>

bool sema_is_number(const struct expr *e, int64_t *value)
{
	if (!e || e->kind != EXPR_NUMBER)
		return false;
	*value = e->number.value;
	return true;
}

static struct expr *number(struct arena *a, const struct expr *from, int64_t value)
{
	struct expr *e = lang_expr_new(a, EXPR_NUMBER, from->span);

	e->token = from->token;
	e->type = TYPE_LONG;
	e->number.value = value;
	return e;
}

/* Division by 0 is left for the run. */
static bool divide(enum lang_op op, int64_t x, int64_t y, int64_t *out)
{
	if (!y)
		return false;
	if (y == -1)
		*out = op == OP_DIV ? (int64_t)(0 - (uint64_t)x) : 0;
	else
		*out = op == OP_DIV ? x / y : x % y;
	return true;
}

static int64_t compare(enum lang_op op, int64_t order)
{
	switch ((int)op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order < 0;
	case OP_GT:
		return order > 0;
	case OP_LE:
		return order <= 0;
	default:
		return order >= 0;
	}
}

/* 64-bit two's complement, as at run time. */
static bool compute(enum lang_op op, int64_t x, int64_t y, int64_t *out)
{
	uint64_t a = (uint64_t)x, b = (uint64_t)y;

	switch ((int)op) {
	case OP_ADD:
		*out = (int64_t)(a + b);
		return true;
	case OP_SUB:
		*out = (int64_t)(a - b);
		return true;
	case OP_MUL:
		*out = (int64_t)(a * b);
		return true;
	case OP_DIV:
	case OP_MOD:
		return divide(op, x, y, out);
	case OP_AND:
		*out = x & y;
		return true;
	case OP_OR:
		*out = x | y;
		return true;
	case OP_XOR:
		*out = x ^ y;
		return true;
	case OP_SHL:
		*out = (int64_t)(a << (b & 63));
		return true;
	case OP_SHR:
		*out = x >> (b & 63);
		return true;
	case OP_USHR:
		*out = (int64_t)(a >> (b & 63));
		return true;
	case OP_LOGICAL_AND:
		*out = x && y;
		return true;
	case OP_LOGICAL_OR:
		*out = x || y;
		return true;
	default:
		if (op < OP_EQ || op > OP_GE)
			return false;
		*out = compare(op, (x > y) - (x < y));
		return true;
	}
}

static int64_t text_order(const struct expr *x, const struct expr *y)
{
	uint32_t n = base_min(x->string.length, y->string.length);
	int order = memcmp(x->string.text, y->string.text, n);

	return order ? order : (int64_t)x->string.length - y->string.length;
}

/*
 * Nothing is missed when it is not evaluated: no effect, no error. What
 * functions of the script do need not be known yet.
 */
static bool is_harmless(const struct expr *e)
{
	switch ((int)e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
		return true;
	case EXPR_UNARY:
		return is_harmless(e->unary.operand);
	case EXPR_BINARY:
		return e->binary.op != OP_DIV && e->binary.op != OP_MOD &&
		       is_harmless(e->binary.left) && is_harmless(e->binary.right);
	case EXPR_CALL:
		return e->call.builtin && !e->call.args.list.n &&
		       (e->call.builtin->flags & (BUILTIN_PURE | BUILTIN_FAILS)) == BUILTIN_PURE;
	default:
		return false;
	}
}

/* A constant on the left may decide && and || alone, one on the right if nothing is missed. */
static struct expr *fold_logical(struct arena *a, struct expr *e)
{
	bool is_and = e->binary.op == OP_LOGICAL_AND;
	int64_t v;

	if (!is_and && e->binary.op != OP_LOGICAL_OR)
		return e;
	if (!sema_is_number(e->binary.left, &v) &&
	    (!sema_is_number(e->binary.right, &v) || !is_harmless(e->binary.left)))
		return e;
	return is_and == !v ? number(a, e, !is_and) : e;
}

static struct expr *fold_binary(struct arena *a, struct expr *e)
{
	const struct expr *l = e->binary.left, *r = e->binary.right;
	int64_t x, y, v;

	if (sema_is_number(l, &x) && sema_is_number(r, &y))
		return compute(e->binary.op, x, y, &v) ? number(a, e, v) : e;
	if (l->kind == EXPR_STRING && r->kind == EXPR_STRING && e->binary.op >= OP_EQ &&
	    e->binary.op <= OP_GE)
		return number(a, e, compare(e->binary.op, text_order(l, r)));
	return fold_logical(a, e);
}

static struct expr *fold_unary(struct arena *a, struct expr *e)
{
	int64_t v;

	if (!sema_is_number(e->unary.operand, &v))
		return e;
	switch ((int)e->unary.op) {
	case OP_NEG:
	case OP_SUB:
		return number(a, e, (int64_t)(0 - (uint64_t)v));
	case OP_NOT:
		return number(a, e, !v);
	case OP_COMPLEMENT:
		return number(a, e, ~v);
	default:
		return number(a, e, v);
	}
}

struct expr *sema_fold(struct arena *a, struct expr *e)
{
	int64_t v;

	if (e->kind == EXPR_UNARY)
		return fold_unary(a, e);
	if (e->kind == EXPR_BINARY)
		return fold_binary(a, e);
	if (e->kind == EXPR_TERNARY && sema_is_number(e->ternary.condition, &v))
		return v ? e->ternary.yes : e->ternary.no;
	return e;
}
