/* SPDX-License-Identifier: Apache-2.0 */
/* foreach: order, stability, limits and slices. */
#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(32);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

static const struct map_shape pairs = { .n_keys = 2, .string_keys = 2, .capacity = 500 };

/* Entry i: [i, "text"] = random value of few, so that many are equal. */
static struct abi_map *random_map(uint32_t n)
{
	struct abi_map *map = map_create(&pairs, 32);
	char text[16];

	for (uint64_t i = 0; i < n; i++) {
		sprintf(text, "t%d", rand() % 7);
		*rt_map_ref(w->slot, map, (uint64_t[]){ i, (uint64_t)str(text) }) = rand() % 11 - 5;
	}
	return map;
}

struct row {
	int64_t number, value;
	char text[32];
};

static uint32_t rows_of(struct abi_map *map, int64_t sort, int64_t column, int64_t limit,
			struct row *rows)
{
	struct abi_string *text = buffer();
	struct rt_each it;
	uint32_t n = 0;

	rt_each_begin(w->slot, &it, map, sort, column, 0, limit, NULL, 0);
	while (rt_each_next(w->slot, &it)) {
		rows[n].number = rt_each_key(w->slot, &it, 1);
		rows[n].value = rt_each_value(w->slot, &it);
		rt_each_key_str(w->slot, &it, 2, text);
		strcpy(rows[n++].text, text->text);
	}
	return n;
}

static int compare_rows(const struct row *a, const struct row *b, int64_t column)
{
	if (column == 2)
		return strcmp(a->text, b->text);
	if (column == 1)
		return (a->number > b->number) - (a->number < b->number);
	return (a->value > b->value) - (a->value < b->value);
}

/* Insertion sort: plainly stable. */
static void sort_rows(struct row *rows, uint32_t n, int64_t sort, int64_t column)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t j = i; j && compare_rows(&rows[j - 1], &rows[j], column) * sort > 0;
		     j--) {
			struct row swap = rows[j];

			rows[j] = rows[j - 1];
			rows[j - 1] = swap;
		}
}

static void check_links(struct abi_map *map)
{
	uint32_t n = 0, prev = 0;

	for (uint32_t at = map->first; at;) {
		struct abi_entry *e =
			(void *)((char *)map + map->entries_offset + (at - 1) * map->entry_size);

		assert_int_equal(e->prev, prev);
		prev = at;
		at = e->next;
		n++;
	}
	assert_int_equal(map->last, prev);
	assert_int_equal(map->count, n);
}

static void sorting_is_stable_and_stays(void **state)
{
	static struct row expected[500], got[500];

	(void)state;
	srand(3);
	for (uint32_t n = 0; n < 500; n = n * 2 + 1)
		for (int64_t column = 0; column <= 2; column++)
			for (int64_t sort = -1; sort <= 1; sort++) {
				struct abi_map *map = random_map(n);

				assert_int_equal(rows_of(map, 0, 0, INT64_MAX, expected), n);
				if (sort)
					sort_rows(expected, n, sort, column);
				assert_int_equal(rows_of(map, sort, column, INT64_MAX, got), n);
				assert_memory_equal(expected, got, n * sizeof got[0]);
				check_links(map);
				assert_int_equal(rows_of(map, 0, 0, INT64_MAX, got), n);
				assert_memory_equal(expected, got, n * sizeof got[0]);
				free(map);
			}
}

static void small_limits_pick_the_first(void **state)
{
	static struct row expected[300], before[300], got[300];

	(void)state;
	srand(4);
	for (int64_t limit = -1; limit < 40; limit++) {
		struct abi_map *map = random_map(300);
		uint32_t some = limit < 0 ? 0 : (uint32_t)limit;

		rows_of(map, 0, 0, INT64_MAX, before);
		memcpy(expected, before, sizeof expected);
		sort_rows(expected, 300, -1, 0);
		assert_int_equal(rows_of(map, -1, 0, limit, got), some);
		assert_memory_equal(expected, got, some * sizeof got[0]);
		check_links(map);
		assert_int_equal(rows_of(map, 0, 0, INT64_MAX, got), 300);
		assert_memory_equal(expected, got, some * sizeof got[0]);
		free(map);
	}
}

static void slices_filter(void **state)
{
	struct abi_map *map = map_create(&pairs, 32);
	uint64_t keys[2] = { 0, (uint64_t)str("odd") };
	struct rt_each it;
	int64_t next = 9;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		*rt_map_ref(w->slot, map,
			    (uint64_t[]){ i, (uint64_t)str(i & 1 ? "odd" : "even") }) = (int64_t)i;
	rt_each_begin(w->slot, &it, map, -1, 1, 0, 3, keys, 1);
	for (int i = 0; i < 3; i++, next -= 2) {
		assert_int_equal(rt_each_next(w->slot, &it), 1);
		assert_int_equal(rt_each_key(w->slot, &it, 1), next);
	}
	assert_int_equal(rt_each_next(w->slot, &it), 0);
	assert_int_equal(rt_each_key(w->slot, &it, 1), 0);
	free(map);
}

static void statistics_sort_by_operator(void **state)
{
	const struct map_shape shape = { .n_keys = 1,
					 .value_kind = ABI_VALUE_STAT,
					 .capacity = 10,
					 .stat = { .keep = ABI_KEEP_COUNT | ABI_KEEP_SUM |
							   ABI_KEEP_MIN | ABI_KEEP_MAX } };
	static const struct {
		int64_t op, order[3];
	} cases[] = { { ABI_STAT_COUNT, { 2, 1, 3 } },
		      { ABI_STAT_SUM, { 3, 1, 2 } },
		      { ABI_STAT_MIN, { 3, 1, 2 } },
		      { ABI_STAT_MAX, { 3, 1, 2 } },
		      { ABI_STAT_AVG, { 3, 1, 2 } } };
	struct abi_map *map = map_create(&shape, 32);

	(void)state;
	rt_map_stat_add(w->slot, map, (uint64_t[]){ 1 }, 10);
	rt_map_stat_add(w->slot, map, (uint64_t[]){ 1 }, 20);
	for (int i = 0; i < 5; i++)
		rt_map_stat_add(w->slot, map, (uint64_t[]){ 2 }, 1);
	rt_map_stat_add(w->slot, map, (uint64_t[]){ 3 }, 100);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rt_each it;

		rt_each_begin(w->slot, &it, map, -1, 0, cases[i].op, INT64_MAX, NULL, 0);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(rt_each_next(w->slot, &it), 1);
			assert_int_equal(rt_each_key(w->slot, &it, 1), cases[i].order[k]);
		}
	}
	free(map);
}

static void values_of_all_kinds(void **state)
{
	const struct map_shape texts = { .n_keys = 1,
					 .value_kind = ABI_VALUE_STRING,
					 .capacity = 4 };
	struct abi_map *map = map_create(&texts, 32);
	struct abi_string *out = buffer();
	struct rt_each it;

	(void)state;
	rt_map_set_str(w->slot, map, (uint64_t[]){ 1 }, str("b"));
	rt_map_set_str(w->slot, map, (uint64_t[]){ 2 }, str("a"));
	rt_each_begin(w->slot, &it, map, 1, 0, 0, INT64_MAX, NULL, 0);
	assert_int_equal(rt_each_next(w->slot, &it), 1);
	rt_each_value_str(w->slot, &it, out);
	assert_text(out, "a");
	assert_int_equal(rt_each_key(w->slot, &it, 1), 2);
	assert_int_equal(rt_each_key(w->slot, &it, 2), 0);
	free(map);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(each, T(sorting_is_stable_and_stays), T(small_limits_pick_the_first), T(slices_filter),
      T(statistics_sort_by_operator), T(values_of_all_kinds));
