/* SPDX-License-Identifier: Apache-2.0 */
/* match: the nearest displacement some of whose bits are given. */
#ifndef SPILE_PATCH_MATCH_H
#define SPILE_PATCH_MATCH_H

#include "base/base.h"

/*
 * The smallest address >= from, and the largest <= from, for which
 * (address - base) & mask == value, the difference being within a signed 32-bit
 * displacement. false: there is none.
 */
bool patch_match_up(uint64_t from, uint64_t base, uint32_t mask, uint32_t value, uint64_t *out);
bool patch_match_down(uint64_t from, uint64_t base, uint32_t mask, uint32_t value, uint64_t *out);

#endif
