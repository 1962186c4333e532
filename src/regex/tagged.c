/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Determinisation with positions: a state is a set of threads, one per state of
 * the nondeterministic automaton, each the best way there (paths.c).  A thread
 * knows in which register its match's start and its groups' positions are; a
 * transition sets or copies registers.  Where a state differs from a known one
 * only in the registers' names, a transition goes to the known one and renames.
 *
 * The search for the leftmost match is a thread of its own, SEARCH, that starts
 * another match at every position; whatever began earlier is better for ever.
 * Once a match is found, what began later than it is dropped.
 *
 * What a state accepts if the text ends there is one more row of registers: paths
 * that go by `$` are compared with all others at once, for the order of paths
 * compares whole steps.
 */
#include "regex/paths.h"

#include <string.h>

#define NONE ABI_REGEX_UNSET
#define POSITION ABI_REGEX_POSITION
#define EARLIER INT16_MAX /* least depths of a pair that began apart */
#define LATER (-1)
#define FINAL 0u /* the nfa's state */

struct state {
	uint32_t number, n;
	uint32_t *at; /* per thread: state of the nfa, rising */
	uint16_t *registers; /* per row, per slot */
	uint32_t rows; /* one per thread, and one for the match at the text's end, if there is one */
	int16_t *depth;
	int8_t *better;
	const uint8_t *key;
	uint32_t key_size;
	struct state *same_hash;
};

struct tagged {
	const struct nfa *nfa;
	struct dfa *dfa;
	struct arena *states, *scratch; /* the latter for one step */
	struct map *known; /* states by hash of their keys */
	struct map *lists; /* of operations, by content: number + 1 */
	VEC(struct state *) all;
	struct path *best; /* per state of the nfa, in this step; passed of SEARCH's: see started */
	bool *reached, *started;
	uint32_t *queue, *touched;
	bool *queued;
	uint32_t head, n_queued, n_touched;
	uint64_t work;
	const char *failure;
};

/* ---- closure: the best path to every state ------------------------------------------ */

static struct order order_of(const struct state *s)
{
	return (struct order){ .n = s->n, .depth = s->depth, .better = s->better };
}

static struct verdict compare(struct tagged *t, const struct state *from, const struct path *x,
			      const struct path *y)
{
	struct order o = order_of(from);

	t->work += 1 + (x->passed ? x->passed->length : 0) + (y->passed ? y->passed->length : 0);
	return paths_compare(&o, x, y, t->nfa->states.p[from->at[x->origin]].depth);
}

static void enqueue(struct tagged *t, uint32_t at)
{
	if (t->queued[at])
		return;
	t->queued[at] = true;
	t->queue[(t->head + t->n_queued++) % t->nfa->states.n] = at;
}

static void relax(struct tagged *t, const struct state *from, struct path p, bool started)
{
	t->work++;
	if (!t->reached[p.state])
		t->touched[t->n_touched++] = p.state;
	else if (compare(t, from, &p, &t->best[p.state]).better <= 0)
		return;
	t->reached[p.state] = true;
	t->best[p.state] = p;
	t->started[p.state] = started;
	enqueue(t, p.state);
}

static const struct passed *pass(struct tagged *t, const struct passed *before,
				 const struct nfa_state *s)
{
	struct passed *p = arena_new(t->scratch, struct passed);

	*p = (struct passed){ .before = before,
			      .mark = s->mark,
			      .how = s->how,
			      .depth = s->depth,
			      .length = before ? before->length + 1 : 1 };
	return p;
}

static void follow(struct tagged *t, const struct state *from, uint32_t at, bool at_start,
		   bool at_end)
{
	const struct nfa_state *s = &t->nfa->states.p[at];
	struct path p = t->best[at];
	bool started = t->started[at];

	p.state = s->next;
	switch (s->kind) {
	case NFA_FINAL:
	case NFA_SET:
		return;
	case NFA_SEARCH:
		relax(t, from, p, true);
		return;
	case NFA_SPLIT:
		relax(t, from, p, started);
		p.state = s->other;
		relax(t, from, p, started);
		return;
	case NFA_MARK:
		p.passed = pass(t, p.passed, s);
		relax(t, from, p, started);
		return;
	case NFA_START:
	case NFA_END:
		if (s->kind == NFA_START ? at_start : at_end)
			relax(t, from, p, started);
		return;
	}
}

static void close_over(struct tagged *t, const struct state *from, bool at_start, bool at_end)
{
	while (t->n_queued) {
		uint32_t at = t->queue[t->head];

		t->head = (t->head + 1) % t->nfa->states.n;
		t->n_queued--;
		t->queued[at] = false;
		follow(t, from, at, at_start, at_end);
		if (t->work > REGEX_MOST_WORK)
			t->failure = "needs too large a table";
	}
}

static void begin(struct tagged *t)
{
	while (t->n_touched)
		t->reached[t->touched[--t->n_touched]] = false;
	t->head = t->n_queued = 0;
}

/* ---- registers of a thread -------------------------------------------------------------- */

static void set(uint16_t *to, uint32_t slot, uint16_t value, bool *done)
{
	if (!done[slot])
		to[slot] = value;
	done[slot] = true;
}

/* Where the values of the slots of the path to `at` come from. */
static void sources(struct tagged *t, const struct state *from, uint32_t at, uint16_t *to)
{
	const struct path *p = &t->best[at];
	uint32_t n = t->nfa->n_slots;
	bool *done = arena_array(t->scratch, bool, n);

	for (const struct passed *m = p->passed; m; m = m->before) {
		uint32_t slot = t->nfa->slot_of[m->mark];

		if (slot == REGEX_NONE)
			continue;
		if (m->how != MARK_CLOSE)
			set(to, slot, m->how == MARK_OPEN ? POSITION : NONE, done);
		if (m->how != MARK_OPEN)
			set(to, slot + 1, m->how == MARK_CLOSE ? POSITION : NONE, done);
	}
	if (t->started[at])
		set(to, 0, POSITION, done);
	for (uint32_t i = 0; i < n; i++)
		if (!done[i])
			to[i] = from->registers[p->origin * n + i];
}

/* ---- making a state of what was reached ------------------------------------------------------ */

static void put_pair(struct state *s, uint32_t i, uint32_t j, struct verdict v)
{
	s->depth[i * s->n + j] = v.first;
	s->depth[j * s->n + i] = v.second;
	s->better[i * s->n + j] = v.better;
	s->better[j * s->n + i] = (int8_t)-v.better;
}

static struct verdict judge(struct tagged *t, const struct state *from, const struct state *s,
			    uint32_t i, uint32_t j)
{
	if (t->nfa->states.p[s->at[i]].kind == NFA_SEARCH)
		return (struct verdict){ LATER, EARLIER, -1 };
	if (t->nfa->states.p[s->at[j]].kind == NFA_SEARCH)
		return (struct verdict){ EARLIER, LATER, 1 };
	return compare(t, from, &t->best[s->at[i]], &t->best[s->at[j]]);
}

static void order_threads(struct tagged *t, const struct state *from, struct state *s)
{
	s->depth = arena_array(t->scratch, int16_t, s->n * s->n);
	s->better = arena_array(t->scratch, int8_t, s->n * s->n);
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < i; j++)
			put_pair(s, i, j, judge(t, from, s, i, j));
}

static uint32_t final_thread(const struct tagged *t, const struct state *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (t->nfa->states.p[s->at[i]].kind == NFA_FINAL)
			return i;
	return REGEX_NONE;
}

/* Threads that began later than the match of thread `final` go. */
static void drop_later(struct tagged *t, const struct state *from, struct state *s, uint32_t final)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->depth[i * s->n + final] != LATER)
			s->at[n++] = s->at[i];
	if (n == s->n)
		return;
	s->n = n;
	order_threads(t, from, s);
}

static void sort_numbers(uint32_t *p, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t j = i, v; j && p[j] < p[j - 1]; j--) {
			v = p[j];
			p[j] = p[j - 1];
			p[j - 1] = v;
		}
}

static bool stays(const struct nfa_state *s)
{
	return s->kind == NFA_SET || s->kind == NFA_SEARCH || s->kind == NFA_FINAL;
}

/* In scratch; registers are sources still. */
static void collect(struct tagged *t, const struct state *from, struct state *s)
{
	uint32_t n = t->nfa->n_slots, final;

	s->at = arena_array(t->scratch, uint32_t, t->n_touched);
	for (uint32_t i = 0; i < t->n_touched; i++)
		if (stays(&t->nfa->states.p[t->touched[i]]))
			s->at[s->n++] = t->touched[i];
	sort_numbers(s->at, s->n);
	order_threads(t, from, s);
	final = final_thread(t, s);
	if (final != REGEX_NONE)
		drop_later(t, from, s, final);
	s->rows = s->n;
	s->registers = arena_array(t->scratch, uint16_t, (s->n + 1) * n);
	for (uint32_t i = 0; i < s->n; i++) {
		if (t->nfa->states.p[s->at[i]].kind != NFA_SEARCH)
			sources(t, from, s->at[i], s->registers + i * n);
		else
			memset(s->registers + i * n, 0xff, n * sizeof *s->registers);
	}
	_Static_assert(NONE == 0xffff, "memset writes it");
}

/* What must be equal in equal states, names of registers apart. */
static void make_key(struct tagged *t, struct state *s)
{
	struct buf b;

	buf_init(&b, t->scratch);
	buf_addc(&b, s->rows > s->n);
	buf_add(&b, s->at, s->n * sizeof *s->at);
	buf_add(&b, s->depth, s->n * s->n * sizeof *s->depth);
	buf_add(&b, s->better, s->n * s->n * sizeof *s->better);
	for (uint32_t i = 0; i < s->rows * t->nfa->n_slots; i++)
		buf_addc(&b, s->registers[i] == NONE);
	s->key = (const uint8_t *)b.p;
	s->key_size = (uint32_t)b.n;
}

/* ---- lists of operations ----------------------------------------------------------------------- */

static uint32_t list_number(struct tagged *t, const struct abi_regex_op *ops, uint32_t n)
{
	struct dfa_list list = { .n = n };
	struct buf key;
	void *known;

	if (!n)
		return 0;
	buf_init(&key, t->scratch);
	for (uint32_t i = 0; i < n; i++)
		buf_addf(&key, "%x=%x ", ops[i].to, ops[i].from);
	known = map_find(t->lists, buf_str(&key));
	if (known)
		return (uint32_t)(uintptr_t)known - 1;
	list.ops = arena_dup(t->dfa->arena, ops, n * sizeof *ops);
	vec_push(t->dfa->arena, &t->dfa->lists, list);
	map_put(t->lists, buf_str(&key), (void *)(uintptr_t)t->dfa->lists.n);
	return t->dfa->lists.n - 1;
}

static bool is_read(const struct abi_regex_op *ops, uint32_t n, uint16_t reg)
{
	for (uint32_t i = 0; i < n; i++)
		if (ops[i].from == reg)
			return true;
	return false;
}

static void take_out(struct abi_regex_op *ops, uint32_t *n, uint32_t i)
{
	memmove(ops + i, ops + i + 1, (--*n - i) * sizeof *ops);
}

/*
 * Assignments that happen at once, as a list that runs in order: a register is
 * written when nobody reads it any more; a circle goes by way of a spare one.
 */
static uint32_t sequence(struct tagged *t, struct abi_regex_op *ops, uint32_t n)
{
	struct abi_regex_op *out = arena_array(t->scratch, struct abi_regex_op, n * 2);
	uint32_t done = 0, i;

	while (n) {
		for (i = 0; i < n && is_read(ops, n, ops[i].to); i++)
			;
		if (i < n) {
			out[done++] = ops[i];
			take_out(ops, &n, i);
			continue;
		}
		out[done++] = (struct abi_regex_op){ ABI_REGEX_SPARE, ops[0].from };
		ops[0].from = ABI_REGEX_SPARE;
	}
	return list_number(t, out, done);
}

/* ---- known states -------------------------------------------------------------------------------- */

/* Whether `new` is `known` under other names; ops: what renames. */
static bool rename_to(struct tagged *t, const struct state *new, const struct state *known,
		      uint32_t *ops)
{
	struct abi_regex_op *list = arena_array(t->scratch, struct abi_regex_op, ABI_REGEX_REGISTERS);
	uint16_t source[ABI_REGEX_REGISTERS];
	uint32_t n = 0;

	memset(source, 0xff, sizeof source);
	for (uint32_t i = 0; i < new->rows * t->nfa->n_slots; i++) {
		uint16_t r = known->registers[i];

		if (r == NONE)
			continue;
		if (source[r] != NONE && source[r] != new->registers[i])
			return false;
		source[r] = new->registers[i];
	}
	for (uint32_t r = 0; r < ABI_REGEX_REGISTERS; r++)
		if (source[r] != NONE && source[r] != r)
			list[n++] = (struct abi_regex_op){ (uint16_t)r, source[r] };
	*ops = sequence(t, list, n);
	return true;
}

/* Values that a step sets get registers that nothing else in the state has. */
static uint32_t name_registers(struct tagged *t, struct state *s)
{
	bool taken[ABI_REGEX_REGISTERS] = { false };
	struct abi_regex_op *list = arena_array(t->scratch, struct abi_regex_op, t->nfa->n_slots);
	uint32_t n = t->nfa->n_slots, n_ops = 0, next = 0;

	for (uint32_t i = 0; i < s->rows * n; i++)
		if (s->registers[i] < ABI_REGEX_REGISTERS)
			taken[s->registers[i]] = true;
	for (uint32_t slot = 0; slot < n; slot++) {
		bool named = false;

		for (uint32_t i = slot; i < s->rows * n; i += n) {
			if (s->registers[i] != POSITION)
				continue;
			while (!named && next < ABI_REGEX_SPARE && taken[next])
				next++;
			if (next >= ABI_REGEX_SPARE) {
				t->failure = "needs too many registers for its groups";
				return 0;
			}
			if (!named)
				list[n_ops++] = (struct abi_regex_op){ (uint16_t)next, POSITION };
			named = true;
			s->registers[i] = (uint16_t)next;
		}
		if (named)
			taken[next] = true;
	}
	return sequence(t, list, n_ops);
}

static void remember(struct tagged *t, struct state *s, uint64_t hash, struct state *first)
{
	struct state *k = arena_dup(t->states, s, sizeof *s);
	uint32_t pairs = s->n * s->n;

	k->number = t->all.n;
	k->same_hash = first;
	k->at = arena_dup(t->states, s->at, s->n * sizeof *s->at);
	k->registers = arena_dup(t->states, s->registers,
				 s->rows * t->nfa->n_slots * sizeof *s->registers);
	k->depth = arena_dup(t->states, s->depth, pairs * sizeof *s->depth);
	k->better = arena_dup(t->states, s->better, pairs * sizeof *s->better);
	k->key = arena_dup(t->states, s->key, s->key_size);
	map_put_u64(t->known, hash, k);
	vec_push(t->states, &t->all, k);
}

/* The number of a state that has been collected; made if new. */
static uint32_t settle(struct tagged *t, struct state *s, uint32_t *ops)
{
	struct state *first;
	uint64_t hash;

	*ops = 0;
	if (!s->rows)
		return DFA_DEAD;
	make_key(t, s);
	hash = base_hash(s->key, s->key_size);
	first = map_find_u64(t->known, hash);
	for (struct state *k = first; k; k = k->same_hash)
		if (k->key_size == s->key_size && memcmp(k->key, s->key, s->key_size) == 0 &&
		    rename_to(t, s, k, ops))
			return k->number;
	*ops = name_registers(t, s);
	remember(t, s, hash, first);
	return t->all.n - 1;
}

/* ---- transitions --------------------------------------------------------------------------------------- */

#define NO_CLASS UINT32_MAX /* nothing is taken: the start */

/* All paths that take a byte of the class. */
static void follow_all(struct tagged *t, const struct state *from, uint32_t class, bool at_end)
{
	begin(t);
	for (uint32_t i = 0; i < from->n; i++) {
		const struct nfa_state *s = &t->nfa->states.p[from->at[i]];

		if (s->kind == NFA_SEARCH)
			relax(t, from, (struct path){ from->at[i], i, NULL }, false);
		else if (s->kind == NFA_SET && class != NO_CLASS && t->nfa->takes[s->set][class])
			relax(t, from, (struct path){ s->next, i, NULL }, false);
	}
	close_over(t, from, class == NO_CLASS, at_end);
}

static uint32_t step(struct tagged *t, const struct state *from, uint32_t class, uint32_t *ops)
{
	struct arena_mark mark = arena_mark(t->scratch);
	struct state s = { 0 };
	uint32_t to;

	follow_all(t, from, class, false);
	collect(t, from, &s);
	if (t->nfa->has_end)
		follow_all(t, from, class, true);
	if (t->reached[FINAL]) {
		sources(t, from, FINAL, s.registers + s.n * t->nfa->n_slots);
		s.rows++;
	}
	to = settle(t, &s, ops);
	arena_reset(t->scratch, mark);
	return to;
}

/* A list that fills the slots from a row of registers. */
static uint32_t row_of(struct tagged *t, const uint16_t *registers)
{
	uint32_t n = t->nfa->n_slots;
	struct abi_regex_op *row = arena_array(t->scratch, struct abi_regex_op, n);

	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct abi_regex_op){ (uint16_t)i, registers[i] };
	return list_number(t, row, n);
}

static void add_rows(struct tagged *t, const struct state *s)
{
	struct arena_mark mark = arena_mark(t->scratch);
	uint32_t n = t->nfa->n_slots, final = final_thread(t, s);

	if (final != REGEX_NONE)
		t->dfa->accept[s->number] = row_of(t, s->registers + final * n);
	if (s->rows > s->n)
		t->dfa->end[s->number] = row_of(t, s->registers + s->n * n);
	arena_reset(t->scratch, mark);
}

/* ---- the construction ------------------------------------------------------------------------------------ */

static void start(struct tagged *t)
{
	uint32_t at = t->nfa->start;
	int16_t depth = 0;
	int8_t better = 0;
	uint16_t *none = arena_array(t->states, uint16_t, t->nfa->n_slots);
	struct state before = {
		.n = 1, .at = &at, .registers = none, .depth = &depth, .better = &better
	};

	memset(none, 0xff, t->nfa->n_slots * sizeof *none);
	t->dfa->start = step(t, &before, NO_CLASS, &t->dfa->start_ops);
}

static void prepare(struct tagged *t)
{
	uint32_t n = t->nfa->states.n;

	t->known = map_create(t->states);
	t->lists = map_create(t->states);
	t->best = arena_array(t->states, struct path, n);
	t->reached = arena_array(t->states, bool, n);
	t->started = arena_array(t->states, bool, n);
	t->queue = arena_array(t->states, uint32_t, n);
	t->touched = arena_array(t->states, uint32_t, n);
	t->queued = arena_array(t->states, bool, n);
	vec_push(t->dfa->arena, &t->dfa->lists, (struct dfa_list){ 0 });
	vec_push(t->states, &t->all, NULL);
}

static void run(struct tagged *t)
{
	struct dfa *d = t->dfa;
	uint32_t n = t->nfa->n_classes, most = ABI_REGEX_CELLS / (n + ABI_REGEX_EXTRA_CELLS);

	d->next = arena_array(d->arena, uint32_t, (most + 1) * n);
	d->ops = arena_array(d->arena, uint32_t, (most + 1) * n);
	d->accept = arena_array(d->arena, uint32_t, most + 1);
	d->end = arena_array(d->arena, uint32_t, most + 1);
	start(t);
	for (uint32_t i = 1; i < t->all.n && !t->failure; i++) {
		if (t->all.n > most || d->lists.n > ABI_REGEX_LISTS) {
			t->failure = "needs too large a table";
			return;
		}
		for (uint32_t c = 0; c < n && !t->failure; c++)
			d->next[i * n + c] = step(t, t->all.p[i], c, &d->ops[i * n + c]);
		add_rows(t, t->all.p[i]);
	}
	d->n_states = t->all.n;
	d->n_classes = n;
}

const char *regex_tagged(const struct nfa *n, struct dfa *d)
{
	struct tagged t = { .nfa = n, .dfa = d, .states = arena_create(), .scratch = arena_create() };

	prepare(&t);
	run(&t);
	arena_destroy(t.scratch);
	arena_destroy(t.states);
	return t.failure;
}
