/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of x86-64 under construction: the encoder of gen.
 *
 * Instructions are named by opcode constants: the opcode byte and bits for
 * what surrounds it.  Labels are numbers of the unit being emitted; branches to
 * them are resolved at its end.  A unit is emitted several times: with long
 * branches until nothing else changes, then with short ones where they reach.
 */
#ifndef SPILE_GEN_X86_64_CODE_H
#define SPILE_GEN_X86_64_CODE_H

#include "bundle/bundle.h"

/* Around the opcode byte. */
#define OP_W 0x100u /* REX.W: 64 bits */
#define OP_0F 0x200u
#define OP_BYTE 0x400u /* byte register: REX for spl..dil */
#define OP_16 0x800u /* 0x66 prefix */

enum {
	X_ADD = OP_W | 0x01,
	X_OR = OP_W | 0x09,
	X_AND = OP_W | 0x21,
	X_SUB = OP_W | 0x29,
	X_XOR = OP_W | 0x31,
	X_CMP = OP_W | 0x39, /* register with memory or register: op r, r/m */
	X_ADD_FROM = OP_W | 0x03, /* the other direction: op r/m, r */
	X_TEST = OP_W | 0x85,
	X_XCHG = OP_W | 0x87,
	X_MOV = OP_W | 0x89,
	X_MOV32 = 0x89,
	X_MOV16 = OP_16 | 0x89,
	X_MOV8 = OP_BYTE | 0x88,
	X_LOAD = OP_W | 0x8b,
	X_LOAD32 = 0x8b,
	X_LEA = OP_W | 0x8d,
	X_IMUL = OP_W | OP_0F | 0xaf,
	X_MOVZX8 = OP_0F | OP_BYTE | 0xb6,
	X_MOVZX16 = OP_0F | 0xb7,
	X_MOVSX8 = OP_W | OP_0F | OP_BYTE | 0xbe,
	X_MOVSX16 = OP_W | OP_0F | 0xbf,
	X_MOVSX32 = OP_W | 0x63,
};
/* Extensions of the immediate groups. */
enum { EXT_ADD = 0, EXT_OR = 1, EXT_AND = 4, EXT_SUB = 5, EXT_XOR = 6, EXT_CMP = 7 };
enum { EXT_SHL = 4, EXT_SHR = 5, EXT_SAR = 7 };
enum { EXT_NOT = 2, EXT_NEG = 3, EXT_IDIV = 7 };
/* Condition codes. */
enum { CC_B = 2, CC_E = 4, CC_NE = 5, CC_A = 7, CC_S = 8 };
enum { CC_L = 12, CC_GE = 13, CC_LE = 14, CC_G = 15 };

#define CODE_RIP 16u /* as a base: disp is an offset in the code */

struct code_mem {
	uint32_t base; /* register or CODE_RIP */
	int32_t disp;
};

struct code_fix {
	uint32_t offset; /* of the displacement */
	uint32_t label;
	bool is_short;
};

struct code {
	struct arena *arena;
	uint8_t *p;
	uint32_t n, cap;
	VEC(struct bundle_reloc) relocs;
	/* of the unit */
	VEC(uint32_t) labels; /* offsets; UINT32_MAX: not placed yet */
	VEC(struct code_fix) fixes; /* in order of emission */
	uint8_t *near; /* per fix of the previous round: short form is enough */
	uint32_t n_near;
	uint32_t unit; /* where it starts */
	uint32_t unit_relocs;
};

static inline struct code_mem code_at(uint32_t base, int64_t disp)
{
	base_assert(disp == (int32_t)disp);
	return (struct code_mem){ base, (int32_t)disp };
}

struct code *code_create(struct arena *a);
void code_bytes(struct code *c, const void *p, size_t n);
void code_u8(struct code *c, uint32_t v);
void code_u32(struct code *c, uint32_t v);
void code_u64(struct code *c, uint64_t v);
/* Pads with int3 in text, zeroes in data. */
void code_align(struct code *c, uint32_t to, uint8_t fill);

/* ---- units and labels */
void code_unit_begin(struct code *c);
/* Notes which branches may be short when the same is emitted again: distances can only shrink. */
void code_unit_shorten(struct code *c);
/* Forgets what the unit emitted so far. */
void code_unit_again(struct code *c);
void code_unit_end(struct code *c); /* resolves branches */
uint32_t code_label(struct code *c); /* a new one, not placed */
void code_place(struct code *c, uint32_t label);
void code_jump(struct code *c, uint32_t label);
void code_jcc(struct code *c, uint32_t condition, uint32_t label);

/* ---- instructions */
void code_rr(struct code *c, uint32_t op, uint32_t reg, uint32_t rm);
void code_rm(struct code *c, uint32_t op, uint32_t reg, struct code_mem m);
void code_move(struct code *c, uint32_t to, uint32_t from); /* nothing if the same */
void code_address_of(struct code *c, uint32_t to, struct code_mem m); /* lea, or a move */
void code_number(struct code *c, uint32_t to, int64_t v); /* shortest form that keeps flags */
void code_alu_number(struct code *c, uint32_t ext, uint32_t reg, int32_t v);
void code_alu_number_mem(struct code *c, uint32_t ext, uint32_t op_w, struct code_mem m, int32_t v);
void code_store_number(struct code *c, uint32_t size, struct code_mem m, int32_t v);
void code_shift_number(struct code *c, uint32_t ext, uint32_t reg, uint32_t count);
void code_shift_cl(struct code *c, uint32_t ext, uint32_t reg);
void code_unary(struct code *c, uint32_t ext, uint32_t reg); /* EXT_NOT, EXT_NEG, EXT_IDIV */
void code_inc_mem(struct code *c, struct code_mem m);
void code_dec_mem(struct code *c, struct code_mem m);
void code_multiply_number(struct code *c, uint32_t to, uint32_t from, int32_t v);
void code_multiply_number_mem(struct code *c, uint32_t to, struct code_mem from, int32_t v);
void code_lea_sum(struct code *c, uint32_t to, uint32_t a, uint32_t b);
void code_setcc(struct code *c, uint32_t condition, uint32_t reg);
void code_push(struct code *c, uint32_t reg);
void code_pop(struct code *c, uint32_t reg);

/* ---- with relocations */
/* At the current offset. */
void code_reloc(struct code *c, uint32_t kind, uint32_t symbol, int64_t addend);
/* rax: offset in the slot table of the entry for the key in rcx */
void code_table_offset(struct code *c);
/* rcx: the thread pointer */
void code_thread_pointer(struct code *c);
/* movabs with a relocated address */
void code_address(struct code *c, uint32_t to, uint32_t kind, int64_t addend);
void code_call_runtime(struct code *c, uint32_t symbol);
void code_call_code(struct code *c, uint32_t target); /* known offset of the same code */

#endif
