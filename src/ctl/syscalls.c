/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of system calls: the `syscall` instructions of all code that a process maps.
 *
 *	before	e9 .. .. .. ..	in place of the instructions right in front of the call, which run
 *				in the trampoline, then the bodies, then back
 *		0f 05		the call itself stays where it is
 *	after	e9 .. .. .. ..	a patch like any other, where the call comes back to
 *
 * So a thread that waits in the kernel stands in code of the program: nobody has to wait for it, what
 * the kernel restarts is found where it was, and who compares program counters (cancellation in
 * musl, signal frames) sees those that he expects.
 *
 * What the number is: most calls stand behind `mov $number,%eax`. There the bodies are those for
 * this number, and where none are wanted nothing is patched. The others, and those whose way back is shared,
 * go by tables (syscall_stubs.c), and note their number in the thread's slot for the way back.
 *
 * Where a hook of ours (hook_plan.c) or another session has patched the same place, the patch stands upon that one. A hook
 * at the call itself runs the bodies behind it.
 */
#include "ctl/code.h"
#include "ctl/syscalls.h"

#include <string.h>

#include "ctl/file_calls.h"
#include "ctl/hook_sites.h"
#include "ctl/hooks.h"

#define JUMP 5u
#define MOVE_SIZE 5u
#define FALLBACK_MOST 1024 /* numbers believed where no function is known */
#define PADDED_MOST 4096u
#define INT3 0xcc
#define NO_SITE 0x7fffffffu
#define SPARE_BODIES 4u /* beside those of the probes */

enum { NR_RT_SIGRETURN = 15, NR_CLONE = 56, NR_VFORK = 58, NR_EXIT = 60, NR_EXIT_GROUP = 231, NR_CLONE3 = 435 };

/* One call in the process. */
struct site {
	struct patch_call call; /* addresses in the process */
	struct ctl_module module;
	struct ctl_file file;
	struct bundle_site function; /* extents, as ctl_code_read() wants them */
	uint64_t entry; /* where the patch before it goes; the call itself: it is entered from elsewhere */
	uint32_t nth; /* of call.before: that place */
	bool by_hook; /* a hook runs the bodies behind it */
	bool shared; /* a patch for other sites runs the bodies before it */
};

/* An executable mapping that has been looked through. */
struct text {
	uint64_t start, end, inode, device;
	bool present;
	uint32_t first, n; /* of its patches, in p->patches */
	VEC(struct site) sites; /* by address */
};

struct ctl_syscalls {
	VEC(struct text *) texts;
	VEC(uint32_t) probes; /* the bundle's sites of system calls that apply here */
	bool prepared;
};

/* ---- what is wanted ---------------------------------------------------------------------- */

bool ctl_syscalls_any(const struct bundle *b)
{
	vec_each(s, &b->sites)
		if (s->flags & CTL_SITE_SYSCALLS)
			return true;
	return false;
}

static struct ctl_syscalls *syscalls_of(struct ctl_process *p)
{
	if (!p->syscalls)
		p->syscalls = arena_new(p->arena, struct ctl_syscalls);
	return p->syscalls;
}

/* number -1: of any. */
static bool is_for(const struct bundle_site *s, int32_t number, bool at_return)
{
	bool is_return = s->flags & CTL_SITE_SYSCALL_RETURN;

	return is_return == at_return && (s->syscall < 0 || s->syscall == number || number < 0);
}

static bool wants(const struct ctl_process *p, int32_t number, bool at_return)
{
	if (at_return && (number == NR_RT_SIGRETURN || number == NR_EXIT || number == NR_EXIT_GROUP))
		return false;
	vec_each(i, &p->syscalls->probes)
		if (is_for(&p->session->bundle->sites.p[*i], number, at_return))
			return true;
	return false;
}

struct patch_body *ctl_syscalls_room(const struct ctl_process *p)
{
	return arena_array(p->session->scratch, struct patch_body, ctl_syscalls_most(p));
}

uint32_t ctl_syscalls_most(const struct ctl_process *p)
{
	return (p->syscalls ? p->syscalls->probes.n : 0) + SPARE_BODIES;
}

static bool has_returns(const struct ctl_process *p)
{
	return wants(p, -1, true);
}

/* Its way back is shared, or it comes back twice: the number must be noted when it is made. */
static bool is_noted(const struct ctl_process *p, const struct patch_call *c)
{
	bool twice = (c->number >= NR_CLONE && c->number <= NR_VFORK) || c->number == NR_CLONE3;

	return wants(p, c->number, true) && (c->number < 0 || c->is_passed || twice);
}

/* ---- bodies ------------------------------------------------------------------------------- */

static struct patch_body inline_body(struct arena *a, const uint8_t *bytes, uint32_t size)
{
	return (struct patch_body){ .generic = true, .bytes = arena_dup(a, bytes, size), .size = size };
}

/* lea back(%rip),%r11; jmp *word(%rip); word: address of the call: back: */
static struct patch_body by_table(const struct ctl_process *p, const char *runtime, uint64_t call)
{
	uint8_t bytes[29] = { 0x4c, 0x8d, 0x1d, 22, 0, 0, 0, 0xff, 0x25 };
	uint64_t to = ctl_runtime_address(p, runtime);

	memcpy(bytes + 13, &to, sizeof to);
	memcpy(bytes + 21, &call, sizeof call);
	return inline_body(p->session->scratch, bytes, sizeof bytes);
}

/* mov $number,%ecx: the call has destroyed it, and bodies behind it find the number there. */
static struct patch_body tell_number(struct arena *a, int32_t number)
{
	uint8_t bytes[5] = { 0xb9 };

	memcpy(bytes + 1, &number, sizeof number);
	return inline_body(a, bytes, sizeof bytes);
}

uint32_t ctl_syscalls_handlers(struct ctl_process *p, int32_t number, bool at_return, uint64_t pc,
			       struct patch_body *out)
{
	struct ctl_module m = { .bias = pc };
	uint32_t count = 0;

	if (at_return)
		out[count++] = tell_number(p->session->scratch, number);
	vec_each(i, &p->syscalls->probes) {
		const struct bundle_site *s = &p->session->bundle->sites.p[*i];
		struct ctl_body_wish w = { .site = *i, .handler = s->handler, .variant = VARIANT_GENERIC };

		if (is_for(s, number, at_return))
			count += ctl_body_make(p, &m, &w, &out[count]);
	}
	return count > at_return ? count : 0;
}

static bool all_are_general(const struct ctl_process *p)
{
	vec_each(i, &p->syscalls->probes)
		if (p->session->bundle->sites.p[*i].syscall >= 0)
			return false;
	return true;
}

static uint32_t bodies_before(struct ctl_process *p, const struct patch_call *c, struct patch_body *out)
{
	if (is_noted(p, c) || (c->number < 0 && !all_are_general(p))) {
		out[0] = by_table(p, "rt_syscall_enter", c->address);
		return 1;
	}
	return ctl_syscalls_handlers(p, c->number, false, c->address, out);
}

/* The loader says what it maps, so that nothing is called there before it is patched. */
static bool is_loaders_map(const struct ctl_process *p, const struct site *s)
{
	uint64_t base = proc_auxiliary(p->proc->pid, AT_BASE);
	const struct proc_map *loader = base ? proc_maps_find(&p->maps, base) : NULL;

	return s->call.number == SYS_mmap && loader && loader->inode == s->module.inode &&
	       loader->device == s->module.device;
}

static uint32_t bodies_behind(struct ctl_process *p, const struct site *s, struct patch_body *out)
{
	const struct patch_call *c = &s->call;
	uint32_t n = 0;

	if (is_loaders_map(p, s))
		out[n++] = (struct patch_body){ .generic = true,
						.handler = ctl_runtime_address(p, "rt_text_event"),
						.site_number = NO_SITE };
	if (!wants(p, c->number, true))
		return n;
	if (is_noted(p, c)) {
		out[n++] = by_table(p, "rt_syscall_leave", c->address);
		return n;
	}
	return n + ctl_syscalls_handlers(p, c->number, true, c->address, out + n);
}

static bool is_wanted(struct ctl_process *p, const struct site *s)
{
	return wants(p, s->call.number, false) || wants(p, s->call.number, true) || is_loaders_map(p, s);
}

/* ---- finding them --------------------------------------------------------------------------- */

/* Any call of a file's mapping, wanted or not. Addresses: from the beginning of the mapping. */
struct known_call {
	struct patch_call call;
	struct bundle_site function; /* extents: link-time */
};
struct known_calls {
	VEC(struct known_call) list; /* by address */
};

struct scan {
	struct ctl_process *p;
	struct text *text;
	struct elf_file *file;
	struct site like; /* module and file of all of them */
	struct known_calls *found;
	const uint8_t *bytes;
	uint64_t size;
};

/*
 * The nearest instructions before it that together have room for a jump; else the nearest alone. Not
 * from where the call before it comes back to: another patch goes there.
 */
static void choose_entry(const struct text *t, struct site *s)
{
	const struct patch_call *c = &s->call;
	uint64_t last = t->sites.n ? t->sites.p[t->sites.n - 1].call.address + SYSCALL_SIZE : 0;

	s->nth = 0;
	while (s->nth + 1 < c->n_before && c->address - c->before[s->nth] < JUMP &&
	       c->before[s->nth + 1] != last)
		s->nth++;
	s->entry = c->n_before ? c->before[s->nth] : c->address;
}

static void move_call(struct patch_call *c, uint64_t by)
{
	c->address += by;
	for (uint32_t i = 0; i < c->n_before; i++)
		c->before[i] += by;
}

static void add(struct scan *s, const struct patch_call *c, const struct bundle_site *function)
{
	struct known_call known = { *c, *function };

	move_call(&known.call, -s->text->start);
	vec_push(s->p->session->arena, &s->found->list, known);
}

static void add_wanted(struct scan *s, const struct known_calls *known)
{
	vec_each(k, &known->list) {
		struct site site = s->like;

		site.call = k->call;
		site.function = k->function;
		move_call(&site.call, s->text->start);
		choose_entry(s->text, &site);
		if (is_wanted(s->p, &site))
			vec_push(s->p->arena, &s->text->sites, site);
	}
}

/* Not in a function that is known: believed where the usual two instructions stand. */
static void add_alone(struct scan *s, uint64_t at)
{
	const uint8_t *p = s->bytes + at;
	struct patch_call c = { .address = s->text->start + at, .n_before = 1 };
	struct bundle_site nothing = { 0 };

	if (at < sizeof c.move || p[-5] != 0xb8)
		return;
	memcpy(&c.number, p - 4, sizeof c.number);
	if (c.number < 0 || c.number >= FALLBACK_MOST)
		return;
	memcpy(c.move, p - 5, sizeof c.move);
	c.before[0] = c.address - sizeof c.move;
	add(s, &c, &nothing);
}

/* Stripped Go: functions lie between int3s, at multiples of 16. */
static bool padded_extent(const struct scan *s, uint64_t address, uint64_t *start, uint64_t *end)
{
	uint64_t bias = s->like.module.bias, at = address + bias - s->text->start, first = at, last = at;
	uint64_t lowest = at > PADDED_MOST ? at - PADDED_MOST : 1;

	while (first > lowest && (first % 16 || s->bytes[first - 1] != INT3))
		first--;
	while (last + 1 < s->size && last - at < PADDED_MOST &&
	       (s->bytes[last] != INT3 || s->bytes[last + 1] != INT3))
		last++;
	*start = s->text->start + first - bias;
	*end = s->text->start + last - bias;
	return first > lowest && last - at < PADDED_MOST && last + 1 < s->size;
}

/* Where instructions begin around an address: its function, or what lies between two that are known. */
static bool extent_of(struct scan *s, uint64_t address, uint64_t *start, uint64_t *end)
{
	const char *name;

	if (!s->file)
		return false;
	if (elf_function_at(s->file, address, &name, start, end) && *start <= address)
		return true;
	return elf_gap_at(s->file, address, start, end) || padded_extent(s, address, start, end);
}

/* All calls of the function around an address; the end of what was looked through. */
static uint64_t scan_function(struct scan *s, uint64_t at)
{
	uint64_t address = s->text->start + at, start, end;
	struct patch_request r = { .address = address, .check_start = true };
	struct patch_calls found = { 0 };
	struct bundle_site function = { 0 };

	if (!extent_of(s, address - s->like.module.bias, &start, &end)) {
		add_alone(s, at);
		return at + SYSCALL_SIZE;
	}
	function.address = function.function_start = start;
	function.function_end = end;
	r.address = s->like.module.bias + start;
	s->like.module.file = &s->like.file;
	ctl_code_read(s->p, &s->like.module, &function, &r);
	if (r.function_end && patch_calls_find(s->p->session->scratch, &r, &found)) {
		vec_each(c, &found.list)
			add(s, c, &function);
		return s->like.module.bias + end - s->text->start;
	}
	add_alone(s, at);
	return at + SYSCALL_SIZE;
}

static void scan_text(struct scan *s)
{
	uint64_t found, at = 0;

	while ((found = hook_sites_next(s->bytes, s->size, at)) < s->size) {
		struct arena_mark mark = arena_mark(s->p->session->scratch);

		at = scan_function(s, found);
		at = base_max(at, found + SYSCALL_SIZE);
		arena_reset(s->p->session->scratch, mark);
	}
}

/* What is known of a mapping, looked through if it was not. */
static const struct known_calls *known_of(struct scan *s, const struct proc_map *m)
{
	struct ctl_process *p = s->p;
	struct ctl_file_calls *known;

	s->like.module = (struct ctl_module){ .start = m->start,
					      .end = m->end,
					      .inode = m->inode,
					      .device = m->device,
					      .bias = ctl_bias_of(p, m) };
	s->file = ctl_map_file(p, m);
	s->like.file.path = s->file ? s->file->path : "";
	known = ctl_file_calls_of(p->session, m, s->file);
	if (known->all)
		return known->all;
	s->found = arena_new(p->session->arena, struct known_calls);
	s->bytes = ctl_mapping_original(p, m, &s->size);
	scan_text(s);
	known->all = s->size ? s->found : NULL;
	return s->found;
}

static void scan_map(struct ctl_process *p, const struct proc_map *m, struct text *t)
{
	struct scan s = { .p = p, .text = t };

	add_wanted(&s, known_of(&s, m));
	vec_each(site, &t->sites)
		site->module.file = &site->file;
}

void ctl_syscalls_each_open(struct ctl_process *p, const struct proc_map *m,
			    void (*visit)(void *user, const struct patch_call *c, const struct bundle_site *function),
			    void *user)
{
	struct arena_mark mark = arena_mark(p->session->scratch);
	struct text t = { .start = m->start, .end = m->end };
	struct scan s = { .p = p, .text = &t };
	const struct known_calls *known;

	known = known_of(&s, m);
	vec_each(k, &known->list)
		if (k->call.number < 0 && k->call.n_before)
			visit(user, &k->call, &k->function);
	arena_reset(p->session->scratch, mark);
}

static bool is_text(const struct proc_map *m)
{
	return m->executable && m->inode && m->path && m->path[0] == '/' && strncmp(m->path, "/memfd:", 7) != 0;
}

static struct text *text_of(struct ctl_process *p, const struct proc_map *m)
{
	vec_each(t, &p->syscalls->texts)
		if ((*t)->start == m->start && (*t)->end == m->end && (*t)->inode == m->inode &&
		    (*t)->device == m->device)
			return *t;
	return NULL;
}

/* Looks through a mapping that is new; NULL: it is not. */
static struct text *look_at(struct ctl_process *p, const struct proc_map *m)
{
	struct arena_mark mark = arena_mark(p->session->scratch);
	struct text *t = text_of(p, m);

	if (t)
		return t;
	t = arena_new(p->arena, struct text);
	*t = (struct text){ .start = m->start, .end = m->end, .inode = m->inode, .device = m->device };
	scan_map(p, m, t);
	vec_push(p->arena, &p->syscalls->texts, t);
	arena_reset(p->session->scratch, mark);
	return t;
}

static void expect(struct ctl_process *p, const struct text *t)
{
	vec_each(s, &t->sites) {
		patch_space_expect(p->space, s->entry);
		if (s->entry != s->call.address && wants(p, s->call.number, true))
			patch_space_expect(p->space, s->call.address + SYSCALL_SIZE);
	}
}

void ctl_syscalls_expect(struct ctl_process *p, const struct ctl_module *m)
{
	if (!p->syscalls || !p->syscalls->probes.n)
		return;
	for (uint32_t i = 0; i < p->maps.n; i++)
		if (p->maps.p[i].start >= m->start && p->maps.p[i].start < m->end && is_text(&p->maps.p[i]))
			expect(p, look_at(p, &p->maps.p[i]));
}

/* ---- planning -------------------------------------------------------------------------------- */

static bool needs_entry(const struct ctl_process *p, const struct site *s)
{
	return wants(p, s->call.number, false) || is_noted(p, &s->call);
}

static struct error *plan(struct ctl_process *p, const struct site *s, struct patch_request *r)
{
	struct ctl_patch patch = { .address = r->address, .first_site = UINT32_MAX, .wanted = true };
	const struct ctl_patch *hook = ctl_hooks_at(p, r->address);
	const struct ctl_foreign *below = hook ? NULL : ctl_chain_at(p, r->address);
	struct error *e;

	if ((below || hook) && r->until)
		return error_new(ERROR_OTHER, "another session probes the system call at 0x%lx",
				 (unsigned long)s->call.address);
	if (map_find_u64(p->by_address, r->address))
		return error_new(ERROR_OTHER, "another probe is at 0x%lx", (unsigned long)r->address);
	r->allow_trap = ctl_hooks_can_trap(p);
	r->check_start = s->function.function_end != 0;
	ctl_code_read(p, &s->module, &s->function, r);
	patch.code_size = (uint32_t)proc_read(p->proc, r->address, patch.code, sizeof patch.code);
	e = ctl_chain_plan(p, p->session->scratch, hook, below, r, &patch);
	if (e)
		return e;
	ctl_arm_add(p, &patch);
	return NULL;
}

/*
 * In front of `mov $number,%eax` it runs as at any place, but for the number, which is there already.
 * meets: the call before; its way back may lead to just there, then one patch does both.
 */
static struct error *plan_before(struct ctl_process *p, const struct site *s, const struct site *meets)
{
	struct patch_body *bodies =
		arena_array(p->session->scratch, struct patch_body, 2 * ctl_syscalls_most(p));
	struct patch_request r = { .address = s->entry, .bodies = bodies };
	uint32_t n = 0;

	if (meets && meets->call.address + SYSCALL_SIZE == s->entry)
		n = bodies_behind(p, meets, bodies);
	if (s->call.move[0])
		bodies[n++] = inline_body(p->session->scratch, s->call.move, sizeof s->call.move);
	else if (s->entry != s->call.address)
		r.until = s->call.address;
	r.n_bodies = n + bodies_before(p, &s->call, bodies + n);
	if (!s->call.move[0] && n)
		return error_new(ERROR_UNSUPPORTED, "two system calls at 0x%lx have no room between them",
				 (unsigned long)s->entry);
	return plan(p, s, &r);
}

/* Fewer instructions, if so many cannot go. */
static struct error *try_before(struct ctl_process *p, struct site *s, const struct site *meets)
{
	struct error *e = plan_before(p, s, meets);

	while (e && !s->call.move[0] && s->nth) {
		s->entry = s->call.before[--s->nth];
		e = plan_before(p, s, meets);
	}
	return e;
}

static struct error *plan_behind(struct ctl_process *p, const struct site *s)
{
	struct patch_body *bodies = ctl_syscalls_room(p);
	struct patch_request r = { .address = s->call.address + SYSCALL_SIZE, .bodies = bodies };

	r.n_bodies = bodies_behind(p, s, bodies);
	if (r.n_bodies && s->entry == s->call.address && needs_entry(p, s))
		return error_new(ERROR_UNSUPPORTED, "the system call at 0x%lx has several ways to it: it is not "
				 "seen to return", (unsigned long)s->call.address);
	return r.n_bodies ? plan(p, s, &r) : NULL;
}

static void note(struct ctl_process *p, struct error *e)
{
	if (!e)
		return;
	ctl_verbose(p->session, 3, "process %d: %s", (int)p->proc->pid, error_text(e));
	p->unplaced = p->n_unplaced ? p->unplaced : error_text(e);
	p->n_unplaced++;
}

/* The next call's entry is where this one comes back to, and its patch does both. */
static bool meets(const struct ctl_process *p, const struct text *t, uint32_t i)
{
	const struct site *s = &t->sites.p[i];

	return i + 1 < t->sites.n && s[1].entry == s->call.address + SYSCALL_SIZE && s[1].call.move[0] &&
	       !s[1].shared && needs_entry(p, s + 1);
}

static void plan_text(struct ctl_process *p, struct text *t)
{
	t->first = p->patches.n;
	for (uint32_t i = t->sites.n; i-- > 0;) {
		struct arena_mark mark = arena_mark(p->session->scratch);
		struct site *s = &t->sites.p[i];

		if (!s->by_hook && !meets(p, t, i))
			note(p, plan_behind(p, s));
		if (!s->shared && needs_entry(p, s))
			note(p, try_before(p, s, i && !s[-1].by_hook ? s - 1 : NULL));
		arena_reset(p->session->scratch, mark);
	}
	t->n = p->patches.n - t->first;
	t->present = true;
}

/* ---- what comes and goes ------------------------------------------------------------------------ */

/* Its mapping has gone: nothing to restore. */
static void forget(struct ctl_process *p, const struct text *t)
{
	patch_space_forget(p->space, t->start, t->end);
	for (uint32_t i = t->first; i < t->first + t->n; i++) {
		p->patches.p[i].armed = p->patches.p[i].wanted = false;
		map_put_u64(p->by_address, p->patches.p[i].address, NULL);
	}
	ctl_traps_forget(p, t->start, t->end);
}

/* The same file may have been mapped anew where it was. */
static bool is_lost(const struct ctl_process *p, const struct text *t)
{
	for (uint32_t i = t->first; i < t->first + t->n; i++) {
		const struct ctl_patch *patch = &p->patches.p[i];
		uint8_t now[PATCH_MAX];

		if (patch->is_helper || (patch->wanted && !patch->armed))
			continue;
		return proc_read(p->proc, patch->plan.address, now, patch->plan.size) != patch->plan.size ||
		       memcmp(now, patch->plan.original, patch->plan.size) == 0;
	}
	return false;
}

static void drop_absent(struct ctl_process *p)
{
	struct ctl_syscalls *c = p->syscalls;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->texts.n; i++) {
		struct text *t = c->texts.p[i];
		bool mapped = false;

		for (uint32_t j = 0; j < p->maps.n && !mapped; j++)
			mapped = is_text(&p->maps.p[j]) && text_of(p, &p->maps.p[j]) == t;
		if (mapped && !(t->present && is_lost(p, t)))
			c->texts.p[kept++] = t;
		else if (t->present)
			forget(p, t);
	}
	c->texts.n = kept;
}

void ctl_syscalls_look(struct ctl_process *p)
{
	if (!p->syscalls || !p->syscalls->probes.n)
		return;
	drop_absent(p);
	for (uint32_t i = 0; i < p->maps.n; i++)
		if (is_text(&p->maps.p[i]))
			expect(p, look_at(p, &p->maps.p[i]));
}

void ctl_syscalls_plan(struct ctl_process *p)
{
	if (!p->syscalls)
		return;
	vec_each(t, &p->syscalls->texts)
		if (!(*t)->present)
			plan_text(p, *t);
}

void ctl_syscalls_prepare(struct ctl_process *p)
{
	const struct bundle *b = p->session->bundle;
	struct ctl_syscalls *c = syscalls_of(p);

	*c = (struct ctl_syscalls){ 0 };
	for (uint32_t i = 0; i < b->sites.n; i++)
		if (b->sites.p[i].flags & CTL_SITE_SYSCALLS && ctl_site_applies(p, &b->sites.p[i]))
			vec_push(p->arena, &c->probes, i);
	if (c->probes.n)
		ctl_syscall_stubs_make(p, has_returns(p));
}

/* ---- patches of others that run the bodies --------------------------------------------------------- */

/* The call that is not patched yet and whose last instruction in front is at the address; NULL none. */
static struct site *in_front_of_call(struct ctl_process *p, uint64_t address)
{
	if (!p->syscalls)
		return NULL;
	vec_each(t, &p->syscalls->texts)
		for (uint32_t i = 0; !(*t)->present && i < (*t)->sites.n; i++) {
			struct site *s = &(*t)->sites.p[i];

			if (s->call.n_before && s->call.before[0] == address && needs_entry(p, s))
				return s;
		}
	return NULL;
}

/* The call that is not patched yet. */
static struct site *at_call(struct ctl_process *p, uint64_t call)
{
	vec_each(t, &p->syscalls->texts)
		for (uint32_t i = 0; !(*t)->present && i < (*t)->sites.n; i++)
			if ((*t)->sites.p[i].call.address == call)
				return &(*t)->sites.p[i];
	return NULL;
}

uint32_t ctl_syscalls_before(struct ctl_process *p, uint64_t address, uint32_t number, struct patch_body *out)
{
	struct site *s = in_front_of_call(p, address);
	uint8_t move[MOVE_SIZE] = { 0xb8 }; /* mov $number,%eax */

	if (!s)
		return 0;
	s->shared = true;
	memcpy(move + 1, &number, sizeof number);
	out[0] = inline_body(p->session->scratch, move, sizeof move);
	return 1 + bodies_before(p, &s->call, out + 1);
}

uint32_t ctl_syscalls_before_call(struct ctl_process *p, uint64_t call, struct patch_body *out)
{
	struct site *s = p->syscalls ? at_call(p, call) : NULL;

	if (!s || !needs_entry(p, s))
		return 0;
	s->shared = true;
	return bodies_before(p, &s->call, out);
}

uint32_t ctl_syscalls_share(struct ctl_process *p, uint64_t address, struct patch_body *out)
{
	const struct site *s = in_front_of_call(p, address);

	return s && s->call.move[0] ? ctl_syscalls_before(p, address, (uint32_t)s->call.number, out) : 0;
}

uint32_t ctl_syscalls_behind(struct ctl_process *p, uint64_t call, struct patch_body *out)
{
	if (!p->syscalls)
		return 0;
	vec_each(t, &p->syscalls->texts)
		vec_each(s, &(*t)->sites)
			if (s->call.address == call) {
				s->by_hook = true;
				return bodies_behind(p, s, out);
			}
	return 0;
}

void ctl_syscalls_unshare(struct ctl_process *p, uint64_t address)
{
	if (!p->syscalls)
		return;
	vec_each(t, &p->syscalls->texts)
		vec_each(s, &(*t)->sites) {
			if (s->call.address + SYSCALL_SIZE == address)
				s->by_hook = false;
			if (s->call.n_before && (s->call.before[0] == address || s->entry == address))
				s->shared = false;
		}
}
