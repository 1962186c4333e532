/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a package: which bytes of which section are a unit's.
 *
 *	.debug_cu_index   version:4  columns:4  units:4  slots:4
 *	                  [dwo_id:8] * slots           a hash table, 0 where
 *	                  [row:4] * slots              the row is 0 too; rows count from 1
 *	                  [section:4] * columns        DW_SECT_*, of which version 5 has others than 2
 *	                  [offset:4] * columns * units
 *	                  [size:4] * columns * units
 *	.debug_tu_index   the same by the signatures of type units
 *
 * All rows are taken over at once; nothing is looked up by the file's own hash table. No number is trusted.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/package.h"

#define HEADER_BYTES 16u
#define COLUMNS_MOST 16u

static const char *const section_names[PARTS] = {
	[PART_INFO] = ".debug_info.dwo",	 [PART_TYPES] = ".debug_types.dwo",
	[PART_ABBREV] = ".debug_abbrev.dwo",	 [PART_LINE] = ".debug_line.dwo",
	[PART_LOC] = ".debug_loc.dwo",		 [PART_LOCLISTS] = ".debug_loclists.dwo",
	[PART_STR_OFFSETS] = ".debug_str_offsets.dwo", [PART_RNGLISTS] = ".debug_rnglists.dwo",
};

/* DW_SECT_* to parts; PARTS: not of interest. */
static enum package_part part_of(uint32_t version, uint32_t section)
{
	static const uint8_t gnu[] = { PARTS, PART_INFO, PART_TYPES, PART_ABBREV, PART_LINE, PART_LOC, PART_STR_OFFSETS };
	static const uint8_t dwarf5[] = { PARTS, PART_INFO, PARTS, PART_ABBREV, PART_LINE, PART_LOCLISTS, PART_STR_OFFSETS,
					  PARTS, PART_RNGLISTS };

	if (version == 2)
		return section < base_count(gnu) ? gnu[section] : PARTS;
	return section < base_count(dwarf5) ? dwarf5[section] : PARTS;
}

const char *elf_package_section(enum package_part part)
{
	return section_names[part];
}

/* ---- the index ------------------------------------------------------------------------------ */

struct package_index {
	uint32_t version, n_columns, n_units, n_slots;
	struct package_bytes ids, rows, columns, offsets, sizes;
};

static uint32_t word_at(struct package_bytes b, uint64_t i)
{
	uint32_t word;

	memcpy(&word, b.p + i * 4, 4);
	return word;
}

static bool cut(struct package_bytes *from, uint64_t size, struct package_bytes *out)
{
	if (size > from->n)
		return false;
	*out = (struct package_bytes){ from->p, size };
	from->p += size;
	from->n -= size;
	return true;
}

/* GNU's version is 4 bytes, that of DWARF 5 two and padding. */
static bool index_read(struct package_bytes b, struct package_index *x)
{
	struct package_bytes header;
	uint64_t cells;

	if (!cut(&b, HEADER_BYTES, &header))
		return false;
	x->version = word_at(header, 0) & 0xffff;
	x->n_columns = word_at(header, 1);
	x->n_units = word_at(header, 2);
	x->n_slots = word_at(header, 3);
	cells = (uint64_t)x->n_columns * x->n_units;
	return (x->version == 2 || x->version == 5) && x->n_columns <= COLUMNS_MOST &&
	       cut(&b, x->n_slots * 8ull, &x->ids) && cut(&b, x->n_slots * 4ull, &x->rows) &&
	       cut(&b, x->n_columns * 4ull, &x->columns) && cut(&b, cells * 4, &x->offsets) && cut(&b, cells * 4, &x->sizes);
}

/* False when a part is not within its section. */
static bool row_read(const struct elf_package *p, const struct package_index *x, uint32_t number, struct package_row *out)
{
	for (uint32_t i = 0; i < x->n_columns; i++) {
		enum package_part part = part_of(x->version, word_at(x->columns, i));
		uint64_t cell = (uint64_t)number * x->n_columns + i, offset, size;

		if (part == PARTS)
			continue;
		offset = word_at(x->offsets, cell);
		size = word_at(x->sizes, cell);
		if (size && offset + size > p->parts[part].n)
			return false;
		out->parts[part] = (struct package_range){ size ? (uint32_t)offset : 0, (uint32_t)size };
	}
	return true;
}

static void rows_add(struct elf_package *p, struct package_bytes section, struct map *to)
{
	struct package_index x;

	if (!section.p || !index_read(section, &x))
		return;
	for (uint32_t i = 0; i < x.n_slots; i++) {
		uint32_t number = word_at(x.rows, i);
		struct package_row *row;
		uint64_t id;

		if (!number || number > x.n_units)
			continue;
		memcpy(&id, x.ids.p + i * 8ull, 8);
		row = arena_new(p->arena, struct package_row);
		if (row_read(p, &x, number - 1, row))
			map_put_u64(to, id, row);
	}
}

/* ---- the file ------------------------------------------------------------------------------- */

static struct package_bytes section_bytes(Elf_Scn *scn, const GElf_Shdr *h)
{
	Elf_Data *data;

	if (h->sh_type == SHT_NOBITS || (h->sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0))
		return (struct package_bytes){ 0 };
	data = elf_rawdata(scn, NULL);
	return data && data->d_buf ? (struct package_bytes){ data->d_buf, data->d_size } : (struct package_bytes){ 0 };
}

static void sections_read(struct elf_package *p, struct package_bytes *units, struct package_bytes *types)
{
	size_t names;

	if (elf_getshdrstrndx(p->elf, &names) != 0)
		return;
	for (Elf_Scn *scn = elf_nextscn(p->elf, NULL); scn; scn = elf_nextscn(p->elf, scn)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(p->elf, names, h.sh_name) : NULL;
		struct package_bytes *to = NULL;

		for (int i = 0; name && i < PARTS; i++)
			if (strcmp(name, section_names[i]) == 0)
				to = &p->parts[i];
		if (name && strcmp(name, ".debug_str.dwo") == 0)
			to = &p->strings;
		if (name && strcmp(name, ".debug_cu_index") == 0)
			to = units;
		if (name && strcmp(name, ".debug_tu_index") == 0)
			to = types;
		if (to && !to->p)
			*to = section_bytes(scn, &h);
	}
	p->strings.n = elf_strings_trim((const char *)p->strings.p, p->strings.n);
}

struct elf_package *elf_package_open(struct arena *a, const char *path)
{
	struct elf_package *p = arena_new(a, struct elf_package);
	struct package_bytes units = { 0 }, types = { 0 };
	struct stat st;

	p->arena = a;
	p->image_fd = -1;
	p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	p->elf = elf_begin(p->fd, ELF_C_READ_MMAP, NULL);
	if (!p->elf || elf_kind(p->elf) != ELF_K_ELF || fstat(p->fd, &st) != 0) {
		elf_package_close(p);
		return NULL;
	}
	p->size = (uint64_t)st.st_size;
	p->units = map_create(a);
	p->types = map_create(a);
	p->offered = map_create(a);
	sections_read(p, &units, &types);
	rows_add(p, units, p->units);
	rows_add(p, types, p->types);
	return p;
}

void elf_package_close(struct elf_package *p)
{
	if (!p)
		return;
	if (p->elf)
		elf_end(p->elf);
	close(p->fd);
	if (p->image_fd >= 0)
		close(p->image_fd);
}

void elf_package_source(const struct elf_package *p, const struct package_row *row, struct scan_source *out)
{
	static const uint8_t parts[SCAN_SECTIONS] = {
		[SCAN_INFO] = PART_INFO,     [SCAN_ABBREV] = PART_ABBREV, [SCAN_STR] = PARTS,
		[SCAN_LINE_STR] = PARTS,     [SCAN_LINE] = PART_LINE,     [SCAN_STR_OFFSETS] = PART_STR_OFFSETS,
		[SCAN_ADDR] = PARTS,	     [SCAN_RANGES] = PARTS,       [SCAN_RNGLISTS] = PART_RNGLISTS,
	};

	memset(out, 0, sizeof *out);
	for (int i = 0; i < SCAN_SECTIONS; i++) {
		int part = parts[i];

		if (i == SCAN_INFO && !row->parts[part].size)
			part = PART_TYPES;
		if (part == PARTS || !row->parts[part].size)
			continue;
		out->sections[i].p = p->parts[part].p + row->parts[part].offset;
		out->sections[i].n = row->parts[part].size;
	}
	out->sections[SCAN_STR].p = p->strings.p;
	out->sections[SCAN_STR].n = p->strings.n;
}
