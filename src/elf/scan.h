/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of .debug_info for the index: which functions and inlined copies each unit has.
 *
 * libdw answers questions about one entry; an index looks at every entry of a file, 20 million in a
 * big one, and this reader does that several times faster, on all processors, with the abbreviations
 * turned into lengths to skip. It reads DWARF 3 to 5 (chapters 3 and 7 of the standard), trusts no
 * byte, and takes time and memory linear in the section's size whatever it holds.
 */
#ifndef SPILE_ELF_SCAN_H
#define SPILE_ELF_SCAN_H

#include <elfutils/libdw.h>

#include "elf/file.h"

enum scan_section {
	SCAN_INFO,
	SCAN_ABBREV,
	SCAN_STR,
	SCAN_LINE_STR,
	SCAN_LINE,
	SCAN_STR_OFFSETS,
	SCAN_ADDR,
	SCAN_RANGES,
	SCAN_RNGLISTS,
	SCAN_SECTIONS
};

/* The sections of one file: the module's, a dwz alternate file's or a split unit's. */
struct scan_source {
	struct {
		const uint8_t *p;
		uint64_t n;
	} sections[SCAN_SECTIONS];
	const struct scan_source *alternate; /* or NULL */
};
/* Which section a name is, ".debug_info", ".debug_info.dwo" or ".zdebug_info"; -1 none of these. */
int scan_section_of(const char *name);
/*
 * Borrows the bytes from elf, whose compressed sections have been unpacked. others: the handle that has all
 * but .debug_info, or NULL.
 */
void scan_source_load(struct scan_source *s, Elf *elf, Elf *others);

struct scan_spec {
	uint16_t attribute, form;
	int8_t size; /* bytes that it takes, -1 when only reading tells */
	uint8_t slot; /* where scan.c keeps its value, 0 nowhere */
	int64_t constant; /* DW_FORM_implicit_const */
};

struct scan_abbreviation {
	uint64_t code;
	uint16_t tag;
	bool has_children;
	bool is_fixed; /* size is what all attributes take */
	bool is_listed; /* a variable with a list of locations */
	uint32_t size;
	uint32_t first, n; /* in specs */
};

struct scan_abbreviations {
	VEC(struct scan_abbreviation) list; /* by code */
	VEC(struct scan_spec) specs;
};

struct scan_unit {
	const struct scan_source *source;
	const struct scan_source *skeleton; /* where addresses are: source, or the file with the skeleton */
	uint64_t offset, first, end; /* in .debug_info: header, first entry, behind the last */
	uint64_t abbreviations;
	uint16_t version;
	uint8_t address_size, offset_size, type; /* DW_UT_* */
	/* from the unit's entry */
	uint16_t tag; /* 0: not read */
	uint64_t low, lines, str_offsets, addresses, ranges;
	uint64_t split_id; /* of a skeleton: DWARF 5's dwo_id, DW_AT_GNU_dwo_id */
	bool has_lines, is_skeleton; /* its entries are in another file */
	const char *name, *directory, *producer;
};

/* The header at *offset, which moves behind the unit. False at the end or when it is damaged. */
bool scan_unit_next(const struct scan_source *s, uint64_t *offset, struct scan_unit *out);

/* The owner of abbreviation tables; each thread has one. */
struct scan_worker {
	struct arena *arena;
	const struct scan_source *source; /* whose tables they are */
	struct map *tables;
	uint64_t bytes; /* of tables read */
};

/* Where the name, file and line of a function are: another entry. */
struct scan_origin {
	uint64_t offset; /* in .debug_info of source; 0 none */
	bool alternate;
};

#define SCAN_EXTERNAL 1u
#define SCAN_INLINED 2u /* an abstract instance */
#define SCAN_DECLARATION 4u
#define SCAN_HAS_FILE 8u /* DWARF 5 counts files from 0 */

struct scan_function {
	uint64_t offset;
	struct scan_origin origin;
	const char *name, *linkage; /* or NULL */
	uint64_t entry; /* address, 0 none */
	uint32_t scope; /* index in scopes + 1, 0: the unit */
	uint32_t file, line; /* 0: not said */
	uint32_t flags;
};

struct scan_instance {
	struct scan_origin origin;
	uint64_t offset, entry;
};

struct scan_scope {
	const char *name; /* or NULL */
	uint32_t outer, file, line; /* a closure's operator() has no line of its own */
};

struct scan_result {
	VEC(struct scan_function) functions; /* by offset */
	VEC(struct scan_instance) instances;
	VEC(struct scan_scope) scopes;
	bool has_lists; /* of locations */
};

/*
 * Reads the unit's own entry, and with `out` all below it. Text is borrowed from the sections.
 * False when the unit is damaged; what was read before counts.
 */
bool scan_unit_read(struct scan_worker *w, struct scan_unit *u, struct arena *a,
		    struct scan_result *out);
/* The function at an offset; NULL if none. */
const struct scan_function *scan_function_at(const struct scan_result *r, uint64_t offset);

/* scan_line.c: the files of a unit's line table, by DW_AT_decl_file. */
struct scan_file {
	const char *directory, *name; /* name: NULL none */
};
struct scan_files {
	const struct scan_file *files;
	uint32_t n;
};
void scan_files_read(const struct scan_unit *u, struct arena *a, struct scan_files *out);
/*
 * The record of the unit's line table that holds an address; file as in scan_files. False: none, or the table is longer
 * than *budget, from which it is taken.
 */
bool scan_line_find(const struct scan_unit *u, uint64_t address, uint64_t *budget, uint32_t *file, uint32_t *line);
/* A file's path; NULL: there is none. */
const char *scan_file_path(const struct scan_files *f, uint32_t i, struct arena *a);

/* ---- reading bytes; past the end everything is 0 and `bad` is set ------------------------------- */

struct scan_cursor {
	const uint8_t *at, *end;
	bool bad;
};
uint64_t scan_fixed(struct scan_cursor *c, unsigned size);
uint64_t scan_uleb(struct scan_cursor *c);
int64_t scan_sleb(struct scan_cursor *c);
void scan_skip(struct scan_cursor *c, uint64_t n);
const char *scan_text(struct scan_cursor *c);
struct scan_cursor scan_cursor_at(const struct scan_source *s, enum scan_section section,
				  uint64_t offset);
/* A string of a section, NULL outside. */
const char *scan_string_at(const struct scan_source *s, enum scan_section section, uint64_t offset);

/* One attribute's value. */
struct scan_value {
	enum {
		SCAN_NOTHING,
		SCAN_CONSTANT,
		SCAN_ADDRESS,
		SCAN_REFERENCE,
		SCAN_ALTERNATE,
		SCAN_STRING,
		SCAN_ADDRESS_INDEX,
		SCAN_STRING_INDEX,
		SCAN_LIST_INDEX
	} kind;
	uint64_t number;
	const char *text;
};
void scan_value_read(struct scan_cursor *c, const struct scan_unit *u, uint16_t form,
		     int64_t constant, struct scan_value *out);

/* Type units that entries of the unit name (DW_FORM_ref_sig8), each as often as it is named. */
struct scan_signatures {
	VEC(uint64_t) list;
};
void scan_signatures_read(struct scan_worker *w, const struct scan_unit *u, struct arena *a, struct scan_signatures *out);

/* An attribute of a unit's own entry, by its places. */
struct scan_place {
	uint16_t form;
	size_t name, value; /* of its name in .debug_abbrev, of its value in .debug_info */
	struct scan_value read;
};
/*
 * The first of two attributes in the unit's entry. False: there is none, or the table of abbreviations is longer than
 * *budget, from which the bytes read are taken.
 */
bool scan_attribute_find(const struct scan_unit *u, uint16_t attribute, uint16_t other, uint64_t *budget,
			 struct scan_place *out);

#endif
