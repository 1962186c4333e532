/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dropping what has no effect, as SystemTap does before it looks at types: a
 * script is charged only for what can be seen, and a probe without effect is
 * not placed.  Dropping one thing may make another useless, so it goes on
 * until nothing changes.
 */
#include "sema/private.h"

#include <stdlib.h>
#include <string.h>

struct elide {
	struct lang_walker walker;
	struct sema *sema;
	bool changed;
	bool typed; /* mistakes in what control never reaches have been found */
};

static bool simplify(struct elide *l, struct stmt **t);

/* ---- assignments to what nobody reads -------------------------------------------------- */

static bool is_dead(const struct expr *e)
{
	return e->kind == EXPR_SYMBOL && e->symbol.variable &&
	       e->symbol.variable->kind != VARIABLE_GLOBAL && !e->symbol.variable->is_read;
}

static bool drop_assignment(struct lang_walker *w, struct expr **e)
{
	struct elide *l = w->user;

	while ((*e)->kind == EXPR_ASSIGN && (*e)->assign.op == OP_ASSIGN &&
	       is_dead((*e)->assign.left)) {
		sema_warn(l->sema, DIAG_WARN_ELIDED, (*e)->token, "Eliding assignment to '%s'",
			  (*e)->assign.left->symbol.name);
		*e = (*e)->assign.right;
		l->changed = true;
	}
	return true;
}

/* ---- statements without effect --------------------------------------------------------- */

static void make_empty(struct elide *l, struct stmt **t)
{
	if ((*t)->kind == STMT_EMPTY)
		return;
	*t = lang_stmt_new(l->sema->arena, STMT_EMPTY, (*t)->span);
	l->changed = true;
}

static void simplify_expr(struct elide *l, struct stmt **t)
{
	if (sema_expr_has_effects((*t)->expr))
		return;
	/* a literal may be what is left of an assignment that was told of */
	if (((*t)->expr->kind != EXPR_NUMBER && (*t)->expr->kind != EXPR_STRING) ||
	    (*t)->expr->span.offset == (*t)->span.offset)
		sema_warn(l->sema, DIAG_WARN_ELIDED, (*t)->expr->token,
			  "Eliding side-effect-free expression ");
	make_empty(l, t);
}

static bool is_quiet(const struct expr *e)
{
	return !e || !sema_expr_has_effects(e);
}

/* Control does not go on behind it. */
static bool is_leaving(const struct stmt *t)
{
	if (t->kind == STMT_BLOCK)
		return t->block.list.n && is_leaving(t->block.list.p[t->block.list.n - 1]);
	return t->kind == STMT_NEXT || t->kind == STMT_RETURN || t->kind == STMT_BREAK ||
	       t->kind == STMT_CONTINUE;
}

static void simplify_block(struct elide *l, struct stmt **t)
{
	bool left = false;
	uint32_t n = 0;

	vec_each(i, &(*t)->block.list) {
		l->changed |= left;
		if (left || simplify(l, i))
			continue;
		(*t)->block.list.p[n++] = *i;
		left = l->typed && is_leaving(*i);
	}
	(*t)->block.list.n = n;
	if (!n)
		make_empty(l, t);
}

static void simplify_if(struct elide *l, struct stmt **t)
{
	struct stmt *s = *t;
	bool no_yes = simplify(l, &s->if_.yes), no_no = !s->if_.no || simplify(l, &s->if_.no);

	if (no_no)
		s->if_.no = NULL;
	if (!no_yes || !no_no)
		return;
	if (is_quiet(s->if_.condition)) {
		make_empty(l, t);
		return;
	}
	*t = lang_stmt_new(l->sema->arena, STMT_EXPR, s->span);
	(*t)->expr = s->if_.condition;
	l->changed = true;
}

static bool is_never(const struct expr *condition)
{
	int64_t v;

	return condition && sema_is_number(condition, &v) && !v;
}

static void simplify_loop(struct elide *l, struct stmt **t)
{
	struct stmt *s = *t;

	if (l->typed && is_never(s->loop.condition)) {
		make_empty(l, t);
		if (!s->loop.init)
			return;
		*t = lang_stmt_new(l->sema->arena, STMT_EXPR, s->span);
		(*t)->expr = s->loop.init;
		return;
	}
	if (simplify(l, &s->loop.body) && is_quiet(s->loop.init) && is_quiet(s->loop.condition) &&
	    is_quiet(s->loop.step))
		make_empty(l, t);
}

static void simplify_foreach(struct elide *l, struct stmt **t)
{
	struct stmt *s = *t;
	bool quiet = is_quiet(s->foreach.limit);
	int64_t limit;

	if (l->typed && s->foreach.limit && !s->foreach.sort && sema_is_number(s->foreach.limit, &limit) &&
	    limit <= 0) {
		make_empty(l, t);
		return;
	}
	vec_each(k, &s->foreach.keys.list)
		quiet &= (*k)->symbol.variable->kind != VARIABLE_GLOBAL;
	vec_each(k, &s->foreach.slice.list)
		quiet &= is_quiet(*k);
	/* a sort that lasts is an effect of its own */
	if (simplify(l, &s->foreach.body) && quiet && !s->foreach.sort)
		make_empty(l, t);
}

/* A statement that leaves and cannot fail, alone. */
static bool only_leaves(const struct stmt *t)
{
	if (t->kind == STMT_BLOCK)
		return t->block.list.n == 1 && only_leaves(t->block.list.p[0]);
	return t->kind == STMT_NEXT || t->kind == STMT_BREAK || t->kind == STMT_CONTINUE;
}

static void simplify_try(struct elide *l, struct stmt **t)
{
	bool empty = simplify(l, &(*t)->try_.body);

	simplify(l, &(*t)->try_.handler);
	if (empty) {
		make_empty(l, t);
	} else if (l->typed && only_leaves((*t)->try_.body)) {
		*t = (*t)->try_.body;
		l->changed = true;
	}
}

/* True if nothing is left of it. An exhaustive switch over the kinds of statements. */
static bool simplify(struct elide *l, struct stmt **t)
{
	switch ((*t)->kind) {
	case STMT_EXPR:
		simplify_expr(l, t);
		break;
	case STMT_BLOCK:
		simplify_block(l, t);
		break;
	case STMT_IF:
		simplify_if(l, t);
		break;
	case STMT_WHILE:
	case STMT_FOR:
		simplify_loop(l, t);
		break;
	case STMT_FOREACH:
		simplify_foreach(l, t);
		break;
	case STMT_TRY:
		simplify_try(l, t);
		break;
	case STMT_EMPTY:
	case STMT_RETURN:
	case STMT_DELETE:
	case STMT_BREAK:
	case STMT_CONTINUE:
	case STMT_NEXT:
	case STMT_EMBEDDED:
		break;
	}
	return (*t)->kind == STMT_EMPTY;
}

static void elide_body(struct elide *l, struct stmt **body)
{
	lang_walk_stmt(&l->walker, body);
	simplify(l, body);
}

/* ---- probes ---------------------------------------------------------------------------- */

static void drop_probes(struct sema *s)
{
	uint32_t n = 0;

	vec_each(p, &s->program->probes) {
		if ((*p)->body->kind == STMT_EMPTY && !(*p)->point->declares)
			sema_warn(s, DIAG_WARN_ELIDED, (*p)->span, "Probe '%s' has been elided",
				  (*p)->name);
		else
			s->program->probes.p[n++] = *p;
	}
	s->program->probes.n = n;
}

/* Written variables of the user's that may have been meant: globals, and the locals beside v. */
static const char *similar_variable(struct sema *s, const struct lang_variable *v, struct lang_variable *const *locals,
				    uint32_t n)
{
	VEC(const char *) names = { 0 };

	vec_each(g, &s->program->globals)
		if (*g != v && !sema_is_library(s, (*g)->span))
			vec_push(s->arena, &names, (*g)->name);
	for (uint32_t i = 0; i < n; i++)
		if (locals[i] != v && locals[i]->is_written)
			vec_push(s->arena, &names, locals[i]->name);
	return sema_similar(s->arena, v->name, names.p, names.n);
}

static void warn_if_never_assigned(struct sema *s, const struct lang_variable *v, struct lang_variable *const *locals,
				   uint32_t n)
{
	if (v->is_read && !v->is_written && !v->init)
		sema_warn(s, DIAG_WARN_NEVER_ASSIGNED, v->span, "never-assigned %s variable '%s'%s",
			  v->kind == VARIABLE_GLOBAL ? "global" : "local", v->name, similar_variable(s, v, locals, n));
}

void sema_warn_never_assigned(struct sema *s)
{
	sema_uses_compute(s);
	sema_reach(s);
	vec_each(v, &s->program->globals)
		warn_if_never_assigned(s, *v, NULL, 0);
	vec_each(p, &s->program->probes)
		vec_each(v, &(*p)->locals)
			warn_if_never_assigned(s, *v, (*p)->locals.p, (*p)->locals.n);
	vec_each(f, &s->program->functions)
		vec_each(v, &(*f)->locals)
			warn_if_never_assigned(s, *v, (*f)->locals.p, (*f)->locals.n);
}

void sema_elide(struct sema *s, bool typed)
{
	struct elide l = { .sema = s, .changed = true, .typed = typed };

	l.walker = (struct lang_walker){ .user = &l, .expr = drop_assignment };
	while (l.changed) {
		l.changed = false;
		sema_effects_compute(s);
		sema_uses_compute(s);
		vec_each(p, &s->program->probes)
			elide_body(&l, &(*p)->body);
		vec_each(f, &s->program->functions)
			elide_body(&l, &(*f)->body);
	}
	drop_probes(s);
}

/* ---- what is left ---------------------------------------------------------------------- */

struct reach {
	struct lang_walker walker;
	struct sema *sema;
	struct map *functions, *globals, *locals;
};

static void reach_variable(struct reach *r, struct lang_variable *v)
{
	struct map *seen = v->kind == VARIABLE_GLOBAL ? r->globals : r->locals;

	if (map_find_u64(seen, (uintptr_t)v))
		return;
	map_put_u64(seen, (uintptr_t)v, v);
	if (v->kind == VARIABLE_GLOBAL)
		vec_push(r->sema->arena, &r->sema->program->globals, v);
}

static void reach_function(struct reach *r, struct sema_function *f)
{
	for (; f; f = f->next_overload) {
		if (map_find_u64(r->functions, (uintptr_t)f))
			return;
		map_put_u64(r->functions, (uintptr_t)f, f);
		vec_push(r->sema->arena, &r->sema->program->functions, f);
	}
}

static bool reach_expr(struct lang_walker *w, struct expr **e)
{
	struct reach *r = w->user;

	if ((*e)->kind == EXPR_SYMBOL && (*e)->symbol.variable)
		reach_variable(r, (*e)->symbol.variable);
	else if ((*e)->kind == EXPR_CALL)
		reach_function(r, (*e)->call.function);
	return true;
}

/* Locals that elision left without a use need no place. */
static uint32_t keep_locals(struct reach *r, struct lang_variable **p, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!map_find_u64(r->locals, (uintptr_t)p[i]))
			continue;
		p[i]->index = kept;
		p[kept++] = p[i];
	}
	return kept;
}

/* The user's first, then in order of the text. */
static int compare_globals(const void *a, const void *b)
{
	const struct lang_variable *x = *(struct lang_variable *const *)a,
				   *y = *(struct lang_variable *const *)b;

	if (x->file->source->is_library != y->file->source->is_library)
		return x->file->source->is_library ? 1 : -1;
	if (x->span.source != y->span.source)
		return x->span.source < y->span.source ? -1 : 1;
	return x->span.offset < y->span.offset ? -1 : x->span.offset > y->span.offset;
}

static void number_all(struct sema_program *p)
{
	if (p->globals.n)
		qsort(p->globals.p, p->globals.n, sizeof *p->globals.p, compare_globals);
	for (uint32_t i = 0; i < p->globals.n; i++)
		p->globals.p[i]->index = i;
	for (uint32_t i = 0; i < p->functions.n; i++)
		p->functions.p[i]->index = i;
	for (uint32_t i = 0; i < p->probes.n; i++)
		p->probes.p[i]->index = i;
}

void sema_reach(struct sema *s)
{
	struct reach r = { .sema = s };
	struct sema_program *p = s->program;

	r.functions = map_create(s->arena);
	r.globals = map_create(s->arena);
	r.locals = map_create(s->arena);
	r.walker = (struct lang_walker){ .user = &r, .expr = reach_expr };
	p->functions.p = NULL;
	p->functions.n = p->functions.cap = 0;
	p->globals.n = 0;
	vec_each(probe, &p->probes) {
		lang_walk_stmt(&r.walker, &(*probe)->body);
		lang_walk_expr(&r.walker, &(*probe)->condition);
		(*probe)->locals.n = keep_locals(&r, (*probe)->locals.p, (*probe)->locals.n);
	}
	for (uint32_t i = 0; i < p->functions.n; i++) {
		struct sema_function *f = p->functions.p[i];

		lang_walk_stmt(&r.walker, &f->body);
		f->locals.n = keep_locals(&r, f->locals.p, f->locals.n);
	}
	number_all(p);
}
