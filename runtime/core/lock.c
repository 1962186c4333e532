/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of shared globals: many readers or one writer, for a whole handler.
 *
 * The word is in abi_global.lock: 0 free, a writer's slot number + 1 with the
 * highest bit, else the number of readers.  Handlers lock in ascending order,
 * so they cannot deadlock; waiting is bounded all the same, because an owner
 * may be stopped or dead.
 *
 * A lock is noted in slot.locks just before the attempt and the note is taken
 * back when the attempt fails: whoever finds a dead thread's slot can give
 * back all it held.  A writer's word names it, so that a note without a lock is
 * harmless; a reader that died between note and lock, two instructions, makes
 * the count one too low once, which rt_release_locks() keeps from wrapping.
 */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/format.h"
#include "runtime/rt_api.h"

#define WRITE 0x80000000u
#define NOTES (sizeof((struct abi_slot *)0)->locks / sizeof((struct abi_slot *)0)->locks[0])
#define WAIT_NS 100000000u
#define SPINS 200u /* pauses between looks at the clock, and yields */

static struct abi_global *global_at(struct abi_region *r, uint32_t lock)
{
	return (struct abi_global *)((char *)r + r->globals_offset) + (lock & ~WRITE);
}

static uint32_t my_word(const struct abi_slot *s)
{
	return WRITE | (s->number + 1);
}

RT_INLINE bool try_lock(const struct abi_slot *s, uint32_t *word, uint32_t lock)
{
	uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	if (lock & WRITE)
		return !seen && __atomic_compare_exchange_n(word, &seen, my_word(s), false,
							    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
	return !(seen & WRITE) && __atomic_compare_exchange_n(word, &seen, seen + 1, false,
							      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

RT_INLINE bool take(struct abi_slot *s, uint32_t *word, uint32_t lock)
{
	uint64_t n = s->locks_held;

	if (n < NOTES)
		s->locks[n] = lock;
	__atomic_store_n(&s->locks_held, n + 1, __ATOMIC_RELAXED);
	__asm__ volatile("" ::: "memory");
	if (rt_likely(try_lock(s, word, lock)))
		return true;
	__atomic_store_n(&s->locks_held, n, __ATOMIC_RELAXED);
	return false;
}

static bool looks_free(const uint32_t *word, uint32_t lock)
{
	uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	return lock & WRITE ? !seen : !(seen & WRITE);
}

/* Contended. *start: when this handler began to wait, 0 not yet. */
static RT_COLD bool wait_and_take(struct abi_slot *s, struct abi_global *g, uint32_t lock,
				  uint64_t *start)
{
	uint64_t most = rt_ticks(rt_region(s), WAIT_NS);

	if (!*start)
		*start = rt_tsc();
	__atomic_fetch_add(&g->lock_waits, 1, __ATOMIC_RELAXED);
	for (;;) {
		for (uint32_t i = 0; i < SPINS; i++) {
			if (looks_free(&g->lock, lock) && take(s, &g->lock, lock))
				return true;
			rt_pause();
		}
		if (rt_tsc() - *start > most)
			return false;
		rt_syscall(RT_SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	}
}

int64_t rt_lock(struct abi_slot *s, const uint32_t *locks, int64_t n)
{
	struct abi_region *r = rt_region(s);
	uint64_t start = 0;

	s->scratch[RT_SCRATCH_LOCKS] = (uint64_t)locks;
	for (int64_t i = 0; i < n; i++) {
		struct abi_global *g = global_at(r, locks[i]);

		if (rt_likely(take(s, &g->lock, locks[i])) || wait_and_take(s, g, locks[i], &start))
			continue;
		rt_unlock(s);
		s->skipped_locked++;
		rt_count_skipped(r);
		return 0;
	}
	return 1;
}

/* A writer's lock only if the word still names it; a reader's only if there are readers. */
static void give_back(uint32_t *word, uint32_t lock, uint32_t mine)
{
	uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	if (lock & WRITE) {
		if (seen == mine)
			__atomic_store_n(word, 0, __ATOMIC_RELEASE);
		return;
	}
	while (seen && !(seen & WRITE) &&
	       !__atomic_compare_exchange_n(word, &seen, seen - 1, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

void rt_unlock(struct abi_slot *s)
{
	const uint32_t *list = (const void *)s->scratch[RT_SCRATCH_LOCKS];
	struct abi_region *r = rt_region(s);

	for (uint64_t n = s->locks_held; n--;) {
		uint32_t lock = n < NOTES ? s->locks[n] : list[n];

		give_back(&global_at(r, lock)->lock, lock, my_word(s));
		__atomic_store_n(&s->locks_held, n, __ATOMIC_RELAXED);
	}
}

/* The dead thread's addresses mean nothing here, so what it held as a writer beyond its notes is
 * found by name. */
void rt_release_locks(struct abi_region *r, struct abi_slot *dead)
{
	uint64_t held = dead->locks_held < NOTES ? dead->locks_held : NOTES;

	for (uint64_t i = 0; i < held; i++)
		if ((dead->locks[i] & ~WRITE) < r->n_globals)
			give_back(&global_at(r, dead->locks[i])->lock, dead->locks[i],
				  my_word(dead));
	for (uint32_t i = 0; i < r->n_globals; i++)
		give_back(&global_at(r, i)->lock, i | WRITE, my_word(dead));
	dead->locks_held = 0;
}
