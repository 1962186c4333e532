/* SPDX-License-Identifier: Apache-2.0 */
/* Walking stacks by the tables of the region, and what code is called. */
#ifndef SPILE_RUNTIME_UNWIND_H
#define SPILE_RUNTIME_UNWIND_H

#include "runtime/arch/arch.h"
#include "runtime/core/core.h"

/* One frame, and how to get to the next. */
struct rt_unwinder {
	struct abi_slot *slot; /* of a handler that runs in the tool for a thread; NULL: memory is read where we are */
	const struct abi_process *process;
	const struct abi_region *region;
	const struct abi_modules *modules; /* NULL none */
	const struct abi_module *module; /* the last that was found */
	uint64_t pc;
	bool exact; /* pc is the next instruction to run; else a return address: the call is in front of it */
	bool first; /* no step was made */
	bool at_entry; /* the first frame is at a function's first instruction */
	uint64_t registers[ABI_RIP]; /* those that callees keep hold the frame's values; the others only in exact frames */
};

/*
 * From registers as they were at an instruction (all of enum abi_register): the way in for hits, and for samples
 * taken in a signal's handler. process: whose struct abi_process names the modules.
 */
void rt_unwind_begin(struct rt_unwinder *u, const struct abi_process *process, const uint64_t *registers);
/* A word of the stack; false on a fault. */
bool rt_unwind_load(const struct rt_unwinder *u, uint64_t address, uint64_t *out);
/* To the caller's frame; false: this was the last, or what is above cannot be told. */
bool rt_unwind_step(struct rt_unwinder *u);

/*
 * From a frame in a trampoline to the one above, or to the place its instructions come from; *through: it was one.
 * False: it is one, and what is above cannot be told.
 */
bool rt_through_trampoline(struct rt_unwinder *u, bool *through);

/*
 * Addresses of the frames, the innermost first, at most `most` of them; how many. Trampolines are left out.
 * Never more than bounded work, whatever the stack holds; faults are caught.
 */
uint32_t rt_stack_walk(const struct abi_process *process, const uint64_t *registers, uint64_t *out, uint32_t most);
/* The same for the hit that the slot's handler serves; *exact: the first one is no return address. 0: it has no registers. */
uint32_t rt_stack_of_hit(struct abi_slot *s, uint64_t *out, uint32_t most, bool *exact);

/* Which module an address is in; NULL none. */
const struct abi_module *rt_module_at(const struct abi_modules *modules, uint64_t address);
const struct abi_modules *rt_modules_of(const struct abi_slot *s);

/* Bytes of a name that are not NUL-terminated. */
struct rt_text {
	const char *p;
	uint32_t n;
};
/* What is known of an address; n of a text 0: it is not. */
struct rt_place {
	struct rt_text symbol, path, file;
	uint64_t lookup; /* address that was looked up */
	uint64_t offset, size; /* in the symbol, or in the module */
	uint32_t line;
};
/* `lookup`: an address in the instruction that is meant, `address` itself or one less. */
void rt_place_of(const struct abi_region *r, const struct abi_modules *modules, uint64_t address, uint64_t lookup,
		 struct rt_place *out);

/*
 * The same for one frame of a stack after the other: a return address belongs to the call in front of it; the first may
 * be that of an instruction, and what a signal interrupted, and where its handler returns to, are. *exact says what
 * this address is, and then what the next one will be.
 */
void rt_place_of_frame(const struct abi_region *r, const struct abi_modules *modules, uint64_t address, bool *exact,
		       struct rt_place *out);

/* Collects text in a buffer of fixed size; what has no room is cut. */
struct rt_writer {
	char *p;
	uint32_t n, most;
};
void rt_write_bytes(struct rt_writer *w, const char *text, uint32_t n);
void rt_write_hex(struct rt_writer *w, uint64_t value); /* with 0x */

#define RT_PLACE_NAME 0 /* name, or the address */
#define RT_PLACE_DATA 1 /* name+0x1/0x2 [path] */
#define RT_PLACE_FILE 2
#define RT_PLACE_LINE 3
#define RT_PLACE_FILE_LINE 4
#define RT_PLACE_SIMPLE 5 /* name+0x1 [last part of the path] */
#define RT_PLACE_BRIEF 6 /* name+0x1 */
void rt_write_place(struct rt_writer *w, const struct rt_place *p, uint64_t address, int64_t form);

#endif
