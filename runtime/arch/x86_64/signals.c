/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults and traps of our own, and the program's view of those signals.
 *
 * While a session needs it, rt_signal is the process's handler for SIGSEGV,
 * SIGBUS and SIGTRAP, installed with the flags and mask of the program's own
 * handler, so that a signal that is not ours is passed on by one jump.
 * The three are never really blocked: a blocked synchronous fault kills.  What
 * the program asks for is kept beside and told back to it:
 *
 *	asked for                      kept in
 *	handler, flags, mask of a      process.virtual_action[]
 *	  disposition of the three
 *	the three in the mask of       process.handler_mask[]
 *	  another signal's handler
 *	the three in a thread's mask   slot.virtual_mask
 *
 * One that arrives from outside while "blocked" waits in slot.pending.
 *
 * A handler without SA_NODEFER has its signal blocked while it runs; really blocked, a
 * probe inside it could not read bad memory and live.  So the kernel is told
 * SA_NODEFER, and a signal that nothing on Linux raises (SIGSTKFLT) is
 * blocked in the place of ours: seen in the mask of an interrupted context, it says that
 * the program is in such a handler.  sigreturn and siglongjmp take it away.
 */
#include "runtime/arch/arch.h"
#include "runtime/rt_api.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/arch/x86_64/signals.h"
#include "runtime/arch/x86_64/watch.h"
#include "runtime/core/trap.h"

#define FLAG_SIGINFO 0x4u
#define FLAG_RESTORER 0x4000000u
#define FLAG_RESETHAND 0x80000000u

#define CODE_BREAKPOINT 1 /* of SIGTRAP: a debug exception, of int1 or without a reason */
#define CODE_WATCHPOINT 4 /* one of a debug register that the kernel knows nothing of */
#define CODE_PERF 6 /* of SIGTRAP: an event of perf_event_open */
#define CODE_KERNEL 0x80 /* si_code of int3 and of general protection faults */
#define FLAG_NODEFER 0x40000000u
#define SIGNAL_MARKER 16 /* SIGSTKFLT */
#define HANDLER_DEFAULT 0u
#define HANDLER_IGNORE 1u

#define EFAULT_RESULT (-14)

struct siginfo_head {
	int32_t signo, error, code, pad;
	uint64_t address;
};
struct context {
	uint64_t flags, link, stack[3];
	uint64_t registers[18]; /* r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags */
	uint64_t rest[14];
	uint64_t mask;
};
_Static_assert(__builtin_offsetof(struct context, mask) == 296, "struct ucontext of the kernel");
#define CONTEXT_RIP 16

struct fault_entry {
	int32_t from, to; /* relative to themselves */
};

struct abi_process *rt_process(void)
{
	return (void *)rt_self;
}

/* Number of a signal among ABI_SIGNALS, -1 if it is not one of ours. */
static int number_of(int64_t sig)
{
	switch (sig) {
	case SIGNAL_SEGV:
		return 0;
	case SIGNAL_BUS:
		return 1;
	case SIGNAL_TRAP:
		return 2;
	default:
		return -1;
	}
}

/* ---- which signals are ours ------------------------------------------------- */

static bool fix_fault(const struct abi_process *p, struct context *c)
{
	const struct fault_entry *start = (const void *)p->faults, *end = start + p->n_faults;

	for (const struct fault_entry *e = start; e < end; e++) {
		if ((uint64_t)&e->from + (int64_t)e->from != c->registers[CONTEXT_RIP])
			continue;
		c->registers[CONTEXT_RIP] = (uint64_t)&e->to + (int64_t)e->to;
		return true;
	}
	return false;
}

/* A byte of a patch: int3, or an instruction not allowed. */
static bool fix_trap(const struct abi_process *p, int64_t sig, const struct siginfo_head *info, struct context *c)
{
	uint64_t behind = sig == SIGNAL_TRAP;

	return sig != SIGNAL_BUS && info->code == CODE_KERNEL &&
	       rt_trap_find(p, c->registers[CONTEXT_RIP] - behind, &c->registers[CONTEXT_RIP]);
}

/* A watchpoint, or a fault of the runtime's own loads. */
static bool is_settled(struct abi_process *p, int64_t sig, const struct siginfo_head *info,
		       struct context *c)
{
	if (sig != SIGNAL_TRAP)
		return fix_fault(p, c);
	if (info->code == CODE_PERF)
		return rt_watch_enter(p, info, c->registers);
	return (info->code == CODE_BREAKPOINT || info->code == CODE_WATCHPOINT) &&
	       rt_watch_enter_stray(p, c->registers);
}

/* Ours, or of a later session that relies on us. */
static bool is_of_sessions(struct abi_process *p, int64_t sig, const struct siginfo_head *info,
			   struct context *c)
{
	if (fix_trap(p, sig, info, c) || is_settled(p, sig, info, c))
		return true;
	for (uint32_t i = 0; i < ABI_PEERS; i++) {
		uint64_t peer = __atomic_load_n(&p->peers[i], __ATOMIC_ACQUIRE);

		if (peer && is_settled((void *)peer, sig, info, c))
			return true;
	}
	return false;
}

/* ---- signals that are the program's ------------------------------------------ */

static void queue_again(int64_t sig, const void *info)
{
	long pid = rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0);
	long tid = rt_syscall(RT_SYS_GETTID, 0, 0, 0, 0, 0, 0);

	rt_syscall(RT_SYS_RT_TGSIGQUEUEINFO, pid, tid, sig, (long)info, 0, 0);
}

/* Computed here: in a constant of the compiler's making it would need a relocation. */
static uint64_t restorer_address(void)
{
	uint64_t address;

	__asm__("lea rt_restorer(%%rip), %0" : "=r"(address));
	return address;
}

/* The default action: the real disposition becomes the default and the cause comes again. */
static void die_by(int64_t sig, const struct siginfo_head *info)
{
	struct abi_sigaction none = { HANDLER_DEFAULT, FLAG_RESTORER, restorer_address(), 0 };

	rt_syscall(RT_SYS_RT_SIGACTION, sig, (long)&none, 0, MASK_SIZE, 0, 0);
	if (info->code <= 0 || sig == SIGNAL_TRAP)
		queue_again(sig, info);
}

/* Keeps an asynchronous signal that the program believes blocked. */
static bool hold_back(int number, const struct siginfo_head *info)
{
	struct abi_slot *s;

	if (info->code > 0)
		return false;
	s = rt_slot_register(key_of_thread());
	if (!s || !(s->virtual_mask >> number & 1))
		return false;
	s->pending |= (uint64_t)1 << number;
	return true;
}

/* A fault of the program's own while the signal is, in its belief, blocked: the kernel would kill. */
static bool is_deadly(const struct abi_sigaction *a, int number, const struct siginfo_head *info,
		      const struct context *c)
{
	struct abi_slot *s;

	if (info->code <= 0)
		return false;
	if (!(a->flags & FLAG_NODEFER) && (c->mask & BIT(SIGNAL_MARKER)))
		return true;
	s = rt_slot_register(key_of_thread());
	return s && (s->virtual_mask >> number & 1);
}

/* 0: all is done, return to the interrupted place. Else the program's handler to enter. */
uint64_t rt_signal_decide(int64_t sig, const void *information, void *context)
{
	const struct siginfo_head *info = information;
	struct abi_process *p = rt_process();
	int number = sig == SIGNAL_SEGV ? 0 : sig == SIGNAL_BUS ? 1 : 2;
	struct abi_sigaction *a = &p->virtual_action[number];
	uint64_t handler = a->handler;

	if (is_of_sessions(p, sig, info, context))
		return 0;
	if (hold_back(number, info))
		return 0;
	if (handler == HANDLER_IGNORE && info->code <= 0)
		return 0;
	if (handler == HANDLER_DEFAULT || handler == HANDLER_IGNORE || is_deadly(a, number, info, context)) {
		die_by(sig, info);
		return 0;
	}
	if (a->flags & FLAG_RESETHAND)
		a->handler = HANDLER_DEFAULT;
	return handler;
}

/* ---- system calls the program makes about them --------------------------------- */

static bool copy_in(uint64_t from, uint64_t *to, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		if (!rt_peek64(from + i * 8, &to[i]))
			return false;
	return true;
}

static bool copy_out(uint64_t to, const uint64_t *from, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		if (!rt_poke64(to + i * 8, from[i]))
			return false;
	return true;
}

/* rt_signal in the place of the program's handler: same flags, same mask but for the three. */
static int64_t install(int64_t sig, const struct abi_sigaction *a)
{
	struct abi_sigaction real = { (uint64_t)rt_signal, a->flags & ~(uint64_t)FLAG_RESETHAND,
				      a->restorer, a->mask & ~OURS };

	if (!(real.flags & FLAG_RESTORER) || !real.restorer) {
		real.flags |= FLAG_RESTORER;
		real.restorer = restorer_address();
	}
	if (!(a->flags & FLAG_NODEFER))
		real.mask |= BIT(SIGNAL_MARKER);
	real.flags |= FLAG_SIGINFO | FLAG_NODEFER;
	return rt_syscall(RT_SYS_RT_SIGACTION, sig, (long)&real, 0, MASK_SIZE, 0, 0);
}

static int64_t emulate_ours(int64_t sig, int number, uint64_t action, uint64_t old)
{
	struct abi_sigaction *kept = &rt_process()->virtual_action[number];
	struct abi_sigaction before = *kept, wanted;
	int64_t result = 0;

	if (action) {
		if (!copy_in(action, (uint64_t *)&wanted, 4))
			return EFAULT_RESULT;
		result = install(sig, &wanted);
		if (result)
			return result;
		*kept = wanted;
	}
	if (old && !copy_out(old, (const uint64_t *)&before, 4))
		return EFAULT_RESULT;
	return result;
}

static int64_t emulate_other(int64_t sig, uint64_t action, uint64_t old)
{
	struct abi_process *p = rt_process();
	struct abi_sigaction wanted;
	uint8_t before = sig > 0 && sig < 65 ? p->handler_mask[sig] : 0;
	uint64_t mask;
	int64_t result;

	if (action) {
		if (!copy_in(action, (uint64_t *)&wanted, 4))
			return EFAULT_RESULT;
		mask = wanted.mask;
		wanted.mask &= ~OURS;
		result = rt_syscall(RT_SYS_RT_SIGACTION, sig, (long)&wanted, (long)old, MASK_SIZE, 0, 0);
		if (result == 0)
			p->handler_mask[sig] = (uint8_t)bits_of(mask);
	} else {
		result = rt_syscall(RT_SYS_RT_SIGACTION, sig, 0, (long)old, MASK_SIZE, 0, 0);
	}
	if (result == 0 && old && before && rt_peek64(old + 24, &mask))
		rt_poke64(old + 24, mask | mask_of(before));
	return result;
}

int64_t rt_sigaction_emulate(int64_t sig, uint64_t action, uint64_t old, uint64_t size)
{
	int number;

	if (size != MASK_SIZE)
		return rt_syscall(RT_SYS_RT_SIGACTION, sig, (long)action, (long)old, (long)size, 0, 0);
	number = number_of(sig);
	if (number >= 0)
		return emulate_ours(sig, number, action, old);
	return emulate_other(sig, action, old);
}

/* Signals held back that are no longer blocked come now. */
void rt_release_pending(struct abi_slot *s)
{
	static const int8_t signals[ABI_SIGNALS] = { SIGNAL_SEGV, SIGNAL_BUS, SIGNAL_TRAP };
	uint64_t free = s->pending & ~s->virtual_mask;

	for (uint32_t i = 0; i < ABI_SIGNALS; i++) {
		uint64_t info[16] = { (uint64_t)signals[i] };

		if (!(free >> i & 1))
			continue;
		s->pending &= ~((uint64_t)1 << i);
		info[1] = (uint64_t)(uint32_t)-6; /* SI_TKILL */
		info[2] = s->pid;
		queue_again(signals[i], info);
	}
}

static uint64_t changed_mask(uint64_t before, int64_t how, uint64_t bits)
{
	switch (how) {
	case 0:
		return before | bits;
	case 1:
		return before & ~bits;
	default:
		return bits;
	}
}

int64_t rt_sigprocmask_emulate(int64_t how, uint64_t set, uint64_t old, uint64_t size)
{
	struct abi_slot *s = rt_slot_register(key_of_thread());
	uint64_t wanted = 0, real, before;
	int64_t result;

	if (!s || size != MASK_SIZE || (set && !copy_in(set, &wanted, 1)))
		return rt_syscall(RT_SYS_RT_SIGPROCMASK, how, (long)set, (long)old, (long)size, 0, 0);
	real = wanted & ~OURS;
	before = s->virtual_mask;
	result = rt_syscall(RT_SYS_RT_SIGPROCMASK, how, set ? (long)&real : 0, (long)old, MASK_SIZE, 0, 0);
	if (result)
		return result;
	if (old && before && rt_peek64(old, &real))
		rt_poke64(old, real | mask_of(before));
	if (set) {
		s->virtual_mask = changed_mask(before, how, bits_of(wanted));
		rt_release_pending(s);
	}
	return result;
}
