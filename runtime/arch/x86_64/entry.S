/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the runtime from trampolines, signals and patched system calls.
 *
 * Each is entered with registers that belong to the program: everything that
 * C code may change is saved here, on the program's stack (at most 200 bytes),
 * and the stack is aligned.  None of them is hot: a hit comes here only when
 * something is out of the ordinary.
 */
	.text

		/* The address of struct abi_process, written when the image is placed. */
	.balign 8
	.globl	rt_self
	.hidden	rt_self
rt_self:
	.quad	0

.macro SAVE_CALLER_SAVED
	push	%rbp
	mov	%rsp, %rbp
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	and	$-16, %rsp
	cld
.endm

.macro RESTORE_CALLER_SAVED
	lea	-64(%rbp), %rsp
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbp
.endm

.macro ENTRY name
	.balign 16
	.globl	\name
	.type	\name, @function
\name:
.endm

/* rcx: key (~fs base). rax: slot or 0. Everything else but the flags is kept. */
ENTRY rt_slot_miss
	SAVE_CALLER_SAVED
	mov	%rcx, %rdi
	call	rt_slot_register
	RESTORE_CALLER_SAVED
	ret
	.size	rt_slot_miss, . - rt_slot_miss

/* rax: busy slot, rcx: stack pointer of the hit. rax: not 0 if the handler may run all the same. */
ENTRY rt_slot_busy
	SAVE_CALLER_SAVED
	mov	%rax, %rdi
	mov	%rcx, %rsi
	call	rt_slot_recover
	RESTORE_CALLER_SAVED
	ret
	.size	rt_slot_busy, . - rt_slot_busy

/*
 * A site like any other: [rsp] return address, [rsp+8] site number. The dynamic
 * loader has changed its list of objects; waits (bounded) for the tool.
 */
ENTRY rt_module_event
	pushfq
	push	%rax
	SAVE_CALLER_SAVED
	call	rt_module_changed
	RESTORE_CALLER_SAVED
	pop	%rax
	popfq
	ret
	.size	rt_module_event, . - rt_module_event

/*
 * From the entry of a function whose return address is kept aside (src/patch/returns.c):
 * [rsp] return, [rsp+8] depth, [rsp+16] the inserted frame, `depth` bytes of it, then the
 * program's return address. Not equal afterwards: there was no room. Keeps all registers.
 */
ENTRY rt_shadow_enter
	push	%rax
	SAVE_CALLER_SAVED
	mov	24(%rbp), %rsi
	lea	32(%rbp), %rdi
	call	rt_shadow_put
	test	%eax, %eax
	RESTORE_CALLER_SAVED
	pop	%rax
	ret
	.size	rt_shadow_enter, . - rt_shadow_enter

/* The same when it has returned: frame and return address are put where they were. Keeps flags too. */
ENTRY rt_shadow_leave
	pushfq
	push	%rax
	SAVE_CALLER_SAVED
	mov	32(%rbp), %rsi
	lea	40(%rbp), %rdi
	call	rt_shadow_take
	RESTORE_CALLER_SAVED
	pop	%rax
	popfq
	ret
	.size	rt_shadow_leave, . - rt_shadow_leave

/*
 * For functions that must keep their return address (src/patch/returns.c), entered with the same on the stack: at the
 * entry, and at a return instruction, where flags are kept too.
 */
.macro FRAME_KEEP name, goes
ENTRY \name
	push	%rax
	SAVE_CALLER_SAVED
	mov	24(%rbp), %rsi
	lea	32(%rbp), %rdi
	mov	$\goes, %edx
	call	rt_frame_put
	RESTORE_CALLER_SAVED
	pop	%rax
	ret
	.size	\name, . - \name
.endm
.macro FRAME_FIND name, goes
ENTRY \name
	pushfq
	push	%rax
	SAVE_CALLER_SAVED
	mov	32(%rbp), %rsi
	lea	40(%rbp), %rdi
	mov	$\goes, %edx
	call	rt_frame_take
	RESTORE_CALLER_SAVED
	pop	%rax
	popfq
	ret
	.size	\name, . - \name
.endm
	FRAME_KEEP rt_frame_keep, 0
	FRAME_FIND rt_frame_find, 0
	FRAME_KEEP rt_go_frame_keep, 1
	FRAME_FIND rt_go_frame_find, 1

/* At a function's entry: [rsp] return, [rsp+8] the program's return address. Not equal: too many tail calls. */
ENTRY rt_chain_check
	push	%rax
	SAVE_CALLER_SAVED
	lea	24(%rbp), %rdi
	call	rt_chain_is_long
	test	%eax, %eax
	RESTORE_CALLER_SAVED
	pop	%rax
	ret
	.size	rt_chain_check, . - rt_chain_check

/*
 * Signal handler for SIGSEGV, SIGBUS and SIGTRAP. Ours: the context is changed and
 * we leave by our own restorer, because the program's may be probed. Foreign: the
 * program's handler is entered as the kernel would have, same stack, same arguments,
 * same return address.
 */
ENTRY rt_signal
	push	%rdi
	push	%rsi
	push	%rdx
	cld
	call	rt_signal_decide
	pop	%rdx
	pop	%rsi
	pop	%rdi
	mov	%rax, %r11
	xor	%eax, %eax
	test	%r11, %r11
	jz	1f
	jmp	*%r11
1:	rdsspq	%rax	/* stays 0 where there is no shadow stack */
	test	%rax, %rax
	jz	2f
	mov	$1, %eax
	incsspq	%rax
2:	add	$8, %rsp
	jmp	rt_restorer
	.size	rt_signal, . - rt_signal

/*
 * Where a watchpoint's handler returns to (watch.c): rsp is at the site number, the frame above it.
 * Flags and registers are the program's.
 */
ENTRY rt_watch_return
	lea	8(%rsp), %rsp
	ret	$(32 - 8 + 128)
	.size	rt_watch_return, . - rt_watch_return

ENTRY rt_restorer
	mov	$15, %eax
	syscall
	ud2
	.size	rt_restorer, . - rt_restorer

/*
 * In place of a `syscall` instruction whose rax is the number the hook stands for:
 * arguments where the kernel takes them, the result in rax; rcx and r11 are lost, as
 * a system call loses them.
 */
.macro HOOK name, function
ENTRY \name
	SAVE_CALLER_SAVED
	mov	%r10, %rcx
	call	\function
	RESTORE_CALLER_SAVED
	ret
	.size	\name, . - \name
.endm

HOOK rt_hook_sigaction, rt_sigaction_emulate
HOOK rt_hook_sigprocmask, rt_sigprocmask_emulate

/* The same where the number is known only at run time: it is in rax; others go to the kernel. */
ENTRY rt_hook_any
	cmp	$13, %rax
	je	rt_hook_sigaction
	cmp	$14, %rax
	je	rt_hook_sigprocmask
	syscall
	ret
	.size	rt_hook_any, . - rt_hook_any

/*
 * At the mov of the number of a call that waits with a signal mask, and behind its syscall: waits.c.
 * All registers are kept but for the one that points to the mask.
 */
.macro WAIT name, function, call=0
ENTRY \name
	pushfq
	push	%rax
	SAVE_CALLER_SAVED
	lea	-64(%rbp), %rdi
	mov	$\call, %esi
	call	\function
	RESTORE_CALLER_SAVED
	pop	%rax
	popfq
	ret
	.size	\name, . - \name
.endm

WAIT rt_wait_sigsuspend, rt_wait_begin, 0
WAIT rt_wait_ppoll, rt_wait_begin, 1
WAIT rt_wait_epoll, rt_wait_begin, 2
WAIT rt_wait_pselect, rt_wait_begin, 3
WAIT rt_wait_over, rt_wait_end

/*
 * The loader has made a mapping: like rt_module_event, if it is of a file's code. Behind mmap, with its
 * arguments where they were.
 */
ENTRY rt_text_event
	pushfq
	test	$4, %edx	/* PROT_EXEC */
	jz	1f
	test	%r8d, %r8d	/* of a file */
	js	1f
	push	%rax
	SAVE_CALLER_SAVED
	call	rt_text_wait
	RESTORE_CALLER_SAVED
	pop	%rax
1:	popfq
	ret
	.size	rt_text_event, . - rt_text_event

/* What is left to these by rt_syscall_enter and rt_syscall_leave (syscalls.S): the same, by C. */
.macro SYSCALL_SITE name, function
ENTRY \name
	lea	-128(%rsp), %rsp
	push	%rax
	lahf
	seto	%al
	push	%rax
	SAVE_CALLER_SAVED
	lea	152(%rbp), %rdi
	mov	16(%rbp), %rsi
	call	\function
	mov	%rax, -8(%rbp)	/* rcx */
	RESTORE_CALLER_SAVED
	pop	%rax
	add	$127, %al
	sahf
	pop	%rax
	lea	128(%rsp), %rsp
	jrcxz	1f
	jmp	*%rcx
1:	jmp	*%r11
	.size	\name, . - \name
.endm

SYSCALL_SITE rt_syscall_enter_slowly, rt_syscall_entered
SYSCALL_SITE rt_syscall_leave_slowly, rt_syscall_left

/*
 * The first thing in _Unwind_Find_FDE(pc, bases) of a libgcc: [rsp] is where the trampoline
 * goes on (src/ctl/unwind.c): je over a ret and a jump over two addresses, this function's and the
 * finder's own. Equal afterwards: not ours; else rax is the result.
 */
	.set	UNWIND_PAGES, 648	/* of struct abi_process; held by unwind.c */
ENTRY rt_hook_find_fde
	mov	rt_self(%rip), %rax	/* a C function begins: but for its arguments, what a call may change is dead */
	mov	%rdi, %rcx		/* most addresses are in no page of ours: ABI_PAGE_HASH */
	shr	$12, %rcx
	imul	$0x9e3779b1, %ecx, %ecx
	mov	%ecx, %r11d
	shr	$27, %r11d
	mov	UNWIND_PAGES(%rax, %r11, 8), %rax
	shr	$21, %ecx
	bt	%rcx, %rax
	jc	1f
	xor	%eax, %eax
	ret
1:	push	%rbp
	mov	%rsp, %rbp
	push	%rsi
	push	%rdi
	mov	8(%rbp), %rax
	and	$-16, %rsp
	push	13(%rax)	/* struct unwind_finder */
	add	$3, %rax
	push	%rax
	mov	%rsp, %rdx
	call	rt_unwind_fde
	test	%rax, %rax
	lea	-16(%rbp), %rsp
	pop	%rdi
	pop	%rsi
	pop	%rbp
	ret
	.size	rt_hook_find_fde, . - rt_hook_find_fde

/* The same in _dl_find_object(pc, result). */
ENTRY rt_hook_find_object
	SAVE_CALLER_SAVED
	call	rt_unwind_object
	test	%eax, %eax
	RESTORE_CALLER_SAVED
	mov	$0, %eax
	ret
	.size	rt_hook_find_object, . - rt_hook_find_object

/*
 * Behind the system calls that make processes and threads. rcx: the call's number, by
 * the patch; rdi: its first argument, as the kernel keeps it; rax: its result, 0 in the child.
 * rcx and r11 are lost, as a system call loses them.
 */
ENTRY rt_life_after
	push	%rax
	SAVE_CALLER_SAVED
	test	%rax, %rax
	jnz	1f
	mov	%rcx, %rsi
	call	rt_life_forked
	jmp	2f
1:	call	rt_life_returned
2:	RESTORE_CALLER_SAVED
	pop	%rax
	ret
	.size	rt_life_after, . - rt_life_after

/* In front of, or behind, a system call: arguments where the kernel takes them. Keeps all registers. */
.macro LIFE name, function
ENTRY \name
	push	%rax
	SAVE_CALLER_SAVED
	mov	%r10, %rcx
	call	\function
	RESTORE_CALLER_SAVED
	pop	%rax
	ret
	.size	\name, . - \name
.endm

LIFE rt_life_before_exec, rt_life_exec
LIFE rt_life_before_execat, rt_life_execat
LIFE rt_life_after_exec, rt_life_exec_failed
LIFE rt_life_before_exit, rt_life_exit
LIFE rt_life_before_exit_group, rt_life_exit_group

/* rdi: a handler in full form, rsi: the number of its site. */
ENTRY rt_life_call
	push	%rsi
	call	*%rdi
	lea	8(%rsp), %rsp
	ret
	.size	rt_life_call, . - rt_life_call

/* And in dl_iterate_phdr(callback, data). */
ENTRY rt_hook_iterate
	SAVE_CALLER_SAVED
	mov	8(%rbp), %rax
	push	13(%rax)	/* struct objects_function */
	add	$3, %rax
	push	%rax
	mov	%rsp, %rdx
	lea	16(%rbp), %rcx
	call	rt_unwind_iterate
	test	%edx, %edx
	RESTORE_CALLER_SAVED
	ret
	.size	rt_hook_iterate, . - rt_hook_iterate

	.section .note.GNU-stack, "", @progbits
