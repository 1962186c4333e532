/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found out about a file, kept for the next time: $XDG_CACHE_HOME/spile/BUILD-ID.KIND (default ~/.cache).
 *
 * A kept file is written beside its name and renamed: readers and writers that run at the same time see
 * a whole one or none. Who reads one believes nothing of it before it is checked.
 */
#ifndef SPILE_ELF_KEPT_H
#define SPILE_ELF_KEPT_H

#include "elf/file.h"

/* In a's memory; NULL: there is no place, or the file has no build-id. kind: "index" ... */
const char *elf_kept_name(struct arena *a, const struct elf_file *f, const char *kind);
/* Opens one for reading, and notes that it is used; its size. -1: there is none. */
int elf_kept_open(const char *name, size_t *size);
/* Says nothing if it cannot; those unused for longest make room. */
void elf_kept_save(struct arena *a, const char *name, const void *image, size_t size);
/* Eight bytes at a time; no attacker is thought of, only broken writes. */
uint64_t elf_kept_hash(const void *p, size_t n);

/* ---- table_file.c -------------------------------------------------------------------------- */

/* The tables of tables.h. */
enum kept_table {
	KEPT_UNWIND, /* struct abi_unwind_table */
	KEPT_SYMBOLS, /* abi_symbol_table */
	KEPT_LINES, /* abi_line_table */
	KEPT_GUESSES /* abi_unwind_table */
};
#define KEPT_VERSION 1u /* raised when what a table says changes, guesses as well; its layout has ABI_VERSION */
/*
 * The table as it was made of just this file and its debug information, in a; NULL: not kept, or not
 * sound: whoever walks it will find all its parts within its size, sorted, and numbers in range.
 */
const void *elf_table_load(struct arena *a, struct elf_file *f, enum kept_table kind);
/* A table that was made, if that is worth a file. */
void elf_table_save(struct elf_file *f, enum kept_table kind, const void *table);
/* The one that was kept, or else one that is made, and kept. */
typedef const void *elf_table_maker(struct arena *a, struct elf_file *f);
const void *elf_table_kept(struct arena *a, struct elf_file *f, enum kept_table kind, elf_table_maker *make);
/* The check alone, of `size` bytes, 8-byte aligned. */
bool elf_table_is_sound(enum kept_table kind, const void *table, size_t size);

#endif
