/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: what is kept, what the operators answer, how shards merge. */
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

#define ALL (ABI_KEEP_COUNT | ABI_KEEP_SUM | ABI_KEEP_MIN | ABI_KEEP_MAX)

union room {
	int64_t words[ABI_STAT_HEAD / 8 + ABI_LOG_BUCKETS];
	struct abi_stat stat;
};

static void simple_operators(void **state)
{
	const struct abi_stat_desc d = { .keep = ALL };
	union room v = { 0 };

	(void)state;
	for (int64_t i = -3; i <= 10; i++)
		rt_stat_add(w->slot, &d, &v.stat, i);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_COUNT), 14);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_SUM), 49);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_MIN), -3);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_MAX), 10);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_AVG), 3);
	rt_stat_clear(w->slot, &d, &v.stat);
	rt_stat_add(w->slot, &d, &v.stat, 5);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_MIN), 5);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_MAX), 5);
	rt_stat_add(w->slot, &d, &v.stat, INT64_MIN);
	rt_stat_add(w->slot, &d, &v.stat, INT64_MIN);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_SUM), 5);
}

static void only_what_is_asked_is_kept(void **state)
{
	const struct abi_stat_desc d = { .keep = ABI_KEEP_COUNT };
	union room v = { 0 };

	(void)state;
	rt_stat_add(w->slot, &d, &v.stat, 9);
	assert_int_equal(v.stat.count, 1);
	assert_int_equal(v.stat.sum | v.stat.min | v.stat.max | v.stat.mean | v.stat.m2, 0);
}

static void empty_ones(void **state)
{
	const struct abi_stat_desc d = { .keep = ALL, .buckets = ABI_LOG_BUCKETS };
	union room v = { 0 };

	(void)state;
	assert_int_equal(rt_stat_get(w->slot, &d, NULL, ABI_STAT_COUNT), 0);
	assert_int_equal(rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_SUM), 0);
	assert_string_equal(error_of(w->slot), "");
	for (int64_t op = ABI_STAT_MIN; op <= ABI_STAT_VARIANCE; op++) {
		assert_int_equal(rt_stat_get(w->slot, &d, op & 1 ? NULL : &v.stat, op), 0);
		assert_string_equal(error_of(w->slot), "empty aggregate");
	}
	rt_stat_bucket(w->slot, &d, 1, NULL, 0);
	assert_string_equal(error_of(w->slot), "empty aggregate");
}

static int64_t variance_of(int64_t shift, const int64_t *x, uint32_t n)
{
	const struct abi_stat_desc d = { .keep = ABI_KEEP_COUNT | ABI_KEEP_VARIANCE,
					 .shift = shift };
	union room v = { 0 };

	for (uint32_t i = 0; i < n; i++)
		rt_stat_add(w->slot, &d, &v.stat, x[i]);
	return rt_stat_get(w->slot, &d, &v.stat, ABI_STAT_VARIANCE);
}

/* The first two are the examples of SystemTap's manual page. */
static void variance(void **state)
{
	static const int64_t five[] = { 1, 2, 3, 4, 5 }, one[] = { 77 }, same[] = { 4, 4, 4, 4 };
	static const int64_t spread[] = { 1000, 2000, 3000, 4000, 10000, -2000 };

	(void)state;
	assert_int_equal(variance_of(0, five, 5), 12);
	assert_int_equal(variance_of(1, five, 5), 2);
	assert_int_equal(variance_of(0, one, 1), 0);
	assert_int_equal(variance_of(3, same, 4), 0);
	assert_true(llabs(variance_of(10, spread, 6) - 16000000) < 100);
	variance_of(62, spread, 6);
}

static void log_buckets(void **state)
{
	static const struct {
		int64_t value;
		uint32_t bucket;
	} cases[] = { { 0, 64 },	  { 1, 65 },
		      { 2, 66 },	  { 3, 66 },
		      { 4, 67 },	  { 7, 67 },
		      { 8, 68 },	  { -1, 63 },
		      { -2, 62 },	  { -3, 62 },
		      { -4, 61 },	  { INT64_MAX, 127 },
		      { INT64_MIN, 0 },	  { INT64_MIN + 1, 1 },
		      { 1ll << 62, 127 }, { (1ll << 62) - 1, 126 } };
	const struct abi_stat_desc d = { .keep = ABI_KEEP_COUNT | ABI_KEEP_LOG,
					 .buckets = ABI_LOG_BUCKETS };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		union room v = { 0 };

		rt_stat_add(w->slot, &d, &v.stat, cases[i].value);
		for (int64_t b = 0; b < ABI_LOG_BUCKETS; b++)
			assert_int_equal(rt_stat_bucket(w->slot, &d, 1, &v.stat, b),
					 b == cases[i].bucket);
	}
}

static void linear_buckets(void **state)
{
	const struct abi_stat_desc d = { .keep = ABI_KEEP_COUNT | ABI_KEEP_LINEAR,
					 .buckets = 6,
					 .low = -10,
					 .high = 20,
					 .step = 10 };
	static const struct {
		int64_t value;
		uint32_t bucket;
	} cases[] = { { -11, 0 }, { INT64_MIN, 0 }, { -10, 1 },	     { -1, 1 },
		      { 0, 2 },	  { 9, 2 },	    { 19, 3 },	     { 20, 4 },
		      { 29, 4 },  { 30, 5 },	    { INT64_MAX, 5 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		union room v = { 0 };

		rt_stat_add(w->slot, &d, &v.stat, cases[i].value);
		assert_int_equal(rt_stat_bucket(w->slot, &d, 2, &v.stat, cases[i].bucket), 1);
		rt_stat_bucket(w->slot, &d, 2, &v.stat, 6);
		assert_string_equal(error_of(w->slot), "histogram index out of range");
		rt_stat_bucket(w->slot, &d, 2, &v.stat, -1);
		assert_string_equal(error_of(w->slot), "histogram index out of range");
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(stat, T(simple_operators), T(only_what_is_asked_is_kept), T(empty_ones), T(variance),
      T(log_buckets), T(linear_buckets));
