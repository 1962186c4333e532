/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the program's memory: every load may fault and then raises the script's read error.
 * Handlers that run in the tool mean the target's memory, which the tool fetches for them.
 */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/core/escape.h"
#include "runtime/core/sample.h"
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

int64_t rt_read(struct abi_slot *s, int64_t address, int64_t size)
{
	uint64_t value;

	if (rt_peek(s, (uint64_t)address, (uint32_t)size, &value))
		return (int64_t)value;
	read_fault(s, "read fault [man error::fault] at ", (uint64_t)address);
	return 0;
}

static int64_t extend(int64_t value, int64_t size)
{
	uint32_t unused = (uint32_t)(64 - size * 8);

	return (int64_t)((uint64_t)value << unused) >> unused;
}

int64_t rt_read_signed(struct abi_slot *s, int64_t address, int64_t size)
{
	return extend(rt_read(s, address, size), size);
}

int64_t rt_read_or_zero(struct abi_slot *s, int64_t address, int64_t size)
{
	uint64_t value;

	return rt_peek(s, (uint64_t)address, (uint32_t)size, &value) ? (int64_t)value : 0;
}

int64_t rt_read_signed_or_zero(struct abi_slot *s, int64_t address, int64_t size)
{
	return extend(rt_read_or_zero(s, address, size), size);
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

#define PAGE_SIZE 4096u

/* The same by way of the tool, a page at a time. */
static RT_COLD bool fetch_bytes(struct abi_slot *s, uint64_t address, uint32_t limit, bool stop_at_nul,
				char *to, uint32_t *length)
{
	uint32_t n = 0;

	while (n < limit) {
		uint32_t part = PAGE_SIZE - (uint32_t)((address + n) % PAGE_SIZE);

		part = part < limit - n ? part : limit - n;
		if (!rt_fetch(s, address + n, part, to + n))
			return false;
		for (uint32_t end = n + part; n < end; n++)
			if (stop_at_nul && !to[n]) {
				*length = n;
				return true;
			}
	}
	*length = n;
	return true;
}

static bool take_bytes(struct abi_slot *s, uint64_t address, uint32_t limit, bool stop_at_nul, char *to,
		       uint32_t *length)
{
	return (rt_unlikely(s->in_tool) ? fetch_bytes(s, address, limit, stop_at_nul, to, length) :
					  copy_bytes(address, limit, stop_at_nul, to, length));
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
	if (!take_bytes(s, (uint64_t)address, limit_of(s, limit), stop, out->text, &out->length)) {
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

#define QUOTE_CHUNK 512

void rt_user_string_quoted(struct abi_slot *s, int64_t address, int64_t limit, int64_t out_limit,
			   struct abi_string *out)
{
	char bytes[QUOTE_CHUNK + 1];
	uint32_t most = limit_of(s, out_limit), n = 0, wanted = limit_of(s, limit);

	wanted = wanted < QUOTE_CHUNK ? wanted : QUOTE_CHUNK;
	if (most < 6)
		most = 6;
	if (!take_bytes(s, (uint64_t)address, wanted, true, bytes, &n))
		out->length = put_hex(out->text, (uint64_t)address);
	else
		out->length = rt_escape_text(bytes, n, true, false, out->text, most);
	out->text[out->length] = 0;
}
