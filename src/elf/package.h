/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages of split units (.dwp): DWARF 5, 7.3.5, and GNU's form of DWARF 4 before it.
 *
 * package.c reads the index, package_image.c makes of one unit the .dwo file that it was, in memory, and
 * package_link.c has libdw open that where it looks for the .dwo file.
 */
#ifndef SPILE_ELF_PACKAGE_H
#define SPILE_ELF_PACKAGE_H

#include "elf/debug.h"
#include "elf/scan.h"

/* Sections of which each unit has a part of its own. */
enum package_part {
	PART_INFO,
	PART_TYPES,
	PART_ABBREV,
	PART_LINE,
	PART_LOC,
	PART_LOCLISTS,
	PART_STR_OFFSETS,
	PART_RNGLISTS,
	PARTS
};

struct package_bytes {
	const uint8_t *p;
	uint64_t n;
};

/* A unit's parts, within the package's sections; one without bytes is {0, 0}. */
struct package_row {
	struct package_range {
		uint32_t offset, size;
	} parts[PARTS];
};

struct elf_package {
	struct arena *arena;
	int fd;
	Elf *elf;
	uint64_t size, made; /* bytes of the file, of images made of it */
	struct package_bytes parts[PARTS], strings; /* strings: the last byte is a NUL, or none */
	struct map *units, *types; /* struct package_row by dwo_id, by signature */
	/* package_link.c */
	int image_fd; /* libdw opens it by its number; the image is another one for every unit */
	struct map *offered; /* units whose image libdw has seen, by dwo_id */
};

/* The name of a part's section in .dwo files and packages. */
const char *elf_package_section(enum package_part part);
/* NULL when there is none, or it is not one; closed by elf_package_close(). */
struct elf_package *elf_package_open(struct arena *a, const char *path);
void elf_package_close(struct elf_package *p);
/* The sections of a unit (its row is in units) or of a type unit, as its .dwo file has them. Strings are the package's. */
void elf_package_source(const struct elf_package *p, const struct package_row *row, struct scan_source *out);
/* A unit's .dwo file, in `out`; false when it is damaged, or images take far more memory than the package. */
bool elf_package_image(struct elf_package *p, const struct package_row *row, struct buf *out);

/* The package of d's split units, opened at the first call; NULL: none. */
struct elf_package *elf_package_of(struct elf_debug *d);
/* Before d's handle of libdw is made: the skeletons of units in the package name the file that is offered. */
void elf_package_redirect(struct elf_debug *d);
/* Before libdw looks for the split unit of a skeleton. */
void elf_package_offer(struct elf_debug *d, Dwarf_Die *skeleton);

#endif
