/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever bytes and extents a request holds, the plan is consistent or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "patch/patch.h"

#define BASE 0x555555555000ull
#define CODE 64u

static uint64_t seed = 0x2545f4914f6cdd1dull;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Bytes in which short branches, nops, calls and traps are frequent. */
static uint8_t random_byte(void)
{
	static const uint8_t frequent[] = { 0x90, 0x55, 0x48, 0x89, 0xe5, 0xeb, 0x75, 0xe8, 0xe9,
					    0xff, 0xc3, 0xcc, 0x0f, 0x1f, 0x00, 0xfe, 0xf3, 0x41 };

	return random_number() & 1 ? frequent[random_number() % sizeof frequent] :
				     (uint8_t)random_number();
}

static void check_bytes(const struct patch_request *r, const struct patch_plan *plan, uint64_t other)
{
	uint64_t at = plan->address - r->code_address;

	assert_true(plan->size >= 1 && plan->size <= plan->span && plan->span <= PATCH_MAX);
	assert_true(at + plan->size <= r->code_size);
	assert_memory_equal(plan->original, r->code + at, plan->size);
	assert_true(other <= plan->address || plan->address + plan->size <= other);
	for (uint32_t i = 0; i < plan->n_moved; i++) {
		uint64_t offset = plan->moved[i].from - plan->address;

		assert_true(offset > 0 && (offset < plan->size || i == plan->n_moved - 1));
		assert_true(offset >= plan->size || plan->patched[offset] == 0xcc ||
			    patch_pin_is_fault(plan->patched[offset]));
		assert_true(plan->moved[i].to >= plan->resume &&
			    plan->moved[i].to < plan->trampoline_end);
	}
}

/* Where the jump at an address leads, through the bytes of all the plans. */
static uint64_t jump_target(const struct patch_plan *plan)
{
	uint64_t at = plan->address;
	uint8_t code[PATCH_MAX + 1];
	struct x86_ins ins;

	memcpy(code, plan->patched, PATCH_MAX);
	assert_true(x86_decode(code, plan->span, at, &ins));
	assert_int_equal(ins.class, X86_JUMP);
	if (plan->span != 2)
		return ins.target;
	assert_int_equal(plan->n_before, 1);
	at = ins.target - plan->before->address;
	assert_true(at < plan->before->size);
	assert_true(x86_decode(plan->before->patched + at, plan->before->span - (uint32_t)at,
			       ins.target, &ins));
	assert_int_equal(ins.class, X86_JUMP);
	return ins.target;
}

static void check_plan(const struct patch_request *r, const struct patch_plan *plan, uint64_t other)
{
	assert_true(plan->rung < RUNG_COUNT);
	assert_true(plan->trampoline <= plan->resume && plan->resume <= plan->trampoline_end);
	check_bytes(r, plan, other);
	for (uint32_t i = 0; i < plan->n_before; i++)
		check_bytes(r, &plan->before[i], other);
	if (plan->rung == RUNG_TRAP)
		assert_true(plan->size == 1 && plan->patched[0] == 0xcc);
	else
		assert_int_equal(jump_target(plan), plan->trampoline);
}

static void random_requests_give_consistent_plans(void **state)
{
	static const struct patch_range room[] = { { BASE - 0x7ff00000, BASE - 0x100000 },
						   { BASE + 0x100000, BASE + 0x7ff00000 } };
	struct arena *a = arena_create();
	struct patch_space *s = patch_space_create(a);
	uint32_t planned = 0, rungs[RUNG_COUNT] = { 0 };

	(void)state;
	patch_space_set_free(s, room, base_count(room));
	for (int i = 0; i < 20000; i++) {
		struct patch_body body = { .handler = BASE + 0x200000, .generic = i & 1 };
		struct patch_request r = { .code_address = BASE, .bodies = &body, .n_bodies = 1 };
		uint8_t code[CODE];
		struct patch_plan plan;
		uint64_t other = 0;

		for (uint32_t k = 0; k < CODE; k++)
			code[k] = random_byte();
		r.code = code;
		r.code_size = (uint32_t)(random_number() % CODE) + 1;
		r.address = BASE + random_number() % CODE;
		r.allow_trap = random_number() & 1;
		if (random_number() & 1) {
			r.function_start = BASE + random_number() % 16;
			r.function_end = r.address + random_number() % 32;
		}
		patch_space_forget(s, BASE, BASE + CODE);
		if (random_number() % 4 == 0)
			other = r.address + random_number() % 8;
		if (other)
			patch_space_expect(s, other);
		if (patch_plan_make(a, s, &r, &plan))
			continue;
		check_plan(&r, &plan, other);
		rungs[plan.rung]++;
		planned++;
	}
	print_message("%u planned\n", planned);
	for (int i = 0; i < RUNG_COUNT; i++) {
		print_message("%8u %s\n", rungs[i], patch_rung_name((enum patch_rung)i));
		assert_true(rungs[i] > 0);
	}
	assert_true(planned > 5000);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_requests_give_consistent_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
