/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wildcards in component names: `timer.*`, `t*.s(1)`, `**.call`.
 *
 * `*` stands for part of one name.  `**` may also span several components:
 * what it swallows takes no arguments, so the arguments of the point belong to
 * the last component that the wildcarded one stands for.
 */
#include "sema/pattern.h"
#include "sema/private.h"

#include <string.h>

struct match {
	struct sema *sema;
	const struct probe_point *point;
	const struct pattern *pattern;
	struct probe_point *made; /* the concrete point so far */
	sema_point_list *out;
	struct map *seen; /* texts of points already found */
};

bool sema_point_has_wildcard(const struct probe_point *p)
{
	vec_each(c, &p->components)
		if (strchr(c->name, '*'))
			return true;
	return false;
}

static void keep(struct match *m, uint32_t from)
{
	struct arena *a = m->sema->arena;
	struct probe_point *p = arena_dup(a, m->made, sizeof *p);
	const char *text;

	p->components.p = arena_dup(a, m->made->components.p,
				    m->made->components.n * sizeof *p->components.p);
	p->components.cap = p->components.n;
	for (; from < m->point->components.n; from++)
		vec_push(a, &p->components, m->point->components.p[from]);
	text = lang_point_text(a, p, false);
	if (map_find(m->seen, text))
		return;
	map_put(m->seen, text, p);
	vec_push(a, m->out, p);
}

static void match_from(struct match *m, uint32_t i, const char *name, uint32_t at, bool open);

/* Takes component `at` of the pattern for component i of the point, then goes on. */
static void take(struct match *m, uint32_t i, uint32_t at, bool with_argument, const char *rest,
		 bool open)
{
	struct point_component c = m->point->components.p[i];

	c.name = m->pattern->components.p[at].name;
	if (!with_argument) {
		c.has_argument = false;
		c.argument = NULL;
	}
	vec_push(m->sema->arena, &m->made->components, c);
	match_from(m, rest ? i : i + 1, rest, at + 1, open);
	m->made->components.n--;
}

static bool argument_fits(const struct point_component *c, const struct pattern_component *p)
{
	struct pattern_component same = *p;

	same.name = c->name;
	return sema_pattern_accepts(&same, c);
}

/* `open`: an alias may be followed by a suffix. name: what is left of a `**` component, or NULL. */
static void match_from(struct match *m, uint32_t i, const char *name, uint32_t at, bool open)
{
	const struct point_component *c;
	const struct pattern_component *p;
	const char *stars;

	if (at == m->pattern->components.n) {
		if (i == m->point->components.n ||
		    (open && !name && !strchr(m->point->components.p[i].name, '*')))
			keep(m, i);
		return;
	}
	if (i == m->point->components.n)
		return;
	c = &m->point->components.p[i];
	p = &m->pattern->components.p[at];
	name = name ? name : c->name;
	if (argument_fits(c, p) && base_glob(name, p->name))
		take(m, i, at, true, NULL, open);
	stars = strstr(name, "**");
	if (stars && p->argument == PATTERN_NONE &&
	    base_glob(arena_strndup(m->sema->arena, name, (size_t)(stars - name) + 1), p->name))
		take(m, i, at, false, stars, open);
}

static void match_pattern(struct match *m, const struct pattern *p, bool open)
{
	m->pattern = p;
	m->made->components.n = 0;
	match_from(m, 0, NULL, 0, open);
}

sema_point_list sema_point_candidates(struct sema *s, const struct probe_point *p)
{
	struct probe_point made = *p;
	sema_point_list out = { 0 };
	struct match m = { s, p, NULL, &made, &out, map_create(s->arena) };
	struct pattern pattern;

	made.components.p = NULL;
	made.components.n = made.components.cap = 0;
	for (const struct sema_provider *const *provider = s->options->providers; *provider;
	     provider++)
		for (uint32_t i = 0; (*provider)->types && (*provider)->types[i]; i++) {
			if ((*provider)->types[i][0] == '_') /* the library's own */
				break;
			pattern = sema_pattern_parse(s->arena, (*provider)->types[i]);
			match_pattern(&m, &pattern, false);
		}
	vec_each(alias, &s->aliases) {
		pattern = sema_pattern_of_point(s->arena, alias->name);
		match_pattern(&m, &pattern, true);
	}
	return out;
}
