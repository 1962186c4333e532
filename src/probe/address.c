/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.statement(ADDRESS), .nearest behind it, and process(PID).statement(ADDRESS).absolute: a site
 * at one instruction.
 *
 * Where the line table knows the address it must be where a statement begins; with .nearest the
 * statement around it is taken, in guru mode the instruction itself. Elsewhere any instruction may be
 * probed: whether one begins there is seen when the site is planned, from the process's own code.
 * Without .absolute the address is that of the file, with it that of the process.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/function.h"

static bool is_code(const struct elf_file *f, uint64_t address)
{
	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].executable &&
		    address - f->segments[i].address < f->segments[i].file_size)
			return true;
	return false;
}

static uint64_t address_of(const struct process_query *q)
{
	return (uint64_t)q->point->components.p[q->tail].argument->number.value;
}

/* `shown` is the address as the script gave it. */
static void site_at(struct process_query *q, const struct process_module *m, uint64_t address,
		    uint64_t shown, const char *suffix)
{
	struct arena *a = q->resolver->arena;
	uint64_t start = 0, end = 0;
	const char *name = NULL;
	struct sema_site *site = process_site_add(
		q, m, address, arena_printf(a, ".statement(0x%" PRIx64 ")%s", shown, suffix));

	if (elf_function_at(m->file, address, &name, &start, &end)) {
		site->function_start = start;
		site->function_end = end;
		site->function = name;
	}
}

/* False after an error. *address moves when .nearest says so. */
static bool statement_begins(struct process_query *q, const struct process_module *m, bool nearest,
			     uint64_t *address)
{
	struct span at = q->point->components.p[q->tail].span;
	const char *file;
	uint64_t start;
	uint32_t line;

	if (!elf_line_at(m->file, *address, &file, &line, &start) || start == *address)
		return true;
	if (nearest) {
		*address = start;
	} else if (q->resolver->options->guru) {
		process_warn(q, at, arena_printf(q->resolver->arena,
						 "address 0x%" PRIx64 " does not match the beginning of a statement "
						 "(try 0x%" PRIx64 ")", *address, start));
	} else {
		process_error(q, DIAG_PROBE_TARGET, at,
			      "address 0x%" PRIx64 " does not match the beginning of a statement (try 0x%" PRIx64 ")",
			      *address, start);
		return false;
	}
	return true;
}

bool process_address_resolve(struct process_query *q, const struct process_module *m)
{
	bool nearest = q->point->components.n > q->tail + 1;
	uint64_t shown = address_of(q), address = shown;

	if (!is_code(m->file, address))
		return true;
	if (!statement_begins(q, m, nearest, &address))
		return false;
	site_at(q, m, address, shown, nearest ? ".nearest" : "");
	return true;
}

/* ---- addresses of a process ------------------------------------------------------------------- */

struct mapping {
	uint64_t start, end, offset;
	char path[4096];
};

static bool mapping_find(int64_t pid, uint64_t address, struct mapping *out)
{
	char line[8192], name[64];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%" PRId64 "/maps", pid);
	f = fopen(name, "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		*out = (struct mapping){ 0 };
		found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %4095[^\n]",
			       &out->start, &out->end, &out->offset, out->path) >= 3 &&
			address >= out->start && address < out->end;
	}
	if (f)
		fclose(f);
	return found;
}

/* The link-time address of a byte of the file; false: it is in no segment. */
static bool link_address(const struct elf_file *f, uint64_t offset, uint64_t *out)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (!s->executable || offset - s->file_offset >= s->file_size)
			continue;
		*out = s->address + (offset - s->file_offset);
		return true;
	}
	return false;
}

bool process_absolute_resolve(struct process_query *q, const struct process_module *m)
{
	const struct expr *root = q->point->components.p[0].argument;
	struct probe_user *user = q->resolver->user;
	struct process_module found = { .listed = m->listed, .point = m->point };
	uint64_t shown = address_of(q), address;
	struct span at = q->point->components.p[q->tail].span;
	struct mapping map;
	struct error *e;

	if (!root || root->kind != EXPR_NUMBER) {
		process_error(q, DIAG_PROBE_POINT, at,
			      "an absolute address needs a process: process(PID)");
		return false;
	}
	if (!mapping_find(root->number.value, shown, &map) || map.path[0] != '/') {
		process_error(q, DIAG_PROBE_TARGET, at, "no file is mapped at 0x%" PRIx64 " in process %" PRId64,
			      shown, root->number.value);
		return false;
	}
	e = elf_open(user->elf, map.path, &found.file);
	if (e) {
		process_error(q, DIAG_PROBE_TARGET, at, "%s", error_text(e));
		return false;
	}
	if (link_address(found.file, map.offset + (shown - map.start), &address))
		site_at(q, &found, address, shown, ".absolute");
	return true;
}
