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
 * those linked into programs and libraries.  Where such a copy's functions have no names any more, and
 * for LLVM's and other unwinders, the loader's functions that they ask are patched: _dl_find_object
 * and dl_iterate_phdr.
 */
#include <string.h>

#include "ctl/code.h"
#include "ctl/session.h"

#define LARGE (32u << 20) /* files whose symbols are not worth reading for this */
#define CODE_BEHIND 16u

/* Functions that unwinders ask, and what stands in front of them. */
enum hook_kind { HOOK_FINDER, HOOK_FIND_OBJECT, HOOK_ITERATE, HOOK_KINDS };
static const struct {
	const char *name, *hook;
} hook_kinds[HOOK_KINDS] = {
	[HOOK_FINDER] = { "_Unwind_Find_FDE", "rt_hook_find_fde" },
	[HOOK_FIND_OBJECT] = { "_dl_find_object", "rt_hook_find_object" },
	[HOOK_ITERATE] = { "dl_iterate_phdr", "rt_hook_iterate" },
};

/* What is known of a file; link-time addresses, 0: it does not have the function. */
struct finders {
	uint64_t address[HOOK_KINDS];
	/* It asks the loader, for unwinding: it has an unwinder of its own, or may have one. */
	bool wants[HOOK_KINDS];
};

/* call *literal; je 1f; ret; 1: -- the literal follows and the function's address, jumped over */
static const uint8_t hook[] = {
	0xff, 0x15, 0x05, 0, 0, 0, /* call *5(%rip) */
	0x74, 0x01, /* je: over the ret; the runtime knows that this takes 3 bytes */
	0xc3, /* ret */
	0xeb, 0x10, /* jmp over both */
};
#define HOOK_SIZE (sizeof hook + 2 * sizeof(uint64_t))

static struct patch_body hook_body(struct ctl_process *p, enum hook_kind kind, uint64_t function)
{
	uint8_t *bytes = arena_alloc(p->arena, HOOK_SIZE);
	const uint64_t to[] = { ctl_runtime_address(p, hook_kinds[kind].hook), function };

	memcpy(bytes, hook, sizeof hook);
	memcpy(bytes + sizeof hook, to, sizeof to);
	return (struct patch_body){ .bytes = bytes, .size = HOOK_SIZE };
}

/* ---- which functions, in which files ------------------------------------------------------------ */

static bool is_libgcc(const struct elf_file *f)
{
	const char *name = strrchr(f->path, '/');

	return name && strncmp(name, "/libgcc_s", 9) == 0;
}

/* Libraries and the loader have no interpreter either. */
static bool is_static_program(const struct elf_file *f)
{
	return f->is_static && !f->soname && !f->n_needed;
}

/*
 * libgcc asks the loader as well, but only from _Unwind_Find_FDE, which is enough where it has a
 * name. A program without a loader has all it needs in itself.
 */
static void look_for_finders(struct elf_file *f, struct finders *out)
{
	bool small = f->image_size < LARGE || is_libgcc(f);

	for (uint32_t k = 0; k < HOOK_KINDS; k++) {
		const struct elf_symbol *s = small ? elf_symbol_find(f, hook_kinds[k].name) : NULL;

		out->address[k] = s && s->is_function ? s->address : 0;
		if (k != HOOK_FINDER && !is_libgcc(f))
			out->wants[k] = elf_imports(f, hook_kinds[k].name) ||
					(is_static_program(f) && out->address[k]);
	}
}

/* f NULL: there are none. */
static const struct finders *finders_of(struct ctl_process *p, struct elf_file *f)
{
	static const struct finders none;
	struct finders *known = f ? map_find_u64(p->session->finders, (uintptr_t)f) : NULL;

	if (known || !f)
		return known ? known : &none;
	known = arena_new(p->session->arena, struct finders);
	look_for_finders(f, known);
	map_put_u64(p->session->finders, (uintptr_t)f, known);
	return known;
}

static const struct finders *finders_in(struct ctl_process *p, const struct proc_map *m)
{
	return finders_of(p, m->executable ? ctl_map_file(p, m) : NULL);
}

bool ctl_unwind_share_hook(struct ctl_process *p, const struct ctl_module *m, uint64_t address,
			   struct patch_body *out)
{
	const struct finders *known;
	struct elf_file *f;

	if (!p->place.hooks_unwinders || elf_open(p->session->elf, m->file->path, &f))
		return false;
	known = finders_of(p, f);
	for (uint32_t k = 0; k < HOOK_KINDS; k++) {
		if (!known->address[k] || m->bias + known->address[k] != address)
			continue;
		*out = hook_body(p, k, address);
		return true;
	}
	return false;
}

bool ctl_unwind_is_blind(struct ctl_process *p, const struct ctl_module *m)
{
	struct elf_file *f;

	return !elf_open(p->session->elf, m->file->path, &f) && is_static_program(f) && elf_is_stripped(f) &&
	       !finders_of(p, f)->address[HOOK_FINDER];
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

static struct error *plan_hook(struct ctl_process *p, enum hook_kind kind, uint64_t address,
			       const struct proc_map *m, uint64_t bias)
{
	struct patch_body body = hook_body(p, kind, address);
	struct patch_request r = { .address = address, .alone = true, .bodies = &body, .n_bodies = 1 };
	struct ctl_patch patch = { .address = address,
				   .first_site = UINT32_MAX,
				   .wanted = true,
				   .for_unwinders = true };
	const struct ctl_foreign *below = ctl_chain_at(p, address);
	uint64_t start, end;
	const char *name;
	struct elf_file *f;
	struct error *e;
	uint8_t *code;

	f = ctl_map_file(p, m);
	if (!f || !elf_function_at(f, address - bias, &name, &start, &end))
		return error_new(ERROR_UNSUPPORTED, "%s is not understood", hook_kinds[kind].name);
	r.function_start = r.code_address = bias + start;
	r.function_end = bias + end;
	code = arena_alloc(p->arena, end - start + CODE_BEHIND);
	r.code = code;
	r.code_size = (uint32_t)proc_read(p->proc, r.code_address, code, end - start + CODE_BEHIND);
	ctl_chain_original(p, r.code_address, code, r.code_size);
	r.allow_trap = true;
	e = ctl_chain_plan(p, p->arena, NULL, below, &r, &patch);
	if (e)
		return e;
	p->needs_hooks |= patch.plan.rung == RUNG_TRAP || patch.plan.n_moved;
	ctl_helpers_add(p, &patch);
	vec_push(p->arena, &p->patches, patch);
	map_put_u64(p->by_address, address, (void *)(uintptr_t)p->patches.n);
	return NULL;
}

/* One of the functions, in a mapping. */
static void plan_at(struct ctl_process *p, enum hook_kind kind, uint64_t address,
		    const struct proc_map *m, uint64_t bias)
{
	struct ctl_patch *have = patch_at(p, address);
	struct error *e;

	if (have && is_lost(p, have))
		have->armed = false;
	if (have) {
		have->wanted = true;
		return;
	}
	e = plan_hook(p, kind, address, m, bias);
	if (e)
		ctl_warn(p->session, "exceptions cannot pass returns that are probed in process %d: %s",
			 (int)p->proc->pid, error_text(e));
}

static bool is_wanted(struct ctl_process *p, enum hook_kind kind)
{
	for (uint32_t i = 0; i < p->maps.n && kind != HOOK_FINDER; i++)
		if (finders_in(p, &p->maps.p[i])->wants[kind])
			return true;
	return kind == HOOK_FINDER;
}

void ctl_unwind_plan(struct ctl_process *p)
{
	bool wanted[HOOK_KINDS];

	if (!p->place.hooks_unwinders)
		return;
	for (uint32_t k = 0; k < HOOK_KINDS; k++)
		wanted[k] = is_wanted(p, k);
	for (uint32_t i = 0; i < p->maps.n; i++) {
		const struct proc_map *m = &p->maps.p[i];
		const struct finders *known = finders_in(p, m);

		for (uint32_t k = 0; k < HOOK_KINDS; k++) {
			uint64_t bias = known->address[k] ? ctl_bias_of(p, m) : 0;
			uint64_t address = bias + known->address[k];

			if (wanted[k] && known->address[k] && address >= m->start &&
			    address < m->end)
				plan_at(p, k, address, m, bias);
		}
	}
}
