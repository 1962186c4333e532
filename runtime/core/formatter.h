/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the formatter: a buffered writer, and what print.c needs of formats. */
#ifndef SPILE_RUNTIME_FORMATTER_H
#define SPILE_RUNTIME_FORMATTER_H

#include "runtime/core/core.h"
#include "runtime/format.h"

/* Most arguments of a format with %m or %M; the language allows 32. */
#define RT_FORMAT_ARGS 64
/* Most bytes of memory one %m names. */
#define RT_FORMAT_MEMORY 4096

/* Bytes pass through a buffer; without `write` what does not fit is lost. */
struct rt_writer {
	char *at, *end, *buffer;
	rt_write *write; /* NULL: the buffer is all there is */
	void *to;
};

void rt_writer_put(struct rt_writer *w, const char *bytes, uint64_t n);
void rt_writer_fill(struct rt_writer *w, char c, uint64_t n);
void rt_writer_flush(struct rt_writer *w);

RT_INLINE void rt_writer_byte(struct rt_writer *w, char c)
{
	if (rt_likely(w->at < w->end))
		*w->at++ = c;
	else
		rt_writer_put(w, &c, 1);
}

/* Decimal digits of v to the end of text[20]; returns the first. */
const char *rt_digits(uint64_t v, uint32_t base, bool upper, char text[64], uint32_t *n);

/*
 * counts[i] = 1 + bytes of memory that argument i names, 0: names none. False: error raised (s may
 * be NULL), more bytes than allowed or more arguments than counted.
 */
bool rt_format_memory(struct abi_slot *s, const struct abi_format *f, const uint64_t *args,
		      uint32_t counts[RT_FORMAT_ARGS]);
/* Raises the read error for %m. */
void rt_format_fault(struct abi_slot *s, uint64_t address);

#endif
