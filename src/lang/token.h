/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, and the lexer that makes them out of characters. Private to lang. */
#ifndef SPILE_LANG_TOKEN_H
#define SPILE_LANG_TOKEN_H

#include "lang/lang.h"

enum token_kind {
	TOKEN_END,
	TOKEN_JUNK, /* text: what is wrong, or NULL when that was said already */
	TOKEN_IDENTIFIER,
	TOKEN_KEYWORD,
	TOKEN_OPERATOR,
	TOKEN_AT, /* @word, a macro or a built-in */
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_EMBEDDED,
};

enum keyword {
#define KEYWORD(id, text, since) KEYWORD_##id,
#define AT_STAT(id, text, since, op)
#define AT_HIST(id, text, since, kind)
#define AT_OPERATOR(id, text, since, shape)
#include "lang/words.def"
#undef KEYWORD
#undef AT_STAT
#undef AT_HIST
#undef AT_OPERATOR
};

/* An operator's code is its characters. */
#define PUNCT1(a) ((uint32_t)(a))
#define PUNCT2(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)
#define PUNCT3(a, b, c) (PUNCT2(a, b) | (uint32_t)(c) << 16)

struct token {
	enum token_kind kind;
	uint32_t code; /* OPERATOR: PUNCT; KEYWORD: enum keyword; JUNK: enum diag_tag */
	struct span span;
	/*
	 * Names are interned. A STRING keeps its valid escapes as written, to be
	 * resolved where it is used; EMBEDDED is what stands between %{ and %}.
	 * Unused for OPERATOR and END.
	 */
	const char *text;
	uint32_t length;
	bool glued; /* nothing between it and the token before */
};

static inline bool token_is(const struct token *t, uint32_t punct)
{
	return t->kind == TOKEN_OPERATOR && t->code == punct;
}

static inline bool token_is_keyword(const struct token *t, enum keyword k)
{
	return t->kind == TOKEN_KEYWORD && t->code == k;
}

/* "operator ','", as messages show it. */
const char *lang_token_text(const struct lang_options *o, const struct token *t);
/* A diagnostic "message / how: token at place". */
struct diag *lang_token_diag(const struct lang_options *o, enum diag_tag tag, const char *how,
			     const struct token *t, const char *message);

struct lexer {
	const struct lang_options *options;
	const struct source *source;
	size_t length;
	size_t offset; /* next character of the text */
	const char *paste; /* characters of a script argument that come before it */
	size_t paste_left;
	struct span paste_at; /* where the argument was asked for */
	struct buf scratch;
	bool has_hex_escapes;
	uint64_t n_tokens;
};

void lang_lexer_init(struct lexer *lx, const struct lang_options *o, const struct source *s);
/* Writes the next token, END for ever at the end. */
void lang_lex(struct lexer *lx, struct token *t);

/* Whether the language version of the options is at least `since`. */
bool lang_speaks(const struct lang_options *o, const char *since);
/* Resolves the escapes of a string token. */
const char *lang_unescape(struct arena *a, const char *raw, uint32_t n, uint32_t *length);
/* The text behind %d ... of a number token; false when it is none or out of range. */
bool lang_number(const char *text, uint64_t *value);

#endif
