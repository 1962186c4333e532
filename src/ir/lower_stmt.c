/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering of statements. */
#include "ir/build.h"

#include <stddef.h>

/* ---- counting for the budget ---------------------------------------------------- */

static uint32_t count_list(const struct stmt *s)
{
	uint32_t n = 0;

	vec_each(i, &s->block.list)
		n += ir_count_statements(*i);
	return n;
}

/* A loop's body counts itself, round by round. */
uint32_t ir_count_statements(const struct stmt *s)
{
	uint32_t yes, no;

	if (!s)
		return 0;
	switch (s->kind) {
	case STMT_EMPTY:
		return 0;
	case STMT_BLOCK:
		return count_list(s);
	case STMT_IF:
		yes = ir_count_statements(s->if_.yes);
		no = ir_count_statements(s->if_.no);
		return 1 + base_max(yes, no);
	case STMT_TRY:
		return 1 + ir_count_statements(s->try_.body) + ir_count_statements(s->try_.handler);
	case STMT_EXPR:
	case STMT_WHILE:
	case STMT_FOR:
	case STMT_FOREACH:
	case STMT_RETURN:
	case STMT_DELETE:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_NEXT:
	case STMT_EMBEDDED:
		return 1;
	}
	return 1;
}

/* ---- control flow --------------------------------------------------------------- */

/* Evaluates a condition and gives its temporaries back. */
static void condition(struct build *b, const struct expr *e, uint32_t yes, uint32_t no)
{
	uint32_t frame = b->frame;

	ir_lower_condition(b, e, yes, no);
	b->frame = frame;
}

static void lower_if(struct build *b, const struct stmt *s)
{
	uint32_t yes = ir_block_new(b), end = ir_block_new(b);
	uint32_t no = s->if_.no ? ir_block_new(b) : end;

	condition(b, s->if_.condition, yes, no);
	ir_block_open(b, yes);
	ir_lower_stmt(b, s->if_.yes);
	ir_emit_jump(b, end);
	if (s->if_.no) {
		ir_block_open(b, no);
		ir_lower_stmt(b, s->if_.no);
		ir_emit_jump(b, end);
	}
	ir_block_open(b, end);
}

static void effect(struct build *b, const struct expr *e)
{
	uint32_t frame = b->frame;

	if (e)
		ir_lower_effect(b, e);
	b->frame = frame;
}

static void lower_loop(struct build *b, const struct stmt *s)
{
	uint32_t head = ir_block_new(b), body = ir_block_new(b), next = ir_block_new(b),
		 end = ir_block_new(b);
	uint32_t break_to = b->break_to, continue_to = b->continue_to;

	effect(b, s->loop.init);
	ir_emit_jump(b, head);
	ir_block_open(b, head);
	if (s->loop.condition)
		condition(b, s->loop.condition, body, end);
	else
		ir_emit_jump(b, body);
	ir_block_open(b, body);
	ir_emit_budget(b, 1 + ir_count_statements(s->loop.body), s->span);
	b->break_to = end;
	b->continue_to = next;
	ir_lower_stmt(b, s->loop.body);
	b->break_to = break_to;
	b->continue_to = continue_to;
	ir_emit_jump(b, next);
	ir_block_open(b, next);
	effect(b, s->loop.step);
	ir_emit_jump(b, head);
	ir_block_open(b, end);
}

/* What follows is unreachable, but needs a block to be lowered into. */
static void leave(struct build *b, uint32_t to)
{
	ir_emit_jump(b, to);
	ir_block_open(b, ir_block_new(b));
}

static void lower_return(struct build *b, const struct stmt *s)
{
	uint32_t value = IR_NONE;

	if (!b->source) {
		leave(b, b->exit);
		return;
	}
	if (b->out != IR_NONE) {
		if (s->expr)
			ir_lower_string_into(b, s->expr, b->out);
		else
			ir_emit_empty_string(b, b->out);
	} else {
		value = s->expr ? ir_lower_value(b, s->expr) : ir_emit_const(b, 0);
	}
	ir_emit(b, IR_RETURN)->a = value;
	ir_block_open(b, ir_block_new(b));
}

static void lower_next(struct build *b, const struct stmt *s)
{
	if (b->source)
		ir_lower_next_overload(b, s);
	else
		leave(b, b->exit);
}

/* ---- try ------------------------------------------------------------------------ */

static void bind_message(struct build *b, const struct expr *variable)
{
	uint32_t buffer;

	if (variable && variable->symbol.variable->kind != VARIABLE_GLOBAL) {
		struct place *p = ir_place(b, variable->symbol.variable);

		ir_emit_effect(b, "rt_catch", 1, ir_place_buffer(b, p));
		return;
	}
	buffer = ir_buffer_new(b);
	ir_emit_effect(b, "rt_catch", 1, buffer);
	if (variable)
		ir_assign_text(b, variable, buffer);
}

/* What cannot be caught goes on to the next catch, which does the same, and so to the exit. */
static void lower_catch(struct build *b, const struct stmt *s)
{
	uint32_t take = ir_block_cold(b), error, fatal;

	error = ir_emit_member(b, IR_SLOT, offsetof(struct abi_slot, error), 4);
	fatal = ir_emit_with(b, IR_EQ, error, ABI_ERROR_FATAL);
	ir_emit_branch(b, fatal, b->on_error, take);
	ir_block_open(b, take);
	bind_message(b, s->try_.variable);
	ir_lower_stmt(b, s->try_.handler);
}

static void lower_try(struct build *b, const struct stmt *s)
{
	uint32_t caught = ir_block_cold(b), end = ir_block_new(b);
	uint32_t on_error = b->on_error;
	bool in_try = b->in_try, cold = b->cold;

	b->on_error = caught;
	b->in_try = true;
	ir_lower_stmt(b, s->try_.body);
	b->on_error = on_error;
	b->in_try = in_try;
	ir_emit_jump(b, end);
	b->cold = true;
	ir_block_open(b, caught);
	lower_catch(b, s);
	b->cold = cold;
	ir_emit_jump(b, end);
	ir_block_open(b, end);
}

/* ---- all kinds ------------------------------------------------------------------ */

static void lower_embedded(struct build *b, const struct stmt *s)
{
	struct expr e = { .kind = EXPR_EMBEDDED, .span = s->span, .token = s->span };

	ir_lower_unsupported(b, &e);
}

/* Exhaustive over the kinds of statements. */
static void lower_kind(struct build *b, const struct stmt *s)
{
	switch (s->kind) {
	case STMT_EMPTY:
		return;
	case STMT_EXPR:
		ir_lower_effect(b, s->expr);
		return;
	case STMT_BLOCK:
		vec_each(i, &s->block.list)
			ir_lower_stmt(b, *i);
		return;
	case STMT_IF:
		lower_if(b, s);
		return;
	case STMT_WHILE:
	case STMT_FOR:
		lower_loop(b, s);
		return;
	case STMT_FOREACH:
		ir_lower_foreach(b, s);
		return;
	case STMT_RETURN:
		lower_return(b, s);
		return;
	case STMT_DELETE:
		ir_lower_delete(b, s->expr);
		return;
	case STMT_BREAK:
		leave(b, b->break_to == IR_NONE ? b->exit : b->break_to);
		return;
	case STMT_CONTINUE:
		leave(b, b->continue_to == IR_NONE ? b->exit : b->continue_to);
		return;
	case STMT_NEXT:
		lower_next(b, s);
		return;
	case STMT_TRY:
		lower_try(b, s);
		return;
	case STMT_EMBEDDED:
		lower_embedded(b, s);
		return;
	}
}

void ir_lower_stmt(struct build *b, const struct stmt *s)
{
	uint32_t frame = b->frame;

	if (!s)
		return;
	lower_kind(b, s);
	b->frame = frame;
}
