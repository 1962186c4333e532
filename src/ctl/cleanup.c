/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the death of a tool: what it left in a process is found by name, read
 * from its ledger, and taken out as the tool itself would have.
 *
 *	maps     "/memfd:spile:code:NUMBER" at offset 0: the runtime image
 *	image    entry point: address of struct abi_process; that has the ledger's
 *	ledger   patches, semaphores, who wrote it
 *
 * From these a session is made that has no bundle and a copy of the region; leaving
 * (leave.c) then is the same.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define MOST_TRAPS (1u << 20)
#define STRAYS 16u /* descriptors looked for at once */
#define MOST_PRIVATE (1ull << 32) /* bytes of process page, slot table and ledger believed */

extern const uint8_t runtime_image_start[], runtime_image_end[];

/* ---- from the ledger to a process of ours ---------------------------------------------------- */

static bool is_ours_mapping(const struct proc_maps *m, uint64_t start, const char *name)
{
	const struct proc_map *map = proc_maps_find(m, start);

	return map && map->start == start && strncmp(map->path, name, strlen(name)) == 0;
}

static void add_patch(struct ctl_process *p, const struct abi_ledger_patch *r, uint64_t at)
{
	uint32_t role = r->head.role & ~ABI_ROLE_HELPER;
	struct ctl_patch patch = { .address = r->head.address,
				   .wanted = true,
				   .armed = true,
				   .noted = true,
				   .for_unwinders = role == ABI_ROLE_UNWINDER,
				   .is_helper = (r->head.role & ABI_ROLE_HELPER) != 0,
				   .ledger_at = at,
				   .link = r->link,
				   .below = r->below };
	struct patch_plan *plan = &patch.plan;

	if (r->bytes > PATCH_MAX || r->n_moved > PATCH_MAX ||
	    r->head.size != sizeof *r + r->n_moved * sizeof *plan->moved)
		return;
	plan->address = r->head.address;
	plan->size = r->bytes;
	plan->span = base_max(r->bytes, base_min(r->span, (uint32_t)PATCH_MAX));
	plan->trampoline = r->trampoline;
	plan->trampoline_end = r->trampoline_end;
	plan->resume = r->resume;
	memcpy(plan->original, r->original, sizeof plan->original);
	memcpy(plan->patched, r->patched, sizeof r->patched);
	plan->n_moved = r->n_moved;
	memcpy(plan->moved, r + 1, r->n_moved * sizeof *plan->moved);
	if (role == ABI_ROLE_HOOK)
		ctl_hooks_add(p, &patch);
	else
		vec_push(p->arena, &p->patches, patch);
}

static void add_record(struct ctl_process *p, const struct abi_ledger_record *r, uint64_t at)
{
	if (r->kind == ABI_LEDGER_PATCH && r->size >= sizeof(struct abi_ledger_patch))
		add_patch(p, (const void *)r, at);
	else if (r->kind == ABI_LEDGER_SEMAPHORE)
		vec_push(p->arena, &p->semaphores,
			 (struct ctl_semaphore){ .address = r->address, .raised = true });
}

static void read_records(struct ctl_process *p, const struct abi_ledger *l)
{
	uint64_t size = base_min(l->used, l->size), at = sizeof *l;
	uint8_t *bytes = arena_alloc(p->arena, size);

	size = proc_read(p->proc, p->place.ledger, bytes, size);
	while (size - at >= sizeof(struct abi_ledger_record) && at < size) {
		const struct abi_ledger_record *r = (const void *)(bytes + at);

		if (r->size < sizeof *r || r->size % 8 || r->size > size - at)
			break;
		add_record(p, r, at);
		at += r->size;
	}
}

/* A table that the process page tells of; *n gets the entries that could be read. */
static void *read_table(struct ctl_process *p, uint64_t address, uint64_t want, size_t size, size_t *n)
{
	void *table;

	*n = 0;
	if (want > MOST_TRAPS)
		return NULL;
	table = arena_alloc(p->arena, (want + 1) * size);
	*n = proc_read(p->proc, address, table, want * size) / size;
	return table;
}

/*
 * Where its handlers would send a trap that a thread has just taken, and how frames of functions that its trampolines
 * called are known: nobody may be in one.
 */
static void read_tables(struct ctl_process *p)
{
	struct abi_process page;
	struct abi_unwind *unwinds;
	struct abi_trap *traps;
	size_t n;

	if (!ctl_process_read(p, 0, &page, sizeof page))
		return;
	traps = read_table(p, page.traps, page.n_traps, sizeof *traps, &n);
	for (size_t i = 0; i < n; i++)
		ctl_trap_add(p, traps[i].address, traps[i].resume);
	unwinds = read_table(p, page.unwinds, page.n_unwinds, sizeof *unwinds, &n);
	for (size_t i = 0; i < n; i++)
		vec_push(p->arena, &p->unwinds, unwinds[i]);
}

static void find_pages(struct ctl_process *p)
{
	const struct proc_map *image = proc_maps_find(&p->maps, p->place.image);

	for (uint32_t i = 0; i < p->maps.n; i++) {
		const struct proc_map *m = &p->maps.p[i];

		if (m->offset && m->inode == image->inode && m->device == image->device)
			vec_push(p->arena, &p->mapped, (struct patch_range){ m->start, m->end });
	}
}

static struct error *damaged(const struct ctl_process *p)
{
	return error_new(ERROR_OTHER, "what a session left in process %d is damaged: left alone",
			 (int)p->proc->pid);
}

static struct error *remake(struct ctl_process *p, const struct ctl_trace *t)
{
	const struct abi_ledger *l = &t->head;
	struct ctl_place *at = &p->place;
	struct abi_process page;

	at->process = t->process;
	if (!ctl_process_read(p, 0, &page, sizeof page))
		return damaged(p);
	at->table = page.table;
	at->ledger = page.ledger;
	at->ledger_size = l->size;
	at->image = l->image;
	at->fixed_size = l->fixed_size;
	at->sites = l->sites;
	at->region = l->region;
	if (l->used < sizeof *l || l->used > l->size || at->ledger < at->process ||
	    at->region < at->ledger || at->region - at->ledger < l->size ||
	    at->region - at->process > MOST_PRIVATE ||
	    !is_ours_mapping(&p->maps, at->image, CTL_CODE_NAME) ||
	    !is_ours_mapping(&p->maps, at->region, CTL_REGION_NAME))
		return damaged(p);
	p->ledger_used = l->used;
	p->ledger_order = l->order;
	p->placed = true;
	p->was_toggling = l->toggling != 0;
	find_pages(p);
	read_records(p, l);
	read_tables(p);
	if (l->signals_taken)
		ctl_hooks_found(p);
	return NULL;
}

/* ---- a session without a bundle ------------------------------------------------------------------- */

/* Handlers return at once from now on. */
static struct error *silence(struct ctl_process *p)
{
	const uint32_t state = ABI_STATE_EXITING;

	return proc_write(p->proc, p->place.region + offsetof(struct abi_region, state), &state,
			  sizeof state);
}

static void open_session(struct ctl_session *s, const struct ctl_options *o)
{
	*s = (struct ctl_session){ .options = o,
				   .bundle = bundle_create(o->arena),
				   .arena = o->arena,
				   .region_fd = -1 };
	s->tool.fd = -1;
	s->scratch = arena_create();
	s->elf = elf_cache_create(s->arena);
	s->warned = map_create(s->arena);
	buf_init(&s->output, s->arena);
}

static void close_session(struct ctl_session *s)
{
	ctl_region_destroy(s);
	elf_cache_destroy(s->elf);
	arena_destroy(s->scratch);
}

static struct error *prepare(struct ctl_session *s, struct ctl_process *p, const struct ctl_trace *t)
{
	struct error *e =
		ctl_runtime_parse(s->arena, runtime_image_start,
				  (size_t)(runtime_image_end - runtime_image_start), &s->runtime);

	s->region_size = t->head.region_size;
	if (!e)
		e = remake(p, t);
	if (!e)
		e = silence(p);
	return e ? e : ctl_region_copy(p);
}

/* Takes one dead session's traces out of the process of `of`, whose maps are fresh. */
static struct error *take_out(const struct ctl_options *o, const struct ctl_process *of,
			      const struct ctl_trace *t)
{
	struct ctl_session s;
	struct ctl_process *p;
	struct error *e;

	open_session(&s, o);
	p = ctl_process_create(&s, of->proc);
	p->maps = of->maps;
	e = prepare(&s, p, t);
	if (!e)
		e = ctl_leave(p);
	p->proc = NULL; /* the other's */
	ctl_process_destroy(p);
	close_session(&s);
	return e;
}

/* ---- descriptors that were on their way ------------------------------------------------------------- */

/* Names end with the number of the tool; a tool that is a target itself has its own. */
static bool is_stray(const char *link)
{
	const char *const names[] = { CTL_CODE_NAME, CTL_REGION_NAME };

	for (size_t i = 0; i < base_count(names); i++) {
		size_t n = strlen(names[i]);
		int tool = strncmp(link, names[i], n) == 0 ? atoi(link + n) : 0;

		if (tool > 0)
			return kill(tool, 0) != 0 && errno == ESRCH;
	}
	return false;
}

/* Those of the target that lead to memory of a dead tool: it had them for the moment in which it was mapped. */
static uint32_t find_strays(pid_t pid, int out[STRAYS])
{
	char path[64], link[64];
	const struct dirent *d;
	uint32_t n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && n < STRAYS && (d = readdir(dir))) {
		ssize_t size = readlinkat(dirfd(dir), d->d_name, link, sizeof link - 1);

		link[size > 0 ? size : 0] = 0;
		if (is_stray(link))
			out[n++] = atoi(d->d_name);
	}
	if (dir)
		closedir(dir);
	return n;
}

static struct error *close_remotely(struct ctl_process *p, const int *fds, uint32_t n)
{
	struct error *e = proc_stop(p->proc), *last;

	if (e)
		return e;
	e = proc_remote_begin(p->proc);
	for (uint32_t i = 0; i < n && !e; i++)
		e = proc_remote_close(p->proc, fds[i]);
	last = proc_remote_end(p->proc);
	e = e ? e : last;
	last = proc_release(p->proc);
	return e ? e : last;
}

/* While we have the lock no other tool is giving it any: these are of one that was killed while it did. How many. */
static uint32_t close_strays(struct ctl_process *p)
{
	struct error *e = NULL;
	int fds[STRAYS];
	uint32_t n = 0;

	if (!find_strays(p->proc->pid, fds))
		return 0;
	ctl_window_open();
	proc_remote_look(p->proc, &p->maps);
	if (ctl_process_lock(p)) {
		n = find_strays(p->proc->pid, fds);
		e = n ? close_remotely(p, fds, n) : NULL;
	}
	ctl_process_unlock(p);
	ctl_window_close();
	return e ? 0 : n;
}

/* ---- asked for ------------------------------------------------------------------------------------- */

static struct error *take_out_dead(const struct ctl_options *o, struct ctl_process *p,
				   uint32_t *n_dead, uint32_t *n_alive)
{
	struct arena *a = arena_create();
	struct ctl_traces found;
	struct error *e = NULL;

	ctl_traces_find(p, a, &found);
	*n_dead = *n_alive = 0;
	/* The latest first: it stands upon the others. */
	for (uint32_t i = found.list.n; i-- > 0 && !e;) {
		if (found.list.p[i].alive) {
			++*n_alive;
			continue;
		}
		if (found.list.p[i].head.left && ctl_peers_rely(p, found.list.p[i].process))
			continue;
		e = take_out(o, p, &found.list.p[i]);
		++*n_dead;
		if (!e)
			e = ctl_maps_refresh(p);
	}
	arena_destroy(a);
	*n_dead += !e && close_strays(p);
	return e && e->code == ERROR_NO_PROCESS ? NULL : e;
}

void ctl_cleanup_after(struct ctl_process *p)
{
	struct error *e = ctl_maps_refresh(p);

	if (!e)
		e = ctl_cleanup_before(p);
	(void)e;
}

struct error *ctl_cleanup_before(struct ctl_process *p)
{
	uint32_t dead, alive;
	struct error *e = take_out_dead(p->session->options, p, &dead, &alive);

	if (e)
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
	else if (dead)
		ctl_verbose(p->session, 1, "process %d: took out what %u killed session%s left",
			    (int)p->proc->pid, dead, dead == 1 ? "" : "s");
	return NULL;
}

static struct error *report(uint32_t pid, uint32_t dead, uint32_t alive)
{
	if (dead)
		return NULL;
	if (alive)
		return error_hint(error_new(ERROR_OTHER, "a session probes process %u", pid),
				  "its tool runs: end that one (Ctrl-C), it leaves by itself");
	return error_new(ERROR_OTHER, "nothing of a session is in process %u", pid);
}

struct error *ctl_cleanup(struct arena *a, uint32_t pid)
{
	struct ctl_options o = { .arena = a, .pids = &pid, .n_pids = 1, .out = stdout, .err = stderr };
	struct ctl_session s;
	struct ctl_process *p;
	struct proc *proc;
	uint32_t dead = 0, alive = 0;
	struct error *e = proc_open(a, (pid_t)pid, &proc);

	if (e)
		return e;
	open_session(&s, &o);
	p = ctl_process_create(&s, proc);
	e = ctl_maps_refresh(p);
	if (!e)
		e = take_out_dead(&o, p, &dead, &alive);
	ctl_process_destroy(p);
	close_session(&s);
	return e ? e : report(pid, dead, alive);
}
