/* SPDX-License-Identifier: Apache-2.0 */
/* Where debug information is found, which is refused, and the scopes at addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dwarf.h>
#include <stdlib.h>
#include <unistd.h>

#include "elf/debug.h"

static char directory[] = "/tmp/spile-debug-XXXXXX";

static void sh(const char *fmt, ...) BASE_PRINTF(1, 2);
static void sh(const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	int n = snprintf(command, sizeof command, "cd %s && ", directory);

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	sh("cat >a.c <<'END'\n"
	   "volatile int sink;\n"
	   "static inline __attribute__((always_inline)) void leaf(int v)\n"
	   "{\n"
	   "	{ int inner = v + 1; sink = inner; sink += 2; }\n"
	   "}\n"
	   "#ifndef __clang__\n"
	   "__attribute__((noipa))\n"
	   "#endif\n"
	   "__attribute__((noinline)) int work(int x)\n"
	   "{\n"
	   "	sink = x;\n"
	   "	leaf(x);\n"
	   "	return sink;\n"
	   "}\n"
	   "int main(void) { return work(3) > 9000; }\n"
	   "END\n");
	sh("sed 's/9000/9001/' a.c >b.c");
	sh("for p in a b; do gcc -g -O2 -fno-ipa-icf -o $p $p.c; objcopy --only-keep-debug $p $p.debug; "
	   "strip -o $p.stripped $p; done");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sh("rm -rf %s", directory);
	return 0;
}

struct opened {
	struct arena *arena;
	struct elf_cache *cache;
	struct elf_file *file;
};

static struct opened open_file(const char *name)
{
	struct opened o = { .arena = arena_create() };

	o.cache = elf_cache_create(o.arena);
	assert_null(elf_open(o.cache, arena_printf(o.arena, "%s/%s", directory, name), &o.file));
	return o;
}

static void close_file(struct opened *o)
{
	elf_cache_destroy(o->cache);
	arena_destroy(o->arena);
}

static void expect_debug(const char *name, const char *in, uint32_t warnings)
{
	struct opened o = open_file(name);
	struct elf_debug *d = elf_debug_of(o.file);
	uint32_t n;

	if (in) {
		assert_non_null(d);
		assert_string_equal(strrchr(d->path, '/') + 1, in);
		assert_null(elf_debug_missing(o.file));
	} else {
		assert_null(d);
		assert_string_equal(elf_debug_missing(o.file), "No DWARF information found");
	}
	elf_debug_warnings(o.file, &n);
	assert_int_equal(n, warnings);
	close_file(&o);
}

static void test_own_and_none(void **state)
{
	(void)state;
	expect_debug("a", "a", 0);
	expect_debug("a.stripped", NULL, 0);
}

static void test_link(void **state)
{
	(void)state;
	sh("cp a.stripped l && objcopy --add-gnu-debuglink=a.debug l");
	expect_debug("l", "a.debug", 0);
	sh("mkdir .debug && mv a.debug .debug");
	expect_debug("l", "a.debug", 0);
	sh("cp b.debug .debug/a.debug");
	expect_debug("l", NULL, 1);
	sh("cp .debug/a.debug a.debug; rm -r .debug");
	expect_debug("l", NULL, 1);
	sh("objcopy --only-keep-debug a a.debug");
}

static void test_link_checksum(void **state)
{
	(void)state;
	sh("gcc -g -O2 -Wl,--build-id=none -o n a.c && objcopy --only-keep-debug n n.debug && "
	   "strip -o c n && objcopy --add-gnu-debuglink=n.debug c");
	expect_debug("c", "n.debug", 0);
	sh("echo >>n.debug");
	expect_debug("c", NULL, 1);
}

static void test_build_id(void **state)
{
	struct opened o = open_file("a");
	const char *id = o.file->build_id;

	(void)state;
	sh("mkdir -p root/.build-id/%.2s && cp a.debug root/.build-id/%.2s/%s.debug", id, id, id + 2);
	setenv("SYSTEMTAP_DEBUGINFO_PATH",
	       arena_printf(o.arena, "+:.debug:%s/root:build", directory), 1);
	expect_debug("a.stripped", arena_printf(o.arena, "%s.debug", id + 2), 0);
	sh("cp b.debug root/.build-id/%.2s/%s.debug", id, id + 2);
	expect_debug("a.stripped", NULL, 1);
	unsetenv("SYSTEMTAP_DEBUGINFO_PATH");
	close_file(&o);
}

static void test_compressed(void **state)
{
	(void)state;
	sh("objcopy --compress-debug-sections=zlib a z");
	expect_debug("z", "z", 0);
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));

	return name ? name : "";
}

/* "leaf work" for the functions that hold some address of the function named. */
static bool some_address_has(struct opened *o, const char *function, const char *want)
{
	const struct elf_symbol *s = elf_symbol_find(o->file, function);
	struct elf_debug *d = elf_debug_of(o->file);

	assert_non_null(s);
	assert_non_null(d);
	for (uint64_t at = s->address; at < s->address + s->size; at++) {
		struct elf_scopes scopes;
		struct buf b;

		buf_init(&b, o->arena);
		assert_true(elf_debug_scopes(o->arena, d, at, &scopes));
		assert_int_equal(dwarf_tag(&scopes.list[scopes.n - 1]), DW_TAG_compile_unit);
		for (uint32_t i = 0; i < scopes.n; i++)
			if (dwarf_tag(&scopes.list[i]) == DW_TAG_subprogram ||
			    dwarf_tag(&scopes.list[i]) == DW_TAG_inlined_subroutine)
				buf_addf(&b, "%s%s", b.n ? " " : "", name_of(&scopes.list[i]));
		if (strcmp(buf_str(&b), want) == 0)
			return true;
	}
	return false;
}

static void expect_scopes(const char *name)
{
	struct opened o = open_file(name);

	assert_true(some_address_has(&o, "work", "work"));
	assert_true(some_address_has(&o, "work", "leaf work"));
	assert_false(some_address_has(&o, "work", "main"));
	assert_true(some_address_has(&o, "main", "main"));
	close_file(&o);
}

static void test_scopes(void **state)
{
	(void)state;
	expect_scopes("a");
	expect_scopes("l");
}

static void test_scopes_forms(void **state)
{
	(void)state;
	sh("gcc -g -O2 -gdwarf-4 -o f4 a.c && gcc -g -O2 -gsplit-dwarf -o fs a.c && "
	   "clang -g -O2 -o fc a.c && gcc -g -O2 -flto -o fl a.c");
	expect_scopes("f4");
	expect_scopes("fs");
	expect_scopes("fc");
	expect_scopes("fl");
}

static void test_parents(void **state)
{
	struct opened o = open_file("a");
	struct elf_scopes scopes, parents;
	const struct elf_symbol *s = elf_symbol_find(o.file, "work");

	(void)state;
	assert_true(elf_debug_scopes(o.arena, elf_debug_of(o.file), s->address, &scopes));
	assert_true(elf_debug_parents(o.arena, &scopes.list[0], &parents));
	assert_int_equal(parents.n, scopes.n);
	for (uint32_t i = 0; i < scopes.n; i++)
		assert_ptr_equal(parents.list[i].addr, scopes.list[i].addr);
	close_file(&o);
}

static void test_outside(void **state)
{
	struct opened o = open_file("a");
	struct elf_scopes scopes;

	(void)state;
	assert_false(elf_debug_scopes(o.arena, elf_debug_of(o.file), 1, &scopes));
	close_file(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_and_none), cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_checksum), cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_compressed), cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_scopes_forms), cmocka_unit_test(test_parents),
		cmocka_unit_test(test_outside),
	};

	unsetenv("SYSTEMTAP_DEBUGINFO_PATH");
	unsetenv("DEBUGINFOD_URLS");
	return cmocka_run_group_tests(tests, setup, teardown);
}
