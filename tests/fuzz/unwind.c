/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call frame information of any bytes made into a table, and stacks of any bytes walked by it: no crash, an orderly
 * table, an end.
 *
 *	input: [.eh_frame]; its own bytes are the stack, too
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf.h"
#include "fuzz.h"
#include "runtime/unwind.h"

#define DATA 4096u /* where the input is in the file, and as an address */
#define MOST (1u << 16)
#define CODE (64u << 10)

struct image {
	Elf64_Ehdr head;
	Elf64_Phdr load, frames;
	uint8_t frames_header[8];
};

static uint8_t *make_image(const uint8_t *data, size_t size)
{
	uint8_t *out = calloc(1, DATA + size + 4);
	struct image *i = (void *)out;
	int32_t distance = (int32_t)(DATA - (offsetof(struct image, frames_header) + 4));

	if (!out)
		base_oom();
	memcpy(i->head.e_ident, ELFMAG, SELFMAG);
	i->head.e_ident[EI_CLASS] = ELFCLASS64;
	i->head.e_ident[EI_DATA] = ELFDATA2LSB;
	i->head.e_ident[EI_VERSION] = EV_CURRENT;
	i->head.e_type = ET_DYN;
	i->head.e_machine = EM_X86_64;
	i->head.e_version = EV_CURRENT;
	i->head.e_ehsize = sizeof i->head;
	i->head.e_phoff = offsetof(struct image, load);
	i->head.e_phentsize = sizeof i->load;
	i->head.e_phnum = 2;
	i->load = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, 0, 0, DATA + size + 4, DATA + size + CODE, 4096 };
	i->frames = (Elf64_Phdr){ PT_GNU_EH_FRAME, PF_R, offsetof(struct image, frames_header),
				  offsetof(struct image, frames_header), 0, 8, 8, 4 };
	memcpy(i->frames_header, (const uint8_t[4]){ 1, 0x1b, 0xff, 0xff }, 4);
	memcpy(i->frames_header + 4, &distance, 4);
	memcpy(out + DATA, data, size);
	return out;
}

static void check(const struct abi_unwind_table *t)
{
	const struct abi_unwind_row *rows = (const void *)((const char *)t + t->rows);
	const uint32_t *blocks = (const void *)((const char *)t + t->blocks);

	for (uint32_t i = 0; i < t->n_rows; i++)
		if (rows[i].rule >= t->n_rules || (i && rows[i].at <= rows[i - 1].at))
			abort();
	for (uint32_t i = 0; i < t->n_blocks; i++)
		if (blocks[i] > t->n_rows || (i && blocks[i] < blocks[i - 1]))
			abort();
}

/* A region with one module, whose code is at CODE and up. */
static void walk(const struct abi_unwind_table *t, const uint8_t *data, size_t size)
{
	size_t room = sizeof(struct abi_region) + 256 + t->size;
	char *region = calloc(1, room);
	uint64_t registers[ABI_REGISTERS], addresses[64];
	struct abi_process process = { .region = (uint64_t)region, .modules = sizeof(struct abi_region) };
	struct abi_modules *list;
	struct abi_module_tables *tables;
	uint32_t n;

	if (!region)
		base_oom();
	list = (void *)(region + process.modules);
	tables = (void *)(region + process.modules + 128);
	tables->unwind = process.modules + 256;
	memcpy(region + tables->unwind, t, t->size);
	list->n = 1;
	list->list[0] = (struct abi_module){ CODE, CODE + DATA + size + CODE, CODE, process.modules + 128 };
	for (size_t at = 0; at + 16 < size && at < 64; at += 8) {
		for (uint32_t i = 0; i < ABI_REGISTERS; i++)
			registers[i] = (uint64_t)data + (at + i * 8) % size;
		registers[ABI_RIP] = CODE + DATA + at;
		n = rt_stack_walk(&process, registers, addresses, base_count(addresses));
		if (n < 1 || n > base_count(addresses) || addresses[0] != registers[ABI_RIP])
			abort();
	}
	free(region);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	const struct abi_unwind_table *t;
	struct elf_file *f;
	uint8_t *image;

	if (size > MOST)
		size = MOST;
	image = make_image(data, size);
	if (!elf_open_bytes(cache, "[fuzz]", image, DATA + size + 4, &f)) {
		t = elf_unwind_table(a, f);
		elf_symbol_table(a, f);
		if (t) {
			check(t);
			walk(t, data, size);
		}
	}
	free(image);
	elf_cache_destroy(cache);
	arena_destroy(a);
	return 0;
}
