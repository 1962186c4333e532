/* SPDX-License-Identifier: Apache-2.0 */
/* place: the memory a case runs in. */
#include "place.h"

#include <string.h>
#include <sys/mman.h>

#include "machine.h"

/* Below 2 GiB, above where 32 bits are negative, and where programs and libraries are. */
const uint64_t place_bases[PLACES] = { 0x10000000, 0x90000000, 0x200000000000 };
const int64_t place_copies[PLACE_COPIES] = { 0x30000000, -0x8000000 };

static bool map(uint64_t address, uint64_t size, int protection)
{
	void *at = (void *)(uintptr_t)address;

	return mmap(at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		    0) == at;
}

bool place_map(uint64_t base)
{
	const int text = PROT_READ | PROT_WRITE | PROT_EXEC, data = PROT_READ | PROT_WRITE;

	for (int i = 0; i < PLACE_COPIES; i++)
		if (!map(base + PLACE_CODE + (uint64_t)place_copies[i], 0x1000, text))
			return false;
	return map(base, PLACE_IMAGE, data) && map(base + PLACE_CONTROL, 0x1000, data) &&
	       map(base + PLACE_CODE, 0x1000, text);
}

uint32_t place_put_exit(uint64_t base, uint64_t at, uint8_t number)
{
	/* movb $number,control(%rip); jmp *0(%rip); .quad machine_leave */
	uint8_t code[21] = { 0xc6, 0x05, 0, 0, 0, 0, number, 0xff, 0x25 };
	int32_t d = (int32_t)(base + PLACE_CONTROL - (at + 7));
	uint64_t leave = (uint64_t)(uintptr_t)machine_leave;

	memcpy(code + 2, &d, 4);
	memcpy(code + 13, &leave, 8);
	memcpy((void *)(uintptr_t)at, code, sizeof code);
	return sizeof code;
}

uint32_t place_take_exit(uint64_t base)
{
	uint8_t *control = (uint8_t *)(uintptr_t)(base + PLACE_CONTROL), taken = *control;

	*control = EXIT_NONE;
	return taken;
}
