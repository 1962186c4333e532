/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables about a whole file (tables.h), kept in files of their own:
 *
 *	[struct kept_header][the table, as it goes into the region]
 *
 * Targets walk tables without looking twice. So what a file says is not only hashed but gone through: after
 * elf_table_is_sound() no walk leaves the table, whoever has written it.
 */
#include <unistd.h>

#include "abi/abi.h"
#include "elf/debug.h"
#include "elf/kept.h"

#define MAGIC "spiletab"
#define LEAST (16u << 10) /* smaller tables are made as fast as found */
#define LEAST_GUESSES (4u << 10) /* whose making decodes the code */
#define LARGEST (1ull << 32)

struct kept_header {
	char magic[8];
	uint32_t version, abi, kind, pad;
	uint64_t size, hash; /* of the table */
	/* what it was made of */
	uint64_t file_size, file_time, debug_size, debug_time;
	char build_id[64];
};

/* ---- is it sound? ------------------------------------------------------------------------------ */

static bool part_fits(uint64_t size, uint64_t at, uint64_t n, uint64_t each)
{
	return at % 4 == 0 && at <= size && n <= (size - at) / each;
}

static bool unwind_is_sound(const struct abi_unwind_table *t, size_t size)
{
	const uint8_t *p = (const uint8_t *)t;
	const struct abi_unwind_rule *rules;
	const struct abi_unwind_row *rows;
	const uint32_t *blocks;

	if (size < sizeof *t || t->size != size || !t->n_rows || !t->n_rules || t->n_blocks < 2 ||
	    !part_fits(size, t->rules, t->n_rules, sizeof *rules) || !part_fits(size, t->rows, t->n_rows, sizeof *rows) ||
	    !part_fits(size, t->blocks, t->n_blocks, sizeof *blocks))
		return false;
	rules = (const void *)(p + t->rules);
	rows = (const void *)(p + t->rows);
	blocks = (const void *)(p + t->blocks);
	for (uint32_t i = 0; i < t->n_rules; i++)
		if (rules[i].kind > ABI_RULE_SIGNAL || rules[i].reg >= ABI_RIP || rules[i].address_in < -1 ||
		    rules[i].address_in >= (int)ABI_RIP || rules[i].base < -1 || rules[i].base >= (int)ABI_RIP)
			return false;
	for (uint32_t i = 0; i < t->n_rows; i++)
		if (rows[i].rule >= t->n_rules || (i && rows[i].at <= rows[i - 1].at))
			return false;
	for (uint32_t i = 0; i < t->n_blocks; i++)
		if (blocks[i] > t->n_rows || (i && blocks[i] < blocks[i - 1]))
			return false;
	return rules[0].kind == ABI_RULE_NONE;
}

static bool symbols_are_sound(const struct abi_symbol_table *t, size_t size)
{
	const struct abi_symbol *list;

	if (size < sizeof *t || t->size != size || !t->n || !part_fits(size, t->symbols, t->n, sizeof *list) || t->names > size)
		return false;
	list = (const void *)((const uint8_t *)t + t->symbols);
	for (uint32_t i = 0; i < t->n; i++)
		if ((uint64_t)list[i].name + list[i].length > size - t->names || (i && list[i].at <= list[i - 1].at))
			return false;
	return true;
}

static bool lines_are_sound(const struct abi_line_table *t, size_t size)
{
	const struct abi_line_file *files;
	const struct abi_line *rows;

	if (size < sizeof *t || t->size != size || !t->n || !part_fits(size, t->rows, t->n, sizeof *rows) ||
	    !part_fits(size, t->files, t->n_files, sizeof *files) || t->names > size)
		return false;
	rows = (const void *)((const uint8_t *)t + t->rows);
	files = (const void *)((const uint8_t *)t + t->files);
	for (uint32_t i = 0; i < t->n; i++)
		if ((rows[i].line && rows[i].file >= t->n_files) || (i && rows[i].at <= rows[i - 1].at))
			return false;
	for (uint32_t i = 0; i < t->n_files; i++)
		if ((uint64_t)files[i].name + files[i].length > size - t->names)
			return false;
	return true;
}

bool elf_table_is_sound(enum kept_table kind, const void *table, size_t size)
{
	switch (kind) {
	case KEPT_UNWIND:
	case KEPT_GUESSES:
		return unwind_is_sound(table, size);
	case KEPT_SYMBOLS:
		return symbols_are_sound(table, size);
	case KEPT_LINES:
		return lines_are_sound(table, size);
	}
	return false;
}

/* ---- files ------------------------------------------------------------------------------------- */

static const char *name_of(struct elf_file *f, enum kept_table kind)
{
	static const char *const kinds[] = { [KEPT_UNWIND] = "unwind", [KEPT_SYMBOLS] = "symbols", [KEPT_LINES] = "lines",
					     [KEPT_GUESSES] = "guesses" };

	/* One without an inode was read out of memory. */
	return f->inode ? elf_kept_name(private_of(f)->arena, f, kinds[kind]) : NULL;
}

/* All but the table's size and hash. */
static struct kept_header header_for(struct elf_file *f, enum kept_table kind)
{
	struct kept_header h = { .version = KEPT_VERSION, .abi = ABI_VERSION, .kind = kind, .file_size = f->image_size,
				 .file_time = (uint64_t)f->changed };
	const struct elf_debug *d = elf_debug_file_of(f);

	memcpy(h.magic, MAGIC, sizeof h.magic);
	if (d)
		elf_debug_identity(d, &h.debug_size, &h.debug_time);
	memcpy(h.build_id, f->build_id, base_min(strlen(f->build_id), sizeof h.build_id - 1));
	return h;
}

static bool read_all(int fd, void *to, size_t n, off_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, (char *)to + done, n - done, at + (off_t)done);

		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static const void *read_table(struct arena *a, int fd, size_t size, const struct kept_header *want, enum kept_table kind)
{
	struct kept_header h, same;
	void *table;

	if (size < sizeof h || size - sizeof h > LARGEST || !read_all(fd, &h, sizeof h, 0))
		return NULL;
	same = h;
	same.size = same.hash = 0;
	if (memcmp(&same, want, sizeof same) != 0 || h.size != size - sizeof h)
		return NULL;
	table = arena_alloc(a, h.size);
	if (!read_all(fd, table, h.size, sizeof h) || elf_kept_hash(table, h.size) != h.hash ||
	    !elf_table_is_sound(kind, table, h.size))
		return NULL;
	return table;
}

const void *elf_table_load(struct arena *a, struct elf_file *f, enum kept_table kind)
{
	size_t size = 0;
	int fd = elf_kept_open(name_of(f, kind), &size);
	const void *table = NULL;

	if (fd >= 0) {
		struct kept_header want = header_for(f, kind);

		table = read_table(a, fd, size, &want, kind);
		close(fd);
	}
	return table;
}

const struct abi_unwind_table *elf_unwind_guesses(struct arena *a, struct elf_file *f)
{
	return elf_table_load(a, f, KEPT_GUESSES);
}

void elf_unwind_guesses_keep(struct elf_file *f, const struct abi_unwind_table *t)
{
	elf_table_save(f, KEPT_GUESSES, t);
}

void elf_table_save(struct elf_file *f, enum kept_table kind, const void *table)
{
	const char *name = name_of(f, kind);
	struct kept_header h;
	struct arena *a;
	uint8_t *image;
	uint64_t size;

	if (!table || !name)
		return;
	memcpy(&size, table, sizeof size); /* each begins with it */
	if (size < (kind == KEPT_GUESSES ? LEAST_GUESSES : LEAST))
		return;
	h = header_for(f, kind);
	h.size = size;
	h.hash = elf_kept_hash(table, size);
	a = arena_create();
	image = arena_alloc(a, sizeof h + size);
	memcpy(image, &h, sizeof h);
	memcpy(image + sizeof h, table, size);
	elf_kept_save(a, name, image, sizeof h + size);
	arena_destroy(a);
}

const void *elf_table_kept(struct arena *a, struct elf_file *f, enum kept_table kind, elf_table_maker *make)
{
	const void *t = elf_table_load(a, f, kind);

	if (!t) {
		t = make(a, f);
		elf_table_save(f, kind, t);
	}
	return t;
}
