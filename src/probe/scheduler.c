/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's scheduler records of the target's threads; the library's scheduler.* stands upon it. */
#include <string.h>

#include "probe/variable.h"

static const struct {
	const char *name;
	enum probe_record kind;
	const char *tracepoint; /* as of struct sema_record */
} points[] = {
	{ "cpu_on", RECORD_CPU_ON, NULL },
	{ "cpu_off", RECORD_CPU_OFF, NULL },
	{ "migrate", RECORD_MIGRATE, NULL },
	{ "process_fork", RECORD_FORK, NULL },
	{ "process_exec", RECORD_EXEC, NULL },
	{ "process_exit", RECORD_EXIT, NULL },
	{ "wakeup", RECORD_TRACEPOINT, "sched/sched_wakeup pid prio target_cpu comm" },
	{ "wakeup_new", RECORD_TRACEPOINT, "sched/sched_wakeup_new pid prio target_cpu comm" },
	{ "ctxswitch", RECORD_TRACEPOINT, "sched/sched_switch next_pid next_prio next_comm prev_prio prev_state" },
	{ "process_wait", RECORD_TRACEPOINT, "sched/sched_process_wait pid" },
	{ "wait_task", RECORD_TRACEPOINT, "sched/sched_wait_task pid prio comm" },
	{ "signal_send", RECORD_TRACEPOINT, "signal/signal_generate pid sig comm" },
};

static const char *const types[] = {
	"__scheduler.cpu_on",	    "__scheduler.cpu_off",	"__scheduler.migrate",
	"__scheduler.process_fork", "__scheduler.process_exec", "__scheduler.process_exit",
	"__scheduler.wakeup",	    "__scheduler.wakeup_new",	"__scheduler.ctxswitch",
	"__scheduler.process_wait", "__scheduler.wait_task",	"__scheduler.signal_send",
	NULL,
};

static bool scheduler_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point;

	if (!sema_point_match(r, p, types))
		return false;
	point = sema_point_add(r, EVENT_RECORD, CONTEXT_TOOL, lang_point_text(r->arena, p, false) + strlen("__"));
	point->type = "perf_event";
	for (size_t i = 0; i < base_count(points); i++)
		if (strcmp(points[i].name, p->components.p[1].name) == 0)
			point->record = (struct sema_record){ .kind = points[i].kind, .period = 1,
							      .tracepoint = points[i].tracepoint };
	return true;
}

extern const struct sema_provider probe_scheduler_provider;
const struct sema_provider probe_scheduler_provider = {
	.root = "__scheduler",
	.resolve = scheduler_resolve,
	.types = types,
	.variable = probe_variable,
};
