/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes, values of attributes, abbreviations and unit headers; see scan.h. */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/scan.h"

/* ---- bytes --------------------------------------------------------------------------------- */

uint64_t scan_fixed(struct scan_cursor *c, unsigned size)
{
	uint64_t v = 0;

	if ((uint64_t)(c->end - c->at) < size || size > 8) {
		c->bad = true;
		c->at = c->end;
		return 0;
	}
	switch (size) { /* of a known length a copy is one instruction */
	case 1: v = *c->at; break;
	case 2: memcpy(&v, c->at, 2); break;
	case 4: memcpy(&v, c->at, 4); break;
	case 8: memcpy(&v, c->at, 8); break;
	default: memcpy(&v, c->at, size); break;
	}
	c->at += size;
	return v;
}

uint64_t scan_uleb(struct scan_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

/* Nearly all have one byte. */
static inline uint64_t short_uleb(struct scan_cursor *c)
{
	return c->at < c->end && *c->at < 0x80 ? *c->at++ : scan_uleb(c);
}

int64_t scan_sleb(struct scan_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; c->at < c->end;) {
		uint8_t byte = *c->at++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80)) {
			if (shift < 64 && byte & 0x40)
				v |= ~(uint64_t)0 << shift;
			return (int64_t)v;
		}
	}
	c->bad = true;
	return 0;
}

void scan_skip(struct scan_cursor *c, uint64_t n)
{
	if ((uint64_t)(c->end - c->at) < n) {
		c->bad = true;
		c->at = c->end;
	} else {
		c->at += n;
	}
}

const char *scan_text(struct scan_cursor *c)
{
	const char *text = (const char *)c->at;
	const uint8_t *nul = memchr(c->at, 0, (size_t)(c->end - c->at));

	if (!nul) {
		c->bad = true;
		c->at = c->end;
		return NULL;
	}
	c->at = nul + 1;
	return text;
}

struct scan_cursor scan_cursor_at(const struct scan_source *s, enum scan_section section,
				  uint64_t offset)
{
	static const uint8_t nothing[1];
	const uint8_t *p = s->sections[section].p;
	uint64_t n = s->sections[section].n;

	if (!p || offset > n)
		return (struct scan_cursor){ nothing, nothing, true };
	return (struct scan_cursor){ p + offset, p + n, false };
}

/* scan_source_load() cut the text sections behind their last NUL. */
const char *scan_string_at(const struct scan_source *s, enum scan_section section, uint64_t offset)
{
	if (offset >= s->sections[section].n)
		return NULL;
	return (const char *)s->sections[section].p + offset;
}

/* ---- sections ------------------------------------------------------------------------------ */

static const char *const section_names[SCAN_SECTIONS] = {
	[SCAN_INFO] = "debug_info",	    [SCAN_ABBREV] = "debug_abbrev",
	[SCAN_STR] = "debug_str",	    [SCAN_LINE_STR] = "debug_line_str",
	[SCAN_LINE] = "debug_line",	    [SCAN_STR_OFFSETS] = "debug_str_offsets",
	[SCAN_ADDR] = "debug_addr",	    [SCAN_RANGES] = "debug_ranges",
	[SCAN_RNGLISTS] = "debug_rnglists",
};

int scan_section_of(const char *name)
{
	name += *name == '.';
	name += *name == 'z';
	for (int i = 0; i < SCAN_SECTIONS; i++) {
		size_t n = strlen(section_names[i]);

		if (strncmp(name, section_names[i], n) == 0 &&
		    (!name[n] || strcmp(name + n, ".dwo") == 0))
			return i;
	}
	return -1;
}

static void sections_load(struct scan_source *s, Elf *elf, bool info, bool others)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return;
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;
		int i = name && h.sh_type != SHT_NOBITS ? scan_section_of(name) : -1;
		Elf_Data *data = i >= 0 && (i == SCAN_INFO ? info : others) ? elf_rawdata(scn, NULL) : NULL;

		if (!data || !data->d_buf || s->sections[i].p || h.sh_flags & SHF_COMPRESSED)
			continue;
		s->sections[i].p = data->d_buf;
		s->sections[i].n = data->d_size;
		if (i == SCAN_STR || i == SCAN_LINE_STR)
			s->sections[i].n = elf_strings_trim(data->d_buf, data->d_size);
	}
}

void scan_source_load(struct scan_source *s, Elf *elf, Elf *others)
{
	memset(s, 0, sizeof *s);
	sections_load(s, elf, true, !others);
	if (others)
		sections_load(s, others, false, true);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Bytes that a form takes; -1: not known without reading. */
static int form_size(const struct scan_unit *u, uint16_t form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return u->address_size;
	case DW_FORM_ref_addr:
		return u->version < 3 ? u->address_size : u->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return u->offset_size;
	default:
		return -1;
	}
}

static void value_skip_variable(struct scan_cursor *c, uint16_t form)
{
	switch (form) {
	case DW_FORM_block1: scan_skip(c, scan_fixed(c, 1)); break;
	case DW_FORM_block2: scan_skip(c, scan_fixed(c, 2)); break;
	case DW_FORM_block4: scan_skip(c, scan_fixed(c, 4)); break;
	case DW_FORM_block:
	case DW_FORM_exprloc: scan_skip(c, short_uleb(c)); break;
	case DW_FORM_string: scan_text(c); break;
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index: short_uleb(c); break;
	default: c->bad = true; break; /* a form that we do not know: no way on */
	}
}

static void value_skip(struct scan_cursor *c, const struct scan_unit *u, uint16_t form)
{
	int size;

	while (form == DW_FORM_indirect && !c->bad)
		form = (uint16_t)scan_uleb(c);
	size = form_size(u, form);
	if (size >= 0)
		scan_skip(c, (uint64_t)size);
	else
		value_skip_variable(c, form);
}

static uint64_t number_read(struct scan_cursor *c, const struct scan_unit *u, uint16_t form)
{
	int size = form_size(u, form);

	if (form == DW_FORM_sdata)
		return (uint64_t)scan_sleb(c);
	return size < 0 ? short_uleb(c) : scan_fixed(c, (unsigned)size);
}

static void text_value(struct scan_value *v, const struct scan_source *s, enum scan_section section,
		       uint64_t offset)
{
	v->text = s ? scan_string_at(s, section, offset) : NULL;
	v->kind = v->text ? SCAN_STRING : SCAN_NOTHING;
}

void scan_value_read(struct scan_cursor *c, const struct scan_unit *u, uint16_t form,
		     int64_t constant, struct scan_value *v)
{
	*v = (struct scan_value){ SCAN_CONSTANT, 0, NULL };
	while (form == DW_FORM_indirect && !c->bad)
		form = (uint16_t)scan_uleb(c);
	switch (form) {
	case DW_FORM_flag_present: v->number = 1; return;
	case DW_FORM_implicit_const: v->number = (uint64_t)constant; return;
	case DW_FORM_string:
		v->text = scan_text(c);
		v->kind = SCAN_STRING;
		return;
	case DW_FORM_strp: text_value(v, u->source, SCAN_STR, number_read(c, u, form)); return;
	case DW_FORM_line_strp:
		text_value(v, u->source, SCAN_LINE_STR, number_read(c, u, form));
		return;
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		text_value(v, u->source->alternate, SCAN_STR, number_read(c, u, form));
		return;
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
		v->kind = SCAN_REFERENCE;
		v->number = u->offset + number_read(c, u, form);
		return;
	case DW_FORM_ref_addr: v->kind = SCAN_REFERENCE; break;
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8: v->kind = SCAN_ALTERNATE; break;
	case DW_FORM_addr: v->kind = SCAN_ADDRESS; break;
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index: v->kind = SCAN_ADDRESS_INDEX; break;
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
	case DW_FORM_GNU_str_index: v->kind = SCAN_STRING_INDEX; break;
	case DW_FORM_rnglistx: v->kind = SCAN_LIST_INDEX; break;
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_flag:
	case DW_FORM_sec_offset: break;
	default:
		value_skip(c, u, form);
		v->kind = SCAN_NOTHING;
		return;
	}
	v->number = number_read(c, u, form);
}

/* ---- abbreviations ------------------------------------------------------------------------- */

static int compare_codes(const void *a, const void *b)
{
	const struct scan_abbreviation *x = a, *y = b;

	return x->code < y->code ? -1 : x->code > y->code;
}

/* Tables are apart from each other, except in damaged files: no byte is read more often. */
#define ABBREVIATION_READINGS 4u

/*
 * DWARF 3 has offsets of lists in the forms of constants. Lists by index (clang's DWARF 5) do not
 * count: SystemTap takes such code for code without lists, and probes behind the prologue.
 */
static bool is_list(const struct scan_unit *u, const struct scan_spec *s)
{
	return s->attribute == DW_AT_location &&
	       (s->form == DW_FORM_sec_offset || (u->version < 4 && (s->form == DW_FORM_data4 || s->form == DW_FORM_data8)));
}

/* DW_AT_* of an entry that matters, as found. */
struct entry_values {
	struct scan_value name, linkage, origin, specification, low, high, entry, ranges, file, line;
	struct scan_value external, inlined, declaration;
};
#define SLOT(member) (uint8_t)(offsetof(struct entry_values, member) / sizeof(struct scan_value) + 1)

static uint8_t slot_of(uint16_t attribute)
{
	switch (attribute) {
	case DW_AT_name: return SLOT(name);
	case DW_AT_linkage_name:
	case DW_AT_MIPS_linkage_name: return SLOT(linkage);
	case DW_AT_abstract_origin: return SLOT(origin);
	case DW_AT_specification: return SLOT(specification);
	case DW_AT_low_pc: return SLOT(low);
	case DW_AT_high_pc: return SLOT(high);
	case DW_AT_entry_pc: return SLOT(entry);
	case DW_AT_ranges: return SLOT(ranges);
	case DW_AT_decl_file: return SLOT(file);
	case DW_AT_decl_line: return SLOT(line);
	case DW_AT_external: return SLOT(external);
	case DW_AT_inline: return SLOT(inlined);
	case DW_AT_declaration: return SLOT(declaration);
	default: return 0;
	}
}

static void abbreviation_read(struct scan_cursor *c, const struct scan_unit *u, struct arena *a,
			      struct scan_abbreviations *t, struct scan_abbreviation *one)
{
	one->tag = (uint16_t)scan_uleb(c);
	one->has_children = scan_fixed(c, 1) != 0;
	one->first = t->specs.n;
	one->is_fixed = true;
	while (!c->bad) {
		struct scan_spec s = { .attribute = (uint16_t)scan_uleb(c) };

		s.form = (uint16_t)scan_uleb(c);
		if (s.form == DW_FORM_implicit_const)
			s.constant = scan_sleb(c);
		if (!s.attribute && !s.form)
			break;
		s.slot = slot_of(s.attribute);
		s.size = (int8_t)form_size(u, s.form);
		vec_push(a, &t->specs, s);
		one->is_listed |= is_list(u, &s);
		one->is_fixed &= s.size >= 0;
		one->size += s.size > 0 ? (uint32_t)s.size : 0;
	}
	one->n = t->specs.n - one->first;
}

/* Lengths of forms are the unit's: a table that units of other formats share is read again. */
static uint64_t table_key(const struct scan_unit *u)
{
	return u->abbreviations << 8 | (uint64_t)u->version << 4 | (u->offset_size == 8) << 3 |
	       (u->address_size == 8) << 2;
}

static struct scan_abbreviations *abbreviations_read(struct scan_worker *w,
						     const struct scan_unit *u)
{
	struct scan_cursor c = scan_cursor_at(u->source, SCAN_ABBREV, u->abbreviations);
	struct scan_abbreviations *t = arena_new(w->arena, struct scan_abbreviations);
	const uint8_t *start = c.at;
	bool sorted = true;

	while (!c.bad && w->bytes <= ABBREVIATION_READINGS * u->source->sections[SCAN_ABBREV].n) {
		struct scan_abbreviation one = { .code = scan_uleb(&c) };

		if (!one.code)
			break;
		abbreviation_read(&c, u, w->arena, t, &one);
		if (t->list.n && t->list.p[t->list.n - 1].code >= one.code)
			sorted = false;
		vec_push(w->arena, &t->list, one);
	}
	w->bytes += (uint64_t)(c.at - start);
	if (!sorted)
		qsort(t->list.p, t->list.n, sizeof *t->list.p, compare_codes);
	return t;
}

static struct scan_abbreviations *abbreviations_of(struct scan_worker *w, const struct scan_unit *u)
{
	struct scan_abbreviations *t;

	if (w->tables && w->source == u->source) {
		t = map_find_u64(w->tables, table_key(u));
		if (t)
			return t;
	} else {
		w->source = u->source;
		w->tables = map_create(w->arena);
		w->bytes = 0;
	}
	t = abbreviations_read(w, u);
	map_put_u64(w->tables, table_key(u), t);
	return t;
}

static const struct scan_abbreviation *abbreviation_find(const struct scan_abbreviations *t,
							 uint64_t code)
{
	struct scan_abbreviation key = { .code = code };

	if (code - 1 < t->list.n && t->list.p[code - 1].code == code)
		return &t->list.p[code - 1];
	return t->list.n ? bsearch(&key, t->list.p, t->list.n, sizeof key, compare_codes) : NULL;
}

/* ---- unit headers -------------------------------------------------------------------------- */

/* What follows the version; DWARF 5, 7.5.1. */
static void header_tail(struct scan_cursor *c, struct scan_unit *u)
{
	u->type = DW_UT_compile;
	if (u->version >= 5) {
		u->type = (uint8_t)scan_fixed(c, 1);
		u->address_size = (uint8_t)scan_fixed(c, 1);
		u->abbreviations = scan_fixed(c, u->offset_size);
		if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
			u->split_id = scan_fixed(c, 8);
		if (u->type == DW_UT_type || u->type == DW_UT_split_type)
			scan_skip(c, 8 + u->offset_size);
	} else {
		u->abbreviations = scan_fixed(c, u->offset_size);
		u->address_size = (uint8_t)scan_fixed(c, 1);
	}
}

bool scan_unit_next(const struct scan_source *s, uint64_t *offset, struct scan_unit *u)
{
	struct scan_cursor c = scan_cursor_at(s, SCAN_INFO, *offset);
	uint64_t length = scan_fixed(&c, 4);

	*u = (struct scan_unit){ .source = s, .skeleton = s, .offset = *offset, .offset_size = 4 };
	if (length == 0xffffffff) {
		u->offset_size = 8;
		length = scan_fixed(&c, 8);
	}
	if (c.bad || length > (uint64_t)(c.end - c.at) || length < 7)
		return false;
	c.end = c.at + length;
	u->end = (uint64_t)(c.end - s->sections[SCAN_INFO].p);
	*offset = u->end;
	u->version = (uint16_t)scan_fixed(&c, 2);
	header_tail(&c, u);
	u->first = (uint64_t)(c.at - s->sections[SCAN_INFO].p);
	if (u->version < 2 || u->version > 5 || c.bad || u->address_size > 8)
		u->end = u->first; /* nothing in it for us */
	return true;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* Deeper nesting of entries than any compiler writes. */
#define DEPTH_LIMIT 512u

struct scan_walk {
	struct scan_unit *unit;
	struct arena *arena;
	struct scan_result *out;
	const struct scan_abbreviations *table;
	struct scan_cursor cursor;
	uint32_t depth;
	uint32_t scopes[DEPTH_LIMIT]; /* of the entries at each depth */
};

static inline void spec_skip(struct scan_cursor *c, const struct scan_unit *u, const struct scan_spec *s)
{
	if (s->size >= 0)
		scan_skip(c, (uint64_t)s->size);
	else
		value_skip(c, u, s->form);
}

static void values_read(struct scan_walk *w, const struct scan_abbreviation *a,
			struct entry_values *v)
{
	memset(v, 0, sizeof *v);
	for (uint32_t i = 0; i < a->n && !w->cursor.bad; i++) {
		const struct scan_spec *s = &w->table->specs.p[a->first + i];

		if (s->slot)
			scan_value_read(&w->cursor, w->unit, s->form, s->constant, (struct scan_value *)v + s->slot - 1);
		else
			spec_skip(&w->cursor, w->unit, s);
	}
}

static void entry_skip(struct scan_walk *w, const struct scan_abbreviation *a)
{
	if (a->is_fixed) {
		scan_skip(&w->cursor, a->size);
		return;
	}
	for (uint32_t i = 0; i < a->n && !w->cursor.bad; i++)
		spec_skip(&w->cursor, w->unit, &w->table->specs.p[a->first + i]);
}

static const char *text_of(const struct scan_unit *u, const struct scan_value *v)
{
	struct scan_cursor c;
	uint64_t offset;

	if (v->kind == SCAN_STRING)
		return v->text;
	if (v->kind != SCAN_STRING_INDEX || v->number > UINT32_MAX)
		return NULL;
	c = scan_cursor_at(u->source, SCAN_STR_OFFSETS,
			   u->str_offsets + v->number * u->offset_size);
	offset = scan_fixed(&c, u->offset_size);
	return c.bad ? NULL : scan_string_at(u->source, SCAN_STR, offset);
}

static bool address_of(const struct scan_unit *u, const struct scan_value *v, uint64_t *out)
{
	struct scan_cursor c;

	*out = v->number;
	if (v->kind == SCAN_ADDRESS)
		return true;
	if (v->kind != SCAN_ADDRESS_INDEX || v->number > UINT32_MAX)
		return false;
	c = scan_cursor_at(u->skeleton, SCAN_ADDR, u->addresses + v->number * u->address_size);
	*out = scan_fixed(&c, u->address_size);
	return !c.bad;
}

/* ---- ranges: the start of the first that is not empty ------------------------------------------ */

static uint64_t first_of_ranges(const struct scan_unit *u, uint64_t offset)
{
	struct scan_cursor c = scan_cursor_at(u->skeleton, SCAN_RANGES, offset);
	uint64_t base = u->low;

	while (!c.bad) {
		uint64_t start = scan_fixed(&c, u->address_size), end = scan_fixed(&c, u->address_size);

		if (!start && !end)
			break;
		if (start == (u->address_size == 8 ? UINT64_MAX : UINT32_MAX))
			base = end;
		else if (start < end)
			return base + start;
	}
	return 0;
}

static uint64_t indexed_address(const struct scan_unit *u, uint64_t index)
{
	struct scan_value v = { SCAN_ADDRESS_INDEX, index, NULL };
	uint64_t address;

	return address_of(u, &v, &address) ? address : 0;
}

/* DWARF 5, 7.25 */
static uint64_t first_of_rnglist(const struct scan_unit *u, uint64_t offset)
{
	const struct scan_source *s = u->source->sections[SCAN_RNGLISTS].p ? u->source : u->skeleton;
	struct scan_cursor c = scan_cursor_at(s, SCAN_RNGLISTS, offset);
	uint64_t base = u->low, start = 0, end = 0;

	while (!c.bad) {
		switch (scan_fixed(&c, 1)) {
		case DW_RLE_base_addressx: base = indexed_address(u, scan_uleb(&c)); continue;
		case DW_RLE_startx_endx:
			start = indexed_address(u, scan_uleb(&c));
			end = indexed_address(u, scan_uleb(&c));
			break;
		case DW_RLE_startx_length:
			start = indexed_address(u, scan_uleb(&c));
			end = start + scan_uleb(&c);
			break;
		case DW_RLE_offset_pair:
			start = base + scan_uleb(&c);
			end = base + scan_uleb(&c);
			break;
		case DW_RLE_base_address: base = scan_fixed(&c, u->address_size); continue;
		case DW_RLE_start_end:
			start = scan_fixed(&c, u->address_size);
			end = scan_fixed(&c, u->address_size);
			break;
		case DW_RLE_start_length:
			start = scan_fixed(&c, u->address_size);
			end = start + scan_uleb(&c);
			break;
		default: return 0;
		}
		if (start < end)
			return start;
	}
	return 0;
}

static uint64_t first_address(const struct scan_unit *u, const struct scan_value *v)
{
	const struct scan_source *s = u->source->sections[SCAN_RNGLISTS].p ? u->source : u->skeleton;
	struct scan_cursor c;

	if (v->kind == SCAN_LIST_INDEX && v->number < UINT32_MAX) {
		c = scan_cursor_at(s, SCAN_RNGLISTS, u->ranges + v->number * u->offset_size);
		return first_of_rnglist(u, u->ranges + scan_fixed(&c, u->offset_size));
	}
	if (v->kind != SCAN_CONSTANT)
		return 0;
	return u->version >= 5 ? first_of_rnglist(u, v->number) : first_of_ranges(u, v->number);
}

/* Where the code of an entry is entered; 0: it has none. */
static uint64_t entry_of(const struct scan_unit *u, const struct entry_values *v)
{
	uint64_t low = 0, address;

	if (address_of(u, &v->entry, &address))
		return address;
	if (!address_of(u, &v->low, &low) && v->ranges.kind != SCAN_NOTHING)
		low = first_address(u, &v->ranges);
	return low && v->entry.kind == SCAN_CONSTANT ? low + v->entry.number : low;
}

/* ---- the walk ------------------------------------------------------------------------------ */

static struct scan_origin origin_of(const struct entry_values *v)
{
	const struct scan_value *from = v->origin.kind != SCAN_NOTHING ? &v->origin : &v->specification;

	if (from->kind != SCAN_REFERENCE && from->kind != SCAN_ALTERNATE)
		return (struct scan_origin){ 0, false };
	return (struct scan_origin){ from->number, from->kind == SCAN_ALTERNATE };
}

static uint32_t scope_add(struct scan_walk *w, const struct entry_values *v, uint32_t outer)
{
	vec_push(w->arena, &w->out->scopes, (struct scan_scope){
		text_of(w->unit, &v->name), outer, (uint32_t)v->file.number,
		(uint32_t)v->line.number });
	return w->out->scopes.n;
}

static void function_add(struct scan_walk *w, uint64_t offset, const struct entry_values *v)
{
	/* also DW_INL_declared_not_inlined: GCC says it of constructors that it did inline */
	bool inlined = v->inlined.kind == SCAN_CONSTANT && v->inlined.number != DW_INL_not_inlined;

	vec_push(w->arena, &w->out->functions, (struct scan_function){
		.offset = offset, .origin = origin_of(v), .name = text_of(w->unit, &v->name),
		.linkage = text_of(w->unit, &v->linkage), .entry = entry_of(w->unit, v),
		.scope = w->scopes[w->depth], .file = (uint32_t)v->file.number,
		.line = (uint32_t)v->line.number,
		.flags = (v->file.kind == SCAN_CONSTANT ? SCAN_HAS_FILE : 0) |
			 (v->external.number ? SCAN_EXTERNAL : 0) | (inlined ? SCAN_INLINED : 0) |
			 (v->declaration.number ? SCAN_DECLARATION : 0),
	});
}

/* What the children of the entry have as their scope. */
static uint32_t entry_read(struct scan_walk *w, uint64_t offset, const struct scan_abbreviation *a)
{
	uint32_t scope = w->scopes[w->depth];
	struct entry_values v;

	switch (a->tag) {
	case DW_TAG_subprogram:
		values_read(w, a, &v);
		function_add(w, offset, &v);
		return scope;
	case DW_TAG_inlined_subroutine:
		values_read(w, a, &v);
		vec_push(w->arena, &w->out->instances, (struct scan_instance){
			origin_of(&v), offset, entry_of(w->unit, &v) });
		return scope;
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_interface_type:
		values_read(w, a, &v);
		return a->has_children ? scope_add(w, &v, scope) : scope;
	default:
		w->out->has_lists |= a->is_listed;
		entry_skip(w, a);
		return scope;
	}
}

static bool walk(struct scan_walk *w)
{
	const uint8_t *info = w->unit->source->sections[SCAN_INFO].p;

	while (w->cursor.at < w->cursor.end && !w->cursor.bad) {
		uint64_t offset = (uint64_t)(w->cursor.at - info), code = short_uleb(&w->cursor);
		const struct scan_abbreviation *a;
		uint32_t scope;

		if (!code) {
			if (w->depth <= 1)
				return true; /* the unit's last child; padding may follow */
			w->depth--;
			continue;
		}
		a = abbreviation_find(w->table, code);
		if (!a)
			return false;
		scope = entry_read(w, offset, a);
		if (!a->has_children)
			continue;
		if (++w->depth >= DEPTH_LIMIT)
			return false;
		w->scopes[w->depth] = scope;
	}
	return !w->cursor.bad;
}

/* ---- the unit's own entry ---------------------------------------------------------------------- */

struct unit_values {
	struct scan_value name, directory, producer, low, lines;
};

static void unit_value(struct scan_unit *u, struct unit_values *v, uint16_t attribute,
		       const struct scan_value *value)
{
	switch (attribute) {
	case DW_AT_name: v->name = *value; break;
	case DW_AT_comp_dir: v->directory = *value; break;
	case DW_AT_producer: v->producer = *value; break;
	case DW_AT_low_pc: v->low = *value; break;
	case DW_AT_stmt_list: v->lines = *value; break;
	case DW_AT_str_offsets_base: u->str_offsets = value->number; break;
	case DW_AT_addr_base:
	case DW_AT_GNU_addr_base: u->addresses = value->number; break;
	case DW_AT_rnglists_base: u->ranges = value->number; break;
	case DW_AT_GNU_dwo_id: u->split_id = value->number; break;
	case DW_AT_dwo_name:
	case DW_AT_GNU_dwo_name: u->is_skeleton = u->type != DW_UT_split_compile; break;
	default: break;
	}
}

/* Bases come anywhere among the attributes, so indices are looked up at the end. */
static void unit_values_use(struct scan_unit *u, const struct unit_values *v)
{
	u->name = text_of(u, &v->name);
	u->directory = text_of(u, &v->directory);
	u->producer = text_of(u, &v->producer);
	if (!address_of(u, &v->low, &u->low))
		u->low = 0;
	u->has_lines = v->lines.kind == SCAN_CONSTANT;
	u->lines = v->lines.number;
}

/* Of split units without a base: behind the header of the section (DWARF 5, 7.26 and 7.28). */
static void split_bases(struct scan_unit *u)
{
	bool split = u->type == DW_UT_split_compile;

	if (!u->str_offsets && u->version >= 5)
		u->str_offsets = u->offset_size == 8 ? 16 : 8;
	if (split && !u->ranges)
		u->ranges = u->offset_size == 8 ? 20 : 12;
}

static bool unit_entry(struct scan_walk *w)
{
	struct scan_unit *u = w->unit;
	const struct scan_abbreviation *a = abbreviation_find(w->table, scan_uleb(&w->cursor));
	struct unit_values v = { 0 };

	if (!a)
		return false;
	split_bases(u);
	u->tag = a->tag;
	for (uint32_t i = 0; i < a->n && !w->cursor.bad; i++) {
		const struct scan_spec *s = &w->table->specs.p[a->first + i];
		struct scan_value value;

		scan_value_read(&w->cursor, u, s->form, s->constant, &value);
		unit_value(u, &v, s->attribute, &value);
	}
	if (u->skeleton == u->source)
		unit_values_use(u, &v);
	if (!a->has_children)
		w->cursor.at = w->cursor.end;
	w->depth = 1;
	return !w->cursor.bad;
}

bool scan_unit_read(struct scan_worker *w, struct scan_unit *u, struct arena *a,
		    struct scan_result *out)
{
	struct scan_walk walking = { .unit = u, .arena = a, .out = out };

	walking.table = abbreviations_of(w, u);
	walking.cursor = scan_cursor_at(u->source, SCAN_INFO, u->first);
	if (walking.cursor.bad || u->end < u->first)
		return false;
	walking.cursor.end = u->source->sections[SCAN_INFO].p + u->end;
	if (!unit_entry(&walking))
		return false;
	return !out || walk(&walking);
}

void scan_signatures_read(struct scan_worker *w, const struct scan_unit *u, struct arena *a, struct scan_signatures *out)
{
	const struct scan_abbreviations *t = abbreviations_of(w, u);
	struct scan_cursor c = scan_cursor_at(u->source, SCAN_INFO, u->first);

	if (c.bad || u->end < u->first)
		return;
	c.end = u->source->sections[SCAN_INFO].p + u->end;
	while (c.at < c.end && !c.bad) {
		uint64_t code = scan_uleb(&c);
		const struct scan_abbreviation *one = code ? abbreviation_find(t, code) : NULL;

		if (code && !one)
			return;
		for (uint32_t i = 0; one && i < one->n && !c.bad; i++) {
			uint16_t form = t->specs.p[one->first + i].form;

			if (form == DW_FORM_ref_sig8)
				vec_push(a, &out->list, scan_fixed(&c, 8));
			else
				value_skip(&c, u, form);
		}
	}
}

const struct scan_function *scan_function_at(const struct scan_result *r, uint64_t offset)
{
	uint32_t at = base_bound(i, 0, r->functions.n, r->functions.p[i].offset < offset);

	return at < r->functions.n && r->functions.p[at].offset == offset ?
		       &r->functions.p[at] : NULL;
}
