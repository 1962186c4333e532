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
#include <sys/syscall.h>

#include "elf/cursor.h"

/* How the FDEs of a CIE write addresses. */
struct encodings {
	uint8_t code, lsda; /* DW_EH_PE_*; lsda DW_EH_PE_omit: there is none */
	bool augmented; /* FDEs have augmentation data */
	bool signal; /* 'S': of the frames that the kernel makes */
};

/* From the 'R' and 'L' of the CIE at an address; false if the CIE is not understood. */
static bool cie_encodings(const struct elf_file *f, uint64_t address, struct encodings *out)
{
	struct cursor c = cursor_at(f, address);
	char augmentation[8] = { 0 };
	uint8_t version;

	*out = (struct encodings){ .code = DW_EH_PE_absptr, .lsda = DW_EH_PE_omit };
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
		else if (*letter == 'S')
			out->signal = true;
	}
	return !c.bad;
}

/*
 * The trampoline of signals: unwinders look up the address in front of a return address, so that its entry begins
 * one byte before the code (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c). Whoever
 * decodes from there takes other instructions for it.
 */
static uint64_t code_start(const struct elf_file *f, const struct encodings *e, uint64_t start)
{
	static const uint8_t forms[][5] = { { 0x48, 0xc7, 0xc0, SYS_rt_sigreturn, 0 }, /* mov $15,%rax */
					    { 0xb8, SYS_rt_sigreturn, 0, 0, 0 } }; /* mov $15,%eax */
	struct cursor c = cursor_at(f, start + 1);

	for (size_t i = 0; e->signal && i < base_count(forms); i++)
		if ((size_t)(c.end - c.p) >= sizeof forms[i] && memcmp(c.p, forms[i], sizeof forms[i]) == 0)
			return start + 1;
	return start;
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
	else
		*start = code_start(f, &encodings, *start);
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
