/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts: lines over time, bars, and heat maps. As SVG, or as text of the terminal's width.
 *
 * No two texts of a picture overlap, whatever the numbers are: room for labels is measured by their letters, marks are
 * as many as have room, and names of series stand below the plane.
 */
#include "cmd/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1000u
#define HEIGHT 420u
#define LEFT 80u
#define RIGHT 34u
#define TOP 44u
#define BOTTOM 44u
#define PLANE_WIDTH (WIDTH - LEFT - RIGHT)
#define PLANE_HEIGHT (HEIGHT - TOP - BOTTOM)
#define LETTER 6.7 /* width of one, pixels */
#define LINE 16u /* height of one, with the space between */
#define TEXT_COLUMNS 72u
#define TEXT_ROWS 16u
#define MARKS 8u
#define COLOURS 8u /* s0 .. s7 of the style */
#define TIMES 100u /* of a heat map */
#define POWERS 64u
#define POINTS_SHOWN 60u /* of a line: more are no longer seen one by one */
#define NAME_MOST 60u /* letters of a label */

static struct plot_scale scale_of(const struct plot_table *t, uint32_t first, uint32_t end, bool from_zero)
{
	double low = from_zero ? 0 : INFINITY, high = from_zero ? 0 : -INFINITY;

	vec_each(row, &t->rows)
		for (uint32_t i = first; i < end; i++)
			if (!isnan(row->cells[i])) {
				low = base_min(low, row->cells[i]);
				high = base_max(high, row->cells[i]);
			}
	if (from_zero && low == 0 && high == 0)
		high = 1;
	return plot_scale_of(low, high, MARKS);
}

static struct plot_scale times_of(const struct plot_table *t)
{
	return scale_of(t, 0, base_min(t->n_columns, 1u), false);
}

/* In whole numbers as far as they have room. */
static const char *short_number(double v, char out[PLOT_NUMBER])
{
	snprintf(out, PLOT_NUMBER, fabs(v) < 1e10 && v == floor(v) ? "%.0f" : "%.4g", v);
	return out;
}

/* Powers of two. */
static const char *power_text(uint32_t p, char out[PLOT_NUMBER])
{
	static const char *const units[] = { "", "", "Mi", "Gi", "Ti", "Pi", "Ei" };
	uint32_t e = p ? p - 1 : 0, unit = e < 20 ? 0 : e / 10;

	snprintf(out, PLOT_NUMBER, "%.0f%s", p ? ldexp(1, (int)(e - 10 * unit)) : 0, units[base_min(unit, 6u)]);
	return out;
}

/* At most NAME_MOST letters, the whole where the pointer rests. */
static void name_text(FILE *to, const char *name)
{
	size_t n = strlen(name), shown = base_min(n, (size_t)NAME_MOST);

	while (shown < n && shown > NAME_MOST / 2 && ((unsigned char)name[shown] & 0xc0) == 0x80)
		shown--;
	plot_text(to, name, shown);
	if (shown == n)
		return;
	fputs("…<title>", to);
	plot_text(to, name, n);
	fputs("</title>", to);
}

static double name_width(const char *name)
{
	return LETTER * (double)base_min(strlen(name), (size_t)NAME_MOST + 1);
}

/* ---- the plane ---------------------------------------------------------------------------------- */

static double x_of(const struct plot_scale *x, double v)
{
	return LEFT + plot_share(x, v) * PLANE_WIDTH;
}

static double y_of(const struct plot_scale *y, double v)
{
	return TOP + (1 - plot_share(y, v)) * PLANE_HEIGHT;
}

static void x_axis(FILE *to, const struct plot_scale *x)
{
	char text[PLOT_NUMBER];

	for (uint32_t i = 0; i < x->n; i++) {
		double v = x->first + i * x->step;

		plot_mark(x, i, text);
		fprintf(to, "<line class=\"a\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%u\"/><text x=\"%.1f\" y=\"%u\" text-anchor=\"middle\">%s</text>\n",
			x_of(x, v), x_of(x, v), TOP, HEIGHT - BOTTOM, x_of(x, v), HEIGHT - BOTTOM + LINE, text);
	}
	if (x->base != 0)
		fprintf(to, "<text x=\"%u\" y=\"%u\">from %.0f</text>\n", LEFT, HEIGHT - BOTTOM + 2 * LINE, x->base);
}

static void y_axis(FILE *to, const struct plot_scale *y)
{
	char text[PLOT_NUMBER];

	for (uint32_t i = 0; i < y->n; i++) {
		double v = y->first + i * y->step;

		plot_mark(y, i, text);
		fprintf(to, "<line class=\"a\" x1=\"%u\" x2=\"%u\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%u\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT, WIDTH - RIGHT, y_of(y, v), y_of(y, v), LEFT - 6, y_of(y, v) + 4, text);
	}
}

/* ---- lines ------------------------------------------------------------------------------------- */

/* Colours come again with dashes. */
static void stroke(FILE *to, uint32_t series)
{
	fprintf(to, " class=\"s%u\"", series % COLOURS);
	if (series / COLOURS)
		fprintf(to, " stroke-dasharray=\"%u 3\"", 12 / (series / COLOURS) + 1);
}

#define SAMPLE 20u /* of a line beside its name */

/* Names below the plane, as many to a line as it holds; to NULL: nothing is written. Lines taken. */
static uint32_t legend(const struct plot_table *t, FILE *to)
{
	double x = LEFT;
	uint32_t line = 0;

	for (uint32_t i = 1; i < t->n_columns; i++) {
		double width = SAMPLE + 6 + name_width(t->names[i]);

		if (!*t->names[i])
			continue;
		if (!line || x + width > WIDTH - RIGHT) {
			x = LEFT;
			line++;
		}
		if (to) {
			uint32_t y = HEIGHT + line * LINE - 10;

			fputs("<line", to);
			stroke(to, i - 1);
			fprintf(to, " stroke-width=\"2\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%u\"/><text x=\"%.1f\" y=\"%u\">", x, x + SAMPLE,
				y - 4, y - 4, x + SAMPLE + 6, y);
			name_text(to, t->names[i]);
			fputs("</text>\n", to);
		}
		x += width + SAMPLE;
	}
	return line;
}

static bool has_point(const struct plot_row *row, uint32_t column)
{
	return !isnan(row->cells[column]) && !isnan(row->cells[0]);
}

static void series_svg(const struct plot_table *t, FILE *to, uint32_t column, const struct plot_scale *x, const struct plot_scale *y)
{
	uint32_t n = 0;

	fputs("<polyline", to);
	stroke(to, column - 1);
	fputs(" points=\"", to);
	vec_each(row, &t->rows)
		if (has_point(row, column)) {
			fprintf(to, "%.1f,%.1f ", x_of(x, row->cells[0]), y_of(y, row->cells[column]));
			n++;
		}
	fputs("\"/>\n", to);
	vec_each(row, &t->rows)
		if (n <= POINTS_SHOWN && has_point(row, column))
			fprintf(to, "<circle class=\"s%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"1.3\"><title>%.15g: %.15g</title></circle>\n",
				(column - 1) % COLOURS, x_of(x, row->cells[0]), y_of(y, row->cells[column]), row->cells[0], row->cells[column]);
}

static void line_svg(const struct plot_table *t, FILE *to, const char *title)
{
	struct plot_scale x = times_of(t), y = scale_of(t, 1, t->n_columns, true);

	plot_svg_begin(to, WIDTH, HEIGHT + legend(t, NULL) * LINE, title);
	x_axis(to, &x);
	y_axis(to, &y);
	for (uint32_t i = 1; i < t->n_columns; i++)
		series_svg(t, to, i, &x, &y);
	legend(t, to);
	fputs("</svg>\n", to);
}

/* Both ends of the axis of times. */
static void ends_text(FILE *to, const struct plot_scale *x, uint32_t columns)
{
	char low[PLOT_NUMBER], high[PLOT_NUMBER];

	snprintf(low, sizeof low, "%.15g", x->low);
	snprintf(high, sizeof high, "%.15g", x->high);
	fprintf(to, "%11s %s%*s\n", "", low, (int)columns - (int)strlen(low), high);
}

/* Pieces of time. */
static uint32_t piece_of(const struct plot_scale *x, double v, uint32_t n)
{
	double at = plot_share(x, v) * n;

	return at >= n ? n - 1 : (uint32_t)base_max(at, 0.0);
}

/* One column of characters per piece of time: its mean, in eighths of a row. */
static void line_text(const struct plot_table *t, FILE *to, uint32_t column)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	struct plot_scale x = times_of(t), y = scale_of(t, column, column + 1, true);
	double sums[TEXT_COLUMNS] = { 0 };
	uint32_t counts[TEXT_COLUMNS] = { 0 };
	char number[PLOT_NUMBER];

	vec_each(row, &t->rows)
		if (has_point(row, column)) {
			uint32_t i = piece_of(&x, row->cells[0], TEXT_COLUMNS);

			sums[i] += row->cells[column];
			counts[i]++;
		}
	fprintf(to, "%s\n", t->names[column]);
	for (uint32_t r = TEXT_ROWS; r-- > 0;) {
		fprintf(to, "%10s |", r == TEXT_ROWS - 1 || r == 0 ? short_number(r ? y.high : y.low, number) : "");
		for (uint32_t i = 0; i < TEXT_COLUMNS; i++) {
			double level = counts[i] ? plot_share(&y, sums[i] / counts[i]) * TEXT_ROWS * 8 - r * 8 : 0;

			fputs(blocks[level <= 0 ? 0 : level >= 8 ? 8 : (int)ceil(level)], to);
		}
		fputc('\n', to);
	}
	ends_text(to, &x, TEXT_COLUMNS);
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
#define NUMBER_ROOM 120u /* behind a bar */

static double value_of(const struct plot_row *row)
{
	return isnan(row->cells[1]) ? 0 : row->cells[1];
}

/* To the left or right of where nothing would end. */
static void bar_svg(FILE *to, const struct plot_row *row, uint32_t y, double left, const struct plot_scale *s)
{
	double room = WIDTH - NUMBER_ROOM - left, zero = left + plot_share(s, 0) * room, end = left + plot_share(s, value_of(row)) * room;

	fprintf(to, "<text x=\"%.1f\" y=\"%u\" text-anchor=\"end\">", left - 6, y + 12);
	name_text(to, row->label);
	fprintf(to, "</text><rect class=\"v\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%u\"/><text x=\"%.1f\" y=\"%u\">%.15g</text>\n",
		base_min(zero, end), y, fabs(end - zero), BAR - 3, base_max(zero, end) + 6, y + 12, value_of(row));
}

static void bars_svg(const struct plot_table *t, FILE *to, const char *title, const struct plot_scale *s)
{
	double left = LEFT;

	vec_each(row, &t->rows)
		left = base_max(left, name_width(row->label) + 16);
	plot_svg_begin(to, WIDTH, TOP + t->rows.n * BAR + 20, title);
	for (uint32_t i = 0; i < t->rows.n; i++)
		bar_svg(to, &t->rows.p[i], TOP + i * BAR, left, s);
	fputs("</svg>\n", to);
}

static void bar_text(FILE *to, const struct plot_row *row, const struct plot_scale *s)
{
	int zero = (int)(plot_share(s, 0) * 50 + 0.5), end = (int)(plot_share(s, value_of(row)) * 50 + 0.5);

	fprintf(to, "%20.20s |", row->label);
	for (int i = 0; i < base_max(zero, end); i++)
		fputc(i < base_min(zero, end) ? ' ' : '@', to);
	fprintf(to, " %.15g\n", value_of(row));
}

bool plot_bars(const struct plot_table *t, FILE *to, bool svg, const char *title)
{
	struct plot_scale s = scale_of(t, base_min(1u, t->n_columns), base_min(2u, t->n_columns), true);

	if (t->n_columns < 2) {
		fputs("ERROR: bars need two columns: a label and a number\n", stderr);
		return false;
	}
	if (svg) {
		bars_svg(t, to, title, &s);
		return true;
	}
	vec_each(row, &t->rows)
		bar_text(to, row, &s);
	return true;
}

/* ---- heat maps ------------------------------------------------------------------------------------ */

struct heat {
	double count[TIMES][POWERS];
	double most;
	uint32_t low, high; /* powers that occur */
	uint32_t times;
	struct plot_scale x;
};

static uint32_t power_of(double v)
{
	int p = v < 1 ? 0 : (int)floor(log2(v)) + 1;

	return (uint32_t)(p < (int)POWERS ? p : (int)POWERS - 1);
}

static void heat_fill(const struct plot_table *t, struct heat *h)
{
	h->x = times_of(t);
	h->low = POWERS - 1;
	vec_each(row, &t->rows) {
		double n = t->n_columns > 2 ? row->cells[2] : 1;
		uint32_t i, p;

		if (!has_point(row, 1) || isnan(n) || n <= 0)
			continue;
		i = piece_of(&h->x, row->cells[0], h->times);
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

static void cells_svg(const struct heat *h, FILE *to, double width, double height)
{
	char power[PLOT_NUMBER];

	for (uint32_t i = 0; i < h->times; i++)
		for (uint32_t p = h->low; p <= h->high; p++)
			if (h->count[i][p] > 0)
				fprintf(to, "<rect class=\"c\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.2f\" fill-opacity=\"%.2f\"><title>%s: %.0f</title></rect>\n",
					LEFT + i * width, TOP + (h->high - p) * height, width, height, heat_at(h, i, p), power_text(p, power),
					h->count[i][p]);
}

static void heat_svg(const struct heat *h, FILE *to, const char *title)
{
	double height = (double)PLANE_HEIGHT / (h->high - h->low + 1);
	uint32_t every = (uint32_t)ceil(LINE / height);
	char power[PLOT_NUMBER];

	plot_svg_begin(to, WIDTH, HEIGHT, title);
	x_axis(to, &h->x);
	cells_svg(h, to, (double)PLANE_WIDTH / h->times, height);
	for (uint32_t p = h->low; p <= h->high + 1 && p < POWERS; p += every)
		fprintf(to, "<text x=\"%u\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 6, TOP + (h->high - p + 1) * height + 4,
			power_text(p, power));
	fputs("</svg>\n", to);
}

static void heat_text(const struct heat *h, FILE *to)
{
	static const char *const shades[] = { " ", "░", "▒", "▓", "█" };
	char power[PLOT_NUMBER];

	for (uint32_t p = h->high + 1; p-- > h->low;) {
		fprintf(to, "%10s |", power_text(p, power));
		for (uint32_t i = 0; i < h->times; i++)
			fputs(shades[(int)ceil(heat_at(h, i, p) * 4)], to);
		fputc('\n', to);
	}
	ends_text(to, &h->x, h->times);
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
