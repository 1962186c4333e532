/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwind descriptions (DWARF 5, section 6.4; .eh_frame as in the LSB): one for each distance
 * of the canonical frame address from rsp, in steps of 8. libgcc reads them by the address that
 * rt_unwind_fde returns, and does not look at the ranges; for other unwinders they hold for any address.
 */
	.set	FDE_COUNT, 640	/* these of unwind.c */
	.set	OBJECT_COUNT, 64
	.set	OBJECT_SIZE, 72
	.set	ANYWHERE, 0x7ffffffffffffffe
	.set	SHADOW_MASK, 4095 /* ABI_SHADOW_ENTRIES - 1 */
	.set	SHADOW_PROBES, 64 /* ABI_SHADOW_PROBES */
	.text
	.balign	8
	.globl	rt_fdes
	.hidden	rt_fdes
	.globl	rt_shadow_fdes
	.hidden	rt_shadow_fdes
.macro CIE_HEAD name, augmentation
\name:
	.long	2f - 1f
1:	.long	0
	.byte	1		/* version */
	.asciz	"\augmentation"
	.uleb128 1
	.sleb128 -8
	.byte	16		/* the return address's column */
.endm
.macro FDE cie
	.long	28
	.long	. - \cie
	.quad	1, ANYWHERE
	.byte	0x0e, (distance & 0x7f) | 0x80, distance >> 7	/* def_cfa_offset */
	.zero	5
.endm
.macro FDES cie
	.set	distance, 0
	.rept	FDE_COUNT
	FDE	\cie
	.set	distance, distance + 8
	.endr
.endm
/* .eh_frame_hdr (LSB 5.0, 10.6.2) without a table: unwinders read the .eh_frame it leads to. */
.macro HEADER
	.byte	1, 0x1b, 0xff, 0xff	/* version; pc-relative, four bytes; no count; no table */
	.long	4
.endm
.macro STACK_CIE name
	CIE_HEAD \name, ""
	.byte	0x0c, 7, 8	/* def_cfa rsp, 8 */
	.byte	0x90, 1		/* return address at cfa - 8 */
	.balign	8, 0
2:
.endm
	STACK_CIE stack_cie
rt_fdes:
	FDES stack_cie
	.long	0

/* The same for one distance each, as the .eh_frame_hdr and .eh_frame of an object of its own. */
	.balign	8
	.globl	rt_objects
	.hidden	rt_objects
rt_objects:
	.set	distance, 0
	.rept	OBJECT_COUNT
	HEADER
	STACK_CIE 3
	FDE	3b
	.quad	0		/* the end */
	.set	distance, distance + 8
	.endr
	.org	rt_objects + OBJECT_COUNT * OBJECT_SIZE	/* refused if they are larger */

/*
 * The return address is in the shadow table. The expression begins with the cfa on its stack:
 *	key = cfa - 8
 *	for (n = 0; n != probes; n++) if (table[i = (key >> 3) + n & mask].key == key) return table[i].address - 1
 * The function that was called and this frame end at the same address, by which libgcc tells
 * frames apart. A frame of a signal ("S") is told apart all the same; what it returns to is
 * taken as it is, where for a call one would be subtracted: so it is subtracted here.
 */
	.globl	rt_shadow_object
	.hidden	rt_shadow_object
	.globl	rt_shadow_object_end
	.hidden	rt_shadow_object_end
rt_shadow_object:
	HEADER
CIE_HEAD shadow_cie, "S"
	.byte	0x0c, 7, 8
	.byte	0x16, 16	/* val_expression of the return address */
	.uleb128 8f - 7f
7:	.byte	0x12		/* dup: libgcc's pick cannot reach the lowest place */
	.byte	0x38, 0x1c, 0x30 /* lit8 minus lit0: key n */
6:	.byte	0x14, 0x33, 0x25 /* over lit3 shr */
	.byte	0x14, 0x22	/* over plus */
	.byte	0x0a		/* const2u mask and: key n i */
	.short	SHADOW_MASK
	.byte	0x1a
	.byte	0x0c		/* const4u size mul */
	.globl	rt_shadow_size
	.hidden	rt_shadow_size
rt_shadow_size:
	.long	0
	.byte	0x1e
	.byte	0x0e		/* const8u table plus: key n entry */
	.globl	rt_shadow_table
	.hidden	rt_shadow_table
rt_shadow_table:
	.quad	0
	.byte	0x22
	.byte	0x12, 0x06	/* dup deref: key n entry found */
	.byte	0x15, 3		/* pick 3: key n entry found key */
	.byte	0x29, 0x28	/* eq bra found */
	.short	4f - 5f
5:	.byte	0x13		/* drop */
	.byte	0x23, 1		/* plus_uconst 1 */
	.byte	0x12, 0x08, SHADOW_PROBES, 0x2e, 0x28	/* dup const1u probes ne bra */
	.short	6b - 3f
3:	.byte	0x30, 0x2f	/* lit0: the end of the stack; skip */
	.short	8f - 4f
4:	.byte	0x23, 8, 0x06	/* plus_uconst 8 deref */
	.byte	0x31, 0x1c	/* lit1 minus */
8:
	.balign	8, 0
2:
rt_shadow_fdes:
	FDES shadow_cie
	.long	0
	.set	rt_shadow_object_end, rt_shadow_fdes + 32

	.section .note.GNU-stack, "", @progbits
