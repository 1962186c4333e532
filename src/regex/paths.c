/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX's order of matches, decided step by step.
 *
 * A match is a parse tree; the better of two has the longer (or present,
 * against absent) subexpression at the first place, parents before children,
 * left before right, where they differ.  Written as parentheses with the text
 * between, two trees agree up to a fork:
 *
 *	x = ( ( a ) ( b c ) )		depth of x behind its step 2:   2 -> 1 -> 2
 *	y = ( ( a   b ) ( c ) )		depth of y behind its step 2:   2
 *	          ^ fork
 *
 * Whoever closes a parenthesis that was open at the fork closes it earlier than
 * the other: its subexpression there is shorter.  The least depth since the
 * fork tells: the greater one wins, and the less deep a parenthesis, the more
 * it counts, so a later difference in least depth overrules.  When least depths
 * never differ, all lengths around the fork are the same and its first marks
 * decide: closing before another (empty) iteration, present before absent.
 *
 * After: S. Okui, T. Suzuki, Disambiguation in regular expression matching via
 * position automata with augmented transitions (2010); A. Borsotti,
 * U. Trofimovich, Efficient POSIX submatch extraction on NFA (2021).
 */
#include "regex/paths.h"

struct tail {
	const struct passed *first; /* behind the fork; NULL: nothing */
	int32_t least; /* depth behind the fork */
};

static bool same_mark(const struct passed *x, const struct passed *y)
{
	return x->mark == y->mark && x->how == y->how;
}

static uint32_t length_of(const struct passed *p)
{
	return p ? p->length : 0;
}

static int32_t min_depth(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

/*
 * Chains run backwards: walking both from their ends, the last pair of unlike
 * marks met is the first behind the fork. Returns the depth at the fork.
 */
static int32_t find_fork(const struct passed *x, const struct passed *y, int32_t depth,
			 struct tail *tx, struct tail *ty)
{
	int32_t all_x = INT32_MAX, all_y = INT32_MAX, at = depth;

	for (; length_of(x) > length_of(y); x = x->before) {
		all_x = min_depth(all_x, x->depth);
		tx->first = x;
	}
	for (; length_of(y) > length_of(x); y = y->before) {
		all_y = min_depth(all_y, y->depth);
		ty->first = y;
	}
	tx->least = all_x;
	ty->least = all_y;
	at = x ? x->depth : depth;
	for (; x != y; x = x->before, y = y->before) {
		all_x = min_depth(all_x, x->depth);
		all_y = min_depth(all_y, y->depth);
		if (same_mark(x, y))
			continue;
		tx->first = x;
		ty->first = y;
		tx->least = all_x;
		ty->least = all_y;
		at = x->before ? x->before->depth : depth;
	}
	return at;
}

static int32_t least_of(const struct passed *p)
{
	int32_t least = INT32_MAX;

	for (; p; p = p->before)
		least = min_depth(least, p->depth);
	return least;
}

/* Nothing more before a mark: the greatest. */
static int rank(const struct passed *p)
{
	return p ? (int)p->how : MARK_CLOSE + 1;
}

static int8_t sign(int v)
{
	return (int8_t)(v > 0 ? 1 : v < 0 ? -1 : 0);
}

struct verdict paths_compare(const struct order *o, const struct path *x, const struct path *y,
			     int32_t depth_of_origin)
{
	struct tail tx = { 0 }, ty = { 0 };
	int32_t first, second;
	int8_t before;

	if (x->origin == y->origin) {
		int32_t fork = find_fork(x->passed, y->passed, depth_of_origin, &tx, &ty);

		first = min_depth(fork, tx.least);
		second = min_depth(fork, ty.least);
		before = sign(rank(tx.first) - rank(ty.first));
	} else {
		first = min_depth(o->depth[x->origin * o->n + y->origin], least_of(x->passed));
		second = min_depth(o->depth[y->origin * o->n + x->origin], least_of(y->passed));
		before = o->better[x->origin * o->n + y->origin];
	}
	return (struct verdict){ .first = (int16_t)first,
				 .second = (int16_t)second,
				 .better = first != second ? sign(first - second) : before };
}
