/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leftmost match, the longest of those; within it every subexpression from
 * left to right, the outer before the inner, as long as the rest lets it; an empty
 * match before none; further iterations are not empty; a group tells its last
 * iteration, and nothing of what an earlier iteration of something around it did.
 */
#include "reference.h"

#include <string.h>

struct reference {
	const char *text;
	uint32_t n;
	struct spans *spans;
	struct arena *arena;
	struct map *known; /* node, start, end: 1 no, 2 yes */
};

static bool matches(struct reference *r, const struct regex_node *x, uint32_t i, uint32_t j);

static bool rest_matches(struct reference *r, const struct regex_node *x, uint32_t child, uint32_t i,
			 uint32_t j)
{
	if (child == x->children.n)
		return i == j;
	for (uint32_t k = i; k <= j; k++)
		if (matches(r, x->children.p[child], i, k) && rest_matches(r, x, child + 1, k, j))
			return true;
	return false;
}

static bool may_stop(struct reference *r, const struct regex_node *x, uint32_t done, uint32_t i)
{
	if (done < x->min)
		return false;
	return done || !x->max || !matches(r, x->children.p[0], i, i);
}

/* Iterations number `done` and on match [i, j). */
static bool iterations_match(struct reference *r, const struct regex_node *x, uint32_t done, uint32_t i,
			     uint32_t j)
{
	if (i == j && done >= x->min)
		return true;
	if (done >= x->max)
		return false;
	for (uint32_t k = j; k + 1 > i; k--) {
		if (k == i && done >= x->min)
			break;
		if (matches(r, x->children.p[0], i, k) && iterations_match(r, x, done + 1, k, j))
			return true;
		if (k == 0)
			break;
	}
	return false;
}

static bool find_match(struct reference *r, const struct regex_node *x, uint32_t i, uint32_t j)
{
	switch (x->kind) {
	case REGEX_EMPTY:
		return i == j;
	case REGEX_SET:
		return j == i + 1 && regex_set_has(&x->set, (uint8_t)r->text[i]);
	case REGEX_START:
		return i == j && i == 0;
	case REGEX_END:
		return i == j && i == r->n;
	case REGEX_CAT:
		return rest_matches(r, x, 0, i, j);
	case REGEX_ALT:
		vec_each(c, &x->children)
			if (matches(r, *c, i, j))
				return true;
		return false;
	case REGEX_REPEAT:
		return iterations_match(r, x, 0, i, j);
	case REGEX_GROUP:
		return matches(r, x->children.p[0], i, j);
	}
	return false;
}

static bool matches(struct reference *r, const struct regex_node *x, uint32_t i, uint32_t j)
{
	uint64_t key = (uintptr_t)x * 1024 + i * 32 + j;
	uintptr_t known = (uintptr_t)map_find_u64(r->known, key);

	if (!known) {
		known = find_match(r, x, i, j) + 1u;
		map_put_u64(r->known, key, (void *)known);
	}
	return known == 2;
}

/* ---- the groups of the best parse --------------------------------------------------- */

static void place(struct reference *r, const struct regex_node *x, uint32_t i, uint32_t j);

static void place_rest(struct reference *r, const struct regex_node *x, uint32_t child, uint32_t i,
		       uint32_t j)
{
	if (child == x->children.n)
		return;
	for (uint32_t k = j + 1; k-- > i;)
		if (matches(r, x->children.p[child], i, k) && rest_matches(r, x, child + 1, k, j)) {
			place(r, x->children.p[child], i, k);
			place_rest(r, x, child + 1, k, j);
			return;
		}
}

static void forget(struct reference *r, const struct regex_node *x)
{
	if (x->group)
		r->spans->start[x->group] = r->spans->end[x->group] = -1;
	vec_each(c, &x->children)
		forget(r, *c);
}

static void place_iterations(struct reference *r, const struct regex_node *x, uint32_t done, uint32_t i,
			     uint32_t j)
{
	const struct regex_node *child = x->children.p[0];

	if (i == j && may_stop(r, x, done, i))
		return;
	for (uint32_t k = j + 1; k-- > i;)
		if (matches(r, child, i, k) && iterations_match(r, x, done + 1, k, j)) {
			forget(r, child);
			place(r, child, i, k);
			place_iterations(r, x, done + 1, k, j);
			return;
		}
}

static void place(struct reference *r, const struct regex_node *x, uint32_t i, uint32_t j)
{
	if (x->kind == REGEX_CAT) {
		place_rest(r, x, 0, i, j);
	} else if (x->kind == REGEX_REPEAT) {
		place_iterations(r, x, 0, i, j);
	} else if (x->kind == REGEX_GROUP) {
		if (x->group) {
			r->spans->start[x->group] = (int)i;
			r->spans->end[x->group] = (int)j;
		}
		place(r, x->children.p[0], i, j);
	} else if (x->kind == REGEX_ALT) {
		vec_each(c, &x->children)
			if (matches(r, *c, i, j)) {
				place(r, *c, i, j);
				return;
			}
	}
}

bool reference_match(const struct regex_tree *t, const char *text, uint32_t n, struct spans *out)
{
	struct reference r = { .text = text, .n = n, .spans = out, .arena = arena_create() };
	bool found = false;

	r.known = map_create(r.arena);
	memset(out, 0xff, sizeof *out);
	for (uint32_t i = 0; i <= n && !found; i++)
		for (uint32_t j = n + 1; j-- > i && !found;) {
			if (!matches(&r, t->root, i, j))
				continue;
			out->start[0] = (int)i;
			out->end[0] = (int)j;
			place(&r, t->root, i, j);
			found = true;
		}
	arena_destroy(r.arena);
	return found;
}
