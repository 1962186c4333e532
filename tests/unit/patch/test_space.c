/* SPDX-License-Identifier: Apache-2.0 */
/* Places for trampolines: the nearest match, no overlaps, within the free ranges, repeatable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "patch/match.h"
#include "patch/space.h"

#define BASE 0x555555555000ull

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool fits(uint64_t address, uint64_t base, uint32_t mask, uint32_t value)
{
	return ((uint32_t)(address - base) & mask) == value;
}

/* ---- matching ------------------------------------------------------------------- */

static void matches_are_the_nearest(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint32_t mask = (uint32_t)(random_number() & random_number()) & 0x3ff;
		uint32_t value = (uint32_t)random_number() & mask;
		uint64_t from = BASE + random_number() % 4096 - 2048, up = from, down = from, got;

		while (!fits(up, BASE, mask, value))
			up++;
		while (!fits(down, BASE, mask, value))
			down--;
		assert_true(patch_match_up(from, BASE, mask, value, &got));
		assert_int_equal(got, up);
		assert_true(patch_match_down(from, BASE, mask, value, &got));
		assert_int_equal(got, down);
	}
}

static void matches_know_the_sign(void **state)
{
	uint64_t got;

	(void)state;
	/* the top byte 0xCC: 0.8 GiB below */
	assert_true(patch_match_up(BASE - 0x7fffffff, BASE, 0xff000000, 0xcc000000, &got));
	assert_int_equal(got, BASE - 0x34000000);
	assert_true(patch_match_down(BASE, BASE, 0xff000000, 0xcc000000, &got));
	assert_int_equal(got, BASE - 0x33000001);
	assert_false(patch_match_up(BASE, BASE, 0xff000000, 0xcc000000, &got));
	assert_false(patch_match_down(BASE, BASE, 0xff000000, 0x0c000000, &got));
	/* one certain address */
	assert_true(patch_match_up(BASE - 0x7fffffff, BASE, UINT32_MAX, 0x12345678, &got));
	assert_int_equal(got, BASE + 0x12345678);
	assert_false(patch_match_up(BASE + 0x12345679, BASE, UINT32_MAX, 0x12345678, &got));
	/* below address 0 there is nothing */
	assert_false(patch_match_down(0x401000, 0x401000, 0xff000000, 0xcc000000, &got));
	/* nor beyond the reach of a displacement */
	assert_false(patch_match_up(BASE + 0x80000000ull, BASE, 0, 0, &got));
}

/* ---- taking room -------------------------------------------------------------------- */

#define BLOCKS 3000u
static const struct patch_range room[] = {
	{ BASE - 0x40000000, BASE - 0x30000000 },
	{ BASE - 0x100000, BASE - 0x80000 },
	{ BASE + 0x200000, BASE + 0x20000000 },
};
static const uint32_t masks[] = { 0xf, 0xff, 0xff00, 0xffff, 0xff0000, 0xff000000, 0xff0000ff };

static struct space_wish random_wish(void)
{
	struct space_wish w = { .base = BASE + random_number() % 0x100000,
				.mask = masks[random_number() % base_count(masks)],
				.size = 16 + (uint32_t)(random_number() % 200) };

	w.low = w.base - 0x7fff0000;
	w.high = w.base + 0x7fff0000;
	w.value = 0xcccccccc & w.mask;
	return w;
}

static bool is_free(uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < base_count(room); i++)
		if (from >= room[i].start && to <= room[i].end)
			return true;
	return false;
}

static uint32_t take_blocks(struct arena *a, struct patch_range *blocks, uint32_t *n_pages)
{
	struct patch_space *s = patch_space_create(a);
	uint32_t n = 0;

	patch_space_set_free(s, room, base_count(room));
	for (uint32_t i = 0; i < BLOCKS; i++) {
		struct space_wish w = random_wish();
		uint64_t at;

		if (!patch_space_take(s, &w, &at))
			continue;
		assert_true(fits(at, w.base, w.mask, w.value));
		assert_true(is_free(at, at + w.size));
		blocks[n++] = (struct patch_range){ at, at + w.size };
	}
	patch_space_pages(s, n_pages);
	return n;
}

static void blocks_are_apart_and_repeatable(void **state)
{
	struct arena *a = arena_create();
	struct patch_range *blocks = arena_array(a, struct patch_range, BLOCKS);
	struct patch_range *again = arena_array(a, struct patch_range, BLOCKS);
	uint64_t start = seed;
	uint32_t n, pages;

	(void)state;
	n = take_blocks(a, blocks, &pages);
	assert_true(n > BLOCKS * 9 / 10 && pages < n);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_true(blocks[i].end <= blocks[k].start ||
				    blocks[k].end <= blocks[i].start);
	seed = start;
	assert_int_equal(take_blocks(a, again, &pages), n);
	assert_memory_equal(blocks, again, n * sizeof *blocks);
	arena_destroy(a);
}

static void unconstrained_blocks_fill_pages(void **state)
{
	struct arena *a = arena_create();
	struct patch_space *s = patch_space_create(a);
	struct space_wish w = { .low = BASE - 0x7fff0000,
				.high = BASE + 0x7fff0000,
				.base = BASE,
				.size = 64 };
	struct patch_page *pages;
	uint64_t at;
	uint32_t n;

	(void)state;
	patch_space_set_free(s, room, base_count(room));
	for (int i = 0; i < 128; i++)
		assert_true(patch_space_take(s, &w, &at));
	pages = patch_space_pages(s, &n);
	assert_int_equal(n, 2);
	assert_int_equal(pages[0].address, room[1].end - ABI_PAGE);
	assert_int_equal(pages[1].address, room[1].end - 2 * ABI_PAGE);
	assert_int_equal(pages[0].used, ABI_PAGE);
	assert_true(pages[0].fresh && !pages[0].changed);
	patch_space_settle(s);
	assert_true(!pages[0].fresh);
	arena_destroy(a);
}

static void blocks_may_cross_pages(void **state)
{
	struct arena *a = arena_create();
	struct patch_space *s = patch_space_create(a);
	struct space_wish w = { .low = BASE - 0x7fff0000,
				.high = BASE + 0x7fff0000,
				.base = BASE,
				.mask = 0xfff,
				.value = 0xff0,
				.size = 5000 };
	uint8_t bytes[5000];
	struct patch_page *pages;
	uint64_t at;
	uint32_t n;

	(void)state;
	memset(bytes, 0x5a, sizeof bytes);
	patch_space_set_free(s, room, base_count(room));
	assert_true(patch_space_take(s, &w, &at));
	patch_space_write(s, at, bytes, sizeof bytes);
	pages = patch_space_pages(s, &n);
	assert_int_equal(n, 3);
	assert_int_equal(pages[0].bytes[0xfef], 0xcc);
	assert_int_equal(pages[0].bytes[0xff0], 0x5a);
	assert_int_equal(pages[1].bytes[0], 0x5a);
	assert_int_equal(pages[2].bytes[5000 - 4096 - 17], 0x5a);
	assert_int_equal(pages[2].bytes[5000 - 4096 - 16], 0xcc);
	assert_true(pages[0].changed && pages[2].changed);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_are_the_nearest),
		cmocka_unit_test(matches_know_the_sign),
		cmocka_unit_test(blocks_are_apart_and_repeatable),
		cmocka_unit_test(unconstrained_blocks_fill_pages),
		cmocka_unit_test(blocks_may_cross_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
