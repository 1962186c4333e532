/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At a system call of any number, right before it and right behind it: r11 is where to go on, rax the number or
 * the result. Goes by way of the bodies for that number (src/ctl/syscall_stubs.c). rcx and r11 are free here, because
 * the call itself destroys them; all else is kept, flags as in generated code, without pushf.
 *
 *	rsp	rdi rsi rdx flags rax [128 bytes of the program's red zone] the program's rsp
 *
 * What is out of the ordinary (a thread's first call, calls left by a jump, the child's side of fork) goes to C:
 * rt_syscall_entered and rt_syscall_left say what is meant. Offsets are held by syscalls.c.
 */
	.text

	.set	PROCESS_TABLE, 16
	.set	PROCESS_SYSCALLS, 416
	.set	PROCESS_KEPT, 424
	.set	SLOT_SYSCALLS, 976
	.set	SLOT_COUNT, 1040
	.set	NUMBERS, 512		/* ABI_SYSCALLS */
	.set	SAVED_RAX, 32
	.set	PROGRAM_SP, 40 + 128

.macro SAVE
	lea	-128(%rsp), %rsp
	push	%rax
	lahf
	seto	%al
	push	%rax
	push	%rdx
	push	%rsi
	push	%rdi
.endm

.macro RESTORE
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rax
	add	$127, %al
	sahf
	pop	%rax
	lea	128(%rsp), %rsp
.endm

/* rdi: struct abi_process; rdx: the thread's slot. To `slowly` where the first place of the table does not hold it. */
.macro FIND_SLOT slowly
	rdfsbase %rcx
	not	%rcx
	imul	$0x9e3779b1, %ecx, %edx	/* ABI_TABLE_HASH */
	shr	$20, %edx		/* ABI_TABLE_SHIFT */
	shl	$4, %edx
	add	PROCESS_TABLE(%rdi), %rdx
	cmp	%rcx, (%rdx)
	jne	\slowly
	mov	8(%rdx), %rdx
	test	%rdx, %rdx
	jz	\slowly
.endm

	.balign 16
	.globl	rt_syscall_enter
	.type	rt_syscall_enter, @function
rt_syscall_enter:
	SAVE
	mov	rt_self(%rip), %rdi
	mov	SAVED_RAX(%rsp), %eax
	cmpl	$0, PROCESS_KEPT(%rdi)
	je	1f
	FIND_SLOT 4f
	mov	SLOT_COUNT(%rdx), %rcx
	incq	SLOT_COUNT(%rdx)
	and	$3, %ecx
	shl	$4, %ecx
	movslq	%eax, %rsi
	mov	%rsi, SLOT_SYSCALLS + 8(%rdx,%rcx)
	lea	PROGRAM_SP(%rsp), %rsi
	mov	%rsi, SLOT_SYSCALLS(%rdx,%rcx)
1:	xor	%ecx, %ecx
	cmp	$NUMBERS, %eax
	jae	2f
	mov	PROCESS_SYSCALLS(%rdi), %rcx
	mov	(%rcx,%rax,8), %rcx
2:	RESTORE
	jrcxz	3f
	jmp	*%rcx
3:	jmp	*%r11
4:	RESTORE
	jmp	rt_syscall_enter_slowly
	.size	rt_syscall_enter, . - rt_syscall_enter

	.balign 16
	.globl	rt_syscall_leave
	.type	rt_syscall_leave, @function
rt_syscall_leave:
	SAVE
	mov	rt_self(%rip), %rdi
	FIND_SLOT 5f
	mov	SLOT_COUNT(%rdx), %rcx
	dec	%rcx
	mov	%rcx, %rax
	and	$3, %ecx
	shl	$4, %ecx
	lea	PROGRAM_SP(%rsp), %rsi
	cmp	%rsi, SLOT_SYSCALLS(%rdx,%rcx)
	jne	5f
	mov	SLOT_SYSCALLS + 8(%rdx,%rcx), %rsi
	cmpq	$0, SAVED_RAX(%rsp)
	je	4f
2:	mov	%rax, SLOT_COUNT(%rdx)
	movq	$0, SLOT_SYSCALLS(%rdx,%rcx)
	xor	%ecx, %ecx
	cmp	$NUMBERS, %rsi
	jae	3f
	mov	PROCESS_SYSCALLS(%rdi), %rcx
	mov	NUMBERS * 8(%rcx,%rsi,8), %rcx
3:	RESTORE
	jrcxz	6f
	jmp	*%rcx
6:	jmp	*%r11
4:	cmp	$435, %rsi	/* clone3, clone, fork, vfork: it may be the child */
	je	5f
	cmp	$56, %rsi
	jb	2b
	cmp	$58, %rsi
	ja	2b
5:	RESTORE
	jmp	rt_syscall_leave_slowly
	.size	rt_syscall_leave, . - rt_syscall_leave

	.section .note.GNU-stack, "", @progbits
