/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping all threads of a process, and letting them go.
 *
 * Threads are seized, not attached: no SIGSTOP is sent, group stops are left
 * as they are.  A held thread is always in a PTRACE_EVENT_STOP, which the
 * kernel takes inside its signal code: when it is let go there, an interrupted
 * system call is restarted as if nothing had happened.
 *
 *	running --interrupt--> EVENT_STOP (held)
 *	   |
 *	   +-- a signal came first --> signal stop --interrupt, deliver--> EVENT_STOP
 *
 * The signal is delivered at once (its handler's frame is built, or the default
 * action taken), so no signal is ever kept over the stop window.
 */
#include "proc/proc.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/private.h"

#define PATIENCE 10 /* seconds for a thread to stop */
#define DEAF_PATIENCE 0.3 /* for one in an uninterruptible wait */
#define EAGER_TRIES 60 /* looks before sleeping: for a thread that runs on another processor */
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define OPTIONS (PTRACE_O_TRACESYSGOOD)

static void mark_gone(struct proc *p, struct proc_thread *t, int status)
{
	t->gone = true;
	t->held = false;
	if (p->is_child && t->tid == p->pid) {
		p->ended = true;
		p->status = status;
	}
}

static struct proc_stop classify(struct proc *p, struct proc_thread *t, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (!WIFSTOPPED(status)) {
		mark_gone(p, t, status);
		return (struct proc_stop){ STOP_GONE, 0 };
	}
	if (event == PTRACE_EVENT_STOP)
		return (struct proc_stop){ STOP_EVENT, signal };
	if (event == PTRACE_EVENT_EXEC)
		return (struct proc_stop){ STOP_EXEC, 0 };
	if (event)
		return (struct proc_stop){ STOP_OTHER, 0 };
	if (signal == SYSCALL_STOP)
		return (struct proc_stop){ STOP_SYSCALL, 0 };
	return (struct proc_stop){ STOP_SIGNAL, signal };
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool proc_look(struct proc *p, struct proc_thread *t, struct proc_stop *out)
{
	int status;
	pid_t got = waitpid(t->tid, &status, __WALL | WNOHANG);

	if (got == t->tid) {
		*out = classify(p, t, status);
		return true;
	}
	if (got == 0 || errno == EINTR)
		return false;
	t->gone = true;
	t->held = false;
	*out = (struct proc_stop){ STOP_GONE, 0 };
	return true;
}

/* The end of a process's first thread is reported only when all the others have been waited for. */
static bool is_unreported_end(const struct proc *p, const struct proc_thread *t)
{
	return t->tid == p->pid && proc_state_of(p->pid, t->tid) == 'Z';
}

/* It does not even look for signals: in vfork() until the child has gone, or in the disk's hands. */
static bool is_deaf(const struct proc *p, const struct proc_thread *t)
{
	return proc_state_of(p->pid, t->tid) == 'D';
}

/*
 * Each stop sends SIGCHLD: sleeping on it gives the processor to the thread that is to
 * stop, and has a limit, unlike waitpid. The short naps are for a tool whose SIGCHLD is ignored.
 */
static struct proc_stop wait_stop(struct proc *p, struct proc_thread *t, int patience,
				  bool unless_deaf)
{
	const struct timespec nap = { 0, 2000000 };
	struct proc_stop out = { STOP_LATE, 0 };
	sigset_t child, before;
	double end;

	for (uint32_t i = 0; i < EAGER_TRIES; i++)
		if (proc_look(p, t, &out))
			return out;
	end = seconds_now() + patience;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	while (!proc_look(p, t, &out) && seconds_now() < end) {
		bool came = sigtimedwait(&child, NULL, &nap) == SIGCHLD;

		if (p->idle)
			p->idle(p->idle_user);
		if (came)
			continue;
		if (unless_deaf && end - seconds_now() < patience - DEAF_PATIENCE && is_deaf(p, t))
			break;
		if (!is_unreported_end(p, t))
			continue;
		t->gone = true;
		t->held = false;
		out.kind = STOP_GONE;
		break;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return out;
}

struct proc_stop proc_wait_stop(struct proc *p, struct proc_thread *t, int patience)
{
	return wait_stop(p, t, patience, false);
}

static struct error *gone(const struct proc *p)
{
	return error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->pid);
}

struct error *proc_settle(struct proc *p, struct proc_thread *t, int signal)
{
	double end = seconds_now() + PATIENCE;

	while (seconds_now() < end) {
		struct proc_stop stop;

		if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) ||
		    ptrace(PTRACE_CONT, t->tid, NULL, (void *)(long)signal))
			return errno == ESRCH
				       ? gone(p)
				       : error_errno(errno, "cannot resume thread %d", (int)t->tid);
		stop = proc_wait_stop(p, t, PATIENCE);
		if (stop.kind == STOP_GONE)
			return gone(p);
		if (stop.kind == STOP_EVENT) {
			t->held = true;
			return NULL;
		}
		signal = stop.kind == STOP_SIGNAL ? stop.signal : 0;
	}
	return error_new(ERROR_OTHER, "thread %d of process %d does not stop", (int)t->tid,
			 (int)p->pid);
}

/* ---- stopping all threads --------------------------------------------------- */

static bool is_known(const struct proc *p, pid_t tid)
{
	vec_each(t, &p->threads)
		if (t->tid == tid)
			return true;
	return false;
}

static bool is_dead(const struct proc *p, pid_t tid)
{
	char state = proc_state_of(p->pid, tid);

	return state == 0 || state == 'Z' || state == 'X';
}

/* Takes the thread off the list of those that did not stop; false: it is not on it. */
static bool take_lagging(struct proc *p, pid_t tid)
{
	vec_each(t, &p->lagging) {
		if (t->tid != tid)
			continue;
		*t = p->lagging.p[--p->lagging.n];
		return true;
	}
	return false;
}

/* Seizes the threads not yet known, and asks them to stop; *found counts them. */
static struct error *seize_new(struct proc *p, uint32_t *found)
{
	pid_t *list;
	uint32_t n;
	struct error *e = proc_threads_list(p->arena, p->pid, &list, &n);

	*found = 0;
	for (uint32_t i = 0; !e && i < n; i++) {
		struct proc_thread t = { .tid = list[i] };

		if (is_known(p, list[i]))
			continue;
		if (take_lagging(p, list[i])) {
			/* seized, and asked, before */
		} else if (ptrace(PTRACE_SEIZE, list[i], NULL, (void *)(long)OPTIONS)) {
			int saved = errno;

			if (saved != ESRCH && !is_dead(p, list[i]))
				return proc_explain(p->pid, saved);
			continue;
		}
		ptrace(PTRACE_INTERRUPT, list[i], NULL, NULL);
		vec_push(p->arena, &p->threads, t);
		(*found)++;
	}
	return e;
}

/* Waits until the threads from `first` on are held or gone. */
static struct error *await_stops(struct proc *p, uint32_t first, bool *late)
{
	for (uint32_t i = first; i < p->threads.n; i++) {
		struct proc_thread *t = &p->threads.p[i];
		struct proc_stop stop;
		struct error *e;

		if (t->held)
			continue;
		stop = wait_stop(p, t, PATIENCE, true);
		if (stop.kind == STOP_GONE)
			continue;
		*late = stop.kind == STOP_LATE;
		if (*late)
			return error_hint(error_new(ERROR_OTHER,
						    "thread %d of process %d does not stop",
						    (int)t->tid, (int)p->pid),
					  "it is in state %c", proc_state_of(p->pid, t->tid));
		if (stop.kind == STOP_EVENT) {
			t->held = true;
			continue;
		}
		e = proc_settle(p, t, stop.kind == STOP_SIGNAL ? stop.signal : 0);
		if (e && !t->gone)
			return e;
	}
	return NULL;
}

void proc_forget_threads(struct proc *p)
{
	p->threads.n = 0;
	p->caller = NULL;
	p->stopped = false;
}

/* Lets a thread go that may not have stopped yet; false: it has not. */
static bool try_detach(struct proc *p, struct proc_thread *t)
{
	struct proc_stop stop = { STOP_EVENT, 0 };

	if (t->gone)
		return true;
	if (!t->held && !proc_look(p, t, &stop))
		return false;
	if (stop.kind != STOP_GONE)
		ptrace(PTRACE_DETACH, t->tid, NULL,
		       (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0));
	return true;
}

/* After a failed stop. */
static void let_go(struct proc *p)
{
	vec_each(t, &p->threads)
		if (!try_detach(p, t))
			vec_push(p->arena, &p->lagging, *t);
	proc_forget_threads(p);
}

static void release_lagging(struct proc *p)
{
	for (uint32_t i = 0; i < p->lagging.n;) {
		if (try_detach(p, &p->lagging.p[i]))
			p->lagging.p[i] = p->lagging.p[--p->lagging.n];
		else
			i++;
	}
}

/* Waits for one of those that did not stop in time: it is the first that is held then. */
static void await_lagging(struct proc *p)
{
	const struct timespec nap = { 0, 2000000 };
	double end = seconds_now() + DEAF_PATIENCE;

	while (p->lagging.n && seconds_now() < end) {
		for (uint32_t i = 0; i < p->lagging.n; i++) {
			struct proc_thread t = p->lagging.p[i];
			struct proc_stop stop;

			if (!proc_look(p, &t, &stop))
				continue;
			p->lagging.p[i] = p->lagging.p[--p->lagging.n];
			t.held = stop.kind == STOP_EVENT;
			if (t.held)
				vec_push(p->arena, &p->threads, t);
			else if (stop.kind != STOP_GONE)
				ptrace(PTRACE_DETACH, t.tid, NULL,
				       (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0));
			return;
		}
		nanosleep(&nap, NULL);
		if (p->idle)
			p->idle(p->idle_user);
	}
}

static bool any_held(const struct proc *p)
{
	vec_each(t, &p->threads)
		if (t->held)
			return true;
	return false;
}

/* One try; some may be held already. */
static struct error *stop_all(struct proc *p, bool *late)
{
	uint32_t found = 1;
	struct error *e = NULL;

	*late = false;
	while (!e && found) {
		uint32_t first = p->threads.n;

		e = seize_new(p, &found);
		if (!e)
			e = await_stops(p, first, late);
	}
	p->stopped = true;
	if (!e && !any_held(p))
		e = gone(p);
	if (e)
		let_go(p);
	return e;
}

struct error *proc_stop(struct proc *p)
{
	double end = seconds_now() + PATIENCE;
	struct error *e;
	bool late;

	if (p->stopped)
		return NULL;
	if (proc_has_ended(p))
		return gone(p);
	base_assert(!p->watched);
	p->threads.n = 0;
	for (;;) {
		e = stop_all(p, &late);
		if (!e || !late || seconds_now() > end)
			return e;
		await_lagging(p);
	}
}

/* Killed while we held it: its parent is told when we have been. */
static void see_off(struct proc *p, struct proc_thread *t)
{
	struct proc_stop stop = proc_wait_stop(p, t, 1);

	if (stop.kind != STOP_GONE && stop.kind != STOP_LATE)
		ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
}

struct error *proc_release(struct proc *p)
{
	struct error *e = NULL;

	if (!p->stopped)
		return NULL;
	if (p->caller)
		e = proc_remote_end(p);
	vec_each(t, &p->threads) {
		if (!t->held || !ptrace(PTRACE_DETACH, t->tid, NULL, NULL))
			continue;
		if (errno == ESRCH)
			see_off(p, t);
		else if (!e)
			e = error_errno(errno, "cannot let thread %d go", (int)t->tid);
	}
	proc_forget_threads(p);
	return e;
}

bool proc_has_ended(struct proc *p)
{
	struct pollfd poll_one = { .fd = p->pidfd, .events = POLLIN };
	int status;

	if (p->ended)
		return true;
	if (!p->stopped)
		release_lagging(p);
	if (poll(&poll_one, 1, 0) != 1)
		return false;
	p->ended = true;
	if (p->is_child && waitpid(p->pid, &status, __WALL) == p->pid)
		p->status = status;
	return true;
}

/* ---- registers ---------------------------------------------------------------- */

struct error *proc_registers_get(const struct proc *p, const struct proc_thread *t,
				 struct proc_registers *out)
{
	struct iovec io = { &out->user, sizeof out->user };

	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)(long)NT_PRSTATUS, &io))
		return errno == ESRCH
			       ? gone(p)
			       : error_errno(errno, "cannot read registers of %d", (int)t->tid);
	return NULL;
}

struct error *proc_registers_set(const struct proc *p, const struct proc_thread *t,
				 const struct proc_registers *r)
{
	struct proc_registers copy = *r;
	struct iovec io = { &copy.user, sizeof copy.user };

	if (ptrace(PTRACE_SETREGSET, t->tid, (void *)(long)NT_PRSTATUS, &io))
		return errno == ESRCH
			       ? gone(p)
			       : error_errno(errno, "cannot set registers of %d", (int)t->tid);
	return NULL;
}

struct error *proc_mask_get(const struct proc *p, const struct proc_thread *t, uint64_t *out)
{
	if (ptrace(PTRACE_GETSIGMASK, t->tid, (void *)(long)sizeof *out, out))
		return errno == ESRCH
			       ? gone(p)
			       : error_errno(errno, "cannot read the mask of %d", (int)t->tid);
	return NULL;
}

struct error *proc_mask_set(const struct proc *p, const struct proc_thread *t, uint64_t mask)
{
	if (ptrace(PTRACE_SETSIGMASK, t->tid, (void *)(long)sizeof mask, &mask))
		return errno == ESRCH
			       ? gone(p)
			       : error_errno(errno, "cannot set the mask of %d", (int)t->tid);
	return NULL;
}
