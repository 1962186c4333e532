/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions: small functions to patch, and the handler that counts.
 *
 * Each is long f(long n, long value, long *memory) and can be copied anywhere.
 * `site` is where the patch goes, `hits` how often it is reached with n = 3.
 */

	.macro function name, hits
	.section .rodata
.Ltext_\name:
	.asciz	"\name"
	.data
	.quad	.Ltext_\name, \name, .Lsite_\name, .Lend_\name, .Lblob_\name, \hits
	.text
	.balign	64
\name:
	.endm
	.macro site name
.Lsite_\name:
	.endm
	/* What follows belongs to the copy but not to the function. */
	.macro end name
.Lend_\name:
	.endm
	.macro filler name
	.balign	16, 0xcc
.Lblob_\name:
	.endm

	.data
	.balign	8
	.globl	functions, functions_end
functions:

	/* one instruction */
	function single, 1
	site	single
	mov	$7, %eax
	add	%rsi, %rax
	ret
	end	single
	filler	single

	/* relative to rip */
	function relative, 1
	site	relative
	mov	.Ldata(%rip), %rax
	add	%rsi, %rax
	ret
	end	relative
.Ldata:	.quad	0x123456789abcdef
	filler	relative

	/* a transaction that is aborted: control comes to the address that xbegin has told */
	function transaction, 1
	site	transaction
	xbegin	1f
	xabort	$1
	ud2
1:	lea	7(%rsi), %rax
	ret
	end	transaction
	filler	transaction

	/* the same behind another instruction */
	function transaction_behind, 1
	site	transaction_behind
	mov	%esi, %edx
	xbegin	1f
	xabort	$1
	ud2
1:	lea	7(%rdx), %rax
	ret
	end	transaction_behind
	filler	transaction_behind

	/* the prologue of a frame pointer */
	function frame, 1
	site	frame
	push	%rbp
	mov	%rsp, %rbp
	push	%r12
	mov	%rsi, %r12
	lea	5(%r12,%rdi), %rax
	pop	%r12
	pop	%rbp
	ret
	end	frame
	filler	frame

	/* boundaries at 2 and 4 */
	function saves, 1
	site	saves
	push	%r15
	push	%r14
	push	%r13
	lea	(%rsi,%rdi,4), %rax
	pop	%r13
	pop	%r14
	pop	%r15
	ret
	end	saves
	filler	saves

	/* boundaries at 1 and 2 */
	function bytes, 1
	site	bytes
	push	%rbp
	push	%rbx
	sub	$8, %rsp
	lea	1(%rsi), %rax
	add	$8, %rsp
	pop	%rbx
	pop	%rbp
	ret
	end	bytes
	filler	bytes

	/* shorter than a jump */
	function short, 1
	site	short
	mov	%rsi, %rax
	ret
	end	short
	filler	short

	function nothing, 1
	site	nothing
	ret
	end	nothing
	filler	nothing

	/* existing nops */
	function nop_five, 1
	site	nop_five
	.byte	0x0f, 0x1f, 0x44, 0, 0
	lea	(%rsi,%rdi), %rax
	ret
	end	nop_five
	filler	nop_five

	function nop_pair, 1
	site	nop_pair
	.byte	0x66, 0x90, 0x0f, 0x1f, 0x40, 0
	lea	(%rsi,%rdi), %rax
	ret
	end	nop_pair
	filler	nop_pair

	/* five single nops ask for one certain address */
	function nop_sled, 1
	site	nop_sled
	nop
	nop
	nop
	nop
	nop
	lea	(%rsi,%rdi), %rax
	ret
	end	nop_sled
	filler	nop_sled

	/* flags and red zone live at a mark */
	function mark, 1
	mov	%rsi, -8(%rsp)
	mov	%rdi, -120(%rsp)
	cmp	$3, %rdi
	site	mark
	nop
	jne	1f
	mov	-8(%rsp), %rax
	add	-120(%rsp), %rax
	ret
1:	mov	$-1, %rax
	ret
	end	mark
	filler	mark

	/* a mark in a loop */
	function mark_loop, 3
	xor	%eax, %eax
1:	add	%rsi, %rax
	dec	%rdi
	site	mark_loop
	nop
	jnz	1b
	ret
	end	mark_loop
	filler	mark_loop

	/* branches first */
	function jump_first, 1
	xor	%eax, %eax
	cmp	$3, %rdi
	site	jump_first
	je	1f
	mov	$-1, %rax
	ret
1:	mov	%rsi, %rax
	ret
	end	jump_first
	filler	jump_first

	function loop_first, 3
	mov	%rdi, %rcx
	xor	%eax, %eax
1:	add	$2, %eax
	site	loop_first
	loop	1b
	ret
	end	loop_first
	filler	loop_first

	function jrcxz_first, 1
	mov	%rdi, %rcx
	xor	%eax, %eax
	site	jrcxz_first
	jrcxz	1f
	add	%rsi, %rax
1:	ret
	end	jrcxz_first
	filler	jrcxz_first

	/* the function loops to its own beginning, and to its second instruction */
	function loop_to_site, 3
	site	loop_to_site
	add	%rsi, (%rdx)
	dec	%rdi
	jnz	loop_to_site
	mov	(%rdx), %rax
	ret
	end	loop_to_site
	filler	loop_to_site

	function loop_inside, 1
	site	loop_inside
	xor	%eax, %eax
1:	add	%rsi, %rax
	dec	%rdi
	jnz	1b
	ret
	end	loop_inside
	filler	loop_inside

	function loop_own, 1
	site	loop_own
	push	%rbx
1:	dec	%edi
	jnz	1b
	lea	(%rsi,%rdi), %rax
	pop	%rbx
	ret
	end	loop_own
	filler	loop_own

	/* a branch nobody sees enters the patch */
	function hidden_inside, 1
	lea	1f(%rip), %rax
	xor	%ecx, %ecx
	site	hidden_inside
	nop
1:	add	%rsi, %rcx
	dec	%rdi
	jz	2f
	jmp	*%rax
2:	mov	%rcx, %rax
	ret
	end	hidden_inside
	filler	hidden_inside

	/* calls */
	function call_first, 1
	site	call_first
	call	2f
	add	%rsi, %rax
	ret
	end	call_first
2:	mov	(%rsp), %rax
	lea	call_first(%rip), %rcx
	sub	%rcx, %rax
	ret
	filler	call_first

	function call_register, 1
	lea	2f(%rip), %rax
	site	call_register
	call	*%rax
	add	%rsi, %rax
	ret
	end	call_register
2:	lea	9(%rdi), %rax
	ret
	filler	call_register

	function call_stack, 1
	lea	2f(%rip), %rax
	push	%rax
	push	%rdi
	site	call_stack
	call	*8(%rsp)
	add	%rsi, %rax
	add	$16, %rsp
	ret
	end	call_stack
2:	mov	8(%rsp), %rax
	ret
	filler	call_stack

	function call_memory, 1
	lea	2f(%rip), %rax
	mov	%rax, 8(%rdx)
	site	call_memory
	nop
	call	*8(%rdx)
	movq	$0, 8(%rdx)
	add	%rsi, %rax
	ret
	end	call_memory
2:	lea	1(%rdi), %rax
	ret
	filler	call_memory

	function get_pc, 1
	site	get_pc
	call	1f
1:	pop	%rax
	lea	get_pc(%rip), %rcx
	sub	%rcx, %rax
	add	%rsi, %rax
	ret
	end	get_pc
	filler	get_pc

	/* an endbr64 stays */
	function entry, 1
	site	entry
	endbr64
	push	%rbx
	lea	(%rsi,%rdi), %rax
	pop	%rbx
	ret
	end	entry
	filler	entry

	function entry_loop, 1
	site	entry_loop
	endbr64
1:	add	%rsi, (%rdx)
	dec	%rdi
	jnz	1b
	mov	(%rdx), %rax
	ret
	end	entry_loop
	filler	entry_loop

	/* a branch behind the prefix */
	function lock_skipped, 1
	cmp	$3, %rdi
	site	lock_skipped
	lock
1:	addq	$5, 8(%rdx)
	dec	%rdi
	jnz	1b
	mov	8(%rdx), %rax
	ret
	end	lock_skipped
	filler	lock_skipped

	/* string and system instructions */
	function string, 1
	mov	%rdx, %rdi
	mov	%rsi, %rax
	mov	$4, %ecx
	site	string
	rep stosq
	mov	%rcx, %rax
	ret
	end	string
	filler	string

	function system, 1
	mov	$39, %eax
	site	system
	syscall
	mov	%rsi, %rcx
	ret
	end	system
	filler	system

	.data
functions_end:

	/* Full form: counts[number at 8(%rsp)]++, nothing else changed; spoils what lies below. */
	.text
	.globl	count_handler
count_handler:
	pushfq
	push	%rax
	push	%rcx
	mov	32(%rsp), %rax
	lea	counts(%rip), %rcx
	incq	(%rcx,%rax,8)
	movq	$-1, -8(%rsp)
	movq	$-1, -64(%rsp)
	movq	$-1, -104(%rsp)
	pop	%rcx
	pop	%rax
	popfq
	ret
	.section .note.GNU-stack, "", @progbits
