/* SPDX-License-Identifier: Apache-2.0 */
/* Stubs of imported functions with the names that mold gives them; behind some of them is a function that must find its own caller's frame. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define STUB(name)                                                                                           \
	__asm__(".text\n.type \"" #name "$plt\", @function\n\"" #name "$plt\":\nendbr64\njmp *" #name          \
		"@GOTPCREL(%rip)\n.size \"" #name "$plt\", .-\"" #name "$plt\"\n")
STUB(_setjmp);
STUB(vfork);
STUB(getcontext);
STUB(strlen);
int stub_setjmp(jmp_buf b) __asm__("_setjmp$plt") __attribute__((returns_twice));
pid_t stub_vfork(void) __asm__("vfork$plt") __attribute__((returns_twice));
int stub_getcontext(ucontext_t *c) __asm__("getcontext$plt") __attribute__((returns_twice));
size_t stub_strlen(const char *s) __asm__("strlen$plt");

static jmp_buf back;
__attribute__((noinline)) static void deep(int n, char *fill)
{
	char more[256];

	memset(more, n, sizeof more);
	__asm__ volatile("" : : "r"(more), "r"(fill) : "memory");
	if (n)
		deep(n - 1, more);
	else
		longjmp(back, 3);
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	volatile int jumps = 0, times = 0;
	static ucontext_t context;
	int how = stub_setjmp(back), status = 0;
	pid_t child;

	jumps += how;
	if (jumps < 9)
		deep(20, "");
	stub_getcontext(&context);
	if (++times < 4)
		setcontext(&context);
	child = stub_vfork();
	if (child == 0)
		_exit(6);
	waitpid(child, &status, 0);
	printf("%d %d %d %zu\n", jumps, times, WEXITSTATUS(status), stub_strlen("stub"));
	return 0;
}
