/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: literals, variables, calls, $targets and the built-in @words.
 *
 * ->member, [index] and a pretty-printing $ may follow every value. They are
 * parts of a $target, @cast or @var; behind anything else they make it the
 * operand of the operator "->".
 */
#include "lang/parse.h"

#include <string.h>

static struct expr *value_start(struct parser *p, enum expr_kind kind)
{
	return lang_expr_new(p->o->arena, kind, p->last.span);
}

/* ---- components -------------------------------------------------------------------- */

/* How many $ a name ends with, unless it is nothing else. */
static uint32_t suffix_length(const char *name)
{
	size_t n = strlen(name), i = n;

	while (i && name[i - 1] == '$')
		i--;
	return i ? (uint32_t)(n - i) : 0;
}

static bool is_suffix(const struct token *t)
{
	return t->kind == TOKEN_IDENTIFIER && strspn(t->text, "$") == t->length;
}

static bool peek_component(struct parser *p)
{
	const struct token *t = lang_peek(p);

	return token_is(t, PUNCT2('-', '>')) || token_is(t, PUNCT1('[')) || is_suffix(t);
}

static uint8_t pretty_level(struct parser *p, uint32_t n)
{
	if (n > 2)
		lang_fail_at(p, &p->last, "expected at most '$$' as pretty-printing suffix");
	return (uint8_t)n;
}

struct component_reader {
	VEC(struct target_component) list;
	uint8_t pretty;
};

static void read_member(struct parser *p, struct component_reader *r, struct span from)
{
	const struct token *t = lang_peek(p);
	struct target_component c = { .span = from };
	uint32_t suffix;

	if (t->kind != TOKEN_IDENTIFIER && t->kind != TOKEN_KEYWORD)
		lang_fail(p, "expected identifier or keyword");
	lang_take(p);
	if (is_suffix(&p->last)) {
		r->pretty = pretty_level(p, p->last.length);
		return;
	}
	suffix = suffix_length(p->last.text);
	r->pretty = pretty_level(p, suffix);
	c.member = intern(p->o->names, p->last.text, p->last.length - suffix);
	c.span = lang_span_since(p, from);
	vec_push(p->o->arena, &r->list, c);
}

static void read_index(struct parser *p, struct component_reader *r, struct span from)
{
	struct target_component c = { .index = lang_parse_expr(p) };

	lang_expect(p, PUNCT1(']'));
	c.span = lang_span_since(p, from);
	vec_push(p->o->arena, &r->list, c);
}

static void read_components(struct parser *p, struct component_reader *r)
{
	while (peek_component(p)) {
		struct span from = lang_peek(p)->span;

		if (r->pretty && is_suffix(&p->ahead))
			return;
		if (r->pretty)
			lang_fail(p, "-> and [ are not accepted for a pretty-printing variable");
		lang_take(p);
		if (token_is(&p->last, PUNCT2('-', '>')))
			read_member(p, r, from);
		else if (token_is(&p->last, PUNCT1('[')))
			read_index(p, r, from);
		else
			r->pretty = pretty_level(p, p->last.length);
	}
}

/* ---- lists of arguments ---------------------------------------------------------------- */

/* To the ) , one expression at least. */
static void parse_arguments(struct parser *p, struct expr_list *to, const char *expected)
{
	do
		vec_push(p->o->arena, &to->list, lang_parse_expr(p));
	while (lang_accept(p, PUNCT1(',')));
	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	if (!lang_accept(p, PUNCT1(')')))
		lang_fail(p, "%s", expected);
}

/* ---- @words ------------------------------------------------------------------------------ */

struct at_word {
	const char *text, *since;
	enum stat_op stat;
	enum hist_kind hist;
	const char *shape; /* of words.def; NULL for statistics */
};

static const struct at_word at_words[] = {
#define KEYWORD(id, text, since)
#define AT_STAT(id, text, since, op) { text, since, op, HIST_NONE, NULL },
#define AT_HIST(id, text, since, kind) { text, since, STAT_NONE, kind, NULL },
#define AT_OPERATOR(id, text, since, shape) { text, since, STAT_NONE, HIST_NONE, shape },
#include "lang/words.def"
#undef KEYWORD
#undef AT_STAT
#undef AT_HIST
#undef AT_OPERATOR
};

static const struct at_word *at_word_find(const struct lang_options *o, const char *text)
{
	for (size_t i = 0; i < base_count(at_words); i++)
		if (strcmp(at_words[i].text, text) == 0 && lang_speaks(o, at_words[i].since))
			return &at_words[i];
	return NULL;
}

bool lang_is_builtin_word(const struct lang_options *o, const char *word)
{
	return at_word_find(o, word) != NULL;
}

enum stat_op lang_stat_find(const struct parser *p, const char *word)
{
	const struct at_word *w = at_word_find(p->o, word);

	return w ? w->stat : STAT_NONE;
}

/* @count(e) ... @variance(e [, shift]) */
static struct expr *parse_stat(struct parser *p, const struct at_word *w)
{
	struct expr *e = value_start(p, EXPR_STAT);

	e->stat.op = w->stat;
	lang_expect(p, PUNCT1('('));
	e->stat.of = lang_parse_expr(p);
	if (w->stat == STAT_VARIANCE && lang_accept(p, PUNCT1(',')))
		e->stat.shift = lang_parse_integer(p, "expected number");
	else if (lang_peek_is(p, PUNCT1(',')))
		lang_fail_at(p, lang_peek(p), "not more than 1 parameter allowed");
	lang_expect(p, PUNCT1(')'));
	return e;
}

static int64_t parse_hist_number(struct parser *p)
{
	lang_expect(p, PUNCT1(','));
	return lang_parse_integer(p, "expected number");
}

bool lang_peek_hist(struct parser *p)
{
	const struct token *t = lang_peek(p);
	const struct at_word *w = t->kind == TOKEN_AT ? at_word_find(p->o, t->text) : NULL;

	return w && w->hist != HIST_NONE;
}

struct expr *lang_parse_hist(struct parser *p)
{
	const struct at_word *w = at_word_find(p->o, lang_take(p)->text);
	struct expr *e = value_start(p, EXPR_HIST);

	e->hist.hist = w->hist;
	lang_expect(p, PUNCT1('('));
	e->hist.of = lang_parse_expr(p);
	if (w->hist == HIST_LINEAR) {
		e->hist.low = parse_hist_number(p);
		e->hist.high = parse_hist_number(p);
		e->hist.step = parse_hist_number(p);
	}
	lang_expect(p, PUNCT1(')'));
	e->span = lang_span_since(p, e->span);
	return e;
}

/* A histogram is a value only when indexed. */
static struct expr *parse_hist_bucket(struct parser *p)
{
	struct token at = *lang_peek(p);
	struct expr *hist = p->histogram ? p->histogram : lang_parse_hist(p), *e;

	p->histogram = NULL;
	if (!lang_peek_is(p, PUNCT1('[')))
		lang_fail_at(p, &at, "base histogram operator where expression expected");
	lang_take(p);
	e = lang_expr_new(p->o->arena, EXPR_INDEX, hist->span);
	e->token = hist->token;
	e->index.base = hist;
	lang_parse_keys(p, &e->index.keys, false);
	return e;
}

static struct expr *parse_text_argument(struct parser *p, const char *expected, bool may_be_empty)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_STRING, lang_peek(p)->span);

	e->string.text = lang_parse_text(p, expected, &e->string.length);
	if (!e->string.length && !may_be_empty)
		lang_fail(p, "expected non-empty string");
	e->span = lang_span_since(p, e->span);
	return e;
}

static struct expr *parse_number_argument(struct parser *p)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_NUMBER, lang_peek(p)->span);

	e->number.value = lang_parse_integer(p, "expected number");
	e->span = lang_span_since(p, e->span);
	return e;
}

/* A script or target variable, bare. */
static struct expr *parse_variable(struct parser *p)
{
	const struct token *t = lang_expect_name(p);
	bool target = t->text[0] == '$';
	struct expr *e = value_start(p, target ? EXPR_TARGET : EXPR_SYMBOL);

	if (target)
		e->target.name = t->text;
	else
		e->symbol.name = t->text;
	return e;
}

static struct expr *parse_shaped(struct parser *p, char shape)
{
	switch (shape) {
	case 'n':
		return parse_number_argument(p);
	case 's':
		return parse_text_argument(p, "expected string", true);
	case 'S':
		return parse_text_argument(p, "expected string", false);
	case 'l':
		return parse_text_argument(p, "expected literal string", true);
	case 'y':
		return parse_variable(p);
	default:
		return lang_parse_expr(p);
	}
}

/* ( arguments ) as the shape wants them; whether components may follow. */
static bool parse_shape(struct parser *p, const char *shape, struct expr_list *to)
{
	bool optional = false;

	lang_expect(p, PUNCT1('('));
	for (; *shape && *shape != '>'; shape++) {
		if (*shape == '?') {
			optional = true;
			continue;
		}
		if (optional && !lang_peek_is(p, PUNCT1(',')))
			break;
		if (to->list.n)
			lang_expect(p, PUNCT1(','));
		vec_push(p->o->arena, &to->list, parse_shaped(p, *shape));
	}
	lang_expect(p, PUNCT1(')'));
	return strchr(shape, '>') != NULL;
}

static struct expr *parse_operator(struct parser *p, const struct at_word *w)
{
	struct expr *e = value_start(p, EXPR_OPERATOR);
	struct component_reader r = { 0 };

	e->op.name = intern(p->o->names, w->text, strlen(w->text));
	if (parse_shape(p, w->shape, &e->op.args))
		read_components(p, &r);
	e->op.components = r.list.p;
	e->op.n_components = r.list.n;
	e->op.pretty = r.pretty;
	return e;
}

typedef VEC(const char *) name_list;

static void add_macros(struct parser *p, const struct lang_macros *m, name_list *to)
{
	const char *key;
	void *macro;

	for (uint32_t it = 0; m && map_next(m->by_name, &it, &key, &macro);)
		vec_push(p->o->arena, to,
			 arena_printf(p->o->arena, "@%s", ((const struct macro *)macro)->name));
}

static void refuse_at(struct parser *p, const struct token *t)
{
	name_list names = { 0 };

	for (size_t i = 0; i < base_count(at_words); i++)
		if (lang_speaks(p->o, at_words[i].since))
			vec_push(p->o->arena, &names, at_words[i].text);
	add_macros(p, p->pp.macros, &names);
	add_macros(p, p->o->library_macros, &names);
	lang_fail(p, "unknown operator %s%s", t->text, lang_did_you_mean(p, t->text, names.p, names.n));
}

struct expr *lang_parse_at(struct parser *p)
{
	const struct token *t = lang_peek(p);
	const struct at_word *w = at_word_find(p->o, t->text);
	struct expr *e;

	if (!w)
		refuse_at(p, t);
	if (w->hist != HIST_NONE)
		return parse_hist_bucket(p);
	lang_take(p);
	e = w->shape ? parse_operator(p, w) : parse_stat(p, w);
	e->span = lang_span_since(p, e->span);
	return e;
}

/* ---- names ------------------------------------------------------------------------------- */

static struct expr *symbol_new(struct parser *p, const struct token *name)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_SYMBOL, name->span);

	e->symbol.name = name->text;
	return e;
}

struct expr *lang_parse_indexable(struct parser *p)
{
	if (lang_peek_hist(p))
		return lang_parse_hist(p);
	return symbol_new(p, lang_expect_name(p));
}

static struct expr *parse_call(struct parser *p, const struct token *name)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_CALL, name->span);

	lang_take(p);
	e->call.name = name->text;
	if (!lang_accept(p, PUNCT1(')')))
		parse_arguments(p, &e->call.args, "expected one of ') ,'");
	return e;
}

static struct expr *parse_element(struct parser *p, const struct token *name)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_INDEX, name->span);

	lang_take(p);
	e->index.base = symbol_new(p, name);
	lang_parse_keys(p, &e->index.keys, true);
	return e;
}

static struct expr *parse_named(struct parser *p)
{
	struct token name = *lang_take(p);
	struct expr *e = lang_parse_print(p, &name);

	if (e)
		return e;
	if (lang_peek_is(p, PUNCT1('(')))
		e = parse_call(p, &name);
	else if (lang_peek_is(p, PUNCT1('[')))
		e = parse_element(p, &name);
	else
		return symbol_new(p, &name);
	e->span = lang_span_since(p, e->span);
	return e;
}

/* ---- values without components ---------------------------------------------------------- */

static struct expr *parse_number(struct parser *p)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_NUMBER, lang_peek(p)->span);

	e->number.value = lang_parse_integer(p, "expected number");
	return e;
}

static struct expr *parse_embedded(struct parser *p)
{
	const struct token *t = lang_take(p);
	struct expr *e = value_start(p, EXPR_EMBEDDED);

	if (!p->o->privileged)
		lang_fail(p, "embedded expression code in unprivileged script; need stap -g");
	e->embedded.code = t->text;
	e->embedded.length = t->length;
	return e;
}

static struct expr *parse_group(struct parser *p)
{
	struct expr *e;

	lang_take(p);
	e = lang_parse_expr(p);
	lang_expect(p, PUNCT1(')'));
	return e;
}

static struct expr *parse_primary(struct parser *p)
{
	const struct token *t = lang_peek(p);

	if (p->histogram)
		return parse_hist_bucket(p);
	switch (t->kind) {
	case TOKEN_NUMBER:
		return parse_number(p);
	case TOKEN_STRING:
		return parse_text_argument(p, "", true);
	case TOKEN_IDENTIFIER:
		return parse_named(p);
	case TOKEN_AT:
		return lang_parse_at(p);
	case TOKEN_EMBEDDED:
		return parse_embedded(p);
	case TOKEN_OPERATOR:
		if (token_is(t, PUNCT1('(')))
			return parse_group(p);
		break;
	case TOKEN_END:
		lang_fail(p, "expected value");
	case TOKEN_KEYWORD:
	case TOKEN_JUNK:
		break;
	}
	lang_fail(p, "expected literal string or number");
}

/* ---- values with components --------------------------------------------------------------- */

static struct expr *parse_target(struct parser *p)
{
	const struct token *t = lang_take(p);
	struct expr *e = value_start(p, EXPR_TARGET);
	uint32_t suffix = suffix_length(t->text);
	struct component_reader r = { 0 };

	r.pretty = pretty_level(p, suffix);
	e->target.name = intern(p->o->names, t->text, t->length - suffix);
	read_components(p, &r);
	e->target.components = r.list.p;
	e->target.n_components = r.list.n;
	e->target.pretty = r.pretty;
	e->span = lang_span_since(p, e->span);
	return e;
}

/* An ordinary value as a typed pointer; at its components, if it has any. */
static struct expr *parse_autocast(struct parser *p, struct expr *operand)
{
	struct expr *e = lang_expr_new(p->o->arena, EXPR_OPERATOR, lang_peek(p)->span);
	struct component_reader r = { 0 };

	e->op.name = intern(p->o->names, "->", 2);
	vec_push(p->o->arena, &e->op.args.list, operand);
	read_components(p, &r);
	e->op.components = r.list.p;
	e->op.n_components = r.list.n;
	e->op.pretty = r.pretty;
	e->span = lang_span_since(p, operand->span);
	return e;
}

/* Components are a part of it already. */
static bool holds_components(const struct expr *e)
{
	if (e->kind == EXPR_OPERATOR)
		return strcmp(e->op.name, "@cast") == 0 || strcmp(e->op.name, "@var") == 0;
	return e->kind == EXPR_TARGET;
}

static struct expr *parse_plain_value(struct parser *p)
{
	const struct token *t = lang_peek(p);
	struct expr *e;
	bool enclosed = token_is(t, PUNCT1('(')); /* what is behind belongs to all of it */

	if (t->kind == TOKEN_IDENTIFIER && t->text[0] == '$' && !p->histogram)
		return parse_target(p);
	e = parse_primary(p);
	if ((enclosed || !holds_components(e)) && peek_component(p))
		return parse_autocast(p, e);
	return e;
}

struct expr *lang_parse_value(struct parser *p)
{
	struct expr *e;
	struct span at;

	if (p->histogram || !lang_peek_is(p, PUNCT1('&')))
		return parse_plain_value(p);
	at = lang_take(p)->span;
	e = parse_plain_value(p);
	if (!holds_components(e) && !(e->kind == EXPR_OPERATOR && strcmp(e->op.name, "->") == 0))
		e = parse_autocast(p, e);
	if (e->kind == EXPR_TARGET)
		e->target.address_of = true;
	else
		e->op.address_of = true;
	e->token = at;
	e->span = span_join(at, e->span);
	return e;
}
