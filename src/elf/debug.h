/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF of a module, for the files of this folder: the handle of libdw, and
 * which entries hold an address.
 *
 * One handle per file and session, used by one thread. Entries (Dwarf_Die)
 * are values that stay good until elf_cache_destroy(). Addresses are
 * link-time, the same in the module and in its separate file.
 */
#ifndef SPILE_ELF_DEBUG_H
#define SPILE_ELF_DEBUG_H

#include <elfutils/libdw.h>

#include "elf/file.h"

/* Addresses of one compile unit; several rows per unit. */
struct unit_range {
	uint64_t start, end;
	Dwarf_Off unit; /* offset of its entry in .debug_info (of the skeleton, when split) */
};

struct elf_debug {
	const char *path; /* the file that has the sections */
	int fd; /* open on it */
	Elf *elf;
	Dwarf *dwarf; /* NULL until elf_debug_of(): unpacking sections takes time */
	bool is_broken; /* libdw does not take it */
	Elf *second; /* unpack.c: has the sections besides .debug_info for the index, or NULL */
	struct arena *arena; /* of the elf_cache */
	const char *package_path; /* of the package of its split units, or NULL */
	struct elf_package *package; /* once asked for; package.h */
	bool package_tried;
	bool units_loaded;
	VEC(struct unit_range) ranges; /* sorted by start */
	VEC(Dwarf_Off) units; /* every compile unit, in order */
};

/* The handle of f's debug information, opened at the first call; NULL: see elf_debug_missing(). */
struct elf_debug *elf_debug_of(struct elf_file *f);
/* The same, maybe without its handle of libdw, for what the index answers. */
struct elf_debug *elf_debug_file_of(struct elf_file *f);
void elf_debug_close(struct elf_debug *d);
/*
 * Unpacks what an index needs, or all that libdw does, before libdw is asked to: .debug_info in `elf`, the others in `second`.
 * False: there is nothing packed, or libdw has to do it.
 */
bool elf_debug_unpack(struct elf_debug *d, bool all);
/* Shows libdw in `elf` what is unpacked in `second`. */
void elf_debug_share(struct elf_debug *d);
/* Other bytes for a section, which stay the caller's: libelf has two descriptions of one, of which libdw reads one. */
void elf_debug_replace(Elf_Scn *scn, void *p, size_t n);
/* How many bytes that will make, 0 when it is done. */
uint64_t elf_debug_packed(const struct elf_debug *d);
/* Size and time of the last change, in nanoseconds, of the file with the sections and its package. */
void elf_debug_identity(const struct elf_debug *d, uint64_t *size, uint64_t *time);

/* The source file an entry is declared in, or NULL; also where that is not told, as in split units. */
const char *elf_debug_file(Dwarf_Die *die);
/* The entry behind one and its children; false at the last, and where a damaged file leads back. */
bool elf_debug_sibling(Dwarf_Die *die);

/*
 * The compile unit that has code at the address, by the ranges of the units (clang writes no
 * .debug_aranges); false if none. Of a split unit: the entry with the children.
 */
bool elf_debug_unit_at(struct elf_debug *d, uint64_t address, Dwarf_Die *unit);
/* Takes the entry with the children in place of a skeleton unit's, when it is found. False when damaged. */
bool elf_debug_whole(struct elf_debug *d, Dwarf_Die *unit);
/* The entry at an offset; of a skeleton unit, the entry with the children. False when damaged. */
bool elf_debug_unit(struct elf_debug *d, Dwarf_Off offset, Dwarf_Die *unit);

/* Entries that hold an address, innermost first; the last is the compile unit. */
struct elf_scopes {
	Dwarf_Die *list;
	uint32_t n;
};
/*
 * Concrete entries only: lexical blocks, inlined subroutines, the subprogram, namespaces and
 * classes around it, the unit. Names are in their abstract origins (dwarf_attr_integrate).
 * False when no unit has the address; n is 1 when no subprogram of the unit has it.
 */
bool elf_debug_scopes(struct arena *a, struct elf_debug *d, uint64_t address,
		      struct elf_scopes *out);
/* The same chain for an entry: it, what is around it, the unit. False when damaged. */
bool elf_debug_parents(struct arena *a, Dwarf_Die *die, struct elf_scopes *out);

/* debug_find.c: opens the file with f's DWARF, maybe f itself; -1 when there is none. */
int elf_debug_find(struct elf_file *f, const char **path, const char **missing);

#endif
