/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of values: made with their constants folded; and bits of a location read as such a tree. */
#include "elf/location.h"

static struct elf_node *node_new(struct arena *a, enum elf_node_kind kind)
{
	struct elf_node *n = arena_new(a, struct elf_node);

	n->kind = kind;
	return n;
}

const struct elf_node *elf_node_number(struct arena *a, int64_t number)
{
	struct elf_node *n = node_new(a, ELF_NODE_NUMBER);

	n->number = number;
	return n;
}

const struct elf_node *elf_node_leaf(struct arena *a, enum elf_node_kind kind, int64_t number)
{
	struct elf_node *n = node_new(a, kind);

	n->number = number;
	return n;
}

const struct elf_node *elf_node_fail(struct arena *a, const char *text)
{
	struct elf_node *n = node_new(a, ELF_NODE_FAIL);

	n->text = text;
	return n;
}

const struct elf_node *elf_node_unary(struct arena *a, enum elf_node_kind kind,
				      const struct elf_node *x)
{
	struct elf_node *n;

	if (x->kind == ELF_NODE_NUMBER && (kind == ELF_NODE_NEGATE || kind == ELF_NODE_INVERT))
		return elf_node_number(a, kind == ELF_NODE_NEGATE ?
						  (int64_t)-(uint64_t)x->number : ~x->number);
	n = node_new(a, kind);
	n->a = x;
	return n;
}

const struct elf_node *elf_node_load(struct arena *a, const struct elf_node *address, uint32_t size,
				     bool is_signed)
{
	struct elf_node *n = node_new(a, ELF_NODE_LOAD);

	n->a = address;
	n->size = (uint8_t)size;
	n->is_signed = is_signed;
	return n;
}

static int64_t extended(int64_t value, uint32_t bits, bool is_signed)
{
	uint32_t unused = 64 - bits;

	if (is_signed)
		return (int64_t)((uint64_t)value << unused) >> unused;
	return (int64_t)((uint64_t)value << unused >> unused);
}

const struct elf_node *elf_node_extend(struct arena *a, const struct elf_node *x, uint32_t bits,
				       bool is_signed)
{
	struct elf_node *n;

	if (bits >= 64)
		return x;
	if (x->kind == ELF_NODE_NUMBER)
		return elf_node_number(a, extended(x->number, bits, is_signed));
	if (bits == 8 || bits == 16 || bits == 32) {
		n = node_new(a, ELF_NODE_EXTEND);
		n->a = x;
		n->size = (uint8_t)(bits / 8);
		n->is_signed = is_signed;
		return n;
	}
	if (!is_signed)
		return elf_node_binary(a, ELF_NODE_AND, x,
				       elf_node_number(a, (int64_t)((1ull << bits) - 1)));
	x = elf_node_binary(a, ELF_NODE_SHIFT_LEFT, x, elf_node_number(a, 64 - bits));
	return elf_node_binary(a, ELF_NODE_SHIFT_RIGHT, x, elf_node_number(a, 64 - bits));
}

/* False where it must be left to run time. */
static bool fold(enum elf_node_kind kind, int64_t x, int64_t y, int64_t *out)
{
	uint64_t ux = (uint64_t)x, uy = (uint64_t)y;

	switch ((int)kind) {
	case ELF_NODE_ADD: *out = (int64_t)(ux + uy); return true;
	case ELF_NODE_SUBTRACT: *out = (int64_t)(ux - uy); return true;
	case ELF_NODE_MULTIPLY: *out = (int64_t)(ux * uy); return true;
	case ELF_NODE_AND: *out = x & y; return true;
	case ELF_NODE_OR: *out = x | y; return true;
	case ELF_NODE_XOR: *out = x ^ y; return true;
	case ELF_NODE_SHIFT_LEFT: *out = (int64_t)(ux << (uy & 63)); return true;
	case ELF_NODE_SHIFT_RIGHT: *out = x >> (uy & 63); return true;
	case ELF_NODE_SHIFT_RIGHT_UNSIGNED: *out = (int64_t)(ux >> (uy & 63)); return true;
	case ELF_NODE_EQUAL: *out = x == y; return true;
	case ELF_NODE_NOT_EQUAL: *out = x != y; return true;
	case ELF_NODE_LESS: *out = x < y; return true;
	case ELF_NODE_LESS_EQUAL: *out = x <= y; return true;
	case ELF_NODE_GREATER: *out = x > y; return true;
	case ELF_NODE_GREATER_EQUAL: *out = x >= y; return true;
	default: return false;
	}
}

static bool is_number(const struct elf_node *n)
{
	return n->kind == ELF_NODE_NUMBER;
}

const struct elf_node *elf_node_binary(struct arena *a, enum elf_node_kind kind,
				       const struct elf_node *x, const struct elf_node *y)
{
	struct elf_node *n;
	int64_t number;

	if (is_number(x) && is_number(y) && fold(kind, x->number, y->number, &number))
		return elf_node_number(a, number);
	if (kind == ELF_NODE_ADD && is_number(x))
		return elf_node_binary(a, kind, y, x);
	if (kind == ELF_NODE_ADD && is_number(y) && x->kind == ELF_NODE_ADD && is_number(x->b))
		return elf_node_binary(a, kind, x->a,
				       elf_node_number(a, (int64_t)((uint64_t)x->b->number +
								    (uint64_t)y->number)));
	if (is_number(y) && !y->number && (kind == ELF_NODE_ADD || kind == ELF_NODE_SUBTRACT ||
					   kind == ELF_NODE_SHIFT_LEFT || kind == ELF_NODE_OR ||
					   kind == ELF_NODE_SHIFT_RIGHT ||
					   kind == ELF_NODE_SHIFT_RIGHT_UNSIGNED))
		return x;
	n = node_new(a, kind);
	n->a = x;
	n->b = y;
	return n;
}

const struct elf_node *elf_node_select(struct arena *a, const struct elf_node *condition,
				       const struct elf_node *yes, const struct elf_node *no)
{
	struct elf_node *n;

	if (is_number(condition))
		return condition->number ? yes : no;
	n = node_new(a, ELF_NODE_SELECT);
	n->a = condition;
	n->b = yes;
	n->c = no;
	return n;
}

const struct elf_node *elf_node_plus(struct arena *a, const struct elf_node *x, int64_t by)
{
	return elf_node_binary(a, ELF_NODE_ADD, x, elf_node_number(a, by));
}

const struct elf_node *elf_node_address(struct elf_data *d, uint64_t address)
{
	if (!d->file->is_shared) /* stays where it was linked */
		return elf_node_number(d->arena, (int64_t)address);
	return elf_node_plus(d->arena, elf_node_leaf(d->arena, ELF_NODE_BIAS, 0), (int64_t)address);
}

const struct elf_node *elf_node_register(struct arena *a, unsigned number)
{
	int reg = elf_register_from_dwarf(number);

	return reg < 0 ? NULL : elf_node_leaf(a, ELF_NODE_REGISTER, reg);
}

/* ---- reading a location --------------------------------------------------------------------- */

static const struct elf_node *shifted(struct arena *a, const struct elf_node *x, uint64_t by)
{
	return elf_node_binary(a, ELF_NODE_SHIFT_RIGHT_UNSIGNED, x, elf_node_number(a, (int64_t)by));
}

/*
 * Whole bytes in one load; a bit-field by the smallest aligned unit that holds it, so that no
 * load crosses into memory the object does not touch.
 */
static const struct elf_node *read_memory(struct arena *a, const struct elf_node *address,
					  uint64_t bit, uint32_t bits, bool is_signed,
					  const char **why)
{
	bool whole = bit % 8 == 0 && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
	const struct elf_node *low, *high;

	if (whole)
		return elf_node_load(a, elf_node_plus(a, address, (int64_t)(bit / 8)), bits / 8,
				     is_signed);
	for (uint32_t unit = 8; unit <= 64; unit *= 2) {
		uint64_t start = bit / unit * unit;

		if (bit + bits > start + unit)
			continue;
		low = elf_node_load(a, elf_node_plus(a, address, (int64_t)(start / 8)), unit / 8, false);
		return elf_node_extend(a, shifted(a, low, bit - start), bits, is_signed);
	}
	if (bits > 56) {
		*why = "a bit-field of this size across nine bytes is not supported";
		return NULL;
	}
	low = read_memory(a, address, bit, 64 - bit % 64, false, why);
	high = read_memory(a, address, bit + 64 - bit % 64, bits - (uint32_t)(64 - bit % 64), false, why);
	high = elf_node_binary(a, ELF_NODE_SHIFT_LEFT, high, elf_node_number(a, (int64_t)(64 - bit % 64)));
	return elf_node_extend(a, elf_node_binary(a, ELF_NODE_OR, low, high), bits, is_signed);
}

static const struct elf_node *read_value(struct arena *a, const struct elf_location *l,
					 uint64_t bit, uint32_t bits, bool is_signed,
					 const char **why)
{
	const struct elf_node *from = bit < 64 ? l->node : l->upper;

	if (!from || bit % 64 + bits > 64 || bit >= 128) {
		*why = "the register that holds it cannot be read";
		return NULL;
	}
	return elf_node_extend(a, shifted(a, from, bit % 64), bits, is_signed);
}

static const struct elf_node *read_bytes(struct arena *a, const struct elf_location *l,
					 uint64_t bit, uint32_t bits, bool is_signed,
					 const char **why)
{
	uint64_t value = 0, from = bit / 8, n = (bit % 8 + bits + 7) / 8;

	if (from > l->n_bytes || n > l->n_bytes - from || n > 8) {
		*why = "its constant is too short";
		return NULL;
	}
	for (uint64_t i = n; i-- > 0;)
		value = value << 8 | l->bytes[from + i];
	return elf_node_number(a, extended((int64_t)(value >> bit % 8), bits, is_signed));
}

static const struct elf_node *read_pieces(struct arena *a, const struct elf_location *l,
					  uint64_t bit, uint32_t bits, bool is_signed,
					  const char **why)
{
	const struct elf_node *sum = NULL, *part;
	uint64_t end = bit + bits, covered = 0;

	for (uint32_t i = 0; i < l->n_pieces; i++) {
		const struct elf_piece *p = &l->pieces[i];
		uint64_t from = base_max(bit, p->bit_offset);
		uint64_t to = base_min(end, p->bit_offset + p->bit_size);

		if (from >= to)
			continue;
		part = elf_location_read(a, &p->location, p->source_bit + from - p->bit_offset,
					 (uint32_t)(to - from), is_signed && from == bit && to == end,
					 why);
		if (!part)
			return NULL;
		part = elf_node_binary(a, ELF_NODE_SHIFT_LEFT, part,
				       elf_node_number(a, (int64_t)(from - bit)));
		sum = sum ? elf_node_binary(a, ELF_NODE_OR, sum, part) : part;
		covered += to - from;
	}
	if (covered < bits) {
		*why = "optimized out: no part of its location covers it";
		return NULL;
	}
	return is_signed ? elf_node_extend(a, sum, bits, true) : sum;
}

const struct elf_node *elf_location_read(struct arena *a, const struct elf_location *l,
					 uint64_t bit_offset, uint32_t bit_size, bool is_signed,
					 const char **why)
{
	switch (l->place) {
	case ELF_PLACE_MEMORY:
		return read_memory(a, l->node, bit_offset, bit_size, is_signed, why);
	case ELF_PLACE_VALUE:
		return read_value(a, l, bit_offset, bit_size, is_signed, why);
	case ELF_PLACE_BYTES:
		return read_bytes(a, l, bit_offset, bit_size, is_signed, why);
	case ELF_PLACE_PIECES:
		return read_pieces(a, l, bit_offset, bit_size, is_signed, why);
	case ELF_PLACE_POINTER:
		if (l->pointed->place == ELF_PLACE_MEMORY && !bit_offset && bit_size == 64)
			return elf_node_plus(a, l->pointed->node, l->pointed_offset);
		*why = "it is an implicit pointer, whose value was optimized out";
		return NULL;
	case ELF_PLACE_ABSENT:
		break;
	}
	*why = l->why ? l->why : "optimized out";
	return NULL;
}
