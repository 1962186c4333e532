/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ctl: what the kernel tells of threads, and the probes of it. */
#ifndef SPILE_CTL_RECORDS_H
#define SPILE_CTL_RECORDS_H

#include "ctl/session.h"

/* ---- tracepoints.c --------------------------------------------------------- */

struct ctl_tracepoint;
/* The event that a CTL_TRACEPOINT probe asks for, and how its records are told. */
struct error *ctl_tracepoint_find(struct ctl_session *s, const struct bundle_probe *b, struct proc_perf_event *event,
				  const struct ctl_tracepoint **out) BASE_MUST_CHECK;
/* values but that of the process, and other_name of the sample, from the raw data of the record */
void ctl_tracepoint_tell(const struct ctl_tracepoint *t, const struct proc_perf_record *p, struct abi_sample *out);

/* ---- records.c ------------------------------------------------------------- */

/* Has the kernel record what probes ask for, of the processes known. They need not be stopped. */
struct error *ctl_records_start(struct ctl_session *s) BASE_MUST_CHECK;
/* A process joins the session, or (--user) is only to be watched; does nothing if it is watched already. */
void ctl_records_join(struct ctl_session *s, pid_t pid);
void ctl_records_serve(struct ctl_session *s); /* runs the handlers of what has come */
int64_t ctl_records_nap(const struct ctl_session *s); /* ns until the rings want to be read; INT64_MAX: never */
void ctl_records_finish(struct ctl_session *s); /* the last ones */
void ctl_records_close(struct ctl_session *s);

/* ---- sampled.c ------------------------------------------------------------- */

/*
 * A handler is about to run in the tool for a thread of this process, which was at `pc`: sees to it that its files are
 * described, if they are asked for, and shows the handler those modules; then all again.
 */
void ctl_sampled_enter(struct ctl_session *s, uint32_t pid, uint64_t pc);
void ctl_sampled_leave(struct ctl_session *s);
/* What the kernel tells: it has its parent's memory; runs another program; has mapped a file; has ended. */
void ctl_sampled_forked(struct ctl_session *s, uint32_t parent, uint32_t child);
void ctl_sampled_executed(struct ctl_session *s, uint32_t pid);
void ctl_sampled_mapped(struct ctl_session *s, uint32_t pid, const struct proc_perf_map *map);
void ctl_sampled_ended(struct ctl_session *s, uint32_t pid);
/* It is watched from now on: what it has mapped already. */
void ctl_sampled_met(struct ctl_session *s, uint32_t pid);
void ctl_sampled_close(struct ctl_session *s);

#endif
