/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file has a module's DWARF.
 *
 * In this order: the module itself; DIRECTORY/.build-id/ab/cdef.debug; what .gnu_debuglink
 * names, in the directories that gdb's manual lists under "Debugging Information in Separate
 * Files"; a debuginfod server, when DEBUGINFOD_URLS is set. A separate file must have the
 * module's build-id; where one of the two has none, the checksum of .gnu_debuglink decides.
 */
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/debug.h"
#include "elf/root.h"

struct debug_search {
	struct elf_file *file;
	struct arena *arena;
	const char *root; /* "/proc/PID/root" of a file that is there, or "" */
	const char *link; /* name in .gnu_debuglink, or NULL */
	uint32_t checksum;
	int fd; /* the file that was taken, -1 so far */
	const char *path;
};

/* ---- judging a candidate ------------------------------------------------------------------- */

static bool has_dwarf(Elf *elf)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *s = elf_nextscn(elf, NULL); s; s = elf_nextscn(elf, s)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(s, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;

		if (name && h.sh_type != SHT_NOBITS &&
		    (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0))
			return true;
	}
	return false;
}

/* CRC-32 as .gnu_debuglink has it: polynomial 0xedb88320, reflected, inverted at both ends. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t table[256], crc = 0xffffffffu;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
		table[i] = c;
	}
	for (size_t i = 0; i < n; i++)
		crc = table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
	return ~crc;
}

static bool checksum_fits(int fd, uint32_t want)
{
	struct stat st;
	uint32_t got;
	void *p;

	if (fstat(fd, &st) != 0 || st.st_size <= 0)
		return false;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	got = crc32_of(p, (size_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	return got == want;
}

static const char *build_id_of(struct arena *a, Elf *elf)
{
	const void *bits;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &bits);
	struct buf b;

	if (n <= 0)
		return NULL;
	buf_init(&b, a);
	for (ssize_t i = 0; i < n; i++)
		buf_addf(&b, "%02x", ((const uint8_t *)bits)[i]);
	return buf_str(&b);
}

static void pass_over(struct debug_search *s, const char *path, const char *why)
{
	vec_push(s->arena, &private_of(s->file)->debug_warnings,
		 arena_printf(s->arena, "debug file %s does not belong to %s: %s [man warning::buildid]",
			      path, s->file->path, why));
}

/* Whether an open file is this module's; says why not. */
static bool belongs(struct debug_search *s, Elf *elf, int fd, const char *path)
{
	const char *id = build_id_of(s->arena, elf);

	if (id && s->file->build_id) {
		if (strcmp(id, s->file->build_id) == 0)
			return true;
		pass_over(s, path, arena_printf(s->arena, "its build-id is %s, not %s", id,
						s->file->build_id));
		return false;
	}
	if (s->link && checksum_fits(fd, s->checksum))
		return true;
	pass_over(s, path, "its checksum differs");
	return false;
}

static bool take_fd(struct debug_search *s, int fd, const char *path, bool check)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool ok = elf && elf_kind(elf) == ELF_K_ELF && has_dwarf(elf) &&
		  (!check || belongs(s, elf, fd, path));

	if (elf)
		elf_end(elf);
	if (!ok) {
		close(fd);
		return false;
	}
	s->fd = fd;
	s->path = arena_strdup(s->arena, path);
	return true;
}

static bool take(struct debug_search *s, const char *path, bool check)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && take_fd(s, fd, path, check);
}

/* ---- directories --------------------------------------------------------------------------- */

/* As SystemTap's: parts separated by ':', each may begin with '+' or '-' (about checksums). */
static const char *search_path(void)
{
	const char *path = getenv("SYSTEMTAP_DEBUGINFO_PATH");

	return path && *path ? path : ".debug:/usr/lib/debug";
}

/* The next part of the path, "" for the file's own directory; false at the end. */
static bool next_directory(struct arena *a, const char **rest, const char **directory)
{
	size_t n = strcspn(*rest, ":");

	if (!**rest)
		return false;
	*directory = arena_strndup(a, *rest, n);
	if (**directory == '+' || **directory == '-')
		(*directory)++;
	*rest += n + ((*rest)[n] == ':');
	return true;
}

static bool try_at(struct debug_search *s, const char *path)
{
	return access(path, R_OK) == 0 && take(s, path, true);
}

/* Of a file in another root: in its directories, then in ours. */
static bool by_build_id(struct debug_search *s)
{
	const char *id = s->file->build_id, *rest = search_path(), *d;

	if (!id || strlen(id) < 3)
		return false;
	while (next_directory(s->arena, &rest, &d)) {
		const char *path = arena_printf(s->arena, "%s/.build-id/%.2s/%s.debug", d, id,
						id + 2);

		if (*d == '/' && (try_at(s, arena_printf(s->arena, "%s%s", s->root, path)) ||
				  (*s->root && try_at(s, path))))
			return true;
	}
	return false;
}

static const char *directory_of(struct arena *a, const char *path)
{
	return arena_strndup(a, path, (size_t)(strrchr(path, '/') - path));
}

static bool link_at(struct debug_search *s, const char *directory)
{
	const char *path = arena_printf(s->arena, "%s%s/%s", s->root, directory, s->link);

	return strcmp(path, s->file->path) != 0 && try_at(s, path);
}

static bool by_link(struct debug_search *s)
{
	const char *own = directory_of(s->arena, s->file->path + strlen(s->root)), *rest = search_path(), *d;

	if (!s->link)
		return false;
	if (link_at(s, own))
		return true;
	while (next_directory(s->arena, &rest, &d)) {
		if (!*d)
			continue;
		if (link_at(s, *d == '/' ? arena_printf(s->arena, "%s%s", d, own) :
					   arena_printf(s->arena, "%s/%s", own, d)))
			return true;
		if (*d == '/' && link_at(s, d))
			return true;
	}
	return false;
}

/* Name, NUL, padding to 4 bytes, checksum. */
static void link_read(struct debug_search *s)
{
	Elf64_Shdr h;
	uint64_t size;
	const uint8_t *p;
	size_t n;

	if (!elf_section_find(s->file, ".gnu_debuglink", &h))
		return;
	p = elf_section_bytes(s->file, &h, &size);
	if (!p)
		return;
	n = strnlen((const char *)p, size);
	if (!n || memchr(p, '/', n) || base_align(n + 1, 4) + 4 > size)
		return;
	s->link = arena_strndup(s->arena, (const char *)p, n);
	memcpy(&s->checksum, p + base_align(n + 1, 4), 4);
}

/* ---- debuginfod ---------------------------------------------------------------------------- */

struct debuginfod {
	void *library;
	void *(*begin)(void);
	int (*find)(void *client, const unsigned char *id, int id_length, char **path);
	void (*end)(void *client);
};

/* libdebuginfod is used when it is there; elfutils documents these three functions. */
static bool debuginfod_load(struct debuginfod *d)
{
	d->library = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return false;
	*(void **)&d->begin = dlsym(d->library, "debuginfod_begin");
	*(void **)&d->find = dlsym(d->library, "debuginfod_find_debuginfo");
	*(void **)&d->end = dlsym(d->library, "debuginfod_end");
	return d->begin && d->find && d->end;
}

/* Downloads into debuginfod's own cache; it prints its progress when DEBUGINFOD_PROGRESS is set. */
static bool by_server(struct debug_search *s)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	struct debuginfod d = { 0 };
	char *path = NULL;
	void *client;
	int fd = -1;

	if (!urls || !*urls || !s->file->build_id || !debuginfod_load(&d))
		return false;
	client = d.begin();
	if (!client)
		return false;
	fd = d.find(client, (const unsigned char *)s->file->build_id, 0, &path);
	d.end(client);
	if (fd < 0)
		return false;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fd = take_fd(s, fd, path ? path : "debuginfod", true) ? s->fd : -1;
	free(path);
	return fd >= 0;
}

/* ---- the search ---------------------------------------------------------------------------- */

int elf_debug_find(struct elf_file *f, const char **path, const char **missing)
{
	struct debug_search s = { .file = f, .arena = private_of(f)->arena, .fd = -1 };

	elf_version(EV_CURRENT);
	s.root = arena_strndup(s.arena, f->path, elf_root_length(f->path));
	link_read(&s);
	if (take(&s, f->path, false) || by_build_id(&s) || by_link(&s) || by_server(&s)) {
		*path = s.path;
		return s.fd;
	}
	*missing = "No DWARF information found";
	return -1;
}
