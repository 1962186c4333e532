/* SPDX-License-Identifier: Apache-2.0 */
/* The run of the checker, and how it speaks. */
#include "sema/private.h"

#include <ctype.h>
#include <string.h>

/* ---- messages -------------------------------------------------------------------------- */

static const char *const keywords[] = {
	"probe",    "global", "private", "function", "if",     "else",  "for",
	"foreach",  "in",     "limit",   "return",   "delete", "while", "break",
	"continue", "next",   "string",  "long",     "try",    "catch",
};

static bool is_keyword(const char *text, size_t n)
{
	for (size_t i = 0; i < base_count(keywords); i++)
		if (strlen(keywords[i]) == n && memcmp(keywords[i], text, n) == 0)
			return true;
	return false;
}

/* A span may go on behind its first word: a probe, a component with its argument. */
static int word_length(const char *text, int most)
{
	int n = 0;

	if (!isalpha((unsigned char)*text) && *text != '_' && *text != '$')
		return 0;
	while (n < most && (isalnum((unsigned char)text[n]) || strchr("_$*", text[n])))
		n++;
	return n;
}

/* The classes that SystemTap names tokens by. */
const char *sema_token_text(struct arena *a, const struct source_set *sources, struct span at)
{
	const struct source *source = source_get(sources, at.source);
	const char *text;
	int n = (int)at.length, word;

	if (!source || !n || at.offset + at.length > source->length)
		return "";
	text = source->text + at.offset;
	if (*text == '"' && n > 1)
		return arena_printf(a, "string '%.*s'", n - 2, text + 1);
	if (isdigit((unsigned char)*text))
		return arena_printf(a, "number '%.*s'", n, text);
	word = word_length(text, n);
	if (is_keyword(text, (size_t)word))
		return "keyword";
	if (word)
		return arena_printf(a, "identifier '%.*s'", word, text);
	return arena_printf(a, "operator '%.*s'", n, text);
}

static bool said_before(struct sema *s, enum diag_tag tag, struct span at, const char *text)
{
	const char *key = arena_printf(s->arena, "%d %u %u %s", tag, at.source, at.offset, text);

	if (map_find(s->said, key))
		return true;
	map_put(s->said, key, s);
	return false;
}

static struct diag *say_named(struct sema *s, enum diag_tag tag, struct span at, const char *token,
			      const char *fmt, va_list ap)
{
	const char *text = arena_vprintf(s->arena, fmt, ap);

	if (said_before(s, tag, at, text))
		return NULL;
	return diag_add(s->diags, tag, at, "%s%s%s", text, *token ? ": " : "", token);
}

static struct diag *say(struct sema *s, enum diag_tag tag, struct span at, const char *fmt,
			va_list ap)
{
	return say_named(s, tag, at, sema_token_text(s->arena, s->options->sources, at), fmt, ap);
}

void sema_error_named(struct sema *s, enum diag_tag tag, struct span at, const char *token,
		      const char *fmt, ...)
{
	va_list ap;

	if (s->quiet)
		return;
	va_start(ap, fmt);
	say_named(s, tag, at, token, fmt, ap);
	va_end(ap);
}

struct diag *sema_error(struct sema *s, enum diag_tag tag, struct span at, const char *fmt, ...)
{
	struct diag *d;
	va_list ap;

	if (s->quiet)
		return NULL;
	va_start(ap, fmt);
	d = say(s, tag, at, fmt, ap);
	va_end(ap);
	return d;
}

bool sema_is_library(const struct sema *s, struct span at)
{
	const struct source *source = source_get(s->options->sources, at.source);

	return source && source->is_library;
}

void sema_warn(struct sema *s, enum diag_tag tag, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (s->quiet || sema_is_library(s, at))
		return;
	va_start(ap, fmt);
	say(s, tag, at, fmt, ap);
	va_end(ap);
}

void sema_note(struct sema *s, struct diag *d, struct span at, const char *fmt, ...)
{
	const char *token = sema_token_text(s->arena, s->options->sources, at), *text;
	va_list ap;

	if (!d)
		return;
	va_start(ap, fmt);
	text = arena_vprintf(s->arena, fmt, ap);
	va_end(ap);
	diag_note(s->diags, d, at, "%s%s%s", text, *token ? ": " : "", token);
}

const char *sema_truncated(struct arena *a, const char *const *names, uint32_t n)
{
	struct buf b;

	buf_init(&b, a);
	buf_adds(&b, "probe point truncated (follow: ");
	for (uint32_t i = 0; i < n; i++)
		buf_addf(&b, " %s", names[i]);
	buf_addc(&b, ')');
	return buf_str(&b);
}

#define SIMILAR_SHOWN 5u

const char *sema_similar(struct arena *a, const char *want, const char *const *names, uint32_t n)
{
	const char **left = arena_dup(a, names, n * sizeof *names);
	struct buf b;

	buf_init(&b, a);
	for (uint32_t shown = 0; shown < SIMILAR_SHOWN; shown++) {
		const char *best = base_near(want, left, n);

		if (!best)
			break;
		buf_addf(&b, "%s%s", shown ? ", " : " (similar: ", best);
		for (uint32_t i = 0; i < n;)
			if (strcmp(left[i], best) == 0)
				left[i] = left[--n];
			else
				i++;
	}
	if (b.n)
		buf_addc(&b, ')');
	return buf_str(&b);
}

/* ---- the run --------------------------------------------------------------------------- */

static void sema_init(struct sema *s, const struct sema_options *o)
{
	*s = (struct sema){ .options = o, .arena = o->arena, .names = o->names, .diags = o->diags };
	diag_list_init(&s->muted, o->arena);
	s->said = map_create(s->arena);
	s->program = arena_new(s->arena, struct sema_program);
	s->entries = map_create(s->arena);
	s->alias_heads = map_create(s->arena);
	s->files_used = map_create(s->arena);
	s->instances = map_create(s->arena);
	s->natives = map_create(s->arena);
	s->contextual = map_create(s->arena);
}

static void index_library(struct sema *s)
{
	for (uint32_t i = 0; i < s->options->n_library; i++)
		sema_index_add(s, s->options->library[i]);
}

static void fold_bodies(struct sema *s)
{
	struct sema_place all = { .sema = s, .fold = true };

	vec_each(p, &s->program->probes)
		sema_targets_resolve(&all, &(*p)->body, NULL);
	vec_each(f, &s->program->functions)
		sema_targets_resolve(&all, &(*f)->body, NULL);
}

/* Keeps what has an effect and what that needs. False when no probe is left. */
static bool shrink(struct sema *s, bool typed)
{
	if (!s->options->unoptimized)
		sema_elide(s, typed);
	if (!s->options->unoptimized && typed)
		sema_chains_cut(s);
	sema_reach(s);
	if (!s->program->probes.n)
		sema_error(s, DIAG_NO_PROBES, (struct span){ 0, 0, 0 }, "no probes found");
	return s->program->probes.n > 0;
}

/*
 * Requires: bodies derived, names bound. Gives: types of everything.
 * Constants are folded only when types have met, so that a contradiction in a
 * branch that is never taken is still found; what nothing but such a branch
 * leaves unknown is no mistake. SystemTap judges the same.
 */
static void check_bodies(struct sema *s)
{
	sema_recursion_find(s);
	sema_warn_never_assigned(s);
	sema_regexes_mark(s);
	if (!shrink(s, false) || !sema_types_infer(s))
		return;
	fold_bodies(s);
	if (!shrink(s, true) || !sema_types_demand(s))
		return;
	sema_rules_check(s);
	sema_regexes_compile(s);
	if ((s->options->global_display || s->options->stacks_drawn) && !s->diags->errors)
		sema_display_add(s);
}

struct sema_program *sema_check(const struct sema_options *o, struct lang_file **user,
				uint32_t n_user)
{
	struct sema s;

	sema_init(&s, o);
	for (uint32_t i = 0; i < n_user; i++)
		sema_index_add(&s, user[i]);
	index_library(&s);
	for (uint32_t i = 0; i < n_user; i++)
		vec_each(d, &user[i]->probes)
			sema_points_expand(&s, *d);
	sema_leaves_derive(&s);
	for (uint32_t i = 0; i < n_user; i++)
		sema_embedded_add_file(&s, user[i]);
	if (!s.diags->errors)
		check_bodies(&s);
	return s.program;
}

/* Types of alias locals are of interest, what is wrong with them is not. */
static void check_listed(struct sema *s)
{
	struct diag_list *diags = s->diags;

	s->diags = &s->muted;
	sema_leaves_derive(s);
	sema_reach(s);
	if (!s->muted.errors)
		(void)(sema_types_infer(s) && sema_types_demand(s));
	s->diags = diags;
}

struct sema_program *sema_list(const struct sema_options *o, struct probe_point *p)
{
	struct probe_decl *d = arena_new(o->arena, struct probe_decl);

	d->span = p->span;
	d->body = lang_stmt_new(o->arena, STMT_BLOCK, p->span);
	vec_push(o->arena, &d->points, p);
	return sema_list_all(o, d);
}

struct sema_program *sema_list_all(const struct sema_options *o, struct probe_decl *d)
{
	struct sema s;

	sema_init(&s, o);
	index_library(&s);
	sema_points_expand(&s, d);
	if (!s.diags->errors || s.leaves.n)
		check_listed(&s);
	return s.program;
}
