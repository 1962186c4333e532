/* SPDX-License-Identifier: Apache-2.0 */
/* Records: bit-fields, unions, lists, a hash table, a sort with a callback. */
#include "fill.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { FRESH, USED = 3, SPENT = -2 };
struct record {
	unsigned id : 12, level : 3;
	signed int shift : 5;
	enum state state;
	union { double price; uint64_t bits; };
	char name[12];
	struct { short x, y; } at;
	struct record *next;
	const struct record *twin;
};
struct table {
	struct record *bucket[8];
	unsigned count;
	uint8_t longest;
};
static int visits;
static __thread long of_thread = 5;

static unsigned hash(const char *name)
{
	unsigned h = 5381;

	for (const char *p = name; *p; p++)
		h = h * 33 + (unsigned char)*p;
	return h;
}

static struct record *record_new(unsigned id, const char *name, double price)
{
	struct record *r = calloc(1, sizeof *r);
	size_t length = strlen(name);

	r->id = id;
	r->level = id % 8;
	r->shift = (int)(id % 16) - 8;
	r->state = id & 1 ? USED : id & 2 ? SPENT : FRESH;
	r->price = price * 1.5;
	memcpy(r->name, name, length < sizeof r->name ? length : sizeof r->name - 1);
	r->at.x = (short)(id * 3);
	r->at.y = (short)-id;
	return r;
}

static void table_put(struct table *t, struct record *r)
{
	unsigned at = hash(r->name) % 8;
	uint8_t depth = 0;
	struct record **place = &t->bucket[at];

	while (*place) {
		depth++;
		place = &(*place)->next;
	}
	*place = r;
	t->count++;
	if (depth > t->longest)
		t->longest = depth;
	if (t->bucket[at] != r)
		r->twin = t->bucket[at];
}

static int by_price(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
	int sign = (x->price > y->price) - (x->price < y->price);

	visits++;
	return sign ? sign : (int)x->id - (int)y->id;
}

static double total(const struct table *t, unsigned *used)
{
	double sum = 0;
	unsigned seen = 0;

	for (int i = 0; i < 8; i++) {
		for (const struct record *r = t->bucket[i]; r; r = r->next) {
			int weight = r->state == USED ? 2 : 1;
			float part = (float)(r->price * weight);

			sum += part + r->at.x;
			seen += r->state == USED;
			of_thread += weight;
		}
	}
	*used = seen;
	return sum;
}

int main(void)
{
	struct table t = { 0 };
	struct record *all[24];
	char name[16];
	unsigned used;
	double sum;

	for (unsigned i = 0; i < 24; i++) {
		snprintf(name, sizeof name, "item%u", i * 7919 % 97);
		all[i] = record_new(i, name, (double)((i * 37) % 11));
		table_put(&t, all[i]);
	}
	qsort(all, 24, sizeof *all, by_price);
	sum = total(&t, &used);
	printf("%g %u %d %ld %u\n", sum, used, visits > 0, of_thread, t.longest);
	return 0;
}
