/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file names of a line table's header: DWARF 4, 6.2.4, and DWARF 5, 6.2.4.1.
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

/* Leaves the cursor at the directories. */
static bool header_read(struct scan_cursor *c, struct scan_unit *u)
{
	uint64_t length = scan_fixed(c, 4);
	uint8_t opcodes;

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
	scan_skip(c, u->offset_size); /* header length */
	scan_skip(c, u->version >= 4 ? 5 : 4); /* up to line_range */
	opcodes = (uint8_t)scan_fixed(c, 1);
	scan_skip(c, opcodes ? opcodes - 1u : 0);
	return !c->bad;
}

void scan_files_read(const struct scan_unit *u, struct arena *a, struct scan_files *out)
{
	struct scan_unit as_line = *u; /* the table has its own version and offset size */
	struct file_list l = { .unit = &as_line, .arena = a };
	struct scan_cursor c = scan_cursor_at(u->skeleton, SCAN_LINE, u->lines);

	*out = (struct scan_files){ 0 };
	as_line.source = u->skeleton;
	if (!u->has_lines || !header_read(&c, &as_line))
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
