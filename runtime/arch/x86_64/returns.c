/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Returns that need more than the stack: return addresses kept aside, and chains
 * of tail calls.
 *
 * An entry of the shadow table belongs to the place on a stack where a return
 * address was, so any number of stacks, threads and coroutines share the table.
 * A function that is left by longjmp or an exception leaves its entry behind; it
 * is taken again by the next call whose return address has the same place.
 */
#include "runtime/arch/arch.h"
#include "runtime/arch/x86_64/entry.h"

#define CHAIN_MOST 16u

const struct abi_unwind *rt_unwind_find(const struct abi_process *p, uint64_t pc)
{
	const struct abi_unwind *rows = (const void *)p->unwinds;
	uint64_t low = 0, high = p->n_unwinds;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (rows[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->n_unwinds && pc >= rows[low].start ? &rows[low] : 0;
}

const struct abi_unwind *rt_unwind_call(const struct abi_process *p, uint64_t address)
{
	const struct abi_unwind *row = rt_unwind_find(p, address - 1);
	bool call = row && (row->kind == ABI_UNWIND_CALL || row->kind == ABI_UNWIND_SHADOW_CALL);

	return call && row->end == address ? row : 0;
}

static struct abi_shadow *place(const struct abi_process *p, uint64_t key, uint32_t n)
{
	uint64_t i = (ABI_SHADOW_INDEX(key) + n) % ABI_SHADOW_ENTRIES;

	return (void *)(p->shadow + i * p->shadow_size);
}

static bool claim(struct abi_shadow *s, uint64_t key)
{
	uint64_t found = __atomic_load_n(&s->key, __ATOMIC_RELAXED);

	return found == key ||
	       (!found && __atomic_compare_exchange_n(&s->key, &found, key, 0, __ATOMIC_ACQ_REL,
						      __ATOMIC_RELAXED));
}

/*
 * frame: `depth` bytes that end at the place of the return address. 0: kept. A function that
 * was entered by a tail call from one whose entry is in use at the same place is let pass.
 */
int64_t rt_shadow_put(const uint64_t *frame, uint64_t depth)
{
	const struct abi_process *p = rt_process();
	const uint64_t *key = frame + depth / 8;
	const struct abi_unwind *row = rt_unwind_call(p, *key);

	if ((row && row->kind == ABI_UNWIND_SHADOW_CALL) ||
	    depth + sizeof(struct abi_shadow) > p->shadow_size)
		return 1;
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		struct abi_shadow *s = place(p, (uint64_t)key, n);

		if (!claim(s, (uint64_t)key))
			continue;
		s->address = *key;
		for (uint64_t i = 0; i < depth / 8; i++)
			s->frame[i] = frame[i];
		return 0;
	}
	return 1;
}

void rt_shadow_take(uint64_t *frame, uint64_t depth)
{
	const struct abi_process *p = rt_process();
	uint64_t *key = frame + depth / 8;

	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		struct abi_shadow *s = place(p, (uint64_t)key, n);

		if (__atomic_load_n(&s->key, __ATOMIC_RELAXED) != (uint64_t)key)
			continue;
		for (uint64_t i = 0; i < depth / 8; i++)
			frame[i] = s->frame[i];
		*key = s->address;
		__atomic_store_n(&s->key, 0, __ATOMIC_RELEASE);
		return;
	}
	__builtin_trap(); /* somebody has written over the table */
}

uint64_t rt_shadow_address(const struct abi_process *p, uint64_t key)
{
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		const struct abi_shadow *s = place(p, key, n);

		if (__atomic_load_n(&s->key, __ATOMIC_RELAXED) == key)
			return s->address;
	}
	return 0;
}

/*
 * A loop of tail calls needs no stack in the program, and must not need much of it here: not 0
 * when at `sp` the return addresses of so many probed functions follow each other.
 */
int64_t rt_chain_is_long(const uint64_t *sp)
{
	const struct abi_process *p = rt_process();

	for (uint32_t n = 0; n < CHAIN_MOST; n++) {
		const struct abi_unwind *row = rt_unwind_call(p, *sp);

		if (!row)
			return 0;
		if (row->kind == ABI_UNWIND_SHADOW_CALL)
			return 0;
		sp += row->cfa / 8; /* to the place of the return address above */
	}
	return 1;
}
