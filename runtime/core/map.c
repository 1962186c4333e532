/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: find, make, delete. The layout is in map.h. */
#include "runtime/core/map.h"

/* ---- hashes -------------------------------------------------------------------- */

#define MULTIPLIER 0x9e3779b97f4a7c15ull
#define FINISHER 0xc2b2ae3d27d4eb4full

/*
 * A product's higher half depends on all bits of a key; it is folded into the lower half
 * so that the next product spreads it again. One product alone does badly
 * for some strides (pages, aligned structures): chains four times as long.
 */
RT_INLINE uint64_t mix(uint64_t v)
{
	v *= MULTIPLIER;
	return v ^ v >> 32;
}

RT_INLINE uint32_t finish(uint64_t h)
{
	return (uint32_t)(mix(h) * FINISHER >> 32);
}

/*
 * Of one integer: keys that differ in their last NEAR bits alone share a cache line of buckets, each with one
 * of its own, so that counting through an array does not miss the cache at every step.
 * Where in the line is as random as the line: keys that are multiples of 16 or of pages use all of it.
 */
#define NEAR 4

RT_INLINE uint32_t hash_long(const struct abi_map *m, uint64_t key)
{
	return finish(key >> NEAR) ^ (uint32_t)((key & ((1 << NEAR) - 1)) << rt_map_shift(m));
}

static uint64_t hash_text(uint64_t h, const char *p, uint32_t n)
{
	uint64_t word;

	h ^= n;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word);
	}
	for (word = 0; n; n--)
		word = word << 8 | (unsigned char)p[n - 1];
	return mix(h ^ word);
}

RT_INLINE bool one_long(const struct abi_map *m)
{
	return m->n_keys == 1 && !m->string_keys;
}

static uint32_t hash_keys(const struct abi_map *m, const uint64_t *keys)
{
	uint64_t h = 0;

	if (one_long(m))
		return hash_long(m, keys[0]);
	for (uint32_t i = 0; i < m->n_keys; i++) {
		const struct abi_string *t = (const void *)keys[i];

		if (m->string_keys >> i & 1)
			h = hash_text(h, t->text, rt_map_text_length(m, t));
		else
			h = mix(h ^ keys[i]);
	}
	return finish(h);
}

/* ---- keys -------------------------------------------------------------------------- */

bool rt_map_matches(const struct abi_map *m, const struct abi_entry *e, const uint64_t *keys,
		    uint64_t mask)
{
	const char *at = (const char *)(e + 1);

	for (uint32_t i = 0; i < m->n_keys; at += rt_map_key_size(m, i), i++) {
		const struct abi_string *mine = (const void *)at, *other;

		if (mask >> i & 1)
			continue;
		other = (const void *)keys[i];
		if (!(m->string_keys >> i & 1)) {
			if (*(const uint64_t *)at != keys[i])
				return false;
		} else if (rt_bytes_compare(mine->text, rt_map_text_length(m, mine), other->text,
					    rt_map_text_length(m, other))) {
			return false;
		}
	}
	return true;
}

static void store_keys(const struct abi_map *m, struct abi_entry *e, const uint64_t *keys)
{
	char *at = (char *)(e + 1);

	for (uint32_t i = 0; i < m->n_keys; at += rt_map_key_size(m, i), i++) {
		const struct abi_string *t = (const void *)keys[i];

		if (m->string_keys >> i & 1)
			rt_string_set((struct abi_string *)at, t->text, rt_map_text_length(m, t),
				      m->max_string - 1);
		else
			*(uint64_t *)at = keys[i];
	}
}

void rt_map_keys(const struct abi_map *m, const struct abi_entry *e, uint64_t keys[ABI_MAX_KEYS])
{
	const char *at = (const char *)(e + 1);

	for (uint32_t i = 0; i < m->n_keys && i < ABI_MAX_KEYS; at += rt_map_key_size(m, i), i++)
		keys[i] = m->string_keys >> i & 1 ? (uint64_t)at : *(const uint64_t *)at;
}

bool rt_map_is_sane(const struct abi_map *m, uint64_t size)
{
	uint64_t at = ABI_ENTRY_HEAD,
		 value = m->value_kind == ABI_VALUE_STRING ? rt_string_room(m->max_string)
			 : m->value_kind == ABI_VALUE_STAT
				 ? ABI_STAT_HEAD + (uint64_t)m->stat.buckets * 8
				 : 8;

	if (!m->capacity || !m->buckets || m->buckets & (m->buckets - 1) ||
	    m->n_keys > ABI_MAX_KEYS || !m->max_string)
		return false;
	for (uint32_t i = 0; i < m->n_keys; i++)
		at += rt_map_key_size(m, i);
	return at <= m->value_offset && m->value_offset + value <= m->entry_size &&
	       m->entry_size % 8 == 0 && m->entries_offset % 8 == 0 &&
	       sizeof *m + (uint64_t)m->buckets * 4 <= m->entries_offset &&
	       m->entries_offset + (uint64_t)m->capacity * m->entry_size <= size;
}

/* ---- find ------------------------------------------------------------------------------ */

/* The link, of bucket or chain, that leads to the entry with these keys; NULL: there is none. */
static uint32_t *link_to(const struct abi_map *m, uint32_t hash, const uint64_t *keys)
{
	uint32_t *link = rt_map_bucket(m, hash), left = m->capacity;
	struct abi_entry *e;

	for (; left && (e = rt_map_entry(m, *link)); link = &e->chain, left--)
		if (e->hash == hash && rt_map_matches(m, e, keys, 0))
			return link;
	return NULL;
}

static uint32_t find_hashed(const struct abi_map *m, uint32_t hash, const uint64_t *keys)
{
	const uint32_t *link = link_to(m, hash, keys);

	return link ? *link : 0;
}

RT_INLINE struct abi_entry *find_long(const struct abi_map *m, uint32_t hash, int64_t key)
{
	uint32_t n = *rt_map_bucket(m, hash), left = m->capacity;
	struct abi_entry *e;

	for (; left && (e = rt_map_entry(m, n)); n = e->chain, left--)
		if (rt_likely(*(const int64_t *)(e + 1) == key))
			return e;
	return NULL;
}

uint32_t rt_map_find(const struct abi_map *m, const uint64_t *keys)
{
	return find_hashed(m, hash_keys(m, keys), keys);
}

static struct abi_entry *find(const struct abi_map *m, const uint64_t *keys)
{
	if (one_long(m))
		return find_long(m, hash_long(m, keys[0]), (int64_t)keys[0]);
	return rt_map_entry(m, rt_map_find(m, keys));
}

/* ---- links ------------------------------------------------------------------------------- */

/*
 * A reader may walk the order list while its owner adds: an entry is complete
 * before a number that leads to it is stored (release; a plain store on x86).
 */
static void publish(uint32_t *link, uint32_t n)
{
	__atomic_store_n(link, n, __ATOMIC_RELEASE);
}

static void append(struct abi_map *m, uint32_t n, struct abi_entry *e)
{
	struct abi_entry *last = rt_map_entry(m, m->last);

	e->next = 0;
	e->prev = last ? m->last : 0;
	publish(last ? &last->next : &m->first, n);
	m->last = n;
	m->count++;
}

static void unlink_order(struct abi_map *m, const struct abi_entry *e)
{
	struct abi_entry *prev = rt_map_entry(m, e->prev), *next = rt_map_entry(m, e->next);

	publish(prev ? &prev->next : &m->first, e->next);
	*(next ? &next->prev : &m->last) = e->prev;
	m->count -= m->count != 0;
}

static void unlink_chain(struct abi_map *m, uint32_t n, const struct abi_entry *e)
{
	uint32_t *link = rt_map_bucket(m, e->hash), left = m->capacity;

	while (*link != n && left--) {
		struct abi_entry *other = rt_map_entry(m, *link);

		if (!other)
			return;
		link = &other->chain;
	}
	if (*link == n)
		publish(link, e->chain);
}

/* ---- make and delete ---------------------------------------------------------------------- */

static RT_COLD void overflow(struct abi_slot *s, const struct abi_map *m)
{
	char text[64] = "Array overflow, check size limit (";
	uint32_t n = sizeof "Array overflow, check size limit (" - 1, digits = 1;

	if (!m->declared) {
		rt_raise(s, 3);
		return;
	}
	for (uint32_t v = m->capacity; v >= 10; v /= 10)
		digits++;
	for (uint32_t v = m->capacity, i = digits; i--; v /= 10)
		text[n + i] = (char)('0' + v % 10);
	text[n + digits] = ')';
	rt_raise_text(s, text, n + digits + 1);
}

/* An entry on no list: freed before, never used, or the oldest of a wrapping map. 0: full. */
static uint32_t take(struct abi_map *m)
{
	struct abi_entry *e = rt_map_entry(m, m->free);
	uint32_t n = m->free;

	if (e) {
		m->free = e->chain;
		return n;
	}
	if (m->high < m->capacity)
		return ++m->high;
	n = m->first;
	e = rt_map_entry(m, n);
	if (!m->wraps || !e)
		return 0;
	unlink_chain(m, n, e);
	unlink_order(m, e);
	return n;
}

static __attribute__((noinline)) struct abi_entry *make(struct abi_slot *s, struct abi_map *m,
							uint32_t hash, const uint64_t *keys)
{
	uint32_t n = take(m), *bucket = rt_map_bucket(m, hash);
	struct abi_entry *e = rt_map_entry(m, n);

	if (!e) {
		overflow(s, m);
		return NULL;
	}
	e->hash = hash;
	store_keys(m, e, keys);
	memset(rt_map_value(m, e), 0, m->entry_size - m->value_offset);
	e->chain = *bucket;
	publish(bucket, n);
	append(m, n, e);
	return e;
}

struct abi_entry *rt_map_make(struct abi_slot *s, struct abi_map *m, const uint64_t *keys)
{
	uint32_t hash = hash_keys(m, keys);
	struct abi_entry *e;

	if (one_long(m))
		e = find_long(m, hash, (int64_t)keys[0]);
	else
		e = rt_map_entry(m, find_hashed(m, hash, keys));
	return e ? e : make(s, m, hash, keys);
}

/* An entry that is on no chain any more. */
static void release(struct abi_map *m, uint32_t n, struct abi_entry *e)
{
	unlink_order(m, e);
	e->chain = m->free;
	m->free = n;
}

static void delete_slice(struct abi_map *m, const uint64_t *keys, uint64_t mask)
{
	uint32_t n = m->first, left = m->capacity, next;
	struct abi_entry *e;

	for (; left && (e = rt_map_entry(m, n)); n = next, left--) {
		next = e->next;
		if (!rt_map_matches(m, e, keys, mask))
			continue;
		unlink_chain(m, n, e);
		release(m, n, e);
	}
}

void rt_map_delete(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t mask)
{
	struct abi_entry *e;
	uint32_t *link, n;

	(void)s;
	if (mask) {
		delete_slice(m, keys, (uint64_t)mask);
		return;
	}
	link = link_to(m, hash_keys(m, keys), keys);
	n = link ? *link : 0;
	e = rt_map_entry(m, n);
	if (!e)
		return;
	publish(link, e->chain);
	release(m, n, e);
}

void rt_map_clear(struct abi_slot *s, struct abi_map *m)
{
	(void)s;
	if (!m->high)
		return;
	publish(&m->first, 0);
	m->last = m->count = m->free = m->high = 0;
	memset(rt_map_bucket(m, 0), 0, (uint64_t)m->buckets * 4);
}

int64_t rt_map_has(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t mask)
{
	uint32_t n = m->first, left = m->capacity;
	struct abi_entry *e;

	(void)s;
	if (!mask)
		return find(m, keys) != NULL;
	for (; left && (e = rt_map_entry(m, n)); n = e->next, left--)
		if (rt_map_matches(m, e, keys, (uint64_t)mask))
			return 1;
	return 0;
}

/* ---- values ------------------------------------------------------------------------------------
 */

int64_t rt_map_get(struct abi_slot *s, struct abi_map *m, const uint64_t *keys)
{
	struct abi_entry *e = find(m, keys);

	(void)s;
	return e ? *(int64_t *)rt_map_value(m, e) : 0;
}

void rt_map_get_str(struct abi_slot *s, struct abi_map *m, const uint64_t *keys,
		    struct abi_string *out)
{
	struct abi_entry *e = find(m, keys);
	const struct abi_string *v;

	if (!e) {
		rt_string_set(out, "", 0, 0);
		return;
	}
	v = rt_map_value(m, e);
	rt_string_set(out, v->text, rt_map_text_length(m, v), rt_string_most(s));
}

int64_t *rt_map_ref(struct abi_slot *s, struct abi_map *m, const uint64_t *keys)
{
	struct abi_entry *e = rt_map_make(s, m, keys);

	return e ? rt_map_value(m, e) : NULL;
}

int64_t *rt_map_ref_long(struct abi_slot *s, struct abi_map *m, int64_t key)
{
	uint32_t hash = hash_long(m, (uint64_t)key);
	struct abi_entry *e = find_long(m, hash, key);
	uint64_t keys[1] = { (uint64_t)key };

	if (rt_unlikely(!e)) {
		e = make(s, m, hash, keys);
		if (!e)
			return NULL;
	}
	return rt_map_value(m, e);
}

void rt_map_set_str(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, rt_str v)
{
	struct abi_entry *e = rt_map_make(s, m, keys);

	if (e)
		rt_string_set(rt_map_value(m, e), v->text, v->length, m->max_string - 1);
}

void rt_map_stat_add(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t v)
{
	struct abi_entry *e = rt_map_make(s, m, keys);

	if (e)
		rt_stat_add(s, &m->stat, rt_map_value(m, e), v);
}

struct abi_stat *rt_map_stat(struct abi_slot *s, struct abi_map *m, const uint64_t *keys)
{
	struct abi_entry *e = find(m, keys);

	(void)s;
	return e ? rt_map_value(m, e) : NULL;
}
