/* SPDX-License-Identifier: Apache-2.0 */
/* Macros of the library, and macros that do not end. */
#include "helper.h"

#include <stdlib.h>
#include <string.h>

/* Makes the macros of a .stpm text visible to the fixture's scripts. */
static void add_library(struct fixture *f, const char *text)
{
	struct lang_macros *into = lang_macros_create(f->arena);

	lang_parse_macros(&f->options, source_from_text(f->set, "lib.stpm", text, strlen(text)),
			  into);
	f->options.library_macros = into;
}

static const char library[] =
	"@define lib %( @inner + 1 %)\n"
	"@define inner %( 42 %)\n"
	"@define wrap(x) %( (@x + @inner) %)\n"
	"%( arch == \"none\" %? @define absent %( 9 %) %: @define present %( 8 %) %)\n";

void library_macros_are_seen(void **state)
{
	struct fixture *f = *state;

	add_library(f, library);
	assert_string_equal(printed_value(f, "@lib"), "(42) + (1)");
	assert_string_equal(printed_value(f, "@present"), "8");
	assert_string_equal(complaint(f, "probe p { x = @q }"),
			    "unknown operator @q at <input>:1:15");
}

void local_macros_win(void **state)
{
	struct fixture *f = *state;

	add_library(f, library);
	assert_string_equal(printed(f, "@define inner %( 7 %) global g = @inner"),
			    "global g = 7\n\n");
}

void library_bodies_see_no_local_macro(void **state)
{
	struct fixture *f = *state;

	add_library(f, library);
	assert_string_equal(printed(f, "@define inner %( 7 %) probe p { x = @wrap(@inner) }"),
			    "probe p{\n(x) = ((7) + (42));\n}\n\n");
}

void library_files_hold_definitions_only(void **state)
{
	struct fixture *f = *state;

	add_library(f, "@define a %( 1 %)\nprobe p { }");
	assert_int_equal(f->diags.errors, 1);
	assert_non_null(strstr(f->diags.list.p[0].text,
			       "unexpected token in library macro file 'lib.stpm'"));
}

void library_macros_are_defined_once(void **state)
{
	struct fixture *f = *state;

	add_library(f, "@define a %( 1 %) @define a %( 2 %)");
	assert_int_equal(f->diags.errors, 1);
	assert_non_null(strstr(f->diags.list.p[0].text, "duplicate definition of library macro '@a'"));
	assert_non_null(f->diags.list.p[0].notes);
}

void endless_macros_are_stopped(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(complaint(f, "@define a %( @a %) probe p { x = @a }"),
			    "macros are nested too deeply at <input>:1:14");
	assert_string_equal(complaint(f, "@define a(x) %( @a(@x @x) %) probe p { x = @a(1) }"),
			    "macros are nested too deeply at <input>:1:17");
}

void exploding_macros_are_stopped(void **state)
{
	struct fixture *f = *state;
	struct buf b;

	buf_init(&b, f->arena);
	buf_adds(&b, "@define a0 %( %)");
	for (int i = 1; i < 40; i++)
		buf_addf(&b, " @define a%d %%( @a%d @a%d %%)", i, i - 1, i - 1);
	buf_adds(&b, " probe p { x = @a39 }");
	assert_non_null(strstr(complaint(f, buf_str(&b)), "macros expand to too many tokens"));
}

void messages_name_few_expansions(void **state)
{
	struct fixture *f = *state;
	char *text = NULL;
	size_t n = 0;
	int notes = 0;
	FILE *to = open_memstream(&text, &n);

	complaint(f, "@define a %( @a %) probe p { x = @a }");
	diag_render(&f->diags, f->set, to, false);
	fclose(to);
	for (const char *at = text; (at = strstr(at, "in expansion of")); at++)
		notes++;
	free(text);
	assert_int_equal(notes, 9);
}
