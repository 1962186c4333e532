/* SPDX-License-Identifier: Apache-2.0 */
/* Maps behave as a naive list of pairs does, and survive damage. */
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

/* ---- the model: pairs in order of insertion ------------------------------------------ */

#define MODEL_MOST 64
struct model {
	struct {
		int64_t a;
		char b[32];
		int64_t value;
	} p[MODEL_MOST];
	uint32_t n;
};

static uint32_t model_find(const struct model *m, int64_t a, const char *b)
{
	uint32_t i = 0;

	while (i < m->n && (m->p[i].a != a || strcmp(m->p[i].b, b)))
		i++;
	return i;
}

static void model_delete(struct model *m, uint32_t i)
{
	memmove(&m->p[i], &m->p[i + 1], (--m->n - i) * sizeof m->p[0]);
}

static int64_t *model_make(struct model *m, int64_t a, const char *b)
{
	uint32_t i = model_find(m, a, b);

	if (i == m->n) {
		m->p[i].a = a;
		strcpy(m->p[i].b, b);
		m->p[i].value = 0;
		m->n++;
	}
	return &m->p[i].value;
}

static void compare(struct abi_map *map, const struct model *m)
{
	struct abi_string *text = buffer();
	struct rt_each it;
	uint32_t i = 0;

	assert_int_equal(map->count, m->n);
	rt_each_begin(w->slot, &it, map, 0, 0, 0, INT64_MAX, NULL, 0);
	while (rt_each_next(w->slot, &it)) {
		assert_true(i < m->n);
		assert_int_equal(rt_each_key(w->slot, &it, 1), m->p[i].a);
		rt_each_key_str(w->slot, &it, 2, text);
		assert_text(text, m->p[i].b);
		assert_int_equal(rt_each_value(w->slot, &it), m->p[i].value);
		i++;
	}
	assert_int_equal(i, m->n);
}

static void delete_matching(struct model *m, int64_t a)
{
	for (uint32_t i = m->n; i--;)
		if (m->p[i].a == a)
			model_delete(m, i);
}

static void step(struct abi_map *map, struct model *m, bool wraps)
{
	char text[32];
	int64_t a = rand() % 9;
	uint64_t keys[2];
	uint32_t at;

	sprintf(text, "%.*s%d", rand() % 20, "a rather long prefix", rand() % 5);
	keys[0] = (uint64_t)a;
	keys[1] = (uint64_t)str(text);
	at = model_find(m, a, text);
	assert_int_equal(rt_map_has(w->slot, map, keys, 0), at < m->n);
	assert_int_equal(rt_map_get(w->slot, map, keys), at < m->n ? m->p[at].value : 0);
	switch (rand() % 16) {
	case 0:
		rt_map_delete(w->slot, map, keys, 2);
		delete_matching(m, a);
		break;
	case 1:
	case 2:
	case 3:
		rt_map_delete(w->slot, map, keys, 0);
		if (at < m->n)
			model_delete(m, at);
		break;
	default: {
		int64_t *v = rt_map_ref(w->slot, map, keys);

		if (at == m->n && m->n == map->capacity && !wraps) {
			assert_null(v);
			assert_string_equal(error_of(w->slot),
					    "Array overflow, check MAXMAPENTRIES");
			break;
		}
		if (at == m->n && m->n == map->capacity)
			model_delete(m, 0);
		assert_non_null(v);
		*v += 3;
		*model_make(m, a, text) += 3;
	}
	}
}

static void random_steps(bool wraps)
{
	const struct map_shape shape = {
		.n_keys = 2, .string_keys = 2, .capacity = 40, .wraps = wraps
	};
	struct abi_map *map = map_create(&shape, 32);
	struct model m = { .n = 0 };

	srand(wraps ? 5 : 7);
	for (int i = 0; i < 20000; i++) {
		step(map, &m, wraps);
		if (i % 64 == 0)
			compare(map, &m);
		if (i % 5000 == 4999) {
			rt_map_clear(w->slot, map);
			m.n = 0;
			compare(map, &m);
		}
	}
	free(map);
}

static void random_operations_equal_the_model(void **state)
{
	(void)state;
	random_steps(false);
}

static void random_operations_on_a_wrapping_map(void **state)
{
	(void)state;
	random_steps(true);
}

/* ---- one long key -------------------------------------------------------------------------- */

static void long_keys(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 2048 };
	struct abi_map *map = map_create(&shape, 512);

	(void)state;
	for (int round = 0; round < 3; round++)
		for (int64_t i = 0; i < 2048; i++) {
			int64_t *v = rt_map_ref_long(w->slot, map, i * 4096 + 5);
			uint64_t keys[1] = { (uint64_t)(i * 4096 + 5) };

			assert_int_equal(*v, round * 2);
			*v += 1;
			*rt_map_ref(w->slot, map, keys) += 1;
			assert_int_equal(rt_map_get(w->slot, map, keys), round * 2 + 2);
		}
	assert_null(rt_map_ref_long(w->slot, map, -1));
	assert_string_equal(error_of(w->slot), "Array overflow, check MAXMAPENTRIES");
	free(map);
}

/* Sixteen integers in a row have a bucket each in one cache line, and no bucket of theirs is left over. */
static void neighbouring_keys_share_a_cache_line(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 1024 };
	struct abi_map *map = map_create(&shape, 512);
	const uint32_t *bucket = (const void *)(map + 1);
	uint32_t lines = 0;

	(void)state;
	for (int64_t i = 0; i < 16; i++)
		rt_map_ref_long(w->slot, map, 0x7000 + i);
	for (uint32_t line = 0; line < map->buckets / 16; line++) {
		uint32_t used = 0;

		for (uint32_t i = 0; i < 16; i++)
			used += bucket[line * 16 + i] != 0;
		lines += used == 16;
	}
	assert_int_equal(lines, 1);
	free(map);
}

/* Keys that programs have: counters, pages, addresses, high words. */
static void usual_keys_spread_over_the_buckets(void **state)
{
	static const uint64_t factors[] = { 1,		8,	 4096, 1ull << 32,
					    1ull << 52, 0x10001, 48,   0x7f0000001000 };
	const struct map_shape shape = { .n_keys = 1, .capacity = 1024 };

	(void)state;
	for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
		struct abi_map *map = map_create(&shape, 512);
		const uint32_t *bucket = (const void *)(map + 1);
		uint32_t used = 0;

		for (uint64_t i = 0; i < 1024; i++)
			rt_map_ref_long(w->slot, map, (int64_t)(i * factors[f]));
		for (uint32_t i = 0; i < map->buckets; i++)
			used += bucket[i] != 0;
		assert_true(used > 560);
		free(map);
	}
}

static void declared_sizes_are_named(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 10, .declared = true };
	struct abi_map *map = map_create(&shape, 512);

	(void)state;
	for (int64_t i = 0; i < 10; i++)
		assert_non_null(rt_map_ref_long(w->slot, map, i));
	assert_null(rt_map_ref_long(w->slot, map, 10));
	assert_string_equal(error_of(w->slot), "Array overflow, check size limit (10)");
	assert_non_null(rt_map_ref_long(w->slot, map, 9));
	assert_string_equal(error_of(w->slot), "");
	free(map);
}

static void eviction_takes_the_first_in_order(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 3, .wraps = true };
	struct abi_map *map = map_create(&shape, 512);
	struct rt_each it;

	(void)state;
	for (int64_t i = 1; i <= 3; i++)
		*rt_map_ref_long(w->slot, map, i) = i;
	rt_each_begin(w->slot, &it, map, -1, 1, 0, INT64_MAX, NULL, 0);
	*rt_map_ref_long(w->slot, map, 4) = 4;
	assert_int_equal(rt_map_has(w->slot, map, (uint64_t[]){ 3 }, 0), 0);
	assert_int_equal(rt_map_has(w->slot, map, (uint64_t[]){ 1 }, 0), 1);
	free(map);
}

/* ---- strings as values ------------------------------------------------------------------------
 */

static void string_values(void **state)
{
	const struct map_shape shape = {
		.n_keys = 1, .string_keys = 1, .value_kind = ABI_VALUE_STRING, .capacity = 4
	};
	struct abi_map *map = map_create(&shape, 32);
	uint64_t keys[1] = { (uint64_t)str("key") };
	struct abi_string *out = buffer();

	(void)state;
	rt_map_get_str(w->slot, map, keys, out);
	assert_text(out, "");
	rt_map_set_str(w->slot, map, keys, str("0123456789012345678901234567890123456789"));
	rt_map_get_str(w->slot, map, keys, out);
	assert_text(out, "0123456789012345678901234567890");
	rt_map_set_str(w->slot, map, keys, str(""));
	rt_map_get_str(w->slot, map, keys, out);
	assert_text(out, "");
	assert_int_equal(rt_map_has(w->slot, map, keys, 0), 1);
	free(map);
}

static void slices(void **state)
{
	const struct map_shape shape = { .n_keys = 3, .capacity = 100 };
	struct abi_map *map = map_create(&shape, 32);

	(void)state;
	for (uint64_t i = 0; i < 60; i++)
		*rt_map_ref(w->slot, map, (uint64_t[]){ i % 3, i % 4, i % 5 }) = (int64_t)i;
	assert_int_equal(rt_map_has(w->slot, map, (uint64_t[]){ 2, 0, 4 }, 2), 1);
	assert_int_equal(rt_map_has(w->slot, map, (uint64_t[]){ 3, 0, 0 }, 6), 0);
	rt_map_delete(w->slot, map, (uint64_t[]){ 0, 1, 0 }, 5);
	assert_int_equal(map->count, 45);
	assert_int_equal(rt_map_has(w->slot, map, (uint64_t[]){ 0, 1, 0 }, 5), 0);
	rt_map_delete(w->slot, map, (uint64_t[]){ 0, 0, 0 }, 7);
	assert_int_equal(map->count, 0);
	free(map);
}

static void statistics_as_values(void **state)
{
	const struct map_shape shape = { .n_keys = 1,
					 .value_kind = ABI_VALUE_STAT,
					 .capacity = 4,
					 .stat = { .keep = ABI_KEEP_COUNT | ABI_KEEP_SUM |
							   ABI_KEEP_LOG,
						   .buckets = ABI_LOG_BUCKETS } };
	struct abi_map *map = map_create(&shape, 32);
	uint64_t keys[1] = { 7 };

	(void)state;
	assert_null(rt_map_stat(w->slot, map, keys));
	rt_map_stat_add(w->slot, map, keys, 5);
	rt_map_stat_add(w->slot, map, keys, 6);
	assert_int_equal(rt_map_stat(w->slot, map, keys)->count, 2);
	assert_int_equal(rt_map_stat(w->slot, map, keys)->sum, 11);
	assert_int_equal(rt_map_stat(w->slot, map, keys)->bucket[67], 2);
	rt_map_delete(w->slot, map, keys, 0);
	rt_map_stat_add(w->slot, map, (uint64_t[]){ 8 }, 1);
	assert_int_equal(rt_map_stat(w->slot, map, (uint64_t[]){ 8 })->bucket[67], 0);
	free(map);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

static void use_everything(struct abi_map *map)
{
	struct rt_each it;
	uint64_t rounds = 0;

	for (int64_t i = 0; i < 24; i++) {
		rt_map_ref_long(w->slot, map, i);
		rt_map_delete(w->slot, map, (uint64_t[]){ (uint64_t)i / 2 }, 0);
	}
	rt_map_has(w->slot, map, (uint64_t[]){ 0 }, 1);
	rt_each_begin(w->slot, &it, map, 1, 0, 0, 3, NULL, 0);
	rt_each_begin(w->slot, &it, map, -1, 1, 0, INT64_MAX, NULL, 0);
	while (rt_each_next(w->slot, &it))
		assert_true(++rounds <= map->capacity);
	rt_map_delete(w->slot, map, (uint64_t[]){ 0 }, 1);
	error_of(w->slot);
}

/* Every number that changes is overwritten at random; nothing may hang or leave the map (sanitizers
 * watch). */
static void damaged_maps_neither_hang_nor_leave_their_memory(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 20, .wraps = true };
	uint64_t size = map_size(&shape, 32);

	(void)state;
	srand(11);
	for (int round = 0; round < 3000; round++) {
		struct abi_map *map = map_create(&shape, 32);
		uint32_t *words = (uint32_t *)map, n = (uint32_t)(size / 4);
		uint32_t first = (uint32_t)offsetof(struct abi_map, count) / 4;

		for (int64_t i = 0; i < 20; i++)
			*rt_map_ref_long(w->slot, map, i) = rand();
		for (int i = rand() % 12; i >= 0; i--)
			words[first + (uint32_t)rand() % (n - first)] =
				rand() % 3 ? (uint32_t)rand() % 24 : (uint32_t)rand() * 2654435761u;
		use_everything(map);
		free(map);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(map, T(random_operations_equal_the_model), T(random_operations_on_a_wrapping_map),
      T(long_keys), T(neighbouring_keys_share_a_cache_line),
      T(usual_keys_spread_over_the_buckets), T(declared_sizes_are_named),
      T(eviction_takes_the_first_in_order), T(string_values), T(slices), T(statistics_as_values),
      T(damaged_maps_neither_hang_nor_leave_their_memory));
