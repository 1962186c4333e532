/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime for tests of gen: it hashes its arguments, so that unlike calls leave unlike traces. */
#ifndef TEST_GEN_STUBS_H
#define TEST_GEN_STUBS_H

#include <stdint.h>

#include "abi/abi.h"

/* Functions test_call0 ... test_call8 take so many arguments behind the slot. */
#define STUB_CALLS 9u

void *stub_symbol(const char *name);

/* Where test_ functions leave their trace. */
#define STUB_TRACE(slot) ((slot)->scratch[0])

/* Counters of the edges. */
struct stub_counts {
	uint32_t ends, misses, busies;
};
extern struct stub_counts stub_counts;
/* What rt_slot_miss and rt_slot_busy answer. */
extern uint64_t stub_miss_slot, stub_busy_answer;

/* forms.S */
void stub_slot_miss(void);
void stub_slot_busy(void);
struct forms_registers {
	uint64_t r[16]; /* by enum abi_register */
	uint64_t flags;
};
extern struct forms_registers forms_in, forms_out;
/* Sets all registers and flags as in forms_in, jumps to `trampoline`. */
void forms_enter(void *trampoline);
/* Where trampolines go on: stores forms_out and returns to the caller of forms_enter. */
void forms_resume(void);

#endif
