/* SPDX-License-Identifier: Apache-2.0 */
/* Types that statements ask for. */
#include "sema/private.h"

/* A loop's name and the array's key tell each other their type. */
static void infer_loop_key(struct sema_infer *i, struct expr *name, enum lang_type *key)
{
	enum lang_type type;

	sema_infer_scalar(i, name);
	type = name->type = sema_infer_symbol(i, name, *key);
	if (*key == TYPE_UNKNOWN && type != TYPE_UNKNOWN) {
		*key = type;
		i->changed = true;
	}
}

static void infer_loop_value(struct sema_infer *i, struct expr *name, struct lang_variable *array)
{
	if (array->type == TYPE_STATS) {
		i->failed = true;
		sema_error(i->sema, DIAG_STATISTIC, name->token, "invalid type stats");
		return;
	}
	sema_infer_scalar(i, name);
	name->type = sema_infer_symbol(i, name, array->type);
	if (array->type == TYPE_UNKNOWN && name->type != TYPE_UNKNOWN) {
		array->type = name->type;
		i->changed = true;
	}
}

static void infer_over_array(struct sema_infer *i, struct stmt *t)
{
	struct lang_variable *v = t->foreach.array->symbol.variable;

	if (!sema_infer_arity(i, t->foreach.array, (int)t->foreach.keys.list.n))
		return;
	for (uint32_t k = 0; k < t->foreach.keys.list.n; k++)
		infer_loop_key(i, t->foreach.keys.list.p[k], &v->key_types[k]);
	if (t->foreach.value)
		infer_loop_value(i, t->foreach.value, v);
	if (t->foreach.has_slice)
		sema_infer_keys(i, t->foreach.array, &t->foreach.slice);
	if (t->foreach.sort_op != STAT_NONE && t->foreach.sort) {
		if (v->type != TYPE_STATS && v->type != TYPE_UNKNOWN) {
			i->failed = true;
			sema_error(i->sema, DIAG_STATISTIC, t->foreach.array->token,
				   "invalid type %s", lang_type_name(v->type));
		}
	}
	t->foreach.array->type = v->type;
}

static void infer_over_hist(struct sema_infer *i, struct stmt *t)
{
	enum lang_type type = TYPE_LONG;

	sema_infer_expr(i, t->foreach.array->hist.of, TYPE_STATS);
	t->foreach.array->type = TYPE_STATS;
	if (t->foreach.keys.list.n != 1) {
		i->failed = true;
		sema_error(i->sema, DIAG_ARITY, t->foreach.array->token,
			   "inconsistent arity (%u vs 1)", t->foreach.keys.list.n);
		return;
	}
	infer_loop_key(i, t->foreach.keys.list.p[0], &type);
	if (t->foreach.value)
		t->foreach.value->type = sema_infer_symbol(i, t->foreach.value, TYPE_LONG);
}

static void infer_foreach(struct sema_infer *i, struct stmt *t)
{
	if (t->foreach.array->kind == EXPR_HIST)
		infer_over_hist(i, t);
	else
		infer_over_array(i, t);
	if (t->foreach.limit)
		sema_infer_expr(i, t->foreach.limit, TYPE_LONG);
	sema_infer_stmt(i, t->foreach.body);
}

static void infer_loop(struct sema_infer *i, struct stmt *t)
{
	if (t->loop.init)
		sema_infer_unused(i, t->loop.init);
	if (t->loop.condition)
		sema_infer_expr(i, t->loop.condition, TYPE_LONG);
	if (t->loop.step)
		sema_infer_unused(i, t->loop.step);
	sema_infer_stmt(i, t->loop.body);
}

/* A whole array may be deleted as well as a scalar. */
static void infer_delete(struct sema_infer *i, struct expr *e)
{
	if (e->kind == EXPR_SYMBOL) {
		e->type = e->symbol.variable->type;
		if (e->type == TYPE_UNKNOWN)
			sema_infer_unresolved(i, e->token);
	} else if (e->kind == EXPR_INDEX && e->index.base->kind == EXPR_SYMBOL) {
		i->deleting = true;
		sema_infer_expr(i, e, TYPE_UNKNOWN);
	} else {
		i->failed = true;
		sema_error(i->sema, DIAG_LVALUE, e->token, "invalid operand of delete expression");
	}
}

static void refuse_empty_return(struct sema_infer *i, const struct stmt *t, const struct sema_function *f)
{
	if (f->type == TYPE_UNKNOWN)
		return;
	i->failed = true;
	sema_error(i->sema, DIAG_TYPE_MISMATCH, t->span, "type mismatch: '%s' gives a %s, this return gives nothing",
		   f->name, lang_type_name(f->type));
}

static void infer_return(struct sema_infer *i, struct stmt *t)
{
	struct sema_function *f = i->function;

	if (!f)
		return;
	if (!t->expr) {
		refuse_empty_return(i, t, f);
		return;
	}
	sema_infer_expr(i, t->expr, f->type);
	if (t->expr->detail && !f->detail && !f->detail_conflict) {
		f->detail = t->expr->detail;
		i->changed = true;
	} else if (t->expr->detail && t->expr->detail != f->detail && !f->detail_conflict) {
		f->detail = NULL;
		f->detail_conflict = i->changed = true;
	}
	if (f->type == TYPE_UNKNOWN && t->expr->type != TYPE_UNKNOWN) {
		f->type = t->expr->type;
		i->changed = true;
	}
}

static void infer_catch(struct sema_infer *i, struct stmt *t)
{
	sema_infer_stmt(i, t->try_.body);
	if (t->try_.variable) {
		sema_infer_scalar(i, t->try_.variable);
		t->try_.variable->type = sema_infer_symbol(i, t->try_.variable, TYPE_STRING);
	}
	sema_infer_stmt(i, t->try_.handler);
}

/* An exhaustive switch over the kinds of statements. */
void sema_infer_stmt(struct sema_infer *i, struct stmt *t)
{
	if (!t)
		return;
	switch (t->kind) {
	case STMT_EMPTY:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_NEXT:
	case STMT_EMBEDDED:
		return;
	case STMT_EXPR:
		sema_infer_unused(i, t->expr);
		return;
	case STMT_BLOCK:
		vec_each(s, &t->block.list)
			sema_infer_stmt(i, *s);
		return;
	case STMT_IF:
		sema_infer_expr(i, t->if_.condition, TYPE_LONG);
		sema_infer_stmt(i, t->if_.yes);
		sema_infer_stmt(i, t->if_.no);
		return;
	case STMT_WHILE:
	case STMT_FOR:
		infer_loop(i, t);
		return;
	case STMT_FOREACH:
		infer_foreach(i, t);
		return;
	case STMT_RETURN:
		infer_return(i, t);
		return;
	case STMT_DELETE:
		infer_delete(i, t->expr);
		return;
	case STMT_TRY:
		infer_catch(i, t);
		return;
	}
}
