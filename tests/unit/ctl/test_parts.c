/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of ctl that need no process: the image, layouts, relocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/session.h"
#include "tests.h"

extern const uint8_t runtime_image_start[], runtime_image_end[];

static size_t image_size(void)
{
	return (size_t)(runtime_image_end - runtime_image_start);
}

static void the_image_has_its_symbols(void **state)
{
	static const char *const names[] = { "rt_self",		"rt_signal",	"rt_restorer",
					     "rt_module_event", "rt_slot_miss", "rt_slot_busy",
					     "rt_handler_end",	"rt_print" };
	struct arena *a = arena_create();
	struct ctl_runtime r;
	uint64_t at;

	(void)state;
	assert_null(ctl_runtime_parse(a, runtime_image_start, image_size(), &r));
	assert_int_equal(r.size % ABI_PAGE, 0);
	for (size_t i = 0; i < base_count(names); i++) {
		assert_true(ctl_runtime_find(&r, names[i], &at));
		assert_true(at < r.file_size);
	}
	assert_false(ctl_runtime_find(&r, "no_such_name", &at));
	arena_destroy(a);
}

/* Cut short anywhere, or with a byte turned over, it is refused or read: never a crash. */
static void a_damaged_image_is_refused(void **state)
{
	uint8_t *copy = malloc(image_size());
	struct ctl_runtime r;

	(void)state;
	for (size_t n = 0; n < image_size(); n += 97) {
		struct arena *a = arena_create();

		memcpy(copy, runtime_image_start, n);
		(void)!ctl_runtime_parse(a, copy, n, &r);
		arena_destroy(a);
	}
	for (size_t i = 0; i < 1024; i++) {
		struct arena *a = arena_create();

		memcpy(copy, runtime_image_start, image_size());
		copy[i % 64 < 63 ? i : i * 31 % image_size()] ^= 0x5a;
		(void)!ctl_runtime_parse(a, copy, image_size(), &r);
		arena_destroy(a);
	}
	free(copy);
}

static void relocations_give_addresses(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct ctl_place place = { .region = 0x1000, .process = 0x2000, .table = 0x3000 };
	struct ctl_runtime r;
	uint8_t *view;
	uint64_t self, print, value;
	int32_t distance;

	(void)state;
	assert_null(ctl_runtime_parse(a, runtime_image_start, image_size(), &r));
	ctl_place_lay_out(&r, b, 0x100000, &place);
	assert_int_equal(place.code % 64, 0);
	assert_int_equal(place.fixed_size % ABI_PAGE, 0);
	view = arena_alloc(a, place.fixed_size);
	assert_null(ctl_image_build(&r, b, &place, view));
	assert_true(ctl_runtime_find(&r, "rt_self", &self));
	memcpy(&value, view + self, 8);
	assert_int_equal(value, 0x2000);
	assert_true(ctl_runtime_find(&r, "rt_print", &print));
	memcpy(&value, view + (place.code - place.image) + 256 + 41, 8);
	assert_int_equal(value, place.image + print);
	memcpy(&distance, view + (place.code - place.image) + 384 + 1, 4);
	assert_true(ctl_runtime_find(&r, "rt_exit", &print));
	assert_int_equal(place.code + 384 + 5 + (uint64_t)(int64_t)distance, place.image + print);
	arena_destroy(a);
}

static void unknown_runtime_functions_are_told(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct ctl_place place = { 0 };
	struct ctl_runtime r;
	struct error *e;

	(void)state;
	b->runtime_symbols.p[0] = "rt_nothing";
	assert_null(ctl_runtime_parse(a, runtime_image_start, image_size(), &r));
	ctl_place_lay_out(&r, b, 0x100000, &place);
	e = ctl_image_build(&r, b, &place, arena_alloc(a, place.fixed_size));
	assert_non_null(e);
	assert_non_null(strstr(e->text, "rt_nothing"));
	arena_destroy(a);
}

int run_parts_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_has_its_symbols),
		cmocka_unit_test(a_damaged_image_is_refused),
		cmocka_unit_test(relocations_give_addresses),
		cmocka_unit_test(unknown_runtime_functions_are_told),
	};

	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
