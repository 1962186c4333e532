/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lowering shares: the module being made, the function being built, and
 * the emitters of single instructions.
 *
 * A function is built block by block; `block` is the open one.  Whoever ends
 * a block opens the next, so an instruction can always be emitted (into an
 * unreachable block after `next`; ir_optimize removes those).
 *
 * Frame:	[string locals][temporaries of the current statement ...]
 * Temporaries are taken from a stack that a statement gives back at its end;
 * what a loop needs all the time is taken before its body.
 */
#ifndef SPILE_IR_BUILD_H
#define SPILE_IR_BUILD_H

#include "abi/abi.h"
#include "ir/effects.h"
#include "ir/ir.h"

#define LOCK_WRITE 0x80000000u /* in ir_function.locks */

/* A script function that has a number, but is not yet built. */
struct pending {
	const struct sema_function *source;
	enum probe_context context;
	uint32_t number;
};

struct lower {
	struct arena *arena;
	const struct sema_program *program;
	const struct ir_limits *limits;
	struct ir_module *module;
	struct ir_effects effects;
	struct map *strings, *formats, *positions; /* to number + 1 */
	struct map *names; /* function names in use */
	struct map *handlers; /* by hash: chain of equal hashes */
	uint32_t *instances; /* function index * 2 + context: number + 1 */
	VEC(struct pending) pending;
	uint32_t string_size; /* bytes of a string buffer */
};

/* Where a local lives: a register, or a string's place in the frame. */
struct place {
	bool is_buffer;
	uint32_t at;
};

struct build {
	struct lower *lower;
	struct ir_function function;
	const struct sema_function *source; /* NULL: a handler */
	struct map *places; /* of variables, by address: struct place */
	uint32_t block; /* open */
	uint32_t exit; /* where errors and `next` of a handler end */
	uint32_t on_error; /* innermost catch, or exit */
	uint32_t break_to, continue_to;
	uint32_t out; /* register: buffer of a string result, or IR_NONE */
	uint32_t temporaries; /* registers from here on are written by one expression only */
	uint32_t frame; /* bytes taken now; function.frame_size is the most */
	bool in_try, cold; /* cold: new blocks are on an error path */
};

/* ---- module tables */
uint32_t ir_string_number(struct lower *l, const char *text, uint32_t length);
uint32_t ir_position_number(struct lower *l, struct span at);
/* The number of a format with these parts; parts are copied. */
uint32_t ir_format_number(struct lower *l, const struct ir_format *f);
/* The number of the script function in this context; it will be built. */
uint32_t ir_instance_number(struct lower *l, const struct sema_function *f,
			    enum probe_context context);

/* ---- blocks */
uint32_t ir_block_new(struct build *b);
uint32_t ir_block_cold(struct build *b);
void ir_block_open(struct build *b, uint32_t block);

/* ---- registers and frame */
uint32_t ir_register_new(struct build *b);
uint32_t ir_frame_take(struct build *b, uint32_t bytes); /* offset, 8-aligned */

/* ---- instructions: the ones with a result return its register */
struct ir_ins *ir_emit(struct build *b, enum ir_op op);
uint32_t ir_emit_const(struct build *b, int64_t v);
uint32_t ir_emit_number(struct build *b, enum ir_op op, int64_t i); /* "di" operations */
uint32_t ir_emit_unary(struct build *b, enum ir_op op, uint32_t a);
uint32_t ir_emit_binary(struct build *b, enum ir_op op, uint32_t x, uint32_t y);
uint32_t ir_emit_with(struct build *b, enum ir_op op, uint32_t x, int64_t constant);
uint32_t ir_emit_load(struct build *b, uint32_t address, int64_t offset, uint8_t size);
uint32_t ir_emit_member(struct build *b, enum ir_op slot_or_region, int64_t offset,
			uint8_t size);
void ir_emit_store(struct build *b, uint32_t address, int64_t offset, uint32_t value, uint8_t size);
void ir_emit_move(struct build *b, uint32_t to, uint32_t from);
void ir_emit_set(struct build *b, uint32_t to, int64_t v);
uint32_t ir_emit_call(struct build *b, const char *name, uint32_t flags, uint32_t n, ...);
void ir_emit_effect(struct build *b, const char *name, uint32_t n, ...); /* a call without result */
uint32_t ir_emit_call_list(struct build *b, const char *name, uint32_t flags, const uint32_t *args,
			   uint32_t n);
void ir_emit_check(struct build *b, struct span at);
/* Ends the block, opens another. */
void ir_emit_raise(struct build *b, int64_t number, struct span at);
void ir_emit_jump(struct build *b, uint32_t to);
void ir_emit_branch(struct build *b, uint32_t on, uint32_t yes, uint32_t no);
/* Goes on only if `value` is not 0; otherwise there was an error. */
void ir_emit_require(struct build *b, uint32_t value, struct span at);
void ir_emit_budget(struct build *b, uint32_t statements, struct span at);
void ir_emit_empty_string(struct build *b, uint32_t buffer);

/* The numbers rt_raise knows. */
enum ir_raise {
	RAISE_DIVISION = 0,
	RAISE_BUDGET = 1,
	RAISE_NESTING = 2,
	RAISE_EMPTY = 4,
	RAISE_EXHAUSTED = 6,
};

/* ---- what the parts of lowering call of each other */
uint32_t ir_lower_long(struct build *b, const struct expr *e);
/* Address of a string, valid until the statement's end unless its variable is assigned to. */
uint32_t ir_lower_string(struct build *b, const struct expr *e);
void ir_lower_string_into(struct build *b, const struct expr *e, uint32_t buffer);
/* Either of the two, by the type of e. */
uint32_t ir_lower_value(struct build *b, const struct expr *e);
void ir_lower_effect(struct build *b, const struct expr *e);
void ir_lower_condition(struct build *b, const struct expr *e, uint32_t yes, uint32_t no);
void ir_lower_stmt(struct build *b, const struct stmt *s);
/* On the longest way; loops' bodies not counted. */
uint32_t ir_count_statements(const struct stmt *s);

struct place *ir_place(struct build *b, const struct lang_variable *v);
uint32_t ir_place_buffer(struct build *b, const struct place *p); /* address */
void ir_place_add(struct build *b, const struct lang_variable *v);

/* A copy of value r of e, if evaluating `later` could change it; else r. */
uint32_t ir_hold(struct build *b, uint32_t r, const struct expr *e, const struct expr *later);
uint32_t ir_hold_list(struct build *b, uint32_t r, const struct expr *e,
		      const struct expr_list *later, uint32_t from);
bool ir_may_fail(const struct expr *e);
bool ir_may_assign(const struct expr *e);
/* Whether v is read anywhere in e. */
bool ir_mentions(const struct expr *e, const struct lang_variable *v);
uint32_t ir_copy_string(struct build *b, uint32_t from); /* into a temporary */
uint32_t ir_buffer_new(struct build *b); /* address of a temporary */

/* Evaluated keys of an array access. */
struct keys {
	uint32_t *registers; /* unset where the mask says * */
	uint32_t n;
	uint64_t mask; /* bit i: key i is * */
	bool one_long;
};
struct keys ir_lower_keys(struct build *b, const struct expr_list *list, const struct expr *later);
uint32_t ir_key_array(struct build *b, const struct keys *k); /* address of the u64 array */
uint32_t ir_global_read(struct build *b, const struct lang_variable *v); /* address to read from */
uint32_t ir_global_write(struct build *b, const struct lang_variable *v); /* address to change */
uint32_t ir_element(struct build *b, const struct expr *index, const struct keys *k); /* creates */

uint32_t ir_lower_assign(struct build *b, const struct expr *e, bool used);
uint32_t ir_lower_step(struct build *b, const struct expr *e, bool used);
/* Gives a variable (of any kind, scalar) a value. */
void ir_assign_long(struct build *b, const struct expr *symbol, uint32_t value);
void ir_assign_text(struct build *b, const struct expr *symbol, uint32_t address);
uint32_t ir_lower_arithmetic(struct build *b, enum lang_op op, uint32_t x, uint32_t y,
			     const struct expr *e, const struct expr *divisor);
bool ir_is_statistic(const struct expr *of); /* a global, or an element of one */
uint32_t ir_lower_statistic(struct build *b, const struct expr *e);
/* Address of the abi_stat of a name or element, to read; may be 0 at run time. */
uint32_t ir_statistic_address(struct build *b, const struct expr *of);
void ir_statistic_add(struct build *b, const struct expr *e);
/* How many buckets the histogram of a statistic has. */
uint32_t ir_bucket_count(struct build *b, const struct expr *of);
uint32_t ir_lower_bucket(struct build *b, const struct expr *e);
void ir_lower_foreach(struct build *b, const struct stmt *s);
void ir_lower_delete(struct build *b, const struct expr *e);
uint32_t ir_lower_call(struct build *b, const struct expr *e, uint32_t buffer);
void ir_lower_next_overload(struct build *b, const struct stmt *s);
void ir_lower_print(struct build *b, const struct expr *e, uint32_t buffer);
uint32_t ir_lower_target(struct build *b, const struct expr *e);
void ir_lower_site_text(struct build *b, const struct expr *e, uint32_t buffer);
/* An expression that no earlier pass resolved: a run-time error says so. */
uint32_t ir_lower_unsupported(struct build *b, const struct expr *e);

#endif
