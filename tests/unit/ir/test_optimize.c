/* SPDX-License-Identifier: Apache-2.0 */
/* What the passes make of small functions. */
#include <string.h>

#include "hand.h"
#include "tests.h"

#define CALL_(list, n)    \
	((struct ir_ins){ \
		.op = IR_CALL, .d = IR_NONE, .name = "one", .args = (list), .n_args = (n) })

static void becomes(struct hand *h, const char *text)
{
	struct buf b;

	assert_null(ir_verify(h->module));
	ir_optimize(h->module);
	assert_null(ir_verify(h->module));
	buf_init(&b, h->arena);
	ir_print_function(&b, h->module, h->function);
	assert_string_equal(strchr(buf_str(&b), '\n') + 1, text);
	arena_destroy(h->arena);
}

void constants_are_folded(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 8);
	uint32_t args[] = { 5 };

	(void)state;
	hand_emit(&h, h.function, 0, CONST_(0, 6));
	hand_emit(&h, h.function, 0, CONST_(1, 7));
	hand_emit(&h, h.function, 0, BINARY_(MUL, 2, 0, 1));
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_MOV, .d = 3, .a = 2 });
	hand_emit(&h, h.function, 0, BINARY_(LT, 4, 3, 0));
	hand_emit(&h, h.function, 0, BINARY_(ADD, 5, 3, 4));
	hand_emit(&h, h.function, 0, CALL_(args, 1));
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\tr5 = const 42\n\tcall one(r5)\n\treturn\n");
}

void known_branches_become_jumps(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 2);
	uint32_t args[] = { 1 };

	(void)state;
	hand_emit(&h, h.function, 0, CONST_(0, 0));
	hand_emit(&h, h.function, 0, CONST_(1, 3));
	hand_emit(&h, h.function, 0, BRANCH_(0, 1, 2));
	hand_emit(&h, h.function, 1, CALL_(args, 1));
	hand_emit(&h, h.function, 1, JUMP_(3));
	hand_emit(&h, h.function, 2, JUMP_(3));
	hand_emit(&h, h.function, 3, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\treturn\n");
}

/* A copy ends when its origin is written again: the post-increment. */
void copies_end_with_their_origin(void **state)
{
	struct hand h = hand_create(CONTEXT_TARGET, 4);
	uint32_t args[] = { 1 };

	(void)state;
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_TARGET, .d = 0, .i = ABI_RDI });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_MOV, .d = 1, .a = 0 });
	hand_emit(&h, h.function, 0, CONST_(2, 1));
	hand_emit(&h, h.function, 0, BINARY_(ADD, 0, 0, 2));
	hand_emit(&h, h.function, 0, CALL_(args, 1));
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_SHARDADD, .a = 0, .t = 2 });
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\tr0 = target 7\n\tr1 = mov r0\n\tr2 = const 1\n\tr0 = add r0, r2\n"
		    "\tcall one(r1)\n\tshardadd [2 + 0], r0\n\treturn\n");
}

/* The old value is seen by the way out of a failed check. */
void side_exits_keep_values_alive(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 2);
	uint32_t none[] = { 0 }, args[] = { 1 };

	(void)state;
	hand_emit(&h, h.function, 0, CONST_(0, 1));
	hand_emit(&h, h.function, 0, CONST_(1, 2));
	hand_emit(&h, h.function, 0, CALL_(none, 1));
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_CHECK, .i = 1, .t = 1 });
	hand_emit(&h, h.function, 0, CONST_(1, 3));
	hand_emit(&h, h.function, 0, JUMP_(1));
	hand_emit(&h, h.function, 1, CALL_(args, 1));
	hand_emit(&h, h.function, 1, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\tr0 = const 1\n\tr1 = const 2\n\tcall one(r0)\n\tcheck 1, .1\n\tr1 = "
		    "const 3\n"
		    "\tjump .1\n.1:\n\tcall one(r1)\n\treturn\n");
}

void unused_results_are_dropped(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 4);
	struct ir_ins *pure;

	(void)state;
	pure = hand_emit(&h, h.function, 0,
			 (struct ir_ins){ .op = IR_CALL, .d = 0, .name = "pure" });
	pure->flags = IR_PURE;
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_CALL, .d = 1, .name = "effect" });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_GLOBAL, .d = 2, .i = 0 });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_LOAD, .d = 3, .a = 2, .size = 8 });
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\tcall effect()\n\treturn\n");
}

/* A loop whose body is left by a budget check. */
void loops_stay_and_exits_are_cold(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 4);

	(void)state;
	hand_emit(&h, h.function, 0, CONST_(0, 0));
	hand_emit(&h, h.function, 0, CONST_(1, 10));
	hand_emit(&h, h.function, 0, JUMP_(1));
	hand_emit(&h, h.function, 1, BINARY_(LT, 2, 0, 1));
	hand_emit(&h, h.function, 1, BRANCH_(2, 2, 5));
	hand_emit(&h, h.function, 2, (struct ir_ins){ .op = IR_BUDGET, .i = 2, .t = 4 });
	hand_emit(&h, h.function, 2, JUMP_(3));
	hand_emit(&h, h.function, 3, CONST_(3, 1));
	hand_emit(&h, h.function, 3, BINARY_(ADD, 0, 0, 3));
	hand_emit(&h, h.function, 3, JUMP_(1));
	hand_emit(&h, h.function, 4, (struct ir_ins){ .op = IR_CHECK, .i = 1, .t = 5 });
	hand_emit(&h, h.function, 4, JUMP_(5));
	hand_emit(&h, h.function, 5, RETURN_(IR_NONE));
	becomes(&h, ".0:\n\tr0 = const 0\n\tr1 = const 10\n\tjump .1\n.1:\n\tr2 = lt r0, r1\n"
		    "\tbranch r2, .2, .4\n.2:\n\tbudget 2, .3\n\tr3 = const 1\n\tr0 = add r0, "
		    "r3\n\tjump .1\n"
		    ".3: cold\n\tcheck 1, .4\n\tjump .4\n.4:\n\treturn\n");
}

void circles_of_jumps_end(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 1);

	(void)state;
	hand_emit(&h, h.function, 0, JUMP_(1));
	hand_emit(&h, h.function, 1, JUMP_(2));
	hand_emit(&h, h.function, 2, JUMP_(1));
	assert_null(ir_verify(h.module));
	ir_optimize(h.module);
	assert_null(ir_verify(h.module));
	arena_destroy(h.arena);
}
