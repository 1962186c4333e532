/* SPDX-License-Identifier: Apache-2.0 */
/* Entering a trampoline with every register known, and taking stock behind it. */
	.text
	.globl	forms_enter
	.type	forms_enter, @function
forms_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, forms_stack(%rip)
	mov	%rdi, forms_goal(%rip)
	pushq	forms_in+128(%rip)
	popfq
	mov	forms_in+0(%rip), %rax
	mov	forms_in+8(%rip), %rcx
	mov	forms_in+16(%rip), %rdx
	mov	forms_in+24(%rip), %rbx
	mov	forms_in+32(%rip), %rsp
	mov	forms_in+40(%rip), %rbp
	mov	forms_in+48(%rip), %rsi
	mov	forms_in+56(%rip), %rdi
	mov	forms_in+64(%rip), %r8
	mov	forms_in+72(%rip), %r9
	mov	forms_in+80(%rip), %r10
	mov	forms_in+88(%rip), %r11
	mov	forms_in+96(%rip), %r12
	mov	forms_in+104(%rip), %r13
	mov	forms_in+112(%rip), %r14
	mov	forms_in+120(%rip), %r15
	jmp	*forms_goal(%rip)
	.size	forms_enter, . - forms_enter

	.globl	forms_resume
	.type	forms_resume, @function
forms_resume:
	mov	%rax, forms_out+0(%rip)
	mov	%rcx, forms_out+8(%rip)
	mov	%rdx, forms_out+16(%rip)
	mov	%rbx, forms_out+24(%rip)
	mov	%rsp, forms_out+32(%rip)
	mov	%rbp, forms_out+40(%rip)
	mov	%rsi, forms_out+48(%rip)
	mov	%rdi, forms_out+56(%rip)
	mov	%r8, forms_out+64(%rip)
	mov	%r9, forms_out+72(%rip)
	mov	%r10, forms_out+80(%rip)
	mov	%r11, forms_out+88(%rip)
	mov	%r12, forms_out+96(%rip)
	mov	%r13, forms_out+104(%rip)
	mov	%r14, forms_out+112(%rip)
	mov	%r15, forms_out+120(%rip)
	mov	forms_stack(%rip), %rsp
	pushfq
	popq	forms_out+128(%rip)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	forms_resume, . - forms_resume

/* The runtime's two ways in, keeping all registers but rax. */
	.globl	stub_slot_miss
	.type	stub_slot_miss, @function
stub_slot_miss:
	incl	stub_counts+4(%rip)
	mov	stub_miss_slot(%rip), %rax
	ret
	.size	stub_slot_miss, . - stub_slot_miss

	.globl	stub_slot_busy
	.type	stub_slot_busy, @function
stub_slot_busy:
	incl	stub_counts+8(%rip)
	mov	stub_busy_answer(%rip), %rax
	ret
	.size	stub_slot_busy, . - stub_slot_busy

	.bss
	.balign	8
forms_stack:
	.zero	8
forms_goal:
	.zero	8

	.section .note.GNU-stack, "", @progbits
