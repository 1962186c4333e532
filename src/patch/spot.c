/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spot: how much may be displaced, and written, at an address.
 *
 * Several instructions go where nothing is known to branch behind the first of them.
 * A branch that is not known lands on a byte that traps and goes on at the twin; so
 * does a thread that stands there.  Calls are displaced only as the last
 * instruction: their return address must not lie inside the patch, where each return
 * would trap.
 */
#include "patch/planner.h"

#include <string.h>

#define WANTED 8u /* bytes: a jump and some prefixes */
/* Filler between functions: up to the next multiple of this. */
#define CODE_ALIGN 16u

const uint8_t *planner_code(const struct planner *p, uint64_t address, uint32_t *n)
{
	const struct patch_request *r = p->request;
	uint64_t at = address - r->code_address;

	if (address < r->code_address || at >= r->code_size)
		return NULL;
	*n = r->code_size - (uint32_t)at;
	return r->code + at;
}

bool planner_decode(const struct planner *p, uint64_t address, struct x86_ins *out)
{
	uint32_t n;
	const uint8_t *code = planner_code(p, address, &n);

	return code && x86_decode(code, n, address, out);
}

bool planner_byte(const struct planner *p, uint64_t address, uint8_t *out)
{
	uint32_t n;
	const uint8_t *code = planner_code(p, address, &n);

	if (!code || patch_text_is_foreign(p->text, address))
		return false;
	*out = *code;
	patch_text_apply(p->text, address, out, 1);
	if (p->pending && address - p->pending->address < p->pending->size)
		*out = p->pending->patched[address - p->pending->address];
	return true;
}

bool planner_is_site(const struct planner *p, uint64_t address)
{
	struct x86_ins ins;

	if (patch_text_is_site(p->text, address))
		return true;
	return address - ENDBR != p->request->address &&
	       patch_text_is_site(p->text, address - ENDBR) &&
	       planner_decode(p, address - ENDBR, &ins) && ins.class == X86_ENDBR;
}

/* ---- filler ------------------------------------------------------------------------------- */

/*
 * Nops behind a function are filler only if they reach exactly the next
 * aligned address; otherwise they may be the beginning of the next function.
 */
static uint32_t nop_filler(const struct planner *p, uint64_t address)
{
	struct x86_ins ins;
	uint64_t at = address;

	if (!p->request->function_end || at < p->request->function_end)
		return 0;
	for (; at % CODE_ALIGN; at += ins.length)
		if (!planner_decode(p, at, &ins) ||
		    (ins.class != X86_NOP && ins.bytes[0] != INT3) ||
		    at / CODE_ALIGN != (at + ins.length - 1) / CODE_ALIGN)
			return 0;
	return (uint32_t)(at - address);
}

static uint32_t trap_filler(const struct planner *p, uint64_t address, uint32_t most)
{
	uint32_t n, i = 0;
	const uint8_t *code = planner_code(p, address, &n);

	while (code && i < most && i < n && code[i] == INT3)
		i++;
	return i;
}

uint32_t spot_filler(const struct planner *p, uint64_t address, uint32_t most)
{
	uint32_t filler = base_max(nop_filler(p, address), trap_filler(p, address, most));

	filler = base_min(filler, most);
	if (!filler || patch_text_is_site(p->text, address))
		return 0;
	return patch_text_free(p->text, address, filler);
}

/* ---- instructions ---------------------------------------------------------------------------- */

static bool is_call(const struct x86_ins *ins)
{
	return ins->class == X86_CALL || ins->class == X86_CALL_INDIRECT;
}

/* Up to the wanted bytes, a call, the end of the flow, another site or another tool's breakpoint. */
static void read_instructions(const struct planner *p, struct spot *s, uint32_t wanted)
{
	s->n = s->length = 0;
	while (s->length < wanted) {
		struct x86_ins *next = &s->ins[s->n];

		if (!planner_decode(p, s->at + s->length, next))
			return;
		if (s->n && (next->bytes[0] == INT3 || planner_is_site(p, next->address)))
			return;
		s->length += next->length;
		s->n++;
		if (next->ends_flow || is_call(next))
			return;
	}
}

static bool is_boundary(const struct spot *s, uint64_t address)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->ins[i].address == address)
			return true;
	return false;
}

/* No displaced branch goes to the middle of a displaced instruction. */
static bool branches_stay_whole(const struct spot *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t target = s->ins[i].target;

		if (target > s->at && target < s->at + s->own && !is_boundary(s, target))
			return false;
	}
	return true;
}

/* Bytes that no branch from outside goes to, from the first on. */
static uint32_t unentered(struct planner *p, const struct spot *s)
{
	struct patch_range inside = { s->at + 1, s->at + base_min(s->length, WANTED + 7) };
	struct patch_range own = { s->at, s->at + s->length };
	uint64_t first;

	if (s->length == 1)
		return 1;
	switch (patch_flow_into(p->flow, p->request, &inside, &own, &first)) {
	case FLOW_NONE:
		return s->length;
	case FLOW_CERTAIN:
		return base_min((uint32_t)(first - s->at), s->length);
	case FLOW_POSSIBLE:
		return 1;
	}
	base_unreachable();
}

/* Whether all s->n instructions may go together; fills s->own. */
static bool can_go(struct planner *p, struct spot *s)
{
	const struct x86_ins *last = &s->ins[s->n - 1];

	s->filler = false;
	s->own = base_min(unentered(p, s), patch_text_free(p->text, s->at, s->length));
	if (!s->own || last->address - s->at >= s->own || !branches_stay_whole(s))
		return false;
	return s->n == 1 || p->request->allow_trap ||
	       !patch_flow_is_hidden(p->flow, p->request);
}

void spot_shorten(struct planner *p, struct spot *s, uint32_t n)
{
	s->filler = false;
	while (s->n > n)
		s->length -= s->ins[--s->n].length;
	s->own = base_min(s->own, s->length);
	if (!branches_stay_whole(s))
		s->own = 0;
	(void)p;
}

static void add_filler(const struct planner *p, struct spot *s)
{
	uint32_t filler;

	if (s->own != s->length || !s->ins[s->n - 1].ends_flow || s->length >= WANTED)
		return;
	filler = spot_filler(p, s->at + s->length, WANTED - s->length);
	s->own += filler;
	s->filler = filler != 0;
}

/* The bodies run behind just these: all of them go, or none. */
static bool look_until(struct planner *p, struct spot *s)
{
	uint64_t until = p->request->until;

	if (until <= s->at || until - s->at > PATCH_MAX)
		return false;
	read_instructions(p, s, (uint32_t)(until - s->at));
	return s->n && s->at + s->length == until && can_go(p, s) &&
	       (s->own == s->length || s->n == 1);
}

bool spot_look(struct planner *p, uint64_t at, struct spot *s)
{
	s->at = at;
	if (p->request->until)
		return look_until(p, s);
	read_instructions(p, s, JUMP);
	for (; s->n; s->n--) {
		if (can_go(p, s)) {
			add_filler(p, s);
			return true;
		}
		s->length -= s->ins[s->n - 1].length;
	}
	return false;
}
