/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our memory in a target: where it goes, how it gets there and away again.
 *
 *	0x10000 ... program | heap grows > ...   free   ... libraries, mmap area | < stack grows
 *	       ^ trampolines, code block             ^ process page, table, region
 *
 * The code block and trampolines want to be within 2 GiB of what is probed:
 * below the program, or above the room kept for its heap.  The region may be
 * anywhere: it goes far below the mmap area, so that the kernel's own choices
 * of addresses stay what they were.  Nothing is put next to a mapping of the
 * program: running off its end must fault as before.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/perf_counters.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"

#define SMALL_STACK                                                                                \
	((uint64_t)64 << 10) /* of a bundle: what any script without recursion asks for */

#define LOWEST 0x10000ull
#define HIGHEST 0x7ffffffff000ull
#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define HEAP_ROOM GIB
#define STACK_ROOM (256 * MIB)
#define MMAP_ROOM (64 * GIB) /* between the mmap area and our region */
#define CODE_BELOW (512 * MIB)
#define CODE_ABOVE (GIB + 256 * MIB)
#define FIXED (MAP_FIXED_NOREPLACE)

struct ctl_process *ctl_process_alone(struct ctl_session *s, struct proc *proc)
{
	struct arena *a = arena_create();
	struct ctl_process *p = arena_new(a, struct ctl_process);

	p->session = s;
	p->arena = p->own_arena = a;
	p->proc = proc;
	p->code_fd = p->remote_code = -1;
	p->by_address = map_create(p->arena);
	return p;
}

struct ctl_process *ctl_process_create(struct ctl_session *s, struct proc *proc)
{
	struct ctl_process *p = ctl_process_alone(s, proc);

	vec_push(s->arena, &s->processes, p);
	return p;
}

struct error *ctl_maps_refresh(struct ctl_process *p)
{
	struct arena *fresh = arena_create();
	struct proc_maps maps;
	struct error *e = proc_maps_read(fresh, p->proc->pid, &maps);

	if (e) {
		arena_destroy(fresh);
		return e;
	}
	if (p->maps_arena)
		arena_destroy(p->maps_arena);
	p->maps_arena = fresh;
	p->maps = maps;
	return NULL;
}

/* ---- free address space ------------------------------------------------------------- */

struct ranges {
	struct arena *arena;
	VEC(struct patch_range) list; /* ascending, page-aligned */
};

static void add_gap(struct ranges *r, uint64_t start, uint64_t end)
{
	/* One page from each neighbour. */
	start += ABI_PAGE;
	if (end > start + ABI_PAGE)
		vec_push(r->arena, &r->list, (struct patch_range){ start, end - ABI_PAGE });
}

static void cut_out(struct ranges *r, uint64_t start, uint64_t end)
{
	struct ranges out = { .arena = r->arena };

	vec_each(g, &r->list) {
		if (g->end <= start || g->start >= end) {
			vec_push(out.arena, &out.list, *g);
			continue;
		}
		if (g->start < start)
			vec_push(out.arena, &out.list, (struct patch_range){ g->start, start });
		if (g->end > end)
			vec_push(out.arena, &out.list, (struct patch_range){ end, g->end });
	}
	*r = out;
}

/* The heap may be there before its mapping is. */
static void cut_out_heap(struct ranges *r, const struct ctl_process *p)
{
	uint64_t start = proc_heap_start(p->proc->pid), end = start;

	for (uint32_t i = 0; i < p->maps.n; i++)
		if (strcmp(p->maps.p[i].path, "[heap]") == 0)
			end = base_max(end, p->maps.p[i].end);
	start &= ~(uint64_t)(ABI_PAGE - 1);
	if (start)
		cut_out(r, start, base_align(end, (uint64_t)ABI_PAGE) + HEAP_ROOM);
}

static void cut_out_stack(struct ranges *r, const struct ctl_process *p)
{
	for (uint32_t i = 0; i < p->maps.n; i++)
		if (strcmp(p->maps.p[i].path, "[stack]") == 0)
			cut_out(r, p->maps.p[i].start - base_min(p->maps.p[i].start, STACK_ROOM),
				HIGHEST);
}

static struct ranges free_ranges(const struct ctl_process *p)
{
	struct ranges r = { .arena = p->arena };
	uint64_t at = LOWEST;

	for (uint32_t i = 0; i < p->maps.n && at < HIGHEST; i++) {
		if (p->maps.p[i].start > at)
			add_gap(&r, at, base_min(p->maps.p[i].start, HIGHEST));
		at = base_max(at, p->maps.p[i].end);
	}
	if (at < HIGHEST)
		add_gap(&r, at, HIGHEST);
	cut_out_heap(&r, p);
	cut_out_stack(&r, p);
	return r;
}

static bool fits(const struct ranges *r, uint64_t at, uint64_t size)
{
	vec_each(g, &r->list)
		if (at >= g->start && at < g->end && size <= g->end - at)
			return true;
	return false;
}

/* ---- choosing ------------------------------------------------------------------------------ */

static struct patch_range program_range(const struct ctl_process *p)
{
	const struct proc_map *entry =
		proc_maps_find(&p->maps, proc_auxiliary(p->proc->pid, AT_ENTRY));
	struct patch_range out = { 0, 0 };

	for (uint32_t i = 0; entry && i < p->maps.n; i++) {
		const struct proc_map *m = &p->maps.p[i];

		if (m->inode != entry->inode || m->device != entry->device)
			continue;
		out.start = out.end ? out.start : m->start;
		out.end = m->end;
	}
	return out;
}

/* The top of the largest gap, less room for the program's own mappings. */
static uint64_t choose_far(const struct ranges *r, uint64_t size)
{
	const struct patch_range *best = NULL;

	vec_each(g, &r->list)
		if (!best || g->end - g->start > best->end - best->start)
			best = g;
	if (!best || best->end - best->start < size)
		return 0;
	if (best->end - best->start > size + 2 * MMAP_ROOM)
		return (best->end - MMAP_ROOM - size) & ~(2 * MIB - 1);
	return best->start;
}

static uint64_t choose_near(const struct ranges *r, struct patch_range program, uint64_t size)
{
	uint64_t below = program.start > CODE_BELOW + size ? program.start - CODE_BELOW - size : 0;
	uint64_t above = base_align(program.end + CODE_ABOVE, 2 * MIB);

	below &= ~(uint64_t)(ABI_PAGE - 1);
	if (program.end && below && fits(r, below, size))
		return below;
	if (program.end && fits(r, above, size))
		return above;
	return choose_far(r, size);
}

static struct error *no_room(const struct ctl_process *p)
{
	return error_new(ERROR_OTHER, "process %d has no room for %lu MiB in its address space",
			 (int)p->proc->pid, (unsigned long)(p->session->region_size >> 20));
}

static struct error *choose_addresses(struct ctl_process *p)
{
	const struct ctl_session *s = p->session;
	struct ranges r = free_ranges(p);
	uint64_t private, far, image, shadow;

	p->place.ledger_size = ctl_ledger_size(s->bundle);
	p->place.shadow_entry = ctl_returns_shadow_entry(s->bundle);
	shadow = base_align((uint64_t)ABI_SHADOW_ENTRIES * p->place.shadow_entry, (uint64_t)ABI_PAGE);
	private = ABI_PAGE + CTL_WIPED_SIZE + p->place.ledger_size + ctl_life_size(s->bundle) +
		  shadow + ctl_counters_size(s->bundle) + ABI_PAGE;
	far = choose_far(&r, s->region_size + 2 * private);
	if (!far)
		return no_room(p);
	p->place.process = far;
	p->place.table = far + ABI_PAGE;
	p->place.ledger = p->place.table + CTL_WIPED_SIZE;
	p->place.lives = p->place.ledger + p->place.ledger_size;
	p->place.shadow = p->place.lives + ctl_life_size(s->bundle);
	p->place.counters = p->place.shadow + shadow;
	p->place.room = far + private - ABI_PAGE;
	p->place.region = far + private; /* no hole that another mapping could take */
	cut_out(&r, far, p->place.region + s->region_size);
	ctl_place_lay_out(&s->runtime, s->bundle, 0, &p->place);
	image = choose_near(&r, program_range(p), p->place.fixed_size);
	if (!image)
		return no_room(p);
	ctl_place_lay_out(&s->runtime, s->bundle, image, &p->place);
	return NULL;
}

void ctl_target_refresh_space(struct ctl_process *p)
{
	struct ranges r = free_ranges(p);

	cut_out(&r, p->place.process, p->place.region + p->session->region_size);
	cut_out(&r, p->place.image, p->place.image + p->place.fixed_size);
	patch_space_set_free(p->space, r.list.p, r.list.n);
}

/* ---- building ----------------------------------------------------------------------------------
 */

static struct error *create_code(struct ctl_process *p)
{
	char name[64];

	snprintf(name, sizeof name, "spile:code:%d", (int)getpid());
	if (p->code_fd < 0)
		p->code_fd = memfd_create(name, MFD_CLOEXEC);
	if (p->code_fd < 0 || ftruncate(p->code_fd, 0) ||
	    ftruncate(p->code_fd, (off_t)p->place.fixed_size))
		return error_errno(errno, "cannot make memory for code");
	p->view =
		mmap(NULL, p->place.fixed_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->code_fd, 0);
	if (p->view == MAP_FAILED) {
		p->view = NULL;
		return error_errno(errno, "cannot map memory for code");
	}
	p->code_size = p->place.fixed_size;
	return ctl_image_build(&p->session->runtime, p->session->bundle, &p->place, p->view);
}

/*
 * A dynamically linked program's loader sets up every thread's control block, whose first
 * word is its own address, before any code but its own runs. Static programs and Go start without.
 */
static bool thread_pointer_loads(struct ctl_process *p)
{
	uint64_t base = proc_auxiliary(p->proc->pid, AT_BASE);
	const struct proc_map *loader = base ? proc_maps_find(&p->maps, base) : NULL;
	const char *exe = arena_printf(p->arena, "/proc/%d/exe", (int)p->proc->pid);
	struct elf_file *f;

	if (!loader || elf_open(p->session->elf, exe, &f) || f->is_go)
		return false;
	/* The loader makes calls before it has set up anything, again at each exec. */
	if (ctl_syscalls_any(p->session->bundle))
		return false;
	vec_each(site, &p->session->bundle->sites)
		if (strcmp(site->module, loader->path) == 0)
			return false;
	return true;
}

/* Goroutines have a few hundred bytes to spare; so has everybody for scripts of deep recursion. */
static bool needs_own_stack(struct ctl_process *p)
{
	const char *exe = arena_printf(p->arena, "/proc/%d/exe", (int)p->proc->pid);
	struct elf_file *f;

	if (p->session->bundle->stack_size > SMALL_STACK)
		return true;
	return elf_open(p->session->elf, exe, &f) != NULL || f->is_go;
}

struct error *ctl_target_prepare(struct ctl_process *p)
{
	struct error *e = choose_addresses(p);

	proc_remote_look(p->proc, &p->maps);
	p->place.thread_pointer_loads = thread_pointer_loads(p);
	p->place.own_stack = needs_own_stack(p);
	if (!e)
		e = create_code(p);
	if (e)
		return e;
	p->space = patch_space_create(p->arena);
	patch_space_use_cache(p->space, p->session->flows);
	ctl_target_refresh_space(p);
	return NULL;
}

static bool is_free(const struct proc_maps *m, uint64_t start, uint64_t size)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->p[i].start < start + size && start < m->p[i].end)
			return false;
	return true;
}

bool ctl_target_fits(const struct ctl_process *p)
{
	uint64_t far = p->place.region + p->session->region_size - p->place.process;
	uint32_t n;
	const struct patch_page *pages = patch_space_pages(p->space, &n);

	if (!p->placed && (!is_free(&p->maps, p->place.process, far) ||
			   !is_free(&p->maps, p->place.image, p->place.fixed_size)))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (pages[i].fresh && !is_free(&p->maps, pages[i].address, ABI_PAGE))
			return false;
	return true;
}

static void drop_view(struct ctl_process *p)
{
	if (p->view)
		munmap(p->view, p->place.fixed_size);
	p->view = NULL;
}

void ctl_target_reset(struct ctl_process *p)
{
	drop_view(p);
	ctl_watches_forget(p);
	p->modules.n = p->patches.n = p->semaphores.n = p->traps.n = p->unwinds.n = 0;
	p->mapped.n = p->inherited.n = 0;
	p->by_address = map_create(p->arena);
	p->next_site = 0;
	p->modules_list = 0;
	p->placed = p->needs_hooks = p->traps_in_second = p->unwinds_in_second = false;
	p->follow = (struct ctl_patch){ 0 };
	p->follow_shared = false;
	p->follow_shared_at = 0;
	p->text_served = p->events_served = p->modules_late = 0;
	p->only_text = p->live = false;
	p->waiting.n = p->hook_places.n = p->claimed.n = 0;
	p->n_covered = 0;
	p->hooks = NULL;
	p->n_unplaced = 0;
	p->unplaced = NULL;
	memset(p->rungs, 0, sizeof p->rungs);
	/* The code of an exec'ed image is gone; a new file leaves the old one to forked children.
	 */
	if (p->code_fd >= 0)
		close(p->code_fd);
	p->code_fd = -1;
}

void ctl_process_destroy(struct ctl_process *p)
{
	struct arena *with_proc = p->proc_arena, *own = p->own_arena;

	ctl_process_close(p);
	if (with_proc)
		arena_destroy(with_proc);
	arena_destroy(own);
}

void ctl_process_close(struct ctl_process *p)
{
	drop_view(p);
	ctl_watches_forget(p);
	if (p->code_fd >= 0)
		close(p->code_fd);
	p->code_fd = -1;
	if (p->lock_fd > 0)
		close(p->lock_fd);
	p->lock_fd = 0;
	if (p->foreign_arena)
		arena_destroy(p->foreign_arena);
	p->foreign_arena = NULL;
	memset(&p->foreign, 0, sizeof p->foreign);
	if (p->maps_arena)
		arena_destroy(p->maps_arena);
	p->maps_arena = NULL;
	p->maps = (struct proc_maps){ 0 };
	if (p->proc)
		proc_close(p->proc);
}

/* ---- mapping
 * ---------------------------------------------------------------------------------------- */

static struct error *advise(struct ctl_process *p, uint64_t at, uint64_t size, int advice)
{
	int64_t result;
	struct error *e = proc_remote_call(
		p->proc, SYS_madvise, (const uint64_t[6]){ at, size, (uint64_t)advice }, &result);

	if (!e && result < 0)
		e = error_errno((int)-result, "madvise fails in process %d", (int)p->proc->pid);
	return e;
}

static struct error *init_process_page(struct ctl_process *p)
{
	const struct ctl_place *at = &p->place;
	struct abi_process page = { .magic = ABI_MAGIC,
				    .region = at->region,
				    .table = at->table,
				    .ledger = at->ledger,
				    .modules = p->modules_list,
				    .sites = at->sites,
				    .n_sites = at->max_sites,
				    .traps = at->traps,
				    .text_start = at->image,
				    .text_end = at->sites,
				    .shadow = at->shadow,
				    .shadow_size = at->shadow_entry,
				    .syscalls = ctl_syscalls_any(p->session->bundle) ? at->syscalls : 0,
				    .syscalls_kept = p->keep_syscalls,
				    .loader_state = ctl_modules_loader_state(p) };
	int64_t pid = proc_pid_inside(p->proc->pid);
	struct error *e = pid ? NULL : proc_remote_call(p->proc, SYS_getpid, (const uint64_t[6]){ 0 }, &pid);

	if (e)
		return e;
	ctl_peers_fill(p, &page);
	page.pid = p->own_number = (uint32_t)pid;
	p->session->other_numbers |= pid != p->proc->pid;
	ctl_counters_place(p, &page);
	e = ctl_life_place(p, &page);
	if (e)
		return e;
	return proc_write(p->proc, at->process, &page, sizeof page);
}

static struct error *map_data(struct ctl_process *p, int remote_region)
{
	const struct ctl_place *at = &p->place;
	uint64_t got;
	struct error *e =
		proc_remote_map(p->proc, at->process, at->region - at->process,
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | FIXED, -1, 0, &got);

	if (!e)
		e = advise(p, at->table, CTL_WIPED_SIZE, MADV_WIPEONFORK);
	if (!e)
		e = init_process_page(p);
	if (!e)
		e = ctl_ledger_begin(p);
	if (!e)
		e = proc_remote_map(p->proc, at->region, p->session->region_size,
				    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | FIXED,
				    remote_region, 0, &got);
	if (!e)
		e = advise(p, at->region, p->session->region_size, MADV_DONTDUMP);
	return e;
}

struct error *ctl_target_place(struct ctl_process *p)
{
	int fds[2] = { p->session->region_fd, p->code_fd }, remote[2];
	struct error *e = proc_remote_open(p->proc, fds, 2, remote), *last;
	uint64_t got;

	if (e)
		return e;
	p->remote_code = remote[1];
	p->placed = true;
	e = map_data(p, remote[0]);
	if (!e)
		e = proc_remote_map(p->proc, p->place.image, p->place.fixed_size,
				    PROT_READ | PROT_EXEC, MAP_SHARED | FIXED, remote[1], 0, &got);
	last = proc_remote_close(p->proc, remote[0]);
	return e ? e : last;
}

/* ---- trampolines
 * --------------------------------------------------------------------------------------- */

static int by_page_address(const void *a, const void *b)
{
	const struct patch_page *const *x = a, *const *y = b;

	return (*x)->address < (*y)->address ? -1 : (*x)->address > (*y)->address;
}

static struct error *write_page(struct ctl_process *p, const struct patch_page *page)
{
	off_t at = (off_t)(uintptr_t)page->user;

	if (!page->fresh)
		ctl_chain_keep(p, page);
	if (pwrite(p->code_fd, page->bytes, ABI_PAGE, at) != ABI_PAGE)
		return error_errno(errno, "cannot write code");
	return NULL;
}

/* Pages at successive addresses: one place in the memfd, one mapping. */
static struct error *map_run(struct ctl_process *p, struct patch_page **run, uint32_t n)
{
	uint64_t offset = p->code_size, size = (uint64_t)n * ABI_PAGE, got;
	struct error *e;

	if (ftruncate(p->code_fd, (off_t)(offset + size)))
		return error_errno(errno, "cannot make memory for code");
	p->code_size += size;
	for (uint32_t i = 0; i < n; i++) {
		run[i]->user = (void *)(uintptr_t)(offset + (uint64_t)i * ABI_PAGE);
		e = write_page(p, run[i]);
		if (e)
			return e;
	}
	e = proc_remote_map(p->proc, run[0]->address, size, PROT_READ | PROT_EXEC,
			    MAP_SHARED | FIXED, p->remote_code, offset, &got);
	if (e)
		return e;
	vec_push(p->arena, &p->mapped,
		 (struct patch_range){ run[0]->address, run[0]->address + size });
	vec_push(p->arena, &p->inherited,
		 (struct patch_range){ run[0]->address, run[0]->address + size });
	return NULL;
}

static struct error *map_fresh(struct ctl_process *p, struct patch_page **fresh, uint32_t n)
{
	struct error *e = NULL;

	if (n && p->remote_code < 0)
		e = proc_remote_open(p->proc, &p->code_fd, 1, &p->remote_code);
	qsort(fresh, n, sizeof *fresh, by_page_address);
	for (uint32_t i = 0, end; !e && i < n; i = end) {
		end = i + 1;
		while (end < n && fresh[end]->address == fresh[end - 1]->address + ABI_PAGE)
			end++;
		e = map_run(p, fresh + i, end - i);
	}
	return e;
}

struct error *ctl_target_map_pages(struct ctl_process *p)
{
	uint32_t n, n_fresh = 0;
	struct patch_page *pages = patch_space_pages(p->space, &n);
	struct patch_page **fresh = arena_array(p->arena, struct patch_page *, n);
	struct error *e = NULL;

	for (uint32_t i = 0; !e && i < n; i++) {
		if (pages[i].fresh)
			fresh[n_fresh++] = &pages[i];
		else if (pages[i].changed)
			e = write_page(p, &pages[i]);
	}
	if (!e)
		e = map_fresh(p, fresh, n_fresh);
	if (!e)
		patch_space_settle(p->space);
	return e;
}

struct error *ctl_target_close_files(struct ctl_process *p)
{
	int fd = p->remote_code;

	p->remote_code = -1;
	return fd < 0 ? NULL : proc_remote_close(p->proc, fd);
}

/* ---- taking it away
 * ---------------------------------------------------------------------------------------- */

struct error *ctl_target_remove(struct ctl_process *p)
{
	struct error *e = ctl_target_close_files(p), *next;

	if (!p->placed)
		return e;
	vec_each(r, &p->mapped) {
		next = proc_remote_unmap(p->proc, r->start, r->end - r->start);
		e = e ? e : next;
	}
	next = proc_remote_unmap(p->proc, p->place.image, p->place.fixed_size);
	e = e ? e : next;
	next = proc_remote_unmap(p->proc, p->place.process,
				 p->place.region + p->session->region_size - p->place.process);
	p->placed = false;
	p->mapped.n = 0;
	return e ? e : next;
}

bool ctl_target_owns(const struct ctl_process *p, uint64_t address)
{
	if (address >= p->place.image && address < p->place.image + p->place.fixed_size)
		return true;
	vec_each(r, &p->mapped)
		if (address >= r->start && address < r->end)
			return true;
	return false;
}

/* ---- the process page
 * ---------------------------------------------------------------------------------------- */

bool ctl_process_read(const struct ctl_process *p, uint32_t offset, void *to, size_t n)
{
	return proc_read(p->proc, p->place.process + offset, to, n) == n;
}

struct error *ctl_process_write(const struct ctl_process *p, uint32_t offset, const void *from,
				size_t n)
{
	return proc_write(p->proc, p->place.process + offset, from, n);
}

uint64_t ctl_runtime_address(const struct ctl_process *p, const char *name)
{
	uint64_t offset;

	return ctl_runtime_find(&p->session->runtime, name, &offset) ? p->place.image + offset : 0;
}
