/* SPDX-License-Identifier: Apache-2.0 */
/* Which scripts are refused, by which tag and words. SystemTap 4.8 was asked about each. */
#include "tests.h"

#include <string.h>

struct refused {
	enum diag_tag tag;
	const char *words;
	const char *script;
};

static const struct refused refused[] = {
	/* types */
	{ DIAG_TYPE_MISMATCH, "type mismatch: expected long but found string: string 'one'",
	  "probe begin { x = \"one\" + 1 println(x) }" },
	{ DIAG_TYPE_MISMATCH, "type mismatch (string): identifier 'x'",
	  "probe begin { x = 1; x = \"a\"; println(x) }" },
	{ DIAG_TYPE_MISMATCH, "index 0",
	  "global a; probe begin { a[1] = 2; a[\"x\"] = 3; println(a[1]) }" },
	{ DIAG_TYPE_MISMATCH, "string", "probe begin { println(strlen(1)) }" },
	{ DIAG_TYPE_MISMATCH, "left and right", "probe begin { println(\"a\" == 1) }" },
	{ DIAG_TYPE_MISMATCH, "expected long", "probe begin { if (\"a\") println(1) }" },
	{ DIAG_TYPE_MISMATCH, "expected long", "probe begin { printf(\"%d\\n\", \"a\") }" },
	{ DIAG_TYPE_MISMATCH, "expected string", "probe begin { printf(\"%s\\n\", 1) }" },
	{ DIAG_TYPE_MISMATCH, "expected long", "probe begin { x = -\"a\" println(x) }" },
	{ DIAG_TYPE_MISMATCH, "expected string", "probe begin { x = \"a\" . 1 println(x) }" },
	{ DIAG_TYPE_MISMATCH, "expected string", "probe begin { x .= 1 println(x) }" },
	{ DIAG_TYPE_MISMATCH, "type mismatch (long)",
	  "probe begin { try { error(\"x\") } catch (m) { println(m) m = 1 } }" },
	{ DIAG_TYPE_MISMATCH, "expected string but found long",
	  "global g = 1; probe begin { g = \"a\" println(g) }" },
	{ DIAG_TYPE_MISMATCH, "found string",
	  "function f:long() { return \"x\" } probe begin { println(f()) }" },
	{ DIAG_TYPE_MISMATCH, "type mismatch", "probe begin { println(1 ? \"a\" : 2) }" },
	{ DIAG_TYPE_MISMATCH, "found string",
	  "probe begin { if (1) println(1) else { x = \"a\" + 1 println(x) } }" },
	{ DIAG_TYPE_UNRESOLVED, "unresolved type : identifier 'x'", "probe begin { println(x) }" },
	{ DIAG_TYPE_UNRESOLVED, "identifier 'x'", "probe begin { x = exit() println(x) }" },
	{ DIAG_TYPE_UNRESOLVED, "identifier 'a'",
	  "global a; probe begin { delete a[1]; println(1) }" },
	{ DIAG_TYPE_UNRESOLVED, "unresolved",
	  "function f(a) { return g(a) } function g(a) { return f(a) } probe begin { println(f(1)) "
	  "}" },
	{ DIAG_TYPE_MISMATCH, "type mismatch", "probe begin { v .= 1 println(1) }" },
	{ DIAG_TYPE_MISMATCH, "index 0",
	  "global a probe begin { next; a[1] = a[\"x\"] println(a[1]) }" },
	/* arity */
	{ DIAG_ARITY, "inconsistent arity (1 vs 0): identifier 'a'",
	  "global a; probe begin { a[1] = 2; a = 3 }" },
	{ DIAG_ARITY, "inconsistent arity (1 vs 2)",
	  "global a; probe begin { a[1] = 2; a[1,2] = 3; println(a[1]) }" },
	{ DIAG_ARITY, "(1 vs 2)",
	  "global a; probe begin { a[1]=1; foreach ([k,j] in a) { println(k) } }" },
	{ DIAG_ARITY, "(1 vs 2)", "global a; probe begin { a[1]=1; if ([1,2] in a) println(1) }" },
	{ DIAG_ARITY, "inconsistent arity", "global a[3]; probe begin { println(a) }" },
	{ DIAG_ARITY, "(function 'f' takes 1 args)",
	  "function f(x) { return x } probe begin { println(f(1,2)) }" },
	{ DIAG_ARITY, "(function 'exit' takes 0 args)", "probe begin { exit(1) }" },
	/* functions */
	{ DIAG_FUNCTION_UNKNOWN, "unresolved function strln (similar: strlen",
	  "probe begin { println(strln(\"a\")) }" },
	{ DIAG_FUNCTION_UNKNOWN, "nosuch",
	  "probe begin { if (1) println(1) else println(nosuch()) }" },
	{ DIAG_FUNCTION_CONFLICT, "long and string",
	  "function f() { return 1 } function f() { return \"x\" } probe begin { println(f()) }" },
	/* arrays and statistics */
	{ DIAG_ARRAY_LOCAL, "unresolved arity-1 global array a, missing global declaration?",
	  "probe begin { a[1] = 2 }" },
	{ DIAG_ARRAY_LOCAL, "missing global", "probe begin { foreach (k in a) { println(k) } }" },
	{ DIAG_ARRAY_LOCAL, "missing global", "probe begin { if (1 in a) println(1) }" },
	{ DIAG_STATISTIC, "stat locals not supported",
	  "probe begin { x <<< 2 println(@count(x)) }" },
	{ DIAG_STATISTIC, "invalid type stats",
	  "global a; probe begin { a[1] <<< 1; foreach (v = k in a) println(v) }" },
	{ DIAG_STATISTIC, "conflicting bit shifts declared (previously 3)",
	  "global a; probe begin { a <<< 1; println(@variance(a, 3), @variance(a, 4)) }" },
	{ DIAG_STATISTIC, "bit shift (63) out of range",
	  "global a; probe begin { a <<< 1; println(@variance(a, 63)) }" },
	{ DIAG_STATISTIC, "invalid type string",
	  "global a; probe begin { a[1]=\"x\"; foreach (i in a @sum-) println(i) }" },
	{ DIAG_TYPE_MISMATCH, "(long)",
	  "global s; probe begin { s <<< 1; s = 2; println(@count(s)) }" },
	{ DIAG_HISTOGRAM, "multiple histogram types",
	  "global s; probe begin { s <<< 1; print(@hist_log(s)) print(@hist_linear(s,0,10,1)) }" },
	{ DIAG_HISTOGRAM, "multiple histogram types",
	  "global s; probe begin { s <<< 1; print(@hist_linear(s,0,10,2)) "
	  "print(@hist_linear(s,0,10,1)) }" },
	/* loops */
	{ DIAG_CONTROL_FLOW, "cannot 'break' outside loop", "probe begin { break }" },
	{ DIAG_CONTROL_FLOW, "cannot 'continue' outside loop", "probe begin { continue println(1) }" },
	/* places */
	{ DIAG_LVALUE, "Expecting lvalue", "probe begin { 3 = 4 println(1) }" },
	{ DIAG_LVALUE, "invalid operand of delete", "probe begin { delete 3 println(1)}" },
	{ DIAG_FOREACH_MODIFIED, "variable 'a' modified during 'foreach' iteration",
	  "global a; probe begin { a[1]=1; foreach (k in a) { delete a[k] } }" },
	{ DIAG_FOREACH_MODIFIED, "variable 'a'",
	  "global a; probe begin { a[1]=1; foreach (k in a) { a[k] = 2 } }" },
	{ DIAG_FOREACH_MODIFIED, "variable 'a'",
	  "global a; probe begin { a[1]=1; foreach (k in a) foreach (j in a) a[j]++ }" },
	{ DIAG_FOREACH_MODIFIED, "variable 'a'",
	  "global a; probe begin { a[1]=1; foreach (k in a limit a[1]++) println(k) }" },
	{ DIAG_FOREACH_MODIFIED, "function call modifies var 'a' during 'foreach' iteration",
	  "global a function f() { a[1] = 1 } probe begin { foreach (k in a) f() }" },
	{ DIAG_FOREACH_MODIFIED, "var 'a'",
	  "global a function f() { delete a[1] } probe begin { a[1]=1 foreach (k in a) f() }" },
	{ DIAG_FOREACH_MODIFIED, "var 'a'",
	  "global a function f() { a[1]=1 return 2 } probe begin { foreach (k in a limit f()) "
	  "println(k) }" },
	/* probe points */
	{ DIAG_PROBE_POINT, "probe point mismatch (similar: begin", "probe begn { println(1) }" },
	{ DIAG_PROBE_POINT,
	  "probe point truncated (follow:  s(number) ms(number)): identifier 'timer'",
	  "probe timer { println(1) }" },
	{ DIAG_PROBE_POINT, "probe point mismatch", "probe timer.s(\"a\") { println(1) }" },
	{ DIAG_PROBE_POINT, "invalid suffix for probe: identifier 'foo'",
	  "probe begin(1).foo { println(1) }" },
	{ DIAG_PROBE_POINT, "didn't find any wildcard matches", "probe xbeg* { println(1) }" },
	{ DIAG_PROBE_POINT, "invalid suffix", "probe both.foo { println(1) }" },
	{ DIAG_ALIAS, "recursive loop in alias expansion of loop_a",
	  "probe loop_a { println(1) }" },
	{ DIAG_PROBE_CONDITION, "must not reference undeclared global",
	  "probe begin if (x) { println(1) }" },
	{ DIAG_PROBE_CONDITION, "must not modify any variables",
	  "global g; probe begin if (g++) { println(1) }" },
	{ DIAG_PROBE_CONDITION, "must not reference function",
	  "probe begin if (pid()) { println(1) }" },
	{ DIAG_PROBE_TARGET, "no match", "probe fake.site(\"none\") { println(1) }" },
	{ DIAG_NO_PROBES, "no probes found", "probe begin { }" },
	{ DIAG_NO_PROBES, "no probes found", "probe begin { x = 1 }" },
	{ DIAG_NO_PROBES, "no probes found", "probe begin { while (1) { } }" },
	{ DIAG_NO_PROBES, "no probes found", "probe fake.site(\"none\")? { println(1) }" },
	{ DIAG_NO_PROBES, "no probes found", "function f() { next } probe begin { f() }" },
	/* target variables */
	{ DIAG_VARIABLE_CONTEXT, "unresolved target-symbol expression: identifier '$x'",
	  "probe begin { println($x) }" },
	{ DIAG_VARIABLE_UNKNOWN, "no variable '$x'", "probe fake.site(\"one\") { println($x) }" },
	{ DIAG_VARIABLE_UNKNOWN, "no variable '$arg1'",
	  "probe fake.site(\"unlike\") { println($arg1) }" },
	{ DIAG_VARIABLE_WRITE, "write to target variable not permitted",
	  "probe fake.site(\"one\") { $arg1 = 3 }" },
	/* later */
	{ DIAG_VARIABLE_CONTEXT, "@perf", "probe begin { println(@perf(\"x\")) }" },
	{ DIAG_REGEX, "missing ')'", "probe begin { println(\"a\" =~ \"(b\") }" },
};

static const char *const accepted[] = {
	"global a, b; probe begin { a[1] = 1; foreach (b in a) println(b) }",
	"global a[3] probe begin { a[1]=1 foreach (i in a+) foreach (j- in a) println(i) }",
	"global a; function f() { delete a } probe begin { a[1]=1; foreach (k in a) { f() } }",
	"global a; probe begin { a[1]=1; foreach (k in a) { delete a } }",
	("global a function g() { a[2]++ } function f() { g() } "
	 "probe begin { a[1]=1 foreach (k in a) f() }"),
	"probe begin { x = 5 delete x println(1) }",
	"probe begin { next; next } probe end { println(1) }",
	"probe begin { if (x = 1) println(x) }",
	"probe begin { y = (x = 3) + 1; println(y) }",
	"probe begin { println(a.b) }",
	"function f() { } probe begin { x = 1 + f() println(x) }",
	"function f(a,b) { return b } probe begin { x = 1; println(f(x, \"x\")) }",
	"global a probe begin { a <<< 1 foreach (b in @hist_log(a)) println(b, @hist_log(a)[b]) }",
	"global s; probe begin { println(@count(s)) }",
	"global g; function f() { return 1 } probe begin { g = f(); f = 2; println(f) }",
	"probe begin, xx? { println(1) }",
	"probe fake.site(\"none\")!, begin { println(1) }",
	"probe begin { if (@defined($x)) nosuch() println(1) }",
	"probe begin { println(@defined($x) ? \"a\" : 1) }",
	"probe fake.site(\"one\") { if (0) nosuch() println(1) }",
	"probe begin { x = 1; x = \"dead\" - 1 println(2) }",
	"probe {begin, end} { println(1) }",
	"global g; probe begin if (g) { println(1) }",
	"function f() { return 1 } function f() { return 2 } probe begin { println(f()) }",
	"probe begin { println(first_arg()) }",
	"probe begin { println(argc, argv[1], argv_3) }",
	"probe begin { exit() } probe timer.s(1).randomize(1) { println(1) }",
	/* what counts is not dropped, though nobody reads it */
	"probe begin { x++ }",
	"probe begin { x += 1 }",
	/* types that only dead code leaves open */
	"probe begin { println(1) if (0) println(y) }",
	"probe begin { println(1) while (0) println(y) }",
	"probe begin { println(1) for (; 0; ) println(y) }",
	"probe begin { println(1) next; x = y println(x) }",
	"probe begin { println(1) if (pid() && 0) println(y) }",
	"probe begin { println(1) if (pid() || 1) println(2) else println(y) }",
	"function f() { return 1; println(y) } probe begin { println(f()) }",
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(refused); i++) {
		struct world w;

		world_open(&w);
		if (!world_check(&w, refused[i].script))
			fail_msg("accepted: %s", refused[i].script);
		if (!world_said(&w, refused[i].tag) ||
		    !strstr(world_messages(&w), refused[i].words))
			fail_msg("%s\nwant [%s] %s\ngot  %s", refused[i].script,
				 diag_tag_name(refused[i].tag), refused[i].words,
				 world_messages(&w));
		world_close(&w);
	}
}

static void accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(accepted); i++) {
		struct world w;

		world_open(&w);
		if (world_check(&w, accepted[i]))
			fail_msg("%s\n%s", accepted[i], world_messages(&w));
		world_close(&w);
	}
}

static void warns(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	world_check(&w, "global g probe begin { x = 1 } probe end { println(1, y . \"\", g + 1) }");
	assert_true(world_said(&w, DIAG_WARN_ELIDED));
	assert_non_null(strstr(world_messages(&w), "Eliding assignment to 'x'"));
	assert_non_null(strstr(world_messages(&w), "Probe 'begin' has been elided"));
	assert_non_null(strstr(world_messages(&w), "never-assigned local variable 'y'"));
	assert_non_null(strstr(world_messages(&w), "never-assigned global variable 'g'"));
	world_close(&w);
}

/* -u: nothing is dropped. */
static void keeps_unoptimized(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.options.unoptimized = true;
	assert_int_equal(world_check(&w, "probe begin { } probe end { x = 1 }"), 0);
	assert_int_equal(w.program->probes.n, 2);
	world_close(&w);
}

int sema_judgement_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(warns),
		cmocka_unit_test(keeps_unoptimized),
	};

	return cmocka_run_group_tests_name("judgement", tests, NULL, NULL);
}
