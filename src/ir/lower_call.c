/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering of calls (script functions, overload chains, native functions) and target variables. */
#include "ir/build.h"

#include <stddef.h>
#include <string.h>

/* ---- script functions ----------------------------------------------------------- */

/* A global's text could change under the function that was handed its address. */
static bool is_global_text(const struct expr *e)
{
	if (e->kind == EXPR_TERNARY)
		return is_global_text(e->ternary.yes) || is_global_text(e->ternary.no);
	if (e->kind == EXPR_ASSIGN)
		e = e->assign.left;
	return e->kind == EXPR_SYMBOL && e->symbol.variable->kind == VARIABLE_GLOBAL;
}

static uint32_t lower_argument(struct build *b, const struct expr_list *args, uint32_t i)
{
	const struct expr *e = args->list.p[i];
	uint32_t r = ir_lower_value(b, e);

	if (e->type == TYPE_STRING && is_global_text(e))
		return ir_copy_string(b, r);
	return ir_hold_list(b, r, e, args, i + 1);
}

/* The errors of the function itself have a position already. */
static uint32_t emit_script_call(struct build *b, const struct sema_function *f, uint32_t *args,
				 uint32_t n, struct span at)
{
	uint32_t d = f->type == TYPE_STRING ? IR_NONE : ir_register_new(b);
	struct ir_ins *ins = ir_emit(b, IR_CALLF);

	ins->d = d;
	ins->i = ir_instance_number(b->lower, f, b->function.context);
	ins->t = ir_position_number(b->lower, at);
	ins->args = args;
	ins->n_args = n;
	ins = ir_emit(b, IR_CHECK);
	ins->i = -2 - (int64_t)ir_position_number(b->lower, at);
	ins->t = b->on_error;
	return d;
}

static uint32_t call_script(struct build *b, const struct expr *e, uint32_t buffer)
{
	const struct sema_function *f = e->call.function;
	uint32_t n = e->call.args.list.n, d;
	uint32_t *args = arena_array(b->lower->arena, uint32_t, n + 1);

	for (uint32_t i = 0; i < n; i++)
		args[i] = lower_argument(b, &e->call.args, i);
	if (f->type == TYPE_STRING)
		args[n++] = buffer == IR_NONE ? ir_buffer_new(b) : buffer;
	d = emit_script_call(b, f, args, n, e->token);
	return d == IR_NONE ? buffer : d;
}

/* `next` in a function: the following overload gets the same arguments. */
void ir_lower_next_overload(struct build *b, const struct stmt *s)
{
	const struct sema_function *f = b->source->next_overload;
	uint32_t n = b->function.n_parameters, d;
	uint32_t *args = arena_array(b->lower->arena, uint32_t, n);
	struct ir_ins *ins;

	if (!f) {
		ir_emit_raise(b, RAISE_EXHAUSTED, s->span);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		args[i] = i;
	d = emit_script_call(b, f, args, n, s->span);
	ins = ir_emit(b, IR_RETURN);
	ins->a = d;
	ir_block_open(b, ir_block_new(b));
}

/* ---- native functions ----------------------------------------------------------- */

/* Of the variables that embedded C may use. */
static uint32_t add_addresses(struct build *b, const struct expr *e, uint32_t *args, uint32_t n)
{
	vec_each(g, &e->call.builtin->embedded->globals)
		args[n++] = g->write ? ir_global_write(b, g->variable) : ir_global_read(b, g->variable);
	return n;
}

/* STAP_NEXT: the following overload, if the code said so. */
static void pass_on(struct build *b, const struct expr *e)
{
	uint32_t next = ir_block_cold(b), stay = ir_block_new(b);
	struct stmt at = { .kind = STMT_NEXT, .span = e->token };

	ir_emit_branch(b, ir_emit_member(b, IR_SLOT, offsetof(struct abi_slot, context_flags), 8), next, stay);
	ir_block_open(b, next);
	ir_lower_next_overload(b, &at);
	ir_emit_jump(b, stay);
	ir_block_open(b, stay);
}

static uint32_t call_builtin(struct build *b, const struct expr *e, uint32_t buffer)
{
	const struct sema_builtin *builtin = e->call.builtin;
	uint32_t n = builtin->n_parameters, flags = 0, d;
	uint32_t *args = arena_array(b->lower->arena, uint32_t, e->call.args.list.n + builtin->n_extra + 1);

	for (uint32_t i = 0; i < n; i++)
		args[i] = ir_hold_list(b, ir_lower_value(b, e->call.args.list.p[i]),
				       e->call.args.list.p[i], &e->call.args, i + 1);
	for (uint32_t i = 0; i < builtin->n_extra; i++)
		args[n++] = ir_emit_const(b, builtin->extra[i]);
	if (builtin->embedded)
		n = add_addresses(b, e, args, n);
	if (builtin->type == TYPE_STRING)
		args[n++] = buffer == IR_NONE ? ir_buffer_new(b) : buffer;
	else if (builtin->flags & BUILTIN_PURE && !(builtin->flags & BUILTIN_FAILS))
		flags = IR_PURE;
	d = ir_emit_call_list(b, builtin->runtime, flags, args, n);
	if (builtin->flags & BUILTIN_FAILS)
		ir_emit_check(b, e->token);
	if (builtin->flags & BUILTIN_MAY_PASS)
		pass_on(b, e);
	if (builtin->flags & BUILTIN_READS_MEMORY)
		b->function.reads_memory = true;
	return builtin->type == TYPE_STRING ? buffer : d;
}

/* buffer: where a string result goes, IR_NONE for a temporary. */
uint32_t ir_lower_call(struct build *b, const struct expr *e, uint32_t buffer)
{
	if (e->call.function)
		return call_script(b, e, buffer);
	if (e->call.builtin && strcmp(e->call.builtin->runtime, "rt_returnval") == 0)
		return b->function.context == CONTEXT_TARGET ?
			       ir_emit_number(b, IR_TARGET, ABI_RAX) : ir_emit_const(b, 0);
	if (e->call.builtin)
		return call_builtin(b, e, buffer);
	return ir_lower_unsupported(b, e);
}

/* ---- target variables ----------------------------------------------------------- */

static uint32_t target_register(struct build *b, int number)
{
	if (number == ABI_RIP)
		return ir_emit_number(b, IR_SITE, offsetof(struct abi_site, pc));
	return ir_emit_number(b, IR_TARGET, number);
}

static uint32_t add(struct build *b, uint32_t sum, uint32_t value)
{
	return sum == IR_NONE ? value : ir_emit_binary(b, IR_ADD, sum, value);
}

static uint32_t operand_address(struct build *b, const struct sema_operand *o)
{
	uint32_t sum = IR_NONE, index;

	if (o->module_relative)
		sum = ir_emit_number(b, IR_SITE, offsetof(struct abi_site, bias));
	if (o->base >= 0)
		sum = add(b, sum, target_register(b, o->base));
	if (o->index >= 0) {
		index = target_register(b, o->index);
		if (o->scale > 1)
			index = ir_emit_with(b, IR_SHL, index, __builtin_ctz(o->scale));
		sum = add(b, sum, index);
	}
	if (o->displacement || sum == IR_NONE)
		sum = add(b, sum, ir_emit_const(b, o->displacement));
	return sum;
}

static uint32_t operand_register(struct build *b, const struct sema_operand *o)
{
	uint32_t value = target_register(b, o->base), d;

	if (o->shift)
		value = ir_emit_with(b, IR_SHR, value, o->shift);
	if (o->size >= 8)
		return value;
	d = ir_emit_unary(b, IR_EXTEND, value);
	b->function.blocks.p[b->block].ins.p[b->function.blocks.p[b->block].ins.n - 1].i =
		o->is_signed ? o->size : -o->size;
	return d;
}

static uint32_t operand_memory(struct build *b, const struct expr *e, const struct sema_operand *o)
{
	const char *name = o->is_signed ? "rt_read_signed" : "rt_read";
	uint32_t size = ir_emit_const(b, o->size);
	uint32_t d = ir_emit_call(b, name, 0, 2, operand_address(b, o), size);

	ir_emit_check(b, e->token);
	b->function.reads_memory = true;
	return d;
}

uint32_t ir_lower_target(struct build *b, const struct expr *e)
{
	const struct sema_operand *o = e->target.operand;

	if (!o || b->function.context == CONTEXT_TOOL)
		return o && o->kind == OPERAND_CONSTANT ? ir_emit_const(b, o->displacement) :
							  ir_lower_unsupported(b, e);
	switch (o->kind) {
	case OPERAND_CONSTANT:
		return ir_emit_const(b, o->displacement);
	case OPERAND_REGISTER:
		return operand_register(b, o);
	case OPERAND_MEMORY:
		return operand_memory(b, e, o);
	case OPERAND_ADDRESS:
		return operand_address(b, o);
	case OPERAND_VECTOR:
		return ir_emit_number(b, IR_VECTOR, o->base);
	case OPERAND_THREAD:
		return ir_emit_unary(b, IR_NOT, ir_emit_member(b, IR_SLOT, offsetof(struct abi_slot, key), 8));
	case OPERAND_ENTRY:
		return ir_emit_load(b, ir_emit_number(b, IR_INSERTED, o->displacement), 0, 8);
	case OPERAND_SITE_NAME:
	case OPERAND_SITE_PROVIDER:
		break;
	}
	return ir_lower_unsupported(b, e);
}

void ir_lower_site_text(struct build *b, const struct expr *e, uint32_t buffer)
{
	const struct sema_operand *o = e->target.operand;

	if (o && o->kind == OPERAND_SITE_NAME)
		ir_emit_effect(b, "rt_mark_name", 1, buffer);
	else if (o && o->kind == OPERAND_SITE_PROVIDER)
		ir_emit_effect(b, "rt_mark_provider", 1, buffer);
	else if (o && o->kind == OPERAND_ENTRY)
		ir_emit_effect(b, "rt_text_kept", 2, ir_lower_target(b, e), buffer);
	else
		ir_lower_unsupported(b, e);
}
