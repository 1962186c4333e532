/* SPDX-License-Identifier: Apache-2.0 */
/* What signals.c and waits.c share: the three signals, in the kernel's masks and in a slot's. */
#ifndef SPILE_RUNTIME_SIGNALS_H
#define SPILE_RUNTIME_SIGNALS_H

#include "abi/abi.h"

#define SIGNAL_TRAP 5
#define SIGNAL_BUS 7
#define SIGNAL_SEGV 11
#define MASK_SIZE 8
#define BIT(sig) ((uint64_t)1 << ((sig) - 1))
#define OURS (BIT(SIGNAL_SEGV) | BIT(SIGNAL_BUS) | BIT(SIGNAL_TRAP))

/* Kernel mask bits to slot bits and back. */
static inline uint64_t bits_of(uint64_t mask)
{
	return (mask & BIT(SIGNAL_SEGV) ? 1 : 0) | (mask & BIT(SIGNAL_BUS) ? 2 : 0) |
	       (mask & BIT(SIGNAL_TRAP) ? 4 : 0);
}

static inline uint64_t mask_of(uint64_t bits)
{
	return (bits & 1 ? BIT(SIGNAL_SEGV) : 0) | (bits & 2 ? BIT(SIGNAL_BUS) : 0) |
	       (bits & 4 ? BIT(SIGNAL_TRAP) : 0);
}

static inline uint64_t key_of_thread(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return ~base;
}

/* Those held back that the virtual mask no longer blocks come now. */
void rt_release_pending(struct abi_slot *s);

#endif
