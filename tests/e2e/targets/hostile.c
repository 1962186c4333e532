/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile KIND: calls work(i) in some awkward state until SIGTERM; then prints what it saw.
 *
 *	blocked		every signal blocked, in every thread
 *	handlers	own handlers of SIGSEGV, SIGBUS and SIGTRAP, each in use all the time
 *	overflow	runs off its stack again and again, and goes on by an alternate stack
 *	kill, refuse	under a seccomp filter that allows what it needs itself, and kills or refuses the rest
 *	private		not dumpable
 *	tiny		threads with the smallest stacks there are
 *	memfd		the probed function's copy runs from a memfd
 *	patcher		rewrites code of its own in writable and executable memory, and runs it
 *	vfork		waits for a child in vfork() nearly all the time
 *	checksum	adds up the text of work(); tells how often the sum changed back and forth
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORK_SIZE 32

static volatile sig_atomic_t stop;
static long wrong, rounds, seen;
static sigjmp_buf back;

__attribute__((noipa)) long work(long i)
{
	return i * 31 + 7;
}

static void check(long (*f)(long))
{
	wrong += f(rounds) != rounds * 31 + 7;
	rounds++;
	if (rounds % 256 == 0)
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

/* ---- signals */

static bool term_is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGTERM);
}

static void *blocked_thread(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!stop)
		check(work);
	return arg;
}

static void blocked(void)
{
	pthread_t t;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pthread_create(&t, NULL, blocked_thread, NULL);
	while (!term_is_pending())
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	stop = 1;
	pthread_join(t, NULL);
}

static void on_fault(int sig)
{
	seen++;
	wrong += work(5) != 162;
	if (sig == SIGTRAP)
		return;
	siglongjmp(back, 1);
}

static void handlers(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction a = { .sa_handler = on_fault };

	while (!stop) {
		for (int i = 0; i < 3; i++)
			sigaction(signals[i], &a, NULL);
		if (!sigsetjmp(back, 1))
			*(volatile int *)8 = 1;
		__asm__ volatile("int3");
		raise(SIGTRAP);
		if (!sigsetjmp(back, 1))
			raise(SIGBUS);
		check(work);
	}
}

static volatile int depth_wanted = 1;

__attribute__((noipa)) static long deep(long n)
{
	volatile char room[512];

	room[0] = (char)work(n);
	return depth_wanted ? deep(n + 1) + room[0] : room[0];
}

static void *overflow_thread(void *arg)
{
	stack_t s = { .ss_sp = malloc(65536), .ss_size = 65536 };

	sigaltstack(&s, NULL);
	while (!stop) {
		if (!sigsetjmp(back, 1))
			deep(0);
		check(work);
	}
	return arg;
}

static void overflow(void)
{
	struct sigaction a = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };
	pthread_attr_t attr;
	pthread_t t;

	sigaction(SIGSEGV, &a, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_create(&t, &attr, overflow_thread, NULL);
	pthread_join(t, NULL);
}

/* ---- confinement */

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void confine(uint32_t rest)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),     ALLOW(SYS_clock_nanosleep), ALLOW(SYS_nanosleep),
		ALLOW(SYS_exit_group), ALLOW(SYS_rt_sigreturn),	  ALLOW(SYS_restart_syscall),
		ALLOW(SYS_gettid),    ALLOW(SYS_getpid),	  ALLOW(SYS_newfstatat),
		BPF_STMT(BPF_RET | BPF_K, rest),
	};
	struct sock_fprog p = { sizeof code / sizeof *code, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		wrong++;
}

static void plain(void)
{
	while (!stop)
		check(work);
}

/* ---- stacks and code */

static void *tiny_thread(void *arg)
{
	check(work);
	return arg;
}

static void tiny(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	while (!stop) {
		if (pthread_create(&t, &attr, tiny_thread, NULL))
			wrong++;
		else
			pthread_join(t, NULL);
	}
}

static void memfd(void)
{
	int fd = memfd_create("code", 0);
	void *copy;

	if (write(fd, (const void *)(uintptr_t)work, WORK_SIZE) != WORK_SIZE)
		wrong++;
	copy = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	while (!stop) {
		check((long (*)(long))(uintptr_t)copy);
		check(work);
	}
}

static void patcher(void)
{
	uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (!stop) {
		int32_t n = (int32_t)rounds;

		code[0] = 0xb8;
		memcpy(code + 1, &n, 4);
		code[5] = 0xc3;
		wrong += ((int (*)(void))(uintptr_t)code)() != n;
		check(work);
	}
}

static unsigned sum_of_text(void)
{
	const volatile uint8_t *p = (const volatile uint8_t *)(uintptr_t)work;
	unsigned sum = 0;

	for (int i = 0; i < WORK_SIZE; i++)
		sum = sum * 31 + p[i];
	return sum;
}

static void checksum(void)
{
	unsigned first = sum_of_text(), last = first;

	while (!stop) {
		unsigned now = sum_of_text();

		seen += now != last;
		last = now;
		check(work);
	}
	wrong += last != first;
}

static void vforks(void)
{
	while (!stop) {
		pid_t child = vfork();

		if (child == 0) {
			usleep(500000);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		for (int i = 0; i < 300; i++)
			check(work);
	}
}

/* Text in anonymous memory, as servers have it that want large pages. */
static void large(void)
{
	unsigned long start = 0, end = 0;
	char line[512], mode[8];
	FILE *f = fopen("/proc/self/maps", "r");
	void *copy;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3 && (unsigned long)work >= start &&
		    (unsigned long)work < end)
			break;
	if (f)
		fclose(f);
	copy = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(copy, (void *)start, end - start);
	mprotect(copy, end - start, PROT_READ | PROT_EXEC);
	if (mremap(copy, end - start, end - start, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) != (void *)start)
		wrong++;
	madvise((void *)start, end - start, MADV_HUGEPAGE);
	plain();
}

static void private(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	plain();
}

static const struct {
	const char *name;
	void (*run)(void);
	uint32_t rest;
} kinds[] = {
	{ "blocked", blocked, 0 },   { "handlers", handlers, 0 },
	{ "overflow", overflow, 0 }, { "kill", plain, SECCOMP_RET_KILL_PROCESS },
	{ "refuse", plain, SECCOMP_RET_ERRNO | EPERM },
	{ "private", private, 0 },   { "tiny", tiny, 0 },
	{ "memfd", memfd, 0 },	     { "patcher", patcher, 0 },
	{ "checksum", checksum, 0 },
	{ "vfork", vforks, 0 },	     { "large", large, 0 },
};

int main(int argc, char **argv)
{
	struct sigaction a = { .sa_handler = on_term };

	sigaction(SIGTERM, &a, NULL);
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		puts("ready");
		fflush(stdout);
		if (kinds[i].rest)
			confine(kinds[i].rest);
		kinds[i].run();
		printf("rounds=%d seen=%d wrong=%ld\n", rounds > 0, seen > 0, wrong);
		return 0;
	}
	return 2;
}
