/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls are hooked, and the patches for that.
 *
 *	rt_sigaction, rt_sigprocmask	 in place of the call: at the mov of its number, or at the syscall
 *	rt_sigsuspend, ppoll, pselect6,	 around it: at the mov and behind the syscall, which threads sleep
 *	epoll_pwait, epoll_pwait2	 in as before
 *
 * Whether there are to be hooks is known when all sites are planned: until then no site's patch takes their
 * instructions, and sites just there wait: they are planned last, upon the hooks, which stay while
 * sites' patches come and go.
 */
#include <string.h>
#include <sys/syscall.h>

#include "ctl/code.h"
#include "ctl/file_calls.h"
#include "ctl/hook_sites.h"
#include "ctl/hooks.h"
#include "ctl/syscalls.h"

#define AROUND 8192u /* bytes of code read on both sides of a site */

static const struct {
	uint32_t number;
	const char *hook; /* in place of the call */
	const char *begin; /* of a call that waits */
	enum abi_register mask; /* what points to its mask */
} calls[] = {
	{ SYS_rt_sigaction, "rt_hook_sigaction", NULL, 0 },
	{ SYS_rt_sigprocmask, "rt_hook_sigprocmask", NULL, 0 },
	{ SYS_rt_sigsuspend, NULL, "rt_wait_sigsuspend", ABI_RDI },
	{ SYS_ppoll, NULL, "rt_wait_ppoll", ABI_R10 },
	{ SYS_pselect6, NULL, "rt_wait_pselect", ABI_R9 },
	{ SYS_epoll_pwait, NULL, "rt_wait_epoll", ABI_R8 },
	{ SYS_epoll_pwait2, NULL, "rt_wait_epoll", ABI_R8 },
};

static size_t row_of(uint32_t number)
{
	for (size_t i = 0; i < base_count(calls); i++)
		if (calls[i].number == number)
			return i;
	base_unreachable();
}

/* A wait that something between mov and syscall gives its mask is left alone. */
static bool is_wanted(const struct hook_site *s)
{
	size_t row = row_of(s->number);

	return !calls[row].begin || !(s->written >> calls[row].mask & 1);
}

static bool is_wait(const struct hook_site *s)
{
	return calls[row_of(s->number)].begin != NULL;
}

/* From the beginning of the mapping. */
static const struct hook_sites *look_through(struct ctl_process *p, const struct proc_map *m, struct ctl_file_calls *known)
{
	struct ctl_session *session = p->session;
	struct arena_mark mark = arena_mark(session->scratch);
	struct hook_sites *out = arena_new(session->arena, struct hook_sites);
	uint64_t size;
	const uint8_t *bytes = ctl_mapping_original(p, m, &size);
	uint32_t numbers[base_count(calls)];
	struct hook_sites found = { 0 };

	for (size_t i = 0; i < base_count(calls); i++)
		numbers[i] = calls[i].number;
	hook_sites_find(session->scratch, bytes, size, 0, numbers, base_count(numbers), &found);
	vec_each(s, &found.list)
		if (is_wanted(s))
			vec_push(session->arena, &out->list, *s);
	arena_reset(session->scratch, mark);
	known->signals = size ? out : NULL;
	return out;
}

/* The system calls in a mapping. */
static void find_sites(struct ctl_process *p, struct arena *a, const struct proc_map *m, const struct elf_file *file,
		       struct hook_sites *out)
{
	struct ctl_file_calls *known = ctl_file_calls_of(p->session, m, file);
	const struct hook_sites *sites = known->signals ? known->signals : look_through(p, m, known);

	vec_each(s, &sites->list) {
		struct hook_site site = *s;

		site.address += m->start;
		site.move += m->start;
		site.after += m->start;
		vec_push(a, &out->list, site);
	}
}

/* Files that ask the kernel about signals: the C library, the loader, and programs without either. */
bool ctl_hooks_may_ask(struct ctl_process *p, const struct proc_map *m, struct elf_file **file)
{
	const char *name = strrchr(m->path, '/');

	*file = NULL;
	if (!m->executable || !m->inode || !name)
		return false;
	*file = ctl_map_file(p, m);
	if (strncmp(name, "/libc.", 6) == 0 || strncmp(name, "/libc-", 6) == 0 ||
	    strncmp(name, "/ld-", 4) == 0 || strncmp(name, "/libpthread", 11) == 0)
		return true;
	return *file && ((*file)->is_static || (*file)->is_go) && (*file)->entry;
}

/* ---- patches ------------------------------------------------------------------------- */

struct scan {
	struct ctl_process *p;
	const struct proc_map *m;
	struct elf_file *file;
};

struct ctl_patch *ctl_hooks_at(const struct ctl_process *p, uint64_t address)
{
	for (uint32_t i = 0; p->hooks && i < p->hooks->patches.n; i++)
		if (p->hooks->patches.p[i].address == address)
			return &p->hooks->patches.p[i];
	return NULL;
}

static void add_patch(const struct scan *s, struct ctl_patch *patch)
{
	struct ctl_process *p = s->p;

	for (uint32_t i = 0; i < patch->plan.n_before; i++)
		vec_push(p->arena, &p->hooks->patches,
			 (struct ctl_patch){ .plan = patch->plan.before[i],
					     .address = patch->plan.before[i].address,
					     .is_helper = true,
					     .wanted = true });
	patch->code_size = ctl_code_original(p, patch->address, patch->code,
					 base_min(sizeof patch->code, s->m->end - patch->address));
	vec_push(p->arena, &p->hooks->patches, *patch);
}

/* Extents of its function, where they are known, and the code around. */
static void look_around(const struct scan *s, struct patch_request *r)
{
	uint64_t bias = ctl_bias_of(s->p, s->m), start = 0, end = 0;
	uint64_t low = r->address - base_min(r->address - s->m->start, (uint64_t)AROUND);
	uint64_t high = base_min(r->address + AROUND, s->m->end);
	uint8_t *code;
	const char *name;

	if (s->file && elf_function_at(s->file, r->address - bias, &name, &start, &end)) {
		r->function_start = start + bias;
		r->function_end = end + bias;
		r->file = (uintptr_t)s->file;
		r->bias = bias;
		low = base_max(base_min(low, r->function_start), s->m->start);
		high = base_min(base_max(high, r->function_end), s->m->end);
	}
	code = arena_alloc(s->p->session->scratch, high - low);
	r->code = code;
	r->code_address = low;
	r->code_size = ctl_code_original(s->p, low, code, high - low);
}

/*
 * Our hook's body is the first. A signal that the hook's own system call lets in finds its call on the stack: for whoever
 * walks there the program is where it comes back to.
 */
static void note_unwinds(struct ctl_process *p, const struct patch_plan *plan, uint64_t comes_back)
{
	bool is_first = true;

	if (p->unwinds.n + plan->n_unwinds > p->place.max_unwinds / 2)
		return;
	for (uint32_t i = 0; i < plan->n_unwinds; i++) {
		struct abi_unwind row = plan->unwinds[i];

		if (row.kind == ABI_UNWIND_BODY && is_first) {
			hook_call_row(comes_back, &row);
			is_first = false;
		}
		vec_push(p->arena, &p->unwinds, row);
	}
}

static struct error *plan_bodies(const struct scan *s, uint64_t address, const struct patch_body *bodies, uint32_t n,
				 uint64_t comes_back)
{
	struct ctl_process *p = s->p;
	struct arena_mark mark = arena_mark(p->session->scratch);
	struct patch_request r = { .address = address,
				   .allow_trap = true,
				   .alone = true,
				   .bodies = bodies,
				   .n_bodies = n };
	struct ctl_patch patch = { .address = address, .wanted = true };
	const struct ctl_foreign *below = ctl_chain_at(p, address);
	struct error *e;

	look_around(s, &r);
	e = ctl_chain_plan(p, p->arena, NULL, below, &r, &patch);
	if (!e) {
		note_unwinds(p, &patch.plan, comes_back);
		add_patch(s, &patch);
	}
	arena_reset(p->session->scratch, mark);
	return e;
}

static struct error *plan_at(const struct scan *s, uint64_t address, const uint8_t *text, uint32_t size, uint64_t comes_back)
{
	struct patch_body body = { .generic = true, .bytes = text, .size = size };

	return plan_bodies(s, address, &body, 1, comes_back);
}

/* A hook at the syscall has the place where the call would come back to: it runs what is probed there. */
static struct error *plan_with_return(const struct scan *s, const struct hook_site *site, uint64_t hook)
{
	struct patch_body *bodies = ctl_syscalls_room(s->p);
	uint8_t text[HOOK_BODY_MAX], skip[HOOK_BODY_MAX];
	uint32_t n = 1;

	bodies[0] = (struct patch_body){ .generic = true, .bytes = text, .size = hook_call_body(hook, text) };
	n += ctl_syscalls_behind(s->p, site->after - SYSCALL_SIZE, bodies + n);
	bodies[n++] = (struct patch_body){ .generic = true, .bytes = skip, .size = hook_skip_body(skip) };
	return plan_bodies(s, site->address, bodies, n, site->after);
}

/*
 * What is done in place of a call does not go on to another session's patch: where that has the mov, the
 * hook goes to the syscall.
 */
static struct error *plan_call(const struct scan *s, const struct hook_site *found)
{
	struct hook_site site = *found;
	uint8_t text[HOOK_BODY_MAX];
	const char *hook;

	if (site.at_move && ctl_chain_has(s->p, site.address)) {
		site.address = site.after - SYSCALL_SIZE;
		site.at_move = false;
	}
	if (ctl_hooks_at(s->p, site.address))
		return NULL;
	if (ctl_chain_has(s->p, site.address)) {
		ctl_warn(s->p->session, "process %d: another session probes a system call for signals",
			 (int)s->p->proc->pid);
		return NULL;
	}
	hook = site.at_move ? calls[row_of(site.number)].hook : "rt_hook_any";
	if (!site.at_move)
		return plan_with_return(s, &site, ctl_runtime_address(s->p, hook));
	return plan_at(s, site.address, text,
		       hook_body(&site, ctl_runtime_address(s->p, hook), text), site.after);
}

static struct error *plan_wait(const struct scan *s, const struct hook_site *site)
{
	const char *begin = calls[row_of(site->number)].begin;
	uint8_t text[HOOK_BODY_MAX];
	struct error *e;

	if (ctl_hooks_at(s->p, site->move))
		return NULL;
	e = plan_at(s, site->after, text,
		    hook_call_body(ctl_runtime_address(s->p, "rt_wait_over"), text), site->after);
	return e ? e : plan_at(s, site->move, text,
			       hook_call_body(ctl_runtime_address(s->p, begin), text), site->move);
}

static struct error *scan(struct ctl_process *p, const struct proc_map *m, struct elf_file *f)
{
	struct scan s = { p, m, f };
	struct hook_sites found = { 0 };
	struct error *e = NULL;

	find_sites(p, p->arena, m, f, &found);
	vec_each(site, &found.list)
		if (!e)
			e = is_wait(site) ? plan_wait(&s, site) : plan_call(&s, site);
	return e;
}

struct error *ctl_hooks_prepare(struct ctl_process *p)
{
	struct error *e = NULL;

	if (!ctl_hooks_of(p)->armed)
		p->hooks->by_keeper = ctl_peers_has_keeper(p);
	for (uint32_t i = 0; i < p->maps.n && !e && !p->hooks->by_keeper; i++) {
		const struct proc_map *m = &p->maps.p[i];
		struct elf_file *f;
		bool seen = false;

		vec_each(start, &p->hooks->scanned)
			seen |= *start == m->start;
		if (seen || !ctl_hooks_may_ask(p, m, &f))
			continue;
		vec_push(p->arena, &p->hooks->scanned, m->start);
		e = scan(p, m, f);
	}
	return e;
}

/* ---- their places -------------------------------------------------------------------- */

static void forget_places(struct ctl_process *p, const struct ctl_module *m)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->hook_places.n; i++)
		if (p->hook_places.p[i] < m->start || p->hook_places.p[i] >= m->end)
			p->hook_places.p[kept++] = p->hook_places.p[i];
	p->hook_places.n = kept;
}

static void expect_at(struct ctl_process *p, uint64_t address)
{
	vec_push(p->arena, &p->hook_places, address);
	patch_space_expect(p->space, address);
}

static void expect_in(struct ctl_process *p, const struct proc_map *m, const struct elf_file *file)
{
	struct arena *scratch = p->session->scratch;
	struct hook_sites found = { 0 };

	find_sites(p, scratch, m, file, &found);
	vec_each(site, &found.list) {
		expect_at(p, is_wait(site) ? site->move : site->address);
		if (is_wait(site))
			expect_at(p, site->after);
	}
}

void ctl_hooks_expect(struct ctl_process *p, const struct ctl_module *module)
{
	forget_places(p, module);
	for (uint32_t i = 0; i < p->maps.n && ctl_hooks_can_trap(p); i++) {
		const struct proc_map *m = &p->maps.p[i];
		struct arena_mark mark = arena_mark(p->session->scratch);
		struct elf_file *f;

		if (m->start < module->start || m->start >= module->end || !ctl_hooks_may_ask(p, m, &f))
			continue;
		expect_in(p, m, f);
		arena_reset(p->session->scratch, mark);
	}
}

bool ctl_hooks_claim(const struct ctl_process *p, uint64_t address)
{
	vec_each(place, &p->hook_places)
		if (*place == address)
			return true;
	return false;
}
