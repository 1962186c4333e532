/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole scripts: interpreted, and as generated code in tool, full and inline
 * form over the hosted runtime.  Both must print what is expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run_script.h"

static void check(const char *text, const char *order, const char *want, bool no_inline)
{
	struct script s = script_lower(text);
	struct gen_limits l = run_limits;
	struct process p;
	const char *got;

	if (!s.module)
		fail_msg("not accepted: %s", text);
	ir_optimize(s.module);
	run_interpreted = &s;
	l.no_inline = no_inline;
	process_load(&p, gen_bundle(s.arena, s.module, &l), run_symbol);
	got = run_script(s.arena, &p, order, run_by_interpreter);
	if (strcmp(got, want) != 0)
		fail_msg("%s: interpreted: %s", text, got);
	got = run_script(s.arena, &p, order, run_natively);
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s%s", text, got, p.b->listing);
	process_unload(&p);
	script_free(&s);
}

/* ---- scripts --------------------------------------------------------------------------------- */

#define SITE "probe process.mark(\"m\") "

static const struct {
	const char *text, *order, *want;
} scripts[] = {
	{ "global n " SITE "{ n++ } probe end { println(n) }", "0001", "3\n" },
	{ "global n " SITE "{ n <<< 1 } probe end { println(@count(n)) }", "00001", "4\n" },
	{ "global n " SITE "{ n += $arg1 } probe end { println(n) }", "0001", "18\n" },
	{ "global n " SITE "{ if ($arg1 > 6) n++ } probe end { println(n) }", "00001", "2\n" },
	{ "global n " SITE "{ n <<< $arg1 } probe end { println(@sum(n), \" \", @min(n), \" \", "
	  "@max(n), \" \", @avg(n)) }",
	  "0001", "18 5 7 6\n" },
	{ "global a " SITE "{ a[$arg1 % 2]++ } probe end { foreach (k in a+) printf(\"%d=%d \", k, "
	  "a[k]) }",
	  "00001", "1=2 0=2 " },
	{ "global a " SITE "{ a[$$name, $arg1] <<< $arg2 } probe end { foreach ([s, k] in a) "
	  "printf(\"%s %d %d\\n\", s, k, @sum(a[s, k])) }",
	  "001", "m 5 -22\nm 6 -22\n" },
	{ SITE "{ printf(\"%d %d %d %d\\n\", $arg1, $arg2, $arg3, $arg4) }", "0",
	  "5 -22 42 -48\n" },
	{ "global s " SITE "{ s = sprintf(\"%s-%d\", s, $arg1) } probe end { println(s) }", "001",
	  "-5-6\n" },
	{ "function f(x) { return x < 2 ? x : f(x - 1) + f(x - 2) } probe begin { println(f(10)) }",
	  "0", "55\n" },
	{ "function f:string(a, s) { return a > 0 ? f(a - 1, s . \"x\") : s } "
	  "probe begin { println(f(5, \"<\") . \">\") }",
	  "0", "<xxxxx>\n" },
	{ "probe begin { for (i = 0; i < 5; i++) { if (i == 3) continue; printf(\"%d\", i * i) } }",
	  "0", "01416" },
	{ "probe begin { try { x = 1 / (strlen(\"\")) } catch (e) { println(e) } println(x) }", "0",
	  "division by 0\n0\n" },
	{ "function deep(n) { return deep(n + 1) + 1 } probe begin { deep(0) }", "0",
	  "[MAXNESTING exceeded near identifier 'deep' at <input>:1:27]" },
	{ "probe begin { while (1) { x++ } }", "0",
	  "[MAXACTION exceeded near keyword 'while' at <input>:1:15]" },
	{ SITE "{ printf(\"%d %d %d|\", register(\"rdi\"), register(\"r8\"), register(\"eax\")) }",
	  "00", "5 8000 0|6 8001 1|" },
	{ "global a probe begin { for (i = 0; i < 10; i++) a[i % 4] <<< i; foreach (k in a- limit "
	  "2) "
	  "printf(\"%d:%d \", k, @count(a[k])); delete a[0]; print(@hist_linear(a[1], 0, 10, 5)) }",
	  "0",
	  "0:3 1:3 value |-------------------------------------------------- count\n"
	  "    0 |@                                                  1\n"
	  "    5 |@@                                                 2\n"
	  "   10 |                                                   0\n\n" },
	{ "global last, n " SITE "{ if (last < $arg1) last = $arg1; n++ } " SITE
	  "{ last = last * 2 } probe end { println(last, \" \", n) }",
	  "0112", "20 1\n" },
	{ SITE "{ x = $arg1; for (i = 0; i < 3; i++) x = x * $arg3 - i; println(x) }", "0",
	  "370396\n" },
	{ "function sum(a, b, c, d, e, f, g, h) { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + "
	  "8*h } " SITE "{ println(sum($arg1, 1, 2, 3, $arg1, 5, 6, $arg3)) }",
	  "0", "458\n" },
	{ SITE "{ s = sprintf(\"<%d>\", $arg1); println(s =~ \"^<[0-9]+>$\", s !~ \"[5x]\") }", "00",
	  "10\n11\n" },
	{ "function g:string(n) { return matched(n) } " SITE
	  "{ if (sprintf(\"a%db\", $arg1) =~ \"(a)([0-9]*)|(x)\") println(g(2), g(1), g(3), ngroups(), "
	  "matched_str()) } " SITE "{ try { println(matched(0)) } catch (e) { println(e) } }",
	  "010", "5a4a5\nno match of a regular expression to ask about\n7a4a7\n" },
	{ "probe begin { print(substr(\"abcdef\", 1, 3), isinstr(\"hay\", \"a\"), strtol(\"-42\", "
	  "10)) }",
	  "0", "bcd1-42" },
	{ SITE "{ next } probe process.mark(\"o\") { if ($arg1 == 5) next; println(\"on\") }",
	  "011", "on\non\n" },
};

static void test_scripts(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < base_count(scripts); i++) {
		check(scripts[i].text, scripts[i].order, scripts[i].want, false);
		check(scripts[i].text, scripts[i].order, scripts[i].want, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scripts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
