/* SPDX-License-Identifier: Apache-2.0 */
/* A small shop, for the examples: orders are priced and taken from the stock. */
#include <stdio.h>
#include <stdlib.h>

#define KEEP __attribute__((noinline))

struct item { const char *name; int price, stock; };
struct order { int count; struct item *item; };
static struct item items[] = { { "apple", 50, 9 }, { "bread", 320, 4 }, { "cheese", 899, 2 } };

KEEP int price_of(struct order o)
{
	int sum = 0;

	for (volatile int i = 0; i < o.count * 2000; i++)
		if (i % 2000 == 0)
			sum += o.item->price;
	return sum;
}

KEEP int take(struct item *item, int count)
{
	if (item->stock < count)
		return -1;
	item->stock -= count;
	return item->stock;
}

KEEP int sell(int number, int count)
{
	struct order o = { count, &items[number % 3] };

	if (take(o.item, count) < 0)
		return 0;
	return price_of(o);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 6, sum = 0;

	for (int i = 0; i < n; i++)
		sum += sell(i, i % 2 + 1);
	printf("%d\n", sum);
	return 0;
}
