/* SPDX-License-Identifier: Apache-2.0 */
/* Opening files once per canonical path, and checked access to their bytes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/index.h"
#include "elf/root.h"

struct elf_cache {
	struct arena *arena;
	struct map *by_path; /* canonical path to struct elf_file */
	const char *root; /* where files are looked for first, or NULL */
	elf_progress_fn *progress; /* or NULL */
	bool is_for_names;
	struct map *by_alias; /* any path to struct alias */
	uint64_t round; /* of elf_cache_recheck() */
	VEC(struct elf_file *) files;
};

/* A path as it was asked for, and what was there in that round. */
struct alias {
	struct elf_file *file;
	uint64_t round;
};

struct elf_cache *elf_cache_create(struct arena *a)
{
	struct elf_cache *c = arena_new(a, struct elf_cache);

	c->arena = a;
	c->by_path = map_create(a);
	c->by_alias = map_create(a);
	return c;
}

void elf_cache_enter(struct elf_cache *c, uint32_t pid)
{
	if (!c->root)
		c->root = elf_root_of(c->arena, pid);
}

void elf_cache_progress(struct elf_cache *c, elf_progress_fn *hook)
{
	c->progress = hook;
}

void elf_cache_for_names(struct elf_cache *c)
{
	c->is_for_names = true;
}

bool elf_cache_is_for_names(const struct elf_cache *c)
{
	return c->is_for_names;
}

const char *elf_cache_root(const struct elf_cache *c)
{
	return c->root;
}

void elf_cache_destroy(struct elf_cache *c)
{
	vec_each(f, &c->files) {
		elf_index_close(private_of(*f)->functions);
		elf_data_close(private_of(*f)->data);
		elf_debug_close(private_of(*f)->debug);
		private_of(*f)->debug = NULL;
		munmap((void *)(uintptr_t)(*f)->image, (*f)->image_size);
	}
	c->files.n = 0;
}

/* Maps a regular file for reading; an empty one is an error. */
static struct error *map_file(const char *path, const uint8_t **image, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct error *e = NULL;
	struct stat st;
	void *p;

	if (fd < 0)
		return error_errno(errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		e = error_errno(errno, "cannot read %s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
		e = error_new(ERROR_BAD_FILE, "%s is not an ELF file", path);
	if (!e) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			e = error_errno(errno, "cannot map %s", path);
		*image = p;
		*size = (size_t)st.st_size;
	}
	close(fd);
	return e;
}

/* /proc/PID/exe of a file that has no name any more (elf_program_path). */
static bool is_nameless(const char *path, char canonical[PATH_MAX])
{
	int saved = errno;
	bool there = access(path, R_OK) == 0 && strlen(path) < PATH_MAX;

	errno = saved;
	if (there)
		strcpy(canonical, path);
	return there;
}

void elf_cache_recheck(struct elf_cache *c)
{
	c->round++;
}

static struct elf_file *find_alias(const struct elf_cache *c, const char *path)
{
	const struct alias *alias = map_find(c->by_alias, path);

	return alias && alias->round == c->round ? alias->file : NULL;
}

/* Links of /proc lead elsewhere the next time. */
static void note_alias(struct elf_cache *c, const char *path, struct elf_file *f)
{
	struct alias *alias = map_find(c->by_alias, path);

	if (strncmp(path, "/proc/", 6) == 0)
		return;
	if (!alias) {
		alias = arena_new(c->arena, struct alias);
		map_put(c->by_alias, arena_strdup(c->arena, path), alias);
	}
	*alias = (struct alias){ f, c->round };
}

static int64_t time_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static bool is_same(const struct elf_file *f, const struct stat *st)
{
	return f->device == st->st_dev && f->inode == st->st_ino && (off_t)f->image_size == st->st_size &&
	       f->changed == time_of(st);
}

static struct error *open_file(struct elf_cache *c, const char *canonical, const struct stat *st,
			       struct elf_file **out)
{
	struct elf_file *f = arena_new(c->arena, struct elf_file);
	struct error *e;

	f->path = arena_strdup(c->arena, canonical);
	f->device = st->st_dev;
	f->inode = st->st_ino;
	f->changed = time_of(st);
	e = map_file(canonical, &f->image, &f->image_size);
	if (e)
		return e;
	e = elf_headers_read(c->arena, f);
	if (e) {
		munmap((void *)(uintptr_t)f->image, f->image_size);
		return e;
	}
	private_of(f)->progress = c->progress;
	private_of(f)->cache = c;
	map_put(c->by_path, canonical, f);
	vec_push(c->arena, &c->files, f);
	*out = f;
	return NULL;
}

struct error *elf_open(struct elf_cache *c, const char *path, struct elf_file **out)
{
	char canonical[PATH_MAX];
	struct error *e = NULL;
	struct stat st;

	*out = find_alias(c, path);
	if (*out)
		return NULL;
	if (!elf_root_path(c->root, path, canonical) && !realpath(path, canonical) &&
	    !is_nameless(path, canonical))
		return error_errno(errno, "cannot find %s", path);
	if (stat(canonical, &st))
		return error_errno(errno, "cannot find %s", path);
	*out = map_find(c->by_path, canonical);
	if (!*out || !is_same(*out, &st))
		e = open_file(c, canonical, &st, out);
	if (!e)
		note_alias(c, path, *out);
	return e;
}

const uint8_t *elf_slice(const struct elf_file *f, uint64_t offset, uint64_t size)
{
	if (offset > f->image_size || size > f->image_size - offset)
		return NULL;
	return f->image + offset;
}

const uint8_t *elf_bytes(const struct elf_file *f, uint64_t address, uint64_t *available)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];
		uint64_t at = address - s->address, left;

		if (address < s->address || at >= s->file_size || s->file_offset >= f->image_size)
			continue;
		left = base_min(s->file_size, f->image_size - s->file_offset);
		if (at >= left)
			continue;
		if (available)
			*available = left - at;
		return f->image + s->file_offset + at;
	}
	return NULL;
}

const char *elf_text_at(const char *strings, size_t strings_size, uint64_t offset)
{
	return offset < strings_size ? strings + offset : "";
}

size_t elf_strings_trim(const char *strings, size_t size)
{
	while (size && strings[size - 1])
		size--;
	return size;
}

bool elf_section_at(const struct elf_file *f, uint32_t i, Elf64_Shdr *out)
{
	struct elf_private *p = private_of(f);

	if (i >= p->n_sections)
		return false;
	memcpy(out, p->sections + (size_t)i * sizeof *out, sizeof *out);
	return true;
}

const char *elf_section_name(const struct elf_file *f, const Elf64_Shdr *s)
{
	struct elf_private *p = private_of(f);

	return elf_text_at(p->section_names, p->section_names_size, s->sh_name);
}

bool elf_section_find(const struct elf_file *f, const char *name, Elf64_Shdr *out)
{
	for (uint32_t i = 1; elf_section_at(f, i, out); i++)
		if (strcmp(elf_section_name(f, out), name) == 0)
			return true;
	return false;
}

const uint8_t *elf_section_bytes(const struct elf_file *f, const Elf64_Shdr *s, uint64_t *size)
{
	*size = 0;
	if (s->sh_type == SHT_NOBITS || !s->sh_size)
		return NULL;
	*size = s->sh_size;
	return elf_slice(f, s->sh_offset, s->sh_size);
}

struct error *elf_open_bytes(struct elf_cache *c, const char *name, const void *bytes, size_t size,
			     struct elf_file **out)
{
	struct elf_file *f = arena_new(c->arena, struct elf_file);
	struct error *e;
	void *copy;

	if (size < sizeof(Elf64_Ehdr))
		return error_new(ERROR_BAD_FILE, "%s is not an ELF file", name);
	copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return error_errno(errno, "cannot keep %s", name);
	memcpy(copy, bytes, size);
	f->path = arena_strdup(c->arena, name);
	f->image = copy;
	f->image_size = size;
	e = elf_headers_read(c->arena, f);
	if (e) {
		munmap(copy, size);
		return e;
	}
	private_of(f)->cache = c;
	private_of(f)->debug_looked_for = name[0] != '/'; /* there is no place to look at */
	private_of(f)->debug_missing = "it has no file";
	vec_push(c->arena, &c->files, f);
	*out = f;
	return NULL;
}
