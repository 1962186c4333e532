/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: from IR to a bundle.
 *
 * It lays out globals, shards, frames, literals and formats, allocates machine
 * registers (linear scan) and emits x86-64 (gen/x86_64.c).  Registers in full
 * form: r14 the slot, r15 the frame, rsp the slot's stack; the rest is free.
 *
 *	struct bundle *b = gen_bundle(arena, module, program, &limits);
 */
#ifndef SPILE_GEN_H
#define SPILE_GEN_H

#include "bundle/bundle.h"
#include "ir/ir.h"

struct gen_limits {
	uint32_t max_string, max_map_entries, max_nesting;
	int64_t max_action;
	uint32_t max_errors, max_skipped;
	int32_t hist_width, hist_elision; /* bars at most so long; rows of zeroes kept beside others, negative: all */
	uint32_t max_backtrace; /* frames */
	bool want_listing;
	bool no_inline; /* tests: full form only */
	const struct bundle_embedded *embedded; /* what CALLs of embedded C find; or NULL */
};
struct bundle *gen_bundle(struct arena *a, const struct ir_module *m, const struct gen_limits *l);

#endif
