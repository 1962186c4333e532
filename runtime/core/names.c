/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of numbers: error numbers, signals, flags and commands of system calls.
 *
 * The rows are constants without addresses, since the image has no
 * relocations: the names lie in one structure of arrays, one member for each
 * line of names.def, and a row holds the offset of its own.
 */
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

#define ALL 0xffffffffu
#define FLAGS 0u
#define MEMBER(line) MEMBER_(line)
#define MEMBER_(line) line_##line

/* The names, each with its NUL. */
static const struct names {
#define TABLE(number, mask)
#define NAME(table, name, value) char MEMBER(__LINE__)[sizeof name];
#include "runtime/core/names.def"
#undef NAME
} names = {
#define NAME(table, name, value) name,
#include "runtime/core/names.def"
#undef NAME
#undef TABLE
};

struct row {
	uint32_t value;
	uint16_t name; /* offset in names */
	uint16_t table;
};

static const struct row rows[] = {
#define TABLE(number, mask)
#define NAME(table, name, value) { (uint32_t)(value), offsetof(struct names, MEMBER(__LINE__)), table },
#include "runtime/core/names.def"
#undef NAME
#undef TABLE
};

static const uint32_t masks[] = {
#define TABLE(number, mask) [number] = (mask),
#define NAME(table, name, value)
#include "runtime/core/names.def"
#undef NAME
#undef TABLE
};

#define N_ROWS (sizeof rows / sizeof rows[0])
#define N_TABLES (sizeof masks / sizeof masks[0])

static const char *name_of(const struct row *r)
{
	return (const char *)&names + r->name;
}

/* The table's first row: rows rise by table. */
static uint32_t first_row(uint32_t table)
{
	uint32_t low = 0, high = N_ROWS;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (rows[middle].table < table)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The row of a table that has this value, or NULL. */
static const struct row *find_value(uint32_t table, uint32_t value)
{
	for (uint32_t i = first_row(table); i < N_ROWS && rows[i].table == table; i++)
		if (rows[i].value == value)
			return &rows[i];
	return NULL;
}

static void add_text(struct abi_slot *s, struct abi_string *out, const char *text)
{
	uint32_t most = rt_string_most(s);

	while (*text && out->length < most)
		out->text[out->length++] = *text++;
	out->text[out->length] = 0;
}

static void add_separated(struct abi_slot *s, struct abi_string *out, const char *text)
{
	if (out->length)
		add_text(s, out, "|");
	add_text(s, out, text);
}

static void add_hex(struct abi_slot *s, struct abi_string *out, uint64_t value)
{
	char text[20];
	uint32_t at = sizeof text;

	text[--at] = 0;
	do
		text[--at] = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	text[--at] = 'x';
	text[--at] = '0';
	add_separated(s, out, text + at);
}

/* The choice that a value holds; what has no name stays in *left. */
static void add_choice(struct abi_slot *s, struct abi_string *out, uint32_t table, uint64_t *left)
{
	uint32_t choice = (uint32_t)*left & masks[table];
	const struct row *r = masks[table] ? find_value(table, choice) : NULL;

	if (!r)
		return;
	add_separated(s, out, name_of(r));
	*left &= ~(uint64_t)masks[table];
}

static void add_flags(struct abi_slot *s, struct abi_string *out, uint32_t table, uint64_t *left)
{
	for (uint32_t i = first_row(table); i < N_ROWS && rows[i].table == table; i++) {
		uint32_t flag = rows[i].value;

		if (flag & masks[table] || !flag || (*left & flag) != flag)
			continue;
		add_separated(s, out, name_of(&rows[i]));
		*left &= ~(uint64_t)flag;
	}
}

/* A 32-bit number that was widened with its sign is meant as one of 32 bits. */
static uint64_t narrow(int64_t value)
{
	return value < 0 && value >= INT32_MIN ? (uint32_t)value : (uint64_t)value;
}

void rt_flag_names(struct abi_slot *s, int64_t value, int64_t table, struct abi_string *out)
{
	uint64_t left = narrow(value);
	const struct row *none;

	rt_string_set(out, "", 0, 0);
	if ((uint64_t)table >= N_TABLES)
		return;
	if (masks[table] != ALL || left <= ALL)
		add_choice(s, out, (uint32_t)table, &left);
	add_flags(s, out, (uint32_t)table, &left);
	none = left || out->length ? NULL : find_value((uint32_t)table, 0);
	if (none)
		add_text(s, out, name_of(none));
	else if (left || !out->length)
		add_hex(s, out, left);
}

void rt_name_of(struct abi_slot *s, int64_t value, int64_t table, struct abi_string *out)
{
	uint64_t wanted = narrow(value);
	const struct row *r = wanted > ALL ? NULL : find_value((uint32_t)table, (uint32_t)wanted);

	rt_string_set(out, "", 0, 0);
	if (r)
		add_text(s, out, name_of(r));
}

static bool is_text(const char *text, rt_str wanted)
{
	for (uint32_t i = 0; i < wanted->length; i++)
		if (!text[i] || text[i] != wanted->text[i])
			return false;
	return !text[wanted->length];
}

int64_t rt_name_value(struct abi_slot *s, rt_str name, int64_t table)
{
	uint64_t number = (uint64_t)table;

	(void)s;
	for (uint32_t i = first_row((uint32_t)number); i < N_ROWS && rows[i].table == number; i++)
		if (is_text(name_of(&rows[i]), name))
			return (int32_t)rows[i].value;
	return -1;
}
