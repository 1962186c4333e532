/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performance events of other threads: opening them, and their records in order of time.
 *
 * Each event is opened for each thread and each processor, inherited, and writes to
 * that processor's ring (PERF_EVENT_IOC_SET_OUTPUT); tracepoints for everyone on each processor. The first event of the session also
 * tells of new threads, ends and names.
 *
 * A thread that is created while we go through the list is watched already if its creator
 * was, and must not be watched twice. The kernel tells: for an inherited event it has written
 * a PERF_RECORD_FORK. So we list threads again until nobody is left of whom no record tells. The same for
 * processes that join later: who was forked by one that is watched is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proc/perf_ring.h"
#include "proc/private.h"

#define PAGE 4096u
#define RING_MOST ((size_t)512 << 10) /* bytes of data: what perf_event_mlock_kb allows everyone */
#define GREAT_RINGS_MOST ((size_t)4 << 20) /* for stacks, half a second of 1000 a second, or tracepoints; if memory may be locked */
#define RING_LEAST ((size_t)32 << 10)
#define ROUNDS 50u /* of looking for new threads */
#define LAST_STEPS 100000000 /* ns, of a thread that ends */
#define FORK_DELAY 1000000 /* ns: a new thread is listed before the kernel has written of it */

struct perf_id {
	uint64_t id;
	uint32_t event;
};

/* A thread that was watched has ended; its last steps, by which its parent is woken, come behind. */
struct perf_end {
	int64_t time; /* CLOCK_MONOTONIC, ns */
};

struct proc_perf {
	struct arena *arena;
	struct proc_perf_event *events;
	uint32_t n_events;
	uint32_t n_processors;
	struct perf_ring *rings; /* one per processor */
	int *outputs; /* the descriptor whose ring it is; -1: that processor is off */
	VEC(int) descriptors;
	VEC(struct perf_id) ids; /* ascending: the kernel counts up */
	struct map *known; /* tid: watched, by us or as its creator's heir; NULL for those that have ended */
	struct map *ended; /* tid: struct perf_end */
	bool everybody, has_raw;
	/* records that wait for their time */
	VEC(struct perf_raw) waiting;
	struct arena *bytes, *spare; /* of waiting ones; the other takes what stays over */
	uint64_t lost;
	uint32_t load;
};

/* ---- settings -------------------------------------------------------------------------- */

#define PARANOID_FILE "/proc/sys/kernel/perf_event_paranoid"

/* Tests put another file in its place; then what it forbids is forbidden, whatever the kernel says. */
static const char *paranoid_file(void)
{
	const char *other = getenv("SPILE_PERF_EVENT_PARANOID");

	return other ? other : PARANOID_FILE;
}

int proc_perf_paranoid(void)
{
	char text[16] = "";
	int fd = open(paranoid_file(), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? atoi(text) : INT_MIN;
}

static bool is_refused_by_test(void)
{
	return getenv("SPILE_PERF_EVENT_PARANOID") && proc_perf_paranoid() > 2;
}

struct error *proc_perf_explain(const char *what, int saved_errno)
{
	int paranoid = proc_perf_paranoid();
	struct error *e;

	if (saved_errno == ENOENT || saved_errno == EOPNOTSUPP || saved_errno == ENODEV)
		return error_hint(error_new(ERROR_UNSUPPORTED, "%s: this machine does not have this event", what),
				  "virtual machines often have no hardware counters; perf.sw.* events are "
				  "there everywhere");
	e = error_errno(saved_errno, "%s: the kernel refuses performance events", what);
	if (saved_errno == ENOSYS)
		return error_hint(e, "it was built without them");
	if ((saved_errno == EACCES || saved_errno == EPERM) && paranoid > 2)
		return error_hint(e, "%s is %d; 2 is enough: sysctl kernel.perf_event_paranoid=2", PARANOID_FILE,
				  paranoid);
	if (saved_errno == EACCES || saved_errno == EPERM)
		return error_hint(e, "the process may be another user's or set-uid, or the container forbids it "
				     "(seccomp)");
	if (saved_errno == EMFILE)
		return error_hint(e, "it takes a descriptor for each thread and processor: raise ulimit -n");
	return e;
}

/* ---- opening ---------------------------------------------------------------------------- */

static struct perf_event_attr attributes(const struct proc_perf *p, const struct proc_perf_event *e)
{
	struct perf_event_attr a = { .size = sizeof a, .type = e->type, .config = e->config };

	a.sample_type = perf_ring_sample_type(e);
	a.freq = e->is_frequency;
	a.sample_period = e->period; /* and sample_freq, its union */
	a.inherit = 1;
	a.exclude_kernel = e->user_only;
	a.exclude_hv = 1;
	a.sample_id_all = 1;
	a.use_clockid = 1;
	a.clockid = CLOCK_MONOTONIC;
	a.watermark = 1; /* nobody sleeps on it: no wake-ups */
	a.wakeup_watermark = INT_MAX;
	a.context_switch = e->switches;
	if (e == p->events)
		a.task = a.comm = a.comm_exec = 1;
	a.mmap = a.mmap2 = e->maps;
	if (a.sample_type & PERF_SAMPLE_REGS_USER)
		a.sample_regs_user = perf_ring_registers();
	if (a.sample_type & PERF_SAMPLE_STACK_USER)
		a.sample_stack_user = e->stack;
	return a;
}

static int open_event(struct perf_event_attr *a, pid_t tid, int cpu)
{
	if (is_refused_by_test()) {
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_perf_event_open, a, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* What the kernel's part needs a privilege for is done without it. */
static int open_allowed(struct proc_perf *p, struct proc_perf_event *e, pid_t tid, int cpu)
{
	struct perf_event_attr a = attributes(p, e);
	int fd = open_event(&a, tid, cpu);

	if (fd < 0 && (errno == EACCES || errno == EPERM) && !e->user_only && e->type != PERF_TYPE_TRACEPOINT) {
		a.exclude_kernel = 1;
		fd = open_event(&a, tid, cpu);
		e->user_only = fd >= 0;
	}
	return fd;
}

/*
 * On a busy machine the tool has to wait for its turn. What is above everyone's share counts as locked memory; each ring
 * may have an equal part of that, a power of two.
 */
static size_t ring_size(const struct proc_perf *p)
{
	size_t size = RING_MOST;
	struct rlimit l;
	bool is_much = p->has_raw;

	for (uint32_t i = 0; i < p->n_events; i++)
		is_much |= p->events[i].stack != 0;
	if (!is_much || getrlimit(RLIMIT_MEMLOCK, &l))
		return size;
	if (l.rlim_cur != RLIM_INFINITY && geteuid() != 0)
		while (size < GREAT_RINGS_MOST && 2 * size <= l.rlim_cur / p->n_processors)
			size *= 2;
	else
		size = GREAT_RINGS_MOST;
	return size;
}

static struct error *map_ring(struct proc_perf *p, uint32_t cpu, int fd)
{
	struct perf_ring *r = &p->rings[cpu];

	for (size_t size = ring_size(p); size >= RING_LEAST; size /= 2) {
		void *memory = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (memory == MAP_FAILED)
			continue;
		*r = (struct perf_ring){ .memory = memory, .data_size = size };
		p->outputs[cpu] = fd;
		return NULL;
	}
	return error_hint(error_errno(errno, "cannot map memory for performance events"),
			  "other tools may use it up: /proc/sys/kernel/perf_event_mlock_kb, ulimit -l");
}

static struct error *start_event(struct proc_perf *p, uint32_t event, uint32_t cpu, int fd)
{
	struct error *e = NULL;
	struct perf_id id = { .event = event };

	vec_push(p->arena, &p->descriptors, fd);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &id.id))
		return error_errno(errno, "%s: no number for the event", p->events[event].name);
	vec_push(p->arena, &p->ids, id);
	if (!p->rings[cpu].memory)
		e = map_ring(p, cpu, fd);
	else if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, p->outputs[cpu]))
		e = error_errno(errno, "%s: cannot share a ring", p->events[event].name);
	return e;
}

static struct error *explain_event(const struct proc_perf_event *e, int saved_errno)
{
	if (e->type == PERF_TYPE_TRACEPOINT && (saved_errno == EACCES || saved_errno == EPERM))
		return error_hint(error_errno(saved_errno, "%s: the kernel keeps tracepoints for root", e->name),
				  "it takes root, CAP_PERFMON, or sysctl kernel.perf_event_paranoid=-1");
	return proc_perf_explain(e->name, saved_errno);
}

/* Of one thread, or with -1 of everyone. *opened: on one processor at least; false without an error: the thread has ended. */
static struct error *watch_event(struct proc_perf *p, uint32_t event, pid_t tid, bool *opened)
{
	*opened = false;
	for (uint32_t cpu = 0; cpu < p->n_processors; cpu++) {
		int fd = open_allowed(p, &p->events[event], tid, (int)cpu);
		struct error *e;

		if (fd < 0 && errno == ESRCH)
			return NULL;
		if (fd < 0 && errno == ENODEV && p->n_processors > 1 && *opened)
			continue; /* that processor is off */
		if (fd < 0)
			return explain_event(&p->events[event], errno);
		e = start_event(p, event, cpu, fd);
		if (e)
			return e;
		*opened = true;
	}
	return NULL;
}

/* The thread, or with -1 everyone; raw events, or the others. *watched false without an error: the thread has ended. */
static struct error *watch(struct proc_perf *p, pid_t tid, bool raw, bool *watched)
{
	struct error *e = NULL;

	*watched = true;
	for (uint32_t i = 0; i < p->n_events && !e && *watched; i++)
		if (p->events[i].raw == raw)
			e = watch_event(p, i, tid, watched);
	return e;
}

struct error *proc_perf_open(struct arena *a, struct proc_perf_event *events, uint32_t n,
			     struct proc_perf **out)
{
	long processors = sysconf(_SC_NPROCESSORS_CONF);
	struct proc_perf *p = arena_new(a, struct proc_perf);
	bool watched;

	p->arena = a;
	p->events = events;
	p->n_events = n;
	p->n_processors = processors > 0 ? (uint32_t)processors : 1;
	p->rings = arena_array(a, struct perf_ring, p->n_processors);
	p->outputs = arena_array(a, int, p->n_processors);
	p->known = map_create(a);
	p->ended = map_create(a);
	p->bytes = arena_create();
	p->spare = arena_create();
	for (uint32_t i = 0; i < n; i++)
		p->has_raw |= events[i].raw;
	*out = p;
	return watch(p, -1, true, &watched);
}

/* ---- records ------------------------------------------------------------------------------- */

static void take_record(void *user, const uint8_t *bytes, uint32_t size)
{
	struct proc_perf *p = user;
	struct perf_raw raw = { .time = perf_ring_time(bytes, size),
				.order = p->waiting.n,
				.size = size,
				.bytes = bytes };
	struct perf_event_header h;

	memcpy(&h, bytes, sizeof h);
	if (h.type == PERF_RECORD_LOST || h.type == PERF_RECORD_LOST_SAMPLES) {
		uint64_t n = 0;

		memcpy(&n, bytes + (h.type == PERF_RECORD_LOST ? 16 : 8), sizeof n);
		p->lost += n;
		return;
	}
	if (raw.time != INT64_MIN)
		vec_push(p->arena, &p->waiting, raw);
}

static uint32_t event_of(const void *user, uint64_t id)
{
	const struct proc_perf *p = user;
	uint32_t at = base_bound(i, 0, p->ids.n, p->ids.p[i].id < id);

	return at < p->ids.n && p->ids.p[at].id == id ? p->ids.p[at].event : UINT32_MAX;
}

static bool decode(const struct proc_perf *p, const struct perf_raw *raw, struct proc_perf_record *out)
{
	return perf_ring_decode(raw->bytes, raw->size, event_of, p, p->events, out);
}

static int by_time(const void *a, const void *b)
{
	const struct perf_raw *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void take_all(struct proc_perf *p)
{
	p->load = 0;
	for (uint32_t cpu = 0; cpu < p->n_processors; cpu++) {
		struct perf_ring *r = &p->rings[cpu];
		uint64_t before = r->at;

		if (!r->memory)
			continue;
		perf_ring_take(r, p->bytes, take_record, p);
		p->load = base_max(p->load, (uint32_t)((r->at - before) * 100 / r->data_size));
	}
}

/* Those whose time has not come move to the other arena; the visited ones' bytes are given back. */
static void keep_rest(struct proc_perf *p, uint32_t visited)
{
	struct arena *old = p->bytes;
	uint32_t n = p->waiting.n - visited;

	for (uint32_t i = 0; i < n; i++) {
		struct perf_raw raw = p->waiting.p[visited + i];

		raw.bytes = arena_dup(p->spare, raw.bytes, raw.size);
		raw.order = i;
		p->waiting.p[i] = raw;
	}
	p->waiting.n = n;
	p->bytes = p->spare;
	arena_destroy(old);
	p->spare = arena_create();
}

bool proc_perf_watches(const struct proc_perf *p, uint32_t tid)
{
	return p->everybody || map_find_u64(p->known, tid);
}

static void note_end(struct proc_perf *p, const struct proc_perf_record *r)
{
	struct perf_end *end = map_find_u64(p->ended, r->tid);

	if (!end) {
		end = arena_new(p->arena, struct perf_end);
		map_put_u64(p->ended, r->tid, end);
	}
	end->time = r->time;
}

/* The number may be another's soon. */
static bool ends(const struct proc_perf *p, uint32_t tid, int64_t time)
{
	const struct perf_end *end = map_find_u64(p->ended, tid);

	return end && time - end->time < LAST_STEPS;
}

/* Records of whole processors are of everyone. */
static bool is_ours(const struct proc_perf *p, const struct proc_perf_record *r)
{
	uint32_t at = p->events[r->event].subject, subject = 0;

	if (!r->raw || proc_perf_watches(p, r->tid) || ends(p, r->tid, r->time))
		return true;
	if (at && at + sizeof subject <= r->raw_size)
		memcpy(&subject, r->raw + at, sizeof subject);
	return subject && proc_perf_watches(p, subject);
}

uint64_t proc_perf_read(struct proc_perf *p, int64_t until, proc_perf_visit *visit, void *user)
{
	struct proc_perf_record r;
	uint32_t i = 0;
	uint64_t n = 0;

	take_all(p);
	if (!p->waiting.n)
		return 0;
	qsort(p->waiting.p, p->waiting.n, sizeof *p->waiting.p, by_time);
	for (; i < p->waiting.n && p->waiting.p[i].time < until; i++) {
		if (!decode(p, &p->waiting.p[i], &r))
			continue;
		if (r.kind == PROC_PERF_FORK || r.kind == PROC_PERF_EXIT)
			map_put_u64(p->known, r.child_tid, r.kind == PROC_PERF_FORK ? p : NULL);
		if (r.kind == PROC_PERF_EXIT && p->has_raw)
			note_end(p, &r);
		if (!is_ours(p, &r))
			continue;
		visit(user, &r);
		n++;
	}
	if (i)
		keep_rest(p, i);
	return n;
}

uint64_t proc_perf_lost(const struct proc_perf *p)
{
	return p->lost;
}

uint32_t proc_perf_load(const struct proc_perf *p)
{
	return p->load;
}

/* ---- following ------------------------------------------------------------------------------ */

/* New threads that the rings tell of are watched. */
static void note_heirs(struct proc_perf *p)
{
	struct proc_perf_record r;

	take_all(p);
	vec_each(raw, &p->waiting)
		if (decode(p, raw, &r) && r.kind == PROC_PERF_FORK)
			map_put_u64(p->known, r.child_tid, p);
}

static struct error *watch_unknown(struct proc_perf *p, const pid_t *list, uint32_t n, uint32_t *news)
{
	*news = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct error *e;
		bool watched;

		if (map_find_u64(p->known, (uint64_t)list[i]))
			continue;
		e = watch(p, list[i], false, &watched);
		if (e)
			return e;
		map_put_u64(p->known, (uint64_t)list[i], p);
		++*news;
	}
	return NULL;
}

/* It stands, and has one thread: nobody can have been missed. */
static bool is_at_start(pid_t pid, uint32_t n)
{
	return n <= 1 && proc_state_of(pid, pid) == 't';
}

struct error *proc_perf_follow(struct proc_perf *p, pid_t pid)
{
	struct arena *a = arena_create();
	struct error *e = NULL;
	uint32_t n = 0, news = 1;
	pid_t *list;

	note_heirs(p);
	if (p->everybody || map_find_u64(p->known, (uint64_t)pid))
		news = 0;
	for (uint32_t round = 0; !e && news && round < ROUNDS; round++) {
		e = proc_threads_list(a, pid, &list, &n);
		if (!e && p->descriptors.n) {
			nanosleep(&(struct timespec){ 0, FORK_DELAY }, NULL);
			note_heirs(p);
		}
		if (!e)
			e = watch_unknown(p, list, n, &news);
		if (is_at_start(pid, n))
			break;
	}
	arena_destroy(a);
	return e;
}

struct error *proc_perf_follow_all(struct proc_perf *p)
{
	bool watched;

	p->everybody = true;
	return watch(p, -1, false, &watched);
}

void proc_perf_stop(struct proc_perf *p)
{
	vec_each(fd, &p->descriptors)
		ioctl(*fd, PERF_EVENT_IOC_DISABLE, 0);
}

void proc_perf_close(struct proc_perf *p)
{
	for (uint32_t cpu = 0; cpu < p->n_processors; cpu++)
		if (p->rings[cpu].memory)
			munmap(p->rings[cpu].memory, p->rings[cpu].data_size + PAGE);
	vec_each(fd, &p->descriptors)
		close(*fd);
	p->descriptors.n = 0;
	arena_destroy(p->bytes);
	arena_destroy(p->spare);
}

/* ---- watchpoints ------------------------------------------------------------------------------ */

static struct error *explain_watchpoint(const struct proc_watchpoint *w, pid_t tid, int saved_errno)
{
	struct error *e;

	if (saved_errno == ENOSPC)
		return error_hint(error_new(ERROR_UNSUPPORTED, "0x%lx cannot be watched in thread %d: all debug registers "
					    "are in use", (unsigned long)w->address, (int)tid),
				  "the processor has four, and debuggers use them too");
	if (saved_errno == E2BIG || saved_errno == EINVAL)
		return error_hint(error_errno(saved_errno, "0x%lx cannot be watched", (unsigned long)w->address),
				  "it takes Linux 5.13 or later");
	e = proc_perf_explain("watchpoint", saved_errno);
	if (saved_errno == ESRCH)
		e->code = ERROR_NO_PROCESS;
	return e;
}

struct error *proc_watchpoint_open(const struct proc_watchpoint *w, pid_t tid, int *fd)
{
	struct perf_event_attr a = { .size = sizeof a, .type = PERF_TYPE_BREAKPOINT };

	a.bp_addr = w->address;
	a.bp_len = w->length;
	a.bp_type = w->reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W;
	a.sample_period = 1;
	a.exclude_kernel = a.exclude_hv = 1;
	a.inherit = 1;
	a.inherit_thread = !w->children;
	a.sigtrap = a.remove_on_exec = 1;
	a.sig_data = w->data;
	*fd = open_event(&a, tid, -1);
	return *fd < 0 ? explain_watchpoint(w, tid, errno) : NULL;
}
