/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes in files: $XDG_CACHE_HOME/spile/BUILD-ID.index (default ~/.cache).
 *
 * A file is written beside its name and renamed: readers and writers that run at the same time see
 * a whole one or none. It is believed when its hash and the debug file's size and time are right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/index.h"

/* Indexes of less debug information are built faster than found. */
#define SAVED_BYTES (256u << 10)
/* All files together; the longest unused go first. */
#define CACHE_BYTES (1024ull << 20)

/* Eight bytes at a time; no attacker is thought of, only broken writes. */
uint64_t elf_index_hash(const void *p, size_t n)
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

/* ---- an image ------------------------------------------------------------------------------- */

static bool part_fits(const struct index_header *h, uint64_t offset, uint64_t n, uint64_t size)
{
	return offset >= sizeof *h && offset % 4 == 0 && offset <= h->size &&
	       n <= (h->size - offset) / size;
}

static bool numbers_fit(const struct elf_index *x)
{
	const struct index_header *h = x->header;

	for (uint32_t i = 0; i < h->n_functions; i++)
		if (x->by_linkage[i] >= h->n_functions || x->by_address[i] >= h->n_functions ||
		    x->functions[i].unit >= h->n_units)
			return false;
	return true;
}

bool elf_index_attach(struct elf_index *x, const void *image, size_t size)
{
	const struct index_header *h = image;
	const uint8_t *p = image;

	if (size < sizeof *h || memcmp(h->magic, INDEX_MAGIC, sizeof h->magic) != 0 ||
	    h->version != INDEX_VERSION || h->size != size || h->functions % 8 || h->units % 8)
		return false;
	if (!part_fits(h, h->functions, h->n_functions, sizeof(struct index_function)) ||
	    !part_fits(h, h->by_linkage, h->n_functions, sizeof(uint32_t)) ||
	    !part_fits(h, h->by_address, h->n_functions, sizeof(uint32_t)) ||
	    !part_fits(h, h->units, h->n_units, sizeof(struct index_unit)) ||
	    !part_fits(h, h->strings, h->strings_size, 1) || !h->strings_size ||
	    p[h->strings + h->strings_size - 1])
		return false;
	if (elf_index_hash(p + sizeof *h, size - sizeof *h) != h->hash)
		return false;
	x->header = h;
	x->functions = (const void *)(p + h->functions);
	x->by_linkage = (const void *)(p + h->by_linkage);
	x->by_address = (const void *)(p + h->by_address);
	x->units = (const void *)(p + h->units);
	x->strings = (const char *)(p + h->strings);
	return numbers_fit(x);
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *cache_directory(struct arena *a)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return arena_printf(a, "%s/spile", base);
	return home && *home == '/' ? arena_printf(a, "%s/.cache/spile", home) : NULL;
}

static const char *file_name(struct arena *a, const struct elf_file *f)
{
	const char *directory = cache_directory(a);

	return directory && f->build_id ? arena_printf(a, "%s/%s.index", directory, f->build_id) :
					  NULL;
}

static bool is_for(const struct elf_index *x, const struct elf_file *f, const struct elf_debug *d)
{
	uint64_t size, time;

	elf_debug_identity(d, &size, &time);
	return x->header->debug_size == size && x->header->debug_time == time &&
	       strncmp(x->header->build_id, f->build_id, sizeof x->header->build_id - 1) == 0;
}

static bool map_whole(struct elf_index *x, int fd)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return false;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	x->map = p;
	x->map_size = (size_t)st.st_size;
	return elf_index_attach(x, p, x->map_size);
}

bool elf_index_load(struct elf_index *x, const struct elf_file *f, const struct elf_debug *d)
{
	const char *name = file_name(private_of(f)->arena, f);
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	bool ok;

	if (fd < 0)
		return false;
	ok = map_whole(x, fd) && is_for(x, f, d);
	if (ok)
		futimens(fd, (struct timespec[2]){ { 0, UTIME_NOW }, { 0, UTIME_OMIT } });
	close(fd);
	if (!ok) {
		elf_index_close(x);
		*x = (struct elf_index){ 0 };
	}
	return ok;
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

/* Keeps what was used last, up to CACHE_BYTES. */
static void cache_trim(struct arena *a, const char *directory)
{
	DIR *d = opendir(directory);
	VEC(struct cached) files = { 0 };
	uint64_t total = 0;
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d));)
		if (strstr(e->d_name, ".index") && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
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

void elf_index_save(const struct elf_index *x, const struct elf_file *f)
{
	struct arena *a = private_of(f)->arena;
	const char *name = file_name(a, f), *directory = cache_directory(a);
	char *temporary;
	int fd;

	if (!name || x->header->debug_size < SAVED_BYTES)
		return;
	directories_make(a, directory);
	temporary = arena_printf(a, "%s/new-XXXXXX", directory);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return;
	if (!write_all(fd, x->map, x->map_size) || fchmod(fd, 0644) != 0 ||
	    rename(temporary, name) != 0)
		unlink(temporary);
	close(fd);
	cache_trim(a, directory);
}
