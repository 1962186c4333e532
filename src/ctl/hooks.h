/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal dispositions and masks of the target, virtualised while faults and
 * traps of ours may happen in it.
 */
#ifndef SPILE_CTL_HOOKS_H
#define SPILE_CTL_HOOKS_H

#include "ctl/session.h"

/* May plans use int3? Only when SIGTRAP can be taken over. */
bool ctl_hooks_can_trap(const struct ctl_process *p);
/* Finds the places of the hooks that the module may get, before its sites are planned. */
void ctl_hooks_expect(struct ctl_process *p, const struct ctl_module *module);
/* A hook may have to go to just this address. */
bool ctl_hooks_claim(const struct ctl_process *p, uint64_t address);
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
struct ctl_hooks *ctl_hooks_inherited(const struct ctl_process *parent);

/* An earlier session's handlers stand for us. */
bool ctl_hooks_by_keeper(const struct ctl_process *p);
/* The hooks' own patches; n 0 and NULL if there are none. */
struct ctl_patch *ctl_hooks_patches(const struct ctl_process *p, uint32_t *n);
/* From a ledger: one of their patches; and that dispositions and masks were taken. */
void ctl_hooks_add(struct ctl_process *p, const struct ctl_patch *patch);
void ctl_hooks_found(struct ctl_process *p);

#endif
