/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of proc share. */
#ifndef SPILE_PROC_PRIVATE_H
#define SPILE_PROC_PRIVATE_H

#include "proc/proc.h"

/* A whole file of /proc/PID. */
struct error *proc_file_read(struct arena *a, pid_t pid, const char *name,
			     struct buf *out) BASE_MUST_CHECK;
/* State letter of a thread ('R', 'S', 'Z' ...), 0 if it is gone. */
char proc_state_of(pid_t pid, pid_t tid);

/* Why a traced thread stopped. */
enum proc_stop_kind {
	STOP_EVENT, /* PTRACE_EVENT_STOP: interrupted or in a group stop */
	STOP_EXEC,
	STOP_SYSCALL,
	STOP_SIGNAL, /* a signal is about to be delivered */
	STOP_OTHER, /* an event nobody asked for */
	STOP_GONE, /* the thread has ended */
	STOP_LATE /* it did not stop in time */
};
struct proc_stop {
	enum proc_stop_kind kind;
	int signal;
};
/* One look for a stop; false: still running. */
bool proc_look(struct proc *p, struct proc_thread *t, struct proc_stop *out);
/* Waits for the thread's next stop, at most `patience` seconds. */
struct proc_stop proc_wait_stop(struct proc *p, struct proc_thread *t, int patience);
/* Interrupts and resumes until the thread is in STOP_EVENT; signals on the way are delivered. */
struct error *proc_settle(struct proc *p, struct proc_thread *t, int signal) BASE_MUST_CHECK;
/* Ends the process's threads list and state after an unrecoverable stop. */
void proc_forget_threads(struct proc *p);
/* The error for proc_calls_may_kill(). */
struct error *proc_confined(pid_t pid) BASE_MUST_CHECK;
/* Opens pidfd and memory; checks state and word size. */
struct error *proc_attach_files(struct proc *p) BASE_MUST_CHECK;

/* ---- way_back.c ---- */

/* Code that stays: of files and the kernel's own, not what a session has mapped. */
bool proc_map_is_lasting(const struct proc_map *m);
/* Looks for code that leads back; p->way_back.gadget is 0 if there is none. */
void proc_way_back_look(struct proc *p, const struct proc_maps *m);
bool proc_way_back_is_there(const struct proc *p);
/* Before the first call, and behind it: a frame below the caller's stack. */
void proc_way_back_begin(struct proc *p);
void proc_way_back_restore(struct proc *p);
/* A frame with the caller's state between the addresses; false: none. */
bool proc_way_back_put(struct proc *p, uint64_t low, uint64_t high);

/* ---- x86_64.c: the only place of proc that knows register names ---- */

/* Bytes of the system call instruction. */
#define PROC_SYSCALL_SIZE 2u
extern const uint8_t proc_syscall_bytes[PROC_SYSCALL_SIZE];
/* Registers for a system call made at `gadget`; no interrupted call is restarted. stack 0: it stays. */
void proc_registers_for_call(struct proc_registers *r, uint64_t gadget, uint64_t stack, long number,
			     const uint64_t arguments[6]);
int64_t proc_registers_result(const struct proc_registers *r);
uint64_t proc_registers_pc(const struct proc_registers *r);

#endif
