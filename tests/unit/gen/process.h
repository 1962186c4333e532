/* SPDX-License-Identifier: Apache-2.0 */
/* A target process in miniature, inside the test: region, slots, table, sites, code. */
#ifndef TEST_GEN_PROCESS_H
#define TEST_GEN_PROCESS_H

#include "bundle/bundle.h"
#include "ir/ir.h"

#define SITES 8u

struct process {
	const struct bundle *b;
	struct abi_region *region;
	size_t region_size;
	struct abi_slot *slot; /* of a target's thread */
	struct abi_slot *tool; /* of the tool */
	struct abi_process *self;
	struct abi_table_entry *table;
	struct abi_site sites[SITES];
	uint8_t *code; /* executable, near the test's own text; trampolines behind it */
	size_t code_size;
	uint8_t *trampoline; /* where the next one goes */
	uint64_t slot_size;
	bool loads_thread_pointer; /* mov %fs:0 in place of rdfsbase */
};

/* Address of a runtime function; asserts that there is one. */
typedef void *process_symbol(const char *name);

void process_load(struct process *p, const struct bundle *b, process_symbol *symbol);
void process_unload(struct process *p);
/* Fresh region and slot. */
void process_reset(struct process *p);
/* Enters or removes the calling thread's slot in the table. */
void process_register(struct process *p, bool present);
/* Runs the handler as if at site `number` and goes on at `resume`; NULL: nothing to run. */
void *process_trampoline(struct process *p, uint32_t handler, enum bundle_variant v,
			 uint32_t number, void *resume, process_symbol *symbol);
/* The interpreter's view of it. */
struct ir_machine process_machine(struct process *p, process_symbol *symbol);

#endif
