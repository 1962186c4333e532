/* SPDX-License-Identifier: Apache-2.0 */
/* What embedded C finds before itself. No C library is there; headers may be used for types and macros. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spile_string {
	uint32_t length, pad;
	char text[];
};
struct spile_key_text {
	uint32_t length, pad;
	char text[MAXSTRINGLEN];
};

/* Functions of the runtime; their addresses are filled in where the code is placed. */
struct spile_runtime {
	void (*error)(void *slot, const struct spile_string *text);
	void (*put)(void *slot, const struct spile_string *text);
	int64_t (*map_get)(void *slot, void *map, const uint64_t *keys);
	void (*map_get_str)(void *slot, void *map, const uint64_t *keys, struct spile_string *out);
	int64_t *(*map_ref)(void *slot, void *map, const uint64_t *keys);
	void (*map_set_str)(void *slot, void *map, const uint64_t *keys, const struct spile_string *value);
};
__attribute__((section(".spile_runtime"), used)) const volatile struct spile_runtime spile_runtime;

struct context {
	const char *last_error;
	void *spile_slot;
	uint32_t spile_next;
};

/* ---- what a C library would have: loops that may not become calls of themselves ---- */
#ifdef __clang__
#define SPILE_LOOP
#else
#define SPILE_LOOP __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif
SPILE_LOOP void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}
SPILE_LOOP void *memmove(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (t <= f)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}
SPILE_LOOP void *memset(void *to, int c, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)c;
	return to;
}
int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
SPILE_LOOP size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}
size_t strnlen(const char *s, size_t most)
{
	size_t n = 0;

	while (n < most && s[n])
		n++;
	return n;
}
int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}
int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--) {
		a++;
		b++;
	}
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}
char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return 0;
	return (char *)s;
}
size_t strlcpy(char *restrict to, const char *restrict from, size_t size)
{
	size_t n = strlen(from), k = n < size ? n : size - 1;

	if (size) {
		memcpy(to, from, k);
		to[k] = 0;
	}
	return n;
}
size_t strlcat(char *restrict to, const char *restrict from, size_t size)
{
	size_t n = strnlen(to, size);

	return n == size ? n + strlen(from) : n + strlcpy(to + n, from, size - n);
}

struct spile_out {
	char *to;
	size_t size, n;
};
static void spile_put(struct spile_out *o, char c)
{
	if (o->n + 1 < o->size)
		o->to[o->n] = c;
	o->n++;
}
static void spile_put_field(struct spile_out *o, const char *sign, const char *text, size_t n, size_t width, char fill, bool left)
{
	size_t all = n + strlen(sign), pad = width > all ? width - all : 0;

	for (; !left && fill == ' ' && pad; pad--)
		spile_put(o, ' ');
	for (; *sign; sign++)
		spile_put(o, *sign);
	for (; !left && pad; pad--)
		spile_put(o, '0');
	for (; n; n--)
		spile_put(o, *text++);
	for (; pad; pad--)
		spile_put(o, ' ');
}
/* One directive: d i u x X o p c s %, with - 0 # + blank, width, precision of strings, hh h l ll z j t. */
struct spile_spec {
	bool left, prefix, longs;
	char fill, plus;
	size_t width;
	long precision; /* -1 none */
};
static size_t spile_number(const char **f, va_list *ap)
{
	size_t n = 0;

	if (**f == '*') {
		++*f;
		return (size_t)(long)va_arg(*ap, int);
	}
	for (; **f >= '0' && **f <= '9'; ++*f)
		n = n * 10 + (size_t)(**f - '0');
	return n;
}
static void spile_read_spec(struct spile_spec *s, const char **f, va_list *ap)
{
	*s = (struct spile_spec){ .fill = ' ', .precision = -1 };
	for (; **f == '-' || **f == '0' || **f == '#' || **f == '+' || **f == ' '; ++*f) {
		s->left |= **f == '-';
		s->prefix |= **f == '#';
		if (**f == '0')
			s->fill = '0';
		if (**f == '+' || **f == ' ')
			s->plus = **f;
	}
	s->width = spile_number(f, ap);
	if ((long)s->width < 0) {
		s->left = true;
		s->width = 0 - s->width;
	}
	if (**f == '.') {
		++*f;
		s->precision = (long)spile_number(f, ap);
	}
	for (; **f == 'l' || **f == 'h' || **f == 'z' || **f == 'j' || **f == 't'; ++*f)
		s->longs |= **f != 'h';
}
static void spile_put_number(struct spile_out *o, const struct spile_spec *s, const char *sign, uint64_t v, char kind)
{
	unsigned base = kind == 'x' || kind == 'X' || kind == 'p' ? 16 : kind == 'o' ? 8 : 10;
	char number[24], *at = number + sizeof number;

	if (s->prefix && v)
		sign = base == 8 ? "0" : kind == 'X' ? "0X" : base == 16 ? "0x" : sign;
	do {
		char digit = "0123456789abcdef"[v % base];

		*--at = kind == 'X' && digit > '9' ? (char)(digit - 32) : digit;
	} while (v /= base);
	spile_put_field(o, sign, at, (size_t)(number + sizeof number - at), s->width, s->fill, s->left);
}
static void spile_put_signed(struct spile_out *o, const struct spile_spec *s, int64_t v)
{
	const char *sign = v < 0 ? "-" : s->plus == '+' ? "+" : s->plus ? " " : "";

	spile_put_number(o, s, sign, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 'd');
}
static void spile_put_text(struct spile_out *o, const struct spile_spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	spile_put_field(o, "", text, s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision), s->width, ' ', s->left);
}
static void spile_convert(struct spile_out *o, struct spile_spec *s, char kind, va_list *ap)
{
	char c;

	switch (kind) {
	case 'd':
	case 'i':
		spile_put_signed(o, s, s->longs ? va_arg(*ap, int64_t) : va_arg(*ap, int));
		return;
	case 'p':
		s->prefix = s->longs = true;
		/* fall through */
	case 'x':
	case 'X':
	case 'o':
	case 'u':
		spile_put_number(o, s, "", s->longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), kind);
		return;
	case 'c':
		c = (char)va_arg(*ap, int);
		spile_put_field(o, "", &c, 1, s->width, ' ', s->left);
		return;
	case 's':
		spile_put_text(o, s, va_arg(*ap, const char *));
		return;
	default:
		spile_put(o, kind);
	}
}
int vsnprintf(char *restrict to, size_t size, const char *restrict f, va_list given)
{
	struct spile_out o = { to, size, 0 };
	const char *p = f;
	struct spile_spec s;
	va_list ap;

	va_copy(ap, given);
	for (; *p; p++) {
		if (*p != '%') {
			spile_put(&o, *p);
			continue;
		}
		p++;
		spile_read_spec(&s, &p, &ap);
		if (!*p)
			break;
		spile_convert(&o, &s, *p, &ap);
	}
	va_end(ap);
	if (size)
		to[o.n < size ? o.n : size - 1] = 0;
	return (int)o.n;
}
int snprintf(char *restrict to, size_t size, const char *restrict f, ...)
{
	va_list ap;
	int n;

	va_start(ap, f);
	n = vsnprintf(to, size, f, ap);
	va_end(ap);
	return n;
}

/* ---- what the macros stand on ---- */
static void spile_say(struct context *c, bool error, const char *f, ...)
{
	struct spile_key_text line;
	va_list ap;
	int n;

	va_start(ap, f);
	n = vsnprintf(line.text, sizeof line.text, f, ap);
	va_end(ap);
	line.length = n < (int)sizeof line.text ? (uint32_t)n : (uint32_t)sizeof line.text - 1;
	if (error)
		spile_runtime.error(c->spile_slot, (const struct spile_string *)&line);
	else
		spile_runtime.put(c->spile_slot, (const struct spile_string *)&line);
}
static void spile_set_text(struct spile_string *to, const char *from)
{
	to->length = (uint32_t)strnlen(from, MAXSTRINGLEN - 1);
	memmove(to->text, from, to->length);
	to->text[to->length] = 0;
}
static uint64_t spile_text_key(struct spile_key_text *room, const char *text)
{
	spile_set_text((struct spile_string *)room, text);
	return (uint64_t)(uintptr_t)room;
}
#define STAP_ERROR(...) do { spile_say(CONTEXT, true, __VA_ARGS__); goto spile_leave; } while (0)
#define STAP_PRINTF(...) spile_say(CONTEXT, false, __VA_ARGS__)
#define _stp_printf(...) STAP_PRINTF(__VA_ARGS__)
#define STAP_NEXT do { CONTEXT->spile_next = 1; goto spile_leave; } while (0)
/* ---- the script ---- */
