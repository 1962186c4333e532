/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of one unit, with the names that other entries hold.
 *
 *	DW_TAG_subprogram  abstract_origin ──▶ DW_TAG_subprogram (inline)  specification ──▶ declaration
 *	  low_pc                                 name? line                                   name, scope
 *
 * With link-time optimization and dwz, origins are in other units.
 */
#include <dwarf.h>
#include <stdlib.h>

#include "elf/index.h"
#include "elf/package.h"

/* A longer chain of origins is a damaged file's. */
#define ORIGINS 8u
/* Paths and scopes that a worker makes: more is a damaged file's. */
#define TEXT_LIMIT (256u << 20)
/* Line tables read for functions without a line, in bytes, by one worker. */
#define LINE_LIMIT (1ull << 30)

/* ---- units --------------------------------------------------------------------------------- */

static void unit_add(struct index_sources *s, struct scan_worker *w, struct arena *scratch,
		     struct scan_unit *u, enum index_unit_kind kind)
{
	scan_unit_read(w, u, scratch, NULL);
	vec_push(s->arena, &s->units, *u);
	vec_push(s->arena, &s->places, (struct index_unit){ u->offset, kind, 0 });
}

static void units_add(struct index_sources *s, struct scan_worker *w, const struct scan_source *of,
		      enum index_unit_kind kind)
{
	struct scan_unit u;

	for (uint64_t offset = 0; scan_unit_next(of, &offset, &u);)
		unit_add(s, w, s->arena, &u, kind);
}

/* The sections of a skeleton's split unit: of its package, or of the file that libdw finds. */
static struct scan_source *split_source(struct index_sources *s, struct elf_file *f, struct elf_debug *d,
					const struct scan_unit *skeleton)
{
	const struct elf_package *package = elf_package_of(d);
	const struct package_row *row = package ? map_find_u64(package->units, skeleton->split_id) : NULL;
	struct scan_source *source = arena_new(s->arena, struct scan_source);
	Dwarf_Die die;

	if (row) {
		elf_package_source(package, row, source);
		return source;
	}
	if (!elf_debug_of(f) || !elf_debug_unit(d, skeleton->first, &die) || dwarf_cu_getdwarf(die.cu) == d->dwarf)
		return NULL;
	scan_source_load(source, dwarf_getelf(dwarf_cu_getdwarf(die.cu)), NULL);
	return source;
}

/* The split unit takes what its skeleton says. */
static void split_add(struct index_sources *s, struct elf_file *f, struct elf_debug *d, const struct scan_unit *skeleton)
{
	struct scan_source *source = split_source(s, f, d, skeleton);
	struct scan_unit u;
	uint64_t offset = 0;

	while (source && scan_unit_next(source, &offset, &u)) {
		if (u.type == DW_UT_type || u.type == DW_UT_split_type)
			continue;
		u.skeleton = &s->main;
		u.low = skeleton->low;
		u.addresses = skeleton->addresses;
		u.has_lines = skeleton->has_lines;
		u.lines = skeleton->lines;
		u.name = skeleton->name;
		u.producer = skeleton->producer;
		u.directory = skeleton->directory;
		vec_push(s->arena, &s->units, u);
		vec_push(s->arena, &s->places,
			 (struct index_unit){ skeleton->first, INDEX_UNIT_SPLIT, 0 });
		return;
	}
}

/* libdw knows where alternate files are; only files that dwz wrote have any. */
static Dwarf *alternate_of(struct elf_file *f, struct elf_debug *d)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr h;

	while (elf_getshdrstrndx(d->elf, &names) == 0 && (scn = elf_nextscn(d->elf, scn)) != NULL) {
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(d->elf, names, h.sh_name) : NULL;

		if (name && strcmp(name, ".gnu_debugaltlink") == 0)
			return elf_debug_of(f) ? dwarf_getalt(d->dwarf) : NULL;
	}
	return NULL;
}

/* A package of another build has units of other ids; or it is damaged, or packed in the old form. */
static void package_tell(struct elf_file *f, const struct elf_debug *d)
{
	struct elf_private *p = private_of(f);

	if (d->package_path)
		vec_push(p->arena, &p->debug_warnings,
			 arena_printf(p->arena, "no split unit of %s can be read from the package %s [man warning::debuginfo]",
				      f->path, d->package_path));
}

struct index_sources *elf_index_sources(struct arena *a, struct elf_file *f, struct elf_debug *d)
{
	struct index_sources *s = arena_new(a, struct index_sources);
	struct scan_worker w = { .arena = arena_create() };
	bool any_skeleton = false;
	Dwarf *alternate;

	s->arena = a;
	if (!elf_debug_unpack(d, !elf_cache_is_for_names(private_of(f)->cache)) && !elf_debug_of(f)) {
		arena_destroy(w.arena);
		return s;
	}
	alternate = alternate_of(f, d);
	scan_source_load(&s->main, d->elf, d->second);
	if (alternate) {
		scan_source_load(&s->alternate, dwarf_getelf(alternate), NULL);
		s->main.alternate = &s->alternate;
	}
	units_add(s, &w, &s->main, INDEX_UNIT_MAIN);
	s->n_main = s->units.n;
	if (alternate)
		units_add(s, &w, &s->alternate, INDEX_UNIT_ALTERNATE);
	s->n_alternate = s->units.n - s->n_main;
	for (uint32_t i = 0; i < s->n_main; i++)
		any_skeleton |= s->units.p[i].is_skeleton;
	for (uint32_t i = 0; any_skeleton && i < s->n_main; i++) {
		struct scan_unit skeleton = s->units.p[i];

		if (skeleton.is_skeleton)
			split_add(s, f, d, &skeleton);
	}
	if (any_skeleton && s->units.n == s->n_main + s->n_alternate)
		package_tell(f, d);
	arena_destroy(w.arena);
	return s;
}

/* The unit that holds an offset of the main or of the alternate file; its number or -1. */
static int64_t unit_holding(const struct index_sources *s, struct scan_origin of)
{
	uint32_t first = of.alternate ? s->n_main : 0;
	uint32_t end = of.alternate ? s->n_main + s->n_alternate : s->n_main;
	uint32_t behind = base_bound(i, first, end, s->units.p[i].offset <= of.offset);

	return behind > first && of.offset < s->units.p[behind - 1].end ? (int64_t)behind - 1 : -1;
}

/* ---- a unit's functions, in memory ---------------------------------------------------------- */

struct unit_facts {
	uint32_t number;
	const struct scan_unit *unit;
	struct scan_result result;
	struct scan_files files;
	const char **scopes; /* of result.scopes, as "a::b"; made when asked for */
	const char **paths;
	struct arena *arena;
};

static void facts_read(struct index_worker *w, uint32_t number, struct arena *a,
		       struct unit_facts *f)
{
	struct scan_unit *u = arena_dup(a, &w->sources->units.p[number], sizeof *u);

	*f = (struct unit_facts){ .number = number, .unit = u, .arena = a };
	if (u->type == DW_UT_type || u->type == DW_UT_split_type)
		return;
	scan_unit_read(&w->scan, u, a, &f->result);
	if (!f->result.functions.n)
		return;
	scan_files_read(u, a, &f->files);
	f->scopes = arena_array(a, const char *, f->result.scopes.n + 1);
	f->paths = arena_array(a, const char *, f->files.n + 1);
}

/* The facts of another unit; kept, since one that is asked for is asked for often. */
static struct unit_facts *foreign_facts(struct index_worker *w, uint32_t number)
{
	struct unit_facts *f = map_find_u64(w->foreign, number);

	if (f)
		return f;
	f = arena_new(w->arena, struct unit_facts);
	facts_read(w, number, w->arena, f);
	map_put_u64(w->foreign, number, f);
	return f;
}

static const char *worker_text(struct index_worker *w, const char *text)
{
	size_t n = strlen(text);

	w->text_bytes += n;
	return w->text_bytes < TEXT_LIMIT ? intern(w->texts, text, n) : "";
}

/* Scopes of C++ written together; one without a name leaves its place empty. */
static const char *scope_text(struct index_worker *w, struct unit_facts *f, uint32_t scope)
{
	const struct scan_scope *s;
	const char *outer, *name;

	if (!scope || scope > f->result.scopes.n)
		return "";
	if (f->scopes[scope])
		return f->scopes[scope];
	s = &f->result.scopes.p[scope - 1];
	f->scopes[scope] = ""; /* scopes are outside in, so this cannot come round */
	outer = scope_text(w, f, s->outer);
	name = s->name ? s->name : "";
	f->scopes[scope] = worker_text(w, !s->outer ? name :
		arena_printf(f->arena, "%.4096s::%.4096s", outer, name));
	return f->scopes[scope];
}

static const char *path_text(struct index_worker *w, struct unit_facts *f, uint32_t file)
{
	if (file >= f->files.n)
		return "";
	if (!f->paths[file]) {
		const char *path = scan_file_path(&f->files, file, f->arena);

		f->paths[file] = path ? worker_text(w, path) : "";
	}
	return f->paths[file];
}

/* ---- names through origins ------------------------------------------------------------------ */

static void merge(struct index_worker *w, struct unit_facts *f, const struct scan_function *s,
		  struct index_found *to)
{
	if (!to->name)
		to->name = s->name;
	if (!to->linkage)
		to->linkage = s->linkage;
	if (!to->file && s->flags & SCAN_HAS_FILE)
		to->file = path_text(w, f, s->file);
	if (!to->line)
		to->line = s->line;
	if (!to->line && s->scope && !s->origin.offset) {
		to->line = f->result.scopes.p[s->scope - 1].line;
		to->file = path_text(w, f, f->result.scopes.p[s->scope - 1].file);
	}
	if (s->flags & SCAN_EXTERNAL)
		to->flags |= INDEX_EXTERNAL;
	/* a function's scope is where it is declared: the last entry of the chain */
	if (s->scope || !to->scope)
		to->scope = scope_text(w, f, s->scope);
}

static struct unit_facts *origin_unit(struct index_worker *w, struct unit_facts *f,
				      struct scan_origin of)
{
	bool here = !of.alternate && of.offset >= f->unit->offset && of.offset < f->unit->end;
	int64_t number;

	if (here)
		return f;
	if (w->sources->places.p[f->number].kind == INDEX_UNIT_SPLIT)
		return NULL;
	if (f->number >= w->sources->n_main)
		of.alternate |= f->number < w->sources->n_main + w->sources->n_alternate;
	number = unit_holding(w->sources, of);
	return number < 0 ? NULL : foreign_facts(w, (uint32_t)number);
}

static void resolve(struct index_worker *w, struct unit_facts *f, const struct scan_function *s,
		    struct index_found *to)
{
	for (uint32_t i = 0; f && s && i < ORIGINS; i++) {
		struct scan_origin next = s->origin;

		merge(w, f, s, to);
		if (!next.offset)
			return;
		f = origin_unit(w, f, next);
		s = f ? scan_function_at(&f->result, next.offset) : NULL;
	}
}

/* ---- one unit ------------------------------------------------------------------------------- */

static void *counted(void *old)
{
	return (void *)((uintptr_t)old + 1);
}

/* A copy of a constructor names its complete or base variant; the inline function is behind it. */
static const struct scan_function *copied_function(const struct scan_result *r,
						   struct scan_origin of)
{
	const struct scan_function *s = NULL;

	for (uint32_t i = 0; i < ORIGINS && of.offset && !of.alternate; i++) {
		s = scan_function_at(r, of.offset);
		if (!s || s->flags & SCAN_INLINED)
			break;
		of = s->origin;
	}
	return s;
}

/* Copies of functions of this unit by their number; of others in the worker's map. */
static uint32_t *copies_count(struct index_worker *w, struct unit_facts *f)
{
	const struct scan_result *r = &f->result;
	uint32_t *counts = arena_array(f->arena, uint32_t, r->functions.n + 1);

	vec_each(copy, &r->instances) {
		const struct scan_function *of = copied_function(r, copy->origin);
		uint64_t key = copy->origin.offset * 2 + copy->origin.alternate;

		if (of)
			counts[of - r->functions.p]++;
		else if (copy->origin.offset)
			map_put_u64(w->scattered, key, counted(map_find_u64(w->scattered, key)));
	}
	return counts;
}

/* Functions of assembly: the line of the first instruction. */
static void line_complete(struct index_worker *w, struct unit_facts *f, struct index_found *to)
{
	uint32_t file, line;

	if (to->line || !to->address || !scan_line_find(f->unit, to->address, &w->line_budget, &file, &line))
		return;
	to->line = line;
	to->file = path_text(w, f, file);
}

static void found_add(struct index_worker *w, struct unit_facts *f, const struct scan_function *s,
		      uint32_t copies)
{
	/* link-time optimization leaves DW_AT_inline out: without copies it will be left out */
	bool inlined = s->flags & SCAN_INLINED || (!s->entry && !(s->flags & SCAN_DECLARATION));
	struct index_found one = { .unit = f->number, .entry = s->offset,
				   .address = inlined ? 0 : s->entry,
				   .copies = copies, .flags = inlined ? INDEX_INLINED : 0 };

	if (s->flags & SCAN_DECLARATION && !inlined)
		return;
	resolve(w, f, s, &one);
	if (!one.name)
		one.name = one.linkage;
	line_complete(w, f, &one);
	if (one.name && *one.name)
		vec_push(w->arena, &w->found, one);
}

void elf_index_unit(struct index_worker *w, uint32_t number)
{
	struct arena_mark mark = arena_mark(w->unit_arena);
	struct unit_facts f;
	uint32_t *counts;

	facts_read(w, number, w->unit_arena, &f);
	if (f.result.functions.n || f.result.instances.n) {
		counts = copies_count(w, &f);
		vec_each(s, &f.result.functions)
			found_add(w, &f, s, counts[s - f.result.functions.p]);
	}
	if (f.result.has_lists)
		w->sources->places.p[number].flags |= INDEX_UNIT_EXACT; /* each unit has one worker */
	arena_reset(w->unit_arena, mark);
}

void elf_index_worker_init(struct index_worker *w, struct index_sources *s)
{
	*w = (struct index_worker){ .sources = s, .arena = arena_create(),
				    .unit_arena = arena_create() };
	w->scan.arena = arena_create();
	w->texts = intern_create(w->arena);
	w->scattered = map_create(w->arena);
	w->foreign = map_create(w->arena);
	w->line_budget = LINE_LIMIT;
}

void elf_index_worker_end(struct index_worker *w)
{
	arena_destroy(w->scan.arena);
	arena_destroy(w->unit_arena);
	arena_destroy(w->arena);
}

/* A copy is found by what it names and by the function of its unit that this leads to. */
static void copies_add(struct arena *a, const struct unit_facts *f, struct index_copies *out)
{
	vec_each(copy, &f->result.instances) {
		const struct scan_function *s = copied_function(&f->result, copy->origin);
		struct index_copy one = { copy->origin, f->number, copy->offset, copy->entry };

		if (!copy->entry)
			continue;
		vec_push(a, &out->list, one);
		one.of = (struct scan_origin){ s ? s->offset : 0, false };
		if (s && (s->offset != copy->origin.offset || copy->origin.alternate))
			vec_push(a, &out->list, one);
	}
}

static int by_origin(struct scan_origin x, struct scan_origin y)
{
	if (x.alternate != y.alternate)
		return x.alternate ? 1 : -1;
	return x.offset < y.offset ? -1 : x.offset > y.offset;
}

static int compare_copies(const void *a, const void *b)
{
	const struct index_copy *x = a, *y = b;
	int order = by_origin(x->of, y->of);

	if (order)
		return order;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

void elf_index_copies_read(struct index_worker *w, uint32_t first, uint32_t end, struct arena *a,
			   struct index_copies *out)
{
	for (uint32_t i = first; i < end; i++) {
		struct arena_mark mark = arena_mark(w->unit_arena);
		struct unit_facts f;

		facts_read(w, i, w->unit_arena, &f);
		copies_add(a, &f, out);
		arena_reset(w->unit_arena, mark);
	}
	if (out->list.n)
		qsort(out->list.p, out->list.n, sizeof *out->list.p, compare_copies);
}

void elf_index_copies_of(const struct index_copies *c, struct scan_origin of, index_copy_fn *hook, void *user)
{
	uint32_t i = base_bound(at, 0, c->list.n, by_origin(c->list.p[at].of, of) < 0);

	for (; i < c->list.n && by_origin(c->list.p[i].of, of) == 0; i++)
		if (!hook(user, c->list.p[i].unit, c->list.p[i].entry, c->list.p[i].address))
			return;
}
