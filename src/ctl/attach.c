/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stop window that puts a session into a process.
 *
 *	before	maps read, addresses chosen, code built, patches planned
 *	window	threads stopped; plans checked against the maps as they are now;
 *		memory mapped by remote calls; bytes written; program counters moved
 *	after	threads run
 *
 * What can be done before is done before: the process stands still only for the
 * window.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctl/family.h"
#include "ctl/hooks.h"
#include "ctl/perf_counters.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"

static struct error *plan(struct ctl_process *p)
{
	struct error *e;

	if (!p->only_text)
		ctl_modules_look(p);
	ctl_chain_look(p);
	ctl_life_expect(p);
	if (!p->only_text)
		ctl_arm_plan(p);
	ctl_syscalls_look(p);
	ctl_conditions_settle(p);
	ctl_unwind_plan(p);
	ctl_life_plan(p);
	ctl_modules_follow(p);
	ctl_tables_look(p);
	e = p->needs_hooks ? ctl_hooks_prepare(p) : NULL;
	if (!e)
		ctl_arm_plan_claimed(p);
	if (!e)
		ctl_syscalls_plan(p);
	return e;
}

static struct error *plan_all(struct ctl_process *p)
{
	struct error *e = ctl_target_prepare(p);

	p->needs_hooks =
		(p->session->bundle->reads_memory || p->session->holds ||
		 ctl_counters_may_fault(p->session) || ctl_watches_any(p->session->bundle) || ctl_syscalls_any(p->session->bundle)) &&
		ctl_hooks_can_trap(p);
	if (!e)
		ctl_syscalls_prepare(p);
	return e ? e : plan(p);
}

/* The maps may have changed since the plan was made. */
static struct error *check_plan(struct ctl_process *p)
{
	const char *before = arena_strdup(p->session->scratch, p->maps.text);
	struct error *e = ctl_maps_refresh(p);

	if (e || strcmp(before, p->maps.text) == 0)
		return e;
	if (!ctl_target_fits(p)) {
		if (p->placed)
			return error_new(ERROR_OTHER, "process %d took the memory chosen for code",
					 (int)p->proc->pid);
		ctl_target_reset(p);
		return plan_all(p);
	}
	ctl_target_refresh_space(p);
	return plan(p);
}

/* Mappings and hooks, by remote calls. */
static struct error *place_all(struct ctl_process *p)
{
	struct error *e, *last;

	p->proc->room = p->placed ? p->place.room : 0;
	e = proc_remote_begin(p->proc);
	if (e) {
		p->proc->room = 0;
		return e;
	}
	if (!p->placed)
		e = ctl_target_place(p);
	if (!e)
		e = ctl_target_map_pages(p);
	if (!e && p->needs_hooks)
		e = ctl_hooks_arm(p);
	if (!e && !p->live)
		ctl_live_prepare(p);
	last = ctl_target_close_files(p);
	e = e ? e : last;
	last = proc_remote_end(p->proc);
	p->proc->room = 0;
	return e ? e : last;
}

/* The window's length is the time in which no thread runs: they start again one by one. */
static struct error *window(struct ctl_process *p)
{
	int64_t begin = ctl_now();
	bool stood = p->proc->stopped; /* behind its exec: when the plan was made, too */
	struct error *e = proc_stop(p->proc), *last;

	if (e)
		return e;
	if (!stood)
		e = check_plan(p);
	if (!e)
		e = place_all(p);
	if (!e)
		ctl_company_join(p);
	if (!e)
		e = ctl_arm_apply(p);
	if (!e)
		e = ctl_pcs_enter(p);
	if (!e)
		ctl_watches_arm(p);
	if (e)
		ctl_take_out(p);
	p->window_ns = ctl_now() - begin;
	last = proc_release(p->proc);
	return e ? e : last;
}

static struct error *another_at_work(const struct ctl_process *p)
{
	if (p->lock_fd < 0)
		return error_errno(errno, "cannot open process %d", (int)p->proc->pid);
	return error_new(ERROR_OTHER, "another session is at work in process %d", (int)p->proc->pid);
}

/*
 * Other sessions arm and disarm their patches while the threads run: what is planned upon must be what
 * the window finds. So the lock is held from before the plan on.
 */
static struct error *lock_with_company(struct ctl_process *p)
{
	if (p->launched || ctl_chain_is_alone(p) || ctl_process_lock(p))
		return NULL;
	return another_at_work(p);
}

static struct error *guarded_window(struct ctl_process *p)
{
	struct arena_mark mark = arena_mark(p->session->scratch);
	struct error *e;

	ctl_window_open();
	if (ctl_process_lock(p))
		e = window(p);
	else
		e = another_at_work(p);
	ctl_process_unlock(p);
	ctl_window_close();
	arena_reset(p->session->scratch, mark);
	return e;
}

/* What stands on our patches leads back to our code. */
static struct error *stay_mapped(struct ctl_process *p)
{
	ctl_warn(p->session,
		 "process %d: another tool has written over %u patches: our memory stays mapped",
		 (int)p->proc->pid, p->n_covered);
	p->placed = false;
	return ctl_target_close_files(p);
}

/* Later sessions rely on our handlers; the last of them takes them out. */
static struct error *stay_for_peers(struct ctl_process *p)
{
	struct error *e = ctl_ledger_leave(p), *last = ctl_target_close_files(p);

	ctl_verbose(p->session, 1, "process %d: our memory stays for other sessions",
		    (int)p->proc->pid);
	p->placed = false;
	return e ? e : last;
}

void ctl_take_out(struct ctl_process *p)
{
	struct error *e, *last;

	ctl_watches_disarm(p);
	ctl_disarm_bytes(p, false);
	ctl_peers_part(p);
	e = proc_remote_begin(p->proc);
	if (!e && ctl_peers_rely(p, p->place.process)) {
		e = stay_for_peers(p);
		last = proc_remote_end(p->proc);
		e = e ? e : last;
	} else if (!e) {
		e = ctl_hooks_disarm(p);
		last = p->n_covered ? stay_mapped(p) : ctl_target_remove(p);
		e = e ? e : last;
		last = proc_remote_end(p->proc);
		e = e ? e : last;
	}
	if (e && e->code != ERROR_NO_PROCESS)
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
}

static void tell_waiting(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	uint32_t jumps = 0;

	vec_each(w, &p->waiting)
		jumps += w->size != 0;
	if (jumps < p->waiting.n && !p->waiting_told)
		ctl_warn(s, "process %d: %u probed places wait until another tool's breakpoints have gone",
			 (int)p->proc->pid, p->waiting.n - jumps);
	if (jumps && !p->waiting_told)
		ctl_warn(s, "process %d: %u probed places are inside jumps of another session and wait until it has ended",
			 (int)p->proc->pid, jumps);
	p->waiting_told = p->waiting.n != 0;
}

static void tell(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	uint32_t armed = 0;

	vec_each(patch, &p->patches)
		armed += patch->armed;
	ctl_verbose(s, 1, "process %d: %u patches, window of %.2f ms", (int)p->proc->pid, armed,
		    (double)p->window_ns / 1e6);
	for (uint32_t i = 0; i < RUNG_COUNT; i++)
		if (p->rungs[i])
			ctl_verbose(s, 1, "  %-8s %u", patch_rung_name((enum patch_rung)i),
				    p->rungs[i]);
	if (p->n_unplaced)
		ctl_warn(s, "%u probe sites in process %d could not be placed: %s", p->n_unplaced,
			 (int)p->proc->pid, p->unplaced);
	tell_waiting(p);
	p->n_unplaced = 0;
	memset(p->rungs, 0, sizeof p->rungs);
}

struct error *ctl_attach(struct ctl_process *p)
{
	struct error *e = ctl_maps_refresh(p);

	elf_cache_recheck(p->session->elf);
	if (!e && !p->launched && !p->fresh)
		e = ctl_cleanup_before(p);
	if (!e)
		e = lock_with_company(p);
	if (!e)
		e = plan_all(p);
	if (!e)
		e = guarded_window(p);
	ctl_process_unlock(p);
	if (!e)
		tell(p);
	/* Reading of memory that has gone gives all kinds of errors; those of limits were said while it was there. */
	if (e && e->code != ERROR_NO_PROCESS && !ctl_is_of_limits(e) && (proc_has_ended(p->proc) || ctl_is_between(p)))
		return error_new(ERROR_NO_PROCESS, "process %d has ended, or runs another program meanwhile",
				 (int)p->proc->pid);
	return e;
}

static bool anything_to_write(const struct ctl_process *p)
{
	vec_each(patch, &p->patches)
		if (patch->wanted && !patch->armed && !patch->gave_way &&
		    !(patch->held_off && patch->trapped))
			return true;
	vec_each(sem, &p->semaphores)
		if (sem->wanted && !sem->raised)
			return true;
	return ctl_watches_pending(p) || (p->needs_hooks && ctl_hooks_pending(p));
}

struct error *ctl_rearm(struct ctl_process *p)
{
	uint32_t traps = p->traps.n;
	struct error *e;

	e = lock_with_company(p);
	if (e)
		return e;
	proc_remote_look(p->proc, &p->maps);
	elf_cache_recheck(p->session->elf);
	ctl_target_refresh_space(p);
	e = plan(p);
	if (!e && (anything_to_write(p) || traps != p->traps.n)) {
		e = guarded_window(p);
		if (!e)
			tell(p);
	}
	ctl_process_unlock(p);
	return e;
}

bool ctl_has_execed(const struct ctl_process *p)
{
	uint64_t magic = 0;

	return p->placed && !(ctl_process_read(p, 0, &magic, sizeof magic) && magic == ABI_MAGIC);
}

bool ctl_is_of_limits(const struct error *e)
{
	return e->saved_errno == ENOMEM || e->saved_errno == EMFILE || e->saved_errno == ENFILE;
}

bool ctl_is_between(const struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct proc_maps maps;
	struct error *e = proc_maps_read(a, p->proc->pid, &maps);
	bool none = e ? !ctl_is_of_limits(e) : !maps.n;

	arena_destroy(a);
	return none;
}

struct error *ctl_attach_again(struct ctl_process *p)
{
	struct error *e;

	ctl_target_reset(p);
	e = proc_reopen(p->proc);
	return e ? e : ctl_attach(p);
}
