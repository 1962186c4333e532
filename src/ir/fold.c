/* SPDX-License-Identifier: Apache-2.0 */
/* Constant folding and copy propagation. */
#include "ir/op.h"
#include "ir/passes.h"

#include <string.h>

/*
 * What is known of a register. In a block, `stamp` says whether the knowledge
 * is of this block; a copy also ends when its origin is written (`version`).
 */
struct fact {
	uint32_t stamp; /* block + 1 */
	uint32_t version; /* counts writes */
	bool is_copy;
	uint32_t origin, origin_version;
	int64_t value; /* not a copy: the constant */
};

struct fold {
	struct fact *facts;
	const struct ir_ins **always; /* by register: its only write, a constant; or NULL */
	uint32_t stamp;
};

static bool constant(const struct fold *f, uint32_t r, int64_t *out)
{
	const struct fact *k = &f->facts[r];

	if (f->always[r]) {
		*out = f->always[r]->i;
		return true;
	}
	if (k->stamp != f->stamp || k->is_copy)
		return false;
	*out = k->value;
	return true;
}

static uint32_t origin(const struct fold *f, uint32_t r)
{
	const struct fact *k = &f->facts[r];

	if (k->stamp == f->stamp && k->is_copy && f->facts[k->origin].version == k->origin_version)
		return k->origin;
	return r;
}

static void become_const(struct ir_ins *ins, int64_t value)
{
	ins->op = IR_CONST;
	ins->i = value;
	ins->a = ins->b = IR_NONE;
}

static void become_move(struct ir_ins *ins, uint32_t from)
{
	ins->op = IR_MOV;
	ins->a = from;
	ins->b = IR_NONE;
}

/* x op c with a c that changes nothing, or decides everything. */
static void simplify_right(struct ir_ins *ins, int64_t c)
{
	switch (ins->op) {
	case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR: case IR_SHL: case IR_SAR: case IR_SHR:
		if (!c)
			become_move(ins, ins->a);
		break;
	case IR_MUL:
		if (c == 1)
			become_move(ins, ins->a);
		else if (!c)
			become_const(ins, 0);
		break;
	case IR_AND:
		if (!c)
			become_const(ins, 0);
		else if (c == -1)
			become_move(ins, ins->a);
		break;
	case IR_DIV:
		if (c == 1)
			become_move(ins, ins->a);
		break;
	default:
		break;
	}
}

static bool commutes(uint32_t op)
{
	return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR ||
	       op == IR_EQ || op == IR_NE;
}

/* Constants go to the right, where a machine takes them as immediates. */
static void order_operands(const struct fold *f, struct ir_ins *ins)
{
	int64_t ignored;
	uint32_t a = ins->a;

	if (!commutes(ins->op) || !constant(f, a, &ignored) || constant(f, ins->b, &ignored))
		return;
	ins->a = ins->b;
	ins->b = a;
}

static void compute(const struct fold *f, struct ir_ins *ins)
{
	bool binary = ir_op_shape(ins->op) & IR_HAS_B;
	int64_t a = 0, b = 0, result;
	bool known_a, known_b;

	if (binary)
		order_operands(f, ins);
	known_a = constant(f, ins->a, &a);
	known_b = !binary || constant(f, ins->b, &b);
	if (known_a && known_b && ir_op_compute(ins->op, a, b, ins->i, &result))
		become_const(ins, result);
	else if (binary && known_b)
		simplify_right(ins, b);
}

static bool is_arithmetic(uint32_t op)
{
	return op >= IR_MOV && op <= IR_EXTEND;
}

static void decide(const struct fold *f, struct ir_ins *ins)
{
	int64_t value;

	if (!constant(f, ins->a, &value))
		return;
	ins->op = IR_JUMP;
	ins->t = value ? ins->t : ins->f;
	ins->f = 0;
	ins->a = IR_NONE;
}

static void learn(struct fold *f, const struct ir_ins *ins)
{
	uint32_t d = ir_ins_result(ins);
	struct fact *k;

	if (d == IR_NONE)
		return;
	k = &f->facts[d];
	k->version++;
	k->stamp = 0;
	if (ins->op == IR_CONST) {
		k->stamp = f->stamp;
		k->is_copy = false;
		k->value = ins->i;
	} else if (ins->op == IR_MOV && ins->a != d) {
		k->stamp = f->stamp;
		k->is_copy = true;
		k->origin = ins->a;
		k->origin_version = f->facts[ins->a].version;
	}
}

static void fold_ins(struct fold *f, struct ir_ins *ins)
{
	uint32_t *use;

	for (uint32_t i = 0; (use = ir_ins_use(ins, i)); i++)
		*use = origin(f, *use);
	if (is_arithmetic(ins->op))
		compute(f, ins);
	else if (ins->op == IR_BRANCH)
		decide(f, ins);
	learn(f, ins);
}

/* Registers with one write in all, of a constant: a verified function reads them after it. */
static void find_always(struct fold *f, const struct ir_function *function, uint8_t *writes)
{
	vec_each(block, &function->blocks)
		vec_each(ins, &block->ins) {
			uint32_t d = ir_ins_result(ins);

			if (d == IR_NONE)
				continue;
			writes[d] = (uint8_t)base_min(writes[d] + 1, 2);
			f->always[d] = writes[d] == 1 && ins->op == IR_CONST ? ins : NULL;
		}
	for (uint32_t r = 0; r < function->n_parameters; r++)
		f->always[r] = NULL;
}

void ir_pass_fold(struct arena *scratch, struct ir_function *f)
{
	struct fold fold = { .facts = arena_array(scratch, struct fact, f->n_registers) };

	fold.always = arena_array(scratch, const struct ir_ins *, f->n_registers);
	find_always(&fold, f, arena_array(scratch, uint8_t, f->n_registers));
	vec_each(block, &f->blocks) {
		fold.stamp++;
		vec_each(ins, &block->ins)
			fold_ins(&fold, ins);
	}
}
