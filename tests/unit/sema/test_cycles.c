/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that reach themselves: random graphs against what following all paths says, and the effort. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include "sema/cycles.h"

#define NODES 12u
#define DEEP 100000u

static bool reaches(const struct sema_graph *g, uint32_t from, uint32_t to, bool *seen)
{
	for (uint32_t i = g->first[from]; i < g->first[from + 1]; i++) {
		uint32_t next = g->edges[i];

		if (next == to)
			return true;
		if (seen[next])
			continue;
		seen[next] = true;
		if (reaches(g, next, to, seen))
			return true;
	}
	return false;
}

static void cycles_are_found(void **state)
{
	struct arena *a = arena_create();

	(void)state;
	srand(1);
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t first[NODES + 1], edges[NODES * 4], n = 0, most = (uint32_t)rand() % 4 + 1;
		bool in_cycle[NODES];
		struct sema_graph g = { NODES, first, edges };

		for (uint32_t i = 0; i < NODES; i++) {
			first[i] = n;
			for (uint32_t k = (uint32_t)rand() % (most + 1); k > 0; k--)
				edges[n++] = (uint32_t)rand() % NODES;
		}
		first[NODES] = n;
		assert_int_equal(sema_cycles_find(a, &g, in_cycle), n);
		for (uint32_t i = 0; i < NODES; i++) {
			bool seen[NODES] = { false };

			assert_int_equal(in_cycle[i], reaches(&g, i, i, seen));
		}
	}
	arena_destroy(a);
}

/* Node after node, the last leading back to the one in the middle: each edge is looked at once. */
static void long_chains_take_each_edge_once(void **state)
{
	struct arena *a = arena_create();
	uint32_t *first = arena_array(a, uint32_t, DEEP + 1), *edges = arena_array(a, uint32_t, DEEP);
	bool *in_cycle = arena_array(a, bool, DEEP);
	struct sema_graph g = { DEEP, first, edges };

	(void)state;
	for (uint32_t i = 0; i < DEEP; i++) {
		first[i] = i;
		edges[i] = i + 1 < DEEP ? i + 1 : DEEP / 2;
	}
	first[DEEP] = DEEP;
	assert_int_equal(sema_cycles_find(a, &g, in_cycle), DEEP);
	for (uint32_t i = 0; i < DEEP; i++)
		assert_int_equal(in_cycle[i], i >= DEEP / 2);
	arena_destroy(a);
}

int sema_cycles_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycles_are_found),
		cmocka_unit_test(long_chains_take_each_edge_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
