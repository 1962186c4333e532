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

/* ---- all room is found ---------------------------------------------------------------- */

#define AREA (64u * ABI_PAGE) /* from BASE on */

/* Free bytes of it, as the space should see them. */
struct model {
	bool free[AREA];
	struct patch_range blocks[4000];
	uint32_t n;
};

static bool model_fits(const struct model *m, uint64_t at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (at + i - BASE >= AREA || !m->free[at + i - BASE])
			return false;
	return true;
}

static bool model_has(const struct model *m, const struct space_wish *w)
{
	for (uint64_t at = w->low; at + w->size <= w->high; at++)
		if (fits(at, w->base, w->mask, w->value) && model_fits(m, at, w->size))
			return true;
	return false;
}

static void model_mark(struct model *m, struct patch_range r, bool is_free)
{
	memset(m->free + (r.start - BASE), is_free, r.end - r.start);
}

static struct space_wish small_wish(void)
{
	static const uint32_t small_masks[] = { 0, 0xf, 0xff, 0xff0, 0xfff, 0xff00, 0x3f0f, 0xf000 };
	struct space_wish w = { .base = BASE + random_number() % AREA,
				.mask = small_masks[random_number() % base_count(small_masks)],
				.size = 1 + (uint32_t)(random_number() % 300) };

	w.size = random_number() % 32 ? w.size : ABI_PAGE - w.size;
	w.low = BASE + random_number() % AREA;
	w.high = w.low + random_number() % AREA;
	w.value = (uint32_t)random_number() & w.mask;
	return w;
}

/* A block that was taken is given back. */
static void model_release(struct model *m, struct patch_space *s)
{
	uint32_t i = (uint32_t)(random_number() % m->n);
	struct patch_range r = m->blocks[i];

	patch_space_release(s, r.start, (uint32_t)(r.end - r.start));
	model_mark(m, r, true);
	m->blocks[i] = m->blocks[--m->n];
}

static void model_take(struct model *m, struct patch_space *s, uint32_t *found)
{
	struct space_wish w = small_wish();
	bool may = patch_space_may_have(s, w.low, w.high, w.size);
	uint64_t at;

	if (!patch_space_take(s, &w, &at)) {
		assert_false(model_has(m, &w));
		return;
	}
	assert_true(may);
	assert_true(at >= w.low && at + w.size <= w.high && fits(at, w.base, w.mask, w.value));
	assert_true(model_fits(m, at, w.size));
	m->blocks[m->n] = (struct patch_range){ at, at + w.size };
	model_mark(m, m->blocks[m->n++], false);
	(*found)++;
}

static void what_fits_is_found(void **state)
{
	static const struct patch_range parts[] = {
		{ BASE, BASE + 3 * ABI_PAGE },
		{ BASE + 4 * ABI_PAGE, BASE + 5 * ABI_PAGE },
		{ BASE + 9 * ABI_PAGE, BASE + 40 * ABI_PAGE },
		{ BASE + 41 * ABI_PAGE, BASE + 42 * ABI_PAGE },
		{ BASE + 50 * ABI_PAGE, BASE + 52 * ABI_PAGE },
	};
	struct arena *a = arena_create();
	struct patch_space *s = patch_space_create(a);
	struct model *m = arena_new(a, struct model);
	uint32_t found = 0;

	(void)state;
	patch_space_set_free(s, parts, base_count(parts));
	for (size_t i = 0; i < base_count(parts); i++)
		model_mark(m, parts[i], true);
	for (uint32_t i = 0; i < 3000; i++) {
		model_take(m, s, &found);
		if (m->n && random_number() % 8 == 0)
			model_release(m, s);
		if (i % 500 == 0)
			patch_space_set_free(s, parts, base_count(parts));
	}
	assert_true(found > 300 && found < 2700);
	arena_destroy(a);
}

/* ---- little room ------------------------------------------------------------------------- */

#define HOLES 512u /* of a page, 4 MiB apart */

static struct patch_space *space_of_holes(struct arena *a)
{
	struct patch_space *s = patch_space_create(a);
	struct patch_range *holes = arena_array(a, struct patch_range, HOLES);

	for (uint64_t i = 0; i < HOLES; i++)
		holes[i] = (struct patch_range){ BASE - 0x40000000 + (i << 22),
						 BASE - 0x40000000 + (i << 22) + ABI_PAGE };
	patch_space_set_free(s, holes, HOLES);
	return s;
}

/* Wishes until none has been granted for a while; how many steps the last thousand took. */
static uint64_t steps_when_full(struct patch_space *s, bool any_address)
{
	uint64_t at, before = 0;

	for (uint32_t vain = 0; vain < 2000; vain++) {
		struct space_wish w = random_wish();

		w.size = 40;
		w.mask = any_address ? 0 : w.mask;
		w.value &= w.mask;
		if (patch_space_take(s, &w, &at))
			vain = 0;
		if (vain == 1000)
			before = patch_space_steps(s);
	}
	return patch_space_steps(s) - before;
}

static void vain_searches_are_short(void **state)
{
	struct arena *a = arena_create();
	struct patch_space *s = space_of_holes(a);
	uint32_t n;

	(void)state;
	/* A part of the holes is left that no wish of these matches. */
	assert_true(steps_when_full(s, false) < 1000ull * 3 * HOLES);
	assert_true(steps_when_full(s, true) < 1000ull * 100);
	assert_false(patch_space_may_have(s, BASE - 0x7fff0000, BASE + 0x7fff0000, 40));
	patch_space_pages(s, &n);
	assert_int_equal(n, HOLES);
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
		cmocka_unit_test(what_fits_is_found),
		cmocka_unit_test(vain_searches_are_short),
		cmocka_unit_test(unconstrained_blocks_fill_pages),
		cmocka_unit_test(blocks_may_cross_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
