/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The family of a session: its processes, from their birth to their death.
 *
 *	born      a forked child claims an entry of the region's members and runs its handlers itself; the
 *	          tool comes to know it in its next round
 *	exec      the thread asks (ABI_EXEC_ASKED) and waits; the tool traces it, grants, and finds the new
 *	          program before its first instruction: ends of the old one, begins of the new one, attached, let go
 *	dead      its pidfd says so: what it did not tell itself is told for it, its locks and slots are
 *	          taken back, its entry is free again
 *
 * Three lists go by the number of the entry: the region's members (shared with the processes), the tool's own
 * `kin`, and slots' `borrowed`.  A struct ctl_process stands for code in memory: one for each process that the
 * tool has attached to.  Forked children run their parent's code and keep its ctl_process alive (`users`) also when
 * that has ended or become another program.
 */
#include "ctl/family.h"
#include "ctl/records.h"

#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_MOST 256 /* bytes of a script's first line */
#define EVENTS 64
#define GATHER_PASSES 8u
#define IDLE_TIME 2000000000ll /* ns that code without users is kept: a child may be on its way */

/* What the tool knows of a member. */
struct kin {
	struct proc *proc; /* NULL: the entry is free, or its process not met yet */
	struct ctl_process *image; /* whose code it runs; NULL: unknown */
	struct ctl_process *own; /* attached to by the tool; NULL: it runs an inherited copy */
	struct arena *arena; /* of proc, if that is not own's */
	pid_t caught; /* thread that is traced until its exec; 0 */
	bool traced; /* at some time: it may be waiting for us when it is dead */
	bool target_tree; /* a bare `process` is meant for it */
};

struct ctl_family {
	struct kin kin[ABI_MEMBERS];
	int epoll;
	uint32_t events_seen;
	uint32_t n_caught;
	uint32_t images; /* numbers given so far */
	VEC(struct ctl_process *) retired; /* have ended or become other programs, with users left */
	uint32_t refused; /* running processes that could not be attached to */
};

static struct ctl_family *family_of(struct ctl_session *s)
{
	if (s->family)
		return s->family;
	s->family = arena_new(s->arena, struct ctl_family);
	s->family->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s->family;
}

static struct abi_member *member_of(const struct ctl_session *s, uint32_t number)
{
	return (struct abi_member *)((char *)s->region + s->region->members_offset) + number;
}

static void wake_member(struct abi_member *m)
{
	syscall(SYS_futex, &m->exec_state, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* ---- code and its users ------------------------------------------------------------- */

static void use(struct kin *k, struct ctl_process *image)
{
	k->image = image;
	if (image)
		image->users++;
}

static void retire(struct ctl_session *s, struct ctl_process *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->processes.n; i++)
		if (s->processes.p[i] != p)
			s->processes.p[kept++] = s->processes.p[i];
	s->processes.n = kept;
	p->idle_since = ctl_now();
	vec_push(s->arena, &s->family->retired, p);
}

static void drop(struct kin *k)
{
	if (k->image && --k->image->users == 0)
		k->image->idle_since = ctl_now();
	k->image = NULL;
}

/* A child that has not told of itself yet may still need it. */
static void free_retired(struct ctl_session *s, bool all)
{
	struct ctl_family *f = s->family;
	int64_t now = ctl_now();
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->retired.n; i++) {
		struct ctl_process *p = f->retired.p[i];

		if (!all && (p->users || now - p->idle_since < IDLE_TIME))
			f->retired.p[kept++] = p;
		else
			ctl_process_destroy(p);
	}
	f->retired.n = kept;
}

static struct ctl_process *image_by_number(const struct ctl_session *s, uint32_t number)
{
	vec_each(p, &s->processes)
		if ((*p)->image_number == number)
			return *p;
	vec_each(p, &s->family->retired)
		if ((*p)->image_number == number)
			return *p;
	return NULL;
}

/* ---- handlers in its place -------------------------------------------------------------- */

static struct ctl_subject subject_of(const struct ctl_session *s, uint32_t number)
{
	const struct kin *k = &s->family->kin[number];
	const struct abi_member *m = member_of(s, number);
	struct ctl_subject subject = { .member = number, .pid = (pid_t)m->pid, .tid = (pid_t)m->pid };

	if (k->image)
		subject.program = k->image->program;
	return subject;
}

static void run_threads(struct ctl_session *s, struct ctl_subject subject)
{
	struct arena *a = arena_create();
	pid_t *tids;
	uint32_t n = 0;

	if (proc_threads_list(a, subject.pid, &tids, &n))
		n = 0;
	for (uint32_t i = 0; i < n; i++) {
		subject.tid = tids[i];
		ctl_tool_run_life(s, &subject, ABI_LIFE_THREAD_BEGIN);
	}
	arena_destroy(a);
}

static void tell_begin(struct ctl_session *s, uint32_t number)
{
	struct ctl_subject subject = subject_of(s, number);
	struct abi_member *m = member_of(s, number);

	m->begun = 1;
	ctl_tool_run_life(s, &subject, ABI_LIFE_PROCESS_BEGIN);
	m->main_begun = 1;
	run_threads(s, subject);
}

static bool is_slot_of(const struct abi_slot *slot, uint32_t pid)
{
	return slot->key && slot->pid == pid && !slot->borrowed && !slot->in_tool;
}

/* What it has not told itself: it was killed, or became another program. */
static void tell_end(struct ctl_session *s, uint32_t number)
{
	struct ctl_subject subject = subject_of(s, number);
	struct abi_member *m = member_of(s, number);
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 1; i < n; i++) {
		struct abi_slot *slot = ctl_slot(s, i);

		if (!is_slot_of(slot, m->pid) || !slot->thread_begun)
			continue;
		slot->thread_begun = 0;
		subject.tid = (pid_t)slot->tid;
		ctl_tool_run_life(s, &subject, ABI_LIFE_THREAD_END);
	}
	subject.tid = subject.pid;
	if (__atomic_exchange_n(&m->main_begun, 0, __ATOMIC_SEQ_CST))
		ctl_tool_run_life(s, &subject, ABI_LIFE_THREAD_END);
	if (m->begun && !__atomic_exchange_n(&m->ended, 1, __ATOMIC_SEQ_CST))
		ctl_tool_run_life(s, &subject, ABI_LIFE_PROCESS_END);
}

/* Nobody of the process, or of the program that it was, comes back to its slots. */
static void take_slots(struct ctl_session *s, uint32_t pid)
{
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 1; i < n; i++)
		if (is_slot_of(ctl_slot(s, i), pid))
			ctl_slot_give(s, i);
}

/* ---- joining ------------------------------------------------------------------------------ */

static void watch_end(struct ctl_session *s, uint32_t number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };

	epoll_ctl(s->family->epoll, EPOLL_CTL_ADD, s->family->kin[number].proc->pidfd, &event);
}

static void unwatch_end(struct ctl_session *s, uint32_t number)
{
	epoll_ctl(s->family->epoll, EPOLL_CTL_DEL, s->family->kin[number].proc->pidfd, NULL);
}

static void read_name(struct abi_member *m)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%u/comm", m->pid);
	f = fopen(path, "re");
	memset(m->name, 0, sizeof m->name);
	if (f && fgets(m->name, sizeof m->name, f))
		m->name[strcspn(m->name, "\n")] = 0;
	if (f)
		fclose(f);
}

/* ABI_MEMBERS: there are too many. */
static uint32_t claim(struct ctl_session *s)
{
	struct abi_region *r = s->region;

	for (uint32_t i = 0; i < r->member_count; i++) {
		uint32_t free = ABI_MEMBER_FREE;

		if (!__atomic_compare_exchange_n(&member_of(s, i)->state, &free, ABI_MEMBER_CLAIMED, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			continue;
		if (r->member_high < i + 1)
			__atomic_store_n(&r->member_high, i + 1, __ATOMIC_SEQ_CST);
		return i;
	}
	__atomic_add_fetch(&r->members_missed, 1, __ATOMIC_RELAXED);
	return ABI_MEMBERS;
}

/* The process's code is its own from now on. */
static void adopt(struct ctl_process *p, uint32_t number)
{
	struct ctl_session *s = p->session;
	struct kin *k = &s->family->kin[number];

	p->member = number + 1;
	p->program = ctl_program_of(p->proc->pid);
	k->proc = p->proc;
	k->own = p;
	k->traced = true;
	use(k, p);
	if (s->target == p || p->is_target)
		k->target_tree = true;
}

static void fill(struct abi_member *m, pid_t pid)
{
	m->pid = (uint32_t)pid;
	m->ppid = (uint32_t)proc_status_number(pid, "PPid", 0);
	m->begun = m->ended = m->main_begun = m->shares_memory = m->exec_state = m->parent = m->changes = 0;
	read_name(m);
}

static void grant_when_idle(void *user);

void ctl_family_join(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	struct ctl_family *f = family_of(s);
	uint32_t number = ctl_life_wanted(s) ? claim(s) : ABI_MEMBERS;
	struct abi_member *m;

	p->image_number = ++f->images;
	if (number == ABI_MEMBERS)
		return;
	m = member_of(s, number);
	fill(m, p->proc->pid);
	m->image = p->image_number;
	adopt(p, number);
	p->proc->idle = grant_when_idle;
	p->proc->idle_user = s;
	watch_end(s, number);
	__atomic_store_n(&m->state, ABI_MEMBER_LIVE, __ATOMIC_SEQ_CST);
	tell_begin(s, number);
}

/* ---- deaths --------------------------------------------------------------------------------- */

static void let_go(struct ctl_session *s, struct kin *k)
{
	if (!k->caught)
		return;
	proc_catch_undo(k->proc, k->caught);
	k->caught = 0;
	s->family->n_caught--;
}

static void warn_privileged(struct ctl_session *s, const struct abi_member *m)
{
	ctl_warn(s, "process %u runs a program with another user's rights: it is left alone", m->pid);
}

static void bury(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);

	let_go(s, k);
	if (m->exec_state == ABI_EXEC_PRIVILEGED)
		warn_privileged(s, m); /* it has ended before we came to it */
	tell_end(s, number);
	take_slots(s, m->pid);
	if (k->proc) {
		unwatch_end(s, number);
		if (k->traced)
			proc_see_off(k->proc);
	}
	if (k->own) {
		proc_has_ended(k->own->proc); /* the status of our own child */
		k->own->member = 0;
		if (k->own != s->target)
			retire(s, k->own);
	}
	drop(k);
	if (k->arena) {
		proc_close(k->proc);
		arena_destroy(k->arena);
	}
	*k = (struct kin){ 0 };
	__atomic_store_n(&m->state, ABI_MEMBER_FREE, __ATOMIC_SEQ_CST);
}

/* ---- children that tell of themselves ------------------------------------------------------ */

/* It loads libraries, or is armed and disarmed: it needs a struct of its own. */
static void go_own_way(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);
	struct ctl_process *p;
	struct error *e;

	m->changes = 0;
	if (s->leaves || !k->image || k->own || m->shares_memory || k->caught || proc_calls_may_kill(k->proc->pid))
		return;
	p = ctl_process_create(s, k->proc);
	p->image_number = ++s->family->images;
	e = proc_reopen(k->proc);
	if (!e)
		e = ctl_process_inherit(p, k->image);
	if (e) {
		if (e->code != ERROR_NO_PROCESS && !proc_has_ended(k->proc))
			ctl_warn(s, "forked process %d: %s", (int)k->proc->pid, error_text(e));
		p->proc = NULL;
		retire(s, p);
		return;
	}
	p->proc_arena = k->arena;
	k->arena = NULL;
	p->proc->idle = grant_when_idle;
	p->proc->idle_user = s;
	drop(k);
	m->image = p->image_number;
	adopt(p, number);
}

/* In a pid namespace of its own a child tells a number that is another's here: of whoever was there before us, or nobody's. */
static bool is_another(struct ctl_session *s, const struct ctl_process *parent, pid_t pid)
{
	bool another = parent && parent->proc && parent->own_number && parent->own_number != (uint32_t)parent->proc->pid;

	another |= proc_start_ticks(pid) < s->start_ticks && proc_status_number(pid, "Tgid", 0);
	s->other_numbers |= another;
	return another;
}

static void meet(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);
	uint32_t asked = ABI_EXEC_ASKED;
	bool another;

	use(k, image_by_number(s, m->image));
	another = is_another(s, k->image, (pid_t)m->pid);
	k->target_tree = k->image && k->image->is_target;
	k->arena = arena_create();
	k->proc = another ? NULL : proc_meet(k->arena, (pid_t)m->pid);
	if (k->proc) {
		watch_end(s, number);
		if (s->holds)
			go_own_way(s, number);
		return;
	}
	if (another)
		ctl_warn(s, "a process that a pid namespace of its own knows by the number %u is not followed", m->pid);
	else if (errno != ESRCH)
		ctl_warn(s, "process %u is not followed: %s", m->pid, strerror(errno));
	arena_destroy(k->arena);
	k->arena = NULL;
	/* Nobody comes for its exec. */
	__atomic_compare_exchange_n(&m->exec_state, &asked, ABI_EXEC_NONE, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
	wake_member(m);
	bury(s, number);
}

/* ---- execs ------------------------------------------------------------------------------------- */

/* "#!/usr/bin/env python3": the interpreter's path, or NULL. */
static const char *interpreter_of(FILE *f, char line[HEAD_MOST])
{
	char *start, *end;

	if (!fgets(line, HEAD_MOST, f) || line[0] != '#' || line[1] != '!')
		return NULL;
	start = line + 2 + strspn(line + 2, " \t");
	end = start + strcspn(start, " \t\n");
	*end = 0;
	return *start ? start : NULL;
}

/*
 * A script's own rights do not count, its interpreter's do: whether that is another user's program that
 * would run with its rights. A traced process would not get them.
 */
static bool has_privileged_interpreter(const struct kin *k, const struct abi_member *m)
{
	char text[1024] = { 0 }, path[1200], line[HEAD_MOST];
	size_t n = proc_read(k->proc, m->exec_path, text, sizeof text - 1);
	const char *interpreter;
	struct stat st;
	FILE *f;

	if (!n || !text[0])
		return false;
	if (text[0] == '/')
		snprintf(path, sizeof path, "/proc/%u/root%s", m->pid, text);
	else if (m->exec_folder < 0)
		snprintf(path, sizeof path, "/proc/%u/cwd/%s", m->pid, text);
	else
		snprintf(path, sizeof path, "/proc/%u/fd/%d/%s", m->pid, m->exec_folder, text);
	f = fopen(path, "re");
	interpreter = f ? interpreter_of(f, line) : NULL;
	if (interpreter)
		snprintf(path, sizeof path, "/proc/%u/root%s", m->pid, interpreter);
	if (f)
		fclose(f);
	return interpreter && stat(path, &st) == 0 &&
	       ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
		(st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid()));
}

static bool has_memory(struct kin *k)
{
	return k->proc->memory >= 0 || !proc_reopen(k->proc);
}

static void grant(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);
	struct error *e = NULL;

	if (!s->leaves && !k->caught && has_memory(k)) {
		bool left_alone = has_privileged_interpreter(k, m);

		if (left_alone)
			warn_privileged(s, m);
		else
			e = proc_catch((pid_t)m->exec_tid);
		k->traced = true;
		if (e && e->code != ERROR_NO_PROCESS)
			ctl_warn(s, "process %u is not followed into the program that it runs now: %s", m->pid,
				 error_text(e));
		k->caught = e || left_alone ? 0 : (pid_t)m->exec_tid;
		s->family->n_caught += k->caught != 0;
	}
	__atomic_store_n(&m->exec_state, ABI_EXEC_GRANTED, __ATOMIC_SEQ_CST);
	wake_member(m);
}

static void serve_exec(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);
	uint32_t failed = ABI_EXEC_FAILED, privileged = ABI_EXEC_PRIVILEGED;

	switch (__atomic_load_n(&m->exec_state, __ATOMIC_ACQUIRE)) {
	case ABI_EXEC_ASKED:
		grant(s, number);
		break;
	case ABI_EXEC_FAILED:
		let_go(s, k);
		__atomic_compare_exchange_n(&m->exec_state, &failed, ABI_EXEC_NONE, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
		break;
	case ABI_EXEC_PRIVILEGED:
		warn_privileged(s, m);
		__atomic_compare_exchange_n(&m->exec_state, &privileged, ABI_EXEC_NONE, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
		break;
	default:
		break;
	}
}

/* The member is another program now: what it was ends. */
static void change(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	struct abi_member *m = member_of(s, number);
	struct ctl_process *old = k->own;

	tell_end(s, number);
	take_slots(s, m->pid);
	drop(k);
	k->own = NULL;
	if (old)
		retire(s, old);
	fill(m, (pid_t)m->pid);
}

/* Another struct for the new code: forked children may run the old. */
static struct ctl_process *succeed(struct ctl_session *s, uint32_t number, struct ctl_process *old)
{
	struct kin *k = &s->family->kin[number];
	struct ctl_process *p = ctl_process_create(s, k->proc);

	p->is_target = k->target_tree;
	p->fresh = true;
	p->image_number = ++s->family->images;
	member_of(s, number)->image = p->image_number;
	if (old) {
		p->launched = old->launched;
		p->named = old->named;
		p->proc_arena = old->proc_arena;
		old->proc = NULL;
		old->proc_arena = NULL;
		if (s->target == old)
			s->target = p;
	} else {
		p->proc_arena = k->arena;
		k->arena = NULL;
	}
	p->proc->idle = grant_when_idle;
	p->proc->idle_user = s;
	adopt(p, number);
	return p;
}

static uint32_t high_of(const struct ctl_session *s)
{
	return base_min(__atomic_load_n(&s->region->member_high, __ATOMIC_ACQUIRE), ABI_MEMBERS);
}

static bool is_live(const struct ctl_session *s, uint32_t number)
{
	return __atomic_load_n(&member_of(s, number)->state, __ATOMIC_ACQUIRE) == ABI_MEMBER_LIVE;
}

static void attach(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	struct error *e = proc_reopen(p->proc), *last;

	tell_begin(s, p->member - 1);
	if (!e)
		e = ctl_attach(p);
	last = proc_release(p->proc);
	e = e ? e : last;
	if (e && (ctl_is_of_limits(e) ||
		  (e->code != ERROR_NO_PROCESS && !ctl_is_between(p) && !proc_has_ended(p->proc))))
		ctl_warn(s, "process %d: %s", (int)p->proc->pid, error_text(e));
}

static void become(struct ctl_session *s, uint32_t number)
{
	struct ctl_process *old = s->family->kin[number].own;

	change(s, number);
	ctl_verbose(s, 1, "process %u runs another program", member_of(s, number)->pid);
	attach(succeed(s, number, old));
}

static void serve_caught(struct ctl_session *s, uint32_t number)
{
	struct kin *k = &s->family->kin[number];
	enum proc_catch_state state = proc_caught(k->proc, k->caught);

	if (state == PROC_CATCH_WAITING)
		return;
	k->caught = 0;
	s->family->n_caught--;
	if (state == PROC_CATCH_EXEC)
		become(s, number);
}

void ctl_family_changed(struct ctl_process *p)
{
	if (p->member)
		become(p->session, p->member - 1);
}

/* ---- processes that are there already ------------------------------------------------------------- */

static bool is_ours(const struct ctl_session *s, pid_t pid)
{
	for (uint32_t i = 0; i < high_of(s); i++)
		if (is_live(s, i) && member_of(s, i)->pid == (uint32_t)pid)
			return true;
	return false;
}

/* A child that has our code but has not told of itself yet. */
static bool has_code(struct arena *a, pid_t pid)
{
	struct proc_maps maps;
	char name[64];

	snprintf(name, sizeof name, CTL_CODE_NAME "%d", (int)getpid());
	if (proc_maps_read(a, pid, &maps))
		return true; /* it is gone, or none of ours to look at */
	for (uint32_t i = 0; i < maps.n; i++)
		if (strncmp(maps.p[i].path, name, strlen(name)) == 0)
			return true;
	return false;
}

bool ctl_family_join_running(struct ctl_session *s, pid_t pid)
{
	struct arena *a = arena_create();
	struct ctl_process *p;
	struct proc *proc;
	struct error *e = proc_open(a, pid, &proc);

	family_of(s);
	if (e) {
		arena_destroy(a);
	} else {
		p = ctl_process_create(s, proc);
		p->proc_arena = a;
		p->is_target = true;
		ctl_family_join(p);
		e = ctl_attach(p);
		if (!e)
			ctl_records_join(s, pid);
	}
	if (e && e->code != ERROR_NO_PROCESS)
		ctl_verbose(s, 1, "process %d is left alone: %s", (int)pid, error_text(e));
	s->family->refused += e && e->code != ERROR_NO_PROCESS;
	return !e;
}

bool ctl_family_has(struct ctl_session *s, pid_t pid)
{
	struct arena *a = arena_create();
	bool has = is_ours(s, pid) || has_code(a, pid);

	arena_destroy(a);
	return has;
}

/* Children of members; how many joined. */
static uint32_t gather_some(struct ctl_session *s)
{
	struct arena *a = arena_create();
	const struct dirent *d;
	DIR *dir = opendir("/proc");
	uint32_t n = 0;

	while (dir && (d = readdir(dir))) {
		pid_t pid = (pid_t)atoi(d->d_name);

		if (pid > 0 && pid != getpid() && !is_ours(s, pid) &&
		    is_ours(s, (pid_t)proc_status_number(pid, "PPid", 0)) && !has_code(a, pid))
			n += ctl_family_join_running(s, pid);
	}
	if (dir)
		closedir(dir);
	arena_destroy(a);
	return n;
}

static void tell_refused(struct ctl_session *s)
{
	if (s->family->refused)
		ctl_warn(s, "%u running process%s cannot be probed; -v tells why", s->family->refused,
			 s->family->refused == 1 ? "" : "es");
	s->family->refused = 0;
}

void ctl_family_gather(struct ctl_session *s)
{
	if (!s->family || s->options->no_follow || (s->target && s->target->launched))
		return;
	for (uint32_t i = 0; i < GATHER_PASSES && gather_some(s); i++)
		;
	tell_refused(s);
}

/* ---- rounds ------------------------------------------------------------------------------------ */

static void look(struct ctl_session *s)
{
	uint32_t now = __atomic_load_n(&s->region->family_events, __ATOMIC_SEQ_CST);

	if (now == s->family->events_seen)
		return;
	s->family->events_seen = now;
	for (uint32_t i = 0; i < high_of(s); i++) {
		if (!is_live(s, i))
			continue;
		if (!s->family->kin[i].proc)
			meet(s, i);
		if (s->family->kin[i].proc && __atomic_load_n(&member_of(s, i)->changes, __ATOMIC_ACQUIRE))
			go_own_way(s, i);
		if (s->family->kin[i].proc)
			serve_exec(s, i);
	}
}

/* A window waits for a thread that cannot stop: it may be the parent of one that waits for us. */
static void grant_when_idle(void *user)
{
	struct ctl_session *s = user;

	for (uint32_t i = 0; i < high_of(s); i++)
		if (is_live(s, i) && s->family->kin[i].proc &&
		    __atomic_load_n(&member_of(s, i)->exec_state, __ATOMIC_ACQUIRE) == ABI_EXEC_ASKED)
			grant(s, i);
}

static void look_for_dead(struct ctl_session *s)
{
	struct epoll_event events[EVENTS];
	int n;

	do {
		n = epoll_wait(s->family->epoll, events, EVENTS, 0);
		for (int i = 0; i < n; i++)
			bury(s, events[i].data.u32);
	} while (n == EVENTS);
}

void ctl_family_serve(struct ctl_session *s)
{
	struct ctl_family *f = s->family;

	if (!f)
		return;
	look(s);
	for (uint32_t i = 0; f->n_caught && i < high_of(s); i++)
		if (f->kin[i].caught)
			serve_caught(s, i);
	look_for_dead(s);
	if (f->retired.n)
		free_retired(s, false);
}

bool ctl_family_is_catching(const struct ctl_process *p)
{
	return p->member && p->session->family->kin[p->member - 1].caught;
}

/* ---- the end of the session ----------------------------------------------------------------------- */

void ctl_family_let_go(struct ctl_session *s)
{
	s->leaves = true;
	if (s->family)
		tell_refused(s);
	for (uint32_t i = 0; s->family && i < high_of(s); i++) {
		wake_member(member_of(s, i));
		let_go(s, &s->family->kin[i]);
	}
}

void ctl_family_stop_watches(struct ctl_session *s)
{
	vec_each(p, &s->processes)
		ctl_watches_stop(*p);
	if (!s->family)
		return;
	vec_each(p, &s->family->retired)
		ctl_watches_stop(*p);
}

void ctl_family_leave(struct ctl_session *s)
{
	if (!s->family)
		return;
	look(s);
	for (uint32_t i = 0; i < high_of(s); i++) {
		struct kin *k = &s->family->kin[i];

		if (k->proc && !k->own && k->image && !member_of(s, i)->shares_memory && !proc_has_ended(k->proc))
			ctl_leave_child(k->image, k->proc->pid);
	}
}

void ctl_family_close(struct ctl_session *s)
{
	if (!s->family)
		return;
	for (uint32_t i = 0; i < ABI_MEMBERS; i++) {
		struct kin *k = &s->family->kin[i];

		if (!k->arena)
			continue;
		proc_close(k->proc);
		arena_destroy(k->arena);
	}
	free_retired(s, true);
	if (s->family->epoll >= 0)
		close(s->family->epoll);
	s->family = NULL;
}
