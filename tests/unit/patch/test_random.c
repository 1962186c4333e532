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

static void check_plan(const struct patch_request *r, const struct patch_plan *plan)
{
	uint32_t at = (uint32_t)(plan->address - r->code_address);

	assert_true(plan->rung < RUNG_COUNT);
	assert_int_equal(plan->size, plan->rung == RUNG_TRAP ? 1 : 5);
	assert_true(at + plan->size <= r->code_size);
	assert_memory_equal(plan->original, r->code + at, plan->size);
	assert_int_equal(plan->patched[0], plan->rung == RUNG_TRAP ? 0xcc : 0xe9);
	assert_true(plan->trampoline <= plan->resume && plan->resume <= plan->trampoline_end);
	if (r->avoid_end > r->address)
		assert_true(plan->address + plan->size <= r->avoid_end || plan->size == 1);
	for (uint32_t i = 0; i < plan->n_moved; i++) {
		uint64_t offset = plan->moved[i].from - plan->address;

		assert_true(offset > 0 && offset < plan->size);
		assert_int_equal(plan->patched[offset], 0xcc);
		assert_true(plan->moved[i].to >= plan->resume &&
			    plan->moved[i].to < plan->trampoline_end);
	}
}

static void random_requests_give_consistent_plans(void **state)
{
	static const struct patch_range room[] = { { BASE - 0x7ff00000, BASE - 0x100000 },
						   { BASE + 0x100000, BASE + 0x7ff00000 } };
	struct arena *a = arena_create();
	struct patch_space *s = patch_space_create(a);
	uint32_t planned = 0;

	(void)state;
	patch_space_set_free(s, room, base_count(room));
	for (int i = 0; i < 20000; i++) {
		struct patch_body body = { .handler = BASE + 0x200000, .generic = i & 1 };
		struct patch_request r = { .code_address = BASE, .bodies = &body, .n_bodies = 1 };
		uint8_t code[CODE];
		struct patch_plan plan;

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
		if (random_number() % 4 == 0)
			r.avoid_end = r.address + random_number() % 8;
		if (patch_plan_make(a, s, &r, &plan))
			continue;
		check_plan(&r, &plan);
		planned++;
	}
	print_message("%u planned\n", planned);
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
