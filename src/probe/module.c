/* SPDX-License-Identifier: Apache-2.0 */
/* Which object files process, process("path"), process(PID) and .library("name") select. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "probe/process.h"

static struct elf_cache *cache_of(const struct process_query *q)
{
	return ((struct probe_user *)q->resolver->user)->elf;
}

static bool has_pattern(const char *text)
{
	return strpbrk(text, "*?[{") != NULL;
}

static const char *quoted(const struct process_query *q, const char *text)
{
	return lang_quote(q->resolver->arena, text, (uint32_t)strlen(text));
}

/* Each file once: a library may be reached from several programs. */
static void module_add(struct process_query *q, struct elf_file *f, const char *listed)
{
	struct process_module m = { f, listed,
		arena_printf(q->resolver->arena, "process(%s)", quoted(q, f->path)) };

	vec_each(have, &q->modules)
		if (have->file == f)
			return;
	vec_push(q->resolver->arena, &q->modules, m);
}

static bool program_add(struct process_query *q, const char *path)
{
	struct elf_file *f;
	struct error *e = elf_open(cache_of(q), path, &f);

	if (e) {
		process_error(q, DIAG_PROBE_TARGET, q->point->components.p[0].span, "%s",
			      error_text(e));
		return false;
	}
	module_add(q, f, arena_printf(q->resolver->arena, "process(%s)", quoted(q, f->path)));
	return true;
}

/* In a listing the system calls of a bare `process` are of whatever program: one that is there stands for it. */
static bool any_program(struct process_query *q)
{
	struct elf_file *f;

	if (!q->resolver->options->listing || q->row->resolve != process_syscall_resolve || elf_open(cache_of(q), "/proc/self/exe", &f))
		return false;
	module_add(q, f, "process");
	return true;
}

/* Bare `process`: the command of -c or the program of -x. */
static bool program_of_target(struct process_query *q)
{
	const struct sema_options *o = q->resolver->options;

	if (any_program(q))
		return true;
	if (!o->has_target || !o->target_path) {
		process_error(q, DIAG_PROBE_TARGET, q->point->components.p[0].span,
			      "unspecified process probe is invalid without a -c COMMAND or -x PID "
			      "[man stapprobes]");
		return false;
	}
	return program_add(q, o->target_path);
}

static bool program_of_pid(struct process_query *q, int64_t pid)
{
	struct arena *a = q->resolver->arena;
	const char *directory = arena_printf(a, "/proc/%lld", (long long)pid);
	const char *exe = arena_printf(a, "%s/exe", directory);
	char path[PATH_MAX];
	ssize_t n;

	if (access(directory, F_OK) == 0) {
		elf_cache_enter(cache_of(q), (uint32_t)pid);
		n = readlink(exe, path, sizeof path - 1);
		if (n <= 0)
			return program_add(q, exe);
		return program_add(q, elf_program_path(a, (uint32_t)pid, arena_strndup(a, path, (size_t)n)));
	}
	process_error(q, DIAG_PROBE_TARGET, q->point->components.p[0].span,
		      "cannot probe pid %lld: %s", (long long)pid, strerror(ESRCH));
	return false;
}

/* Files that cannot be opened are passed over: a pattern may meet anything. */
static bool programs_of_pattern(struct process_query *q, const char *pattern)
{
	struct span at = q->point->components.p[0].span;
	const char *const *paths;
	uint32_t n;
	struct error *e = elf_find_programs(q->resolver->arena, pattern, &paths, &n);
	struct elf_file *f;

	if (e) {
		process_error(q, DIAG_PROBE_TARGET, at, "%s", error_text(e));
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		if (!elf_open(cache_of(q), paths[i], &f))
			program_add(q, paths[i]);
	if (!q->modules.n)
		process_no_match(q, at);
	return q->modules.n > 0;
}

static bool program_of_name(struct process_query *q, const char *name)
{
	const char *path;
	struct error *e;
	struct elf_file *f;

	if (elf_cache_root(cache_of(q)) && *name == '/' && !elf_open(cache_of(q), name, &f))
		return program_add(q, f->path);
	e = elf_find_program(q->resolver->arena, name, &path);
	if (!e)
		return program_add(q, path);
	/* process("libc.so.6"): where a program would find it */
	if (!strchr(name, '/') && strstr(name, ".so") && !elf_open(cache_of(q), "/proc/self/exe", &f) &&
	    !elf_find_library(cache_of(q), f, name, &path))
		return program_add(q, path);
	process_error(q, DIAG_PROBE_TARGET, q->point->components.p[0].span, "%s", error_text(e));
	return false;
}

static bool programs_find(struct process_query *q)
{
	const struct point_component *root = &q->point->components.p[0];

	if (!root->has_argument)
		return program_of_target(q);
	if (root->argument->kind == EXPR_NUMBER)
		return program_of_pid(q, root->argument->number.value);
	if (has_pattern(root->argument->string.text))
		return programs_of_pattern(q, root->argument->string.text);
	return program_of_name(q, root->argument->string.text);
}

/* ---- libraries -------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void library_add(struct process_query *q, const struct process_module *program,
			const char *path)
{
	struct elf_file *f;

	if (elf_open(cache_of(q), path, &f))
		return;
	module_add(q, f,
		   arena_printf(q->resolver->arena, "%s.library(%s)", program->listed,
				quoted(q, f->path)));
}

/* By soname, file name or, with a slash, path; the last two of the real file. */
static bool library_matches(const struct elf_file *f, const char *pattern)
{
	return base_glob(pattern, base_name(f->path)) || base_glob(pattern, f->path) ||
	       (f->soname && base_glob(pattern, f->soname));
}

static bool libraries_of_closure(struct process_query *q, const struct process_module *program,
				 const char *pattern)
{
	struct error *e;
	const char *const *paths;
	uint32_t n, before = q->modules.n;

	e = elf_needed_closure(cache_of(q), program->file, &paths, &n);
	if (e) {
		process_error(q, DIAG_PROBE_TARGET, q->point->components.p[1].span, "%s",
			      error_text(e));
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct elf_file *f;

		if (elf_open(cache_of(q), paths[i], &f))
			continue;
		if (library_matches(f, pattern))
			library_add(q, program, paths[i]);
		vec_push(q->resolver->arena, &q->near, f->soname ? f->soname : base_name(f->path));
	}
	/* not there at start: what dlopen() would find */
	if (q->modules.n == before && !has_pattern(pattern)) {
		const char *path;

		if (!elf_find_library(cache_of(q), program->file, pattern, &path))
			library_add(q, program, path);
	}
	return true;
}

/* With a slash it names files, whether the program needs them or not. */
static bool libraries_of_path(struct process_query *q, const struct process_module *program,
			      const char *pattern)
{
	const char *const *paths;
	uint32_t n;
	struct error *e = NULL;

	if (!has_pattern(pattern)) {
		library_add(q, program, pattern);
		return true;
	}
	e = elf_find_programs(q->resolver->arena, pattern, &paths, &n);
	if (e) {
		process_error(q, DIAG_PROBE_TARGET, q->point->components.p[1].span, "%s",
			      error_text(e));
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		library_add(q, program, paths[i]);
	return true;
}

static bool libraries_find(struct process_query *q)
{
	const char *pattern = process_text(q, 1);
	struct process_module *programs = q->modules.p;
	uint32_t n = q->modules.n;

	q->modules.p = NULL;
	q->modules.n = q->modules.cap = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool ok = strchr(pattern, '/') ? libraries_of_path(q, &programs[i], pattern) :
			  libraries_of_closure(q, &programs[i], pattern);

		if (!ok)
			return false;
	}
	q->wanted = (struct process_wanted){ pattern, "library", "libraries" };
	if (!q->modules.n)
		process_no_match(q, q->point->components.p[1].span);
	q->near.n = 0;
	return q->modules.n > 0;
}

bool process_modules_find(struct process_query *q)
{
	return programs_find(q) && (q->tail == 1 || libraries_find(q));
}
