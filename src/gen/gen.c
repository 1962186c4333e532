/* SPDX-License-Identifier: Apache-2.0 */
/* The order of work: facts, layout, constants, code; each needs what the one before it decided. */
#include "gen/gen.h"

#include <string.h>

#include "gen/private.h"
#include "gen/x86_64_code.h"

#define STACK_LEAST ((uint64_t)64 << 10)
#define STACK_RESERVE ((uint64_t)32 << 10) /* for the runtime and a signal's frame */

static bool calls(const struct ir_module *m, const char *name)
{
	vec_each(f, &m->functions)
		vec_each(b, &(*f)->blocks)
			vec_each(ins, &b->ins)
				if (ins->op == IR_CALL && strcmp(ins->name, name) == 0)
					return true;
	return false;
}

static void take_limits(struct bundle *b, const struct ir_module *m, const struct gen_limits *l)
{
	b->max_string = l->max_string;
	b->max_map_entries = l->max_map_entries;
	b->max_nesting = l->max_nesting;
	b->max_action = l->max_action;
	b->max_errors = l->max_errors;
	b->max_skipped = l->max_skipped;
	b->hist_width = l->hist_width;
	b->hist_elision = l->hist_elision;
	b->max_backtrace = l->max_backtrace;
	b->reads_memory = m->reads_memory;
	b->keeps_texts = calls(m, "rt_text_keep");
	vec_each(p, &m->positions)
		vec_push(b->arena, &b->positions, arena_strdup(b->arena, *p));
}

static void size_stack(struct gen *g)
{
	uint64_t deepest = 1, need;

	for (uint32_t i = 0; i < g->m->functions.n; i++)
		deepest = base_max(deepest, g->facts[i].path_calls);
	deepest = base_min(deepest, (uint64_t)g->limits->max_nesting + 1);
	need = deepest * g->max_stack + STACK_RESERVE;
	g->b->stack_size = base_align(base_max(need, STACK_LEAST), (uint64_t)ABI_PAGE);
}

static void take_code(struct gen *g)
{
	g->b->code = g->code->p;
	g->b->code_size = g->code->n;
	g->b->relocs.p = g->code->relocs.p;
	g->b->relocs.n = g->code->relocs.n;
	g->b->relocs.cap = g->code->relocs.cap;
}

struct bundle *gen_bundle(struct arena *a, const struct ir_module *m, const struct gen_limits *l)
{
	struct gen g = {
		.arena = a, .m = m, .limits = l, .b = bundle_create(a), .code = code_create(a)
	};

	take_limits(g.b, m, l);
	gen_facts(&g);
	gen_layout(&g);
	gen_constants(&g);
	gen_emit(&g);
	take_code(&g);
	size_stack(&g);
	if (l->want_listing)
		gen_listing(&g);
	return g.b;
}
