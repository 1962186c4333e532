/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal dispositions and masks of the target, virtualised while faults and
 * traps of ours may happen in it.
 */
#ifndef SPILE_CTL_HOOKS_H
#define SPILE_CTL_HOOKS_H

#include "ctl/session.h"

/* One per process; hooks.c and hook_plan.c. */
struct ctl_hooks {
	VEC(struct ctl_patch) patches;
	VEC(uint64_t) scanned; /* starts of mappings already looked through */
	bool armed;
	bool by_keeper; /* an earlier session's handlers stand for us: peers.c */
};
struct ctl_hooks *ctl_hooks_of(struct ctl_process *p);

/* May plans use int3? Only when SIGTRAP can be taken over. */
bool ctl_hooks_can_trap(const struct ctl_process *p);
/*
 * Files that make system calls themselves: the C library, the loader, and programs without either. *file:
 * the file, NULL if it cannot be opened.
 */
bool ctl_hooks_may_ask(struct ctl_process *p, const struct proc_map *m, struct elf_file **file);
/* Finds the places of the hooks that the module may get, before its sites are planned. */
void ctl_hooks_expect(struct ctl_process *p, const struct ctl_module *module);
/* A hook may have to go to just this address: a site there is planned after it, upon it. */
bool ctl_hooks_claim(const struct ctl_process *p, uint64_t address);
/* The hook at the address, or NULL. */
struct ctl_patch *ctl_hooks_at(const struct ctl_process *p, uint64_t address);
/*
 * Plans the hooks' own patches (into p->space), before the window; called when the bundle
 * reads memory or traps may be used. May be called again for new modules.
 */
struct error *ctl_hooks_prepare(struct ctl_process *p) BASE_MUST_CHECK;
/* Something is planned that ctl_hooks_arm() has not written yet. */
bool ctl_hooks_pending(const struct ctl_process *p);
/* In the window, inside remote begin/end, before sites are written. */
struct error *ctl_hooks_arm(struct ctl_process *p) BASE_MUST_CHECK;
/* In the window, inside remote begin/end, after sites were restored. */
struct error *ctl_hooks_disarm(struct ctl_process *p) BASE_MUST_CHECK;
/* The hooks as a forked child has inherited them; NULL if there are none. */
struct ctl_hooks *ctl_hooks_inherited(const struct ctl_process *parent, struct arena *a);

/* waits.c: the mask that a stopped thread's system call waits with; false: it is in no such call, or that is not hooked. */
bool ctl_waits_mask(struct ctl_process *p, struct proc_registers *r, uint64_t *mask);
/* Makes the call go on with `mask`; `outer` are the bits (as slot.virtual_mask) that are really blocked outside of it. */
void ctl_waits_take(struct ctl_process *p, struct abi_slot *s, struct proc_registers *r, uint64_t mask,
		    uint64_t outer);
/*
 * The other way round, for a thread in such a call, and for one whose handler has interrupted it: true: *r changed.
 * *virtual_mask becomes what it is outside of the call.
 */
bool ctl_waits_give_back(const struct ctl_process *p, struct abi_slot *s, struct proc_registers *r,
			 uint64_t *virtual_mask);
void ctl_waits_give_frame(const struct ctl_process *p, struct abi_slot *s, const struct ctl_frame *f,
			  uint64_t *virtual_mask);

/* An earlier session's handlers stand for us. */
bool ctl_hooks_by_keeper(const struct ctl_process *p);
/* The hooks' own patches; n 0 and NULL if there are none. */
struct ctl_patch *ctl_hooks_patches(const struct ctl_process *p, uint32_t *n);
/* From a ledger: one of their patches; and that dispositions and masks were taken. */
void ctl_hooks_add(struct ctl_process *p, const struct ctl_patch *patch);
void ctl_hooks_found(struct ctl_process *p);

#endif
