/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86: instructions of x86-64: bytes in, facts or bytes out.
 *
 * Decodes (Zydis behind it), relocates one instruction to another address,
 * and encodes the few forms that patches and generated code need.
 * Knows no process and no file.
 */
#ifndef SPILE_X86_H
#define SPILE_X86_H

#include "base/base.h"

enum x86_class {
	X86_OTHER, /* position-independent or RIP-relative data access */
	X86_JUMP, /* direct jmp: target */
	X86_JCC, /* conditional, loop, jrcxz: target */
	X86_CALL, /* direct call: target */
	X86_JUMP_INDIRECT,
	X86_CALL_INDIRECT,
	X86_RET,
	X86_SYSCALL,
	X86_TRAP, /* int3, int, ud2, hlt */
	X86_NOP,
	X86_ENDBR,
	X86_XBEGIN,
};

struct x86_ins {
	uint64_t address;
	uint8_t length; /* 1..15 */
	uint8_t bytes[15];
	enum x86_class class;
	uint64_t target; /* direct branches */
	bool rip_relative;
	uint8_t disp_offset; /* of the disp32, rip_relative */
	uint64_t rip_target;
	bool ends_flow; /* jmp, ret, ud2, hlt: nothing falls through */
	uint8_t opcode_offset; /* of the last opcode byte */
	bool address_32; /* rip_relative with an address-size prefix: cut to 32 bits */
	bool word_branch; /* a branch cut to 16 bits by some processors: not relocated */
};

/* false: not an instruction (or fewer bytes than it needs). */
bool x86_decode(const uint8_t *bytes, size_t n, uint64_t address, struct x86_ins *out);
/* "mov $0x1,%eax" in AT&T syntax into text[size]. */
void x86_format(const struct x86_ins *ins, char *text, size_t size);

/* ---- the stack ---------------------------------------------------------------- */

#define X86_NO_REGISTER (-1)

enum x86_stack_effect {
	X86_STACK_NONE, /* nothing but what `written` says */
	X86_STACK_SUM, /* register `to` = register `from` + by */
	X86_STACK_PUSH, /* by bytes */
	X86_STACK_POP,
	X86_STACK_LEAVE, /* rsp = rbp; pop rbp */
	X86_STACK_CALL, /* comes back with rsp as before; caller-saved registers are lost */
	X86_STACK_LOST, /* rsp afterwards is not known */
};
/* Registers by number, as enum abi_register. */
struct x86_stack {
	enum x86_stack_effect effect;
	int to, from;
	int64_t by;
	uint32_t written; /* a bit for every general register the instruction changes */
	/* its explicit memory operand: [base + index * scale + displacement], NO_REGISTER: none */
	int base, index;
	int64_t displacement;
	uint32_t size;
	bool computes_address; /* lea: not read, not written */
};
/* False: an instruction that is not known. */
bool x86_stack_decode(const struct x86_ins *ins, struct x86_stack *out);

/* ---- encoding ----------------------------------------------------------------- */

/* Most bytes one relocated instruction can take. */
#define X86_RELOCATED_MAX 48
/*
 * Writes to out the instruction's effect as if it still stood at
 * ins->address, when executed at `to`.  A branch goes to ins->target, which
 * the caller may have changed when the target was displaced as well.
 * Returns the size, 0 if it cannot be relocated there (out of reach, xbegin);
 * the size does not depend on `to`.  A call pushes its original return
 * address and jumps.
 */
uint32_t x86_relocate(const struct x86_ins *ins, uint64_t to, uint8_t out[X86_RELOCATED_MAX]);

/* 5 and 2 bytes; 0: out of reach. */
uint32_t x86_encode_jump32(uint8_t *out, uint64_t from, uint64_t to);
uint32_t x86_encode_jump8(uint8_t *out, uint64_t from, uint64_t to);
uint32_t x86_encode_jump_far(uint8_t *out, uint64_t to); /* jmp *0(%rip); .quad: 14 bytes */
uint32_t x86_encode_nops(uint8_t *out, uint32_t n);

#endif
