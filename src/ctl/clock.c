/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From time stamps to the kernel's clocks.
 *
 * The rate is measured once, between two samples some milliseconds apart (each the
 * best of several, so that an interruption does not count).  What it is off by is
 * taken out of the bases while the session runs, in steps below a microsecond.
 */
#include <time.h>

#include "ctl/session.h"

#define SAMPLES 16
#define LEAST_SPAN 3000000 /* ns between the samples: 60 ns of doubt are 20 ppm */
#define CORRECT_EVERY 20000000 /* ns */
#define TOLERANCE 500 /* ns */
#define SECOND 1000000000ll

uint64_t ctl_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

int64_t ctl_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Reads a clock with the stamp of the same moment. */
static int64_t sample_clock(clockid_t clock, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;
	int64_t value = 0;

	*tsc = 0;
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t before = ctl_tsc();
		int64_t now = read_clock(clock);
		uint64_t after = ctl_tsc();

		if (after - before >= best)
			continue;
		best = after - before;
		value = now;
		*tsc = before + best / 2;
	}
	return value;
}

void ctl_clock_start(struct ctl_session *s)
{
	uint64_t tsc;

	s->start_time = sample_clock(CLOCK_MONOTONIC, &tsc);
	s->start_tsc = (int64_t)tsc;
}

static int64_t converted(const struct abi_region *r, uint64_t tsc)
{
	return (int64_t)((unsigned __int128)(tsc - r->tsc_base) * r->tsc_mult >> 32);
}

void ctl_clock_calibrate(struct ctl_session *s)
{
	struct abi_region *r = s->region;
	uint64_t tsc, real_tsc;
	int64_t now;

	while (ctl_now() - s->start_time < LEAST_SPAN)
		nanosleep(&(struct timespec){ 0, 200000 }, NULL);
	now = sample_clock(CLOCK_MONOTONIC, &tsc);
	r->tsc_mult = (uint64_t)(((unsigned __int128)(now - s->start_time) << 32) /
				 (tsc - (uint64_t)s->start_tsc));
	r->tsc_base = tsc;
	r->monotonic_base = now;
	now = sample_clock(CLOCK_REALTIME, &real_tsc);
	r->realtime_base = now - converted(r, real_tsc);
	s->clock_checked = ctl_now();
}

static void correct_base(const struct abi_region *r, clockid_t clock, int64_t *base)
{
	uint64_t tsc;
	int64_t now = sample_clock(clock, &tsc), wrong = now - converted(r, tsc) - *base;

	if (wrong > TOLERANCE || wrong < -TOLERANCE)
		__atomic_store_n(base, *base + wrong, __ATOMIC_RELAXED);
}

void ctl_clock_correct(struct ctl_session *s)
{
	int64_t now = ctl_now();

	if (now - s->clock_checked < CORRECT_EVERY)
		return;
	s->clock_checked = now;
	correct_base(s->region, CLOCK_MONOTONIC, &s->region->monotonic_base);
	correct_base(s->region, CLOCK_REALTIME, &s->region->realtime_base);
}
