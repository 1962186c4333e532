/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function, or one form of one handler, on its way to x86-64 code.
 *
 * Fixed registers:
 *	                  full, tool, function    inline
 *	slot              r14                     rax
 *	frame             r15                     (none)
 *	scratch, scratch2 rax, rcx                rdx, rcx
 *	division          rdx                     (none)
 * The rest is allocated.  scratch2 is rcx because shifts count in it.
 *
 * Machine stack of the full, tool and function forms:
 *	[rsp]             outgoing arguments beyond six
 *	[rsp + outgoing]  spill cells
 *	then what the prologue pushed
 */
#ifndef SPILE_GEN_X86_64_UNIT_H
#define SPILE_GEN_X86_64_UNIT_H

#include "gen/private.h"
#include "gen/x86_64_code.h"

enum unit_form { FORM_FUNCTION, FORM_TOOL, FORM_SITE, FORM_INLINE };

enum stub_kind { STUB_CHECK, STUB_CALLED, STUB_BUDGET, STUB_CALLF };

/* What a rarely taken branch does, behind everything else. */
struct unit_stub {
	enum stub_kind kind;
	uint32_t label; /* its own */
	uint32_t target; /* label to go on at */
	int64_t where;
	uint32_t result; /* CALLF: register that becomes 0 */
};

struct unit {
	struct gen *g;
	struct code *c;
	const struct ir_function *f;
	uint32_t function;
	struct gen_plan plan;
	enum unit_form form;
	enum bundle_variant variant;
	bool flags; /* they are live at the site */
	uint32_t slot, scratch, scratch2;
	/* machine registers: changed in this round; to be saved, known from the round before */
	uint32_t used, save;
	uint32_t outgoing, frame; /* bytes */
	uint32_t pushed; /* registers, in function and tool form */
	uint32_t exit; /* label of the epilogue */
	uint32_t next; /* block laid out behind the current one, or IR_NONE */
	bool falls_to_exit; /* the epilogue is behind the current block */
	int32_t saved_at[16]; /* inline: offset from rsp of a pushed register */
	VEC(struct unit_stub) stubs;
};

#define BIT(r) (1u << (r))
#define CALLER_SAVED                                                                              \
	(BIT(ABI_RAX) | BIT(ABI_RCX) | BIT(ABI_RDX) | BIT(ABI_RSI) | BIT(ABI_RDI) | BIT(ABI_R8) | \
	 BIT(ABI_R9) | BIT(ABI_R10) | BIT(ABI_R11))
#define SLOT_MEMBER(u, member) code_at((u)->slot, (int64_t)offsetof(struct abi_slot, member))
#define REGISTER_AT(r) ((int64_t)(offsetof(struct abi_slot, registers) + 8 * (size_t)(r)))

/* ---- values (x86_64_value.c) */
bool unit_constant(const struct unit *u, uint32_t v, int64_t *out);
bool unit_constant32(const struct unit *u, uint32_t v, int32_t *out);
/* A machine register that holds v; `scratch` when it has none. To be read only. */
uint32_t unit_use(struct unit *u, uint32_t v, uint32_t scratch);
void unit_load(struct unit *u, uint32_t v, uint32_t to);
/* What a cheap instruction computes, into `to`. */
void unit_materialize(struct unit *u, const struct ir_ins *ins, uint32_t to);
/* Where to compute v: its register or the scratch; then tell where it is. */
uint32_t unit_define(struct unit *u, uint32_t v);
void unit_defined(struct unit *u, uint32_t v, uint32_t in);
struct code_mem unit_spill_cell(const struct unit *u, uint32_t cell);
struct code_mem unit_address(struct unit *u, uint32_t v, int64_t offset, uint32_t scratch);
struct code_mem unit_shard(struct unit *u, uint32_t global, int64_t offset, uint32_t scratch);

/* ---- instructions (x86_64_select.c), calls (x86_64_call.c) */
/* Hot blocks are laid out in front of the epilogue, cold ones behind. */
void unit_blocks(struct unit *u, bool cold);
void unit_call(struct unit *u, const struct ir_ins *ins);
void unit_callf(struct unit *u, const struct ir_ins *ins);
void unit_parameters(struct unit *u);
void unit_stubs(struct unit *u);
uint32_t unit_outgoing(const struct ir_function *f);
/* The helpers of gen.raise and gen.called: NAME(slot, rax), every register but the scratch ones kept. */
void unit_emit_helpers(struct gen *g);

/* ---- forms */
void unit_init(struct unit *u, struct gen *g, uint32_t function, enum unit_form form,
	       enum bundle_variant variant);
/* Stores what a handler's body expects in the slot: budget, depth, frame, no error. */
void unit_prepare_slot(struct unit *u);
/* Calls rt_handler_end if there is something for it to do. */
void unit_end_handler(struct unit *u);
/* Emits round after round until saved registers and branches have settled. */
void unit_emit(struct unit *u, void (*round)(struct unit *u));
void unit_site_round(struct unit *u); /* x86_64_site.c */
/* Into its own bytes; false: too large, loops, calls or too many registers (x86_64_inline.c). */
bool unit_inline(struct gen *g, uint32_t function, enum bundle_variant variant,
		 struct bundle_inline *out);

#endif
