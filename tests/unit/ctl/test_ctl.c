/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions with bundles made by hand: launched and attached, PIE, not PIE and static. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "elf/elf.h"
#include "proc/proc.h"
#include "tests.h"

#define PIE_TEXT TARGETS "/ctl_target_pie"
static const char *const kinds[] = { PIE_TEXT, TARGETS "/ctl_target_nopie",
				     TARGETS "/ctl_target_static" };
#define PIE PIE_TEXT

struct result {
	char *out, *err;
	size_t n_out, n_err;
	int status;
	struct error *error;
};

static struct result run(struct arena *a, struct ctl_options *o)
{
	struct result r = { 0 };

	o->arena = a;
	o->out = open_memstream(&r.out, &r.n_out);
	o->err = open_memstream(&r.err, &r.n_err);
	r.error = ctl_run(o, &r.status);
	fclose(o->out);
	fclose(o->err);
	if (getenv("SHOW"))
		fprintf(stderr, "%s%s%s\n", r.out, r.err, r.error ? error_text(r.error) : "");
	return r;
}

static void done(struct arena *a, struct result *r)
{
	free(r->out);
	free(r->err);
	arena_destroy(a);
}

static void ok(const struct error *e)
{
	if (e)
		fail_msg("%s (%s)", error_text(e), e->hint ? e->hint : "");
}

static struct result launch(struct arena *a, struct bundle *b, const char *path, const char *what,
			    const char *arg)
{
	char *words[] = { (char *)path, (char *)what, (char *)arg, NULL };
	struct ctl_options o = { .bundle = b, .command = words, .verbose = getenv("SHOW") != NULL };

	return run(a, &o);
}

/* ---- launched ---------------------------------------------------------------------- */

static void counts_calls_of_a_launched_program(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(kinds); i++) {
		struct arena *a = arena_create();
		struct bundle *b = made_bundle(a);
		struct result r;

		assert_true(made_bundle_add(b, kinds[i], "work"));
		r = launch(a, b, kinds[i], "call", "1000");
		ok(r.error);
		assert_string_equal(r.out, "count 1000\n");
		assert_string_equal(r.err, "");
		assert_int_equal(r.status, 0);
		done(a, &r);
	}
}

static void tells_how_the_child_ended(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct result r;

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	r = launch(a, b, PIE, "exit", "3");
	ok(r.error);
	assert_string_equal(r.out, "count 1\n");
	assert_string_equal(r.err, "WARNING: Child process exited with status 3\n");
	assert_int_equal(r.status, 1);
	free(r.out);
	free(r.err);
	r = launch(a, b, PIE, "abort", NULL);
	ok(r.error);
	assert_string_equal(r.out, "count 1\n");
	assert_string_equal(r.err, "WARNING: Child process exited with signal 6 (SIGABRT)\n");
	assert_int_equal(r.status, 1);
	done(a, &r);
}

static void a_missing_program_is_an_error(void **state)
{
	struct arena *a = arena_create();
	struct result r = launch(a, made_bundle(a), "/nonexistent/program", NULL, NULL);

	(void)state;
	assert_non_null(r.error);
	assert_string_equal(r.out, "");
	done(a, &r);
}

static void follows_libraries_that_come_and_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct arena *a = arena_create();
		struct bundle *b = made_bundle(a);
		struct result r;

		assert_true(made_bundle_add(b, TARGETS "/libctl_plugin.so", "plugged"));
		r = launch(a, b, kinds[i], "plugin", TARGETS "/libctl_plugin.so");
		ok(r.error);
		assert_string_equal(r.out, "count 9\n");
		assert_string_equal(r.err, "");
		assert_int_equal(r.status, 0);
		done(a, &r);
	}
}

static void counts_in_forked_children(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct result r;

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	r = launch(a, b, PIE, "fork", NULL);
	ok(r.error);
	assert_string_equal(r.out, "count 11\n");
	done(a, &r);
}

static void libraries_of_forked_children_are_probed(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct result r;

	(void)state;
	assert_true(made_bundle_add(b, TARGETS "/libctl_plugin.so", "plugged"));
	r = launch(a, b, PIE, "forkload", TARGETS "/libctl_plugin.so");
	ok(r.error);
	assert_string_equal(r.out, "count 9\n");
	assert_int_equal(r.status, 0);
	done(a, &r);
}

/* Children of the shell, in a pipeline and in the background, and what it becomes itself. */
static void follows_the_shell_in_front(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct result r;

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	r = launch(a, b, "/bin/sh", "-c",
		   PIE_TEXT " call 10 | cat > /dev/null; " PIE_TEXT
			    " call 100 & wait; exec " PIE_TEXT " exit 3");
	ok(r.error);
	assert_string_equal(r.out, "count 111\n");
	assert_string_equal(r.err, "WARNING: Child process exited with status 3\n");
	assert_int_equal(r.status, 1);
	done(a, &r);
}

static void survives_an_exec(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct result r;

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	r = launch(a, b, PIE, "exec", NULL);
	ok(r.error);
	assert_int_equal(r.status, 0);
	done(a, &r);
}

static void runs_without_a_target(void **state)
{
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct ctl_options o = { .bundle = b };
	struct result r;

	(void)state;
	made_bundle_end_after(b, 20000000);
	r = run(a, &o);
	ok(r.error);
	assert_string_equal(r.out, "count 0\n");
	done(a, &r);
}

/* ---- attached ------------------------------------------------------------------------- */

struct child {
	pid_t pid;
	int in, out;
};

static struct child start(const char *path, const char *what, const char *arg)
{
	int to[2], from[2];
	struct child c;
	char line[16];

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	c.pid = fork();
	if (c.pid == 0) {
		alarm(60);
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl(path, path, what, arg, NULL);
		_exit(99);
	}
	close(to[0]);
	close(from[1]);
	c.in = to[1];
	c.out = from[0];
	assert_int_equal(read(c.out, line, sizeof line), 6);
	return c;
}

static int finish(struct child *c)
{
	int status;

	close(c->in);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	close(c->out);
	return status;
}

static uint32_t open_files(pid_t pid)
{
	char path[64];
	uint32_t n = 0;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Every executable byte of the program as in its file. */
static void text_is_as_in_file(struct arena *a, pid_t pid, const char *path)
{
	struct elf_cache *c = elf_cache_create(a);
	struct proc_maps m;
	struct elf_file *f;
	struct proc *p;

	ok(elf_open(c, path, &f));
	ok(proc_open(a, pid, &p));
	ok(proc_maps_read(a, pid, &m));
	for (uint32_t i = 0; i < m.n; i++) {
		size_t n = (size_t)(m.p[i].end - m.p[i].start);
		uint8_t *bytes;

		if (!m.p[i].executable || strcmp(m.p[i].path, path) != 0)
			continue;
		n = base_min(n, f->image_size - (size_t)m.p[i].offset);
		bytes = arena_alloc(a, n);
		assert_int_equal(proc_read(p, m.p[i].start, bytes, n), n);
		assert_memory_equal(bytes, f->image + m.p[i].offset, n);
	}
	proc_close(p);
	elf_cache_destroy(c);
}

static void is_left_alone(struct arena *a, pid_t pid, const char *path, uint32_t files)
{
	struct proc_maps m;

	assert_int_equal(proc_status_number(pid, "TracerPid", -1), 0);
	assert_int_equal(open_files(pid), files);
	ok(proc_maps_read(a, pid, &m));
	assert_null(strstr(m.text, "memfd:spile"));
	text_is_as_in_file(a, pid, path);
}

static void attach_rounds(const char *path, const char *threads, int rounds)
{
	struct child c = start(path, "spin", threads);
	uint32_t files = open_files(c.pid);

	for (int i = 0; i < rounds; i++) {
		struct arena *a = arena_create();
		struct bundle *b = made_bundle(a);
		struct ctl_options o = { .bundle = b,
					 .pids = &(uint32_t){ (uint32_t)c.pid }, .n_pids = 1,
					 .verbose = getenv("SHOW") != NULL };
		struct result r;
		long count = 0;

		assert_true(made_bundle_add(b, path, "work"));
		made_bundle_end_after(b, 100000000); /* on a busy machine a thread waits for its turn */
		r = run(a, &o);
		ok(r.error);
		assert_int_equal(sscanf(r.out, "count %ld", &count), 1);
		assert_true(count > 100);
		if (!o.verbose)
			assert_string_equal(r.err, "");
		assert_int_equal(r.status, 0);
		is_left_alone(a, c.pid, path, files);
		done(a, &r);
	}
	assert_int_equal(finish(&c), 0);
}

static void attaches_to_one_thread(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(kinds); i++)
		attach_rounds(kinds[i], "1", 5);
}

static void attaches_to_64_threads(void **state)
{
	(void)state;
	attach_rounds(PIE, "64", 5);
}

/* Patched, and some time after: busy machines take long for both. */
static void await_session(pid_t pid)
{
	char path[64], line[512];
	bool there = false;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	for (int i = 0; i < 1000 && !there; i++) {
		FILE *f = fopen(path, "re");

		while (f && !there && fgets(line, sizeof line, f))
			there = strstr(line, "memfd:spile:code") != NULL;
		if (f)
			fclose(f);
		usleep(10000);
	}
	usleep(200000);
}

static void a_killed_target_loses_nothing(void **state)
{
	struct child c = start(PIE, "spin", "2");
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct ctl_options o = { .bundle = b, .pids = &(uint32_t){ (uint32_t)c.pid }, .n_pids = 1 };
	struct result r;
	long count = 0;
	pid_t killer;

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	killer = fork();
	if (killer == 0) {
		await_session(c.pid);
		kill(c.pid, SIGKILL);
		_exit(0);
	}
	r = run(a, &o);
	ok(r.error);
	assert_int_equal(sscanf(r.out, "count %ld", &count), 1);
	assert_true(count > 100);
	assert_int_equal(r.status, 0);
	waitpid(killer, NULL, 0);
	assert_int_equal(WTERMSIG(finish(&c)), SIGKILL);
	done(a, &r);
}

/* As Control-C would: the target runs on, untouched. */
static void an_interrupt_leaves_the_target(void **state)
{
	struct child c = start(PIE, "spin", "4");
	uint32_t files = open_files(c.pid);
	struct arena *a = arena_create();
	struct bundle *b = made_bundle(a);
	struct ctl_options o = { .bundle = b, .pids = &(uint32_t){ (uint32_t)c.pid }, .n_pids = 1 };
	struct result r;
	pid_t killer, self = getpid();

	(void)state;
	assert_true(made_bundle_add(b, PIE, "work"));
	killer = fork();
	if (killer == 0) {
		usleep(200000);
		kill(self, SIGINT);
		_exit(0);
	}
	r = run(a, &o);
	ok(r.error);
	assert_int_equal(r.status, 0);
	is_left_alone(a, c.pid, PIE, files);
	waitpid(killer, NULL, 0);
	assert_int_equal(finish(&c), 0);
	done(a, &r);
}

static void a_gone_process_is_an_error(void **state)
{
	struct arena *a = arena_create();
	struct ctl_options o = { .bundle = made_bundle(a), .pids = &(uint32_t){ 0x3fffffff }, .n_pids = 1 };
	struct result r = run(a, &o);

	(void)state;
	assert_non_null(r.error);
	assert_int_equal(r.error->code, ERROR_NO_PROCESS);
	done(a, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_without_a_target),
		cmocka_unit_test(counts_calls_of_a_launched_program),
		cmocka_unit_test(tells_how_the_child_ended),
		cmocka_unit_test(a_missing_program_is_an_error),
		cmocka_unit_test(follows_libraries_that_come_and_go),
		cmocka_unit_test(counts_in_forked_children),
		cmocka_unit_test(libraries_of_forked_children_are_probed),
		cmocka_unit_test(follows_the_shell_in_front),
		cmocka_unit_test(survives_an_exec),
		cmocka_unit_test(attaches_to_one_thread),
		cmocka_unit_test(attaches_to_64_threads),
		cmocka_unit_test(a_killed_target_loses_nothing),
		cmocka_unit_test(an_interrupt_leaves_the_target),
		cmocka_unit_test(a_gone_process_is_an_error),
	};

	return run_parts_tests() | cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
