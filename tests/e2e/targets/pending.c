/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that wait for the mask to be changed: their handler interrupts the system call that lets them in. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define KEEP __attribute__((noinline, noclone))
static volatile int n;

KEEP void on_signal(int sig)
{
	n += sig != 0;
}

KEEP void open_process(const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	n++;
}

KEEP void open_thread(const sigset_t *mask)
{
	pthread_sigmask(SIG_SETMASK, mask, NULL);
	n++;
}

int main(void)
{
	sigset_t one, before;

	signal(SIGUSR1, on_signal);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, &before);
	raise(SIGUSR1);
	open_process(&before);
	sigprocmask(SIG_BLOCK, &one, NULL);
	raise(SIGUSR1);
	open_thread(&before);
	printf("%d\n", n);
	return 0;
}
