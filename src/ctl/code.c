/* SPDX-License-Identifier: Apache-2.0 */
/* code: which file a mapping is of; what the planner wants to know around a site: bytes, extents, neighbours, ways in. */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ctl/code.h"
#include "ctl/session.h"

#define CODE_BEHIND 16u /* filler behind a function */
#define CODE_UNKNOWN 64u /* bytes read where no function is known */
#define CODE_MOST (1u << 20)
#define NEAR_SMALL 32u /* bytes of a function that may need its neighbours */
#define NEAR_MOST 65536u
#define PADS_MOST 1024u
#define INT3 0xcc

/* ---- the file of a mapping --------------------------------------------------------------------- */

/* Headers and notes of the file are those in memory. */
static bool is_mapped_file(const struct ctl_process *p, const struct elf_file *f, uint64_t base)
{
	uint8_t bytes[ABI_PAGE];
	Elf64_Ehdr head;
	size_t n;

	memcpy(&head, f->image, sizeof head);
	n = base_min(head.e_phoff + (size_t)head.e_phnum * sizeof(Elf64_Phdr), base_min(sizeof bytes, f->image_size));
	if (proc_read(p->proc, base, bytes, n) != n || memcmp(bytes, f->image, n) != 0)
		return false;
	for (uint32_t i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr h;

		if (head.e_phoff + (i + 1) * sizeof h > f->image_size)
			break;
		memcpy(&h, f->image + head.e_phoff + i * sizeof h, sizeof h);
		if (h.p_type != PT_NOTE || h.p_offset > sizeof bytes || h.p_filesz > sizeof bytes ||
		    h.p_offset + h.p_filesz > f->image_size)
			continue;
		if (proc_read(p->proc, base + h.p_offset, bytes, h.p_filesz) == h.p_filesz &&
		    memcmp(bytes, f->image + h.p_offset, h.p_filesz) != 0)
			return false;
	}
	return true;
}

uint64_t ctl_map_base(const struct ctl_process *p, const struct proc_map *m)
{
	for (uint32_t i = p->maps.n; i-- > 0;) {
		const struct proc_map *b = &p->maps.p[i];

		if (b->start <= m->start && b->inode == m->inode && b->device == m->device && !b->offset)
			return b->start;
	}
	return 0;
}

/* Some file systems give the mapping another device than the file: then what is in memory tells. */
static bool opens_as(const struct ctl_process *p, const struct proc_map *m, const char *path, struct elf_file **out)
{
	uint64_t base;

	if (elf_open(p->session->elf, path, out))
		return false;
	if ((*out)->inode == m->inode && (*out)->device == m->device)
		return true;
	base = ctl_map_base(p, m);
	return base && is_mapped_file(p, *out, base);
}

/*
 * A path means another file where the process has mounts of its own, or when the file has been replaced since. What is
 * known of that other file would lead patches into the middle of instructions.
 */
struct elf_file *ctl_map_file(const struct ctl_process *p, const struct proc_map *m)
{
	struct arena *scratch = p->session->scratch;
	struct arena_mark mark = arena_mark(scratch);
	struct elf_file *f;
	bool found;

	if (!m->inode || m->path[0] != '/' || strncmp(m->path, "/memfd:", 7) == 0)
		return NULL;
	found = opens_as(p, m, m->path, &f) ||
		opens_as(p, m, arena_printf(scratch, "/proc/%d/root%s", (int)p->proc->pid, m->path), &f) ||
		(m->deleted && opens_as(p, m, arena_printf(scratch, "/proc/%d/exe", (int)p->proc->pid), &f));
	arena_reset(scratch, mark);
	return found ? f : NULL;
}

bool ctl_bias_in(const struct elf_file *f, const struct proc_map *m, uint64_t *out)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (s->executable && m->offset <= s->file_offset && s->file_offset < m->offset + (m->end - m->start)) {
			*out = m->start + (s->file_offset - m->offset) - s->address;
			return true;
		}
	}
	for (uint32_t i = 0; i < f->n_segments; i++) { /* a later piece of one that is mapped in pieces */
		const struct elf_segment *s = &f->segments[i];

		if (s->executable && m->offset >= s->file_offset && m->offset < s->file_offset + s->file_size) {
			*out = m->start - (m->offset - s->file_offset) - s->address;
			return true;
		}
	}
	return false;
}

uint64_t ctl_bias_of(const struct ctl_process *p, const struct proc_map *m)
{
	const struct elf_file *f = ctl_map_file(p, m);
	uint64_t bias;

	return f && ctl_bias_in(f, m, &bias) ? bias : 0;
}

/* ---- around a site ----------------------------------------------------------------------------- */

struct place {
	struct ctl_process *p;
	const struct ctl_module *m;
	const struct bundle_site *site;
	uint64_t address;
	struct elf_file *file; /* the module's; NULL: it cannot be read */
};

/* Functions before and behind a small one may have to make room for its patch. */
static void find_near(const struct place *g, struct patch_request *r, uint64_t *first, uint64_t *last)
{
	uint64_t sides[] = { *first - 1 - g->m->bias, *last - g->m->bias };
	const char *name;

	if (*last - *first >= NEAR_SMALL || !g->file)
		return;
	for (int i = 0; i < 2; i++) {
		struct patch_range *n = &r->near[r->n_near];

		if (!elf_function_at(g->file, sides[i], &name, &n->start, &n->end) ||
		    n->end - n->start > NEAR_MOST || sides[i] - n->start >= n->end - n->start)
			continue;
		n->start += g->m->bias;
		n->end += g->m->bias;
		*first = base_min(*first, n->start);
		*last = base_max(*last, n->end);
		r->n_near++;
	}
}

/* Handlers of exceptions are entered behind the code's back; no function begins with one. */
static void find_pads(const struct place *g, struct patch_request *r)
{
	uint64_t *pads = arena_array(g->p->session->scratch, uint64_t, PADS_MOST);

	if (!r->check_start || !g->file)
		return;
	r->n_entries = elf_landing_pads(g->file, g->address - g->m->bias, pads, PADS_MOST);
	for (uint32_t i = 0; i < r->n_entries; i++)
		pads[i] += g->m->bias;
	r->entries = pads;
}

uint32_t ctl_code_original(const struct ctl_process *p, uint64_t address, uint8_t *bytes, uint64_t size)
{
	uint32_t n = (uint32_t)proc_read(p->proc, address, bytes, size);

	patch_space_original(p->space, address, bytes, n);
	ctl_chain_original(p, address, bytes, n);
	return n;
}

bool ctl_code_is_endbr(const struct ctl_process *p, uint64_t address)
{
	static const uint8_t endbr[CTL_ENDBR_SIZE] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[CTL_ENDBR_SIZE];

	return proc_read(p->proc, address, code, sizeof code) == sizeof code && memcmp(code, endbr, sizeof endbr) == 0;
}

/* Bytes around the site, as the planner wants them. */
static void read_code(const struct place *g, struct patch_request *r)
{
	const struct bundle_site *site = g->site;
	uint64_t start = g->address, end = g->address + CODE_UNKNOWN;
	uint8_t *code;

	if (site->function_start <= site->address && site->address < site->function_end &&
	    site->function_end - site->function_start <= CODE_MOST) {
		start = r->function_start = g->m->bias + site->function_start;
		end = r->function_end = g->m->bias + site->function_end;
		find_near(g, r, &start, &end);
		end += CODE_BEHIND;
	}
	code = arena_alloc(g->p->session->scratch, end - start);
	r->code = code;
	r->code_address = start;
	r->code_size = ctl_code_original(g->p, start, code, end - start);
}

#define SWEEP_MOST (256u << 10) /* bytes; some 2 ms */

/* Zeroes are what data, not code, begins with. */
static bool looks_like_data(const struct x86_ins *ins)
{
	return ins->bytes[0] == 0 && ins->length > 1 && ins->bytes[1] == 0;
}

bool ctl_code_is_inside(struct ctl_process *p, const struct ctl_module *m, uint64_t address)
{
	uint64_t site = address - m->bias, at, available;
	struct elf_file *f;
	const uint8_t *code;
	struct x86_ins ins;

	if (elf_open(p->session->elf, m->file->path, &f) || !elf_code_begin(f, site, &at) || site - at > SWEEP_MOST)
		return false;
	code = elf_bytes(f, at, &available);
	for (; at < site; at += ins.length, code += ins.length, available -= ins.length)
		if (!code || !x86_decode(code, available, at, &ins) || looks_like_data(&ins))
			return false;
	return at > site;
}

/*
 * An int3 that stands in the file is the program's, any other a debugger's. The kernel puts
 * its breakpoints into our own mapping of the file, too: that byte is read anew.
 */
static bool is_own_int3(const struct place *g)
{
	uint64_t available;
	const uint8_t *code;
	uint8_t byte = 0;
	int fd;

	if (!g->file)
		return false;
	code = elf_bytes(g->file, g->address - g->m->bias, &available);
	if (!code || !available || *code != INT3)
		return false;
	fd = open(g->m->file->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (pread(fd, &byte, 1, code - g->file->image) != 1)
		byte = 0;
	close(fd);
	return byte == INT3;
}

/*
 * Reading a whole mapping from memory would have the kernel map all of its pages, and each fork of the target would
 * copy their entries: what is mapped from a file that can be read is looked at there.
 */
const uint8_t *ctl_mapping_original(struct ctl_process *p, const struct proc_map *m, uint64_t *size)
{
	const struct elf_file *f = ctl_map_file(p, m);
	uint8_t *bytes;

	if (f && m->offset < f->image_size) {
		*size = base_min(m->end - m->start, f->image_size - m->offset);
		return f->image + m->offset;
	}
	*size = m->end - m->start;
	bytes = arena_alloc(p->session->scratch, *size);
	*size = ctl_code_original(p, m->start, bytes, *size);
	return bytes;
}

/* For tables of jumps. */
static bool read_data(void *user, uint64_t address, void *to, uint32_t n)
{
	const struct ctl_process *p = user;

	return proc_read(p->proc, address, to, n) == n;
}

void ctl_code_read(struct ctl_process *p, const struct ctl_module *m, const struct bundle_site *site,
		   struct patch_request *r)
{
	struct place g = { p, m, site, r->address, NULL };

	r->read = read_data;
	r->read_user = p;
	if (elf_open(p->session->elf, m->file->path, &g.file))
		g.file = NULL;
	if (g.file) {
		r->file = (uintptr_t)g.file;
		r->bias = m->bias;
		r->mixed = elf_calls_of(g.file) == ELF_CALLS_JUMPS;
	}
	r->own_int3 = is_own_int3(&g);
	find_pads(&g, r);
	read_code(&g, r);
}
