/* SPDX-License-Identifier: Apache-2.0 */
/* marks ROUNDS: markers with operands of every size, one behind a semaphore. */
#define _SDT_HAS_SEMAPHORES 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sdt.h>

#define SEMAPHORE(name)                                                                            \
	__extension__ unsigned short demo_##name##_semaphore                                       \
		__attribute__((unused, section(".probes"), visibility("hidden")))
SEMAPHORE(plain);
SEMAPHORE(sizes);
SEMAPHORE(guarded);

static long taken;

__attribute__((noinline)) static void round_of(int i)
{
	int8_t a = (int8_t)(-1 - i);
	uint8_t b = (uint8_t)(250 + i);
	int16_t c = (int16_t)(-300 - i);
	uint16_t d = (uint16_t)(65000 + i);
	int32_t e = -70000 - i;
	uint32_t f = 4000000000u + (uint32_t)i;
	int64_t g = -5000000000ll - i;
	const char *text = "text";

	STAP_PROBE(demo, plain);
	STAP_PROBE8(demo, sizes, a, b, c, d, e, f, g, text);
	if (__builtin_expect(demo_guarded_semaphore, 0)) {
		taken++;
		STAP_PROBE1(demo, guarded, i);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 3;

	for (int i = 0; i < rounds; i++)
		round_of(i);
	printf("rounds=%d taken=%ld\n", rounds, taken);
	return 0;
}
