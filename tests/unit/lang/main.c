/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the unit tests of lang. */
#include "helper.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_create, fixture_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tokens_are_told_apart),
		TEST(operators_are_longest_match),
		TEST(blanks_between_tokens_are_noticed),
		TEST(strings_keep_escapes_for_later),
		TEST(escapes_are_resolved),
		TEST(quotes_come_back),
		TEST(arguments_merge_with_the_text),
		TEST(arguments_are_marked_as_used),
		TEST(numbers_are_judged),
		TEST(library_macros_are_seen),
		TEST(local_macros_win),
		TEST(library_bodies_see_no_local_macro),
		TEST(library_files_hold_definitions_only),
		TEST(library_macros_are_defined_once),
		TEST(endless_macros_are_stopped),
		TEST(exploding_macros_are_stopped),
		TEST(messages_name_few_expansions),
		TEST(positions_are_exact),
		TEST(globals_are_described),
		TEST(functions_are_described),
		TEST(points_are_described),
		TEST(single_points_are_read),
		TEST(formats_are_split),
		TEST(foreach_columns_are_counted),
		TEST(tokens_name_the_operator),
		TEST(depth_is_bounded),
		TEST(long_chains_survive),
		TEST(braces_do_not_explode),
		TEST(large_scripts_are_fast),
		TEST(clones_are_equal_and_apart),
		TEST(walks_see_every_expression),
		TEST(walks_can_replace),
		TEST(names_of_kinds),
		TEST(point_text_with_and_without_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
