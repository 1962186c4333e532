/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering of statistics: adding a value, reading an @op, reading a bucket. */
#include "ir/build.h"

#include <stddef.h>

static const struct expr *base_of(const struct expr *of)
{
	return of->kind == EXPR_INDEX ? of->index.base : of;
}

bool ir_is_statistic(const struct expr *of)
{
	return base_of(of)->kind == EXPR_SYMBOL &&
	       base_of(of)->symbol.variable->kind == VARIABLE_GLOBAL;
}

/* ---- adding --------------------------------------------------------------------- */

static void shard_add(struct build *b, const struct lang_variable *v, size_t member, uint32_t value)
{
	struct ir_ins *ins = ir_emit(b, IR_SHARDADD);

	ins->a = value;
	ins->i = (int64_t)member;
	ins->t = v->index;
}

static void add_member(struct build *b, uint32_t at, size_t member, uint32_t value)
{
	uint32_t sum = ir_emit_binary(b, IR_ADD, ir_emit_load(b, at, (int64_t)member, 8), value);

	ir_emit_store(b, at, (int64_t)member, sum, 8);
}

/* Only count, or count and sum, are kept: additions, no call. */
static void add_simple(struct build *b, const struct lang_variable *v, uint32_t keep,
		       uint32_t value)
{
	uint32_t one = ir_emit_const(b, 1), at;

	if (b->function.context == CONTEXT_TARGET &&
	    b->lower->effects.share[v->index] == ABI_SHARE_SHARDED) {
		shard_add(b, v, offsetof(struct abi_stat, count), one);
		if (keep & ABI_KEEP_SUM)
			shard_add(b, v, offsetof(struct abi_stat, sum), value);
		return;
	}
	at = ir_global_write(b, v);
	add_member(b, at, offsetof(struct abi_stat, count), one);
	if (keep & ABI_KEEP_SUM)
		add_member(b, at, offsetof(struct abi_stat, sum), value);
}

static void add_to_scalar(struct build *b, const struct expr *e)
{
	const struct lang_variable *v = e->assign.left->symbol.variable;
	uint32_t keep = b->lower->effects.keep[v->index];
	uint32_t value = ir_lower_long(b, e->assign.right), at;

	if (!(keep & ~(ABI_KEEP_COUNT | ABI_KEEP_SUM))) {
		add_simple(b, v, keep, value);
		return;
	}
	at = ir_global_write(b, v);
	ir_emit_effect(b, "rt_stat_add", 3, ir_emit_number(b, IR_STATDESC, v->index), at, value);
}

void ir_statistic_add(struct build *b, const struct expr *e)
{
	const struct expr *left = e->assign.left;
	uint32_t value, map;
	struct keys k;

	if (left->kind != EXPR_INDEX) {
		add_to_scalar(b, e);
		return;
	}
	k = ir_lower_keys(b, &left->index.keys, e->assign.right);
	value = ir_lower_long(b, e->assign.right);
	map = ir_global_write(b, left->index.base->symbol.variable);
	ir_emit_effect(b, "rt_map_stat_add", 3, map, ir_key_array(b, &k), value);
	ir_emit_check(b, left->index.base->token);
}

/* ---- reading -------------------------------------------------------------------- */

uint32_t ir_statistic_address(struct build *b, const struct expr *of)
{
	struct keys k;
	uint32_t map;

	if (of->kind != EXPR_INDEX)
		return ir_global_read(b, of->symbol.variable);
	k = ir_lower_keys(b, &of->index.keys, NULL);
	map = ir_global_read(b, of->index.base->symbol.variable);
	return ir_emit_call(b, "rt_map_stat", IR_PURE, 2, map, ir_key_array(b, &k));
}

uint32_t ir_lower_statistic(struct build *b, const struct expr *e)
{
	const struct expr *of = e->stat.of;
	uint32_t at, desc, d;

	if (!ir_is_statistic(of))
		return ir_lower_unsupported(b, e);
	at = ir_statistic_address(b, of);
	if (of->kind != EXPR_INDEX && e->stat.op == STAT_COUNT)
		return ir_emit_load(b, at, offsetof(struct abi_stat, count), 8);
	if (of->kind != EXPR_INDEX && e->stat.op == STAT_SUM)
		return ir_emit_load(b, at, offsetof(struct abi_stat, sum), 8);
	desc = ir_emit_number(b, IR_STATDESC, base_of(of)->symbol.variable->index);
	d = ir_emit_call(b, "rt_stat_get", 0, 3, desc, at, ir_emit_const(b, e->stat.op));
	if (e->stat.op != STAT_COUNT && e->stat.op != STAT_SUM)
		ir_emit_check(b, e->token);
	return d;
}

/* @hist_...(x)[i] */
uint32_t ir_lower_bucket(struct build *b, const struct expr *e)
{
	const struct expr *hist = e->index.base, *of = hist->hist.of;
	uint32_t index, at, desc, d;

	if (!ir_is_statistic(of) || e->index.keys.list.n != 1)
		return ir_lower_unsupported(b, e);
	index = ir_lower_long(b, e->index.keys.list.p[0]);
	at = ir_statistic_address(b, of);
	desc = ir_emit_number(b, IR_STATDESC, base_of(of)->symbol.variable->index);
	d = ir_emit_call(b, "rt_stat_bucket", 0, 4, desc, ir_emit_const(b, hist->hist.hist), at,
			 index);
	ir_emit_check(b, hist->token);
	return d;
}
