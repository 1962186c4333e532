/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function finds what it is passed, at its first instruction, and leaves what it returns
 * (System V ABI for x86-64, 3.2.3 "Parameter Passing").
 *
 * Up to two eightbytes: each is INTEGER or SSE by what lies in it; larger and unaligned things,
 * and classes that must not be copied, are in memory.
 *
 * Code without optimization says of its parameters only where it stores them; before it has,
 * they are where this file says.
 */
#include <dwarf.h>

#include "abi/abi.h"
#include "elf/location.h"

enum class { CLASS_NONE, CLASS_SSE, CLASS_INTEGER, CLASS_MEMORY };

static void classify(const struct elf_type *t, uint64_t offset, enum class *two, uint32_t depth);

static void merge(enum class *two, uint64_t offset, enum class with)
{
	enum class *at = &two[offset / 8 > 1 ? 1 : offset / 8];

	*at = base_max(*at, with);
}

static void classify_members(const struct elf_type *t, uint64_t offset, enum class *two, uint32_t depth)
{
	uint32_t n;
	const struct elf_member *m = elf_type_members(t, &n);

	for (uint32_t i = 0; i < n; i++) {
		if (m[i].is_static || !m[i].type)
			continue;
		if (m[i].is_virtual)
			two[0] = CLASS_MEMORY;
		else if (m[i].bit_size)
			merge(two, offset + m[i].offset + m[i].bit_offset / 8, CLASS_INTEGER);
		else
			classify(m[i].type, offset + m[i].offset, two, depth + 1);
	}
}

static void classify(const struct elf_type *t, uint64_t offset, enum class *two, uint32_t depth)
{
	t = elf_type_complete(t);
	if (!t || depth > 16 || !t->has_size || offset + t->size > 16) {
		two[0] = CLASS_MEMORY;
		return;
	}
	switch (t->kind) {
	case ELF_TYPE_FLOAT:
		merge(two, offset, t->size > 8 ? CLASS_MEMORY : CLASS_SSE);
		break;
	case ELF_TYPE_ARRAY:
		for (uint64_t i = 0; t->target && t->target->size && i < t->count; i++)
			classify(t->target, offset + i * t->target->size, two, depth + 1);
		break;
	case ELF_TYPE_STRUCT:
	case ELF_TYPE_UNION:
		classify_members(t, offset, two, depth);
		break;
	default:
		merge(two, offset, CLASS_INTEGER);
		if (t->size > 8)
			merge(two, offset + 8, CLASS_INTEGER);
		break;
	}
}

/* ---- places ---------------------------------------------------------------------------------- */

static struct elf_location in_register(struct arena *a, enum abi_register reg)
{
	return (struct elf_location){ .place = ELF_PLACE_VALUE,
				      .reg = reg,
				      .node = elf_node_leaf(a, ELF_NODE_REGISTER, reg) };
}

static struct elf_location in_vector(struct arena *a, uint32_t number)
{
	return (struct elf_location){ .place = ELF_PLACE_VALUE,
				      .reg = -1,
				      .node = elf_node_leaf(a, ELF_NODE_VECTOR, 2 * (int64_t)number),
				      .upper = elf_node_leaf(a, ELF_NODE_VECTOR, 2 * (int64_t)number + 1) };
}

/* Registers in the order in which they are taken. */
struct sequence {
	const enum abi_register *integers;
	uint32_t n_integers, n_vectors; /* taken */
	uint64_t stack; /* bytes taken */
};

static struct elf_location in_pieces(struct arena *a, const enum class *two, uint64_t size,
				     struct sequence *q)
{
	uint32_t n = size > 8 ? 2 : 1;
	struct elf_piece *p = arena_array(a, struct elf_piece, 2);

	for (uint32_t i = 0; i < n; i++) {
		p[i].location = two[i] == CLASS_SSE ? in_vector(a, q->n_vectors++) :
						      in_register(a, q->integers[q->n_integers++]);
		p[i].bit_offset = 64ull * i;
		p[i].bit_size = 64;
	}
	if (n == 1)
		return p[0].location;
	return (struct elf_location){ .place = ELF_PLACE_PIECES, .pieces = p, .n_pieces = n, .reg = -1 };
}

/* DW_AT_type of the entry is a class that is handed on by its address. */
static bool is_by_reference(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word convention;
	Dwarf_Die type;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, &type) && dwarf_peel_type(&type, &type) == 0 &&
	       dwarf_attr(&type, DW_AT_calling_convention, &attribute) &&
	       dwarf_formudata(&attribute, &convention) == 0 && convention == DW_CC_pass_by_reference;
}

static bool in_memory(const struct elf_type *type, enum class *two)
{
	classify(type, 0, two, 0);
	return two[0] == CLASS_MEMORY || two[1] == CLASS_MEMORY;
}

struct elf_location elf_returned_location(struct elf_data *d, Dwarf_Die *function,
					  const struct elf_type *type)
{
	static const enum abi_register integers[] = { ABI_RAX, ABI_RDX };
	enum class two[2] = { CLASS_NONE, CLASS_NONE };
	struct sequence q = { .integers = integers };

	if (type->kind == ELF_TYPE_FLOAT && type->size > 8)
		return elf_location_absent("values in st(0) cannot be read");
	if (in_memory(type, two) || is_by_reference(function))
		return (struct elf_location){ .place = ELF_PLACE_MEMORY,
					      .reg = -1,
					      .node = elf_node_leaf(d->arena, ELF_NODE_REGISTER, ABI_RAX) };
	return in_pieces(d->arena, two, type->size, &q);
}

/* ---- parameters ------------------------------------------------------------------------------- */

#define INTEGERS 6u
#define VECTORS 8u

static struct elf_location on_stack(struct arena *a, struct sequence *q, const struct elf_type *type)
{
	struct elf_location l = { .place = ELF_PLACE_MEMORY, .reg = -1 };

	if (type->size > 8 && type->kind == ELF_TYPE_FLOAT)
		q->stack = base_align(q->stack, 16ull);
	/* above the return address */
	l.node = elf_node_plus(a, elf_node_leaf(a, ELF_NODE_REGISTER, ABI_RSP), (int64_t)q->stack + 8);
	q->stack += base_align(type->size, 8ull);
	return l;
}

static struct elf_location next_parameter(struct arena *a, struct sequence *q, Dwarf_Die *die,
					  const struct elf_type *type)
{
	enum class two[2] = { CLASS_NONE, CLASS_NONE };
	struct elf_location l;
	uint32_t integers, vectors;

	if (is_by_reference(die) && q->n_integers < INTEGERS) {
		l = in_register(a, q->integers[q->n_integers++]);
		l.place = ELF_PLACE_MEMORY;
		l.reg = -1;
		return l;
	}
	if (in_memory(type, two))
		return on_stack(a, q, type);
	integers = (two[0] == CLASS_INTEGER) + (two[1] == CLASS_INTEGER);
	vectors = (two[0] == CLASS_SSE) + (two[1] == CLASS_SSE);
	if (q->n_integers + integers > INTEGERS || q->n_vectors + vectors > VECTORS)
		return on_stack(a, q, type);
	if (!integers && !vectors)
		return elf_location_absent("it has no size");
	return in_pieces(a, two, type->size, q);
}

/* The address where what is returned in memory goes is passed first. */
static void take_hidden(struct elf_data *d, Dwarf_Die *function, struct sequence *q)
{
	const struct elf_type *type = elf_type_complete(elf_type_of(d, function));
	enum class two[2] = { CLASS_NONE, CLASS_NONE };

	if (type && type->kind != ELF_TYPE_VOID && type->kind != ELF_TYPE_FLOAT &&
	    (in_memory(type, two) || is_by_reference(function)))
		q->n_integers++;
}

bool elf_passed_location(struct elf_data *d, Dwarf_Die *function, const Dwarf_Die *parameter,
			 struct elf_location *out)
{
	static const enum abi_register integers[] = { ABI_RDI, ABI_RSI, ABI_RDX, ABI_RCX, ABI_R8, ABI_R9 };
	struct sequence q = { .integers = integers };
	Dwarf_Die child;

	if (dwarf_child(function, &child) != 0)
		return false;
	take_hidden(d, function, &q);
	do {
		const struct elf_type *type;

		if (dwarf_tag(&child) != DW_TAG_formal_parameter)
			continue;
		type = elf_type_complete(elf_type_of(d, &child));
		if (!type || !type->has_size)
			return false;
		*out = next_parameter(d->arena, &q, &child, type);
		if (child.addr == parameter->addr)
			return true;
	} while (elf_debug_sibling(&child));
	return false;
}
