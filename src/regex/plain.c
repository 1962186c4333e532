/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subset construction: a state is the set of states that the search may be
 * in, those that take a byte, wait for the end, or are final.  Once a match is
 * certain the rest of the text does not matter: the state ACCEPT.
 */
#include "regex/private.h"

#include <stdlib.h>
#include <string.h>

struct kernel {
	uint32_t *states;
	uint32_t n, number;
	struct kernel *same_hash;
};

struct plain {
	const struct nfa *nfa;
	struct dfa *dfa;
	struct arena *scratch;
	uint32_t *seen; /* per state: stamp of the last closure that met it */
	uint32_t stamp;
	uint32_t *stack, *found;
	uint32_t n_found;
	bool final;
	struct map *kernels; /* by hash */
	VEC(struct kernel *) all; /* by number; 0 and 1 are none */
	uint64_t work;
};

static void push(struct plain *p, uint32_t *top, uint32_t state)
{
	if (p->seen[state] == p->stamp)
		return;
	p->seen[state] = p->stamp;
	p->stack[(*top)++] = state;
}

/* Adds what is reached from `from` without a byte. */
static void close_over(struct plain *p, uint32_t from, bool at_start, bool at_end)
{
	uint32_t top = 0;

	push(p, &top, from);
	while (top) {
		uint32_t at = p->stack[--top];
		const struct nfa_state *s = &p->nfa->states.p[at];

		p->work++;
		if (s->kind == NFA_FINAL)
			p->final = true;
		if (s->kind == NFA_SET || s->kind == NFA_SEARCH || (s->kind == NFA_END && !at_end))
			p->found[p->n_found++] = at;
		if (s->kind == NFA_SPLIT)
			push(p, &top, s->other);
		if (s->kind == NFA_SPLIT || s->kind == NFA_MARK || s->kind == NFA_SEARCH ||
		    (s->kind == NFA_START && at_start) || (s->kind == NFA_END && at_end))
			push(p, &top, s->next);
	}
}

static void begin(struct plain *p)
{
	p->stamp++;
	p->n_found = 0;
	p->final = false;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct kernel *kernel_add(struct plain *p)
{
	struct kernel *k = arena_new(p->scratch, struct kernel);

	k->n = p->n_found;
	k->number = p->all.n;
	k->states = arena_dup(p->scratch, p->found, p->n_found * sizeof *p->found);
	vec_push(p->scratch, &p->all, k);
	return k;
}

/* The number of the state that `found` is, made if new. The first is never found again: there `^` holds. */
static uint32_t settle(struct plain *p, bool is_first)
{
	struct kernel *first, *k;
	uint64_t hash;

	if (p->final)
		return DFA_ACCEPT;
	if (!p->n_found)
		return DFA_DEAD;
	if (is_first)
		return kernel_add(p)->number;
	qsort(p->found, p->n_found, sizeof *p->found, compare_numbers);
	hash = base_hash(p->found, p->n_found * sizeof *p->found);
	first = map_find_u64(p->kernels, hash);
	for (k = first; k; k = k->same_hash)
		if (k->n == p->n_found && !memcmp(k->states, p->found, k->n * sizeof *k->states))
			return k->number;
	k = kernel_add(p);
	k->same_hash = first;
	map_put_u64(p->kernels, hash, k);
	return k->number;
}

static uint32_t step(struct plain *p, const struct kernel *k, uint32_t class)
{
	begin(p);
	for (uint32_t i = 0; i < k->n; i++) {
		const struct nfa_state *s = &p->nfa->states.p[k->states[i]];

		p->work++;
		if (s->kind == NFA_SEARCH)
			close_over(p, k->states[i], false, false);
		else if (s->kind == NFA_SET && p->nfa->takes[s->set][class])
			close_over(p, s->next, false, false);
	}
	return settle(p, false);
}

static bool accepts_at_end(struct plain *p, const struct kernel *k, bool at_start)
{
	begin(p);
	for (uint32_t i = 0; i < k->n; i++)
		if (p->nfa->states.p[k->states[i]].kind == NFA_END)
			close_over(p, k->states[i], at_start, true);
	return p->final;
}

static void expand(struct plain *p, uint32_t *cap, uint32_t number)
{
	uint32_t n = p->nfa->n_classes;
	VEC(uint32_t) row = { p->dfa->next, number * n, *cap };

	for (uint32_t c = 0; c < n; c++)
		vec_push(p->dfa->arena, &row,
			 number <= DFA_ACCEPT ? number : step(p, p->all.p[number], c));
	p->dfa->next = row.p;
	*cap = row.cap;
}

const char *regex_plain(const struct nfa *n, struct dfa *d)
{
	struct plain p = { .nfa = n, .dfa = d, .scratch = arena_create() };
	uint32_t cap = 0, first = DFA_ACCEPT + 1;

	p.seen = arena_array(p.scratch, uint32_t, n->states.n);
	p.stack = arena_array(p.scratch, uint32_t, n->states.n);
	p.found = arena_array(p.scratch, uint32_t, n->states.n);
	p.kernels = map_create(p.scratch);
	vec_push(p.scratch, &p.all, NULL);
	vec_push(p.scratch, &p.all, NULL);
	begin(&p);
	close_over(&p, n->start, true, false);
	d->start = settle(&p, true);
	for (uint32_t i = 0; i < p.all.n; i++) {
		if (p.work > REGEX_MOST_WORK || p.all.n * n->n_classes > ABI_REGEX_CELLS) {
			arena_destroy(p.scratch);
			return "needs too large a table";
		}
		expand(&p, &cap, i);
	}
	d->n_states = p.all.n;
	d->n_classes = n->n_classes;
	d->end = arena_array(d->arena, uint32_t, d->n_states);
	d->end[DFA_ACCEPT] = 1;
	for (uint32_t i = first; i < d->n_states; i++)
		d->end[i] = accepts_at_end(&p, p.all.p[i], i == d->start);
	arena_destroy(p.scratch);
	return NULL;
}
