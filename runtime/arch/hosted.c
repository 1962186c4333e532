/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as seen by the hosted twin of the runtime: memory is asked of the kernel. */
#include "runtime/unwind.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>


bool rt_host_peek(uint64_t address, void *to, uint64_t size)
{
	struct iovec local = { to, size }, remote = { (void *)address, size };

	return rt_syscall(RT_SYS_PROCESS_VM_READV, rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0), (long)&local, 1,
			  (long)&remote, 1, 0) == (long)size;
}

bool rt_host_poke(uint64_t address, const void *from, uint64_t size)
{
	struct iovec local = { (void *)from, size }, remote = { (void *)address, size };

	return rt_syscall(SYS_process_vm_writev, rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0), (long)&local, 1,
			  (long)&remote, 1, 0) == (long)size;
}

/* Of the tests' making; NULL: every rdpmc faults. */
bool (*rt_host_processor)(uint32_t number, uint64_t *out);

bool rt_pmc(uint32_t number, uint64_t *out)
{
	return rt_host_processor && rt_host_processor(number, out);
}

struct abi_process *rt_process(void)
{
	return NULL;
}

bool rt_through_trampoline(struct rt_unwinder *u, bool *through)
{
	(void)u;
	*through = false;
	return true;
}
