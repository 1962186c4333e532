/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of maps and the rest of /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "proc/proc.h"
#include "tests.h"

static const char text[] =
	"00400000-00452000 r-xp 00001000 08:02 173521                             /usr/bin/a b\n"
	"garbage\n"
	"00651000-00652000 rw-s 00051000 08:02 173521 /usr/bin/x (deleted)\n"
	"00e03000-00e24000 rw-p 00000000 00:00 0                                  [heap]\n"
	"35b1800000-35b1820000 ---p 00000000 08:02 135522 /tmp/new\\012line\n"
	"7ffc0000-7ffb0000 r-xp 00000000 00:00 0\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]";

static void parses_every_form(void **state)
{
	struct arena *a = arena_create();
	struct proc_maps m;

	(void)state;
	proc_maps_parse(a, text, &m);
	assert_int_equal(m.n, 5);
	assert_int_equal(m.p[0].start, 0x400000);
	assert_int_equal(m.p[0].end, 0x452000);
	assert_int_equal(m.p[0].offset, 0x1000);
	assert_int_equal(m.p[0].inode, 173521);
	assert_true(m.p[0].readable && m.p[0].executable && !m.p[0].writable && !m.p[0].shared);
	assert_string_equal(m.p[0].path, "/usr/bin/a b");
	assert_true(m.p[1].deleted && m.p[1].shared && m.p[1].writable);
	assert_string_equal(m.p[1].path, "/usr/bin/x");
	assert_string_equal(m.p[2].path, "[heap]");
	assert_string_equal(m.p[3].path, "/tmp/new\nline");
	assert_string_equal(m.p[4].path, "[vsyscall]");
	assert_ptr_equal(proc_maps_find(&m, 0x651fff), &m.p[1]);
	assert_null(proc_maps_find(&m, 0x652000));
	assert_null(proc_maps_find(&m, 0));
	arena_destroy(a);
}

static void empty_text_is_no_map(void **state)
{
	struct arena *a = arena_create();
	struct proc_maps m;

	(void)state;
	proc_maps_parse(a, "", &m);
	assert_int_equal(m.n, 0);
	assert_null(proc_maps_find(&m, 0x1000));
	arena_destroy(a);
}

static void tells_about_this_process(void **state)
{
	struct arena *a = arena_create();
	struct proc_maps m;
	pid_t *list;
	uint32_t n;

	(void)state;
	assert_null(proc_maps_read(a, getpid(), &m));
	assert_non_null(proc_maps_find(&m, (uint64_t)&text));
	assert_int_equal(proc_auxiliary(getpid(), AT_PAGESZ), 4096);
	assert_int_equal(proc_auxiliary(getpid(), 4711), 0);
	assert_int_equal(proc_status_number(getpid(), "TracerPid", -1), 0);
	assert_int_equal(proc_status_number(getpid(), "NoSuchName", -7), -7);
	assert_int_equal(proc_pid_inside(getpid()), getpid());
	assert_int_equal(proc_pid_inside(0x7ffffffe), 0);
	assert_true(proc_heap_start(getpid()) != 0);
	assert_true(proc_heap_start(getpid()) <= (uint64_t)sbrk(0));
	assert_null(proc_threads_list(a, getpid(), &list, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list[0], getpid());
	assert_non_null(proc_maps_read(a, 0x3fffffff, &m));
	arena_destroy(a);
}

int run_maps_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_form),
		cmocka_unit_test(empty_text_is_no_map),
		cmocka_unit_test(tells_about_this_process),
	};

	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
