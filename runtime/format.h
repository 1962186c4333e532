/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format: what the tool takes from the hosted runtime beside rt_api.h:
 * the text of records, and the release of dead threads' locks.
 *
 * The consumer's side of rings, stamps and the watermark: runtime/core/ring.h.
 */
#ifndef SPILE_RUNTIME_FORMAT_H
#define SPILE_RUNTIME_FORMAT_H

#include <stdbool.h>

#include "abi/abi.h"

/* Nanoseconds that a consumer's watermark stays behind its own time stamp. */
#define RT_RING_SLACK 100000u

/* Takes text as it is made; called several times for one record. */
typedef void rt_write(void *to, const char *bytes, uint64_t length);

/*
 * Formats args (longs, or addresses of abi_string) into out, cut at size bytes;
 * no NUL is added. Returns the length. %m and %M read this process's memory; what
 * cannot be read is left out.
 */
uint32_t rt_format_args(const struct abi_format *f, const uint64_t *args, char *out, uint32_t size);

/*
 * The text of an ABI_RECORD_PRINT. The record must be a copy that nobody changes;
 * whatever it holds, nothing outside its `size` bytes is read. False: it was damaged, the text
 * may be incomplete.
 */
bool rt_format_record(const struct abi_format *f, const struct abi_record *r, rt_write *write,
		      void *to);

/* Width of the largest bar, and rows of zeroes kept beside others (negative: all), as -D HIST_...
 */
#define RT_HIST_WIDTH ABI_HIST_WIDTH
#define RT_HIST_ELISION ABI_HIST_ELISION
/* Text of a histogram; kind 1 log, 2 linear. v may not change meanwhile. */
void rt_format_hist(const struct abi_stat_desc *d, int64_t kind, const struct abi_stat *v,
		    int64_t width, int64_t elision, rt_write *write, void *to);
/* Text of an ABI_RECORD_HIST, with its newline; as rt_format_record. */
bool rt_format_hist_record(const struct abi_record *r, int64_t width, int64_t elision,
			   rt_write *write, void *to);

/* The abi_string of an ERROR, WARN, TEXT or SYSTEM record; NULL: damaged. */
const struct abi_string *rt_record_text(const struct abi_record *r);
/*
 * Of an ERROR record: bundle positions of the error (the first) and, from the third word on, of the *n calls it came through; NULL:
 * damaged.
 */
const uint32_t *rt_record_places(const struct abi_record *r, uint32_t *n);

/* Gives back what a dead thread's slot holds. r: the region as the caller sees it. */
void rt_release_locks(struct abi_region *r, struct abi_slot *dead);

#endif
