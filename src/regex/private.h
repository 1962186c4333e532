/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of a compilation: tree, nondeterministic automaton, deterministic automaton, table. */
#ifndef SPILE_REGEX_PRIVATE_H
#define SPILE_REGEX_PRIVATE_H

#include "regex/regex.h"

#define REGEX_NONE UINT32_MAX
#define REGEX_MOST_GROUPS ABI_REGEX_GROUPS
#define REGEX_MOST_DEPTH 400u /* of the tree */
#define REGEX_MOST_REPEAT 12345u /* counts are below */
#define REGEX_MOST_STATES 50000u /* of the nondeterministic automaton */
#define REGEX_MOST_WORK ((uint64_t)40 << 20) /* steps of determinisation: about half a second */

/* ---- the tree (parse.c) ---------------------------------------------------------- */

struct regex_set {
	uint64_t bits[4]; /* by byte */
};

enum regex_kind {
	REGEX_EMPTY,
	REGEX_SET,
	REGEX_START, /* ^ */
	REGEX_END, /* $ */
	REGEX_CAT,
	REGEX_ALT,
	REGEX_REPEAT,
	REGEX_GROUP,
};

struct regex_node {
	enum regex_kind kind;
	struct regex_set set;
	VEC(struct regex_node *) children; /* one of REPEAT and GROUP */
	uint32_t min, max; /* REPEAT; max REGEX_NONE: no end */
	uint32_t group; /* GROUP: its number, 0 does not capture */
	uint32_t height; /* of the tree below */
	bool captures; /* holds a capturing group */
	/* length of what it matches, if it is the same always; else REGEX_NONE */
	uint32_t length;
	uint32_t mark; /* (mark.c) number of its pair of parentheses in paths, or REGEX_NONE */
};

struct regex_tree {
	struct arena *arena;
	struct regex_node *root;
	uint32_t n_groups; /* capturing */
	uint32_t n_marks;
};

bool regex_parse(struct regex_tree *t, const char *pattern, uint32_t length,
		 struct regex_error *error);
/* The members of a class by name ("alpha", "d"); false: there is none. */
bool regex_class_named(const char *name, uint32_t n, struct regex_set *to);

static inline void regex_set_add(struct regex_set *s, uint8_t c)
{
	s->bits[c / 64] |= (uint64_t)1 << c % 64;
}

static inline bool regex_set_has(const struct regex_set *s, uint8_t c)
{
	return s->bits[c / 64] >> c % 64 & 1;
}

/* ---- the nondeterministic automaton (nfa.c) ---------------------------------------- */

enum nfa_kind {
	NFA_FINAL,
	NFA_SEARCH, /* begins a match here, or later */
	NFA_SET, /* takes a byte */
	NFA_SPLIT, /* next or other */
	NFA_MARK, /* passes a parenthesis */
	NFA_START,
	NFA_END,
};
enum nfa_mark { MARK_NEGATIVE, MARK_OPEN, MARK_CLOSE }; /* the better of two is the greater */

struct nfa_state {
	enum nfa_kind kind;
	uint32_t next, other;
	uint32_t set; /* in nfa.sets */
	uint32_t mark; /* number of the pair */
	enum nfa_mark how;
	int32_t depth; /* open parentheses there, counted behind a MARK */
};

struct nfa {
	struct arena *arena;
	VEC(struct nfa_state) states;
	VEC(struct regex_set) sets;
	uint32_t start; /* a SEARCH; state 0 is FINAL */
	bool has_end; /* an END */
	/* slots: 0 the start of the match; 2g - 1 and 2g: start and end of group g */
	uint32_t n_slots;
	uint32_t *slot_of; /* per mark: slot of its OPEN, CLOSE follows; or REGEX_NONE */
	uint8_t class_of[256];
	uint32_t n_classes;
	uint8_t *class_byte; /* one byte of each class */
	bool **takes; /* [set][class] */
};

/* False: it has more than REGEX_MOST_STATES. */
bool nfa_build(struct nfa *n, struct regex_tree *t, bool groups);

/* ---- the deterministic automaton ------------------------------------------------------ */

#define DFA_DEAD 0u
#define DFA_ACCEPT 1u /* without groups: accepted, whatever follows */

/* Operations of a transition, as abi_regex_op lists; number 0 is empty. Rows of slots likewise. */
struct dfa {
	struct arena *arena;
	uint32_t n_states, n_classes, start;
	uint32_t *next; /* [state][class] */
	/* tagged: numbers of operation lists, and of rows of slots, 0 none */
	uint32_t *ops; /* [state][class] */
	uint32_t start_ops;
	uint32_t *accept; /* [state]: row when it is entered */
	uint32_t *end; /* [state]: at the end of the text: row, or 1 */
	VEC(struct dfa_list {
		const struct abi_regex_op *ops;
		uint32_t n;
	}) lists; /* lists of operations, then rows */
	uint32_t n_registers;
};

/* What went wrong, or NULL. */
const char *regex_plain(const struct nfa *n, struct dfa *d);
const char *regex_tagged(const struct nfa *n, struct dfa *d);
/* Joins states that nothing tells apart; DEAD and ACCEPT keep their numbers. */
void regex_minimise(struct dfa *d);
/* NULL: the table would be larger than its numbers reach. */
const struct abi_regex *regex_encode(struct arena *a, const struct nfa *n, const struct dfa *d,
				     uint32_t n_groups);

#endif
