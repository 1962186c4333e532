/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's frame: tokens ahead, errors and recovery, declarations. */
#include "lang/parse.h"

#include <limits.h>
#include <string.h>

/* ---- errors ------------------------------------------------------------------------ */

static const struct token *nearest(struct parser *p)
{
	return p->has_ahead ? &p->ahead : &p->last;
}

void lang_fail_tag(struct parser *p, enum diag_tag tag, const char *message)
{
	lang_token_diag(p->o, tag, "saw", nearest(p), message);
	longjmp(p->failed, 1);
}

void lang_fail(struct parser *p, const char *fmt, ...)
{
	const char *message;
	va_list ap;

	va_start(ap, fmt);
	message = arena_vprintf(p->o->arena, fmt, ap);
	va_end(ap);
	lang_fail_tag(p, DIAG_PARSE, message);
}

void lang_fail_at(struct parser *p, const struct token *at, const char *message)
{
	lang_token_diag(p->o, DIAG_PARSE, "at", at, message);
	longjmp(p->failed, 1);
}

static uint32_t nesting(const struct lang_options *o)
{
	return o->nesting ? o->nesting : PARSE_DEPTH_MAX;
}

void lang_enter(struct parser *p)
{
	if (++p->depth > nesting(p->o))
		lang_fail(p, "nested too deeply");
}

struct span lang_span_since(const struct parser *p, struct span from)
{
	return span_join(from, p->last.span);
}

/* ---- tokens -------------------------------------------------------------------------- */

const struct token *lang_peek(struct parser *p)
{
	if (!p->has_ahead) {
		lang_next(&p->pp, &p->ahead);
		p->has_ahead = true;
		if (p->ahead.kind == TOKEN_JUNK) {
			lang_report_junk(p->o, &p->ahead);
			lang_silence(&p->ahead);
			longjmp(p->failed, 1);
		}
	}
	return &p->ahead;
}

const struct token *lang_take(struct parser *p)
{
	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	p->last = p->ahead;
	p->has_ahead = false;
	return &p->last;
}

bool lang_peek_is(struct parser *p, uint32_t punct)
{
	return token_is(lang_peek(p), punct);
}

bool lang_peek_keyword(struct parser *p, enum keyword k)
{
	return token_is_keyword(lang_peek(p), k);
}

bool lang_accept(struct parser *p, uint32_t punct)
{
	if (!lang_peek_is(p, punct))
		return false;
	lang_take(p);
	return true;
}

bool lang_accept_keyword(struct parser *p, enum keyword k)
{
	if (!lang_peek_keyword(p, k))
		return false;
	lang_take(p);
	return true;
}

void lang_expect(struct parser *p, uint32_t punct)
{
	char text[4] = { (char)punct, (char)(punct >> 8), (char)(punct >> 16) };

	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	if (!lang_accept(p, punct))
		lang_fail(p, "expected '%s'", text);
}

const struct token *lang_expect_name(struct parser *p)
{
	const struct token *t = lang_peek(p);

	if (t->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	if (t->kind != TOKEN_IDENTIFIER)
		lang_fail(p, "expected identifier");
	return lang_take(p);
}

/* ---- literals ------------------------------------------------------------------------- */

const char *lang_parse_raw_text(struct parser *p, const char *expected, uint32_t *length)
{
	const struct token *t = lang_peek(p);
	const char *text;
	struct buf b;

	if (t->kind != TOKEN_STRING)
		lang_fail(p, "%s", expected);
	text = t->text;
	*length = t->length;
	lang_take(p);
	if (lang_peek(p)->kind != TOKEN_STRING)
		return text;
	buf_init(&b, p->o->arena);
	buf_add(&b, text, *length);
	while (lang_peek(p)->kind == TOKEN_STRING) {
		lang_take(p);
		buf_add(&b, p->last.text, p->last.length);
	}
	*length = (uint32_t)b.n;
	return buf_str(&b);
}

const char *lang_parse_text(struct parser *p, const char *expected, uint32_t *length)
{
	uint32_t n;
	const char *raw = lang_parse_raw_text(p, expected, &n);

	return lang_unescape(p->o->arena, raw, n, length);
}

int64_t lang_parse_integer(struct parser *p, const char *expected)
{
	bool negative = lang_accept(p, PUNCT1('-'));
	uint64_t value;

	if (lang_peek(p)->kind != TOKEN_NUMBER)
		lang_fail(p, "%s", expected);
	if (!lang_number(p->ahead.text, &value) || (negative && value > (uint64_t)INT64_MAX + 1))
		lang_fail_tag(p, DIAG_NUMBER_RANGE, "number invalid or out of range");
	lang_take(p);
	return (int64_t)(negative ? -value : value);
}

struct expr *lang_parse_literal(struct parser *p)
{
	const struct token *t = lang_peek(p);
	struct span from = t->span;
	struct expr *e;

	if (t->kind == TOKEN_STRING) {
		e = lang_expr_new(p->o->arena, EXPR_STRING, from);
		e->string.text = lang_parse_text(p, "", &e->string.length);
	} else {
		e = lang_expr_new(p->o->arena, EXPR_NUMBER, from);
		e->number.value = lang_parse_integer(p, "expected literal string or number");
	}
	e->span = lang_span_since(p, from);
	return e;
}

/* ---- globals --------------------------------------------------------------------------- */

static int64_t parse_size(struct parser *p)
{
	int64_t size = lang_parse_integer(p, "expected number");

	if (size < 1 || size > INT_MAX)
		lang_fail_at(p, &p->last, "array size out of range");
	lang_expect(p, PUNCT1(']'));
	return size;
}

static void parse_global(struct parser *p, bool is_private)
{
	struct lang_variable *v = arena_new(p->o->arena, struct lang_variable);
	const struct token *name = lang_expect_name(p);

	*v = (struct lang_variable){ .kind = VARIABLE_GLOBAL, .name = name->text, .span = name->span,
				     .is_private = is_private, .arity = -1, .file = p->file };
	if (map_find(p->globals, v->name))
		lang_fail(p, "duplicate global name");
	map_put(p->globals, v->name, v);
	v->wraps = lang_accept(p, PUNCT1('%'));
	if (lang_accept(p, PUNCT1('[')))
		v->size = parse_size(p);
	if (lang_peek_is(p, PUNCT1('='))) {
		if (v->size)
			lang_fail(p, "only scalar globals can be initialized");
		lang_take(p);
		v->init = lang_parse_literal(p);
	}
	vec_push(p->o->arena, &p->file->globals, v);
}

static void parse_globals(struct parser *p, bool is_private)
{
	do
		parse_global(p, is_private);
	while (lang_accept(p, PUNCT1(',')));
	lang_accept(p, PUNCT1(';'));
}

/* ---- bodies: bounded, so that later passes may recurse -------------------------------- */

struct levels {
	uint32_t most;
	bool too_deep;
};

static bool count_expr_level(struct lang_walker *w, struct expr **e)
{
	struct levels *l = w->user;

	(void)e;
	l->too_deep |= (uint32_t)w->depth > l->most;
	return !l->too_deep;
}

static bool count_stmt_level(struct lang_walker *w, struct stmt **s)
{
	struct levels *l = w->user;

	(void)s;
	l->too_deep |= (uint32_t)w->depth > l->most;
	return !l->too_deep;
}

static struct stmt *parse_whole_block(struct parser *p)
{
	struct stmt *s = lang_parse_block(p);
	struct levels levels = { .most = nesting(p->o) / 2 * TREE_DEPTH_FACTOR };
	struct lang_walker w = { .user = &levels, .expr = count_expr_level,
				 .stmt = count_stmt_level };

	lang_walk_stmt(&w, &s);
	if (levels.too_deep)
		lang_fail(p, "nested too deeply");
	return s;
}

/* ---- functions -------------------------------------------------------------------------- */

/* [":" type] */
static enum lang_type parse_type(struct parser *p)
{
	if (!lang_accept(p, PUNCT1(':')))
		return TYPE_UNKNOWN;
	if (lang_accept_keyword(p, KEYWORD_STRING))
		return TYPE_STRING;
	if (lang_accept_keyword(p, KEYWORD_LONG))
		return TYPE_LONG;
	lang_fail(p, "expected 'string' or 'long'");
}

static void parse_parameter(struct parser *p, struct function_decl *f)
{
	struct lang_variable *v = arena_new(p->o->arena, struct lang_variable);
	const struct token *name = lang_expect_name(p);

	*v = (struct lang_variable){ .kind = VARIABLE_PARAMETER, .name = name->text,
				     .span = name->span, .file = p->file };
	vec_each(other, &f->parameters)
		if ((*other)->name == v->name)
			lang_fail(p, "duplicate parameter names");
	v->type = parse_type(p);
	vec_push(p->o->arena, &f->parameters, v);
}

static void parse_parameters(struct parser *p, struct function_decl *f)
{
	lang_expect(p, PUNCT1('('));
	while (!lang_accept(p, PUNCT1(')'))) {
		parse_parameter(p, f);
		if (!lang_peek_is(p, PUNCT1(')')) && !lang_accept(p, PUNCT1(',')))
			lang_fail(p, "expected ',' or ')'");
	}
}

static int64_t parse_priority(struct parser *p)
{
	int64_t priority;

	if (!lang_accept(p, PUNCT1(':')))
		return -1;
	if (lang_peek(p)->kind == TOKEN_STRING)
		lang_fail(p, "expected literal number");
	priority = lang_parse_integer(p, "expected literal string or number");
	if (priority < 1)
		lang_fail_at(p, &p->last, "specified priority must be > 0");
	return priority;
}

static const struct token *take_embedded(struct parser *p)
{
	const struct token *t = lang_take(p);

	if (!p->o->privileged)
		lang_fail(p, "embedded code in unprivileged script; need stap -g");
	return t;
}

static void parse_body(struct parser *p, struct function_decl *f)
{
	if (lang_peek(p)->kind == TOKEN_EMBEDDED) {
		const struct token *t = take_embedded(p);

		f->embedded = t->text;
		f->embedded_length = t->length;
		f->embedded_span = t->span;
		return;
	}
	p->in_function = true;
	f->body = parse_whole_block(p);
	p->in_function = false;
}

static void parse_function(struct parser *p, bool is_private)
{
	struct function_decl *f = arena_new(p->o->arena, struct function_decl);
	const struct token *name = lang_expect_name(p);

	f->name = name->text;
	f->span = name->span;
	f->is_private = is_private;
	f->file = p->file;
	f->type = parse_type(p);
	parse_parameters(p, f);
	f->priority = parse_priority(p);
	parse_body(p, f);
	vec_push(p->o->arena, &p->file->functions, f);
}

static void parse_private(struct parser *p)
{
	if (lang_accept_keyword(p, KEYWORD_FUNCTION))
		parse_function(p, true);
	else if (lang_accept_keyword(p, KEYWORD_GLOBAL) || lang_peek(p)->kind == TOKEN_IDENTIFIER)
		parse_globals(p, true);
	else if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	else
		lang_fail(p, "expected 'function' or identifier");
}

/* ---- probes ------------------------------------------------------------------------------- */

/* At = or += behind a probe point: it was the name of an alias. */
static void take_alias_name(struct parser *p, struct probe_decl *d, struct point_list *points)
{
	struct probe_point *name = points->list.p[0];

	if (points->list.n != 1)
		lang_fail(p, "expected probe point specifier");
	if (name->optional || name->sufficient)
		lang_fail_point(p, name, "probe point alias name cannot be optional nor sufficient");
	if (lang_peek_is(p, PUNCT2('+', '=')))
		d->is_epilogue_alias = true;
	lang_take(p);
	d->is_alias = true;
	vec_push(p->o->arena, &d->names, name);
	points->list.n = 0;
}

static void parse_heading(struct parser *p, struct probe_decl *d)
{
	struct point_list points = { 0 };

	for (;;) {
		lang_parse_points(p, &points, true);
		if (lang_peek_is(p, PUNCT1('=')) || lang_peek_is(p, PUNCT2('+', '='))) {
			take_alias_name(p, d, &points);
		} else if (lang_peek_is(p, PUNCT1('{'))) {
			break;
		} else if (!lang_accept(p, PUNCT1(','))) {
			lang_fail(p, "expected one of ', { } = +='");
		}
	}
	vec_each(it, &points.list)
		vec_push(p->o->arena, &d->points, *it);
}

static void parse_probe(struct parser *p)
{
	struct probe_decl *d = arena_new(p->o->arena, struct probe_decl);

	d->span = p->last.span;
	d->file = p->file;
	parse_heading(p, d);
	d->span = lang_span_since(p, d->span);
	d->body = parse_whole_block(p);
	if (!d->is_alias) {
		vec_push(p->o->arena, &p->file->probes, d);
		return;
	}
	if (lang_peek_is(p, PUNCT1(','))) {
		if (d->is_epilogue_alias)
			lang_fail(p, "Combined prologue and epilogue cannot be defined with '+='");
		lang_take(p);
		d->epilogue = parse_whole_block(p);
	}
	vec_push(p->o->arena, &p->file->aliases, d);
}

/* ---- the file ---------------------------------------------------------------------- */

static void parse_embedded(struct parser *p)
{
	const struct token *t = take_embedded(p);

	vec_push(p->o->arena, &p->file->embedded,
		 (struct embedded_decl){ t->span, t->text, t->length });
}

const char *lang_did_you_mean(struct parser *p, const char *text, const char *const *names, uint32_t n)
{
	const char *near = base_near(text, names, n);

	return near ? arena_printf(p->o->arena, " (did you mean '%s'?)", near) : "";
}

static void refuse_declaration(struct parser *p)
{
	static const char *const words[] = { "probe", "global", "private", "function" };
	const struct token *t = lang_peek(p);
	const char *meant = "";

	if (t->kind == TOKEN_IDENTIFIER)
		meant = lang_did_you_mean(p, t->text, words, base_count(words));
	lang_fail(p, "expected 'probe', 'global', 'private', 'function', or '%%{'%s", meant);
}

static void parse_declaration(struct parser *p)
{
	if (lang_accept_keyword(p, KEYWORD_PROBE))
		parse_probe(p);
	else if (lang_accept_keyword(p, KEYWORD_GLOBAL))
		parse_globals(p, false);
	else if (lang_accept_keyword(p, KEYWORD_PRIVATE))
		parse_private(p);
	else if (lang_accept_keyword(p, KEYWORD_FUNCTION))
		parse_function(p, false);
	else if (lang_peek(p)->kind == TOKEN_EMBEDDED)
		parse_embedded(p);
	else
		refuse_declaration(p);
}

static bool begins_declaration(const struct token *t)
{
	return t->kind == TOKEN_EMBEDDED || token_is_keyword(t, KEYWORD_PROBE) ||
	       token_is_keyword(t, KEYWORD_GLOBAL) || token_is_keyword(t, KEYWORD_PRIVATE) ||
	       token_is_keyword(t, KEYWORD_FUNCTION);
}

/* The word after a dot or an arrow is a name, as in process("x").function("f"). */
static bool joins_name(const struct token *t)
{
	return token_is(t, PUNCT1('.')) || token_is(t, PUNCT2('-', '>'));
}

/* After an error: to where a declaration may begin. What is junk on the way is said. */
static void recover(struct parser *p)
{
	bool inside_name = joins_name(&p->last);

	p->in_function = false;
	p->depth = 0;
	p->histogram = NULL;
	for (;; inside_name = joins_name(&p->ahead)) {
		if (!p->has_ahead)
			lang_next(&p->pp, &p->ahead);
		p->has_ahead = p->ahead.kind == TOKEN_END ||
			       (begins_declaration(&p->ahead) && !inside_name);
		if (p->has_ahead)
			return;
		if (p->ahead.kind == TOKEN_JUNK)
			lang_report_junk(p->o, &p->ahead);
	}
}

/* One declaration; false after an error. */
static bool parse_guarded(struct parser *p)
{
	if (setjmp(p->failed))
		return false;
	if (lang_peek(p)->kind != TOKEN_END)
		parse_declaration(p);
	return true;
}

static bool at_end(const struct parser *p)
{
	return p->has_ahead && p->ahead.kind == TOKEN_END;
}

static bool file_is_empty(const struct lang_file *f)
{
	return !f->probes.n && !f->aliases.n && !f->globals.n && !f->functions.n && !f->embedded.n;
}

static void say_empty(struct parser *p, uint32_t errors_before)
{
	struct span start = { p->source->id, 0, 0 };

	if (p->source->is_library || p->o->diags->errors != errors_before || !file_is_empty(p->file))
		return;
	diag_add(p->o->diags, DIAG_PARSE, start, "Input file '%s' is empty%s.", p->source->name,
		 p->pp.lexer.n_tokens ? " after preprocessing" : "");
}

static struct parser *parser_create(const struct lang_options *o, const struct source *s)
{
	struct parser *p = arena_new(o->arena, struct parser);

	p->o = o;
	p->source = s;
	p->file = arena_new(o->arena, struct lang_file);
	p->file->source = s;
	p->file->privileged = o->privileged;
	p->globals = map_create(o->arena);
	lang_preprocessor_init(&p->pp, o, s, lang_macros_create(o->arena), false);
	return p;
}

struct lang_file *lang_parse(const struct lang_options *o, const struct source *s)
{
	struct parser *p = parser_create(o, s);
	uint32_t errors_before = o->diags->errors;

	do
		if (!parse_guarded(p))
			recover(p);
	while (!at_end(p));
	say_empty(p, errors_before);
	return p->file;
}

/* "a, b": until the end of the text */
static bool parse_listed(struct parser *p, struct point_list *points)
{
	if (setjmp(p->failed))
		return false;
	do
		lang_parse_points(p, points, false);
	while (lang_accept(p, PUNCT1(',')));
	if (lang_peek(p)->kind != TOKEN_END)
		lang_fail(p, "expected probe point specifier");
	return true;
}

static bool parse_one_point(struct parser *p, struct point_list *points)
{
	if (setjmp(p->failed))
		return false;
	lang_parse_points(p, points, false);
	if (lang_peek(p)->kind != TOKEN_END)
		lang_fail(p, "expected probe point specifier");
	if (points->list.n != 1)
		lang_fail(p, "expected a single probe point");
	return true;
}

struct probe_point *lang_parse_point(const struct lang_options *o, const struct source *s)
{
	struct parser *p = parser_create(o, s);
	struct point_list points = { 0 };

	return parse_one_point(p, &points) ? points.list.p[0] : NULL;
}

struct probe_decl *lang_parse_listed(const struct lang_options *o, const struct source *s)
{
	struct parser *p = parser_create(o, s);
	struct point_list points = { 0 };
	struct probe_decl *d;

	if (!parse_listed(p, &points))
		return NULL;
	d = arena_new(o->arena, struct probe_decl);
	d->span = points.list.p[0]->span;
	d->body = lang_stmt_new(o->arena, STMT_BLOCK, d->span);
	vec_each(it, &points.list)
		vec_push(o->arena, &d->points, *it);
	return d;
}

void lang_parse_macros(const struct lang_options *o, const struct source *s,
		       struct lang_macros *into)
{
	struct preprocessor *pp = arena_new(o->arena, struct preprocessor);
	struct token t;

	lang_preprocessor_init(pp, o, s, into, true);
	for (lang_next(pp, &t); t.kind != TOKEN_END; lang_next(pp, &t)) {
		if (t.kind == TOKEN_JUNK) {
			lang_report_junk(o, &t);
			continue;
		}
		lang_token_diag(o, DIAG_MACRO, "at", &t,
				arena_printf(o->arena, "unexpected token in library macro file '%s'",
					     s->name));
		return;
	}
}
