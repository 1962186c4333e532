/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions: %( left op right %? tokens %: tokens %)
 *
 * What a condition may ask about is one row of `subjects`. Comparisons are
 * joined by && (binds tighter) and ||; all of them are read, and must be
 * right, even when the first decides. Tokens of a branch not taken are not
 * looked at beyond %( %: %).
 */
#include "lang/preprocess.h"

#include <stdlib.h>
#include <string.h>

struct condition {
	struct preprocessor *pp;
	struct token open; /* %( */
	struct token t; /* read last */
};

/* ---- messages ------------------------------------------------------------------- */

static bool complain(struct condition *c, const struct token *at, const char *message)
{
	if (at->kind == TOKEN_JUNK)
		lang_report_junk(c->pp->options, at);
	else
		lang_token_diag(c->pp->options, DIAG_CONDITION, "at", at, message);
	return false;
}

/* ---- comparing -------------------------------------------------------------------- */

static bool is_comparison(const struct token *t)
{
	return t->kind == TOKEN_OPERATOR &&
	       (t->code == PUNCT1('<') || t->code == PUNCT1('>') || t->code == PUNCT2('<', '=') ||
		t->code == PUNCT2('>', '=') || t->code == PUNCT2('=', '=') ||
		t->code == PUNCT2('!', '='));
}

static bool is_equality(const struct token *op)
{
	return op->code == PUNCT2('=', '=') || op->code == PUNCT2('!', '=');
}

/* order: negative, zero or positive, as strcmp says it. */
static bool holds(const struct token *op, int order)
{
	switch (op->code) {
	case PUNCT1('<'):
		return order < 0;
	case PUNCT1('>'):
		return order > 0;
	case PUNCT2('<', '='):
		return order <= 0;
	case PUNCT2('>', '='):
		return order >= 0;
	case PUNCT2('=', '='):
		return order == 0;
	default:
		return order != 0;
	}
}

static int compare_numbers(uint64_t left, uint64_t right)
{
	int64_t a = (int64_t)left, b = (int64_t)right;

	return (a > b) - (a < b);
}

static const char *text_of(struct condition *c, const struct token *t)
{
	uint32_t n;

	return lang_unescape(c->pp->options->arena, t->text, t->length, &n);
}

static bool number_of(struct condition *c, const struct token *t, uint64_t *value)
{
	return lang_number(t->text, value) || complain(c, t, "number invalid or out of range");
}

/* ---- what can be asked ------------------------------------------------------------- */

enum subject_kind { SUBJECT_VERSION, SUBJECT_TEXT, SUBJECT_GURU };

struct subject {
	const char *name;
	enum subject_kind kind;
	size_t offset; /* of the member of lang_conditions */
};

static const struct subject subjects[] = {
	{ "kernel_v", SUBJECT_VERSION, offsetof(struct lang_conditions, kernel_v) },
	{ "kernel_vr", SUBJECT_VERSION, offsetof(struct lang_conditions, kernel_vr) },
	{ "systemtap_v", SUBJECT_VERSION, offsetof(struct lang_conditions, systemtap_v) },
	{ "systemtap_privilege", SUBJECT_TEXT, offsetof(struct lang_conditions, privilege) },
	{ "arch", SUBJECT_TEXT, offsetof(struct lang_conditions, arch) },
	{ "runtime", SUBJECT_TEXT, offsetof(struct lang_conditions, runtime) },
	{ "guru_mode", SUBJECT_GURU, 0 },
};

static const char *subject_text(struct condition *c, const struct subject *s)
{
	const struct lang_conditions *all = c->pp->options->conditions;
	const char *text = NULL;

	if (all)
		memcpy(&text, (const char *)all + s->offset, sizeof text);
	return text ? text : "";
}

static bool compare_version(struct condition *c, const char *have, const struct token *op,
			    const struct token *right, bool *value)
{
	const char *want;

	if (right->kind != TOKEN_STRING)
		return complain(c, right, "expected string literal");
	want = text_of(c, right);
	if (!base_has_glob(want))
		*value = holds(op, strverscmp(have, want));
	else if (is_equality(op))
		*value = holds(op, !base_glob(want, have));
	else
		return complain(c, op, "wildcard not allowed with order comparison operators");
	return true;
}

static bool compare_text(struct condition *c, const char *have, const struct token *op,
			 const struct token *right, bool *value)
{
	if (right->kind != TOKEN_STRING)
		return complain(c, right, "expected string literal");
	if (!is_equality(op))
		return complain(c, op, "expected '==' or '!='");
	*value = holds(op, !base_glob(text_of(c, right), have));
	return true;
}

static bool compare_guru(struct condition *c, const struct token *op, const struct token *right,
			 bool *value)
{
	const struct lang_conditions *all = c->pp->options->conditions;
	uint64_t number;

	if (right->kind != TOKEN_NUMBER)
		return complain(c, right, "expected number");
	if (!is_equality(op))
		return complain(c, op, "expected '==' or '!='");
	if (!lang_number(right->text, &number) || number > 1)
		return complain(c, op, "expected 0 or 1");
	*value = holds(op, compare_numbers(all && all->guru, number));
	return true;
}

/* No option of a kernel is known here: each counts as unset. */
static bool compare_config(struct condition *c, const struct token *op, const struct token *right,
			   bool *value)
{
	uint64_t number;

	if (right->kind == TOKEN_STRING)
		return compare_text(c, "", op, right, value);
	if (right->kind == TOKEN_IDENTIFIER && strncmp(right->text, "CONFIG_", 7) == 0) {
		*value = holds(op, 0);
		return true;
	}
	if (right->kind != TOKEN_NUMBER)
		return complain(c, right,
				"expected string, number literal or other CONFIG_... "
				"as right side operand");
	if (!number_of(c, right, &number))
		return false;
	*value = holds(op, compare_numbers(0, number));
	return true;
}

static bool compare_strings(struct condition *c, const struct token *left, const struct token *op,
			    const struct token *right, bool *value)
{
	if (right->kind != TOKEN_STRING)
		return complain(c, right, "expected string literal as right value");
	*value = holds(op, strcmp(text_of(c, left), text_of(c, right)));
	return true;
}

static bool compare_literals(struct condition *c, const struct token *left, const struct token *op,
			     const struct token *right, bool *value)
{
	uint64_t a, b;

	if (right->kind != TOKEN_NUMBER)
		return complain(c, right, "expected number literal as right value");
	if (!number_of(c, left, &a) || !number_of(c, right, &b))
		return false;
	*value = holds(op, compare_numbers(a, b));
	return true;
}

static bool compare_subject(struct condition *c, const struct subject *s, const struct token *op,
			    const struct token *right, bool *value)
{
	switch (s->kind) {
	case SUBJECT_VERSION:
		return compare_version(c, subject_text(c, s), op, right, value);
	case SUBJECT_TEXT:
		return compare_text(c, subject_text(c, s), op, right, value);
	case SUBJECT_GURU:
		return compare_guru(c, op, right, value);
	}
	base_unreachable();
}

/* ---- reading -------------------------------------------------------------------------- */

enum left_kind { LEFT_NONE, LEFT_SUBJECT, LEFT_CONFIG, LEFT_STRING, LEFT_NUMBER };

static enum left_kind classify(const struct token *t, const struct subject **s)
{
	*s = NULL;
	if (t->kind == TOKEN_STRING)
		return LEFT_STRING;
	if (t->kind == TOKEN_NUMBER)
		return LEFT_NUMBER;
	if (t->kind != TOKEN_IDENTIFIER)
		return LEFT_NONE;
	if (strncmp(t->text, "CONFIG_", 7) == 0)
		return LEFT_CONFIG;
	for (size_t i = 0; i < base_count(subjects); i++) {
		if (strcmp(subjects[i].name, t->text) == 0) {
			*s = &subjects[i];
			return LEFT_SUBJECT;
		}
	}
	return LEFT_NONE;
}

/* The next token of a comparison; none may be missing. */
static bool advance(struct condition *c)
{
	lang_macro_next(c->pp, &c->t);
	return c->t.kind != TOKEN_END || complain(c, &c->open, "incomplete condition after '%('");
}

static bool compare(struct condition *c, bool *value)
{
	const struct subject *subject;
	enum left_kind kind;
	struct token left, op;

	if (!advance(c))
		return false;
	left = c->t;
	kind = classify(&left, &subject);
	if (kind == LEFT_NONE)
		return complain(c, &left,
				"expected 'arch', 'kernel_v', 'kernel_vr', 'systemtap_v',\n"
				"             'runtime', 'systemtap_privilege', 'CONFIG_...', or\n"
				"             comparison between strings or integers");
	if (!advance(c))
		return false;
	op = c->t;
	if (!is_comparison(&op))
		return complain(c, &op, "expected comparison operator");
	if (!advance(c))
		return false;
	if (kind == LEFT_SUBJECT)
		return compare_subject(c, subject, &op, &c->t, value);
	if (kind == LEFT_CONFIG)
		return compare_config(c, &op, &c->t, value);
	if (kind == LEFT_STRING)
		return compare_strings(c, &left, &op, &c->t, value);
	return compare_literals(c, &left, &op, &c->t, value);
}

/* All of it, to the %? . */
static bool decide(struct condition *c, bool *value)
{
	bool product, one;

	*value = false;
	do {
		product = true;
		do {
			if (!compare(c, &one))
				return false;
			product &= one;
			lang_macro_next(c->pp, &c->t);
		} while (token_is(&c->t, PUNCT2('&', '&')));
		*value |= product;
	} while (token_is(&c->t, PUNCT2('|', '|')));
	if (token_is(&c->t, PUNCT2('%', '?')))
		return true;
	return complain(c, &c->open, "expected '%?' marker for conditional");
}

/* ---- branches --------------------------------------------------------------------------- */

/* Reads over a branch to its own %) or, if asked for, %: ; what ended it is in *t. */
static void skip_branch(struct preprocessor *pp, struct token *t, bool to_else)
{
	for (unsigned depth = 0;;) {
		lang_raw_next(pp, t);
		if (t->kind == TOKEN_END)
			return;
		if (token_is(t, PUNCT2('%', '(')))
			depth++;
		else if (token_is(t, PUNCT2('%', ')')) && depth-- == 0)
			return;
		else if (token_is(t, PUNCT2('%', ':')) && depth == 0 && to_else)
			return;
	}
}

static void begin_branch(struct preprocessor *pp, const struct token *open, bool in_else)
{
	vec_push(pp->options->arena, &pp->levels, (struct condition_level){ *open, in_else });
}

static bool junk(struct preprocessor *pp, struct token *t, const struct token *at,
		 const char *message)
{
	struct condition c = { .pp = pp };

	complain(&c, at, message);
	lang_silence(t);
	return true;
}

/* At %( ; true when *t became junk for the reader. */
static bool enter(struct preprocessor *pp, struct token *t)
{
	struct condition c = { .pp = pp, .open = *t };
	bool value;

	if (!decide(&c, &value)) {
		if (c.t.kind != TOKEN_END && !token_is(&c.t, PUNCT2('%', ')')))
			skip_branch(pp, &c.t, false);
		lang_silence(t);
		return true;
	}
	if (value) {
		begin_branch(pp, &c.open, false);
		return false;
	}
	skip_branch(pp, t, true);
	if (t->kind == TOKEN_END)
		return junk(pp, t, &c.open, "incomplete conditional at end of file");
	if (token_is(t, PUNCT2('%', ':')))
		begin_branch(pp, &c.open, true);
	return false;
}

/* At %: of a branch taken: over the other one. */
static bool leave_for_else(struct preprocessor *pp, struct token *t)
{
	struct condition_level *level;

	if (!pp->levels.n)
		return junk(pp, t, t, "incomplete conditional - missing '%('");
	level = &pp->levels.p[pp->levels.n - 1];
	if (level->in_else)
		return junk(pp, t, t, "invalid conditional - duplicate '%:'");
	level->in_else = true;
	skip_branch(pp, t, true);
	if (token_is(t, PUNCT2('%', ':')))
		return junk(pp, t, t, "invalid conditional - duplicate '%:'");
	pp->levels.n--;
	if (t->kind == TOKEN_END)
		return junk(pp, t, &level->open, "incomplete conditional at end of file");
	return false;
}

static bool end_of_file(struct preprocessor *pp, struct token *t)
{
	if (pp->levels.n) {
		struct token open = pp->levels.p[pp->levels.n - 1].open;

		pp->levels.n = 0;
		return junk(pp, t, &open, "incomplete conditional at end of file");
	}
	return true;
}

/* true: *t is for the reader. */
static bool operator_met(struct preprocessor *pp, struct token *t)
{
	switch (t->code) {
	case PUNCT2('%', '('):
		return enter(pp, t);
	case PUNCT2('%', ':'):
		return leave_for_else(pp, t);
	case PUNCT2('%', '?'):
		return junk(pp, t, t, "incomplete conditional - missing '%('");
	case PUNCT2('%', ')'):
		if (!pp->levels.n)
			return junk(pp, t, t, "incomplete conditional - missing '%('");
		pp->levels.n--;
		return false;
	default:
		return true;
	}
}

void lang_next(struct preprocessor *pp, struct token *t)
{
	for (;;) {
		lang_macro_next(pp, t);
		if (t->kind == TOKEN_END) {
			if (end_of_file(pp, t))
				return;
		} else if (t->kind != TOKEN_OPERATOR || operator_met(pp, t)) {
			return;
		}
	}
}
