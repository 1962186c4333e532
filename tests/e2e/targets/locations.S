/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of a function whose debug information is written by hand: one per
 * form of location. At `probed`, which main calls once:
 *
 *	rbx 0x1122334455667788   r12 5   r13 -7   r14 address of block
 *	xmm3 2.5, 0x0102030405060708   xmm4 1.25f   rdi 40   rsi 41
 *	CFA-16: 0x99 (8 bytes), CFA-24: 0x8877 (8 bytes)
 */
	.text
	.globl	main, probed
	.type	main, @function
main:
	.cfi_startproc
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	push	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movabs	$0x1122334455667788, %rbx
	mov	$5, %r12
	mov	$-7, %r13
	lea	block(%rip), %r14
	movups	vector(%rip), %xmm3
	movss	single(%rip), %xmm4
	mov	$40, %edi
	mov	$41, %esi
	call	probed
.Lreturned:
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	pop	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	xor	%eax, %eax
	ret
	.cfi_endproc
.Lmain_end:
	.size	main, . - main

	.type	probed, @function
probed:
	.cfi_startproc
	push	$0x99
	.cfi_adjust_cfa_offset 8
	push	$0x8877
	.cfi_adjust_cfa_offset 8
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	xor	%edi, %edi
	xor	%esi, %esi
	mov	$0x77, %ebx
	.globl	inside
	.type	inside, @function
inside:	mov	(%rsp), %rbx
	add	$24, %rsp
	.cfi_adjust_cfa_offset -24
	ret
	.cfi_endproc
.Lprobed_end:
	.size	inside, . - inside
	.size	probed, . - probed

	.data
	.align	16
vector:	.double	2.5
	.quad	0x0102030405060708
single:	.float	1.25
	.long	0
block:	.quad	0xfffffffffffffff6, 0x1234, block
text:	.asciz	"text"
	.section .tdata, "awT", @progbits
	.align	8
	.quad	1
thread:	.quad	0x5eed
	.section .note.GNU-stack, "", @progbits

/* ---- abbreviations ---------------------------------------------------------------------- */

	.section .debug_abbrev, "", @progbits
.Labbrev:
	.macro	abbrev number, tag, children
	.uleb128 \number, \tag
	.byte	\children
	.endm
	.macro	end
	.byte	0, 0
	.endm
	abbrev	1, 0x11, 1 /* compile_unit: name, low_pc, high_pc */
	.uleb128 0x03, 0x08, 0x11, 0x01, 0x12, 0x06
	end
	abbrev	2, 0x24, 0 /* base_type: name, size, encoding */
	.uleb128 0x03, 0x08, 0x0b, 0x0b, 0x3e, 0x0b
	end
	abbrev	3, 0x2e, 1 /* subprogram: name, low_pc, high_pc, frame_base, type */
	.uleb128 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0x40, 0x18, 0x49, 0x13
	end
	abbrev	4, 0x34, 0 /* variable: name, type, location exprloc */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x02, 0x18
	end
	abbrev	5, 0x34, 0 /* variable: name, type, const_value sdata */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x1c, 0x0d
	end
	abbrev	6, 0x34, 0 /* variable: name, type, const_value block1 */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x1c, 0x0a
	end
	abbrev	7, 0x34, 0 /* variable: name, type, location list */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x02, 0x17
	end
	abbrev	8, 0x48, 1 /* call_site: return_pc, origin */
	.uleb128 0x7d, 0x01, 0x7f, 0x13
	end
	abbrev	9, 0x49, 0 /* call_site_parameter: location, value */
	.uleb128 0x02, 0x18, 0x7e, 0x18
	end
	abbrev	10, 0x0f, 0 /* pointer_type: type */
	.uleb128 0x49, 0x13
	end
	abbrev	11, 0x13, 1 /* structure_type: name, size */
	.uleb128 0x03, 0x08, 0x0b, 0x0b
	end
	abbrev	12, 0x0d, 0 /* member: name, type, offset */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b
	end
	abbrev	13, 0x0d, 0 /* member: name, type, bit_size, data_bit_offset */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x0d, 0x0b, 0x6b, 0x0b
	end
	abbrev	14, 0x0d, 0 /* member: name, type, offset, byte_size, bit_size, bit_offset (DWARF 3) */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b, 0x0b, 0x0b, 0x0d, 0x0b, 0x0c, 0x0b
	end
	abbrev	15, 0x01, 1 /* array_type: type */
	.uleb128 0x49, 0x13
	end
	abbrev	16, 0x21, 0 /* subrange_type: upper_bound */
	.uleb128 0x2f, 0x0b
	end
	abbrev	17, 0x34, 0 /* variable: name, type, const_value string */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x1c, 0x08
	end
	abbrev	18, 0x04, 1 /* enumeration_type: name, size */
	.uleb128 0x03, 0x08, 0x0b, 0x0b
	end
	abbrev	19, 0x28, 0 /* enumerator: name, value sdata */
	.uleb128 0x03, 0x08, 0x1c, 0x0d
	end
	abbrev	20, 0x34, 0 /* variable: name, type */
	.uleb128 0x03, 0x08, 0x49, 0x13
	end
	abbrev	21, 0x0d, 0 /* member: name, type, location by DW_OP_plus_uconst */
	.uleb128 0x03, 0x08, 0x49, 0x13, 0x38, 0x18
	end
	.byte	0

/* ---- entries ---------------------------------------------------------------------------- */

	.section .debug_info, "", @progbits
.Lunit:	.long	.Lunit_end - .Lunit_start
.Lunit_start:
	.short	5
	.byte	1, 8 /* DW_UT_compile, 8-byte addresses */
	.long	.Labbrev
	.uleb128 1
	.asciz	"locations.S"
	.quad	main
	.long	.Lprobed_end - main

	.macro	base label, name, size, encoding
\label:	.uleb128 2
	.asciz	"\name"
	.byte	\size, \encoding
	.endm
	base	.Llong, "long", 8, 5
	base	.Lulong, "unsigned long", 8, 7
	base	.Lint, "int", 4, 5
	base	.Luint, "unsigned int", 4, 7
	base	.Lshort, "short", 2, 5
	base	.Lchar, "char", 1, 6
	base	.Luchar, "unsigned char", 1, 8
	base	.Ldouble, "double", 8, 4
	base	.Lfloat, "float", 4, 4
	base	.Lbool, "_Bool", 1, 2
.Lpointer:
	.uleb128 10
	.long	.Llong - .Lunit
.Lpair:	.uleb128 11
	.asciz	"pair"
	.byte	16
	.uleb128 12
	.asciz	"first"
	.long	.Llong - .Lunit
	.byte	0
	.uleb128 21
	.asciz	"second"
	.long	.Llong - .Lunit
	.uleb128 2
	.byte	0x23, 8
	.byte	0
.Lbits:	.uleb128 11
	.asciz	"bits"
	.byte	8
	.uleb128 13
	.asciz	"low"
	.long	.Luint - .Lunit
	.byte	3, 1
	.uleb128 13
	.asciz	"high"
	.long	.Lint - .Lunit
	.byte	9, 28 /* crosses into the second word */
	.uleb128 14
	.asciz	"old"
	.long	.Lint - .Lunit
	.byte	4, 4, 5, 12
	.byte	0
.Larray:
	.uleb128 15
	.long	.Lshort - .Lunit
	.uleb128 16
	.byte	3
	.byte	0
.Lenum:	.uleb128 18
	.asciz	"kind"
	.byte	4
	.uleb128 19
	.asciz	"MINUS"
	.sleb128 -1
	.uleb128 19
	.asciz	"PLUS"
	.sleb128 1
	.byte	0

	.uleb128 3
	.asciz	"main"
	.quad	main
	.long	.Lmain_end - main
	.uleb128 1
	.byte	0x9c
	.long	.Lint - .Lunit
	.uleb128 8
	.quad	.Lreturned
	.long	.Lprobed - .Lunit
	.uleb128 9
	.uleb128 1
	.byte	0x55
	.uleb128 3
	.byte	0x7c, 35, 0x9f /* rdi: r12 + 35 */
	.uleb128 9
	.uleb128 1
	.byte	0x54
	.uleb128 2
	.byte	0x73, 1 /* rsi: rbx + 1, which probed has saved */
	.byte	0
	.byte	0

.Lprobed:
	.uleb128 3
	.asciz	"probed"
	.quad	probed
	.long	.Lprobed_end - probed
	.uleb128 1
	.byte	0x9c /* DW_OP_call_frame_cfa */
	.long	.Lint - .Lunit

	/* a variable; the operations follow, up to `done` */
	.macro	var name, type
	.uleb128 4
	.asciz	"\name"
	.long	\type - .Lunit
	.uleb128 .Ldone\name - .Lfrom\name
.Lfrom\name:
	.endm
	.macro	done name
.Ldone\name:
	.endm
	.macro	v name, type, bytes:vararg
	var	\name, \type
	.ifnb	\bytes
	.byte	\bytes
	.endif
	done	\name
	.endm

	var	at_address, .Llong
	.byte	0x03
	.quad	block
	done	at_address
	v	c1u, .Llong, 0x08, 200, 0x9f
	v	c1s, .Llong, 0x09, 200, 0x9f
	v	c2u, .Llong, 0x0a, 0, 0x80, 0x9f
	v	c2s, .Llong, 0x0b, 0, 0x80, 0x9f
	v	c4u, .Llong, 0x0c, 0, 0, 0, 0x80, 0x9f
	v	c4s, .Llong, 0x0d, 0, 0, 0, 0x80, 0x9f
	v	c8, .Llong, 0x0e, 1, 2, 3, 4, 5, 6, 7, 8, 0x9f
	v	cu, .Llong, 0x10, 0x80, 1, 0x9f
	v	cs, .Llong, 0x11, 0x7f, 0x9f
	v	lit, .Llong, 0x4f, 0x9f
	v	dup, .Llong, 0x35, 0x12, 0x1e, 0x9f /* 5 * 5 */
	v	drop, .Llong, 0x35, 0x36, 0x13, 0x9f
	v	over, .Llong, 0x39, 0x32, 0x14, 0x1c, 0x1e, 0x9f /* 9 * (2 - 9) */
	v	pick, .Llong, 0x39, 0x32, 0x31, 0x15, 2, 0x22, 0x22, 0x1c, 0x9f /* 9 - (2 + (1 + 9)) */
	v	swap, .Llong, 0x33, 0x38, 0x16, 0x1c, 0x9f /* 8 - 3 */
	v	rot, .Llong, 0x31, 0x32, 0x33, 0x17, 0x1c, 0x1c, 0x9f /* 3 1 2: 3 - (1 - 2) */
	v	deref, .Llong, 0x7e, 16, 0x06, 0x06, 0x9f
	v	deref_size, .Llong, 0x7e, 8, 0x94, 1, 0x9f
	v	in_register, .Llong, 0x5d
	v	uninitialized, .Llong, 0x5d, 0xf0 /* DW_OP_GNU_uninit */
	v	low_bytes, .Lshort, 0x53
	v	by_number, .Llong, 0x90, 12
	v	breg, .Llong, 0x7e, 8
	v	bregx, .Llong, 0x92, 14, 8
	v	frame, .Llong, 0x91, 0x70 /* CFA - 16 */
	v	frame_short, .Lshort, 0x91, 0x68
	v	cfa, .Llong, 0x9c, 0x38, 0x1c, 0x38, 0x1c /* CFA - 8 - 8 */
	v	and_or, .Llong, 0x3c, 0x3a, 0x1a, 0x31, 0x21, 0x9f /* 12 & 10 | 1 */
	v	xor_not, .Llong, 0x3c, 0x3a, 0x27, 0x20, 0x9f
	v	neg_abs, .Llong, 0x7d, 0, 0x19, 0x1f, 0x9f /* -|r13| */
	v	divide, .Llong, 0x7d, 0, 0x32, 0x1b, 0x9f
	v	modulo, .Llong, 0x7c, 0, 0x33, 0x1d, 0x9f
	v	shifts, .Llong, 0x7d, 0, 0x31, 0x26, 0x34, 0x24, 0x9f /* (-7 >> 1) << 4 */
	v	shift_logical, .Llong, 0x7d, 0, 0x08, 60, 0x25, 0x9f
	v	plus_uconst, .Llong, 0x7c, 0, 0x23, 100, 0x9f
	v	compare, .Llong, 0x7d, 0, 0x30, 0x2d, 0x7c, 0, 0x35, 0x29, 0x22, 0x7c, 0, 0x35, 0x2e, 0x22, 0x9f /* (-7 < 0) + (5 == 5) + (5 != 5) */
	v	branch, .Llong, 0x7c, 0, 0x35, 0x29, 0x28, 5, 0, 0x31, 0x9f, 0x2f, 3, 0, 0x08, 77, 0x9f /* r12 == 5 ? 77 : 1 */
	v	branch_not, .Llong, 0x7c, 0, 0x36, 0x29, 0x28, 5, 0, 0x31, 0x9f, 0x2f, 3, 0, 0x08, 77, 0x9f
	v	loop, .Llong, 0x7c, 0, 0x31, 0x1c, 0x12, 0x28, 0xf9, 0xff, 0x9f
	v	implicit, .Lint, 0x9e, 4, 0xfe, 0xff, 0xff, 0xff
	v	pieces, .Lpair, 0x5c, 0x93, 8, 0x7d, 1, 0x9f, 0x93, 8
	v	half, .Lpair, 0x5c, 0x93, 8, 0x93, 8
	v	bit_pieces, .Lint, 0x53, 0x9d, 12, 4, 0x5d, 0x9d, 20, 0 /* 12 bits of rbx from bit 4, 20 of r13 */
	v	memory_bits, .Lbits, 0x7e, 0
	v	register_bits, .Lbits, 0x53
	v	array_pieces, .Larray, 0x5c, 0x93, 2, 0x5d, 0x93, 2, 0x53, 0x93, 4
	v	vector_low, .Ldouble, 0x64
	v	vector_pair, .Lpair, 0x64
	v	vector_single, .Lfloat, 0x65
	v	entry_rdi, .Llong, 0xa3, 1, 0x55, 0x9f
	v	entry_rsi, .Llong, 0xa3, 1, 0x54, 0x9f
	v	entry_lost, .Llong, 0xa3, 1, 0x51, 0x9f
	v	truth, .Lbool, 0x31, 0x9f
	v	kind, .Lenum, 0x11, 0x7f, 0x9f
	v	character, .Lchar, 0x53
	v	byte, .Luchar, 0x53
	v	empty, .Llong
	v	unknown, .Llong, 0xfe

	var	typed, .Llong
	.byte	0xa5, 13 /* DW_OP_regval_type r13 as unsigned int */
	.uleb128 .Luint - .Lunit
	.byte	0xa8 /* DW_OP_convert long */
	.uleb128 .Llong - .Lunit
	.byte	0x9f
	done	typed
	var	typed_wraps, .Llong
	.byte	0xa5, 13
	.uleb128 .Luint - .Lunit
	.byte	0xa4 /* DW_OP_const_type unsigned int 8 */
	.uleb128 .Luint - .Lunit
	.byte	4, 8, 0, 0, 0, 0x22, 0xa8
	.uleb128 .Llong - .Lunit
	.byte	0x9f
	done	typed_wraps
	var	typed_memory, .Llong
	.byte	0x7e, 0, 0xa6, 2 /* DW_OP_deref_type short */
	.uleb128 .Lshort - .Lunit
	.byte	0xa8
	.uleb128 .Llong - .Lunit
	.byte	0x9f
	done	typed_memory
	var	unsigned_compare, .Llong
	.byte	0xa5, 13
	.uleb128 .Lulong - .Lunit
	.byte	0xa5, 12
	.uleb128 .Lulong - .Lunit
	.byte	0x2b, 0x9f /* -7 > 5, unsigned */
	done	unsigned_compare
	var	float_product, .Ldouble
	.byte	0xa5, 20
	.uleb128 .Ldouble - .Lunit
	.byte	0xa5, 20
	.uleb128 .Ldouble - .Lunit
	.byte	0x1e, 0x9f
	done	float_product
	var	float_sum, .Lfloat
	.byte	0xa5, 21
	.uleb128 .Lfloat - .Lunit
	.byte	0xa5, 21
	.uleb128 .Lfloat - .Lunit
	.byte	0x22, 0x9f
	done	float_sum
	var	float_compare, .Llong
	.byte	0xa5, 20
	.uleb128 .Ldouble - .Lunit
	.byte	0xa5, 21
	.uleb128 .Lfloat - .Lunit
	.byte	0xa8
	.uleb128 .Ldouble - .Lunit
	.byte	0x2b, 0x9f
	done	float_compare
	var	float_to_long, .Llong
	.byte	0xa5, 20
	.uleb128 .Ldouble - .Lunit
	.byte	0xa8
	.uleb128 .Llong - .Lunit
	.byte	0x9f
	done	float_to_long
	var	reinterpreted, .Llong
	.byte	0xa5, 20
	.uleb128 .Ldouble - .Lunit
	.byte	0xa9
	.uleb128 .Llong - .Lunit
	.byte	0x9f
	done	reinterpreted
	var	of_thread, .Llong
	.byte	0x0e
	.quad	thread@dtpoff
	.byte	0x9b
	done	of_thread
.Lpointed:
	v	pointed, .Lpair, 0x5c, 0x93, 8, 0x5d, 0x93, 8
	var	implicit_pointer, .Lpointer
	.byte	0xa0
	.long	.Lpointed - .Lunit
	.sleb128 8
	done	implicit_pointer
	var	implicit_to_memory, .Lpointer
	.byte	0xa0
	.long	.Lbytes - .Lunit
	.sleb128 8
	done	implicit_to_memory
.Lbytes:
	v	in_memory, .Lpair, 0x7e, 0
	var	called, .Llong
	.byte	0x99 /* DW_OP_call4 */
	.long	.Lcalled - .Lunit
	.byte	0x34, 0x22, 0x9f
	done	called
.Lcalled:
	v	callee, .Llong, 0x7c, 0
	.uleb128 5
	.asciz	"constant"
	.long	.Llong - .Lunit
	.sleb128 -123456789
	.uleb128 6
	.asciz	"constant_block"
	.long	.Lpair - .Lunit
	.byte	16
	.quad	11, 22
	.uleb128 17
	.asciz	"constant_text"
	.long	.Larray - .Lunit
	.asciz	"abcdefg"
	.uleb128 20
	.asciz	"gone"
	.long	.Llong - .Lunit
	.irpc	n, 12345678
	.uleb128 7
	.asciz	"list\n"
	.long	.Llong - .Lunit
	.long	.Llist\n
	.endr
	.byte	0
	.byte	0
.Lunit_end:

/* ---- location lists ------------------------------------------------------------------------ */

	.section .debug_loclists, "", @progbits
	.long	.Llists_end - .Llists_start
.Llists_start:
	.short	5
	.byte	8, 0
	.long	0
	.macro	expr bytes:vararg
	.uleb128 2
	.byte	\bytes
	.endm
.Llist1: /* offset_pair, from the unit's low_pc */
	.byte	4
	.uleb128 main - main
	.uleb128 inside - main
	expr	0x31, 0x9f
	.byte	4
	.uleb128 inside - main
	.uleb128 .Lprobed_end - main
	expr	0x32, 0x9f
	.byte	0
.Llist2: /* base_address */
	.byte	6
	.quad	probed
	.byte	4
	.uleb128 inside - probed
	.uleb128 .Lprobed_end - probed
	expr	0x33, 0x9f
	.byte	0
.Llist3: /* start_end */
	.byte	7
	.quad	inside, .Lprobed_end
	expr	0x34, 0x9f
	.byte	0
.Llist4: /* start_length */
	.byte	8
	.quad	inside
	.uleb128 .Lprobed_end - inside
	expr	0x35, 0x9f
	.byte	0
.Llist5: /* default_location */
	.byte	4
	.uleb128 0
	.uleb128 1
	expr	0x31, 0x9f
	.byte	5
	expr	0x36, 0x9f
	.byte	0
.Llist6: /* not here */
	.byte	4
	.uleb128 0
	.uleb128 1
	expr	0x31, 0x9f
	.byte	0
.Llist7: /* DW_OP_GNU_uninit */
	.byte	9
	.uleb128 0
	.uleb128 0
	.byte	8
	.quad	main
	.uleb128 1
	expr	0x31, 0x9f
	.byte	8
	.quad	inside
	.uleb128 .Lprobed_end - inside
	expr	0x5d, 0xf0
	.byte	0
.Llist8:
	.byte	6
	.quad	probed
	.byte	4
	.uleb128 inside - probed
	.uleb128 .Lprobed_end - probed
	.uleb128 3
	.byte	0x7e, 8, 0xf0
	.byte	0
.Llists_end:
