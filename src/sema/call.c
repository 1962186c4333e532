/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function a call means, and the functions that calls pull in.
 *
 * Functions of one name and arity form a chain by priority.  The head is
 * called; the rest matters when a body says `next`.
 */
#include "sema/cycles.h"
#include "sema/private.h"

#include <string.h>

/* ---- instances ------------------------------------------------------------------------- */

static struct lang_variable *parameter_new(struct sema *s, const struct lang_variable *of,
					   uint32_t index)
{
	struct lang_variable *v = arena_dup(s->arena, of, sizeof *v);

	v->kind = VARIABLE_PARAMETER;
	v->index = index;
	v->arity = 0;
	return v;
}


static struct sema_function *function_new(struct sema *s, struct function_decl *d)
{
	struct sema_function *f = arena_new(s->arena, struct sema_function);

	f->name = d->name;
	f->span = d->span;
	f->decl = d;
	f->type = d->type;
	f->n_parameters = d->parameters.n;
	f->parameters = arena_array(s->arena, struct lang_variable *, d->parameters.n);
	for (uint32_t i = 0; i < d->parameters.n; i++)
		f->parameters[i] = parameter_new(s, d->parameters.p[i], i);
	f->body = d->body ? lang_clone_stmt(s->arena, d->body) : sema_embedded_body(s, f);
	return f;
}

/* The twin of d for this probe, or the one that serves all. */
static struct sema_function *instance_get(struct sema *s, struct function_decl *d,
					  struct sema_probe *probe)
{
	static const struct sema_place nowhere;
	struct sema_probe *of = sema_function_is_contextual(s, d) ? probe : NULL;
	const char *key = arena_printf(s->arena, "%p %p", (void *)d, (void *)of);
	struct sema_function *f = map_find(s->instances, key);
	struct sema_place *place;

	if (f)
		return f;
	place = arena_dup(s->arena, of && s->place ? s->place : &nowhere, sizeof *place);
	f = function_new(s, d);
	f->place = place;
	map_put(s->instances, key, f);
	vec_push(s->arena, &s->program->functions, f);
	sema_library_use(s, d->file);
	place->sema = s;
	place->entries = NULL;
	sema_parameters_bind(f);
	sema_targets_resolve(place, &f->body, d->file);
	sema_names_bind(s, &f->body, d->file, of);
	sema_function_locals_bind(s, f);
	return f;
}

/* ---- chains ---------------------------------------------------------------------------- */

static bool find_next(struct lang_walker *w, struct stmt **t)
{
	if ((*t)->kind == STMT_NEXT)
		*(bool *)w->user = true;
	return true;
}

static bool says_next(const struct sema_function *f)
{
	struct stmt *body = f->body;
	bool found = sema_embedded_says_next(f->decl);
	struct lang_walker w = { .user = &found, .stmt = find_next };

	lang_walk_stmt(&w, &body);
	return found;
}

/* ---- native functions at the end of a chain ---------------------------------------------- */

static struct expr *native_call(struct sema *s, const struct function_decl *d, const struct sema_builtin *b)
{
	struct expr *call = lang_expr_new(s->arena, EXPR_CALL, d->span);

	call->call.name = d->name;
	call->call.builtin = b;
	vec_each(p, &d->parameters) {
		struct expr *arg = lang_expr_new(s->arena, EXPR_SYMBOL, d->span);

		arg->symbol.name = (*p)->name;
		vec_push(s->arena, &call->call.args.list, arg);
	}
	return call;
}

/* function f(p0, p1) { return f(p0, p1) }, the inner f being the native one. */
static struct function_decl *native_decl(struct sema *s, const struct sema_builtin *b, const struct function_decl *user)
{
	struct function_decl *d = map_find_u64(s->natives, (uintptr_t)b);

	if (d)
		return d;
	d = arena_new(s->arena, struct function_decl);
	*d = (struct function_decl){ .name = user->name, .span = user->span, .type = b->type, .priority = -1,
				     .file = user->file };
	for (uint32_t i = 0; i < b->n_parameters; i++) {
		struct lang_variable *v = arena_new(s->arena, struct lang_variable);

		v->name = arena_printf(s->arena, "p%u", i);
		v->span = user->span;
		v->type = b->parameters[i];
		vec_push(s->arena, &d->parameters, v);
	}
	d->body = lang_stmt_new(s->arena, b->type == TYPE_UNKNOWN ? STMT_EXPR : STMT_RETURN, d->span);
	d->body->expr = native_call(s, d, b);
	map_put_u64(s->natives, (uintptr_t)b, d);
	return d;
}

static struct sema_function *chain_get(struct sema *s, const sema_function_decls *l,
				       struct sema_probe *probe)
{
	struct sema_function *head = instance_get(s, l->p[0], probe), *f = head;
	const struct sema_builtin *b;

	for (uint32_t i = 1; i < l->n; i++) {
		if (l->p[i]->file->source->is_library && !says_next(f))
			break;
		f->next_overload = instance_get(s, l->p[i], probe);
		f = f->next_overload;
	}
	b = sema_builtin_find(head->name, head->n_parameters);
	if (b && says_next(f) && !l->p[0]->file->source->is_library)
		f->next_overload = instance_get(s, native_decl(s, b, l->p[l->n - 1]), probe);
	return head;
}

void sema_chains_cut(struct sema *s)
{
	vec_each(f, &s->program->functions)
		if ((*f)->decl->body && !says_next(*f))
			(*f)->next_overload = NULL;
}

/* ---- calls ----------------------------------------------------------------------------- */

static int builtin_arity(const char *name)
{
	const struct sema_builtin *b;

	for (uint32_t i = 0; (b = sema_builtin_at(i)) != NULL; i++)
		if (strcmp(b->name, name) == 0)
			return b->n_parameters;
	return -1;
}

static void say_unresolved(struct sema *s, const struct expr *call, const struct lang_file *file)
{
	const struct function_decl *d = sema_index_any_function(s, call->call.name, file);
	int arity = d ? (int)d->parameters.n : builtin_arity(call->call.name);
	struct diag *diag;

	if (arity < 0) {
		sema_error(s, DIAG_FUNCTION_UNKNOWN, call->token, "unresolved function %s%s",
			   call->call.name, sema_index_similar_function(s, call->call.name));
		return;
	}
	diag = sema_error(s, DIAG_ARITY, call->token,
			  "arity mismatch found (function '%s' takes %d args)", call->call.name,
			  arity);
	if (d)
		sema_note(s, diag, d->span, "declared here");
}

void sema_call_resolve(struct sema *s, struct expr *call, const struct lang_file *file,
		       struct sema_probe *probe)
{
	uint32_t n = call->call.args.list.n;
	sema_function_decls l;

	if (call->call.function || call->call.builtin)
		return;
	l = sema_index_functions(s, call->call.name, n, file);
	if (l.n)
		call->call.function = chain_get(s, &l, probe);
	else
		call->call.builtin = sema_builtin_find(call->call.name, n);
	if (call->call.builtin && call->call.builtin->flags & BUILTIN_GURU && !s->options->guru)
		sema_error(s, DIAG_GURU, call->token,
			   "function may not be used unless -g is specified");
	if (!call->call.function && !call->call.builtin)
		say_unresolved(s, call, file);
}

/* ---- recursion ------------------------------------------------------------------------- */

/* Who calls whom, as numbers of the program's functions. */
struct call_graph {
	struct lang_walker walker;
	struct arena *arena;
	struct map *numbers; /* of functions, from 1 */
	VEC(uint32_t) edges;
};

static bool note_call(struct lang_walker *w, struct expr **e)
{
	struct call_graph *g = w->user;
	uintptr_t number;

	if ((*e)->kind != EXPR_CALL)
		return true;
	for (struct sema_function *f = (*e)->call.function; f; f = f->next_overload) {
		number = (uintptr_t)map_find_u64(g->numbers, (uintptr_t)f);
		if (number)
			vec_push(g->arena, &g->edges, (uint32_t)number - 1);
	}
	return true;
}

void sema_recursion_find(struct sema *s)
{
	struct arena *a = arena_create();
	struct call_graph g = { .arena = a, .numbers = map_create(a) };
	uint32_t n = s->program->functions.n, *first = arena_array(a, uint32_t, n + 1);
	struct sema_function **functions = s->program->functions.p;
	bool *in_cycle = arena_array(a, bool, n);

	g.walker = (struct lang_walker){ .user = &g, .expr = note_call };
	for (uint32_t i = 0; i < n; i++)
		map_put_u64(g.numbers, (uintptr_t)functions[i], (void *)(uintptr_t)(i + 1));
	for (uint32_t i = 0; i < n; i++) {
		first[i] = g.edges.n;
		lang_walk_stmt(&g.walker, &functions[i]->body);
	}
	first[n] = g.edges.n;
	sema_cycles_find(a, &(struct sema_graph){ n, first, g.edges.p }, in_cycle);
	for (uint32_t i = 0; i < n; i++)
		functions[i]->is_recursive = in_cycle[i];
	arena_destroy(a);
}
