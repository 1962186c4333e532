/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Returns that need more than the stack: return addresses and frames kept aside, and chains
 * of tail calls.
 *
 * An entry of the shadow table belongs to the place on a stack where a return
 * address was, so any number of stacks, threads and coroutines share the table.
 * A function that is left by longjmp or an exception leaves its entry behind; it
 * is taken again by the next call whose return address has the same place.
 */
#include "runtime/arch/arch.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/unwind.h"

#define CHAIN_MOST 16u

const struct abi_unwind *rt_unwind_find(const struct abi_process *p, uint64_t pc)
{
	const struct abi_unwind *rows = (const void *)p->unwinds;
	uint64_t low = 0, high = p->n_unwinds;

	if (!rt_unwind_may_have(p, pc))
		return 0; /* most that is asked for */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (rows[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->n_unwinds && pc >= rows[low].start ? &rows[low] : 0;
}

const struct abi_unwind *rt_unwind_search_call(const struct abi_process *p, uint64_t address)
{
	const struct abi_unwind *row = rt_unwind_find(p, address - 1);

	return row && rt_unwind_is_call(row, address) ? row : 0;
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
	       ((!found || found & ABI_SHADOW_DONE) &&
		__atomic_compare_exchange_n(&s->key, &found, key, 0, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED));
}

/* The table is full around a key: a return that will not be seen, which counts as a hit that was skipped. */
static int64_t no_room(const struct abi_process *p)
{
	rt_count_skipped((struct abi_region *)p->region);
	return 1;
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

	if (row && row->kind == ABI_UNWIND_SHADOW_CALL)
		return 1;
	if (depth + sizeof(struct abi_shadow) > p->shadow_size)
		return no_room(p);
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		struct abi_shadow *s = place(p, (uint64_t)key, n);

		if (!claim(s, (uint64_t)key))
			continue;
		s->address = *key;
		for (uint64_t i = 0; i < depth / 8; i++)
			s->frame[i] = frame[i];
		return 0;
	}
	return no_room(p);
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

/* ---- frames of functions that must keep their return address ----------------------------------- */

/*
 * Where a goroutine's stack lies may change while a function runs; how far below its end a
 * frame is does not. runtime.g begins with the stack's bounds; its address is in front of the thread pointer in
 * programs that Go's own linker made. 0: that is no goroutine's.
 */
static uint64_t goroutine_key(uint64_t place)
{
	const uint64_t *g;
	uint64_t base, key;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	g = *(const uint64_t *const *)(base - 8);
	if (!g || place < g[0] || place >= g[1])
		return 0;
	key = (uint64_t)g * 0x9e3779b97f4a7c15u ^ (g[1] - place) * 0xc2b2ae3d27d4eb4fu;
	return (key ^ key >> 29) & ~7ull;
}

static uint64_t frame_key(const uint64_t *place, uint64_t is_go)
{
	uint64_t key = is_go ? goroutine_key((uint64_t)place) : (uint64_t)place;

	return key ? key | ABI_SHADOW_FRAME : 0;
}

static struct abi_shadow *frame_of(const struct abi_process *p, uint64_t key)
{
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		struct abi_shadow *s = place(p, key, n);

		if ((__atomic_load_n(&s->key, __ATOMIC_RELAXED) & ~(uint64_t)ABI_SHADOW_DONE) == key)
			return s;
	}
	return 0;
}

/* The same layout as for rt_shadow_put. Without room the return is skipped: its frame will be zeroes. */
void rt_frame_put(const uint64_t *frame, uint64_t depth, uint64_t is_go)
{
	const struct abi_process *p = rt_process();
	uint64_t key = frame_key(frame + depth / 8, is_go);
	struct abi_shadow *s = key ? frame_of(p, key) : 0;

	if (key && depth + sizeof *s <= p->shadow_size)
		for (uint32_t n = 0; n < ABI_SHADOW_PROBES && !s; n++)
			s = claim(place(p, key, n), key) ? place(p, key, n) : 0;
	if (!s) {
		no_room(p);
		return;
	}
	for (uint64_t i = 0; i < depth / 8; i++)
		s->frame[i] = frame[i];
	__atomic_store_n(&s->key, key, __ATOMIC_RELEASE);
}

void rt_frame_take(uint64_t *frame, uint64_t depth, uint64_t is_go)
{
	const struct abi_process *p = rt_process();
	uint64_t key = frame_key(frame + depth / 8, is_go);
	struct abi_shadow *s = key ? frame_of(p, key) : 0;

	for (uint64_t i = 0; i < depth / 8; i++)
		frame[i] = s ? s->frame[i] : 0;
	if (s)
		__atomic_store_n(&s->key, key | ABI_SHADOW_DONE, __ATOMIC_RELEASE);
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

/* ---- walking stacks --------------------------------------------------------------------------- */

/*
 * The piece of a trampoline, and whose. What another session's tables say is loaded with care: it may leave at any moment. No
 * address of a trampoline stays behind on the stack: whose session leaves takes it for a call that will return.
 */
struct piece {
	uint64_t other;
	int32_t cfa;
	uint32_t kind;
	uint64_t shadow, shadow_size;
};

#define WORD(u, process, member, out) rt_unwind_load(u, (process) + __builtin_offsetof(struct abi_process, member), out)
#define ROW_WORD(u, row, member, out) rt_unwind_load(u, (row) + __builtin_offsetof(struct abi_unwind, member), out)
#define ROWS_MOST (1ull << 24)

/* The address of the first row that ends above pc; 0 none. */
static uint64_t search_table(const struct rt_unwinder *u, uint64_t rows, uint64_t n, uint64_t pc)
{
	uint64_t low = 0, high = n, end = 0, row = 0;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!ROW_WORD(u, rows + middle * sizeof(struct abi_unwind), end, &end))
			break;
		if (end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == high && low < n && ROW_WORD(u, rows + low * sizeof(struct abi_unwind), start, &end) && pc >= end)
		row = rows + low * sizeof(struct abi_unwind);
	*(volatile uint64_t *)&end = 0;
	return row;
}

/* Of a session, by the address of its struct abi_process. */
static bool find_of(const struct rt_unwinder *u, uint64_t process, uint64_t pc, struct piece *out)
{
	uint64_t magic, rows, n, row, last;

	if (!WORD(u, process, magic, &magic) || magic != ABI_MAGIC || !WORD(u, process, unwinds, &rows) ||
	    !WORD(u, process, n_unwinds, &n) || n > ROWS_MOST)
		return false;
	row = search_table(u, rows, n, pc);
	if (!row || !ROW_WORD(u, row, other, &out->other) || !ROW_WORD(u, row, cfa, &last) ||
	    !WORD(u, process, shadow, &out->shadow) || !WORD(u, process, shadow_size, &out->shadow_size))
		return false;
	out->cfa = (int32_t)(uint32_t)last;
	out->kind = (uint32_t)(last >> 32);
	out->shadow_size &= UINT32_MAX;
	return true;
}

static bool find_piece(const struct rt_unwinder *u, uint64_t pc, struct piece *out)
{
	const struct abi_unwind *row = rt_unwind_find(u->process, pc);

	if (row) {
		*out = (struct piece){ row->other, row->cfa, row->kind, u->process->shadow, u->process->shadow_size };
		return true;
	}
	for (uint32_t i = 0; i < ABI_COMPANY; i++) {
		uint64_t process = __atomic_load_n(&u->process->company[i], __ATOMIC_RELAXED);

		if (process && find_of(u, process, pc, out))
			return true;
	}
	return false;
}

/* In the tool, some time later, the table may have gone on: not asked. */
static bool shadowed_address(const struct rt_unwinder *u, const struct piece *o, uint64_t key, uint64_t *out)
{
	for (uint32_t n = 0; !u->slot && o->shadow && n < ABI_SHADOW_PROBES; n++) {
		uint64_t at = o->shadow + ((ABI_SHADOW_INDEX(key) + n) & (ABI_SHADOW_ENTRIES - 1)) * o->shadow_size, found;

		if (!rt_unwind_load(u, at, &found))
			return false;
		if (found == key)
			return rt_unwind_load(u, at + __builtin_offsetof(struct abi_shadow, address), out);
	}
	return false;
}

/* As unwinders of the program do, but that the frame is not shown. */
bool rt_through_trampoline(struct rt_unwinder *u, bool *through)
{
	struct piece o;
	uint64_t cfa, pc;

	*through = find_piece(u, u->exact ? u->pc : u->pc - 1, &o);
	if (!*through)
		return true;
	if (o.kind == ABI_UNWIND_DISPLACED) {
		u->registers[ABI_RSP] += (uint64_t)(int64_t)o.cfa;
		u->pc = o.other;
		u->exact = true;
		return true;
	}
	cfa = u->registers[ABI_RSP] + (uint64_t)(int64_t)o.cfa;
	if (o.kind == ABI_UNWIND_STACK || o.kind == ABI_UNWIND_CALL) {
		if (o.cfa < 8 || !rt_unwind_load(u, cfa - 8, &pc))
			return false;
	} else if (!shadowed_address(u, &o, cfa - 8, &pc)) {
		return false;
	}
	u->registers[ABI_RSP] = cfa;
	u->pc = pc;
	u->exact = u->first = false;
	return true;
}
