/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* All files together; the longest unused go first. */
#define CACHE_BYTES (1024ull << 20)
#define TEMPORARY "new-"

uint64_t elf_kept_hash(const void *p, size_t n)
{
	const uint8_t *bytes = p;
	uint64_t h = n * 0x9e3779b97f4a7c15ull, word = 0;

	for (; n >= 8; n -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, bytes, n);
	h = (h ^ word) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 29);
}

static const char *cache_directory(struct arena *a)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return arena_printf(a, "%s/spile", base);
	return home && *home == '/' ? arena_printf(a, "%s/.cache/spile", home) : NULL;
}

const char *elf_kept_name(struct arena *a, const struct elf_file *f, const char *kind)
{
	const char *directory = cache_directory(a);

	return directory && f->build_id ? arena_printf(a, "%s/%s.%s", directory, f->build_id, kind) : NULL;
}

int elf_kept_open(const char *name, size_t *size)
{
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(fd);
		return -1;
	}
	*size = (size_t)st.st_size;
	futimens(fd, (struct timespec[2]){ { 0, UTIME_NOW }, { 0, UTIME_OMIT } });
	return fd;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

struct cached {
	const char *name;
	uint64_t size;
	int64_t used; /* seconds */
};

static int compare_used(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

/* Ours, also what a tool was writing when it was killed. */
static bool is_kept(const char *name)
{
	static const char *const kinds[] = { ".index", ".unwind", ".symbols", ".lines", ".guesses", TEMPORARY };

	for (size_t i = 0; i < base_count(kinds); i++)
		if (strstr(name, kinds[i]))
			return true;
	return false;
}

/* Keeps what was used last, up to CACHE_BYTES. */
static void cache_trim(struct arena *a, const char *directory)
{
	DIR *d = opendir(directory);
	VEC(struct cached) files = { 0 };
	uint64_t total = 0;
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d));)
		if (is_kept(e->d_name) && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			vec_push(a, &files, (struct cached){ arena_strdup(a, e->d_name),
							     (uint64_t)st.st_size, st.st_atime });
	if (files.n)
		qsort(files.p, files.n, sizeof *files.p, compare_used);
	vec_each(f, &files) {
		total += f->size;
		if (total > CACHE_BYTES)
			unlinkat(dirfd(d), f->name, 0);
	}
	if (d)
		closedir(d);
}

static void directories_make(struct arena *a, const char *directory)
{
	char *parent = arena_strdup(a, directory);

	*strrchr(parent, '/') = 0;
	mkdir(parent, 0777);
	mkdir(directory, 0777);
}

void elf_kept_save(struct arena *a, const char *name, const void *image, size_t size)
{
	const char *directory = cache_directory(a);
	char *temporary;
	int fd;

	if (!name || !directory)
		return;
	directories_make(a, directory);
	temporary = arena_printf(a, "%s/" TEMPORARY "XXXXXX", directory);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return;
	if (!write_all(fd, image, size) || fchmod(fd, 0644) != 0 || rename(temporary, name) != 0)
		unlink(temporary);
	close(fd);
	cache_trim(a, directory);
}
