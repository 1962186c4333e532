/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts run in the test's own process: interpreted, and as generated code in tool, full and inline form. */
#ifndef TEST_GEN_RUN_SCRIPT_H
#define TEST_GEN_RUN_SCRIPT_H

#include "../ir/script.h"
#include "gen/gen.h"
#include "process.h"

extern const struct gen_limits run_limits;
/* The script whose module is interpreted: set before run_script(). */
extern const struct script *run_interpreted;

/* The hosted runtime, with output that is kept. */
void *run_symbol(const char *name);
void run_by_interpreter(struct process *p, uint32_t probe, bool in_tool);
void run_natively(struct process *p, uint32_t probe, bool in_tool);
/* What is printed, errors included, by running the probes named by digits, each by `one`. */
const char *run_script(struct arena *a, struct process *p, const char *order,
		       void (*one)(struct process *p, uint32_t probe, bool in_tool));

#endif
