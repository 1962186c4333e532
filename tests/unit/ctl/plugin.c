/* SPDX-License-Identifier: Apache-2.0 */
/* A library that the target loads and unloads; its constructor is a call as well. */
long plugged(long n);

#ifdef __clang__
#define SEPARATE __attribute__((noinline))
#else
#define SEPARATE __attribute__((noipa))
#endif

SEPARATE long plugged(long n)
{
	return n + 1;
}

__attribute__((constructor)) static void begin(void)
{
	plugged(0);
}
