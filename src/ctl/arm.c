/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: from the bundle's sites to bytes in the process.
 *
 *	plan     sites of one address become bodies of one patch; the planner
 *	         places its trampoline; no byte of the process is touched
 *	apply    in the stop window: bytes are compared with what was planned
 *	         for and written, semaphores raised, traps published
 *	move     program counters that stand inside a patch go to the twin
 *
 * A patch stays on the list when its library is unloaded; when the same code comes
 * back to the same address, its trampoline is used again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/code.h"
#include "ctl/family.h"
#include "ctl/hooks.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"

#define COMPARED 16u /* bytes of code by which a copy is known */

/* ---- sites and bodies --------------------------------------------------------------------- */

/* The sites of one address in one module. */
struct group {
	struct ctl_process *p;
	const struct ctl_module *m;
	const uint32_t *sites; /* bundle's */
	uint32_t n;
	uint64_t address;
	struct patch_body *bodies;
	uint32_t n_bodies;
	const struct ctl_foreign *below; /* another session's patch there */
	const struct ctl_patch *hook; /* or a hook of ours for a system call */
	struct patch_return *returns;
	uint32_t n_returns;
	uint32_t first, end; /* positions in the file's sites */
	bool for_unwinders; /* the hook of one is among the bodies */
	bool shares; /* probes of a system call are */
	bool shares_life; /* the hook of a fork, exec or end is */
};

bool ctl_site_applies(const struct ctl_process *p, const struct bundle_site *site)
{
	const struct bundle_probe *probe = &p->session->bundle->probes.p[site->probe];

	if ((probe->pid && probe->pid != (uint32_t)p->proc->pid) || (probe->target_only && !p->is_target))
		return false;
	return !(site->flags & CTL_SITE_SYSCALLS) || !*site->module || probe->pid ||
	       ctl_runs_program(p, site->module);
}

static uint64_t string_address(const struct ctl_process *p, uint32_t offset)
{
	return offset ? p->place.code + offset : 0;
}

/* Fills an entry of the process's site table; its number. */
static uint32_t add_site(struct ctl_process *p, const struct ctl_module *m,
			 const struct ctl_body_wish *w, int32_t sp_adjust)
{
	uint32_t number = w->site;
	const struct bundle_site *site = &p->session->bundle->sites.p[number];
	struct abi_site *table = (void *)(p->view + (p->place.sites - p->place.image));

	table[p->next_site] = (struct abi_site){
		.pc = m->bias + site->address,
		.bias = m->bias,
		.point = string_address(p, site->point),
		.function = string_address(p, site->function),
		.name = string_address(p, site->name),
		.provider = string_address(p, site->provider),
		.probe = site->probe,
		.number = number,
		.sp_adjust = sp_adjust,
		.flags = w->at_entry ? CTL_SITE_ENTRY : site->flags,
	};
	return p->next_site++;
}

/* What the planner's callback needs to finish an inline body at its place. */
struct inline_place {
	const struct ctl_process *p;
	const struct bundle_inline *in;
};

static void place_inline(void *user, uint8_t *at, uint64_t address)
{
	const struct inline_place *i = user;
	const struct ctl_session *s = i->p->session;
	struct error *e = ctl_relocate(&s->runtime, s->bundle, &i->p->place, i->in->relocs.p,
				       i->in->relocs.n, at, address);

	/* Only distances out of reach can fail here; code that needs them is not made inline. */
	base_assert(!e);
}

static struct patch_body inline_body(struct ctl_process *p, const struct bundle_inline *in,
				     bool generic)
{
	struct inline_place *user = arena_new(p->session->scratch, struct inline_place);

	*user = (struct inline_place){ p, in };
	return (struct patch_body){ .generic = generic,
				    .bytes = in->bytes,
				    .size = in->size,
				    .place = place_inline,
				    .user = user };
}

bool ctl_body_make(struct ctl_process *p, const struct ctl_module *m, const struct ctl_body_wish *w,
		   struct patch_body *out)
{
	const struct bundle *b = p->session->bundle;
	const struct bundle_handler *h = &b->handlers.p[w->handler];
	enum bundle_variant v = w->variant;

	*out = (struct patch_body){ 0 };
	if (h->variant[v].kind == BUNDLE_ABSENT)
		v = v == VARIANT_GENERIC ? VARIANT_ENTRY : VARIANT_GENERIC;
	out->generic = v == VARIANT_GENERIC;
	switch (h->variant[v].kind) {
	case BUNDLE_FULL:
		if (p->next_site == p->place.max_sites)
			return false;
		out->handler = p->place.code + h->variant[v].at;
		out->site_number = add_site(p, m, w, w->depth + bundle_sp_adjust(v));
		return true;
	case BUNDLE_INLINE:
		*out = inline_body(p, &b->inlines.p[h->variant[v].at], out->generic);
		return true;
	default:
		return false;
	}
}

static void add_body(struct group *g, uint32_t number)
{
	const struct bundle_site *site = &g->p->session->bundle->sites.p[number];
	struct ctl_body_wish w = { .site = number,
				   .handler = site->handler,
				   .variant = site->flags & CTL_SITE_ENTRY ? VARIANT_ENTRY :
									     VARIANT_GENERIC };

	if (ctl_body_make(g->p, g->m, &w, &g->bodies[g->n_bodies]))
		g->n_bodies++;
}

static void add_bodies(struct group *g)
{
	const struct bundle *b = g->p->session->bundle;

	g->bodies = arena_array(g->p->session->scratch, struct patch_body,
				g->n + 2 + ctl_life_most(g->p));
	for (uint32_t i = 0; i < g->n; i++)
		if (!(b->sites.p[g->sites[i]].flags & ABI_SITE_RETURN))
			add_body(g, g->sites[i]);
	g->n_returns = ctl_returns_make(g->p, g->m, g->sites, g->n, &g->returns);
}

/* ---- semaphores ------------------------------------------------------------------------------ */

static void want_semaphore(struct ctl_process *p, const struct ctl_module *m,
			   const struct bundle_site *site)
{
	uint64_t address = m->bias + site->semaphore;

	if (!site->semaphore)
		return;
	vec_each(have, &p->semaphores) {
		if (have->address == address) {
			have->wanted = true;
			return;
		}
	}
	vec_push(p->arena, &p->semaphores,
		 (struct ctl_semaphore){ .address = address, .wanted = true });
}

static struct error *semaphore_add(const struct ctl_process *p, uint64_t address, int by)
{
	uint16_t value;

	if (proc_read(p->proc, address, &value, sizeof value) != sizeof value)
		return error_new(ERROR_OTHER, "no semaphore at 0x%lx", (unsigned long)address);
	if (by < 0 && value == 0)
		return NULL;
	value = (uint16_t)(value + by);
	return proc_write(p->proc, address, &value, sizeof value);
}

/* ---- planning ----------------------------------------------------------------------------------
 */

static void note_unplaced(struct ctl_process *p, uint32_t n, const char *why)
{
	if (!p->n_unplaced)
		p->unplaced = why;
	p->n_unplaced += n;
}

/* Servers move their text to large pages: then it is in anonymous memory, or in a file without a name ("/anon_hugepage"). */
static bool is_copy(const struct ctl_process *p, const struct ctl_module *m, uint64_t address)
{
	uint64_t available;
	const uint8_t *file;
	uint8_t code[COMPARED];
	struct elf_file *f;

	if (address < m->start || address >= m->end || elf_open(p->session->elf, m->file->path, &f))
		return false;
	file = elf_bytes(f, address - m->bias, &available);
	return file && available >= sizeof code &&
	       proc_read(p->proc, address, code, sizeof code) == sizeof code &&
	       memcmp(code, file, sizeof code) == 0;
}

static bool is_code(const struct ctl_process *p, const struct ctl_module *m, uint64_t address)
{
	const struct proc_map *map = proc_maps_find(&p->maps, address);

	if (!map || !map->executable)
		return false;
	if (map->inode && map->inode == m->inode && map->device == m->device)
		return true;
	return (!map->inode || map->deleted) && is_copy(p, m, address);
}

static void remember_code(const struct group *g, struct ctl_patch *patch)
{
	patch->code_size =
		(uint32_t)proc_read(g->p->proc, g->address, patch->code, sizeof patch->code);
}

static bool is_as_before(const struct ctl_process *p, const struct ctl_patch *patch)
{
	uint8_t code[sizeof patch->code];

	return proc_read(p->proc, patch->address, code, patch->code_size) == patch->code_size &&
	       memcmp(code, patch->code, patch->code_size) == 0;
}

/* Libraries made alike have the same code at the same place, one after the other, and sites of their own. */
static bool is_of_file(const struct ctl_process *p, const struct ctl_patch *patch, const struct ctl_file *f)
{
	const struct bundle *b = p->session->bundle;

	return patch->is_helper || patch->first_site >= b->sites.n ||
	       strcmp(b->sites.p[patch->first_site].module, f->path) == 0;
}

/*
 * Plans from before a dlclose stand for new ones as long as the code is the same. Else nothing
 * of them counts any more.
 */
static void review_dormant(struct ctl_process *p, const struct ctl_module *m)
{
	bool same = true;

	vec_each(patch, &p->patches)
		if (patch->address >= m->start && patch->address < m->end && !patch->wanted)
			same &= is_of_file(p, patch, m->file) && is_as_before(p, patch);
	if (same)
		return;
	patch_space_forget(p->space, m->start, m->end);
	vec_each(patch, &p->patches)
		if (patch->address >= m->start && patch->address < m->end && !patch->wanted)
			map_put_u64(p->by_address, patch->address, NULL);
}

/* A patch of the same sites and code from before a dlclose; NULL if there is none. */
static struct ctl_patch *find_dormant(const struct group *g)
{
	uintptr_t index = (uintptr_t)map_find_u64(g->p->by_address, g->address);
	struct ctl_patch *have = index ? &g->p->patches.p[index - 1] : NULL;

	if (!have || have->wanted || have->first_site != g->sites[0] || !is_as_before(g->p, have))
		return NULL;
	return have;
}

/* Only if no handler there runs unconditionally. */
static void remember_conditions(const struct group *g, struct ctl_patch *patch)
{
	const struct ctl_session *s = g->p->session;

	for (uint32_t i = 0; i < g->n; i++)
		if (!s->bundle->probes.p[s->bundle->sites.p[g->sites[i]].probe].condition)
			return;
	if (g->p->follow_shared_at == g->address || g->hook || g->for_unwinders || g->shares || g->shares_life)
		return;
	patch->conditional = arena_dup(g->p->arena, g->sites, g->n * sizeof *g->sites);
	patch->n_conditional = g->n;
	ctl_conditions_judge(s, patch);
}

/* Somebody may come to a byte of it that traps. */
static bool traps(const struct patch_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_moved; i++)
		if (plan->moved[i].from - plan->address < plan->size)
			return true;
	return plan->rung == RUNG_TRAP;
}

/* What a plan relies on is a patch of its own, before it in the list. */
void ctl_helpers_add(struct ctl_process *p, struct ctl_patch *patch)
{
	struct patch_plan *plan = &patch->plan;

	patch->n_helpers = plan->n_before;
	for (uint32_t i = 0; i < plan->n_before; i++) {
		/* Compared with its code when the library comes again. */
		struct ctl_patch helper = { .plan = plan->before[i],
					    .address = plan->before[i].address,
					    .is_helper = true,
					    .for_unwinders = patch->for_unwinders,
					    .wanted = true };

		helper.code_size = (uint32_t)proc_read(p->proc, helper.address, helper.code,
						       sizeof helper.code);
		p->needs_hooks |= traps(&helper.plan);
		vec_push(p->arena, &p->patches, helper);
	}
	plan->before = NULL; /* it may be in scratch memory */
	plan->n_before = 0;
}

/*
 * A site inside another session's jump: the instruction is executed in that one's trampoline, which is not
 * ours to write (ADR 23). The sites are planned when the other session has left.
 */
static bool wait_for_session(struct ctl_process *p, struct ctl_waiting *w, uint64_t address)
{
	const struct ctl_foreign *f = ctl_chain_near(p, address);

	if (!f)
		return false;
	w->address = f->address;
	w->size = f->size;
	memcpy(w->jump, f->patched, sizeof w->jump);
	vec_push(p->arena, &p->waiting, *w);
	return true;
}

/* Another tool's breakpoint is in the way, or a session's jump: the sites are planned when it has gone. */
static bool wait_for_others(const struct group *g)
{
	struct ctl_process *p = g->p;
	struct ctl_waiting w = { .file = g->m->file,
				 .bias = g->m->bias,
				 .address = g->address,
				 .first = g->first,
				 .end = g->end };

	/* Not for one of several returns: planned again is the whole group. */
	if (g->address != g->m->bias + p->session->bundle->sites.p[g->sites[0]].address)
		return false;
	/* A jump's pinned byte looks like a breakpoint. */
	if (ctl_chain_near(p, g->address) && !ctl_chain_at(p, g->address))
		return wait_for_session(p, &w, g->address);
	if (!ctl_breakpoint_at(p, w.address))
		w.address += CTL_ENDBR_SIZE;
	if (!ctl_breakpoint_at(p, w.address))
		return wait_for_session(p, &w, g->address);
	vec_push(p->arena, &p->waiting, w);
	return true;
}

void ctl_arm_add(struct ctl_process *p, struct ctl_patch *patch)
{
	p->rungs[patch->plan.rung]++;
	p->needs_hooks |= traps(&patch->plan);
	ctl_helpers_add(p, patch);
	ctl_unwinds_add(p, &patch->plan);
	vec_push(p->arena, &p->patches, *patch);
	map_put_u64(p->by_address, patch->address, (void *)(uintptr_t)p->patches.n);
}

/* Plans the request, and notes the patch. */
static void plan_request(struct group *g, struct patch_request *r, struct ctl_patch *patch)
{
	struct ctl_process *p = g->p;
	struct error *e;

	e = ctl_chain_plan(p, p->session->scratch, g->hook, g->below, r, patch);
	if (e && wait_for_others(g))
		return;
	if (e) {
		note_unplaced(p, g->n, error_text(e));
		return;
	}
	remember_conditions(g, patch);
	ctl_arm_add(p, patch);
}

/* The return instructions of a function that must not be called; from the highest down. */
static void plan_rets(const struct group *whole, const struct patch_request *function,
		      const struct ctl_returns *returns)
{
	struct group g = *whole;
	struct patch_request r = *function;

	g.hook = NULL; /* that is at the entry */
	r.n_bodies = returns->keeps ? 0 : ctl_returns_bodies(g.p, g.m, g.sites, g.n, &g.bodies);
	r.bodies = g.bodies;
	r.n_returns = returns->keeps ? r.n_returns : 0;
	r.form = PATCH_RETURN_FIND;
	r.check_start = true;
	vec_each(at, &returns->frame.rets)
		patch_space_expect(g.p->space, *at);
	for (uint32_t i = returns->frame.rets.n; i-- > 0 && (r.n_bodies || r.n_returns);) {
		struct ctl_patch patch = { .first_site = g.sites[0], .wanted = true };

		g.address = r.address = patch.address = returns->frame.rets.p[i];
		if (map_find_u64(g.p->by_address, g.address))
			continue;
		g.below = ctl_chain_at(g.p, g.address);
		remember_code(&g, &patch);
		plan_request(&g, &r, &patch);
	}
}

/* An address in a script, in code of which no function is known: the planner cannot tell. A marker is where it is. */
static bool is_inside(const struct group *g)
{
	struct error *e;

	if (g->p->session->bundle->sites.p[g->sites[0]].provider || !ctl_code_is_inside(g->p, g->m, g->address))
		return false;
	e = error_new(ERROR_UNSUPPORTED, "0x%llx is inside an instruction", (unsigned long long)g->address);
	note_unplaced(g->p, g->n, error_text(e));
	return true;
}

static void plan_patch(struct group *g)
{
	struct ctl_process *p = g->p;
	struct ctl_patch patch = { .address = g->address,
				   .first_site = g->sites[0],
				   .wanted = true,
				   .shares_life = g->shares_life,
				   .for_unwinders = g->for_unwinders };
	struct patch_request r = { .address = g->address,
				   .alone = g->for_unwinders,
				   .allow_trap = ctl_hooks_can_trap(p),
				   .bodies = g->bodies,
				   .n_bodies = g->n_bodies,
				   .returns = g->returns,
				   .n_returns = g->n_returns };
	struct ctl_returns returns;
	struct error *e;

	r.check_start = !(p->session->bundle->sites.p[g->sites[0]].flags &
			  (CTL_SITE_ENTRY | ABI_SITE_RETURN));
	ctl_code_read(p, g->m, &p->session->bundle->sites.p[g->sites[0]], &r);
	if (r.check_start && !r.function_end && is_inside(g))
		return;
	remember_code(g, &patch);
	e = ctl_returns_choose(p, g->m, g->sites[0], &r, &returns);
	if (e)
		note_unplaced(p, r.n_returns, error_text(e));
	else if (returns.at_rets)
		plan_rets(g, &r, &returns);
	if (e || (returns.at_rets && !returns.keeps))
		r.n_returns = 0; /* the entry may still be probed */
	if (r.n_bodies || r.n_returns)
		plan_request(g, &r, &patch);
}

/* A hook of ours at the address makes the patch its own as well. With probes of its system call, which share the same way. */
static void share_call_at(struct group *g, uint64_t address)
{
	uint32_t n = ctl_life_share(g->p, address, g->bodies, g->n_bodies);

	g->shares_life = n != 0;
	if (!n)
		n = ctl_syscalls_share(g->p, address, g->bodies + g->n_bodies);
	g->shares = n != 0;
	g->n_bodies += n;
}

/* A system call right at the beginning of the function, or behind its endbr64, where the patch goes. */
static void share_call(struct group *g)
{
	share_call_at(g, g->address);
	if (!g->shares && ctl_code_is_endbr(g->p, g->address))
		share_call_at(g, g->address + CTL_ENDBR_SIZE);
}

/* Those of the sites that concern the process and are code; watchpoints among them are planned. */
static void choose_sites(struct group *g)
{
	const struct ctl_file *f = g->m->file;
	uint32_t *sites = arena_array(g->p->session->scratch, uint32_t, g->end - g->first);

	g->sites = sites;
	for (uint32_t i = g->first; i < g->end; i++) {
		const struct bundle_site *site = &g->p->session->bundle->sites.p[f->sites.p[i]];

		if (!ctl_site_applies(g->p, site))
			continue;
		if (site->flags & ABI_SITE_WATCH)
			ctl_watch_plan(g->p, g->m, f->sites.p[i]);
		else
			sites[g->n++] = f->sites.p[i];
	}
}

/* A patch from before a dlclose is wanted again; false: there is none. */
static bool wake_dormant(const struct group *g)
{
	struct ctl_patch *dormant = find_dormant(g);

	if (!dormant)
		return false;
	for (uint32_t i = 0; i <= dormant->n_helpers; i++)
		dormant[-(int64_t)i].wanted = true;
	dormant->trapped = false;
	ctl_conditions_judge(g->p->session, dormant);
	return true;
}

/* What the sites run, and what else of ours runs at the same address. */
static void gather_bodies(struct group *g)
{
	add_bodies(g);
	if (ctl_modules_share_hook(g->p, g->m, g->address, &g->bodies[g->n_bodies]))
		g->n_bodies++;
	g->for_unwinders = ctl_unwind_share_hook(g->p, g->m, g->address, &g->bodies[g->n_bodies]);
	g->n_bodies += g->for_unwinders;
	share_call(g);
}

/* Sites [first, end) of the module's file have one address. */
static void plan_group(struct ctl_process *p, const struct ctl_module *m, uint32_t first,
		       uint32_t end, bool hooks_planned)
{
	const struct bundle *b = p->session->bundle;
	struct group g = { .p = p,
			   .m = m,
			   .first = first,
			   .end = end,
			   .address = m->bias + b->sites.p[m->file->sites.p[first]].address };

	choose_sites(&g);
	if (!g.n)
		return;
	if (!is_code(p, m, g.address)) {
		note_unplaced(p, g.n, "no code at its address");
		return;
	}
	if (!hooks_planned && ctl_hooks_claim(p, g.address)) {
		vec_push(p->arena, &p->claimed,
			 (struct ctl_waiting){ m->file, m->bias, g.address, first, end });
		p->needs_hooks = true;
		return;
	}
	for (uint32_t i = 0; i < g.n; i++)
		want_semaphore(p, m, &b->sites.p[g.sites[i]]);
	if (wake_dormant(&g))
		return;
	gather_bodies(&g);
	g.hook = ctl_hooks_at(p, g.address);
	g.below = g.hook ? NULL : ctl_chain_at(p, g.address);
	if (g.n_bodies || g.n_returns)
		plan_patch(&g);
}

/* First of the sites that have one address with the site before `end`. */
static uint32_t group_start(const struct ctl_process *p, const struct ctl_file *f, uint32_t end)
{
	const struct bundle *b = p->session->bundle;
	uint32_t i = end - 1;

	while (i && b->sites.p[f->sites.p[i - 1]].address == b->sites.p[f->sites.p[end - 1]].address)
		i--;
	return i;
}

/* From the highest address down, see patch_space_expect(). */
static void plan_module(struct ctl_process *p, struct ctl_module *m)
{
	const struct ctl_file *f = m->file;
	const struct bundle *b = p->session->bundle;
	struct arena_mark mark = arena_mark(p->session->scratch);

	review_dormant(p, m);
	patch_space_forget(p->space, 0, 0); /* what was known of another library's code */
	vec_each(site, &f->sites)
		if (!(b->sites.p[*site].flags & ABI_SITE_WATCH))
			patch_space_expect(p->space, m->bias + b->sites.p[*site].address);
	ctl_hooks_expect(p, m);
	ctl_syscalls_expect(p, m);
	for (uint32_t end = f->sites.n, start; end; end = start) {
		start = group_start(p, f, end);
		plan_group(p, m, start, end, false);
		arena_reset(p->session->scratch, mark);
	}
	m->planned = true;
}

static const struct ctl_module *module_of(const struct ctl_process *p, const struct ctl_waiting *w)
{
	vec_each(m, &p->modules)
		if (m->file == w->file && m->bias == w->bias && m->planned)
			return m;
	return NULL;
}

/* Those whose breakpoint has gone; who waits for a module that is gone waits no more. */
static void plan_waiting(struct ctl_process *p)
{
	uint32_t n = p->waiting.n, kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct ctl_waiting w = p->waiting.p[i];
		const struct ctl_module *m = module_of(p, &w);
		struct arena_mark mark = arena_mark(p->session->scratch);

		if (!m)
			continue;
		if (ctl_still_waits(p, &w)) {
			p->waiting.p[kept++] = w;
			continue;
		}
		plan_group(p, m, w.first, w.end, p->hooks != NULL);
		arena_reset(p->session->scratch, mark);
	}
	/* Some may have begun to wait again. */
	for (uint32_t i = n; i < p->waiting.n; i++)
		p->waiting.p[kept++] = p->waiting.p[i];
	p->waiting.n = kept;
}

void ctl_arm_plan_claimed(struct ctl_process *p)
{
	vec_each(w, &p->claimed) {
		const struct ctl_module *m = module_of(p, w);
		struct arena_mark mark = arena_mark(p->session->scratch);

		if (m)
			plan_group(p, m, w->first, w->end, true);
		arena_reset(p->session->scratch, mark);
	}
	p->claimed.n = 0;
}

void ctl_arm_plan(struct ctl_process *p)
{
	plan_waiting(p);
	vec_each(m, &p->modules)
		if (!m->planned)
			plan_module(p, m);
}

/* ---- all of them ------------------------------------------------------------------------ */

/* What arming while threads run needs: see live.c. */
static void know_traps(struct ctl_process *p, struct ctl_patch *patch)
{
	if (patch->trapped)
		return;
	ctl_traps_add(p, &patch->plan);
	if (patch->plan.rung != RUNG_TRAP)
		ctl_trap_add(p, patch->plan.address, patch->plan.trampoline);
	patch->trapped = true;
}

/* All of its helpers stand. */
static bool can_rely(const struct ctl_patch *patch)
{
	for (uint32_t i = 1; i <= patch->n_helpers; i++)
		if (!patch[-(int64_t)i].armed)
			return false;
	return true;
}

/*
 * Before the bytes: should the tool die between two patches, whoever comes to a pinned byte must
 * find its way.
 */
static struct error *publish_traps(struct ctl_process *p)
{
	vec_each(patch, &p->patches) {
		if (!patch->wanted || patch->armed)
			continue;
		if (patch->conditional)
			know_traps(p, patch);
		else if (!patch->held_off && !patch->gave_way)
			ctl_traps_add(p, &patch->plan);
	}
	if (p->follow.wanted && !p->follow.armed)
		ctl_traps_add(p, &p->follow.plan);
	return ctl_traps_publish(p);
}

static struct error *write_patches(struct ctl_process *p)
{
	vec_each(patch, &p->patches) {
		struct error *e;

		if (!patch->wanted || patch->armed || patch->held_off || patch->gave_way)
			continue;
		if (can_rely(patch))
			e = ctl_patch_write(p, patch);
		else
			e = error_new(ERROR_OTHER, "the code near 0x%lx has changed",
				      (unsigned long)patch->address);
		if (e && e->code != ERROR_OTHER)
			return e;
		if (e) {
			patch->wanted = false;
			note_unplaced(p, 1, error_text(e));
		}
	}
	if (p->follow.wanted && !p->follow.armed)
		return ctl_patch_write(p, &p->follow);
	return NULL;
}

struct error *ctl_arm_apply(struct ctl_process *p)
{
	struct error *e = ctl_ledger_note(p);

	ctl_text_begin(p);
	if (!e)
		e = ctl_unwinds_publish(p);
	if (!e)
		e = publish_traps(p);
	if (!e)
		e = write_patches(p);
	ctl_text_end(p);

	vec_each(s, &p->semaphores) {
		struct error *bad;

		if (e || !s->wanted || s->raised)
			continue;
		bad = semaphore_add(p, s->address, 1);
		s->raised = !bad;
		s->wanted = !bad;
		if (bad)
			note_unplaced(p, 1, error_text(bad));
	}
	return e ? e : ctl_ledger_note(p);
}

void ctl_disarm_bytes(struct ctl_process *p, bool keep_unwinders)
{
	struct error *e, *next;
	uint32_t covered;

	ctl_text_begin(p);
	e = ctl_patch_restore(p, &p->follow);
	covered = p->n_covered;

	for (uint32_t i = p->patches.n; i-- > 0;) {
		struct ctl_patch *patch = &p->patches.p[i];
		bool was_armed = patch->armed;

		if (patch->for_unwinders && keep_unwinders)
			continue;
		next = ctl_patch_restore(p, patch);
		e = e ? e : next;
		/* Covered: the bytes that will come back rely on its helpers. */
		if (was_armed && p->n_covered > covered)
			i -= patch->n_helpers;
		covered = p->n_covered;
	}
	ctl_text_end(p);
	vec_each(s, &p->semaphores) {
		next = s->raised ? semaphore_add(p, s->address, -1) : NULL;
		s->raised = s->wanted = false;
		e = e ? e : next;
	}
	if (e && e->code != ERROR_NO_PROCESS)
		ctl_warn(p->session, "process %d: %s", (int)p->proc->pid, error_text(e));
}
