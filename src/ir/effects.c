/* SPDX-License-Identifier: Apache-2.0 */
/* Which probes and functions use which globals how, and how each global is shared. */
#include "ir/effects.h"

#include "abi/abi.h"

/* One walk over one body. `how` is dense and all zero between walks. */
struct scan {
	struct arena *arena;
	struct ir_effects *effects;
	struct ir_uses *uses;
	uint32_t *how, *place; /* by global; place: in uses->list, when how is not 0 */
};

static void scan_expr(struct scan *s, const struct expr *e, bool used);
static void scan_stmt(struct scan *s, const struct stmt *t);

static void note(struct scan *s, uint32_t global, uint32_t how)
{
	if (!s->how[global]) {
		s->place[global] = s->uses->list.n;
		vec_push(s->arena, &s->uses->list, (struct ir_use){ .global = global });
	}
	s->how[global] |= how;
	s->uses->list.p[s->place[global]].how = s->how[global];
}

static void scan_end(struct scan *s)
{
	vec_each(u, &s->uses->list)
		s->how[u->global] = 0;
}

static void scan_list(struct scan *s, const struct expr_list *l)
{
	vec_each(e, &l->list)
		if (*e)
			scan_expr(s, *e, true);
}

/* A name (or element) that is touched in way `how`. */
static void scan_place(struct scan *s, const struct expr *e, uint32_t how)
{
	const struct lang_variable *v;

	if (e->kind == EXPR_INDEX) {
		scan_list(s, &e->index.keys);
		e = e->index.base;
	}
	if (e->kind != EXPR_SYMBOL) {
		scan_expr(s, e, true);
		return;
	}
	v = e->symbol.variable;
	if (!v)
		return;
	if (v->kind == VARIABLE_GLOBAL)
		note(s, v->index, how);
	else if (v->kind == VARIABLE_PARAMETER && how & (USE_ADD | USE_WRITE))
		map_put_u64(s->effects->written, (uintptr_t)v, s);
}

static const struct lang_variable *statistic_of(const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	if (e->kind != EXPR_SYMBOL || !e->symbol.variable)
		return NULL;
	return e->symbol.variable->kind == VARIABLE_GLOBAL ? e->symbol.variable : NULL;
}

static void keep(struct scan *s, const struct expr *of, uint32_t bits)
{
	const struct lang_variable *v = statistic_of(of);

	if (v)
		s->effects->keep[v->index] |= bits;
}

static const uint32_t keep_for_op[] = {
	[STAT_COUNT] = ABI_KEEP_COUNT,
	[STAT_SUM] = ABI_KEEP_SUM,
	[STAT_MIN] = ABI_KEEP_MIN,
	[STAT_MAX] = ABI_KEEP_MAX,
	[STAT_AVG] = ABI_KEEP_COUNT | ABI_KEEP_SUM,
	[STAT_VARIANCE] = ABI_KEEP_VARIANCE,
	[STAT_NONE] = 0,
};

static const uint32_t keep_for_hist[] = {
	[HIST_NONE] = 0,
	[HIST_LOG] = ABI_KEEP_LOG,
	[HIST_LINEAR] = ABI_KEEP_LINEAR,
};

static void scan_assign(struct scan *s, const struct expr *e, bool used)
{
	enum lang_op op = e->assign.op;
	uint32_t how = USE_READ | USE_WRITE;

	if (op == OP_ASSIGN)
		how = USE_WRITE;
	else if (op == OP_AGGREGATE || (!used && (op == OP_ADD || op == OP_SUB)))
		how = USE_ADD;
	scan_place(s, e->assign.left, how);
	scan_expr(s, e->assign.right, true);
}

static void scan_call(struct scan *s, const struct expr *e)
{
	const struct sema_embedded *c = e->call.builtin ? e->call.builtin->embedded : NULL;

	scan_list(s, &e->call.args);
	if (e->call.builtin && e->call.builtin->flags & BUILTIN_MATCH)
		s->uses->asks_match = true;
	if (e->call.builtin && e->call.builtin->flags & BUILTIN_COUNTER)
		s->uses->asks_counters = true;
	for (uint32_t i = 0; c && i < c->globals.n; i++)
		scan_place(s, e->call.args.list.p[c->builtin.n_parameters + i],
			   c->globals.p[i].write ? USE_READ | USE_WRITE : USE_READ);
	for (const struct sema_function *f = e->call.function; f; f = f->next_overload)
		vec_push(s->arena, &s->uses->calls, f->index);
}

/* Exhaustive over the kinds of expressions. */
static void scan_expr(struct scan *s, const struct expr *e, bool used)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_TARGET:
	case EXPR_OPERATOR:
	case EXPR_EMBEDDED:
		return;
	case EXPR_SYMBOL:
	case EXPR_INDEX:
		scan_place(s, e, USE_READ);
		return;
	case EXPR_UNARY:
		scan_expr(s, e->unary.operand, true);
		return;
	case EXPR_BINARY:
		scan_expr(s, e->binary.left, true);
		scan_expr(s, e->binary.right, true);
		return;
	case EXPR_TERNARY:
		scan_expr(s, e->ternary.condition, true);
		scan_expr(s, e->ternary.yes, used);
		scan_expr(s, e->ternary.no, used);
		return;
	case EXPR_ASSIGN:
		scan_assign(s, e, used);
		return;
	case EXPR_STEP:
		scan_place(s, e->step.operand, used ? USE_READ | USE_WRITE : USE_ADD);
		return;
	case EXPR_IN:
		scan_list(s, &e->in.keys);
		scan_place(s, e->in.array, USE_READ);
		return;
	case EXPR_REGEX:
		scan_expr(s, e->regex.subject, true);
		return;
	case EXPR_CALL:
		scan_call(s, e);
		return;
	case EXPR_PRINT:
		scan_list(s, &e->print.args);
		return;
	case EXPR_STAT:
		keep(s, e->stat.of, keep_for_op[e->stat.op]);
		scan_place(s, e->stat.of, USE_READ);
		return;
	case EXPR_HIST:
		keep(s, e->hist.of, keep_for_hist[e->hist.hist]);
		scan_place(s, e->hist.of, USE_READ);
		return;
	}
}

static void scan_foreach(struct scan *s, const struct stmt *t)
{
	const struct expr *array = t->foreach.array;

	if (array->kind == EXPR_SYMBOL && t->foreach.sort)
		keep(s, array, keep_for_op[t->foreach.sort_op]);
	scan_place(s, array, t->foreach.sort ? USE_READ | USE_ORDER : USE_READ);
	vec_each(k, &t->foreach.keys.list)
		scan_place(s, *k, USE_WRITE);
	if (t->foreach.value)
		scan_place(s, t->foreach.value, USE_WRITE);
	scan_list(s, &t->foreach.slice);
	if (t->foreach.limit)
		scan_expr(s, t->foreach.limit, true);
	scan_stmt(s, t->foreach.body);
}

static void scan_loop(struct scan *s, const struct stmt *t)
{
	if (t->loop.init)
		scan_expr(s, t->loop.init, false);
	if (t->loop.condition)
		scan_expr(s, t->loop.condition, true);
	if (t->loop.step)
		scan_expr(s, t->loop.step, false);
	scan_stmt(s, t->loop.body);
}

static void scan_if(struct scan *s, const struct stmt *t)
{
	scan_expr(s, t->if_.condition, true);
	scan_stmt(s, t->if_.yes);
	scan_stmt(s, t->if_.no);
}

static void scan_try(struct scan *s, const struct stmt *t)
{
	scan_stmt(s, t->try_.body);
	scan_stmt(s, t->try_.handler);
	if (t->try_.variable)
		scan_place(s, t->try_.variable, USE_WRITE);
}

static void scan_stmt(struct scan *s, const struct stmt *t)
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
		scan_expr(s, t->expr, false);
		return;
	case STMT_BLOCK:
		vec_each(i, &t->block.list)
			scan_stmt(s, *i);
		return;
	case STMT_IF:
		scan_if(s, t);
		return;
	case STMT_WHILE:
	case STMT_FOR:
		scan_loop(s, t);
		return;
	case STMT_FOREACH:
		scan_foreach(s, t);
		return;
	case STMT_RETURN:
		if (t->expr)
			scan_expr(s, t->expr, true);
		return;
	case STMT_DELETE:
		scan_place(s, t->expr, USE_WRITE);
		return;
	case STMT_TRY:
		scan_try(s, t);
		return;
	}
}

/* Adds what the functions it calls use. */
static bool absorb(struct scan *s, struct ir_uses *u)
{
	uint32_t n = u->list.n;
	bool changed = false, asked = u->asks_match, counted = u->asks_counters;

	s->uses = u;
	vec_each(i, &u->list) {
		s->how[i->global] = i->how;
		s->place[i->global] = (uint32_t)(i - u->list.p);
	}
	vec_each(c, &u->calls) {
		u->asks_match |= s->effects->functions[*c].asks_match;
		u->asks_counters |= s->effects->functions[*c].asks_counters;
	}
	vec_each(c, &u->calls)
		vec_each(i, &s->effects->functions[*c].list) {
			struct ir_use use = *i; /* the list may be our own, and move */
			if (use.how & ~s->how[use.global])
				changed = true;
			note(s, use.global, use.how);
		}
	scan_end(s);
	return changed || u->list.n != n || asked != u->asks_match || counted != u->asks_counters;
}

static void scan_functions(struct scan *s, const struct sema_program *p)
{
	bool changed = true;

	for (uint32_t i = 0; i < p->functions.n; i++) {
		s->uses = &s->effects->functions[i];
		scan_stmt(s, p->functions.p[i]->body);
		scan_end(s);
	}
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < p->functions.n; i++)
			changed |= absorb(s, &s->effects->functions[i]);
	}
}

static void scan_probes(struct scan *s, const struct sema_program *p)
{
	for (uint32_t i = 0; i < p->probes.n; i++) {
		const struct sema_probe *probe = p->probes.p[i];

		if (probe->point->event == EVENT_NEVER)
			continue;
		s->uses = &s->effects->probes[i];
		scan_stmt(s, probe->body);
		if (probe->condition)
			scan_expr(s, probe->condition, true);
		scan_end(s);
		absorb(s, &s->effects->probes[i]);
	}
}

static void scan_conditions(struct scan *s, const struct sema_program *p)
{
	for (uint32_t i = 0; i < p->probes.n; i++) {
		const struct sema_probe *probe = p->probes.p[i];

		if (probe->point->event != EVENT_SITE || !probe->condition)
			continue;
		s->uses = &s->effects->conditions[i];
		scan_expr(s, probe->condition, true);
		scan_end(s);
		vec_each(u, &s->uses->list)
			s->effects->decides[u->global] = true;
	}
}

/* Run in the tool while targets run. */
static bool is_while_running(const struct sema_point *p)
{
	return p->event == EVENT_TIMER || p->event == EVENT_READ || p->event == EVENT_WRITE ||
	       p->event == EVENT_RECORD;
}

bool ir_probe_is_concurrent(const struct sema_probe *p)
{
	return p->point->context == CONTEXT_TARGET || is_while_running(p->point);
}

/*
 * target: uses at sites; timer: uses in timers and the like. Other handlers of the tool
 * run before the first hit or after the last.
 */
static void share(struct ir_effects *e, const struct lang_variable *v, uint32_t g, uint32_t target,
		  uint32_t timer)
{
	bool addable = v->type == TYPE_LONG || v->type == TYPE_STATS;

	if (!target)
		e->share[g] = ABI_SHARE_TOOL;
	else if (target == USE_ADD && addable && !v->wraps && !(timer & USE_WRITE))
		e->share[g] = ABI_SHARE_SHARDED;
	else
		e->share[g] = ABI_SHARE_LOCKED;
	e->needs_lock[g] = e->share[g] == ABI_SHARE_LOCKED &&
			   (target | timer) & (USE_ADD | USE_WRITE | USE_ORDER);
}

static void share_all(struct arena *a, struct ir_effects *e, const struct sema_program *p)
{
	uint32_t *target = arena_array(a, uint32_t, p->globals.n);
	uint32_t *timer = arena_array(a, uint32_t, p->globals.n);

	for (uint32_t i = 0; i < p->probes.n; i++) {
		const struct sema_point *point = p->probes.p[i]->point;

		vec_each(u, &e->probes[i].list) {
			if (point->context == CONTEXT_TARGET)
				target[u->global] |= u->how;
			else if (is_while_running(point))
				timer[u->global] |= u->how;
		}
	}
	for (uint32_t g = 0; g < p->globals.n; g++)
		share(e, p->globals.p[g], g, target[g], timer[g]);
}

/* An empty statistic is known by its count. */
static void keep_declared(struct ir_effects *e, const struct lang_variable *v, uint32_t g)
{
	if (v->type != TYPE_STATS)
		return;
	e->keep[g] |= ABI_KEEP_COUNT | keep_for_hist[v->hist];
	for (uint32_t op = 0; op < STAT_NONE; op++)
		if (v->stat_ops & 1u << op)
			e->keep[g] |= keep_for_op[op];
}

void ir_effects_compute(struct arena *a, const struct sema_program *p, struct ir_effects *out)
{
	uint32_t n = p->globals.n;
	struct scan s = { .arena = a, .effects = out };

	out->functions = arena_array(a, struct ir_uses, p->functions.n);
	out->probes = arena_array(a, struct ir_uses, p->probes.n);
	out->conditions = arena_array(a, struct ir_uses, p->probes.n);
	out->decides = arena_array(a, bool, n);
	out->share = arena_array(a, uint32_t, n);
	out->keep = arena_array(a, uint32_t, n);
	out->needs_lock = arena_array(a, bool, n);
	out->written = map_create(a);
	s.how = arena_array(a, uint32_t, n);
	s.place = arena_array(a, uint32_t, n);
	scan_functions(&s, p);
	scan_probes(&s, p);
	scan_conditions(&s, p);
	share_all(a, out, p);
	for (uint32_t g = 0; g < n; g++)
		keep_declared(out, p->globals.p[g], g);
}
