/* SPDX-License-Identifier: Apache-2.0 */
/* The print family: print, println, printd, printdln, printf, print_char and the s-forms. */
#include "lang/parse.h"

#include <string.h>

struct print_row {
	const char *name;
	enum print_kind kind;
	bool to_string;
};

static const struct print_row rows[] = {
	{ "print", PRINT_PRINT, false },       { "println", PRINT_PRINTLN, false },
	{ "printd", PRINT_PRINTD, false },     { "printdln", PRINT_PRINTDLN, false },
	{ "printf", PRINT_PRINTF, false },     { "print_char", PRINT_CHAR, false },
	{ "sprint", PRINT_PRINT, true },       { "sprintln", PRINT_PRINTLN, true },
	{ "sprintd", PRINT_PRINTD, true },     { "sprintdln", PRINT_PRINTDLN, true },
	{ "sprintf", PRINT_PRINTF, true },
};

static const struct print_row *row_find(const char *name)
{
	const char *p = name[0] == 's' ? name + 1 : name;

	if (strncmp(p, "print", 5) != 0)
		return NULL;
	for (size_t i = 0; i < base_count(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static void add_value(struct parser *p, struct expr *e)
{
	vec_push(p->o->arena, &e->print.args.list, lang_parse_expr(p));
}

/* { "," value } ")" */
static void parse_more(struct parser *p, struct expr *e)
{
	while (lang_accept(p, PUNCT1(',')))
		add_value(p, e);
	if (lang_peek(p)->kind == TOKEN_END)
		lang_fail(p, "unexpected end-of-file");
	if (!lang_accept(p, PUNCT1(')')))
		lang_fail(p, "expected one of ', )'");
}

/* print and println take a histogram, alone; with [i] behind it begins an ordinary value. */
static bool parse_histogram(struct parser *p, struct expr *e)
{
	struct expr *hist;

	if (!lang_peek_hist(p))
		return false;
	hist = lang_parse_hist(p);
	if (lang_peek_is(p, PUNCT1('['))) {
		p->histogram = hist;
		return false;
	}
	vec_push(p->o->arena, &e->print.args.list, hist);
	lang_expect(p, PUNCT1(')'));
	return true;
}

static void parse_values(struct parser *p, struct expr *e)
{
	if (e->print.print != PRINT_CHAR && parse_histogram(p, e))
		return;
	if (e->print.print == PRINT_PRINTLN && lang_accept(p, PUNCT1(')')))
		return;
	add_value(p, e);
	parse_more(p, e);
}

/* A delimiter and two values at least. */
static void parse_delimited(struct parser *p, struct expr *e)
{
	e->print.delimiter = lang_parse_text(p, "expected literal string",
					     &e->print.delimiter_length);
	for (int i = 0; i < 2; i++) {
		lang_expect(p, PUNCT1(','));
		add_value(p, e);
	}
	parse_more(p, e);
}

/* Where the directive stands, as far as the text is one literal without dropped escapes; else the literal. */
static _Noreturn void refuse_format(struct parser *p, const struct token *first, const char *raw,
				    struct format_wrong w)
{
	struct span at = first->span;

	if (at.length == first->length + 2 && w.at + w.length <= first->length) {
		at.offset += 1 + w.at;
		at.length = w.length;
	}
	diag_add(p->o->diags, DIAG_FORMAT, at, "invalid or missing conversion specifier '%.*s'", (int)w.length,
		 raw + w.at);
	longjmp(p->failed, 1);
}

static void parse_format(struct parser *p, struct expr *e)
{
	struct format_wrong wrong;
	uint32_t n, length;
	struct token first = *lang_peek(p);
	const char *raw = lang_parse_raw_text(p, "expected literal string", &n);

	if (!lang_format_parse(p->o->arena, raw, n, &e->print.parts, &e->print.n_parts, &wrong))
		refuse_format(p, &first, raw, wrong);
	e->print.format = lang_unescape(p->o->arena, raw, n, &length);
	parse_more(p, e);
}

struct expr *lang_parse_print(struct parser *p, const struct token *name)
{
	const struct print_row *row = row_find(name->text);
	struct expr *e;

	if (!row)
		return NULL;
	e = lang_expr_new(p->o->arena, EXPR_PRINT, name->span);
	e->print.print = row->kind;
	e->print.to_string = row->to_string;
	lang_expect(p, PUNCT1('('));
	switch (row->kind) {
	case PRINT_PRINT:
	case PRINT_PRINTLN:
	case PRINT_CHAR:
		parse_values(p, e);
		break;
	case PRINT_PRINTD:
	case PRINT_PRINTDLN:
		parse_delimited(p, e);
		break;
	case PRINT_PRINTF:
		parse_format(p, e);
		break;
	}
	e->span = lang_span_since(p, e->span);
	return e;
}
