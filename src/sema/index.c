/* SPDX-License-Identifier: Apache-2.0 */
/* Every declaration by its name, so that the library costs nothing but what is used of it. */
#include "sema/private.h"

#include <string.h>

#define PRIORITY_LIBRARY 1

static struct sema_entry *entry_get(struct sema *s, const char *name)
{
	struct sema_entry *e = map_find(s->entries, name);

	if (!e) {
		e = arena_new(s->arena, struct sema_entry);
		map_put(s->entries, name, e);
	}
	return e;
}

static void check_alias_name(struct sema *s, const struct probe_point *name)
{
	vec_each(c, &name->components)
		if (c->has_argument)
			sema_error(s, DIAG_ALIAS, c->span, "alias component %s contains illegal parameter",
				   c->name);
}

static void add_aliases(struct sema *s, struct probe_decl *d)
{
	vec_each(name, &d->names) {
		if (!(*name)->components.n)
			continue;
		check_alias_name(s, *name);
		vec_push(s->arena, &s->aliases, (struct sema_alias){ d, *name });
		map_put(s->alias_heads, (*name)->components.p[0].name, s);
	}
}

/* In two user files one name is one variable; the library gives way to the user. */
static bool is_shared(const struct lang_variable *a, const struct lang_variable *b)
{
	return a->file != b->file && !a->is_private && !b->is_private &&
	       !a->file->source->is_library && !b->file->source->is_library;
}

static bool same_value(const struct expr *a, const struct expr *b)
{
	if (!a || !b || a->kind != b->kind)
		return a == b;
	if (a->kind == EXPR_NUMBER)
		return a->number.value == b->number.value;
	return a->string.length == b->string.length &&
	       memcmp(a->string.text, b->string.text, a->string.length) == 0;
}

/* Both declarations say the same of it, or one says more than a name. */
static void check_shared(struct sema *s, const struct lang_variable *first, const struct lang_variable *v)
{
	bool plain = !v->init && !v->size && !v->wraps;

	if (plain || (same_value(first->init, v->init) && first->size == v->size && first->wraps == v->wraps))
		return;
	sema_note(s, sema_error(s, DIAG_GLOBAL_CONFLICT, v->span, "conflicting global variables"), first->span,
		  "declared here first");
}

static void add_global(struct sema *s, struct lang_variable *v)
{
	struct sema_entry *e = entry_get(s, v->name);

	vec_each(other, &e->globals)
		if (is_shared(*other, v)) {
			check_shared(s, *other, v);
			break;
		}
	vec_push(s->arena, &e->globals, v);
}

void sema_index_add(struct sema *s, struct lang_file *f)
{
	vec_each(v, &f->globals) {
		(*v)->file = f;
		add_global(s, *v);
	}
	vec_each(d, &f->functions) {
		(*d)->file = f;
		vec_push(s->arena, &entry_get(s, (*d)->name)->functions, *d);
	}
	vec_each(d, &f->aliases) {
		(*d)->file = f;
		add_aliases(s, *d);
	}
	vec_each(d, &f->probes)
		(*d)->file = f;
}

/* ---- functions ------------------------------------------------------------------------- */

static bool is_visible(const struct function_decl *d, const struct lang_file *from)
{
	return !d->is_private || d->file == from;
}

static int64_t priority_of(const struct function_decl *d)
{
	if (d->priority >= 0)
		return d->priority;
	return d->file->source->is_library ? PRIORITY_LIBRARY : 0;
}

/* Stable: equal priorities stay in order of declaration. */
static void insert_by_priority(struct sema *s, sema_function_decls *l, struct function_decl *d)
{
	uint32_t i;

	vec_push(s->arena, l, d);
	for (i = l->n - 1; i && priority_of(l->p[i - 1]) > priority_of(d); i--)
		l->p[i] = l->p[i - 1];
	l->p[i] = d;
}

sema_function_decls sema_index_functions(struct sema *s, const char *name, uint32_t n_args,
					 const struct lang_file *from)
{
	struct sema_entry *e = map_find(s->entries, name);
	sema_function_decls found = { 0 };

	if (!e)
		return found;
	vec_each(d, &e->functions)
		if ((*d)->parameters.n == n_args && is_visible(*d, from))
			insert_by_priority(s, &found, *d);
	return found;
}

struct function_decl *sema_index_any_function(struct sema *s, const char *name,
					      const struct lang_file *from)
{
	struct sema_entry *e = map_find(s->entries, name);

	if (e)
		vec_each(d, &e->functions)
			if (is_visible(*d, from))
				return *d;
	return NULL;
}

const char *sema_index_similar_global(struct sema *s, const char *name)
{
	VEC(const char *) names = { 0 };
	const char *key;
	void *value;

	for (uint32_t it = 0; map_next(s->entries, &it, &key, &value);) {
		const struct sema_entry *e = value;

		if (e->globals.n && !e->globals.p[0]->file->source->is_library)
			vec_push(s->arena, &names, key);
	}
	return sema_similar(s->arena, name, names.p, names.n);
}

/* Printing is done by words of the grammar. */
static const char *const print_words[] = { "print",  "println",  "printd",  "printdln",  "printf", "print_char",
					   "sprint", "sprintln", "sprintd", "sprintdln", "sprintf" };

const char *sema_index_similar_function(struct sema *s, const char *name)
{
	VEC(const char *) names = { 0 };
	const struct sema_builtin *b;
	const char *key;
	void *value;

	for (uint32_t it = 0; map_next(s->entries, &it, &key, &value);)
		if (((struct sema_entry *)value)->functions.n && strncmp(key, "__", 2) != 0)
			vec_push(s->arena, &names, key);
	for (uint32_t i = 0; (b = sema_builtin_at(i)) != NULL; i++)
		if (strncmp(b->name, "__", 2) != 0)
			vec_push(s->arena, &names, b->name);
	for (size_t i = 0; i < base_count(print_words); i++)
		vec_push(s->arena, &names, print_words[i]);
	return sema_similar(s->arena, name, names.p, names.n);
}

/* ---- globals --------------------------------------------------------------------------- */

/* A private one of the same file comes first, then the user's, then the library's. */
struct lang_variable *sema_index_global(struct sema *s, const char *name,
					const struct lang_file *from)
{
	struct sema_entry *e = map_find(s->entries, name);
	struct lang_variable *found = NULL;

	if (e)
		vec_each(v, &e->globals) {
			if ((*v)->is_private && (*v)->file == from)
				return *v;
			if (!(*v)->is_private && !found)
				found = *v;
		}
	if (!found && sema_arguments_declare(s, name))
		return sema_index_global(s, name, from);
	return found;
}

void sema_library_use(struct sema *s, const struct lang_file *f)
{
	if (!f || !f->source->is_library || map_find_u64(s->files_used, (uintptr_t)f))
		return;
	map_put_u64(s->files_used, (uintptr_t)f, s);
	sema_embedded_add_file(s, f);
	vec_each(d, &f->probes)
		sema_points_expand(s, *d);
}
