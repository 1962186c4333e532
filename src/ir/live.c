/* SPDX-License-Identifier: Apache-2.0 */
/* Liveness of registers, backwards over the blocks until nothing changes. */
#include "ir/live.h"
#include "ir/op.h"

#include <string.h>

/* A register seen in two blocks, or read in a block before it is written there. */
struct survey {
	uint32_t *block; /* by register: the block it was seen in, IR_NONE none yet */
	struct ir_live *live;
};

static void widen(struct ir_live *l, uint32_t r)
{
	if (l->wide[r] == IR_NONE)
		l->wide[r] = l->n_wide++;
}

static void survey_use(struct survey *s, uint32_t r, uint32_t block)
{
	if (s->block[r] != block)
		widen(s->live, r);
	s->block[r] = block;
}

static void survey_result(struct survey *s, uint32_t r, uint32_t block)
{
	if (s->block[r] != IR_NONE && s->block[r] != block)
		widen(s->live, r);
	s->block[r] = block;
}

static void survey_block(struct survey *s, const struct ir_block *block, uint32_t number)
{
	vec_each(ins, &block->ins) {
		uint32_t *use;

		for (uint32_t i = 0; (use = ir_ins_use(ins, i)); i++)
			survey_use(s, *use, number);
		if (ir_ins_result(ins) != IR_NONE)
			survey_result(s, ir_ins_result(ins), number);
	}
}

static void unite(uint64_t *to, const uint64_t *from, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		to[i] |= from[i];
}

void ir_live_step(const struct ir_live *l, struct ir_ins *ins, uint64_t *set)
{
	uint32_t d = ir_ins_result(ins), *r;

	if (d != IR_NONE && l->wide[d] != IR_NONE)
		set[l->wide[d] / 64] &= ~(1ull << (l->wide[d] % 64));
	for (uint32_t i = 0; (r = ir_ins_target(ins, i)); i++)
		unite(set, l->in + (size_t)*r * l->words, l->words);
	for (uint32_t i = 0; (r = ir_ins_use(ins, i)); i++)
		if (l->wide[*r] != IR_NONE)
			set[l->wide[*r] / 64] |= 1ull << (l->wide[*r] % 64);
}

static bool update(const struct ir_live *l, const struct ir_function *f, uint32_t b, uint64_t *set)
{
	const struct ir_block *block = &f->blocks.p[b];
	uint64_t *in = l->in + (size_t)b * l->words;

	memset(set, 0, l->words * sizeof *set);
	for (uint32_t i = block->ins.n; i--;)
		ir_live_step(l, &block->ins.p[i], set);
	if (!memcmp(in, set, l->words * sizeof *set))
		return false;
	memcpy(in, set, l->words * sizeof *set);
	return true;
}

void ir_live_compute(struct arena *a, const struct ir_function *f, struct ir_live *out)
{
	struct survey s = { .live = out };
	uint64_t *set;
	bool changed = true;

	*out = (struct ir_live){ 0 };
	out->wide = arena_array(a, uint32_t, f->n_registers);
	s.block = arena_array(a, uint32_t, f->n_registers);
	memset(out->wide, 0xff, f->n_registers * sizeof *out->wide);
	memset(s.block, 0xff, f->n_registers * sizeof *s.block);
	for (uint32_t i = 0; i < f->blocks.n; i++)
		survey_block(&s, &f->blocks.p[i], i);
	out->words = (out->n_wide + 63) / 64;
	out->in = arena_array(a, uint64_t, (size_t)out->words * f->blocks.n);
	set = arena_array(a, uint64_t, out->words);
	while (changed && out->words) {
		changed = false;
		for (uint32_t i = f->blocks.n; i--;)
			changed |= update(out, f, i, set);
	}
}
