/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits [stay]: waits with signal masks of its own, in every way that there is, and is interrupted by handlers that call look(8).
 * Prints what it saw of its masks. "stay": waits in sigsuspend and ppoll until SIGTERM, with all signals blocked but
 * SIGALRM, which comes every 20 ms and looks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static int ep, nested, jump, rounds;
static volatile sig_atomic_t stop;
static sigjmp_buf back;

__attribute__((noipa)) void look(const char *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

static void say_mask(const char *when)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	printf("%s: segv=%d bus=%d trap=%d usr1=%d alrm=%d\n", when, sigismember(&now, SIGSEGV), sigismember(&now, SIGBUS),
	       sigismember(&now, SIGTRAP), sigismember(&now, SIGUSR1), sigismember(&now, SIGALRM));
}

static int wait_by(int how, const sigset_t *mask)
{
	struct timespec limit = { 5, 0 };
	struct epoll_event event;

	switch (how) {
	case 0:
		return sigsuspend(mask);
	case 1:
		return ppoll(NULL, 0, &limit, mask);
	case 2:
		return pselect(0, NULL, NULL, NULL, &limit, mask);
	case 3:
		return epoll_pwait(ep, &event, 1, 5000, mask);
	default:
		return epoll_pwait2(ep, &event, 1, &limit, mask);
	}
}

static void on_signal(int sig)
{
	int saved = errno;

	look((const char *)8);
	printf("signal %d\n", sig);
	if (sig == SIGALRM) /* that its own is blocked in a handler of SIGTRAP is not told */
		say_mask("in the handler");
	if (sig == SIGALRM && nested) {
		struct timespec little = { 0, 1000000 };
		sigset_t none;

		nested = 0;
		sigemptyset(&none);
		printf("nested: %d\n", ppoll(NULL, 0, &little, &none));
		say_mask("after the nested");
	}
	errno = saved;
	if (jump)
		siglongjmp(back, 1);
}

static void alarm_soon(void)
{
	struct itimerval soon = { { 0, 0 }, { 0, 20000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void one(int how, int unblocked, int raised, const char *what)
{
	sigset_t mask;
	int result;

	sigfillset(&mask);
	sigdelset(&mask, SIGALRM);
	if (unblocked)
		sigdelset(&mask, unblocked);
	printf("-- %d %s\n", how, what);
	if (raised)
		raise(raised);
	alarm_soon();
	result = wait_by(how, &mask);
	printf("result=%d %s\n", result, strerror(errno));
	say_mask("after");
}

static void *in_thread(void *arg)
{
	for (int how = 0; how < 5; how++) {
		one(how, 0, 0, "all blocked");
		one(how, SIGTRAP, SIGTRAP, "a pending one comes");
		nested = 1;
		one(how, SIGSEGV, 0, "nested");
		one(how, 0, SIGTRAP, "stays pending");
		one(how, SIGTRAP, 0, "comes late");
	}
	return arg;
}

/* Out of the wait by siglongjmp, without and with the mask. */
static void jumps(void)
{
	for (int with = 0; with < 2; with++) {
		jump = 1;
		if (!sigsetjmp(back, with))
			one(1, 0, 0, "jump");
		jump = 0;
		say_mask("jumped");
	}
}

static void on_tick(int sig)
{
	(void)sig;
	rounds++;
	look((const char *)8);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static int stay(void)
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	sigset_t mask;

	sigfillset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigdelset(&mask, SIGALRM);
	sigdelset(&mask, SIGTERM);
	signal(SIGALRM, on_tick);
	signal(SIGTERM, on_term);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	setitimer(ITIMER_REAL, &often, NULL);
	while (!stop)
		wait_by(rounds % 5, &mask);
	say_mask("end");
	printf("rounds=%d\n", rounds > 10);
	return 0;
}

int main(int argc, char **argv)
{
	static const int all[] = { SIGSEGV, SIGBUS, SIGTRAP, SIGUSR1, SIGALRM };
	pthread_t t;
	sigset_t mask;

	(void)argv;
	ep = epoll_create1(0);
	if (argc > 1)
		return stay();
	for (int i = 0; i < 5; i++)
		signal(all[i], on_signal);
	sigfillset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	jumps();
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	in_thread(NULL);
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	return 0;
}
