/* SPDX-License-Identifier: Apache-2.0 */
/* Text: pointers to pointers, arrays of arrays, static locals, characters of all kinds, early exits. */
#include "fill.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct word { const char *start; uint16_t length; bool capital; signed char mood; };
static const char text[] = "The quick brown Fox jumps over the lazy Dog and then the Fox sleeps again while Dogs bark";
static unsigned char seen[26];

static size_t split(const char *from, struct word *to, size_t most)
{
	size_t n = 0;
	const char *p = from;

	while (*p && n < most) {
		struct word w = { 0 };

		while (*p == ' ')
			p++;
		w.start = p;
		while (*p && *p != ' ') {
			unsigned char c = (unsigned char)tolower((unsigned char)*p);

			if (c >= 'a' && c <= 'z')
				seen[c - 'a']++;
			p++;
		}
		w.length = (uint16_t)(p - w.start);
		w.capital = isupper((unsigned char)*w.start) != 0;
		w.mood = (signed char)(w.length - 4);
		to[n++] = w;
	}
	return n;
}

static int compare(const struct word *a, const struct word *b)
{
	uint16_t shorter = a->length < b->length ? a->length : b->length;
	int c = strncmp(a->start, b->start, shorter);

	return c ? c : a->length - b->length;
}

static void sort(struct word *w, int n)
{
	for (int i = 1; i < n; i++) {
		struct word key = w[i];
		int j = i - 1;

		while (j >= 0 && compare(&w[j], &key) > 0) {
			w[j + 1] = w[j];
			j--;
		}
		w[j + 1] = key;
	}
}

static int distance(const char *a, int n, const char *b, int m)
{
	static int rows[2][24];
	static int calls;
	int *before = rows[0], *now = rows[1], *swap;

	calls++;
	for (int j = 0; j <= m; j++)
		before[j] = j;
	for (int i = 1; i <= n; i++) {
		now[0] = i;
		for (int j = 1; j <= m; j++) {
			int cost = a[i - 1] != b[j - 1];
			int best = before[j - 1] + cost;

			if (before[j] + 1 < best)
				best = before[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			now[j] = best;
		}
		swap = before;
		before = now;
		now = swap;
	}
	return before[m] + calls % 2;
}

static const char **longest(const char **list, unsigned *where)
{
	const char **best = list;

	for (const char **p = list; *p; p++)
		if (strlen(*p) > strlen(*best))
			best = p;
	*where = (unsigned)(best - list);
	return best;
}

int main(void)
{
	struct word words[32];
	size_t n = split(text, words, 32);
	const char *names[] = { "one", "three", "eleven", "six", NULL };
	unsigned where = 0;
	int far = 0;

	sort(words, (int)n);
	for (size_t i = 0; i + 1 < n; i++) {
		int d = distance(words[i].start, words[i].length, words[i + 1].start, words[i + 1].length);

		if (d > far)
			far = d;
	}
	longest(names, &where);
	printf("%zu %d %u %.*s %d\n", n, far, where, words[0].length, words[0].start, seen[4]);
	return 0;
}
