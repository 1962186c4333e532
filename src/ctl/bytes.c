/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of single patches in the process, and the table of places that trap. */
#include <stdlib.h>
#include <string.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define INT3 0xcc

/* ---- traps ----------------------------------------------------------------------------- */

void ctl_trap_add(struct ctl_process *p, uint64_t address, uint64_t resume)
{
	vec_push(p->arena, &p->traps, (struct abi_trap){ address, resume });
}

void ctl_traps_forget(struct ctl_process *p, uint64_t start, uint64_t end)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->traps.n; i++)
		if (p->traps.p[i].address < start || p->traps.p[i].address >= end)
			p->traps.p[kept++] = p->traps.p[i];
	p->traps.n = kept;
}

/* A trap and when it was added: of one address the latest counts, that of a site upon a hook. */
struct dated_trap {
	struct abi_trap trap;
	uint32_t number;
};

static int by_trap_address(const void *a, const void *b)
{
	const struct dated_trap *x = a, *y = b;

	if (x->trap.address != y->trap.address)
		return x->trap.address < y->trap.address ? -1 : 1;
	return x->number > y->number ? -1 : 1;
}

/* Sorted, one of each address; their number. */
static uint64_t sort_traps(const struct ctl_process *p, struct abi_trap *to)
{
	struct arena *a = arena_create();
	struct dated_trap *all = arena_array(a, struct dated_trap, p->traps.n + 1);
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->traps.n; i++)
		all[i] = (struct dated_trap){ p->traps.p[i], i };
	qsort(all, p->traps.n, sizeof *all, by_trap_address);
	for (uint32_t i = 0; i < p->traps.n && n < p->place.max_traps; i++)
		if (!i || all[i].trap.address != all[i - 1].trap.address)
			to[n++] = all[i].trap;
	arena_destroy(a);
	return n;
}

/*
 * A thread may have been stopped in the middle of a search: the new table goes to the half
 * that is not in use.
 */
struct error *ctl_traps_publish(struct ctl_process *p)
{
	uint64_t at = p->place.traps, n;
	struct error *e;

	if (!p->traps_in_second)
		at += (uint64_t)p->place.max_traps * sizeof(struct abi_trap);
	p->traps_in_second = !p->traps_in_second;
	n = sort_traps(p, (void *)(p->view + (at - p->place.image)));
	e = ctl_process_write(p, offsetof(struct abi_process, traps), &at, sizeof at);
	if (!e)
		e = ctl_process_write(p, offsetof(struct abi_process, n_traps), &n, sizeof n);
	return e;
}

void ctl_traps_add(struct ctl_process *p, const struct patch_plan *plan)
{
	if (plan->rung == RUNG_TRAP)
		ctl_trap_add(p, plan->address, plan->trampoline);
	for (uint32_t i = 0; i < plan->n_moved; i++) {
		uint64_t at = plan->moved[i].from - plan->address;

		if (at < plan->size)
			ctl_trap_add(p, plan->moved[i].from, plan->moved[i].to);
	}
}

/* ---- bytes ----------------------------------------------------------------------------- */

/*
 * Thousands of patches lie side by side: while all threads stand, a page of code is read once.
 * Writes go through one by one: another tool's breakpoint may come to the same page meanwhile.
 */
void ctl_text_begin(struct ctl_process *p)
{
	p->page.active = !p->foreign.n && !p->was_toggling;
	p->page.known = false;
}

void ctl_text_end(struct ctl_process *p)
{
	p->page.active = false;
}

/* The bytes of the page at hand that stand for the address; NULL: not by pages. */
static uint8_t *text_at(struct ctl_process *p, uint64_t address, uint32_t n)
{
	struct ctl_page *page = &p->page;
	uint64_t start = address & ~(uint64_t)(ABI_PAGE - 1);

	if (!page->active || address + n > start + ABI_PAGE)
		return NULL;
	if (!page->known || page->address != start) {
		page->address = start;
		page->known = proc_read(p->proc, start, page->bytes, ABI_PAGE) == ABI_PAGE;
	}
	return page->known ? page->bytes + (address - start) : NULL;
}

static bool bytes_are(struct ctl_process *p, uint64_t address, const uint8_t *want, uint32_t n)
{
	const uint8_t *at = text_at(p, address, n);
	uint8_t now[PATCH_MAX + PATCH_REST];

	if (at)
		return memcmp(at, want, n) == 0;
	return proc_read(p->proc, address, now, n) == n && memcmp(now, want, n) == 0;
}

/* A patch that straddles two pages makes the one at hand stale. */
static struct error *text_write(struct ctl_process *p, const struct patch_plan *plan,
				const uint8_t *bytes)
{
	uint8_t *at = text_at(p, plan->address, plan->size);

	if (at)
		memcpy(at, bytes, plan->size);
	else
		p->page.known = false;
	return proc_write(p->proc, plan->address, bytes, plan->size);
}

/* A breakpoint stands on our patch: who wrote it will put our bytes back. */
static bool is_covered(const struct ctl_process *p, const struct patch_plan *plan)
{
	uint8_t now[PATCH_MAX];

	if (proc_read(p->proc, plan->address, now, plan->size) != plan->size)
		return false;
	return now[0] == INT3 && plan->size > 1 &&
	       memcmp(now + 1, plan->patched + 1, plan->size - 1) == 0;
}

bool ctl_patch_is_between(const struct ctl_process *p, const struct patch_plan *plan)
{
	uint8_t now[PATCH_MAX];

	return proc_read(p->proc, plan->address, now, plan->size) == plan->size &&
	       ctl_live_is_between(plan, now);
}

/* What completes the jump stands behind the patch's own bytes. */
static bool can_rely_on_rest(struct ctl_process *p, const struct patch_plan *plan)
{
	uint32_t n = plan->span - plan->size;

	return !n || bytes_are(p, plan->address + plan->size, plan->patched + plan->size, n);
}

bool ctl_patch_fits(struct ctl_process *p, const struct patch_plan *plan)
{
	return bytes_are(p, plan->address, plan->original, plan->size) && can_rely_on_rest(p, plan);
}

bool ctl_patch_stands(struct ctl_process *p, const struct patch_plan *plan)
{
	return bytes_are(p, plan->address, plan->patched, plan->span);
}

struct error *ctl_patch_write(struct ctl_process *p, struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;
	struct error *e;

	ctl_chain_accept(p, patch);
	if (!ctl_patch_fits(p, plan))
		return error_new(ERROR_OTHER, "the code at 0x%lx has changed",
				 (unsigned long)plan->address);
	e = text_write(p, plan, plan->patched);
	if (e)
		return e;
	patch->armed = patch->just_armed = true;
	return NULL;
}

struct error *ctl_patch_restore(struct ctl_process *p, struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;

	if (!patch->armed)
		return NULL;
	patch->armed = patch->wanted = false;
	if (ctl_chain_is_covered(p, patch))
		return ctl_chain_restore_rest(p, patch);
	if (p->was_toggling && ctl_patch_is_between(p, plan))
		return proc_write(p->proc, plan->address, plan->original, plan->size);
	if (!ctl_patch_stands(p, plan)) {
		p->n_covered += is_covered(p, plan);
		return NULL;
	}
	return text_write(p, plan, plan->original);
}

struct ctl_patch *ctl_patch_next(struct ctl_process *p, uint32_t *i)
{
	uint32_t n, at = (*i)++;
	struct ctl_patch *hooks = ctl_hooks_patches(p, &n);

	if (at < p->patches.n)
		return &p->patches.p[at];
	if (at == p->patches.n)
		return &p->follow;
	at -= p->patches.n + 1;
	return at < n ? &hooks[at] : NULL;
}
