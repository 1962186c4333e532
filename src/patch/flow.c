/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: do branches of the surrounding code enter a patch?
 *
 * Decoding a whole function for every site would cost more than everything
 * else.  So the bytes are searched first for anything that would be a branch
 * into the range if an instruction started there; this finds every real branch
 * and now and then something else.  Only then is the function decoded, from its
 * start, to tell the two apart.  Where that fails (data in code, unknown
 * extents) the finding stays "possible".
 */
#include "patch/flow.h"

#include <string.h>

/* How far to look where the function's extents are unknown. */
#define BLIND_VIEW 4096u

/* The part of the request's bytes that is looked at. */
struct view {
	const uint8_t *code;
	uint64_t start, end;
	bool is_function;
};

static struct view view_of(const struct patch_request *r)
{
	uint64_t code_end = r->code_address + r->code_size;
	struct view v = { .start = r->function_start, .end = r->function_end };

	v.is_function = v.start < v.end && v.start >= r->code_address && v.end <= code_end;
	if (!v.is_function) {
		v.start = r->code_address;
		if (r->address - v.start > BLIND_VIEW)
			v.start = r->address - BLIND_VIEW;
		v.end = base_min(code_end, r->address + BLIND_VIEW);
	}
	v.code = r->code + (v.start - r->code_address);
	return v;
}

static bool contains(const struct patch_range *r, uint64_t address)
{
	return address - r->start < r->end - r->start;
}

/* jmp, call, jcc with rel32: opcode e9, e8 or the second byte of 0f 80..8f before it. */
static bool long_branches(const struct view *v, const struct patch_range *to,
			  const struct patch_range *own)
{
	uint64_t size = v->end - v->start;

	for (uint64_t i = 0; i + 5 <= size; i++) {
		int32_t d;
		uint8_t opcode = v->code[i];

		memcpy(&d, v->code + i + 1, 4);
		if (!contains(to, v->start + i + 5 + (uint64_t)(int64_t)d))
			continue;
		if (contains(own, v->start + i))
			continue;
		if (opcode == 0xe8 || opcode == 0xe9 ||
		    ((opcode & 0xf0) == 0x80 && i && v->code[i - 1] == 0x0f))
			return true;
	}
	return false;
}

static bool is_short_branch(uint8_t opcode)
{
	return (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0 || opcode == 0xeb;
}

/* jmp, jcc, loop with rel8: only those near the range can reach it. */
static bool short_branches(const struct view *v, const struct patch_range *to,
			   const struct patch_range *own)
{
	uint64_t from = to->start - base_min(to->start, 130u), until = to->end + 126;

	from = base_max(from, v->start);
	until = base_min(until, v->end);
	for (uint64_t at = from; at + 2 <= until; at++) {
		const uint8_t *p = v->code + (at - v->start);

		if (is_short_branch(p[0]) && !contains(own, at) &&
		    contains(to, at + 2 + (uint64_t)(int64_t)(int8_t)p[1]))
			return true;
	}
	return false;
}

/* Decodes the function. POSSIBLE: it could not be decoded to its end, and nothing was found. */
static enum flow confirm(const struct view *v, const struct patch_range *to,
			 const struct patch_range *own, uint64_t *first)
{
	struct x86_ins ins;
	enum flow found = FLOW_NONE;

	for (uint64_t at = v->start; at < v->end; at += ins.length) {
		if (!x86_decode(v->code + (at - v->start), v->end - at, at, &ins))
			return base_max(found, FLOW_POSSIBLE);
		if (ins.class != X86_JUMP && ins.class != X86_JCC && ins.class != X86_CALL)
			continue;
		if (!contains(to, ins.target) || contains(own, at))
			continue;
		*first = found == FLOW_NONE ? ins.target : base_min(*first, ins.target);
		found = FLOW_CERTAIN;
	}
	return found;
}

enum flow patch_flow_into(const struct patch_request *r, const struct patch_range *to,
		    const struct patch_range *own, uint64_t *first)
{
	struct view v = view_of(r);

	if (!long_branches(&v, to, own) && !short_branches(&v, to, own))
		return FLOW_NONE;
	return v.is_function ? confirm(&v, to, own, first) : FLOW_POSSIBLE;
}

/* Any ff /4 (jmp through a register or memory) counts, wherever it starts. */
bool patch_flow_is_hidden(const struct patch_request *r)
{
	struct view v = view_of(r);
	uint64_t size = v.end - v.start;

	for (uint64_t i = 0; i + 2 <= size; i++)
		if (v.code[i] == 0xff && (v.code[i + 1] >> 3 & 7) == 4)
			return true;
	return !v.is_function;
}
