/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of libdw for what the index names: for line.c and call.c. */
#ifndef SPILE_ELF_FUNCTION_H
#define SPILE_ELF_FUNCTION_H

#include "elf/index.h"

/* The entry at an offset of a unit's .debug_info; false when it cannot be had. */
bool elf_entry_at(struct elf_file *f, uint32_t unit, uint64_t offset, Dwarf_Die *out);
/* Code whose entry is known; start and end from its ranges. */
struct elf_code elf_code_of(const struct elf_function *function, uint32_t unit, Dwarf_Die *die,
			    uint64_t address);
/* What an entry says of its function, through its origins; unit is its number. */
void elf_function_describe(struct elf_file *f, Dwarf_Die *die, uint32_t unit,
			   struct elf_function *out);
/* Where the code of an entry is entered; 0: it has none. */
uint64_t elf_entry_address(Dwarf_Die *die);

#endif
