/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind tables against libdw's reading of the same call frame information, at random addresses of installed files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf/elf.h"
#include "elf/kept.h"

#define ADDRESSES 20000
static const char *const files[] = { "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
				     "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
				     "/usr/bin/bash", "/usr/bin/python3.11", "/usr/bin/gdb", "/usr/bin/perl" };
static const int dwarf_of[ABI_SAVED] = { 3, 6, 12, 13, 14, 15 };
static const uint8_t abi_of[16] = { ABI_RAX, ABI_RDX, ABI_RCX, ABI_RBX, ABI_RSI, ABI_RDI, ABI_RBP, ABI_RSP,
				    ABI_R8, ABI_R9, ABI_R10, ABI_R11, ABI_R12, ABI_R13, ABI_R14, ABI_R15 };

static const struct abi_unwind_rule *rule_at(const struct abi_unwind_table *t, uint64_t address)
{
	const struct abi_unwind_rule *rules = (const void *)((const char *)t + t->rules);
	const struct abi_unwind_row *rows = (const void *)((const char *)t + t->rows);
	const uint32_t *blocks = (const void *)((const char *)t + t->blocks);
	uint64_t at = address - t->text, block = at >> ABI_BLOCK_SHIFT;
	uint32_t row;

	if (block + 1 >= t->n_blocks)
		return &rules[0];
	for (row = blocks[block]; row < blocks[block + 1] && rows[row].at <= at; row++)
		;
	return row ? &rules[rows[row - 1].rule] : &rules[0];
}

/* What libdw says of a register is one of: unknown, undefined, same, at CFA + offset, something else. */
static int where_is(Dwarf_Frame *frame, int number, int64_t *offset)
{
	Dwarf_Op room[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, number, room, &ops, &n) != 0)
		return -1;
	if (n == 0)
		return ops == room ? 0 : 1; /* undefined; same */
	if (ops[0].atom != DW_OP_call_frame_cfa || n > 2)
		return 3;
	*offset = n == 2 ? (int64_t)ops[1].number : 0;
	return n == 1 || ops[1].atom == DW_OP_plus_uconst ? 2 : 3;
}

/* 1 if the CFA is a register and an offset and both agree; 0 if libdw has it otherwise. */
static void compare_rule(const char *path, uint64_t at, Dwarf_Frame *frame, const struct abi_unwind_rule *rule)
{
	Dwarf_Op *ops;
	size_t n;
	int64_t offset;

	if (where_is(frame, 16, &offset) == 0 || dwarf_frame_cfa(frame, &ops, &n) != 0 || n != 1 ||
	    rule->kind == ABI_RULE_SIGNAL || rule->kind == ABI_RULE_END)
		return;
	if (ops[0].atom != DW_OP_bregx) /* an expression */
		return;
	if (rule->kind != ABI_RULE_REGISTER || ops[0].number > 15 || abi_of[ops[0].number] != rule->reg ||
	    (int64_t)ops[0].number2 != rule->offset)
		fail_msg("%s: the CFA at 0x%lx: kind %u register %u offset %d", path, (unsigned long)at, rule->kind, rule->reg,
			 rule->offset);
	for (uint32_t i = 0; i < ABI_SAVED; i++) {
		bool saved = rule->saved_mask >> i & 1;

		if (where_is(frame, dwarf_of[i], &offset) == 2) {
			if (!saved || rule->saved[i] * 8 != offset)
				fail_msg("%s: register %d at 0x%lx", path, dwarf_of[i], (unsigned long)at);
		} else if (saved && rule->base < 0) {
			fail_msg("%s: register %d at 0x%lx is not saved", path, dwarf_of[i], (unsigned long)at);
		}
	}
}

static uint32_t compare_file(struct elf_cache *cache, struct arena *a, const char *path)
{
	int fd = open(path, O_RDONLY);
	Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	Dwarf_CFI *cfi = elf ? dwarf_getcfi_elf(elf) : NULL;
	const struct abi_unwind_table *t;
	struct elf_file *f;
	uint32_t compared = 0;

	if (!cfi || elf_open(cache, path, &f) != NULL)
		goto out;
	t = elf_unwind_table(a, f);
	assert_non_null(t);
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		const struct abi_unwind_row *rows = (const void *)((const char *)t + t->rows);
		/* every row's first addresses, and some within */
		uint64_t at = t->text + rows[(uint32_t)random() % t->n_rows].at + (i % 3 ? (uint64_t)random() % 4 : 0);
		Dwarf_Frame *frame;

		if (dwarf_cfi_addrframe(cfi, at, &frame) != 0)
			continue;
		compare_rule(path, at, frame, rule_at(t, at));
		free(frame);
		compared++;
	}
out:
	if (cfi)
		dwarf_cfi_end(cfi);
	if (elf)
		elf_end(elf);
	if (fd >= 0)
		close(fd);
	return compared;
}

static void as_libdw(void **state)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	uint32_t compared = 0;

	(void)state;
	srandom(1);
	elf_version(EV_CURRENT);
	for (size_t i = 0; i < base_count(files); i++)
		compared += compare_file(cache, a, files[i]);
	assert_true(compared > ADDRESSES);
	elf_cache_destroy(cache);
	arena_destroy(a);
}

static void names(void **state)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	const struct abi_symbol_table *t;
	const struct abi_symbol *s;
	uint32_t wanted = 0;
	struct elf_file *f;

	(void)state;
	assert_null(elf_open(cache, files[0], &f));
	t = elf_symbol_table(a, f);
	assert_non_null(t);
	s = (const void *)((const char *)t + t->symbols);
	for (uint32_t i = 0; i < t->n; i++) {
		const char *name = (const char *)t + t->names + s[i].name;

		assert_true(!i || s[i].at > s[i - 1].at);
		wanted += s[i].length == 6 && memcmp(name, "malloc", 6) == 0;
	}
	assert_int_equal(wanted, 1);
	elf_cache_destroy(cache);
	arena_destroy(a);
}

/* As targets do, who look at nothing twice: the sum depends on all that a walk may come to. */
static uint64_t walk_all(enum kept_table kind, const void *table)
{
	const char *p = table;
	uint64_t sum = 0;

	if (kind == KEPT_UNWIND) {
		const struct abi_unwind_table *t = table;

		for (uint64_t at = 0; at < 1u << 20; at += 97)
			sum += rule_at(t, t->text + at)->kind;
		return sum + elf_unwind_kind_at(t, t->text + 1000);
	}
	if (kind == KEPT_SYMBOLS) {
		const struct abi_symbol_table *t = table;
		const struct abi_symbol *s = (const void *)(p + t->symbols);

		for (uint32_t i = 0; i < t->n; i++)
			for (uint32_t k = 0; k < s[i].length; k++)
				sum += (uint8_t)p[t->names + (uint64_t)s[i].name + k];
		return sum;
	}
	const struct abi_line_table *t = table;
	const struct abi_line *rows = (const void *)(p + t->rows);
	const struct abi_line_file *list = (const void *)(p + t->files);

	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t k = 0; rows[i].line && k < list[rows[i].file].length; k++)
			sum += (uint8_t)p[t->names + (uint64_t)list[rows[i].file].name + k];
	return sum;
}

/* Damaged somewhere, mostly where it says how it is laid out: refused, or nothing of a walk is outside. */
static void damage(enum kept_table kind, const void *table, uint32_t *sound)
{
	static const uint32_t values[] = { 0, 1, 4, 0x7fffffff, 0x80000000, 0xffffffff };
	uint64_t size;
	uint8_t *copy;

	memcpy(&size, table, sizeof size);
	assert_true(elf_table_is_sound(kind, table, size));
	assert_false(elf_table_is_sound(kind, table, size - 8));
	assert_false(elf_table_is_sound(kind, table, 8));
	copy = malloc(size); /* no byte more: a sanitizer sees each step outside */
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t words = size / 4, at = (i % 3 ? (uint64_t)random() % 12 : (uint64_t)random() % words) * 4;
		uint32_t value = i % 2 ? values[random() % (long)base_count(values)] : (uint32_t)random() % (2 * (uint32_t)size);

		memcpy(copy, table, size);
		memcpy(copy + at, &value, sizeof value);
		if (!elf_table_is_sound(kind, copy, size))
			continue;
		++*sound;
		assert_true(walk_all(kind, copy) < UINT64_MAX);
	}
	free(copy);
}

static void damaged_tables(void **state)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	const struct abi_line_table *lines;
	struct elf_file *f, *self;
	uint32_t sound = 0;

	(void)state;
	setenv("XDG_CACHE_HOME", "/nonexistent", 1);
	assert_null(elf_open(cache, "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", &f));
	damage(KEPT_UNWIND, elf_unwind_table(a, f), &sound);
	damage(KEPT_SYMBOLS, elf_symbol_table(a, f), &sound);
	assert_null(elf_open(cache, "/proc/self/exe", &self));
	lines = elf_line_table(a, self);
	if (lines)
		damage(KEPT_LINES, lines, &sound);
	assert_true(sound > 100);
	elf_cache_destroy(cache);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_libdw), cmocka_unit_test(names), cmocka_unit_test(damaged_tables) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
