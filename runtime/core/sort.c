/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting a map's order list in place.
 *
 * A bottom-up merge sort of the singly linked list (the backward links are
 * rebuilt afterwards): bin i holds a sorted run of 2^i entries, like the bits
 * of a counter.  Entries in higher bins came earlier, so merging prefers them
 * and the sort is stable.  No recursion, 128 bytes of stack.
 *
 * When only the first few of many entries matter they are picked one after
 * the other and moved to the front; the others keep their order.
 */
#include "runtime/core/map.h"

#define BINS 32
#define PICK_MOST 30 /* the largest limit that is served by picking */

struct sorting {
	struct abi_map *map;
	bool descending;
	uint32_t offset; /* of what is compared, in an entry */
	uint32_t kind; /* ABI_VALUE_ of it */
	int64_t stat_op;
	uint64_t steps; /* left: a damaged list ends the sort */
};

static int64_t stat_of(const struct abi_map *m, const void *at, int64_t op)
{
	const struct abi_stat *v = at;

	return v->count || op <= ABI_STAT_SUM ? rt_stat_get(NULL, &m->stat, v, op) : 0;
}

static int compare_values(const struct sorting *o, const void *a, const void *b)
{
	const struct abi_string *x = a, *y = b;
	int64_t i, j;

	if (o->kind == ABI_VALUE_STRING)
		return rt_bytes_compare(x->text, rt_map_text_length(o->map, x), y->text,
					rt_map_text_length(o->map, y));
	i = o->kind == ABI_VALUE_STAT ? stat_of(o->map, a, o->stat_op) : *(const int64_t *)a;
	j = o->kind == ABI_VALUE_STAT ? stat_of(o->map, b, o->stat_op) : *(const int64_t *)b;
	return i < j ? -1 : i > j;
}

/* Must a stand behind b? */
static bool is_after(const struct sorting *o, const struct abi_entry *a, const struct abi_entry *b)
{
	int order = compare_values(o, (const char *)a + o->offset, (const char *)b + o->offset);

	return o->descending ? order < 0 : order > 0;
}

/* Two sorted runs; those of a come first among equals. */
static uint32_t merge(struct sorting *o, uint32_t a, uint32_t b)
{
	struct abi_entry *x = rt_map_entry(o->map, a), *y = rt_map_entry(o->map, b);
	uint32_t head = 0, *link = &head;

	while (x && y && o->steps) {
		o->steps--;
		if (is_after(o, x, y)) {
			*link = b;
			link = &y->next;
			b = y->next;
			y = rt_map_entry(o->map, b);
		} else {
			*link = a;
			link = &x->next;
			a = x->next;
			x = rt_map_entry(o->map, a);
		}
	}
	*link = x ? a : b;
	return head;
}

static uint32_t sort_runs(struct sorting *o)
{
	uint32_t bins[BINS] = { 0 }, n = o->map->first, left = o->map->capacity, next, i;
	struct abi_entry *e;

	for (; left && (e = rt_map_entry(o->map, n)); n = next, left--) {
		next = e->next;
		e->next = 0;
		for (i = 0; i < BINS - 1 && bins[i]; i++) {
			n = merge(o, bins[i], n);
			bins[i] = 0;
		}
		bins[i] = bins[i] ? merge(o, bins[i], n) : n;
	}
	for (i = 0, n = 0; i < BINS; i++)
		if (bins[i])
			n = n ? merge(o, bins[i], n) : bins[i];
	return n;
}

static void link_back(struct abi_map *m, uint32_t first)
{
	uint32_t n = first, prev = 0, left = m->capacity;
	struct abi_entry *e, *last = NULL;

	m->first = rt_map_entry(m, first) ? first : 0;
	for (; left && (e = rt_map_entry(m, n)); n = e->next, left--) {
		e->prev = prev;
		prev = n;
		last = e;
	}
	if (last)
		last->next = 0;
	m->last = prev;
}

/* ---- picking ---------------------------------------------------------------- */

/* The entry that belongs first among n and those behind it. */
static uint32_t find_best(struct sorting *o, uint32_t n)
{
	struct abi_entry *best = rt_map_entry(o->map, n), *e = best;
	uint32_t found = n, left = o->map->capacity;

	for (; left && e; n = e->next, e = rt_map_entry(o->map, n), left--)
		if (is_after(o, best, e)) {
			best = e;
			found = n;
		}
	return found;
}

/* Moves entry n to stand before entry `before`. */
static void move_before(struct abi_map *m, uint32_t n, uint32_t before)
{
	struct abi_entry *e = rt_map_entry(m, n), *b = rt_map_entry(m, before), *prev, *next;

	if (n == before || !e || !b)
		return;
	prev = rt_map_entry(m, e->prev);
	next = rt_map_entry(m, e->next);
	*(prev ? &prev->next : &m->first) = e->next;
	*(next ? &next->prev : &m->last) = e->prev;
	prev = rt_map_entry(m, b->prev);
	e->prev = b->prev;
	e->next = before;
	b->prev = n;
	*(prev ? &prev->next : &m->first) = n;
}

static void pick(struct sorting *o, uint64_t limit)
{
	uint32_t at = o->map->first;
	struct abi_entry *e;

	for (; limit; limit--) {
		uint32_t best = find_best(o, at);

		move_before(o->map, best, at);
		e = rt_map_entry(o->map, best);
		if (!e)
			return;
		at = e->next;
	}
}

void rt_map_sort(struct abi_map *m, int64_t sort, int64_t column, int64_t stat_op, uint64_t limit)
{
	struct sorting o = { .map = m,
			     .descending = sort < 0,
			     .offset = m->value_offset,
			     .kind = m->value_kind,
			     .stat_op = stat_op,
			     .steps = (uint64_t)m->capacity * BINS };

	if (column < 0 || column > (int64_t)m->n_keys)
		return;
	if (column) {
		o.offset = rt_map_key_offset(m, (uint32_t)column - 1);
		o.kind = m->string_keys >> (column - 1) & 1 ? ABI_VALUE_STRING : ABI_VALUE_LONG;
	}
	if (limit <= PICK_MOST && limit < m->count)
		pick(&o, limit);
	else
		link_back(m, sort_runs(&o));
}
