/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchpoints: sites that are data.
 *
 *	plan	a module with such sites has come: an entry of the site table, a place in abi_process.watches
 *	arm	in the window, behind the signal hooks: a debug register in every thread; threads and forked processes to come
 *		inherit it from their makers
 *	stop	the registers are given back, everywhere at once: those of forked children are the kernel's copies, and go
 *		with the last descriptor of the event that they are copied from, in whichever process that was
 *	disarm	counts are told; a signal that is under way still finds its structure
 *
 * What happens at an access: runtime/arch/x86_64/watch.c.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ctl/session.h"

bool ctl_watches_any(const struct bundle *b)
{
	vec_each(s, &b->sites)
		if (s->flags & ABI_SITE_WATCH)
			return true;
	return false;
}

bool ctl_watches_pending(const struct ctl_process *p)
{
	vec_each(w, &p->watches)
		if (w->wanted && !w->armed)
			return true;
	return false;
}

/* ---- planning --------------------------------------------------------------------------- */

static bool is_planned(const struct ctl_process *p, uint32_t site, uint64_t address)
{
	vec_each(w, &p->watches)
		if (w->site == site && w->address == address)
			return true;
	return false;
}

void ctl_watch_plan(struct ctl_process *p, const struct ctl_module *m, uint32_t site)
{
	const struct bundle_site *s = &p->session->bundle->sites.p[site];
	struct ctl_watch w = { .site = site,
			       .address = s->address + (s->flags & CTL_SITE_ABSOLUTE ? 0 : m->bias),
			       .wanted = true };
	struct ctl_body_wish wish = { .site = site,
				      .handler = s->handler,
				      .variant = VARIANT_RETURN,
				      .depth = ABI_RED_ZONE + ABI_WATCH_FRAME };
	struct patch_body body;

	if (is_planned(p, site, w.address) || !ctl_body_make(p, m, &wish, &body))
		return;
	w.entry = (struct abi_watch){ .address = w.address,
				      .length = s->watch_length,
				      .handler = body.handler,
				      .site = body.site_number };
	vec_push(p->arena, &p->watches, w);
}

/* ---- arming -------------------------------------------------------------------------------- */

static void close_descriptors(struct ctl_watch *w)
{
	vec_each(fd, &w->descriptors)
		close(*fd);
	w->descriptors.n = 0;
}

static void close_all(struct ctl_watch *w)
{
	close_descriptors(w);
	w->armed = false;
}

static uint64_t address_of_entry(const struct ctl_process *p, uint32_t place)
{
	return p->place.process + offsetof(struct abi_process, watches) + place * sizeof(struct abi_watch);
}

static struct error *open_threads(struct ctl_process *p, struct ctl_watch *w)
{
	struct proc_watchpoint point = { .address = w->address,
					 .length = w->entry.length,
					 .reads = p->session->bundle->sites.p[w->site].watch_reads != 0,
					 .children = !p->session->options->no_follow,
					 .data = address_of_entry(p, w->place) };

	vec_each(t, &p->proc->threads) {
		struct error *e;
		int fd;

		if (!t->held)
			continue;
		e = proc_watchpoint_open(&point, t->tid, &fd);
		if (e && e->code != ERROR_NO_PROCESS)
			return e;
		if (!e)
			vec_push(p->arena, &w->descriptors, fd);
	}
	return NULL;
}

/* The first place that no other has. */
static bool find_place(const struct ctl_process *p, uint32_t *place)
{
	for (*place = 0; *place < ABI_WATCHES; ++*place) {
		bool taken = false;

		vec_each(w, &p->watches)
			taken |= w->armed && w->place == *place;
		if (!taken)
			return true;
	}
	return false;
}

static struct error *arm(struct ctl_process *p, struct ctl_watch *w)
{
	struct error *e;

	if (!find_place(p, &w->place))
		return error_new(ERROR_UNSUPPORTED, "%u addresses can be watched at a time, as many as the processor has debug "
				 "registers", ABI_WATCHES);
	w->entry.value = 0;
	if (proc_read(p->proc, w->address, &w->entry.value, w->entry.length) != w->entry.length)
		return error_new(ERROR_OTHER, "0x%" PRIx64 " cannot be watched: there is no memory", w->address);
	e = ctl_process_write(p, (uint32_t)(address_of_entry(p, w->place) - p->place.process), &w->entry,
			      sizeof w->entry);
	if (!e)
		e = open_threads(p, w);
	w->armed = true;
	if (e)
		close_all(w);
	return e;
}

void ctl_watches_arm(struct ctl_process *p)
{
	vec_each(w, &p->watches) {
		struct error *e;

		if (!w->wanted || w->armed)
			continue;
		e = arm(p, w);
		w->wanted = !e;
		if (e)
			ctl_warn(p->session, "process %d: %s%s%s", (int)p->proc->pid, error_text(e),
				 e->hint ? ": " : "", e->hint ? e->hint : "");
	}
}

void ctl_watches_stop(struct ctl_process *p)
{
	vec_each(w, &p->watches)
		close_descriptors(w);
}

void ctl_watches_inherit(struct ctl_process *p, const struct ctl_process *parent)
{
	vec_each(from, &parent->watches) {
		struct ctl_watch w = *from;

		memset(&w.descriptors, 0, sizeof w.descriptors);
		vec_each(fd, &from->descriptors) {
			int copy = fcntl(*fd, F_DUPFD_CLOEXEC, 0);

			if (copy >= 0)
				vec_push(p->arena, &w.descriptors, copy);
		}
		vec_push(p->arena, &p->watches, w);
	}
}

void ctl_watches_disarm(struct ctl_process *p)
{
	struct abi_watch now;

	vec_each(w, &p->watches) {
		uint32_t at = (uint32_t)(address_of_entry(p, w->place) - p->place.process);

		if (w->armed && ctl_process_read(p, at, &now, sizeof now) && now.missed)
			ctl_warn(p->session, "process %d: %" PRIu64 " accesses of watched data had no room on their stack",
				 (int)p->proc->pid, now.missed);
		close_all(w);
		w->wanted = false;
	}
}

void ctl_watches_forget(struct ctl_process *p)
{
	vec_each(w, &p->watches)
		close_all(w);
	p->watches.n = 0;
}

bool ctl_watches_signal_pending(const struct ctl_process *p, pid_t tid)
{
	return p->watches.n && ctl_trap_is_pending(tid);
}
