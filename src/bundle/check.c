/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a loaded bundle: every index, offset and size that the session
 * follows is inside what it points into.  What the code itself does is not
 * judged: a bundle is a program, to be trusted like one.
 */
#include "bundle/check.h"

#include <string.h>

#define FIRST_FILE_EVENT 6u /* EVENT_READ */
#define LAST_FILE_EVENT 7u /* EVENT_WRITE */
#define LAST_EVENT 9u /* EVENT_LIFE */
#define LAST_RECORD 7u /* RECORD_TRACEPOINT */
#define LAST_FLAG 255u /* all of SITE_ together */
#define SITE_WATCH 16u
#define FRAME_MOST 4096u /* of a site: @entry values */
#define REGION_MOST ((uint64_t)1 << 46)
#define STRING_MOST ((uint32_t)1 << 24)

/* [offset, offset + size) lies in [0, whole). */
static bool inside(uint64_t offset, uint64_t size, uint64_t whole)
{
	return offset <= whole && size <= whole - offset;
}

static bool is_power_of_two(uint64_t v)
{
	return v && (v & (v - 1)) == 0;
}

static bool reloc_ok(const struct bundle *b, const struct bundle_reloc *r, uint32_t size)
{
	static const uint8_t widths[] = {
		[RELOC_REGION_ABS64] = 8,  [RELOC_TABLE_ABS64] = 8,    [RELOC_PROCESS_ABS64] = 8,
		[RELOC_RUNTIME_ABS64] = 8, [RELOC_RUNTIME_REL32] = 4,  [RELOC_CODE_ABS64] = 8,
		[RELOC_CODE_REL32] = 4,	   [RELOC_THREAD_POINTER] = 9, [RELOC_OWN_STACK] = 7,
	};
	bool is_runtime = r->kind == RELOC_RUNTIME_REL32 || r->kind == RELOC_RUNTIME_ABS64;

	if (r->kind == RELOC_OWN_STACK &&
	    (r->addend < 7 || r->addend > 32 || !inside(r->offset, (uint32_t)r->addend, size)))
		return false;
	return r->kind < base_count(widths) && inside(r->offset, widths[r->kind], size) &&
	       (!is_runtime || r->symbol < b->runtime_symbols.n);
}

static const char *check_code(const struct bundle *b)
{
	if (b->text_offset > b->code_size)
		return "text outside the code";
	vec_each(r, &b->relocs)
		if (!reloc_ok(b, r, b->code_size))
			return "bad relocation";
	vec_each(i, &b->inlines)
		vec_each(r, &i->relocs)
			if (!reloc_ok(b, r, i->size))
				return "bad relocation of an inline handler";
	vec_each(s, &b->runtime_symbols)
		if (!*s)
			return "nameless runtime symbol";
	return NULL;
}

static bool variant_ok(const struct bundle *b, uint32_t kind, uint32_t at)
{
	switch (kind) {
	case BUNDLE_ABSENT:
	case BUNDLE_EMPTY:
		return true;
	case BUNDLE_FULL:
		return at >= b->text_offset && at < b->code_size;
	case BUNDLE_INLINE:
		return at < b->inlines.n;
	default:
		return false;
	}
}

/* A way down from the session's folder, that does not lead out of it. */
static bool path_ok(const char *path)
{
	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.') ||
		    (path[n] == '/' && !path[n + 1]))
			return false;
	}
	return true;
}

static bool file_ok(const struct bundle_probe *p)
{
	return p->event < FIRST_FILE_EVENT || p->event > LAST_FILE_EVENT ||
	       (p->path && *p->path && path_ok(p->path) && p->max_size <= INT32_MAX);
}

static const char *check_handlers(const struct bundle *b)
{
	vec_each(h, &b->handlers)
		for (uint32_t v = 0; v < VARIANT_COUNT; v++)
			if (!variant_ok(b, h->variant[v].kind, h->variant[v].at))
				return "bad handler";
	vec_each(p, &b->probes)
		if (p->event > LAST_EVENT || p->record > LAST_RECORD ||
		    (p->record == LAST_RECORD && !p->record_tracepoint) ||
		    p->handler >= b->handlers.n || !p->name || !p->point ||
		    p->condition > b->handlers.n || p->counter > ABI_COUNTERS || !file_ok(p))
			return "bad probe";
	return NULL;
}

/* An abi_string in the code, or 0. */
static bool string_ok(const struct bundle *b, uint32_t at)
{
	uint32_t length;

	if (at == 0)
		return true;
	if (at % 8 || !inside(at, ABI_STRING_HEAD, b->code_size))
		return false;
	memcpy(&length, b->code + at, sizeof length);
	return inside((uint64_t)at + ABI_STRING_HEAD, (uint64_t)length + 1, b->code_size);
}

static const char *check_lives(const struct bundle *b)
{
	vec_each(p, &b->probes)
		if (p->life > ABI_LIFE_PROCESS_END || !string_ok(b, p->point_text))
			return "bad probe";
	return NULL;
}

static const char *check_sites(const struct bundle *b)
{
	vec_each(s, &b->sites) {
		if (!s->module || s->probe >= b->probes.n || s->handler >= b->handlers.n ||
		    s->flags > LAST_FLAG)
			return "bad site";
		if (s->saver > b->handlers.n || s->frame > FRAME_MOST || s->frame % 16 ||
		    (s->saver && !s->frame))
			return "bad frame of a site";
		if (s->flags & SITE_WATCH && (s->watch_length < 1 || s->watch_length > 8))
			return "bad watchpoint";
		if (!string_ok(b, s->point) || !string_ok(b, s->function) ||
		    !string_ok(b, s->name) || !string_ok(b, s->provider))
			return "bad text of a site";
	}
	return NULL;
}

static bool format_ok(const struct bundle *b, uint32_t at)
{
	struct abi_format f;
	struct abi_format_part part;
	uint64_t room = b->code_size - (uint64_t)base_min(at, b->code_size);

	if (at % 8 || room < sizeof f)
		return false;
	memcpy(&f, b->code + at, sizeof f);
	if (f.n_args > 64 || !inside(sizeof f, (uint64_t)f.n_parts * sizeof part, room))
		return false;
	for (uint32_t i = 0; i < f.n_parts; i++) {
		memcpy(&part, b->code + at + sizeof f + i * sizeof part, sizeof part);
		if (!part.conversion && !inside(part.text, part.length, room))
			return false;
	}
	return true;
}

static const char *check_formats(const struct bundle *b)
{
	vec_each(f, &b->formats)
		if (!format_ok(b, *f))
			return "bad format";
	vec_each(p, &b->positions)
		if (!*p)
			return "bad position";
	return NULL;
}

static bool map_ok(const struct bundle *b, const struct abi_map *m, uint64_t size)
{
	return is_power_of_two(m->buckets) && m->n_keys <= ABI_MAX_KEYS &&
	       m->value_kind <= ABI_VALUE_STAT && m->max_string == b->max_string &&
	       m->value_offset < m->entry_size && m->entry_size % 8 == 0 &&
	       sizeof *m + (uint64_t)m->buckets * 4 <= m->entries_offset &&
	       inside(m->entries_offset, (uint64_t)m->capacity * m->entry_size, size);
}

static bool global_ok(const struct bundle *b, const struct bundle_global *g)
{
	const struct abi_global *l = &g->layout;
	uint64_t end = b->globals_offset + b->globals_size;
	bool sharded = l->share == ABI_SHARE_SHARDED;

	if (!g->name || l->share > ABI_SHARE_SHARDED || l->kind > ABI_VALUE_STAT || l->lock ||
	    l->size < 8 || g->n_keys > ABI_MAX_KEYS)
		return false;
	if (!inside(l->base_offset, l->size, end) || l->base_offset < b->globals_offset ||
	    l->base_offset % 8)
		return false;
	if (sharded &&
	    (!inside(l->merged_offset, l->size, end) || l->merged_offset < b->globals_offset ||
	     l->shard_offset < ABI_SLOT_HEAD || l->merged_offset % 8 || l->shard_offset % 8 ||
	     !inside(l->shard_offset - ABI_SLOT_HEAD, l->size, b->shards_size)))
		return false;
	if (!l->is_map && l->kind == ABI_VALUE_STRING &&
	    l->size < ABI_STRING_HEAD + (uint64_t)b->max_string)
		return false;
	return !l->is_map || map_ok(b, &g->map, l->size);
}

static const char *check_globals(const struct bundle *b)
{
	if (b->globals_offset < ABI_PAGE || b->globals_offset % 64 ||
	    b->globals_offset > REGION_MOST || b->globals_size > REGION_MOST ||
	    b->shards_size > REGION_MOST || b->frame_size > REGION_MOST ||
	    b->stack_size > REGION_MOST || b->max_string < 1 || b->max_string > STRING_MOST)
		return "bad sizes";
	if (b->match_offset &&
	    (b->match_offset < ABI_SLOT_HEAD || b->match_offset % 8 ||
	     !inside(b->match_offset - ABI_SLOT_HEAD,
		     sizeof(struct abi_match) + (uint64_t)b->max_string, b->shards_size)))
		return "bad place of matches";
	if (b->timing_offset &&
	    (b->timing_offset < ABI_SLOT_HEAD || b->timing_offset > ABI_SLOT_HEAD ||
	     !inside(b->timing_offset - ABI_SLOT_HEAD, b->probes.n * sizeof(struct abi_timing),
		     b->shards_size)))
		return "bad place of times";
	if ((uint64_t)b->globals.n * sizeof(struct abi_global) > b->globals_size)
		return "bad table of globals";
	vec_each(g, &b->globals)
		if (!global_ok(b, g))
			return "bad global";
	return NULL;
}

const char *bundle_check(const struct bundle *b)
{
	const char *(*const checks[])(const struct bundle *) = {
		check_code, check_globals, check_handlers, check_lives, check_sites, check_formats,
	};
	const char *wrong = NULL;

	for (uint32_t i = 0; i < base_count(checks) && !wrong; i++)
		wrong = checks[i](b);
	return wrong;
}
