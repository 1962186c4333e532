/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a session as a family: who is born, becomes another program, and dies. */
#ifndef SPILE_CTL_FAMILY_H
#define SPILE_CTL_FAMILY_H

#include "ctl/session.h"

/* ---- life.c: what processes tell of themselves, and their handlers -------------------- */

/* Are there probes of beginnings and ends? How many? */
bool ctl_life_any(const struct bundle *b);
uint32_t ctl_life_count(const struct bundle *b);
/* Processes are followed, or their ends asked for: the patches are needed. */
bool ctl_life_wanted(const struct ctl_session *s);
/* Before sites are planned: their places are kept free. Then: plans them. */
void ctl_life_expect(struct ctl_process *p);
void ctl_life_plan(struct ctl_process *p);
/*
 * A site has the place of a hook: puts the hook's bodies, and those of the system call's probes, beside the `n` there
 * are; how many, at most ctl_life_most(). 0: no hook goes there, or it is planned. Bodies lie in scratch memory.
 */
uint32_t ctl_life_share(struct ctl_process *p, uint64_t address, struct patch_body *bodies, uint32_t n);
uint32_t ctl_life_most(const struct ctl_process *p);
/* Bytes of the table of handlers in a process. */
uint64_t ctl_life_size(const struct bundle *b);
/* In the window: writes it, and fills what the page says of it. */
struct error *ctl_life_place(struct ctl_process *p, struct abi_process *page) BASE_MUST_CHECK;

struct ctl_program ctl_program_of(pid_t pid);
/* Whether the probe of a beginning or end is meant for the process. */
bool ctl_life_matches(const struct bundle_probe *probe, const struct ctl_program *program, pid_t pid);

/* Whose handlers the tool runs in its place. */
struct ctl_subject {
	uint32_t member; /* number */
	pid_t pid, tid;
	struct ctl_program program;
};
/* tool.c: those of one event. */
void ctl_tool_run_life(struct ctl_session *s, const struct ctl_subject *subject, uint32_t event);

/*
 * inherit.c: a forked child of the parent that needs its own struct and code from now on; p is fresh from
 * ctl_process_create(). After an error it goes on with its parent's.
 */
struct error *ctl_process_inherit(struct ctl_process *p, const struct ctl_process *parent) BASE_MUST_CHECK;

/* ---- family.c ---------------------------------------------------------------------------- */

/*
 * The process becomes a member, and its begin is told: before it is attached to. Without a free
 * entry it is not followed.
 */
void ctl_family_join(struct ctl_process *p);
/* Processes that those attached to have started before. */
void ctl_family_gather(struct ctl_session *s);
/* --user: looks now and then for processes that run what is probed. */
void ctl_everybody_look(struct ctl_session *s);
/* A running process joins and is attached to; false: it cannot be, which is counted. */
bool ctl_family_join_running(struct ctl_session *s, pid_t pid);
/* It is a member, or about to be. */
bool ctl_family_has(struct ctl_session *s, pid_t pid);
/* One round: new members, announced execs, deaths. */
void ctl_family_serve(struct ctl_session *s);
/* The process made an exec that nobody announced. */
void ctl_family_changed(struct ctl_process *p);
/* A thread of it is traced until its exec: no window can be opened. */
bool ctl_family_is_catching(const struct ctl_process *p);
/* The session leaves: nobody is waited for any more. */
void ctl_family_let_go(struct ctl_session *s);
/* Before any process is left: no watchpoint signals in any. */
void ctl_family_stop_watches(struct ctl_session *s);
/* Takes our patches out of forked children. */
void ctl_family_leave(struct ctl_session *s);
void ctl_family_close(struct ctl_session *s);

#endif
