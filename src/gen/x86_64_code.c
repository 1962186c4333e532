/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of the few instructions that gen needs (AMD64 manual, volume 3, chapter 1). */
#include "gen/x86_64_code.h"

#include <string.h>

#define UNPLACED UINT32_MAX

struct code *code_create(struct arena *a)
{
	struct code *c = arena_new(a, struct code);

	c->arena = a;
	return c;
}

void code_bytes(struct code *c, const void *p, size_t n)
{
	if (c->cap - c->n < n) {
		uint32_t cap = base_max(c->cap * 2, c->n + (uint32_t)n + 512);
		uint8_t *bigger = arena_alloc(c->arena, cap);

		if (c->n)
			memcpy(bigger, c->p, c->n);
		c->p = bigger;
		c->cap = cap;
	}
	if (n)
		memcpy(c->p + c->n, p, n);
	c->n += (uint32_t)n;
}

void code_u8(struct code *c, uint32_t v)
{
	uint8_t byte = (uint8_t)v;

	if (c->n < c->cap) /* nearly always, and called for every opcode */
		c->p[c->n++] = byte;
	else
		code_bytes(c, &byte, 1);
}

void code_u32(struct code *c, uint32_t v)
{
	code_bytes(c, &v, sizeof v);
}

void code_u64(struct code *c, uint64_t v)
{
	code_bytes(c, &v, sizeof v);
}

void code_align(struct code *c, uint32_t to, uint8_t fill)
{
	while (c->n % to)
		code_u8(c, fill);
}

/* ---- units and labels ---------------------------------------------------------- */

void code_unit_begin(struct code *c)
{
	c->unit = c->n;
	c->unit_relocs = c->relocs.n;
	c->labels.n = c->fixes.n = c->n_near = 0;
}

static int64_t fix_distance(const struct code *c, const struct code_fix *f)
{
	uint32_t end = f->offset + (f->is_short ? 1 : 4);

	base_assert(c->labels.p[f->label] != UNPLACED);
	return (int64_t)c->labels.p[f->label] - end;
}

void code_unit_shorten(struct code *c)
{
	c->near = arena_alloc(c->arena, c->fixes.n);
	c->n_near = c->fixes.n;
	for (uint32_t i = 0; i < c->fixes.n; i++) {
		int64_t distance = fix_distance(c, &c->fixes.p[i]);

		c->near[i] = distance == (int8_t)distance;
	}
}

void code_unit_again(struct code *c)
{
	c->n = c->unit;
	c->relocs.n = c->unit_relocs;
	c->labels.n = c->fixes.n = 0;
}

void code_unit_end(struct code *c)
{
	vec_each(f, &c->fixes) {
		int64_t distance = fix_distance(c, f);
		int32_t wide = (int32_t)distance;

		base_assert(!f->is_short || distance == (int8_t)distance);
		memcpy(c->p + f->offset, &wide, f->is_short ? 1 : 4);
	}
}

uint32_t code_label(struct code *c)
{
	vec_push(c->arena, &c->labels, UNPLACED);
	return c->labels.n - 1;
}

void code_place(struct code *c, uint32_t label)
{
	c->labels.p[label] = c->n;
}

static void branch(struct code *c, uint32_t short_op, uint32_t long_op, uint32_t label)
{
	bool near = c->fixes.n < c->n_near && c->near[c->fixes.n];

	if (near) {
		code_u8(c, short_op);
	} else {
		if (long_op & OP_0F)
			code_u8(c, 0x0f);
		code_u8(c, long_op);
	}
	vec_push(c->arena, &c->fixes, (struct code_fix){ c->n, label, near });
	code_bytes(c, "\0\0\0\0", near ? 1 : 4);
}

void code_jump(struct code *c, uint32_t label)
{
	branch(c, 0xeb, 0xe9, label);
}

void code_jcc(struct code *c, uint32_t condition, uint32_t label)
{
	branch(c, 0x70 + condition, OP_0F | (0x80 + condition), label);
}

/* ---- instructions ---------------------------------------------------------------- */

static void opcode(struct code *c, uint32_t op, uint32_t reg, uint32_t rm, bool byte_register)
{
	uint32_t rex = (op & OP_W ? 8 : 0) | (reg >> 3 & 1) << 2 | (rm >> 3 & 1);

	if (op & OP_16)
		code_u8(c, 0x66);
	if (rex || byte_register)
		code_u8(c, 0x40 | rex);
	if (op & OP_0F)
		code_u8(c, 0x0f);
	code_u8(c, op);
}

void code_rr(struct code *c, uint32_t op, uint32_t reg, uint32_t rm)
{
	opcode(c, op, reg, rm, (op & OP_BYTE) && (reg >= 4 || rm >= 4));
	code_u8(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* tail: bytes of the instruction behind the displacement. */
static void with_memory(struct code *c, uint32_t op, uint32_t reg, struct code_mem m, uint32_t tail)
{
	uint32_t mode = m.disp == 0 && (m.base & 7) != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;

	if (m.base == CODE_RIP) {
		opcode(c, op, reg, 0, (op & OP_BYTE) && reg >= 4);
		code_u8(c, (reg & 7) << 3 | 5);
		code_u32(c, (uint32_t)m.disp - (c->n + 4 + tail));
		return;
	}
	opcode(c, op, reg, m.base, (op & OP_BYTE) && reg >= 4);
	code_u8(c, mode << 6 | (reg & 7) << 3 | (m.base & 7));
	if ((m.base & 7) == 4)
		code_u8(c, 0x24);
	if (mode == 1)
		code_u8(c, (uint8_t)m.disp);
	else if (mode == 2)
		code_u32(c, (uint32_t)m.disp);
}

void code_rm(struct code *c, uint32_t op, uint32_t reg, struct code_mem m)
{
	with_memory(c, op, reg, m, 0);
}

void code_move(struct code *c, uint32_t to, uint32_t from)
{
	if (to != from)
		code_rr(c, X_MOV, from, to);
}

void code_address_of(struct code *c, uint32_t to, struct code_mem m)
{
	if (m.disp == 0 && m.base != CODE_RIP)
		code_move(c, to, m.base);
	else
		code_rm(c, X_LEA, to, m);
}

void code_number(struct code *c, uint32_t to, int64_t v)
{
	if (v == (uint32_t)v) {
		opcode(c, 0xb8 + (to & 7), 0, to, false);
		code_u32(c, (uint32_t)v);
	} else if (v == (int32_t)v) {
		code_rr(c, OP_W | 0xc7, 0, to);
		code_u32(c, (uint32_t)v);
	} else {
		opcode(c, OP_W | (0xb8 + (to & 7)), 0, to, false);
		code_u64(c, (uint64_t)v);
	}
}

void code_alu_number(struct code *c, uint32_t ext, uint32_t reg, int32_t v)
{
	bool small = v == (int8_t)v;

	code_rr(c, OP_W | (small ? 0x83 : 0x81), ext, reg);
	code_bytes(c, &v, small ? 1 : 4);
}

void code_alu_number_mem(struct code *c, uint32_t ext, uint32_t op_w, struct code_mem m, int32_t v)
{
	bool small = v == (int8_t)v;

	with_memory(c, op_w | (small ? 0x83 : 0x81), ext, m, small ? 1 : 4);
	code_bytes(c, &v, small ? 1 : 4);
}

void code_store_number(struct code *c, uint32_t size, struct code_mem m, int32_t v)
{
	uint32_t op = size == 1 ? 0xc6 : size == 2 ? OP_16 | 0xc7 : size == 4 ? 0xc7 : OP_W | 0xc7;
	uint32_t bytes = base_min(size, 4u);

	with_memory(c, op, 0, m, bytes);
	code_bytes(c, &v, bytes);
}

void code_shift_number(struct code *c, uint32_t ext, uint32_t reg, uint32_t count)
{
	code_rr(c, OP_W | 0xc1, ext, reg);
	code_u8(c, count & 63);
}

void code_shift_cl(struct code *c, uint32_t ext, uint32_t reg)
{
	code_rr(c, OP_W | 0xd3, ext, reg);
}

void code_unary(struct code *c, uint32_t ext, uint32_t reg)
{
	code_rr(c, OP_W | 0xf7, ext, reg);
}

void code_inc_mem(struct code *c, struct code_mem m)
{
	code_rm(c, OP_W | 0xff, 0, m);
}

void code_dec_mem(struct code *c, struct code_mem m)
{
	code_rm(c, OP_W | 0xff, 1, m);
}

void code_multiply_number(struct code *c, uint32_t to, uint32_t from, int32_t v)
{
	bool small = v == (int8_t)v;

	code_rr(c, OP_W | (small ? 0x6b : 0x69), to, from);
	code_bytes(c, &v, small ? 1 : 4);
}

void code_multiply_number_mem(struct code *c, uint32_t to, struct code_mem from, int32_t v)
{
	bool small = v == (int8_t)v;

	with_memory(c, OP_W | (small ? 0x6b : 0x69), to, from, small ? 1 : 4);
	code_bytes(c, &v, small ? 1 : 4);
}

/* Base rbp or r13 needs a displacement; rsp, which cannot be an index, is never allocated. */
void code_lea_sum(struct code *c, uint32_t to, uint32_t a, uint32_t b)
{
	bool displaced = (a & 7) == 5;

	code_u8(c, 0x48 | (to >> 3) << 2 | (b >> 3) << 1 | a >> 3);
	code_u8(c, 0x8d);
	code_u8(c, (displaced ? 0x44 : 0x04) | (to & 7) << 3);
	code_u8(c, (b & 7) << 3 | (a & 7));
	if (displaced)
		code_u8(c, 0);
}

void code_setcc(struct code *c, uint32_t condition, uint32_t reg)
{
	opcode(c, OP_0F | (0x90 + condition), 0, reg, reg >= 4);
	code_u8(c, 0xc0 | (reg & 7));
}

void code_push(struct code *c, uint32_t reg)
{
	opcode(c, 0x50 + (reg & 7), 0, reg, false);
}

void code_pop(struct code *c, uint32_t reg)
{
	opcode(c, 0x58 + (reg & 7), 0, reg, false);
}

/* ---- with relocations --------------------------------------------------------------- */

void code_reloc(struct code *c, uint32_t kind, uint32_t symbol, int64_t addend)
{
	vec_push(c->arena, &c->relocs,
		 (struct bundle_reloc){
			 .kind = kind, .offset = c->n, .symbol = symbol, .addend = addend });
}

void code_table_offset(struct code *c)
{
	_Static_assert(sizeof(struct abi_table_entry) == 16, "the last shift");
	code_bytes(c, "\x69\xc1", 2); /* imul $hash,%ecx,%eax */
	code_u32(c, ABI_TABLE_HASH);
	code_bytes(c, "\xc1\xe8", 2); /* shr $shift,%eax */
	code_u8(c, ABI_TABLE_SHIFT);
	code_bytes(c, "\xc1\xe0\x04", 3); /* shl $4,%eax */
}

void code_thread_pointer(struct code *c)
{
	code_reloc(c, RELOC_THREAD_POINTER, 0, 0);
	code_bytes(c, "\xf3\x48\x0f\xae\xc1", 5); /* rdfsbase %rcx */
	code_bytes(c, "\x0f\x1f\x40\x00", 4); /* nop of 4 bytes */
}

void code_address(struct code *c, uint32_t to, uint32_t kind, int64_t addend)
{
	opcode(c, OP_W | (0xb8 + (to & 7)), 0, to, false);
	code_reloc(c, kind, 0, addend);
	code_u64(c, 0);
}

void code_call_runtime(struct code *c, uint32_t symbol)
{
	code_u8(c, 0xe8);
	code_reloc(c, RELOC_RUNTIME_REL32, symbol, 0);
	code_u32(c, 0);
}

void code_call_code(struct code *c, uint32_t target)
{
	code_u8(c, 0xe8);
	code_u32(c, target - (c->n + 4));
}
