/* SPDX-License-Identifier: Apache-2.0 */
/* Sharded globals: views and the final collapse. */
#include <pthread.h>

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

static void *shard(uint32_t slot, uint32_t number)
{
	const struct abi_global *g =
		(struct abi_global *)((char *)w->region + w->region->globals_offset) + number;

	return (char *)world_slot(w, slot) + g->shard_offset;
}

static struct abi_slot *tool(void)
{
	return world_slot(w, 0);
}

static void scalars_add_up(void **state)
{
	uint32_t number;
	int64_t *base = world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_LONG, NULL, NULL, &number);

	(void)state;
	*base = 100;
	*(int64_t *)shard(1, number) = 10;
	*(int64_t *)shard(3, number) = -1;
	assert_int_equal(*(int64_t *)rt_view(tool(), number), 109);
	*(int64_t *)shard(2, number) = 5;
	assert_int_equal(*(int64_t *)rt_view(tool(), number), 109);
	rt_handler_end(tool());
	assert_int_equal(*(int64_t *)rt_view(tool(), number), 114);
	rt_collapse(tool());
	assert_int_equal(*base, 114);
	assert_int_equal(*(int64_t *)shard(1, number), 0);
	assert_ptr_equal(rt_view(tool(), number), base);
}

static void statistics_merge(void **state)
{
	const struct abi_stat_desc d = { .keep = 127 & ~ABI_KEEP_LINEAR,
					 .buckets = ABI_LOG_BUCKETS,
					 .shift = 8 };
	union {
		int64_t words[ABI_STAT_HEAD / 8 + ABI_LOG_BUCKETS];
		struct abi_stat stat;
	} whole = { 0 };
	const struct abi_stat *merged;
	uint32_t number;

	(void)state;
	world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_STAT, NULL, &d, &number);
	srand(6);
	for (uint32_t i = 0; i < 900; i++) {
		int64_t x = rand() % 1000 - 300;

		rt_stat_add(w->slot, &d, shard(1 + i % 3, number), x);
		rt_stat_add(w->slot, &d, &whole.stat, x);
	}
	merged = rt_view(tool(), number);
	for (int64_t op = ABI_STAT_COUNT; op <= ABI_STAT_AVG; op++)
		assert_int_equal(rt_stat_get(tool(), &d, merged, op),
				 rt_stat_get(tool(), &d, &whole.stat, op));
	assert_memory_equal(merged->bucket, whole.stat.bucket, sizeof whole - ABI_STAT_HEAD);
	assert_true(llabs(rt_stat_get(tool(), &d, merged, ABI_STAT_VARIANCE) -
			  rt_stat_get(tool(), &d, &whole.stat, ABI_STAT_VARIANCE)) < 1000);
}

static const struct map_shape counts = { .n_keys = 2, .string_keys = 1, .capacity = 6 };

static void count(struct abi_map *m, const char *text, int64_t key, int64_t by)
{
	*rt_map_ref(w->slot, m, (uint64_t[]){ (uint64_t)str(text), (uint64_t)key }) += by;
}

static void maps_keep_first_seen_order(void **state)
{
	static const struct {
		const char *text;
		int64_t key, value;
	} expected[] = { { "base", 1, 8 }, { "one", 2, 24 }, { "only", 3, 16 }, { "two", 4, 32 } };
	struct abi_string *text = buffer();
	struct rt_each it;
	uint32_t number;
	struct abi_map *base =
		world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_LONG, &counts, NULL, &number);

	(void)state;
	count(base, "base", 1, 1);
	count(shard(1, number), "one", 2, 8);
	count(shard(1, number), "base", 1, 7);
	count(shard(2, number), "only", 3, 16);
	count(shard(2, number), "one", 2, 16);
	count(shard(2, number), "two", 4, 32);
	rt_each_begin(tool(), &it, rt_view(tool(), number), 0, 0, 0, INT64_MAX, NULL, 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(rt_each_next(tool(), &it), 1);
		rt_each_key_str(tool(), &it, 1, text);
		assert_text(text, expected[i].text);
		assert_int_equal(rt_each_key(tool(), &it, 2), expected[i].key);
		assert_int_equal(rt_each_value(tool(), &it), expected[i].value);
	}
	assert_int_equal(rt_each_next(tool(), &it), 0);
	rt_collapse(tool());
	assert_int_equal(base->count, 4);
	assert_int_equal(((struct abi_map *)shard(2, number))->count, 0);
	assert_int_equal(w->region->collapsed, 1);
}

static void overflow_in_merging_is_an_error(void **state)
{
	struct abi_map *base;
	uint32_t number;

	(void)state;
	base = world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_LONG, &counts, NULL, &number);
	for (int64_t i = 0; i < 4; i++) {
		count(shard(1, number), "a", i, 1);
		count(shard(2, number), "b", i, 1);
	}
	rt_view(tool(), number);
	assert_string_equal(error_of(tool()), "Array overflow, check MAXMAPENTRIES");
	rt_collapse(tool());
	assert_int_equal(base->count, 6);
	rt_handler_end(tool());
	assert_int_equal(take_record(tool())->kind, ABI_RECORD_ERROR);
}

/* A slot that was claimed but not prepared, and damaged constant members. */
static void odd_shards_are_passed_over(void **state)
{
	struct abi_map *one;
	uint32_t number;

	(void)state;
	world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_LONG, &counts, NULL, &number);
	count(shard(1, number), "a", 1, 1);
	memset(shard(2, number), 0, sizeof(struct abi_map));
	one = shard(3, number);
	count(one, "b", 1, 1);
	one->capacity = 1000000;
	assert_int_equal(((struct abi_map *)rt_view(tool(), number))->count, 1);
	rt_collapse(tool());
}

/* ---- readers beside a writer ------------------------------------------------------------ */

static int done;

static void *write_shard(void *p)
{
	for (int round = 0; round < 300; round++)
		for (int64_t i = 0; i < 100; i++) {
			int64_t *v = rt_map_ref_long(world_slot(w, 1), p, i);

			__atomic_store_n(v, *v + 1, __ATOMIC_RELAXED);
		}
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void shards_are_read_while_they_grow(void **state)
{
	const struct map_shape shape = { .n_keys = 1, .capacity = 128 };
	pthread_t thread;
	uint32_t number;
	uint64_t last = 0;

	(void)state;
	world_global(w, ABI_SHARE_SHARDED, ABI_VALUE_LONG, &shape, NULL, &number);
	done = 0;
	pthread_create(&thread, NULL, write_shard, shard(1, number));
	for (bool end = false; !end;) {
		struct abi_map *m;

		end = __atomic_load_n(&done, __ATOMIC_ACQUIRE);
		m = rt_view(tool(), number);
		assert_true(m->count >= last && m->count <= 100);
		last = m->count;
		rt_handler_end(tool());
	}
	pthread_join(thread, NULL);
	assert_int_equal(rt_map_get(tool(), rt_view(tool(), number), (uint64_t[]){ 42 }), 300);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(share, T(scalars_add_up), T(statistics_merge), T(maps_keep_first_seen_order),
      T(overflow_in_merging_is_an_error), T(odd_shards_are_passed_over),
      T(shards_are_read_while_they_grow));
