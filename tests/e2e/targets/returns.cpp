// SPDX-License-Identifier: Apache-2.0
// Exceptions, forced unwinding and backtraces through functions that a probe may call.
#include <execinfo.h>
#include <pthread.h>

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#define NOINLINE __attribute__((noinline, noclone, used))
static long calls, unwound, caught;
struct guard {
	~guard() { unwound++; }
};

extern "C" {
NOINLINE long f_deep(long n)
{
	guard g;
	calls++;
	if (n == 0)
		throw std::runtime_error("bottom");
	return f_deep(n - 1) + 1;
}
NOINLINE long f_nine(long a, long b, long c, long d, long e, long f, long g, long h, long n)
{
	guard w;
	calls++;
	if (n == 0)
		throw 5;
	return f_nine(a, b, c, d, e, f, g, h + 1, n - 1) + a + h;
}
NOINLINE long f_variadic(int n, ...)
{
	va_list ap;
	long s = 0;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		s += va_arg(ap, long);
	va_end(ap);
	calls++;
	if (s == 55)
		throw std::string("fifty-five");
	return s;
}
NOINLINE long f_rethrows(long n)
{
	calls++;
	try {
		return n ? f_rethrows(n - 1) + 1 : f_nine(1, 2, 3, 4, 5, 6, 7, 8, 3);
	} catch (int &e) {
		e++;
		throw;
	}
}
NOINLINE long f_catches(long n)
{
	calls++;
	try {
		f_rethrows(n);
	} catch (int e) {
		return e;
	}
	return 0;
}
NOINLINE int f_traces(int n)
{
	void *b[64];

	if (n) {
		int r = f_traces(n - 1);
		asm volatile("");
		return r;
	}
	return backtrace(b, 64);
}
NOINLINE void f_leaves(int n)
{
	guard g;
	calls++;
	if (!n)
		pthread_exit((void *)99);
	f_leaves(n - 1);
	asm volatile("");
}
NOINLINE void f_noexcept(int n) noexcept
{
	if (n)
		throw n;
}
}

static void *leave(void *x)
{
	f_leaves(10);
	return x;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 10;
	pthread_t t;
	void *r;

	for (int i = 0; i < rounds; i++) {
		try {
			f_deep(10);
		} catch (std::exception &e) {
			caught += e.what()[0];
		}
		try {
			f_nine(1, 2, 3, 4, 5, 6, 7, 8, 10);
		} catch (int e) {
			caught += e;
		}
		try {
			f_variadic(i % 20, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L, 13L, 14L, 15L,
				   16L, 17L, 18L, 19L, 20L);
		} catch (std::string &s) {
			caught += (long)s.size();
		}
		caught += f_catches(i % 7);
	}
	printf("backtrace %d\n", f_traces(10));
	pthread_create(&t, nullptr, leave, nullptr);
	pthread_join(t, &r);
	printf("exit %ld calls %ld unwound %ld caught %ld\n", (long)r, calls, unwound, caught);
	fflush(stdout);
	if (argc > 2 && argv[2][0] == 'u')
		f_deep(3);
	if (argc > 2)
		f_noexcept(1);
	return 0;
}
