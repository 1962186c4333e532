/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions that libdw refuses: those with DW_OP_GNU_uninit, by which GCC says that a variable may not have got its value yet.
 *
 * The expression is looked up in the attribute or its list (DWARF 5, 7.29, DWARF 4, 2.6.2, and GNU's form of the latter in split
 * units), and its operations are taken apart here: the few that GCC puts that one behind.
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

/* A list and what it counts from. */
struct list {
	struct scan_cursor c;
	uint64_t base;
	struct scan_cursor addresses; /* of the unit, for those by index */
};

static uint64_t indexed(const struct list *l, uint64_t index)
{
	struct scan_cursor c = l->addresses;

	scan_skip(&c, index < UINT32_MAX ? index * 8 : UINT64_MAX);
	return scan_fixed(&c, 8);
}

static bool old_list_find(struct list *l, uint64_t pc)
{
	while (!l->c.bad) {
		uint64_t start = scan_fixed(&l->c, 8), end = scan_fixed(&l->c, 8), size;

		if (!start && !end)
			return false;
		if (start == UINT64_MAX) {
			l->base = end;
			continue;
		}
		size = scan_fixed(&l->c, 2);
		if (pc >= l->base + start && pc < l->base + end)
			return cut(&l->c, size);
		scan_skip(&l->c, size);
	}
	return false;
}

static bool old_split_list_find(struct list *l, uint64_t pc)
{
	while (!l->c.bad && scan_fixed(&l->c, 1) == DW_LLE_GNU_start_length_entry) {
		uint64_t start = indexed(l, scan_uleb(&l->c)), length = scan_fixed(&l->c, 4), size = scan_fixed(&l->c, 2);

		if (pc >= start && pc < start + length)
			return cut(&l->c, size);
		scan_skip(&l->c, size);
	}
	return false;
}

static bool list_find(struct list *l, uint64_t pc)
{
	struct scan_cursor *c = &l->c;

	while (!c->bad) {
		uint64_t start = 0, end = 0, size;

		switch (scan_fixed(c, 1)) {
		case DW_LLE_base_address: l->base = scan_fixed(c, 8); continue;
		case DW_LLE_base_addressx: l->base = indexed(l, scan_uleb(c)); continue;
		case DW_LLE_GNU_view_pair: scan_uleb(c), scan_uleb(c); continue;
		case DW_LLE_offset_pair:
			start = l->base + scan_uleb(c);
			end = l->base + scan_uleb(c);
			break;
		case DW_LLE_start_end:
			start = scan_fixed(c, 8);
			end = scan_fixed(c, 8);
			break;
		case DW_LLE_start_length:
			start = scan_fixed(c, 8);
			end = start + scan_uleb(c);
			break;
		case DW_LLE_startx_endx:
			start = indexed(l, scan_uleb(c));
			end = indexed(l, scan_uleb(c));
			break;
		case DW_LLE_startx_length:
			start = indexed(l, scan_uleb(c));
			end = start + scan_uleb(c);
			break;
		default: return false;
		}
		size = scan_uleb(c);
		if (pc >= start && pc < end)
			return cut(c, size);
		scan_skip(c, size);
	}
	return false;
}

/* The addresses of a split unit, whose skeleton tells where they are. */
static bool addresses_find(struct elf_debug *d, Dwarf_Die *unit, struct scan_cursor *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Word base = 0;

	if ((dwarf_attr_integrate(unit, DW_AT_addr_base, &attribute) || dwarf_attr_integrate(unit, DW_AT_GNU_addr_base, &attribute)) &&
	    dwarf_formudata(&attribute, &base) != 0)
		return false;
	if (!section_find(d->elf, ".debug_addr", out))
		return false;
	scan_skip(out, base);
	return true;
}

/* Moves to the list; those by index have a table of offsets behind the section's header (DWARF 5, 7.29). */
static void list_enter(struct scan_cursor *c, Dwarf_Word number, bool by_index)
{
	struct scan_cursor table = *c;

	if (by_index) {
		scan_skip(&table, 12 + (number < UINT32_MAX ? number * 4 : UINT64_MAX / 2));
		number = 12 + scan_fixed(&table, 4);
	}
	scan_skip(c, number);
}

/* The bytes of the expression for the frame's address. */
static bool expression_find(struct elf_frame *f, Dwarf_Attribute *attribute, struct scan_cursor *out)
{
	struct elf_debug *d = f->data->debug;
	Dwarf *own = dwarf_cu_getdwarf(attribute->cu);
	struct list l = { .base = 0 };
	Dwarf_Word number;
	Dwarf_Half version;
	Dwarf_Block block;
	Dwarf_Attribute low;
	Dwarf_Die unit;
	uint8_t type;
	bool split, found;

	if (dwarf_formblock(attribute, &block) == 0) {
		*out = (struct scan_cursor){ block.data, block.data + block.length, false };
		return true;
	}
	if (dwarf_cu_info(attribute->cu, &version, &type, &unit, NULL, NULL, NULL, NULL) != 0 ||
	    dwarf_formudata(attribute, &number) != 0)
		return false;
	split = type == DW_UT_split_compile;
	if (split ? !addresses_find(d, &unit, &l.addresses) : own != d->dwarf)
		return false;
	if (!dwarf_attr_integrate(&unit, DW_AT_low_pc, &low) || dwarf_formaddr(&low, &l.base) != 0)
		l.base = 0;
	if (!section_find(dwarf_getelf(own), version >= 5 ? split ? ".debug_loclists.dwo" : ".debug_loclists" :
					     split ? ".debug_loc.dwo" : ".debug_loc", &l.c))
		return false;
	list_enter(&l.c, number, dwarf_whatform(attribute) == DW_FORM_loclistx);
	if (version >= 5)
		found = list_find(&l, f->pc);
	else
		found = split ? old_split_list_find(&l, f->pc) : old_list_find(&l, f->pc);
	*out = l.c;
	return found;
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
