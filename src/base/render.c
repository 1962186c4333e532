/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one diagnostic looks: words, place, tag, the text it is about with carets
 * below, then notes and the macros that the text came out of.
 *
 *	semantic error: type mismatch: ... at x.stp:5:8 [type-mismatch]
 *	    5 | ...tal = count + "two" + 3
 *	      |                  ^^^^^
 *	  note: in expansion of macro '@add' at x.stp:9:3
 *
 * Columns are counted as a terminal shows them: a tab stays a tab, characters
 * of several bytes are one or two wide, and of a very long line a window is
 * shown. A script may hold anything, so nothing that would steer the terminal
 * goes out.
 */
#include "base/render.h"

#include <string.h>

#define LINE_WIDTH 120u
/* How much of a long line stands in front of what it is shown for. */
#define LEAD_WIDTH 40u
#define EXPANSIONS_SHOWN 8

/* ---- characters ------------------------------------------------------------------- */

struct glyph {
	uint32_t bytes, width;
	bool is_plain; /* may be printed as it is */
};

/* The number of bytes of a well-formed UTF-8 sequence, 0 if it is none. */
static uint32_t decode(const char *p, size_t left, uint32_t *code)
{
	const unsigned char *c = (const unsigned char *)p;
	uint32_t n = c[0] >= 0xf0 && c[0] < 0xf5 ? 4 : c[0] >= 0xe0 ? 3 : 2;

	if (c[0] < 0xc2 || c[0] >= 0xf5 || n > left)
		return 0;
	*code = c[0] & (0x7fu >> n);
	for (uint32_t i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (c[i] & 0x3f);
	}
	return n;
}

static const struct {
	uint32_t first, last, width;
} widths[] = {
	{ 0x80, 0x9f, 0 },      { 0x300, 0x36f, 0 },    { 0x200b, 0x200f, 0 },    { 0x2028, 0x202e, 0 },
	{ 0x1100, 0x115f, 2 },  { 0x2e80, 0xa4cf, 2 },  { 0xac00, 0xd7a3, 2 },    { 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },  { 0xfe30, 0xfe6f, 2 },  { 0xff00, 0xff60, 2 },    { 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
};

static struct glyph glyph_at(const char *p, size_t left)
{
	uint32_t code = 0, n;

	if ((unsigned char)*p < 0x80)
		return (struct glyph){ 1, 1, (unsigned char)*p >= ' ' && *p != 0x7f };
	n = decode(p, left, &code);
	if (!n)
		return (struct glyph){ 1, 1, false };
	for (size_t i = 0; i < base_count(widths); i++)
		if (code >= widths[i].first && code <= widths[i].last)
			return (struct glyph){ n, widths[i].width ? widths[i].width : 1, widths[i].width > 0 };
	return (struct glyph){ n, 1, true };
}

/* Text without what steers a terminal; line ends and tabs stay. */
static void put_text(FILE *to, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		struct glyph g = glyph_at(p + i, n - i);

		if (g.is_plain || p[i] == '\t' || p[i] == '\n')
			fwrite(p + i, 1, g.bytes, to);
		else
			fputc('?', to);
		i += g.bytes;
	}
}

static uint32_t width_of(const char *p, size_t n)
{
	uint32_t width = 0;

	for (size_t i = 0; i < n;) {
		struct glyph g = glyph_at(p + i, n - i);

		width += g.width;
		i += g.bytes;
	}
	return width;
}

/* The bytes of p that fit into `width`. */
static size_t fitting(const char *p, size_t n, uint32_t width)
{
	size_t i = 0;

	for (uint32_t used = 0; i < n;) {
		struct glyph g = glyph_at(p + i, n - i);

		used += g.width;
		if (used > width)
			break;
		i += g.bytes;
	}
	return i;
}

/* ---- one line ----------------------------------------------------------------------- */

/* Bytes of a line to be shown, and of those to be marked. */
struct window {
	const char *text;
	size_t length, first, end; /* shown: first to end */
	size_t mark, mark_end;
};

static void window_choose(struct window *w)
{
	uint32_t before = width_of(w->text, w->mark);

	w->end = w->length;
	if (width_of(w->text, w->length) <= LINE_WIDTH)
		return;
	if (before > LINE_WIDTH - LEAD_WIDTH)
		w->first = fitting(w->text, w->length, before - LEAD_WIDTH);
	w->end = w->first + fitting(w->text + w->first, w->length - w->first, LINE_WIDTH);
	w->mark_end = base_min(w->mark_end, base_max(w->end, w->mark));
}

static void put_padding(FILE *to, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		struct glyph g = glyph_at(p + i, n - i);

		if (p[i] == '\t')
			fputc('\t', to);
		else
			fprintf(to, "%*s", (int)g.width, "");
		i += g.bytes;
	}
}

static void render_line(struct window *w, uint32_t line, FILE *to, const char *on, const char *off)
{
	uint32_t marks;

	window_choose(w);
	fprintf(to, "%5u | %s", line, w->first ? "..." : "");
	put_text(to, w->text + w->first, w->end - w->first);
	fprintf(to, "%s\n      | %s", w->end < w->length ? "..." : "", w->first ? "   " : "");
	put_padding(to, w->text + w->first, w->mark - w->first);
	fputs(on, to);
	marks = base_max(width_of(w->text + w->mark, w->mark_end - w->mark), 1u);
	for (uint32_t i = 0; i < marks; i++)
		fputc('^', to);
	fprintf(to, "%s\n", off);
}

/* ---- the text of a span --------------------------------------------------------------- */

static struct window window_of(const struct source *s, uint32_t line)
{
	const char *start = s->text + s->lines[line - 1];
	size_t left = s->length - s->lines[line - 1];
	const char *end = memchr(start, '\n', left);

	return (struct window){ .text = start, .length = end ? (size_t)(end - start) : left };
}

static size_t blanks_of(const struct window *w)
{
	size_t n = 0;

	while (n < w->length && (w->text[n] == ' ' || w->text[n] == '\t'))
		n++;
	return n;
}

/* The first line to its end and the last one to the span's: what is in between is told by dots. */
static void render_span(const struct source_set *set, const struct source *s, struct span at, FILE *to,
			const char *on, const char *off)
{
	struct span last = { .source = at.source,
			     .offset = at.offset + base_max(at.length, 1u) - 1 };
	uint32_t line, column, last_line, last_column;
	const char *name;
	struct window w;

	source_position(set, at, &name, &line, &column);
	source_position(set, last, &name, &last_line, &last_column);
	w = window_of(s, line);
	w.mark = base_min((size_t)column - 1, w.length);
	w.mark_end = last_line == line ? base_min((size_t)last_column, w.length) : w.length;
	w.mark_end = base_max(w.mark_end, w.mark);
	render_line(&w, line, to, on, off);
	if (last_line == line || last_column > window_of(s, last_line).length + 1)
		return;
	if (last_line > line + 1)
		fputs("  ... |\n", to);
	w = window_of(s, last_line);
	w.mark = base_min(blanks_of(&w), (size_t)last_column - 1);
	w.mark_end = base_min((size_t)last_column, w.length);
	w.mark_end = base_max(w.mark_end, w.mark);
	render_line(&w, last_line, to, on, off);
}

static void render_place(const struct source_set *set, struct span at, FILE *to, const char *tag, const char *on,
			 const char *off)
{
	const struct source *s = source_get(set, at.source);
	const char *name;
	uint32_t line, column;

	if (s) {
		source_position(set, at, &name, &line, &column);
		fprintf(to, " at %s:%u:%u", name, line, column);
	}
	if (tag)
		fprintf(to, " [%s]", tag);
	fputc('\n', to);
	if (s)
		render_span(set, s, at, to, on, off);
}

/* From the innermost macro outwards. */
static void render_expansions(const struct source_set *set, struct span at, FILE *to, const char *on, const char *off)
{
	const struct source_expansion *e = source_expansion(set, at.expansion);

	for (unsigned n = 0; e; e = source_expansion(set, e->span.expansion)) {
		if (++n > EXPANSIONS_SHOWN) {
			fputs("  note: in expansion of further macros\n", to);
			return;
		}
		fprintf(to, "  note: in expansion of macro '%s'", e->name);
		render_place(set, e->span, to, NULL, on, off);
	}
}

void diag_render_one(const struct diag *d, const struct source_set *set, FILE *to, bool colour)
{
	const struct diag_info *info = &diag_infos[d->tag];
	const char *off = colour ? "\33[0m" : "", *on = "";

	if (colour)
		on = info->severity == DIAG_ERROR ? "\33[1;31m" : "\33[1;33m";
	fprintf(to, "%s%s:%s ", on, info->head, off);
	put_text(to, d->text, strlen(d->text));
	render_place(set, d->span, to, info->name, on, off);
	render_expansions(set, d->span, to, on, off);
	for (const struct diag_note *n = d->notes; n; n = n->next) {
		fputs("  note: ", to);
		put_text(to, n->text, strlen(n->text));
		render_place(set, n->span, to, NULL, on, off);
	}
}
