/* SPDX-License-Identifier: Apache-2.0 */
/*
 * under_way MODE TENTHS: after a second calls ten functions in each other, which are left after so many
 * tenths of a second: "throws" by an exception, "waits" on a coroutine's stack, which nobody
 * is on meanwhile, "signal" in a handler on an alternate stack, by a jump out of it.
 */
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

static const char *mode;
static long tenths;
static ucontext_t host, own;
static sigjmp_buf out;
static int cleaned;
struct guard {
	~guard() { cleaned++; }
};

static void wait_there(void)
{
	if (*mode == 'w')
		swapcontext(&own, &host);
	else if (*mode == 's')
		raise(SIGUSR1);
	else
		usleep(100000 * static_cast<unsigned>(tenths));
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
	puts("waiting");
	fflush(stdout);
	for (long i = 0; i < tenths; i++)
		usleep(100000);
	swapcontext(&host, &own);
}

static void on_signal(int) { usleep(100000 * static_cast<unsigned>(tenths)); }

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
	tenths = argc > 2 ? atol(argv[2]) : 20;
	puts("ready");
	fflush(stdout);
	sleep(1);
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
	sleep(argc > 3 ? 3 : 0);
	return 0;
}
