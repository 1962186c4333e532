/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex: regular expressions to tables that the runtime walks.
 *
 * It answers: whether a pattern is one, where it is wrong, and which automaton
 * finds it.  Patterns are POSIX extended regular expressions (IEEE Std 1003.1,
 * 9.4) over bytes, with (?:...) for groups that do not capture, one-letter
 * names of classes, and without collating symbols and back-references.
 *
 * Two kinds of automata.  One tells whether there is a match: a minimal
 * deterministic automaton, one table look-up a byte.  The other tells where the
 * leftmost-longest match and its groups are as POSIX rules: a deterministic
 * automaton whose transitions carry register operations (tagged.c).
 *
 * Ownership: tables live in the caller's arena.
 */
#ifndef SPILE_REGEX_H
#define SPILE_REGEX_H

#include "abi/abi.h"
#include "base/base.h"

struct regex_error {
	uint32_t at; /* byte of the pattern; its length: at the end */
	const char *text;
};

/* What the bundle holds: position-independent, to be aligned to 8. */
struct regex_table {
	const struct abi_regex *head; /* `head->size` bytes */
	uint32_t n_groups; /* of the pattern, the whole match counted */
};

/* False with *error filled in. groups: matched() may ask for them. */
bool regex_compile(struct arena *a, const char *pattern, uint32_t length, bool groups,
		   struct regex_table *out, struct regex_error *error);

#endif
