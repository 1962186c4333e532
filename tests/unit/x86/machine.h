/* SPDX-License-Identifier: Apache-2.0 */
/* machine: runs pieces of code with all registers given and all registers taken. */
#ifndef TEST_X86_MACHINE_H
#define TEST_X86_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_RSP 4
#define MACHINE_VECTOR 8192 /* room for an XSAVE area */

/* Layout known to enter.S. */
struct machine_registers {
	uint64_t gpr[16]; /* in the instruction set's numbering */
	uint64_t flags;
};
extern struct machine_registers machine_in, machine_out;
extern uint8_t machine_vector_in[MACHINE_VECTOR], machine_vector_out[MACHINE_VECTOR];
extern uint64_t machine_entry, machine_fs_in;
extern uint32_t machine_has_fsbase;

/* Code that ends jumps here, by an absolute address. */
void machine_leave(void);

struct machine_stop {
	int signal; /* 0: the code left by machine_leave */
	uint64_t pc, address; /* of the signal */
};

/* Once per process: signal handlers on a stack of their own, the extent of the vector state. */
void machine_init(void);
/* Random vector state; small: every 8 bytes hold a number below 256. */
void machine_randomize_vector(uint64_t *seed, bool small);
/* Runs from machine_in, machine_vector_in and machine_entry to machine_out, machine_vector_out. */
void machine_execute(struct machine_stop *stop);
/* Zeroes what instructions cannot be held to: instruction pointers of x87, reserved bytes. */
void machine_normalize_vector(uint8_t *vector);
uint64_t machine_random(uint64_t *seed);

#endif
