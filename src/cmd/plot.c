/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of numbers, what pictures have in common, and the filter. */
#include "cmd/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 64u
#define BEYOND 1e290 /* numbers from there on, with which one cannot even subtract, count as none */

/* ---- XML ---------------------------------------------------------------------------------------- */

/* Bytes of the character beyond ASCII that begins there; 0: it is none that XML allows. */
static size_t wide_character(const unsigned char *p, size_t n)
{
	size_t size = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (!size || size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, a surrogate, beyond the last one; U+FFFE and U+FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] >= 0x90) || (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
		return 0;
	return size;
}

void plot_text(FILE *to, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		size_t wide = c >= 0x80 ? wide_character((const unsigned char *)text + i, n - i) : 0;

		if (wide) {
			fwrite(text + i, 1, wide, to);
			i += wide - 1;
		} else if (c == '<')
			fputs("&lt;", to);
		else if (c == '>')
			fputs("&gt;", to);
		else if (c == '&')
			fputs("&amp;", to);
		else if (c == '"')
			fputs("&quot;", to);
		else if (c < 0x20 || c >= 0x7f)
			fputc('?', to); /* would break the file */
		else
			fputc(c, to);
	}
}

/* a: lines of axes; b: buttons; f: frames; g: ground; h: heading; c, v: cells and bars; s0 ..: series. */
static const char style[] =
	"<style>text{font:11px monospace;fill:#111}.h{font:bold 15px sans-serif}.b{cursor:pointer;fill:#558}.g{fill:#fdfdf6}"
	".f{cursor:pointer}.f:hover rect{stroke:#000}.a{stroke:#ccc}.f text{pointer-events:none}.v{fill:#2471a3}.c{fill:#b2182b}"
	"polyline{fill:none;stroke-width:1.5}circle{fill:none;stroke-width:2.5}.s0{stroke:#c0392b}.s1{stroke:#2471a3}.s2{stroke:#1e8449}.s3{stroke:#b9770e}"
	".s4{stroke:#7d3c98}.s5{stroke:#117a65}.s6{stroke:#5d6d7e}.s7{stroke:#a04000}"
	"@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#9bf}.g{fill:#1b1b1f}.f text{fill:#111}.f:hover rect{stroke:#fff}"
	".a{stroke:#444}.v{fill:#5dade2}.c{fill:#ff7b6b}.s0{stroke:#ff7b6b}.s1{stroke:#5dade2}.s2{stroke:#58d68d}.s3{stroke:#f5b041}"
	".s4{stroke:#c39bd3}.s5{stroke:#48c9b0}.s6{stroke:#aeb6bf}.s7{stroke:#eb984e}}</style>\n";

void plot_svg_begin(FILE *to, uint32_t width, uint32_t height, const char *title)
{
	fprintf(to,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\">\n"
		"%s<rect class=\"g\" width=\"100%%\" height=\"100%%\"/>\n<text class=\"h\" x=\"%u\" y=\"24\" text-anchor=\"middle\">",
		width, height, width, height, style, width / 2);
	plot_text(to, title, strlen(title));
	fputs("</text>\n", to);
}

/* ---- scales ------------------------------------------------------------------------------------- */

#define GRAIN 4e-16 /* of a number: what is nearer to it may be the same */
#define ALIKE 1e-4 /* extent over size, below which all numbers begin alike */

/* A round number not below. */
static double round_up(double rough)
{
	double power = pow(10, floor(log10(rough))), part = rough / power;

	return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void choose_unit(struct plot_scale *s)
{
	static const char *const suffixes[] = { "M", "G", "T", "P", "E" };
	double most = base_max(fabs(s->low - s->base), fabs(s->high - s->base));
	uint32_t i = 0;

	s->unit = 1;
	s->suffix = "";
	s->decimals = -1;
	if (most < 1e-3 || most >= 1e21)
		return;
	if (most >= 1e6) {
		for (s->unit = 1e6; most >= s->unit * 1000; s->unit *= 1000)
			i++;
		s->suffix = suffixes[i];
	}
	s->decimals = (int)base_max(ceil(-log10(s->step / s->unit) - 1e-9), 0.0);
}

struct plot_scale plot_scale_of(double low, double high, uint32_t n)
{
	struct plot_scale s = { .low = low, .high = high };
	double most;

	if (!isfinite(low) || !isfinite(high))
		s.low = 0, s.high = 1;
	else if (!(low < high)) {
		double half = base_max(0.5, fabs(low) * 1e-13);

		s.low -= half;
		s.high += half;
	}
	most = base_max(fabs(s.low), fabs(s.high));
	s.step = round_up(base_max((s.high - s.low) / base_max(n, 1u), most * GRAIN));
	s.first = ceil(s.low / s.step) * s.step;
	s.n = 1 + (uint32_t)((s.high - s.first) / s.step + 1e-3);
	if (most >= 1e6 && s.high - s.low < most * ALIKE)
		s.base = floor(s.low / s.step) * s.step;
	choose_unit(&s);
	return s;
}

double plot_share(const struct plot_scale *s, double v)
{
	return (v - s->low) / (s->high - s->low);
}

void plot_mark(const struct plot_scale *s, uint32_t i, char out[PLOT_NUMBER])
{
	double shown = round((s->first + i * s->step - s->base) / s->step) * s->step / s->unit;
	const char *sign = s->base != 0 && shown >= 0 ? "+" : "";

	if (shown == 0)
		snprintf(out, PLOT_NUMBER, "%s0", sign);
	else if (s->decimals < 0)
		snprintf(out, PLOT_NUMBER, "%s%g", sign, shown);
	else
		snprintf(out, PLOT_NUMBER, "%s%.*f%s", sign, s->decimals, shown, s->suffix);
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

	return *end || end == text || !(fabs(v) < BEYOND) ? NAN : v;
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
