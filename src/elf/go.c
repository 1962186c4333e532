/* SPDX-License-Identifier: Apache-2.0 */
/*
 * go: where functions made by the Go compiler begin for those who count calls.
 *
 *	f:	cmp 0x10(%r14),%rsp	is there stack enough?	(a goroutine's bounds: runtime.g)
 *		jbe more
 *		...			<- here
 *	more:	call runtime.morestack
 *		jmp f			the same call begins anew
 *
 * The forms are those of cmd/internal/obj/x86 (stacksplit): frames beyond the guard, and beyond the address
 * space's begin, have more in front of the comparison; before Go 1.17 the goroutine was in %rcx.
 */
#include "elf/elf.h"

#include <string.h>

#define PIECES 4u

struct piece {
	uint8_t size, n; /* bytes of the instruction; how many of them say which it is */
	uint8_t bytes[9];
};
static const struct check {
	struct piece piece[PIECES];
} checks[] = {
	{ { { 4, 4, { 0x49, 0x3b, 0x66, 0x10 } } } }, /* cmp 0x10(%r14),%rsp */
	{ { { 5, 4, { 0x4c, 0x8d, 0x64, 0x24 } }, { 4, 4, { 0x4d, 0x3b, 0x66, 0x10 } } } }, /* lea d8(%rsp),%r12 */
	{ { { 8, 4, { 0x4c, 0x8d, 0xa4, 0x24 } }, { 4, 4, { 0x4d, 0x3b, 0x66, 0x10 } } } }, /* lea d32(%rsp),%r12 */
	{ { { 9, 9, { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff } }, /* mov %fs:-8,%rcx */
	    { 4, 4, { 0x48, 0x3b, 0x61, 0x10 } } } },
	{ { { 9, 9, { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff } },
	    { 5, 4, { 0x48, 0x8d, 0x44, 0x24 } },
	    { 4, 4, { 0x48, 0x3b, 0x41, 0x10 } } } },
	{ { { 9, 9, { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff } },
	    { 8, 4, { 0x48, 0x8d, 0x84, 0x24 } },
	    { 4, 4, { 0x48, 0x3b, 0x41, 0x10 } } } },
};
/* mov %rsp,%r12; sub $size,%r12; jb more; cmp 0x10(%r14),%r12: the branch may be long or short */
static const uint8_t huge[] = { 0x49, 0x89, 0xe4, 0x49, 0x81, 0xec };
#define HUGE_SIZE 10u
static const uint8_t huge_compare[] = { 0x4d, 0x3b, 0x66, 0x10 };

static bool is_at(const uint8_t *code, uint64_t n, uint64_t at, const uint8_t *bytes, uint32_t size)
{
	return at + size <= n && memcmp(code + at, bytes, size) == 0;
}

/* Behind the branch, "below" or, with 4 more, "below or equal"; 0: there is none to a place in the function. */
static uint64_t branch(const uint8_t *code, uint64_t n, uint64_t at, uint8_t condition)
{
	int32_t distance;
	uint64_t end;

	if (at + 2 <= n && code[at] == (0x70 | condition)) {
		distance = (int8_t)code[at + 1];
		end = at + 2;
	} else if (at + 6 <= n && code[at] == 0x0f && code[at + 1] == (0x80 | condition)) {
		memcpy(&distance, code + at + 2, sizeof distance);
		end = at + 6;
	} else {
		return 0;
	}
	return distance > 0 && (uint64_t)distance < n - end ? end : 0;
}

static uint64_t behind_check(const struct check *c, const uint8_t *code, uint64_t n)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < PIECES && c->piece[i].size; i++) {
		if (!is_at(code, n, at, c->piece[i].bytes, c->piece[i].n))
			return 0;
		at += c->piece[i].size;
	}
	return branch(code, n, at, 6);
}

static uint64_t behind_huge(const uint8_t *code, uint64_t n)
{
	uint64_t at = is_at(code, n, 0, huge, sizeof huge) ? branch(code, n, HUGE_SIZE, 2) : 0;

	if (!at || !is_at(code, n, at, huge_compare, sizeof huge_compare))
		return 0;
	return branch(code, n, at + sizeof huge_compare, 6);
}

uint64_t elf_go_body(const struct elf_file *f, uint64_t start, uint64_t end)
{
	uint64_t n = 0, behind;
	const uint8_t *code = f->is_go && end > start ? elf_bytes(f, start, &n) : NULL;

	if (!code)
		return start;
	n = n < end - start ? n : end - start;
	behind = behind_huge(code, n);
	for (size_t i = 0; i < sizeof checks / sizeof *checks && !behind; i++)
		behind = behind_check(&checks[i], code, n);
	return start + behind;
}
