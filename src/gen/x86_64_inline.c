/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline form: a short handler without calls and loops, copied into the
 * trampoline of every site.
 *
 *	[lea -128(%rsp),%rsp]       GENERIC: past the red zone
 *	push rax
 *	[lahf; seto %al; push rax]  GENERIC, RETURN
 *	push rcx, push what the body changes
 *	look the slot up; on a hit:  je hit
 *	    call *miss; jmp found; the two literals
 *	hit: found: body, on rax = slot
 *	pops, and out at the end
 *
 * The usual way takes one jump, over the unusual one.  The busy flag is not
 * looked at: single instructions on the slot's own shard need no guard.
 */
#include "gen/x86_64_unit.h"

#include <string.h>

#define INS_MOST 48u
#define BYTES_MOST 256u

static bool is_simple(const struct ir_function *f, const struct ir_ins *ins)
{
	if (ins->op == IR_TARGET)
		return ins->i < 16 && !(f->at_return && ins->i == ABI_RSP);
	return ins->op != IR_DIV && ins->op != IR_MOD && ins->op != IR_FRAME &&
	       ins->op != IR_SITE && ins->op != IR_LOCKS && ins->op != IR_STRING &&
	       ins->op != IR_STATDESC && ins->op != IR_FORMAT && ins->op != IR_REGEX && ins->op != IR_CHECK;
}

static bool is_candidate(const struct gen_facts *facts, const struct gen_plan *p)
{
	if (facts->calls || facts->site || p->has_loop || p->n_ins > INS_MOST || p->n_spills)
		return false;
	for (uint32_t i = 0; i < p->n_order; i++)
		vec_each(ins, &p->f->blocks.p[p->order[i]].ins)
			if (!is_simple(p->f, ins))
				return false;
	return true;
}

static void push(struct unit *u, uint32_t reg, int32_t *depth)
{
	code_push(u->c, reg);
	*depth += 8;
	u->saved_at[reg] = *depth; /* from the rsp of the start, for now */
}

static void push_all(struct unit *u)
{
	int32_t depth = 0;

	if (u->variant == VARIANT_GENERIC)
		code_rm(u->c, X_LEA, ABI_RSP, code_at(ABI_RSP, -128));
	push(u, ABI_RAX, &depth);
	if (u->flags) {
		code_bytes(u->c, "\x9f\x0f\x90\xc0", 4); /* lahf; seto %al */
		code_push(u->c, ABI_RAX);
		depth += 8;
	}
	push(u, ABI_RCX, &depth);
	for (uint32_t r = ABI_RDX; r < 16; r++)
		if (u->save & BIT(r) && r != ABI_RSP)
			push(u, r, &depth);
	for (uint32_t r = 0; r < 16; r++)
		u->saved_at[r] = depth - u->saved_at[r];
	u->saved_at[ABI_RSP] = depth + (u->variant == VARIANT_GENERIC ? 128 : 0);
}

static void pop_all(struct unit *u)
{
	for (uint32_t r = 16; r-- > ABI_RDX;)
		if (u->save & BIT(r) && r != ABI_RSP)
			code_pop(u->c, r);
	code_pop(u->c, ABI_RCX);
	if (u->flags) {
		code_pop(u->c, ABI_RAX);
		code_bytes(u->c, "\x04\x7f\x9e", 3); /* add $0x7f,%al; sahf */
	}
	code_pop(u->c, ABI_RAX);
	if (u->variant == VARIANT_GENERIC)
		code_rm(u->c, X_LEA, ABI_RSP, code_at(ABI_RSP, 128));
}

/* An instruction on a literal that is not placed yet: disp32 to be filled by place_literal. */
static uint32_t with_literal(struct unit *u, const char *opcode, uint32_t size)
{
	code_bytes(u->c, opcode, size);
	code_u32(u->c, 0);
	return u->c->n;
}

static void place_literal(struct unit *u, uint32_t end, uint32_t kind, uint32_t symbol)
{
	uint32_t distance = u->c->n - end;

	memcpy(u->c->p + end - 4, &distance, sizeof distance);
	code_reloc(u->c, kind, symbol, 0);
	code_u64(u->c, 0);
}

static void find_slot(struct unit *u)
{
	struct code *c = u->c;
	uint32_t hit = code_label(c), found = code_label(c), table, miss;

	code_thread_pointer(c);
	code_unary(c, EXT_NOT, ABI_RCX);
	code_table_offset(c);
	table = with_literal(u, "\x48\x03\x05", 3); /* add table(%rip),%rax */
	code_rm(c, X_CMP, ABI_RCX, code_at(ABI_RAX, offsetof(struct abi_table_entry, key)));
	code_jcc(c, CC_E, hit);
	miss = with_literal(u, "\xff\x15", 2); /* call *miss(%rip) */
	code_jump(c, found);
	place_literal(u, table, RELOC_TABLE_ABS64, 0);
	place_literal(u, miss, RELOC_RUNTIME_ABS64, bundle_runtime_symbol(u->g->b, "rt_slot_miss"));
	code_place(c, hit);
	code_rm(c, X_LOAD, ABI_RAX, code_at(ABI_RAX, offsetof(struct abi_table_entry, slot)));
	code_place(c, found);
	code_rr(c, X_TEST, ABI_RAX, ABI_RAX);
	code_jcc(c, CC_E, u->exit);
}

/* Nothing is counted behind the exit() of a handler. Where only the tool ends the session it does not matter which hit is the last. */
static void check_state(struct unit *u)
{
	struct code *c = u->c;

	code_rm(c, X_LOAD, ABI_RCX, code_at(ABI_RAX, offsetof(struct abi_slot, region)));
	code_alu_number_mem(c, EXT_CMP, 0, code_at(ABI_RCX, offsetof(struct abi_region, state)),
			    (int32_t)ABI_STATE_RUNNING);
	code_jcc(c, CC_NE, u->exit);
}

static void inline_round(struct unit *u)
{
	push_all(u);
	find_slot(u);
	if (u->g->ends)
		check_state(u);
	unit_blocks(u, false);
	if (u->plan.n_hot < u->plan.n_order)
		code_jump(u->c, u->exit);
	unit_blocks(u, true);
	code_place(u->c, u->exit);
	pop_all(u);
	u->used |= BIT(ABI_RAX) | BIT(ABI_RCX);
}

bool unit_inline(struct gen *g, uint32_t function, enum bundle_variant variant,
		 struct bundle_inline *out)
{
	struct unit u;

	unit_init(&u, g, function, FORM_INLINE, variant);
	if (!is_candidate(&g->facts[function], &u.plan))
		return false;
	u.c = code_create(g->arena);
	unit_emit(&u, inline_round);
	if (u.c->n > BYTES_MOST)
		return false;
	g->b->handlers.p[g->handlers[function]].clobbers |= u.used;
	*out = (struct bundle_inline){ .bytes = u.c->p, .size = u.c->n };
	vec_each(r, &u.c->relocs)
		vec_push(g->arena, &out->relocs, *r);
	return true;
}
