/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles come back from a file as they went; damaged files are refused, never believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bundle/bundle.h"

#define REGION_SIZE 16384u

static const uint8_t inline_bytes[] = { 0x90, 0, 0, 0, 0, 0, 0, 0, 0 };

/* An abi_string at 8 and an abi_format with one literal part at 32. */
static void add_code(struct bundle *b)
{
	struct abi_string head = { .length = 5 };
	struct abi_format format = { .n_parts = 1 };
	struct abi_format_part part = { .text = 40, .length = 3 };

	b->code_size = 128;
	b->text_offset = 96;
	b->code = arena_alloc(b->arena, b->code_size);
	memset(b->code + b->text_offset, 0xc3, b->code_size - b->text_offset);
	memcpy(b->code + 8, &head, sizeof head);
	memcpy(b->code + 16, "hello", 6);
	memcpy(b->code + 32, &format, sizeof format);
	memcpy(b->code + 48, &part, sizeof part);
	memcpy(b->code + 72, "abc", 3);
	vec_push(b->arena, &b->formats, 32);
	vec_push(b->arena, &b->relocs,
		 (struct bundle_reloc){ .kind = RELOC_RUNTIME_REL32,
					.offset = 100,
					.symbol = bundle_runtime_symbol(b, "rt_print") });
	vec_push(b->arena, &b->relocs,
		 (struct bundle_reloc){ .kind = RELOC_TABLE_ABS64, .addend = 16 });
}

static void add_handlers(struct bundle *b)
{
	struct bundle_handler h = { .clobbers = 7 };
	struct bundle_inline in = { .bytes = inline_bytes, .size = sizeof inline_bytes };

	h.variant[VARIANT_ENTRY].kind = BUNDLE_INLINE;
	h.variant[VARIANT_GENERIC].kind = BUNDLE_FULL;
	h.variant[VARIANT_GENERIC].at = 112;
	vec_push(b->arena, &b->handlers, h);
	vec_push(b->arena, &in.relocs,
		 (struct bundle_reloc){ .kind = RELOC_RUNTIME_ABS64,
					.offset = 1,
					.symbol = bundle_runtime_symbol(b, "rt_slot_miss") });
	vec_push(b->arena, &b->inlines, in);
	vec_push(b->arena, &b->probes,
		 (struct bundle_probe){ .event = 5,
					.name = "process.mark(\"x\")",
					.point = "",
					.sequence = -4,
					.target_only = true });
	vec_push(b->arena, &b->sites,
		 (struct bundle_site){ .module = "/bin/x",
				       .build_id = "abcd",
				       .address = 0x1234,
				       .flags = 3,
				       .point = 8,
				       .name = 8 });
	vec_push(b->arena, &b->positions, "identifier 'x' at t.stp:1:2");
}

static void add_globals(struct bundle *b)
{
	struct bundle_global text = { .name = "s", .init_string = "ab\0c", .init_length = 4 };
	struct bundle_global map = { .name = "m", .n_keys = 1 };

	b->max_string = 64;
	text.layout = (struct abi_global){ .share = ABI_SHARE_LOCKED,
					   .kind = ABI_VALUE_STRING,
					   .size = 72,
					   .base_offset = 4096 + 512 };
	map.map = (struct abi_map){ .capacity = 4,
				    .buckets = 8,
				    .entry_size = 32,
				    .value_offset = 24,
				    .n_keys = 1,
				    .entries_offset = 256,
				    .max_string = 64 };
	map.layout = (struct abi_global){ .share = ABI_SHARE_SHARDED,
					  .is_map = 1,
					  .size = 448,
					  .base_offset = 4096 + 1024,
					  .merged_offset = 4096 + 2048,
					  .shard_offset = ABI_SLOT_HEAD };
	vec_push(b->arena, &b->globals, text);
	vec_push(b->arena, &b->globals, map);
	b->globals_offset = ABI_PAGE;
	b->globals_size = ABI_PAGE;
	b->shards_size = 448;
	b->frame_size = 65536;
	b->stack_size = 65536;
	b->listing = "nothing much\n";
}

static struct bundle *make(struct arena *a)
{
	struct bundle *b = bundle_create(a);

	add_code(b);
	add_handlers(b);
	add_globals(b);
	return b;
}

static char *temporary(struct arena *a)
{
	char *path = arena_strdup(a, "/tmp/spile-bundle-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	return path;
}

static uint8_t *slurp(struct arena *a, const char *path, size_t *n)
{
	FILE *from = fopen(path, "rb");
	uint8_t *bytes = arena_alloc(a, 65536);

	assert_non_null(from);
	*n = fread(bytes, 1, 65536, from);
	fclose(from);
	return bytes;
}

static void spit(const char *path, const void *bytes, size_t n)
{
	FILE *to = fopen(path, "wb");

	assert_non_null(to);
	assert_int_equal(fwrite(bytes, 1, n, to), n);
	fclose(to);
}

static void test_round_trip(void **state)
{
	struct arena *a = arena_create();
	char *path = temporary(a), *again = temporary(a);
	struct bundle *b = make(a), *back;
	size_t n, m;
	uint8_t *first;

	(void)state;
	assert_null(bundle_save(b, path));
	assert_null(bundle_load(a, path, &back));
	assert_int_equal(back->code_size, b->code_size);
	assert_memory_equal(back->code, b->code, b->code_size);
	assert_string_equal(back->sites.p[0].module, "/bin/x");
	assert_null(back->globals.p[1].init_string);
	assert_int_equal(back->globals.p[0].init_length, 4);
	assert_memory_equal(back->globals.p[0].init_string, "ab\0c", 4);
	assert_true(back->probes.p[0].target_only);
	assert_int_equal(back->probes.p[0].sequence, -4);
	assert_string_equal(back->runtime_symbols.p[back->inlines.p[0].relocs.p[0].symbol],
			    "rt_slot_miss");
	assert_string_equal(back->listing, b->listing);
	assert_null(bundle_save(back, again));
	first = slurp(a, path, &n);
	assert_memory_equal(first, slurp(a, again, &m), n);
	assert_int_equal(n, m);
	unlink(path);
	unlink(again);
	arena_destroy(a);
}

/* Every byte wrong in turn, and every length. */
static void test_damage(void **state)
{
	struct arena *a = arena_create();
	char *path = temporary(a);
	struct bundle *back;
	size_t n;
	uint8_t *bytes;

	(void)state;
	assert_null(bundle_save(make(a), path));
	bytes = slurp(a, path, &n);
	for (size_t i = 0; i < n; i++) {
		struct arena_mark mark = arena_mark(a);

		bytes[i] ^= 0x41;
		spit(path, bytes, n);
		assert_non_null(bundle_load(a, path, &back));
		bytes[i] ^= 0x41;
		spit(path, bytes, i);
		assert_non_null(bundle_load(a, path, &back));
		arena_reset(a, mark);
	}
	unlink(path);
	arena_destroy(a);
}

/* Damage with a matching checksum: loading either refuses or gives something coherent. */
static void test_forged(void **state)
{
	struct arena *a = arena_create();
	char *path = temporary(a);
	struct bundle *back;
	size_t n;
	uint8_t *bytes;

	(void)state;
	assert_null(bundle_save(make(a), path));
	bytes = slurp(a, path, &n);
	for (size_t i = 32; i < n; i++) {
		struct arena_mark mark = arena_mark(a);
		uint64_t hash;
		uint8_t before = bytes[i];

		bytes[i] = (uint8_t)(i % 2 ? 0xff : before + 1);
		hash = base_hash(bytes + 32, n - 32);
		memcpy(bytes + 24, &hash, sizeof hash);
		spit(path, bytes, n);
		if (!bundle_load(a, path, &back))
			assert_true(back->sites.n == 0 || back->sites.p[0].probe < back->probes.n);
		bytes[i] = before;
		arena_reset(a, mark);
	}
	unlink(path);
	arena_destroy(a);
}

/* No file of a session may be outside of its folder. */
static void test_paths(void **state)
{
	static const char *const bad[] = { "/x", "a/../b", "..", "a//b", "a/", ".", "" };
	struct arena *a = arena_create();
	char *path = temporary(a);
	struct bundle *b = make(a), *back;

	(void)state;
	b->probes.p[0].event = 6;
	assert_null(bundle_save(b, path));
	assert_non_null(bundle_load(a, path, &back));
	for (size_t i = 0; i < base_count(bad); i++) {
		b->probes.p[0].path = bad[i];
		assert_null(bundle_save(b, path));
		assert_non_null(bundle_load(a, path, &back));
	}
	b->probes.p[0].path = "a/.b";
	assert_null(bundle_save(b, path));
	assert_null(bundle_load(a, path, &back));
	assert_string_equal(back->probes.p[0].path, "a/.b");
	unlink(path);
	arena_destroy(a);
}

static void test_refusals(void **state)
{
	struct arena *a = arena_create();
	char *path = temporary(a);
	struct bundle *back;
	struct error *e;

	(void)state;
	e = bundle_load(a, "/proc/nonexistent/bundle", &back);
	assert_non_null(e);
	assert_int_equal(e->code, ERROR_NOT_FOUND);
	spit(path, "#!/bin/sh\necho this is no bundle at all, is it\n", 46);
	e = bundle_load(a, path, &back);
	assert_non_null(e);
	assert_int_equal(e->code, ERROR_BAD_FILE);
	assert_non_null(bundle_save(make(a), "/proc/nonexistent/bundle"));
	unlink(path);
	arena_destroy(a);
}

static void test_global_init(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = make(a);
	uint8_t *region = arena_alloc(a, REGION_SIZE);
	const struct abi_global *globals = (const void *)(region + ABI_PAGE);
	const struct abi_string *text = (const void *)(region + 4096 + 512);

	(void)state;
	bundle_global_init(b, 0, region);
	bundle_global_init(b, 1, region);
	assert_int_equal(text->length, 4);
	assert_memory_equal(text->text, "ab\0c", 5);
	assert_int_equal(globals[1].shard_offset, ABI_SLOT_HEAD);
	assert_memory_equal(region + 4096 + 1024, &b->globals.p[1].map, sizeof(struct abi_map));
	assert_memory_equal(region + 4096 + 2048, &b->globals.p[1].map, sizeof(struct abi_map));
	arena_destroy(a);
}

static void test_symbols(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = bundle_create(a);

	(void)state;
	assert_int_equal(bundle_runtime_symbol(b, "rt_a"), 0);
	assert_int_equal(bundle_runtime_symbol(b, "rt_b"), 1);
	assert_int_equal(bundle_runtime_symbol(b, "rt_a"), 0);
	assert_int_equal(b->runtime_symbols.n, 2);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_damage),
		cmocka_unit_test(test_forged),	    cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_global_init), cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
