/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls under way: functions that a trampoline has called return into it, whenever that may be.
 *
 *	[back]			pushed by the trampoline's call: what is searched for
 *	 frames of sites	row.cfa in all, from here to the end of the caller's frame
 *	[out]			the trampoline's last ret
 *	[return address]	the program's
 *
 * Where functions come back from is known to nobody but the stacks. Those of threads are looked
 * at from the stack pointer on. A coroutine that waits has its stack anywhere, so all
 * memory that may hold one is searched. At a normal return the word is written over by what runs
 * there, so that it is rarely found where a call is over (left by an exception, on a
 * stack without a thread): then our memory stays without need.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/session.h"

#define FILTER_BITS 16
#define RED_ZONE 128u
#define BATCH 256u /* pages looked at, and read, at a time */
#define MOST_MAPPED (1ull << 40) /* bytes of a mapping that may hold stacks: no sanitizer's shadow */
#define PRESENT (3ull << 62) /* in an entry of /proc/PID/pagemap: in memory, or swapped out */

/* ---- what is searched for ---------------------------------------------------------------------- */

static uint32_t hash(uint64_t word)
{
	return (uint32_t)(word ^ word >> FILTER_BITS) & ((1u << FILTER_BITS) - 1);
}

static bool is_call(const struct abi_unwind *row)
{
	return row->kind == ABI_UNWIND_CALL || row->kind == ABI_UNWIND_SHADOW_CALL;
}

void ctl_under_way_begin(struct ctl_process *p, struct arena *a, struct ctl_under_way *out)
{
	*out = (struct ctl_under_way){ .p = p, .arena = a };
	out->backs = map_create(a);
	out->filter = arena_array(a, uint8_t, (1u << FILTER_BITS) / 8);
	vec_each(row, &p->unwinds) {
		if (!is_call(row))
			continue;
		map_put_u64(out->backs, row->end, row);
		out->filter[hash(row->end) / 8] |= (uint8_t)(1u << hash(row->end) % 8);
	}
}

/* Does the frame that belongs above such a word stand there? */
static bool has_frame(const struct ctl_under_way *u, const struct abi_unwind *row, uint64_t at)
{
	const struct proc_map *code;
	uint64_t words[2];

	if (row->kind == ABI_UNWIND_SHADOW_CALL)
		return true;
	at += sizeof(uint64_t) + (uint64_t)row->cfa - sizeof words;
	if (proc_read(u->p->proc, at, words, sizeof words) != sizeof words)
		return false;
	code = proc_maps_find(&u->p->maps, words[1]);
	return ctl_target_owns(u->p, words[0]) && code && code->executable;
}

/* address: of the first word, aligned; lets: those that can be given back are, and do not count */
static uint32_t count_in(const struct ctl_under_way *u, const uint64_t *words, size_t n,
			 uint64_t address, bool lets)
{
	uint32_t found = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t h = hash(words[i]);
		const struct abi_unwind *row;

		if (!(u->filter[h / 8] & 1u << h % 8))
			continue;
		row = map_find_u64(u->backs, words[i]);
		found += row && has_frame(u, row, address + i * sizeof *words) &&
			 !(lets && ctl_let_return(u->p, u->ret, row, address + i * sizeof *words));
	}
	return found;
}

/* ---- stacks of threads ----------------------------------------------------------------------------- */

/* The thread's own stack, not one of several in a mapping: the main thread's, or with its control block at the top. */
static bool is_own_stack(const struct proc_map *m, const struct proc_registers *r)
{
	return strcmp(m->path, "[stack]") == 0 ||
	       (r->user.fs_base > r->user.rsp && r->user.fs_base < m->end);
}

uint32_t ctl_under_way_thread(struct ctl_under_way *u, const struct proc_registers *r)
{
	uint64_t sp = r->user.rsp & ~(uint64_t)7, *words;
	const struct proc_map *stack = proc_maps_find(&u->p->maps, sp);
	struct arena_mark mark = arena_mark(u->p->session->scratch);
	uint32_t n;
	size_t size;

	if (!u->p->unwinds.n || !stack)
		return 0;
	if (is_own_stack(stack, r) && sp - stack->start > RED_ZONE)
		vec_push(u->arena, &u->dead,
			 (struct patch_range){ stack->start, sp - RED_ZONE });
	words = arena_alloc(u->p->session->scratch, stack->end - sp);
	size = proc_read(u->p->proc, sp, words, stack->end - sp) / sizeof *words;
	n = count_in(u, words, size, sp, u->lets);
	arena_reset(u->p->session->scratch, mark);
	return n;
}

/* ---- everything else -------------------------------------------------------------------------------- */

static bool may_hold_stacks(const struct ctl_process *p, const struct proc_map *m)
{
	bool ours = m->start >= p->place.process &&
		    m->start < p->place.region + p->session->region_size;

	return m->readable && m->writable && !m->shared && !ours && m->end - m->start <= MOST_MAPPED;
}

static bool is_dead(const struct ctl_under_way *u, uint64_t page)
{
	vec_each(r, &u->dead)
		if (page >= r->start && page + ABI_PAGE <= r->end)
			return true;
	return false;
}

/* From `from` on: where pages that are in use begin, and how many follow each other. */
static uint32_t next_run(const struct ctl_under_way *u, const uint64_t *entries, uint32_t n,
			 uint64_t start, uint32_t *from)
{
	uint32_t i = *from, end;

	while (i < n && (!(entries[i] & PRESENT) || is_dead(u, start + (uint64_t)i * ABI_PAGE)))
		i++;
	for (end = i; end < n; end++)
		if (!(entries[end] & PRESENT) || is_dead(u, start + (uint64_t)end * ABI_PAGE))
			break;
	*from = i;
	return end - i;
}

/* A batch of pages, at `start`. */
static uint32_t count_in_pages(const struct ctl_under_way *u, int pagemap, uint64_t start, uint32_t n,
			       uint64_t *words)
{
	uint64_t entries[BATCH], at, size;
	uint32_t found = 0, from = 0, run;

	if (pread(pagemap, entries, n * sizeof *entries,
		  (off_t)(start / ABI_PAGE * sizeof *entries)) != (ssize_t)(n * sizeof *entries))
		memset(entries, 0xff, sizeof entries); /* not told: all are read */
	for (; (run = next_run(u, entries, n, start, &from)); from += run) {
		at = start + (uint64_t)from * ABI_PAGE;
		size = proc_read(u->p->proc, at, words, (size_t)run * ABI_PAGE);
		found += count_in(u, words, size / sizeof *words, at, false);
	}
	return found;
}

uint32_t ctl_under_way_anywhere(const struct ctl_under_way *u)
{
	const struct proc_maps *maps = &u->p->maps;
	uint64_t *words = arena_alloc(u->arena, (size_t)BATCH * ABI_PAGE);
	uint32_t found = 0;
	char path[64];
	int pagemap;

	if (!u->p->unwinds.n)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/pagemap", (int)u->p->proc->pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < maps->n; i++) {
		const struct proc_map *m = &maps->p[i];

		if (!may_hold_stacks(u->p, m))
			continue;
		for (uint64_t at = m->start; at < m->end; at += (uint64_t)BATCH * ABI_PAGE)
			found += count_in_pages(u, pagemap, at,
						(uint32_t)base_min((m->end - at) / ABI_PAGE,
								   (uint64_t)BATCH),
						words);
	}
	if (pagemap >= 0)
		close(pagemap);
	return found;
}
