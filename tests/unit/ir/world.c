/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region with a slot for the tool and one for a target, laid out for one
 * module, in which its handlers are interpreted over the hosted runtime.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/rt_api.h"
#include "script.h"

#define GLOBALS_MOST ((uint64_t)1 << 28)
#define SLOT_MOST ((uint64_t)1 << 28)
#define FRAMES ((uint64_t)1 << 20)
#define RING ((uint64_t)1 << 20)
#define STRING_SIZE (ABI_STRING_HEAD + ABI_MAXSTRINGLEN)

/* lower.c's EACH_SIZE */
_Static_assert(sizeof(struct rt_each) == 64, "the iterator's place in frames");

struct world {
	const struct script *script;
	struct abi_region *region;
	struct abi_slot *slots[2]; /* of the tool, of a target */
	struct abi_process process;
	struct abi_site site;
	struct abi_table_entry *table;
	struct ir_machine machine;
	char *output;
};

/* ---- layout --------------------------------------------------------------------------- */

static struct abi_stat_desc stat_desc(const struct ir_global *g)
{
	struct abi_stat_desc d = { g->keep, 0, g->low, g->high, g->step, g->shift };

	if (g->keep & ABI_KEEP_LOG)
		d.buckets = ABI_LOG_BUCKETS;
	else if (g->keep & ABI_KEEP_LINEAR)
		d.buckets = (uint32_t)((g->high - g->low) / g->step + 3);
	return d;
}

static uint32_t value_size(const struct ir_global *g)
{
	return g->value_kind == ABI_VALUE_STRING ? STRING_SIZE :
	       g->value_kind == ABI_VALUE_STAT ? ABI_STAT_HEAD + stat_desc(g).buckets * 8 : 8;
}

static struct abi_map map_head(const struct ir_global *g)
{
	struct abi_map m = { .capacity = (uint32_t)g->capacity,
			     .buckets = 1,
			     .value_kind = g->value_kind,
			     .n_keys = g->n_keys,
			     .string_keys = g->string_keys,
			     .wraps = g->wraps,
			     .max_string = ABI_MAXSTRINGLEN,
			     .declared = g->declared_size,
			     .stat = stat_desc(g),
			     .value_offset = ABI_ENTRY_HEAD };

	while (m.buckets < m.capacity * 2)
		m.buckets *= 2;
	for (uint32_t i = 0; i < g->n_keys; i++)
		m.value_offset += g->string_keys >> i & 1 ? STRING_SIZE : 8;
	m.entry_size = m.value_offset + value_size(g);
	m.entries_offset = (uint32_t)base_align(sizeof m + m.buckets * 4u, (size_t)64);
	return m;
}

static void init_value(char *at, const struct ir_global *g)
{
	struct abi_map m;

	if (g->is_map) {
		m = map_head(g);
		memcpy(at, &m, sizeof m);
	} else if (g->value_kind == ABI_VALUE_LONG) {
		memcpy(at, &g->init_long, 8);
	} else if (g->init_string) {
		((struct abi_string *)at)->length = g->init_length;
		memcpy(((struct abi_string *)at)->text, g->init_string, g->init_length);
	}
}

static void init_global(struct world *w, uint32_t i, uint64_t *at, uint64_t *shard)
{
	const struct ir_global *g = &w->script->module->globals.p[i];
	struct abi_global *to =
		(struct abi_global *)((char *)w->region + w->region->globals_offset) + i;
	struct abi_map m = map_head(g);

	to->share = g->share;
	to->kind = g->value_kind;
	to->is_map = g->is_map;
	to->stat = stat_desc(g);
	to->size =
		g->is_map ? m.entries_offset + (m.capacity + 1ull) * m.entry_size : value_size(g);
	to->base_offset = base_align(*at, (uint64_t)64);
	*at = to->base_offset + to->size;
	init_value((char *)w->region + to->base_offset, g);
	if (g->share != ABI_SHARE_SHARDED)
		return;
	to->dirty = 1;
	to->merged_offset = base_align(*at, (uint64_t)64);
	*at = to->merged_offset + to->size;
	to->shard_offset = base_align(*shard, (uint64_t)64);
	*shard = to->shard_offset + to->size;
	for (int slot = 0; slot < 2; slot++)
		if (g->is_map)
			memcpy((char *)w->slots[slot] + to->shard_offset, &m, sizeof m);
	if (g->is_map)
		memcpy((char *)w->region + to->merged_offset, &m, sizeof m);
}

static void init_slot(struct world *w, bool tool)
{
	struct abi_slot *s = w->slots[!tool];

	s->key = tool ? 1 : 2;
	s->process = (uintptr_t)&w->process;
	s->region = (uintptr_t)w->region;
	s->tid_address = (uintptr_t)&s->tid;
	s->tid = tool ? 100 : 201;
	s->pid = tool ? 100 : 200;
	s->number = !tool;
	s->in_tool = tool;
	s->site = tool ? 0 : (uintptr_t)&w->site;
	s->depth = 20;
}

static void init_region(struct world *w)
{
	struct abi_region *r = w->region;
	uint64_t at, shard = ABI_SLOT_HEAD;

	*r = (struct abi_region){ .magic = ABI_MAGIC,
				  .version = ABI_VERSION,
				  .state = ABI_STATE_RUNNING,
				  .slot_count = 2,
				  .slot_next = 2,
				  .globals_offset = ABI_PAGE,
				  .n_globals = w->script->module->globals.n,
				  .max_string = ABI_MAXSTRINGLEN,
				  .max_action = 1000,
				  .hist_elision = ABI_HIST_ELISION,
				  .max_nesting = 20,
				  .max_map_entries = 2048,
				  .slots_offset = GLOBALS_MOST,
				  .slot_size = SLOT_MOST,
				  .frame_offset = SLOT_MOST - RING - FRAMES,
				  .frame_size = FRAMES,
				  .ring_offset = SLOT_MOST - RING,
				  .ring_size = RING,
				  .tsc_mult = 1ull << 32 };
	r->size = GLOBALS_MOST + 2 * SLOT_MOST;
	for (int i = 0; i < 2; i++)
		w->slots[i] = (struct abi_slot *)((char *)r + r->slots_offset +
						  (uint64_t)i * r->slot_size);
	at = ABI_PAGE + r->n_globals * sizeof(struct abi_global);
	for (uint32_t i = 0; i < r->n_globals; i++)
		init_global(w, i, &at, &shard);
	r->match_offset = base_align(shard, (uint64_t)64);
	init_slot(w, true);
	init_slot(w, false);
}

/* ---- what the interpreter asks for ---------------------------------------------------------- */

/* Whose handler runs: the runtime's functions know only slots. */
static struct world *current;

static void append(const char *text, uint32_t length)
{
	size_t n = current->output ? strlen(current->output) : 0;

	current->output = realloc(current->output, n + length + 1);
	memcpy(current->output + n, text, length);
	current->output[n + length] = 0;
}

/* Formats at once instead of leaving a record in the ring. */
static void print(struct abi_slot *s, int64_t number, const struct abi_format *f,
		  const uint64_t *args)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	(void)number;
	rt_sprint(s, f, args, text);
	append(text->text, text->length);
	free(text);
}

static void print_hist(struct abi_slot *s, int64_t newline, const struct abi_stat_desc *d,
		       int64_t kind, const struct abi_stat *v)
{
	struct abi_string *text = calloc(1, STRING_SIZE);

	rt_sprint_hist(s, d, kind, v, text);
	append(text->text, text->length);
	if (newline)
		append("\n", 1);
	free(text);
}

static void *runtime(void *user, const char *name)
{
	void *f = dlsym(RTLD_DEFAULT, name);

	(void)user;
	if (!strcmp(name, "rt_print"))
		return (void *)print;
	if (!strcmp(name, "rt_print_hist"))
		return (void *)print_hist;
	if (!f)
		fprintf(stderr, "no runtime function %s\n", name);
	return f;
}

static struct abi_global *entry(struct world *w, uint32_t i)
{
	return (struct abi_global *)((char *)w->region + w->region->globals_offset) + i;
}

static void *global(void *user, uint32_t i)
{
	struct world *w = user;

	return (char *)w->region + entry(w, i)->base_offset;
}

static void *shard(void *user, uint32_t i)
{
	struct world *w = user;

	return (char *)w->machine.slot + entry(w, i)->shard_offset;
}

static const void *statdesc(void *user, uint32_t i)
{
	return &entry(user, i)->stat;
}

static const void *string(void *user, uint32_t i)
{
	struct world *w = user;
	const struct ir_string *s = &w->script->module->strings.p[i];
	struct abi_string *to = arena_alloc(w->script->arena, sizeof *to + s->length + 1);

	to->length = s->length;
	memcpy(to->text, s->text, s->length);
	return to;
}

static void encode_part(struct abi_format_part *to, const struct format_part *from)
{
	to->length = from->text_length;
	to->conversion = (uint8_t)from->conversion;
	to->flag = (uint8_t)from->flag;
	to->bits = (uint16_t)((from->star_width ? ABI_FORMAT_STAR_WIDTH : 0) |
			      (from->star_precision ? ABI_FORMAT_STAR_PRECISION : 0) |
			      (from->has_width ? ABI_FORMAT_HAS_WIDTH : 0) |
			      (from->has_precision ? ABI_FORMAT_HAS_PRECISION : 0));
	to->width = from->width;
	to->precision = from->precision;
}

static const void *format(void *user, uint32_t i)
{
	struct world *w = user;
	const struct ir_format *f = &w->script->module->formats[i];
	uint32_t size = (uint32_t)sizeof(struct abi_format) +
			f->n_parts * (uint32_t)sizeof(struct abi_format_part);
	uint32_t text = size;
	struct abi_format *to;
	struct abi_format_part *parts;

	for (uint32_t k = 0; k < f->n_parts; k++)
		size += f->parts[k].text_length;
	to = arena_alloc(w->script->arena, size + 1);
	*to = (struct abi_format){ f->n_parts, f->n_args, f->string_args };
	parts = (struct abi_format_part *)(to + 1);
	for (uint32_t k = 0; k < f->n_parts; k++) {
		encode_part(&parts[k], &f->parts[k]);
		parts[k].text = text;
		if (f->parts[k].text_length)
			memcpy((char *)to + text, f->parts[k].text, f->parts[k].text_length);
		text += f->parts[k].text_length;
	}
	return to;
}

static const struct {
	uint32_t length, pad;
	char text[8];
} mark_name = { 1, 0, "m" }, provider_name = { 4, 0, "test" };

/* ---- the world ------------------------------------------------------------------------------- */

struct world *world_create(const struct script *s)
{
	struct world *w = calloc(1, sizeof *w);
	uint64_t size = GLOBALS_MOST + 2 * SLOT_MOST;

	w->script = s;
	w->region = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	w->process.magic = ABI_MAGIC;
	w->process.region = (uintptr_t)w->region;
	init_region(w);
	w->site.pc = 0x401000;
	w->site.name = (uintptr_t)&mark_name;
	w->site.provider = (uintptr_t)&provider_name;
	w->machine = (struct ir_machine){ .runtime = runtime,
					  .global = global,
					  .shard = shard,
					  .statdesc = statdesc,
					  .format = format,
					  .string = string,
					  .user = w };
	return w;
}

void world_free(struct world *w)
{
	munmap(w->region, GLOBALS_MOST + 2 * SLOT_MOST);
	free(w->output);
	free(w);
}

struct abi_slot *world_slot(struct world *w, bool tool)
{
	return w->slots[!tool];
}

struct abi_region *world_region(struct world *w)
{
	return w->region;
}

uint32_t world_run(struct world *w, uint32_t probe)
{
	const struct ir_probe *p = &w->script->module->probes.p[probe];
	struct abi_slot *s = world_slot(w, p->probe->point->context == CONTEXT_TOOL);

	current = w;
	for (uint32_t i = 0; i < w->region->n_globals; i++)
		entry(w, i)->dirty = 1;
	w->machine.slot = s;
	s->error = 0;
	s->where = 0;
	s->actions = w->region->max_action;
	s->frame = (uintptr_t)s + w->region->frame_offset;
	ir_interpret(w->script->module, p->function, NULL, &w->machine);
	return s->error;
}

const char *world_output(struct world *w)
{
	char *text = arena_strdup(w->script->arena, w->output ? w->output : "");

	free(w->output);
	w->output = NULL;
	return text;
}

const char *world_error(struct world *w)
{
	const struct abi_slot *s = w->machine.slot;
	const struct abi_string *text = (const void *)((const char *)s + ABI_SLOT_ERROR);

	if (!s->error)
		return "";
	return arena_printf(w->script->arena, "%.*s near %s", (int)text->length, text->text,
			    w->script->module->positions.p[s->where]);
}
