/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the processor as the kernel shows them to the thread that they count. */
#ifndef SPILE_RUNTIME_COUNTER_H
#define SPILE_RUNTIME_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"

/* The beginning of struct perf_event_mmap_page (linux/perf_event.h), which says how it is read. */
struct rt_counter_page {
	uint32_t version, compat_version;
	uint32_t lock; /* changes before and after every change of the rest */
	uint32_t index; /* 1 + the number for rdpmc; 0: the processor does not count this now */
	int64_t offset; /* to be added to what the processor has */
	uint64_t time_enabled, time_running;
	uint64_t capabilities; /* RT_COUNTER_ */
	uint16_t width; /* bits of what the processor has */
};
#define RT_COUNTER_READABLE 4u /* cap_user_rdpmc */

/*
 * What the counter of a page has, for the thread that it counts. *idle is set if the processor does not
 * count it now: then it is what it had when it last did. Bounded: a page that never comes to rest
 * is read as one that is idle.
 */
int64_t rt_counter_of_page(const volatile struct rt_counter_page *page, bool *idle);

/* In a forked child: the parent's pages are not there. */
void rt_counters_forked(struct abi_process *p);
/* At a thread's end: its counters are closed. */
void rt_counters_drop(struct abi_slot *s);

#endif
