/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.s(N) to timer.ns(N) and timer.jiffies(N), with .randomize(M), and timer.hz(N): they run in the tool,
 * on its time. timer.profile runs there too, for samples of the target's threads.
 */
#include "probe/variable.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define SHORTEST INT64_C(100000)          /* ns: 100 us */
#define LONGEST (INT64_C(86400) * SECOND) /* a day */

#define JIFFY (SECOND / 1000)             /* as HZ() of the tapset says */
#define TICKS INT64_C(1000)               /* of timer.profile in a second of processor time */
#define TYPE_SOFTWARE 1u                  /* perf_event_open(2): PERF_TYPE_SOFTWARE */
#define CPU_CLOCK 0u                      /* PERF_COUNT_SW_CPU_CLOCK */

struct unit {
	const char *name;
	int64_t ns;
};

static const struct unit units[] = {
	{ "s", SECOND }, { "sec", SECOND }, { "ms", 1000000 }, { "msec", 1000000 },
	{ "us", 1000 },  { "usec", 1000 },  { "ns", 1 },       { "nsec", 1 },
	{ "jiffies", JIFFY },
};

static const char *const types[] = {
	"timer.s(number)",    "timer.s(number).randomize(number)",
	"timer.sec(number)",  "timer.sec(number).randomize(number)",
	"timer.ms(number)",   "timer.ms(number).randomize(number)",
	"timer.msec(number)", "timer.msec(number).randomize(number)",
	"timer.us(number)",   "timer.us(number).randomize(number)",
	"timer.usec(number)", "timer.usec(number).randomize(number)",
	"timer.ns(number)",   "timer.ns(number).randomize(number)",
	"timer.nsec(number)", "timer.nsec(number).randomize(number)",
	"timer.jiffies(number)", "timer.jiffies(number).randomize(number)",
	"timer.hz(number)",   "timer.profile",
	"timer.profile.tick", "timer.profile.freq.hz(number)", NULL,
};

/* NULL for hz. */
static const struct unit *unit_find(const char *name)
{
	for (size_t i = 0; i < base_count(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

static bool interval(struct sema_resolver *r, const struct probe_point *p, const struct unit *u,
		     int64_t n, struct sema_point *out)
{
	int64_t least = base_max(SHORTEST / u->ns, INT64_C(1)), most = LONGEST / u->ns, random = 0;

	if (n < least || n > most)
		return probe_point_fail(r, p, 1, DIAG_PROBE_POINT,
			    arena_printf(r->arena, "interval value out of range (%lld, %lld)",
					 (long long)least, (long long)most));
	if (p->components.n > 2 && !sema_number_argument(r, p, 2, &random))
		return false;
	if (random < 0 || random > n)
		return probe_point_fail(r, p, 2, DIAG_PROBE_POINT,
					"randomization value out of range");
	out->interval_ns = n * u->ns;
	out->randomize_ns = random * u->ns;
	return true;
}

static bool frequency(struct sema_resolver *r, const struct probe_point *p, int64_t n,
		      struct sema_point *out)
{
	if (n <= 0)
		return probe_point_fail(r, p, 1, DIAG_PROBE_POINT,
					"frequency must be greater than 0");
	out->interval_ns = SECOND / n + (SECOND % n != 0);
	if (out->interval_ns < SHORTEST)
		return probe_point_fail(r, p, 1, DIAG_PROBE_POINT,
					"interval value out of range (100000, 86400000000000)");
	return true;
}

static bool profile(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point;
	int64_t interval_ns = SECOND / TICKS, n;

	if (p->components.n == 4) {
		if (!sema_number_argument(r, p, 3, &n))
			return false;
		if (n <= 0 || n > SECOND / SHORTEST)
			return probe_point_fail(r, p, 3, DIAG_PROBE_POINT,
						"frequency must be greater than 0 and at most 10000");
		interval_ns = SECOND / n;
	}
	point = sema_point_add(r, EVENT_RECORD, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->record = (struct sema_record){ .kind = RECORD_SAMPLE,
					      .type = TYPE_SOFTWARE,
					      .config = CPU_CLOCK,
					      .period = (uint64_t)interval_ns };
	point->type = "profile_timer";
	return true;
}

static bool timer_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point timing = { 0 }, *point;
	const struct unit *u;
	int64_t n;

	if (!sema_point_match(r, p, types))
		return false;
	if (strcmp(p->components.p[1].name, "profile") == 0)
		return profile(r, p);
	if (!sema_number_argument(r, p, 1, &n))
		return false;
	u = unit_find(p->components.p[1].name);
	if (u ? !interval(r, p, u, n, &timing) : !frequency(r, p, n, &timing))
		return false;
	point = sema_point_add(r, EVENT_TIMER, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->interval_ns = timing.interval_ns;
	point->randomize_ns = timing.randomize_ns;
	point->type = "hrtimer";
	return true;
}

extern const struct sema_provider probe_timer_provider;
const struct sema_provider probe_timer_provider = {
	.root = "timer",
	.resolve = timer_resolve,
	.types = types,
	.variable = probe_variable,
};
