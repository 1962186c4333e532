/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full form of a handler: from a trampoline, on the target's stack, with the
 * target's registers, to a body that runs on the target's stack or, where that is
 * too small (Go), on the slot's; and back.
 *
 *	target's stack        pushed by
 *	  site number         the trampoline
 *	  return address      the trampoline's call
 *	  rax, rcx            the prologue
 *	  flags (not ENTRY)   the prologue: ah as lahf gives it, al the overflow flag
 *	  <- slot.saved_sp
 *
 * Nothing of the slot is relied on that was written before `busy` was set, and
 * nothing is read back after it is cleared: a signal in between may bring another
 * hit of this thread.  saved_sp is written on both sides of `busy`: rt_slot_busy
 * must never see a busy slot with the saved_sp of an earlier hit.  rsp changes in
 * one instruction, so that a signal always finds a good stack.  The other
 * registers are kept in slot.registers, where the body finds what it wants to
 * know of the target.
 */
#include "gen/x86_64_unit.h"

#define SAVED_AT(u, r) code_at((u)->slot, REGISTER_AT(r))

/* Offsets from rsp once the prologue has pushed. */
struct entry_stack {
	int32_t flags, rcx, rax, number, target;
};

static struct entry_stack entry_stack(const struct unit *u)
{
	int32_t at = u->flags ? 8 : 0;

	return (struct entry_stack){
		.flags = 0,
		.rcx = at,
		.rax = at + 8,
		.number = at + 24,
		.target = bundle_sp_adjust(u->variant),
	};
}

/* rax: the slot; or to `leave`. rcx is lost. */
static void find_slot(struct unit *u, uint32_t leave, uint32_t miss, uint32_t found)
{
	struct code *c = u->c;

	code_thread_pointer(c);
	code_unary(c, EXT_NOT, ABI_RCX);
	code_table_offset(c);
	code_rm(c, X_ADD_FROM, ABI_RAX, code_at(CODE_RIP, u->g->table_literal));
	code_rm(c, X_CMP, ABI_RCX, code_at(ABI_RAX, offsetof(struct abi_table_entry, key)));
	code_jcc(c, CC_NE, miss);
	code_rm(c, X_LOAD, ABI_RAX, code_at(ABI_RAX, offsetof(struct abi_table_entry, slot)));
	code_place(c, found);
	code_rr(c, X_TEST, ABI_RAX, ABI_RAX);
	code_jcc(c, CC_E, leave);
}

/* Marks the slot busy, unless it is or the session is not running. */
static void enter_slot(struct unit *u, uint32_t leave, uint32_t busy, uint32_t run)
{
	struct code *c = u->c;

	code_alu_number_mem(c, EXT_CMP, 0, code_at(ABI_RAX, offsetof(struct abi_slot, busy)), 0);
	code_jcc(c, CC_NE, busy);
	code_place(c, run);
	code_rm(c, X_LOAD, ABI_RCX, code_at(ABI_RAX, offsetof(struct abi_slot, region)));
	code_alu_number_mem(c, EXT_CMP, 0, code_at(ABI_RCX, offsetof(struct abi_region, state)),
			    (int32_t)ABI_STATE_RUNNING);
	code_jcc(c, CC_NE, leave);
	code_rm(c, X_MOV, ABI_RSP, code_at(ABI_RAX, offsetof(struct abi_slot, saved_sp)));
	code_store_number(c, 4, code_at(ABI_RAX, offsetof(struct abi_slot, busy)), 1);
	code_rm(c, X_MOV, ABI_RSP, code_at(ABI_RAX, offsetof(struct abi_slot, saved_sp)));
}

static uint32_t wanted(const struct unit *u)
{
	const struct gen_facts *facts = &u->g->facts[u->function];

	return facts->all_registers ? ~0u : facts->targets;
}

static uint32_t clobbered(const struct unit *u)
{
	uint32_t edges = BIT(ABI_RAX) | BIT(ABI_RCX) | BIT(ABI_RSP);

	return ((u->save | BIT(ABI_R14) | BIT(ABI_R15)) & 0xffff) & ~edges;
}

static void keep_flags(struct unit *u, const struct entry_stack *s)
{
	struct code *c = u->c;

	if (u->flags) {
		code_rm(c, X_MOVZX8, ABI_R15, code_at(ABI_RSP, s->flags));
		code_shift_number(c, EXT_SHL, ABI_R15, 11);
		code_rm(c, X_MOVZX8, ABI_RCX, code_at(ABI_RSP, s->flags + 1));
		code_rr(c, X_OR, ABI_RCX, ABI_R15);
		code_alu_number(c, EXT_OR, ABI_R15, 0x202);
	} else {
		code_number(c, ABI_R15, 0x202); /* a function's entry: dead */
	}
	code_rm(c, X_MOV, ABI_R15, SAVED_AT(u, ABI_RFLAGS));
}

/* rax: the slot. Afterwards r14 is, and r15 and rcx are free. */
static void keep_registers(struct unit *u)
{
	struct entry_stack s = entry_stack(u);
	uint32_t keep = clobbered(u) | wanted(u);
	const struct {
		uint32_t reg, op;
		int32_t at;
	} edges[] = { { ABI_RAX, X_LOAD, s.rax },
		      { ABI_RCX, X_LOAD, s.rcx },
		      { ABI_RSP, X_LEA, s.target } };

	for (uint32_t r = 0; r < 16; r++)
		if (keep & BIT(r) & ~(BIT(ABI_RAX) | BIT(ABI_RCX) | BIT(ABI_RSP)))
			code_rm(u->c, X_MOV, r, code_at(ABI_RAX, REGISTER_AT(r)));
	code_move(u->c, ABI_R14, ABI_RAX);
	for (uint32_t i = 0; i < base_count(edges); i++)
		if (keep & BIT(edges[i].reg)) {
			code_rm(u->c, edges[i].op, ABI_R15, code_at(ABI_RSP, edges[i].at));
			code_rm(u->c, X_MOV, ABI_R15, SAVED_AT(u, edges[i].reg));
		}
	if (keep & BIT(ABI_RFLAGS))
		keep_flags(u, &s);
}

static void note_site(struct unit *u)
{
	struct entry_stack s = entry_stack(u);
	struct code *c = u->c;

	code_multiply_number_mem(c, ABI_R15, code_at(ABI_RSP, s.number), sizeof(struct abi_site));
	code_rm(c, X_LOAD, ABI_RCX, SLOT_MEMBER(u, process));
	code_rm(c, X_ADD_FROM, ABI_R15, code_at(ABI_RCX, offsetof(struct abi_process, sites)));
	code_rm(c, X_MOV, ABI_R15, SLOT_MEMBER(u, site));
	if (!u->f->at_return || !(wanted(u) & BIT(ABI_RSP)))
		return;
	code_rm(c, X_MOVSX32, ABI_RCX, code_at(ABI_R15, offsetof(struct abi_site, sp_adjust)));
	code_rm(c, X_ADD_FROM, ABI_RCX, SLOT_MEMBER(u, saved_sp));
	code_rm(c, X_MOV, ABI_RCX, SAVED_AT(u, ABI_RSP));
}

/*
 * Onto the stack that the body uses, the slot's own or (RELOC_OWN_STACK) on with the
 * target's; r15: the script frame.
 */
static void switch_stack(struct unit *u)
{
	struct code *c = u->c;
	uint32_t start;

	code_rm(c, X_LOAD, ABI_RCX, SLOT_MEMBER(u, region));
	start = c->n;
	code_reloc(c, RELOC_OWN_STACK, 0, 0);
	code_rm(c, X_LOAD, ABI_R15, code_at(ABI_RCX, offsetof(struct abi_region, stack_offset)));
	code_rm(c, X_ADD_FROM, ABI_R15, code_at(ABI_RCX, offsetof(struct abi_region, stack_size)));
	code_rr(c, X_ADD, u->slot, ABI_R15);
	c->relocs.p[c->relocs.n - 1].addend = c->n - start;
	if (u->frame)
		code_alu_number(c, EXT_SUB, ABI_R15, (int32_t)u->frame);
	code_move(c, ABI_RSP, ABI_R15);
	code_rm(c, X_LOAD, ABI_R15, code_at(ABI_RCX, offsetof(struct abi_region, frame_offset)));
	code_rr(c, X_ADD, u->slot, ABI_R15);
}

/* What the script wrote into rax and rcx goes to where the end takes them from. rcx is lost. */
static void rewrite_edges(struct unit *u)
{
	struct entry_stack s = entry_stack(u);

	code_rm(u->c, X_LOAD, ABI_RCX, code_at(ABI_RAX, REGISTER_AT(ABI_RCX)));
	code_rm(u->c, X_MOV, ABI_RCX, code_at(ABI_RSP, s.rcx));
	code_rm(u->c, X_LOAD, ABI_RCX, code_at(ABI_RAX, REGISTER_AT(ABI_RAX)));
	code_rm(u->c, X_MOV, ABI_RCX, code_at(ABI_RSP, s.rax));
}

static void leave_slot(struct unit *u)
{
	bool changes = u->g->facts[u->function].changes_registers;
	uint32_t restore = changes ? 0xffff & ~(BIT(ABI_RAX) | BIT(ABI_RCX) | BIT(ABI_RSP)) : clobbered(u);
	struct code *c = u->c;

	unit_end_handler(u);
	for (uint32_t r = 0; r < 16; r++)
		if ((restore & BIT(r)) && r != ABI_R14)
			code_rm(c, X_LOAD, r, SAVED_AT(u, r));
	code_move(c, ABI_RAX, ABI_R14);
	code_rm(c, X_LOAD, ABI_R14, code_at(ABI_RAX, REGISTER_AT(ABI_R14)));
	code_rm(c, X_LOAD, ABI_RSP, code_at(ABI_RAX, offsetof(struct abi_slot, saved_sp)));
	if (changes)
		rewrite_edges(u);
	code_store_number(c, 4, code_at(ABI_RAX, offsetof(struct abi_slot, busy)), 0);
}

static void pop_edges(struct unit *u)
{
	if (u->flags) {
		code_pop(u->c, ABI_RAX);
		/* add $0x7f,%al: overflow as it was; sahf: the others */
		code_bytes(u->c, "\x04\x7f\x9e", 3);
	}
	code_pop(u->c, ABI_RCX);
	code_pop(u->c, ABI_RAX);
	code_u8(u->c, 0xc3);
}

static void push_edges(struct unit *u)
{
	code_push(u->c, ABI_RAX);
	code_push(u->c, ABI_RCX);
	if (u->flags) {
		code_bytes(u->c, "\x9f\x0f\x90\xc0", 4); /* lahf; seto %al */
		code_push(u->c, ABI_RAX);
	}
}

static void rare_ways(struct unit *u, uint32_t leave, uint32_t miss, uint32_t found, uint32_t busy,
		      uint32_t run)
{
	struct code *c = u->c;

	code_place(c, miss);
	code_call_runtime(c, bundle_runtime_symbol(u->g->b, "rt_slot_miss"));
	code_jump(c, found);
	code_place(c, busy);
	code_move(c, ABI_RCX, ABI_RSP);
	code_push(c, ABI_RAX);
	code_call_runtime(c, bundle_runtime_symbol(u->g->b, "rt_slot_busy"));
	code_rr(c, X_TEST, ABI_RAX, ABI_RAX);
	code_pop(c, ABI_RAX);
	code_jcc(c, CC_NE, run);
	code_jump(c, leave);
}

void unit_site_round(struct unit *u)
{
	uint32_t leave = code_label(u->c), miss = code_label(u->c), found = code_label(u->c);
	uint32_t busy = code_label(u->c), run = code_label(u->c);

	u->frame = base_align(u->plan.n_spills * 8 + u->outgoing, 16u);
	push_edges(u);
	find_slot(u, leave, miss, found);
	enter_slot(u, leave, busy, run);
	keep_registers(u);
	if (u->g->facts[u->function].site)
		note_site(u);
	switch_stack(u);
	unit_prepare_slot(u);
	unit_blocks(u, false);
	code_place(u->c, u->exit);
	leave_slot(u);
	code_place(u->c, leave);
	pop_edges(u);
	unit_blocks(u, true);
	unit_stubs(u);
	rare_ways(u, leave, miss, found, busy, run);
	if (u->g->facts[u->function].calls)
		u->used |= CALLER_SAVED;
}
