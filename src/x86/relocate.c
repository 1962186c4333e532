/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relocate: the same effect from another address.
 *
 * What an instruction can know about its own address, and what becomes of it:
 *
 *	disp32(%rip)        the same target, another displacement
 *	jmp, jcc            the rel32 form to the same target
 *	loop, jrcxz         have no rel32 form:   loop 1f; jmp 2f; 1: jmp target; 2:
 *	call                push the original return address; jmp target
 *	call *operand       push the original return address; jmp *operand
 *	xbegin              its abort address by another displacement
 *
 * Nothing here changes a register or a flag the original does not change.
 * The size of the result depends on the instruction alone, not on `to`, so
 * that a block can be laid out before its place is known.
 */
#include "x86/x86.h"

#include <string.h>

#define REX_B 1
#define RSP 4 /* as ModRM.rm it announces a SIB byte, as base it is rsp */

static uint8_t rex_of(const struct x86_ins *ins)
{
	uint8_t b = ins->opcode_offset ? ins->bytes[ins->opcode_offset - 1] : 0;

	return (b & 0xf0) == 0x40 ? b & 0x0f : 0;
}

/* disp32 at out[at] of an instruction that ends at `end`, so that it means ins->rip_target. */
static bool put_displacement(const struct x86_ins *ins, uint8_t *out, uint32_t at, uint64_t end)
{
	int64_t d = (int64_t)(ins->rip_target - end);
	int32_t d32 = (int32_t)d;

	memcpy(out + at, &d32, 4);
	return d == d32 || ins->address_32;
}

static uint32_t relocate_copy(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	memcpy(out, ins->bytes, ins->length);
	if (ins->rip_relative &&
	    !put_displacement(ins, out, ins->disp_offset, to + ins->length))
		return 0;
	return ins->length;
}

static uint32_t relocate_jump(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	return x86_encode_jump32(out, to, ins->target);
}

/* jcc: 70..7f rel8 and 0f 80..8f rel32 keep the condition in the low four bits. */
static uint32_t relocate_condition(uint8_t condition, const struct x86_ins *ins, uint64_t to,
				   uint8_t *out)
{
	if (!x86_encode_jump32(out + 1, to + 1, ins->target))
		return 0;
	out[0] = 0x0f;
	out[1] = 0x80 | condition;
	return 6;
}

/* loopne, loope, loop, jrcxz: e0..e3, and with an address-size prefix on ecx. */
static uint32_t relocate_loop(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	uint32_t n = 0;

	if (memchr(ins->bytes, 0x67, ins->opcode_offset))
		out[n++] = 0x67;
	out[n++] = ins->bytes[ins->opcode_offset];
	out[n++] = 2;
	out[n++] = 0xeb;
	out[n++] = 5;
	return x86_encode_jump32(out + n, to + n, ins->target) ? n + 5 : 0;
}

static uint32_t relocate_jcc(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	uint8_t opcode = ins->bytes[ins->opcode_offset];

	if ((opcode & 0xfc) == 0xe0)
		return relocate_loop(ins, to, out);
	return relocate_condition(opcode & 0x0f, ins, to, out);
}

/*
 * push $low (sign-extended to 64 bits); movl $high,4(%rsp) where the sign
 * extension is not the address already. Between the two a signal handler can
 * see half an address, never a changed register.
 */
static uint32_t push_return(const struct x86_ins *ins, uint8_t *out)
{
	static const uint8_t store_high[] = { 0xc7, 0x44, 0x24, 0x04 };
	uint64_t address = ins->address + ins->length;
	uint32_t high = address >> 32;

	out[0] = 0x68;
	memcpy(out + 1, &address, 4);
	if (address == (uint64_t)(int64_t)(int32_t)address)
		return 5;
	memcpy(out + 5, store_high, sizeof store_high);
	memcpy(out + 9, &high, 4);
	return 13;
}

static uint32_t relocate_call(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	uint32_t n = push_return(ins, out);

	return x86_encode_jump32(out + n, to + n, ins->target) ? n + 5 : 0;
}

/*
 * An operand based on rsp lies 8 bytes further up after the push. Rewritten
 * with a disp32, which every base allows. Operands inside the pushed slot
 * would be overwritten before they are read: refused.
 */
static uint32_t encode_stack_operand(const struct x86_ins *ins, uint8_t *out)
{
	uint32_t modrm = ins->opcode_offset + 1u;
	uint8_t sib = ins->bytes[modrm + 1];
	int32_t disp = 0;

	if (ins->bytes[modrm] >> 6 == 1)
		disp = (int8_t)ins->bytes[modrm + 2];
	else if (ins->bytes[modrm] >> 6 == 2)
		memcpy(&disp, ins->bytes + modrm + 2, 4);
	if ((disp > -16 && disp < 0) || disp > INT32_MAX - 8)
		return 0;
	disp += 8;
	memcpy(out, ins->bytes, modrm);
	out[modrm] = 0x80 | 4 << 3 | RSP; /* mod 2, /4: jmp */
	out[modrm + 1] = sib;
	memcpy(out + modrm + 2, &disp, 4);
	return modrm + 6;
}

static bool is_stack_based(const struct x86_ins *ins)
{
	uint8_t modrm = ins->bytes[ins->opcode_offset + 1];

	return modrm >> 6 != 3 && (modrm & 7) == RSP && !(rex_of(ins) & REX_B) &&
	       (ins->bytes[ins->opcode_offset + 2] & 7) == RSP;
}

static uint32_t relocate_call_indirect(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	uint32_t n = push_return(ins, out), size, at = ins->opcode_offset + 1u;
	uint8_t modrm = ins->bytes[at];

	if ((modrm >> 3 & 7) != 2) /* /3: a far call */
		return 0;
	if (modrm >> 6 == 3 && (modrm & 7) == RSP && !(rex_of(ins) & REX_B))
		return 0; /* call *%rsp: its value has changed */
	if (is_stack_based(ins)) {
		size = encode_stack_operand(ins, out + n);
		return size ? n + size : 0;
	}
	size = relocate_copy(ins, to + n, out + n);
	out[n + at] = (modrm & 0xc7) | 4 << 3;
	return size ? n + size : 0;
}

/* c7 f8 rel32. */
static uint32_t relocate_xbegin(const struct x86_ins *ins, uint64_t to, uint8_t *out)
{
	if (!x86_encode_jump32(out + 1, to + 1, ins->target))
		return 0;
	out[0] = 0xc7;
	out[1] = 0xf8;
	return 6;
}

uint32_t x86_relocate(const struct x86_ins *ins, uint64_t to, uint8_t out[X86_RELOCATED_MAX])
{
	static uint32_t (*const by_class[])(const struct x86_ins *, uint64_t, uint8_t *) = {
		[X86_OTHER] = relocate_copy,
		[X86_JUMP] = relocate_jump,
		[X86_JCC] = relocate_jcc,
		[X86_CALL] = relocate_call,
		[X86_JUMP_INDIRECT] = relocate_copy,
		[X86_CALL_INDIRECT] = relocate_call_indirect,
		[X86_RET] = relocate_copy,
		[X86_SYSCALL] = relocate_copy,
		[X86_TRAP] = relocate_copy,
		[X86_NOP] = relocate_copy,
		[X86_ENDBR] = relocate_copy,
		[X86_XBEGIN] = relocate_xbegin,
	};

	return ins->word_branch ? 0 : by_class[ins->class](ins, to, out);
}
