/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros: @define NAME(p) %( body %) and their use.
 *
 * Expansion is a stack of token lists read before the lexer's tokens. An
 * argument is a closure: a list of tokens with the scope of the caller.
 *
 *	@define sq(x) %( @x * @x %)    frames while the second @x is read
 *	@sq(@n)                          "@n"          scope: the file
 *	                                 "@x * @x"^    scope: sq, x = "@n"
 *	                                 lexer
 *
 * A script can make this endless or huge; depth and tokens are bounded.
 */
#include "lang/preprocess.h"

#include <string.h>

#define MACRO_DEPTH_MAX 1000
#define MACRO_TOKENS_MAX 4000000

void lang_preprocessor_init(struct preprocessor *pp, const struct lang_options *o,
			    const struct source *s, struct lang_macros *into, bool defines_library)
{
	*pp = (struct preprocessor){ .options = o, .macros = into,
				     .defines_library = defines_library };
	lang_lexer_init(&pp->lexer, o, s);
}

struct lang_macros *lang_macros_create(struct arena *a)
{
	struct lang_macros *m = arena_new(a, struct lang_macros);

	m->arena = a;
	m->by_name = map_create(a);
	return m;
}

void lang_silence(struct token *t)
{
	t->kind = TOKEN_JUNK;
	t->text = NULL;
	t->length = 0;
}

void lang_report_junk(const struct lang_options *o, const struct token *t)
{
	struct token empty = *t;

	if (!t->text)
		return;
	empty.text = "";
	lang_token_diag(o, (enum diag_tag)t->code, "at", &empty, t->text);
}

static void complain(struct preprocessor *pp, const struct token *at, const char *fmt, ...)
	BASE_PRINTF(3, 4);

static void complain(struct preprocessor *pp, const struct token *at, const char *fmt, ...)
{
	va_list ap;
	const char *message;

	if (at->kind == TOKEN_JUNK) {
		lang_report_junk(pp->options, at);
		return;
	}
	va_start(ap, fmt);
	message = arena_vprintf(pp->options->arena, fmt, ap);
	va_end(ap);
	lang_token_diag(pp->options, DIAG_MACRO, "at", at, message);
}

/* ---- reading -------------------------------------------------------------------- */

static struct frame *top(struct preprocessor *pp)
{
	return pp->frames.n ? &pp->frames.p[pp->frames.n - 1] : NULL;
}

/* Gives the rest of the file up. */
static void abandon(struct preprocessor *pp, struct token *t, const char *why)
{
	complain(pp, t, "%s", why);
	pp->frames.n = 0;
	pp->levels.n = 0;
	pp->lexer.offset = pp->lexer.length;
	pp->lexer.paste_left = 0;
	lang_silence(t);
}

static void frame_take(struct preprocessor *pp, struct frame *f, struct token *t)
{
	*t = f->tokens->list.p[f->at++];
	t->span.expansion = f->expansion;
	if (++pp->n_expanded > MACRO_TOKENS_MAX)
		abandon(pp, t, "macros expand to too many tokens");
}

void lang_raw_next(struct preprocessor *pp, struct token *t)
{
	while (pp->frames.n && top(pp)->at == top(pp)->tokens->list.n)
		pp->frames.n--;
	if (pp->frames.n)
		frame_take(pp, top(pp), t);
	else
		lang_lex(&pp->lexer, t);
}

/* An invocation lies whole in one list: END at the end of the list. */
static void next_in_frame(struct preprocessor *pp, struct token *t)
{
	struct frame *f = top(pp);

	if (!f)
		lang_lex(&pp->lexer, t);
	else if (f->at < f->tokens->list.n)
		frame_take(pp, f, t);
	else
		*t = (struct token){ .span = source_expansion(pp->options->sources, f->expansion)->span };
}

static void push(struct preprocessor *pp, struct token *t, const struct token_list *tokens,
		 const struct scope *scope)
{
	struct arena *a = pp->options->arena;
	uint32_t expansion;

	if (pp->frames.n >= MACRO_DEPTH_MAX) {
		abandon(pp, t, "macros are nested too deeply");
		return;
	}
	expansion = source_expansion_add(pp->options->sources, t->span, t->text);
	vec_push(a, &pp->frames, (struct frame){ tokens, 0, scope, expansion });
}

/* ---- @define --------------------------------------------------------------------- */

static bool read_parameters(struct preprocessor *pp, struct macro *m)
{
	struct token t;

	do {
		lang_raw_next(pp, &t);
		if (t.kind != TOKEN_IDENTIFIER) {
			complain(pp, &t, "expected identifier");
			return false;
		}
		vec_push(pp->macros->arena, &m->parameters, t.text);
		lang_raw_next(pp, &t);
	} while (token_is(&t, PUNCT1(',')));
	if (!token_is(&t, PUNCT1(')'))) {
		complain(pp, &t, "expected ',' or ')'");
		return false;
	}
	lang_raw_next(pp, &t);
	if (!token_is(&t, PUNCT2('%', '('))) {
		complain(pp, &t, "expected '%%('");
		return false;
	}
	return true;
}

static bool read_body(struct preprocessor *pp, struct macro *m, const struct token *name)
{
	struct token t;

	for (unsigned depth = 1;;) {
		lang_raw_next(pp, &t);
		if (t.kind == TOKEN_END) {
			complain(pp, name, "incomplete macro definition - missing '%%)'");
			return false;
		}
		if (token_is(&t, PUNCT2('%', '(')))
			depth++;
		else if (token_is(&t, PUNCT2('%', ')')) && --depth == 0)
			return true;
		vec_push(pp->macros->arena, &m->body.list, t);
	}
}

/* From the name to %); false when it was wrong, which has been said. */
static bool read_definition(struct preprocessor *pp, struct macro *m, struct token *name)
{
	struct token t;

	lang_raw_next(pp, name);
	if (name->kind != TOKEN_IDENTIFIER) {
		complain(pp, name, "expected identifier");
		return false;
	}
	m->name = name->text;
	m->span = name->span;
	lang_raw_next(pp, &t);
	if (token_is(&t, PUNCT1('('))) {
		if (!read_parameters(pp, m))
			return false;
	} else if (!token_is(&t, PUNCT2('%', '('))) {
		complain(pp, &t, "expected '%%(' or '('");
		return false;
	}
	return read_body(pp, m, name);
}

static void say_redefined(struct preprocessor *pp, const struct macro *old,
			  const struct token *name)
{
	const char *fmt = pp->defines_library ? "duplicate definition of library macro '@%s'" :
						"attempt to redefine macro '@%s' in the same file";
	struct diag *d = lang_token_diag(pp->options, DIAG_MACRO, "at", name,
					 arena_printf(pp->options->arena, fmt, name->text));

	diag_note(pp->options->diags, d, old->span, "macro '@%s' first defined here", old->name);
}

/* At @define inside of a body: the rest of the body is given up. */
static void refuse_definition(struct preprocessor *pp, struct token *t)
{
	complain(pp, t, "'@define' forbidden inside macro body");
	top(pp)->at = top(pp)->tokens->list.n;
	lang_silence(t);
}

static void define(struct preprocessor *pp)
{
	struct macro *m = arena_new(pp->macros->arena, struct macro), *old;
	struct token name;

	m->is_library = pp->defines_library;
	if (!read_definition(pp, m, &name))
		return;
	old = map_find(pp->macros->by_name, m->name);
	if (strcmp(m->name, "define") == 0) {
		complain(pp, &name, "attempt to redefine '@define'");
	} else if (old) {
		say_redefined(pp, old, &name);
	} else {
		if (lang_is_builtin_word(pp->options, arena_printf(pp->options->arena, "@%s", m->name)))
			diag_add(pp->options->diags, DIAG_WARN_MACRO, name.span,
				 "macro redefines built-in operator '@%s'", m->name);
		map_put(pp->macros->by_name, m->name, m);
	}
}

/* ---- use --------------------------------------------------------------------------- */

/* To the ) that ends the invocation, after too many arguments. */
static void skip_arguments(struct preprocessor *pp)
{
	struct token t;
	int depth = 1;

	do {
		next_in_frame(pp, &t);
		if (token_is(&t, PUNCT1('(')))
			depth++;
		else if (token_is(&t, PUNCT1(')')))
			depth--;
	} while (t.kind != TOKEN_END && depth);
}

/* One argument, up to a , or ) of its own level, which is left in *end. */
static bool read_argument(struct preprocessor *pp, struct token_list *to, struct token *end)
{
	for (int depth = 0;;) {
		next_in_frame(pp, end);
		if (end->kind == TOKEN_END)
			return false;
		if (!depth && (token_is(end, PUNCT1(',')) || token_is(end, PUNCT1(')'))))
			return true;
		if (token_is(end, PUNCT1('(')) || token_is(end, PUNCT1('[')))
			depth++;
		else if (depth && (token_is(end, PUNCT1(')')) || token_is(end, PUNCT1(']'))))
			depth--;
		vec_push(pp->options->arena, &to->list, *end);
	}
}

static bool open_arguments(struct preprocessor *pp, const struct macro *m, const struct token *use)
{
	uint32_t n = m->parameters.n;
	struct token t;

	next_in_frame(pp, &t);
	if (token_is(&t, PUNCT1('(')))
		return true;
	complain(pp, t.kind == TOKEN_END ? use : &t,
		 "expected '(' in invocation of macro '@%s' taking %u parameter%s", m->name, n,
		 n == 1 ? "" : "s");
	return false;
}

static bool read_arguments(struct preprocessor *pp, const struct macro *m, struct scope *s,
			   const struct token *use)
{
	uint32_t n = m->parameters.n;
	struct token end;

	if (!n)
		return true;
	if (!open_arguments(pp, m, use))
		return false;
	s->arguments = arena_array(pp->options->arena, struct token_list, n);
	for (uint32_t i = 0; i < n; i++) {
		if (!read_argument(pp, &s->arguments[i], &end)) {
			complain(pp, use, "could not find end of macro invocation");
			return false;
		}
		if (token_is(&end, PUNCT1(')')) && i + 1 < n) {
			complain(pp, &end, "too few parameters for macro '@%s' (expected %u)",
				 m->name, n);
			return false;
		}
	}
	if (token_is(&end, PUNCT1(','))) {
		complain(pp, &end, "too many parameters for macro '@%s' (expected %u)", m->name, n);
		skip_arguments(pp);
		return false;
	}
	return true;
}

/* The argument that a parameter stands for in this scope. */
static const struct token_list *argument_find(const struct scope *s, const char *name)
{
	for (uint32_t i = 0; s && i < s->macro->parameters.n; i++)
		if (s->macro->parameters.p[i] == name)
			return &s->arguments[i];
	return NULL;
}

static const struct macro *macro_find(const struct preprocessor *pp, const struct scope *s,
				      const char *name)
{
	const struct lang_macros *library = pp->options->library_macros;
	const struct macro *m = NULL;

	if (!s || !s->macro->is_library)
		m = map_find(pp->macros->by_name, name);
	if (!m && library)
		m = map_find(library->by_name, name);
	return m;
}

/* Starts reading what *t stands for; false when *t is to be handed on. */
static bool expand(struct preprocessor *pp, struct token *t)
{
	const struct scope *scope = pp->frames.n ? top(pp)->scope : NULL;
	const char *name = intern(pp->options->names, t->text + 1, t->length - 1);
	const struct token_list *argument = argument_find(scope, name);
	const struct macro *m;
	struct scope *s;

	if (argument) {
		push(pp, t, argument, scope->caller);
		return t->kind != TOKEN_JUNK;
	}
	m = macro_find(pp, scope, name);
	if (!m)
		return false;
	s = arena_new(pp->options->arena, struct scope);
	*s = (struct scope){ .macro = m, .caller = scope };
	if (!read_arguments(pp, m, s, t)) {
		lang_silence(t);
		return false;
	}
	push(pp, t, &m->body, s);
	return t->kind != TOKEN_JUNK;
}

void lang_macro_next(struct preprocessor *pp, struct token *t)
{
	for (;;) {
		lang_raw_next(pp, t);
		if (t->kind != TOKEN_AT)
			return;
		if (strcmp(t->text, "@define") == 0) {
			if (pp->frames.n) {
				refuse_definition(pp, t);
				return;
			}
			define(pp);
		} else if (!expand(pp, t)) {
			return;
		}
	}
}
