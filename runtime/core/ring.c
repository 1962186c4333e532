/* SPDX-License-Identifier: Apache-2.0 */
/* Room in the ring, and the moment records become visible. The protocol is in ring.h. */
#include "runtime/core/ring.h"
#include "runtime/core/wake.h"

#define WAIT_NS 2000000000u /* of a lossless session for the tool, at most, per record */

void rt_ring_publish(struct abi_slot *s)
{
	__atomic_store_n(&s->ring_head, s->ring_write, __ATOMIC_RELEASE);
}

void rt_ring_end(struct abi_slot *s)
{
	struct abi_region *r = rt_region(s);

	rt_ring_publish(s);
	s->hit_tsc = 0;
	__atomic_store_n(&s->ring_pending, 0, __ATOMIC_RELEASE);
	if (rt_unlikely(s->ring_head - __atomic_load_n(&s->ring_tail, __ATOMIC_RELAXED) >
			r->ring_size / 2) &&
	    __atomic_load_n(&r->event_waiting, __ATOMIC_RELAXED))
		rt_wake_tool(r);
}

static bool has_room(const struct abi_slot *s, uint64_t size)
{
	uint64_t used = s->ring_write - __atomic_load_n(&s->ring_tail, __ATOMIC_ACQUIRE);

	return used <= rt_region(s)->ring_size && size <= rt_region(s)->ring_size - used;
}

/* In the tool: its own function takes what is complete. */
static bool drain(struct abi_slot *s, uint64_t size)
{
	void (*empty)(struct abi_slot *) =
		(void (*)(struct abi_slot *))s->scratch[RT_SCRATCH_DRAIN];

	if (!empty)
		return false;
	rt_ring_publish(s);
	empty(s);
	return has_room(s, size);
}

/* The tool reads. */
static bool is_read(const struct abi_region *r)
{
	uint32_t state = __atomic_load_n(&r->state, __ATOMIC_RELAXED);

	return state == ABI_STATE_RUNNING || state == ABI_STATE_STOPPING;
}

/* Lossless: the program waits for the tool. */
static bool wait(struct abi_slot *s, uint64_t size)
{
	struct abi_region *r = rt_region(s);
	uint64_t start = rt_tsc(), most = rt_ticks(r, WAIT_NS);

	rt_ring_publish(s);
	while (!has_room(s, size)) {
		if (!is_read(r) || rt_tsc() - start > most)
			return false;
		rt_wake_tool(r);
		rt_syscall(RT_SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	}
	return true;
}

static void pad(struct abi_slot *s, uint64_t at, uint64_t size)
{
	struct abi_record *r = (struct abi_record *)((char *)s + rt_region(s)->ring_offset + at);
	uint64_t head = (uint64_t)ABI_RECORD_PAD << 32 | size;

	memcpy(r, &head, sizeof head);
	s->ring_write += size;
}

RT_COLD bool rt_ring_make_room(struct abi_slot *s, uint64_t size)
{
	const struct abi_region *r = rt_region(s);
	uint64_t at = s->ring_write & (r->ring_size - 1);
	uint64_t skipped = at + size > r->ring_size ? r->ring_size - at : 0;

	if (size > r->ring_size / 2 ||
	    (!has_room(s, skipped + size) && !(s->in_tool    ? drain(s, skipped + size)
					       : r->lossless ? wait(s, skipped + size)
							     : false))) {
		s->dropped++;
		return false;
	}
	if (skipped)
		pad(s, at, skipped);
	return true;
}
