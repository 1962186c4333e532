/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants at the front of the code: literals, formats, descriptions of
 * statistics, lock lists, texts of sites.  They come first so that
 * instructions know their offsets when they are emitted; offset 0 stays unused,
 * so that 0 can mean "none".
 */
#include "gen/private.h"

#include <string.h>

#include "gen/x86_64_code.h"

static uint32_t add_bytes(struct gen *g, const void *p, size_t n)
{
	uint32_t at;

	code_align(g->code, 8, 0);
	at = g->code->n;
	code_bytes(g->code, p, n);
	return at;
}

static uint32_t add_string(struct gen *g, const char *text, size_t length)
{
	size_t most = g->limits->max_string - 1;
	struct abi_string head = { .length = (uint32_t)base_min(length, most) };
	uint32_t at = add_bytes(g, &head, ABI_STRING_HEAD);

	code_bytes(g->code, text, head.length);
	code_u8(g->code, 0);
	return at;
}

uint32_t gen_text(struct gen *g, const char *text, size_t length)
{
	void *known;

	if (!text)
		return 0;
	known = map_find(g->texts, text);
	if (!known) {
		known = (void *)(uintptr_t)add_string(g, text, length);
		map_put(g->texts, text, known);
	}
	return (uint32_t)(uintptr_t)known;
}

/* ---- formats ------------------------------------------------------------------------ */

static struct abi_format_part encode_part(const struct format_part *from)
{
	struct abi_format_part to = {
		.conversion = (uint8_t)(from->conversion == 'i' ? 'd' : from->conversion),
		.flag = (uint8_t)from->flag,
		.width = from->width,
		.precision = from->precision
	};

	to.bits = (uint16_t)((from->star_width ? ABI_FORMAT_STAR_WIDTH : 0) |
			     (from->star_precision ? ABI_FORMAT_STAR_PRECISION : 0) |
			     (from->has_width ? ABI_FORMAT_HAS_WIDTH : 0) |
			     (from->has_precision ? ABI_FORMAT_HAS_PRECISION : 0));
	return to;
}

static uint32_t add_format(struct gen *g, const struct ir_format *f)
{
	struct abi_format head = { .n_parts = f->n_parts,
				   .n_args = f->n_args,
				   .string_args = f->string_args };
	uint32_t at = add_bytes(g, &head, sizeof head);
	uint32_t text = (uint32_t)(sizeof head + f->n_parts * sizeof(struct abi_format_part));

	for (uint32_t i = 0; i < f->n_parts; i++) {
		struct abi_format_part part = encode_part(&f->parts[i]);

		if (!part.conversion) {
			part.text = text;
			part.length = f->parts[i].text_length;
			text += part.length;
		}
		code_bytes(g->code, &part, sizeof part);
	}
	for (uint32_t i = 0; i < f->n_parts; i++)
		if (!f->parts[i].conversion)
			code_bytes(g->code, f->parts[i].text, f->parts[i].text_length);
	return at;
}

/* ---- all of them ------------------------------------------------------------------------ */

static void add_locks(struct gen *g)
{
	g->locks = arena_array(g->arena, uint32_t, g->m->functions.n + 1);
	for (uint32_t i = 0; i < g->m->functions.n; i++) {
		const struct ir_function *f = g->m->functions.p[i];

		g->locks[i] =
			f->locks.n ? add_bytes(g, f->locks.p, f->locks.n * sizeof *f->locks.p) : 0;
	}
}

static void add_statdescs(struct gen *g)
{
	g->statdescs = arena_array(g->arena, uint32_t, g->m->globals.n + 1);
	for (uint32_t i = 0; i < g->m->globals.n; i++)
		if (g->m->globals.p[i].value_kind == ABI_VALUE_STAT)
			g->statdescs[i] = add_bytes(g, &g->b->globals.p[i].layout.stat,
						    sizeof(struct abi_stat_desc));
}

static void add_embedded(struct gen *g, const struct bundle_embedded *e)
{
	code_align(g->code, 64, 0);
	g->embedded = g->code->n;
	code_bytes(g->code, e->bytes, e->size);
	vec_each(w, &e->words) {
		struct bundle_reloc r = { .kind = RELOC_CODE_ABS64, .offset = g->embedded + w->offset,
					  .addend = w->addend + g->embedded };

		if (w->name) {
			r.kind = RELOC_RUNTIME_ABS64;
			r.symbol = bundle_runtime_symbol(g->b, w->name);
			r.addend = 0;
		}
		vec_push(g->arena, &g->code->relocs, r);
	}
}

uint32_t gen_embedded_entry(const struct gen *g, const char *name)
{
	if (g->limits->embedded)
		vec_each(e, &g->limits->embedded->entries)
			if (strcmp(e->name, name) == 0)
				return g->embedded + e->offset;
	return 0;
}

void gen_constants(struct gen *g)
{
	const struct ir_module *m = g->m;

	code_u64(g->code, 0);
	g->texts = map_create(g->arena);
	g->table_literal = g->code->n;
	code_reloc(g->code, RELOC_TABLE_ABS64, 0, 0);
	code_u64(g->code, 0);
	g->strings = arena_array(g->arena, uint32_t, m->strings.n + 1);
	for (uint32_t i = 0; i < m->strings.n; i++)
		g->strings[i] = add_string(g, m->strings.p[i].text, m->strings.p[i].length);
	g->formats = arena_array(g->arena, uint32_t, m->n_formats + 1);
	for (uint32_t i = 0; i < m->n_formats; i++) {
		g->formats[i] = add_format(g, &m->formats[i]);
		vec_push(g->arena, &g->b->formats, g->formats[i]);
	}
	g->regexes = arena_array(g->arena, uint32_t, m->regexes.n + 1);
	for (uint32_t i = 0; i < m->regexes.n; i++)
		g->regexes[i] = add_bytes(g, m->regexes.p[i].head, m->regexes.p[i].head->size);
	add_statdescs(g);
	add_locks(g);
	gen_probes(g);
	if (g->limits->embedded)
		add_embedded(g, g->limits->embedded);
	code_align(g->code, 64, 0);
	g->b->text_offset = g->code->n;
}
