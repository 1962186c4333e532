/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole scripts: interpreted, and as generated code in tool, full and inline
 * form over the hosted runtime.  Both must print what is expected.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../ir/script.h"
#include "gen/gen.h"
#include "process.h"
#include "runtime/rt_api.h"
#include "stubs.h"

#define STRING_SIZE (ABI_STRING_HEAD + ABI_MAXSTRINGLEN)

static const struct gen_limits limits = {
	.max_string = ABI_MAXSTRINGLEN,
	.max_map_entries = 2048,
	.max_nesting = 20,
	.max_action = 1000,
	.max_errors = 1,
	.want_listing = true,
};

/* ---- the runtime, with output that can be looked at -------------------------------------- */

static struct buf *output;
static const char *const *positions;

static void print(struct abi_slot *s, int64_t number, const struct abi_format *f,
		  const uint64_t *args)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	(void)number;
	rt_sprint(s, f, args, text);
	buf_add(output, text->text, text->length);
	free(text);
}

static void print_hist(struct abi_slot *s, int64_t newline, const struct abi_stat_desc *d,
		       int64_t kind, const struct abi_stat *v)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	rt_sprint_hist(s, d, kind, v, text);
	buf_add(output, text->text, text->length);
	buf_adds(output, newline ? "\n" : "");
	free(text);
}

/* Stands for the record of an error and its position. */
static void handler_end(struct abi_slot *s)
{
	const struct abi_string *text = (const void *)((const char *)s + ABI_SLOT_ERROR);

	if (s->error)
		buf_addf(output, "[%.*s near %s]", (int)text->length, text->text,
			 positions[s->where]);
	s->error = ABI_ERROR_NONE;
	rt_handler_end(s);
}

static void *symbol(const char *name)
{
	static const struct {
		const char *name;
		void *address;
	} own[] = {
		{ "rt_print", (void *)print },
		{ "rt_print_hist", (void *)print_hist },
		{ "rt_handler_end", (void *)handler_end },
		{ "rt_slot_miss", (void *)stub_slot_miss },
		{ "rt_slot_busy", (void *)stub_slot_busy },
	};
	void *found = dlsym(RTLD_DEFAULT, name);

	for (uint32_t i = 0; i < base_count(own); i++)
		if (strcmp(own[i].name, name) == 0)
			found = own[i].address;
	if (!found)
		fail_msg("no runtime function %s", name);
	return found;
}

/* ---- running -------------------------------------------------------------------------------- */

static uint8_t target_stack[65536] __attribute__((aligned(16)));
static int32_t target_data[] = { 11, -22, 33 };

static void prepare_registers(uint32_t hit)
{
	for (uint32_t r = 0; r < 16; r++)
		forms_in.r[r] = 1000 * r + hit;
	forms_in.r[ABI_RDI] = 5 + hit;
	forms_in.r[ABI_RSI] = (uintptr_t)target_data;
	forms_in.r[ABI_RSP] = (uintptr_t)target_stack + sizeof target_stack / 2;
	forms_in.flags = 0x202;
}

static const struct script *script; /* the one that is interpreted: literals */

static const void *string_literal(void *user, uint32_t index)
{
	static char places[16][STRING_SIZE] __attribute__((aligned(8)));
	static uint32_t next; /* few are in use at a time */
	struct abi_string *to = (void *)places[next++ % 16];

	(void)user;
	to->length = script->module->strings.p[index].length;
	memcpy(to->text, script->module->strings.p[index].text, to->length);
	to->text[to->length] = 0;
	return to;
}

static void interpret(struct process *p, uint32_t probe, bool in_tool)
{
	struct ir_machine machine = process_machine(p, symbol);
	struct abi_slot *s = in_tool ? p->tool : p->slot;

	machine.slot = s;
	machine.string = string_literal;
	s->site = in_tool ? 0 : (uintptr_t)p->sites;
	memcpy(s->registers, forms_in.r, sizeof forms_in.r);
	s->actions = limits.max_action;
	ir_interpret(script->module, script->module->probes.p[probe].function, NULL, &machine);
	handler_end(s);
}

static void run_site(struct process *p, uint32_t handler)
{
	uint8_t *start = p->trampoline;
	void *at = process_trampoline(p, handler, VARIANT_GENERIC, 0, (void *)forms_resume, symbol);

	if (at)
		forms_enter(at);
	else
		forms_out = forms_in;
	p->trampoline = start;
}

static void execute(struct process *p, uint32_t probe, bool in_tool)
{
	uint32_t handler = p->b->probes.p[probe].handler;
	const struct bundle_handler *h = &p->b->handlers.p[handler];

	if (in_tool) {
		void *run = p->code + h->variant[VARIANT_TOOL].at;

		assert_int_equal(h->variant[VARIANT_TOOL].kind, BUNDLE_FULL);
		((void (*)(struct abi_slot *))run)(p->tool);
		return;
	}
	run_site(p, handler);
	for (uint32_t r = 0; r < 16; r++)
		assert_int_equal(forms_in.r[r], forms_out.r[r]);
}

static void prepare_sites(struct process *p)
{
	const struct bundle_site *site = p->b->sites.p;

	p->sites[0] = (struct abi_site){ .pc = 0x401000 };
	if (p->b->sites.n) {
		p->sites[0].name = (uintptr_t)p->code + site->name;
		p->sites[0].provider = (uintptr_t)p->code + site->provider;
		p->sites[0].sp_adjust = BUNDLE_SP_ADJUST_GENERIC;
	}
	process_register(p, true);
}

/* Runs the probes named by digits. */
static const char *run(struct arena *a, struct process *p, const char *order,
		       void (*one)(struct process *p, uint32_t probe, bool in_tool))
{
	struct buf out;

	buf_init(&out, a);
	output = &out;
	positions = p->b->positions.p;
	process_reset(p);
	prepare_sites(p);
	for (uint32_t i = 0; order[i]; i++) {
		uint32_t probe = (uint32_t)(order[i] - '0');

		prepare_registers(i);
		one(p, probe, p->b->probes.p[probe].event != EVENT_SITE);
	}
	return buf_str(&out);
}

static void check(const char *text, const char *order, const char *want, bool no_inline)
{
	struct script s = script_lower(text);
	struct gen_limits l = limits;
	struct process p;
	const char *got;

	if (!s.module)
		fail_msg("not accepted: %s", text);
	ir_optimize(s.module);
	script = &s;
	l.no_inline = no_inline;
	process_load(&p, gen_bundle(s.arena, s.module, &l), symbol);
	got = run(s.arena, &p, order, interpret);
	if (strcmp(got, want) != 0)
		fail_msg("%s: interpreted: %s", text, got);
	got = run(s.arena, &p, order, execute);
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
