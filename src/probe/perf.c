/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf.type(T).config(C): events that the processor or the kernel count, as perf_event_open(2)
 * numbers them.
 *
 *	.sample(N), .hz(N)	a handler, in the tool, for every Nth event, or N times a second
 *	.process("p")		only of processes that run the file
 *	.counter("name")	no handler: @perf("name") in handlers of the target reads the thread's count
 *
 * What the processor counts is read there from the processor (runtime/core/counter.c). What the kernel counts itself it
 * shows to nobody while it changes: for some of that it has a call.
 *
 * Switches and migrations happen in the kernel, whose events are hidden from ordinary users; their
 * records are not, so they stand in.
 */
#include "abi/abi.h"
#include "probe/variable.h"

#include <string.h>
#include <unistd.h>

/* PERF_TYPE_ */
#define TYPE_SOFTWARE 1
#define TYPE_TRACEPOINT 2
#define TYPE_BREAKPOINT 5
#define SAMPLE_DEFAULT 1000000
#define HERTZ_MOST 100000 /* kernel.perf_event_max_sample_rate, as it is when nobody changed it */
/* PERF_COUNT_SW_ */
enum { CPU_CLOCK, TASK_CLOCK, PAGE_FAULTS, CONTEXT_SWITCHES, CPU_MIGRATIONS, FAULTS_MINOR, FAULTS_MAJOR };

static const char *const types[] = {
	"perf.type(number).config(number)",
	"perf.type(number).config(number).sample(number)",
	"perf.type(number).config(number).hz(number)",
	"perf.type(number).config(number).process",
	"perf.type(number).config(number).process(string)",
	"perf.type(number).config(number).counter(string)",
	"perf.type(number).config(number).process(string).counter(string)",
	NULL,
};

/* The component of the name, or 0: type is the first that could be. */
static uint32_t component(const struct probe_point *p, const char *name)
{
	for (uint32_t i = 3; i < p->components.n; i++)
		if (strcmp(p->components.p[i].name, name) == 0)
			return i;
	return 0;
}

/* ---- counters ----------------------------------------------------------------------- */

static struct probe_counter *counter_find(struct probe_user *user, const char *name)
{
	vec_each(c, &user->counters)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static bool counter(struct sema_resolver *r, const struct probe_point *p, uint32_t i,
		    const struct sema_record *record)
{
	struct probe_user *user = r->user;
	struct probe_counter c = { .type = record->type, .config = record->config };
	struct probe_counter *have;
	struct sema_point *point;

	if (!sema_string_argument(r, p, i, &c.name))
		return false;
	have = counter_find(user, c.name);
	if (have && (have->type != c.type || have->config != c.config))
		return probe_point_fail(r, p, i, DIAG_PROBE_POINT,
					"another event has a counter of this name");
	if (!have) {
		vec_push(r->arena, &user->counters, c);
		have = counter_find(user, c.name);
	}
	point = sema_point_add(r, EVENT_NEVER, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->type = "perf_event";
	point->declares = true;
	point->record = *record;
	point->counter = have->number;
	vec_push(r->arena, &have->points, point);
	return true;
}

/* ---- points ----------------------------------------------------------------------------- */

static bool process(struct sema_resolver *r, const struct probe_point *p, uint32_t i, struct sema_record *out)
{
	const char *name = r->options->target_path;
	struct error *e;

	if (!p->components.p[i].has_argument && (!r->options->has_target || !name))
		return probe_point_fail(r, p, i, DIAG_PROBE_POINT,
			    "unspecified process probe is invalid without a -c COMMAND or -x PID "
			    "[man stapprobes]");
	if (!p->components.p[i].has_argument) {
		out->process = name;
		return true;
	}
	if (!sema_string_argument(r, p, i, &name))
		return false;
	e = elf_find_program(r->arena, name, &out->process);
	return e ? probe_point_fail(r, p, i, DIAG_PROBE_POINT, error_text(e)) : true;
}

/* What a sample of it is made of. */
static bool choose(struct sema_resolver *r, const struct probe_point *p, struct sema_record *record)
{
	bool switches = record->type == TYPE_SOFTWARE && record->config == CONTEXT_SWITCHES;
	bool migrations = record->type == TYPE_SOFTWARE && record->config == CPU_MIGRATIONS;

	record->kind = switches ? RECORD_CPU_OFF : migrations ? RECORD_MIGRATE : RECORD_SAMPLE;
	if (record->kind != RECORD_SAMPLE && record->is_frequency)
		return probe_point_fail(r, p, component(p,
					"hz"), DIAG_PROBE_POINT, "this event has no frequency: use .sample(1)");
	return true;
}

static bool rate(struct sema_resolver *r, const struct probe_point *p, struct sema_record *record)
{
	uint32_t sample = component(p, "sample"), hz = component(p, "hz");
	int64_t n = SAMPLE_DEFAULT;

	if ((sample || hz) && !sema_number_argument(r, p, sample ? sample : hz, &n))
		return false;
	if (n <= 0)
		return probe_point_fail(r, p, sample ? sample : hz, DIAG_PROBE_POINT,
					"must be greater than 0");
	if (hz && n > HERTZ_MOST)
		return probe_point_fail(r, p, hz, DIAG_PROBE_POINT, "at most 100000");
	record->period = (uint64_t)n;
	record->is_frequency = hz != 0;
	return true;
}

static bool perf_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_record record = { .kind = RECORD_SAMPLE };
	struct sema_point *point;
	int64_t type, config;

	if (!sema_point_match(r, p, types) || !sema_number_argument(r, p, 1, &type) ||
	    !sema_number_argument(r, p, 2, &config))
		return false;
	if (type < 0 || type > UINT32_MAX)
		return probe_point_fail(r, p, 1, DIAG_PROBE_POINT, "no such type of events");
	record.type = (uint32_t)type;
	record.config = (uint64_t)config;
	if (component(p, "process") && !process(r, p, component(p, "process"), &record))
		return false;
	if (component(p, "counter"))
		return counter(r, p, component(p, "counter"), &record);
	if (!rate(r, p, &record) || !choose(r, p, &record))
		return false;
	point = sema_point_add(r, EVENT_RECORD, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->record = record;
	point->type = "perf_event";
	return true;
}

/* ---- @perf ------------------------------------------------------------------------------------ */

static struct expr *refuse(struct sema_resolver *r, struct expr *target, bool probing, const char *text)
{
	if (!probing)
		diag_add(r->diags, DIAG_COUNTER, target->token, "%s", text);
	return NULL;
}

static struct expr *unknown(struct sema_resolver *r, struct expr *target, const struct expr *name, bool probing)
{
	const struct probe_user *user = r->user;
	const char **names = arena_array(r->arena, const char *, user->counters.n + 1), *near = NULL;
	const char *text = "no perf probe declares a counter of this name";

	for (uint32_t i = 0; i < user->counters.n; i++)
		names[i] = user->counters.p[i].name;
	if (name && name->kind == EXPR_STRING)
		near = base_near(name->string.text, names, user->counters.n);
	return refuse(r, target, probing, near ? arena_printf(r->arena, "%s (similar: %s)", text, near) : text);
}

/* The kernel tells it by a call, migrations by a file. */
static bool is_told(const struct probe_counter *c)
{
	return c->type == TYPE_SOFTWARE && c->config <= FAULTS_MAJOR &&
	       (c->config != CPU_MIGRATIONS || access("/proc/self/sched", R_OK) == 0);
}

/* From now on somebody reads it. */
static bool number_counter(struct probe_user *user, struct probe_counter *c)
{
	if (c->number)
		return true;
	if (user->n_counters == ABI_COUNTERS)
		return false;
	c->number = ++user->n_counters;
	vec_each(point, &c->points)
		(*point)->counter = c->number;
	return true;
}

struct expr *probe_counter_value(struct sema_resolver *r, const struct sema_site *site,
				 struct expr *target, bool probing)
{
	const struct expr *name = target->op.args.list.n ? target->op.args.list.p[0] : NULL;
	struct probe_counter *c = name && name->kind == EXPR_STRING ? counter_find(r->user, name->string.text) :
								      NULL;

	if (!c)
		return unknown(r, target, name, probing);
	if (!site)
		return refuse(r, target, probing, "counters are read in handlers of a process");
	if (is_told(c))
		return probe_expr_call(r, target, "__counter", 1, probe_expr_number(r, target, (int64_t)c->config));
	if (c->type == TYPE_SOFTWARE || c->type == TYPE_TRACEPOINT || c->type == TYPE_BREAKPOINT)
		return refuse(r, target, probing,
			      "the kernel shows this count to nobody while it changes: of its own counters perf.sw.cpu_clock, "
			      "task_clock, page_faults*, context_switches, cpu_migrations can be read; others can be sampled");
	if (!probing && !number_counter(r->user, c))
		return refuse(r, target, probing, "more counters of the processor than a session reads: 16");
	return probe_expr_call(r, target, "__processor_counter", 1,
			       probe_expr_number(r, target, probing ? 0 : (int64_t)c->number - 1));
}

extern const struct sema_provider probe_perf_provider;
const struct sema_provider probe_perf_provider = {
	.root = "perf",
	.resolve = perf_resolve,
	.types = types,
	.variable = probe_variable,
};
