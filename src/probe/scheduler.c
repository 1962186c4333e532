/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's scheduler records of the target's threads; the library's scheduler.* stands upon it. */
#include <string.h>

#include "probe/variable.h"

static const struct {
	const char *name;
	enum probe_record kind;
} points[] = {
	{ "cpu_on", RECORD_CPU_ON },         { "cpu_off", RECORD_CPU_OFF },
	{ "migrate", RECORD_MIGRATE },       { "process_fork", RECORD_FORK },
	{ "process_exec", RECORD_EXEC },     { "process_exit", RECORD_EXIT },
};

static const char *const types[] = {
	"__scheduler.cpu_on",	    "__scheduler.cpu_off",	"__scheduler.migrate",
	"__scheduler.process_fork", "__scheduler.process_exec", "__scheduler.process_exit",
	NULL,
};

static bool scheduler_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point;

	if (!sema_point_match(r, p, types))
		return false;
	point = sema_point_add(r, EVENT_RECORD, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->type = "perf_event";
	for (size_t i = 0; i < base_count(points); i++)
		if (strcmp(points[i].name, p->components.p[1].name) == 0)
			point->record.kind = points[i].kind;
	return true;
}

extern const struct sema_provider probe_scheduler_provider;
const struct sema_provider probe_scheduler_provider = {
	.root = "__scheduler",
	.resolve = scheduler_resolve,
	.types = types,
	.variable = probe_variable,
};
