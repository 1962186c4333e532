/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: the memory a case runs in.
 *
 *	base			data: the image, compared afterwards
 *	  + PLACE_CONTROL	the number of the exit that was taken
 *	  + PLACE_CODE		the instruction where it stands
 *	  + PLACE_CODE + d	where it is relocated to
 *
 * Several bases, because the size of return addresses matters.
 */
#ifndef TEST_X86_PLACE_H
#define TEST_X86_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* The image: three parts with unmapped pages around all. */
#define PLACE_BUFFER 0u
#define PLACE_STACK 0x1000u
#define PLACE_SEGMENT 0x2000u /* fs */
#define PLACE_PART 0x1000u
#define PLACE_IMAGE 0x3000u

#define PLACE_CONTROL 0x10000u
#define PLACE_CODE 0x10000000ull
#define PLACE_ENTRY 0x800u /* of the instruction in its page */

#define PLACE_COPIES 2
extern const int64_t place_copies[PLACE_COPIES];

#define PLACES 3
extern const uint64_t place_bases[PLACES];

/* Exits. */
#define EXIT_NONE 0u
#define EXIT_NEXT 1u /* fell through */
#define EXIT_TARGET 2u /* the branch was taken */

/* false: the addresses are not free (a sanitizer's). */
bool place_map(uint64_t base);
/* Code that notes the exit and leaves, at `at`; returns its size. */
uint32_t place_put_exit(uint64_t base, uint64_t at, uint8_t number);
/* The exit taken since the last call. */
uint32_t place_take_exit(uint64_t base);

#endif
