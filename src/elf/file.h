/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: an open file's tables and checked access to its bytes. */
#ifndef SPILE_ELF_FILE_H
#define SPILE_ELF_FILE_H

#include <elf.h>
#include <string.h>

#include "elf/elf.h"

/* A symbol table with its strings. The last byte of `strings` is a NUL, or strings_size is 0. */
struct symbol_table {
	const uint8_t *symbols; /* Elf64_Sym, unaligned */
	uint32_t n;
	const char *strings;
	size_t strings_size;
	bool is_dynamic;
};

/* Most tables first: .symtab, what .gnu_debugdata adds, .dynsym. */
#define SYMBOL_TABLES 3u

/* A symbol by its place: table in the upper two bits, number in the others. */
struct symbol_place {
	uint32_t bits;
};

struct function_extent {
	uint64_t address, size;
	struct symbol_place place;
};

/* The index by address and by name; each part is built when first needed. */
struct symbol_index {
	bool tables_loaded;
	struct symbol_table tables[SYMBOL_TABLES];
	uint32_t n_tables;
	uint32_t name_queries;
	uint32_t *buckets; /* open addressing: place.bits + 1, 0 empty; power of two */
	uint32_t n_buckets;
	VEC(struct function_extent) by_address;
	bool by_address_built;
};

/* From PT_DYNAMIC; addresses are link-time, 0 none. */
struct dynamic_facts {
	uint64_t strings, strings_size, symbols, hash, gnu_hash;
	uint64_t soname, rpath, runpath, flags_1; /* offsets in strings + 1; flags */
};

struct elf_private {
	struct arena *arena;
	struct elf_cache *cache;
	const uint8_t *sections; /* Elf64_Shdr, unaligned; NULL none */
	uint32_t n_sections;
	const char *section_names;
	size_t section_names_size;
	struct dynamic_facts dynamic;
	const char *rpath, *runpath; /* or NULL */
	uint64_t eh_frame_hdr; /* link-time address of PT_GNU_EH_FRAME, 0 none */
	struct symbol_index index;
	bool debug_looked_for;
	struct elf_data *data; /* variable.c; NULL: not yet asked for */
	struct elf_debug *debug; /* or NULL, and then */
	const char *debug_missing; /* why */
	VEC(const char *) debug_warnings;
	elf_progress_fn *progress; /* or NULL */
	bool index_tried;
	struct elf_index *functions; /* or NULL */
	bool calls_looked_for;
	enum elf_calls calls;
	bool marks_loaded;
	struct elf_mark *marks;
	uint32_t n_marks;
};

static inline struct elf_private *private_of(const struct elf_file *f)
{
	return f->priv;
}

bool elf_cache_is_for_names(const struct elf_cache *c);

/* size bytes at a file offset, NULL when any is past the end. */
const uint8_t *elf_slice(const struct elf_file *f, uint64_t offset, uint64_t size);
/* Text at `offset` of a string table whose last byte is a NUL; "" when outside. */
const char *elf_text_at(const char *strings, size_t strings_size, uint64_t offset);
/* Cuts a string table behind its last NUL. */
size_t elf_strings_trim(const char *strings, size_t size);

bool elf_section_at(const struct elf_file *f, uint32_t i, Elf64_Shdr *out);
const char *elf_section_name(const struct elf_file *f, const Elf64_Shdr *s);
/* First with that name; false if there is none. */
bool elf_section_find(const struct elf_file *f, const char *name, Elf64_Shdr *out);
/* Bytes of a section in the file, NULL for SHT_NOBITS or outside; *size gets their number. */
const uint8_t *elf_section_bytes(const struct elf_file *f, const Elf64_Shdr *s, uint64_t *size);

/* headers.c: fills everything but path, image and image_size from the image. */
struct error *elf_headers_read(struct arena *a, struct elf_file *f) BASE_MUST_CHECK;

/* variable.c: closes what reading variables opened. */
struct elf_data;
void elf_data_close(struct elf_data *d);

/* minidebug.c: the symbols of .gnu_debugdata (xz); false if there are none. */
bool elf_minidebug_read(struct elf_file *f, struct symbol_table *out);

/* unwind.c: the extent of the .eh_frame entry that holds the address. */
bool elf_unwind_extent(const struct elf_file *f, uint64_t address, uint64_t *start, uint64_t *end);

/* operand.c: one operand, `text` as in the note. f, where symbols are looked up, may be NULL. */
void elf_operand_parse(struct arena *a, struct elf_file *f, const char *text, size_t length,
		       struct elf_operand *out);

/* Data of a symbol by name for operands: false when unknown or when local symbols disagree. */
bool elf_symbol_address(struct elf_file *f, const char *name, size_t length, uint64_t *out);

#endif
