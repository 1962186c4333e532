/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of computations whose result nobody reads. */
#include "ir/live.h"
#include "ir/op.h"
#include "ir/passes.h"

#include <string.h>

struct sweep {
	struct ir_live live;
	uint64_t *set; /* wide registers live here */
	bool *needed; /* by register: one that lives in one block only is read further on */
};

static bool is_needed(const struct sweep *s, const struct ir_ins *ins)
{
	uint32_t d = ir_ins_result(ins);

	if (!ir_ins_is_pure(ins) || d == IR_NONE)
		return true;
	if (ins->op == IR_MOV && ins->a == d)
		return false;
	return s->needed[d] || ir_live_has(&s->live, s->set, d);
}

static void step(struct sweep *s, struct ir_ins *ins)
{
	uint32_t d = ir_ins_result(ins), *use;

	if (d != IR_NONE && s->live.wide[d] == IR_NONE)
		s->needed[d] = false;
	for (uint32_t i = 0; (use = ir_ins_use(ins, i)); i++)
		if (s->live.wide[*use] == IR_NONE)
			s->needed[*use] = true;
	ir_live_step(&s->live, ins, s->set);
}

/* The result of a call made for its effect needs no register. */
static void forget_result(const struct sweep *s, struct ir_ins *ins)
{
	if ((ins->op != IR_CALL && ins->op != IR_CALLF) || ins->d == IR_NONE)
		return;
	if (!s->needed[ins->d] && !ir_live_has(&s->live, s->set, ins->d))
		ins->d = IR_NONE;
}

/* Backwards; what stays moves to the end, then back to the front. */
static void sweep_block(struct sweep *s, struct ir_block *block)
{
	uint32_t n = block->ins.n, kept = n;

	memset(s->set, 0, s->live.words * sizeof *s->set);
	for (uint32_t i = n; i--;) {
		struct ir_ins *ins = &block->ins.p[i];

		if (!is_needed(s, ins))
			continue;
		forget_result(s, ins);
		step(s, ins);
		block->ins.p[--kept] = *ins;
	}
	memmove(block->ins.p, block->ins.p + kept, (n - kept) * sizeof *block->ins.p);
	block->ins.n = n - kept;
}

void ir_pass_dead(struct arena *scratch, struct ir_function *f)
{
	struct sweep s = { .needed = arena_array(scratch, bool, f->n_registers) };

	ir_live_compute(scratch, f, &s.live);
	s.set = arena_array(scratch, uint64_t, s.live.words);
	vec_each(block, &f->blocks)
		sweep_block(&s, block);
}
