/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of dead threads, taken back when there are few left.
 *
 * A new thread on a dead one's stack finds its slot by itself: the key is the
 * thread pointer. Those whose stack is not used again would keep theirs for ever.
 * Whether one is dead can only be said while all threads stand: a new thread
 * may take up the key at any moment. So there is a window, when three quarters are used up
 * and no free one is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/session.h"

#define FEW (CTL_SLOTS / 4)
#define WAIT_LEAST 50000000ll /* ns */
#define WAIT_MOST 10000000000ll

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

struct living {
	struct ctl_process *p;
	uint32_t *tids; /* ascending */
	uint32_t n;
};

static struct living find_living(struct ctl_process *p, struct arena *a)
{
	struct living out = { p, arena_array(a, uint32_t, p->proc->threads.n + 1), 0 };

	vec_each(t, &p->proc->threads)
		if (!t->gone)
			out.tids[out.n++] = (uint32_t)t->tid;
	qsort(out.tids, out.n, sizeof *out.tids, by_number);
	return out;
}

static bool is_living(const struct living *l, const struct abi_slot *s)
{
	uint32_t tid = s->tid;

	if (s->tid_address < l->p->place.region &&
	    proc_read(l->p->proc, s->tid_address, &tid, sizeof tid) != sizeof tid)
		return false;
	return bsearch(&tid, l->tids, l->n, sizeof tid, by_number) != NULL;
}

void ctl_slot_give(struct ctl_session *s, uint32_t number)
{
	uint64_t first = __atomic_load_n(&s->region->free_slots, __ATOMIC_ACQUIRE), next;
	struct abi_slot *slot = ctl_slot(s, number);

	ctl_release_slot(s, slot); /* nobody knows whose they are when it has no thread any more */
	slot->key = 0;
	slot->pid = slot->tid = 0;
	slot->busy = 0;
	slot->virtual_mask = slot->pending = 0;
	slot->borrowed = slot->thread_begun = 0;
	slot->ring_write = slot->ring_head;
	__atomic_store_n(&slot->ring_pending, 0, __ATOMIC_RELEASE);
	do {
		slot->site = (uint32_t)first;
		next = ((first >> 32) + 1) << 32 | (number + 1);
	} while (!__atomic_compare_exchange_n(&s->region->free_slots, &first, next, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

/* Number of the slot at an address in the process; CTL_SLOTS if that is none. */
static uint32_t number_at(const struct ctl_process *p, uint64_t address)
{
	const struct abi_region *r = p->session->region;
	uint64_t at = address - p->place.region - r->slots_offset;

	return address && at % r->slot_size == 0 && at / r->slot_size < ctl_slots_used(p->session)
		       ? (uint32_t)(at / r->slot_size)
		       : CTL_SLOTS;
}

static uint32_t reclaim_entry(const struct living *l, uint32_t i, const struct abi_table_entry *e)
{
	struct ctl_process *p = l->p;
	uint32_t number = number_at(p, e->slot);
	const uint64_t gone = ABI_TABLE_GONE;
	struct abi_slot *slot;
	struct error *bad;

	if (!e->key || e->key == ABI_TABLE_GONE || number == CTL_SLOTS)
		return 0;
	slot = ctl_slot(p->session, number);
	/* Numbers of another pid namespace say nothing. */
	if (slot->pid != (uint32_t)p->proc->pid || is_living(l, slot))
		return 0;
	bad = proc_write(p->proc, p->place.table + i * sizeof *e, &gone, sizeof gone);
	if (bad)
		return 0;
	ctl_slot_give(p->session, number);
	return 1;
}

/* In the window. */
static uint32_t reclaim_in(struct ctl_process *p, struct arena *a)
{
	struct abi_table_entry *table = arena_array(a, struct abi_table_entry, ABI_TABLE_ENTRIES);
	struct living l = find_living(p, a);
	uint32_t n = 0;

	if (proc_read(p->proc, p->place.table, table, CTL_TABLE_SIZE) != CTL_TABLE_SIZE)
		return 0;
	for (uint32_t i = 0; i < ABI_TABLE_ENTRIES; i++)
		n += reclaim_entry(&l, i, &table[i]);
	return n;
}

static uint32_t reclaim_process(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct error *e;
	uint32_t n = 0;

	ctl_window_open();
	if (ctl_process_lock(p)) {
		e = proc_stop(p->proc);
		if (!e) {
			n = reclaim_in(p, a);
			e = proc_release(p->proc);
		}
		(void)e; /* the next look tells what became of the process */
	}
	ctl_process_unlock(p);
	ctl_window_close();
	arena_destroy(a);
	return n;
}

/* Of children that were forked and have ended: nobody can come back to these. Numbers of another pid namespace say nothing. */
static uint32_t reclaim_ended(struct ctl_session *s)
{
	uint32_t used = s->other_numbers ? 0 : ctl_slots_used(s), n = 0;

	for (uint32_t i = 1; i < used; i++) {
		struct abi_slot *slot = ctl_slot(s, i);

		if (!slot->key || !slot->pid || kill((pid_t)slot->pid, 0) == 0 || errno != ESRCH)
			continue;
		ctl_slot_give(s, i);
		n++;
	}
	return n;
}

void ctl_slots_reclaim(struct ctl_session *s)
{
	int64_t now = ctl_now();
	uint32_t n;

	if (ctl_slots_used(s) < CTL_SLOTS - FEW || now - s->slots_looked < s->slots_wait ||
	    (uint32_t)__atomic_load_n(&s->region->free_slots, __ATOMIC_ACQUIRE))
		return;
	n = reclaim_ended(s);
	vec_each(p, &s->processes)
		if ((*p)->placed && !proc_has_ended((*p)->proc) && !ctl_has_execed(*p))
			n += reclaim_process(*p);
	s->slots_looked = ctl_now();
	s->slots_wait = n > FEW / 4 ? WAIT_LEAST
				    : base_min(base_max(2 * s->slots_wait, WAIT_LEAST), WAIT_MOST);
	ctl_verbose(s, 2, "%u slots of dead threads are free again", n);
}
