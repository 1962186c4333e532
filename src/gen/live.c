/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liveness of virtual registers and from it one interval each: from the first
 * moment the register may hold a value that is still needed to the last, over the
 * layout order of blocks, holes included.
 *
 *	moments of instruction k:   2k reads     2k + 1 writes
 *
 * CHECK and BUDGET may leave in the middle of a block, so what their target needs is
 * alive at them.
 */
#include "gen/private.h"

#include <string.h>

struct live {
	struct gen_plan *p;
	uint32_t words; /* per set */
	uint64_t *in; /* sets of all blocks, by block number */
	uint64_t *now;
	uint32_t moment; /* of the reads being visited; UINT32_MAX: none, only the set matters */
};

static uint64_t *set_of(const struct live *l, uint32_t block)
{
	return l->in + (size_t)block * l->words;
}

static void extend(struct live *l, uint32_t reg, uint32_t moment)
{
	struct gen_interval *i = &l->p->intervals[reg];

	if (l->moment == UINT32_MAX)
		return;
	i->start = base_min(i->start, moment);
	i->end = base_max(i->end, moment);
}

static void read_register(void *user, uint32_t reg)
{
	struct live *l = user;

	l->now[reg / 64] |= (uint64_t)1 << reg % 64;
	extend(l, reg, l->moment);
}

/* Everything in the set is alive at the moment. */
static void extend_set(struct live *l, const uint64_t *set, uint32_t moment)
{
	for (uint32_t w = 0; w < l->words; w++)
		for (uint64_t bits = set[w]; bits; bits &= bits - 1)
			extend(l, w * 64 + (uint32_t)__builtin_ctzll(bits), moment);
}

static void join(struct live *l, uint32_t block)
{
	const uint64_t *from = set_of(l, block);

	for (uint32_t w = 0; w < l->words; w++)
		l->now[w] |= from[w];
}

static void step_back(struct live *l, const struct ir_ins *ins, uint32_t k, bool marking)
{
	uint32_t d = gen_written(ins);

	if (ins->op == IR_CHECK || ins->op == IR_BUDGET) {
		join(l, ins->t);
		if (marking)
			extend_set(l, set_of(l, ins->t), 2 * k + 1);
	}
	if (d != IR_NONE) {
		l->now[d / 64] &= ~((uint64_t)1 << d % 64);
		extend(l, d, 2 * k + 1);
	}
	l->moment = marking ? 2 * k : UINT32_MAX;
	gen_each_read(ins, read_register, l);
}

/* What is alive behind the block's last instruction. */
static void leave_block(struct live *l, const struct ir_block *b)
{
	const struct ir_ins *last = &b->ins.p[b->ins.n - 1];

	memset(l->now, 0, l->words * sizeof *l->now);
	if (last->op == IR_JUMP || last->op == IR_BRANCH)
		join(l, last->t);
	if (last->op == IR_BRANCH)
		join(l, last->f);
}

/* Backwards through one block; true if more is alive at its start than was known. */
static bool walk_block(struct live *l, uint32_t position, bool marking)
{
	struct gen_plan *p = l->p;
	uint32_t block = p->order[position], first = p->first[position];
	const struct ir_block *b = &p->f->blocks.p[block];
	bool more;

	l->moment = marking ? 0 : UINT32_MAX;
	leave_block(l, b);
	if (marking)
		extend_set(l, l->now, 2 * (first + b->ins.n) - 1);
	for (uint32_t i = b->ins.n; i-- > 0;)
		step_back(l, &b->ins.p[i], first + i, marking);
	if (marking)
		extend_set(l, l->now, 2 * first);
	more = memcmp(set_of(l, block), l->now, l->words * sizeof *l->now) != 0;
	memcpy(set_of(l, block), l->now, l->words * sizeof *l->now);
	return more;
}

void gen_plan_live(struct arena *a, struct gen_plan *p)
{
	struct live l = { .p = p, .words = p->f->n_registers / 64 + 1 };
	struct arena *scratch = arena_create();
	bool more = true;

	l.in = arena_array(scratch, uint64_t, (size_t)l.words * (p->f->blocks.n + 1));
	l.now = arena_array(scratch, uint64_t, l.words);
	p->intervals = arena_array(a, struct gen_interval, p->f->n_registers + 1);
	for (uint32_t r = 0; r < p->f->n_registers; r++)
		p->intervals[r].start = UINT32_MAX;
	while (more) {
		more = false;
		for (uint32_t i = p->n_order; i-- > 0;)
			more |= walk_block(&l, i, false);
	}
	for (uint32_t i = p->n_order; i-- > 0;)
		walk_block(&l, i, true);
	for (uint32_t r = 0; r < p->f->n_parameters; r++)
		if (p->intervals[r].start != UINT32_MAX)
			p->intervals[r].start = 0;
	arena_destroy(scratch);
}
