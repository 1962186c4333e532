/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols by name.
 *
 * Nothing is copied or sorted in advance: the first question about a file
 * walks its tables, since most scripts ask once; from the third exact name on
 * a hash index answers.
 *
 *	tables:   [.symtab or .gnu_debugdata][.dynsym]
 *	place:    2 bits table, 30 bits number
 *	buckets:  hash of name -> place, open addressing
 */
#include <stdlib.h>

#include "elf/symbol.h"

#define PLACE_TABLE_SHIFT 30
#define PLACE_NUMBER ((1u << PLACE_TABLE_SHIFT) - 1)
#define QUERIES_BEFORE_INDEX 2u

static bool in_segment(const struct elf_file *f, uint64_t address, bool executable)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (address >= s->address && address - s->address < s->memory_size &&
		    (!executable || s->executable))
			return true;
	}
	return false;
}

bool elf_symbol_is_function(const struct elf_file *f, const struct raw_symbol *s)
{
	unsigned type = ELF64_ST_TYPE(s->symbol.st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) &&
	       in_segment(f, s->symbol.st_value, true);
}

static bool is_data(const struct elf_file *f, const struct raw_symbol *s)
{
	unsigned type = ELF64_ST_TYPE(s->symbol.st_info);

	return (type == STT_OBJECT || type == STT_NOTYPE || type == STT_COMMON) &&
	       in_segment(f, s->symbol.st_value, false);
}

bool elf_symbol_get(struct elf_file *f, struct symbol_place place, struct raw_symbol *out)
{
	const struct symbol_index *x = elf_symbol_tables(f);
	uint32_t number = place.bits & PLACE_NUMBER;
	const struct symbol_table *t = &x->tables[place.bits >> PLACE_TABLE_SHIFT];
	const char *version;

	memcpy(&out->symbol, t->symbols + (size_t)number * sizeof out->symbol, sizeof out->symbol);
	if (out->symbol.st_shndx == SHN_UNDEF || !out->symbol.st_name)
		return false;
	out->name = elf_text_at(t->strings, t->strings_size, out->symbol.st_name);
	version = strchr(out->name, '@');
	out->name_length = version ? (size_t)(version - out->name) : strlen(out->name);
	out->place = place;
	out->is_dynamic = t->is_dynamic;
	return out->name_length > 0;
}

bool elf_symbol_next(struct elf_file *f, struct symbol_cursor *c, struct raw_symbol *out)
{
	const struct symbol_index *x = elf_symbol_tables(f);

	for (; c->table < x->n_tables; c->table++, c->next = 0)
		while (c->next < base_min(x->tables[c->table].n, PLACE_NUMBER)) {
			struct symbol_place place = { c->table << PLACE_TABLE_SHIFT | c->next++ };

			if (elf_symbol_get(f, place, out))
				return true;
		}
	return false;
}

bool elf_imports(struct elf_file *f, const char *name)
{
	const struct symbol_index *x = elf_symbol_tables(f);

	for (uint32_t i = 0; i < x->n_tables; i++) {
		const struct symbol_table *t = &x->tables[i];
		Elf64_Sym s;

		for (uint32_t k = 0; t->is_dynamic && k < t->n; k++) {
			memcpy(&s, t->symbols + (size_t)k * sizeof s, sizeof s);
			if (s.st_shndx == SHN_UNDEF && s.st_name &&
			    strcmp(elf_text_at(t->strings, t->strings_size, s.st_name), name) == 0)
				return true;
		}
	}
	return false;
}

/* ---- candidates: what one question found, sorted and without doubles ----------------- */

struct candidate {
	struct elf_symbol symbol;
	uint32_t order;
};
struct candidates {
	VEC(struct candidate) list;
};

static void candidate_add(struct elf_file *f, struct candidates *to, const struct raw_symbol *s)
{
	struct arena *a = private_of(f)->arena;
	unsigned type = ELF64_ST_TYPE(s->symbol.st_info);
	struct elf_symbol e = {
		.name = s->name[s->name_length] ? arena_strndup(a, s->name, s->name_length)
						: s->name,
		.address = s->symbol.st_value,
		.size = s->symbol.st_size,
		.is_function = elf_symbol_is_function(f, s),
		.is_global = ELF64_ST_BIND(s->symbol.st_info) != STB_LOCAL,
		.is_exported = s->is_dynamic,
		.is_ifunc = type == STT_GNU_IFUNC,
	};

	vec_push(a, &to->list, (struct candidate){ e, to->list.n });
}

static int compare_names(const void *a, const void *b)
{
	const struct candidate *l = a, *r = b;
	int by_name;

	if (l->symbol.address != r->symbol.address)
		return l->symbol.address < r->symbol.address ? -1 : 1;
	by_name = strcmp(l->symbol.name, r->symbol.name);
	return by_name ? by_name : (l->order > r->order) - (l->order < r->order);
}

static int compare_order(const void *a, const void *b)
{
	const struct candidate *l = a, *r = b;

	if (l->symbol.address != r->symbol.address)
		return l->symbol.address < r->symbol.address ? -1 : 1;
	return (l->order > r->order) - (l->order < r->order);
}

/* One per name and address, by address, aliases in order of the tables. */
static void candidates_finish(struct candidates *c)
{
	uint32_t kept = 0;

	if (!c->list.n)
		return;
	qsort(c->list.p, c->list.n, sizeof *c->list.p, compare_names);
	vec_each(it, &c->list) {
		struct elf_symbol *last = kept ? &c->list.p[kept - 1].symbol : NULL;

		if (last && last->address == it->symbol.address &&
		    strcmp(last->name, it->symbol.name) == 0) {
			last->is_exported |= it->symbol.is_exported;
			last->is_global |= it->symbol.is_global;
			last->size = base_max(last->size, it->symbol.size);
			continue;
		}
		c->list.p[kept++] = *it;
	}
	c->list.n = kept;
	qsort(c->list.p, c->list.n, sizeof *c->list.p, compare_order);
}

/* ---- the index of names ------------------------------------------------------------- */

static void bucket_put(struct symbol_index *x, const struct raw_symbol *s)
{
	uint32_t i = (uint32_t)base_hash(s->name, s->name_length) & (x->n_buckets - 1);

	while (x->buckets[i])
		i = (i + 1) & (x->n_buckets - 1);
	x->buckets[i] = s->place.bits + 1;
}

static void index_build(struct elf_file *f)
{
	struct symbol_index *x = &private_of(f)->index;
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;
	uint64_t total = 0;

	for (uint32_t i = 0; i < x->n_tables; i++)
		total += x->tables[i].n;
	for (x->n_buckets = 16; x->n_buckets < total * 2; x->n_buckets *= 2)
		;
	x->buckets = arena_array(private_of(f)->arena, uint32_t, x->n_buckets);
	while (elf_symbol_next(f, &c, &s))
		if (elf_symbol_is_function(f, &s) || is_data(f, &s))
			bucket_put(x, &s);
}

static bool name_is(const struct raw_symbol *s, const char *name, size_t length)
{
	return s->name_length == length && memcmp(s->name, name, length) == 0;
}

static void collect_indexed(struct elf_file *f, const char *name, size_t length,
			    struct candidates *to)
{
	struct symbol_index *x = &private_of(f)->index;
	uint32_t i = (uint32_t)base_hash(name, length) & (x->n_buckets - 1);
	struct raw_symbol s;

	for (; x->buckets[i]; i = (i + 1) & (x->n_buckets - 1)) {
		struct symbol_place place = { x->buckets[i] - 1 };

		if (elf_symbol_get(f, place, &s) && name_is(&s, name, length))
			candidate_add(f, to, &s);
	}
}

/* Everything called `name`: functions and data. */
static void collect_exact(struct elf_file *f, const char *name, size_t length,
			  struct candidates *to)
{
	struct symbol_index *x = &private_of(f)->index;
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;

	elf_symbol_tables(f);
	if (x->name_queries++ == QUERIES_BEFORE_INDEX)
		index_build(f);
	if (x->buckets) {
		collect_indexed(f, name, length, to);
	} else {
		while (elf_symbol_next(f, &c, &s))
			if (name_is(&s, name, length) &&
			    (elf_symbol_is_function(f, &s) || is_data(f, &s)))
				candidate_add(f, to, &s);
	}
	candidates_finish(to);
}

/* The glob sees no version; only versioned names need a copy for that. */
static bool matches(struct elf_file *f, const struct raw_symbol *s, const char *glob)
{
	struct arena *a = private_of(f)->arena;
	struct arena_mark m;
	bool result;

	if (!s->name[s->name_length])
		return base_glob(glob, s->name);
	m = arena_mark(a);
	result = base_glob(glob, arena_strndup(a, s->name, s->name_length));
	arena_reset(a, m);
	return result;
}

struct wanted {
	bool (*address)(struct elf_file *f, uint64_t address); /* NULL: any */
};

static void collect_glob(struct elf_file *f, const char *glob, const struct wanted *w, struct candidates *to)
{
	bool all = strcmp(glob, "*") == 0;
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;

	while (elf_symbol_next(f, &c, &s))
		if (elf_symbol_is_function(f, &s) && (all || matches(f, &s, glob)) &&
		    (!w->address || w->address(f, s.symbol.st_value)))
			candidate_add(f, to, &s);
	candidates_finish(to);
}

/* ---- the door ------------------------------------------------------------------------- */

const struct elf_symbol *elf_symbol_find(struct elf_file *f, const char *name)
{
	struct candidates found = { 0 };
	const struct candidate *best = NULL;

	collect_exact(f, name, strlen(name), &found);
	vec_each(it, &found.list)
		if (!best || (it->symbol.is_global && !best->symbol.is_global))
			best = it;
	return best ? &best->symbol : NULL;
}

bool elf_symbol_address(struct elf_file *f, const char *name, size_t length, uint64_t *out)
{
	struct candidates found = { 0 };
	uint32_t locals = 0;

	collect_exact(f, name, length, &found);
	vec_each(it, &found.list) {
		*out = it->symbol.address;
		if (it->symbol.is_global)
			return true;
		locals++;
	}
	return locals == 1;
}

void elf_each_function(struct elf_file *f, const char *glob,
		       bool (*hook)(void *user, const struct elf_symbol *s), void *user)
{
	elf_each_function_of(f, glob, NULL, hook, user);
}

void elf_each_function_of(struct elf_file *f, const char *glob, bool (*wanted)(struct elf_file *f, uint64_t address),
			  bool (*hook)(void *user, const struct elf_symbol *s), void *user)
{
	struct candidates found = { 0 };

	if (base_has_glob(glob))
		collect_glob(f, glob, &(struct wanted){ wanted }, &found);
	else
		collect_exact(f, glob, strlen(glob), &found);
	vec_each(it, &found.list)
		if (it->symbol.is_function && (!wanted || wanted(f, it->symbol.address)) && !hook(user, &it->symbol))
			return;
}

enum elf_calls elf_calls_of(struct elf_file *f)
{
	struct elf_private *p = private_of(f);

	if (p->calls_looked_for)
		return p->calls;
	p->calls_looked_for = true;
	if (elf_symbol_find(f, "caml_call_gc"))
		p->calls = ELF_CALLS_KNOWN;
	else if (elf_symbol_find(f, "stg_ap_pv_fast"))
		p->calls = ELF_CALLS_JUMPS;
	return p->calls;
}

bool elf_is_jumped_to(const char *name)
{
	static const char *const endings[] = { "_info", "_fast", "_slow", "_entry", "_ret" };
	size_t length = strlen(name);

	for (size_t i = 0; i < base_count(endings); i++)
		if (length > strlen(endings[i]) && strcmp(name + length - strlen(endings[i]), endings[i]) == 0)
			return true;
	return strncmp(name, "stg_", 4) == 0 || strncmp(name, "__stg_", 6) == 0;
}
