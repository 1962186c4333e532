/* SPDX-License-Identifier: Apache-2.0 */
/* Values and places of one unit: how virtual registers are read and written. */
#include "gen/x86_64_unit.h"

bool unit_constant(const struct unit *u, uint32_t v, int64_t *out)
{
	const struct gen_place *p = &u->plan.places[v];

	if (p->kind != PLACE_VALUE || p->value->op != IR_CONST)
		return false;
	*out = p->value->i;
	return true;
}

bool unit_constant32(const struct unit *u, uint32_t v, int32_t *out)
{
	int64_t wide;

	if (!unit_constant(u, v, &wide) || wide != (int32_t)wide)
		return false;
	*out = (int32_t)wide;
	return true;
}

struct code_mem unit_spill_cell(const struct unit *u, uint32_t cell)
{
	return code_at(ABI_RSP, (int64_t)u->outgoing + 8 * (int64_t)cell);
}

struct code_mem unit_shard(struct unit *u, uint32_t global, int64_t offset, uint32_t scratch)
{
	int64_t at = (int64_t)u->g->b->globals.p[global].layout.shard_offset + offset;

	if (at == (int32_t)at)
		return code_at(u->slot, at);
	u->used |= BIT(scratch);
	code_number(u->c, scratch, at);
	code_rr(u->c, X_ADD, u->slot, scratch);
	return code_at(scratch, 0);
}

/* A register of the target, from where the prologue left it. */
static void load_target(struct unit *u, uint32_t reg, uint32_t to)
{
	bool is_inline = u->form == FORM_INLINE;

	if (is_inline && reg == ABI_RSP) {
		code_rm(u->c, X_LEA, to, code_at(ABI_RSP, u->saved_at[ABI_RSP]));
	} else if (is_inline && !(u->save & BIT(reg))) {
		code_move(u->c, to, reg);
	} else if (is_inline) {
		code_rm(u->c, X_LOAD, to, code_at(ABI_RSP, u->saved_at[reg]));
	} else if (reg == ABI_RIP) {
		code_rm(u->c, X_LOAD, to, SLOT_MEMBER(u, site));
		code_rm(u->c, X_LOAD, to, code_at(to, offsetof(struct abi_site, pc)));
	} else {
		code_rm(u->c, X_LOAD, to, code_at(u->slot, REGISTER_AT(reg)));
	}
}

/* Where rsp was when the trampoline came to this handler: the frame lies from there upwards. */
static void load_inserted(struct unit *u, int64_t offset, uint32_t to)
{
	int64_t adjust = bundle_sp_adjust(u->variant);

	if (u->form == FORM_INLINE) {
		code_rm(u->c, X_LEA, to, code_at(ABI_RSP, u->saved_at[ABI_RSP] + offset));
		return;
	}
	code_rm(u->c, X_LOAD, to, SLOT_MEMBER(u, saved_sp));
	code_rm(u->c, X_LEA, to, code_at(to, adjust + offset));
}

static void load_code_address(struct unit *u, uint32_t offset, uint32_t to)
{
	code_rm(u->c, X_LEA, to, code_at(CODE_RIP, offset));
}

static void load_shard(struct unit *u, uint32_t global, uint32_t to)
{
	struct code_mem m = unit_shard(u, global, 0, to);

	if (m.base != to)
		code_rm(u->c, X_LEA, to, m);
}

void unit_materialize(struct unit *u, const struct ir_ins *ins, uint32_t to)
{
	const struct gen *g = u->g;

	u->used |= BIT(to);
	if (ins->op == IR_CONST)
		code_number(u->c, to, ins->i);
	else if (ins->op == IR_FRAME)
		code_address_of(u->c, to, code_at(ABI_R15, ins->i));
	else if (ins->op == IR_GLOBAL)
		code_address(u->c, to, RELOC_REGION_ABS64,
			     (int64_t)g->b->globals.p[ins->i].layout.base_offset);
	else if (ins->op == IR_SHARD)
		load_shard(u, (uint32_t)ins->i, to);
	else if (ins->op == IR_INSERTED)
		load_inserted(u, ins->i, to);
	else if (ins->op == IR_TARGET)
		load_target(u, (uint32_t)ins->i, to);
	else if (ins->op == IR_STRING)
		load_code_address(u, g->strings[ins->i], to);
	else if (ins->op == IR_STATDESC)
		load_code_address(u, g->statdescs[ins->i], to);
	else if (ins->op == IR_FORMAT)
		load_code_address(u, g->formats[ins->i], to);
	else if (ins->op == IR_REGEX)
		load_code_address(u, g->regexes[ins->i], to);
	else if (ins->op == IR_LOCKS)
		load_code_address(u, g->locks[u->function], to);
	else
		base_unreachable();
}

void unit_load(struct unit *u, uint32_t v, uint32_t to)
{
	const struct gen_place *p = &u->plan.places[v];

	u->used |= BIT(to);
	if (p->kind == PLACE_REGISTER)
		code_move(u->c, to, p->number);
	else if (p->kind == PLACE_SPILL)
		code_rm(u->c, X_LOAD, to, unit_spill_cell(u, p->number));
	else if (p->kind == PLACE_VALUE)
		unit_materialize(u, p->value, to);
	else
		code_number(u->c, to, 0); /* never written: any value will do */
}

/* The target's register itself still holds its value. */
static bool is_untouched_target(const struct unit *u, const struct gen_place *p)
{
	return u->form == FORM_INLINE && p->kind == PLACE_VALUE && p->value->op == IR_TARGET &&
	       p->value->i != ABI_RSP && !(u->save & BIT(p->value->i));
}

uint32_t unit_use(struct unit *u, uint32_t v, uint32_t scratch)
{
	const struct gen_place *p = &u->plan.places[v];

	if (p->kind == PLACE_REGISTER)
		return p->number;
	if (is_untouched_target(u, p))
		return (uint32_t)p->value->i;
	unit_load(u, v, scratch);
	return scratch;
}

uint32_t unit_define(struct unit *u, uint32_t v)
{
	const struct gen_place *p = &u->plan.places[v];
	uint32_t reg = p->kind == PLACE_REGISTER ? p->number : u->scratch;

	u->used |= BIT(reg);
	return reg;
}

void unit_defined(struct unit *u, uint32_t v, uint32_t in)
{
	const struct gen_place *p = &u->plan.places[v];

	if (p->kind == PLACE_REGISTER) {
		u->used |= BIT(p->number);
		code_move(u->c, p->number, in);
	} else if (p->kind == PLACE_SPILL) {
		code_rm(u->c, X_MOV, in, unit_spill_cell(u, p->number));
	}
}

struct code_mem unit_address(struct unit *u, uint32_t v, int64_t offset, uint32_t scratch)
{
	const struct gen_place *p = &u->plan.places[v];

	if (p->kind == PLACE_VALUE && p->value->op == IR_FRAME)
		return code_at(ABI_R15, p->value->i + offset);
	if (p->kind == PLACE_VALUE && p->value->op == IR_INSERTED && u->form == FORM_INLINE)
		return code_at(ABI_RSP, u->saved_at[ABI_RSP] + p->value->i + offset);
	if (p->kind == PLACE_VALUE && p->value->op == IR_SHARD)
		return unit_shard(u, (uint32_t)p->value->i, offset, scratch);
	return code_at(unit_use(u, v, scratch), offset);
}
