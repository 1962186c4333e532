/* SPDX-License-Identifier: Apache-2.0 */
/* code: what the planner wants to know of the code around a site: bytes, extents, neighbours, ways in. */
#include <fcntl.h>
#include <unistd.h>

#include "ctl/session.h"

#define CODE_BEHIND 16u /* filler behind a function */
#define CODE_UNKNOWN 64u /* bytes read where no function is known */
#define CODE_MOST (1u << 20)
#define NEAR_SMALL 32u /* bytes of a function that may need its neighbours */
#define NEAR_MOST 65536u
#define PADS_MOST 1024u
#define INT3 0xcc

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
	struct elf_file *f;
	uint8_t *bytes;

	if (m->inode && !m->deleted && !elf_open(p->session->elf, m->path, &f) && f->inode == m->inode &&
	    f->device == m->device && m->offset < f->image_size) {
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
	}
	r->own_int3 = is_own_int3(&g);
	find_pads(&g, r);
	read_code(&g, r);
}
