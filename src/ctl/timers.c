/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer probes: run by the session's loop in the tool.
 *
 * A timer's base advances by its interval, whatever the handler or the random part took:
 * no drift.  Expirations that were missed are not made up for.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "ctl/session.h"

static int64_t random_part(int64_t most)
{
	uint64_t r = 0;

	if (most <= 0 || getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
		return 0;
	return (int64_t)(r % (2 * (uint64_t)most + 1)) - most;
}

static void advance(struct ctl_session *s, struct ctl_timer *t, int64_t now)
{
	const struct bundle_probe *p = &s->bundle->probes.p[t->probe];
	int64_t interval = base_max(p->interval_ns, (int64_t)1);

	t->base += interval;
	if (t->base < now)
		t->base += (now - t->base) / interval * interval;
	t->next = t->base + random_part(base_min(p->randomize_ns, interval));
}

void ctl_timers_start(struct ctl_session *s)
{
	int64_t now = ctl_now();

	for (uint32_t i = 0; i < s->bundle->probes.n; i++) {
		struct ctl_timer t = { .probe = i, .base = now };

		if (s->bundle->probes.p[i].event != CTL_TIMER)
			continue;
		advance(s, &t, now);
		vec_push(s->arena, &s->timers, t);
	}
	if (s->options->timeout_ns > 0)
		s->end_time = now + s->options->timeout_ns;
}

/* exit() in one handler ends the session, and with it the others. */
void ctl_timers_run(struct ctl_session *s)
{
	int64_t now = ctl_now();

	vec_each(t, &s->timers) {
		if (t->next > now)
			continue;
		if (s->region->request_exit || s->region->state != ABI_STATE_RUNNING)
			return;
		ctl_tool_run(s, t->probe);
		advance(s, t, now);
	}
}

int64_t ctl_timers_next(const struct ctl_session *s)
{
	int64_t next = INT64_MAX;

	vec_each(t, &s->timers)
		next = base_min(next, t->next);
	return next;
}
