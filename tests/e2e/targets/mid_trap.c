/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mid_trap FUNCTION: a thread enters the function behind its first instructions until SIGTERM, where a jump over these has a
 * byte that traps: `trapped` at its second byte, `faulted` at its fifth, which is the top byte of the jump. It
 * checks what they return: twice the argument. `other` is not called but once.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#define FUNCTION(name, code)                                                                     \
	__asm__(".pushsection .text.mid,\"ax\",@progbits\n.balign 64, 0xcc\n.type " name             \
		", @function\n.globl " name "\n" name ":\n.cfi_startproc\n" code                     \
		"\n.cfi_endproc\n.size " name ", . - " name "\n.popsection");

FUNCTION("trapped", "clc; clc; lea (%rdi,%rdi),%eax; ret")
FUNCTION("faulted", "mov %edi,%ecx; xor %edx,%edx; clc; lea (%rdi,%rdi),%eax; ret")
FUNCTION("other", "xor %eax,%eax; lea (%rdi,%rdi),%eax; ret")
int trapped(int), faulted(int), other(int);

static volatile sig_atomic_t stop;
static volatile unsigned long entry;
static long wrong, calls;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void *runner(void *arg)
{
	int (*inside)(int) = (int (*)(int))entry;

	for (; !stop; calls++)
		wrong += inside(21) != 42;
	return arg;
}

int main(int argc, char **argv)
{
	int is_trapped = argc > 1 && strcmp(argv[1], "trapped") == 0;
	int persona = personality(0xffffffff);
	pthread_t t;

	/* Where the heap is decides which jumps there is room for. */
	if (!(persona & ADDR_NO_RANDOMIZE)) {
		personality((unsigned long)persona | ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
		return 1;
	}
	signal(SIGTERM, on_term);
	entry = is_trapped ? (unsigned long)trapped + 1 : (unsigned long)faulted + 4;
	wrong += other(1) != 2;
	printf("%#lx\n", entry);
	fflush(stdout);
	pthread_create(&t, NULL, runner, NULL);
	pthread_join(t, NULL);
	printf("calls=%d wrong=%ld\n", calls > 0, wrong);
	return 0;
}
