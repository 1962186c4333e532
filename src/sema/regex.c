/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of the program: whether their groups matter, and their tables. */
#include "sema/private.h"

#include "regex/regex.h"

#include <string.h>

struct search {
	struct lang_walker walker;
	struct sema *sema;
	bool asks;
	struct map *known; /* patterns: number + 1 */
};

static void walk_all(struct search *f, bool (*visit)(struct lang_walker *w, struct expr **e))
{
	struct sema_program *p = f->sema->program;

	f->walker = (struct lang_walker){ .user = f, .expr = visit };
	vec_each(probe, &p->probes) {
		lang_walk_stmt(&f->walker, &(*probe)->body);
		lang_walk_expr(&f->walker, &(*probe)->condition);
	}
	vec_each(function, &p->functions)
		lang_walk_stmt(&f->walker, &(*function)->body);
}

/* ---- whether what matched is looked at -------------------------------------------------- */

static bool find_question(struct lang_walker *w, struct expr **e)
{
	struct search *f = w->user;

	if ((*e)->kind == EXPR_CALL && (*e)->call.builtin)
		f->asks |= (*e)->call.builtin->flags & BUILTIN_MATCH;
	return true;
}

static bool mark(struct lang_walker *w, struct expr **e)
{
	struct search *f = w->user;

	if ((*e)->kind == EXPR_REGEX)
		(*e)->regex.is_asked = f->asks;
	return true;
}

void sema_regexes_mark(struct sema *s)
{
	struct search f = { .sema = s };

	walk_all(&f, find_question);
	s->program->asks_match = f.asks;
	walk_all(&f, mark);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The byte of the pattern in the script, if the pattern is written there as it is. */
static struct span place(const struct sema *s, const struct expr *e, uint32_t at)
{
	const struct source *source = source_get(s->options->sources, e->regex.literal.source);

	return source ? lang_text_place(source, e->regex.literal, at) : e->token;
}

static void complain(struct sema *s, const struct expr *e, const struct regex_error *error)
{
	const char *pattern = lang_quote(s->arena, e->regex.pattern, e->regex.pattern_length);

	sema_error_named(s, DIAG_REGEX, place(s, e, error->at),
			 arena_printf(s->arena, "string '%.*s'", (int)strlen(pattern) - 2, pattern + 1),
			 "regex compilation error (at position %u): %s", error->at, error->text);
}

static bool compile(struct lang_walker *w, struct expr **at)
{
	struct search *f = w->user;
	struct sema *s = f->sema;
	struct expr *e = *at;
	struct regex_error error;
	struct regex_table table;
	struct buf key;
	void *known;

	if (e->kind != EXPR_REGEX)
		return true;
	buf_init(&key, s->arena);
	for (uint32_t i = 0; i < e->regex.pattern_length; i++)
		buf_addf(&key, "%02x", (uint8_t)e->regex.pattern[i]);
	known = map_find(f->known, buf_str(&key));
	if (known) {
		e->regex.regex = (uint32_t)(uintptr_t)known - 1;
		return true;
	}
	if (!regex_compile(s->arena, e->regex.pattern, e->regex.pattern_length, f->asks, &table,
			   &error)) {
		complain(s, e, &error);
		return true;
	}
	e->regex.regex = s->program->regexes.n;
	vec_push(s->arena, &s->program->regexes,
		 (struct sema_regex){ e->regex.pattern, e->regex.pattern_length, table.head });
	map_put(f->known, buf_str(&key), (void *)(uintptr_t)s->program->regexes.n);
	return true;
}

void sema_regexes_compile(struct sema *s)
{
	struct search f = { .sema = s, .known = map_create(s->arena) };

	sema_regexes_mark(s);
	f.asks = s->program->asks_match;
	walk_all(&f, compile);
}
