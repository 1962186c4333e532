/* SPDX-License-Identifier: Apache-2.0 */
/* The LTTng-UST tracepoint that stands for the mark when that peer is measured. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_tp.h"
#if !defined(BENCH_LTTNG_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define BENCH_LTTNG_TP_H
#include <lttng/tracepoint.h>
LTTNG_UST_TRACEPOINT_EVENT(bench, hit, LTTNG_UST_TP_ARGS(long, i),
			   LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(long, i, i)))
#endif
#include <lttng/tracepoint-event.h>
