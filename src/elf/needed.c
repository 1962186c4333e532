/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libraries a program starts with, found as its dynamic loader finds them.
 *
 *	glibc  DT_RPATH of the object and those that need it, unless it has a
 *	       DT_RUNPATH; LD_LIBRARY_PATH; DT_RUNPATH; ld.so.cache; defaults.
 *	       In every directory glibc-hwcaps/LEVEL first.
 *	musl   LD_LIBRARY_PATH; rpath or runpath of the object and those that
 *	       need it; /etc/ld-musl-ARCH.path or defaults.
 *
 * Followed: ld.so(8), "DESCRIPTION"; musl's manual of its dynamic linker.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "elf/loader.h"

struct object {
	struct elf_file *file;
	uint32_t parent; /* index + 1 of who needed it first, 0 the program */
};

struct search {
	struct arena *arena;
	struct elf_cache *cache;
	bool is_musl;
	struct loader_cache loader;
	const char *system_path; /* colon-separated */
	VEC(struct object) objects; /* [0] is the program */
	struct map *loaded; /* names and canonical paths to struct elf_file */
};

static const char glibc_path[] =
	"/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib";
static const char musl_path[] = "/lib:/usr/local/lib:/usr/lib";
static const char musl_loader[] = "/lib/ld-musl-x86_64.so.1";

/* ---- which loader ------------------------------------------------------------------- */

static bool needs_musl(const struct elf_file *f)
{
	if (f->interpreter)
		return strstr(f->interpreter, "/ld-musl-") != NULL;
	for (uint32_t i = 0; i < f->n_needed; i++)
		if (strcmp(f->needed[i], "libc.so") == 0 ||
		    strncmp(f->needed[i], "libc.musl", 9) == 0)
			return true;
	return false;
}

/* The file may list directories one per line too. */
static const char *musl_system_path(struct arena *a)
{
	FILE *in = fopen("/etc/ld-musl-x86_64.path", "re");
	char text[4096];
	size_t n;

	if (!in)
		return musl_path;
	n = fread(text, 1, sizeof text - 1, in);
	fclose(in);
	while (n && strchr(" \t\n", text[n - 1]))
		n--;
	text[n] = 0;
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ':';
	return n ? arena_strdup(a, text) : musl_path;
}

/* musl's libc is all of these. */
static bool is_musl_itself(const char *name)
{
	static const char *const reserved[] = {
		"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.",
	};

	if (strncmp(name, "lib", 3) != 0)
		return false;
	for (uint32_t i = 0; i < base_count(reserved); i++)
		if (strncmp(name + 3, reserved[i], strlen(reserved[i])) == 0)
			return true;
	return strncmp(name, "libc.musl", 9) == 0;
}

/* ---- directories ---------------------------------------------------------------------- */

/* $ORIGIN and ${ORIGIN}: the length of the token at p, 0 if it is another. */
static size_t token_length(const char *p, const char *end, const char *token)
{
	size_t n = strlen(token), left = (size_t)(end - p);

	if (left > n && memcmp(p + 1, token, n) == 0)
		return n + 1;
	if (left > n + 2 && p[1] == '{' && memcmp(p + 2, token, n) == 0 && p[n + 2] == '}')
		return n + 3;
	return 0;
}

static void token_expand(struct buf *to, const char **p, const char *end,
			 const struct elf_file *owner)
{
	const char *slash = strrchr(owner->path, '/');
	size_t n;

	if ((n = token_length(*p, end, "ORIGIN")))
		buf_add(to, owner->path, slash > owner->path ? (size_t)(slash - owner->path) : 1);
	else if ((n = token_length(*p, end, "LIB")))
		buf_adds(to, "lib/x86_64-linux-gnu");
	else if ((n = token_length(*p, end, "PLATFORM")))
		buf_adds(to, "x86_64");
	else
		buf_addc(to, **p);
	*p += n ? n : 1;
}

static const char *directory_expand(struct arena *a, const char *p, size_t length,
				    const struct elf_file *owner)
{
	const char *end = p + length;
	struct buf b;

	buf_init(&b, a);
	if (!length)
		buf_addc(&b, '.');
	while (p < end) {
		if (*p == '$') {
			token_expand(&b, &p, end, owner);
			continue;
		}
		buf_addc(&b, *p++);
	}
	return buf_str(&b);
}

/* A file that is there but for another machine is passed over, as loaders do. */
static struct elf_file *try_path(struct search *s, const char *path)
{
	struct elf_file *f;

	if ((!elf_cache_root(s->cache) && access(path, R_OK) != 0) || elf_open(s->cache, path, &f))
		return NULL;
	return f;
}

static struct elf_file *try_directory(struct search *s, const char *directory, const char *name)
{
	struct elf_file *f;

	if (!s->is_musl)
		for (const char *const *level = elf_loader_hwcaps(); *level; level++) {
			f = try_path(s, arena_printf(s->arena, "%s/glibc-hwcaps/%s/%s", directory,
						     *level, name));
			if (f)
				return f;
		}
	return try_path(s, arena_printf(s->arena, "%s/%s", directory, name));
}

/* owner is whose $ORIGIN counts. */
static struct elf_file *try_list(struct search *s, const char *list, const char *name,
				 const struct elf_file *owner)
{
	while (list) {
		size_t length = strcspn(list, ":");
		struct elf_file *f = try_directory(
			s, directory_expand(s->arena, list, length, owner), name);

		if (f)
			return f;
		list = list[length] ? list + length + 1 : NULL;
	}
	return NULL;
}

static const struct object *parent_of(const struct search *s, const struct object *o)
{
	return o->parent ? &s->objects.p[o->parent - 1] : NULL;
}

static struct elf_file *glibc_find(struct search *s, const struct object *by, const char *name)
{
	const char *runpath = private_of(by->file)->runpath, *path;
	const char *environment = getenv("LD_LIBRARY_PATH");
	struct elf_file *f = NULL;

	for (const struct object *o = by; !runpath && o && !f; o = parent_of(s, o)) {
		const struct elf_private *p = private_of(o->file);

		if (!p->runpath)
			f = try_list(s, p->rpath, name, o->file);
	}
	if (!f && environment && *environment)
		f = try_list(s, environment, name, by->file);
	if (!f)
		f = try_list(s, runpath, name, by->file);
	path = f ? NULL : elf_loader_cache_find(&s->loader, name);
	if (path)
		f = try_path(s, path);
	return f ? f : try_list(s, s->system_path, name, by->file);
}

static struct elf_file *musl_find(struct search *s, const struct object *by, const char *name)
{
	const char *environment = getenv("LD_LIBRARY_PATH");
	struct elf_file *f = NULL;

	if (is_musl_itself(name))
		return try_path(s, s->objects.p[0].file->interpreter ?
				s->objects.p[0].file->interpreter : musl_loader);
	if (environment && *environment)
		f = try_list(s, environment, name, by->file);
	for (const struct object *o = by; o && !f; o = parent_of(s, o)) {
		const struct elf_private *p = private_of(o->file);

		f = try_list(s, p->runpath ? p->runpath : p->rpath, name, o->file);
	}
	return f ? f : try_list(s, s->system_path, name, by->file);
}

static struct elf_file *library_find(struct search *s, const struct object *by, const char *name)
{
	struct elf_file *f = map_find(s->loaded, name);

	if (f)
		return f;
	if (strchr(name, '/'))
		return try_path(s, directory_expand(s->arena, name, strlen(name), by->file));
	return s->is_musl ? musl_find(s, by, name) : glibc_find(s, by, name);
}

/* ---- the closure, breadth first --------------------------------------------------------- */

static void search_open(struct search *s, struct elf_cache *c, struct arena *a, struct elf_file *f)
{
	*s = (struct search){ .arena = a, .cache = c };
	s->is_musl = needs_musl(f);
	s->loaded = map_create(a);
	s->system_path = s->is_musl ? musl_system_path(a) : glibc_path;
	if (!s->is_musl)
		elf_loader_cache_open(&s->loader, elf_cache_root(c));
	vec_push(a, &s->objects, (struct object){ f, 0 });
	map_put(s->loaded, f->path, f);
}

static void object_add(struct search *s, struct elf_file *f, const char *name, uint32_t parent)
{
	map_put(s->loaded, name, f);
	if (f->soname)
		map_put(s->loaded, f->soname, f);
	if (map_find(s->loaded, f->path))
		return;
	map_put(s->loaded, f->path, f);
	vec_push(s->arena, &s->objects, (struct object){ f, parent });
}

static void closure_collect(struct search *s)
{
	const char *interpreter = s->objects.p[0].file->interpreter;

	for (uint32_t i = 0; i < s->objects.n; i++) {
		struct elf_file *by = s->objects.p[i].file;

		for (uint32_t j = 0; j < by->n_needed; j++) {
			const struct object asking = s->objects.p[i];
			struct elf_file *f = library_find(s, &asking, by->needed[j]);

			if (f)
				object_add(s, f, by->needed[j], i + 1);
		}
	}
	if (interpreter) {
		struct elf_file *f = try_path(s, interpreter);

		if (f)
			object_add(s, f, interpreter, 1);
	}
}

struct error *elf_needed_closure(struct elf_cache *c, struct elf_file *f, const char *const **out,
				 uint32_t *n)
{
	struct arena *a = private_of(f)->arena;
	const char **paths;
	struct search s;

	search_open(&s, c, a, f);
	closure_collect(&s);
	elf_loader_cache_close(&s.loader);
	paths = arena_array(a, const char *, s.objects.n);
	for (uint32_t i = 1; i < s.objects.n; i++)
		paths[i - 1] = s.objects.p[i].file->path;
	*out = paths;
	*n = s.objects.n - 1;
	return NULL;
}

struct error *elf_find_library(struct elf_cache *c, struct elf_file *f, const char *name,
			       const char **out)
{
	struct search s;
	struct elf_file *found;

	search_open(&s, c, private_of(f)->arena, f);
	found = library_find(&s, &s.objects.p[0], name);
	elf_loader_cache_close(&s.loader);
	if (!found)
		return error_new(ERROR_NOT_FOUND, "cannot find library '%s'", name);
	*out = found->path;
	return NULL;
}
