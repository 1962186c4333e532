/* SPDX-License-Identifier: Apache-2.0 */
/* The records of one processor's ring, as the kernel writes them, and what they say. */
#ifndef SPILE_PROC_PERF_RING_H
#define SPILE_PROC_PERF_RING_H

#include "proc/proc.h"

struct perf_ring {
	void *memory; /* struct perf_event_mmap_page, then the data; NULL: not mapped */
	size_t data_size; /* a power of two */
	uint64_t at; /* read so far */
};

/* Which event has the number that the kernel gave; UINT32_MAX: none. */
typedef uint32_t perf_ring_event(const void *user, uint64_t id);

/* A record taken out of a ring. */
struct perf_raw {
	int64_t time;
	uint32_t order; /* among those of the same time */
	uint32_t size;
	const uint8_t *bytes; /* struct perf_event_header and what follows */
};

/* Copies what the kernel has finished into the arena, one call of `take` each, and frees its room. */
void perf_ring_take(struct perf_ring *r, struct arena *a,
		    void (*take)(void *user, const uint8_t *bytes, uint32_t size), void *user);
/* The time of a record; INT64_MIN: it has none. */
int64_t perf_ring_time(const uint8_t *bytes, uint32_t size);
/* False: nothing for the visitor. `lost` is added to. */
bool perf_ring_decode(const uint8_t *bytes, uint32_t size, perf_ring_event *event, const void *user,
		      const struct proc_perf_event *events, struct proc_perf_record *out);
/* sample_type of an event */
uint64_t perf_ring_sample_type(const struct proc_perf_event *e);
/* Registers asked for, as the kernel numbers them. */
uint64_t perf_ring_registers(void);

#endif
