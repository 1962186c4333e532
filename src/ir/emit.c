/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks, registers and single instructions of the function being built. */
#include "ir/build.h"
#include "ir/op.h"

uint32_t ir_block_new(struct build *b)
{
	vec_push(b->lower->arena, &b->function.blocks, (struct ir_block){ .cold = b->cold });
	return b->function.blocks.n - 1;
}

uint32_t ir_block_cold(struct build *b)
{
	uint32_t block = ir_block_new(b);

	b->function.blocks.p[block].cold = true;
	return block;
}

void ir_block_open(struct build *b, uint32_t block)
{
	b->block = block;
}

uint32_t ir_register_new(struct build *b)
{
	return b->function.n_registers++;
}

uint32_t ir_frame_take(struct build *b, uint32_t bytes)
{
	uint32_t at = b->frame;

	b->frame += base_align(bytes, 8u);
	b->function.frame_size = base_max(b->function.frame_size, base_align(b->frame, 16u));
	return at;
}

struct ir_ins *ir_emit(struct build *b, enum ir_op op)
{
	struct ir_block *block = &b->function.blocks.p[b->block];

	vec_push(b->lower->arena, &block->ins,
		 (struct ir_ins){ .op = (uint8_t)op, .d = IR_NONE, .a = IR_NONE, .b = IR_NONE });
	return &block->ins.p[block->ins.n - 1];
}

uint32_t ir_emit_number(struct build *b, enum ir_op op, int64_t i)
{
	uint32_t d = ir_register_new(b);
	struct ir_ins *ins = ir_emit(b, op);

	ins->d = d;
	ins->i = i;
	return d;
}

uint32_t ir_emit_const(struct build *b, int64_t v)
{
	return ir_emit_number(b, IR_CONST, v);
}

uint32_t ir_emit_unary(struct build *b, enum ir_op op, uint32_t a)
{
	return ir_emit_binary(b, op, a, IR_NONE);
}

uint32_t ir_emit_binary(struct build *b, enum ir_op op, uint32_t x, uint32_t y)
{
	uint32_t d = ir_register_new(b);
	struct ir_ins *ins = ir_emit(b, op);

	ins->d = d;
	ins->a = x;
	ins->b = y;
	return d;
}

uint32_t ir_emit_with(struct build *b, enum ir_op op, uint32_t x, int64_t constant)
{
	return ir_emit_binary(b, op, x, ir_emit_const(b, constant));
}

uint32_t ir_emit_load(struct build *b, uint32_t address, int64_t offset, uint8_t size)
{
	uint32_t d = ir_register_new(b);
	struct ir_ins *ins = ir_emit(b, IR_LOAD);

	ins->d = d;
	ins->a = address;
	ins->i = offset;
	ins->size = size;
	return d;
}

uint32_t ir_emit_member(struct build *b, enum ir_op op, int64_t offset, uint8_t size)
{
	uint32_t d = ir_emit_number(b, op, offset);
	struct ir_block *block = &b->function.blocks.p[b->block];

	block->ins.p[block->ins.n - 1].size = size;
	return d;
}

void ir_emit_store(struct build *b, uint32_t address, int64_t offset, uint32_t value, uint8_t size)
{
	struct ir_ins *ins = ir_emit(b, IR_STORE);

	ins->a = address;
	ins->b = value;
	ins->i = offset;
	ins->size = size;
}

/* A temporary that was just computed is computed into its destination instead. */
void ir_emit_move(struct build *b, uint32_t to, uint32_t from)
{
	struct ir_block *block = &b->function.blocks.p[b->block];
	struct ir_ins *last = block->ins.n ? &block->ins.p[block->ins.n - 1] : NULL, *ins;

	if (to == from)
		return;
	if (last && from >= b->temporaries && ir_ins_result(last) == from) {
		last->d = to;
		return;
	}
	ins = ir_emit(b, IR_MOV);
	ins->d = to;
	ins->a = from;
}

void ir_emit_set(struct build *b, uint32_t to, int64_t v)
{
	struct ir_ins *ins = ir_emit(b, IR_CONST);

	ins->d = to;
	ins->i = v;
}

static void emit_call(struct build *b, const char *name, uint32_t flags, uint32_t d, uint32_t *args,
		      uint32_t n)
{
	struct ir_ins *ins = ir_emit(b, IR_CALL);

	ins->name = name;
	ins->flags = (uint16_t)flags;
	ins->d = d;
	ins->args = args;
	ins->n_args = n;
}

static uint32_t *collect(struct build *b, uint32_t n, va_list ap)
{
	uint32_t *args = arena_array(b->lower->arena, uint32_t, n);

	for (uint32_t i = 0; i < n; i++)
		args[i] = va_arg(ap, uint32_t);
	return args;
}

uint32_t ir_emit_call(struct build *b, const char *name, uint32_t flags, uint32_t n, ...)
{
	uint32_t d = ir_register_new(b);
	va_list ap;

	va_start(ap, n);
	emit_call(b, name, flags, d, collect(b, n, ap), n);
	va_end(ap);
	return d;
}

void ir_emit_effect(struct build *b, const char *name, uint32_t n, ...)
{
	va_list ap;

	va_start(ap, n);
	emit_call(b, name, 0, IR_NONE, collect(b, n, ap), n);
	va_end(ap);
}

uint32_t ir_emit_call_list(struct build *b, const char *name, uint32_t flags, const uint32_t *args,
			   uint32_t n)
{
	uint32_t d = ir_register_new(b);

	emit_call(b, name, flags, d, arena_dup(b->lower->arena, args, n * sizeof *args), n);
	return d;
}

void ir_emit_check(struct build *b, struct span at)
{
	struct ir_ins *ins = ir_emit(b, IR_CHECK);

	ins->i = ir_position_number(b->lower, at);
	ins->t = b->on_error;
}

void ir_emit_jump(struct build *b, uint32_t to)
{
	ir_emit(b, IR_JUMP)->t = to;
}

void ir_emit_branch(struct build *b, uint32_t on, uint32_t yes, uint32_t no)
{
	struct ir_ins *ins = ir_emit(b, IR_BRANCH);

	ins->a = on;
	ins->t = yes;
	ins->f = no;
}

void ir_emit_raise(struct build *b, int64_t number, struct span at)
{
	ir_emit_effect(b, "rt_raise", 1, ir_emit_const(b, number));
	ir_emit_check(b, at);
	ir_emit_jump(b, b->on_error);
	ir_block_open(b, ir_block_new(b));
}

void ir_emit_require(struct build *b, uint32_t value, struct span at)
{
	uint32_t fail = ir_block_cold(b), good = ir_block_new(b);

	ir_emit_branch(b, value, good, fail);
	ir_block_open(b, fail);
	ir_emit_check(b, at);
	ir_emit_jump(b, b->on_error);
	ir_block_open(b, good);
}

/* Running out of budget cannot be caught: the way out is the exit. */
void ir_emit_budget(struct build *b, uint32_t statements, struct span at)
{
	uint32_t here = b->block, spent = ir_block_cold(b);
	struct ir_ins *ins = ir_emit(b, IR_BUDGET);

	ins->i = statements;
	ins->t = spent;
	ir_block_open(b, spent);
	ins = ir_emit(b, IR_CHECK);
	ins->i = ir_position_number(b->lower, at);
	ins->t = b->exit;
	ir_emit_jump(b, b->exit);
	ir_block_open(b, here);
}

/* Length, padding and the NUL. */
void ir_emit_empty_string(struct build *b, uint32_t buffer)
{
	uint32_t zero = ir_emit_const(b, 0);

	ir_emit_store(b, buffer, 0, zero, 8);
	ir_emit_store(b, buffer, ABI_STRING_HEAD, zero, 1);
}
