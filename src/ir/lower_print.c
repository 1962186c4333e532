/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering of the print family.
 *
 * Every print becomes one format of literal texts and conversions, and an
 * array of arguments.  What is constant goes into the format: the ring then
 * carries only what varies.
 */
#include "ir/build.h"

#include <stddef.h>
#include <string.h>

struct format_build {
	struct build *build;
	VEC(struct format_part) parts;
	struct expr_list args; /* those that are not constant */
	struct buf literal; /* run of text not yet a part */
};

static void flush(struct format_build *f)
{
	struct arena *a = f->build->lower->arena;

	if (!f->literal.n)
		return;
	vec_push(a, &f->parts,
		 (struct format_part){ .text = arena_strndup(a, f->literal.p, f->literal.n),
				       .text_length = (uint32_t)f->literal.n });
	f->literal.n = 0;
}

static void add_text(struct format_build *f, const char *text, uint32_t length)
{
	if (length)
		buf_add(&f->literal, text, length);
}

static void add_conversion(struct format_build *f, struct format_part part)
{
	flush(f);
	if (part.conversion == 'i')
		part.conversion = 'd';
	part.text = NULL;
	part.text_length = 0;
	vec_push(f->build->lower->arena, &f->parts, part);
}

static void add_argument(struct format_build *f, struct expr *e)
{
	vec_push(f->build->lower->arena, &f->args.list, e);
}

/* A literal that no buffer would cut is part of the format. */
static bool is_constant(const struct format_build *f, const struct expr *e)
{
	return e->kind == EXPR_STRING && e->string.length < f->build->lower->limits->max_string;
}

static void add_value(struct format_build *f, struct expr *e)
{
	if (is_constant(f, e)) {
		add_text(f, e->string.text, e->string.length);
		return;
	}
	add_conversion(f, (struct format_part){ .conversion = e->type == TYPE_STRING ? 's' : 'd' });
	add_argument(f, e);
}

static bool is_plain_string(const struct format_part *p)
{
	return p->conversion == 's' && !p->flag && !p->has_width && !p->has_precision &&
	       !p->star_width && !p->star_precision;
}

static void add_printf(struct format_build *f, const struct expr *e)
{
	uint32_t next = 0, n = e->print.args.list.n;

	for (uint32_t i = 0; i < e->print.n_parts; i++) {
		const struct format_part *p = &e->print.parts[i];
		uint32_t takes = 1u + p->star_width + p->star_precision;

		if (!p->conversion) {
			add_text(f, p->text, p->text_length);
			continue;
		}
		if (is_plain_string(p) && next < n && is_constant(f, e->print.args.list.p[next])) {
			add_value(f, e->print.args.list.p[next++]);
			continue;
		}
		add_conversion(f, *p);
		for (; takes && next < n; takes--)
			add_argument(f, e->print.args.list.p[next++]);
	}
}

static void add_values(struct format_build *f, const struct expr *e)
{
	bool delimited = e->print.print == PRINT_PRINTD || e->print.print == PRINT_PRINTDLN;

	for (uint32_t i = 0; i < e->print.args.list.n; i++) {
		if (i && delimited)
			add_text(f, e->print.delimiter, e->print.delimiter_length);
		add_value(f, e->print.args.list.p[i]);
	}
	if (e->print.print == PRINT_PRINTLN || e->print.print == PRINT_PRINTDLN)
		add_text(f, "\n", 1);
}

static void collect(struct format_build *f, const struct expr *e)
{
	if (e->print.print == PRINT_PRINTF) {
		add_printf(f, e);
	} else if (e->print.print == PRINT_CHAR) {
		add_conversion(f, (struct format_part){ .conversion = 'c' });
		add_argument(f, e->print.args.list.p[0]);
	} else {
		add_values(f, e);
	}
	flush(f);
}

static uint32_t number_of(struct format_build *f)
{
	struct ir_format format = { .parts = f->parts.p,
				    .n_parts = f->parts.n,
				    .n_args = f->args.list.n };

	for (uint32_t i = 0; i < f->args.list.n; i++)
		if (f->args.list.p[i]->type == TYPE_STRING)
			format.string_args |= 1ull << (i & 63);
	return ir_format_number(f->build->lower, &format);
}

/* Address of the array of evaluated arguments. */
static uint32_t argument_array(struct format_build *f)
{
	struct build *b = f->build;
	uint32_t *values = arena_array(b->lower->arena, uint32_t, f->args.list.n), at;

	for (uint32_t i = 0; i < f->args.list.n; i++) {
		const struct expr *e = f->args.list.p[i];

		values[i] = ir_hold_list(b, ir_lower_value(b, e), e, &f->args, i + 1);
	}
	if (!f->args.list.n)
		return ir_emit_const(b, 0);
	at = ir_emit_number(b, IR_FRAME, ir_frame_take(b, f->args.list.n * 8));
	for (uint32_t i = 0; i < f->args.list.n; i++)
		ir_emit_store(b, at, i * 8, values[i], 8);
	return at;
}

static bool reads_memory(const struct format_build *f)
{
	vec_each(p, &f->parts)
		if (p->conversion == 'm' || p->conversion == 'M')
			return true;
	return false;
}

/* ---- histograms ----------------------------------------------------------------- */

static const struct expr *histogram(const struct expr *e)
{
	if (e->print.print == PRINT_PRINTF || e->print.args.list.n != 1)
		return NULL;
	return e->print.args.list.p[0]->kind == EXPR_HIST ? e->print.args.list.p[0] : NULL;
}

static void append_newline(struct build *b, uint32_t buffer)
{
	uint32_t newline = ir_emit_number(b, IR_STRING, ir_string_number(b->lower, "\n", 1));

	ir_emit_effect(b, "rt_str_concat", 3, buffer, newline, buffer);
}

static void print_histogram(struct build *b, const struct expr *e, const struct expr *hist,
			    uint32_t buffer)
{
	const struct expr *of = hist->hist.of;
	const struct expr *base = of->kind == EXPR_INDEX ? of->index.base : of;
	bool line = e->print.print == PRINT_PRINTLN;
	uint32_t at, desc, kind;

	if (!ir_is_statistic(of)) {
		ir_lower_unsupported(b, e);
		return;
	}
	at = ir_statistic_address(b, of);
	desc = ir_emit_number(b, IR_STATDESC, base->symbol.variable->index);
	kind = ir_emit_const(b, hist->hist.hist);
	if (e->print.to_string)
		ir_emit_effect(b, "rt_sprint_hist", 4, desc, kind, at, buffer);
	else
		ir_emit_effect(b, "rt_print_hist", 4, ir_emit_const(b, line), desc, kind, at);
	ir_emit_check(b, base->token);
	if (e->print.to_string && line)
		append_newline(b, buffer);
}

/* buffer: where s... functions write. */
static void lower_plain(struct build *b, const struct expr *e, uint32_t buffer)
{
	const struct expr *hist = histogram(e);
	struct format_build f = { .build = b };
	uint32_t number, args, format;

	if (hist) {
		print_histogram(b, e, hist, buffer);
		return;
	}
	buf_init(&f.literal, b->lower->arena);
	collect(&f, e);
	number = number_of(&f);
	args = argument_array(&f);
	format = ir_emit_number(b, IR_FORMAT, number);
	if (e->print.to_string)
		ir_emit_effect(b, "rt_sprint", 3, format, args, buffer);
	else
		ir_emit_effect(b, "rt_print", 3, ir_emit_const(b, number), format, args);
	if (reads_memory(&f)) {
		ir_emit_check(b, e->token);
		b->function.reads_memory = true;
	}
}

/* An error on the way there makes it another text, unless it cannot be caught. */
static void lower_rescued(struct build *b, const struct expr *e, uint32_t buffer)
{
	uint32_t caught = ir_block_cold(b), end = ir_block_new(b), on_error = b->on_error;
	uint32_t number = ir_string_number(b->lower, e->print.rescue, (uint32_t)strlen(e->print.rescue));
	bool in_try = b->in_try, cold = b->cold;
	uint32_t take, error;

	b->on_error = caught;
	b->in_try = true;
	lower_plain(b, e, buffer);
	b->on_error = on_error;
	b->in_try = in_try;
	ir_emit_jump(b, end);
	b->cold = true;
	ir_block_open(b, caught);
	take = ir_block_cold(b);
	error = ir_emit_member(b, IR_SLOT, offsetof(struct abi_slot, error), 4);
	ir_emit_branch(b, ir_emit_with(b, IR_EQ, error, ABI_ERROR_FATAL), b->on_error, take);
	ir_block_open(b, take);
	ir_emit_effect(b, "rt_catch", 1, buffer);
	ir_emit_effect(b, "rt_str_copy", 2, ir_emit_number(b, IR_STRING, number), buffer);
	b->cold = cold;
	ir_emit_jump(b, end);
	ir_block_open(b, end);
}

void ir_lower_print(struct build *b, const struct expr *e, uint32_t buffer)
{
	if (e->print.rescue && e->print.to_string)
		lower_rescued(b, e, buffer);
	else
		lower_plain(b, e, buffer);
}
