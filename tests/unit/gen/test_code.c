/* SPDX-License-Identifier: Apache-2.0 */
/* What the code looks like, and how fast it comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gen/gen.h"
#include "random_ir.h"

static const struct gen_limits limits = {
	.max_string = 512,
	.max_map_entries = 2048,
	.max_nesting = 10,
	.max_action = 1000,
	.max_errors = 1,
	.hist_elision = ABI_HIST_ELISION,
	.want_listing = true,
};

static uint32_t count(const char *text, const char *what)
{
	uint32_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* A counter costs a lookup and one instruction; flags and red zone are kept only when alive. */
static void test_counter(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = gen_bundle(a, counter_module(a), &limits);
	const char *entry = strstr(b->listing, "(entry), inline:"),
		   *generic = strstr(b->listing, "(generic), inline:"),
		   *at_return = strstr(b->listing, "(return), inline:");

	(void)state;
	assert_int_equal(b->handlers.p[0].variant[VARIANT_ENTRY].kind, BUNDLE_INLINE);
	assert_int_equal(b->handlers.p[0].variant[VARIANT_GENERIC].kind, BUNDLE_INLINE);
	assert_int_equal(b->handlers.p[0].variant[VARIANT_TOOL].kind, BUNDLE_ABSENT);
	assert_non_null(entry);
	assert_non_null(generic);
	assert_true(entry < generic);
	assert_non_null(at_return);
	assert_true(generic < at_return);
	assert_int_equal(count(entry, "lahf"), 2);
	assert_int_equal(count(generic, "lahf"), 2);
	assert_int_equal(count(at_return, "lahf"), 1);
	assert_int_equal(count(entry, "80(%rsp)"), count(generic, "80(%rsp)"));
	assert_int_equal(count(at_return, "80(%rsp)"), 0);
	/* label and empty line, the rare way (call, jmp, two literals) and 17 instructions */
	assert_true(count(entry, "\n") - count(generic, "\n") <= 23);
	assert_true(b->inlines.p[0].size <= 96);
	arena_destroy(a);
}

static void test_no_inline(void **state)
{
	struct arena *a = arena_create();
	struct gen_limits l = limits;
	struct bundle *b;

	(void)state;
	l.no_inline = true;
	b = gen_bundle(a, counter_module(a), &l);
	assert_int_equal(b->handlers.p[0].variant[VARIANT_ENTRY].kind, BUNDLE_FULL);
	assert_int_equal(b->inlines.n, 0);
	/* it cannot fail, print or lock */
	assert_int_equal(count(b->listing, "rt_handler_end"), 0);
	arena_destroy(a);
}

/* A handler without effects is none. */
static void test_empty(void **state)
{
	struct arena *a = arena_create();
	struct ir_module *m = counter_module(a);
	struct bundle *b;

	(void)state;
	m->functions.p[0]->blocks.p[0].ins.p[1] = m->functions.p[0]->blocks.p[0].ins.p[2];
	m->functions.p[0]->blocks.p[0].ins.n = 2;
	b = gen_bundle(a, m, &limits);
	assert_int_equal(b->handlers.p[0].variant[VARIANT_ENTRY].kind, BUNDLE_EMPTY);
	m->probes.p[0].function = IR_NONE;
	b = gen_bundle(a, m, &limits);
	assert_int_equal(b->handlers.p[0].variant[VARIANT_GENERIC].kind, BUNDLE_EMPTY);
	assert_int_equal(b->sites.n, RANDOM_SITES);
	arena_destroy(a);
}

/* One module with many handlers of usual size. */
static void test_speed(void **state)
{
	struct arena *a = arena_create();
	struct random_options o = { .seed = 11, .target = true };
	struct ir_module *m = random_module(a, &o);
	struct gen_limits l = limits;
	struct ir_function *last = m->functions.p[m->functions.n - 1];
	struct ir_probe probe = m->probes.p[0];
	struct timespec start, end;
	uint32_t n_ins = 0;

	(void)state;
	vec_each(b, &last->blocks)
		n_ins += b->ins.n;
	for (uint32_t i = 1; i < 1000; i++) {
		vec_push(a, &m->functions, last);
		probe.function = m->functions.n - 1;
		vec_push(a, &m->probes, probe);
	}
	l.want_listing = false;
	clock_gettime(CLOCK_MONOTONIC, &start);
	gen_bundle(a, m, &l);
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("1000 handlers of %u instructions, 2 variants: %ld us\n", n_ins,
		      (long)((end.tv_sec - start.tv_sec) * 1000000 +
			     (end.tv_nsec - start.tv_nsec) / 1000));
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_no_inline),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
