/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats of printf: % [flag] [width|*] [.precision|.*] [l] conversion.
 *
 * Read with the escapes of the literal as written, so that a % that comes
 * out of an escape is text. Each run of text between conversions is one part.
 */
#include "lang/parse.h"

#include <string.h>

struct format_reader {
	struct arena *arena;
	const char *p, *end;
	VEC(struct format_part) parts;
};

static char ahead(const struct format_reader *r)
{
	return r->p < r->end ? *r->p : 0;
}

static void add_text(struct format_reader *r, const char *raw, size_t n)
{
	struct format_part part = { 0 };

	part.text = lang_unescape(r->arena, raw, (uint32_t)n, &part.text_length);
	/* An own copy: the run ends inside the literal. */
	part.text = arena_strndup(r->arena, part.text, part.text_length);
	vec_push(r->arena, &r->parts, part);
}

/* Digits, held at the largest int32; whether there was one. */
static bool read_number(struct format_reader *r, int32_t *value)
{
	const char *start = r->p;
	int64_t v = 0;

	for (; ahead(r) >= '0' && ahead(r) <= '9'; r->p++)
		v = base_min(v * 10 + (*r->p - '0'), (int64_t)INT32_MAX);
	*value = (int32_t)v;
	return r->p != start;
}

static void read_width(struct format_reader *r, struct format_part *part)
{
	if (ahead(r) == '*') {
		r->p++;
		part->has_width = part->star_width = true;
		return;
	}
	part->has_width = read_number(r, &part->width);
}

static void read_precision(struct format_reader *r, struct format_part *part)
{
	if (ahead(r) != '.')
		return;
	r->p++;
	part->has_precision = true;
	if (ahead(r) == '*') {
		r->p++;
		part->star_precision = true;
		return;
	}
	read_number(r, &part->precision);
}

/* Behind the %. */
static bool read_conversion(struct format_reader *r)
{
	struct format_part part = { 0 };
	char c = ahead(r);

	if (c && strchr("0+- #", c)) {
		part.flag = c;
		r->p++;
	}
	read_width(r, &part);
	read_precision(r, &part);
	if (ahead(r) == 'l')
		r->p++;
	part.conversion = ahead(r);
	if (!part.conversion || !strchr("diuoxXpcsbmM", part.conversion))
		return false;
	r->p++;
	vec_push(r->arena, &r->parts, part);
	return true;
}

/* Where the next % is, or the end. */
static const char *text_end(const struct format_reader *r)
{
	const char *p = r->p;

	while (p < r->end && *p != '%')
		p++;
	return p;
}

/* Neighbouring runs of text (split by %%) become one. */
static void join_texts(struct format_reader *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->parts.n; i++) {
		struct format_part *part = &r->parts.p[i], *left = n ? &r->parts.p[n - 1] : NULL;

		if (!left || left->conversion || part->conversion) {
			r->parts.p[n++] = *part;
			continue;
		}
		struct buf b;

		buf_init(&b, r->arena);
		buf_add(&b, left->text, left->text_length);
		buf_add(&b, part->text, part->text_length);
		left->text = buf_str(&b);
		left->text_length = (uint32_t)b.n;
	}
	r->parts.n = n;
}

/* From its % to the character that makes it wrong. */
static struct format_wrong wrong_at(const struct format_reader *r, const char *raw, const char *percent)
{
	const char *end = r->p < r->end ? r->p + 1 : r->end;

	return (struct format_wrong){ (uint32_t)(percent - raw), (uint32_t)(end - percent) };
}

bool lang_format_parse(struct arena *a, const char *raw, uint32_t n, struct format_part **parts,
		       uint32_t *n_parts, struct format_wrong *wrong)
{
	struct format_reader r = { .arena = a, .p = raw, .end = raw + n };

	while (r.p < r.end) {
		const char *end = text_end(&r);

		if (end > r.p)
			add_text(&r, r.p, (size_t)(end - r.p));
		r.p = end;
		if (r.p == r.end)
			break;
		if (++r.p < r.end && *r.p == '%') {
			add_text(&r, r.p++, 1);
		} else if (!read_conversion(&r)) {
			*wrong = wrong_at(&r, raw, end);
			return false;
		}
	}
	join_texts(&r);
	*parts = r.parts.p;
	*n_parts = r.parts.n;
	return true;
}
