/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread slots: registration on a thread's first hit, and recovery of a slot
 * whose handler was left by a jump out of a signal handler.
 *
 * The table is private to the process and read as zeroes by a forked child
 * (MADV_WIPEONFORK), so the child's threads come here and get slots of
 * their own.  Slots are claimed from the shared region with one atomic add.
 */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/rt_api.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/core/wake.h"

#define PROBES 64u /* longest search in the table */
#define TID_GLIBC 0x2d0u /* struct pthread.tid from the thread pointer, glibc >= 2.23 */
#define TID_MUSL 0x30u
#define STALE_REACH ((uint64_t)1 << 20)

/* Where the thread's own tid can be read at any time, so that a new thread on an old stack is told apart. */
static uint64_t find_tid_address(uint64_t fsbase, struct abi_slot *s)
{
	static const uint32_t places[] = { TID_GLIBC, TID_MUSL };
	uint64_t value;

	for (uint32_t i = 0; fsbase && i < sizeof places / sizeof places[0]; i++)
		if (rt_peek32(fsbase + places[i], &value) && value == s->tid)
			return fsbase + places[i];
	return (uint64_t)&s->tid;
}

/* Shards that are maps start with the constant members of their global's base. */
static void prepare_shards(struct abi_region *r, struct abi_slot *s)
{
	struct abi_global *globals = (void *)((uint64_t)r + r->globals_offset);

	for (uint32_t i = 0; i < r->n_globals; i++) {
		const struct abi_global *g = &globals[i];
		struct abi_map *shard = (void *)((uint64_t)s + g->shard_offset);
		const struct abi_map *base = (void *)((uint64_t)r + g->base_offset);

		if (g->share != ABI_SHARE_SHARDED || !g->is_map)
			continue;
		*shard = *base;
		shard->count = shard->free = shard->high = 0;
		shard->first = shard->last = 0;
	}
}

/* One that the tool took from a dead thread. Its shards go on: they are summed up anyhow. */
static struct abi_slot *take_free(struct abi_region *r)
{
	uint64_t first = __atomic_load_n(&r->free_slots, __ATOMIC_ACQUIRE);

	while ((uint32_t)first) {
		struct abi_slot *s = (void *)((uint64_t)r + r->slots_offset +
					      ((uint32_t)first - 1) * r->slot_size);
		uint64_t next = ((first >> 32) + 1) << 32 | (uint32_t)s->site;

		if (__atomic_compare_exchange_n(&r->free_slots, &first, next, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return s;
	}
	return 0;
}

static struct abi_slot *take_fresh(struct abi_region *r)
{
	uint32_t number = __atomic_fetch_add(&r->slot_next, 1, __ATOMIC_RELAXED);
	struct abi_slot *s;

	if (number >= r->slot_count) {
		__atomic_store_n(&r->slot_next, r->slot_count, __ATOMIC_RELAXED);
		return 0;
	}
	s = (void *)((uint64_t)r + r->slots_offset + number * r->slot_size);
	s->number = number;
	prepare_shards(r, s);
	return s;
}

void rt_slot_identify(struct abi_slot *s, uint64_t key)
{
	s->pid = (uint32_t)rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0);
	s->tid = (uint32_t)rt_syscall(RT_SYS_GETTID, 0, 0, 0, 0, 0, 0);
	s->tid_address = find_tid_address(~key, s);
}

static struct abi_slot *claim_slot(struct abi_process *p, uint64_t key)
{
	struct abi_region *r = (void *)p->region;
	struct abi_slot *s = take_free(r);

	/* The last quarter is for the time until the tool has taken back some of dead threads. */
	if (!s && __atomic_load_n(&r->slot_next, __ATOMIC_RELAXED) >= r->slot_count - r->slot_count / 4)
		rt_wake_tool(r);
	if (!s)
		s = take_fresh(r);
	if (!s) {
		__atomic_fetch_add(&r->sites_skipped_no_slot, 1, __ATOMIC_RELAXED);
		rt_count_skipped(r);
		return 0;
	}
	s->process = (uint64_t)p;
	s->region = p->region;
	s->borrowed = s->thread_begun = 0;
	s->counters_tid = s->counters_asker = 0;
	rt_slot_identify(s, key);
	s->virtual_mask = p->initial_virtual_mask;
	__atomic_store_n(&s->key, key, __ATOMIC_RELEASE);
	return s;
}

/* The entry of the key, or one for it: empty, or of a dead thread; NULL: no room. */
static struct abi_table_entry *find_entry(struct abi_table_entry *table, uint64_t key)
{
	struct abi_table_entry *room = 0;
	uint32_t at = ABI_TABLE_INDEX(key);

	for (uint32_t n = 0; n < PROBES; n++) {
		struct abi_table_entry *e = &table[(at + n) % ABI_TABLE_ENTRIES];
		uint64_t found = __atomic_load_n(&e->key, __ATOMIC_ACQUIRE);

		if (found == key)
			return e;
		if (!room && (!found || found == ABI_TABLE_GONE))
			room = e;
		if (!found)
			break;
	}
	return room;
}

struct abi_slot *rt_slot_find(uint64_t key)
{
	const struct abi_process *p = rt_process();
	const struct abi_table_entry *e = find_entry((void *)p->table, key);

	return e && __atomic_load_n(&e->key, __ATOMIC_ACQUIRE) == key ?
		       (void *)__atomic_load_n(&e->slot, __ATOMIC_ACQUIRE) : 0;
}

/* The slot of the calling thread, claimed if it has none; NULL: no room, or a hit while it is being claimed. */
struct abi_slot *rt_slot_register(uint64_t key)
{
	struct abi_process *p = rt_process();
	uint32_t pid = p->alone ? (uint32_t)rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0) : 0;
	bool refused = p->alone && pid != p->pid;

	/* A child of vfork has its parent's table: nothing may be noted there. */
	if (refused && p->member_pid != pid)
		return 0;
	for (uint32_t n = 0; n < PROBES; n++) {
		struct abi_table_entry *e = find_entry((void *)p->table, key);
		uint64_t found = e ? __atomic_load_n(&e->key, __ATOMIC_ACQUIRE) : 0;

		if (!e)
			return 0;
		if (found == key)
			return (void *)__atomic_load_n(&e->slot, __ATOMIC_ACQUIRE);
		if (found && found != ABI_TABLE_GONE)
			continue;
		if (!__atomic_compare_exchange_n(&e->key, &found, key, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		__atomic_store_n(&e->slot, refused ? 0 : (uint64_t)claim_slot(p, key), __ATOMIC_RELEASE);
		return (void *)e->slot;
	}
	return 0;
}

struct altstack {
	uint64_t sp;
	int32_t flags;
	uint64_t size;
};

static bool on_alternate_stack(void)
{
	struct altstack old = { 0 };

	return rt_syscall(RT_SYS_SIGALTSTACK, 0, (long)&old, 0, 0, 0, 0) != 0 || (old.flags & 1);
}

/*
 * The slot is busy. While a handler runs, whatever interrupts it runs below it on the
 * slot's own stack or on the alternate signal stack. A hit on neither, above the
 * place where the handler was entered, means that the program left the handler by
 * siglongjmp: nobody will ever come back to it.
 */
int64_t rt_slot_recover(struct abi_slot *s, uint64_t sp)
{
	struct abi_region *r = (void *)s->region;
	uint64_t stack = (uint64_t)s + r->stack_offset;

	if ((sp < stack || sp >= stack + r->stack_size) && sp > s->saved_sp &&
	    sp - s->saved_sp < STALE_REACH && !on_alternate_stack()) {
		rt_unlock(s);
		s->skipped_other++;
		rt_count_skipped(r);
		s->ring_write = s->ring_head;
		s->ring_pending = 0;
		return 1;
	}
	s->skipped_nested++;
	rt_count_skipped(r);
	return 0;
}

#define MODULE_WAITS 2000u
/*
 * Once the tool has begun to work on it: hits would be lost. And where returns are probed: without the hook of its
 * unwinder an exception would end the program.
 */
#define WORK_WAITS 20000u
#define MODULE_WAITS_UNANSWERED 20u /* the tool did not answer the last time: it may be dead */

/* Tells the tool and waits for it, two seconds for it to begin, twenty for it to end. */
static void wait_for_look(void)
{
	struct abi_process *p = rt_process();
	struct abi_region *r = (void *)p->region;
	struct {
		int64_t seconds, nanoseconds;
	} wait = { 0, 1000000 };
	uint64_t mine, served;
	uint32_t waits = p->n_unwinds ? WORK_WAITS : MODULE_WAITS;

	if (__atomic_load_n(&r->state, __ATOMIC_RELAXED) > ABI_STATE_RUNNING ||
	    (p->pid && rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0) != (long)p->pid && !rt_life_changes(p)))
		return;
	mine = __atomic_add_fetch(&p->module_sequence, 1, __ATOMIC_SEQ_CST);
	rt_wake_tool(r);
	if (__atomic_load_n(&p->module_served, __ATOMIC_ACQUIRE) + 1 < mine)
		waits = MODULE_WAITS_UNANSWERED;
	for (uint32_t n = 0; n < waits; n++) {
		served = __atomic_load_n(&p->module_served, __ATOMIC_ACQUIRE);
		if (served >= mine || __atomic_load_n(&r->state, __ATOMIC_RELAXED) > ABI_STATE_RUNNING)
			return;
		if (__atomic_load_n(&p->module_begun, __ATOMIC_RELAXED) >= mine)
			waits = WORK_WAITS;
		rt_syscall(RT_SYS_FUTEX, (long)&p->module_served, 128 /* WAIT | PRIVATE */, (long)(uint32_t)served,
			   (long)&wait, 0, 0);
	}
	__atomic_fetch_add(&p->modules_late, 1, __ATOMIC_RELAXED);
}

/* The loader has mapped code. */
void rt_text_wait(void)
{
	__atomic_add_fetch(&rt_process()->text_mapped, 1, __ATOMIC_SEQ_CST);
	wait_for_look();
}

#define LOADER_ADDS 1 /* RT_ADD of <link.h>: its list is as it was */

/* Called when the dynamic loader has changed its list, or is about to. */
void rt_module_changed(void)
{
	const int *state = (const int *)rt_process()->loader_state;

	if (!state || *state != LOADER_ADDS)
		wait_for_look();
}
