/* SPDX-License-Identifier: Apache-2.0 */
/* Jumps to jumps, blocks with one way in, blocks with none. */
#include "ir/op.h"
#include "ir/passes.h"

#define MOST_HOPS 64u /* a longer chain is a circle, or not worth it */

struct flow {
	struct arena *scratch, *arena;
	struct ir_function *function;
	uint32_t *ways; /* by block: how many ways lead in */
	bool *reached, *hot;
	uint32_t *stack, n;
};

/* ---- threading ------------------------------------------------------------------ */

static uint32_t thread(const struct ir_function *f, uint32_t target)
{
	for (uint32_t hops = 0; hops < MOST_HOPS; hops++) {
		const struct ir_ins *first = f->blocks.p[target].ins.p;

		if (first->op != IR_JUMP || first->t == target)
			break;
		target = first->t;
	}
	return target;
}

static void thread_all(struct ir_function *f)
{
	vec_each(block, &f->blocks)
		vec_each(ins, &block->ins) {
			uint32_t *target;

			for (uint32_t i = 0; (target = ir_ins_target(ins, i)); i++)
				*target = thread(f, *target);
			if (ins->op == IR_BRANCH && ins->t == ins->f) {
				ins->op = IR_JUMP;
				ins->a = IR_NONE;
				ins->f = 0;
			}
		}
}

/* ---- reaching ------------------------------------------------------------------- */

static void visit(struct flow *w, bool *seen, uint32_t block)
{
	if (seen[block])
		return;
	seen[block] = true;
	w->stack[w->n++] = block;
}

/* Every block that control can get to, and how many ways lead in. */
static void reach(struct flow *w)
{
	visit(w, w->reached, 0);
	w->ways[0] = 2; /* the caller: never merged into another */
	while (w->n) {
		struct ir_block *block = &w->function->blocks.p[w->stack[--w->n]];

		vec_each(ins, &block->ins) {
			uint32_t *target;

			for (uint32_t i = 0; (target = ir_ins_target(ins, i)); i++) {
				w->ways[*target]++;
				visit(w, w->reached, *target);
			}
		}
	}
}

/* What is only reached by failed checks, or by way of cold blocks, is cold. */
static void find_hot(struct flow *w)
{
	visit(w, w->hot, 0);
	while (w->n) {
		struct ir_block *block = &w->function->blocks.p[w->stack[--w->n]];
		uint32_t *target;

		if (!block->ins.n)
			continue;
		for (uint32_t i = 0; (target = ir_ins_target(&block->ins.p[block->ins.n - 1], i));
		     i++)
			if (!w->function->blocks.p[*target].cold)
				visit(w, w->hot, *target);
	}
}

/* ---- merging -------------------------------------------------------------------- */

static void merge(struct flow *w, uint32_t b)
{
	struct ir_block *block = &w->function->blocks.p[b];

	for (;;) {
		uint32_t next = block->ins.p[block->ins.n - 1].t;
		struct ir_block *other = &w->function->blocks.p[next];

		if (block->ins.p[block->ins.n - 1].op != IR_JUMP || next == b || w->ways[next] != 1)
			return;
		block->ins.n--;
		vec_each(ins, &other->ins)
			vec_push(w->arena, &block->ins, *ins);
		other->ins.n = 0;
		w->reached[next] = false;
	}
}

static void close_up(struct flow *w)
{
	struct ir_function *f = w->function;
	uint32_t *number = arena_array(w->scratch, uint32_t, f->blocks.n), n = 0;

	for (uint32_t b = 0; b < f->blocks.n; b++) {
		if (!w->reached[b])
			continue;
		f->blocks.p[b].cold = !w->hot[b];
		number[b] = n;
		f->blocks.p[n++] = f->blocks.p[b];
	}
	f->blocks.n = n;
	vec_each(block, &f->blocks)
		vec_each(ins, &block->ins) {
			uint32_t *target;

			for (uint32_t i = 0; (target = ir_ins_target(ins, i)); i++)
				*target = number[*target];
		}
}

void ir_pass_flow(struct arena *scratch, struct arena *a, struct ir_function *f)
{
	struct flow w = { .scratch = scratch, .arena = a, .function = f };

	w.ways = arena_array(scratch, uint32_t, f->blocks.n);
	w.stack = arena_array(scratch, uint32_t, f->blocks.n);
	w.reached = arena_array(scratch, bool, f->blocks.n);
	w.hot = arena_array(scratch, bool, f->blocks.n);
	thread_all(f);
	reach(&w);
	for (uint32_t b = 0; b < f->blocks.n; b++)
		if (w.reached[b])
			merge(&w, b);
	find_hot(&w);
	close_up(&w);
}
