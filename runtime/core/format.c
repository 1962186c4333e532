/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter: one engine for sprintf in the target and for records in the tool.
 *
 * Where arguments come from is the only difference: an array of longs and
 * addresses, or the bytes of a record.  A format is trusted (it is ours), a
 * record is not: reading past its end gives zeroes and marks it damaged.
 * Rules are SystemTap's where they differ from C's: %#x of 0 is 0x0, the 0 flag
 * holds also with a precision, %0s adds a NUL, widths and precisions are limited.
 */
#include "runtime/core/formatter.h"
#include "runtime/arch/arch.h"
#include "runtime/core/escape.h"
#include "runtime/core/sample.h"
#include "runtime/rt_api.h"

#define WIDTH_MOST 65536

/* ---- writer --------------------------------------------------------------------- */

void rt_writer_flush(struct rt_writer *w)
{
	if (w->write && w->at > w->buffer)
		w->write(w->to, w->buffer, (uint64_t)(w->at - w->buffer));
	if (w->write)
		w->at = w->buffer;
}

void rt_writer_put(struct rt_writer *w, const char *bytes, uint64_t n)
{
	while (n) {
		uint64_t room = (uint64_t)(w->end - w->at), some = n < room ? n : room;

		memcpy(w->at, bytes, some);
		w->at += some;
		bytes += some;
		n -= some;
		if (n && !w->write)
			return;
		if (n)
			rt_writer_flush(w);
	}
}

void rt_writer_fill(struct rt_writer *w, char c, uint64_t n)
{
	while (n--)
		rt_writer_byte(w, c);
}

const char *rt_digits(uint64_t v, uint32_t base, bool upper, char text[64], uint32_t *n)
{
	const char *names = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *p = text + 64;

	if (base == 10)
		do
			*--p = (char)('0' + v % 10);
		while (v /= 10);
	else
		do
			*--p = names[v & (base - 1)];
		while (v >>= base == 8 ? 3 : 4);
	*n = (uint32_t)(text + 64 - p);
	return p;
}

/* ---- arguments ------------------------------------------------------------------------ */

struct text {
	const char *bytes;
	uint32_t length;
};

struct arguments {
	const struct abi_format *format;
	struct abi_slot *slot; /* for errors; may be NULL */
	const uint64_t *values; /* NULL: from a record */
	const char *at, *end; /* record */
	uint32_t next;
	bool damaged;
	bool binary; /* NULs may have been written that end a script's string */
	const struct abi_string *alias, *alias_copy; /* values of `alias` mean the copy */
};

static int64_t next_long(struct arguments *a)
{
	uint64_t v;

	if (a->next >= a->format->n_args || (!a->values && a->end - a->at < 8)) {
		a->damaged = true;
		return 0;
	}
	if (a->values)
		return (int64_t)a->values[a->next++];
	memcpy(&v, a->at, 8);
	a->at += 8;
	a->next++;
	return (int64_t)v;
}

/* Bytes in a record: length, 0, bytes, padding. */
static struct text record_text(struct arguments *a)
{
	uint32_t length = (uint32_t)next_long(a);
	struct text t = { a->at, length };

	if (a->damaged || rt_align8(length) > (uint64_t)(a->end - a->at)) {
		a->damaged = true;
		return (struct text){ "", 0 };
	}
	a->at += rt_align8(length);
	return t;
}

static struct text next_text(struct arguments *a)
{
	const struct abi_string *s;

	if (!a->values)
		return record_text(a);
	s = (const void *)next_long(a);
	if (s && s == a->alias)
		s = a->alias_copy;
	if ((uint64_t)s < ABI_PAGE)
		return (struct text){ "<NULL>", 6 };
	return (struct text){ s->text, s->length };
}

/* ---- conversions ---------------------------------------------------------------------------- */

/* One conversion with its stars replaced; -1: not given. */
struct conversion {
	char kind, flag;
	bool left; /* the flag, or a width that is computed and negative: then beside a flag */
	int64_t width, precision;
};

static int64_t limited(int64_t v)
{
	return v > WIDTH_MOST ? WIDTH_MOST : v;
}

static struct conversion resolve(struct arguments *a, const struct abi_format_part *p)
{
	struct conversion c = {
		.kind = (char)p->conversion, .flag = (char)p->flag, .width = -1, .precision = -1
	};

	if (p->bits & ABI_FORMAT_STAR_WIDTH)
		c.width = next_long(a);
	else if (p->bits & ABI_FORMAT_HAS_WIDTH)
		c.width = p->width;
	if (p->bits & ABI_FORMAT_STAR_PRECISION)
		c.precision = next_long(a);
	else if (p->bits & ABI_FORMAT_HAS_PRECISION)
		c.precision = p->precision;
	if (p->bits & ABI_FORMAT_STAR_WIDTH && c.width < 0) {
		c.left = true;
		c.width = c.width < -WIDTH_MOST ? WIDTH_MOST : -c.width;
	}
	c.left |= c.flag == '-';
	c.width = limited(c.width);
	c.precision = c.precision < 0 ? -1 : limited(c.precision);
	return c;
}

static uint64_t padding(const struct conversion *c, uint64_t length)
{
	return c->width > 0 && (uint64_t)c->width > length ? (uint64_t)c->width - length : 0;
}

static void put_padded(struct rt_writer *w, const struct conversion *c, const char *bytes,
		       uint64_t n)
{
	uint64_t pad = padding(c, n);

	if (!c->left)
		rt_writer_fill(w, ' ', pad);
	rt_writer_put(w, bytes, n);
	if (c->left)
		rt_writer_fill(w, ' ', pad);
}

/* Blanks, prefix (sign, 0x), zeroes, digits, blanks. */
static void put_number(struct rt_writer *w, const struct conversion *c, uint64_t v, uint32_t base,
		       const char *prefix)
{
	char text[64];
	uint32_t n, before = 0;
	const char *digits = rt_digits(v, base, c->kind == 'X', text, &n);
	uint64_t zeroes = c->precision > (int64_t)n ? (uint64_t)c->precision - n : 0, pad;

	while (prefix[before])
		before++;
	pad = padding(c, before + zeroes + n);
	if (c->flag == '0' && !c->left)
		zeroes += pad;
	else if (!c->left)
		rt_writer_fill(w, ' ', pad);
	rt_writer_put(w, prefix, before);
	rt_writer_fill(w, '0', zeroes);
	rt_writer_put(w, digits, n);
	if (c->left)
		rt_writer_fill(w, ' ', pad);
}

static void put_signed(struct rt_writer *w, const struct conversion *c, int64_t v)
{
	if (v < 0)
		put_number(w, c, 0 - (uint64_t)v, 10, "-");
	else
		put_number(w, c, (uint64_t)v, 10, c->flag == '+' ? "+" : c->flag == ' ' ? " " : "");
}

static void put_char(struct rt_writer *w, struct arguments *a, const struct conversion *c,
		     int64_t v)
{
	unsigned char byte = (unsigned char)v;
	char text[4] = { (char)byte }, letter = byte == '"' ? 0 : rt_escape_letter(byte);
	uint32_t n = 1;

	a->binary |= byte == 0;
	if (byte == '\'')
		letter = '\'';
	if (c->flag == '#' && letter) {
		text[0] = '\\';
		text[1] = letter;
		n = 2;
	} else if (c->flag == '#' && (byte < 0x20 || byte > 0x7e)) {
		rt_escape_octal(byte, text);
		n = 4;
	}
	put_padded(w, c, text, n);
}

static void put_string(struct rt_writer *w, struct arguments *a, const struct conversion *c,
		       struct text t)
{
	if (c->precision >= 0 && t.length > c->precision)
		t.length = (uint32_t)c->precision;
	put_padded(w, c, t.bytes, t.length);
	if (c->flag == '0') {
		rt_writer_byte(w, 0);
		a->binary = true;
	}
}

static bool is_binary_size(int64_t n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

/* The number's bytes in the machine's order; zeroes fill a larger width. */
static void put_binary(struct rt_writer *w, struct arguments *a, const struct conversion *c,
		       int64_t v)
{
	int64_t size = is_binary_size(c->precision) ? c->precision
		       : is_binary_size(c->width)   ? c->width
						    : 8;
	uint64_t pad = padding(c, (uint64_t)size);

	a->binary = true;
	if (!c->left)
		rt_writer_fill(w, 0, pad);
	rt_writer_put(w, (const char *)&v, (uint64_t)size);
	if (c->left)
		rt_writer_fill(w, 0, pad);
}

/* ---- memory
 * -------------------------------------------------------------------------------------- */

static uint32_t memory_size(const struct conversion *c)
{
	return c->precision > 0 ? (uint32_t)c->precision : 1;
}

static void put_memory_byte(struct rt_writer *w, char kind, unsigned char byte)
{
	if (kind == 'M')
		rt_writer_byte(w, "0123456789abcdef"[byte >> 4]);
	rt_writer_byte(w, kind == 'M' ? "0123456789abcdef"[byte & 15] : (char)byte);
}

static void put_memory(struct rt_writer *w, struct arguments *a, const struct conversion *c)
{
	struct text t = { NULL, memory_size(c) };
	uint64_t address = 0, byte, pad;

	a->binary = true;
	if (a->values)
		address = (uint64_t)next_long(a);
	else
		t = record_text(a);
	pad = padding(c, c->kind == 'M' ? (uint64_t)t.length * 2 : t.length);
	if (!c->left)
		rt_writer_fill(w, ' ', pad);
	for (uint32_t i = 0; i < t.length; i++) {
		if (t.bytes)
			byte = (unsigned char)t.bytes[i];
		else if (!rt_peek(a->slot, address + i, 1, &byte)) {
			rt_format_fault(a->slot, address + i);
			return;
		}
		put_memory_byte(w, c->kind, (unsigned char)byte);
	}
	if (c->left)
		rt_writer_fill(w, ' ', pad);
}

RT_COLD void rt_format_fault(struct abi_slot *s, uint64_t address)
{
	char text[64] = "read fault [man error::fault] at 0x", digits[64];
	uint32_t n = sizeof "read fault [man error::fault] at 0x" - 1, count;
	const char *hex = rt_digits(address, 16, false, digits, &count);

	if (!s)
		return;
	memcpy(text + n, hex, count);
	s->fault_address = address;
	rt_raise_text(s, text, n + count);
}

static RT_COLD void too_many_bytes(struct abi_slot *s, uint64_t n)
{
	static const char rest[] = " is too many bytes for a memory dump";
	char text[80], digits[64];
	uint32_t count;
	const char *decimal = rt_digits(n, 10, false, digits, &count);

	if (!s)
		return;
	memcpy(text, decimal, count);
	memcpy(text + count, rest, sizeof rest - 1);
	rt_raise_text(s, text, count + (uint32_t)sizeof rest - 1);
}

bool rt_format_memory(struct abi_slot *s, const struct abi_format *f, const uint64_t *args,
		      uint32_t counts[RT_FORMAT_ARGS])
{
	const struct abi_format_part *p = (const void *)(f + 1);
	struct arguments a = { .format = f, .values = args };

	if (f->n_args > RT_FORMAT_ARGS)
		return false;
	memset(counts, 0, RT_FORMAT_ARGS * sizeof counts[0]);
	for (uint32_t i = 0; i < f->n_parts; i++) {
		struct conversion c;

		if (!p[i].conversion)
			continue;
		c = resolve(&a, &p[i]);
		if ((c.kind | 0x20) == 'm' && a.next < f->n_args) {
			if (memory_size(&c) > RT_FORMAT_MEMORY) {
				too_many_bytes(s, memory_size(&c));
				return false;
			}
			counts[a.next] = 1 + memory_size(&c);
		}
		a.next++;
	}
	return true;
}

/* ---- the engine
 * ------------------------------------------------------------------------------------ */

static void put_conversion(struct rt_writer *w, struct arguments *a,
			   const struct abi_format_part *p)
{
	struct conversion c = resolve(a, p);

	switch (c.kind) {
	case 'd':
	case 'i':
		put_signed(w, &c, next_long(a));
		break;
	case 'u':
		put_number(w, &c, (uint64_t)next_long(a), 10, "");
		break;
	case 'o':
		put_number(w, &c, (uint64_t)next_long(a), 8, c.flag == '#' ? "0" : "");
		break;
	case 'x':
		put_number(w, &c, (uint64_t)next_long(a), 16, c.flag == '#' ? "0x" : "");
		break;
	case 'X':
		put_number(w, &c, (uint64_t)next_long(a), 16, c.flag == '#' ? "0X" : "");
		break;
	case 'p':
		put_number(w, &c, (uint64_t)next_long(a), 16, "0x");
		break;
	case 'c':
		put_char(w, a, &c, next_long(a));
		break;
	case 's':
		put_string(w, a, &c, next_text(a));
		break;
	case 'b':
		put_binary(w, a, &c, next_long(a));
		break;
	case 'm':
	case 'M':
		put_memory(w, a, &c);
		break;
	default:
		a->damaged = true;
	}
}

static void format(struct rt_writer *w, struct arguments *a)
{
	const struct abi_format_part *p = (const void *)(a->format + 1);

	for (uint32_t i = 0; i < a->format->n_parts; i++) {
		if (p[i].conversion)
			put_conversion(w, a, &p[i]);
		else
			rt_writer_put(w, (const char *)a->format + p[i].text, p[i].length);
	}
	rt_writer_flush(w);
}

uint32_t rt_format_args(const struct abi_format *f, const uint64_t *args, char *out, uint32_t size)
{
	struct rt_writer w = { .at = out, .end = out + size, .buffer = out };
	struct arguments a = { .format = f, .values = args };

	format(&w, &a);
	return (uint32_t)(w.at - out);
}

#define CHUNK 512

bool rt_format_record(const struct abi_format *f, const struct abi_record *r, rt_write *write,
		      void *to)
{
	char buffer[CHUNK];
	struct rt_writer w = {
		.at = buffer, .end = buffer + CHUNK, .buffer = buffer, .write = write, .to = to
	};
	struct arguments a = { .format = f,
			       .at = (const char *)(r + 1),
			       .end = (const char *)r + r->size };

	if (r->size < sizeof *r)
		return false;
	format(&w, &a);
	return !a.damaged;
}

const uint32_t *rt_record_places(const struct abi_record *r, uint32_t *n)
{
	const uint32_t *p = (const uint32_t *)(r + 1);

	*n = 0;
	if (r->kind != ABI_RECORD_ERROR || r->size < sizeof *r + 8 || p[1] > ABI_CALLED)
		return NULL;
	*n = p[1];
	return p;
}

const struct abi_string *rt_record_text(const struct abi_record *r)
{
	uint64_t head = sizeof *r;
	const struct abi_string *text;
	uint32_t n;

	if (r->kind == ABI_RECORD_ERROR) {
		if (!rt_record_places(r, &n))
			return NULL;
		head += rt_align8(8 + n * sizeof n);
	}
	text = (const void *)((const char *)r + head);
	if (r->size < head + ABI_STRING_HEAD || text->length > r->size - head - ABI_STRING_HEAD)
		return NULL;
	return text;
}

/* ---- sprintf
 * -------------------------------------------------------------------------------------------- */

/* Longest string that is both an argument of sprintf and its result; longer ones are cut. */
#define ALIAS_MOST 4096

static bool has_alias(const struct abi_format *f, const uint64_t *args,
		      const struct abi_string *out)
{
	for (uint32_t i = 0; i < f->n_args; i++)
		if (args[i] == (uint64_t)out)
			return true;
	return false;
}

/* A script's string ends at a NUL. */
static uint32_t length_to_nul(const char *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!p[i])
			return i;
	return n;
}

static void sprint(struct abi_slot *s, struct arguments *a, struct abi_string *out)
{
	struct rt_writer w = { .at = out->text,
			       .end = out->text + rt_string_most(s),
			       .buffer = out->text };
	uint32_t error = s->error;

	a->slot = s;
	format(&w, a);
	out->length = (uint32_t)(w.at - out->text);
	if (a->binary)
		out->length = s->error > error ? 0 : length_to_nul(out->text, out->length);
	out->text[out->length] = 0;
}

static __attribute__((noinline)) void sprint_alias(struct abi_slot *s, struct arguments *a,
						   struct abi_string *out)
{
	_Alignas(8) char room[sizeof(struct abi_string) + ALIAS_MOST + 1];
	struct abi_string *copy = (struct abi_string *)room;

	rt_string_set(copy, out->text, out->length, ALIAS_MOST);
	a->alias = out;
	a->alias_copy = copy;
	sprint(s, a, out);
}

static bool reads_too_much(struct abi_slot *s, const struct abi_format *f, const uint64_t *args)
{
	const struct abi_format_part *p = (const void *)(f + 1);
	uint32_t counts[RT_FORMAT_ARGS];

	for (uint32_t i = 0; i < f->n_parts; i++)
		if ((p[i].conversion | 0x20) == 'm')
			return !rt_format_memory(s, f, args, counts);
	return false;
}

void rt_sprint(struct abi_slot *s, const struct abi_format *f, const uint64_t *args,
	       struct abi_string *out)
{
	struct arguments a = { .format = f, .values = args };

	if (reads_too_much(s, f, args)) {
		out->length = 0;
		out->text[0] = 0;
	} else if (has_alias(f, args, out)) {
		sprint_alias(s, &a, out);
	} else {
		sprint(s, &a, out);
	}
}
