/* SPDX-License-Identifier: Apache-2.0 */
/* text: bytes of code by lines of 64, those that no plan touches left out. */
#include "patch/text.h"

#include <string.h>

#define LINE 64u

struct line {
	uint64_t locked, written, site, foreign; /* a bit per byte */
	uint8_t original[LINE], now[LINE];
};

struct patch_text {
	struct arena *arena;
	struct map *lines; /* by address / LINE; put at the first need */
};

struct patch_text *patch_text_create(struct arena *a)
{
	struct patch_text *t = arena_new(a, struct patch_text);

	t->arena = a;
	t->lines = map_create(a);
	return t;
}

static struct line *line_find(const struct patch_text *t, uint64_t address)
{
	return map_count(t->lines) ? map_find_u64(t->lines, address / LINE) : NULL;
}

static struct line *line_make(struct patch_text *t, uint64_t address)
{
	struct line *l = line_find(t, address);

	if (l)
		return l;
	l = arena_new(t->arena, struct line);
	map_put_u64(t->lines, address / LINE, l);
	return l;
}

static uint64_t bit_of(uint64_t address)
{
	return 1ull << (address % LINE);
}

void patch_text_expect(struct patch_text *t, uint64_t address)
{
	line_make(t, address)->site |= bit_of(address);
}

bool patch_text_is_site(const struct patch_text *t, uint64_t address)
{
	const struct line *l = line_find(t, address);

	return l && l->site & bit_of(address);
}

bool patch_text_is_written(const struct patch_text *t, uint64_t address)
{
	const struct line *l = line_find(t, address);

	return l && l->written & bit_of(address);
}

void patch_text_forget(struct patch_text *t, uint64_t start, uint64_t end)
{
	for (uint64_t at = start & ~(uint64_t)(LINE - 1); at < end; at += LINE) {
		struct line *l = line_find(t, at);

		if (l)
			*l = (struct line){ .foreign = l->foreign };
	}
}

void patch_text_write(struct patch_text *t, uint64_t address, const uint8_t *original,
		      const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct line *l = line_make(t, address + i);
		uint64_t bit = bit_of(address + i);

		if (!(l->written & bit))
			l->original[(address + i) % LINE] = original[i];
		l->now[(address + i) % LINE] = bytes[i];
		l->written |= bit;
		l->locked |= bit;
	}
}

void patch_text_lock(struct patch_text *t, uint64_t address, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		line_make(t, address + i)->locked |= bit_of(address + i);
}

void patch_text_keep_off(struct patch_text *t, uint64_t address, uint32_t n, bool off)
{
	for (uint32_t i = 0; i < n; i++) {
		struct line *l = line_make(t, address + i);
		uint64_t bit = bit_of(address + i);

		l->foreign = off ? l->foreign | bit : l->foreign & ~bit;
	}
}

void patch_text_reopen(struct patch_text *t, uint64_t address, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct line *l = line_make(t, address + i);

		l->locked &= ~bit_of(address + i);
		l->written &= ~bit_of(address + i);
	}
}

bool patch_text_is_foreign(const struct patch_text *t, uint64_t address)
{
	const struct line *l = line_find(t, address);

	return l && l->foreign & bit_of(address);
}

static void replace(const struct patch_text *t, uint64_t address, uint8_t *bytes, uint32_t n,
		    bool by_now)
{
	for (uint64_t at = address, end = address + n, next; at < end; at = next) {
		const struct line *l = line_find(t, at);

		next = base_min(end, (at / LINE + 1) * LINE);
		for (uint64_t i = at; l && l->written && i < next; i++)
			if (l->written & bit_of(i))
				bytes[i - address] = by_now ? l->now[i % LINE] : l->original[i % LINE];
	}
}

void patch_text_apply(const struct patch_text *t, uint64_t address, uint8_t *bytes, uint32_t n)
{
	replace(t, address, bytes, n, true);
}

void patch_text_revert(const struct patch_text *t, uint64_t address, uint8_t *bytes, uint32_t n)
{
	replace(t, address, bytes, n, false);
}

uint32_t patch_text_free(const struct patch_text *t, uint64_t address, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct line *l = line_find(t, address + i);
		uint64_t bit = bit_of(address + i);

		if (l && ((l->locked | l->foreign) & bit || (i && l->site & bit)))
			return i;
	}
	return n;
}
