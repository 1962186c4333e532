/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Embedded C as calls.
 *
 * What stands between %{ and %} becomes a call of a native function that does not exist yet:
 * a struct sema_builtin of its own, whose code cc makes after all types are known (embed/).
 * So types, effects, locks and code of the caller are those of any call.
 *
 *	function f:long(a, b) %{ code %}	{ return embedded_0(a, b, variables of pragmas) }
 *	%{ expression %}			embedded_1()
 *	%{ statement; %}			embedded_2()
 *	@const("EXPRESSION")			embedded_3(), which embed/ replaces by its value
 *
 * Variables of pragmas are arguments beyond the parameters; their addresses are passed.
 */
#include "sema/private.h"

#include <string.h>

static bool code_says(const char *code, uint32_t length, const char *word)
{
	return memmem(code, length, word, strlen(word)) != NULL;
}

bool sema_embedded_says_next(const struct function_decl *d)
{
	return d->embedded && code_says(d->embedded, d->embedded_length, "STAP_NEXT");
}

static struct sema_embedded *embedded_new(struct sema *s, enum sema_embedded_kind kind, struct span at,
					  const char *code, uint32_t length)
{
	struct sema_embedded *e = arena_new(s->arena, struct sema_embedded);

	e->kind = kind;
	e->span = e->code_span = at;
	e->code = code;
	e->length = length;
	e->builtin.name = e->builtin.runtime = arena_printf(s->arena, "embedded_%u", s->n_embedded++);
	e->builtin.embedded = e;
	e->builtin.flags = BUILTIN_FAILS;
	if (code_says(code, length, "/* pure */") || code_says(code, length, "/* stable */"))
		e->builtin.flags |= BUILTIN_PURE;
	return e;
}

static struct expr *call_of(struct sema *s, const struct sema_embedded *e)
{
	struct expr *call = lang_expr_new(s->arena, EXPR_CALL, e->span);

	call->token = e->span;
	call->call.name = e->builtin.name;
	call->call.builtin = &e->builtin;
	return call;
}

static struct expr *symbol_of(struct sema *s, const struct sema_embedded *e, struct lang_variable *v)
{
	struct expr *symbol = lang_expr_new(s->arena, EXPR_SYMBOL, e->span);

	symbol->token = e->span;
	symbol->symbol.name = v->name;
	symbol->symbol.variable = v;
	return symbol;
}

/* ---- pragmas --------------------------------------------------------------------------- */

static struct sema_embedded_global *global_of(struct sema_embedded *e, const struct lang_variable *v)
{
	vec_each(g, &e->globals)
		if (g->variable == v)
			return g;
	return NULL;
}

static void add_global(struct sema *s, struct sema_embedded *e, const struct lang_file *file, const char *name,
		       bool write)
{
	struct lang_variable *v = sema_index_global(s, name, file);
	struct sema_embedded_global *known;

	if (!v) {
		sema_error(s, DIAG_EMBEDDED, e->span, "embedded C asks for '%s', which is no global variable", name);
		return;
	}
	known = global_of(e, v);
	if (known)
		known->write |= write;
	else
		vec_push(s->arena, &e->globals, (struct sema_embedded_global){ v, write });
	sema_library_use(s, v->file);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void read_pragmas(struct sema *s, struct sema_embedded *e, const struct lang_file *file, const char *pragma,
			 bool write)
{
	const char *p = e->code, *end = e->code + e->length;

	while ((p = memmem(p, (size_t)(end - p), pragma, strlen(pragma))) != NULL) {
		const char *name = p + strlen(pragma);

		for (p = name; p < end && is_word(*p);)
			p++;
		add_global(s, e, file, arena_strndup(s->arena, name, (size_t)(p - name)), write);
	}
}

static void add_globals(struct sema *s, struct sema_embedded *e, struct expr *call, const struct lang_file *file)
{
	read_pragmas(s, e, file, "/* pragma:read:", false);
	read_pragmas(s, e, file, "/* pragma:write:", true);
	vec_each(g, &e->globals)
		vec_push(s->arena, &call->call.args.list, symbol_of(s, e, g->variable));
}

/* ---- functions ------------------------------------------------------------------------- */

static bool gives_value(const struct function_decl *d)
{
	static const char *const words[] = { "STAP_RETVALUE", "STAP_RETURN", "__retvalue" };

	for (size_t i = 0; i < base_count(words); i++)
		if (code_says(d->embedded, d->embedded_length, words[i]))
			return true;
	return d->type != TYPE_UNKNOWN;
}

static bool is_permitted(struct sema *s, const struct function_decl *d)
{
	if (d->parameters.n > base_count(((struct sema_builtin *)0)->parameters)) {
		sema_error(s, DIAG_EMBEDDED, d->span, "embedded C function '%s' has more than %zu parameters", d->name,
			   base_count(((struct sema_builtin *)0)->parameters));
		return false;
	}
	if (s->options->guru || !code_says(d->embedded, d->embedded_length, "/* guru */"))
		return true;
	sema_error(s, DIAG_GURU, d->span, "function may not be used unless -g is specified");
	return false;
}

struct stmt *sema_embedded_body(struct sema *s, const struct sema_function *f)
{
	const struct function_decl *d = f->decl;
	struct stmt *body = lang_stmt_new(s->arena, STMT_EMPTY, d->span);
	struct sema_embedded *e;

	if (!is_permitted(s, d))
		return body;
	e = embedded_new(s, EMBEDDED_FUNCTION, d->span, d->embedded, d->embedded_length);
	e->function = f;
	e->code_span = d->embedded_span;
	e->builtin.type = d->type;
	e->builtin.n_parameters = (uint8_t)f->n_parameters;
	body->kind = gives_value(d) ? STMT_RETURN : STMT_EXPR;
	e->gives_value = body->kind == STMT_RETURN;
	if (sema_embedded_says_next(d))
		e->builtin.flags |= BUILTIN_MAY_PASS;
	body->expr = call_of(s, e);
	for (uint32_t i = 0; i < f->n_parameters; i++) {
		e->builtin.parameters[i] = f->parameters[i]->type;
		e->builtin.names[i] = f->parameters[i]->name;
		vec_push(s->arena, &body->expr->call.args.list, symbol_of(s, e, f->parameters[i]));
	}
	add_globals(s, e, body->expr, d->file);
	return body;
}

/* ---- expressions and statements -------------------------------------------------------- */

struct expr *sema_embedded_expr(struct sema *s, const struct expr *from, const struct lang_file *file)
{
	struct sema_embedded *e = embedded_new(s, EMBEDDED_EXPR, from->token, from->embedded.code, from->embedded.length);
	struct expr *call = call_of(s, e);

	e->gives_value = true;
	e->builtin.type = code_says(e->code, e->length, "/* string */") ? TYPE_STRING : TYPE_LONG;
	add_globals(s, e, call, file);
	return call;
}

void sema_embedded_stmt(struct sema *s, struct stmt *t, const struct lang_file *file)
{
	struct sema_embedded *e = embedded_new(s, EMBEDDED_STMT, t->span, t->embedded.code, t->embedded.length);

	t->kind = STMT_EXPR;
	t->expr = call_of(s, e);
	add_globals(s, e, t->expr, file);
}

struct expr *sema_embedded_const(struct sema *s, const struct expr *from)
{
	const struct expr *text = from->op.args.list.p[0];
	struct sema_embedded *e = embedded_new(s, EMBEDDED_CONST, from->token, text->string.text, text->string.length);

	e->gives_value = true;
	e->builtin.type = TYPE_LONG;
	e->builtin.flags = BUILTIN_PURE;
	return call_of(s, e);
}

/* ---- what stands outside of functions -------------------------------------------------- */

void sema_embedded_add_file(struct sema *s, const struct lang_file *f)
{
	vec_each(d, &f->embedded)
		vec_push(s->arena, &s->program->embedded, *d);
}
