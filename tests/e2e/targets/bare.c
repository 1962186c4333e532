/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare [PROGRAM]: forks, executes PROGRAM, waits and ends, by system calls of its own right at the beginnings of functions, as those of C
 * libraries are; without a library. "wrong=0" if the child said what it should.
 */
#define FUNCTION(name, number, rest)                                                                         \
	__asm__(".globl " #name "\n.type " #name ", @function\n" #name ": endbr64\nmov $" #number              \
		", %eax\nsyscall\n" rest "ret\n.size " #name ", .-" #name)

/* Behind the call there is a function of its own: a site where parent and child come. */
FUNCTION(do_fork, 57, ".globl do_forked\n.type do_forked, @function\ndo_forked:\n");
FUNCTION(do_exec, 59, "");
FUNCTION(do_end, 231, "");
FUNCTION(do_write, 1, "");
__asm__(".globl do_wait\n.type do_wait, @function\ndo_wait: mov %rcx, %r10\nmov $61, %eax\nsyscall\nret\n.size do_wait, .-do_wait");
/* Without endbr64, as libraries of Debian 12 are. */
__asm__(".globl do_plain_exec\n.type do_plain_exec, @function\ndo_plain_exec: mov $59, %eax\nsyscall\nret\n"
	".size do_plain_exec, .-do_plain_exec");

long do_fork(void);
long do_exec(const char *path, char **argv, char **environment);
long do_plain_exec(const char *path, char **argv, char **environment);
long do_end(long status);
long do_write(long fd, const char *text, long n);
long do_wait(long pid, int *status, long flags, void *usage);

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\nhlt\n");

__attribute__((used)) void begin(long *stack)
{
	char **argv = (char **)(stack + 1);
	char *child[] = { argv[0], argv[1], (char *)"child", 0 };
	int status = 0;
	long pid;

	if (stack[0] == 3)
		do_end(7);
	pid = do_fork();
	if (!pid) {
		do_plain_exec("/missing", child, 0);
		do_exec(argv[1], child, 0);
		do_end(1);
	}
	do_wait(pid, &status, 0, 0);
	if (status == 7 << 8)
		do_write(1, "wrong=0\n", 8);
	else
		do_write(1, "wrong=1\n", 8);
	do_end(0);
}
