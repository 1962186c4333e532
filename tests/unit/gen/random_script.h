/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts made at random: typed, and ended by their budget at the latest. */
#ifndef TEST_GEN_RANDOM_SCRIPT_H
#define TEST_GEN_RANDOM_SCRIPT_H

#include "base/base.h"

/*
 * Probe 0 is `begin`, 1 to RANDOM_SCRIPT_MARKS are marks, the last is `end` and prints all globals.
 * Nearly all are accepted; some change an array in a loop over it by way of a function.
 */
#define RANDOM_SCRIPT_MARKS 3u
const char *random_script(struct arena *a, uint64_t seed);

#endif
