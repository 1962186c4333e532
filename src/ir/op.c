/* SPDX-License-Identifier: Apache-2.0 */
/* What each IR operation reads, writes and computes. */
#include "ir/op.h"

#include <string.h>

static const struct {
	const char *text, *shape;
} operations[IR_OP_COUNT] = {
#define IR(name, text, shape) [IR_##name] = { text, shape },
#include "ir/ir.def"
#undef IR
};

static const struct {
	char letter;
	uint32_t bit;
} letters[] = {
	{ 'd', IR_HAS_D }, { 'a', IR_HAS_A }, { 'b', IR_HAS_B }, { 'i', IR_HAS_I },
	{ 'A', IR_HAS_ARGS }, { 'T', IR_HAS_T }, { 'F', IR_HAS_F },
};

const char *ir_op_text(uint32_t op)
{
	return op < IR_OP_COUNT ? operations[op].text : "?";
}

uint8_t ir_op_shapes[IR_OP_COUNT];

uint32_t ir_op_shape_compute(uint32_t op)
{
	uint32_t shape = 0;

	if (op >= IR_OP_COUNT)
		return 0;
	for (size_t i = 0; i < base_count(letters); i++)
		if (strchr(operations[op].shape, letters[i].letter))
			shape |= letters[i].bit;
	ir_op_shapes[op] = (uint8_t)shape;
	return shape;
}

uint32_t *ir_ins_use(struct ir_ins *ins, uint32_t i)
{
	uint32_t shape = ir_op_shape(ins->op);

	if (shape & IR_HAS_A && ins->a != IR_NONE && i-- == 0)
		return &ins->a;
	if (shape & IR_HAS_B && i-- == 0)
		return &ins->b;
	if (shape & IR_HAS_ARGS && i < ins->n_args)
		return &ins->args[i];
	return NULL;
}

uint32_t ir_ins_result(const struct ir_ins *ins)
{
	return ir_op_shape(ins->op) & IR_HAS_D ? ins->d : IR_NONE;
}

uint32_t *ir_ins_target(struct ir_ins *ins, uint32_t i)
{
	uint32_t shape = ir_op_shape(ins->op);

	if (shape & IR_HAS_T && i-- == 0)
		return &ins->t;
	if (shape & IR_HAS_F && i == 0)
		return &ins->f;
	return NULL;
}

bool ir_ins_ends_block(const struct ir_ins *ins)
{
	return ins->op == IR_JUMP || ins->op == IR_BRANCH || ins->op == IR_RETURN;
}

bool ir_ins_is_pure(const struct ir_ins *ins)
{
	if (ins->op == IR_CALL)
		return ins->flags & IR_PURE;
	return ins->op != IR_CALLF && ir_op_shape(ins->op) & IR_HAS_D;
}

/* C leaves overflow and wide shifts open; the script language wraps. */
static int64_t divide(int64_t a, int64_t b)
{
	return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t extend(int64_t v, int64_t bytes)
{
	int bits = 64 - 8 * (int)(bytes < 0 ? -bytes : bytes);
	uint64_t high = (uint64_t)v << bits;

	return bytes < 0 ? (int64_t)(high >> bits) : (int64_t)high >> bits;
}

static bool compute_compare(uint32_t op, int64_t a, int64_t b, int64_t *out)
{
	switch (op) {
	case IR_EQ: *out = a == b; return true;
	case IR_NE: *out = a != b; return true;
	case IR_LT: *out = a < b; return true;
	case IR_LE: *out = a <= b; return true;
	case IR_GT: *out = a > b; return true;
	case IR_GE: *out = a >= b; return true;
	default: return false;
	}
}

bool ir_op_compute(uint32_t op, int64_t a, int64_t b, int64_t i, int64_t *out)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (op) {
	case IR_ADD: *out = (int64_t)(x + y); return true;
	case IR_SUB: *out = (int64_t)(x - y); return true;
	case IR_MUL: *out = (int64_t)(x * y); return true;
	case IR_DIV: *out = b ? divide(a, b) : 0; return b != 0;
	case IR_MOD: *out = b && b != -1 ? a % b : 0; return b != 0;
	case IR_AND: *out = a & b; return true;
	case IR_OR: *out = a | b; return true;
	case IR_XOR: *out = a ^ b; return true;
	case IR_SHL: *out = (int64_t)(x << (y & 63)); return true;
	case IR_SAR: *out = a >> (y & 63); return true;
	case IR_SHR: *out = (int64_t)(x >> (y & 63)); return true;
	case IR_NEG: *out = (int64_t)(0 - x); return true;
	case IR_NOT: *out = ~a; return true;
	case IR_MOV: *out = a; return true;
	case IR_EXTEND: *out = extend(a, i); return true;
	default: return compute_compare(op, a, b, out);
	}
}
