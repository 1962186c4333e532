/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sessions that need the signals of one process.
 *
 * The first takes them (hooks.c).  A later one does not: it enters itself as a
 * peer in the first one's struct abi_process, whose handler then knows
 * its faults and traps too.  So there is one keeper of what the program
 * believes of its signals, however many sessions there are.  When the keeper ends first,
 * its memory and its handlers stay for the peers, without a tool; whoever ends
 * last takes them out (cleanup.c).
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/hooks.h"
#include "ctl/session.h"

void ctl_peers_fill(const struct ctl_process *p, struct abi_process *page)
{
	uint64_t start = ctl_runtime_address(p, "rt_fault_start");
	uint64_t end = ctl_runtime_address(p, "rt_fault_end");

	page->faults = start;
	page->n_faults = start ? (end - start) / 8 : 0;
}

static bool read_peers(const struct ctl_process *p, uint64_t process, uint64_t out[ABI_PEERS])
{
	size_t size = ABI_PEERS * sizeof *out;

	return proc_read(p->proc, process + offsetof(struct abi_process, peers), out, size) == size;
}

static struct error *write_peer(const struct ctl_process *p, uint64_t process, uint32_t i,
				uint64_t value)
{
	return proc_write(p->proc, process + offsetof(struct abi_process, peers) + i * 8, &value, 8);
}

/* The session that has taken the signals: the earliest that did. */
static bool find_keeper(const struct ctl_process *p, struct ctl_trace *out)
{
	struct arena *a = arena_create();
	struct ctl_traces found;
	bool any = false;

	ctl_traces_find(p, a, &found);
	for (uint32_t i = 0; i < found.list.n && !any; i++) {
		any = found.list.p[i].head.signals_taken != 0;
		*out = found.list.p[i];
	}
	arena_destroy(a);
	return any;
}

bool ctl_peers_has_keeper(const struct ctl_process *p)
{
	struct ctl_trace keeper;

	return find_keeper(p, &keeper);
}

struct error *ctl_peers_join(struct ctl_process *p)
{
	uint64_t peers[ABI_PEERS];
	struct ctl_trace keeper;

	if (!find_keeper(p, &keeper) || !read_peers(p, keeper.process, peers))
		return error_new(ERROR_OTHER, "another session has just left process %d",
				 (int)p->proc->pid);
	for (uint32_t i = 0; i < ABI_PEERS; i++)
		if (!peers[i])
			return write_peer(p, keeper.process, i, p->place.process);
	return error_new(ERROR_OTHER, "%u sessions are in process %d already", ABI_PEERS + 1,
			 (int)p->proc->pid);
}

/* ---- walks through each other's trampolines ------------------------------------------ */

static bool read_company(const struct ctl_process *p, uint64_t process, uint64_t out[ABI_COMPANY])
{
	size_t size = ABI_COMPANY * sizeof *out;

	return proc_read(p->proc, process + offsetof(struct abi_process, company), out, size) == size;
}

static void write_company(const struct ctl_process *p, uint64_t process, uint32_t i, uint64_t value)
{
	struct error *ignored = proc_write(p->proc, process + offsetof(struct abi_process, company) + i * 8, &value, 8);

	(void)ignored; /* a walk ends there */
}

/* With no room its walks end in the other's trampolines. */
static void introduce(const struct ctl_process *p, uint64_t process, uint64_t other)
{
	uint64_t company[ABI_COMPANY];
	uint32_t free = ABI_COMPANY;

	if (!read_company(p, process, company))
		return;
	for (uint32_t i = ABI_COMPANY; i-- > 0;) {
		if (company[i] == other)
			return;
		if (!company[i])
			free = i;
	}
	if (free < ABI_COMPANY)
		write_company(p, process, free, other);
}

static void forget(const struct ctl_process *p, uint64_t process, uint64_t other)
{
	uint64_t company[ABI_COMPANY];

	if (!read_company(p, process, company))
		return;
	for (uint32_t i = 0; i < ABI_COMPANY; i++)
		if (company[i] == other)
			write_company(p, process, i, 0);
}

void ctl_company_join(const struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct ctl_traces found;

	ctl_traces_find(p, a, &found);
	vec_each(t, &found.list) {
		introduce(p, p->place.process, t->process);
		introduce(p, t->process, p->place.process);
	}
	arena_destroy(a);
}

/* ---- partings ------------------------------------------------------------------------- */

void ctl_peers_part(struct ctl_process *p)
{
	struct arena *a = arena_create();
	struct ctl_traces found;

	ctl_traces_find(p, a, &found);
	vec_each(t, &found.list) {
		uint64_t peers[ABI_PEERS];

		for (uint32_t i = 0; read_peers(p, t->process, peers) && i < ABI_PEERS; i++) {
			struct error *ignored;

			if (peers[i] != p->place.process)
				continue;
			ignored = write_peer(p, t->process, i, 0);
			(void)ignored;
		}
		forget(p, t->process, p->place.process);
	}
	arena_destroy(a);
}

/* A peer counts as long as its memory is there. */
bool ctl_peers_rely(const struct ctl_process *p, uint64_t process)
{
	uint64_t peers[ABI_PEERS], magic;

	if (!read_peers(p, process, peers))
		return false;
	for (uint32_t i = 0; i < ABI_PEERS; i++)
		if (peers[i] && proc_read(p->proc, peers[i], &magic, sizeof magic) == sizeof magic &&
		    magic == ABI_MAGIC)
			return true;
	return false;
}

bool ctl_peers_is_in_keeper(const struct ctl_process *p, uint64_t pc)
{
	const struct proc_map *m = proc_maps_find(&p->maps, pc);

	return m && strncmp(m->path, CTL_CODE_NAME, strlen(CTL_CODE_NAME)) == 0 &&
	       !ctl_target_owns(p, pc);
}
