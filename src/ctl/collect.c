/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting: one ring per thread, one stream of text.
 *
 *	ring of slot 1   ..[t=3][t=9]            read in order of time,
 *	ring of slot 2   ..[t=4][t=5][t=12]      up to the watermark
 *	ring of slot 3   ..(handler running: pending = 8)
 *	watermark            min(now, 8)  ->  3 4 5
 *
 * A handler announces a lower bound of its stamp (ring_pending) before it takes
 * the stamp; so what is below every announced bound, and a little in the past, is
 * complete.  The little covers the time from the announcement's store until we see it.
 * A bound whose thread has died does not count.
 *
 * While one handler under way holds the watermark back, other rings may fill, and
 * their threads may wait for room.  A ring more than half full is emptied into
 * a buffer of the tool's (spill), which is read before the ring.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/print.h"
#include "ctl/session.h"
#include "runtime/format.h"

#define RECORD_HEAD 8u /* least size: a pad record has no stamp */
#define STUCK_NS 100000000 /* a bound this old is asked for its thread */
#define TAIL_EVERY 64u /* records between two moves of a tail */
#define SPILL_MOST (64u << 20) /* bytes kept aside for one slot */

struct ctl_cursor {
	struct abi_slot *slot;
	const uint8_t *ring;
	uint64_t at, head;
	const struct abi_record *next; /* NULL: none left */
	uint32_t since_tail;
	uint8_t *spill; /* whole records */
	size_t spill_at, spill_size, spill_cap;
	/* across rounds */
	uint64_t bound; /* ring_pending as last seen */
	int64_t bound_since;
};

/* ---- one ring ------------------------------------------------------------------------------ */

static void move_tail(struct ctl_cursor *c)
{
	__atomic_store_n(&c->slot->ring_tail, c->at, __ATOMIC_RELEASE);
	c->since_tail = 0;
}

/* The target may have written anything into its ring: the rest of it is given up. */
static void give_up(struct ctl_session *s, struct ctl_cursor *c)
{
	if (!s->corrupt_told)
		ctl_warn(s, "a ring of process %u was overwritten; records are lost", c->slot->pid);
	s->corrupt_told = true;
	s->dropped++;
	c->at = c->head;
	c->next = NULL;
	move_tail(c);
}

static bool in_spill(const struct ctl_cursor *c)
{
	return c->spill_at < c->spill_size;
}

/* Finds the record at the cursor, behind padding. */
static void find_next(struct ctl_session *s, struct ctl_cursor *c)
{
	uint64_t size = s->region->ring_size;

	c->next = NULL;
	if (in_spill(c)) {
		c->next = (const void *)(c->spill + c->spill_at);
		return;
	}
	while (c->at != c->head) {
		uint64_t offset = c->at & (size - 1),
			 room = base_min(c->head - c->at, size - offset);
		const struct abi_record *r = (const void *)(c->ring + offset);
		uint32_t length =
			room >= RECORD_HEAD ? __atomic_load_n(&r->size, __ATOMIC_RELAXED) : 0;

		if (length < RECORD_HEAD || length > room || length % 8 ||
		    (r->kind != ABI_RECORD_PAD && length < sizeof *r)) {
			give_up(s, c);
			return;
		}
		if (r->kind != ABI_RECORD_PAD) {
			c->next = r;
			return;
		}
		c->at += length;
	}
	move_tail(c);
}

/* Bytes of the record at the cursor, as a target cannot change them any more. */
static uint32_t size_of_next(const struct ctl_session *s, const struct ctl_cursor *c)
{
	uint64_t size = s->region->ring_size, offset = c->at & (size - 1);
	uint64_t room = base_min(c->head - c->at, size - offset), length = c->next->size;

	if (in_spill(c))
		return (uint32_t)length;
	return (uint32_t)base_max(base_min(length, room), sizeof(struct abi_record));
}

static void step_over(struct ctl_session *s, struct ctl_cursor *c, uint32_t size)
{
	if (in_spill(c)) {
		c->spill_at += size;
	} else {
		c->at += size;
		if (++c->since_tail == TAIL_EVERY)
			move_tail(c);
	}
	find_next(s, c);
}

static void take(struct ctl_session *s, struct ctl_cursor *c)
{
	uint32_t size = size_of_next(s, c);

	ctl_print_record(s, c->next, size);
	step_over(s, c, size);
}

static void reserve_spill(struct ctl_cursor *c, size_t want)
{
	if (want <= c->spill_cap)
		return;
	c->spill = realloc(c->spill, 2 * want);
	c->spill_cap = 2 * want;
	if (!c->spill)
		base_oom();
}

/* Empties the ring into the spill; false: that is full. */
static bool spill_over(struct ctl_session *s, struct ctl_cursor *c)
{
	size_t kept = c->spill_size - c->spill_at, want = kept + (size_t)(c->head - c->at);

	if (want > SPILL_MOST)
		return false;
	if (kept)
		memmove(c->spill, c->spill + c->spill_at, kept);
	reserve_spill(c, want);
	c->spill_at = c->spill_size = 0; /* the ring is read now */
	find_next(s, c);
	while (c->next) {
		uint32_t size = size_of_next(s, c);

		memcpy(c->spill + kept, c->next, size);
		((struct abi_record *)(c->spill + kept))->size = size;
		kept += size;
		step_over(s, c, size);
	}
	c->spill_size = kept;
	find_next(s, c);
	return true;
}

static void open_cursor(struct ctl_session *s, struct ctl_cursor *c)
{
	uint64_t head = __atomic_load_n(&c->slot->ring_head, __ATOMIC_ACQUIRE);

	c->at = c->slot->ring_tail;
	c->head = head;
	c->next = NULL;
	if (head == c->at) {
		find_next(s, c);
		return;
	}
	if (head - c->at > s->region->ring_size || c->at % 8) {
		give_up(s, c);
		return;
	}
	find_next(s, c);
}

/* ---- the watermark ------------------------------------------------------------------------- */

/* One of a pid namespace of its own has told numbers that are not ours: it lives as long as its process. */
static bool is_thread_alive(const struct ctl_session *s, const struct abi_slot *slot)
{
	bool has_ended = false;

	if (syscall(SYS_tgkill, slot->pid, slot->tid, 0) == 0 || errno != ESRCH)
		return true;
	vec_each(p, &s->processes) {
		if (!(*p)->proc || (*p)->own_number != slot->pid || (uint32_t)(*p)->proc->pid == slot->pid)
			continue;
		if (!proc_has_ended((*p)->proc))
			return true;
		has_ended = true;
	}
	return s->other_numbers && !has_ended;
}

/* The slot's lower bound, UINT64_MAX if it has none. */
static uint64_t bound_of(const struct ctl_session *s, struct ctl_cursor *c, int64_t now)
{
	uint64_t bound = __atomic_load_n(&c->slot->ring_pending, __ATOMIC_ACQUIRE);

	if (!bound)
		return UINT64_MAX;
	if (bound != c->bound) {
		c->bound = bound;
		c->bound_since = now;
	} else if (now - c->bound_since > STUCK_NS && !is_thread_alive(s, c->slot)) {
		return UINT64_MAX;
	}
	return bound - 1;
}

static uint64_t slack(const struct ctl_session *s)
{
	uint64_t mult = s->region->tsc_mult;

	return mult ? ((uint64_t)RT_RING_SLACK << 32) / mult : 0;
}

void ctl_release_slot(struct ctl_session *s, struct abi_slot *slot)
{
	if (slot->locks_held)
		rt_release_locks(s->region, slot);
}

/* Locks that a thread held when it died would keep everybody else out. */
void ctl_release_dead(struct ctl_session *s, bool all)
{
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 0; i < n; i++) {
		struct abi_slot *slot = ctl_slot(s, i);

		if (i != s->region->tool_slot && slot->locks_held &&
		    (all || !is_thread_alive(s, slot)))
			rt_release_locks(s->region, slot);
	}
}

/* ---- merging -------------------------------------------------------------------------------- */

/* A heap of cursors, the earliest record on top. */
struct heap {
	struct ctl_cursor *p[CTL_SLOTS];
	uint32_t n;
};

static bool is_before(const struct ctl_cursor *a, const struct ctl_cursor *b)
{
	if (a->next->tsc != b->next->tsc)
		return a->next->tsc < b->next->tsc;
	return a < b;
}

static void sift_down(struct heap *h, uint32_t at)
{
	struct ctl_cursor *c = h->p[at];

	for (uint32_t child; (child = 2 * at + 1) < h->n; at = child) {
		if (child + 1 < h->n && is_before(h->p[child + 1], h->p[child]))
			child++;
		if (!is_before(h->p[child], c))
			break;
		h->p[at] = h->p[child];
	}
	h->p[at] = c;
}

static void heap_make(struct heap *h)
{
	for (uint32_t i = h->n / 2; i-- > 0;)
		sift_down(h, i);
}

/* The second earliest, NULL if there is one ring only. */
static const struct ctl_cursor *runner_up(const struct heap *h)
{
	if (h->n < 2)
		return NULL;
	return h->n > 2 && is_before(h->p[2], h->p[1]) ? h->p[2] : h->p[1];
}

/* Takes records from the top ring while it stays the earliest. */
static uint64_t take_run(struct ctl_session *s, struct heap *h, uint64_t watermark)
{
	struct ctl_cursor *c = h->p[0];
	const struct ctl_cursor *second = runner_up(h);
	uint64_t taken = 0;

	do {
		take(s, c);
		taken++;
	} while (c->next && c->next->tsc <= watermark && (!second || is_before(c, second)));
	return taken;
}

/* For what the watermark left in a ring; records that have no place anywhere are printed out of
 * order. */
static uint64_t make_room(struct ctl_session *s, struct ctl_cursor *c)
{
	uint64_t taken = 0;

	move_tail(c);
	if (c->head - c->at <= s->region->ring_size / 2 || spill_over(s, c))
		return 0;
	for (; c->next; taken++)
		take(s, c);
	move_tail(c);
	return taken;
}

static uint64_t merge(struct ctl_session *s, struct heap *h, uint64_t watermark)
{
	uint64_t taken = 0;

	heap_make(h);
	while (h->n && h->p[0]->next->tsc <= watermark) {
		struct ctl_cursor *c = h->p[0];

		taken += take_run(s, h, watermark);
		if (!c->next)
			h->p[0] = h->p[--h->n];
		if (h->n)
			sift_down(h, 0);
	}
	for (uint32_t i = 0; i < h->n; i++)
		taken += make_room(s, h->p[i]);
	return taken;
}

static void prepare_cursors(struct ctl_session *s, uint32_t n)
{
	if (!s->cursors)
		s->cursors = arena_array(s->arena, struct ctl_cursor, CTL_SLOTS);
	for (uint32_t i = 0; i < n; i++) {
		struct ctl_cursor *c = &s->cursors[i];

		if (c->slot)
			continue;
		c->slot = ctl_slot(s, i);
		c->ring = (const uint8_t *)c->slot + s->region->ring_offset;
	}
}

uint64_t ctl_collect(struct ctl_session *s, bool all)
{
	uint64_t watermark = all ? UINT64_MAX : ctl_tsc() - slack(s);
	uint32_t n = ctl_slots_used(s);
	struct heap h = { .n = 0 };
	int64_t now = ctl_now();

	prepare_cursors(s, n);
	/* Bounds first: what a bound held back may be published right after. */
	for (uint32_t i = 0; i < n && !all; i++)
		watermark = base_min(watermark, bound_of(s, &s->cursors[i], now));
	for (uint32_t i = 0; i < n; i++) {
		open_cursor(s, &s->cursors[i]);
		if (s->cursors[i].next)
			h.p[h.n++] = &s->cursors[i];
	}
	return merge(s, &h, watermark);
}

void ctl_collect_close(struct ctl_session *s)
{
	for (uint32_t i = 0; s->cursors && i < CTL_SLOTS; i++)
		free(s->cursors[i].spill);
	s->cursors = NULL;
}

/* The handler that waits for room cannot go on before its own ring is empty. */
void ctl_collect_own(struct ctl_session *s)
{
	struct ctl_cursor *own;

	ctl_collect(s, false);
	own = &s->cursors[s->region->tool_slot];
	open_cursor(s, own);
	while (own->next)
		take(s, own);
	move_tail(own);
	ctl_flush(s);
}
