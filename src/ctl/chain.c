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

#include "ctl/code.h"
#include "ctl/hooks.h"
#include "ctl/session.h"

#define LINK_SIZE 14u /* jmp *0(%rip) and the word */
#define WORD 8u
#define MOST_LEDGER (1ull << 30)
#define INT3 0xcc

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
				 .is_helper = (r->head.role & ABI_ROLE_HELPER) != 0,
				 .size = base_min(r->bytes, (uint32_t)PATCH_MAX) };

	f.span = base_max(f.size, base_min(r->span, (uint32_t)PATCH_MAX));

	/* Of one that is over, only its hooks of system calls are left. */
	if (t->head.left && (r->head.role & ~ABI_ROLE_HELPER) != ABI_ROLE_HOOK)
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

/* By address; of one address the latest first. */
static int by_address(const void *a, const void *b)
{
	const struct ctl_foreign *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->order != y->order)
		return x->order > y->order ? -1 : 1;
	return x->record > y->record ? -1 : x->record < y->record;
}

static bool is_below(const struct ctl_foreign *f, const struct ctl_foreign *group, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (f->trampoline && group[i].below == f->trampoline)
			return true;
	return false;
}

/*
 * A library that comes late is probed by the sessions in any order: who stands on whom is what
 * the links say. The uppermost of each address comes first, who is below it next.
 */
static void sort_group(struct ctl_foreign *group, uint32_t n)
{
	for (uint32_t done = 0; done + 1 < n; done++) {
		uint32_t next = done;
		struct ctl_foreign f;

		while (next < n && is_below(&group[next], group + done, n - done))
			next++;
		if (next == n) /* a circle: damaged */
			return;
		f = group[next];
		memmove(group + done + 1, group + done, (next - done) * sizeof f);
		group[done] = f;
	}
}

static void sort_foreign(struct ctl_process *p)
{
	struct ctl_foreign *f = p->foreign.p;

	if (!p->foreign.n)
		return;
	qsort(f, p->foreign.n, sizeof *f, by_address);
	for (uint32_t i = 0, end; i < p->foreign.n; i = end) {
		end = i + 1;
		while (end < p->foreign.n && f[end].address == f[i].address)
			end++;
		sort_group(f + i, end - i);
	}
}

/* Plans touch no bytes of others, but for those that they are made upon: ctl_chain_at(). */
static void keep_off(struct ctl_process *p, bool off)
{
	vec_each(f, &p->foreign) {
		if (p->space && off)
			patch_space_keep_off(p->space, f->address, f->span);
		else if (p->space)
			patch_space_admit(p->space, f->address, f->span);
	}
}

void ctl_chain_look(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct ctl_traces found;

	keep_off(p, false);
	if (p->foreign_arena)
		arena_destroy(p->foreign_arena);
	p->foreign_arena = arena_create();
	memset(&p->foreign, 0, sizeof p->foreign);
	ctl_traces_find(p, a, &found);
	vec_each(t, &found.list)
		read_ledger(p, t);
	sort_foreign(p);
	keep_off(p, true);
	arena_destroy(a);
}

bool ctl_chain_is_alone(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct ctl_traces found;
	bool alone;
	struct error *e = ctl_maps_refresh(p);

	ctl_traces_find(p, a, &found);
	alone = !e && !found.list.n;
	arena_destroy(a);
	return alone;
}

/* The first of the address or behind it. */
static uint32_t position(const struct ctl_process *p, uint64_t address)
{
	return base_bound(i, 0, p->foreign.n, p->foreign.p[i].address < address);
}

static const struct ctl_foreign *foreign_at(const struct ctl_process *p, uint64_t address)
{
	uint32_t i = position(p, address);

	return i < p->foreign.n && p->foreign.p[i].address == address ? &p->foreign.p[i] : NULL;
}

/* ---- planning above them --------------------------------------------------------------------------- */

/* What byte i of a patch may be: armed, not armed, or on the way from one to the other. */
static bool may_be(const struct ctl_foreign *f, uint64_t i, uint8_t byte)
{
	if (i >= f->size)
		return byte == f->patched[i];
	return byte == f->original[i] || byte == f->patched[i] || (i == 0 && byte == INT3);
}

/*
 * One patch out of the bytes, if they show it. Its session may be arming or disarming it just
 * now; and a patch of one byte is told from another session's by the bytes that it relies on.
 */
static void undo(const struct ctl_foreign *f, uint64_t address, uint8_t *bytes, uint32_t n)
{
	uint64_t from = base_max(f->address, address);
	uint64_t end = base_min(f->address + f->span, address + n);

	for (uint64_t at = from; at < end; at++)
		if (!may_be(f, at - f->address, bytes[at - address]))
			return;
	end = base_min(end, f->address + f->size);
	if (from < end)
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

/* A plan is to be made upon it: its bytes count as the program's, but for those of other patches. */
static void admit(const struct ctl_process *p, const struct ctl_foreign *f)
{
	uint64_t end = f->address + f->span;

	patch_space_admit(p->space, f->address, f->span);
	for (uint32_t i = position(p, f->address - PATCH_MAX);
	     i < p->foreign.n && p->foreign.p[i].address < end; i++) {
		const struct ctl_foreign *other = &p->foreign.p[i];

		if (other->address != f->address && other->address + other->span > f->address)
			patch_space_keep_off(p->space, other->address, other->span);
	}
}

const struct ctl_foreign *ctl_chain_at(const struct ctl_process *p, uint64_t address)
{
	const struct ctl_foreign *f = foreign_at(p, address);

	if (!f && p->foreign.n && ctl_code_is_endbr(p, address))
		f = foreign_at(p, address + CTL_ENDBR_SIZE);
	if (!f || f->is_helper)
		return NULL;
	for (uint32_t i = position(p, f->address);
	     i < p->foreign.n && p->foreign.p[i].address == f->address; i++)
		admit(p, &p->foreign.p[i]);
	return f;
}

bool ctl_chain_has(const struct ctl_process *p, uint64_t address)
{
	return foreign_at(p, address) != NULL;
}

const struct ctl_foreign *ctl_chain_near(const struct ctl_process *p, uint64_t address)
{
	uint32_t i = position(p, address > PATCH_MAX ? address - PATCH_MAX : 0);

	for (; i < p->foreign.n && p->foreign.p[i].address < address + PATCH_MAX; i++)
		if (p->foreign.p[i].address + p->foreign.p[i].span > address)
			return &p->foreign.p[i];
	return NULL;
}

/* The last body of a patch over another. */
static struct patch_body link_body(struct arena *a, uint64_t trampoline)
{
	uint8_t *bytes = arena_alloc(a, LINK_SIZE);

	memcpy(bytes, "\xff\x25\0\0\0\0", LINK_SIZE - WORD);
	memcpy(bytes + LINK_SIZE - WORD, &trampoline, WORD);
	return (struct patch_body){ .generic = true, .bytes = bytes, .size = LINK_SIZE };
}

/* Whether the bytes, without others' patches, are those; all of them are filled in. */
static bool is_bare(const struct ctl_process *p, uint64_t address, const uint8_t *now,
		    uint8_t bare[PATCH_MAX], uint32_t n)
{
	uint8_t seen[PATCH_MAX];

	memcpy(seen, bare, n);
	memcpy(bare, now, PATCH_MAX);
	ctl_chain_original(p, address, bare, PATCH_MAX);
	return memcmp(seen, bare, n) == 0;
}

static struct error *in_the_way(const struct ctl_foreign *f)
{
	return error_new(ERROR_OTHER, "another session probes 0x%lx", (unsigned long)f->address);
}

/*
 * What a patch of `least` bytes or more stands over. All of a session's jump below is kept, even
 * if our patch is shorter: by it the two are told apart (disown_by).
 */
static bool read_original(const struct ctl_process *p, uint64_t address, uint32_t least,
			  uint8_t out[PATCH_MAX])
{
	memset(out, 0, PATCH_MAX);
	return proc_read(p->proc, address, out, PATCH_MAX) >= least;
}

/* No other patch than those upon which it is made is in its bytes. */
static struct error *check_room(const struct ctl_process *p, const struct patch_plan *plan)
{
	for (uint32_t i = position(p, plan->address > PATCH_MAX ? plan->address - PATCH_MAX : 0);
	     i < p->foreign.n && p->foreign.p[i].address < plan->address + plan->span; i++) {
		const struct ctl_foreign *other = &p->foreign.p[i];

		if (other->address != plan->address && other->address + other->span > plan->address)
			return in_the_way(other);
	}
	return NULL;
}

/*
 * Where a jump below is longer than ours, threads come to what it left of the instructions behind
 * ours: those are put back with it.
 */
static void cover(struct ctl_patch *patch, uint32_t size)
{
	struct patch_plan *plan = &patch->plan;

	if (size <= plan->size)
		return;
	for (uint32_t i = plan->span; i < size; i++)
		plan->patched[i] = patch->bare[i];
	plan->size = size;
	plan->span = base_max(plan->span, size);
	patch->covers = true;
}

static uint32_t longest(const struct ctl_process *p, const struct ctl_foreign *f)
{
	uint32_t size = f->size;

	for (uint64_t at = f->address; f < p->foreign.p + p->foreign.n && f->address == at; f++)
		size = base_max(size, f->size);
	return size;
}

/* The same for a patch upon another of our own, which is there whenever it is. */
static void stand_upon_own(struct ctl_patch *patch, const struct ctl_patch *own)
{
	struct patch_plan *plan = &patch->plan;

	memcpy(patch->bare, own->plan.original, sizeof patch->bare);
	cover(patch, own->plan.size);
	memcpy(plan->original, own->plan.patched, sizeof plan->original);
	patch->link = plan->resume - WORD;
	patch->below = own->plan.trampoline;
}

/*
 * The planner has seen the code as it was; what is there now is what the patch replaces. f: the one that it stands upon;
 * NULL none.
 */
static struct error *stand_upon(struct ctl_process *p, const struct ctl_foreign *f, struct ctl_patch *patch)
{
	struct patch_plan *plan = &patch->plan;
	struct error *e;

	if (!p->foreign.n)
		return NULL;
	if (f && (plan->address != f->address || !f->trampoline))
		return in_the_way(f);
	memcpy(patch->bare, plan->original, plan->size);
	if (!read_original(p, plan->address, plan->span, plan->original))
		return error_new(ERROR_OTHER, "no code at 0x%lx", (unsigned long)plan->address);
	e = check_room(p, plan);
	if (e)
		return e;
	if (!is_bare(p, plan->address, plan->original, patch->bare, plan->size))
		return error_new(ERROR_OTHER, "the code at 0x%lx changes",
				 (unsigned long)plan->address);
	if (f)
		cover(patch, longest(p, f));
	patch->link = f ? plan->resume - WORD : 0;
	patch->below = f ? f->trampoline : 0;
	return NULL;
}

struct error *ctl_chain_plan(struct ctl_process *p, struct arena *a, const struct ctl_patch *hook,
			     const struct ctl_foreign *below, struct patch_request *r,
			     struct ctl_patch *patch)
{
	struct patch_body chain;
	struct error *e;

	r->tail = NULL;
	r->upon = hook || below;
	if (r->upon) {
		chain = link_body(a, hook ? hook->plan.trampoline : below->trampoline);
		r->tail = &chain;
	}
	if (hook)
		patch_space_reopen(p->space, hook->plan.address, hook->plan.span);
	e = patch_plan_make(a, p->space, r, &patch->plan);
	r->tail = NULL;
	if (e || !hook)
		return e ? e : stand_upon(p, below, patch);
	stand_upon_own(patch, hook);
	return NULL;
}

static const struct ctl_foreign *by_trampoline(const struct ctl_process *p, uint64_t address,
					       uint64_t trampoline)
{
	for (uint32_t i = position(p, address);
	     i < p->foreign.n && p->foreign.p[i].address == address; i++)
		if (p->foreign.p[i].trampoline == trampoline)
			return &p->foreign.p[i];
	return NULL;
}

/* The bytes are those of one of the sessions below, or of none. */
static bool is_of_below(const struct ctl_process *p, const struct ctl_patch *patch, const uint8_t *now)
{
	const struct patch_plan *plan = &patch->plan;
	uint8_t want[PATCH_MAX];

	if (memcmp(now, patch->bare, plan->size) == 0)
		return true;
	for (uint64_t below = patch->below; below;) {
		const struct ctl_foreign *f = by_trampoline(p, plan->address, below);

		if (!f)
			return false;
		memcpy(want, patch->bare, plan->size);
		memcpy(want, f->patched, base_min(f->size, plan->size));
		if (memcmp(now, want, plan->size) == 0)
			return true;
		below = f->below;
	}
	return false;
}

/* A session below may have armed or disarmed its patch since ours was planned, or disarmed. */
void ctl_chain_accept(const struct ctl_process *p, struct ctl_patch *patch)
{
	struct patch_plan *plan = &patch->plan;
	uint8_t now[PATCH_MAX];
	struct error *ignored;

	if (!patch->link || !read_original(p, plan->address, plan->size, now) ||
	    memcmp(now, plan->original, sizeof now) == 0 || !is_of_below(p, patch, now))
		return;
	memcpy(plan->original, now, sizeof now);
	if (!patch->noted || !patch->ledger_at)
		return;
	ignored = proc_write(p->proc,
			     p->place.ledger + patch->ledger_at +
				     offsetof(struct abi_ledger_patch, original),
			     plan->original, sizeof now);
	(void)ignored;
}

/* ---- links ------------------------------------------------------------------------------------------ */

/* A patch that is not noted yet was planned since the page was written: its link is not there. */
static void keep_link(const struct ctl_process *p, const struct ctl_patch *patch,
		      const struct patch_page *page)
{
	uint64_t at = patch->link - page->address, word;

	if (!patch->link || !patch->noted || at > ABI_PAGE - WORD)
		return;
	if (proc_read(p->proc, patch->link, &word, WORD) == WORD)
		memcpy(page->bytes + at, &word, WORD);
}

/* What the links in a page lead to now; another session may have turned them. */
void ctl_chain_keep(struct ctl_process *p, const struct patch_page *page)
{
	struct ctl_patch *patch;

	for (uint32_t i = 0; (patch = ctl_patch_next(p, &i));)
		keep_link(p, patch, page);
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

static struct ctl_foreign *above(struct ctl_process *p, uint64_t trampoline)
{
	vec_each(f, &p->foreign)
		if (trampoline && f->below == trampoline)
			return f;
	return NULL;
}

bool ctl_chain_has_above(struct ctl_process *p, const struct ctl_patch *patch)
{
	return above(p, patch->plan.trampoline) != NULL;
}

/* Our bytes leave the middle of the chain: the one above us gets what is below. */
static struct error *unlink_one(struct ctl_process *p, struct ctl_patch *patch, struct ctl_foreign *f)
{
	struct error *e = turn(p, f->link, patch->below ? patch->below : f->resume);

	if (!e)
		e = proc_write(p->proc, f->record + offsetof(struct abi_ledger_patch, below),
			       &patch->below, WORD);
	f->below = patch->below;
	return e;
}

static bool is_shown(const struct ctl_process *p, const struct ctl_foreign *f)
{
	uint8_t now[PATCH_MAX];

	return proc_read(p->proc, f->address, now, f->span) == f->span &&
	       memcmp(now, f->patched, f->span) == 0;
}

/* Who would put our bytes back shall put back what we would. */
static struct error *disown_by(struct ctl_process *p, struct ctl_patch *patch, struct ctl_foreign *f)
{
	const struct patch_plan *plan = &patch->plan;
	uint32_t n = base_min(plan->span, (uint32_t)PATCH_MAX);
	bool would = memcmp(f->original, plan->patched, n) == 0;

	if (is_shown(p, f)) {
		patch->covered_by = f;
		patch->covered_rest = would;
	}
	if (!would)
		return NULL;
	memcpy(f->original, plan->original, plan->size);
	return proc_write(p->proc, f->record + offsetof(struct abi_ledger_patch, original),
			  f->original, sizeof f->original);
}

/* Any of those above us may stand in the text, upon any of those below itself. */
static struct error *disown(struct ctl_process *p, struct ctl_patch *patch, struct ctl_foreign *f)
{
	struct error *e = NULL;

	for (uint32_t i = 0; f && i < p->foreign.n && !e; i++) {
		e = disown_by(p, patch, f);
		f = above(p, f->trampoline);
	}
	return e;
}

/* Patches [from, to) as ctl_patch_next() counts them; *begun: remote calls may be made. */
static struct error *unlink_some(struct ctl_process *p, bool for_unwinders, uint32_t from,
				 uint32_t to, bool *begun)
{
	struct error *e = NULL;
	struct ctl_patch *patch;

	while (p->foreign.n && !e && from < to && (patch = ctl_patch_next(p, &from))) {
		struct ctl_foreign *f = above(p, patch->plan.trampoline);

		if (!f || patch->for_unwinders != for_unwinders)
			continue;
		if (!*begun)
			e = proc_remote_begin(p->proc);
		*begun = true;
		if (!e)
			e = disown(p, patch, f);
		if (!e)
			e = unlink_one(p, patch, f);
	}
	return e;
}

struct error *ctl_chain_unlink(struct ctl_process *p, bool for_unwinders)
{
	struct error *e, *last;
	bool begun = false;

	ctl_chain_look(p);
	ctl_ledger_refresh(p);
	e = unlink_some(p, for_unwinders, 0, p->patches.n + 1, &begun);
	if (!begun)
		return e;
	last = proc_remote_end(p->proc);
	return e ? e : last;
}

/* As long as the signals are taken, calls of those above must come to the hooks. */
struct error *ctl_chain_unlink_hooks(struct ctl_process *p)
{
	bool begun = true;

	ctl_chain_look(p);
	return unlink_some(p, false, p->patches.n + 1, UINT32_MAX, &begun);
}

/*
 * True: the patch of a session above stands over ours, which keeps what it
 * does not reach.
 */
bool ctl_chain_is_covered(const struct ctl_process *p, const struct ctl_patch *patch)
{
	return patch->covered_by && is_shown(p, patch->covered_by);
}

struct error *ctl_chain_restore_rest(const struct ctl_process *p, const struct ctl_patch *patch)
{
	const struct patch_plan *plan = &patch->plan;
	uint32_t from = patch->covered_by->size;

	if (!patch->covered_rest || from >= plan->size)
		return NULL;
	return proc_write(p->proc, plan->address + from, plan->original + from, plan->size - from);
}
