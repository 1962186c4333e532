/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched ROUNDS THREADS [SECONDS-BEFORE [SECONDS-BEHIND]]: threads, each made when the one before it runs, add to a counter and keep sums in
 * registers, flags and the red zone, which nobody may change. Prints the counter's address on the heap
 * first, its value last; a SIGTRAP of its own, a forked child and a read by the kernel are in between.
 *
 *	heap 0x55d0c0a812a0
 *	trapped 1
 *	child 7
 *	total 4000 wide 4000 heap 4000
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int total;
long wide = -1;
short small;
static int rounds, n_threads, trapped;
static long *heap;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* total += 1 with values in the red zone, registers and flags around it. */
static void add_one(void)
{
	unsigned long wrong = 0;

	__asm__ volatile("movq $0x1234, -8(%%rsp)\n\t"
			 "movq $0x5678, -128(%%rsp)\n\t"
			 "mov $11, %%r8\n\tmov $12, %%r15\n\tmov $13, %%rbx\n\t"
			 "stc\n\t"
			 "incl %1\n\t" /* keeps the carry */
			 "adc $0, %0\n\t"
			 "dec %0\n\t"
			 "cmpq $0x1234, -8(%%rsp)\n\tje 1f\n\tinc %0\n"
			 "1:\tcmpq $0x5678, -128(%%rsp)\n\tje 2f\n\tinc %0\n"
			 "2:\tlea (%%r8,%%r15), %%r8\n\tadd %%rbx, %%r8\n\tcmp $36, %%r8\n\tje 3f\n\tinc %0\n3:"
			 : "+r"(wrong), "+m"(total)
			 :
			 : "r8", "r15", "rbx", "cc", "memory");
	if (wrong)
		abort();
}

static void *work(void *next)
{
	long made = (long)next;
	pthread_t t;

	if (made + 1 < n_threads)
		pthread_create(&t, NULL, work, (void *)(made + 1));
	for (int i = 0; i < rounds; i++) {
		pthread_mutex_lock(&lock);
		add_one();
		if (wide < 0)
			wide = 0;
		wide++;
		++*heap;
		pthread_mutex_unlock(&lock);
	}
	if (made + 1 < n_threads)
		pthread_join(t, NULL);
	return NULL;
}

static void on_trap(int signal)
{
	(void)signal;
	trapped++;
}

static void fork_one(void)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		total = 7;
		_exit(total);
	}
	waitpid(child, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int ends[2];

	rounds = argc > 1 ? atoi(argv[1]) : 1;
	n_threads = argc > 2 ? atoi(argv[2]) : 1;
	heap = calloc(1, sizeof *heap);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!heap || pipe(ends))
		return 1;
	printf("heap %p\n", (void *)heap);
	if (argc > 3)
		sleep((unsigned)atoi(argv[3])); /* for who wants to attach */
	signal(SIGTRAP, on_trap);
	raise(SIGTRAP);
	printf("trapped %d\n", trapped);
	small = -2;
	fork_one();
	work(NULL);
	printf("total %d wide %ld heap %ld\n", total, wide, *heap);
	if (write(ends[1], &total, sizeof total) != sizeof total)
		return 1;
	if (argc > 4)
		sleep((unsigned)atoi(argv[4])); /* for who wants to leave */
	return 0;
}
