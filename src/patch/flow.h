/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: where control can come to in the code around a site.
 *
 * Direct branches, jump tables that are recognised, and the entries that the request
 * names (landing pads of exceptions, say) are targets. What cannot be seen may exist
 * all the same: see patch_flow_is_hidden().
 */
#ifndef SPILE_PATCH_FLOW_H
#define SPILE_PATCH_FLOW_H

#include "patch/patch.h"

enum flow {
	FLOW_NONE, /* no target that is known */
	FLOW_POSSIBLE, /* bytes look like a branch, but may be something else */
	FLOW_CERTAIN, /* an instruction, a table or the request says so */
};

/* The code of one function as far as it was looked at; kept from site to site. */
struct patch_flow;
struct patch_flow *patch_flow_create(struct arena *a);
/* Looks there for what was decoded before; see patch_flow_cache_create() in patch.h. */
void patch_flow_use_cache(struct patch_flow *f, struct patch_flow_cache *c);
/* Forgets the function it knows: its code has changed. */
void patch_flow_reset(struct patch_flow *f);

/*
 * Targets in [to->start, to->end), those of instructions inside `own` not counted.
 * *first: the lowest, for FLOW_CERTAIN.
 */
enum flow patch_flow_into(struct patch_flow *f, const struct patch_request *r,
			  const struct patch_range *to, const struct patch_range *own,
			  uint64_t *first);
/* Branches that cannot be seen may exist: indirect ones, or code outside the view. */
bool patch_flow_is_hidden(struct patch_flow *f, const struct patch_request *r);
/*
 * Whether all instructions of the request's function are known; then patch_flow_boundary()
 * gives the first instruction at or behind an address (the function's end: none), and
 * patch_flow_is_target() tells of one address.
 */
bool patch_flow_decode(struct patch_flow *f, const struct patch_request *r);
uint64_t patch_flow_boundary(const struct patch_flow *f, uint64_t address);
bool patch_flow_is_target(const struct patch_flow *f, uint64_t address);

#endif
