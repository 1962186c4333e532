/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocked MODE: at a SIGUSR2 four threads call functions in each other, of few and of many arguments, the innermost of which blocks
 * until the next one; "returns", "throws" an exception through them, "jumps" over them, or "tail" calls. When all block it says "deep", in the end what came out.
 */
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <pthread.h>
#include <unistd.h>

static char mode;
static volatile sig_atomic_t told;
static int cleaned, blocked;
static thread_local jmp_buf out;

struct guard {
	~guard() { __atomic_add_fetch(&cleaned, 1, __ATOMIC_RELAXED); }
};

static void on_told(int) { told = told + 1; }

static void await(int times)
{
	while (told < times)
		usleep(10000);
}

extern "C" __attribute__((noinline)) long f_wait(long n)
{
	if (__atomic_add_fetch(&blocked, 1, __ATOMIC_RELAXED) == 4) {
		puts("deep");
		fflush(stdout);
	}
	await(2);
	if (mode == 't')
		throw n;
	if (mode == 'j')
		longjmp(out, 7);
	return n + 1;
}

extern "C" long f_deep(long depth);

extern "C" __attribute__((noinline)) long f_many(long a, long b, long c, long d, long e, long f, long g, long h)
{
	long r = f_deep(a - 1) + b + c + d + e + f + g + h;

	__asm__ volatile("");
	return r;
}

extern "C" __attribute__((noinline)) long f_last(long n)
{
	return f_wait(n); /* by a jump */
}

extern "C" __attribute__((noinline)) long f_deep(long depth)
{
	long r;

	if (mode == 'j') {
		r = depth ? f_many(depth, 1, 2, 3, 4, 5, 6, 7) : f_last(1);
		__asm__ volatile("");
		return r + 4;
	}
	guard g;
	r = depth ? f_many(depth, 1, 2, 3, 4, 5, 6, 7) : f_last(1);
	__asm__ volatile("");
	return r + 4;
}

static void *work(void *)
{
	long r = -1;

	try {
		if (!setjmp(out))
			r = f_deep(5);
		else
			r = 70;
	} catch (long thrown) {
		r = 50 + thrown;
	}
	return reinterpret_cast<void *>(r);
}

int main(int argc, char **argv)
{
	pthread_t threads[4];
	long sum = 0;

	mode = argc > 1 ? argv[1][0] : 'r';
	signal(SIGUSR2, on_told);
	puts("ready");
	fflush(stdout);
	await(1);
	for (pthread_t &t : threads)
		pthread_create(&t, nullptr, work, nullptr);
	for (pthread_t t : threads) {
		void *r;

		pthread_join(t, &r);
		sum += reinterpret_cast<long>(r);
	}
	printf("sum %ld cleaned %d\n", sum, cleaned);
	return 0;
}
