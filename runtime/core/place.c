/* SPDX-License-Identifier: Apache-2.0 */
/* What code at an address is called, by the tables of the region; and how that is written. */
#include "runtime/unwind.h"

const struct abi_modules *rt_modules_of(const struct abi_slot *s)
{
	const struct abi_process *p = (const void *)s->process;
	uint64_t at = __atomic_load_n(&p->modules, __ATOMIC_ACQUIRE);

	return at ? (const void *)((const char *)rt_region(s) + at) : 0;
}

static struct rt_text text_at(const struct abi_region *r, uint64_t offset)
{
	const struct abi_string *s = (const void *)((const char *)r + offset);

	return offset ? (struct rt_text){ s->text, s->length } : (struct rt_text){ 0 };
}

/* Of n entries of `size` bytes that begin with their address: the number of those at or before `at`. */
static uint32_t count_until(const void *entries, uint32_t n, uint32_t size, uint32_t at)
{
	uint32_t low = 0, high = n, value;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		memcpy(&value, (const char *)entries + (uint64_t)middle * size, sizeof value);
		if (value <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Symbols that begin before the nearest one and may still hold the address. */
#define ENCLOSING_MOST 8u

static void find_symbol(const struct abi_symbol_table *t, uint64_t address, uint64_t lookup, struct rt_place *out)
{
	const struct abi_symbol *symbols = (const void *)((const char *)t + t->symbols);
	uint64_t at = lookup - t->text;
	uint32_t n = at <= UINT32_MAX ? count_until(symbols, t->n, sizeof *symbols, (uint32_t)at) : 0;

	for (uint32_t tried = 0; n && tried < ENCLOSING_MOST; n--, tried++) {
		const struct abi_symbol *s = &symbols[n - 1];

		if (s->size ? at - s->at >= s->size : tried)
			continue;
		out->symbol = (struct rt_text){ (const char *)t + t->names + s->name, s->length };
		out->offset = address - t->text - s->at;
		out->size = s->size;
		if (!s->size && n < t->n)
			out->size = symbols[n].at - s->at;
		return;
	}
}

static void find_line(const struct abi_line_table *t, uint64_t lookup, struct rt_place *out)
{
	const struct abi_line *rows = (const void *)((const char *)t + t->rows);
	const struct abi_line_file *files = (const void *)((const char *)t + t->files);
	uint64_t at = lookup - t->text;
	uint32_t n = at <= UINT32_MAX ? count_until(rows, t->n, sizeof *rows, (uint32_t)at) : 0;

	if (!n || !rows[n - 1].line)
		return;
	files += rows[n - 1].file;
	out->line = rows[n - 1].line;
	out->file = (struct rt_text){ (const char *)t + t->names + files->name, files->length };
}

void rt_place_of(const struct abi_region *r, const struct abi_modules *modules, uint64_t address, uint64_t lookup,
		 struct rt_place *out)
{
	const struct abi_module *m = rt_module_at(modules, lookup);
	const struct abi_module_tables *t;

	memset(out, 0, sizeof *out);
	out->lookup = lookup;
	if (!m)
		return;
	t = (const void *)((const char *)r + m->tables);
	out->path = text_at(r, t->path);
	out->offset = address - m->bias - t->lowest;
	out->size = t->size;
	if (t->symbols)
		find_symbol((const void *)((const char *)r + t->symbols), address - m->bias, lookup - m->bias, out);
	if (t->lines)
		find_line((const void *)((const char *)r + t->lines), lookup - m->bias, out);
}

static bool is_named(struct rt_text t, const char *name, uint32_t n)
{
	return t.n == n && memcmp(t.p, name, n) == 0;
}
#define IS_NAMED(t, name) is_named((t), (name), sizeof(name) - 1)

/* The C libraries' and Go's. */
static bool is_restorer(const struct rt_place *p)
{
	return !p->offset && (IS_NAMED(p->symbol, "__restore_rt") || IS_NAMED(p->symbol, "runtime.sigreturn__sigaction"));
}

void rt_place_of_frame(const struct abi_region *r, const struct abi_modules *modules, uint64_t address, bool *exact,
		       struct rt_place *out)
{
	rt_place_of(r, modules, address, address, out);
	if (is_restorer(out)) {
		*exact = true;
		return;
	}
	if (!*exact)
		rt_place_of(r, modules, address, address - 1, out);
	*exact = false;
}

/* ---- text ------------------------------------------------------------------------------------ */

void rt_write_bytes(struct rt_writer *w, const char *text, uint32_t n)
{
	uint32_t room = w->most - w->n;

	n = n < room ? n : room;
	memcpy(w->p + w->n, text, n);
	w->n += n;
}

void rt_write_hex(struct rt_writer *w, uint64_t value)
{
	uint32_t digits = value ? (67u - (uint32_t)__builtin_clzll(value)) / 4 : 1;
	char text[18] = { '0', 'x' };

	for (uint32_t i = digits; i; i--, value >>= 4)
		text[1 + i] = "0123456789abcdef"[value & 15];
	rt_write_bytes(w, text, 2 + digits);
}

static void write_decimal(struct rt_writer *w, uint32_t value)
{
	char text[10];
	uint32_t n = sizeof text;

	do {
		text[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	rt_write_bytes(w, text + n, (uint32_t)sizeof text - n);
}

#define LITERAL(w, text) rt_write_bytes((w), (text), sizeof(text) - 1)

static struct rt_text last_part(struct rt_text path)
{
	uint32_t at = path.n;

	while (at && path.p[at - 1] != '/')
		at--;
	return (struct rt_text){ path.p + at, path.n - at };
}

static void write_offset(struct rt_writer *w, const struct rt_place *p, bool with_size)
{
	LITERAL(w, "+");
	rt_write_hex(w, p->offset);
	if (!with_size)
		return;
	LITERAL(w, "/");
	rt_write_hex(w, p->size);
}

/* "name+0x1/0x2 [path]"; without a name "[path+0x1/0x2]", without a path the address. */
static void write_data(struct rt_writer *w, const struct rt_place *p, uint64_t address, int64_t form)
{
	bool simple = form == RT_PLACE_SIMPLE;
	struct rt_text path = simple ? last_part(p->path) : p->path;

	if (!p->symbol.n && !p->path.n) {
		rt_write_hex(w, address);
		return;
	}
	if (p->symbol.n) {
		rt_write_bytes(w, p->symbol.p, p->symbol.n);
		write_offset(w, p, form == RT_PLACE_DATA);
		if (form == RT_PLACE_BRIEF)
			return;
		LITERAL(w, " ");
	}
	LITERAL(w, "[");
	rt_write_bytes(w, path.p, path.n);
	if (!p->symbol.n)
		write_offset(w, p, form == RT_PLACE_DATA);
	LITERAL(w, "]");
}

static void write_source(struct rt_writer *w, const struct rt_place *p, int64_t form)
{
	if (form != RT_PLACE_LINE)
		rt_write_bytes(w, p->file.p, p->file.n);
	if (form == RT_PLACE_FILE_LINE)
		LITERAL(w, ":");
	if (form != RT_PLACE_FILE)
		write_decimal(w, p->line);
}

void rt_write_place(struct rt_writer *w, const struct rt_place *p, uint64_t address, int64_t form)
{
	switch (form) {
	case RT_PLACE_NAME:
		if (p->symbol.n)
			rt_write_bytes(w, p->symbol.p, p->symbol.n);
		else
			rt_write_hex(w, address);
		break;
	case RT_PLACE_FILE:
	case RT_PLACE_LINE:
	case RT_PLACE_FILE_LINE:
		if (p->line)
			write_source(w, p, form);
		else
			rt_write_hex(w, address);
		break;
	default:
		write_data(w, p, address, form);
		break;
	}
}
