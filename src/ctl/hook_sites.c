/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and replacing system calls by number.
 *
 *	b8 0e 00 00 00   mov $14,%eax     the usual form: the patch replaces the mov
 *	0f 05            syscall          and goes on behind the syscall
 *
 *	b8 0e 00 00 00   mov $14,%eax     arguments set in between: the patch replaces
 *	bf 02 00 00 00   mov $2,%edi      the syscall and what follows it, and asks
 *	0f 05            syscall          for the number in rax at run time
 */
#include "ctl/hook_sites.h"

#include <string.h>

#include "x86/x86.h"

#define MOVE_SIZE 5u
#define REACH 40u /* bytes between the mov and its syscall */

static bool is_syscall(const uint8_t *p)
{
	return p[0] == 0x0f && p[1] == 0x05;
}

/* Its second byte is the rarer one in code; memmem() takes eight times as long. */
size_t hook_sites_next(const uint8_t *bytes, size_t size, size_t at)
{
	const uint8_t *p = bytes + at + 1, *end = bytes + size;

	for (; p < end && (p = memchr(p, 0x05, (size_t)(end - p))); p++)
		if (is_syscall(p - 1))
			return (size_t)(p - 1 - bytes);
	return size;
}

/* Offset of the syscall that the mov at `at` leads to by straight-line code; 0 none. */
static size_t follow(const uint8_t *bytes, size_t size, size_t at, uint32_t *written)
{
	size_t i = at + MOVE_SIZE, end = base_min(size, i + REACH);
	struct x86_ins ins;
	struct x86_stack effect;

	*written = 0;

	while (i + SYSCALL_SIZE <= end) {
		if (is_syscall(bytes + i))
			return i;
		if (!x86_decode(bytes + i, size - i, i, &ins) || ins.class != X86_OTHER ||
		    ins.ends_flow)
			return 0;
		*written |= x86_stack_decode(&ins, &effect) ? effect.written : UINT32_MAX;
		i += ins.length;
	}
	return 0;
}

static bool move_number(const uint8_t *p, const uint32_t *numbers, uint32_t n, uint32_t *number)
{
	memcpy(number, p + 1, sizeof *number);
	for (uint32_t i = 0; i < n; i++)
		if (numbers[i] == *number)
			return true;
	return false;
}

void hook_sites_find(struct arena *a, const uint8_t *bytes, size_t size, uint64_t address,
		     const uint32_t *numbers, uint32_t n, struct hook_sites *out)
{
	const uint8_t *p = bytes, *end = bytes + size;

	while (end - p >= (ptrdiff_t)(MOVE_SIZE + SYSCALL_SIZE) &&
	       (p = memchr(p, 0xb8, (size_t)(end - p)))) {
		size_t at = (size_t)(p - bytes), call;
		uint32_t number, written;

		p++;
		if (at + MOVE_SIZE + SYSCALL_SIZE > size ||
		    !move_number(bytes + at, numbers, n, &number))
			continue;
		call = follow(bytes, size, at, &written);
		if (!call)
			continue;
		vec_push(a, &out->list, (struct hook_site){
			.address = address + (call == at + MOVE_SIZE ? at : call),
			.move = address + at,
			.after = address + call + SYSCALL_SIZE,
			.number = number,
			.written = written,
			.at_move = call == at + MOVE_SIZE });
	}
}

static const uint8_t call[] = {
	0x48, 0x8d, 0x64, 0x24, 0x80, /* lea -128(%rsp),%rsp */
	0xff, 0x15, 0, 0, 0, 0, /* call *literal(%rip) */
	0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0, /* lea 128(%rsp),%rsp */
};
#define CALL_BEGIN 5u
#define CALL_END 11u /* of the call instruction: the literal is found from there */

void hook_call_row(uint64_t comes_back, struct abi_unwind *row)
{
	row->kind = ABI_UNWIND_DISPLACED;
	row->other = comes_back;
	row->cfa = ABI_RED_ZONE;
	row->end = row->start + CALL_END;
	row->start += CALL_BEGIN;
}

uint32_t hook_call_body(uint64_t hook, uint8_t out[HOOK_BODY_MAX])
{
	static const uint8_t skip[] = { 0xeb, 8 }; /* over the literal */
	uint32_t n = sizeof call, literal = n + sizeof skip - CALL_END;

	memcpy(out, call, sizeof call);
	memcpy(out + n, skip, sizeof skip);
	n += sizeof skip;
	memcpy(out + 7, &literal, sizeof literal);
	memcpy(out + n, &hook, sizeof hook);
	return n + sizeof hook;
}

uint32_t hook_skip_body(uint8_t out[HOOK_BODY_MAX])
{
	static const uint8_t skip[] = { 0xeb, SYSCALL_SIZE };

	memcpy(out, skip, sizeof skip);
	return sizeof skip;
}

uint32_t hook_body(const struct hook_site *s, uint64_t hook, uint8_t out[HOOK_BODY_MAX])
{
	static const uint8_t leave[] = {
		0xff, 0x25, 8, 0, 0, 0
	}; /* jmp *8(%rip): the second literal */
	static const uint8_t skip[] = { 0xeb,
					8 + SYSCALL_SIZE }; /* over the literal and the syscall */
	uint32_t n = sizeof call, literal;

	memcpy(out, call, sizeof call);
	if (s->at_move) {
		memcpy(out + n, leave, sizeof leave);
		n += sizeof leave;
	} else {
		memcpy(out + n, skip, sizeof skip);
		n += sizeof skip;
	}
	literal = n - CALL_END;
	memcpy(out + 7, &literal, sizeof literal);
	memcpy(out + n, &hook, sizeof hook);
	n += 8;
	if (s->at_move) {
		memcpy(out + n, &s->after, sizeof s->after);
		n += 8;
	}
	return n;
}
