/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forked child that goes its own way: it loads libraries, or its probes are armed and disarmed.
 *
 * Until then it is a member only and runs its parent's code.  Now it gets a struct ctl_process, a copy of its
 * parent's as far as that is true of it, and code memory of its own: the tables in the fixed part and the
 * pages of trampolines were one with the parent's.  Its text is its own since the fork.  What the parent has planned or
 * armed since then is told by the child's memory: trampolines that it does not have, bytes that are not
 * patched.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/hooks.h"
#include "ctl/session.h"

#define COPY_VEC(a, to, from)                                                               \
	do {                                                                                \
		(to)->p = arena_dup((a), (from)->p, (from)->n * sizeof *(from)->p);         \
		(to)->n = (to)->cap = (from)->n;                                            \
	} while (0)

/* ---- code ------------------------------------------------------------------------ */

static struct error *copy_code(struct ctl_process *p, const struct ctl_process *parent)
{
	char name[64];
	uint8_t page[ABI_PAGE];
	ssize_t n;

	snprintf(name, sizeof name, "spile:code:%d", (int)getpid());
	p->code_fd = memfd_create(name, MFD_CLOEXEC);
	if (p->code_fd < 0 || ftruncate(p->code_fd, (off_t)parent->code_size))
		return error_errno(errno, "cannot make memory for code");
	for (uint64_t at = 0; at < parent->code_size; at += sizeof page) {
		n = pread(parent->code_fd, page, sizeof page, (off_t)at);
		if (n <= 0 || pwrite(p->code_fd, page, (size_t)n, (off_t)at) != n)
			return error_errno(errno, "cannot copy code");
	}
	p->code_size = parent->code_size;
	p->view = mmap(NULL, p->place.fixed_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->code_fd, 0);
	if (p->view == MAP_FAILED) {
		p->view = NULL;
		return error_errno(errno, "cannot map memory for code");
	}
	return NULL;
}

static bool is_code_of(const struct proc_map *m, const struct stat *code)
{
	return m->inode == code->st_ino && m->device == code->st_dev;
}

/* Stopped, inside remote begin/end: the same addresses, the new memory. */
static struct error *map_code(struct ctl_process *p, const struct stat *old)
{
	struct error *e = proc_remote_open(p->proc, &p->code_fd, 1, &p->remote_code), *last;
	uint64_t got;

	for (uint32_t i = 0; i < p->maps.n && !e; i++) {
		const struct proc_map *m = &p->maps.p[i];

		if (is_code_of(m, old))
			e = proc_remote_map(p->proc, m->start, m->end - m->start, PROT_READ | PROT_EXEC,
					    MAP_SHARED | MAP_FIXED, p->remote_code, m->offset, &got);
	}
	last = ctl_target_close_files(p);
	return e ? e : last;
}

static struct error *say_whose(struct ctl_process *p)
{
	uint32_t pid;
	struct error *e;

	/* As it sees itself: it has written that into the page. */
	if (!ctl_process_read(p, offsetof(struct abi_process, member_pid), &pid, sizeof pid))
		return error_new(ERROR_NO_PROCESS, "process %d has ended", (int)p->proc->pid);
	e = ctl_process_write(p, offsetof(struct abi_process, pid), &pid, sizeof pid);
	return e ? e : ctl_process_write(p, offsetof(struct abi_process, image_number), &p->image_number,
					 sizeof p->image_number);
}

/* Forked while its parent's patches were armed or disarmed: they begin anew, at not armed. */
static struct error *settle_patches(struct ctl_process *p)
{
	struct error *e = NULL;

	if (!ctl_ledger_is_toggling(p))
		return NULL;
	vec_each(patch, &p->patches)
		if (!e && !patch->armed && ctl_patch_is_between(p, &patch->plan))
			e = proc_write(p->proc, patch->plan.address, patch->plan.original, patch->plan.size);
	return e ? e : ctl_ledger_set_toggling(p, false);
}

static struct error *window(struct ctl_process *p, const struct stat *old)
{
	struct error *e = proc_stop(p->proc), *last;

	if (e)
		return e;
	e = ctl_maps_refresh(p);
	if (!e)
		e = proc_remote_begin(p->proc);
	if (!e) {
		e = map_code(p, old);
		last = proc_remote_end(p->proc);
		e = e ? e : last;
	}
	if (!e)
		e = say_whose(p);
	if (!e)
		e = settle_patches(p);
	last = proc_release(p->proc);
	return e ? e : last;
}

/* ---- what is known of it ------------------------------------------------------------------ */

static bool has_trampoline(const struct ctl_process *p, uint64_t address, const struct stat *code)
{
	const struct proc_map *m = proc_maps_find(&p->maps, address);

	return m && is_code_of(m, code);
}

static bool is_patched(const struct ctl_process *p, const struct patch_plan *plan)
{
	uint8_t bytes[PATCH_MAX];

	return proc_read(p->proc, plan->address, bytes, plan->size) == plan->size &&
	       memcmp(bytes, plan->patched, plan->size) == 0;
}

/* Planned when the child was there no more: the place is planned anew. */
static void drop_patch(struct ctl_process *p, struct ctl_patch *patch)
{
	patch->armed = patch->wanted = patch->trapped = false;
	vec_each(m, &p->modules)
		if (patch->address >= m->start && patch->address < m->end)
			m->planned = false;
}

static void copy_patches(struct ctl_process *p, const struct ctl_process *parent, const struct stat *code)
{
	COPY_VEC(p->arena, &p->patches, &parent->patches);
	for (uint32_t i = 0; i < p->patches.n; i++) {
		struct ctl_patch *patch = &p->patches.p[i];

		patch->plan.unwinds = NULL;
		patch->plan.n_unwinds = 0;
		patch->ledger_at = 0;
		if (patch->conditional)
			patch->conditional = arena_dup(p->arena, patch->conditional,
						       patch->n_conditional * sizeof *patch->conditional);
		if (patch->plan.trampoline && !has_trampoline(p, patch->plan.trampoline, code)) {
			drop_patch(p, patch);
			continue;
		}
		patch->armed = is_patched(p, &patch->plan);
		if (!patch->is_helper && (uintptr_t)map_find_u64(parent->by_address, patch->address) == i + 1)
			map_put_u64(p->by_address, patch->address, (void *)(uintptr_t)(i + 1));
	}
}

static void copy_mapped(struct ctl_process *p, const struct ctl_process *parent, const struct stat *code)
{
	vec_each(r, &parent->inherited) {
		if (!has_trampoline(p, r->start, code))
			continue;
		vec_push(p->arena, &p->mapped, *r);
		vec_push(p->arena, &p->inherited, *r);
	}
}

static void copy_knowledge(struct ctl_process *p, const struct ctl_process *parent, const struct stat *code)
{
	p->is_target = parent->is_target;
	p->fresh = true;
	p->place = parent->place;
	p->ledger_used = parent->ledger_used;
	p->ledger_order = parent->ledger_order;
	p->next_site = parent->next_site;
	p->needs_hooks = parent->needs_hooks;
	p->follow = parent->follow;
	p->follow_shared = parent->follow_shared;
	p->follow_shared_at = parent->follow_shared_at;
	p->traps_in_second = parent->traps_in_second;
	p->unwinds_in_second = parent->unwinds_in_second;
	p->placed = true;
	COPY_VEC(p->arena, &p->modules, &parent->modules);
	COPY_VEC(p->arena, &p->semaphores, &parent->semaphores);
	COPY_VEC(p->arena, &p->traps, &parent->traps);
	COPY_VEC(p->arena, &p->unwinds, &parent->unwinds);
	COPY_VEC(p->arena, &p->hook_places, &parent->hook_places);
	ctl_watches_inherit(p, parent);
	copy_patches(p, parent, code);
	copy_mapped(p, parent, code);
	p->hooks = ctl_hooks_inherited(parent, p->arena);
}

struct error *ctl_process_inherit(struct ctl_process *p, const struct ctl_process *parent)
{
	struct stat code;
	struct error *e = ctl_maps_refresh(p);

	if (e)
		return e;
	if (fstat(parent->code_fd, &code))
		return error_errno(errno, "the code of process %d's parent is gone", (int)p->proc->pid);
	copy_knowledge(p, parent, &code);
	e = copy_code(p, parent);
	if (e)
		return e;
	p->space = patch_space_create(p->arena);
	patch_space_use_cache(p->space, p->session->flows);
	ctl_target_refresh_space(p);
	ctl_window_open();
	e = ctl_process_lock(p) ? window(p, &code) :
				  error_new(ERROR_OTHER, "another session is at work in process %d",
					    (int)p->proc->pid);
	ctl_process_unlock(p);
	ctl_window_close();
	return e;
}
