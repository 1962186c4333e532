/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding, relocation and encoding, one row per form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "x86/x86.h"

#define BYTES(...) { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })

struct code {
	uint8_t bytes[16];
	size_t size;
};

/* ---- decoding ------------------------------------------------------------- */

struct decode_case {
	struct code code; /* at 0x401000 */
	enum x86_class class;
	bool ends_flow, rip_relative;
	uint64_t target; /* of the branch or of the operand */
	const char *text;
};

static const struct decode_case decode_cases[] = {
	{ { BYTES(0x48, 0x89, 0xe5) }, X86_OTHER, false, false, 0, "mov %rsp,%rbp" },
	{ { BYTES(0xb8, 0x01, 0, 0, 0) }, X86_OTHER, false, false, 0, "mov $0x1,%eax" },
	{ { BYTES(0x48, 0x8b, 0x05, 0x10, 0, 0, 0) }, X86_OTHER, false, true, 0x401017,
	  "mov 0x10(%rip),%rax # 0x401017" },
	{ { BYTES(0x67, 0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff) }, X86_OTHER, false, true, 0x400ff7,
	  "mov -0x10(%eip),%eax # 0x400ff7" },
	{ { BYTES(0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 0x2a, 0, 0, 0) }, X86_OTHER, false, true,
	  0x40101b, "movq $0x2a,0x10(%rip) # 0x40101b" },
	{ { BYTES(0xc5, 0xf8, 0x28, 0x05, 0x08, 0, 0, 0) }, X86_OTHER, false, true, 0x401010,
	  "vmovaps 0x8(%rip),%xmm0 # 0x401010" },
	{ { BYTES(0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05, 0x40, 0, 0, 0) }, X86_OTHER, false, true,
	  0x40104a, "vmovapsz 0x40(%rip),%zmm0 # 0x40104a" },
	{ { BYTES(0x41, 0x8b, 0x05, 0, 0, 0, 0) }, X86_OTHER, false, true, 0x401007,
	  "mov (%rip),%eax # 0x401007" },
	{ { BYTES(0x8b, 0x45, 0) }, X86_OTHER, false, false, 0, "mov (%rbp),%eax" },
	{ { BYTES(0xeb, 0x10) }, X86_JUMP, true, false, 0x401012, "jmp 0x401012" },
	{ { BYTES(0xe9, 0, 0, 0, 0x80) }, X86_JUMP, true, false, 0x401005 - 0x80000000ull, NULL },
	{ { BYTES(0x75, 0xfe) }, X86_JCC, false, false, 0x401000, "jnz 0x401000" },
	{ { BYTES(0x0f, 0x84, 0, 1, 0, 0) }, X86_JCC, false, false, 0x401106, "jz 0x401106" },
	{ { BYTES(0xe2, 0x05) }, X86_JCC, false, false, 0x401007, "loop 0x401007" },
	{ { BYTES(0x67, 0xe3, 0x05) }, X86_JCC, false, false, 0x401008, "jecxz 0x401008" },
	{ { BYTES(0xe8, 0, 1, 0, 0) }, X86_CALL, false, false, 0x401105, "call 0x401105" },
	{ { BYTES(0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0) }, X86_CALL, false, false, 0x401008, NULL },
	{ { BYTES(0xff, 0xd0) }, X86_CALL_INDIRECT, false, false, 0, "call *%rax" },
	{ { BYTES(0xff, 0x54, 0x24, 0x08) }, X86_CALL_INDIRECT, false, false, 0,
	  "call *0x8(%rsp)" },
	{ { BYTES(0xff, 0x25, 0, 1, 0, 0) }, X86_JUMP_INDIRECT, true, true, 0x401106, NULL },
	{ { BYTES(0x3e, 0xff, 0xe0) }, X86_JUMP_INDIRECT, true, false, 0, "notrack jmp *%rax" },
	{ { BYTES(0xc3) }, X86_RET, true, false, 0, "ret" },
	{ { BYTES(0xf3, 0xc3) }, X86_RET, true, false, 0, NULL },
	{ { BYTES(0xc2, 8, 0) }, X86_RET, true, false, 0, "ret $0x8" },
	{ { BYTES(0x0f, 0x05) }, X86_SYSCALL, false, false, 0, "syscall" },
	{ { BYTES(0xcc) }, X86_TRAP, false, false, 0, "int3" },
	{ { BYTES(0x0f, 0x0b) }, X86_TRAP, true, false, 0, "ud2" },
	{ { BYTES(0x90) }, X86_NOP, false, false, 0, "nop" },
	{ { BYTES(0x0f, 0x1f, 0x44, 0, 0) }, X86_NOP, false, false, 0, NULL },
	{ { BYTES(0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0) }, X86_NOP, false, false, 0, NULL },
	{ { BYTES(0xf3, 0x90) }, X86_OTHER, false, false, 0, "pause" },
	{ { BYTES(0x41, 0x90) }, X86_OTHER, false, false, 0, NULL },
	{ { BYTES(0xf3, 0x0f, 0x1e, 0xfa) }, X86_ENDBR, false, false, 0, "endbr64" },
	{ { BYTES(0x0f, 0x01, 0xd5) }, X86_OTHER, false, false, 0, "xend" },
	{ { BYTES(0xc7, 0xf8, 0, 0, 0, 0) }, X86_XBEGIN, false, false, 0x401006, NULL },
};

static void decodes_one_form_per_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(decode_cases); i++) {
		const struct decode_case *c = &decode_cases[i];
		struct x86_ins ins;
		char text[128];

		assert_true(x86_decode(c->code.bytes, c->code.size, 0x401000, &ins));
		x86_format(&ins, text, sizeof text);
		if (c->text)
			assert_string_equal(text, c->text);
		assert_int_equal(ins.length, c->code.size);
		assert_int_equal(ins.class, c->class);
		assert_int_equal(ins.ends_flow, c->ends_flow);
		assert_int_equal(ins.rip_relative, c->rip_relative);
		assert_int_equal(c->rip_relative ? ins.rip_target : ins.target, c->target);
	}
}

static void refuses_what_is_no_instruction(void **state)
{
	static const struct code bad[] = {
		{ BYTES(0x06) }, /* push %es: not in 64-bit mode */
		{ BYTES(0xe8, 0, 0) }, /* cut short */
		{ BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			0x66, 0x66, 0x66, 0x90) }, /* 16 bytes */
		{ BYTES(0xff, 0xff) },
		{ BYTES(0xc5, 0x64, 0x85, 0, 0, 0, 0) }, /* jknzd: Knights Corner only */
	};
	struct x86_ins ins;

	(void)state;
	for (size_t i = 0; i < base_count(bad); i++)
		assert_false(x86_decode(bad[i].bytes, bad[i].size, 0x401000, &ins));
	assert_false(x86_decode(bad[0].bytes, 0, 0x401000, &ins));
}

/* ---- relocation ----------------------------------------------------------------- */

struct relocate_case {
	uint64_t from;
	struct code code;
	uint64_t to;
	const char *text; /* instructions joined by "; ", NULL: refused */
};

#define HIGH 0x7f0000001000ull
#define HIGH_TO 0x7f0000100000ull

static const struct relocate_case relocate_cases[] = {
	/* copied */
	{ 0x401000, { BYTES(0x48, 0x89, 0xe5) }, 0x500000, "mov %rsp,%rbp" },
	{ 0x401000, { BYTES(0xf3, 0x48, 0xab) }, 0x500000, "rep stosq" },
	{ 0x401000, { BYTES(0xf3, 0x0f, 0x1e, 0xfa) }, 0x500000, "endbr64" },
	{ 0x401000, { BYTES(0xf3, 0xc3) }, 0x500000, "ret" },
	{ 0x401000, { BYTES(0x0f, 0x05) }, 0x500000, "syscall" },
	{ 0x401000, { BYTES(0x3e, 0xff, 0xe0) }, 0x500000, "notrack jmp *%rax" },
	/* relative to rip */
	{ 0x401000, { BYTES(0x48, 0x8b, 0x05, 0x10, 0, 0, 0) }, 0x500000,
	  "mov -0xfeff0(%rip),%rax # 0x401017" },
	{ 0x401000, { BYTES(0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 0x2a, 0, 0, 0) }, 0x400000,
	  "movq $0x2a,0x1010(%rip) # 0x40101b" },
	{ 0x401000, { BYTES(0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05, 0x40, 0, 0, 0) }, 0x400000,
	  "vmovapsz 0x1040(%rip),%zmm0 # 0x40104a" },
	{ 0x401000, { BYTES(0xff, 0x25, 0xfa, 0x0f, 0, 0) }, 0x400000,
	  "jmp *0x1ffa(%rip) # 0x402000" },
	{ 0x401000, { BYTES(0x48, 0x8b, 0x05, 0, 0, 0, 0x7f) }, 0x401000 - 0x2000000, NULL },
	{ 0x401000, { BYTES(0x67, 0x8b, 0x05, 0x10, 0, 0, 0) }, HIGH,
	  "mov 0x400010(%eip),%eax # 0x401017" },
	/* branches */
	{ 0x401000, { BYTES(0xeb, 0x10) }, 0x500000, "jmp 0x401012" },
	{ 0x401000, { BYTES(0xe9, 0, 1, 0, 0) }, 0x500000, "jmp 0x401105" },
	{ 0x401000, { BYTES(0xe9, 0, 0, 0, 0x7f) }, 0x401000 - 0x2000000, NULL },
	{ 0x401000, { BYTES(0x75, 0xfe) }, 0x500000, "jnz 0x401000" },
	{ 0x401000, { BYTES(0x2e, 0x75, 0xfe) }, 0x500000, "jnz 0x401001" },
	{ 0x401000, { BYTES(0x0f, 0x8f, 0, 1, 0, 0) }, 0x500000, "jnle 0x401106" },
	{ 0x401000, { BYTES(0xe2, 0x05) }, 0x500000, "loop 0x500004; jmp 0x500009; jmp 0x401007" },
	{ 0x401000, { BYTES(0xe0, 0x05) }, 0x500000,
	  "loopne 0x500004; jmp 0x500009; jmp 0x401007" },
	{ 0x401000, { BYTES(0xe1, 0x05) }, 0x500000, "loope 0x500004; jmp 0x500009; jmp 0x401007" },
	{ 0x401000, { BYTES(0xe3, 0x05) }, 0x500000, "jrcxz 0x500004; jmp 0x500009; jmp 0x401007" },
	{ 0x401000, { BYTES(0x67, 0xe3, 0x05) }, 0x500000,
	  "jecxz 0x500005; jmp 0x50000a; jmp 0x401008" },
	{ 0x401000, { BYTES(0x66, 0xe9, 0, 0, 0, 0) }, 0x500000, NULL },
	{ 0x401000, { BYTES(0xc7, 0xf8, 0, 0, 0, 0) }, 0x500000, "xbegin 0x401006" },
	/* calls: return address in the low 2 GiB, the next 2 GiB, and far up */
	{ 0x401000, { BYTES(0xe8, 0, 1, 0, 0) }, 0x500000, "push $0x401005; jmp 0x401105" },
	{ 0x81000000, { BYTES(0xe8, 0, 1, 0, 0) }, 0x80500000,
	  "push $-0x7efffffb; movl $0x0,0x4(%rsp); jmp 0x81000105" },
	{ HIGH, { BYTES(0xe8, 0, 1, 0, 0) }, HIGH_TO,
	  "push $0x1005; movl $0x7f00,0x4(%rsp); jmp 0x7f0000001105" },
	{ 0x401000, { BYTES(0x66, 0x66, 0x48, 0xe8, 0, 1, 0, 0) }, 0x500000,
	  "push $0x401008; jmp 0x401108" },
	{ 0x401000, { BYTES(0xff, 0xd0) }, 0x500000, "push $0x401002; jmp *%rax" },
	{ 0x401000, { BYTES(0x41, 0xff, 0xd4) }, 0x500000, "push $0x401003; jmp *%r12" },
	{ 0x401000, { BYTES(0xff, 0xd4) }, 0x500000, NULL }, /* call *%rsp */
	{ 0x401000, { BYTES(0xff, 0x50, 0x18) }, 0x500000, "push $0x401003; jmp *0x18(%rax)" },
	{ 0x401000, { BYTES(0x3e, 0xff, 0x10) }, 0x500000, "push $0x401003; notrack jmp *(%rax)" },
	{ 0x401000, { BYTES(0xff, 0x14, 0xc5, 0, 0x10, 0, 0) }, 0x500000,
	  "push $0x401007; jmp *0x1000(,%rax,8)" },
	{ 0x401000, { BYTES(0xff, 0x15, 0xfa, 0x0f, 0, 0) }, 0x500000,
	  "push $0x401006; jmp *-0xfe00b(%rip) # 0x402000" },
	{ 0x401000, { BYTES(0x66, 0x48, 0xff, 0x15, 0xf8, 0x0f, 0, 0) }, 0x500000,
	  "push $0x401008; jmp *-0xfe00d(%rip) # 0x402000" },
	{ 0x401000, { BYTES(0xff, 0x14, 0x24) }, 0x500000, "push $0x401003; jmp *0x8(%rsp)" },
	{ 0x401000, { BYTES(0xff, 0x54, 0x24, 0x7f) }, 0x500000,
	  "push $0x401004; jmp *0x87(%rsp)" },
	{ 0x401000, { BYTES(0x41, 0xff, 0x54, 0x24, 0x7f) }, 0x500000,
	  "push $0x401005; jmp *0x7f(%r12)" },
	{ 0x401000, { BYTES(0xff, 0x94, 0xc4, 0, 1, 0, 0) }, 0x500000,
	  "push $0x401007; jmp *0x108(%rsp,%rax,8)" },
	{ 0x401000, { BYTES(0xff, 0x54, 0x24, 0xf8) }, 0x500000, NULL }, /* the pushed slot */
	{ 0x401000, { BYTES(0xff, 0x54, 0x24, 0xf0) }, 0x500000,
	  "push $0x401004; jmp *-0x8(%rsp)" },
	{ 0x401000, { BYTES(0xff, 0x18) }, 0x500000, NULL }, /* lcall */
};

static void format_block(const uint8_t *code, uint32_t size, uint64_t address, char *text,
			 size_t room)
{
	struct x86_ins ins;
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t at = 0; at < size; at += ins.length) {
		assert_true(x86_decode(code + at, size - at, address + at, &ins));
		if (at)
			n += (size_t)snprintf(text + n, room - n, "; ");
		x86_format(&ins, text + n, room - n);
		n += strlen(text + n);
	}
}

static void relocates_one_form_per_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < base_count(relocate_cases); i++) {
		const struct relocate_case *c = &relocate_cases[i];
		uint8_t out[X86_RELOCATED_MAX];
		struct x86_ins ins;
		char text[256];
		uint32_t size;

		assert_true(x86_decode(c->code.bytes, c->code.size, c->from, &ins));
		size = x86_relocate(&ins, c->to, out);
		if (!c->text) {
			assert_int_equal(size, 0);
			continue;
		}
		format_block(out, size, c->to, text, sizeof text);
		assert_string_equal(text, c->text);
	}
}

/* ---- encoding -------------------------------------------------------------------- */

static void encodes_jumps_within_reach_only(void **state)
{
	uint8_t out[5];

	(void)state;
	assert_int_equal(x86_encode_jump32(out, 0x401000, 0x401005), 5);
	assert_memory_equal(out, ((uint8_t[]){ 0xe9, 0, 0, 0, 0 }), 5);
	assert_int_equal(x86_encode_jump32(out, 0x401000, 0x401005 + 0x7fffffffull), 5);
	assert_int_equal(x86_encode_jump32(out, 0x401000, 0x401005 + 0x80000000ull), 0);
	assert_int_equal(x86_encode_jump32(out, 0x80401000, 0x401005), 5);
	assert_int_equal(x86_encode_jump32(out, 0x80401000, 0x401004), 0);
	assert_int_equal(x86_encode_jump8(out, 0x401000, 0x401002 + 127), 2);
	assert_int_equal(x86_encode_jump8(out, 0x401000, 0x401002 + 128), 0);
	assert_int_equal(x86_encode_jump8(out, 0x401000, 0x401002 - 128), 2);
	assert_memory_equal(out, ((uint8_t[]){ 0xeb, 0x80 }), 2);
	assert_int_equal(x86_encode_jump8(out, 0x401000, 0x401002 - 129), 0);
}

static void encodes_far_jumps_with_a_literal(void **state)
{
	uint8_t out[16];
	uint64_t literal;

	(void)state;
	assert_int_equal(x86_encode_jump_far(out, HIGH), 14);
	memcpy(&literal, out + 6, 8);
	assert_int_equal(literal, HIGH);
}

static void encodes_nops_of_any_size(void **state)
{
	uint8_t out[64];
	struct x86_ins ins;

	(void)state;
	for (uint32_t n = 0; n <= sizeof out; n++) {
		assert_int_equal(x86_encode_nops(out, n), n);
		for (uint32_t at = 0; at < n; at += ins.length) {
			assert_true(x86_decode(out + at, n - at, 0, &ins));
			assert_int_equal(ins.class, X86_NOP);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_one_form_per_row),
		cmocka_unit_test(refuses_what_is_no_instruction),
		cmocka_unit_test(relocates_one_form_per_row),
		cmocka_unit_test(encodes_jumps_within_reach_only),
		cmocka_unit_test(encodes_far_jumps_with_a_literal),
		cmocka_unit_test(encodes_nops_of_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
