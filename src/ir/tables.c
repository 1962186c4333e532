/* SPDX-License-Identifier: Apache-2.0 */
/* The module's numbered things: literals, positions, formats, script functions by context. */
#include "ir/build.h"

#include <ctype.h>
#include <string.h>

/* Maps hold number + 1, so that 0 means absent. */
static uint32_t found(const struct map *m, const char *key)
{
	return (uint32_t)(uintptr_t)map_find(m, key);
}

/* Bytes as a map key: texts may hold NULs. */
static void add_bytes(struct buf *key, const void *p, uint32_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < n; i++) {
		uint8_t c = ((const uint8_t *)p)[i];

		if (c > 1) {
			buf_addc(key, c);
			continue;
		}
		buf_addc(key, 1);
		buf_addc(key, digits[c]);
	}
}

uint32_t ir_string_number(struct lower *l, const char *text, uint32_t length)
{
	struct buf key;
	uint32_t number;

	length = base_min(length, l->limits->max_string - 1);
	buf_init(&key, l->arena);
	add_bytes(&key, text, length);
	number = found(l->strings, buf_str(&key));
	if (number)
		return number - 1;
	vec_push(l->arena, &l->module->strings,
		 (struct ir_string){ .text = arena_strndup(l->arena, text, length),
				     .length = length });
	map_put(l->strings, buf_str(&key), (void *)(uintptr_t)l->module->strings.n);
	return l->module->strings.n - 1;
}

/* ---- positions ------------------------------------------------------------------ */

static const char *const keywords[] = {
	"probe",    "global", "private", "function", "if",     "else",  "for",
	"foreach",  "in",     "limit",   "return",   "delete", "while", "break",
	"continue", "next",   "string",  "long",     "try",    "catch",
};

static const char *token_kind(const char *text, uint32_t length)
{
	for (size_t i = 0; i < base_count(keywords); i++)
		if (strlen(keywords[i]) == length && !memcmp(text, keywords[i], length))
			return "keyword";
	if (isalpha((unsigned char)text[0]) || text[0] == '_' || text[0] == '$')
		return "identifier";
	if (isdigit((unsigned char)text[0]))
		return "number";
	return text[0] == '"' ? "string" : "operator";
}

/* A statement's span goes on behind its first word. */
static uint32_t word_length(const char *text, uint32_t length)
{
	uint32_t n = 1;

	while (n < length && (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == '$'))
		n++;
	return isalpha((unsigned char)text[0]) || text[0] == '_' || text[0] == '$' ? n : length;
}

static const char *position_text(struct lower *l, struct span at)
{
	const struct source *s = at.source ? source_get(l->limits->sources, at.source) : NULL;
	const char *text, *kind;
	uint32_t length = at.length;

	if (!s || at.offset >= s->length)
		return "";
	text = s->text + at.offset;
	length = base_min(length, (uint32_t)(s->length - at.offset));
	if (!length)
		return "";
	length = word_length(text, length);
	kind = token_kind(text, length);
	if (!strcmp(kind, "string") && length >= 2) {
		text++;
		length -= 2;
	}
	return arena_printf(l->arena, "%s '%.*s' at %s", kind, (int)length, text,
			    source_place(l->arena, l->limits->sources, at));
}

uint32_t ir_position_number(struct lower *l, struct span at)
{
	uint64_t key = (uint64_t)at.source << 32 | at.offset;
	uint32_t number;

	if (!at.source || !l->limits->sources)
		return 0;
	number = (uint32_t)(uintptr_t)map_find_u64(l->positions, key);
	if (number)
		return number - 1;
	vec_push(l->arena, &l->module->positions, position_text(l, at));
	map_put_u64(l->positions, key, (void *)(uintptr_t)l->module->positions.n);
	return l->module->positions.n - 1;
}

/* ---- formats -------------------------------------------------------------------- */

static void add_part(struct buf *key, const struct format_part *p)
{
	buf_addf(key, "%d.%u.%d.%d%d%d%d.%d.%d:", p->conversion, p->text_length, p->flag,
		 p->has_width, p->star_width, p->has_precision, p->star_precision, p->width,
		 p->precision);
	if (!p->conversion)
		add_bytes(key, p->text, p->text_length);
}

uint32_t ir_format_number(struct lower *l, const struct ir_format *f)
{
	struct ir_module *m = l->module;
	struct buf key;
	uint32_t number;

	buf_init(&key, l->arena);
	buf_addf(&key, "%u.%llx.", f->n_args, (unsigned long long)f->string_args);
	for (uint32_t i = 0; i < f->n_parts; i++)
		add_part(&key, &f->parts[i]);
	number = found(l->formats, buf_str(&key));
	if (number)
		return number - 1;
	if (m->n_formats == m->cap_formats)
		m->formats = vec_grow(l->arena, m->formats, m->n_formats, &m->cap_formats,
				      sizeof *m->formats);
	m->formats[m->n_formats] = *f;
	m->formats[m->n_formats++].parts =
		arena_dup(l->arena, f->parts, f->n_parts * sizeof *f->parts);
	map_put(l->formats, buf_str(&key), (void *)(uintptr_t)m->n_formats);
	return m->n_formats - 1;
}

/* ---- script functions ----------------------------------------------------------- */

static const char *instance_name(struct lower *l, const struct sema_function *f,
				 enum probe_context context)
{
	const char *suffix = context == CONTEXT_TOOL ? ".tool" : "";
	const char *name = arena_printf(l->arena, "%s%s", f->name, suffix);

	if (map_find(l->names, name))
		name = arena_printf(l->arena, "%s#%u%s", f->name, f->index, suffix);
	map_put(l->names, name, l);
	return name;
}

uint32_t ir_instance_number(struct lower *l, const struct sema_function *f,
			    enum probe_context context)
{
	uint32_t *instance = &l->instances[f->index * 2 + (context == CONTEXT_TOOL)];
	struct ir_function *placeholder;

	if (*instance)
		return *instance - 1;
	placeholder = arena_new(l->arena, struct ir_function);
	placeholder->name = instance_name(l, f, context);
	placeholder->context = context;
	vec_push(l->arena, &l->module->functions, placeholder);
	*instance = l->module->functions.n;
	vec_push(l->arena, &l->pending,
		 (struct pending){ .source = f, .context = context, .number = *instance - 1 });
	return *instance - 1;
}
