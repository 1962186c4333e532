/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the bundle's files are mapped in a process, where, and what comes
 * and goes later.
 *
 * A file is recognised by its path as the process sees it, or by device
 * and inode (another mount namespace, a hard link).  What is mapped may be
 * older than what the path names now: the build-id in memory decides.
 *
 * Libraries that come later announce themselves: ld.so calls the empty function
 * _dl_debug_state around every change of its list, for debuggers.  We patch it; the
 * thread that loads or unloads waits there until the tool has looked.
 */
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "ctl/code.h"
#include "ctl/family.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"

#define MAX_HEADERS 64
#define MAX_NOTE 4096
#define PAGE_DOWN(v) ((v) & ~(uint64_t)(ABI_PAGE - 1))
#define FOLLOWED "_dl_debug_state"
#define NO_SITE 0x7fffffffu

/* ---- the bundle's files ------------------------------------------------------------------ */

static int by_site_address(const void *a, const void *b, void *user)
{
	const struct bundle *bundle = user;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint64_t x = bundle->sites.p[i].address, y = bundle->sites.p[j].address;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

static struct ctl_file *file_of(struct ctl_session *s, const struct bundle_site *site)
{
	struct ctl_file f = { .path = site->module, .build_id = site->build_id };
	struct elf_file *elf;
	struct stat st;

	vec_each(have, &s->files)
		if (strcmp(have->path, site->module) == 0)
			return have;
	if (stat(site->module, &st) == 0) {
		f.device = st.st_dev;
		f.inode = st.st_ino;
	}
	/* The C library can be run as a program: it has an interpreter, and a name. */
	f.is_library = elf_open(s->elf, site->module, &elf) ||
		       (elf->is_shared && (!elf->interpreter || elf->soname));
	vec_push(s->arena, &s->files, f);
	return &s->files.p[s->files.n - 1];
}

void ctl_files_sort(struct ctl_session *s)
{
	struct ctl_file *last = NULL;

	for (uint32_t i = 0; i < s->bundle->sites.n; i++) {
		const struct bundle_site *site = &s->bundle->sites.p[i];

		if (site->flags & CTL_SITE_SYSCALLS) /* anywhere */
			continue;
		if (!last || strcmp(last->path, site->module) != 0)
			last = file_of(s, site);
		vec_push(s->arena, &last->sites, i);
	}
	vec_each(f, &s->files)
		qsort_r(f->sites.p, f->sites.n, sizeof *f->sites.p, by_site_address, (void *)(uintptr_t)s->bundle);
}

bool ctl_files_concern(const struct ctl_session *s, pid_t pid)
{
	struct stat program;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (stat(path, &program) || ctl_syscalls_any(s->bundle))
		return true;
	vec_each(f, &s->files)
		if (f->is_library || (f->inode == program.st_ino && f->device == program.st_dev))
			return true;
	return false;
}

bool ctl_runs_program(const struct ctl_process *p, const char *path)
{
	char exe[64];
	struct stat its, wanted;

	snprintf(exe, sizeof exe, "/proc/%d/exe", (int)p->proc->pid);
	return stat(exe, &its) == 0 && stat(path, &wanted) == 0 && its.st_ino == wanted.st_ino &&
	       its.st_dev == wanted.st_dev;
}

/* ---- what is mapped ------------------------------------------------------------------------- */

struct headers {
	Elf64_Phdr ph[MAX_HEADERS];
	uint32_t n;
	uint64_t bias, start, end;
};

/* The ELF headers of a file mapped from its beginning at `at`. */
static bool read_headers(const struct ctl_process *p, uint64_t at, struct headers *out)
{
	Elf64_Ehdr head;
	bool found = false;

	if (proc_read(p->proc, at, &head, sizeof head) != sizeof head ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof *out->ph ||
	    head.e_phoff > ABI_PAGE)
		return false;
	out->n = base_min(head.e_phnum, MAX_HEADERS);
	if (proc_read(p->proc, at + head.e_phoff, out->ph, out->n * sizeof *out->ph) !=
	    out->n * sizeof *out->ph)
		return false;
	for (uint32_t i = 0; i < out->n; i++) {
		const Elf64_Phdr *h = &out->ph[i];

		if (h->p_type != PT_LOAD)
			continue;
		if (!found)
			out->bias = at - PAGE_DOWN(h->p_vaddr - h->p_offset);
		found = true;
		out->end = base_align(out->bias + h->p_vaddr + h->p_memsz, (uint64_t)ABI_PAGE);
	}
	out->start = at;
	return found && out->end > out->start;
}

static const char *hex(struct arena *a, const uint8_t *p, uint32_t n)
{
	char *out = arena_alloc(a, 2 * (size_t)n + 1);

	for (uint32_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
	return out;
}

/* The build-id among notes; NULL if there is none. */
static const char *find_build_id(struct arena *a, const uint8_t *notes, size_t size)
{
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
		Elf64_Nhdr n;
		size_t name, body;

		memcpy(&n, notes + at, sizeof n);
		name = at + sizeof n;
		body = name + base_align((size_t)n.n_namesz, (size_t)4);
		if (body > size || n.n_descsz > size - body)
			return NULL;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(notes + name, "GNU", 4) == 0)
			return hex(a, notes + body, n.n_descsz);
		at = body + base_align((size_t)n.n_descsz, (size_t)4);
	}
	return NULL;
}

static const char *mapped_build_id(const struct ctl_process *p, const struct headers *h)
{
	uint8_t notes[MAX_NOTE];
	const char *id = NULL;

	for (uint32_t i = 0; i < h->n && !id; i++) {
		size_t n = base_min(h->ph[i].p_filesz, sizeof notes);

		if (h->ph[i].p_type == PT_NOTE)
			id = find_build_id(
				p->arena, notes,
				proc_read(p->proc, h->bias + h->ph[i].p_vaddr, notes, n));
	}
	return id;
}

/* For files without a build-id. Where the tool does not see the file that is meant its name must do. */
static bool is_that_file(const struct ctl_process *p, const struct ctl_file *f, const struct proc_map *m)
{
	const struct elf_file *mapped;

	if (f->inode && f->inode == m->inode && f->device == m->device)
		return true;
	mapped = ctl_map_file(p, m);
	return mapped ? mapped->inode == f->inode && mapped->device == f->device : !f->inode && !m->deleted;
}

/* Whether what is mapped is the file that the bundle was made for; tells once if not. */
static bool is_same_build(struct ctl_process *p, struct ctl_file *f, const struct proc_map *m,
			  const struct headers *h)
{
	const char *id = f->build_id ? mapped_build_id(p, h) : NULL;
	bool same = id ? strcmp(id, f->build_id) == 0 : is_that_file(p, f, m);

	if (!same && !f->warned) {
		ctl_warn(p->session,
			 "process %d runs another build of %s than the script was translated for; its probes are "
			 "left out",
			 (int)p->proc->pid, f->path);
		f->warned = true;
	}
	return same;
}

static struct ctl_file *match_file(const struct ctl_session *s, const struct proc_map *m)
{
	vec_each(f, &s->files)
		if (strcmp(f->path, m->path) == 0 ||
		    (f->inode && f->inode == m->inode && f->device == m->device))
			return f;
	return NULL;
}

static struct ctl_module *module_find(struct ctl_process *p, const struct ctl_file *f,
				      const struct headers *h, const struct proc_map *m)
{
	vec_each(have, &p->modules)
		if (have->file == f && have->bias == h->bias && have->inode == m->inode &&
		    have->device == m->device)
			return have;
	return NULL;
}

/* The same file may have been unmapped and mapped again at the same place: then our bytes are gone.
 */
static bool lost_its_patches(const struct ctl_process *p, const struct ctl_module *m)
{
	vec_each(patch, &p->patches) {
		uint8_t bytes[PATCH_MAX];

		if (!patch->armed || patch->address < m->start || patch->address >= m->end)
			continue;
		return proc_read(p->proc, patch->plan.address, bytes, patch->plan.size) !=
			       patch->plan.size ||
		       memcmp(bytes, patch->plan.original, patch->plan.size) == 0;
	}
	return false;
}

/* Its mapping is gone: nothing to restore. */
static void forget(struct ctl_process *p, struct ctl_module *m)
{
	vec_each(patch, &p->patches)
		if (patch->address >= m->start && patch->address < m->end)
			patch->armed = patch->wanted = patch->trapped = false;
	vec_each(sem, &p->semaphores)
		if (sem->address >= m->start && sem->address < m->end)
			sem->raised = sem->wanted = false;
	ctl_traps_forget(p, m->start, m->end);
	m->planned = false;
}

/* Notes one instance; true if it is new. */
static bool look_at(struct ctl_process *p, const struct proc_map *m, struct ctl_file *f,
		    struct headers *h)
{
	struct ctl_module *have = module_find(p, f, h, m);
	struct ctl_module fresh = { .file = f,
				    .start = h->start,
				    .end = h->end,
				    .bias = h->bias,
				    .device = m->device,
				    .inode = m->inode,
				    .present = true };

	if (have && !(have->planned && lost_its_patches(p, have))) {
		have->present = true;
		return !have->planned;
	}
	if (!is_same_build(p, f, m, h))
		return false;
	if (!have) {
		vec_push(p->arena, &p->modules, fresh);
		return true;
	}
	forget(p, have);
	have->present = true;
	return true;
}

static bool drop_absent(struct ctl_process *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->modules.n; i++) {
		if (p->modules.p[i].present)
			p->modules.p[kept++] = p->modules.p[i];
		else
			forget(p, &p->modules.p[i]);
	}
	if (kept == p->modules.n)
		return false;
	p->modules.n = kept;
	return true;
}

bool ctl_modules_look(struct ctl_process *p)
{
	bool changed = false;
	uint64_t end = 0;

	vec_each(m, &p->modules)
		m->present = false;
	for (uint32_t i = 0; i < p->maps.n; i++) {
		const struct proc_map *m = &p->maps.p[i];
		struct ctl_file *f;
		struct headers h;

		if (!m->inode || m->offset || m->start < end)
			continue;
		f = match_file(p->session, m);
		if (!f || !read_headers(p, m->start, &h))
			continue;
		end = h.end;
		changed |= look_at(p, m, f, &h);
	}
	return drop_absent(p) || changed;
}

/* ---- libraries that come later
 * ------------------------------------------------------------------- */

/*
 * Are there files that are not the program itself or its loader? Those may come and go; so
 * may the C library, when the program's signals have to be followed.
 */
static bool may_come_later(const struct ctl_process *p, const struct proc_map *program,
			   const struct proc_map *loader)
{
	if (p->needs_hooks || p->place.max_unwinds || ctl_life_wanted(p->session) ||
	    ctl_syscalls_any(p->session->bundle) || p->session->tables)
		return true;
	vec_each(f, &p->session->files) {
		bool fixed = false;

		vec_each(m, &p->modules)
			fixed |= m->file == f && ((program && m->inode == program->inode) ||
						  m->inode == loader->inode);
		if (!fixed)
			return true;
	}
	return false;
}

/* Address of something of the loader; 0 if it has none. */
static uint64_t symbol_of(const struct ctl_process *p, const struct proc_map *loader, const char *name)
{
	struct elf_file *f = ctl_map_file(p, loader);
	const struct elf_symbol *symbol;
	struct headers h;

	if (!f || !read_headers(p, loader->start, &h))
		return 0;
	symbol = elf_symbol_find(f, name);
	return symbol ? h.bias + symbol->address : 0;
}

const struct proc_map *ctl_modules_loader(const struct ctl_process *p)
{
	return proc_maps_find(&p->maps, proc_auxiliary(p->proc->pid, AT_BASE));
}

uint64_t ctl_modules_loader_state(const struct ctl_process *p)
{
	const struct proc_map *loader = ctl_modules_loader(p);
	uint64_t at = loader ? symbol_of(p, loader, "_r_debug") : 0;

	return at ? at + offsetof(struct r_debug, r_state) : 0;
}

bool ctl_modules_share_hook(struct ctl_process *p, const struct ctl_module *m, uint64_t address,
			    struct patch_body *out)
{
	const struct proc_map *loader = ctl_modules_loader(p);

	if (!loader || loader->inode != m->inode || loader->device != m->device ||
	    symbol_of(p, loader, FOLLOWED) != address)
		return false;
	*out = (struct patch_body){ .handler = ctl_runtime_address(p, "rt_module_event"),
				    .site_number = NO_SITE };
	p->follow_shared = out->handler != 0;
	p->follow_shared_at = address;
	return p->follow_shared;
}

static struct error *plan_hook(struct ctl_process *p, uint64_t at)
{
	uint8_t code[64];
	const struct ctl_foreign *below = ctl_chain_at(p, at);
	struct patch_body body = { .handler = ctl_runtime_address(p, "rt_module_event"), .site_number = NO_SITE };
	struct patch_request r = { .address = at,
				   .code = code,
				   .code_address = at,
				   .code_size = ctl_code_original(p, at, code, sizeof code),
				   .function_start = at,
				   .bodies = &body,
				   .n_bodies = 1 };
	struct error *e;

	if (!body.handler)
		return error_new(ERROR_UNSUPPORTED, "the runtime does not follow libraries");
	/* It is an empty function: what follows the return is filler up to the next one. */
	for (uint32_t i = 0; i < r.code_size && !r.function_end; i++)
		if (code[i] == 0xc3)
			r.function_end = at + i + 1;
	p->follow = (struct ctl_patch){ .address = at, .wanted = true };
	e = ctl_chain_plan(p, p->arena, NULL, below, &r, &p->follow);
	if (!e)
		ctl_helpers_add(p, &p->follow);
	return e;
}

void ctl_modules_follow(struct ctl_process *p)
{
	const struct proc_map *loader = ctl_modules_loader(p);
	const struct proc_map *program =
		proc_maps_find(&p->maps, proc_auxiliary(p->proc->pid, AT_ENTRY));
	struct error *e = NULL;
	uint64_t at;

	if (p->follow.wanted || p->follow_shared || !loader || !may_come_later(p, program, loader))
		return;
	at = symbol_of(p, loader, FOLLOWED);
	if (at)
		e = plan_hook(p, at);
	if (at && !e)
		return;
	p->follow = (struct ctl_patch){ 0 };
	if (proc_has_ended(p->proc))
		return;
	ctl_warn(p->session, "libraries that process %d loads later are not seen: %s",
		 (int)p->proc->pid, e ? error_text(e) : "its loader has no " FOLLOWED);
}

static struct error *answer(struct ctl_process *p, uint64_t sequence)
{
	return ctl_process_write(p, offsetof(struct abi_process, module_served), &sequence,
				 sizeof sequence);
}

/*
 * Are all events since the last the loader's mappings of code? Then its file is not yet as it will
 * be: only what has been mapped so far is looked at.
 */
static void note_text(struct ctl_process *p, uint64_t posted)
{
	uint64_t mapped = 0;

	ctl_process_read(p, offsetof(struct abi_process, text_mapped), &mapped, sizeof mapped);
	p->only_text = mapped - p->text_served >= posted - p->events_served;
	p->text_served = mapped;
	p->events_served = posted;
}

/* The program waits for us, but not for ever. */
static void tell_late(struct ctl_process *p)
{
	uint64_t late = 0;

	ctl_process_read(p, offsetof(struct abi_process, modules_late), &late, sizeof late);
	if (late > p->modules_late)
		ctl_warn(p->session, "process %d did not wait until libraries that it loaded were probed: hits are missing",
			 (int)p->proc->pid);
	p->modules_late = late;
}

struct error *ctl_modules_serve(struct ctl_process *p)
{
	uint64_t state[2]; /* posted, served */
	struct error *e;

	if ((!p->follow.armed && !p->follow_shared) ||
	    !ctl_process_read(p, offsetof(struct abi_process, module_sequence), state,
			      sizeof state) ||
	    state[0] == state[1])
		return NULL;
	e = ctl_process_write(p, offsetof(struct abi_process, module_begun), &state[0], sizeof state[0]);
	if (!e)
		e = ctl_maps_refresh(p);
	note_text(p, state[0]);
	if (!e)
		e = ctl_rearm(p);
	tell_late(p);
	p->only_text = false;
	if (e && (e->code == ERROR_NO_PROCESS || ctl_is_between(p)))
		return NULL;
	if (e)
		ctl_warn(p->session, "libraries loaded by process %d are not probed: %s",
			 (int)p->proc->pid, error_text(e));
	return answer(p, state[0]);
}
