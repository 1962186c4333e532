/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler in the tool asks about the thread that it runs for. */
#include "runtime/core/sample.h"

#include "runtime/rt_api.h"

struct vector {
	uint64_t base, size;
};

static bool read_process(const struct abi_slot *s, uint64_t address, uint64_t size, void *to)
{
	struct vector here = { (uint64_t)to, size }, there = { address, size };

	return rt_syscall(RT_SYS_PROCESS_VM_READV, s->pid, (long)&here, 1, (long)&there, 1, 0) == (long)size;
}

typedef bool fetch_function(struct abi_slot *s, uint64_t address, uint64_t size, void *to);

static bool fetch_of_sample(const struct abi_slot *s, uint64_t address, uint64_t size, void *to)
{
	const struct abi_sample *sample = rt_sample(s);
	uint64_t from = address - sample->stack_start;

	if (from >= sample->stack_size || size > sample->stack_size - from)
		return read_process(s, address, size, to);
	memcpy(to, (const void *)(sample->stack + from), size);
	return true;
}

RT_COLD bool rt_fetch(struct abi_slot *s, uint64_t address, uint64_t size, void *to)
{
	fetch_function *f = (fetch_function *)s->scratch[RT_SCRATCH_FETCH];

	if (s->sample)
		return fetch_of_sample(s, address, size, to);
	return f && f(s, address, size, to);
}

int64_t rt_user_mode(struct abi_slot *s)
{
	return !s->sample || !rt_sample(s)->in_kernel;
}

int64_t rt_sample_value(struct abi_slot *s, int64_t number)
{
	return s->sample && number >= 0 && number < ABI_SAMPLE_VALUES ? rt_sample(s)->values[number] : 0;
}
