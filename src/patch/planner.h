/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planner: what the rungs of the ladder share.
 *
 * A spot is a place where a jump may be put: the instructions that would be displaced
 * and how many bytes may be written.  A jump is five bytes, or more with prefixes that do
 * nothing, of which only its own are written; the rest of its displacement is what stands
 * there already:
 *
 *	own = 3         |  own bytes   | not ours
 *	                  e9   xx   xx   8b 45      trampoline at .. + 0x458bxxxx
 *	a prefix more     2e   e9   xx   8b 45 08   trampoline at .. + 0x08458bxx
 */
#ifndef SPILE_PATCH_PLANNER_H
#define SPILE_PATCH_PLANNER_H

#include "patch/flow.h"
#include "patch/patch.h"
#include "patch/space.h"
#include "patch/text.h"
#include "patch/trampoline.h"

#define JUMP 5u /* bytes of jmp rel32 */
#define SHORT_JUMP 2u
#define ENDBR 4u
#define INT3 0xcc

struct spot {
	uint64_t at;
	struct x86_ins ins[PATCH_MAX];
	uint32_t n; /* to displace, at least 1 */
	uint32_t length; /* of them */
	uint32_t own; /* bytes that may be written */
	bool filler; /* own counts bytes behind the instructions that nobody executes */
};

struct planner {
	struct arena *arena;
	struct patch_space *space;
	struct patch_text *text;
	struct patch_flow *flow, *near_flow; /* of the site's function, and of one near it */
	const struct patch_request *request;
	struct patch_request bare; /* the request without bodies, for what is evicted */
	struct patch_plan *plan;
	uint64_t site; /* where the patch goes */
	struct spot spot; /* there */
	const struct patch_plan *pending; /* a helper that is not in the text yet */
};

/* Bytes readable from the address on, as they were before any plan; NULL if none. */
const uint8_t *planner_code(const struct planner *p, uint64_t address, uint32_t *n);
bool planner_decode(const struct planner *p, uint64_t address, struct x86_ins *out);
/* The byte at the address with all plans so far applied; false: not readable, or not to be relied on. */
bool planner_byte(const struct planner *p, uint64_t address, uint8_t *out);

/* A site is, or will be, at the address, or at the endbr64 before it: the patch goes behind that. */
bool planner_is_site(const struct planner *p, uint64_t address);

/* ---- spot.c ------------------------------------------------------------------------------- */

/* As many instructions as a jump wants, or fewer where something is in the way. false: none. */
bool spot_look(struct planner *p, uint64_t at, struct spot *out);
/* The same spot with only its first n instructions. */
void spot_shorten(struct planner *p, struct spot *s, uint32_t n);
/* Bytes of filler from the address on, which lies behind a function's last instruction. */
uint32_t spot_filler(const struct planner *p, uint64_t address, uint32_t most);

/* ---- jump.c ------------------------------------------------------------------------------- */

struct jump {
	const struct patch_request *request; /* whose bodies the trampoline runs */
	uint64_t at; /* of the jump */
	uint32_t own; /* bytes from there that may be written */
	uint32_t pins; /* bit i: byte i is an instruction boundary and must trap */
	const struct x86_ins *ins; /* displaced; need not stand at `at` */
	uint32_t n_ins;
	uint32_t mask, value; /* demands on the displacement besides */
	/* results */
	uint8_t bytes[PATCH_MAX];
	uint32_t size; /* of the jump with its prefixes; own or fewer are written */
	struct trampoline trampoline;
};

/* Finds a trampoline that the jump can reach and writes it. */
bool jump_make(struct planner *p, struct jump *j);
/* Gives the trampoline's room back. */
void jump_undo(struct planner *p, const struct jump *j);
/* A bit for each boundary of ins inside the bytes from `at` on, the first left out. */
uint32_t jump_pins(uint64_t at, const struct x86_ins *ins, uint32_t n);
/* The plan of a jump that stands at its instructions; not yet in the text. */
void jump_plan(const struct planner *p, const struct jump *j, enum patch_rung rung,
	       struct patch_plan *out);
/* Writes a plan into the text and locks what it relies on. */
void plan_settle(struct planner *p, const struct patch_plan *plan);

/* ---- evict.c -------------------------------------------------------------------------------- */

bool evict_successor(struct planner *p);
bool evict_neighbour(struct planner *p);
bool evict_to_island(struct planner *p);

#endif
