/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types, enumerators and file-scope variables by name, over all units: one walk, made when a
 * name is first asked for that no scope at hand knows.
 */
#include <dwarf.h>

#include "elf/location.h"

#define NESTING_LIMIT 32u

struct named_variable {
	Dwarf_Die die;
	const char *unit; /* path of the unit's source file */
	struct named_variable *next; /* of the same name */
};

struct elf_names {
	struct map *types; /* Dwarf_Die */
	struct map *enumerators; /* Dwarf_Die */
	struct map *variables; /* struct named_variable */
	struct map *declared; /* declarations in classes and namespaces, by address: full name */
};

struct name_walk {
	struct elf_data *data;
	struct elf_names *names;
	const char *unit;
};

static bool is_declaration(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	bool flag;

	return dwarf_attr(die, DW_AT_declaration, &attribute) && dwarf_formflag(&attribute, &flag) == 0 && flag;
}

/* Of several the first counts; a whole type before one that is only named. */
static void type_put(struct name_walk *w, const char *name, Dwarf_Die *die)
{
	Dwarf_Die *known = map_find(w->names->types, name);

	if (known && (!is_declaration(known) || is_declaration(die)))
		return;
	map_put(w->names->types, name, arena_dup(w->data->arena, die, sizeof *die));
}

static void type_add(struct name_walk *w, const char *scope, Dwarf_Die *die)
{
	static const char *const words[] = { "struct", "class", "union", "enum", "interface" };
	const char *name = dwarf_diename(die);
	int tag = dwarf_tag(die);
	const char *first = tag == DW_TAG_union_type ? words[2] : tag == DW_TAG_enumeration_type ? words[3] : words[0];
	struct arena *a = w->data->arena;

	if (!name)
		return;
	for (uint32_t full = 0; full <= (*scope != 0); full++) {
		const char *whole = full ? arena_printf(a, "%s%s", scope, name) : name;

		type_put(w, whole, die);
		if (tag == DW_TAG_base_type || tag == DW_TAG_typedef)
			continue;
		type_put(w, arena_printf(a, "%s %s", first, whole), die);
		if (first == words[0])
			type_put(w, arena_printf(a, "class %s", whole), die);
	}
}

static void enumerators_add(struct name_walk *w, Dwarf_Die *die)
{
	Dwarf_Die child;
	const char *name;

	if (dwarf_child(die, &child) != 0)
		return;
	do {
		name = dwarf_tag(&child) == DW_TAG_enumerator ? dwarf_diename(&child) : NULL;
		if (name && !map_find(w->names->enumerators, name))
			map_put(w->names->enumerators, name,
				arena_dup(w->data->arena, &child, sizeof child));
	} while (elf_debug_sibling(&child));
}

static void variable_put(struct name_walk *w, const char *name, Dwarf_Die *die)
{
	struct named_variable *v = arena_new(w->data->arena, struct named_variable);

	*v = (struct named_variable){ *die, w->unit, map_find(w->names->variables, name) };
	map_put(w->names->variables, name, v);
}

static void variable_add(struct name_walk *w, const char *scope, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die), *linkage, *full = NULL;
	Dwarf_Attribute attribute;
	Dwarf_Die of;

	if (dwarf_tag(die) == DW_TAG_member && !dwarf_attr(die, DW_AT_external, &attribute))
		return;
	if (name && *scope)
		map_put_u64(w->names->declared, (uintptr_t)die->addr,
			    arena_printf(w->data->arena, "%s%s", scope, name));
	if (!name || (!dwarf_attr_integrate(die, DW_AT_location, &attribute) &&
		      !dwarf_attr_integrate(die, DW_AT_const_value, &attribute)))
		return;
	variable_put(w, name, die);
	if (dwarf_attr(die, DW_AT_specification, &attribute) && dwarf_formref_die(&attribute, &of))
		full = map_find_u64(w->names->declared, (uintptr_t)of.addr);
	if (*scope || full)
		variable_put(w, full ? full : arena_printf(w->data->arena, "%s%s", scope, name), die);
	linkage = dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ? dwarf_formstring(&attribute) : NULL;
	if (linkage && strcmp(linkage, name) != 0)
		variable_put(w, linkage, die);
}

static void walk(struct name_walk *w, const char *scope, Dwarf_Die *die, uint32_t depth);

static void walk_inside(struct name_walk *w, const char *scope, Dwarf_Die *die, uint32_t depth)
{
	const char *name = dwarf_diename(die);

	walk(w, name ? arena_printf(w->data->arena, "%s%s::", scope, name) : scope, die, depth + 1);
}

static void see(struct name_walk *w, const char *scope, Dwarf_Die *die, uint32_t depth)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
		walk_inside(w, scope, die, depth);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
		type_add(w, scope, die);
		walk_inside(w, scope, die, depth);
		break;
	case DW_TAG_enumeration_type:
		type_add(w, scope, die);
		enumerators_add(w, die);
		break;
	case DW_TAG_base_type:
	case DW_TAG_typedef:
	case DW_TAG_unspecified_type:
		type_add(w, scope, die);
		break;
	case DW_TAG_variable:
	case DW_TAG_member: /* of a class: a variable when it is declared so */
		variable_add(w, scope, die);
		break;
	default:
		break;
	}
}

static void walk(struct name_walk *w, const char *scope, Dwarf_Die *die, uint32_t depth)
{
	Dwarf_Die child;

	if (depth > NESTING_LIMIT || dwarf_child(die, &child) != 0)
		return;
	do
		see(w, scope, &child, depth);
	while (elf_debug_sibling(&child));
}

static void walk_file(struct name_walk *w, Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;

	while (dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0)
		if (elf_debug_whole(w->data->debug, &unit)) {
			w->unit = dwarf_diename(&unit);
			walk(w, "", &unit, 0);
		}
}

static struct elf_names *names_of(struct elf_data *d)
{
	struct name_walk w = { .data = d };

	if (d->names)
		return d->names;
	w.names = d->names = arena_new(d->arena, struct elf_names);
	w.names->types = map_create(d->arena);
	w.names->enumerators = map_create(d->arena);
	w.names->variables = map_create(d->arena);
	w.names->declared = map_create(d->arena);
	walk_file(&w, d->debug->dwarf);
	if (dwarf_getalt(d->debug->dwarf))
		walk_file(&w, dwarf_getalt(d->debug->dwarf));
	return d->names;
}

/* ---- questions ---------------------------------------------------------------------------------- */

const struct elf_type *elf_type_find(struct elf_file *f, const char *name)
{
	struct elf_data *d = elf_data_of(f);
	Dwarf_Die *die;

	if (!d)
		return NULL;
	die = map_find(names_of(d)->types, name);
	return die ? elf_type_from(d, die) : NULL;
}

bool elf_enumerator_find(struct elf_file *f, const char *name, int64_t *value)
{
	struct elf_data *d = elf_data_of(f);
	Dwarf_Attribute attribute;
	Dwarf_Sword number;
	Dwarf_Die *die;

	die = d ? map_find(names_of(d)->enumerators, name) : NULL;
	if (!die || !dwarf_attr(die, DW_AT_const_value, &attribute) ||
	    dwarf_formsdata(&attribute, &number) != 0)
		return false;
	*value = number;
	return true;
}

/* Whether a path ends with whole components of `end`. */
static bool ends_with(const char *path, const char *end)
{
	size_t n = path ? strlen(path) : 0, m = strlen(end);

	return n >= m && strcmp(path + n - m, end) == 0 && (n == m || path[n - m - 1] == '/');
}

bool elf_global_find(struct elf_file *f, const char *name, const char *unit,
		     struct elf_variable *out, struct elf_location *where)
{
	struct elf_data *d = elf_data_of(f);
	struct named_variable *best = NULL;
	struct elf_frame *frame;

	if (!d)
		return false;
	for (struct named_variable *v = map_find(names_of(d)->variables, name); v; v = v->next)
		if ((!unit || ends_with(v->unit, unit)) &&
		    (!best || !unit || strlen(v->unit) <= strlen(best->unit)))
			best = v;
	if (!best)
		return false;
	frame = arena_new(d->arena, struct elf_frame);
	frame->data = d;
	*out = (struct elf_variable){ .name = name, .type = elf_type_of(d, &best->die), .priv = &best->die };
	*where = elf_entry_location(frame, &best->die);
	return true;
}

/* The class has the declaration; the definition says it belongs to it. */
bool elf_static_member(struct elf_file *f, const struct elf_member *m, struct elf_location *where)
{
	struct elf_data *d = elf_data_of(f);
	Dwarf_Attribute attribute;
	Dwarf_Die declared, of;

	if (!d || !m->name || !dwarf_offdie(d->debug->dwarf, m->offset, &declared))
		return false;
	for (struct named_variable *v = map_find(names_of(d)->variables, m->name); v; v = v->next)
		if (dwarf_attr(&v->die, DW_AT_specification, &attribute) &&
		    dwarf_formref_die(&attribute, &of) && dwarf_diename(&of) &&
		    (of.addr == declared.addr || !v->next)) {
			struct elf_frame frame = { .data = d };

			*where = elf_entry_location(&frame, &v->die);
			return true;
		}
	return false;
}
