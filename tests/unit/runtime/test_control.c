/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, their report and count, ends of sessions, chance. */
#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

static void texts_of_errors(void **state)
{
	static const char *const texts[] = {
		"division by 0",	  "MAXACTION exceeded",
		"MAXNESTING exceeded",	  "Array overflow, check MAXMAPENTRIES",
		"empty aggregate",	  "histogram index out of range",
		"all functions exhausted"
	};

	(void)state;
	for (int64_t i = 0; i < 7; i++) {
		rt_raise(w->slot, i);
		assert_int_equal(w->slot->error, i == 1 ? ABI_ERROR_FATAL : ABI_ERROR_RAISED);
		assert_string_equal(error_of(w->slot), texts[i]);
		assert_int_equal(w->slot->error, ABI_ERROR_NONE);
	}
}

static void catching(void **state)
{
	struct abi_string *out = buffer();

	(void)state;
	w->region->max_string = 9;
	rt_raise(w->slot, 0);
	rt_catch(w->slot, out);
	assert_text(out, "division");
	assert_int_equal(w->slot->error, ABI_ERROR_NONE);
}

static void the_first_error_stays_but_a_fatal_one_wins(void **state)
{
	(void)state;
	rt_error(w->slot, str("first"));
	rt_error(w->slot, str("second"));
	assert_string_equal(error_of(w->slot), "first");
	rt_error(w->slot, str("first"));
	rt_raise(w->slot, 1);
	rt_raise(w->slot, 0);
	assert_int_equal(w->slot->error, ABI_ERROR_FATAL);
	assert_string_equal(error_of(w->slot), "MAXACTION exceeded");
}

/* A recursion's call is told once, and not too many of all. */
static void errors_tell_the_calls_they_came_through(void **state)
{
	static const uint32_t calls[] = { 42, 7, 7, 8, 9, 10, 11, 12, 13, 14 };
	const uint32_t *places;
	uint32_t n;

	(void)state;
	w->region->max_errors = 9;
	rt_error(w->slot, str("first"));
	rt_called_from(w->slot, 3);
	rt_catch(w->slot, buffer());
	rt_error(w->slot, str("deep"));
	w->slot->where = 42;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		rt_called_from(w->slot, calls[i]);
	rt_handler_end(w->slot);
	places = rt_record_places(take_record(w->slot), &n);
	assert_int_equal(n, ABI_CALLED);
	assert_int_equal(places[0], 42);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(places[2 + i], 7 + i);
}

static void uncaught_errors_are_reported(void **state)
{
	const uint32_t *places;
	struct abi_record *r;
	uint32_t n;

	(void)state;
	w->region->max_errors = 1;
	rt_error(w->slot, str("bad thing"));
	w->slot->where = 42;
	rt_handler_end(w->slot);
	r = take_record(w->slot);
	assert_int_equal(r->kind, ABI_RECORD_ERROR);
	assert_text(rt_record_text(r), "bad thing");
	places = rt_record_places(r, &n);
	assert_int_equal(places[0], 42);
	assert_int_equal(n, 0);
	assert_int_equal(w->slot->error, ABI_ERROR_NONE);
	assert_int_equal(w->region->errors, 1);
	assert_int_equal(w->region->state, ABI_STATE_RUNNING);
	rt_raise(w->slot, 0);
	rt_handler_end(w->slot);
	assert_int_equal(w->region->errors, 2);
	assert_int_equal(w->region->state, ABI_STATE_ERROR);
	assert_true(w->region->event > 0);
}

static void suppressed_errors_are_only_counted(void **state)
{
	(void)state;
	w->region->suppress_errors = 1;
	rt_raise(w->slot, 0);
	rt_handler_end(w->slot);
	assert_int_equal(w->region->errors, 1);
	assert_int_equal(w->region->state, ABI_STATE_RUNNING);
	assert_null(take_record(w->slot));
	rt_raise(w->slot, 1);
	rt_handler_end(w->slot);
	assert_int_equal(w->region->state, ABI_STATE_ERROR);
	assert_non_null(take_record(w->slot));
}

static void exit_and_abort(void **state)
{
	uint32_t event = w->region->event;

	(void)state;
	rt_exit(w->slot);
	assert_int_equal(w->region->request_exit, 1);
	assert_int_equal(w->region->event, event + 1);
	assert_int_equal(w->slot->error, ABI_ERROR_NONE);
	rt_abort(w->slot);
	assert_int_equal(w->slot->error, ABI_ERROR_FATAL);
	rt_handler_end(w->slot);
	assert_int_equal(w->region->errors, 0);
	assert_null(take_record(w->slot));
}

static void an_empty_text_is_an_error_all_the_same(void **state)
{
	(void)state;
	rt_error(w->slot, str(""));
	rt_handler_end(w->slot);
	assert_int_equal(w->region->errors, 1);
}

static void chance(void **state)
{
	unsigned seen[10] = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t n = rt_randint(w->slot, 10);

		assert_true(n >= 0 && n < 10);
		seen[n]++;
	}
	for (int i = 0; i < 10; i++)
		assert_true(seen[i] > 700 && seen[i] < 1300);
	assert_int_equal(rt_randint(w->slot, 0), 0);
	assert_string_equal(error_of(w->slot), "");
	assert_true(rt_randint(w->slot, 1 << 20) < 1 << 20);
	rt_randint(w->slot, (1 << 20) + 1);
	assert_string_equal(error_of(w->slot), "range too wide");
	rt_randint(w->slot, -1);
	assert_string_equal(error_of(w->slot), "range too wide");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(control, T(texts_of_errors), T(catching), T(the_first_error_stays_but_a_fatal_one_wins),
      T(uncaught_errors_are_reported), T(errors_tell_the_calls_they_came_through), T(suppressed_errors_are_only_counted), T(exit_and_abort),
      T(an_empty_text_is_an_error_all_the_same), T(chance));
