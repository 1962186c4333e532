/* SPDX-License-Identifier: Apache-2.0 */
/* A library that the target loads and unloads; its constructor is a call as well. */
long plugged(long n);

#ifdef __clang__
#define SEPARATE __attribute__((noinline, optnone))
#else
#define SEPARATE __attribute__((noipa))
#endif

SEPARATE long plugged(long n)
{
	return n + 1;
}

static volatile long begun;

__attribute__((constructor)) static void begin(void)
{
	begun = plugged(0);
}
