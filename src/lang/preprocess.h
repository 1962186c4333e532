/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between lexer and parser: macros first (macro.c), then %( %) conditions
 * (condition.c). Each stage pulls tokens from the one before. Private to lang.
 */
#ifndef SPILE_LANG_PREPROCESS_H
#define SPILE_LANG_PREPROCESS_H

#include "lang/token.h"

struct token_list {
	VEC(struct token) list;
};

struct macro {
	const char *name; /* without @ */
	struct span span; /* of the name */
	bool is_library; /* sees only library macros and its parameters */
	VEC(const char *) parameters; /* interned, without @ */
	struct token_list body;
};

struct lang_macros {
	struct arena *arena;
	struct map *by_name; /* struct macro * */
};

/* One invocation of a macro: what its parameters stand for, and where. */
struct scope {
	const struct macro *macro;
	struct token_list *arguments; /* [parameters.n] */
	const struct scope *caller; /* arguments are expanded there; NULL: the file */
};

/* A list of tokens being read before the lexer's. */
struct frame {
	const struct token_list *tokens;
	uint32_t at;
	const struct scope *scope;
	uint32_t expansion; /* of the tokens' spans */
};

/* A %( whose %) has not come. */
struct condition_level {
	struct token open;
	bool in_else;
};

struct preprocessor {
	const struct lang_options *options;
	struct lexer lexer;
	struct lang_macros *macros; /* where @define puts them */
	bool defines_library;
	VEC(struct frame) frames;
	VEC(struct condition_level) levels;
	uint64_t n_expanded; /* tokens read out of macros */
};

void lang_preprocessor_init(struct preprocessor *pp, const struct lang_options *o,
			    const struct source *s, struct lang_macros *into, bool defines_library);

/* The next token, nothing expanded. */
void lang_raw_next(struct preprocessor *pp, struct token *t);
/* ... with macros expanded. */
void lang_macro_next(struct preprocessor *pp, struct token *t);
/* ... and conditions decided. END for ever at the end. */
void lang_next(struct preprocessor *pp, struct token *t);

/* Whether the text of an @word token is built in. */
bool lang_is_builtin_word(const struct lang_options *o, const char *word);
/* Says what a JUNK token holds, if it was not said yet. */
void lang_report_junk(const struct lang_options *o, const struct token *t);
/* Turns *t into junk that has been reported. */
void lang_silence(struct token *t);

#endif
