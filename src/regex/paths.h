/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths through the nondeterministic automaton and POSIX's order among them.
 */
#ifndef SPILE_REGEX_PATHS_H
#define SPILE_REGEX_PATHS_H

#include "regex/private.h"

/* A mark that a path has passed in this step, and those before it. */
struct passed {
	const struct passed *before;
	uint32_t mark;
	enum nfa_mark how;
	int32_t depth; /* behind it */
	uint32_t length; /* of the chain */
};

/* A way to a state: from thread `origin` of the state before, by `passed`. */
struct path {
	uint32_t state, origin;
	const struct passed *passed;
};

/*
 * How threads i and j of a state compare: depth[i * n + j] is the least depth of i
 * since it and j parted, better[i * n + j] is 1 if i is preferred, -1 if j is.
 */
struct order {
	uint32_t n;
	const int16_t *depth;
	const int8_t *better;
};

struct verdict {
	int16_t first, second; /* least depths */
	int8_t better;
};
/* Which of two ways to the same future is POSIX's. depth_of: of the origin's state. */
struct verdict paths_compare(const struct order *o, const struct path *x, const struct path *y,
			     int32_t depth_of_origin);

#endif
