/* SPDX-License-Identifier: Apache-2.0 */
/* A library with variables of its own, and with -DPROGRAM the program that uses it. */
#ifdef PROGRAM
#include <stdio.h>
int bump(int x);
__attribute__((noinline)) int turn(int n) { __asm__ volatile(""); return n; }
int main(void)
{
	int sum = 0;

	for (int i = 0; i < 2; i++)
		sum += bump(turn(i));
	printf("%d\n", sum);
	return 0;
}
#else
struct setting { int level; const char *name; struct setting *next; };
static struct setting second = { 2, "second", 0 };
struct setting first = { 7, "first", &second };
static int hidden = 13;
__thread int of_thread = 21;
int bump(int x)
{
	of_thread += x;
	hidden++;
	return first.level + x + hidden + of_thread;
}
#endif
