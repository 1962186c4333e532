/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the symbol tables of a file: for symbol.c by name, for extent.c by address. */
#ifndef SPILE_ELF_SYMBOL_H
#define SPILE_ELF_SYMBOL_H

#include "elf/file.h"

/* A symbol as its table has it: defined, in a loaded segment, with a name. */
struct raw_symbol {
	Elf64_Sym symbol;
	const char *name;
	size_t name_length; /* without @VERSION */
	struct symbol_place place;
	bool is_dynamic;
};

/* The tables, found at the first call. */
const struct symbol_index *elf_symbol_tables(struct elf_file *f);

struct symbol_cursor {
	uint32_t table, next;
};
/* The next defined symbol in order of the tables; false at the end. Starts zeroed. */
bool elf_symbol_next(struct elf_file *f, struct symbol_cursor *c, struct raw_symbol *out);
bool elf_symbol_get(struct elf_file *f, struct symbol_place place, struct raw_symbol *out);
bool elf_symbol_is_function(const struct elf_file *f, const struct raw_symbol *s);

#endif
