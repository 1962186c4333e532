/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters to tokens.
 *
 * A script argument ($1) is put in front of the characters still to be read,
 * so that it may make several tokens, or only a part of one:
 *
 *	text    x = $1abc          argument 1: "y + z"
 *	              ^ offset
 *	read    x = y + zabc
 *	            `paste'  then the text again
 *
 * What is wrong becomes a JUNK token that carries its message: it is said
 * only when somebody wants the token, not in a branch that is skipped.
 */
#include "lang/token.h"

#include <string.h>

struct word {
	const char *text;
	uint32_t length;
	const char *since;
};

static const struct word keywords[] = {
#define KEYWORD(id, text, since) [KEYWORD_##id] = { text, sizeof text - 1, since },
#define AT_STAT(id, text, since, op)
#define AT_HIST(id, text, since, kind)
#define AT_OPERATOR(id, text, since, shape)
#include "lang/words.def"
#undef KEYWORD
#undef AT_STAT
#undef AT_HIST
#undef AT_OPERATOR
};

static const char three[][4] = { "<<<", ">>>", "<<=", ">>=" };
static const char two[][3] = { "==", "!=", "<=", ">=", "=~", "!~", "+=", "-=", "*=",
			       "/=", "%=", "&=", "^=", "|=", ".=", "&&", "||", "++",
			       "--", "->", "<<", ">>", "%(", "%?", "%:", "%)" };

bool lang_speaks(const struct lang_options *o, const char *since)
{
	const char *version = o->conditions ? o->conditions->systemtap_v : NULL;

	return !version || strverscmp(version, since) >= 0;
}

void lang_lexer_init(struct lexer *lx, const struct lang_options *o, const struct source *s)
{
	*lx = (struct lexer){ .options = o, .source = s, .paste = "" };
	/* Places are 32 bits wide. */
	lx->length = base_min(s->length, (size_t)UINT32_MAX - 1);
	lx->has_hex_escapes = lang_speaks(o, "2.3");
	buf_init(&lx->scratch, o->arena);
}

/* ---- characters -------------------------------------------------------------- */

static inline int look(const struct lexer *lx, size_t k)
{
	size_t at;

	if (k < lx->paste_left)
		return (unsigned char)lx->paste[k];
	at = lx->offset + (k - lx->paste_left);
	return at < lx->length ? (unsigned char)lx->source->text[at] : -1;
}

static inline void skip(struct lexer *lx, size_t n)
{
	size_t pasted = base_min(n, lx->paste_left);

	lx->paste += pasted;
	lx->paste_left -= pasted;
	lx->offset += n - pasted;
}

/* The next n characters as one text, valid until the next call. */
static const char *take(struct lexer *lx, size_t n)
{
	const char *text = lx->source->text + lx->offset;

	if (lx->paste_left) {
		lx->scratch.n = 0;
		for (size_t k = 0; k < n; k++)
			buf_addc(&lx->scratch, look(lx, k));
		text = buf_str(&lx->scratch);
	}
	skip(lx, n);
	return text;
}

static bool is_blank(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(int c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '$';
}

/* The text that is left when nothing is pasted in front of it: it may be read in one go. */
static inline const char *plain_text(const struct lexer *lx, size_t *left)
{
	*left = lx->length - lx->offset;
	return lx->paste_left ? NULL : lx->source->text + lx->offset;
}

static void skip_line(struct lexer *lx)
{
	size_t left;
	const char *text = plain_text(lx, &left), *end = text ? memchr(text, '\n', left) : NULL;

	if (text) {
		lx->offset += end ? (size_t)(end - text) : left;
		return;
	}
	while (look(lx, 0) >= 0 && look(lx, 0) != '\n')
		skip(lx, 1);
}

static void skip_comment(struct lexer *lx)
{
	size_t left;
	const char *text, *end;

	skip(lx, 2);
	text = plain_text(lx, &left);
	if (text) {
		end = memmem(text, left, "*/", 2);
		lx->offset += end ? (size_t)(end - text) + 2 : left;
		return;
	}
	while (look(lx, 0) >= 0 && !(look(lx, 0) == '*' && look(lx, 1) == '/'))
		skip(lx, 1);
	if (look(lx, 0) >= 0)
		skip(lx, 2);
}

/* Blanks and comments; whether there were any. */
static bool skip_blanks(struct lexer *lx)
{
	bool any = false;

	for (;; any = true) {
		int c = look(lx, 0);

		if (is_blank(c))
			skip(lx, 1);
		else if (c == '#' || (c == '/' && look(lx, 1) == '/'))
			skip_line(lx);
		else if (c == '/' && look(lx, 1) == '*')
			skip_comment(lx);
		else
			return any;
	}
}

/* ---- tokens -------------------------------------------------------------------- */

static void make_junk(struct token *t, enum diag_tag tag, const char *message)
{
	t->kind = TOKEN_JUNK;
	t->code = tag;
	t->text = message;
	t->length = 0;
}

static void lex_name(struct lexer *lx, struct token *t)
{
	uint32_t n = 1;
	size_t left;
	const char *text = plain_text(lx, &left);

	if (text)
		while (n < left && is_name((unsigned char)text[n]))
			n++;
	else
		while (is_name(look(lx, n)))
			n++;
	text = take(lx, n);
	t->kind = text[0] == '@' ? TOKEN_AT : TOKEN_IDENTIFIER;
	t->text = intern(lx->options->names, text, n);
	t->length = n;
	for (uint32_t i = 0; i < base_count(keywords); i++) {
		const struct word *k = &keywords[i];

		if (k->length == n && k->text[0] == t->text[0] && memcmp(k->text, t->text, n) == 0 &&
		    lang_speaks(lx->options, k->since)) {
			t->kind = TOKEN_KEYWORD;
			t->code = i;
			return;
		}
	}
}

static void lex_number(struct lexer *lx, struct token *t)
{
	uint32_t n = 1;

	while (is_digit(look(lx, n)) || is_letter(look(lx, n)))
		n++;
	t->kind = TOKEN_NUMBER;
	t->text = intern(lx->options->names, take(lx, n), n);
	t->length = n;
}

/* The escape of `c` stays as it is for lang_unescape(). */
static bool is_escape(const struct lexer *lx, int c)
{
	if (c == 'x')
		return lx->has_hex_escapes;
	return (c >= '0' && c <= '7') || (c > 0 && strchr("abtnvfr\\", c));
}

static void lex_string(struct lexer *lx, struct token *t)
{
	struct buf *b = &lx->scratch;

	b->n = 0;
	for (skip(lx, 1);; skip(lx, 1)) {
		int c = look(lx, 0);

		if (c == '"')
			break;
		if (c == '\\' && look(lx, 1) >= 0) {
			skip(lx, 1);
			if (is_escape(lx, look(lx, 0)))
				buf_addc(b, '\\');
			buf_addc(b, look(lx, 0));
			continue;
		}
		if (c < 0 || c == '\n' || c == '\\') {
			make_junk(t, DIAG_STRING_UNCLOSED, "Could not find matching closing quote");
			return;
		}
		buf_addc(b, c);
	}
	skip(lx, 1);
	t->kind = TOKEN_STRING;
	t->length = (uint32_t)b->n;
	t->text = arena_strndup(lx->options->arena, b->n ? b->p : "", b->n);
}

/* Where %} is, counted from here; 0 when it is nowhere. */
static size_t embedded_end(const struct lexer *lx, bool *has_typo)
{
	for (size_t k = 2; look(lx, k) >= 0; k++) {
		if (look(lx, k) == '%' && look(lx, k + 1) == '}')
			return k;
		if (look(lx, k) == '}' && look(lx, k + 1) == '%')
			*has_typo = look(lx, k + 2) != '}';
	}
	return 0;
}

static void lex_embedded(struct lexer *lx, struct token *t)
{
	bool has_typo = false;
	size_t end = embedded_end(lx, &has_typo);

	if (!end) {
		lx->offset = lx->length;
		lx->paste_left = 0;
		make_junk(t, DIAG_LEX,
			  "Could not find matching '%}' to close embedded function block");
		return;
	}
	skip(lx, 2);
	t->kind = TOKEN_EMBEDDED;
	t->length = (uint32_t)end - 2;
	t->text = arena_strndup(lx->options->arena, take(lx, t->length), t->length);
	skip(lx, 2);
	if (has_typo)
		diag_add(lx->options->diags, DIAG_WARN_OTHER, t->span,
			 "possible erroneous closing '}%%', use '%%}'?");
}

static uint32_t operator_length(const struct lexer *lx)
{
	const char c[3] = { (char)look(lx, 0), (char)look(lx, 1), (char)look(lx, 2) };

	if (!strchr("=~<>+-&|?:()", c[1]) || !c[1])
		return 1;
	for (size_t i = 0; i < base_count(three); i++)
		if (memcmp(three[i], c, 3) == 0)
			return 3;
	for (size_t i = 0; i < base_count(two); i++)
		if (memcmp(two[i], c, 2) == 0)
			return 2;
	return 1;
}

static void lex_operator(struct lexer *lx, struct token *t)
{
	uint32_t n = operator_length(lx);

	t->kind = TOKEN_OPERATOR;
	t->length = n;
	for (uint32_t i = 0; i < n; i++)
		t->code |= (uint32_t)look(lx, i) << 8 * i;
	skip(lx, n);
}

/* ---- arguments of the script ------------------------------------------------------ */

/* The argument as the inside of a string literal. */
static void paste_quoted(struct lexer *lx, struct token *t, const char *text)
{
	struct buf *b = &lx->scratch;

	b->n = 0;
	for (const char *p = text; *p; p++) {
		if (*p == '\\')
			buf_adds(b, "\\\\");
		else if ((unsigned char)*p < ' ' || *p == '\x7f')
			buf_addf(b, "\\%03o", (unsigned char)*p);
		else
			buf_addc(b, *p);
	}
	t->kind = TOKEN_STRING;
	t->length = (uint32_t)b->n;
	t->text = arena_strndup(lx->options->arena, b->n ? b->p : "", b->n);
}

/* $# and @# */
static void lex_argument_count(struct lexer *lx, struct token *t)
{
	const struct lang_options *o = lx->options;

	t->kind = look(lx, 0) == '$' ? TOKEN_NUMBER : TOKEN_STRING;
	t->text = arena_printf(o->arena, "%u", o->n_args);
	t->length = (uint32_t)strlen(t->text);
	if (o->argc_used)
		*o->argc_used = true;
	skip(lx, 2);
}

/* The number behind $ or @, held below a million. */
static uint32_t take_argument_number(struct lexer *lx)
{
	uint32_t number = 0;

	for (skip(lx, 1); is_digit(look(lx, 0)); skip(lx, 1))
		if (number < 100000)
			number = number * 10 + (uint32_t)(look(lx, 0) - '0');
	return number;
}

/* $N and @N; false when the argument's characters are to be read next. */
static bool lex_argument(struct lexer *lx, struct token *t)
{
	const struct lang_options *o = lx->options;
	bool quoted = look(lx, 0) == '@';
	uint32_t number;

	if (lx->paste_left) {
		skip(lx, lx->paste_left);
		make_junk(t, DIAG_SCRIPT_ARGUMENT,
			  "invalid nested substitution of command line arguments");
		return true;
	}
	number = take_argument_number(lx);
	t->span.length = (uint32_t)lx->offset - t->span.offset;
	if (number < 1 || number > o->n_args || number > 999) {
		make_junk(t, DIAG_SCRIPT_ARGUMENT,
			  arena_printf(o->arena, "command line argument out of range [1-%u]",
				       o->n_args));
		return true;
	}
	if (o->args_used)
		o->args_used[number - 1] = true;
	if (quoted) {
		paste_quoted(lx, t, o->args[number - 1]);
		return true;
	}
	lx->paste = o->args[number - 1];
	lx->paste_left = strlen(lx->paste);
	lx->paste_at = t->span;
	return false;
}

/* ---- the lexer --------------------------------------------------------------------- */

static struct span here(const struct lexer *lx)
{
	if (lx->paste_left)
		return lx->paste_at;
	return (struct span){ lx->source->id, (uint32_t)lx->offset, 0 };
}

static void lex_plain(struct lexer *lx, struct token *t, int c)
{
	if (is_letter(c) || c == '_' || c == '$' || c == '@')
		lex_name(lx, t);
	else if (is_digit(c))
		lex_number(lx, t);
	else if (c == '"')
		lex_string(lx, t);
	else if (c == '%' && look(lx, 1) == '{')
		lex_embedded(lx, t);
	else
		lex_operator(lx, t);
}

void lang_lex(struct lexer *lx, struct token *t)
{
	bool glued = true;

	for (;;) {
		int c, d;

		glued &= !skip_blanks(lx);
		*t = (struct token){ .span = here(lx), .glued = glued };
		c = look(lx, 0);
		if (c < 0)
			return;
		d = look(lx, 1);
		lx->n_tokens++;
		if ((c == '$' || c == '@') && d == '#') {
			lex_argument_count(lx, t);
			break;
		}
		if ((c == '$' || c == '@') && is_digit(d)) {
			if (lex_argument(lx, t))
				break;
			continue;
		}
		lex_plain(lx, t, c);
		break;
	}
	if (!t->span.length)
		t->span.length = base_max((uint32_t)lx->offset - t->span.offset, 1u);
}
