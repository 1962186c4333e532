/* SPDX-License-Identifier: Apache-2.0 */
/* Locks exclude, time out, and are taken back from the dead. */
#include <pthread.h>

#include "world.h"

#define WRITE 0x80000000u

static struct world *w;

static int setup(void **state)
{
	uint32_t number;

	(void)state;
	w = world_create(0);
	for (int i = 0; i < 60; i++)
		world_global(w, ABI_SHARE_LOCKED, ABI_VALUE_LONG, NULL, NULL, &number);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

static struct abi_global *global(uint32_t i)
{
	return (struct abi_global *)((char *)w->region + w->region->globals_offset) + i;
}

static void words(void **state)
{
	static const uint32_t locks[] = { 0, 1 | WRITE };
	struct abi_slot *other = world_slot(w, 2);

	(void)state;
	assert_int_equal(rt_lock(w->slot, locks, 2), 1);
	assert_int_equal(global(0)->lock, 1);
	assert_int_equal(global(1)->lock, WRITE | 2);
	assert_int_equal(rt_lock(other, locks, 1), 1);
	assert_int_equal(global(0)->lock, 2);
	rt_unlock(w->slot);
	assert_int_equal(global(0)->lock, 1);
	assert_int_equal(global(1)->lock, 0);
	rt_handler_end(other);
	assert_int_equal(global(0)->lock, 0);
	assert_int_equal(other->locks_held, 0);
}

static void waiting_is_bounded(void **state)
{
	static const uint32_t write[] = { 5 | WRITE }, both[] = { 4 | WRITE, 5 };
	struct abi_slot *other = world_slot(w, 2);

	(void)state;
	assert_int_equal(rt_lock(w->slot, write, 1), 1);
	assert_int_equal(rt_lock(other, both, 2), 0);
	assert_int_equal(other->skipped_locked, 1);
	assert_int_equal(w->region->skipped, 1);
	assert_int_equal(other->locks_held, 0);
	assert_int_equal(global(4)->lock, 0);
	assert_int_equal(global(5)->lock, WRITE | 2);
	assert_true(global(5)->lock_waits > 0);
	rt_unlock(w->slot);
}

static void more_locks_than_notes(void **state)
{
	static uint32_t locks[60];

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		locks[i] = i | (i & 1 ? WRITE : 0);
	assert_int_equal(rt_lock(w->slot, locks, 60), 1);
	assert_int_equal(global(58)->lock, 1);
	assert_int_equal(global(59)->lock, WRITE | 2);
	rt_unlock(w->slot);
	for (uint32_t i = 0; i < 60; i++)
		assert_int_equal(global(i)->lock, 0);
}

static void the_dead_give_back(void **state)
{
	static const uint32_t locks[] = { 3, 4 | WRITE };
	struct abi_slot *other = world_slot(w, 2);

	(void)state;
	rt_lock(w->slot, locks, 2);
	rt_lock(other, locks, 1);
	rt_release_locks(w->region, w->slot);
	assert_int_equal(global(3)->lock, 1);
	assert_int_equal(global(4)->lock, 0);
	rt_release_locks(w->region, w->slot);
	assert_int_equal(global(3)->lock, 1);
	other->locks[1] = 0x7fffffff;
	other->locks_held = 1000000;
	rt_release_locks(w->region, other);
	assert_int_equal(global(3)->lock, 0);
}

/* ---- threads ------------------------------------------------------------------------ */

#define THREADS 4
#define ROUNDS 20000

struct worker {
	pthread_t thread;
	struct abi_slot *slot;
	uint64_t skipped;
};
static volatile int64_t pair[2]; /* equal whenever nobody writes */
static volatile int torn;

static void *work(void *p)
{
	static const uint32_t read[] = { 7, 9 }, write[] = { 7 | WRITE, 9 | WRITE };
	struct worker *me = p;

	for (int i = 0; i < ROUNDS; i++) {
		if (!rt_lock(me->slot, i % 4 ? read : write, 2)) {
			me->skipped += i % 4 == 0;
			continue;
		}
		if (i % 4 == 0)
			pair[0] = pair[0] + 1;
		if (i % 4 == 0)
			pair[1] = pair[1] + 1;
		if (pair[0] != pair[1])
			torn = 1;
		rt_unlock(me->slot);
	}
	return NULL;
}

static void writers_exclude_everybody(void **state)
{
	struct worker workers[THREADS];
	uint64_t skipped = 0;

	(void)state;
	pair[0] = pair[1] = torn = 0;
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .slot = world_slot(w, i + 1) };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		skipped += workers[i].skipped;
	}
	assert_int_equal(torn, 0);
	assert_int_equal(pair[0] + (int64_t)skipped, THREADS * ROUNDS / 4);
	assert_int_equal(global(7)->lock, 0);
	assert_int_equal(global(9)->lock, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(lock, T(words), T(waiting_is_bounded), T(more_locks_than_notes), T(the_dead_give_back),
      T(writers_exclude_everybody));
