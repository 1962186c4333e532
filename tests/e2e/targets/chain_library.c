/* SPDX-License-Identifier: Apache-2.0 */
/* For chain.c: calls what it is given. */
volatile long calls;

__attribute__((noinline)) void call_back(void (*to)(long), long n)
{
	to(n);
	calls++;
}
