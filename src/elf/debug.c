/* SPDX-License-Identifier: Apache-2.0 */
/* The handle of libdw, the units by address, and the scopes that hold an address. */
#include <dwarf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/package.h"

/* Deeper nesting than any compiler writes: a damaged file. */
#define DEPTH_LIMIT 256u

/* ---- opening ------------------------------------------------------------------------------- */

/* Beside the file with the sections or the module, also where that file's name ends with ".debug". */
static const char *package_beside(const struct elf_file *f, const struct elf_debug *d)
{
	size_t n = strlen(d->path);
	bool separate = n > 6 && strcmp(d->path + n - 6, ".debug") == 0;
	const char *paths[] = {
		arena_printf(d->arena, "%s.dwp", d->path),
		arena_printf(d->arena, "%s.dwp", f->path),
		arena_printf(d->arena, "%.*s.dwp", (int)(separate ? n - 6 : n), d->path),
	};

	for (uint32_t i = 0; i < base_count(paths); i++)
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

static struct elf_debug *file_open(struct elf_file *f)
{
	struct elf_private *p = private_of(f);
	struct elf_debug *d = arena_new(p->arena, struct elf_debug);

	d->arena = p->arena;
	d->fd = elf_debug_find(f, &d->path, &p->debug_missing);
	if (d->fd < 0)
		return NULL;
	d->elf = elf_begin(d->fd, ELF_C_READ_MMAP, NULL);
	if (d->elf) {
		d->package_path = package_beside(f, d);
		return d;
	}
	p->debug_missing = arena_printf(p->arena, "%s: %s", d->path, elf_errmsg(-1));
	elf_debug_close(d);
	return NULL;
}

struct elf_debug *elf_debug_file_of(struct elf_file *f)
{
	struct elf_private *p = private_of(f);

	if (!p->debug_looked_for) {
		p->debug_looked_for = true;
		p->debug = file_open(f);
	}
	return p->debug && !p->debug->is_broken ? p->debug : NULL;
}

struct elf_debug *elf_debug_of(struct elf_file *f)
{
	struct elf_private *p = private_of(f);
	struct elf_debug *d = elf_debug_file_of(f);

	if (!d || d->dwarf)
		return d;
	elf_debug_unpack(d, true);
	elf_debug_share(d);
	elf_package_redirect(d);
	d->dwarf = dwarf_begin_elf(d->elf, DWARF_C_READ, NULL);
	if (d->dwarf)
		return d;
	p->debug_missing = arena_printf(p->arena, "%s: %s", d->path, dwarf_errmsg(-1));
	d->is_broken = true; /* closed with the cache: an index that is being made reads its sections */
	return NULL;
}

void elf_debug_identity(const struct elf_debug *d, uint64_t *size, uint64_t *time)
{
	struct stat st;

	*size = *time = 0;
	if (fstat(d->fd, &st) != 0)
		return;
	*size = (uint64_t)st.st_size;
	*time = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	if (d->package_path && stat(d->package_path, &st) == 0) {
		*size += (uint64_t)st.st_size;
		*time ^= (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	}
}

void elf_debug_close(struct elf_debug *d)
{
	if (!d)
		return;
	if (d->dwarf)
		dwarf_end(d->dwarf);
	elf_package_close(d->package);
	if (d->second)
		elf_end(d->second);
	if (d->elf)
		elf_end(d->elf);
	if (d->fd >= 0)
		close(d->fd);
}

bool elf_has_debug(struct elf_file *f)
{
	return elf_debug_file_of(f) != NULL;
}

const char *elf_debug_missing(struct elf_file *f)
{
	return elf_debug_file_of(f) ? NULL : private_of(f)->debug_missing;
}

const char *const *elf_debug_warnings(struct elf_file *f, uint32_t *n)
{
	struct elf_private *p = private_of(f);

	elf_debug_file_of(f);
	*n = p->debug_warnings.n;
	return (const char *const *)p->debug_warnings.p;
}

bool elf_debug_sibling(Dwarf_Die *die)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) != 0 || next.addr <= die->addr)
		return false;
	*die = next;
	return true;
}

/* libdw's own dwarf_decl_file() ends the program for entries of split units, which have no line table. */
const char *elf_debug_file(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word number;
	Dwarf_Die unit;
	size_t n;

	if (!dwarf_attr_integrate(die, DW_AT_decl_file, &attribute) ||
	    dwarf_formudata(&attribute, &number) != 0 || !number || !dwarf_diecu(die, &unit, NULL, NULL) ||
	    dwarf_getsrcfiles(&unit, &files, &n) != 0 || number >= n)
		return NULL;
	return dwarf_filesrc(files, number, NULL, NULL);
}

/* ---- units by address ---------------------------------------------------------------------- */

static int compare_ranges(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void unit_ranges_add(struct elf_debug *d, Dwarf_Die *unit)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(unit, at, &base, &start, &end)) > 0)
		if (start && start < end)
			vec_push(d->arena, &d->ranges,
				 (struct unit_range){ start, end, dwarf_dieoffset(unit) });
}

static void units_load(struct elf_debug *d)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	uint8_t type;

	d->units_loaded = true;
	while (dwarf_get_units(d->dwarf, cu, &cu, NULL, &type, &unit, NULL) == 0) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		vec_push(d->arena, &d->units, dwarf_dieoffset(&unit));
		unit_ranges_add(d, &unit);
	}
	if (d->ranges.n)
		qsort(d->ranges.p, d->ranges.n, sizeof *d->ranges.p, compare_ranges);
}

bool elf_debug_whole(struct elf_debug *d, Dwarf_Die *unit)
{
	Dwarf_Die split;

	elf_package_offer(d, unit);
	if (dwarf_cu_info(unit->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) != 0)
		return false;
	if (split.addr)
		*unit = split;
	return true;
}

bool elf_debug_unit(struct elf_debug *d, Dwarf_Off offset, Dwarf_Die *unit)
{
	return dwarf_offdie(d->dwarf, offset, unit) && elf_debug_whole(d, unit);
}

bool elf_debug_unit_at(struct elf_debug *d, uint64_t address, Dwarf_Die *unit)
{
	uint32_t behind;

	if (!d->units_loaded)
		units_load(d);
	behind = base_bound(i, 0, d->ranges.n, d->ranges.p[i].start <= address);
	if (behind && address < d->ranges.p[behind - 1].end)
		return elf_debug_unit(d, d->ranges.p[behind - 1].unit, unit);
	return dwarf_addrdie(d->dwarf, address, unit) && elf_debug_whole(d, unit);
}

/* ---- scopes -------------------------------------------------------------------------------- */

struct scope_walk {
	Dwarf_Die chain[DEPTH_LIMIT]; /* outermost first */
	uint32_t n;
	uint64_t address;
	const void *entry; /* by entry instead: its bytes */
	bool widely; /* look also into scopes that do not hold the address */
	uint64_t budget; /* entries to look at: damaged files may show the same ones again */
};

static bool may_hold(const Dwarf_Die *die)
{
	switch (dwarf_tag((Dwarf_Die *)die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return true;
	default:
		return false;
	}
}

static bool is_code(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_entry_point:
	case DW_TAG_common_block:
		return true;
	default:
		return false;
	}
}

/* Whether the walk goes on below the entry: false for none of the address. */
static bool enters(const struct scope_walk *w, Dwarf_Die *die)
{
	if (may_hold(die))
		return dwarf_haschildren(die) > 0;
	if (!is_code(die))
		return false;
	return w->widely || w->entry || dwarf_haspc(die, w->address) > 0;
}

static bool is_goal(const struct scope_walk *w, Dwarf_Die *die)
{
	return w->entry ? die->addr == w->entry : is_code(die) && dwarf_haspc(die, w->address) > 0;
}

/*
 * Finds the innermost entry below `die`, which is the chain's last; true when the chain ends at a
 * goal. GNU C's nested functions are below functions that do not hold their addresses: `widely`.
 */
static bool descend(struct scope_walk *w, Dwarf_Die *die)
{
	Dwarf_Die child;
	bool goal = is_goal(w, die);

	if (goal && w->entry)
		return true;
	if (w->n < DEPTH_LIMIT && dwarf_child(die, &child) == 0)
		do {
			if (!w->budget)
				return goal;
			w->budget--;
			if (!is_goal(w, &child) && !enters(w, &child))
				continue;
			w->chain[w->n++] = child;
			if (descend(w, &child))
				return true;
			w->n--;
		} while (elf_debug_sibling(&child));
	return goal;
}

/* Bytes of a unit's entries, at least as many as there are entries. */
static uint64_t unit_size(Dwarf_Die *unit)
{
	Dwarf_Off offset = dwarf_dieoffset(unit) - dwarf_cuoffset(unit), next;
	size_t header;
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->cu);

	if (dwarf_next_unit(dwarf, offset, &next, &header, NULL, NULL, NULL, NULL, NULL, NULL) != 0)
		return 0;
	return next - offset;
}

static bool walk(struct arena *a, struct scope_walk *w, Dwarf_Die *unit, struct elf_scopes *out)
{
	bool found;

	w->chain[0] = *unit;
	w->n = 1;
	w->budget = unit_size(unit);
	found = descend(w, unit);
	out->list = arena_array(a, Dwarf_Die, w->n);
	out->n = w->n;
	for (uint32_t i = 0; i < w->n; i++)
		out->list[i] = w->chain[w->n - 1 - i];
	return found;
}

bool elf_debug_scopes(struct arena *a, struct elf_debug *d, uint64_t address,
		      struct elf_scopes *out)
{
	struct scope_walk w = { .address = address };
	Dwarf_Die unit;

	*out = (struct elf_scopes){ 0 };
	if (!elf_debug_unit_at(d, address, &unit))
		return false;
	if (walk(a, &w, &unit, out))
		return true;
	w.widely = true;
	walk(a, &w, &unit, out);
	return true;
}

bool elf_debug_parents(struct arena *a, Dwarf_Die *die, struct elf_scopes *out)
{
	struct scope_walk w = { .entry = die->addr };
	Dwarf_Die unit;

	*out = (struct elf_scopes){ 0 };
	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return false;
	return walk(a, &w, &unit, out);
}
