/* SPDX-License-Identifier: Apache-2.0 */
/* Escaped and quoted text. */
#include "runtime/core/escape.h"
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

#define ESCAPE_MOST 10 /* \UXXXXXXXX */

char rt_escape_letter(unsigned char c)
{
	if (c >= '\a' && c <= '\r')
		return "abtnvfr"[c - '\a'];
	return c == '"' || c == '\\' ? (char)c : 0;
}

void rt_escape_octal(unsigned char c, char to[4])
{
	to[0] = '\\';
	to[1] = (char)('0' + (c >> 6));
	to[2] = (char)('0' + (c >> 3 & 7));
	to[3] = (char)('0' + (c & 7));
}

/* Length of the UTF-8 sequence of two or more bytes at p and its code point; 0: there is none. */
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

static uint32_t put_point(uint32_t point, char to[ESCAPE_MOST])
{
	uint32_t digits = point > 0xffff ? 8 : 4, n = 2;

	to[0] = '\\';
	to[1] = digits == 8 ? 'U' : 'u';
	while (digits--)
		to[n++] = "0123456789ABCDEF"[point >> (4 * digits) & 15];
	return n;
}

/* One byte or UTF-8 sequence; its length in *used, that of the escape is returned. */
static uint32_t escape_one(const unsigned char *p, uint32_t n, char to[ESCAPE_MOST], uint32_t *used)
{
	char letter = rt_escape_letter(p[0]);
	uint32_t point;

	*used = 1;
	if (letter) {
		to[0] = '\\';
		to[1] = letter;
		return 2;
	}
	if (p[0] >= 0x20 && p[0] < 0x7f) {
		to[0] = (char)p[0];
		return 1;
	}
	*used = utf8_at(p, n, &point);
	if (*used)
		return put_point(point, to);
	*used = 1;
	rt_escape_octal(p[0], to);
	return 4;
}

/*
 * `fits` is the length up to which the text could still be followed by
 * `"...`: where to cut if the rest turns out not to fit.
 */
uint32_t rt_escape_text(const char *p, uint32_t n, bool quoted, bool more, char *to, uint32_t most)
{
	uint32_t end = quoted ? most - 1 : most, k = 0, fits, used, length;
	char text[ESCAPE_MOST];

	if (quoted)
		to[k++] = '"';
	fits = k;
	for (; n; p += used, n -= used) {
		length = escape_one((const unsigned char *)p, n, text, &used);
		if (k + length > end) {
			more = true;
			break;
		}
		memcpy(to + k, text, length);
		k += length;
		if (k + 3 <= end)
			fits = k;
	}
	if (!quoted)
		return k;
	if (more)
		k = fits;
	to[k++] = '"';
	for (uint32_t i = 0; more && i < 3; i++)
		to[k++] = '.';
	return k;
}

static void finish(struct abi_string *out, uint32_t length)
{
	out->length = length;
	out->text[length] = 0;
}

#define QUOTED_LEAST 5 /* ""... */

/* n: most bytes of the result; 0 or less: as many as a string holds. */
void rt_text_strn(struct abi_slot *s, rt_str a, int64_t n, int64_t quoted, struct abi_string *out)
{
	uint32_t most = rt_string_most(s);

	if (n > 0 && n < most)
		most = (uint32_t)n;
	if (quoted && most < QUOTED_LEAST)
		most = rt_string_most(s) < QUOTED_LEAST ? 0 : QUOTED_LEAST;
	if (quoted && !most)
		finish(out, 0);
	else
		finish(out,
		       rt_escape_text(a->text, a->length, quoted != 0, false, out->text, most));
}

void rt_text_str(struct abi_slot *s, rt_str a, struct abi_string *out)
{
	rt_text_strn(s, a, 0, 0, out);
}

void rt_string_quoted(struct abi_slot *s, rt_str a, struct abi_string *out)
{
	rt_text_strn(s, a, 0, 1, out);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static uint32_t json_one(unsigned char c, char to[ESCAPE_MOST])
{
	char letter = c == '\a' || c == '\v' ? 0 : rt_escape_letter(c);

	if (letter) {
		to[0] = '\\';
		to[1] = letter;
		return 2;
	}
	if (c < 0x20)
		return put_point(c, to);
	to[0] = (char)c;
	return 1;
}

/* What does not fit is left out, with whole characters. */
void rt_json_quoted(struct abi_slot *s, rt_str a, struct abi_string *out)
{
	uint32_t most = rt_string_most(s), k = 0, length, point, bytes;
	char text[ESCAPE_MOST];

	if (most < 2) {
		finish(out, 0);
		return;
	}
	out->text[k++] = '"';
	for (uint32_t i = 0; i < a->length; i += bytes) {
		const unsigned char *p = (const unsigned char *)a->text + i;

		bytes = utf8_at(p, a->length - i, &point);
		length = bytes ? bytes : json_one(*p, text);
		if (k + length + 1 > most)
			break;
		memcpy(out->text + k, bytes ? (const char *)p : text, length);
		k += length;
		bytes += !bytes;
	}
	out->text[k++] = '"';
	finish(out, k);
}
