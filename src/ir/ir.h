/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir: the typed intermediate form, in basic blocks, and what is done to it.
 *
 * It answers: how a checked program is computed, step by step, with nothing
 * left to look up but addresses.  It knows no machine and no layout: globals,
 * formats, literals and positions are numbers; runtime functions are names.
 *
 * A module holds functions: one per script function and context, one per
 * distinct handler.  Registers are virtual, written any number of times
 * (no SSA).  Strings are addresses of abi_string: literals, or buffers in the
 * function's frame (region.max_string + 8 bytes each, 8-aligned).
 *
 * Passes, in order (ir_optimize): each says what it requires and keeps.
 *
 *	struct ir_module *m = ir_lower(arena, program, &limits);
 *	ir_verify(m); ir_optimize(m); ir_print(stdout, m);
 */
#ifndef SPILE_IR_H
#define SPILE_IR_H

#include "base/base.h"
#include "sema/sema.h"

enum ir_op {
#define IR(name, text, shape) IR_##name,
#include "ir/ir.def"
#undef IR
	IR_OP_COUNT
};

#define IR_NONE UINT32_MAX /* no register, no block */

/* ir_ins.flags */
#define IR_PURE 1u /* CALL: may be removed when its result is unused */

struct ir_ins {
	uint8_t op;
	uint8_t size; /* LOAD STORE SLOT REGION: 1 2 4 8 */
	uint16_t flags;
	uint32_t d, a, b;
	int64_t i;
	uint32_t t, f;
	const char *name; /* CALL */
	uint32_t *args; /* CALL, CALLF: registers */
	uint32_t n_args;
};

struct ir_block {
	VEC(struct ir_ins) ins; /* the last is JUMP, BRANCH or RETURN */
	bool cold; /* error and skip paths: laid out last */
};

struct ir_function {
	const char *name; /* unique, for dumps: "probe 3", "f.tool" */
	bool is_handler;
	enum probe_context context;
	uint32_t n_parameters; /* registers 0 .. n-1 hold them */
	uint32_t n_registers;
	VEC(struct ir_block) blocks; /* 0 is the entry */
	uint32_t frame_size; /* bytes, multiple of 16 */
	VEC(uint32_t) locks; /* as rt_lock takes them */
	bool is_recursive;
	bool reads_memory; /* calls something that may fault on target memory */
	bool at_watch; /* runs for an access of data, with a frame like that of a return */
	bool at_return; /* runs above an inserted frame: the target's rsp is not where the hit's is */
};

/* A global as the bundle must lay it out. */
struct ir_global {
	const char *name;
	uint32_t share; /* ABI_SHARE_ */
	uint32_t value_kind; /* ABI_VALUE_ */
	bool is_map, wraps, declared_size, is_private;
	uint32_t n_keys, string_keys;
	uint64_t capacity; /* maps */
	uint32_t keep; /* ABI_KEEP_ bits */
	int64_t low, high, step, shift;
	int64_t init_long;
	const char *init_string; /* or NULL */
	uint32_t init_length;
};

struct ir_string {
	const char *text;
	uint32_t length;
};


/* One probe of the program: which handler its sites run. */
struct ir_probe {
	struct sema_probe *probe;
	uint32_t function; /* in functions; IR_NONE: nothing to run */
	uint32_t condition; /* 1 + the function that tells in the tool whether its condition holds; 0 none */
	const char *place; /* file:line:column */
};

struct ir_module {
	struct arena *arena;
	VEC(struct ir_function *) functions;
	VEC(struct ir_global) globals;
	VEC(struct ir_string) strings;
	/* printf-like formats: parts as lang gave them, 'H' for histograms; types of arguments */
	struct ir_format {
		struct format_part *parts;
		uint32_t n_parts, n_args;
		uint64_t string_args;
	} *formats;
	uint32_t n_formats, cap_formats;
	VEC(struct sema_regex) regexes;
	bool asks_match; /* slots need room for an abi_match */
	bool is_timed; /* and for an abi_timing per probe */
	/* where errors happen: "identifier 'x' at file:line:col" */
	VEC(const char *) positions;
	VEC(struct ir_probe) probes;
	bool reads_memory; /* any */
};

struct ir_limits {
	uint32_t max_string; /* MAXSTRINGLEN */
	uint32_t max_map_entries; /* MAXMAPENTRIES */
	const struct source_set *sources;
	int64_t max_action; /* MAXACTION; 0: handlers without loops are not looked at */
	bool timing; /* -t */
};

struct ir_module *ir_lower(struct arena *a, const struct sema_program *p,
			   const struct ir_limits *l);
/* NULL, or what is wrong, with function, block and instruction. */
const char *ir_verify(const struct ir_module *m);
/* Keeps a verified module so. Constant folding, copy and dead code removal, jump threading. */
void ir_optimize(struct ir_module *m);
/* How deep script functions call each other; 10 more if one is recursive: MAXNESTING's default. */
uint32_t ir_nesting(const struct ir_module *m);
void ir_print(FILE *to, const struct ir_module *m);
void ir_print_function(struct buf *to, const struct ir_module *m, const struct ir_function *f);

/* ---- interpreter: the oracle of gen ------------------------------------------ */

struct ir_machine {
	void *slot; /* struct abi_slot: host address */
	void *(*runtime)(void *user, const char *name); /* address of a hosted rt_ function */
	void *(*global)(void *user, uint32_t index); /* base */
	void *(*shard)(void *user, uint32_t index);
	const void *(*statdesc)(void *user, uint32_t index);
	const void *(*format)(void *user, uint32_t index); /* abi_format, encoded */
	const void *(*string)(void *user, uint32_t index); /* abi_string */
	void *user;
};
/* Runs function f with args; its result. The module must verify. */
int64_t ir_interpret(const struct ir_module *m, uint32_t function, const int64_t *args,
		     const struct ir_machine *machine);

#endif
