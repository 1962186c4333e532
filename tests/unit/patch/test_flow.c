/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a function's flow serves other processes with the same file, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "patch/flow.h"

#define BASE 0x555555555000ull
#define TABLE 0x1000u /* from the function's beginning */
#define ENTRIES 100u
#define CODE_SIZE (7u + 4 + 3 + 2 + ENTRIES + 1)

/* lea table(%rip),%rdx; movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax; nops; ret */
static const uint8_t head[] = { 0x48, 0x8d, 0x15, 0xf9, 0x0f, 0, 0, 0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0 };

struct process {
	uint64_t bias;
	uint8_t code[CODE_SIZE];
	uint32_t reads;
};

static void begin(struct process *p, uint64_t bias)
{
	memset(p, 0, sizeof *p);
	p->bias = bias;
	memset(p->code, 0x90, sizeof p->code);
	memcpy(p->code, head, sizeof head);
	p->code[CODE_SIZE - 1] = 0xc3;
}

/* The table leads to each second nop; nothing can be read behind it. */
static bool read_table(void *user, uint64_t address, void *to, uint32_t n)
{
	struct process *p = user;
	uint64_t at = address - (BASE + p->bias + TABLE);

	p->reads++;
	if (at > ENTRIES / 2 * 4 || n > ENTRIES / 2 * 4 - at)
		return false;
	for (uint32_t i = 0; i < n / 4; i++) {
		int32_t entry = (int32_t)(sizeof head + 2 * (at / 4 + i)) - (int32_t)TABLE;

		memcpy((uint8_t *)to + 4 * (size_t)i, &entry, 4);
	}
	return true;
}

static struct patch_flow *decode(struct arena *a, struct patch_flow_cache *c, struct process *p, uint64_t file)
{
	struct patch_request r = { .address = BASE + p->bias,
				   .code = p->code,
				   .code_address = BASE + p->bias,
				   .code_size = CODE_SIZE,
				   .function_start = BASE + p->bias,
				   .function_end = BASE + p->bias + CODE_SIZE,
				   .file = file,
				   .bias = p->bias,
				   .read = read_table,
				   .read_user = p };
	struct patch_flow *f = patch_flow_create(a);

	patch_flow_use_cache(f, c);
	assert_true(patch_flow_decode(f, &r));
	return f;
}

static void has_targets(const struct patch_flow *f, const struct process *p)
{
	for (uint32_t i = 0; i < ENTRIES; i++) {
		uint64_t at = BASE + p->bias + sizeof head + i;

		assert_int_equal(patch_flow_is_target(f, at), i % 2 == 0);
		assert_int_equal(patch_flow_boundary(f, at), at);
	}
}

static void tables_in_pieces(void **state)
{
	struct arena *a = arena_create();
	struct process p;

	(void)state;
	begin(&p, 0);
	has_targets(decode(a, NULL, &p, 0), &p);
	assert_true(p.reads < ENTRIES);
	arena_destroy(a);
}

static void other_process(void **state)
{
	struct arena *a = arena_create();
	struct patch_flow_cache *c = patch_flow_cache_create(a);
	struct process first, second;

	(void)state;
	begin(&first, 0);
	begin(&second, 0x7000);
	has_targets(decode(a, c, &first, 1), &first);
	has_targets(decode(a, c, &second, 1), &second);
	assert_int_equal(second.reads, 0);
	arena_destroy(a);
}

static void other_file_or_code(void **state)
{
	struct arena *a = arena_create();
	struct patch_flow_cache *c = patch_flow_cache_create(a);
	struct process first, file, code, unknown;

	(void)state;
	begin(&first, 0);
	begin(&file, 0);
	begin(&code, 0);
	begin(&unknown, 0);
	code.code[CODE_SIZE - 2] = 0xcc;
	decode(a, c, &first, 1);
	decode(a, c, &file, 2);
	decode(a, c, &code, 1);
	decode(a, c, &unknown, 0);
	assert_true(file.reads && code.reads && unknown.reads);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_in_pieces),
		cmocka_unit_test(other_process),
		cmocka_unit_test(other_file_or_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
