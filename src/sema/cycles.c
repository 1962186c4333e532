/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that reach themselves: those of a strongly connected component of more than one
 * node, and those with an edge to themselves.
 *
 * Tarjan's search numbers nodes in the order in which it comes to them. `low` is the lowest number
 * that a node is seen to reach among those whose component is not known yet; a node that reaches no lower one than itself is
 * the first of its component, which is what is above it on the stack. The path is kept in
 * memory, because a script's functions may call each other thousands deep.
 */
#include "sema/cycles.h"

#define NOWHERE UINT32_MAX

struct search {
	const struct sema_graph *graph;
	bool *in_cycle;
	uint32_t *number, *low; /* from 1; 0: not come to yet. NOWHERE: its component is known */
	uint32_t *next; /* edge to look at */
	uint32_t *path, *stack;
	uint32_t n_path, n_stack, numbered;
	uint64_t looked_at;
};

static void enter(struct search *s, uint32_t node)
{
	s->number[node] = s->low[node] = ++s->numbered;
	s->next[node] = s->graph->first[node];
	s->path[s->n_path++] = node;
	s->stack[s->n_stack++] = node;
}

/* The component on top of the stack, whose first node this is. */
static void component_end(struct search *s, uint32_t first)
{
	bool alone = s->stack[s->n_stack - 1] == first;
	uint32_t node;

	do {
		node = s->stack[--s->n_stack];
		s->number[node] = NOWHERE;
		s->in_cycle[node] |= !alone;
	} while (node != first);
}

static void leave(struct search *s, uint32_t node)
{
	uint32_t above;

	s->n_path--;
	if (s->low[node] == s->number[node])
		component_end(s, node);
	if (!s->n_path)
		return;
	above = s->path[s->n_path - 1];
	s->low[above] = base_min(s->low[above], s->low[node]);
}

static void follow(struct search *s, uint32_t node)
{
	uint32_t to = s->graph->edges[s->next[node]++];

	s->looked_at++;
	s->in_cycle[node] |= to == node;
	if (!s->number[to])
		enter(s, to);
	else if (s->number[to] != NOWHERE)
		s->low[node] = base_min(s->low[node], s->number[to]);
}

uint64_t sema_cycles_find(struct arena *a, const struct sema_graph *g, bool *in_cycle)
{
	struct search s = { .graph = g,
			    .in_cycle = in_cycle,
			    .number = arena_array(a, uint32_t, g->n),
			    .low = arena_array(a, uint32_t, g->n),
			    .next = arena_array(a, uint32_t, g->n),
			    .path = arena_array(a, uint32_t, g->n),
			    .stack = arena_array(a, uint32_t, g->n) };

	for (uint32_t i = 0; i < g->n; i++)
		in_cycle[i] = false;
	for (uint32_t i = 0; i < g->n; i++) {
		if (!s.number[i])
			enter(&s, i);
		while (s.n_path) {
			uint32_t node = s.path[s.n_path - 1];

			if (s.next[node] < g->first[node + 1])
				follow(&s, node);
			else
				leave(&s, node);
		}
	}
	return s.looked_at;
}
