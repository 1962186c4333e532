/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evict: room for a jump where the site itself has too little.
 *
 * To an island: two bytes at the site reach a jump in bytes that nobody executes.
 *
 *	site	eb xx			island	e9 dd dd dd dd	(filler)
 *
 * A neighbour moves out, and its bytes become the island:
 *
 *	site	eb xx			victim	e9 vv vv vv vv | e9 dd dd dd dd
 *						-> its twin	 ^ island
 *
 * The successor moves out, because branches go to it and the site's jump overlaps it: its own
 * jump is then the displacement of ours, and its place is chosen so that this leads
 * to free memory.
 *
 *	site	e9		       one byte of its own, then
 *	   +1	   e9 vv vv vv vv      the successor, a branch target
 *		   `------------ site's displacement
 *
 * What moves out is a plan of its own, written before the site's and put back after it.
 */
#include "patch/planner.h"

#include <string.h>

#define RUN_MOST PATCH_MAX
#define RUN_LEAST (JUMP + 1)
#define RUN_WANTED (2 * JUMP)
#define REACH_BACK 128
#define REACH_ON 127

/* ---- the successor ------------------------------------------------------------------------- */

/* Top bytes of a displacement, near places first: 16 MiB each. */
static const uint8_t tops[] = { 0xfe, 0xf8, 0xf0, 0xe0, 0xc8, 0xb0, 0x98, 0x88, 0x6c,
				0x64, 0x5c, 0x54, 0x4c, 0x74, 0x7c, 0x44, 0x01, 0x00 };

static void keep_plan(struct planner *p, struct patch_plan *helper)
{
	struct patch_plan *before = arena_new(p->arena, struct patch_plan);

	*before = *helper;
	plan_settle(p, before);
	p->plan->before = before;
	p->plan->n_before = 1;
}

/* Both jumps, for one choice of the top byte of the site's displacement. */
static bool try_successor(struct planner *p, const struct spot *s, struct jump *next, uint8_t top)
{
	uint32_t in_next = JUMP - 1 - s->own; /* offset in the successor's jump of that byte */
	struct jump main = { .request = p->request,
			     .at = s->at,
			     .own = s->own,
			     .pins = jump_pins(s->at, s->ins, s->n),
			     .ins = s->ins,
			     .n_ins = s->n };
	struct patch_plan helper, plan;

	next->mask = in_next ? 0xffu << (8 * (in_next - 1)) : 0;
	next->value = in_next ? (uint32_t)top << (8 * (in_next - 1)) : 0;
	if (!jump_make(p, next))
		return false;
	jump_plan(p, next, RUNG_EVICT, &helper);
	p->pending = &helper;
	if (!jump_make(p, &main)) {
		p->pending = NULL;
		jump_undo(p, next);
		return false;
	}
	jump_plan(p, &main, RUNG_EVICT, &plan);
	p->pending = NULL;
	*p->plan = plan;
	keep_plan(p, &helper);
	return true;
}

static bool evict_behind(struct planner *p, const struct spot *s)
{
	uint64_t at = s->at + s->length, end = p->request->function_end;
	struct spot t;
	struct jump next = { .request = &p->bare, .at = at, .ins = t.ins };

	if (s->own != s->length || s->own >= JUMP || (end && at >= end) ||
	    planner_is_site(p, at) || !spot_look(p, at, &t) || t.ins[0].bytes[0] == INT3)
		return false;
	for (uint32_t n = t.n; n; n--) {
		spot_shorten(p, &t, n);
		next.own = t.own;
		next.n_ins = t.n;
		next.pins = jump_pins(at, t.ins, t.n);
		for (size_t i = 0; i < base_count(tops) && t.own; i++)
			if (try_successor(p, s, &next, tops[i]))
				return true;
	}
	return false;
}

bool evict_successor(struct planner *p)
{
	struct spot s = p->spot;

	for (uint32_t n = s.n; n; n--) {
		spot_shorten(p, &s, n);
		if (evict_behind(p, &s))
			return true;
	}
	return false;
}

/* ---- short jumps ------------------------------------------------------------------------------ */

/* Whether the site can reach an island by two bytes, none of them also the island's. */
static bool can_reach(const struct planner *p, const struct spot *s, uint64_t island)
{
	int64_t distance = (int64_t)(island - (s->at + SHORT_JUMP));
	uint8_t given = INT3;

	if (distance < -REACH_BACK || distance > REACH_ON)
		return false;
	if (island + JUMP > s->at && island < s->at + base_max(s->own, SHORT_JUMP))
		return false;
	if (s->own >= SHORT_JUMP && !(jump_pins(s->at, s->ins, s->n) & 2))
		return true;
	if (s->own < SHORT_JUMP && !planner_byte(p, s->at + 1, &given))
		return false;
	return (int8_t)given == distance;
}

/* The plan of the site's short jump; the long one is at the island. */
static void plan_short(struct planner *p, const struct spot *s, const struct jump *island,
		       enum patch_rung rung)
{
	struct jump near = *island;

	near.at = s->at;
	near.own = base_min(s->own, SHORT_JUMP);
	near.size = SHORT_JUMP;
	x86_encode_jump8(near.bytes, s->at, island->at);
	jump_plan(p, &near, rung, p->plan);
}

static struct jump island_jump(const struct planner *p, const struct spot *s, uint64_t at,
			       uint32_t own)
{
	return (struct jump){ .request = p->request,
			      .at = at,
			      .own = own,
			      .ins = s->ins,
			      .n_ins = s->n };
}

/* Filler: no instruction moves, nobody comes by. */
static bool try_hole(struct planner *p, const struct spot *s, uint64_t at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++) {
		uint32_t own = patch_text_free(p->text, at + i, size - i);
		struct jump j = island_jump(p, s, at + i, own);
		struct patch_plan helper;

		if (!own || !can_reach(p, s, at + i) || !jump_make(p, &j))
			continue;
		plan_short(p, s, &j, RUNG_ISLAND);
		jump_plan(p, &j, RUNG_ISLAND, &helper);
		helper.trampoline = helper.trampoline_end = helper.resume = 0;
		helper.n_moved = 0;
		keep_plan(p, &helper);
		return true;
	}
	return false;
}

static uint64_t window_start(const struct planner *p, const struct spot *s)
{
	uint64_t start = p->request->function_start;

	return base_max(start, s->at - base_min(s->at, (uint64_t)REACH_BACK + RUN_MOST));
}

/* Nops behind an instruction that does not fall through, up to a branch target. */
static bool try_inner_holes(struct planner *p, const struct spot *s)
{
	uint64_t at = patch_flow_boundary(p->flow, window_start(p, s));
	uint64_t end = base_min(p->request->function_end, s->at + REACH_ON), hole = 0;
	struct x86_ins ins;
	bool dead = false;

	for (; at < end && planner_decode(p, at, &ins); at += ins.length) {
		if (dead && (ins.class == X86_NOP || ins.bytes[0] == INT3) &&
		    !patch_flow_is_target(p->flow, at) && !patch_text_is_site(p->text, at)) {
			hole = hole ? hole : at;
			continue;
		}
		if (hole && try_hole(p, s, hole, (uint32_t)(at - hole)))
			return true;
		hole = 0;
		dead = ins.ends_flow;
	}
	return false;
}

/*
 * Whether the function ends where its instructions end: a function of an assembler file may go on, over nops, in the
 * one behind it, as the checked memset of the C library does. A call in the end does not return.
 */
static bool ends_before_filler(struct planner *p)
{
	uint64_t end = p->request->function_end, last = end;
	struct x86_ins ins;

	if (!patch_flow_decode(p->flow, p->request))
		return false;
	for (uint64_t at = end; last == end && at > p->request->function_start;)
		last = patch_flow_boundary(p->flow, --at);
	return planner_decode(p, last, &ins) &&
	       (ins.ends_flow || ins.class == X86_CALL || ins.class == X86_CALL_INDIRECT);
}

bool evict_to_island(struct planner *p)
{
	const struct patch_request *r = p->request;
	uint64_t end = r->function_end;
	struct spot s = p->spot;

	for (uint32_t n = s.n; n; n--) {
		uint32_t filler;

		spot_shorten(p, &s, n);
		if (!s.own || !end)
			continue;
		filler = end > s.at + REACH_ON ? 0 : spot_filler(p, end, REACH_ON);
		if (filler && ends_before_filler(p) && try_hole(p, &s, end, filler))
			return true;
		if (patch_flow_decode(p->flow, r) && try_inner_holes(p, &s))
			return true;
	}
	return false;
}

/* ---- a neighbour ------------------------------------------------------------------------------ */

/* A function whose instructions may move out. */
struct hood {
	const struct patch_request *request; /* that function's extents */
	struct patch_flow *flow;
};

/* Instructions that may move out together: no way in, no site, no plan's bytes. */
static bool run_look(struct planner *p, const struct hood *h, const struct spot *s, uint64_t at,
		     struct spot *run)
{
	struct patch_range whole = { at, at }, inside;
	uint64_t first;

	*run = (struct spot){ .at = at };
	while (run->length < RUN_WANTED) {
		struct x86_ins *ins = &run->ins[run->n];

		if (!planner_decode(p, at + run->length, ins) || ins->bytes[0] == INT3 ||
		    planner_is_site(p, ins->address))
			break;
		whole.end = ins->address + ins->length;
		inside = (struct patch_range){ at + 1, whole.end };
		if (whole.end - at > RUN_MOST || whole.end > h->request->function_end ||
		    (whole.end > s->at && at < s->at + s->length) ||
		    patch_text_free(p->text, at, (uint32_t)(whole.end - at)) < whole.end - at ||
		    patch_flow_into(h->flow, h->request, &inside, &whole, &first) != FLOW_NONE)
			break;
		run->length += ins->length;
		run->n++;
		if (ins->ends_flow || ins->class == X86_CALL || ins->class == X86_CALL_INDIRECT)
			break;
	}
	run->own = run->length;
	return run->length >= RUN_LEAST && (run->n == 1 || p->request->allow_trap ||
					    !patch_flow_is_hidden(h->flow, h->request));
}

static void plan_run(struct planner *p, const struct spot *run, struct jump *out,
		     const struct jump *island)
{
	uint32_t at = (uint32_t)(island->at - run->at), size = base_min(island->size, island->own);
	struct patch_plan helper;

	memset(out->bytes + JUMP, INT3, run->length - JUMP);
	memcpy(out->bytes + at, island->bytes, size);
	out->own = out->size = run->length;
	jump_plan(p, out, RUNG_EVICT, &helper);
	if (size < island->size) { /* relied on */
		helper.span = at + island->size;
		memcpy(helper.patched + at + size, island->bytes + size, island->size - size);
	}
	keep_plan(p, &helper);
}

static bool try_run(struct planner *p, const struct spot *s, const struct spot *run)
{
	uint32_t pins = jump_pins(run->at, run->ins, run->n);

	for (uint32_t i = JUMP; i < run->length; i++) {
		struct jump island = island_jump(p, s, run->at + i, run->length - i);
		struct jump out = { .request = &p->bare,
				    .at = run->at,
				    .own = JUMP,
				    .pins = pins,
				    .ins = run->ins,
				    .n_ins = run->n };

		island.pins = pins >> i;
		if (island.pins & 1 || !can_reach(p, s, island.at) || !jump_make(p, &island))
			continue;
		if (!jump_make(p, &out)) {
			jump_undo(p, &island);
			continue;
		}
		/* Behind a prefix its displacement would end in bytes that become filler and island. */
		if (out.size != JUMP) {
			jump_undo(p, &out);
			jump_undo(p, &island);
			continue;
		}
		plan_short(p, s, &island, RUNG_EVICT);
		plan_run(p, run, &out, &island);
		return true;
	}
	return false;
}

static bool evict_from(struct planner *p, const struct hood *h)
{
	uint64_t at = p->site - base_min(p->site, (uint64_t)REACH_BACK + RUN_MOST), end;
	struct spot run;

	if (!patch_flow_decode(h->flow, h->request))
		return false;
	at = base_max(at, h->request->function_start);
	end = base_min(h->request->function_end, p->site + REACH_ON);
	if (at >= end)
		return false;
	for (at = patch_flow_boundary(h->flow, at); at < end;
	     at = patch_flow_boundary(h->flow, at + 1)) {
		struct spot s = p->spot;

		if (!run_look(p, h, &s, at, &run))
			continue;
		for (uint32_t n = s.n; n; n--) {
			spot_shorten(p, &s, n);
			if (s.own && try_run(p, &s, &run))
				return true;
		}
	}
	return false;
}

bool evict_neighbour(struct planner *p)
{
	struct hood own = { p->request, p->flow };

	if (evict_from(p, &own))
		return true;
	for (uint32_t i = 0; i < p->request->n_near; i++) {
		struct patch_request r = *p->request;
		struct hood near = { &r, p->near_flow };

		r.function_start = p->request->near[i].start;
		r.function_end = p->request->near[i].end;
		if (evict_from(p, &near))
			return true;
	}
	return false;
}
