/* SPDX-License-Identifier: Apache-2.0 */
/* process.function("name") and .function(ADDRESS) by ELF symbols: sites at first instructions. */
#include <string.h>

#include "probe/process.h"

/* How many names are kept for "similar functions". */
#define NEAR_LIMIT 100000u

struct function_search {
	struct process_query *query;
	const struct process_module *module;
	const char *suffix; /* ".call", ".exported", ".return", "" */
	bool exported_only, at_return;
	bool any;
	uint64_t last; /* address of the site before */
};

static const char *suffix_of(const struct process_query *q)
{
	const struct point_component *last = &q->point->components.p[q->point->components.n - 1];

	return last == &q->point->components.p[q->tail] ? "" :
	       arena_printf(q->resolver->arena, ".%s", last->name);
}

static void site_add(struct function_search *s, uint64_t start, uint64_t end, const char *name,
		     const char *argument)
{
	struct arena *a = s->query->resolver->arena;
	struct sema_site *site = process_site_add(
		s->query, s->module, start,
		arena_printf(a, ".function(%s)%s", argument, s->suffix));

	site->function_start = end > start ? start : 0;
	site->function_end = end > start ? end : 0;
	site->function = name;
	site->flags = s->at_return ? SITE_RETURN : SITE_ENTRY;
}

/* What compilers split off a function: it is jumped to, in the middle of a call. */
static bool is_part(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return cold && (!cold[5] || cold[5] == '.');
}

/* Symbols come by address: of several names at one place the first is probed. */
static bool function_hook(void *user, const struct elf_symbol *symbol)
{
	struct function_search *s = user;
	uint64_t start = symbol->address, end = start + symbol->size;
	const char *name;

	if (s->exported_only && !symbol->is_global)
		return true;
	if (s->at_return && is_part(symbol->name))
		return true;
	if (s->any && s->last == symbol->address)
		return true;
	s->any = true;
	s->last = symbol->address;
	if (!symbol->size &&
	    (!elf_function_at(s->module->file, symbol->address, &name, &start, &end) ||
	     start != symbol->address))
		start = end = symbol->address;
	site_add(s, symbol->address, end, symbol->name,
		 lang_quote(s->query->resolver->arena, symbol->name,
			    (uint32_t)strlen(symbol->name)));
	return true;
}

static bool near_hook(void *user, const struct elf_symbol *symbol)
{
	struct process_query *q = user;

	vec_push(q->resolver->arena, &q->near, symbol->name);
	return q->near.n < NEAR_LIMIT;
}

static bool by_name(struct function_search *s, const char *pattern)
{
	struct process_query *q = s->query;

	if (strchr(pattern, '@') || strstr(pattern, "::")) {
		process_error(
			q, DIAG_UNSUPPORTED, q->point->components.p[q->tail].span,
			"function patterns with source files or C++ scopes need debug information, "
			"which is not read in this version");
		return false;
	}
	elf_each_function(s->module->file, pattern, function_hook, s);
	q->wanted = (struct process_wanted){ pattern, "function", "functions" };
	if (!q->sites.n && !q->resolver->quiet && !base_has_glob(pattern))
		elf_each_function(s->module->file, "*", near_hook, q);
	return true;
}

/* The function that holds the address; the listing keeps the script's number. */
static void by_address(struct function_search *s, int64_t address)
{
	struct arena *a = s->query->resolver->arena;
	uint64_t start, end;
	const char *name;

	if (elf_function_at(s->module->file, (uint64_t)address, &name, &start, &end))
		site_add(s, start, end, name, arena_printf(a, "0x%llx", (long long)address));
}

bool process_function_resolve(struct process_query *q, const struct process_module *m)
{
	const struct expr *argument = q->point->components.p[q->tail].argument;
	struct function_search s = { .query = q, .module = m, .suffix = suffix_of(q) };

	s.exported_only = strcmp(s.suffix, ".exported") == 0;
	s.at_return = strcmp(s.suffix, ".return") == 0;
	q->at_return = s.at_return;
	if (argument->kind == EXPR_STRING)
		return by_name(&s, argument->string.text);
	by_address(&s, argument->number.value);
	return true;
}
