/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering of foreach, over arrays and over the buckets of histograms.
 *
 *	begin ──▶ head ──more──▶ body: keys, value ──▶ ... ──▶ head
 *	             └──none──▶ end
 */
#include "ir/build.h"

#include <stddef.h>

/* sizeof(struct rt_each) of the runtime's door; asserted by the unit tests. */
#define EACH_SIZE 64u

/* A negative limit is no iteration. */
static uint32_t lower_limit(struct build *b, const struct expr *limit)
{
	uint32_t value;

	if (!limit)
		return ir_emit_const(b, INT64_MAX);
	value = ir_lower_long(b, limit);
	return ir_emit_binary(b, IR_MUL, value, ir_emit_with(b, IR_GE, value, 0));
}

static uint32_t lower_slice(struct build *b, const struct stmt *s, uint64_t *mask)
{
	struct keys k;

	*mask = 0;
	if (!s->foreach.has_slice)
		return ir_emit_const(b, 0);
	k = ir_lower_keys(b, &s->foreach.slice, s->foreach.limit);
	*mask = k.mask;
	return ir_key_array(b, &k);
}

static void assign_key(struct build *b, const struct expr *to, uint32_t it, uint32_t column)
{
	uint32_t number = ir_emit_const(b, column), buffer;

	if (to->type != TYPE_STRING) {
		ir_assign_long(b, to, ir_emit_call(b, "rt_each_key", IR_PURE, 2, it, number));
		return;
	}
	if (to->symbol.variable->kind == VARIABLE_GLOBAL)
		buffer = ir_global_write(b, to->symbol.variable);
	else
		buffer = ir_place_buffer(b, ir_place(b, to->symbol.variable));
	ir_emit_effect(b, "rt_each_key_str", 3, it, number, buffer);
}

static void assign_value(struct build *b, const struct expr *to, uint32_t it)
{
	uint32_t buffer;

	if (to->type != TYPE_STRING) {
		ir_assign_long(b, to, ir_emit_call(b, "rt_each_value", IR_PURE, 1, it));
		return;
	}
	buffer = ir_buffer_new(b);
	ir_emit_effect(b, "rt_each_value_str", 2, it, buffer);
	ir_assign_text(b, to, buffer);
}

static void assign_variables(struct build *b, const struct stmt *s, uint32_t it)
{
	const struct expr_list *keys = &s->foreach.keys;

	for (uint32_t i = 0; i < keys->list.n; i++)
		assign_key(b, keys->list.p[i], it, i + 1);
	if (s->foreach.value)
		assign_value(b, s->foreach.value, it);
}

static void lower_body(struct build *b, const struct stmt *s, uint32_t next, uint32_t end)
{
	uint32_t break_to = b->break_to, continue_to = b->continue_to;

	b->break_to = end;
	b->continue_to = next;
	ir_lower_stmt(b, s->foreach.body);
	b->break_to = break_to;
	b->continue_to = continue_to;
	ir_emit_jump(b, next);
}

static void begin(struct build *b, const struct stmt *s, uint32_t it)
{
	int64_t op = s->foreach.sort_op == STAT_NONE ? STAT_COUNT : s->foreach.sort_op;
	uint64_t mask;
	uint32_t keys = lower_slice(b, s, &mask);
	uint32_t limit = lower_limit(b, s->foreach.limit);
	uint32_t map = ir_global_read(b, s->foreach.array->symbol.variable);
	uint32_t any = ir_emit_const(b, (int64_t)mask), by = ir_emit_const(b, op);
	uint32_t column = ir_emit_const(b, s->foreach.sort_column);
	uint32_t sort = ir_emit_const(b, s->foreach.sort);

	ir_emit_effect(b, "rt_each_begin", 8, it, map, sort, column, by, limit, keys, any);
}

static void foreach_array(struct build *b, const struct stmt *s)
{
	uint32_t head = ir_block_new(b), body = ir_block_new(b), end = ir_block_new(b);
	uint32_t at = ir_frame_take(b, EACH_SIZE), it;

	begin(b, s, ir_emit_number(b, IR_FRAME, at));
	ir_emit_jump(b, head);
	ir_block_open(b, head);
	it = ir_emit_number(b, IR_FRAME, at);
	ir_emit_branch(b, ir_emit_call(b, "rt_each_next", 0, 1, it), body, end);
	ir_block_open(b, body);
	ir_emit_budget(b, 1 + ir_count_statements(s->foreach.body), s->span);
	assign_variables(b, s, ir_emit_number(b, IR_FRAME, at));
	lower_body(b, s, head, end);
	ir_block_open(b, end);
}

/* ---- buckets -------------------------------------------------------------------- */

uint32_t ir_bucket_count(struct build *b, const struct expr *of)
{
	const struct expr *base = of->kind == EXPR_INDEX ? of->index.base : of;
	uint32_t desc = ir_emit_number(b, IR_STATDESC, base->symbol.variable->index);

	return ir_emit_load(b, desc, offsetof(struct abi_stat_desc, buckets), 4);
}

/* Number of rounds: none for an empty statistic. */
static uint32_t bucket_limit(struct build *b, const struct stmt *s)
{
	const struct expr *hist = s->foreach.array;
	uint32_t limit = lower_limit(b, s->foreach.limit), least = ir_register_new(b), at;
	uint32_t there = ir_block_new(b), full = ir_block_new(b), smaller = ir_block_new(b),
		 end = ir_block_new(b);

	at = ir_statistic_address(b, hist->hist.of);
	ir_emit_set(b, least, 0);
	ir_emit_branch(b, at, there, end);
	ir_block_open(b, there);
	ir_emit_branch(b, ir_emit_load(b, at, offsetof(struct abi_stat, count), 8), full, end);
	ir_block_open(b, full);
	ir_emit_move(b, least, ir_bucket_count(b, hist->hist.of));
	ir_emit_branch(b, ir_emit_binary(b, IR_LT, limit, least), smaller, end);
	ir_block_open(b, smaller);
	ir_emit_move(b, least, limit);
	ir_emit_jump(b, end);
	ir_block_open(b, end);
	return least;
}

static void foreach_bucket(struct build *b, const struct stmt *s)
{
	uint32_t head = ir_block_new(b), body = ir_block_new(b), next = ir_block_new(b),
		 end = ir_block_new(b);
	uint32_t index = ir_register_new(b), limit = bucket_limit(b, s);

	ir_emit_set(b, index, 0);
	ir_emit_jump(b, head);
	ir_block_open(b, head);
	ir_emit_branch(b, ir_emit_binary(b, IR_LT, index, limit), body, end);
	ir_block_open(b, body);
	ir_emit_budget(b, 1 + ir_count_statements(s->foreach.body), s->span);
	ir_assign_long(b, s->foreach.keys.list.p[0], index);
	lower_body(b, s, next, end);
	ir_block_open(b, next);
	ir_emit_move(b, index, ir_emit_with(b, IR_ADD, index, 1));
	ir_emit_jump(b, head);
	ir_block_open(b, end);
}

void ir_lower_foreach(struct build *b, const struct stmt *s)
{
	const struct expr *array = s->foreach.array;

	if (array->kind == EXPR_HIST && ir_is_statistic(array->hist.of))
		foreach_bucket(b, s);
	else if (array->kind == EXPR_SYMBOL && array->symbol.variable->kind == VARIABLE_GLOBAL)
		foreach_array(b, s);
	else
		ir_lower_unsupported(b, array);
}
