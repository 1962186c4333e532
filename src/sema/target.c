/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a body means at one place: @defined and constants are folded, dead
 * branches dropped, and what is left of target variables is looked up.
 *
 * Parts of a condition are folded before what depends on them is looked at:
 * in `@defined($x) ? $x : 0` the variable is only asked for where it is.
 *
 * Where there are no target variables only what depends on @defined is folded,
 * so that a mistake in a branch that is never taken is still found, as it is by
 * SystemTap; the rest is folded when types are known.
 */
#include "sema/private.h"

#include <string.h>

struct resolve {
	struct lang_walker walker;
	const struct sema_place *place;
	const struct lang_file *file;
	uint32_t defined; /* @defined folded so far */
};

static struct expr *literal(struct sema *s, enum expr_kind kind, const struct expr *from)
{
	struct expr *e = lang_expr_new(s->arena, kind, from->span);

	e->token = from->token;
	e->type = kind == EXPR_STRING ? TYPE_STRING : TYPE_LONG;
	if (kind == EXPR_STRING)
		e->string.text = "";
	return e;
}

static struct expr *number(struct sema *s, const struct expr *from, int64_t value)
{
	struct expr *e = literal(s, EXPR_NUMBER, from);

	e->number.value = value;
	return e;
}

static struct expr *text(struct sema *s, const struct expr *from, const char *value)
{
	struct expr *e = literal(s, EXPR_STRING, from);

	e->string.text = value;
	e->string.length = (uint32_t)strlen(value);
	return e;
}

/* ---- asking the provider --------------------------------------------------------------- */

/* NULL, and unless `probing` a diagnostic, when there is no such variable here. store: or NULL */
static struct expr *look_up_by(const struct sema_place *p, struct expr *e, struct expr *store,
			       enum lang_op op, bool probing)
{
	struct sema *s = p->sema;
	struct sema_resolver r = {
		.arena = s->arena,
		.names = s->names,
		.sources = s->options->sources,
		.options = s->options,
		.diags = probing || s->quiet ? &s->muted : s->diags,
		.quiet = probing || s->quiet > 0,
		.user = s->options->provider_user,
		.store = store,
		.store_op = op,
	};
	uint32_t errors = s->diags->errors;
	struct expr *found;

	if (!p->provider || !p->provider->variable) {
		if (!probing)
			sema_error(s, DIAG_VARIABLE_CONTEXT, e->token,
				   "unresolved target-symbol expression");
		return NULL;
	}
	found = p->provider->variable(&r, p->point, p->site, e, probing);
	if (!found && !probing && s->diags->errors == errors)
		sema_error(s, p->site ? DIAG_VARIABLE_UNKNOWN : DIAG_VARIABLE_CONTEXT, e->token,
			   "unresolved target-symbol expression");
	return found;
}

/* --skip-badvars: what is not there is 0, which the caller takes for NULL. */
static bool is_to_skip(const struct sema_place *p, struct expr *e)
{
	struct sema *s = p->sema;

	if (!s->options->skip_badvars || look_up_by(p, lang_clone_expr(s->arena, e), NULL, OP_ASSIGN, true))
		return false;
	diag_add(s->quiet ? &s->muted : s->diags, DIAG_WARN_OTHER, e->token,
		 "Bad $context variable being substituted with literal 0");
	return true;
}

static struct expr *look_up(const struct sema_place *p, struct expr *e, struct expr *store, bool probing)
{
	if (!probing && !store && is_to_skip(p, e))
		return NULL;
	return look_up_by(p, e, store, OP_ASSIGN, probing);
}

static bool is_named(const struct expr *e, const char *name)
{
	return e->kind == EXPR_OPERATOR && strcmp(e->op.name, name) == 0;
}

struct expr *sema_target_look_up(const struct sema_place *p, struct expr *e, struct expr *store,
				 bool probing)
{
	return look_up(p, e, store, probing);
}

struct definition {
	struct lang_walker walker;
	const struct sema_place *place;
	bool missing;
};

/* What stands in the operand of @cast and in indexes must be there as well. */
static bool define_expr(struct lang_walker *w, struct expr **e)
{
	struct definition *d = w->user;
	bool target = (*e)->kind == EXPR_TARGET;
	uint32_t n = target ? (*e)->target.n_components : (*e)->op.n_components;
	struct target_component *c = target ? (*e)->target.components : (*e)->op.components;
	struct expr *found;

	if (!target && (*e)->kind != EXPR_OPERATOR)
		return true;
	if (!target)
		for (uint32_t i = 0; i < (*e)->op.args.list.n; i++)
			lang_walk_expr(w, &(*e)->op.args.list.p[i]);
	for (uint32_t i = 0; i < n; i++)
		lang_walk_expr(w, &c[i].index);
	found = d->missing ? NULL : look_up(d->place, *e, NULL, true);
	d->missing |= !found;
	if (found)
		*e = found;
	return false;
}

static bool is_defined(const struct sema_place *p, const struct expr *e)
{
	struct expr *copy = lang_clone_expr(p->sema->arena, e);
	struct definition d = { .place = p };

	d.walker = (struct lang_walker){ .user = &d, .expr = define_expr };
	lang_walk_expr(&d.walker, &copy);
	return !d.missing;
}

static void resolve_entry(struct resolve *r, struct expr **e);

static bool is_entry(const struct expr *e)
{
	return e->kind == EXPR_OPERATOR && strcmp(e->op.name, "@entry") == 0 &&
	       e->op.args.list.n == 1;
}

/* A provider may answer with @entry(...): a parameter, asked for when the function returns. */
static void resolve_target(struct resolve *r, struct expr **e)
{
	struct expr *found;

	for (uint32_t i = 0; i < (*e)->target.n_components; i++)
		lang_walk_expr(&r->walker, &(*e)->target.components[i].index);
	found = look_up(r->place, *e, NULL, false);
	*e = found ? found : number(r->place->sema, *e, 0);
	if (is_entry(*e))
		resolve_entry(r, e);
}

/* ---- values of the function's entry ---------------------------------------------------- */

/* The function's first instruction, in place of its return. */
const struct sema_place *sema_entry_place(const struct sema_place *p)
{
	struct sema_place *at = arena_dup(p->sema->arena, p, sizeof *p);
	struct sema_site *site = arena_dup(p->sema->arena, p->site, sizeof *site);

	site->flags = (site->flags & ~SITE_RETURN) | SITE_ENTRY;
	at->site = site;
	at->entries = NULL;
	return at;
}

static bool is_return(const struct sema_place *p)
{
	return p->site && p->site->flags & SITE_RETURN;
}

static struct sema_operand *operand_for(struct resolve *r, struct expr *value)
{
	struct sema_entries *entries = r->place->entries;
	struct arena *a = r->place->sema->arena;
	struct sema_saved new = { .value = value };
	struct buf b;

	buf_init(&b, a);
	lang_print_expr(&b, value);
	new.text = buf_str(&b);
	vec_each(have, &entries->list)
		if (strcmp(have->text, new.text) == 0)
			return have->operand;
	new.operand = arena_new(a, struct sema_operand);
	*new.operand = (struct sema_operand){ .kind = OPERAND_ENTRY, .size = 8, .base = -1, .index = -1 };
	/* the first word says that the others are filled */
	new.operand->displacement = 8 + 8 * (int64_t)entries->list.n;
	vec_push(a, &entries->list, new);
	return new.operand;
}

static void resolve_entry(struct resolve *r, struct expr **e)
{
	struct sema *s = r->place->sema;
	struct resolve inner = { .file = r->file };
	struct expr *value = (*e)->op.args.list.p[0], *target;

	if (!r->place->entries) {
		sema_error(s, DIAG_ENTRY, (*e)->token, "@entry is only valid in .return probes");
		*e = number(s, *e, 0);
		return;
	}
	inner.place = sema_entry_place(r->place);
	inner.walker = r->walker;
	inner.walker.user = &inner;
	target = lang_expr_new(s->arena, EXPR_TARGET, (*e)->span);
	target->token = (*e)->token;
	target->target.name = "@entry";
	target->target.operand = operand_for(r, value);
	vec_each(saved, &r->place->entries->list)
		if (saved->value == value)
			lang_walk_expr(&inner.walker, &saved->value);
	*e = target;
}

/* ---- operators ------------------------------------------------------------------------- */

static bool find_arrow(struct lang_walker *w, struct expr **e)
{
	*(bool *)w->user |= is_named(*e, "->");
	return true;
}

/* Only types tell whether p->m is there: sema_infer_expr decides. */
static bool waits_for_types(struct expr *e)
{
	bool found = false;
	struct lang_walker w = { .user = &found, .expr = find_arrow };

	lang_walk_expr(&w, &e);
	return found;
}

static void resolve_defined(struct resolve *r, struct expr **e)
{
	struct expr *what = (*e)->op.args.list.p[0];

	if (what->kind != EXPR_NUMBER && waits_for_types(what))
		return;
	*e = number(r->place->sema, *e, is_defined(r->place, what));
	r->defined++;
}

/* Those that a provider answers; the rest this version does not have. */
static bool is_typed_operator(const struct expr *e)
{
	static const char *const names[] = { "@cast", "@var", "@enum", "@enumname", "@uregister", "@uderef", "@perf" };

	for (size_t i = 0; i < base_count(names); i++)
		if (is_named(e, names[i]))
			return true;
	return false;
}

static bool needs_guru(const struct resolve *r, const struct expr *e)
{
	return !r->place->sema->options->guru && !(r->file && r->file->privileged) &&
	       (is_named(e, "@kderef") || is_named(e, "@kregister") || is_named(e, "@const"));
}

static void walk_operator(struct resolve *r, struct expr *e)
{
	for (uint32_t i = 0; i < e->op.args.list.n; i++)
		lang_walk_expr(&r->walker, &e->op.args.list.p[i]);
	for (uint32_t i = 0; i < e->op.n_components; i++)
		lang_walk_expr(&r->walker, &e->op.components[i].index);
}

static bool is_const(const struct expr *e)
{
	return strcmp(e->op.name, "@const") == 0 && e->op.args.list.n == 1 &&
	       e->op.args.list.p[0]->kind == EXPR_STRING;
}

static void resolve_operator(struct resolve *r, struct expr **e)
{
	struct sema *s = r->place->sema;
	struct expr *found = NULL;

	if (is_named(*e, "@defined") && (*e)->op.args.list.n == 1) {
		resolve_defined(r, e);
		return;
	}
	if (is_entry(*e)) {
		resolve_entry(r, e);
		return;
	}
	if (is_named(*e, "@probewrite")) {
		sema_error(s, DIAG_ALIAS, (*e)->token,
			   "unexpected @probewrite, which belongs into the body of an alias");
		*e = number(s, *e, 0);
		return;
	}
	walk_operator(r, *e);
	if (is_named(*e, "->") || (is_named(*e, "@enumname") && (*e)->op.args.list.n == 1))
		return; /* when types are known */
	if (needs_guru(r, *e))
		sema_error(s, DIAG_GURU, (*e)->token,
			   "using %s operator not permitted; need stap -g", (*e)->op.name);
	else if (is_const(*e))
		found = sema_embedded_const(s, *e);
	else if (is_typed_operator(*e))
		found = look_up(r->place, *e, NULL, false);
	else
		sema_error(s, DIAG_UNSUPPORTED, (*e)->token, "%s is not supported in this version",
			   (*e)->op.name);
	*e = found ? found : number(s, *e, 0);
}

/* ---- writes ---------------------------------------------------------------------------- */

static bool is_target(const struct expr *e)
{
	if (e->kind == EXPR_TARGET && e->target.operand &&
	    e->target.operand->kind == OPERAND_ENTRY)
		return false; /* made here, for the saver */
	return e->kind == EXPR_TARGET || e->kind == EXPR_OPERATOR;
}

static struct expr *binary(struct sema *s, const struct expr *like, enum lang_op op, struct expr *x,
			   struct expr *y)
{
	struct expr *e = lang_expr_new(s->arena, EXPR_BINARY, like->span);

	e->token = like->token;
	e->type = TYPE_LONG;
	e->binary.op = op;
	e->binary.left = x;
	e->binary.right = y;
	return e;
}

/* False after a message. */
static bool may_write(struct resolve *r, const struct expr *left)
{
	struct sema *s = r->place->sema;

	if (!s->options->guru)
		sema_error(s, DIAG_VARIABLE_WRITE, left->token,
			   "write to target variable not permitted; need stap -g");
	else if (r->place->site && r->place->site->flags & SITE_RETURN)
		sema_error(s, DIAG_VARIABLE_WRITE, left->token,
			   "write to target variable not permitted in .return probes");
	else
		return true;
	return false;
}

/* What is written is left in when it may not be, so that one message is all. */
static void resolve_write(struct resolve *r, struct expr **e, struct expr *left, struct expr *value)
{
	struct sema *s = r->place->sema;
	struct expr *found = NULL;

	if (may_write(r, left)) {
		lang_walk_expr(&r->walker, &value);
		if (is_named(left, "->"))
			walk_operator(r, left);
		if (is_named(left, "->")) { /* when types are known */
			struct expr *assign = lang_expr_new(s->arena, EXPR_ASSIGN, (*e)->span);

			assign->token = (*e)->token;
			assign->assign.op = OP_ASSIGN;
			assign->assign.left = left;
			assign->assign.right = value;
			*e = assign;
			return;
		}
		if (left->kind == EXPR_OPERATOR)
			walk_operator(r, left);
		else
			for (uint32_t i = 0; i < left->target.n_components; i++)
				lang_walk_expr(&r->walker, &left->target.components[i].index);
		found = look_up(r->place, left, value, false);
	}
	*e = found ? found : value;
}

static bool provider_writes(const struct resolve *r)
{
	return r->place->provider && r->place->provider->takes_writes;
}

static void resolve_own_write(struct resolve *r, struct expr **e, struct expr *left, struct expr *value,
			      enum lang_op op)
{
	struct expr *found;

	lang_walk_expr(&r->walker, &value);
	found = look_up_by(r->place, left, value, op, false);
	*e = found ? found : value;
}

static void resolve_assign(struct resolve *r, struct expr **e)
{
	struct expr *left = (*e)->assign.left, *right = (*e)->assign.right;
	enum lang_op op = (*e)->assign.op;

	if (provider_writes(r) && left->kind == EXPR_TARGET) {
		resolve_own_write(r, e, left, right, op);
		return;
	}
	if (op == OP_AGGREGATE) {
		sema_error(r->place->sema, DIAG_STATISTIC, left->token, "a target variable is no statistic");
		*e = number(r->place->sema, *e, 0);
		return;
	}
	if (op != OP_ASSIGN)
		right = binary(r->place->sema, *e, op, lang_clone_expr(r->place->sema->arena, left), right);
	resolve_write(r, e, left, right);
}

static void resolve_step(struct resolve *r, struct expr **e)
{
	struct sema *s = r->place->sema;
	struct expr *left = (*e)->step.operand, *whole = *e, *one = number(s, *e, 1);
	enum lang_op op = (*e)->step.increment ? OP_ADD : OP_SUB;
	bool prefix = (*e)->step.prefix;

	if (provider_writes(r) && left->kind == EXPR_TARGET) {
		resolve_own_write(r, e, left, one, op);
		return;
	}
	resolve_write(r, e, left, binary(s, whole, op, lang_clone_expr(s->arena, left), one));
	if (!prefix)
		*e = binary(s, whole, op == OP_ADD ? OP_SUB : OP_ADD, *e, number(s, whole, 1));
}

/* ---- what is constant in a probe ------------------------------------------------------- */

static const char *const constant_calls[] = { "pn", "probe_type", "module_name", "is_return" };

static bool is_constant_call(struct sema *s, const struct expr *e, const struct lang_file *file)
{
	if (e->kind != EXPR_CALL || e->call.args.list.n || e->call.function || e->call.builtin)
		return false;
	for (size_t i = 0; i < base_count(constant_calls); i++)
		if (strcmp(e->call.name, constant_calls[i]) == 0)
			return !sema_index_any_function(s, e->call.name, file);
	return false;
}

static void resolve_constant_call(struct resolve *r, struct expr **e)
{
	const struct sema_place *p = r->place;
	const char *name = (*e)->call.name, *value = "spile";

	if (strcmp(name, "pn") == 0)
		value = p->probe ? p->probe->name : "";
	else if (strcmp(name, "probe_type") == 0)
		value = p->point && p->point->type ? p->point->type : "";
	if (strcmp(name, "is_return") == 0)
		*e = number(p->sema, *e, is_return(p));
	else
		*e = text(p->sema, *e, value);
}

/* ---- the walk -------------------------------------------------------------------------- */

/* Whether to fold what was walked since `before`. */
static bool may_fold(const struct resolve *r, uint32_t before)
{
	return r->defined != before || r->place->fold;
}

static struct expr *fold_since(struct resolve *r, struct expr *e, uint32_t before)
{
	return may_fold(r, before) ? sema_fold(r->place->sema->arena, e) : e;
}

static void resolve_binary(struct resolve *r, struct expr **e)
{
	uint32_t before = r->defined;
	struct expr *folded;

	lang_walk_expr(&r->walker, &(*e)->binary.left);
	folded = fold_since(r, *e, before);
	if (folded == *e) {
		lang_walk_expr(&r->walker, &(*e)->binary.right);
		folded = fold_since(r, *e, before);
	}
	*e = folded;
}

static void resolve_unary(struct resolve *r, struct expr **e)
{
	uint32_t before = r->defined;

	lang_walk_expr(&r->walker, &(*e)->unary.operand);
	*e = fold_since(r, *e, before);
}

static void resolve_ternary(struct resolve *r, struct expr **e)
{
	uint32_t before = r->defined;
	int64_t value;

	lang_walk_expr(&r->walker, &(*e)->ternary.condition);
	if (may_fold(r, before) && sema_is_number((*e)->ternary.condition, &value)) {
		*e = value ? (*e)->ternary.yes : (*e)->ternary.no;
		lang_walk_expr(&r->walker, e);
		return;
	}
	lang_walk_expr(&r->walker, &(*e)->ternary.yes);
	lang_walk_expr(&r->walker, &(*e)->ternary.no);
}

/* An exhaustive switch over the kinds of expressions. */
static bool resolve_expr(struct lang_walker *w, struct expr **e)
{
	struct resolve *r = w->user;

	switch ((*e)->kind) {
	case EXPR_TARGET:
		if (!(*e)->target.operand)
			resolve_target(r, e);
		return false;
	case EXPR_OPERATOR:
		resolve_operator(r, e);
		return false;
	case EXPR_BINARY:
		resolve_binary(r, e);
		return false;
	case EXPR_TERNARY:
		resolve_ternary(r, e);
		return false;
	case EXPR_UNARY:
		resolve_unary(r, e);
		return false;
	case EXPR_ASSIGN:
		if (!is_target((*e)->assign.left))
			return true;
		resolve_assign(r, e);
		return false;
	case EXPR_STEP:
		if (!is_target((*e)->step.operand))
			return true;
		resolve_step(r, e);
		return false;
	case EXPR_CALL:
		if (is_constant_call(r->place->sema, *e, r->file))
			resolve_constant_call(r, e);
		return true;
	case EXPR_EMBEDDED:
		*e = sema_embedded_expr(r->place->sema, *e, r->file);
		return false;
	case EXPR_NUMBER:
	case EXPR_STRING:
	case EXPR_SYMBOL:
	case EXPR_INDEX:
	case EXPR_IN:
	case EXPR_PRINT:
	case EXPR_STAT:
	case EXPR_HIST:
	case EXPR_REGEX:
		return true;
	}
	return true;
}

/* The branch that is taken, walked. */
static void take_branch(struct resolve *r, struct stmt **t, bool yes)
{
	*t = yes ? (*t)->if_.yes : (*t)->if_.no;
	if (!*t)
		*t = lang_stmt_new(r->place->sema->arena, STMT_EMPTY, (struct span){ 0, 0, 0 });
	lang_walk_stmt(&r->walker, t);
}

static void resolve_if(struct resolve *r, struct stmt **t)
{
	uint32_t before = r->defined;
	int64_t value;

	lang_walk_expr(&r->walker, &(*t)->if_.condition);
	if (may_fold(r, before) && sema_is_number((*t)->if_.condition, &value)) {
		take_branch(r, t, value);
		return;
	}
	lang_walk_stmt(&r->walker, &(*t)->if_.yes);
	lang_walk_stmt(&r->walker, &(*t)->if_.no);
}

static bool resolve_stmt(struct lang_walker *w, struct stmt **t)
{
	struct resolve *r = w->user;

	if ((*t)->kind == STMT_EMBEDDED)
		sema_embedded_stmt(r->place->sema, *t, r->file);
	if ((*t)->kind != STMT_IF)
		return true;
	resolve_if(r, t);
	return false;
}

void sema_targets_resolve(const struct sema_place *p, struct stmt **body,
			  const struct lang_file *file)
{
	struct resolve r = { .place = p, .file = file };

	r.walker = (struct lang_walker){ .user = &r, .expr = resolve_expr, .stmt = resolve_stmt };
	lang_walk_stmt(&r.walker, body);
}

/* ---- which functions depend on the probe ----------------------------------------------- */

struct called {
	struct function_decl *function;
	uint32_t by; /* whose body calls it: position in the list */
};

struct scan {
	struct lang_walker walker;
	struct sema *sema;
	const struct lang_file *file;
	bool found;
	VEC(struct called) list;
	uint32_t at; /* whose body is looked at */
	struct map *seen;
};

static const char contextual_yes[] = "yes", contextual_no[] = "no";

static const char *is_known_contextual(const struct sema *s, const struct function_decl *d)
{
	return map_find_u64(s->contextual, (uintptr_t)d);
}

static void scan_called(struct scan *c, struct function_decl *d)
{
	const char *known = is_known_contextual(c->sema, d);

	c->found |= known == contextual_yes;
	if (known || map_find_u64(c->seen, (uintptr_t)d))
		return;
	map_put_u64(c->seen, (uintptr_t)d, c);
	vec_push(c->sema->arena, &c->list, (struct called){ d, c->at });
}

static bool scan_expr(struct lang_walker *w, struct expr **e)
{
	struct scan *c = w->user;
	sema_function_decls l;

	if ((*e)->kind == EXPR_TARGET || (*e)->kind == EXPR_OPERATOR ||
	    is_constant_call(c->sema, *e, c->file))
		c->found = true;
	if ((*e)->kind != EXPR_CALL)
		return true;
	l = sema_index_functions(c->sema, (*e)->call.name, (*e)->call.args.list.n, c->file);
	vec_each(d, &l)
		scan_called(c, *d);
	return true;
}

static void know_contextual(struct scan *c, uint32_t i, const char *what)
{
	map_put_u64(c->sema->contextual, (uintptr_t)c->list.p[i].function, (void *)what);
}

/* What was found is known of all who lead to it; that nothing was, of all that were looked at. */
static void scan_end(struct scan *c)
{
	for (uint32_t i = 0; i < c->list.n && !c->found; i++)
		know_contextual(c, i, contextual_no);
	for (uint32_t i = c->at; c->found; i = c->list.p[i].by) {
		know_contextual(c, i, contextual_yes);
		if (!i)
			return;
	}
}

bool sema_function_is_contextual(struct sema *s, const struct function_decl *d)
{
	const char *known = is_known_contextual(s, d);
	struct scan c = { .sema = s };

	if (known)
		return known == contextual_yes;
	c.seen = map_create(s->arena);
	c.walker = (struct lang_walker){ .user = &c, .expr = scan_expr };
	scan_called(&c, (struct function_decl *)d);
	for (uint32_t i = 0; i < c.list.n && !c.found; i++) {
		struct function_decl *f = c.list.p[i].function;

		c.at = i;
		c.file = f->file;
		if (f->body)
			lang_walk_stmt(&c.walker, &f->body);
	}
	scan_end(&c);
	return c.found;
}

/* ---- signatures ------------------------------------------------------------------------ */

struct signature {
	struct lang_walker walker;
	const struct sema_place *place;
	const struct lang_file *file;
	struct map *functions; /* already in */
	struct buf out;
};

static bool write_operand(struct lang_walker *w, struct expr **e)
{
	struct buf *out = w->user;
	const struct sema_operand *o = (*e)->kind == EXPR_TARGET ? (*e)->target.operand : NULL;

	if (o)
		buf_addf(out, "|%d %d %d %d %d %d %d %d %lld %d", o->kind, o->size, o->is_signed,
			 o->base, o->index, o->scale, o->shift, o->module_relative,
			 (long long)o->displacement, o->type);
	return true;
}

static void write_target(struct signature *g, const struct expr *e)
{
	struct expr *found = look_up(g->place, lang_clone_expr(g->place->sema->arena, e), NULL, true);
	struct lang_walker w = { .user = &g->out, .expr = write_operand };

	buf_addc(&g->out, ';');
	if (!found)
		return;
	lang_print_expr(&g->out, found);
	lang_walk_expr(&w, &found);
}

static void write_function(struct signature *g, struct function_decl *d)
{
	const struct lang_file *file = g->file;

	if (!d->body || map_find_u64(g->functions, (uintptr_t)d) ||
	    !sema_function_is_contextual(g->place->sema, d))
		return;
	map_put_u64(g->functions, (uintptr_t)d, d);
	g->file = d->file;
	lang_walk_stmt(&g->walker, &d->body);
	g->file = file;
}

static void write_entry(struct signature *g, const struct expr *e)
{
	const struct sema_place *place = g->place;
	struct expr *value = e->op.args.list.p[0];

	g->place = sema_entry_place(place);
	lang_walk_expr(&g->walker, &value);
	g->place = place;
}

static bool write_expr(struct lang_walker *w, struct expr **e)
{
	struct signature *g = w->user;
	sema_function_decls l;

	if (is_entry(*e) && is_return(g->place)) {
		write_entry(g, *e);
		return false;
	}
	if ((*e)->kind == EXPR_TARGET || ((*e)->kind == EXPR_OPERATOR && is_typed_operator(*e)))
		write_target(g, *e);
	if ((*e)->kind != EXPR_CALL)
		return true;
	l = sema_index_functions(g->place->sema, (*e)->call.name, (*e)->call.args.list.n, g->file);
	vec_each(d, &l)
		write_function(g, *d);
	return true;
}

const char *sema_targets_signature(const struct sema_place *p, struct stmt *body,
				   const struct lang_file *file)
{
	struct signature g = { .place = p, .file = file };

	g.walker = (struct lang_walker){ .user = &g, .expr = write_expr };
	g.functions = map_create(p->sema->arena);
	buf_init(&g.out, p->sema->arena);
	lang_walk_stmt(&g.walker, &body);
	return buf_str(&g.out);
}
