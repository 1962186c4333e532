/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: runs a module's functions over a slot and a region in this
 * process, calling the hosted runtime. What generated code must do is what
 * this does.
 *
 * Frames are taken from slot->frame, as generated code takes them:
 *
 *	slot + region.frame_offset ──▶ [frame of the handler][frame of f][free ...
 *	                                                     slot->frame ─┘
 */
#include "abi/abi.h"
#include "ir/op.h"

#include <string.h>

struct run {
	const struct ir_module *module;
	const struct ir_machine *machine;
	struct abi_slot *slot;
	struct arena *scratch; /* registers and arguments, given back by whoever took them */
};

/* One activation. */
struct frame {
	const struct ir_function *function;
	int64_t *r;
	uint64_t base;
};

/* ---- the runtime ---------------------------------------------------------------- */

typedef int64_t call_0(void *);
typedef int64_t call_1(void *, int64_t);
typedef int64_t call_2(void *, int64_t, int64_t);
typedef int64_t call_3(void *, int64_t, int64_t, int64_t);
typedef int64_t call_4(void *, int64_t, int64_t, int64_t, int64_t);
typedef int64_t call_11(void *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
			int64_t, int64_t, int64_t, int64_t);

/* Arguments that the function does not have do no harm in the System V convention. */
static int64_t call_runtime(struct run *run, const char *name, const int64_t *a, uint32_t n)
{
	void *f = run->machine->runtime(run->machine->user, name);
	int64_t v[11] = { 0 };

	base_assert(f);
	base_assert(n <= base_count(v));
	if (n)
		memcpy(v, a, n * sizeof *a);
	switch (n) {
	case 0: return ((call_0 *)f)(run->slot);
	case 1: return ((call_1 *)f)(run->slot, v[0]);
	case 2: return ((call_2 *)f)(run->slot, v[0], v[1]);
	case 3: return ((call_3 *)f)(run->slot, v[0], v[1], v[2]);
	case 4: return ((call_4 *)f)(run->slot, v[0], v[1], v[2], v[3]);
	default:
		return ((call_11 *)f)(run->slot, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7],
				      v[8], v[9], v[10]);
	}
}

static void raise_error(struct run *run, int64_t number)
{
	call_runtime(run, "rt_raise", &number, 1);
}

/* ---- memory --------------------------------------------------------------------- */

static int64_t load(uint64_t address, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, (const void *)(uintptr_t)address, size);
	return (int64_t)v;
}

static void store(uint64_t address, int64_t v, uint32_t size)
{
	memcpy((void *)(uintptr_t)address, &v, size);
}

static int64_t target_register(const struct run *run, int64_t number)
{
	const struct abi_site *site = (const void *)(uintptr_t)run->slot->site;

	if (number == ABI_RIP && site)
		return (int64_t)site->pc;
	return (int64_t)run->slot->registers[number];
}

/* ---- operations ----------------------------------------------------------------- */

static int64_t call_script(struct run *run, const struct ir_ins *ins, const int64_t *args);

static int64_t collect_and_call(struct run *run, const struct frame *f, const struct ir_ins *ins)
{
	struct arena_mark mark = arena_mark(run->scratch);
	int64_t *args = arena_array(run->scratch, int64_t, ins->n_args), result;

	for (uint32_t i = 0; i < ins->n_args; i++)
		args[i] = f->r[ins->args[i]];
	result = ins->op == IR_CALL ? call_runtime(run, ins->name, args, ins->n_args) :
				      call_script(run, ins, args);
	arena_reset(run->scratch, mark);
	return result;
}

/* Operations that give an address or a member of something fixed. */
static int64_t fixed_value(struct run *run, const struct frame *f, const struct ir_ins *ins)
{
	const struct ir_machine *m = run->machine;
	uint32_t i = (uint32_t)ins->i;

	switch (ins->op) {
	case IR_CONST: return ins->i;
	case IR_STRING: return (intptr_t)m->string(m->user, i);
	case IR_FRAME: return (int64_t)f->base + ins->i;
	case IR_TARGET: return target_register(run, ins->i);
	case IR_VECTOR: return 0; /* the interpreter's target has none */
	case IR_INSERTED: return (int64_t)(run->slot->saved_sp + (uint64_t)ins->i);
	case IR_SITE: return load(run->slot->site + (uint64_t)ins->i, 8);
	case IR_SLOT: return load((uintptr_t)run->slot + (uint64_t)ins->i, ins->size);
	case IR_REGION: return load(run->slot->region + (uint64_t)ins->i, ins->size);
	case IR_GLOBAL: return (intptr_t)m->global(m->user, i);
	case IR_SHARD: return (intptr_t)m->shard(m->user, i);
	case IR_STATDESC: return (intptr_t)m->statdesc(m->user, i);
	case IR_REGEX: return (intptr_t)run->module->regexes.p[i].head;
	case IR_FORMAT: return (intptr_t)m->format(m->user, i);
	case IR_LOCKS: return (intptr_t)f->function->locks.p;
	default: base_unreachable();
	}
}

static int64_t value_of(struct run *run, const struct frame *f, const struct ir_ins *ins)
{
	uint32_t shape = ir_op_shape(ins->op);
	int64_t v, b = shape & IR_HAS_B ? f->r[ins->b] : 0;

	if (ins->op == IR_CALL || ins->op == IR_CALLF)
		return collect_and_call(run, f, ins);
	if (ins->op == IR_LOAD)
		return load((uint64_t)f->r[ins->a] + (uint64_t)ins->i, ins->size);
	if (!(shape & IR_HAS_A))
		return fixed_value(run, f, ins);
	base_assert(ir_op_compute(ins->op, f->r[ins->a], b, ins->i, &v));
	return v;
}

static void shard_add(struct run *run, const struct frame *f, const struct ir_ins *ins)
{
	uint64_t at = (uintptr_t)run->machine->shard(run->machine->user, ins->t) + (uint64_t)ins->i;

	store(at, (int64_t)((uint64_t)load(at, 8) + (uint64_t)f->r[ins->a]), 8);
}

static bool check_fails(struct run *run, const struct ir_ins *ins)
{
	if (!run->slot->error)
		return false;
	if (ins->i >= 0)
		run->slot->where = (uint32_t)ins->i;
	else if (ins->i < -1)
		call_runtime(run, "rt_called_from", &(int64_t){ -2 - ins->i }, 1);
	return true;
}

static bool budget_is_spent(struct run *run, const struct ir_ins *ins)
{
	run->slot->actions -= ins->i;
	if (run->slot->actions >= 0)
		return false;
	raise_error(run, 1);
	return true;
}

/* ---- blocks --------------------------------------------------------------------- */

/* Runs from instruction *at of a block on; false: the function returns. */
static bool run_block(struct run *run, struct frame *f, uint32_t *block, int64_t *result)
{
	const struct ir_block *here = &f->function->blocks.p[*block];

	for (const struct ir_ins *ins = here->ins.p;; ins++) {
		switch (ins->op) {
		case IR_STORE:
			store((uint64_t)f->r[ins->a] + (uint64_t)ins->i, f->r[ins->b], ins->size);
			continue;
		case IR_SHARDADD:
			shard_add(run, f, ins);
			continue;
		case IR_CHECK:
		case IR_BUDGET:
			*block = ins->t;
			if (ins->op == IR_CHECK ? check_fails(run, ins) : budget_is_spent(run, ins))
				return true;
			continue;
		case IR_JUMP:
			*block = ins->t;
			return true;
		case IR_BRANCH:
			*block = f->r[ins->a] ? ins->t : ins->f;
			return true;
		case IR_RETURN:
			*result = ins->a == IR_NONE ? 0 : f->r[ins->a];
			return false;
		default: {
			int64_t v = value_of(run, f, ins);

			if (ins->d != IR_NONE)
				f->r[ins->d] = v;
		}
		}
	}
}

/* The frame's first byte, or 0 when the slot has no room for it. */
static uint64_t frame_take(struct run *run, const struct ir_function *f)
{
	const struct abi_region *region = (const void *)(uintptr_t)run->slot->region;
	uint64_t base = base_align(run->slot->frame, (uint64_t)16);
	uint64_t end = (uintptr_t)run->slot + region->frame_offset + region->frame_size;

	if (base + f->frame_size > end)
		return 0;
	run->slot->frame = base + f->frame_size;
	return base;
}

static int64_t run_function(struct run *run, const struct ir_function *f, const int64_t *args)
{
	struct arena_mark mark = arena_mark(run->scratch);
	uint64_t before = run->slot->frame;
	struct frame frame = { .function = f, .base = frame_take(run, f) };
	uint32_t block = 0;
	int64_t result = 0;

	if (!frame.base) {
		raise_error(run, 2);
		return 0;
	}
	frame.r = arena_array(run->scratch, int64_t, f->n_registers);
	if (f->n_parameters)
		memcpy(frame.r, args, f->n_parameters * sizeof *args);
	while (run_block(run, &frame, &block, &result))
		;
	run->slot->frame = before;
	arena_reset(run->scratch, mark);
	return result;
}

static int64_t call_script(struct run *run, const struct ir_ins *ins, const int64_t *args)
{
	int64_t result;

	if (!run->slot->depth) {
		raise_error(run, 2);
		run->slot->where = ins->t;
		return 0;
	}
	run->slot->depth--;
	result = run_function(run, run->module->functions.p[ins->i], args);
	run->slot->depth++;
	return result;
}

int64_t ir_interpret(const struct ir_module *m, uint32_t function, const int64_t *args,
		     const struct ir_machine *machine)
{
	struct run run = { .module = m, .machine = machine, .slot = machine->slot };
	int64_t result;

	run.scratch = arena_create();
	result = run_function(&run, m->functions.p[function], args);
	arena_destroy(run.scratch);
	return result;
}
