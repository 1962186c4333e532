/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marker operands: what the assembler would take, in AT&T syntax.
 *
 *	operand  = [["-"] 1|2|4|8 ["f"] "@"] place
 *	place    = "$" sum | "%" register | [sum] ["(" ["%" base] ["," "%" index ["," scale]] ")"]
 *	sum      = ["-"] term { ("+" | "-") term }       term = number | symbol
 *
 * A sum holds at most one symbol, added.  symbol(%rip) is the symbol itself.
 * What does not fit is kept with valid = false, for the message.
 */
#include <ctype.h>
#include <stdlib.h>

#include "elf/file.h"

struct register_names {
	const char *names[4]; /* of 8, 4, 2, 1 bytes */
};

static const struct register_names registers[] = {
	[ABI_RAX] = { { "rax", "eax", "ax", "al" } },
	[ABI_RCX] = { { "rcx", "ecx", "cx", "cl" } },
	[ABI_RDX] = { { "rdx", "edx", "dx", "dl" } },
	[ABI_RBX] = { { "rbx", "ebx", "bx", "bl" } },
	[ABI_RSP] = { { "rsp", "esp", "sp", "spl" } },
	[ABI_RBP] = { { "rbp", "ebp", "bp", "bpl" } },
	[ABI_RSI] = { { "rsi", "esi", "si", "sil" } },
	[ABI_RDI] = { { "rdi", "edi", "di", "dil" } },
	[ABI_R8] = { { "r8", "r8d", "r8w", "r8b" } },
	[ABI_R9] = { { "r9", "r9d", "r9w", "r9b" } },
	[ABI_R10] = { { "r10", "r10d", "r10w", "r10b" } },
	[ABI_R11] = { { "r11", "r11d", "r11w", "r11b" } },
	[ABI_R12] = { { "r12", "r12d", "r12w", "r12b" } },
	[ABI_R13] = { { "r13", "r13d", "r13w", "r13b" } },
	[ABI_R14] = { { "r14", "r14d", "r14w", "r14b" } },
	[ABI_R15] = { { "r15", "r15d", "r15w", "r15b" } },
	[ABI_RIP] = { { "rip", "eip", NULL, NULL } },
};

/* %ah and its like: bits 8 to 15 of the first four registers, in their order. */
static const char *const high_bytes[] = { "ah", "ch", "dh", "bh" };

/* Reads text from left to right; every take_ function leaves p alone when it fails. */
struct reader {
	struct elf_file *file;
	const char *p, *end;
};

static bool take_char(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool is_symbol_char(int c)
{
	return isalnum(c) || c == '_' || c == '.' || c == '$';
}

struct named_register {
	int8_t number;
	uint8_t size, shift;
};

static bool register_find(const char *name, size_t length, struct named_register *out)
{
	for (int8_t i = 0; i < (int8_t)base_count(high_bytes); i++)
		if (strlen(high_bytes[i]) == length && memcmp(name, high_bytes[i], length) == 0) {
			*out = (struct named_register){ i, 1, 8 };
			return true;
		}
	for (int8_t i = 0; i < (int8_t)base_count(registers); i++)
		for (unsigned j = 0; j < 4; j++) {
			const char *candidate = registers[i].names[j];

			if (!candidate || strlen(candidate) != length ||
			    memcmp(name, candidate, length))
				continue;
			*out = (struct named_register){ i, (uint8_t)(8 >> j), 0 };
			return true;
		}
	return false;
}

static bool take_register(struct reader *r, struct named_register *out)
{
	const char *start = r->p, *p = r->p;

	if (p == r->end || *p++ != '%')
		return false;
	while (p < r->end && isalnum((unsigned char)*p))
		p++;
	if (!register_find(start + 1, (size_t)(p - start - 1), out))
		return false;
	r->p = p;
	return true;
}

static bool take_number(struct reader *r, uint64_t *out)
{
	char digits[32], *stop;
	size_t n = 0;

	while (r->p + n < r->end && n < sizeof digits - 1 && isalnum((unsigned char)r->p[n])) {
		digits[n] = r->p[n];
		n++;
	}
	digits[n] = 0;
	if (!n || !isdigit((unsigned char)digits[0]))
		return false;
	*out = strtoull(digits, &stop, 0);
	if (*stop)
		return false;
	r->p += n;
	return true;
}

static bool take_symbol(struct reader *r, uint64_t *out)
{
	const char *p = r->p;

	if (p == r->end || isdigit((unsigned char)*p))
		return false;
	while (p < r->end && is_symbol_char((unsigned char)*p))
		p++;
	if (p == r->p || !r->file || !elf_symbol_address(r->file, r->p, (size_t)(p - r->p), out))
		return false;
	r->p = p;
	return true;
}

/* What a sum came to. */
struct sum {
	uint64_t value;
	bool any, has_symbol;
};

static bool take_sum(struct reader *r, struct sum *out)
{
	bool minus = take_char(r, '-');

	*out = (struct sum){ 0 };
	if (!minus && (r->p == r->end || *r->p == '(' || *r->p == '%'))
		return true;
	do {
		uint64_t v;

		if (take_number(r, &v)) {
			out->value += minus ? -v : v;
		} else if (!minus && !out->has_symbol && take_symbol(r, &v)) {
			out->value += v;
			out->has_symbol = true;
		} else {
			return false;
		}
		out->any = true;
		minus = r->p < r->end && *r->p == '-';
	} while (take_char(r, '+') || take_char(r, '-'));
	return true;
}

/* Base and index are whole registers; %rip only with a symbol, %rsp never an index. */
static bool address_register(const struct named_register *n, bool is_index, int8_t *out)
{
	if (n->size != 8 || (is_index && n->number == ABI_RSP))
		return false;
	*out = n->number;
	return true;
}

static bool take_index(struct reader *r, struct elf_operand *o)
{
	struct named_register n;
	uint64_t scale = 1;

	if (!take_register(r, &n) || n.number == ABI_RIP || !address_register(&n, true, &o->index))
		return false;
	if (take_char(r, ',') && !take_number(r, &scale))
		return false;
	o->scale = (uint8_t)scale;
	return scale == 1 || scale == 2 || scale == 4 || scale == 8;
}

static bool take_brackets(struct reader *r, const struct sum *s, struct elf_operand *o)
{
	struct named_register n;

	if (!take_char(r, '('))
		return false;
	if (take_register(r, &n)) {
		if (!address_register(&n, false, &o->base))
			return false;
		if (n.number == ABI_RIP) {
			o->base = -1;
			return s->has_symbol && take_char(r, ')');
		}
	}
	if (take_char(r, ',') && !take_index(r, o))
		return false;
	return (o->base >= 0 || o->index >= 0) && take_char(r, ')');
}

static bool take_place(struct reader *r, struct elf_operand *o)
{
	struct named_register n;
	struct sum s;

	if (take_register(r, &n)) {
		o->kind = ELF_OPERAND_REGISTER;
		o->base = n.number;
		o->register_size = n.size;
		o->shift = n.shift;
		return n.number != ABI_RIP;
	}
	if (take_char(r, '$')) {
		if (!take_sum(r, &s) || !s.any)
			return false;
		o->kind = s.has_symbol ? ELF_OPERAND_ADDRESS : ELF_OPERAND_CONSTANT;
	} else {
		if (!take_sum(r, &s))
			return false;
		o->kind = ELF_OPERAND_MEMORY;
		if (r->p < r->end ? !take_brackets(r, &s, o) : !s.any)
			return false;
	}
	o->displacement = (int64_t)s.value;
	o->module_relative = s.has_symbol;
	return true;
}

/* "-4@", "8f@" or nothing: sizes are what sdt.h can write. */
static bool take_size(struct reader *r, struct elf_operand *o)
{
	struct reader start = *r;
	bool minus = take_char(r, '-');
	uint64_t size = 0;

	if (r->p < r->end && isdigit((unsigned char)*r->p))
		size = (uint64_t)(*r->p++ - '0');
	if (size)
		o->is_float = take_char(r, 'f');
	if (!size || !take_char(r, '@')) {
		*r = start;
		o->is_float = false;
		return true;
	}
	o->size = (int8_t)(minus ? -(int)size : (int)size);
	return size == 1 || size == 2 || size == 4 || size == 8;
}

void elf_operand_parse(struct arena *a, struct elf_file *f, const char *text, size_t length,
		       struct elf_operand *out)
{
	struct reader r = { f, text, text + length };

	*out = (struct elf_operand){ .base = -1, .index = -1, .scale = 1 };
	out->text = arena_strndup(a, text, length);
	out->valid = take_size(&r, out) && take_place(&r, out) && r.p == r.end;
}
