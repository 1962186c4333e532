/* SPDX-License-Identifier: Apache-2.0 */
/* The passes of ir_optimize. Each works on one verified function and keeps it verified. */
#ifndef SPILE_IR_PASSES_H
#define SPILE_IR_PASSES_H

#include "ir/ir.h"

/* Computes what is constant, and reads the origin of copies. */
void ir_pass_fold(struct arena *scratch, struct ir_function *f);
/* Threads jumps, merges blocks, removes unreachable ones, marks cold ones; keeps their order. */
void ir_pass_flow(struct arena *scratch, struct arena *a, struct ir_function *f);
/* Removes computations whose result nobody reads. */
void ir_pass_dead(struct arena *scratch, struct ir_function *f);

#endif
