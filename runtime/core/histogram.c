/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms as text, to the letter as SystemTap prints them:
 *
 *	value |-------------------------------------------------- count
 *	    0 |                                                   0
 *	    1 |@@                                                 2
 *	    2 |                                                   0
 *	      ~
 *	  >20 |@                                                  1
 *	(an empty line)
 *
 * Rows run from two below the first bucket in use to two above the last; a log
 * histogram without negative values starts at 0, empty underflow and overflow
 * rows are left out.  A row of zero is elided unless one of its `elision`
 * neighbours on either side counts something.  The value column is wide
 * enough for the number low + step * (last row), which is not printed.
 */
#include "runtime/core/formatter.h"
#include "runtime/core/stat.h"

#define MARGIN 2 /* zero rows around the used ones */
#define VALUE_LEAST 5 /* "value" */
#define CHUNK 512

struct chart {
	const struct abi_stat_desc *desc;
	const struct abi_stat *stat;
	int64_t kind, width, elision;
	uint32_t buckets, first, last; /* rows to show */
	uint32_t value_width, count_width;
	uint64_t scale; /* counted per @ */
	struct rt_writer w;
};

static uint64_t count_of(const struct chart *c, uint32_t bucket)
{
	return (uint64_t)c->stat->bucket[bucket];
}

static uint32_t number_width(int64_t v)
{
	char text[64];
	uint32_t n;

	rt_digits(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, text, &n);
	return n + (v < 0);
}

static void put_number(struct chart *c, int64_t v, uint64_t width)
{
	char text[64];
	uint32_t n, used = number_width(v);
	const char *digits = rt_digits(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, text, &n);

	rt_writer_fill(&c->w, ' ', width > used ? width - used : 0);
	if (v < 0)
		rt_writer_byte(&c->w, '-');
	rt_writer_put(&c->w, digits, n);
}

static bool is_under(const struct chart *c, uint32_t bucket)
{
	return c->kind == RT_HIST_LINEAR && bucket == 0;
}

static bool is_over(const struct chart *c, uint32_t bucket)
{
	return c->kind == RT_HIST_LINEAR && bucket == c->buckets - 1;
}

/* First and last row, and the largest count. */
static void find_rows(struct chart *c)
{
	uint64_t largest = 0;
	bool found = false;

	for (uint32_t i = 0; i < c->buckets; i++) {
		if (!count_of(c, i))
			continue;
		if (!found)
			c->first = i;
		found = true;
		c->last = i;
		if (count_of(c, i) > largest)
			largest = count_of(c, i);
	}
	for (uint32_t i = 0; i < MARGIN; i++) {
		if (c->first > 0 && !(c->kind == RT_HIST_LOG && c->first == RT_LOG_ZERO))
			c->first--;
		if (c->last < c->buckets - 1)
			c->last++;
	}
	if (is_under(c, c->first) && !count_of(c, c->first))
		c->first++;
	if (is_over(c, c->last) && !count_of(c, c->last))
		c->last--;
	c->scale = largest <= (uint64_t)c->width ? 1 : (largest - 1) / (uint64_t)c->width + 1;
	c->count_width = number_width((int64_t)largest);
}

static void find_widths(struct chart *c)
{
	const struct abi_stat_desc *d = c->desc;
	uint32_t low, high;

	if (c->kind == RT_HIST_LINEAR) {
		low = number_width(d->low) + is_under(c, c->first);
		high = number_width(rt_add(d->low, rt_mul(d->step, (int64_t)c->last))) +
		       is_over(c, c->last);
	} else {
		low = number_width(rt_hist_value(d, c->kind, c->first));
		high = number_width(rt_hist_value(d, c->kind, c->last));
	}
	c->value_width = low > high ? low : high;
	if (c->value_width < VALUE_LEAST)
		c->value_width = VALUE_LEAST;
}

static void put_head(struct chart *c)
{
	rt_writer_fill(&c->w, ' ', c->value_width - VALUE_LEAST);
	rt_writer_put(&c->w, "value |", 7);
	rt_writer_fill(&c->w, '-', (uint64_t)c->width);
	rt_writer_put(&c->w, " count\n", 7);
}

static void put_row(struct chart *c, uint32_t bucket)
{
	int64_t value = rt_hist_value(c->desc, c->kind, bucket);
	uint64_t count = count_of(c, bucket), bar = count / c->scale;
	bool marked = is_under(c, bucket) || is_over(c, bucket);
	uint32_t used = number_width(value) + marked;

	rt_writer_fill(&c->w, ' ', c->value_width > used ? c->value_width - used : 0);
	if (marked)
		rt_writer_byte(&c->w, bucket ? '>' : '<');
	put_number(c, value, 0);
	rt_writer_put(&c->w, " |", 2);
	rt_writer_fill(&c->w, '@', bar);
	put_number(c, (int64_t)count, (uint64_t)c->width - bar + 1 + c->count_width);
	rt_writer_byte(&c->w, '\n');
}

/* Buckets in use among the rows up to `elision` away, in a window that moves down with the rows. */
struct window {
	uint64_t reach;
	uint32_t next; /* first row not yet in the window */
	uint32_t used;
};

static bool is_elided(const struct chart *c, struct window *w, uint32_t row)
{
	if (c->elision < 0)
		return false;
	while (w->next <= c->last && w->next <= row + w->reach)
		w->used += count_of(c, w->next++) != 0;
	if (row > c->first + w->reach)
		w->used -= count_of(c, row - (uint32_t)w->reach - 1) != 0;
	return !w->used;
}

static void put_rows(struct chart *c)
{
	struct window w = { .reach = c->elision < (int64_t)c->buckets ? (uint64_t)c->elision
								      : c->buckets,
			    .next = c->first };
	bool eliding = false;

	put_head(c);
	for (uint32_t row = c->first; row <= c->last; row++) {
		if (is_elided(c, &w, row)) {
			eliding = true;
			continue;
		}
		if (eliding) {
			rt_writer_fill(&c->w, ' ', c->value_width + 1);
			rt_writer_put(&c->w, "~\n", 2);
		}
		eliding = false;
		put_row(c, row);
	}
	rt_writer_byte(&c->w, '\n');
	rt_writer_flush(&c->w);
}

void rt_format_hist(const struct abi_stat_desc *d, int64_t kind, const struct abi_stat *v,
		    int64_t width, int64_t elision, rt_write *write, void *to)
{
	char buffer[CHUNK];
	struct chart c = { .desc = d,
			   .stat = v,
			   .kind = kind,
			   .width = width > 0 ? width : RT_HIST_WIDTH,
			   .elision = elision,
			   .buckets = d->buckets };

	if (!c.buckets)
		return;
	c.w = (struct rt_writer){
		.at = buffer, .end = buffer + CHUNK, .buffer = buffer, .write = write, .to = to
	};
	find_rows(&c);
	find_widths(&c);
	put_rows(&c);
}

bool rt_format_hist_record(const struct abi_record *r, int64_t width, int64_t elision,
			   rt_write *write, void *to)
{
	const struct abi_stat_desc *d = (const void *)(r + 1);
	uint64_t least = sizeof *r + sizeof *d + ABI_STAT_HEAD;

	if (r->size < least || (uint64_t)d->buckets * 8 > r->size - least)
		return false;
	rt_format_hist(d, d->keep & ABI_KEEP_LINEAR ? RT_HIST_LINEAR : RT_HIST_LOG,
		       (const struct abi_stat *)(d + 1), width, elision, write, to);
	if (r->format)
		write(to, "\n", 1);
	return true;
}
