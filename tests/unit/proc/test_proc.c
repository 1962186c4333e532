/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping, remote calls and launching, on forked children that report how their own calls went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/proc.h"
#include "tests.h"

struct child {
	pid_t pid;
	int in, out; /* the tool's ends: to and from the child */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The body gets the child's ends; its result is the exit status. */
static struct child start(int (*body)(int in, int out))
{
	int to[2], from[2];
	struct child c;
	char ready;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	c.pid = fork();
	if (c.pid == 0) {
		close(to[1]);
		close(from[0]);
		alarm(20);
		_exit(write(from[1], "r", 1) == 1 ? body(to[0], from[1]) : 99);
	}
	close(to[0]);
	close(from[1]);
	c.in = to[1];
	c.out = from[0];
	assert_int_equal(read(c.out, &ready, 1), 1);
	usleep(20000);
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

static void ok(struct error *e)
{
	if (e)
		fail_msg("%s (%s)", error_text(e), e->hint ? e->hint : "");
}

/* One window with calls whose results are known. */
static void window(struct proc *p)
{
	int64_t result;
	uint64_t at;

	ok(proc_stop(p));
	ok(proc_remote_begin(p));
	ok(proc_remote_call(p, SYS_getpid, (uint64_t[6]){ 0 }, &result));
	assert_int_equal(result, p->pid);
	ok(proc_remote_call(p, SYS_close, (uint64_t[6]){ 12345 }, &result));
	assert_int_equal(result, -EBADF);
	ok(proc_remote_map(p, 0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at));
	assert_non_null(proc_remote_map(p, at, 4096, PROT_READ,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0,
					&at));
	ok(proc_remote_unmap(p, at, 8192));
	ok(proc_remote_end(p));
	ok(proc_release(p));
}

static void windows_on(int (*body)(int, int), int rounds, const char *send)
{
	struct arena *a = arena_create();
	struct child c = start(body);
	struct proc *p;
	int status;

	ok(proc_open(a, c.pid, &p));
	for (int i = 0; i < rounds; i++)
		window(p);
	if (send)
		assert_int_equal(write(c.in, send, strlen(send)), (ssize_t)strlen(send));
	status = finish(&c);
	proc_close(p);
	arena_destroy(a);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- bodies --------------------------------------------------------------------- */

static int sleeps(int in, int out)
{
	struct timespec t = { 0, 300000000 }, left = { 7, 7 };
	double begin = now(), took;

	(void)in, (void)out;
	if (nanosleep(&t, &left))
		return 1;
	took = now() - begin;
	return took < 0.3 || took > 1 ? 2 : 0;
}

static int reads(int in, int out)
{
	char c = 0;

	(void)out;
	return read(in, &c, 1) == 1 && c == 'x' ? 0 : 1;
}

static int polls(int in, int out)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	struct timespec t = { 5, 0 };
	sigset_t mask;

	(void)out;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	return ppoll(&p, 1, &t, &mask) == 1 && poll(&p, 1, 5000) == 1 ? 0 : 1;
}

static int waits_on_futex(int in, int out)
{
	uint32_t word = 1;
	struct timespec t = { 0, 300000000 };

	(void)in, (void)out;
	return syscall(SYS_futex, &word, FUTEX_WAIT, 1, &t, NULL, 0) == -1 && errno == ETIMEDOUT
		       ? 0
		       : 1;
}

static int spins(int in, int out)
{
	struct pollfd end = { .fd = in, .events = POLLIN };
	volatile uint64_t sum = 0, check = 0;

	(void)out;
	while (poll(&end, 1, 0) == 0)
		for (uint64_t i = 0; i < 1000000; i++) {
			sum += i * 3;
			check += i;
		}
	return sum == check * 3 ? 0 : 1;
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* A storm of signals with a handler, SIGTRAP ignored, and the mask as it was at the end. */
static int is_signalled(int in, int out)
{
	struct itimerval every = { { 0, 500 }, { 0, 500 } };
	struct sigaction trap;
	struct pollfd end = { .fd = in, .events = POLLIN };
	double begin = now();
	sigset_t mask, before;

	(void)out;
	signal(SIGTRAP, SIG_IGN);
	signal(SIGALRM, on_alarm);
	sigprocmask(SIG_SETMASK, NULL, &before);
	setitimer(ITIMER_REAL, &every, NULL);
	while (poll(&end, 1, 1) != 1 || now() - begin < 0.4)
		;
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	sigaction(SIGTRAP, NULL, &trap);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (memcmp(&mask, &before, 8) != 0)
		return 1;
	if (trap.sa_handler != SIG_IGN)
		return 2;
	return alarms > 100 ? 0 : 3;
}

static void remote_calls_leave_a_sleeper_alone(void **state)
{
	(void)state;
	windows_on(sleeps, 10, NULL);
}

static void remote_calls_leave_a_reader_alone(void **state)
{
	(void)state;
	windows_on(reads, 3, "x");
}

static void remote_calls_leave_a_poller_alone(void **state)
{
	(void)state;
	windows_on(polls, 3, "x");
}

static void remote_calls_leave_a_futex_waiter_alone(void **state)
{
	(void)state;
	windows_on(waits_on_futex, 5, NULL);
}

static void remote_calls_leave_a_spinner_alone(void **state)
{
	(void)state;
	windows_on(spins, 50, "e");
}

static void remote_calls_survive_a_storm_of_signals(void **state)
{
	(void)state;
	windows_on(is_signalled, 100, "e");
}

/* A process stopped by job control stays so, and goes on when told to. */
static void a_stopped_process_stays_stopped(void **state)
{
	struct arena *a = arena_create();
	struct child c = start(reads);
	struct proc *p;
	int status;

	(void)state;
	kill(c.pid, SIGSTOP);
	assert_int_equal(waitpid(c.pid, &status, WUNTRACED), c.pid);
	ok(proc_open(a, c.pid, &p));
	window(p);
	usleep(20000);
	assert_int_equal(proc_status_number(c.pid, "TracerPid", -1), 0);
	assert_int_equal(write(c.in, "x", 1), 1);
	usleep(20000);
	assert_int_equal(waitpid(c.pid, &status, WNOHANG), 0);
	kill(c.pid, SIGCONT);
	assert_int_equal(finish(&c), 0);
	proc_close(p);
	arena_destroy(a);
}

/* Stopped by job control while it makes calls for us, and, if `goes_on`, told to go on before the window ends. */
static void stop_in_window(bool goes_on)
{
	struct arena *a = arena_create();
	struct child c = start(reads);
	int status = 0, i;
	int64_t result;
	struct proc *p;

	ok(proc_open(a, c.pid, &p));
	ok(proc_stop(p));
	ok(proc_remote_begin(p));
	kill(c.pid, SIGSTOP);
	ok(proc_remote_call(p, SYS_getpid, (uint64_t[6]){ 0 }, &result));
	assert_int_equal(result, p->pid);
	if (goes_on)
		kill(c.pid, SIGCONT);
	ok(proc_remote_call(p, SYS_getpid, (uint64_t[6]){ 0 }, &result));
	assert_int_equal(result, p->pid);
	ok(proc_remote_end(p));
	ok(proc_release(p));
	assert_int_equal(write(c.in, "x", 1), 1);
	for (i = 0; i < 10000 && waitpid(c.pid, &status, WNOHANG | WUNTRACED) == 0; i++)
		usleep(1000);
	assert_true(i < 10000);
	assert_int_equal(WIFSTOPPED(status), !goes_on);
	kill(c.pid, SIGCONT);
	close(c.in);
	if (!goes_on)
		assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	close(c.out);
	assert_int_equal(status, 0);
	proc_close(p);
	arena_destroy(a);
}

static void a_process_is_stopped_in_a_window(void **state)
{
	(void)state;
	stop_in_window(false);
	stop_in_window(true);
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

static void descriptors_are_handed_over_and_memory_shared(void **state)
{
	struct arena *a = arena_create();
	struct child c = start(reads);
	uint32_t before = open_files(c.pid), word = 0;
	int fd = memfd_create("test", MFD_CLOEXEC), fds[2] = { fd, fd }, remote[2];
	struct proc_maps m1, m2;
	struct proc *p;
	uint64_t at;
	uint32_t *here;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	here = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(proc_open(a, c.pid, &p));
	ok(proc_maps_read(a, c.pid, &m1));
	ok(proc_stop(p));
	ok(proc_remote_begin(p));
	ok(proc_remote_send(p, fds, 2, remote));
	ok(proc_remote_map(p, 0, 4096, PROT_READ, MAP_SHARED, remote[1], 0, &at));
	ok(proc_remote_close(p, remote[0]));
	ok(proc_remote_close(p, remote[1]));
	*here = 0x12345678;
	assert_int_equal(proc_read(p, at, &word, 4), 4);
	assert_int_equal(word, 0x12345678);
	ok(proc_remote_unmap(p, at, 4096));
	ok(proc_remote_end(p));
	ok(proc_release(p));
	assert_int_equal(open_files(c.pid), before);
	ok(proc_maps_read(a, c.pid, &m2));
	assert_string_equal(m1.text, m2.text);
	assert_int_equal(write(c.in, "x", 1), 1);
	assert_int_equal(finish(&c), 0);
	munmap(here, 4096);
	close(fd);
	proc_close(p);
	arena_destroy(a);
}

/* ---- threads ------------------------------------------------------------------------- */

static volatile int leave;
static volatile uint64_t spun[64];

static void *spin(void *at)
{
	while (!leave)
		(*(volatile uint64_t *)at)++;
	return NULL;
}

static void *wait_thread(void *at)
{
	(void)at;
	while (!leave)
		usleep(500000);
	return NULL;
}

static int has_64_threads(int in, int out)
{
	pthread_t t[63];
	char c;

	for (int i = 0; i < 63; i++)
		if (pthread_create(&t[i], NULL, i < 4 ? spin : wait_thread, (void *)&spun[i]))
			return 1;
	if (write(out, "t", 1) != 1 || read(in, &c, 1) != 1)
		return 2;
	leave = 1;
	for (int i = 0; i < 63; i++)
		pthread_join(t[i], NULL);
	return 0;
}

static void stops_64_threads_quickly(void **state)
{
	struct arena *a = arena_create();
	struct child c = start(has_64_threads);
	double begin, best = 1;
	struct proc *p;
	char ready;

	(void)state;
	assert_int_equal(read(c.out, &ready, 1), 1);
	ok(proc_open(a, c.pid, &p));
	for (int i = 0; i < 5; i++) {
		begin = now();
		ok(proc_stop(p));
		assert_int_equal(p->threads.n, 64);
		ok(proc_release(p));
		best = base_min(best, now() - begin);
	}
	printf("stop and release of 64 threads: %.2f ms\n", best * 1e3);
	assert_true(best < 0.1);
	for (int i = 0; i < 3; i++)
		window(p);
	assert_int_equal(write(c.in, "x", 1), 1);
	assert_int_equal(finish(&c), 0);
	proc_close(p);
	arena_destroy(a);
}

/* Threads that come and go while the process is stopped again and again. */
static void *short_thread(void *at)
{
	return at;
}

static int breeds_threads(int in, int out)
{
	double begin = now();

	(void)in, (void)out;
	while (now() - begin < 0.4) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			if (pthread_create(&t[i], NULL, short_thread, NULL))
				return 1;
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	return 0;
}

static void stops_a_breeder_of_threads(void **state)
{
	(void)state;
	windows_on(breeds_threads, 30, NULL);
}

/* ---- launch ---------------------------------------------------------------------------- */

static void launch_stops_before_the_first_instruction(void **state)
{
	char *words[] = { (char *)"true", NULL };
	struct arena *a = arena_create();
	struct proc_maps m;
	struct proc *p;
	sigset_t none;
	int64_t result;

	(void)state;
	sigemptyset(&none);
	ok(proc_launch(a, &(struct proc_launch){ .words = words, .mask = &none }, &p));
	assert_true(p->stopped && p->is_child);
	ok(proc_maps_read(a, p->pid, &m));
	for (uint32_t i = 0; i < m.n; i++)
		assert_null(strstr(m.p[i].path, "libc.so"));
	ok(proc_remote_begin(p));
	ok(proc_remote_call(p, SYS_getppid, (uint64_t[6]){ 0 }, &result));
	assert_int_equal(result, getpid());
	ok(proc_remote_end(p));
	ok(proc_release(p));
	for (int i = 0; i < 1000 && !proc_has_ended(p); i++)
		usleep(1000);
	assert_true(p->ended);
	assert_int_equal(p->status, 0);
	proc_close(p);
	arena_destroy(a);
}

static void launch_failures_are_told(void **state)
{
	char *words[] = { (char *)"/nonexistent/program", NULL };
	struct arena *a = arena_create();
	struct proc *p;
	struct error *e = proc_launch(a, &(struct proc_launch){ .words = words }, &p);

	(void)state;
	assert_non_null(e);
	assert_int_equal(e->code, ERROR_NOT_FOUND);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	arena_destroy(a);
}

static void refusals_say_why(void **state)
{
	struct arena *a = arena_create();
	struct child c = start(reads);
	struct proc *p;
	struct error *e;
	siginfo_t info;

	(void)state;
	e = proc_open(a, 0x3fffffff, &p);
	assert_int_equal(e->code, ERROR_NO_PROCESS);
	assert_int_equal(write(c.in, "x", 1), 1);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	e = proc_open(a, c.pid, &p);
	assert_int_equal(e->code, ERROR_NO_PROCESS);
	assert_non_null(strstr(e->text, "zombie"));
	finish(&c);
	arena_destroy(a);
}

/* Advice by the number in the file, which this kernel need not have. */
static void scopes_are_told(void **state)
{
	static const char *const words[] = { NULL, "start the program with -c", "run as root", "nobody may trace" };
	char path[] = "/tmp/scope-XXXXXX", digit[] = "0\n";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_null(proc_scope_advice("/nowhere"));
	for (int i = 0; i < 4; i++) {
		const char *advice;

		digit[0] = (char)('0' + i);
		assert_int_equal(pwrite(fd, digit, 2, 0), 2);
		advice = proc_scope_advice(path);
		assert_true(!advice == !words[i]);
		if (advice)
			assert_non_null(strstr(advice, words[i]));
	}
	close(fd);
	unlink(path);
}

/* ---- a tool that dies ------------------------------------------------------------- */

/* Vector registers and short sleeps, until a byte comes: 1 if anything is not as it was left. */
static int floats(int in, int out)
{
	struct pollfd end = { .fd = in, .events = POLLIN };
	int bad = 0;

	(void)out;
	alarm(200);
	while (poll(&end, 1, 0) == 0) {
		struct timespec little = { 0, 500000 };
		uint64_t same = 0;

		__asm__ volatile("movq $0x1234567, %%rax\n movq %%rax, %%xmm7\n movq %%rax, %%xmm15\n"
				 "mov $3000000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
				 "movq %%xmm7, %%rax\n movq %%xmm15, %%rdx\n cmp %%rax, %%rdx\n jne 2f\n"
				 "cmp $0x1234567, %%rax\n jne 2f\n mov $1, %0\n 2:"
				 : "+r"(same)
				 :
				 : "rax", "rcx", "rdx", "xmm7", "xmm15", "cc");
		bad |= !same;
		bad |= nanosleep(&little, NULL) ? errno << 1 : 0;
	}
	return bad;
}

/* Makes remote calls until it is killed. */
static void work_on(pid_t pid)
{
	struct arena *a = arena_create();
	struct error *e;
	struct proc *p;

	alarm(20);
	e = proc_open(a, pid, &p);
	if (e) {
		dprintf(2, "the tool: %s\n", error_text(e));
		_exit(1);
	}
	for (;;) {
		int64_t result;

		e = proc_stop(p);
		if (!e)
			e = proc_remote_begin(p);
		for (int i = 0; !e && i < 5; i++)
			e = proc_remote_call(p, SYS_getpid, (uint64_t[6]){ 0 }, &result);
		if (!e)
			e = proc_release(p);
		if (e) {
			dprintf(2, "the tool: %s\n", error_text(e));
			_exit(1);
		}
	}
}

static void a_killed_tool_loses_no_thread(void **state)
{
	struct child c = start(floats);
	int status;

	(void)state;
	srandom(7);
	for (int i = 0; i < 40; i++) {
		pid_t tool = fork();

		if (tool == 0)
			work_on(c.pid);
		usleep((useconds_t)(3000 + random() % 5000));
		kill(tool, SIGKILL);
		assert_int_equal(waitpid(tool, &status, 0), tool);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(waitpid(c.pid, &status, WNOHANG), 0);
	}
	assert_int_equal(write(c.in, "e", 1), 1);
	status = finish(&c);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_calls_leave_a_sleeper_alone),
		cmocka_unit_test(remote_calls_leave_a_reader_alone),
		cmocka_unit_test(remote_calls_leave_a_poller_alone),
		cmocka_unit_test(remote_calls_leave_a_futex_waiter_alone),
		cmocka_unit_test(remote_calls_leave_a_spinner_alone),
		cmocka_unit_test(remote_calls_survive_a_storm_of_signals),
		cmocka_unit_test(a_stopped_process_stays_stopped),
		cmocka_unit_test(a_process_is_stopped_in_a_window),
		cmocka_unit_test(a_killed_tool_loses_no_thread),
		cmocka_unit_test(descriptors_are_handed_over_and_memory_shared),
		cmocka_unit_test(stops_64_threads_quickly),
		cmocka_unit_test(stops_a_breeder_of_threads),
		cmocka_unit_test(launch_stops_before_the_first_instruction),
		cmocka_unit_test(launch_failures_are_told),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(scopes_are_told),
	};

	return run_maps_tests() | cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
