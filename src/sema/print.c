/* SPDX-License-Identifier: Apache-2.0 */
/* Pass 2's output: types of globals and functions, probes with their locals. */
#include "sema/private.h"

#include <stdlib.h>
#include <string.h>

static void print_global(FILE *to, const struct lang_variable *v)
{
	fprintf(to, "%s%s", v->name, v->wraps ? "%" : "");
	if (v->size)
		fprintf(to, "[%lld]", (long long)v->size);
	fprintf(to, ":%s", lang_type_name(v->type));
	for (int k = 0; k < v->arity; k++)
		fprintf(to, "%s%s", k ? ", " : " [", lang_type_name(v->key_types[k]));
	fputs(v->arity > 0 ? "]\n" : "\n", to);
}

static int compare_locals(const void *a, const void *b)
{
	return strcmp((*(struct lang_variable *const *)a)->name,
		      (*(struct lang_variable *const *)b)->name);
}

static void print_locals(FILE *to, struct arena *a, struct lang_variable *const *locals, uint32_t n)
{
	struct lang_variable **sorted;

	if (!n)
		return;
	sorted = arena_dup(a, locals, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_locals);
	fputs("  # locals\n", to);
	for (uint32_t i = 0; i < n; i++)
		fprintf(to, "  %s:%s\n", sorted[i]->name, lang_type_name(sorted[i]->type));
}

static void print_function(FILE *to, struct arena *a, const struct sema_function *f)
{
	fprintf(to, "%s:%s (", f->name, lang_type_name(f->type));
	for (uint32_t i = 0; i < f->n_parameters; i++)
		fprintf(to, "%s%s:%s", i ? ", " : "", f->parameters[i]->name,
			lang_type_name(f->parameters[i]->type));
	fputs(")\n", to);
	print_locals(to, a, f->locals.p, f->locals.n);
}

static int compare_functions(const void *a, const void *b)
{
	const struct sema_function *x = *(struct sema_function *const *)a,
				   *y = *(struct sema_function *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* site NULL: the point is no place in a program. */
static void print_point(FILE *to, struct arena *a, const struct sema_probe *p, const char *point,
			const struct sema_site *site)
{
	struct buf condition;

	fprintf(to, "%s%s", point, p->mark ? p->mark : "");
	if (site)
		fprintf(to, " /* pc=0x%llx */", (unsigned long long)site->address);
	if (p->condition) {
		buf_init(&condition, a);
		lang_print_expr(&condition, p->condition);
		fprintf(to, " if (%s)", buf_str(&condition));
	}
	fprintf(to, " /* <- %s */\n", p->derivation ? p->derivation : p->name);
}

static void print_probe(FILE *to, struct arena *a, const struct sema_probe *p)
{
	vec_each(site, &p->sites)
		print_point(to, a, p, (*site)->point, *site);
	if (!p->sites.n)
		print_point(to, a, p, p->point->point, NULL);
	print_locals(to, a, p->locals.p, p->locals.n);
}

void sema_print_program(FILE *to, struct arena *a, const struct sema_program *p)
{
	struct sema_function **sorted;

	if (p->globals.n)
		fputs("# globals\n", to);
	vec_each(v, &p->globals)
		print_global(to, *v);
	if (p->functions.n) {
		fputs("# functions\n", to);
		sorted = arena_dup(a, p->functions.p, p->functions.n * sizeof *sorted);
		qsort(sorted, p->functions.n, sizeof *sorted, compare_functions);
		for (uint32_t i = 0; i < p->functions.n; i++)
			print_function(to, a, sorted[i]);
	}
	if (p->probes.n)
		fputs("# probes\n", to);
	vec_each(probe, &p->probes)
		if (!(*probe)->is_saver)
			print_probe(to, a, *probe);
}
