/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc: other processes: ptrace, /proc, remote memory and remote calls.
 *
 * It stops all threads of a process for a moment, reads and writes its memory
 * and registers, makes system calls in its name without writing into it, and
 * hands it file descriptors.  It never stays attached: between proc_stop() and
 * proc_release() lies one short stop window.  It knows no probe and no patch.
 *
 * Ownership: a struct proc lives in the arena it was made in; proc_close()
 * closes its descriptors.  One thread of the tool uses one struct proc
 * (ptrace binds a tracee to the thread that seized it).
 *
 *	struct proc *p;
 *	struct error *e = proc_open(arena, pid, &p);
 *	e = proc_stop(p);
 *	e = proc_remote_begin(p);
 *	e = proc_remote_call(p, SYS_getpid, (uint64_t[6]){ 0 }, &result);
 *	e = proc_remote_end(p);
 *	e = proc_release(p);
 */
#ifndef SPILE_PROC_H
#define SPILE_PROC_H

#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/base.h"
#include "proc/perf.h"
#include "proc/tracepoint.h"

struct proc_thread {
	pid_t tid; /* 0: not in use */
	bool held; /* stopped by us, in a ptrace event stop */
	bool gone;
};

/* The kernel's view of a thread's integer registers (user_regs_struct). */
struct proc_registers {
	struct user_regs_struct user;
};

#define PROC_FRAME_ROOM 6144u /* for a signal frame */
/* way_back.c: code of the target's, and where its stack pointer must be for it. */
struct proc_way_back {
	uint64_t gadget, restorer, pop; /* 0: there is none */
	uint64_t stack; /* 0: no way back at the moment */
	uint64_t context, fpstate; /* of the frame there */
	uint64_t saved_at; /* bytes below the stack that the frame of the first call is on; 0 none */
	uint8_t saved[PROC_FRAME_ROOM];
};

struct proc {
	struct arena *arena;
	pid_t pid;
	int pidfd; /* readable when the process has ended */
	int memory; /* /proc/PID/mem; follows an exec only after proc_reopen() */
	bool is_child; /* launched by us: its status comes from waitpid */
	bool ended;
	int status; /* of waitpid, if is_child and ended */
	bool stopped; /* between proc_stop() and proc_release() */
	bool watched; /* runs, but is traced until its next exec */
	VEC(struct proc_thread) family; /* its children, watched as well */
	VEC(struct proc_thread) threads; /* valid while stopped */
	VEC(struct proc_thread) lagging; /* asked to stop, did not in time; let go as soon as they do */
	/* called now and then while a thread does not stop, so that others who wait for the tool go on; or NULL */
	void (*idle)(void *user);
	void *idle_user;
	/* remote calls */
	struct proc_thread *caller;
	struct proc_registers caller_registers;
	uint64_t caller_mask;
	bool signals_held; /* by the caller's mask */
	uint64_t gadget; /* address of a syscall instruction */
	uint8_t gadget_saved[2];
	bool gadget_written;
	bool filter_suspended; /* the caller's seccomp filter, while remote calls are made */
	struct proc_way_back way_back;
	uint64_t scratch; /* a page in the target while remote calls are made */
	uint64_t room; /* the caller's: a writable page that may be that; 0: one is mapped and unmapped */
};

/* ---- finding, starting and holding -------------------------------------------- */

/*
 * A running process. Errors say which check failed and what to do: no such
 * process, zombie, another user's, already traced, ptrace_scope, 32-bit.
 */
struct error *proc_open(struct arena *a, pid_t pid, struct proc **out) BASE_MUST_CHECK;

struct proc_launch {
	char **words; /* NULL-ended; words[0] is looked up in $PATH */
	const sigset_t *mask; /* the child's signal mask */
};
/*
 * Starts a program and returns with it stopped behind exec, before its first
 * instruction (and so before ld.so has run). It dies with the tool until it
 * is released for the first time.
 */
struct error *proc_launch(struct arena *a, const struct proc_launch *l,
			  struct proc **out) BASE_MUST_CHECK;

/*
 * Stops every thread. Bounded: a thread that does not stop in 10 s is an error, all are let go.
 * One that cannot stop now (it waits in vfork(), say) does not keep the others standing for long: all
 * are let go and stopped anew.
 */
struct error *proc_stop(struct proc *p) BASE_MUST_CHECK;
/* Lets every thread run as it would have, interrupted system calls restarted. */
struct error *proc_release(struct proc *p) BASE_MUST_CHECK;
/*
 * For a launched process with one thread, held: lets it run, still traced with all
 * children it forks, each up to its next exec. It is not for what is probed: a shell that starts
 * or becomes the program is meant. proc_watch() must be called soon after each
 * SIGCHLD: it passes signals on.
 */
struct error *proc_run_to_exec(struct proc *p) BASE_MUST_CHECK;
/*
 * True: *out (p itself or a child) is stopped behind an exec, as proc_launch() leaves it.
 * Never waits.
 */
bool proc_watch(struct proc *p, struct proc **out);
/* Lets go those that have made no exec. */
void proc_unwatch(struct proc *p);
/*
 * A thread says that it will make an exec: traces it until then. It runs on; proc_caught() must be
 * called soon after each SIGCHLD: it passes signals on.
 */
struct error *proc_catch(pid_t tid) BASE_MUST_CHECK;
enum proc_catch_state {
	PROC_CATCH_WAITING,
	PROC_CATCH_EXEC, /* the process is held behind its exec; p->memory is the old one's, see proc_reopen() */
	PROC_CATCH_GONE, /* it has ended, or is not traced any more */
};
enum proc_catch_state proc_caught(struct proc *p, pid_t tid);
/* The exec failed, or is not waited for any more: lets the thread go. */
void proc_catch_undo(struct proc *p, pid_t tid);
/* It has ended, perhaps while we traced it: its parent is told when we have been. */
void proc_see_off(struct proc *p);
/* A process that is not looked at closely yet: no checks, no files but the pidfd. NULL: it has ended. */
struct proc *proc_meet(struct arena *a, pid_t pid);
/* Nothing but a number, whose process may have ended. */
struct proc *proc_create(struct arena *a, pid_t pid);
/* Looks, without waiting, whether the process has ended; fills ended and status. */
bool proc_has_ended(struct proc *p);
/* After an exec: opens the new memory. */
struct error *proc_reopen(struct proc *p) BASE_MUST_CHECK;
void proc_close(struct proc *p);
/* An error for a failed ptrace or /proc access, with its likely reason and a hint. */
struct error *proc_explain(pid_t pid, int saved_errno);
/* What a ptrace_scope of Yama's, read from the file, means to who may not trace; NULL: it allows all. */
const char *proc_scope_advice(const char *file);

struct error *proc_registers_get(const struct proc *p, const struct proc_thread *t,
				 struct proc_registers *out) BASE_MUST_CHECK;
struct error *proc_registers_set(const struct proc *p, const struct proc_thread *t,
				 const struct proc_registers *r) BASE_MUST_CHECK;
/* The thread is inside a system call (and so in no restartable sequence). */
bool proc_registers_in_call(const struct proc_registers *r);
/* The thread's blocked signals, a kernel mask. */
struct error *proc_mask_get(const struct proc *p, const struct proc_thread *t,
			    uint64_t *out) BASE_MUST_CHECK;
struct error *proc_mask_set(const struct proc *p, const struct proc_thread *t,
			    uint64_t mask) BASE_MUST_CHECK;

/*
 * The program has put a seccomp filter on itself, and on every thread: a system call in its name may be its
 * end. The superuser can suspend filters; those of containers, put on by the superuser, let
 * what we need through or refuse it.
 */
bool proc_calls_may_kill(pid_t pid);

/* ---- remote calls (the process is stopped) --------------------------------------- */

/* Finds what remote calls need in the target's code ahead of the stop; else proc_remote_begin() does. */
struct proc_maps;
void proc_remote_look(struct proc *p, const struct proc_maps *m);
/* Prepares one thread; a scratch page is mapped. */
struct error *proc_remote_begin(struct proc *p) BASE_MUST_CHECK;
/* *result as the kernel returns it: -4095..-1 are errors. */
struct error *proc_remote_call(struct proc *p, long number, const uint64_t arguments[6],
			       int64_t *result) BASE_MUST_CHECK;
/* Unmaps the scratch page, puts the thread back exactly. */
struct error *proc_remote_end(struct proc *p) BASE_MUST_CHECK;
/* mmap in the target; an error if it fails or (NOREPLACE, FIXED) lands elsewhere. */
struct error *proc_remote_map(struct proc *p, uint64_t address, uint64_t size, int protection,
			      int flags, int fd, uint64_t offset, uint64_t *out) BASE_MUST_CHECK;
struct error *proc_remote_unmap(struct proc *p, uint64_t address, uint64_t size) BASE_MUST_CHECK;
/*
 * Duplicates the tool's descriptors into the target (at most 8); remote[] are its numbers, to
 * be closed.
 */
struct error *proc_remote_send(struct proc *p, const int *fds, uint32_t n,
			       int *remote) BASE_MUST_CHECK;
/*
 * The same for memfds, by a name in /proc where the target may open that: fewer calls. The descriptors have a
 * file position of their own.
 */
struct error *proc_remote_open(struct proc *p, const int *fds, uint32_t n, int *remote) BASE_MUST_CHECK;
struct error *proc_remote_close(struct proc *p, int remote_fd) BASE_MUST_CHECK;
/* caller_registers or caller_mask is another than at proc_remote_begin(). */
void proc_caller_changed(struct proc *p);
/* The scratch page's part for callers, PROC_SCRATCH bytes, while remote calls are made. */
#define PROC_SCRATCH 512u
uint64_t proc_remote_scratch(const struct proc *p);

/* ---- memory ------------------------------------------------------------------------- */

/* How many bytes could be read (a prefix). Works on running processes too. */
size_t proc_read(const struct proc *p, uint64_t address, void *to, size_t n);
/* Writes all, through read-only mappings too, or gives an error. */
struct error *proc_write(const struct proc *p, uint64_t address, const void *from,
			 size_t n) BASE_MUST_CHECK;

/* ---- /proc ------------------------------------------------------------------------------ */

struct proc_map {
	uint64_t start, end, offset; /* offset in the file */
	uint64_t device, inode; /* inode 0: no file */
	bool readable, writable, executable, shared;
	bool deleted; /* the file has no name any more */
	const char *path; /* as the target sees it, "[heap]", or "" */
};
struct proc_maps {
	struct proc_map *p; /* ascending */
	uint32_t n;
	const char *text; /* as read; equal texts mean equal maps */
};
struct error *proc_maps_read(struct arena *a, pid_t pid, struct proc_maps *out) BASE_MUST_CHECK;
/* Parses the text of a maps file; bad lines are left out. */
void proc_maps_parse(struct arena *a, const char *text, struct proc_maps *out);
const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t address);
/* Value of an entry of the auxiliary vector; 0 if absent. */
uint64_t proc_auxiliary(pid_t pid, uint64_t type);
/* Where the heap grows from; 0 unknown. */
uint64_t proc_heap_start(pid_t pid);
/* When the process began, in clock ticks since boot; 0 unknown. */
uint64_t proc_start_ticks(pid_t pid);
/* What the process itself takes for its number: that in the innermost pid namespace; 0 unknown. */
pid_t proc_pid_inside(pid_t pid);
/* Whether the processor checks the thread's return addresses against copies of its own (Documentation/arch/x86/shstk.rst). */
bool proc_has_shadow_stack(pid_t tid);
/* A number from /proc/PID/status ("TracerPid"); fallback if absent. */
int64_t proc_status_number(pid_t pid, const char *name, int64_t fallback);
/* A mask of signals from there ("SigPnd", of a thread by its number); 0 if absent. */
uint64_t proc_status_mask(pid_t pid, const char *name);
/* The threads' numbers. */
struct error *proc_threads_list(struct arena *a, pid_t pid, pid_t **out,
				uint32_t *n) BASE_MUST_CHECK;

#endif
