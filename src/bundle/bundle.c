/* SPDX-License-Identifier: Apache-2.0 */
/* Making a bundle and preparing a region for it. */
#include "bundle/bundle.h"

#include <string.h>

struct bundle *bundle_create(struct arena *a)
{
	struct bundle *b = arena_new(a, struct bundle);

	b->arena = a;
	return b;
}

uint32_t bundle_runtime_symbol(struct bundle *b, const char *name)
{
	for (uint32_t i = 0; i < b->runtime_symbols.n; i++)
		if (strcmp(b->runtime_symbols.p[i], name) == 0)
			return i;
	vec_push(b->arena, &b->runtime_symbols, arena_strdup(b->arena, name));
	return b->runtime_symbols.n - 1;
}

static void init_string(const struct bundle *b, const struct bundle_global *g,
			struct abi_string *to)
{
	uint32_t length = g->init_string ? g->init_length : 0;

	to->length = base_min(length, b->max_string - 1);
	if (to->length)
		memcpy(to->text, g->init_string, to->length);
	to->text[to->length] = 0;
}

void bundle_global_init(const struct bundle *b, uint32_t i, void *region)
{
	const struct bundle_global *g = &b->globals.p[i];
	struct abi_global *entry = (struct abi_global *)((char *)region + b->globals_offset) + i;
	char *base = (char *)region + g->layout.base_offset;

	*entry = g->layout;
	if (g->layout.is_map) {
		memcpy(base, &g->map, sizeof g->map);
		if (g->layout.share == ABI_SHARE_SHARDED)
			memcpy((char *)region + g->layout.merged_offset, &g->map, sizeof g->map);
	} else if (g->layout.kind == ABI_VALUE_LONG) {
		memcpy(base, &g->init_long, sizeof g->init_long);
	} else if (g->layout.kind == ABI_VALUE_STRING) {
		init_string(b, g, (struct abi_string *)base);
	}
}
