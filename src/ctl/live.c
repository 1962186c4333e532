/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming and disarming while the threads of the process run.
 *
 *	original   55 | 48 89 e5 | 41 54
 *	1          CC | CC 89 e5 | CC 54     each boundary, then byte 0: whoever comes traps,
 *	                                     and goes on in the trampoline or at a twin
 *	2          CC | CC dd dd   CC 54     the rest of the displacement, which nobody reads now
 *	3          e9   CC dd dd   CC 54     byte 0
 *
 * and the mirror image back.  Each byte that a thread may execute meanwhile is written
 * alone; behind each step stands a membarrier, so that no processor goes on with a line
 * of before (Intel SDM 3A, 9.1.3, cross-modifying code: the interrupt's
 * return serializes).  The tool gives it itself: MEMBARRIER_CMD_GLOBAL_EXPEDITED reaches
 * every process that has registered, which the target does when we attach.
 *
 * A child that is forked meanwhile has the bytes of one of these moments: the kernel copies an address space between two writes
 * to it. Its rows lead on, but nobody goes on with its bytes; inherit.c and leave.c make them whole.
 *
 * It works for patches in one piece whose SIGTRAP is ours.  Where it does not (seccomp,
 * an old kernel, a session that may not trap) there is a stop window.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define INT3 0xcc
#define LOCK_NAP 2000000 /* ns */
#define LOCK_TRIES 1000
#define SECCOMP_NONE 0
#define TRY_AGAIN 50000000ll /* ns */

/* ---- one tool at a time ------------------------------------------------------------------------ */

/* The folder of the process in /proc: every tool can open it, and its lock dies with the tool. */
bool ctl_process_lock(struct ctl_process *p)
{
	char path[32];

	if (p->lock_fd <= 0) {
		snprintf(path, sizeof path, "/proc/%d", (int)p->proc->pid);
		p->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	for (uint32_t i = 0; p->lock_fd > 0 && i < LOCK_TRIES; i++) {
		if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&(struct timespec){ 0, LOCK_NAP }, NULL);
	}
	return false;
}

void ctl_process_unlock(struct ctl_process *p)
{
	if (p->lock_fd > 0)
		flock(p->lock_fd, LOCK_UN);
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static void barrier(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

void ctl_live_prepare(struct ctl_process *p)
{
	int64_t result = -1;
	struct error *e;

	p->live = false;
	if (!p->session->holds || !ctl_hooks_can_trap(p) ||
	    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) ||
	    proc_status_number(p->proc->pid, "Seccomp", SECCOMP_NONE) != SECCOMP_NONE)
		return;
	e = proc_remote_call(p->proc, SYS_membarrier,
			     (const uint64_t[6]){ MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED },
			     &result);
	p->live = !e && result == 0;
}

static struct error *put(const struct ctl_process *p, const struct patch_plan *plan, uint32_t from,
			 const uint8_t *bytes, uint32_t n)
{
	return n ? proc_write(p->proc, plan->address + from, bytes, n) : NULL;
}

static bool is_pinned(const struct patch_plan *plan, uint32_t at)
{
	for (uint32_t i = 0; i < plan->n_moved; i++)
		if (plan->moved[i].from - plan->address == at)
			return true;
	return false;
}

/* The boundaries' bytes, alone each: what traps, or the original ones. */
static struct error *put_boundaries(const struct ctl_process *p, const struct patch_plan *plan,
				    const uint8_t *bytes)
{
	struct error *e = NULL;

	for (uint32_t i = 1; i < plan->size && !e; i++)
		if (is_pinned(plan, i))
			e = put(p, plan, i, bytes + i, 1);
	return e;
}

static const uint8_t int3[] = { INT3 };

static struct error *arm_step(const struct ctl_process *p, const struct patch_plan *plan,
			      uint32_t step)
{
	struct error *e;

	switch (step) {
	case 0:
		e = put_boundaries(p, plan, plan->patched);
		return e ? e : put(p, plan, 0, int3, 1);
	case 1:
		return put(p, plan, 1, plan->patched + 1, plan->size - 1);
	default:
		return put(p, plan, 0, plan->patched, 1);
	}
}

static struct error *disarm_step(const struct ctl_process *p, const struct patch_plan *plan,
				 uint32_t step)
{
	uint8_t between[PATCH_MAX];
	struct error *e;

	switch (step) {
	case 0:
		return put(p, plan, 0, int3, 1);
	case 1:
		for (uint32_t i = 1; i < plan->size; i++)
			between[i] = is_pinned(plan, i) ? plan->patched[i] : plan->original[i];
		return put(p, plan, 1, between + 1, plan->size - 1);
	default:
		e = put_boundaries(p, plan, plan->original);
		return e ? e : put(p, plan, 0, plan->original, 1);
	}
}

#define STEPS 3u

bool ctl_live_is_between(const struct patch_plan *plan, const uint8_t *now)
{
	for (uint32_t i = 0; i < plan->size; i++)
		if (now[i] != plan->original[i] && now[i] != plan->patched[i] &&
		    !(now[i] == INT3 && i == 0))
			return false;
	return true;
}

/* ---- all that changed ------------------------------------------------------------------------------- */

struct change {
	struct ctl_patch *patch;
	bool arm;
};
struct changes {
	VEC(struct change) list;
};

/* An int3 alone does not tell whose it is: with other sessions there it stays. */
static bool may_change(struct ctl_process *p, const struct patch_plan *plan)
{
	return plan->size > 1 || plan->span > 1 || ctl_chain_is_alone(p);
}

/*
 * What another session or tool has written over stays as it is: armed does no harm, and who is
 * above us calls us. When it has gone, it is our turn.
 */
static void find_changes(struct ctl_process *p, struct arena *a, struct changes *out)
{
	p->toggle_again = 0;
	/* A session below that left has changed what is to be put back. */
	if (p->foreign.n)
		ctl_ledger_refresh(p);
	vec_each(patch, &p->patches) {
		struct change c = { patch, !patch->armed };
		const struct patch_plan *plan = &patch->plan;

		if (!patch->conditional || !patch->wanted || patch->gave_way || patch->armed != patch->held_off)
			continue;
		if (c.arm)
			ctl_chain_accept(p, patch);
		if (may_change(p, plan) && (c.arm ? ctl_patch_fits(p, plan) : ctl_patch_stands(p, plan)))
			vec_push(a, &out->list, c);
		else
			p->toggle_again = ctl_now() + TRY_AGAIN;
	}
}

static struct error *toggle_live(struct ctl_process *p, struct changes *c)
{
	struct error *e = ctl_ledger_set_toggling(p, true);

	for (uint32_t step = 0; step < STEPS && !e; step++) {
		vec_each(change, &c->list) {
			const struct patch_plan *plan = &change->patch->plan;

			if (!e)
				e = change->arm ? arm_step(p, plan, step)
						: disarm_step(p, plan, step);
		}
		barrier();
	}
	vec_each(change, &c->list)
		change->patch->armed = change->arm;
	return e ? e : ctl_ledger_set_toggling(p, false);
}

static struct error *toggle_stopped(struct ctl_process *p, struct changes *c)
{
	struct error *e = proc_stop(p->proc), *last;

	if (e)
		return e;
	vec_each(change, &c->list) {
		const struct patch_plan *plan = &change->patch->plan;

		if (e)
			break;
		e = proc_write(p->proc, plan->address, change->arm ? plan->patched : plan->original,
			       plan->size);
		change->patch->armed = change->patch->just_armed = change->arm;
	}
	if (!e)
		e = ctl_pcs_enter(p);
	last = proc_release(p->proc);
	return e ? e : last;
}

/* Each boundary traps by one byte. What covers a longer jump has none where threads may be. */
static bool is_simple(const struct patch_plan *plan)
{
	for (uint32_t i = 1; i < plan->size; i++)
		if (is_pinned(plan, i) && plan->patched[i] != INT3 &&
		    !patch_pin_is_fault(plan->patched[i]))
			return false;
	return true;
}

static bool can_live(const struct ctl_process *p, const struct changes *c)
{
	vec_each(change, &c->list)
		if (!change->patch->trapped || change->patch->covers ||
		    !is_simple(&change->patch->plan))
			return false;
	return p->live;
}

struct error *ctl_live_apply(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct changes c = { 0 };
	struct error *e = NULL;
	int64_t begin = 0;

	ctl_window_open();
	if (ctl_process_lock(p)) {
		find_changes(p, a, &c);
		begin = ctl_now();
		if (c.list.n)
			e = can_live(p, &c) ? toggle_live(p, &c) : toggle_stopped(p, &c);
		begin = ctl_now() - begin;
		ctl_process_unlock(p);
	} else {
		p->toggle_again = ctl_now() + TRY_AGAIN;
	}
	ctl_window_close();
	if (c.list.n)
		ctl_verbose(p->session, 2, "process %d: %u patches armed or disarmed in %.1f us%s",
			    (int)p->proc->pid, c.list.n, (double)begin / 1e3,
			    can_live(p, &c) ? "" : " (window)");
	arena_destroy(a);
	return e;
}
