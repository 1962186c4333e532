/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from beginning to end.
 *
 *	open	start the target (stopped behind exec) or find the process
 *	begin	region, tool's copy of the code, begin handlers
 *	arm	one stop window per process
 *	run	the loop
 *	leave	disarm and remove; the target runs on, or has ended
 *	end	shards folded, end or error handlers, the rest of the output
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/perf_counters.h"
#include "ctl/records.h"

#define LAST_PIECES 1000 /* rounds of them: a writer may go on and on */

extern const uint8_t runtime_image_start[], runtime_image_end[];

/* ---- open ------------------------------------------------------------------------------ */

static bool is_known(const struct ctl_session *s, uint32_t pid)
{
	vec_each(p, &s->processes)
		if ((uint32_t)(*p)->proc->pid == pid)
			return true;
	return false;
}

static struct ctl_process *add_target(struct ctl_session *s, struct proc *proc)
{
	struct ctl_process *p = ctl_process_create(s, proc);

	p->is_target = p->named = true;
	s->n_named++;
	if (!s->target)
		s->target = p;
	return p;
}

/* Each process takes several, each thread that is sampled one: as many as are allowed. */
void ctl_descriptors_raise(struct ctl_session *s)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &s->descriptors))
		return;
	most = s->descriptors;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

void ctl_descriptors_lower(const struct ctl_session *s)
{
	if (s->descriptors.rlim_max)
		setrlimit(RLIMIT_NOFILE, &s->descriptors);
}

static struct error *open_target(struct ctl_session *s, const sigset_t *mask)
{
	const struct ctl_options *o = s->options;
	struct proc_launch l = { .words = o->command, .mask = mask };
	struct proc *proc;
	struct error *e = NULL;

	if (o->command) {
		e = proc_launch(s->arena, &l, &proc);
		if (e)
			return e;
		add_target(s, proc)->launched = true;
	}
	for (uint32_t i = 0; i < o->n_pids && !e; i++) {
		if (is_known(s, o->pids[i]))
			continue;
		e = proc_open(s->arena, (pid_t)o->pids[i], &proc);
		if (!e)
			add_target(s, proc);
	}
	return e;
}

/* Processes that probe points name by number. */
static struct error *open_named(struct ctl_session *s)
{
	vec_each(probe, &s->bundle->probes) {
		struct proc *proc;
		struct error *e;

		if (!probe->pid || probe->event != CTL_SITE || is_known(s, probe->pid))
			continue;
		e = proc_open(s->arena, (pid_t)probe->pid, &proc);
		if (e)
			return e;
		ctl_process_create(s, proc)->named = true;
		s->n_named++;
	}
	return NULL;
}

static struct error *prepare(struct ctl_session *s)
{
	struct error *e =
		ctl_runtime_parse(s->arena, runtime_image_start,
				  (size_t)(runtime_image_end - runtime_image_start), &s->runtime);

	if (!e)
		e = ctl_region_create(s);
	if (!e)
		e = ctl_counters_prepare(s);
	if (!e)
		e = ctl_tool_place(s);
	if (!e)
		ctl_clock_calibrate(s);
	return e;
}

/* ---- arm --------------------------------------------------------------------------------- */

static bool goes_on(const struct ctl_session *s)
{
	return s->region->state == ABI_STATE_RUNNING && !s->region->request_exit &&
	       !ctl_signals_count();
}

/*
 * The shell that stands before a command with redirections or the like: it may become the
 * program itself by an exec, which must not be missed. If it is probed, it is a program like any
 * other.
 */
static bool is_shell_in_front(struct ctl_session *s, const struct ctl_process *p)
{
	char **words = s->options->command;
	struct stat program;
	char path[64];

	if (!s->options->no_follow || !p->launched || !s->bundle->sites.n || !words[1] || strcmp(words[1], "-c") != 0 ||
	    (strcmp(words[0], "sh") != 0 && strcmp(words[0], "/bin/sh") != 0))
		return false;
	snprintf(path, sizeof path, "/proc/%d/exe", (int)p->proc->pid);
	if (stat(path, &program))
		return false;
	vec_each(f, &s->files)
		if (f->inode == program.st_ino && f->device == program.st_dev)
			return false;
	return true;
}

static bool is_any_left(const struct ctl_session *s, const struct ctl_process *but)
{
	vec_each(p, &s->processes)
		if (*p != but && (*p)->named && !proc_has_ended((*p)->proc))
			return true;
	return false;
}

/* One of several processes may end while the session begins, as it may at any time later. */
static bool goes_without(struct ctl_session *s, struct ctl_process *p, struct error *e)
{
	if (e->code != ERROR_NO_PROCESS || !is_any_left(s, p))
		return false;
	ctl_warn(s, "%s: the session goes on without it", error_text(e));
	return true;
}

static struct error *arm_all(struct ctl_session *s)
{
	vec_each(p, &s->processes) {
		struct error *e;

		/* Without sites for it there is nothing to do in the process. */
		if (!s->bundle->sites.n && !ctl_life_any(s->bundle))
			break;
		if (is_shell_in_front(s, *p))
			continue;
		ctl_family_join(*p);
		e = ctl_attach(*p);
		if (e && !goes_without(s, *p, e))
			return e;
	}
	return NULL;
}

static struct error *let_run(struct ctl_session *s)
{
	vec_each(p, &s->processes) {
		struct error *e = (*p)->proc->stopped && is_shell_in_front(s, *p)
					  ? proc_run_to_exec((*p)->proc)
					  : proc_release((*p)->proc);

		if (e && e->code != ERROR_NO_PROCESS)
			return e;
	}
	return NULL;
}

/* ---- end ---------------------------------------------------------------------------------- */

static void leave_all(struct ctl_session *s)
{
	bool placed = false;

	ctl_family_serve(s); /* the target's own end, if it was killed */
	ctl_state_set(s, ABI_STATE_EXITING);
	ctl_family_let_go(s);
	ctl_family_stop_watches(s);
	vec_each(p, &s->processes) {
		struct error *e = NULL;

		placed |= (*p)->code_fd >= 0;
		proc_unwatch((*p)->proc);
		e = ctl_leave(*p);
		if (e)
			ctl_warn(s, "%s%s%s", error_text(e), e->hint ? ": " : "",
				 e->hint ? e->hint : "");
		s->left_behind |= e != NULL;
	}
	ctl_family_leave(s);
	if (placed)
		ctl_leave_children(s);
	s->has_left = true;
}

/* A failed session leaves no half-started program behind, and loses nothing that handlers have said. */
static void give_up(struct ctl_session *s)
{
	if (s->region)
		leave_all(s);
	vec_each(p, &s->processes)
		if ((*p)->launched && !proc_has_ended((*p)->proc)) {
			kill((*p)->proc->pid, SIGKILL);
			waitpid((*p)->proc->pid, NULL, __WALL);
		}
	if (!s->region)
		return;
	ctl_collect(s, true);
	ctl_flush(s);
}

static void tell_counts(struct ctl_session *s)
{
	const struct abi_region *r = s->region;
	uint64_t dropped = s->dropped;
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 0; i < n; i++)
		dropped += ctl_slot(s, i)->dropped;
	if (r->skipped > r->max_skipped)
		ctl_complain(s, "Skipped too many probes, check MAXSKIPPED; -t tells why they were skipped.");
	if (r->errors || r->skipped)
		ctl_warn(s, "Number of errors: %u, skipped probes: %u", r->errors, r->skipped);
	if (r->sites_skipped_no_slot)
		ctl_warn(s, "%lu hits came from threads beyond the %u that a session follows",
			 (unsigned long)r->sites_skipped_no_slot, r->slot_count);
	ctl_counters_tell(s);
	if (dropped)
		ctl_warn(s,
			 "There were %lu transport failures: records lost because a thread's ring "
			 "was full",
			 (unsigned long)dropped);
}

/* The target's own end, as a part of ours. */
static int tell_child(struct ctl_session *s)
{
	const struct ctl_process *t = s->target;
	int status;

	/* Ctrl-C goes to both: the target may have ended of it before the loop has looked */
	if (!t || !t->launched || !proc_has_ended(t->proc) || s->interrupted || ctl_signals_count())
		return 0;
	status = t->proc->status;
	if (WIFSIGNALED(status))
		ctl_warn(s, "Child process exited with signal %d (SIG%s)", WTERMSIG(status),
			 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
	else if (WEXITSTATUS(status))
		ctl_warn(s, "Child process exited with status %d", WEXITSTATUS(status));
	return status != 0;
}

static int finish(struct ctl_session *s)
{
	bool failed;

	for (int i = 0; i < LAST_PIECES && ctl_procfs_serve(s); i++)
		; /* what the target wrote last */
	ctl_procfs_close(s);
	leave_all(s);
	ctl_release_dead(s, true);
	ctl_tool_collapse(s);
	ctl_tool_run_all(s, CTL_END);
	failed = s->region->state == ABI_STATE_ERROR;
	if (failed)
		ctl_tool_run_all(s, CTL_ERROR);
	ctl_collect(s, true);
	ctl_flush(s);
	if (s->options->stack)
		ctl_stacks_tell(s);
	ctl_timing_report(s);
	tell_counts(s);
	ctl_commands_finish(s);
	return tell_child(s) || failed || s->left_behind || s->output_lost;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static struct error *run(struct ctl_session *s, int *status)
{
	struct error *e = ctl_procfs_open(s);

	if (e)
		return e;
	ctl_tool_run_all(s, CTL_BEGIN);
	ctl_collect(s, false);
	ctl_flush(s);
	ctl_state_set(s, ABI_STATE_RUNNING);
	s->region->collapsed = 0;
	ctl_conditions_start(s);
	if (goes_on(s))
		e = arm_all(s);
	if (!e && goes_on(s))
		e = ctl_records_start(s);
	if (!e)
		e = let_run(s);
	if (!e)
		ctl_family_gather(s);
	if (e)
		return e;
	ctl_timers_start(s);
	if (goes_on(s))
		ctl_loop(s);
	ctl_records_finish(s);
	*status = finish(s);
	return NULL;
}

static void session_init(struct ctl_session *s, const struct ctl_options *o)
{
	*s = (struct ctl_session){
		.options = o, .bundle = o->bundle, .arena = o->arena, .region_fd = -1
	};
	s->tool.fd = -1;
	s->scratch = arena_create();
	s->elf = elf_cache_create(s->arena);
	s->flows = patch_flow_cache_create(s->arena);
	elf_cache_enter(s->elf, o->n_pids ? o->pids[0] : 0);
	s->warned = map_create(s->arena);
	s->finders = map_create(s->arena);
	s->start_ticks = proc_start_ticks(getpid());
	buf_init(&s->output, s->arena);
	ctl_clock_start(s);
	ctl_files_sort(s);
}

static void session_close(struct ctl_session *s)
{
	ctl_family_close(s);
	vec_each(p, &s->processes)
		ctl_process_destroy(*p);
	ctl_records_close(s);
	ctl_collect_close(s);
	free(s->record);
	ctl_tool_remove(s);
	ctl_region_destroy(s);
	elf_cache_destroy(s->elf);
	arena_destroy(s->scratch);
	ctl_descriptors_lower(s);
}

struct error *ctl_run(const struct ctl_options *o, int *status)
{
	struct ctl_session s;
	struct error *e;
	sigset_t mask;

	*status = 1;
	session_init(&s, o);
	ctl_signals_block(&mask);
	e = open_target(&s, &mask);
	ctl_descriptors_raise(&s);
	ctl_signals_take(); /* behind the start of the target, which inherits what was */
	if (!e)
		e = open_named(&s);
	if (!e)
		e = prepare(&s);
	if (!e) {
		ctl_signals_begin(s.region);
		e = run(&s, status);
	}
	if (e)
		give_up(&s);
	ctl_procfs_close(&s);
	ctl_signals_give_back(&mask);
	session_close(&s);
	return e;
}
