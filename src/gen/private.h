/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of gen share: one translation under way (struct gen), the
 * places of virtual registers, facts about functions.
 */
#ifndef SPILE_GEN_PRIVATE_H
#define SPILE_GEN_PRIVATE_H

#include "gen/gen.h"

/* ---- facts about functions (facts.c) ------------------------------------------- */

/* What a function, and whatever it calls, does. Decides what a handler's edges must prepare. */
struct gen_facts {
	bool calls; /* runtime functions */
	bool callf; /* script functions */
	bool fails; /* may leave an error: rt_handler_end reports it */
	bool publishes; /* may print or hold locks: rt_handler_end is always due */
	bool all_registers; /* calls something that may read any register of the target */
	bool changes_registers; /* calls something that writes them */
	bool site; /* needs slot->site */
	bool budget;
	bool effects; /* does anything at all */
	bool ends; /* the session: exit(), abort(), error() */
	uint32_t targets; /* bit per register read by TARGET; RIP and RFLAGS included */
	uint64_t path_frame; /* bytes of script frames of the deepest chain, without recursion */
	uint64_t path_calls; /* functions in the longest chain */
};

/* ---- places of virtual registers (order.c, live.c, allocate.c) ------------------- */

enum gen_place_kind {
	PLACE_NONE, /* never read: results are dropped */
	PLACE_REGISTER, /* number: machine register */
	PLACE_SPILL, /* number: 8-byte cell of the machine stack frame */
	PLACE_VALUE, /* one cheap definition, repeated at each use: value */
	PLACE_FUSED, /* part of a larger machine instruction */
};
struct gen_place {
	uint32_t kind, number;
	const struct ir_ins *value;
};

/* Machine registers to allocate, in order of preference. */
struct gen_machine {
	const uint8_t *caller_saved, *callee_saved; /* lost and kept by calls */
	uint32_t n_caller_saved, n_callee_saved;
};

/* First and last moment of a register's life; instruction k reads at 2k and writes at 2k + 1. */
struct gen_interval {
	uint32_t start, end;
};

struct gen_plan {
	const struct ir_function *f;
	uint32_t *order; /* reachable blocks as they are laid out: entry, hot, cold */
	uint32_t n_order, n_hot;
	bool has_loop; /* a branch to a block not behind it */
	uint32_t *reads, *writes; /* per virtual register: number of instructions */
	const struct ir_ins **writer; /* the last one */
	struct gen_place *places;
	struct gen_interval *intervals; /* start > end: never alive */
	uint32_t *first; /* per position in order: number of the block's first instruction */
	uint32_t n_ins;
	uint32_t *calls_before; /* per instruction number: calls in front of it */
	uint32_t n_spills;
	uint32_t used; /* machine registers given out, a bit each */
	bool changes_registers; /* TARGET is read where it stands */
};

/* Calls visit for every register an instruction reads. */
typedef void gen_visit(void *user, uint32_t reg);
void gen_each_read(const struct ir_ins *ins, gen_visit *visit, void *user);
/* The register it writes, or IR_NONE. */
uint32_t gen_written(const struct ir_ins *ins);
/* Only its result matters. */
bool gen_is_pure(const struct ir_ins *ins);
bool gen_is_compare(uint32_t op);

/* Orders blocks, counts, and decides which registers are values or fused. */
void gen_plan_order(struct arena *a, const struct ir_function *f, struct gen_plan *p);
/* Requires an ordered plan; fills intervals. */
void gen_plan_live(struct arena *a, struct gen_plan *p);
/* Requires intervals; fills places of what is neither value nor fused. */
void gen_plan_allocate(struct gen_plan *p, const struct gen_machine *m);

/*
 * x = load [a + i]; y = x op z; store [a + i] = y with nothing between: the
 * instruction `op z, i(a)`. at: index of the load; false if it is not one.
 */
struct gen_update {
	const struct ir_ins *load, *arithmetic, *store;
	uint32_t operand; /* z */
	uint32_t last; /* index of the store */
};
bool gen_find_update(const struct gen_plan *p, const struct ir_block *b, uint32_t at,
		     struct gen_update *out);
/* The comparison at index `at` feeds only the branch behind it. */
bool gen_feeds_branch(const struct gen_plan *p, const struct ir_block *b, uint32_t at);

/* ---- one translation ----------------------------------------------------------------- */

struct code;

struct gen_call {
	uint32_t offset; /* of a rel32 in the code */
	uint32_t function;
};

struct gen {
	struct arena *arena;
	const struct ir_module *m;
	const struct gen_limits *limits;
	struct bundle *b;
	struct code *code; /* what becomes bundle.code */
	struct gen_facts *facts; /* per function */
	/* offsets in code; 0: none */
	uint32_t *strings, *formats, *regexes, *statdescs, *locks;
	uint32_t embedded; /* offset in code of limits->embedded */
	uint32_t table_literal; /* 8 bytes: address of the slot table */
	uint32_t *functions; /* script functions, once emitted */
	uint32_t raise, called; /* helpers: rt_raise, rt_called_from that keep caller-saved registers */
	uint32_t *handlers; /* per function: index in bundle.handlers, IR_NONE */
	VEC(struct gen_call) calls;
	bool check_frames; /* deep recursion could leave the frame area */
	bool ends; /* a handler in the target may call one of them: short ones stop there as well */
	uint32_t max_stack; /* largest machine stack frame of any function or handler */
	struct map *texts; /* interned abi_strings */
	/* for the listing */
	VEC(struct gen_label {
		uint32_t offset;
		const char *name;
	}) labels;
	VEC(const char *) inline_names;
};

/* Bytes of a string buffer: head, text, NUL, rounded. */
uint32_t gen_string_size(const struct gen *g);
/* Globals, shards and frames: everything of the region that does not depend on code. */
void gen_layout(struct gen *g);
/* Offset in code of a piece of embedded C; 0: it is a runtime function. */
uint32_t gen_embedded_entry(const struct gen *g, const char *name);
/* Literals, formats, lock lists, descriptions, at the front of the code. */
void gen_constants(struct gen *g);
/* Offset of an abi_string in the code, made if new; 0 for NULL. Only while constants are made. */
uint32_t gen_text(struct gen *g, const char *text, size_t length);
/* bundle.probes and sites, without their handlers' code. */
void gen_probes(struct gen *g);
void gen_facts(struct gen *g);
void gen_listing(struct gen *g);

/* ---- the architecture (x86_64.c) ------------------------------------------------------- */

/* Handlers with the variants that probes need, and script functions, into the code. */
void gen_emit(struct gen *g);

#endif
