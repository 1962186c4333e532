/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catching a process behind an exec that it has announced.
 *
 *	running --seize--> traced, running --exec--> stopped behind it --settle--> held, as proc_launch() leaves it
 *	                                   \--the exec fails--> let go
 *
 * The tracer is there for the length of the exec only. A thread that is not its process's first takes the
 * process's number when its exec succeeds.
 */
#include "proc/proc.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "proc/private.h"

#define OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

struct error *proc_catch(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(long)OPTIONS))
		return proc_explain(tid, errno);
	return NULL;
}

static void pass_on(pid_t tid, struct proc_stop stop)
{
	bool in_group_stop = stop.kind == STOP_EVENT && stop.signal != SIGTRAP;

	if (in_group_stop)
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, tid, NULL, (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0));
}

/* True: *out is a stop of the thread or, behind its exec, of what it has become. */
static bool look(struct proc *p, struct proc_thread *t, struct proc_stop *out)
{
	if (!proc_look(p, t, out))
		return false;
	if (out->kind != STOP_GONE || t->tid == p->pid)
		return true;
	*t = (struct proc_thread){ .tid = p->pid };
	return proc_look(p, t, out);
}

enum proc_catch_state proc_caught(struct proc *p, pid_t tid)
{
	struct proc_thread t = { .tid = tid };
	struct proc_stop stop;

	do {
		if (!look(p, &t, &stop))
			return PROC_CATCH_WAITING;
		if (stop.kind == STOP_GONE)
			return PROC_CATCH_GONE;
		if (stop.kind != STOP_EXEC)
			pass_on(t.tid, stop);
	} while (stop.kind != STOP_EXEC);
	proc_forget_threads(p);
	t.tid = p->pid;
	vec_push(p->arena, &p->threads, t);
	if (proc_settle(p, &p->threads.p[0], 0)) {
		ptrace(PTRACE_DETACH, p->pid, NULL, NULL);
		proc_forget_threads(p);
		return PROC_CATCH_GONE;
	}
	p->stopped = true;
	return PROC_CATCH_EXEC;
}

void proc_see_off(struct proc *p)
{
	struct proc_thread t = { .tid = p->pid };
	struct proc_stop ignored;

	/* Our own child's end is somebody else's business, unless we hold it as a tracer as well. */
	if (!p->is_child && proc_status_number(p->pid, "TracerPid", 0) == getpid())
		proc_look(p, &t, &ignored);
}

void proc_catch_undo(struct proc *p, pid_t tid)
{
	struct proc_thread t = { .tid = tid };

	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL)) {
		proc_look(p, &t, &(struct proc_stop){ 0 });
		t.tid = p->pid;
		if (tid != p->pid && ptrace(PTRACE_INTERRUPT, p->pid, NULL, NULL))
			return;
	}
	for (uint32_t i = 0; i < 8; i++) {
		struct proc_stop stop = proc_wait_stop(p, &t, 1);

		if (stop.kind == STOP_GONE || stop.kind == STOP_LATE)
			return;
		if (!ptrace(PTRACE_DETACH, t.tid, NULL,
			    (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0)))
			return;
	}
}
