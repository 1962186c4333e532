/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers in full and inline form, entered with every register known: they do
 * what the interpreter does and leave registers, flags and red zone alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"
#include "process.h"
#include "random_ir.h"
#include "stubs.h"

#define ARITHMETIC 0x8d5u /* OF SF ZF AF PF CF */
#define RED_ZONE 128u
#define NUMBER 3u /* of the site */

static uint8_t target_stack[65536] __attribute__((aligned(16)));

static const struct gen_limits limits = {
	.max_string = 512,
	.max_map_entries = 64,
	.max_nesting = 4,
	.max_action = 300,
	.max_errors = 1,
	.hist_elision = ABI_HIST_ELISION,
};

static void prepare_sites(struct process *p)
{
	for (uint32_t i = 0; i < SITES; i++) {
		uint64_t *members = (uint64_t *)(void *)&p->sites[i];

		for (uint32_t k = 0; k < 6; k++)
			members[k] = 0x1111111111ull * (i + 1) + k;
	}
}

/* Known values everywhere; rsp in the middle of a stack with a pattern. */
static void prepare_registers(uint64_t seed)
{
	for (uint32_t r = 0; r < 16; r++)
		forms_in.r[r] = (seed + 1) * 0x9e3779b97f4a7c15ull * (r + 7);
	forms_in.r[ABI_RSP] = (uintptr_t)target_stack + sizeof target_stack / 2 - seed % 4 * 8;
	forms_in.flags = 0x202 | (seed * 0x5bd1e995 >> 3 & ARITHMETIC);
	memset(target_stack, 0xa5, sizeof target_stack);
}

static const enum bundle_variant variants[] = { VARIANT_ENTRY, VARIANT_GENERIC, VARIANT_RETURN };
#define VARIANTS base_count(variants)

static void check_registers(uint64_t seed, enum bundle_variant v)
{
	const uint8_t *sp = (const uint8_t *)forms_in.r[ABI_RSP];

	for (uint32_t r = 0; r < 16; r++)
		if (forms_in.r[r] != forms_out.r[r])
			fail_msg("seed %lu: register %u: %lx, was %lx", (unsigned long)seed, r,
				 (unsigned long)forms_out.r[r], (unsigned long)forms_in.r[r]);
	if (v != VARIANT_ENTRY && (forms_in.flags & ARITHMETIC) != (forms_out.flags & ARITHMETIC))
		fail_msg("seed %lu: flags %lx, were %lx", (unsigned long)seed,
			 (unsigned long)forms_out.flags, (unsigned long)forms_in.flags);
	for (const uint8_t *at = v == VARIANT_GENERIC ? sp - RED_ZONE : sp;
	     at < target_stack + sizeof target_stack; at++)
		if (*at != 0xa5)
			fail_msg("seed %lu: stack changed at rsp%+ld", (unsigned long)seed,
				 (long)(at - sp));
}

/* What the interpreter is to see as the state of the target. */
static void show_registers(struct process *p, enum bundle_variant v)
{
	memcpy(p->slot->registers, forms_in.r, sizeof forms_in.r);
	p->slot->registers[ABI_RFLAGS] = v == VARIANT_ENTRY ? 0x202 : 0x202 | (forms_in.flags & ARITHMETIC);
	p->slot->site = (uintptr_t)&p->sites[NUMBER];
}

struct outcome {
	uint8_t *memory;
	size_t size;
	uint64_t trace;
	uint32_t error, where;
};

static void take_outcome(struct arena *a, const struct process *p, struct outcome *out)
{
	const struct abi_region *r = p->region;
	uint64_t globals = r->globals_offset, head = r->slots_offset;

	*out = (struct outcome){ .size = head + r->stack_offset - globals,
				 .trace = STUB_TRACE(p->slot),
				 .error = p->slot->error,
				 .where = p->slot->where };
	out->memory = arena_dup(a, (const char *)r + globals, out->size);
	memset(out->memory + (head - globals), 0, ABI_SLOT_HEAD);
}

static void compare(uint64_t seed, const struct random_options *o, enum bundle_variant v,
		    uint32_t *inlined)
{
	struct arena *a = arena_create();
	struct ir_module *m = random_module(a, o);
	struct outcome expected, got;
	struct ir_machine machine;
	struct process p;
	void *trampoline;

	prepare_registers(seed);
	process_load(&p, gen_bundle(a, m, &limits), stub_symbol);
	prepare_sites(&p);
	show_registers(&p, v);
	machine = process_machine(&p, stub_symbol);
	ir_interpret(m, m->functions.n - 1, NULL, &machine);
	take_outcome(a, &p, &expected);
	process_reset(&p);
	process_register(&p, true);
	trampoline = process_trampoline(&p, 0, v, NUMBER, (void *)forms_resume, stub_symbol);
	if (trampoline) {
		forms_enter(trampoline);
		check_registers(seed, v);
	}
	take_outcome(a, &p, &got);
	if (expected.trace != got.trace || expected.error != got.error ||
	    expected.where != got.where || memcmp(expected.memory, got.memory, got.size) != 0)
		fail_msg("seed %lu: the outcomes differ", (unsigned long)seed);
	assert_int_equal(p.slot->busy, 0);
	*inlined += p.b->handlers.p[0].variant[v].kind == BUNDLE_INLINE;
	process_unload(&p);
	arena_destroy(a);
}

static void test_full(void **state)
{
	uint64_t n = getenv("SPILE_LONG") ? 20000 : 500;
	uint32_t inlined = 0;

	(void)state;
	for (uint64_t seed = 0; seed < n; seed++) {
		struct random_options o = { .seed = seed, .target = true };

		compare(seed, &o, variants[seed % VARIANTS], &inlined);
	}
}

static void test_inline(void **state)
{
	uint64_t n = getenv("SPILE_LONG") ? 40000 : 1500;
	uint32_t inlined = 0;

	(void)state;
	for (uint64_t seed = 0; seed < n; seed++) {
		struct random_options o = { .seed = seed, .target = true, .small = true };

		compare(seed, &o, variants[seed % VARIANTS], &inlined);
	}
	assert_true(inlined > n / 8);
}

/* ---- the ways in that are rarely taken ------------------------------------------------- */

struct case_ {
	struct arena *a;
	struct process p;
	void *trampoline;
};

static void set_up(struct case_ *c, bool small, enum bundle_variant v)
{
	struct random_options o = { .seed = 5, .target = true }; /* calls what may ask for any register */

	c->a = arena_create();
	prepare_registers(5);
	process_load(
		&c->p,
		gen_bundle(c->a, small ? counter_module(c->a) : random_module(c->a, &o), &limits),
		stub_symbol);
	prepare_sites(&c->p);
	c->trampoline = process_trampoline(&c->p, 0, v, NUMBER, (void *)forms_resume, stub_symbol);
	assert_non_null(c->trampoline);
	assert_int_equal(c->p.b->handlers.p[0].variant[v].kind,
			 small ? BUNDLE_INLINE : BUNDLE_FULL);
	memset(&stub_counts, 0, sizeof stub_counts);
}

static void tear_down(struct case_ *c)
{
	process_unload(&c->p);
	arena_destroy(c->a);
}

static bool has_run(const struct process *p)
{
	const struct abi_region *r = p->region;
	const uint8_t *shards = (const uint8_t *)p->slot + ABI_SLOT_HEAD;
	struct arena *a = arena_create();
	uint8_t *fresh = arena_alloc(a, p->region_size);
	bool changed = p->slot->saved_sp != 0;

	for (uint64_t i = 0; i < p->b->shards_size; i++)
		changed |= shards[i] != 0;
	for (uint32_t i = 0; i < p->b->globals.n; i++)
		bundle_global_init(p->b, i, fresh);
	changed |= memcmp((const char *)r + r->globals_offset, fresh + r->globals_offset,
			  p->b->globals_size) != 0;
	arena_destroy(a);
	return changed;
}

static void hit(struct case_ *c, enum bundle_variant v)
{
	forms_enter(c->trampoline);
	check_registers(5, v);
}

static void check_miss(bool small, enum bundle_variant v)
{
	struct case_ c;

	set_up(&c, small, v);
	process_register(&c.p, false);
	stub_miss_slot = 0;
	hit(&c, v);
	assert_int_equal(stub_counts.misses, 1);
	assert_false(has_run(&c.p));
	stub_miss_slot = (uintptr_t)c.p.slot;
	hit(&c, v);
	assert_int_equal(stub_counts.misses, 2);
	assert_true(has_run(&c.p));
	tear_down(&c);
}

static void test_miss(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < VARIANTS; i++) {
		check_miss(false, variants[i]);
		check_miss(true, variants[i]);
	}
}

/* The table knows the thread, but there was no slot for it. */
static void test_no_slot(void **state)
{
	struct case_ c;

	(void)state;
	for (int small = 0; small <= 1; small++) {
		set_up(&c, small, VARIANT_GENERIC);
		process_register(&c.p, true);
		for (uint32_t i = 0; i < ABI_TABLE_ENTRIES; i++)
			c.p.table[i].slot = 0;
		hit(&c, VARIANT_GENERIC);
		assert_int_equal(stub_counts.misses, 0);
		assert_false(has_run(&c.p));
		tear_down(&c);
	}
}

static void test_busy(void **state)
{
	struct case_ c;

	(void)state;
	for (uint32_t i = 0; i < VARIANTS; i++) {
		enum bundle_variant v = variants[i];

		set_up(&c, false, v);
		process_register(&c.p, true);
		c.p.slot->busy = 1;
		stub_busy_answer = 0;
		hit(&c, v);
		assert_int_equal(stub_counts.busies, 1);
		assert_false(has_run(&c.p));
		assert_int_equal(c.p.slot->busy, 1);
		stub_busy_answer = 0x100000000;
		hit(&c, v);
		assert_true(has_run(&c.p));
		assert_int_equal(c.p.slot->busy, 0);
		tear_down(&c);
	}
}

static void test_not_running(void **state)
{
	struct case_ c;

	(void)state;
	set_up(&c, false, VARIANT_GENERIC);
	process_register(&c.p, true);
	c.p.region->state = ABI_STATE_EXITING;
	hit(&c, VARIANT_GENERIC);
	assert_false(has_run(&c.p));
	assert_int_equal(c.p.slot->busy, 0);
	tear_down(&c);
}

/* What runtime and ctl count on: where the target's rsp is, that handlers come to their end. */
static void test_contract(void **state)
{
	struct case_ c;

	(void)state;
	for (uint32_t i = 0; i < VARIANTS; i++) {
		enum bundle_variant v = variants[i];
		int64_t adjust = bundle_sp_adjust(v);

		set_up(&c, false, v);
		process_register(&c.p, true);
		hit(&c, v);
		assert_int_equal(c.p.slot->saved_sp + (uint64_t)adjust, forms_in.r[ABI_RSP]);
		for (uint32_t r = 0; r < 16; r++)
			assert_int_equal(c.p.slot->registers[r], forms_in.r[r]);
		assert_int_equal(c.p.slot->site, (uintptr_t)&c.p.sites[NUMBER]);
		assert_int_equal(stub_counts.ends, 1);
		tear_down(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),	 cmocka_unit_test(test_inline),
		cmocka_unit_test(test_miss),	 cmocka_unit_test(test_no_slot),
		cmocka_unit_test(test_busy),	 cmocka_unit_test(test_not_running),
		cmocka_unit_test(test_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
