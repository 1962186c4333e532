/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a byte that traps to where its patch leads.
 *
 * Several sessions may have a row for one address.  At a place that all of them probe the later stands upon the earlier and
 * calls it: the latest has to be entered.  At a boundary inside a patch each leads to a copy of the same instructions.
 *
 * The tool gives a session another table while the threads stand, in the middle of a search perhaps.  The one before
 * stays as it was, but where it is and how long it is are two words.
 */
#include "runtime/core/trap.h"

static bool search(const struct abi_trap *traps, uint64_t n, uint64_t address, uint64_t *resume)
{
	uint64_t low = 0, high = n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (traps[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == n || traps[low].address != address)
		return false;
	*resume = traps[low].resume;
	return true;
}

static bool find(const struct abi_process *p, uint64_t address, uint64_t *resume)
{
	uint64_t traps, n;
	bool found;

	do {
		traps = __atomic_load_n(&p->traps, __ATOMIC_RELAXED);
		n = __atomic_load_n(&p->n_traps, __ATOMIC_RELAXED);
		found = search((const void *)traps, n, address, resume);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&p->traps, __ATOMIC_RELAXED) != traps ||
		 __atomic_load_n(&p->n_traps, __ATOMIC_RELAXED) != n);
	return found;
}

static uint64_t order_of(const struct abi_process *p)
{
	return ((const struct abi_ledger *)p->ledger)->order;
}

bool rt_trap_find(const struct abi_process *keeper, uint64_t address, uint64_t *resume)
{
	const struct abi_process *p = keeper;
	uint64_t at, latest = 0;
	bool found = false;

	for (uint32_t i = 0; i <= ABI_PEERS; i++) {
		if (p && find(p, address, &at) && (!found || order_of(p) > latest)) {
			found = true;
			latest = order_of(p);
			*resume = at;
		}
		if (i < ABI_PEERS)
			p = (const void *)__atomic_load_n(&keeper->peers[i], __ATOMIC_ACQUIRE);
	}
	return found;
}
