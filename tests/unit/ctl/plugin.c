/* SPDX-License-Identifier: Apache-2.0 */
/* A library that the target loads and unloads; its constructor is a call as well. */
long plugged(long n);

__attribute__((noinline, noipa)) long plugged(long n)
{
	return n + 1;
}

__attribute__((constructor)) static void begin(void)
{
	plugged(0);
}
