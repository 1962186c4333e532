/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of the runtime's hot functions, in nanoseconds per call, on one thread:
 * the best of several rounds.
 *
 *	cc -O2 -DRT_HOSTED=1 -I. bench/runtime_core.c runtime/core/[a-z]*.c runtime/arch/hosted.c -o
 *runtime_core
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/rt_api.h"

#define CALLS 1000000
#define ROUNDS 7
#define RING ((uint64_t)1 << 20)
#define KEYS 1024

static struct abi_region *region;
static struct abi_slot *slot;
static struct abi_map *longs, *pairs;
static struct abi_stat *stat;
static struct abi_string *text;

static const struct abi_stat_desc plain = { .keep = ABI_KEEP_COUNT | ABI_KEEP_SUM | ABI_KEEP_MIN |
						    ABI_KEEP_MAX };
static const struct abi_stat_desc histogram = { .keep = ABI_KEEP_COUNT | ABI_KEEP_LOG,
						.buckets = ABI_LOG_BUCKETS };
static const uint32_t locks[] = { 0x80000000u };

static struct {
	struct abi_format head;
	struct abi_format_part part[2];
	char text[8];
} format = { .head = { .n_parts = 2, .n_args = 1 },
	     .part = { { .conversion = 'd' },
		       { .text = sizeof(struct abi_format) + 2 * sizeof(struct abi_format_part),
			 .length = 1 } },
	     .text = "\n" };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct abi_map *make_map(uint32_t n_keys, uint32_t string_keys)
{
	uint32_t room = ABI_STRING_HEAD + ABI_MAXSTRINGLEN, at = ABI_ENTRY_HEAD;
	struct abi_map *m = calloc(1, 64 << 20);

	for (uint32_t i = 0; i < n_keys; i++)
		at += string_keys >> i & 1 ? room : 8;
	*m = (struct abi_map){ .capacity = 2048,
			       .buckets = 4096,
			       .entry_size = at + 8,
			       .value_offset = at,
			       .n_keys = n_keys,
			       .string_keys = string_keys,
			       .max_string = ABI_MAXSTRINGLEN,
			       .entries_offset = sizeof *m + 4096 * 4 };
	return m;
}

static void prepare(void)
{
	uint64_t size = 2 * ABI_PAGE + 65536 + RING;

	region = aligned_alloc(ABI_PAGE, size);
	memset(region, 0, size);
	region->state = ABI_STATE_RUNNING;
	region->max_string = ABI_MAXSTRINGLEN;
	region->globals_offset = ABI_PAGE;
	region->slot_count = region->slot_next = region->n_globals = 1;
	region->slots_offset = 2 * ABI_PAGE;
	region->slot_size = 65536 + RING;
	region->ring_offset = 65536;
	region->ring_size = RING;
	slot = (void *)((char *)region + region->slots_offset);
	slot->region = (uint64_t)region;
	longs = make_map(1, 0);
	pairs = make_map(2, 2);
	stat = calloc(1, ABI_STAT_HEAD + ABI_LOG_BUCKETS * 8);
	text = calloc(1, ABI_STRING_HEAD + ABI_MAXSTRINGLEN);
	text->length = (uint32_t)strlen(strcpy(text->text, "postgres: writer process"));
}

static void map_ref_long(uint64_t i)
{
	++*rt_map_ref_long(slot, longs, (int64_t)(i % KEYS));
}

static void map_ref_one(uint64_t i)
{
	(void)i;
	++*rt_map_ref_long(slot, longs, 7);
}

static void map_ref_text(uint64_t i)
{
	++*rt_map_ref(slot, pairs, (uint64_t[]){ i % KEYS, (uint64_t)text });
}

static void stat_add(uint64_t i)
{
	rt_stat_add(slot, &plain, stat, (int64_t)i);
}

static void stat_add_log(uint64_t i)
{
	rt_stat_add(slot, &histogram, stat, (int64_t)i);
}

/* One hit: print and end. The consumer is always there. */
static void print_hit(uint64_t i)
{
	rt_print(slot, 0, &format.head, &i);
	rt_handler_end(slot);
	slot->ring_tail = slot->ring_head;
}

/* One more print in a hit that has its stamp. */
static void print_more(uint64_t i)
{
	rt_print(slot, 0, &format.head, &i);
	slot->ring_tail = slot->ring_write;
}

static void sprint(uint64_t i)
{
	rt_sprint(slot, &format.head, &i, text);
}

static void lock(uint64_t i)
{
	(void)i;
	rt_lock(slot, locks, 1);
	rt_unlock(slot);
}

static void nothing(uint64_t i)
{
	(void)i;
	__asm__ volatile("");
}

static const struct {
	const char *name;
	void (*call)(uint64_t i);
} cases[] = {
	{ "empty call", nothing },
	{ "rt_map_ref_long, same key", map_ref_one },
	{ "rt_map_ref_long, 1024 keys", map_ref_long },
	{ "rt_map_ref, [long, string]", map_ref_text },
	{ "rt_stat_add, count sum min max", stat_add },
	{ "rt_stat_add, hist_log", stat_add_log },
	{ "rt_print \"%d\\n\" and rt_handler_end", print_hit },
	{ "rt_print \"%d\\n\", second of a hit", print_more },
	{ "rt_sprint \"%d\\n\"", sprint },
	{ "rt_lock and rt_unlock, one writer", lock },
};

static double measure(void (*call)(uint64_t i))
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now(), spent;

		for (uint64_t i = 0; i < CALLS; i++)
			call(i);
		spent = (now() - start) / CALLS;
		best = spent < best ? spent : best;
	}
	return best;
}

int main(void)
{
	prepare();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		printf("%-40s %7.1f ns\n", cases[i].name, measure(cases[i].call));
	return 0;
}
