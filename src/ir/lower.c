/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checked program to a module: globals, handlers, script functions.
 *
 * A handler:
 *	entry:	locks, locals = 0, condition ──no──▶ exit
 *	...	the body; errors ──▶ the innermost catch, or exit
 *	exit:	unlock, return
 * A handler that wrote what a condition of a site depends on tells the tool at its exit; the tool
 * asks each condition by a function of its own, and arms or disarms the sites.
 * A script function has no locks; its exit returns 0 after an error that its
 * caller will see.
 */
#include "ir/build.h"

#include <stdlib.h>
#include <string.h>

/* ---- places of locals ----------------------------------------------------------- */

struct place *ir_place(struct build *b, const struct lang_variable *v)
{
	struct place *p = map_find_u64(b->places, (uintptr_t)v);

	base_assert(p);
	return p;
}

uint32_t ir_place_buffer(struct build *b, const struct place *p)
{
	return p->is_buffer ? ir_emit_number(b, IR_FRAME, p->at) : p->at;
}

static struct place *place_new(struct build *b, const struct lang_variable *v)
{
	struct place *p = arena_new(b->lower->arena, struct place);

	map_put_u64(b->places, (uintptr_t)v, p);
	return p;
}

void ir_place_add(struct build *b, const struct lang_variable *v)
{
	struct place *p = place_new(b, v);

	p->is_buffer = v->type == TYPE_STRING;
	if (p->is_buffer)
		p->at = ir_frame_take(b, b->lower->string_size);
	else
		p->at = ir_register_new(b);
}

static void clear_local(struct build *b, const struct lang_variable *v)
{
	struct place *p = ir_place(b, v);

	if (p->is_buffer)
		ir_emit_empty_string(b, ir_place_buffer(b, p));
	else
		ir_emit_set(b, p->at, 0);
}

/* ---- functions ------------------------------------------------------------------ */

static void build_init(struct build *b, struct lower *l, const struct sema_function *source,
		       enum probe_context context)
{
	*b = (struct build){ .lower = l, .source = source, .out = IR_NONE };
	b->function.context = context;
	b->places = map_create(l->arena);
	b->break_to = b->continue_to = IR_NONE;
	b->block = ir_block_new(b);
	b->exit = ir_block_new(b);
	b->on_error = b->exit;
}

/*
 * Parameters are used in their registers, strings in the caller's buffers;
 * only those that the function changes get places of their own, so that the
 * caller's variable, or the next overload's argument, stays what it is.
 */
static void place_parameter(struct build *b, const struct lang_variable *v, uint32_t number)
{
	struct place *p;

	if (map_find_u64(b->lower->effects.written, (uintptr_t)v)) {
		ir_place_add(b, v);
		return;
	}
	p = place_new(b, v);
	p->at = number;
}

static void copy_parameter(struct build *b, const struct lang_variable *v, uint32_t number)
{
	struct place *p = ir_place(b, v);

	if (p->is_buffer)
		ir_emit_effect(b, "rt_str_copy", 2, number, ir_place_buffer(b, p));
	else
		ir_emit_move(b, p->at, number);
}

static void enter_function(struct build *b, const struct sema_function *f)
{
	uint32_t n = f->n_parameters + (f->type == TYPE_STRING);

	b->function.n_parameters = n;
	b->function.n_registers = n;
	if (f->type == TYPE_STRING)
		b->out = f->n_parameters;
	for (uint32_t i = 0; i < f->n_parameters; i++)
		place_parameter(b, f->parameters[i], i);
	vec_each(v, &f->locals)
		ir_place_add(b, *v);
	b->temporaries = b->function.n_registers;
	ir_emit_budget(b, base_max(ir_count_statements(f->body), 1u), f->span);
	for (uint32_t i = 0; i < f->n_parameters; i++)
		copy_parameter(b, f->parameters[i], i);
	vec_each(v, &f->locals)
		clear_local(b, *v);
}

/* The end of the body, and the way out after an error. */
static void leave_function(struct build *b)
{
	uint32_t value;

	if (b->out != IR_NONE)
		ir_emit_empty_string(b, b->out);
	ir_emit_jump(b, b->exit);
	ir_block_open(b, b->exit);
	value = b->out == IR_NONE ? ir_emit_const(b, 0) : IR_NONE;
	ir_emit(b, IR_RETURN)->a = value;
}

static void lower_function(struct lower *l, const struct pending *p)
{
	struct ir_function *f = l->module->functions.p[p->number];
	struct build b;

	build_init(&b, l, p->source, p->context);
	enter_function(&b, p->source);
	ir_lower_stmt(&b, p->source->body);
	leave_function(&b);
	b.function.name = f->name;
	b.function.is_recursive = p->source->is_recursive;
	*f = b.function;
}

/* ---- handlers ------------------------------------------------------------------- */

static int compare_locks(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a & ~LOCK_WRITE, y = *(const uint32_t *)b & ~LOCK_WRITE;

	return x < y ? -1 : x > y;
}

static void find_locks(struct build *b, const struct ir_uses *uses)
{
	const struct ir_effects *e = &b->lower->effects;

	vec_each(u, &uses->list)
		if (e->needs_lock[u->global])
			vec_push(b->lower->arena, &b->function.locks,
				 u->global | (u->how & ~USE_READ ? LOCK_WRITE : 0));
	if (b->function.locks.n)
		qsort(b->function.locks.p, b->function.locks.n, sizeof(uint32_t), compare_locks);
}

/* Not to get the locks is to skip the hit. */
static void take_locks(struct build *b)
{
	uint32_t skip, held, locks, number;

	if (!b->function.locks.n)
		return;
	skip = ir_block_cold(b);
	held = ir_block_new(b);
	locks = ir_register_new(b);
	ir_emit(b, IR_LOCKS)->d = locks;
	number = ir_emit_const(b, b->function.locks.n);
	ir_emit_branch(b, ir_emit_call(b, "rt_lock", 0, 2, locks, number), held, skip);
	ir_block_open(b, skip);
	ir_emit(b, IR_RETURN);
	ir_block_open(b, held);
}

static void test_condition(struct build *b, const struct expr *e)
{
	uint32_t go = ir_block_new(b), frame = b->frame;

	ir_lower_condition(b, e, go, b->exit);
	b->frame = frame;
	ir_block_open(b, go);
}

static bool writes_what_decides(const struct ir_effects *e, const struct ir_uses *uses)
{
	vec_each(u, &uses->list)
		if (e->decides[u->global] && u->how & (USE_ADD | USE_WRITE))
			return true;
	return false;
}

/* The inserted frame begins as zeroes: its first word says whether the saver was there. */
static void set_saved(struct build *b)
{
	ir_emit_store(b, ir_emit_number(b, IR_INSERTED, 0), 0, ir_emit_const(b, 1), 8);
}

/* A return whose entry was skipped has nothing to say. */
static void test_saved(struct build *b)
{
	uint32_t go = ir_block_new(b);
	uint32_t saved = ir_emit_load(b, ir_emit_number(b, IR_INSERTED, 0), 0, 8);

	ir_emit_branch(b, saved, go, b->exit);
	ir_block_open(b, go);
}

/* On every way out: what the frame refers to is not needed any more. */
static void drop_texts(struct build *b, const struct sema_probe *saver)
{
	vec_each(o, &saver->entries) {
		uint32_t at;

		if ((*o)->type != TYPE_STRING)
			continue;
		at = ir_emit_number(b, IR_INSERTED, (*o)->displacement);
		ir_emit_effect(b, "rt_text_drop", 1, ir_emit_load(b, at, 0, 8));
	}
}

static void build_handler(struct build *b, const struct sema_probe *p)
{
	const struct ir_uses *uses = &b->lower->effects.probes[p->index];
	uint32_t statements = ir_count_statements(p->body);
	uint32_t start = b->lower->limits->timing ? ir_emit_call(b, "rt_cycles", 0, 0) : IR_NONE;

	if (ir_probe_is_concurrent(p))
		find_locks(b, uses);
	vec_each(v, &p->locals)
		ir_place_add(b, *v);
	b->temporaries = b->function.n_registers;
	/* It may have to wait for the tool: not with locks. */
	if (uses->asks_counters)
		ir_emit_effect(b, "rt_counters_open", 0);
	take_locks(b);
	if (uses->asks_match)
		ir_emit_effect(b, "rt_match_forget", 0);
	if (p->saver)
		test_saved(b);
	if (p->condition)
		test_condition(b, p->condition);
	vec_each(v, &p->locals)
		clear_local(b, *v);
	if (b->lower->limits->max_action && statements > b->lower->limits->max_action)
		ir_emit_budget(b, statements, p->body->span);
	ir_lower_stmt(b, p->body);
	if (p->is_saver)
		set_saved(b);
	ir_emit_jump(b, b->exit);
	ir_block_open(b, b->exit);
	if (p->saver)
		drop_texts(b, p->saver);
	if (b->function.locks.n)
		ir_emit_effect(b, "rt_unlock", 0);
	if (writes_what_decides(&b->lower->effects, uses))
		ir_emit_effect(b, "rt_condition_changed", 0);
	if (start != IR_NONE)
		ir_emit_effect(b, "rt_timing", 2, ir_emit_const(b, b->lower->module->probes.n),
			       start);
	ir_emit(b, IR_RETURN);
	b->function.is_handler = true;
	b->function.at_watch = p->sites.n && p->sites.p[0]->flags & SITE_WATCH;
	b->function.at_return = p->sites.n && p->sites.p[0]->flags & (SITE_RETURN | SITE_SYSCALL_RETURN | SITE_WATCH);
}

/* Of a probe at sites: whether its condition holds now, asked in the tool. */
static void build_condition(struct build *b, const struct sema_probe *p)
{
	find_locks(b, &b->lower->effects.conditions[p->index]);
	b->temporaries = b->function.n_registers;
	take_locks(b);
	test_condition(b, p->condition);
	ir_emit_effect(b, "rt_condition_holds", 0);
	ir_emit_jump(b, b->exit);
	ir_block_open(b, b->exit);
	if (b->function.locks.n)
		ir_emit_effect(b, "rt_unlock", 0);
	ir_emit(b, IR_RETURN);
	b->function.is_handler = true;
}

/* ---- one function for handlers that are the same -------------------------------- */

struct handler {
	uint32_t number; /* in the module's functions */
	struct handler *next;
};

static uint64_t mix(uint64_t hash, uint64_t v)
{
	return (hash ^ v) * 0x9e3779b97f4a7c15ull ^ hash >> 29;
}

static uint64_t hash_ins(uint64_t h, const struct ir_ins *ins)
{
	h = mix(h, ins->op | (uint64_t)ins->size << 8 | (uint64_t)ins->d << 32);
	h = mix(h, ins->a | (uint64_t)ins->b << 32);
	h = mix(h, ins->t | (uint64_t)ins->f << 32);
	h = mix(h, (uint64_t)ins->i);
	for (uint32_t i = 0; i < ins->n_args; i++)
		h = mix(h, ins->args[i]);
	return h;
}

static uint64_t hash_function(const struct ir_function *f)
{
	uint64_t h = f->context;

	vec_each(block, &f->blocks)
		vec_each(ins, &block->ins)
			h = hash_ins(h, ins);
	return h;
}

static bool same_ins(const struct ir_ins *a, const struct ir_ins *b)
{
	if (a->op != b->op || a->size != b->size || a->flags != b->flags || a->d != b->d ||
	    a->a != b->a || a->b != b->b || a->i != b->i || a->t != b->t || a->f != b->f ||
	    a->n_args != b->n_args)
		return false;
	if (a->name != b->name && (!a->name || !b->name || strcmp(a->name, b->name) != 0))
		return false;
	return !a->n_args || !memcmp(a->args, b->args, a->n_args * sizeof *a->args);
}

static bool same_block(const struct ir_block *a, const struct ir_block *b)
{
	if (a->ins.n != b->ins.n || a->cold != b->cold)
		return false;
	for (uint32_t i = 0; i < a->ins.n; i++)
		if (!same_ins(&a->ins.p[i], &b->ins.p[i]))
			return false;
	return true;
}

static bool same_function(const struct ir_function *a, const struct ir_function *b)
{
	if (a->context != b->context || a->at_return != b->at_return || a->at_watch != b->at_watch || a->frame_size != b->frame_size ||
	    a->blocks.n != b->blocks.n || a->n_registers != b->n_registers ||
	    a->locks.n != b->locks.n)
		return false;
	if (a->locks.n && memcmp(a->locks.p, b->locks.p, a->locks.n * sizeof *a->locks.p) != 0)
		return false;
	for (uint32_t i = 0; i < a->blocks.n; i++)
		if (!same_block(&a->blocks.p[i], &b->blocks.p[i]))
			return false;
	return true;
}

/* The number of f in the module; f is added unless an equal handler is there. */
static uint32_t handler_number(struct lower *l, const struct ir_function *f)
{
	uint64_t hash = hash_function(f);
	struct handler *first = map_find_u64(l->handlers, hash), *h;

	for (h = first; h; h = h->next)
		if (same_function(l->module->functions.p[h->number], f))
			return h->number;
	vec_push(l->arena, &l->module->functions, arena_dup(l->arena, f, sizeof *f));
	h = arena_new(l->arena, struct handler);
	h->number = l->module->functions.n - 1;
	h->next = first;
	map_put_u64(l->handlers, hash, h);
	return h->number;
}

static void lower_probe(struct lower *l, struct sema_probe *p)
{
	struct ir_probe probe = { .probe = p, .function = IR_NONE };
	const struct source_set *sources = l->limits->sources;
	struct build b;

	if (sources && p->span.source)
		probe.place = source_place(l->arena, sources, p->span);
	if (p->point->event != EVENT_NEVER) {
		build_init(&b, l, NULL, p->point->context);
		b.function.name = arena_printf(l->arena, "probe %u", p->index);
		build_handler(&b, p);
		probe.function = handler_number(l, &b.function);
	}
	if (p->condition && p->point->event == EVENT_SITE) {
		build_init(&b, l, NULL, CONTEXT_TOOL);
		b.function.name = arena_printf(l->arena, "condition %u", p->index);
		build_condition(&b, p);
		probe.condition = handler_number(l, &b.function) + 1;
	}
	vec_push(l->arena, &l->module->probes, probe);
}

/* ---- globals -------------------------------------------------------------------- */

static uint32_t value_kind(const struct lang_variable *v)
{
	if (v->type == TYPE_STATS)
		return ABI_VALUE_STAT;
	return v->type == TYPE_STRING ? ABI_VALUE_STRING : ABI_VALUE_LONG;
}

static void fill_map(struct lower *l, struct ir_global *g, const struct lang_variable *v)
{
	g->is_map = v->arity > 0;
	if (!g->is_map)
		return;
	g->n_keys = (uint32_t)v->arity;
	for (uint32_t i = 0; i < g->n_keys && i < ABI_MAX_KEYS; i++)
		if (v->key_types[i] == TYPE_STRING)
			g->string_keys |= 1u << i;
	g->declared_size = v->size > 0;
	g->capacity = g->declared_size ? (uint64_t)v->size : l->limits->max_map_entries;
}

static void lower_global(struct lower *l, const struct lang_variable *v, uint32_t index)
{
	struct ir_global g = { .name = v->name, .wraps = v->wraps, .is_private = v->is_private };

	g.share = l->effects.share[index];
	g.value_kind = value_kind(v);
	g.keep = g.value_kind == ABI_VALUE_STAT ? l->effects.keep[index] : 0;
	g.low = v->hist_low;
	g.high = v->hist_high;
	g.step = v->hist_step;
	g.shift = v->variance_shift;
	fill_map(l, &g, v);
	if (v->init && v->init->kind == EXPR_NUMBER) {
		g.init_long = v->init->number.value;
	} else if (v->init && v->init->kind == EXPR_STRING) {
		g.init_string = v->init->string.text;
		g.init_length = (uint32_t)strnlen(v->init->string.text, base_min(v->init->string.length, l->limits->max_string - 1));
	}
	vec_push(l->arena, &l->module->globals, g);
}

/* ---- the module ----------------------------------------------------------------- */

static void lower_init(struct lower *l, struct arena *a, const struct sema_program *p,
		       const struct ir_limits *limits)
{
	*l = (struct lower){ .arena = a, .program = p, .limits = limits };
	l->module = arena_new(a, struct ir_module);
	l->module->arena = a;
	l->strings = map_create(a);
	l->formats = map_create(a);
	l->positions = map_create(a);
	l->names = map_create(a);
	l->handlers = map_create(a);
	l->instances = arena_array(a, uint32_t, p->functions.n * 2);
	l->string_size = base_align(limits->max_string + ABI_STRING_HEAD, 8u);
	vec_push(a, &l->module->positions, "");
	ir_effects_compute(a, p, &l->effects);
	vec_each(r, &p->regexes)
		vec_push(a, &l->module->regexes, *r);
	l->module->asks_match = p->asks_match;
	l->module->is_timed = limits->timing;
}

struct ir_module *ir_lower(struct arena *a, const struct sema_program *p,
			   const struct ir_limits *limits)
{
	struct lower l;

	lower_init(&l, a, p, limits);
	for (uint32_t i = 0; i < p->globals.n; i++)
		lower_global(&l, p->globals.p[i], i);
	vec_each(probe, &p->probes)
		lower_probe(&l, *probe);
	for (uint32_t i = 0; i < l.pending.n; i++) {
		struct pending next = l.pending.p[i];

		lower_function(&l, &next);
	}
	vec_each(f, &l.module->functions)
		l.module->reads_memory |= (*f)->reads_memory;
	return l.module;
}
