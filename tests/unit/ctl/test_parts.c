/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of ctl that need no process: the image, layouts, relocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/code.h"
#include "ctl/file_calls.h"
#include "ctl/folder.h"
#include "ctl/hook_sites.h"
#include "ctl/life_sites.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"
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

static struct life_sites sites_in(struct arena *a, const uint8_t *bytes, size_t size)
{
	struct life_sites found = { 0 };

	life_sites_find(a, bytes, size, 0x1000, &found);
	return found;
}

static void calls_without_a_number_of_32_bits(void **state)
{
	/* musl: xor %eax,%eax; mov $56,%al; mov %rdi,%r11; syscall; test %eax,%eax */
	static const uint8_t clone[] = { 0x31, 0xc0, 0xb0, 0x38, 0x49, 0x89, 0xfb, 0x0f, 5, 0x85, 0xc0, 0x90, 0x90, 0x90 };
	/* a jump in between */
	static const uint8_t broken[] = { 0x31, 0xc0, 0xb0, 0x38, 0xeb, 0, 0x0f, 5, 0x85, 0xc0, 0x90, 0x90, 0x90 };
	/* Go: pop %r12; syscall; push %r12; cmp */
	static const uint8_t vfork[] = { 0x41, 0x5c, 0x0f, 5, 0x41, 0x54, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff };
	struct arena *a = arena_create();
	struct life_sites found = sites_in(a, clone, sizeof clone);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].address, 0x1009);
	assert_int_equal(found.list.p[0].hook, LIFE_AFTER_CLONE);
	assert_int_equal(found.list.p[0].number, 56);
	assert_int_equal(sites_in(a, broken, sizeof broken).list.n, 0);
	found = sites_in(a, vfork, sizeof vfork);
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].address, 0x1004);
	assert_int_equal(found.list.p[0].number, 58);
	arena_destroy(a);
}

/* mov $60,%edx; mov %edx,%eax; syscall; the second number is cut off */
static void ends_by_another_register(void **state)
{
	static const uint8_t code[] = { 0xba, 60, 0, 0, 0, 0x31, 0xff, 0x89, 0xd0, 0x0f, 5, 0xf4, 0xba, 0xe7, 0, 0, 0 };
	struct arena *a = arena_create();
	struct life_sites found = sites_in(a, code, sizeof code);

	(void)state;
	assert_int_equal(found.list.n, 1);
	assert_int_equal(found.list.p[0].address, 0x1007);
	assert_int_equal(found.list.p[0].hook, LIFE_BEFORE_EXIT);
	for (size_t n = 0; n < sizeof code; n++)
		sites_in(a, code, n);
	arena_destroy(a);
}

static void calls_are_found_to_the_last_byte(void **state)
{
	static const uint8_t code[] = { 0x0f, 0x05, 0x05, 0x0f, 0x0f, 0x05, 0x90, 0x0f, 0x05 };

	(void)state;
	assert_int_equal(hook_sites_next(code, sizeof code, 0), 0);
	assert_int_equal(hook_sites_next(code, sizeof code, 1), 4);
	assert_int_equal(hook_sites_next(code, sizeof code, 5), 7);
	assert_int_equal(hook_sites_next(code, sizeof code - 1, 5), sizeof code - 1);
	assert_int_equal(hook_sites_next(code, sizeof code, 8), sizeof code);
	assert_int_equal(hook_sites_next(code, sizeof code, 9), sizeof code);
	assert_int_equal(hook_sites_next(code, 0, 0), 0);
}

static void what_is_known_is_of_one_mapping(void **state)
{
	struct ctl_session s = { .arena = arena_create() };
	const struct elf_file file = { .changed = 7 }, written_over = { .changed = 8 };
	const struct proc_map m = { .start = 0x1000, .end = 0x3000, .offset = 0x1000, .device = 1, .inode = 2 };
	const struct proc_map elsewhere = { .start = 0x8000, .end = 0xa000, .offset = 0x1000, .device = 1, .inode = 2 };
	struct proc_map other;
	struct ctl_file_calls *c = ctl_file_calls_of(&s, &m, &file);

	(void)state;
	assert_ptr_equal(ctl_file_calls_of(&s, &elsewhere, &file), c);
	assert_ptr_not_equal(ctl_file_calls_of(&s, &m, &written_over), c);
	assert_ptr_not_equal(ctl_file_calls_of(&s, &m, NULL), c);
	other = m, other.device++;
	assert_ptr_not_equal(ctl_file_calls_of(&s, &other, &file), c);
	other = m, other.inode++;
	assert_ptr_not_equal(ctl_file_calls_of(&s, &other, &file), c);
	other = m, other.offset++;
	assert_ptr_not_equal(ctl_file_calls_of(&s, &other, &file), c);
	other = m, other.end++;
	assert_ptr_not_equal(ctl_file_calls_of(&s, &other, &file), c);
	assert_ptr_equal(ctl_file_calls_of(&s, &m, &file), c);
	assert_int_equal(s.file_calls.n, 7);
	arena_destroy(s.arena);
}

/* Large pages, or a change of protection, cut a segment's mapping in pieces. */
static void a_bias_by_any_piece(void **state)
{
	const struct elf_segment segments[] = { { .address = 0, .file_offset = 0, .file_size = 0x1000, .memory_size = 0x1000 },
						{ .address = 0x402000, .file_offset = 0x2000, .file_size = 0x5000,
						  .memory_size = 0x5000, .executable = true } };
	const struct elf_file f = { .segments = segments, .n_segments = 2 };
	struct proc_map m = { .start = 0x10002000, .end = 0x10007000, .offset = 0x2000 };
	uint64_t bias;

	(void)state;
	assert_true(ctl_bias_in(&f, &m, &bias));
	assert_int_equal(bias, 0x10002000 - 0x402000);
	m.start += 0x1000, m.offset += 0x1000;
	assert_true(ctl_bias_in(&f, &m, &bias));
	assert_int_equal(bias, 0x10002000 - 0x402000);
	m.start -= 0x2000, m.offset -= 0x2000; /* from in front of the segment on */
	assert_true(ctl_bias_in(&f, &m, &bias));
	assert_int_equal(bias, 0x10002000 - 0x402000);
	m.offset = 0x9000;
	assert_false(ctl_bias_in(&f, &m, &bias));
}

static void not_called(void *user, const struct patch_call *c, const struct bundle_site *function)
{
	(void)user;
	(void)c;
	(void)function;
	fail();
}

/* Others may run the file still, which has no name any more: nothing was learned of it. */
static void nothing_is_known_by_a_process_that_ended(void **state)
{
	static const uint8_t code[ABI_PAGE];
	struct arena *a = arena_create();
	struct ctl_session s = { .arena = a, .scratch = arena_create(), .elf = elf_cache_create(a) };
	struct proc proc = { .arena = a, .memory = -1 };
	struct ctl_process p = { .session = &s, .arena = a, .proc = &proc, .space = patch_space_create(a) };
	const struct proc_map m = { .start = (uintptr_t)code, .end = (uintptr_t)code + sizeof code, .inode = 2,
				    .executable = true, .deleted = true, .path = "/no/such/file" };

	(void)state;
	ctl_syscalls_each_open(&p, &m, not_called, NULL);
	assert_null(s.file_calls.p[0]->all);
	proc.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ctl_syscalls_each_open(&p, &m, not_called, NULL);
	assert_non_null(s.file_calls.p[0]->all);
	assert_int_equal(s.file_calls.n, 1);
	close(proc.memory);
	elf_cache_destroy(s.elf);
	arena_destroy(s.scratch);
	arena_destroy(a);
}

/* A tool that is stopped in a window leaves its target stopped: that waits, as the end does. */
static void nothing_stops_a_window(void **state)
{
	static const int signals[] = { SIGTSTP, SIGTTOU, SIGTTIN, SIGINT, SIGQUIT, SIGCHLD };
	sigset_t before, within, behind;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	ctl_window_open();
	sigprocmask(SIG_BLOCK, NULL, &within);
	ctl_window_close();
	sigprocmask(SIG_BLOCK, NULL, &behind);
	for (size_t i = 0; i < base_count(signals); i++) {
		assert_true(sigismember(&within, signals[i]));
		assert_int_equal(sigismember(&before, signals[i]), sigismember(&behind, signals[i]));
	}
}

/* 0: each was there, and ours. */
static int come_and_go(void)
{
	for (int i = 0; i < 300; i++) {
		struct arena *a = arena_create();
		struct ctl_folder f;
		struct stat st, locked;
		bool good = !ctl_folder_make(a, &f) && f.lock >= 0 && stat(f.path, &st) == 0 && fstat(f.lock, &locked) == 0 &&
			    st.st_ino == locked.st_ino;

		ctl_folder_remove(&f);
		arena_destroy(a);
		if (!good)
			return 1;
	}
	return 0;
}

/* Whoever comes removes what others have left, but nothing that another makes at that moment. */
static void folders_of_many_tools(void **state)
{
	char run[] = "/tmp/spile-run-XXXXXX", base[64];
	int status, failed = 0;

	(void)state;
	assert_non_null(mkdtemp(run));
	setenv("XDG_RUNTIME_DIR", run, 1);
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			_exit(come_and_go());
	while (wait(&status) > 0)
		failed += status != 0;
	assert_int_equal(failed, 0);
	unsetenv("XDG_RUNTIME_DIR");
	snprintf(base, sizeof base, "%s/spile", run);
	assert_int_equal(rmdir(base), 0);
	assert_int_equal(rmdir(run), 0);
}

int run_parts_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_has_its_symbols),
		cmocka_unit_test(a_damaged_image_is_refused),
		cmocka_unit_test(relocations_give_addresses),
		cmocka_unit_test(unknown_runtime_functions_are_told),
		cmocka_unit_test(calls_without_a_number_of_32_bits),
		cmocka_unit_test(ends_by_another_register),
		cmocka_unit_test(calls_are_found_to_the_last_byte),
		cmocka_unit_test(what_is_known_is_of_one_mapping),
		cmocka_unit_test(a_bias_by_any_piece),
		cmocka_unit_test(nothing_is_known_by_a_process_that_ended),
		cmocka_unit_test(nothing_stops_a_window),
		cmocka_unit_test(folders_of_many_tools),
	};

	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
