/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @probewrite(x) in the body of an alias: whether the probe, or an alias on the way
 * to it, writes x.  It is decided by the text alone, before anything is folded.
 */
#include "sema/private.h"

#include <string.h>

struct written {
	struct lang_walker walker;
	const char *name; /* of a variable, or with its $ */
	bool found;
};

static const char *name_of(const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	if (e->kind == EXPR_SYMBOL)
		return e->symbol.name;
	return e->kind == EXPR_TARGET ? e->target.name : "";
}

static void look_at(struct written *w, const struct expr *place)
{
	w->found |= place && strcmp(name_of(place), w->name) == 0;
}

static bool written_expr(struct lang_walker *walker, struct expr **e)
{
	struct written *w = walker->user;

	if ((*e)->kind == EXPR_ASSIGN)
		look_at(w, (*e)->assign.left);
	else if ((*e)->kind == EXPR_STEP)
		look_at(w, (*e)->step.operand);
	return !w->found;
}

static bool written_stmt(struct lang_walker *walker, struct stmt **t)
{
	struct written *w = walker->user;

	if ((*t)->kind == STMT_DELETE)
		look_at(w, (*t)->expr);
	else if ((*t)->kind == STMT_TRY)
		look_at(w, (*t)->try_.variable);
	if ((*t)->kind != STMT_FOREACH)
		return !w->found;
	look_at(w, (*t)->foreach.value);
	vec_each(key, &(*t)->foreach.keys.list)
		look_at(w, *key);
	return !w->found;
}

/* Whether the levels outside of l write `name`. */
static bool is_written(const struct sema_level *l, const char *name)
{
	struct written w = { .name = name };

	w.walker = (struct lang_walker){ .user = &w, .expr = written_expr, .stmt = written_stmt };
	for (l = l->outer; l && !w.found; l = l->outer) {
		if (l->decl->body)
			lang_walk_stmt(&w.walker, &l->decl->body);
		if (l->decl->epilogue)
			lang_walk_stmt(&w.walker, &l->decl->epilogue);
	}
	return w.found;
}

struct probewrite {
	struct lang_walker walker;
	struct sema *sema;
	const struct sema_level *level;
};

static bool resolve_one(struct lang_walker *walker, struct expr **e)
{
	struct probewrite *p = walker->user;
	struct expr *number;

	if ((*e)->kind != EXPR_OPERATOR || strcmp((*e)->op.name, "@probewrite") != 0)
		return true;
	number = lang_expr_new(p->sema->arena, EXPR_NUMBER, (*e)->span);
	number->token = (*e)->token;
	number->type = TYPE_LONG;
	number->number.value = is_written(p->level, name_of((*e)->op.args.list.p[0]));
	*e = number;
	return false;
}

void sema_probewrite_resolve(struct sema *s, struct stmt **body, const struct sema_level *l)
{
	struct probewrite p = { .sema = s, .level = l };

	if (!l->decl->is_alias)
		return;
	p.walker = (struct lang_walker){ .user = &p, .expr = resolve_one };
	lang_walk_stmt(&p.walker, body);
}
