/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large KIND: moves its text to memory of large pages, as servers and databases do, then calls work() until SIGTERM.
 * KIND: "advised": anonymous memory, madvise(MADV_HUGEPAGE); "hugetlb": of the pool of huge pages; status 77: there is none.
 * To be linked with -Wl,-z,max-page-size=0x200000, so that the text has a large page for itself.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LARGE 0x200000ul

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

__attribute__((noipa)) long work(long i)
{
	return i * 2 + 1;
}

/* Runs from a copy of itself elsewhere: the text is not there meanwhile. Touches nothing but its arguments. */
__attribute__((noipa, section(".text.mover"), optimize("no-stack-protector", "no-tree-loop-distribute-patterns"))) static long
move(char *text, const char *copy, long flags)
{
	register long r10 __asm__("r10") = flags;
	register long r8 __asm__("r8") = -1;
	register long r9 __asm__("r9") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"((long)SYS_mmap), "D"(text), "S"(LARGE), "d"((long)(PROT_READ | PROT_WRITE)), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if (result != (long)text)
		return result;
	if (!(flags & MAP_HUGETLB))
		__asm__ volatile("syscall"
				 : "=a"(result)
				 : "0"((long)SYS_madvise), "D"(text), "S"(LARGE), "d"((long)MADV_HUGEPAGE)
				 : "rcx", "r11", "memory");
	for (unsigned long i = 0; i < LARGE; i++)
		((volatile char *)text)[i] = copy[i];
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"((long)SYS_mprotect), "D"(text), "S"(LARGE), "d"((long)(PROT_READ | PROT_EXEC))
			 : "rcx", "r11", "memory");
	return result;
}
static void behind_move(void) __attribute__((section(".text.mover2"), used));
static void behind_move(void)
{
}

extern char __executable_start, etext;

static long to_large(int huge)
{
	char *text = (char *)((unsigned long)work & ~(LARGE - 1));
	char *copy = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mover = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (huge ? MAP_HUGETLB : 0);
	long result;

	if (huge) { /* is there one at all? */
		void *probe = mmap(NULL, LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (probe == MAP_FAILED)
			return 77;
		munmap(probe, LARGE);
	}
	memcpy(copy, text, (unsigned long)&etext - (unsigned long)text);
	memcpy(mover, (const char *)move, 1024);
	mprotect(mover, 4096, PROT_READ | PROT_EXEC);
	result = ((long (*)(char *, const char *, long))mover)(text, copy, flags);
	munmap(copy, LARGE);
	munmap(mover, 4096);
	return result != 0;
}

int main(int argc, char **argv)
{
	long calls = 0, wrong = 0, result;

	result = to_large(argc > 1 && strcmp(argv[1], "hugetlb") == 0);
	if (result)
		return (int)result;
	signal(SIGTERM, on_term);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	while (!stop) {
		wrong += work(calls) != calls * 2 + 1;
		calls++;
		nanosleep(&(struct timespec){ 0, 200000 }, NULL);
	}
	printf("calls=%ld wrong=%ld\n", calls, wrong);
	return wrong != 0;
}
