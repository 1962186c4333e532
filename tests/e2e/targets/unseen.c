/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jumps to the third instruction of a function by an address that only comes to be at run time: the patch over its
 * first bytes cannot know. The handlers of SIGSEGV, SIGTRAP and SIGILL must not see it.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

__asm__("	.text\n	.balign 16\n	.globl function\n	.type function, @function\n"
	"function:\n"
	"	push	%rbp\n"
	"	mov	%rsp, %rbp\n"
	"	xor	%eax, %eax\n"
	"	lea	1(%rdi), %rax\n"
	"	pop	%rbp\n"
	"	ret\n"
	"	.size	function, . - function\n"
	"	.globl side_door\n"
	"side_door:\n"
	"	push	%rbp\n"
	"	mov	%rsp, %rbp\n"
	"	jmp	*%rsi\n");
long function(long n);
long side_door(long n, const char *to);

static void on_signal(int sig)
{
	static const char text[] = "a signal came\n";

	(void)sig;
	if (write(1, text, sizeof text - 1) < 0)
		_exit(1);
	_exit(1);
}

int main(int argc, char **argv)
{
	long sum = 0;
	volatile long offset = argc + 3;

	(void)argv;
	signal(SIGSEGV, on_signal);
	signal(SIGTRAP, on_signal);
	signal(SIGILL, on_signal);
	for (long i = 0; i < 1000; i++)
		sum += function(i) + side_door(i, (const char *)(void *)function + offset);
	printf("%ld\n", sum);
	return 0;
}
