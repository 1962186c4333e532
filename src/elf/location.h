/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locations, for the files of this folder.
 *
 * An expression is run once, here, on symbolic values: its stack holds trees.
 * Registers are those of a frame: of the hit itself, or of one of its callers,
 * whose registers are trees by the call frame information at the callee's
 * address.
 */
#ifndef SPILE_ELF_LOCATION_H
#define SPILE_ELF_LOCATION_H

#include <elfutils/libdw.h>

#include "elf/debug.h"

/* How many callers deep entry values are followed. */
#define FRAME_DEPTH 3u

/* What one file's variables need, made once. */
struct elf_data {
	struct arena *arena;
	struct elf_file *file;
	struct elf_debug *debug;
	Elf *elf; /* of the file itself, for .eh_frame; or NULL */
	Dwarf_CFI *eh_frame, *debug_frame; /* or NULL */
	VEC(Dwarf_Frame *) rules; /* of frames asked about */
	struct map *types; /* by address of the entry */
	struct map *pointers; /* by address of the target: types made for & */
	struct elf_names *names; /* names.c */
	uint32_t nesting; /* implicit pointers and entry values being followed */
	struct map *call_sites; /* by address of a unit's entry: struct call_site_list */
};

struct elf_frame {
	struct elf_data *data;
	uint64_t pc; /* link-time; of a caller: one before where it goes on */
	Dwarf_Die function; /* the subprogram, for its frame base; addr NULL: unknown */
	const struct elf_frame *callee; /* NULL: the hit itself */
	Dwarf_Frame *rules; /* looked up when first needed */
	bool rules_loaded;
	uint32_t depth; /* 0: the hit itself */
};

/* ---- node.c */
const struct elf_node *elf_node_leaf(struct arena *a, enum elf_node_kind kind, int64_t number);
const struct elf_node *elf_node_fail(struct arena *a, const char *text);
const struct elf_node *elf_node_unary(struct arena *a, enum elf_node_kind kind,
				      const struct elf_node *x);
const struct elf_node *elf_node_extend(struct arena *a, const struct elf_node *x, uint32_t bits,
				       bool is_signed);
const struct elf_node *elf_node_select(struct arena *a, const struct elf_node *condition,
				       const struct elf_node *yes, const struct elf_node *no);
const struct elf_node *elf_node_plus(struct arena *a, const struct elf_node *x, int64_t by);

/* What the file has at a link-time address, in the process. */
const struct elf_node *elf_node_address(struct elf_data *d, uint64_t address);

/* ---- location.c */
/* attribute: the operations come from it, for operands that name entries; may be NULL. */
struct elf_location elf_location_run(struct elf_frame *f, Dwarf_Attribute *attribute, Dwarf_Op *ops,
				     size_t n);
/* The location an attribute gives at the frame's address: expression or list. */
struct elf_location elf_location_of(struct elf_frame *f, Dwarf_Attribute *attribute);
/* location_list.c: where libdw refuses it, for the operation DW_OP_GNU_uninit; false: that is not why. */
bool elf_location_uninit(struct elf_frame *f, Dwarf_Attribute *attribute, struct elf_location *out);
struct elf_location elf_location_absent(const char *why);
/* A location's content as 64 bits, as when a rule or a frame base names a register. */
const struct elf_node *elf_location_word(struct elf_frame *f, const struct elf_location *l);

/* ---- frame.c */
/* The value of a register (DWARF's number), NULL when lost. */
const struct elf_node *elf_frame_register(struct elf_frame *f, unsigned number);
const struct elf_node *elf_frame_vector(struct elf_frame *f, unsigned number, bool upper);
int elf_register_from_dwarf(unsigned number); /* enum abi_register, -1 none */
const struct elf_node *elf_frame_cfa(struct elf_frame *f);
const struct elf_node *elf_frame_base(struct elf_frame *f);
const struct elf_node *elf_frame_return_address(struct elf_frame *f);
const struct elf_node *elf_frame_thread_variable(struct elf_data *d, const struct elf_node *offset,
						 const char **why);

/* ---- call_site.c */
/* A register's value when the frame's function was entered; NULL: cannot be known, *why says so. */
const struct elf_node *elf_entry_register(struct elf_frame *f, unsigned number, const char **why);
/* What the caller passed for a parameter that has no register. */
const struct elf_node *elf_entry_parameter(struct elf_frame *f, Dwarf_Die *parameter,
					   const char **why);

/* ---- variable.c */
struct elf_data *elf_data_of(struct elf_file *f); /* NULL: no debug information */
/* The location of a variable's entry in the frame; constants as well. */
struct elf_location elf_entry_location(struct elf_frame *f, Dwarf_Die *die);

/* ---- type.c */
const struct elf_type *elf_type_of(struct elf_data *d, Dwarf_Die *die); /* of DW_AT_type; void: NULL */
const struct elf_type *elf_type_int(struct elf_data *d);
const struct elf_type *elf_type_from(struct elf_data *d, Dwarf_Die *type);

/* ---- returned.c */
/* Where a parameter is at the function's first instruction, by the ABI; false: not known. */
bool elf_passed_location(struct elf_data *d, Dwarf_Die *function, const Dwarf_Die *parameter,
			 struct elf_location *out);
struct elf_location elf_returned_location(struct elf_data *d, Dwarf_Die *function,
					  const struct elf_type *type);

#endif
