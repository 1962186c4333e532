/* SPDX-License-Identifier: Apache-2.0 */
/* Script texts and places in them. */
#include "base/base.h"

#include <errno.h>
#include <string.h>

struct source_set {
	struct arena *arena;
	VEC(struct source *) list;
	VEC(struct source_expansion) expansions;
};

struct source_set *source_set_create(struct arena *a)
{
	struct source_set *set = arena_new(a, struct source_set);

	set->arena = a;
	return set;
}

struct source *source_from_text(struct source_set *set, const char *name, const char *text, size_t length)
{
	struct source *s = arena_new(set->arena, struct source);

	s->name = arena_strdup(set->arena, name);
	s->text = arena_strndup(set->arena, text, length);
	s->length = length;
	vec_push(set->arena, &set->list, s);
	s->id = set->list.n;
	return s;
}

static struct error *read_stream(struct arena *a, FILE *f, const char *path, struct buf *out)
{
	char part[16384];
	size_t n;

	buf_init(out, a);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(out, part, n);
	if (ferror(f))
		return error_errno(errno, "cannot read '%s'", path);
	return NULL;
}

struct error *source_from_file(struct source_set *set, const char *path, struct source **out)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "re");
	struct error *e;
	struct buf text;

	if (!f)
		return error_errno(errno, "cannot open '%s'", path);
	e = read_stream(set->arena, f, path, &text);
	if (!standard)
		fclose(f);
	if (e)
		return e;
	*out = source_from_text(set, standard ? "<stdin>" : path, buf_str(&text), text.n);
	return NULL;
}

struct source *source_get(const struct source_set *set, uint32_t id)
{
	return id && id <= set->list.n ? set->list.p[id - 1] : NULL;
}

static void find_lines(struct arena *a, struct source *s)
{
	uint32_t n = 1, i = 0;

	for (size_t at = 0; at < s->length; at++)
		n += s->text[at] == '\n';
	s->lines = arena_array(a, uint32_t, n);
	s->n_lines = n;
	s->lines[i++] = 0;
	for (size_t at = 0; at < s->length; at++)
		if (s->text[at] == '\n')
			s->lines[i++] = (uint32_t)at + 1;
}

void source_position(const struct source_set *set, struct span at, const char **name, uint32_t *line,
		     uint32_t *column)
{
	struct source *s = source_get(set, at.source);
	uint32_t low = 0, high;

	if (!s) {
		*name = "<unknown>";
		*line = *column = 0;
		return;
	}
	if (!s->lines)
		find_lines(set->arena, s);
	high = s->n_lines;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (s->lines[middle] <= at.offset)
			low = middle;
		else
			high = middle;
	}
	*name = s->name;
	*line = low + 1;
	*column = at.offset - s->lines[low] + 1;
}

const char *source_place(struct arena *a, const struct source_set *set, struct span at)
{
	const char *name;
	uint32_t line, column;

	source_position(set, at, &name, &line, &column);
	return arena_printf(a, "%s:%u:%u", name, line, column);
}

uint32_t source_expansion_add(struct source_set *set, struct span at, const char *name)
{
	vec_push(set->arena, &set->expansions, (struct source_expansion){ at, name });
	return set->expansions.n;
}

const struct source_expansion *source_expansion(const struct source_set *set, uint32_t number)
{
	return number && number <= set->expansions.n ? &set->expansions.p[number - 1] : NULL;
}

struct span span_join(struct span a, struct span b)
{
	uint32_t end;

	if (!a.source || a.source != b.source)
		return a.source ? a : b;
	/* a macro's body and what stands around its use have no text in between */
	if (a.expansion != b.expansion)
		return a.expansion ? b : a;
	end = base_max(a.offset + a.length, b.offset + b.length);
	a.offset = base_min(a.offset, b.offset);
	a.length = end - a.offset;
	return a;
}
