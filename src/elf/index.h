/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a module's functions: built from its debug information on all processors, kept in
 * a file by build-id, mapped when it is there.
 *
 *	[header][functions, by name][order by linkage name][order by entry][units][strings]
 *
 * One form in memory and in the file: numbers in the host's byte order, strings by offset.
 */
#ifndef SPILE_ELF_INDEX_H
#define SPILE_ELF_INDEX_H

#include "elf/debug.h"
#include "elf/scan.h"

#define INDEX_MAGIC "spile-ix"
#define INDEX_VERSION 5u

#define INDEX_EXTERNAL 1u
#define INDEX_INLINED 2u /* abstract: has copies */
#define INDEX_SCATTERED 4u /* copies also in other units */

struct index_function {
	uint32_t name, linkage, scope, file; /* offsets in strings; 0: "" */
	uint32_t line, unit, flags, copies;
	uint64_t entry; /* offset of its entry in the unit's .debug_info */
	uint64_t address; /* first instruction, 0 for INDEX_INLINED */
};

enum index_unit_kind { INDEX_UNIT_MAIN, INDEX_UNIT_ALTERNATE, INDEX_UNIT_SPLIT };
struct index_unit {
	uint64_t offset; /* of the unit; SPLIT: of its skeleton's */
	uint32_t kind, flags;
};
/*
 * With lists of locations these are right from a function's first instruction on; elsewhere
 * parameters are where the prologue puts them.
 */
#define INDEX_UNIT_EXACT 1u

struct index_header {
	char magic[8];
	uint32_t version, n_functions, n_units, reserved;
	uint64_t functions, by_linkage, by_address, units, strings, strings_size, size; /* offsets */
	uint64_t hash; /* of all behind the header */
	uint64_t debug_size, debug_time; /* of the file it was made from */
	char build_id[64];
};

struct elf_index {
	const struct index_header *header;
	const struct index_function *functions;
	const uint32_t *by_linkage, *by_address; /* numbers of functions */
	const struct index_unit *units;
	const char *strings;
	void *map; /* NULL: in the arena */
	size_t map_size;
	/* opened when a question needs entries that the index does not hold */
	struct index_sources *sources;
	struct map *copies; /* struct index_copies by unit, those of all units behind the last; made when asked for */
};

/* The index of f's debug information, built or mapped at the first call; NULL without DWARF. */
struct elf_index *elf_index_of(struct elf_file *f);
void elf_index_close(struct elf_index *x);
static inline const char *index_text(const struct elf_index *x, uint32_t offset)
{
	return offset < x->header->strings_size ? x->strings + offset : "";
}

/* index_unit.c ------------------------------------------------------------------------------- */

/* All units of the module, for workers to scan. */
struct index_sources {
	struct arena *arena;
	struct scan_source main, alternate;
	VEC(struct scan_unit) units; /* main's, then the alternate file's, then split ones */
	VEC(struct index_unit) places; /* of units */
	uint32_t n_main, n_alternate;
};
struct index_sources *elf_index_sources(struct arena *a, struct elf_file *f, struct elf_debug *d);

/* One function as a worker found it; texts are the sections' or the worker's. */
struct index_found {
	const char *name, *linkage, *scope, *file;
	uint32_t line, unit, flags, copies;
	uint64_t entry, address;
};
struct index_worker {
	struct index_sources *sources;
	struct arena *arena, *unit_arena; /* of results, of one unit */
	struct scan_worker scan;
	struct intern *texts;
	uint64_t text_bytes, line_budget;
	VEC(struct index_found) found;
	struct map *scattered; /* by offset * 2 + alternate: number of copies in other units */
	struct map *foreign; /* units looked into for origins, by number + 1 */
};
void elf_index_worker_init(struct index_worker *w, struct index_sources *s);
void elf_index_worker_end(struct index_worker *w);
void elf_index_unit(struct index_worker *w, uint32_t number);

/* Copies of functions, by function. */
struct index_copy {
	struct scan_origin of;
	uint32_t unit;
	uint64_t entry, address;
};
struct index_copies {
	VEC(struct index_copy) list; /* by `of`, then in order of units and entries */
};
/* Those in the units [first, end). */
void elf_index_copies_read(struct index_worker *w, uint32_t first, uint32_t end, struct arena *a,
			   struct index_copies *out);
typedef bool index_copy_fn(void *user, uint32_t unit, uint64_t entry, uint64_t address);
/* Those of one function, until the hook says stop. */
void elf_index_copies_of(const struct index_copies *c, struct scan_origin of, index_copy_fn *hook, void *user);

/* index_file.c ------------------------------------------------------------------------------- */

/* Maps the file made for this debug file; false when there is none that is whole. */
bool elf_index_load(struct elf_index *x, const struct elf_file *f, const struct elf_debug *d);
/* Writes it for the next time; failures are silent. */
void elf_index_save(const struct elf_index *x, const struct elf_file *f);
/* Sets the pointers from a whole image; false when it is not one. */
bool elf_index_attach(struct elf_index *x, const void *image, size_t size);

#endif
