/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF expressions (DWARF 5, sections 2.5 and 2.6, and GNU's forerunners), run on trees.
 *
 * The stack holds values with the type they were given, if any (2.5.1.2): arithmetic on typed
 * integers wraps at their size.  A branch on a value that is not constant runs both ways and
 * joins the results in a selection; one that leads back is given up.
 *
 *	DW_OP_fbreg -24				MEMORY  cfa-24
 *	DW_OP_reg5				VALUE   rdi
 *	DW_OP_breg5 8; DW_OP_stack_value	VALUE   rdi+8
 *	DW_OP_reg5; DW_OP_piece 4; ...		PIECES
 */
#include <dwarf.h>

#include "elf/location.h"

#define STACK_LIMIT 64u
#define STEP_LIMIT 4096u
#define CALL_LIMIT 8u

struct value {
	const struct elf_node *node;
	uint8_t bits; /* of a typed integer; 0: DWARF's generic type */
	bool is_signed, is_float;
};

struct machine {
	struct elf_frame *frame;
	Dwarf_Attribute *attribute;
	struct arena *arena;
	Dwarf_Op *ops;
	size_t n_ops, at;
	struct value stack[STACK_LIMIT];
	uint32_t n;
	uint32_t *steps; /* left, for all branches together */
	uint32_t calls;
	const char *why; /* not NULL: given up */
	struct elf_location result; /* of the simple location so far */
	bool has_result;
	VEC(struct elf_piece) pieces;
	uint64_t piece_bits;
};

struct elf_location elf_location_absent(const char *why)
{
	return (struct elf_location){ .place = ELF_PLACE_ABSENT, .reg = -1, .why = why };
}

static void give_up(struct machine *m, const char *why)
{
	if (!m->why)
		m->why = why;
}

/* ---- the stack -------------------------------------------------------------------------------- */

static void push_value(struct machine *m, struct value v)
{
	if (m->n == STACK_LIMIT || !v.node) {
		give_up(m, v.node ? "its expression is too deep" : "a register it needs was not saved");
		v.node = elf_node_number(m->arena, 0);
		m->n = m->n == STACK_LIMIT ? STACK_LIMIT - 1 : m->n;
	}
	m->stack[m->n++] = v;
}

static void push(struct machine *m, const struct elf_node *node)
{
	push_value(m, (struct value){ .node = node });
}

static void push_number(struct machine *m, int64_t number)
{
	push(m, elf_node_number(m->arena, number));
}

static struct value pop(struct machine *m)
{
	if (!m->n) {
		give_up(m, "its expression takes more than there is");
		return (struct value){ .node = elf_node_number(m->arena, 0) };
	}
	return m->stack[--m->n];
}

static void pick(struct machine *m, uint64_t depth)
{
	if (depth >= m->n)
		give_up(m, "its expression takes more than there is");
	else
		push_value(m, m->stack[m->n - 1 - depth]);
}

static void rotate(struct machine *m, uint32_t n)
{
	struct value top;

	if (m->n < n) {
		give_up(m, "its expression takes more than there is");
		return;
	}
	top = m->stack[m->n - 1];
	for (uint32_t i = 1; i < n; i++)
		m->stack[m->n - i] = m->stack[m->n - i - 1];
	m->stack[m->n - n] = top;
}

/* ---- types ------------------------------------------------------------------------------------ */

/* The base type that an operation names; offset 0 is the generic type. */
static struct value typed(struct machine *m, const Dwarf_Op *op, Dwarf_Word offset)
{
	struct value v = { 0 };
	Dwarf_Word size, encoding;
	Dwarf_Attribute attribute;
	Dwarf_Die die;

	if (!offset)
		return v;
	if (!m->attribute || dwarf_getlocation_die(m->attribute, op, &die) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &attribute), &size) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &attribute), &encoding) != 0 ||
	    size > 8) {
		give_up(m, "its expression has a type that is not supported");
		return v;
	}
	v.bits = (uint8_t)(size * 8);
	v.is_float = encoding == DW_ATE_float || encoding == DW_ATE_complex_float;
	v.is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
	return v;
}

static void push_typed(struct machine *m, struct value type, const struct elf_node *node)
{
	if (node && type.bits && type.bits < 64)
		node = elf_node_extend(m->arena, node, type.bits, type.is_signed);
	type.node = node;
	push_value(m, type);
}

static const struct elf_node *node_of(struct machine *m, enum elf_node_kind kind, const struct elf_node *x)
{
	return elf_node_unary(m->arena, kind, x);
}

/* As 64-bit bits, whatever its size. */
static const struct elf_node *widened(struct machine *m, struct value v)
{
	return v.bits == 32 ? node_of(m, ELF_NODE_FLOAT_WIDEN, v.node) : v.node;
}

/*
 * What was computed with 53 bits of two numbers of 24 rounds to 24 as if it had been computed so:
 * 53 is more than twice 24 (Figueroa, "When is double rounding innocuous?").
 */
static void push_float(struct machine *m, struct value type, const struct elf_node *wide)
{
	push_typed(m, type, type.bits == 32 ? node_of(m, ELF_NODE_FLOAT_NARROW, wide) : wide);
}

static void convert(struct machine *m, struct value type, bool reinterpret)
{
	struct value v = pop(m);

	if (reinterpret || (!v.is_float && !type.is_float))
		push_typed(m, type, v.node);
	else if (v.is_float && type.is_float)
		push_float(m, type, widened(m, v));
	else if (v.is_float)
		push_typed(m, type, node_of(m, ELF_NODE_FLOAT_TO_LONG, widened(m, v)));
	else
		push_float(m, type, node_of(m, ELF_NODE_FLOAT_FROM_LONG, v.node));
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

static const struct {
	uint8_t op, kind;
	bool compares;
} arithmetics[] = {
	{ DW_OP_and, ELF_NODE_AND, false },
	{ DW_OP_div, ELF_NODE_DIVIDE, false },
	{ DW_OP_minus, ELF_NODE_SUBTRACT, false },
	{ DW_OP_mod, ELF_NODE_MODULO, false },
	{ DW_OP_mul, ELF_NODE_MULTIPLY, false },
	{ DW_OP_or, ELF_NODE_OR, false },
	{ DW_OP_plus, ELF_NODE_ADD, false },
	{ DW_OP_shl, ELF_NODE_SHIFT_LEFT, false },
	{ DW_OP_shr, ELF_NODE_SHIFT_RIGHT_UNSIGNED, false },
	{ DW_OP_shra, ELF_NODE_SHIFT_RIGHT, false },
	{ DW_OP_xor, ELF_NODE_XOR, false },
	{ DW_OP_le, ELF_NODE_LESS_EQUAL, true },
	{ DW_OP_ge, ELF_NODE_GREATER_EQUAL, true },
	{ DW_OP_eq, ELF_NODE_EQUAL, true },
	{ DW_OP_lt, ELF_NODE_LESS, true },
	{ DW_OP_gt, ELF_NODE_GREATER, true },
	{ DW_OP_ne, ELF_NODE_NOT_EQUAL, true },
};

/* Unsigned 64-bit values are compared as signed ones with the highest bit turned. */
static const struct elf_node *turned(struct machine *m, struct value v)
{
	if (v.bits != 64 || v.is_signed)
		return v.node;
	return elf_node_binary(m->arena, ELF_NODE_XOR, v.node, elf_node_number(m->arena, INT64_MIN));
}

/* op, on floating-point numbers; false: there is none. */
static bool run_float(struct machine *m, uint8_t op, struct value x, struct value y)
{
	static const struct {
		uint8_t op, kind;
		bool compares, swaps, negates;
	} ways[] = {
		{ DW_OP_plus, ELF_NODE_FLOAT_ADD, false, false, false },
		{ DW_OP_minus, ELF_NODE_FLOAT_SUBTRACT, false, false, false },
		{ DW_OP_mul, ELF_NODE_FLOAT_MULTIPLY, false, false, false },
		{ DW_OP_div, ELF_NODE_FLOAT_DIVIDE, false, false, false },
		{ DW_OP_lt, ELF_NODE_FLOAT_LESS, true, false, false },
		{ DW_OP_gt, ELF_NODE_FLOAT_LESS, true, true, false },
		{ DW_OP_le, ELF_NODE_FLOAT_LESS_EQUAL, true, false, false },
		{ DW_OP_ge, ELF_NODE_FLOAT_LESS_EQUAL, true, true, false },
		{ DW_OP_eq, ELF_NODE_FLOAT_EQUAL, true, false, false },
		{ DW_OP_ne, ELF_NODE_FLOAT_EQUAL, true, false, true },
	};
	const struct elf_node *a = widened(m, x), *b = widened(m, y), *n;

	for (uint32_t i = 0; i < base_count(ways); i++) {
		if (ways[i].op != op)
			continue;
		n = elf_node_binary(m->arena, ways[i].kind, ways[i].swaps ? b : a, ways[i].swaps ? a : b);
		if (ways[i].negates)
			n = elf_node_binary(m->arena, ELF_NODE_XOR, n, elf_node_number(m->arena, 1));
		if (ways[i].compares)
			push(m, n);
		else
			push_float(m, x, n);
		return true;
	}
	return false;
}

static bool run_arithmetic(struct machine *m, uint8_t op)
{
	struct value x, y;

	for (uint32_t i = 0; i < base_count(arithmetics); i++) {
		if (arithmetics[i].op != op)
			continue;
		y = pop(m);
		x = pop(m);
		if (x.is_float || y.is_float) {
			if (x.bits != y.bits || !run_float(m, op, x, y))
				give_up(m, "its expression does with floating-point numbers what is not supported");
			return true;
		}
		if (arithmetics[i].compares)
			push(m, elf_node_binary(m->arena, arithmetics[i].kind, turned(m, x), turned(m, y)));
		else
			push_typed(m, x, elf_node_binary(m->arena, arithmetics[i].kind, x.node, y.node));
		return true;
	}
	return false;
}

static void run_absolute(struct machine *m)
{
	struct value v = pop(m);
	const struct elf_node *zero = elf_node_number(m->arena, 0);

	if (v.is_float) {
		push_typed(m, v, elf_node_binary(m->arena, ELF_NODE_AND, v.node,
						 elf_node_number(m->arena, (int64_t)((1ull << (v.bits - 1)) - 1))));
		return;
	}
	push_typed(m, v,
		   elf_node_select(m->arena, elf_node_binary(m->arena, ELF_NODE_LESS, v.node, zero),
				   elf_node_unary(m->arena, ELF_NODE_NEGATE, v.node), v.node));
}

static bool run_unary(struct machine *m, const Dwarf_Op *op)
{
	struct value v;

	switch (op->atom) {
	case DW_OP_abs:
		run_absolute(m);
		return true;
	case DW_OP_neg:
	case DW_OP_not:
		v = pop(m);
		if (v.is_float) {
			push_typed(m, v, elf_node_binary(m->arena, ELF_NODE_XOR, v.node,
							 elf_node_number(m->arena, (int64_t)(1ull << (v.bits - 1)))));
			return true;
		}
		push_typed(m, v, elf_node_unary(m->arena, op->atom == DW_OP_neg ? ELF_NODE_NEGATE : ELF_NODE_INVERT, v.node));
		return true;
	case DW_OP_plus_uconst:
		v = pop(m);
		push_typed(m, v, elf_node_plus(m->arena, v.node, (int64_t)op->number));
		return true;
	default:
		return false;
	}
}

/* ---- registers, memory, constants ---------------------------------------------------------- */

static void add_register(struct machine *m, unsigned number, int64_t offset)
{
	const struct elf_node *r = elf_frame_register(m->frame, number);

	push(m, r ? elf_node_plus(m->arena, r, offset) : NULL);
}

static const struct elf_node *biased(struct machine *m, uint64_t address)
{
	return elf_node_address(m->frame->data, address);
}

/* DW_OP_addrx and its kin: the operand is in .debug_addr. */
static void push_indexed(struct machine *m, const Dwarf_Op *op)
{
	Dwarf_Attribute attribute;
	Dwarf_Addr address;
	Dwarf_Word word;

	if (!m->attribute || dwarf_getlocation_attr(m->attribute, op, &attribute) != 0)
		give_up(m, "the table of its addresses is damaged");
	else if (op->atom == DW_OP_addrx || op->atom == DW_OP_GNU_addr_index)
		push(m, dwarf_formaddr(&attribute, &address) == 0 ? biased(m, address) : NULL);
	else
		push(m, dwarf_formudata(&attribute, &word) == 0 ? elf_node_number(m->arena, (int64_t)word) : NULL);
}

static void run_dereference(struct machine *m, uint64_t size, struct value type)
{
	struct value address = pop(m);

	if (size != 1 && size != 2 && size != 4 && size != 8) {
		give_up(m, "its expression reads an odd number of bytes");
		size = 8;
	}
	push_typed(m, type, elf_node_load(m->arena, address.node, (uint32_t)size, type.is_signed));
}

static void run_base(struct machine *m, int64_t offset)
{
	const struct elf_node *base = elf_frame_base(m->frame);

	push(m, base ? elf_node_plus(m->arena, base, offset) : NULL);
}

static void run_thread_variable(struct machine *m)
{
	struct value offset = pop(m);
	const char *why = NULL;
	const struct elf_node *n = elf_frame_thread_variable(m->frame->data, offset.node, &why);

	if (!n)
		give_up(m, why);
	push(m, n);
}

/* The register that an expression of one operation names, and the type it gives it; -1 none. */
static int register_named(struct machine *m, Dwarf_Attribute *attribute, struct value *type)
{
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_getlocation(attribute, &ops, &n) != 0 || n != 1)
		return -1;
	if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return ops[0].atom - DW_OP_reg0;
	if (ops[0].atom == DW_OP_regval_type || ops[0].atom == DW_OP_GNU_regval_type) {
		*type = typed(m, &ops[0], ops[0].number2); /* an offset in the same unit */
	} else if (ops[0].atom != DW_OP_regx) {
		return -1;
	}
	return (int)ops[0].number;
}

/* The value of what an expression of one register names, when the function was entered. */
static void run_entry_value(struct machine *m, const Dwarf_Op *op)
{
	const char *why = "an entry value that is not a register is not supported";
	const struct elf_node *n = NULL;
	struct value type = { 0 };
	Dwarf_Attribute attribute;
	int reg = -1;

	if (m->attribute && dwarf_getlocation_attr(m->attribute, op, &attribute) == 0)
		reg = register_named(m, &attribute, &type);
	if (reg >= 0)
		n = elf_entry_register(m->frame, (unsigned)reg, &why);
	if (!n)
		give_up(m, why);
	push_typed(m, type, n);
}

static void run_parameter_reference(struct machine *m, const Dwarf_Op *op)
{
	const char *why = "optimized out";
	const struct elf_node *n = NULL;
	Dwarf_Die parameter;

	if (m->attribute && dwarf_getlocation_die(m->attribute, op, &parameter) == 0)
		n = elf_entry_parameter(m->frame, &parameter, &why);
	if (!n)
		give_up(m, why);
	push(m, n);
}

/* The location of another entry goes on in this stack. */
static void run_call(struct machine *m, const Dwarf_Op *op);

static bool run_constant(struct machine *m, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		push_number(m, op->atom - DW_OP_lit0);
		return true;
	}
	switch (op->atom) {
	case DW_OP_addr:
		push(m, biased(m, op->number));
		return true;
	case DW_OP_const1s:
		push_number(m, (int8_t)op->number);
		return true;
	case DW_OP_const2s:
		push_number(m, (int16_t)op->number);
		return true;
	case DW_OP_const4s:
		push_number(m, (int32_t)op->number);
		return true;
	case DW_OP_const1u:
	case DW_OP_const2u:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		push_number(m, (int64_t)op->number);
		return true;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		push_indexed(m, op);
		return true;
	default:
		return false;
	}
}

/* DW_OP_const_type: op->number the type, number2 the bytes' place. */
static void run_typed_constant(struct machine *m, Dwarf_Op *op)
{
	struct value type = typed(m, op, op->number);
	Dwarf_Attribute attribute;
	Dwarf_Block block = { 0 };
	int64_t number = 0;

	if (!m->attribute || dwarf_getlocation_attr(m->attribute, op, &attribute) != 0 ||
	    dwarf_formblock(&attribute, &block) != 0 || block.length > 8)
		give_up(m, "its expression has a constant that is not supported");
	else
		memcpy(&number, block.data, block.length);
	push_typed(m, type, elf_node_number(m->arena, number));
}

static void run_typed_register(struct machine *m, Dwarf_Op *op)
{
	struct value type = typed(m, op, op->number2);
	unsigned number = (unsigned)op->number;
	const struct elf_node *n = elf_register_from_dwarf(number) >= 0 ?
					   elf_frame_register(m->frame, number) :
					   elf_frame_vector(m->frame, number, false);

	push_typed(m, type, n);
}

static bool run_typed(struct machine *m, Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_const_type:
	case DW_OP_GNU_const_type:
		run_typed_constant(m, op);
		return true;
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		run_typed_register(m, op);
		return true;
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		run_dereference(m, op->number, typed(m, op, op->number2));
		return true;
	case DW_OP_convert:
	case DW_OP_GNU_convert:
		convert(m, typed(m, op, op->number), false);
		return true;
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret:
		convert(m, typed(m, op, op->number), true);
		return true;
	default:
		return false;
	}
}

static bool run_stack(struct machine *m, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_dup:
		pick(m, 0);
		return true;
	case DW_OP_drop:
		pop(m);
		return true;
	case DW_OP_over:
		pick(m, 1);
		return true;
	case DW_OP_pick:
		pick(m, op->number);
		return true;
	case DW_OP_swap:
		rotate(m, 2);
		return true;
	case DW_OP_rot:
		rotate(m, 3);
		return true;
	case DW_OP_nop:
		return true;
	default:
		return false;
	}
}

static bool run_program(struct machine *m, const Dwarf_Op *op)
{
	static const struct value generic;

	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		add_register(m, (unsigned)(op->atom - DW_OP_breg0), (int64_t)op->number);
		return true;
	}
	switch (op->atom) {
	case DW_OP_bregx:
		add_register(m, (unsigned)op->number, (int64_t)op->number2);
		return true;
	case DW_OP_fbreg:
		run_base(m, (int64_t)op->number);
		return true;
	case DW_OP_call_frame_cfa:
		push(m, elf_frame_cfa(m->frame));
		return true;
	case DW_OP_deref:
		run_dereference(m, 8, generic);
		return true;
	case DW_OP_deref_size:
		run_dereference(m, op->number, generic);
		return true;
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		run_thread_variable(m);
		return true;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		run_entry_value(m, op);
		return true;
	case DW_OP_GNU_parameter_ref:
		run_parameter_reference(m, op);
		return true;
	case DW_OP_call2:
	case DW_OP_call4:
	case DW_OP_call_ref:
		run_call(m, op);
		return true;
	default:
		return false;
	}
}

/* ---- results -------------------------------------------------------------------------------- */

static void settle(struct machine *m, struct elf_location l)
{
	if (m->has_result)
		give_up(m, "its expression has two results");
	m->has_result = true;
	m->result = l;
}

static struct elf_location register_location(struct machine *m, unsigned number)
{
	struct elf_location l = { .place = ELF_PLACE_VALUE, .reg = elf_register_from_dwarf(number) };

	if (l.reg >= 0) {
		l.node = elf_frame_register(m->frame, number);
		if (m->frame->depth)
			l.reg = -1;
	} else {
		l.node = elf_frame_vector(m->frame, number, false);
		l.upper = elf_frame_vector(m->frame, number, true);
	}
	return l.node ? l : elf_location_absent("the register that holds it cannot be read here");
}

static void settle_value(struct machine *m)
{
	struct value v = pop(m);

	settle(m, (struct elf_location){ .place = ELF_PLACE_VALUE, .node = v.node, .reg = -1 });
}

static void settle_bytes(struct machine *m, const Dwarf_Op *op)
{
	Dwarf_Block block;

	if (!m->attribute || dwarf_getlocation_implicit_value(m->attribute, op, &block) != 0) {
		give_up(m, "its constant is damaged");
		return;
	}
	settle(m, (struct elf_location){ .place = ELF_PLACE_BYTES,
					 .bytes = block.data,
					 .n_bytes = block.length,
					 .reg = -1 });
}

/* What is pointed to is looked up now: it may itself point on, so to a depth only. */
static void settle_pointer(struct machine *m, const Dwarf_Op *op)
{
	struct elf_location *pointed = arena_new(m->arena, struct elf_location);
	Dwarf_Die die;

	if (!m->attribute || dwarf_getlocation_die(m->attribute, op, &die) != 0 ||
	    m->calls >= CALL_LIMIT || m->frame->data->nesting >= CALL_LIMIT) {
		give_up(m, "what it points to is not known");
		return;
	}
	m->frame->data->nesting++;
	*pointed = elf_entry_location(m->frame, &die);
	m->frame->data->nesting--;
	settle(m, (struct elf_location){ .place = ELF_PLACE_POINTER,
					 .pointed = pointed,
					 .pointed_offset = (int64_t)op->number2,
					 .reg = -1 });
}

/* The simple location that is finished: none on an empty stack means "optimized out". */
static struct elf_location simple(struct machine *m)
{
	struct elf_location l = m->result;

	if (!m->has_result && m->n) {
		struct value v = pop(m);

		return (struct elf_location){ .place = ELF_PLACE_MEMORY, .node = v.node, .reg = -1 };
	}
	if (!m->has_result)
		return elf_location_absent("optimized out");
	m->has_result = false;
	return l;
}

static void add_piece(struct machine *m, uint64_t bits, uint64_t source_bit)
{
	struct elf_piece p = { .location = m->why ? elf_location_absent(m->why) : simple(m),
			       .bit_offset = m->piece_bits,
			       .bit_size = bits,
			       .source_bit = source_bit };

	m->why = NULL;
	m->n = 0;
	m->has_result = false;
	vec_push(m->arena, &m->pieces, p);
	m->piece_bits += bits;
}

static bool run_result(struct machine *m, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		settle(m, register_location(m, (unsigned)(op->atom - DW_OP_reg0)));
		return true;
	}
	switch (op->atom) {
	case DW_OP_regx:
		settle(m, register_location(m, (unsigned)op->number));
		return true;
	case DW_OP_stack_value:
		settle_value(m);
		return true;
	case DW_OP_implicit_value:
		settle_bytes(m, op);
		return true;
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		settle_pointer(m, op);
		return true;
	case DW_OP_piece:
		add_piece(m, op->number * 8, 0);
		return true;
	case DW_OP_bit_piece:
		add_piece(m, op->number, op->number2);
		return true;
	default:
		return false;
	}
}

/* ---- branches -------------------------------------------------------------------------------- */

static struct elf_location run(struct machine *m);

/* The operation an offset in bytes leads to; only forward. */
static bool target_of(struct machine *m, const Dwarf_Op *op, size_t *to)
{
	uint64_t offset = op->offset + 3 + (uint64_t)(int64_t)(int16_t)op->number;

	for (size_t i = m->at + 1; i < m->n_ops; i++)
		if (m->ops[i].offset == offset) {
			*to = i;
			return true;
		}
	if (m->n_ops && offset > m->ops[m->n_ops - 1].offset) {
		*to = m->n_ops;
		return true;
	}
	give_up(m, "its expression has a loop");
	return false;
}

static struct elf_location joined(struct machine *m, const struct elf_node *condition,
				  struct elf_location x, struct elf_location y)
{
	if (x.place != y.place || (x.place != ELF_PLACE_MEMORY && x.place != ELF_PLACE_VALUE))
		return elf_location_absent("its expression gives different kinds of places");
	x.node = elf_node_select(m->arena, condition, x.node, y.node);
	x.upper = NULL;
	x.reg = -1;
	return x;
}

static struct elf_location fork_run(struct machine *m, const Dwarf_Op *op)
{
	struct value condition = pop(m);
	struct machine *other;
	struct elf_location yes, no;
	size_t to;

	if (m->pieces.n || !target_of(m, op, &to))
		return elf_location_absent(m->why ? m->why : "its expression is too complex");
	other = arena_dup(m->arena, m, sizeof *m);
	other->at = to;
	m->at++;
	no = run(m);
	yes = run(other);
	return joined(m, condition.node, yes, no);
}

static void run_call(struct machine *m, const Dwarf_Op *op)
{
	struct machine inner;
	Dwarf_Attribute attribute;
	Dwarf_Die die;

	if (!m->attribute || m->calls >= CALL_LIMIT ||
	    dwarf_getlocation_die(m->attribute, op, &die) != 0) {
		give_up(m, "its expression calls what is not there");
		return;
	}
	inner = *m;
	inner.attribute = &attribute;
	inner.calls++;
	inner.at = 0;
	if (!dwarf_attr_integrate(&die, DW_AT_location, &attribute))
		return;
	if (dwarf_getlocation_addr(&attribute, m->frame->pc, &inner.ops, &inner.n_ops, 1) != 1)
		return;
	for (; inner.at < inner.n_ops && !inner.why && *inner.steps; inner.at++, --*inner.steps)
		if (!run_constant(&inner, &inner.ops[inner.at]) &&
		    !run_stack(&inner, &inner.ops[inner.at]) &&
		    !run_unary(&inner, &inner.ops[inner.at]) &&
		    !run_arithmetic(&inner, inner.ops[inner.at].atom) &&
		    !run_program(&inner, &inner.ops[inner.at]))
			give_up(&inner, "its expression calls one that is not supported");
	memcpy(m->stack, inner.stack, sizeof m->stack);
	m->n = inner.n;
	m->why = inner.why;
}

static void step(struct machine *m, Dwarf_Op *op)
{
	if (run_constant(m, op) || run_stack(m, op) || run_unary(m, op) ||
	    run_arithmetic(m, op->atom) || run_program(m, op) || run_typed(m, op) ||
	    run_result(m, op))
		return;
	give_up(m, arena_printf(m->arena, "its expression has the operation 0x%x, which is not supported",
				op->atom));
}

static struct elf_location run(struct machine *m)
{
	for (; m->at < m->n_ops; m->at++) {
		Dwarf_Op *op = &m->ops[m->at];
		size_t to;

		if (!*m->steps)
			return elf_location_absent("its expression is too long");
		--*m->steps;
		if (op->atom == DW_OP_bra)
			return fork_run(m, op);
		if (op->atom == DW_OP_skip && target_of(m, op, &to))
			m->at = to - 1;
		else if (op->atom != DW_OP_skip && (!m->why || op->atom == DW_OP_piece ||
						    op->atom == DW_OP_bit_piece))
			step(m, op);
	}
	if (m->pieces.n)
		return (struct elf_location){ .place = ELF_PLACE_PIECES,
					      .pieces = m->pieces.p,
					      .n_pieces = m->pieces.n,
					      .reg = -1 };
	return m->why ? elf_location_absent(m->why) : simple(m);
}

struct elf_location elf_location_run(struct elf_frame *f, Dwarf_Attribute *attribute, Dwarf_Op *ops,
				     size_t n)
{
	uint32_t steps = STEP_LIMIT;
	struct machine m = { .frame = f,
			     .attribute = attribute,
			     .arena = f->data->arena,
			     .ops = ops,
			     .n_ops = n,
			     .steps = &steps };

	return run(&m);
}

struct elf_location elf_location_of(struct elf_frame *f, Dwarf_Attribute *attribute)
{
	Dwarf_Op *ops;
	size_t n;
	int found = dwarf_getlocation_addr(attribute, f->pc, &ops, &n, 1);
	struct elf_location uninitialized;
	Dwarf_Block block;

	if (found < 0 && dwarf_formblock(attribute, &block) == 0 && !block.length)
		return elf_location_absent("optimized out"); /* Go says so by an expression of no length */
	if (found < 0 && elf_location_uninit(f, attribute, &uninitialized))
		return uninitialized;
	if (found < 0)
		return elf_location_absent("its location is damaged");
	if (found == 0)
		return elf_location_absent("it has no location here");
	return elf_location_run(f, attribute, ops, n);
}

const struct elf_node *elf_location_word(struct elf_frame *f, const struct elf_location *l)
{
	const char *why;

	return elf_location_read(f->data->arena, l, 0, 64, false, &why);
}
