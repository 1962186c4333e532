/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of what the kernel records about the target's threads: samples of a profile, context
 * switches, births and ends.
 *
 *	probes ──distinct events──▶ proc_perf ──records in order of time──▶ handlers, here in the tool
 *
 * A handler runs some milliseconds after its record was written, for the thread of the record: pid(), tid(),
 * execname(), cpu(), the clocks and the registers are what they were; memory but the copied part
 * of the stack is as it is now.  Nothing runs in the target, nothing stops it.
 *
 * A thread's last turn on a processor ends without a record of a switch: its end stands for it.
 */
#include <dirent.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/records.h"

#define MS 1000000ll
#define NAP_LEAST (1 * MS)
#define NAP_MOST (50 * MS)
#define LOAD_HIGH 20u /* per cent of a ring between two looks */
#define LOAD_LOW 5u
#define GENERATIONS 8u /* of processes that are there already */
#define PATH_MOST 4096
#define NAME_LIFE (1000 * MS)
#define STACK_COPIED 8192u /* bytes, where handlers walk stacks */

/* What is known of a thread. */
struct task {
	char name[16];
	uint32_t cpu; /* where it last ran; UINT32_MAX unknown */
	uint32_t pid; /* 0 unknown */
	const char *program; /* of its process; NULL: not asked yet */
	int64_t looked; /* when that was read, ns; 0: the kernel told it */
};

struct ctl_records {
	struct proc_perf *perf;
	VEC(struct proc_perf_event) events;
	uint32_t *event_of; /* per bundle probe: index in events */
	const struct ctl_tracepoint **tracepoint_of; /* the same; NULL: none */
	/* per bundle probe: which record its handler runs for, every Nth; those that came */
	uint64_t *every, *counts;
	struct map *tasks; /* tid: struct task */
	struct abi_site site;
	int64_t nap;
};

/* ---- threads ------------------------------------------------------------------------------ */

static void read_task(uint32_t tid, struct task *t)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%u/comm", tid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(t->name, sizeof t->name, f))
		t->name[strcspn(t->name, "\n")] = 0;
	fclose(f);
	t->pid = (uint32_t)proc_status_number((pid_t)tid, "Tgid", t->pid);
}

/* Nobody tells when one that is not watched, but woke one that is, takes another name. */
static bool is_stale(const struct ctl_session *s, const struct task *t, uint32_t tid)
{
	return t->looked && !proc_perf_watches(s->records->perf, tid) && ctl_now() - t->looked > NAME_LIFE;
}

static struct task *task_of(struct ctl_session *s, uint32_t tid)
{
	struct task *t = map_find_u64(s->records->tasks, tid);

	if (t && !is_stale(s, t, tid))
		return t;
	if (!t) {
		t = arena_new(s->arena, struct task);
		t->cpu = UINT32_MAX;
		map_put_u64(s->records->tasks, tid, t);
	}
	read_task(tid, t);
	t->looked = ctl_now();
	return t;
}

static void note_task(struct ctl_session *s, const struct proc_perf_record *p)
{
	struct task *t = task_of(s, p->tid), *child;

	t->pid = p->pid;
	if (p->kind == PROC_PERF_FORK) {
		child = arena_new(s->arena, struct task);
		*child = *t;
		child->cpu = UINT32_MAX;
		child->pid = p->child_pid;
		child->looked = 0;
		map_put_u64(s->records->tasks, p->child_tid, child);
		ctl_sampled_forked(s, p->pid, p->child_pid);
	} else if (p->kind == PROC_PERF_EXEC || p->kind == PROC_PERF_RENAME) {
		memcpy(t->name, p->name, sizeof t->name);
		if (p->kind == PROC_PERF_EXEC) {
			t->program = NULL;
			ctl_sampled_executed(s, p->pid);
		}
	} else if (p->kind == PROC_PERF_MAP) {
		ctl_sampled_mapped(s, p->pid, &p->map);
	}
}

/* ---- what to ask for -------------------------------------------------------------------- */

/* One that never happens, for the records that come with it. */
static struct proc_perf_event quiet_event(const struct bundle_probe *p)
{
	return (struct proc_perf_event){ .type = PERF_TYPE_SOFTWARE,
					 .config = PERF_COUNT_SW_DUMMY,
					 .switches = p->record == CTL_CPU_ON || p->record == CTL_CPU_OFF ||
						     p->record == CTL_MIGRATE,
					 .user_only = true,
					 .name = p->point };
}

static struct proc_perf_event event_for(const struct bundle_probe *p)
{
	if (p->record == CTL_SAMPLE)
		return (struct proc_perf_event){ .type = p->record_type,
						 .config = p->record_config,
						 .period = p->record_period,
						 .is_frequency = p->record_is_frequency,
						 .name = p->point };
	return quiet_event(p);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Software events that are no clocks: of two that happen at the same moment the kernel gives the samples
 * one number. So one event is asked for, of a period that divides both.
 */
static bool shares_moments(const struct proc_perf_event *e)
{
	return e->type == PERF_TYPE_SOFTWARE && e->config != PERF_COUNT_SW_CPU_CLOCK &&
	       e->config != PERF_COUNT_SW_TASK_CLOCK;
}

static struct error *event_add(struct ctl_session *s, struct ctl_records *r, uint32_t probe)
{
	const struct bundle_probe *b = &s->bundle->probes.p[probe];
	struct proc_perf_event e = event_for(b);
	struct error *fault = b->record == CTL_TRACEPOINT ? ctl_tracepoint_find(s, b, &e, &r->tracepoint_of[probe]) : NULL;

	if (fault)
		return fault;
	if (e.raw && !r->events.n)
		vec_push(s->arena, &r->events, quiet_event(b)); /* tells of births and ends */
	if (e.period && ctl_tables_walk(s->bundle))
		e.stack = STACK_COPIED;
	for (r->event_of[probe] = 0; r->event_of[probe] < r->events.n; r->event_of[probe]++) {
		struct proc_perf_event *have = &r->events.p[r->event_of[probe]];
		bool is_same = have->type == e.type && have->config == e.config && have->raw == e.raw;

		if (is_same && have->is_frequency != e.is_frequency && shares_moments(&e))
			return error_new(ERROR_UNSUPPORTED, "%s, %s: one event cannot be sampled both by number "
					 "and by frequency", have->name, e.name);
		if (!is_same || have->is_frequency != e.is_frequency ||
		    (have->period != e.period && (e.is_frequency || !shares_moments(&e))))
			continue;
		have->period = common_divisor(have->period, e.period);
		have->switches |= e.switches;
		return NULL;
	}
	vec_push(s->arena, &r->events, e);
	return NULL;
}

/* How many records a probe lets pass. */
static void divide(const struct ctl_session *s, struct ctl_records *r)
{
	for (uint32_t i = 0; i < s->bundle->probes.n; i++) {
		const struct bundle_probe *b = &s->bundle->probes.p[i];
		uint64_t period = b->event == CTL_RECORD ? r->events.p[r->event_of[i]].period : 0;

		r->every[i] = base_max(b->record_period, (uint64_t)1);
		if (b->record == CTL_SAMPLE && period)
			r->every[i] /= period;
	}
}

static bool any_records(const struct bundle *b)
{
	vec_each(p, &b->probes)
		if (p->event == CTL_RECORD)
			return true;
	return false;
}

static struct error *watch(struct ctl_session *s, pid_t pid)
{
	bool known = proc_perf_watches(s->records->perf, (uint32_t)pid);
	struct task *t = task_of(s, (uint32_t)pid); /* it may have ended when its first record is read */
	struct error *e = proc_perf_follow(s->records->perf, pid);

	if (!known) { /* or have run another program before the kernel tells of that */
		read_task((uint32_t)pid, t);
		t->program = NULL;
	}
	ctl_sampled_met(s, (uint32_t)pid);
	return e;
}

/* It is none that the session was asked for: nothing depends on it. */
static bool watch_another(struct ctl_session *s, pid_t pid)
{
	struct error *e = watch(s, pid);

	if (e && e->code != ERROR_NO_PROCESS)
		ctl_verbose(s, 1, "process %d is not sampled: %s", (int)pid, error_text(e));
	return !e;
}

/* Processes that those watched have started before; how many are new. */
static uint32_t follow_children(struct ctl_session *s, struct map *watched)
{
	const struct dirent *d;
	DIR *dir = opendir("/proc");
	uint32_t n = 0;

	while (dir && (d = readdir(dir))) {
		pid_t pid = (pid_t)atoi(d->d_name);

		if (pid <= 0 || pid == getpid() || map_find_u64(watched, (uint64_t)pid) ||
		    !map_find_u64(watched, (uint64_t)proc_status_number(pid, "PPid", 0)))
			continue;
		map_put_u64(watched, (uint64_t)pid, watched);
		n += watch_another(s, pid);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void follow_descendants(struct ctl_session *s)
{
	struct arena *a = arena_create();
	struct map *watched = map_create(a);

	vec_each(p, &s->processes)
		if (!(*p)->launched)
			map_put_u64(watched, (uint64_t)(*p)->proc->pid, watched);
	for (uint32_t i = 0; i < GENERATIONS && follow_children(s, watched); i++)
		;
	arena_destroy(a);
}

static struct error *follow(struct ctl_session *s, struct ctl_records *r)
{
	struct error *e = NULL;

	if (s->options->user)
		return NULL; /* whoever is found */
	if (!s->processes.n) {
		e = proc_perf_follow_all(r->perf);
		return e && e->code == ERROR_PERMISSION ?
			       error_hint(e, "without -c or -x every process of the machine is meant: that "
					     "takes root, or perf_event_paranoid 0") :
			       e;
	}
	vec_each(p, &s->processes) {
		e = watch(s, (*p)->proc->pid);
		if (e && e->code != ERROR_NO_PROCESS && !proc_has_ended((*p)->proc))
			return e;
	}
	if (!s->options->no_follow)
		follow_descendants(s);
	return NULL;
}

void ctl_records_join(struct ctl_session *s, pid_t pid)
{
	if (s->records)
		watch_another(s, pid);
}

struct error *ctl_records_start(struct ctl_session *s)
{
	struct ctl_records *r;
	struct error *e;

	if (!any_records(s->bundle))
		return NULL;
	r = arena_new(s->arena, struct ctl_records);
	r->event_of = arena_array(s->arena, uint32_t, s->bundle->probes.n);
	r->tracepoint_of = arena_array(s->arena, const struct ctl_tracepoint *, s->bundle->probes.n);
	r->every = arena_array(s->arena, uint64_t, s->bundle->probes.n);
	r->counts = arena_array(s->arena, uint64_t, s->bundle->probes.n);
	r->tasks = map_create(s->arena);
	r->nap = NAP_LEAST;
	for (uint32_t i = 0; i < s->bundle->probes.n; i++) {
		e = s->bundle->probes.p[i].event == CTL_RECORD ? event_add(s, r, i) : NULL;
		if (e)
			return e;
	}
	r->events.p[0].maps = s->tables != NULL;
	divide(s, r);
	e = proc_perf_open(s->arena, r->events.p, r->events.n, &r->perf);
	if (e)
		return e;
	s->records = r;
	return follow(s, r);
}

/* Whether the thread's process runs the file; one that has ended already is known by its name. */
static bool runs(struct ctl_session *s, const struct proc_perf_record *p, const char *file)
{
	struct task *t = task_of(s, p->pid);
	char path[64], program[PATH_MOST];
	const char *base = strrchr(file, '/');
	ssize_t n;

	if (!t->program) {
		snprintf(path, sizeof path, "/proc/%u/exe", p->pid);
		n = readlink(path, program, sizeof program);
		t->program = n > 0 ? arena_strndup(s->arena, program, (size_t)n) : "";
	}
	if (*t->program)
		return strcmp(t->program, file) == 0;
	return strncmp(t->name, base ? base + 1 : file, sizeof t->name - 1) == 0;
}

/* ---- handlers ------------------------------------------------------------------------------- */

static uint64_t stamp_of(const struct abi_region *r, int64_t time)
{
	int64_t passed = time - r->monotonic_base;
	uint64_t ticks = (uint64_t)(((unsigned __int128)(passed < 0 ? -passed : passed) << 32) / r->tsc_mult);

	return passed < 0 ? r->tsc_base - ticks : r->tsc_base + ticks;
}

/* What the tapset asks for by number. */
static void tell(struct ctl_session *s, uint32_t probe, const struct proc_perf_record *p, const struct task *t,
		 struct abi_sample *out)
{
	const struct ctl_tracepoint *tracepoint = s->records->tracepoint_of[probe];

	if (tracepoint) {
		ctl_tracepoint_tell(tracepoint, p, out);
		out->values[1] = out->values[0] ? task_of(s, (uint32_t)out->values[0])->pid : 0;
	} else {
		out->values[0] = p->kind == PROC_PERF_FORK ? p->child_tid : 0;
		out->values[1] = p->kind == PROC_PERF_FORK ? p->child_pid : p->preempted;
		out->values[2] = t->cpu == UINT32_MAX ? -1 : (int64_t)t->cpu;
	}
	memcpy(out->name, t->name, sizeof out->name);
	if (!*out->name) /* ended, and nobody told */
		snprintf(out->name, sizeof out->name, "<%u>", p->tid);
	if (!p->tid)
		snprintf(out->name, sizeof out->name, "swapper/%u", p->cpu);
}

static struct abi_sample sample_of(struct ctl_session *s, uint32_t probe, const struct proc_perf_record *p)
{
	struct abi_sample out = { .tsc = stamp_of(s->region, p->time),
				  .cpu = p->cpu,
				  .in_kernel = p->in_kernel,
				  .stack = (uint64_t)p->stack,
				  .stack_start = p->registers[ABI_RSP],
				  .stack_size = p->stack_size };

	tell(s, probe, p, task_of(s, p->tid), &out);
	return out;
}

/* The slot becomes the thread's for the time of the handler. */
static void run(struct ctl_session *s, uint32_t probe, const struct proc_perf_record *p)
{
	struct abi_sample sample = sample_of(s, probe, p);
	struct abi_slot *slot = s->tool.slot;
	uint32_t pid = slot->pid, tid = slot->tid;

	ctl_sampled_enter(s, p->pid, p->has_registers ? p->registers[ABI_RIP] : 0);
	s->records->site = s->tool.sites[probe];
	s->records->site.pc = p->has_registers ? p->registers[ABI_RIP] : 0;
	slot->pid = p->pid;
	slot->tid = p->tid;
	slot->saved_sp = p->registers[ABI_RSP];
	memcpy(slot->registers, p->registers, sizeof slot->registers);
	slot->sample = (uint64_t)&sample;
	ctl_tool_run_for(s, probe, &s->records->site);
	slot->sample = 0;
	slot->pid = pid;
	slot->tid = tid;
	ctl_sampled_leave(s);
}

static bool is_for(struct ctl_session *s, uint32_t probe, enum ctl_record kind,
		   const struct proc_perf_record *p)
{
	const struct bundle_probe *b = &s->bundle->probes.p[probe];

	bool is_sampled = b->record == CTL_SAMPLE || b->record == CTL_TRACEPOINT;

	return b->event == CTL_RECORD && (is_sampled ? CTL_SAMPLE : b->record) == kind &&
	       (kind != CTL_SAMPLE || s->records->event_of[probe] == p->event) &&
	       (!b->record_process || runs(s, p, b->record_process));
}

static bool is_due(struct ctl_session *s, uint32_t probe)
{
	return ++s->records->counts[probe] % s->records->every[probe] == 0;
}

static void run_all(struct ctl_session *s, enum ctl_record kind, const struct proc_perf_record *p)
{
	for (uint32_t i = 0; i < s->bundle->probes.n; i++) {
		if (s->region->request_exit || s->region->state != ABI_STATE_RUNNING)
			return;
		if (is_for(s, i, kind, p) && is_due(s, i))
			run(s, i, p);
	}
}

static void arrive(struct ctl_session *s, const struct proc_perf_record *p)
{
	struct task *t = task_of(s, p->tid);

	if (t->cpu != UINT32_MAX && t->cpu != p->cpu)
		run_all(s, CTL_MIGRATE, p);
	t->cpu = p->cpu;
	run_all(s, CTL_CPU_ON, p);
}

static void visit(void *user, const struct proc_perf_record *p)
{
	struct ctl_session *s = user;

	note_task(s, p);
	switch (p->kind) {
	case PROC_PERF_SAMPLE:
		run_all(s, CTL_SAMPLE, p);
		break;
	case PROC_PERF_SWITCH_IN:
		arrive(s, p);
		break;
	case PROC_PERF_SWITCH_OUT:
		run_all(s, CTL_CPU_OFF, p);
		break;
	case PROC_PERF_FORK:
		run_all(s, CTL_FORK, p);
		break;
	case PROC_PERF_EXEC:
		run_all(s, CTL_EXEC, p);
		break;
	case PROC_PERF_EXIT:
		run_all(s, CTL_EXIT, p);
		run_all(s, CTL_CPU_OFF, p);
		if (p->tid == p->pid)
			ctl_sampled_ended(s, p->pid);
		break;
	case PROC_PERF_RENAME:
	case PROC_PERF_MAP:
		break;
	}
}

/* ---- in the loop ------------------------------------------------------------------------------ */

/* Nobody wakes us for a record: naps are as long as the rings bear. */
static void adapt(struct ctl_records *r)
{
	uint32_t load = proc_perf_load(r->perf);

	if (load > LOAD_HIGH)
		r->nap = base_max(r->nap / 2, NAP_LEAST);
	else if (load < LOAD_LOW)
		r->nap = base_min(r->nap * 2, NAP_MOST);
}

void ctl_records_serve(struct ctl_session *s)
{
	if (!s->records)
		return;
	proc_perf_read(s->records->perf, ctl_now() - PROC_PERF_LAG, visit, s);
	adapt(s->records);
}

int64_t ctl_records_nap(const struct ctl_session *s)
{
	return s->records ? s->records->nap : INT64_MAX;
}

void ctl_records_finish(struct ctl_session *s)
{
	uint64_t lost;

	if (!s->records)
		return;
	proc_perf_stop(s->records->perf);
	proc_perf_read(s->records->perf, INT64_MAX, visit, s);
	lost = proc_perf_lost(s->records->perf);
	if (lost)
		ctl_warn(s, "%lu records of the kernel were lost: the tool was not quick enough to read them",
			 (unsigned long)lost);
}

void ctl_records_close(struct ctl_session *s)
{
	if (s->records)
		proc_perf_close(s->records->perf);
	ctl_sampled_close(s);
	s->records = NULL;
}
