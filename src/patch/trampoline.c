/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trampoline: bodies, displaced code, and the way back, as bytes.
 *
 *	start:	[displaced instructions, where the bodies run behind them: patch_request.until]
 *		body, full form			body, inline form
 *		 [lea -128(%rsp),%rsp]		 its bytes
 *		  push $site_number
 *		  call handler			   or call *literal(%rip)
 *		  lea 8[+128](%rsp),%rsp
 *	returns: the call of the displaced function, see returns.c
 *	resume:	displaced instructions
 *		jmp behind them			   unless they never get there
 *		literals
 *
 * Sizes are settled first, because the place depends on them. Calls by literal
 * serve handlers out of reach; a place within reach of all is tried before.
 */
#include "patch/trampoline.h"

#include <string.h>

#include "patch/body.h"
#include "patch/returns.h"
#include "patch/space.h"

#define REACH (1ull << 31)
#define LOWEST 0x10000ull
#define HIGHEST 0x7ffffffff000ull /* of user space, 47-bit addresses */
#define ALIGN 16u
/* A trampoline of more instructions may be smaller: without a jump back, its branches short. */
#define MAY_SHRINK 16u

/* What is known before the place is. */
struct layout {
	const struct trampoline *t;
	bool far_calls;
	uint32_t bodies_at;
	uint32_t body_size, resume, back, literals, size; /* offsets but the first and last */
	uint32_t twins[PATCH_MAX];
	uint32_t literal_bytes;
	struct returns_layout call;
	uint32_t call_at, tail_at;
	bool returns; /* a jmp back is needed */
};

/* ---- sizes ---------------------------------------------------------------------- */

static bool is_dropped(const struct x86_ins *ins)
{
	return ins->class == X86_NOP || ins->class == X86_ENDBR;
}

static bool lay_out_displaced(struct layout *l, uint32_t *at)
{
	uint8_t scratch[X86_RELOCATED_MAX];

	for (uint32_t i = 0; i < l->t->n_ins; i++) {
		const struct x86_ins *ins = &l->t->ins[i];
		uint32_t size = 0;

		l->twins[i] = *at;
		if (is_dropped(ins))
			continue;
		size = x86_relocate(ins, ins->address, scratch);
		if (!size)
			return false;
		*at += size;
	}
	return true;
}

static bool falls_through(const struct x86_ins *last)
{
	/* A relocated call comes back to the original code. */
	return !last->ends_flow && last->class != X86_CALL && last->class != X86_CALL_INDIRECT;
}

static bool lay_out(struct layout *l, const struct trampoline *t, bool far_calls)
{
	const struct patch_request *r = t->request;
	uint32_t at = 0;

	*l = (struct layout){ .t = t, .far_calls = far_calls };
	if (r->until && !lay_out_displaced(l, &at))
		return false;
	l->bodies_at = at;
	for (uint32_t i = 0; i < r->n_bodies; i++) {
		at += patch_body_size(&r->bodies[i], far_calls);
		l->literal_bytes += far_calls && patch_body_is_full(&r->bodies[i]) ? BODY_LITERAL : 0;
	}
	patch_returns_lay_out(&l->call, r, far_calls);
	l->literal_bytes += l->call.literal_bytes;
	l->call_at = at;
	at += l->call.size;
	l->tail_at = at;
	at += r->tail ? patch_body_size(r->tail, far_calls) : 0;
	l->resume = at;
	if (!r->until && !lay_out_displaced(l, &at))
		return false;
	l->back = at;
	l->returns = falls_through(&t->ins[t->n_ins - 1]);
	l->literals = at + (l->returns ? 5 : 0);
	l->size = l->literals + l->literal_bytes;
	return true;
}

/* ---- where it may go ---------------------------------------------------------------- */

static void keep_in_reach(struct patch_range *window, uint64_t target, uint32_t size)
{
	uint64_t reach = REACH - size - 64;

	window->start = base_max(window->start, target > reach ? target - reach : 0);
	window->end = base_min(window->end, target > HIGHEST ? HIGHEST : target + reach);
}

static void keep_handler_in_reach(struct patch_range *window, const struct patch_body *b,
				  uint32_t size)
{
	if (patch_body_is_full(b))
		keep_in_reach(window, b->handler, size);
}

static bool is_inside(const struct trampoline *t, uint64_t target)
{
	const struct x86_ins *last = &t->ins[t->n_ins - 1];

	return target > t->ins[0].address && target < last->address + last->length;
}

static struct patch_range window_of(const struct layout *l)
{
	const struct trampoline *t = l->t;
	const struct patch_request *r = t->request;
	struct patch_range w = { LOWEST, HIGHEST };

	keep_in_reach(&w, t->ins[0].address, l->size);
	for (uint32_t i = 0; i < t->n_ins; i++) {
		const struct x86_ins *ins = &t->ins[i];

		if (ins->rip_relative && !ins->address_32 && !is_dropped(ins))
			keep_in_reach(&w, ins->rip_target, l->size);
		if (ins->target && !is_inside(t, ins->target))
			keep_in_reach(&w, ins->target, l->size);
	}
	for (uint32_t i = 0; i < r->n_bodies && !l->far_calls; i++)
		keep_handler_in_reach(&w, &r->bodies[i], l->size);
	for (uint32_t i = 0; i < r->n_returns && !l->far_calls; i++) {
		keep_handler_in_reach(&w, &r->returns[i].saver, l->size);
		keep_handler_in_reach(&w, &r->returns[i].body, l->size);
	}
	return w;
}

/* Entries are aligned where the displacement's low byte is free. */
static void prefer_alignment(struct space_wish *w)
{
	if (w->mask & (ALIGN - 1))
		return;
	w->mask |= ALIGN - 1;
	w->value |= -(uint32_t)w->base & (ALIGN - 1);
}

static bool find_place(struct patch_space *s, const struct layout *l, uint64_t *address)
{
	struct patch_range window = window_of(l);
	struct space_wish w = { .low = window.start,
				.high = window.end,
				.base = l->t->origin,
				.mask = l->t->mask,
				.value = l->t->value,
				.size = base_max(l->size, 1u) };

	prefer_alignment(&w);
	return patch_space_take(s, &w, address);
}

bool patch_trampoline_may_fit(struct patch_space *s, const struct trampoline *t)
{
	struct patch_range window;
	struct layout l;

	for (int far_calls = 0; far_calls <= 1; far_calls++) {
		if (!lay_out(&l, t, far_calls))
			return true;
		l.size -= base_min(l.size - base_min(l.size, 1u), MAY_SHRINK);
		window = window_of(&l);
		if (patch_space_may_have(s, window.start, window.end, l.size))
			return true;
	}
	return false;
}

/* ---- bytes ------------------------------------------------------------------------------ */

static void put_bodies(struct arena *a, struct trampoline *t, const struct layout *l, uint8_t *out,
		       uint64_t start)
{
	const struct patch_request *r = l->t->request;
	uint32_t at = l->bodies_at, literal = l->literals;

	for (uint32_t i = 0; i < r->n_bodies; i++) {
		const struct patch_body *b = &r->bodies[i];
		bool far = patch_body_is_full(b) && l->far_calls;
		struct abi_unwind row = { .start = start + at, .cfa = 8, .kind = ABI_UNWIND_BODY };

		at += patch_body_put(out + at, start + at, b, far ? start + literal : 0);
		row.end = start + at;
		if (row.end > row.start && !r->until)
			vec_push(a, &t->unwinds, row);
		if (far)
			memcpy(out + literal, &b->handler, BODY_LITERAL);
		literal += far ? BODY_LITERAL : 0;
	}
	if (r->tail)
		patch_body_put(out + l->tail_at, start + l->tail_at, r->tail, 0);
	patch_returns_put(&l->call, out + at, start + at, start + l->tail_at, out + literal,
			  start + literal, a, &t->unwinds);
}

/* Branches between displaced instructions stay among the copies. */
static uint64_t twin_of(const struct layout *l, uint64_t start, uint64_t target)
{
	for (uint32_t i = 1; i < l->t->n_ins; i++)
		if (l->t->ins[i].address == target)
			return start + l->twins[i];
	return target;
}

static bool put_displaced(const struct layout *l, uint8_t *out, uint64_t start)
{
	const struct x86_ins *last = &l->t->ins[l->t->n_ins - 1];

	for (uint32_t i = 0; i < l->t->n_ins; i++) {
		struct x86_ins ins = l->t->ins[i];
		uint32_t at = l->twins[i];

		if (is_dropped(&ins))
			continue;
		ins.target = twin_of(l, start, ins.target);
		if (!x86_relocate(&ins, start + at, out + at))
			return false;
	}
	if (!l->returns)
		return true;
	return x86_encode_jump32(out + l->back, start + l->back, last->address + last->length);
}

/*
 * Relocated instructions are unwound as the originals are. Of a call, which becomes a push and a jump, only the
 * begin; the jump back stands for what it leads to.
 */
static void note_displaced(struct arena *a, struct trampoline *t, const struct layout *l,
			   uint64_t start)
{
	for (uint32_t i = 0; i <= t->n_ins; i++) {
		const struct x86_ins *ins = &t->ins[i < t->n_ins ? i : t->n_ins - 1];
		bool is_back = i == t->n_ins;
		/* bodies behind them are at where the jump leads to, too */
		uint32_t back = t->request->until ? l->bodies_at : l->back;
		uint32_t from = is_back ? back : l->twins[i];
		uint32_t end = is_back ? l->literals : i + 1 < t->n_ins ? l->twins[i + 1] : back;
		struct abi_unwind row = { .start = start + from,
					  .end = start + end,
					  .other = ins->address + (is_back ? ins->length : 0u),
					  .kind = ABI_UNWIND_DISPLACED };

		if (!is_back && (ins->class == X86_CALL || ins->class == X86_CALL_INDIRECT))
			row.end = base_min(row.end, row.start + 1);
		if (row.end > row.start)
			vec_push(a, &t->unwinds, row);
	}
}

bool patch_trampoline_make(struct arena *a, struct patch_space *s, struct trampoline *t)
{
	struct layout l;
	uint64_t start;
	uint8_t *bytes;
	bool far_calls = false;

	if (!lay_out(&l, t, far_calls))
		return false;
	if (!find_place(s, &l, &start)) {
		far_calls = true;
		if (!lay_out(&l, t, far_calls) || !find_place(s, &l, &start))
			return false;
	}
	/* room for one whole relocated instruction behind the last */
	bytes = arena_alloc(a, l.size + X86_RELOCATED_MAX);
	put_bodies(a, t, &l, bytes, start);
	if (!put_displaced(&l, bytes, start))
		return false;
	note_displaced(a, t, &l, start);
	patch_space_write(s, start, bytes, l.size);
	t->start = start;
	t->resume = t->request->until ? start : start + l.resume;
	t->called_from = l.call.back ? start + l.call_at + l.call.back : 0;
	t->depth = l.call.depth;
	t->end = start + l.size;
	t->back = l.returns ? start + l.back : 0;
	t->next = l.returns ? t->ins[t->n_ins - 1].address + t->ins[t->n_ins - 1].length : 0;
	for (uint32_t i = 0; i < t->n_ins; i++)
		t->twins[i] = start + l.twins[i];
	return true;
}
