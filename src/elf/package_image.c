/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A .dwo file made of a unit's parts of the package.
 *
 *	package                                        image
 *	.debug_info.dwo         ..[unit]......   ──▶   .debug_info.dwo         [unit][type unit]...
 *	.debug_abbrev.dwo       ...[part]...[t].  ──▶  .debug_abbrev.dwo       [part][t]
 *	.debug_str_offsets.dwo  .[3 9 4]..[7 9]. ──▶   .debug_str_offsets.dwo  [1 6 9][13 16]
 *	.debug_str.dwo          all strings      ──▶   .debug_str.dwo          those strings, in that order
 *
 * Numbers within a part count from its start, so parts are copied as they are. Type units that the unit names follow it,
 * and those that they name. A package keeps one copy of a type unit, whose abbreviations and strings may be another
 * .dwo file's: such parts are appended; the abbreviations are found by the type unit's header, and the strings by an
 * attribute that its entry has now, DW_AT_str_offsets_base. It takes the place of DW_AT_stmt_list, as long in both sections,
 * so that no other entry moves. (Nobody asks for the files of type units.)
 */
#include <dwarf.h>

#include "elf/package.h"

/* Images may take so many times the package's bytes: strings that many units use are in many images. */
#define IMAGES_PER_PACKAGE 32u
#define IMAGES_LEAST (1u << 20)

struct image {
	struct elf_package *package;
	struct arena *arena;
	struct scan_worker worker;
	struct buf parts[PARTS], strings;
	struct map *placed[PARTS]; /* parts that are in it: their offset there + 1, by offset and size */
	struct map *types; /* signatures that were looked at */
	VEC(uint64_t) wanted;
	uint64_t abbreviations; /* bytes that may still be read for scan_attribute_find() */
	bool too_large;
};

/* ---- parts ------------------------------------------------------------------------------------ */

static bool may_add(struct image *m, uint64_t n)
{
	struct elf_package *p = m->package;

	if (p->made + n > p->size * IMAGES_PER_PACKAGE + IMAGES_LEAST)
		m->too_large = true;
	else
		p->made += n;
	return !m->too_large;
}

static const uint8_t *part_bytes(const struct image *m, const struct package_row *row, enum package_part part)
{
	return row->parts[part].size ? m->package->parts[part].p + row->parts[part].offset : NULL;
}

/* The offset in the image of a part that is there or is made; -1: not yet, *key is what it is put down by. */
static int64_t placed_at(struct image *m, enum package_part part, struct package_range r, uint64_t *key)
{
	*key = (uint64_t)r.offset << 32 | r.size;
	return (int64_t)(uintptr_t)map_find_u64(m->placed[part], *key) - 1;
}

static void place(struct image *m, enum package_part part, uint64_t key)
{
	map_put_u64(m->placed[part], key, (void *)(uintptr_t)(m->parts[part].n + 1));
}

static uint64_t part_add(struct image *m, const struct package_row *row, enum package_part part)
{
	struct package_range r = row->parts[part];
	uint64_t key;
	int64_t at = placed_at(m, part, r, &key);

	if (at >= 0)
		return (uint64_t)at;
	place(m, part, key);
	at = (int64_t)m->parts[part].n;
	if (r.size && may_add(m, r.size))
		buf_add(&m->parts[part], part_bytes(m, row, part), r.size);
	return (uint64_t)at;
}

/* The string's offset in the image, by that in the package. */
static uint64_t string_add(struct image *m, uint64_t offset)
{
	const struct package_bytes *s = &m->package->strings;
	uint64_t at = m->strings.n;
	const char *text;
	size_t n;

	if (offset >= s->n)
		return 0;
	text = (const char *)s->p + offset;
	n = strlen(text) + 1;
	if (!may_add(m, n))
		return 0;
	buf_add(&m->strings, text, n);
	return at;
}

/* Before DWARF 5 the table has no header. */
static void table_shape(const uint8_t *p, uint64_t n, uint16_t version, uint64_t *header, uint32_t *entry)
{
	bool wide = version >= 5 && n >= 4 && memcmp(p, "\xff\xff\xff\xff", 4) == 0;

	*entry = wide ? 8 : 4;
	*header = version < 5 ? 0 : wide ? 16 : 8;
}

/* Appends a unit's table of strings with the strings; its offset in the image, behind its header. */
static uint64_t table_add(struct image *m, const struct package_row *row, uint16_t version)
{
	struct package_range r = row->parts[PART_STR_OFFSETS];
	struct buf *to = &m->parts[PART_STR_OFFSETS];
	uint64_t key, header;
	int64_t at = placed_at(m, PART_STR_OFFSETS, r, &key);
	const uint8_t *p = part_bytes(m, row, PART_STR_OFFSETS);
	uint32_t entry;

	if (!r.size)
		return 0;
	table_shape(p, r.size, version, &header, &entry);
	if (at >= 0)
		return (uint64_t)at + header;
	place(m, PART_STR_OFFSETS, key);
	at = (int64_t)to->n;
	if (r.size < header || !may_add(m, r.size))
		return 0;
	buf_add(to, p, header);
	for (uint64_t i = header; i + entry <= r.size && !m->too_large; i += entry) {
		uint64_t offset = 0;

		memcpy(&offset, p + i, entry);
		offset = string_add(m, offset);
		buf_add(to, &offset, entry);
	}
	return (uint64_t)at + header;
}

/* ---- type units --------------------------------------------------------------------------------- */

static void signatures_want(struct image *m, const struct scan_unit *u)
{
	struct scan_signatures named = { 0 };

	scan_signatures_read(&m->worker, u, m->arena, &named);
	vec_each(s, &named.list)
		if (!map_find_u64(m->types, *s)) {
			map_put_u64(m->types, *s, m);
			vec_push(m->arena, &m->wanted, *s);
		}
}

/* Where a header has the offset of its abbreviations (DWARF 5, 7.5.1). */
static uint64_t abbreviations_field(const struct scan_unit *u)
{
	return (u->offset_size == 8 ? 12 : 4) + (u->version >= 5 ? 4 : 2);
}

/*
 * Leads the type unit that was appended at `unit` to its abbreviations at `abbreviations` and its strings at `strings`.
 * False when it has no attribute to tell the latter by.
 */
static bool type_redirect(struct image *m, const struct scan_unit *u, enum package_part part, uint64_t unit,
			  uint64_t abbreviations, uint64_t strings)
{
	uint64_t offset = u->abbreviations + abbreviations;
	struct scan_place place;

	if (!scan_attribute_find(u, DW_AT_stmt_list, DW_AT_str_offsets_base, &m->abbreviations, &place) ||
	    (place.form != DW_FORM_sec_offset && !(place.form == DW_FORM_data4 && u->offset_size == 4)))
		return false;
	memcpy(m->parts[part].p + unit + abbreviations_field(u), &offset, u->offset_size);
	memcpy(m->parts[part].p + unit + place.value, &strings, u->offset_size);
	m->parts[PART_ABBREV].p[abbreviations + place.name] = DW_AT_str_offsets_base;
	return true;
}

static void type_add(struct image *m, const struct package_row *row, const struct package_row *of)
{
	enum package_part part = row->parts[PART_INFO].size ? PART_INFO : PART_TYPES;
	uint64_t offset = 0, at, abbreviations, strings;
	struct scan_source *source = arena_new(m->arena, struct scan_source);
	struct scan_unit u;

	elf_package_source(m->package, row, source);
	if (!scan_unit_next(source, &offset, &u))
		return;
	if (part == PART_TYPES)
		u.first += 8 + u.offset_size; /* behind the signature and the offset of the type */
	at = m->parts[part].n;
	abbreviations = part_add(m, row, PART_ABBREV);
	strings = table_add(m, row, u.version);
	if (m->too_large || !may_add(m, u.end))
		return;
	buf_add(&m->parts[part], source->sections[SCAN_INFO].p, u.end);
	if (memcmp(&row->parts[PART_STR_OFFSETS], &of->parts[PART_STR_OFFSETS], sizeof row->parts[0]) != 0 &&
	    !type_redirect(m, &u, part, at, abbreviations, strings)) {
		m->parts[part].n = at;
		return;
	}
	signatures_want(m, &u);
}

/* ---- the ELF file --------------------------------------------------------------------------------- */

static void header_add(struct buf *out, Elf64_Shdr *h, const char *name, struct buf *names, const void *p, uint64_t n)
{
	*h = (Elf64_Shdr){ .sh_name = (Elf64_Word)names->n, .sh_type = SHT_PROGBITS, .sh_offset = out->n, .sh_size = n,
			   .sh_addralign = 1 };
	buf_add(names, name, strlen(name) + 1);
	buf_add(out, p, n);
}

static void file_make(struct image *m, struct buf *out)
{
	Elf64_Ehdr e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			 .e_type = ET_REL, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_ehsize = sizeof e,
			 .e_shentsize = sizeof(Elf64_Shdr) };
	Elf64_Shdr headers[PARTS + 3] = { { 0 } };
	uint32_t n = 1;
	struct buf names;

	buf_init(&names, m->arena);
	buf_add(&names, "", 1);
	buf_add(out, &e, sizeof e);
	for (int i = 0; i < PARTS; i++)
		if (m->parts[i].n)
			header_add(out, &headers[n++], elf_package_section((enum package_part)i), &names, m->parts[i].p,
				   m->parts[i].n);
	header_add(out, &headers[n++], ".debug_str.dwo", &names, m->strings.p, m->strings.n);
	header_add(out, &headers[n++], ".shstrtab", &names, "", 0);
	headers[n - 1].sh_type = SHT_STRTAB;
	headers[n - 1].sh_size = names.n;
	buf_add(out, names.p, names.n);
	while (out->n % 8)
		buf_addc(out, 0);
	e.e_shoff = out->n;
	e.e_shnum = (Elf64_Half)n;
	e.e_shstrndx = (Elf64_Half)(n - 1);
	memcpy(out->p, &e, sizeof e);
	buf_add(out, headers, n * sizeof *headers);
}

static void image_init(struct image *m, struct elf_package *p, struct arena *a)
{
	*m = (struct image){ .package = p, .arena = a, .types = map_create(a) };
	m->worker.arena = a;
	m->abbreviations = 4 * p->parts[PART_ABBREV].n;
	for (int i = 0; i < PARTS; i++) {
		buf_init(&m->parts[i], a);
		m->placed[i] = map_create(a);
	}
	buf_init(&m->strings, a);
	buf_add(&m->strings, "", 1);
}

bool elf_package_image(struct elf_package *p, const struct package_row *row, struct buf *out)
{
	struct arena *scratch = arena_create();
	struct scan_source source;
	uint64_t offset = 0;
	struct scan_unit u;
	struct image m;
	bool ok;

	image_init(&m, p, scratch);
	elf_package_source(p, row, &source);
	ok = row->parts[PART_INFO].size && scan_unit_next(&source, &offset, &u);
	if (ok) {
		for (int i = 0; i < PARTS; i++)
			if (i != PART_STR_OFFSETS && i != PART_TYPES)
				part_add(&m, row, (enum package_part)i);
		table_add(&m, row, u.version);
		signatures_want(&m, &u);
	}
	for (uint32_t i = 0; ok && i < m.wanted.n && !m.too_large; i++) {
		const struct package_row *type = map_find_u64(p->types, m.wanted.p[i]);

		if (type)
			type_add(&m, type, row);
	}
	ok = ok && !m.too_large;
	if (ok)
		file_make(&m, out);
	arena_destroy(scratch);
	return ok;
}
