/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and sites of the bundle: when which handler runs, and what its sites are called. */
#include "gen/private.h"

#include <string.h>

static uint32_t text_of(struct gen *g, const char *text)
{
	return gen_text(g, text, text ? strlen(text) : 0);
}

static const char *copy_text(struct gen *g, const char *text)
{
	return text ? arena_strdup(g->arena, text) : NULL;
}

/* The bundle's handler of an IR function; IR_NONE: one that does nothing. */
static uint32_t handler_of(struct gen *g, uint32_t function)
{
	uint32_t *known = &g->handlers[function == IR_NONE ? g->m->functions.n : function];

	if (*known == IR_NONE) {
		vec_push(g->arena, &g->b->handlers, (struct bundle_handler){ 0 });
		*known = g->b->handlers.n - 1;
	}
	return *known;
}

static void want(struct gen *g, uint32_t handler, enum bundle_variant v)
{
	struct bundle_handler *h = &g->b->handlers.p[handler];

	if (h->variant[v].kind == BUNDLE_ABSENT)
		h->variant[v].kind = BUNDLE_EMPTY; /* until code is emitted */
}

static void add_site(struct gen *g, const struct sema_site *from, uint32_t probe, uint32_t handler,
		     const struct ir_probe *saver)
{
	struct bundle_site s = { .module = copy_text(g, from->module),
				 .build_id = copy_text(g, from->build_id),
				 .address = from->address,
				 .function_start = from->function_start,
				 .function_end = from->function_end,
				 .semaphore = from->semaphore,
				 .flags = from->flags,
				 .watch_length = from->watch_length,
				 .watch_reads = from->watch_reads,
				 .syscall = from->syscall,
				 .probe = probe,
				 .handler = handler };

	s.point = text_of(g, from->point);
	s.function = text_of(g, from->function);
	s.name = text_of(g, from->mark ? from->mark : from->function);
	s.provider = text_of(g, from->provider);
	want(g, handler,
	     from->flags & (SITE_RETURN | SITE_WATCH) ? VARIANT_RETURN :
	     from->flags & SITE_ENTRY	   ? VARIANT_ENTRY :
					     VARIANT_GENERIC);
	if (saver && saver->function != IR_NONE) {
		s.frame = saver->probe->entry_size;
		s.saver = handler_of(g, saver->function) + 1;
		want(g, s.saver - 1, VARIANT_ENTRY);
	}
	vec_push(g->arena, &g->b->sites, s);
}

static void add_probe(struct gen *g, const struct ir_probe *from, const struct ir_probe *saver)
{
	const struct sema_probe *p = from->probe;
	const struct sema_point *point = p->point;
	uint32_t handler = handler_of(g, from->function), number = g->b->probes.n;
	struct bundle_probe to = { .event = (uint32_t)point->event,
				   .handler = handler,
				   .sequence = point->sequence,
				   .interval_ns = point->interval_ns,
				   .randomize_ns = point->randomize_ns,
				   .path = copy_text(g, point->path),
				   .mode = point->mode,
				   .max_size = point->max_size,
				   .record = (uint32_t)point->record.kind,
				   .record_type = point->record.type,
				   .record_config = point->record.config,
				   .record_period = point->record.period,
				   .record_is_frequency = point->record.is_frequency,
				   .counter = point->counter,
				   .pid = point->pid,
				   .target_only = point->target_only,
				   .life = (uint32_t)point->life,
				   .program = copy_text(g, point->program) };

	to.name = arena_strdup(g->arena, p->name ? p->name : "");
	to.point = arena_strdup(g->arena, point->point ? point->point : "");
	if (point->event == EVENT_LIFE)
		to.point_text = text_of(g, to.point);
	to.place = copy_text(g, from->place);
	to.record_process = copy_text(g, point->record.process);
	to.record_tracepoint = copy_text(g, point->record.tracepoint);
	if (from->condition) {
		to.condition = handler_of(g, from->condition - 1) + 1;
		want(g, to.condition - 1, VARIANT_TOOL);
	}
	vec_push(g->arena, &g->b->probes, to);
	if (point->context == CONTEXT_TOOL)
		want(g, handler, VARIANT_TOOL);
	if (point->event == EVENT_LIFE)
		want(g, handler, VARIANT_CALLED);
	vec_each(site, &p->sites)
		add_site(g, *site, number, handler, p->saver ? saver : NULL);
}

void gen_probes(struct gen *g)
{
	g->handlers = arena_array(g->arena, uint32_t, g->m->functions.n + 1);
	for (uint32_t i = 0; i <= g->m->functions.n; i++)
		g->handlers[i] = IR_NONE;
	vec_each(p, &g->m->probes) /* a saver stands in front of its probe */
		if (!p->probe->is_saver)
			add_probe(g, p, p == g->m->probes.p ? NULL : p - 1);
}
