/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating-point arithmetic of scripts: IEEE 754 binary64 in longs, rounded to
 * nearest, ties to even, by integer instructions alone: a handler may not touch
 * the program's vector registers.
 *
 * Every operation computes a significand of 64 bits with its leading 1 on top;
 * its lowest bit also stands for all that was shifted out ("sticky"). That is
 * enough for fp_pack to round as if the result had been exact. Results are
 * those of the processor's SSE2 instructions, bit for bit, NaNs included; nothing is flagged.
 */
#include "runtime/core/fp.h"
#include "runtime/rt_api.h"

/* ---- parts ---------------------------------------------------------------------------- */

struct fp_parts fp_unpack(uint64_t v)
{
	struct fp_parts p = { v & FP_SIGN, v & FP_FRACTION, (int32_t)(v >> FP_FRACTION_BITS & 0x7ff) };

	if (p.exponent) {
		p.significand |= 1ull << FP_FRACTION_BITS;
		p.exponent -= FP_BIAS;
	} else {
		int32_t shift = __builtin_clzll(p.significand) - 11;

		p.significand <<= shift;
		p.exponent = 1 - FP_BIAS - shift;
	}
	return p;
}

/* Shifts right; bits that fall out stay visible in bit 0. */
static uint64_t shift_sticky(uint64_t m, uint32_t n)
{
	if (n == 0)
		return m;
	if (n > 63)
		return m != 0;
	return m >> n | (m << (64 - n) != 0);
}

uint64_t fp_pack(uint64_t sign, int32_t exponent, uint64_t m)
{
	uint64_t field = 0, low;

	if (exponent > FP_BIAS)
		return sign | FP_INFINITY;
	if (exponent < 1 - FP_BIAS)
		m = shift_sticky(m, (uint32_t)(1 - FP_BIAS - exponent));
	else
		field = (uint64_t)(exponent + FP_BIAS - 1) << FP_FRACTION_BITS;
	low = m & 0x7ff;
	m >>= 11;
	if (low > 0x400 || (low == 0x400 && m & 1))
		m++;
	/* the leading 1 adds one to the field, a carry of the rounding another */
	return sign | (field + m);
}

/* m is not 0 and stands for m * 2^(exponent - 63). */
static uint64_t normalize_pack(uint64_t sign, int32_t exponent, uint64_t m)
{
	int32_t shift = __builtin_clzll(m);

	return fp_pack(sign, exponent - shift, m << shift);
}

/* The NaN that an operation with a NaN gives: the first one, made quiet. */
static uint64_t pick_nan(uint64_t a, uint64_t b)
{
	return (fp_is_nan(a) ? a : b) | FP_QUIET;
}

static bool any_nan(uint64_t a, uint64_t b)
{
	return fp_is_nan(a) || fp_is_nan(b);
}

/* ---- sums ------------------------------------------------------------------------------- */

/* Of finite numbers other than 0. */
static uint64_t sum(struct fp_parts a, struct fp_parts b)
{
	uint64_t ma, mb;

	if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
		struct fp_parts other = a;

		a = b;
		b = other;
	}
	/* one bit for the carry above, nine below */
	ma = a.significand << 10;
	mb = shift_sticky(b.significand << 10, (uint32_t)(a.exponent - b.exponent));
	if (a.sign == b.sign)
		return normalize_pack(a.sign, a.exponent + 1, ma + mb);
	if (ma == mb)
		return 0;
	return normalize_pack(a.sign, a.exponent + 1, ma - mb);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	if (fp_is_infinite(a))
		return fp_is_infinite(b) && a != b ? FP_DEFAULT_NAN : a;
	if (fp_is_infinite(b))
		return b;
	if (fp_is_zero(a))
		return fp_is_zero(b) ? a & b : b;
	return fp_is_zero(b) ? a : sum(fp_unpack(a), fp_unpack(b));
}

int64_t rt_fp_add(struct abi_slot *s, int64_t a, int64_t b)
{
	(void)s;
	if (any_nan((uint64_t)a, (uint64_t)b))
		return (int64_t)pick_nan((uint64_t)a, (uint64_t)b);
	return (int64_t)add((uint64_t)a, (uint64_t)b);
}

int64_t rt_fp_sub(struct abi_slot *s, int64_t a, int64_t b)
{
	(void)s;
	if (any_nan((uint64_t)a, (uint64_t)b))
		return (int64_t)pick_nan((uint64_t)a, (uint64_t)b);
	return (int64_t)add((uint64_t)a, (uint64_t)b ^ FP_SIGN);
}

/* ---- products --------------------------------------------------------------------------- */

int64_t rt_fp_mul(struct abi_slot *s, int64_t first, int64_t second)
{
	uint64_t a = (uint64_t)first, b = (uint64_t)second, sign = (a ^ b) & FP_SIGN;
	struct fp_parts p, q;
	unsigned __int128 product;

	(void)s;
	if (any_nan(a, b))
		return (int64_t)pick_nan(a, b);
	if (fp_is_infinite(a) || fp_is_infinite(b))
		return (int64_t)(fp_is_zero(a) || fp_is_zero(b) ? FP_DEFAULT_NAN : sign | FP_INFINITY);
	if (fp_is_zero(a) || fp_is_zero(b))
		return (int64_t)sign;
	p = fp_unpack(a);
	q = fp_unpack(b);
	/* 105 or 106 bits of product, moved to the upper half */
	product = (unsigned __int128)(p.significand << 11) * (q.significand << 11);
	return (int64_t)normalize_pack(sign, p.exponent + q.exponent + 1,
				       (uint64_t)(product >> 64) | ((uint64_t)product != 0));
}

#define QUOTIENT_BITS 56

static uint64_t quotient(uint64_t a, uint64_t b)
{
	uint64_t q = 0;

	for (int i = 0; i < QUOTIENT_BITS; i++) {
		q <<= 1;
		if (a >= b) {
			a -= b;
			q |= 1;
		}
		a <<= 1;
	}
	return q << (64 - QUOTIENT_BITS) | (a != 0);
}

int64_t rt_fp_div(struct abi_slot *s, int64_t first, int64_t second)
{
	uint64_t a = (uint64_t)first, b = (uint64_t)second, sign = (a ^ b) & FP_SIGN;
	struct fp_parts p, q;

	(void)s;
	if (any_nan(a, b))
		return (int64_t)pick_nan(a, b);
	if (fp_is_infinite(a))
		return (int64_t)(fp_is_infinite(b) ? FP_DEFAULT_NAN : sign | FP_INFINITY);
	if (fp_is_infinite(b))
		return (int64_t)sign;
	if (fp_is_zero(b))
		return (int64_t)(fp_is_zero(a) ? FP_DEFAULT_NAN : sign | FP_INFINITY);
	if (fp_is_zero(a))
		return (int64_t)sign;
	p = fp_unpack(a);
	q = fp_unpack(b);
	return (int64_t)normalize_pack(sign, p.exponent - q.exponent, quotient(p.significand, q.significand));
}

/* ---- remainder --------------------------------------------------------------------------- */

/* Of finite numbers other than 0: a - n * b, n being a / b rounded to nearest, ties to even. */
static uint64_t remainder_of(struct fp_parts a, struct fp_parts b)
{
	uint64_t left = a.significand, divisor = b.significand << 1, odd = 0;
	int32_t steps = a.exponent - b.exponent;

	/* all at the scale of the divisor's half */
	for (; steps >= 0; steps--) {
		odd = left >= b.significand;
		left -= odd ? b.significand : 0;
		left <<= 1;
	}
	if (left * 2 > divisor || (left * 2 == divisor && odd)) {
		left = divisor - left;
		a.sign ^= FP_SIGN;
	}
	if (!left)
		return a.sign;
	return normalize_pack(a.sign, b.exponent - 1 + 11, left);
}

int64_t rt_fp_rem(struct abi_slot *s, int64_t first, int64_t second)
{
	uint64_t a = (uint64_t)first, b = (uint64_t)second;
	struct fp_parts p, q;

	(void)s;
	if (any_nan(a, b))
		return (int64_t)pick_nan(a, b);
	if (fp_is_infinite(a) || fp_is_zero(b))
		return (int64_t)FP_DEFAULT_NAN;
	if (fp_is_infinite(b) || fp_is_zero(a))
		return first;
	p = fp_unpack(a);
	q = fp_unpack(b);
	/* less than half of b */
	if (p.exponent < q.exponent - 1)
		return first;
	return (int64_t)remainder_of(p, q);
}

/* ---- square root -------------------------------------------------------------------------- */

/* floor(sqrt(m * 2^58)) for m of 53 or 54 bits, by pairs of bits; bit 0 of the result << 8 is sticky. */
static uint64_t root_of(uint64_t m)
{
	uint64_t root = 0, left = 0, trial;

	for (int i = 0; i < QUOTIENT_BITS; i++) {
		left = left << 2 | m >> 52;
		m = (m & FP_FRACTION) << 2;
		trial = root << 2 | 1;
		root <<= 1;
		if (left >= trial) {
			left -= trial;
			root |= 1;
		}
	}
	return root << (64 - QUOTIENT_BITS) | (left != 0);
}

int64_t rt_fp_sqrt(struct abi_slot *s, int64_t value)
{
	uint64_t a = (uint64_t)value;
	struct fp_parts p;

	(void)s;
	if (fp_is_nan(a))
		return (int64_t)(a | FP_QUIET);
	if (fp_is_zero(a))
		return value;
	if (a & FP_SIGN)
		return (int64_t)FP_DEFAULT_NAN;
	if (fp_is_infinite(a))
		return value;
	p = fp_unpack(a);
	if (p.exponent & 1) {
		p.significand <<= 1;
		p.exponent--;
	}
	return (int64_t)normalize_pack(0, p.exponent / 2, root_of(p.significand));
}

/* ---- comparison ----------------------------------------------------------------------------- */

/* The number as one whose order is that of integers; -0 is 0. */
static int64_t ordered(int64_t v)
{
	return v < 0 ? rt_sub(INT64_MIN, v) : v;
}

int64_t rt_fp_eq(struct abi_slot *s, int64_t a, int64_t b)
{
	(void)s;
	return !any_nan((uint64_t)a, (uint64_t)b) && ordered(a) == ordered(b);
}

int64_t rt_fp_le(struct abi_slot *s, int64_t a, int64_t b)
{
	(void)s;
	return !any_nan((uint64_t)a, (uint64_t)b) && ordered(a) <= ordered(b);
}

int64_t rt_fp_lt(struct abi_slot *s, int64_t a, int64_t b)
{
	(void)s;
	return !any_nan((uint64_t)a, (uint64_t)b) && ordered(a) < ordered(b);
}

/* ---- conversion -------------------------------------------------------------------------------- */

int64_t rt_fp_from_long(struct abi_slot *s, int64_t value)
{
	uint64_t sign = value < 0 ? FP_SIGN : 0;

	(void)s;
	if (!value)
		return 0;
	return (int64_t)normalize_pack(sign, 63, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* What the processor gives for numbers that no long holds. */
#define NO_LONG INT64_MIN

enum rounding { TO_EVEN, TO_ZERO, DOWN, UP, TO_AWAY, TO_ODD = 6 };

/* Whether a magnitude is to be one more; rest: what was cut, as a fraction of 2^64. */
static bool rounds_up(int64_t mode, bool negative, uint64_t whole, uint64_t rest)
{
	switch (mode) {
	case TO_ZERO:
		return false;
	case DOWN:
		return negative && rest;
	case UP:
		return !negative && rest;
	case TO_AWAY:
		return rest >= FP_SIGN;
	case TO_ODD:
		return rest && !(whole & 1);
	default:
		return rest > FP_SIGN || (rest == FP_SIGN && whole & 1);
	}
}

int64_t rt_fp_to_long(struct abi_slot *s, int64_t value, int64_t mode, int64_t exact)
{
	uint64_t v = (uint64_t)value, whole = 0, rest;
	struct fp_parts p;

	(void)s;
	(void)exact; /* asks for a flag that nobody could see */
	if (fp_is_zero(v))
		return 0;
	if (fp_is_nan(v) || fp_is_infinite(v))
		return NO_LONG;
	p = fp_unpack(v);
	if (p.exponent > 63)
		return NO_LONG;
	p.significand <<= 11;
	if (p.exponent < 0) {
		rest = shift_sticky(p.significand, (uint32_t)(-1 - p.exponent));
	} else {
		whole = p.significand >> (63 - p.exponent);
		rest = p.exponent == 63 ? 0 : p.significand << (p.exponent + 1);
	}
	whole += rounds_up(mode, p.sign != 0, whole, rest);
	if (whole > (uint64_t)INT64_MAX)
		return NO_LONG;
	return p.sign ? -(int64_t)whole : (int64_t)whole;
}

/* A 32-bit float as a double: always exact. */
int64_t rt_fp_widen(struct abi_slot *s, int64_t value)
{
	uint64_t v = (uint32_t)value, sign = v >> 31 << 63, fraction = (v & 0x7fffff) << 29;
	int32_t exponent = (int32_t)(v >> 23 & 0xff);

	(void)s;
	if (exponent == 0xff)
		return (int64_t)(sign | FP_INFINITY | fraction | (fraction ? FP_QUIET : 0));
	if (exponent)
		return (int64_t)(sign | (uint64_t)(exponent - 127 + FP_BIAS) << FP_FRACTION_BITS | fraction);
	if (!fraction)
		return (int64_t)sign;
	return (int64_t)normalize_pack(sign, -127 + 1 + 11, fraction);
}
