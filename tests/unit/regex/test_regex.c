/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns by hand, then at random: tables against POSIX's rules (reference.c) and
 * against the C library's regexec().
 *
 * The C library finds the same matches where no anchor is inside a group: (^(^a|ab)*){0,2}. is not found
 * in "a" by it. Its groups are not always POSIX's, in these ways; all were seen
 * to be its own mistakes by the rules of regexec() in IEEE Std 1003.1-2017:
 *	((a)|b)* on "ab"	group 2 is told although the last iteration of the group around it left it out
 *	(a|ab)(c|bcd)*, (a*)(ab)*(b*)	an earlier group is not as long as it can be where a repetition follows
 *	(a*)* on "b", (a*)+	unset, or empty behind the text of the iteration before
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"
#include "runtime/rt_api.h"

/* ---- a slot to match in ------------------------------------------------------------------ */

#define MOST_STRING 512u

static struct {
	struct abi_slot slot;
	_Alignas(8) char head[ABI_SLOT_HEAD];
	_Alignas(8) char match[sizeof(struct abi_match) + MOST_STRING];
} room;
static struct abi_region region;

static struct abi_slot *slot(void)
{
	struct abi_slot *s = (void *)room.head;

	region.max_string = MOST_STRING;
	region.match_offset = sizeof room.head;
	s->region = (uintptr_t)&region;
	s->error = 0;
	return (void *)room.head;
}

static struct abi_string *string(const char *text, uint32_t n)
{
	static _Alignas(8) char buffer[sizeof(struct abi_string) + MOST_STRING];
	struct abi_string *s = (void *)buffer;

	s->length = n;
	memcpy(s->text, text, n);
	s->text[n] = 0;
	return s;
}

/* The slots of rt_regex_match, in the text. */
static bool run_tagged(const struct abi_regex *x, const char *text, uint32_t n, struct spans *out)
{
	struct abi_slot *s = slot();
	struct abi_match *m = (void *)((char *)s + region.match_offset);
	const char *at;

	memset(out, 0xff, sizeof *out);
	if (!rt_regex_match(s, string(text, n), x))
		return false;
	assert_true(m->valid && m->n_groups == x->n_groups);
	at = memmem(text, n, m->text.text, m->text.length);
	assert_non_null(at);
	for (uint32_t g = 0; g < x->n_groups && g < REFERENCE_MOST_GROUPS; g++) {
		out->start[g] = (int)m->slots[2 * g];
		out->end[g] = (int)m->slots[2 * g + 1];
	}
	return true;
}

/* ---- by hand --------------------------------------------------------------------------------- */

static bool compile(struct arena *a, const char *pattern, bool groups, struct regex_table *t)
{
	struct regex_error e;

	return regex_compile(a, pattern, (uint32_t)strlen(pattern), groups, t, &e);
}

static const struct {
	const char *pattern, *text, *groups; /* what matched, by "|"; "-" none; NULL: no match */
} cases[] = {
	{ "a", "xay", "a" },
	{ "", "abc", "" },
	{ "b*", "abb", "" },
	{ "(a|ab)(c|bcd)(d*)", "abcd", "abcd|ab|c|d" },
	{ "((a)|b)*", "ab", "ab|b|-" },
	{ "(a*)*", "b", "|" },
	{ "(a*)+", "aab", "aa|aa" },
	{ "(a*)*", "aa", "aa|aa" },
	{ "(a*)(ab)*(b*)", "abb", "abb|a|-|bb" },
	{ "(a|b)*(c)?", "ab", "ab|b|-" },
	{ "(a?)((ab)?)", "ab", "ab||ab|ab" },
	{ "(a?)((ab)?)(b?)", "ab", "ab|a||-|b" },
	{ "(..)*(...)*", "abcde", "abcde|ab|cde" },
	{ "(.|..){2}", "abcd", "abcd|cd" },
	{ "(^|x)a", "bxa", "xa|x" },
	{ "a($|b)", "aab", "ab|b" },
	{ "$", "abc", "" },
	{ "^$", "", "" },
	{ "^a", "ba", NULL },
	{ "x*$", "axx", "xx" },
	{ "(?:a|b)+(c)", "xabac", "abac|c" },
	{ "[[:alpha:]]+[0-9]{2,}", "12ab345", "ab345" },
	{ "[^]a]", "]ab", "b" },
	{ "[]a]+", "x]a]", "]a]" },
	{ "[a\\]+", "x\\a", "\\a" },
	{ "\\.\\*", "a.*", ".*" },
	{ "a{0}b", "ab", "b" },
	{ "(a){0}b", "ab", "b|-" },
	{ "(a{2}){2}", "aaaaa", "aaaa|aa" },
	{ "a**", "aa", "aa" },
	{ "(a|b|c|d|e){2,3}", "abcd", "abc|c" },
	{ "([a-z]+)@([a-z]+)\\.(com|org)", "mail joe@site.org now", "joe@site.org|joe|site|org" },
	{ "((((a))))", "a", "a|a|a|a|a" },
	{ "(a+|b+)*c", "aabbc", "aabbc|bb" },
	{ "(a)|(b)|(c)", "b", "b|-|b|-" },
	{ "x(y|)z", "xz", "xz|" },
	{ "[[:d:]][[:u:]][[:l:]][[:s:]]", "4Az ", "4Az " },
	{ "[\x80-\xff]+", "a\xc3\xa4", "\xc3\xa4" },
};

static void told_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(cases); i++) {
		struct arena *a = arena_create();
		const char *text = cases[i].text;
		struct regex_table with, without;
		struct spans got;
		struct buf b;

		buf_init(&b, a);
		assert_true(compile(a, cases[i].pattern, true, &with));
		assert_true(compile(a, cases[i].pattern, false, &without));
		assert_int_equal(rt_regex_test(slot(), string(text, (uint32_t)strlen(text)), without.head),
				 cases[i].groups != NULL);
		if (run_tagged(with.head, text, (uint32_t)strlen(text), &got)) {
			struct abi_string *out = calloc(1, sizeof *out + MOST_STRING);

			for (uint32_t g = 0; g < with.n_groups; g++) {
				rt_matched(slot(), g, out);
				buf_adds(&b, g ? "|" : "");
				buf_adds(&b, got.start[g] < 0 ? "-" : out->text);
			}
			free(out);
			if (!cases[i].groups || strcmp(buf_str(&b), cases[i].groups) != 0)
				fail_msg("%s on %s: %s", cases[i].pattern, text, buf_str(&b));
		} else if (cases[i].groups) {
			fail_msg("%s on %s: no match", cases[i].pattern, text);
		}
		arena_destroy(a);
	}
}

static const struct {
	const char *pattern, *text;
	uint32_t at;
} mistakes[] = {
	{ "a(b", "missing ')'", 1 },
	{ "a)b", "')' without '('", 1 },
	{ "*a", "nothing for '*' to repeat", 0 },
	{ "a|+", "nothing for '+' to repeat", 2 },
	{ "({2})", "nothing for '{' to repeat", 1 },
	{ "(?a)", "expected ':' behind '(?', or something to repeat", 1 },
	{ "a{", "expected a number", 2 },
	{ "a{x}", "expected a number", 2 },
	{ "a{1,x}", "expected a number", 4 },
	{ "a{2", "missing '}'", 3 },
	{ "a{12345}", "too large a number of repetitions", 2 },
	{ "a{3,2}", "the greater number of repetitions comes last", 2 },
	{ "^*", "'*' cannot repeat an anchor", 1 },
	{ "a$+", "'+' cannot repeat an anchor", 2 },
	{ "[abc", "missing ']'", 0 },
	{ "[]", "missing ']'", 0 },
	{ "x[[:alpha]]", "missing ':]' of a class of characters", 2 },
	{ "[[:foo:]]", "no class of characters is named 'foo'", 3 },
	{ "[z-a]", "range 'z-a' ends before it begins", 3 },
	{ "ab\\", "nothing behind '\\'", 2 },
	{ "(((a{100}){100}){100})", "needs too large a table", 0 },
	{ "(a|b)*a(a|b){20}", "needs too large a table", 0 },
};

static void mistakes_are_placed(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(mistakes); i++) {
		struct arena *a = arena_create();
		struct regex_table t;
		struct regex_error e = { 0 };

		for (int groups = 0; groups <= 1; groups++) {
			assert_false(regex_compile(a, mistakes[i].pattern,
						   (uint32_t)strlen(mistakes[i].pattern), groups, &t, &e));
			assert_string_equal(e.text, mistakes[i].text);
			assert_int_equal(e.at, mistakes[i].at);
		}
		arena_destroy(a);
	}
}

/* The smallest automata are known. */
static void tables_are_minimal(void **state)
{
	static const struct {
		const char *pattern;
		uint32_t states; /* the dead and the accepting one counted */
	} sizes[] = { { "a", 3 }, { "abc", 5 }, { "(a|b)(a|b)", 4 }, { "^a", 3 }, { "abab|abac", 6 }, { "^(a|b)*$", 3 } };

	(void)state;
	for (size_t i = 0; i < base_count(sizes); i++) {
		struct arena *a = arena_create();
		struct regex_table t;

		assert_true(compile(a, sizes[i].pattern, false, &t));
		assert_int_equal((t.head->size - t.head->cells) / 2 / t.head->stride, sizes[i].states);
		arena_destroy(a);
	}
}

/* ---- at random ----------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % n);
}

static void make_alternatives(struct buf *b, int depth);

static void make_atom(struct buf *b, int depth)
{
	static const char *const simple[] = { "a", "b", "c", ".", "[ab]", "[^a]", "a", "b" };

	if (depth > 0 && below(3) == 0) {
		buf_addc(b, '(');
		make_alternatives(b, depth - 1);
		buf_addc(b, ')');
	} else {
		buf_adds(b, simple[below(8)]);
	}
}

static void make_sequence(struct buf *b, int depth)
{
	static const char *const often[] = { "*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}" };

	if (below(12) == 0)
		buf_addc(b, '^');
	for (uint32_t n = 1 + below(3); n; n--) {
		make_atom(b, depth);
		if (below(3) == 0)
			buf_adds(b, often[below(7)]);
	}
	if (below(12) == 0)
		buf_addc(b, '$');
}

static void make_alternatives(struct buf *b, int depth)
{
	make_sequence(b, depth);
	while (below(3) == 0) {
		buf_addc(b, '|');
		make_sequence(b, depth);
	}
}

static uint32_t make_text(char *text)
{
	uint32_t n = below(9);

	for (uint32_t i = 0; i < n; i++)
		text[i] = "abc"[below(3)];
	text[n] = 0;
	return n;
}

/* An anchor stands inside a group. */
static bool has_deep_anchor(const char *pattern)
{
	int depth = 0;

	for (; *pattern; pattern++) {
		depth += (*pattern == '(') - (*pattern == ')');
		if (depth && (*pattern == '$' || (*pattern == '^' && pattern[-1] != '[')))
			return true;
	}
	return false;
}

struct tally {
	uint64_t texts, matches, unlike_groups, too_large;
};

static bool same_spans(const struct spans *a, const struct spans *b, uint32_t n)
{
	return memcmp(a->start, b->start, n * sizeof *a->start) == 0 &&
	       memcmp(a->end, b->end, n * sizeof *a->end) == 0;
}

/* ours: relative to the match, which is the reference's if anything is. */
static void check_text(const struct regex_tree *t, const struct regex_table *with,
		       const struct regex_table *without, const regex_t *theirs, const char *pattern,
		       struct tally *tally)
{
	char text[16];
	uint32_t n = make_text(text);
	struct spans want, got, libc;
	regmatch_t m[REFERENCE_MOST_GROUPS];
	bool found = reference_match(t, text, n, &want);
	bool ours = run_tagged(with->head, text, n, &got);

	tally->texts++;
	tally->matches += found;
	if (rt_regex_test(slot(), string(text, n), without->head) != found || ours != found)
		fail_msg("/%s/ on \"%s\": %s", pattern, text, found ? "not found" : "found");
	if (theirs && (regexec(theirs, text, REFERENCE_MOST_GROUPS, m, 0) == 0) != found)
		fail_msg("/%s/ on \"%s\": regexec differs", pattern, text);
	if (!found)
		return;
	for (uint32_t g = with->n_groups; g--;) {
		got.start[g] += got.start[g] < 0 ? 0 : want.start[0];
		got.end[g] += got.end[g] < 0 ? 0 : want.start[0];
		libc.start[g] = theirs ? m[g].rm_so : want.start[g];
		libc.end[g] = theirs ? m[g].rm_eo : want.end[g];
	}
	if (!same_spans(&want, &got, with->n_groups))
		for (uint32_t g = 0; g < with->n_groups; g++)
			if (want.start[g] != got.start[g] || want.end[g] != got.end[g])
				fail_msg("/%s/ on \"%s\": group %u: %d-%d, not %d-%d", pattern, text, g,
					 got.start[g], got.end[g], want.start[g], want.end[g]);
	if (libc.start[0] != want.start[0] || libc.end[0] != want.end[0])
		fail_msg("/%s/ on \"%s\": regexec matches elsewhere", pattern, text);
	tally->unlike_groups += !same_spans(&want, &libc, with->n_groups);
}

static void check_pattern(struct tally *tally)
{
	struct arena *a = arena_create();
	struct regex_table with, without;
	struct regex_tree t = { .arena = a };
	struct regex_error e;
	struct buf b;
	regex_t theirs;

	buf_init(&b, a);
	make_alternatives(&b, 2);
	assert_true(regex_parse(&t, b.p, (uint32_t)b.n, &e));
	if (t.n_groups + 1 > REFERENCE_MOST_GROUPS || !compile(a, buf_str(&b), true, &with) ||
	    !compile(a, buf_str(&b), false, &without)) {
		tally->too_large++;
		arena_destroy(a);
		return;
	}
	assert_int_equal(regcomp(&theirs, buf_str(&b), REG_EXTENDED), 0);
	for (int i = 0; i < 12; i++)
		check_text(&t, &with, &without, has_deep_anchor(buf_str(&b)) ? NULL : &theirs,
			   buf_str(&b), tally);
	regfree(&theirs);
	arena_destroy(a);
}

static void agrees_at_random(void **state)
{
	const char *want = getenv("REGEX_ROUNDS");
	long rounds = want ? atol(want) : 800;
	struct tally tally = { 0 };

	(void)state;
	seed = want ? (uint64_t)rounds * 0x9e3779b97f4a7c15ull | 1 : 0x243f6a8885a308d3ull;
	for (long i = 0; i < rounds; i++)
		check_pattern(&tally);
	assert_true(tally.matches > tally.texts / 4);
	assert_true(tally.too_large < (uint64_t)rounds / 50 + 1);
	if (want)
		print_message("%llu texts, %llu matches, %llu with groups that regexec tells otherwise, %llu patterns too large\n",
			      (unsigned long long)tally.texts, (unsigned long long)tally.matches,
			      (unsigned long long)tally.unlike_groups, (unsigned long long)tally.too_large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_by_hand),
		cmocka_unit_test(mistakes_are_placed),
		cmocka_unit_test(tables_are_minimal),
		cmocka_unit_test(agrees_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
