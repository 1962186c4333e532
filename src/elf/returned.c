/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function leaves what it returns (System V ABI for x86-64, 3.2.3 "Returning of Values").
 *
 * Up to two eightbytes: each is INTEGER (rax, then rdx) or SSE (xmm0, then xmm1) by what lies in
 * it; larger and unaligned things, and classes that must not be copied, are in memory at rax.
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

static struct elf_location in_pieces(struct arena *a, const enum class *two, uint64_t size)
{
	static const enum abi_register integers[] = { ABI_RAX, ABI_RDX };
	uint32_t n = size > 8 ? 2 : 1, n_integers = 0, n_vectors = 0;
	struct elf_piece *p = arena_array(a, struct elf_piece, 2);

	for (uint32_t i = 0; i < n; i++) {
		p[i].location = two[i] == CLASS_SSE ? in_vector(a, n_vectors++) :
						      in_register(a, integers[n_integers++]);
		p[i].bit_offset = 64ull * i;
		p[i].bit_size = 64;
	}
	if (n == 1)
		return p[0].location;
	return (struct elf_location){ .place = ELF_PLACE_PIECES, .pieces = p, .n_pieces = n, .reg = -1 };
}

static bool is_by_reference(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	Dwarf_Word convention;
	Dwarf_Die type;

	return dwarf_attr_integrate(function, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, &type) && dwarf_peel_type(&type, &type) == 0 &&
	       dwarf_attr(&type, DW_AT_calling_convention, &attribute) &&
	       dwarf_formudata(&attribute, &convention) == 0 && convention == DW_CC_pass_by_reference;
}

struct elf_location elf_returned_location(struct elf_data *d, Dwarf_Die *function,
					  const struct elf_type *type)
{
	enum class two[2] = { CLASS_NONE, CLASS_NONE };
	bool whole = type->kind == ELF_TYPE_STRUCT || type->kind == ELF_TYPE_UNION;

	if (type->kind == ELF_TYPE_FLOAT && type->size > 8)
		return elf_location_absent("values in st(0) cannot be read");
	classify(type, 0, two, 0);
	if (two[0] == CLASS_MEMORY || two[1] == CLASS_MEMORY || (whole && is_by_reference(function)))
		return (struct elf_location){ .place = ELF_PLACE_MEMORY,
					      .reg = -1,
					      .node = elf_node_leaf(d->arena, ELF_NODE_REGISTER, ABI_RAX) };
	return in_pieces(d->arena, two, type->size);
}
