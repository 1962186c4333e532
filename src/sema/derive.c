/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From leaves to probes.
 *
 * The body of a probe is composed from the outside in: every alias on the way
 * puts its block in front (`=`) or behind (`+=`, and the epilogue of `=`) what
 * is there already, and all share one scope of locals:
 *
 *	inner alias { } outer alias { } script { } outer epilogue { }
 *
 * Sites at which the body finds its variables alike share one probe.
 */
#include "sema/private.h"

#include <string.h>

struct segment {
	struct stmt *body;
	const struct lang_file *file;
	const struct sema_level *level;
};

typedef VEC(struct segment) segment_list;
typedef VEC(struct sema_site *) site_list;

/* ---- composition ----------------------------------------------------------------------- */

static void insert_front(struct arena *a, segment_list *l, struct segment s)
{
	vec_push(a, l, s);
	memmove(l->p + 1, l->p, (l->n - 1) * sizeof *l->p);
	l->p[0] = s;
}

/* Outer levels first. */
static void collect_segments(struct arena *a, const struct sema_level *l, segment_list *out)
{
	struct probe_decl *d = l->decl;

	if (l->outer)
		collect_segments(a, l->outer, out);
	if (d->body && d->is_alias && !d->is_epilogue_alias)
		insert_front(a, out, (struct segment){ d->body, d->file, l });
	else if (d->body)
		vec_push(a, out, (struct segment){ d->body, d->file, l });
	if (d->epilogue)
		vec_push(a, out, (struct segment){ d->epilogue, d->file, l });
}

static const struct sema_level *outermost(const struct sema_level *l)
{
	while (l->outer)
		l = l->outer;
	return l;
}

static void write_points(struct sema *s, struct buf *b, const struct probe_decl *d,
			 const char *separator)
{
	vec_each(p, &d->points)
		buf_addf(b, "%s%s", p == d->points.p ? "" : separator,
			 lang_point_text(s->arena, *p, true));
}

static const char *derivation_text(struct sema *s, const struct sema_level *l)
{
	bool aliased = l->outer != NULL;
	struct buf b;

	/* The same for all points of a probe: thousands, maybe. */
	if (!aliased && l->decl == s->derived)
		return s->derivation;
	buf_init(&b, s->arena);
	for (; l->outer; l = l->outer) {
		vec_each(n, &l->decl->names)
			buf_addf(&b, "%s %s ", lang_point_text(s->arena, *n, false),
				 l->decl->is_epilogue_alias ? "+=" : "=");
		write_points(s, &b, l->decl, ", ");
		buf_adds(&b, " <- ");
	}
	write_points(s, &b, l->decl, ",");
	s->derived = aliased ? NULL : l->decl;
	return s->derivation = buf_str(&b);
}

/* ---- conditions ------------------------------------------------------------------------ */

static struct expr *both(struct sema *s, struct expr *a, struct expr *b)
{
	struct expr *e;

	if (!a || !b)
		return a ? a : b;
	e = lang_expr_new(s->arena, EXPR_BINARY, a->span);
	e->token = a->token;
	e->binary.op = OP_LOGICAL_AND;
	e->binary.left = a;
	e->binary.right = b;
	return e;
}

static struct expr *conditions(struct sema *s, const struct sema_level *l)
{
	struct expr *all = NULL, *one;

	for (; l; l = l->outer) {
		if (!l->point->condition)
			continue;
		one = lang_clone_expr(s->arena, l->point->condition);
		sema_condition_bind(s, &one, l->decl->file);
		all = both(s, one, all);
	}
	return all;
}

/* What a guard looks at is there at the function's entry: for a return it is asked then. */
static struct expr *guard_value(struct sema *s, const struct sema_site *site)
{
	struct expr *guard = lang_clone_expr(s->arena, site->guard), *e;

	if (!(site->flags & SITE_RETURN))
		return guard;
	e = lang_expr_new(s->arena, EXPR_OPERATOR, guard->span);
	e->op.name = intern(s->names, "@entry", 6);
	vec_push(s->arena, &e->op.args.list, guard);
	return e;
}

/* if (!the site's guard) next */
static struct stmt *guard_new(struct sema *s, const struct sema_site *site, struct span at)
{
	struct stmt *guard = lang_stmt_new(s->arena, STMT_IF, at);
	struct expr *refused = lang_expr_new(s->arena, EXPR_UNARY, at);

	refused->unary.op = OP_NOT;
	refused->unary.operand = guard_value(s, site);
	guard->if_.condition = refused;
	guard->if_.yes = lang_stmt_new(s->arena, STMT_NEXT, at);
	return guard;
}

/* ---- one probe ------------------------------------------------------------------------- */

/* Statements that fill the inserted frame, for what `entries` got since `from`. */
static void save_entries(struct sema *s, const struct sema_entries *entries, uint32_t from,
			 struct sema_probe *saver, const struct lang_file *file)
{
	const struct sema_place *place = s->place;

	for (uint32_t i = from; i < entries->list.n; i++) {
		const struct sema_saved *saved = &entries->list.p[i];
		struct stmt *t = lang_stmt_new(s->arena, STMT_EXPR, saved->value->span);
		struct expr *e = lang_expr_new(s->arena, EXPR_ASSIGN, saved->value->span);

		e->token = saved->value->token;
		e->assign.op = OP_ASSIGN;
		e->assign.right = saved->value;
		e->assign.left = lang_expr_new(s->arena, EXPR_TARGET, saved->value->span);
		e->assign.left->token = saved->value->token;
		e->assign.left->target.name = "@entry";
		e->assign.left->target.operand = saved->operand;
		t->expr = e;
		s->place = saver->place;
		sema_names_bind(s, &t, file, saver);
		s->place = place;
		vec_push(s->arena, &saver->body->block.list, t);
	}
}

/* The body's first statement, and what the saver keeps for it. */
static void guard_add(struct sema *s, const struct sema_place *place, struct stmt *block,
		      const struct lang_file *file)
{
	struct stmt *guard = guard_new(s, place->site, place->probe->span);

	sema_targets_resolve(place, &guard, file);
	vec_push(s->arena, &block->block.list, guard);
	if (place->entries)
		save_entries(s, place->entries, 0, place->probe->saver, file);
}

static struct stmt *compose(struct sema *s, const struct sema_place *place,
			    const segment_list *segments)
{
	struct stmt *block = lang_stmt_new(s->arena, STMT_BLOCK, place->probe->span);

	if (place->site && place->site->guard && segments->n)
		guard_add(s, place, block, segments->p[0].file);
	vec_each(segment, segments) {
		struct stmt *body = lang_clone_stmt(s->arena, segment->body);
		uint32_t saved = place->entries ? place->entries->list.n : 0;

		sema_probewrite_resolve(s, &body, segment->level);
		sema_targets_resolve(place, &body, segment->file);
		sema_names_bind(s, &body, segment->file, place->probe);
		vec_push(s->arena, &block->block.list, body);
		if (place->entries)
			save_entries(s, place->entries, saved, place->probe->saver, segment->file);
	}
	return block;
}

static const char *mark_of(const struct probe_point *p)
{
	if (p->sufficient)
		return "!";
	return p->optional ? "?" : "";
}

static struct sema_probe *saver_of(struct sema *s, const struct sema_probe *p)
{
	struct sema_probe *saver = arena_dup(s->arena, p, sizeof *p);

	saver->is_saver = true;
	saver->body = lang_stmt_new(s->arena, STMT_BLOCK, p->span);
	return saver;
}

/* The saver, if there is anything to save, stands in front. */
static void keep_saver(struct sema *s, struct sema_probe *p, const struct sema_entries *entries)
{
	if (!entries->list.n) {
		p->saver = NULL;
		return;
	}
	p->entry_size = base_align(8 + 8 * entries->list.n, 16u);
	p->saver->entry_size = p->entry_size;
	vec_each(saved, &entries->list)
		vec_push(s->arena, &p->saver->entries, saved->operand);
	sema_locals_bind(s, p->saver);
	vec_push(s->arena, &s->program->probes, p->saver);
}

static void derive_probe(struct sema *s, const struct sema_leaf *leaf, const segment_list *segments,
			 const site_list *sites)
{
	const struct sema_level *outer = outermost(leaf->level);
	struct sema_probe *p = arena_new(s->arena, struct sema_probe);
	struct sema_place place = { s, leaf->point, sites->n ? sites->p[0] : NULL, leaf->provider,
				    p, leaf->point->context == CONTEXT_TARGET };
	struct sema_entries *entries = arena_new(s->arena, struct sema_entries);

	p->span = outer->decl->span;
	p->point = leaf->point;
	p->name = outer->name;
	p->alias = leaf->level->outer ? outer->name : NULL;
	p->mark = mark_of(leaf->level->point);
	p->derivation = derivation_text(s, leaf->level);
	vec_each(site, sites)
		vec_push(s->arena, &p->sites, *site);
	if (place.site && place.site->flags & SITE_RETURN) {
		place.entries = entries;
		p->saver = saver_of(s, p);
		p->saver->place = sema_entry_place(&place);
	}
	p->place = arena_dup(s->arena, &place, sizeof place);
	s->place = p->place;
	p->body = compose(s, p->place, segments);
	p->condition = conditions(s, leaf->level);
	sema_locals_bind(s, p);
	s->place = NULL;
	keep_saver(s, p, entries);
	vec_push(s->arena, &s->program->probes, p);
}

/* ---- sites that are alike -------------------------------------------------------------- */

static const char *signature(struct sema *s, const struct sema_leaf *leaf,
			     const segment_list *segments, const struct sema_site *site)
{
	struct sema_place place = { s, leaf->point, site, leaf->provider, NULL };
	struct buf b;

	buf_init(&b, s->arena);
	if (site->guard)
		buf_addf(&b, "if %s ", site->guard_text);
	vec_each(segment, segments)
		buf_adds(&b, sema_targets_signature(&place, segment->body, segment->file));
	return buf_str(&b);
}

static void derive_groups(struct sema *s, const struct sema_leaf *leaf,
			  const segment_list *segments)
{
	struct map *groups = map_create(s->arena);
	const char *key;
	void *group;

	vec_each(site, &leaf->point->sites) {
		site_list *l;

		key = signature(s, leaf, segments, *site);
		l = map_find(groups, key);
		if (!l) {
			l = arena_new(s->arena, site_list);
			map_put(groups, key, l);
		}
		vec_push(s->arena, l, *site);
	}
	for (uint32_t it = 0; map_next(groups, &it, &key, &group);)
		derive_probe(s, leaf, segments, group);
}

static void derive_leaf(struct sema *s, const struct sema_leaf *leaf)
{
	segment_list segments = { 0 };
	site_list all = { leaf->point->sites.p, leaf->point->sites.n, leaf->point->sites.n };

	collect_segments(s->arena, leaf->level, &segments);
	if (all.n > 1 && *signature(s, leaf, &segments, all.p[0]))
		derive_groups(s, leaf, &segments);
	else
		derive_probe(s, leaf, &segments, &all);
}

/* What the library prepares comes before what the script does at the same time. */
static void library_first(struct sema *s)
{
	struct sema_program *p = s->program;
	struct sema_probe **sorted = arena_array(s->arena, struct sema_probe *, p->probes.n);
	uint32_t n = 0;

	for (int library = 1; library >= 0; library--)
		vec_each(probe, &p->probes)
			if (sema_is_library(s, (*probe)->span) == library)
				sorted[n++] = *probe;
	p->probes.p = sorted;
	p->probes.cap = n;
}

/* Library files that bodies use add leaves while this runs. */
void sema_leaves_derive(struct sema *s)
{
	for (uint32_t i = 0; i < s->leaves.n; i++) {
		struct sema_leaf leaf = s->leaves.p[i];

		derive_leaf(s, &leaf);
	}
	library_first(s);
}
