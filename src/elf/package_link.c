/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units of a package, handed to libdw.
 *
 * libdw opens the file that a skeleton names, when it is first asked for the split unit, and takes the unit with the skeleton's
 * dwo_id out of it. So the names are changed in memory: the sections of libelf's handle that hold them are replaced by copies
 * before libdw is given the handle.
 *
 *	skeleton: DW_AT_dwo_name ──strp──▶ "work.dwo"    becomes    ──▶ "/proc/self/fd/7", appended to .debug_str
 *	                         ──strx──▶ entry ──▶ "work.dwo"         (the entry of .debug_str_offsets is changed)
 *
 * All skeletons name the same descriptor: before libdw is asked for a unit, it becomes that of a memory file with the unit's
 * image. libdw maps the image and lets go of the descriptor. Skeletons of units that the package has not keep their names.
 */
#include <dwarf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf/package.h"

/* Sections of the old packed form, ".zdebug_info", only libdw knows to unpack: names in them cannot be changed before. */
static bool is_packed_as_before(Elf *elf)
{
	size_t names;

	for (Elf_Scn *s = elf_getshdrstrndx(elf, &names) == 0 ? elf_nextscn(elf, NULL) : NULL; s; s = elf_nextscn(elf, s)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(s, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;

		if (name && strncmp(name, ".zdebug", 7) == 0)
			return true;
	}
	return false;
}

struct elf_package *elf_package_of(struct elf_debug *d)
{
	if (!d->package_tried && d->package_path && !is_packed_as_before(d->elf))
		d->package = elf_package_open(d->arena, d->package_path);
	d->package_tried = true;
	return d->package;
}

/* ---- the names ------------------------------------------------------------------------------------ */

struct redirection {
	struct elf_debug *debug;
	Elf_Scn *sections[SCAN_SECTIONS]; /* those that are there */
	bool copied[SCAN_SECTIONS];
	struct scan_source source;
	uint64_t budget;
	char name[32]; /* the file that is offered */
};

/* False when a section cannot be unpacked. */
static bool sections_find(struct redirection *r)
{
	size_t names;

	if (elf_getshdrstrndx(r->debug->elf, &names) != 0)
		return false;
	for (Elf_Scn *scn = elf_nextscn(r->debug->elf, NULL); scn; scn = elf_nextscn(r->debug->elf, scn)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(r->debug->elf, names, h.sh_name) : NULL;
		int i = name && h.sh_type != SHT_NOBITS ? scan_section_of(name) : -1;

		if (i < 0 || r->sections[i])
			continue;
		if (h.sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
			return false;
		r->sections[i] = scn;
	}
	return true;
}

static Elf_Data *data_of(struct redirection *r, enum scan_section i)
{
	Elf_Data *data = r->sections[i] ? elf_rawdata(r->sections[i], NULL) : NULL;

	return data && data->d_buf ? data : NULL;
}

/* The section's bytes, in a copy with room for `more` behind them; NULL: no such section. */
static uint8_t *section_copy(struct redirection *r, enum scan_section i, size_t more)
{
	Elf_Data *data = data_of(r, i);
	uint8_t *copy;

	if (!data)
		return NULL;
	if (r->copied[i])
		return data->d_buf;
	copy = arena_alloc(r->debug->arena, data->d_size + more);
	memcpy(copy, data->d_buf, data->d_size);
	elf_debug_replace(r->sections[i], copy, data->d_size);
	r->copied[i] = true;
	return copy;
}

/* The offset of the name in a section of strings. */
static bool name_in(struct redirection *r, enum scan_section i, uint64_t *offset)
{
	size_t n = strlen(r->name) + 1;
	bool added = r->copied[i];
	uint8_t *p = section_copy(r, i, n);
	size_t size = p ? data_of(r, i)->d_size : 0;

	if (!p)
		return false;
	if (!added) {
		memcpy(p + size, r->name, n);
		elf_debug_replace(r->sections[i], p, size += n);
	}
	*offset = size - n;
	return true;
}

static void write_at(struct redirection *r, enum scan_section i, uint64_t at, const void *from, size_t n)
{
	uint8_t *p = section_copy(r, i, 0);
	size_t size = p ? data_of(r, i)->d_size : 0;

	if (at <= size && n <= size - at)
		memcpy(p + at, from, n);
}

/* In the entry itself: as long as it was, slashes lead. */
static void inline_replace(struct redirection *r, const struct scan_place *place)
{
	size_t n = strlen(place->read.text), own = strlen(r->name);
	char text[256];

	if (n < own || n >= sizeof text)
		return;
	memset(text, '/', n);
	memcpy(text + n - own, r->name, own);
	write_at(r, SCAN_INFO, place->value, text, n);
}

static void indexed_replace(struct redirection *r, const struct scan_unit *u, uint64_t index)
{
	uint64_t base = u->version < 5 ? 0 : u->offset_size == 8 ? 16 : 8, offset;
	struct scan_place place;

	if (scan_attribute_find(u, DW_AT_str_offsets_base, DW_AT_str_offsets_base, &r->budget, &place))
		base = place.read.number;
	if (index <= UINT32_MAX && base <= UINT32_MAX && name_in(r, SCAN_STR, &offset))
		write_at(r, SCAN_STR_OFFSETS, base + index * u->offset_size, &offset, u->offset_size);
}

static void name_replace(struct redirection *r, const struct scan_unit *u, const struct scan_place *place)
{
	uint64_t offset;

	switch (place->form) {
	case DW_FORM_strp:
		if (name_in(r, SCAN_STR, &offset))
			write_at(r, SCAN_INFO, place->value, &offset, u->offset_size);
		break;
	case DW_FORM_line_strp:
		if (name_in(r, SCAN_LINE_STR, &offset))
			write_at(r, SCAN_INFO, place->value, &offset, u->offset_size);
		break;
	case DW_FORM_string:
		if (place->read.text)
			inline_replace(r, place);
		break;
	default:
		if (place->read.kind == SCAN_STRING_INDEX)
			indexed_replace(r, u, place->read.number);
		break;
	}
}

/* The unit's dwo_id, when it is a skeleton. */
static bool skeleton_id(struct redirection *r, const struct scan_unit *u, uint64_t *id)
{
	struct scan_place place;

	*id = u->split_id;
	if (u->version >= 5)
		return u->type == DW_UT_skeleton;
	if (!scan_attribute_find(u, DW_AT_GNU_dwo_id, DW_AT_GNU_dwo_id, &r->budget, &place))
		return false;
	*id = place.read.number;
	return true;
}

void elf_package_redirect(struct elf_debug *d)
{
	struct elf_package *p = elf_package_of(d);
	struct redirection *r;
	struct scan_unit u;
	uint64_t id;

	if (!p || p->image_fd >= 0 || !map_count(p->units))
		return;
	r = arena_new(d->arena, struct redirection);
	r->debug = d;
	p->image_fd = memfd_create("spile-split-unit", MFD_CLOEXEC);
	if (p->image_fd < 0 || !sections_find(r))
		return;
	snprintf(r->name, sizeof r->name, "/proc/self/fd/%d", p->image_fd);
	scan_source_load(&r->source, d->elf, NULL); /* stays as it is: the copies are others */
	r->budget = 4 * r->source.sections[SCAN_ABBREV].n + 4096;
	for (uint64_t offset = 0; scan_unit_next(&r->source, &offset, &u);) {
		struct scan_place place;

		if (skeleton_id(r, &u, &id) && map_find_u64(p->units, id) &&
		    scan_attribute_find(&u, DW_AT_dwo_name, DW_AT_GNU_dwo_name, &r->budget, &place))
			name_replace(r, &u, &place);
	}
}

/* ---- the images ------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

void elf_package_offer(struct elf_debug *d, Dwarf_Die *skeleton)
{
	struct elf_package *p = d->package;
	const struct package_row *row;
	struct buf image;
	uint64_t id;
	uint8_t type;
	int fd;

	if (!p || p->image_fd < 0 || dwarf_cu_info(skeleton->cu, NULL, &type, NULL, NULL, &id, NULL, NULL) != 0 ||
	    type != DW_UT_skeleton || map_find_u64(p->offered, id))
		return;
	map_put_u64(p->offered, id, p);
	row = map_find_u64(p->units, id);
	fd = row ? memfd_create("spile-split-unit", MFD_CLOEXEC) : -1;
	if (fd < 0)
		return;
	buf_init(&image, arena_create());
	if (elf_package_image(p, row, &image) && write_all(fd, image.p, image.n))
		dup3(fd, p->image_fd, O_CLOEXEC);
	arena_destroy(image.arena);
	close(fd);
}
