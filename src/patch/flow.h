/* SPDX-License-Identifier: Apache-2.0 */
/* flow: do branches of the surrounding code enter a patch? */
#ifndef SPILE_PATCH_FLOW_H
#define SPILE_PATCH_FLOW_H

#include "patch/patch.h"

enum flow {
	FLOW_NONE, /* no direct branch can */
	FLOW_POSSIBLE, /* bytes look like one, but may be something else */
	FLOW_CERTAIN, /* an instruction does */
};

/*
 * Direct branches into [from, to), those of the instructions in
 * [own_start, own_end) not counted. *first: the lowest target, for FLOW_CERTAIN.
 */
enum flow patch_flow_into(const struct patch_request *r, const struct patch_range *to,
		    const struct patch_range *own, uint64_t *first);
/* Branches that cannot be seen may exist: indirect ones, or code outside the view. */
bool patch_flow_is_hidden(const struct patch_request *r);

#endif
