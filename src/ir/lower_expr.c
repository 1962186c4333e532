/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering of expressions whose value is a number, and of conditions. */
#include "ir/build.h"

/* ---- what evaluating an expression may do --------------------------------------- */

static bool any_of(const struct expr_list *l, bool (*is)(const struct expr *))
{
	vec_each(e, &l->list)
		if (*e && is(*e))
			return true;
	return false;
}

/* The expressions right below e, for predicates that hold if they hold for any part. */
static bool any_below(const struct expr *e, bool (*is)(const struct expr *))
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
	case EXPR_TARGET:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		return false;
	case EXPR_INDEX:
		return is(e->index.base) || any_of(&e->index.keys, is);
	case EXPR_UNARY:
		return is(e->unary.operand);
	case EXPR_BINARY:
		return is(e->binary.left) || is(e->binary.right);
	case EXPR_TERNARY:
		return is(e->ternary.condition) || is(e->ternary.yes) || is(e->ternary.no);
	case EXPR_ASSIGN:
		return is(e->assign.left) || is(e->assign.right);
	case EXPR_STEP:
		return is(e->step.operand);
	case EXPR_IN:
		return any_of(&e->in.keys, is);
	case EXPR_REGEX:
		return is(e->regex.subject);
	case EXPR_CALL:
		return any_of(&e->call.args, is);
	case EXPR_PRINT:
		return any_of(&e->print.args, is);
	case EXPR_STAT:
		return is(e->stat.of);
	case EXPR_HIST:
		return is(e->hist.of);
	}
	return false;
}

/* Assigns to something, or calls a function that could. */
bool ir_may_assign(const struct expr *e)
{
	if (e->kind == EXPR_ASSIGN || e->kind == EXPR_STEP)
		return true;
	if (e->kind == EXPR_CALL && e->call.function)
		return true;
	return any_below(e, ir_may_assign);
}

bool ir_may_fail(const struct expr *e)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
		return false;
	case EXPR_CALL:
		if (e->call.function || !e->call.builtin || e->call.builtin->flags & BUILTIN_FAILS)
			return true;
		return any_below(e, ir_may_fail);
	case EXPR_BINARY:
		return e->binary.op == OP_DIV || e->binary.op == OP_MOD ||
		       any_below(e, ir_may_fail);
	case EXPR_UNARY:
	case EXPR_TERNARY:
	case EXPR_IN:
	case EXPR_PRINT:
	case EXPR_REGEX:
		return any_below(e, ir_may_fail);
	case EXPR_INDEX:
		return e->index.base->kind != EXPR_SYMBOL || any_below(e, ir_may_fail);
	case EXPR_ASSIGN:
	case EXPR_STEP:
	case EXPR_STAT:
	case EXPR_HIST:
	case EXPR_TARGET:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		return true;
	}
	return true;
}

/* The value of e lives in a variable, not in a register or buffer of its own. */
static bool is_in_variable(const struct expr *e)
{
	if (e->kind == EXPR_TERNARY)
		return is_in_variable(e->ternary.yes) || is_in_variable(e->ternary.no);
	return e->kind == EXPR_SYMBOL || e->kind == EXPR_ASSIGN || e->kind == EXPR_STEP;
}

static uint32_t hold(struct build *b, uint32_t r, const struct expr *e)
{
	uint32_t copy;

	if (e->type == TYPE_STRING)
		return ir_copy_string(b, r);
	copy = ir_register_new(b);
	ir_emit_move(b, copy, r);
	return copy;
}

uint32_t ir_hold(struct build *b, uint32_t r, const struct expr *e, const struct expr *later)
{
	if (!later || !is_in_variable(e) || !ir_may_assign(later))
		return r;
	return hold(b, r, e);
}

uint32_t ir_hold_list(struct build *b, uint32_t r, const struct expr *e,
		      const struct expr_list *later, uint32_t from)
{
	if (!is_in_variable(e))
		return r;
	for (uint32_t i = from; i < later->list.n; i++)
		if (later->list.p[i] && ir_may_assign(later->list.p[i]))
			return hold(b, r, e);
	return r;
}

/* ---- arithmetic ----------------------------------------------------------------- */

static const enum ir_op operations[] = {
	[OP_ADD] = IR_ADD, [OP_SUB] = IR_SUB, [OP_MUL] = IR_MUL,  [OP_DIV] = IR_DIV,
	[OP_MOD] = IR_MOD, [OP_AND] = IR_AND, [OP_OR] = IR_OR,    [OP_XOR] = IR_XOR,
	[OP_SHL] = IR_SHL, [OP_SHR] = IR_SAR, [OP_USHR] = IR_SHR, [OP_EQ] = IR_EQ,
	[OP_NE] = IR_NE,   [OP_LT] = IR_LT,   [OP_GT] = IR_GT,    [OP_LE] = IR_LE,
	[OP_GE] = IR_GE,
};

static bool is_comparison(enum lang_op op)
{
	return op >= OP_EQ && op <= OP_GE;
}

uint32_t ir_lower_arithmetic(struct build *b, enum lang_op op, uint32_t x, uint32_t y,
			     const struct expr *e, const struct expr *divisor)
{
	if (op == OP_DIV || op == OP_MOD) {
		if (divisor->kind != EXPR_NUMBER || !divisor->number.value) {
			uint32_t zero = ir_block_cold(b), good = ir_block_new(b);

			ir_emit_branch(b, y, good, zero);
			ir_block_open(b, zero);
			ir_emit_effect(b, "rt_raise", 1, ir_emit_const(b, RAISE_DIVISION));
			ir_emit_check(b, e->token);
			ir_emit_jump(b, b->on_error);
			ir_block_open(b, good);
		}
	}
	return ir_emit_binary(b, operations[op], x, y);
}

static uint32_t lower_binary(struct build *b, const struct expr *e)
{
	const struct expr *left = e->binary.left, *right = e->binary.right;
	uint32_t x, y;

	x = ir_hold(b, ir_lower_value(b, left), left, right);
	y = ir_lower_value(b, right);
	if (is_comparison(e->binary.op) && left->type == TYPE_STRING) {
		x = ir_emit_call(b, "rt_str_compare", IR_PURE, 2, x, y);
		y = ir_emit_const(b, 0);
	}
	return ir_lower_arithmetic(b, e->binary.op, x, y, e, right);
}

static uint32_t lower_unary(struct build *b, const struct expr *e)
{
	uint32_t x = ir_lower_long(b, e->unary.operand);

	switch ((int)e->unary.op) {
	case OP_NEG:
	case OP_SUB:
		return ir_emit_unary(b, IR_NEG, x);
	case OP_NOT:
		return ir_emit_with(b, IR_EQ, x, 0);
	case OP_COMPLEMENT:
		return ir_emit_unary(b, IR_NOT, x);
	default:
		return x;
	}
}

/* ---- conditions ----------------------------------------------------------------- */

static bool is_logical(const struct expr *e)
{
	if (e->kind == EXPR_UNARY)
		return e->unary.op == OP_NOT;
	return e->kind == EXPR_BINARY &&
	       (e->binary.op == OP_LOGICAL_AND || e->binary.op == OP_LOGICAL_OR);
}

void ir_lower_condition(struct build *b, const struct expr *e, uint32_t yes, uint32_t no)
{
	uint32_t second;

	if (!is_logical(e)) {
		ir_emit_branch(b, ir_lower_value(b, e), yes, no);
		return;
	}
	if (e->kind == EXPR_UNARY) {
		ir_lower_condition(b, e->unary.operand, no, yes);
		return;
	}
	second = ir_block_new(b);
	if (e->binary.op == OP_LOGICAL_AND)
		ir_lower_condition(b, e->binary.left, second, no);
	else
		ir_lower_condition(b, e->binary.left, yes, second);
	ir_block_open(b, second);
	ir_lower_condition(b, e->binary.right, yes, no);
}

/* 1 or 0 by way of two blocks. */
static uint32_t lower_logical(struct build *b, const struct expr *e)
{
	uint32_t d = ir_register_new(b);
	uint32_t yes = ir_block_new(b), no = ir_block_new(b), end = ir_block_new(b);

	ir_lower_condition(b, e, yes, no);
	ir_block_open(b, yes);
	ir_emit_set(b, d, 1);
	ir_emit_jump(b, end);
	ir_block_open(b, no);
	ir_emit_set(b, d, 0);
	ir_emit_jump(b, end);
	ir_block_open(b, end);
	return d;
}

/* A number, or the address of a string. */
static uint32_t lower_ternary(struct build *b, const struct expr *e)
{
	uint32_t d = ir_register_new(b);
	uint32_t yes = ir_block_new(b), no = ir_block_new(b), end = ir_block_new(b);

	ir_lower_condition(b, e->ternary.condition, yes, no);
	ir_block_open(b, yes);
	ir_emit_move(b, d, ir_lower_value(b, e->ternary.yes));
	ir_emit_jump(b, end);
	ir_block_open(b, no);
	ir_emit_move(b, d, ir_lower_value(b, e->ternary.no));
	ir_emit_jump(b, end);
	ir_block_open(b, end);
	return d;
}

/* ---- values --------------------------------------------------------------------- */

static uint32_t lower_symbol(struct build *b, const struct expr *e)
{
	const struct lang_variable *v = e->symbol.variable;

	if (v->kind != VARIABLE_GLOBAL)
		return ir_place(b, v)->at;
	return ir_emit_load(b, ir_global_read(b, v), 0, 8);
}

static uint32_t lower_element(struct build *b, const struct expr *e)
{
	struct keys k;
	uint32_t map;

	if (e->index.base->kind == EXPR_HIST)
		return ir_lower_bucket(b, e);
	k = ir_lower_keys(b, &e->index.keys, NULL);
	map = ir_global_read(b, e->index.base->symbol.variable);
	return ir_emit_call(b, "rt_map_get", IR_PURE, 2, map, ir_key_array(b, &k));
}

/* i in @hist_...(x): whether there is such a bucket */
static uint32_t lower_in_hist(struct build *b, const struct expr *e)
{
	uint32_t at = ir_lower_long(b, e->in.keys.list.p[0]);
	uint32_t count = ir_bucket_count(b, e->in.array->hist.of);

	return ir_emit_binary(b, IR_AND, ir_emit_with(b, IR_GE, at, 0), ir_emit_binary(b, IR_LT, at, count));
}

static uint32_t lower_in(struct build *b, const struct expr *e)
{
	struct keys k;
	uint32_t map, mask;

	if (e->in.array->kind == EXPR_HIST)
		return lower_in_hist(b, e);
	k = ir_lower_keys(b, &e->in.keys, NULL);
	map = ir_global_read(b, e->in.array->symbol.variable);
	mask = ir_emit_const(b, (int64_t)k.mask);
	return ir_emit_call(b, "rt_map_has", IR_PURE, 3, map, ir_key_array(b, &k), mask);
}

static uint32_t lower_regex(struct build *b, const struct expr *e)
{
	bool asked = e->regex.is_asked;
	uint32_t subject = ir_lower_string(b, e->regex.subject);
	uint32_t regex = ir_emit_number(b, IR_REGEX, e->regex.regex);
	uint32_t d = ir_emit_call(b, asked ? "rt_regex_match" : "rt_regex_test", asked ? 0 : IR_PURE,
				  2, subject, regex);

	return e->regex.negate ? ir_emit_with(b, IR_EQ, d, 0) : d;
}

uint32_t ir_lower_unsupported(struct build *b, const struct expr *e)
{
	static const char text[] = "expression not supported";
	uint32_t number = ir_string_number(b->lower, text, sizeof text - 1);

	ir_emit_effect(b, "rt_error", 1, ir_emit_number(b, IR_STRING, number));
	ir_emit_check(b, e->token);
	return ir_emit_const(b, 0);
}

/* Exhaustive over the kinds of expressions. */
uint32_t ir_lower_long(struct build *b, const struct expr *e)
{
	switch (e->kind) {
	case EXPR_NUMBER:
		return ir_emit_const(b, e->number.value);
	case EXPR_SYMBOL:
		return lower_symbol(b, e);
	case EXPR_INDEX:
		return lower_element(b, e);
	case EXPR_UNARY:
		return is_logical(e) ? lower_logical(b, e) : lower_unary(b, e);
	case EXPR_BINARY:
		return is_logical(e) ? lower_logical(b, e) : lower_binary(b, e);
	case EXPR_TERNARY:
		return lower_ternary(b, e);
	case EXPR_ASSIGN:
		return ir_lower_assign(b, e, true);
	case EXPR_STEP:
		return ir_lower_step(b, e, true);
	case EXPR_IN:
		return lower_in(b, e);
	case EXPR_CALL:
		return ir_lower_call(b, e, IR_NONE);
	case EXPR_PRINT:
		ir_lower_print(b, e, IR_NONE);
		return ir_emit_const(b, 0);
	case EXPR_STAT:
		return ir_lower_statistic(b, e);
	case EXPR_TARGET:
		return ir_lower_target(b, e);
	case EXPR_REGEX:
		return lower_regex(b, e);
	case EXPR_STRING:
	case EXPR_HIST:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		return ir_lower_unsupported(b, e);
	}
	return ir_lower_unsupported(b, e);
}

uint32_t ir_lower_value(struct build *b, const struct expr *e)
{
	if (e->type != TYPE_STRING)
		return ir_lower_long(b, e);
	return e->kind == EXPR_TERNARY ? lower_ternary(b, e) : ir_lower_string(b, e);
}

static void ternary_effect(struct build *b, const struct expr *e)
{
	uint32_t yes = ir_block_new(b), no = ir_block_new(b), end = ir_block_new(b);

	ir_lower_condition(b, e->ternary.condition, yes, no);
	ir_block_open(b, yes);
	ir_lower_effect(b, e->ternary.yes);
	ir_emit_jump(b, end);
	ir_block_open(b, no);
	ir_lower_effect(b, e->ternary.no);
	ir_emit_jump(b, end);
	ir_block_open(b, end);
}

/* For what it does alone. effects.c judges uses by the same cases. */
void ir_lower_effect(struct build *b, const struct expr *e)
{
	if (e->kind == EXPR_ASSIGN)
		ir_lower_assign(b, e, false);
	else if (e->kind == EXPR_STEP)
		ir_lower_step(b, e, false);
	else if (e->kind == EXPR_TERNARY)
		ternary_effect(b, e);
	else if (e->kind == EXPR_PRINT && !e->print.to_string)
		ir_lower_print(b, e, IR_NONE);
	else if (e->kind == EXPR_CALL && e->type != TYPE_STRING)
		ir_lower_call(b, e, IR_NONE);
	else
		ir_lower_value(b, e);
}
