/* SPDX-License-Identifier: Apache-2.0 */
/* stack: what an instruction does to registers that may point into the stack. */
#include "x86/x86.h"

#include "x86/zydis.h"

static int number_of(ZydisRegister r)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	if (ZydisRegisterGetClass(wide) != ZYDIS_REGCLASS_GPR64)
		return X86_NO_REGISTER;
	return ZydisRegisterGetId(wide);
}

static void read_memory(const ZydisDecodedOperand *o, struct x86_stack *out)
{
	if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || out->base != X86_NO_REGISTER)
		return;
	/* push, pop, call and ret have operands of their own: [rsp], not written by anybody */
	if (o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
		return;
	out->base = number_of(o->mem.base);
	out->index = number_of(o->mem.index);
	out->displacement = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
	out->size = o->size / 8;
}

static void read_register(const ZydisDecodedOperand *o, struct x86_stack *out)
{
	int n;

	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER || !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return;
	n = number_of(o->reg.value);
	if (n != X86_NO_REGISTER)
		out->written |= 1u << n;
}

static bool is_register(const ZydisDecodedOperand *o, int *n)
{
	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER || o->size != 64)
		return false;
	*n = number_of(o->reg.value);
	return *n != X86_NO_REGISTER;
}

/* mov and lea between whole registers, add and sub of a constant. */
static void read_arithmetic(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o,
			    struct x86_stack *out)
{
	int to, from;
	bool constant = o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (z->operand_count < 2 || !is_register(&o[0], &to))
		return;
	out->to = to;
	if (z->mnemonic == ZYDIS_MNEMONIC_MOV && is_register(&o[1], &from)) {
		out->effect = X86_STACK_SUM;
		out->from = from;
	} else if (z->mnemonic == ZYDIS_MNEMONIC_LEA && out->index == X86_NO_REGISTER &&
		   out->base != X86_NO_REGISTER) {
		out->effect = X86_STACK_SUM;
		out->from = out->base;
		out->by = out->displacement;
	} else if (constant && (z->mnemonic == ZYDIS_MNEMONIC_ADD || z->mnemonic == ZYDIS_MNEMONIC_SUB)) {
		out->effect = X86_STACK_SUM;
		out->from = to;
		out->by = z->mnemonic == ZYDIS_MNEMONIC_ADD ? o[1].imm.value.s : -o[1].imm.value.s;
	}
}

static void read_effect(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o,
			struct x86_stack *out)
{
	switch ((unsigned)z->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHFQ:
		out->effect = X86_STACK_PUSH;
		out->by = z->operand_width / 8;
		return;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPFQ:
		out->effect = X86_STACK_POP;
		out->by = z->operand_width / 8;
		return;
	case ZYDIS_MNEMONIC_LEAVE:
		out->effect = X86_STACK_LEAVE;
		return;
	case ZYDIS_MNEMONIC_CALL:
		out->effect = X86_STACK_CALL;
		return;
	case ZYDIS_MNEMONIC_ENTER:
		out->effect = X86_STACK_LOST;
		return;
	default:
		read_arithmetic(z, o, out);
	}
}

bool x86_stack_decode(const struct x86_ins *ins, struct x86_stack *out)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

	*out = (struct x86_stack){ .base = X86_NO_REGISTER, .index = X86_NO_REGISTER };
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(x86_decoder(false), ins->bytes, ins->length, &z, o)))
		return false;
	for (int i = 0; i < z.operand_count; i++) {
		read_memory(&o[i], out);
		read_register(&o[i], out);
	}
	out->computes_address = z.mnemonic == ZYDIS_MNEMONIC_LEA;
	read_effect(&z, o, out);
	return true;
}
