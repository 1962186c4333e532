/* SPDX-License-Identifier: Apache-2.0 */
/* What every module must satisfy, before and after each pass. */
#include "abi/abi.h"
#include "ir/live.h"
#include "ir/op.h"

#define MOST_ARGUMENTS 11u /* of a runtime function, the slot not counted */

struct verify {
	const struct ir_module *module;
	const struct ir_function *function;
	struct arena *scratch;
};

typedef const char *rule(const struct verify *v, const struct ir_ins *ins);

/* ---- operands ------------------------------------------------------------------- */

static const char *check_registers(const struct verify *v, struct ir_ins *ins)
{
	uint32_t shape = ir_op_shape(ins->op), n = v->function->n_registers, *use;
	bool call = ins->op == IR_CALL || ins->op == IR_CALLF;

	if (shape & IR_HAS_D && !(call && ins->d == IR_NONE) && ins->d >= n)
		return "result register out of range";
	if (shape & IR_HAS_A && ins->op != IR_RETURN && ins->a == IR_NONE)
		return "operand missing";
	if (shape & IR_HAS_ARGS && ins->n_args && !ins->args)
		return "arguments missing";
	for (uint32_t i = 0; (use = ir_ins_use(ins, i)); i++)
		if (*use >= n)
			return "operand register out of range";
	return NULL;
}

static const char *check_targets(const struct verify *v, struct ir_ins *ins)
{
	uint32_t *target;

	for (uint32_t i = 0; (target = ir_ins_target(ins, i)); i++)
		if (*target >= v->function->blocks.n)
			return "no such block";
	return NULL;
}

/* ---- rules of single operations ------------------------------------------------- */

static bool is_size(int64_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static const char *check_size(const struct verify *v, const struct ir_ins *ins)
{
	(void)v;
	return is_size(ins->size) ? NULL : "bad size";
}

static const char *check_slot(const struct verify *v, const struct ir_ins *ins)
{
	if (ins->i < 0 || ins->i + ins->size > (int64_t)ABI_SLOT_HEAD)
		return "offset outside the slot";
	return check_size(v, ins);
}

static const char *check_region(const struct verify *v, const struct ir_ins *ins)
{
	if (ins->i < 0 || ins->i + ins->size > (int64_t)sizeof(struct abi_region))
		return "offset outside the region's head";
	return check_size(v, ins);
}

static const char *check_string(const struct verify *v, const struct ir_ins *ins)
{
	return ins->i >= 0 && ins->i < v->module->strings.n ? NULL : "no such string";
}

static const char *check_format(const struct verify *v, const struct ir_ins *ins)
{
	return ins->i >= 0 && ins->i < v->module->n_formats ? NULL : "no such format";
}

static const char *check_regex(const struct verify *v, const struct ir_ins *ins)
{
	return ins->i >= 0 && ins->i < v->module->regexes.n ? NULL : "no such regular expression";
}

static const char *check_global(const struct verify *v, const struct ir_ins *ins)
{
	return ins->i >= 0 && ins->i < v->module->globals.n ? NULL : "no such global";
}

static const char *check_shard(const struct verify *v, const struct ir_ins *ins)
{
	int64_t global = ins->op == IR_SHARDADD ? (int64_t)ins->t : ins->i;

	if (global < 0 || global >= v->module->globals.n)
		return "no such global";
	return v->module->globals.p[global].share == ABI_SHARE_SHARDED ? NULL
								       : "global has no shards";
}

static const char *check_frame(const struct verify *v, const struct ir_ins *ins)
{
	return ins->i >= 0 && ins->i < v->function->frame_size ? NULL : "outside the frame";
}

static const char *check_target(const struct verify *v, const struct ir_ins *ins)
{
	if (v->function->context != CONTEXT_TARGET)
		return "no target in the tool";
	return ins->i >= 0 && ins->i < ABI_REGISTERS ? NULL : "no such machine register";
}

static const char *check_vector(const struct verify *v, const struct ir_ins *ins)
{
	if (v->function->context != CONTEXT_TARGET)
		return "no target in the tool";
	return ins->i >= 0 && ins->i < 32 ? NULL : "no such vector register";
}

static const char *check_inserted(const struct verify *v, const struct ir_ins *ins)
{
	if (!v->function->at_return)
		return "no inserted frame";
	return ins->i >= 0 && ins->i % 8 == 0 ? NULL : "no word of the inserted frame";
}

static const char *check_site(const struct verify *v, const struct ir_ins *ins)
{
	if (v->function->context != CONTEXT_TARGET)
		return "no site in the tool";
	return ins->i >= 0 && ins->i % 8 == 0 && ins->i + 8 <= (int64_t)sizeof(struct abi_site) ?
		       NULL : "no such member of a site";
}

static const char *check_extend(const struct verify *v, const struct ir_ins *ins)
{
	int64_t bytes = ins->i < 0 ? -ins->i : ins->i;

	(void)v;
	return is_size(bytes) && bytes < 8 ? NULL : "bad width";
}

static const char *check_locks(const struct verify *v, const struct ir_ins *ins)
{
	(void)ins;
	return v->function->locks.n && v->function->is_handler ? NULL : "function has no locks";
}

static const char *check_call(const struct verify *v, const struct ir_ins *ins)
{
	(void)v;
	if (!ins->name)
		return "call without a name";
	return ins->n_args <= MOST_ARGUMENTS ? NULL : "too many arguments";
}

static const char *check_script_call(const struct verify *v, const struct ir_ins *ins)
{
	const struct ir_function *callee;

	if (ins->i < 0 || ins->i >= v->module->functions.n)
		return "no such function";
	callee = v->module->functions.p[ins->i];
	if (callee->is_handler)
		return "call of a handler";
	if (callee->context != v->function->context)
		return "call into the other context";
	if (ins->t >= v->module->positions.n)
		return "no such position";
	return ins->n_args == callee->n_parameters ? NULL : "wrong number of arguments";
}

static const char *check_position(const struct verify *v, const struct ir_ins *ins)
{
	int64_t position = ins->i < -1 ? -2 - ins->i : ins->i;

	return position >= -1 && position < v->module->positions.n ? NULL : "no such position";
}

static const char *check_budget(const struct verify *v, const struct ir_ins *ins)
{
	(void)v;
	return ins->i > 0 ? NULL : "budget spends nothing";
}

static rule *const rules[IR_OP_COUNT] = {
	[IR_LOAD] = check_size, [IR_STORE] = check_size, [IR_SLOT] = check_slot,
	[IR_REGION] = check_region, [IR_STRING] = check_string, [IR_FORMAT] = check_format,
	[IR_REGEX] = check_regex,
	[IR_GLOBAL] = check_global, [IR_STATDESC] = check_global, [IR_SHARD] = check_shard,
	[IR_SHARDADD] = check_shard, [IR_FRAME] = check_frame, [IR_TARGET] = check_target, [IR_VECTOR] = check_vector,
	[IR_INSERTED] = check_inserted, [IR_SITE] = check_site, [IR_EXTEND] = check_extend, [IR_LOCKS] = check_locks,
	[IR_CALL] = check_call, [IR_CALLF] = check_script_call, [IR_CHECK] = check_position,
	[IR_BUDGET] = check_budget,
};

static const char *check_ins(const struct verify *v, struct ir_ins *ins, bool last)
{
	const char *wrong;

	if (ins->op >= IR_OP_COUNT)
		return "no such operation";
	if (ir_ins_ends_block(ins) != last)
		return last ? "block does not end" : "block goes on after its end";
	wrong = check_registers(v, ins);
	if (!wrong)
		wrong = check_targets(v, ins);
	if (!wrong && rules[ins->op])
		wrong = rules[ins->op](v, ins);
	return wrong;
}

/* ---- functions ------------------------------------------------------------------ */

static const char *complain(const struct verify *v, uint32_t block, uint32_t ins, const char *wrong)
{
	return arena_printf(v->module->arena, "%s: block %u, instruction %u: %s", v->function->name,
			    block, ins, wrong);
}

/* Nothing but parameters may be live at the entry: else some path reads what none wrote. */
static const char *check_defined(const struct verify *v)
{
	const struct ir_function *f = v->function;
	struct arena_mark mark = arena_mark(v->scratch);
	const char *wrong = NULL;
	struct ir_live live;

	ir_live_compute(v->scratch, f, &live);
	for (uint32_t r = f->n_parameters; r < f->n_registers && !wrong; r++)
		if (ir_live_has(&live, live.in, r))
			wrong = arena_printf(v->module->arena,
					     "%s: r%u is read before it is written", f->name, r);
	arena_reset(v->scratch, mark);
	return wrong;
}

static const char *check_locks_order(const struct verify *v)
{
	const struct ir_function *f = v->function;

	for (uint32_t i = 0; i < f->locks.n; i++) {
		uint32_t lock = f->locks.p[i] & ~0x80000000u;

		if (lock >= v->module->globals.n)
			return "lock of no global";
		if (i && lock <= (f->locks.p[i - 1] & ~0x80000000u))
			return "locks not ascending";
	}
	return NULL;
}

static const char *check_head(const struct verify *v)
{
	const struct ir_function *f = v->function;

	if (!f->blocks.n)
		return "no blocks";
	if (f->n_parameters > f->n_registers || (f->is_handler && f->n_parameters))
		return "bad parameters";
	if (f->frame_size % 16)
		return "frame is not a multiple of 16";
	return check_locks_order(v);
}

static const char *check_function(const struct verify *v)
{
	const struct ir_function *f = v->function;
	const char *wrong = check_head(v);

	if (wrong)
		return complain(v, 0, 0, wrong);
	for (uint32_t b = 0; b < f->blocks.n; b++) {
		const struct ir_block *block = &f->blocks.p[b];

		if (!block->ins.n)
			return complain(v, b, 0, "empty block");
		for (uint32_t i = 0; i < block->ins.n; i++) {
			wrong = check_ins(v, &block->ins.p[i], i + 1 == block->ins.n);
			if (wrong)
				return complain(v, b, i, wrong);
		}
	}
	return check_defined(v);
}

const char *ir_verify(const struct ir_module *m)
{
	struct verify v = { .module = m, .scratch = arena_create() };
	const char *wrong = NULL;

	for (uint32_t i = 0; i < m->functions.n && !wrong; i++) {
		v.function = m->functions.p[i];
		wrong = check_function(&v);
	}
	for (uint32_t i = 0; i < m->probes.n && !wrong; i++)
		if ((m->probes.p[i].function != IR_NONE &&
		     m->probes.p[i].function >= m->functions.n) ||
		    m->probes.p[i].condition > m->functions.n)
			wrong = arena_printf(m->arena, "probe %u: no such function", i);
	arena_destroy(v.scratch);
	return wrong;
}
