/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flame graphs.
 *
 * Stacks are merged into a tree of frames; a frame is as wide as the stacks that pass through it stand for.
 * Neighbours are in order of their names, so that equal pictures come from equal stacks.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flame_script.h"
#include "cmd/plot.h"

#define WIDTH 1200u
#define MARGIN 10u
#define ROW 17u
#define TOP 50u
#define BOTTOM 34u
#define LETTER 6.6 /* width */
#define LEAST_SHARE 0.0001 /* of the whole: narrower frames are left out */
#define DEPTH_MOST 400u

struct node {
	const char *name;
	uint64_t value;
	VEC(struct node *) children;
};

struct plot_flame {
	struct arena *arena;
	const char *title;
	struct intern *names;
	struct node *root;
};

struct plot_flame *plot_flame_create(struct arena *a, const char *title)
{
	struct plot_flame *f = arena_new(a, struct plot_flame);

	f->arena = a;
	f->title = title;
	f->names = intern_create(a);
	f->root = arena_new(a, struct node);
	f->root->name = "all";
	return f;
}

static struct node *child_of(struct plot_flame *f, struct node *n, const char *name)
{
	struct node *fresh;

	name = intern(f->names, name, strlen(name));
	vec_each(c, &n->children)
		if ((*c)->name == name)
			return *c;
	fresh = arena_new(f->arena, struct node);
	fresh->name = name;
	vec_push(f->arena, &n->children, fresh);
	return fresh;
}

void plot_flame_add(struct plot_flame *f, const char *const *frames, uint32_t n, uint64_t value)
{
	struct node *at = f->root;

	at->value += value;
	for (uint32_t i = 0; i < n && i < DEPTH_MOST; i++) {
		at = child_of(f, at, frames[i]);
		at->value += value;
	}
}

uint64_t plot_flame_total(const struct plot_flame *f)
{
	return f->root->value;
}

/* ---- reading ---------------------------------------------------------------------------------- */

struct stack {
	VEC(const char *) frames; /* the innermost first */
	uint64_t value;
};

static void stack_end(struct plot_flame *f, struct stack *s)
{
	const char **order = arena_array(f->arena, const char *, s->frames.n);

	for (uint32_t i = 0; i < s->frames.n; i++)
		order[i] = s->frames.p[s->frames.n - 1 - i];
	if (s->frames.n)
		plot_flame_add(f, order, s->frames.n, s->value);
	s->frames.n = 0;
	s->value = 1;
}

/* " 0x1 : name+0x1/0x2 [path]", " name+0x1", "name+0x1 [file]": the name. NULL: no frame. */
static const char *frame_name(struct arena *a, const char *line, size_t n)
{
	const char *end = line + n, *p = line, *plus;

	while (p < end && *p == ' ')
		p++;
	if (end - p > 2 && p[0] == '0' && p[1] == 'x') {
		const char *colon = memmem(p, (size_t)(end - p), " : ", 3), *path = memchr(p, '[', (size_t)(end - p));

		if (!colon)
			return arena_strndup(a, path ? path : p, (size_t)(end - (path ? path : p)));
		p = colon + 3;
	} else if (p == line && !memmem(p, (size_t)(end - p), "+0x", 3)) {
		return NULL;
	}
	plus = memmem(p, (size_t)(end - p), "+0x", 3);
	if (!plus)
		plus = memmem(p, (size_t)(end - p), " at ", 4);
	return arena_strndup(a, p, (size_t)((plus ? plus : end) - p));
}

/* "main;work 7" */
static bool read_folded(struct plot_flame *f, const char *line, size_t n)
{
	VEC(const char *) frames = { 0 };
	size_t at = n, from = 0;

	while (at && isdigit((unsigned char)line[at - 1]))
		at--;
	if (at == n || at < 2 || line[at - 1] != ' ' || line[0] == ' ' || memmem(line, at, " : ", 3))
		return false;
	for (size_t i = 0; i < at; i++)
		if (line[i] == ';' || i == at - 1) {
			vec_push(f->arena, &frames, arena_strndup(f->arena, line + from, i - from));
			from = i + 1;
		}
	plot_flame_add(f, frames.p, frames.n, strtoull(line + at, NULL, 10));
	return true;
}

static bool read_number(const char *line, size_t n, uint64_t *out)
{
	size_t at = 0;

	while (at < n && isdigit((unsigned char)line[at]))
		at++;
	if (!at || (at < n && line[at] != ' '))
		return false;
	*out = strtoull(line, NULL, 10);
	return true;
}

void plot_flame_read(struct plot_flame *f, const char *text)
{
	struct stack s = { .value = 1 };

	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *name = NULL;
		uint64_t value;

		if (!n) {
			stack_end(f, &s);
		} else if (read_folded(f, text, n)) {
			stack_end(f, &s);
		} else if (read_number(text, n, &value)) {
			stack_end(f, &s);
			s.value = value;
		} else {
			name = frame_name(f->arena, text, n);
			if (name)
				vec_push(f->arena, &s.frames, name);
			else
				stack_end(f, &s);
		}
		text += n + (text[n] == '\n');
	}
	stack_end(f, &s);
}

/* ---- writing ------------------------------------------------------------------------------------ */

struct drawing {
	FILE *to;
	double total;
	uint32_t depth; /* of all */
};

static int compare_nodes(const void *a, const void *b)
{
	return strcmp((*(struct node *const *)a)->name, (*(struct node *const *)b)->name);
}

static uint32_t depth_of(const struct node *n, double total)
{
	uint32_t most = 0;

	vec_each(c, &n->children)
		if ((double)(*c)->value >= total * LEAST_SHARE)
			most = base_max(most, depth_of(*c, total));
	return most + 1;
}

/* Warm colours, the same for the same name. */
static void write_colour(FILE *to, const char *name)
{
	uint64_t h = base_hash(name, strlen(name));

	fprintf(to, "#%02x%02x%02x", 205 + (unsigned)(h % 50), 60 + (unsigned)(h / 50 % 150), (unsigned)(h / 7500 % 50));
}

static void write_frame(const struct drawing *d, const struct node *n, double from, uint32_t depth)
{
	double width = WIDTH - 2 * MARGIN, x = MARGIN + from / d->total * width, w = (double)n->value / d->total * width;
	uint32_t y = TOP + (d->depth - 1 - depth) * ROW;
	size_t length = strlen(n->name), room = w > 4 ? (size_t)((w - 4) / LETTER) : 0;

	fprintf(d->to, "<g class=\"f\" data-x=\"%.0f\" data-w=\"%" PRIu64 "\" data-d=\"%u\" data-n=\"", from, n->value, depth);
	plot_text(d->to, n->name, length);
	fprintf(d->to, "\"><title>");
	plot_text(d->to, n->name, length);
	fprintf(d->to, " (%" PRIu64 ", %.2f%%)</title><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%u\" rx=\"2\" fill=\"",
		n->value, 100 * (double)n->value / d->total, x, y, base_max(w - 0.4, 0.2), ROW - 1);
	write_colour(d->to, n->name);
	fputs("\" data-c=\"", d->to);
	write_colour(d->to, n->name);
	fprintf(d->to, "\"/><text x=\"%.2f\" y=\"%u\">", x + 3, y + 12);
	if (room >= 3 && length <= room)
		plot_text(d->to, n->name, length);
	else if (room >= 3) {
		plot_text(d->to, n->name, room - 2);
		fputs("..", d->to);
	}
	fputs("</text></g>\n", d->to);
}

static void write_tree(const struct drawing *d, struct node *n, double from, uint32_t depth)
{
	write_frame(d, n, from, depth);
	if (n->children.n)
		qsort(n->children.p, n->children.n, sizeof(struct node *), compare_nodes);
	vec_each(c, &n->children) {
		if ((double)(*c)->value >= d->total * LEAST_SHARE)
			write_tree(d, *c, from, depth + 1);
		from += (double)(*c)->value;
	}
}

void plot_flame_write(const struct plot_flame *f, FILE *to)
{
	struct drawing d = { .to = to, .total = base_max((double)f->root->value, 1.0) };

	d.depth = depth_of(f->root, d.total);
	plot_svg_begin(to, WIDTH, TOP + d.depth * ROW + BOTTOM, f->title);
	fprintf(to, "<script>//<![CDATA[\n%s//]]></script>\n", flame_script);
	fprintf(to, "<text id=\"search\" class=\"b\" x=\"%u\" y=\"24\" text-anchor=\"end\">Search</text>\n", WIDTH - MARGIN);
	fprintf(to, "<text id=\"back\" class=\"b\" x=\"%u\" y=\"24\" style=\"display:none\">Whole</text>\n", MARGIN);
	fprintf(to, "<text id=\"info\" x=\"%u\" y=\"%u\"></text>\n", MARGIN, TOP + d.depth * ROW + 20);
	fprintf(to, "<text id=\"shown\" x=\"%u\" y=\"%u\" text-anchor=\"end\"></text>\n", WIDTH - MARGIN,
		TOP + d.depth * ROW + 20);
	write_tree(&d, f->root, 0, 0);
	fputs("</svg>\n", to);
}
