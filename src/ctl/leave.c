/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving a process as it was found.
 *
 *	window 1	original bytes back, semaphores down: nobody enters any more
 *	each window	program counters at known places of trampolines go back
 *			to the program, those saved in signal frames as well; calls
 *			that trampolines have made will return to it, if they last
 *	between		no thread is inside: is a coroutine?
 *	last window	nobody is inside: hooks of unwinders out, dispositions restored,
 *			memory unmapped
 *
 * Between windows the threads run, so that those inside a handler come out
 * of it by themselves.  If one does not (it sleeps in a signal handler that
 * interrupted our code, say), the memory stays and a warning is given.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

#define ROUNDS 200 /* windows until we give up */
#define NAP_FIRST 200000 /* ns between windows, growing */
#define NAP_MOST 20000000
#define NAP_WAITING 200000000l /* between searches of all memory */
#define PATIENCE 4000000000ll /* ns for calls on stacks without a thread */
#define OWN_PACE 200000000ll /* ns for calls of threads to return by themselves */
#define BUSY_ROUNDS                                                                                \
	50 /* a busy slot is believed this long: its thread may have left it by a jump */
#define WORDS_OF_LOOKING 32u /* of the stack of whoever looks through tables */
#define TRACER_PATIENCE 2000000000ll /* ns to wait for another tracer to go */
#define CHILD_PASSES 4

/* ---- who is inside ------------------------------------------------------------------------ */

struct look {
	struct ctl_process *p;
	uint32_t inside; /* threads that stand in our memory */
	uint32_t busy; /* slots marked so */
	pid_t who; /* one of the threads */
	struct arena *arena;
	struct ctl_under_way calls;
};

/* In the region is only the stack that handlers run on. */
static bool is_in_region(const struct ctl_process *p, uint64_t address)
{
	return address >= p->place.process && address < p->place.region + p->session->region_size;
}

/* Saved program counters of ours are sent back or counted. */
static void look_at_frame(void *user, const struct ctl_frame *f)
{
	struct look *l = user;
	uint64_t to;

	if (ctl_frame_is_on_the_way(l->p, f)) {
		l->inside++;
		return;
	}
	to = ctl_pc_disarmed(l->p, f->pc);
	if (to == f->pc)
		l->inside += ctl_target_owns(l->p, f->pc);
	else if (proc_write(l->p->proc, f->pc_at, &to, sizeof to))
		l->inside++;
}

/* A thread in another session's code may be looking through our tables: a register, or what it has put on its stack, tells. */
static bool points_at_us(const struct ctl_process *p, const struct proc_registers *r)
{
	uint64_t words[sizeof r->user / sizeof(uint64_t) + WORDS_OF_LOOKING];
	uint64_t n = sizeof r->user / sizeof *words;

	memcpy(words, &r->user, sizeof r->user);
	n += proc_read(p->proc, r->user.rsp, words + n, WORDS_OF_LOOKING * sizeof *words) / sizeof *words;
	for (uint64_t i = 0; i < n; i++)
		if (ctl_target_owns(p, words[i]) || is_in_region(p, words[i]))
			return true;
	return false;
}

static void look_at_threads(struct look *l)
{
	vec_each(t, &l->p->proc->threads) {
		uint32_t before = l->inside + l->busy;
		struct proc_registers r;
		bool is_elsewhere;

		if (!t->held || proc_registers_get(l->p->proc, t, &r))
			continue;
		is_elsewhere = ctl_hooks_by_keeper(l->p) && ctl_peers_is_in_keeper(l->p, r.user.rip);
		l->busy += is_elsewhere;
		l->inside += is_elsewhere && points_at_us(l->p, &r);
		if (ctl_target_owns(l->p, r.user.rip) || is_in_region(l->p, r.user.rsp) ||
		    ctl_pc_is_on_the_way(l->p, t->tid, r.user.rip) || ctl_watches_signal_pending(l->p, t->tid))
			l->inside++;
		else
			ctl_frames_each(l->p, r.user.rsp, look_at_frame, l);
		l->inside += ctl_under_way_thread(&l->calls, &r);
		if (l->inside + l->busy > before)
			l->who = t->tid;
	}
}

static bool is_held(const struct ctl_process *p, uint32_t tid)
{
	vec_each(t, &p->proc->threads)
		if ((uint32_t)t->tid == tid && t->held)
			return true;
	return false;
}

static void look_at_slots(struct look *l)
{
	const struct ctl_session *s = l->p->session;
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 1; i < n; i++) {
		const struct abi_slot *slot = ctl_slot(s, i);

		if (!slot->busy || slot->pid != (uint32_t)l->p->proc->pid || !is_held(l->p, slot->tid))
			continue;
		l->busy++;
		l->who = (pid_t)slot->tid;
	}
}

/* ---- windows -------------------------------------------------------------------------------- */

/* Another tracer may be there for a moment. */
static struct error *stop_patiently(struct ctl_process *p)
{
	int64_t end = ctl_now() + TRACER_PATIENCE;

	for (;;) {
		struct error *e = proc_stop(p->proc);

		if (!e || e->code != ERROR_PERMISSION || ctl_now() > end)
			return e;
		nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	}
}

/* One leaving, from the first window to the last. */
struct leaving {
	struct ctl_process *p;
	uint32_t round;
	int64_t begun, stood; /* ns; how long the process stood still */
	bool lets; /* calls under way are given back to the program ... */
	uint64_t ret; /* ... by this; 0: they are waited for */
	bool searched; /* no call waits on a stack without a thread */
	uint32_t waiting; /* such calls, at the last search */
	pid_t who; /* was inside at the last window */
};

enum outcome { STAYS, SEEMS_EMPTY, IS_OUT };

static struct error *disarm(struct ctl_process *p)
{
	struct error *e;

	ctl_watches_disarm(p);
	e = ctl_chain_unlink(p, false);
	ctl_disarm_bytes(p, true);
	return e;
}

/* In the window. */
static enum outcome try_to_leave(struct leaving *g, struct look *l)
{
	struct ctl_process *p = g->p;
	struct error *e = ctl_maps_refresh(p);

	if (ctl_has_execed(p)) {
		p->placed = false;
		return IS_OUT;
	}
	if (!e && g->round == 0)
		e = disarm(p);
	if (!e && p->session->region_is_copy)
		e = ctl_region_copy(p);
	if (!e)
		e = ctl_pcs_move(p, ctl_pc_disarmed);
	if (!e) {
		ctl_under_way_begin(p, l->arena, &l->calls);
		l->calls.ret = g->ret;
		l->calls.lets = g->lets;
		look_at_threads(l);
		look_at_slots(l);
	}
	if (e || l->inside || (l->busy && g->round < BUSY_ROUNDS))
		return STAYS;
	if (!g->searched && p->unwinds.n)
		return SEEMS_EMPTY;
	e = ctl_chain_unlink(p, true);
	if (e)
		return STAYS;
	ctl_take_out(p);
	return IS_OUT;
}

/* A window of its own. */
static struct error *go_round(struct leaving *g, struct look *l, enum outcome *outcome)
{
	struct ctl_process *p = g->p;
	struct error *e, *last;
	int64_t begin;

	ctl_window_open();
	ctl_process_lock(p); /* or not: there is no other way than out */
	begin = ctl_now();
	e = stop_patiently(p);
	if (!e) {
		*outcome = try_to_leave(g, l);
		g->who = l->who;
		g->stood += ctl_now() - begin;
		last = proc_release(p->proc);
		e = *outcome == IS_OUT ? NULL : last;
	}
	ctl_process_unlock(p);
	ctl_window_close();
	return e;
}

/* No thread is in a call of ours. The process runs: nothing new can begin. */
static void search(struct leaving *g, const struct look *l)
{
	g->waiting = ctl_under_way_anywhere(&l->calls);
	g->searched = !g->waiting;
}

static struct error *not_out(const struct leaving *g)
{
	int pid = (int)g->p->proc->pid;
	struct error *e;

	if (!g->waiting)
		return error_hint(error_new(ERROR_OTHER, "thread %d of process %d stays in a probe", (int)g->who, pid),
				  "the code is as before, but our memory stays mapped; when it has come out, "
				  "'spile --cleanup %d' takes it out",
				  pid);
	e = error_new(ERROR_OTHER, "%u calls under way in process %d will return into probes", g->waiting,
		      pid);
	return error_hint(e, "our memory stays mapped for them; when they have returned, 'spile --cleanup %d' "
			     "takes it out", pid);
}

/* Few have to: it takes a look into the loader's file. */
static void let_return(struct leaving *g)
{
	if (g->lets || !g->p->unwinds.n || ctl_now() - g->begun <= OWN_PACE)
		return;
	g->lets = true;
	g->ret = ctl_let_return_find(g->p);
}

static struct error *leave_in_rounds(struct ctl_process *p)
{
	struct leaving g = { .p = p, .begun = ctl_now() };
	long nap = NAP_FIRST;

	for (; g.round < ROUNDS && (!g.waiting || ctl_now() - g.begun < PATIENCE); g.round++) {
		struct look l = { .p = p, .arena = arena_create() };
		enum outcome outcome = STAYS;
		struct error *e;

		let_return(&g);
		e = go_round(&g, &l, &outcome);

		if (!e && outcome == SEEMS_EMPTY)
			search(&g, &l);
		arena_destroy(l.arena);
		if (!e && outcome == IS_OUT)
			ctl_verbose(p->session, 1, "process %d: left in %u window%s, %.2f ms",
				    (int)p->proc->pid, g.round + 1, g.round ? "s" : "",
				    (double)g.stood / 1e6);
		if (e || outcome == IS_OUT)
			return e;
		if (outcome == SEEMS_EMPTY && g.searched)
			continue;
		nanosleep(&(struct timespec){ 0, nap }, NULL);
		nap = base_min(nap * 2, g.waiting ? NAP_WAITING : (long)NAP_MOST);
	}
	return not_out(&g);
}

struct error *ctl_leave(struct ctl_process *p)
{
	struct error *e;

	if (!p->placed || proc_has_ended(p->proc))
		return NULL;
	e = ctl_maps_refresh(p);
	if (!e)
		proc_remote_look(p->proc, &p->maps);
	e = leave_in_rounds(p);
	if (!e && !p->session->region_is_copy)
		ctl_cleanup_after(p);
	return e && e->code == ERROR_NO_PROCESS ? NULL : e;
}

/* ---- forked children ----------------------------------------------------------------------------
 */

/* Whether a process maps the code of p. */
static bool maps_code(pid_t pid, const struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct proc_maps maps = { 0 };
	struct stat st;
	bool found = false;

	if (!fstat(p->code_fd, &st) && !proc_maps_read(a, pid, &maps))
		for (uint32_t i = 0; i < maps.n && !found; i++)
			found = maps.p[i].inode == st.st_ino && maps.p[i].start == p->place.image;
	arena_destroy(a);
	return found;
}

/* The child's memory was a copy of its parent's: the same patches at the same addresses. Any other process is left alone. */
bool ctl_leave_child(const struct ctl_process *parent, pid_t pid)
{
	struct ctl_session *s = parent->session;
	struct ctl_process child = *parent;
	struct error *e;

	if (!maps_code(pid, parent))
		return false;
	e = proc_open(s->arena, pid, &child.proc);
	if (e)
		return true;
	child.patches.p = arena_dup(s->arena, parent->patches.p,
				    parent->patches.n * sizeof *parent->patches.p);
	vec_each(patch, &child.patches)
		patch->armed = true;
	child.semaphores.p = arena_dup(s->arena, parent->semaphores.p,
				       parent->semaphores.n * sizeof *parent->semaphores.p);
	vec_each(sem, &child.semaphores)
		sem->raised = true;
	child.mapped.p = arena_dup(s->arena, parent->inherited.p,
				   parent->inherited.n * sizeof *parent->inherited.p);
	child.mapped.n = parent->inherited.n;
	child.hooks = ctl_hooks_inherited(parent, s->arena);
	child.follow.armed = child.follow.address != 0;
	child.placed = true;
	child.was_toggling = ctl_ledger_is_toggling(&child);
	child.maps_arena = child.foreign_arena = NULL;
	memset(&child.foreign, 0, sizeof child.foreign);
	child.lock_fd = 0;
	e = ctl_leave(&child);
	if (e)
		ctl_warn(s, "%s", error_text(e));
	s->left_behind |= e != NULL;
	if (child.maps_arena)
		arena_destroy(child.maps_arena);
	if (child.foreign_arena)
		arena_destroy(child.foreign_arena);
	if (child.lock_fd > 0)
		close(child.lock_fd);
	proc_close(child.proc);
	return true;
}

static bool is_ours(const struct ctl_session *s, pid_t pid)
{
	vec_each(p, &s->processes)
		if ((*p)->proc->pid == pid)
			return true;
	return pid == getpid();
}

/* Leaves the children there are now; how many. */
static uint32_t leave_some(struct ctl_session *s)
{
	const struct dirent *d;
	DIR *dir = opendir("/proc");
	uint32_t n = 0;

	while (dir && (d = readdir(dir))) {
		pid_t pid = (pid_t)atoi(d->d_name);

		if (!isdigit((unsigned char)d->d_name[0]) || is_ours(s, pid) ||
		    proc_start_ticks(pid) < s->start_ticks)
			continue;
		vec_each(p, &s->processes)
			n += (*p)->code_fd >= 0 && ctl_leave_child(*p, pid);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* A child may fork while we look; one whose memory could not be unmapped is found again and again.
 */
void ctl_leave_children(struct ctl_session *s)
{
	for (uint32_t i = 0; i < CHILD_PASSES && leave_some(s); i++)
		;
}
