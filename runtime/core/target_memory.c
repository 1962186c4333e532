/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the program's memory: every load may fault and then raises the script's read error. */
#include "runtime/arch/arch.h"
#include "runtime/rt_api.h"

static uint32_t room_of(const struct abi_slot *s)
{
	return ((const struct abi_region *)s->region)->max_string - 1;
}

/* 0x and the digits of a value; returns the length. */
static uint32_t put_hex(char *to, uint64_t value)
{
	uint32_t n = 2, digits = 1;

	to[0] = '0';
	to[1] = 'x';
	while (digits < 16 && value >> (4 * digits))
		digits++;
	while (digits--)
		to[n++] = "0123456789abcdef"[value >> (4 * digits) & 15];
	return n;
}

static void read_fault(struct abi_slot *s, const char *what, uint64_t address)
{
	_Alignas(8) char room[sizeof(struct abi_string) + 80];
	struct abi_string *message = (void *)room;
	uint32_t n = 0;

	for (; what[n]; n++)
		message->text[n] = what[n];
	n += put_hex(message->text + n, address);
	message->length = n;
	s->fault_address = address;
	rt_error(s, message);
}

static bool peek(uint64_t address, int64_t size, uint64_t *value)
{
	switch (size) {
	case 1:
		return rt_peek8(address, value);
	case 2:
		return rt_peek16(address, value);
	case 4:
		return rt_peek32(address, value);
	default:
		return rt_peek64(address, value);
	}
}

int64_t rt_read(struct abi_slot *s, int64_t address, int64_t size)
{
	uint64_t value;

	if (peek((uint64_t)address, size, &value))
		return (int64_t)value;
	read_fault(s, "read fault [man error::fault] at ", (uint64_t)address);
	return 0;
}

int64_t rt_read_signed(struct abi_slot *s, int64_t address, int64_t size)
{
	uint32_t unused = (uint32_t)(64 - size * 8);

	return (int64_t)((uint64_t)rt_read(s, address, size) << unused) >> unused;
}

#define LOW_BITS 0x0101010101010101ull
#define HIGH_BITS 0x8080808080808080ull

/*
 * Bytes up to limit or, with stop_at_nul, the first NUL. Whole aligned words are
 * loaded, so that no load crosses into a page the bytes do not touch. False on a fault.
 */
static bool copy_bytes(uint64_t address, uint32_t limit, bool stop_at_nul, char *to, uint32_t *length)
{
	uint32_t n = 0;
	uint64_t word;

	while (n < limit) {
		uint32_t skip = (uint32_t)(address & 7);

		if (!rt_peek64(address - skip, &word))
			return false;
		if (!skip && n + 8 <= limit && !(stop_at_nul && ((word - LOW_BITS) & ~word & HIGH_BITS))) {
			__builtin_memcpy(to + n, &word, 8);
			n += 8;
			address += 8;
			continue;
		}
		word >>= skip * 8;
		for (; skip < 8 && n < limit; skip++, word >>= 8, address++) {
			to[n] = (char)word;
			if (stop_at_nul && !to[n]) {
				*length = n;
				return true;
			}
			n++;
		}
	}
	*length = n;
	return true;
}

static uint32_t limit_of(const struct abi_slot *s, int64_t limit)
{
	uint32_t room = room_of(s);

	if (limit < 0)
		return 0;
	return limit > room ? room : (uint32_t)limit;
}

static void get_bytes(struct abi_slot *s, int64_t address, int64_t limit, bool stop, struct abi_string *out)
{
	out->length = 0;
	if (!copy_bytes((uint64_t)address, limit_of(s, limit), stop, out->text, &out->length)) {
		out->length = 0;
		read_fault(s, "user string copy fault -14 [man error::fault] at ", (uint64_t)address);
	}
	out->text[out->length] = 0;
}

void rt_user_string(struct abi_slot *s, int64_t address, int64_t limit, struct abi_string *out)
{
	get_bytes(s, address, limit, true, out);
}

void rt_user_bytes(struct abi_slot *s, int64_t address, int64_t size, struct abi_string *out)
{
	get_bytes(s, address, size, false, out);
}

/* ---- quoted text ------------------------------------------------------------------- */

static char short_escape(unsigned char c)
{
	switch (c) {
	case '\a':
		return 'a';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\v':
		return 'v';
	case '"':
		return '"';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

/* Length of the UTF-8 sequence at p (n bytes left) and its code point; 0: not UTF-8. */
static uint32_t utf8_at(const unsigned char *p, uint32_t n, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (!length || p[0] > 0xf4 || length > n)
		return 0;
	*point = p[0] & (0x7fu >> length);
	for (uint32_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (p[i] & 0x3f);
	}
	if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000))
		return 0;
	return length;
}

/* One byte, or UTF-8 sequence, escaped into text (at most 10 bytes); *used bytes of input. */
static uint32_t escape_one(const unsigned char *p, uint32_t n, char text[10], uint32_t *used)
{
	char letter = short_escape(p[0]);
	uint32_t point, digits, k = 0;

	*used = 1;
	if (letter) {
		text[0] = '\\';
		text[1] = letter;
		return 2;
	}
	if (p[0] >= 0x20 && p[0] < 0x7f) {
		text[0] = (char)p[0];
		return 1;
	}
	text[k++] = '\\';
	*used = utf8_at(p, n, &point);
	if (!*used) {
		*used = 1;
		text[k++] = (char)('0' + (p[0] >> 6));
		text[k++] = (char)('0' + (p[0] >> 3 & 7));
		text[k++] = (char)('0' + (p[0] & 7));
		return k;
	}
	digits = point > 0xffff ? 8 : 4;
	text[k++] = digits == 8 ? 'U' : 'u';
	while (digits--)
		text[k++] = "0123456789ABCDEF"[point >> (4 * digits) & 15];
	return k;
}

/* "..." or, when the quoted text does not fit into `most` bytes, "..."... */
static uint32_t quote(const unsigned char *p, uint32_t n, bool more, char *to, uint32_t most)
{
	uint32_t k = 0, used, length;
	char text[10];

	to[k++] = '"';
	while (n) {
		length = escape_one(p, n, text, &used);
		if (k + length + 1 + (n > used || more ? 3 : 0) > most) {
			more = true;
			break;
		}
		for (uint32_t i = 0; i < length; i++)
			to[k++] = text[i];
		p += used;
		n -= used;
	}
	to[k++] = '"';
	for (uint32_t i = 0; more && i < 3; i++)
		to[k++] = '.';
	return k;
}

#define QUOTE_CHUNK 512

void rt_user_string_quoted(struct abi_slot *s, int64_t address, int64_t limit, int64_t out_limit,
			   struct abi_string *out)
{
	unsigned char bytes[QUOTE_CHUNK + 1];
	uint32_t most = limit_of(s, out_limit), n = 0, wanted = limit_of(s, limit);

	wanted = wanted < QUOTE_CHUNK ? wanted : QUOTE_CHUNK;
	if (most < 6)
		most = 6;
	if (!copy_bytes((uint64_t)address, wanted, true, (char *)bytes, &n))
		out->length = put_hex(out->text, (uint64_t)address);
	else
		out->length = quote(bytes, n, false, out->text, most);
	out->text[out->length] = 0;
}
