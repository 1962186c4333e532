/* SPDX-License-Identifier: Apache-2.0 */
/* Charts: lines over time, bars, and heat maps. As SVG, or as text of the terminal's width. */
#include "cmd/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1000u
#define HEIGHT 420u
#define LEFT 80u
#define RIGHT 20u
#define TOP 44u
#define BOTTOM 40u
#define PLANE_WIDTH (WIDTH - LEFT - RIGHT)
#define PLANE_HEIGHT (HEIGHT - TOP - BOTTOM)
#define TEXT_COLUMNS 72u
#define TEXT_ROWS 16u
#define MARKS 8u
#define TIMES 100u /* of a heat map */
#define POWERS 64u

static const char *const colours[] = { "#c0392b", "#2471a3", "#1e8449", "#b9770e", "#7d3c98", "#117a65", "#5d6d7e", "#a04000" };

struct range {
	double low, high;
};

static void widen(struct range *r, double v)
{
	if (isnan(v))
		return;
	r->low = base_min(r->low, v);
	r->high = base_max(r->high, v);
}

static struct range range_of(const struct plot_table *t, uint32_t first, uint32_t end, bool from_zero)
{
	struct range r = { INFINITY, -INFINITY };

	vec_each(row, &t->rows)
		for (uint32_t i = first; i < end; i++)
			widen(&r, row->cells[i]);
	if (from_zero)
		widen(&r, 0);
	if (!(r.low < r.high))
		r = (struct range){ isfinite(r.low) ? r.low : 0, (isfinite(r.low) ? r.low : 0) + 1 };
	return r;
}

static double share(const struct range *r, double v)
{
	return (v - r->low) / (r->high - r->low);
}

static double x_of(const struct range *r, double v)
{
	return LEFT + share(r, v) * PLANE_WIDTH;
}

static double y_of(const struct range *r, double v)
{
	return TOP + (1 - share(r, v)) * PLANE_HEIGHT;
}

static void axes(FILE *to, const struct range *x, const struct range *y)
{
	double step = plot_step(x->low, x->high, MARKS);

	for (double v = ceil(x->low / step) * step; v <= x->high + step / 1000; v += step)
		fprintf(to, "<line class=\"a\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%u\"/><text x=\"%.1f\" y=\"%u\" text-anchor=\"middle\">%g</text>\n",
			x_of(x, v), x_of(x, v), TOP, HEIGHT - BOTTOM, x_of(x, v), HEIGHT - BOTTOM + 16, fabs(v) < step / 1000 ? 0 : v);
	step = plot_step(y->low, y->high, MARKS);
	for (double v = ceil(y->low / step) * step; v <= y->high + step / 1000; v += step)
		fprintf(to, "<line class=\"a\" x1=\"%u\" x2=\"%u\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%u\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
			LEFT, WIDTH - RIGHT, y_of(y, v), y_of(y, v), LEFT - 6, y_of(y, v) + 4, fabs(v) < step / 1000 ? 0 : v);
}

/* ---- lines ------------------------------------------------------------------------------------- */

static void line_svg(const struct plot_table *t, FILE *to, const char *title)
{
	struct range x = range_of(t, 0, base_min(t->n_columns, 1u), false), y = range_of(t, 1, t->n_columns, true);

	plot_svg_begin(to, WIDTH, HEIGHT, title);
	axes(to, &x, &y);
	for (uint32_t i = 1; i < t->n_columns; i++) {
		const char *colour = colours[(i - 1) % base_count(colours)];

		fprintf(to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
		vec_each(row, &t->rows)
			if (!isnan(row->cells[i]) && !isnan(row->cells[0]))
				fprintf(to, "%.1f,%.1f ", x_of(&x, row->cells[0]), y_of(&y, row->cells[i]));
		fprintf(to, "\"/>\n<text x=\"%u\" y=\"%u\" style=\"fill:%s\">", LEFT + 10, TOP + 14 * i, colour);
		plot_text(to, t->names[i], strlen(t->names[i]));
		fputs("</text>\n", to);
	}
	fputs("</svg>\n", to);
}

/* One column of characters per piece of time: its mean, in eighths of a row. */
static void line_text(const struct plot_table *t, FILE *to, uint32_t column)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	struct range x = range_of(t, 0, base_min(t->n_columns, 1u), false), y = range_of(t, column, column + 1, true);
	double sums[TEXT_COLUMNS] = { 0 };
	uint32_t counts[TEXT_COLUMNS] = { 0 };

	vec_each(row, &t->rows) {
		double at = share(&x, row->cells[0]) * TEXT_COLUMNS;
		uint32_t i = at >= TEXT_COLUMNS ? TEXT_COLUMNS - 1 : (uint32_t)base_max(at, 0.0);

		if (isnan(row->cells[0]) || isnan(row->cells[column]))
			continue;
		sums[i] += row->cells[column];
		counts[i]++;
	}
	fprintf(to, "%s\n", t->names[column]);
	for (uint32_t r = TEXT_ROWS; r-- > 0;) {
		if (r == TEXT_ROWS - 1 || r == 0)
			fprintf(to, "%10.6g |", r ? y.high : y.low);
		else
			fprintf(to, "%10s |", "");
		for (uint32_t i = 0; i < TEXT_COLUMNS; i++) {
			double level = counts[i] ? share(&y, sums[i] / counts[i]) * TEXT_ROWS * 8 - r * 8 : 0;

			fputs(blocks[level <= 0 ? 0 : level >= 8 ? 8 : (int)ceil(level)], to);
		}
		fputc('\n', to);
	}
	fprintf(to, "%11s %-10.6g%*.6g\n", "", x.low, (int)TEXT_COLUMNS - 10, x.high);
}

bool plot_line(const struct plot_table *t, FILE *to, bool svg, const char *title)
{
	if (t->n_columns < 2) {
		fputs("ERROR: lines need two columns: time and value\n", stderr);
		return false;
	}
	if (svg)
		line_svg(t, to, title);
	else
		for (uint32_t i = 1; i < t->n_columns; i++)
			line_text(t, to, i);
	return true;
}

/* ---- bars --------------------------------------------------------------------------------------- */

#define BAR 18u
#define LABELS 200u

static void bars_svg(const struct plot_table *t, FILE *to, const char *title, const struct range *r)
{
	plot_svg_begin(to, WIDTH, TOP + t->rows.n * BAR + 20, title);
	for (uint32_t i = 0; i < t->rows.n; i++) {
		const struct plot_row *row = &t->rows.p[i];
		double w = isnan(row->cells[1]) ? 0 : share(r, row->cells[1]) * (WIDTH - LABELS - 100);

		fprintf(to, "<text x=\"%u\" y=\"%u\" text-anchor=\"end\">", LABELS - 6, TOP + i * BAR + 12);
		plot_text(to, row->label, base_min(strlen(row->label), (size_t)28));
		fprintf(to, "</text><rect x=\"%u\" y=\"%u\" width=\"%.1f\" height=\"%u\" fill=\"%s\"/><text x=\"%.1f\" y=\"%u\">%g</text>\n",
			LABELS, TOP + i * BAR, base_max(w, 0.0), BAR - 3, colours[1], LABELS + base_max(w, 0.0) + 6, TOP + i * BAR + 12,
			isnan(row->cells[1]) ? 0 : row->cells[1]);
	}
	fputs("</svg>\n", to);
}

bool plot_bars(const struct plot_table *t, FILE *to, bool svg, const char *title)
{
	struct range r = range_of(t, base_min(1u, t->n_columns), base_min(2u, t->n_columns), true);

	if (t->n_columns < 2) {
		fputs("ERROR: bars need two columns: a label and a number\n", stderr);
		return false;
	}
	if (svg) {
		bars_svg(t, to, title, &r);
		return true;
	}
	vec_each(row, &t->rows) {
		double n = isnan(row->cells[1]) ? 0 : share(&r, row->cells[1]) * 50;

		fprintf(to, "%20.20s |", row->label);
		for (int i = 0; i < (int)(n + 0.5); i++)
			fputc('@', to);
		fprintf(to, " %g\n", isnan(row->cells[1]) ? 0 : row->cells[1]);
	}
	return true;
}

/* ---- heat maps ------------------------------------------------------------------------------------ */

struct heat {
	double count[TIMES][POWERS];
	double most;
	uint32_t low, high; /* powers that occur */
	uint32_t times;
	struct range x;
};

static uint32_t power_of(double v)
{
	int p = v < 1 ? 0 : (int)floor(log2(v)) + 1;

	return (uint32_t)(p < (int)POWERS ? p : (int)POWERS - 1);
}

static void heat_fill(const struct plot_table *t, struct heat *h)
{
	h->x = range_of(t, 0, base_min(t->n_columns, 1u), false);
	h->low = POWERS - 1;
	vec_each(row, &t->rows) {
		double at = share(&h->x, row->cells[0]) * h->times;
		uint32_t i = at >= h->times ? h->times - 1 : (uint32_t)base_max(at, 0.0), p;
		double n = t->n_columns > 2 ? row->cells[2] : 1;

		if (isnan(row->cells[0]) || isnan(row->cells[1]) || isnan(n) || n <= 0)
			continue;
		p = power_of(row->cells[1]);
		h->count[i][p] += n;
		h->most = base_max(h->most, h->count[i][p]);
		h->low = base_min(h->low, p);
		h->high = base_max(h->high, p);
	}
	h->low = base_min(h->low, h->high);
}

/* Few of many must be seen: by the logarithm. */
static double heat_at(const struct heat *h, uint32_t i, uint32_t p)
{
	return h->count[i][p] > 0 ? 0.15 + 0.85 * log1p(h->count[i][p]) / log1p(h->most) : 0;
}

static void heat_svg(const struct heat *h, FILE *to, const char *title)
{
	uint32_t rows = h->high - h->low + 1;
	double cell_width = (double)PLANE_WIDTH / h->times, cell_height = (double)PLANE_HEIGHT / rows;
	double step = plot_step(h->x.low, h->x.high, MARKS);

	plot_svg_begin(to, WIDTH, HEIGHT, title);
	for (uint32_t i = 0; i < h->times; i++)
		for (uint32_t p = h->low; p <= h->high; p++) {
			if (h->count[i][p] <= 0)
				continue;
			fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.2f\" fill=\"#b2182b\" fill-opacity=\"%.2f\"><title>%g: %.0f</title></rect>\n",
				LEFT + i * cell_width, TOP + (h->high - p) * cell_height, cell_width, cell_height, heat_at(h, i, p),
				p ? pow(2, p - 1) : 0, h->count[i][p]);
		}
	for (uint32_t p = h->low; p <= h->high; p++)
		fprintf(to, "<text x=\"%u\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 6, TOP + (h->high - p + 1) * cell_height,
			p ? pow(2, p - 1) : 0);
	for (double v = ceil(h->x.low / step) * step; v <= h->x.high; v += step)
		fprintf(to, "<text x=\"%.1f\" y=\"%u\" text-anchor=\"middle\">%g</text>\n", x_of(&h->x, v), HEIGHT - BOTTOM + 16, v);
	fputs("</svg>\n", to);
}

static void heat_text(const struct heat *h, FILE *to)
{
	static const char *const shades[] = { " ", "░", "▒", "▓", "█" };

	for (uint32_t p = h->high + 1; p-- > h->low;) {
		fprintf(to, "%10.10g |", p ? pow(2, p - 1) : 0);
		for (uint32_t i = 0; i < h->times; i++)
			fputs(shades[(int)ceil(heat_at(h, i, p) * 4)], to);
		fputc('\n', to);
	}
	fprintf(to, "%11s %-10.6g%*.6g\n", "", h->x.low, (int)h->times - 10, h->x.high);
}

bool plot_heat(const struct plot_table *t, FILE *to, bool svg, const char *title)
{
	static struct heat h;

	h = (struct heat){ .times = svg ? TIMES : TEXT_COLUMNS };
	if (t->n_columns < 2) {
		fputs("ERROR: a heat map needs two columns: time and value\n", stderr);
		return false;
	}
	heat_fill(t, &h);
	if (svg)
		heat_svg(&h, to, title);
	else
		heat_text(&h, to);
	return true;
}
