/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual base classes, seen through every kind of access. */
#include <cstdio>

struct Base {
	int base = 11;
	virtual ~Base() {}
};
struct Left : virtual Base {
	int left = 22;
};
struct Right : virtual Base {
	int right = 33;
};
struct Both : Left, Right {
	int both = 44;
	Both *self = this;
};
struct Holder {
	int x;
	Left *left;
};

__attribute__((noinline)) int use(Both *d, Left *l, const Base &b, Holder h)
{
	__asm__ volatile("" ::: "memory");
	return d->base + l->base + b.base + h.left->base;
}

int main()
{
	Both d;
	Left l;

	l.base = 7;
	printf("%d\n", use(&d, &l, l, Holder{ 1, &l }));
}
