/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics: what <<< keeps and what the @ operators answer.
 *
 * Variance is computed as SystemTap documents it: Welford's method in
 * integers, values shifted left by `shift` first, the mean's rounding error
 * against sum / count added at the end.  Without a shift it is coarse: 1 2 3 4 5
 * gives 12, as in its manual.  Overflow wraps.
 */
#include "runtime/core/stat.h"
#include "runtime/rt_api.h"

/* ---- buckets ---------------------------------------------------------------- */

/* 0 is in bucket 64, 1 in 65, 2 and 3 in 66, 4 to 7 in 67; -1 in 63, -2 and -3 in 62. */
static uint32_t log_bucket(int64_t x)
{
	if (x == 0)
		return RT_LOG_ZERO;
	if (x > 0)
		return ABI_LOG_BUCKETS - (uint32_t)__builtin_clzll((uint64_t)x);
	return (uint32_t)__builtin_clzll(0 - (uint64_t)x);
}

/* The first bucket is below low, the last behind the others. */
static uint32_t linear_bucket(const struct abi_stat_desc *d, int64_t x)
{
	uint64_t at;

	if (x < d->low)
		return 0;
	at = d->step > 0 ? ((uint64_t)x - (uint64_t)d->low) / (uint64_t)d->step : UINT64_MAX - 1;
	return at + 1 < d->buckets - 1 ? (uint32_t)at + 1 : d->buckets - 1;
}

int64_t rt_hist_value(const struct abi_stat_desc *d, int64_t kind, uint32_t bucket)
{
	uint32_t steps = bucket ? bucket - 1 : 0;

	if (kind == RT_HIST_LINEAR) {
		if (bucket && bucket == d->buckets - 1)
			steps--;
		return rt_add(d->low, rt_mul((int64_t)steps, d->step));
	}
	if (bucket == RT_LOG_ZERO)
		return 0;
	if (bucket > RT_LOG_ZERO)
		return (int64_t)(1ull << ((bucket - RT_LOG_ZERO - 1) & 63));
	return (int64_t)(0 - (1ull << ((RT_LOG_ZERO - 1 - bucket) & 63)));
}

/* ---- adding ---------------------------------------------------------------------- */

static void add_variance(const struct abi_stat_desc *d, struct abi_stat *v, int64_t x)
{
	int64_t scaled = (int64_t)((uint64_t)x << (d->shift & 63)), delta;

	if (v->count == 1) {
		v->mean = scaled;
		v->m2 = 0;
		return;
	}
	delta = rt_sub(scaled, v->mean);
	v->mean = rt_add(v->mean, rt_div(delta, v->count));
	v->m2 = rt_add(v->m2, rt_mul(delta, rt_sub(scaled, v->mean)));
}

static void add_bucket(const struct abi_stat_desc *d, struct abi_stat *v, int64_t x)
{
	uint32_t at = d->keep & ABI_KEEP_LOG ? log_bucket(x) : linear_bucket(d, x);

	if (at < d->buckets)
		v->bucket[at] = rt_add(v->bucket[at], 1);
}

void rt_stat_add(struct abi_slot *s, const struct abi_stat_desc *d, struct abi_stat *v, int64_t x)
{
	uint32_t keep = d->keep;

	(void)s;
	if (keep & ABI_KEEP_MIN && (v->count == 0 || x < v->min))
		v->min = x;
	if (keep & ABI_KEEP_MAX && (v->count == 0 || x > v->max))
		v->max = x;
	v->count = rt_add(v->count, 1);
	if (keep & (ABI_KEEP_SUM | ABI_KEEP_VARIANCE))
		v->sum = rt_add(v->sum, x);
	if (rt_unlikely(keep & ABI_KEEP_VARIANCE))
		add_variance(d, v, x);
	if (keep & (ABI_KEEP_LOG | ABI_KEEP_LINEAR))
		add_bucket(d, v, x);
}

/* Chan's method: the mean moves by the other's weight, both spreads add up with what separates the
 * means. */
static void merge_variance(struct abi_stat *to, const struct abi_stat *from)
{
	int64_t n = rt_add(to->count, from->count), delta = rt_sub(from->mean, to->mean);
	int64_t moved = rt_div(rt_mul(delta, from->count), n);

	to->mean = rt_add(to->mean, moved);
	to->m2 = rt_add(rt_add(to->m2, from->m2), rt_mul(rt_mul(delta, moved), to->count));
}

void rt_stat_merge(const struct abi_stat_desc *d, struct abi_stat *to, const struct abi_stat *from)
{
	if (from->count == 0)
		return;
	if (to->count == 0) {
		memcpy(to, from, ABI_STAT_HEAD + (uint64_t)d->buckets * 8);
		return;
	}
	if (from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
	if (d->keep & ABI_KEEP_VARIANCE)
		merge_variance(to, from);
	to->count = rt_add(to->count, from->count);
	to->sum = rt_add(to->sum, from->sum);
	for (uint32_t i = 0; i < d->buckets; i++)
		to->bucket[i] = rt_add(to->bucket[i], from->bucket[i]);
}

void rt_stat_clear(struct abi_slot *s, const struct abi_stat_desc *d, struct abi_stat *v)
{
	(void)s;
	memset(v, 0, ABI_STAT_HEAD + (uint64_t)d->buckets * 8);
}

/* ---- answers ------------------------------------------------------------------------ */

static int64_t variance(const struct abi_stat_desc *d, const struct abi_stat *v)
{
	int64_t others = rt_sub(v->count, 1), mean, off, spread;

	mean = rt_div((int64_t)((uint64_t)v->sum << (d->shift & 63)), v->count);
	off = rt_sub(v->mean, mean);
	spread = rt_mul(others, rt_div(v->m2, others));
	spread = rt_add(spread, rt_mul(v->count, rt_mul(off, off)));
	return rt_div(spread, others) >> (2 * d->shift & 63);
}

int64_t rt_stat_get(struct abi_slot *s, const struct abi_stat_desc *d, const struct abi_stat *v,
		    int64_t op)
{
	if (!v || v->count == 0) {
		if (op != ABI_STAT_COUNT && op != ABI_STAT_SUM)
			rt_raise(s, 4);
		return 0;
	}
	switch (op) {
	case ABI_STAT_COUNT:
		return v->count;
	case ABI_STAT_SUM:
		return v->sum;
	case ABI_STAT_MIN:
		return v->min;
	case ABI_STAT_MAX:
		return v->max;
	case ABI_STAT_AVG:
		return rt_div(v->sum, v->count);
	case ABI_STAT_VARIANCE:
		return variance(d, v);
	default:
		return 0;
	}
}

int64_t rt_stat_bucket(struct abi_slot *s, const struct abi_stat_desc *d, int64_t hist_kind,
		       const struct abi_stat *v, int64_t index)
{
	(void)hist_kind;
	if (!v || v->count == 0) {
		rt_raise(s, 4);
		return 0;
	}
	if (index < 0 || index >= (int64_t)d->buckets) {
		rt_raise(s, 5);
		return 0;
	}
	return v->bucket[index];
}
