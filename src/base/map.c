/* SPDX-License-Identifier: Apache-2.0 */
/* Maps in order of insertion, interned names, near names and globs. */
#include "base/base.h"

#include <string.h>

struct map_item {
	const char *key; /* NULL: the number is the key */
	uint64_t number;
	uint64_t hash;
	void *value;
};

struct map {
	struct arena *arena;
	VEC(struct map_item) items;
	uint32_t *slots; /* item number + 1 */
	uint32_t n_slots; /* power of two, 0 before the first put */
};

uint64_t base_hash(const void *p, size_t n)
{
	const unsigned char *bytes = p;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ull;
	return h ^ (h >> 29);
}

static uint64_t number_hash(uint64_t n)
{
	n *= 0x9e3779b97f4a7c15ull;
	return n ^ (n >> 32);
}

struct map *map_create(struct arena *a)
{
	struct map *m = arena_new(a, struct map);

	m->arena = a;
	return m;
}

static bool item_is(const struct map_item *it, const char *key, uint64_t number, uint64_t hash)
{
	if (it->hash != hash || !it->key != !key)
		return false;
	return key ? strcmp(it->key, key) == 0 : it->number == number;
}

static uint32_t *map_slot(const struct map *m, const char *key, uint64_t number, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (m->n_slots - 1);

	while (m->slots[i] && !item_is(&m->items.p[m->slots[i] - 1], key, number, hash))
		i = (i + 1) & (m->n_slots - 1);
	return &m->slots[i];
}

static void map_rehash(struct map *m)
{
	m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
	m->slots = arena_array(m->arena, uint32_t, m->n_slots);
	for (uint32_t n = 0; n < m->items.n; n++) {
		struct map_item *it = &m->items.p[n];

		*map_slot(m, it->key, it->number, it->hash) = n + 1;
	}
}

static void map_put_any(struct map *m, const char *key, uint64_t number, uint64_t hash, void *value)
{
	uint32_t *slot;

	if (m->items.n * 2 >= m->n_slots)
		map_rehash(m);
	slot = map_slot(m, key, number, hash);
	if (*slot) {
		m->items.p[*slot - 1].value = value;
		return;
	}
	vec_push(m->arena, &m->items, (struct map_item){
		key ? arena_strdup(m->arena, key) : NULL, number, hash, value });
	*slot = m->items.n;
}

static void *map_find_any(const struct map *m, const char *key, uint64_t number, uint64_t hash)
{
	uint32_t *slot;

	if (!m->n_slots)
		return NULL;
	slot = map_slot(m, key, number, hash);
	return *slot ? m->items.p[*slot - 1].value : NULL;
}

void map_put(struct map *m, const char *key, void *value)
{
	map_put_any(m, key, 0, base_hash(key, strlen(key)), value);
}

void *map_find(const struct map *m, const char *key)
{
	return map_find_any(m, key, 0, base_hash(key, strlen(key)));
}

void map_put_u64(struct map *m, uint64_t key, void *value)
{
	map_put_any(m, NULL, key, number_hash(key), value);
}

void *map_find_u64(const struct map *m, uint64_t key)
{
	return map_find_any(m, NULL, key, number_hash(key));
}

uint32_t map_count(const struct map *m)
{
	return m->items.n;
}

bool map_next(const struct map *m, uint32_t *it, const char **key, void **value)
{
	if (*it >= m->items.n)
		return false;
	if (key)
		*key = m->items.p[*it].key;
	if (value)
		*value = m->items.p[*it].value;
	(*it)++;
	return true;
}

/* ---- interned names: an open table of texts with their lengths ------------- */

struct name {
	const char *text;
	size_t length;
	uint64_t hash;
};

struct intern {
	struct arena *arena;
	struct name *slots;
	uint32_t n_slots, n;
};

struct intern *intern_create(struct arena *a)
{
	struct intern *in = arena_new(a, struct intern);

	in->arena = a;
	in->n_slots = 256;
	in->slots = arena_array(a, struct name, in->n_slots);
	return in;
}

static struct name *name_slot(const struct intern *in, const char *s, size_t n, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (in->n_slots - 1);

	for (;; i = (i + 1) & (in->n_slots - 1)) {
		struct name *it = &in->slots[i];

		if (!it->text)
			return it;
		if (it->hash == hash && it->length == n && memcmp(it->text, s, n) == 0)
			return it;
	}
}

static void intern_grow(struct intern *in)
{
	struct name *old = in->slots;
	uint32_t n_old = in->n_slots;

	in->n_slots *= 2;
	in->slots = arena_array(in->arena, struct name, in->n_slots);
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].text)
			*name_slot(in, old[i].text, old[i].length, old[i].hash) = old[i];
}

const char *intern(struct intern *in, const char *s, size_t n)
{
	uint64_t hash = base_hash(s, n);
	struct name *slot = name_slot(in, s, n, hash);

	if (slot->text)
		return slot->text;
	if (++in->n * 2 > in->n_slots) {
		intern_grow(in);
		slot = name_slot(in, s, n, hash);
	}
	*slot = (struct name){ arena_strndup(in->arena, s, n), n, hash };
	return slot->text;
}

/* ---- near names: bounded edit distance -------------------------------------- */

#define NEAR_MAX 64

static unsigned edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[NEAR_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = base_min(change, base_min(row[j], row[j - 1]) + 1);
		}
	}
	return row[m];
}

const char *base_near(const char *want, const char *const *names, size_t n)
{
	size_t length = strlen(want);
	unsigned best = (unsigned)length / 3 + 1;
	const char *found = NULL;

	if (length > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t m = strlen(names[i]);
		unsigned d;

		if (m > NEAR_MAX || m > length + best || length > m + best)
			continue;
		d = edit_distance(want, length, names[i], m);
		if (d < best || (d == best && !found)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

/* ---- globs -------------------------------------------------------------------- */

/* One [set] at p: whether c is in it; *end behind its ']'. NULL end: not a set. */
static bool glob_set(const char *p, char c, const char **end)
{
	const char *start;
	bool negate = false, in = false;

	p++;
	if (*p == '!' || *p == '^') {
		negate = true;
		p++;
	}
	for (start = p; *p && (*p != ']' || p == start); p++) {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			in |= (unsigned char)p[0] <= (unsigned char)c &&
			      (unsigned char)c <= (unsigned char)p[2];
			p += 2;
		} else {
			in |= *p == c;
		}
	}
	*end = *p ? p + 1 : NULL;
	return in != negate;
}

/* Whether the one-character element at p takes c; *next behind the element. */
static bool glob_one(const char *p, char c, const char **next)
{
	const char *end;

	*next = p + 1;
	if (*p == '?')
		return true;
	if (*p == '[') {
		bool in = glob_set(p, c, &end);

		if (end) {
			*next = end;
			return in;
		}
	}
	if (*p == '\\' && p[1]) {
		*next = p + 2;
		return p[1] == c;
	}
	return *p == c;
}

bool base_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL, *next;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern && glob_one(pattern, *text, &next)) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool base_has_glob(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}
