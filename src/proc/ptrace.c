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

/*
 * Each stop sends SIGCHLD: sleeping on it gives the processor to the thread that is to
 * stop, and has a limit, unlike waitpid. The short naps are for a tool whose SIGCHLD is ignored.
 */
struct proc_stop proc_wait_stop(struct proc *p, struct proc_thread *t, int patience)
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
		sigtimedwait(&child, NULL, &nap);
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
		if (ptrace(PTRACE_SEIZE, list[i], NULL, (void *)(long)OPTIONS)) {
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
static struct error *await_stops(struct proc *p, uint32_t first)
{
	for (uint32_t i = first; i < p->threads.n; i++) {
		struct proc_thread *t = &p->threads.p[i];
		struct proc_stop stop = proc_wait_stop(p, t, PATIENCE);
		struct error *e;

		if (stop.kind == STOP_GONE)
			continue;
		if (stop.kind == STOP_LATE)
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

/* After a failed stop: those that did not stop are asked to once more by their detach. */
static void let_go(struct proc *p)
{
	vec_each(t, &p->threads) {
		if (!t->gone && !t->held && proc_wait_stop(p, t, 1).kind == STOP_LATE)
			continue;
		if (!t->gone)
			ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
	}
	proc_forget_threads(p);
}

static bool any_held(const struct proc *p)
{
	vec_each(t, &p->threads)
		if (t->held)
			return true;
	return false;
}

struct error *proc_stop(struct proc *p)
{
	uint32_t found = 1;
	struct error *e = NULL;

	if (p->stopped)
		return NULL;
	if (proc_has_ended(p))
		return gone(p);
	base_assert(!p->watched);
	p->threads.n = 0;
	while (!e && found) {
		uint32_t first = p->threads.n;

		e = seize_new(p, &found);
		if (!e)
			e = await_stops(p, first);
	}
	p->stopped = true;
	if (!e && !any_held(p))
		e = gone(p);
	if (e)
		let_go(p);
	return e;
}

struct error *proc_release(struct proc *p)
{
	struct error *e = NULL;

	if (!p->stopped)
		return NULL;
	if (p->caller)
		e = proc_remote_end(p);
	vec_each(t, &p->threads) {
		if (!t->held)
			continue;
		if (ptrace(PTRACE_DETACH, t->tid, NULL, NULL) && errno != ESRCH && !e)
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
