/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deep copies: every node and every list is new, texts and names are shared.
 * A node is copied flat first, then each pointer in it is replaced by a copy.
 */
#include "lang/lang.h"

static void own_list(struct arena *a, struct expr_list *l)
{
	struct expr_list copy = { 0 };

	vec_each(it, &l->list)
		vec_push(a, &copy.list, lang_clone_expr(a, *it));
	*l = copy;
}

static void own_components(struct arena *a, struct target_component **c, uint32_t n)
{
	struct target_component *copy;

	if (!n)
		return;
	copy = arena_dup(a, *c, sizeof **c * n);
	for (uint32_t i = 0; i < n; i++)
		copy[i].index = lang_clone_expr(a, copy[i].index);
	*c = copy;
}

static void own(struct arena *a, struct expr **e)
{
	*e = lang_clone_expr(a, *e);
}

/* Makes what is below an expression its own; an exhaustive switch. */
static void own_below(struct arena *a, struct expr *e)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
	case EXPR_EMBEDDED:
		break;
	case EXPR_INDEX:
		own(a, &e->index.base);
		own_list(a, &e->index.keys);
		break;
	case EXPR_UNARY:
		own(a, &e->unary.operand);
		break;
	case EXPR_BINARY:
		own(a, &e->binary.left);
		own(a, &e->binary.right);
		break;
	case EXPR_TERNARY:
		own(a, &e->ternary.condition);
		own(a, &e->ternary.yes);
		own(a, &e->ternary.no);
		break;
	case EXPR_ASSIGN:
		own(a, &e->assign.left);
		own(a, &e->assign.right);
		break;
	case EXPR_STEP:
		own(a, &e->step.operand);
		break;
	case EXPR_IN:
		own_list(a, &e->in.keys);
		own(a, &e->in.array);
		break;
	case EXPR_REGEX:
		own(a, &e->regex.subject);
		break;
	case EXPR_CALL:
		own_list(a, &e->call.args);
		break;
	case EXPR_PRINT:
		own_list(a, &e->print.args);
		break;
	case EXPR_STAT:
		own(a, &e->stat.of);
		break;
	case EXPR_HIST:
		own(a, &e->hist.of);
		break;
	case EXPR_TARGET:
		own_components(a, &e->target.components, e->target.n_components);
		break;
	case EXPR_OPERATOR:
		own_list(a, &e->op.args);
		own_components(a, &e->op.components, e->op.n_components);
		break;
	}
}

struct expr *lang_clone_expr(struct arena *a, const struct expr *e)
{
	struct expr *copy;

	if (!e)
		return NULL;
	copy = arena_dup(a, e, sizeof *e);
	own_below(a, copy);
	return copy;
}

/* ---- statements ---------------------------------------------------------------------- */

static void own_stmt(struct arena *a, struct stmt **s)
{
	*s = lang_clone_stmt(a, *s);
}

static void own_block(struct arena *a, struct stmt *s)
{
	const struct stmt old = *s;

	s->block.list.p = NULL;
	s->block.list.n = s->block.list.cap = 0;
	vec_each(it, &old.block.list)
		vec_push(a, &s->block.list, lang_clone_stmt(a, *it));
}

static void own_foreach(struct arena *a, struct stmt *s)
{
	own_list(a, &s->foreach.keys);
	own(a, &s->foreach.value);
	own(a, &s->foreach.array);
	own_list(a, &s->foreach.slice);
	own(a, &s->foreach.limit);
	own_stmt(a, &s->foreach.body);
}

/* An exhaustive switch. */
static void own_below_stmt(struct arena *a, struct stmt *s)
{
	switch (s->kind) {
	case STMT_EXPR:
	case STMT_RETURN:
	case STMT_DELETE:
		own(a, &s->expr);
		break;
	case STMT_BLOCK:
		own_block(a, s);
		break;
	case STMT_IF:
		own(a, &s->if_.condition);
		own_stmt(a, &s->if_.yes);
		own_stmt(a, &s->if_.no);
		break;
	case STMT_WHILE:
	case STMT_FOR:
		own(a, &s->loop.init);
		own(a, &s->loop.condition);
		own(a, &s->loop.step);
		own_stmt(a, &s->loop.body);
		break;
	case STMT_FOREACH:
		own_foreach(a, s);
		break;
	case STMT_TRY:
		own_stmt(a, &s->try_.body);
		own(a, &s->try_.variable);
		own_stmt(a, &s->try_.handler);
		break;
	case STMT_EMPTY:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_NEXT:
	case STMT_EMBEDDED:
		break;
	}
}

struct stmt *lang_clone_stmt(struct arena *a, const struct stmt *s)
{
	struct stmt *copy;

	if (!s)
		return NULL;
	copy = arena_dup(a, s, sizeof *s);
	own_below_stmt(a, copy);
	return copy;
}
