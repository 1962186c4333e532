/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of x86-64 as ptrace shows them. */
#include "proc/private.h"

#define FLAG_TRAP 0x100u

const uint8_t proc_syscall_bytes[PROC_SYSCALL_SIZE] = { 0x0f, 0x05 };

void proc_registers_for_call(struct proc_registers *r, uint64_t gadget, uint64_t stack, long number,
			     const uint64_t arguments[6])
{
	struct user_regs_struct *u = &r->user;

	u->rip = gadget;
	u->rsp = stack ? stack : u->rsp;
	u->rax = (unsigned long long)number;
	u->orig_rax = (unsigned long long)-1; /* nothing to restart */
	u->eflags &= ~(unsigned long long)FLAG_TRAP;
	u->rdi = arguments[0];
	u->rsi = arguments[1];
	u->rdx = arguments[2];
	u->r10 = arguments[3];
	u->r8 = arguments[4];
	u->r9 = arguments[5];
}

int64_t proc_registers_result(const struct proc_registers *r)
{
	return (int64_t)r->user.rax;
}

uint64_t proc_registers_pc(const struct proc_registers *r)
{
	return r->user.rip;
}

bool proc_registers_in_call(const struct proc_registers *r)
{
	return (int64_t)r->user.orig_rax >= 0;
}
