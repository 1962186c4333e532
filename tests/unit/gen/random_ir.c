/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random modules.
 *
 * A function has a pool of registers, all written at its start and stored to
 * a global at its end, so that every value matters.  Addresses live in
 * temporaries of their own and never mix with values.
 */
#include "random_ir.h"

#include <string.h>

#include "abi/abi.h"
#include "stubs.h"

#define FUNCTIONS 3u
#define STRINGS 4u
#define FORMATS 3u
#define REGEXES 2u
enum { GLOBAL_DUMP, GLOBAL_LONG, GLOBAL_SHARD_A, GLOBAL_SHARD_B, GLOBAL_STAT, GLOBALS };

struct maker {
	struct arena *arena;
	struct ir_module *m;
	const struct random_options *o;
	struct ir_function *f;
	uint32_t block, pool, exit, error_to;
	uint32_t left, nesting;
	bool leaf; /* the function calls nothing */
	uint64_t state;
};

static uint64_t next(struct maker *k)
{
	k->state ^= k->state << 13;
	k->state ^= k->state >> 7;
	k->state ^= k->state << 17;
	return k->state * 0x2545f4914f6cdd1dull >> 11;
}

static uint32_t below(struct maker *k, uint32_t n)
{
	return (uint32_t)(next(k) % n);
}

/* ---- building ----------------------------------------------------------------------- */

static struct ir_ins *put(struct maker *k, uint32_t op)
{
	struct ir_block *b = &k->f->blocks.p[k->block];

	vec_push(k->arena, &b->ins,
		 (struct ir_ins){ .op = (uint8_t)op,
				  .d = IR_NONE,
				  .a = IR_NONE,
				  .b = IR_NONE,
				  .t = IR_NONE,
				  .f = IR_NONE });
	return &b->ins.p[b->ins.n - 1];
}

static uint32_t new_block(struct maker *k, bool cold)
{
	vec_push(k->arena, &k->f->blocks, (struct ir_block){ .cold = cold });
	return k->f->blocks.n - 1;
}

static uint32_t fresh(struct maker *k)
{
	return k->f->n_registers++;
}

static uint32_t pool(struct maker *k)
{
	return below(k, k->pool);
}

static int64_t number(struct maker *k)
{
	static const int64_t edges[] = { 0,
					 1,
					 -1,
					 2,
					 7,
					 8,
					 63,
					 64,
					 127,
					 128,
					 -128,
					 -129,
					 255,
					 4096,
					 INT32_MAX,
					 INT32_MIN,
					 (int64_t)INT32_MAX + 1,
					 (int64_t)INT32_MIN - 1,
					 UINT32_MAX,
					 INT64_MAX,
					 INT64_MIN,
					 0x123456789abcdef };

	return below(k, 4) ? edges[below(k, base_count(edges))] :
			     (int64_t)(next(k) << below(k, 12));
}

static uint32_t put_number(struct maker *k, uint32_t op, int64_t i)
{
	uint32_t d = fresh(k);
	struct ir_ins *ins = put(k, op);

	ins->d = d;
	ins->i = i;
	return d;
}

/* A register of the pool, or a constant. */
static uint32_t operand(struct maker *k)
{
	return below(k, 3) ? pool(k) : put_number(k, IR_CONST, number(k));
}

static uint32_t put_binary(struct maker *k, uint32_t op, uint32_t d, uint32_t a, uint32_t b)
{
	struct ir_ins *ins = put(k, op);

	ins->d = d;
	ins->a = a;
	ins->b = b;
	return d;
}

static void put_jump(struct maker *k, uint32_t to)
{
	put(k, IR_JUMP)->t = to;
}

static void put_branch(struct maker *k, uint32_t a, uint32_t yes, uint32_t no)
{
	struct ir_ins *ins = put(k, IR_BRANCH);

	ins->a = a;
	ins->t = yes;
	ins->f = no;
}

static void put_check(struct maker *k, int64_t where, uint32_t to)
{
	struct ir_ins *ins = put(k, IR_CHECK);

	ins->i = where;
	ins->t = to;
}

static void put_budget(struct maker *k)
{
	uint32_t cost = 1 + below(k, 3);
	struct ir_ins *ins = put(k, IR_BUDGET);

	ins->i = cost;
	ins->t = k->exit;
}

/* ---- statements --------------------------------------------------------------------------- */

static void say_arithmetic(struct maker *k)
{
	static const uint8_t ops[] = { IR_ADD, IR_SUB, IR_MUL, IR_AND, IR_OR,
				       IR_XOR, IR_SHL, IR_SAR, IR_SHR, IR_EQ,
				       IR_NE,  IR_LT,  IR_LE,  IR_GT,  IR_GE };
	uint32_t a = operand(k), b = operand(k);

	put_binary(k, ops[below(k, base_count(ops))], pool(k), a, b);
}

static void say_division(struct maker *k)
{
	uint32_t a = operand(k), b;

	if (k->o->small)
		return;
	if (below(k, 2)) {
		int64_t n = number(k);

		b = put_number(k, IR_CONST, n ? n : 3);
	} else {
		b = put_binary(k, IR_OR, fresh(k), pool(k), put_number(k, IR_CONST, 1));
	}
	put_binary(k, below(k, 2) ? IR_DIV : IR_MOD, pool(k), a, b);
}

static void say_unary(struct maker *k)
{
	static const int8_t widths[] = { 1, 2, 4, -1, -2, -4 };
	static const uint8_t ops[] = { IR_MOV, IR_NEG, IR_NOT, IR_EXTEND };
	uint32_t a = operand(k), d = pool(k);
	int64_t width = widths[below(k, base_count(widths))];
	struct ir_ins *ins = put(k, ops[below(k, base_count(ops))]);

	ins->d = d;
	ins->a = a;
	ins->i = ins->op == IR_EXTEND ? width : 0;
}

static void say_number(struct maker *k)
{
	int64_t n = number(k);
	struct ir_ins *ins = put(k, IR_CONST);

	ins->d = pool(k);
	ins->i = n;
}

/* An address with at least 64 bytes behind it. */
static uint32_t address(struct maker *k)
{
	uint32_t kind = below(k, 3);

	if (kind == 0 && k->f->frame_size)
		return put_number(k, IR_FRAME, below(k, k->f->frame_size / 64) * 64);
	if (kind == 1)
		return put_number(k, IR_SHARD, GLOBAL_STAT);
	return put_number(k, IR_GLOBAL, GLOBAL_DUMP);
}

static uint32_t put_load(struct maker *k, uint32_t d, uint32_t a, int64_t i, uint8_t size)
{
	struct ir_ins *ins = put(k, IR_LOAD);

	ins->d = d;
	ins->a = a;
	ins->i = i;
	ins->size = size;
	return d;
}

static void put_store(struct maker *k, uint32_t a, int64_t i, uint32_t b, uint8_t size)
{
	struct ir_ins *ins = put(k, IR_STORE);

	ins->a = a;
	ins->i = i;
	ins->b = b;
	ins->size = size;
}

static void say_memory(struct maker *k)
{
	uint8_t size = (uint8_t)(1u << below(k, 4));
	uint32_t a = address(k), i = below(k, 48);

	if (below(k, 2))
		put_load(k, pool(k), a, i, size);
	else
		put_store(k, a, i, operand(k), size);
}

static void say_update(struct maker *k)
{
	static const uint8_t ops[] = { IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR };
	uint32_t a = address(k), i = below(k, 6) * 8, x = fresh(k), y = fresh(k), by = operand(k);
	uint8_t op = ops[below(k, base_count(ops))];
	bool swapped = below(k, 4) == 0;

	put_load(k, x, a, i, 8);
	put_binary(k, op, y, swapped ? by : x, swapped ? x : by);
	put_store(k, below(k, 8) ? a : address(k), below(k, 8) ? i : 16, y, 8);
	if (below(k, 4) == 0)
		put_binary(k, IR_ADD, pool(k), y, pool(k));
}

static void say_shard_add(struct maker *k)
{
	uint32_t a = operand(k), t = GLOBAL_SHARD_A + below(k, 3);
	struct ir_ins *ins = put(k, IR_SHARDADD);

	ins->a = a;
	ins->t = t;
	ins->i = t == GLOBAL_STAT ? 8 * below(k, 6) : 0;
}

static void say_context(struct maker *k)
{
	static const uint32_t slot_members[] = { offsetof(struct abi_slot, actions),
						 offsetof(struct abi_slot, returning) };
	uint32_t kind = below(k, 6), at = slot_members[below(k, 2)], d = pool(k),
		 which = below(k, ABI_REGISTERS);
	struct ir_ins *ins;

	if (k->o->small && kind != 5)
		which = below(k, 16);
	if (k->o->target && k->f->context == CONTEXT_TARGET && kind < 3) {
		ins = put(k, kind == 2 && !k->o->small ? IR_SITE : IR_TARGET);
		ins->i = ins->op == IR_SITE ? 8 * which % 48 : which;
	} else if (kind == 5) {
		ins = put(k, IR_REGION);
		ins->i = offsetof(struct abi_region, max_action);
		ins->size = 8;
	} else {
		ins = put(k, IR_SLOT);
		ins->i = at;
		ins->size = below(k, 2) ? 4 : 8;
	}
	ins->d = d;
}

static void say_constant_data(struct maker *k)
{
	uint32_t a;

	if (k->o->small)
		return;
	if (below(k, 3) == 0)
		a = put_number(k, IR_REGEX, below(k, REGEXES));
	else
		a = below(k, 2) ? put_number(k, IR_FORMAT, below(k, FORMATS)) :
				  put_number(k, IR_STATDESC, GLOBAL_STAT);
	put_load(k, pool(k), a, 4 * below(k, 4), 4);
}

static struct ir_ins *put_call(struct maker *k, const char *name, uint32_t n, const uint32_t *args)
{
	struct ir_ins *ins = put(k, IR_CALL);

	ins->name = name;
	ins->n_args = n;
	ins->args = n ? arena_dup(k->arena, args, n * sizeof *args) : NULL;
	return ins;
}

static void say_call(struct maker *k)
{
	uint32_t n = below(k, STUB_CALLS), args[STUB_CALLS], d = pool(k);
	struct ir_ins *ins;

	if (k->leaf)
		return;
	for (uint32_t i = 0; i < n; i++)
		args[i] = operand(k);
	if (below(k, 6) == 0) {
		args[0] = put_number(k, IR_STRING, below(k, STRINGS));
		ins = put_call(k, "test_string", 1, args);
	} else if (below(k, 6) == 0 && k->f->locks.n) {
		args[0] = put_number(k, IR_LOCKS, 0);
		args[1] = put_number(k, IR_CONST, k->f->locks.n);
		ins = put_call(k, "test_locks", 2, args);
	} else {
		ins = put_call(k, arena_printf(k->arena, "test_call%u", n), n, args);
	}
	ins->d = below(k, 4) ? d : IR_NONE;
	if (below(k, 2))
		put_check(k, below(k, 4), k->error_to);
}

static void say_script_call(struct maker *k)
{
	uint32_t callee = below(k, FUNCTIONS), n = k->m->functions.p[callee]->n_parameters;
	uint32_t *args = arena_array(k->arena, uint32_t, n + 1), d = pool(k);
	struct ir_ins *ins;

	if (k->leaf)
		return;
	for (uint32_t i = 0; i < n; i++)
		args[i] = operand(k);
	ins = put(k, IR_CALLF);
	ins->i = callee;
	ins->t = below(k, 4);
	ins->n_args = n;
	ins->args = args;
	ins->d = below(k, 4) ? d : IR_NONE;
	put_check(k, below(k, 2) ? -1 : -2 - (int64_t)below(k, 4), k->error_to);
}

static void say_body(struct maker *k, uint32_t most);

static uint32_t put_condition(struct maker *k)
{
	if (below(k, 3) == 0)
		return pool(k);
	return put_binary(k, IR_EQ + below(k, 6), fresh(k), operand(k), operand(k));
}

static void say_if(struct maker *k)
{
	uint32_t yes = new_block(k, below(k, 4) == 0), no = new_block(k, false),
		 join = new_block(k, false);

	put_branch(k, put_condition(k), yes, no);
	k->block = yes;
	say_body(k, 4);
	put_jump(k, join);
	k->block = no;
	if (below(k, 2))
		say_body(k, 4);
	put_jump(k, join);
	k->block = join;
}

static void say_loop(struct maker *k)
{
	uint32_t head = new_block(k, false), body, out, count;

	if (k->o->small) {
		put_jump(k, head);
		k->block = head;
		return;
	}
	body = new_block(k, false);
	out = new_block(k, false);
	count = put_number(k, IR_CONST, 1 + below(k, 5));
	put_jump(k, head);
	k->block = head;
	put_budget(k);
	put_branch(k, put_condition(k), body, out);
	k->block = body;
	say_body(k, 5);
	put_binary(k, IR_SUB, count, count, put_number(k, IR_CONST, 1));
	put_branch(k, count, head, out);
	k->block = out;
}

/* Statements whose errors are caught in a cold block that goes on behind them. */
static void say_try(struct maker *k)
{
	uint32_t outer = k->error_to, handler, join;

	if (k->leaf)
		return;
	handler = new_block(k, true);
	join = new_block(k, false);
	k->error_to = handler;
	say_body(k, 4);
	put_jump(k, join);
	k->error_to = outer;
	k->block = handler;
	put_call(k, "test_catch", 0, NULL);
	say_body(k, 2);
	put_jump(k, join);
	k->block = join;
}

static void say_statement(struct maker *k)
{
	static void (*const plain[])(struct maker *) = {
		say_arithmetic, say_arithmetic,	   say_arithmetic, say_unary,  say_division,
		say_number,	say_memory,	   say_memory,	   say_update, say_shard_add,
		say_context,	say_constant_data, say_call,	   say_call,   say_script_call,
	};
	static void (*const nested[])(struct maker *) = { say_if, say_if, say_loop, say_try };

	k->left--;
	if (k->nesting < 4 && below(k, 5) == 0) {
		k->nesting++;
		nested[below(k, base_count(nested))](k);
		k->nesting--;
	} else {
		plain[below(k, base_count(plain))](k);
	}
}

static void say_body(struct maker *k, uint32_t most)
{
	for (uint32_t n = 1 + below(k, most); n && k->left; n--)
		say_statement(k);
}

/* ---- functions ---------------------------------------------------------------------------- */

static void write_pool(struct maker *k)
{
	for (uint32_t i = k->f->n_parameters; i < k->pool; i++) {
		int64_t n = number(k);
		struct ir_ins *ins = put(k, IR_CONST);

		ins->d = i;
		ins->i = n;
	}
}

static void store_pool(struct maker *k)
{
	uint32_t a = put_number(k, IR_GLOBAL, GLOBAL_DUMP), offset = 64;

	for (uint32_t i = 0; i < k->pool && offset < 480; i++, offset += 8)
		put_store(k, a, offset, i, 8);
}

static void fill(struct maker *k, struct ir_function *f)
{
	k->f = f;
	k->leaf = k->o->small || below(k, 4) == 0;
	k->pool = f->n_parameters + (k->o->small ? 1 + below(k, 3) : 2 + below(k, 20));
	f->n_registers = k->pool;
	k->block = new_block(k, false);
	k->exit = new_block(k, below(k, 2) == 0);
	k->error_to = k->exit;
	k->left = k->o->small ? 3 + below(k, 8) : 5 + below(k, 60);
	write_pool(k);
	if (!f->is_handler)
		put_budget(k);
	while (k->left)
		say_statement(k);
	if (!k->o->small || below(k, 2))
		store_pool(k);
	put_jump(k, k->exit);
	k->block = k->exit;
	if (!k->o->small)
		put_store(k, put_number(k, IR_GLOBAL, GLOBAL_DUMP), 56, below(k, k->pool), 8);
	if (!f->is_handler) {
		uint32_t result = below(k, k->pool);

		put(k, IR_RETURN)->a = result;
	} else {
		put(k, IR_RETURN);
	}
}

static struct ir_function *new_function(struct maker *k, const char *name, bool is_handler)
{
	struct ir_function *f = arena_new(k->arena, struct ir_function);

	f->name = name;
	f->is_handler = is_handler;
	f->context = k->o->target ? CONTEXT_TARGET : CONTEXT_TOOL;
	f->n_parameters = is_handler ? 0 : below(k, 9);
	f->frame_size = k->o->small ? 0 : 64 * below(k, 4);
	f->is_recursive = !is_handler;
	for (uint32_t i = 0, n = below(k, 3); is_handler && i < n; i++)
		vec_push(k->arena, &f->locks, i | below(k, 2) << 31);
	vec_push(k->arena, &k->m->functions, f);
	return f;
}

/* ---- the rest of the module ---------------------------------------------------------------- */

static void add_globals(struct maker *k)
{
	static const struct ir_global globals[GLOBALS] = {
		[GLOBAL_DUMP] = { .name = "dump",
				  .share = ABI_SHARE_LOCKED,
				  .value_kind = ABI_VALUE_STRING,
				  .init_string = "some text",
				  .init_length = 9 },
		[GLOBAL_LONG] = { .name = "long", .share = ABI_SHARE_LOCKED, .init_long = -5 },
		[GLOBAL_SHARD_A] = { .name = "a", .share = ABI_SHARE_SHARDED },
		[GLOBAL_SHARD_B] = { .name = "b", .share = ABI_SHARE_SHARDED, .init_long = 3 },
		[GLOBAL_STAT] = { .name = "stat",
				  .share = ABI_SHARE_SHARDED,
				  .value_kind = ABI_VALUE_STAT,
				  .keep = ABI_KEEP_COUNT | ABI_KEEP_SUM | ABI_KEEP_LINEAR,
				  .low = 0,
				  .high = 100,
				  .step = 10,
				  .shift = 2 },
	};

	for (uint32_t i = 0; i < GLOBALS; i++)
		vec_push(k->arena, &k->m->globals, globals[i]);
}

static void add_constants(struct maker *k)
{
	struct format_part *parts = arena_array(k->arena, struct format_part, 2);

	parts[0] = (struct format_part){ .text = "value ", .text_length = 6 };
	parts[1] = (struct format_part){ .conversion = 'd', .has_width = true, .width = 7 };
	for (uint32_t i = 0; i < STRINGS; i++) {
		char *text = arena_printf(k->arena, "literal %u", i);

		vec_push(k->arena, &k->m->strings,
			 (struct ir_string){ text, (uint32_t)strlen(text) });
		vec_push(k->arena, &k->m->positions, "somewhere");
	}
	for (uint32_t i = 0; i < REGEXES; i++) {
		struct abi_regex *head = arena_alloc(k->arena, sizeof *head + 4 * i);

		*head = (struct abi_regex){ .size = (uint32_t)sizeof *head + 4 * i, .start = 7 + i };
		vec_push(k->arena, &k->m->regexes, (struct sema_regex){ .head = head });
	}
	k->m->formats = arena_array(k->arena, struct ir_format, FORMATS);
	k->m->n_formats = k->m->cap_formats = FORMATS;
	for (uint32_t i = 0; i < FORMATS; i++)
		k->m->formats[i] =
			(struct ir_format){ .parts = parts, .n_parts = 1 + i % 2, .n_args = i % 2 };
}

static void add_probe(struct maker *k)
{
	struct sema_point *point = arena_new(k->arena, struct sema_point);
	struct sema_probe *probe = arena_new(k->arena, struct sema_probe);

	point->event = k->o->target ? EVENT_SITE : EVENT_BEGIN;
	point->context = k->o->target ? CONTEXT_TARGET : CONTEXT_TOOL;
	probe->point = point;
	probe->name = "random";
	static const uint32_t kinds[] = { SITE_ENTRY, SITE_MARK, SITE_RETURN };

	for (uint32_t i = 0; k->o->target && i < RANDOM_SITES; i++) {
		struct sema_site *site = arena_new(k->arena, struct sema_site);

		*site = (struct sema_site){ .module = "/bin/random",
					    .address = 0x1000 + i,
					    .point = "random.site",
					    .flags = kinds[i % base_count(kinds)],
					    .function = "random" };
		vec_push(k->arena, &probe->sites, site);
	}
	vec_push(k->arena, &k->m->probes, (struct ir_probe){ probe, k->m->functions.n - 1 });
}

struct ir_module *random_module(struct arena *a, const struct random_options *o)
{
	struct maker k = { .arena = a,
			   .o = o,
			   .m = arena_new(a, struct ir_module),
			   .state = (o->seed + 1) * 0x9e3779b97f4a7c15ull };

	k.m->arena = a;
	add_globals(&k);
	add_constants(&k);
	for (uint32_t i = 0; i < FUNCTIONS; i++)
		new_function(&k, arena_printf(a, "f%u", i), false);
	new_function(&k, "probe 0", true);
	for (uint32_t i = 0; i <= FUNCTIONS; i++)
		fill(&k, k.m->functions.p[i]);
	add_probe(&k);
	return k.m;
}

struct ir_module *counter_module(struct arena *a)
{
	struct random_options o = { .target = true, .small = true };
	struct maker k = { .arena = a, .o = &o, .m = arena_new(a, struct ir_module), .state = 1 };
	uint32_t one;

	k.m->arena = a;
	add_globals(&k);
	k.f = new_function(&k, "probe 0", true);
	k.f->locks.n = 0;
	k.block = new_block(&k, false);
	one = put_number(&k, IR_CONST, 1);
	put(&k, IR_SHARDADD)->a = one;
	k.f->blocks.p[0].ins.p[1].t = GLOBAL_SHARD_A;
	put(&k, IR_RETURN);
	add_probe(&k);
	return k.m;
}
