/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls ROUNDS: small functions calling each other, as programs do: a parser and evaluator of expressions, a tree, a
 * hash. Its time with every function counted, beside its time alone, is what tracing all costs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *left, *right;
	long key, count;
};
struct parser {
	const char *at;
	long depth;
};

static long parse_sum(struct parser *p);

static __attribute__((noinline)) char peek(const struct parser *p)
{
	return *p->at;
}

static __attribute__((noinline)) long parse_number(struct parser *p)
{
	long v = 0;

	while (peek(p) >= '0' && peek(p) <= '9')
		v = v * 10 + *p->at++ - '0';
	return v;
}

static __attribute__((noinline)) long parse_factor(struct parser *p)
{
	long v;

	p->depth++;
	if (peek(p) != '(')
		return parse_number(p);
	p->at++;
	v = parse_sum(p);
	p->at++;
	return v;
}

static __attribute__((noinline)) long parse_product(struct parser *p)
{
	long v = parse_factor(p);

	while (peek(p) == '*') {
		p->at++;
		v *= parse_factor(p);
	}
	return v;
}

static __attribute__((noinline)) long parse_sum(struct parser *p)
{
	long v = parse_product(p);

	while (peek(p) == '+') {
		p->at++;
		v += parse_product(p);
	}
	return v;
}

static __attribute__((noinline)) unsigned long hash(const char *text)
{
	unsigned long h = 5381;

	while (*text)
		h = h * 33 + (unsigned char)*text++;
	return h;
}

static __attribute__((noinline)) int order(long a, long b)
{
	return a < b ? -1 : a > b;
}

static __attribute__((noinline)) struct node *insert(struct node *n, long key)
{
	int o;

	if (!n) {
		n = calloc(1, sizeof *n);
		n->key = key;
		return n;
	}
	o = order(key, n->key);
	if (o < 0)
		n->left = insert(n->left, key);
	else if (o > 0)
		n->right = insert(n->right, key);
	n->count++;
	return n;
}

static __attribute__((noinline)) long sum(const struct node *n)
{
	return n ? n->count + sum(n->left) + sum(n->right) : 0;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1000, total = 0;
	struct node *tree = NULL;

	for (long i = 0; i < rounds; i++) {
		char text[64];
		struct parser p = { .at = text };

		snprintf(text, sizeof text, "%ld*(3+%ld)+4*(5+6*(%ld+1))", i % 97, i % 31, i % 7);
		total += parse_sum(&p) + p.depth;
		tree = insert(tree, (long)(hash(text) % 4093));
	}
	printf("%ld %ld\n", total, sum(tree));
	return 0;
}
