/* SPDX-License-Identifier: Apache-2.0 */
/* Program counters of stopped threads, when patches come and go: into the copies of what is displaced, and back. */
#include <signal.h>

#include "ctl/session.h"

#define TRAP_PENDING ((uint64_t)1 << (SIGTRAP - 1))
#define SHORT_JUMP 0xeb
#define SHORT_SIZE 2u

/*
 * Of those that come in this window. A thread in a patch that was there before has trapped on the byte behind
 * which it stands: its signal is on the way, and tells where it goes on; or it is about to.
 */
static uint64_t armed_twin(const struct ctl_patch *patch, uint64_t pc)
{
	const struct patch_plan *plan = &patch->plan;

	if (!patch->armed || !patch->just_armed || pc <= plan->address || pc >= plan->address + plan->size)
		return pc;
	for (uint32_t i = 0; i < plan->n_moved; i++)
		if (plan->moved[i].from == pc)
			return plan->moved[i].to;
	return pc;
}

/* What the first patch that knows the counter makes of it. */
static uint64_t by_patches(const struct ctl_process *p, uint64_t pc,
			   uint64_t (*move)(const struct ctl_patch *patch, uint64_t pc))
{
	vec_each(patch, &p->patches) {
		uint64_t to = move(patch, pc);

		if (to != pc)
			return to;
	}
	return move(&p->follow, pc);
}

static uint64_t pc_armed(const struct ctl_process *p, uint64_t pc)
{
	return by_patches(p, pc, armed_twin);
}

/* The jump that a short jump leads to: its bytes are a helper's, or filler. */
static bool is_island(const struct patch_plan *plan, uint64_t pc)
{
	return plan->patched[0] == SHORT_JUMP &&
	       pc == plan->address + SHORT_SIZE + (uint64_t)(int64_t)(int8_t)plan->patched[1];
}

/* Known boundaries on the way out: an island, the trampoline's begin, and the relocated instructions. */
static uint64_t original_of(const struct ctl_patch *patch, uint64_t pc)
{
	const struct patch_plan *plan = &patch->plan;

	if (patch->armed && patch->for_unwinders)
		return pc;
	if (plan->trampoline && is_island(plan, pc))
		return plan->address;
	if (pc < plan->trampoline || pc >= plan->trampoline_end)
		return pc;
	if (pc == plan->trampoline || pc == plan->resume)
		return plan->address;
	for (uint32_t i = 0; i < plan->n_moved; i++)
		if (plan->moved[i].to == pc)
			return plan->moved[i].from;
	return pc;
}

uint64_t ctl_pc_disarmed(const struct ctl_process *p, uint64_t pc)
{
	return by_patches(p, pc, original_of);
}

struct error *ctl_pcs_enter(struct ctl_process *p)
{
	struct error *e = ctl_pcs_move(p, pc_armed);

	vec_each(patch, &p->patches)
		patch->just_armed = false;
	p->follow.just_armed = false;
	return e;
}

bool ctl_pc_is_behind_trap(const struct ctl_process *p, uint64_t pc)
{
	vec_each(t, &p->traps)
		if (t->address + 1 == pc)
			return true;
	return false;
}

bool ctl_trap_is_pending(pid_t tid)
{
	return proc_status_mask(tid, "SigPnd") & TRAP_PENDING;
}

struct error *ctl_pcs_move(struct ctl_process *p,
			   uint64_t (*to)(const struct ctl_process *p, uint64_t pc))
{
	vec_each(t, &p->proc->threads) {
		struct proc_registers r;
		uint64_t pc;
		struct error *e;

		if (!t->held)
			continue;
		e = proc_registers_get(p->proc, t, &r);
		if (e)
			return e;
		pc = to(p, r.user.rip);
		/*
		 * On a trap, perhaps another session's, the signal tells by the counter which it was. One that comes from elsewhere does no harm:
		 * the thread traps at the next boundary, or is found inside.
		 */
		if (pc == r.user.rip || ctl_trap_is_pending(t->tid))
			continue;
		r.user.rip = pc;
		e = proc_registers_set(p->proc, t, &r);
		if (e)
			return e;
	}
	return NULL;
}
