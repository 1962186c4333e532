/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file names of a line table's header (DWARF 4, 6.2.4, and DWARF 5, 6.2.4.1), and the record of an
 * address (6.2.5): functions of assembly have no line of their own.
 *
 * Paths are as libdw (and so SystemTap) shows them: the directory's name as it is written, the
 * compilation directory where there is none.
 */
#include <dwarf.h>

#include "elf/scan.h"

struct file_list {
	const struct scan_unit *unit;
	struct arena *arena;
	VEC(const char *) directories;
	VEC(struct scan_file) files;
};

static void file_add(struct file_list *l, const char *name, uint64_t directory)
{
	const char *in = directory < l->directories.n ? l->directories.p[directory] : "";

	vec_push(l->arena, &l->files, (struct scan_file){ in ? in : "", name });
}

static void tables_of_4(struct file_list *l, struct scan_cursor *c)
{
	vec_push(l->arena, &l->directories, l->unit->directory);
	while (!c->bad && c->at < c->end && *c->at)
		vec_push(l->arena, &l->directories, scan_text(c));
	scan_skip(c, 1);
	file_add(l, NULL, 0); /* files count from 1 */
	while (!c->bad && c->at < c->end && *c->at) {
		const char *name = scan_text(c);
		uint64_t directory = scan_uleb(c);

		scan_uleb(c);
		scan_uleb(c);
		if (!c->bad)
			file_add(l, name, directory);
	}
}

#define FORMATS 16u

struct entry_formats {
	uint32_t n;
	uint16_t content[FORMATS], form[FORMATS];
};

static void formats_read(struct scan_cursor *c, struct entry_formats *f)
{
	f->n = (uint32_t)scan_fixed(c, 1);
	if (f->n > FORMATS)
		c->bad = true;
	for (uint32_t i = 0; i < f->n && !c->bad; i++) {
		f->content[i] = (uint16_t)scan_uleb(c);
		f->form[i] = (uint16_t)scan_uleb(c);
	}
}

static const char *entry_read(struct file_list *l, struct scan_cursor *c,
			      const struct entry_formats *f, uint64_t *directory)
{
	const uint8_t *start = c->at;
	const char *name = NULL;

	*directory = 0;
	for (uint32_t i = 0; i < f->n && !c->bad; i++) {
		struct scan_value v;

		scan_value_read(c, l->unit, f->form[i], 0, &v);
		if (f->content[i] == DW_LNCT_path)
			name = v.text;
		else if (f->content[i] == DW_LNCT_directory_index)
			*directory = v.number;
	}
	if (c->at == start)
		c->bad = true; /* entries of no bytes: as many as a damaged count says */
	return name;
}

static void tables_of_5(struct file_list *l, struct scan_cursor *c)
{
	struct entry_formats f = { 0 };
	uint64_t n, directory;

	formats_read(c, &f);
	n = scan_uleb(c);
	for (uint64_t i = 0; i < n && f.n && !c->bad; i++) {
		const char *name = entry_read(l, c, &f, &directory);

		vec_push(l->arena, &l->directories, name);
	}
	formats_read(c, &f);
	n = scan_uleb(c);
	for (uint64_t i = 0; i < n && f.n && !c->bad; i++) {
		const char *name = entry_read(l, c, &f, &directory);

		if (!c->bad)
			file_add(l, name, directory);
	}
}

struct line_header {
	uint64_t length; /* from behind itself to the program */
	const uint8_t *behind;
	uint8_t unit, range, opcodes; /* smallest instruction; line_range; opcode_base */
	int8_t base;
	const uint8_t *lengths; /* numbers of arguments of the standard opcodes, from 1 on */
};

/* Leaves the cursor at the directories. */
static bool header_read(struct scan_cursor *c, struct scan_unit *u, struct line_header *h)
{
	uint64_t length = scan_fixed(c, 4);

	u->offset_size = 4;
	if (length == 0xffffffff) {
		u->offset_size = 8;
		length = scan_fixed(c, 8);
	}
	if (c->bad || length > (uint64_t)(c->end - c->at))
		return false;
	c->end = c->at + length;
	u->version = (uint16_t)scan_fixed(c, 2);
	if (u->version < 2 || u->version > 5)
		return false;
	if (u->version == 5)
		scan_skip(c, 2); /* sizes of addresses and selectors */
	h->length = scan_fixed(c, u->offset_size);
	h->behind = c->at;
	h->unit = (uint8_t)scan_fixed(c, 1);
	scan_skip(c, u->version >= 4 ? 2 : 1); /* operations per instruction, default_is_stmt */
	h->base = (int8_t)scan_fixed(c, 1);
	h->range = (uint8_t)scan_fixed(c, 1);
	h->opcodes = (uint8_t)scan_fixed(c, 1);
	h->lengths = c->at;
	scan_skip(c, h->opcodes ? h->opcodes - 1u : 0);
	return !c->bad;
}

/* ---- the record of an address ----------------------------------------------------------------- */

struct line_state {
	uint64_t address, file, line;
};

struct line_search {
	const struct line_header *header;
	uint64_t wanted;
	struct line_state now, before; /* before: the last record of the sequence */
	bool any; /* there is one */
	bool found;
};

/* A record ends the code of the one before. */
static void record_add(struct line_search *s, bool end)
{
	if (s->any && s->before.address <= s->wanted && s->wanted < s->now.address)
		s->found = true;
	else if (end)
		s->any = false, s->now = (struct line_state){ 0, 1, 1 };
	else
		s->before = s->now, s->any = true;
}

static void extended_run(struct line_search *s, struct scan_cursor *c)
{
	uint64_t size = scan_uleb(c);
	const uint8_t *start = c->at;
	unsigned code = size ? (unsigned)scan_fixed(c, 1) : 0;

	if (code == DW_LNE_set_address && size - 1 <= 8)
		s->now.address = scan_fixed(c, (unsigned)size - 1);
	if (code == DW_LNE_end_sequence)
		record_add(s, true);
	if (size > (uint64_t)(c->end - start))
		c->bad = true;
	else
		c->at = start + size;
}

static void special_run(struct line_search *s, unsigned code)
{
	unsigned adjusted = code - s->header->opcodes;

	s->now.address += (uint64_t)(adjusted / s->header->range) * s->header->unit;
	s->now.line += (uint64_t)(int64_t)(s->header->base + (int)(adjusted % s->header->range));
	record_add(s, false);
}

static void standard_run(struct line_search *s, struct scan_cursor *c, unsigned code)
{
	switch (code) {
	case DW_LNS_copy: record_add(s, false); return;
	case DW_LNS_advance_pc: s->now.address += scan_uleb(c) * s->header->unit; return;
	case DW_LNS_advance_line: s->now.line += (uint64_t)scan_sleb(c); return;
	case DW_LNS_set_file: s->now.file = scan_uleb(c); return;
	case DW_LNS_const_add_pc:
		s->now.address += (uint64_t)((255u - s->header->opcodes) / s->header->range) * s->header->unit;
		return;
	case DW_LNS_fixed_advance_pc: s->now.address += scan_fixed(c, 2); return;
	default:
		for (unsigned n = s->header->lengths[code - 1]; n && !c->bad; n--)
			scan_uleb(c);
	}
}

bool scan_line_find(const struct scan_unit *u, uint64_t address, uint64_t *budget, uint32_t *file, uint32_t *line)
{
	struct scan_unit as_line = *u;
	struct scan_cursor c = scan_cursor_at(u->skeleton, SCAN_LINE, u->lines);
	struct line_header h;
	struct line_search s = { .header = &h, .wanted = address, .now = { 0, 1, 1 } };

	if (!u->has_lines || !header_read(&c, &as_line, &h) || !h.range ||
	    h.length > (uint64_t)(c.end - h.behind) || *budget < (uint64_t)(c.end - h.behind))
		return false;
	*budget -= (uint64_t)(c.end - h.behind);
	c.at = h.behind + h.length;
	while (c.at < c.end && !c.bad && !s.found) {
		unsigned code = (unsigned)scan_fixed(&c, 1);

		if (!code)
			extended_run(&s, &c);
		else if (code >= h.opcodes)
			special_run(&s, code);
		else
			standard_run(&s, &c, code);
	}
	*file = (uint32_t)s.before.file;
	*line = (uint32_t)s.before.line;
	return s.found;
}

/* ---- files ------------------------------------------------------------------------------------- */

void scan_files_read(const struct scan_unit *u, struct arena *a, struct scan_files *out)
{
	struct scan_unit as_line = *u; /* the table has its own version and offset size */
	struct file_list l = { .unit = &as_line, .arena = a };
	struct scan_cursor c = scan_cursor_at(u->skeleton, SCAN_LINE, u->lines);
	struct line_header h;

	*out = (struct scan_files){ 0 };
	as_line.source = u->skeleton;
	if (!u->has_lines || !header_read(&c, &as_line, &h))
		return;
	if (as_line.version == 5)
		tables_of_5(&l, &c);
	else
		tables_of_4(&l, &c);
	out->files = l.files.p;
	out->n = l.files.n;
}

const char *scan_file_path(const struct scan_files *f, uint32_t i, struct arena *a)
{
	const char *in;

	if (i >= f->n || !f->files[i].name)
		return NULL;
	in = f->files[i].directory;
	if (*f->files[i].name == '/' || !*in)
		return f->files[i].name;
	return arena_printf(a, "%.4096s/%.4096s", in, f->files[i].name);
}
