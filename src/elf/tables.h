/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the door: tables about a whole file, in the form in which targets use them. */
#ifndef SPILE_ELF_TABLES_H
#define SPILE_ELF_TABLES_H

/*
 * Each is one block of `size` bytes in the arena; NULL: there is nothing to tell, or the
 * code spans more than 4 GiB.
 *
 * How to unwind from every address: .eh_frame and .debug_frame (of the file or its debug information), executed
 * (DWARF 5, section 6.4; Linux Standard Base, "Exception Frames"; System V AMD64 psABI, figure 3.36).
 */
const struct abi_unwind_table *elf_unwind_table(struct arena *a, struct elf_file *f);
/* The same from rules found otherwise: piece i holds from its `start` up to that of the next. Sorted. */
struct elf_unwind_piece {
	uint64_t start;
	struct abi_unwind_rule rule;
};
const struct abi_unwind_table *elf_unwind_table_of(struct arena *a, struct elf_file *f, const struct elf_unwind_piece *p,
						   uint32_t n);
/* One that the last function made, kept for the next time that the file is asked about; NULL: there is none. */
const struct abi_unwind_table *elf_unwind_guesses(struct arena *a, struct elf_file *f);
void elf_unwind_guesses_keep(struct elf_file *f, const struct abi_unwind_table *t);
/* The rule for a link-time address; ABI_RULE_NONE when nothing is said. t may be NULL. */
uint8_t elf_unwind_kind_at(const struct abi_unwind_table *t, uint64_t address);
/*
 * Functions by address, one name for each address: exported before global before local, fewer underscores
 * in front, shorter. Of the file and its debug information's symbol table.
 */
const struct abi_symbol_table *elf_symbol_table(struct arena *a, struct elf_file *f);
/* Source lines by address, of all units. */
const struct abi_line_table *elf_line_table(struct arena *a, struct elf_file *f);

/* An address in the text of the source: the innermost inlined copy first, the function itself last. */
struct elf_source {
	const char *function; /* NULL: not known */
	const char *file; /* NULL: not known */
	uint32_t line;
};
/* At most `most` into out; how many. 0: no debug information covers the address. */
uint32_t elf_sources_at(struct arena *a, struct elf_file *f, uint64_t address, struct elf_source *out,
		       uint32_t most);

/* A file whose bytes are at hand, under a name; a copy is kept. Not found by elf_open(). */
struct error *elf_open_bytes(struct elf_cache *c, const char *name, const void *bytes, size_t size,
			     struct elf_file **out) BASE_MUST_CHECK;

#endif
