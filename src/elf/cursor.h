/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading call frame information: bytes that stand at a link-time address.
 *
 * Layout and DW_EH_PE encodings: Linux Standard Base, Core, "Exception Frames".
 */
#ifndef SPILE_ELF_CURSOR_H
#define SPILE_ELF_CURSOR_H

#include <dwarf.h>

#include "elf/file.h"

/* Reads forward through bytes that stand at a link-time address. */
struct cursor {
	const uint8_t *p, *end;
	uint64_t address; /* of p */
	bool bad; /* ran past the end: everything read since is 0 */
};

static inline struct cursor cursor_at(const struct elf_file *f, uint64_t address)
{
	uint64_t available = 0;
	const uint8_t *p = elf_bytes(f, address, &available);

	return (struct cursor){ p, p ? p + available : p, address, !p };
}

static inline uint64_t take(struct cursor *c, unsigned size)
{
	uint64_t v = 0;

	if (c->bad || (size_t)(c->end - c->p) < size) {
		c->bad = true;
		return 0;
	}
	memcpy(&v, c->p, size);
	c->p += size;
	c->address += size;
	return v;
}

/* *bits gets how many the bytes have. */
static inline uint64_t take_leb128_bits(struct cursor *c, unsigned *bits)
{
	uint64_t v = 0, byte;

	*bits = 0;
	do {
		byte = take(c, 1);
		if (*bits < 64)
			v |= (byte & 0x7f) << *bits;
		*bits += 7;
	} while (byte & 0x80);
	return v;
}

static inline uint64_t take_leb128(struct cursor *c)
{
	unsigned bits;

	return take_leb128_bits(c, &bits);
}

static inline int64_t take_signed_leb128(struct cursor *c)
{
	unsigned bits;
	uint64_t v = take_leb128_bits(c, &bits);

	if (bits < 64 && v >> (bits - 1) & 1)
		v |= ~(uint64_t)0 << bits;
	return (int64_t)v;
}

/* An address in a DW_EH_PE encoding; datarel counts from `data`. Indirect ones are bad here. */
static inline uint64_t take_encoded(struct cursor *c, uint8_t encoding, uint64_t data)
{
	uint64_t base = 0, v = 0;

	switch (encoding & 0x70) {
	case DW_EH_PE_absptr: break;
	case DW_EH_PE_pcrel: base = c->address; break;
	case DW_EH_PE_datarel: base = data; break;
	default: c->bad = true; break;
	}
	switch (encoding & 0x8f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8: v = take(c, 8); break;
	case DW_EH_PE_udata4: v = take(c, 4); break;
	case DW_EH_PE_sdata4: v = (uint64_t)(int64_t)(int32_t)take(c, 4); break;
	case DW_EH_PE_udata2: v = take(c, 2); break;
	case DW_EH_PE_sdata2: v = (uint64_t)(int64_t)(int16_t)take(c, 2); break;
	case DW_EH_PE_uleb128: v = take_leb128(c); break;
	default: c->bad = true; break;
	}
	return c->bad ? 0 : base + v;
}

/* The head of a CIE or FDE; the cursor ends with the entry. 0 ends the section. */
static inline uint64_t take_length(struct cursor *c)
{
	uint64_t length = take(c, 4);

	if (length == 0xffffffff)
		length = take(c, 8);
	if (c->bad || length > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		return 0;
	}
	c->end = c->p + length;
	return length;
}

#endif
