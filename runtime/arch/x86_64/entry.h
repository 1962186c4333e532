/* SPDX-License-Identifier: Apache-2.0 */
/* What entry.S and the C files of this folder call in each other. */
#ifndef SPILE_RUNTIME_ENTRY_H
#define SPILE_RUNTIME_ENTRY_H

#include <stdbool.h>

#include "abi/abi.h"

/* entry.S; signatures are nominal, see there */
void rt_signal(void);
void rt_restorer(void);
void rt_slot_miss(void);
void rt_slot_busy(void);
void rt_module_event(void);
void rt_hook_sigaction(void);
void rt_hook_sigprocmask(void);
void rt_hook_any(void);
void rt_wait_sigsuspend(void);
void rt_wait_ppoll(void);
void rt_wait_epoll(void);
void rt_wait_pselect(void);
void rt_wait_over(void);
void rt_shadow_enter(void);
void rt_shadow_leave(void);
void rt_chain_check(void);
void rt_frame_keep(void);
void rt_frame_find(void);
void rt_go_frame_keep(void);
void rt_go_frame_find(void);
void rt_hook_find_fde(void);
void rt_hook_find_object(void);
void rt_hook_iterate(void);
void rt_life_after(void);
void rt_life_before_exec(void);
void rt_life_before_execat(void);
void rt_life_after_exec(void);
void rt_life_before_exit(void);
void rt_life_before_exit_group(void);
void rt_life_call(uint64_t handler, uint64_t site);
void rt_text_event(void);
void rt_syscall_enter(void);
void rt_syscall_leave(void);
extern uint64_t rt_self;

/* As libgcc's unwind-dw2-fde.h has it since GCC 3. */
struct dwarf_eh_bases {
	uint64_t tbase, dbase, func;
};
typedef uint64_t find_fde(uint64_t pc, struct dwarf_eh_bases *bases);
/*
 * The begin of libgcc's struct _Unwind_Context, the same since GCC 3: the frame whose return
 * address in `ra` was looked up last is gone, that which it leads to has its stack pointer in `cfa`.
 */
struct unwind_context {
	uint64_t registers[18]; /* where they were saved, by DWARF's numbers; 0: nowhere */
	uint64_t cfa, ra, lsda;
	struct dwarf_eh_bases bases;
};
/* A patched finder: behind our hook, and from its begin with all hooks there are. */
struct unwind_finder {
	find_fde *original, *whole;
};

/* glibc's struct dl_find_object. */
struct found_object {
	uint64_t flags, start, end, link_map, header, reserved[7];
};
/* struct dl_phdr_info and Elf64_Phdr (ELF-64 Object File Format). */
struct program_header {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, align;
};
#define PT_LOAD 1u
#define PT_GNU_EH_FRAME 0x6474e550u
#define PF_R 4u
#define PF_RX 5u
struct object_info {
	uint64_t bias;
	const char *name;
	const struct program_header *segments;
	uint16_t n_segments;
	uint64_t added, removed, tls_module, tls_data;
};
typedef int object_callback(const struct object_info *info, uint64_t size, void *data);
typedef int iterate_objects(object_callback *callback, void *data);
/* As struct unwind_finder, for a patched dl_iterate_phdr. */
struct objects_function {
	iterate_objects *original, *whole;
};
struct iterated {
	int64_t result, ours; /* 0: not ours */
};
/* slot.c: the slot of a key, or NULL; claims none */
struct abi_slot *rt_slot_find(uint64_t key);
/* Says anew whose the slot is: the calling thread's. */
void rt_slot_identify(struct abi_slot *s, uint64_t key);

bool rt_life_changes(struct abi_process *p);

/* called from entry.S */
void rt_life_forked(uint64_t first, uint64_t number);
void rt_life_returned(void);
void rt_life_exec(const char *path);
void rt_life_execat(int64_t folder, const char *path, uint64_t arguments, uint64_t environment, uint64_t flags);
void rt_life_exec_failed(void);
void rt_life_exit(void);
void rt_life_exit_group(void);
struct abi_slot *rt_slot_register(uint64_t key);
int64_t rt_slot_recover(struct abi_slot *s, uint64_t sp);
void rt_module_changed(void);
void rt_text_wait(void);
uint64_t rt_syscall_entered(uint64_t sp, int64_t number);
uint64_t rt_syscall_left(uint64_t sp, int64_t result);
int64_t rt_shadow_put(const uint64_t *frame, uint64_t depth);
void rt_shadow_take(uint64_t *frame, uint64_t depth);
void rt_frame_put(const uint64_t *frame, uint64_t depth, uint64_t is_go);
void rt_frame_take(uint64_t *frame, uint64_t depth, uint64_t is_go);
uint64_t rt_unwind_fde(uint64_t pc, struct dwarf_eh_bases *bases, const struct unwind_finder *finder);
int64_t rt_unwind_object(uint64_t pc, struct found_object *result);
struct iterated rt_unwind_iterate(object_callback *callback, void *data,
				  const struct objects_function *function, uint64_t sp);
int64_t rt_chain_is_long(const uint64_t *sp);
/* returns.c: the row that holds the address, or NULL */
const struct abi_unwind *rt_unwind_find(const struct abi_process *p, uint64_t pc);
/* The row of the call that put this return address on the stack, if it is one of ours: by a search. */
const struct abi_unwind *rt_unwind_search_call(const struct abi_process *p, uint64_t address);

/* False: no row holds the address. */
static inline bool rt_unwind_may_have(const struct abi_process *p, uint64_t address)
{
	uint32_t hash = ABI_PAGE_HASH(address);

	return p->unwind_pages[hash / 64] >> (hash % 64) & 1;
}

static inline bool rt_unwind_is_call(const struct abi_unwind *row, uint64_t address)
{
	return row->end == address && (row->kind == ABI_UNWIND_CALL || row->kind == ABI_UNWIND_SHADOW_CALL);
}

/* The same as rt_unwind_search_call: each step of an exception through a probed frame asks this twice. */
static inline const struct abi_unwind *rt_unwind_call(const struct abi_process *p, uint64_t address)
{
	const struct abi_unwind *rows = (const struct abi_unwind *)p->unwinds;
	const uint32_t *calls = (const uint32_t *)p->calls;
	uint32_t at = ABI_CALL_HASH(address), number;

	if (!rt_unwind_may_have(p, address - 1))
		return 0;
	for (uint32_t n = 0; calls && n < ABI_CALL_PROBES; n++) {
		number = calls[(at + n) & p->calls_mask];
		if (!number)
			break;
		if (number <= p->n_unwinds && rt_unwind_is_call(&rows[number - 1], address))
			return &rows[number - 1];
	}
	return rt_unwind_search_call(p, address);
}
/* The return address that is kept aside for this place; 0 none. */
uint64_t rt_shadow_address(const struct abi_process *p, uint64_t key);
uint64_t rt_signal_decide(int64_t sig, const void *info, void *context);
int64_t rt_sigaction_emulate(int64_t sig, uint64_t action, uint64_t old, uint64_t size);
void rt_wait_begin(uint64_t *saved, uint64_t call);
void rt_wait_end(uint64_t *saved);
int64_t rt_sigprocmask_emulate(int64_t how, uint64_t set, uint64_t old, uint64_t size);

#endif
