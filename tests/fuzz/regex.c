/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler of regular expressions, and the automata on a text: both kinds find the same, and
 * for short ones what POSIX's rules say. Input: pattern, NUL, text.
 */
#include "../unit/regex/reference.h"
#include "fuzz.h"
#include "runtime/rt_api.h"

#include <string.h>

#define MOST_PATTERN 64u
#define MOST_TEXT 400u
#define MOST_STRING 512u
#define SHORT_PATTERN 24u
#define SHORT_TEXT 7u

static _Alignas(8) char slot_room[ABI_SLOT_HEAD + sizeof(struct abi_match) + MOST_STRING];

static void compare(const struct regex_tree *t, const struct abi_match *m, bool found, const char *text,
		    uint32_t n)
{
	struct spans want;

	if (reference_match(t, text, n, &want) != found)
		fuzz_found("%s by the rules", found ? "no match" : "a match");
	for (uint32_t g = 0; found && g <= t->n_groups; g++) {
		int base = want.start[g] < 0 ? 0 : want.start[0];

		if ((int)m->slots[2 * g] != want.start[g] - base || (int)m->slots[2 * g + 1] != want.end[g] - base)
			fuzz_found("group %u: %d-%d by the rules", g, want.start[g], want.end[g]);
	}
}

static void run(struct arena *a, const struct regex_table *with, const struct regex_table *without,
		const struct regex_tree *t, const char *text, uint32_t n, bool is_short)
{
	struct abi_region region = { .max_string = MOST_STRING, .match_offset = ABI_SLOT_HEAD };
	struct abi_slot *s = (void *)slot_room;
	struct abi_match *m = (void *)(slot_room + ABI_SLOT_HEAD);
	struct abi_string *string = arena_alloc(a, sizeof *string + n + 1);
	int64_t found;

	s->region = (uintptr_t)&region;
	string->length = n;
	memcpy(string->text, text, n);
	found = rt_regex_match(s, string, with->head);
	if (found != rt_regex_test(s, string, without->head))
		fuzz_found("the two automata differ");
	if (is_short)
		compare(t, m, found, text, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *pattern = (const char *)data, *text = size ? memchr(pattern, 0, size) : NULL;
	uint32_t length = (uint32_t)(text ? text - pattern : (long)size), n;
	struct regex_table with, without;
	struct regex_error e = { 0 };
	struct arena *a;

	if (length > MOST_PATTERN)
		return 0;
	a = arena_create();
	n = text ? (uint32_t)base_min(size - length - 1, (size_t)MOST_TEXT) : 0;
	struct regex_tree t = { .arena = a };
	bool good = regex_parse(&t, pattern, length, &e);
	if (!good && (!e.text || e.at > length))
		fuzz_found("no message");
	if (good && regex_compile(a, pattern, length, true, &with, &e) &&
	    regex_compile(a, pattern, length, false, &without, &e))
		run(a, &with, &without, &t, text ? text + 1 : "", n,
		    length <= SHORT_PATTERN && n <= SHORT_TEXT && t.n_groups < REFERENCE_MOST_GROUPS);
	arena_destroy(a);
	return 0;
}
