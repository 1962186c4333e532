/* SPDX-License-Identifier: Apache-2.0 */
/* Random modules that verify and end: there are budgets in every loop and function. */
#ifndef TEST_GEN_RANDOM_IR_H
#define TEST_GEN_RANDOM_IR_H

#include "ir/ir.h"

struct random_options {
	uint64_t seed;
	bool target; /* the handler runs at sites, else in the tool */
	bool small; /* no calls, no loops: likely to be inlined */
};
/* One handler, the last function, with one probe; RANDOM_SITES sites: at an entry, in the middle, at a return. */
#define RANDOM_SITES 3u
struct ir_module *random_module(struct arena *a, const struct random_options *o);
/* `probe ... { c++ }`: one sharded counter, the same probe and sites. */
struct ir_module *counter_module(struct arena *a);

#endif
