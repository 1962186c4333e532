/* SPDX-License-Identifier: Apache-2.0 */
/* enter: loads every register, jumps, and takes every register back. */

	.macro each_register do
	\do %rax, 0
	\do %rcx, 1
	\do %rdx, 2
	\do %rbx, 3
	\do %rbp, 5
	\do %rsi, 6
	\do %rdi, 7
	\do %r8, 8
	\do %r9, 9
	\do %r10, 10
	\do %r11, 11
	\do %r12, 12
	\do %r13, 13
	\do %r14, 14
	\do %r15, 15
	.endm
	.macro load register, number
	movq	machine_in + 8 * \number(%rip), \register
	.endm
	.macro store register, number
	movq	\register, machine_out + 8 * \number(%rip)
	.endm

	.text
	.globl	machine_enter
	.type	machine_enter, @function
machine_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, machine_host_sp(%rip)
	movl	machine_components(%rip), %eax
	xorl	%edx, %edx
	xrstor64 machine_vector_in(%rip)
	cmpl	$0, machine_has_fsbase(%rip)
	je	1f
	rdfsbase %rax
	movq	%rax, machine_host_fs(%rip)
	movq	machine_fs_in(%rip), %rax
	wrfsbase %rax
1:	pushq	machine_in + 8 * 16(%rip)
	popfq
	each_register load
	movq	machine_in + 8 * 4(%rip), %rsp
	jmp	*machine_entry(%rip)
	.size	machine_enter, . - machine_enter

	.globl	machine_leave
	.type	machine_leave, @function
machine_leave:
	movq	%rsp, machine_out + 8 * 4(%rip)
	movq	machine_host_sp(%rip), %rsp
	pushfq
	popq	machine_out + 8 * 16(%rip)
	each_register store
	pushq	$2
	popfq
	cmpl	$0, machine_has_fsbase(%rip)
	je	1f
	movq	machine_host_fs(%rip), %rax
	wrfsbase %rax
1:	movl	machine_components(%rip), %eax
	xorl	%edx, %edx
	xsave64	machine_vector_out(%rip)
	fninit
	ldmxcsr	machine_host_mxcsr(%rip)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	machine_leave, . - machine_leave

	.data
	.globl	machine_components, machine_has_fsbase, machine_entry, machine_fs_in
	.globl	machine_in, machine_out, machine_vector_in, machine_vector_out
machine_components:
	.long	0
machine_has_fsbase:
	.long	0
machine_host_mxcsr:
	.long	0x1f80
	.balign	8
machine_entry:
	.quad	0
machine_fs_in:
	.quad	0
machine_host_sp:
	.quad	0
machine_host_fs:
	.quad	0
machine_in:
	.zero	8 * 17
machine_out:
	.zero	8 * 17
	.balign	64
machine_vector_in:
	.zero	8192
machine_vector_out:
	.zero	8192
	.section .note.GNU-stack, "", @progbits
