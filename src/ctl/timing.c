/* SPDX-License-Identifier: Apache-2.0 */
/* -t: how often handlers ran and how long they took, who waited for locks, why hits were skipped. */
#include <string.h>

#include "ctl/session.h"

struct report {
	uint64_t hits, sum, least, most;
	unsigned __int128 squares;
};

static struct report gather(struct ctl_session *s, uint32_t probe)
{
	uint32_t n = ctl_slots_used(s);
	struct report r = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		const char *slot = (const char *)ctl_slot(s, i);
		struct abi_timing t =
			((const struct abi_timing *)(slot + ABI_SLOT_HEAD))[probe];

		if (!t.hits)
			continue;
		r.least = r.hits ? base_min(r.least, t.least) : t.least;
		r.most = base_max(r.most, t.most);
		r.hits += t.hits;
		r.sum += t.sum;
		r.squares += (unsigned __int128)t.squares_high << 64 | t.squares_low;
	}
	return r;
}

/* Of the sample; 0 of a single one. */
static uint64_t variance(const struct report *r)
{
	unsigned __int128 of_mean;

	if (r->hits < 2)
		return 0;
	of_mean = (unsigned __int128)r->sum * r->sum / r->hits;
	return r->squares > of_mean ? (uint64_t)((r->squares - of_mean) / (r->hits - 1)) : 0;
}

/* The figures of one column are as wide as the widest. */
struct widths {
	int name, place, hits, least, average, most, variance;
};

static void widen(int *width, uint64_t v)
{
	int n = snprintf(NULL, 0, "%lu", (unsigned long)v);

	*width = base_max(*width, n);
}

static uint64_t average(const struct report *r)
{
	return r->hits ? r->sum / r->hits : 0;
}

static struct widths measure(const struct bundle *b, const struct report *reports)
{
	struct widths w = { 0 };

	for (uint32_t i = 0; i < b->probes.n; i++) {
		const struct bundle_probe *p = &b->probes.p[i];

		w.name = base_max(w.name, (int)strlen(p->name));
		w.place = base_max(w.place, (int)strlen(p->place ? p->place : ""));
		widen(&w.hits, reports[i].hits);
		widen(&w.least, reports[i].least);
		widen(&w.average, average(&reports[i]));
		widen(&w.most, reports[i].most);
		widen(&w.variance, variance(&reports[i]));
	}
	return w;
}

static void write_probe(struct ctl_session *s, uint32_t number, const struct report *r,
			const struct widths *w)
{
	const struct bundle_probe *p = &s->bundle->probes.p[number];
	const char *place = p->place ? p->place : "";

	buf_addf(&s->output, "%s, %*s(%s), %*shits: %*lu, nsecs: %*lumin/%*luavg/%*lumax, variance: %*lu, index: %u\n",
		 p->name, w->name - (int)strlen(p->name), "", place, w->place - (int)strlen(place), "",
		 w->hits, (unsigned long)r->hits, w->least, (unsigned long)r->least, w->average,
		 (unsigned long)average(r), w->most, (unsigned long)r->most, w->variance,
		 (unsigned long)variance(r), number);
}

static void write_locks(struct ctl_session *s)
{
	const struct abi_region *r = s->region;
	const struct abi_global *g = (const void *)((const char *)r + r->globals_offset);
	bool any = false;

	for (uint32_t i = 0; i < s->bundle->globals.n; i++) {
		if (!g[i].lock_waits)
			continue;
		if (!any)
			buf_adds(&s->output, "----- global lock contention:\n");
		any = true;
		buf_addf(&s->output, "%s, waits: %lu\n", s->bundle->globals.p[i].name,
			 (unsigned long)g[i].lock_waits);
	}
}

static void write_skips(struct ctl_session *s)
{
	uint64_t nested = 0, locked = 0, other = 0, none = s->region->sites_skipped_no_slot;
	uint64_t known, room = 0; /* for a return address: rt_shadow_put */
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 0; i < n; i++) {
		nested += ctl_slot(s, i)->skipped_nested;
		locked += ctl_slot(s, i)->skipped_locked;
		other += ctl_slot(s, i)->skipped_other;
	}
	known = nested + locked + other + none;
	if (s->region->skipped > known)
		room = s->region->skipped - known;
	if (known + room)
		buf_addf(&s->output,
			 "----- skipped: %lu reentrant, %lu lock timeouts, %lu left by a jump, %lu without a slot, "
			 "%lu without room for a return address\n",
			 (unsigned long)nested, (unsigned long)locked, (unsigned long)other,
			 (unsigned long)none, (unsigned long)room);
}

void ctl_timing_report(struct ctl_session *s)
{
	uint32_t n = s->bundle->probes.n;
	struct report *reports = arena_array(s->arena, struct report, n);
	struct widths w;

	if (!s->options->timing || !s->bundle->timing_offset)
		return;
	for (uint32_t i = 0; i < n; i++)
		reports[i] = gather(s, i);
	w = measure(s->bundle, reports);
	buf_adds(&s->output, "----- probe hit report:\n");
	for (uint32_t i = 0; i < n; i++)
		write_probe(s, i, &reports[i], &w);
	write_locks(s);
	write_skips(s);
	ctl_flush(s);
}
