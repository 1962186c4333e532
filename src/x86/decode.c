/* SPDX-License-Identifier: Apache-2.0 */
/* decode: from bytes to the facts that patching needs. */
#include "x86/x86.h"

#include <string.h>

#include "x86/zydis.h"

/* Mnemonics with a class of their own; every other one is X86_OTHER. */
static const struct {
	ZydisMnemonic mnemonic;
	enum x86_class class; /* with a relative target */
	enum x86_class otherwise; /* without */
	bool ends_flow;
} classes[] = {
	{ ZYDIS_MNEMONIC_NOP, X86_NOP, X86_NOP, false },
	{ ZYDIS_MNEMONIC_CALL, X86_CALL, X86_CALL_INDIRECT, false },
	{ ZYDIS_MNEMONIC_JMP, X86_JUMP, X86_JUMP_INDIRECT, true },
	{ ZYDIS_MNEMONIC_RET, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_ENDBR64, X86_ENDBR, X86_ENDBR, false },
	{ ZYDIS_MNEMONIC_SYSCALL, X86_SYSCALL, X86_SYSCALL, false },
	{ ZYDIS_MNEMONIC_SYSENTER, X86_SYSCALL, X86_SYSCALL, false },
	{ ZYDIS_MNEMONIC_INT3, X86_TRAP, X86_TRAP, false },
	{ ZYDIS_MNEMONIC_INT, X86_TRAP, X86_TRAP, false },
	{ ZYDIS_MNEMONIC_INT1, X86_TRAP, X86_TRAP, false },
	{ ZYDIS_MNEMONIC_UD0, X86_TRAP, X86_TRAP, true },
	{ ZYDIS_MNEMONIC_UD1, X86_TRAP, X86_TRAP, true },
	{ ZYDIS_MNEMONIC_UD2, X86_TRAP, X86_TRAP, true },
	{ ZYDIS_MNEMONIC_HLT, X86_TRAP, X86_TRAP, true },
	{ ZYDIS_MNEMONIC_IRET, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_IRETD, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_IRETQ, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_SYSRET, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_SYSEXIT, X86_RET, X86_RET, true },
	{ ZYDIS_MNEMONIC_XBEGIN, X86_XBEGIN, X86_XBEGIN, false },
};

const ZydisDecoder *x86_decoder(bool minimal)
{
	static ZydisDecoder decoders[2];
	static bool ready;

	if (!ready) {
		for (int i = 0; i < 2; i++) {
			ZydisDecoderInit(&decoders[i], ZYDIS_MACHINE_MODE_LONG_64,
					 ZYDIS_STACK_WIDTH_64);
			ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_MINIMAL, i);
		}
		ready = true;
	}
	return &decoders[minimal];
}

static void classify(const ZydisDecodedInstruction *z, struct x86_ins *out)
{
	bool relative = z->raw.imm[0].is_relative;

	for (size_t i = 0; i < base_count(classes); i++) {
		if (classes[i].mnemonic != z->mnemonic)
			continue;
		out->class = relative ? classes[i].class : classes[i].otherwise;
		out->ends_flow = classes[i].ends_flow;
		return;
	}
	if (relative) /* jcc, loop, jrcxz */
		out->class = X86_JCC;
}

/* Offset of the last opcode byte: operands follow it. */
static uint8_t opcode_offset(const ZydisDecodedInstruction *z)
{
	if (z->attributes & ZYDIS_ATTRIB_HAS_MODRM)
		return z->raw.modrm.offset - 1;
	if (z->raw.imm[0].size)
		return z->raw.imm[0].offset - 1;
	if (z->raw.disp.size) /* mov between al/ax/eax/rax and an absolute address */
		return z->raw.disp.offset - 1;
	return z->length - 1;
}

static bool has_prefix(const ZydisDecodedInstruction *z, uint8_t value)
{
	for (int i = 0; i < z->raw.prefix_count; i++)
		if (z->raw.prefixes[i].value == value)
			return true;
	return false;
}

static bool is_rip_relative(const ZydisDecodedInstruction *z)
{
	return z->attributes & ZYDIS_ATTRIB_HAS_MODRM && z->raw.modrm.mod == 0 &&
	       z->raw.modrm.rm == 5 && z->raw.disp.size == 32;
}

/*
 * Relative operands. With an address-size prefix the sum is cut to 32 bits.
 * Branch displacements are sign-extended to 64 bits whatever their size
 * (Intel SDM volume 2, "JMP", "Jcc", 64-bit mode).
 */
static void read_relative(const ZydisDecodedInstruction *z, struct x86_ins *out)
{
	uint64_t next = out->address + out->length;

	if (is_rip_relative(z)) {
		out->rip_relative = true;
		out->disp_offset = z->raw.disp.offset;
		out->rip_target = next + (uint64_t)z->raw.disp.value;
		out->address_32 = has_prefix(z, 0x67);
		if (out->address_32)
			out->rip_target &= UINT32_MAX;
	}
	if (z->raw.imm[0].is_relative)
		out->target = next + (uint64_t)z->raw.imm[0].value.s;
}

/* A 16-bit branch: what it does differs between vendors, and no compiler emits it. */
static bool is_word_branch(const ZydisDecodedInstruction *z, enum x86_class class)
{
	if (class != X86_JUMP && class != X86_JCC && class != X86_CALL &&
	    class != X86_CALL_INDIRECT && class != X86_XBEGIN)
		return false;
	return has_prefix(z, 0x66) && !(z->attributes & ZYDIS_ATTRIB_HAS_REX && z->raw.rex.W);
}

bool x86_decode(const uint8_t *bytes, size_t n, uint64_t address, struct x86_ins *out)
{
	ZydisDecodedInstruction z;

	if (!n || ZYAN_FAILED(ZydisDecoderDecodeInstruction(x86_decoder(true), NULL, bytes,
							     base_min(n, 15u), &z)))
		return false;
	/* Branches on mask registers: of a processor that is no more. */
	if (z.raw.imm[0].is_relative && z.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	*out = (struct x86_ins){ .address = address, .length = z.length };
	memcpy(out->bytes, bytes, z.length);
	classify(&z, out);
	out->opcode_offset = opcode_offset(&z);
	out->word_branch = is_word_branch(&z, out->class);
	read_relative(&z, out);
	return true;
}
