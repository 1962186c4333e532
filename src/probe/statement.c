/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.statement("function@file:lines") and .nearest: the first instruction of each line, in
 * each function that has it; without lines the functions' first instructions.
 */
#include <stdlib.h>
#include <string.h>

#include "probe/function.h"

struct named_code {
	struct elf_code code;
	const char *shown;
};

struct statement_search {
	struct function_search functions;
	struct function_pattern pattern;
	VEC(struct named_code) found;
	struct elf_code *codes; /* of found */
};

static bool code_hook(void *user, const struct elf_code *c)
{
	struct function_search *s = user;
	struct statement_search *t = s->user;

	vec_push(s->query->resolver->arena, &t->found, (struct named_code){ *c, s->shown });
	return true;
}

/* Functions before copies: of two lines with one address the function's is told. */
static int compare_codes(const void *a, const void *b)
{
	const struct elf_code *x = &((const struct named_code *)a)->code,
			      *y = &((const struct named_code *)b)->code;

	if (x->function->is_inlined != y->function->is_inlined)
		return x->function->is_inlined ? 1 : -1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static void codes_sort(struct statement_search *t)
{
	if (t->found.n)
		qsort(t->found.p, t->found.n, sizeof *t->found.p, compare_codes);
	t->codes = arena_array(t->functions.query->resolver->arena, struct elf_code, t->found.n);
	for (uint32_t i = 0; i < t->found.n; i++)
		t->codes[i] = t->found.p[i].code;
}

static bool file_matches(void *user, const char *path)
{
	const struct statement_search *t = user;

	return process_pattern_file(t->pattern.file, path);
}

static bool line_hook(void *user, const struct elf_code *in, uint64_t address, uint32_t line)
{
	struct statement_search *t = user;
	struct function_search *s = &t->functions;
	struct arena *a = s->query->resolver->arena;
	const char *name = t->found.p[in - t->codes].shown;
	const char *place = process_place_text(a, name, in->function->file, line);
	struct sema_site *site = process_code_site(
		s, in, address, name, arena_printf(a, ".statement(%s)%s", place, s->suffix));

	process_site_shown(s, site, "statement", place);
	site->debug_entry = elf_code_block(s->module->file, in, address);
	if (!in->function->is_inlined && address == in->address)
		site->flags = SITE_ENTRY;
	return true;
}

/* A line without code is an error of its own: which lines have some. */
static bool lines_report(struct statement_search *t)
{
	const struct elf_line_spec *l = &t->pattern.lines;
	struct process_query *q = t->functions.query;
	const char *try = "";

	if (q->sites.n || !l->missing)
		return true;
	if (l->before && l->behind)
		try = arena_printf(q->resolver->arena, " (try :%u or :%u)", l->before, l->behind);
	else if (l->before || l->behind)
		try = arena_printf(q->resolver->arena, " (try :%u)", l->before + l->behind);
	process_error(q, DIAG_PROBE_TARGET, q->point->components.p[q->tail].span,
		      "no line records for %s:%u [man error::dwarf]%s", l->missing_file, l->missing,
		      try);
	return false;
}

static bool by_lines(struct statement_search *t)
{
	struct function_search *s = &t->functions;

	s->code_list = code_hook;
	s->user = t;
	s->by_debug = process_functions_find(s);
	t->pattern.lines.file_matches = file_matches;
	t->pattern.lines.user = t;
	t->pattern.lines.nearest = strcmp(s->suffix, ".nearest") == 0;
	codes_sort(t);
	elf_each_line(s->module->file, &t->pattern.lines, t->codes, t->found.n, line_hook, t);
	if (!t->found.n)
		process_functions_near(s);
	return lines_report(t);
}

bool process_statement_resolve(struct process_query *q, const struct process_module *m)
{
	bool nearest = q->point->components.n > q->tail + 1;
	struct statement_search t = { 0 };
	struct function_search *s = &t.functions;

	*s = (struct function_search){ .query = q, .module = m, .pattern = &t.pattern,
				       .component = "statement", .at_entry = true,
				       .suffix = nearest ? ".nearest" : "" };
	if (!process_pattern_parse(q, q->tail, &t.pattern))
		return false;
	if (t.pattern.has_lines)
		return by_lines(&t);
	s->by_debug = process_functions_find(s);
	process_symbols_find(s);
	process_functions_near(s);
	return true;
}
