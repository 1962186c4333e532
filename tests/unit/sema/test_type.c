/* SPDX-License-Identifier: Apache-2.0 */
/* Inferred types, functions, display of unread globals: what pass 2 prints. */
#include "tests.h"

#include <string.h>

struct printed {
	const char *script, *output;
};

static const struct printed printed[] = {
	{ "global a, n; probe begin { a[1,\"x\"] = 2; n++ } function f(x:long) { return x + 1 }\n"
	  "probe timer.s(1) { foreach ([i,j] in a-) printf(\"%d %s\\n\", i, j); println(f(3), n) }",
	  "# globals\na:long [long, string]\nn:long\n# functions\nf:long (x:long)\n# probes\n"
	  "begin /* <- begin */\ntimer.s(1) /* <- timer.s(1) */\n  # locals\n  i:long\n  "
	  "j:string\n" },
	/* down from a parameter, up from a result */
	{ "function f(x) { return g(x) } function g(x:string) { return strlen(x) } probe begin { y "
	  "= z; z = \"a\";"
	  " println(f(y)) }",
	  "# functions\nf:long (x:string)\ng:long (x:string)\n# probes\nbegin /* <- begin */\n  # "
	  "locals\n"
	  "  y:string\n  z:string\n" },
	/* keys learn from loops, values from comparisons */
	{ "global a, b; probe begin { foreach (k in a) println(k . \"\"); if (b[1] == \"x\") "
	  "println(a[\"\"] + 1) }",
	  "# globals\na:long [string]\nb:string [long]\n# probes\nbegin /* <- begin */\n  # "
	  "locals\n  k:string\n" },
	{ "global w%[4], s; probe begin { w[tid()] = \"x\"; s <<< 3; println(w[1], @sum(s)) }",
	  "# globals\nw%[4]:string [long]\ns:stats\n# probes\nbegin /* <- begin */\n" },
	{ "global g; probe begin if (g) { g = 0 } probe begin { println(g) }",
	  "# globals\ng:long\n# probes\nbegin if (g) /* <- begin if (g) */\nbegin /* <- begin "
	  "*/\n" },
	/* shown at the end */
	{ "global n, s, a, b, c; probe begin { n++; s = \"t\"; a[1] = 2; b <<< 1; c[1,\"x\"] <<< 2 "
	  "}",
	  "# globals\nn:long\ns:string\na:long [long]\nb:stats\nc:stats [long, string]\n# probes\n"
	  "begin /* <- begin */\nend /* <- end */\nend /* <- end */\nend /* <- end */\n  # "
	  "locals\n  __idx0:long\n"
	  "  __val:long\nend /* <- end */\nend /* <- end */\n  # locals\n  __idx0:long\n  "
	  "__idx1:string\n" },
	/* not what the library keeps to itself */
	{ "probe begin { println(keep(3)) }", "# globals\nhidden:long\n# functions\nkeep:long "
					      "(x:long)\n# probes\nbegin(-5) /* <- begin(-5) */\n"
					      "begin /* <- begin */\n" },
};

static void prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(printed); i++) {
		struct world w;

		world_open(&w);
		if (world_check(&w, printed[i].script))
			fail_msg("%s\n%s", printed[i].script, world_messages(&w));
		if (strstr(printed[i].script, "keep("))
			assert_non_null(strstr(world_print(&w), "hidden:long\n"));
		else
			assert_string_equal(world_print(&w), printed[i].output);
		world_close(&w);
	}
}

static void overloads_by_arity_and_priority(void **state)
{
	const struct sema_function *f;
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(
		world_check(&w, "function f(x) { return 1 } function f(x, y) { return \"two\" }\n"
				"function pick(x:long) { if (x) return \"user\" next }\n"
				"probe begin { println(f(1), f(1, 2), pick(3)) }"),
		0);
	assert_int_equal(w.program->functions.n, 4);
	f = w.program->functions.p[2];
	assert_string_equal(f->name, "pick");
	assert_non_null(f->next_overload);
	assert_string_equal(sema_builtin_find("strlen", 1)->runtime, "rt_strlen");
	world_close(&w);
}

static void recursion_is_noticed(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(world_check(&w,
				     "function f:long(n:long) { return n < 2 ? 1 : n * f(n - 1) }\n"
				     "probe begin { println(f(5), twice(3)) }"),
			 0);
	vec_each(f, &w.program->functions)
		assert_int_equal((*f)->is_recursive, strcmp((*f)->name, "f") == 0);
	world_close(&w);
}

static void statistics_know_their_readers(void **state)
{
	const struct lang_variable *v;
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(world_check(&w, "global s probe begin { s <<< 1 println(@sum(s), @max(s)) "
					 "print(@hist_linear(s, 0, 100, 10)) }"),
			 0);
	v = w.program->globals.p[0];
	assert_int_equal(v->stat_ops, 1u << STAT_SUM | 1u << STAT_MAX);
	assert_int_equal(v->hist, HIST_LINEAR);
	assert_int_equal(v->hist_step, 10);
	world_close(&w);
}

static void private_names_stay_in_their_file(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_not_equal(world_check(&w, "probe begin { println(hidden + 1) hidden[1] = 2 }"),
			     0);
	assert_true(world_said(&w, DIAG_ARRAY_LOCAL));
	world_close(&w);
}

int sema_type_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints),
		cmocka_unit_test(overloads_by_arity_and_priority),
		cmocka_unit_test(recursion_is_noticed),
		cmocka_unit_test(statistics_know_their_readers),
		cmocka_unit_test(private_names_stay_in_their_file),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
