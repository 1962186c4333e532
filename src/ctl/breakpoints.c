/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints of others on our sites.
 *
 * There before us: the site waits until the breakpoint has gone. So it does for another session's jump over it.
 *
 * Set over our jump, by the kernel for a uprobe: it keeps the instruction from the file, runs that out
 * of line, and writes the file's first byte back in the end, in front of what is
 * left of our displacement.  So we give way: the rest is put back as soon as the breakpoint is
 * seen, and the site armed again when the code is whole.
 *
 * Has it come and gone between two looks, that first byte is there already, and ours is put back.
 *
 * A debugger keeps our byte and puts that back: nothing is done as long as the process has a tracer.
 *
 * A few sites are looked at each time; with many it takes a few seconds to see all.
 */
#include <string.h>

#include "ctl/session.h"

#define INT3 0xcc
#define EVERY 50000000ll /* ns */
#define AT_ONCE 256u

static bool read_now(const struct ctl_process *p, const struct patch_plan *plan, uint8_t *now)
{
	return proc_read(p->proc, plan->address, now, plan->size) == plan->size;
}

static bool is_traced(const struct ctl_process *p)
{
	return proc_status_number(p->proc->pid, "TracerPid", 1) != 0;
}

enum state {
	AS_IT_SHOULD, /* or nothing that we know */
	BROKEN_INTO, /* only the first byte is not ours any more: an int3 */
	/*
	 * A breakpoint came and went between two looks: the file's first byte stands before the rest of our
	 * jump, and whoever executes that is lost.
	 */
	TORN,
};

static enum state state_of(const struct ctl_process *p, const struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;
	uint8_t now[PATCH_MAX];

	if (!patch->armed || plan->size < 2 || plan->patched[0] == INT3 || !read_now(p, plan, now) ||
	    memcmp(now + 1, plan->patched + 1, plan->size - 1) != 0 || now[0] == plan->patched[0])
		return AS_IT_SHOULD;
	if (now[0] == INT3)
		return BROKEN_INTO;
	return now[0] == plan->original[0] ? TORN : AS_IT_SHOULD;
}

/* A session above ours may trap there too. */
static bool is_of_session(struct ctl_process *p, const struct ctl_patch *patch)
{
	struct error *e = ctl_maps_refresh(p);

	if (e)
		return true;
	ctl_chain_look(p);
	return ctl_chain_has_above(p, patch);
}

static struct error *give_way(struct ctl_process *p, struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;
	struct error *e = proc_stop(p->proc), *last;

	if (e)
		return e;
	switch (state_of(p, patch)) {
	case AS_IT_SHOULD:
		break;
	case TORN:
		e = proc_write(p->proc, plan->address, plan->patched, 1);
		break;
	case BROKEN_INTO:
		e = proc_write(p->proc, plan->address + 1, plan->original + 1, plan->size - 1);
		patch->armed = e != NULL;
		patch->gave_way = !e;
		break;
	}
	last = proc_release(p->proc);
	return e ? e : last;
}

static void look_at(struct ctl_process *p, struct ctl_patch *patch)
{
	enum state state = state_of(p, patch);
	struct error *e = NULL;

	if (state == AS_IT_SHOULD || is_traced(p) || (state == BROKEN_INTO && is_of_session(p, patch)))
		return;
	ctl_window_open();
	if (ctl_process_lock(p))
		e = give_way(p, patch);
	ctl_process_unlock(p);
	ctl_window_close();
	if (e && e->code != ERROR_NO_PROCESS)
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
	if (patch->gave_way)
		ctl_warn(p->session,
			 "process %d: the kernel has a breakpoint on a probed place; its probe waits "
			 "until it has gone",
			 (int)p->proc->pid);
}

/* True: the code there is whole again. */
static bool comes_back(const struct ctl_process *p, struct ctl_patch *patch)
{
	uint8_t now[PATCH_MAX];

	if (!patch->gave_way || !read_now(p, &patch->plan, now) ||
	    memcmp(now, patch->plan.original, patch->plan.size) != 0)
		return false;
	patch->gave_way = false;
	return true;
}

bool ctl_breakpoint_at(const struct ctl_process *p, uint64_t address)
{
	uint8_t byte;

	return proc_read(p->proc, address, &byte, 1) == 1 && byte == INT3;
}

bool ctl_still_waits(const struct ctl_process *p, const struct ctl_waiting *w)
{
	uint8_t now[PATCH_MAX];

	if (!w->size)
		return ctl_breakpoint_at(p, w->address);
	return proc_read(p->proc, w->address, now, w->size) == w->size && memcmp(now, w->jump, w->size) == 0;
}

static bool any_left(const struct ctl_process *p)
{
	vec_each(w, &p->waiting)
		if (!ctl_still_waits(p, w))
			return true;
	return false;
}

void ctl_breakpoints_watch(struct ctl_process *p)
{
	int64_t now = ctl_now();
	uint32_t n = base_min(p->patches.n, AT_ONCE);
	struct error *e = NULL;
	bool back;

	if (now - p->breakpoints_looked < EVERY)
		return;
	p->breakpoints_looked = now;
	back = any_left(p);
	for (uint32_t i = 0; i < n; i++) {
		struct ctl_patch *patch = &p->patches.p[p->breakpoints_next++ % p->patches.n];

		look_at(p, patch);
		back |= comes_back(p, patch);
	}
	if (back)
		e = ctl_maps_refresh(p);
	if (back && !e)
		e = ctl_rearm(p);
	if (e && e->code != ERROR_NO_PROCESS && !proc_has_ended(p->proc))
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
}
