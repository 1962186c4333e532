/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jump: a jmp rel32 whose displacement is partly given.
 *
 * Byte for byte the displacement is
 *
 *	free	  one of ours
 *	pinned	  an instruction boundary of displaced code: whoever gets there must trap
 *	given	  not ours to write: what stands there stays
 *
 * and the trampoline goes where the whole leads.  A boundary on the top byte would
 * always mean 0.8 GiB below with int3; where nothing is free there, an
 * instruction of one byte that no program may execute serves as well (insb, outsb and
 * their like: general protection, SIGSEGV), which means 1.7 GiB above.
 */
#include "patch/planner.h"

#include <string.h>

/* A prefix that means nothing before a jmp. */
#define PREFIX 0x2e
/* What traps as the top byte of a displacement, in the order to try. */
static const uint8_t top_pins[] = { INT3, 0x6c, 0x6d, 0x6e, 0x6f, 0xf4 };
#define TOP 3u

bool patch_pin_is_fault(uint8_t byte)
{
	for (size_t i = 1; i < base_count(top_pins); i++)
		if (top_pins[i] == byte)
			return true;
	return false;
}

uint32_t jump_pins(uint64_t at, const struct x86_ins *ins, uint32_t n)
{
	uint32_t pins = 0;

	for (uint32_t i = 0; i < n; i++)
		if (ins[i].address > at && ins[i].address - at < PATCH_MAX)
			pins |= 1u << (ins[i].address - at);
	return pins;
}

static bool is_pinned(const struct jump *j, uint32_t offset)
{
	return offset < j->own && j->pins >> offset & 1;
}

/* Prefixes and opcode stand on bytes of ours that nobody can come to. */
static bool has_room(const struct jump *j, uint32_t prefixes)
{
	for (uint32_t i = 1; i <= prefixes; i++)
		if (is_pinned(j, i))
			return false;
	return prefixes < j->own;
}

/* Somebody's breakpoint in the displacement would not stay there. */
static bool is_breakpoint(const struct planner *p, const struct jump *j, uint32_t offset)
{
	uint64_t at = j->at + j->own;
	struct x86_ins ins;

	if (p->pending || patch_text_free(p->text, at, 1) == 0)
		return false;
	while (at < j->at + offset && planner_decode(p, at, &ins))
		at += ins.length;
	return at == j->at + offset;
}

/* What displacement byte i has to be; false: it is not readable. */
static bool demand(const struct planner *p, const struct jump *j, uint32_t prefixes, uint32_t i,
		   uint8_t top, struct trampoline *t)
{
	uint32_t offset = prefixes + 1 + i;
	uint8_t byte = i == TOP ? top : INT3;

	if (offset < j->own && !is_pinned(j, offset))
		return true;
	if (offset >= j->own && !planner_byte(p, j->at + offset, &byte))
		return false;
	if (offset >= j->own && byte == INT3 && is_breakpoint(p, j, offset))
		return false;
	/* A site that is still to be planned will change its byte. */
	if (offset >= j->own && planner_is_site(p, j->at + offset) &&
	    !patch_text_is_written(p->text, j->at + offset))
		return false;
	if (offset >= j->own && p->request->alone && patch_text_is_written(p->text, j->at + offset))
		return false;
	t->mask |= 0xffu << (8 * i);
	t->value |= (uint32_t)byte << (8 * i);
	return true;
}

static bool try_jump(struct planner *p, struct jump *j, uint32_t prefixes, uint8_t top)
{
	struct trampoline *t = &j->trampoline;

	*t = (struct trampoline){ .request = j->request,
				  .ins = j->ins,
				  .n_ins = j->n_ins,
				  .origin = j->at + prefixes + JUMP };
	for (uint32_t i = 0; i < 4; i++)
		if (!demand(p, j, prefixes, i, top, t))
			return false;
	if ((t->value ^ j->value) & t->mask & j->mask)
		return false;
	t->mask |= j->mask;
	t->value |= j->value;
	if (!patch_trampoline_make(p->arena, p->space, t))
		return false;
	j->size = prefixes + JUMP;
	memset(j->bytes, PREFIX, prefixes);
	x86_encode_jump32(j->bytes + prefixes, j->at + prefixes, t->start);
	return true;
}

bool jump_make(struct planner *p, struct jump *j)
{
	for (uint32_t prefixes = 0; prefixes <= 3 && has_room(j, prefixes); prefixes++) {
		bool pinned = is_pinned(j, prefixes + JUMP - 1);

		for (size_t i = 0; i < (pinned ? base_count(top_pins) : 1); i++)
			if (try_jump(p, j, prefixes, top_pins[i]))
				return true;
	}
	return false;
}

void jump_undo(struct planner *p, const struct jump *j)
{
	patch_space_release(p->space, j->trampoline.start,
			    (uint32_t)(j->trampoline.end - j->trampoline.start));
}

/* ---- plans ---------------------------------------------------------------------------------- */

static void read_original(const struct planner *p, struct patch_plan *plan)
{
	uint32_t n = 0;
	const uint8_t *code = planner_code(p, plan->address, &n);

	memcpy(plan->original, code, base_min(n, (uint32_t)PATCH_MAX));
	memcpy(plan->patched, plan->original, PATCH_MAX);
	patch_text_apply(p->text, plan->address, plan->patched, PATCH_MAX);
	for (uint32_t i = 0; p->pending && i < PATCH_MAX; i++)
		if (plan->address + i - p->pending->address < p->pending->size)
			plan->patched[i] = p->pending->patched[plan->address + i - p->pending->address];
	/* Bytes that are relied on but another plan's: as they are when this one is written. */
	memcpy(plan->original + plan->size, plan->patched + plan->size, PATCH_MAX - plan->size);
}

void jump_plan(const struct planner *p, const struct jump *j, enum patch_rung rung,
	       struct patch_plan *plan)
{
	const struct trampoline *t = &j->trampoline;

	*plan = (struct patch_plan){ .rung = rung,
				     .address = j->at,
				     .size = base_min(j->own, j->size),
				     .span = j->size,
				     .trampoline = t->start,
				     .trampoline_end = t->end,
				     .resume = t->resume,
				     .back = t->called_from,
				     .depth = t->depth,
				     .unwinds = t->unwinds.p,
				     .n_unwinds = t->unwinds.n };
	read_original(p, plan);
	memcpy(plan->patched, j->bytes, j->size);
	for (uint32_t i = 1; i < t->n_ins; i++)
		if (t->ins[i].address - j->at < plan->size)
			plan->moved[plan->n_moved++] =
				(struct patch_moved){ t->ins[i].address, t->twins[i] };
	if (t->back && plan->n_moved < PATCH_MAX)
		plan->moved[plan->n_moved++] = (struct patch_moved){ t->next, t->back };
}

void plan_settle(struct planner *p, const struct patch_plan *plan)
{
	patch_text_write(p->text, plan->address, plan->original, plan->patched, plan->size);
	patch_text_lock(p->text, plan->address, plan->span);
}
