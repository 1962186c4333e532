/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls made by a stopped thread in our name.
 *
 * Nothing is written into the target: the thread is sent to a `syscall`
 * instruction that it already has (the vdso holds some; else any executable
 * file mapping) and is stopped at the call's entry and exit by PTRACE_SYSCALL.
 * A single step would do with one stop, but it is reported by a forced SIGTRAP, and
 * forcing resets the disposition of a program that ignores SIGTRAP.
 *
 *	EVENT_STOP --registers: rip = gadget, rax = number, orig_rax = -1--> entry stop
 *	entry stop --> exit stop: rax is the result --> next call, or
 *	exit stop --interrupt--> EVENT_STOP, registers and mask as they were
 *
 * orig_rax = -1 keeps the kernel from restarting the call that the thread was
 * in; it is restarted when the original registers, orig_rax included, are back
 * and the thread leaves the last EVENT_STOP: the kernel looks for a call to
 * restart on its way out of there.  That way out must not be an exit stop.
 *
 * Signals are held off by the mask.  SIGSYS is not: a seccomp filter may force it,
 * and forcing a blocked signal kills; the stop it gives is swallowed.
 */
#include "proc/proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/private.h"

#define PAGE 4096u
#define LETTER_ROOM 256u /* in the scratch page, at its start; then the way back; then PROC_SCRATCH */
#define SEARCH_LIMIT (8u << 20) /* bytes looked through for a syscall instruction, per mapping */
#define CALLER_TRIES 16 /* threads looked at for one inside a system call */
#define MAX_FILES 8
#define STOPS_LIMIT 1000 /* foreign stops during one call */
#define KERNEL_ERROR(r) ((r) < 0 && (r) >= -4095)

/* ---- where to call from ---------------------------------------------------------- */

static uint64_t find_in_range(const struct proc *p, uint64_t start, uint64_t end)
{
	uint8_t part[PAGE + PROC_SYSCALL_SIZE];

	for (uint64_t at = start; at < end && at - start < SEARCH_LIMIT; at += PAGE) {
		size_t n = proc_read(p, at, part, base_min(sizeof part, end - at));
		const uint8_t *hit = memmem(part, n, proc_syscall_bytes, PROC_SYSCALL_SIZE);

		if (hit)
			return at + (uint64_t)(hit - part);
	}
	return 0;
}

static uint64_t find_gadget(struct proc *p, const struct proc_maps *m)
{
	const struct proc_map *vdso = proc_maps_find(m, proc_auxiliary(p->pid, AT_SYSINFO_EHDR));
	uint64_t found = vdso && vdso->executable ? find_in_range(p, vdso->start, vdso->end) : 0;

	for (uint32_t i = 0; !found && i < m->n; i++)
		if (proc_map_is_lasting(&m->p[i]))
			found = find_in_range(p, m->p[i].start, m->p[i].end);
	return found;
}

/* The last resort: over the code at the thread's pc, put back by the end. */
static struct error *write_gadget(struct proc *p)
{
	uint64_t pc = proc_registers_pc(&p->caller_registers);
	struct error *e;

	if (proc_read(p, pc, p->gadget_saved, sizeof p->gadget_saved) != sizeof p->gadget_saved)
		return error_new(ERROR_OTHER, "process %d has no code to make a system call from",
				 (int)p->pid);
	e = proc_write(p, pc, proc_syscall_bytes, PROC_SYSCALL_SIZE);
	if (e)
		return e;
	p->gadget = pc;
	p->gadget_written = true;
	return NULL;
}

static struct error *prepare_gadget(struct proc *p)
{
	uint8_t bytes[PROC_SYSCALL_SIZE];
	struct proc_maps maps;
	struct error *e;

	if (p->way_back.gadget && !proc_way_back_is_there(p))
		p->gadget = 0;
	if (p->gadget && proc_read(p, p->gadget, bytes, sizeof bytes) == sizeof bytes &&
	    memcmp(bytes, proc_syscall_bytes, sizeof bytes) == 0)
		return NULL;
	e = proc_maps_read(p->arena, p->pid, &maps);
	if (e)
		return e;
	proc_way_back_look(p, &maps);
	p->gadget = p->way_back.gadget ? p->way_back.gadget : find_gadget(p, &maps);
	return p->gadget ? NULL : write_gadget(p);
}

static bool is_filtered(const struct proc_thread *t)
{
	return proc_status_number(t->tid, "Seccomp", 0) != 0;
}

/*
 * A thread inside a system call is preferred: one that was stopped in a restartable
 * sequence (rseq) would lose the kernel's note of it by leaving it for the gadget.
 */
static struct error *choose_among(struct proc *p, bool filtered)
{
	struct proc_registers r;
	uint32_t looked = 0;

	p->caller = NULL;
	vec_each(t, &p->threads) {
		if (!t->held || (filtered && is_filtered(t)) || proc_registers_get(p, t, &r))
			continue;
		if (!p->caller || proc_registers_in_call(&r)) {
			p->caller = t;
			p->caller_registers = r;
		}
		if (proc_registers_in_call(&r) || ++looked == CALLER_TRIES)
			break;
	}
	return p->caller ? NULL : error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->pid);
}

/* Filters belong to threads: one without is taken if there is any, else the filter is suspended. */
static struct error *choose_caller(struct proc *p)
{
	struct error *e;

	if (proc_status_number(p->pid, "Seccomp", 0) == 0)
		return choose_among(p, false);
	e = choose_among(p, true);
	if (!e)
		return NULL;
	e = choose_among(p, false);
	if (e)
		return e;
	p->filter_suspended =
		ptrace(PTRACE_SETOPTIONS, p->caller->tid, NULL,
		       (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP)) == 0;
	if (p->filter_suspended)
		return NULL;
	return proc_calls_may_kill(p->pid) ? proc_confined(p->pid) : NULL;
}

/* ---- one call ---------------------------------------------------------------------- */

/*
 * Runs on to the next entry or exit of a system call. SIGSTOP, which no mask holds off, is delivered at once: the kernel
 * notes the group stop, from which this thread is let out. Given later it would stop a process that a SIGCONT has come to since.
 */
static struct error *next_syscall_stop(struct proc *p)
{
	struct proc_thread *t = p->caller;
	int signal = 0;

	for (uint32_t i = 0; i < STOPS_LIMIT; i++) {
		struct proc_stop stop;

		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, (void *)(long)signal))
			return error_errno(errno, "cannot resume thread %d", (int)t->tid);
		stop = proc_wait_stop(p, t, 10);
		if (stop.kind == STOP_SYSCALL)
			return NULL;
		if (stop.kind == STOP_GONE)
			return error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->pid);
		if (stop.kind == STOP_LATE)
			break;
		signal = stop.kind == STOP_SIGNAL && stop.signal != SIGSYS ? stop.signal : 0;
	}
	return error_new(ERROR_OTHER, "a system call in process %d does not end", (int)p->pid);
}

/* Not before the registers lead back: a thread that is left alone has its mask again then. */
static struct error *hold_signals(struct proc *p)
{
	const uint64_t sigsys = (uint64_t)1 << (SIGSYS - 1);
	struct error *e;

	if (p->signals_held)
		return NULL;
	e = proc_mask_set(p, p->caller, ~sigsys | (p->caller_mask & sigsys));
	p->signals_held = !e;
	return e;
}

struct error *proc_remote_call(struct proc *p, long number, const uint64_t arguments[6],
			       int64_t *result)
{
	struct proc_registers r = p->caller_registers;
	struct error *e;

	proc_registers_for_call(&r, p->gadget, p->way_back.stack, number, arguments);
	e = proc_registers_set(p, p->caller, &r);
	if (!e)
		e = hold_signals(p);
	if (!e)
		e = next_syscall_stop(p);
	if (!e)
		e = next_syscall_stop(p);
	if (!e)
		e = proc_registers_get(p, p->caller, &r);
	if (!e)
		*result = proc_registers_result(&r);
	return e;
}

/* ---- begin and end ------------------------------------------------------------------- */

/* The thread stands behind a call: it would go on from there. */
static struct error *point_to_way_back(struct proc *p)
{
	struct proc_registers r;
	struct error *e = proc_registers_get(p, p->caller, &r);

	r.user.rsp = p->way_back.stack;
	return e ? e : proc_registers_set(p, p->caller, &r);
}

/* One page: it lies right below another mapping, where ctl chooses no address. */
static struct error *map_scratch(struct proc *p)
{
	struct error *e;

	if (p->room && proc_way_back_put(p, p->room + LETTER_ROOM, p->room + PAGE - PROC_SCRATCH)) {
		p->scratch = p->room;
		return NULL;
	}
	proc_way_back_begin(p);
	e = proc_remote_map(p, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0, &p->scratch);
	if (!e && proc_way_back_put(p, p->scratch + LETTER_ROOM, proc_remote_scratch(p)))
		e = point_to_way_back(p);
	else if (!e)
		p->way_back.stack = 0;
	proc_way_back_restore(p);
	return e;
}

/* From here on the thread stands at a call that maps nothing of ours. */
static struct error *unmap_scratch(struct proc *p)
{
	uint64_t at = p->scratch;

	p->scratch = 0;
	if (at == p->room)
		return NULL;
	proc_way_back_begin(p);
	return proc_remote_unmap(p, at, PAGE);
}

void proc_remote_look(struct proc *p, const struct proc_maps *m)
{
	if (proc_way_back_is_there(p))
		return;
	proc_way_back_look(p, m);
	if (p->way_back.gadget)
		p->gadget = p->way_back.gadget;
}

struct error *proc_remote_begin(struct proc *p)
{
	struct error *e = choose_caller(p);

	p->scratch = 0;
	p->signals_held = false;
	if (e)
		p->caller = NULL;
	if (!e)
		e = prepare_gadget(p);
	if (!e)
		e = proc_mask_get(p, p->caller, &p->caller_mask);
	if (e) {
		p->caller = NULL;
		return e;
	}
	e = map_scratch(p);
	if (e) {
		struct error *ignored = proc_remote_end(p);

		(void)ignored;
	}
	return e;
}

static struct error *restore_gadget(struct proc *p)
{
	struct error *e;

	if (!p->gadget_written)
		return NULL;
	e = proc_write(p, p->gadget, p->gadget_saved, sizeof p->gadget_saved);
	p->gadget_written = false;
	p->gadget = 0;
	return e;
}

struct error *proc_remote_end(struct proc *p)
{
	struct proc_thread *t = p->caller;
	struct error *e = NULL, *last;

	if (!t)
		return NULL;
	if (p->scratch)
		e = unmap_scratch(p);
	p->caller = NULL;
	if (t->gone)
		return error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->pid);
	if (p->filter_suspended)
		ptrace(PTRACE_SETOPTIONS, t->tid, NULL, (void *)(long)PTRACE_O_TRACESYSGOOD);
	p->filter_suspended = false;
	last = proc_settle(p, t, 0);
	if (!last)
		last = restore_gadget(p);
	if (!last)
		last = proc_mask_set(p, t, p->caller_mask);
	if (!last)
		last = proc_registers_set(p, t, &p->caller_registers);
	proc_way_back_restore(p);
	p->way_back.stack = 0;
	return e ? e : last;
}

uint64_t proc_remote_scratch(const struct proc *p)
{
	return p->scratch + PAGE - PROC_SCRATCH;
}

/* ---- memory ----------------------------------------------------------------------------- */

struct error *proc_remote_map(struct proc *p, uint64_t address, uint64_t size, int protection,
			      int flags, int fd, uint64_t offset, uint64_t *out)
{
	const uint64_t arguments[6] = {
		address, size, (uint64_t)protection, (uint64_t)flags, (uint64_t)(int64_t)fd, offset
	};
	bool exact = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	int64_t result;
	struct error *e = proc_remote_call(p, SYS_mmap, arguments, &result);

	if (e)
		return e;
	if (KERNEL_ERROR(result)) {
		e = error_errno((int)-result, "cannot map 0x%lx bytes at 0x%lx in process %d",
				(unsigned long)size, (unsigned long)address, (int)p->pid);
		return result == -ENOMEM ? error_hint(e, "its address space may be limited (ulimit -v, RLIMIT_AS)") : e;
	}
	if (result % PAGE || (exact && (uint64_t)result != address))
		return error_new(ERROR_SYSTEM,
				 "process %d cannot map memory at 0x%lx (seccomp or an old kernel)",
				 (int)p->pid, (unsigned long)address);
	*out = (uint64_t)result;
	return NULL;
}

static struct error *call_checked(struct proc *p, const char *what, long number,
				  const uint64_t arguments[6], int64_t *result)
{
	struct error *e = proc_remote_call(p, number, arguments, result);

	if (!e && KERNEL_ERROR(*result))
		e = error_errno((int)-*result, "%s fails in process %d", what, (int)p->pid);
	return e;
}

struct error *proc_remote_unmap(struct proc *p, uint64_t address, uint64_t size)
{
	int64_t result;

	return call_checked(p, "munmap", SYS_munmap, (const uint64_t[6]){ address, size }, &result);
}

struct error *proc_remote_close(struct proc *p, int remote_fd)
{
	int64_t result;

	return call_checked(p, "close", SYS_close, (const uint64_t[6]){ (uint64_t)remote_fd },
			    &result);
}

/* ---- handing over descriptors --------------------------------------------------------------- */

/* At the start of the scratch page: a msghdr and what it points to. */
struct letter {
	uint64_t name, name_length;
	uint64_t parts, n_parts;
	uint64_t control, control_length;
	uint64_t flags;
	uint64_t part_address, part_length;
	uint8_t byte, pad[7];
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(MAX_FILES * sizeof(int))];
	} note;
};

_Static_assert(sizeof(struct letter) <= LETTER_ROOM, "the way back lies behind it");

static struct error *send_locally(int to, const int *fds, uint32_t n)
{
	struct letter l = { .byte = 'f' };
	struct iovec part = { &l.byte, 1 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = l.note.bytes,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	l.note.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	l.note.head.cmsg_level = SOL_SOCKET;
	l.note.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&l.note.head), fds, n * sizeof(int));
	if (sendmsg(to, &m, MSG_NOSIGNAL) != 1)
		return error_errno(errno, "cannot send descriptors");
	return NULL;
}

static struct error *receive_remotely(struct proc *p, int from, uint32_t n, int *remote)
{
	uint64_t at = p->scratch;
	struct letter l = { .parts = at + offsetof(struct letter, part_address),
			    .n_parts = 1,
			    .control = at + offsetof(struct letter, note),
			    .control_length = CMSG_SPACE(n * sizeof(int)),
			    .part_address = at + offsetof(struct letter, byte),
			    .part_length = 1 };
	const uint64_t arguments[6] = { (uint64_t)from, at, MSG_CMSG_CLOEXEC | MSG_DONTWAIT };
	struct error *e = proc_write(p, at, &l, sizeof l);
	int64_t result;

	if (!e)
		e = call_checked(p, "recvmsg", SYS_recvmsg, arguments, &result);
	if (e)
		return e;
	if (proc_read(p, at, &l, sizeof l) != sizeof l ||
	    l.note.head.cmsg_len != CMSG_LEN(n * sizeof(int)))
		return error_new(ERROR_SYSTEM, "process %d received too few descriptors",
				 (int)p->pid);
	memcpy(remote, CMSG_DATA(&l.note.head), n * sizeof(int));
	return NULL;
}

/* Our duplicate of one of the target's descriptors. */
static struct error *fetch(const struct proc *p, int remote, int *out)
{
	*out = (int)syscall(SYS_pidfd_getfd, p->pidfd, remote, 0);
	return *out < 0 ? error_errno(errno, "cannot take a descriptor of process %d", (int)p->pid)
			: NULL;
}

struct error *proc_remote_send(struct proc *p, const int *fds, uint32_t n, int *remote)
{
	const uint64_t arguments[6] = { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->scratch };
	struct error *e, *last;
	int pair[2], mine = -1;
	int64_t result;

	base_assert(n > 0 && n <= MAX_FILES);
	e = call_checked(p, "socketpair", SYS_socketpair, arguments, &result);
	if (e)
		return e;
	if (proc_read(p, p->scratch, pair, sizeof pair) != sizeof pair)
		return error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->pid);
	e = fetch(p, pair[0], &mine);
	if (!e)
		e = send_locally(mine, fds, n);
	if (!e)
		e = receive_remotely(p, pair[1], n, remote);
	if (mine >= 0)
		close(mine);
	for (uint32_t i = 0; i < 2; i++) {
		last = proc_remote_close(p, pair[i]);
		e = e ? e : last;
	}
	return e;
}

/* ---- files that have a name ------------------------------------------------------------------ */

/* Whether the target's descriptor is of our file: its /proc may be another one. */
static bool is_same_file(const struct proc *p, int remote, int fd)
{
	struct stat theirs, ours;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)p->pid, remote);
	return stat(path, &theirs) == 0 && fstat(fd, &ours) == 0 && theirs.st_dev == ours.st_dev &&
	       theirs.st_ino == ours.st_ino;
}

/* One call of the target, where handing over takes four. -1: it may not, or sees another /proc. */
static struct error *open_remotely(struct proc *p, int fd, int *remote)
{
	char path[64];
	int n = snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
	const uint64_t arguments[6] = { (uint64_t)AT_FDCWD, p->scratch, O_RDWR | O_CLOEXEC };
	struct error *e = proc_write(p, p->scratch, path, (size_t)n + 1);
	int64_t result;

	*remote = -1;
	if (!e)
		e = proc_remote_call(p, SYS_openat, arguments, &result);
	if (e || result < 0)
		return e;
	*remote = (int)result;
	if (is_same_file(p, *remote, fd))
		return NULL;
	e = proc_remote_close(p, *remote);
	*remote = -1;
	return e;
}

struct error *proc_remote_open(struct proc *p, const int *fds, uint32_t n, int *remote)
{
	struct error *e;

	for (uint32_t i = 0; i < n; i++) {
		e = open_remotely(p, fds[i], &remote[i]);
		if (e)
			return e;
		if (remote[i] < 0)
			return proc_remote_send(p, fds + i, n - i, remote + i);
	}
	return NULL;
}
