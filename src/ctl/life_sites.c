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

/* mov %reg,%eax; syscall */
static bool is_use(const uint8_t *p, uint32_t reg)
{
	return p[0] == 0x89 && p[1] == (0xc0 | reg << 3) && p[2] == 0x0f && p[3] == 0x05;
}

/* Uses of a number that the mov at `at` puts into another register than eax. */
static void follow_register(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t size, size_t at,
			    uint64_t address)
{
	uint32_t reg = bytes[at] - 0xb8u, number;
	size_t end = base_min(size, at + REACH);
	struct x86_ins ins;

	memcpy(&number, bytes + at + 1, sizeof number);
	for (size_t i = at + MOVE_SIZE; i + 4 <= end; i += ins.length) {
		if (is_use(bytes + i, reg))
			add(a, to, address + i, number == SYS_exit ? LIFE_BEFORE_EXIT : LIFE_BEFORE_EXIT_GROUP, number);
		if (!x86_decode(bytes + i, size - i, i, &ins))
			return;
	}
}

/* Uses of one number wherever it is moved to another register. */
static void find_ends(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t size, uint32_t number,
		      uint64_t address)
{
	const uint8_t *p = bytes, *end = bytes + size;

	while ((p = memmem(p, (size_t)(end - p), &number, sizeof number))) {
		if (p > bytes && p[-1] > 0xb8 && p[-1] <= 0xbf)
			follow_register(a, to, bytes, size, (size_t)(p - bytes) - 1, address);
		p++;
	}
}

/* rawVforkSyscall: the child writes over the return address, so that waits in a register. */
static void find_go_vfork(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t size, uint64_t address)
{
	static const uint8_t forms[][6] = { { 0x41, 0x5c, 0x0f, 0x05, 0x41, 0x54 },
					    { 0x41, 0x59, 0x0f, 0x05, 0x41, 0x51 } };

	for (size_t i = 0; i < base_count(forms); i++) {
		const uint8_t *p = memmem(bytes, size, forms[i], sizeof forms[i]);

		if (p)
			add(a, to, address + (uint64_t)(p - bytes) + 4, LIFE_AFTER_CLONE, SYS_vfork);
	}
}

/* The call that straight code from `at` on leads to; 0: none. */
static size_t next_call(const uint8_t *bytes, size_t size, size_t at)
{
	size_t end = base_min(size, at + REACH);
	struct x86_ins ins;

	for (; at + 2 <= end; at += ins.length) {
		if (bytes[at] == 0x0f && bytes[at + 1] == 0x05)
			return at;
		if (!x86_decode(bytes + at, size - at, at, &ins) || ins.class != X86_OTHER || ins.ends_flow)
			return 0;
	}
	return 0;
}

/* musl's clone: xor %eax,%eax; mov $56,%al; arguments; syscall. */
static void find_short_clone(struct arena *a, struct life_sites *to, const uint8_t *bytes, size_t size,
			     uint64_t address)
{
	static const uint8_t form[] = { 0x31, 0xc0, 0xb0, SYS_clone };
	const uint8_t *p = bytes, *end = bytes + size;

	while ((p = memmem(p, (size_t)(end - p), form, sizeof form))) {
		size_t call = next_call(bytes, size, (size_t)(p - bytes) + sizeof form);

		if (call)
			add(a, to, address + call + 2, LIFE_AFTER_CLONE, SYS_clone);
		p += sizeof form;
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
	find_ends(a, out, bytes, size, SYS_exit, address);
	find_ends(a, out, bytes, size, SYS_exit_group, address);
	find_go_vfork(a, out, bytes, size, address);
	find_short_clone(a, out, bytes, size, address);
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
