/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Returns: handlers at the return of a function become parts of the patch at its entry.
 *
 * Which way the function is called is chosen from its code (patch/frame.h).
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/code.h"
#include "ctl/session.h"

#define WORD 8
#define PAIR 16 /* the word in front of the frames, and the return address that is popped */

/*
 * Frames lie below each other, the last site's outermost: what is between a
 * frame and the function's return address are those of the sites behind it.
 */
uint32_t ctl_returns_make(struct ctl_process *p, const struct ctl_module *m, const uint32_t *sites,
			  uint32_t n, struct patch_return **out)
{
	const struct bundle *b = p->session->bundle;
	struct patch_return *made = arena_array(p->session->scratch, struct patch_return, n + 1);
	uint32_t count = n; /* filled from behind */
	int32_t depth = 0;

	for (uint32_t i = n; i-- > 0;) {
		const struct bundle_site *site = &b->sites.p[sites[i]];
		struct ctl_body_wish w = { .site = sites[i],
					   .handler = site->handler,
					   .variant = VARIANT_RETURN };
		struct patch_return *r = &made[count - 1];

		if (!(site->flags & ABI_SITE_RETURN))
			continue;
		*r = (struct patch_return){ .frame = site->frame };
		w.depth = depth + (int32_t)site->frame + PAIR;
		if (!ctl_body_make(p, m, &w, &r->body))
			continue;
		w.handler = site->saver - 1;
		w.variant = VARIANT_ENTRY;
		w.at_entry = true;
		w.depth -= WORD;
		if (site->saver)
			(void)ctl_body_make(p, m, &w, &r->saver);
		depth += (int32_t)site->frame;
		count--;
	}
	*out = made + count;
	return n - count;
}

/* ---- how the function is called ----------------------------------------------------- */

static uint32_t read_part(void *user, uint64_t at, uint8_t *to, uint32_t n)
{
	const struct ctl_process *p = user;
	const struct proc_map *m = proc_maps_find(&p->maps, at);
	uint64_t start, end, bias;
	struct elf_file *f;
	const char *name;

	if (!m || !m->executable)
		return 0;
	n = (uint32_t)base_min((uint64_t)n, m->end - at);
	bias = ctl_bias_of(p, m);
	f = ctl_map_file(p, m);
	if (f && elf_function_at(f, at - bias, &name, &start, &end))
		n = (uint32_t)base_min((uint64_t)n, bias + end - at);
	return (uint32_t)proc_read(p->proc, at, to, n);
}

static struct error *cannot(const struct patch_request *r, const char *why)
{
	return error_new(ERROR_UNSUPPORTED, "the return of the function at 0x%lx cannot be probed: %s",
			 (unsigned long)r->address, why);
}

/*
 * Functions that return more than once, or to where they were not called from: what they do with
 * their return address may be in another function, or in the kernel.
 */
static const char *const not_called[] = {
	"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "__sigsetjmp_cancel", "vfork", "__vfork",
	"__libc_vfork", "getcontext", "swapcontext", "setcontext", "__getcontext", "__swapcontext",
	"_start", "__start", "_dl_start_user", "__restore_rt", "rt_sigreturn", "clone", "__clone",
	"__clone2", "clone3", "__clone3", "__clone_internal", "_dl_runtime_resolve",
	"_dl_runtime_profile", "__start_context",
};

/* A stub that jumps to such a function has its name with an ending: "vfork$plt", as mold writes it; so has a version of it. */
static bool is_called(const char *name)
{
	size_t length = strcspn(name, "$@");

	for (size_t i = 0; i < base_count(not_called); i++)
		if (strncmp(name, not_called[i], length) == 0 && !not_called[i][length])
			return false;
	return true;
}

static bool name_fits(const struct bundle *b, const struct bundle_site *site)
{
	const struct abi_string *name = (const void *)(b->code + site->function);

	return !site->function || is_called(name->text);
}

static bool is_go(const struct ctl_process *p, const struct ctl_module *m)
{
	struct elf_file *f;

	return !elf_open(p->session->elf, m->file->path, &f) && f->is_go;
}

static enum elf_calls calls_of(const struct ctl_process *p, const struct ctl_module *m)
{
	struct elf_file *f;

	return elf_open(p->session->elf, m->file->path, &f) ? ELF_CALLS_PLAIN : elf_calls_of(f);
}

static bool is_jumped_to(const struct bundle *b, const struct bundle_site *site)
{
	const struct abi_string *name = (const void *)(b->code + site->function);

	return site->function && elf_is_jumped_to(name->text);
}

/* Then the goroutine's address is where the runtime looks for it. */
static bool is_own_linker(const struct ctl_process *p, const struct ctl_module *m)
{
	struct elf_file *f;

	return !elf_open(p->session->elf, m->file->path, &f) && f->is_static && !f->is_shared;
}

static bool has_savers(const struct patch_request *r)
{
	for (uint32_t i = 0; i < r->n_returns; i++)
		if (r->returns[i].frame)
			return true;
	return false;
}

/*
 * Only at its own rets: a goroutine's stack is moved, a runtime may know its return addresses, who looks at a return address must find his caller's, and
 * an unwinder that cannot be found must find no frame of ours.
 */
static struct error *choose_rets(struct ctl_process *p, const struct ctl_module *m,
				 struct patch_request *r, struct ctl_returns *out)
{
	bool go = is_go(p, m);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < out->frame.rets.n; i++)
		if (out->frame.rets.p[i] - r->function_start < r->function_end - r->function_start)
			out->frame.rets.p[kept++] = out->frame.rets.p[i];
	out->frame.rets.n = kept;
	out->at_rets = true;
	out->keeps = has_savers(r);
	if (out->keeps && go && !is_own_linker(p, m))
		return cannot(r, "what it is called with cannot be kept in a Go program that was linked with C");
	if (out->keeps) {
		r->form = PATCH_RETURN_KEEP;
		r->shadow_enter = ctl_runtime_address(p, go ? "rt_go_frame_keep" : "rt_frame_keep");
		r->shadow_leave = ctl_runtime_address(p, go ? "rt_go_frame_find" : "rt_frame_find");
	}
	return kept ? NULL : cannot(r, "it has no return instruction of its own");
}

struct error *ctl_returns_choose(struct ctl_process *p, const struct ctl_module *m, uint32_t site,
				 struct patch_request *r, struct ctl_returns *out)
{
	struct patch_frame_request look = { .start = r->function_start,
					    .end = r->function_end,
					    .read = read_part,
					    .user = p };
	const struct patch_frame *frame = &out->frame;
	enum elf_calls calls = calls_of(p, m);

	*out = (struct ctl_returns){ 0 };
	if (!r->n_returns)
		return NULL;
	if (!r->function_end || r->function_end > r->code_address + r->code_size)
		return cannot(r, "its extent is not known");
	look.code = r->code + (r->function_start - r->code_address);
	patch_frame_look(p->session->scratch, &look, &out->frame);
	if (calls == ELF_CALLS_JUMPS && is_jumped_to(p->session->bundle, &p->session->bundle->sites.p[site]))
		return cannot(r, "it is jumped to, and does not return");
	if (frame->reads_return || is_go(p, m) || calls != ELF_CALLS_PLAIN || ctl_unwind_is_blind(p, m) ||
	    !name_fits(p->session->bundle, &p->session->bundle->sites.p[site]))
		return choose_rets(p, m, r, out);
	r->form = frame->why ? PATCH_RETURN_SHADOWED : PATCH_RETURN_INSERTED;
	r->shadow_enter = ctl_runtime_address(p, "rt_shadow_enter");
	r->shadow_leave = ctl_runtime_address(p, "rt_shadow_leave");
	if (frame->tail_jumps)
		r->chain_check = ctl_runtime_address(p, "rt_chain_check");
	ctl_verbose(p->session, 3, "  return of 0x%lx: %s%s%s", (unsigned long)r->address,
		    frame->why ? "return address kept aside, because of " : "frame inserted",
		    frame->why ? frame->why : "", frame->tail_jumps ? ", may be tail-called" : "");
	return NULL;
}

uint32_t ctl_returns_bodies(struct ctl_process *p, const struct ctl_module *m, const uint32_t *sites,
			    uint32_t n, struct patch_body **out)
{
	const struct bundle *b = p->session->bundle;
	uint32_t count = 0;

	*out = arena_array(p->session->scratch, struct patch_body, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		struct ctl_body_wish w = { .site = sites[i],
					   .handler = b->sites.p[sites[i]].handler,
					   .variant = VARIANT_RETURN,
					   .depth = WORD };

		if (b->sites.p[sites[i]].flags & ABI_SITE_RETURN &&
		    ctl_body_make(p, m, &w, &(*out)[count]))
			count++;
	}
	return count;
}

/* ---- tables --------------------------------------------------------------------------- */

bool ctl_returns_any(const struct bundle *b)
{
	vec_each(s, &b->sites)
		if (s->flags & ABI_SITE_RETURN)
			return true;
	return false;
}

#define SHADOW_ALIGN 64u

/* Room for the frames of all probes: they may be at one function. */
uint32_t ctl_returns_shadow_entry(const struct bundle *b)
{
	uint32_t size = (uint32_t)sizeof(struct abi_shadow) + WORD, probe = UINT32_MAX;

	vec_each(s, &b->sites) {
		if (s->frame && s->probe != probe)
			size += s->frame;
		probe = s->probe;
	}
	return ctl_returns_any(b) ? base_align(size, SHADOW_ALIGN) : 0;
}

void ctl_unwinds_add(struct ctl_process *p, const struct patch_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_unwinds && p->place.max_unwinds; i++)
		vec_push(p->arena, &p->unwinds, plan->unwinds[i]);
}

static int by_start(const void *a, const void *b)
{
	const struct abi_unwind *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* No larger than needed: its entries are all over it, and memory is used when touched. */
static void fill_calls(const struct ctl_process *p, uint32_t *calls, uint32_t mask)
{
	memset(calls, 0, (mask + 1ul) * sizeof *calls);
	for (uint32_t i = 0; i < p->unwinds.n; i++) {
		const struct abi_unwind *row = &p->unwinds.p[i];
		uint32_t at = ABI_CALL_HASH(row->end), n = 0;

		if (row->kind != ABI_UNWIND_CALL && row->kind != ABI_UNWIND_SHADOW_CALL)
			continue;
		while (n < ABI_CALL_PROBES && calls[(at + n) & mask])
			n++;
		if (n < ABI_CALL_PROBES)
			calls[(at + n) & mask] = i + 1;
	}
}

/* Written over while threads may read it: they look at what they find there. */
static struct error *publish_calls(struct ctl_process *p)
{
	uint64_t pages[ABI_UNWIND_PAGES / 64] = { 0 };
	uint32_t size = base_min(p->place.max_calls, 64u), calls = 0;
	struct error *e;

	vec_each(row, &p->unwinds) {
		calls += row->kind == ABI_UNWIND_CALL || row->kind == ABI_UNWIND_SHADOW_CALL;
		for (uint64_t at = row->start & ~(uint64_t)(ABI_PAGE - 1); at < row->end; at += ABI_PAGE)
			pages[ABI_PAGE_HASH(at) / 64] |= 1ull << ABI_PAGE_HASH(at) % 64;
	}
	while (size < p->place.max_calls && size < 2 * calls)
		size *= 2;
	fill_calls(p, (void *)(p->view + (p->place.calls - p->place.image)), size - 1);
	e = ctl_process_write(p, offsetof(struct abi_process, unwind_pages), pages, sizeof pages);
	if (!e)
		e = ctl_process_write(p, offsetof(struct abi_process, calls_mask), &(uint32_t){ size - 1 },
				      sizeof(uint32_t));
	if (!e)
		e = ctl_process_write(p, offsetof(struct abi_process, calls), &p->place.calls,
				      sizeof p->place.calls);
	return e;
}

/* As with traps: a thread may have been stopped while it searches. */
struct error *ctl_unwinds_publish(struct ctl_process *p)
{
	uint64_t at = p->place.unwinds, n = p->unwinds.n;
	struct abi_unwind *to;
	struct error *e;

	if (n > p->place.max_unwinds)
		return error_new(ERROR_OTHER, "too many trampolines for the table that unwinds them");
	if (!n)
		return NULL;
	if (!p->unwinds_in_second)
		at += (uint64_t)p->place.max_unwinds * sizeof *to;
	p->unwinds_in_second = !p->unwinds_in_second;
	to = (void *)(p->view + (at - p->place.image));
	qsort(p->unwinds.p, n, sizeof *to, by_start);
	memcpy(to, p->unwinds.p, n * sizeof *to);
	e = publish_calls(p);
	if (!e)
		e = ctl_process_write(p, offsetof(struct abi_process, unwinds), &at, sizeof at);
	if (!e)
		e = ctl_process_write(p, offsetof(struct abi_process, n_unwinds), &n, sizeof n);
	return e;
}
