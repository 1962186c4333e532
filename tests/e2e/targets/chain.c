/* SPDX-License-Identifier: Apache-2.0 */
/* Two ways to a function, a signal, a lost stack, and a library that comes late: chain [N [LIBRARY]]. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))
static volatile long sink;

KEEP void leaf(long n)
{
	sink += n;
}

static inline __attribute__((always_inline)) void inlined(long n)
{
	leaf(n + 1);
	sink++;
}

KEEP void low(long n)
{
	inlined(n);
	sink++;
}

KEEP void mid(long n)
{
	low(n);
	sink++;
}

KEEP void top_a(long n)
{
	mid(n);
	sink++;
}

KEEP void top_b(long n)
{
	mid(n);
	sink++;
}

KEEP void on_signal(int sig)
{
	leaf(sig);
	sink++;
}

KEEP void called_back(long n)
{
	leaf(n);
	sink++;
}

/* What lies above this function's frame is nonsense while leaf runs. */
KEEP void lost(long n)
{
	static unsigned long room[8192];

	for (int i = 0; i < 8192; i++)
		room[i] = (unsigned long)i * 0x0101010101010101ul + (unsigned long)n;
	__asm__ volatile("mov %%rsp, %%rbx\n\tmov %0, %%rsp\n\tmov %1, %%rdi\n\tpush $0x1234\n\tcall leaf\n\tmov %%rbx, %%rsp"
			 :
			 : "r"(room + 8180), "r"(n)
			 : "rbx", "rdi", "rsi", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1;
	void (*there)(void (*)(long), long) = NULL;
	void *library = argc > 2 ? dlopen(argv[2], RTLD_NOW) : NULL;

	signal(SIGUSR1, on_signal);
	if (library)
		*(void **)&there = dlsym(library, "call_back");
	for (long i = 0; i < n; i++) {
		top_a(i);
		top_a(i);
		top_b(i);
	}
	raise(SIGUSR1);
	if (there)
		there(called_back, 5);
	lost(7);
	printf("sink=%ld\n", sink);
	return 0;
}
