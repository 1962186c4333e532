/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.begin, .end, .thread.begin and .thread.end: the life of processes and threads.
 *
 * They have no place in a file: a program, if one is named, only says whose life is meant.
 * `process` alone is any process that the session follows.
 */
#include "probe/process.h"

static struct sema_point *add(struct process_query *q, const char *listed)
{
	struct sema_resolver *r = q->resolver;
	const struct point_component *root = &q->point->components.p[0];
	struct sema_point *p = sema_point_add(r, EVENT_LIFE, CONTEXT_TARGET, listed);

	p->type = "utrace";
	p->life = q->row->life;
	if (root->has_argument && root->argument->kind == EXPR_NUMBER)
		p->pid = (uint32_t)root->argument->number.value;
	return p;
}

bool process_life_resolve(struct process_query *q)
{
	struct arena *a = q->resolver->arena;
	const struct point_component *root = &q->point->components.p[0];

	if (!root->has_argument) {
		add(q, lang_point_text(a, q->point, false));
		return true;
	}
	if (!process_modules_find(q))
		return false;
	if (root->argument->kind == EXPR_NUMBER) {
		add(q, lang_point_text(a, q->point, false));
		return true;
	}
	vec_each(m, &q->modules)
		add(q, arena_printf(a, "%s.%s", m->listed, q->row->text))->program = m->file->path;
	return true;
}
