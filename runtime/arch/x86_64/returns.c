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

/* The row of the call that put this return address on the stack, if it is one of ours. */
static const struct abi_unwind *call_of(const struct abi_process *p, uint64_t address)
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
	const struct abi_unwind *row = call_of(p, *key);

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

/*
 * A loop of tail calls needs no stack in the program, and must not need much of it here: not 0
 * when at `sp` the return addresses of so many probed functions follow each other.
 */
int64_t rt_chain_is_long(const uint64_t *sp)
{
	const struct abi_process *p = rt_process();

	for (uint32_t n = 0; n < CHAIN_MOST; n++) {
		const struct abi_unwind *row = call_of(p, *sp);

		if (!row)
			return 0;
		if (row->kind == ABI_UNWIND_SHADOW_CALL)
			return 0;
		sp += row->cfa / 8; /* to the place of the return address above */
	}
	return 1;
}

/* ---- unwinding ------------------------------------------------------------------------------ */

#define FDE_SIZE 32u
#define FDE_COUNT 640u /* in entry.S */
#define DWARF_RSP 7

static uint64_t described(const struct abi_unwind *row, struct dwarf_eh_bases *bases)
{
	bool shadowed = row->kind == ABI_UNWIND_SHADOW || row->kind == ABI_UNWIND_SHADOW_CALL;
	uint32_t number = (uint32_t)row->cfa / 8;
	uint64_t fdes;

	if (row->cfa < 0 || number >= FDE_COUNT)
		return 0;
	if (shadowed)
		__asm__("lea rt_shadow_fdes(%%rip), %0" : "=r"(fdes));
	else
		__asm__("lea rt_fdes(%%rip), %0" : "=r"(fdes));
	*bases = (struct dwarf_eh_bases){ .func = row->start };
	return fdes + number * FDE_SIZE;
}

/* Address and place of the return address that belongs above a call of ours; 0: not known. */
static uint64_t caller_of(const struct abi_process *p, const struct abi_unwind *row, uint64_t cfa)
{
	if (row->kind == ABI_UNWIND_CALL)
		return *(const uint64_t *)(cfa - 8);
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		const struct abi_shadow *s = place(p, cfa - 8, n);

		if (__atomic_load_n(&s->key, __ATOMIC_RELAXED) == cfa - 8)
			return s->address;
	}
	return 0;
}

static bool has_shadow_stack(void)
{
	uint64_t ssp = 0;

	__asm__ volatile("rdsspq %0" : "+r"(ssp));
	return ssp != 0;
}

/* Is `bases` a member of a libgcc's context, which is at the frame that a call of ours returns to? */
static bool is_context(const struct unwind_context *c, uint64_t address)
{
	return c->ra == address && !c->lsda && !c->registers[DWARF_RSP] && c->cfa % 8 == 0 &&
	       *(const uint64_t *)(c->cfa - 8) == address && !has_shadow_stack();
}

/*
 * The unwinder's step to a frame of ours becomes one to the frame above, as if we were not there.
 * That takes no time, and backtraces are what they were. Returns the address it is at then, as
 * it asks for it; `pc` itself if that is left as it is.
 *
 * The caller of the finder reads its context again after the call, since that had the address of
 * a part of it. Frames on shadow stacks are counted, so there each has to be seen.
 */
static uint64_t pass_by(const struct abi_process *p, uint64_t pc, struct dwarf_eh_bases *bases)
{
	struct unwind_context *c =
		(void *)((uint8_t *)bases - __builtin_offsetof(struct unwind_context, bases));
	const struct abi_unwind *row;

	while ((row = call_of(p, pc + 1)) && is_context(c, pc + 1)) {
		uint64_t cfa = c->cfa + (uint64_t)row->cfa, above = caller_of(p, row, cfa);

		if (!above)
			break;
		c->cfa = cfa;
		c->ra = above;
		pc = above - 1;
	}
	return pc;
}

/*
 * The description of `pc` if it is in a trampoline. Displaced instructions are described where
 * they came from; rows of the program's table count from the begin of the function, which is
 * moved along.
 */
uint64_t rt_unwind_fde(uint64_t pc, struct dwarf_eh_bases *bases, const struct unwind_finder *finder)
{
	const struct abi_process *p = rt_process();
	const struct abi_unwind *row = rt_unwind_find(p, pc);
	uint64_t moved, found;

	if (!row)
		return 0;
	moved = pass_by(p, pc, bases);
	if (moved != pc)
		return finder->whole(moved, bases);
	if (row->kind != ABI_UNWIND_DISPLACED)
		return described(row, bases);
	moved = row->other;
	found = finder->original(moved, bases);
	bases->func += pc - moved;
	return found;
}
