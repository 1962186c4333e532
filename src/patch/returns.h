/* SPDX-License-Identifier: Apache-2.0 */
/* returns: the part of a trampoline that calls the displaced function. */
#ifndef SPILE_PATCH_RETURNS_H
#define SPILE_PATCH_RETURNS_H

#include "patch/patch.h"

/* Offsets are from the part's begin. */
struct returns_layout {
	const struct patch_request *request;
	bool far_calls;
	uint32_t size, literal_bytes;
	uint32_t depth; /* bytes from the innermost frame to the return address */
	uint32_t back; /* behind the call */
	uint32_t out; /* the last ret */
};

typedef VEC(struct abi_unwind) patch_unwinds;

/* Nothing if the request has no returns. */
void patch_returns_lay_out(struct returns_layout *l, const struct patch_request *r, bool far_calls);
/*
 * The part's bytes, at address `at`; resume: the displaced code; literal: the first free one, at
 * `literals` in memory. Adds what unwinders must know. Returns the size of the literals written.
 */
uint32_t patch_returns_put(const struct returns_layout *l, uint8_t *out, uint64_t at,
			   uint64_t resume, uint8_t *literals, uint64_t literal,
			   struct arena *a, patch_unwinds *unwinds);

#endif
