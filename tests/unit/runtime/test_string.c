/* SPDX-License-Identifier: Apache-2.0 */
/* String functions keep to their bounds and to what SystemTap's mean. */
#include <errno.h>

#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

static void copies_are_cut(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_str_copy(w->slot, str("0123456789abcdefgh"), out);
	assert_text(out, "0123456789abcde");
	rt_str_copy(w->slot, out, out);
	assert_text(out, "0123456789abcde");
	rt_str_copy(w->slot, str(""), out);
	assert_text(out, "");
	assert_int_equal(rt_strlen(w->slot, str("four")), 4);
}

static void concatenation(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_str_concat(w->slot, str("ab"), str("cd"), out);
	assert_text(out, "abcd");
	rt_str_concat(w->slot, out, str("efgh"), out);
	assert_text(out, "abcdefgh");
	rt_str_concat(w->slot, out, out, out);
	assert_text(out, "abcdefghabcdefg");
	rt_str_copy(w->slot, str("tail"), out);
	rt_str_concat(w->slot, str("head "), out, out);
	assert_text(out, "head tail");
	rt_str_concat(w->slot, str("0123456789abcdefgh"), str("x"), out);
	assert_text(out, "0123456789abcde");
}

static void comparison_is_by_byte(void **state)
{
	(void)state;
	assert_true(rt_str_compare(w->slot, str("a"), str("b")) < 0);
	assert_true(rt_str_compare(w->slot, str("ab"), str("a")) > 0);
	assert_true(rt_str_compare(w->slot, str(""), str("a")) < 0);
	assert_true(rt_str_compare(w->slot, str("a\xff"), str("a\x01")) > 0);
	assert_int_equal(rt_str_compare(w->slot, str("same"), str("same")), 0);
}

static void substrings(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_substr(w->slot, str("abcdef"), 2, 3, out);
	assert_text(out, "cde");
	rt_substr(w->slot, str("abcdef"), 4, INT64_MAX, out);
	assert_text(out, "ef");
	rt_substr(w->slot, str("abcdef"), 6, 1, out);
	assert_text(out, "");
	rt_substr(w->slot, str("abcdef"), -1, 1, out);
	assert_text(out, "");
	rt_substr(w->slot, str("abcdef"), 0, -1, out);
	assert_text(out, "");
	rt_substr(w->slot, str("abcdef"), INT64_MIN, 5, out);
	assert_text(out, "");
	rt_substr(w->slot, str("abcdef"), INT64_MAX, 5, out);
	assert_text(out, "");
}

static void searches(void **state)
{
	(void)state;
	assert_int_equal(rt_strpos(w->slot, str("hello"), str("l")), 2);
	assert_int_equal(rt_strpos(w->slot, str("hello"), str("lo")), 3);
	assert_int_equal(rt_strpos(w->slot, str("hello"), str("")), 0);
	assert_int_equal(rt_strpos(w->slot, str("hello"), str("hellos")), -1);
	assert_int_equal(rt_isinstr(w->slot, str("hello"), str("ell")), 1);
	assert_int_equal(rt_isinstr(w->slot, str("hello"), str("elo")), 0);
	assert_int_equal(rt_isdigit(w->slot, str("7x")), 1);
	assert_int_equal(rt_isdigit(w->slot, str("x7")), 0);
	assert_int_equal(rt_isdigit(w->slot, str("")), 0);
}

static void characters(void **state)
{
	(void)state;
	assert_int_equal(rt_stringat(w->slot, str("abc"), 2), 'c');
	assert_int_equal(rt_stringat(w->slot, str("\xff"), 0), -1);
	assert_string_equal(error_of(w->slot), "");
	assert_int_equal(rt_stringat(w->slot, str("abc"), 3), 0);
	assert_string_equal(error_of(w->slot), "Position out of bounds");
	assert_int_equal(rt_stringat(w->slot, str("abc"), -1), 0);
	assert_string_equal(error_of(w->slot), "Position out of bounds");
}

static void numbers_are_read_as_c_reads_them(void **state)
{
	static const char *const texts[] = {
		"0",
		"12",
		"-12",
		"+7",
		"  42x",
		"\t\n 5",
		"0x1f",
		"0X1F",
		"0xg",
		"0x",
		"017",
		"08",
		"z",
		"",
		"-",
		"9223372036854775807",
		"9223372036854775808",
		"-9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999999",
		"-0x80",
		"1010",
		"zz",
		"7fffffffffffffff",
		"ffffffffffffffffff",
	};
	static const int bases[] = { 0, 2, 8, 10, 16, 36 };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++)
			assert_int_equal(rt_strtol(w->slot, str(texts[i]), bases[b]),
					 strtol(texts[i], NULL, bases[b]));
	assert_int_equal(rt_strtol(w->slot, str("12"), 1), 0);
	assert_int_equal(rt_strtol(w->slot, str("12"), 37), 0);
	assert_int_equal(rt_strtol(w->slot, str("12"), -10), 0);
}

static void replacement(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_str_replace(w->slot, str("a.b.c"), str("."), str("::"), out);
	assert_text(out, "a::b::c");
	rt_str_replace(w->slot, str("aaaa"), str("aa"), str("b"), out);
	assert_text(out, "bb");
	rt_str_replace(w->slot, str("abc"), str(""), str("x"), out);
	assert_text(out, "abc");
	rt_str_replace(w->slot, str("abc"), str("abc"), str(""), out);
	assert_text(out, "");
	rt_str_replace(w->slot, str("xxxxx"), str("x"), str("0123456"), out);
	assert_text(out, "012345601234560");
}

static void tokens(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_tokenize(w->slot, str(",,one,;two;"), str(",;"), out);
	assert_text(out, "one");
	rt_tokenize(w->slot, str(""), str(",;"), out);
	assert_text(out, "two");
	rt_tokenize(w->slot, str(""), str(",;"), out);
	assert_text(out, "");
	rt_tokenize(w->slot, str(""), str(",;"), out);
	assert_text(out, "");
	rt_tokenize(w->slot, str("whole"), str(""), out);
	assert_text(out, "whole");
	rt_tokenize(w->slot, str("a b"), str(" "), out);
	rt_tokenize(w->slot, str(""), str("x"), out);
	assert_text(out, "b");
}

static void escapes(void **state)
{
	struct world *big = world_create(512);
	struct abi_string *out = buffer();

	(void)state;
	rt_text_str(big->slot, str("a\n\t\"\\\x01\x7f z"), out);
	assert_text(out, "a\\n\\t\\\"\\\\\\001\\177 z");
	rt_string_quoted(big->slot, str("a\n"), out);
	assert_text(out, "\"a\\n\"");
	rt_string_quoted(big->slot, str("\xc3\xa9\xf0\x9f\x98\x80\xff"), out);
	assert_text(out, "\"\\u00E9\\U0001F600\\377\"");
	rt_text_strn(big->slot, str("abcdefgh"), 5, 0, out);
	assert_text(out, "abcde");
	rt_text_strn(big->slot, str("abcdefgh"), 8, 1, out);
	assert_text(out, "\"abc\"...");
	rt_text_strn(big->slot, str("abcdef"), 8, 1, out);
	assert_text(out, "\"abcdef\"");
	rt_text_strn(big->slot, str("abcdefgh"), 1, 1, out);
	assert_text(out, "\"\"...");
	rt_text_strn(big->slot, str("abcd\n"), 6, 0, out);
	assert_text(out, "abcd\\n");
	rt_text_strn(big->slot, str("abcde\n"), 6, 0, out);
	assert_text(out, "abcde");
	world_destroy(big);
}

/* Whatever the limit, the result is no longer than it and ends where it says. */
static void escapes_keep_within_every_limit(void **state)
{
	struct abi_string *out = buffer();
	rt_str text = str("a\n\x01\xc3\xa9z");

	(void)state;
	for (int64_t n = 1; n < 16; n++)
		for (int64_t quoted = 0; quoted < 2; quoted++) {
			rt_text_strn(w->slot, text, n, quoted, out);
			assert_int_equal(strlen(out->text), out->length);
			assert_true(out->length <= (quoted && n < 5 ? 5 : n));
		}
}

static void json_is_quoted_as_json_has_it(void **state)
{
	struct world *big = world_create(512), *small = world_create(8);
	struct abi_string *out = buffer();

	(void)state;
	rt_json_quoted(big->slot, str("a\n\t\"\\\x01\a\x7f \xc3\xa9\xff"), out);
	assert_text(out, "\"a\\n\\t\\\"\\\\\\u0001\\u0007\x7f \xc3\xa9\xff\"");
	rt_json_quoted(small->slot, str("abcdefgh"), out);
	assert_text(out, "\"abcde\"");
	rt_json_quoted(small->slot, str("abcd\n"), out);
	assert_text(out, "\"abcd\"");
	rt_json_quoted(small->slot, str("abcd\xc3\xa9"), out);
	assert_text(out, "\"abcd\"");
	world_destroy(big);
	world_destroy(small);
}

/* In the tool, while a handler of a procfs probe runs; else there is none. */
static void procfs_values(void **state)
{
	struct abi_slot *tool = world_slot(w, 0);
	struct abi_string *out = buffer(), folder = { .length = 0 };
	char bytes[6] = "";
	struct abi_procfs p = { .folder = (uint64_t)&folder };

	(void)state;
	rt_procfs_put(w->slot, str("x"), 1, out);
	assert_text(out, "");
	tool->in_tool = 1;
	rt_procfs_value(tool, out);
	assert_text(out, "");
	tool->scratch[3] = (uint64_t)&p;
	rt_procfs_put(tool, str("x"), 0, out);
	assert_text(out, "");
	p.text = (uint64_t)bytes;
	p.most = sizeof bytes;
	rt_procfs_put(tool, str("abc"), 0, out);
	rt_procfs_put(tool, str("de"), 0, out);
	assert_text(out, "abcde");
	rt_procfs_put(tool, str("fg"), 0, out);
	assert_string_equal(error_of(tool), "buffer size exceeded, consider .maxsize");
	assert_int_equal(p.length, 5);
	rt_procfs_put(tool, str("xyz"), 1, out);
	assert_text(out, "xyz");
	rt_procfs_folder(tool, out);
	assert_text(out, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(string, T(copies_are_cut), T(concatenation), T(comparison_is_by_byte), T(substrings),
      T(searches), T(characters), T(numbers_are_read_as_c_reads_them), T(replacement), T(tokens),
      T(escapes), T(escapes_keep_within_every_limit),
      T(json_is_quoted_as_json_has_it), T(procfs_values));
