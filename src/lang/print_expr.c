/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions back to text: every operand in parentheses, so that the reading is plain. */
#include "lang/lang.h"

#include <inttypes.h>

static const char *const op_texts[] = {
	[OP_NONE] = "", [OP_ADD] = "+", [OP_SUB] = "-", [OP_MUL] = "*", [OP_DIV] = "/",
	[OP_MOD] = "%", [OP_AND] = "&", [OP_OR] = "|", [OP_XOR] = "^", [OP_SHL] = "<<",
	[OP_SHR] = ">>", [OP_USHR] = ">>>", [OP_CONCAT] = ".", [OP_EQ] = "==", [OP_NE] = "!=",
	[OP_LT] = "<", [OP_GT] = ">", [OP_LE] = "<=", [OP_GE] = ">=", [OP_LOGICAL_AND] = "&&",
	[OP_LOGICAL_OR] = "||", [OP_NEG] = "-", [OP_PLUS] = "+", [OP_NOT] = "!",
	[OP_COMPLEMENT] = "~", [OP_ASSIGN] = "=", [OP_AGGREGATE] = "<<<",
};

const char *lang_op_text(enum lang_op op)
{
	return op_texts[op];
}

const char *lang_type_name(enum lang_type t)
{
	static const char *const names[] = {
		[TYPE_UNKNOWN] = "unknown", [TYPE_LONG] = "long", [TYPE_STRING] = "string",
		[TYPE_STATS] = "stats",
	};

	return names[t];
}

const char *lang_stat_name(enum stat_op op)
{
	static const char *const names[] = {
		[STAT_COUNT] = "@count", [STAT_SUM] = "@sum", [STAT_MIN] = "@min",
		[STAT_MAX] = "@max", [STAT_AVG] = "@avg", [STAT_VARIANCE] = "@variance",
		[STAT_NONE] = "",
	};

	return names[op];
}

static void print_text(struct buf *to, const char *text, uint32_t length)
{
	buf_adds(to, lang_quote(to->arena, text, length));
}

/* (operand) */
static void print_operand(struct buf *to, const struct expr *e)
{
	buf_addc(to, '(');
	lang_print_expr(to, e);
	buf_addc(to, ')');
}

/* a, *, b */
static void print_list(struct buf *to, const struct expr_list *l)
{
	for (uint32_t i = 0; i < l->list.n; i++) {
		if (i)
			buf_adds(to, ", ");
		if (l->list.p[i])
			lang_print_expr(to, l->list.p[i]);
		else
			buf_addc(to, '*');
	}
}

static void print_binary(struct buf *to, const struct expr *left, const char *op,
			 const char *suffix, const struct expr *right)
{
	print_operand(to, left);
	buf_addf(to, " %s%s ", op, suffix);
	print_operand(to, right);
}

static void print_assign(struct buf *to, const struct expr *e)
{
	bool plain = e->assign.op == OP_ASSIGN || e->assign.op == OP_AGGREGATE;

	print_binary(to, e->assign.left, lang_op_text(e->assign.op), plain ? "" : "=",
		     e->assign.right);
}

static void print_ternary(struct buf *to, const struct expr *e)
{
	print_operand(to, e->ternary.condition);
	buf_addc(to, '?');
	print_operand(to, e->ternary.yes);
	buf_addc(to, ':');
	print_operand(to, e->ternary.no);
}

static void print_step(struct buf *to, const struct expr *e)
{
	const char *op = e->step.increment ? "++" : "--";

	if (e->step.prefix)
		buf_adds(to, op);
	print_operand(to, e->step.operand);
	if (!e->step.prefix)
		buf_adds(to, op);
}

static void print_regex(struct buf *to, const struct expr *e)
{
	print_operand(to, e->regex.subject);
	buf_adds(to, e->regex.negate ? " !~ " : " =~ ");
	print_text(to, e->regex.pattern, e->regex.pattern_length);
}

/* ---- the print family ----------------------------------------------------------------- */

static const char *const print_names[] = {
	[PRINT_PRINT] = "print", [PRINT_PRINTLN] = "println", [PRINT_PRINTD] = "printd",
	[PRINT_PRINTDLN] = "printdln", [PRINT_PRINTF] = "printf", [PRINT_CHAR] = "print_char",
};

static void add_conversion(struct buf *b, const struct format_part *f)
{
	buf_addc(b, '%');
	if (f->flag)
		buf_addc(b, f->flag);
	if (f->star_width)
		buf_addc(b, '*');
	else if (f->has_width)
		buf_addf(b, "%" PRId32, f->width);
	if (f->star_precision)
		buf_adds(b, ".*");
	else if (f->has_precision)
		buf_addf(b, ".%" PRId32, f->precision);
	buf_addc(b, f->conversion);
}

/* Written anew from its parts. */
static void print_format(struct buf *to, const struct format_part *parts, uint32_t n)
{
	struct buf b;

	buf_init(&b, to->arena);
	for (uint32_t i = 0; i < n; i++) {
		if (parts[i].conversion) {
			add_conversion(&b, &parts[i]);
			continue;
		}
		for (uint32_t k = 0; k < parts[i].text_length; k++) {
			if (parts[i].text[k] == '%')
				buf_addc(&b, '%');
			buf_addc(&b, parts[i].text[k]);
		}
	}
	print_text(to, buf_str(&b), (uint32_t)b.n);
}

static void print_print(struct buf *to, const struct expr *e)
{
	buf_addf(to, "%s%s(", e->print.to_string ? "s" : "", print_names[e->print.print]);
	if (e->print.delimiter)
		print_text(to, e->print.delimiter, e->print.delimiter_length);
	if (e->print.print == PRINT_PRINTF)
		print_format(to, e->print.parts, e->print.n_parts);
	if (e->print.args.list.n && (e->print.delimiter || e->print.print == PRINT_PRINTF))
		buf_adds(to, ", ");
	print_list(to, &e->print.args);
	buf_addc(to, ')');
}

/* ---- statistics -------------------------------------------------------------------------- */

static void print_stat(struct buf *to, const struct expr *e)
{
	buf_addf(to, "%s(", lang_stat_name(e->stat.op));
	lang_print_expr(to, e->stat.of);
	if (e->stat.shift)
		buf_addf(to, ", %" PRId64, e->stat.shift);
	buf_addc(to, ')');
}

static void print_hist(struct buf *to, const struct expr *e)
{
	buf_adds(to, e->hist.hist == HIST_LOG ? "@hist_log(" : "@hist_linear(");
	lang_print_expr(to, e->hist.of);
	if (e->hist.hist != HIST_LOG)
		buf_addf(to, ", %" PRId64 ", %" PRId64 ", %" PRId64, e->hist.low, e->hist.high,
			 e->hist.step);
	buf_addc(to, ')');
}

/* ---- targets and operators ------------------------------------------------------------------ */

static void print_components(struct buf *to, const struct target_component *c, uint32_t n,
			     unsigned pretty)
{
	for (uint32_t i = 0; i < n; i++) {
		if (c[i].member) {
			buf_addf(to, "->%s", c[i].member);
		} else {
			buf_addc(to, '[');
			lang_print_expr(to, c[i].index);
			buf_addc(to, ']');
		}
	}
	if (pretty)
		buf_adds(to, pretty == 1 ? "->$" : "->$$");
}

static void print_target(struct buf *to, const struct expr *e)
{
	if (e->target.address_of)
		buf_addc(to, '&');
	buf_adds(to, e->target.name);
	print_components(to, e->target.components, e->target.n_components, e->target.pretty);
}

static void print_operator(struct buf *to, const struct expr *e)
{
	if (e->op.address_of)
		buf_addc(to, '&');
	if (e->op.name[0] == '@')
		buf_adds(to, e->op.name);
	buf_addc(to, '(');
	print_list(to, &e->op.args);
	buf_addc(to, ')');
	print_components(to, e->op.components, e->op.n_components, e->op.pretty);
}

static void print_keyed(struct buf *to, const char *before, const struct expr_list *keys,
			const char *behind)
{
	buf_adds(to, before);
	print_list(to, keys);
	buf_adds(to, behind);
}

/* ---- any kind ------------------------------------------------------------------------------ */

static void print_number(struct buf *to, const struct expr *e)
{
	buf_addf(to, "%" PRId64, e->number.value);
}

static void print_string(struct buf *to, const struct expr *e)
{
	print_text(to, e->string.text, e->string.length);
}

static void print_symbol(struct buf *to, const struct expr *e)
{
	buf_adds(to, e->symbol.name);
}

static void print_index(struct buf *to, const struct expr *e)
{
	lang_print_expr(to, e->index.base);
	print_keyed(to, "[", &e->index.keys, "]");
}

static void print_unary(struct buf *to, const struct expr *e)
{
	buf_adds(to, lang_op_text(e->unary.op));
	print_operand(to, e->unary.operand);
}

static void print_two(struct buf *to, const struct expr *e)
{
	print_binary(to, e->binary.left, lang_op_text(e->binary.op), "", e->binary.right);
}

static void print_in(struct buf *to, const struct expr *e)
{
	print_keyed(to, "[", &e->in.keys, "] in ");
	lang_print_expr(to, e->in.array);
}

static void print_call(struct buf *to, const struct expr *e)
{
	buf_adds(to, e->call.name);
	print_keyed(to, "(", &e->call.args, ")");
}

static void print_embedded(struct buf *to, const struct expr *e)
{
	buf_addf(to, "%%{%.*s%%}", (int)e->embedded.length, e->embedded.code);
}

static void (*const print_kind[])(struct buf *to, const struct expr *e) = {
	[EXPR_NUMBER] = print_number,	[EXPR_STRING] = print_string,	  [EXPR_SYMBOL] = print_symbol,
	[EXPR_INDEX] = print_index,	[EXPR_UNARY] = print_unary,	  [EXPR_BINARY] = print_two,
	[EXPR_TERNARY] = print_ternary, [EXPR_ASSIGN] = print_assign,	  [EXPR_STEP] = print_step,
	[EXPR_IN] = print_in,		[EXPR_REGEX] = print_regex,	  [EXPR_CALL] = print_call,
	[EXPR_PRINT] = print_print,	[EXPR_STAT] = print_stat,	  [EXPR_HIST] = print_hist,
	[EXPR_TARGET] = print_target,	[EXPR_OPERATOR] = print_operator, [EXPR_EMBEDDED] = print_embedded,
};
_Static_assert(base_count(print_kind) == EXPR_KINDS, "a row for each kind of expression");

void lang_print_expr(struct buf *to, const struct expr *e)
{
	print_kind[e->kind](to, e);
}
