/* SPDX-License-Identifier: Apache-2.0 */
/* space: takes room for trampolines at addresses that satisfy a displacement. */
#ifndef SPILE_PATCH_SPACE_H
#define SPILE_PATCH_SPACE_H

#include "patch/patch.h"

/* Where a block may go. */
struct space_wish {
	uint64_t low, high; /* the whole block lies in [low, high) */
	uint64_t base; /* where displacements count from; also what to be near */
	uint32_t mask, value; /* (address - base) & mask == value */
	uint32_t size;
};

/* Marks the block as used and adds the pages it needs. false: no such place. */
bool patch_space_take(struct patch_space *s, const struct space_wish *w, uint64_t *address);
/* false: no block of that size lies in [low, high), whatever bits of its address are given. */
bool patch_space_may_have(struct patch_space *s, uint64_t low, uint64_t high, uint32_t size);
/* Matches, pages and free ranges that all searches have looked at. */
uint64_t patch_space_steps(const struct patch_space *s);
/* Puts the bytes of a taken block into its pages. */
void patch_space_write(struct patch_space *s, uint64_t address, const uint8_t *bytes,
		       uint32_t size);

/* Gives a block back. */
void patch_space_release(struct patch_space *s, uint64_t address, uint32_t size);
/* What plans of this space have made of the code, and what is known of its flow. */
struct patch_text *patch_space_text(struct patch_space *s);
struct patch_flow *patch_space_flow(struct patch_space *s);
struct patch_flow *patch_space_near_flow(struct patch_space *s);

#endif
