/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that wait with a signal mask of their own.
 *
 *	mov $271,%eax	patched: rt_wait_ppoll looks at the mask; if ours are in it, or are blocked now
 *			in the program's belief, the register is made to point to a copy without them
 *	syscall		in its place, untouched: threads sleep here, are cancelled, start again
 *	cmp ...		patched: rt_wait_end, by the register, knows the copy and puts all back
 *
 * Meanwhile slot.virtual_mask is what the program asked for, as in a handler that interrupts the wait; one
 * that leaves by siglongjmp goes on with it, as the kernel would have it.  A signal that is blocked
 * outside and not inside must not come before the wait has begun, where its handler would
 * run and the wait then sleep: so it is really blocked from before it is looked for on.  No probe can fault or
 * trap between there and here.
 */
#include "runtime/arch/arch.h"
#include "runtime/rt_api.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/arch/x86_64/signals.h"

/* Registers as SAVE_CALLER_SAVED leaves them, from the lowest address up. */
enum { R11, R10, R9, R8, RDI, RSI, RDX, RCX };
#define NO_SIZE 255u /* it stands beside the mask's address, in memory */
static const struct {
	uint8_t mask, size; /* registers */
} calls[] = { { RDI, RSI }, { R10, R8 }, { R8, R9 }, { R9, NO_SIZE } }; /* by RT_WAIT_ of entry.S */

#define HOW_BLOCK 0
#define HOW_UNBLOCK 1

static void block_ours(long how)
{
	uint64_t ours = OURS;

	rt_syscall(RT_SYS_RT_SIGPROCMASK, how, (long)&ours, 0, MASK_SIZE, 0, 0);
}

/* The mask that the call is to wait with; false: none, or the kernel will refuse it. */
static bool read_mask(const uint64_t *saved, uint64_t call, uint64_t *mask)
{
	uint64_t at = saved[calls[call].mask], size;

	if (calls[call].size != NO_SIZE)
		size = saved[calls[call].size];
	else if (!at || !rt_peek64(at + 8, &size) || !rt_peek64(at, &at))
		return false;
	return at && size == MASK_SIZE && rt_peek64(at, mask);
}

/* Handlers may leave waits without an end: with none free the oldest is one of those. */
static struct abi_wait *take(struct abi_slot *s)
{
	for (uint32_t i = 0; i < ABI_WAITS; i++)
		if (!s->waits[i].outer)
			return &s->waits[i];
	for (uint32_t i = 1; i < ABI_WAITS; i++)
		s->waits[i].outer = 0;
	return &s->waits[0];
}

void rt_wait_begin(uint64_t *saved, uint64_t call)
{
	uint64_t mask, *reg = &saved[calls[call].mask];
	struct abi_wait *w;
	struct abi_slot *s;

	if (!read_mask(saved, call, &mask))
		return;
	s = rt_slot_register(key_of_thread());
	if (!s || (!(mask & OURS) && !s->virtual_mask))
		return;
	w = take(s);
	*w = (struct abi_wait){ *reg, s->virtual_mask | ABI_WAIT_ACTIVE, mask & ~OURS,
				{ (uint64_t)&w->mask, MASK_SIZE } };
	if (s->virtual_mask & ~bits_of(mask)) {
		w->outer |= ABI_WAIT_BLOCKED;
		block_ours(HOW_BLOCK);
	}
	s->virtual_mask = bits_of(mask);
	*reg = calls[call].size == NO_SIZE ? (uint64_t)w->pair : (uint64_t)&w->mask;
	rt_release_pending(s);
}

/* The entry that a register points to, or NULL. */
static struct abi_wait *pointed(struct abi_slot *s, uint64_t value)
{
	for (uint32_t i = 0; i < ABI_WAITS; i++)
		if (value == (uint64_t)&s->waits[i].mask || value == (uint64_t)s->waits[i].pair)
			return s->waits[i].outer ? &s->waits[i] : 0;
	return 0;
}

void rt_wait_end(uint64_t *saved)
{
	const struct abi_region *r = (const void *)rt_process()->region;
	uint64_t size = r->slots_offset + (uint64_t)r->slot_count * r->slot_size;

	for (uint32_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		uint64_t *reg = &saved[calls[i].mask];
		struct abi_slot *s;
		struct abi_wait *w;

		if (*reg - (uint64_t)r >= size)
			continue;
		s = rt_slot_register(key_of_thread());
		w = s ? pointed(s, *reg) : 0;
		if (!w)
			continue;
		*reg = w->from;
		s->virtual_mask = w->outer & (ABI_WAIT_ACTIVE - 1);
		if (w->outer & ABI_WAIT_BLOCKED)
			block_ours(HOW_UNBLOCK);
		w->outer = 0;
		rt_release_pending(s);
		return;
	}
}
