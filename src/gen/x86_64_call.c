/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: of the runtime, by the System V convention with the slot in front, and of
 * script functions, by the same convention without it: up to six arguments in
 * registers, the rest on the stack, the result in rax, rbx rbp r12-r15 kept.
 * A script function takes its frame at slot.frame and gives it back.
 *
 * Arguments are placed as if all at once.  Registers are moved first, in an
 * order in which none is overwritten before it is read, cycles broken through rax;
 * what comes from memory or is computed follows, when nothing is read any more.
 */
#include "gen/x86_64_unit.h"

static const uint8_t argument_registers[] = { ABI_RDI, ABI_RSI, ABI_RDX, ABI_RCX, ABI_R8, ABI_R9 };
#define ARGUMENTS base_count(argument_registers)

struct move {
	uint32_t to, from;
};

static bool is_read(const struct move *moves, uint32_t n, uint32_t reg)
{
	for (uint32_t i = 0; i < n; i++)
		if (moves[i].from == reg)
			return true;
	return false;
}

static uint32_t find_safe(const struct move *moves, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_read(moves, n, moves[i].to))
			return i;
	return n;
}

/* Moves between registers, to be seen as simultaneous; all `to` differ, none is rax. */
static void move_all(struct unit *u, struct move *moves, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (moves[i].to != moves[i].from)
			moves[kept++] = moves[i];
	for (n = kept; n;) {
		uint32_t at = find_safe(moves, n);

		if (at == n) { /* only cycles are left */
			code_move(u->c, ABI_RAX, moves[0].to);
			for (uint32_t i = 0; i < n; i++)
				if (moves[i].from == moves[0].to)
					moves[i].from = ABI_RAX;
			at = 0;
		}
		code_move(u->c, moves[at].to, moves[at].from);
		u->used |= BIT(moves[at].to) | BIT(ABI_RAX);
		moves[at] = moves[--n];
	}
}

/* ---- the caller's side ------------------------------------------------------------- */

/* Arguments beyond the registers; `taken` registers are not theirs. */
static void pass_on_stack(struct unit *u, const struct ir_ins *ins, uint32_t taken)
{
	int32_t number;

	for (uint32_t i = (uint32_t)ARGUMENTS - taken; i < ins->n_args; i++) {
		struct code_mem to = code_at(ABI_RSP, 8 * (int64_t)(i + taken - ARGUMENTS));

		if (unit_constant32(u, ins->args[i], &number))
			code_store_number(u->c, 8, to, number);
		else
			code_rm(u->c, X_MOV, unit_use(u, ins->args[i], ABI_RAX), to);
	}
}

static void pass_in_registers(struct unit *u, const struct ir_ins *ins, uint32_t taken)
{
	uint32_t n_registers = base_min(ins->n_args, (uint32_t)ARGUMENTS - taken), n = 0;
	struct move moves[ARGUMENTS];

	for (uint32_t i = 0; i < n_registers; i++) {
		const struct gen_place *p = &u->plan.places[ins->args[i]];

		if (p->kind == PLACE_REGISTER)
			moves[n++] = (struct move){ argument_registers[i + taken], p->number };
	}
	move_all(u, moves, n);
	for (uint32_t i = 0; i < n_registers; i++)
		if (u->plan.places[ins->args[i]].kind != PLACE_REGISTER)
			unit_load(u, ins->args[i], argument_registers[i + taken]);
}

static void take_result(struct unit *u, const struct ir_ins *ins)
{
	u->used |= CALLER_SAVED;
	if (ins->d != IR_NONE)
		unit_defined(u, ins->d, ABI_RAX);
}

void unit_call(struct unit *u, const struct ir_ins *ins)
{
	uint32_t embedded = gen_embedded_entry(u->g, ins->name);

	pass_on_stack(u, ins, 1);
	pass_in_registers(u, ins, 1);
	code_move(u->c, ABI_RDI, u->slot);
	if (embedded)
		code_call_code(u->c, embedded);
	else
		code_call_runtime(u->c, bundle_runtime_symbol(u->g->b, ins->name));
	take_result(u, ins);
}

/* Would the callee's frame end outside the slot's frame area? */
static void check_frame(struct unit *u, uint32_t callee, uint32_t stub)
{
	const struct gen *g = u->g;

	code_rm(u->c, X_LOAD, ABI_RAX, SLOT_MEMBER(u, frame));
	code_rr(u->c, X_SUB, u->slot, ABI_RAX);
	code_rm(u->c, X_LOAD, ABI_RCX, SLOT_MEMBER(u, region));
	code_rm(u->c, OP_W | 0x2b, ABI_RAX,
		code_at(ABI_RCX, offsetof(struct abi_region, frame_offset)));
	code_alu_number(u->c, EXT_ADD, ABI_RAX, (int32_t)g->m->functions.p[callee]->frame_size);
	code_alu_number(u->c, EXT_CMP, ABI_RAX, (int32_t)g->b->frame_size);
	code_jcc(u->c, CC_A, stub);
}

void unit_callf(struct unit *u, const struct ir_ins *ins)
{
	uint32_t stub = code_label(u->c), resume = code_label(u->c), callee = (uint32_t)ins->i;

	vec_push(u->g->arena, &u->stubs,
		 (struct unit_stub){ STUB_CALLF, stub, resume, ins->t, ins->d });
	code_alu_number_mem(u->c, EXT_SUB, 0, SLOT_MEMBER(u, depth), 1);
	code_jcc(u->c, CC_B, stub);
	if (u->g->check_frames)
		check_frame(u, callee, stub);
	pass_on_stack(u, ins, 0);
	pass_in_registers(u, ins, 0);
	code_u8(u->c, 0xe8);
	vec_push(u->g->arena, &u->g->calls, (struct gen_call){ u->c->n, callee });
	code_u32(u->c, 0);
	code_alu_number_mem(u->c, EXT_ADD, 0, SLOT_MEMBER(u, depth), 1);
	take_result(u, ins);
	code_place(u->c, resume);
}

uint32_t unit_outgoing(const struct ir_function *f)
{
	uint32_t most = 0;

	vec_each(b, &f->blocks)
		vec_each(ins, &b->ins) {
			if (ins->op == IR_CALL || ins->op == IR_CALLF)
				most = base_max(most, ins->n_args + (ins->op == IR_CALL));
		}
	return most > ARGUMENTS ? (most - (uint32_t)ARGUMENTS) * 8 : 0;
}

/* ---- the callee's side ---------------------------------------------------------------- */

static void take_from_stack(struct unit *u, uint32_t parameter)
{
	const struct gen_place *p = &u->plan.places[parameter];
	int64_t at = (int64_t)u->frame + 8 * (int64_t)u->pushed + 8 +
		     8 * (int64_t)(parameter - ARGUMENTS);
	uint32_t to = unit_define(u, parameter);

	if (p->kind == PLACE_NONE)
		return;
	code_rm(u->c, X_LOAD, to, code_at(ABI_RSP, at));
	unit_defined(u, parameter, to);
}

void unit_parameters(struct unit *u)
{
	uint32_t in_registers = base_min(u->f->n_parameters, (uint32_t)ARGUMENTS), n = 0;
	struct move moves[ARGUMENTS];

	for (uint32_t i = 0; i < in_registers; i++) {
		const struct gen_place *p = &u->plan.places[i];

		if (p->kind == PLACE_SPILL)
			unit_defined(u, i, argument_registers[i]);
		else if (p->kind == PLACE_REGISTER)
			moves[n++] = (struct move){ p->number, argument_registers[i] };
	}
	for (uint32_t i = 0; i < n; i++)
		u->used |= BIT(moves[i].to);
	move_all(u, moves, n);
	for (uint32_t i = in_registers; i < u->f->n_parameters; i++)
		take_from_stack(u, i);
}

/* ---- rarely taken ways ------------------------------------------------------------------- */

static uint32_t emit_helper(struct gen *g, const char *label, const char *runtime)
{
	static const uint8_t kept[] = { ABI_RSI, ABI_RDI, ABI_R8, ABI_R9, ABI_R10, ABI_R11 };
	struct code *c = g->code;
	uint32_t start;

	code_align(c, 16, 0xcc);
	start = c->n;
	vec_push(g->arena, &g->labels, (struct gen_label){ c->n, label });
	for (uint32_t i = 0; i < base_count(kept); i++)
		code_push(c, kept[i]);
	code_alu_number(c, EXT_SUB, ABI_RSP, 8); /* calls find the stack aligned */
	code_move(c, ABI_RDI, ABI_R14);
	code_move(c, ABI_RSI, ABI_RAX);
	code_call_runtime(c, bundle_runtime_symbol(g->b, runtime));
	code_alu_number(c, EXT_ADD, ABI_RSP, 8);
	for (uint32_t i = base_count(kept); i-- > 0;)
		code_pop(c, kept[i]);
	code_u8(c, 0xc3);
	return start;
}

void unit_emit_helpers(struct gen *g)
{
	bool calls = false;

	g->raise = emit_helper(g, "raise", "rt_raise");
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		calls |= g->facts[i].callf;
	if (calls)
		g->called = emit_helper(g, "called", "rt_called_from");
}

static void help(struct unit *u, uint32_t helper, int64_t number)
{
	code_number(u->c, ABI_RAX, number);
	code_call_code(u->c, helper);
	u->used |= CALLER_SAVED; /* the helper keeps them, but for rcx and rdx */
}

static void set_where(struct unit *u, int64_t where)
{
	code_store_number(u->c, 4, SLOT_MEMBER(u, where), (int32_t)where);
}

static void emit_stub(struct unit *u, const struct unit_stub *s)
{
	code_place(u->c, s->label);
	if (s->kind == STUB_CHECK) {
		set_where(u, s->where);
	} else if (s->kind == STUB_CALLED) {
		help(u, u->g->called, s->where);
	} else if (s->kind == STUB_BUDGET) {
		help(u, u->g->raise, 1);
	} else {
		code_alu_number_mem(u->c, EXT_ADD, 0, SLOT_MEMBER(u, depth), 1);
		help(u, u->g->raise, 2);
		set_where(u, s->where);
		if (s->result != IR_NONE) {
			code_number(u->c, ABI_RAX, 0);
			unit_defined(u, s->result, ABI_RAX);
		}
	}
	code_jump(u->c, s->target);
}

void unit_stubs(struct unit *u)
{
	vec_each(s, &u->stubs)
		emit_stub(u, s);
}
