/* SPDX-License-Identifier: Apache-2.0 */
/* System calls in a function: their numbers, what leads to them, who else comes there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "patch/patch.h"

#define BASE 0x555555555000ull

static struct arena *arena;

static struct patch_calls find(const uint8_t *code, uint32_t size, bool *whole)
{
	struct patch_request r = { .address = BASE,
				   .code = code,
				   .code_address = BASE,
				   .code_size = size,
				   .function_start = BASE,
				   .function_end = BASE + size };
	struct patch_calls found = { 0 };

	*whole = patch_calls_find(arena, &r, &found);
	return found;
}

static void number_right_before(void **state)
{
	/* mov $14,%eax; syscall; cmp $-4095,%rax; ret */
	static const uint8_t code[] = { 0xb8, 14, 0, 0, 0, 0x0f, 5, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_true(whole);
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].address, BASE + 5);
	assert_int_equal(found.list.p[0].number, 14);
	assert_int_equal(found.list.p[0].n_before, 1);
	assert_int_equal(found.list.p[0].before[0], BASE);
	assert_memory_equal(found.list.p[0].move, code, 5);
	assert_false(found.list.p[0].is_entered || found.list.p[0].is_passed);
}

static void number_before_arguments(void **state)
{
	/* mov $1,%rax; mov $2,%edi; xor %edx,%edx; syscall; ret */
	static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 1, 0, 0, 0, 0xbf, 2, 0, 0, 0, 0x31, 0xd2, 0x0f, 5, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].number, 1);
	assert_int_equal(found.list.p[0].n_before, 3);
	assert_int_equal(found.list.p[0].before[0], BASE + 12);
	assert_int_equal(found.list.p[0].before[2], BASE);
	assert_int_equal(found.list.p[0].move[0], 0);
}

static void number_in_a_register(void **state)
{
	/* mov %rdi,%rax; mov %rsi,%rdi; syscall; ret */
	static const uint8_t code[] = { 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x0f, 5, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].number, -1);
	assert_int_equal(found.list.p[0].n_before, 2);
}

/* xor %eax,%eax; jmp 1f; mov $60,%eax; 1: syscall; ret */
static void entered_from_elsewhere(void **state)
{
	static const uint8_t code[] = { 0x31, 0xc0, 0xeb, 5, 0xb8, 60, 0, 0, 0, 0x0f, 5, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].number, -1);
	assert_int_equal(found.list.p[0].n_before, 0);
	assert_true(found.list.p[0].is_entered);
}

/* test %edi,%edi; jne 1f; mov $39,%eax; syscall; 1: nop; ret */
static void passed_from_elsewhere(void **state)
{
	static const uint8_t code[] = { 0x85, 0xff, 0x75, 7, 0xb8, 39, 0, 0, 0, 0x0f, 5, 0x90, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].number, 39);
	assert_true(found.list.p[0].is_passed && !found.list.p[0].is_entered);
}

/* mov $1,%eax; call f; syscall: the number is lost */
static void calls_lose_the_number(void **state)
{
	static const uint8_t code[] = { 0xb8, 1, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x0f, 5, 0xc3 };
	bool whole;
	struct patch_calls found = find(code, sizeof code, &whole);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].number, -1);
	assert_int_equal(found.list.p[0].n_before, 0);
}

/* The bytes of a call inside an instruction are none; data among code is refused. */
static void only_instructions(void **state)
{
	static const uint8_t inside[] = { 0xb8, 0x0f, 0x05, 0, 0, 0xc3 };
	static const uint8_t data[] = { 0x06, 0x07, 0x0f, 0x05, 0xc3 };
	bool whole;

	(void)state;
	assert_int_equal(find(inside, sizeof inside, &whole).list.n, 0);
	assert_true(whole);
	find(data, sizeof data, &whole);
	assert_false(whole);
}

/* The bodies run behind all of mov $2,%edi; xor %edx,%edx, in front of the call. */
static void bodies_behind(void **state)
{
	static const uint8_t code[] = { 0xb8, 14, 0, 0, 0, 0x89, 0xf7, 0x31, 0xd2, 0x31, 0xc9, 0x0f, 5, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0xc3 };
	static const uint8_t nops[] = { 0x66, 0x90, 0x66, 0x90 };
	struct patch_space *space = patch_space_create(arena);
	struct patch_range free = { 0x10000, 0x7ffff0000000 };
	struct patch_body body = { .generic = true, .bytes = nops, .size = sizeof nops };
	struct patch_request r = { .address = BASE + 5,
				   .code = code,
				   .code_address = BASE,
				   .code_size = sizeof code,
				   .function_start = BASE,
				   .function_end = BASE + sizeof code,
				   .allow_trap = true,
				   .until = BASE + 11,
				   .bodies = &body,
				   .n_bodies = 1 };
	struct patch_plan plan;
	uint32_t n;
	const struct patch_page *page;
	const uint8_t *t;

	(void)state;
	patch_space_set_free(space, &free, 1);
	assert_null(patch_plan_make(arena, space, &r, &plan));
	assert_int_equal(plan.rung, RUNG_SEVERAL);
	assert_int_equal(plan.size, 5);
	page = patch_space_pages(space, &n);
	assert_int_equal(n, 1);
	t = page->bytes + (plan.trampoline - page->address);
	assert_memory_equal(t, code + 5, 6); /* displaced */
	assert_memory_equal(t + 6, nops, sizeof nops);
	assert_int_equal(t[10], 0xe9);
	assert_int_equal(plan.resume, plan.trampoline); /* a thread there goes back to the first of them */
	assert_int_equal(plan.moved[plan.n_moved - 1].from, BASE + 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_right_before),	 cmocka_unit_test(number_before_arguments),
		cmocka_unit_test(number_in_a_register),	 cmocka_unit_test(entered_from_elsewhere),
		cmocka_unit_test(passed_from_elsewhere), cmocka_unit_test(calls_lose_the_number),
		cmocka_unit_test(only_instructions),	 cmocka_unit_test(bodies_behind),
	};
	int failed;

	arena = arena_create();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_destroy(arena);
	return failed;
}
