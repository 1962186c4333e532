/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @perf of what the processor counts: cycles, instructions, misses, read by one instruction in the thread.
 *
 *	first hit    ask the tool (is the thread confined?) ── perf_event_open ── map its page over the slot's ── close
 *	each read    page: lock, index, offset;  rdpmc(index - 1);  lock as before?  offset + what was read
 *	the end      the slot's pages are ordinary memory again: the kernel closes the events
 *
 * The thread opens its own events, not the tool: so a new thread or a forked child counts from its first hit on, and
 * nobody is stopped for it (ADR 25).  The pages lie in the process's private memory, at a place that each slot has:
 * they go with it, by one munmap, whoever takes it out.  A forked child does not have them (VM_DONTCOPY), and no slot either:
 * it opens its own.
 *
 * The events begin then, at 0.  A counter that could not be opened, or not yet, is 0: so what is
 * between two reads is never more than there was.
 */
#include "runtime/core/counter.h"

#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/core/wake.h"
#include "runtime/rt_api.h"

#define TRIES 16u /* of reading: a change of the page takes the kernel some nanoseconds, on this processor */
#define FUTEX_WAIT 0
#define WAIT_SLICE 20000000 /* ns */
#define WAITS 100u
#define WAITS_UNANSWERED 1u

#define PROTECT_READ 1
#define PROTECT_READ_WRITE 3
#define MAP_SHARED 0x01
#define MAP_OWN 0x4032 /* NORESERVE, ANONYMOUS, FIXED, PRIVATE */
#define MAP_FIXED 0x10
#define AT_CURRENT_FOLDER (-100)
#define OPEN_READ_CLOEXEC 02000000
#define EVENT_CLOEXEC 8 /* PERF_FLAG_FD_CLOEXEC */

/* ---- reading ----------------------------------------------------------------------- */

/* The compiler keeps the order, and the page is written on this processor: no fence is needed. */
#define KEEP_ORDER() __asm__ volatile("" : : : "memory")

/* The way of all reads but few: the processor counts, and nobody changes the page. */
RT_INLINE bool read_counting(const volatile struct rt_counter_page *page, int64_t *value)
{
	uint32_t lock = page->lock, index, unused;
	uint64_t raw;

	KEEP_ORDER();
	index = page->index;
	unused = 64u - page->width;
	*value = page->offset;
	if (rt_unlikely(!index || !(page->capabilities & RT_COUNTER_READABLE) || (lock & 1) || unused >= 64 ||
			!rt_pmc(index - 1, &raw)))
		return false;
	*value = rt_add(*value, (int64_t)(raw << unused) >> unused);
	KEEP_ORDER();
	return rt_likely(page->lock == lock);
}

/* Neither counts nor changes. */
static bool is_at_rest(const volatile struct rt_counter_page *page, int64_t *value, bool *idle)
{
	uint32_t lock = page->lock, index;

	KEEP_ORDER();
	index = page->index;
	*value = page->offset;
	*idle = page->capabilities & RT_COUNTER_READABLE;
	KEEP_ORDER();
	return !(lock & 1) && page->lock == lock && (!index || !*idle);
}

static RT_COLD int64_t read_patiently(const volatile struct rt_counter_page *page, bool *idle)
{
	int64_t value;

	for (uint32_t n = 0; n < TRIES; n++) {
		if (is_at_rest(page, &value, idle))
			return value;
		*idle = false;
		if (read_counting(page, &value))
			return value;
	}
	*idle = true;
	return page->offset;
}

int64_t rt_counter_of_page(const volatile struct rt_counter_page *page, bool *idle)
{
	int64_t value;

	*idle = false;
	return read_counting(page, &value) ? value : read_patiently(page, idle);
}

/* ---- opening ------------------------------------------------------------------------- */

static uint64_t pages_of(const struct abi_slot *s, const struct abi_process *p)
{
	return p->counters + (uint64_t)s->number * rt_region(s)->n_counters * ABI_PAGE;
}

static bool is_error(long result)
{
	return result < 0 && result >= -4095;
}

/* The kernel's pages give way to memory that reads as zeroes. False: what is there now may be nothing at all. */
static bool make_ordinary(uint64_t at, uint64_t size)
{
	return !is_error(rt_syscall(RT_SYS_MMAP, (long)at, (long)size, PROTECT_READ_WRITE, MAP_OWN, -1, 0));
}

static bool is_running(const struct abi_region *r)
{
	return __atomic_load_n(&r->state, __ATOMIC_RELAXED) == ABI_STATE_RUNNING;
}

/* The tool sees whether a filter may kill the thread for what it is about to call. */
static void ask(struct abi_slot *s, struct abi_process *p)
{
	struct {
		int64_t seconds, nanoseconds;
	} slice = { 0, WAIT_SLICE };
	struct abi_region *r = rt_region(s);
	uint32_t waits = p->counters_unanswered ? WAITS_UNANSWERED : WAITS;

	__atomic_store_n(&s->counters_state, ABI_COUNTERS_ASKED, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&r->counters_asked, 1, __ATOMIC_SEQ_CST);
	rt_wake_tool(r);
	for (uint32_t i = 0; i < waits && is_running(r); i++) {
		if (__atomic_load_n(&s->counters_state, __ATOMIC_ACQUIRE) != ABI_COUNTERS_ASKED)
			break;
		rt_syscall(RT_SYS_FUTEX, (long)&s->counters_state, FUTEX_WAIT, ABI_COUNTERS_ASKED, (long)&slice, 0, 0);
	}
	p->counters_unanswered = __atomic_load_n(&s->counters_state, __ATOMIC_ACQUIRE) == ABI_COUNTERS_ASKED;
}

/* struct perf_event_attr of the first version (PERF_ATTR_SIZE_VER0). */
struct event {
	uint32_t type, size;
	uint64_t config, period, sample_type, read_format, flags, wakeup, address;
};
#define EVENT_EXCLUDE_KERNEL 0x20u
#define EVENT_EXCLUDE_HYPERVISOR 0x40u

#define RESULT_EPERM (-1)
#define RESULT_EACCES (-13)

static long open_event(const struct abi_counter *c, uint64_t flags)
{
	struct event e = { .type = c->type, .size = sizeof e, .config = c->config, .flags = flags };

	return rt_syscall(RT_SYS_PERF_EVENT_OPEN, (long)&e, 0, -1, -1, EVENT_CLOEXEC, 0);
}

/* The tool may be root, and may see what the kernel does; the thread may not. */
static long open_file(const struct abi_region *r, const struct abi_counter *c)
{
	const uint64_t user = EVENT_EXCLUDE_KERNEL | EVENT_EXCLUDE_HYPERVISOR;
	long file;

	if (r->counters_file[0])
		return rt_syscall(RT_SYS_OPENAT, AT_CURRENT_FOLDER, (long)r->counters_file, OPEN_READ_CLOEXEC, 0, 0, 0);
	file = open_event(c, r->counters_user ? user : 0);
	if ((file == RESULT_EACCES || file == RESULT_EPERM) && !r->counters_user)
		file = open_event(c, user);
	return file;
}

static void note_failure(struct abi_region *r, uint32_t error)
{
	__atomic_store_n(&r->counters_error, error, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->counters_failed, 1, __ATOMIC_RELAXED);
}

#define EVENT_ID 0x80082407 /* PERF_EVENT_IOC_ID */
#define NOTE_LASTS 1000000000u /* ns: longer than a fork */

/* 0: it is no event. */
static uint64_t id_of(long file)
{
	uint64_t id = 0;

	return rt_syscall(RT_SYS_IOCTL, file, EVENT_ID, (long)&id, 0, 0, 0) == 0 ? id : 0;
}

static void note_file(struct abi_process *p, long file)
{
	uint32_t n = __atomic_fetch_add(&p->counter_files_next, 1, __ATOMIC_RELAXED);
	struct abi_counter_file *note = &p->counter_files[n % ABI_COUNTER_FILES];
	uint64_t id = id_of(file);

	__atomic_store_n(&note->id, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&note->file, (uint32_t)file, __ATOMIC_SEQ_CST);
	__atomic_store_n(&note->time, rt_tsc(), __ATOMIC_SEQ_CST);
	__atomic_store_n(&note->id, id, __ATOMIC_SEQ_CST);
}

/* False: there is nothing to be read. */
static bool open_one(struct abi_slot *s, struct abi_process *p, uint32_t number, uint64_t page)
{
	struct abi_region *r = rt_region(s);
	long file = open_file(r, &r->counters[number]), result;

	if (file < 0) {
		note_failure(r, (uint32_t)-file);
		return true;
	}
	note_file(p, file);
	result = rt_syscall(RT_SYS_MMAP, (long)page, ABI_PAGE, PROTECT_READ, MAP_SHARED | MAP_FIXED, file, 0);
	rt_syscall(RT_SYS_CLOSE, file, 0, 0, 0, 0, 0);
	if (!is_error(result))
		return true;
	note_failure(r, (uint32_t)-result | ABI_COUNTERS_UNMAPPED);
	return make_ordinary(page, ABI_PAGE); /* the kernel has unmapped before it refused */
}

static bool open_pages(struct abi_slot *s, struct abi_process *p, uint64_t pages)
{
	uint32_t n = rt_region(s)->n_counters;
	bool all = make_ordinary(pages, (uint64_t)n * ABI_PAGE);

	for (uint32_t i = 0; i < n && all; i++)
		all = !(p->counters_mask >> i & 1) || open_one(s, p, i, pages + (uint64_t)i * ABI_PAGE);
	return all;
}

/* The slot's pages become the thread's, if it may have them yet. */
static RT_COLD void open_all(struct abi_slot *s, struct abi_process *p, uint32_t tid)
{
	uint64_t pages = pages_of(s, p);

	if (!is_running(rt_region(s)))
		return;
	if (s->counters_asker != tid) {
		s->counters_asker = tid;
		ask(s, p);
	}
	if (__atomic_load_n(&s->counters_state, __ATOMIC_ACQUIRE) != ABI_COUNTERS_GRANTED)
		return;
	if (open_pages(s, p, pages)) {
		s->counters_pages = pages;
		s->counters_tid = tid;
	} else {
		s->counters_state = ABI_COUNTERS_REFUSED;
	}
}

/* A new thread on an old one's stack has its slot, but not its counters. */
RT_INLINE uint32_t own_tid(const struct abi_slot *s)
{
	return *(const volatile uint32_t *)s->tid_address;
}

void rt_counters_open(struct abi_slot *s)
{
	uint32_t tid = own_tid(s);
	struct abi_process *p;

	if (rt_likely(s->counters_tid == tid) || s->in_tool || s->borrowed)
		return;
	p = (void *)s->process;
	if (p->counters)
		open_all(s, p, tid);
}

static RT_COLD int64_t read_slowly(struct abi_slot *s, const volatile struct rt_counter_page *page)
{
	bool idle;
	int64_t value = read_patiently(page, &idle);

	if (idle)
		__atomic_add_fetch(&rt_region(s)->counters_idle, 1, __ATOMIC_RELAXED);
	return value;
}

/*
 * A child of vfork has another number than the thread whose slot it borrows, and the tool has no counters. Those that are not
 * for this process read as zeroes. Behind the pages of the last slot there is memory of ours: whatever the number, nothing faults.
 */
int64_t rt_processor_counter(struct abi_slot *s, int64_t number)
{
	const volatile struct rt_counter_page *page;
	int64_t value;

	if (rt_unlikely(s->counters_tid != own_tid(s)))
		return 0;
	page = (const void *)(s->counters_pages + (uint64_t)number % ABI_COUNTERS * ABI_PAGE);
	return read_counting(page, &value) ? value : read_slowly(s, page);
}

/* ---- coming and going ------------------------------------------------------------------ */

void rt_counters_forked(struct abi_process *p)
{
	const struct abi_region *r = (const void *)p->region;

	if (!p->counters)
		return;
	for (uint32_t i = 0; i < ABI_COUNTER_FILES; i++) {
		const struct abi_counter_file *note = &p->counter_files[i];

		if (note->id && rt_tsc() - note->time < rt_ticks(r, NOTE_LASTS) && id_of(note->file) == note->id)
			rt_syscall(RT_SYS_CLOSE, note->file, 0, 0, 0, 0, 0);
	}
	/* No hole that a mapping of the program's could take. */
	make_ordinary(p->counters, (uint64_t)r->slot_count * r->n_counters * ABI_PAGE);
}

void rt_counters_drop(struct abi_slot *s)
{
	const struct abi_process *p = (const void *)s->process;

	if (!p->counters)
		return;
	s->counters_tid = s->counters_asker = 0;
	make_ordinary(pages_of(s, p), (uint64_t)rt_region(s)->n_counters * ABI_PAGE);
}
