/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From IR functions to x86-64: which forms each one needs, and the plain forms:
 * script functions and handlers that run in the tool.  The forms that run
 * at sites are in x86_64_site.c and x86_64_inline.c.
 */
#include "gen/x86_64_unit.h"

#include <string.h>

/* Changed by calls, in the order in which arguments least often want them. */
static const uint8_t caller_saved[] = { ABI_R8, ABI_R9, ABI_R10, ABI_R11, ABI_RSI, ABI_RDI };
static const uint8_t callee_saved[] = { ABI_RBX, ABI_RBP, ABI_R12, ABI_R13 };
static const struct gen_machine full_machine = {
	caller_saved,
	callee_saved,
	base_count(caller_saved),
	base_count(callee_saved),
};
static const uint8_t inline_registers[] = { ABI_RSI, ABI_RDI, ABI_R8 };
static const struct gen_machine inline_machine = {
	inline_registers,
	NULL,
	base_count(inline_registers),
	0,
};

/* ---- units ---------------------------------------------------------------------------- */

void unit_init(struct unit *u, struct gen *g, uint32_t function, enum unit_form form,
	       enum bundle_variant variant)
{
	bool is_inline = form == FORM_INLINE;

	*u = (struct unit){ .g = g,
			    .c = g->code,
			    .f = g->m->functions.p[function],
			    .function = function,
			    .form = form,
			    .variant = variant,
			    .flags = variant == VARIANT_GENERIC || variant == VARIANT_RETURN };
	u->slot = is_inline ? ABI_RAX : ABI_R14;
	u->scratch = is_inline ? ABI_RDX : ABI_RAX;
	u->scratch2 = ABI_RCX;
	u->outgoing = base_align(unit_outgoing(u->f), 16u);
	gen_plan_order(g->arena, u->f, &u->plan);
	gen_plan_live(g->arena, &u->plan);
	gen_plan_allocate(&u->plan, is_inline ? &inline_machine : &full_machine);
}

static void run_round(struct unit *u, void (*round)(struct unit *u), uint32_t save, uint32_t calls)
{
	code_unit_again(u->c);
	u->g->calls.n = calls;
	u->save = save;
	u->used = u->plan.used;
	u->stubs.n = 0;
	for (uint32_t i = 0; i < u->f->blocks.n; i++)
		code_label(u->c); /* a block's label is its number */
	u->exit = code_label(u->c);
	round(u);
}

/* The first round supposes that all registers are changed; the next saves those that were. */
void unit_emit(struct unit *u, void (*round)(struct unit *u))
{
	uint32_t calls = u->g->calls.n;

	code_unit_begin(u->c);
	run_round(u, round, 0xffff, calls);
	while (u->used != u->save)
		run_round(u, round, u->used, calls);
	code_unit_shorten(u->c);
	run_round(u, round, u->save, calls);
	code_unit_end(u->c);
	u->g->max_stack = base_max(u->g->max_stack, u->frame + 8 * u->pushed + 8);
}

static void store(struct unit *u, struct code_mem to, int64_t number)
{
	if (number == (int32_t)number) {
		code_store_number(u->c, 8, to, (int32_t)number);
		return;
	}
	code_number(u->c, ABI_RAX, number);
	code_rm(u->c, X_MOV, ABI_RAX, to);
}

void unit_prepare_slot(struct unit *u)
{
	const struct gen_facts *facts = &u->g->facts[u->function];
	struct code *c = u->c;

	if (facts->budget)
		store(u, SLOT_MEMBER(u, actions), u->g->limits->max_action);
	if (facts->callf)
		code_store_number(c, 4, SLOT_MEMBER(u, depth), (int32_t)u->g->limits->max_nesting);
	if (!facts->calls)
		return;
	code_address_of(c, ABI_RAX, code_at(ABI_R15, u->f->frame_size));
	code_rm(c, X_MOV, ABI_RAX, SLOT_MEMBER(u, frame));
	code_store_number(c, 4, SLOT_MEMBER(u, error), 0);
	code_store_number(c, 8, SLOT_MEMBER(u, hit_tsc), 0);
}

static void call_end(struct unit *u)
{
	code_move(u->c, ABI_RDI, u->slot);
	code_call_runtime(u->c, bundle_runtime_symbol(u->g->b, "rt_handler_end"));
}

void unit_end_handler(struct unit *u)
{
	const struct gen_facts *facts = &u->g->facts[u->function];
	uint32_t fine;

	if (!facts->publishes && !facts->fails)
		return;
	if (facts->publishes || u->form == FORM_TOOL) {
		call_end(u);
		return;
	}
	fine = code_label(u->c);
	code_alu_number_mem(u->c, EXT_CMP, 0, SLOT_MEMBER(u, error), 0);
	code_jcc(u->c, CC_E, fine);
	call_end(u);
	code_place(u->c, fine);
}

/* ---- script functions -------------------------------------------------------------------- */

static uint32_t pushed_registers(const struct unit *u, uint32_t always)
{
	uint32_t kept = always;

	for (uint32_t i = 0; i < base_count(callee_saved); i++)
		kept |= u->save & BIT(callee_saved[i]);
	return kept;
}

static void push_registers(struct unit *u, uint32_t kept)
{
	u->pushed = (uint32_t)__builtin_popcount(kept);
	u->frame = u->plan.n_spills * 8 + u->outgoing;
	if ((8 + 8 * u->pushed + u->frame) % 16)
		u->frame += 8;
	for (uint32_t r = 0; r < 16; r++)
		if (kept & BIT(r))
			code_push(u->c, r);
	if (u->frame)
		code_alu_number(u->c, EXT_SUB, ABI_RSP, (int32_t)u->frame);
}

static void pop_registers(struct unit *u, uint32_t kept)
{
	if (u->frame)
		code_alu_number(u->c, EXT_ADD, ABI_RSP, (int32_t)u->frame);
	for (uint32_t r = 16; r-- > 0;)
		if (kept & BIT(r))
			code_pop(u->c, r);
	code_u8(u->c, 0xc3);
}

static void function_round(struct unit *u)
{
	bool framed = u->f->frame_size != 0;
	uint32_t kept = pushed_registers(u, framed ? BIT(ABI_R15) : 0);

	push_registers(u, kept);
	if (framed) {
		code_rm(u->c, X_LOAD, ABI_R15, SLOT_MEMBER(u, frame));
		code_alu_number_mem(u->c, EXT_ADD, OP_W, SLOT_MEMBER(u, frame),
				    (int32_t)u->f->frame_size);
	}
	unit_parameters(u);
	unit_blocks(u, false);
	code_place(u->c, u->exit);
	if (framed)
		code_rm(u->c, X_MOV, ABI_R15, SLOT_MEMBER(u, frame));
	pop_registers(u, kept);
	unit_blocks(u, true);
	unit_stubs(u);
}

/* ---- handlers in the tool ------------------------------------------------------------------- */

static void tool_round(struct unit *u)
{
	uint32_t kept = pushed_registers(u, BIT(ABI_R14) | BIT(ABI_R15));
	struct code *c = u->c;

	push_registers(u, kept);
	code_move(c, u->slot, ABI_RDI);
	code_rm(c, X_LOAD, ABI_R15, SLOT_MEMBER(u, region));
	code_rm(c, X_LOAD, ABI_R15, code_at(ABI_R15, offsetof(struct abi_region, frame_offset)));
	code_rr(c, X_ADD, u->slot, ABI_R15);
	unit_prepare_slot(u);
	unit_blocks(u, false);
	code_place(c, u->exit);
	unit_end_handler(u);
	pop_registers(u, kept);
	unit_blocks(u, true);
	unit_stubs(u);
}

/* ---- all of them -------------------------------------------------------------------- */

static uint32_t emit_code(struct gen *g, uint32_t function, enum unit_form form,
			  enum bundle_variant variant, const char *name)
{
	void (*const rounds[])(struct unit *) = {
		[FORM_FUNCTION] = function_round,
		[FORM_TOOL] = tool_round,
		[FORM_SITE] = unit_site_round,
	};
	struct unit u;
	uint32_t at;

	code_align(g->code, 16, 0xcc);
	at = g->code->n;
	vec_push(g->arena, &g->labels, (struct gen_label){ at, name });
	unit_init(&u, g, function, form, variant);
	unit_emit(&u, rounds[form]);
	if (form != FORM_FUNCTION)
		g->b->handlers.p[g->handlers[function]].clobbers |= u.used;
	return at;
}

static void emit_variant(struct gen *g, uint32_t function, struct bundle_handler *h,
			 enum bundle_variant v)
{
	static const char *const names[] = { "entry", "generic", "tool", "return", "called" };
	const char *name =
		arena_printf(g->arena, "%s (%s)", g->m->functions.p[function]->name, names[v]);
	enum unit_form form = v == VARIANT_TOOL ? FORM_TOOL : FORM_SITE;
	bool may_inline = v != VARIANT_TOOL && v != VARIANT_CALLED;
	struct bundle_inline in;

	if (may_inline && !g->limits->no_inline && !g->m->functions.p[function]->at_watch &&
	    unit_inline(g, function, v, &in)) {
		h->variant[v].kind = BUNDLE_INLINE;
		h->variant[v].at = g->b->inlines.n;
		vec_push(g->arena, &g->b->inlines, in);
		vec_push(g->arena, &g->inline_names, name);
		return;
	}
	h->variant[v].kind = BUNDLE_FULL;
	h->variant[v].at = emit_code(g, function, form, v == VARIANT_CALLED ? VARIANT_GENERIC : v, name);
}

/* Has a form that runs in the target. */
static bool is_of_target(const struct bundle_handler *h)
{
	for (uint32_t v = 0; v < VARIANT_COUNT; v++)
		if (v != VARIANT_TOOL && h->variant[v].kind != BUNDLE_ABSENT)
			return true;
	return false;
}

static void find_ends(struct gen *g)
{
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		g->ends |= g->handlers[i] != IR_NONE && g->facts[i].ends &&
			   is_of_target(&g->b->handlers.p[g->handlers[i]]);
}

static void emit_handler(struct gen *g, uint32_t function)
{
	struct bundle_handler *h = &g->b->handlers.p[g->handlers[function]];

	if (!g->facts[function].effects)
		return;
	for (uint32_t v = 0; v < VARIANT_COUNT; v++)
		if (h->variant[v].kind != BUNDLE_ABSENT)
			emit_variant(g, function, h, v);
}

static void link_calls(struct gen *g)
{
	vec_each(call, &g->calls) {
		uint32_t distance = g->functions[call->function] - (call->offset + 4);

		memcpy(g->code->p + call->offset, &distance, sizeof distance);
	}
}

static bool needs_raise(const struct gen *g)
{
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		if (g->facts[i].budget || g->facts[i].callf)
			return true;
	return false;
}

void gen_emit(struct gen *g)
{
	g->functions = arena_array(g->arena, uint32_t, g->m->functions.n + 1);
	if (needs_raise(g))
		unit_emit_helpers(g);
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		if (!g->m->functions.p[i]->is_handler)
			g->functions[i] =
				emit_code(g, i, FORM_FUNCTION, VARIANT_TOOL,
					  g->m->functions.p[i]->name);
	find_ends(g);
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		if (g->handlers[i] != IR_NONE)
			emit_handler(g, i);
	link_calls(g);
}
