/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering of expressions whose value is a string.
 *
 * A string value is an address.  Literals and variables are used where they
 * are; everything else is computed into a buffer: the destination when the
 * expression cannot look at the destination in between, else a temporary.
 */
#include "ir/build.h"

uint32_t ir_buffer_new(struct build *b)
{
	return ir_emit_number(b, IR_FRAME, ir_frame_take(b, b->lower->string_size));
}

uint32_t ir_copy_string(struct build *b, uint32_t from)
{
	uint32_t to = ir_buffer_new(b);

	ir_emit_effect(b, "rt_str_copy", 2, from, to);
	return to;
}

static bool any_mentions(const struct expr_list *l, const struct lang_variable *v)
{
	vec_each(e, &l->list)
		if (*e && ir_mentions(*e, v))
			return true;
	return false;
}

/* Exhaustive over the kinds of expressions. */
bool ir_mentions(const struct expr *e, const struct lang_variable *v)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_TARGET:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		return false;
	case EXPR_SYMBOL:
		return e->symbol.variable == v;
	case EXPR_INDEX:
		return ir_mentions(e->index.base, v) || any_mentions(&e->index.keys, v);
	case EXPR_UNARY:
		return ir_mentions(e->unary.operand, v);
	case EXPR_BINARY:
		return ir_mentions(e->binary.left, v) || ir_mentions(e->binary.right, v);
	case EXPR_TERNARY:
		return ir_mentions(e->ternary.condition, v) || ir_mentions(e->ternary.yes, v) ||
		       ir_mentions(e->ternary.no, v);
	case EXPR_ASSIGN:
		return ir_mentions(e->assign.left, v) || ir_mentions(e->assign.right, v);
	case EXPR_STEP:
		return ir_mentions(e->step.operand, v);
	case EXPR_IN:
		return ir_mentions(e->in.array, v) || any_mentions(&e->in.keys, v);
	case EXPR_REGEX:
		return ir_mentions(e->regex.subject, v);
	case EXPR_CALL:
		return any_mentions(&e->call.args, v);
	case EXPR_PRINT:
		return any_mentions(&e->print.args, v);
	case EXPR_STAT:
		return ir_mentions(e->stat.of, v);
	case EXPR_HIST:
		return ir_mentions(e->hist.of, v);
	}
	return true;
}

/* ---- computing into a buffer ---------------------------------------------------- */

static bool is_concat(const struct expr *e)
{
	return e->kind == EXPR_BINARY && e->binary.op == OP_CONCAT;
}

static void concat_into(struct build *b, const struct expr *e, uint32_t buffer)
{
	const struct expr *left = e->binary.left, *right = e->binary.right;
	uint32_t x, y;

	if (is_concat(left)) {
		concat_into(b, left, buffer);
		x = buffer;
	} else {
		x = ir_hold(b, ir_lower_string(b, left), left, right);
	}
	y = ir_lower_string(b, right);
	ir_emit_effect(b, "rt_str_concat", 3, x, y, buffer);
}

static void ternary_into(struct build *b, const struct expr *e, uint32_t buffer)
{
	uint32_t yes = ir_block_new(b), no = ir_block_new(b), end = ir_block_new(b);

	ir_lower_condition(b, e->ternary.condition, yes, no);
	ir_block_open(b, yes);
	ir_lower_string_into(b, e->ternary.yes, buffer);
	ir_emit_jump(b, end);
	ir_block_open(b, no);
	ir_lower_string_into(b, e->ternary.no, buffer);
	ir_emit_jump(b, end);
	ir_block_open(b, end);
}

static void element_into(struct build *b, const struct expr *e, uint32_t buffer)
{
	struct keys k = ir_lower_keys(b, &e->index.keys, NULL);
	uint32_t map = ir_global_read(b, e->index.base->symbol.variable);

	ir_emit_effect(b, "rt_map_get_str", 3, map, ir_key_array(b, &k), buffer);
}

static void copy_into(struct build *b, const struct expr *e, uint32_t buffer)
{
	if (e->kind == EXPR_STRING && !e->string.length)
		ir_emit_empty_string(b, buffer);
	else
		ir_emit_effect(b, "rt_str_copy", 2, ir_lower_string(b, e), buffer);
}

/* Exhaustive over the kinds of expressions. */
void ir_lower_string_into(struct build *b, const struct expr *e, uint32_t buffer)
{
	switch (e->kind) {
	case EXPR_STRING:
	case EXPR_SYMBOL:
	case EXPR_ASSIGN:
		copy_into(b, e, buffer);
		return;
	case EXPR_BINARY:
		concat_into(b, e, buffer);
		return;
	case EXPR_TERNARY:
		ternary_into(b, e, buffer);
		return;
	case EXPR_CALL:
		ir_lower_call(b, e, buffer);
		return;
	case EXPR_PRINT:
		ir_lower_print(b, e, buffer);
		return;
	case EXPR_INDEX:
		element_into(b, e, buffer);
		return;
	case EXPR_TARGET:
		ir_lower_site_text(b, e, buffer);
		return;
	case EXPR_NUMBER:
	case EXPR_UNARY:
	case EXPR_STEP:
	case EXPR_IN:
	case EXPR_REGEX:
	case EXPR_STAT:
	case EXPR_HIST:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		ir_lower_unsupported(b, e);
		return;
	}
}

static uint32_t symbol_address(struct build *b, const struct expr *e)
{
	const struct lang_variable *v = e->symbol.variable;

	if (v->kind == VARIABLE_GLOBAL)
		return ir_global_read(b, v);
	return ir_place_buffer(b, ir_place(b, v));
}

uint32_t ir_lower_string(struct build *b, const struct expr *e)
{
	uint32_t buffer;

	if (e->kind == EXPR_STRING)
		return ir_emit_number(b, IR_STRING,
				      ir_string_number(b->lower, e->string.text, e->string.length));
	if (e->kind == EXPR_SYMBOL)
		return symbol_address(b, e);
	if (e->kind == EXPR_ASSIGN)
		return ir_lower_assign(b, e, true);
	if (e->kind == EXPR_TERNARY)
		return ir_lower_value(b, e);
	buffer = ir_buffer_new(b);
	ir_lower_string_into(b, e, buffer);
	return buffer;
}
