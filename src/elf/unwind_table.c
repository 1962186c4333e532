/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that unwind: call frame information, executed once for every address.
 *
 *	.eh_frame, .debug_frame:   CIE: initial rules      FDE: start, length, instructions
 *	                               │                        │
 *	                               └──────── run ───────────┘
 *	rows     0x1000 ▶ 0   0x1001 ▶ 3   0x1040 ▶ 0 ...       sorted by address
 *	rules    0: none      1: CFA = rsp + 8   3: CFA = rsp + 16, rbp at CFA - 16 ...   each once
 *	blocks   for each 256 bytes of text: where its rows begin
 *
 * Compilers write a handful of different rules, so that rows are small and rules stay in the cache of
 * the processor.  What a rule of the table cannot say (expressions but those of linkage tables, signal
 * frames and realigned stacks) is ABI_RULE_NONE: the walk ends there.
 *
 * No byte is trusted: every read is bounded, an entry that makes no sense is left out, and the work
 * is linear in the size of the sections.
 */
#include <stdlib.h>

#include "elf/cursor.h"
#include "elf/debug.h"
#include "elf/kept.h"
#include "elf/location.h"
#include "elf/unwind_sections.h"

#define COLUMNS 17u /* of the DWARF register numbers: 16 registers, the return address */
#define COLUMN_RBP 6u
#define COLUMN_RSP 7u
#define COLUMN_RA 16u
#define REMEMBERED 32u

/* ---- rules as the instructions say them ----------------------------------------------------- */

enum column_kind {
	COLUMN_UNSAID,
	COLUMN_UNDEFINED,
	COLUMN_SAME,
	COLUMN_OFFSET,
	COLUMN_REGISTER,
	COLUMN_EXPRESSION,
	COLUMN_OTHER
};

struct expression {
	const uint8_t *p;
	uint64_t n;
};

struct column {
	enum column_kind kind;
	int64_t value;
	struct expression expression;
};

struct state {
	unsigned cfa_register;
	int64_t cfa_offset;
	struct expression cfa; /* p NULL: register and offset */
	struct column columns[COLUMNS];
};

struct cie {
	bool good;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool augmented, signal;
	unsigned address_size;
	struct state initial;
};

struct entry {
	uint64_t start, end;
	uint32_t first, n; /* rows */
	uint32_t order;
};

struct made_row {
	uint64_t at;
	uint32_t rule;
};

struct build {
	struct arena *arena; /* for the time of the building */
	struct map *cies; /* by address and section */
	VEC(struct entry) entries;
	VEC(struct made_row) rows;
	VEC(struct abi_unwind_rule) rules;
	uint32_t *buckets; /* number of a rule, 0 free */
	uint32_t n_buckets;
	uint64_t low, high; /* of executable code */
	struct state remembered[REMEMBERED];
};

/* ---- rules as the table says them ------------------------------------------------------------ */

static uint32_t rule_hash(const struct abi_unwind_rule *r)
{
	return (uint32_t)base_hash(r, sizeof *r);
}

static void rules_rehash(struct build *b)
{
	b->n_buckets = b->n_buckets ? 2 * b->n_buckets : 1024;
	b->buckets = arena_array(b->arena, uint32_t, b->n_buckets);
	for (uint32_t i = 1; i < b->rules.n; i++) {
		uint32_t at = rule_hash(&b->rules.p[i]) & (b->n_buckets - 1);

		while (b->buckets[at])
			at = (at + 1) & (b->n_buckets - 1);
		b->buckets[at] = i;
	}
}

static uint32_t rule_number(struct build *b, const struct abi_unwind_rule *r)
{
	uint32_t at;

	if (r->kind == ABI_RULE_NONE)
		return 0;
	if (2 * b->rules.n >= b->n_buckets)
		rules_rehash(b);
	at = rule_hash(r) & (b->n_buckets - 1);
	for (; b->buckets[at]; at = (at + 1) & (b->n_buckets - 1))
		if (memcmp(&b->rules.p[b->buckets[at]], r, sizeof *r) == 0)
			return b->buckets[at];
	b->buckets[at] = b->rules.n;
	vec_push(b->arena, &b->rules, *r);
	return b->rules.n - 1;
}

/* "breg N, offset", and what follows it. */
static bool take_base(struct cursor *c, unsigned *reg, int64_t *offset)
{
	uint8_t op = (uint8_t)take(c, 1);

	*reg = (unsigned)op - DW_OP_breg0;
	*offset = take_signed_leb128(c);
	return !c->bad && op >= DW_OP_breg0 && op <= DW_OP_breg15;
}

static struct cursor expression_cursor(const struct expression *x)
{
	static const uint8_t nothing[1];
	const uint8_t *p = x->n ? x->p : nothing;

	return (struct cursor){ p, p + x->n, 0, false };
}

/* rsp + 8 + ((rip & 15) >= N) * 8: what linkers write for linkage tables; N, or 0. */
static unsigned plt_bound(const struct expression *x)
{
	static const uint8_t head[] = { DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and };
	static const uint8_t tail[] = { DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus };

	if (x->n != sizeof head + 1 + sizeof tail || memcmp(x->p, head, sizeof head) != 0 ||
	    memcmp(x->p + sizeof head + 1, tail, sizeof tail) != 0)
		return 0;
	return (unsigned)x->p[sizeof head] - DW_OP_lit0 < 16 ? x->p[sizeof head] - DW_OP_lit0 : 0;
}

static bool cfa_by_expression(const struct expression *x, struct abi_unwind_rule *r)
{
	struct cursor c = expression_cursor(x);
	unsigned reg, bound = plt_bound(x);
	int64_t offset, extra = 0;

	if (bound) {
		r->kind = ABI_RULE_PLT;
		r->offset = (int32_t)bound;
		return true;
	}
	if (!take_base(&c, &reg, &offset) || offset != (int32_t)offset)
		return false;
	r->kind = ABI_RULE_REGISTER;
	r->reg = (uint8_t)elf_register_from_dwarf(reg);
	r->offset = (int32_t)offset;
	if (c.p == c.end)
		return true;
	r->kind = ABI_RULE_LOAD;
	if (take(&c, 1) != DW_OP_deref)
		return false;
	if (c.p != c.end && take(&c, 1) == DW_OP_plus_uconst)
		extra = (int64_t)take_leb128(&c);
	r->extra = (int8_t)extra;
	return !c.bad && c.p == c.end && extra == (int8_t)extra;
}

static bool cfa_of(const struct state *s, struct abi_unwind_rule *r)
{
	if (s->cfa.p)
		return cfa_by_expression(&s->cfa, r);
	r->kind = ABI_RULE_REGISTER;
	r->offset = (int32_t)s->cfa_offset;
	if (s->cfa_register >= COLUMN_RA || s->cfa_offset != (int32_t)s->cfa_offset)
		return false;
	r->reg = (uint8_t)elf_register_from_dwarf(s->cfa_register);
	return true;
}

/* Words from the base; false if the table has no room for it. */
static bool words_of(int64_t bytes, int16_t *out)
{
	*out = (int16_t)(bytes / 8);
	return bytes % 8 == 0 && bytes / 8 == *out;
}

static bool address_of(const struct state *s, struct abi_unwind_rule *r)
{
	const struct column *c = &s->columns[COLUMN_RA];

	r->address_in = -1;
	if (c->kind == COLUMN_REGISTER && c->value < COLUMN_RA)
		r->address_in = (int8_t)elf_register_from_dwarf((unsigned)c->value);
	else if (c->kind != COLUMN_OFFSET || !words_of(c->value, &r->address))
		return false;
	return true;
}

/* Where one register is kept, if the rule has a word for it. */
static bool saved_of(const struct column *c, struct abi_unwind_rule *r, int16_t *out)
{
	struct cursor x = expression_cursor(&c->expression);
	unsigned reg;
	int64_t offset;
	int base = -1;

	if (c->kind == COLUMN_EXPRESSION) {
		if (!take_base(&x, &reg, &offset) || x.p != x.end)
			return false;
		base = elf_register_from_dwarf(reg);
	} else if (c->kind == COLUMN_OFFSET) {
		offset = c->value;
	} else {
		return false;
	}
	if (r->saved_mask && r->base != base)
		return false;
	r->base = (int8_t)base;
	return words_of(offset, out);
}

static struct abi_unwind_rule rule_of(const struct state *s, bool signal)
{
	static const uint8_t kept[ABI_SAVED] = { 3, 6, 12, 13, 14, 15 };
	static const struct abi_unwind_rule none = { .kind = ABI_RULE_NONE };
	struct abi_unwind_rule r = { .base = -1, .address_in = -1 };

	if (signal)
		return (struct abi_unwind_rule){ .kind = ABI_RULE_SIGNAL };
	if (s->columns[COLUMN_RA].kind == COLUMN_UNDEFINED)
		return (struct abi_unwind_rule){ .kind = ABI_RULE_END };
	if (!cfa_of(s, &r) || !address_of(s, &r))
		return none;
	for (uint32_t i = 0; i < ABI_SAVED; i++) {
		int16_t at = 0;

		if (!saved_of(&s->columns[kept[i]], &r, &at))
			continue;
		r.saved[i] = at;
		r.saved_mask |= (uint8_t)(1u << i);
	}
	return r;
}

/* ---- instructions ------------------------------------------------------------------------------ */

/* A run of one entry's instructions. */
struct run {
	struct build *build;
	const struct cie *cie; /* NULL: its own initial instructions are run */
	struct cie *reading;
	struct state *state;
	uint64_t at, end;
	uint32_t n_remembered;
	uint32_t first; /* row of this entry */
	uint8_t encoding;
	bool realigned; /* a row with ABI_RULE_LOAD was made */
};

/*
 * GCC's epilogues of realigned frames: behind `leave` rbp is the caller's again, but still said to be saved at
 * what it points to.
 */
static void mend_epilogue(struct run *r, struct abi_unwind_rule *rule)
{
	if (rule->kind == ABI_RULE_LOAD)
		r->realigned = true;
	else if (r->realigned && rule->kind == ABI_RULE_REGISTER && rule->base >= 0 && rule->reg != ABI_RBP)
		rule->saved_mask = 0;
}

static void row_add(struct run *r)
{
	struct build *b = r->build;
	struct abi_unwind_rule rule;
	uint32_t number;

	if (!r->cie || r->at >= r->end)
		return;
	rule = rule_of(r->state, r->cie->signal);
	mend_epilogue(r, &rule);
	number = rule_number(b, &rule);
	if (b->rows.n > r->first && b->rows.p[b->rows.n - 1].at == r->at)
		b->rows.p[b->rows.n - 1].rule = number;
	else if (b->rows.n == r->first || b->rows.p[b->rows.n - 1].rule != number)
		vec_push(b->arena, &b->rows, (struct made_row){ r->at, number });
}

static bool advance(struct run *r, uint64_t to)
{
	if (to < r->at || to > r->end)
		return false;
	if (to > r->at)
		row_add(r);
	r->at = to;
	return true;
}

static const struct cie *factors(const struct run *r)
{
	return r->cie ? r->cie : r->reading;
}

static bool advance_by(struct run *r, uint64_t units)
{
	return units < UINT32_MAX && advance(r, r->at + units * factors(r)->code_align);
}

static void set_column(struct run *r, uint64_t number, enum column_kind kind, int64_t value)
{
	if (number < COLUMNS)
		r->state->columns[number] = (struct column){ .kind = kind, .value = value };
}

static void restore_column(struct run *r, uint64_t number)
{
	if (number < COLUMNS)
		r->state->columns[number] =
			r->cie ? r->cie->initial.columns[number] : (struct column){ 0 };
}

static struct expression take_expression(struct cursor *c)
{
	struct expression x = { .n = take_leb128(c) };

	if (c->bad || x.n > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		return (struct expression){ 0 };
	}
	x.p = c->p;
	c->p += x.n;
	c->address += x.n;
	return x;
}

static int64_t factored(const struct run *r, int64_t v)
{
	return (int64_t)((uint64_t)v * (uint64_t)factors(r)->data_align);
}

static bool remember(struct run *r)
{
	if (r->n_remembered == REMEMBERED)
		return false;
	r->build->remembered[r->n_remembered++] = *r->state;
	return true;
}

static bool recall(struct run *r)
{
	if (!r->n_remembered)
		return false;
	*r->state = r->build->remembered[--r->n_remembered];
	return true;
}

static void set_cfa(struct run *r, uint64_t reg, int64_t offset)
{
	r->state->cfa = (struct expression){ 0 };
	r->state->cfa_register = (unsigned)base_min(reg, (uint64_t)COLUMNS);
	r->state->cfa_offset = offset;
}

/* Those that set the CFA; false: it is another instruction. */
static bool run_cfa(struct run *r, struct cursor *c, uint8_t op)
{
	struct state *s = r->state;
	uint64_t reg;

	switch (op) {
	case DW_CFA_def_cfa:
		reg = take_leb128(c);
		set_cfa(r, reg, (int64_t)take_leb128(c));
		return true;
	case DW_CFA_def_cfa_sf:
		reg = take_leb128(c);
		set_cfa(r, reg, factored(r, take_signed_leb128(c)));
		return true;
	case DW_CFA_def_cfa_register:
		set_cfa(r, take_leb128(c), s->cfa_offset);
		return true;
	case DW_CFA_def_cfa_offset:
		set_cfa(r, s->cfa_register, (int64_t)take_leb128(c));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		set_cfa(r, s->cfa_register, factored(r, take_signed_leb128(c)));
		return true;
	case DW_CFA_def_cfa_expression:
		s->cfa = take_expression(c);
		return true;
	default:
		return false;
	}
}

/* Those that set a column; false: it is another instruction. Exhaustive. */
static bool run_column(struct run *r, struct cursor *c, uint8_t op)
{
	uint64_t n;

	if (op < DW_CFA_offset_extended || op == DW_CFA_remember_state || op == DW_CFA_restore_state)
		return false;
	switch (op) {
	case DW_CFA_offset_extended:
		n = take_leb128(c);
		set_column(r, n, COLUMN_OFFSET, factored(r, (int64_t)take_leb128(c)));
		return true;
	case DW_CFA_offset_extended_sf:
		n = take_leb128(c);
		set_column(r, n, COLUMN_OFFSET, factored(r, take_signed_leb128(c)));
		return true;
	case DW_CFA_GNU_negative_offset_extended:
		n = take_leb128(c);
		set_column(r, n, COLUMN_OFFSET, factored(r, -(int64_t)(take_leb128(c) & INT64_MAX)));
		return true;
	case DW_CFA_restore_extended:
		restore_column(r, take_leb128(c));
		return true;
	case DW_CFA_undefined:
		set_column(r, take_leb128(c), COLUMN_UNDEFINED, 0);
		return true;
	case DW_CFA_same_value:
		set_column(r, take_leb128(c), COLUMN_SAME, 0);
		return true;
	case DW_CFA_register:
		n = take_leb128(c);
		set_column(r, n, COLUMN_REGISTER, (int64_t)take_leb128(c));
		return true;
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		set_column(r, take_leb128(c), COLUMN_OTHER, 0);
		take_leb128(c);
		return true;
	case DW_CFA_expression:
		n = take_leb128(c);
		set_column(r, n, COLUMN_EXPRESSION, 0);
		if (n < COLUMNS)
			r->state->columns[n].expression = take_expression(c);
		else
			take_expression(c);
		return true;
	case DW_CFA_val_expression:
		set_column(r, take_leb128(c), COLUMN_OTHER, 0);
		take_expression(c);
		return true;
	default:
		return false;
	}
}

static bool run_other(struct run *r, struct cursor *c, uint8_t op)
{
	if (run_cfa(r, c, op) || run_column(r, c, op))
		return true;
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		return advance(r, take_encoded(c, r->encoding, 0));
	case DW_CFA_advance_loc1:
		return advance_by(r, take(c, 1));
	case DW_CFA_advance_loc2:
		return advance_by(r, take(c, 2));
	case DW_CFA_advance_loc4:
		return advance_by(r, take(c, 4));
	case DW_CFA_remember_state:
		return remember(r);
	case DW_CFA_restore_state:
		return recall(r);
	case DW_CFA_GNU_args_size:
		take_leb128(c);
		return true;
	default:
		return false;
	}
}

/* False: not understood from some place on. */
static bool run_all(struct run *r, struct cursor c)
{
	while (c.p < c.end) {
		uint8_t op = (uint8_t)take(&c, 1);
		bool good = true;

		switch (op & 0xc0) {
		case DW_CFA_advance_loc:
			good = advance_by(r, op & 0x3f);
			break;
		case DW_CFA_offset:
			set_column(r, op & 0x3f, COLUMN_OFFSET, factored(r, (int64_t)take_leb128(&c)));
			break;
		case DW_CFA_restore:
			restore_column(r, op & 0x3f);
			break;
		default:
			good = run_other(r, &c, op);
			break;
		}
		if (!good || c.bad)
			return false;
	}
	return true;
}

/* ---- entries ------------------------------------------------------------------------------------- */

static bool read_augmentation(struct cursor *c, const char *letters, struct cie *out)
{
	if (!*letters)
		return true;
	if (*letters != 'z')
		return false;
	out->augmented = true;
	take_leb128(c);
	for (const char *l = letters + 1; *l && !c->bad; l++) {
		if (*l == 'R')
			out->encoding = (uint8_t)take(c, 1);
		else if (*l == 'L')
			take(c, 1);
		else if (*l == 'P')
			take_encoded(c, (uint8_t)take(c, 1) & 0x0f, 0);
		else if (*l == 'S')
			out->signal = true;
		else if (*l != 'B')
			return false;
	}
	return true;
}

static void read_letters(struct cursor *c, char letters[8])
{
	for (unsigned i = 0; i < 8; i++) {
		letters[i] = (char)take(c, 1);
		if (!letters[i])
			return;
	}
	c->bad = true;
	letters[7] = 0;
}

static struct cursor section_cursor(const struct cfi_section *s, uint64_t address)
{
	uint64_t at = address - s->address;

	if (at >= (uint64_t)(s->end - s->start))
		return (struct cursor){ .bad = true };
	return (struct cursor){ s->start + at, s->end, address, false };
}

static bool skip_to(struct cursor *c, uint64_t address)
{
	if (address < c->address || address - c->address > (uint64_t)(c->end - c->p))
		return false;
	c->p += address - c->address;
	c->address = address;
	return true;
}

static void cie_read(struct build *b, const struct cfi_section *s, uint64_t address, struct cie *out)
{
	struct cursor c = section_cursor(s, address);
	struct run r = { .build = b, .reading = out, .state = &out->initial };
	uint64_t id = s->eh ? 0 : UINT32_MAX;
	uint64_t data_size = 0, data = 0;
	char letters[8];
	uint8_t version;

	out->encoding = DW_EH_PE_absptr;
	if (!take_length(&c) || take(&c, 4) != id)
		return;
	version = (uint8_t)take(&c, 1);
	read_letters(&c, letters);
	if (version >= 4 && (take(&c, 1) != 8 || take(&c, 1) != 0))
		return;
	out->code_align = take_leb128(&c);
	out->data_align = take_signed_leb128(&c);
	if ((version == 1 ? take(&c, 1) : take_leb128(&c)) != COLUMN_RA)
		return;
	if (letters[0] == 'z') { /* its length tells where the instructions are */
		struct cursor ahead = c;

		data_size = take_leb128(&ahead);
		data = ahead.address;
	}
	if (c.bad || !read_augmentation(&c, letters, out) || c.bad)
		return;
	if (data && !skip_to(&c, data + data_size))
		return;
	r.encoding = out->encoding;
	out->good = run_all(&r, c);
}

static const struct cie *cie_at(struct build *b, const struct cfi_section *s, uint64_t address)
{
	uint64_t key = address << 1 | s->eh;
	struct cie *known = map_find_u64(b->cies, key);

	if (!known) {
		known = arena_new(b->arena, struct cie);
		cie_read(b, s, address, known);
		map_put_u64(b->cies, key, known);
	}
	return known->good ? known : NULL;
}

static void fde_read(struct build *b, struct cursor c, const struct cie *cie)
{
	struct state state = cie->initial;
	struct run r = { .build = b, .cie = cie, .state = &state, .first = b->rows.n, .encoding = cie->encoding };
	struct entry e = { .first = b->rows.n, .order = b->entries.n };
	uint64_t size;

	if (cie->encoding & DW_EH_PE_indirect)
		return;
	r.at = e.start = take_encoded(&c, cie->encoding, 0);
	r.end = e.end = e.start + take_encoded(&c, cie->encoding & 0x0f, 0);
	if (cie->augmented) {
		size = take_leb128(&c);
		if (c.bad || size > (uint64_t)(c.end - c.p))
			return;
		c.p += size;
		c.address += size;
	}
	if (c.bad || e.end <= e.start || e.start < b->low || e.end > b->high)
		return;
	if (!run_all(&r, c)) {
		memset(&state, 0, sizeof state); /* what follows is not known */
		state.cfa_register = COLUMNS;
	}
	row_add(&r);
	e.n = b->rows.n - e.first;
	vec_push(b->arena, &b->entries, e);
}

static void section_read(struct build *b, const struct cfi_section *s)
{
	struct cursor all = { s->start, s->end, s->address, false };

	while (all.p < all.end) {
		struct cursor c = all;
		const struct cie *cie;
		uint64_t length = take_length(&c), here, id;

		if (c.bad || (!length && s->eh))
			return;
		all.address = c.address + (uint64_t)(c.end - c.p);
		all.p = c.end;
		here = c.address;
		id = take(&c, 4);
		if (c.bad || id == (s->eh ? 0 : UINT32_MAX))
			continue;
		cie = cie_at(b, s, s->eh ? here - id : id);
		if (cie)
			fde_read(b, c, cie);
	}
}

/* ---- the code ---------------------------------------------------------------------------------------- */

static void find_text(const struct elf_file *f, struct build *b)
{
	b->low = UINT64_MAX;
	b->high = 0;
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (!s->executable)
			continue;
		b->low = base_min(b->low, s->address);
		b->high = base_max(b->high, s->address + s->memory_size);
	}
}

/*
 * What called main is the C library's matter, and the same in every stack: the walk ends there, as that of
 * debuggers does.
 */
static void end_at(struct build *b, const struct elf_file *f, const struct elf_symbol *s)
{
	static const struct abi_unwind_rule end = { .kind = ABI_RULE_END };
	struct entry e = { .first = b->rows.n, .n = 1, .order = b->entries.n };

	if (!s || !s->is_function || !s->size || s->address < b->low || s->size > b->high - s->address ||
	    (f->is_shared && !f->is_pie))
		return;
	e.start = s->address;
	e.end = s->address + s->size;
	vec_push(b->arena, &b->rows, (struct made_row){ e.start, rule_number(b, &end) });
	vec_push(b->arena, &b->entries, e);
}

static void end_at_main(struct build *b, struct elf_file *f)
{
	static const char *const names[] = { "main", "main.cold" };
	struct elf_debug *d = elf_debug_file_of(f);
	struct elf_file *apart = NULL;

	if (d && strcmp(d->path, f->path) != 0 && elf_open(private_of(f)->cache, d->path, &apart))
		apart = NULL;
	for (size_t i = 0; i < base_count(names); i++) {
		const struct elf_symbol *s = elf_symbol_find(f, names[i]);

		end_at(b, f, s || !apart ? s : elf_symbol_find(apart, names[i]));
	}
}

/* ---- the table --------------------------------------------------------------------------------------- */

static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Rows behind each other; where entries overlap the first one counts. */
struct writer {
	struct abi_unwind_row *rows;
	uint32_t n;
	uint64_t text, done;
};

static void write_row(struct writer *w, uint64_t at, uint32_t rule)
{
	uint32_t offset = (uint32_t)(at - w->text);

	if (w->n && w->rows[w->n - 1].at == offset)
		w->n--;
	if (w->n && w->rows[w->n - 1].rule == rule)
		return;
	w->rows[w->n++] = (struct abi_unwind_row){ offset, rule };
}

static void write_entry(struct writer *w, const struct build *b, const struct entry *e)
{
	const struct made_row *rows = b->rows.p + e->first;

	if (e->end <= w->done)
		return;
	if (e->start > w->done)
		write_row(w, w->done, 0);
	for (uint32_t i = 0; i < e->n; i++) {
		uint64_t until = i + 1 < e->n ? rows[i + 1].at : e->end;

		if (until > w->done)
			write_row(w, base_max(rows[i].at, w->done), rows[i].rule);
	}
	w->done = e->end;
}

static void write_blocks(uint32_t *blocks, uint32_t n_blocks, const struct abi_unwind_row *rows, uint32_t n)
{
	uint32_t row = 0;

	for (uint32_t i = 0; i < n_blocks; i++) {
		while (row < n && rows[row].at < (uint64_t)i << ABI_BLOCK_SHIFT)
			row++;
		blocks[i] = row;
	}
}

static const struct abi_unwind_table *lay_out(struct arena *a, const struct build *b, const struct writer *w)
{
	uint32_t n_blocks = (w->rows[w->n - 1].at >> ABI_BLOCK_SHIFT) + 2;
	struct abi_unwind_table head = { .text = b->low, .n_rows = w->n, .n_rules = b->rules.n, .n_blocks = n_blocks };
	uint64_t at = sizeof head;
	uint8_t *out;

	head.rules = (uint32_t)at;
	at += (uint64_t)head.n_rules * sizeof(struct abi_unwind_rule);
	head.rows = (uint32_t)at;
	at += (uint64_t)head.n_rows * sizeof(struct abi_unwind_row);
	head.blocks = (uint32_t)at;
	at += (uint64_t)n_blocks * sizeof(uint32_t);
	head.size = base_align(at, (uint64_t)8);
	if (head.size > UINT32_MAX)
		return NULL;
	out = arena_alloc(a, head.size);
	memcpy(out, &head, sizeof head);
	memcpy(out + head.rules, b->rules.p, (size_t)head.n_rules * sizeof *b->rules.p);
	memcpy(out + head.rows, w->rows, (size_t)head.n_rows * sizeof *w->rows);
	write_blocks((uint32_t *)(void *)(out + head.blocks), n_blocks, w->rows, w->n);
	return (const void *)out;
}

static const struct abi_unwind_table *build_table(struct arena *a, struct build *b)
{
	struct writer w = { .text = b->low, .done = b->low };

	if (!b->entries.n)
		return NULL;
	qsort(b->entries.p, b->entries.n, sizeof *b->entries.p, compare_entries);
	w.rows = arena_array(b->arena, struct abi_unwind_row, b->rows.n + 2 * (size_t)b->entries.n + 2);
	vec_each(e, &b->entries)
		write_entry(&w, b, e);
	write_row(&w, w.done, 0);
	return w.n ? lay_out(a, b, &w) : NULL;
}

static const void *make_table(struct arena *a, struct elf_file *f)
{
	struct arena *scratch = arena_create();
	struct build *b = arena_new(scratch, struct build);
	const struct abi_unwind_table *out = NULL;
	struct cfi_section s;

	b->arena = scratch;
	b->cies = map_create(scratch);
	vec_push(scratch, &b->rules, (struct abi_unwind_rule){ .kind = ABI_RULE_NONE });
	find_text(f, b);
	if (b->high > b->low && b->high - b->low < UINT32_MAX) {
		end_at_main(b, f);
		if (elf_eh_frame(f, &s))
			section_read(b, &s);
		if (elf_debug_frame(f, &s))
			section_read(b, &s);
		out = build_table(a, b);
	}
	arena_destroy(scratch);
	return out;
}

const struct abi_unwind_table *elf_unwind_table(struct arena *a, struct elf_file *f)
{
	return elf_table_kept(a, f, KEPT_UNWIND, make_table);
}

const struct abi_unwind_table *elf_unwind_table_of(struct arena *a, struct elf_file *f, const struct elf_unwind_piece *p,
						   uint32_t n)
{
	struct arena *scratch = arena_create();
	struct build *b = arena_new(scratch, struct build);
	const struct abi_unwind_table *out = NULL;
	struct writer w;

	b->arena = scratch;
	vec_push(scratch, &b->rules, (struct abi_unwind_rule){ .kind = ABI_RULE_NONE });
	find_text(f, b);
	w = (struct writer){ .rows = arena_array(scratch, struct abi_unwind_row, (size_t)n + 1), .text = b->low };
	for (uint32_t i = 0; i < n; i++)
		if (p[i].start >= b->low && p[i].start - b->low < UINT32_MAX)
			write_row(&w, p[i].start, rule_number(b, &p[i].rule));
	if (w.n)
		out = lay_out(a, b, &w);
	arena_destroy(scratch);
	return out;
}

uint8_t elf_unwind_kind_at(const struct abi_unwind_table *t, uint64_t address)
{
	const struct abi_unwind_rule *rules = (const void *)((const uint8_t *)t + (t ? t->rules : 0));
	const struct abi_unwind_row *rows = (const void *)((const uint8_t *)t + (t ? t->rows : 0));
	uint64_t offset = t ? address - t->text : 0;
	uint32_t behind = base_bound(i, 0, t ? t->n_rows : 0, rows[i].at <= offset);

	return behind ? rules[rows[behind - 1].rule].kind : ABI_RULE_NONE;
}
