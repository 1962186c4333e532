/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier accepts what is right and names what is wrong. */
#include <string.h>

#include "hand.h"
#include "tests.h"

static struct hand minimal(enum probe_context context)
{
	struct hand h = hand_create(context, 2);

	hand_emit(&h, h.function, 0, CONST_(0, 1));
	hand_emit(&h, h.function, 0, CONST_(1, 1));
	return h;
}

/* The complaint about one instruction in front of a return. */
static void refused(enum probe_context context, struct ir_ins ins, const char *why)
{
	struct hand h = minimal(context);
	const char *wrong;

	hand_emit(&h, h.function, 0, ins);
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	wrong = ir_verify(h.module);
	assert_non_null(wrong);
	if (!strstr(wrong, why))
		fail_msg("'%s' does not say '%s'", wrong, why);
	arena_destroy(h.arena);
}

static void accepted(enum probe_context context, struct ir_ins ins)
{
	struct hand h = minimal(context);
	const char *wrong;

	hand_emit(&h, h.function, 0, ins);
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	wrong = ir_verify(h.module);
	if (wrong)
		fail_msg("refused: %s", wrong);
	arena_destroy(h.arena);
}

#define INS(...) ((struct ir_ins){ __VA_ARGS__ })

void verify_judges_operands(void **state)
{
	(void)state;
	accepted(CONTEXT_TOOL, BINARY_(ADD, 0, 0, 1));
	refused(CONTEXT_TOOL, BINARY_(ADD, 2, 0, 1), "result register out of range");
	refused(CONTEXT_TOOL, BINARY_(ADD, 0, 2, 1), "operand register out of range");
	refused(CONTEXT_TOOL, BINARY_(ADD, 0, 0, IR_NONE), "operand register out of range");
	refused(CONTEXT_TOOL, BINARY_(ADD, 0, IR_NONE, 1), "operand missing");
	refused(CONTEXT_TOOL, BINARY_(ADD, IR_NONE, 0, 1), "result register out of range");
	refused(CONTEXT_TOOL, INS(.op = IR_OP_COUNT), "no such operation");
}

void verify_judges_numbers(void **state)
{
	(void)state;
	accepted(CONTEXT_TOOL, INS(.op = IR_STRING, .d = 0, .i = 0));
	refused(CONTEXT_TOOL, INS(.op = IR_STRING, .d = 0, .i = 1), "no such string");
	refused(CONTEXT_TOOL, INS(.op = IR_FORMAT, .d = 0, .i = 0), "no such format");
	refused(CONTEXT_TOOL, INS(.op = IR_GLOBAL, .d = 0, .i = 3), "no such global");
	refused(CONTEXT_TOOL, INS(.op = IR_STATDESC, .d = 0, .i = -1), "no such global");
	accepted(CONTEXT_TARGET, INS(.op = IR_SHARDADD, .a = 0, .t = 2));
	refused(CONTEXT_TARGET, INS(.op = IR_SHARDADD, .a = 0, .t = 1), "no shards");
	refused(CONTEXT_TARGET, INS(.op = IR_SHARD, .d = 0, .i = 0), "no shards");
	refused(CONTEXT_TOOL, INS(.op = IR_CHECK, .i = 2, .t = 0), "no such position");
	accepted(CONTEXT_TOOL, INS(.op = IR_CHECK, .i = -1, .t = 0));
	accepted(CONTEXT_TOOL, INS(.op = IR_CHECK, .i = -3, .t = 0));
	refused(CONTEXT_TOOL, INS(.op = IR_CHECK, .i = -4, .t = 0), "no such position");
	refused(CONTEXT_TOOL, INS(.op = IR_CHECK, .i = 0, .t = 1), "no such block");
	refused(CONTEXT_TOOL, INS(.op = IR_BUDGET, .i = 0, .t = 0), "budget spends nothing");
	refused(CONTEXT_TOOL, INS(.op = IR_FRAME, .d = 0, .i = 0), "outside the frame");
	refused(CONTEXT_TOOL, INS(.op = IR_LOCKS, .d = 0), "no locks");
}

void verify_judges_contexts_and_sizes(void **state)
{
	(void)state;
	accepted(CONTEXT_TARGET, INS(.op = IR_TARGET, .d = 0, .i = ABI_RDI));
	refused(CONTEXT_TOOL, INS(.op = IR_TARGET, .d = 0, .i = ABI_RDI), "no target in the tool");
	refused(CONTEXT_TARGET, INS(.op = IR_TARGET, .d = 0, .i = ABI_REGISTERS),
		"no such machine register");
	refused(CONTEXT_TOOL, INS(.op = IR_SITE, .d = 0, .i = 0), "no site in the tool");
	refused(CONTEXT_TARGET, INS(.op = IR_SITE, .d = 0, .i = 4), "no such member");
	refused(CONTEXT_TOOL, INS(.op = IR_LOAD, .d = 0, .a = 0, .size = 3), "bad size");
	refused(CONTEXT_TOOL, INS(.op = IR_STORE, .a = 0, .b = 1), "bad size");
	refused(CONTEXT_TOOL, INS(.op = IR_SLOT, .d = 0, .i = -8, .size = 8), "outside the slot");
	refused(CONTEXT_TOOL, INS(.op = IR_REGION, .d = 0, .i = 1 << 20, .size = 8),
		"outside the region");
	refused(CONTEXT_TOOL, INS(.op = IR_EXTEND, .d = 0, .a = 0, .i = 8), "bad width");
	refused(CONTEXT_TOOL, INS(.op = IR_EXTEND, .d = 0, .a = 0, .i = 0), "bad width");
	accepted(CONTEXT_TOOL, INS(.op = IR_EXTEND, .d = 0, .a = 0, .i = -4));
}

void verify_judges_calls(void **state)
{
	uint32_t args[12] = { 0 };
	struct hand h = minimal(CONTEXT_TOOL);
	struct ir_function *f = hand_function(&h, "f", 1, 1);

	(void)state;
	refused(CONTEXT_TOOL, INS(.op = IR_CALL, .d = IR_NONE), "call without a name");
	refused(CONTEXT_TOOL, INS(.op = IR_CALL, .d = 0, .name = "x", .args = args, .n_args = 12),
		"too many arguments");
	refused(CONTEXT_TOOL, INS(.op = IR_CALL, .d = 0, .name = "x", .n_args = 1),
		"arguments missing");
	refused(CONTEXT_TOOL, INS(.op = IR_CALLF, .d = 0, .i = 1), "no such function");
	refused(CONTEXT_TOOL, INS(.op = IR_CALLF, .d = 0, .i = 0), "call of a handler");
	hand_emit(&h, f, 0, RETURN_(0));
	hand_emit(&h, h.function, 0, INS(.op = IR_CALLF, .d = 0, .i = 1));
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	assert_non_null(strstr(ir_verify(h.module), "wrong number of arguments"));
	f->context = CONTEXT_TARGET;
	assert_non_null(strstr(ir_verify(h.module), "other context"));
	arena_destroy(h.arena);
}

void verify_judges_blocks(void **state)
{
	struct hand h = minimal(CONTEXT_TOOL);

	(void)state;
	assert_non_null(strstr(ir_verify(h.module), "block does not end"));
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	assert_null(ir_verify(h.module));
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	assert_non_null(strstr(ir_verify(h.module), "goes on after its end"));
	h.function->blocks.p[0].ins.n = 0;
	assert_non_null(strstr(ir_verify(h.module), "empty block"));
	h.function->blocks.n = 0;
	assert_non_null(strstr(ir_verify(h.module), "no blocks"));
	arena_destroy(h.arena);
}

/* r1 is written on one of two ways only. */
void verify_finds_unwritten_registers(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 2);

	(void)state;
	hand_emit(&h, h.function, 0, CONST_(0, 1));
	hand_emit(&h, h.function, 0, BRANCH_(0, 1, 2));
	hand_emit(&h, h.function, 1, CONST_(1, 5));
	hand_emit(&h, h.function, 1, JUMP_(2));
	hand_emit(&h, h.function, 2, RETURN_(1));
	assert_non_null(strstr(ir_verify(h.module), "r1 is read before it is written"));
	h.function->blocks.p[2].ins.p[0].a = 0;
	assert_null(ir_verify(h.module));
	arena_destroy(h.arena);
}

void verify_judges_heads(void **state)
{
	struct hand h = minimal(CONTEXT_TOOL);

	(void)state;
	hand_emit(&h, h.function, 0, RETURN_(IR_NONE));
	vec_push(h.arena, &h.function->locks, 2);
	vec_push(h.arena, &h.function->locks, 0x80000001u);
	assert_non_null(strstr(ir_verify(h.module), "locks not ascending"));
	h.function->locks.p[0] = 7;
	assert_non_null(strstr(ir_verify(h.module), "lock of no global"));
	h.function->locks.n = 0;
	h.function->frame_size = 8;
	assert_non_null(strstr(ir_verify(h.module), "multiple of 16"));
	h.function->frame_size = 0;
	h.function->n_parameters = 1;
	assert_non_null(strstr(ir_verify(h.module), "bad parameters"));
	h.function->n_parameters = 0;
	vec_push(h.arena, &h.module->probes, (struct ir_probe){ .function = 4 });
	assert_non_null(strstr(ir_verify(h.module), "no such function"));
	arena_destroy(h.arena);
}
