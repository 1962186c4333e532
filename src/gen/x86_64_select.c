/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing instructions, block by block.
 *
 * Every emitter reads all its operands before it writes its result, since the
 * result may share a register with an operand.
 */
#include "gen/x86_64_unit.h"

typedef void emitter(struct unit *u, const struct ir_ins *ins);

/* ---- arithmetic --------------------------------------------------------------------- */

struct arithmetic {
	uint32_t op; /* op r, r/m */
	uint32_t ext; /* of the immediate group */
	bool commutes;
};
static const struct arithmetic arithmetics[IR_OP_COUNT] = {
	[IR_ADD] = { X_ADD, EXT_ADD, true }, [IR_SUB] = { X_SUB, EXT_SUB, false },
	[IR_AND] = { X_AND, EXT_AND, true }, [IR_OR] = { X_OR, EXT_OR, true },
	[IR_XOR] = { X_XOR, EXT_XOR, true },
};

static bool register_of(const struct unit *u, uint32_t v, uint32_t *reg)
{
	*reg = u->plan.places[v].number;
	return u->plan.places[v].kind == PLACE_REGISTER;
}

static void emit_arithmetic_number(struct unit *u, const struct ir_ins *ins, uint32_t a,
				   int32_t number)
{
	uint32_t d = unit_define(u, ins->d), reg;

	if (ins->op == IR_ADD && register_of(u, a, &reg) && reg != d) {
		code_rm(u->c, X_LEA, d, code_at(reg, number));
	} else {
		unit_load(u, a, d);
		code_alu_number(u->c, arithmetics[ins->op].ext, d, number);
	}
	unit_defined(u, ins->d, d);
}

static void emit_arithmetic(struct unit *u, const struct ir_ins *ins)
{
	const struct arithmetic *how = &arithmetics[ins->op];
	uint32_t a = ins->a, b = ins->b, d, rb, ra;
	int32_t number;

	if (unit_constant32(u, b, &number)) {
		emit_arithmetic_number(u, ins, a, number);
		return;
	}
	if (how->commutes && unit_constant32(u, a, &number)) {
		emit_arithmetic_number(u, ins, b, number);
		return;
	}
	rb = unit_use(u, b, u->scratch2);
	d = unit_define(u, ins->d);
	if (ins->op == IR_ADD && register_of(u, a, &ra) && ra != d && rb != d) {
		code_lea_sum(u->c, d, ra, rb);
	} else if (rb == d && how->commutes) {
		code_rr(u->c, how->op, unit_use(u, a, u->scratch), d);
	} else {
		d = rb == d ? u->scratch : d;
		unit_load(u, a, d);
		code_rr(u->c, how->op, rb, d);
	}
	unit_defined(u, ins->d, d);
}

static void emit_multiply(struct unit *u, const struct ir_ins *ins)
{
	uint32_t a = ins->a, b = ins->b, d, rb;
	int32_t number;

	if (unit_constant32(u, a, &number)) {
		a = ins->b;
		b = ins->a;
	}
	if (unit_constant32(u, b, &number)) {
		uint32_t ra = unit_use(u, a, u->scratch);

		d = unit_define(u, ins->d);
		code_multiply_number(u->c, d, ra, number);
	} else {
		rb = unit_use(u, b, u->scratch2);
		d = unit_define(u, ins->d);
		if (rb != d)
			unit_load(u, a, d);
		code_rr(u->c, X_IMUL, d, rb == d ? unit_use(u, a, u->scratch) : rb);
	}
	unit_defined(u, ins->d, d);
}

/* idiv faults on INT64_MIN / -1, so -1 as divisor goes another way: quotient -a, remainder 0. */
static void emit_divide(struct unit *u, const struct ir_ins *ins)
{
	uint32_t done = code_label(u->c), divide = code_label(u->c), divisor;
	bool quotient = ins->op == IR_DIV;
	int64_t number = -1;

	unit_constant(u, ins->b, &number);
	unit_load(u, ins->a, ABI_RAX);
	divisor = unit_use(u, ins->b, ABI_RCX);
	if (number == -1 || number == 0) {
		code_alu_number(u->c, EXT_CMP, divisor, -1);
		code_jcc(u->c, CC_NE, divide);
		if (quotient)
			code_unary(u->c, EXT_NEG, ABI_RAX);
		else
			code_number(u->c, ABI_RDX, 0);
		code_jump(u->c, done);
	}
	code_place(u->c, divide);
	code_bytes(u->c, "\x48\x99", 2); /* cqo */
	code_unary(u->c, EXT_IDIV, divisor);
	code_place(u->c, done);
	u->used |= BIT(ABI_RDX);
	unit_defined(u, ins->d, quotient ? ABI_RAX : ABI_RDX);
}

static const uint32_t shift_ext[IR_OP_COUNT] = {
	[IR_SHL] = EXT_SHL,
	[IR_SAR] = EXT_SAR,
	[IR_SHR] = EXT_SHR,
};

static void emit_shift(struct unit *u, const struct ir_ins *ins)
{
	int64_t count;
	bool fixed = unit_constant(u, ins->b, &count);
	uint32_t d;

	if (!fixed)
		unit_load(u, ins->b, ABI_RCX);
	d = unit_define(u, ins->d);
	unit_load(u, ins->a, d);
	if (fixed)
		code_shift_number(u->c, shift_ext[ins->op], d, (uint32_t)count & 63);
	else
		code_shift_cl(u->c, shift_ext[ins->op], d);
	unit_defined(u, ins->d, d);
}

static void emit_unary(struct unit *u, const struct ir_ins *ins)
{
	uint32_t d = unit_define(u, ins->d);

	unit_load(u, ins->a, d);
	code_unary(u->c, ins->op == IR_NEG ? EXT_NEG : EXT_NOT, d);
	unit_defined(u, ins->d, d);
}

static void emit_move(struct unit *u, const struct ir_ins *ins)
{
	uint32_t d, reg;

	if (register_of(u, ins->a, &reg)) {
		unit_defined(u, ins->d, reg);
		return;
	}
	d = unit_define(u, ins->d);
	unit_load(u, ins->a, d);
	unit_defined(u, ins->d, d);
}

static void emit_extend(struct unit *u, const struct ir_ins *ins)
{
	static const struct {
		int64_t bytes;
		uint32_t op;
	} ways[] = { { 1, X_MOVSX8 },  { 2, X_MOVSX16 },  { 4, X_MOVSX32 },
		     { -1, X_MOVZX8 }, { -2, X_MOVZX16 }, { -4, X_LOAD32 } };
	uint32_t a = unit_use(u, ins->a, u->scratch), d = unit_define(u, ins->d);

	for (uint32_t i = 0; i < base_count(ways); i++)
		if (ways[i].bytes == ins->i)
			code_rr(u->c, ways[i].op, d, a);
	if (ins->i == 8 || ins->i == -8)
		code_move(u->c, d, a);
	unit_defined(u, ins->d, d);
}

/* ---- comparisons and branches ---------------------------------------------------------- */

static uint32_t condition_of(uint32_t op, bool swapped)
{
	static const uint8_t plain[] = { CC_E, CC_NE, CC_L, CC_LE, CC_G, CC_GE };
	static const uint8_t mirrored[] = { CC_E, CC_NE, CC_G, CC_GE, CC_L, CC_LE };

	return swapped ? mirrored[op - IR_EQ] : plain[op - IR_EQ];
}

/* Compares; the condition that says it holds. */
static uint32_t compare(struct unit *u, const struct ir_ins *ins)
{
	uint32_t a = ins->a, b = ins->b, ra, rb;
	int32_t number;
	bool swap = !unit_constant32(u, b, &number) && unit_constant32(u, a, &number);

	if (swap) {
		a = ins->b;
		b = ins->a;
	}
	ra = unit_use(u, a, u->scratch);
	if (!unit_constant32(u, b, &number)) {
		rb = unit_use(u, b, u->scratch2);
		code_rr(u->c, X_CMP, rb, ra);
	} else if (number == 0) {
		code_rr(u->c, X_TEST, ra, ra);
	} else {
		code_alu_number(u->c, EXT_CMP, ra, number);
	}
	return condition_of(ins->op, swap);
}

static void emit_compare(struct unit *u, const struct ir_ins *ins)
{
	uint32_t condition = compare(u, ins), d;

	u->used |= BIT(u->scratch);
	code_setcc(u->c, condition, u->scratch);
	d = unit_define(u, ins->d);
	code_rr(u->c, X_MOVZX8, d, u->scratch);
	unit_defined(u, ins->d, d);
}

static void go_to(struct unit *u, uint32_t block)
{
	if (block != u->next)
		code_jump(u->c, block);
}

static void branch_on(struct unit *u, uint32_t condition, const struct ir_ins *ins)
{
	if (ins->t == u->next) {
		code_jcc(u->c, condition ^ 1, ins->f);
		return;
	}
	code_jcc(u->c, condition, ins->t);
	go_to(u, ins->f);
}

static void emit_branch(struct unit *u, const struct ir_ins *ins)
{
	int64_t number;
	uint32_t a;

	if (ins->t == ins->f || unit_constant(u, ins->a, &number)) {
		go_to(u, ins->t == ins->f || number ? ins->t : ins->f);
		return;
	}
	a = unit_use(u, ins->a, u->scratch);
	code_rr(u->c, X_TEST, a, a);
	branch_on(u, CC_NE, ins);
}

static void emit_jump(struct unit *u, const struct ir_ins *ins)
{
	go_to(u, ins->t);
}

static void emit_return(struct unit *u, const struct ir_ins *ins)
{
	if (u->form == FORM_FUNCTION && ins->a != IR_NONE)
		unit_load(u, ins->a, ABI_RAX);
	if (!u->falls_to_exit)
		code_jump(u->c, u->exit);
}

static void add_stub(struct unit *u, struct unit_stub stub)
{
	vec_push(u->g->arena, &u->stubs, stub);
}

static void emit_check(struct unit *u, const struct ir_ins *ins)
{
	uint32_t to = ins->t;

	code_alu_number_mem(u->c, EXT_CMP, 0, SLOT_MEMBER(u, error), 0);
	if (ins->i != -1) {
		to = code_label(u->c);
		if (ins->i < -1)
			add_stub(u, (struct unit_stub){ STUB_CALLED, to, ins->t, -2 - ins->i, IR_NONE });
		else
			add_stub(u, (struct unit_stub){ STUB_CHECK, to, ins->t, ins->i, IR_NONE });
	}
	code_jcc(u->c, CC_NE, to);
}

static void emit_budget(struct unit *u, const struct ir_ins *ins)
{
	uint32_t stub = code_label(u->c);

	if (ins->i == 1)
		code_dec_mem(u->c, SLOT_MEMBER(u, actions));
	else
		code_alu_number_mem(u->c, EXT_SUB, OP_W, SLOT_MEMBER(u, actions),
				    (int32_t)base_min(ins->i, (int64_t)INT32_MAX));
	code_jcc(u->c, CC_S, stub);
	add_stub(u, (struct unit_stub){ STUB_BUDGET, stub, ins->t, 0, IR_NONE });
}

/* ---- memory ------------------------------------------------------------------------------- */

static uint32_t load_op(uint32_t size)
{
	return size == 1 ? X_MOVZX8 : size == 2 ? X_MOVZX16 : size == 4 ? X_LOAD32 : X_LOAD;
}

static void emit_load(struct unit *u, const struct ir_ins *ins)
{
	struct code_mem from = unit_address(u, ins->a, ins->i, u->scratch);
	uint32_t d = unit_define(u, ins->d);

	code_rm(u->c, load_op(ins->size), d, from);
	unit_defined(u, ins->d, d);
}

static uint32_t store_op(uint32_t size)
{
	return size == 1 ? X_MOV8 : size == 2 ? X_MOV16 : size == 4 ? X_MOV32 : X_MOV;
}

static void emit_store(struct unit *u, const struct ir_ins *ins)
{
	struct code_mem to = unit_address(u, ins->a, ins->i, u->scratch);
	uint32_t op = store_op(ins->size);
	int64_t number;

	if (unit_constant(u, ins->b, &number) && (ins->size < 8 || number == (int32_t)number))
		code_store_number(u->c, ins->size, to, (int32_t)number);
	else
		code_rm(u->c, op, unit_use(u, ins->b, u->scratch2), to);
}

/* A member of a structure whose address is a member of the slot. */
static void emit_through_slot(struct unit *u, const struct ir_ins *ins, size_t pointer,
			      uint32_t size)
{
	uint32_t d = unit_define(u, ins->d);

	code_rm(u->c, X_LOAD, d, code_at(u->slot, (int64_t)pointer));
	code_rm(u->c, load_op(size), d, code_at(d, ins->i));
	unit_defined(u, ins->d, d);
}

static void emit_site(struct unit *u, const struct ir_ins *ins)
{
	emit_through_slot(u, ins, offsetof(struct abi_slot, site), 8);
}

static void emit_region(struct unit *u, const struct ir_ins *ins)
{
	emit_through_slot(u, ins, offsetof(struct abi_slot, region), ins->size);
}

static void emit_slot(struct unit *u, const struct ir_ins *ins)
{
	uint32_t d = unit_define(u, ins->d);

	code_rm(u->c, load_op(ins->size), d, code_at(u->slot, ins->i));
	unit_defined(u, ins->d, d);
}

/* `op $number, m` or `op reg, m`: one instruction, so that no signal can come between. */
static void change_memory(struct unit *u, uint32_t op, struct code_mem m, uint32_t by)
{
	int32_t number;

	if (!unit_constant32(u, by, &number))
		code_rm(u->c, arithmetics[op].op, unit_use(u, by, u->scratch2), m);
	else if (op == IR_ADD && number == 1)
		code_inc_mem(u->c, m);
	else if (op == IR_SUB && number == 1)
		code_dec_mem(u->c, m);
	else
		code_alu_number_mem(u->c, arithmetics[op].ext, OP_W, m, number);
}

static void emit_shard_add(struct unit *u, const struct ir_ins *ins)
{
	change_memory(u, IR_ADD, unit_shard(u, ins->t, ins->i, u->scratch), ins->a);
}

static void emit_update(struct unit *u, const struct gen_update *update)
{
	struct code_mem m = unit_address(u, update->load->a, update->load->i, u->scratch);

	change_memory(u, update->arithmetic->op, m, update->operand);
}

static void emit_cheap(struct unit *u, const struct ir_ins *ins)
{
	uint32_t d = unit_define(u, ins->d);

	unit_materialize(u, ins, d);
	unit_defined(u, ins->d, d);
}

/* pextrq: no vector register of the target is changed before its values are read. */
static void emit_vector(struct unit *u, const struct ir_ins *ins)
{
	uint32_t d = unit_define(u, ins->d), number = (uint32_t)ins->i / 2;

	code_u8(u->c, 0x66);
	code_u8(u->c, 0x48 | (number >> 3) << 2 | d >> 3);
	code_bytes(u->c, "\x0f\x3a\x16", 3);
	code_u8(u->c, 0xc0 | (number & 7) << 3 | (d & 7));
	code_u8(u->c, ins->i & 1);
	unit_defined(u, ins->d, d);
}

/* ---- blocks --------------------------------------------------------------------------------- */

static emitter *const emitters[IR_OP_COUNT] = {
	[IR_CONST] = emit_cheap,    [IR_STRING] = emit_cheap,	[IR_MOV] = emit_move,
	[IR_ADD] = emit_arithmetic, [IR_SUB] = emit_arithmetic, [IR_MUL] = emit_multiply,
	[IR_DIV] = emit_divide,	    [IR_MOD] = emit_divide,	[IR_AND] = emit_arithmetic,
	[IR_OR] = emit_arithmetic,  [IR_XOR] = emit_arithmetic, [IR_SHL] = emit_shift,
	[IR_SAR] = emit_shift,	    [IR_SHR] = emit_shift,	[IR_NEG] = emit_unary,
	[IR_NOT] = emit_unary,	    [IR_EQ] = emit_compare,	[IR_NE] = emit_compare,
	[IR_LT] = emit_compare,	    [IR_LE] = emit_compare,	[IR_GT] = emit_compare,
	[IR_GE] = emit_compare,	    [IR_EXTEND] = emit_extend,	[IR_FRAME] = emit_cheap,
	[IR_TARGET] = emit_cheap,   [IR_SITE] = emit_site,	[IR_SLOT] = emit_slot,
	[IR_REGION] = emit_region,  [IR_GLOBAL] = emit_cheap,	[IR_SHARD] = emit_cheap,
	[IR_STATDESC] = emit_cheap, [IR_FORMAT] = emit_cheap,	[IR_LOCKS] = emit_cheap,
	[IR_REGEX] = emit_cheap,
	[IR_LOAD] = emit_load,	    [IR_STORE] = emit_store,	[IR_SHARDADD] = emit_shard_add,
	[IR_CALL] = unit_call,	    [IR_CALLF] = unit_callf,	[IR_CHECK] = emit_check,
	[IR_BUDGET] = emit_budget,  [IR_JUMP] = emit_jump,	[IR_BRANCH] = emit_branch,
	[IR_RETURN] = emit_return,   [IR_VECTOR] = emit_vector,	[IR_INSERTED] = emit_cheap,
};

/* Its result is repeated where it is used, or not used. */
static bool is_silent(const struct unit *u, const struct ir_ins *ins)
{
	uint32_t d = gen_written(ins);

	return d != IR_NONE && gen_is_pure(ins) &&
	       (u->plan.places[d].kind == PLACE_VALUE || u->plan.reads[d] == 0);
}

static void emit_block(struct unit *u, const struct ir_block *b)
{
	struct gen_update update;

	for (uint32_t i = 0; i < b->ins.n; i++) {
		const struct ir_ins *ins = &b->ins.p[i];

		if (is_silent(u, ins))
			continue;
		if (gen_feeds_branch(&u->plan, b, i)) {
			branch_on(u, compare(u, ins), &b->ins.p[b->ins.n - 1]);
			return;
		}
		if (gen_find_update(&u->plan, b, i, &update)) {
			emit_update(u, &update);
			i = update.last;
		} else {
			emitters[ins->op](u, ins);
		}
	}
}

void unit_blocks(struct unit *u, bool cold)
{
	uint32_t end = cold ? u->plan.n_order : u->plan.n_hot;

	for (uint32_t i = cold ? u->plan.n_hot : 0; i < end; i++) {
		uint32_t block = u->plan.order[i];

		u->next = i + 1 < end ? u->plan.order[i + 1] : IR_NONE;
		u->falls_to_exit = !cold && i + 1 == end;
		code_place(u->c, block);
		emit_block(u, &u->f->blocks.p[block]);
	}
}
