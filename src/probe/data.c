/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.data(ADDRESS|"SYMBOL")[.length(N)].write, .rw: a watchpoint, by a debug register of the
 * processor: threads that write, or access, the bytes.
 *
 * An address inside the file's segments is one of the file, as for .statement(ADDRESS); any
 * other is one of the process (of its heap, say). $before and $after are the value at the last
 * access and now.
 */
#include <inttypes.h>
#include <string.h>

#include "probe/function.h"
#include "probe/variable.h"

#define LONGEST 8u

static const struct point_component *tail_of(const struct process_query *q, uint32_t i)
{
	return &q->point->components.p[q->tail + i];
}

static bool is_in_file(const struct elf_file *f, uint64_t address)
{
	for (uint32_t i = 0; i < f->n_segments; i++)
		if (address - f->segments[i].address < f->segments[i].memory_size)
			return true;
	return false;
}

/* False after an error, or silently when this file has no such symbol. */
static bool symbol_find(struct process_query *q, const struct process_module *m, const char *name,
			uint64_t *address, uint64_t *size)
{
	const struct elf_symbol *s = elf_symbol_find(m->file, name);

	q->wanted = (struct process_wanted){ name, "variable", "variables" };
	if (!s || s->is_function)
		return false;
	*address = s->address;
	*size = s->size;
	return true;
}

/* A debug register covers 1, 2, 4 or 8 bytes; others are rounded up, as far as that goes. */
static uint64_t rounded(uint64_t length)
{
	uint64_t n = 1;

	while (n < length && n < LONGEST)
		n *= 2;
	return n;
}

/* Without .length the symbol's size. */
static bool length_find(struct process_query *q, uint64_t address, uint64_t size, uint64_t *out)
{
	const struct point_component *c = tail_of(q, 1);
	bool given = strcmp(c->name, "length") == 0;
	uint64_t wanted = given ? (uint64_t)c->argument->number.value : size ? size : LONGEST;

	*out = rounded(wanted);
	if (*out != wanted)
		process_warn(q, c->span,
			     arena_printf(q->resolver->arena,
					  "%" PRIu64 " bytes cannot be watched by a debug register: %" PRIu64 " are",
					  wanted, *out));
	if (address % *out == 0)
		return true;
	process_error(q, DIAG_WATCH, tail_of(q, 0)->span,
		      "0x%" PRIx64 " is no multiple of the length, %" PRIu64, address, *out);
	return false;
}

/* As pp() shows it. */
static const char *tail_text(const struct process_query *q, uint64_t address, uint64_t length)
{
	const struct point_component *what = tail_of(q, 0),
				     *last = &q->point->components.p[q->point->components.n - 1];
	struct arena *a = q->resolver->arena;
	const char *text = what->argument->kind == EXPR_STRING ?
				   arena_printf(a, "\"%s\"", what->argument->string.text) :
				   arena_printf(a, "0x%" PRIx64, address);

	return arena_printf(a, ".data(%s).length(%" PRIu64 ").%s", text, length, last->name);
}

bool process_data_resolve(struct process_query *q, const struct process_module *m)
{
	const struct point_component *what = tail_of(q, 0),
				     *last = &q->point->components.p[q->point->components.n - 1];
	uint64_t address, size = 0, length;
	bool by_name = what->argument->kind == EXPR_STRING;
	struct elf_variable v;
	struct elf_location where;
	struct sema_site *site;

	if (!by_name)
		address = (uint64_t)what->argument->number.value;
	else if (!symbol_find(q, m, what->argument->string.text, &address, &size))
		return true;
	if (!length_find(q, address, size, &length))
		return false;
	site = process_site_add(q, m, address, tail_text(q, address, length));
	site->flags = SITE_WATCH | (is_in_file(m->file, address) ? 0 : SITE_ABSOLUTE);
	site->mark = by_name ? what->argument->string.text : NULL;
	site->watch_length = (uint32_t)length;
	site->watch_reads = strcmp(last->name, "rw") == 0;
	site->watch_signed = by_name && elf_global_find(m->file, what->argument->string.text, NULL, &v, &where) &&
			     v.type && v.type->is_signed;
	q->type = "hardware_data_breakpoint";
	return true;
}

/* ---- $before, $after ---------------------------------------------------------------------- */

static struct expr *value_at(struct sema_resolver *r, const struct expr *target, int64_t displacement)
{
	struct expr *e = lang_expr_new(r->arena, EXPR_TARGET, target->span);

	e->token = target->token;
	e->type = TYPE_LONG;
	e->target.name = target->target.name;
	e->target.operand = arena_new(r->arena, struct sema_operand);
	*e->target.operand = (struct sema_operand){ .kind = OPERAND_ENTRY,
						    .size = 8,
						    .base = -1,
						    .index = -1,
						    .type = TYPE_LONG,
						    .displacement = displacement };
	return e;
}

struct expr *process_data_variable(struct sema_resolver *r, const struct sema_site *site, struct expr *target,
				   bool probing)
{
	int64_t unused = 64 - 8 * (int64_t)site->watch_length;
	bool before = strcmp(target->target.name, "$before") == 0;
	struct expr *e;

	if (!before && strcmp(target->target.name, "$after") != 0) {
		if (!probing)
			diag_add(r->diags, DIAG_VARIABLE_UNKNOWN, target->token,
				 "unable to find '%s': a watchpoint has $before and $after", target->target.name + 1);
		return NULL;
	}
	e = value_at(r, target, before ? PROCESS_WATCH_BEFORE : PROCESS_WATCH_AFTER);
	if (!site->watch_signed || !unused)
		return e;
	e = probe_expr_binary(r, target, OP_SHL, e, probe_expr_number(r, target, unused));
	return probe_expr_binary(r, target, OP_SHR, e, probe_expr_number(r, target, unused));
}
