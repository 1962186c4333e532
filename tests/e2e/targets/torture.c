/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture THREADS: functions whose first instructions ask for each form of patch, at each place in a
 * cache line; the threads call all of them in turn until SIGTERM and check what they return: twice the
 * argument.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT(s) #s
/* A function at byte `at` of a line. */
#define ONE(name, at, code)                                                                       \
	__asm__(".pushsection .text.torture,\"ax\",@progbits\n.balign 64, 0xcc\n.skip " TEXT(at)   \
		", 0xcc\n.type t_" name "_" TEXT(at) ", @function\n.globl t_" name "_" TEXT(at)     \
		"\nt_" name "_" TEXT(at) ":\n.cfi_startproc\n" code "\n.cfi_endproc\n.size t_" name  \
		"_" TEXT(at) ", . - t_" name "_" TEXT(at) "\n.skip 16, 0xcc\n.popsection\n"           \
		".pushsection .data.table,\"aw\"\n.quad t_" name "_" TEXT(at) "\n.popsection");
#define EIGHT(name, a, b, c, d, e, f, g, h, code)                                                 \
	ONE(name, a, code) ONE(name, b, code) ONE(name, c, code) ONE(name, d, code)                 \
	ONE(name, e, code) ONE(name, f, code) ONE(name, g, code) ONE(name, h, code)
/* In the middle of a line and everywhere around its end. */
#define ALL(name, code)                                                                           \
	EIGHT(name, 0, 1, 2, 3, 4, 5, 8, 16, code)                                                  \
	EIGHT(name, 56, 57, 58, 59, 60, 61, 62, 63, code)

__asm__(".pushsection .data.table,\"aw\"\n.balign 8\n.globl table\ntable:\n.popsection");
ALL("single", "mov $0,%eax; lea (%rdi,%rdi),%eax; ret")
ALL("nop", ".byte 0x0f,0x1f,0x44,0,0; lea (%rdi,%rdi),%eax; ret")
ALL("nops", "nop; nop; nop; .byte 0x66,0x90; lea (%rdi,%rdi),%eax; ret")
ALL("several", "push %rbp; mov %rsp,%rbp; lea (%rdi,%rdi),%eax; pop %rbp; ret")
ALL("pair", "mov %edi,%eax; add %eax,%eax; nop; ret")
ALL("endbr", "endbr64; push %rbx; mov %edi,%ebx; add %ebx,%ebx; mov %ebx,%eax; pop %rbx; ret")
ALL("padding", "lea (%rdi,%rdi),%eax; ret")
ALL("tiny", "jmp 1f; 1: lea (%rdi,%rdi),%eax; ret")
ALL("loop", "xor %eax,%eax; 1: add $1,%eax; cmp %edi,%eax; jl 1b; add %eax,%eax; ret")
ALL("back", "push %rdi; 1: inc %dl; jz 1b; pop %rax; add %eax,%eax; ret")
__asm__(".pushsection .data.table,\"aw\"\n.quad 0\n.popsection");

extern int (*const table[])(int);
static atomic_long calls, wrong;
static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void *runner(void *arg)
{
	long n = 0, bad = 0;

	while (!stop) {
		for (int i = 0; table[i]; i++, n++)
			bad += table[i](21) != 42;
		if (n % 4096 < 160)
			sched_yield();
	}
	calls += n;
	wrong += bad;
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 8;
	pthread_t t[64];

	signal(SIGTERM, on_term);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&t[i], NULL, runner, NULL);
	printf("pid %d\n", (int)getpid()); /* who waits for this finds all threads */
	fflush(stdout);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(t[i], NULL);
	printf("calls=%d wrong=%ld\n", calls > 0, wrong);
	return wrong != 0;
}
