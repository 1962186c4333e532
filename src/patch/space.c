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
 *
 * Where room is scarce most searches find nothing, and there are many of them. So what cannot
 * serve is passed over, not looked at: pages whose largest hole is too small, 64 at a
 * time (`most`), and free ranges and pages in which no match lies. A page that is taken
 * leaves the free ranges; the free bytes that a range touches in pages of ours belong to it as well.
 *
 *	page of ours  |  free range             |  page of ours
 *	xxxx xx [tail |  ...................... | head] xxx x
 */
#include "patch/space.h"

#include <string.h>

#include "patch/flow.h"
#include "patch/match.h"
#include "patch/text.h"

#define WORDS (ABI_PAGE / 64)
#define CHUNK 64u /* pages of which one bound is kept */
/* Nothing is put where a null pointer with an offset may point. */
#define LOWEST 0x10000ull

struct page_state {
	uint64_t taken[WORDS];
	uint32_t largest, head, tail; /* holes, bytes: any, at its begin, at its end */
};

struct patch_space {
	struct arena *arena;
	VEC(struct patch_range) free; /* ascending, without the pages */
	VEC(struct patch_page) pages; /* in the order they were taken */
	VEC(struct page_state *) states; /* of pages[i] */
	VEC(uint32_t) order; /* indexes of pages, by address */
	VEC(uint32_t) most; /* of each CHUNK of the order: no block larger than this begins there */
	uint64_t steps; /* matches, pages and ranges looked at */
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

/* Position in `order` of the first page, from a position that is not behind it, that ends behind the address. */
static uint32_t position_from(const struct patch_space *s, uint32_t low, uint64_t address)
{
	uint32_t high = s->order.n, step = 1;

	/* mostly near */
	while (low + step < high && s->pages.p[s->order.p[low + step]].address + ABI_PAGE <= address) {
		low += step;
		step *= 2;
	}
	high = base_min(high, low + step);
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (s->pages.p[s->order.p[middle]].address + ABI_PAGE <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t position_of(const struct patch_space *s, uint64_t address)
{
	return position_from(s, 0, address);
}

/* Index of the page that holds the address, or -1. */
static int64_t page_find(const struct patch_space *s, uint64_t address)
{
	uint32_t at = position_of(s, address);

	if (at == s->order.n || s->pages.p[s->order.p[at]].address > address)
		return -1;
	return s->order.p[at];
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

	p->head = next_byte(p, 0, true);
	p->largest = p->tail = 0;
	while (from < ABI_PAGE) {
		to = next_byte(p, from, true);
		p->largest = base_max(p->largest, to - from);
		p->tail = to == ABI_PAGE ? to - from : 0;
		from = next_byte(p, to, false);
	}
}

/* No larger block begins in the page at this position of the order and lies in pages of ours. */
static uint32_t page_bound(const struct patch_space *s, uint32_t at)
{
	const struct page_state *p = s->states.p[s->order.p[at]], *next;

	if (!p->tail || at + 1 == s->order.n ||
	    s->pages.p[s->order.p[at + 1]].address != s->pages.p[s->order.p[at]].address + ABI_PAGE)
		return p->largest;
	next = s->states.p[s->order.p[at + 1]];
	return next->head == ABI_PAGE ? UINT32_MAX : base_max(p->largest, p->tail + next->head);
}

static void measure_chunk(struct patch_space *s, uint32_t chunk)
{
	uint32_t end = base_min((chunk + 1) * CHUNK, s->order.n);

	s->most.p[chunk] = 0;
	for (uint32_t i = chunk * CHUNK; i < end; i++)
		s->most.p[chunk] = base_max(s->most.p[chunk], page_bound(s, i));
}

/* The holes of a page have changed, which the page before it may reach into. */
static void measure_page(struct patch_space *s, uint32_t index)
{
	uint32_t at = position_of(s, s->pages.p[index].address);

	measure_holes(s->states.p[index]);
	measure_chunk(s, at / CHUNK);
	if (at && at % CHUNK == 0)
		measure_chunk(s, at / CHUNK - 1);
}

static void mark_bytes(struct patch_space *s, uint32_t index, uint32_t from, uint32_t to, bool taken)
{
	struct page_state *p = s->states.p[index];

	for (uint32_t i = from; i < to; i++) {
		uint64_t bit = 1ull << (i % 64);

		p->taken[i / 64] = taken ? p->taken[i / 64] | bit : p->taken[i / 64] & ~bit;
	}
	measure_page(s, index);
}

/* ---- pages come in ------------------------------------------------------------------ */

/* Position of the first free range that ends behind the address. */
static uint32_t range_behind(const struct patch_space *s, uint64_t address)
{
	uint32_t low = 0, high = s->free.n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (s->free.p[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The page is no longer free. */
static void cut_page(struct patch_space *s, uint64_t page)
{
	uint32_t i = range_behind(s, page);
	struct patch_range *r = &s->free.p[i], rest;

	if (i == s->free.n || r->start > page)
		return;
	rest = (struct patch_range){ page + ABI_PAGE, r->end };
	if (rest.start < rest.end && r->start < page) {
		vec_push(s->arena, &s->free, rest);
		r = &s->free.p[i];
		memmove(r + 2, r + 1, (s->free.n - 2 - i) * sizeof *r);
		r[1] = rest;
		r->end = page;
	} else if (rest.start < rest.end) {
		*r = rest;
	} else if (r->start < page) {
		r->end = page;
	} else {
		memmove(r, r + 1, (s->free.n - 1 - i) * sizeof *r);
		s->free.n--;
	}
}

static uint32_t page_add(struct patch_space *s, uint64_t address)
{
	struct page_state *state = arena_new(s->arena, struct page_state);
	uint32_t at = position_of(s, address), index = s->pages.n;
	struct patch_page page = { .address = address, .fresh = true };

	page.bytes = arena_alloc(s->arena, ABI_PAGE);
	memset(page.bytes, 0xcc, ABI_PAGE);
	measure_holes(state);
	vec_push(s->arena, &s->pages, page);
	vec_push(s->arena, &s->states, state);
	vec_push(s->arena, &s->order, index);
	memmove(s->order.p + at + 1, s->order.p + at,
		(s->order.n - 1 - at) * sizeof *s->order.p);
	s->order.p[at] = index;
	if (s->most.n * CHUNK < s->order.n)
		vec_push(s->arena, &s->most, 0);
	for (uint32_t chunk = (at ? at - 1 : 0) / CHUNK; chunk < s->most.n; chunk++)
		measure_chunk(s, chunk);
	cut_page(s, address);
	return index;
}

void patch_space_set_free(struct patch_space *s, const struct patch_range *ranges, uint32_t n)
{
	s->free.n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].end > LOWEST)
			vec_push(s->arena, &s->free,
				 (struct patch_range){ base_max(ranges[i].start, LOWEST),
						       ranges[i].end });
	vec_each(page, &s->pages)
		cut_page(s, page->address);
}

/* ---- is there room? ----------------------------------------------------------------- */

struct obstacle {
	uint64_t start, end; /* no block may touch it */
};

/* What is in the way of [from, to) in the page that holds `from`: all of it, if it is not ours. false: nothing. */
static bool obstacle_in_page(const struct patch_space *s, uint64_t from, uint64_t to,
			     struct obstacle *out)
{
	int64_t i = page_find(s, from);
	uint64_t page = page_of(from);
	uint32_t hit, limit = (uint32_t)(base_min(to, page + ABI_PAGE) - page);

	*out = (struct obstacle){ page, page + ABI_PAGE };
	if (i < 0)
		return true;
	hit = next_byte(s->states.p[i], (uint32_t)(from - page), true);
	if (hit >= limit)
		return false;
	*out = (struct obstacle){ page + hit, page + next_byte(s->states.p[i], hit, false) };
	return true;
}

static bool obstacle_find(const struct patch_space *s, uint64_t from, uint64_t to,
			  struct obstacle *out)
{
	for (uint64_t at = from; at < to; at = page_of(at) + ABI_PAGE)
		if (obstacle_in_page(s, at, to, out))
			return true;
	return false;
}

/* Position of the first page from this one on in which a block of that size may begin; behind the last: none. */
static uint32_t next_wide(struct patch_space *s, uint32_t at, uint32_t size)
{
	while (at < s->order.n) {
		s->steps++;
		if (s->most.p[at / CHUNK] < size)
			at = (at / CHUNK + 1) * CHUNK;
		else if (page_bound(s, at) < size)
			at++;
		else
			return at;
	}
	return s->order.n;
}

/* A hole in the pages we have. Leaps from page to match and from match to page. */
static bool find_in_pages(struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	uint64_t at = w->low, page;
	uint32_t i = position_of(s, at);
	struct obstacle o;

	while (patch_match_up(at, w->base, w->mask, w->value, &at) && at + w->size <= w->high) {
		s->steps++;
		i = next_wide(s, position_from(s, i, at), w->size);
		if (i >= s->order.n)
			return false;
		page = s->pages.p[s->order.p[i]].address;
		if (page > at) {
			at = page;
		} else if (obstacle_find(s, at, at + w->size, &o)) {
			at = o.end;
		} else {
			*out = at;
			return true;
		}
	}
	return false;
}

/* A free range with the free bytes that it touches in pages of ours. */
static struct patch_range widened(const struct patch_space *s, uint32_t i)
{
	struct patch_range r = s->free.p[i];
	int64_t before = page_find(s, r.start - 1), behind = page_find(s, r.end);

	if (before >= 0)
		r.start -= s->states.p[before]->tail;
	if (behind >= 0)
		r.end += s->states.p[behind]->head;
	return r;
}

/* From range to match and from match to range, downwards. */
static bool find_below(struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	uint64_t top = base_min(w->high, w->base), at = top - w->size;
	uint32_t i = range_behind(s, top); /* ranges that are left */

	if (top < w->size)
		return false;
	i += i < s->free.n && s->free.p[i].start < top;
	while (i-- > 0) {
		struct patch_range r = s->free.p[i];

		s->steps++;
		if (r.end + ABI_PAGE < w->low + w->size ||
		    !patch_match_down(base_min(at, r.end + ABI_PAGE - w->size), w->base, w->mask, w->value, &at) ||
		    at < w->low)
			return false;
		if (at + ABI_PAGE >= r.start) {
			r = widened(s, i);
			if (!patch_match_down(base_min(at, r.end - w->size), w->base, w->mask, w->value, &at))
				return false;
			if (at >= base_max(r.start, w->low)) {
				*out = at;
				return true;
			}
		}
		/* The tail of a page of ours may belong to the range behind it. */
		i = base_min(i, range_behind(s, at + ABI_PAGE) + 1);
	}
	return false;
}

static bool find_above(struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	uint64_t at = base_max(w->low, w->base);
	uint32_t i = range_behind(s, at);

	while (i < s->free.n) {
		struct patch_range r = s->free.p[i++];

		s->steps++;
		if (!patch_match_up(base_max(at, r.start - ABI_PAGE), w->base, w->mask, w->value, &at) ||
		    at + w->size > w->high)
			return false;
		if (at + w->size <= r.end + ABI_PAGE) {
			r = widened(s, i - 1);
			if (!patch_match_up(base_max(at, r.start), w->base, w->mask, w->value, &at))
				return false;
			if (at + w->size <= base_min(r.end, w->high)) {
				*out = at;
				return true;
			}
		}
		/* The head of a page of ours may belong to the range before it. */
		i = base_max(i, range_behind(s, at - ABI_PAGE));
	}
	return false;
}

/* Room in pages not taken yet: nearest below the site, then nearest above. */
static bool find_fresh(struct patch_space *s, const struct space_wish *w, uint64_t *out)
{
	return find_below(s, w, out) || find_above(s, w, out);
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

static bool find_apart(struct patch_space *s, const struct space_wish *w, uint64_t *out)
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
		mark_bytes(s, (uint32_t)i, (uint32_t)(at - page), (uint32_t)(stop - page), true);
		s->pages.p[i].used += (uint32_t)(stop - at);
	}
	return true;
}

bool patch_space_may_have(struct patch_space *s, uint64_t low, uint64_t high, uint32_t size)
{
	uint32_t range = range_behind(s, low), page = position_of(s, low);

	if (range < s->free.n && s->free.p[range].start < high)
		return true;
	page = next_wide(s, page, size);
	return page < s->order.n && s->pages.p[s->order.p[page]].address < high;
}

uint64_t patch_space_steps(const struct patch_space *s)
{
	return s->steps;
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
		mark_bytes(s, (uint32_t)i, (uint32_t)(at - page->address),
			   (uint32_t)(stop - page->address), false);
		page->used -= (uint32_t)(stop - at);
		at = stop;
	}
}
