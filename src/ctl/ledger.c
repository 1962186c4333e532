/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: what a session has done to a process, written in the process itself.
 *
 *	[struct abi_ledger][record][record]...
 *
 * Each record is written before the bytes that it tells of are, so that whoever
 * finds the ledger later knows at least what has happened.  What it says
 * more than that is told by looking: bytes are put back only where they are those that we
 * wrote, memory is unmapped only where it has our name.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define PER_SITE 512u /* bytes of records, for a patch with many boundaries */
#define HOOKS_ROOM (256u << 10)
#define CUT offsetof(struct abi_ledger, used)

uint64_t ctl_ledger_size(const struct bundle *b)
{
	/* As the site table: files mapped twice and libraries that come back. */
	return base_align((2 * (uint64_t)b->sites.n + 64) * PER_SITE + HOOKS_ROOM,
			  (uint64_t)ABI_PAGE);
}

static uint64_t own_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

struct error *ctl_ledger_begin(struct ctl_process *p)
{
	const struct ctl_place *at = &p->place;
	struct abi_ledger head = { .magic = ABI_LEDGER_MAGIC,
				   .version = ABI_LEDGER_VERSION,
				   .tool_pid = (uint32_t)getpid(),
				   .tool_start = p->session->start_ticks,
				   .tool_namespace = own_namespace(),
				   .order = (uint64_t)ctl_now(),
				   .image = at->image,
				   .fixed_size = at->fixed_size,
				   .sites = at->sites,
				   .region = at->region,
				   .region_size = p->session->region_size,
				   .size = at->ledger_size,
				   .used = sizeof head };

	p->ledger_used = sizeof head;
	p->ledger_order = head.order;
	return proc_write(p->proc, at->ledger, &head, sizeof head);
}

/* ---- records --------------------------------------------------------------------------------- */

struct writer {
	struct ctl_process *p;
	struct arena *arena;
	struct buf out;
};

static bool has_room(const struct writer *w, size_t n)
{
	return w->p->ledger_used + w->out.n + n <= w->p->place.ledger_size;
}

static void note_patch(struct writer *w, struct ctl_patch *patch, uint16_t role)
{
	const struct patch_plan *plan = &patch->plan;
	size_t moved = plan->n_moved * sizeof *plan->moved;
	struct abi_ledger_patch r = { .head = { .kind = ABI_LEDGER_PATCH,
						.role = (uint16_t)(role | (patch->is_helper ? ABI_ROLE_HELPER : 0)),
						.address = plan->address,
						.size = (uint32_t)(sizeof r + moved) },
				      .trampoline = plan->trampoline,
				      .trampoline_end = plan->trampoline_end,
				      .resume = plan->resume,
				      .link = patch->link,
				      .below = patch->below,
				      .bytes = plan->size,
				      .span = plan->span,
				      .n_moved = plan->n_moved };

	if (patch->noted || !patch->wanted)
		return;
	if (!has_room(w, r.head.size)) {
		patch->wanted = false;
		return;
	}
	memcpy(r.original, plan->original, sizeof r.original);
	memcpy(r.patched, plan->patched, sizeof r.patched);
	patch->ledger_at = w->p->ledger_used + w->out.n;
	buf_add(&w->out, &r, sizeof r);
	buf_add(&w->out, plan->moved, moved);
	patch->noted = true;
}

static void note_semaphore(struct writer *w, struct ctl_semaphore *s)
{
	struct abi_ledger_record r = { .size = sizeof r,
				       .kind = ABI_LEDGER_SEMAPHORE,
				       .address = s->address };

	if (s->noted || !s->raised || !has_room(w, sizeof r))
		return;
	buf_add(&w->out, &r, sizeof r);
	s->noted = true;
}

static void note_all(struct writer *w)
{
	struct ctl_process *p = w->p;
	uint32_t n;
	struct ctl_patch *hooks = ctl_hooks_patches(p, &n);

	for (uint32_t i = 0; i < n; i++)
		note_patch(w, &hooks[i], ABI_ROLE_HOOK);
	note_patch(w, &p->follow, ABI_ROLE_FOLLOW);
	vec_each(patch, &p->patches)
		note_patch(w, patch, patch->for_unwinders ? ABI_ROLE_UNWINDER : ABI_ROLE_SITE);
	vec_each(s, &p->semaphores)
		note_semaphore(w, s);
}

/* Records first, then their number. */
static struct error *write_out(struct writer *w)
{
	struct ctl_process *p = w->p;
	struct error *e = proc_write(p->proc, p->place.ledger + p->ledger_used, w->out.p, w->out.n);

	p->ledger_used += w->out.n;
	return e ? e : proc_write(p->proc, p->place.ledger + CUT, &p->ledger_used,
				  sizeof p->ledger_used);
}

struct error *ctl_ledger_note(struct ctl_process *p)
{
	struct writer w = { .p = p, .arena = arena_create() };
	struct error *e = NULL;

	buf_init(&w.out, w.arena);
	note_all(&w);
	if (w.out.n)
		e = write_out(&w);
	arena_destroy(w.arena);
	return e;
}

struct error *ctl_ledger_note_signals(struct ctl_process *p)
{
	const uint64_t yes = 1;

	return proc_write(p->proc, p->place.ledger + offsetof(struct abi_ledger, signals_taken),
			  &yes, sizeof yes);
}

static void refresh(struct ctl_patch *patch, const uint8_t *ledger, uint64_t size)
{
	const struct abi_ledger_patch *r = (const void *)(ledger + patch->ledger_at);

	if (!patch->noted || !patch->ledger_at || patch->ledger_at + sizeof *r > size)
		return;
	memcpy(patch->plan.original, r->original, sizeof patch->plan.original);
	patch->below = r->below;
}

void ctl_ledger_refresh(struct ctl_process *p)
{
	struct arena *a = arena_create();
	uint8_t *bytes = arena_alloc(a, p->ledger_used);
	uint64_t size = proc_read(p->proc, p->place.ledger, bytes, p->ledger_used);
	struct ctl_patch *patch;

	for (uint32_t i = 0; (patch = ctl_patch_next(p, &i));)
		refresh(patch, bytes, size);
	arena_destroy(a);
}

bool ctl_ledger_is_toggling(const struct ctl_process *p)
{
	uint64_t toggling = 0, at = p->place.ledger + offsetof(struct abi_ledger, toggling);

	return proc_read(p->proc, at, &toggling, sizeof toggling) == sizeof toggling && toggling;
}

struct error *ctl_ledger_set_toggling(struct ctl_process *p, bool toggling)
{
	uint64_t value = toggling;

	return proc_write(p->proc, p->place.ledger + offsetof(struct abi_ledger, toggling), &value,
			  sizeof value);
}

struct error *ctl_ledger_leave(struct ctl_process *p)
{
	const uint64_t yes = 1;

	return proc_write(p->proc, p->place.ledger + offsetof(struct abi_ledger, left), &yes,
			  sizeof yes);
}

/* ---- finding those of others -------------------------------------------------------------------- */

/* Numbers of processes come back, and mean something only in their namespace. */
static bool is_alive(const struct abi_ledger *l)
{
	pid_t tool = (pid_t)l->tool_pid;

	if (l->tool_namespace != own_namespace())
		return true;
	return (kill(tool, 0) == 0 || errno == EPERM) && proc_start_ticks(tool) == l->tool_start;
}

static bool read_trace(const struct ctl_process *p, const struct proc_map *m, struct ctl_trace *out)
{
	struct abi_process page;
	Elf64_Ehdr head;

	if (m->offset || strncmp(m->path, CTL_CODE_NAME, strlen(CTL_CODE_NAME)) != 0 ||
	    proc_read(p->proc, m->start, &head, sizeof head) != sizeof head ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	out->process = head.e_entry;
	return proc_read(p->proc, out->process, &page, sizeof page) == sizeof page &&
	       page.magic == ABI_MAGIC &&
	       proc_read(p->proc, page.ledger, &out->head, sizeof out->head) == sizeof out->head &&
	       out->head.magic == ABI_LEDGER_MAGIC && out->head.version == ABI_LEDGER_VERSION &&
	       out->head.image == m->start;
}

static int by_order(const void *a, const void *b)
{
	const struct ctl_trace *x = a, *y = b;

	return x->head.order < y->head.order ? -1 : x->head.order > y->head.order;
}

void ctl_traces_find(const struct ctl_process *p, struct arena *a, struct ctl_traces *out)
{
	*out = (struct ctl_traces){ 0 };
	for (uint32_t i = 0; i < p->maps.n; i++) {
		struct ctl_trace t;

		if (!read_trace(p, &p->maps.p[i], &t))
			continue;
		if (t.process == p->place.process)
			continue;
		t.alive = is_alive(&t.head) && !t.head.left;
		vec_push(a, &out->list, t);
	}
	if (out->list.n)
		qsort(out->list.p, out->list.n, sizeof *out->list.p, by_order);
}
