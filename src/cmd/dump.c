/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dump-functions, --dump-probe-types, --dump-probe-aliases: what a script may use, a line for each, sorted,
 * in the form that SystemTap's lists have:
 *	tokenize:string (input:string, delim:string)
 *	timer.ms(number).randomize(number)
 *	init = begin(-9223372036854775808)
 */
#include "cmd/driver.h"
#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

struct lines {
	VEC(const char *) list;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_lines(const struct lines *l)
{
	const char *last = "";

	if (l->list.n)
		qsort(l->list.p, l->list.n, sizeof *l->list.p, compare);
	vec_each(line, &l->list) {
		if (strcmp(*line, last) != 0)
			puts(*line);
		last = *line;
	}
	return 0;
}

/* The library, or a message. */
static bool load(struct cmd_session *s)
{
	struct error *e;

	cmd_prepare(s);
	e = cmd_tapset_load(s);
	if (e)
		cmd_error(s, e);
	return !e && cmd_pass_check(s, 1);
}

static bool is_shown(const struct cmd_session *s, const char *name)
{
	return name[0] != '_' || s->options->verbose[0];
}

/* ---- functions ----------------------------------------------------------------------------- */

static void add_parameter(struct buf *b, const char *name, enum lang_type type, bool first)
{
	buf_addf(b, "%s%s:%s", first ? "" : ", ", name, lang_type_name(type));
}

static const char *native_line(struct arena *a, const struct sema_builtin *f)
{
	struct buf b;

	buf_init(&b, a);
	buf_addf(&b, "%s:%s (", f->name, lang_type_name(f->type));
	for (uint32_t i = 0; i < f->n_parameters; i++)
		add_parameter(&b, f->names[i] ? f->names[i] : "value", f->parameters[i], i == 0);
	buf_addf(&b, ")%s", f->flags & BUILTIN_GURU ? " /* guru */" : "");
	return buf_str(&b);
}

static const char *library_line(struct arena *a, const struct function_decl *f)
{
	struct buf b;

	buf_init(&b, a);
	buf_addf(&b, "%s:%s (", f->name, lang_type_name(f->type));
	vec_each(v, &f->parameters)
		add_parameter(&b, (*v)->name, (*v)->type, v == f->parameters.p);
	buf_addf(&b, ")");
	return buf_str(&b);
}

int cmd_dump_functions(struct cmd_session *s)
{
	const struct sema_builtin *f;
	struct lines lines = { 0 };

	if (!load(s))
		return 1;
	for (uint32_t i = 0; (f = sema_builtin_at(i)); i++)
		if (is_shown(s, f->name))
			vec_push(s->arena, &lines.list, native_line(s->arena, f));
	vec_each(file, &s->library)
		vec_each(d, &(*file)->functions)
			if (!(*d)->is_private && is_shown(s, (*d)->name))
				vec_push(s->arena, &lines.list, library_line(s->arena, *d));
	return print_lines(&lines);
}

/* ---- probe points -------------------------------------------------------------------------- */

int cmd_dump_types(struct cmd_session *s)
{
	struct lines lines = { 0 };

	for (const struct sema_provider *const *p = probe_providers(); *p; p++)
		for (const char *const *type = (*p)->types; type && *type; type++)
			if (**type != '_')
				vec_push(s->arena, &lines.list, *type);
	return print_lines(&lines);
}

static const char *alias_line(struct arena *a, const struct probe_point *name, const struct probe_decl *d)
{
	struct buf b;

	buf_init(&b, a);
	buf_addf(&b, "%s = ", lang_point_text(a, name, false));
	vec_each(p, &d->points)
		buf_addf(&b, "%s%s", p == d->points.p ? "" : ", ", lang_point_text(a, *p, true));
	return buf_str(&b);
}

int cmd_dump_aliases(struct cmd_session *s)
{
	struct lines lines = { 0 };

	if (!load(s))
		return 1;
	vec_each(file, &s->library)
		vec_each(d, &(*file)->aliases)
			vec_each(name, &(*d)->names)
				if (is_shown(s, (*name)->components.p[0].name))
					vec_push(s->arena, &lines.list, alias_line(s->arena, *name, *d));
	return print_lines(&lines);
}
