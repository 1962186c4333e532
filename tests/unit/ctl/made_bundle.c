/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles made by hand, so that ctl is tested without a compiler. */
#include <string.h>

#include "elf/elf.h"
#include "tests.h"

enum { PROBE_END, PROBE_SITE };
enum { HANDLER_END, HANDLER_COUNT, HANDLER_EXIT };
enum { EVENT_END = 1, EVENT_TIMER = 4, EVENT_SITE = 5 };

/* Offsets in the code. */
#define FORMAT_AT 0
#define TEXTS_AT 128
#define POINT_AT 192
#define END_AT 256
#define EXIT_AT 384
#define CODE_SIZE 512

static void add_reloc(struct bundle *b, uint32_t kind, uint32_t offset, uint32_t symbol,
		      int64_t addend)
{
	vec_push(b->arena, &b->relocs, (struct bundle_reloc){ kind, offset, symbol, 0, addend });
}

/* "count %d\n" */
static void write_format(struct bundle *b)
{
	struct {
		struct abi_format head;
		struct abi_format_part part[3];
	} f = { .head = { .n_parts = 3, .n_args = 1 } };

	f.part[0] = (struct abi_format_part){ .text = TEXTS_AT, .length = 6 };
	f.part[1] = (struct abi_format_part){ .conversion = 'd' };
	f.part[2] = (struct abi_format_part){ .text = TEXTS_AT + 6, .length = 1 };
	memcpy(b->code + FORMAT_AT, &f, sizeof f);
	memcpy(b->code + TEXTS_AT, "count \n", 7);
	vec_push(b->arena, &b->formats, FORMAT_AT);
}

/* void end(slot): rt_print(slot, 0, format, &count) */
static void write_end(struct bundle *b, int64_t count)
{
	static const uint8_t code[] = {
		0x48, 0x83, 0xec, 0x18, /* sub $24,%rsp */
		0x48, 0xb8, 0,	  0,	0, 0, 0, 0, 0, 0, /* mov $region + count,%rax */
		0x48, 0x8b, 0x00, /* mov (%rax),%rax */
		0x48, 0x89, 0x04, 0x24, /* mov %rax,(%rsp) */
		0xbe, 0,    0,	  0,	0, /* mov $0,%esi */
		0x48, 0xba, 0,	  0,	0, 0, 0, 0, 0, 0, /* mov $format,%rdx */
		0x48, 0x89, 0xe1, /* mov %rsp,%rcx */
		0x48, 0xb8, 0,	  0,	0, 0, 0, 0, 0, 0, /* mov $rt_print,%rax */
		0xff, 0xd0, /* call *%rax */
		0x48, 0x83, 0xc4, 0x18, /* add $24,%rsp */
		0xc3,
	};

	memcpy(b->code + END_AT, code, sizeof code);
	add_reloc(b, RELOC_REGION_ABS64, END_AT + 6, 0, count);
	add_reloc(b, RELOC_CODE_ABS64, END_AT + 28, 0, FORMAT_AT);
	add_reloc(b, RELOC_RUNTIME_ABS64, END_AT + 41, bundle_runtime_symbol(b, "rt_print"), 0);
}

/* void leave(slot): rt_exit(slot) */
static void write_exit(struct bundle *b)
{
	static const uint8_t code[] = { 0xe9, 0, 0, 0, 0 };

	memcpy(b->code + EXIT_AT, code, sizeof code);
	add_reloc(b, RELOC_RUNTIME_REL32, EXIT_AT + 1, bundle_runtime_symbol(b, "rt_exit"), 0);
}

static void add_inline(struct bundle *b, int64_t count)
{
	static const uint8_t code[] = {
		0x50, /* push %rax */
		0x48, 0xb8, 0,	  0,	0, 0, 0, 0, 0, 0, /* mov $region + count,%rax */
		0xf0, 0x48, 0xff, 0x00, /* lock incq (%rax) */
		0x58, /* pop %rax */
	};
	struct bundle_inline in = { .bytes = code, .size = sizeof code };

	vec_push(b->arena, &in.relocs, (struct bundle_reloc){ RELOC_REGION_ABS64, 3, 0, 0, count });
	vec_push(b->arena, &b->inlines, in);
}

static void add_handlers(struct bundle *b)
{
	struct bundle_handler end = { 0 }, count = { 0 }, leave = { 0 };

	end.variant[VARIANT_TOOL].kind = leave.variant[VARIANT_TOOL].kind = BUNDLE_FULL;
	end.variant[VARIANT_TOOL].at = END_AT;
	leave.variant[VARIANT_TOOL].at = EXIT_AT;
	count.variant[VARIANT_ENTRY].kind = BUNDLE_INLINE;
	vec_push(b->arena, &b->handlers, end);
	vec_push(b->arena, &b->handlers, count);
	vec_push(b->arena, &b->handlers, leave);
}

struct bundle *made_bundle(struct arena *a)
{
	struct bundle *b = bundle_create(a);
	struct bundle_global g = { .name = "count" };
	int64_t count;

	b->code = arena_alloc(a, CODE_SIZE);
	b->code_size = CODE_SIZE;
	b->globals_offset = 1024;
	b->globals_size = sizeof(struct abi_global) + 8;
	b->max_string = ABI_MAXSTRINGLEN;
	b->max_action = 1000;
	b->hist_elision = ABI_HIST_ELISION;
	b->max_nesting = 10;
	g.layout.share = ABI_SHARE_TOOL;
	g.layout.base_offset = b->globals_offset + sizeof(struct abi_global);
	g.layout.size = 8;
	count = (int64_t)g.layout.base_offset;
	vec_push(a, &b->globals, g);
	write_format(b);
	write_end(b, count);
	write_exit(b);
	add_inline(b, count);
	add_handlers(b);
	vec_push(a, &b->probes,
		 (struct bundle_probe){
			 .event = EVENT_END, .handler = HANDLER_END, .point = "end" });
	vec_push(a, &b->probes,
		 (struct bundle_probe){ .event = EVENT_SITE, .handler = HANDLER_COUNT });
	return b;
}

bool made_bundle_add(struct bundle *b, const char *path, const char *function)
{
	struct elf_cache *c = elf_cache_create(b->arena);
	struct bundle_site s = { .module = arena_strdup(b->arena, path),
				 .flags = 1,
				 .probe = PROBE_SITE,
				 .handler = HANDLER_COUNT };
	const struct elf_symbol *symbol = NULL;
	struct elf_file *f;

	if (!elf_open(c, path, &f))
		symbol = elf_symbol_find(f, function);
	if (symbol) {
		s.build_id = f->build_id ? arena_strdup(b->arena, f->build_id) : NULL;
		s.address = s.function_start = symbol->address;
		s.function_end = symbol->address + symbol->size;
		vec_push(b->arena, &b->sites, s);
	}
	elf_cache_destroy(c);
	return symbol != NULL;
}

void made_bundle_end_after(struct bundle *b, int64_t ns)
{
	vec_push(b->arena, &b->probes,
		 (struct bundle_probe){
			 .event = EVENT_TIMER, .handler = HANDLER_EXIT, .interval_ns = ns });
}
