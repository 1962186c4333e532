/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the processor that handlers read: the tool's part.
 *
 *	prepare	before anything is placed: does the machine have them, may programs read them?
 *	place	a page per slot and counter lies in the process's private memory; which of the counters it reads
 *	serve	a thread asks whether it may open its own: not if a seccomp filter may kill it for that
 *	tell	what could not be opened or counted
 *
 * The threads do the rest, see runtime/core/counter.c.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/perf_counters.h"
#include "ctl/session.h"

uint32_t ctl_counters_number(const struct bundle *b)
{
	uint32_t n = 0;

	vec_each(p, &b->probes)
		n = base_max(n, p->counter);
	return n;
}

uint64_t ctl_counters_size(const struct bundle *b)
{
	return (uint64_t)ctl_counters_number(b) * CTL_SLOTS * ABI_PAGE;
}

bool ctl_counters_may_fault(const struct ctl_session *s)
{
	return s->region->n_counters && !s->region->counters_file[0];
}

/* ---- before ---------------------------------------------------------------------------- */

static struct error *prepare_one(struct ctl_session *s, const struct bundle_probe *p)
{
	struct proc_counter c = { .type = p->record_type, .config = p->record_config, .name = p->point };
	struct abi_region *r = s->region;
	struct error *e = proc_counter_check(&c);

	if (e)
		return e;
	r->counters[p->counter - 1] = (struct abi_counter){ .type = c.type, .config = c.config };
	r->counters_user = c.user_only;
	if (c.file && strlen(c.file) >= sizeof r->counters_file)
		return error_new(ERROR_OTHER, "%s: the path is too long", c.file);
	if (c.file)
		strcpy(r->counters_file, c.file);
	return NULL;
}

struct error *ctl_counters_prepare(struct ctl_session *s)
{
	s->region->n_counters = ctl_counters_number(s->bundle);
	vec_each(p, &s->bundle->probes) {
		struct error *e = p->counter ? prepare_one(s, p) : NULL;

		if (e)
			return e;
	}
	return NULL;
}

static bool is_for(const struct bundle_probe *p, const struct ctl_program *program)
{
	const struct bundle_probe limited = { .program = p->record_process };

	return ctl_life_matches(&limited, program, 0);
}

void ctl_counters_place(const struct ctl_process *p, struct abi_process *page)
{
	struct ctl_program program = ctl_program_of(p->proc->pid);

	vec_each(probe, &p->session->bundle->probes)
		if (probe->counter && is_for(probe, &program))
			page->counters_mask |= 1u << (probe->counter - 1);
	page->counters = page->counters_mask ? p->place.counters : 0;
}

/* ---- threads that ask ---------------------------------------------------------------------- */

static bool is_free(pid_t tid)
{
	return proc_status_number(tid, "Tgid", 0) && !proc_status_number(tid, "Seccomp", 0);
}

/* In a pid namespace of its own a thread has told a number that is not ours: all threads have to be free then. */
static bool are_all_free(pid_t pid)
{
	struct arena *a = arena_create();
	uint32_t n = 0;
	pid_t *tids;
	bool all = !proc_threads_list(a, pid, &tids, &n) && n;

	for (uint32_t i = 0; i < n && all; i++)
		all = is_free(tids[i]);
	arena_destroy(a);
	return all;
}

static bool may_open(const struct ctl_session *s, const struct abi_slot *slot)
{
	vec_each(p, &s->processes) {
		pid_t inside = (*p)->proc ? proc_pid_inside((*p)->proc->pid) : 0;

		if (inside == (pid_t)slot->pid && inside != (*p)->proc->pid)
			return are_all_free((*p)->proc->pid);
	}
	return proc_status_number((pid_t)slot->counters_asker, "Tgid", 0) == (int64_t)slot->pid &&
	       is_free((pid_t)slot->counters_asker);
}

static void answer(struct ctl_session *s, struct abi_slot *slot)
{
	bool may = may_open(s, slot), gone = !proc_status_number((pid_t)slot->counters_asker, "Tgid", 0);

	__atomic_store_n(&slot->counters_state, may ? ABI_COUNTERS_GRANTED : ABI_COUNTERS_REFUSED, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &slot->counters_state, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
	s->counters_refused |= !may && !gone;
}

void ctl_counters_serve(struct ctl_session *s)
{
	uint32_t asked = __atomic_load_n(&s->region->counters_asked, __ATOMIC_SEQ_CST), n;

	if (asked == s->counters_answered)
		return;
	s->counters_answered = asked;
	n = ctl_slots_used(s);
	for (uint32_t i = 1; i < n; i++)
		if (__atomic_load_n(&ctl_slot(s, i)->counters_state, __ATOMIC_SEQ_CST) == ABI_COUNTERS_ASKED)
			answer(s, ctl_slot(s, i));
}

/* ---- after ---------------------------------------------------------------------------------- */

static struct error *explain(uint32_t error)
{
	struct error *e;

	if (!(error & ABI_COUNTERS_UNMAPPED))
		return proc_perf_explain("@perf", (int)error);
	e = error_errno((int)(error & ~ABI_COUNTERS_UNMAPPED), "their pages could not be mapped");
	return error_hint(e, "each takes a page of the user's locked memory: /proc/sys/kernel/perf_event_mlock_kb, ulimit -l");
}

static void tell_failed(struct ctl_session *s, const struct error *e)
{
	ctl_warn(s, "%lu counters of threads could not be opened and were read as 0: %s%s%s",
		 (unsigned long)s->region->counters_failed, error_text(e), e->hint ? ": " : "", e->hint ? e->hint : "");
}

void ctl_counters_tell(struct ctl_session *s)
{
	const struct abi_region *r = s->region;

	if (s->counters_refused)
		ctl_warn(s, "threads that seccomp filters confine read no counters of the processor, but 0");
	if (r->counters_failed)
		tell_failed(s, explain(r->counters_error));
	if (r->counters_idle)
		ctl_warn(s, "%lu reads of counters found the processor counting something else: it has too few for all "
			 "that are asked for", (unsigned long)r->counters_idle);
}
