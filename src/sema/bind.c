/* SPDX-License-Identifier: Apache-2.0 */
/* Which variable a name means: a parameter, a global that the file sees, else a local. */
#include "sema/private.h"

#include <string.h>

/* ---- globals and calls ----------------------------------------------------------------- */

struct names {
	struct lang_walker walker;
	struct sema *sema;
	const struct lang_file *file;
	struct sema_probe *probe;
};

static void bind_global(struct sema *s, struct expr *e, const struct lang_file *file)
{
	struct lang_variable *v;

	if (e->symbol.variable)
		return;
	v = sema_index_global(s, e->symbol.name, file);
	if (!v)
		return;
	e->symbol.variable = v;
	sema_library_use(s, v->file);
}

static bool bind_name(struct lang_walker *w, struct expr **e)
{
	struct names *n = w->user;

	if ((*e)->kind == EXPR_SYMBOL)
		bind_global(n->sema, *e, n->file);
	else if ((*e)->kind == EXPR_STRING) /* a value ends at its first NUL; a format goes on */
		(*e)->string.length = (uint32_t)strnlen((*e)->string.text, (*e)->string.length);
	else if ((*e)->kind == EXPR_CALL)
		sema_call_resolve(n->sema, *e, n->file, n->probe);
	return true;
}

void sema_names_bind(struct sema *s, struct stmt **body, const struct lang_file *file,
		     struct sema_probe *probe)
{
	struct names n = { .sema = s, .file = file, .probe = probe };

	n.walker = (struct lang_walker){ .user = &n, .expr = bind_name };
	lang_walk_stmt(&n.walker, body);
}

/* ---- locals ---------------------------------------------------------------------------- */

typedef VEC(struct lang_variable *) variable_list;

struct locals {
	struct lang_walker walker;
	struct sema *sema;
	struct map *by_name; /* parameters too */
	variable_list made;
};

static bool is_global(const struct expr *e)
{
	return e->kind != EXPR_SYMBOL ||
	       (e->symbol.variable && e->symbol.variable->kind == VARIABLE_GLOBAL);
}

static void need_array(struct locals *l, const struct expr *e, uint32_t arity)
{
	if (!is_global(e))
		sema_error(l->sema, DIAG_ARRAY_LOCAL, e->token,
			   "unresolved arity-%u global array %s, missing global declaration?%s",
			   arity, e->symbol.name, sema_index_similar_global(l->sema, e->symbol.name));
}

static void need_statistic(struct locals *l, const struct expr *e)
{
	if (!is_global(e))
		sema_error(l->sema, DIAG_STATISTIC, e->token,
			   "stat locals not supported, missing global declaration?");
}

static void need_place(struct locals *l, const struct expr *left, struct span operator)
{
	if (left->kind != EXPR_SYMBOL && left->kind != EXPR_INDEX && left->kind != EXPR_TARGET &&
	    left->kind != EXPR_OPERATOR)
		sema_error(l->sema, DIAG_LVALUE, operator, "Expecting lvalue for assignment");
}

static void bind_local(struct locals *l, struct expr *e)
{
	struct lang_variable *v;

	if (e->symbol.variable)
		return;
	v = map_find(l->by_name, e->symbol.name);
	if (!v) {
		v = arena_new(l->sema->arena, struct lang_variable);
		v->kind = VARIABLE_LOCAL;
		v->name = e->symbol.name;
		v->span = e->token;
		v->index = l->made.n;
		map_put(l->by_name, v->name, v);
		vec_push(l->sema->arena, &l->made, v);
	}
	e->symbol.variable = v;
}

/* What may only be done to globals, checked before the name becomes a local. */
static bool local_expr(struct lang_walker *w, struct expr **e)
{
	struct locals *l = w->user;

	if ((*e)->kind == EXPR_ASSIGN && (*e)->assign.op == OP_AGGREGATE)
		need_statistic(l, (*e)->assign.left);
	if ((*e)->kind == EXPR_INDEX)
		need_array(l, (*e)->index.base, (*e)->index.keys.list.n);
	else if ((*e)->kind == EXPR_IN && (*e)->in.array->kind == EXPR_SYMBOL)
		need_array(l, (*e)->in.array, (*e)->in.keys.list.n);
	else if ((*e)->kind == EXPR_STAT)
		need_statistic(l, (*e)->stat.of);
	else if ((*e)->kind == EXPR_HIST)
		need_statistic(l, (*e)->hist.of);
	else if ((*e)->kind == EXPR_ASSIGN)
		need_place(l, (*e)->assign.left, (*e)->token);
	else if ((*e)->kind == EXPR_SYMBOL)
		bind_local(l, *e);
	return true;
}

static bool local_stmt(struct lang_walker *w, struct stmt **t)
{
	if ((*t)->kind == STMT_FOREACH)
		need_array(w->user, (*t)->foreach.array, (*t)->foreach.keys.list.n);
	return true;
}

static void locals_init(struct locals *l, struct sema *s)
{
	*l = (struct locals){ .sema = s };
	l->walker = (struct lang_walker){ .user = l, .expr = local_expr, .stmt = local_stmt };
	l->by_name = map_create(s->arena);
}

void sema_locals_bind(struct sema *s, struct sema_probe *p)
{
	struct locals l;

	locals_init(&l, s);
	lang_walk_stmt(&l.walker, &p->body);
	p->locals.p = l.made.p;
	p->locals.n = l.made.n;
	p->locals.cap = l.made.cap;
}

/* Parameters hide globals of their names. */
static bool bind_parameter(struct lang_walker *w, struct expr **e)
{
	const struct sema_function *f = w->user;

	if ((*e)->kind == EXPR_SYMBOL)
		for (uint32_t i = 0; i < f->n_parameters; i++)
			if (strcmp(f->parameters[i]->name, (*e)->symbol.name) == 0)
				(*e)->symbol.variable = f->parameters[i];
	return true;
}

void sema_parameters_bind(struct sema_function *f)
{
	struct lang_walker w = { .user = f, .expr = bind_parameter };

	if (f->n_parameters)
		lang_walk_stmt(&w, &f->body);
}

void sema_function_locals_bind(struct sema *s, struct sema_function *f)
{
	struct locals l;

	locals_init(&l, s);
	lang_walk_stmt(&l.walker, &f->body);
	f->locals.p = l.made.p;
	f->locals.n = l.made.n;
	f->locals.cap = l.made.cap;
}

/* ---- conditions ------------------------------------------------------------------------ */

struct condition {
	struct sema *sema;
	const struct lang_file *file;
};

/* They may only look at globals. */
static bool condition_expr(struct lang_walker *w, struct expr **e)
{
	struct condition *c = w->user;

	if ((*e)->kind == EXPR_CALL)
		sema_error(c->sema, DIAG_PROBE_CONDITION, (*e)->token,
			   "probe condition must not reference function");
	else if ((*e)->kind == EXPR_ASSIGN || (*e)->kind == EXPR_STEP)
		sema_error(c->sema, DIAG_PROBE_CONDITION, (*e)->token,
			   "probe condition must not modify any variables");
	else if ((*e)->kind == EXPR_TARGET || (*e)->kind == EXPR_OPERATOR)
		sema_error(c->sema, DIAG_PROBE_CONDITION, (*e)->token,
			   "probe condition must not reference target variable");
	else if ((*e)->kind == EXPR_PRINT && !(*e)->print.to_string)
		sema_error(c->sema, DIAG_PROBE_CONDITION, (*e)->token,
			   "probe condition must not print");
	if ((*e)->kind != EXPR_SYMBOL)
		return true;
	bind_global(c->sema, *e, c->file);
	if (!(*e)->symbol.variable)
		sema_error(c->sema, DIAG_PROBE_CONDITION, (*e)->token,
			   "probe condition must not reference undeclared global");
	return true;
}

void sema_condition_bind(struct sema *s, struct expr **e, const struct lang_file *file)
{
	struct condition c = { s, file };
	struct lang_walker w = { .user = &c, .expr = condition_expr };

	lang_walk_expr(&w, e);
}
