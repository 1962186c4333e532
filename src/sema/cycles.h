/* SPDX-License-Identifier: Apache-2.0 */
/* cycles: which nodes of a directed graph reach themselves. */
#ifndef SPILE_SEMA_CYCLES_H
#define SPILE_SEMA_CYCLES_H

#include "base/base.h"

struct sema_graph {
	uint32_t n; /* nodes */
	const uint32_t *first; /* n + 1 of them: node i's edges are edges[first[i]] up to edges[first[i + 1]] */
	const uint32_t *edges; /* the nodes they lead to */
};
/*
 * Sets in_cycle[i] for each node. Scratch memory is taken from the arena. Returns how many edges were
 * looked at: each once. Source: R. Tarjan, Depth-first search and linear graph algorithms, 1972.
 */
uint64_t sema_cycles_find(struct arena *a, const struct sema_graph *g, bool *in_cycle);

#endif
