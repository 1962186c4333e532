/* SPDX-License-Identifier: Apache-2.0 */
/* A function whose first instruction has its prefix on a line of its own, as that of glibc's pthread_spin_lock has. */
	.text
	.globl locked
	.type locked, @function
locked:
	lock
	incl count(%rip)
	ret
	.size locked, . - locked

	.globl main
	.type main, @function
main:
	call locked
	call locked
	xor %eax, %eax
	ret
	.size main, . - main

	.bss
count:	.zero 4
	.section .note.GNU-stack, "", @progbits
