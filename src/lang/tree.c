/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: making nodes, copying them, walking over them. */
#include "lang/lang.h"

struct expr *lang_expr_new(struct arena *a, enum expr_kind kind, struct span at)
{
	struct expr *e = arena_new(a, struct expr);

	e->kind = kind;
	e->span = e->token = at;
	return e;
}

struct stmt *lang_stmt_new(struct arena *a, enum stmt_kind kind, struct span at)
{
	struct stmt *s = arena_new(a, struct stmt);

	s->kind = kind;
	s->span = at;
	return s;
}

/* ---- walking ------------------------------------------------------------------------- */

static void walk_list(struct lang_walker *w, struct expr_list *l)
{
	for (uint32_t i = 0; i < l->list.n; i++)
		lang_walk_expr(w, &l->list.p[i]);
}

static void walk_components(struct lang_walker *w, struct target_component *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		lang_walk_expr(w, &c[i].index);
}

/* What is below an expression; an exhaustive switch. */
static void walk_below(struct lang_walker *w, struct expr *e)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
	case EXPR_EMBEDDED:
		break;
	case EXPR_INDEX:
		lang_walk_expr(w, &e->index.base);
		walk_list(w, &e->index.keys);
		break;
	case EXPR_UNARY:
		lang_walk_expr(w, &e->unary.operand);
		break;
	case EXPR_BINARY:
		lang_walk_expr(w, &e->binary.left);
		lang_walk_expr(w, &e->binary.right);
		break;
	case EXPR_TERNARY:
		lang_walk_expr(w, &e->ternary.condition);
		lang_walk_expr(w, &e->ternary.yes);
		lang_walk_expr(w, &e->ternary.no);
		break;
	case EXPR_ASSIGN:
		lang_walk_expr(w, &e->assign.left);
		lang_walk_expr(w, &e->assign.right);
		break;
	case EXPR_STEP:
		lang_walk_expr(w, &e->step.operand);
		break;
	case EXPR_IN:
		walk_list(w, &e->in.keys);
		lang_walk_expr(w, &e->in.array);
		break;
	case EXPR_REGEX:
		lang_walk_expr(w, &e->regex.subject);
		break;
	case EXPR_CALL:
		walk_list(w, &e->call.args);
		break;
	case EXPR_PRINT:
		walk_list(w, &e->print.args);
		break;
	case EXPR_STAT:
		lang_walk_expr(w, &e->stat.of);
		break;
	case EXPR_HIST:
		lang_walk_expr(w, &e->hist.of);
		break;
	case EXPR_TARGET:
		walk_components(w, e->target.components, e->target.n_components);
		break;
	case EXPR_OPERATOR:
		walk_list(w, &e->op.args);
		walk_components(w, e->op.components, e->op.n_components);
		break;
	}
}

void lang_walk_expr(struct lang_walker *w, struct expr **e)
{
	if (!*e || (w->expr && !w->expr(w, e)))
		return;
	w->depth++;
	walk_below(w, *e);
	w->depth--;
}

static void walk_foreach(struct lang_walker *w, struct stmt *s)
{
	walk_list(w, &s->foreach.keys);
	lang_walk_expr(w, &s->foreach.value);
	lang_walk_expr(w, &s->foreach.array);
	walk_list(w, &s->foreach.slice);
	lang_walk_expr(w, &s->foreach.limit);
	lang_walk_stmt(w, &s->foreach.body);
}

/* What is below a statement; an exhaustive switch. */
static void walk_below_stmt(struct lang_walker *w, struct stmt *s)
{
	switch (s->kind) {
	case STMT_EXPR:
	case STMT_RETURN:
	case STMT_DELETE:
		lang_walk_expr(w, &s->expr);
		break;
	case STMT_BLOCK:
		for (uint32_t i = 0; i < s->block.list.n; i++)
			lang_walk_stmt(w, &s->block.list.p[i]);
		break;
	case STMT_IF:
		lang_walk_expr(w, &s->if_.condition);
		lang_walk_stmt(w, &s->if_.yes);
		lang_walk_stmt(w, &s->if_.no);
		break;
	case STMT_WHILE:
	case STMT_FOR:
		lang_walk_expr(w, &s->loop.init);
		lang_walk_expr(w, &s->loop.condition);
		lang_walk_expr(w, &s->loop.step);
		lang_walk_stmt(w, &s->loop.body);
		break;
	case STMT_FOREACH:
		walk_foreach(w, s);
		break;
	case STMT_TRY:
		lang_walk_stmt(w, &s->try_.body);
		lang_walk_expr(w, &s->try_.variable);
		lang_walk_stmt(w, &s->try_.handler);
		break;
	case STMT_EMPTY:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_NEXT:
	case STMT_EMBEDDED:
		break;
	}
}

void lang_walk_stmt(struct lang_walker *w, struct stmt **s)
{
	if (!*s || (w->stmt && !w->stmt(w, s)))
		return;
	w->depth++;
	walk_below_stmt(w, *s);
	w->depth--;
}
