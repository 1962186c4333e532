/* SPDX-License-Identifier: Apache-2.0 */
/* 64-bit floating-point numbers to 32-bit ones, by integers, rounded to the nearest, of two to the even one. */
#include "runtime/rt_api.h"

/* A fraction shifted right, what falls out kept in the lowest bit. */
static uint64_t shift_sticky(uint64_t fraction, int64_t by)
{
	if (by > 62)
		return fraction != 0;
	return fraction >> by | ((fraction & ((1ull << by) - 1)) != 0);
}

int64_t rt_narrow_float(struct abi_slot *s, int64_t bits)
{
	uint64_t sign = (uint64_t)bits >> 63 << 31, fraction = (uint64_t)bits & 0xfffffffffffffull, kept;
	int64_t exponent = (int64_t)((uint64_t)bits >> 52 & 0x7ff) - 1023 + 127;

	(void)s;
	if (exponent == 0x7ff - 1023 + 127)
		return (int64_t)(sign | 0x7f800000 | (fraction ? 0x400000 | fraction >> 29 : 0));
	fraction = shift_sticky(fraction | 1ull << 52, 26); /* 24 bits and three to round by */
	if (exponent <= 0) {
		fraction = shift_sticky(fraction, 1 - exponent);
		exponent = 0;
	} else {
		fraction &= ~(1ull << 26);
	}
	kept = ((uint64_t)exponent << 23) + (fraction >> 3);
	kept += (fraction & 7) > 4 || ((fraction & 7) == 4 && kept & 1);
	return (int64_t)(sign | (kept >= 0x7f800000 ? 0x7f800000 : kept));
}
