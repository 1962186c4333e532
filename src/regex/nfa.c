/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree as a nondeterministic automaton, built from its end to its start.
 *
 * Where groups are asked for, paths through it hold the parentheses of POSIX's
 * parse trees: OPEN and CLOSE around a node, NEGATIVE for a node that the path
 * leaves out.  Only nodes whose length decides something have them: those that
 * hold a group, and their children whose length may differ or that are a
 * choice.  An iteration passes the parentheses of the repeated node again, so
 * the groups that it leaves out become unset.
 *
 *	a*	split ──▶ a ──▶ (back)		with a group inside:
 *		  └─────▶ ...			split ──▶ a ──▶ again? ──▶ ...
 *						  └─────▶ NEGATIVE(a) ─────▲
 */
#include "regex/private.h"

#include <setjmp.h>

struct builder {
	struct nfa *nfa;
	int32_t depth; /* of marks open where the next state stands */
	jmp_buf fail;
};

static uint32_t build(struct builder *b, struct regex_node *n, uint32_t next);

/* ---- which nodes have parentheses ------------------------------------------------ */

static void mark_node(struct regex_tree *t, struct regex_node *n, const struct regex_node *parent)
{
	if (n->captures || (parent && parent->captures &&
			    (parent->kind == REGEX_ALT || n->length == REGEX_NONE)))
		n->mark = t->n_marks++;
	if (!n->captures)
		return;
	vec_each(c, &n->children)
		mark_node(t, *c, n);
}

static void find_slots(struct nfa *n, const struct regex_node *x)
{
	if (x->group)
		n->slot_of[x->mark] = x->group * 2 - 1;
	vec_each(c, &x->children)
		find_slots(n, *c);
}

/* ---- states ------------------------------------------------------------------------- */

static uint32_t add(struct builder *b, struct nfa_state s)
{
	if (b->nfa->states.n >= REGEX_MOST_STATES)
		longjmp(b->fail, 1);
	s.depth += b->depth;
	vec_push(b->nfa->arena, &b->nfa->states, s);
	return b->nfa->states.n - 1;
}

static uint32_t add_split(struct builder *b, uint32_t next, uint32_t other)
{
	return add(b, (struct nfa_state){ .kind = NFA_SPLIT, .next = next, .other = other });
}

/* The path leaves n out, and so all groups in it. */
static uint32_t leave_out(struct builder *b, const struct regex_node *n, uint32_t next)
{
	for (uint32_t i = n->children.n; i--;)
		next = leave_out(b, n->children.p[i], next);
	if (n->mark == REGEX_NONE)
		return next;
	return add(b, (struct nfa_state){
			      .kind = NFA_MARK, .how = MARK_NEGATIVE, .mark = n->mark, .next = next });
}

static uint32_t build_set(struct builder *b, const struct regex_node *n, uint32_t next)
{
	vec_push(b->nfa->arena, &b->nfa->sets, n->set);
	return add(b, (struct nfa_state){
			      .kind = NFA_SET, .set = b->nfa->sets.n - 1, .next = next });
}

/* Branch i: the earlier ones left out, itself, the later ones left out. */
static uint32_t build_branch(struct builder *b, struct regex_node *n, uint32_t i, uint32_t next)
{
	uint32_t at = next;

	for (uint32_t k = n->children.n; k-- > i + 1;)
		at = leave_out(b, n->children.p[k], at);
	at = build(b, n->children.p[i], at);
	for (uint32_t k = i; k--;)
		at = leave_out(b, n->children.p[k], at);
	return at;
}

static uint32_t build_alternatives(struct builder *b, struct regex_node *n, uint32_t next)
{
	uint32_t i = n->children.n - 1, at = build_branch(b, n, i, next);

	while (i--)
		at = add_split(b, build_branch(b, n, i, next), at);
	return at;
}

/* Iterations up to n->max, the last of which leads to next. At least one is passed. */
static uint32_t build_iterations(struct builder *b, struct regex_node *n, uint32_t next)
{
	struct regex_node *child = n->children.p[0];
	uint32_t least = base_max(n->min, 1u), at;

	if (n->max == REGEX_NONE) {
		uint32_t again = add_split(b, REGEX_NONE, next);

		at = build(b, child, again);
		b->nfa->states.p[again].next = at;
		least--;
	} else {
		at = next;
		for (uint32_t i = least; i < n->max; i++)
			at = add_split(b, build(b, child, at), next);
	}
	while (least--)
		at = build(b, child, at);
	return at;
}

static uint32_t build_repeat(struct builder *b, struct regex_node *n, uint32_t next)
{
	uint32_t none;

	if (n->max == 0)
		return leave_out(b, n->children.p[0], next);
	if (n->min > 0)
		return build_iterations(b, n, next);
	none = leave_out(b, n->children.p[0], next);
	return add_split(b, build_iterations(b, n, next), none);
}

static uint32_t build_inside(struct builder *b, struct regex_node *n, uint32_t next)
{
	switch (n->kind) {
	case REGEX_EMPTY:
		return next;
	case REGEX_SET:
		return build_set(b, n, next);
	case REGEX_START:
		return add(b, (struct nfa_state){ .kind = NFA_START, .next = next });
	case REGEX_END:
		b->nfa->has_end = true;
		return add(b, (struct nfa_state){ .kind = NFA_END, .next = next });
	case REGEX_CAT:
		for (uint32_t i = n->children.n; i--;)
			next = build(b, n->children.p[i], next);
		return next;
	case REGEX_ALT:
		return build_alternatives(b, n, next);
	case REGEX_REPEAT:
		return build_repeat(b, n, next);
	case REGEX_GROUP:
		return build(b, n->children.p[0], next);
	}
	return next;
}

static uint32_t build(struct builder *b, struct regex_node *n, uint32_t next)
{
	struct nfa_state close = {
		.kind = NFA_MARK, .how = MARK_CLOSE, .mark = n->mark, .next = next
	};
	struct nfa_state open = { .kind = NFA_MARK, .how = MARK_OPEN, .mark = n->mark, .depth = 1 };

	if (n->mark == REGEX_NONE)
		return build_inside(b, n, next);
	next = add(b, close);
	b->depth++;
	open.next = build_inside(b, n, next);
	b->depth--;
	return add(b, open);
}

/* ---- classes of bytes that no set tells apart ------------------------------------------ */

static void split_classes(struct nfa *n, const struct regex_set *s)
{
	uint16_t moved[256];

	for (uint32_t i = 0; i < 256; i++)
		moved[i] = 0;
	/* a class of which some bytes are in s and some are not becomes two */
	for (uint32_t first = 0; first < 256; first++) {
		uint8_t class = n->class_of[first];
		bool mixed = false;

		if (moved[class] || !regex_set_has(s, (uint8_t)first))
			continue;
		for (uint32_t c = 0; c < 256; c++)
			mixed |= n->class_of[c] == class && !regex_set_has(s, (uint8_t)c);
		moved[class] = 1;
		if (!mixed)
			continue;
		for (uint32_t c = 0; c < 256; c++)
			if (n->class_of[c] == class && regex_set_has(s, (uint8_t)c))
				n->class_of[c] = (uint8_t)n->n_classes;
		moved[n->n_classes++] = 1;
	}
}

static bool same_set(const struct regex_set *a, const struct regex_set *b)
{
	return a->bits[0] == b->bits[0] && a->bits[1] == b->bits[1] && a->bits[2] == b->bits[2] &&
	       a->bits[3] == b->bits[3];
}

static void find_classes(struct nfa *n)
{
	n->n_classes = 1;
	for (uint32_t i = 0; i < n->sets.n; i++)
		if (!i || !same_set(&n->sets.p[i], &n->sets.p[i - 1]))
			split_classes(n, &n->sets.p[i]);
	n->class_byte = arena_array(n->arena, uint8_t, n->n_classes);
	for (uint32_t c = 256; c--;)
		n->class_byte[n->class_of[c]] = (uint8_t)c;
	n->takes = arena_array(n->arena, bool *, n->sets.n);
	for (uint32_t i = 0; i < n->sets.n; i++) {
		if (i && same_set(&n->sets.p[i], &n->sets.p[i - 1])) {
			n->takes[i] = n->takes[i - 1];
			continue;
		}
		n->takes[i] = arena_array(n->arena, bool, n->n_classes);
		for (uint32_t c = 0; c < n->n_classes; c++)
			n->takes[i][c] = regex_set_has(&n->sets.p[i], n->class_byte[c]);
	}
}

bool nfa_build(struct nfa *n, struct regex_tree *t, bool groups)
{
	struct builder b = { .nfa = n, .depth = 1 };

	*n = (struct nfa){ .arena = t->arena, .n_slots = 1 };
	if (groups) {
		mark_node(t, t->root, NULL);
		n->slot_of = arena_array(t->arena, uint32_t, t->n_marks);
		for (uint32_t i = 0; i < t->n_marks; i++)
			n->slot_of[i] = REGEX_NONE;
		find_slots(n, t->root);
		n->n_slots = 1 + 2 * t->n_groups;
	}
	if (setjmp(b.fail))
		return false;
	add(&b, (struct nfa_state){ .kind = NFA_FINAL });
	n->start = add(&b, (struct nfa_state){ .kind = NFA_SEARCH,
					       .next = build(&b, t->root, 0) });
	find_classes(n);
	return true;
}
