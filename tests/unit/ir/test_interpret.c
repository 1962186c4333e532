/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation, as the interpreter runs it. */
#include <string.h>

#include "hand.h"
#include "tests.h"

static int64_t run(struct hand *h, struct host *host)
{
	assert_null(ir_verify(h->module));
	return ir_interpret(h->module, 0, NULL, &host->machine);
}

/* d = a op b, d returned */
static int64_t compute(uint32_t op, int64_t a, int64_t b)
{
	struct hand h = hand_create(CONTEXT_TOOL, 3);
	struct host host;
	int64_t result;

	host_init(&host);
	hand_emit(&h, h.function, 0, CONST_(0, a));
	hand_emit(&h, h.function, 0, CONST_(1, b));
	hand_emit(
		&h, h.function, 0,
		(struct ir_ins){
			.op = (uint8_t)op, .d = 2, .a = 0, .b = 1, .i = op == IR_EXTEND ? b : 0 });
	hand_emit(&h, h.function, 0, RETURN_(2));
	result = run(&h, &host);
	ir_optimize(h.module);
	assert_int_equal(run(&h, &host), result);
	host_free(&host);
	arena_destroy(h.arena);
	return result;
}

void arithmetic_wraps(void **state)
{
	(void)state;
	assert_int_equal(compute(IR_ADD, INT64_MAX, 1), INT64_MIN);
	assert_int_equal(compute(IR_SUB, INT64_MIN, 1), INT64_MAX);
	assert_int_equal(compute(IR_MUL, INT64_MAX, 2), -2);
	assert_int_equal(compute(IR_DIV, INT64_MIN, -1), INT64_MIN);
	assert_int_equal(compute(IR_DIV, -7, 2), -3);
	assert_int_equal(compute(IR_MOD, -7, 2), -1);
	assert_int_equal(compute(IR_MOD, INT64_MIN, -1), 0);
	assert_int_equal(compute(IR_NEG, INT64_MIN, 0), INT64_MIN);
	assert_int_equal(compute(IR_NOT, 5, 0), -6);
}

void shifts_count_modulo_64(void **state)
{
	(void)state;
	assert_int_equal(compute(IR_SHL, 1, 65), 2);
	assert_int_equal(compute(IR_SAR, -8, 1), -4);
	assert_int_equal(compute(IR_SAR, -8, -63), -4);
	assert_int_equal(compute(IR_SHR, -1, 63), 1);
}

void comparisons_are_signed(void **state)
{
	(void)state;
	assert_int_equal(compute(IR_LT, -1, 1), 1);
	assert_int_equal(compute(IR_GE, -1, 1), 0);
	assert_int_equal(compute(IR_LE, 3, 3), 1);
	assert_int_equal(compute(IR_GT, 3, 3), 0);
	assert_int_equal(compute(IR_EQ, 3, 3), 1);
	assert_int_equal(compute(IR_NE, 3, 3), 0);
}

void extend_takes_low_bytes(void **state)
{
	(void)state;
	assert_int_equal(compute(IR_EXTEND, 0x1ff, 1), -1);
	assert_int_equal(compute(IR_EXTEND, 0x1ff, -1), 255);
	assert_int_equal(compute(IR_EXTEND, 0x18000, 2), -32768);
	assert_int_equal(compute(IR_EXTEND, 0xffffffff, 4), -1);
	assert_int_equal(compute(IR_EXTEND, -1, -4), 0xffffffff);
}

void context_is_read(void **state)
{
	struct hand h = hand_create(CONTEXT_TARGET, 6);
	struct host host;

	(void)state;
	host_init(&host);
	host.slot->registers[ABI_RDI] = 1;
	host.site.pc = 10;
	host.site.bias = 100;
	host.region->max_string = 1000;
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_TARGET, .d = 0, .i = ABI_RDI });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_TARGET, .d = 1, .i = ABI_RIP });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){ .op = IR_SITE, .d = 2, .i = offsetof(struct abi_site, bias) });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){ .op = IR_REGION,
				   .d = 3,
				   .size = 4,
				   .i = offsetof(struct abi_region, max_string) });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_SLOT, .d = 4, .size = 4,
						      .i = offsetof(struct abi_slot, depth) });
	for (uint32_t i = 1; i < 5; i++)
		hand_emit(&h, h.function, 0, BINARY_(ADD, 0, 0, i));
	hand_emit(&h, h.function, 0, RETURN_(0));
	assert_int_equal(run(&h, &host), 1114);
	host_free(&host);
	arena_destroy(h.arena);
}

void memory_is_read_and_written(void **state)
{
	struct hand h = hand_create(CONTEXT_TARGET, 5);
	struct host host;

	(void)state;
	host_init(&host);
	host.global[1] = 0x1122334455667788;
	host.shard[2] = 40;
	h.function->frame_size = 32;
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_GLOBAL, .d = 0, .i = 1 });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){ .op = IR_LOAD, .d = 1, .a = 0, .i = 2, .size = 2 });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_FRAME, .d = 2, .i = 16 });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){ .op = IR_STORE, .a = 2, .b = 1, .i = 8, .size = 1 });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){ .op = IR_LOAD, .d = 3, .a = 2, .i = 8, .size = 4 });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_SHARDADD, .a = 3, .t = 2 });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_STRING, .d = 4, .i = 0 });
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_LOAD, .d = 4, .a = 4, .size = 4 });
	hand_emit(&h, h.function, 0, BINARY_(ADD, 4, 4, 1));
	hand_emit(&h, h.function, 0, RETURN_(4));
	assert_int_equal(run(&h, &host), 0x5566 + 4);
	assert_int_equal(host.shard[2], 40 + 0x66);
	assert_int_equal(host.slot->frame, (uintptr_t)host.slot + host.region->frame_offset);
	host_free(&host);
	arena_destroy(h.arena);
}

void runtime_is_called_with_all_arguments(void **state)
{
	uint32_t args[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct hand h = hand_create(CONTEXT_TOOL, 9);
	struct host host;

	(void)state;
	host_init(&host);
	for (uint32_t i = 0; i < 8; i++)
		hand_emit(&h, h.function, 0, CONST_(i, i + 1));
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){
			  .op = IR_CALL, .d = 8, .name = "many", .args = args, .n_args = 8 });
	hand_emit(&h, h.function, 0,
		  (struct ir_ins){
			  .op = IR_CALL, .d = 8, .name = "one", .args = args + 7, .n_args = 1 });
	hand_emit(&h, h.function, 0, RETURN_(8));
	assert_int_equal(run(&h, &host), 80);
	assert_string_equal(host_calls(), "many(1, 2, 3, 4, 5, 6, 7, 8) one(8)");
	host_free(&host);
	arena_destroy(h.arena);
}

/* f(n) calls itself n times deep. */
static struct hand recursive(int64_t depth, uint32_t frame)
{
	static uint32_t args[] = { 0 };
	struct hand h = hand_create(CONTEXT_TOOL, 2);
	struct ir_function *f = hand_function(&h, "f", 1, 3);
	struct ir_ins call = { .op = IR_CALLF, .d = 1, .i = 1, .t = 1, .args = args, .n_args = 1 };

	f->frame_size = frame;
	hand_emit(&h, h.function, 0, CONST_(0, depth));
	hand_emit(&h, h.function, 0, call);
	hand_emit(&h, h.function, 0, (struct ir_ins){ .op = IR_CHECK, .i = -1, .t = 1 });
	hand_emit(&h, h.function, 0, RETURN_(1));
	hand_emit(&h, h.function, 1, CONST_(0, -1));
	hand_emit(&h, h.function, 1, RETURN_(0));
	hand_emit(&h, f, 0, BRANCH_(0, 1, 2));
	hand_emit(&h, f, 1, CONST_(2, 1));
	hand_emit(&h, f, 1, BINARY_(SUB, 0, 0, 2));
	hand_emit(&h, f, 1, call);
	hand_emit(&h, f, 1, (struct ir_ins){ .op = IR_CHECK, .i = -1, .t = 2 });
	hand_emit(&h, f, 1, BINARY_(ADD, 1, 1, 2));
	hand_emit(&h, f, 1, RETURN_(1));
	hand_emit(&h, f, 2, CONST_(0, 0));
	hand_emit(&h, f, 2, RETURN_(0));
	return h;
}

void calls_nest_as_deep_as_allowed(void **state)
{
	struct host host;
	struct hand h;

	(void)state;
	for (int64_t depth = 0; depth < 3; depth++) {
		host_init(&host);
		h = recursive(depth, 16);
		assert_int_equal(run(&h, &host), depth);
		assert_int_equal(host.slot->depth, 3);
		host_free(&host);
		arena_destroy(h.arena);
	}
	host_init(&host);
	h = recursive(3, 16);
	assert_int_equal(run(&h, &host), -1);
	assert_string_equal(host_calls(), "rt_raise(2)");
	assert_int_equal(host.slot->where, 1);
	assert_int_equal(host.slot->depth, 3);
	host_free(&host);
	arena_destroy(h.arena);
}

void frames_end_with_the_slot(void **state)
{
	struct hand h = recursive(2, 112);
	struct host host;

	(void)state;
	host_init(&host);
	assert_int_equal(run(&h, &host), -1);
	assert_string_equal(host_calls(), "rt_raise(2)");
	assert_int_equal(host.slot->frame, (uintptr_t)host.slot + host.region->frame_offset);
	host_free(&host);
	arena_destroy(h.arena);
}

void budget_ends_loops(void **state)
{
	struct hand h = hand_create(CONTEXT_TOOL, 2);
	struct host host;

	(void)state;
	host_init(&host);
	hand_emit(&h, h.function, 0, CONST_(0, 0));
	hand_emit(&h, h.function, 0, CONST_(1, 1));
	hand_emit(&h, h.function, 0, JUMP_(1));
	hand_emit(&h, h.function, 1, (struct ir_ins){ .op = IR_BUDGET, .i = 7, .t = 2 });
	hand_emit(&h, h.function, 1, BINARY_(ADD, 0, 0, 1));
	hand_emit(&h, h.function, 1, JUMP_(1));
	hand_emit(&h, h.function, 2, (struct ir_ins){ .op = IR_CHECK, .i = 1, .t = 3 });
	hand_emit(&h, h.function, 2, JUMP_(3));
	hand_emit(&h, h.function, 3, RETURN_(0));
	assert_int_equal(run(&h, &host), 100 / 7);
	assert_int_equal(host.slot->error, ABI_ERROR_FATAL);
	assert_int_equal(host.slot->where, 1);
	host_free(&host);
	arena_destroy(h.arena);
}
