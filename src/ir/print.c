/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a module: what -p3 shows and golden tests compare.
 *
 *	global 0 c: long, sharded
 *	string 0 "x"
 *	format 0 "%d\n"
 *	position 1 identifier 'x' at <input>:1:2
 *	probe 0 begin: function 0
 *
 *	function 0 "probe 0": handler, tool
 *	.0:
 *		r0 = const 1
 *		store.8 [r1 + 0], r0
 *		return
 */
#include "abi/abi.h"
#include "ir/op.h"

#include <inttypes.h>

/* ---- tables --------------------------------------------------------------------- */

static const char *const share_names[] = {
	[ABI_SHARE_TOOL] = "tool", [ABI_SHARE_LOCKED] = "locked", [ABI_SHARE_SHARDED] = "sharded",
};
static const char *const kind_names[] = {
	[ABI_VALUE_LONG] = "long", [ABI_VALUE_STRING] = "string", [ABI_VALUE_STAT] = "statistic",
};
static const struct {
	uint32_t bit;
	const char *name;
} keep_names[] = {
	{ ABI_KEEP_COUNT, "count" }, { ABI_KEEP_SUM, "sum" }, { ABI_KEEP_MIN, "min" },
	{ ABI_KEEP_MAX, "max" }, { ABI_KEEP_VARIANCE, "variance" }, { ABI_KEEP_LOG, "hist_log" },
	{ ABI_KEEP_LINEAR, "hist_linear" },
};

static void print_keys(struct buf *to, const struct ir_global *g)
{
	buf_addc(to, '[');
	for (uint32_t i = 0; i < g->n_keys; i++)
		buf_addf(to, "%s%s", i ? ", " : "", g->string_keys >> i & 1 ? "string" : "long");
	buf_addf(to, "] of %" PRIu64 "%s", g->capacity, g->wraps ? " wrapping" : "");
}

static void print_global(struct buf *to, const struct ir_module *m, uint32_t i)
{
	const struct ir_global *g = &m->globals.p[i];

	buf_addf(to, "global %u %s: %s", i, g->name, kind_names[g->value_kind]);
	if (g->is_map)
		print_keys(to, g);
	buf_addf(to, ", %s", share_names[g->share]);
	for (size_t k = 0; k < base_count(keep_names); k++)
		if (g->keep & keep_names[k].bit)
			buf_addf(to, ", %s", keep_names[k].name);
	if (g->keep & ABI_KEEP_LINEAR)
		buf_addf(to, " %" PRId64 "..%" PRId64 " by %" PRId64, g->low, g->high, g->step);
	if (g->keep & ABI_KEEP_VARIANCE && g->shift)
		buf_addf(to, ", shift %" PRId64, g->shift);
	if (g->init_string)
		buf_addf(to, " = %s", lang_quote(m->arena, g->init_string, g->init_length));
	else if (g->init_long)
		buf_addf(to, " = %" PRId64, g->init_long);
	buf_addc(to, '\n');
}

static void print_conversion(struct buf *text, const struct format_part *p)
{
	buf_addc(text, '%');
	if (p->flag)
		buf_addc(text, p->flag);
	if (p->star_width)
		buf_addc(text, '*');
	else if (p->has_width)
		buf_addf(text, "%d", p->width);
	if (p->star_precision)
		buf_adds(text, ".*");
	else if (p->has_precision)
		buf_addf(text, ".%d", p->precision);
	buf_addc(text, p->conversion);
}

static void print_format(struct buf *to, const struct ir_module *m, uint32_t i)
{
	const struct ir_format *f = &m->formats[i];
	struct buf text;

	buf_init(&text, m->arena);
	for (uint32_t k = 0; k < f->n_parts; k++) {
		const struct format_part *p = &f->parts[k];

		if (p->conversion)
			print_conversion(&text, p);
		for (uint32_t c = 0; !p->conversion && c < p->text_length; c++) {
			if (p->text[c] == '%')
				buf_addc(&text, '%');
			buf_addc(&text, p->text[c]);
		}
	}
	buf_addf(to, "format %u %s\n", i, lang_quote(m->arena, buf_str(&text), (uint32_t)text.n));
}

static void print_tables(struct buf *to, const struct ir_module *m)
{
	for (uint32_t i = 0; i < m->globals.n; i++)
		print_global(to, m, i);
	for (uint32_t i = 0; i < m->strings.n; i++)
		buf_addf(to, "string %u %s\n", i,
			 lang_quote(m->arena, m->strings.p[i].text, m->strings.p[i].length));
	for (uint32_t i = 0; i < m->n_formats; i++)
		print_format(to, m, i);
	for (uint32_t i = 1; i < m->positions.n; i++)
		buf_addf(to, "position %u %s\n", i, m->positions.p[i]);
	for (uint32_t i = 0; i < m->probes.n; i++) {
		const struct ir_probe *p = &m->probes.p[i];

		buf_addf(to, "probe %u %s: ", i, p->probe && p->probe->name ? p->probe->name : "?");
		if (p->function == IR_NONE)
			buf_adds(to, "nothing\n");
		else
			buf_addf(to, "function %u\n", p->function);
	}
}

/* ---- instructions --------------------------------------------------------------- */

static void print_args(struct buf *to, const struct ir_ins *ins)
{
	buf_addc(to, '(');
	for (uint32_t i = 0; i < ins->n_args; i++)
		buf_addf(to, "%sr%u", i ? ", " : "", ins->args[i]);
	buf_addc(to, ')');
}

static void print_call(struct buf *to, const struct ir_module *m, const struct ir_ins *ins)
{
	if (ins->op == IR_CALL)
		buf_addf(to, "call%s %s", ins->flags & IR_PURE ? ".pure" : "", ins->name);
	else if (ins->i >= 0 && ins->i < m->functions.n)
		buf_addf(to, "callf %s", m->functions.p[ins->i]->name);
	else
		buf_addf(to, "callf %" PRId64, ins->i);
	print_args(to, ins);
	if (ins->op == IR_CALLF && ins->t)
		buf_addf(to, " at %u", ins->t);
}

/* Operations whose parts read better in another order than that of their shape. */
static bool print_special(struct buf *to, const struct ir_module *m, const struct ir_ins *ins)
{
	switch (ins->op) {
	case IR_CALL:
	case IR_CALLF:
		print_call(to, m, ins);
		return true;
	case IR_LOAD:
		buf_addf(to, "load.%u [r%u + %" PRId64 "]", ins->size, ins->a, ins->i);
		return true;
	case IR_STORE:
		buf_addf(to, "store.%u [r%u + %" PRId64 "], r%u", ins->size, ins->a, ins->i,
			 ins->b);
		return true;
	case IR_SLOT:
	case IR_REGION:
		buf_addf(to, "%s.%u %" PRId64, ir_op_text(ins->op), ins->size, ins->i);
		return true;
	case IR_SHARDADD:
		buf_addf(to, "shardadd [%u + %" PRId64 "], r%u", ins->t, ins->i, ins->a);
		return true;
	default:
		return false;
	}
}

static void print_ins(struct buf *to, const struct ir_module *m, const struct ir_ins *ins)
{
	uint32_t shape = ir_op_shape(ins->op);
	const char *separator = " ";

	buf_addc(to, '\t');
	if (shape & IR_HAS_D && ins->d != IR_NONE)
		buf_addf(to, "r%u = ", ins->d);
	if (print_special(to, m, ins)) {
		buf_addc(to, '\n');
		return;
	}
	buf_adds(to, ir_op_text(ins->op));
	if (shape & IR_HAS_A && ins->a != IR_NONE) {
		buf_addf(to, "%sr%u", separator, ins->a);
		separator = ", ";
	}
	if (shape & IR_HAS_B)
		buf_addf(to, ", r%u", ins->b);
	if (shape & IR_HAS_I) {
		buf_addf(to, "%s%" PRId64, separator, ins->i);
		separator = ", ";
	}
	if (shape & IR_HAS_T)
		buf_addf(to, "%s.%u", separator, ins->t);
	if (shape & IR_HAS_F)
		buf_addf(to, ", .%u", ins->f);
	buf_addc(to, '\n');
}

static void print_locks(struct buf *to, const struct ir_function *f)
{
	for (uint32_t i = 0; i < f->locks.n; i++)
		buf_addf(to, "%s%u%s", i ? ", " : "; locks ", f->locks.p[i] & 0x7fffffffu,
			 f->locks.p[i] >> 31 ? " write" : " read");
}

void ir_print_function(struct buf *to, const struct ir_module *m, const struct ir_function *f)
{
	buf_addf(to, "\"%s\": %s, %s", f->name, f->is_handler ? "handler" : "function",
		 f->context == CONTEXT_TOOL ? "tool" : "target");
	if (f->n_parameters)
		buf_addf(to, "; parameters %u", f->n_parameters);
	if (f->frame_size)
		buf_addf(to, "; frame %u", f->frame_size);
	print_locks(to, f);
	if (f->is_recursive)
		buf_adds(to, "; recursive");
	if (f->reads_memory)
		buf_adds(to, "; reads memory");
	buf_addc(to, '\n');
	for (uint32_t i = 0; i < f->blocks.n; i++) {
		buf_addf(to, ".%u:%s\n", i, f->blocks.p[i].cold ? " cold" : "");
		vec_each(ins, &f->blocks.p[i].ins)
			print_ins(to, m, ins);
	}
}

void ir_print(FILE *to, const struct ir_module *m)
{
	struct buf text;

	buf_init(&text, m->arena);
	print_tables(&text, m);
	for (uint32_t i = 0; i < m->functions.n; i++) {
		buf_addf(&text, "\nfunction %u ", i);
		ir_print_function(&text, m, m->functions.p[i]);
	}
	fwrite(buf_str(&text), 1, text.n, to);
}
