/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of lang share: a script in a string, and what became of it. */
#ifndef TESTS_UNIT_LANG_HELPER_H
#define TESTS_UNIT_LANG_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lang/lang.h"

struct fixture {
	struct arena *arena;
	struct source_set *set;
	struct diag_list diags;
	struct lang_conditions conditions;
	struct lang_options options;
};

/* cmocka set-up and tear-down: *state is a struct fixture. */
int fixture_create(void **state);
int fixture_destroy(void **state);

struct lang_file *parse_text(struct fixture *f, const char *text);
/* The print of `text` without its first line; fails the test on errors. */
const char *printed(struct fixture *f, const char *text);
/* The print of "probe p { x = TEXT }" between the outer parentheses. */
const char *printed_value(struct fixture *f, const char *text);
/* The first message of a script that must be wrong, with its place: "message at <input>:1:2". */
const char *complaint(struct fixture *f, const char *text);

/* test_lexer.c */
void tokens_are_told_apart(void **state);
void operators_are_longest_match(void **state);
void blanks_between_tokens_are_noticed(void **state);
void strings_keep_escapes_for_later(void **state);
void escapes_are_resolved(void **state);
void quotes_come_back(void **state);
void arguments_merge_with_the_text(void **state);
void arguments_are_marked_as_used(void **state);
void numbers_are_judged(void **state);

/* test_macro.c */
void library_macros_are_seen(void **state);
void local_macros_win(void **state);
void library_bodies_see_no_local_macro(void **state);
void library_files_hold_definitions_only(void **state);
void library_macros_are_defined_once(void **state);
void endless_macros_are_stopped(void **state);
void exploding_macros_are_stopped(void **state);
void messages_name_few_expansions(void **state);

/* test_parse.c */
void positions_are_exact(void **state);
void globals_are_described(void **state);
void functions_are_described(void **state);
void points_are_described(void **state);
void single_points_are_read(void **state);
void formats_are_split(void **state);
void foreach_columns_are_counted(void **state);
void tokens_name_the_operator(void **state);
void depth_is_bounded(void **state);
void long_chains_survive(void **state);
void braces_do_not_explode(void **state);
void large_scripts_are_fast(void **state);

/* test_tree.c */
void clones_are_equal_and_apart(void **state);
void walks_see_every_expression(void **state);
void walks_can_replace(void **state);
void names_of_kinds(void **state);
void point_text_with_and_without_marks(void **state);

#endif
