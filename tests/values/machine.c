/* SPDX-License-Identifier: Apache-2.0 */
/* A small stack machine: a switch, recursion, parameters that are constant or unused, values passed in parts. */
#include "fill.h"

#include <stdint.h>
#include <stdio.h>

enum op { PUSH, ADD, MUL, DUP, SWAP, JNZ, DEC, CALL, RET, HALT };
struct word { enum op op; int32_t arg; };
struct range { long low, high; };
struct point { double x, y; };
struct mixed { int n; float f; };
struct machine {
	int64_t stack[32];
	int depth, pc;
	unsigned long steps;
	const struct word *code;
};

static void push(struct machine *m, int64_t v)
{
	m->stack[m->depth++] = v;
}

static int64_t pop(struct machine *m)
{
	return m->stack[--m->depth];
}

static int step(struct machine *m, int trace)
{
	const struct word *w = &m->code[m->pc++];
	int64_t a, b;

	m->steps++;
	switch (w->op) {
	case PUSH:
		push(m, w->arg);
		break;
	case ADD:
		a = pop(m);
		b = pop(m);
		push(m, a + b);
		break;
	case MUL:
		a = pop(m);
		b = pop(m);
		push(m, a * b);
		break;
	case DUP:
		a = pop(m);
		push(m, a);
		push(m, a);
		break;
	case SWAP:
		a = pop(m);
		b = pop(m);
		push(m, a);
		push(m, b);
		break;
	case JNZ:
		a = pop(m);
		if (a)
			m->pc = w->arg;
		push(m, a);
		break;
	case DEC:
		a = pop(m) - 1;
		push(m, a);
		break;
	case CALL:
	case RET:
	case HALT:
		if (trace)
			printf("stop at %d\n", m->pc);
		return 0;
	}
	return 1;
}

static __attribute__((noinline)) struct range widen(struct range r, long by)
{
	struct range out = { r.low - by, r.high + by };
	long span = out.high - out.low;

	if (span > 100)
		out.high = out.low + 100;
	return out;
}

static __attribute__((noinline)) struct point turn(struct point p, double by)
{
	struct point out = { p.x * by - p.y, p.x + p.y * by };

	return out;
}

static __attribute__((noinline)) struct mixed blend(struct mixed a, struct mixed b, unsigned char mode)
{
	int n = mode ? a.n + b.n : a.n - b.n;
	float f = a.f * b.f;

	return (struct mixed){ n, f };
}

static __attribute__((noinline)) unsigned long power(unsigned long base, unsigned exponent, int unused)
{
	unsigned long half;

	(void)unused;
	if (!exponent)
		return 1;
	half = power(base, exponent / 2, 0);
	return exponent & 1 ? half * half * base : half * half;
}

static __attribute__((noinline)) long deep(int a, int b, int c, int d, int e, int f, int g, int h)
{
	long sum = a + b * 2L + c * 3L + d * 4L;

	for (int i = 0; i < e; i++)
		sum += power((unsigned long)i, 2, f) + (unsigned long)(g * h);
	return sum;
}

int main(void)
{
	static const struct word code[] = { { PUSH, 1 }, { PUSH, 6 }, { DUP, 0 }, { PUSH, 3 }, { ADD, 0 }, { SWAP, 0 },
					    { DEC, 0 }, { JNZ, 2 }, { MUL, 0 }, { HALT, 0 } };
	struct machine m = { .code = code };
	struct range r = { 3, 9 };
	struct point p = { 1.5, -2.25 };
	struct mixed x = { 7, 0.5f };

	while (step(&m, 1))
		;
	for (int i = 0; i < 4; i++) {
		r = widen(r, i * 9L);
		p = turn(p, 0.5 + i);
		x = blend(x, (struct mixed){ i, 1.25f }, i & 1);
	}
	printf("%d %lu %ld..%ld %g,%g %d %g %lu %ld\n", m.depth, m.steps, r.low, r.high, p.x, p.y, x.n, x.f, power(3, 13, 1),
	       deep(1, 2, 3, 4, 5, 6, 7, 8));
	return 0;
}
