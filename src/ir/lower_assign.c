/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering of assignments and steps: to locals, globals and elements, of numbers and strings. */
#include "ir/build.h"

/* ---- numbers -------------------------------------------------------------------- */

void ir_assign_long(struct build *b, const struct expr *symbol, uint32_t value)
{
	const struct lang_variable *v = symbol->symbol.variable;

	if (v->kind == VARIABLE_GLOBAL)
		ir_emit_store(b, ir_global_write(b, v), 0, value, 8);
	else
		ir_emit_move(b, ir_place(b, v)->at, value);
}

/* Where a number lives, as far as it has an address. */
static uint32_t target_address(struct build *b, const struct expr *left, const struct keys *k)
{
	if (left->kind == EXPR_INDEX)
		return ir_element(b, left, k);
	return ir_global_write(b, left->symbol.variable);
}

static bool is_local(const struct expr *e)
{
	return e->kind == EXPR_SYMBOL && e->symbol.variable->kind != VARIABLE_GLOBAL;
}

static bool is_place(const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	return e->kind == EXPR_SYMBOL;
}

/* A scalar that every slot adds up for itself: one instruction. */
static bool add_to_shard(struct build *b, const struct expr *left, enum lang_op op, uint32_t value)
{
	const struct lang_variable *v;
	struct ir_ins *ins;

	if (left->kind != EXPR_SYMBOL || (op != OP_ADD && op != OP_SUB))
		return false;
	v = left->symbol.variable;
	if (v->kind != VARIABLE_GLOBAL || b->function.context != CONTEXT_TARGET ||
	    b->lower->effects.share[v->index] != ABI_SHARE_SHARDED)
		return false;
	if (op == OP_SUB)
		value = ir_emit_unary(b, IR_NEG, value);
	ins = ir_emit(b, IR_SHARDADD);
	ins->a = value;
	ins->t = v->index;
	return true;
}

static uint32_t assign_plain_long(struct build *b, const struct expr *e)
{
	const struct expr *left = e->assign.left;
	struct keys k = { 0 };
	uint32_t value;

	if (left->kind == EXPR_INDEX)
		k = ir_lower_keys(b, &left->index.keys, e->assign.right);
	value = ir_lower_long(b, e->assign.right);
	if (is_local(left)) {
		ir_assign_long(b, left, value);
		return ir_place(b, left->symbol.variable)->at;
	}
	ir_emit_store(b, target_address(b, left, &k), 0, value, 8);
	return value;
}

static uint32_t assign_changed_long(struct build *b, const struct expr *e, bool used)
{
	const struct expr *left = e->assign.left, *right = e->assign.right;
	struct keys k = { 0 };
	uint32_t value, address, after;

	if (left->kind == EXPR_INDEX)
		k = ir_lower_keys(b, &left->index.keys, right);
	value = ir_lower_long(b, right);
	if (!used && add_to_shard(b, left, e->assign.op, value))
		return IR_NONE;
	if (is_local(left)) {
		uint32_t local = ir_place(b, left->symbol.variable)->at;

		after = ir_lower_arithmetic(b, e->assign.op, local, value, e, right);
		ir_emit_move(b, local, after);
		return local;
	}
	address = target_address(b, left, &k);
	after = ir_lower_arithmetic(b, e->assign.op, ir_emit_load(b, address, 0, 8), value, e,
				    right);
	ir_emit_store(b, address, 0, after, 8);
	return after;
}

static uint32_t step_local(struct build *b, const struct expr *e, bool used)
{
	uint32_t local = ir_place(b, e->step.operand->symbol.variable)->at, before = local;

	if (used && !e->step.prefix) {
		before = ir_register_new(b);
		ir_emit_move(b, before, local);
	}
	ir_emit_move(b, local, ir_emit_with(b, e->step.increment ? IR_ADD : IR_SUB, local, 1));
	return before;
}

uint32_t ir_lower_step(struct build *b, const struct expr *e, bool used)
{
	const struct expr *left = e->step.operand;
	struct keys k = { 0 };
	uint32_t address, before, after;

	if (!is_place(left))
		return ir_lower_unsupported(b, e);
	if (is_local(left))
		return step_local(b, e, used);
	if (!used && add_to_shard(b, left, OP_ADD, ir_emit_const(b, e->step.increment ? 1 : -1)))
		return IR_NONE;
	if (left->kind == EXPR_INDEX)
		k = ir_lower_keys(b, &left->index.keys, NULL);
	address = target_address(b, left, &k);
	before = ir_emit_load(b, address, 0, 8);
	after = ir_emit_with(b, e->step.increment ? IR_ADD : IR_SUB, before, 1);
	ir_emit_store(b, address, 0, after, 8);
	return e->step.prefix ? after : before;
}

/* ---- strings -------------------------------------------------------------------- */

void ir_assign_text(struct build *b, const struct expr *symbol, uint32_t address)
{
	const struct lang_variable *v = symbol->symbol.variable;
	uint32_t to;

	if (v->kind == VARIABLE_GLOBAL)
		to = ir_global_write(b, v);
	else
		to = ir_place_buffer(b, ir_place(b, v));
	ir_emit_effect(b, "rt_str_copy", 2, address, to);
}

/* Its arguments are all evaluated before it writes, and may be the destination. */
static bool is_format(const struct expr *e)
{
	return e->kind == EXPR_PRINT && e->print.args.list.n &&
	       e->print.args.list.p[0]->kind != EXPR_HIST;
}

/*
 * Whether e can be computed right into v: nothing of e looks at v while it
 * is half written, and no error leaves it so for others to see. The leftmost
 * part of a concatenation is where the result grows.
 */
static bool is_safe_into(const struct build *b, const struct expr *e, const struct lang_variable *v)
{
	if ((v->kind == VARIABLE_GLOBAL || b->in_try) && ir_may_fail(e))
		return false;
	if (is_format(e))
		return true;
	while (e->kind == EXPR_BINARY) {
		if (ir_mentions(e->binary.right, v))
			return false;
		e = e->binary.left;
	}
	return e->kind == EXPR_SYMBOL || !ir_mentions(e, v);
}

static uint32_t variable_address(struct build *b, const struct lang_variable *v)
{
	if (v->kind == VARIABLE_GLOBAL)
		return ir_global_write(b, v);
	return ir_place_buffer(b, ir_place(b, v));
}

static uint32_t assign_variable_text(struct build *b, const struct expr *left,
				     const struct expr *right)
{
	const struct lang_variable *v = left->symbol.variable;
	uint32_t to;

	if (is_safe_into(b, right, v)) {
		to = variable_address(b, v);
		ir_lower_string_into(b, right, to);
		return to;
	}
	ir_assign_text(b, left, ir_lower_string(b, right));
	return variable_address(b, v);
}

/* v .= right */
static uint32_t append_variable(struct build *b, const struct expr *left, const struct expr *right)
{
	const struct lang_variable *v = left->symbol.variable;
	uint32_t text = ir_lower_string(b, right), to;

	if (ir_mentions(right, v))
		text = ir_copy_string(b, text);
	to = variable_address(b, v);
	ir_emit_effect(b, "rt_str_concat", 3, to, text, to);
	return to;
}

static uint32_t assign_element_text(struct build *b, const struct expr *e)
{
	const struct expr *left = e->assign.left, *right = e->assign.right,
			  *base = left->index.base;
	struct keys k = ir_lower_keys(b, &left->index.keys, right);
	uint32_t text = ir_lower_string(b, right), keys = ir_key_array(b, &k), joined, map;

	if (e->assign.op == OP_CONCAT) {
		joined = ir_buffer_new(b);
		map = ir_global_read(b, base->symbol.variable);
		ir_emit_effect(b, "rt_map_get_str", 3, map, keys, joined);
		ir_emit_effect(b, "rt_str_concat", 3, joined, text, joined);
		text = joined;
	}
	map = ir_global_write(b, base->symbol.variable);
	ir_emit_effect(b, "rt_map_set_str", 3, map, keys, text);
	ir_emit_check(b, base->token);
	return text;
}

static uint32_t assign_text(struct build *b, const struct expr *e)
{
	if (e->assign.left->kind == EXPR_INDEX)
		return assign_element_text(b, e);
	if (e->assign.op == OP_CONCAT)
		return append_variable(b, e->assign.left, e->assign.right);
	return assign_variable_text(b, e->assign.left, e->assign.right);
}

/* ---- the inserted frame --------------------------------------------------------- */

/* A word of it: a number, or the token of a text that the runtime keeps. */
static uint32_t assign_entry(struct build *b, const struct expr *e)
{
	const struct sema_operand *o = e->assign.left->target.operand;
	uint32_t value;

	if (!o || o->kind != OPERAND_ENTRY || b->function.context == CONTEXT_TOOL)
		return ir_lower_unsupported(b, e);
	if (o->type == TYPE_STRING)
		value = ir_emit_call(b, "rt_text_keep", 0, 1, ir_lower_string(b, e->assign.right));
	else
		value = ir_lower_long(b, e->assign.right);
	ir_emit_store(b, ir_emit_number(b, IR_INSERTED, o->displacement), 0, value, 8);
	return value;
}

/* ---- all kinds ------------------------------------------------------------------ */

uint32_t ir_lower_assign(struct build *b, const struct expr *e, bool used)
{
	if (e->assign.left->kind == EXPR_TARGET)
		return assign_entry(b, e);
	if (!is_place(e->assign.left))
		return ir_lower_unsupported(b, e);
	if (e->assign.op == OP_AGGREGATE) {
		ir_statistic_add(b, e);
		return ir_emit_const(b, 0);
	}
	if (e->assign.left->type == TYPE_STRING)
		return assign_text(b, e);
	if (e->assign.op == OP_ASSIGN)
		return assign_plain_long(b, e);
	return assign_changed_long(b, e, used);
}
