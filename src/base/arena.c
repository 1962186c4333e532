/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas, growing arrays and growing texts.
 *
 * With the address sanitizer every object has an untouchable gap behind it, so
 * that a step over its end is seen although its chunk goes on.
 */
#include "base/base.h"

#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define BASE_GAP ((size_t)16)
#endif
#endif
#if !defined(BASE_GAP) && defined(__SANITIZE_ADDRESS__)
#define BASE_GAP ((size_t)16)
#endif
#ifdef BASE_GAP
#include <sanitizer/asan_interface.h>
#else
#define BASE_GAP ((size_t)0)
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define CHUNK_SIZE ((size_t)64 * 1024)
#define CHUNK_LARGE (1u << 20)
#define PAGE 4096u
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

struct chunk {
	struct chunk *previous;
	size_t size, used; /* of data */
	_Alignas(16) unsigned char data[];
};

struct arena {
	struct chunk *last;
};

void base_assert_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "spile: internal error at %s:%d: %s\n", file, line, what);
	abort();
}

void base_oom(void)
{
	static const char text[] = "spile: out of memory\n";

	fwrite(text, 1, sizeof text - 1, stderr);
	_exit(1);
}

/* Chunks of an arena that grows become larger: fewer of them, and their pages are made at once. */
static size_t chunk_size(const struct chunk *previous)
{
	size_t size = previous ? 2 * previous->size : CHUNK_SIZE;

	return base_max(base_min(size, (size_t)CHUNK_LARGE), (size_t)CHUNK_SIZE);
}

static struct chunk *chunk_create(struct chunk *previous, size_t size)
{
	struct chunk *c;

	if (size > SIZE_MAX / 2)
		base_oom();
	c = calloc(1, sizeof *c + size);
	if (!c)
		base_oom();
	if (size == CHUNK_LARGE)
		madvise((void *)(((uintptr_t)c + PAGE - 1) & ~(uintptr_t)(PAGE - 1)), size - PAGE,
			MADV_POPULATE_WRITE); /* an older kernel says no: then one by one */
	c->previous = previous;
	c->size = size;
	ASAN_POISON_MEMORY_REGION(c->data, size);
	return c;
}

static void chunk_destroy(struct chunk *c)
{
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
	free(c);
}

struct arena *arena_create(void)
{
	struct arena *a = calloc(1, sizeof *a);

	if (!a)
		base_oom();
	return a;
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->last, *previous; c; c = previous) {
		previous = c->previous;
		chunk_destroy(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->last;
	void *p;
	size_t whole = base_align(base_max(size, (size_t)1), (size_t)16) + BASE_GAP;

	if (whole < size)
		base_oom();
	if (!c || c->size - c->used < whole)
		a->last = c = chunk_create(c, base_max(whole, chunk_size(c)));
	p = c->data + c->used;
	c->used += whole;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

void *arena_dup(struct arena *a, const void *p, size_t size)
{
	void *copy = arena_alloc(a, size);

	if (size)
		memcpy(copy, p, size);
	return copy;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char room[512]; /* most texts fit: written once */
	va_list again;
	char *text;
	int n;

	base_assert(fmt);
	va_copy(again, ap);
	n = vsnprintf(room, sizeof room, fmt, again);
	va_end(again);
	base_assert(n >= 0);
	text = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof room)
		memcpy(text, room, (size_t)n + 1);
	else
		vsnprintf(text, (size_t)n + 1, fmt, ap);
	return text;
}

char *arena_join(struct arena *a, const char *const *parts, size_t n)
{
	size_t sizes[16], total = 0;
	char *text, *at;

	base_assert(n <= base_count(sizes));
	for (size_t i = 0; i < n; i++)
		total += sizes[i] = strlen(parts[i]);
	text = at = arena_alloc(a, total + 1);
	for (size_t i = 0; i < n; i++) {
		memcpy(at, parts[i], sizes[i]);
		at += sizes[i];
	}
	return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return text;
}

struct arena_mark arena_mark(struct arena *a)
{
	return (struct arena_mark){ a->last, a->last ? a->last->used : 0 };
}

void arena_reset(struct arena *a, struct arena_mark m)
{
	while (a->last && a->last != m.chunk) {
		struct chunk *previous = a->last->previous;

		chunk_destroy(a->last);
		a->last = previous;
	}
	if (a->last && a->last->used > m.used) {
		ASAN_UNPOISON_MEMORY_REGION(a->last->data + m.used, a->last->used - m.used);
		memset(a->last->data + m.used, 0, a->last->used - m.used);
		ASAN_POISON_MEMORY_REGION(a->last->data + m.used, a->last->used - m.used);
		a->last->used = m.used;
	}
}

void *vec_grow(struct arena *a, void *p, uint32_t n, uint32_t *cap, size_t item)
{
	uint32_t wanted = *cap ? *cap * 2 : 8;
	void *bigger;

	if (wanted <= *cap)
		base_oom();
	bigger = arena_alloc(a, (size_t)wanted * item);
	if (n)
		memcpy(bigger, p, (size_t)n * item);
	*cap = wanted;
	return bigger;
}

void buf_init(struct buf *b, struct arena *a)
{
	*b = (struct buf){ .arena = a };
}

static void buf_reserve(struct buf *b, size_t more)
{
	size_t wanted = b->cap ? b->cap : 64;
	char *bigger;

	if (b->cap && b->cap - b->n > more)
		return;
	while (wanted - b->n <= more)
		wanted *= 2;
	bigger = arena_alloc(b->arena, wanted);
	if (b->n)
		memcpy(bigger, b->p, b->n);
	b->p = bigger;
	b->cap = wanted;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	buf_reserve(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, int c)
{
	char byte = (char)c;

	buf_add(b, &byte, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	base_assert(fmt);
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	base_assert(n >= 0);
	buf_reserve(b, (size_t)n + 1);
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

const char *buf_str(struct buf *b)
{
	buf_reserve(b, 1);
	return b->p;
}
