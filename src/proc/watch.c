/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launched shell on its way to the program: traced, running, its signals passed on.
 *
 *	sh -c "prog > file"	forks (or vforks) a child, which execs prog
 *	sh -c "exec prog"	execs prog itself
 *
 * The kernel traces new children for us from their first instruction. A process that
 * stops behind its exec is handed out and is not watched any more.
 */
#include "proc/proc.h"

#include <errno.h>
#include <sys/ptrace.h>

#include "proc/private.h"

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD)

static bool is_group_stop(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

struct error *proc_run_to_exec(struct proc *p)
{
	struct proc_thread *t = &p->threads.p[0];

	base_assert(p->is_child && p->stopped && p->threads.n == 1);
	if (ptrace(PTRACE_SETOPTIONS, t->tid, NULL, (void *)(long)OPTIONS) ||
	    ptrace(PTRACE_CONT, t->tid, NULL, NULL))
		return error_errno(errno, "cannot let process %d run", (int)p->pid);
	t->held = false;
	p->stopped = false;
	p->watched = true;
	return NULL;
}

/* The child of a fork that is being reported. */
static void add_child(struct proc *p, pid_t parent)
{
	struct proc_thread fresh = { 0 };
	unsigned long pid = 0;

	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &pid) || !pid)
		return;
	fresh.tid = (pid_t)pid;
	vec_each(t, &p->family) {
		if (t->tid)
			continue;
		*t = fresh;
		return;
	}
	vec_push(p->arena, &p->family, fresh);
}

/* Goes on from a stop that is not an exec. */
static void pass_on(pid_t tid, struct proc_stop stop)
{
	if (stop.kind == STOP_EVENT && is_group_stop(stop.signal))
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, tid, NULL,
		       (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0));
}

/* True: the thread stands behind its exec. One that has ended is marked gone. */
static bool watch_thread(struct proc *p, struct proc_thread *t)
{
	struct proc_stop stop;

	while (proc_look(p, t, &stop)) {
		pid_t tid = t->tid;

		if (stop.kind == STOP_GONE)
			return false;
		if (stop.kind == STOP_EXEC)
			return true;
		if (stop.kind == STOP_OTHER)
			add_child(p, tid); /* may move the family */
		pass_on(tid, stop);
		if (stop.kind == STOP_OTHER)
			return false; /* looked at again in the next round */
	}
	return false;
}

/* A child behind its exec becomes a process of its own. */
static struct proc *hand_out(struct proc *p, struct proc_thread *t)
{
	struct proc *child = proc_create(p->arena, t->tid);

	vec_push(child->arena, &child->threads, *t);
	t->tid = 0;
	if (proc_settle(child, &child->threads.p[0], 0) || proc_attach_files(child)) {
		ptrace(PTRACE_DETACH, child->pid, NULL, NULL);
		proc_close(child);
		return NULL;
	}
	child->stopped = true;
	return child;
}

static bool watch_self(struct proc *p)
{
	struct proc_thread *t = &p->threads.p[0];

	if (!p->watched || !watch_thread(p, t)) {
		p->watched &= !t->gone;
		return false;
	}
	p->watched = false;
	p->stopped = !proc_settle(p, t, 0);
	return p->stopped;
}

bool proc_watch(struct proc *p, struct proc **out)
{
	uint32_t n;

	*out = p;
	if (watch_self(p))
		return true;
	/* Children found on the way are looked at as well. */
	for (n = 0; n < p->family.n; n++) {
		struct proc_thread *t = &p->family.p[n];

		if (!t->tid)
			continue;
		if (watch_thread(p, t)) {
			*out = hand_out(p, &p->family.p[n]);
			if (*out)
				return true;
		} else if (p->family.p[n].gone) {
			p->family.p[n].tid = 0;
		}
	}
	return false;
}

static void let_go(struct proc *p, struct proc_thread *t)
{
	if (t->tid && !t->gone && !proc_settle(p, t, 0))
		ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
}

void proc_unwatch(struct proc *p)
{
	if (p->watched)
		let_go(p, &p->threads.p[0]);
	p->watched = false;
	vec_each(t, &p->family)
		let_go(p, t);
	p->family.n = 0;
}
