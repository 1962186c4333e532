/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of elf's door: variables of a program, their types, and where their
 * values are at an address, as plain data.
 *
 * A location is computed from registers at the hit, the load bias, the thread
 * pointer and loads of the program's memory: a tree of struct elf_node, which
 * never loops, so that a handler can hold it as code.  DWARF is read here and
 * never in the target.
 *
 *	scope = elf_scope_at(file, pc);
 *	if (elf_variable_find(scope, "x", &v)) {
 *		location = elf_variable_location(scope, &v);
 *		value = elf_location_read(a, &location, 0, 8 * v.type->size, v.type->is_signed);
 *	}
 *
 * Everything returned lives as long as the elf_cache.
 */
#ifndef SPILE_ELF_VARIABLE_H
#define SPILE_ELF_VARIABLE_H

#include "base/base.h"

struct elf_file;

/* ---- values as trees ------------------------------------------------------------------------ */

/* All values have 64 bits. Comparisons are signed and give 0 or 1; shift counts are below 64. */
enum elf_node_kind {
	ELF_NODE_NUMBER, /* number */
	ELF_NODE_REGISTER, /* at the hit: enum abi_register */
	ELF_NODE_VECTOR, /* half of a vector register: 2 * xmm number, + 1: the upper 64 bits */
	ELF_NODE_BIAS, /* load address of the module minus its link-time address */
	ELF_NODE_THREAD, /* the thread pointer (fs base) */
	ELF_NODE_LOAD, /* `size` bytes at a, extended by is_signed */
	ELF_NODE_EXTEND, /* the low `size` bytes of a, extended by is_signed */
	ELF_NODE_NEGATE,
	ELF_NODE_INVERT, /* bitwise */
	ELF_NODE_ADD,
	ELF_NODE_SUBTRACT,
	ELF_NODE_MULTIPLY,
	ELF_NODE_DIVIDE, /* signed */
	ELF_NODE_MODULO,
	ELF_NODE_AND,
	ELF_NODE_OR,
	ELF_NODE_XOR,
	ELF_NODE_SHIFT_LEFT,
	ELF_NODE_SHIFT_RIGHT, /* signed */
	ELF_NODE_SHIFT_RIGHT_UNSIGNED,
	ELF_NODE_EQUAL,
	ELF_NODE_NOT_EQUAL,
	ELF_NODE_LESS,
	ELF_NODE_LESS_EQUAL,
	ELF_NODE_GREATER,
	ELF_NODE_GREATER_EQUAL,
	/* on the bits of 64-bit floating-point numbers */
	ELF_NODE_FLOAT_ADD,
	ELF_NODE_FLOAT_SUBTRACT,
	ELF_NODE_FLOAT_MULTIPLY,
	ELF_NODE_FLOAT_DIVIDE,
	ELF_NODE_FLOAT_LESS,
	ELF_NODE_FLOAT_LESS_EQUAL,
	ELF_NODE_FLOAT_EQUAL,
	ELF_NODE_FLOAT_FROM_LONG,
	ELF_NODE_FLOAT_TO_LONG, /* cuts the fraction off */
	ELF_NODE_FLOAT_WIDEN, /* from the bits of a 32-bit one */
	ELF_NODE_FLOAT_NARROW, /* to them */
	ELF_NODE_SELECT, /* a ? b : c; only the chosen one is computed */
	ELF_NODE_FAIL, /* has no value at run time: `text` says why */
};
struct elf_node {
	uint8_t kind; /* enum elf_node_kind */
	uint8_t size;
	bool is_signed;
	int64_t number;
	const struct elf_node *a, *b, *c;
	const char *text;
};

/* ---- types ------------------------------------------------------------------------------------ */

enum elf_type_kind {
	ELF_TYPE_VOID,
	ELF_TYPE_INTEGER, /* enums, characters and truth values as well */
	ELF_TYPE_FLOAT,
	ELF_TYPE_POINTER,
	ELF_TYPE_REFERENCE,
	ELF_TYPE_ARRAY,
	ELF_TYPE_STRUCT, /* classes as well */
	ELF_TYPE_UNION,
	ELF_TYPE_FUNCTION,
	ELF_TYPE_OTHER, /* pointers to members, complex numbers */
};
/* Without qualifiers and typedefs. */
struct elf_type {
	uint8_t kind; /* enum elf_type_kind */
	bool is_signed, is_character, is_enum, is_declaration;
	bool has_size;
	uint64_t size; /* bytes */
	const char *text; /* as SystemTap writes it: "struct s*", "int[]", "char const*" */
	const char *name; /* of the type itself: "struct s"; anonymous: NULL */
	const char *file; /* where it is declared, or NULL */
	uint32_t line;
	const struct elf_type *target; /* pointers, references, arrays; NULL: void or unknown */
	uint64_t count; /* arrays: elements, 0 unknown */
	void *priv;
};
/*
 * Members of variants are there in turn (DWARF 5, 5.7.10; enums of Rust): where the number at `offset` is `value`, or, of the one
 * without, where it is no other variant's.
 */
struct elf_variant {
	const struct elf_type *type; /* of the number, an integer; NULL: there is one variant only */
	uint64_t offset; /* bytes */
	bool has_value;
	uint64_t value; /* as many bits as the number has */
};
struct elf_member {
	const char *name; /* NULL: an unnamed struct, union or bit-field */
	const struct elf_type *type;
	uint64_t offset; /* bytes; is_virtual: how far below the address point of the vtable its offset stands */
	uint32_t bit_size, bit_offset; /* bit-fields: size, 0 none; first bit from `offset` */
	bool is_base; /* a base class */
	bool is_virtual; /* a virtual base class: its offset is not constant */
	bool is_static; /* a C++ class variable: see elf_static_member() */
	bool is_artificial; /* the compiler's own: _vptr.x */
	const struct elf_variant *variant; /* NULL: always there. Those of one variant share it */
};
/* A type that is only named where it is used ("struct s;"): the one of its name elsewhere. */
const struct elf_type *elf_type_complete(const struct elf_type *t);
/* In order of declaration. */
const struct elf_member *elf_type_members(const struct elf_type *t, uint32_t *n);
/* "struct s", "union u", "enum e", "class c" or a typedef's or base type's name; NULL if none. */
const struct elf_type *elf_type_find(struct elf_file *f, const char *name);
struct elf_file *elf_type_file(const struct elf_type *t); /* the module it was read from */
/* A pointer to it, as & makes. */
const struct elf_type *elf_type_pointer_to(struct elf_file *f, const struct elf_type *t);
/* The value of an enumerator anywhere in the module. */
bool elf_enumerator_find(struct elf_file *f, const char *name, int64_t *value);
/* The names of an enumeration's values, in order; false past the last. */
bool elf_enumerator_at(const struct elf_type *t, uint32_t i, const char **name, int64_t *value);

/* ---- locations ---------------------------------------------------------------------------------- */

enum elf_place {
	ELF_PLACE_ABSENT, /* optimized out, or not understood: why */
	ELF_PLACE_MEMORY, /* node: the address */
	ELF_PLACE_VALUE, /* node: up to 64 bits; reg: the register they are in */
	ELF_PLACE_BYTES, /* constant */
	ELF_PLACE_PIECES,
	ELF_PLACE_POINTER, /* a pointer without a value: what it points to is known */
};
struct elf_piece;
struct elf_location {
	enum elf_place place;
	const struct elf_node *node;
	const struct elf_node *upper; /* VALUE: bits 64 to 127, or NULL */
	int reg; /* VALUE: enum abi_register, -1 none */
	const uint8_t *bytes;
	uint64_t n_bytes;
	const struct elf_piece *pieces;
	uint32_t n_pieces;
	const struct elf_location *pointed; /* POINTER */
	int64_t pointed_offset;
	const char *why;
};
struct elf_piece {
	struct elf_location location;
	uint64_t bit_offset, bit_size; /* in the whole */
	uint64_t source_bit; /* in location */
};
/*
 * bit_size (1 to 64) bits from bit_offset on, extended to 64; NULL when they have no value, and
 * then *why says why. a: may be any arena.
 */
const struct elf_node *elf_location_read(struct arena *a, const struct elf_location *l,
					 uint64_t bit_offset, uint32_t bit_size, bool is_signed,
					 const char **why);
const struct elf_node *elf_node_number(struct arena *a, int64_t number);
/* By DWARF's number (@uregister); NULL: none of the general ones. */
const struct elf_node *elf_node_register(struct arena *a, unsigned number);
/* Folds constants and chains of additions. */
const struct elf_node *elf_node_binary(struct arena *a, enum elf_node_kind kind,
				       const struct elf_node *x, const struct elf_node *y);
const struct elf_node *elf_node_load(struct arena *a, const struct elf_node *address, uint32_t size,
				     bool is_signed);

/* ---- variables ---------------------------------------------------------------------------------- */

/* What is visible at one address. */
struct elf_scope;
/* NULL: no debug information covers the address. */
struct elf_scope *elf_scope_at(struct elf_file *f, uint64_t address);
/*
 * The same for an entry of the debug information that holds the address (an inlined instance, by
 * its offset in .debug_info), for when several begin there.
 */
struct elf_scope *elf_scope_of(struct elf_file *f, uint64_t address, uint64_t entry);
const char *elf_scope_function(const struct elf_scope *s); /* its name, or NULL */
const char *elf_scope_unit(const struct elf_scope *s); /* the source file's last name */

struct elf_variable {
	const char *name; /* without $ */
	const struct elf_type *type;
	bool is_parameter;
	void *priv;
};
/* By the innermost scope first, then the function's, its class's and the unit's. */
bool elf_variable_find(struct elf_scope *s, const char *name, struct elf_variable *out);
/* Parameters, then locals of all blocks around the address; each name once. */
const struct elf_variable *elf_scope_variables(struct elf_scope *s, uint32_t *n);
/*
 * All of them, the innermost block's first, in the order of the debug information, then those of namespaces that the
 * function's entry lies in; names may repeat.
 */
typedef void elf_variable_fn(void *user, const struct elf_variable *v);
void elf_each_variable(struct elf_scope *s, elf_variable_fn *hook, void *user);
struct elf_location elf_variable_location(struct elf_scope *s, const struct elf_variable *v);
/*
 * A variable of a unit of the module: unit is the end of its source file's path ("src/a.c"; of
 * several the shortest path counts), NULL: any. Its location is the same everywhere.
 */
bool elf_global_find(struct elf_file *f, const char *name, const char *unit,
		     struct elf_variable *out, struct elf_location *where);
/*
 * The C library's errno, by its symbol: libraries without debug information have it. False: none.
 */
bool elf_errno_find(struct elf_file *f, struct elf_variable *out, struct elf_location *where);
bool elf_static_member(struct elf_file *f, const struct elf_member *m, struct elf_location *where);
/*
 * What the function returns, at its caller's next instruction (System V ABI, "Returning of
 * Values"). False: nothing (void) or no debug information.
 */
bool elf_returned(struct elf_scope *s, const struct elf_type **type, struct elf_location *where);

#endif
