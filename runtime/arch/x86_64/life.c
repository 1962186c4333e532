/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of processes and threads, seen from inside: patched system calls come here.
 *
 *	fork      child:  claims an entry among the region's members, runs .begin and .thread.begin
 *	thread    child:  runs .thread.begin
 *	vfork     child:  the same as fork, but with its parent's memory, table and slot: it borrows the
 *	                  slot, and the parent identifies itself again when it comes back
 *	exec      before: asks the tool to take hold of the thread, and waits for it; the tool finds
 *	                  the new program before its first instruction
 *	          after:  it has failed: tells the tool to let go
 *	exit      before: runs .thread.end, and .end if the whole process ends
 *
 * Who dies without coming here is found by the tool (src/ctl/family.c), which then runs what is due.  Whoever
 * sets `ended` or clears `main_begun` first is the one to run the handlers.
 */
#include "runtime/arch/arch.h"
#include "runtime/arch/x86_64/entry.h"
#include "runtime/core/core.h"
#include "runtime/core/counter.h"
#include "runtime/core/wake.h"

#define CLONE_VFORK 0x4000u
#define SYS_CLONE 56u

#define FUTEX_WAIT 0
#define AT_CURRENT_FOLDER (-100)
#define AT_EMPTY_PATH 0x1000u
#define PRCTL_GET_NAME 16

#define WAIT_SLICE 20000000 /* ns */
#define WAITS 100u
#define WAITS_UNANSWERED 1u

static uint64_t own_key(void)
{
	return ~__builtin_ia32_rdfsbase64();
}

static uint32_t own_pid(void)
{
	return (uint32_t)rt_syscall(RT_SYS_GETPID, 0, 0, 0, 0, 0, 0);
}

static uint32_t own_tid(void)
{
	return (uint32_t)rt_syscall(RT_SYS_GETTID, 0, 0, 0, 0, 0, 0);
}

static struct abi_region *region_of(const struct abi_process *p)
{
	return (void *)p->region;
}

static struct abi_member *member_at(const struct abi_process *p, uint32_t number)
{
	struct abi_region *r = region_of(p);

	return (struct abi_member *)((char *)r + r->members_offset) + number;
}

static bool is_running(const struct abi_process *p)
{
	return __atomic_load_n(&region_of(p)->state, __ATOMIC_RELAXED) == ABI_STATE_RUNNING;
}

static void note_event(struct abi_region *r)
{
	__atomic_add_fetch(&r->family_events, 1, __ATOMIC_SEQ_CST);
}

/* ---- handlers -------------------------------------------------------------------- */

static bool has_handlers(const struct abi_process *p, uint32_t event)
{
	const struct abi_life *l = (const void *)p->lives;

	for (uint32_t i = 0; i < p->n_lives; i++)
		if (l[i].event == event)
			return true;
	return false;
}

static void run(const struct abi_process *p, uint32_t event, uint32_t pid)
{
	const struct abi_life *l = (const void *)p->lives;

	for (uint32_t i = 0; i < p->n_lives; i++)
		if (l[i].event == event && (!l[i].pid || l[i].pid == pid))
			rt_life_call(l[i].handler, l[i].site);
}

/* ---- members --------------------------------------------------------------------------- */

static void raise_high(struct abi_region *r, uint32_t high)
{
	uint32_t now = __atomic_load_n(&r->member_high, __ATOMIC_RELAXED);

	while (now < high && !__atomic_compare_exchange_n(&r->member_high, &now, high, false,
							   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

static void fill_member(const struct abi_process *p, struct abi_member *m, uint32_t pid, uint32_t parent,
			bool shares)
{
	m->pid = pid;
	m->ppid = (uint32_t)rt_syscall(RT_SYS_GETPPID, 0, 0, 0, 0, 0, 0);
	m->parent = parent;
	m->begun = m->ended = m->main_begun = 0;
	m->shares_memory = shares;
	m->image = p->image_number;
	m->exec_state = ABI_EXEC_NONE;
	m->changes = 0;
	rt_syscall(RT_SYS_PRCTL, PRCTL_GET_NAME, (long)m->name, 0, 0, 0, 0);
}

/* Its number + 1; 0: there are too many. */
static uint32_t claim_member(const struct abi_process *p, uint32_t pid, uint32_t parent, bool shares)
{
	struct abi_region *r = region_of(p);

	for (uint32_t i = 0; i < r->member_count; i++) {
		struct abi_member *m = member_at(p, i);
		uint32_t free = ABI_MEMBER_FREE;

		if (__atomic_load_n(&m->state, __ATOMIC_RELAXED) != ABI_MEMBER_FREE ||
		    !__atomic_compare_exchange_n(&m->state, &free, ABI_MEMBER_CLAIMED, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		fill_member(p, m, pid, parent, shares);
		raise_high(r, i + 1);
		__atomic_store_n(&m->state, ABI_MEMBER_LIVE, __ATOMIC_RELEASE);
		note_event(r);
		/* The tool looks now and then by itself. */
		if (i > r->member_count / 2)
			rt_wake_tool(r);
		return i + 1;
	}
	__atomic_add_fetch(&r->members_missed, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Whose life this thread leads: its process's, or that of a child of vfork. NULL: nobody's that is followed. */
static struct abi_member *own_member(const struct abi_process *p, const struct abi_slot *s)
{
	struct abi_member *m;

	if (s && s->borrowed)
		return s->borrowed <= region_of(p)->member_count ? member_at(p, s->borrowed - 1) : 0;
	if (!p->member || p->member_pid != own_pid())
		return 0;
	m = member_at(p, p->member - 1);
	/* The tool may have given it up. */
	return __atomic_load_n(&m->state, __ATOMIC_ACQUIRE) == ABI_MEMBER_LIVE ? m : 0;
}

static void begin(const struct abi_process *p, uint32_t number)
{
	struct abi_member *m = number ? member_at(p, number - 1) : 0;

	if (!m || !is_running(p))
		return;
	m->begun = 1;
	run(p, ABI_LIFE_PROCESS_BEGIN, m->pid);
	m->main_begun = 1;
	run(p, ABI_LIFE_THREAD_BEGIN, m->pid);
}

/* ---- children -------------------------------------------------------------------------- */

static void begin_forked(struct abi_process *p)
{
	uint32_t pid = own_pid(), parent = p->member;

	rt_counters_forked(p);
	p->member = 0;
	p->member_pid = pid;
	if (p->alone)
		return;
	p->member = claim_member(p, pid, parent, false);
	begin(p, p->member);
}

/* What the borrower does not find is not followed, but its hits are its own. */
static void begin_borrower(const struct abi_process *p)
{
	uint64_t key = own_key();
	struct abi_slot *s = p->alone ? rt_slot_find(key) : rt_slot_register(key);
	uint32_t pid = own_pid(), parent, number;

	if (!s)
		return;
	parent = s->borrowed ? s->borrowed : p->member;
	number = p->alone ? 0 : claim_member(p, pid, parent, true);
	s->borrowed = number ? number : UINT32_MAX;
	rt_slot_identify(s, key);
	begin(p, number);
}

static void begin_thread(const struct abi_process *p)
{
	struct abi_slot *s;

	if (!is_running(p) || !p->member || p->member_pid != own_pid() ||
	    (!has_handlers(p, ABI_LIFE_THREAD_BEGIN) && !has_handlers(p, ABI_LIFE_THREAD_END)))
		return;
	s = rt_slot_register(own_key());
	if (!s)
		return;
	s->thread_begun = 1;
	run(p, ABI_LIFE_THREAD_BEGIN, s->pid);
}

/*
 * What kind of child this is must not be read from clone3's arguments: they lie on the stack of a parent that
 * may have gone on.
 */
void rt_life_forked(uint64_t first, uint64_t number)
{
	struct abi_process *p = rt_process();
	volatile uint64_t *mark = (void *)p->memory_mark;

	if (own_tid() != own_pid()) {
		begin_thread(p);
	} else if (!*mark) {
		*mark = 1;
		begin_forked(p);
	} else if (number != SYS_CLONE || first & CLONE_VFORK) {
		begin_borrower(p);
	}
}

void rt_life_returned(void)
{
	uint64_t key = own_key();
	struct abi_slot *s = rt_slot_find(key);

	if (!s || !s->borrowed || s->pid == own_pid())
		return;
	s->borrowed = 0;
	rt_slot_identify(s, key);
}

/* A forked child has loaded a library. True: the tool comes for it. */
bool rt_life_changes(struct abi_process *p)
{
	struct abi_member *m = own_member(p, 0);

	if (!m)
		return false;
	__atomic_store_n(&m->changes, 1, __ATOMIC_SEQ_CST);
	note_event(region_of(p));
	return true;
}

/* ---- exec -------------------------------------------------------------------------------- */

/* struct stat of the kernel's x86-64 interface: the members behind inode and number of links. */
struct file_status {
	uint64_t device, inode, links;
	uint32_t mode, uid, gid, pad;
	uint64_t rest[14];
};
#define MODE_SETUID 04000u
#define MODE_SETGID 02000u
#define MODE_GROUP_EXECUTE 010u

static bool raises_rights(const struct file_status *s, int64_t folder, const char *path)
{
	if ((s->mode & MODE_SETUID) && s->uid != (uint32_t)rt_syscall(RT_SYS_GETEUID, 0, 0, 0, 0, 0, 0))
		return true;
	if ((s->mode & MODE_SETGID) && (s->mode & MODE_GROUP_EXECUTE) &&
	    s->gid != (uint32_t)rt_syscall(RT_SYS_GETEGID, 0, 0, 0, 0, 0, 0))
		return true;
	return (folder == AT_CURRENT_FOLDER || path[0] == '/') &&
	       rt_syscall(RT_SYS_GETXATTR, (long)path, (long)"security.capability", 0, 0, 0, 0) > 0;
}

static void ask(struct abi_process *p, struct abi_member *m)
{
	struct {
		int64_t seconds, nanoseconds;
	} slice = { 0, WAIT_SLICE };
	uint32_t waits = p->exec_unanswered ? WAITS_UNANSWERED : WAITS, asked = ABI_EXEC_ASKED;

	note_event(region_of(p));
	rt_wake_tool(region_of(p));
	for (uint32_t i = 0; i < waits && is_running(p); i++) {
		if (__atomic_load_n(&m->exec_state, __ATOMIC_ACQUIRE) != ABI_EXEC_ASKED) {
			p->exec_unanswered = 0;
			return;
		}
		rt_syscall(RT_SYS_FUTEX, (long)&m->exec_state, FUTEX_WAIT, ABI_EXEC_ASKED, (long)&slice, 0, 0);
	}
	if (__atomic_compare_exchange_n(&m->exec_state, &asked, ABI_EXEC_NONE, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		p->exec_unanswered = 1;
}

static void before_exec(int64_t folder, const char *path, uint64_t flags)
{
	struct abi_process *p = rt_process();
	struct abi_member *m;
	struct file_status status;
	uint32_t state;

	if (!is_running(p))
		return;
	m = own_member(p, rt_slot_find(own_key()));
	/* What fails here fails there, as far as one can know: the tool need not come for it. */
	if (!m || rt_syscall(RT_SYS_NEWFSTATAT, folder, (long)path, (long)&status, (long)flags, 0, 0) ||
	    (!(flags & AT_EMPTY_PATH) && rt_syscall(RT_SYS_FACCESSAT, folder, (long)path, 1, 0, 0, 0)))
		return;
	state = __atomic_load_n(&m->exec_state, __ATOMIC_ACQUIRE);
	if (state == ABI_EXEC_ASKED || state == ABI_EXEC_GRANTED)
		return; /* another thread's */
	m->exec_tid = own_tid();
	m->exec_path = (uint64_t)path;
	m->exec_folder = (int32_t)folder;
	if (raises_rights(&status, folder, path)) {
		__atomic_store_n(&m->exec_state, ABI_EXEC_PRIVILEGED, __ATOMIC_SEQ_CST);
		note_event(region_of(p));
		rt_wake_tool(region_of(p));
		return;
	}
	__atomic_store_n(&m->exec_state, ABI_EXEC_ASKED, __ATOMIC_SEQ_CST);
	ask(p, m);
}

void rt_life_exec(const char *path)
{
	before_exec(AT_CURRENT_FOLDER, path, 0);
}

void rt_life_execat(int64_t folder, const char *path, uint64_t arguments, uint64_t environment, uint64_t flags)
{
	(void)arguments, (void)environment;
	before_exec((int32_t)folder, path, flags);
}

void rt_life_exec_failed(void)
{
	const struct abi_process *p = rt_process();
	struct abi_member *m = own_member(p, rt_slot_find(own_key()));
	uint32_t granted = ABI_EXEC_GRANTED;

	if (!m || m->exec_tid != own_tid() ||
	    !__atomic_compare_exchange_n(&m->exec_state, &granted, ABI_EXEC_FAILED, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return;
	note_event(region_of(p));
	rt_wake_tool(region_of(p));
}

/* ---- exit ---------------------------------------------------------------------------------- */

static void end_thread(const struct abi_process *p, struct abi_member *m, struct abi_slot *s)
{
	if (own_tid() == m->pid) {
		if (!__atomic_exchange_n(&m->main_begun, 0, __ATOMIC_SEQ_CST))
			return;
	} else if (s) {
		s->thread_begun = 0;
	}
	run(p, ABI_LIFE_THREAD_END, m->pid);
}

void rt_life_exit(void)
{
	const struct abi_process *p = rt_process();
	struct abi_slot *s = rt_slot_find(own_key());
	struct abi_member *m = is_running(p) ? own_member(p, s) : 0;

	if (m)
		end_thread(p, m, s);
	if (s && s->counters_tid == own_tid()) /* not its parent's, as of vfork */
		rt_counters_drop(s);
}

void rt_life_exit_group(void)
{
	const struct abi_process *p = rt_process();
	struct abi_slot *s = rt_slot_find(own_key());
	struct abi_member *m = is_running(p) ? own_member(p, s) : 0;

	if (!m)
		return;
	end_thread(p, m, s);
	if (m->begun && !__atomic_exchange_n(&m->ended, 1, __ATOMIC_SEQ_CST))
		run(p, ABI_LIFE_PROCESS_END, m->pid);
}
