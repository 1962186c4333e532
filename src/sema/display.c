/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globals that a script writes and never reads are shown when it ends:
 *
 *	n=3
 *	s="text"
 *	a[1,"x"]=7			by falling value
 *	b @count=3 @min=1 @max=9 @sum=12 @avg=4
 *	c[1] @count=...
 *
 * Each gets a probe of its own, written as a tree whose types are known.
 */
#include "sema/private.h"

struct display {
	struct sema *sema;
	struct sema_probe *probe;
	struct lang_variable *global;
	VEC(struct format_part) parts;
	struct expr_list args;
};

static const enum stat_op shown[] = { STAT_COUNT, STAT_MIN, STAT_MAX, STAT_SUM, STAT_AVG };

/* ---- trees ----------------------------------------------------------------------------- */

static struct expr *expr_new(struct display *d, enum expr_kind kind, enum lang_type type)
{
	struct expr *e = lang_expr_new(d->sema->arena, kind, d->global->span);

	e->type = type;
	return e;
}

static struct expr *symbol(struct display *d, struct lang_variable *v)
{
	struct expr *e = expr_new(d, EXPR_SYMBOL, v->type);

	e->symbol.name = v->name;
	e->symbol.variable = v;
	return e;
}

static struct expr *local(struct display *d, const char *name, enum lang_type type)
{
	struct lang_variable *v = arena_new(d->sema->arena, struct lang_variable);

	*v = (struct lang_variable){ .kind = VARIABLE_LOCAL,
				     .name = name,
				     .type = type,
				     .span = d->global->span,
				     .index = d->probe->locals.n };
	vec_push(d->sema->arena, &d->probe->locals, v);
	return symbol(d, v);
}

static struct stmt *effect(struct display *d, struct expr *e)
{
	struct stmt *t = lang_stmt_new(d->sema->arena, STMT_EXPR, d->global->span);

	t->expr = e;
	return t;
}

/* ---- one line -------------------------------------------------------------------------- */

static void line_begin(struct display *d)
{
	d->parts.p = NULL;
	d->parts.n = d->parts.cap = 0;
	d->args = (struct expr_list){ 0 };
}

static void line_text(struct display *d, const char *text)
{
	struct format_part p = { .text = text, .text_length = (uint32_t)__builtin_strlen(text) };

	vec_push(d->sema->arena, &d->parts, p);
}

/* "text", with what cannot be printed escaped */
static struct expr *escaped(struct display *d, struct expr *e)
{
	struct expr *call = expr_new(d, EXPR_CALL, TYPE_STRING);

	call->call.name = "text_str";
	call->call.builtin = sema_builtin_find("text_str", 1);
	vec_push(d->sema->arena, &call->call.args.list, e);
	return call;
}

static void line_value(struct display *d, struct expr *e)
{
	bool is_string = e->type == TYPE_STRING;

	if (is_string)
		line_text(d, "\"");
	vec_push(d->sema->arena, &d->parts,
		 (struct format_part){ .conversion = is_string ? 's' : 'd' });
	vec_push(d->sema->arena, &d->args.list, is_string ? escaped(d, e) : e);
	if (is_string)
		line_text(d, "\"");
}

static void write_format(struct display *d, struct buf *b)
{
	buf_init(b, d->sema->arena);
	vec_each(p, &d->parts)
		if (p->conversion)
			buf_addf(b, "%%%c", p->conversion);
		else
			buf_adds(b, p->text);
}

static struct stmt *line_end(struct display *d)
{
	struct expr *e = expr_new(d, EXPR_PRINT, TYPE_LONG);
	struct buf format;

	line_text(d, "\n");
	write_format(d, &format);
	e->print.print = PRINT_PRINTF;
	e->print.parts = d->parts.p;
	e->print.n_parts = d->parts.n;
	e->print.args = d->args;
	e->print.format = buf_str(&format);
	return effect(d, e);
}

/* ---- values ---------------------------------------------------------------------------- */

static struct expr *stat(struct display *d, enum stat_op op, const struct expr *of)
{
	struct expr *e = expr_new(d, EXPR_STAT, TYPE_LONG);

	e->stat.op = op;
	e->stat.of = lang_clone_expr(d->sema->arena, of);
	d->global->stat_ops |= 1u << op;
	return e;
}

static void line_statistic(struct display *d, const struct expr *of)
{
	for (size_t i = 0; i < base_count(shown); i++) {
		line_text(d, arena_printf(d->sema->arena, " %s=", lang_stat_name(shown[i])));
		line_value(d, stat(d, shown[i], of));
	}
}

static struct stmt *scalar(struct display *d)
{
	line_begin(d);
	line_text(d, d->global->name);
	line_text(d, "=");
	line_value(d, symbol(d, d->global));
	return line_end(d);
}

/* if (@count(x)) ... else ...: an empty statistic has no minimum */
static struct stmt *statistic(struct display *d)
{
	struct stmt *t = lang_stmt_new(d->sema->arena, STMT_IF, d->global->span);
	struct expr *of = symbol(d, d->global);

	t->if_.condition = stat(d, STAT_COUNT, of);
	line_begin(d);
	line_text(d, d->global->name);
	line_statistic(d, of);
	t->if_.yes = line_end(d);
	line_begin(d);
	line_text(d, d->global->name);
	line_text(d, " @count=0x0");
	t->if_.no = line_end(d);
	return t;
}

static void line_keys(struct display *d, const struct stmt *loop)
{
	line_begin(d);
	line_text(d, d->global->name);
	for (uint32_t k = 0; k < loop->foreach.keys.list.n; k++) {
		line_text(d, k ? "," : "[");
		line_value(d, lang_clone_expr(d->sema->arena, loop->foreach.keys.list.p[k]));
	}
	line_text(d, "]");
}

static struct expr *element(struct display *d, const struct stmt *loop)
{
	struct expr *e = expr_new(d, EXPR_INDEX, d->global->type);

	e->index.base = symbol(d, d->global);
	vec_each(k, &loop->foreach.keys.list)
		vec_push(d->sema->arena, &e->index.keys.list, lang_clone_expr(d->sema->arena, *k));
	return e;
}

static struct stmt *array(struct display *d)
{
	struct lang_variable *g = d->global;
	struct stmt *t = lang_stmt_new(d->sema->arena, STMT_FOREACH, g->span);

	for (int k = 0; k < g->arity; k++)
		vec_push(d->sema->arena, &t->foreach.keys.list,
			 local(d, arena_printf(d->sema->arena, "__idx%d", k), g->key_types[k]));
	t->foreach.array = symbol(d, g);
	t->foreach.sort = -1;
	t->foreach.sort_op = g->type == TYPE_STATS ? STAT_COUNT : STAT_NONE;
	line_keys(d, t);
	if (g->type == TYPE_STATS) {
		line_statistic(d, element(d, t));
	} else {
		t->foreach.value = local(d, "__val", g->type);
		line_text(d, "=");
		line_value(d, lang_clone_expr(d->sema->arena, t->foreach.value));
	}
	t->foreach.body = line_end(d);
	return t;
}

/* ---- probes ---------------------------------------------------------------------------- */

static struct sema_point *end_point(struct sema *s)
{
	struct sema_point *p = arena_new(s->arena, struct sema_point);

	p->event = EVENT_END;
	p->context = CONTEXT_TOOL;
	p->point = "end";
	p->type = "begin_end";
	return p;
}

static void add_probe(struct sema *s, struct lang_variable *v)
{
	struct sema_probe *p = arena_new(s->arena, struct sema_probe);
	struct display d = { .sema = s, .probe = p, .global = v };

	p->span = v->span;
	p->point = end_point(s);
	p->name = p->derivation = "end";
	p->index = s->program->probes.n;
	if (v->arity > 0)
		p->body = array(&d);
	else
		p->body = v->type == TYPE_STATS ? statistic(&d) : scalar(&d);
	vec_push(s->arena, &s->program->probes, p);
}

/* An array that may have stacks among its keys, for a flame graph. */
static bool is_drawn(const struct sema *s, struct lang_variable *v)
{
	bool text = false;

	for (int k = 0; k < v->arity; k++)
		text |= v->key_types[k] == TYPE_STRING;
	if (!s->options->stacks_drawn || !text || v->type == TYPE_STRING)
		return false;
	if (v->type == TYPE_STATS)
		v->stat_ops |= 1u << STAT_COUNT | 1u << STAT_SUM;
	return true;
}

void sema_display_add(struct sema *s)
{
	sema_uses_compute(s);
	vec_each(v, &s->program->globals)
		if (!is_drawn(s, *v) && s->options->global_display && (*v)->is_written && !(*v)->is_read &&
		    !(*v)->file->source->is_library) {
			vec_push(s->arena, &s->program->unread, *v);
			add_probe(s, *v);
		}
}
