/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are in a wait with a signal mask of its own (runtime/arch/x86_64/waits.c) when a session comes
 * or goes.
 *
 * The kernel starts the call again when the thread is let go, with the registers that it has then, or ends it when
 * a signal is there. So the tool does what the hook before the call would have done: the register points to
 * the copy of the mask. Going, it is the program's own again, also in frames of handlers that interrupt such a call.
 */
#include <string.h>
#include <sys/syscall.h>

#include "ctl/hooks.h"

#define MASK_SIZE 8u
#define WORD 8

/* Calls that wait: which register points to the mask, which holds its size. */
enum place { RDI, RSI, R8, R9, R10, NOWHERE };
static const struct {
	long number;
	enum place mask, size;
} calls[] = {
	{ SYS_rt_sigsuspend, RDI, RSI }, { SYS_ppoll, R10, R8 },       { SYS_pselect6, R9, NOWHERE },
	{ SYS_epoll_pwait, R8, R9 },     { SYS_epoll_pwait2, R8, R9 },
};
/* Registers that may point to a mask, and where a signal frame keeps them, from its program counter. */
static const struct {
	enum place reg;
	int64_t at;
} masks[] = { { RDI, -8 * WORD }, { R8, -16 * WORD }, { R9, -15 * WORD }, { R10, -14 * WORD } };

static unsigned long long *place_of(struct proc_registers *r, enum place at)
{
	switch (at) {
	case NOWHERE:
		return NULL;
	case RDI:
		return &r->user.rdi;
	case RSI:
		return &r->user.rsi;
	case R8:
		return &r->user.r8;
	case R9:
		return &r->user.r9;
	case R10:
		return &r->user.r10;
	}
	base_unreachable();
}

/* ---- coming ---------------------------------------------------------------------------- */

static bool read_word(const struct ctl_process *p, uint64_t address, uint64_t *out)
{
	return address && proc_read(p->proc, address, out, sizeof *out) == sizeof *out;
}

static bool read_mask(const struct ctl_process *p, struct proc_registers *r, size_t row, uint64_t *mask)
{
	uint64_t at = *place_of(r, calls[row].mask), size;

	if (calls[row].size != NOWHERE)
		size = *place_of(r, calls[row].size);
	else if (!read_word(p, at + WORD, &size) || !read_word(p, at, &at))
		return false;
	return size == MASK_SIZE && read_word(p, at, mask);
}

/* Our hook stands behind the call. */
static bool is_watched(const struct ctl_process *p, const struct proc_registers *r)
{
	return proc_registers_in_call(r) && ctl_hooks_at(p, r->user.rip) != NULL;
}

bool ctl_waits_mask(struct ctl_process *p, struct proc_registers *r, uint64_t *mask)
{
	for (size_t i = 0; i < base_count(calls); i++)
		if ((long)r->user.orig_rax == calls[i].number)
			return is_watched(p, r) && read_mask(p, r, i, mask);
	return false;
}

static uint64_t wait_address(const struct ctl_process *p, const struct abi_slot *s, uint32_t i)
{
	const struct abi_region *r = p->session->region;

	return p->place.region + r->slots_offset + (uint64_t)s->number * r->slot_size +
	       offsetof(struct abi_slot, waits) + i * sizeof(struct abi_wait);
}

void ctl_waits_take(struct ctl_process *p, struct abi_slot *s, struct proc_registers *r, uint64_t mask,
		    uint64_t outer)
{
	uint64_t at = wait_address(p, s, 0) + offsetof(struct abi_wait, mask);
	struct abi_wait *w = &s->waits[0];

	for (size_t i = 0; i < base_count(calls); i++) {
		unsigned long long *reg = place_of(r, calls[i].mask);

		if ((long)r->user.orig_rax != calls[i].number)
			continue;
		*w = (struct abi_wait){ *reg, outer | ABI_WAIT_ACTIVE, mask, { at, MASK_SIZE } };
		if (outer)
			w->outer |= ABI_WAIT_BLOCKED;
		*reg = calls[i].size == NOWHERE ? at + WORD : at;
		return;
	}
}

/* ---- going ----------------------------------------------------------------------------- */

static struct abi_wait *pointed(const struct ctl_process *p, struct abi_slot *s, uint64_t value)
{
	for (uint32_t i = 0; i < ABI_WAITS; i++) {
		uint64_t at = wait_address(p, s, i);

		if (s->waits[i].outer && (value == at + offsetof(struct abi_wait, mask) ||
					  value == at + offsetof(struct abi_wait, pair)))
			return &s->waits[i];
	}
	return NULL;
}

bool ctl_waits_give_back(const struct ctl_process *p, struct abi_slot *s, struct proc_registers *r,
			 uint64_t *virtual_mask)
{
	for (size_t i = 0; i < base_count(masks); i++) {
		unsigned long long *reg = place_of(r, masks[i].reg);
		struct abi_wait *w = pointed(p, s, *reg);

		if (!w)
			continue;
		*reg = w->from;
		*virtual_mask = w->outer & (ABI_WAIT_ACTIVE - 1);
		return true;
	}
	return false;
}

void ctl_waits_give_frame(const struct ctl_process *p, struct abi_slot *s, const struct ctl_frame *f,
			  uint64_t *virtual_mask)
{
	for (size_t i = 0; i < base_count(masks); i++) {
		uint64_t at = f->pc_at + (uint64_t)masks[i].at, value;
		struct abi_wait *w;
		struct error *ignored;

		w = read_word(p, at, &value) ? pointed(p, s, value) : NULL;
		if (!w)
			continue;
		ignored = proc_write(p->proc, at, &w->from, sizeof w->from);
		(void)ignored;
		*virtual_mask = w->outer & (ABI_WAIT_ACTIVE - 1);
		return;
	}
}
