/* SPDX-License-Identifier: Apache-2.0 */
/* The string functions of scripts: bounded by region.max_string, never failing but for rt_stringat.
 */
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

void rt_str_copy(struct abi_slot *s, rt_str from, struct abi_string *out)
{
	rt_string_set(out, from->text, from->length, rt_string_most(s));
}

/* a may be out, and b too: the bytes of b are moved before the length changes. */
void rt_str_concat(struct abi_slot *s, rt_str a, rt_str b, struct abi_string *out)
{
	uint32_t most = rt_string_most(s), na = a->length < most ? a->length : most;
	uint32_t nb = b->length < most - na ? b->length : most - na;

	if (a != out && b == out) {
		memmove(out->text + na, b->text, nb);
		memcpy(out->text, a->text, na);
	} else {
		if (a != out)
			memcpy(out->text, a->text, na);
		memmove(out->text + na, b->text, nb);
	}
	out->text[na + nb] = 0;
	out->length = na + nb;
}

int64_t rt_str_compare(struct abi_slot *s, rt_str a, rt_str b)
{
	(void)s;
	return rt_bytes_compare(a->text, a->length, b->text, b->length);
}

int64_t rt_strlen(struct abi_slot *s, rt_str a)
{
	(void)s;
	return a->length;
}

void rt_substr(struct abi_slot *s, rt_str a, int64_t start, int64_t length, struct abi_string *out)
{
	int64_t left;

	if (start < 0 || start >= (int64_t)a->length || length <= 0) {
		rt_string_set(out, "", 0, 0);
		return;
	}
	left = (int64_t)a->length - start;
	rt_string_set(out, a->text + start, (uint64_t)(length < left ? length : left),
		      rt_string_most(s));
}

#define EACH_BYTE 0x0101010101010101ull

/* Where byte c is in a[from..to), or `to`. Eight at a time: a byte that is equal becomes 0, which borrows. */
static uint32_t find_byte(const char *a, uint32_t from, uint32_t to, char c)
{
	uint64_t all = EACH_BYTE * (uint8_t)c, word;

	for (; from + (uint64_t)8 <= to; from += 8) {
		memcpy(&word, a + from, sizeof word);
		word ^= all;
		word = (word - EACH_BYTE) & ~word & EACH_BYTE << 7;
		if (word)
			return from + (uint32_t)__builtin_ctzll(word) / 8;
	}
	while (from < to && a[from] != c)
		from++;
	return from;
}

int64_t rt_bytes_find(const char *a, uint32_t na, const char *b, uint32_t nb)
{
	uint32_t last = na - nb + 1; /* behind the last place where b fits */

	if (nb == 0)
		return 0;
	if (nb > na)
		return -1;
	for (uint32_t i = find_byte(a, 0, last, b[0]); i < last; i = find_byte(a, i + 1, last, b[0]))
		if (memcmp(a + i, b, nb) == 0)
			return i;
	return -1;
}

int64_t rt_strpos(struct abi_slot *s, rt_str hay, rt_str needle)
{
	(void)s;
	return rt_bytes_find(hay->text, hay->length, needle->text, needle->length);
}

int64_t rt_isinstr(struct abi_slot *s, rt_str hay, rt_str needle)
{
	return rt_strpos(s, hay, needle) >= 0;
}

/* The byte as the target's char, which is signed on x86-64. */
int64_t rt_stringat(struct abi_slot *s, rt_str a, int64_t at)
{
	if (at >= 0 && at < (int64_t)a->length)
		return (signed char)a->text[at];
	RT_RAISE(s, "Position out of bounds");
	return 0;
}

int64_t rt_isdigit(struct abi_slot *s, rt_str a)
{
	(void)s;
	return a->length && a->text[0] >= '0' && a->text[0] <= '9';
}

/* ---- strtol -------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 0..35, or 99. */
static uint32_t digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	c |= 0x20;
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 10;
	return 99;
}

/* Skips a prefix 0x that a digit follows; settles base 0. Texts end in NUL. */
static const char *find_base(const char *p, uint64_t *base)
{
	bool hex = p[0] == '0' && (p[1] | 0x20) == 'x' && digit_of(p[2]) < 16;

	if (hex && (*base == 0 || *base == 16)) {
		*base = 16;
		return p + 2;
	}
	if (*base == 0)
		*base = p[0] == '0' ? 8 : 10;
	return p;
}

/* As C's: blanks, sign, prefix, digits; clamped; 0 when nothing converts. */
int64_t rt_strtol(struct abi_slot *s, rt_str a, int64_t base)
{
	const char *p = a->text;
	uint64_t value = 0, limit, radix = (uint64_t)base;
	bool negative;

	(void)s;
	if (base < 0 || base == 1 || base > 36)
		return 0;
	while (is_blank(*p))
		p++;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	p = find_base(p, &radix);
	limit = (uint64_t)INT64_MAX + negative;
	for (; digit_of(*p) < radix; p++) {
		uint64_t digit = digit_of(*p);

		if (value > (limit - digit) / radix)
			value = limit;
		else
			value = value * radix + digit;
		if (value == limit)
			break;
	}
	return (int64_t)(negative ? 0 - value : value);
}

/* ---- building ---------------------------------------------------------------------- */

static void append(struct abi_string *out, const char *from, uint32_t n, uint32_t most)
{
	if (n > most - out->length)
		n = most - out->length;
	memcpy(out->text + out->length, from, n);
	out->length += n;
}

void rt_str_replace(struct abi_slot *s, rt_str a, rt_str find, rt_str with, struct abi_string *out)
{
	uint32_t most = rt_string_most(s), done = 0;

	out->length = 0;
	while (find->length && out->length < most) {
		int64_t at =
			rt_bytes_find(a->text + done, a->length - done, find->text, find->length);

		if (at < 0)
			break;
		append(out, a->text + done, (uint32_t)at, most);
		append(out, with->text, with->length, most);
		done += (uint32_t)at + find->length;
	}
	append(out, a->text + done, a->length - done, most);
	out->text[out->length] = 0;
}

/* ---- tokenize ---------------------------------------------------------------------- */

/*
 * What is left of the string being taken apart; per slot. Longer strings than
 * there is room for are cut: scripts meet that with a MAXSTRINGLEN above 3 KiB.
 */
struct tokens {
	uint32_t at, length;
	char text[3064];
};
_Static_assert(ABI_SLOT_TOKENIZE + sizeof(struct tokens) <= ABI_SLOT_HEAD,
	       "tokenize outgrows its room");

static bool is_delimiter(rt_str delimiters, char c)
{
	for (uint32_t i = 0; i < delimiters->length; i++)
		if (delimiters->text[i] == c)
			return true;
	return false;
}

void rt_tokenize(struct abi_slot *s, rt_str a, rt_str delimiters, struct abi_string *out)
{
	struct tokens *t = (void *)((char *)s + ABI_SLOT_TOKENIZE);
	uint32_t start;

	if (a->length) {
		t->at = 0;
		t->length = a->length < sizeof t->text ? a->length : sizeof t->text;
		memcpy(t->text, a->text, t->length);
	}
	if (t->length > sizeof t->text)
		t->length = 0;
	while (t->at < t->length && is_delimiter(delimiters, t->text[t->at]))
		t->at++;
	start = t->at;
	while (t->at < t->length && !is_delimiter(delimiters, t->text[t->at]))
		t->at++;
	rt_string_set(out, t->text + start, t->at - start, rt_string_most(s));
	t->at += t->at < t->length; /* the delimiter behind a token goes with it */
}
