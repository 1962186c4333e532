/* SPDX-License-Identifier: Apache-2.0 */
/* Literals and their escapes, and how tokens are named in messages. */
#include "lang/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers -------------------------------------------------------------------- */

bool lang_number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && end != text && !*end;
}

/* ---- escapes --------------------------------------------------------------------- */

static const char escape_letters[] = "abtnvfr\\";
static const char escape_values[] = "\a\b\t\n\v\f\r\\";

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \x4a..., any number of digits as in C, the last two count. At the x; behind it afterwards. */
static const char *unescape_hex(const char *p, const char *end, struct buf *to)
{
	unsigned value = 0;

	if (p + 1 == end || hex_digit(p[1]) < 0) {
		buf_addc(to, 'x');
		return p + 1;
	}
	for (p++; p < end && hex_digit(*p) >= 0; p++)
		value = (value << 4 | (unsigned)hex_digit(*p)) & 0xff;
	buf_addc(to, (int)value);
	return p;
}

/* Up to three octal digits. */
static const char *unescape_octal(const char *p, const char *end, struct buf *to)
{
	unsigned value = 0;

	for (int n = 0; n < 3 && p < end && *p >= '0' && *p <= '7'; n++)
		value = value << 3 | (unsigned)(*p++ - '0');
	buf_addc(to, (int)(value & 0xff));
	return p;
}

/* One escape, p behind the backslash. */
static const char *unescape_one(const char *p, const char *end, struct buf *to)
{
	const char *known;

	if (*p == 'x')
		return unescape_hex(p, end, to);
	if (*p >= '0' && *p <= '7')
		return unescape_octal(p, end, to);
	known = *p ? strchr(escape_letters, *p) : NULL;
	buf_addc(to, known ? escape_values[known - escape_letters] : *p);
	return p + 1;
}

const char *lang_unescape(struct arena *a, const char *raw, uint32_t n, uint32_t *length)
{
	const char *end = raw + n;
	struct buf b;

	*length = n;
	if (!n || !memchr(raw, '\\', n))
		return raw;
	buf_init(&b, a);
	for (const char *p = raw; p < end;) {
		if (*p == '\\' && p + 1 < end)
			p = unescape_one(p + 1, end, &b);
		else
			buf_addc(&b, *p++);
	}
	*length = (uint32_t)b.n;
	return buf_str(&b);
}

/* The bytes that one character of a literal, or its escape, takes in the script. */
static uint32_t written_length(const char *p, const char *end)
{
	char value[8];
	struct buf to = { .p = value, .cap = sizeof value };

	if (*p != '\\' || p + 1 == end)
		return 1;
	return (uint32_t)(unescape_one(p + 1, end, &to) - p);
}

/* Behind blanks and comments; the text ends with a NUL. */
static const char *skip_to_literal(const char *p)
{
	for (;;) {
		if (isspace((unsigned char)*p))
			p++;
		else if (*p == '#' || (p[0] == '/' && p[1] == '/'))
			p += strcspn(p, "\n");
		else if (p[0] == '/' && p[1] == '*' && strstr(p + 2, "*/"))
			p = strstr(p + 2, "*/") + 2;
		else
			return p;
	}
}

struct span lang_text_place(const struct source *s, struct span literal, uint32_t at)
{
	const char *p = s->text + base_min((size_t)literal.offset, s->length);
	const char *end = s->text + s->length, *next;
	uint32_t n;

	if (*p != '"')
		return literal;
	for (p++; p < end; p += n) {
		n = 1;
		if (*p == '"') {
			next = skip_to_literal(p + 1);
			if (*next != '"')
				break;
			p = next;
			continue;
		}
		n = written_length(p, end);
		if (!at--)
			return (struct span){ literal.source, (uint32_t)(p - s->text), n };
	}
	return p < end ? (struct span){ literal.source, (uint32_t)(p - s->text), 1 } : literal;
}

static void quote_one(struct buf *b, const char *p)
{
	const char *known = *p ? strchr(escape_values, *p) : NULL;

	if (known) {
		buf_addf(b, "\\%c", escape_letters[known - escape_values]);
	} else if (*p == '"') {
		buf_adds(b, "\\\"");
	} else if ((unsigned char)*p < ' ' || *p == '\x7f') {
		/* Three digits, so that what follows cannot be taken for more of them. */
		buf_addf(b, "\\%03o", (unsigned char)*p);
	} else {
		buf_addc(b, *p);
	}
}

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c != '"' && c != '\\' && c != 0x7f;
}

bool lang_is_plain(const char *text)
{
	while (is_plain((unsigned char)*text))
		text++;
	return !*text;
}

const char *lang_quote(struct arena *a, const char *text, uint32_t length)
{
	const char *end = text + length, *plain = text;
	struct buf b;

	while (plain < end && is_plain((unsigned char)*plain))
		plain++;
	if (plain == end) { /* nearly always */
		char *quoted = arena_alloc(a, length + 3);

		quoted[0] = quoted[length + 1] = '"';
		memcpy(quoted + 1, text, length);
		return quoted;
	}
	buf_init(&b, a);
	buf_addc(&b, '"');
	for (const char *p = text; p < end; p++)
		quote_one(&b, p);
	buf_addc(&b, '"');
	return buf_str(&b);
}

/* ---- tokens in messages -------------------------------------------------------------- */

static const char *const kind_names[] = {
	[TOKEN_END] = "EOF", [TOKEN_JUNK] = "junk", [TOKEN_IDENTIFIER] = "identifier",
	[TOKEN_KEYWORD] = "keyword", [TOKEN_OPERATOR] = "operator", [TOKEN_AT] = "operator",
	[TOKEN_STRING] = "string", [TOKEN_NUMBER] = "number", [TOKEN_EMBEDDED] = "embedded-code",
};

static void add_content(struct buf *b, const struct token *t)
{
	char code[3] = { (char)t->code, (char)(t->code >> 8), (char)(t->code >> 16) };
	const char *text = t->kind == TOKEN_OPERATOR ? code : t->text;

	buf_adds(b, " '");
	for (uint32_t i = 0; i < t->length; i++) {
		unsigned char c = (unsigned char)text[i];

		buf_addc(b, c < ' ' || c == 0x7f ? '?' : c);
	}
	buf_adds(b, "'");
}

const char *lang_token_text(const struct lang_options *o, const struct token *t)
{
	const struct source *s = source_get(o->sources, t->span.source);
	struct buf b;

	if (t->kind == TOKEN_END)
		return arena_printf(o->arena, "%s EOF", s ? s->name : "<input>");
	buf_init(&b, o->arena);
	buf_adds(&b, kind_names[t->kind]);
	if (t->kind != TOKEN_KEYWORD && t->kind != TOKEN_EMBEDDED)
		add_content(&b, t);
	return buf_str(&b);
}

struct diag *lang_token_diag(const struct lang_options *o, enum diag_tag tag, const char *how,
			     const struct token *t, const char *message)
{
	/* of what could not be read there is no more to say */
	if (t->kind == TOKEN_JUNK)
		return diag_add(o->diags, tag, t->span, "%s", message);
	return diag_add(o->diags, tag, t->span, "%s\n%11s: %s", message, how, lang_token_text(o, t));
}
