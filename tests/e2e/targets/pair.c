/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two libraries that take each other's name, and the program that uses them. Where the one (-DLIBRARY=1) has a function that unwinders
 * call, and one to probe, the other (-DLIBRARY=2) is in the middle of an instruction that says what work() returns.
 */
#if LIBRARY == 1
asm(".text; .p2align 12; .fill 256,1,0x90\n"
    ".globl _Unwind_Find_FDE; .type _Unwind_Find_FDE,@function; _Unwind_Find_FDE: xor %eax,%eax; ret; .size _Unwind_Find_FDE,.-_Unwind_Find_FDE\n"
    ".p2align 9; .globl work; .type work,@function; work: mov $42,%eax; ret; .size work,.-work\n");
#elif LIBRARY == 2
asm(".text; .p2align 12; .fill 250,1,0x90\n"
    ".globl work; .type work,@function; work: movabs $0x1122334455667788,%rax; jmp .Lon; .fill 236,1,0x90\n"
    ".Lon: movabs $0x11223344556677a2,%rcx; xor %rcx,%rax; ret; .size work,.-work\n"
    ".fill 32,1,0x90\n");
#else
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

long work(void);
static volatile sig_atomic_t over;

static void stop(int signal)
{
	(void)signal;
	over = 1;
}

__attribute__((noinline)) long tick(void)
{
	usleep(500);
	return work() + 1;
}

int main(void)
{
	long wrong = 0, ticks = 0;

	signal(SIGTERM, stop);
	puts("begin");
	fflush(stdout);
	for (; !over; ticks++)
		wrong += tick() != 43;
	printf("wrong=%ld ticks=%d\n", wrong, ticks > 0);
	return wrong != 0;
}
#endif
