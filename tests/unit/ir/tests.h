/* SPDX-License-Identifier: Apache-2.0 */
/* The unit tests of ir, by the file that holds them. */
#ifndef TESTS_UNIT_IR_TESTS_H
#define TESTS_UNIT_IR_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* test_verify.c */
void verify_judges_operands(void **state);
void verify_judges_numbers(void **state);
void verify_judges_contexts_and_sizes(void **state);
void verify_judges_calls(void **state);
void verify_judges_blocks(void **state);
void verify_finds_unwritten_registers(void **state);
void verify_judges_heads(void **state);

/* test_optimize.c */
void constants_are_folded(void **state);
void known_branches_become_jumps(void **state);
void copies_end_with_their_origin(void **state);
void side_exits_keep_values_alive(void **state);
void unused_results_are_dropped(void **state);
void loops_stay_and_exits_are_cold(void **state);
void circles_of_jumps_end(void **state);

/* test_interpret.c */
void arithmetic_wraps(void **state);
void shifts_count_modulo_64(void **state);
void comparisons_are_signed(void **state);
void extend_takes_low_bytes(void **state);
void context_is_read(void **state);
void memory_is_read_and_written(void **state);
void runtime_is_called_with_all_arguments(void **state);
void calls_nest_as_deep_as_allowed(void **state);
void frames_end_with_the_slot(void **state);
void budget_ends_loops(void **state);

/* test_script.c */
void script_computes_numbers(void **state);
void script_computes_strings(void **state);
void script_branches_and_loops(void **state);
void script_uses_arrays(void **state);
void script_deletes(void **state);
void script_keeps_statistics(void **state);
void script_calls_functions(void **state);
void script_catches_errors(void **state);
void script_shares_by_shards(void **state);
void script_locks_the_rest(void **state);
void script_reads_the_target(void **state);
void same_handlers_are_shared(void **state);
void nesting_is_computed(void **state);

/* test_golden.c */
void golden_texts_are_kept(void **state);
void thousand_probes_are_fast(void **state);

#endif
