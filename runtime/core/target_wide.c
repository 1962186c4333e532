/* SPDX-License-Identifier: Apache-2.0 */
/* The program's strings of 16- and 32-bit characters, as UTF-8. */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

#define SURROGATES 0xd800u
#define LOW_SURROGATES 0xdc00u
#define BEHIND_SURROGATES 0xe000u
#define LAST_POINT 0x10ffffu

static bool load(struct abi_slot *s, uint64_t address, int64_t width, uint32_t *unit)
{
	*unit = (uint32_t)rt_read(s, (int64_t)address, width);
	return !s->error;
}

/* The code point at *address, which moves on; false after an error. */
static bool next_point(struct abi_slot *s, uint64_t *address, int64_t width, uint32_t *point)
{
	uint32_t low;

	if (!load(s, *address, width, point))
		return false;
	*address += (uint64_t)width;
	if (*point <= LAST_POINT && (*point < SURROGATES || *point >= BEHIND_SURROGATES))
		return true;
	if (width == 2 && *point < LOW_SURROGATES) {
		if (!load(s, *address, width, &low))
			return false;
		*address += (uint64_t)width;
		if (low >= LOW_SURROGATES && low < BEHIND_SURROGATES) {
			*point = 0x10000 + ((*point - SURROGATES) << 10) + (low - LOW_SURROGATES);
			return true;
		}
	}
	RT_RAISE(s, "invalid character in a wide string");
	return false;
}

static uint32_t put_utf8(char to[4], uint32_t point)
{
	static const unsigned char head[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	uint32_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (uint32_t i = n; i-- > 1; point >>= 6)
		to[i] = (char)(0x80 | (point & 0x3f));
	to[0] = (char)(head[n == 1 ? 0 : n] | point);
	return n;
}

void rt_user_string_wide(struct abi_slot *s, int64_t address, int64_t width, struct abi_string *out)
{
	uint64_t at = (uint64_t)address;
	uint32_t most = rt_string_most(s), point, length = 0, n;
	char bytes[4];

	while (next_point(s, &at, width, &point) && point) {
		n = put_utf8(bytes, point);
		if (length + n > most)
			break;
		memcpy(out->text + length, bytes, n);
		length += n;
	}
	out->length = s->error ? 0 : length;
	out->text[out->length] = 0;
}
