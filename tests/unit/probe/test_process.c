/* SPDX-License-Identifier: Apache-2.0 */
/* process probes: sites, variables, messages, listings; on a fixture and on the system's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/probe.h"

static const char *fixture;

struct bench {
	struct arena *arena;
	struct source_set *sources;
	struct intern *names;
	struct diag_list diags;
	struct probe_user user;
	struct sema_options options;
	struct sema_resolver resolver;
	const struct sema_provider *process;
};

static void bench_open(struct bench *b)
{
	const struct sema_provider *const *p = probe_providers();

	*b = (struct bench){ .arena = arena_create() };
	b->sources = source_set_create(b->arena);
	b->names = intern_create(b->arena);
	diag_list_init(&b->diags, b->arena);
	b->user.elf = elf_cache_create(b->arena);
	b->options = (struct sema_options){ .arena = b->arena,
					    .names = b->names,
					    .sources = b->sources,
					    .diags = &b->diags,
					    .provider_user = &b->user };
	b->resolver = (struct sema_resolver){ .arena = b->arena,
					      .names = b->names,
					      .diags = &b->diags,
					      .sources = b->sources,
					      .options = &b->options,
					      .user = &b->user };
	while (*p && strcmp((*p)->root, "process") != 0)
		p++;
	b->process = *p;
}

static void bench_close(struct bench *b)
{
	elf_cache_destroy(b->user.elf);
	arena_destroy(b->arena);
}

/* Resolves a point; %s in it is the fixture. NULL after a diagnostic. */
static struct sema_point *resolve(struct bench *b, const char *fmt)
{
	const char *text = arena_printf(b->arena, fmt, fixture);
	struct lang_options o = { .arena = b->arena, .names = b->names, .sources = b->sources,
				  .diags = &b->diags };
	struct probe_point *p = lang_parse_point(
		&o, source_from_text(b->sources, "<input>", text, strlen(text)));
	uint32_t before = b->resolver.out.n;

	assert_non_null(p);
	if (!b->process->resolve(&b->resolver, p)) {
		assert_int_equal(b->resolver.out.n, before);
		return NULL;
	}
	assert_int_equal(b->resolver.out.n, before + 1);
	return b->resolver.out.p[before];
}

static const char *last_message(struct bench *b)
{
	return b->diags.list.n ? b->diags.list.p[b->diags.list.n - 1].text : "";
}

/* The tails of the sites, behind the module. */
static const char *tails(struct bench *b, const struct sema_point *p)
{
	struct buf text;

	buf_init(&text, b->arena);
	if (!p)
		return last_message(b);
	vec_each(s, &p->sites)
		buf_addf(&text, "%s%s", text.n ? " " : "", strstr((*s)->listed, "\").") + 3);
	return buf_str(&text);
}

static void marks_become_sites(void **state)
{
	struct sema_point *p;
	struct bench b;

	(void)state;
	bench_open(&b);
	p = resolve(&b, "process(\"%s\").mark(\"*\")");
	assert_string_equal(
		tails(&b, p),
		"mark(\"none\") mark(\"guarded__mark\") mark(\"none\") mark(\"strange\")");
	assert_true(p->event == EVENT_SITE && p->context == CONTEXT_TARGET && !p->pid &&
		    !p->target_only);
	assert_string_equal(p->sites.p[1]->function, "fixture_marks");
	assert_string_equal(p->sites.p[1]->provider, "fixture");
	assert_true(p->sites.p[1]->semaphore && !p->sites.p[0]->semaphore);
	assert_true(p->sites.p[1]->flags == SITE_MARK && p->sites.p[1]->n_args == 2);
	assert_true(p->sites.p[1]->function_start < p->sites.p[1]->address &&
		    p->sites.p[1]->address < p->sites.p[1]->function_end);
	assert_string_equal(tails(&b, resolve(&b, "process(\"%s\").mark(\"guarded-m*\")")),
			    "mark(\"guarded__mark\")");
	assert_string_equal(
		tails(&b, resolve(&b, "process(\"%s\").provider(\"oth*\").mark(\"no?e\")")),
		"provider(\"other\").mark(\"none\")");
	assert_null(resolve(&b, "process(\"%s\").mark(\"nome\")"));
	assert_non_null(strstr(last_message(&b), "no match (similar mark"));
	assert_null(resolve(&b, "process(\"%s\").provider(\"nobody\").mark(\"none\")"));
	assert_string_equal(last_message(&b), "no match");
	bench_close(&b);
}

static void functions_become_sites(void **state)
{
	struct sema_point *p;
	struct bench b;

	(void)state;
	bench_open(&b);
	p = resolve(&b, "process(\"%s\").function(\"fixture_local\")");
	assert_string_equal(tails(&b, p), "function(\"fixture_local\")");
	assert_true(p->sites.p[0]->flags == SITE_ENTRY && p->sites.p[0]->n_args == 0);
	assert_int_equal(p->sites.p[0]->function_start, p->sites.p[0]->address);
	assert_true(p->sites.p[0]->function_end > p->sites.p[0]->address);
	p = resolve(&b, arena_printf(b.arena, "process(\"%%s\").function(0x%llx).call",
				     (unsigned long long)p->sites.p[0]->address + 1));
	assert_string_equal(p->sites.p[0]->function, "fixture_local");
	assert_null(resolve(&b, "process(\"%s\").function(\"fixture_local\").exported"));
	assert_string_equal(
		tails(&b, resolve(&b, "process(\"%s\").function(\"fixture_weak\").exported")),
		"function(\"fixture_weak\").exported");
	/* two names at one address: one site, but either may be asked for */
	assert_int_equal(
		resolve(&b, "process(\"%s\").function(\"fixture_[af][lu][in][ac]*\")")->sites.n, 1);
	assert_string_equal(
		tails(&b, resolve(&b, "process(\"%s\").function(\"fixture_alias\").call")),
		"function(\"fixture_alias\").call");
	p = resolve(&b, "process(\"%s\").function(\"fixture_sizeless\")");
	assert_int_equal(p->sites.p[0]->function_end, p->sites.p[0]->address + 3);
	bench_close(&b);
}

struct message_case {
	const char *point, *message;
};

static void wrong_points_are_named(void **state)
{
	static const struct message_case cases[] = {
		{ "process(\"%s\").function(\"fixture_functoin\")",
		  "no match (similar function: fixture_function)" },
		{ "process(\"%s\").function(\"no*such\")", "no match" },
		{ "process(\"no-such-program\").function(\"main\")",
		  "cannot find executable 'no-such-program'" },
		{ "process(\"/no/such/program\").function(\"main\")",
		  "cannot find executable '/no/such/program'" },
		{ "process(\"/etc/passwd\").mark(\"x\")", "not an ELF file" },
		{ "process(\"/no/such*\").mark(\"x\")", "no match" },
		{ "process(999999999).function(\"main\")",
		  "cannot probe pid 999999999: No such process" },
		{ "process.function(\"main\")",
		  "unspecified process probe is invalid without a -c COMMAND or -x PID" },
		{ "process(\"%s\")",
		  "probe point truncated (follow: mark(string) provider(string) function(string)" },
		{ "process(\"%s\").provider(\"x\")",
		  "probe point truncated (follow: mark(string))" },
		{ "process(\"%s\").markk(\"x\")", "probe point mismatch (similar: mark" },
		{ "process(\"%s\").mark", "probe point mismatch (similar: mark" },
		{ "process(\"%s\").mark(3)", "probe point mismatch (similar: mark" },
		{ "process(\"%s\").mark(\"none\").call", "invalid suffix for probe" },
		{ "process(\"%s\").function(\"main\").return.maxactive(3)",
		  "invalid suffix for probe" },
		{ "process(\"%s\").statement(\"main@x.c:3\")",
		  "no match" },
		{ "process(\"%s\").plt(\"no_such\")", "no match" },
		{ "process(\"%s\").library(\"libc.so.6\").syscall", "cannot follow .library()" },
		{ "process(\"%s\").library(\"libc.so.6\").begin", "cannot follow .library()" },
		{ "process(\"%s\").library(\"libd.so.6\").function(\"malloc\")",
		  "no match (similar librar" },
		{ "process(1).library(\"libc.so.6\").function(\"malloc\")",
		  "probe point mismatch" },
		{ "process(\"%s\").function(\"main@fixture.c\")", "no match" },
		{ "process(\"%s\").function(\"main@fixture.c:1:2\")", "malformed specification" },
	};
	struct bench b;

	(void)state;
	bench_open(&b);
	for (size_t i = 0; i < base_count(cases); i++) {
		assert_null(resolve(&b, cases[i].point));
		if (!strstr(last_message(&b), cases[i].message))
			fail_msg("%s: %s", cases[i].point, last_message(&b));
		assert_int_equal(b.diags.errors, i + 1);
	}
	b.resolver.quiet = true;
	for (size_t i = 0; i < base_count(cases); i++)
		assert_null(resolve(&b, cases[i].point));
	assert_int_equal(b.diags.errors, base_count(cases));
	bench_close(&b);
}

static void processes_and_targets(void **state)
{
	struct sema_point *p;
	struct bench b;

	(void)state;
	bench_open(&b);
	p = resolve(&b, arena_printf(b.arena, "process(%d).function(\"main\")", getpid()));
	assert_int_equal(p->pid, getpid());
	assert_string_equal(p->sites.p[0]->listed, p->sites.p[0]->point);
	b.options.has_target = true;
	b.options.target_path = fixture;
	p = resolve(&b, "process.mark(\"strange\")");
	assert_true(p->target_only && p->sites.n == 1);
	bench_close(&b);
}

static void libraries_are_selected(void **state)
{
	static const char *const points[] = {
		"process(\"%s\").library(\"libc.so.6\").function(\"malloc\")",
		"process(\"%s\").library(\"libc*\").function(\"malloc\")",
		"process(\"%s\").library(\"/lib/x86_64-linux-gnu/libc.so.6\").function(\"malloc\")",
		"process(\"%s\").library(\"/lib/x86_64-linux-gnu/libc.so.?\").function(\"malloc\")",
	};
	struct sema_point *p;
	struct bench b;

	(void)state;
	if (access("/lib/x86_64-linux-gnu/libc.so.6", R_OK) != 0)
		skip();
	bench_open(&b);
	for (size_t i = 0; i < base_count(points); i++) {
		p = resolve(&b, points[i]);
		if (!p)
			fail_msg("%s: %s", points[i], last_message(&b));
		assert_int_equal(p->sites.n, 1);
		assert_string_equal(
			p->sites.p[0]->point,
			"process(\"/usr/lib/x86_64-linux-gnu/libc.so.6\").function(\"malloc\")");
		assert_non_null(
			strstr(p->sites.p[0]->listed, "elf_bare_fixture\").library(\"/usr/lib/"));
	}
	/* not needed by the program: kept for dlopen() */
	p = resolve(&b, "process(\"%s\").library(\"libm.so.6\").function(\"lgamma\")");
	assert_non_null(p);
	bench_close(&b);
}

/* ---- variables --------------------------------------------------------------------------- */

static struct expr *variable(struct bench *b, const struct sema_point *p, uint32_t site,
			     const char *name, bool address_of, bool probing)
{
	struct expr *e = lang_expr_new(b->arena, EXPR_TARGET, (struct span){ 0 });

	e->target.name = intern(b->names, name, strlen(name));
	e->target.address_of = address_of;
	return b->process->variable(&b->resolver, p, p->sites.p[site], e, probing);
}

static void arguments_have_operands(void **state)
{
	struct sema_point *p;
	struct bench b;
	struct expr *e;

	(void)state;
	bench_open(&b);
	p = resolve(&b, "process(\"%s\").mark(\"*\")");
	e = variable(&b, p, 1, "$arg1", false, false);
	assert_true(e->kind == EXPR_TARGET && e->type == TYPE_LONG);
	assert_true(e->target.operand->kind == OPERAND_REGISTER && e->target.operand->size == 4 &&
		    e->target.operand->is_signed && e->target.operand->base == ABI_RAX);
	e = variable(&b, p, 1, "$arg2", false, false);
	assert_true(e->target.operand->kind == OPERAND_MEMORY &&
		    e->target.operand->module_relative && !e->target.operand->is_signed &&
		    e->target.operand->size == 8);
	e = variable(&b, p, 2, "$arg2", false, false);
	assert_true(e->target.operand->kind == OPERAND_CONSTANT &&
		    e->target.operand->displacement == 5);
	e = variable(&b, p, 3, "$arg3", false, false);
	assert_true(e->target.operand->shift == 8 && e->target.operand->size == 1);
	e = variable(&b, p, 1, "$$name", false, false);
	assert_true(e->target.operand->kind == OPERAND_SITE_NAME && e->type == TYPE_STRING);
	e = variable(&b, p, 1, "$$provider", false, false);
	assert_true(e->target.operand->kind == OPERAND_SITE_PROVIDER && e->type == TYPE_STRING);
	bench_close(&b);
}

static void summaries_are_formats(void **state)
{
	struct sema_point *p;
	struct bench b;
	struct expr *e;

	(void)state;
	bench_open(&b);
	p = resolve(&b, "process(\"%s\").mark(\"*\")");
	e = variable(&b, p, 2, "$$vars", false, false);
	assert_true(e->kind == EXPR_PRINT && e->print.to_string && e->type == TYPE_STRING);
	assert_string_equal(e->print.format, "$arg1=%#x $arg2=%#x $arg3=%#x");
	assert_true(e->print.n_parts == 6 && e->print.args.list.n == 3);
	e = variable(&b, p, 3, "$$parms", false, false);
	assert_string_equal(e->print.format, "$arg1=? $arg2=? $arg3=%#x");
	e = variable(&b, p, 0, "$$vars", false, false);
	assert_true(e->kind == EXPR_STRING && e->string.length == 0);
	bench_close(&b);
}

static void wrong_variables_are_named(void **state)
{
	static const struct {
		uint32_t site;
		const char *name, *message;
		bool address_of;
	} cases[] = {
		{ 1, "$arg3",
		  "unable to find '$arg3' in mark 'guarded__mark' (alternatives: $arg1 $arg2 "
		  "$$name",
		  false },
		{ 0, "$arg0", "unable to find '$arg0'", false },
		{ 0, "$foo", "unable to find '$foo'", false },
		{ 1, "$arg1", "cannot take address of sdt variable", true },
		{ 3, "$arg1", "cannot parse SDT_V3 operand '8@%xmm0' of '$arg1'", false },
		{ 3, "$arg2", "cannot parse SDT_V3 operand '8@no_such_symbol(%rip)'", false },
	};
	struct sema_point *p;
	struct bench b;

	(void)state;
	bench_open(&b);
	p = resolve(&b, "process(\"%s\").mark(\"*\")");
	for (size_t i = 0; i < base_count(cases); i++) {
		assert_null(
			variable(&b, p, cases[i].site, cases[i].name, cases[i].address_of, true));
		assert_int_equal(b.diags.errors, i);
		assert_null(
			variable(&b, p, cases[i].site, cases[i].name, cases[i].address_of, false));
		assert_int_equal(b.diags.errors, i + 1);
		if (!strstr(last_message(&b), cases[i].message))
			fail_msg("%s: %s", cases[i].name, last_message(&b));
	}
	bench_close(&b);
}

static void function_variables_need_debug_information(void **state)
{
	struct sema_point *p;
	struct bench b;

	(void)state;
	if (access("/usr/bin/bash", R_OK) != 0)
		skip();
	bench_open(&b);
	p = resolve(&b, "process(\"/usr/bin/bash\").function(\"execute_command\")");
	assert_null(variable(&b, p, 0, "$command", false, true));
	assert_int_equal(b.diags.errors, 0);
	assert_null(variable(&b, p, 0, "$command", false, false));
	assert_non_null(strstr(last_message(&b), "'$command'"));
	assert_int_equal(variable(&b, p, 0, "$$vars", false, false)->kind, EXPR_STRING);
	assert_int_equal(variable(&b, p, 0, "$$vars", false, false)->kind, EXPR_STRING);
	assert_int_equal(b.diags.warnings, 1);
	bench_close(&b);
}

/* ---- listings
 * ------------------------------------------------------------------------------------ */

static const char *listing(struct bench *b, const char *point, bool with_variables)
{
	struct sema_point *p = resolve(b, point);
	struct sema_probe probe = { .point = p, .name = p ? p->point : NULL };
	struct sema_probe *probes = &probe;
	struct sema_program program = { .probes = { &probes, 1, 1 } };
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(p);
	probe.sites.p = p->sites.p;
	probe.sites.n = p->sites.n;
	probe_list_print(to, b->arena, &program, with_variables);
	fclose(to);
	point = arena_strdup(b->arena, text);
	free(text);
	return point;
}

static void listings_are_sorted(void **state)
{
	static const char python[] =
		"process(\"/usr/bin/python3.11\").mark(\"audit\") $arg1:long $arg2:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"function__entry\") $arg1:long $arg2:long "
		"$arg3:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"function__return\") $arg1:long $arg2:long "
		"$arg3:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"gc__done\") $arg1:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"gc__start\") $arg1:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"import__find__load__done\") $arg1:long "
		"$arg2:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"import__find__load__start\") $arg1:long\n"
		"process(\"/usr/bin/python3.11\").mark(\"line\") $arg1:long $arg2:long "
		"$arg3:long\n";
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_string_equal(listing(&b, "process(\"%s\").mark(\"n*\")", false),
			    arena_printf(b.arena, "process(\"%s\").mark(\"none\")\n", fixture));
	assert_string_equal(listing(&b, "process(\"%s\").function(\"fixture_[lw]*\")", true),
			    arena_printf(b.arena,
					 "process(\"%s\").function(\"fixture_local\")\n"
					 "process(\"%s\").function(\"fixture_weak\")\n",
					 fixture, fixture));
	if (access("/usr/bin/python3.11", R_OK) == 0)
		assert_string_equal(
			listing(&b, "process(\"/usr/bin/python3.11\").mark(\"*\")", true), python);
	bench_close(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_become_sites),
		cmocka_unit_test(functions_become_sites),
		cmocka_unit_test(wrong_points_are_named),
		cmocka_unit_test(processes_and_targets),
		cmocka_unit_test(libraries_are_selected),
		cmocka_unit_test(arguments_have_operands),
		cmocka_unit_test(summaries_are_formats),
		cmocka_unit_test(wrong_variables_are_named),
		cmocka_unit_test(function_variables_need_debug_information),
		cmocka_unit_test(listings_are_sorted),
	};
	char canonical[4096];

	if (argc < 2 || !realpath(argv[1], canonical))
		return 77;
	fixture = canonical;
	setenv("SYSTEMTAP_DEBUGINFO_PATH", ".", 1); /* symbols alone, whatever is installed */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
