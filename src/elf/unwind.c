/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents from .eh_frame: every function that may be unwound has an entry.
 *
 *	.eh_frame_hdr   version, encodings, -> .eh_frame, n, [start, -> FDE] * n sorted
 *	.eh_frame       CIE: augmentation "zR" names the encoding of addresses
 *	                FDE: -> CIE, start, length, instructions
 *
 * Layout and DW_EH_PE encodings: Linux Standard Base, Core, "Exception Frames".
 */
#include <dwarf.h>

#include "elf/file.h"

/* Reads forward through bytes that stand at a link-time address. */
struct cursor {
	const uint8_t *p, *end;
	uint64_t address; /* of p */
	bool bad; /* ran past the end: everything read since is 0 */
};

static struct cursor cursor_at(const struct elf_file *f, uint64_t address)
{
	uint64_t available = 0;
	const uint8_t *p = elf_bytes(f, address, &available);

	return (struct cursor){ p, p ? p + available : p, address, !p };
}

static uint64_t take(struct cursor *c, unsigned size)
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

static uint64_t take_leb128(struct cursor *c)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = take(c, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return v;
}

/* An address in a DW_EH_PE encoding; datarel counts from `data`. Indirect ones are bad here. */
static uint64_t take_encoded(struct cursor *c, uint8_t encoding, uint64_t data)
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
static uint64_t take_length(struct cursor *c)
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

/* How the FDEs of a CIE write addresses. */
struct encodings {
	uint8_t code, lsda; /* DW_EH_PE_*; lsda DW_EH_PE_omit: there is none */
	bool augmented; /* FDEs have augmentation data */
};

/* From the 'R' and 'L' of the CIE at an address; false if the CIE is not understood. */
static bool cie_encodings(const struct elf_file *f, uint64_t address, struct encodings *out)
{
	struct cursor c = cursor_at(f, address);
	char augmentation[8] = { 0 };
	uint8_t version;

	*out = (struct encodings){ DW_EH_PE_absptr, DW_EH_PE_omit, false };
	if (!take_length(&c) || take(&c, 4) != 0)
		return false;
	version = (uint8_t)take(&c, 1);
	for (unsigned i = 0; i < sizeof augmentation; i++) {
		augmentation[i] = (char)take(&c, 1);
		if (!augmentation[i])
			break;
	}
	if (c.bad || augmentation[sizeof augmentation - 1])
		return false;
	take_leb128(&c); /* code alignment */
	take_leb128(&c); /* data alignment */
	if (version == 1)
		take(&c, 1);
	else
		take_leb128(&c);
	if (augmentation[0] != 'z')
		return !c.bad && !augmentation[0];
	out->augmented = true;
	take_leb128(&c);
	for (const char *letter = augmentation + 1; *letter && !c.bad; letter++) {
		if (*letter == 'R')
			out->code = (uint8_t)take(&c, 1);
		else if (*letter == 'L')
			out->lsda = (uint8_t)take(&c, 1);
		else if (*letter == 'P')
			take_encoded(&c, (uint8_t)take(&c, 1) & 0x0f, 0);
	}
	return !c.bad;
}

/*
 * Reads the entry at *address and moves *address behind it. Returns false at
 * the end of the section; *end is 0 for entries that are no usable FDE.
 */
static bool entry_read(const struct elf_file *f, uint64_t *address, uint64_t *start, uint64_t *end)
{
	struct cursor c = cursor_at(f, *address);
	struct encodings encodings;
	uint64_t back, here;

	*start = *end = 0;
	if (!take_length(&c))
		return false;
	*address = c.address + (uint64_t)(c.end - c.p);
	here = c.address;
	back = take(&c, 4);
	if (!back || !cie_encodings(f, here - back, &encodings) ||
	    encodings.code & DW_EH_PE_indirect)
		return true;
	*start = take_encoded(&c, encodings.code, 0);
	*end = *start + take_encoded(&c, encodings.code & 0x0f, 0);
	if (c.bad)
		*start = *end = 0;
	return true;
}

/* For files without a sorted table: the entry's address, 0 if none holds the address. */
static uint64_t entry_by_walk(const struct elf_file *f, uint64_t section, uint64_t address)
{
	uint64_t start, end, entry = section;

	for (; entry_read(f, &section, &start, &end); entry = section)
		if (address >= start && address < end)
			return entry;
	return 0;
}

/* The FDE whose start is the last at or before the address; 0 none. */
static uint64_t table_search(const struct cursor *table, uint64_t n, uint64_t data,
			     uint64_t address)
{
	uint64_t low = 0, high = n;
	int32_t row[2];

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		memcpy(row, table->p + middle * sizeof row, sizeof row);
		if (data + (uint64_t)(int64_t)row[0] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return 0;
	memcpy(row, table->p + (low - 1) * sizeof row, sizeof row);
	return data + (uint64_t)(int64_t)row[1];
}

/* The FDE that may hold the address; 0 none. */
static uint64_t entry_find(const struct elf_file *f, uint64_t address)
{
	uint64_t header = private_of(f)->eh_frame_hdr, n, section;
	struct cursor c = cursor_at(f, header);
	uint8_t version, encodings[3];
	Elf64_Shdr s;

	version = header ? (uint8_t)take(&c, 1) : 0;
	for (unsigned i = 0; i < 3; i++)
		encodings[i] = (uint8_t)take(&c, 1);
	section = take_encoded(&c, encodings[0], header);
	n = take_encoded(&c, encodings[1], header);
	if (c.bad || version != 1)
		return elf_section_find(f, ".eh_frame", &s) ? entry_by_walk(f, s.sh_addr, address) : 0;
	if (encodings[2] != (DW_EH_PE_datarel | DW_EH_PE_sdata4) || n > (uint64_t)(c.end - c.p) / 8)
		return entry_by_walk(f, section, address);
	return table_search(&c, n, header, address);
}

bool elf_unwind_extent(const struct elf_file *f, uint64_t address, uint64_t *start, uint64_t *end)
{
	uint64_t entry = entry_find(f, address);

	return entry && entry_read(f, &entry, start, end) && address >= *start && address < *end;
}

/* ---- landing pads ---------------------------------------------------------------------------- */

/* The language-specific data of an FDE; 0 none. *start: of the function. */
static uint64_t lsda_of(const struct elf_file *f, uint64_t entry, uint64_t *start)
{
	struct cursor c = cursor_at(f, entry);
	struct encodings encodings;
	uint64_t here, back, end, at;

	if (!entry || !take_length(&c))
		return 0;
	here = c.address;
	back = take(&c, 4);
	if (!back || !cie_encodings(f, here - back, &encodings) || !encodings.augmented ||
	    encodings.lsda == DW_EH_PE_omit || encodings.code & DW_EH_PE_indirect)
		return 0;
	*start = take_encoded(&c, encodings.code, 0);
	end = *start + take_encoded(&c, encodings.code & 0x0f, 0);
	take_leb128(&c);
	at = c.address;
	back = take_encoded(&c, encodings.lsda, 0);
	/* Nought stays nought, relative or not. */
	return c.bad || end <= *start || back == at ? 0 : back;
}

uint32_t elf_landing_pads(const struct elf_file *f, uint64_t address, uint64_t *out, uint32_t most)
{
	uint64_t base = 0, end, size;
	struct cursor c = cursor_at(f, lsda_of(f, entry_find(f, address), &base));
	uint8_t encoding = (uint8_t)take(&c, 1);
	uint32_t n = 0;

	if (encoding != DW_EH_PE_omit)
		base = take_encoded(&c, encoding, 0);
	if (take(&c, 1) != DW_EH_PE_omit) /* of types: they are at the end */
		take_leb128(&c);
	encoding = (uint8_t)take(&c, 1);
	size = take_leb128(&c);
	end = c.address + size;
	while (!c.bad && c.address < end && n < most) {
		uint64_t pad;

		take_encoded(&c, encoding & 0x0f, 0);
		take_encoded(&c, encoding & 0x0f, 0);
		pad = take_encoded(&c, encoding & 0x0f, 0);
		take_leb128(&c); /* action */
		if (!c.bad && pad)
			out[n++] = base + pad;
	}
	return n;
}
