/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match: the nearest displacement some of whose bits are given.
 *
 * Displacements are handled with the sign bit flipped, so that unsigned order
 * is the order of addresses.  To go up from u to the next match:
 *
 *	u      1 0 1 1 0 1 0 0      take the highest wrong bit; if it must become
 *	mask   . . 1 1 . . . .      1, set it; if it must become 0, a free 0 above
 *	value  . . 0 1 . . . .      it becomes 1. Everything below is as small as
 *	next   1 1 0 1 0 0 0 0      the mask allows.
 *
 * Going down is going up with every bit inverted.
 */
#include "patch/match.h"

#define SIGN 0x80000000u

static bool next_match(uint32_t u, uint32_t mask, uint32_t value, uint32_t *out)
{
	uint32_t wrong = (u ^ value) & mask, bit, below, room;

	if (!wrong) {
		*out = u;
		return true;
	}
	bit = SIGN >> __builtin_clz(wrong);
	if (!(value & bit)) {
		room = ~u & ~mask & ~(bit | (bit - 1));
		if (!room)
			return false;
		bit = room & -room;
	}
	below = bit - 1;
	*out = (u & ~(bit | below)) | bit | (value & mask & below);
	return true;
}

bool patch_match_up(uint64_t from, uint64_t base, uint32_t mask, uint32_t value, uint64_t *out)
{
	int64_t d = base_max((int64_t)(from - base), INT32_MIN);
	uint32_t u;

	if (d > INT32_MAX || !next_match((uint32_t)d ^ SIGN, mask, value ^ (mask & SIGN), &u))
		return false;
	*out = base + (uint64_t)(int64_t)(int32_t)(u ^ SIGN);
	return *out >= from; /* else it wrapped around */
}

bool patch_match_down(uint64_t from, uint64_t base, uint32_t mask, uint32_t value, uint64_t *out)
{
	int64_t d = base_min((int64_t)(from - base), INT32_MAX);
	uint32_t u, inverted = ~(value ^ (mask & SIGN)) & mask;

	if (d < INT32_MIN || !next_match(~((uint32_t)d ^ SIGN), mask, inverted, &u))
		return false;
	*out = base + (uint64_t)(int64_t)(int32_t)(~u ^ SIGN);
	return *out <= from;
}
