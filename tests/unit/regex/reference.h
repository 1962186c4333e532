/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX's rules, word by word and slowly, over the tree of a pattern. */
#ifndef SPILE_TESTS_REGEX_REFERENCE_H
#define SPILE_TESTS_REGEX_REFERENCE_H

#include "regex/private.h"

#define REFERENCE_MOST_TEXT 24u
#define REFERENCE_MOST_GROUPS 16u

struct spans {
	int start[REFERENCE_MOST_GROUPS], end[REFERENCE_MOST_GROUPS]; /* -1: unset; 0 is the whole match */
};

/* Whether there is a match, and where. The text has at most REFERENCE_MOST_TEXT bytes. */
bool reference_match(const struct regex_tree *t, const char *text, uint32_t n, struct spans *out);

#endif
