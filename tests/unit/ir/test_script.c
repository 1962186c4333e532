/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts do when their IR is interpreted, as lowered and after the passes. */
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "tests.h"

/* Runs the probes of `order` (digits), before and after ir_optimize(); both must print `want`. */
static void prints_in_order(const char *text, const char *order, const char *want)
{
	for (int optimized = 0; optimized <= 1; optimized++) {
		struct script s = script_lower(text);
		struct world *w;
		const char *wrong;

		if (!s.module)
			fail_msg("not accepted: %s", text);
		if (optimized)
			ir_optimize(s.module);
		wrong = ir_verify(s.module);
		if (wrong)
			fail_msg("%s: %s", text, wrong);
		w = world_create(&s);
		for (const char *i = order; *i; i++)
			if (world_run(w, (uint32_t)(*i - '0')))
				fail_msg("%s: %s", text, world_error(w));
		assert_string_equal(world_output(w), want);
		world_free(w);
		script_free(&s);
	}
}

static void prints(const char *text, const char *want)
{
	prints_in_order(text, "0", want);
}

static void fails(const char *text, const char *want)
{
	struct script s = script_lower(text);
	struct world *w;

	assert_non_null(s.module);
	ir_optimize(s.module);
	assert_null(ir_verify(s.module));
	w = world_create(&s);
	world_run(w, 0);
	assert_string_equal(world_error(w), want);
	world_free(w);
	script_free(&s);
}

void script_computes_numbers(void **state)
{
	(void)state;
	prints("probe begin { x = 7; y = -2; println(x / y, \" \", x % y, \" \", x << 3 | 1, \" "
	       "\", ~x & 0xff) }",
	       "-3 1 57 248\n");
	prints("probe begin { x = 3; println(x++ + x * 10, \" \", --x, \" \", x += 4, \" \", !x, "
	       "\" \", -x) }",
	       "43 3 7 0 -7\n");
	prints("probe begin { x = 5; println(x > 3 && x < 9, x < 3 || x == 4, x != 5 ? 1 : 2) }",
	       "102\n");
	prints("probe begin { x = y = 4; x -= y *= 2; println(x, \" \", y, \" \", x <= -4) }",
	       "-4 8 1\n");
	prints("probe begin { x = 1; y = x + (x = 10); println(y) }", "11\n");
}

void script_computes_strings(void **state)
{
	(void)state;
	prints("probe begin { a = \"x\"; b = a . \"y\" . a; a .= b; println(a, \" \", b) }",
	       "xxyx xyx\n");
	prints("probe begin { s = \"ab\"; s = \"<\" . s . \">\"; s .= s; println(s, \" \", s > "
	       "\"<\") }",
	       "<ab><ab> 1\n");
	prints("probe begin { s = \"a\"; t = s . (s = \"b\"); println(t, s) }", "abb\n");
	prints("probe begin { s = \"q\"; s = sprintf(\"%s-%d-%5s|%-4d|\", s, 5, s, 6); println(s) "
	       "}",
	       "q-5-    q|6   |\n");
	prints("probe begin { n = 2; println(n == 2 ? \"two\" : \"other\", \"%\", sprint(n, "
	       "\"x\")) }",
	       "two%2x\n");
	prints("global g = \"start\" probe begin { g = g . \"!\"; g .= g; println(g); delete g; "
	       "println(g, \".\") }",
	       "start!start!\n.\n");
	prints("probe begin { printf(\"%s %c%c %x %5.2s| %*d\\n\", \"lit\", 65, 66, 255, \"abc\", "
	       "4, 9) }",
	       "lit AB ff    ab|    9\n");
	prints("probe begin { printd(\", \", 1, \"two\", 3); printdln(\"-\", 4, 5); print(\"end\") "
	       "}",
	       "1, two, 34-5\nend");
}

void script_branches_and_loops(void **state)
{
	(void)state;
	prints("probe begin { for (i = 0; i < 10; i++) { if (i == 2) continue; if (i == 5) break; "
	       "print(i) } }",
	       "0134");
	prints("probe begin { while (n < 3) { n++; m = 0; while (1) if (m++ > 1) break; print(m) } "
	       "}",
	       "333");
	prints("probe begin { if (1) print(\"a\"); else print(\"b\"); next; print(\"c\") }", "a");
	prints("probe begin { if (!x && (y || !x)) print(\"yes\"); if (x in a) print(\"no\") } "
	       "global a\n"
	       "probe end { a[1] = 1 }",
	       "yes");
}

void script_uses_arrays(void **state)
{
	(void)state;
	prints("global a probe begin { a[1] = 5; a[2]++; a[2] += 3; println(a[1], a[2], a[3], 3 in "
	       "a, 1 in a) }",
	       "54001\n");
	prints("global a probe begin { a[\"x\", 1] = \"v\"; a[\"x\", 1] .= \"w\"; println(a[\"x\", "
	       "1], a[\"y\", 1]) }",
	       "vw\n");
	prints("global a probe begin { for (i = 0; i < 5; i++) a[i] = i * i % 7\n"
	       "foreach (k in a- limit 3) printf(\"%d:%d \", k, a[k]); foreach (v = k+ in a) "
	       "print(v) }",
	       "2:4 3:2 4:2 01422");
}

void script_deletes(void **state)
{
	(void)state;
	prints("global a probe begin { a[1] = 1; a[2] = 2; delete a[1]; foreach (k in a) print(k); "
	       "delete a\n"
	       "foreach (k in a) print(\"no\"); x = 4; delete x; s = \"q\"; delete s; println(x, "
	       "s) }",
	       "20\n");
	prints("global a probe begin { a[1, 1] = 1; a[1, 2] = 2; a[2, 1] = 3; foreach ([x, y] in "
	       "a[1, *]) "
	       "print(x, y, \" \"); println([1, *] in a, [3, *] in a); delete a[1, *]; foreach "
	       "([x, y] in a) "
	       "print(x, y) }",
	       "11 12 10\n21");
}

void script_keeps_statistics(void **state)
{
	(void)state;
	prints("global s probe begin { s <<< 3; s <<< 9; println(@count(s), \" \", @sum(s), \" \", "
	       "@min(s), \" \","
	       "@max(s), \" \", @avg(s)) }",
	       "2 12 3 9 6\n");
	prints("global s probe begin { s[\"a\"] <<< 3; s[\"b\"] <<< 9; s[\"b\"] <<< 1; foreach (k "
	       "in s- limit 1) "
	       "println(k, @count(s[k]), @sum(s[k]), @count(s[\"c\"])) }",
	       "b2100\n");
	prints("global s probe begin { for (i = 0; i < 4; i++) s <<< i * 10; "
	       "println(@hist_linear(s, 0, 30, 10)[1]); "
	       "foreach (b in @hist_linear(s, 0, 30, 10)) print(b) }",
	       "1\n012345");
	fails("global s probe begin { println(@min(s)) } probe end { s <<< 1 }",
	      "empty aggregate near operator '@min' at <input>:1:32");
}

void script_calls_functions(void **state)
{
	(void)state;
	prints("function f(n) { if (n <= 1) return 1; return n * f(n - 1) } probe begin { "
	       "println(f(5)) }",
	       "120\n");
	prints("function f:string(s:string) { s .= \"!\"; return s . s } probe begin { t = \"a\"; "
	       "u = f(t); t = f(t);"
	       "println(t, u) }",
	       "a!a!a!a!\n");
	prints("function f(n) { n = n + 1; if (n > 5) return 1; next } function f(n) { return n * "
	       "100 }\n"
	       "probe begin { println(f(7), \" \", f(2)) }",
	       "1 200\n");
	prints("function f:string(n) { if (n) return \"some\" } probe begin { println(f(1), f(0), "
	       "\".\") }",
	       "some.\n");
	prints("global g = \"old\" function f:string(s:string) { g = \"new\"; return s } probe "
	       "begin { println(f(g), g) }",
	       "oldnew\n");
	fails("function f(n) { next } probe begin { f(1) }",
	      "all functions exhausted near keyword 'next' at <input>:1:17");
	fails("function f(n) { return f(n + 1) + 1 } probe begin { println(f(1)) }",
	      "MAXNESTING exceeded near identifier 'f' at <input>:1:24");
}

void script_catches_errors(void **state)
{
	(void)state;
	prints("probe begin { try { x = 1 / y; print(\"no\") } catch (e) { print(e) } print(\".\") "
	       "}",
	       "division by 0.");
	prints("probe begin { s = \"keep\"; try { s = \"lost\" . sprint(1 % z) } catch { print(s) "
	       "} }",
	       "keep");
	prints("probe begin { try { try { error(\"a\") } catch (e) { error(e . \"b\") } } catch "
	       "(f) { print(f) } }",
	       "ab");
	fails("probe begin { x = 4 / y }", "division by 0 near operator '/' at <input>:1:21");
	fails("probe begin { try { while (1) n++ } catch { print(\"caught\") } print(\"on\") }",
	      "MAXACTION exceeded near keyword 'while' at <input>:1:21");
	fails("global a[2] probe begin { a[1] = 1; a[2] = 2; a[3] = 3 }",
	      "Array overflow, check size limit (2) near identifier 'a' at <input>:1:47");
}

/* Site handlers count in shards, the tool's handlers see the sum. */
void script_shares_by_shards(void **state)
{
	(void)state;
	prints_in_order("global c, s, a, t probe process.mark(\"m\") { c++; c += 2; s <<< 5; "
			"a[$arg3]++; t[$arg3] <<< 7 }\n"
			"probe timer.s(1) { c += 10; println(c, \" \", @count(s), \" \", a[42], \" "
			"\", @sum(t[42])) }",
			"00101", "16 2 2 14\n29 3 3 21\n");
	prints_in_order("global c = 100 probe begin { c++ } probe process.mark(\"m\") { c-- } "
			"probe end { println(c) }",
			"01112", "98\n");
}

void script_locks_the_rest(void **state)
{
	(void)state;
	prints_in_order("global c, last probe process.mark(\"m\") { last = c; c = last + 1 } probe "
			"end { println(c, last) }",
			"0001", "32\n");
	prints_in_order("global on probe process.mark(\"m\") if (on) { n++; print(n) } probe begin "
			"{ on = 1 }",
			"010", "1");
}

void script_reads_the_target(void **state)
{
	static const int32_t memory[] = { 0, -7 };
	struct script s = script_lower(
		"probe process.mark(\"m\") { println($arg1, \" \", $arg2, \" \", $arg3, \" \", "
		"$arg4, \" \", $arg6) }");
	struct abi_slot *slot;
	struct world *w;

	(void)state;
	assert_non_null(s.module);
	ir_optimize(s.module);
	assert_null(ir_verify(s.module));
	assert_true(s.module->reads_memory);
	w = world_create(&s);
	slot = world_slot(w, false);
	slot->registers[ABI_RDI] = (uint64_t)-5;
	slot->registers[ABI_RSI] = (uintptr_t)memory;
	slot->registers[ABI_RDX] = 0x1ff;
	slot->registers[ABI_RAX] = 0x1234;
	assert_int_equal(world_run(w, 0), 0);
	assert_string_equal(world_output(w), "-5 -7 42 -1 18\n");
	world_free(w);
	script_free(&s);
}

/* One function for probes with the same body, another where positions or operands differ. */
void same_handlers_are_shared(void **state)
{
	struct script s = script_lower(
		"global c probe process.mark(\"a\"), process.mark(\"b\"), timer.s(1) { c++ }\n"
		"probe process.mark(\"m\") { c++ } probe process.mark(\"n\") { c += 2 } probe "
		"never { c = 5 }");

	(void)state;
	assert_non_null(s.module);
	assert_int_equal(s.module->probes.n, 6);
	assert_int_equal(s.module->functions.n, 3);
	assert_int_equal(s.module->probes.p[0].function, s.module->probes.p[1].function);
	assert_int_equal(s.module->probes.p[0].function, s.module->probes.p[3].function);
	assert_int_equal(s.module->probes.p[5].function, IR_NONE);
	script_free(&s);
}

void nesting_is_computed(void **state)
{
	struct script s = script_lower(
		"function f() { return g() } function g() { return 1 } probe begin { f() g() }");

	(void)state;
	assert_int_equal(ir_nesting(s.module), 2);
	script_free(&s);
	s = script_lower("function f(n) { return n ? f(n - 1) : 0 } probe begin { f(2) }");
	assert_int_equal(ir_nesting(s.module), 11);
	script_free(&s);
}
