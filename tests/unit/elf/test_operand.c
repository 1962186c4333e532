/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of marker operands, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "elf/file.h"

enum {
	CONSTANT = ELF_OPERAND_CONSTANT,
	REGISTER = ELF_OPERAND_REGISTER,
	MEMORY = ELF_OPERAND_MEMORY,
	ADDRESS = ELF_OPERAND_ADDRESS
};

struct operand_case {
	const char *text;
	bool valid;
	int size, kind, base, index, scale, shift, register_size;
	int64_t displacement;
};

static const struct operand_case cases[] = {
	/* registers of every width */
	{ "8@%rax", true, 8, REGISTER, ABI_RAX, -1, 1, 0, 8, 0 },
	{ "-4@%eax", true, -4, REGISTER, ABI_RAX, -1, 1, 0, 4, 0 },
	{ "2@%ax", true, 2, REGISTER, ABI_RAX, -1, 1, 0, 2, 0 },
	{ "1@%al", true, 1, REGISTER, ABI_RAX, -1, 1, 0, 1, 0 },
	{ "-1@%ah", true, -1, REGISTER, ABI_RAX, -1, 1, 8, 1, 0 },
	{ "1@%bh", true, 1, REGISTER, ABI_RBX, -1, 1, 8, 1, 0 },
	{ "1@%ch", true, 1, REGISTER, ABI_RCX, -1, 1, 8, 1, 0 },
	{ "1@%dh", true, 1, REGISTER, ABI_RDX, -1, 1, 8, 1, 0 },
	{ "-1@%sil", true, -1, REGISTER, ABI_RSI, -1, 1, 0, 1, 0 },
	{ "1@%dil", true, 1, REGISTER, ABI_RDI, -1, 1, 0, 1, 0 },
	{ "1@%spl", true, 1, REGISTER, ABI_RSP, -1, 1, 0, 1, 0 },
	{ "1@%bpl", true, 1, REGISTER, ABI_RBP, -1, 1, 0, 1, 0 },
	{ "-2@%r8w", true, -2, REGISTER, ABI_R8, -1, 1, 0, 2, 0 },
	{ "1@%r9b", true, 1, REGISTER, ABI_R9, -1, 1, 0, 1, 0 },
	{ "-4@%r14d", true, -4, REGISTER, ABI_R14, -1, 1, 0, 4, 0 },
	{ "8@%r15", true, 8, REGISTER, ABI_R15, -1, 1, 0, 8, 0 },
	{ "%rdi", true, 0, REGISTER, ABI_RDI, -1, 1, 0, 8, 0 },
	{ "8f@%rax", true, 8, REGISTER, ABI_RAX, -1, 1, 0, 8, 0 },
	/* constants */
	{ "1@$0", true, 1, CONSTANT, -1, -1, 1, 0, 0, 0 },
	{ "-4@$-1", true, -4, CONSTANT, -1, -1, 1, 0, 0, -1 },
	{ "8@$8192", true, 8, CONSTANT, -1, -1, 1, 0, 0, 8192 },
	{ "8@$0x10", true, 8, CONSTANT, -1, -1, 1, 0, 0, 16 },
	{ "8@$18446744073709551615", true, 8, CONSTANT, -1, -1, 1, 0, 0, -1 },
	{ "$5", true, 0, CONSTANT, -1, -1, 1, 0, 0, 5 },
	/* memory */
	{ "8@(%rax)", true, 8, MEMORY, ABI_RAX, -1, 1, 0, 0, 0 },
	{ "4@0(%r13)", true, 4, MEMORY, ABI_R13, -1, 1, 0, 0, 0 },
	{ "-1@-57(%rbp)", true, -1, MEMORY, ABI_RBP, -1, 1, 0, 0, -57 },
	{ "8@112(%rsp)", true, 8, MEMORY, ABI_RSP, -1, 1, 0, 0, 112 },
	{ "8@8(%rax,%rbx,4)", true, 8, MEMORY, ABI_RAX, ABI_RBX, 4, 0, 0, 8 },
	{ "8@(%rax,%rbx)", true, 8, MEMORY, ABI_RAX, ABI_RBX, 1, 0, 0, 0 },
	{ "8@16(,%r9,8)", true, 8, MEMORY, -1, ABI_R9, 8, 0, 0, 16 },
	{ "-4(%rbp)", true, 0, MEMORY, ABI_RBP, -1, 1, 0, 0, -4 },
	{ "4@8+4(%rbp)", true, 4, MEMORY, ABI_RBP, -1, 1, 0, 0, 12 },
	{ "4@16-4(%rbp)", true, 4, MEMORY, ABI_RBP, -1, 1, 0, 0, 12 },
	{ "4@4096", true, 4, MEMORY, -1, -1, 1, 0, 0, 4096 },
	/* refused */
	{ "", false },
	{ "8@", false },
	{ "@%rax", false },
	{ "3@%rax", false },
	{ "8@%xmm0", false },
	{ "8@%rip", false },
	{ "8@%raxx", false },
	{ "8@%", false },
	{ "8@$", false },
	{ "8@()", false },
	{ "8@(%eax)", false },
	{ "8@(%rax", false },
	{ "8@(%rax)x", false },
	{ "8@(%rax,%rsp)", false },
	{ "8@(%rax,%rbx,3)", false },
	{ "8@(%rax,%rip)", false },
	{ "8@16(%rip)", false },
	{ "8@symbol(%rip)", false },
	{ "8@%fs:16", false },
	{ "8@-(%rax)", false },
	{ "8@4+(%rax)", false },
	{ "8@12abc(%rax)", false },
	{ "8@*%rax", false },
	{ "16@%rax", false },
	{ "8f%rax", false },
};

static void operands_follow_the_grammar(void **state)
{
	struct arena *a = arena_create();

	(void)state;
	for (size_t i = 0; i < base_count(cases); i++) {
		const struct operand_case *c = &cases[i];
		struct elf_operand o;

		elf_operand_parse(a, NULL, c->text, strlen(c->text), &o);
		if (o.valid != c->valid)
			fail_msg("%s: valid is %d", c->text, o.valid);
		assert_string_equal(o.text, c->text);
		if (!c->valid)
			continue;
		if (o.size != c->size || (int)o.kind != c->kind || o.base != c->base ||
		    o.index != c->index || o.scale != c->scale || o.shift != c->shift ||
		    o.register_size != c->register_size || o.displacement != c->displacement)
			fail_msg("%s: size %d kind %d base %d index %d scale %d shift %d width %d "
				 "at %lld",
				 c->text, o.size, o.kind, o.base, o.index, o.scale, o.shift,
				 o.register_size, (long long)o.displacement);
		assert_false(o.module_relative);
	}
	arena_destroy(a);
}

static void floating_point_keeps_its_mark(void **state)
{
	struct arena *a = arena_create();
	struct elf_operand o;

	(void)state;
	elf_operand_parse(a, NULL, "-8f@(%rsp)", 10, &o);
	assert_true(o.valid && o.is_float && o.size == -8 && o.base == ABI_RSP);
	elf_operand_parse(a, NULL, "8@(%rsp)", 8, &o);
	assert_false(o.is_float);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operands_follow_the_grammar),
		cmocka_unit_test(floating_point_keeps_its_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
