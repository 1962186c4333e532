/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 doubles as bits in longs: what the files of the arithmetic share. */
#ifndef SPILE_RUNTIME_FP_H
#define SPILE_RUNTIME_FP_H

#include "runtime/core/core.h"

#define FP_SIGN 0x8000000000000000ull
#define FP_INFINITY 0x7ff0000000000000ull
#define FP_QUIET 0x0008000000000000ull
#define FP_DEFAULT_NAN 0xfff8000000000000ull /* what the processor gives for invalid operations */
#define FP_FRACTION 0x000fffffffffffffull
#define FP_FRACTION_BITS 52
#define FP_BIAS 1023

/* A number other than 0: significand * 2^(exponent - 52), bit 52 of the significand set. */
struct fp_parts {
	uint64_t sign; /* 0 or FP_SIGN */
	uint64_t significand;
	int32_t exponent;
};

RT_INLINE bool fp_is_nan(uint64_t v)
{
	return (v & ~FP_SIGN) > FP_INFINITY;
}

RT_INLINE bool fp_is_infinite(uint64_t v)
{
	return (v & ~FP_SIGN) == FP_INFINITY;
}

RT_INLINE bool fp_is_zero(uint64_t v)
{
	return !(v & ~FP_SIGN);
}

/* Of a finite number that is not 0. */
struct fp_parts fp_unpack(uint64_t v);

/*
 * sign, 1.xxx * 2^exponent with the leading 1 at bit 63 of m; what is below bit 0
 * is said by bit 0. Rounds to nearest, ties to even; infinite or subnormal where it must.
 */
uint64_t fp_pack(uint64_t sign, int32_t exponent, uint64_t m);

#endif
