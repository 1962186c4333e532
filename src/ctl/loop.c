/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's loop: collect, run timers, answer the dynamic loader, watch
 * the target; then sleep on the region's event word until something
 * raises it or the next thing is due.
 *
 * Nothing wakes the tool for a record: naps grow from 1 to 50 ms while nothing comes
 * in.  Targets raise the event when a ring fills or a library is mapped, signal
 * handlers when a signal came.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/perf_counters.h"
#include "ctl/records.h"

#define MS 1000000ll
#define NAP_LEAST (1 * MS)
#define NAP_MOST (50 * MS)
#define LEAVE_TIME (2000 * MS) /* for a launched target to end after a signal */
#define DEAD_EVERY (20 * MS)
#define OUTPUT_MOST (64u << 20) /* bytes that wait for a reader: then rings fill */
#define ENOUGH_SIGNALS 2 /* we do not wait for the target any more */

/* ---- is it over? ------------------------------------------------------------------------- */

static bool have_processes_ended(struct ctl_session *s)
{
	if (s->target && s->target->launched)
		return proc_has_ended(s->target->proc);
	vec_each(p, &s->processes)
		if ((*p)->named && !proc_has_ended((*p)->proc))
			return false;
	return s->n_named > 0;
}

/* A target that we started is told to end, and traced to its end if that is soon. */
static bool is_interrupted(struct ctl_session *s)
{
	int count = ctl_signals_count();
	struct ctl_process *t = s->target;

	if (!count)
		return false;
	s->interrupted = true;
	if (!t || !t->launched || count >= ENOUGH_SIGNALS)
		return true;
	if (!s->signals_forwarded) {
		s->signals_forwarded = 1;
		s->leave_by = ctl_now() + LEAVE_TIME;
		if (!ctl_signals_from_terminal())
			kill(t->proc->pid, SIGTERM);
	}
	return ctl_now() > s->leave_by;
}

static bool is_over(struct ctl_session *s)
{
	struct abi_region *r = s->region;

	return __atomic_load_n(&r->request_exit, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != ABI_STATE_RUNNING ||
	       s->output_failed || have_processes_ended(s) || is_interrupted(s) ||
	       (s->end_time && ctl_now() >= s->end_time);
}

/* ---- one round ------------------------------------------------------------------------------- */

/* The shell in front of the command has started a program, or become it: it stands behind exec. */
static struct error *attach_held(struct ctl_process *shell, struct proc *proc)
{
	struct ctl_session *s = shell->session;
	struct ctl_process *p = shell;
	struct error *e, *last;

	if (proc != shell->proc && !ctl_files_concern(s, proc->pid)) {
		e = proc_release(proc);
		proc_close(proc);
		return e;
	}
	if (proc != shell->proc)
		p = ctl_process_create(s, proc);
	e = ctl_attach_again(p);
	last = proc_release(proc);
	return e ? e : last;
}

static struct error *serve_family(struct ctl_process *p)
{
	struct proc *proc;
	struct error *e = NULL;

	while (!e && proc_watch(p->proc, &proc))
		e = attach_held(p, proc);
	return e;
}

static void serve_process(struct ctl_process *p)
{
	struct error *e = NULL;

	if (p->proc->watched || p->proc->family.n)
		e = serve_family(p);
	if (e) {
		/* told below */
	} else if (!p->placed || proc_has_ended(p->proc) || ctl_family_is_catching(p)) {
		return;
	} else if (ctl_has_execed(p)) {
		/* Its memory is gone: it is in the middle of its end, or of an exec. */
		if (ctl_is_between(p) || proc_has_ended(p->proc))
			return;
		if (p->member) {
			ctl_family_changed(p);
			return;
		}
		ctl_verbose(p->session, 1, "process %d runs another program", (int)p->proc->pid);
		e = ctl_attach_again(p);
	} else {
		e = ctl_modules_serve(p);
		ctl_breakpoints_watch(p);
	}
	if (e && e->code != ERROR_NO_PROCESS && !ctl_is_between(p) && !proc_has_ended(p->proc))
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
}

/* Now and then: a thread may have died with a lock. */
static void look_for_dead(struct ctl_session *s)
{
	int64_t now = ctl_now();

	if (now - s->dead_checked < DEAD_EVERY)
		return;
	s->dead_checked = now;
	ctl_release_dead(s, false);
}

static void sleep_on_event(struct ctl_session *s, uint32_t seen, int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };
	struct abi_region *r = s->region;

	if (ns <= 0)
		return;
	__atomic_store_n(&r->event_waiting, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &r->event, FUTEX_WAIT, seen, &t, NULL, 0);
	__atomic_store_n(&r->event_waiting, 0, __ATOMIC_SEQ_CST);
}

static int64_t until_due(const struct ctl_session *s, int64_t nap)
{
	int64_t now = ctl_now(), due = base_min(ctl_timers_next(s), ctl_conditions_next(s));

	nap = base_min(nap, ctl_records_nap(s));
	if (s->end_time)
		due = base_min(due, s->end_time);
	return due == INT64_MAX ? nap : base_min(nap, due - now);
}

void ctl_loop(struct ctl_session *s)
{
	int64_t nap = NAP_LEAST;

	while (!is_over(s)) {
		uint32_t seen = __atomic_load_n(&s->region->event, __ATOMIC_SEQ_CST);
		uint64_t records;

		ctl_counters_serve(s);
		ctl_family_serve(s);
		ctl_everybody_look(s);
		/* The list may grow on the way. */
		for (uint32_t i = 0; i < s->processes.n; i++)
			serve_process(s->processes.p[i]);
		ctl_records_serve(s);
		ctl_timers_run(s);
		ctl_procfs_serve(s);
		ctl_conditions_serve(s);
		records = s->output.n < OUTPUT_MOST ? ctl_collect(s, false) : 0;
		ctl_flush(s);
		ctl_clock_correct(s);
		look_for_dead(s);
		ctl_slots_reclaim(s);
		ctl_commands_reap(s);
		nap = records ? NAP_LEAST : base_min(nap * 2, NAP_MOST);
		if (is_over(s))
			break;
		sleep_on_event(s, seen, until_due(s, nap));
	}
}
