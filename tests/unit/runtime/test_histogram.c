/* SPDX-License-Identifier: Apache-2.0 */
/* Histogram text, to the letter. */
#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

#define HEAD "value |-------------------------------------------------- count\n"
#define BLANK50 "                                                  "

union room {
	int64_t words[ABI_STAT_HEAD / 8 + 1024];
	struct abi_stat stat;
};

static const struct abi_stat_desc log_desc = { .keep = ABI_KEEP_COUNT | ABI_KEEP_LOG,
					       .buckets = ABI_LOG_BUCKETS };

static struct abi_stat_desc linear(int64_t low, int64_t high, int64_t step)
{
	return (struct abi_stat_desc){ .keep = ABI_KEEP_COUNT | ABI_KEEP_LINEAR,
				       .low = low,
				       .high = high,
				       .step = step,
				       .buckets = (uint32_t)((high - low) / step) + 3 };
}

static void add(const struct abi_stat_desc *d, union room *v, int64_t x, int times)
{
	while (times--)
		rt_stat_add(w->slot, d, &v->stat, x);
}

static const char *text_of(const struct abi_stat_desc *d, const union room *v, int64_t width,
			   int64_t elision)
{
	static struct sink s;

	s.length = 0;
	rt_format_hist(d, d->keep & ABI_KEEP_LOG ? 1 : 2, &v->stat, width, elision, sink_write, &s);
	return s.text;
}

static void log_starts_at_zero(void **state)
{
	union room v = { 0 };

	(void)state;
	add(&log_desc, &v, 1, 1);
	add(&log_desc, &v, 2, 2);
	assert_string_equal(text_of(&log_desc, &v, 50, 2),
			    HEAD "    0 |" BLANK50 " 0\n"
				 "    1 |@" BLANK50 "1\n"
				 "    2 |@@                                                 2\n"
				 "    4 |" BLANK50 " 0\n"
				 "    8 |" BLANK50 " 0\n"
				 "\n");
}

static void log_shows_negative_values_and_elides(void **state)
{
	union room v = { 0 };

	(void)state;
	add(&log_desc, &v, -1, 3);
	add(&log_desc, &v, 1024, 1);
	assert_string_equal(text_of(&log_desc, &v, 50, 2),
			    HEAD "   -4 |" BLANK50 " 0\n"
				 "   -2 |" BLANK50 " 0\n"
				 "   -1 |@@@                                                3\n"
				 "    0 |" BLANK50 " 0\n"
				 "    1 |" BLANK50 " 0\n"
				 "      ~\n"
				 "  256 |" BLANK50 " 0\n"
				 "  512 |" BLANK50 " 0\n"
				 " 1024 |@" BLANK50 "1\n"
				 " 2048 |" BLANK50 " 0\n"
				 " 4096 |" BLANK50 " 0\n"
				 "\n");
}

static void bars_are_scaled_to_the_width(void **state)
{
	union room v = { 0 };

	(void)state;
	v.stat.count = 3;
	v.stat.bucket[64] = 18471;
	v.stat.bucket[65] = 3273;
	v.stat.bucket[66] = 7;
	assert_string_equal(text_of(&log_desc, &v, 50, 2),
			    HEAD "    0 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@  18471\n"
				 "    1 |@@@@@@@@                                            3273\n"
				 "    2 |" BLANK50 "     7\n"
				 "    4 |" BLANK50 "     0\n"
				 "    8 |" BLANK50 "     0\n"
				 "\n");
	v.stat.bucket[64] = 50;
	v.stat.bucket[65] = v.stat.bucket[66] = 0;
	assert_non_null(strstr(text_of(&log_desc, &v, 50, 2),
			       "|@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 50\n"));
	assert_non_null(strstr(text_of(&log_desc, &v, 10, 2),
			       "value |---------- count\n    0 |@@@@@@@@@@ 50\n"));
}

static void linear_marks_what_is_outside(void **state)
{
	struct abi_stat_desc d = linear(0, 20, 2);
	union room v = { 0 };

	(void)state;
	add(&d, &v, 4, 1);
	add(&d, &v, 100, 5);
	assert_string_equal(text_of(&d, &v, 50, 2),
			    HEAD "    0 |" BLANK50 " 0\n"
				 "    2 |" BLANK50 " 0\n"
				 "    4 |@" BLANK50 "1\n"
				 "    6 |" BLANK50 " 0\n"
				 "    8 |" BLANK50 " 0\n"
				 "      ~\n"
				 "   18 |" BLANK50 " 0\n"
				 "   20 |" BLANK50 " 0\n"
				 "  >20 |@@@@@                                              5\n"
				 "\n");
	memset(&v, 0, sizeof v);
	add(&d, &v, -7, 1);
	assert_string_equal(text_of(&d, &v, 50, 2), HEAD "   <0 |@" BLANK50 "1\n"
							 "    0 |" BLANK50 " 0\n"
							 "    2 |" BLANK50 " 0\n"
							 "\n");
}

static void wide_values(void **state)
{
	struct abi_stat_desc d = linear(-100000, 900000, 100000);
	union room v = { 0 };

	(void)state;
	add(&d, &v, 5, 1);
	assert_non_null(strstr(text_of(&d, &v, 50, 2), "  value |-"));
	assert_non_null(strstr(text_of(&d, &v, 50, 2), "\n-100000 |"));
	assert_non_null(strstr(text_of(&d, &v, 50, 2), "\n      0 |@"));
}

static uint32_t lines_of(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void elision_is_a_parameter(void **state)
{
	struct abi_stat_desc d = linear(0, 99, 1);
	union room v = { 0 };

	(void)state;
	add(&d, &v, 10, 1);
	add(&d, &v, 90, 1);
	assert_int_equal(lines_of(text_of(&d, &v, 50, -1)), 1 + 85 + 1);
	assert_int_equal(lines_of(text_of(&d, &v, 50, 2)), 1 + 5 + 1 + 5 + 1);
	assert_int_equal(lines_of(text_of(&d, &v, 50, 3)), 1 + 6 + 1 + 6 + 1);
	assert_int_equal(lines_of(text_of(&d, &v, 50, 0)), 1 + 2 + 2 + 1);
	assert_ptr_equal(strstr(text_of(&d, &v, 50, 0), HEAD "      ~\n   10 |@"),
			 text_of(&d, &v, 50, 0));
}

static void into_a_string(void **state)
{
	struct abi_string *out = buffer();
	union room v = { 0 };

	(void)state;
	rt_sprint_hist(w->slot, &log_desc, 1, &v.stat, out);
	assert_text(out, "");
	assert_string_equal(error_of(w->slot), "empty aggregate");
	add(&log_desc, &v, 3, 2);
	rt_sprint_hist(w->slot, &log_desc, 1, &v.stat, out);
	assert_text(out, text_of(&log_desc, &v, 50, 2));
	w->region->max_string = 10;
	rt_sprint_hist(w->slot, &log_desc, 1, &v.stat, out);
	assert_text(out, "value |--");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(histogram, T(log_starts_at_zero), T(log_shows_negative_values_and_elides),
      T(bars_are_scaled_to_the_width), T(linear_marks_what_is_outside), T(wide_values),
      T(elision_is_a_parameter), T(into_a_string));
