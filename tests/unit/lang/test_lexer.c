/* SPDX-License-Identifier: Apache-2.0 */
/* Characters to tokens. */
#include "helper.h"

#include <string.h>

#include "lang/token.h"

static struct lexer lexer_on(struct fixture *f, const char *text)
{
	struct lexer lx;

	lang_lexer_init(&lx, &f->options, source_from_text(f->set, "<input>", text, strlen(text)));
	return lx;
}

/* The tokens of a text, as messages name them, joined by one blank. */
static const char *tokens(struct fixture *f, const char *text)
{
	struct lexer lx = lexer_on(f, text);
	struct token t;
	struct buf b;

	buf_init(&b, f->arena);
	for (lang_lex(&lx, &t); t.kind != TOKEN_END; lang_lex(&lx, &t))
		buf_addf(&b, "%s%s", b.n ? " " : "", lang_token_text(&f->options, &t));
	return buf_str(&b);
}

void tokens_are_told_apart(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(tokens(f, "probe p_1 $v @m \"s\" 0x1fz %{ c %} ;"),
			    "keyword identifier 'p_1' identifier '$v' operator '@m' string 's' "
			    "number '0x1fz' embedded-code operator ';'");
	assert_string_equal(tokens(f, "a$b $$ $$x$ 1_0"),
			    "identifier 'a$b' identifier '$$' identifier '$$x$' number '1' "
			    "identifier '_0'");
	assert_string_equal(tokens(f, "# c\n//c\n/* c\n*/ a /* open"), "identifier 'a'");
}

void operators_are_longest_match(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(tokens(f, "<<<=>>>>>=<<=="),
			    "operator '<<<' operator '=' operator '>>>' operator '>>=' "
			    "operator '<<=' operator '='");
	assert_string_equal(tokens(f, "a+++b->c!~d"),
			    "identifier 'a' operator '++' operator '+' identifier 'b' operator '->' "
			    "identifier 'c' operator '!~' identifier 'd'");
	assert_string_equal(tokens(f, "%(%?%:%)%}"),
			    "operator '%(' operator '%?' operator '%:' operator '%)' operator '%' "
			    "operator '}'");
}

void blanks_between_tokens_are_noticed(void **state)
{
	struct fixture *f = *state;
	struct lexer lx = lexer_on(f, "a*b * c/**/d");
	const bool expected[] = { true, true, true, false, false, false };
	struct token t;

	for (size_t i = 0; i < base_count(expected); i++) {
		lang_lex(&lx, &t);
		assert_int_equal(t.glued, expected[i]);
	}
}

void strings_keep_escapes_for_later(void **state)
{
	struct fixture *f = *state;
	struct lexer lx = lexer_on(f, "\"a\\n\\q\\\"\\\\\\x41\\\nz\"");
	struct token t;

	lang_lex(&lx, &t);
	assert_int_equal(t.kind, TOKEN_STRING);
	assert_string_equal(t.text, "a\\nq\"\\\\\\x41\nz");
	f->conditions.systemtap_v = "2.2";
	lx = lexer_on(f, "\"\\x41\"");
	lang_lex(&lx, &t);
	assert_string_equal(t.text, "x41");
}

void escapes_are_resolved(void **state)
{
	struct fixture *f = *state;
	const char raw[] = "\\a\\b\\t\\n\\v\\f\\r\\\\|\\1018\\0\\377|\\x4a\\x4142|\\xg";
	uint32_t n;
	const char *text = lang_unescape(f->arena, raw, sizeof raw - 1, &n);
	const char expected[] = "\a\b\t\n\v\f\r\\|A8\0\377|JB|xg";

	assert_int_equal(n, sizeof expected - 1);
	assert_memory_equal(text, expected, n);
}

void quotes_come_back(void **state)
{
	struct fixture *f = *state;
	const char all[] = "a\"b\\c\nd\1" "2\0z\x7f\xc3\xa9";
	const char *quoted = lang_quote(f->arena, all, sizeof all - 1);
	struct lang_file *file;
	const struct expr *e;

	assert_string_equal(quoted, "\"a\\\"b\\\\c\\nd\\0012\\000z\\177\xc3\xa9\"");
	file = parse_text(f, arena_printf(f->arena, "global g = %s", quoted));
	e = file->globals.p[0]->init;
	assert_int_equal(e->string.length, sizeof all - 1);
	assert_memory_equal(e->string.text, all, sizeof all - 1);
}

static void set_args(struct fixture *f, char **args, uint32_t n)
{
	f->options.args = args;
	f->options.n_args = n;
}

void arguments_merge_with_the_text(void **state)
{
	struct fixture *f = *state;
	char a[] = "x y", b[] = "\"z", c[] = "/* ", d[] = "", e[] = "q\"\\\t";
	char *args[] = { a, b, c, d, e };

	set_args(f, args, 5);
	assert_string_equal(tokens(f, "$1z"), "identifier 'x' identifier 'yz'");
	assert_string_equal(tokens(f, "$2z\" w"), "string 'zz' identifier 'w'");
	assert_string_equal(tokens(f, "$3 a */ b"), "identifier 'b'");
	assert_string_equal(tokens(f, "a $4 b"), "identifier 'a' identifier 'b'");
	assert_string_equal(tokens(f, "@5"), "string 'q\"\\\\\\011'");
	assert_string_equal(tokens(f, "$# @# a$1"), "number '5' string '5' identifier 'a$1'");
}

void arguments_are_marked_as_used(void **state)
{
	struct fixture *f = *state;
	char a[] = "1", b[] = "2", c[] = "3";
	char *args[] = { a, b, c };
	bool used[3] = { false }, count = false;

	set_args(f, args, 3);
	f->options.args_used = used;
	f->options.argc_used = &count;
	tokens(f, "$3 @1");
	assert_true(used[0] && !used[1] && used[2] && !count);
	tokens(f, "$#");
	assert_true(count);
}

void numbers_are_judged(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(lang_number("18446744073709551615", &v) && v == UINT64_MAX);
	assert_true(lang_number("0xfF", &v) && v == 255);
	assert_true(lang_number("010", &v) && v == 8);
	assert_false(lang_number("18446744073709551616", &v));
	assert_false(lang_number("09", &v));
	assert_false(lang_number("0x", &v));
	assert_false(lang_number("1a", &v));
}
