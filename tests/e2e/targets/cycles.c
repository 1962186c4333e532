/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's counter, emulated: rdpmc traps where there is none, the handler of SIGSEGV gives what this thread's counter has
 * and goes on behind it. The counter is a number of the thread's own: each call of work(n) adds n.
 *
 *	cycles calls N		N calls of work(3)
 *	cycles threads N	N threads after each other, 4 at a time, of 10 calls of work(7)
 *	cycles crowd N		N threads at once, of one call of work(7)
 *	cycles fork N		N children after each other, of 5 calls of work(11)
 *	cycles exec N		becomes itself with "calls N"
 *	cycles vfork N		N children of vfork that call work(13), each followed by a work(3)
 *	cycles full N		maps memory until the kernel refuses, then N calls of work(3)
 *	cycles confined N	work(3), then a filter that kills for perf_event_open, then a thread's 10 calls of work(7), and N of work(3)
 *	cycles busy		two threads call work(5) until SIGTERM, others come and go; then "wrong=0"
 *
 *	cycles page FILE INDEX CAPABILITIES	makes the page of a counter
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static __thread unsigned long counter __attribute__((tls_model("initial-exec")));
static volatile sig_atomic_t stop;
static unsigned long wrong;

static void emulate(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *code = (const unsigned char *)r[REG_RIP];

	(void)info;
	if (code[0] != 0x0f || code[1] != 0x33) {
		signal(sig, SIG_DFL);
		return;
	}
	if (r[REG_RCX] != 5)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	r[REG_RAX] = (greg_t)(counter & 0xffffffff);
	r[REG_RDX] = (greg_t)(counter >> 32 & 0xffff);
	r[REG_RIP] += 2;
}

__attribute__((noinline, noclone)) void work(unsigned long n)
{
	counter += n;
	__asm__ volatile("" : : : "memory");
}

static void *some(void *argument)
{
	for (int i = 0; i < 10; i++)
		work(7);
	return argument;
}

static pthread_barrier_t all_there;

static void *one(void *argument)
{
	work(7);
	pthread_barrier_wait(&all_there);
	return argument;
}

static void run_crowd(int n)
{
	pthread_t *t = calloc((size_t)n, sizeof *t);

	pthread_barrier_init(&all_there, NULL, (unsigned)n);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, one, NULL))
			exit(3);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
}

static void *many(void *argument)
{
	while (!stop) {
		work(5);
		usleep(200);
	}
	return argument;
}

static void run_threads(int n)
{
	pthread_t t[4];

	for (int i = 0; i < n; i += 4) {
		for (int j = 0; j < 4; j++)
			pthread_create(&t[j], NULL, some, NULL);
		for (int j = 0; j < 4; j++)
			pthread_join(t[j], NULL);
	}
}

static void run_children(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t child = fork();

		if (!child) {
			for (int j = 0; j < 5; j++)
				work(11);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

static void run_borrowers(int n)
{
	for (int i = 0; i < n; i++) {
		if (!vfork()) {
			work(13);
			_exit(0);
		}
		work(3);
	}
}

static void confine(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
				      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
				      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
				      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 4, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		perror("seccomp");
}

static void fill_maps(void)
{
	for (int i = 0;; i++)
		if (mmap(NULL, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			return;
}

static void run_confined(int n)
{
	pthread_t t;

	work(3);
	confine();
	pthread_create(&t, NULL, some, NULL);
	pthread_join(t, NULL);
	for (int i = 0; i < n; i++)
		work(3);
}

static int make_page(char **words)
{
	struct perf_event_mmap_page page = { .lock = 2, .offset = 1000, .pmc_width = 48 };
	static char rest[4096 - sizeof page];
	int fd = open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);

	page.index = (unsigned)atoi(words[1]);
	page.capabilities = (unsigned long)atoi(words[2]);
	return write(fd, &page, sizeof page) != sizeof page || write(fd, rest, sizeof rest) != sizeof rest;
}

static void end(int sig)
{
	(void)sig;
	stop = 1;
}

static int busy(void)
{
	pthread_t t[2];

	signal(SIGTERM, end);
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, many, NULL);
	while (!stop) {
		run_threads(4);
		usleep(2000);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("wrong=%lu\n", wrong);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	struct sigaction a = { .sa_sigaction = emulate, .sa_flags = SA_SIGINFO | SA_NODEFER };
	const char *what = argc > 1 ? argv[1] : "busy";
	int n = argc > 2 ? atoi(argv[2]) : 1;

	if (strcmp(what, "page") == 0)
		return make_page(argv + 2);
	sigaction(SIGSEGV, &a, NULL);
	if (strcmp(what, "busy") == 0)
		return busy();
	if (strcmp(what, "exec") == 0)
		execl("/proc/self/exe", argv[0], "calls", argv[2], NULL);
	if (strcmp(what, "full") == 0)
		fill_maps();
	if (strcmp(what, "calls") == 0 || strcmp(what, "full") == 0)
		for (int i = 0; i < n; i++)
			work(3);
	if (strcmp(what, "threads") == 0)
		run_threads(n);
	if (strcmp(what, "crowd") == 0)
		run_crowd(n);
	if (strcmp(what, "fork") == 0)
		run_children(n);
	if (strcmp(what, "vfork") == 0)
		run_borrowers(n);
	if (strcmp(what, "confined") == 0)
		run_confined(n);
	printf("%lu wrong=%lu\n", counter, wrong);
	return wrong != 0;
}
