/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe: how to unwind from a function that nothing describes, from its code.
 *
 * Assembler without call frame information, musl, start-up code: the code is walked along direct branches from the
 * first instruction on, and at each instruction it is known how deep the stack is, whether rbp is a frame pointer, and
 * where the registers lie that the caller wants kept:
 *
 *	depth 0   [return address]	rsp at the entry; the CFA is 8 above
 *	      8   [saved rbp]		after push %rbp
 *
 * What two ways reach with different depths, and what none reaches, is not described.
 */
#include <string.h>

#include "abi/abi.h"
#include "patch/patch.h"
#include "x86/x86.h"

#define LOST INT32_MIN
#define WORD 8
#define INS_MOST 20000u
#define DEPTH_MOST (1 << 18)

static const uint8_t kept[ABI_SAVED] = { ABI_RBX, ABI_RBP, ABI_R12, ABI_R13, ABI_R14, ABI_R15 };

struct state {
	int32_t rsp, rbp; /* depth of what they point to; LOST */
	int32_t saved[ABI_SAVED]; /* depth where the caller's value lies; 0: it is in the register */
	uint32_t changed; /* bit i: the register kept[i] has another value by now */
};

struct job {
	uint64_t at;
	struct state state;
};

struct walk {
	struct arena *arena;
	uint64_t start, end;
	const uint8_t *code;
	struct state *states; /* per byte */
	uint8_t *seen; /* per byte: 0 not, 1 state holds, 2 different ways disagree */
	VEC(struct job) jobs;
	struct state inside; /* at the last indirect jump: holds for what only tables lead to */
	bool has_inside;
	uint32_t n_ins;
};

static int kept_number(int reg)
{
	for (uint32_t i = 0; i < ABI_SAVED; i++)
		if (kept[i] == reg)
			return (int)i;
	return -1;
}

/* The register of push %reg and pop %reg; -1: another operand. */
static int stacked_register(const struct x86_ins *ins, uint8_t opcode)
{
	bool extended = ins->bytes[0] == 0x41;
	uint8_t b = ins->bytes[extended];

	return ins->length == 1u + extended && (b & 0xf8) == opcode ? (b & 7) + (extended ? 8 : 0) : -1;
}

static void change(struct state *s, uint32_t registers)
{
	for (uint32_t i = 0; i < ABI_SAVED; i++)
		if (registers >> kept[i] & 1)
			s->changed |= 1u << i;
	if (registers >> ABI_RBP & 1)
		s->rbp = LOST;
}

static void push(const struct x86_ins *ins, int32_t by, struct state *s)
{
	int i = kept_number(stacked_register(ins, 0x50));

	s->rsp += by;
	if (i >= 0 && !(s->changed >> i & 1) && !s->saved[i])
		s->saved[i] = s->rsp;
}

static void restore(struct state *s, int reg, int32_t from)
{
	int i = kept_number(reg);

	if (i < 0 || s->saved[i] != from)
		return;
	s->saved[i] = 0;
	s->changed &= ~(1u << i);
}

static void sum(const struct x86_stack *e, struct state *s)
{
	int32_t from = e->from == ABI_RSP ? s->rsp : e->from == ABI_RBP ? s->rbp : LOST;
	int64_t depth = from == LOST ? LOST : from - e->by;

	if (depth < 0 || depth > DEPTH_MOST)
		depth = LOST;
	change(s, e->written);
	if (e->to == ABI_RSP)
		s->rsp = (int32_t)depth;
	if (e->to == ABI_RBP)
		s->rbp = (int32_t)depth;
}

static void apply(const struct x86_ins *ins, const struct x86_stack *e, struct state *s)
{
	int32_t before = s->rsp;

	switch (e->effect) {
	case X86_STACK_SUM:
		sum(e, s);
		break;
	case X86_STACK_PUSH:
		if (before != LOST)
			push(ins, (int32_t)e->by, s);
		break;
	case X86_STACK_POP:
		change(s, e->written);
		if (before == LOST)
			break;
		restore(s, stacked_register(ins, 0x58), before);
		s->rsp = before - (int32_t)e->by;
		break;
	case X86_STACK_LEAVE:
		before = s->rbp;
		change(s, 1u << ABI_RBP);
		s->rsp = before == LOST ? LOST : before - WORD;
		restore(s, ABI_RBP, before);
		break;
	case X86_STACK_LOST:
		s->rsp = LOST;
		break;
	case X86_STACK_CALL:
		break;
	case X86_STACK_NONE:
		change(s, e->written);
		if (e->written >> ABI_RSP & 1)
			s->rsp = LOST;
		break;
	}
	if (s->rsp < 0)
		s->rsp = LOST;
}

static void go_on(struct walk *w, uint64_t at, const struct state *s)
{
	if (at >= w->start && at < w->end)
		vec_push(w->arena, &w->jobs, (struct job){ at, *s });
}

/* True: goes on behind the instruction. */
static bool step(struct walk *w, const struct x86_ins *ins, struct state *s)
{
	struct x86_stack e;

	if (!x86_stack_decode(ins, &e))
		return false;
	if (ins->class == X86_JUMP || ins->class == X86_JCC)
		go_on(w, ins->target, s);
	if (ins->class == X86_JUMP_INDIRECT && s->rsp != 0) {
		w->inside = *s;
		w->has_inside = true;
	}
	apply(ins, &e, s);
	return !ins->ends_flow && ins->class != X86_JUMP_INDIRECT && ins->class != X86_RET;
}

static bool agrees(const struct state *a, const struct state *b)
{
	return a->rsp == b->rsp && a->rbp == b->rbp && memcmp(a->saved, b->saved, sizeof a->saved) == 0;
}

static void run(struct walk *w, struct job *job)
{
	for (;;) {
		uint64_t at = job->at - w->start;
		struct x86_ins ins;

		if (job->at >= w->end || ++w->n_ins > INS_MOST)
			return;
		if (w->seen[at]) {
			if (!agrees(&w->states[at], &job->state))
				w->seen[at] = 2;
			return;
		}
		if (!x86_decode(w->code + at, w->end - job->at, job->at, &ins))
			return;
		w->seen[at] = 1;
		w->states[at] = job->state;
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

/* ---- rules -------------------------------------------------------------------------------------- */

static struct abi_unwind_rule rule_of(const struct state *s)
{
	struct abi_unwind_rule r = { .kind = ABI_RULE_REGISTER, .reg = ABI_RSP, .base = -1, .address_in = -1, .address = -1 };

	if (s->rbp != LOST && s->rsp != s->rbp) {
		r.reg = ABI_RBP;
		r.offset = s->rbp + WORD;
	} else if (s->rsp != LOST) {
		r.offset = s->rsp + WORD;
	} else {
		return (struct abi_unwind_rule){ .kind = ABI_RULE_NONE };
	}
	for (uint32_t i = 0; i < ABI_SAVED; i++) {
		if (!s->saved[i])
			continue;
		r.saved_mask |= (uint8_t)(1u << i);
		r.saved[i] = (int16_t)(-(s->saved[i] + WORD) / WORD);
	}
	return r;
}

static void add_rule(struct arena *a, struct patch_rules *out, uint64_t at, const struct abi_unwind_rule *rule)
{
	if (!out->list.n || memcmp(&out->list.p[out->list.n - 1].rule, rule, sizeof *rule) != 0)
		vec_push(a, &out->list, (struct patch_rule){ at, *rule });
}

static void collect(struct walk *w, struct arena *a, struct patch_rules *out)
{
	static const struct abi_unwind_rule none = { .kind = ABI_RULE_NONE };
	uint64_t at = w->start;

	while (at < w->end) {
		const uint8_t *seen = &w->seen[at - w->start];
		struct abi_unwind_rule rule = *seen == 1 ? rule_of(&w->states[at - w->start]) : none;
		struct x86_ins ins;

		add_rule(a, out, at, &rule);
		if (*seen && x86_decode(w->code + (at - w->start), w->end - at, at, &ins))
			at += ins.length;
		else
			at++;
	}
}

/* What only tables of jumps lead to has the stack of the jump. */
static void walk_inside(struct walk *w)
{
	for (uint64_t at = w->start; at < w->end && w->has_inside && w->n_ins < INS_MOST; at++) {
		struct x86_ins ins;

		if (w->seen[at - w->start]) {
			if (x86_decode(w->code + (at - w->start), w->end - at, at, &ins))
				at += ins.length - 1u;
			continue;
		}
		go_on(w, at, &w->inside);
		run_jobs(w);
	}
}

/* mov $15,%eax or %rax; syscall: what a signal's handler returns to, whoever wrote it. */
static bool is_restorer(const uint8_t *code, uint64_t size)
{
	static const uint8_t wide[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 }, narrow[] = { 0xb8, 15, 0, 0, 0, 0x0f, 0x05 };

	return (size >= sizeof wide && memcmp(code, wide, sizeof wide) == 0) ||
	       (size >= sizeof narrow && memcmp(code, narrow, sizeof narrow) == 0);
}

void patch_describe(struct arena *a, uint64_t start, uint64_t end, const uint8_t *code, struct patch_rules *out)
{
	static const struct abi_unwind_rule signal = { .kind = ABI_RULE_SIGNAL };
	struct arena *scratch = arena_create();
	struct walk w = { .arena = scratch, .start = start, .end = end, .code = code };

	if (is_restorer(code, end - start)) {
		add_rule(a, out, start, &signal);
		arena_destroy(scratch);
		return;
	}
	w.states = arena_array(scratch, struct state, end - start);
	w.seen = arena_alloc(scratch, end - start);
	go_on(&w, start, &(struct state){ .rbp = LOST });
	run_jobs(&w);
	walk_inside(&w);
	collect(&w, a, out);
	arena_destroy(scratch);
}
