/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubles to decimal text and back, exactly: both ways by integers as long as
 * it takes, rounded once, to nearest, ties to even. That is what printf("%.*f")
 * and strtod() of a good C library do.
 *
 * A double's digits: what is before the point is divided by 10^9 until nothing
 * is left, what is behind it is multiplied by 10^9, whose carry is nine digits.
 * A double of digits: D * 10^E is D * 5^E / 1 or D / 5^-E, times a power of two
 * that goes to the exponent; 64 bits of the quotient and whether anything is left are enough.
 */
#include "runtime/core/fp.h"
#include "runtime/rt_api.h"

#define CHUNK 1000000000u /* nine digits */

/* ---- to text ---------------------------------------------------------------------------- */

#define WHOLE_WORDS 32 /* 1024 bits before the point */
#define FRACTION_WORDS 34 /* 1074 bits behind it */
#define WHOLE_CHUNKS 35

/* Text that grows in a buffer and ends when it is full. */
struct writer {
	char *text;
	uint32_t length, most;
};

static void put(struct writer *w, char c)
{
	if (w->length < w->most)
		w->text[w->length++] = c;
}

static void put_chunk(struct writer *w, uint32_t value, uint32_t digits)
{
	char text[9];

	for (uint32_t i = 9; i-- > 0; value /= 10)
		text[i] = (char)('0' + value % 10);
	for (uint32_t i = 9 - digits; i < 9; i++)
		put(w, text[i]);
}

static uint32_t digits_of(uint32_t value)
{
	uint32_t n = 1;

	while (value >= 10) {
		value /= 10;
		n++;
	}
	return n;
}

/* Divides by CHUNK; words from the lowest. */
static uint32_t divide(uint32_t *words, uint32_t n)
{
	uint64_t rest = 0;

	while (n-- > 0) {
		rest = rest << 32 | words[n];
		words[n] = (uint32_t)(rest / CHUNK);
		rest %= CHUNK;
	}
	return (uint32_t)rest;
}

static bool any_word(const uint32_t *words, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (words[i])
			return true;
	return false;
}

/* The significand at a bit of words, of which the lowest is bit 0. */
static void place(uint32_t *words, uint32_t n, uint64_t m, int32_t bit)
{
	for (uint32_t i = 0; i < n; i++)
		words[i] = 0;
	for (; m && bit < 0; bit++)
		m >>= 1;
	for (; m; m >>= 1, bit++)
		if (m & 1 && (uint32_t)bit / 32 < n)
			words[bit / 32] |= 1u << (bit % 32);
}

static void put_whole(struct writer *w, const struct fp_parts *p)
{
	uint32_t words[WHOLE_WORDS], chunks[WHOLE_CHUNKS], n = 0;

	place(words, WHOLE_WORDS, p->significand, p->exponent - FP_FRACTION_BITS);
	do
		chunks[n++] = divide(words, WHOLE_WORDS);
	while (n < WHOLE_CHUNKS && any_word(words, WHOLE_WORDS));
	put_chunk(w, chunks[n - 1], digits_of(chunks[n - 1]));
	while (--n > 0)
		put_chunk(w, chunks[n - 1], 9);
}

/* Multiplies by CHUNK; gives what comes out on top. */
static uint32_t multiply(uint32_t *words, uint32_t n)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < n; i++) {
		carry += (uint64_t)words[i] * CHUNK;
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return (uint32_t)carry;
}

/* Adds one to the last digit; first: where the digits begin. */
static void round_digits(struct writer *w, uint32_t first)
{
	uint32_t i = w->length;

	while (i-- > first) {
		if (w->text[i] == '.')
			continue;
		if (w->text[i] != '9') {
			w->text[i]++;
			return;
		}
		w->text[i] = '0';
	}
	put(w, '0');
	memmove(w->text + first + 1, w->text + first, w->length - first - 1);
	w->text[first] = '1';
}

/* Whether what is left of a chunk's digits and of the words makes the last digit one more. */
static bool fraction_rounds(const uint32_t *words, uint32_t rest, uint32_t unit, bool odd)
{
	uint32_t half = unit / 2;

	if (unit == 1) {
		/* the words are the rest: half is their top bit alone */
		uint32_t top = words[FRACTION_WORDS - 1];

		if (top != 0x80000000u)
			return top > 0x80000000u;
		return any_word(words, FRACTION_WORDS - 1) || odd;
	}
	if (rest != half)
		return rest > half;
	return any_word(words, FRACTION_WORDS) || odd;
}

static const uint32_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, CHUNK };

static void put_fraction(struct writer *w, const struct fp_parts *p, uint32_t precision, uint32_t first)
{
	uint32_t words[FRACTION_WORDS], chunk, digits, unit = 1, rest = 0;
	bool odd;

	place(words, FRACTION_WORDS, p->significand, p->exponent - FP_FRACTION_BITS + 32 * FRACTION_WORDS);
	if (precision)
		put(w, '.');
	for (; precision && w->length < w->most; precision -= digits) {
		chunk = multiply(words, FRACTION_WORDS);
		digits = precision < 9 ? precision : 9;
		unit = powers[9 - digits];
		rest = chunk % unit;
		put_chunk(w, chunk / unit, digits);
	}
	odd = w->length && w->text[w->length - 1] & 1;
	if (!precision && fraction_rounds(words, rest, unit, odd))
		round_digits(w, first);
}

static void put_word(struct writer *w, const char *text)
{
	while (*text)
		put(w, *text++);
}

void rt_fp_to_string(struct abi_slot *s, int64_t value, int64_t precision, struct abi_string *out)
{
	struct writer w = { out->text, 0, rt_string_most(s) };
	uint64_t v = (uint64_t)value;
	struct fp_parts p = { 0, 0, 0 };
	uint32_t first;

	if (v & FP_SIGN && !fp_is_nan(v))
		put(&w, '-');
	first = w.length;
	if (fp_is_nan(v)) {
		put_word(&w, "nan");
	} else if (fp_is_infinite(v)) {
		put_word(&w, "inf");
	} else {
		if (!fp_is_zero(v))
			p = fp_unpack(v);
		put_whole(&w, &p);
		put_fraction(&w, &p, precision < 0 ? 0 : precision > w.most ? w.most : (uint32_t)precision, first);
	}
	out->length = w.length;
	out->text[w.length] = 0;
}

/* ---- from text -------------------------------------------------------------------------- */

#define MOST_DIGITS 800 /* 768 decide; one more stands for the rest */
#define BIG_WORDS 90 /* 10^800, or 5^1126, and bits to shift into */
#define HIGHEST 310 /* 10^310 is infinite */
#define LOWEST (-326) /* 10^-326 is 0 */

struct big {
	uint32_t n; /* words used; the last is not 0 */
	uint32_t word[BIG_WORDS];
};

/* b * by + add */
static void big_multiply(struct big *b, uint32_t by, uint32_t add)
{
	uint64_t carry = add;

	for (uint32_t i = 0; i < b->n; i++) {
		carry += (uint64_t)b->word[i] * by;
		b->word[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry && b->n < BIG_WORDS)
		b->word[b->n++] = (uint32_t)carry;
}

static void big_powers_of_5(struct big *b, int32_t n)
{
	for (; n >= 13; n -= 13)
		big_multiply(b, 1220703125, 0);
	for (; n > 0; n--)
		big_multiply(b, 5, 0);
}

static int32_t big_bits(const struct big *b)
{
	return (int32_t)(b->n * 32) - __builtin_clz(b->word[b->n - 1]);
}

static void big_double(struct big *b)
{
	big_multiply(b, 2, 0);
}

static void big_shift(struct big *b, int32_t n)
{
	for (; n >= 31; n -= 31)
		big_multiply(b, 1u << 31, 0);
	if (n > 0)
		big_multiply(b, 1u << n, 0);
}

static bool big_less(const struct big *a, const struct big *b)
{
	if (a->n != b->n)
		return a->n < b->n;
	for (uint32_t i = a->n; i-- > 0;)
		if (a->word[i] != b->word[i])
			return a->word[i] < b->word[i];
	return false;
}

/* a -= b, of which b is not the greater */
static void big_subtract(struct big *a, const struct big *b)
{
	int64_t borrow = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		borrow += (int64_t)a->word[i] - (i < b->n ? b->word[i] : 0);
		a->word[i] = (uint32_t)borrow;
		borrow >>= 32;
	}
	while (a->n && !a->word[a->n - 1])
		a->n--;
}

/* 64 bits of a / b with the leading 1 on top, bit 0 sticky; *exponent: of that 1. */
static uint64_t big_quotient(struct big *a, struct big *b, int32_t *exponent)
{
	int32_t shift = big_bits(a) - big_bits(b);
	uint64_t q = 0;

	big_shift(a, -shift);
	big_shift(b, shift);
	if (big_less(a, b)) {
		big_double(a);
		shift--;
	}
	*exponent += shift;
	for (int i = 0; i < 64; i++) {
		q <<= 1;
		if (a->n && !big_less(a, b)) {
			big_subtract(a, b);
			q |= 1;
		}
		big_double(a);
	}
	return q | (a->n != 0);
}

/* What a text says: digits * 10^exponent. */
struct decimal {
	struct big digits;
	int32_t n_digits; /* without leading zeroes */
	int64_t exponent;
};

static void add_digit(struct decimal *d, char c, bool behind_point)
{
	if (c == '0' && !d->n_digits) {
		d->exponent -= behind_point;
		return;
	}
	if (d->n_digits < MOST_DIGITS) {
		if (!d->digits.n && c != '0')
			d->digits.word[d->digits.n++] = 0;
		big_multiply(&d->digits, 10, (uint32_t)(c - '0'));
		d->n_digits++;
		d->exponent -= behind_point;
		return;
	}
	/* too many to matter but for being there: the lowest digit kept is even then odd */
	if (c != '0')
		d->digits.word[0] |= 1;
	d->exponent += !behind_point;
}

static const char *read_digits(struct decimal *d, const char *p, bool *any)
{
	bool behind = false;

	for (;; p++) {
		if (*p == '.' && !behind) {
			behind = true;
		} else if (*p >= '0' && *p <= '9') {
			add_digit(d, *p, behind);
			*any = true;
		} else {
			return p;
		}
	}
}

static int64_t read_exponent(const char *p)
{
	bool negative;
	int64_t value = 0;

	if ((*p | 0x20) != 'e')
		return 0;
	p++;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	for (; *p >= '0' && *p <= '9'; p++)
		if (value < 1000000)
			value = value * 10 + (*p - '0');
	return negative ? -value : value;
}

static uint64_t from_decimal(struct decimal *d)
{
	struct big divisor;
	int32_t exponent;
	uint64_t q;

	if (!d->n_digits || d->n_digits + d->exponent < LOWEST)
		return 0;
	if (d->n_digits + d->exponent > HIGHEST)
		return FP_INFINITY;
	exponent = (int32_t)d->exponent;
	divisor.n = 1;
	divisor.word[0] = 1;
	big_powers_of_5(exponent < 0 ? &divisor : &d->digits, exponent < 0 ? -exponent : exponent);
	q = big_quotient(&d->digits, &divisor, &exponent);
	return fp_pack(0, exponent, q);
}

static bool is_word(const char *p, const char *word)
{
	for (; *word; word++, p++)
		if ((*p | 0x20) != *word)
			return false;
	return true;
}

/* As strtod() reads it, without hexadecimal ones; 0 for what is no number. */
int64_t rt_string_to_fp(struct abi_slot *s, rt_str text)
{
	struct decimal d;
	const char *p = text->text;
	uint64_t sign;
	bool any = false;

	(void)s;
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	sign = *p == '-' ? FP_SIGN : 0;
	if (*p == '-' || *p == '+')
		p++;
	if (is_word(p, "inf"))
		return (int64_t)(sign | FP_INFINITY);
	if (is_word(p, "nan"))
		return (int64_t)(sign | FP_INFINITY | FP_QUIET);
	d.digits.n = 0;
	d.n_digits = 0;
	d.exponent = 0;
	p = read_digits(&d, p, &any);
	if (!any)
		return 0;
	d.exponent += read_exponent(p);
	return (int64_t)(sign | from_decimal(&d));
}
