/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, symbols, extents, markers and searches, on the fixture and on files of the system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/file.h"

static const char *fixture;

struct opened {
	struct arena *arena;
	struct elf_cache *cache;
	struct elf_file *file;
};

static struct opened open_file(const char *path)
{
	struct opened o = { .arena = arena_create() };
	struct error *e;

	o.cache = elf_cache_create(o.arena);
	e = elf_open(o.cache, path, &o.file);
	if (e)
		fail_msg("%s", error_text(e));
	return o;
}

static void close_file(struct opened *o)
{
	elf_cache_destroy(o->cache);
	arena_destroy(o->arena);
}

/* Skips a test whose tools are missing. */
static void give_up(struct opened *o)
{
	close_file(o);
	skip();
}

#define need(path)                                      \
	do {                                            \
		if (access(path, R_OK) != 0) {          \
			print_message("no %s\n", path); \
			skip();                         \
		}                                       \
	} while (0)

/* What a shell command prints, without the last newline. */
static const char *output_of(struct arena *a, const char *fmt, ...)
{
	struct buf b;
	va_list ap;
	FILE *in;
	int c;

	va_start(ap, fmt);
	in = popen(arena_vprintf(a, fmt, ap), "r");
	va_end(ap);
	buf_init(&b, a);
	while (in && (c = getc(in)) != EOF)
		buf_addc(&b, c);
	if (in)
		pclose(in);
	if (b.n && b.p[b.n - 1] == '\n')
		b.p[--b.n] = 0;
	return buf_str(&b);
}

static void headers_are_read(void **state)
{
	struct opened o = open_file(fixture);
	const struct elf_symbol *s = elf_symbol_find(o.file, "fixture_function");
	struct elf_file *again;
	uint64_t available;

	(void)state;
	assert_true(o.file->is_pie && o.file->is_shared && !o.file->is_static && !o.file->is_go);
	assert_non_null(o.file->interpreter);
	assert_true(o.file->n_segments >= 2 && o.file->n_needed >= 1);
	assert_null(elf_open(o.cache, fixture, &again));
	assert_ptr_equal(again, o.file);
	assert_non_null(s);
	assert_non_null(elf_bytes(o.file, s->address, &available));
	assert_true(available >= s->size);
	assert_null(elf_bytes(o.file, UINT64_MAX, &available));
	close_file(&o);
}

static void symbols_are_found(void **state)
{
	struct opened o = open_file(fixture);
	const struct elf_symbol *s;

	(void)state;
	for (int round = 0; round < 5; round++) { /* by walking, then by the index */
		s = elf_symbol_find(o.file, "fixture_function");
		assert_true(s && s->is_function && s->is_global && s->size > 0);
		s = elf_symbol_find(o.file, "fixture_local");
		assert_true(s && s->is_function && !s->is_global);
		s = elf_symbol_find(o.file, "fixture_data");
		assert_true(s && !s->is_function && s->size == 4 * sizeof(long));
		assert_null(elf_symbol_find(o.file, "fixture"));
	}
	close_file(&o);
}

struct names {
	struct buf text;
	uint64_t last;
};

static bool name_hook(void *user, const struct elf_symbol *s)
{
	struct names *n = user;

	assert_true(s->address >= n->last);
	n->last = s->address;
	buf_addf(&n->text, "%s ", s->name);
	return strcmp(s->name, "fixture_weak") != 0;
}

static void functions_come_by_address(void **state)
{
	struct opened o = open_file(fixture);
	struct names n = { 0 };

	(void)state;
	buf_init(&n.text, o.arena);
	elf_each_function(o.file, "fixture_[afmw]*", name_hook, &n);
	assert_non_null(strstr(buf_str(&n.text), "fixture_marks "));
	assert_non_null(strstr(buf_str(&n.text), "fixture_alias "));
	assert_non_null(strstr(buf_str(&n.text), "fixture_function "));
	assert_null(strstr(buf_str(&n.text), "fixture_data"));
	/* the hook stopped it */
	assert_string_equal(buf_str(&n.text) + n.text.n - 13, "fixture_weak ");
	close_file(&o);
}

static void extents_are_known(void **state)
{
	struct opened o = open_file(fixture);
	const struct elf_symbol *s = elf_symbol_find(o.file, "fixture_local");
	uint64_t start, end;
	const char *name;

	(void)state;
	assert_true(elf_function_at(o.file, s->address + 3, &name, &start, &end));
	assert_string_equal(name, "fixture_local");
	assert_true(start == s->address && end == s->address + s->size);
	assert_true(elf_unwind_extent(o.file, s->address + 3, &start, &end));
	assert_true(start == s->address && end == s->address + s->size);
	s = elf_symbol_find(o.file, "fixture_sizeless");
	assert_true(elf_function_at(o.file, s->address + 1, &name, &start, &end));
	assert_string_equal(name, "fixture_sizeless");
	assert_true(start == s->address && end == s->address + 3);
	assert_false(elf_function_at(o.file, 0, &name, &start, &end));
	assert_false(elf_function_at(o.file, UINT64_MAX, &name, &start, &end));
	close_file(&o);
}

struct pads {
	struct elf_file *file;
	uint32_t functions, pads, outside;
};

static bool pads_hook(void *user, const struct elf_symbol *s)
{
	struct pads *p = user;
	uint64_t pads[256], start, end;
	uint32_t n = elf_landing_pads(p->file, s->address, pads, 256);
	const char *name;

	p->functions += n > 0;
	p->pads += n;
	/* Most compilers put them into the cold part of the function. */
	for (uint32_t i = 0; i < n; i++)
		p->outside += !elf_function_at(p->file, pads[i], &name, &start, &end);
	return true;
}

static void landing_pads_are_in_functions(void **state)
{
	struct opened o = open_file("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
	struct pads p = { .file = o.file };
	uint64_t pad;

	(void)state;
	elf_each_function(o.file, "*", pads_hook, &p);
	print_message("%u landing pads of %u functions\n", p.pads, p.functions);
	assert_true(p.functions > 100 && p.pads > p.functions);
	assert_int_equal(p.outside, 0);
	assert_int_equal(elf_landing_pads(o.file, 0, &pad, 1), 0);
	close_file(&o);
}

/* Every FDE agrees with the size of the symbol that begins there. */
static bool unwind_hook(void *user, const struct elf_symbol *s)
{
	uint64_t start, end;

	if (s->size && elf_unwind_extent(user, s->address, &start, &end) && start == s->address &&
	    end != s->address + s->size)
		fail_msg("%s: ends at %llx by its entry", s->name, (unsigned long long)end);
	return true;
}

static void unwind_agrees_with_symbols(void **state)
{
	struct opened o = open_file(fixture);

	(void)state;
	elf_each_function(o.file, "fixture*", unwind_hook, o.file);
	close_file(&o);
}

static void marks_are_read(void **state)
{
	struct opened o = open_file(fixture);
	uint64_t data = elf_symbol_find(o.file, "fixture_data")->address;
	const struct elf_mark *m;
	uint32_t n;

	(void)state;
	m = elf_marks(o.file, &n);
	assert_int_equal(n, 4);
	assert_string_equal(m[0].provider, "fixture");
	assert_string_equal(m[0].name, "none");
	assert_true(m[0].n_args == 0 && m[0].semaphore == 0);
	assert_string_equal(m[1].name, "guarded__mark");
	assert_int_equal(m[1].semaphore, elf_symbol_find(o.file, "fixture_semaphore")->address);
	assert_true(m[1].n_args == 2 && m[1].args[1].valid && m[1].args[1].module_relative);
	assert_int_equal(m[1].args[1].displacement, data);
	assert_int_equal(m[2].args[0].displacement, data + 8);
	assert_true(m[2].args[0].size == -8 && m[2].args[0].base == -1);
	assert_true(!m[3].args[0].valid && !m[3].args[1].valid && m[3].args[2].shift == 8);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(*elf_bytes(o.file, m[i].address, NULL), 0x90);
	close_file(&o);
}

static void a_stripped_file_has_entries_only(void **state)
{
	struct opened o = open_file(fixture), stripped;
	const struct elf_symbol *s = elf_symbol_find(o.file, "fixture_local");
	const char *path = output_of(o.arena, "t=$(mktemp) && strip -o $t %s && echo $t", fixture);
	const struct elf_mark *m;
	uint64_t start, end;
	const char *name;
	uint32_t n;

	(void)state;
	if (!*path)
		give_up(&o);
	stripped = open_file(path);
	unlink(path);
	assert_null(elf_symbol_find(stripped.file, "fixture_local"));
	assert_true(elf_function_at(stripped.file, s->address + 1, &name, &start, &end));
	assert_true(!name && start == s->address && end == s->address + s->size);
	m = elf_marks(stripped.file, &n);
	assert_true(n == 4 && !m[1].args[1].valid);
	close_file(&stripped);
	close_file(&o);
}

static void minidebug_symbols_count(void **state)
{
	struct opened o = open_file(fixture), mini;
	const struct elf_symbol *s = elf_symbol_find(o.file, "fixture_local"), *found;
	const char *path = output_of(
		o.arena,
		"d=$(mktemp -d) && cd $d && objcopy -S --remove-section .comment %s plain "
		"2>/dev/null &&"
		" objcopy --only-keep-debug %s symbols && xz symbols &&"
		" objcopy --add-section .gnu_debugdata=symbols.xz plain whole && echo $d",
		fixture, fixture);

	(void)state;
	if (!*path)
		give_up(&o);
	mini = open_file(arena_printf(o.arena, "%s/whole", path));
	found = elf_symbol_find(mini.file, "fixture_local");
	assert_non_null(found);
	assert_int_equal(found->address, s->address);
	assert_int_equal(found->size, s->size);
	close_file(&mini);
	output_of(o.arena, "rm -r %s", path);
	close_file(&o);
}

/* Section headers cut off: program headers and the dynamic section still answer. */
static void without_sections_dynamic_symbols_remain(void **state)
{
	struct opened o, cut;
	const char *path;

	(void)state;
	need("/usr/bin/bash");
	o = open_file("/usr/bin/bash");
	path = output_of(o.arena, "t=$(mktemp) && cp /usr/bin/bash $t &&"
				  " printf '\\0\\0\\0\\0\\0\\0\\0\\0' | dd of=$t bs=1 seek=40 "
				  "conv=notrunc 2>/dev/null && echo $t");
	cut = open_file(path);
	unlink(path);
	assert_int_equal(private_of(cut.file)->n_sections, 0);
	assert_non_null(elf_symbol_find(cut.file, "execute_command"));
	assert_int_equal(elf_symbol_find(cut.file, "execute_command")->address,
			 elf_symbol_find(o.file, "execute_command")->address);
	close_file(&cut);
	close_file(&o);
}

/* ---- against readelf --------------------------------------------------------------------- */

static void marks_equal_readelf(void **state)
{
	static const char *const paths[] = {
		"/usr/bin/python3.11", "/usr/lib/postgresql/15/bin/postgres",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/bin/stap",
	};

	(void)state;
	for (size_t i = 0; i < base_count(paths); i++) {
		struct opened o;
		const struct elf_mark *m;
		const char *wanted;
		struct buf b;
		uint32_t n;

		if (access(paths[i], R_OK) != 0) {
			print_message("no %s\n", paths[i]);
			continue;
		}
		o = open_file(paths[i]);
		wanted = output_of(o.arena,
				   "readelf -nW %s | sed -n 's/.*Provider: //p; s/ *Name: //p; "
				   "s/ *Location: //p; s/ *Arguments://p'",
				   paths[i]);
		buf_init(&b, o.arena);
		m = elf_marks(o.file, &n);
		for (uint32_t j = 0; j < n; j++) {
			const char *base = strstr(wanted, "Base: ");

			buf_addf(&b, "%s%s\n%s\n0x%016llx, %.24s, Semaphore: 0x%016llx\n",
				 j ? "\n" : "", m[j].provider, m[j].name,
				 (unsigned long long)m[j].address, base,
				 (unsigned long long)m[j].semaphore);
			for (uint32_t k = 0; k < m[j].n_args; k++)
				buf_addf(&b, " %s", m[j].args[k].text);
			if (!m[j].n_args)
				buf_addc(&b, ' ');
		}
		assert_string_equal(buf_str(&b), wanted);
		close_file(&o);
	}
}

static bool count_hook(void *user, const struct elf_symbol *s)
{
	(void)s;
	++*(uint32_t *)user;
	return true;
}

static void functions_equal_readelf(void **state)
{
	static const char *const paths[] = { "/usr/bin/bash", "/usr/lib/x86_64-linux-gnu/libc.so.6",
					     "/usr/lib/x86_64-linux-gnu/libstdc++.so.6" };

	(void)state;
	setenv("SYSTEMTAP_DEBUGINFO_PATH", ".", 1); /* without the symbols of separate files */
	for (size_t i = 0; i < base_count(paths); i++) {
		struct opened o;
		uint32_t n = 0;

		if (access(paths[i], R_OK) != 0)
			continue;
		o = open_file(paths[i]);
		elf_each_function(o.file, "*", count_hook, &n);
		assert_int_equal(n, strtoul(output_of(o.arena,
						      "readelf -sW %s | awk '($4 == \"FUNC\" || $4 "
						      "== \"IFUNC\") && $7 != \"UND\""
						      " { sub(/@.*/, \"\", $8); print $2, $8 }' | "
						      "sort -u | wc -l",
						      paths[i]),
					    NULL, 10));
		close_file(&o);
	}
	unsetenv("SYSTEMTAP_DEBUGINFO_PATH");
}

/* ---- searches ---------------------------------------------------------------------------- */

static void programs_are_found(void **state)
{
	struct arena *a = arena_create();
	const char *const *list, *path, *script;
	uint32_t n;

	(void)state;
	assert_null(elf_find_program(a, "sh", &path));
	assert_true(path[0] == '/');
	assert_null(elf_find_program(a, fixture, &path));
	assert_non_null(strstr(path, "elf_fixture"));
	assert_non_null(strstr(error_text(elf_find_program(a, "no-such-program", &path)),
			       "cannot find executable 'no-such-program'"));
	assert_non_null(elf_find_program(a, "/no/such/program", &path));
	assert_non_null(elf_find_program(a, "", &path));
	script = output_of(a, "t=$(mktemp) && printf '#!/usr/bin/env -S sh -e\\n' > $t && echo $t");
	assert_null(elf_find_program(a, script, &path));
	assert_string_equal(path, output_of(a, "readlink -f /bin/sh"));
	output_of(a, "printf '#! %s\\n' > %s", script, script); /* itself, for ever */
	assert_null(elf_find_program(a, script, &path));
	unlink(script);
	assert_null(elf_find_programs(a, "/bin/{bash,no-such,sh,bas?}", &list, &n));
	assert_int_equal(n, 2);
	assert_true(strcmp(list[0], list[1]) < 0);
	assert_null(elf_find_programs(a, "/no/such/*", &list, &n));
	assert_int_equal(n, 0);
	arena_destroy(a);
}

/* ldd asks the loader itself. */
static void closure_equals_ldd(void **state)
{
	static const char *const paths[] = {
		"/usr/bin/bash", "/usr/bin/python3.11", "/usr/bin/stap",
		"/usr/bin/curl", "/usr/bin/gdb",	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6"
	};

	(void)state;
	for (size_t i = 0; i < base_count(paths); i++) {
		const char *const *list, *wanted;
		struct opened o;
		struct buf b;
		uint32_t n;

		if (access(paths[i], R_OK) != 0)
			continue;
		o = open_file(paths[i]);
		assert_null(elf_needed_closure(o.cache, o.file, &list, &n));
		buf_init(&b, o.arena);
		for (uint32_t j = 0; j < n; j++)
			buf_addf(&b, "%s ", list[j]);
		wanted = output_of(o.arena, "readlink -f $(ldd %s | grep -o '/[^ ]*') | sort -u",
				   paths[i]);
		assert_string_equal(output_of(o.arena, "printf '%%s\\n' %s| sort -u", buf_str(&b)),
				    wanted);
		close_file(&o);
	}
}

static void musl_libraries_are_its_own(void **state)
{
	struct arena *a = arena_create();
	const char *path = output_of(
		a, "d=$(mktemp -d) && cd $d && echo 'int main(void){return 0;}' > m.c &&"
		   " musl-gcc m.c -o m 2>/dev/null && echo $d");
	const char *const *list;
	struct opened o;
	uint32_t n;

	(void)state;
	if (!*path) {
		arena_destroy(a);
		skip();
	}
	o = open_file(arena_printf(a, "%s/m", path));
	assert_null(elf_needed_closure(o.cache, o.file, &list, &n));
	assert_int_equal(n, 1);
	assert_string_equal(list[0], output_of(a, "readlink -f /lib/ld-musl-x86_64.so.1"));
	close_file(&o);
	output_of(a, "rm -r %s", path);
	arena_destroy(a);
}

static void origin_and_chains_of_rpath(void **state)
{
	struct arena *a = arena_create();
	const char *path = output_of(a,
		"d=$(mktemp -d) && cd $d && mkdir one two && echo 'int b(void){return 1;}' > b.c &&"
		" echo 'int b(void); int a(void){return b();}' > a.c &&"
		" echo 'int a(void); int main(void){return a();}' > m.c &&"
		" cc -shared -fPIC b.c -o two/libspileb.so -Wl,-soname,libspileb.so &&"
		" cc -shared -fPIC a.c -o one/libspilea.so -Ltwo -lspileb &&"
		" cc m.c -o m -Lone -lspilea -Wl,-rpath-link,two -Wl,--disable-new-dtags"
		" -Wl,-rpath,'$ORIGIN/one:${ORIGIN}/two' && readlink -f $d");
	const char *const *list;
	struct opened o;
	uint32_t n;

	(void)state;
	if (!*path) {
		arena_destroy(a);
		skip();
	}
	o = open_file(arena_printf(a, "%s/m", path));
	assert_null(elf_needed_closure(o.cache, o.file, &list, &n));
	assert_true(n >= 3);
	assert_string_equal(list[0], arena_printf(a, "%s/one/libspilea.so", path));
	assert_string_equal(list[n - 2], arena_printf(a, "%s/two/libspileb.so", path));
	close_file(&o);
	output_of(a, "rm -r %s", path);
	arena_destroy(a);
}

/* ---- damage ------------------------------------------------------------------------------ */

static void ask_everything(const char *path)
{
	struct arena *a = arena_create();
	struct elf_cache *c = elf_cache_create(a);
	const char *const *list, *name;
	uint64_t start, end;
	struct elf_file *f;
	uint32_t n = 0;

	if (!elf_open(c, path, &f)) {
		const struct elf_mark *m = elf_marks(f, &n);

		for (uint32_t i = 0; i < n; i++)
			elf_function_at(f, m[i].address, &name, &start, &end);
		elf_each_function(f, "*", count_hook, &n);
		for (int i = 0; i < 4; i++)
			elf_symbol_find(f, "fixture_function");
		for (uint64_t at = 0; at < 0x6000; at += 61) {
			elf_function_at(f, at, &name, &start, &end);
			elf_unwind_extent(f, at, &start, &end);
		}
		elf_has_debug(f);
		if (elf_needed_closure(c, f, &list, &n))
			fail();
	}
	elf_cache_destroy(c);
	arena_destroy(a);
}

static void write_file(const char *path, const uint8_t *p, size_t n)
{
	FILE *to = fopen(path, "wb");

	assert_non_null(to);
	assert_int_equal(fwrite(p, 1, n, to), n);
	fclose(to);
}

/* Where damage tells most: headers, dynamic section, notes and tables are all within reach. */
static void damage_never_crashes(void **state)
{
	struct opened o = open_file(fixture);
	size_t size = o.file->image_size;
	uint8_t *copy = arena_alloc(o.arena, size);
	char path[] = "/tmp/elf-damage-XXXXXX";
	uint32_t random = 12345;

	(void)state;
	close(mkstemp(path));
	for (int round = 0; round < 600; round++) {
		memcpy(copy, o.file->image, size);
		for (int i = 0; i < 1 + round % 8; i++) {
			size_t at;

			random = random * 1664525 + 1013904223;
			at = random >> 8;
			/* half of the hits in the first kilobyte or in the section headers */
			if (round % 4 == 0)
				at %= 1024;
			else if (round % 4 == 1)
				at = size - 1 - at % 2048;
			else
				at %= size;
			copy[at] = (uint8_t)(round % 3 ? random : 0xff);
		}
		write_file(path, copy, round % 5 ? size : random % size);
		ask_everything(path);
	}
	unlink(path);
	close_file(&o);
}

static void other_files_are_refused(void **state)
{
	struct arena *a = arena_create();
	struct elf_cache *c = elf_cache_create(a);
	struct elf_file *f;
	const char *empty = output_of(a, "t=$(mktemp) && echo $t");

	(void)state;
	assert_int_equal(elf_open(c, "/etc/passwd", &f)->code, ERROR_BAD_FILE);
	assert_int_equal(elf_open(c, "/tmp", &f)->code, ERROR_BAD_FILE);
	assert_int_equal(elf_open(c, empty, &f)->code, ERROR_BAD_FILE);
	assert_int_equal(elf_open(c, "/no/such", &f)->code, ERROR_NOT_FOUND);
	unlink(empty);
	elf_cache_destroy(c);
	arena_destroy(a);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(symbols_are_found),
		cmocka_unit_test(functions_come_by_address),
		cmocka_unit_test(extents_are_known),
		cmocka_unit_test(unwind_agrees_with_symbols),
		cmocka_unit_test(marks_are_read),
		cmocka_unit_test(a_stripped_file_has_entries_only),
		cmocka_unit_test(minidebug_symbols_count),
		cmocka_unit_test(without_sections_dynamic_symbols_remain),
		cmocka_unit_test(marks_equal_readelf),
		cmocka_unit_test(functions_equal_readelf),
		cmocka_unit_test(programs_are_found),
		cmocka_unit_test(closure_equals_ldd),
		cmocka_unit_test(musl_libraries_are_its_own),
		cmocka_unit_test(origin_and_chains_of_rpath),
		cmocka_unit_test(landing_pads_are_in_functions),
		cmocka_unit_test(damage_never_crashes),
		cmocka_unit_test(other_files_are_refused),
	};

	if (argc < 2)
		return 77;
	fixture = realpath(argv[1], NULL);
	if (!fixture)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
