/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forker: calls `place_0` to `place_255`, which lie 64 bytes apart from the address that it tells, until SIGTERM. At SIGUSR1 it
 * forks a child that does the same. The places give twice their argument.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES 256
#define STRIDE 64

__asm__(".pushsection .text.places,\"ax\",@progbits\n.balign 64, 0xcc\n.globl places\nplaces:\n"
	".altmacro\n.macro place n\n.balign 64, 0xcc\n.type place_\\n, @function\n.globl place_\\n\nplace_\\n:\n"
	"push %rbp\nmov %rsp,%rbp\nlea (%rdi,%rdi),%eax\npop %rbp\nret\n.size place_\\n, . - place_\\n\n.endm\n"
	".set i, 0\n.rept 256\nplace %i\n.set i, i + 1\n.endr\n.noaltmacro\n.popsection");
extern const char places[];

static volatile sig_atomic_t stop, wanted;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		stop = 1;
	else
		wanted = 1;
}

static long call_all(void)
{
	long wrong = 0;

	for (int i = 0; i < PLACES; i++)
		wrong += ((int (*)(int))(places + i * STRIDE))(21) != 42;
	usleep(1000);
	return wrong;
}

static int child(void)
{
	long wrong = 0;

	printf("child %d\n", (int)getpid());
	fflush(stdout);
	while (!stop)
		wrong += call_all();
	return wrong != 0;
}

int main(void)
{
	int status = 0;
	long wrong = 0;
	pid_t pid = 0;

	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	printf("%#lx\n", (unsigned long)places);
	fflush(stdout);
	while (!stop) {
		wrong += call_all();
		if (!wanted || pid)
			continue;
		pid = fork();
		if (!pid)
			return child();
	}
	if (pid)
		kill(pid, SIGTERM);
	if (pid && waitpid(pid, &status, 0) != pid)
		wrong++;
	printf("child's status %#x wrong=%ld\n", status, wrong);
	return 0;
}
