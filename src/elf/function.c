/* SPDX-License-Identifier: Apache-2.0 */
/* Functions by name: answers of the index; their code, and where their prologues end. */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/function.h"

static struct elf_function function_of(const struct elf_index *x, uint32_t number)
{
	const struct index_function *i = &x->functions[number];

	return (struct elf_function){
		.name = index_text(x, i->name), .linkage = index_text(x, i->linkage),
		.scope = index_text(x, i->scope), .file = index_text(x, i->file), .line = i->line,
		.is_external = i->flags & INDEX_EXTERNAL, .is_inlined = i->flags & INDEX_INLINED,
		.address = i->address, .unit = i->unit, .entry = i->entry, .number = number,
	};
}

/* ---- by name ------------------------------------------------------------------------------------- */

struct function_query {
	struct elf_file *file;
	struct elf_index *index;
	const char *glob;
	bool by_linkage, has_glob;
	elf_function_fn *hook;
	void *user;
	uint8_t *seen; /* one bit a function */
	bool stopped;
};

static void found(struct function_query *q, uint32_t number)
{
	struct elf_function f = function_of(q->index, number);

	if (q->stopped || q->seen[number / 8] & 1u << number % 8)
		return;
	q->seen[number / 8] |= (uint8_t)(1u << number % 8);
	q->stopped = !q->hook(q->user, &f);
}

static const char *key_of(const struct function_query *q, uint32_t i, uint32_t *number)
{
	const struct elf_index *x = q->index;

	*number = q->by_linkage ? x->by_linkage[i] : i;
	return index_text(x, q->by_linkage ? x->functions[*number].linkage :
					     x->functions[*number].name);
}

/* The first whose key is not below the text. */
static uint32_t lower_bound(const struct function_query *q, const char *text)
{
	uint32_t number;

	return base_bound(i, 0, q->index->header->n_functions, strcmp(key_of(q, i, &number), text) < 0);
}

static void by_exact_name(struct function_query *q)
{
	uint32_t number;

	for (uint32_t i = lower_bound(q, q->glob); i < q->index->header->n_functions; i++) {
		if (strcmp(key_of(q, i, &number), q->glob) != 0)
			return;
		found(q, number);
	}
}

static void by_glob(struct function_query *q)
{
	bool all = strcmp(q->glob, "*") == 0;
	uint32_t number;

	for (uint32_t i = 0; i < q->index->header->n_functions && !q->stopped; i++)
		if (all || base_glob(q->glob, key_of(q, i, &number)))
			found(q, q->by_linkage ? number : i);
}

static uint32_t address_bound(const struct elf_index *x, uint64_t address)
{
	return base_bound(i, 0, x->header->n_functions, x->functions[x->by_address[i]].address < address);
}

bool elf_debug_function_starts(struct elf_file *f, uint64_t address)
{
	const struct elf_index *x = elf_index_of(f);
	uint32_t i = x ? address_bound(x, address) : 0;

	return x && i < x->header->n_functions && x->functions[x->by_address[i]].address == address;
}

/* Symbols have other names for the same code: aliases, and linkage names that DWARF left out. */
static bool alias_hook(void *user, const struct elf_symbol *symbol)
{
	struct function_query *q = user;
	const struct elf_index *x = q->index;

	if (symbol->is_ifunc)
		return true; /* the code chooses an implementation, it is none */
	for (uint32_t i = address_bound(x, symbol->address); i < x->header->n_functions; i++) {
		uint32_t number = x->by_address[i];

		if (!symbol->address || x->functions[number].address != symbol->address)
			break;
		found(q, number);
	}
	return !q->stopped;
}

bool elf_each_debug_function(struct elf_file *f, const char *glob, elf_function_fn *hook, void *user)
{
	struct elf_index *x = elf_index_of(f);
	struct function_query q = { .file = f, .index = x, .glob = glob, .hook = hook, .user = user };
	struct arena *scratch;

	if (!x)
		return false;
	scratch = arena_create();
	q.seen = arena_alloc(scratch, x->header->n_functions / 8 + 1);
	q.by_linkage = strncmp(glob, "_Z", 2) == 0 || strncmp(glob, "_R", 2) == 0;
	q.has_glob = base_has_glob(glob);
	if (q.has_glob)
		by_glob(&q);
	else
		by_exact_name(&q);
	if (q.by_linkage && !q.stopped) { /* "_Zoo" may be a name as well */
		q.by_linkage = false;
		if (q.has_glob)
			by_glob(&q);
		else
			by_exact_name(&q);
	}
	if (!q.stopped && strcmp(glob, "*") != 0)
		elf_each_function(f, glob, alias_hook, &q);
	arena_destroy(scratch);
	return true;
}

/* ---- entries --------------------------------------------------------------------------------------- */

bool elf_entry_at(struct elf_file *f, uint32_t unit, uint64_t offset, Dwarf_Die *out)
{
	struct elf_index *x = elf_index_of(f);
	struct elf_debug *d = x && unit < x->header->n_units ? elf_debug_of(f) : NULL;
	const struct index_unit *u = d ? &x->units[unit] : NULL;
	Dwarf_Die skeleton;

	if (!d)
		return false;
	if (u->kind == INDEX_UNIT_MAIN)
		return dwarf_offdie(d->dwarf, offset, out);
	if (u->kind == INDEX_UNIT_ALTERNATE)
		return dwarf_getalt(d->dwarf) && dwarf_offdie(dwarf_getalt(d->dwarf), offset, out);
	return elf_debug_unit(d, u->offset, &skeleton) &&
	       dwarf_offdie(dwarf_cu_getdwarf(skeleton.cu), offset, out);
}

struct elf_code elf_code_of(const struct elf_function *function, uint32_t unit, Dwarf_Die *die,
			    uint64_t address)
{
	struct elf_code c = { .unit = unit, .entry = dwarf_dieoffset(die), .address = address,
			      .function = function };
	Dwarf_Addr base, start, end;

	if (dwarf_tag(die) == DW_TAG_subprogram && dwarf_ranges(die, 0, &base, &start, &end) > 0 &&
	    address >= start && address < end) {
		c.start = start;
		c.end = end;
	}
	return c;
}

/* ---- copies ------------------------------------------------------------------------------------------ */

struct copy_query {
	const struct elf_function *function;
	elf_code_fn *hook;
	void *user;
};

static bool copy_hook(void *user, uint32_t unit, uint64_t entry, uint64_t address)
{
	struct copy_query *q = user;
	struct elf_code c = { .unit = unit, .entry = entry, .address = address,
			      .function = q->function };

	return q->hook(q->user, &c);
}

static struct index_sources *sources_of(struct elf_file *f, struct elf_index *x)
{
	struct elf_debug *d = elf_debug_file_of(f);

	if (!x->sources && d)
		x->sources = elf_index_sources(private_of(f)->arena, f, d);
	return x->sources && x->sources->units.n == x->header->n_units ? x->sources : NULL;
}

/* In one unit, or in all: read once, since whoever asks for one function mostly asks for more. */
static const struct index_copies *copies_in(struct elf_file *f, struct elf_index *x, struct index_sources *s,
					    uint32_t unit, bool in_all)
{
	struct arena *a = private_of(f)->arena;
	uint32_t key = in_all ? s->units.n : unit;
	struct index_copies *c;
	struct index_worker w;

	x->copies = x->copies ? x->copies : map_create(a);
	c = map_find_u64(x->copies, key);
	if (c)
		return c;
	c = arena_new(a, struct index_copies);
	elf_index_worker_init(&w, s);
	elf_index_copies_read(&w, in_all ? 0 : unit, in_all ? s->units.n : unit + 1, a, c);
	elf_index_worker_end(&w);
	map_put_u64(x->copies, key, c);
	return c;
}

static void copies(struct elf_file *f, const struct elf_function *function, elf_code_fn *hook,
		   void *user)
{
	struct elf_index *x = elf_index_of(f);
	struct index_sources *s = sources_of(f, x);
	struct copy_query q = { function, hook, user };
	struct scan_origin of = { function->entry, false };
	bool scattered = x->functions[function->number].flags & INDEX_SCATTERED;

	if (!s || function->unit >= s->units.n)
		return;
	of.alternate = x->units[function->unit].kind == INDEX_UNIT_ALTERNATE;
	elf_index_copies_of(copies_in(f, x, s, function->unit, scattered), of, copy_hook, &q);
}

void elf_each_code(struct elf_file *f, const struct elf_function *function, elf_code_fn *hook,
		   void *user)
{
	struct elf_code c = { .unit = function->unit, .entry = function->entry,
			      .address = function->address, .function = function };
	Dwarf_Die die;

	if (function->is_inlined) {
		copies(f, function, hook, user);
		return;
	}
	if (elf_entry_at(f, function->unit, function->entry, &die))
		c = elf_code_of(function, function->unit, &die, function->address);
	hook(user, &c);
}

/* ---- prologues ------------------------------------------------------------------------------------ */

static uint32_t line_bound(Dwarf_Lines *lines, size_t n, uint64_t address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		Dwarf_Addr at = 0;

		dwarf_lineaddr(dwarf_onesrcline(lines, middle), &at);
		if (at < address)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low;
}

/* The record marked as the prologue's end, else the second one; the entry when that is none. */
static uint64_t body_by_lines(Dwarf_Lines *lines, size_t n, const struct elf_code *c)
{
	uint64_t second = c->address;
	uint32_t records = 0;
	Dwarf_Addr at = 0;

	for (size_t i = line_bound(lines, n, c->address); i < n; i++) {
		Dwarf_Line *l = dwarf_onesrcline(lines, i);
		bool marked = false, end = false;

		dwarf_lineaddr(l, &at);
		dwarf_lineendsequence(l, &end);
		if (end && at == c->address)
			continue; /* of the code before */
		if (at >= c->end || (!records && at != c->address))
			break;
		dwarf_lineprologueend(l, &marked);
		if (marked)
			return at;
		if (++records == 2)
			second = at;
	}
	return second;
}

/*
 * An assembler makes a line of a prefix that is written as a statement of its own ("lock; decl (%rdi)"): what
 * follows it is inside the instruction.
 */
static bool is_all_prefixes(const struct elf_file *f, uint64_t start, uint64_t end)
{
	static const uint8_t prefixes[] = { 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x67 };
	uint64_t available;
	const uint8_t *code = elf_bytes(f, start, &available);

	if (!code || end - start > available)
		return false;
	for (uint64_t i = 0; i < end - start; i++)
		if (!memchr(prefixes, code[i], sizeof prefixes))
			return false;
	return true;
}

uint64_t elf_code_body(struct elf_file *f, const struct elf_code *c, enum elf_prologue how)
{
	struct elf_index *x = elf_index_of(f);
	Dwarf_Die die, unit;
	Dwarf_Lines *lines;
	uint64_t body;
	size_t n;

	if (how == ELF_PROLOGUE_NEVER || !x || c->unit >= x->header->n_units || c->end <= c->start)
		return c->address;
	if (how == ELF_PROLOGUE_AUTO && x->units[c->unit].flags & INDEX_UNIT_EXACT)
		return c->address;
	if (!elf_entry_at(f, c->unit, c->entry, &die) || !dwarf_diecu(&die, &unit, NULL, NULL) ||
	    dwarf_getsrclines(&unit, &lines, &n) != 0)
		return c->address;
	body = body_by_lines(lines, n, c);
	return is_all_prefixes(f, c->address, body) ? c->address : body;
}
