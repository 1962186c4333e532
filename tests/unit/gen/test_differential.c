/* SPDX-License-Identifier: Apache-2.0 */
/* Generated code does what the interpreter does, for random modules; SPILE_LONG=1 for many more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"
#include "process.h"
#include "random_ir.h"
#include "stubs.h"

/* Budgets are small, so that many runs exceed them. */
static struct gen_limits limits_of(uint64_t seed)
{
	return (struct gen_limits){ .max_string = 512,
				    .max_map_entries = 64,
				    .max_nesting = seed % 5,
				    .max_action = (int64_t)(seed * seed % 211),
				    .max_errors = 1,
				    .hist_elision = ABI_HIST_ELISION };
}

/* What a run leaves behind. */
struct outcome {
	uint8_t *memory; /* the region from its globals to the end of the slot's frames */
	size_t size;
	uint64_t trace;
	int64_t actions;
	uint32_t error, where, depth;
};

/* Not what the slot's head holds for the machine's own use. */
static void take_outcome(struct arena *a, const struct process *p, struct outcome *out)
{
	const struct abi_region *r = p->region;
	uint64_t globals = r->globals_offset, head = r->slots_offset, end = head + r->stack_offset;
	struct abi_slot *s = p->slot;

	*out = (struct outcome){ .size = end - globals,
				 .trace = STUB_TRACE(s),
				 .actions = s->actions,
				 .error = s->error,
				 .where = s->where,
				 .depth = s->depth };
	out->memory = arena_dup(a, (const char *)r + globals, out->size);
	memset(out->memory + (head - globals), 0, ABI_SLOT_HEAD);
}

static void run_native(const struct process *p, uint32_t handler)
{
	const struct bundle_handler *h = &p->b->handlers.p[handler];
	void (*run)(struct abi_slot *) =
		(void (*)(struct abi_slot *))(void *)(p->code + h->variant[VARIANT_TOOL].at);

	if (h->variant[VARIANT_TOOL].kind == BUNDLE_FULL)
		run(p->slot);
}

static bool same(const struct outcome *x, const struct outcome *y)
{
	return x->trace == y->trace && x->actions == y->actions && x->error == y->error &&
	       x->where == y->where && x->depth == y->depth &&
	       memcmp(x->memory, y->memory, x->size) == 0;
}

static void compare(uint64_t seed, bool optimized)
{
	struct random_options o = { .seed = seed };
	struct gen_limits limits = limits_of(seed);
	struct arena *a = arena_create();
	struct ir_module *m = random_module(a, &o);
	const char *wrong = ir_verify(m);
	struct outcome expected, got;
	struct process p;

	if (wrong)
		fail_msg("seed %lu: %s", (unsigned long)seed, wrong);
	process_load(&p, gen_bundle(a, m, &limits), stub_symbol);
	struct ir_machine machine = process_machine(&p, stub_symbol);
	ir_interpret(m, m->functions.n - 1, NULL, &machine);
	take_outcome(a, &p, &expected);
	if (optimized) {
		ir_optimize(m);
		process_unload(&p);
		process_load(&p, gen_bundle(a, m, &limits), stub_symbol);
	} else {
		process_reset(&p);
	}
	run_native(&p, 0);
	take_outcome(a, &p, &got);
	if (!same(&expected, &got))
		fail_msg("seed %lu%s: the outcomes differ", (unsigned long)seed,
			 optimized ? ", optimized" : "");
	process_unload(&p);
	arena_destroy(a);
}

static void test_plain(void **state)
{
	uint64_t n = getenv("SPILE_LONG") ? 100000 : 2000;

	(void)state;
	for (uint64_t seed = 0; seed < n; seed++)
		compare(seed, false);
}

static void test_optimized(void **state)
{
	uint64_t n = getenv("SPILE_LONG") ? 20000 : 400;

	(void)state;
	for (uint64_t seed = 0; seed < n; seed++)
		compare(seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_optimized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
