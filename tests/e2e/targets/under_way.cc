/* SPDX-License-Identifier: Apache-2.0 */
/*
 * under_way MODE [stay]: at a SIGUSR2 calls ten functions in each other and says "deep"; at the next leaves them: "throws" by an exception,
 * "waits" on a coroutine's stack, which nobody is on meanwhile, "signal" from a handler on an alternate stack, any other by returning. "stay": ends at a
 * third one.
 */
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

static const char *mode;
static volatile sig_atomic_t told;
static ucontext_t host, own;
static sigjmp_buf out;
static int cleaned;
struct guard {
	~guard() { cleaned++; }
};

static void on_told(int) { told = told + 1; }

static void await(int times)
{
	while (told < times)
		usleep(10000);
}

static void await_deep(void)
{
	puts("deep");
	fflush(stdout);
	await(2);
}

static void wait_there(void)
{
	if (*mode == 'w')
		swapcontext(&own, &host);
	else if (*mode == 's')
		raise(SIGUSR1);
	else
		await_deep();
	if (*mode == 't')
		throw 5;
}

extern "C" __attribute__((noinline)) long f_deep(int depth)
{
	guard g;
	long r;

	if (!depth) {
		wait_there();
		return 2;
	}
	r = f_deep(depth - 1);
	__asm__ volatile("");
	return r + 4;
}

static long result;
static void coroutine(void) { result = f_deep(10); }

static void waits(void)
{
	size_t size = 1 << 16;

	getcontext(&own);
	own.uc_stack.ss_sp = malloc(size);
	own.uc_stack.ss_size = size;
	own.uc_link = &host;
	makecontext(&own, coroutine, 0);
	swapcontext(&host, &own);
	await_deep();
	swapcontext(&host, &own);
}

static void on_signal(int) { await_deep(); }

static void signals(void)
{
	stack_t alternate = {};
	struct sigaction a = {};

	alternate.ss_sp = malloc(65536);
	alternate.ss_size = 65536;
	sigaltstack(&alternate, nullptr);
	a.sa_handler = on_signal;
	a.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &a, nullptr);
	result = f_deep(10);
}

int main(int argc, char **argv)
{
	mode = argc > 1 ? argv[1] : "throws";
	signal(SIGUSR2, on_told);
	puts("ready");
	fflush(stdout);
	await(1);
	try {
		if (*mode == 'w')
			waits();
		else if (*mode == 's')
			signals();
		else
			result = f_deep(10);
	} catch (int e) {
		result = e;
	}
	std::printf("result %ld cleaned %d\n", result, cleaned);
	fflush(stdout);
	await(argc > 2 ? 3 : 0);
	return 0;
}
