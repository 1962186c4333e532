/* SPDX-License-Identifier: Apache-2.0 */
/* The stages in their order, and the table that comes out. */
#include "regex/private.h"

#include <string.h>

/* ---- the table ------------------------------------------------------------------------ */

static uint32_t stride_of(const struct dfa *d)
{
	return d->n_classes + ABI_REGEX_EXTRA_CELLS;
}

/* Classes in the order that the table has them: those that leave the search where it started come first. */
struct class_order {
	uint32_t stay;
	uint8_t class_at[256], place_of[256];
};

static bool stays(const struct dfa *d, uint32_t class)
{
	uint32_t cell = d->start * d->n_classes + class;

	return d->next[cell] == d->start && (!d->ops || (!d->ops[cell] && !d->accept[d->start]));
}

static struct class_order order_classes(const struct dfa *d)
{
	struct class_order o = { 0 };
	uint32_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t c = 0; c < d->n_classes; c++)
			if (stays(d, c) == !pass) {
				o.place_of[c] = (uint8_t)n;
				o.class_at[n++] = (uint8_t)c;
			}
		if (!pass)
			o.stay = n;
	}
	return o;
}

static void put_cells(struct buf *to, const struct dfa *d, const struct class_order *o)
{
	uint32_t stride = stride_of(d);

	for (uint32_t s = 0; s < d->n_states; s++) {
		uint16_t cell;

		for (uint32_t c = 0; c < d->n_classes; c++) {
			cell = (uint16_t)(d->next[s * d->n_classes + o->class_at[c]] * stride);
			buf_add(to, &cell, sizeof cell);
		}
		cell = (uint16_t)d->end[s];
		buf_add(to, &cell, sizeof cell);
		cell = 0;
		buf_add(to, &cell, sizeof cell);
	}
}

static uint16_t edge_ops(const struct dfa *d, uint32_t ops, uint32_t to)
{
	return (uint16_t)(ops | (d->accept[to] ? ABI_REGEX_ACCEPTS : 0));
}

static void put_edges(struct buf *to, const struct dfa *d, const struct class_order *o)
{
	uint32_t stride = stride_of(d);

	for (uint32_t s = 0; s < d->n_states; s++) {
		struct abi_regex_edge e;

		for (uint32_t c = 0; c < d->n_classes; c++) {
			uint32_t cell = s * d->n_classes + o->class_at[c], next = d->next[cell];

			e.next = (uint16_t)(next * stride);
			e.ops = edge_ops(d, d->ops[cell], next);
			buf_add(to, &e, sizeof e);
		}
		e = (struct abi_regex_edge){ .ops = (uint16_t)d->end[s] };
		buf_add(to, &e, sizeof e);
		e.ops = (uint16_t)d->accept[s];
		buf_add(to, &e, sizeof e);
	}
}

static void put_lists(struct buf *to, const struct dfa *d)
{
	uint32_t at = (uint32_t)to->n + d->lists.n * (uint32_t)sizeof at;
	struct abi_regex_op stop = { ABI_REGEX_STOP, 0 };

	vec_each(l, &d->lists) {
		buf_add(to, &at, sizeof at);
		at += (l->n + 1) * (uint32_t)sizeof stop;
	}
	vec_each(l, &d->lists) {
		buf_add(to, l->ops, l->n * sizeof stop);
		buf_add(to, &stop, sizeof stop);
	}
}

const struct abi_regex *regex_encode(struct arena *a, const struct nfa *n, const struct dfa *d,
				     uint32_t n_groups)
{
	struct abi_regex head = { .n_groups = n_groups, .n_classes = d->n_classes };
	struct class_order order;
	struct buf to;

	if ((uint64_t)d->n_states * stride_of(d) > ABI_REGEX_CELLS || d->lists.n > ABI_REGEX_LISTS)
		return NULL;
	order = order_classes(d);
	for (uint32_t c = 0; c < 256; c++)
		head.class_of[c] = order.place_of[n->class_of[c]];
	head.start = d->start * stride_of(d);
	head.stride = stride_of(d);
	if (n_groups)
		head.start_ops = edge_ops(d, d->start_ops, d->start);
	head.start_ops |= order.stay << 16;
	head.cells = sizeof head;
	buf_init(&to, a);
	buf_add(&to, &head, sizeof head);
	if (n_groups) {
		put_edges(&to, d, &order);
		((struct abi_regex *)to.p)->lists = (uint32_t)to.n;
		put_lists(&to, d);
	} else {
		put_cells(&to, d, &order);
	}
	((struct abi_regex *)to.p)->size = (uint32_t)to.n;
	return (const struct abi_regex *)to.p;
}

/* ---- all of it --------------------------------------------------------------------------- */

static const char *compile(struct regex_tree *t, bool groups, struct arena *a,
			   struct regex_table *out)
{
	static const char too_large[] = "needs too large a table";
	struct dfa d = { .arena = t->arena };
	const char *wrong;
	struct nfa n;

	if (!nfa_build(&n, t, groups))
		return too_large;
	wrong = groups ? regex_tagged(&n, &d) : regex_plain(&n, &d);
	if (wrong)
		return wrong;
	regex_minimise(&d);
	out->n_groups = t->n_groups + 1;
	out->head = regex_encode(a, &n, &d, groups ? out->n_groups : 0);
	return out->head ? NULL : too_large;
}

bool regex_compile(struct arena *a, const char *pattern, uint32_t length, bool groups,
		   struct regex_table *out, struct regex_error *error)
{
	struct regex_tree t = { .arena = arena_create() };
	bool good = regex_parse(&t, pattern, length, error);

	if (good) {
		error->at = 0;
		error->text = compile(&t, groups, a, out);
		good = !error->text;
	}
	if (!good)
		error->text = arena_strdup(a, error->text);
	arena_destroy(t.arena);
	return good;
}
