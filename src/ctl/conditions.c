/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of probes: sites whose conditions are all false are disarmed.
 *
 * A handler that writes a variable of some condition raises region.conditions_dirty
 * and the event word; the tool then asks every condition and arms or disarms what
 * changed.  It comes late by nature; the condition is tested at each hit all the same, so a
 * site that is armed too long does nothing wrong.
 *
 * The flag is not fenced against the variable: they are asked once more a moment after a
 * change, so that none is missed for good.
 */
#include "ctl/session.h"

#define MS 1000000ll
#define ASK_LEAST (1 * MS) /* between two times */
#define ASK_AGAIN (5 * MS)

static bool has_conditions(const struct bundle *b)
{
	vec_each(p, &b->probes)
		if (p->condition)
			return true;
	return false;
}

/* True: some answer is another one than before. */
static bool ask_all(struct ctl_session *s)
{
	const struct bundle *b = s->bundle;
	bool changed = false;

	s->conditions_asked = ctl_now();
	for (uint32_t i = 0; i < b->probes.n; i++) {
		bool now;

		if (!b->probes.p[i].condition)
			continue;
		now = ctl_tool_ask(s, i);
		changed |= now != s->holds[i];
		s->holds[i] = now;
	}
	return changed;
}

void ctl_conditions_start(struct ctl_session *s)
{
	if (!has_conditions(s->bundle))
		return;
	s->holds = arena_array(s->arena, bool, s->bundle->probes.n);
	ask_all(s);
}

void ctl_conditions_judge(const struct ctl_session *s, struct ctl_patch *patch)
{
	patch->held_off = patch->conditional != NULL;
	for (uint32_t i = 0; i < patch->n_conditional && patch->held_off; i++)
		patch->held_off = !s->holds[s->bundle->sites.p[patch->conditional[i]].probe];
}

/* The sites from which a patch may reach up to PATCH_MAX bytes, behind an endbr64 at most. */
#define REACH (PATCH_MAX + 4)

static void make_unconditional(struct ctl_patch *patch)
{
	patch->conditional = NULL;
	patch->n_conditional = 0;
	patch->held_off = false;
}

static void settle_under(struct ctl_process *p, const struct patch_plan *plan)
{
	uint64_t start = plan->address + plan->size, end = plan->address + plan->span;

	for (uint64_t at = start - REACH; at < end; at++) {
		uintptr_t index = (uintptr_t)map_find_u64(p->by_address, at);
		struct ctl_patch *patch = index ? &p->patches.p[index - 1] : NULL;

		if (!patch || &patch->plan == plan || patch->plan.address >= end ||
		    patch->plan.address + patch->plan.size <= start)
			continue;
		make_unconditional(patch);
	}
}

void ctl_conditions_settle(struct ctl_process *p)
{
	if (!p->session->holds)
		return;
	vec_each(patch, &p->patches) {
		if (patch->wanted && patch->plan.span > patch->plan.size)
			settle_under(p, &patch->plan);
		/* Over another session's int3 ours cannot be told from it (live.c). */
		if (patch->link && patch->plan.span == 1)
			make_unconditional(patch);
	}
}

/* When patches that could not be armed or disarmed are due again. */
static int64_t next_try(const struct ctl_session *s)
{
	int64_t next = INT64_MAX;

	vec_each(p, &s->processes)
		if ((*p)->placed && (*p)->toggle_again)
			next = base_min(next, (*p)->toggle_again);
	return next;
}

/* In all processes, or in those where something is due again. */
static void apply(struct ctl_session *s, bool all)
{
	vec_each(at, &s->processes) {
		struct ctl_process *p = *at;
		struct error *e;

		if (!all && (!p->toggle_again || p->toggle_again > ctl_now()))
			continue;
		p->toggle_again = 0;
		if (!p->placed || proc_has_ended(p->proc) || ctl_has_execed(p))
			continue;
		vec_each(patch, &p->patches)
			ctl_conditions_judge(s, patch);
		e = ctl_live_apply(p);
		if (e && e->code != ERROR_NO_PROCESS && !proc_has_ended(p->proc))
			ctl_warn(s, "process %d: %s", (int)p->proc->pid, error_text(e));
	}
}

static int64_t next_ask(const struct ctl_session *s)
{
	if (__atomic_load_n(&s->region->conditions_dirty, __ATOMIC_SEQ_CST))
		return s->conditions_asked + ASK_LEAST;
	return s->conditions_again ? s->conditions_asked + ASK_AGAIN : INT64_MAX;
}

void ctl_conditions_serve(struct ctl_session *s)
{
	if (!s->holds)
		return;
	if (ctl_now() >= next_ask(s)) {
		s->conditions_again =
			__atomic_exchange_n(&s->region->conditions_dirty, 0, __ATOMIC_SEQ_CST);
		if (ask_all(s))
			apply(s, true);
	}
	if (ctl_now() >= next_try(s))
		apply(s, false);
}

int64_t ctl_conditions_next(const struct ctl_session *s)
{
	return s->holds ? base_min(next_ask(s), next_try(s)) : INT64_MAX;
}
