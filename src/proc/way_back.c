/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way back for the thread that makes remote calls, if the tool dies meanwhile.
 *
 * The kernel then lets the thread go where it stands: at our `syscall` instruction, or behind it. So that is one
 * with a `ret` behind it, where the program has any, and the stack pointer leads on to a rt_sigreturn, with
 * everything that the thread had in a signal frame:
 *
 *	gadget:	syscall
 *		ret		rsp -> restorer: mov $15,%eax; syscall		(of the C library), or
 *				       pop %rax; ret | 15 | syscall
 *				       struct ucontext: registers, mask; extended state
 *
 * The frame lies in the scratch page; for the call that maps that, below the stack, where the kernel itself would put
 * a frame for a signal.
 *
 * A system call that the thread was in is begun anew, as the kernel would: sigreturn keeps it from doing that by itself.
 * What has a time limit begins with all of it.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "proc/private.h"

#define CHUNK (8u << 10) /* what is read of a target is mapped there from then on, and copied by its forks */
#define HINTS 16u
#define SEARCH_LIMIT (8u << 20) /* bytes looked through per mapping */
#define XSTATE_MOST (12u << 10)
#define LEGACY_SIZE 576u /* of the extended state: the part of fxsave and its header */
#define SOFTWARE 464u /* in it: struct _fpx_sw_bytes; ptrace tells the features there */
#define MAGIC1 0x46505853u /* FP_XSTATE_MAGIC1, asm/sigcontext.h */
#define MAGIC2 0x46505845u
#define ON_DEMAND (3ull << 17) /* features that a program must ask for: AMX */
#define RED_ZONE 128u
#define UC_FLAGS 7u /* UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
#define NO_STACK 7u /* no valid ss_flags: the alternate stack stays as it is */
#define SYS_SIGRETURN 15u
#define BACK_SEARCH 40u /* bytes of code in front of a call */
#define MOVE_SIZE 5u
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

/* arch/x86/include/uapi/asm/sigcontext.h, behind the words that lead to rt_sigreturn. */
struct context {
	uint64_t flags, link, stack, stack_flags, stack_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, trap, old_mask, cr2, fpstate, reserved[8];
	uint64_t mask;
};
_Static_assert(offsetof(struct context, mask) == 296, "struct ucontext of the kernel");

/* ---- code that is there --------------------------------------------------------------- */

static bool has_bytes(const struct proc *p, uint64_t address, const void *bytes, size_t n)
{
	uint8_t now[16];

	return proc_read(p, address, now, n) == n && memcmp(now, bytes, n) == 0;
}

/* Where the same was found in the same file: processes run the same few. Only a place to look at first. */
static struct hint {
	uint64_t device, inode, offset, at; /* at: from the beginning of the mapping */
	uint8_t bytes[16];
} hints[HINTS];

static struct hint *hint_of(const struct proc_map *m, const void *bytes, size_t n)
{
	struct hint *free = &hints[(m->inode ^ n) % HINTS];

	for (uint32_t i = 0; i < HINTS; i++) {
		struct hint *h = &hints[i];

		if (h->inode == m->inode && h->device == m->device && h->offset == m->offset &&
		    memcmp(h->bytes, bytes, n) == 0 && !h->bytes[n])
			return h;
		if (!h->inode)
			free = h;
	}
	*free = (struct hint){ .device = m->device, .inode = m->inode, .offset = m->offset };
	memcpy(free->bytes, bytes, n);
	return free;
}

static uint64_t search(const struct proc *p, const struct proc_map *m, const void *bytes, size_t n)
{
	static uint8_t part[CHUNK];

	for (uint64_t at = m->start; at < m->end && at - m->start < SEARCH_LIMIT; at += CHUNK - n) {
		size_t have = proc_read(p, at, part, base_min((uint64_t)CHUNK, m->end - at));
		const uint8_t *hit = memmem(part, have, bytes, n);

		if (hit)
			return at + (uint64_t)(hit - part);
	}
	return 0;
}

static uint64_t find_bytes(const struct proc *p, const struct proc_map *m, const void *bytes, size_t n)
{
	struct hint *h = m->inode ? hint_of(m, bytes, n) : NULL;
	uint64_t found;

	if (h && h->at && has_bytes(p, m->start + h->at, bytes, n))
		return m->start + h->at;
	found = search(p, m, bytes, n);
	if (h)
		h->at = found ? found - m->start : 0;
	return found;
}

bool proc_map_is_lasting(const struct proc_map *m)
{
	if (!m->executable || m->writable || strncmp(m->path, "/memfd:", 7) == 0)
		return false;
	return m->inode || strcmp(m->path, "[vdso]") == 0;
}

static uint64_t find_anywhere(const struct proc *p, const struct proc_maps *m, const void *bytes, size_t n)
{
	uint64_t found = 0;

	for (uint32_t i = m->n; !found && i-- > 0;)
		if (proc_map_is_lasting(&m->p[i]))
			found = find_bytes(p, &m->p[i], bytes, n);
	return found;
}

void proc_way_back_look(struct proc *p, const struct proc_maps *m)
{
	struct proc_way_back *w = &p->way_back;

	*w = (struct proc_way_back){ 0 };
	w->gadget = find_anywhere(p, m, "\x0f\x05\xc3", 3);
	if (!w->gadget)
		return;
	w->restorer = find_anywhere(p, m, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9);
	if (!w->restorer)
		w->restorer = find_anywhere(p, m, "\xb8\x0f\0\0\0\x0f\x05", 7);
	if (!w->restorer)
		w->pop = find_anywhere(p, m, "\x58\xc3", 2);
	if (!w->restorer && !w->pop)
		w->gadget = 0;
}

/* Something else may have been mapped there, or patched: system calls are probed. */
bool proc_way_back_is_there(const struct proc *p)
{
	const struct proc_way_back *w = &p->way_back;

	if (!w->gadget || !has_bytes(p, w->gadget, "\x0f\x05\xc3", 3))
		return false;
	if (!w->restorer)
		return has_bytes(p, w->pop, "\x58\xc3", 2);
	return has_bytes(p, w->restorer, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9) ||
	       has_bytes(p, w->restorer, "\xb8\x0f\0\0\0\x0f\x05", 7);
}

/* ---- the frame ------------------------------------------------------------------------- */

/* Of the features that any program has, in the standard format. The same for all of them; cpuid is slow in a virtual machine. */
static uint32_t state_size(uint64_t features)
{
	static uint64_t last;
	static uint32_t most;

	if (most && features == last)
		return most;
	last = features;
	most = LEGACY_SIZE;

	for (uint32_t i = 2; i < 63; i++) {
		uint32_t size, offset, c, d;

		if (!(features >> i & 1))
			continue;
		__cpuid_count(0xd, i, size, offset, c, d);
		most = base_max(most, offset + size);
	}
	return most;
}

/* The extended state as a signal frame has it; its size, 0: it cannot be read. */
static uint32_t read_state(const struct proc *p, uint8_t out[XSTATE_MOST])
{
	struct iovec io = { out, XSTATE_MOST };
	uint32_t words[4] = { MAGIC1 };
	uint64_t features;

	if (ptrace(PTRACE_GETREGSET, p->caller->tid, (void *)(long)NT_X86_XSTATE, &io) ||
	    io.iov_len < LEGACY_SIZE)
		return 0;
	memcpy(&features, out + SOFTWARE, sizeof features);
	features &= ~ON_DEMAND;
	words[3] = state_size(features);
	if (words[3] + sizeof(uint32_t) > XSTATE_MOST || words[3] > io.iov_len)
		return 0;
	words[1] = words[3] + (uint32_t)sizeof(uint32_t);
	memset(out + SOFTWARE, 0, 48);
	memcpy(out + SOFTWARE, words, 8);
	memcpy(out + SOFTWARE + 8, &features, sizeof features);
	memcpy(out + SOFTWARE + 16, &words[3], 4);
	memcpy(out + words[3], &(uint32_t){ MAGIC2 }, sizeof(uint32_t));
	return words[1];
}

/*
 * The call that was started again already by the kernel, as restart_syscall: sigreturn forgets which.
 * The code says it, mostly: mov $number,%eax, not far before. 0: not known.
 */
static uint64_t restarted_call(const struct proc *p, uint64_t behind)
{
	static const uint8_t timed[] = { SYS_poll, SYS_nanosleep, SYS_futex, SYS_clock_nanosleep };
	uint64_t start = behind - BACK_SEARCH;
	uint8_t code[BACK_SEARCH];

	if (proc_read(p, start, code, sizeof code) != sizeof code)
		return 0;
	for (uint32_t i = BACK_SEARCH - MOVE_SIZE; i-- > 0;)
		for (size_t k = 0; k < base_count(timed); k++)
			if (code[i] == 0xb8 && memcmp(code + i + 1, (uint8_t[4]){ timed[k] }, 4) == 0)
				return timed[k];
	return 0;
}

/* The kernel has made it ready to begin again, and was then interrupted by us. */
static bool is_at_restart(const struct proc *p)
{
	const struct user_regs_struct *u = &p->caller_registers.user;
	uint8_t code[PROC_SYSCALL_SIZE];

	return u->rax == SYS_restart_syscall && proc_read(p, u->rip, code, sizeof code) == sizeof code &&
	       memcmp(code, proc_syscall_bytes, sizeof code) == 0;
}

/* As the kernel begins an interrupted call again. */
static void restart(const struct proc *p, struct context *c)
{
	const struct user_regs_struct *u = &p->caller_registers.user;
	bool known = proc_registers_in_call(&p->caller_registers) && u->orig_rax != SYS_restart_syscall;
	int64_t result = (int64_t)u->rax;
	uint64_t number;

	if (is_at_restart(p)) {
		number = known ? u->orig_rax : restarted_call(p, u->rip + PROC_SYSCALL_SIZE);
		c->rax = number ? number : c->rax;
		return;
	}
	if (!proc_registers_in_call(&p->caller_registers) || result > -ERESTARTSYS ||
	    result < -ERESTART_RESTARTBLOCK)
		return;
	c->rax = known ? u->orig_rax : restarted_call(p, u->rip);
	if (!known && !c->rax)
		c->rax = (uint64_t)-EINTR;
	else
		c->rip -= PROC_SYSCALL_SIZE;
}

static struct context context_of(const struct proc *p, uint64_t fpstate)
{
	const struct user_regs_struct *u = &p->caller_registers.user;
	struct context c = {
		.flags = UC_FLAGS, .stack_flags = NO_STACK,
		.r8 = u->r8, .r9 = u->r9, .r10 = u->r10, .r11 = u->r11, .r12 = u->r12, .r13 = u->r13,
		.r14 = u->r14, .r15 = u->r15, .rdi = u->rdi, .rsi = u->rsi, .rbp = u->rbp, .rbx = u->rbx,
		.rdx = u->rdx, .rax = u->rax, .rcx = u->rcx, .rsp = u->rsp, .rip = u->rip,
		.eflags = u->eflags, .cs = (uint16_t)u->cs, .ss = (uint16_t)u->ss,
		.fpstate = fpstate, .mask = p->caller_mask,
	};

	restart(p, &c);
	return c;
}

bool proc_way_back_put(struct proc *p, uint64_t low, uint64_t high)
{
	const struct proc_way_back *w = &p->way_back;
	uint64_t words[3] = { w->restorer }, at, fpstate;
	uint32_t n = 1, size;
	uint8_t state[XSTATE_MOST];
	struct context c;

	size = w->gadget ? read_state(p, state) : 0;
	fpstate = (high - size) & ~63ull;
	at = fpstate - sizeof c - sizeof words;
	if (!size || high - low < size + 64 + sizeof c + sizeof words)
		return false;
	if (!w->restorer) {
		words[0] = w->pop;
		words[1] = SYS_SIGRETURN;
		words[2] = w->gadget;
		n = 3;
	}
	c = context_of(p, fpstate);
	if (proc_write(p, fpstate, state, size) || proc_write(p, at, words, n * sizeof *words) ||
	    proc_write(p, at + n * sizeof *words, &c, sizeof c))
		return false;
	p->way_back.stack = at;
	p->way_back.context = at + n * sizeof *words;
	p->way_back.fpstate = fpstate;
	return true;
}

void proc_caller_changed(struct proc *p)
{
	struct context c = context_of(p, p->way_back.fpstate);
	struct error *ignored;

	if (!p->way_back.stack)
		return;
	ignored = proc_write(p, p->way_back.context, &c, sizeof c);
	(void)ignored;
}

/* ---- for the first call ------------------------------------------------------------------ */

void proc_way_back_begin(struct proc *p)
{
	struct proc_way_back *w = &p->way_back;
	uint64_t high = p->caller_registers.user.rsp - RED_ZONE, low = high - sizeof w->saved;

	w->stack = w->saved_at = 0;
	if (!w->gadget || proc_read(p, low, w->saved, sizeof w->saved) != sizeof w->saved)
		return;
	w->saved_at = low;
	if (proc_way_back_put(p, low, high))
		return;
	w->stack = 0;
	proc_way_back_restore(p);
}

/* What was below the stack may be anything: it is put back. */
void proc_way_back_restore(struct proc *p)
{
	struct proc_way_back *w = &p->way_back;
	struct error *ignored;

	if (!w->saved_at)
		return;
	ignored = proc_write(p, w->saved_at, w->saved, sizeof w->saved);
	(void)ignored;
	w->saved_at = 0;
}
