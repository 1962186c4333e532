/* SPDX-License-Identifier: Apache-2.0 */
/* What code does beyond computing a value, and which variables it reads and writes. */
#include "sema/private.h"

/* ---- effects --------------------------------------------------------------------------- */

struct effects {
	struct lang_walker walker;
	bool locals_count; /* writing a local is an effect */
	bool found;
};

static bool is_effect_on(const struct effects *f, const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	if (e->kind != EXPR_SYMBOL || !e->symbol.variable)
		return e->kind != EXPR_NUMBER && e->kind != EXPR_STRING;
	return f->locals_count || e->symbol.variable->kind == VARIABLE_GLOBAL;
}

static bool call_has_effects(const struct expr *e)
{
	if (e->call.builtin)
		return !(e->call.builtin->flags & BUILTIN_PURE);
	for (const struct sema_function *f = e->call.function; f; f = f->next_overload)
		if (f->has_effects)
			return true;
	return false;
}

static bool effects_expr(struct lang_walker *w, struct expr **e)
{
	struct effects *f = w->user;

	if ((*e)->kind == EXPR_ASSIGN)
		f->found |= is_effect_on(f, (*e)->assign.left);
	else if ((*e)->kind == EXPR_STEP)
		f->found |= is_effect_on(f, (*e)->step.operand);
	else if ((*e)->kind == EXPR_CALL)
		f->found |= call_has_effects(*e);
	else if ((*e)->kind == EXPR_PRINT)
		f->found |= !(*e)->print.to_string;
	else if ((*e)->kind == EXPR_REGEX)
		f->found |= (*e)->regex.is_asked;
	else if ((*e)->kind == EXPR_EMBEDDED)
		f->found = true;
	return !f->found;
}

static bool effects_stmt(struct lang_walker *w, struct stmt **t)
{
	struct effects *f = w->user;

	if ((*t)->kind == STMT_DELETE)
		f->found |= is_effect_on(f, (*t)->expr);
	else if ((*t)->kind == STMT_EMBEDDED)
		f->found = true;
	else if ((*t)->kind == STMT_TRY && (*t)->try_.variable)
		f->found |= is_effect_on(f, (*t)->try_.variable);
	if ((*t)->kind != STMT_FOREACH)
		return !f->found;
	vec_each(k, &(*t)->foreach.keys.list)
		f->found |= is_effect_on(f, *k);
	if ((*t)->foreach.value)
		f->found |= is_effect_on(f, (*t)->foreach.value);
	return !f->found;
}

static void effects_init(struct effects *f, bool locals_count)
{
	*f = (struct effects){ .locals_count = locals_count };
	f->walker = (struct lang_walker){ .user = f, .expr = effects_expr, .stmt = effects_stmt };
}

bool sema_expr_has_effects(const struct expr *e)
{
	struct expr *copy = (struct expr *)e;
	struct effects f;

	effects_init(&f, true);
	lang_walk_expr(&f.walker, &copy);
	return f.found;
}

/* An empty function of the library means something elsewhere: calling it is no mistake. */
static bool is_placeholder(const struct sema_function *f)
{
	const struct function_decl *d = f->decl;

	return d && d->body && d->file->source->is_library && d->body->kind == STMT_BLOCK && !d->body->block.list.n;
}

static bool body_has_effects(struct sema_function *f)
{
	struct effects e;

	if (is_placeholder(f))
		return true;
	effects_init(&e, false);
	lang_walk_stmt(&e.walker, &f->body);
	return e.found;
}

/* The least fixpoint: recursion alone is no effect. Backwards, since callers mostly stand before whom they call. */
void sema_effects_compute(struct sema *s)
{
	bool changed = true;

	vec_each(f, &s->program->functions)
		(*f)->has_effects = false;
	while (changed) {
		changed = false;
		for (uint32_t i = s->program->functions.n; i-- > 0;) {
			struct sema_function *f = s->program->functions.p[i];

			if (!f->has_effects && body_has_effects(f))
				f->has_effects = changed = true;
		}
	}
}

/* ---- uses ------------------------------------------------------------------------------ */

static void use_expr(const struct expr *e, bool used);
static void use_stmt(const struct stmt *t);

static void use_list(const struct expr_list *l)
{
	vec_each(e, &l->list)
		if (*e)
			use_expr(*e, true);
}

/* A name or element in a place where it is read, written or both. */
static void use_place(const struct expr *e, bool read, bool write)
{
	if (e->kind == EXPR_INDEX) {
		use_list(&e->index.keys);
		e = e->index.base;
	}
	if (e->kind != EXPR_SYMBOL) {
		use_expr(e, true);
		return;
	}
	if (!e->symbol.variable)
		return;
	e->symbol.variable->is_read |= read;
	e->symbol.variable->is_written |= write;
}

static bool is_local_place(const struct expr *e)
{
	return e->kind == EXPR_SYMBOL && e->symbol.variable &&
	       e->symbol.variable->kind != VARIABLE_GLOBAL;
}

/* A local that is added to needs the type, and the value, that its assignments give it. */
static bool is_read_by(const struct expr *assign, bool used)
{
	if (assign->assign.op == OP_ASSIGN || assign->assign.op == OP_AGGREGATE)
		return false;
	return used || is_local_place(assign->assign.left);
}

static void use_call(const struct expr *e)
{
	const struct sema_embedded *c = e->call.builtin ? e->call.builtin->embedded : NULL;

	use_list(&e->call.args);
	if (c)
		vec_each(g, &c->globals)
			g->variable->is_written |= g->write;
}

/* An exhaustive switch over the kinds of expressions. used: somebody wants the value. */
static void use_expr(const struct expr *e, bool used)
{
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_EMBEDDED:
		return;
	case EXPR_SYMBOL:
	case EXPR_INDEX:
		use_place(e, true, false);
		return;
	case EXPR_UNARY:
		use_expr(e->unary.operand, true);
		return;
	case EXPR_BINARY:
		use_expr(e->binary.left, true);
		use_expr(e->binary.right, true);
		return;
	case EXPR_TERNARY:
		use_expr(e->ternary.condition, true);
		use_expr(e->ternary.yes, used);
		use_expr(e->ternary.no, used);
		return;
	case EXPR_ASSIGN:
		use_place(e->assign.left, is_read_by(e, used), true);
		use_expr(e->assign.right, true);
		return;
	case EXPR_STEP:
		use_place(e->step.operand, used || is_local_place(e->step.operand), true);
		return;
	case EXPR_IN:
		use_list(&e->in.keys);
		use_place(e->in.array, true, false);
		return;
	case EXPR_REGEX:
		use_expr(e->regex.subject, true);
		return;
	case EXPR_CALL:
		use_call(e);
		return;
	case EXPR_PRINT:
		use_list(&e->print.args);
		return;
	case EXPR_STAT:
		use_place(e->stat.of, true, false);
		return;
	case EXPR_HIST:
		use_place(e->hist.of, true, false);
		return;
	case EXPR_TARGET:
		for (uint32_t i = 0; i < e->target.n_components; i++)
			if (e->target.components[i].index)
				use_expr(e->target.components[i].index, true);
		return;
	case EXPR_OPERATOR:
		use_list(&e->op.args);
		return;
	}
}

static void use_foreach(const struct stmt *t)
{
	vec_each(k, &t->foreach.keys.list)
		use_place(*k, false, true);
	if (t->foreach.value)
		use_place(t->foreach.value, false, true);
	use_place(t->foreach.array, true, false);
	use_list(&t->foreach.slice);
	if (t->foreach.limit)
		use_expr(t->foreach.limit, true);
	use_stmt(t->foreach.body);
}

static void use_loop(const struct stmt *t)
{
	if (t->loop.init)
		use_expr(t->loop.init, false);
	if (t->loop.condition)
		use_expr(t->loop.condition, true);
	if (t->loop.step)
		use_expr(t->loop.step, false);
	use_stmt(t->loop.body);
}

/* An exhaustive switch over the kinds of statements. */
static void use_stmt(const struct stmt *t)
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
		use_expr(t->expr, false);
		return;
	case STMT_RETURN:
		if (t->expr)
			use_expr(t->expr, true);
		return;
	case STMT_DELETE:
		/* needs the type that assignments tell; and what is deleted is not for the end's display */
		use_place(t->expr, true, true);
		return;
	case STMT_BLOCK:
		vec_each(i, &t->block.list)
			use_stmt(*i);
		return;
	case STMT_IF:
		use_expr(t->if_.condition, true);
		use_stmt(t->if_.yes);
		use_stmt(t->if_.no);
		return;
	case STMT_WHILE:
	case STMT_FOR:
		use_loop(t);
		return;
	case STMT_FOREACH:
		use_foreach(t);
		return;
	case STMT_TRY:
		use_stmt(t->try_.body);
		/* a local needs the type of its assignments, which may contradict the message's */
		if (t->try_.variable)
			use_place(t->try_.variable, is_local_place(t->try_.variable), true);
		use_stmt(t->try_.handler);
		return;
	}
}

static bool forget(struct lang_walker *w, struct expr **e)
{
	(void)w;
	if ((*e)->kind == EXPR_SYMBOL && (*e)->symbol.variable)
		(*e)->symbol.variable->is_read = (*e)->symbol.variable->is_written = false;
	return true;
}

void sema_uses_compute(struct sema *s)
{
	struct lang_walker w = { .expr = forget };

	vec_each(p, &s->program->probes) {
		lang_walk_stmt(&w, &(*p)->body);
		lang_walk_expr(&w, &(*p)->condition);
	}
	vec_each(f, &s->program->functions)
		lang_walk_stmt(&w, &(*f)->body);
	vec_each(p, &s->program->probes) {
		use_stmt((*p)->body);
		if ((*p)->condition)
			use_expr((*p)->condition, true);
	}
	vec_each(f, &s->program->functions)
		use_stmt((*f)->body);
}
