/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles of any bytes: loading refuses them, or gives one that can be used as the session does before any of its
 * code runs.  Input: what follows a bundle's head, which is made to fit.
 */
#include "bundle/bundle.h"
#include "ctl/session.h"
#include "fuzz.h"
#include "runtime/format.h"

#include <stdlib.h>
#include <string.h>

extern const uint8_t runtime_image_start[], runtime_image_end[];

#define FORMAT 5u
#define REGION_MOST ((uint64_t)8 << 20)
#define RECORD_SIZE 4096u

struct head {
	uint64_t magic;
	uint32_t format, abi;
	uint64_t size, hash;
};

static void write_nothing(void *to, const char *bytes, uint64_t length)
{
	*(uint64_t *)to += length ? (uint8_t)bytes[length - 1] : 0u;
}

static void init_globals(const struct bundle *b)
{
	uint64_t size = b->globals_offset + b->globals_size;
	void *region = size <= REGION_MOST ? calloc(1, size) : NULL;

	for (uint32_t i = 0; region && i < b->globals.n; i++)
		bundle_global_init(b, i, region);
	free(region);
}

/* Records as a handler would write them, with arguments of zeroes. */
static void format_records(struct arena *a, const struct bundle *b)
{
	struct abi_record *r = arena_alloc(a, RECORD_SIZE);
	uint64_t sink = 0;

	r->size = RECORD_SIZE;
	r->kind = ABI_RECORD_PRINT;
	for (uint32_t i = 0; i < b->formats.n; i++)
		rt_format_record((const void *)(b->code + b->formats.p[i]), r, write_nothing, &sink);
}

static void relocate(struct arena *a, const struct bundle *b, const struct ctl_runtime *r)
{
	struct ctl_place p = { .region = 0x10000000, .process = 0x20000000, .table = 0x30000000 };
	struct error *e;

	ctl_place_lay_out(r, b, 0x40000000, &p);
	if (p.fixed_size > REGION_MOST)
		return;
	e = ctl_image_build(r, b, &p, arena_alloc(a, p.fixed_size));
	if (e && !*error_text(e))
		fuzz_found("no message");
	vec_each(in, &b->inlines) {
		e = ctl_relocate(r, b, &p, in->relocs.p, in->relocs.n, arena_dup(a, in->bytes, in->size),
				 p.code + p.fixed_size);
		if (e && !*error_text(e))
			fuzz_found("no message");
	}
}

static void use(struct arena *a, const struct bundle *b)
{
	static struct ctl_runtime runtime;
	static struct arena *kept;

	if (!kept) {
		kept = arena_create();
		if (ctl_runtime_parse(kept, runtime_image_start,
				      (size_t)(runtime_image_end - runtime_image_start), &runtime))
			fuzz_found("the runtime's own image");
	}
	init_globals(b);
	format_records(a, b);
	relocate(a, b, &runtime);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head h = { 0x444e42454c495053u, FORMAT, ABI_VERSION, size, base_hash(data, size) };
	struct arena *a = arena_create();
	struct bundle *b;
	struct error *e = bundle_load(a, fuzz_file(&h, sizeof h, data, size), &b);

	if (!e)
		use(a, b);
	else if (!strstr(error_text(e), "damaged"))
		fuzz_found("%s", error_text(e)); /* the head is not as file.c has it */
	arena_destroy(a);
	return 0;
}
