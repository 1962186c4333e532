/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of which the kernel tells: what is mapped in them, for handlers that walk stacks and name code.
 *
 *	one we are in		its own list of modules, and its trampolines
 *	one watched		what the kernel told it has mapped: by the time its samples are read it may run another program, or have ended
 *	any other		a list that is made when it is first sampled, from what it has then
 *
 * While a handler runs for a sample the tool's struct abi_process shows that process's modules; else all that are known.
 * What the kernel does not tell (code without a file, what was mapped before we came) is looked up in the process, if it is there.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/records.h"
#include "runtime/unwind.h"

#define LOOK_AGAIN 100000000ll /* ns; an address that is in no known file: a tenth of it */

struct sampled {
	uint64_t modules; /* as of ctl_process, as last looked at; 0: not known */
	int64_t looked;
	struct arena *arena; /* of what was told; NULL: we do not know how its memory began */
	VEC(struct proc_map) told;
	uint64_t told_modules; /* the same list, of these; 0: none */
	bool told_more; /* than told_modules has */
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

/* ---- what the kernel tells ---------------------------------------------------------------------- */

static void forget(struct sampled *x)
{
	if (x->arena)
		arena_destroy(x->arena);
	*x = (struct sampled){ 0 };
}

/* What was there before is gone where the new one lies. Code without a file is not described, and there may be much of it. */
static void add_told(struct sampled *x, const struct proc_map *m)
{
	struct proc_map copy = *m;
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->told.n; i++)
		if (x->told.p[i].end <= m->start || x->told.p[i].start >= m->end)
			x->told.p[n++] = x->told.p[i];
	x->told_more |= n < x->told.n || m->inode;
	x->told.n = n;
	if (!m->inode)
		return;
	copy.path = arena_strdup(x->arena, m->path);
	vec_push(x->arena, &x->told, copy);
}

void ctl_sampled_forked(struct ctl_session *s, uint32_t parent, uint32_t child)
{
	const struct sampled *from;
	struct sampled *x;

	if (!s->tables || parent == child)
		return;
	x = sampled_of(s, child);
	from = sampled_of(s, parent);
	forget(x);
	if (!from->arena)
		return;
	x->arena = arena_create();
	vec_each(m, &from->told)
		add_told(x, m);
	x->told_modules = from->told_modules;
	x->told_more = from->told_more;
}

void ctl_sampled_executed(struct ctl_session *s, uint32_t pid)
{
	struct sampled *x;

	if (!s->tables)
		return;
	x = sampled_of(s, pid);
	forget(x);
	x->arena = arena_create();
}

void ctl_sampled_mapped(struct ctl_session *s, uint32_t pid, const struct proc_perf_map *map)
{
	struct sampled *x = s->tables ? sampled_of(s, pid) : NULL;

	if (!x || !x->arena || !map->length || map->length > UINT64_MAX - map->start)
		return;
	add_told(x, &(struct proc_map){ .start = map->start,
					.end = map->start + map->length,
					.offset = map->offset,
					.device = map->device,
					.inode = map->inode,
					.executable = true,
					.path = map->path });
}

void ctl_sampled_ended(struct ctl_session *s, uint32_t pid)
{
	if (s->tables)
		forget(sampled_of(s, pid));
}

void ctl_sampled_met(struct ctl_session *s, uint32_t pid)
{
	struct sampled *x = s->tables ? sampled_of(s, pid) : NULL;
	struct proc_maps maps;

	if (!x || x->arena)
		return;
	x->arena = arena_create();
	if (proc_maps_read(x->arena, (pid_t)pid, &maps)) {
		forget(x);
		return;
	}
	for (uint32_t i = 0; i < maps.n; i++)
		if (maps.p[i].executable)
			add_told(x, &maps.p[i]);
}

void ctl_sampled_close(struct ctl_session *s)
{
	const char *key;
	void *x;

	if (s->sampled)
		for (uint32_t it = 0; map_next(s->sampled, &it, &key, &x);)
			forget(x);
}

/* ---- looking ------------------------------------------------------------------------------------- */

static struct ctl_process *process_of(const struct ctl_session *s, uint32_t pid)
{
	vec_each(p, &s->processes)
		if ((uint32_t)(*p)->proc->pid == pid)
			return *p;
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct proc_map *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* What the kernel told, or else what is there; *modules is the list. */
static void describe(struct ctl_process *p, struct sampled *x, bool told, uint64_t *modules)
{
	struct error *e = NULL;

	p->modules_list = *modules;
	p->is_told = told;
	if (told) {
		qsort(x->told.p, x->told.n, sizeof *x->told.p, by_start);
		p->maps = (struct proc_maps){ .p = x->told.p, .n = x->told.n };
	} else {
		e = proc_reopen(p->proc);
		if (!e)
			e = ctl_maps_refresh(p);
	}
	if (!e)
		ctl_tables_look(p);
	*modules = p->modules_list;
}

/* For a moment: descriptors are dear, and its memory is another after an exec. */
static void look_at(struct ctl_session *s, uint32_t pid, const struct ctl_process *target, struct sampled *x, bool told)
{
	struct arena *a = arena_create();
	struct proc *proc = told ? proc_create(a, (pid_t)pid) : proc_meet(a, (pid_t)pid);
	struct ctl_process *p;

	if (!proc) {
		arena_destroy(a);
		return;
	}
	p = ctl_process_alone(s, proc);
	p->proc_arena = a;
	p->is_target = target && target->is_target;
	describe(p, x, told, told ? &x->told_modules : &x->modules);
	if (told)
		p->maps = (struct proc_maps){ 0 };
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

static bool has(const struct ctl_session *s, uint64_t modules, uint64_t pc)
{
	return modules && rt_module_at(ctl_tables_list(s, modules), pc);
}

/* The list for a process that we are not in. */
static uint64_t list_of(struct ctl_session *s, uint32_t pid, const struct ctl_process *p, uint64_t pc)
{
	struct sampled *x = sampled_of(s, pid);

	if (x->arena && x->told_more) {
		look_at(s, pid, p, x, true);
		x->told_more = false;
	}
	if (has(s, x->told_modules, pc))
		return x->told_modules;
	if (is_time(s, x->modules, x->looked, pc)) {
		x->looked = ctl_now();
		look_at(s, pid, p, x, false);
	}
	return has(s, x->modules, pc) || !x->told_modules ? x->modules : x->told_modules;
}

void ctl_sampled_enter(struct ctl_session *s, uint32_t pid, uint64_t pc)
{
	struct ctl_process *p;
	struct sampled *x;
	uint64_t modules;

	if (!s->tables)
		return;
	p = process_of(s, pid);
	if (p && p->placed) {
		x = sampled_of(s, pid);
		if (is_time(s, p->modules_list, x->looked, pc)) {
			x->looked = ctl_now();
			if (!ctl_maps_refresh(p))
				ctl_tables_look(p);
		}
		modules = p->modules_list;
		show_trampolines(s, p);
	} else {
		modules = list_of(s, pid, p, pc);
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
