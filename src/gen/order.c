/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first look at a function: which blocks are reached and in which order
 * they are laid out, who reads and writes each virtual register, and which
 * registers need no place because their value is repeated or part of a larger
 * machine instruction.
 */
#include "gen/private.h"

#include <string.h>

static const char *const shapes[] = {
#define IR(name, text, shape) [IR_##name] = shape,
#include "ir/ir.def"
#undef IR
};

static bool shape_has(const struct ir_ins *ins, char letter)
{
	const char *s = shapes[ins->op];

	while (*s && *s != letter)
		s++;
	return *s;
}

void gen_each_read(const struct ir_ins *ins, gen_visit *visit, void *user)
{
	for (const char *s = shapes[ins->op]; *s; s++) {
		if (*s == 'a' && ins->a != IR_NONE)
			visit(user, ins->a);
		else if (*s == 'b')
			visit(user, ins->b);
		for (uint32_t i = 0; *s == 'A' && i < ins->n_args; i++)
			visit(user, ins->args[i]);
	}
}

uint32_t gen_written(const struct ir_ins *ins)
{
	return shapes[ins->op][0] == 'd' ? ins->d : IR_NONE; /* a result is named first */
}

bool gen_is_pure(const struct ir_ins *ins)
{
	return shapes[ins->op][0] == 'd' && ins->op != IR_CALL && ins->op != IR_CALLF;
}

bool gen_is_compare(uint32_t op)
{
	return op >= IR_EQ && op <= IR_GE;
}

/* ---- order ------------------------------------------------------------------------ */

/* Blocks that one ends or branches into, in the middle too. */
static uint32_t targets(const struct ir_ins *ins, uint32_t out[2])
{
	uint32_t n = 0;

	if (shape_has(ins, 'T'))
		out[n++] = ins->t;
	if (shape_has(ins, 'F'))
		out[n++] = ins->f;
	return n;
}

static void mark_reached(struct arena *a, const struct ir_function *f, bool *reached)
{
	uint32_t *todo = arena_array(a, uint32_t, f->blocks.n + 1);
	uint32_t n = 1, next[2];

	todo[0] = 0;
	reached[0] = true;
	while (n) {
		const struct ir_block *b = &f->blocks.p[todo[--n]];

		vec_each(ins, &b->ins)
			for (uint32_t i = targets(ins, next); i-- > 0;)
				if (!reached[next[i]]) {
					reached[next[i]] = true;
					todo[n++] = next[i];
				}
	}
}

static const struct ir_ins *last_of(const struct ir_function *f, uint32_t block)
{
	return &f->blocks.p[block].ins.p[f->blocks.p[block].ins.n - 1];
}

/* Hot blocks that end the function come last, where they fall into the epilogue. */
static uint32_t rank_of(const struct ir_function *f, uint32_t block)
{
	if (block == 0)
		return 0;
	return f->blocks.p[block].cold ? 2 : last_of(f, block)->op == IR_RETURN;
}

/* The block to lay out behind `block`: where it goes anyway, if that is still to be placed. */
static uint32_t follow(const struct ir_function *f, const bool *open, uint32_t block, uint32_t rank)
{
	const struct ir_ins *last = last_of(f, block);

	if ((last->op == IR_JUMP || last->op == IR_BRANCH) && open[last->t] &&
	    rank_of(f, last->t) == rank)
		return last->t;
	if (last->op == IR_BRANCH && open[last->f] && rank_of(f, last->f) == rank)
		return last->f;
	return IR_NONE;
}

/* Chains of blocks that follow each other, each begun with the first block still open. */
static void lay_out_rank(const struct ir_function *f, struct gen_plan *p, bool *open, uint32_t rank)
{
	for (uint32_t i = 0; i < f->blocks.n; i++)
		for (uint32_t at = i; at != IR_NONE && open[at] && rank_of(f, at) == rank;) {
			open[at] = false;
			p->order[p->n_order++] = at;
			at = follow(f, open, at, rank);
		}
}

static void lay_out(struct arena *a, const struct ir_function *f, struct gen_plan *p)
{
	bool *open = arena_array(a, bool, f->blocks.n);

	mark_reached(a, f, open);
	p->order = arena_array(a, uint32_t, f->blocks.n);
	lay_out_rank(f, p, open, 0);
	lay_out_rank(f, p, open, 1);
	p->n_hot = p->n_order;
	lay_out_rank(f, p, open, 2);
}

static void find_loops(struct arena *a, const struct ir_function *f, struct gen_plan *p)
{
	uint32_t *place = arena_array(a, uint32_t, f->blocks.n);
	uint32_t next[2];

	for (uint32_t i = 0; i < p->n_order; i++)
		place[p->order[i]] = i;
	for (uint32_t i = 0; i < p->n_order; i++)
		vec_each(ins, &f->blocks.p[p->order[i]].ins)
			for (uint32_t n = targets(ins, next); n-- > 0;)
				p->has_loop |= place[next[n]] <= i;
}

/* ---- counts -------------------------------------------------------------------------- */

static void count_read(void *user, uint32_t reg)
{
	((struct gen_plan *)user)->reads[reg]++;
}

static bool is_call(const struct ir_ins *ins)
{
	return ins->op == IR_CALL || ins->op == IR_CALLF;
}

static void count(struct arena *a, struct gen_plan *p)
{
	const struct ir_function *f = p->f;
	uint32_t at = 0, calls = 0;

	p->first = arena_array(a, uint32_t, p->n_order + 1);
	for (uint32_t i = 0; i < p->n_order; i++)
		p->n_ins += f->blocks.p[p->order[i]].ins.n;
	p->calls_before = arena_array(a, uint32_t, p->n_ins + 1);
	for (uint32_t i = 0; i < p->n_order; i++) {
		p->first[i] = at;
		vec_each(ins, &f->blocks.p[p->order[i]].ins) {
			uint32_t d = gen_written(ins);

			gen_each_read(ins, count_read, p);
			if (d != IR_NONE) {
				p->writes[d]++;
				p->writer[d] = ins;
			}
			p->calls_before[at++] = calls;
			calls += is_call(ins);
		}
	}
	p->first[p->n_order] = at;
	p->calls_before[at] = calls;
}

/* ---- values and fusions ----------------------------------------------------------------- */

static bool changes_registers(const struct ir_function *f)
{
	vec_each(b, &f->blocks)
		vec_each(ins, &b->ins)
			if (ins->op == IR_CALLF ||
			    (ins->op == IR_CALL && (strcmp(ins->name, "rt_store_register") == 0 ||
						     strcmp(ins->name, "rt_set_argument") == 0)))
				return true;
	return false;
}

static bool is_cheap(const struct gen_plan *p, const struct ir_ins *ins)
{
	if (ins->op == IR_TARGET)
		return !p->changes_registers;
	return ins->op == IR_CONST || ins->op == IR_STRING || ins->op == IR_FRAME ||
	       ins->op == IR_GLOBAL || ins->op == IR_SHARD || ins->op == IR_STATDESC ||
	       ins->op == IR_FORMAT || ins->op == IR_REGEX || ins->op == IR_LOCKS ||
	       ins->op == IR_INSERTED;
}

static bool emits_nothing(const struct gen_plan *p, const struct ir_ins *ins)
{
	uint32_t d = gen_written(ins);

	return d != IR_NONE && gen_is_pure(ins) &&
	       (p->places[d].kind == PLACE_VALUE || p->reads[d] == 0);
}

static uint32_t next_emitted(const struct gen_plan *p, const struct ir_block *b, uint32_t at)
{
	for (at++; at < b->ins.n && emits_nothing(p, &b->ins.p[at]); at++)
		;
	return at;
}

static bool is_temporary(const struct gen_plan *p, uint32_t reg)
{
	return p->writes[reg] == 1 && p->reads[reg] == 1 && reg >= p->f->n_parameters;
}

static bool is_update_op(uint32_t op)
{
	return op == IR_ADD || op == IR_SUB || op == IR_AND || op == IR_OR || op == IR_XOR;
}

bool gen_find_update(const struct gen_plan *p, const struct ir_block *b, uint32_t at,
		     struct gen_update *out)
{
	const struct ir_ins *load = &b->ins.p[at], *op, *store;
	uint32_t second = next_emitted(p, b, at), third;

	if (load->op != IR_LOAD || load->size != 8 || !is_temporary(p, load->d) ||
	    second >= b->ins.n)
		return false;
	op = &b->ins.p[second];
	third = next_emitted(p, b, second);
	if (!is_update_op(op->op) || !is_temporary(p, op->d) || third >= b->ins.n)
		return false;
	store = &b->ins.p[third];
	if (store->op != IR_STORE || store->size != 8 || store->a != load->a ||
	    store->i != load->i || store->b != op->d || store->a == op->d)
		return false;
	*out = (struct gen_update){ load, op, store, op->b, third };
	if (op->a == load->d)
		return true;
	out->operand = op->a;
	return op->b == load->d && op->op != IR_SUB;
}

bool gen_feeds_branch(const struct gen_plan *p, const struct ir_block *b, uint32_t at)
{
	const struct ir_ins *ins = &b->ins.p[at];
	uint32_t next = next_emitted(p, b, at);

	return gen_is_compare(ins->op) && is_temporary(p, ins->d) && next < b->ins.n &&
	       b->ins.p[next].op == IR_BRANCH && b->ins.p[next].a == ins->d;
}

static void fuse_block(struct gen_plan *p, const struct ir_block *b)
{
	struct gen_update u;

	for (uint32_t i = 0; i < b->ins.n; i++) {
		if (gen_feeds_branch(p, b, i)) {
			p->places[b->ins.p[i].d].kind = PLACE_FUSED;
		} else if (gen_find_update(p, b, i, &u)) {
			p->places[u.load->d].kind = PLACE_FUSED;
			p->places[u.arithmetic->d].kind = PLACE_FUSED;
		}
	}
}

void gen_plan_order(struct arena *a, const struct ir_function *f, struct gen_plan *p)
{
	p->f = f;
	p->reads = arena_array(a, uint32_t, f->n_registers + 1);
	p->writes = arena_array(a, uint32_t, f->n_registers + 1);
	p->writer = arena_array(a, const struct ir_ins *, f->n_registers + 1);
	p->places = arena_array(a, struct gen_place, f->n_registers + 1);
	lay_out(a, f, p);
	find_loops(a, f, p);
	count(a, p);
	p->changes_registers = changes_registers(f);
	for (uint32_t r = f->n_parameters; r < f->n_registers; r++)
		if (p->writes[r] == 1 && p->reads[r] && is_cheap(p, p->writer[r]))
			p->places[r] =
				(struct gen_place){ .kind = PLACE_VALUE, .value = p->writer[r] };
	for (uint32_t i = 0; i < p->n_order; i++)
		fuse_block(p, &f->blocks.p[p->order[i]]);
}
