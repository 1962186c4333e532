/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patches by which a process tells of its forks, threads, execs and ends, the table of handlers
 * that it runs then, and those that the tool runs in its place.
 *
 * The patches are ordinary ones, on the list of the process.  They stand in the C library, the loader and in
 * programs without either, and are found once per file.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/code.h"
#include "ctl/family.h"
#include "ctl/file_calls.h"
#include "ctl/hook_sites.h"
#include "ctl/hooks.h"
#include "ctl/life_sites.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"

#define JUMP_SIZE 5u
#define ENDBR_SIZE 4u

struct life_found {
	struct life_site site; /* address: from the beginning of the mapping */
	uint64_t function_start, function_end; /* link-time, 0 0 unknown */
};
/* Those of one mapping of a file. */
struct life_places {
	VEC(struct life_found) list;
};

bool ctl_life_any(const struct bundle *b)
{
	vec_each(p, &b->probes)
		if (p->life)
			return true;
	return false;
}

uint32_t ctl_life_count(const struct bundle *b)
{
	uint32_t n = 0;

	vec_each(p, &b->probes)
		n += p->life != 0;
	return n;
}

bool ctl_life_wanted(const struct ctl_session *s)
{
	return !s->options->no_follow || ctl_life_any(s->bundle);
}

/* ---- places -------------------------------------------------------------------------- */

/* A call whose number is known at run time only may be an exec: Go makes them so. */
struct opens {
	struct ctl_session *session;
	struct life_places *places;
};

static void add_open(void *user, const struct patch_call *c, const struct bundle_site *function)
{
	const struct opens *o = user;
	struct life_found found = { .site = { .hook = LIFE_BEFORE_ANY, .until = c->address },
			       .function_start = function->function_start,
			       .function_end = function->function_end };
	uint32_t nth = 0;

	while (nth + 1 < c->n_before && c->address - c->before[nth] < JUMP_SIZE)
		nth++;
	found.site.address = c->before[nth];
	vec_push(o->session->arena, &o->places->list, found);
}

static int from_highest(const void *a, const void *b)
{
	const struct life_found *x = a, *y = b;

	return x->site.address < y->site.address ? 1 : x->site.address > y->site.address ? -1 : 0;
}

static void add_opens(struct ctl_process *p, const struct proc_map *m, struct life_places *out)
{
	ctl_syscalls_each_open(p, m, add_open, &(struct opens){ p->session, out });
	if (out->list.n)
		qsort(out->list.p, out->list.n, sizeof *out->list.p, from_highest);
}

static const struct life_places *look_through(struct ctl_process *p, const struct proc_map *m, struct elf_file *elf,
					      uint64_t bias, struct ctl_file_calls *known)
{
	struct ctl_session *s = p->session;
	struct arena_mark mark = arena_mark(s->scratch);
	uint64_t size;
	const uint8_t *bytes = ctl_mapping_original(p, m, &size);
	struct life_places *out = arena_new(s->arena, struct life_places);
	struct life_sites sites = { 0 };
	const char *name;

	life_sites_find(s->scratch, bytes, size, 0, &sites);
	vec_each(site, &sites.list) {
		struct life_found found = { .site = *site };

		if (elf && !elf_function_at(elf, m->start + site->address - bias, &name, &found.function_start,
					    &found.function_end))
			found.function_start = found.function_end = 0;
		vec_push(s->arena, &out->list, found);
	}
	arena_reset(s->scratch, mark);
	if (elf && elf->is_go)
		add_opens(p, m, out);
	known->life = size ? out : NULL;
	return out;
}

/* NULL: it makes no such calls that we look for. */
static const struct life_places *places_of(struct ctl_process *p, const struct proc_map *m, uint64_t *bias)
{
	struct elf_file *elf;
	struct ctl_file_calls *known;

	if (m->deleted || !ctl_hooks_may_ask(p, m, &elf))
		return NULL;
	*bias = elf ? ctl_bias_of(p, m) : m->start;
	known = ctl_file_calls_of(p->session, m, elf);
	return known->life ? known->life : look_through(p, m, elf, *bias, known);
}

static const struct ctl_patch *patch_at(struct ctl_process *p, uint64_t address)
{
	uintptr_t index = (uintptr_t)map_find_u64(p->by_address, address);

	return index && p->patches.p[index - 1].wanted ? &p->patches.p[index - 1] : NULL;
}

/* Alone, or with sites that have the same place: those of a function with an endbr64 are known by that. */
static bool is_planned(struct ctl_process *p, uint64_t address)
{
	const struct ctl_patch *at_endbr = patch_at(p, address - ENDBR_SIZE);

	return patch_at(p, address) || (at_endbr && at_endbr->shares_life);
}

static bool is_behind(enum life_hook hook)
{
	return hook == LIFE_AFTER_CLONE || hook == LIFE_AFTER_EXEC;
}

/*
 * Our own, and those of probes of the system call, which cannot have a patch beside this one. A child is made known
 * before they run in it; an end is told after they have run.
 */
static uint32_t bodies_of(struct ctl_process *p, uint64_t address, const struct life_site *site, struct patch_body *out)
{
	uint8_t *text = arena_alloc(p->session->scratch, LIFE_BODY_MAX);
	uint64_t hook = ctl_runtime_address(p, life_hook_names[site->hook]);
	uint32_t n = 0;

	if (site->hook == LIFE_BEFORE_ANY)
		n = ctl_syscalls_before_call(p, address + (site->until - site->address), out);
	else if (!is_behind(site->hook))
		n = ctl_syscalls_before(p, address, site->number, out);

	out[n++] = (struct patch_body){ .generic = true, .bytes = text, .size = life_body(site, hook, text) };
	if (is_behind(site->hook))
		n += ctl_syscalls_behind(p, address - SYSCALL_SIZE, out + n);
	return n;
}

static struct error *plan_site(struct ctl_process *p, const struct proc_map *m, uint64_t bias, const struct life_found *found)
{
	struct ctl_session *s = p->session;
	const struct elf_file *elf = ctl_map_file(p, m);
	struct ctl_file file = { .path = elf ? elf->path : "" };
	struct ctl_module module = { .file = &file, .bias = bias, .start = m->start, .end = m->end };
	uint64_t address = m->start + found->site.address;
	struct bundle_site site = { .address = address - bias,
				    .function_start = found->function_start,
				    .function_end = found->function_end };
	struct patch_body *bodies = arena_array(s->scratch, struct patch_body, 1 + ctl_syscalls_most(p));
	struct patch_request r = { .address = address, .bodies = bodies };
	struct ctl_patch patch = { .address = address, .first_site = UINT32_MAX, .wanted = true };
	const struct ctl_foreign *below = ctl_chain_at(p, address);
	struct error *e;

	if (found->site.until) {
		r.until = m->start + found->site.until;
		r.check_start = true;
	}
	if (below && r.until)
		return error_new(ERROR_OTHER, "another session probes the system call at 0x%lx", (unsigned long)r.until);
	r.n_bodies = bodies_of(p, address, &found->site, bodies);
	ctl_code_read(p, &module, &site, &r);
	e = ctl_chain_plan(p, s->scratch, NULL, below, &r, &patch);
	if (e && ctl_hooks_can_trap(p)) {
		/* Not for less: traps need hooks, which cost every program more than they are worth here. */
		r.allow_trap = true;
		e = ctl_chain_plan(p, s->scratch, NULL, below, &r, &patch);
		if (!e)
			ctl_arm_add(p, &patch);
		return e;
	}
	if (e)
		return e;
	patch.n_helpers = patch.plan.n_before;
	ctl_helpers_add(p, &patch);
	ctl_unwinds_add(p, &patch.plan);
	vec_push(p->arena, &p->patches, patch);
	map_put_u64(p->by_address, address, (void *)(uintptr_t)p->patches.n);
	return NULL;
}

/* All of them in what is mapped: `visit` gets each. */
static void each_site(struct ctl_process *p, void (*visit)(struct ctl_process *p, const struct proc_map *m, uint64_t bias,
							   const struct life_found *f))
{
	for (uint32_t i = 0; i < p->maps.n; i++) {
		uint64_t bias = 0;
		const struct life_places *places = places_of(p, &p->maps.p[i], &bias);

		for (uint32_t j = 0; places && j < places->list.n; j++)
			visit(p, &p->maps.p[i], bias, &places->list.p[j]);
	}
}

static void expect(struct ctl_process *p, const struct proc_map *m, uint64_t bias, const struct life_found *f)
{
	uint64_t address = m->start + f->site.address;

	(void)bias;
	vec_push(p->arena, &p->life_places, (struct ctl_life_place){ address, f });
	if (!is_planned(p, address))
		patch_space_expect(p->space, address);
}

static void plan(struct ctl_process *p, const struct proc_map *m, uint64_t bias, const struct life_found *f)
{
	struct arena_mark mark = arena_mark(p->session->scratch);
	struct error *e = is_planned(p, m->start + f->site.address) ? NULL : plan_site(p, m, bias, f);

	if (e)
		ctl_syscalls_unshare(p, m->start + f->site.address);
	if (e)
		ctl_verbose(p->session, 1, "process %d: %s is not watched at 0x%lx: %s", (int)p->proc->pid,
			    life_hook_names[f->site.hook], (unsigned long)(m->start + f->site.address), error_text(e));
	arena_reset(p->session->scratch, mark);
}

void ctl_life_expect(struct ctl_process *p)
{
	p->life_places.n = 0;
	if (ctl_life_wanted(p->session))
		each_site(p, expect);
}

uint32_t ctl_life_most(const struct ctl_process *p)
{
	return 1 + ctl_syscalls_most(p);
}

uint32_t ctl_life_share(struct ctl_process *p, uint64_t address, struct patch_body *bodies, uint32_t n)
{
	const struct life_found *found = NULL;
	struct patch_body *more;
	uint32_t n_more;

	vec_each(place, &p->life_places)
		if (place->address == address)
			found = place->found;
	if (!found || found->site.until || is_planned(p, address))
		return 0;
	more = arena_array(p->session->scratch, struct patch_body, ctl_life_most(p));
	n_more = bodies_of(p, address, &found->site, more);
	if (is_behind(found->site.hook)) {
		memmove(bodies + n_more, bodies, n * sizeof *bodies);
		memcpy(bodies, more, n_more * sizeof *more);
	} else {
		memcpy(bodies + n, more, n_more * sizeof *more);
	}
	return n_more;
}

void ctl_life_plan(struct ctl_process *p)
{
	if (ctl_life_wanted(p->session))
		each_site(p, plan);
}

/* ---- which handlers --------------------------------------------------------------------- */

bool ctl_life_matches(const struct bundle_probe *probe, const struct ctl_program *program, pid_t pid)
{
	struct stat st;

	if (probe->pid)
		return probe->pid == (uint32_t)pid;
	if (!probe->program)
		return true;
	return stat(probe->program, &st) == 0 && st.st_ino == program->inode && st.st_dev == program->device;
}

struct ctl_program ctl_program_of(pid_t pid)
{
	struct ctl_program out = { 0, 0 };
	struct stat st;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (stat(path, &st) == 0)
		out = (struct ctl_program){ st.st_dev, st.st_ino };
	return out;
}

uint64_t ctl_life_size(const struct bundle *b)
{
	return base_align((uint64_t)ctl_life_count(b) * sizeof(struct abi_life), (uint64_t)ABI_PAGE);
}

/* A site that is at no instruction: its handler asks for its probe point only. */
static uint32_t add_place(struct ctl_process *p, uint32_t probe)
{
	const struct bundle_probe *b = &p->session->bundle->probes.p[probe];
	struct abi_site *table = (void *)(p->view + (p->place.sites - p->place.image));

	table[p->next_site] = (struct abi_site){ .point = b->point_text ? p->place.code + b->point_text : 0,
						 .probe = probe,
						 .sp_adjust = BUNDLE_SP_ADJUST_GENERIC };
	return p->next_site++;
}

struct error *ctl_life_place(struct ctl_process *p, struct abi_process *page)
{
	const struct bundle *b = p->session->bundle;
	struct ctl_program program = ctl_program_of(p->proc->pid);
	struct abi_life *list = arena_array(p->arena, struct abi_life, ctl_life_count(b) + 1);
	const uint64_t mark = 1;
	struct error *e;
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->probes.n; i++) {
		const struct bundle_probe *probe = &b->probes.p[i];
		const struct bundle_handler *h = &b->handlers.p[probe->handler];

		if (!probe->life || h->variant[VARIANT_CALLED].kind != BUNDLE_FULL ||
		    !ctl_life_matches(probe, &program, p->proc->pid) || p->next_site == p->place.max_sites)
			continue;
		list[n++] = (struct abi_life){ .handler = p->place.code + h->variant[VARIANT_CALLED].at,
					       .site = add_place(p, i),
					       .event = (uint16_t)probe->life,
					       .pid = probe->pid };
	}
	page->memory_mark = p->place.table + CTL_TABLE_SIZE;
	page->lives = p->place.lives;
	page->n_lives = n;
	page->alone = p->session->options->no_follow;
	page->member = p->member;
	page->member_pid = page->pid;
	page->image_number = p->image_number;
	e = proc_write(p->proc, page->memory_mark, &mark, sizeof mark);
	return e || !n ? e : proc_write(p->proc, p->place.lives, list, n * sizeof *list);
}
