/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering of accesses to globals.
 *
 *		 in a target		in the tool
 *	TOOL	 -			base
 *	LOCKED	 base			base
 *	SHARDED	 this slot's shard	read: rt_view(); change: base, marked dirty
 */
#include "ir/build.h"

#include <stddef.h>

static bool is_sharded(const struct build *b, const struct lang_variable *v)
{
	return b->lower->effects.share[v->index] == ABI_SHARE_SHARDED;
}

/* abi_global.dirty = 1: what rt_view() has merged is out of date. */
static void mark_dirty(struct build *b, const struct lang_variable *v)
{
	uint32_t region = ir_emit_member(b, IR_SLOT, offsetof(struct abi_slot, region), 8);
	uint32_t globals =
		ir_emit_member(b, IR_REGION, offsetof(struct abi_region, globals_offset), 8);
	int64_t at = (int64_t)(v->index * sizeof(struct abi_global) +
			       offsetof(struct abi_global, dirty));
	uint32_t one = ir_emit_const(b, 1);

	ir_emit_store(b, ir_emit_binary(b, IR_ADD, region, globals), at, one, 8);
}

/* Putting arrays together fails when they do not fit in one. */
static uint32_t view(struct build *b, const struct lang_variable *v)
{
	uint32_t number = ir_emit_const(b, v->index), at;

	if (v->arity <= 0)
		return ir_emit_call(b, "rt_view", IR_PURE, 1, number);
	at = ir_emit_call(b, "rt_view", 0, 1, number);
	ir_emit_check(b, v->span);
	return at;
}

uint32_t ir_global_read(struct build *b, const struct lang_variable *v)
{
	if (!is_sharded(b, v))
		return ir_emit_number(b, IR_GLOBAL, v->index);
	if (b->function.context == CONTEXT_TARGET)
		return ir_emit_number(b, IR_SHARD, v->index);
	return view(b, v);
}

uint32_t ir_global_write(struct build *b, const struct lang_variable *v)
{
	if (!is_sharded(b, v))
		return ir_emit_number(b, IR_GLOBAL, v->index);
	if (b->function.context == CONTEXT_TARGET)
		return ir_emit_number(b, IR_SHARD, v->index);
	mark_dirty(b, v);
	return ir_emit_number(b, IR_GLOBAL, v->index);
}

/* ---- keys ----------------------------------------------------------------------- */

struct keys ir_lower_keys(struct build *b, const struct expr_list *list, const struct expr *later)
{
	struct keys k = { .n = list->list.n };

	k.registers = arena_array(b->lower->arena, uint32_t, k.n);
	for (uint32_t i = 0; i < k.n; i++) {
		const struct expr *e = list->list.p[i];
		uint32_t r;

		k.registers[i] = IR_NONE;
		if (!e) {
			k.mask |= 1ull << (i & 63);
			continue;
		}
		r = ir_lower_value(b, e);
		k.registers[i] = ir_hold_list(b, r, e, list, i + 1);
		if (k.registers[i] == r)
			k.registers[i] = ir_hold(b, r, e, later);
	}
	k.one_long = k.n == 1 && list->list.p[0] && list->list.p[0]->type != TYPE_STRING;
	return k;
}

uint32_t ir_key_array(struct build *b, const struct keys *k)
{
	uint32_t at = ir_emit_number(b, IR_FRAME, ir_frame_take(b, k->n * 8));

	for (uint32_t i = 0; i < k->n; i++)
		if (k->registers[i] != IR_NONE)
			ir_emit_store(b, at, i * 8, k->registers[i], 8);
	return at;
}

/* Address of the element's value, which is made if it is not there. */
uint32_t ir_element(struct build *b, const struct expr *index, const struct keys *k)
{
	const struct expr *base = index->index.base;
	uint32_t map = ir_global_write(b, base->symbol.variable), value;

	if (k->one_long)
		value = ir_emit_call(b, "rt_map_ref_long", 0, 2, map, k->registers[0]);
	else
		value = ir_emit_call(b, "rt_map_ref", 0, 2, map, ir_key_array(b, k));
	ir_emit_require(b, value, base->token);
	return value;
}

/* ---- delete --------------------------------------------------------------------- */

static void delete_element(struct build *b, const struct expr *e)
{
	struct keys k = ir_lower_keys(b, &e->index.keys, NULL);
	uint32_t map = ir_global_write(b, e->index.base->symbol.variable);
	uint32_t mask = ir_emit_const(b, (int64_t)k.mask);

	ir_emit_effect(b, "rt_map_delete", 3, map, ir_key_array(b, &k), mask);
}

static void delete_global(struct build *b, const struct lang_variable *v)
{
	uint32_t at = ir_global_write(b, v);

	if (v->arity > 0)
		ir_emit_effect(b, "rt_map_clear", 1, at);
	else if (v->type == TYPE_STATS)
		ir_emit_effect(b, "rt_stat_clear", 2, ir_emit_number(b, IR_STATDESC, v->index), at);
	else if (v->type == TYPE_STRING)
		ir_emit_empty_string(b, at);
	else
		ir_emit_store(b, at, 0, ir_emit_const(b, 0), 8);
}

void ir_lower_delete(struct build *b, const struct expr *e)
{
	const struct lang_variable *v;
	struct place *p;

	if (e->kind == EXPR_INDEX && e->index.base->kind == EXPR_SYMBOL) {
		delete_element(b, e);
		return;
	}
	if (e->kind != EXPR_SYMBOL) {
		ir_lower_unsupported(b, e);
		return;
	}
	v = e->symbol.variable;
	if (v->kind == VARIABLE_GLOBAL) {
		delete_global(b, v);
		return;
	}
	p = ir_place(b, v);
	if (p->is_buffer)
		ir_emit_empty_string(b, ir_place_buffer(b, p));
	else
		ir_emit_set(b, p->at, 0);
}
