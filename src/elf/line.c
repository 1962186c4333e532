/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places by line.
 *
 * A line of the source may have many records in the line table. Of each function (or inlined copy)
 * the one with the lowest address that lies in its code counts: the line's first instruction
 * there. Two lines with one address are one place. Each place is told once for every function of
 * the question that has code there, so a line of an inlined function is also its caller's.
 */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/function.h"

struct record {
	uint32_t line;
	uint64_t address;
};

struct place {
	uint64_t address;
	uint32_t line;
};

/* One source file of one unit. */
struct line_query {
	struct elf_file *file;
	struct elf_line_spec *spec;
	struct arena *arena;
	const struct elf_code *codes;
	Dwarf_Die *dies; /* of codes */
	bool *here; /* codes of this unit */
	uint32_t n;
	Dwarf_Die unit;
	VEC(struct record) records; /* by line, then address */
	VEC(struct place) places;
	struct map *placed; /* addresses of places */
	elf_line_fn *hook;
	void *user;
	bool stopped;
};

static int compare_records(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static uint32_t record_bound(const struct line_query *q, uint32_t line)
{
	return base_bound(i, 0, q->records.n, q->records.p[i].line < line);
}

static bool has_address(const struct line_query *q, uint32_t code, uint64_t address)
{
	return q->here[code] && dwarf_haspc(&q->dies[code], address) > 0;
}

/* The line's first record in the code; false if none. */
static bool first_in(const struct line_query *q, uint32_t code, uint32_t line, uint64_t *address)
{
	for (uint32_t i = record_bound(q, line); i < q->records.n && q->records.p[i].line == line; i++)
		if (has_address(q, code, q->records.p[i].address)) {
			*address = q->records.p[i].address;
			return true;
		}
	return false;
}

static void place_add(struct line_query *q, uint64_t address, uint32_t line)
{
	if (map_find_u64(q->placed, address))
		return;
	map_put_u64(q->placed, address, q);
	vec_push(q->arena, &q->places, (struct place){ address, line });
}

/* ---- which lines ------------------------------------------------------------------------------ */

/* The line of the record at or before the code's entry; else its lowest record's. */
static uint32_t first_line(struct line_query *q, uint32_t code)
{
	Dwarf_Line *l = dwarf_getsrc_die(&q->unit, q->codes[code].address);
	const struct record *lowest = NULL;
	Dwarf_Addr at = 0;
	int line = 0;

	if (l && dwarf_lineaddr(l, &at) == 0 && at == q->codes[code].address &&
	    dwarf_lineno(l, &line) == 0)
		return (uint32_t)line;
	vec_each(r, &q->records)
		if ((!lowest || r->address < lowest->address) && has_address(q, code, r->address))
			lowest = r;
	return lowest ? lowest->line : 0;
}

/* From the function's first line on, line by line of the file, while each has code in it. */
static void all_lines(struct line_query *q, uint32_t code)
{
	uint32_t line = first_line(q, code), i;
	uint64_t address;

	while (line && first_in(q, code, line, &address)) {
		place_add(q, address, line);
		i = record_bound(q, line + 1);
		line = i < q->records.n ? q->records.p[i].line : 0;
	}
}

static bool any_has(const struct line_query *q, uint32_t line, uint64_t *address)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->here[i] && first_in(q, i, line, address))
			return true;
	return false;
}

/* The lines with code around one that has none. */
static void nearest_lines(struct line_query *q, uint32_t line, uint32_t *before, uint32_t *behind)
{
	uint64_t address;

	*before = *behind = 0;
	for (uint32_t i = record_bound(q, line); i-- && !*before;)
		if (any_has(q, q->records.p[i].line, &address))
			*before = q->records.p[i].line;
	for (uint32_t i = record_bound(q, line + 1); i < q->records.n && !*behind; i++)
		if (any_has(q, q->records.p[i].line, &address))
			*behind = q->records.p[i].line;
}

static uint32_t nearest_of(uint32_t line, uint32_t before, uint32_t behind)
{
	if (!before || !behind)
		return before ? before : behind;
	return line - before < behind - line ? before : behind;
}

static void one_line(struct line_query *q, uint32_t number, uint32_t *missing)
{
	for (uint32_t i = 0; i < q->n; i++) {
		uint32_t line = number;
		uint64_t address;

		if (!q->here[i])
			continue;
		if (q->spec->kind == ELF_LINES_RELATIVE)
			line += q->codes[i].function->line;
		if (first_in(q, i, line, &address))
			place_add(q, address, line);
		else
			*missing = line;
	}
}

static void nearest_instead(struct line_query *q, const char *path, uint32_t line)
{
	struct elf_line_spec *s = q->spec;
	uint32_t before, behind, nearest;
	uint64_t address;

	nearest_lines(q, line, &before, &behind);
	nearest = nearest_of(line, before, behind);
	if (s->nearest && nearest) {
		for (uint32_t i = 0; i < q->n; i++)
			if (q->here[i] && first_in(q, i, nearest, &address))
				place_add(q, address, nearest);
		return;
	}
	s->missing = line;
	s->before = before;
	s->behind = behind;
	s->missing_file = path;
}

static void lines_choose(struct line_query *q, const char *path)
{
	const struct elf_line_spec *s = q->spec;
	uint32_t missing = 0;

	if (s->kind == ELF_LINES_ALL)
		for (uint32_t i = 0; i < q->n; i++)
			if (q->here[i])
				all_lines(q, i);
	for (uint32_t i = 0; i < s->n; i++)
		one_line(q, s->numbers[i], &missing);
	if (!q->places.n && missing && s->n == 1)
		nearest_instead(q, path, missing);
}

/* ---- files and units -------------------------------------------------------------------------- */

static void places_tell(struct line_query *q)
{
	vec_each(p, &q->places)
		for (uint32_t i = 0; i < q->n && !q->stopped; i++)
			if (has_address(q, i, p->address))
				q->stopped = !q->hook(q->user, &q->codes[i], p->address, p->line);
}

static void file_query(struct line_query *q, Dwarf_Lines *lines, size_t n, const char *path)
{
	q->records.n = q->places.n = 0;
	q->placed = map_create(q->arena);
	for (size_t i = 0; i < n; i++) {
		Dwarf_Line *l = dwarf_onesrcline(lines, i);
		Dwarf_Addr at = 0;
		bool end = false;
		int line = 0;

		if (dwarf_linesrc(l, NULL, NULL) != path || dwarf_lineaddr(l, &at) != 0 ||
		    dwarf_lineno(l, &line) != 0 || line <= 0)
			continue;
		dwarf_lineendsequence(l, &end);
		if (!end)
			vec_push(q->arena, &q->records, (struct record){ (uint32_t)line, at });
	}
	if (!q->records.n)
		return;
	qsort(q->records.p, q->records.n, sizeof *q->records.p, compare_records);
	lines_choose(q, path);
	places_tell(q);
}

/* Names of files are one pointer each in libdw's tables. */
static void unit_query(struct line_query *q)
{
	struct map *seen = map_create(q->arena);
	Dwarf_Lines *lines;
	size_t n;

	if (dwarf_getsrclines(&q->unit, &lines, &n) != 0)
		return;
	for (size_t i = 0; i < n && !q->stopped; i++) {
		const char *path = dwarf_linesrc(dwarf_onesrcline(lines, i), NULL, NULL);

		if (!path || map_find_u64(seen, (uintptr_t)path))
			continue;
		map_put_u64(seen, (uintptr_t)path, q);
		if (q->spec->file_matches(q->spec->user, path))
			file_query(q, lines, n, path);
	}
}

static void codes_open(struct line_query *q)
{
	q->dies = arena_array(q->arena, Dwarf_Die, q->n);
	q->here = arena_array(q->arena, bool, q->n);
	for (uint32_t i = 0; i < q->n; i++)
		if (!elf_entry_at(q->file, q->codes[i].unit, q->codes[i].entry, &q->dies[i]))
			memset(&q->dies[i], 0, sizeof q->dies[i]);
}

void elf_each_line(struct elf_file *f, struct elf_line_spec *spec, const struct elf_code *codes,
		   uint32_t n, elf_line_fn *hook, void *user)
{
	struct line_query q = { .file = f, .spec = spec, .codes = codes, .n = n, .hook = hook,
				.user = user, .arena = arena_create() };

	codes_open(&q);
	for (uint32_t i = 0; i < n && !q.stopped; i++) {
		bool first = q.dies[i].addr != NULL;

		for (uint32_t j = 0; j < i; j++)
			first &= codes[j].unit != codes[i].unit;
		if (!first || !dwarf_diecu(&q.dies[i], &q.unit, NULL, NULL))
			continue;
		for (uint32_t j = 0; j < n; j++)
			q.here[j] = codes[j].unit == codes[i].unit && q.dies[j].addr;
		unit_query(&q);
	}
	arena_destroy(q.arena);
}

/* ---- by address -------------------------------------------------------------------------------- */

bool elf_line_at(struct elf_file *f, uint64_t address, const char **file, uint32_t *line,
		 uint64_t *start)
{
	struct elf_debug *d = elf_debug_of(f);
	Dwarf_Addr at = 0;
	Dwarf_Die unit;
	Dwarf_Line *l;
	int number = 0;

	if (!d || !elf_debug_unit_at(d, address, &unit))
		return false;
	l = dwarf_getsrc_die(&unit, address);
	if (!l || dwarf_lineaddr(l, &at) != 0 || dwarf_lineno(l, &number) != 0)
		return false;
	*file = dwarf_linesrc(l, NULL, NULL);
	*line = (uint32_t)number;
	*start = at;
	return *file != NULL;
}
