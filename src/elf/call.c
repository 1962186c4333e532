/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and callees of a function, and the function around an address: by its entries. */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/function.h"

/* ---- what an entry says --------------------------------------------------------------------- */

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;
	const char *text = dwarf_formstring(dwarf_attr_integrate(die, name, &a));

	return text ? text : "";
}

static const char *file_of(Dwarf_Die *die)
{
	const char *path = elf_debug_file(die);

	return path ? path : "";
}

uint64_t elf_entry_address(Dwarf_Die *die)
{
	Dwarf_Addr base, start, end, at = 0;

	if (dwarf_entrypc(die, &at) == 0 && at)
		return at;
	return dwarf_ranges(die, 0, &base, &start, &end) > 0 ? start : 0;
}

void elf_function_describe(struct elf_file *f, Dwarf_Die *die, uint32_t unit,
			   struct elf_function *out)
{
	int line = 0;

	(void)f;
	*out = (struct elf_function){ .name = string_of(die, DW_AT_name),
				      .linkage = string_of(die, DW_AT_linkage_name), .scope = "",
				      .file = file_of(die), .unit = unit,
				      .entry = dwarf_dieoffset(die) };
	if (dwarf_decl_line(die, &line) == 0)
		out->line = (uint32_t)line;
	out->is_inlined = dwarf_tag(die) == DW_TAG_inlined_subroutine;
	out->address = elf_entry_address(die);
}

/* The number of the unit that an entry is in. */
static uint32_t unit_number(struct elf_file *f, Dwarf_Die *die)
{
	const struct elf_index *x = elf_index_of(f);
	struct elf_debug *d = elf_debug_of(f);
	Dwarf *dwarf = dwarf_cu_getdwarf(die->cu);
	bool split = dwarf != d->dwarf && dwarf != dwarf_getalt(d->dwarf);
	uint64_t offset = dwarf_dieoffset(die) - dwarf_cuoffset(die);
	Dwarf_Die unit;

	for (uint32_t i = 0; x && i < x->header->n_units; i++) {
		const struct index_unit *u = &x->units[i];

		if (split ? u->kind == INDEX_UNIT_SPLIT && elf_debug_unit(d, u->offset, &unit) &&
				    dwarf_cu_getdwarf(unit.cu) == dwarf :
			    u->offset == offset &&
				    (u->kind == INDEX_UNIT_ALTERNATE) == (dwarf != d->dwarf))
			return i;
	}
	return 0;
}

/* ---- around an address -------------------------------------------------------------------------- */

bool elf_code_at(struct elf_file *f, uint64_t address, bool inlined, struct elf_code *code,
		 struct elf_function *function)
{
	struct elf_debug *d = elf_debug_of(f);
	struct elf_scopes scopes;
	struct arena *a;
	bool ok = false;

	if (!d)
		return false;
	a = arena_create();
	if (elf_debug_scopes(a, d, address, &scopes))
		for (uint32_t i = 0; i < scopes.n && !ok; i++) {
			Dwarf_Die *die = &scopes.list[i];
			int tag = dwarf_tag(die);

			if (tag != DW_TAG_subprogram && (tag != DW_TAG_inlined_subroutine || !inlined))
				continue;
			elf_function_describe(f, die, unit_number(f, die), function);
			*code = elf_code_of(function, function->unit, die, function->address);
			ok = function->address != 0;
		}
	arena_destroy(a);
	return ok;
}

static bool block_below(Dwarf_Die *die, uint64_t address)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
		    dwarf_haspc(&child, address) > 0) {
			*die = child;
			return true;
		}
	} while (elf_debug_sibling(&child));
	return false;
}

uint64_t elf_code_block(struct elf_file *f, const struct elf_code *c, uint64_t address)
{
	Dwarf_Die die;

	if (!elf_entry_at(f, c->unit, c->entry, &die))
		return c->entry;
	for (uint32_t depth = 0; depth < 256 && block_below(&die, address);)
		depth++;
	return dwarf_dieoffset(&die);
}

/* ---- labels --------------------------------------------------------------------------------------- */

/* Entries of a function that are looked at, over all depths. */
#define ENTRY_LIMIT 1000000u
#define DEPTH_LIMIT 256u

struct entry_walk {
	struct elf_file *file;
	uint32_t unit, budget;
	elf_label_fn *label;
	elf_callee_fn *callee;
	void *user;
	bool stopped;
	struct map *seen;
};

static void label_tell(struct entry_walk *w, Dwarf_Die *die)
{
	struct elf_label l = { .name = string_of(die, DW_AT_name), .file = file_of(die) };
	Dwarf_Addr at = 0;
	int line = 0;

	if (dwarf_lowpc(die, &at) != 0 || !at || !*l.name)
		return;
	dwarf_decl_line(die, &line);
	l.line = (uint32_t)line;
	l.address = at;
	w->stopped = !w->label(w->user, &l);
}

static void callee_tell(struct entry_walk *w, Dwarf_Die *die, uint32_t unit)
{
	struct elf_function f;
	struct elf_code c;

	elf_function_describe(w->file, die, unit, &f);
	if (!f.address || !*f.name)
		return;
	c = elf_code_of(&f, unit, die, f.address);
	w->stopped = !w->callee(w->user, &f, &c);
}

static bool called_hook(void *user, const struct elf_function *f)
{
	struct entry_walk *w = user;
	Dwarf_Die die;

	if (f->address && elf_entry_at(w->file, f->unit, f->entry, &die)) {
		struct elf_code c = elf_code_of(f, f->unit, &die, f->address);

		w->stopped = !w->callee(w->user, f, &c);
	}
	return !w->stopped;
}

/* A call's target is often a declaration: the definition has its name. */
static void call_tell(struct entry_walk *w, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *name, *linkage;
	Dwarf_Die target;

	if (!dwarf_formref_die(dwarf_attr(die, DW_AT_call_origin, &a), &target) &&
	    !dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &a), &target))
		return;
	if (elf_entry_address(&target)) {
		if (!map_find_u64(w->seen, (uintptr_t)target.addr))
			callee_tell(w, &target, unit_number(w->file, &target));
		map_put_u64(w->seen, (uintptr_t)target.addr, w);
		return;
	}
	name = string_of(&target, DW_AT_name);
	linkage = string_of(&target, DW_AT_linkage_name);
	name = *linkage ? linkage : name;
	if (!*name || map_find(w->seen, name))
		return;
	map_put(w->seen, name, w);
	elf_each_debug_function(w->file, name, called_hook, w);
}

static void entry_tell(struct entry_walk *w, Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_label:
		if (w->label)
			label_tell(w, die);
		break;
	case DW_TAG_inlined_subroutine:
		if (w->callee)
			callee_tell(w, die, w->unit);
		break;
	case DW_TAG_call_site:
	case DW_TAG_GNU_call_site:
		if (w->callee)
			call_tell(w, die);
		break;
	default:
		break;
	}
}

static void entries_walk(struct entry_walk *w, Dwarf_Die *in, uint32_t depth)
{
	Dwarf_Die die;

	if (depth >= DEPTH_LIMIT || dwarf_child(in, &die) != 0)
		return;
	do {
		int tag = dwarf_tag(&die);

		if (w->stopped || !w->budget)
			return;
		w->budget--;
		entry_tell(w, &die);
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			entries_walk(w, &die, depth + 1);
	} while (elf_debug_sibling(&die));
}

static void walk_in(struct elf_file *f, const struct elf_code *in, struct entry_walk *w)
{
	struct arena *a;
	Dwarf_Die die;

	if (!elf_entry_at(f, in->unit, in->entry, &die))
		return;
	a = arena_create();
	w->file = f;
	w->unit = in->unit;
	w->budget = ENTRY_LIMIT;
	w->seen = map_create(a);
	entries_walk(w, &die, 0);
	arena_destroy(a);
}

void elf_each_label(struct elf_file *f, const struct elf_code *in, elf_label_fn *hook, void *user)
{
	struct entry_walk w = { .label = hook, .user = user };

	walk_in(f, in, &w);
}

void elf_each_callee(struct elf_file *f, const struct elf_code *in, elf_callee_fn *hook,
		     void *user)
{
	struct entry_walk w = { .callee = hook, .user = user };

	walk_in(f, in, &w);
}
