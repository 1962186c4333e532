/* SPDX-License-Identifier: Apache-2.0 */
/* The unit tests of ir that lower whole scripts. */
#include "tests.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(script_computes_numbers),
		cmocka_unit_test(script_computes_strings),
		cmocka_unit_test(script_branches_and_loops),
		cmocka_unit_test(script_uses_arrays),
		cmocka_unit_test(script_deletes),
		cmocka_unit_test(script_keeps_statistics),
		cmocka_unit_test(script_calls_functions),
		cmocka_unit_test(script_catches_errors),
		cmocka_unit_test(script_shares_by_shards),
		cmocka_unit_test(script_locks_the_rest),
		cmocka_unit_test(script_reads_the_target),
		cmocka_unit_test(same_handlers_are_shared),
		cmocka_unit_test(nesting_is_computed),
		cmocka_unit_test(golden_texts_are_kept),
		cmocka_unit_test(thousand_probes_are_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
