/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shapes THREADS ROUNDS: functions whose first bytes want every rung of the ladder, at every alignment, called by
 * threads at once. ROUNDS 0: until SIGTERM. Prints how often each was called and how often a value was wrong.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__asm__("	.text\n"
	/* A function, and its row in the table: name, address, what it adds to its argument. */
	"	.macro begin kind, at, adds\n"
	"	.balign	64, 0xcc\n"
	"	.if	\\at\n"
	"	.skip	\\at, 0xcc\n"
	"	.endif\n"
	"	.type	shape_\\kind\\()_\\at, @function\n"
	"	.globl	shape_\\kind\\()_\\at\n"
	"shape_\\kind\\()_\\at:\n"
	"	.pushsection .rodata\n"
	".Lname_\\kind\\()_\\at: .asciz \"shape_\\kind\\()_\\at\"\n"
	"	.popsection\n"
	"	.pushsection .data.rel.ro, \"aw\"\n"
	"	.quad	.Lname_\\kind\\()_\\at, shape_\\kind\\()_\\at, \\adds\n"
	"	.popsection\n"
	"	.endm\n"
	"	.macro end kind, at\n"
	"	.size	shape_\\kind\\()_\\at, . - shape_\\kind\\()_\\at\n"
	"	.endm\n"
	"	.macro shapes at\n"
	"	begin	nop, \\at, 1\n"
	"	.byte	0x0f, 0x1f, 0x44, 0, 0\n"
	"	lea	1(%rdi), %rax\n"
	"	ret\n"
	"	end	nop, \\at\n"
	"	begin	single, \\at, 0x12345\n"
	"	lea	0x12345(%rdi), %rax\n"
	"	ret\n"
	"	end	single, \\at\n"
	"	begin	several, \\at, 2\n"
	"	push	%rbp\n"
	"	mov	%rsp, %rbp\n"
	"	push	%rbx\n"
	"	lea	2(%rdi), %rax\n"
	"	pop	%rbx\n"
	"	pop	%rbp\n"
	"	ret\n"
	"	end	several, \\at\n"
	"	begin	padding, \\at, 0\n"
	"	mov	%rdi, %rax\n"
	"	ret\n"
	"	end	padding, \\at\n"
	"	begin	island, \\at, 3\n"
	"	xor	%eax, %eax\n"
	"1:	inc	%eax\n"
	"	cmp	$3, %eax\n"
	"	jne	1b\n"
	"	add	%rdi, %rax\n"
	"	ret\n"
	"	end	island, \\at\n"
	"	.skip	12, 0xcc\n"
	/* A branch to the second instruction, and a call to the function behind. */
	"	begin	loop, \\at, 3\n"
	"	push	%rdi\n"
	"1:	inc	%rdi\n"
	"	mov	%rdi, %rax\n"
	"	sub	(%rsp), %rax\n"
	"	cmp	$3, %eax\n"
	"	jne	1b\n"
	"	add	(%rsp), %rax\n"
	"	pop	%rdi\n"
	"	ret\n"
	"	end	loop, \\at\n"
	/* Two bytes, a branch target, no filler: something has to move. */
	"	begin	crowded, \\at, 5\n"
	"	mov	%edi, %eax\n"
	"1:	inc	%rax\n"
	"	lea	5(%rdi), %rdx\n"
	"	cmp	%rdx, %rax\n"
	"	jne	1b\n"
	"	lea	0(%rdi), %rcx\n"
	"	mov	%rdx, %rax\n"
	"	ret\n"
	"	end	crowded, \\at\n"
	"	mov	$0x11223344, %eax\n"
	"	mov	$0x11223344, %edx\n"
	"	begin	table, \\at, 7\n"
	"	mov	%edi, %eax\n"
	"	and	$1, %eax\n"
	"	lea	.Ltable_\\at(%rip), %rdx\n"
	"	movslq	(%rdx, %rax, 4), %rax\n"
	"	add	%rdx, %rax\n"
	"	jmp	*%rax\n"
	"2:	lea	7(%rdi), %rax\n"
	"	ret\n"
	"3:	lea	6(%rdi), %rax\n"
	"	inc	%rax\n"
	"	ret\n"
	"	end	table, \\at\n"
	"	.pushsection .rodata\n"
	"	.balign	4\n"
	".Ltable_\\at: .long 2b - .Ltable_\\at, 3b - .Ltable_\\at\n"
	"	.popsection\n"
	/* One byte each, side by side. */
	"	begin	crowd, \\at, -1\n"
	"	ret\n"
	"	end	crowd, \\at\n"
	"shape_tiny_\\at:\n"
	"	ret\n"
	"	mov	%rdi, %rax\n"
	"	ret\n"
	"	.endm\n"
	"	.pushsection .data.rel.ro, \"aw\"\n"
	"	.globl	shapes\n"
	"shapes:\n"
	"	.popsection\n"
	"	.irp	at, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	"	shapes	\\at\n"
	"	.endr\n"
	"	.pushsection .data.rel.ro, \"aw\"\n"
	"	.globl	shapes_end\n"
	"shapes_end:\n"
	"	.popsection\n");

struct shape {
	const char *name;
	long (*function)(long);
	long adds; /* -1: returns nothing */
};
extern const struct shape shapes[], shapes_end[];

static atomic_int stop;
static atomic_long wrong, rounds_done;
static long rounds;

static void *run(void *unused)
{
	(void)unused;
	for (long i = 0; !stop && (!rounds || i < rounds); i++) {
		for (const struct shape *s = shapes; s < shapes_end; s++) {
			long got = s->function(i);

			if (s->adds >= 0 && got != i + s->adds)
				wrong++;
		}
		rounds_done++;
	}
	return NULL;
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int n = argc > 1 ? atoi(argv[1]) : 1;

	rounds = argc > 2 ? atol(argv[2]) : 0;
	signal(SIGTERM, on_term);
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (rounds)
		for (const struct shape *s = shapes; s < shapes_end; s++)
			printf("%s %ld\n", s->name, (long)rounds_done);
	printf("wrong=%ld\n", (long)wrong);
	return wrong ? 1 : 0;
}
