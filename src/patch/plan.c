/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: the ladder of patch forms, from the cheapest to the one that always works.
 *
 *	NOP	 one nop of 5 bytes or more, or several	  nothing displaced
 *	SINGLE	 one instruction of 5 bytes or more
 *	SEVERAL	 up to 5 instructions; their boundaries inside the jump trap
 *	PADDING	 the code ends before 5 bytes, filler follows
 *	ISLAND	 jmp rel8 to a jmp rel32 in filler nearby
 *	PUN	 only bytes of the displaced instructions are written; the rest of
 *		 the displacement is what stands there already
 *	EVICT	 an instruction behind the site, or near it, moves out to make room
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
 * The plans of a process are made in one order and written in the same: what a plan
 * relies on is locked in the space's text.  Sites that are to come are told
 * first (patch_space_expect), and those at higher addresses are planned first, so that a
 * jump may rely on the bytes of the next site's patch.
 */
#include <string.h>

#include "patch/planner.h"

const char *patch_rung_name(enum patch_rung r)
{
	static const char *const names[] = {
		[RUNG_NOP] = "nop",	    [RUNG_SINGLE] = "single", [RUNG_SEVERAL] = "several",
		[RUNG_PADDING] = "padding", [RUNG_ISLAND] = "island", [RUNG_PUN] = "pun",
		[RUNG_EVICT] = "evict",	    [RUNG_TRAP] = "trap",
	};

	return r < RUNG_COUNT ? names[r] : "?";
}

/* ---- the rungs ------------------------------------------------------------------------------- */

static struct jump jump_at(const struct planner *p, const struct spot *s)
{
	return (struct jump){ .request = p->request,
			      .at = s->at,
			      .own = s->own,
			      .pins = jump_pins(s->at, s->ins, s->n),
			      .ins = s->ins,
			      .n_ins = s->n };
}

static bool try_spot(struct planner *p, const struct spot *s, enum patch_rung rung)
{
	struct jump j = jump_at(p, s);

	if (!jump_make(p, &j))
		return false;
	jump_plan(p, &j, rung, p->plan);
	return true;
}

static bool try_nop(struct planner *p)
{
	const struct spot *s = &p->spot;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->ins[i].class != X86_NOP)
			return false;
	return s->own >= JUMP && !s->filler && try_spot(p, s, RUNG_NOP);
}

static bool try_single(struct planner *p)
{
	const struct spot *s = &p->spot;

	return s->n == 1 && s->own >= JUMP && !s->filler && try_spot(p, s, RUNG_SINGLE);
}

static bool try_several(struct planner *p)
{
	const struct spot *s = &p->spot;

	return s->n > 1 && s->own >= JUMP && !s->filler && try_spot(p, s, RUNG_SEVERAL);
}

static bool try_padding(struct planner *p)
{
	return p->spot.filler && p->spot.own >= JUMP && try_spot(p, &p->spot, RUNG_PADDING);
}

static bool try_pun(struct planner *p)
{
	struct spot s = p->spot;

	if (p->request->until)
		return s.own && try_spot(p, &s, RUNG_PUN);
	for (uint32_t n = s.n; n; n--) {
		if (n != s.n)
			spot_shorten(p, &s, n);
		if (s.own && try_spot(p, &s, RUNG_PUN))
			return true;
	}
	return false;
}

static bool try_trap(struct planner *p)
{
	struct trampoline t = { .request = p->request,
				.ins = p->spot.ins,
				.n_ins = 1,
				.origin = p->site + JUMP };
	struct jump j = { .at = p->site, .own = 1, .size = 1, .bytes = { INT3 } };

	if (p->request->until && p->spot.n != 1)
		return false;
	if (!p->request->allow_trap || !patch_trampoline_make(p->arena, p->space, &t))
		return false;
	j.trampoline = t;
	jump_plan(p, &j, RUNG_TRAP, p->plan);
	return true;
}

static const struct {
	enum patch_rung rung;
	bool (*try)(struct planner *p);
} ladder[] = {
	{ RUNG_NOP, try_nop },		{ RUNG_SINGLE, try_single },
	{ RUNG_SEVERAL, try_several },	{ RUNG_PADDING, try_padding },
	{ RUNG_ISLAND, evict_to_island }, { RUNG_PUN, try_pun },
	{ RUNG_EVICT, evict_successor }, { RUNG_EVICT, evict_neighbour },
	{ RUNG_TRAP, try_trap },
};

/*
 * Where no trampoline of one instruction would fit, no rung needs to be tried: moving others out
 * takes thousands of searches for each site.
 */
static bool has_room(const struct planner *p)
{
	struct trampoline t = { .request = p->request, .ins = p->spot.ins, .n_ins = 1, .origin = p->site + JUMP };

	return patch_trampoline_may_fit(p->space, &t);
}

static bool climb(struct planner *p)
{
	for (size_t i = 0; i < base_count(ladder); i++) {
		enum patch_rung rung = ladder[i].rung;
		bool moves_others = rung == RUNG_ISLAND || rung == RUNG_EVICT;

		*p->plan = (struct patch_plan){ 0 };
		if (moves_others && (p->request->upon || p->request->until))
			continue;
		if (rung >= p->request->first_rung && ladder[i].try(p))
			return true;
	}
	return false;
}

/*
 * An endbr64 stays where it is and the patch goes behind it, unless the function loops back
 * to just there, or another site is there: then the endbr64 is displaced. (A tail says that it is
 * the patch of another session, which is shared.)
 */
static void skip_endbr(struct planner *p)
{
	struct patch_range behind = { p->site + ENDBR, p->site + ENDBR + 1 };
	struct patch_range nobody = { 0, 0 };
	struct x86_ins first, next;
	uint64_t target;
	enum flow loop;

	if (!planner_decode(p, p->site, &first) || first.class != X86_ENDBR ||
	    (patch_text_is_site(p->text, behind.start) && !p->request->tail) ||
	    !planner_decode(p, behind.start, &next))
		return;
	loop = patch_flow_into(p->flow, p->request, &behind, &nobody, &target);
	if (loop == FLOW_NONE || (loop == FLOW_POSSIBLE && !p->request->allow_trap))
		p->site = behind.start;
}

struct error *patch_plan_make(struct arena *a, struct patch_space *s, const struct patch_request *r,
			      struct patch_plan *out)
{
	struct planner p = { .arena = a,
			     .space = s,
			     .text = patch_space_text(s),
			     .flow = patch_space_flow(s),
			     .near_flow = patch_space_near_flow(s),
			     .request = r,
			     .bare = *r,
			     .plan = out,
			     .site = r->address };
	struct x86_ins first;

	p.bare.n_bodies = p.bare.n_returns = 0;
	p.bare.tail = NULL;
	if (r->check_start && patch_flow_decode(p.flow, r) &&
	    patch_flow_boundary(p.flow, r->address) != r->address)
		return error_new(ERROR_UNSUPPORTED, "0x%llx is inside an instruction",
				 (unsigned long long)r->address);
	skip_endbr(&p);
	if (!planner_decode(&p, p.site, &first))
		return error_new(ERROR_UNSUPPORTED, "no instruction at 0x%llx",
				 (unsigned long long)r->address);
	if (first.bytes[0] == INT3 && !r->own_int3)
		return error_new(ERROR_UNSUPPORTED, "a breakpoint of another tool is at 0x%llx",
				 (unsigned long long)p.site);
	if (!spot_look(&p, p.site, &p.spot))
		return error_new(ERROR_UNSUPPORTED, "another patch needs the bytes at 0x%llx",
				 (unsigned long long)p.site);
	if (!has_room(&p))
		return error_new(ERROR_UNSUPPORTED, "no room within 2 GiB of 0x%llx",
				 (unsigned long long)p.site);
	if (!climb(&p))
		return error_new(ERROR_UNSUPPORTED, "no form of patch fits at 0x%llx",
				 (unsigned long long)p.site);
	plan_settle(&p, out);
	return NULL;
}
