/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: the ladder of patch forms, from the cheapest to the one that always works.
 *
 *	NOP	 one nop of 5 bytes or more, or several	  nothing displaced
 *	SINGLE	 one instruction of 5 bytes or more
 *	SEVERAL	 up to 5 instructions; their boundaries inside the jump read 0xCC
 *	PADDING	 the code ends before 5 bytes, filler follows
 *	PUN	 only bytes of the first instruction are written; the rest of
 *		 the displacement is what stands there already
 *	TRAP	 int3
 *
 * A jump over several instructions, bytes 1..4 being its displacement:
 *
 *	before	 55 | 48 89 e5 | 41 54 ...
 *	after	 e9   CC .. .. CC  54 ...	the trampoline lies at
 *		      ^		^		site + 5 + 0xCC....CC
 *		 two boundaries pinned
 *
 * A thread that stands at a boundary, or a branch that nobody could see, traps
 * there and goes on at the twin.  So a branch that is seen only costs speed, and
 * the ladder then goes on to a form it does not disturb; an unseen one is
 * harmless as long as traps are handled (allow_trap).
 *
 * Calls are displaced only as the last instruction: their return address must
 * not lie inside the patch, where each return would trap.
 */
#include <string.h>

#include "patch/flow.h"
#include "patch/trampoline.h"

#define JUMP 5u /* bytes of jmp rel32 */
#define ENDBR 4u
#define INT3 0xcc

struct planner {
	struct arena *arena;
	struct patch_space *space;
	const struct patch_request *request;
	struct patch_plan *plan;
	uint64_t site; /* where the patch goes */
	struct x86_ins ins[PATCH_MAX];
	uint32_t n; /* instructions up to `covered` bytes, at least one */
	uint32_t covered; /* 5 or more, unless the flow or the bytes end before */
	bool trap_only;
};

const char *patch_rung_name(enum patch_rung r)
{
	static const char *const names[] = {
		[RUNG_NOP] = "nop",	    [RUNG_SINGLE] = "single", [RUNG_SEVERAL] = "several",
		[RUNG_PADDING] = "padding", [RUNG_ISLAND] = "island", [RUNG_PUN] = "pun",
		[RUNG_TRAP] = "trap",
	};

	return r < RUNG_COUNT ? names[r] : "?";
}

/* ---- looking at the site ------------------------------------------------------------- */

/* Bytes readable from the address on, NULL if none. */
static const uint8_t *code_at(const struct planner *p, uint64_t address, uint32_t *n)
{
	const struct patch_request *r = p->request;
	uint64_t at = address - r->code_address;

	if (address < r->code_address || at >= r->code_size)
		return NULL;
	*n = r->code_size - (uint32_t)at;
	return r->code + at;
}

static bool decode_at(const struct planner *p, uint64_t address, struct x86_ins *out)
{
	uint32_t n;
	const uint8_t *code = code_at(p, address, &n);

	return code && x86_decode(code, n, address, out);
}

static void read_instructions(struct planner *p)
{
	p->n = p->covered = 0;
	while (p->covered < JUMP && decode_at(p, p->site + p->covered, &p->ins[p->n])) {
		p->covered += p->ins[p->n].length;
		if (p->ins[p->n++].ends_flow)
			break;
	}
}

/* Five bytes that are readable and nobody else's. */
static bool has_room_for_jump(const struct planner *p)
{
	uint64_t avoid = p->request->avoid_end;
	uint32_t n;

	if (avoid && avoid > p->request->address && p->site + JUMP > avoid)
		return false;
	return code_at(p, p->site, &n) && n >= JUMP;
}

/* Branches that land behind the first byte of the jump. */
static enum flow flow_inside(const struct planner *p, uint32_t n_own, uint64_t *first)
{
	const struct x86_ins *last = &p->ins[n_own - 1];
	struct patch_range inside = { p->site + 1, p->site + JUMP };
	struct patch_range own = { p->site, last->address + last->length };

	return patch_flow_into(p->request, &inside, &own, first);
}

static bool is_boundary(const struct planner *p, uint32_t n, uint64_t address)
{
	for (uint32_t i = 0; i < n; i++)
		if (p->ins[i].address == address)
			return true;
	return false;
}

/* No displaced branch goes to the middle of a displaced instruction. */
static bool branches_stay_whole(const struct planner *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t target = p->ins[i].target;

		if (target > p->site && target < p->site + JUMP && !is_boundary(p, n, target))
			return false;
	}
	return true;
}

/* Several instructions may go: calls last, no foreign breakpoint, and no way in. */
static bool can_displace_several(const struct planner *p, uint32_t n)
{
	uint64_t first;

	for (uint32_t i = 0; i < n; i++) {
		const struct x86_ins *ins = &p->ins[i];
		bool call = ins->class == X86_CALL || ins->class == X86_CALL_INDIRECT;

		if (ins->bytes[0] == INT3 || (call && i != n - 1))
			return false;
	}
	if (!branches_stay_whole(p, n) || flow_inside(p, n, &first) != FLOW_NONE)
		return false;
	return p->request->allow_trap || !patch_flow_is_hidden(p->request);
}

/* ---- writing the plan ---------------------------------------------------------------------- */

static void read_original(struct planner *p, uint32_t size)
{
	uint32_t n = 0;
	const uint8_t *code = code_at(p, p->site, &n);

	p->plan->size = base_min(size, n);
	memcpy(p->plan->original, code, p->plan->size);
	memcpy(p->plan->patched, code, p->plan->size);
}

static void finish(struct planner *p, const struct trampoline *t, bool with_twins)
{
	struct patch_plan *plan = p->plan;

	plan->address = p->site;
	plan->trampoline = t->start;
	plan->trampoline_end = t->end;
	plan->resume = t->resume;
	for (uint32_t i = 1; i < t->n_ins && with_twins; i++)
		if (t->ins[i].address < p->site + JUMP)
			plan->moved[plan->n_moved++] =
				(struct patch_moved){ t->ins[i].address, t->twins[i] };
}

/* A jmp rel32 over n instructions; bits of the displacement fixed by mask and value. */
static bool make_jump(struct planner *p, uint32_t n, uint32_t mask, uint32_t value)
{
	struct trampoline t = { .request = p->request,
				.ins = p->ins,
				.n_ins = n,
				.origin = p->site + JUMP,
				.mask = mask,
				.value = value };

	if (!patch_trampoline_make(p->arena, p->space, &t))
		return false;
	read_original(p, JUMP);
	finish(p, &t, true);
	return x86_encode_jump32(p->plan->patched, p->site, t.start) == JUMP;
}

/* Bits of displacement byte i, the jump's byte i + 1. */
static uint32_t byte_bits(uint32_t i, uint8_t byte)
{
	return (uint32_t)byte << (8 * i);
}

/* A jump whose interior instruction boundaries trap. */
static bool make_pinned_jump(struct planner *p, uint32_t n)
{
	uint32_t mask = 0, value = 0;

	for (uint32_t i = 1; i < n; i++) {
		uint64_t at = p->ins[i].address - p->site;

		if (at < JUMP) {
			mask |= byte_bits((uint32_t)at - 1, 0xff);
			value |= byte_bits((uint32_t)at - 1, INT3);
		}
	}
	return make_jump(p, n, mask, value);
}

/* ---- the rungs ------------------------------------------------------------------------------- */

static bool is_safe_single(const struct planner *p)
{
	uint64_t first;

	return branches_stay_whole(p, 1) && flow_inside(p, 1, &first) == FLOW_NONE;
}

static bool try_nop(struct planner *p)
{
	uint32_t n = 0, size = 0;

	while (n < p->n && size < JUMP && p->ins[n].class == X86_NOP)
		size += p->ins[n++].length;
	if (size < JUMP || !has_room_for_jump(p))
		return false;
	if (n == 1 ? !is_safe_single(p) : !can_displace_several(p, n))
		return false;
	return make_pinned_jump(p, n);
}

static bool try_single(struct planner *p)
{
	return p->ins[0].length >= JUMP && has_room_for_jump(p) && is_safe_single(p) &&
	       make_jump(p, 1, 0, 0);
}

static bool try_several(struct planner *p)
{
	return p->n > 1 && p->covered >= JUMP && has_room_for_jump(p) &&
	       can_displace_several(p, p->n) && make_pinned_jump(p, p->n);
}

/* Filler between functions: up to the next multiple of this. */
#define CODE_ALIGN 16u

/*
 * Nops behind a function are filler only if they reach exactly the next
 * aligned address; otherwise they may be the beginning of the next function.
 */
static bool is_nop_filler(const struct planner *p, uint64_t at)
{
	struct x86_ins ins;

	if (!p->request->function_end || at < p->request->function_end)
		return false;
	for (; at % CODE_ALIGN || at < p->site + JUMP; at += ins.length) {
		if (at % CODE_ALIGN == 0)
			return false;
		if (!decode_at(p, at, &ins) || (ins.class != X86_NOP && ins.bytes[0] != INT3))
			return false;
	}
	return true;
}

static bool is_trap_filler(const struct planner *p, uint64_t at)
{
	uint32_t n;

	for (; at < p->site + JUMP; at++) {
		const uint8_t *code = code_at(p, at, &n);

		if (!code || *code != INT3)
			return false;
	}
	return true;
}

static bool try_padding(struct planner *p)
{
	uint64_t behind = p->site + p->covered;

	if (p->covered >= JUMP || !p->ins[p->n - 1].ends_flow || !has_room_for_jump(p))
		return false;
	return (is_trap_filler(p, behind) || is_nop_filler(p, behind)) &&
	       can_displace_several(p, p->n) && make_pinned_jump(p, p->n);
}

/*
 * How many bytes a punned jump may change: those of the first instruction, and
 * none that a branch goes to.
 */
static uint32_t bytes_to_pun(const struct planner *p)
{
	uint32_t own = base_min((uint32_t)p->ins[0].length, JUMP);
	struct patch_range inside = { p->site + 1, p->site + own };
	struct patch_range nobody = { 0, 0 };
	uint64_t first;

	if (own == 1)
		return 1;
	switch (patch_flow_into(p->request, &inside, &nobody, &first)) {
	case FLOW_NONE:
		return own;
	case FLOW_CERTAIN:
		return (uint32_t)(first - p->site);
	case FLOW_POSSIBLE:
		return 1;
	}
	base_unreachable();
}

static bool try_pun(struct planner *p)
{
	uint32_t own = bytes_to_pun(p), mask = 0, value = 0, n;
	const uint8_t *code = code_at(p, p->site, &n);

	if (!has_room_for_jump(p) || !branches_stay_whole(p, 1))
		return false;
	/* Somebody's breakpoint in the displacement would not stay there. */
	if (p->n > 1 && p->ins[1].bytes[0] == INT3)
		return false;
	for (uint32_t i = own; i < JUMP; i++) {
		mask |= byte_bits(i - 1, 0xff);
		value |= byte_bits(i - 1, code[i]);
	}
	return make_jump(p, 1, mask, value);
}

static bool try_trap(struct planner *p)
{
	struct trampoline t = { .request = p->request,
				.ins = p->ins,
				.n_ins = 1,
				.origin = p->site + JUMP };

	if (!p->request->allow_trap || !patch_trampoline_make(p->arena, p->space, &t))
		return false;
	read_original(p, 1);
	finish(p, &t, false);
	p->plan->patched[0] = INT3;
	return true;
}

static const struct {
	enum patch_rung rung;
	bool (*try)(struct planner *p);
	bool is_trap;
} ladder[] = {
	{ RUNG_NOP, try_nop, false },	      { RUNG_SINGLE, try_single, false },
	{ RUNG_SEVERAL, try_several, false }, { RUNG_PADDING, try_padding, false },
	{ RUNG_PUN, try_pun, false },	      { RUNG_TRAP, try_trap, true },
};

static bool climb(struct planner *p)
{
	for (size_t i = 0; i < base_count(ladder); i++) {
		if (p->trap_only && !ladder[i].is_trap)
			continue;
		*p->plan = (struct patch_plan){ .rung = ladder[i].rung };
		if (ladder[i].try(p))
			return true;
	}
	return false;
}

/*
 * An endbr64 stays where it is and the patch goes behind it, unless the function
 * loops back to just there: then only a trap on the endbr64 counts entries.
 */
static void skip_endbr(struct planner *p)
{
	struct patch_range behind = { p->site + ENDBR, p->site + ENDBR + 1 };
	struct patch_range nobody = { 0, 0 };
	struct x86_ins next;
	uint64_t first;
	enum flow loop;

	if (p->ins[0].class != X86_ENDBR)
		return;
	loop = patch_flow_into(p->request, &behind, &nobody, &first);
	if (loop == FLOW_CERTAIN || (loop == FLOW_POSSIBLE && p->request->allow_trap) ||
	    !decode_at(p, behind.start, &next)) {
		p->trap_only = true;
		return;
	}
	p->site = behind.start;
	read_instructions(p);
}

struct error *patch_plan_make(struct arena *a, struct patch_space *s, const struct patch_request *r,
			      struct patch_plan *out)
{
	struct planner p = {
		.arena = a, .space = s, .request = r, .plan = out, .site = r->address
	};

	read_instructions(&p);
	if (p.n)
		skip_endbr(&p);
	if (!p.n)
		return error_new(ERROR_UNSUPPORTED, "no instruction at 0x%llx",
				 (unsigned long long)r->address);
	if (p.ins[0].bytes[0] == INT3)
		return error_new(ERROR_UNSUPPORTED, "a breakpoint of another tool is at 0x%llx",
				 (unsigned long long)p.site);
	if (!climb(&p))
		return error_new(ERROR_UNSUPPORTED, "no form of patch fits at 0x%llx",
				 (unsigned long long)p.site);
	return NULL;
}
