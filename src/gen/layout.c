/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of the region: where globals, their merged copies and their
 * shards live, and how much room slots need.
 *
 *	region:  header page | abi_global[n] | base 0, merged 0 | base 1 | ...
 *	slot:    ABI_SLOT_HEAD | scalar shards | statistics and map shards
 *
 * Bases begin on cache lines of their own, so that locks and data of unlike
 * globals do not meet.  Small shards are packed: a slot belongs to one thread.
 */
#include "gen/private.h"

#define LINE 64u
#define ENTRIES_MOST ((uint64_t)1 << 28) /* of one map */
#define FRAMES_LEAST ((uint64_t)64 << 10)
#define FRAMES_MOST ((uint64_t)4 << 20)

uint32_t gen_string_size(const struct gen *g)
{
	return base_align(ABI_STRING_HEAD + g->limits->max_string, 8u);
}

static uint32_t stat_buckets(const struct ir_global *from)
{
	uint64_t steps = 0;

	if (from->keep & ABI_KEEP_LOG)
		return ABI_LOG_BUCKETS;
	if (!(from->keep & ABI_KEEP_LINEAR))
		return 0;
	if (from->step > 0)
		steps = ((uint64_t)from->high - (uint64_t)from->low) / (uint64_t)from->step;
	/* one begins at low and one at the last step not above high; one below, one above */
	return (uint32_t)base_min(steps, (uint64_t)1 << 20) + 3;
}

static struct abi_stat_desc describe_stat(const struct ir_global *from)
{
	return (struct abi_stat_desc){ .keep = from->keep,
				       .buckets = stat_buckets(from),
				       .low = from->low,
				       .high = from->high,
				       .step = from->step,
				       .shift = from->shift };
}

static uint64_t value_size(const struct gen *g, const struct ir_global *from)
{
	switch (from->value_kind) {
	case ABI_VALUE_STRING:
		return gen_string_size(g);
	case ABI_VALUE_STAT:
		return ABI_STAT_HEAD + (uint64_t)stat_buckets(from) * 8;
	default:
		return 8;
	}
}

static uint64_t power_of_two(uint64_t least)
{
	uint64_t v = 1;

	while (v < least)
		v *= 2;
	return v;
}

/* Constant members of the map; returns its size. */
static uint64_t describe_map(const struct gen *g, const struct ir_global *from, struct abi_map *m)
{
	uint64_t capacity = base_max(base_min(from->capacity, ENTRIES_MOST), 1u);
	uint32_t at = ABI_ENTRY_HEAD;

	for (uint32_t i = 0; i < from->n_keys; i++)
		at += from->string_keys >> i & 1 ? gen_string_size(g) : 8;
	*m = (struct abi_map){ .capacity = (uint32_t)capacity,
			       .buckets = (uint32_t)power_of_two(capacity * 2),
			       .entry_size = at + (uint32_t)value_size(g, from),
			       .value_offset = at,
			       .value_kind = from->value_kind,
			       .n_keys = from->n_keys,
			       .string_keys = from->string_keys,
			       .wraps = from->wraps,
			       .max_string = g->limits->max_string,
			       .declared = from->declared_size,
			       .stat = describe_stat(from) };
	m->entries_offset =
		(uint32_t)base_align(sizeof *m + (uint64_t)m->buckets * 4, (uint64_t)LINE);
	return m->entries_offset + (capacity + 1) * m->entry_size;
}

static uint64_t take(uint64_t *at, uint64_t size, uint64_t align)
{
	uint64_t place = base_align(*at, align);

	*at = place + size;
	return place;
}

static void add_global(struct gen *g, const struct ir_global *from, uint64_t *at)
{
	struct bundle_global to = { .name = arena_strdup(g->arena, from->name),
				    .init_long = from->init_long,
				    .n_keys = from->n_keys,
				    .string_keys = from->string_keys };
	struct abi_global *l = &to.layout;

	l->share = from->share;
	l->kind = from->value_kind;
	l->is_map = from->is_map;
	l->stat = describe_stat(from);
	l->size = base_align(from->is_map ? describe_map(g, from, &to.map) : value_size(g, from),
			     (uint64_t)8);
	l->base_offset = take(at, l->size, LINE);
	if (l->share == ABI_SHARE_SHARDED) {
		l->merged_offset = take(at, l->size, LINE);
		l->dirty = 1;
	}
	if (from->init_string) {
		to.init_string = arena_strndup(g->arena, from->init_string, from->init_length);
		to.init_length = from->init_length;
	}
	vec_push(g->arena, &g->b->globals, to);
}

/* Scalars first: code reaches them with short displacements, and a hit touches few lines. */
static void place_shards(struct gen *g)
{
	uint64_t at = ABI_SLOT_HEAD;

	if (g->m->is_timed)
		g->b->timing_offset = take(&at, g->m->probes.n * sizeof(struct abi_timing), LINE);
	for (int large = 0; large <= 1; large++)
		vec_each(to, &g->b->globals) {
			struct abi_global *l = &to->layout;

			if (l->share == ABI_SHARE_SHARDED && (l->size > LINE) == large)
				l->shard_offset = take(&at, l->size, large ? LINE : 8);
		}
	if (g->m->asks_match)
		g->b->match_offset = take(&at, sizeof(struct abi_match) + g->limits->max_string, LINE);
	g->b->shards_size = base_align(at, (uint64_t)LINE) - ABI_SLOT_HEAD;
}

static void place_frames(struct gen *g)
{
	uint64_t deepest = 0;

	for (uint32_t i = 0; i < g->m->functions.n; i++)
		deepest = base_max(deepest, g->facts[i].path_frame);
	g->check_frames = deepest > FRAMES_MOST;
	g->b->frame_size = base_align(base_max(base_min(deepest, FRAMES_MOST), FRAMES_LEAST),
				      (uint64_t)ABI_PAGE);
}

void gen_layout(struct gen *g)
{
	uint64_t at = ABI_PAGE + (uint64_t)g->m->globals.n * sizeof(struct abi_global);

	vec_each(from, &g->m->globals)
		add_global(g, from, &at);
	g->b->globals_offset = ABI_PAGE;
	g->b->globals_size = base_align(at, (uint64_t)ABI_PAGE) - ABI_PAGE;
	place_shards(g);
	place_frames(g);
}
