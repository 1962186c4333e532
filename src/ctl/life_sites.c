/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that make processes and threads are watched behind the call: parent and child come there
 * one after the other, and nothing has to be kept on a stack that they may share.  Those that end them are watched
 * in front of it, exec on both sides.
 *
 *	b8 3b 00 00 00   mov $59,%eax     exec: in front
 *	0f 05            syscall
 *	48 3d ...        cmp              and behind: it has failed
 *
 *	ba 3c 00 00 00   mov $60,%edx     exit, as C libraries write it, in a loop:
 *	31 ff            xor %edi,%edi
 *	89 d0            mov %edx,%eax    here
 *	0f 05            syscall
 *
 *	41 5c            pop %r12         Go's vfork, whatever it is called and with which number
 *	0f 05            syscall
 *	41 54            push %r12        behind it
 */
#include "ctl/life_sites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "ctl/hook_sites.h"
#include "x86/x86.h"

#define MOVE_SIZE 5u
#define COPY_SIZE 2u /* mov %reg,%eax */
#define REACH 80u /* bytes between the number's mov and the last use looked for */

const char *const life_hook_names[] = {
	[LIFE_AFTER_CLONE] = "rt_life_after",
	[LIFE_BEFORE_EXEC] = "rt_life_before_exec",
	[LIFE_BEFORE_EXECAT] = "rt_life_before_execat",
	[LIFE_AFTER_EXEC] = "rt_life_after_exec",
	[LIFE_BEFORE_EXIT] = "rt_life_before_exit",
	[LIFE_BEFORE_EXIT_GROUP] = "rt_life_before_exit_group",
	[LIFE_BEFORE_ANY] = "rt_life_before_exec",
};

static void add(struct arena *a, struct life_sites *to, uint64_t address, enum life_hook hook, uint32_t number)
{
	vec_each(have, &to->list)
		if (have->address == address)
			return;
	vec_push(a, &to->list, (struct life_site){ .address = address, .hook = hook, .number = number });
}

static void add_found(struct arena *a, struct life_sites *to, const struct hook_site *s)
{
	switch (s->number) {
	case SYS_execve:
	case SYS_execveat:
		/* Where other instructions stand between, the arguments are not set yet. */
		if (!s->at_move)
			return;
		add(a, to, s->address, s->number == SYS_execve ? LIFE_BEFORE_EXEC : LIFE_BEFORE_EXECAT, s->number);
		add(a, to, s->after, LIFE_AFTER_EXEC, s->number);
		break;
	case SYS_exit:
	case SYS_exit_group:
		add(a, to, s->address, s->number == SYS_exit ? LIFE_BEFORE_EXIT : LIFE_BEFORE_EXIT_GROUP, s->number);
		break;
	default:
		add(a, to, s->after, LIFE_AFTER_CLONE, s->number);
	}
}

/* Instructions from `at` on end just at `to`; straight: none of them is a branch or another call. */
static bool leads_to(const uint8_t *bytes, size_t at, size_t to, bool straight)
{
	struct x86_ins ins;

	while (at < to && x86_decode(bytes + at, to - at, at, &ins) &&
	       !(straight && (ins.class != X86_OTHER || ins.ends_flow)))
		at += ins.length;
	return at == to;
}

/* mov %reg,%eax; syscall: behind a mov of the number to that register. */
static void find_end(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t call, uint64_t address)
{
	size_t use = call - COPY_SIZE;
	uint32_t reg, number;

	if (call < COPY_SIZE + MOVE_SIZE || bytes[use] != 0x89 || (bytes[use + 1] & 0xc7) != 0xc0)
		return;
	reg = bytes[use + 1] >> 3 & 7;
	for (size_t at = use - MOVE_SIZE; reg && at + REACH >= call; at--) {
		memcpy(&number, bytes + at + 1, sizeof number);
		if (bytes[at] == 0xb8 + reg && (number == SYS_exit || number == SYS_exit_group) &&
		    leads_to(bytes, at + MOVE_SIZE, use, false)) {
			add(a, to, address + use, number == SYS_exit ? LIFE_BEFORE_EXIT : LIFE_BEFORE_EXIT_GROUP, number);
			return;
		}
		if (!at)
			return;
	}
}

/* rawVforkSyscall: the child writes over the return address, so that waits in a register. */
static void find_go_vfork(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t size, size_t call,
			  uint64_t address)
{
	static const uint8_t forms[][6] = { { 0x41, 0x5c, 0x0f, 0x05, 0x41, 0x54 },
					    { 0x41, 0x59, 0x0f, 0x05, 0x41, 0x51 } };

	for (size_t i = 0; i < base_count(forms) && call >= 2 && size - call >= 4; i++)
		if (memcmp(bytes + call - 2, forms[i], sizeof forms[i]) == 0)
			add(a, to, address + call + SYSCALL_SIZE, LIFE_AFTER_CLONE, SYS_vfork);
}

/* musl's clone: xor %eax,%eax; mov $56,%al; arguments; syscall. */
static void find_short_clone(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t call,
			     uint64_t address)
{
	static const uint8_t form[] = { 0x31, 0xc0, 0xb0, SYS_clone };

	for (size_t back = sizeof form; back <= base_min(call, (size_t)REACH); back++)
		if (memcmp(bytes + call - back, form, sizeof form) == 0 &&
		    leads_to(bytes, call - back + sizeof form, call, true)) {
			add(a, to, address + call + SYSCALL_SIZE, LIFE_AFTER_CLONE, SYS_clone);
			return;
		}
}

static int from_highest(const void *a, const void *b)
{
	const struct life_site *x = a, *y = b;

	return x->address < y->address ? 1 : x->address > y->address ? -1 : 0;
}

void life_sites_find(struct arena *a, const uint8_t *bytes, size_t size, uint64_t address, struct life_sites *out)
{
	static const uint32_t numbers[] = { SYS_clone, SYS_fork, SYS_vfork, SYS_clone3, SYS_execve, SYS_execveat,
					    SYS_exit, SYS_exit_group };
	struct hook_sites found = { 0 };

	hook_sites_find(a, bytes, size, address, numbers, base_count(numbers), &found);
	vec_each(s, &found.list)
		add_found(a, out, s);
	for (size_t call = 0; (call = hook_sites_next(bytes, size, call)) < size; call += SYSCALL_SIZE) {
		find_end(a, out, bytes, call, address);
		find_go_vfork(a, out, bytes, size, call, address);
		find_short_clone(a, out, bytes, call, address);
	}
	if (out->list.n)
		qsort(out->list.p, out->list.n, sizeof *out->list.p, from_highest);
}

/*
 * rcx is free in front of a system call. Go has no red zone, and not much room on its stacks: what a chain of functions
 * that do not ask for more has left, some 600 bytes, of which the hook takes 400.
 */
static uint32_t body_before_any(uint64_t hook, uint8_t out[LIFE_BODY_MAX])
{
	static const uint8_t code[] = { 0x8d, 0x48, (uint8_t)-SYS_execve, /* lea -59(%rax),%ecx */
					0x67, 0xe3, 2, /* jecxz over the next */
					0xeb, 16, /* jmp over all that follows */
					0xff, 0x15, 2, 0, 0, 0, /* call *literal */
					0xeb, 8 }; /* jmp over the literal */

	memcpy(out, code, sizeof code);
	memcpy(out + sizeof code, &hook, sizeof hook);
	return sizeof code + sizeof hook;
}

uint32_t life_body(const struct life_site *s, uint64_t hook, uint8_t out[LIFE_BODY_MAX])
{
	static const uint8_t enter[] = { 0x48, 0x8d, 0x64, 0x24, 0x80 }; /* lea -128(%rsp),%rsp */
	static const uint8_t call[] = { 0xff, 0x15, 10, 0, 0, 0 }; /* call *literal: behind what follows */
	static const uint8_t leave[] = { 0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0, /* lea 128(%rsp),%rsp */
					 0xeb, 8 }; /* jmp over the literal */
	uint32_t n = sizeof enter;

	if (s->hook == LIFE_BEFORE_ANY)
		return body_before_any(hook, out);
	memcpy(out, enter, sizeof enter);
	if (s->hook == LIFE_AFTER_CLONE) {
		out[n++] = 0xb9; /* mov $number,%ecx */
		memcpy(out + n, &s->number, 4);
		n += 4;
	}
	memcpy(out + n, call, sizeof call);
	n += sizeof call;
	memcpy(out + n, leave, sizeof leave);
	n += sizeof leave;
	memcpy(out + n, &hook, sizeof hook);
	return n + (uint32_t)sizeof hook;
}
