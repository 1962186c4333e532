/* SPDX-License-Identifier: Apache-2.0 */
/* The four functions that a compiler may call unasked; the image has no C library. */
#include "runtime/core/core.h"

#ifndef RT_HOSTED

/* Unaligned words; __builtin_memcpy of a constant size is one move. */
RT_INLINE uint64_t load(const char *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, 8);
	return v;
}

RT_INLINE void store(char *p, uint64_t v)
{
	__builtin_memcpy(p, &v, 8);
}

/* The last word may overlap the one before it: it is loaded first. */
static void copy_up(char *to, const char *from, size_t n)
{
	uint64_t last = load(from + n - 8);
	size_t i = 0;

	for (; i + 8 < n; i += 8)
		store(to + i, load(from + i));
	store(to + n - 8, last);
}

static void copy_down(char *to, const char *from, size_t n)
{
	uint64_t first = load(from);

	for (; n > 8; n -= 8)
		store(to + n - 8, load(from + n - 8));
	store(to, first);
}

void *memmove(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (n >= 8) {
		if ((uintptr_t)t - (uintptr_t)f >= n)
			copy_up(t, f, n);
		else
			copy_down(t, f, n);
	} else if ((uintptr_t)t - (uintptr_t)f >= n) {
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	} else {
		while (n--)
			t[n] = f[n];
	}
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (n >= 8)
		copy_up(t, f, n);
	else
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	uint64_t word = (unsigned char)c * 0x0101010101010101ull;
	char *t = to;
	size_t i = 0;

	if (n < 8) {
		for (; i < n; i++)
			t[i] = (char)c;
		return to;
	}
	for (; i + 8 < n; i += 8)
		store(t + i, word);
	store(t + n - 8, word);
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	size_t i = 0;

	while (i + 8 <= n && load((const char *)x + i) == load((const char *)y + i))
		i += 8;
	for (; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

#endif
