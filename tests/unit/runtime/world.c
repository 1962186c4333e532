/* SPDX-License-Identifier: Apache-2.0 */
/* The test world. */
#include "world.h"

#define GLOBALS_ROOM (1u << 20)
#define SLOT_HEAD_ROOM (1u << 20) /* head and shards */

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

struct world *world_create(uint32_t max_string)
{
	struct world *w = calloc(1, sizeof *w);
	uint64_t slots = ABI_PAGE + GLOBALS_ROOM, slot = SLOT_HEAD_ROOM + WORLD_RING;
	uint64_t size = slots + slot * WORLD_SLOTS;
	struct abi_region *r = aligned_alloc(ABI_PAGE, size);

	memset(r, 0, size);
	r->magic = ABI_MAGIC;
	r->version = ABI_VERSION;
	r->state = ABI_STATE_RUNNING;
	r->size = size;
	r->slot_count = WORLD_SLOTS;
	r->slots_offset = slots;
	r->slot_size = slot;
	r->globals_offset = ABI_PAGE;
	r->max_string = max_string ? max_string : ABI_MAXSTRINGLEN;
	r->hist_width = ABI_HIST_WIDTH;
	r->hist_elision = ABI_HIST_ELISION;
	r->ring_offset = SLOT_HEAD_ROOM;
	r->ring_size = WORLD_RING;
	r->tsc_mult = (uint64_t)(0.5 * 4294967296.0);
	w->region = r;
	w->used = ABI_PAGE + WORLD_GLOBALS * sizeof(struct abi_global);
	w->shards = ABI_SLOT_HEAD;
	world_slot(w, 0)->in_tool = 1;
	w->slot = world_slot(w, 1);
	return w;
}

void world_destroy(struct world *w)
{
	free(w->region);
	free(w);
}

struct abi_slot *world_slot(struct world *w, uint32_t number)
{
	struct abi_region *r = w->region;
	struct abi_slot *s = (void *)((char *)r + r->slots_offset + number * r->slot_size);

	s->number = number;
	s->region = (uint64_t)r;
	if (r->slot_next <= number)
		r->slot_next = number + 1;
	return s;
}

static uint32_t room(uint32_t max_string)
{
	return (uint32_t)align(ABI_STRING_HEAD + max_string, 8);
}

void map_init(struct abi_map *m, const struct map_shape *shape, uint32_t max_string)
{
	uint32_t at = ABI_ENTRY_HEAD, value = 8;

	for (uint32_t i = 0; i < shape->n_keys; i++)
		at += shape->string_keys >> i & 1 ? room(max_string) : 8;
	if (shape->value_kind == ABI_VALUE_STRING)
		value = room(max_string);
	if (shape->value_kind == ABI_VALUE_STAT)
		value = ABI_STAT_HEAD + shape->stat.buckets * 8;
	*m = (struct abi_map){ .capacity = shape->capacity,
			       .buckets = 1,
			       .entry_size = at + value,
			       .value_offset = at,
			       .value_kind = shape->value_kind,
			       .n_keys = shape->n_keys,
			       .string_keys = shape->string_keys,
			       .wraps = shape->wraps,
			       .max_string = max_string,
			       .declared = shape->declared,
			       .stat = shape->stat };
	while (m->buckets < m->capacity)
		m->buckets *= 2;
	m->entries_offset = (uint32_t)align(sizeof *m + m->buckets * 4, 8);
}

uint64_t map_size(const struct map_shape *shape, uint32_t max_string)
{
	struct abi_map m;

	map_init(&m, shape, max_string);
	return m.entries_offset + (uint64_t)m.capacity * m.entry_size;
}

struct abi_map *map_create(const struct map_shape *shape, uint32_t max_string)
{
	struct abi_map *m = calloc(1, map_size(shape, max_string));

	map_init(m, shape, max_string);
	return m;
}

static uint64_t take(uint64_t *at, uint64_t size)
{
	uint64_t place = align(*at, 64);

	*at = place + size;
	return place;
}

static uint64_t scalar_size(const struct world *w, uint32_t kind, const struct abi_stat_desc *stat)
{
	if (kind == ABI_VALUE_STRING)
		return room(w->region->max_string);
	return kind == ABI_VALUE_STAT ? ABI_STAT_HEAD + stat->buckets * 8 : 8;
}

static void place_shards(struct world *w, struct abi_global *g, const struct map_shape *shape)
{
	g->merged_offset = take(&w->used, g->size);
	g->shard_offset = take(&w->shards, g->size);
	g->dirty = 1;
	if (!shape)
		return;
	map_init((void *)((char *)w->region + g->merged_offset), shape, w->region->max_string);
	for (uint32_t i = 0; i < w->region->slot_count; i++)
		map_init((void *)((char *)w->region + w->region->slots_offset +
				  i * w->region->slot_size + g->shard_offset),
			 shape, w->region->max_string);
}

void *world_global(struct world *w, uint32_t share, uint32_t kind, const struct map_shape *shape,
		   const struct abi_stat_desc *stat, uint32_t *number)
{
	struct abi_region *r = w->region;
	struct abi_global *g = (struct abi_global *)((char *)r + r->globals_offset) + r->n_globals;

	*number = r->n_globals++;
	assert_true(r->n_globals <= WORLD_GLOBALS);
	g->share = share;
	g->kind = kind;
	g->is_map = shape != NULL;
	g->size = shape ? map_size(shape, r->max_string) : scalar_size(w, kind, stat);
	if (stat)
		g->stat = *stat;
	g->base_offset = take(&w->used, g->size);
	if (shape)
		map_init((void *)((char *)r + g->base_offset), shape, r->max_string);
	if (share == ABI_SHARE_SHARDED)
		place_shards(w, g, shape);
	assert_true(w->used <= r->slots_offset && w->shards <= r->ring_offset);
	return (char *)r + g->base_offset;
}

rt_str str(const char *text)
{
	static _Alignas(8) char ring[16][8192];
	static unsigned next;
	struct abi_string *s = (void *)ring[next++ % 16];

	s->length = (uint32_t)strlen(text);
	memcpy(s->text, text, s->length + 1);
	return s;
}

struct abi_string *buffer(void)
{
	static _Alignas(8) char ring[16][8192];
	static unsigned next;
	struct abi_string *s = (void *)ring[next++ % 16];

	memset(s, 0x5a, sizeof ring[0]);
	return s;
}

const char *error_of(struct abi_slot *s)
{
	static char text[ABI_MAXSTRINGLEN];

	if (!s->error)
		return "";
	snprintf(text, sizeof text, "%s", (char *)s + ABI_SLOT_ERROR + ABI_STRING_HEAD);
	s->error = ABI_ERROR_NONE;
	return text;
}

/* ---- formats -------------------------------------------------------------------------- */

static const char *parse_number(const char *p, int32_t *value, struct abi_format_part *part,
				uint16_t star, uint16_t has, struct abi_format *f)
{
	if (*p == '*') {
		part->bits |= star;
		f->n_args++;
		return p + 1;
	}
	if (*p < '0' || *p > '9')
		return p;
	part->bits |= has;
	for (*value = 0; *p >= '0' && *p <= '9'; p++)
		*value = *value * 10 + (*p - '0');
	return p;
}

static const char *parse_conversion(const char *p, struct abi_format_part *part,
				    struct abi_format *f)
{
	if (strchr("0+- #", *p))
		part->flag = (uint8_t)*p++;
	p = parse_number(p, &part->width, part, ABI_FORMAT_STAR_WIDTH, ABI_FORMAT_HAS_WIDTH, f);
	if (*p == '.') {
		part->bits |= ABI_FORMAT_HAS_PRECISION;
		p = parse_number(p + 1, &part->precision, part, ABI_FORMAT_STAR_PRECISION,
				 ABI_FORMAT_HAS_PRECISION, f);
	}
	part->conversion = (uint8_t)*p++;
	if (part->conversion == 's')
		f->string_args |= 1ull << f->n_args;
	f->n_args++;
	return p;
}

const struct abi_format *format_of(const char *text)
{
	static _Alignas(8) char room_for[4][8192];
	static unsigned next;
	char *at = room_for[next++ % 4];
	struct abi_format *f = (void *)at;
	struct abi_format_part *part = (void *)(f + 1);

	memset(at, 0, sizeof room_for[0]);
	strcpy(at + 4096, text);
	for (const char *p = text; *p; part++, f->n_parts++) {
		if (*p == '%') {
			p = parse_conversion(p + 1, part, f);
			continue;
		}
		part->text = (uint32_t)(4096 + (p - text));
		part->length = (uint32_t)strcspn(p, "%");
		p += part->length;
	}
	return f;
}

void sink_write(void *to, const char *bytes, uint64_t length)
{
	struct sink *s = to;

	assert_true(s->length + length < sizeof s->text);
	memcpy(s->text + s->length, bytes, length);
	s->length += length;
	s->text[s->length] = 0;
	s->calls++;
}

/* ---- the consumer ------------------------------------------------------------------------- */

struct abi_record *take_record(struct abi_slot *s)
{
	static _Alignas(8) char copy[WORLD_RING];
	const struct abi_region *r = (const void *)s->region;
	const char *ring = (const char *)s + r->ring_offset;

	while (s->ring_tail != s->ring_head) {
		const struct abi_record *from =
			(const void *)(ring + (s->ring_tail & (r->ring_size - 1)));

		assert_true(from->size >= 8 && from->size % 8 == 0 &&
			    from->size <= s->ring_head - s->ring_tail);
		assert_true((s->ring_tail & (r->ring_size - 1)) + from->size <= r->ring_size);
		s->ring_tail += from->size;
		if (from->kind == ABI_RECORD_PAD)
			continue;
		memcpy(copy, from, from->size);
		return (void *)copy;
	}
	return NULL;
}
