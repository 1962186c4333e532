/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the stack that the program proper is about to use with a byte that the debugger may change
 * first: what differs between two runs then was never initialized, and no value to compare.
 */
volatile unsigned char fill_pattern = 0;

__attribute__((noinline)) int program(void);

__attribute__((noinline)) static void fill(void)
{
	volatile char room[24576];

	for (unsigned i = 0; i < sizeof room; i++)
		room[i] = (char)fill_pattern;
}

int main(void)
{
	fill();
	return program();
}

#define main program
