/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics about scripts: recorded where they arise, rendered in one place. */
#include "base/base.h"

#include <string.h>

struct diag_info {
	const char *name;
	enum diag_severity severity;
	const char *head;
};

static const struct diag_info infos[DIAG_TAG_COUNT] = {
#define DIAG(tag, name, severity, head) [DIAG_##tag] = { name, severity, head },
#include "base/diag.def"
#undef DIAG
};

void diag_list_init(struct diag_list *l, struct arena *a)
{
	*l = (struct diag_list){ .arena = a };
}

struct diag *diag_add(struct diag_list *l, enum diag_tag tag, struct span at, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(l->arena, fmt, ap);
	va_end(ap);
	if (infos[tag].severity == DIAG_ERROR || l->warnings_are_errors)
		l->errors++;
	else
		l->warnings++;
	vec_push(l->arena, &l->list, (struct diag){ .tag = tag, .span = at, .text = text });
	return &l->list.p[l->list.n - 1];
}

void diag_note(struct diag_list *l, struct diag *d, struct span at, const char *fmt, ...)
{
	struct diag_note *n = arena_new(l->arena, struct diag_note), **end = &d->notes;
	va_list ap;

	va_start(ap, fmt);
	n->text = arena_vprintf(l->arena, fmt, ap);
	va_end(ap);
	n->span = at;
	while (*end)
		end = &(*end)->next;
	*end = n;
}

const char *diag_tag_name(enum diag_tag tag)
{
	return infos[tag].name;
}

/* The line of the place with a caret under the span; wide tabs are kept as they are. */
static void render_line(const struct source *s, struct span at, uint32_t line, uint32_t column, FILE *to,
			const char *on, const char *off)
{
	const char *start = s->text + s->lines[line - 1];
	const char *end = strchr(start, '\n');
	size_t length = end ? (size_t)(end - start) : strlen(start);
	size_t marks = base_max(base_min((size_t)at.length, length - base_min(length, column - 1u)), (size_t)1);

	fprintf(to, "%5u | %.*s\n      | ", line, (int)length, start);
	for (uint32_t i = 0; i + 1 < column && i < length; i++)
		fputc(start[i] == '\t' ? '\t' : ' ', to);
	fputs(on, to);
	for (size_t i = 0; i < marks; i++)
		fputc('^', to);
	fprintf(to, "%s\n", off);
}

static void render_place(const struct source_set *set, struct span at, FILE *to, const char *tag,
			 const char *on, const char *off)
{
	const struct source *s = source_get(set, at.source);
	const char *name;
	uint32_t line, column;

	if (!s) {
		if (tag)
			fprintf(to, " [%s]", tag);
		fputc('\n', to);
		return;
	}
	source_position(set, at, &name, &line, &column);
	fprintf(to, " at %s:%u:%u", name, line, column);
	if (tag)
		fprintf(to, " [%s]", tag);
	fputc('\n', to);
	render_line(s, at, line, column, to, on, off);
}

static void render_one(const struct diag *d, const struct source_set *set, FILE *to, bool colour)
{
	const struct diag_info *info = &infos[d->tag];
	const char *off = colour ? "\33[0m" : "", *on = "";

	if (colour)
		on = info->severity == DIAG_ERROR ? "\33[1;31m" : "\33[1;33m";
	fprintf(to, "%s%s:%s %s", on, info->head, off, d->text);
	render_place(set, d->span, to, info->name, on, off);
	for (const struct diag_note *n = d->notes; n; n = n->next) {
		fprintf(to, "  note: %s", n->text);
		render_place(set, n->span, to, NULL, on, off);
	}
}

/* The same words at the same place are said once. */
static bool said_before(const struct diag_list *l, uint32_t i)
{
	const struct diag *d = &l->list.p[i];

	for (uint32_t k = 0; k < i; k++) {
		const struct diag *o = &l->list.p[k];

		if (o->tag == d->tag && o->span.source == d->span.source &&
		    o->span.offset == d->span.offset && strcmp(o->text, d->text) == 0)
			return true;
	}
	return false;
}

#define DIAG_SHOWN 50

void diag_render(struct diag_list *l, const struct source_set *set, FILE *to, bool colour)
{
	uint32_t shown = 0;

	for (uint32_t i = 0; i < l->list.n; i++) {
		const struct diag *d = &l->list.p[i];

		if (infos[d->tag].severity == DIAG_WARNING && l->suppress_warnings &&
		    !l->warnings_are_errors)
			continue;
		if (shown == DIAG_SHOWN) {
			fprintf(to, "... and %u more\n", l->list.n - i);
			break;
		}
		if (said_before(l, i))
			continue;
		render_one(d, set, to, colour);
		shown++;
	}
	l->list.n = 0;
}
