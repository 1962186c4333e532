/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: probe points in programs and libraries.
 *
 *	process("bash").library("libc.so.6").function("malloc").call
 *	`----root----' `-----library-------' `--------tail---------'
 *
 * Root and library select object files (module.c); the tail is looked up in
 * process.def, whose resolvers turn each file into sites.
 */
#include <string.h>

#include "probe/process.h"
#include "probe/variable.h"

#define SIMILAR_LIMIT 5u

static const struct process_tail tails[] = {
#define TAIL(text, libraries, resolve) { text, libraries, resolve, LIFE_NONE },
#define LIFE(text, event) { text, false, NULL, event },
#define LATER(text, libraries) { text, libraries, NULL, LIFE_NONE },
#include "probe/process.def"
#undef TAIL
#undef LIFE
#undef LATER
};

static const char *const types[] = {
#define TAIL(text, libraries, resolve)                                                             \
	"process." text, "process(number)." text, "process(string)." text,                         \
		"process.library(string)." text, "process(string).library(string)." text,
#define LIFE(text, event) "process." text, "process(number)." text, "process(string)." text,
#define LATER(text, libraries)
#include "probe/process.def"
#undef TAIL
#undef LIFE
#undef LATER
	NULL,
};

/* ---- messages ---------------------------------------------------------------------------- */

void process_error(struct process_query *q, enum diag_tag tag, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (q->resolver->quiet)
		return;
	va_start(ap, fmt);
	diag_add(q->resolver->diags, tag, at, "%s", arena_vprintf(q->resolver->arena, fmt, ap));
	va_end(ap);
}

const char *process_similar(struct arena *a, const char *want, const char **names, uint32_t n)
{
	struct buf b;

	buf_init(&b, a);
	for (uint32_t taken = 0; taken < SIMILAR_LIMIT; taken++) {
		const char *best = base_near(want, names, n);

		if (!best)
			break;
		buf_addf(&b, "%s%s", taken ? ", " : "", best);
		/* every copy of it goes: different files may have the same name */
		for (uint32_t i = 0; i < n;)
			if (strcmp(names[i], best) == 0)
				names[i] = names[--n];
			else
				i++;
	}
	return b.n ? buf_str(&b) : NULL;
}

/* What a user can do when names are not there at all. */
static void missing_names_note(struct process_query *q, struct diag *d, struct span at)
{
	bool marks = strcmp(q->wanted.one, "mark") == 0;
	struct process_module *bare = NULL;
	uint32_t n;

	vec_each(m, &q->modules)
		if (marks ? (elf_marks(m->file, &n), !n) : elf_is_stripped(m->file))
			bare = bare ? bare : m;
	if (!bare)
		return;
	at.source = 0;
	if (marks)
		diag_note(q->resolver->diags, d, at, "%s has no marks [man error::sdt]",
			  bare->file->path);
	else
		diag_note(q->resolver->diags, d, at,
			  "%s is stripped, only exported functions have names; its debug symbols name "
			  "the others [man warning::debuginfo]",
			  bare->file->path);
}

void process_no_match(struct process_query *q, struct span at)
{
	const char *similar = NULL;
	struct diag *d;

	if (q->resolver->quiet)
		return;
	if (q->wanted.text && !base_has_glob(q->wanted.text))
		similar = process_similar(q->resolver->arena, q->wanted.text, q->near.p, q->near.n);
	if (similar)
		d = diag_add(q->resolver->diags, DIAG_PROBE_TARGET, at, "no match (similar %s: %s)",
			     strchr(similar, ',') ? q->wanted.many : q->wanted.one, similar);
	else
		d = diag_add(q->resolver->diags, DIAG_PROBE_TARGET, at, "no match");
	if (q->wanted.text && q->modules.n)
		missing_names_note(q, d, at);
}

/* ---- the tail ---------------------------------------------------------------------------- */

/* "function(string)" */
static const char *component_text(struct arena *a, const struct point_component *c)
{
	const char *argument = "";

	if (c->has_argument)
		argument = c->argument->kind == EXPR_STRING ? "(string)" : "(number)";
	return arena_printf(a, "%s%s", c->name, argument);
}

/* Whether `prefix`, of whole components, begins `text`; *rest gets what follows, "" at the end. */
static bool begins(const char *text, const char *prefix, const char **rest)
{
	size_t n = strlen(prefix);

	if (strncmp(text, prefix, n) != 0 || (n && text[n] && text[n] != '.'))
		return false;
	*rest = text + n + (n && text[n] == '.');
	return true;
}

static const char *first_component(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strcspn(text, "."));
}

/* The components that may follow prefix, each once, in order of the table. */
static void followers(struct process_query *q, const char *prefix, bool names_only)
{
	struct arena *a = q->resolver->arena;
	struct map *seen = map_create(a);

	q->near.n = 0;
	for (uint32_t i = 0; i < base_count(tails); i++) {
		const char *rest, *next;

		if (!begins(tails[i].text, prefix, &rest) || !*rest)
			continue;
		next = first_component(a, rest);
		if (names_only)
			next = arena_strndup(a, next, strcspn(next, "("));
		if (map_find(seen, next))
			continue;
		map_put(seen, next, q);
		vec_push(a, &q->near, next);
	}
}

static void mismatch(struct process_query *q, const char *prefix, const struct point_component *bad)
{
	const char *similar;

	followers(q, prefix, true);
	similar = process_similar(q->resolver->arena, bad->name, q->near.p, q->near.n);
	if (!q->near.n)
		process_error(q, DIAG_PROBE_POINT, bad->span, "invalid suffix for probe");
	else if (similar)
		process_error(q, DIAG_PROBE_POINT, bad->span, "probe point mismatch (similar: %s)",
			      similar);
	else
		process_error(q, DIAG_PROBE_POINT, bad->span, "probe point mismatch");
}

static void truncated(struct process_query *q, const char *prefix)
{
	const struct probe_point *p = q->point;
	struct buf b;

	followers(q, prefix, false);
	buf_init(&b, q->resolver->arena);
	vec_each(name, &q->near)
		buf_addf(&b, " %s", *name);
	process_error(q, DIAG_PROBE_POINT, p->components.p[p->components.n - 1].span,
		      "probe point truncated (follow:%s)", buf_str(&b));
}

/* Finds the row of the table, component by component so that the first wrong one can be named. */
static bool tail_find(struct process_query *q)
{
	struct arena *a = q->resolver->arena;
	const char *prefix = "", *longer, *rest;

	for (uint32_t i = q->tail; i < q->point->components.n; i++) {
		const struct point_component *c = &q->point->components.p[i];
		bool known = false;

		longer = arena_printf(a, "%s%s%s", prefix, *prefix ? "." : "",
				      component_text(a, c));
		for (uint32_t j = 0; j < base_count(tails) && !known; j++)
			known = begins(tails[j].text, longer, &rest);
		if (!known) {
			mismatch(q, prefix, c);
			return false;
		}
		prefix = longer;
	}
	for (uint32_t i = 0; i < base_count(tails); i++)
		if (*prefix && strcmp(tails[i].text, prefix) == 0) {
			q->row = &tails[i];
			return true;
		}
	truncated(q, prefix);
	return false;
}

/* A tail that may not stand where it stands, or not yet. */
static bool tail_allowed(struct process_query *q)
{
	const struct point_component *c = &q->point->components.p[q->tail];

	if (q->tail == 2 && !q->row->libraries) {
		process_error(q, DIAG_PROBE_POINT, c->span,
			      "probe point mismatch: .%s cannot follow .library()", c->name);
		return false;
	}
	if (!q->row->resolve && !q->row->life) {
		process_error(q, DIAG_UNSUPPORTED, c->span,
			      "process probes of the form .%s are not supported", q->row->text);
		return false;
	}
	return true;
}

/* ---- resolving --------------------------------------------------------------------------- */

const char *process_text(const struct process_query *q, uint32_t i)
{
	return q->point->components.p[i].argument->string.text;
}

bool process_is_short_listing(const struct process_query *q)
{
	const struct sema_options *o = q->resolver->options;

	return o->listing && !o->listing_variables;
}

struct sema_site *process_site_listed(struct process_query *q, const struct process_module *m,
				      const char *line)
{
	struct sema_site *s = arena_new(q->resolver->arena, struct sema_site);

	s->module = m->file->path;
	s->build_id = m->file->build_id;
	s->listed = line;
	vec_push(q->resolver->arena, &q->sites, s);
	return s;
}

struct sema_site *process_site_add(struct process_query *q, const struct process_module *m,
				   uint64_t address, const char *tail)
{
	struct arena *a = q->resolver->arena;
	struct sema_site *s = process_site_listed(q, m, ARENA_JOIN(a, m->listed, tail));

	s->address = address;
	if (!process_is_short_listing(q))
		s->point = ARENA_JOIN(a, m->point, tail);
	return s;
}

/* For -L, of sites that are no marks. */
static void variables_find(struct process_query *q)
{
	struct probe_user *user = q->resolver->user;
	struct elf_file *f;

	vec_each(it, &q->sites)
		if (!(*it)->variables && !((*it)->flags & (SITE_MARK | SITE_WATCH)) && !elf_open(user->elf, (*it)->module, &f))
			(*it)->variables = probe_variables_text(q->resolver->arena, f, *it);
}

static void point_finish(struct process_query *q)
{
	const struct point_component *root = &q->point->components.p[0];
	struct sema_resolver *r = q->resolver;
	struct sema_point *p = sema_point_add(r, EVENT_SITE, CONTEXT_TARGET,
					      lang_point_text(r->arena, q->point, false));

	if (r->options->listing_variables)
		variables_find(q);
	p->type = q->type ? q->type : q->at_return ? "uretprobe" : "uprobe";
	p->target_only = !root->has_argument;
	if (root->has_argument && root->argument->kind == EXPR_NUMBER)
		p->pid = (uint32_t)root->argument->number.value;
	p->sites.p = q->sites.p;
	p->sites.n = q->sites.n;
	p->sites.cap = q->sites.cap;
}

static bool has_library(const struct probe_point *p)
{
	return p->components.n > 1 && strcmp(p->components.p[1].name, "library") == 0;
}

/* process(PID).library() is not a probe point, and .library() needs a name. */
static bool library_allowed(struct process_query *q)
{
	const struct point_component *c = q->point->components.p;

	if (!c[1].has_argument || c[1].argument->kind != EXPR_STRING ||
	    (c[0].has_argument && c[0].argument->kind == EXPR_NUMBER)) {
		mismatch(q, "", &c[1]);
		return false;
	}
	return true;
}

static bool process_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct process_query q = { .resolver = r, .point = p, .tail = has_library(p) ? 2 : 1 };

	if (q.tail == 2 && !library_allowed(&q))
		return false;
	if (!tail_find(&q) || !tail_allowed(&q))
		return false;
	if (q.row->life)
		return process_life_resolve(&q);
	if (!process_modules_find(&q))
		return false;
	vec_each(m, &q.modules)
		if (!q.row->resolve(&q, m))
			return false;
	if (!q.sites.n) {
		process_no_match(&q, p->components.p[q.tail].span);
		return false;
	}
	point_finish(&q);
	return true;
}

/* ---- variables --------------------------------------------------------------------------- */

struct expr *process_empty_text(struct sema_resolver *r, struct expr *target)
{
	struct expr *e = lang_expr_new(r->arena, EXPR_STRING, target->span);

	e->token = target->token;
	e->type = TYPE_STRING;
	e->string.text = "";
	return e;
}

static struct expr *process_variable(struct sema_resolver *r, const struct sema_point *point,
				     const struct sema_site *site, struct expr *target,
				     bool probing)
{
	if (site && target->kind == EXPR_TARGET && site->flags & (SITE_SYSCALL | SITE_SYSCALL_RETURN))
		return process_syscall_variable(r, site, target, probing);
	if (site && target->kind == EXPR_TARGET &&
	    (site->flags & SITE_MARK ||
	     (site->flags & SITE_PLT && strcmp(target->target.name, "$$name") == 0)))
		return process_mark_variable(r, site, target, probing);
	if (site && target->kind == EXPR_TARGET && site->flags & SITE_WATCH)
		return process_data_variable(r, site, target, probing);
	return probe_variable(r, point, site, target, probing);
}

const struct sema_provider probe_process_provider = {
	.root = "process",
	.resolve = process_resolve,
	.types = types,
	.variable = process_variable,
};
