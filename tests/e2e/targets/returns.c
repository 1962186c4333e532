/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of all kinds, called from all kinds of places. Prints what they
 * compute, and at the end "NAME calls returns" for each: what a probe must count.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#ifndef NO_CONTEXTS /* musl */
#include <ucontext.h>
#endif
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, used))
#define OPAQUE() __asm__ volatile("" ::: "memory")

/* In shared memory: forked children count as well. */
static struct count {
	const char *name;
	long calls, returns;
} *counts;
static int n_counts;

static struct count *count(const char *name)
{
	for (int i = 0; i < n_counts; i++)
		if (!strcmp(counts[i].name, name))
			return &counts[i];
	counts[n_counts].name = name;
	return &counts[n_counts++];
}
#define CALLED()                                                                                   \
	static struct count *me;                                                                   \
	if (!me)                                                                                   \
		me = count(__func__);                                                              \
	__atomic_add_fetch(&me->calls, 1, __ATOMIC_RELAXED)
#define RETURNS() __atomic_add_fetch(&me->returns, 1, __ATOMIC_RELAXED)

struct large {
	long a[9];
};
struct pair {
	long a, b;
};
struct mixed {
	double d;
	long l;
};

NOINLINE long f_recursive(long n)
{
	CALLED();
	long r = n < 2 ? n : f_recursive(n - 1) + f_recursive(n - 2);
	RETURNS();
	return r;
}
NOINLINE long f_odd(long n);
NOINLINE long f_even(long n)
{
	CALLED();
	long r = n == 0 ? 1 : f_odd(n - 1);
	OPAQUE();
	RETURNS();
	return r;
}
NOINLINE long f_odd(long n)
{
	CALLED();
	long r = n == 0 ? 0 : f_even(n - 1);
	OPAQUE();
	RETURNS();
	return r;
}
NOINLINE struct large f_large(long x)
{
	CALLED();
	struct large l;
	for (int i = 0; i < 9; i++)
		l.a[i] = x + i;
	RETURNS();
	return l;
}
NOINLINE struct pair f_pair(long x)
{
	CALLED();
	RETURNS();
	return (struct pair){ x, -x };
}
NOINLINE struct mixed f_mixed(long x)
{
	CALLED();
	RETURNS();
	return (struct mixed){ (double)x / 2, x };
}
NOINLINE double f_double(double a, double b)
{
	CALLED();
	RETURNS();
	return a * b;
}
NOINLINE long double f_x87(long double a, long double b)
{
	CALLED();
	RETURNS();
	return a / b;
}
NOINLINE _Complex long double f_two_x87(long double a)
{
	CALLED();
	RETURNS();
	return a + 2 * a * (_Complex long double)1.0iL;
}
NOINLINE __int128 f_wide(long a)
{
	CALLED();
	RETURNS();
	return (__int128)a << 70;
}
NOINLINE long f_nine(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	CALLED();
	RETURNS();
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}
NOINLINE long f_by_value(struct large l, int n)
{
	CALLED();
	long r = n ? l.a[n] + f_by_value(l, n - 1) : l.a[0];
	RETURNS();
	return r;
}
NOINLINE long f_variadic(int n, ...)
{
	CALLED();
	va_list ap;
	long r = 0;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		r += va_arg(ap, long) * (i + 1);
	va_end(ap);
	RETURNS();
	return r;
}
NOINLINE double f_variadic_double(int n, ...)
{
	CALLED();
	va_list ap;
	double r = 0;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		r += va_arg(ap, double) * (i + 1);
	va_end(ap);
	RETURNS();
	return r;
}
/* Tail calls; the last is reached by jumps only. A return of the chain is one of every link. */
NOINLINE long f_tail_last(long n)
{
	CALLED();
	OPAQUE();
	RETURNS();
	return n * 3;
}
NOINLINE long f_tail_middle(long n)
{
	CALLED();
	RETURNS();
	return f_tail_last(n + 1);
}
NOINLINE long f_tail_first(long n)
{
	CALLED();
	RETURNS();
	return f_tail_middle(n + 1);
}
/* A long chain of tail calls needs no stack. */
NOINLINE long g_pong(long n, long acc);
NOINLINE long g_ping(long n, long acc)
{
	OPAQUE();
	return n ? g_pong(n - 1, acc + 1) : acc;
}
NOINLINE long g_pong(long n, long acc)
{
	OPAQUE();
	return n ? g_ping(n - 1, acc + 2) : acc;
}
NOINLINE long f_aligned(long n)
{
	CALLED();
	_Alignas(64) char buffer[128];

	memset(buffer, (int)n, sizeof buffer);
	OPAQUE();
	RETURNS();
	return (long)((unsigned long)buffer % 64) + buffer[n];
}
NOINLINE long f_alloca(long n)
{
	CALLED();
	char *p = __builtin_alloca((size_t)n);

	memset(p, 1, (size_t)n);
	OPAQUE();
	RETURNS();
	return p[n - 1] + n;
}

/* ---- left by a jump ---- */
static jmp_buf out;
NOINLINE long f_jumps(int n)
{
	CALLED();
	if (!n)
		longjmp(out, 3);
	long r = f_jumps(n - 1);
	RETURNS();
	return r;
}
NOINLINE long f_sets(int n)
{
	CALLED();
	jmp_buf b;
	volatile long r = 0;

	if (setjmp(b) < 3) {
		r++;
		longjmp(b, (int)r);
	}
	RETURNS();
	return r + n;
}
static long jumps(void)
{
	volatile long r = 0;

	for (volatile int i = 0; i < 200; i++) {
		int how = setjmp(out);

		if (how)
			r += how;
		else
			f_jumps(20);
	}
	return r;
}

/* ---- contexts ---- */
#ifdef NO_CONTEXTS
static long contexts(void)
{
	return 0;
}
#else
static ucontext_t main_context, own[4];
NOINLINE long f_yields(int me_number, long n)
{
	CALLED();
	swapcontext(&own[me_number], &main_context);
	long r = n ? f_yields(me_number, n - 1) + 1 : 0;
	swapcontext(&own[me_number], &main_context);
	RETURNS();
	return r;
}
static long yielded[4];
static void coroutine(int number)
{
	yielded[number] = f_yields(number, 5 + number);
}
static long contexts(void)
{
	static char stacks[4][32768];
	long r = 0;

	for (int i = 0; i < 4; i++) {
		getcontext(&own[i]);
		own[i].uc_stack.ss_sp = stacks[i];
		own[i].uc_stack.ss_size = sizeof stacks[i];
		own[i].uc_link = &main_context;
		makecontext(&own[i], (void (*)(void))coroutine, 1, i);
	}
	/* the last of them is left in the middle */
	for (int turn = 0; turn < 19; turn++)
		for (int i = 0; i < 4; i++)
			if (turn < 2 * (6 + i) + 1)
				swapcontext(&main_context, &own[i]);
	for (int i = 0; i < 4; i++)
		r = r * 10 + yielded[i];
	return r;
}

#endif
/* ---- an own switch, as boost's contexts make it ---- */
void *own_switch(void **save, void *to);
__asm__(".text\n.type own_switch,@function\nown_switch:\n"
	"push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"ret\n.size own_switch,.-own_switch\n");
static void *host_stack, *fiber_stack;
static long fiber_result;
NOINLINE long f_fiber(long n)
{
	CALLED();
	long r = n ? n + f_fiber(n - 1) : 0;
	own_switch(&fiber_stack, host_stack);
	RETURNS();
	return r;
}
static void fiber(void)
{
	fiber_result = f_fiber(9);
	for (;;)
		own_switch(&fiber_stack, host_stack);
}
static long fibers(void)
{
	static long stack[4096] __attribute__((aligned(16)));
	long *top = stack + 4096;

	*--top = 0;
	*--top = (long)fiber;
	top -= 6;
	fiber_stack = top;
	for (int i = 0; i < 12; i++)
		own_switch(&host_stack, fiber_stack);
	return fiber_result;
}

/* ---- threads ---- */
NOINLINE void f_leaves(int n)
{
	CALLED();
	if (!n)
		pthread_exit((void *)77);
	f_leaves(n - 1);
	RETURNS();
}
static void *leave(void *x)
{
	f_leaves(10);
	return x;
}
static int asleep[2];
NOINLINE void f_sleeps(int n)
{
	CALLED();
	if (!n) {
		(void)!write(asleep[1], "x", 1);
		for (;;)
			pause();
	}
	f_sleeps(n - 1);
	RETURNS();
}
static void *sleeps(void *x)
{
	f_sleeps(10);
	return x;
}
static void *works(void *x)
{
	return (void *)(f_recursive(16) + (long)x);
}
static long threads(void)
{
	pthread_t t[4];
	void *result;
	long r = 0;
	char c;

	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, works, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		r += (long)result;
	}
	pthread_create(&t[0], NULL, leave, NULL);
	pthread_join(t[0], &result);
	r += (long)result;
	(void)!pipe(asleep);
	pthread_create(&t[0], NULL, sleeps, NULL);
	(void)!read(asleep[0], &c, 1);
	pthread_cancel(t[0]);
	pthread_join(t[0], &result);
	return r + (result == PTHREAD_CANCELED);
}

/* ---- processes ---- */
NOINLINE long f_forks(long n)
{
	CALLED();
	pid_t pid = fork();
	int status = 0;

	if (pid)
		waitpid(pid, &status, 0);
	RETURNS();
	return pid ? WEXITSTATUS(status) + n : -n;
}
static long forks(void)
{
	long r = f_forks(5);

	if (r < 0)
		_exit((int)(f_recursive(5) - r)); /* 5 + 5 */
	return r;
}
NOINLINE long f_vforks(long n)
{
	CALLED();
	int status = 0;
	pid_t pid = vfork();

	if (!pid)
		_exit(6);
	waitpid(pid, &status, 0);
	RETURNS();
	return n + WEXITSTATUS(status);
}

/* ---- signals ---- */
static volatile long ticks;
static sigjmp_buf from_signal;
static volatile int jump_now;
NOINLINE long g_in_handler(long n)
{
	OPAQUE();
	return n + 1;
}
static void tick(int sig)
{
	(void)sig;
	ticks = g_in_handler(ticks);
	if (jump_now && ticks % 2)
		siglongjmp(from_signal, 1);
}
NOINLINE long g_busy(long n)
{
	OPAQUE();
	return n * 2 + 1;
}
static long signals(void)
{
	struct sigaction a = { .sa_handler = tick };
	volatile long bad = 0, rounds = 0;

	sigaction(SIGALRM, &a, NULL);
	for (int mode = 0; mode < 2; mode++) {
		jump_now = mode;
		ualarm(200, 200);
		while (ticks < 300 * (mode + 1)) {
			if (sigsetjmp(from_signal, 1))
				rounds++;
			for (long i = 0; i < 100; i++)
				bad += g_busy(i) != i * 2 + 1;
		}
		ualarm(0, 0);
	}
	return bad * 1000 + (rounds > 50);
}

static long plain(void)
{
	long r = f_recursive(15) + f_even(30) + f_large(5).a[8] + f_pair(3).b + f_mixed(9).l;
	struct large l = f_large(100);
	_Complex long double z = f_two_x87(1.5L);

	r += (long)f_mixed(9).d + (long)f_double(2.5, 4) + (long)(f_x87(7, 2) * 10);
	r += (long)(__real__ z * 10) + (long)(__imag__ z * 100) + (long)(f_wide(3) >> 70);
	r += f_nine(1, 2, 3, 4, 5, 6, 7, 8, 9) + f_by_value(l, 8);
	r += f_variadic(12, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L);
	r += (long)f_variadic_double(10, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.);
	for (int i = 0; i < 100; i++)
		r += f_tail_first(i) + f_aligned(i % 100) + f_alloca(i + 1);
	return r + f_sets(4);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1;

	counts = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < rounds; i++) {
		printf("plain %ld\n", plain());
		printf("chain %ld\n", g_ping(20000, 0));
		printf("jumps %ld\n", jumps());
		printf("contexts %ld\n", contexts());
		printf("fibers %ld\n", fibers());
		printf("threads %ld\n", threads());
		fflush(stdout);
		printf("forks %ld\n", forks());
		printf("vforks %ld\n", f_vforks(3));
		printf("signals %ld\n", signals());
	}
	for (int i = 0; i < n_counts; i++)
		printf("%s %ld %ld\n", counts[i].name, counts[i].calls, counts[i].returns);
	return 0;
}
