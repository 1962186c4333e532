/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of runtime/core share: places in the region, bounded copies, strings. */
#ifndef SPILE_RUNTIME_CORE_H
#define SPILE_RUNTIME_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/abi.h"

#define RT_INLINE static inline __attribute__((always_inline))
#define RT_COLD __attribute__((cold, noinline))
#define rt_likely(c) __builtin_expect(!!(c), 1)
#define rt_unlikely(c) __builtin_expect(!!(c), 0)

/*
 * Words of slot.scratch.  The first is the tool's: address of a
 * void (*)(struct abi_slot *) that empties the ring, 0 none.
 */
#define RT_SCRATCH_DRAIN 0
#define RT_SCRATCH_LOCKS 1 /* the list given to rt_lock, for what slot.locks has no room for */
#define RT_SCRATCH_RANDOM 2 /* state of rt_randint, 0 unseeded */
#define RT_SCRATCH_PROCFS 3 /* the tool's: address of its struct abi_procfs, 0 none */
/*
 * The tool's: bool (*)(struct abi_slot *, uint64_t address, uint64_t size, void *to), which reads the
 * target's memory for handlers that run in the tool; 0 none.
 */
#define RT_SCRATCH_FETCH 8

RT_INLINE struct abi_region *rt_region(const struct abi_slot *s)
{
	return (struct abi_region *)s->region;
}

RT_INLINE uint64_t rt_align8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

/* ---- arithmetic that wraps -------------------------------------------------- */

RT_INLINE int64_t rt_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

RT_INLINE int64_t rt_sub(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

RT_INLINE int64_t rt_mul(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Rounds towards zero; 0 by division by 0; INT64_MIN / -1 wraps. */
RT_INLINE int64_t rt_div(int64_t a, int64_t b)
{
	if (b == 0)
		return 0;
	return b == -1 ? rt_sub(0, a) : a / b;
}

/* Time stamps that pass in ns nanoseconds; about right when the tool has not said. */
static inline uint64_t rt_ticks(const struct abi_region *r, uint64_t ns)
{
	return r->tsc_mult ? (ns << 32) / r->tsc_mult : ns * 3;
}

/* ---- strings ---------------------------------------------------------------------- */

/* memory.c defines them in the image; hosted, they are the C library's. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Most bytes of a string value, without its NUL. */
RT_INLINE uint32_t rt_string_most(const struct abi_slot *s)
{
	return rt_region(s)->max_string - 1;
}

/* Room of a string of max_string bytes among keys and values of a map. */
RT_INLINE uint32_t rt_string_room(uint32_t max_string)
{
	return (uint32_t)rt_align8(ABI_STRING_HEAD + (uint64_t)max_string);
}

/* Cuts at most bytes; from may overlap out->text. */
static inline void rt_string_set(struct abi_string *out, const char *from, uint64_t n,
				 uint32_t most)
{
	if (n > most)
		n = most;
	memmove(out->text, from, n);
	out->text[n] = 0;
	out->length = (uint32_t)n;
}

/* Order of bytes, as strcmp: negative, 0, positive. */
static inline int rt_bytes_compare(const char *a, uint32_t na, const char *b, uint32_t nb)
{
	int order = memcmp(a, b, na < nb ? na : nb);

	if (order)
		return order;
	return na < nb ? -1 : na > nb;
}

/* Where b occurs in a, or -1. An empty b occurs at 0. */
int64_t rt_bytes_find(const char *a, uint32_t na, const char *b, uint32_t nb);

/* Counts a hit that was not served; too many of them end the session. */
void rt_count_skipped(struct abi_region *r);

/* ---- errors -------------------------------------------------------------------------- */

/* Raises the catchable error `text`, unless one is pending. */
void rt_raise_text(struct abi_slot *s, const char *text, uint32_t length);
#define RT_RAISE(s, text) rt_raise_text((s), (text), sizeof(text) - 1)

#endif
