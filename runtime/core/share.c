/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharded globals: base + one shard per slot, put together for readers in the tool.
 *
 * Owners go on while their shards are read: numbers may be a moment old, an
 * entry may be missing, nothing worse.  rt_collapse() is for the end, when no
 * owner runs any more.
 */
#include "runtime/core/map.h"
#include "runtime/core/stat.h"

static struct abi_global *global_at(struct abi_region *r, uint32_t i)
{
	return (struct abi_global *)((char *)r + r->globals_offset) + i;
}

static uint32_t slots_in_use(const struct abi_region *r)
{
	uint32_t next = __atomic_load_n(&r->slot_next, __ATOMIC_ACQUIRE);

	return next < r->slot_count ? next : r->slot_count;
}

static void *shard_of(struct abi_region *r, const struct abi_global *g, uint32_t slot)
{
	return (char *)r + r->slots_offset + slot * r->slot_size + g->shard_offset;
}

static void add_long(int64_t *to, const int64_t *from)
{
	*to = rt_add(*to, __atomic_load_n(from, __ATOMIC_RELAXED));
}

/*
 * Adds the entries of `from` in their order; false: no room in `to`, error raised. A shard whose
 * constant members are not those of `to` was never prepared, or overwritten: it has nothing to add.
 */
static bool merge_map(struct abi_slot *s, const struct abi_global *g, struct abi_map *to,
		      const struct abi_map *from)
{
	uint32_t n = __atomic_load_n(&from->first, __ATOMIC_ACQUIRE), left = from->capacity;
	uint64_t keys[ABI_MAX_KEYS];
	struct abi_entry *e, *mine;

	if (!rt_map_is_sane(from, g->size) || memcmp(from, to, offsetof(struct abi_map, count)))
		return true;
	for (; left && (e = rt_map_entry(from, n));
	     n = __atomic_load_n(&e->next, __ATOMIC_ACQUIRE), left--) {
		rt_map_keys(from, e, keys);
		mine = rt_map_make(s, to, keys);
		if (!mine)
			return false;
		if (to->value_kind == ABI_VALUE_STAT)
			rt_stat_merge(&to->stat, rt_map_value(to, mine), rt_map_value(from, e));
		else if (to->value_kind == ABI_VALUE_LONG)
			add_long(rt_map_value(to, mine), rt_map_value(from, e));
	}
	return true;
}

static bool merge(struct abi_slot *s, const struct abi_global *g, void *to, const void *from)
{
	if (g->is_map)
		return merge_map(s, g, to, from);
	if (g->kind == ABI_VALUE_STAT)
		rt_stat_merge(&g->stat, to, from);
	else
		add_long(to, from);
	return true;
}

static bool merge_shards(struct abi_slot *s, const struct abi_global *g, void *to)
{
	struct abi_region *r = rt_region(s);

	for (uint32_t i = 0; i < slots_in_use(r); i++)
		if (!merge(s, g, to, shard_of(r, g, i)))
			return false;
	return true;
}

static void empty(struct abi_slot *s, const struct abi_global *g, void *at)
{
	if (g->is_map)
		rt_map_clear(s, at);
	else
		memset(at, 0, g->size);
}

static bool is_usable(const struct abi_global *g, const void *map)
{
	return g->share == ABI_SHARE_SHARDED && (!g->is_map || rt_map_is_sane(map, g->size));
}

void *rt_view(struct abi_slot *s, int64_t global)
{
	struct abi_region *r = rt_region(s);
	struct abi_global *g = global_at(r, (uint32_t)global);
	void *base = (char *)r + g->base_offset, *merged = (char *)r + g->merged_offset;

	if (r->collapsed || !is_usable(g, base) || !is_usable(g, merged))
		return base;
	if (!g->dirty)
		return merged;
	g->dirty = 0;
	empty(s, g, merged);
	if (merge(s, g, merged, base))
		merge_shards(s, g, merged);
	return merged;
}

/* An overflow is raised as an error of the caller: rt_handler_end() reports it. */
void rt_collapse(struct abi_slot *s)
{
	struct abi_region *r = rt_region(s);

	for (uint32_t i = 0; i < r->n_globals; i++) {
		const struct abi_global *g = global_at(r, i);
		void *base = (char *)r + g->base_offset;

		if (!is_usable(g, base))
			continue;
		merge_shards(s, g, base);
		for (uint32_t n = 0; n < slots_in_use(r); n++)
			if (!g->is_map || rt_map_is_sane(shard_of(r, g, n), g->size))
				empty(s, g, shard_of(r, g, n));
	}
	r->collapsed = 1;
}
