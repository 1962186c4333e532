/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that a script counted, for a flame graph: elements of arrays that have a stack among their keys.
 *
 *	n[execname(), ubacktrace()] <<< 1      n["sort", "0x4011a6 0x7f53..."]: @count 17
 *	                                  ──▶  sort ; main ; work ; leaf                17
 *
 * When handlers have ended all is in the bases of the globals. Other keys become frames, outside of the stack's own.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/session.h"
#include "runtime/unwind.h"

#define FRAMES_MOST 1024u
#define INLINED_MOST 32u

struct teller {
	struct ctl_session *s;
	struct arena *arena;
	const struct abi_modules *modules;
	struct map *known; /* address as it is looked up: struct named */
};

/* What an address stands for: functions inlined there, and the function itself, the outermost first. */
struct named {
	const char **names;
	uint32_t n;
};

static struct abi_map *base_of(const struct ctl_session *s, const struct bundle_global *g)
{
	return (void *)((char *)s->region + g->layout.base_offset);
}

/* The text of a key; a number's in decimal. */
static const char *key_text(struct teller *t, const struct abi_map *m, const uint8_t *entry, uint32_t number)
{
	const uint8_t *at = entry + ABI_ENTRY_HEAD;
	const struct abi_string *text;
	int64_t value;

	for (uint32_t i = 0; i < number; i++)
		at += m->string_keys >> i & 1 ? base_align(ABI_STRING_HEAD + (size_t)m->max_string, (size_t)8) : 8;
	if (m->string_keys >> number & 1) {
		text = (const void *)at;
		return arena_strndup(t->arena, text->text, base_min(text->length, m->max_string));
	}
	memcpy(&value, at, sizeof value);
	return arena_printf(t->arena, "%ld", (long)value);
}

/* Of statistics the sum where it is kept: what was counted with `<<< 1` has its number there, too. */
static uint64_t value_of(const struct abi_map *m, const uint8_t *entry)
{
	const struct abi_stat *stat = (const void *)(entry + m->value_offset);
	int64_t value;

	memcpy(&value, entry + m->value_offset, sizeof value);
	if (m->value_kind == ABI_VALUE_STAT)
		value = m->stat.keep & ABI_KEEP_SUM ? stat->sum : stat->count;
	return value > 0 ? (uint64_t)value : 0;
}

static bool is_stack(const char *text)
{
	return strncmp(text, "0x", 2) == 0 && strspn(text, "0123456789abcdefx ") == strlen(text);
}

/* ---- names -------------------------------------------------------------------------------------- */

static struct named *name_it(struct teller *t, const struct rt_place *place, const struct abi_module *m, uint64_t address)
{
	struct named *out = arena_new(t->arena, struct named);
	struct elf_source sources[INLINED_MOST];
	struct elf_file *f = m ? ctl_tables_file(t->s, m->tables) : NULL;
	uint32_t n = f ? elf_sources_at(t->arena, f, place->lookup - m->bias, sources, INLINED_MOST) : 0;
	char text[512];
	struct rt_writer w = { .p = text, .most = sizeof text };

	while (n && !sources[n - 1].function)
		n--;
	out->names = arena_array(t->arena, const char *, n + 1);
	/* The linker's name is what everybody knows the function by, unless it is a mangled one. */
	if (n && place->symbol.n && place->symbol.p[0] != '_')
		sources[n - 1].function = arena_strndup(t->arena, place->symbol.p, place->symbol.n);
	for (uint32_t i = n; i-- > 0;)
		if (sources[i].function)
			out->names[out->n++] = sources[i].function;
	if (out->n)
		return out;
	rt_write_place(&w, place, address, place->symbol.n ? RT_PLACE_NAME : RT_PLACE_SIMPLE);
	out->names[out->n++] = arena_strndup(t->arena, text, w.n);
	return out;
}

static const struct named *name_of(struct teller *t, uint64_t address, bool *exact)
{
	const struct abi_module *m = rt_module_at(t->modules, address - 1);
	struct rt_place place;
	struct named *known;

	if (m)
		ctl_tables_file(t->s, m->tables); /* makes its symbols */
	rt_place_of_frame(t->s->region, t->modules, address, exact, &place);
	known = map_find_u64(t->known, place.lookup);
	if (!known) {
		known = name_it(t, &place, m, address);
		map_put_u64(t->known, place.lookup, known);
	}
	return known;
}

/* Frames of a stack, the outermost first, behind those that are in `frames` already. */
static uint32_t add_stack(struct teller *t, const char *text, const char **frames, uint32_t n)
{
	VEC(const struct named *) stack = { 0 };
	bool exact = true;
	char *end;

	while (*text && stack.n < FRAMES_MOST) {
		uint64_t address = strtoull(text, &end, 16);

		if (end == text)
			break;
		vec_push(t->arena, &stack, name_of(t, address, &exact));
		text = end;
	}
	for (uint32_t i = stack.n; i-- > 0;)
		for (uint32_t k = 0; k < stack.p[i]->n && n < FRAMES_MOST; k++)
			frames[n++] = stack.p[i]->names[k];
	return n;
}

/* ---- arrays --------------------------------------------------------------------------------------- */

static void tell_entry(struct teller *t, const struct abi_map *m, const uint8_t *entry)
{
	const char *frames[FRAMES_MOST], *stack = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n_keys; i++) {
		const char *text = key_text(t, m, entry, i);

		if (!stack && is_stack(text))
			stack = text;
		else
			frames[n++] = text;
	}
	if (!stack)
		return;
	n = add_stack(t, stack, frames, n);
	t->s->options->stack(t->s->options->stack_user, frames, n, value_of(m, entry));
}

void ctl_stacks_tell(struct ctl_session *s)
{
	struct teller t = { .s = s, .arena = arena_create() };

	t.known = map_create(t.arena);
	t.modules = ctl_tables_list(s, s->tool.process->modules);
	vec_each(g, &s->bundle->globals) {
		const struct abi_map *m = g->layout.is_map ? base_of(s, g) : NULL;

		if (!m || !m->string_keys || m->value_kind == ABI_VALUE_STRING || !s->tables)
			continue;
		for (uint32_t i = m->first; i && i <= m->high;) {
			const uint8_t *entry = (const uint8_t *)m + m->entries_offset + (uint64_t)(i - 1) * m->entry_size;

			tell_entry(&t, m, entry);
			i = ((const struct abi_entry *)(const void *)entry)->next;
		}
	}
	arena_destroy(t.arena);
}
