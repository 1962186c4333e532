/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: what one handler puts into a trampoline.
 *
 *	full form			inline form
 *	 [lea -128(%rsp),%rsp]		 its bytes
 *	  push $site_number
 *	  call handler			   or call *literal(%rip)
 *	  lea 8[+128](%rsp),%rsp
 */
#include "patch/body.h"

#include <string.h>

#define RED_ZONE 128

static const uint8_t skip_red_zone[] = { 0x48, 0x8d, 0x64, 0x24, 0x80 };
static const uint8_t drop_number[] = { 0x48, 0x8d, 0x64, 0x24, 0x08 };
static const uint8_t drop_both[] = { 0x48, 0x8d, 0xa4, 0x24, 8 + RED_ZONE, 0, 0, 0 };

bool patch_body_is_full(const struct patch_body *b)
{
	return b->handler != 0;
}

uint32_t patch_body_size(const struct patch_body *b, bool far_calls)
{
	if (!patch_body_is_full(b))
		return b->size;
	return (b->generic ? sizeof skip_red_zone + sizeof drop_both : sizeof drop_number) + 5u +
	       (far_calls ? 6u : 5u);
}

static uint32_t put(uint8_t *out, const void *bytes, uint32_t size)
{
	memcpy(out, bytes, size);
	return size;
}

uint32_t patch_call_put(uint8_t *out, uint64_t at, uint64_t to, uint64_t literal)
{
	int32_t d = (int32_t)(literal ? literal - (at + 6) : to - (at + 5));
	uint32_t n = 0;

	if (literal) {
		out[n++] = 0xff;
		out[n++] = 0x15;
	} else {
		out[n++] = 0xe8;
	}
	return n + put(out + n, &d, 4);
}

static uint32_t put_full(uint8_t *out, uint64_t at, const struct patch_body *b, uint64_t literal)
{
	uint32_t n = 0;

	if (b->generic)
		n += put(out, skip_red_zone, sizeof skip_red_zone);
	out[n++] = 0x68; /* push $number */
	n += put(out + n, &b->site_number, 4);
	n += patch_call_put(out + n, at + n, b->handler, literal);
	if (b->generic)
		return n + put(out + n, drop_both, sizeof drop_both);
	return n + put(out + n, drop_number, sizeof drop_number);
}

uint32_t patch_bodies_put(uint8_t *out, uint64_t address, const struct patch_body *bodies, uint32_t n)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++)
		at += patch_body_put(out + at, address + at, &bodies[i], 0);
	return at;
}

uint32_t patch_body_put(uint8_t *out, uint64_t at, const struct patch_body *b, uint64_t literal)
{
	if (patch_body_is_full(b))
		return put_full(out, at, b, literal);
	if (!b->size)
		return 0;
	put(out, b->bytes, b->size);
	if (b->place)
		b->place(b->user, out, at);
	return b->size;
}
