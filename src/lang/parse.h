/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's own parts: recursive descent, one token ahead. An error is
 * said where it is met and leaves by longjmp to the declaration loop, which
 * skips to the next word that can begin one. Private to lang.
 */
#ifndef SPILE_LANG_PARSE_H
#define SPILE_LANG_PARSE_H

#include "lang/preprocess.h"

#include <setjmp.h>

/* How deep statements and expressions may nest in the text, unless lang_options.nesting says otherwise. */
#define PARSE_DEPTH_MAX 1000u
/* How many levels a tree may have, chains of operators included, for each 2 of these: later passes recurse. */
#define TREE_DEPTH_FACTOR 5u
/* How many probe points the brace groups of one list may make. */
#define POINTS_MAX 50000

struct point_list {
	VEC(struct probe_point *) list;
};

struct parser {
	const struct lang_options *o;
	const struct source *source;
	struct preprocessor pp;
	struct token ahead, last; /* not yet and just consumed */
	bool has_ahead;
	struct lang_file *file;
	struct map *globals; /* names of the file */
	bool in_function;
	uint32_t depth;
	struct expr *histogram; /* read already, the next value begins with it */
	jmp_buf failed;
};

/* ---- tokens --------------------------------------------------------------------- */

const struct token *lang_peek(struct parser *p);
/* Consumes the token ahead; END is an error. */
const struct token *lang_take(struct parser *p);
bool lang_peek_is(struct parser *p, uint32_t punct);
bool lang_peek_keyword(struct parser *p, enum keyword k);
/* Consumes the operator if it is ahead. */
bool lang_accept(struct parser *p, uint32_t punct);
bool lang_accept_keyword(struct parser *p, enum keyword k);
void lang_expect(struct parser *p, uint32_t punct);
const struct token *lang_expect_name(struct parser *p);

/* "saw:" the token ahead, or the last one */
_Noreturn void lang_fail(struct parser *p, const char *fmt, ...) BASE_PRINTF(2, 3);
_Noreturn void lang_fail_tag(struct parser *p, enum diag_tag tag, const char *message);
/* " (did you mean 'x'?)" when one of the names is near, else "". */
const char *lang_did_you_mean(struct parser *p, const char *text, const char *const *names, uint32_t n);
/* "at:" this token */
_Noreturn void lang_fail_at(struct parser *p, const struct token *at, const char *message);

/* "at:" the first component */
_Noreturn void lang_fail_point(struct parser *p, const struct probe_point *point,
			       const char *message);

void lang_enter(struct parser *p);
static inline void lang_leave(struct parser *p)
{
	p->depth--;
}
/* From the start of `from` to the token consumed last. */
struct span lang_span_since(const struct parser *p, struct span from);

/* ---- literals --------------------------------------------------------------------- */

/* Adjacent string literals, escapes resolved; `expected` is said when there is none. */
const char *lang_parse_text(struct parser *p, const char *expected, uint32_t *length);
/* The same with the escapes as written. */
const char *lang_parse_raw_text(struct parser *p, const char *expected, uint32_t *length);
/* [-] integer */
int64_t lang_parse_integer(struct parser *p, const char *expected);
/* NUMBER or STRING */
struct expr *lang_parse_literal(struct parser *p);

/* ---- grammar ------------------------------------------------------------------------ */

/* Brace groups multiplied out. Without `of_probe` a list may also end with the text. */
void lang_parse_points(struct parser *p, struct point_list *to, bool of_probe);
struct stmt *lang_parse_statement(struct parser *p);
struct stmt *lang_parse_block(struct parser *p);
struct expr *lang_parse_expr(struct parser *p);
/* A unary expression and what binds tighter. */
struct expr *lang_parse_unary(struct parser *p);
/* A value with its ->members, [indexes] and $. */
struct expr *lang_parse_value(struct parser *p);
struct expr *lang_parse_hist(struct parser *p);
bool lang_peek_hist(struct parser *p);
/* The expression behind an @word; NULL if it is not built in. */
struct expr *lang_parse_at(struct parser *p);
/* name or @hist_...(), what foreach and `in` range over */
struct expr *lang_parse_indexable(struct parser *p);
/* [e, *, ...] behind its [ ; to the ] */
void lang_parse_keys(struct parser *p, struct expr_list *to, bool stars);
/* The statistic of an @word, STAT_NONE if it is none. */
enum stat_op lang_stat_find(const struct parser *p, const char *word);
/* print, printf ...: NULL if the name is none of them. At the ( . */
struct expr *lang_parse_print(struct parser *p, const struct token *name);

/* A directive of a format that is none: bytes of the raw text. */
struct format_wrong {
	uint32_t at, length;
};
/* A format into its parts; false when it is wrong, which *wrong tells. raw: escapes as written. */
bool lang_format_parse(struct arena *a, const char *raw, uint32_t n, struct format_part **parts,
		       uint32_t *n_parts, struct format_wrong *wrong);

#endif
