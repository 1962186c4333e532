/* SPDX-License-Identifier: Apache-2.0 */
/* How deep the functions of a module call each other. */
#include "ir/ir.h"

#define RECURSION 10u /* what a recursive script may add */

struct nesting {
	const struct ir_module *module;
	uint32_t *depth; /* by function: calls below it, + 1; 0 not yet known */
	bool *open; /* on the way from a handler to here */
	bool recursive;
};

static uint32_t depth_of(struct nesting *n, uint32_t function);

/* The way down through a call of `function`, if it is longer than `deepest`. */
static uint32_t deeper(struct nesting *n, uint32_t function, uint32_t deepest)
{
	uint32_t depth;

	if (n->open[function]) {
		n->recursive = true;
		return deepest;
	}
	depth = 1 + depth_of(n, function);
	return base_max(depth, deepest);
}

static uint32_t depth_of(struct nesting *n, uint32_t function)
{
	const struct ir_function *f = n->module->functions.p[function];
	uint32_t deepest = 0;

	if (n->depth[function])
		return n->depth[function] - 1;
	n->open[function] = true;
	vec_each(block, &f->blocks)
		vec_each(ins, &block->ins)
			if (ins->op == IR_CALLF)
				deepest = deeper(n, (uint32_t)ins->i, deepest);
	n->open[function] = false;
	n->depth[function] = deepest + 1;
	return deepest;
}

uint32_t ir_nesting(const struct ir_module *m)
{
	struct arena *scratch = arena_create();
	struct nesting n = { .module = m };
	uint32_t deepest = 0;

	n.depth = arena_array(scratch, uint32_t, m->functions.n);
	n.open = arena_array(scratch, bool, m->functions.n);
	for (uint32_t i = 0; i < m->functions.n; i++)
		if (m->functions.p[i]->is_handler) {
			uint32_t below = depth_of(&n, i);

			deepest = base_max(deepest, below);
		}
	arena_destroy(scratch);
	return deepest + (n.recursive ? RECURSION : 0);
}
