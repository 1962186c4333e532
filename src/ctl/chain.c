/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sessions that probe one place.
 *
 *	site:   jmp TB            the later session's, planned as if nobody were there
 *	TB:     bodies of B
 *	        jmp *link         to TA, the earlier session's trampoline
 *	link:   TA
 *	resume: displaced instructions, jmp back
 *	TA:     bodies of A; displaced instructions, jmp back
 *
 * B's ledger tells `link`, that it leads to TA (`below`), and A's bytes as the original ones.  A
 * session that leaves looks for whoever is above it, in the stop window: it
 * turns the link to what is below itself, or to B's own displaced instructions, and
 * makes its own original bytes those of the session above.  So they may end in any order, and nobody
 * need be asked: a dead session's trampolines can be taken out under a living one.
 *
 * The word at `link` lies in memory that is read and executed only: its page is made writable for
 * the moment, while all threads stand.  The later session's tool reads it back before it
 * writes that page anew.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define LINK_SIZE 14u /* jmp *0(%rip) and the word */
#define WORD 8u
#define ENDBR "\xf3\x0f\x1e\xfa"
#define ENDBR_SIZE 4u
#define MOST_LEDGER (1ull << 30)

/* ---- what others have written ------------------------------------------------------------------ */

static void add_foreign(struct ctl_process *p, const struct ctl_trace *t,
			const struct abi_ledger_patch *r, uint64_t record)
{
	struct ctl_foreign f = { .address = r->head.address,
				 .trampoline = r->trampoline,
				 .resume = r->resume,
				 .link = r->link,
				 .below = r->below,
				 .record = record,
				 .order = t->head.order,
				 .size = base_min(r->bytes, (uint32_t)PATCH_MAX) };

	f.span = base_max(f.size, base_min(r->span, (uint32_t)PATCH_MAX));

	/* Of one that is over, only its hooks of system calls are left. */
	if (t->head.left && r->head.role != ABI_ROLE_HOOK)
		return;
	memcpy(f.original, r->original, sizeof f.original);
	memcpy(f.patched, r->patched, sizeof f.patched);
	vec_push(p->foreign_arena, &p->foreign, f);
}

static void read_ledger(struct ctl_process *p, const struct ctl_trace *t)
{
	uint64_t size = base_min(t->head.used, t->head.size), at = sizeof t->head, ledger;
	uint8_t *bytes;

	if (size > MOST_LEDGER ||
	    proc_read(p->proc, t->process + offsetof(struct abi_process, ledger), &ledger, WORD) != WORD)
		return;
	bytes = arena_alloc(p->foreign_arena, size);
	size = proc_read(p->proc, ledger, bytes, size);
	while (at < size && size - at >= sizeof(struct abi_ledger_record)) {
		const struct abi_ledger_record *r = (const void *)(bytes + at);

		if (r->size < sizeof *r || r->size % 8 || r->size > size - at)
			break;
		if (r->kind == ABI_LEDGER_PATCH && r->size >= sizeof(struct abi_ledger_patch))
			add_foreign(p, t, (const void *)r, ledger + at);
		at += r->size;
	}
}

/* By address; of one address the latest first: it is the uppermost. */
static int by_address(const void *a, const void *b)
{
	const struct ctl_foreign *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->order != y->order)
		return x->order > y->order ? -1 : 1;
	return x->record > y->record ? -1 : x->record < y->record;
}

void ctl_chain_look(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct ctl_traces found;

	if (p->foreign_arena)
		arena_destroy(p->foreign_arena);
	p->foreign_arena = arena_create();
	memset(&p->foreign, 0, sizeof p->foreign);
	ctl_traces_find(p, a, &found);
	vec_each(t, &found.list)
		read_ledger(p, t);
	if (p->foreign.n)
		qsort(p->foreign.p, p->foreign.n, sizeof *p->foreign.p, by_address);
	arena_destroy(a);
}

/* The first of the address or behind it. */
static uint32_t position(const struct ctl_process *p, uint64_t address)
{
	uint32_t low = 0, high = p->foreign.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (p->foreign.p[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct ctl_foreign *foreign_at(const struct ctl_process *p, uint64_t address)
{
	uint32_t i = position(p, address);

	return i < p->foreign.n && p->foreign.p[i].address == address ? &p->foreign.p[i] : NULL;
}

/* ---- planning above them --------------------------------------------------------------------------- */

/* One patch out of the bytes, if they show it. */
static void undo(const struct ctl_foreign *f, uint64_t address, uint8_t *bytes, uint32_t n)
{
	uint64_t from = base_max(f->address, address);
	uint64_t end = base_min(f->address + f->size, address + n);

	if (from >= end || memcmp(bytes + (from - address), f->patched + (from - f->address),
				  end - from) != 0)
		return;
	memcpy(bytes + (from - address), f->original + (from - f->address), end - from);
}

void ctl_chain_original(const struct ctl_process *p, uint64_t address, uint8_t *bytes, uint32_t n)
{
	uint64_t start = address > PATCH_MAX ? address - PATCH_MAX : 0;

	for (uint32_t i = position(p, start); i < p->foreign.n; i++) {
		if (p->foreign.p[i].address >= address + n)
			break;
		undo(&p->foreign.p[i], address, bytes, n);
	}
}

const struct ctl_foreign *ctl_chain_at(const struct ctl_process *p, uint64_t address)
{
	const struct ctl_foreign *f = foreign_at(p, address);
	uint8_t code[ENDBR_SIZE];

	if (f || !p->foreign.n || proc_read(p->proc, address, code, sizeof code) != sizeof code ||
	    memcmp(code, ENDBR, ENDBR_SIZE) != 0)
		return f;
	return foreign_at(p, address + ENDBR_SIZE);
}

struct patch_body ctl_chain_body(struct arena *a, const struct ctl_foreign *f)
{
	uint8_t *bytes = arena_alloc(a, LINK_SIZE);

	memcpy(bytes, "\xff\x25\0\0\0\0", LINK_SIZE - WORD);
	memcpy(bytes + LINK_SIZE - WORD, &f->trampoline, WORD);
	return (struct patch_body){ .generic = true, .bytes = bytes, .size = LINK_SIZE };
}

static struct error *in_the_way(const struct ctl_foreign *f)
{
	return error_new(ERROR_OTHER, "another session probes 0x%lx", (unsigned long)f->address);
}

/* The planner has seen the code as it was; what is there now is what the patch replaces. */
struct error *ctl_chain_finish(struct ctl_process *p, const struct ctl_foreign *f,
			       struct ctl_patch *patch)
{
	struct patch_plan *plan = &patch->plan;
	uint8_t now[PATCH_MAX + PATCH_REST];

	if (!p->foreign.n)
		return NULL;
	if (f && (plan->address != f->address || !f->trampoline))
		return in_the_way(f);
	if (proc_read(p->proc, plan->address, now, plan->span) != plan->span)
		return error_new(ERROR_OTHER, "no code at 0x%lx", (unsigned long)plan->address);
	for (uint32_t i = position(p, plan->address > PATCH_MAX ? plan->address - PATCH_MAX : 0);
	     i < p->foreign.n && p->foreign.p[i].address < plan->address + plan->span; i++) {
		const struct ctl_foreign *other = &p->foreign.p[i];

		if (other->address != plan->address && other->address + other->span > plan->address)
			return in_the_way(other);
	}
	if (f && memcmp(now + plan->size, plan->patched + plan->size, plan->span - plan->size) != 0)
		return in_the_way(f);
	memcpy(plan->original, now, plan->size);
	patch->link = f ? plan->resume - WORD : 0;
	patch->below = f ? f->trampoline : 0;
	return NULL;
}

/* The session below may have armed or disarmed its patch since ours was planned. */
void ctl_chain_accept(const struct ctl_process *p, struct ctl_patch *patch)
{
	struct patch_plan *plan = &patch->plan;
	const struct ctl_foreign *f = patch->below ? foreign_at(p, plan->address) : NULL;
	uint8_t now[PATCH_MAX];
	struct error *ignored;
	uint32_t n;

	if (!f || proc_read(p->proc, plan->address, now, plan->size) != plan->size)
		return;
	n = base_min(plan->size, f->size);
	if (f->trampoline != patch->below || memcmp(now, plan->original, plan->size) == 0 ||
	    memcmp(now + n, plan->original + n, plan->size - n) != 0 ||
	    (memcmp(now, f->patched, n) != 0 && memcmp(now, f->original, n) != 0))
		return;
	memcpy(plan->original, now, plan->size);
	if (!patch->noted || !patch->ledger_at)
		return;
	ignored = proc_write(p->proc,
			     p->place.ledger + patch->ledger_at +
				     offsetof(struct abi_ledger_patch, original),
			     plan->original, plan->size);
	(void)ignored;
}

/* ---- links ------------------------------------------------------------------------------------------ */

/* What the links in a page lead to now; another session may have turned them. */
void ctl_chain_keep(const struct ctl_process *p, const struct patch_page *page)
{
	vec_each(patch, &p->patches) {
		uint64_t at = patch->link - page->address, word;

		if (!patch->link || at > ABI_PAGE - WORD)
			continue;
		if (proc_read(p->proc, patch->link, &word, WORD) == WORD)
			memcpy(page->bytes + at, &word, WORD);
	}
}

static struct error *protect(struct ctl_process *p, uint64_t address, int protection)
{
	uint64_t start = address & ~(uint64_t)(ABI_PAGE - 1);
	uint64_t end = base_align(address + WORD, (uint64_t)ABI_PAGE);
	int64_t result;
	struct error *e = proc_remote_call(
		p->proc, SYS_mprotect, (const uint64_t[6]){ start, end - start, (uint64_t)protection },
		&result);

	return !e && result ? error_new(ERROR_OTHER, "mprotect fails in process %d",
					(int)p->proc->pid)
			    : e;
}

static struct error *turn(struct ctl_process *p, uint64_t link, uint64_t to)
{
	struct error *e = protect(p, link, PROT_READ | PROT_WRITE), *last;

	if (!e)
		e = proc_write(p->proc, link, &to, WORD);
	last = protect(p, link, PROT_READ | PROT_EXEC);
	return e ? e : last;
}

static struct ctl_foreign *above(struct ctl_process *p, const struct ctl_patch *patch)
{
	vec_each(f, &p->foreign)
		if (patch->plan.trampoline && f->below == patch->plan.trampoline)
			return f;
	return NULL;
}

bool ctl_chain_has_above(struct ctl_process *p, const struct ctl_patch *patch)
{
	return above(p, patch) != NULL;
}

/* Our bytes leave the middle of the chain: those above get what is below us. */
static struct error *unlink_one(struct ctl_process *p, struct ctl_patch *patch, struct ctl_foreign *f)
{
	const struct patch_plan *plan = &patch->plan;
	struct error *e = turn(p, f->link, patch->below ? patch->below : f->resume);

	if (!e)
		e = proc_write(p->proc, f->record + offsetof(struct abi_ledger_patch, below),
			       &patch->below, WORD);
	if (!e)
		e = proc_write(p->proc, f->record + offsetof(struct abi_ledger_patch, original),
			       plan->original, base_min(plan->size, f->size));
	f->below = patch->below;
	patch->covered_by = f;
	return e;
}

struct error *ctl_chain_unlink(struct ctl_process *p, bool for_unwinders)
{
	struct error *e = NULL, *last;
	bool begun = false;

	ctl_chain_look(p);
	ctl_ledger_refresh(p);
	for (uint32_t i = 0; p->foreign.n && i <= p->patches.n && !e; i++) {
		struct ctl_patch *patch = i < p->patches.n ? &p->patches.p[i] : &p->follow;
		struct ctl_foreign *f = above(p, patch);

		if (!f || patch->for_unwinders != for_unwinders)
			continue;
		if (!begun)
			e = proc_remote_begin(p->proc);
		begun = true;
		if (!e)
			e = unlink_one(p, patch, f);
	}
	if (!begun)
		return e;
	last = proc_remote_end(p->proc);
	return e ? e : last;
}

/*
 * True: the patch of the session above stands over ours, which keeps what it
 * does not reach.
 */
bool ctl_chain_is_covered(const struct ctl_process *p, const struct ctl_patch *patch)
{
	const struct ctl_foreign *f = patch->covered_by;
	uint8_t now[PATCH_MAX];

	return f && proc_read(p->proc, f->address, now, f->size) == f->size &&
	       memcmp(now, f->patched, f->size) == 0;
}

struct error *ctl_chain_restore_rest(const struct ctl_process *p, const struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;
	uint32_t from = patch->covered_by->size;

	if (from >= plan->size)
		return NULL;
	return proc_write(p->proc, plan->address + from, plan->original + from, plan->size - from);
}
