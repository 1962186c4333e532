/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over SIGSEGV, SIGBUS and SIGTRAP in the target, and giving them back.
 *
 *	before the window	the C library's rt_sigaction and rt_sigprocmask
 *				call sites are found and patches planned
 *	in the window, arming	dispositions: read, kept in struct abi_process, replaced by
 *				rt_signal; masks of other handlers and of threads: our three
 *				taken out and remembered; then the patches are written
 *	in the window, leaving	all in reverse
 *
 * What the runtime does in between: runtime/arch/x86_64/signals.c.
 */
#include "ctl/hooks.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/hook_sites.h"

#define FLAG_SIGINFO 0x4u
#define FLAG_RESTORER 0x4000000u
#define FLAG_NODEFER 0x40000000u
#define FLAG_RESETHAND 0x80000000u
#define MASK_SIZE 8u
#define SYSCALL_SIZE 2u
#define LAST_SIGNAL 64
#define MARKER (1ull << (16 - 1)) /* SIGSTKFLT: see signals.c of the runtime */
#define BIT(sig) (1ull << ((sig) - 1))

static const int ours[ABI_SIGNALS] = { SIGSEGV, SIGBUS, SIGTRAP };
static const uint64_t ours_mask = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGTRAP);
static const uint32_t hooked_calls[] = { SYS_rt_sigaction, SYS_rt_sigprocmask };

struct ctl_hooks {
	VEC(struct ctl_patch) patches;
	VEC(uint64_t) scanned; /* starts of mappings already looked through */
	bool armed;
	bool by_keeper; /* an earlier session's handlers stand for us: peers.c */
};

static uint64_t bits_of(uint64_t mask)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < ABI_SIGNALS; i++)
		bits |= (uint64_t)((mask & BIT(ours[i])) != 0) << i;
	return bits;
}

static uint64_t mask_of(uint64_t bits)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < ABI_SIGNALS; i++)
		mask |= bits >> i & 1 ? BIT(ours[i]) : 0;
	return mask;
}

static struct ctl_hooks *hooks_of(struct ctl_process *p)
{
	if (!p->hooks)
		p->hooks = arena_new(p->arena, struct ctl_hooks);
	return p->hooks;
}

bool ctl_hooks_can_trap(const struct ctl_process *p)
{
	return ctl_runtime_address(p, "rt_signal") != 0;
}

/* ---- planning ------------------------------------------------------------------- */

/* Files that ask the kernel about signals: the C library, the loader, and programs without either.
 */
static bool may_ask(struct ctl_process *p, const struct proc_map *m, struct elf_file **file)
{
	const char *name = strrchr(m->path, '/');

	*file = NULL;
	if (!m->executable || !m->inode || !name)
		return false;
	if (elf_open(p->session->elf, m->path, file))
		*file = NULL;
	if (strncmp(name, "/libc.", 6) == 0 || strncmp(name, "/libc-", 6) == 0 ||
	    strncmp(name, "/ld-", 4) == 0 || strncmp(name, "/libpthread", 11) == 0)
		return true;
	return *file && ((*file)->is_static || (*file)->is_go) && (*file)->entry;
}

static uint64_t bias_of(const struct elf_file *f, const struct proc_map *m)
{
	for (uint32_t i = 0; f && i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (s->executable && m->offset <= s->file_offset &&
		    s->file_offset < m->offset + (m->end - m->start))
			return m->start + (s->file_offset - m->offset) - s->address;
	}
	return 0;
}

static bool planned_already(const struct ctl_hooks *h, uint64_t address)
{
	for (uint32_t i = 0; i < h->patches.n; i++)
		if (h->patches.p[i].address == address)
			return true;
	return false;
}

static struct error *plan_site(struct ctl_process *p, const struct hook_site *site,
			       const uint8_t *bytes, const struct proc_map *m, struct elf_file *f)
{
	const char *hook = !site->at_move			? "rt_hook_any"
			   : site->number == SYS_rt_sigaction	? "rt_hook_sigaction"
								: "rt_hook_sigprocmask";
	uint64_t bias = bias_of(f, m), start = 0, end = 0;
	const char *name;
	uint8_t text[HOOK_BODY_MAX];
	struct patch_body body = { .generic = true, .bytes = text };
	struct patch_request r = { .address = site->address,
				   .code = bytes,
				   .code_address = m->start,
				   .code_size = (uint32_t)(m->end - m->start),
				   .allow_trap = true,
				   .alone = true,
				   .bodies = &body,
				   .n_bodies = 1 };
	struct ctl_patch patch = { .address = site->address, .wanted = true };
	struct error *e;

	body.size = hook_body(site, ctl_runtime_address(p, hook), text);
	if (f && elf_function_at(f, site->address - bias, &name, &start, &end)) {
		r.function_start = start + bias;
		r.function_end = end + bias;
	}
	e = patch_plan_make(p->arena, p->space, &r, &patch.plan);
	if (e)
		return e;
	for (uint32_t i = 0; i < patch.plan.n_before; i++)
		vec_push(p->arena, &p->hooks->patches,
			 (struct ctl_patch){ .plan = patch.plan.before[i],
					     .address = patch.plan.before[i].address,
					     .is_helper = true,
					     .wanted = true });
	patch.code_size = base_min((uint32_t)sizeof patch.code, (uint32_t)(m->end - site->address));
	memcpy(patch.code, bytes + (site->address - m->start), patch.code_size);
	vec_push(p->arena, &p->hooks->patches, patch);
	return NULL;
}

/* A site has the mov: the hook goes to the syscall behind it. */
static void hook_at_call(struct hook_site *site)
{
	site->address = site->after - SYSCALL_SIZE;
	site->at_move = false;
}

static struct error *scan(struct ctl_process *p, const struct proc_map *m, struct elf_file *f)
{
	size_t size = (size_t)(m->end - m->start), have;
	uint8_t *bytes = arena_alloc(p->arena, size);
	struct hook_sites found = { 0 };
	struct error *e = NULL;

	have = proc_read(p->proc, m->start, bytes, size);
	hook_sites_find(p->arena, bytes, have, m->start, hooked_calls, base_count(hooked_calls),
			&found);
	vec_each(site, &found.list) {
		if (site->at_move && map_find_u64(p->by_address, site->address))
			hook_at_call(site);
		if (!e && !planned_already(p->hooks, site->address))
			e = plan_site(p, site, bytes, m, f);
	}
	return e;
}

/* ---- their places ---------------------------------------------------------------- */

static void forget_places(struct ctl_process *p, const struct ctl_module *m)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->hook_places.n; i++)
		if (p->hook_places.p[i] < m->start || p->hook_places.p[i] >= m->end)
			p->hook_places.p[kept++] = p->hook_places.p[i];
	p->hook_places.n = kept;
}

static void expect_in(struct ctl_process *p, const struct proc_map *m)
{
	struct arena *scratch = p->session->scratch;
	size_t size = (size_t)(m->end - m->start);
	uint8_t *bytes = arena_alloc(scratch, size);
	struct hook_sites found = { 0 };

	size = proc_read(p->proc, m->start, bytes, size);
	hook_sites_find(scratch, bytes, size, m->start, hooked_calls, base_count(hooked_calls),
			&found);
	vec_each(site, &found.list) {
		if (site->at_move && patch_space_is_expected(p->space, site->address))
			hook_at_call(site);
		vec_push(p->arena, &p->hook_places, site->address);
	}
	vec_each(place, &p->hook_places)
		patch_space_expect(p->space, *place);
}

/*
 * Whether there are to be hooks is known when all sites are planned: until then no site's patch
 * takes their instructions.
 */
void ctl_hooks_expect(struct ctl_process *p, const struct ctl_module *module)
{
	forget_places(p, module);
	for (uint32_t i = 0; i < p->maps.n && ctl_hooks_can_trap(p); i++) {
		const struct proc_map *m = &p->maps.p[i];
		struct arena_mark mark = arena_mark(p->session->scratch);
		struct elf_file *f;

		if (m->start < module->start || m->start >= module->end || !may_ask(p, m, &f))
			continue;
		expect_in(p, m);
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

struct error *ctl_hooks_prepare(struct ctl_process *p)
{
	struct error *e = NULL;

	if (!hooks_of(p)->armed)
		p->hooks->by_keeper = ctl_peers_has_keeper(p);
	for (uint32_t i = 0; i < p->maps.n && !e && !p->hooks->by_keeper; i++) {
		const struct proc_map *m = &p->maps.p[i];
		struct elf_file *f;
		bool seen = false;

		vec_each(start, &p->hooks->scanned)
			seen |= *start == m->start;
		if (seen || !may_ask(p, m, &f))
			continue;
		vec_push(p->arena, &p->hooks->scanned, m->start);
		e = scan(p, m, f);
	}
	return e;
}

/* ---- dispositions ------------------------------------------------------------------ */

/* rt_sigaction in the target: `set` and `old` may be NULL. */
static struct error *remote_action(struct ctl_process *p, int sig, const struct abi_sigaction *set,
				   struct abi_sigaction *old)
{
	uint64_t scratch = proc_remote_scratch(p->proc);
	uint64_t arguments[6] = { (uint64_t)sig, set ? scratch : 0, old ? scratch + sizeof *set : 0,
				  MASK_SIZE };
	struct error *e = NULL;
	int64_t result;

	if (set)
		e = proc_write(p->proc, scratch, set, sizeof *set);
	if (!e)
		e = proc_remote_call(p->proc, SYS_rt_sigaction, arguments, &result);
	if (!e && result < 0)
		e = error_errno((int)-result, "the signal handlers of process %d cannot be read",
				(int)p->proc->pid);
	if (!e && old && proc_read(p->proc, scratch + sizeof *old, old, sizeof *old) != sizeof *old)
		e = error_new(ERROR_OTHER, "the memory of process %d cannot be read",
			      (int)p->proc->pid);
	return e;
}

/* As the runtime installs it: flags and mask of the program's own, but for what would block or
 * reset. */
static struct abi_sigaction stand_in(const struct ctl_process *p, const struct abi_sigaction *a)
{
	struct abi_sigaction real = { ctl_runtime_address(p, "rt_signal"),
				      a->flags & ~(uint64_t)FLAG_RESETHAND, a->restorer,
				      a->mask & ~ours_mask };

	if (!(real.flags & FLAG_RESTORER) || !real.restorer) {
		real.flags |= FLAG_RESTORER;
		real.restorer = ctl_runtime_address(p, "rt_restorer");
	}
	if (!(a->flags & FLAG_NODEFER))
		real.mask |= MARKER;
	real.flags |= FLAG_SIGINFO | FLAG_NODEFER;
	return real;
}

static struct error *take_own(struct ctl_process *p)
{
	struct error *e = NULL;

	for (uint32_t i = 0; i < ABI_SIGNALS && !e; i++) {
		struct abi_sigaction old = { 0 }, real;

		e = remote_action(p, ours[i], NULL, &old);
		real = stand_in(p, &old);
		if (!e)
			e = ctl_process_write(
				p,
				(uint32_t)offsetof(struct abi_process, virtual_action) +
					i * (uint32_t)sizeof old,
				&old, sizeof old);
		if (!e)
			e = remote_action(p, ours[i], &real, NULL);
	}
	return e;
}

static struct error *give_own_back(struct ctl_process *p)
{
	struct abi_sigaction kept[ABI_SIGNALS];
	struct error *e = NULL;

	if (!ctl_process_read(p, offsetof(struct abi_process, virtual_action), kept, sizeof kept))
		return error_new(ERROR_OTHER, "the memory of process %d cannot be read",
				 (int)p->proc->pid);
	for (uint32_t i = 0; i < ABI_SIGNALS && !e; i++) {
		struct abi_sigaction now = { 0 };

		/* A tool that died while it took them had not come to all. */
		e = remote_action(p, ours[i], NULL, &now);
		if (!e && ctl_target_owns(p, now.handler))
			e = remote_action(p, ours[i], &kept[i], NULL);
	}
	return e;
}

static bool is_ours(int sig)
{
	return (ours_mask & BIT(sig)) != 0;
}

/* SigCgt of /proc/PID/status: handlers whose masks matter. */
static uint64_t caught_signals(pid_t pid)
{
	char path[64], line[256];
	unsigned long long mask = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "SigCgt: %llx", &mask) == 1)
			break;
	if (f)
		fclose(f);
	return mask;
}

/* Our three out of the masks of the program's other handlers. */
static struct error *take_handler_masks(struct ctl_process *p)
{
	uint64_t caught = caught_signals(p->proc->pid);
	struct error *e = NULL;

	for (int sig = 1; sig <= LAST_SIGNAL && !e; sig++) {
		struct abi_sigaction a = { 0 };
		uint8_t bits;

		if (!(caught & BIT(sig)) || is_ours(sig))
			continue;
		e = remote_action(p, sig, NULL, &a);
		bits = (uint8_t)bits_of(a.mask);
		if (e || !bits)
			continue;
		a.mask &= ~ours_mask;
		e = ctl_process_write(
			p, (uint32_t)offsetof(struct abi_process, handler_mask) + (uint32_t)sig,
			&bits, 1);
		if (!e)
			e = remote_action(p, sig, &a, NULL);
	}
	return e;
}

static struct error *give_handler_masks_back(struct ctl_process *p)
{
	uint8_t bits[72];
	struct error *e = NULL;

	if (!ctl_process_read(p, offsetof(struct abi_process, handler_mask), bits, sizeof bits))
		return NULL;
	for (int sig = 1; sig <= LAST_SIGNAL && !e; sig++) {
		struct abi_sigaction a = { 0 };

		if (!bits[sig])
			continue;
		e = remote_action(p, sig, NULL, &a);
		a.mask |= mask_of(bits[sig]);
		if (!e && a.handler > 1)
			e = remote_action(p, sig, &a, NULL);
	}
	return e;
}

/* ---- masks of threads ------------------------------------------------------------------ */

/* The thread that makes the remote calls gets its own mask back at their end. */
static struct error *thread_mask(struct ctl_process *p, struct proc_thread *t, uint64_t *mask)
{
	if (t == p->proc->caller) {
		*mask = p->proc->caller_mask;
		return NULL;
	}
	return proc_mask_get(p->proc, t, mask);
}

static struct error *thread_mask_change(struct ctl_process *p, struct proc_thread *t, uint64_t mask)
{
	if (t == p->proc->caller) {
		p->proc->caller_mask = mask;
		return NULL;
	}
	return proc_mask_set(p->proc, t, mask);
}

static struct error *thread_registers(const struct ctl_process *p, const struct proc_thread *t,
				      struct proc_registers *out)
{
	if (t != p->proc->caller)
		return proc_registers_get(p->proc, t, out);
	*out = p->proc->caller_registers;
	return NULL;
}

/* Address of the first free entry for a key in the target's slot table. */
static uint64_t free_entry(const struct ctl_process *p, uint64_t key)
{
	uint64_t at = ABI_TABLE_INDEX(key), address;
	struct abi_table_entry e;

	for (uint32_t n = 0; n < ABI_TABLE_ENTRIES; n++) {
		address = p->place.table + (at + n) % ABI_TABLE_ENTRIES * sizeof e;
		if (proc_read(p->proc, address, &e, sizeof e) == sizeof e && !e.key)
			return address;
	}
	return 0;
}

/* Constant members of the maps among a new slot's shards, as the runtime's registration writes
 * them. */
static void prepare_shards(const struct ctl_process *p, struct abi_slot *s)
{
	vec_each(g, &p->session->bundle->globals)
		if (g->layout.share == ABI_SHARE_SHARDED && g->layout.is_map)
			memcpy((uint8_t *)s + g->layout.shard_offset, &g->map, sizeof g->map);
}

/* A slot for a thread that has not hit a probe yet, so that its virtual mask has a place. */
static struct error *register_thread(struct ctl_process *p, const struct proc_thread *t,
				     uint64_t fsbase, uint64_t virtual_mask)
{
	struct abi_region *r = p->session->region;
	uint64_t key = ~fsbase, entry = free_entry(p, key);
	struct abi_table_entry e = { key, 0 };
	struct abi_slot *s;
	uint32_t number;

	number = __atomic_fetch_add(&r->slot_next, 1, __ATOMIC_RELAXED);
	if (number >= r->slot_count || !entry)
		return NULL;
	s = ctl_slot(p->session, number);
	e.slot = p->place.region + r->slots_offset + number * r->slot_size;
	*s = (struct abi_slot){ .key = key,
				.process = p->place.process,
				.region = p->place.region,
				.number = number,
				.pid = (uint32_t)p->proc->pid,
				.tid = (uint32_t)t->tid,
				.tid_address = e.slot + offsetof(struct abi_slot, tid),
				.virtual_mask = virtual_mask };
	prepare_shards(p, s);
	return proc_write(p->proc, entry, &e, sizeof e);
}

/* What lies on the stack of a thread that blocks some of ours. */
struct blocking {
	struct ctl_process *p;
	uint64_t to_set; /* into the masks of all its frames */
	uint64_t saved; /* the innermost frame's mask */
	bool in_handler;
};

/* The masks that sigreturn brings back must not block ours either. */
static void free_frame(void *user, const struct ctl_frame *f)
{
	struct blocking *b = user;
	uint64_t mask = f->mask & ~ours_mask;
	struct error *ignored;

	if (!b->in_handler)
		b->saved = f->mask;
	b->in_handler = true;
	if (mask == f->mask)
		return;
	ignored = proc_write(b->p->proc, f->mask_at, &mask, sizeof mask);
	(void)ignored;
}

static void block_frame(void *user, const struct ctl_frame *f)
{
	struct blocking *b = user;
	uint64_t mask = f->mask | b->to_set;
	struct error *ignored = proc_write(b->p->proc, f->mask_at, &mask, sizeof mask);

	(void)ignored;
}

/*
 * A thread in a handler of one of ours blocks that until it returns: this is
 * what the marker says. What was blocked before the handler is kept beside.
 */
static struct error *take_thread(struct ctl_process *p, struct proc_thread *t)
{
	struct proc_registers registers;
	struct blocking b = { .p = p };
	uint64_t mask, bits, real;
	struct error *e = thread_mask(p, t, &mask);

	if (e || !(mask & ours_mask))
		return e;
	e = thread_registers(p, t, &registers);
	if (e)
		return e;
	ctl_frames_each(p, registers.user.rsp, free_frame, &b);
	bits = bits_of(b.in_handler ? mask & b.saved : mask);
	real = mask & ~ours_mask;
	if (bits != bits_of(mask))
		real |= MARKER;
	if (!bits)
		return thread_mask_change(p, t, real);
	if (registers.user.fs_base)
		e = register_thread(p, t, registers.user.fs_base, bits);
	else
		e = ctl_process_write(p, offsetof(struct abi_process, initial_virtual_mask), &bits,
				      sizeof bits);
	return e ? e : thread_mask_change(p, t, real);
}

static struct proc_thread *thread_of(struct ctl_process *p, const struct abi_slot *s)
{
	uint32_t tid = s->tid;

	proc_read(p->proc, s->tid_address, &tid, sizeof tid);
	vec_each(t, &p->proc->threads)
		if ((uint32_t)t->tid == tid)
			return t;
	return NULL;
}

static struct error *give_thread_back(struct ctl_process *p, const struct abi_slot *s)
{
	struct proc_thread *t = thread_of(p, s);
	struct blocking b = { .p = p, .to_set = mask_of(s->virtual_mask) };
	struct proc_registers registers;
	struct error *e;
	uint64_t mask;

	if (!t || t->gone)
		return NULL;
	if (s->virtual_mask && !thread_registers(p, t, &registers))
		ctl_frames_each(p, registers.user.rsp, block_frame, &b);
	e = thread_mask(p, t, &mask);
	if (!e)
		e = thread_mask_change(p, t, mask | mask_of(s->virtual_mask));
	for (uint32_t i = 0; i < ABI_SIGNALS; i++)
		if (s->pending >> i & 1)
			syscall(SYS_tgkill, p->proc->pid, t->tid, ours[i]);
	return e;
}

static struct error *give_threads_back(struct ctl_process *p)
{
	uint32_t n = ctl_slots_used(p->session);
	struct error *e = NULL;

	for (uint32_t i = 0; i < n && !e; i++) {
		const struct abi_slot *s = ctl_slot(p->session, i);

		if (s->process == p->place.process && s->pid == (uint32_t)p->proc->pid &&
		    (s->virtual_mask || s->pending))
			e = give_thread_back(p, s);
	}
	return e;
}

bool ctl_hooks_pending(const struct ctl_process *p)
{
	if (!p->hooks)
		return false;
	if (!p->hooks->armed)
		return true;
	vec_each(patch, &p->hooks->patches)
		if (!patch->armed)
			return true;
	return false;
}

/* ---- the window ---------------------------------------------------------------------------- */

static struct error *take_signals(struct ctl_process *p)
{
	struct error *e = take_own(p);

	if (!e)
		e = take_handler_masks(p);
	vec_each(t, &p->proc->threads)
		if (!e && !t->gone)
			e = take_thread(p, t);
	return e;
}

struct error *ctl_hooks_arm(struct ctl_process *p)
{
	struct error *e = NULL;

	if (!p->hooks)
		return NULL;
	if (p->hooks->by_keeper) {
		e = p->hooks->armed ? NULL : ctl_peers_join(p);
		p->hooks->armed = !e;
		return e;
	}
	if (!p->hooks->armed) {
		e = ctl_ledger_note_signals(p);
		p->hooks->armed = !e;
		if (!e)
			e = take_signals(p);
	}
	if (!e)
		e = ctl_ledger_note(p);
	vec_each(patch, &p->hooks->patches) {
		if (e || patch->armed)
			continue;
		if (patch->plan.rung == RUNG_TRAP)
			ctl_trap_add(p, patch->plan.address, patch->plan.trampoline);
		for (uint32_t i = 0; i < patch->plan.n_moved; i++)
			if (patch->plan.moved[i].from - patch->plan.address < patch->plan.size)
				ctl_trap_add(p, patch->plan.moved[i].from, patch->plan.moved[i].to);
		e = ctl_traps_publish(p);
		if (!e)
			e = ctl_patch_write(p, patch);
	}
	return e;
}

struct error *ctl_hooks_disarm(struct ctl_process *p)
{
	struct error *e = NULL, *first = NULL;

	if (!p->hooks || !p->hooks->armed || p->hooks->by_keeper)
		return NULL;
	for (uint32_t i = p->hooks->patches.n; i-- > 0;) { /* those relied on last */
		struct ctl_patch *patch = &p->hooks->patches.p[i];

		e = patch->armed ? ctl_patch_restore(p, patch) : NULL;
		first = first ? first : e;
	}
	e = give_own_back(p);
	first = first ? first : e;
	e = give_handler_masks_back(p);
	first = first ? first : e;
	e = give_threads_back(p);
	p->hooks->armed = false;
	return first ? first : e;
}

bool ctl_hooks_by_keeper(const struct ctl_process *p)
{
	return p->hooks && p->hooks->by_keeper;
}

struct ctl_patch *ctl_hooks_patches(const struct ctl_process *p, uint32_t *n)
{
	*n = p->hooks ? p->hooks->patches.n : 0;
	return p->hooks ? p->hooks->patches.p : NULL;
}

void ctl_hooks_add(struct ctl_process *p, const struct ctl_patch *patch)
{
	vec_push(p->arena, &hooks_of(p)->patches, *patch);
}

void ctl_hooks_found(struct ctl_process *p)
{
	hooks_of(p)->armed = true;
}

struct ctl_hooks *ctl_hooks_inherited(const struct ctl_process *parent)
{
	struct ctl_hooks *h;
	uint32_t n;

	if (!parent->hooks)
		return NULL;
	h = arena_new(parent->arena, struct ctl_hooks);
	n = parent->hooks->patches.n;
	h->patches.p = arena_array(parent->arena, struct ctl_patch, n);
	h->patches.n = h->patches.cap = n;
	for (uint32_t i = 0; i < n; i++) {
		h->patches.p[i] = parent->hooks->patches.p[i];
		h->patches.p[i].armed = true;
	}
	h->armed = true;
	h->by_keeper = parent->hooks->by_keeper;
	return h;
}
