/* SPDX-License-Identifier: Apache-2.0 */
/* foreach over maps. */
#include "runtime/core/map.h"

_Static_assert(sizeof(struct rt_each) == 64, "the iterator's size is known to generated code");

/* pad[0] of the iterator: entries that may still be visited. */
#define VISITS 0

void rt_each_begin(struct abi_slot *s, struct rt_each *it, struct abi_map *m, int64_t sort,
		   int64_t column, int64_t stat_op, int64_t limit, const uint64_t *keys,
		   int64_t mask)
{
	uint64_t most = limit > 0 ? (uint64_t)limit : 0;

	(void)s;
	if (sort && most)
		rt_map_sort(m, sort, column, stat_op, keys ? UINT64_MAX : most);
	it->map = (uint64_t)m;
	it->left = most;
	it->entry = 0;
	it->next = m->first;
	it->mask = (uint64_t)mask;
	it->keys = (uint64_t)keys;
	it->pad[VISITS] = m->capacity;
}

int64_t rt_each_next(struct abi_slot *s, struct rt_each *it)
{
	const struct abi_map *m = (const void *)it->map;
	struct abi_entry *e;

	(void)s;
	while (it->left && it->pad[VISITS] && (e = rt_map_entry(m, it->next))) {
		it->pad[VISITS]--;
		it->entry = it->next;
		it->next = e->next;
		if (it->keys && !rt_map_matches(m, e, (const void *)it->keys, it->mask))
			continue;
		it->left--;
		return 1;
	}
	it->entry = 0;
	return 0;
}

/* Where key `column`, 1.., of the current entry is; NULL when there is none. */
static const void *key_at(const struct rt_each *it, int64_t column)
{
	const struct abi_map *m = (const void *)it->map;
	struct abi_entry *e = rt_map_entry(m, it->entry);

	if (!e || column < 1 || column > (int64_t)m->n_keys)
		return NULL;
	return (char *)e + rt_map_key_offset(m, (uint32_t)column - 1);
}

static void put_text(struct abi_slot *s, const struct abi_map *m, const struct abi_string *t,
		     struct abi_string *out)
{
	if (t)
		rt_string_set(out, t->text, rt_map_text_length(m, t), rt_string_most(s));
	else
		rt_string_set(out, "", 0, 0);
}

int64_t rt_each_key(struct abi_slot *s, struct rt_each *it, int64_t column)
{
	const int64_t *at = key_at(it, column);

	(void)s;
	return at ? *at : 0;
}

void rt_each_key_str(struct abi_slot *s, struct rt_each *it, int64_t column, struct abi_string *out)
{
	put_text(s, (const void *)it->map, key_at(it, column), out);
}

/* A statistic's first member is its count. */
int64_t rt_each_value(struct abi_slot *s, struct rt_each *it)
{
	const struct abi_map *m = (const void *)it->map;
	struct abi_entry *e = rt_map_entry(m, it->entry);

	(void)s;
	return e ? *(int64_t *)rt_map_value(m, e) : 0;
}

void rt_each_value_str(struct abi_slot *s, struct rt_each *it, struct abi_string *out)
{
	const struct abi_map *m = (const void *)it->map;
	struct abi_entry *e = rt_map_entry(m, it->entry);

	put_text(s, m, e ? rt_map_value(m, e) : NULL, out);
}
