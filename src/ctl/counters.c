/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program counters of stopped threads, when patches come and go: into the copies of what is displaced, and back.
 *
 * A byte of a patch that traps is executed at one moment and told of at another. In between the thread's counter alone
 * says which byte it was: behind an int3, upon a byte that faults. Whatever a session does meanwhile, three things stay:
 *
 *	1 the counter, as long as the signal is pending (ctl_pcs_move) and then in the signal's frame (leave.c)
 *	2 the row for the byte in a table that the handler reads, with its trampoline or twin
 *	3 the handler itself
 *
 *	the signal is         in a window, held by ptrace           while threads run
 *	not sent yet          no: a stop is on the way out of the   its session's tool writes bytes, but no tables;
 *	                      kernel, behind the sending            the byte may have gone when it is told of
 *	pending               SigPnd of the thread; the kernel      as above. Another session that has a row for
 *	                      delivers it before anything else      the byte sends the thread to its own trampoline,
 *	                                                            which leads on to the same instructions
 *	about to be           proc_settle() lets it be delivered    -
 *	delivered             before the thread counts as held
 *	delivered             its frame has the counter, until the  the handler of whoever keeps the signals looks
 *	                      handler has changed it                through its own rows, then its peers'
 *
 * Whoever comes, to stay or late, or arms in a window: moves only counters without a signal pending (1). Such a thread needs no
 * move: what it has executed has a row. Toggling (live.c) adds no rows and takes none out: 2 and 3 hold.
 * Whoever leaves: writes the bytes back first; who is on the way counts as inside (ctl_pc_is_on_the_way,
 * ctl_frame_is_on_the_way), so that rows and handler stay until all have been told of. Its bytes cannot trap any more by then.
 * Who keeps the signals for others and leaves stays mapped, rows and all (peers.c). A killed session's rows are read from the
 * process (cleanup.c), and it is left as a living one would.
 * A signal that another process sent (SigPnd does not tell) only defers: the thread is not moved in this window, and inside.
 * The kernel kills who traps with the signal blocked: no thread blocks it but in its own belief (runtime's signals.c); the tool
 * blocks it for the length of remote calls, in which the thread executes nothing of the program's.
 */
#include <signal.h>

#include "ctl/session.h"

#define BIT(sig) ((uint64_t)1 << ((sig) - 1))
#define OF_PATCHES (BIT(SIGTRAP) | BIT(SIGSEGV)) /* of int3, and of bytes that fault */
#define CODE_KERNEL 0x80 /* si_code of both */
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

static bool has_trap(const struct ctl_process *p, uint64_t address)
{
	vec_each(t, &p->traps)
		if (t->address == address)
			return true;
	return false;
}

bool ctl_trap_is_pending(pid_t tid)
{
	return proc_status_mask(tid, "SigPnd") & BIT(SIGTRAP);
}

static bool is_signalled(pid_t tid)
{
	return proc_status_mask(tid, "SigPnd") & OF_PATCHES;
}

bool ctl_pc_is_on_the_way(const struct ctl_process *p, pid_t tid, uint64_t pc)
{
	return has_trap(p, pc - 1) ||
	       ((has_trap(p, pc) || ctl_pc_disarmed(p, pc) != pc) && is_signalled(tid));
}

bool ctl_frame_is_on_the_way(const struct ctl_process *p, const struct ctl_frame *f)
{
	if (f->code != CODE_KERNEL || (f->signal != SIGTRAP && f->signal != SIGSEGV))
		return false;
	return has_trap(p, f->signal == SIGTRAP ? f->pc - 1 : f->pc);
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
		/* On a trap, perhaps another session's: it is told by this counter. */
		if (pc == r.user.rip || is_signalled(t->tid))
			continue;
		r.user.rip = pc;
		e = proc_registers_set(p->proc, t, &r);
		if (e)
			return e;
	}
	return NULL;
}
