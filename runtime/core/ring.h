/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of a slot: one producer, the slot's thread, and one consumer, the tool.
 *
 *	   tail          head        write
 *	----+=============+-----------+------------
 *	    | to be taken | this hit's |   free
 *
 * Records are contiguous and 8-aligned.  One that does not fit before the
 * ring's end leaves a record of kind ABI_RECORD_PAD there, of which only size
 * and kind count (8 bytes may be all that is left).  No record is larger than
 * half the ring, so that pad and record together always fit an empty one.
 *
 * Stamps and the watermark.  All records of a hit carry one stamp, taken for
 * its first record.  The producer
 *	1. stores ring_pending = 1: "a stamp is about to be taken, bound unknown";
 *	2. takes the stamp t, stores ring_pending = t + 1;
 *	3. writes records; rt_handler_end() publishes ring_head (release),
 *	   then stores ring_pending = 0 (release).
 * The consumer
 *	1. takes w = its own time stamp, less RT_RING_SLACK nanoseconds;
 *	2. for each slot loads ring_pending p, then ring_head (both acquire);
 *	   p = 1 gives w = 0, any other p but 0 gives w = min(w, p - 1).
 * What it saw published with stamps below w, it may print in order: whatever
 * is published later has a stamp of w or more.  The slack is what the store
 * of step 1 may take to leave the producer's store buffer, since nothing
 * here fences; it is generous by three orders of magnitude.
 * The consumer must take records out of a ring also while it may not print
 * them: a producer may wait for room.
 */
#ifndef SPILE_RUNTIME_RING_H
#define SPILE_RUNTIME_RING_H

#include "runtime/arch/arch.h"
#include "runtime/core/core.h"

/* Makes room the slow way: pads, waits or drains. False: the record is dropped, and counted. */
bool rt_ring_make_room(struct abi_slot *s, uint64_t size);
/* Publishes complete records; this hit goes on. */
void rt_ring_publish(struct abi_slot *s);
/* The hit's last word: publishes, and wakes a tool that sleeps over a ring half full. */
void rt_ring_end(struct abi_slot *s);

RT_INLINE uint64_t rt_ring_stamp(struct abi_slot *s)
{
	if (rt_unlikely(!s->ring_pending)) {
		__atomic_store_n(&s->ring_pending, 1, __ATOMIC_RELAXED);
		__asm__ volatile("" ::: "memory");
		s->hit_tsc = rt_tsc();
		__atomic_store_n(&s->ring_pending, s->hit_tsc + 1, __ATOMIC_RELAXED);
	}
	return s->hit_tsc;
}

/*
 * A record of `size` bytes, head included, multiple of 8: head filled in, the rest
 * undefined; it counts from rt_ring_add() on. NULL: dropped.
 */
RT_INLINE struct abi_record *rt_ring_take(struct abi_slot *s, uint64_t size, uint32_t kind,
					  uint32_t format)
{
	const struct abi_region *r = rt_region(s);
	uint64_t stamp = rt_ring_stamp(s), ring = r->ring_size, at = s->ring_write & (ring - 1);
	uint64_t used = s->ring_write - __atomic_load_n(&s->ring_tail, __ATOMIC_ACQUIRE);
	struct abi_record *to;

	if (rt_unlikely(at + size > ring || used > ring || size > ring - used)) {
		if (!rt_ring_make_room(s, size))
			return NULL;
		at = s->ring_write & (ring - 1);
	}
	to = (struct abi_record *)((char *)s + r->ring_offset + at);
	to->size = (uint32_t)size;
	to->kind = (uint16_t)kind;
	to->format = (uint16_t)format;
	to->tsc = stamp;
	return to;
}

RT_INLINE void rt_ring_add(struct abi_slot *s, const struct abi_record *r)
{
	s->ring_write += r->size;
}

#endif
