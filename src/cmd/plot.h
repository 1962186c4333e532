/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures: flame graphs of stacks, and charts of numbers, as SVG without anything from outside, or as text.
 *
 *	struct plot_flame *f = plot_flame_create(arena, "title");
 *	plot_flame_add(f, (const char *const[]){ "main", "work" }, 2, 7);
 *	plot_flame_write(f, stdout);
 */
#ifndef SPILE_CMD_PLOT_H
#define SPILE_CMD_PLOT_H

#include "base/base.h"

/* ---- flame graphs: each stack a column of frames, equal ones side by side ---------------------- */

struct plot_flame;
struct plot_flame *plot_flame_create(struct arena *a, const char *title);
/* A stack, the outermost frame first, that stands for so much. */
void plot_flame_add(struct plot_flame *f, const char *const *frames, uint32_t n, uint64_t value);
/* Stacks as text: "main;work 7" a line, or as printed by print_ubacktrace(), a line with a number in front. */
void plot_flame_read(struct plot_flame *f, const char *text);
void plot_flame_write(const struct plot_flame *f, FILE *to);
uint64_t plot_flame_total(const struct plot_flame *f);

/* ---- numbers ------------------------------------------------------------------------------------ */

/* Lines of numbers or words; the first line names the columns if its second word is no number. */
struct plot_table {
	const char **names; /* n_columns */
	uint32_t n_columns;
	VEC(struct plot_row) rows;
};
struct plot_row {
	const char *label; /* the first word */
	double *cells; /* n_columns; NAN: not there, or no number */
};
void plot_table_read(struct arena *a, const char *text, struct plot_table *out);

/* Columns over the first one. svg: else as text. All: false after a message. */
bool plot_line(const struct plot_table *t, FILE *to, bool svg, const char *title);
/* A bar for each row, of its second column. */
bool plot_bars(const struct plot_table *t, FILE *to, bool svg, const char *title);
/* How often values (second column) came over time (first column), third column: how often; values by powers of two. */
bool plot_heat(const struct plot_table *t, FILE *to, bool svg, const char *title);

/* UTF-8 with what XML reserves replaced; what is neither becomes a question mark. */
void plot_text(FILE *to, const char *text, size_t n);
/* The head of a picture: its size, title and style. */
void plot_svg_begin(FILE *to, uint32_t width, uint32_t height, const char *title);

/* What an axis shows, where its marks are, and how their numbers are written: as (v - base) / unit and a suffix. */
struct plot_scale {
	double low, high;
	double first, step; /* of the marks, n of them */
	uint32_t n;
	double base; /* 0, but where all numbers begin with the same digits */
	double unit;
	const char *suffix;
	int decimals; /* -1: as many as it takes */
};
/* About `n` marks, one at least. What has no extent (one point, none at all) gets some. */
struct plot_scale plot_scale_of(double low, double high, uint32_t n);
/* 0 at low, 1 at high. */
double plot_share(const struct plot_scale *s, double v);
#define PLOT_NUMBER 32
/* Of the mark i. */
void plot_mark(const struct plot_scale *s, uint32_t i, char out[PLOT_NUMBER]);

/* --plot=KIND: reads `in`, writes `to`. False after a message: no such kind. */
bool plot_filter(struct arena *a, const char *kind, FILE *in, FILE *to, bool svg);

#endif
