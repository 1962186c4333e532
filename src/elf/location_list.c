/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions that libdw refuses: those with DW_OP_GNU_uninit, by which GCC says that a variable may not have got its value yet.
 *
 * The expression is looked up in the attribute or its list (DWARF 5, 7.29, and DWARF 4, 2.6.2), without split units, and its operations
 * are taken apart here: the few that GCC puts that one behind.
 */
#include <dwarf.h>

#include "elf/location.h"
#include "elf/scan.h"

#define OPS_MOST 16u

static bool section_find(Elf *elf, const char *name, struct scan_cursor *out)
{
	size_t names;

	for (Elf_Scn *s = elf_getshdrstrndx(elf, &names) == 0 ? elf_nextscn(elf, NULL) : NULL; s; s = elf_nextscn(elf, s)) {
		GElf_Shdr h;
		const char *own = gelf_getshdr(s, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;
		Elf_Data *data = own && strcmp(own, name) == 0 && h.sh_type != SHT_NOBITS ? elf_rawdata(s, NULL) : NULL;

		if (!data || !data->d_buf)
			continue;
		*out = (struct scan_cursor){ data->d_buf, (const uint8_t *)data->d_buf + data->d_size, false };
		return true;
	}
	return false;
}

/* The cursor becomes that of the next `size` bytes. */
static bool cut(struct scan_cursor *c, uint64_t size)
{
	if (c->bad || size > (uint64_t)(c->end - c->at))
		return false;
	c->end = c->at + size;
	return true;
}

static bool old_list_find(struct scan_cursor *c, uint64_t base, uint64_t pc)
{
	while (!c->bad) {
		uint64_t start = scan_fixed(c, 8), end = scan_fixed(c, 8), size;

		if (!start && !end)
			return false;
		if (start == UINT64_MAX) {
			base = end;
			continue;
		}
		size = scan_fixed(c, 2);
		if (pc >= base + start && pc < base + end)
			return cut(c, size);
		scan_skip(c, size);
	}
	return false;
}

static bool list_find(struct scan_cursor *c, uint64_t base, uint64_t pc)
{
	while (!c->bad) {
		uint64_t start = 0, end = 0, size;

		switch (scan_fixed(c, 1)) {
		case DW_LLE_base_address: base = scan_fixed(c, 8); continue;
		case DW_LLE_GNU_view_pair: scan_uleb(c), scan_uleb(c); continue;
		case DW_LLE_offset_pair:
			start = base + scan_uleb(c);
			end = base + scan_uleb(c);
			break;
		case DW_LLE_start_end:
			start = scan_fixed(c, 8);
			end = scan_fixed(c, 8);
			break;
		case DW_LLE_start_length:
			start = scan_fixed(c, 8);
			end = start + scan_uleb(c);
			break;
		default: return false; /* the end, or by index, as split units have it */
		}
		size = scan_uleb(c);
		if (pc >= start && pc < end)
			return cut(c, size);
		scan_skip(c, size);
	}
	return false;
}

/* The bytes of the expression for the frame's address. */
static bool expression_find(struct elf_frame *f, Dwarf_Attribute *attribute, struct scan_cursor *out)
{
	struct elf_debug *d = f->data->debug;
	Dwarf_Word offset;
	Dwarf_Half version;
	Dwarf_Addr base;
	Dwarf_Block block;
	Dwarf_Die unit;

	if (dwarf_formblock(attribute, &block) == 0) {
		*out = (struct scan_cursor){ block.data, block.data + block.length, false };
		return true;
	}
	if (dwarf_whatform(attribute) == DW_FORM_loclistx || dwarf_formudata(attribute, &offset) != 0 ||
	    dwarf_cu_getdwarf(attribute->cu) != d->dwarf ||
	    dwarf_cu_info(attribute->cu, &version, NULL, &unit, NULL, NULL, NULL, NULL) != 0)
		return false;
	if (dwarf_lowpc(&unit, &base) != 0)
		base = 0;
	if (!section_find(d->elf, version >= 5 ? ".debug_loclists" : ".debug_loc", out))
		return false;
	scan_skip(out, offset);
	return version >= 5 ? list_find(out, base, f->pc) : old_list_find(out, base, f->pc);
}

/* One operation; false: not one of those that are known here. */
static bool op_read(struct scan_cursor *c, Dwarf_Op *op)
{
	op->atom = (uint8_t)scan_fixed(c, 1);
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		return true;
	if ((op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) || op->atom == DW_OP_fbreg) {
		op->number = (Dwarf_Word)scan_sleb(c);
		return true;
	}
	switch (op->atom) {
	case DW_OP_regx:
	case DW_OP_piece: op->number = scan_uleb(c); return true;
	case DW_OP_GNU_uninit: op->atom = DW_OP_nop; return true;
	case DW_OP_deref:
	case DW_OP_stack_value: return true;
	default: return false;
	}
}

bool elf_location_uninit(struct elf_frame *f, Dwarf_Attribute *attribute, struct elf_location *out)
{
	Dwarf_Op *ops = arena_array(f->data->arena, Dwarf_Op, OPS_MOST);
	struct scan_cursor c;
	size_t n = 0;

	if (!expression_find(f, attribute, &c))
		return false;
	for (; c.at < c.end; n++)
		if (n == OPS_MOST || !op_read(&c, &ops[n]) || c.bad)
			return false;
	*out = elf_location_run(f, attribute, ops, n);
	return true;
}
