/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: the system calls in a function, and what leads to them.
 *
 *	b8 0e 00 00 00   mov $14,%eax	   the number: known, if nobody comes in between
 *	bf 02 00 00 00   mov $2,%edi	 \ before[]: control comes here from above only, so that a
 *	31 d2            xor %edx,%edx	 / patch of these is on every way to the call
 *	0f 05            syscall
 *	48 3d 01 f0 ..   cmp $-4095,%rax   where it returns to, if nobody else comes here
 */
#include <string.h>

#include "patch/flow.h"
#include "patch/patch.h"

#define MOVE 0xb8

struct walk {
	const struct patch_request *r;
	struct patch_flow *flow;
	struct arena *arena;
	struct patch_calls *out;
	int32_t number; /* in eax; -1 not known */
	uint64_t before[PATCH_CALL_BEFORE]; /* a ring */
	uint32_t n_before;
	struct x86_ins last;
};

static const uint8_t *bytes_at(const struct walk *w, uint64_t address, uint64_t *n)
{
	*n = w->r->function_end - address;
	return w->r->code + (address - w->r->code_address);
}

static bool is_syscall(const struct x86_ins *ins)
{
	return ins->class == X86_SYSCALL && ins->bytes[ins->length - 1] == 0x05;
}

/* The constant that an instruction moves to eax: mov $n,%eax; mov $n,%rax; xor %eax,%eax. */
static bool moves_constant(const struct x86_ins *ins, int32_t *n)
{
	const uint8_t *b = ins->bytes;
	uint32_t skip = b[0] == 0x48;

	if (ins->length == 5 && b[0] == MOVE) {
		memcpy(n, b + 1, sizeof *n);
		return true;
	}
	if (ins->length == 6 + skip && b[skip] == 0xc7 && b[skip + 1] == 0xc0) {
		memcpy(n, b + skip + 2, sizeof *n);
		return true;
	}
	*n = 0;
	return ins->length == 2 + skip && (b[skip] == 0x31 || b[skip] == 0x33) && b[skip + 1] == 0xc0;
}

static void follow_number(struct walk *w, const struct x86_ins *ins)
{
	struct x86_stack s;
	int32_t n;

	if (moves_constant(ins, &n))
		w->number = n >= 0 ? n : -1;
	else if (ins->class == X86_CALL || ins->class == X86_CALL_INDIRECT || !x86_stack_decode(ins, &s) ||
		 s.written & 1u << ABI_RAX)
		w->number = -1;
}

static void forget(struct walk *w)
{
	w->number = -1;
	w->n_before = 0;
}

static void found(struct walk *w, const struct x86_ins *ins)
{
	struct patch_call c = { .address = ins->address, .number = w->number };

	c.n_before = base_min(w->n_before, (uint32_t)PATCH_CALL_BEFORE);
	for (uint32_t i = 0; i < c.n_before; i++)
		c.before[i] = w->before[(w->n_before - 1 - i) % PATCH_CALL_BEFORE];
	if (c.n_before && w->last.length == sizeof c.move && w->last.bytes[0] == MOVE)
		memcpy(c.move, w->last.bytes, sizeof c.move);
	c.is_entered = patch_flow_is_target(w->flow, ins->address);
	c.is_passed = patch_flow_is_target(w->flow, ins->address + ins->length);
	vec_push(w->arena, &w->out->list, c);
}

/* Whether it only does its work and goes on to the next. */
static bool is_plain(const struct x86_ins *ins)
{
	return ins->class == X86_OTHER || ins->class == X86_NOP;
}

static void step(struct walk *w, const struct x86_ins *ins)
{
	if (patch_flow_is_target(w->flow, ins->address))
		forget(w);
	if (is_syscall(ins))
		found(w, ins);
	follow_number(w, ins);
	if (ins->ends_flow)
		forget(w);
	if (is_plain(ins))
		w->before[w->n_before++ % PATCH_CALL_BEFORE] = ins->address;
	else
		w->n_before = 0;
	w->last = *ins;
}

bool patch_calls_find(struct arena *a, const struct patch_request *function, struct patch_calls *out)
{
	struct walk w = { .r = function, .arena = a, .out = out, .number = -1 };
	struct x86_ins ins;

	w.flow = patch_flow_create(a);
	if (!patch_flow_decode(w.flow, function))
		return false;
	for (uint64_t at = function->function_start; at < function->function_end; at += ins.length) {
		uint64_t n;
		const uint8_t *p = bytes_at(&w, at, &n);

		if (!x86_decode(p, n, at, &ins))
			return false;
		step(&w, &ins);
	}
	return true;
}
