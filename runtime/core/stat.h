/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of statistics. */
#ifndef SPILE_RUNTIME_STAT_H
#define SPILE_RUNTIME_STAT_H

#include "runtime/core/core.h"

/* Kinds of histograms, as generated code names them. */
#define RT_HIST_LOG 1
#define RT_HIST_LINEAR 2
#define RT_LOG_ZERO 64u /* bucket of the value 0 */

/* Adds what `from` counted to `to`. */
void rt_stat_merge(const struct abi_stat_desc *d, struct abi_stat *to, const struct abi_stat *from);
/* Least value of a bucket: the nearest to 0 of a log histogram's; of a linear one's underflow and
 * overflow: the limit. */
int64_t rt_hist_value(const struct abi_stat_desc *d, int64_t kind, uint32_t bucket);

#endif
