/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions: the automata of src/regex/, walked byte by byte.  One
 * step a byte, no way back, whatever the pattern.
 */
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

/* ---- is there a match? ------------------------------------------------------------- */

int64_t rt_regex_test(struct abi_slot *s, rt_str a, const struct abi_regex *x)
{
	const uint16_t *cells = (const void *)((const char *)x + x->cells);
	const uint8_t *class_of = x->class_of, *p = (const uint8_t *)a->text, *end = p + a->length;
	uint32_t state = x->start, settled = x->stride, start = state, stay = x->start_ops >> 16;

	(void)s;
	while (state > settled) {
		/* most bytes begin no match: passing them needs no state, so that they overlap */
		if (state == start)
			while (p < end && class_of[*p] < stay)
				p++;
		if (p == end)
			break;
		state = cells[state + class_of[*p++]];
	}
	return cells[state + x->n_classes];
}

/* ---- where is it? --------------------------------------------------------------------- */

static struct abi_match *match_of(struct abi_slot *s)
{
	return (struct abi_match *)((char *)s + rt_region(s)->match_offset);
}

static const struct abi_regex_op *list_of(const struct abi_regex *x, uint32_t number)
{
	const uint32_t *lists = (const void *)((const char *)x + x->lists);

	return (const void *)((const char *)x + lists[number]);
}

static void operate(const struct abi_regex_op *op, const uint32_t *from, uint32_t *to, uint32_t position)
{
	for (; op->to != ABI_REGEX_STOP; op++)
		to[op->to] = op->from == ABI_REGEX_POSITION ? position :
			     op->from == ABI_REGEX_UNSET    ? UINT32_MAX :
							      from[op->from];
}

/*
 * Slots come as the start of the match and the groups' positions; the end of
 * the match, which is where it was accepted, goes between.
 */
static void take_match(const struct abi_regex *x, struct abi_match *m, uint32_t list, uint32_t position)
{
	uint32_t *slots = m->slots;

	operate(list_of(x, list), m->registers, slots + 1, position);
	slots[0] = slots[1];
	slots[1] = position;
	m->valid = 1;
}

static void search(const struct abi_regex *x, rt_str a, struct abi_match *m)
{
	const struct abi_regex_edge *cells = (const void *)((const char *)x + x->cells);
	uint32_t state = x->start, ops = x->start_ops & 0xffff, stay = x->start_ops >> 16;

	for (uint32_t at = 0;; at++) {
		struct abi_regex_edge edge;

		if (ops & ~ABI_REGEX_ACCEPTS)
			operate(list_of(x, ops & ~ABI_REGEX_ACCEPTS), m->registers, m->registers, at);
		if (ops & ABI_REGEX_ACCEPTS)
			take_match(x, m, cells[state + x->n_classes + 1].ops, at);
		if (!state)
			return;
		if (state == x->start)
			while (at < a->length && x->class_of[(uint8_t)a->text[at]] < stay)
				at++;
		if (at == a->length) {
			ops = cells[state + x->n_classes].ops;
			if (ops)
				take_match(x, m, ops, at);
			return;
		}
		edge = cells[state + x->class_of[(uint8_t)a->text[at]]];
		state = edge.next;
		ops = edge.ops;
	}
}

/* Positions become those in the matched text, which is kept: its variable may change. */
static void keep_text(struct abi_slot *s, rt_str a, struct abi_match *m)
{
	uint32_t start = m->slots[0], end = m->slots[1];

	for (uint32_t i = 0; i < m->n_groups * 2; i++)
		if (m->slots[i] != UINT32_MAX)
			m->slots[i] -= start;
	rt_string_set(&m->text, a->text + start, end - start, rt_string_most(s));
}

int64_t rt_regex_match(struct abi_slot *s, rt_str a, const struct abi_regex *x)
{
	struct abi_match *m = match_of(s);

	m->valid = 0;
	m->n_groups = x->n_groups;
	search(x, a, m);
	if (m->valid)
		keep_text(s, a, m);
	return m->valid;
}

void rt_match_forget(struct abi_slot *s)
{
	match_of(s)->valid = 0;
}

/* ---- what matched? ------------------------------------------------------------------------ */

static const struct abi_match *last_match(struct abi_slot *s)
{
	const struct abi_match *m = match_of(s);

	if (m->valid)
		return m;
	RT_RAISE(s, "no match of a regular expression to ask about");
	return 0;
}

void rt_matched(struct abi_slot *s, int64_t group, struct abi_string *out)
{
	const struct abi_match *m = last_match(s);
	uint32_t start, end;

	rt_string_set(out, "", 0, 0);
	if (!m)
		return;
	if (group < 0 || group >= (int64_t)m->n_groups) {
		RT_RAISE(s, "the regular expression has no such group");
		return;
	}
	start = m->slots[group * 2];
	end = m->slots[group * 2 + 1];
	if (start != UINT32_MAX && start <= end && end <= m->text.length)
		rt_string_set(out, m->text.text + start, end - start, rt_string_most(s));
}

int64_t rt_ngroups(struct abi_slot *s)
{
	const struct abi_match *m = last_match(s);

	return m ? m->n_groups : 0;
}
