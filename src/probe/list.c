/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of -l and -L; points of an alias are shown under its name. */
#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"

struct line_list {
	VEC(const char *) list;
};

static const char *locals_text(struct arena *a, const struct sema_probe *p)
{
	struct buf b;

	buf_init(&b, a);
	vec_each(v, &p->locals)
		buf_addf(&b, " %s:%s", (*v)->name, lang_type_name((*v)->type));
	return buf_str(&b);
}

static const char *arguments_text(struct arena *a, const struct sema_site *s)
{
	struct buf b;

	if (s->variables)
		return s->variables;
	buf_init(&b, a);
	for (uint32_t i = 0; i < s->n_args; i++)
		buf_addf(&b, " $arg%u:long", i + 1);
	return buf_str(&b);
}

static void probe_lines(struct arena *a, struct line_list *to, const struct sema_probe *p,
			bool with_variables)
{
	const char *locals = with_variables ? locals_text(a, p) : "";
	bool any = false;

	vec_each(it, &p->sites) {
		const struct sema_site *s = *it;
		const char *shown = s->listed ? s->listed : s->point;

		any = true;
		vec_push(a, &to->list, arena_printf(a, "%s%s%s", p->alias ? p->alias : shown, locals,
						    with_variables ? arguments_text(a, s) : ""));
	}
	if (!any && p->point->event != EVENT_SITE)
		vec_push(a, &to->list,
			 arena_printf(a, "%s%s", p->alias ? p->alias : p->point->point, locals));
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct line_list lines_of(struct arena *a, const struct sema_program *p, bool with_variables)
{
	struct line_list lines = { 0 };
	uint32_t kept = 0;

	vec_each(it, &p->probes)
		probe_lines(a, &lines, *it, with_variables);
	if (lines.list.n)
		qsort(lines.list.p, lines.list.n, sizeof *lines.list.p, compare_lines);
	for (uint32_t i = 0; i < lines.list.n; i++)
		if (!kept || strcmp(lines.list.p[kept - 1], lines.list.p[i]) != 0)
			lines.list.p[kept++] = lines.list.p[i];
	lines.list.n = kept;
	return lines;
}

void probe_list_print(FILE *to, struct arena *a, const struct sema_program *p, bool with_variables)
{
	struct line_list lines = lines_of(a, p, with_variables);

	vec_each(line, &lines.list)
		fprintf(to, "%s\n", *line);
}

uint32_t probe_list_count(struct arena *a, const struct sema_program *p)
{
	return lines_of(a, p, false).list.n;
}
