/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the program's memory, and acting on the program: for guru scripts.
 *
 * Every store may fault and then raises the script's error. Handlers that run in the
 * tool have no program: they may not write.
 */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

static bool poke(uint64_t address, int64_t size, uint64_t value)
{
	switch (size) {
	case 1:
		return rt_poke8(address, value);
	case 2:
		return rt_poke16(address, value);
	case 4:
		return rt_poke32(address, value);
	default:
		return rt_poke64(address, value);
	}
}

static void raise_fault(struct abi_slot *s, uint64_t address)
{
	static const char head[] = "write fault [man error::fault] at 0x";
	char text[sizeof head + 16];
	uint32_t n = sizeof head - 1, digits = 1;

	memcpy(text, head, n);
	while (digits < 16 && address >> (4 * digits))
		digits++;
	while (digits--)
		text[n++] = "0123456789abcdef"[address >> (4 * digits) & 15];
	s->fault_address = address;
	rt_raise_text(s, text, n);
}

void rt_write_number(struct abi_slot *s, int64_t address, int64_t value, int64_t size)
{
	if (s->in_tool || !poke((uint64_t)address, size, (uint64_t)value))
		raise_fault(s, (uint64_t)address);
}

int64_t rt_store(struct abi_slot *s, int64_t address, int64_t value, int64_t size)
{
	rt_write_number(s, address, value, size);
	return value;
}

int64_t rt_store_register(struct abi_slot *s, int64_t value, int64_t number, int64_t size)
{
	uint64_t *reg = &s->registers[number & 15];

	if (size >= 8)
		*reg = (uint64_t)value;
	else if (size == 4) /* clears the upper half, as the processor does */
		*reg = (uint32_t)value;
	else if (size == 2)
		*reg = (*reg & ~0xffffull) | (uint16_t)value;
	else
		*reg = (*reg & ~0xffull) | (uint8_t)value;
	return value;
}

#define REGISTER_ARGUMENTS 6

/* System V AMD64, at a function's entry, as rt_argument reads them. */
void rt_set_argument(struct abi_slot *s, int64_t number, int64_t value, int64_t size)
{
	static const uint8_t order[REGISTER_ARGUMENTS] = { ABI_RDI, ABI_RSI, ABI_RDX, ABI_RCX, ABI_R8, ABI_R9 };
	const struct abi_site *site = (const void *)s->site;
	uint64_t address;

	if (s->in_tool || !rt_registers_valid(s)) {
		RT_RAISE(s, "cannot access CPU registers in this context");
		return;
	}
	if (number < 1 || number > 1024) {
		RT_RAISE(s, "cannot access arg(n)");
		return;
	}
	if (number <= REGISTER_ARGUMENTS) {
		rt_store_register(s, value, order[number - 1], size);
		return;
	}
	address = s->saved_sp + (uint64_t)(int64_t)site->sp_adjust + (uint64_t)(number - REGISTER_ARGUMENTS) * 8;
	rt_write_number(s, (int64_t)address, value, size);
}

static void write_bytes(struct abi_slot *s, uint64_t address, const char *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (s->in_tool || !rt_poke8(address + i, (unsigned char)from[i])) {
			raise_fault(s, address + i);
			return;
		}
}

void rt_write_string(struct abi_slot *s, int64_t address, rt_str text)
{
	write_bytes(s, (uint64_t)address, text->text, (uint64_t)text->length + 1);
}

void rt_write_string_n(struct abi_slot *s, int64_t address, int64_t n, rt_str text)
{
	uint64_t whole = (uint64_t)text->length + 1;

	if (n > 0)
		write_bytes(s, (uint64_t)address, text->text, (uint64_t)n < whole ? (uint64_t)n : whole);
}

/* ---- delays and signals --------------------------------------------------------------- */

#define LONGEST_DELAY 10000000000ull /* ns */

void rt_delay(struct abi_slot *s, int64_t amount, int64_t unit)
{
	uint64_t start = rt_tsc(), ticks;

	if (amount <= 0)
		return;
	if ((uint64_t)amount > LONGEST_DELAY / (uint64_t)unit)
		amount = (int64_t)(LONGEST_DELAY / (uint64_t)unit);
	ticks = rt_ticks(rt_region(s), (uint64_t)(amount * unit));
	while (rt_tsc() - start < ticks)
		rt_pause();
}

#define MOST_SIGNALS 64

static uint32_t put_decimal(char *to, uint64_t value)
{
	char digits[20];
	uint32_t n = 0, length = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		to[length++] = digits[--n];
	return length;
}

/* From the tool: a signal that arrived here would run its handler in the middle of ours. */
void rt_raise_signal(struct abi_slot *s, int64_t number)
{
	_Alignas(8) char room[sizeof(struct abi_string) + 64] = { 0 };
	struct abi_string *command = (void *)room;
	uint32_t n = 5;

	if (s->in_tool || number < 1 || number > MOST_SIGNALS) {
		RT_RAISE(s, "no such signal, or no process to send it to");
		return;
	}
	memcpy(command->text, "kill ", n);
	command->text[n++] = '-';
	n += put_decimal(command->text + n, (uint64_t)number);
	command->text[n++] = ' ';
	n += put_decimal(command->text + n, s->pid);
	command->length = n;
	rt_system(s, command);
}
