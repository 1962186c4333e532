/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of maps: entries and keys.
 *
 *	[struct abi_map][u32 bucket[buckets]] ... [entry 1][entry 2]...
 *	bucket --> entry --chain--> entry ...      hash chains
 *	first --> entry <==next/prev==> entry <-- last      insertion order
 *
 * Entry n lies at entries_offset + (n - 1) * entry_size.  Numbers read from
 * a map are never trusted: rt_map_entry() answers NULL for one that is out
 * of range, and every walk counts its steps, so that a map that changes
 * under a reader, or was overwritten, ends the walk instead of the program.
 */
#ifndef SPILE_RUNTIME_MAP_H
#define SPILE_RUNTIME_MAP_H

#include "runtime/core/core.h"
#include "runtime/rt_api.h"

RT_INLINE struct abi_entry *rt_map_entry(const struct abi_map *m, uint32_t n)
{
	if (rt_unlikely(n - 1u >= m->capacity))
		return NULL;
	return (struct abi_entry *)((char *)(uintptr_t)m + m->entries_offset +
				    (uint64_t)(n - 1) * m->entry_size);
}

/* How many of a hash's bits are left out when it chooses a bucket: 32 for a single one. */
RT_INLINE uint32_t rt_map_shift(const struct abi_map *m)
{
	return 1 + (uint32_t)__builtin_clz(m->buckets);
}

/* The highest bits of the hash choose: they depend on all bits of a key. */
RT_INLINE uint32_t *rt_map_bucket(const struct abi_map *m, uint32_t hash)
{
	return (uint32_t *)((char *)(uintptr_t)m + sizeof *m) +
	       ((uint64_t)hash >> rt_map_shift(m));
}

RT_INLINE void *rt_map_value(const struct abi_map *m, struct abi_entry *e)
{
	return (char *)e + m->value_offset;
}

RT_INLINE uint32_t rt_map_key_size(const struct abi_map *m, uint32_t key)
{
	return m->string_keys >> (key & 31) & 1 ? rt_string_room(m->max_string) : 8;
}

/* Offset of key `key`, 0.., in an entry. */
static inline uint32_t rt_map_key_offset(const struct abi_map *m, uint32_t key)
{
	uint32_t at = ABI_ENTRY_HEAD;

	if (!m->string_keys)
		return at + key * 8;
	for (uint32_t i = 0; i < key; i++)
		at += rt_map_key_size(m, i);
	return at;
}

/* A stored string's length, bounded by the room it has. */
RT_INLINE uint32_t rt_map_text_length(const struct abi_map *m, const struct abi_string *t)
{
	uint32_t n = *(const volatile uint32_t *)&t->length;

	return n < m->max_string ? n : m->max_string - 1;
}

/* Number of the entry with these keys, or 0. */
uint32_t rt_map_find(const struct abi_map *m, const uint64_t *keys);
/* The entry, made if it is missing: value zero, last in order. NULL: the map is full, error raised.
 */
struct abi_entry *rt_map_make(struct abi_slot *s, struct abi_map *m, const uint64_t *keys);
/* Do the keys not in mask (bit i: key i is `*`) equal? */
bool rt_map_matches(const struct abi_map *m, const struct abi_entry *e, const uint64_t *keys,
		    uint64_t mask);
/* Keys in the form the functions take them: longs, addresses of strings. */
void rt_map_keys(const struct abi_map *m, const struct abi_entry *e, uint64_t keys[ABI_MAX_KEYS]);
/* Constant members that describe a map within size bytes. */
bool rt_map_is_sane(const struct abi_map *m, uint64_t size);
/* Sorts the order list: stable; as rt_each_begin. limit: how many at the front matter. */
void rt_map_sort(struct abi_map *m, int64_t sort, int64_t column, int64_t stat_op, uint64_t limit);

#endif
