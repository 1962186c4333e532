/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of @entry, from a function's entry to its return.
 *
 * The frame that is inserted on the target's stack holds one word per value,
 * for a text a token; the text itself waits in the slot of the thread that made
 * it, and is given back at the return.  A function that is left by longjmp gives
 * nothing back: when all places are taken the oldest text has to go.
 */
#include <stdbool.h>

#include "runtime/rt_api.h"

static struct abi_kept *store_of(const struct abi_region *r, const struct abi_slot *s)
{
	return (void *)((uint64_t)s + r->texts_offset);
}

static struct abi_kept_text *text_at(const struct abi_region *r, struct abi_kept *k, uint32_t place)
{
	return (void *)((uint64_t)(k + 1) + (uint64_t)place * r->text_size);
}

/* A free place, looked for behind the last one taken; else that of the oldest text. */
static uint32_t find_place(const struct abi_region *r, struct abi_kept *k)
{
	uint32_t oldest = 0;

	for (uint32_t n = 1; n <= r->texts_count; n++) {
		uint32_t place = (uint32_t)((k->last + n) % r->texts_count);

		if (!text_at(r, k, place)->number)
			return place;
		if (text_at(r, k, place)->number < text_at(r, k, oldest)->number)
			oldest = place;
	}
	return oldest;
}

int64_t rt_text_keep(struct abi_slot *s, rt_str text)
{
	const struct abi_region *r = (void *)s->region;
	struct abi_kept *k = store_of(r, s);
	struct abi_kept_text *to;
	uint32_t place;

	if (!r->texts_count)
		return 0;
	place = find_place(r, k);
	to = text_at(r, k, place);
	k->last = place;
	to->number = ++k->made & ((1ull << ABI_KEPT_NUMBER_BITS) - 1);
	rt_str_copy(s, text, &to->text);
	return (int64_t)((uint64_t)s->number << ABI_KEPT_SLOT_SHIFT |
			 (uint64_t)place << ABI_KEPT_NUMBER_BITS | to->number);
}

/* The place of a token's text; 0: the text is gone. */
static struct abi_kept_text *find(const struct abi_slot *s, uint64_t token)
{
	const struct abi_region *r = (void *)s->region;
	uint64_t slot = token >> ABI_KEPT_SLOT_SHIFT;
	uint64_t number = token & ((1ull << ABI_KEPT_NUMBER_BITS) - 1);
	uint32_t place = token >> ABI_KEPT_NUMBER_BITS & (ABI_KEPT_TEXTS - 1);
	struct abi_kept_text *found;

	if (!number || place >= r->texts_count || slot >= r->slot_count)
		return 0;
	found = text_at(r, store_of(r, (void *)(s->region + r->slots_offset + slot * r->slot_size)),
			place);
	return found->number == number ? found : 0;
}

void rt_text_kept(struct abi_slot *s, int64_t token, struct abi_string *out)
{
	const struct abi_kept_text *from = find(s, (uint64_t)token);

	out->length = 0;
	out->text[0] = 0;
	if (from)
		rt_str_copy(s, &from->text, out);
}

/* Not by others: a forked child has its parent's tokens, and returns as well. */
void rt_text_drop(struct abi_slot *s, int64_t token)
{
	bool own = (uint64_t)token >> ABI_KEPT_SLOT_SHIFT == s->number;
	struct abi_kept_text *from = own ? find(s, (uint64_t)token) : 0;

	if (from)
		from->number = 0;
}
