/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry values: what a register or parameter had when the function was entered (DWARF 5, 2.5.1.7
 * and 3.4; GNU's forerunners).
 *
 * At the function's first instruction the registers still have it.  Behind that
 * the caller knows: its call site says how it computed what it passed.  Which
 * call site it was is known by the return address, so the value becomes a
 * choice over the call sites of the function:
 *
 *	return address == bias + 0x1136 ? rbx + 1 : ... : no value
 *
 * Call sites of the function's own unit are looked at, and of other units when
 * the function is visible there and the module is not huge. Calls through pointers count when
 * the call site tells where it went: it must be this function, for what another one passes on by
 * a tail call is not what the call site describes.
 */
#include <dwarf.h>

#include "elf/location.h"

#define SITES_LIMIT 48u /* more would make long handlers */
#define INDIRECT_LIMIT 8u
#define UNITS_BYTES (64u << 20) /* of .debug_info: above it only the own unit is read */

struct call_site {
	Dwarf_Die die, caller; /* caller: the subprogram around it */
	const void *callee; /* the callee's first declaration: its entry's bytes; NULL: by a pointer */
	uint64_t return_address;
};
struct call_site_list {
	VEC(struct call_site) list;
};

/* An entry's own beginning: abstract instance, declaration in a class. */
static const void *root_of(Dwarf_Die *die)
{
	static const unsigned links[] = { DW_AT_abstract_origin, DW_AT_specification };
	Dwarf_Die at = *die, next;
	Dwarf_Attribute attribute;

	for (uint32_t depth = 0; depth < 8; depth++) {
		bool more = false;

		for (uint32_t i = 0; i < base_count(links) && !more; i++)
			if (dwarf_attr(&at, links[i], &attribute) && dwarf_formref_die(&attribute, &next)) {
				at = next;
				more = true;
			}
		if (!more)
			break;
	}
	return at.addr;
}

/* ---- the call sites of a unit ------------------------------------------------------------------ */

static bool reference(Dwarf_Die *die, unsigned name, unsigned older, Dwarf_Die *out)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr(die, name, &attribute) && !dwarf_attr(die, older, &attribute))
		return false;
	return dwarf_formref_die(&attribute, out) != NULL;
}

static bool return_address_of(Dwarf_Die *site, uint64_t *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr address;

	if (!dwarf_attr(site, DW_AT_call_return_pc, &attribute) &&
	    !dwarf_attr(site, DW_AT_low_pc, &attribute))
		return false;
	if (dwarf_formaddr(&attribute, &address) != 0)
		return false;
	*out = address;
	return true;
}

/* Where a call by a pointer goes, computed from what the call leaves alone. */
static bool target_attribute(Dwarf_Die *site, Dwarf_Attribute *out)
{
	return dwarf_attr(site, DW_AT_call_target, out) || dwarf_attr(site, DW_AT_GNU_call_site_target, out);
}

static void site_add(struct arena *a, struct call_site_list *to, Dwarf_Die *site, const Dwarf_Die *caller)
{
	struct call_site s = { .die = *site, .caller = *caller };
	Dwarf_Attribute attribute;
	Dwarf_Die callee;

	if (!return_address_of(site, &s.return_address))
		return;
	if (reference(site, DW_AT_call_origin, DW_AT_abstract_origin, &callee))
		s.callee = root_of(&callee);
	else if (!target_attribute(site, &attribute))
		return;
	vec_push(a, &to->list, s);
}

static void collect(struct arena *a, struct call_site_list *to, Dwarf_Die *die, Dwarf_Die *caller,
		    uint32_t depth)
{
	Dwarf_Die child;

	if (depth > 200 || dwarf_child(die, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site)
			site_add(a, to, &child, caller);
		else if (tag == DW_TAG_subprogram)
			collect(a, to, &child, &child, depth + 1);
		else if (tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
			 tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
			 tag == DW_TAG_structure_type || tag == DW_TAG_try_block ||
			 tag == DW_TAG_catch_block)
			collect(a, to, &child, caller, depth + 1);
	} while (elf_debug_sibling(&child));
}

static const struct call_site_list *sites_of(struct elf_data *d, Dwarf_Die *unit)
{
	struct call_site_list *l = map_find_u64(d->call_sites, (uintptr_t)unit->addr);

	if (l)
		return l;
	l = arena_new(d->arena, struct call_site_list);
	collect(d->arena, l, unit, unit, 0);
	map_put_u64(d->call_sites, (uintptr_t)unit->addr, l);
	return l;
}

/* ---- what was passed -------------------------------------------------------------------------- */

/* What is asked for: a register (DWARF's number) or a parameter's entry. */
struct passed {
	int reg; /* -1: by parameter */
	const void *parameter;
};

static bool is_register(Dwarf_Die *parameter, int reg)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(parameter, DW_AT_location, &attribute) ||
	    dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1)
		return false;
	if (ops[0].atom == DW_OP_regx)
		return (int)ops[0].number == reg;
	return ops[0].atom - DW_OP_reg0 == reg;
}

static bool is_passed(Dwarf_Die *parameter, const struct passed *p)
{
	Dwarf_Die of;

	if (p->reg >= 0)
		return is_register(parameter, p->reg);
	return reference(parameter, DW_AT_call_parameter, DW_AT_abstract_origin, &of) &&
	       root_of(&of) == p->parameter;
}

static struct elf_frame *caller_frame(struct elf_frame *f, const struct call_site *s)
{
	struct elf_frame *caller = arena_new(f->data->arena, struct elf_frame);

	*caller = (struct elf_frame){ .data = f->data,
				      .pc = s->return_address - 1,
				      .function = s->caller,
				      .callee = f,
				      .depth = f->depth + 1 };
	return caller;
}

static const struct elf_node *site_value(struct elf_frame *f, const struct call_site *s,
					 const struct passed *p)
{
	struct elf_frame *caller = caller_frame(f, s);
	Dwarf_Die site = s->die, parameter;
	Dwarf_Attribute attribute;
	struct elf_location l;

	if (dwarf_child(&site, &parameter) != 0)
		return NULL;
	do {
		int tag = dwarf_tag(&parameter);

		if ((tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter) ||
		    !is_passed(&parameter, p))
			continue;
		if (!dwarf_attr(&parameter, DW_AT_call_value, &attribute) &&
		    !dwarf_attr(&parameter, DW_AT_GNU_call_site_value, &attribute))
			return NULL;
		l = elf_location_of(caller, &attribute);
		/* The expression computes the value itself, without DW_OP_stack_value. */
		if (l.place == ELF_PLACE_MEMORY || l.place == ELF_PLACE_VALUE)
			return l.node;
		return NULL;
	} while (elf_debug_sibling(&parameter));
	return NULL;
}

/* ---- the choice ---------------------------------------------------------------------------------- */

#define NOT_KNOWN "not known for calls from here: optimized out"

struct choice {
	struct elf_frame *frame;
	const struct passed *passed;
	const void *callee;
	const struct elf_node *address, *value; /* return address; the choice so far */
	uint32_t n, known, n_indirect;
};

/* Whether the call went to this function: 1 when that is known before, NULL when it cannot be known. */
static const struct elf_node *went_here(struct choice *c, const struct call_site *s)
{
	struct arena *a = c->frame->data->arena;
	Dwarf_Die site = s->die;
	Dwarf_Attribute attribute;
	struct elf_location l;
	Dwarf_Addr entry;

	if (s->callee)
		return elf_node_number(a, 1);
	if (c->n_indirect++ >= INDIRECT_LIMIT || dwarf_entrypc(&c->frame->function, &entry) != 0 ||
	    !target_attribute(&site, &attribute))
		return NULL;
	l = elf_location_of(caller_frame(c->frame, s), &attribute);
	if ((l.place != ELF_PLACE_MEMORY && l.place != ELF_PLACE_VALUE) || !l.node)
		return NULL;
	return elf_node_binary(a, ELF_NODE_EQUAL, l.node, elf_node_address(c->frame->data, entry));
}

static void choose(struct choice *c, const struct call_site_list *sites)
{
	struct arena *a = c->frame->data->arena;
	const struct elf_node *value, *here, *went;

	vec_each(s, &sites->list) {
		if ((s->callee && s->callee != c->callee) || c->n >= SITES_LIMIT)
			continue;
		value = site_value(c->frame, s, c->passed);
		went = value ? went_here(c, s) : NULL;
		c->n += s->callee || went;
		if (!went)
			continue;
		c->known++;
		here = elf_node_address(c->frame->data, s->return_address);
		here = elf_node_binary(a, ELF_NODE_EQUAL, c->address, here);
		value = s->callee ? value : elf_node_select(a, went, value, elf_node_fail(a, NOT_KNOWN));
		c->value = elf_node_select(a, here, value, c->value);
	}
}

static bool is_local(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;

	return !dwarf_attr_integrate(function, DW_AT_external, &attribute);
}

static void choose_in_others(struct choice *c, const Dwarf_Die *own)
{
	struct elf_data *d = c->frame->data;
	Elf_Data *info = NULL;
	Elf_Scn *section = NULL;
	Dwarf_Die unit;
	uint64_t bytes = 0;

	while ((section = elf_nextscn(d->debug->elf, section)) != NULL && bytes < UNITS_BYTES)
		if ((info = elf_rawdata(section, NULL)) != NULL)
			bytes += info->d_size;
	if (bytes >= UNITS_BYTES)
		return;
	for (uint32_t i = 0; i < d->debug->units.n; i++)
		if (elf_debug_unit(d->debug, d->debug->units.p[i], &unit) && unit.addr != own->addr)
			choose(c, sites_of(d, &unit));
}

static const struct elf_node *passed_value(struct elf_frame *f, const struct passed *p,
					   const char **why)
{
	struct arena *a = f->data->arena;
	struct choice c = { .frame = f, .passed = p };
	Dwarf_Die unit;

	*why = "optimized out: only its caller could tell";
	if (!f->function.addr || f->depth >= FRAME_DEPTH || f->data->nesting >= 2 * FRAME_DEPTH ||
	    !dwarf_diecu(&f->function, &unit, NULL, NULL))
		return NULL;
	c.address = elf_frame_return_address(f);
	if (!c.address)
		return NULL;
	c.callee = root_of(&f->function);
	c.value = elf_node_fail(a, NOT_KNOWN);
	f->data->nesting++;
	choose(&c, sites_of(f->data, &unit));
	if (!is_local(&f->function))
		choose_in_others(&c, &unit);
	f->data->nesting--;
	return c.known ? c.value : NULL;
}

/* Nothing of the function has run yet. */
static bool is_entered(struct elf_frame *f)
{
	Dwarf_Addr start;

	return !f->callee && f->function.addr && dwarf_entrypc(&f->function, &start) == 0 &&
	       start == f->pc;
}

const struct elf_node *elf_entry_register(struct elf_frame *f, unsigned number, const char **why)
{
	struct passed p = { .reg = (int)number };

	if (is_entered(f))
		return elf_register_from_dwarf(number) >= 0 ? elf_frame_register(f, number) :
							      elf_frame_vector(f, number, false);
	return passed_value(f, &p, why);
}

const struct elf_node *elf_entry_parameter(struct elf_frame *f, Dwarf_Die *parameter,
					   const char **why)
{
	struct passed p = { .reg = -1, .parameter = root_of(parameter) };

	return passed_value(f, &p, why);
}
