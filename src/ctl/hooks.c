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

#define FLAG_SIGINFO 0x4u
#define FLAG_RESTORER 0x4000000u
#define FLAG_NODEFER 0x40000000u
#define FLAG_RESETHAND 0x80000000u
#define MASK_SIZE 8u
#define LAST_SIGNAL 64
#define MARKER (1ull << (16 - 1)) /* SIGSTKFLT: see signals.c of the runtime */
#define BIT(sig) (1ull << ((sig) - 1))

static const int ours[ABI_SIGNALS] = { SIGSEGV, SIGBUS, SIGTRAP };
static const uint64_t ours_mask = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGTRAP);

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

struct ctl_hooks *ctl_hooks_of(struct ctl_process *p)
{
	if (!p->hooks)
		p->hooks = arena_new(p->arena, struct ctl_hooks);
	return p->hooks;
}

bool ctl_hooks_can_trap(const struct ctl_process *p)
{
	return ctl_runtime_address(p, "rt_signal") != 0;
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

/* Our three out of the masks of the program's other handlers. */
static struct error *take_handler_masks(struct ctl_process *p)
{
	uint64_t caught = proc_status_mask(p->proc->pid, "SigCgt");
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
		proc_caller_changed(p->proc);
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

static struct abi_slot *known_slot(const struct ctl_process *p, uint64_t key)
{
	uint32_t n = ctl_slots_used(p->session);

	for (uint32_t i = 0; i < n; i++) {
		struct abi_slot *s = ctl_slot(p->session, i);

		if (s->key == key && s->process == p->place.process &&
		    s->pid == (uint32_t)p->proc->pid)
			return s;
	}
	return NULL;
}

/* The slot of a thread, made if it has not hit a probe yet: a place for its virtual mask. NULL: there is none. */
static struct abi_slot *slot_of(struct ctl_process *p, const struct proc_thread *t, uint64_t fsbase)
{
	struct abi_region *r = p->session->region;
	uint64_t key = ~fsbase, entry;
	struct abi_table_entry e = { key, 0 };
	struct abi_slot *s = known_slot(p, key);
	uint32_t number;

	if (s)
		return s;
	entry = free_entry(p, key);
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
				.tid_address = e.slot + offsetof(struct abi_slot, tid) };
	prepare_shards(p, s);
	return proc_write(p->proc, entry, &e, sizeof e) ? NULL : s;
}

/* What lies on the stack of a thread that blocks some of ours. */
struct blocking {
	struct ctl_process *p;
	struct abi_slot *slot;
	uint64_t bits; /* of the slot's kind: to set in the mask of its next frame */
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
	struct error *ignored;
	uint64_t mask;

	ctl_waits_give_frame(b->p, b->slot, f, &b->bits);
	mask = f->mask | mask_of(b->bits);
	if (mask == f->mask)
		return;
	ignored = proc_write(b->p->proc, f->mask_at, &mask, sizeof mask);
	(void)ignored;
}

static struct error *registers_change(struct ctl_process *p, struct proc_thread *t,
				      const struct proc_registers *r)
{
	if (t != p->proc->caller)
		return proc_registers_set(p->proc, t, r);
	p->proc->caller_registers = *r;
	proc_caller_changed(p->proc);
	return NULL;
}

/* `mask` is the thread's, `inner` that of the call it waits in: the kernel has both, and goes on by the registers. */
static struct error *take_wait(struct ctl_process *p, struct proc_thread *t, struct proc_registers *r,
			       uint64_t mask, uint64_t inner)
{
	struct abi_slot *s = slot_of(p, t, r->user.fs_base);
	struct blocking b = { .p = p };

	if (!s)
		return NULL;
	ctl_frames_each(p, r->user.rsp, free_frame, &b);
	ctl_waits_take(p, s, r, inner & ~ours_mask, bits_of(mask));
	s->virtual_mask = bits_of(inner);
	return registers_change(p, t, r);
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
	struct abi_slot *s;
	struct error *e = thread_mask(p, t, &mask);

	if (!e)
		e = thread_registers(p, t, &registers);
	if (e)
		return e;
	if (ctl_waits_mask(p, &registers, &real) && (mask | real) & ours_mask)
		return take_wait(p, t, &registers, mask, real);
	if (!(mask & ours_mask))
		return NULL;
	ctl_frames_each(p, registers.user.rsp, free_frame, &b);
	bits = bits_of(b.in_handler ? mask & b.saved : mask);
	real = mask & ~ours_mask;
	if (bits != bits_of(mask))
		real |= MARKER;
	if (!bits)
		return thread_mask_change(p, t, real);
	s = registers.user.fs_base ? slot_of(p, t, registers.user.fs_base) : NULL;
	if (s)
		s->virtual_mask = bits;
	else if (!registers.user.fs_base)
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

static struct error *give_thread_back(struct ctl_process *p, struct abi_slot *s)
{
	struct proc_thread *t = thread_of(p, s);
	struct blocking b = { .p = p, .slot = s, .bits = s->virtual_mask };
	struct proc_registers registers;
	struct error *e;
	uint64_t mask, bits;

	if (!t || t->gone)
		return NULL;
	e = thread_registers(p, t, &registers);
	if (!e && ctl_waits_give_back(p, s, &registers, &b.bits))
		e = registers_change(p, t, &registers);
	bits = b.bits;
	if (!e)
		ctl_frames_each(p, registers.user.rsp, block_frame, &b);
	if (!e)
		e = thread_mask(p, t, &mask);
	if (!e)
		e = thread_mask_change(p, t, mask | mask_of(bits));
	for (uint32_t i = 0; i < ABI_SIGNALS; i++)
		if (s->pending >> i & 1)
			syscall(SYS_tgkill, p->proc->pid, t->tid, ours[i]);
	return e;
}

static bool is_waiting(const struct abi_slot *s)
{
	for (uint32_t i = 0; i < ABI_WAITS; i++)
		if (s->waits[i].outer)
			return true;
	return false;
}

static struct error *give_threads_back(struct ctl_process *p)
{
	uint32_t n = ctl_slots_used(p->session);
	struct error *e = NULL;

	for (uint32_t i = 0; i < n && !e; i++) {
		struct abi_slot *s = ctl_slot(p->session, i);

		if (s->process == p->place.process && s->pid == (uint32_t)p->proc->pid &&
		    (s->virtual_mask || s->pending || is_waiting(s)))
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
		ctl_traps_add(p, &patch->plan);
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
	first = ctl_chain_unlink_hooks(p);
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
	vec_push(p->arena, &ctl_hooks_of(p)->patches, *patch);
}

void ctl_hooks_found(struct ctl_process *p)
{
	ctl_hooks_of(p)->armed = true;
}

struct ctl_hooks *ctl_hooks_inherited(const struct ctl_process *parent, struct arena *a)
{
	const struct ctl_hooks *from = parent->hooks;
	struct ctl_hooks *h;

	if (!from)
		return NULL;
	h = arena_new(a, struct ctl_hooks);
	h->patches.p = arena_dup(a, from->patches.p, from->patches.n * sizeof *from->patches.p);
	h->patches.n = h->patches.cap = from->patches.n;
	vec_each(patch, &h->patches)
		patch->armed = true;
	h->scanned.p = arena_dup(a, from->scanned.p, from->scanned.n * sizeof *from->scanned.p);
	h->scanned.n = h->scanned.cap = from->scanned.n;
	h->armed = true;
	h->by_keeper = from->by_keeper;
	return h;
}
