/* SPDX-License-Identifier: Apache-2.0 */
/* All unit tests of ir. */
#include "tests.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verify_judges_operands),
		cmocka_unit_test(verify_judges_numbers),
		cmocka_unit_test(verify_judges_contexts_and_sizes),
		cmocka_unit_test(verify_judges_calls),
		cmocka_unit_test(verify_judges_blocks),
		cmocka_unit_test(verify_finds_unwritten_registers),
		cmocka_unit_test(verify_judges_heads),
		cmocka_unit_test(constants_are_folded),
		cmocka_unit_test(known_branches_become_jumps),
		cmocka_unit_test(copies_end_with_their_origin),
		cmocka_unit_test(side_exits_keep_values_alive),
		cmocka_unit_test(unused_results_are_dropped),
		cmocka_unit_test(loops_stay_and_exits_are_cold),
		cmocka_unit_test(circles_of_jumps_end),
		cmocka_unit_test(arithmetic_wraps),
		cmocka_unit_test(shifts_count_modulo_64),
		cmocka_unit_test(comparisons_are_signed),
		cmocka_unit_test(extend_takes_low_bytes),
		cmocka_unit_test(context_is_read),
		cmocka_unit_test(memory_is_read_and_written),
		cmocka_unit_test(runtime_is_called_with_all_arguments),
		cmocka_unit_test(calls_nest_as_deep_as_allowed),
		cmocka_unit_test(frames_end_with_the_slot),
		cmocka_unit_test(budget_ends_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
