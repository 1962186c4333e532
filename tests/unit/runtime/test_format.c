/* SPDX-License-Identifier: Apache-2.0 */
/* The formatter agrees with snprintf, and with SystemTap where the two differ. */
#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

static const char *format(const char *text, ...)
{
	static char out[1024];
	const struct abi_format *f = format_of(text);
	uint64_t args[16];
	va_list ap;

	va_start(ap, text);
	for (uint32_t i = 0; i < f->n_args; i++)
		args[i] = va_arg(ap, uint64_t);
	va_end(ap);
	out[rt_format_args(f, args, out, sizeof out - 1)] = 0;
	return out;
}

/* C's long form of a conversion: %5.2d is %5.2ld. */
static void as_long(const char *ours, char *c)
{
	size_t n = strlen(ours);

	sprintf(c, "%.*sl%c", (int)n - 1, ours, ours[n - 1]);
}

static bool differs_by_design(const char *conversion, int64_t value)
{
	bool prefix = strchr(conversion, '#') != NULL;

	if (strchr(conversion, '.') && (strstr(conversion, "%0") || strstr(conversion, ".0")))
		return true; /* the 0 flag holds; a 0 has a digit */
	if (conversion[strlen(conversion) - 1] == 'o')
		return prefix;
	return prefix && value == 0;
}

static void numbers_equal_snprintf(void **state)
{
	static const int64_t values[] = {
		0, 1, -1, 7, 42, -12345, INT64_MAX, INT64_MIN, 0xdeadbeef
	};
	static const char *const flags[] = { "", "0", "-", "#" }, *const widths[] = { "", "1", "5",
										      "23" };
	static const char *const precisions[] = { "", ".", ".0", ".1", ".4", ".25" };
	char ours[32], theirs[32], expected[128];

	(void)state;
	for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
		for (int i = 0; i < 4 * 4 * 6 * 5; i++) {
			char conversion = "duxXo"[i % 5];
			const char *flag = flags[i / 5 % 4];

			if (*flag == '#' && (conversion == 'd' || conversion == 'u'))
				continue;
			sprintf(ours, "%%%s%s%s%c", flag, widths[i / 20 % 4], precisions[i / 80],
				conversion);
			if (differs_by_design(ours, values[v]))
				continue;
			as_long(ours, theirs);
			snprintf(expected, sizeof expected, theirs, values[v]);
			if (!strcmp(precisions[i / 80], ".") && values[v] == 0)
				continue;
			assert_string_equal(format(ours, values[v]), expected);
		}
}

static void signs(void **state)
{
	(void)state;
	assert_string_equal(format("%+d|% d|%+5d", 5ll, 5ll, 5ll), "+5| 5|   +5");
	assert_string_equal(format("%+d|% d", -5ll, -5ll), "-5|-5");
	assert_string_equal(format("%+u|% x", 5ll, 5ll), "5|5");
	assert_string_equal(format("%i", -9ll), "-9");
}

static void where_systemtap_differs_from_c(void **state)
{
	(void)state;
	assert_string_equal(format("%#x %#X %p", 0ll, 0ll, 0ll), "0x0 0X0 0x0");
	assert_string_equal(format("%#o", 8ll), "010");
	assert_string_equal(format("%p|%20p|%-8p|", 0x1234ll, 0x1234ll, 0x12ll),
			    "0x1234|              0x1234|0x12    |");
	assert_string_equal(format("%08.5d", 42ll), "00000042");
	assert_string_equal(format("%.0d", 0ll), "0");
}

static void stars(void **state)
{
	(void)state;
	assert_string_equal(format("%*d|%-*d|%.*d", 5ll, 42ll, 5ll, 42ll, 4ll, 42ll),
			    "   42|42   |0042");
	assert_string_equal(format("%*d|", -5ll, 42ll), "42   |");
	assert_string_equal(format("%.*s|", 2ll, str("abc")), "ab|");
	assert_string_equal(format("%.*s|", -1ll, str("abc")), "abc|");
	assert_string_equal(format("%*.*s|", 4ll, 1ll, str("abc")), "   a|");
}

static void strings(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(format("%s", str("text")), "text");
	assert_string_equal(format("[%6s][%-6s][%.2s]", str("abc"), str("abc"), str("abc")),
			    "[   abc][abc   ][ab]");
	assert_string_equal(format("%s", 0ull), "<NULL>");
	assert_int_equal(
		rt_format_args(format_of("%0s"), (uint64_t[]){ (uint64_t)str("ab") }, out, 64), 3);
	assert_memory_equal(out, "ab", 3);
	assert_string_equal(format("a%sb", str("")), "ab");
	assert_string_equal(format("plain"), "plain");
}

static void characters(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(
		format("%c%c|%3c|%-3c|", 'a' + 0ll, 256 + 'b' + 0ll, 'c' + 0ll, 'd' + 0ll),
		"ab|  c|d  |");
	assert_string_equal(
		format("%#c%#c%#c%#c%#c", '\n' + 0ll, '\'' + 0ll, '\\' + 0ll, 1ll, 0xffll),
		"\\n\\'\\\\\\001\\377");
	assert_string_equal(format("%#c%#c", '"' + 0ll, 'x' + 0ll), "\"x");
	assert_int_equal(rt_format_args(format_of("%c"), (uint64_t[]){ 0 }, out, 8), 1);
	assert_int_equal(out[0], 0);
}

static void binary(void **state)
{
	static const struct {
		const char *format;
		uint32_t length;
		const char *bytes;
	} cases[] = { { "%b", 8, "\x08\x07\x06\x05\x04\x03\x02\x01" },
		      { "%1b", 1, "\x08" },
		      { "%2b", 2, "\x08\x07" },
		      { "%.4b", 4, "\x08\x07\x06\x05" },
		      { "%4.2b", 4, "\0\0\x08\x07" },
		      { "%-4.2b", 4, "\x08\x07\0\0" },
		      { "%3b", 8, "\x08\x07\x06\x05\x04\x03\x02\x01" },
		      { "%.9b", 8, "\x08\x07\x06\x05\x04\x03\x02\x01" } };
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t arg = 0x0102030405060708ull;

		assert_int_equal(rt_format_args(format_of(cases[i].format), &arg, out, 32),
				 cases[i].length);
		assert_memory_equal(out, cases[i].bytes, cases[i].length);
	}
}

static void memory(void **state)
{
	static const char bytes[] = "\x01\xabzZ";
	char out[32];
	uint64_t arg = (uint64_t)bytes;

	(void)state;
	assert_string_equal(format("%M|%.4M|%6.2M|%-6.2M|", bytes, bytes, bytes, bytes),
			    "01|01ab7a5a|  01ab|01ab  |");
	assert_int_equal(rt_format_args(format_of("%5.3m"), &arg, out, 32), 5);
	assert_memory_equal(out, "  \x01\xabz", 5);
	assert_int_equal(rt_format_args(format_of("%.3m"), (uint64_t[]){ 8 }, out, 32), 0);
}

static void results_are_cut(void **state)
{
	char out[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(rt_format_args(format_of("abc%dghi"), (uint64_t[]){ 12 }, out, 6), 6);
	assert_memory_equal(out, "abc12gz", 7);
	assert_int_equal(rt_format_args(format_of("%70000d"), (uint64_t[]){ 12 }, out, 6), 6);
	assert_int_equal(
		rt_format_args(format_of("%s"), (uint64_t[]){ (uint64_t)str("xyz") }, out, 0), 0);
}

static void sprint_writes_strings(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	rt_sprint(w->slot, format_of("%s=%d"), (uint64_t[]){ (uint64_t)str("a"), 5 }, out);
	assert_text(out, "a=5");
	rt_sprint(w->slot, format_of("<%s|%s>"), (uint64_t[]){ (uint64_t)out, (uint64_t)out }, out);
	assert_text(out, "<a=5|a=5>");
	rt_sprint(w->slot, format_of("ab%cd"), (uint64_t[]){ 0 }, out);
	assert_text(out, "ab");
	rt_sprint(w->slot, format_of("%700d"), (uint64_t[]){ 1 }, out);
	assert_int_equal(out->length, 511);
	rt_sprint(w->slot, format_of("x%m"), (uint64_t[]){ 16 }, out);
	assert_text(out, "");
	assert_string_equal(error_of(w->slot), "read fault [man error::fault] at 0x10");
	rt_sprint(w->slot, format_of("%.*m"), (uint64_t[]){ 5000, 16 }, out);
	assert_text(out, "");
	assert_string_equal(error_of(w->slot), "5000 is too many bytes for a memory dump");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(format, T(numbers_equal_snprintf), T(signs), T(where_systemtap_differs_from_c), T(stars),
      T(strings), T(characters), T(binary), T(memory), T(results_are_cut),
      T(sprint_writes_strings));
