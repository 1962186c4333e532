/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, maps, names, globs, positions and rendered diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void arena_gives_zeroed_aligned_memory(void **state)
{
	struct arena *a = arena_create();
	struct arena_mark m = arena_mark(a);

	(void)state;
	for (size_t size = 0; size < 200000; size = size * 3 + 1) {
		unsigned char *p = arena_alloc(a, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	arena_reset(a, m);
	assert_int_equal(*(char *)arena_alloc(a, 8), 0);
	arena_destroy(a);
}

static void vec_and_buf_grow(void **state)
{
	struct arena *a = arena_create();
	VEC(uint32_t) v = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, a);
	assert_string_equal(buf_str(&b), "");
	for (uint32_t i = 0; i < 1000; i++) {
		vec_push(a, &v, i * 7);
		buf_addf(&b, "%u,", i);
	}
	assert_int_equal(v.n, 1000);
	assert_int_equal(v.p[999], 6993);
	assert_string_equal(buf_str(&b) + b.n - 4, "999,");
	arena_destroy(a);
}

static void map_keeps_order_and_replaces(void **state)
{
	struct arena *a = arena_create();
	struct map *m = map_create(a), *numbers = map_create(a);
	static int values[500];
	const char *key;
	uint32_t it = 0;
	void *value;

	(void)state;
	for (int i = 0; i < 500; i++) {
		map_put(m, arena_printf(a, "k%d", i), &values[i]);
		map_put_u64(numbers, (uint64_t)i << 32, &values[i]);
	}
	map_put(m, "k7", &values[0]);
	assert_ptr_equal(map_find(m, "k7"), &values[0]);
	assert_ptr_equal(map_find(m, "k499"), &values[499]);
	assert_null(map_find(m, "k500"));
	assert_ptr_equal(map_find_u64(numbers, 3ull << 32), &values[3]);
	assert_int_equal(map_count(m), 500);
	for (int i = 0; map_next(m, &it, &key, &value); i++)
		assert_string_equal(key, arena_printf(a, "k%d", i));
	arena_destroy(a);
}

static void intern_gives_one_pointer_a_text(void **state)
{
	struct arena *a = arena_create();
	struct intern *in = intern_create(a);
	const char *first = intern(in, "abc", 3);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char *text = arena_printf(a, "n%d", i);

		assert_ptr_equal(intern(in, text, strlen(text)), intern(in, text, strlen(text)));
	}
	assert_ptr_equal(intern(in, "abcdef", 3), first);
	arena_destroy(a);
}

static void glob_and_near_names(void **state)
{
	static const char *const names[] = { "strlen", "substr", "printf" };

	(void)state;
	assert_true(base_glob("*", ""));
	assert_true(base_glob("a*c?[x-z]", "abbbcdy"));
	assert_false(base_glob("a*c?[x-z]", "abbbcd"));
	assert_true(base_glob("[!a]b", "bb"));
	assert_false(base_glob("[!a]b", "ab"));
	assert_true(base_glob("a[", "a["));
	assert_true(base_glob("a\\*", "a*"));
	assert_string_equal(base_near("strlne", names, 3), "strlen");
	assert_null(base_near("zzzzzz", names, 3));
}

static void diagnostics_render_with_caret(void **state)
{
	struct arena *a = arena_create();
	struct source_set *set = source_set_create(a);
	struct source *s = source_from_text(set, "<input>", "one\ntwo three\n", 14);
	struct diag_list l;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct diag *d;

	(void)state;
	diag_list_init(&l, a);
	d = diag_add(&l, DIAG_PARSE, (struct span){ s->id, 8, 5 }, "expected %s", "x");
	diag_note(&l, d, (struct span){ 0, 0, 0 }, "a note");
	diag_render(&l, set, f, false);
	fclose(f);
	assert_string_equal(text, "parse error: expected x at <input>:2:5 [parse]\n"
				  "    2 | two three\n      |     ^^^^^\n  note: a note\n");
	assert_int_equal(l.errors, 1);
	free(text);
	arena_destroy(a);
}

/* The message about bytes `at` to `end` of a text, after its first line. */
static void assert_rendered(const char *source, uint32_t at, uint32_t end, const char *want)
{
	struct arena *a = arena_create();
	struct source_set *set = source_set_create(a);
	struct source *s = source_from_text(set, "x", source, strlen(source));
	struct diag_list l;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	diag_list_init(&l, a);
	diag_add(&l, DIAG_PARSE, (struct span){ .source = s->id, .offset = at, .length = end - at }, "x");
	diag_render(&l, set, f, false);
	fclose(f);
	assert_string_equal(strchr(text, '\n') + 1, want);
	free(text);
	arena_destroy(a);
}

static void spans_of_several_lines_show_both_ends(void **state)
{
	(void)state;
	assert_rendered("a b\n  c d\n", 2, 7, "    1 | a b\n      |   ^\n    2 |   c d\n      |   ^\n");
	assert_rendered("one\ntwo\n  three()\n", 0, 15,
			"    1 | one\n      | ^^^\n  ... |\n    3 |   three()\n      |   ^^^^^\n");
	assert_rendered("ab\n\n", 1, 4, "    1 | ab\n      |  ^\n    2 | \n      | ^\n");
}

static void columns_are_as_wide_as_shown(void **state)
{
	(void)state;
	assert_rendered("\ta\tb", 3, 4, "    1 | \ta\tb\n      | \t \t^\n");
	assert_rendered("\xc3\xa9 b", 3, 4, "    1 | \xc3\xa9 b\n      |   ^\n");
	assert_rendered("\xe6\x97\xa5 b", 0, 3, "    1 | \xe6\x97\xa5 b\n      | ^^\n");
	assert_rendered("\xe6\x97\xa5 b", 4, 5, "    1 | \xe6\x97\xa5 b\n      |    ^\n");
	assert_rendered("\x1b[0m\xff", 4, 5, "    1 | ?[0m?\n      |     ^\n");
	assert_rendered("", 0, 1, "    1 | \n      | ^\n");
}

static int asked;

/* As what other processes write does, it changes. */
static int ask(void)
{
	return ++asked;
}

static void the_lesser_and_greater_are_asked_once(void **state)
{
	(void)state;
	assert_int_equal(base_min(ask(), 10), 1);
	assert_int_equal(base_max(0, ask()), 2);
	assert_int_equal(base_max(base_min(ask(), ask()), base_min(0, -1)), 3);
	assert_int_equal(asked, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(vec_and_buf_grow),
		cmocka_unit_test(map_keeps_order_and_replaces),
		cmocka_unit_test(intern_gives_one_pointer_a_text),
		cmocka_unit_test(glob_and_near_names),
		cmocka_unit_test(diagnostics_render_with_caret),
		cmocka_unit_test(spans_of_several_lines_show_both_ends),
		cmocka_unit_test(columns_are_as_wide_as_shown),
		cmocka_unit_test(the_lesser_and_greater_are_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
