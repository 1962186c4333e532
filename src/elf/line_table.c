/* SPDX-License-Identifier: Apache-2.0 */
/* Source lines by address: of a whole file in the form in which targets use them; of one address, with inlining. */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/debug.h"
#include "elf/function.h"
#include "elf/kept.h"

struct line_list {
	struct arena *arena;
	uint64_t low, high;
	VEC(struct abi_line) rows;
	VEC(const char *) files;
	struct map *numbers; /* of files, plus one */
};

static uint32_t file_number(struct line_list *l, const char *name)
{
	uintptr_t known = (uintptr_t)map_find(l->numbers, name);

	if (known)
		return (uint32_t)known - 1;
	vec_push(l->arena, &l->files, name);
	map_put(l->numbers, name, (void *)(uintptr_t)l->files.n);
	return l->files.n - 1;
}

static void line_add(struct line_list *l, Dwarf_Line *line)
{
	struct abi_line row = { 0 };
	bool ends = false;
	const char *file;
	Dwarf_Addr at;
	int number = 0;

	if (dwarf_lineaddr(line, &at) != 0 || at < l->low || at > l->high)
		return;
	row.at = (uint32_t)(at - l->low);
	if (dwarf_lineendsequence(line, &ends) == 0 && !ends && dwarf_lineno(line, &number) == 0) {
		file = dwarf_linesrc(line, NULL, NULL);
		row.line = file ? (uint32_t)number : 0;
		row.file = file ? file_number(l, file) : 0;
	}
	vec_push(l->arena, &l->rows, row);
}

static void unit_add(struct line_list *l, Dwarf_Die *unit)
{
	Dwarf_Lines *lines;
	size_t n;

	if (dwarf_getsrclines(unit, &lines, &n) != 0)
		return;
	for (size_t i = 0; i < n; i++)
		line_add(l, dwarf_onesrcline(lines, i));
}

/* The end of one unit's lines gives way to the begin of the next one's. */
static int compare_lines(const void *x, const void *y)
{
	const struct abi_line *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (a->line != 0) - (b->line != 0);
}

static void lines_finish(struct line_list *l)
{
	uint32_t kept = 0;

	if (!l->rows.n)
		return;
	qsort(l->rows.p, l->rows.n, sizeof *l->rows.p, compare_lines);
	vec_each(row, &l->rows) {
		struct abi_line *last = kept ? &l->rows.p[kept - 1] : NULL;

		if (last && last->at == row->at)
			*last = *row;
		else if (!last || last->line != row->line || last->file != row->file)
			l->rows.p[kept++] = *row;
	}
	l->rows.n = kept;
}

static const struct abi_line_table *lay_out(struct arena *a, const struct line_list *l)
{
	struct abi_line_table head = { .text = l->low, .n = l->rows.n, .n_files = l->files.n, .rows = sizeof head };
	uint64_t size = sizeof head + l->rows.n * (uint64_t)sizeof(struct abi_line);
	struct abi_line_file *files;
	uint32_t used = 0;
	uint8_t *out;

	head.files = (uint32_t)size;
	size += l->files.n * (uint64_t)sizeof *files;
	head.names = (uint32_t)size;
	vec_each(name, &l->files)
		size += strlen(*name);
	head.size = base_align(size, (uint64_t)8);
	if (!l->rows.n || head.size > UINT32_MAX)
		return NULL;
	out = arena_alloc(a, head.size);
	memcpy(out, &head, sizeof head);
	memcpy(out + head.rows, l->rows.p, l->rows.n * sizeof *l->rows.p);
	files = (void *)(out + head.files);
	vec_each(name, &l->files) {
		uint32_t length = (uint32_t)strlen(*name);

		*files++ = (struct abi_line_file){ used, length };
		memcpy(out + head.names + used, *name, length);
		used += length;
	}
	return (const void *)out;
}

static const void *make_table(struct arena *a, struct elf_file *f)
{
	struct line_list l = { .arena = arena_create(), .low = UINT64_MAX };
	struct elf_debug *d = elf_debug_of(f);
	const struct abi_line_table *out = NULL;
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	uint8_t type;

	l.numbers = map_create(l.arena);
	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].executable) {
			l.low = base_min(l.low, f->segments[i].address);
			l.high = base_max(l.high, f->segments[i].address + f->segments[i].memory_size);
		}
	while (d && l.high > l.low && l.high - l.low < UINT32_MAX &&
	       dwarf_get_units(d->dwarf, cu, &cu, NULL, &type, &unit, NULL) == 0)
		unit_add(&l, &unit);
	lines_finish(&l);
	out = lay_out(a, &l);
	arena_destroy(l.arena);
	return out;
}

const struct abi_line_table *elf_line_table(struct arena *a, struct elf_file *f)
{
	return elf_table_kept(a, f, KEPT_LINES, make_table);
}

/* ---- one address ------------------------------------------------------------------------------ */

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_name, &attribute))
		name = dwarf_formstring(&attribute);
	return name;
}

/* Where an inlined copy was called from. */
static void call_place(Dwarf_Die *copy, struct elf_source *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file = 0, line = 0;
	Dwarf_Files *files;
	Dwarf_Die unit;
	size_t n;

	*out = (struct elf_source){ 0 };
	if (dwarf_attr(copy, DW_AT_call_line, &attribute))
		dwarf_formudata(&attribute, &line);
	if (!dwarf_attr(copy, DW_AT_call_file, &attribute) || dwarf_formudata(&attribute, &file) != 0 ||
	    !dwarf_diecu(copy, &unit, NULL, NULL) || dwarf_getsrcfiles(&unit, &files, &n) != 0 || file >= n)
		return;
	out->file = dwarf_filesrc(files, file, NULL, NULL);
	out->line = (uint32_t)line;
}

uint32_t elf_sources_at(struct arena *a, struct elf_file *f, uint64_t address, struct elf_source *out, uint32_t most)
{
	struct elf_debug *d = elf_debug_of(f);
	struct elf_source next = { 0 };
	struct elf_scopes scopes;
	uint32_t n = 0;
	uint64_t start;

	if (!d || !elf_debug_scopes(a, d, address, &scopes))
		return 0;
	elf_line_at(f, address, &next.file, &next.line, &start);
	for (uint32_t i = 0; i < scopes.n && n < most; i++) {
		Dwarf_Die *die = &scopes.list[i];
		int tag = dwarf_tag(die);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		next.function = name_of(die);
		out[n++] = next;
		if (tag == DW_TAG_subprogram)
			return n;
		call_place(die, &next);
	}
	if (n < most && (n == 0 || next.file))
		out[n++] = next;
	return n;
}
