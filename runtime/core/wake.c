/* SPDX-License-Identifier: Apache-2.0 */
/* Waking the tool: the one system call a handler may cause, and only when the tool sleeps. */
#include "runtime/arch/arch.h"
#include "runtime/core/wake.h"

#define FUTEX_WAKE 1

void rt_wake_tool(struct abi_region *r)
{
	__atomic_add_fetch(&r->event, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->event_waiting, __ATOMIC_SEQ_CST))
		rt_syscall(RT_SYS_FUTEX, (long)&r->event, FUTEX_WAKE, 1, 0, 0, 0);
}
