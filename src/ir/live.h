/* SPDX-License-Identifier: Apache-2.0 */
/* Which registers are live at the start of each block. */
#ifndef SPILE_IR_LIVE_H
#define SPILE_IR_LIVE_H

#include "ir/ir.h"

/*
 * Most registers live within one block. Only the others ("wide" ones) get a
 * bit in the sets, so the sets stay small however long the function is.
 */
struct ir_live {
	uint32_t n_wide, words; /* words: u64 per set */
	uint32_t *wide; /* by register: bit number, or IR_NONE */
	uint64_t *in; /* by block: set of wide registers live at its start */
};

/* Requires that the function's shape is right: registers and blocks in range. */
void ir_live_compute(struct arena *a, const struct ir_function *f, struct ir_live *out);
/* Moves the set from behind the instruction to before it; behind a block's last one it is empty. */
void ir_live_step(const struct ir_live *l, struct ir_ins *ins, uint64_t *set);

static inline bool ir_live_has(const struct ir_live *l, const uint64_t *set, uint32_t r)
{
	uint32_t bit = l->wide[r];

	return bit != IR_NONE && set[bit / 64] >> (bit % 64) & 1;
}

#endif
