/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of characters by name, as in the POSIX locale. */
#include "regex/private.h"

#include <ctype.h>
#include <string.h>

/* The C library's own are macros, or need a locale. */
#define MEMBER(name) \
	static bool member_##name(int c) { return c < 128 && is##name(c); }
MEMBER(alpha)
MEMBER(alnum)
MEMBER(blank)
MEMBER(cntrl)
MEMBER(digit)
MEMBER(graph)
MEMBER(lower)
MEMBER(print)
MEMBER(punct)
MEMBER(space)
MEMBER(upper)
MEMBER(xdigit)

static const struct {
	const char *name, *letter;
	bool (*has)(int c);
} classes[] = {
	{ "alpha", "", member_alpha },	 { "alnum", "", member_alnum },
	{ "blank", "", member_blank },	 { "cntrl", "", member_cntrl },
	{ "digit", "d", member_digit },	 { "graph", "", member_graph },
	{ "lower", "l", member_lower },	 { "print", "", member_print },
	{ "punct", "", member_punct },	 { "space", "s", member_space },
	{ "upper", "u", member_upper },	 { "xdigit", "", member_xdigit },
};

static bool is(const char *want, const char *name, uint32_t n)
{
	return n && strlen(want) == n && memcmp(want, name, n) == 0;
}

bool regex_class_named(const char *name, uint32_t n, struct regex_set *to)
{
	for (uint32_t i = 0; i < base_count(classes); i++) {
		if (!is(classes[i].name, name, n) && !is(classes[i].letter, name, n))
			continue;
		for (int c = 0; c < 256; c++)
			if (classes[i].has(c))
				regex_set_add(to, (uint8_t)c);
		return true;
	}
	return false;
}
