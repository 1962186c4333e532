/* SPDX-License-Identifier: Apache-2.0 */
/* Modules made by hand, and a slot and region in this process to run them over. */
#ifndef TESTS_UNIT_IR_HAND_H
#define TESTS_UNIT_IR_HAND_H

#include "abi/abi.h"
#include "ir/ir.h"

/* A module with one handler of one empty block, one long global of each sharing, one string. */
struct hand {
	struct arena *arena;
	struct ir_module *module;
	struct ir_function *function;
};
struct hand hand_create(enum probe_context context, uint32_t registers);
struct ir_function *hand_function(struct hand *h, const char *name, uint32_t parameters,
				  uint32_t registers);
/* Appends to block b. */
struct ir_ins *hand_emit(struct hand *h, struct ir_function *f, uint32_t b, struct ir_ins ins);
/* Shorthands for the block `b` of function `f`. */
#define CONST_(to, v) ((struct ir_ins){ .op = IR_CONST, .d = (to), .i = (v) })
#define BINARY_(o, to, x, y) ((struct ir_ins){ .op = IR_##o, .d = (to), .a = (x), .b = (y) })
#define RETURN_(r) ((struct ir_ins){ .op = IR_RETURN, .a = (r) })
#define JUMP_(to) ((struct ir_ins){ .op = IR_JUMP, .t = (to) })
#define BRANCH_(on, yes, no) ((struct ir_ins){ .op = IR_BRANCH, .a = (on), .t = (yes), .f = (no) })

/* Host memory for a run; the runtime is a handful of functions that record their calls. */
struct host {
	struct abi_region *region;
	struct abi_slot *slot;
	struct abi_site site;
	int64_t global[4], shard[4];
	struct ir_machine machine;
};
void host_init(struct host *h);
void host_free(struct host *h);
/* The calls made so far, "rt_x(1, 2) rt_y()"; forgotten by host_init(). */
const char *host_calls(void);

#endif
