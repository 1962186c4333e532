/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the processor that handlers read: what the session does for them. */
#ifndef SPILE_CTL_PERF_COUNTERS_H
#define SPILE_CTL_PERF_COUNTERS_H

#include "ctl/session.h"

/* How many counters of the processor handlers read. */
uint32_t ctl_counters_number(const struct bundle *b);
/* Bytes of their pages in a process. */
uint64_t ctl_counters_size(const struct bundle *b);
/* Asks the kernel for each, before anything is placed; fills in the region. Errors say what the machine lacks or forbids. */
struct error *ctl_counters_prepare(struct ctl_session *s) BASE_MUST_CHECK;
/* Reading one may fault, so the process's signals have to be taken. */
bool ctl_counters_may_fault(const struct ctl_session *s);
/* Fills in what the process is to know. */
void ctl_counters_place(const struct ctl_process *p, struct abi_process *page);
/* Answers threads that are about to open theirs. */
void ctl_counters_serve(struct ctl_session *s);
void ctl_counters_tell(struct ctl_session *s);

#endif
