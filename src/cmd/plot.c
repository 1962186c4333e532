/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of numbers, what pictures have in common, and the filter. */
#include "cmd/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 64u

/* ---- XML ---------------------------------------------------------------------------------------- */

void plot_text(FILE *to, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '<')
			fputs("&lt;", to);
		else if (c == '>')
			fputs("&gt;", to);
		else if (c == '&')
			fputs("&amp;", to);
		else if (c == '"')
			fputs("&quot;", to);
		else if (c < 0x20 || c >= 0x7f)
			fputc('?', to); /* names of code are in ASCII; bytes that are no UTF-8 would break the file */
		else
			fputc(c, to);
	}
}

void plot_svg_begin(FILE *to, uint32_t width, uint32_t height, const char *title)
{
	fprintf(to,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\">\n"
		"<style>text{font:11px monospace;fill:#111}.h{font:bold 15px sans-serif}.b{cursor:pointer;fill:#558}"
		".f{cursor:pointer}.f:hover rect{stroke:#000}.a{stroke:#ccc}.f text{pointer-events:none}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfdf6\"/>\n<text class=\"h\" x=\"%u\" y=\"24\" text-anchor=\"middle\">",
		width, height, width, height, width / 2);
	plot_text(to, title, strlen(title));
	fputs("</text>\n", to);
}

double plot_step(double low, double high, uint32_t n)
{
	double rough = (high - low) / base_max(n, 1u), power = pow(10, floor(log10(base_max(rough, 1e-300))));
	double part = rough / power;

	return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* ---- tables --------------------------------------------------------------------------------------- */

struct words {
	const char *p[WORDS_MOST];
	uint32_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == ';';
}

static void split(struct arena *a, const char *line, size_t n, struct words *out)
{
	size_t at = 0;

	out->n = 0;
	while (at < n && out->n < WORDS_MOST) {
		size_t start;

		while (at < n && is_space(line[at]))
			at++;
		start = at;
		while (at < n && !is_space(line[at]))
			at++;
		if (at > start)
			out->p[out->n++] = arena_strndup(a, line + start, at - start);
	}
}

static double number_of(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	return *end || end == text || !isfinite(v) ? NAN : v;
}

static void name_columns(struct arena *a, struct plot_table *t, const struct words *w, bool named)
{
	t->n_columns = w->n;
	t->names = arena_array(a, const char *, w->n);
	for (uint32_t i = 0; i < w->n; i++)
		t->names[i] = named ? w->p[i] : "";
}

void plot_table_read(struct arena *a, const char *text, struct plot_table *out)
{
	*out = (struct plot_table){ 0 };
	while (*text) {
		size_t n = strcspn(text, "\n");
		struct plot_row row;
		struct words w;
		bool head;

		split(a, text, n, &w);
		text += n + (text[n] == '\n');
		if (!w.n)
			continue;
		head = !out->n_columns && w.n > 1 && isnan(number_of(w.p[1]));
		if (!out->n_columns)
			name_columns(a, out, &w, head);
		if (head)
			continue;
		row = (struct plot_row){ w.p[0], arena_array(a, double, out->n_columns) };
		for (uint32_t i = 0; i < out->n_columns; i++)
			row.cells[i] = i < w.n ? number_of(w.p[i]) : NAN;
		vec_push(a, &out->rows, row);
	}
}

/* ---- the filter -------------------------------------------------------------------------------------- */

static const char *read_all(struct arena *a, FILE *in)
{
	char bytes[65536];
	struct buf b;
	size_t n;

	buf_init(&b, a);
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		buf_add(&b, bytes, n);
	return buf_str(&b);
}

static bool filter_flame(struct arena *a, const char *text, FILE *to)
{
	struct plot_flame *f = plot_flame_create(a, "Flame graph");

	plot_flame_read(f, text);
	plot_flame_write(f, to);
	return true;
}

bool plot_filter(struct arena *a, const char *kind, FILE *in, FILE *to, bool svg)
{
	static const struct {
		const char *name, *title;
		bool (*draw)(const struct plot_table *t, FILE *to, bool svg, const char *title);
	} kinds[] = { { "line", "Over time", plot_line }, { "bars", "Distribution", plot_bars }, { "heat", "Values over time", plot_heat } };
	const char *text;
	struct plot_table t;

	if (strcmp(kind, "flame") == 0)
		return filter_flame(a, read_all(a, in), to);
	for (size_t i = 0; i < base_count(kinds); i++) {
		if (strcmp(kind, kinds[i].name) != 0)
			continue;
		text = read_all(a, in);
		plot_table_read(a, text, &t);
		return kinds[i].draw(&t, to, svg, kinds[i].title);
	}
	fprintf(stderr, "ERROR: no picture is called '%s' (flame, line, bars, heat)\n", kind);
	return false;
}
