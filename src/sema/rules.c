/* SPDX-License-Identifier: Apache-2.0 */
/* What types do not say: how statistics are read; arrays stand still while looped over. */
#include "sema/private.h"

#define SHIFT_MAX 62
#define LINEAR_BUCKETS_MAX 128 /* STP_MAX_BUCKETS */

static struct lang_variable *global_of(const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	if (e->kind != EXPR_SYMBOL || !e->symbol.variable ||
	    e->symbol.variable->kind != VARIABLE_GLOBAL)
		return NULL;
	return e->symbol.variable;
}

/* ---- statistics ------------------------------------------------------------------------ */

static void check_variance(struct sema *s, const struct expr *e, struct lang_variable *v)
{
	if (e->stat.shift < 0 || e->stat.shift > SHIFT_MAX)
		sema_error(s, DIAG_STATISTIC, e->token, "bit shift (%lld) out of range <0..%d>",
			   (long long)e->stat.shift, SHIFT_MAX);
	else if (v->variance_shift && e->stat.shift && v->variance_shift != e->stat.shift)
		sema_error(s, DIAG_STATISTIC, e->token,
			   "conflicting bit shifts declared (previously %lld)",
			   (long long)v->variance_shift);
	if (e->stat.shift)
		v->variance_shift = e->stat.shift;
}

static void check_stat(struct sema *s, const struct expr *e)
{
	struct lang_variable *v = global_of(e->stat.of);

	if (!v)
		return;
	if (e->stat.op == STAT_VARIANCE)
		check_variance(s, e, v);
	v->stat_ops |= 1u << e->stat.op;
}

static void check_linear(struct sema *s, const struct expr *e)
{
	int64_t low = e->hist.low, high = e->hist.high, step = e->hist.step;

	if (step <= 0)
		sema_error(s, DIAG_HISTOGRAM, e->token, "histogram step must be positive");
	else if (low >= high)
		sema_error(s, DIAG_HISTOGRAM, e->token,
			   "histogram low bound must be below its high bound");
	else if (((uint64_t)high - (uint64_t)low) / (uint64_t)step >= LINEAR_BUCKETS_MAX)
		sema_error(s, DIAG_HISTOGRAM, e->token, "histogram has more than %d buckets",
			   LINEAR_BUCKETS_MAX);
}

static bool same_hist(const struct lang_variable *v, const struct expr *e)
{
	if (v->hist != e->hist.hist)
		return false;
	return v->hist == HIST_LOG || (v->hist_low == e->hist.low && v->hist_high == e->hist.high &&
				       v->hist_step == e->hist.step);
}

static void check_hist(struct sema *s, const struct expr *e)
{
	struct lang_variable *v = global_of(e->hist.of);

	if (!v)
		return;
	if (e->hist.hist == HIST_LINEAR)
		check_linear(s, e);
	if (v->hist != HIST_NONE && !same_hist(v, e)) {
		sema_error(s, DIAG_HISTOGRAM, e->token, "multiple histogram types declared on '%s'",
			   v->name);
		return;
	}
	v->hist = e->hist.hist;
	v->hist_low = e->hist.low;
	v->hist_high = e->hist.high;
	v->hist_step = e->hist.step;
}

/* A histogram is printed alone, by print or println. */
static void check_print(struct sema *s, const struct expr *e)
{
	bool plain = e->print.print == PRINT_PRINT || e->print.print == PRINT_PRINTLN;

	vec_each(a, &e->print.args.list)
		if ((*a)->kind == EXPR_HIST && (!plain || e->print.args.list.n != 1))
			sema_error(s, DIAG_HISTOGRAM, (*a)->token,
				   "histogram must be the only argument of print or println");
}

/* ---- foreach --------------------------------------------------------------------------- */

struct still {
	struct lang_walker walker;
	struct sema *sema;
	const struct lang_variable *array;
	bool changed; /* in a function */
};

static bool is_change(const struct still *c, const struct expr *e)
{
	const struct expr *base = e->kind == EXPR_INDEX ? e->index.base : e;

	return global_of(e) == c->array && base->kind == EXPR_SYMBOL;
}

/* What an expression changes by itself, NULL if nothing. */
static const struct expr *target_of(const struct expr *e)
{
	if (e->kind == EXPR_ASSIGN)
		return e->assign.left;
	return e->kind == EXPR_STEP ? e->step.operand : NULL;
}

/* The same of a statement. Emptying the whole array is allowed. */
static const struct expr *deleted_of(const struct stmt *t)
{
	return t->kind == STMT_DELETE && t->expr->kind == EXPR_INDEX ? t->expr : NULL;
}

static bool called_expr(struct lang_walker *w, struct expr **e)
{
	struct still *c = w->user;

	if (target_of(*e))
		c->changed |= is_change(c, target_of(*e));
	return !c->changed;
}

static bool called_stmt(struct lang_walker *w, struct stmt **t)
{
	struct still *c = w->user;

	if (deleted_of(*t))
		c->changed |= is_change(c, deleted_of(*t));
	return !c->changed;
}

/* Looks into functions that the loop calls, not into those that these call, as SystemTap does. */
static void check_call(const struct still *c, const struct expr *call)
{
	struct still inner = { .array = c->array };

	inner.walker =
		(struct lang_walker){ .user = &inner, .expr = called_expr, .stmt = called_stmt };
	for (struct sema_function *f = call->call.function; f; f = f->next_overload)
		lang_walk_stmt(&inner.walker, &f->body);
	if (inner.changed)
		sema_error(c->sema, DIAG_FOREACH_MODIFIED, call->token,
			   "function call modifies var '%s' during 'foreach' iteration",
			   c->array->name);
}

static void check_target(const struct still *c, const struct expr *e)
{
	const struct expr *base = e->kind == EXPR_INDEX ? e->index.base : e;

	if (is_change(c, e))
		sema_error(c->sema, DIAG_FOREACH_MODIFIED, base->token,
			   "variable '%s' modified during 'foreach' iteration", c->array->name);
}

static bool still_expr(struct lang_walker *w, struct expr **e)
{
	if (target_of(*e))
		check_target(w->user, target_of(*e));
	else if ((*e)->kind == EXPR_CALL)
		check_call(w->user, *e);
	return true;
}

static bool still_stmt(struct lang_walker *w, struct stmt **t)
{
	if (deleted_of(*t))
		check_target(w->user, deleted_of(*t));
	return true;
}

static void check_foreach(struct sema *s, struct stmt *t)
{
	struct still c = { .sema = s, .array = global_of(t->foreach.array) };

	if (!c.array)
		return;
	c.walker = (struct lang_walker){ .user = &c, .expr = still_expr, .stmt = still_stmt };
	lang_walk_stmt(&c.walker, &t->foreach.body);
	lang_walk_expr(&c.walker, &t->foreach.limit);
	if (t->foreach.sort && c.array->type == TYPE_STATS && !t->foreach.sort_column) {
		enum stat_op op = t->foreach.sort_op == STAT_NONE ? STAT_COUNT : t->foreach.sort_op;

		t->foreach.sort_op = op;
		((struct lang_variable *)c.array)->stat_ops |= 1u << op;
	}
}

/* ---- loops ------------------------------------------------------------------------------ */

/* Breaks and continues of t that no loop in it encloses. */
static void check_jumps(struct sema *s, const struct stmt *t)
{
	bool is_break = t && t->kind == STMT_BREAK;

	if (!t)
		return;
	if (is_break || t->kind == STMT_CONTINUE) {
		sema_error(s, DIAG_CONTROL_FLOW, t->span, "cannot '%s' outside loop", is_break ? "break" : "continue");
	} else if (t->kind == STMT_BLOCK) {
		vec_each(inner, &t->block.list)
			check_jumps(s, *inner);
	} else if (t->kind == STMT_IF) {
		check_jumps(s, t->if_.yes);
		check_jumps(s, t->if_.no);
	} else if (t->kind == STMT_TRY) {
		check_jumps(s, t->try_.body);
		check_jumps(s, t->try_.handler);
	}
}

/* ---- files ------------------------------------------------------------------------------ */

/* A reader gets one answer; what is written may go to many. */
static void check_files(struct sema *s)
{
	struct map *answered = map_create(s->arena);

	vec_each(p, &s->program->probes) {
		const struct sema_point *point = (*p)->point;

		if (point->event != EVENT_READ)
			continue;
		if (map_find(answered, point->path))
			sema_error_named(s, DIAG_PROCFS, (*p)->span, "identifier 'procfs'",
					 "only one read procfs probe can exist for procfs path \"%s\"",
					 point->path);
		map_put(answered, point->path, *p);
	}
}

/* ---- the walk -------------------------------------------------------------------------- */

static bool rule_expr(struct lang_walker *w, struct expr **e)
{
	if ((*e)->kind == EXPR_STAT)
		check_stat(w->user, *e);
	else if ((*e)->kind == EXPR_HIST)
		check_hist(w->user, *e);
	else if ((*e)->kind == EXPR_PRINT)
		check_print(w->user, *e);
	return true;
}

static bool rule_stmt(struct lang_walker *w, struct stmt **t)
{
	if ((*t)->kind == STMT_FOREACH)
		check_foreach(w->user, *t);
	return true;
}

void sema_rules_check(struct sema *s)
{
	struct lang_walker w = { .user = s, .expr = rule_expr, .stmt = rule_stmt };

	vec_each(p, &s->program->probes) {
		lang_walk_stmt(&w, &(*p)->body);
		check_jumps(s, (*p)->body);
	}
	vec_each(f, &s->program->functions) {
		lang_walk_stmt(&w, &(*f)->body);
		check_jumps(s, (*f)->body);
	}
	check_files(s);
}
