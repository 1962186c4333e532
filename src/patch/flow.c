/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: where control can come to in the code around a site.
 *
 * Decoding a whole function for a single site would cost more than everything else.  So
 * the bytes are searched first for anything that would be a branch into the range if
 * an instruction started there; this finds every real branch and now and then
 * something else.  Only then, or when one function has many sites, is it decoded, from
 * its start: instructions, branches, tables of jumps.  Where that fails (data in code,
 * unknown extents) a finding stays "possible".
 *
 * Tables of jumps, as compilers write them:
 *
 *	lea table(%rip),%rdx; movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax
 *	jmp *table(,%rax,8)		words of 8 bytes
 *	lea table(%rip),%rdx; jmp *(%rdx,%rax,8)
 *
 * Whatever a function with a `jmp *` takes the address of is read as both kinds, as long as
 * the entries lead to instructions of the function.
 */
#include "patch/flow.h"

#include <stdlib.h>
#include <string.h>

/* How far to look where the function's extents are unknown. */
#define BLIND_VIEW 4096u

/* The part of the request's bytes that is looked at. */
struct view {
	const uint8_t *code;
	uint64_t start, end;
	bool is_function;
};

static struct view view_of(const struct patch_request *r)
{
	uint64_t code_end = r->code_address + r->code_size;
	struct view v = { .start = r->function_start, .end = r->function_end };

	v.is_function = v.start < v.end && v.start >= r->code_address && v.end <= code_end;
	if (!v.is_function) {
		v.start = r->code_address;
		if (r->address - v.start > BLIND_VIEW)
			v.start = r->address - BLIND_VIEW;
		v.end = base_min(code_end, r->address + BLIND_VIEW);
	}
	v.code = r->code + (v.start - r->code_address);
	return v;
}

static bool contains(const struct patch_range *r, uint64_t address)
{
	return address - r->start < r->end - r->start;
}

/* jmp, call, jcc with rel32: opcode e9, e8 or the second byte of 0f 80..8f before it. */
static bool long_branches(const struct view *v, const struct patch_range *to,
			  const struct patch_range *own)
{
	uint64_t size = v->end - v->start;

	for (uint64_t i = 0; i + 5 <= size; i++) {
		int32_t d;
		uint8_t opcode = v->code[i];

		memcpy(&d, v->code + i + 1, 4);
		if (!contains(to, v->start + i + 5 + (uint64_t)(int64_t)d))
			continue;
		if (contains(own, v->start + i))
			continue;
		if (opcode == 0xe8 || opcode == 0xe9 ||
		    ((opcode & 0xf0) == 0x80 && i && v->code[i - 1] == 0x0f))
			return true;
	}
	return false;
}

static bool is_short_branch(uint8_t opcode)
{
	return (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0 || opcode == 0xeb;
}

/* jmp, jcc, loop with rel8: only those near the range can reach it. */
static bool short_branches(const struct view *v, const struct patch_range *to,
			   const struct patch_range *own)
{
	uint64_t from = to->start - base_min(to->start, 130u), until = to->end + 126;

	from = base_max(from, v->start);
	until = base_min(until, v->end);
	for (uint64_t at = from; at + 2 <= until; at++) {
		const uint8_t *p = v->code + (at - v->start);

		if (is_short_branch(p[0]) && !contains(own, at) &&
		    contains(to, at + 2 + (uint64_t)(int64_t)(int8_t)p[1]))
			return true;
	}
	return false;
}

/* ---- one function, decoded --------------------------------------------------------------- */

struct branch {
	uint64_t to, from; /* from: the branch instruction; 0 for tables and entries */
};

struct patch_flow {
	struct arena *arena;
	struct patch_flow_cache *cache; /* or NULL */
	uint64_t start, end;
	uint32_t asked; /* questions about this function so far */
	bool decoded, whole;
	bool hidden; /* it has indirect jumps of which no table was found */
	VEC(struct branch) branches; /* by target */
	VEC(uint64_t) boundaries; /* a bit per byte: an instruction starts there */
	VEC(uint64_t) tables; /* addresses that it takes */
};

#define ASKED_MANY 3u
#define TABLE_MOST 4096u
#define TABLE_PART 256u /* bytes */

/* ---- functions that were decoded before ---------------------------------------------------- */

/* Addresses from the function's start. The same code at the same place of the same file has the same flow. */
struct known {
	struct known *next;
	uint64_t file, address, size; /* address: the file's */
	const uint8_t *code;
	uint32_t n_entries; /* all that the file tells of, or none were asked for */
	bool whole, hidden;
	VEC(struct branch) branches;
	VEC(uint64_t) boundaries;
};

#define CACHE_SLOTS 256u
#define CACHE_MOST (4u << 20) /* bytes of code; scripts with very many places are for one process mostly */

struct patch_flow_cache {
	struct arena *arena;
	uint64_t bytes;
	struct known *slots[CACHE_SLOTS];
};

struct patch_flow_cache *patch_flow_cache_create(struct arena *a)
{
	struct patch_flow_cache *c = arena_new(a, struct patch_flow_cache);

	c->arena = a;
	return c;
}

void patch_flow_use_cache(struct patch_flow *f, struct patch_flow_cache *c)
{
	f->cache = c;
}

static struct known **slot_of(struct patch_flow_cache *c, const struct view *v, const struct patch_request *r)
{
	return &c->slots[(r->file ^ (v->start - r->bias)) * 0x9e3779b97f4a7c15ull >> 56];
}

static bool is_same(const struct known *k, const struct view *v, const struct patch_request *r)
{
	uint64_t size = v->end - v->start;

	return k->file == r->file && k->address == v->start - r->bias && k->size == size &&
	       k->n_entries == r->n_entries && memcmp(k->code, v->code, size) == 0;
}

static bool recall(struct patch_flow *f, const struct view *v, const struct patch_request *r)
{
	const struct known *k = f->cache && r->file ? *slot_of(f->cache, v, r) : NULL;

	while (k && !is_same(k, v, r))
		k = k->next;
	if (!k)
		return false;
	f->branches.n = f->boundaries.n = 0;
	vec_each(b, &k->branches)
		vec_push(f->arena, &f->branches,
			 (struct branch){ b->to + v->start, b->from ? b->from + v->start : 0 });
	vec_each(word, &k->boundaries)
		vec_push(f->arena, &f->boundaries, *word);
	f->whole = k->whole;
	f->hidden = k->hidden;
	f->decoded = true;
	return true;
}

static void remember(const struct patch_flow *f, const struct view *v, const struct patch_request *r)
{
	struct patch_flow_cache *c = f->cache;
	struct known *k;

	if (!c || !r->file || c->bytes > CACHE_MOST)
		return;
	k = arena_new(c->arena, struct known);
	k->file = r->file;
	k->address = v->start - r->bias;
	k->n_entries = r->n_entries;
	k->size = v->end - v->start;
	k->code = arena_dup(c->arena, v->code, k->size);
	k->whole = f->whole;
	k->hidden = f->hidden;
	vec_each(b, &f->branches)
		vec_push(c->arena, &k->branches,
			 (struct branch){ b->to - v->start, b->from ? b->from - v->start : 0 });
	vec_each(word, &f->boundaries)
		vec_push(c->arena, &k->boundaries, *word);
	k->next = *slot_of(c, v, r);
	*slot_of(c, v, r) = k;
	c->bytes += k->size;
}

/* ---- decoding ---------------------------------------------------------------------------- */

struct patch_flow *patch_flow_create(struct arena *a)
{
	struct patch_flow *f = arena_new(a, struct patch_flow);

	f->arena = a;
	return f;
}

void patch_flow_reset(struct patch_flow *f)
{
	f->start = f->end = 0;
	f->asked = 0;
	f->decoded = false;
}

static void bit_set(uint64_t *words, uint64_t i)
{
	words[i / 64] |= 1ull << (i % 64);
}

static bool bit_is(const uint64_t *words, uint64_t i)
{
	return words[i / 64] >> (i % 64) & 1;
}

static void branch_add(struct patch_flow *f, uint64_t to, uint64_t from)
{
	if (to - f->start < f->end - f->start)
		vec_push(f->arena, &f->branches, (struct branch){ to, from });
}

/* Notes what one instruction says about the flow; true for an indirect jump. */
static bool note(struct patch_flow *f, const struct x86_ins *ins)
{
	const uint8_t *operand = ins->bytes + ins->opcode_offset + 1;
	int32_t table;

	if (ins->class == X86_JUMP || ins->class == X86_JCC || ins->class == X86_CALL ||
	    ins->class == X86_XBEGIN)
		branch_add(f, ins->target, ins->address);
	else if (ins->class == X86_OTHER && ins->rip_relative &&
		 ins->bytes[ins->opcode_offset] == 0x8d)
		vec_push(f->arena, &f->tables, ins->rip_target);
	if (ins->class != X86_JUMP_INDIRECT || ins->rip_relative)
		return false;
	if (operand[0] == 0x24 && (operand[1] & 7) == 5) { /* disp32(,index,scale) */
		memcpy(&table, operand + 2, 4);
		vec_push(f->arena, &f->tables, (uint64_t)(int64_t)table);
	}
	return true;
}

/* A table's entries are read some at a time: each read is a system call. */
struct entries {
	const struct patch_request *r;
	uint64_t table;
	uint32_t size; /* of each: 4, 8 */
	uint32_t first, n; /* which are in `bytes` */
	bool one_by_one; /* memory ends soon */
	uint8_t bytes[TABLE_PART];
};

static bool entry_read(struct entries *e, uint32_t i, uint64_t *to)
{
	const struct patch_request *r = e->r;

	if (i - e->first >= e->n) {
		e->first = i;
		e->n = TABLE_PART / e->size;
		if (!e->one_by_one)
			e->one_by_one = !r->read(r->read_user, e->table + (uint64_t)i * e->size, e->bytes, TABLE_PART);
		if (e->one_by_one) {
			e->n = 1;
			if (!r->read(r->read_user, e->table + (uint64_t)i * e->size, e->bytes, e->size))
				return false;
		}
	}
	*to = 0;
	memcpy(to, e->bytes + (size_t)(i - e->first) * e->size, e->size);
	if (e->size == 4)
		*to = e->table + (uint64_t)(int64_t)(int32_t)*to;
	return true;
}

/* Entries of a table that lead to instructions of the function; how many. */
static uint32_t table_read(struct patch_flow *f, const struct patch_request *r, uint64_t table,
			   uint32_t size)
{
	struct entries e = { .r = r, .table = table, .size = size };
	uint32_t n;

	for (n = 0; n < TABLE_MOST; n++) {
		uint64_t to;

		if (!entry_read(&e, n, &to))
			return n;
		if (to - f->start >= f->end - f->start || !bit_is(f->boundaries.p, to - f->start))
			return n;
		branch_add(f, to, 0);
	}
	return n;
}

static void tables_read(struct patch_flow *f, const struct patch_request *r)
{
	uint32_t found = 0;

	for (uint32_t i = 0; r->read && i < f->tables.n; i++) {
		uint64_t table = f->tables.p[i];

		if (table - f->start >= f->end - f->start)
			found += table_read(f, r, table, 4) + table_read(f, r, table, 8);
	}
	f->hidden = !found;
}

static int by_target(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

static void clear(struct patch_flow *f)
{
	uint32_t words = (uint32_t)((f->end - f->start + 63) / 64);

	f->branches.n = f->tables.n = f->boundaries.n = 0;
	for (uint32_t i = 0; i < words; i++)
		vec_push(f->arena, &f->boundaries, 0);
}

static void decode(struct patch_flow *f, const struct view *v, const struct patch_request *r)
{
	struct x86_ins ins;
	uint32_t indirect = 0;
	uint64_t at;

	if (recall(f, v, r))
		return;
	clear(f);
	f->decoded = true;
	f->hidden = false;
	for (at = v->start; at < v->end; at += ins.length) {
		if (!x86_decode(v->code + (at - v->start), v->end - at, at, &ins))
			break;
		bit_set(f->boundaries.p, at - v->start);
		indirect += note(f, &ins);
	}
	f->whole = at == v->end;
	if (indirect)
		tables_read(f, r);
	for (uint32_t i = 0; i < r->n_entries; i++)
		branch_add(f, r->entries[i], 0);
	if (f->branches.n)
		qsort(f->branches.p, f->branches.n, sizeof *f->branches.p, by_target);
	remember(f, v, r);
}

/* ---- questions ------------------------------------------------------------------------------ */

/* A new function is a new beginning. */
static void turn_to(struct patch_flow *f, const struct view *v)
{
	if (f->start != v->start || f->end != v->end) {
		f->start = v->start;
		f->end = v->end;
		f->asked = 0;
		f->decoded = false;
	}
}

/* Any ff /4 (jmp through a register or memory) counts, wherever it starts. */
static bool has_indirect_jump(const struct view *v, bool only_tables)
{
	uint64_t size = v->end - v->start;
	const uint8_t *p = v->code, *end = v->code + size;

	while (size && (p = memchr(p, 0xff, (size_t)(end - p))) && p + 1 < end) {
		if ((p[1] >> 3 & 7) == 4 && (!only_tables || p[1] >> 6 == 3 || p[1] == 0x24))
			return true;
		p++;
	}
	return false;
}

static uint32_t branches_before(const struct patch_flow *f, uint64_t address)
{
	uint32_t low = 0, high = f->branches.n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (f->branches.p[middle].to < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum flow search(const struct patch_flow *f, const struct patch_range *to,
			const struct patch_range *own, uint64_t *first)
{
	for (uint32_t i = branches_before(f, to->start); i < f->branches.n; i++) {
		const struct branch *b = &f->branches.p[i];

		if (b->to >= to->end)
			break;
		if (b->from && contains(own, b->from))
			continue;
		*first = b->to;
		return FLOW_CERTAIN;
	}
	return f->whole ? FLOW_NONE : FLOW_POSSIBLE;
}

static bool is_entry(const struct patch_request *r, const struct patch_range *to)
{
	for (uint32_t i = 0; i < r->n_entries; i++)
		if (contains(to, r->entries[i]))
			return true;
	return false;
}

enum flow patch_flow_into(struct patch_flow *f, const struct patch_request *r,
			  const struct patch_range *to, const struct patch_range *own,
			  uint64_t *first)
{
	struct view v = view_of(r);
	bool seen;

	if (v.is_function) {
		turn_to(f, &v);
		if (!f->decoded && f->asked++ == 0 && has_indirect_jump(&v, true))
			decode(f, &v, r);
		if (f->decoded && f->whole)
			return search(f, to, own, first);
	}
	seen = long_branches(&v, to, own) || short_branches(&v, to, own) || is_entry(r, to);
	if (!v.is_function)
		return seen ? FLOW_POSSIBLE : FLOW_NONE;
	if (!seen && f->asked < ASKED_MANY)
		return FLOW_NONE;
	if (!f->decoded)
		decode(f, &v, r);
	if (f->whole || seen)
		return search(f, to, own, first);
	return FLOW_NONE;
}

bool patch_flow_is_hidden(struct patch_flow *f, const struct patch_request *r)
{
	struct view v = view_of(r);

	if (!v.is_function || !has_indirect_jump(&v, false))
		return !v.is_function;
	return !patch_flow_decode(f, r) || f->hidden;
}

bool patch_flow_decode(struct patch_flow *f, const struct patch_request *r)
{
	struct view v = view_of(r);

	if (!v.is_function || r->mixed)
		return false;
	turn_to(f, &v);
	if (!f->decoded)
		decode(f, &v, r);
	return f->whole;
}

uint64_t patch_flow_boundary(const struct patch_flow *f, uint64_t address)
{
	while (address < f->end && !bit_is(f->boundaries.p, address - f->start))
		address++;
	return address;
}

bool patch_flow_is_target(const struct patch_flow *f, uint64_t address)
{
	uint32_t i = branches_before(f, address);

	return address == f->start || (i < f->branches.n && f->branches.p[i].to == address);
}
