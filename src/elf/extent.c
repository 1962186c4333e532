/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function holds an address, and where it ends.
 *
 * A symbol with a size that covers the address is the best witness.  Symbols
 * of hand-written assembler have no size, and stripped files no symbol: then
 * the .eh_frame entry gives the extent.  The next symbol is the last resort.
 */
#include <string.h>

#include "elf/symbol.h"

/* Sized symbols that begin before the nearest one and might still cover an address. */
#define ENCLOSING_LIMIT 16u

#define DIGIT_BITS 11u
#define DIGITS (1u << DIGIT_BITS)

/* By one digit of the address; those with the same one stay in their order. */
static void sort_by_digit(const struct function_extent *from, struct function_extent *to, uint32_t n, uint32_t shift)
{
	uint32_t next[DIGITS + 1] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		next[(from[i].address >> shift) % DIGITS + 1]++;
	for (uint32_t i = 0; i < DIGITS; i++)
		next[i + 1] += next[i];
	for (uint32_t i = 0; i < n; i++)
		to[next[(from[i].address >> shift) % DIGITS]++] = from[i];
}

/* By address; those of one address stay in the order of the tables. A tenth of qsort's time: a program has thousands. */
static void sort_extents(struct function_extent *p, uint32_t n)
{
	struct arena *a = arena_create();
	struct function_extent *spare = arena_array(a, struct function_extent, n), *from = p, *to = spare;
	uint64_t used = 0;

	for (uint32_t i = 0; i < n; i++)
		used |= p[i].address;
	for (uint32_t shift = 0; shift < 64 && used >> shift; shift += DIGIT_BITS) {
		sort_by_digit(from, to, n, shift);
		to = from;
		from = from == p ? spare : p;
	}
	if (from != p)
		memcpy(p, from, n * sizeof *p);
	arena_destroy(a);
}

static void by_address_build(struct elf_file *f)
{
	struct elf_private *p = private_of(f);
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;

	p->index.by_address_built = true;
	while (elf_symbol_next(f, &c, &s))
		if (elf_symbol_is_function(f, &s))
			vec_push(p->arena, &p->index.by_address,
				 (struct function_extent){ s.symbol.st_value, s.symbol.st_size,
							   s.place });
	if (p->index.by_address.n)
		sort_extents(p->index.by_address.p, p->index.by_address.n);
}

/* How many entries begin at or before the address. */
static uint32_t count_until(const struct symbol_index *x, uint64_t address)
{
	return base_bound(i, 0, x->by_address.n, x->by_address.p[i].address <= address);
}

/* The innermost sized symbol over the address; of aliases the first in its table. */
static const struct function_extent *covering(const struct symbol_index *x, uint32_t until,
					      uint64_t address)
{
	const struct function_extent *found = NULL;
	uint32_t tried = 0;

	for (uint32_t i = until; i-- > 0;) {
		const struct function_extent *e = &x->by_address.p[i];

		if (found && e->address != found->address)
			break;
		if (address - e->address < e->size)
			found = e;
		else if (tried++ == ENCLOSING_LIMIT)
			break;
	}
	return found;
}

static const char *name_of(struct elf_file *f, struct symbol_place place)
{
	struct raw_symbol s;

	if (!elf_symbol_get(f, place, &s))
		return NULL;
	return s.name[s.name_length] ? arena_strndup(private_of(f)->arena, s.name, s.name_length)
				     : s.name;
}

/* Up to the next symbol, but not past the executable segment. */
static uint64_t end_by_neighbour(const struct elf_file *f, const struct symbol_index *x,
				 uint32_t next, uint64_t start)
{
	uint64_t end = next < x->by_address.n ? x->by_address.p[next].address : UINT64_MAX;

	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (start >= s->address && start - s->address < s->memory_size)
			end = base_min(end, s->address + s->memory_size);
	}
	return end;
}

/* The first alias at the address of the entry before `until`. */
static const struct function_extent *nearest(const struct symbol_index *x, uint32_t until)
{
	uint32_t i = until - 1;

	while (i > 0 && x->by_address.p[i - 1].address == x->by_address.p[i].address)
		i--;
	return &x->by_address.p[i];
}

bool elf_function_at(struct elf_file *f, uint64_t address, const char **name, uint64_t *start,
		     uint64_t *end)
{
	struct symbol_index *x = &private_of(f)->index;
	const struct function_extent *e;
	uint32_t until;

	if (!x->by_address_built)
		by_address_build(f);
	until = count_until(x, address);
	e = covering(x, until, address);
	if (e) {
		*name = name_of(f, e->place);
		*start = e->address;
		*end = e->address + e->size;
		return true;
	}
	e = until ? nearest(x, until) : NULL;
	if (elf_unwind_extent(f, address, start, end)) {
		*name = e && e->address >= *start && !e->size ? name_of(f, e->place) : NULL;
		if (*name)
			*start = e->address;
		return true;
	}
	if (!e || e->size)
		return false;
	*name = name_of(f, e->place);
	*start = e->address;
	*end = end_by_neighbour(f, x, until, e->address);
	return address < *end;
}

bool elf_gap_at(struct elf_file *f, uint64_t address, uint64_t *start, uint64_t *end)
{
	struct symbol_index *x = &private_of(f)->index;
	uint32_t until, tried = 0;

	if (!x->by_address_built)
		by_address_build(f);
	until = count_until(x, address);
	*start = 0;
	for (uint32_t i = until; i-- > 0 && tried < ENCLOSING_LIMIT; tried++) {
		const struct function_extent *e = &x->by_address.p[i];

		if (address - e->address < e->size)
			return false;
		*start = base_max(*start, e->address + e->size);
	}
	*end = end_by_neighbour(f, x, until, *start);
	return *start && *start <= address && address < *end;
}

/* The section that holds it. */
static bool section_start(const struct elf_file *f, uint64_t address, uint64_t *start)
{
	Elf64_Shdr s;

	for (uint32_t i = 0; elf_section_at(f, i, &s); i++)
		if (s.sh_flags & SHF_EXECINSTR && s.sh_type == SHT_PROGBITS &&
		    address - s.sh_addr < s.sh_size) {
			*start = s.sh_addr;
			return true;
		}
	return false;
}

bool elf_code_begin(struct elf_file *f, uint64_t address, uint64_t *start)
{
	const char *name;
	uint64_t section, end;

	if (elf_function_at(f, address, &name, start, &end))
		return true;
	if (!section_start(f, address, &section))
		return false;
	if (!elf_gap_at(f, address, start, &end) || *start < section)
		*start = section;
	return true;
}
