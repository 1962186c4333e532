/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types.  There are three: long, string, statistics.
 *
 * Types flow both ways: from operators and literals up to variables, and from
 * variables, parameters and results down into expressions.  All bodies are
 * walked until nothing new is learned; what is then unknown but needed is an
 * error.  A variable remembers where its type was learned, for messages.
 */
#include "sema/private.h"

/* ---- messages -------------------------------------------------------------------------- */

void sema_infer_mismatch(struct sema_infer *i, const struct expr *e, enum lang_type want,
			 enum lang_type found)
{
	i->failed = true;
	sema_error(i->sema, DIAG_TYPE_MISMATCH, e->token, "type mismatch: expected %s but found %s",
		   lang_type_name(want), lang_type_name(found));
}

/* Said in the last round only: before it, the type may still turn up. */
void sema_infer_unresolved(struct sema_infer *i, struct span token)
{
	if (!i->last)
		return;
	i->failed = true;
	sema_error(i->sema, DIAG_TYPE_UNRESOLVED, token, "unresolved type ");
}

/* ---- variables ------------------------------------------------------------------------- */

static void say_conflict(struct sema_infer *i, const struct expr *symbol, enum lang_type want)
{
	const struct lang_variable *v = symbol->symbol.variable;
	struct diag *d;

	i->failed = true;
	if (!v->type_span.source) {
		sema_infer_mismatch(i, symbol, want, v->type);
		return;
	}
	d = sema_error(i->sema, DIAG_TYPE_MISMATCH, symbol->token, "type mismatch (%s)",
		       lang_type_name(want));
	sema_note(i->sema, d, v->type_span, "type was first inferred here (%s)",
		  lang_type_name(v->type));
}

enum lang_type sema_infer_symbol(struct sema_infer *i, struct expr *symbol, enum lang_type want)
{
	struct lang_variable *v = symbol->symbol.variable;

	if (want == TYPE_STATS && v->kind != VARIABLE_GLOBAL) {
		i->failed = true;
		sema_error(i->sema, DIAG_STATISTIC, symbol->token,
			   "stat locals not supported, missing global declaration?");
	} else if (want != TYPE_UNKNOWN && v->type == TYPE_UNKNOWN) {
		v->type = want;
		v->type_span = symbol->token;
		i->changed = true;
	} else if (want != TYPE_UNKNOWN && v->type != want) {
		say_conflict(i, symbol, want);
	}
	return v->type;
}

bool sema_infer_arity(struct sema_infer *i, struct expr *symbol, int n)
{
	struct lang_variable *v = symbol->symbol.variable;
	struct diag *d;

	if (v->kind == VARIABLE_GLOBAL && v->arity < 0) {
		v->arity = n;
		v->arity_span = symbol->token;
		v->key_types = arena_array(i->sema->arena, enum lang_type, n);
		i->changed = true;
	}
	if (v->arity == n)
		return true;
	i->failed = true;
	d = sema_error(i->sema, DIAG_ARITY, symbol->token, "inconsistent arity (%d vs %d)",
		       v->arity, n);
	if (v->arity_span.source)
		sema_note(i->sema, d, v->arity_span, "arity %d first inferred here", v->arity);
	return false;
}

void sema_infer_scalar(struct sema_infer *i, struct expr *symbol)
{
	sema_infer_arity(i, symbol, 0);
}

static void say_key_conflict(struct sema_infer *i, const struct expr *key, uint32_t n,
			     enum lang_type was)
{
	i->failed = true;
	sema_error(i->sema, DIAG_TYPE_MISMATCH, key->token,
		   "index %u type mismatch (%s), type of index %u was inferred as %s", n,
		   lang_type_name(key->type), n, lang_type_name(was));
}

static void infer_key(struct sema_infer *i, struct expr *key, enum lang_type *type, uint32_t n)
{
	sema_infer_expr(i, key, TYPE_UNKNOWN);
	if (key->type == TYPE_UNKNOWN) {
		sema_infer_expr(i, key, *type);
	} else if (*type == TYPE_UNKNOWN) {
		*type = key->type;
		i->changed = true;
	} else if (*type != key->type) {
		say_key_conflict(i, key, n, *type);
	}
}

/* Keys that are `*` tell nothing. */
void sema_infer_keys(struct sema_infer *i, struct expr *array, struct expr_list *keys)
{
	struct lang_variable *v = array->symbol.variable;

	if (!sema_infer_arity(i, array, (int)keys->list.n))
		return;
	for (uint32_t k = 0; k < keys->list.n; k++)
		if (keys->list.p[k])
			infer_key(i, keys->list.p[k], &v->key_types[k], k);
}

/* ---- rounds ---------------------------------------------------------------------------- */

/* What declarations say themselves. */
static void infer_globals(struct sema *s)
{
	vec_each(v, &s->program->globals) {
		if ((*v)->init && (*v)->type == TYPE_UNKNOWN)
			(*v)->type = (*v)->init->kind == EXPR_STRING ? TYPE_STRING : TYPE_LONG;
		if ((*v)->init)
			(*v)->arity = 0;
	}
}

static void round_of(struct sema_infer *i)
{
	struct sema_program *p = i->sema->program;

	vec_each(probe, &p->probes) {
		i->function = NULL;
		i->place = (*probe)->place;
		sema_infer_stmt(i, (*probe)->body);
		if ((*probe)->condition)
			sema_infer_expr(i, (*probe)->condition, TYPE_LONG);
	}
	for (uint32_t f = 0; f < p->functions.n; f++) {
		i->function = p->functions.p[f];
		i->place = i->function->place;
		sema_infer_stmt(i, i->function->body);
	}
}

/* A name with a declared size that is never used as an array. */
static void check_arities(struct sema_infer *i)
{
	vec_each(v, &i->sema->program->globals) {
		if ((*v)->arity < 0)
			(*v)->arity = 0;
		if ((*v)->arity || (!(*v)->size && !(*v)->wraps))
			continue;
		i->failed = true;
		sema_error(i->sema, DIAG_ARITY, (*v)->span, "inconsistent arity");
	}
}

static void check_variable(struct sema_infer *i, const struct lang_variable *v)
{
	if (v->type == TYPE_UNKNOWN)
		sema_infer_unresolved(i, v->span);
	for (int k = 0; k < v->arity; k++)
		if (v->key_types[k] == TYPE_UNKNOWN)
			sema_infer_unresolved(i, v->span);
}

static void check_variables(struct sema_infer *i)
{
	struct sema_program *p = i->sema->program;

	vec_each(v, &p->globals)
		check_variable(i, *v);
	vec_each(probe, &p->probes)
		vec_each(v, &(*probe)->locals)
			check_variable(i, *v);
	vec_each(f, &p->functions) {
		for (uint32_t k = 0; k < (*f)->n_parameters; k++)
			check_variable(i, (*f)->parameters[k]);
		vec_each(v, &(*f)->locals)
			check_variable(i, *v);
	}
}

bool sema_types_infer(struct sema *s)
{
	struct sema_infer i = { .sema = s, .changed = true };

	infer_globals(s);
	while (i.changed && !i.failed) {
		i.changed = false;
		round_of(&i);
	}
	return !i.failed;
}

bool sema_types_demand(struct sema *s)
{
	struct sema_infer i = { .sema = s };

	check_arities(&i);
	if (!i.failed) {
		i.last = true;
		round_of(&i);
	}
	if (!i.failed)
		check_variables(&i);
	return !i.failed;
}
