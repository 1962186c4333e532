/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random scripts print the same interpreted, before the passes of ir, and as generated code behind them.
 * SPILE_PROGRAMS=N makes N of them; SPILE_SEED=N shows that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_script.h"
#include "run_script.h"

#define USUAL 2000u

struct tally {
	uint64_t refused, silent, errors;
};

/* begin, marks in some order, end. */
static const char *order_of(struct arena *a, uint64_t seed)
{
	char marks[9];

	for (uint32_t i = 0; i < sizeof marks - 1; i++, seed = seed * 25214903917 + 11)
		marks[i] = (char)('1' + seed % RANDOM_SCRIPT_MARKS);
	marks[sizeof marks - 1] = 0;
	return arena_printf(a, "0%s%u", marks, RANDOM_SCRIPT_MARKS + 1);
}

static void compare(uint64_t seed, struct tally *tally, bool show)
{
	struct arena *a = arena_create();
	const char *text = random_script(a, seed), *order = order_of(a, seed), *want, *got, *wrong;
	struct gen_limits l = run_limits;
	struct script s = script_lower(text);
	struct process p;

	if (show)
		puts(text);
	if (!s.module) {
		tally->refused++;
		script_free(&s);
		arena_destroy(a);
		return;
	}
	l.want_listing = false;
	l.no_inline = seed % 4 == 3;
	run_interpreted = &s;
	process_load(&p, gen_bundle(s.arena, s.module, &l), run_symbol);
	want = run_script(s.arena, &p, order, run_by_interpreter);
	process_unload(&p);
	ir_optimize(s.module);
	wrong = ir_verify(s.module);
	if (wrong)
		fail_msg("seed %lu: %s", (unsigned long)seed, wrong);
	process_load(&p, gen_bundle(s.arena, s.module, &l), run_symbol);
	got = run_script(s.arena, &p, order, run_natively);
	if (show)
		printf("---- interpreted:\n%s---- native:\n%s", want, got);
	if (strcmp(want, got) != 0)
		fail_msg("SPILE_SEED=%lu: the interpreter and the generated code print unlike texts",
			 (unsigned long)seed);
	tally->silent += strlen(want) < 40;
	tally->errors += strstr(want, " near ") != NULL;
	process_unload(&p);
	script_free(&s);
	arena_destroy(a);
}

static void programs_print_the_same(void **state)
{
	const char *many = getenv("SPILE_PROGRAMS"), *one = getenv("SPILE_SEED");
	uint64_t n = many ? strtoull(many, NULL, 10) : USUAL;
	struct tally tally = { 0 };

	(void)state;
	if (one) {
		compare(strtoull(one, NULL, 10), &tally, true);
		return;
	}
	for (uint64_t seed = 0; seed < n; seed++)
		compare(seed, &tally, false);
	print_message("%lu programs: %lu refused, %lu with errors, %lu nearly silent\n", (unsigned long)n,
		      (unsigned long)tally.refused, (unsigned long)tally.errors, (unsigned long)tally.silent);
	assert_true(tally.refused <= n / 20);
	assert_true(tally.errors > n / 10 && tally.errors < n - n / 10);
	assert_true(tally.silent <= n / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(programs_print_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
