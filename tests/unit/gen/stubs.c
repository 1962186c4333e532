/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime for tests of gen. */
#include "stubs.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

struct stub_counts stub_counts;
uint64_t stub_miss_slot, stub_busy_answer;
struct forms_registers forms_in, forms_out;

/* What a call may change, changed: code that relies on one of them is found out. */
#define SPOIL_REGISTERS()                                                                         \
	__asm__ volatile(                                                                         \
		"mov $0x5501, %%ecx; mov $0x5502, %%edx; mov $0x5503, %%esi; mov $0x5504, %%edi;" \
		"mov $0x5505, %%r8d; mov $0x5506, %%r9d; mov $0x5507, %%r10d; mov $0x5508, "      \
		"%%r11d" ::                                                                       \
			: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc")

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Misaligned stacks show here: the compiler may use aligned moves for this array. */
static int64_t trace(struct abi_slot *s, uint64_t tag, const int64_t *args, uint32_t n)
{
	volatile char aligned[16] __attribute__((aligned(16)));
	uint64_t h = mix(STUB_TRACE(s), tag);

	base_assert((uintptr_t)aligned % 16 == 0 &&
		    (uintptr_t)__builtin_frame_address(0) % 16 == 0);
	for (uint32_t i = 0; i < n; i++)
		h = mix(h, (uint64_t)args[i]);
	STUB_TRACE(s) = h;
	if (h % 13 == 0 && !s->error)
		s->error = ABI_ERROR_RAISED;
	return (int64_t)(h >> (h % 60));
}

#define CALL(n, parameters, ...)                                                          \
	static int64_t call##n(struct abi_slot *s parameters)                             \
	{                                                                                 \
		int64_t args[] = { 0, ##__VA_ARGS__ }, result = trace(s, n, args + 1, n); \
		SPOIL_REGISTERS();                                                        \
		return result;                                                            \
	}
#define P(x) , int64_t x
CALL(0, )
CALL(1, P(a), a)
CALL(2, P(a) P(b), a, b)
CALL(3, P(a) P(b) P(c), a, b, c)
CALL(4, P(a) P(b) P(c) P(d), a, b, c, d)
CALL(5, P(a) P(b) P(c) P(d) P(e), a, b, c, d, e)
CALL(6, P(a) P(b) P(c) P(d) P(e) P(f), a, b, c, d, e, f)
CALL(7, P(a) P(b) P(c) P(d) P(e) P(f) P(g), a, b, c, d, e, f, g)
CALL(8, P(a) P(b) P(c) P(d) P(e) P(f) P(g) P(h), a, b, c, d, e, f, g, h)

static int64_t call_string(struct abi_slot *s, const struct abi_string *text)
{
	uint64_t h = 0;

	for (uint32_t i = 0; i < text->length; i++)
		h = mix(h, (uint8_t)text->text[i]);
	return trace(s, 100, (int64_t *)&h, 1);
}

static int64_t call_locks(struct abi_slot *s, const uint32_t *locks, int64_t n)
{
	uint64_t h = 0;

	for (int64_t i = 0; i < n; i++)
		h = mix(h, locks[i]);
	return trace(s, 101, (int64_t *)&h, 1);
}

static int64_t call_catch(struct abi_slot *s)
{
	if (s->error == ABI_ERROR_RAISED)
		s->error = ABI_ERROR_NONE;
	SPOIL_REGISTERS();
	return 0;
}

static void raise_error(struct abi_slot *s, int64_t number)
{
	int64_t args[] = { number };

	trace(s, 102, args, 1);
	s->error = number == 1 ? ABI_ERROR_FATAL : ABI_ERROR_RAISED;
	SPOIL_REGISTERS();
}

static void called_from(struct abi_slot *s, int64_t position)
{
	trace(s, 103, &position, 1);
	SPOIL_REGISTERS();
}

static void handler_end(struct abi_slot *s)
{
	base_assert((uintptr_t)__builtin_frame_address(0) % 16 == 0);
	(void)s;
	stub_counts.ends++;
	SPOIL_REGISTERS();
}

/* As in the runtime: quiet and blind, so handlers that call only this one have few duties. */
static int64_t pid(struct abi_slot *s)
{
	(void)s;
	SPOIL_REGISTERS();
	return 4711;
}

static const struct {
	const char *name;
	void *address;
} symbols[] = {
	{ "test_call0", (void *)call0 },
	{ "test_call1", (void *)call1 },
	{ "test_call2", (void *)call2 },
	{ "test_call3", (void *)call3 },
	{ "test_call4", (void *)call4 },
	{ "test_call5", (void *)call5 },
	{ "test_call6", (void *)call6 },
	{ "test_call7", (void *)call7 },
	{ "test_call8", (void *)call8 },
	{ "test_string", (void *)call_string },
	{ "test_locks", (void *)call_locks },
	{ "test_catch", (void *)call_catch },
	{ "rt_raise", (void *)raise_error },
	{ "rt_called_from", (void *)called_from },
	{ "rt_handler_end", (void *)handler_end },
	{ "rt_pid", (void *)pid },
	{ "rt_slot_miss", (void *)stub_slot_miss },
	{ "rt_slot_busy", (void *)stub_slot_busy },
};

void *stub_symbol(const char *name)
{
	for (uint32_t i = 0; i < base_count(symbols); i++)
		if (strcmp(symbols[i].name, name) == 0)
			return symbols[i].address;
	base_unreachable();
}
