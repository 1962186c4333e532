/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of functions by address, in the form in which targets use them.
 *
 * Of aliases one is shown: what a reader would call it. Distributions strip libraries down to what they
 * export; the full table is with the debug information.
 */
#include <stdlib.h>

#include "elf/debug.h"
#include "elf/kept.h"
#include "elf/symbol.h"

struct named {
	uint64_t address, size;
	const char *name;
	uint32_t length;
	uint32_t rank; /* the least is shown */
};

struct name_list {
	struct arena *arena;
	VEC(struct named) list;
	uint64_t low, high; /* of the module's executable code */
};

static uint32_t underscores(const char *name)
{
	uint32_t n = 0;

	while (name[n] == '_' && n < 15)
		n++;
	return n;
}

static uint32_t rank_of(const struct raw_symbol *s)
{
	unsigned bind = ELF64_ST_BIND(s->symbol.st_info);
	uint32_t level = s->is_dynamic ? 0 : bind == STB_LOCAL ? 2 : 1;

	return level << 28 | underscores(s->name) << 24 | (uint32_t)base_min(s->name_length, (size_t)0xffffff);
}

/* Code that assemblers name without saying that it is a function. */
static bool is_label(const struct raw_symbol *s)
{
	return ELF64_ST_TYPE(s->symbol.st_info) == STT_NOTYPE && s->symbol.st_shndx < SHN_LORESERVE &&
	       s->name[0] != '.' && s->name[0] != '$';
}

static void names_add(struct name_list *l, struct elf_file *f)
{
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;

	while (elf_symbol_next(f, &c, &s)) {
		struct named n = { .address = s.symbol.st_value, .size = s.symbol.st_size };

		if (!elf_symbol_is_function(f, &s) && !is_label(&s))
			continue;
		if (n.address < l->low || n.address >= l->high)
			continue;
		n.rank = rank_of(&s) | (is_label(&s) ? 3u << 30 : 0);
		n.name = s.name;
		n.length = (uint32_t)s.name_length;
		vec_push(l->arena, &l->list, n);
	}
}

static int compare_named(const void *x, const void *y)
{
	const struct named *a = x, *b = y;
	int order;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	order = memcmp(a->name, b->name, base_min(a->length, b->length));
	return order ? order : (a->size < b->size) - (a->size > b->size);
}

/* One for each address, with the largest size that any alias says. */
static void names_finish(struct name_list *l)
{
	uint32_t kept = 0;

	if (!l->list.n)
		return;
	qsort(l->list.p, l->list.n, sizeof *l->list.p, compare_named);
	vec_each(n, &l->list) {
		struct named *last = kept ? &l->list.p[kept - 1] : NULL;

		if (last && last->address == n->address)
			last->size = base_max(last->size, n->size);
		else
			l->list.p[kept++] = *n;
	}
	l->list.n = kept;
}

static const struct abi_symbol_table *lay_out(struct arena *a, const struct name_list *l)
{
	struct abi_symbol_table head = { .text = l->low, .n = l->list.n, .symbols = sizeof head };
	uint64_t size = sizeof head + l->list.n * (uint64_t)sizeof(struct abi_symbol), used = 0;
	struct abi_symbol *symbols;
	uint8_t *out;

	head.names = (uint32_t)size;
	vec_each(n, &l->list)
		size += n->length;
	head.size = base_align(size, (uint64_t)8);
	if (!l->list.n || head.size > UINT32_MAX)
		return NULL;
	out = arena_alloc(a, head.size);
	memcpy(out, &head, sizeof head);
	symbols = (void *)(out + head.symbols);
	vec_each(n, &l->list) {
		*symbols++ = (struct abi_symbol){ (uint32_t)(n->address - l->low),
						  (uint32_t)base_min(n->size, l->high - n->address),
						  (uint32_t)used, n->length };
		memcpy(out + head.names + used, n->name, n->length);
		used += n->length;
	}
	return (const void *)out;
}

static const void *make_table(struct arena *a, struct elf_file *f)
{
	struct name_list l = { .arena = arena_create(), .low = UINT64_MAX };
	struct elf_debug *d = elf_debug_file_of(f);
	const struct abi_symbol_table *out = NULL;
	struct elf_file *apart;

	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].executable) {
			l.low = base_min(l.low, f->segments[i].address);
			l.high = base_max(l.high, f->segments[i].address + f->segments[i].memory_size);
		}
	if (l.high > l.low && l.high - l.low < UINT32_MAX) {
		names_add(&l, f);
		if (d && strcmp(d->path, f->path) != 0 && !elf_open(private_of(f)->cache, d->path, &apart))
			names_add(&l, apart);
		names_finish(&l);
		out = lay_out(a, &l);
	}
	arena_destroy(l.arena);
	return out;
}

const struct abi_symbol_table *elf_symbol_table(struct arena *a, struct elf_file *f)
{
	return elf_table_kept(a, f, KEPT_SYMBOLS, make_table);
}
