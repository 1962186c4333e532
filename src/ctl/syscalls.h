/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of system calls, and what of them other files of this folder run in patches of their own. */
#ifndef SPILE_CTL_SYSCALLS_H
#define SPILE_CTL_SYSCALLS_H

#include <elf.h>
#include <sys/syscall.h>

#include "ctl/session.h"

/* Same as sema's. */
#define CTL_SITE_SYSCALL 64u
#define CTL_SITE_SYSCALL_RETURN 128u
#define CTL_SITE_SYSCALLS (CTL_SITE_SYSCALL | CTL_SITE_SYSCALL_RETURN)

bool ctl_syscalls_any(const struct bundle *b);
/* Finds the probes that apply to the process and makes the tables; its code is built. */
void ctl_syscalls_prepare(struct ctl_process *p);
/* Before the module's sites are planned: tells the planner of calls there. */
void ctl_syscalls_expect(struct ctl_process *p, const struct ctl_module *m);
/* Finds the calls in what is mapped and was not before, and tells the planner. */
void ctl_syscalls_look(struct ctl_process *p);
/* Plans their patches; the hooks of system calls are planned. */
void ctl_syscalls_plan(struct ctl_process *p);
/* Bodies of a call whose patch would go to just this address, where other sites are; how many, 0 none. */
uint32_t ctl_syscalls_share(struct ctl_process *p, uint64_t address, struct patch_body *out);

/*
 * Bodies of a call that another patch, at the last instruction in front of it, knows to have this number: they find
 * it in rax; how many, 0 none.
 */
uint32_t ctl_syscalls_before(struct ctl_process *p, uint64_t address, uint32_t number, struct patch_body *out);

/* The same by the place of the call, for a patch that goes to where its own would go. */
uint32_t ctl_syscalls_before_call(struct ctl_process *p, uint64_t call, struct patch_body *out);
/*
 * Visits the calls of a mapping whose number is known only when they are made and that instructions lead to. Addresses of
 * the call: from the beginning of the mapping; of the function: link-time.
 */
void ctl_syscalls_each_open(struct ctl_process *p, const struct proc_map *m,
			    void (*visit)(void *user, const struct patch_call *c, const struct bundle_site *function),
			    void *user);

/* The other patch at the address, before or behind a call, could not be made after all. */
void ctl_syscalls_unshare(struct ctl_process *p, uint64_t address);

/* Bodies of where a call comes back to, for a hook that stands there and makes it itself; how many. */
uint32_t ctl_syscalls_behind(struct ctl_process *p, uint64_t call, struct patch_body *out);

/* Most bodies at one call; room for so many, in the session's scratch. */
uint32_t ctl_syscalls_most(const struct ctl_process *p);
struct patch_body *ctl_syscalls_room(const struct ctl_process *p);
/* Bodies for a number, -1: not known, of all probes; at a place. How many. */
uint32_t ctl_syscalls_handlers(struct ctl_process *p, int32_t number, bool at_return, uint64_t pc,
			       struct patch_body *out);

/* ---- syscall_stubs.c --------------------------------------------------------------------- */

/* Bytes of the tables and what they lead to. */
uint64_t ctl_syscall_stubs_size(const struct bundle *b);
/* Entries of the site table that calls may take. */
uint32_t ctl_syscall_sites(const struct bundle *b);
void ctl_syscall_stubs_make(struct ctl_process *p, bool keep_numbers);

#endif
