/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchpoints: from a debug register's signal to the handler.
 *
 * The kernel has trapped behind the access and signals the thread before its next instruction.
 * The handler does not run in the signal handler: the interrupted context is sent to it, as by a
 * jump from a trampoline, and comes back by rt_watch_return, with all registers as they were.
 *
 *	target's rsp ->	what the program has
 *			red zone, 128 bytes
 *	frame ->	pc, value after, value before, 0
 *			site number
 *	rsp ->		rt_watch_return
 *
 * Virtual machines lose the reason of one debug exception in some ten thousand (register DR6 reads 0, when the exception comes
 * behind an exit to the host): the kernel then knows no watchpoint, and sends what int1 would give. That would end
 * the program.
 *
 * Accesses by our own code (a handler that reads the data, and this file) are no hits.
 */
#include "runtime/arch/x86_64/watch.h"

#include "runtime/arch/arch.h"

#define RSP 15 /* in the kernel's order of a signal frame */
#define RIP 16
#define INT1 0xf1 /* the instruction that raises a debug exception by itself */

struct perf_info {
	int32_t signo, error, code, pad;
	uint64_t address, data;
};

static uint64_t return_address(void)
{
	uint64_t address;

	__asm__("lea rt_watch_return(%%rip), %0" : "=r"(address));
	return address;
}

static struct abi_watch *watch_of(struct abi_process *p, uint64_t data)
{
	for (uint32_t i = 0; i < ABI_WATCHES; i++)
		if ((uint64_t)&p->watches[i] == data)
			return &p->watches[i];
	return 0;
}

static bool is_own_code(const struct abi_process *p, uint64_t pc)
{
	return pc >= p->text_start && pc < p->text_end;
}

/* A plain load: a read of ours, should it be watched itself, is told by its pc. */
static uint64_t load(const struct abi_watch *w)
{
	uint64_t value = 0;

	switch (w->length) {
	case 1:
		rt_peek8(w->address, &value);
		break;
	case 2:
		rt_peek16(w->address, &value);
		break;
	case 4:
		rt_peek32(w->address, &value);
		break;
	default:
		rt_peek64(w->address, &value);
	}
	return value;
}

static bool put_frame(const struct abi_watch *w, const uint64_t *registers, uint64_t after, uint64_t before)
{
	uint64_t frame = registers[RSP] - ABI_RED_ZONE - ABI_WATCH_FRAME;
	uint64_t call = frame - 16;

	return rt_poke64(frame, registers[RIP]) && rt_poke64(frame + ABI_WATCH_AFTER, after) &&
	       rt_poke64(frame + ABI_WATCH_BEFORE, before) && rt_poke64(frame + ABI_WATCH_BEFORE + 8, 0) &&
	       rt_poke64(call + 8, w->site) && rt_poke64(call, return_address());
}

static bool enter(struct abi_process *p, struct abi_watch *w, uint64_t *registers)
{
	uint64_t after, before;

	if (!w->length || !w->handler || is_own_code(p, registers[RIP]))
		return true;
	after = load(w);
	before = __atomic_exchange_n(&w->value, after, __ATOMIC_RELAXED);
	if (!put_frame(w, registers, after, before)) {
		__atomic_fetch_add(&w->missed, 1, __ATOMIC_RELAXED);
		return true;
	}
	registers[RSP] -= ABI_RED_ZONE + ABI_WATCH_FRAME + 16;
	registers[RIP] = w->handler;
	return true;
}

bool rt_watch_enter(struct abi_process *p, const void *information, uint64_t *registers)
{
	const struct perf_info *info = information;
	struct abi_watch *w = watch_of(p, info->data);

	return w && enter(p, w, registers);
}

/* The one whose data has changed, or the only one. */
static struct abi_watch *likely_watch(struct abi_process *p, uint32_t *armed)
{
	struct abi_watch *changed = 0, *last = 0;

	*armed = 0;
	for (uint32_t i = 0; i < ABI_WATCHES; i++) {
		struct abi_watch *w = &p->watches[i];

		if (!w->length)
			continue;
		++*armed;
		last = w;
		if (load(w) != __atomic_load_n(&w->value, __ATOMIC_RELAXED))
			changed = w;
	}
	return changed || *armed != 1 ? changed : last;
}

bool rt_watch_enter_stray(struct abi_process *p, uint64_t *registers)
{
	uint64_t byte = 0;
	uint32_t armed;
	struct abi_watch *w = likely_watch(p, &armed);

	if (!armed || (rt_peek8(registers[RIP] - 1, &byte) && byte == INT1))
		return false;
	return w ? enter(p, w, registers) : true;
}
