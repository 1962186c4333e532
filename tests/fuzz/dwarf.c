/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with debug information: its headers, symbols, index, copies, lines, labels, callees,
 * scopes, variables with their locations and types. Whatever the bytes are, answers come or fewer
 * of them. A package of split units may follow the file: [file][package][size of the package:4]["PACKAGE"].
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "elf/debug.h"

/* Enough of each to see every path, so that one input stays fast. */
#define QUESTIONS 64u

struct asked {
	struct elf_file *file;
	struct elf_code codes[QUESTIONS];
	struct elf_function functions[QUESTIONS];
	uint32_t n_codes, n_functions, n_asked;
};

static bool code_hook(void *user, const struct elf_code *c)
{
	struct asked *a = user;

	a->codes[a->n_codes++] = *c;
	return a->n_codes < QUESTIONS;
}

static bool function_hook(void *user, const struct elf_function *f)
{
	struct asked *a = user;
	struct elf_function *kept = &a->functions[a->n_functions++];

	*kept = *f;
	if (a->n_codes < QUESTIONS)
		elf_each_code(a->file, kept, code_hook, a);
	return a->n_functions < QUESTIONS;
}

static bool label_hook(void *user, const struct elf_label *l)
{
	(void)user;
	return l->address != 0;
}

static bool callee_hook(void *user, const struct elf_function *f, const struct elf_code *c)
{
	(void)user, (void)c;
	return f->name != NULL;
}

static bool any_file(void *user, const char *path)
{
	(void)user;
	return path != NULL;
}

static bool line_hook(void *user, const struct elf_code *in, uint64_t address, uint32_t line)
{
	uint32_t *n = user;

	(void)in, (void)address, (void)line;
	return ++*n < QUESTIONS;
}

static bool plt_hook(void *user, const char *name, uint64_t address, uint64_t size)
{
	(void)user, (void)address, (void)size;
	return name != NULL;
}

/* A type and what is in it, a few levels down. */
static void ask_type(const struct elf_type *t, uint32_t depth)
{
	const struct elf_member *m;
	const char *name;
	int64_t value;
	uint32_t n;

	t = elf_type_complete(t);
	if (!t || depth > 3)
		return;
	if (t->is_enum && elf_enumerator_at(t, 0, &name, &value) && !name)
		fuzz_found("an enumerator without a name");
	m = elf_type_members(t, &n);
	for (uint32_t i = 0; i < n && i < QUESTIONS / 8; i++)
		ask_type(m[i].type, depth + 1);
	ask_type(t->target, depth + 1);
}

static void ask_location(struct arena *arena, const struct elf_location *l)
{
	const char *why;

	for (uint32_t bit = 0; bit < 128; bit += 56)
		elf_location_read(arena, l, bit, 64, false, &why);
	elf_location_read(arena, l, 3, 7, true, &why);
}

static void ask_variables(struct arena *arena, struct asked *a, const struct elf_code *c)
{
	uint64_t at = c->start && c->end > c->start ? c->start + (c->end - c->start) / 2 : c->address;
	struct elf_scope *s = elf_scope_of(a->file, at, c->entry);
	const struct elf_variable *v;
	const struct elf_type *type;
	struct elf_location where;
	uint32_t n;

	if (!s)
		return;
	v = elf_scope_variables(s, &n);
	for (uint32_t i = 0; i < n && i < QUESTIONS; i++) {
		where = elf_variable_location(s, &v[i]);
		ask_location(arena, &where);
		ask_type(v[i].type, 0);
	}
	if (elf_returned(s, &type, &where)) {
		ask_location(arena, &where);
		ask_type(type, 0);
	}
}

static void ask_names(struct arena *arena, struct elf_file *f)
{
	static const char *const names[] = { "total", "job", "struct job", "errno", "a" };
	struct elf_location where;
	struct elf_variable v;
	int64_t value;

	for (uint32_t i = 0; i < base_count(names); i++) {
		if (elf_global_find(f, names[i], NULL, &v, &where) || elf_errno_find(f, &v, &where)) {
			ask_location(arena, &where);
			ask_type(v.type, 0);
		}
		ask_type(elf_type_find(f, names[i]), 0);
		elf_enumerator_find(f, names[i], &value);
	}
}

static void ask_code(struct arena *arena, struct asked *a, const struct elf_code *c)
{
	struct elf_debug *d = elf_debug_of(a->file);
	struct elf_scopes scopes;
	const char *file;
	uint64_t start;
	uint32_t line;

	elf_code_body(a->file, c, ELF_PROLOGUE_ALWAYS);
	elf_code_block(a->file, c, c->address);
	elf_each_label(a->file, c, label_hook, NULL);
	elf_each_callee(a->file, c, callee_hook, NULL);
	elf_line_at(a->file, c->address, &file, &line, &start);
	if (a->n_asked++ < QUESTIONS / 4)
		ask_variables(arena, a, c);
	if (d)
		elf_debug_scopes(arena, d, c->address, &scopes);
}

static void ask(struct arena *arena, struct elf_file *f)
{
	static const uint32_t numbers[] = { 1, 7, 20 };
	struct elf_line_spec all = { .kind = ELF_LINES_ALL, .file_matches = any_file };
	struct elf_line_spec some = { .kind = ELF_LINES_LISTED, .numbers = numbers, .n = 3,
				      .nearest = true, .file_matches = any_file };
	struct asked a = { .file = f };
	uint32_t lines = 0;

	elf_each_debug_function(f, "*", function_hook, &a);
	for (uint32_t i = 0; i < a.n_codes; i++)
		ask_code(arena, &a, &a.codes[i]);
	elf_each_line(f, &all, a.codes, a.n_codes, line_hook, &lines);
	elf_each_line(f, &some, a.codes, a.n_codes, line_hook, &lines);
	elf_each_plt(f, "*", plt_hook, NULL);
	elf_symbol_find(f, "main");
	ask_names(arena, f);
}

static char path[200], package[sizeof path + 4];

static void path_remove(void)
{
	unlink(path);
	unlink(package);
}

/* Writes the package that the input ends with; the size of the file before it. */
static size_t package_write(const uint8_t *data, size_t size)
{
	static const char mark[] = "PACKAGE";
	uint32_t n;
	int fd;

	unlink(package);
	if (size < sizeof mark + sizeof n || memcmp(data + size - sizeof mark, mark, sizeof mark) != 0)
		return size;
	size -= sizeof mark + sizeof n;
	memcpy(&n, data + size, sizeof n);
	if (n > size)
		return size;
	fd = open(package, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data + size - n, n) != (ssize_t)n)
		fuzz_found("no package");
	close(fd);
	return size - n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct arena *arena = arena_create();
	struct elf_cache *cache = elf_cache_create(arena);
	struct elf_file *f;

	if (fd < 0) {
		snprintf(path, sizeof path, "%s/spile-fuzz-dwarf-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		fd = mkstemp(path);
		snprintf(package, sizeof package, "%s.dwp", path);
		atexit(path_remove);
		setenv("XDG_CACHE_HOME", "/dev/null/none", 1); /* nowhere, for root too */
		setenv("SYSTEMTAP_DEBUGINFO_PATH", ".", 1);
		unsetenv("DEBUGINFOD_URLS");
	}
	size = package_write(data, size);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		fuzz_found("no file");
	if (!elf_open(cache, path, &f))
		ask(arena, f);
	elf_cache_destroy(cache);
	arena_destroy(arena);
	return 0;
}
