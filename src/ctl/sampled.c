/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of which the kernel tells: what is mapped in them, for handlers that walk stacks and name code.
 *
 *	one we are in		its own list of modules, and its trampolines
 *	any other		a list that is made when it is first sampled: it was forked, runs another program, or was only sampled
 *
 * While a handler runs for a sample the tool's struct abi_process shows that process's modules; else all that are known.
 * A child has its parent's until it is looked at itself: it may have ended by then.
 */
#include <string.h>

#include "ctl/session.h"
#include "runtime/unwind.h"

#define LOOK_AGAIN 100000000ll /* ns; an address that is in no known file: a tenth of it */

struct sampled {
	uint64_t modules; /* as of ctl_process; 0: not known */
	int64_t looked;
};

static struct sampled *sampled_of(struct ctl_session *s, uint32_t pid)
{
	struct sampled *x;

	if (!s->sampled)
		s->sampled = map_create(s->arena);
	x = map_find_u64(s->sampled, pid);
	if (!x) {
		x = arena_new(s->arena, struct sampled);
		map_put_u64(s->sampled, pid, x);
	}
	return x;
}

static struct ctl_process *process_of(const struct ctl_session *s, uint32_t pid)
{
	vec_each(p, &s->processes)
		if ((uint32_t)(*p)->proc->pid == pid)
			return *p;
	return NULL;
}

/* For a moment: descriptors are dear, and its memory is another after an exec. */
static void look_at(struct ctl_session *s, uint32_t pid, const struct ctl_process *target, struct sampled *x)
{
	struct arena *a = arena_create();
	struct proc *proc = proc_meet(a, (pid_t)pid);
	struct ctl_process *p;
	struct error *e;

	if (!proc) {
		arena_destroy(a);
		return;
	}
	p = ctl_process_alone(s, proc);
	p->proc_arena = a;
	p->is_target = target && target->is_target;
	p->modules_list = x->modules;
	e = proc_reopen(proc);
	if (!e)
		e = ctl_maps_refresh(p);
	if (!e)
		ctl_tables_look(p);
	x->modules = p->modules_list;
	ctl_process_destroy(p);
}

static bool is_time(const struct ctl_session *s, uint64_t modules, int64_t looked, uint64_t pc)
{
	int64_t wait = LOOK_AGAIN;

	if (!rt_module_at(ctl_tables_list(s, modules), pc))
		wait /= 10;
	return !looked || ctl_now() - looked >= wait;
}

/* The walk may begin in a trampoline, or come through some. The tool has a view of their table. */
static void show_trampolines(struct ctl_session *s, const struct ctl_process *p)
{
	struct abi_process *tool = s->tool.process;
	uint64_t table[2]; /* unwinds, n_unwinds */

	_Static_assert(offsetof(struct abi_process, n_unwinds) == offsetof(struct abi_process, unwinds) + 8, "read at once");
	tool->text_start = p->place.image;
	tool->text_end = p->place.sites;
	if (!ctl_process_read(p, offsetof(struct abi_process, company), tool->company, sizeof tool->company))
		memset(tool->company, 0, sizeof tool->company);
	if (!p->place.max_unwinds || !ctl_process_read(p, offsetof(struct abi_process, unwinds), table, sizeof table) ||
	    table[0] < p->place.unwinds || table[1] > p->place.max_unwinds)
		return;
	memset(tool->unwind_pages, 0xff, sizeof tool->unwind_pages);
	tool->unwinds = (uint64_t)p->view + (table[0] - p->place.image);
	tool->n_unwinds = table[1];
}

void ctl_sampled_enter(struct ctl_session *s, uint32_t pid, uint64_t pc)
{
	struct ctl_process *p;
	struct sampled *x;
	uint64_t modules;

	if (!s->tables)
		return;
	p = process_of(s, pid);
	x = sampled_of(s, pid);
	if (p && p->placed) {
		if (is_time(s, p->modules_list, x->looked, pc)) {
			x->looked = ctl_now();
			if (!ctl_maps_refresh(p))
				ctl_tables_look(p);
		}
		modules = p->modules_list;
		show_trampolines(s, p);
	} else {
		if (is_time(s, x->modules, x->looked, pc)) {
			x->looked = ctl_now();
			look_at(s, pid, p, x);
		}
		modules = x->modules;
	}
	if (modules)
		s->tool.process->modules = modules;
}

void ctl_sampled_leave(struct ctl_session *s)
{
	struct abi_process *tool = s->tool.process;

	if (!s->tables)
		return;
	tool->modules = ctl_tables_known(s);
	tool->text_start = s->tool.place.image;
	tool->text_end = s->tool.place.sites;
	tool->unwinds = tool->n_unwinds = 0;
	memset(tool->company, 0, sizeof tool->company);
}

void ctl_sampled_forked(struct ctl_session *s, uint32_t parent, uint32_t child)
{
	const struct ctl_process *p;
	struct sampled *x;

	if (!s->tables || parent == child)
		return;
	p = process_of(s, parent);
	x = sampled_of(s, child);
	*x = (struct sampled){ .modules = p && p->placed ? p->modules_list : sampled_of(s, parent)->modules };
}

void ctl_sampled_changed(struct ctl_session *s, uint32_t pid)
{
	if (s->tables)
		*sampled_of(s, pid) = (struct sampled){ 0 };
}
