/* SPDX-License-Identifier: Apache-2.0 */
/* encode: the few forms that patches and generated code write by hand. */
#include "x86/x86.h"

#include <string.h>

uint32_t x86_encode_jump32(uint8_t *out, uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - (from + 5));
	int32_t d32 = (int32_t)d;

	if (d != d32)
		return 0;
	out[0] = 0xe9;
	memcpy(out + 1, &d32, 4);
	return 5;
}

uint32_t x86_encode_jump8(uint8_t *out, uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - (from + 2));

	if (d != (int8_t)d)
		return 0;
	out[0] = 0xeb;
	out[1] = (uint8_t)d;
	return 2;
}

uint32_t x86_encode_jump_far(uint8_t *out, uint64_t to)
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };

	memcpy(out, jump, sizeof jump);
	memcpy(out + sizeof jump, &to, 8);
	return sizeof jump + 8;
}

#define NOP_LONGEST 9

uint32_t x86_encode_nops(uint8_t *out, uint32_t n)
{
	/* The multi-byte forms recommended by Intel SDM volume 2, "NOP". */
	static const uint8_t nops[NOP_LONGEST][NOP_LONGEST] = {
		{ 0x90 },
		{ 0x66, 0x90 },
		{ 0x0f, 0x1f, 0x00 },
		{ 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};

	for (uint32_t at = 0, size; at < n; at += size) {
		size = base_min(n - at, (uint32_t)NOP_LONGEST);
		memcpy(out + at, nops[size - 1], size);
	}
	return n;
}
