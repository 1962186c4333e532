/* SPDX-License-Identifier: Apache-2.0 */
/* Modules made by hand, and a slot and region in this process to run them over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hand.h"

#define REGION_SIZE 65536u
#define FRAME_OFFSET 16384u /* in the slot */

struct hand hand_create(enum probe_context context, uint32_t registers)
{
	struct hand h = { .arena = arena_create() };

	h.module = arena_new(h.arena, struct ir_module);
	h.module->arena = h.arena;
	for (uint32_t share = ABI_SHARE_TOOL; share <= ABI_SHARE_SHARDED; share++)
		vec_push(h.arena, &h.module->globals,
			 (struct ir_global){ .name = "g", .share = share });
	vec_push(h.arena, &h.module->strings, (struct ir_string){ "text", 4 });
	vec_push(h.arena, &h.module->positions, "");
	vec_push(h.arena, &h.module->positions, "identifier 'x' at <input>:1:2");
	h.function = hand_function(&h, "probe 0", 0, registers);
	h.function->is_handler = true;
	h.function->context = context;
	return h;
}

struct ir_function *hand_function(struct hand *h, const char *name, uint32_t parameters,
				  uint32_t registers)
{
	struct ir_function *f = arena_new(h->arena, struct ir_function);

	f->name = name;
	f->n_parameters = parameters;
	f->n_registers = registers;
	vec_push(h->arena, &f->blocks, (struct ir_block){ 0 });
	vec_push(h->arena, &h->module->functions, f);
	return f;
}

struct ir_ins *hand_emit(struct hand *h, struct ir_function *f, uint32_t b, struct ir_ins ins)
{
	while (f->blocks.n <= b)
		vec_push(h->arena, &f->blocks, (struct ir_block){ 0 });
	vec_push(h->arena, &f->blocks.p[b].ins, ins);
	return &f->blocks.p[b].ins.p[f->blocks.p[b].ins.n - 1];
}

/* ---- a runtime that writes down what is asked of it ------------------------------- */

static char calls[4096];

static void record(const char *name, const int64_t *a, int n)
{
	size_t at = strlen(calls);

	at += (size_t)snprintf(calls + at, sizeof calls - at, "%s%s(", at ? " " : "", name);
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(calls + at, sizeof calls - at, "%s%lld", i ? ", " : "",
				       (long long)a[i]);
	snprintf(calls + at, sizeof calls - at, ")");
}

static void fake_raise(struct abi_slot *s, int64_t number)
{
	record("rt_raise", &number, 1);
	s->error = number == 1 ? ABI_ERROR_FATAL : ABI_ERROR_RAISED;
}

static int64_t fake_many(struct abi_slot *s, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
			 int64_t f, int64_t g, int64_t i)
{
	int64_t all[] = { a, b, c, d, e, f, g, i };

	(void)s;
	record("many", all, 8);
	return a + i;
}

static int64_t fake_one(struct abi_slot *s, int64_t a)
{
	(void)s;
	record("one", &a, 1);
	return a * 10;
}

static void *runtime(void *user, const char *name)
{
	(void)user;
	if (!strcmp(name, "rt_raise"))
		return (void *)fake_raise;
	return !strcmp(name, "many") ? (void *)fake_many : (void *)fake_one;
}

static void *global(void *user, uint32_t index)
{
	return &((struct host *)user)->global[index];
}

static void *shard(void *user, uint32_t index)
{
	return &((struct host *)user)->shard[index];
}

static const void *string(void *user, uint32_t index)
{
	static const struct {
		uint32_t length, pad;
		char text[8];
	} text = { 4, 0, "text" };

	(void)user;
	(void)index;
	return &text;
}

void host_init(struct host *h)
{
	memset(h, 0, sizeof *h);
	calls[0] = 0;
	h->region = calloc(1, sizeof *h->region);
	h->slot = aligned_alloc(64, REGION_SIZE);
	memset(h->slot, 0, REGION_SIZE);
	h->region->frame_offset = FRAME_OFFSET;
	h->region->frame_size = 256;
	h->region->max_string = 512;
	h->slot->region = (uintptr_t)h->region;
	h->slot->frame = (uintptr_t)h->slot + FRAME_OFFSET;
	h->slot->site = (uintptr_t)&h->site;
	h->slot->actions = 100;
	h->slot->depth = 3;
	h->machine = (struct ir_machine){ .slot = h->slot,
					  .runtime = runtime,
					  .global = global,
					  .shard = shard,
					  .string = string,
					  .user = h };
}

void host_free(struct host *h)
{
	free(h->region);
	free(h->slot);
}

const char *host_calls(void)
{
	return calls;
}
