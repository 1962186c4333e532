/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of frames.
 *
 * A caller's registers follow from the callee's by the call frame information
 * at the callee's address: .debug_frame where it covers the address, else
 * .eh_frame.  They are trees like everything else, so that what an expression
 * needs of a caller becomes loads from the stack in the handler.
 */
#include <dwarf.h>

#include "abi/abi.h"
#include "elf/location.h"

/* DWARF numbers of x86-64 (System V ABI, figure 3.36). */
#define DWARF_RETURN_ADDRESS 16u
#define DWARF_RSP 7u
#define DWARF_XMM0 17u
#define DWARF_XMM15 32u

int elf_register_from_dwarf(unsigned number)
{
	static const int8_t map[] = { ABI_RAX, ABI_RDX, ABI_RCX, ABI_RBX, ABI_RSI, ABI_RDI,
				      ABI_RBP, ABI_RSP, ABI_R8,	 ABI_R9,  ABI_R10, ABI_R11,
				      ABI_R12, ABI_R13, ABI_R14, ABI_R15, ABI_RIP };

	return number < base_count(map) ? map[number] : -1;
}

static Dwarf_Frame *rules_at(Dwarf_CFI *cfi, uint64_t pc)
{
	Dwarf_Frame *rules;

	return cfi && dwarf_cfi_addrframe(cfi, pc, &rules) == 0 ? rules : NULL;
}

/* libdw makes them with malloc(); they are small, and kept until the file is closed. */
static Dwarf_Frame *rules_of(struct elf_frame *f)
{
	if (f->rules_loaded)
		return f->rules;
	f->rules_loaded = true;
	f->rules = rules_at(f->data->debug_frame, f->pc);
	if (!f->rules)
		f->rules = rules_at(f->data->eh_frame, f->pc);
	if (f->rules)
		vec_push(f->data->arena, &f->data->rules, f->rules);
	return f->rules;
}

const struct elf_node *elf_frame_cfa(struct elf_frame *f)
{
	Dwarf_Frame *rules = rules_of(f);
	struct elf_location l;
	Dwarf_Op *ops;
	size_t n;

	if (!rules || dwarf_frame_cfa(rules, &ops, &n) != 0 || !n)
		return NULL;
	l = elf_location_run(f, NULL, ops, n);
	return l.place == ELF_PLACE_MEMORY || l.place == ELF_PLACE_VALUE ? l.node : NULL;
}

/* What f's caller has in a register; in f's registers and stack. */
static const struct elf_node *caller_register(struct elf_frame *f, unsigned number)
{
	Dwarf_Frame *rules = rules_of(f);
	Dwarf_Op room[3], *ops;
	struct elf_location l;
	size_t n;

	if (!rules || dwarf_frame_register(rules, (int)number, room, &ops, &n) != 0)
		return NULL;
	/*
	 * No rule is said to be "undefined" for registers that calls may change. GCC still describes
	 * what it passed by such a register, when it knows that the callee leaves it alone.
	 */
	if (!n && ops == room && number == DWARF_RETURN_ADDRESS)
		return NULL;
	if (!n)
		return number == DWARF_RSP ? elf_frame_cfa(f) : elf_frame_register(f, number);
	l = elf_location_run(f, NULL, ops, n);
	return elf_location_word(f, &l);
}

const struct elf_node *elf_frame_register(struct elf_frame *f, unsigned number)
{
	int reg = elf_register_from_dwarf(number);

	if (reg < 0)
		return NULL;
	if (f->callee)
		return number == DWARF_RETURN_ADDRESS ?
			       NULL :
			       caller_register((struct elf_frame *)f->callee, number);
	return elf_node_leaf(f->data->arena, ELF_NODE_REGISTER, reg);
}

/* As for other registers that have no rule: a caller's are the callee's. */
const struct elf_node *elf_frame_vector(struct elf_frame *f, unsigned number, bool upper)
{
	if (number < DWARF_XMM0 || number > DWARF_XMM15)
		return NULL;
	return elf_node_leaf(f->data->arena, ELF_NODE_VECTOR, 2 * (number - DWARF_XMM0) + upper);
}

const struct elf_node *elf_frame_return_address(struct elf_frame *f)
{
	return caller_register(f, DWARF_RETURN_ADDRESS);
}

/* A register's name gives its content, an address is the base itself. */
const struct elf_node *elf_frame_base(struct elf_frame *f)
{
	Dwarf_Attribute attribute;
	struct elf_location l;

	if (!f->function.addr || !dwarf_attr_integrate(&f->function, DW_AT_frame_base, &attribute))
		return NULL;
	l = elf_location_of(f, &attribute);
	return l.place == ELF_PLACE_MEMORY || l.place == ELF_PLACE_VALUE ? l.node : NULL;
}
