/* SPDX-License-Identifier: Apache-2.0 */
/*
 * returns: the part of a trampoline that calls the displaced function.
 *
 * The function is called, not jumped to, so that its own ret comes back here:
 * return predictor and shadow stack stay paired, and the program's return
 * address stays where it was pushed.
 *
 *	entry	push out(%rip)				a word that makes 16 with the call's
 *		push $0; push $0 ...			a frame for each site that has @entry,
 *		saver's body				the first site's innermost
 *		call displaced
 *	back:	body; lea frame(%rsp),%rsp		sites in order
 *		lea 8(%rsp),%rsp
 *	out:	ret
 *
 * The word is the address of the last ret: a debugger that knows nothing of
 * this code takes it for a return address, and then finds the true one behind it.
 *
 * Functions that look for their arguments on the stack must find them where
 * they are.  Their frames, with the return address, are kept aside while they run:
 *
 *	entry	... as above; push $depth; call shadow_enter; lea 8(%rsp),%rsp
 *		lea depth(%rsp),%rsp; jne displaced	no room: not this time
 *		lea 8(%rsp),%rsp			on the return address
 *		call displaced				which takes its place
 *	back:	lea -8-depth(%rsp),%rsp
 *		push $depth; call shadow_leave; lea 8(%rsp),%rsp
 *		... as above
 *
 * A function that must keep its return address is not called. Its frames are kept aside at the
 * entry, and found at each of its return instructions:
 *
 *	entry	... as above; push $depth; call frame_keep; lea 8(%rsp),%rsp; lea depth(%rsp),%rsp
 *	ret	lea -depth(%rsp),%rsp; push $depth; call frame_find; lea 8(%rsp),%rsp
 *		body; lea frame(%rsp),%rsp; lea 8(%rsp),%rsp
 *
 * A function that may be tail-called from the end of another one that is
 * probed, or of itself, looks first how often that has happened without a return:
 * the program means such a chain to need no stack.
 *
 *		cmpl $high(page),4(%rsp); jne entry	not called from around here
 *		call chain_check; jne displaced
 */
#include "patch/returns.h"

#include <string.h>

#include "patch/body.h"

#define WORD 8u

struct writer {
	const struct returns_layout *l;
	uint8_t *out; /* NULL: only counts */
	uint64_t at;
	uint32_t n;
	uint8_t *literals;
	uint64_t literal; /* address of the next one; 0 where calls are near */
	uint32_t literal_bytes;
	/* for unwinders: where rsp is, below the end of the caller's frame */
	struct arena *arena;
	patch_unwinds *unwinds;
	int32_t cfa;
	uint32_t kind, since; /* of the piece that begins at offset `since` */
};

static bool is_call(const struct patch_request *r)
{
	return r->form == PATCH_RETURN_INSERTED || r->form == PATCH_RETURN_SHADOWED;
}

static void put(struct writer *w, const void *bytes, uint32_t size)
{
	if (w->out)
		memcpy(w->out + w->n, bytes, size);
	w->n += size;
}

static void put_with(struct writer *w, const void *opcode, uint32_t size, uint32_t number)
{
	put(w, opcode, size);
	put(w, &number, sizeof number);
}

/* The piece up to here is of one kind; another begins. */
static void end_piece(struct writer *w, int32_t cfa, uint32_t kind)
{
	struct abi_unwind row = { .start = w->at + w->since,
				  .end = w->at + w->n,
				  .cfa = w->cfa,
				  .kind = w->kind };

	if (w->out && row.end > row.start)
		vec_push(w->arena, w->unwinds, row);
	w->since = w->n;
	w->cfa = cfa;
	w->kind = kind;
}

static void moved(struct writer *w, int32_t by)
{
	end_piece(w, w->cfa - by, w->kind);
}

#define PUT(w, ...) put(w, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define PUT_WITH(w, number, ...)                                                                  \
	put_with(w, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), number)

/* lea by(%rsp),%rsp: keeps flags. */
static void move_stack(struct writer *w, int32_t by)
{
	if (by == (int8_t)by)
		PUT(w, 0x48, 0x8d, 0x64, 0x24, (uint8_t)by);
	else
		PUT_WITH(w, (uint32_t)by, 0x48, 0x8d, 0xa4, 0x24);
	moved(w, by);
}

/* The address for a call that is too far: where it will stand. */
static uint64_t take_literal(struct writer *w, uint64_t target)
{
	uint64_t at = w->literal + w->literal_bytes;

	if (w->out)
		memcpy(w->literals + w->literal_bytes, &target, sizeof target);
	w->literal_bytes += BODY_LITERAL;
	return at;
}

/* One store: the processor's stores bound how fast a pair of hits can be. */
static void push_literal(struct writer *w, uint64_t value)
{
	uint64_t literal = take_literal(w, value);

	PUT_WITH(w, (uint32_t)(literal - (w->at + w->n + 6)), 0xff, 0x35);
}

static void put_body(struct writer *w, const struct patch_body *b)
{
	uint64_t literal = 0;

	if (patch_body_is_full(b) && w->l->far_calls)
		literal = take_literal(w, b->handler);
	end_piece(w, w->cfa, ABI_UNWIND_BODY);
	if (w->out)
		patch_body_put(w->out + w->n, w->at + w->n, b, literal);
	w->n += patch_body_size(b, w->l->far_calls);
	end_piece(w, w->cfa, ABI_UNWIND_STACK);
}

/* A function of the runtime, wherever it is. */
static void call_runtime(struct writer *w, uint64_t target)
{
	uint64_t literal = take_literal(w, target);

	if (w->out)
		patch_call_put(w->out + w->n, w->at + w->n, target, literal);
	w->n += 6;
}

static void call_shadow(struct writer *w, uint64_t target)
{
	PUT_WITH(w, w->l->depth, 0x68);
	moved(w, -(int32_t)WORD);
	call_runtime(w, target);
	move_stack(w, WORD);
}

/* To the displaced code: e8, e9, or a condition's 0f 8x. */
static uint32_t distance(const struct writer *w, uint64_t to, uint32_t opcode_size)
{
	return (uint32_t)(to - (w->at + w->n + opcode_size + 4));
}

static void put_chain_check(struct writer *w, uint64_t resume)
{
	const struct patch_request *r = w->l->request;

	if (!r->chain_check)
		return;
	PUT_WITH(w, (uint32_t)(w->at >> 32), 0x81, 0x7c, 0x24, 0x04);
	PUT(w, 0x75, 12); /* jne: over the next two */
	call_runtime(w, r->chain_check);
	PUT_WITH(w, distance(w, resume, 2), 0x0f, 0x85);
}

static void put_entry(struct writer *w, uint64_t resume)
{
	const struct patch_request *r = w->l->request;
	uint64_t out = w->at + w->l->out;

	put_chain_check(w, resume);
	if (is_call(r))
		push_literal(w, out);
	else
		PUT(w, 0x6a, 0);
	moved(w, -(int32_t)WORD);
	for (uint32_t i = r->n_returns; i-- > 0;) {
		for (uint32_t at = 0; at < r->returns[i].frame; at += WORD)
			PUT(w, 0x6a, 0);
		moved(w, -(int32_t)r->returns[i].frame);
		put_body(w, &r->returns[i].saver);
	}
	if (r->form == PATCH_RETURN_KEEP) {
		call_shadow(w, r->shadow_enter);
		move_stack(w, (int32_t)w->l->depth);
		return;
	}
	if (r->form == PATCH_RETURN_SHADOWED) {
		call_shadow(w, r->shadow_enter);
		move_stack(w, (int32_t)w->l->depth);
		PUT_WITH(w, distance(w, resume, 2), 0x0f, 0x85);
		move_stack(w, WORD);
		end_piece(w, w->cfa, ABI_UNWIND_SHADOW_CALL);
	} else {
		end_piece(w, w->cfa, ABI_UNWIND_CALL);
	}
	PUT_WITH(w, distance(w, resume, 1), 0xe8);
}

static void put_exit(struct writer *w)
{
	const struct patch_request *r = w->l->request;
	uint32_t drop = 0;

	end_piece(w, w->cfa, r->form == PATCH_RETURN_SHADOWED ? ABI_UNWIND_SHADOW : ABI_UNWIND_STACK);
	if (r->form != PATCH_RETURN_INSERTED) {
		bool popped = r->form == PATCH_RETURN_SHADOWED;

		move_stack(w, -(int32_t)((popped ? WORD : 0) + w->l->depth));
		call_shadow(w, r->shadow_leave);
		end_piece(w, w->cfa, ABI_UNWIND_STACK);
	}
	for (uint32_t i = 0; i < r->n_returns; i++) {
		put_body(w, &r->returns[i].body);
		drop = r->returns[i].frame;
		if (drop && i + 1 < r->n_returns)
			move_stack(w, (int32_t)drop);
	}
	move_stack(w, (int32_t)(WORD + drop));
}

static uint32_t depth_of(const struct patch_request *r)
{
	uint32_t depth = WORD;

	for (uint32_t i = 0; i < r->n_returns; i++)
		depth += r->returns[i].frame;
	return depth;
}

void patch_returns_lay_out(struct returns_layout *l, const struct patch_request *r, bool far_calls)
{
	struct writer w = { .l = l, .cfa = WORD };

	*l = (struct returns_layout){ .request = r, .far_calls = far_calls, .depth = depth_of(r) };
	if (!r->n_returns)
		return;
	if (r->form != PATCH_RETURN_FIND)
		put_entry(&w, 0);
	l->back = is_call(r) ? w.n : 0;
	if (r->form != PATCH_RETURN_KEEP)
		put_exit(&w);
	l->out = w.n;
	l->size = w.n + is_call(r);
	l->literal_bytes = w.literal_bytes;
}

uint32_t patch_returns_put(const struct returns_layout *l, uint8_t *out, uint64_t at,
			   uint64_t resume, uint8_t *literals, uint64_t literal,
			   struct arena *a, patch_unwinds *unwinds)
{
	struct writer w = { .l = l,
			    .out = out,
			    .at = at,
			    .literals = literals,
			    .literal = literal,
			    .arena = a,
			    .unwinds = unwinds,
			    .cfa = WORD };

	if (!l->size)
		return 0;
	if (l->request->form != PATCH_RETURN_FIND)
		put_entry(&w, resume);
	if (l->request->form != PATCH_RETURN_KEEP)
		put_exit(&w);
	if (is_call(l->request))
		PUT(&w, 0xc3);
	end_piece(&w, 0, 0);
	return w.literal_bytes;
}
