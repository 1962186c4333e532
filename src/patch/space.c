/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space: pages of trampolines, found by the address they must have.
 *
 * A trampoline's address is part of the patch that jumps to it, so the
 * allocator is driven by addresses: first a hole in a page we have, going up
 * through them; then a new page, as close below the site as the free ranges
 * and the wish allow, else as close above it.  Growing downwards, pages
 * without a wish end up side by side.  The same questions in the same order
 * give the same answers.
 *
 * Every byte of a page has a bit; blocks are small. One is given back only when the plan it
 * was for came to nothing: then nobody has seen it.
 */
#include "patch/space.h"

#include <string.h>

#include "patch/flow.h"
#include "patch/match.h"
#include "patch/text.h"

#define WORDS (ABI_PAGE / 64)
/* Nothing is put where a null pointer with an offset may point. */
#define LOWEST 0x10000ull

struct page_state {
	uint64_t taken[WORDS];
	uint32_t largest; /* hole, bytes */
};

struct patch_space {
	struct arena *arena;
	VEC(struct patch_range) free;
	VEC(struct patch_page) pages; /* in the order they were taken */
	VEC(struct page_state *) states; /* of pages[i] */
	VEC(uint32_t) order; /* indexes of pages, by address */
	struct patch_text *text;
	struct patch_flow *flow, *near_flow;
};

struct patch_space *patch_space_create(struct arena *a)
{
	struct patch_space *s = arena_new(a, struct patch_space);

	s->arena = a;
	s->text = patch_text_create(a);
	s->flow = patch_flow_create(a);
	s->near_flow = patch_flow_create(a);
	return s;
}

void patch_space_use_cache(struct patch_space *s, struct patch_flow_cache *c)
{
	patch_flow_use_cache(s->flow, c);
	patch_flow_use_cache(s->near_flow, c);
}

struct patch_text *patch_space_text(struct patch_space *s)
{
	return s->text;
}

struct patch_flow *patch_space_flow(struct patch_space *s)
{
	return s->flow;
}

struct patch_flow *patch_space_near_flow(struct patch_space *s)
{
	return s->near_flow;
}

void patch_space_expect(struct patch_space *s, uint64_t address)
{
	patch_text_expect(s->text, address);
}

void patch_space_keep_off(struct patch_space *s, uint64_t address, uint32_t n)
{
	patch_text_keep_off(s->text, address, n, true);
}

void patch_space_admit(struct patch_space *s, uint64_t address, uint32_t n)
{
	patch_text_keep_off(s->text, address, n, false);
}

void patch_space_reopen(struct patch_space *s, uint64_t address, uint32_t n)
{
	patch_text_reopen(s->text, address, n);
}

bool patch_space_is_expected(const struct patch_space *s, uint64_t address)
{
	return patch_text_is_site(s->text, address);
}

void patch_space_forget(struct patch_space *s, uint64_t start, uint64_t end)
{
	patch_text_forget(s->text, start, end);
	patch_flow_reset(s->flow);
	patch_flow_reset(s->near_flow);
}

void patch_space_original(const struct patch_space *s, uint64_t address, uint8_t *bytes, uint32_t n)
{
	patch_text_revert(s->text, address, bytes, n);
}

void patch_space_set_free(struct patch_space *s, const struct patch_range *ranges, uint32_t n)
{
	s->free.n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].end > LOWEST)
			vec_push(s->arena, &s->free,
				 (struct patch_range){ base_max(ranges[i].start, LOWEST),
						       ranges[i].end });
}

struct patch_page *patch_space_pages(struct patch_space *s, uint32_t *n)
{
	*n = s->pages.n;
	return s->pages.p;
}

void patch_space_settle(struct patch_space *s)
{
	vec_each(page, &s->pages)
		page->fresh = page->changed = false;
}

/* ---- pages by address --------------------------------------------------------- */

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(ABI_PAGE - 1);
}

/* Position in `order` of the first page that ends behind the address. */
static uint32_t position_of(const struct patch_space *s, uint64_t address)
{
	uint32_t low = 0, high = s->order.n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (s->pages.p[s->order.p[middle]].address + ABI_PAGE <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Index of the page that holds the address, or -1. */
static int64_t page_find(const struct patch_space *s, uint64_t address)
{
	uint32_t at = position_of(s, address);

	if (at == s->order.n || s->pages.p[s->order.p[at]].address > address)
		return -1;
	return s->order.p[at];
}

static uint32_t page_add(struct patch_space *s, uint64_t address)
{
	struct page_state *state = arena_new(s->arena, struct page_state);
	uint32_t at = position_of(s, address), index = s->pages.n;
	struct patch_page page = { .address = address, .fresh = true };

	page.bytes = arena_alloc(s->arena, ABI_PAGE);
	memset(page.bytes, 0xcc, ABI_PAGE);
	state->largest = ABI_PAGE;
	vec_push(s->arena, &s->pages, page);
	vec_push(s->arena, &s->states, state);
	vec_push(s->arena, &s->order, index);
	memmove(s->order.p + at + 1, s->order.p + at,
		(s->order.n - 1 - at) * sizeof *s->order.p);
	s->order.p[at] = index;
	return index;
}

/* ---- the bytes of one page ------------------------------------------------------- */

/* First byte at or behind `at` whose bit is `taken`; ABI_PAGE if none. */
static uint32_t next_byte(const struct page_state *p, uint32_t at, bool taken)
{
	while (at < ABI_PAGE) {
		uint64_t word = taken ? p->taken[at / 64] : ~p->taken[at / 64];

		word &= ~0ull << (at % 64);
		if (word)
			return at / 64 * 64 + (uint32_t)__builtin_ctzll(word);
		at = (at / 64 + 1) * 64;
	}
	return ABI_PAGE;
}

static void measure_holes(struct page_state *p)
{
	uint32_t from = next_byte(p, 0, false), to;

	p->largest = 0;
	while (from < ABI_PAGE) {
		to = next_byte(p, from, true);
		p->largest = base_max(p->largest, to - from);
		from = next_byte(p, to, false);
	}
}

static void mark_bytes(struct page_state *p, uint32_t from, uint32_t to, bool taken)
{
	for (uint32_t i = from; i < to; i++) {
		uint64_t bit = 1ull << (i % 64);

		p->taken[i / 64] = taken ? p->taken[i / 64] | bit : p->taken[i / 64] & ~bit;
	}
	measure_holes(p);
}

/* ---- is there room? ----------------------------------------------------------------- */

struct obstacle {
	uint64_t start, end; /* no block may touch it */
};

/*
 * What is in the way of [from, to) in the page that holds `from`; false: nothing.
 * Pages that are not ours count as room if `fresh` says so.
 */
static bool obstacle_in_page(const struct patch_space *s, uint64_t from, uint64_t to, bool fresh,
			     struct obstacle *out)
{
	int64_t i = page_find(s, from);
	uint64_t page = page_of(from);
	uint32_t hit, limit = (uint32_t)(base_min(to, page + ABI_PAGE) - page);

	*out = (struct obstacle){ page, page + ABI_PAGE };
	if (i < 0)
		return !fresh;
	hit = next_byte(s->states.p[i], (uint32_t)(from - page), true);
	if (hit >= limit)
		return false;
	*out = (struct obstacle){ page + hit, page + next_byte(s->states.p[i], hit, false) };
	return true;
}

static bool obstacle_find(const struct patch_space *s, uint64_t from, uint64_t to, bool fresh,
			  struct obstacle *out)
{
	for (uint64_t at = from; at < to; at = page_of(at) + ABI_PAGE)
		if (obstacle_in_page(s, at, to, fresh, out))
			return true;
	return false;
}

/* A hole in the pages we have. Leaps from page to match and from match to page. */
static bool find_in_pages(const struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	uint64_t at = w->low;
	struct obstacle o;
	uint32_t i;

	while (patch_match_up(at, w->base, w->mask, w->value, &at) && at + w->size <= w->high) {
		i = position_of(s, at);
		if (i == s->order.n)
			return false;
		i = s->order.p[i];
		if (s->pages.p[i].address > at) {
			at = s->pages.p[i].address;
		} else if (s->states.p[i]->largest < base_min(w->size, ABI_PAGE)) {
			at = s->pages.p[i].address + ABI_PAGE;
		} else if (obstacle_find(s, at, at + w->size, false, &o)) {
			at = o.end;
		} else {
			*out = at;
			return true;
		}
	}
	return false;
}

static bool find_below(const struct patch_space *s, const struct space_wish *w,
		       const struct patch_range *r, uint64_t *out)
{
	uint64_t low = base_max(r->start, w->low);
	uint64_t end = base_min(base_min(r->end, w->high), w->base);
	struct obstacle o;

	while (end >= low + w->size && end > w->size) {
		if (!patch_match_down(end - w->size, w->base, w->mask, w->value, out) || *out < low)
			return false;
		if (!obstacle_find(s, *out, *out + w->size, true, &o))
			return true;
		end = base_min(o.start, *out + w->size - 1);
	}
	return false;
}

static bool find_above(const struct patch_space *s, const struct space_wish *w,
		       const struct patch_range *r, uint64_t *out)
{
	uint64_t at = base_max(base_max(r->start, w->low), w->base);
	uint64_t end = base_min(r->end, w->high);
	struct obstacle o;

	while (patch_match_up(at, w->base, w->mask, w->value, out) && *out + w->size <= end) {
		if (!obstacle_find(s, *out, *out + w->size, true, &o))
			return true;
		at = base_max(o.end, *out + 1);
	}
	return false;
}

/* Room in pages not taken yet: nearest below the site, then nearest above. */
static bool find_fresh(const struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	for (uint32_t i = s->free.n; i-- > 0;)
		if (s->free.p[i].start < w->base && find_below(s, w, &s->free.p[i], out))
			return true;
	for (uint32_t i = 0; i < s->free.n; i++)
		if (s->free.p[i].end > w->base && find_above(s, w, &s->free.p[i], out))
			return true;
	return false;
}

/*
 * Branch predictors know branches by the low 24 bits of their addresses (measured on Intel): a trampoline a multiple of
 * 16 MiB away from its site has the numbers of the code around it, and each takes the other's
 * predictions away, 5 to 10 ns a hit. A displacement of which only the top byte is given leads
 * exactly there, so such a one is sought 6 to 8 MiB beside.
 */
#define PREDICTOR_BITS 0xffffffu
#define APART_MASK 0xe00000u
#define APART 0x800000u

static bool find_apart(const struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	struct space_wish apart = *w;

	if (!(w->mask & ~PREDICTOR_BITS) || w->mask & APART_MASK)
		return false;
	apart.mask |= APART_MASK;
	apart.value |= APART;
	return find_in_pages(s, &apart, out) || find_fresh(s, &apart, out);
}

bool patch_space_take(struct patch_space *s, const struct space_wish *w, uint64_t *address)
{
	uint64_t end;

	if (w->low >= w->high)
		return false;
	if (!find_apart(s, w, address) && !find_in_pages(s, w, address) && !find_fresh(s, w, address))
		return false;
	end = *address + w->size;
	for (uint64_t at = *address; at < end; at = page_of(at) + ABI_PAGE) {
		int64_t i = page_find(s, at);
		uint64_t page = page_of(at), stop = base_min(end, page + ABI_PAGE);

		if (i < 0)
			i = page_add(s, page);
		mark_bytes(s->states.p[i], (uint32_t)(at - page), (uint32_t)(stop - page), true);
		s->pages.p[i].used += (uint32_t)(stop - at);
	}
	return true;
}

void patch_space_write(struct patch_space *s, uint64_t address, const uint8_t *bytes,
		       uint32_t size)
{
	for (uint64_t at = address, end = address + size; at < end;) {
		struct patch_page *page = &s->pages.p[page_find(s, at)];
		uint64_t stop = base_min(end, page->address + ABI_PAGE);

		memcpy(page->bytes + (at - page->address), bytes + (at - address), stop - at);
		page->changed = true;
		at = stop;
	}
}

void patch_space_release(struct patch_space *s, uint64_t address, uint32_t size)
{
	for (uint64_t at = address, end = address + size; at < end;) {
		int64_t i = page_find(s, at);
		struct patch_page *page = &s->pages.p[i];
		uint64_t stop = base_min(end, page->address + ABI_PAGE);

		memset(page->bytes + (at - page->address), 0xcc, stop - at);
		mark_bytes(s->states.p[i], (uint32_t)(at - page->address),
			   (uint32_t)(stop - page->address), false);
		page->used -= (uint32_t)(stop - at);
		at = stop;
	}
}
