/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the passes. Each is linear in the size of the function. */
#include "ir/passes.h"

void ir_optimize(struct ir_module *m)
{
	struct arena *scratch = arena_create();

	vec_each(f, &m->functions) {
		struct arena_mark mark = arena_mark(scratch);

		ir_pass_flow(scratch, m->arena, *f);
		ir_pass_fold(scratch, *f);
		ir_pass_flow(scratch, m->arena, *f);
		ir_pass_dead(scratch, *f);
		ir_pass_flow(scratch, m->arena, *f);
		ir_pass_dead(scratch, *f);
		arena_reset(scratch, mark);
	}
	arena_destroy(scratch);
}
