/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mixture N: what programs do with stacks and processes, a little of each: exceptions, longjmp, a coroutine, handlers on
 * a stack of their own, threads, forks and execs. Tells twelve lines; status 5. For every compiler and linker.
 */
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline)) static

static ucontext_t outside, inside;
static char coroutine_stack[256 * 1024], signal_stack[65536];
static int turns;
static jmp_buf back;
static volatile sig_atomic_t handled;

NOINLINE void hop(int i)
{
	turns += i;
	swapcontext(&inside, &outside);
}

static void coroutine()
{
	for (int i = 0;; i++)
		hop(i);
}

NOINLINE int throws(int i)
{
	if (i % 3 == 0)
		throw std::runtime_error("x");
	return i;
}

NOINLINE int catches(int i)
{
	try {
		return throws(i);
	} catch (const std::exception &e) {
		return -(int)strlen(e.what());
	}
}

NOINLINE void jumps(int depth)
{
	if (!depth)
		longjmp(back, 7);
	jumps(depth - 1);
	__asm__ volatile("");
}

NOINLINE long fib(int n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void handle(int)
{
	handled = handled + 1;
}

static void exceptions(int n)
{
	std::map<std::string, int> m;
	long sum = 0;

	for (int i = 0; i < n; i++) {
		m["k" + std::to_string(i % 97)] += i;
		sum += catches(i);
	}
	printf("%zu %ld\n", m.size(), sum);
}

static void signals()
{
	stack_t stack = {};
	struct sigaction action = {};

	stack.ss_sp = signal_stack;
	stack.ss_size = sizeof signal_stack;
	sigaltstack(&stack, nullptr);
	action.sa_handler = handle;
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, nullptr);
	for (int i = 0; i < 50; i++)
		raise(SIGUSR1);
	printf("%d\n", (int)handled);
}

static void long_jumps()
{
	volatile int sum = 0;

	for (volatile int i = 0; i < 50; i = i + 1) {
		int how = setjmp(back);

		if (!how)
			jumps(i % 5);
		sum = sum + how;
	}
	printf("%d\n", sum);
}

static void coroutines()
{
	getcontext(&inside);
	inside.uc_stack.ss_sp = coroutine_stack;
	inside.uc_stack.ss_size = sizeof coroutine_stack;
	inside.uc_link = nullptr;
	makecontext(&inside, coroutine, 0);
	for (int i = 0; i < 100; i++)
		swapcontext(&outside, &inside);
	printf("%d\n", turns);
}

static void threads(int n)
{
	std::atomic<long> sum(0);
	std::vector<std::thread> all;

	for (int i = 0; i < 4; i++)
		all.emplace_back([&sum, n, i] {
			long own = fib(12);

			for (int k = 0; k < n; k++)
				own += catches(k + i);
			sum += own;
		});
	for (auto &t : all)
		t.join();
	printf("%ld\n", sum.load());
}

static void processes()
{
	pid_t child;
	int status;

	fflush(stdout);
	for (int i = 0; i < 5; i++) {
		child = fork();
		if (!child)
			_exit(fib(10) & 7);
		waitpid(child, &status, 0);
		printf("%d\n", WEXITSTATUS(status));
		fflush(stdout);
	}
	child = vfork();
	if (!child) {
		execl("/bin/echo", "echo", "by vfork", (char *)nullptr);
		_exit(1);
	}
	waitpid(child, &status, 0);
	printf("%d\n", WEXITSTATUS(system("exit 3")));
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;

	exceptions(n);
	signals();
	long_jumps();
	coroutines();
	threads(n);
	processes();
	return 5;
}
