/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls under way are given back to the program: their functions will return as if no trampoline had called them.
 *
 *	[back]            becomes	[ret]
 *	 frames, [out]			[ret] ...
 *	[return address]		[return address]
 *
 * `ret` is the address of such an instruction: each takes the next word, the last one the program's. It stands in the
 * dynamic loader, which is never unloaded, in a function whose description says all along that the return address is on
 * top of the stack: unwinders get through, and nothing is cleaned up there. Far from the function's begin,
 * where other sessions' patches might go.
 *
 * Where return addresses are checked (shadow stacks), or there is no such place, the calls are waited for.
 */
#include <string.h>

#include "ctl/code.h"
#include "elf/elf.h"

#define RET 0xc3
#define DISTANCE 64u /* bytes from the begin of what is described alike */
#define WORDS_MOST 512u /* of frames of one call */
#define REST 16u /* to its end; and compared around, with the file */

static bool is_bare(const struct abi_unwind_rule *r)
{
	return r->kind == ABI_RULE_REGISTER && r->reg == ABI_RSP && r->offset == 8 && !r->saved_mask &&
	       r->address_in < 0 && r->address == -1;
}

/* As in the file, without anybody's patches. */
static bool is_untouched(const struct ctl_process *p, uint64_t address, const uint8_t *file)
{
	uint8_t bytes[2 * REST];

	return proc_read(p->proc, address - REST, bytes, sizeof bytes) == sizeof bytes &&
	       memcmp(bytes, file - REST, sizeof bytes) == 0;
}

/* In [start, end) of the file, link-time addresses; 0: none. */
static uint64_t ret_in(const struct ctl_process *p, const struct elf_file *f, uint64_t bias, uint64_t start, uint64_t end)
{
	uint64_t available = 0;
	const uint8_t *code = elf_bytes(f, start, &available);

	for (uint64_t at = DISTANCE; code && start + at + REST <= end && at + REST <= available; at++)
		if (code[at] == RET && is_untouched(p, bias + start + at, code + at))
			return bias + start + at;
	return 0;
}

static uint64_t search(const struct ctl_process *p, const struct proc_map *m, struct elf_file *f, struct arena *a)
{
	const struct abi_unwind_table *t = elf_unwind_table(a, f);
	const struct abi_unwind_row *rows = t ? (const void *)((const char *)t + t->rows) : NULL;
	const struct abi_unwind_rule *rules = t ? (const void *)((const char *)t + t->rules) : NULL;
	uint64_t bias, found = 0;

	if (!t || !ctl_bias_in(f, m, &bias))
		return 0;
	for (uint32_t i = 0; i + 1 < t->n_rows && !found; i++)
		if (rows[i + 1].at - rows[i].at >= DISTANCE + REST && rows[i].rule < t->n_rules && is_bare(&rules[rows[i].rule]))
			found = ret_in(p, f, bias, t->text + rows[i].at, t->text + rows[i + 1].at);
	return found;
}

uint64_t ctl_let_return_find(struct ctl_process *p)
{
	const struct proc_map *loader = ctl_modules_loader(p);
	struct elf_file *f = loader ? ctl_map_file(p, loader) : NULL;
	struct arena *a;
	uint64_t found = 0;

	if (!f || proc_has_shadow_stack(p->proc->pid))
		return 0;
	a = arena_create();
	for (uint32_t i = 0; i < p->maps.n && !found; i++) {
		const struct proc_map *m = &p->maps.p[i];

		if (m->executable && m->inode == loader->inode && m->device == loader->device)
			found = search(p, m, f, a);
	}
	arena_destroy(a);
	return found;
}

/* The return address of a call that was kept aside; 0: not known. */
static uint64_t kept_address(const struct ctl_process *p, uint64_t key)
{
	struct abi_shadow entry;
	uint64_t table;
	uint32_t size;

	if (!ctl_process_read(p, offsetof(struct abi_process, shadow), &table, sizeof table) ||
	    !ctl_process_read(p, offsetof(struct abi_process, shadow_size), &size, sizeof size))
		return 0;
	for (uint32_t n = 0; n < ABI_SHADOW_PROBES; n++) {
		uint64_t at = (ABI_SHADOW_INDEX(key) + n) & (ABI_SHADOW_ENTRIES - 1);

		if (proc_read(p->proc, table + at * size, &entry, sizeof entry) != sizeof entry)
			return 0;
		if (entry.key == key)
			return entry.address;
	}
	return 0;
}

bool ctl_let_return(const struct ctl_process *p, uint64_t ret, const struct abi_unwind *row, uint64_t at)
{
	uint64_t words[WORDS_MOST], address;
	uint32_t n = (uint32_t)row->cfa / sizeof *words;

	if (row->kind == ABI_UNWIND_SHADOW_CALL) {
		address = kept_address(p, at);
		return address && proc_write(p->proc, at, &address, sizeof address) == NULL;
	}
	if (!ret || row->cfa < 8 || n > base_count(words))
		return false;
	for (uint32_t i = 0; i < n; i++)
		words[i] = ret;
	return proc_write(p->proc, at, words, n * sizeof *words) == NULL;
}
