/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, probe points and files back to text, in the canonical form of pass 1. */
#include "lang/lang.h"

#include <inttypes.h>

/* A new line, begun with the indentation. */
static void new_line(struct buf *to, int indent)
{
	buf_addc(to, '\n');
	for (int i = 0; i < indent; i++)
		buf_addc(to, '\t');
}

/* ---- statements ----------------------------------------------------------------------- */

static void print_block(struct buf *to, const struct stmt *s, int indent)
{
	buf_addc(to, '{');
	vec_each(it, &s->block.list) {
		new_line(to, indent);
		lang_print_stmt(to, *it, indent);
		buf_addc(to, ';');
	}
	new_line(to, indent);
	buf_addc(to, '}');
}

static void print_if(struct buf *to, const struct stmt *s, int indent)
{
	buf_adds(to, "if (");
	lang_print_expr(to, s->if_.condition);
	buf_adds(to, ") ");
	lang_print_stmt(to, s->if_.yes, indent);
	new_line(to, indent);
	if (!s->if_.no)
		return;
	buf_adds(to, "else ");
	lang_print_stmt(to, s->if_.no, indent);
	new_line(to, indent);
}

static void print_loop(struct buf *to, const struct stmt *s, int indent)
{
	buf_adds(to, "for (");
	if (s->loop.init)
		lang_print_expr(to, s->loop.init);
	buf_adds(to, "; ");
	lang_print_expr(to, s->loop.condition);
	buf_adds(to, "; ");
	if (s->loop.step)
		lang_print_expr(to, s->loop.step);
	buf_adds(to, ") ");
	lang_print_stmt(to, s->loop.body, indent);
}

static const char *sort_mark(const struct stmt *s, uint32_t column)
{
	if (!s->foreach.sort || s->foreach.sort_column != (int)column)
		return "";
	return s->foreach.sort > 0 ? "+" : "-";
}

static void print_foreach_head(struct buf *to, const struct stmt *s)
{
	buf_adds(to, "foreach (");
	if (s->foreach.value) {
		lang_print_expr(to, s->foreach.value);
		buf_adds(to, " = ");
	}
	buf_addc(to, '[');
	for (uint32_t i = 0; i < s->foreach.keys.list.n; i++) {
		if (i)
			buf_adds(to, ", ");
		lang_print_expr(to, s->foreach.keys.list.p[i]);
		buf_adds(to, sort_mark(s, i + 1));
	}
	buf_adds(to, "] in ");
	lang_print_expr(to, s->foreach.array);
}

static void print_slice(struct buf *to, const struct expr_list *keys)
{
	buf_addc(to, '[');
	for (uint32_t i = 0; i < keys->list.n; i++) {
		if (i)
			buf_adds(to, ", ");
		if (keys->list.p[i])
			lang_print_expr(to, keys->list.p[i]);
		else
			buf_addc(to, '*');
	}
	buf_addc(to, ']');
}

static void print_foreach(struct buf *to, const struct stmt *s, int indent)
{
	print_foreach_head(to, s);
	if (s->foreach.has_slice)
		print_slice(to, &s->foreach.slice);
	if (s->foreach.sort_op != STAT_NONE)
		buf_addf(to, " %s", lang_stat_name(s->foreach.sort_op));
	buf_adds(to, sort_mark(s, 0));
	if (s->foreach.limit) {
		buf_adds(to, " limit ");
		lang_print_expr(to, s->foreach.limit);
	}
	buf_adds(to, ") ");
	lang_print_stmt(to, s->foreach.body, indent);
}

static void print_try(struct buf *to, const struct stmt *s, int indent)
{
	buf_adds(to, "try {");
	new_line(to, indent);
	lang_print_stmt(to, s->try_.body, indent);
	new_line(to, indent);
	buf_adds(to, "} catch ");
	if (s->try_.variable) {
		buf_addc(to, '(');
		lang_print_expr(to, s->try_.variable);
		buf_adds(to, ") ");
	}
	buf_addc(to, '{');
	new_line(to, indent);
	lang_print_stmt(to, s->try_.handler, indent);
	new_line(to, indent);
	buf_addc(to, '}');
	new_line(to, indent);
}

static void print_worded(struct buf *to, const char *word, const struct expr *e)
{
	buf_adds(to, word);
	if (e) {
		buf_addc(to, ' ');
		lang_print_expr(to, e);
	}
}

/* An exhaustive switch. */
void lang_print_stmt(struct buf *to, const struct stmt *s, int indent)
{
	switch (s->kind) {
	case STMT_EMPTY:
		buf_addc(to, ';');
		break;
	case STMT_EXPR:
		lang_print_expr(to, s->expr);
		break;
	case STMT_BLOCK:
		print_block(to, s, indent);
		break;
	case STMT_IF:
		print_if(to, s, indent);
		break;
	case STMT_WHILE:
	case STMT_FOR:
		print_loop(to, s, indent);
		break;
	case STMT_FOREACH:
		print_foreach(to, s, indent);
		break;
	case STMT_RETURN:
		print_worded(to, "return", s->expr);
		break;
	case STMT_DELETE:
		print_worded(to, "delete", s->expr);
		break;
	case STMT_BREAK:
		buf_adds(to, "break");
		break;
	case STMT_CONTINUE:
		buf_adds(to, "continue");
		break;
	case STMT_NEXT:
		buf_adds(to, "next");
		break;
	case STMT_TRY:
		print_try(to, s, indent);
		break;
	case STMT_EMBEDDED:
		buf_addf(to, "%%{%.*s%%}", (int)s->embedded.length, s->embedded.code);
		break;
	}
}

/* ---- probe points ------------------------------------------------------------------------ */

static void print_point(struct buf *to, const struct probe_point *p, bool with_marks)
{
	for (uint32_t i = 0; i < p->components.n; i++) {
		const struct point_component *c = &p->components.p[i];

		buf_addf(to, "%s%s", i ? "." : "", c->name);
		if (!c->has_argument)
			continue;
		buf_addc(to, '(');
		if (c->argument)
			lang_print_expr(to, c->argument);
		buf_addc(to, ')');
	}
	if (!with_marks)
		return;
	if (p->optional || p->sufficient)
		buf_addc(to, p->sufficient ? '!' : '?');
	if (p->condition) {
		buf_adds(to, " if (");
		lang_print_expr(to, p->condition);
		buf_addc(to, ')');
	}
}

const char *lang_point_text(struct arena *a, const struct probe_point *p, bool with_marks)
{
	struct buf b;

	buf_init(&b, a);
	print_point(&b, p, with_marks);
	return buf_str(&b);
}

/* ---- declarations -------------------------------------------------------------------------- */

static void print_global(struct buf *to, const struct lang_variable *v)
{
	buf_addf(to, "%sglobal %s%s", v->is_private ? "private " : "", v->name, v->wraps ? "%" : "");
	if (v->size)
		buf_addf(to, "[%" PRId64 "]", v->size);
	if (v->init) {
		buf_adds(to, " = ");
		lang_print_expr(to, v->init);
	}
	buf_addc(to, '\n');
}

static void print_probe(struct buf *to, const struct probe_decl *d)
{
	buf_adds(to, "probe ");
	vec_each(it, &d->names) {
		print_point(to, *it, true);
		buf_adds(to, d->is_epilogue_alias && it + 1 == d->names.p + d->names.n ? " += " : " = ");
	}
	vec_each(it, &d->points) {
		if (it != d->points.p)
			buf_adds(to, d->is_alias ? ", " : ",");
		print_point(to, *it, true);
	}
	lang_print_stmt(to, d->body, 0);
	if (d->epilogue) {
		buf_adds(to, ", ");
		lang_print_stmt(to, d->epilogue, 0);
	}
	buf_addc(to, '\n');
}

/* name[:type] */
static void print_typed(struct buf *to, const char *name, enum lang_type type)
{
	buf_adds(to, name);
	if (type != TYPE_UNKNOWN)
		buf_addf(to, ":%s", lang_type_name(type));
}

static void print_function(struct buf *to, const struct function_decl *f)
{
	buf_adds(to, f->is_private ? "private function " : "function ");
	print_typed(to, f->name, f->type);
	buf_adds(to, " (");
	vec_each(it, &f->parameters) {
		if (it != f->parameters.p)
			buf_adds(to, ", ");
		print_typed(to, (*it)->name, (*it)->type);
	}
	buf_addc(to, ')');
	if (f->priority > 0)
		buf_addf(to, ":%" PRId64, f->priority);
	buf_addc(to, '\n');
	if (f->body)
		lang_print_stmt(to, f->body, 0);
	else
		buf_addf(to, "%%{%.*s%%}", (int)f->embedded_length, f->embedded);
	buf_addc(to, '\n');
}

void lang_print_file(FILE *to, const struct lang_file *f)
{
	struct arena *a = arena_create();
	struct buf b;

	buf_init(&b, a);
	buf_addf(&b, "# file %s\n", f->source->name);
	vec_each(it, &f->embedded)
		buf_addf(&b, "%%{%.*s%%}\n", (int)it->length, it->code);
	vec_each(it, &f->globals)
		print_global(&b, *it);
	vec_each(it, &f->aliases)
		print_probe(&b, *it);
	vec_each(it, &f->probes)
		print_probe(&b, *it);
	vec_each(it, &f->functions)
		print_function(&b, *it);
	buf_addc(&b, '\n');
	fwrite(b.p, 1, b.n, to);
	arena_destroy(a);
}
