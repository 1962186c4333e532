/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear-scan register allocation over intervals.
 *
 * Intervals are taken by their start. One that has ended by then gives its
 * machine register back (a register whose last read is in the instruction that
 * writes the new one counts as ended).  Intervals that span a call get only
 * registers that calls keep.  When none is free, whichever of the candidates
 * lives longest goes to the machine stack frame, for all of its life.
 */
#include "gen/private.h"

#include <stdlib.h>

#define MACHINE_REGISTERS 16u
#define FREE UINT32_MAX

struct scan {
	struct arena *arena;
	struct gen_plan *p;
	uint32_t holder[MACHINE_REGISTERS]; /* virtual register, FREE */
	VEC(uint32_t) cells; /* per spill cell: end of the last interval in it, plus 1 */
	const uint32_t *hints;
};

/* Alive in front of a call and behind it. */
static bool spans_call(const struct gen_plan *p, const struct gen_interval *i)
{
	uint32_t first = (i->start + 1) / 2; /* first instruction with moment 2k >= start */
	uint32_t last = (i->end + 1) / 2; /* first with 2k >= end: not spanned */

	return first < last && p->calls_before[last] > p->calls_before[first];
}

static void spill(struct scan *s, uint32_t reg)
{
	const struct gen_interval *i = &s->p->intervals[reg];
	uint32_t cell = 0;

	while (cell < s->cells.n && s->cells.p[cell] > i->start)
		cell++;
	if (cell == s->cells.n)
		vec_push(s->arena, &s->cells, 0u);
	s->cells.p[cell] = i->end + 1;
	s->p->places[reg] = (struct gen_place){ .kind = PLACE_SPILL, .number = cell };
}

static void give(struct scan *s, uint32_t reg, uint32_t machine)
{
	s->holder[machine] = reg;
	s->p->places[reg] = (struct gen_place){ .kind = PLACE_REGISTER, .number = machine };
	s->p->used |= 1u << machine;
}

static void expire(struct scan *s, uint32_t start)
{
	for (uint32_t m = 0; m < MACHINE_REGISTERS; m++)
		if (s->holder[m] != FREE && s->p->intervals[s->holder[m]].end < start)
			s->holder[m] = FREE;
}

static bool allowed(const struct gen_machine *m, bool spans, uint32_t machine)
{
	for (uint32_t i = 0; i < m->n_callee_saved; i++)
		if (m->callee_saved[i] == machine)
			return true;
	for (uint32_t i = 0; !spans && i < m->n_caller_saved; i++)
		if (m->caller_saved[i] == machine)
			return true;
	return false;
}

static uint32_t find_free(const struct scan *s, const struct gen_machine *m, uint32_t reg,
			  bool spans)
{
	uint32_t hint = s->hints[reg];

	if (hint != FREE && s->p->places[hint].kind == PLACE_REGISTER) {
		uint32_t machine = s->p->places[hint].number;

		if (s->holder[machine] == FREE && allowed(m, spans, machine))
			return machine;
	}
	for (uint32_t i = 0; !spans && i < m->n_caller_saved; i++)
		if (s->holder[m->caller_saved[i]] == FREE)
			return m->caller_saved[i];
	for (uint32_t i = 0; i < m->n_callee_saved; i++)
		if (s->holder[m->callee_saved[i]] == FREE)
			return m->callee_saved[i];
	return FREE;
}

/* The machine register among those allowed whose holder lives longest. */
static uint32_t find_longest(const struct scan *s, const struct gen_machine *m, bool spans)
{
	uint32_t best = FREE;

	for (uint32_t i = 0; i < MACHINE_REGISTERS; i++)
		if (s->holder[i] != FREE && allowed(m, spans, i) &&
		    (best == FREE ||
		     s->p->intervals[s->holder[i]].end > s->p->intervals[s->holder[best]].end))
			best = i;
	return best;
}

static void allocate_one(struct scan *s, const struct gen_machine *m, uint32_t reg)
{
	const struct gen_interval *i = &s->p->intervals[reg];
	bool spans = spans_call(s->p, i);
	uint32_t machine;

	expire(s, i->start);
	machine = find_free(s, m, reg, spans);
	if (machine == FREE) {
		machine = find_longest(s, m, spans);
		if (machine == FREE || s->p->intervals[s->holder[machine]].end <= i->end) {
			spill(s, reg);
			return;
		}
		spill(s, s->holder[machine]);
	}
	give(s, reg, machine);
}

/* The register an instruction copies or changes: sharing its place saves a move. */
static const uint32_t *find_hints(struct arena *a, const struct gen_plan *p)
{
	uint32_t *hints = arena_array(a, uint32_t, p->f->n_registers + 1);

	for (uint32_t r = 0; r < p->f->n_registers; r++) {
		const struct ir_ins *w = p->writer[r];

		hints[r] = FREE;
		if (w && (w->op == IR_MOV || (w->op >= IR_ADD && w->op <= IR_NOT)))
			hints[r] = w->a;
	}
	return hints;
}

/* Start in the upper half, so that sorting numbers sorts intervals by start, then register. */
static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool needs_place(const struct gen_plan *p, uint32_t reg)
{
	return p->places[reg].kind == PLACE_NONE && p->reads[reg] &&
	       p->intervals[reg].start != UINT32_MAX;
}

void gen_plan_allocate(struct gen_plan *p, const struct gen_machine *m)
{
	struct arena *scratch = arena_create();
	struct scan s = { .arena = scratch, .p = p, .hints = find_hints(scratch, p) };
	uint64_t *keys = arena_array(scratch, uint64_t, p->f->n_registers + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < MACHINE_REGISTERS; i++)
		s.holder[i] = FREE;
	for (uint32_t r = 0; r < p->f->n_registers; r++)
		if (needs_place(p, r))
			keys[n++] = (uint64_t)p->intervals[r].start << 32 | r;
	if (n)
		qsort(keys, n, sizeof *keys, compare_keys);
	for (uint32_t i = 0; i < n; i++)
		allocate_one(&s, m, (uint32_t)keys[i]);
	p->n_spills = s.cells.n;
	arena_destroy(scratch);
}
