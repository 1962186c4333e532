/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes in files. One is believed when its hash and the debug file's size and time are right. */
#include <sys/mman.h>
#include <unistd.h>

#include "elf/index.h"
#include "elf/kept.h"

/* Indexes of less debug information are built faster than found. */
#define SAVED_BYTES (256u << 10)

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
	if (elf_kept_hash(p + sizeof *h, size - sizeof *h) != h->hash)
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

static bool is_for(const struct elf_index *x, const struct elf_file *f, const struct elf_debug *d)
{
	uint64_t size, time;

	elf_debug_identity(d, &size, &time);
	return x->header->debug_size == size && x->header->debug_time == time &&
	       strncmp(x->header->build_id, f->build_id, sizeof x->header->build_id - 1) == 0;
}

static bool map_whole(struct elf_index *x, int fd, size_t size)
{
	void *p = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;

	if (p == MAP_FAILED)
		return false;
	x->map = p;
	x->map_size = size;
	return elf_index_attach(x, p, size);
}

bool elf_index_load(struct elf_index *x, const struct elf_file *f, const struct elf_debug *d)
{
	size_t size = 0;
	int fd = elf_kept_open(elf_kept_name(private_of(f)->arena, f, "index"), &size);
	bool ok;

	if (fd < 0)
		return false;
	ok = map_whole(x, fd, size) && is_for(x, f, d);
	close(fd);
	if (!ok) {
		elf_index_close(x);
		*x = (struct elf_index){ 0 };
	}
	return ok;
}

void elf_index_save(const struct elf_index *x, const struct elf_file *f)
{
	if (x->header->debug_size >= SAVED_BYTES)
		elf_kept_save(private_of(f)->arena, elf_kept_name(private_of(f)->arena, f, "index"), x->map, x->map_size);
}
