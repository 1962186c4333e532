/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: what a function does with its stack, as far as its code shows.
 *
 * A function that is called through an inserted frame must not look above its
 * own: at arguments on the stack, or at its return address.  Its code is walked
 * along all direct branches from the first instruction on; at each instruction
 * it is known how far each register that points into the stack lies below the
 * place of the return address:
 *
 *	depth 0   [return address]	rsp at the entry
 *	      8   [saved rbp]		after push %rbp
 *	     40   [locals]		after sub $32,%rsp
 *
 * A memory operand based on such a register is the function's own while it ends
 * below depth 0.  What is not certain counts as not its own.
 *
 * Code that no direct branch reaches (targets of jump tables, landing pads) is
 * walked with the least depth that rsp has at any call or indirect jump: too
 * small a depth can make an own operand look like the caller's, not the reverse.
 */
#include <string.h>

#include "abi/abi.h"
#include "patch/patch.h"

#define LOST INT32_MIN
#define INS_MOST 20000u /* instructions of one function that are looked at */
#define OUTSIDE_MOST 32u /* split-off parts and tail-called functions followed */
#define PART_SIZE 4096u
#define WORD 8
#define DEPTH_MOST (1 << 24)
#define CALLER_SAVED                                                                              \
	(1u << ABI_RAX | 1u << ABI_RCX | 1u << ABI_RDX | 1u << ABI_RSI | 1u << ABI_RDI |          \
	 1u << ABI_R8 | 1u << ABI_R9 | 1u << ABI_R10 | 1u << ABI_R11)

struct state {
	int32_t depth[16]; /* LOST: no known pointer into the stack */
};

/* Contiguous code that is looked at: the function, or a split-off part of it. */
struct part {
	uint64_t start, end;
	const uint8_t *code;
	int32_t *seen; /* per byte: depth of rsp when walked, +1; 0 not seen */
	bool is_function;
};

struct job {
	uint64_t at;
	struct state state;
};

struct walk {
	struct arena *arena;
	const struct patch_frame_request *request;
	struct patch_frame *out;
	VEC(struct part) parts;
	VEC(struct job) jobs;
	uint32_t n_ins;
	enum { LAST_OTHER, LAST_ADD } last; /* instruction walked */
	int32_t least; /* depth at calls and indirect jumps, LOST: none yet */
};

static struct part *part_of(struct walk *w, uint64_t at)
{
	vec_each(p, &w->parts)
		if (at >= p->start && at < p->end)
			return p;
	return NULL;
}

static void add_part(struct walk *w, uint64_t start, uint64_t end, const uint8_t *code,
		     bool is_function)
{
	struct part p = { .start = start, .end = end, .code = code, .is_function = is_function };

	p.seen = arena_array(w->arena, int32_t, end - start + 1);
	vec_push(w->arena, &w->parts, p);
}

static void not_own(struct walk *w, const char *why)
{
	if (!w->out->why)
		w->out->why = why;
}

static void go_on(struct walk *w, uint64_t at, const struct state *s)
{
	vec_push(w->arena, &w->jobs, (struct job){ at, *s });
}

/* ---- leaving the function ------------------------------------------------------------- */

/*
 * A jump out, to a part that was split off or, with the stack as it was at the entry, to
 * another function.  That one finds the arguments on the stack that this one was given and
 * did not look at: it is walked as if it were a part as well.
 */
static void jump_out(struct walk *w, uint64_t target, const struct state *s)
{
	uint8_t *code;
	uint32_t n;

	if (s->depth[ABI_RSP] == 0)
		w->out->tail_jumps = true;
	if (w->parts.n > OUTSIDE_MOST || !w->request->read) {
		not_own(w, "too many parts");
		return;
	}
	code = arena_alloc(w->arena, PART_SIZE);
	n = w->request->read(w->request->user, target, code, PART_SIZE);
	if (!n) {
		not_own(w, "a part that cannot be read");
		return;
	}
	add_part(w, target, target + n, code, false);
	go_on(w, target, s);
}

static void branch(struct walk *w, uint64_t target, const struct state *s)
{
	if (target == w->request->start)
		w->out->tail_jumps = true;
	if (part_of(w, target))
		go_on(w, target, s);
	else
		jump_out(w, target, s);
}

static void note_depth(struct walk *w, const struct state *s)
{
	int32_t depth = s->depth[ABI_RSP];

	if (w->least == LOST || depth < w->least)
		w->least = depth;
}

/* ---- one instruction -------------------------------------------------------------------- */

static void check_operand(struct walk *w, const struct x86_stack *e, const struct state *s)
{
	int64_t end;

	if (e->index == ABI_RSP || (e->index >= 0 && s->depth[e->index] != LOST && e->index != ABI_RBP))
		not_own(w, "an index that points into the stack");
	if (e->base < 0 || s->depth[e->base] == LOST)
		return;
	end = e->displacement - s->depth[e->base] + (e->computes_address ? 1 : (int64_t)e->size);
	if (end <= 0)
		return;
	not_own(w, e->computes_address ? "the address of its arguments is taken" :
					 "arguments on the stack");
	w->out->reads_return |= end <= WORD && !e->computes_address;
}

static void forget(struct state *s, uint32_t registers)
{
	for (uint32_t r = 0; r < 16; r++)
		if (registers & 1u << r)
			s->depth[r] = LOST;
}

static void apply(struct walk *w, const struct x86_stack *e, struct state *s)
{
	int32_t before = s->depth[ABI_RSP];

	switch (e->effect) {
	case X86_STACK_SUM: {
		int32_t from = s->depth[e->from];
		int64_t depth = from == LOST ? LOST : from - e->by;

		forget(s, e->written);
		/* A pointer to a local: what is done with it stays within the local. */
		if (e->to != ABI_RSP && e->to != ABI_RBP && e->by)
			depth = LOST;
		if (e->to == ABI_RBP && e->from == ABI_RSP)
			w->out->frame_depth = (int32_t)depth;
		s->depth[e->to] = depth < -8 || depth > DEPTH_MOST ? LOST : (int32_t)depth;
		break;
	}
	case X86_STACK_PUSH:
		s->depth[ABI_RSP] = before + (int32_t)e->by;
		break;
	case X86_STACK_POP:
		forget(s, e->written);
		s->depth[ABI_RSP] = before - (int32_t)e->by;
		break;
	case X86_STACK_LEAVE:
		s->depth[ABI_RSP] = s->depth[ABI_RBP] == LOST ? LOST : s->depth[ABI_RBP] - 8;
		s->depth[ABI_RBP] = LOST;
		break;
	case X86_STACK_CALL:
		forget(s, CALLER_SAVED);
		break;
	case X86_STACK_LOST:
		s->depth[ABI_RSP] = LOST;
		break;
	case X86_STACK_NONE:
		forget(s, e->written);
		break;
	}
	if (s->depth[ABI_RSP] == LOST)
		not_own(w, "the stack pointer is lost");
	if (s->depth[ABI_RSP] < 0 && s->depth[ABI_RSP] != LOST) {
		not_own(w, "its return address is popped");
		w->out->reads_return = true;
	}
}

/*
 * and $-n,%rsp; sub %reg,%rsp: rsp is further down than known afterwards, which is no harm.
 */
static bool lowers_stack(const struct x86_ins *ins)
{
	const uint8_t *b = ins->bytes;

	if ((b[0] & 0xf8) != 0x48)
		return false;
	return ((b[1] == 0x83 || b[1] == 0x81) && b[2] == 0xe4) ||
	       (b[1] == 0x29 && (b[2] & 0xc7) == 0xc4);
}

/*
 * A switch, not a tail call: compilers mark them by a notrack prefix, index a table of
 * addresses by eights, or add a distance from a table to its address right before.
 */
static bool is_table_jump(const struct walk *w, const struct x86_ins *ins, const struct x86_stack *e)
{
	if (ins->bytes[0] == 0x3e)
		return true;
	if (e->base == X86_NO_REGISTER && e->index == X86_NO_REGISTER) /* a register */
		return w->last == LAST_ADD;
	return e->base == X86_NO_REGISTER && e->index >= 0;
}

/* True: goes on behind the instruction. */
static bool step(struct walk *w, const struct x86_ins *ins, struct state *s)
{
	struct x86_stack e;

	if (!x86_stack_decode(ins, &e)) {
		not_own(w, "an unknown instruction");
		return false;
	}
	if (ins->class != X86_NOP)
		check_operand(w, &e, s);
	switch ((unsigned)ins->class) {
	case X86_JUMP:
		branch(w, ins->target, s);
		return false;
	case X86_JCC:
		branch(w, ins->target, s);
		break;
	case X86_JUMP_INDIRECT:
		note_depth(w, s);
		if (s->depth[ABI_RSP] == 0 && !is_table_jump(w, ins, &e)) {
			w->out->tail_jumps = true;
			not_own(w, "it ends in a function that is not known");
		}
		return false;
	case X86_RET:
		vec_push(w->arena, &w->out->rets, ins->address);
		if (s->depth[ABI_RSP] != 0)
			not_own(w, "a return from another depth");
		return false;
	case X86_CALL:
	case X86_CALL_INDIRECT:
		note_depth(w, s);
		break;
	case X86_XBEGIN:
		not_own(w, "a transaction");
		break;
	}
	w->last = (ins->bytes[0] & 0xf0) == 0x40 && (ins->bytes[1] == 0x01 || ins->bytes[1] == 0x03) ?
			  LAST_ADD : LAST_OTHER;
	if (lowers_stack(ins))
		return true;
	apply(w, &e, s);
	return !ins->ends_flow;
}

static void run(struct walk *w, struct job *job)
{
	bool after_call = false;

	for (;;) {
		struct part *p = part_of(w, job->at);
		struct x86_ins ins;
		int32_t *seen, depth = job->state.depth[ABI_RSP];

		if (!p && after_call)
			return; /* a function that does not come back was called */
		if (!p) {
			not_own(w, "its end is not known");
			return;
		}
		seen = &p->seen[job->at - p->start];
		/* Behind a call that does not come back the depth is of no meaning: the least one counts. */
		if (*seen && depth != LOST && *seen <= depth + 1) {
			if (*seen < 0)
				not_own(w, "a branch into an instruction");
			return;
		}
		if (depth == LOST || ++w->n_ins > INS_MOST ||
		    !x86_decode(p->code + (job->at - p->start), p->end - job->at, job->at, &ins)) {
			not_own(w, "code that is not understood");
			return;
		}
		*seen = depth + 1;
		for (uint32_t i = 1; i < ins.length && job->at + i < p->end; i++)
			seen[i] = seen[i] ? seen[i] : -1;
		after_call = ins.class == X86_CALL || ins.class == X86_CALL_INDIRECT;
		if (!step(w, &ins, &job->state))
			return;
		job->at += ins.length;
	}
}

static void run_jobs(struct walk *w)
{
	while (w->jobs.n) {
		struct job job = w->jobs.p[--w->jobs.n];

		run(w, &job);
	}
}

/* ---- code that nothing was seen to reach ---------------------------------------------------- */

static bool is_filler(const struct x86_ins *ins)
{
	return ins->class == X86_NOP || ins->bytes[0] == 0xcc || ins->class == X86_TRAP;
}

/* The first instruction in the function that was not walked; false: all were. */
static bool find_gap(const struct walk *w, uint64_t from, uint64_t *at)
{
	const struct part *p = &w->parts.p[0];

	for (uint64_t i = from; i < p->end; i++) {
		struct x86_ins ins;

		if (p->seen[i - p->start])
			continue;
		if (x86_decode(p->code + (i - p->start), p->end - i, i, &ins) && is_filler(&ins)) {
			i += ins.length - 1u;
			continue;
		}
		*at = i;
		return true;
	}
	return false;
}

static void walk_gaps(struct walk *w)
{
	uint64_t at, from = w->request->start;
	struct state s;

	while (w->n_ins < INS_MOST && find_gap(w, from, &at)) {
		if (w->least == LOST) {
			not_own(w, "code that is not reached");
			w->least = 0;
		}
		for (uint32_t r = 0; r < 16; r++)
			s.depth[r] = LOST;
		s.depth[ABI_RSP] = w->least;
		s.depth[ABI_RBP] = w->out->frame_depth;
		go_on(w, at, &s);
		run_jobs(w);
		from = at + 1;
	}
}

void patch_frame_look(struct arena *a, const struct patch_frame_request *r, struct patch_frame *out)
{
	struct walk w = { .arena = a, .request = r, .out = out, .least = LOST };
	struct state s;

	*out = (struct patch_frame){ .frame_depth = LOST };
	for (uint32_t i = 0; i < 16; i++)
		s.depth[i] = LOST;
	s.depth[ABI_RSP] = 0;
	add_part(&w, r->start, r->end, r->code, true);
	go_on(&w, r->start, &s);
	run_jobs(&w);
	walk_gaps(&w);
}
