/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What handlers need to walk stacks and to name code: tables of the files that are mapped, in the region.
 *
 *	region: ... slots ] [unwind table of libc][symbols of libc][list of process 1][unwind table ...
 *	                    tables_offset                                             ▲ used
 *
 * Memory is only added: a list or table that a process knows of is never changed, so that no handler has to
 * lock anything.  Tables belong to a file and serve all processes that map it; each process has its own list of
 * what is mapped where.  Files that are not what is mapped (replaced by a newer build, in another mount
 * namespace), and the vDSO, which has no file, are read from the process's memory.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/code.h"
#include "ctl/session.h"
#include "runtime/unwind.h"

#define ROOM (1ull << 30) /* sparse */
#define LARGEST_IMAGE (512ull << 20) /* read from memory */
#define MOST_HEADERS 64u
#define FUNCTION_MOST (64u << 10) /* bytes of code that are looked at */
#define UNSIZED_MOST 256u /* of the last symbol, when it has no size */

/* A file whose tables are in the region. */
struct described {
	struct elf_file *file; /* NULL: it cannot be read */
	const char *path; /* as the process sees it */
	uint64_t tables; /* struct abi_module_tables, from the region */
	bool symbols_made;
};

struct ctl_tables {
	uint64_t used; /* from the region's begin */
	bool unwind, symbols, lines; /* what handlers ask for */
	bool full;
	struct map *files; /* "device:inode:path": struct described */
	struct map *by_tables; /* place of the tables */
	struct map *lists; /* place of a list: anything */
	VEC(struct abi_module) all; /* of all processes, sorted; where they overlap the target's counts, then the earlier one */
	uint64_t known, capacity; /* the list of those, which only the tool reads, and so may change */
};

/* ---- what is wanted --------------------------------------------------------------------------- */

static bool calls(const struct bundle *b, const char *name)
{
	vec_each(s, &b->runtime_symbols)
		if (strcmp(*s, name) == 0)
			return true;
	return false;
}

bool ctl_tables_walk(const struct bundle *b)
{
	return calls(b, "rt_ubacktrace") || calls(b, "rt_ucallers") || calls(b, "rt_ustack") ||
	       calls(b, "rt_sprint_ubacktrace") || calls(b, "rt_print_ubacktrace") ||
	       calls(b, "rt_print_ubacktrace_from");
}

void ctl_tables_lay_out(struct ctl_session *s, struct abi_region *r)
{
	const struct bundle *b = s->bundle;
	struct ctl_tables t = { .used = r->size };
	bool named;

	t.lines = calls(b, "rt_line_text");
	t.symbols = t.lines || calls(b, "rt_place_text") || calls(b, "rt_sprint_ubacktrace") || calls(b, "rt_sprint_usyms");
	named = calls(b, "rt_print_usyms") || calls(b, "rt_build_id_text");
	t.unwind = ctl_tables_walk(b);
	if (!t.symbols && !named && !t.unwind)
		return;
	t.files = map_create(s->arena);
	t.by_tables = map_create(s->arena);
	t.lists = map_create(s->arena);
	r->tables_offset = r->size;
	r->tables_size = ROOM;
	r->size += ROOM;
	s->tables = arena_dup(s->arena, &t, sizeof t);
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Room for so many bytes, 0 when all is used. */
static uint64_t take(struct ctl_session *s, uint64_t size)
{
	struct ctl_tables *t = s->tables;
	uint64_t at = base_align(t->used, (uint64_t)16), end = s->region->tables_offset + s->region->tables_size;

	if (t->full || size > end - at) {
		if (!t->full)
			ctl_warn(s, "descriptions of mapped files take more than %lu MiB; stacks may be cut",
				 (unsigned long)(ROOM >> 20));
		t->full = true;
		return 0;
	}
	t->used = at + size;
	return at;
}

static void *at_offset(const struct ctl_session *s, uint64_t offset)
{
	return (char *)s->region + offset;
}

static uint64_t keep(struct ctl_session *s, const void *bytes, uint64_t size)
{
	uint64_t at = take(s, size);

	if (at)
		memcpy(at_offset(s, at), bytes, size);
	return at;
}

static uint64_t keep_text(struct ctl_session *s, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	uint64_t at = take(s, ABI_STRING_HEAD + n + 1u);
	struct abi_string *to = at_offset(s, at);

	if (!at)
		return 0;
	to->length = n;
	memcpy(to->text, text, n + 1u);
	return at;
}

/* ---- files ------------------------------------------------------------------------------------- */

struct image {
	uint8_t *bytes;
	uint64_t size;
};

/* The loaded parts of a file, from memory; without sections. */
static bool read_image(const struct ctl_process *p, uint64_t base, struct image *out)
{
	Elf64_Phdr ph[MOST_HEADERS];
	uint64_t lowest = UINT64_MAX;
	Elf64_Ehdr head;

	if (proc_read(p->proc, base, &head, sizeof head) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_phnum > MOST_HEADERS || head.e_phentsize != sizeof *ph ||
	    proc_read(p->proc, base + head.e_phoff, ph, head.e_phnum * sizeof *ph) != head.e_phnum * sizeof *ph)
		return false;
	out->size = 0;
	for (uint32_t i = 0; i < head.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || ph[i].p_filesz > LARGEST_IMAGE || ph[i].p_offset > LARGEST_IMAGE)
			continue;
		lowest = base_min(lowest, ph[i].p_vaddr - ph[i].p_offset);
		out->size = base_max(out->size, ph[i].p_offset + ph[i].p_filesz);
	}
	if (out->size < sizeof head || out->size > LARGEST_IMAGE)
		return false;
	out->bytes = calloc(1, out->size);
	if (!out->bytes)
		base_oom();
	for (uint32_t i = 0; i < head.e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_filesz <= LARGEST_IMAGE && ph[i].p_offset <= LARGEST_IMAGE)
			(void)proc_read(p->proc, base + ph[i].p_vaddr - lowest, out->bytes + ph[i].p_offset, ph[i].p_filesz);
	head.e_shoff = head.e_shnum = head.e_shstrndx = 0;
	memcpy(out->bytes, &head, sizeof head);
	return true;
}

static struct elf_file *open_memory(struct ctl_process *p, const struct proc_map *m, uint64_t base)
{
	struct elf_file *f = NULL;
	struct image image;

	if (!base || !read_image(p, base, &image))
		return NULL;
	if (elf_open_bytes(p->session->elf, m->path, image.bytes, image.size, &f))
		f = NULL;
	free(image.bytes);
	return f;
}

static struct elf_file *open_mapped(struct ctl_process *p, const struct proc_map *m, uint64_t base)
{
	struct elf_file *f = ctl_map_file(p, m);

	return f ? f : open_memory(p, m, base);
}

/* ---- tables ------------------------------------------------------------------------------------- */

static uint64_t keep_symbols(struct ctl_session *s, struct described *d, const struct abi_symbol_table *symbols)
{
	d->symbols_made = true;
	return symbols ? keep(s, symbols, symbols->size) : 0;
}

/* They were not asked for when the file was described. */
static void make_symbols(struct ctl_session *s, struct described *d)
{
	struct arena *a = arena_create();
	struct abi_module_tables *t = at_offset(s, d->tables);

	__atomic_store_n(&t->symbols, keep_symbols(s, d, elf_symbol_table(a, d->file)), __ATOMIC_RELEASE);
	arena_destroy(a);
}

/* Functions without a description, by their symbols: their code tells. */
static void add_guesses(struct arena *a, const struct elf_file *f, const struct abi_unwind_table *unwind,
			const struct abi_symbol_table *symbols, struct patch_rules *out)
{
	const struct abi_symbol *list = (const void *)((const char *)symbols + symbols->symbols);
	uint64_t done = 0;

	for (uint32_t i = 0; i < symbols->n; i++) {
		uint64_t start = symbols->text + list[i].at, size = list[i].size, available = 0;
		const uint8_t *code;

		if (!size)
			size = (i + 1 < symbols->n ? list[i + 1].at : list[i].at + UNSIZED_MOST) - list[i].at;
		size = base_min(size, (uint64_t)FUNCTION_MOST);
		if (start < done || elf_unwind_kind_at(unwind, start) != ABI_RULE_NONE)
			continue;
		code = elf_bytes(f, start, &available);
		size = base_min(size, available);
		if (!code || !size)
			continue;
		done = start + size;
		patch_describe(a, start, done, code, out);
		vec_push(a, &out->list, (struct patch_rule){ .start = done });
	}
}

static const struct abi_unwind_table *make_guesses(struct arena *a, struct elf_file *f, const struct abi_unwind_table *unwind,
						   const struct abi_symbol_table *symbols)
{
	const struct abi_unwind_table *table = NULL;
	struct patch_rules rules = { 0 };
	struct elf_unwind_piece *pieces;

	add_guesses(a, f, unwind, symbols, &rules);
	pieces = arena_array(a, struct elf_unwind_piece, rules.list.n);
	for (uint32_t i = 0; i < rules.list.n; i++)
		pieces[i] = (struct elf_unwind_piece){ rules.list.p[i].start, rules.list.p[i].rule };
	if (rules.list.n)
		table = elf_unwind_table_of(a, f, pieces, rules.list.n);
	if (table)
		elf_unwind_guesses_keep(f, table);
	return table;
}

static uint64_t keep_guesses(struct ctl_session *s, struct elf_file *f, const struct abi_unwind_table *unwind,
			     const struct abi_symbol_table *symbols)
{
	struct arena *a = arena_create();
	const struct abi_unwind_table *table = symbols ? elf_unwind_guesses(a, f) : NULL;
	uint64_t at;

	if (!table && symbols)
		table = make_guesses(a, f, unwind, symbols);
	at = table ? keep(s, table, table->size) : 0;
	arena_destroy(a);
	return at;
}

static void fill(struct ctl_session *s, struct described *d, struct abi_module_tables *out)
{
	struct arena *a = arena_create();
	const struct abi_symbol_table *symbols = s->tables->unwind || s->tables->symbols ? elf_symbol_table(a, d->file) : NULL;
	const struct abi_unwind_table *unwind = s->tables->unwind ? elf_unwind_table(a, d->file) : NULL;
	const struct abi_line_table *lines = s->tables->lines ? elf_line_table(a, d->file) : NULL;
	uint64_t end = 0;

	*out = (struct abi_module_tables){ .lowest = UINT64_MAX };
	for (uint32_t i = 0; i < d->file->n_segments; i++) {
		const struct elf_segment *g = &d->file->segments[i];

		out->lowest = base_min(out->lowest, g->address);
		end = base_max(end, g->address + g->memory_size);
	}
	out->lowest = out->lowest & ~(uint64_t)(ABI_PAGE - 1);
	out->size = end - out->lowest;
	out->path = keep_text(s, d->path);
	out->build_id = keep_text(s, d->file->build_id ? d->file->build_id : "");
	out->unwind = unwind ? keep(s, unwind, unwind->size) : 0;
	out->guessed = s->tables->unwind ? keep_guesses(s, d->file, unwind, symbols) : 0;
	out->symbols = s->tables->symbols ? keep_symbols(s, d, symbols) : 0;
	out->lines = lines ? keep(s, lines, lines->size) : 0;
	arena_destroy(a);
}

static struct described *describe(struct ctl_process *p, uint32_t i)
{
	const struct proc_map *m = &p->maps.p[i];
	struct ctl_session *s = p->session;
	struct arena_mark mark = arena_mark(s->scratch);
	const char *key = arena_printf(s->scratch, "%lx:%lx:%d:%s", (unsigned long)m->device, (unsigned long)m->inode,
				       m->deleted, m->path);
	struct described *d = map_find(s->tables->files, key);
	uint64_t base = m->inode ? ctl_map_base(p, m) : m->start;
	struct abi_module_tables tables;
	struct elf_file *file;

	if (d) {
		arena_reset(s->scratch, mark);
		return d->tables ? d : NULL;
	}
	file = open_mapped(p, m, base);
	if (!file && p->is_told) {
		arena_reset(s->scratch, mark);
		return NULL; /* another way may show it */
	}
	d = arena_new(s->arena, struct described);
	map_put(s->tables->files, key, d);
	arena_reset(s->scratch, mark);
	d->path = arena_strdup(s->arena, m->path);
	d->file = file;
	if (!file)
		return NULL;
	fill(s, d, &tables);
	d->tables = keep(s, &tables, sizeof tables);
	if (!d->tables)
		return NULL;
	map_put_u64(s->tables->by_tables, d->tables, d);
	return d;
}

struct elf_file *ctl_tables_file(struct ctl_session *s, uint64_t tables)
{
	struct described *d = map_find_u64(s->tables->by_tables, tables);

	if (d && !d->symbols_made)
		make_symbols(s, d);
	return d ? d->file : NULL;
}

const struct abi_modules *ctl_tables_list(const struct ctl_session *s, uint64_t modules)
{
	return s->tables && map_find_u64(s->tables->lists, modules) ? at_offset(s, modules) : NULL;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

static bool is_code(const struct proc_map *m)
{
	return m->executable && (m->inode ? m->path[0] == '/' && strncmp(m->path, "/memfd:spile:", 13) != 0 &&
						    strncmp(m->path, "/dev/", 5) != 0 :
					    strcmp(m->path, "[vdso]") == 0);
}

/* Number of those that end at or below the address. */
static uint32_t count_below(const struct ctl_tables *t, uint64_t address)
{
	return base_bound(i, 0, t->all.n, t->all.p[i].end <= address);
}

/* Adds a module to what handlers in the tool know; true: it is new. */
static bool add_known(struct ctl_session *s, const struct abi_module *m, bool counts)
{
	struct ctl_tables *t = s->tables;
	uint32_t at = count_below(t, m->start), end = at;

	while (end < t->all.n && t->all.p[end].start < m->end)
		end++;
	if (end > at && (!counts || (end == at + 1 && memcmp(&t->all.p[at], m, sizeof *m) == 0)))
		return false;
	memmove(t->all.p + at, t->all.p + end, (t->all.n - end) * sizeof *m);
	t->all.n -= end - at;
	vec_push(s->arena, &t->all, *m);
	memmove(t->all.p + at + 1, t->all.p + at, (t->all.n - 1 - at) * sizeof *m);
	t->all.p[at] = *m;
	return true;
}

static uint64_t keep_list(struct ctl_session *s, const struct abi_module *list, uint64_t n)
{
	struct abi_modules *to;
	uint64_t at = take(s, sizeof *to + n * sizeof *list);

	if (!at)
		return 0;
	to = at_offset(s, at);
	to->n = n;
	memcpy(to->list, list, n * sizeof *list);
	map_put_u64(s->tables->lists, at, s);
	return at;
}

/* Programs come and go in a session: it grows by doubling. */
static void keep_known(struct ctl_session *s)
{
	struct ctl_tables *t = s->tables;
	struct abi_modules *to;
	uint64_t at;

	if (t->all.n > t->capacity) {
		at = take(s, sizeof *to + 2ull * t->all.n * sizeof *t->all.p);
		if (!at)
			return;
		t->known = at;
		t->capacity = 2ull * t->all.n;
		map_put_u64(t->lists, at, s);
	}
	to = at_offset(s, t->known);
	to->n = t->all.n;
	memcpy(to->list, t->all.p, t->all.n * sizeof *t->all.p);
}

static void tell_tool(struct ctl_process *p, const struct abi_module *list, uint64_t n)
{
	struct ctl_session *s = p->session;
	bool fresh = false;

	for (uint64_t i = 0; i < n; i++)
		fresh |= add_known(s, &list[i], p->is_target);
	if (fresh)
		keep_known(s);
	s->tool.process->modules = s->tables->known;
}

uint64_t ctl_tables_known(const struct ctl_session *s)
{
	return s->tables->known;
}

static void publish(struct ctl_process *p, const struct abi_module *list, uint64_t n)
{
	struct ctl_session *s = p->session;
	const struct abi_modules *before = p->modules_list ? at_offset(s, p->modules_list) : NULL;
	uint64_t at;

	if (before && before->n == n && memcmp(before->list, list, n * sizeof *list) == 0)
		return;
	at = keep_list(s, list, n);
	if (!at)
		return;
	p->modules_list = at;
	tell_tool(p, list, n);
	if (p->placed && ctl_process_write(p, offsetof(struct abi_process, modules), &at, sizeof at))
		ctl_verbose(s, 1, "process %d is not told of its libraries", (int)p->proc->pid);
}

void ctl_tables_look(struct ctl_process *p)
{
	struct arena *a;
	VEC(struct abi_module) list = { 0 };

	if (!p->session->tables)
		return;
	a = arena_create();
	for (uint32_t i = 0; i < p->maps.n; i++) {
		const struct proc_map *m = &p->maps.p[i];
		const struct described *d = is_code(m) ? describe(p, i) : NULL;
		uint64_t bias;

		if (d && ctl_bias_in(d->file, m, &bias))
			vec_push(a, &list, (struct abi_module){ m->start, m->end, bias, d->tables });
	}
	publish(p, list.p, list.n);
	arena_destroy(a);
}
