/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals [bad]: blocks every signal, then handles SIGSEGV, SIGBUS and SIGTRAP itself
 * in all their forms and prints what it saw. look(p) is called with good and bad pointers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int handled[65];
static void *volatile last_address;
static volatile int on_alternate;
static char alternate[65536];

__attribute__((noinline)) void look(const char *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	char here;

	(void)context;
	handled[sig]++;
	last_address = info->si_addr;
	on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
	look((const char *)8); /* a probe that faults inside a fault handler */
	if (sig != SIGTRAP)
		siglongjmp(back, 1);
}

static void install(int sig, int flags)
{
	struct sigaction a, old;

	memset(&a, 0, sizeof a);
	a.sa_sigaction = on_fault;
	a.sa_flags = SA_SIGINFO | flags;
	sigfillset(&a.sa_mask);
	sigaction(sig, &a, NULL);
	sigaction(sig, NULL, &old);
	printf("handler of %d kept=%d flags=%x mask=%d%d\n", sig, old.sa_sigaction == on_fault,
	       old.sa_flags & ~0x4000000, sigismember(&old.sa_mask, SIGSEGV), sigismember(&old.sa_mask, SIGUSR1));
}

static void say_mask(const char *when)
{
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	printf("%s: segv=%d bus=%d trap=%d usr1=%d\n", when, sigismember(&now, SIGSEGV), sigismember(&now, SIGBUS),
	       sigismember(&now, SIGTRAP), sigismember(&now, SIGUSR1));
}

static void null_read(void)
{
	if (!sigsetjmp(back, 1))
		*(volatile int *)(uintptr_t)16 = 1;
	printf("segv %d at %p alternate=%d\n", handled[SIGSEGV], last_address, on_alternate);
}

static void bus_read(void)
{
	char name[] = "/tmp/spile-signals-XXXXXX";
	int fd = mkstemp(name);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	unlink(name);
	if (!sigsetjmp(back, 1))
		(void)*p;
	printf("bus %d same=%d\n", handled[SIGBUS], last_address == (void *)p);
	look((const char *)p);
}

static void child_dies(const char *how)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGTRAP, SIG_DFL);
		look("child");
		look((const char *)24);
		if (*how == 's')
			*(volatile int *)(uintptr_t)16 = 1;
		if (*how == 't')
			__asm__ volatile("int3");
		if (*how == 'k')
			kill(getpid(), SIGSEGV);
		_exit(3);
	}
	waitpid(child, &status, 0);
	printf("child %s: signal %d\n", how, WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

static void *thread(void *arg)
{
	look("thread");
	look((const char *)32);
	null_read();
	return arg;
}

int main(void)
{
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof alternate };
	pthread_t t;
	sigset_t all;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigfillset(&all);
	say_mask("start");
	sigprocmask(SIG_BLOCK, &all, NULL);
	say_mask("all blocked");
	for (int i = 0; i < 3; i++)
		look((const char *)(uintptr_t)(8 * i));
	look("good");
	kill(getpid(), SIGSEGV); /* stays pending */
	sigaltstack(&ss, NULL);
	install(SIGSEGV, SA_ONSTACK);
	install(SIGBUS, 0);
	install(SIGTRAP, SA_NODEFER);
	sigemptyset(&all);
	if (!sigsetjmp(back, 1))
		sigprocmask(SIG_SETMASK, &all, NULL);
	sigprocmask(SIG_SETMASK, &all, NULL);
	printf("pending segv came: %d\n", handled[SIGSEGV]);
	say_mask("none blocked");
	null_read();
	null_read();
	bus_read();
	__asm__ volatile("int3");
	raise(SIGTRAP);
	printf("trap %d\n", handled[SIGTRAP]);
	install(SIGSEGV, SA_RESETHAND);
	null_read();
	install(SIGSEGV, 0);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	child_dies("segv");
	child_dies("trap");
	child_dies("kill");
	signal(SIGSEGV, SIG_IGN);
	kill(getpid(), SIGSEGV);
	look((const char *)40);
	puts("done");
	return 0;
}
