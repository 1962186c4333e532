/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of proc's door: what the kernel's tracepoints tell, as tracefs describes it
 * (Documentation/trace/events.rst, "Event formats"). Their records come by proc/perf.h.
 */
#ifndef SPILE_PROC_TRACEPOINT_H
#define SPILE_PROC_TRACEPOINT_H

#include <stdio.h>

#include "base/base.h"

struct proc_tracepoint_field {
	const char *name;
	uint32_t offset, size; /* bytes, in the raw data of a record */
	bool is_signed;
	bool is_text;
	bool is_located; /* a text elsewhere in the data: here are its offset, 16 bits, and its size, 16 bits */
};
struct proc_tracepoint {
	uint32_t id; /* config of a PERF_TYPE_TRACEPOINT event */
	VEC(struct proc_tracepoint_field) fields;
};

/*
 * Looks up "sched/sched_wakeup"; errors name `what` asks. ERROR_SYSTEM: descriptions are root's; ERROR_UNSUPPORTED:
 * this kernel has no such tracepoint, or tracefs is not mounted.
 */
struct error *proc_tracepoint_find(struct arena *a, const char *what, const char *name,
				   struct proc_tracepoint *out) BASE_MUST_CHECK;
/* Understands a `format` file; false: it is none. */
bool proc_tracepoint_parse(struct arena *a, FILE *format, struct proc_tracepoint *out);
/* NULL: it has no such field. */
const struct proc_tracepoint_field *proc_tracepoint_field(const struct proc_tracepoint *t, const char *name);
/* A field's value in a record's raw data, sizes 1, 2, 4, 8; 0 where the data end before it. */
int64_t proc_tracepoint_number(const struct proc_tracepoint_field *f, const uint8_t *raw, uint32_t size);
/* A text, cut to the room, with a NUL; empty where the data end before it. */
void proc_tracepoint_text(const struct proc_tracepoint_field *f, const uint8_t *raw, uint32_t size, char *to,
			  size_t room);

#endif
