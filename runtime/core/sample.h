/* SPDX-License-Identifier: Apache-2.0 */
/* A handler of the tool that runs for a thread of which the kernel told: slot.sample. */
#ifndef SPILE_RUNTIME_SAMPLE_H
#define SPILE_RUNTIME_SAMPLE_H

#include "runtime/arch/arch.h"
#include "runtime/core/core.h"

RT_INLINE const struct abi_sample *rt_sample(const struct abi_slot *s)
{
	return (const struct abi_sample *)s->sample;
}

/*
 * In the tool: bytes of the target's memory, or of the thread's process of which the kernel told: of the
 * copy of its stack, else what is there now. False on a fault.
 */
bool rt_fetch(struct abi_slot *s, uint64_t address, uint64_t size, void *to);

/* 1, 2, 4 or 8 bytes of the program's memory, wherever the handler runs. Without a slot: of the caller's. */
RT_INLINE bool rt_peek(struct abi_slot *s, uint64_t address, uint32_t size, uint64_t *out)
{
	if (rt_unlikely(s && s->in_tool)) {
		*out = 0;
		return rt_fetch(s, address, size, out);
	}
	switch (size) {
	case 1:
		return rt_peek8(address, out);
	case 2:
		return rt_peek16(address, out);
	case 4:
		return rt_peek32(address, out);
	default:
		return rt_peek64(address, out);
	}
}

/* The process that "0" means to functions about tasks: a number, or 0 where the handler runs in it. */
RT_INLINE int64_t rt_own_process(const struct abi_slot *s, int64_t pid)
{
	bool is_elsewhere = s->sample || (s->in_tool && ((const struct abi_region *)s->region)->subject);

	return pid || !is_elsewhere ? pid : (int64_t)s->pid;
}

#endif
