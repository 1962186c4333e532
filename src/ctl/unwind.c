/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwinders of the program, made to see through trampolines.
 *
 * An exception, a cancelled thread or backtrace() comes to a return address in
 * one of our trampolines and asks libgcc's _Unwind_Find_FDE(pc, bases) how to go on.
 * Its answer would come from the list of loaded objects, in which we are not.
 * So it is patched like any other function: for addresses of ours the
 * runtime answers (rt_hook_find_fde), else it goes on as before.  Nobody has to be
 * called for that, nothing is registered, and leaving puts the bytes back.
 *
 * Every copy is patched: libgcc_s.so.1, which may come late (backtrace, pthread_cancel), and
 * those linked into programs and libraries.
 */
#include <string.h>

#include "ctl/session.h"

#define FINDER "_Unwind_Find_FDE"
#define LARGE (32u << 20) /* files whose symbols are not worth reading for this */
#define CODE_BEHIND 16u

/* call *literal; je 1f; ret; 1: -- the literal follows and the finder's address, jumped over */
static const uint8_t hook[] = {
	0xff, 0x15, 0x05, 0, 0, 0, /* call *5(%rip) */
	0x74, 0x01, /* je: over the ret; rt_hook_find_fde knows that this takes 3 bytes */
	0xc3, /* ret */
	0xeb, 0x10, /* jmp over both */
};
#define HOOK_SIZE (sizeof hook + 2 * sizeof(uint64_t))

static struct patch_body hook_body(struct ctl_process *p, uint64_t finder)
{
	uint8_t *bytes = arena_alloc(p->arena, HOOK_SIZE);
	const uint64_t to[] = { ctl_runtime_address(p, "rt_hook_find_fde"), finder };

	memcpy(bytes, hook, sizeof hook);
	memcpy(bytes + sizeof hook, to, sizeof to);
	return (struct patch_body){ .bytes = bytes, .size = HOOK_SIZE };
}

static bool may_have_finder(const struct elf_file *f)
{
	const char *name = strrchr(f->path, '/');

	return f->image_size < LARGE || (name && strncmp(name, "/libgcc_s", 9) == 0);
}

/* Link-time address of the function in a file, 0 if it has none. */
static uint64_t finder_in(struct ctl_process *p, const char *path)
{
	const uint64_t *known = map_find(p->session->finders, path);
	const struct elf_symbol *symbol = NULL;
	struct elf_file *f;
	uint64_t *address;

	if (known)
		return *known;
	if (!elf_open(p->session->elf, path, &f) && may_have_finder(f))
		symbol = elf_symbol_find(f, FINDER);
	address = arena_new(p->session->arena, uint64_t);
	*address = symbol ? symbol->address : 0;
	map_put(p->session->finders, arena_strdup(p->session->arena, path), address);
	return *address;
}

uint64_t ctl_bias_of(const struct ctl_process *p, const struct proc_map *m)
{
	struct elf_file *f;

	if (elf_open(p->session->elf, m->path, &f))
		return 0;
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (s->executable && m->offset <= s->file_offset &&
		    s->file_offset < m->offset + (m->end - m->start))
			return m->start + (s->file_offset - m->offset) - s->address;
	}
	return 0;
}

bool ctl_unwind_share_hook(struct ctl_process *p, const struct ctl_module *m, uint64_t address,
			   struct patch_body *out)
{
	uint64_t finder = p->place.max_unwinds ? finder_in(p, m->file->path) : 0;

	if (!finder || m->bias + finder != address)
		return false;
	*out = hook_body(p, address);
	return true;
}

static struct ctl_patch *patch_at(struct ctl_process *p, uint64_t address)
{
	uintptr_t index = (uintptr_t)map_find_u64(p->by_address, address);

	return index ? &p->patches.p[index - 1] : NULL;
}

/* Is the file mapped anew where it was before? */
static bool is_lost(const struct ctl_process *p, const struct ctl_patch *patch)
{
	uint8_t bytes[PATCH_MAX];

	return patch->armed && proc_read(p->proc, patch->plan.address, bytes, patch->plan.size) ==
				       patch->plan.size &&
	       memcmp(bytes, patch->plan.original, patch->plan.size) == 0;
}

static struct error *plan_hook(struct ctl_process *p, uint64_t address, const struct proc_map *m,
			       uint64_t bias)
{
	struct patch_body body = hook_body(p, address);
	struct patch_request r = { .address = address, .alone = true, .bodies = &body, .n_bodies = 1 };
	struct ctl_patch patch = { .address = address,
				   .first_site = UINT32_MAX,
				   .wanted = true,
				   .for_unwinders = true };
	const struct ctl_foreign *below = ctl_chain_at(p, address);
	struct patch_body chain;
	uint64_t start, end;
	const char *name;
	struct elf_file *f;
	struct error *e;
	uint8_t *code;

	e = elf_open(p->session->elf, m->path, &f);
	if (e)
		return e;
	if (!elf_function_at(f, address - bias, &name, &start, &end))
		return error_new(ERROR_UNSUPPORTED, "%s is not understood", FINDER);
	r.function_start = r.code_address = bias + start;
	r.function_end = bias + end;
	code = arena_alloc(p->arena, end - start + CODE_BEHIND);
	r.code = code;
	r.code_size = (uint32_t)proc_read(p->proc, r.code_address, code, end - start + CODE_BEHIND);
	ctl_chain_original(p, r.code_address, code, r.code_size);
	if (below) {
		chain = ctl_chain_body(p->arena, below->trampoline);
		r.tail = &chain;
		r.upon = true;
	}
	r.allow_trap = true;
	e = patch_plan_make(p->arena, p->space, &r, &patch.plan);
	if (!e)
		e = ctl_chain_finish(p, below, &patch);
	if (e)
		return e;
	p->needs_hooks |= patch.plan.rung == RUNG_TRAP || patch.plan.n_moved;
	ctl_helpers_add(p, &patch);
	vec_push(p->arena, &p->patches, patch);
	map_put_u64(p->by_address, address, (void *)(uintptr_t)p->patches.n);
	return NULL;
}

void ctl_unwind_plan(struct ctl_process *p)
{
	for (uint32_t i = 0; i < p->maps.n && p->place.max_unwinds; i++) {
		const struct proc_map *m = &p->maps.p[i];
		uint64_t finder, bias;
		struct ctl_patch *have;
		struct error *e;

		if (!m->executable || !m->inode || m->deleted)
			continue;
		finder = finder_in(p, m->path);
		bias = finder ? ctl_bias_of(p, m) : 0;
		if (!finder || bias + finder < m->start || bias + finder >= m->end)
			continue;
		have = patch_at(p, bias + finder);
		if (have && is_lost(p, have))
			have->armed = false;
		if (have) {
			have->wanted = true;
			continue;
		}
		e = plan_hook(p, bias + finder, m, bias);
		if (e)
			ctl_warn(p->session, "exceptions cannot pass returns that are probed in process %d: %s",
				 (int)p->proc->pid, error_text(e));
	}
}
