/* SPDX-License-Identifier: Apache-2.0 */
/* Code of many shapes, every instruction of which is probed: loops, tables of jumps, calls, strings, atomics, floats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long table(int op, long x)
{
	switch (op) {
	case 0: return x + 1;
	case 1: return x * 3;
	case 2: return x ^ 0x55;
	case 3: return x >> 1;
	case 4: return -x;
	case 5: return x | 7;
	case 6: return x % 11;
	case 7: return x << 2;
	default: return 0;
	}
}

static long twice(long (*f)(int, long), int op, long x)
{
	return f(op, f(op, x));
}

static long computed(const unsigned char *code, long x)
{
	static void *const labels[] = { &&add, &&sub, &&mul, &&end };

	goto *labels[*code++];
add:
	x += 7;
	goto *labels[*code++];
sub:
	x -= 3;
	goto *labels[*code++];
mul:
	x *= 5;
	goto *labels[*code++];
end:
	return x;
}

static double mix(const double *v, int n)
{
	double s = 0;

	for (int i = 0; i < n; i++)
		s = s * 0.5 + (v[i] > 1 ? v[i] : -v[i]);
	return s;
}

static long strings(char *to, const char *from, long n)
{
	long words = n;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	__asm__ volatile("1: dec %0; jz 2f; loop 1b; 2:" : "+r"(words), "+c"(n) : : "cc");
	__asm__ volatile("jrcxz 1f; inc %0; 1: lock incq %1; je 2f; lock; 2: decq %1" : "+r"(words), "+m"(*(long *)(to)) : : "cc", "rcx");
	return words;
}

static long atomics(long *p)
{
	return __atomic_add_fetch(p, 3, __ATOMIC_SEQ_CST) + __atomic_exchange_n(p, 9, __ATOMIC_SEQ_CST);
}

int places(int argc)
{
	static const unsigned char code[] = { 0, 2, 1, 0, 2, 3 };
	double v[5] = { 0.5, 2, 3.5, 1, 4 };
	char text[64] = "", from[] = "some bytes to move about";
	long x = argc, word = 5;

	for (int i = 0; i < 20; i++)
		x = twice(table, (i * 7 + argc) % 9, x + i) & 0xfffff;
	x += computed(code, x) + strings(text, from, sizeof from) + atomics(&word);
	printf("%ld %.3f %s %zu\n", x, mix(v, 5), text, strlen(text));
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	return places(argc);
}
