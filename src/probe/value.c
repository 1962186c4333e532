/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of the script language that are made, not written; trees of elf as such. */
#include <string.h>

#include "probe/variable.h"

static struct expr *made(struct sema_resolver *r, enum expr_kind kind, const struct expr *like)
{
	struct expr *e = lang_expr_new(r->arena, kind, like->span);

	e->token = like->token;
	e->type = TYPE_LONG;
	return e;
}

struct expr *probe_expr_number(struct sema_resolver *r, const struct expr *like, int64_t value)
{
	struct expr *e = made(r, EXPR_NUMBER, like);

	e->number.value = value;
	return e;
}

struct expr *probe_expr_string(struct sema_resolver *r, const struct expr *like, const char *text)
{
	struct expr *e = made(r, EXPR_STRING, like);

	e->type = TYPE_STRING;
	e->string.text = text;
	e->string.length = (uint32_t)strlen(text);
	return e;
}

struct expr *probe_expr_binary(struct sema_resolver *r, const struct expr *like, enum lang_op op,
			       struct expr *left, struct expr *right)
{
	struct expr *e = made(r, EXPR_BINARY, like);

	e->binary.op = op;
	e->binary.left = left;
	e->binary.right = right;
	return e;
}

struct expr *probe_expr_call(struct sema_resolver *r, const struct expr *like, const char *name,
			     uint32_t n, ...)
{
	struct expr *e = made(r, EXPR_CALL, like);
	va_list ap;

	e->call.name = intern(r->names, name, strlen(name));
	e->call.builtin = sema_builtin_find(name, n);
	base_assert(e->call.builtin != NULL);
	e->type = e->call.builtin->type;
	va_start(ap, n);
	for (uint32_t i = 0; i < n; i++)
		vec_push(r->arena, &e->call.args.list, va_arg(ap, struct expr *));
	va_end(ap);
	return e;
}

struct expr *probe_expr_load(struct sema_resolver *r, const struct expr *like, struct expr *address,
			     uint32_t size, bool is_signed)
{
	bool fails = !r->options->skip_badvars;
	const char *name = arena_printf(r->arena, "%suser_%sint%u%s", fails ? "" : "__", is_signed ? "" : "u", size * 8,
					fails ? "_error" : "");

	return probe_expr_call(r, like, name, 1, address);
}

struct expr *probe_expr_sprint(struct sema_resolver *r, const struct expr *like, const char *text,
			       const char *format, char conversion, char flag, struct expr *value)
{
	struct format_part parts[] = { { .text = text, .text_length = (uint32_t)strlen(text) },
				       { .conversion = conversion, .flag = flag } };
	struct expr *e = made(r, EXPR_PRINT, like);

	e->type = TYPE_STRING;
	e->print.print = PRINT_PRINTF;
	e->print.to_string = true;
	e->print.parts = arena_dup(r->arena, *text ? parts : parts + 1, sizeof *parts * (1 + (*text != 0)));
	e->print.n_parts = 1 + (*text != 0);
	e->print.format = format;
	vec_push(r->arena, &e->print.args.list, value);
	return e;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static struct expr *operand(struct sema_resolver *r, const struct expr *like, struct sema_operand o)
{
	struct expr *e = made(r, EXPR_TARGET, like);

	o.type = TYPE_LONG;
	e->target.name = intern(r->names, "$", 1);
	e->target.operand = arena_dup(r->arena, &o, sizeof o);
	return e;
}

static struct expr *leaf(struct sema_resolver *r, const struct expr *like, const struct elf_node *n)
{
	struct sema_operand o = { .size = 8, .base = -1, .index = -1, .scale = 1 };
	const struct elf_file *other = r->module;

	if (n->kind == ELF_NODE_BIAS && other)
		return probe_expr_binary(r, like, OP_SUB,
					 probe_expr_call(r, like, "__module_base", 1, probe_expr_string(r, like, other->path)),
					 probe_expr_number(r, like, other->n_segments ? (int64_t)(other->segments[0].address - other->segments[0].file_offset) : 0));
	if (n->kind == ELF_NODE_REGISTER) {
		o.kind = OPERAND_REGISTER;
		o.base = (int8_t)n->number;
	} else if (n->kind == ELF_NODE_VECTOR) {
		o.kind = OPERAND_VECTOR;
		o.base = (int8_t)n->number;
	} else if (n->kind == ELF_NODE_THREAD) {
		o.kind = OPERAND_THREAD;
	} else {
		o.kind = OPERAND_ADDRESS;
		o.module_relative = true;
	}
	return operand(r, like, o);
}

static enum lang_op op_of(enum elf_node_kind kind)
{
	static const uint8_t ops[] = {
		[ELF_NODE_ADD] = OP_ADD,
		[ELF_NODE_SUBTRACT] = OP_SUB,
		[ELF_NODE_MULTIPLY] = OP_MUL,
		[ELF_NODE_DIVIDE] = OP_DIV,
		[ELF_NODE_MODULO] = OP_MOD,
		[ELF_NODE_AND] = OP_AND,
		[ELF_NODE_OR] = OP_OR,
		[ELF_NODE_XOR] = OP_XOR,
		[ELF_NODE_SHIFT_LEFT] = OP_SHL,
		[ELF_NODE_SHIFT_RIGHT] = OP_SHR,
		[ELF_NODE_SHIFT_RIGHT_UNSIGNED] = OP_USHR,
		[ELF_NODE_EQUAL] = OP_EQ,
		[ELF_NODE_NOT_EQUAL] = OP_NE,
		[ELF_NODE_LESS] = OP_LT,
		[ELF_NODE_LESS_EQUAL] = OP_LE,
		[ELF_NODE_GREATER] = OP_GT,
		[ELF_NODE_GREATER_EQUAL] = OP_GE,
	};

	return ops[kind];
}

static struct expr *unary(struct sema_resolver *r, const struct expr *like, const struct elf_node *n)
{
	struct expr *e = made(r, EXPR_UNARY, like);

	e->unary.op = n->kind == ELF_NODE_NEGATE ? OP_NEG : OP_COMPLEMENT;
	e->unary.operand = probe_expr_node(r, like, n->a);
	return e;
}

/* No operator cuts a number to its low bytes: shifts do. */
static struct expr *extend(struct sema_resolver *r, const struct expr *like, const struct elf_node *n)
{
	struct expr *e = probe_expr_node(r, like, n->a);
	int64_t unused = 64 - 8 * n->size;

	if (e->kind == EXPR_TARGET && e->target.operand->kind == OPERAND_REGISTER) {
		e->target.operand->size = n->size;
		e->target.operand->is_signed = n->is_signed;
		return e;
	}
	e = probe_expr_binary(r, like, OP_SHL, e, probe_expr_number(r, like, unused));
	return probe_expr_binary(r, like, n->is_signed ? OP_SHR : OP_USHR, e,
				 probe_expr_number(r, like, unused));
}

static struct expr *select(struct sema_resolver *r, const struct expr *like, const struct elf_node *n)
{
	struct expr *e = made(r, EXPR_TERNARY, like);

	e->ternary.condition = probe_expr_node(r, like, n->a);
	e->ternary.yes = probe_expr_node(r, like, n->b);
	e->ternary.no = probe_expr_node(r, like, n->c);
	return e;
}

/* Native functions of the library do floating point, by integers. */
static struct expr *floating(struct sema_resolver *r, const struct expr *like, const struct elf_node *n)
{
	static const char *const names[] = {
		[ELF_NODE_FLOAT_ADD] = "fp_add",	  [ELF_NODE_FLOAT_SUBTRACT] = "fp_sub",
		[ELF_NODE_FLOAT_MULTIPLY] = "fp_mul",	  [ELF_NODE_FLOAT_DIVIDE] = "fp_div",
		[ELF_NODE_FLOAT_LESS] = "fp_lt",	  [ELF_NODE_FLOAT_LESS_EQUAL] = "fp_le",
		[ELF_NODE_FLOAT_EQUAL] = "fp_eq",	  [ELF_NODE_FLOAT_FROM_LONG] = "long_to_fp",
		[ELF_NODE_FLOAT_WIDEN] = "fp32_to_fp64", [ELF_NODE_FLOAT_NARROW] = "__narrow_float",
	};
	struct expr *a = probe_expr_node(r, like, n->a);

	if (n->kind == ELF_NODE_FLOAT_TO_LONG) /* 1: towards zero */
		return probe_expr_call(r, like, "fp_to_long", 3, a, probe_expr_number(r, like, 1),
				       probe_expr_number(r, like, 0));
	if (!n->b)
		return probe_expr_call(r, like, names[n->kind], 1, a);
	return probe_expr_call(r, like, names[n->kind], 2, a, probe_expr_node(r, like, n->b));
}

struct expr *probe_expr_node(struct sema_resolver *r, const struct expr *like,
			     const struct elf_node *n)
{
	if (n->kind >= ELF_NODE_FLOAT_ADD && n->kind <= ELF_NODE_FLOAT_NARROW)
		return floating(r, like, n);
	switch ((int)n->kind) {
	case ELF_NODE_NUMBER:
		return probe_expr_number(r, like, n->number);
	case ELF_NODE_REGISTER:
	case ELF_NODE_VECTOR:
	case ELF_NODE_BIAS:
	case ELF_NODE_THREAD:
		return leaf(r, like, n);
	case ELF_NODE_LOAD:
		return probe_expr_load(r, like, probe_expr_node(r, like, n->a), n->size, n->is_signed);
	case ELF_NODE_EXTEND:
		return extend(r, like, n);
	case ELF_NODE_NEGATE:
	case ELF_NODE_INVERT:
		return unary(r, like, n);
	case ELF_NODE_SELECT:
		return select(r, like, n);
	case ELF_NODE_FAIL:
		return probe_expr_call(r, like, "__no_value", 1, probe_expr_string(r, like, n->text));
	default:
		return probe_expr_binary(r, like, op_of(n->kind), probe_expr_node(r, like, n->a),
					 probe_expr_node(r, like, n->b));
	}
}
