/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of every kind, at the entries of functions that are not inlined. */
#include <stdio.h>
#include <string.h>

#ifdef __clang__
#define KEEP __attribute__((noinline))
#else
#define KEEP __attribute__((noinline, noclone))
#endif

enum color { RED, GREEN = 5, BLUE };
enum sign { MINUS = -1, ZERO, PLUS };
struct inner { int q; const char *name; };
typedef struct { int a, b; } pair;
union number { int i; char c; float f; };
struct whole {
	int a;
	unsigned b : 3;
	int c : 5;
	struct inner in, *pin;
	char text[16];
	double d;
	float f;
	enum color color;
	union { int x; long y; };
	union number u;
	pair p;
	int numbers[4], grid[2][3];
	void (*call)(int);
	char letter;
	_Bool yes;
	struct whole *next;
	unsigned char byte;
	void *nothing;
	struct { int deep; };
	struct inner many[2];
	unsigned long wide : 40;
};
static __thread int of_thread = 7;
int everywhere = 42;
static struct whole here;
static const int constant = 99;

KEEP int plain(struct whole *w, const char *name, enum color color, enum sign sign, char letter, unsigned short s, long l)
{
	__asm__ volatile("" ::: "memory");
	return w->a + (int)strlen(name) + color + sign + letter + s + (int)l + of_thread + everywhere + here.a + constant;
}

KEEP double floats(double d, float f, pair p)
{
	__asm__ volatile("" ::: "memory");
	return d + f + p.a + p.b;
}

KEEP int indexes(int *numbers, int i, int (*grid)[3], char **words)
{
	__asm__ volatile("" ::: "memory");
	return numbers[i] + grid[1][i] + words[0][0];
}

KEEP int bad(struct whole *w)
{
	__asm__ volatile("" ::: "memory");
	return w == NULL;
}

KEEP long changed(int n, struct whole *w)
{
	__asm__ volatile("" ::: "memory");
	return n + w->a + w->b + (long)w->d;
}

int main(void)
{
	struct inner other = { 9, "inner" };
	static struct whole second;
	struct whole w = { .a = 1, .b = 5, .c = -3, .in = { 3, "hello" }, .pin = &other, .text = "buffer", .d = 1.5, .f = 2.5,
			   .color = BLUE, .y = -9, .u = { 65 }, .p = { 7, 8 }, .numbers = { 10, 20, 30, 40 },
			   .grid = { { 1, 2, 3 }, { 4, 5, 6 } }, .letter = 'x', .yes = 1, .next = &second, .byte = 200,
			   .deep = 77, .many = { { 1, "one" }, { 2, "two" } }, .wide = 0x1234567890 };
	char *words[] = { "alpha", "beta", NULL };

	second.a = 2;
	second.next = &w;
	here.a = 1000;
	of_thread = 70;
	printf("%d\n", plain(&w, "a\tname", GREEN, MINUS, 'q', 65535, -5));
	printf("%g\n", floats(1.25, 0.5f, w.p));
	printf("%d\n", indexes(w.numbers, 2, w.grid, words));
	printf("%d\n", bad(NULL));
	printf("%ld\n", changed(3, &w));
	return 0;
}
