/* SPDX-License-Identifier: Apache-2.0 */
/* crowd: calls a function until SIGTERM whose instructions are so short that some can only be probed by a trap, if all of them are. */
#include <signal.h>
#include <stdio.h>
#include <sys/personality.h>
#include <unistd.h>

__asm__(".pushsection .text.crowd,\"ax\",@progbits\n.balign 64, 0xcc\n.type crowd, @function\n.globl crowd\n"
	"crowd:\nxor %eax,%eax\n2: inc %eax\ncmp %edi,%eax\njne 2b\nret\n"
	".byte 0x48,0x89,0xc7,0x55,0x48,0x89,0xe5,0x5d,0xc3\n.size crowd, . - crowd\n.popsection");
int crowd(int);

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

int main(int argc, char **argv)
{
	int persona = personality(0xffffffff);
	long wrong = 0;

	(void)argc;
	/* Where the heap is decides which jumps there is room for. */
	if (!(persona & ADDR_NO_RANDOMIZE)) {
		personality((unsigned long)persona | ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
		return 1;
	}
	signal(SIGTERM, on_term);
	printf("%#lx\n", (unsigned long)crowd);
	fflush(stdout);
	while (!stop) {
		wrong += crowd(1) != 1;
		usleep(1000);
	}
	printf("wrong=%ld\n", wrong);
	return 0;
}
