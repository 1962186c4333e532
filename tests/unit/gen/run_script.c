/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts run in the test's own process: interpreted, and as generated code in tool, full and inline form. */
#include "run_script.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/rt_api.h"
#include "stubs.h"

#define STRING_SIZE (ABI_STRING_HEAD + ABI_MAXSTRINGLEN)

const struct gen_limits run_limits = {
	.max_string = ABI_MAXSTRINGLEN,
	.max_map_entries = 2048,
	.max_nesting = 20,
	.max_action = 1000,
	.max_errors = 1,
	.hist_elision = ABI_HIST_ELISION,
	.want_listing = true,
};

/* ---- the runtime, with output that can be looked at -------------------------------------- */

static struct buf *output;
static const char *const *positions;

static void print(struct abi_slot *s, int64_t number, const struct abi_format *f,
		  const uint64_t *args)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	(void)number;
	rt_sprint(s, f, args, text);
	buf_add(output, text->text, text->length);
	free(text);
}

static void print_hist(struct abi_slot *s, int64_t newline, const struct abi_stat_desc *d,
		       int64_t kind, const struct abi_stat *v)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	rt_sprint_hist(s, d, kind, v, text);
	buf_add(output, text->text, text->length);
	buf_adds(output, newline ? "\n" : "");
	free(text);
}

/* Stands for the record of an error and its position. */
static void handler_end(struct abi_slot *s)
{
	const struct abi_string *text = (const void *)((const char *)s + ABI_SLOT_ERROR);

	if (s->error)
		buf_addf(output, "[%.*s near %s]", (int)text->length, text->text,
			 positions[s->where]);
	s->error = ABI_ERROR_NONE;
	rt_handler_end(s);
}

void *run_symbol(const char *name)
{
	static const struct {
		const char *name;
		void *address;
	} own[] = {
		{ "rt_print", (void *)print },
		{ "rt_print_hist", (void *)print_hist },
		{ "rt_handler_end", (void *)handler_end },
		{ "rt_slot_miss", (void *)stub_slot_miss },
		{ "rt_slot_busy", (void *)stub_slot_busy },
	};
	void *found = dlsym(RTLD_DEFAULT, name);

	for (uint32_t i = 0; i < base_count(own); i++)
		if (strcmp(own[i].name, name) == 0)
			found = own[i].address;
	if (!found)
		fail_msg("no runtime function %s", name);
	return found;
}

/* ---- running -------------------------------------------------------------------------------- */

static uint8_t target_stack[65536] __attribute__((aligned(16)));
static int32_t target_data[] = { 11, -22, 33 };

static void prepare_registers(uint32_t hit)
{
	for (uint32_t r = 0; r < 16; r++)
		forms_in.r[r] = 1000 * r + hit;
	forms_in.r[ABI_RDI] = 5 + hit;
	forms_in.r[ABI_RSI] = (uintptr_t)target_data;
	forms_in.r[ABI_RSP] = (uintptr_t)target_stack + sizeof target_stack / 2;
	forms_in.flags = 0x202;
}

const struct script *run_interpreted;

static struct map *literals; /* by index, of the module that is interpreted */

static const void *string_literal(void *user, uint32_t index)
{
	const struct ir_string *from = &run_interpreted->module->strings.p[index];
	struct abi_string *to = map_find_u64(literals, index);

	(void)user;
	if (to)
		return to;
	to = arena_alloc(run_interpreted->arena, STRING_SIZE);
	to->length = from->length;
	memcpy(to->text, from->text, to->length);
	map_put_u64(literals, index, to);
	return to;
}

void run_by_interpreter(struct process *p, uint32_t probe, bool in_tool)
{
	struct ir_machine machine = process_machine(p, run_symbol);
	struct abi_slot *s = in_tool ? p->tool : p->slot;

	machine.slot = s;
	machine.string = string_literal;
	s->site = in_tool ? 0 : (uintptr_t)p->sites;
	memcpy(s->registers, forms_in.r, sizeof forms_in.r);
	s->actions = run_limits.max_action;
	ir_interpret(run_interpreted->module, run_interpreted->module->probes.p[probe].function, NULL, &machine);
	handler_end(s);
}

static void run_site(struct process *p, uint32_t handler)
{
	uint8_t *start = p->trampoline;
	void *at = process_trampoline(p, handler, VARIANT_GENERIC, 0, (void *)forms_resume, run_symbol);

	if (at)
		forms_enter(at);
	else
		forms_out = forms_in;
	p->trampoline = start;
}

void run_natively(struct process *p, uint32_t probe, bool in_tool)
{
	uint32_t handler = p->b->probes.p[probe].handler;
	const struct bundle_handler *h = &p->b->handlers.p[handler];

	if (in_tool) {
		void *run = p->code + h->variant[VARIANT_TOOL].at;

		if (h->variant[VARIANT_TOOL].kind == BUNDLE_EMPTY)
			return;
		assert_int_equal(h->variant[VARIANT_TOOL].kind, BUNDLE_FULL);
		((void (*)(struct abi_slot *))run)(p->tool);
		return;
	}
	run_site(p, handler);
	for (uint32_t r = 0; r < 16; r++)
		assert_int_equal(forms_in.r[r], forms_out.r[r]);
}

static void prepare_sites(struct process *p)
{
	const struct bundle_site *site = p->b->sites.p;

	p->sites[0] = (struct abi_site){ .pc = 0x401000 };
	if (p->b->sites.n) {
		p->sites[0].name = (uintptr_t)p->code + site->name;
		p->sites[0].provider = (uintptr_t)p->code + site->provider;
		p->sites[0].sp_adjust = BUNDLE_SP_ADJUST_GENERIC;
	}
	process_register(p, true);
}

const char *run_script(struct arena *a, struct process *p, const char *order,
		       void (*one)(struct process *p, uint32_t probe, bool in_tool))
{
	struct buf out;

	buf_init(&out, a);
	output = &out;
	positions = p->b->positions.p;
	literals = map_create(a);
	process_reset(p);
	prepare_sites(p);
	for (uint32_t i = 0; order[i]; i++) {
		uint32_t probe = (uint32_t)(order[i] - '0');

		prepare_registers(i);
		one(p, probe, p->b->probes.p[probe].event != EVENT_SITE);
	}
	return buf_str(&out);
}
