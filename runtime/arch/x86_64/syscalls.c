/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls whose number is in a register: which bodies run, and which number it was
 * when the call comes back.
 *
 * Calls nest: one that a signal interrupts stays open while the handler makes others. They are
 * told apart by the stack pointer, which is the same before and behind a call. Entries that were
 * left by a jump are found by nobody and overwritten in time.
 */
#include <stddef.h>

#include "runtime/arch/arch.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/rt_api.h"

/* As syscalls.S has them. */
_Static_assert(offsetof(struct abi_process, table) == 16 && offsetof(struct abi_process, syscalls) == 416 &&
		       offsetof(struct abi_process, syscalls_kept) == 424 && offsetof(struct abi_slot, syscalls) == 976 &&
		       offsetof(struct abi_slot, n_syscalls) == 1040 && ABI_SYSCALLS == 512 && ABI_SYSCALL_DEPTH == 4,
	       "offsets of syscalls.S");

static struct abi_slot *slot_of_thread(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return rt_slot_register(~base);
}

static uint64_t bodies_of(const struct abi_process *p, int64_t number, uint64_t from)
{
	const uint64_t *words = (const void *)p->syscalls;

	return words && number >= 0 && number < (int64_t)ABI_SYSCALLS ? words[from + (uint64_t)number] : 0;
}

static void keep(uint64_t sp, int64_t number)
{
	struct abi_slot *s = slot_of_thread();
	struct abi_syscall *kept;

	if (!s)
		return;
	kept = &s->syscalls[s->n_syscalls++ % ABI_SYSCALL_DEPTH];
	kept->number = number;
	kept->sp = sp;
}

/* fork, vfork, clone and clone3 come back in the child as well, where they are not the call that was made. */
static bool is_child(int64_t number, int64_t result)
{
	return result == 0 && ((number >= 56 && number <= 58) || number == 435);
}

/* The number of the call that comes back at the stack pointer; -1 none. */
static int64_t take(uint64_t sp, int64_t result)
{
	struct abi_slot *s = slot_of_thread();

	for (uint64_t i = 0; s && i < ABI_SYSCALL_DEPTH && i < s->n_syscalls; i++) {
		struct abi_syscall *kept = &s->syscalls[(s->n_syscalls - 1 - i) % ABI_SYSCALL_DEPTH];

		if (kept->sp != sp)
			continue;
		if (is_child(kept->number, result))
			return -1;
		s->n_syscalls -= i + 1;
		kept->sp = 0;
		return kept->number;
	}
	return -1;
}

/* Addresses of the bodies to run, 0: none. */
uint64_t rt_syscall_entered(uint64_t sp, int64_t number)
{
	const struct abi_process *p = rt_process();

	number = (int32_t)number;
	if (p->syscalls_kept)
		keep(sp, number);
	return bodies_of(p, number, 0);
}

uint64_t rt_syscall_left(uint64_t sp, int64_t result)
{
	return bodies_of(rt_process(), take(sp, result), ABI_SYSCALLS);
}
