/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics about scripts: recorded where they arise, rendered in one place. */
#include "base/render.h"

#include <string.h>

const struct diag_info diag_infos[DIAG_TAG_COUNT] = {
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
	if (diag_infos[tag].severity == DIAG_ERROR || l->warnings_are_errors)
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
	return diag_infos[tag].name;
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

		if (diag_infos[d->tag].severity == DIAG_WARNING && l->suppress_warnings &&
		    !l->warnings_are_errors)
			continue;
		if (shown == DIAG_SHOWN) {
			fprintf(to, "... and %u more\n", l->list.n - i);
			break;
		}
		if (said_before(l, i))
			continue;
		diag_render_one(d, set, to, colour);
		shown++;
	}
	l->list.n = 0;
}
