/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns to trees, by recursive descent:
 *
 *	alternatives = sequence { "|" sequence }
 *	sequence     = { atom { "*" | "+" | "?" | "{" n [ "," [ m ] ] "}" } }
 *	atom         = byte | "\" byte | "." | "[" ... "]" | "^" | "$" | "(" [ "?:" ] alternatives ")"
 */
#include "regex/private.h"

#include <setjmp.h>
#include <string.h>

struct parser {
	struct regex_tree *tree;
	const uint8_t *text;
	uint32_t at, length;
	uint32_t depth; /* of groups */
	struct regex_error *error;
	jmp_buf fail;
};

static struct regex_node *parse_alternatives(struct parser *p);

static _Noreturn void fail(struct parser *p, uint32_t at, const char *text)
{
	*p->error = (struct regex_error){ .at = base_min(at, p->length), .text = text };
	longjmp(p->fail, 1);
}

static bool at_end(const struct parser *p)
{
	return p->at == p->length;
}

static bool looking_at(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	return n <= p->length - p->at && memcmp(p->text + p->at, text, n) == 0;
}

static bool accept(struct parser *p, const char *text)
{
	bool found = looking_at(p, text);

	if (found)
		p->at += (uint32_t)strlen(text);
	return found;
}

/* ---- nodes ------------------------------------------------------------------------ */

static struct regex_node *node(struct parser *p, enum regex_kind kind)
{
	struct regex_node *n = arena_new(p->tree->arena, struct regex_node);

	n->kind = kind;
	n->length = kind == REGEX_SET;
	n->mark = REGEX_NONE;
	return n;
}

static void adopt(struct parser *p, struct regex_node *parent, struct regex_node *child)
{
	vec_push(p->tree->arena, &parent->children, child);
	parent->captures |= child->captures;
	parent->height = base_max(parent->height, child->height + 1);
	if (parent->height > REGEX_MOST_DEPTH)
		fail(p, p->at, "nested too deeply");
}

/* ---- bracket expressions ------------------------------------------------------------ */

static void add_range(struct regex_set *s, unsigned first, unsigned last)
{
	for (unsigned c = first; c <= last; c++)
		regex_set_add(s, (uint8_t)c);
}

static void parse_class(struct parser *p, uint32_t open, struct regex_set *s)
{
	const char *name = (const char *)p->text + p->at;
	uint32_t n = 0, left = p->length - p->at;

	while (n < left && name[n] != ':' && name[n] != ']')
		n++;
	if (n + 1 >= left || name[n] != ':' || name[n + 1] != ']')
		fail(p, open, "missing ':]' of a class of characters");
	if (!regex_class_named(name, n, s))
		fail(p, p->at,
		     arena_printf(p->tree->arena, "no class of characters is named '%.*s'", (int)n, name));
	p->at += n + 2;
}

static void parse_range(struct parser *p, uint32_t open, struct regex_set *s)
{
	uint8_t first = p->text[p->at++], last = first;

	if (looking_at(p, "-") && p->at + 1 < p->length && p->text[p->at + 1] != ']') {
		last = p->text[p->at + 1];
		p->at += 2;
	}
	if (at_end(p))
		fail(p, open, "missing ']'");
	if (first > last)
		fail(p, p->at - 1,
		     arena_printf(p->tree->arena, "range '%c-%c' ends before it begins", first, last));
	add_range(s, first, last);
}

/* Behind the '['. A ']' that comes first stands for itself; a backslash always does. */
static struct regex_node *parse_bracket(struct parser *p)
{
	struct regex_node *n = node(p, REGEX_SET);
	uint32_t open = p->at - 1;
	bool negated = accept(p, "^");

	for (bool first = true; first || !looking_at(p, "]"); first = false) {
		if (at_end(p))
			fail(p, open, "missing ']'");
		if (accept(p, "[:"))
			parse_class(p, p->at - 2, &n->set);
		else
			parse_range(p, open, &n->set);
	}
	p->at++;
	for (int i = 0; negated && i < 4; i++)
		n->set.bits[i] = ~n->set.bits[i];
	return n;
}

/* ---- atoms ---------------------------------------------------------------------------- */

static struct regex_node *parse_group(struct parser *p)
{
	struct regex_node *n = node(p, REGEX_GROUP), *child;
	uint32_t open = p->at - 1;

	if (!accept(p, "?:")) {
		if (looking_at(p, "?"))
			fail(p, p->at, "expected ':' behind '(?', or something to repeat");
		n->group = ++p->tree->n_groups;
		n->captures = true;
		if (n->group > REGEX_MOST_GROUPS)
			fail(p, open, "too many groups");
	}
	if (++p->depth > REGEX_MOST_DEPTH)
		fail(p, open, "nested too deeply");
	child = parse_alternatives(p);
	p->depth--;
	if (!accept(p, ")"))
		fail(p, open, "missing ')'");
	adopt(p, n, child);
	n->length = child->length;
	return n;
}

static struct regex_node *literal(struct parser *p, uint8_t c)
{
	struct regex_node *n = node(p, REGEX_SET);

	regex_set_add(&n->set, c);
	return n;
}

static struct regex_node *parse_atom(struct parser *p)
{
	uint8_t c = p->text[p->at++];
	struct regex_node *n;

	switch (c) {
	case '(':
		return parse_group(p);
	case '[':
		return parse_bracket(p);
	case '^':
		return node(p, REGEX_START);
	case '$':
		return node(p, REGEX_END);
	case '.':
		n = node(p, REGEX_SET);
		memset(&n->set, 0xff, sizeof n->set);
		return n;
	case '\\':
		if (at_end(p))
			fail(p, p->at - 1, "nothing behind '\\'");
		return literal(p, p->text[p->at++]);
	case '*':
	case '+':
	case '?':
	case '{':
		fail(p, p->at - 1, arena_printf(p->tree->arena, "nothing for '%c' to repeat", c));
	default:
		return literal(p, c);
	}
}

/* ---- repetition -------------------------------------------------------------------------- */

static bool is_digit(const struct parser *p)
{
	return !at_end(p) && p->text[p->at] >= '0' && p->text[p->at] <= '9';
}

static uint32_t parse_count(struct parser *p)
{
	uint32_t value = 0, start = p->at;

	if (!is_digit(p))
		fail(p, p->at, "expected a number");
	for (; is_digit(p); p->at++)
		value = base_min(value * 10 + (uint32_t)(p->text[p->at] - '0'), REGEX_MOST_REPEAT);
	if (value >= REGEX_MOST_REPEAT)
		fail(p, start, "too large a number of repetitions");
	return value;
}

/* Behind the '{'. */
static void parse_counts(struct parser *p, struct regex_node *n)
{
	uint32_t start = p->at;

	n->min = n->max = parse_count(p);
	if (accept(p, ","))
		n->max = looking_at(p, "}") ? REGEX_NONE : parse_count(p);
	if (!accept(p, "}"))
		fail(p, p->at, "missing '}'");
	if (n->max < n->min)
		fail(p, start, "the greater number of repetitions comes last");
}

static bool parse_operator(struct parser *p, struct regex_node *n)
{
	n->max = REGEX_NONE;
	if (accept(p, "*"))
		return true;
	if (accept(p, "+"))
		n->min = 1;
	else if (accept(p, "?"))
		n->max = 1;
	else if (accept(p, "{"))
		parse_counts(p, n);
	else
		return false;
	return true;
}

static struct regex_node *parse_repeated(struct parser *p)
{
	struct regex_node *n = parse_atom(p), *r = node(p, REGEX_REPEAT);
	uint32_t at = p->at;

	for (; parse_operator(p, r); n = r, r = node(p, REGEX_REPEAT), at = p->at) {
		if (n->kind == REGEX_START || n->kind == REGEX_END)
			fail(p, at,
			     arena_printf(p->tree->arena, "'%c' cannot repeat an anchor", p->text[at]));
		adopt(p, r, n);
		r->length = REGEX_NONE;
		if (!n->length || r->max == 0)
			r->length = 0;
		else if (n->length != REGEX_NONE && r->min == r->max &&
			 (uint64_t)n->length * r->min < REGEX_NONE)
			r->length = n->length * r->min;
	}
	return n;
}

static struct regex_node *parse_sequence(struct parser *p)
{
	struct regex_node *n = node(p, REGEX_CAT);

	while (!at_end(p) && !looking_at(p, "|") && !looking_at(p, ")"))
		adopt(p, n, parse_repeated(p));
	if (!n->children.n)
		return node(p, REGEX_EMPTY);
	if (n->children.n == 1)
		return n->children.p[0];
	vec_each(c, &n->children) {
		if ((*c)->length == REGEX_NONE || n->length > REGEX_NONE - 1 - (*c)->length)
			n->length = REGEX_NONE;
		if (n->length != REGEX_NONE)
			n->length += (*c)->length;
	}
	return n;
}

static struct regex_node *parse_alternatives(struct parser *p)
{
	struct regex_node *first = parse_sequence(p), *n, *other;

	if (!looking_at(p, "|"))
		return first;
	n = node(p, REGEX_ALT);
	adopt(p, n, first);
	n->length = first->length;
	while (accept(p, "|")) {
		other = parse_sequence(p);
		adopt(p, n, other);
		if (n->length != other->length)
			n->length = REGEX_NONE;
	}
	return n;
}

bool regex_parse(struct regex_tree *t, const char *pattern, uint32_t length,
		 struct regex_error *error)
{
	struct parser p = { .tree = t,
			    .text = (const uint8_t *)pattern,
			    .length = length,
			    .error = error };

	if (setjmp(p.fail))
		return false;
	t->root = parse_alternatives(&p);
	if (!at_end(&p))
		fail(&p, p.at, "')' without '('");
	return true;
}
