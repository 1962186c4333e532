/* SPDX-License-Identifier: Apache-2.0 */
/* Types of expressions. `want` is what the surroundings need, UNKNOWN if they do not care. */
#include "sema/private.h"

#include <string.h>

/* e is of type `found`, whatever the surroundings want. */
static void settle(struct sema_infer *i, struct expr *e, enum lang_type found, enum lang_type want)
{
	e->type = found;
	if (want != TYPE_UNKNOWN && found != want)
		sema_infer_mismatch(i, e, want, found);
}

/* ---- types of the target ---------------------------------------------------------------- */

/* A variable or result keeps the target's type of what is put into it, unless there are several. */
static void learn_detail(struct sema_infer *i, const struct sema_detail **to, bool *conflict,
			 const struct sema_detail *from)
{
	if (!from || *conflict || *to == from)
		return;
	*conflict = *to != NULL;
	*to = *conflict ? NULL : from;
	i->changed = true;
}

static struct lang_variable *variable_of(const struct expr *e)
{
	if (e->kind == EXPR_INDEX)
		e = e->index.base;
	return e->kind == EXPR_SYMBOL ? e->symbol.variable : NULL;
}

static bool is_operator(const struct expr *e, const char *name)
{
	return e->kind == EXPR_OPERATOR && strcmp(e->op.name, name) == 0;
}

/* What `found` is, in the place of e. */
static void replace(struct sema_infer *i, struct expr *e, struct expr *found)
{
	*e = *found;
	i->changed = true;
}

/* p->m, @enumname(e): wait for the type of p, of e; store: what is written there, or NULL. */
static void infer_arrow(struct sema_infer *i, struct expr *e, struct expr *target, struct expr *store,
			enum lang_type want)
{
	struct expr *operand = target->op.args.list.p[0], *found;

	sema_infer_expr(i, operand, TYPE_LONG);
	for (uint32_t k = 0; k < target->op.n_components; k++)
		if (target->op.components[k].index)
			sema_infer_expr(i, target->op.components[k].index, TYPE_LONG);
	if (operand->detail && i->place) {
		found = sema_target_look_up(i->place, target, store, false);
		i->failed |= !found;
		if (!found)
			return;
		replace(i, e, found);
		sema_infer_expr(i, e, want);
		return;
	}
	e->type = target->op.pretty ? TYPE_STRING : TYPE_LONG;
	if (!i->last)
		return;
	i->failed = true;
	sema_error(i->sema, DIAG_VARIABLE_UNKNOWN, target->token, "unknown type in dereference");
}

/* @defined(p->m) */
static void infer_defined(struct sema_infer *i, struct expr *e)
{
	struct expr *what = e->op.args.list.p[0], *operand;
	struct expr *found = NULL;

	e->type = TYPE_LONG;
	if (is_operator(what, "->")) {
		operand = what->op.args.list.p[0];
		sema_infer_expr(i, operand, TYPE_LONG);
		if (!operand->detail && !i->last)
			return;
		if (operand->detail && i->place)
			found = sema_target_look_up(i->place, lang_clone_expr(i->sema->arena, what), NULL, true);
	}
	e->kind = EXPR_NUMBER;
	e->number.value = found != NULL;
	i->changed = true;
}

static void infer_operator(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	if (is_operator(e, "->") || is_operator(e, "@enumname"))
		infer_arrow(i, e, e, NULL, want);
	else if (is_operator(e, "@defined"))
		infer_defined(i, e);
	else
		settle(i, e, TYPE_LONG, want);
}

/* ---- pairs -------------------------------------------------------------------------------- */

/* Two operands of one type, which may be known from either. */
static enum lang_type infer_pair(struct sema_infer *i, struct expr *e, struct expr *x,
				 struct expr *y, enum lang_type want)
{
	sema_infer_expr(i, x, want);
	sema_infer_expr(i, y, want);
	if (x->type == TYPE_UNKNOWN && y->type != TYPE_UNKNOWN) {
		sema_infer_expr(i, x, y->type);
	} else if (y->type == TYPE_UNKNOWN && x->type != TYPE_UNKNOWN) {
		sema_infer_expr(i, y, x->type);
	} else if (x->type != y->type && !i->failed) {
		i->failed = true;
		sema_error(i->sema, DIAG_TYPE_MISMATCH, e->token,
			   "type mismatch: left and right sides don't agree (%s vs %s)",
			   lang_type_name(x->type), lang_type_name(y->type));
	}
	if (x->type == TYPE_STATS && !i->failed) {
		i->failed = true;
		sema_error(i->sema, DIAG_STATISTIC, x->token, "invalid type stats");
	}
	return x->type;
}

/* One complaint about a variable is enough. */
static void give_up(struct sema_infer *i, struct expr *symbol)
{
	sema_infer_unresolved(i, symbol->token);
	if (i->last)
		symbol->symbol.variable->type = TYPE_LONG;
}

static void infer_symbol(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	sema_infer_scalar(i, e);
	e->type = sema_infer_symbol(i, e, want);
	e->detail = e->symbol.variable->detail;
	if (e->type == TYPE_UNKNOWN)
		give_up(i, e);
}

static void infer_hist(struct sema_infer *i, struct expr *e)
{
	sema_infer_expr(i, e->hist.of, TYPE_STATS);
	e->type = TYPE_STATS;
}

/* The one number that chooses a bucket. */
static void infer_bucket(struct sema_infer *i, struct expr *hist, struct expr_list *keys)
{
	infer_hist(i, hist);
	if (keys->list.n != 1) {
		i->failed = true;
		sema_error(i->sema, DIAG_ARITY, hist->token, "inconsistent arity (%u vs 1)", keys->list.n);
	}
	vec_each(k, &keys->list)
		if (*k)
			sema_infer_expr(i, *k, TYPE_LONG);
}

static void refuse_star(struct sema_infer *i, struct span at)
{
	i->failed = true;
	sema_error(i->sema, DIAG_ARRAY_SLICE, at, "wildcard not allowed in array index");
}

static void infer_in(struct sema_infer *i, struct expr *e)
{
	if (e->in.array->kind != EXPR_HIST) {
		sema_infer_keys(i, e->in.array, &e->in.keys);
		return;
	}
	infer_bucket(i, e->in.array, &e->in.keys);
	if (!e->in.keys.list.p[0])
		refuse_star(i, e->in.array->token);
}

static void infer_index(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	struct expr *base = e->index.base;

	vec_each(k, &e->index.keys.list)
		if (!*k && !i->deleting)
			refuse_star(i, base->token);
	i->deleting = false;
	if (base->kind == EXPR_HIST) {
		infer_bucket(i, base, &e->index.keys);
		settle(i, e, TYPE_LONG, want);
		return;
	}
	sema_infer_keys(i, base, &e->index.keys);
	e->type = base->type = sema_infer_symbol(i, base, want);
	e->detail = base->symbol.variable->detail;
	if (e->type == TYPE_UNKNOWN)
		give_up(i, base);
}

static bool is_comparison(enum lang_op op)
{
	return op >= OP_EQ && op <= OP_GE;
}

static void infer_binary(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	enum lang_type operand = e->binary.op == OP_CONCAT ? TYPE_STRING : TYPE_LONG;

	if (is_comparison(e->binary.op)) {
		if (infer_pair(i, e, e->binary.left, e->binary.right, TYPE_UNKNOWN) == TYPE_UNKNOWN)
			sema_infer_unresolved(i, e->binary.left->token);
		settle(i, e, TYPE_LONG, want);
		return;
	}
	sema_infer_expr(i, e->binary.left, operand);
	sema_infer_expr(i, e->binary.right, operand);
	settle(i, e, operand, want);
}

static void infer_ternary(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	sema_infer_expr(i, e->ternary.condition, TYPE_LONG);
	e->type = infer_pair(i, e, e->ternary.yes, e->ternary.no, want);
	if (!e->ternary.yes->detail || !e->ternary.no->detail || e->ternary.yes->detail == e->ternary.no->detail)
		e->detail = e->ternary.yes->detail ? e->ternary.yes->detail : e->ternary.no->detail;
}

/* ---- assignments ----------------------------------------------------------------------- */

static bool is_entry(const struct expr *e)
{
	return e->kind == EXPR_TARGET && e->target.operand &&
	       e->target.operand->kind == OPERAND_ENTRY;
}

static bool is_place(const struct expr *e)
{
	return e->kind == EXPR_SYMBOL || is_entry(e) ||
	       (e->kind == EXPR_INDEX && e->index.base->kind == EXPR_SYMBOL);
}

static bool need_place(struct sema_infer *i, const struct expr *e, struct span operator)
{
	if (is_place(e))
		return true;
	i->failed = true;
	sema_error(i->sema, DIAG_LVALUE, operator, "Expecting lvalue for assignment");
	return false;
}

static void infer_plain(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	struct expr *left = e->assign.left, *right = e->assign.right;
	struct lang_variable *v = variable_of(left);

	sema_infer_expr(i, left, want);
	sema_infer_expr(i, right, TYPE_UNKNOWN);
	if (right->type == TYPE_UNKNOWN)
		sema_infer_expr(i, right, left->type);
	else if (right->type == TYPE_STATS)
		sema_infer_mismatch(i, right, left->type == TYPE_STRING ? TYPE_STRING : TYPE_LONG,
				    TYPE_STATS);
	else
		sema_infer_expr(i, left, right->type);
	e->type = left->type;
	e->detail = right->detail;
	if (v && right->type == TYPE_LONG)
		learn_detail(i, &v->detail, &v->detail_conflict, right->detail);
	if (is_entry(left) && left->target.operand->detail != right->detail) {
		left->target.operand->detail = right->detail;
		i->changed = true;
	}
}

static void infer_assign(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	enum lang_type operand = e->assign.op == OP_CONCAT ? TYPE_STRING : TYPE_LONG;

	if (is_operator(e->assign.left, "->")) {
		sema_infer_expr(i, e->assign.right, TYPE_LONG);
		infer_arrow(i, e, e->assign.left, e->assign.right, want);
		return;
	}
	if (!need_place(i, e->assign.left, e->token))
		return;
	if (e->assign.op == OP_ASSIGN) {
		infer_plain(i, e, want);
		return;
	}
	sema_infer_expr(i, e->assign.left, e->assign.op == OP_AGGREGATE ? TYPE_STATS : operand);
	sema_infer_expr(i, e->assign.right, operand);
	settle(i, e, operand, want);
}

static void infer_step(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	if (!need_place(i, e->step.operand, e->token))
		return;
	sema_infer_expr(i, e->step.operand, TYPE_LONG);
	settle(i, e, TYPE_LONG, want);
}

/* The saver and the users of a value share its operand: what one learns all know. */
static void infer_entry(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	struct sema_operand *o = e->target.operand;

	if (o->type == TYPE_UNKNOWN && (want == TYPE_LONG || want == TYPE_STRING)) {
		o->type = want;
		i->changed = true;
	}
	if (o->type == TYPE_UNKNOWN)
		sema_infer_unresolved(i, e->token);
}

/* ---- calls ----------------------------------------------------------------------------- */

static void infer_parameter(struct sema_infer *i, struct lang_variable *v, struct expr *arg)
{
	sema_infer_expr(i, arg, v->type);
	if (arg->type == TYPE_STATS) {
		sema_infer_mismatch(i, arg, v->type == TYPE_UNKNOWN ? TYPE_LONG : v->type,
				    TYPE_STATS);
		return;
	}
	if (arg->type == TYPE_LONG)
		learn_detail(i, &v->detail, &v->detail_conflict, arg->detail);
	if (v->type != TYPE_UNKNOWN || arg->type == TYPE_UNKNOWN)
		return;
	v->type = arg->type;
	v->type_span = arg->token;
	i->changed = true;
}

static void learn_result(struct sema_infer *i, struct sema_function *f, enum lang_type type)
{
	if (f->type != TYPE_UNKNOWN || type == TYPE_UNKNOWN)
		return;
	f->type = type;
	i->changed = true;
}

/* All of a chain take and give the same types. */
static void infer_script_call(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	struct sema_function *head = e->call.function;

	for (struct sema_function *f = head; f; f = f->next_overload) {
		for (uint32_t k = 0; k < f->n_parameters; k++)
			infer_parameter(i, f->parameters[k], e->call.args.list.p[k]);
		learn_result(i, head, f->type);
		if (f->type != TYPE_UNKNOWN && head->type != f->type && !i->failed) {
			i->failed = true;
			sema_error(
				i->sema, DIAG_FUNCTION_CONFLICT, f->span,
				"type mismatch: overloaded functions of one arity give %s and %s",
				lang_type_name(head->type), lang_type_name(f->type));
		}
	}
	learn_result(i, head, want);
	for (struct sema_function *f = head; f; f = f->next_overload)
		learn_result(i, f, head->type);
	e->type = head->type;
	e->detail = head->detail;
}

/* Embedded C tells no types: those of its call are those of whoever calls the function, and of who takes the value. */
static void learn_embedded(struct sema_infer *i, const struct expr *e, enum lang_type want)
{
	struct sema_builtin *b = (struct sema_builtin *)e->call.builtin; /* made for this call alone */

	for (uint32_t k = 0; k < b->n_parameters; k++)
		if (b->parameters[k] == TYPE_UNKNOWN)
			b->parameters[k] = e->call.args.list.p[k]->type;
	if (b->type != TYPE_UNKNOWN || !b->embedded->gives_value || want == TYPE_UNKNOWN)
		return;
	b->type = want;
	i->changed = true;
}

static void infer_call(struct sema_infer *i, struct expr *e, enum lang_type want, bool used)
{
	const struct sema_builtin *b = e->call.builtin;

	if (b) {
		for (uint32_t k = 0; k < b->n_parameters; k++)
			sema_infer_expr(i, e->call.args.list.p[k], b->parameters[k]);
		if (b->embedded)
			learn_embedded(i, e, want);
		e->type = b->type;
	} else {
		infer_script_call(i, e, want);
	}
	if (e->type == TYPE_UNKNOWN && used && !(b && b->embedded && b->embedded->gives_value))
		sema_infer_unresolved(i, e->token);
	else if (want != TYPE_UNKNOWN && e->type != TYPE_UNKNOWN && e->type != want)
		sema_infer_mismatch(i, e, want, e->type);
}

/* ---- printing -------------------------------------------------------------------------- */

static bool takes_string(char conversion)
{
	return conversion == 's';
}

/* False when the format has more directives than there are arguments, or fewer. */
static bool infer_format(struct sema_infer *i, struct expr *e)
{
	uint32_t next = 0, n = e->print.args.list.n;
	struct expr **args = e->print.args.list.p;

	for (uint32_t k = 0; k < e->print.n_parts; k++) {
		const struct format_part *p = &e->print.parts[k];
		uint32_t stars = (uint32_t)p->star_width + p->star_precision;

		if (!p->conversion)
			continue;
		for (; stars; stars--)
			if (next < n)
				sema_infer_expr(i, args[next++], TYPE_LONG);
			else
				return false;
		if (next == n)
			return false;
		sema_infer_expr(i, args[next++],
				takes_string(p->conversion) ? TYPE_STRING : TYPE_LONG);
	}
	return next == n;
}

static void infer_printed(struct sema_infer *i, struct expr *e)
{
	if (e->kind == EXPR_HIST) {
		infer_hist(i, e);
		return;
	}
	sema_infer_expr(i, e, TYPE_UNKNOWN);
	if (e->type == TYPE_STATS) {
		i->failed = true;
		sema_error(i->sema, DIAG_STATISTIC, e->token, "invalid type stats");
	}
}

static void infer_print(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	if (e->print.print == PRINT_PRINTF) {
		if (!infer_format(i, e) && !i->failed) {
			i->failed = true;
			sema_error(i->sema, DIAG_FORMAT, e->token,
				   "Wrong number of args to formatted print operator");
		}
	} else {
		vec_each(a, &e->print.args.list)
			if (e->print.print == PRINT_CHAR)
				sema_infer_expr(i, *a, TYPE_LONG);
			else
				infer_printed(i, *a);
	}
	settle(i, e, e->print.to_string ? TYPE_STRING : TYPE_LONG, want);
}

/* ---- all kinds ------------------------------------------------------------------------- */

static void infer_number(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	settle(i, e, TYPE_LONG, want);
}

static void infer_string(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	settle(i, e, TYPE_STRING, want);
}

static void infer_unary(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	sema_infer_expr(i, e->unary.operand, TYPE_LONG);
	settle(i, e, TYPE_LONG, want);
}

static void infer_presence(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	infer_in(i, e);
	settle(i, e, TYPE_LONG, want);
}

static void infer_regex(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	sema_infer_expr(i, e->regex.subject, TYPE_STRING);
	settle(i, e, TYPE_LONG, want);
}

static void infer_stat(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	sema_infer_expr(i, e->stat.of, TYPE_STATS);
	settle(i, e, TYPE_LONG, want);
}

static void infer_bare_hist(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	(void)want;
	infer_hist(i, e);
	i->failed = true;
	sema_error(i->sema, DIAG_HISTOGRAM, e->token, "base histogram operator where expression expected");
}

static void infer_target(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	if (is_entry(e)) {
		infer_entry(i, e, want);
		e->detail = e->target.operand->detail;
	}
	settle(i, e, e->target.operand ? e->target.operand->type : TYPE_LONG, want);
}

static void infer_used_call(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	infer_call(i, e, want, true);
}

static void (*const infer_kind[])(struct sema_infer *i, struct expr *e, enum lang_type want) = {
	[EXPR_NUMBER] = infer_number,	[EXPR_STRING] = infer_string,	  [EXPR_SYMBOL] = infer_symbol,
	[EXPR_INDEX] = infer_index,	[EXPR_UNARY] = infer_unary,	  [EXPR_BINARY] = infer_binary,
	[EXPR_TERNARY] = infer_ternary, [EXPR_ASSIGN] = infer_assign,	  [EXPR_STEP] = infer_step,
	[EXPR_IN] = infer_presence,	[EXPR_REGEX] = infer_regex,	  [EXPR_CALL] = infer_used_call,
	[EXPR_PRINT] = infer_print,	[EXPR_STAT] = infer_stat,	  [EXPR_HIST] = infer_bare_hist,
	[EXPR_TARGET] = infer_target,	[EXPR_OPERATOR] = infer_operator, [EXPR_EMBEDDED] = infer_number,
};
_Static_assert(base_count(infer_kind) == EXPR_KINDS, "a row for each kind of expression");

void sema_infer_expr(struct sema_infer *i, struct expr *e, enum lang_type want)
{
	infer_kind[e->kind](i, e, want);
}

void sema_infer_unused(struct sema_infer *i, struct expr *e)
{
	if (e->kind == EXPR_CALL)
		infer_call(i, e, TYPE_UNKNOWN, false);
	else
		sema_infer_expr(i, e, TYPE_UNKNOWN);
}
