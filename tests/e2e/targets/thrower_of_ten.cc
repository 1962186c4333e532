// SPDX-License-Identifier: Apache-2.0
// Exceptions through ten functions, with arguments in registers and on the stack; "SUM caught".
#include <cstdio>
#include <stdexcept>

#define NOINLINE __attribute__((noinline, noclone, used))
extern "C" {
NOINLINE long f_deep(long n)
{
	if (!n)
		throw std::runtime_error("bottom");
	long r = f_deep(n - 1);
	__asm__ volatile("");
	return r + 1;
}
NOINLINE long f_nine(long a, long b, long c, long d, long e, long f, long g, long h, long n)
{
	if (!n)
		throw 5;
	long r = f_nine(a, b, c, d, e, f, g, h + 1, n - 1);
	__asm__ volatile("");
	return r + a + h;
}
}

int main()
{
	long sum = 0, caught = 0;

	for (int i = 0; i < 100; i++) {
		try {
			f_deep(10);
		} catch (std::exception &e) {
			sum += e.what()[0];
			caught++;
		}
		try {
			f_nine(1, 2, 3, 4, 5, 6, 7, 8, 10);
		} catch (int e) {
			sum += e;
			caught++;
		}
	}
	std::printf("%ld %ld caught\n", sum, caught);
	return 0;
}
