/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that are visible at an address, and where their values are there. */
#include <dwarf.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>

#include "elf/location.h"

struct elf_scope {
	struct elf_data *data;
	struct elf_frame frame;
	struct elf_scopes chain; /* up to the function or the inlined instance */
	Dwarf_Die unit;
	bool listed;
	VEC(struct elf_variable) variables;
};

/* ---- one file's data ------------------------------------------------------------------------- */

static void frames_open(struct elf_data *d)
{
	struct elf_private *p = private_of(d->file);

	d->elf = elf_memory((char *)(uintptr_t)d->file->image, d->file->image_size);
	d->eh_frame = d->elf ? dwarf_getcfi_elf(d->elf) : NULL;
	d->debug_frame = dwarf_getcfi(d->debug->dwarf);
	(void)p;
}

struct elf_data *elf_data_of(struct elf_file *f)
{
	struct elf_private *p = private_of(f);
	struct elf_debug *debug = elf_debug_of(f);
	struct elf_data *d = p->data;

	if (d || !debug)
		return d;
	d = p->data = arena_new(p->arena, struct elf_data);
	d->arena = p->arena;
	d->file = f;
	d->debug = debug;
	d->types = map_create(d->arena);
	d->pointers = map_create(d->arena);
	d->call_sites = map_create(d->arena);
	frames_open(d);
	return d;
}

/* libdw's handles on the file itself. */
void elf_data_close(struct elf_data *d)
{
	if (!d)
		return;
	vec_each(rules, &d->rules)
		free(*rules);
	if (d->eh_frame)
		dwarf_cfi_end(d->eh_frame);
	if (d->elf)
		elf_end(d->elf);
}

/* ---- scopes ------------------------------------------------------------------------------------ */

static bool is_function(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_entry_point;
}

/* Code knows the blocks of the function it belongs to; of what it was inlined into it does not. */
static struct elf_scope *scope_new(struct elf_data *d, uint64_t address, struct elf_scopes *all)
{
	struct elf_scope *s = arena_new(d->arena, struct elf_scope);

	s->data = d;
	s->frame = (struct elf_frame){ .data = d, .pc = address };
	s->unit = all->list[all->n - 1];
	for (uint32_t i = 0; i < all->n; i++)
		if (dwarf_tag(&all->list[i]) == DW_TAG_subprogram) {
			s->frame.function = all->list[i];
			break;
		}
	s->chain.list = all->list;
	while (s->chain.n < all->n && !is_function(&all->list[s->chain.n]))
		s->chain.n++;
	if (s->chain.n < all->n)
		s->chain.n++;
	return s->frame.function.addr ? s : NULL;
}

struct elf_scope *elf_scope_at(struct elf_file *f, uint64_t address)
{
	struct elf_data *d = elf_data_of(f);
	struct elf_scopes all;

	if (!d || !elf_debug_scopes(d->arena, d->debug, address, &all) || all.n < 2)
		return NULL;
	return scope_new(d, address, &all);
}

struct elf_scope *elf_scope_of(struct elf_file *f, uint64_t address, uint64_t entry)
{
	struct elf_data *d = elf_data_of(f);
	struct elf_scopes all;
	Dwarf_Die die;

	if (!d || !elf_debug_scopes(d->arena, d->debug, address, &all) || all.n < 2)
		return NULL;
	for (uint32_t i = 0; i < all.n; i++)
		if (dwarf_dieoffset(&all.list[i]) == entry) {
			all.list += i;
			all.n -= i;
			return scope_new(d, address, &all);
		}
	/* where an inlined copy is entered need not be among its addresses */
	if (!dwarf_offdie(dwarf_cu_getdwarf(all.list[all.n - 1].cu), entry, &die) ||
	    !elf_debug_parents(d->arena, &die, &all))
		return NULL;
	return scope_new(d, address, &all);
}

const char *elf_scope_function(const struct elf_scope *s)
{
	return dwarf_diename(&s->chain.list[s->chain.n - 1]);
}

const char *elf_scope_unit(const struct elf_scope *s)
{
	Dwarf_Die unit = s->unit;
	const char *path = dwarf_diename(&unit), *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "?";
}

/* ---- locations ---------------------------------------------------------------------------------- */

static struct elf_location constant_location(struct elf_frame *f, Dwarf_Die *die,
					     Dwarf_Attribute *attribute)
{
	struct elf_location l = { .place = ELF_PLACE_BYTES, .reg = -1 };
	const struct elf_type *type = elf_type_of(f->data, die);
	Dwarf_Block block;
	Dwarf_Sword number;
	int64_t *copy;

	if (dwarf_formblock(attribute, &block) == 0) {
		l.bytes = block.data;
		l.n_bytes = block.length;
		return l;
	}
	if (dwarf_formsdata(attribute, &number) != 0) {
		const char *text = dwarf_formstring(attribute);

		if (!text)
			return elf_location_absent("its constant is not understood");
		l.bytes = (const uint8_t *)text;
		l.n_bytes = strlen(text) + 1;
		return l;
	}
	copy = arena_new(f->data->arena, int64_t);
	*copy = number;
	l.bytes = (const uint8_t *)copy;
	l.n_bytes = type && type->has_size && type->size < 8 ? type->size : 8;
	return l;
}

/* A declaration ("extern int x;") stands for a definition elsewhere. */
static struct elf_location declared_location(struct elf_frame *f, Dwarf_Die *die)
{
	struct elf_location l = elf_location_absent("optimized out");
	const char *name = dwarf_diename(die);
	struct elf_variable v;
	Dwarf_Attribute attribute;
	bool flag = false;

	if (!dwarf_attr(die, DW_AT_declaration, &attribute) ||
	    dwarf_formflag(&attribute, &flag) != 0 || !flag || !name)
		return l;
	if (f->data->nesting++ > 4 || !elf_global_find(f->data->file, name, NULL, &v, &l))
		l = elf_location_absent("it is defined in another module");
	f->data->nesting--;
	return l;
}

struct elf_location elf_entry_location(struct elf_frame *f, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	if (dwarf_attr_integrate(die, DW_AT_location, &attribute))
		return elf_location_of(f, &attribute);
	if (dwarf_attr_integrate(die, DW_AT_const_value, &attribute))
		return constant_location(f, die, &attribute);
	return declared_location(f, die);
}

/*
 * At its first instruction a function has not stored its parameters: one place for all of it is
 * where they will be, not where they are. A list of places says so itself.
 */
static bool is_stored_later(Dwarf_Attribute *attribute)
{
	Dwarf_Op *ops;
	size_t n;

	if (attribute->form != DW_FORM_exprloc && attribute->form != DW_FORM_block1 &&
	    attribute->form != DW_FORM_block)
		return false;
	if (dwarf_getlocation(attribute, &ops, &n) != 0 || !n || ops[n - 1].atom == DW_OP_stack_value)
		return false; /* a constant that a clone of the function was made for */
	return ops[0].atom == DW_OP_fbreg || ops[0].atom == DW_OP_call_frame_cfa || ops[0].atom == DW_OP_bregx ||
	       (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31);
}

/* Callers outside the unit know the function: it is passed what it declares. Clones have names of their own. */
static bool keeps_interface(struct elf_scope *s)
{
	Dwarf_Attribute attribute;
	const char *symbol = NULL, *name = dwarf_diename(&s->frame.function);
	uint64_t start, end;

	if (!dwarf_attr_integrate(&s->frame.function, DW_AT_external, &attribute))
		return false;
	if (dwarf_attr_integrate(&s->frame.function, DW_AT_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	return name && elf_function_at(s->data->file, s->frame.pc, &symbol, &start, &end) && symbol &&
	       strcmp(symbol, name) == 0;
}

/* Whether the ABI rather than the debug information tells where a parameter is. */
static bool is_where_passed(struct elf_scope *s, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr start;

	if (dwarf_tag(die) != DW_TAG_formal_parameter || dwarf_entrypc(&s->frame.function, &start) != 0 ||
	    start != s->frame.pc || s->chain.list[s->chain.n - 1].addr != s->frame.function.addr)
		return false;
	if (dwarf_attr(die, DW_AT_location, &attribute))
		return is_stored_later(&attribute);
	return !dwarf_attr_integrate(die, DW_AT_const_value, &attribute) && keeps_interface(s);
}

struct elf_location elf_variable_location(struct elf_scope *s, const struct elf_variable *v)
{
	struct elf_location passed;

	if (is_where_passed(s, v->priv) &&
	    elf_passed_location(s->data, &s->frame.function, v->priv, &passed))
		return passed;
	return elf_entry_location(&s->frame, v->priv);
}

/* ---- names ------------------------------------------------------------------------------------- */

static bool is_variable(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_variable || tag == DW_TAG_formal_parameter || tag == DW_TAG_constant;
}

static struct elf_variable variable_from(struct elf_data *d, Dwarf_Die *die)
{
	return (struct elf_variable){ .name = dwarf_diename(die),
				      .type = elf_type_of(d, die),
				      .is_parameter = dwarf_tag(die) == DW_TAG_formal_parameter,
				      .priv = arena_dup(d->arena, die, sizeof *die) };
}

/* A concrete entry is preferred to a declaration of the same name. */
static bool find_below(Dwarf_Die *scope, const char *name, Dwarf_Die *out)
{
	Dwarf_Attribute attribute;
	bool found = false;
	Dwarf_Die child;
	const char *own;

	if (dwarf_child(scope, &child) != 0)
		return false;
	do {
		if (!is_variable(&child) && dwarf_tag(&child) != DW_TAG_member)
			continue;
		own = dwarf_diename(&child);
		if (!own || strcmp(own, name) != 0)
			continue;
		if (dwarf_tag(&child) == DW_TAG_member && !dwarf_attr(&child, DW_AT_external, &attribute))
			continue;
		*out = child;
		found = true;
		if (dwarf_attr_integrate(&child, DW_AT_location, &attribute) ||
		    dwarf_attr_integrate(&child, DW_AT_const_value, &attribute))
			return true;
	} while (elf_debug_sibling(&child));
	return found;
}

/* The abstract instance knows names of which nothing was left in the code. */
static bool find_in_origin(Dwarf_Die *scope, const char *name, Dwarf_Die *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	return dwarf_attr(scope, DW_AT_abstract_origin, &attribute) &&
	       dwarf_formref_die(&attribute, &origin) && find_below(&origin, name, out);
}

static bool declaration_of(Dwarf_Die *die, Dwarf_Die *out)
{
	static const unsigned links[] = { DW_AT_abstract_origin, DW_AT_specification };
	Dwarf_Attribute attribute;

	*out = *die;
	for (uint32_t depth = 0; depth < 8; depth++)
		for (uint32_t i = 0; i < base_count(links); i++)
			if (dwarf_attr(out, links[i], &attribute))
				dwarf_formref_die(&attribute, out);
	return out->addr != NULL;
}

/* Namespaces and classes around the function, and its unit. */
static bool find_around(struct elf_scope *s, const char *name, Dwarf_Die *out)
{
	struct elf_scopes around;
	Dwarf_Die function;

	if (declaration_of(&s->chain.list[s->chain.n - 1], &function) &&
	    elf_debug_parents(s->data->arena, &function, &around))
		for (uint32_t i = 1; i < around.n; i++)
			if (find_below(&around.list[i], name, out))
				return true;
	return find_below(&s->unit, name, out);
}

static bool scope_find(struct elf_scope *s, const char *name, Dwarf_Die *out)
{
	for (uint32_t i = 0; i < s->chain.n; i++)
		if (find_below(&s->chain.list[i], name, out))
			return true;
	for (uint32_t i = 0; i < s->chain.n; i++)
		if (find_in_origin(&s->chain.list[i], name, out))
			return true;
	return find_around(s, name, out);
}

bool elf_variable_find(struct elf_scope *s, const char *name, struct elf_variable *out)
{
	Dwarf_Die die;

	if (!scope_find(s, name, &die))
		return false;
	*out = variable_from(s->data, &die);
	return true;
}

/* ---- lists --------------------------------------------------------------------------------------- */

static bool is_listed(const struct elf_scope *s, const char *name)
{
	vec_each(v, &s->variables)
		if (strcmp(v->name, name) == 0)
			return true;
	return false;
}

static void list_below(struct elf_scope *s, Dwarf_Die *scope, bool parameters)
{
	Dwarf_Die child;
	const char *name;

	if (dwarf_child(scope, &child) != 0)
		return;
	do {
		name = is_variable(&child) ? dwarf_diename(&child) : NULL;
		if (!name || (dwarf_tag(&child) == DW_TAG_formal_parameter) != parameters ||
		    is_listed(s, name))
			continue;
		vec_push(s->data->arena, &s->variables, variable_from(s->data, &child));
	} while (elf_debug_sibling(&child));
}

const struct elf_variable *elf_scope_variables(struct elf_scope *s, uint32_t *n)
{
	for (int parameters = 1; parameters >= 0 && !s->listed; parameters--)
		for (uint32_t i = 0; i < s->chain.n; i++)
			list_below(s, &s->chain.list[i], parameters);
	s->listed = true;
	*n = s->variables.n;
	return s->variables.p;
}

/* A block's own variables, as they stand in it; origins of blocks that say nothing themselves. */
static void order_below(struct elf_scope *s, Dwarf_Die *scope, elf_variable_fn *hook, void *user)
{
	Dwarf_Die child;

	if (dwarf_child(scope, &child) != 0)
		return;
	do {
		struct elf_variable v;

		if (!is_variable(&child) || !dwarf_diename(&child))
			continue;
		v = variable_from(s->data, &child);
		hook(user, &v);
	} while (elf_debug_sibling(&child));
}

void elf_each_variable(struct elf_scope *s, elf_variable_fn *hook, void *user)
{
	struct elf_scopes around;

	for (uint32_t i = 0; i < s->chain.n; i++)
		order_below(s, &s->chain.list[i], hook, user);
	if (!s->chain.n || !elf_debug_parents(s->data->arena, &s->chain.list[s->chain.n - 1], &around))
		return;
	for (uint32_t i = 1; i < around.n; i++)
		if (dwarf_tag(&around.list[i]) == DW_TAG_namespace)
			order_below(s, &around.list[i], hook, user);
}

bool elf_returned(struct elf_scope *s, const struct elf_type **type, struct elf_location *where)
{
	*type = elf_type_complete(elf_type_of(s->data, &s->frame.function));
	if (!*type || (*type)->kind == ELF_TYPE_VOID)
		return false;
	*where = elf_returned_location(s->data, &s->frame.function, *type);
	return true;
}
