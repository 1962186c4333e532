/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest automaton that does the same, by refining a partition of the
 * states (J. Hopcroft, An n log n algorithm for minimizing states in a finite
 * automaton, 1971): states are apart if they accept or operate differently, or go to
 * blocks that are apart.
 *
 *	items:	[ block 0 ......... | block 1 ... | ... ]
 *		 first         ^marked: those to be split off come first
 */
#include "regex/private.h"

#include <string.h>

struct block {
	uint32_t first, n, marked;
	bool waits; /* to split others */
};

struct partition {
	struct arena *arena;
	struct dfa *dfa;
	uint32_t *items, *place, *block_of; /* states; where a state is; in which block */
	VEC(struct block) blocks;
	VEC(uint32_t) waiting, touched;
	/* the states that come to s by class c: from[begin[c * n + s]] up to the next's */
	uint32_t *begin, *from;
};

/* ---- the first partition ------------------------------------------------------------- */

static const char *describe(struct arena *a, const struct dfa *d, uint32_t s)
{
	struct buf b;

	buf_init(&b, a);
	buf_addf(&b, "%x %x", d->end[s], d->accept ? d->accept[s] : 0);
	for (uint32_t c = 0; d->ops && c < d->n_classes; c++)
		buf_addf(&b, " %x", d->ops[s * d->n_classes + c]);
	return buf_str(&b);
}

static void first_partition(struct partition *p)
{
	struct map *known = map_create(p->arena);
	uint32_t n = p->dfa->n_states, at = 0;

	for (uint32_t s = 0; s < n; s++) {
		const char *key = describe(p->arena, p->dfa, s);
		uintptr_t block = (uintptr_t)map_find(known, key);

		if (!block) {
			vec_push(p->arena, &p->blocks, (struct block){ .waits = true });
			block = p->blocks.n;
			map_put(known, key, (void *)block);
			vec_push(p->arena, &p->waiting, p->blocks.n - 1);
		}
		p->block_of[s] = (uint32_t)block - 1;
		p->blocks.p[block - 1].n++;
	}
	vec_each(b, &p->blocks) {
		b->first = at;
		at += b->n;
		b->n = 0;
	}
	for (uint32_t s = 0; s < n; s++) {
		struct block *b = &p->blocks.p[p->block_of[s]];

		p->place[s] = b->first + b->n++;
		p->items[p->place[s]] = s;
	}
}

static void invert(struct partition *p)
{
	const struct dfa *d = p->dfa;
	uint32_t n = d->n_states, cells = n * d->n_classes, *fill;

	p->begin = arena_array(p->arena, uint32_t, cells + 1);
	p->from = arena_array(p->arena, uint32_t, cells);
	fill = arena_array(p->arena, uint32_t, cells);
	for (uint32_t s = 0; s < n; s++)
		for (uint32_t c = 0; c < d->n_classes; c++)
			p->begin[c * n + d->next[s * d->n_classes + c] + 1]++;
	for (uint32_t i = 0; i < cells; i++)
		p->begin[i + 1] += p->begin[i];
	for (uint32_t s = 0; s < n; s++)
		for (uint32_t c = 0; c < d->n_classes; c++) {
			uint32_t cell = c * n + d->next[s * d->n_classes + c];

			p->from[p->begin[cell] + fill[cell]++] = s;
		}
}

/* ---- refining --------------------------------------------------------------------------- */

static void mark(struct partition *p, uint32_t s)
{
	struct block *b = &p->blocks.p[p->block_of[s]];
	uint32_t at = p->place[s], to = b->first + b->marked, other = p->items[to];

	if (at < to)
		return;
	p->items[at] = other;
	p->place[other] = at;
	p->items[to] = s;
	p->place[s] = to;
	if (!b->marked++)
		vec_push(p->arena, &p->touched, p->block_of[s]);
}

/* The marked states of a block become a block of their own. */
static void split(struct partition *p, uint32_t number)
{
	struct block *b = &p->blocks.p[number], new = { .first = b->first, .n = b->marked };
	uint32_t other = p->blocks.n;

	b->marked = 0;
	if (new.n == b->n)
		return;
	b->first += new.n;
	b->n -= new.n;
	for (uint32_t i = 0; i < new.n; i++)
		p->block_of[p->items[new.first + i]] = other;
	/* if the old one waits, both must; else the smaller one tells them apart */
	new.waits = b->waits || new.n <= b->n;
	vec_push(p->arena, &p->waiting, new.waits ? other : number);
	if (!new.waits)
		b->waits = true;
	vec_push(p->arena, &p->blocks, new);
}

static void refine_by(struct partition *p, const uint32_t *members, uint32_t n_members, uint32_t class)
{
	uint32_t n = p->dfa->n_states;

	for (uint32_t i = 0; i < n_members; i++) {
		uint32_t cell = class * n + members[i];

		for (uint32_t k = p->begin[cell]; k < p->begin[cell + 1]; k++)
			mark(p, p->from[k]);
	}
	while (p->touched.n)
		split(p, p->touched.p[--p->touched.n]);
}

static void refine(struct partition *p)
{
	while (p->waiting.n) {
		uint32_t number = p->waiting.p[--p->waiting.n];
		struct block *b = &p->blocks.p[number];
		struct arena *scratch = arena_create();
		/* it may be split itself meanwhile */
		uint32_t n = b->n, *members = arena_dup(scratch, p->items + b->first, n * sizeof *members);

		b->waits = false;
		for (uint32_t c = 0; c < p->dfa->n_classes; c++)
			refine_by(p, members, n, c);
		arena_destroy(scratch);
	}
}

/* ---- the new automaton --------------------------------------------------------------------- */

static void rebuild(struct partition *p)
{
	struct dfa *d = p->dfa;
	uint32_t n = 0, classes = d->n_classes, *number = arena_array(p->arena, uint32_t, p->blocks.n);

	for (uint32_t s = 0; s < d->n_states; s++) {
		uint32_t block = p->block_of[s], i;

		if (number[block])
			continue;
		i = n++;
		number[block] = n;
		d->end[i] = d->end[s];
		memmove(d->next + i * classes, d->next + s * classes, classes * sizeof *d->next);
		if (!d->ops)
			continue;
		d->accept[i] = d->accept[s];
		memmove(d->ops + i * classes, d->ops + s * classes, classes * sizeof *d->ops);
	}
	for (uint32_t i = 0; i < n * classes; i++)
		d->next[i] = number[p->block_of[d->next[i]]] - 1;
	d->start = number[p->block_of[d->start]] - 1;
	d->n_states = n;
}

void regex_minimise(struct dfa *d)
{
	struct partition p = { .arena = arena_create(), .dfa = d };

	p.items = arena_array(p.arena, uint32_t, d->n_states);
	p.place = arena_array(p.arena, uint32_t, d->n_states);
	p.block_of = arena_array(p.arena, uint32_t, d->n_states);
	first_partition(&p);
	invert(&p);
	refine(&p);
	rebuild(&p);
	arena_destroy(p.arena);
}
