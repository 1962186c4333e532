/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a running process, starting a new one, and telling why it cannot be done. */
#include "proc/proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/private.h"

/* ---- why not -------------------------------------------------------------------- */

#define SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"

const char *proc_scope_advice(const char *file)
{
	char text[8] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	switch (n > 0 ? text[0] : '0') {
	case '0':
		return NULL;
	case '1':
		return SCOPE_FILE " is 1: only children may be traced; start the program with -c, run as root, or "
				  "have it set to 0";
	case '2':
		return SCOPE_FILE " is 2: only root may trace; run as root, or have it set to 0 or 1";
	default:
		return SCOPE_FILE " is 3: nobody may trace, until the system is started again";
	}
}

static struct error *explain_refusal(pid_t pid, int saved_errno)
{
	int64_t tracer = proc_status_number(pid, "TracerPid", 0);
	int64_t owner = proc_status_number(pid, "Uid", -1);
	struct error *e = error_new(ERROR_PERMISSION, "process %d may not be traced: %s", (int)pid,
				    strerror(saved_errno));
	const char *scope = proc_scope_advice(SCOPE_FILE);

	e->saved_errno = saved_errno;
	if (tracer > 0)
		return error_hint(
			e,
			"it is being traced by process %d; a process can have one tracer at a time",
			(int)tracer);
	if (owner >= 0 && geteuid() != 0 && owner != (int64_t)geteuid())
		return error_hint(e, "it belongs to user %d; run as that user or as root",
				  (int)owner);
	if (scope && (geteuid() != 0 || strstr(scope, "nobody")))
		return error_hint(e, "%s", scope);
	return error_hint(e,
			  "it may be set-uid, not dumpable, or in a container that forbids ptrace");
}

struct error *proc_explain(pid_t pid, int saved_errno)
{
	bool is_ours = saved_errno == EMFILE || saved_errno == ENFILE; /* then nothing is known of its state */
	char state = is_ours ? 'R' : proc_state_of(pid, pid);

	if (state == 0)
		return error_new(ERROR_NO_PROCESS, "no process %d", (int)pid);
	if (state == 'Z' || state == 'X')
		return error_new(ERROR_NO_PROCESS,
				 "process %d has ended and waits for its parent (zombie)",
				 (int)pid);
	if (saved_errno == EPERM || saved_errno == EACCES)
		return explain_refusal(pid, saved_errno);
	return error_errno(saved_errno, "cannot trace process %d", (int)pid);
}

static bool any_thread_is_free(pid_t pid)
{
	struct arena *a = arena_create();
	bool any = false;
	uint32_t n = 0;
	pid_t *list;
	struct error *e = proc_threads_list(a, pid, &list, &n);

	for (uint32_t i = 0; !e && i < n; i++)
		any |= proc_status_number(list[i], "Seccomp", 0) == 0;
	arena_destroy(a);
	return any;
}

bool proc_calls_may_kill(pid_t pid)
{
	return geteuid() != 0 && proc_status_number(pid, "Seccomp", 0) != 0 &&
	       proc_status_number(pid, "NoNewPrivs", 0) != 0 && !any_thread_is_free(pid);
}

struct error *proc_confined(pid_t pid)
{
	return error_hint(error_new(ERROR_UNSUPPORTED,
				    "process %d confines itself by a seccomp filter, which may kill it "
				    "for the system calls made in its name",
				    (int)pid),
			  "run as root, which can suspend the filter");
}

/* ---- files of a process ------------------------------------------------------------ */

static struct error *check_word_size(pid_t pid)
{
	unsigned char head[EI_NIDENT + 4] = { 0 };
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL; /* deleted in another namespace: ptrace will tell */
	n = read(fd, head, sizeof head);
	close(fd);
	if (n < (ssize_t)sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	if (head[EI_CLASS] != ELFCLASS64 || head[EI_NIDENT + 2] != EM_X86_64)
		return error_new(ERROR_UNSUPPORTED, "process %d is not a 64-bit x86 program",
				 (int)pid);
	return NULL;
}

static struct error *open_memory(struct proc *p)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)p->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return proc_explain(p->pid, errno);
	if (p->memory >= 0)
		close(p->memory);
	p->memory = fd;
	return NULL;
}

struct error *proc_attach_files(struct proc *p)
{
	struct error *e;

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0) {
		if (errno == EINVAL)
			return error_new(ERROR_NO_PROCESS, "%d is a thread, not a process",
					 (int)p->pid);
		return errno == ESRCH ? error_new(ERROR_NO_PROCESS, "no process %d", (int)p->pid)
				      : error_errno(errno, "cannot open process %d", (int)p->pid);
	}
	e = check_word_size(p->pid);
	return e ? e : open_memory(p);
}

struct proc *proc_create(struct arena *a, pid_t pid)
{
	struct proc *p = arena_new(a, struct proc);

	p->arena = a;
	p->pid = pid;
	p->pidfd = p->memory = -1;
	return p;
}

struct error *proc_open(struct arena *a, pid_t pid, struct proc **out)
{
	struct proc *p = proc_create(a, pid);
	int64_t mode;
	struct error *e;
	char state = proc_state_of(pid, pid);

	if (state == 0 || state == 'Z' || state == 'X')
		return proc_explain(pid, ESRCH);
	if (pid == getpid())
		return error_new(ERROR_UNSUPPORTED, "process %d is this tool itself", (int)pid);
	mode = proc_status_number(pid, "Seccomp", 0);
	if (mode == 1)
		return error_new(ERROR_UNSUPPORTED,
				 "process %d runs under strict seccomp, system calls would kill it",
				 (int)pid);
	e = proc_calls_may_kill(pid) ? proc_confined(pid) : proc_attach_files(p);
	if (e) {
		proc_close(p);
		return e;
	}
	*out = p;
	return NULL;
}

struct proc *proc_meet(struct arena *a, pid_t pid)
{
	struct proc *p = proc_create(a, pid);

	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return p->pidfd < 0 ? NULL : p;
}

struct error *proc_reopen(struct proc *p)
{
	struct error *e = check_word_size(p->pid);

	p->gadget = 0;
	p->way_back = (struct proc_way_back){ 0 };
	return e ? e : open_memory(p);
}

void proc_close(struct proc *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->memory >= 0)
		close(p->memory);
	p->pidfd = p->memory = -1;
}

/* ---- launch ---------------------------------------------------------------------------- */

/* In the child: waits to be seized, becomes the program, or tells why not. */
static _Noreturn void become(const struct proc_launch *l, int go, int report)
{
	char c;
	int saved;

	while (read(go, &c, 1) < 0 && errno == EINTR)
		;
	if (l->mask)
		sigprocmask(SIG_SETMASK, l->mask, NULL);
	execvp(l->words[0], l->words);
	saved = errno;
	if (write(report, &saved, sizeof saved) < 0)
		_exit(126);
	_exit(127);
}

static struct error *exec_failure(const struct proc_launch *l, int report, pid_t pid)
{
	int saved = 0, status;
	ssize_t n = read(report, &saved, sizeof saved);

	waitpid(pid, &status, __WALL);
	if (n == sizeof saved)
		return error_errno(saved, "cannot run %s", l->words[0]);
	return error_new(ERROR_OTHER, "cannot run %s: it ended before it began", l->words[0]);
}

/* From the go-ahead to the stop behind exec; false if the child ended. */
static bool await_exec(struct proc *p, struct proc_thread *t)
{
	for (;;) {
		struct proc_stop stop = proc_wait_stop(p, t, 60);

		if (stop.kind == STOP_EXEC)
			return true;
		if (stop.kind == STOP_GONE || stop.kind == STOP_LATE)
			return false;
		ptrace(PTRACE_CONT, t->tid, NULL,
		       (void *)(long)(stop.kind == STOP_SIGNAL ? stop.signal : 0));
	}
}

/* The child waits for a byte on `go`. */
static struct error *seize_and_start(struct proc *p, const struct proc_launch *l, int go,
				     int report)
{
	const long options = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
	struct proc_thread t = { .tid = p->pid };
	struct error *e;

	if (ptrace(PTRACE_SEIZE, p->pid, NULL, (void *)options))
		return proc_explain(p->pid, errno);
	if (write(go, "g", 1) != 1)
		return error_errno(errno, "cannot start %s", l->words[0]);
	vec_push(p->arena, &p->threads, t);
	if (!await_exec(p, &p->threads.p[0]))
		return exec_failure(l, report, p->pid);
	e = proc_settle(p, &p->threads.p[0], 0);
	if (!e)
		e = proc_attach_files(p);
	p->stopped = true;
	return e;
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}

struct error *proc_launch(struct arena *a, const struct proc_launch *l, struct proc **out)
{
	int go[2], report[2];
	struct error *e;
	struct proc *p;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return error_errno(errno, "cannot make a pipe");
	if (pipe2(report, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return error_errno(errno, "cannot make a pipe");
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		become(l, go[0], report[1]);
	}
	close(go[0]);
	close(report[1]);
	p = proc_create(a, pid);
	p->is_child = true;
	e = pid < 0 ? error_errno(errno, "cannot fork") : seize_and_start(p, l, go[1], report[0]);
	close(go[1]);
	close(report[0]);
	if (e && pid > 0) {
		kill_child(pid);
		proc_close(p);
	}
	*out = p;
	return e;
}
