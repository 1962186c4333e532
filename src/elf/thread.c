/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread's variables are (ELF Handling For Thread-Local Storage,
 * variant II; System V ABI for x86-64).
 *
 *	executable	thread pointer - (size of its block, rounded up) + offset
 *	library		a word of its global offset table, which the loader fills:
 *			the block's distance from the thread pointer (R_X86_64_TPOFF64), or
 *			the module's number (R_X86_64_DTPMOD64), by which the vector of blocks
 *			is asked: the second word of the thread's control block is its address
 */
#include <elf.h>

#include "elf/location.h"
#include "elf/symbol.h"

/* Alignment of an entry of the vector of blocks: glibc's are two words, musl's are one. */
#define GLIBC_VECTOR_ENTRY 16
#define MUSL_VECTOR_ENTRY 8

static bool block_find(const struct elf_file *f, Elf64_Phdr *out)
{
	Elf64_Ehdr h;

	memcpy(&h, f->image, sizeof h);
	for (uint32_t i = 0; i < h.e_phnum; i++) {
		const uint8_t *p = elf_slice(f, h.e_phoff + (uint64_t)i * h.e_phentsize, sizeof *out);

		if (!p)
			return false;
		memcpy(out, p, sizeof *out);
		if (out->p_type == PT_TLS)
			return true;
	}
	return false;
}

/* The relocation of the loader's that tells where the block is. */
struct filled_word {
	uint64_t address; /* of the word; 0 none */
	bool is_module; /* DTPMOD64, else TPOFF64 */
	int64_t block_offset; /* TPOFF64: what the word says of the block */
};

static uint64_t symbol_value(const struct elf_file *f, const Elf64_Shdr *relocations, uint32_t number)
{
	Elf64_Shdr table;
	Elf64_Sym s;
	uint64_t size;
	const uint8_t *bytes;

	if (!number || !elf_section_at(f, relocations->sh_link, &table))
		return 0;
	bytes = elf_section_bytes(f, &table, &size);
	if (!bytes || (number + 1ull) * sizeof s > size)
		return UINT64_MAX;
	memcpy(&s, bytes + number * sizeof s, sizeof s);
	return s.st_shndx == SHN_UNDEF ? UINT64_MAX : s.st_value;
}

static void see_relocation(const struct elf_file *f, const Elf64_Shdr *section, const Elf64_Rela *r,
			   struct filled_word *out)
{
	uint64_t value = symbol_value(f, section, (uint32_t)ELF64_R_SYM(r->r_info));

	if (value == UINT64_MAX)
		return; /* of another module */
	if (ELF64_R_TYPE(r->r_info) == R_X86_64_TPOFF64)
		*out = (struct filled_word){ r->r_offset, false, (int64_t)value + r->r_addend };
	else if (ELF64_R_TYPE(r->r_info) == R_X86_64_DTPMOD64 && !out->address)
		*out = (struct filled_word){ r->r_offset, true, 0 };
}

static struct filled_word word_find(const struct elf_file *f)
{
	struct filled_word w = { 0 };
	Elf64_Shdr s;
	uint64_t size;

	for (uint32_t i = 0; elf_section_at(f, i, &s); i++) {
		const uint8_t *bytes = s.sh_type == SHT_RELA ? elf_section_bytes(f, &s, &size) : NULL;

		for (uint64_t at = 0; bytes && at + sizeof(Elf64_Rela) <= size; at += sizeof(Elf64_Rela)) {
			Elf64_Rela r;

			memcpy(&r, bytes + at, sizeof r);
			see_relocation(f, &s, &r, &w);
			if (w.address && !w.is_module)
				return w;
		}
	}
	return w;
}

static const struct elf_node *in_library(struct elf_data *d, const struct elf_node *thread,
					 const struct elf_node *offset, const char **why)
{
	struct filled_word w = word_find(d->file);
	bool musl = d->file->interpreter && strstr(d->file->interpreter, "musl");
	const struct elf_node *word, *vector, *at;
	struct arena *a = d->arena;

	if (!w.address) {
		*why = "the place of its module's thread-local variables is not known";
		return NULL;
	}
	word = elf_node_load(a, elf_node_address(d, w.address), 8, false);
	if (!w.is_module) {
		at = elf_node_binary(a, ELF_NODE_ADD, thread, word);
		at = elf_node_plus(a, at, -w.block_offset);
		return elf_node_binary(a, ELF_NODE_ADD, at, offset);
	}
	vector = elf_node_load(a, elf_node_plus(a, thread, 8), 8, false);
	at = elf_node_binary(a, ELF_NODE_MULTIPLY, word,
			     elf_node_number(a, musl ? MUSL_VECTOR_ENTRY : GLIBC_VECTOR_ENTRY));
	at = elf_node_load(a, elf_node_binary(a, ELF_NODE_ADD, vector, at), 8, false);
	/* A block that this thread has not used yet has no address: glibc says -1. */
	at = elf_node_select(a, elf_node_binary(a, ELF_NODE_EQUAL, at, elf_node_number(a, -1)),
			     elf_node_fail(a, "this thread has no copy of the variable yet"), at);
	return elf_node_binary(a, ELF_NODE_ADD, at, offset);
}

/* GCC with split debug information gives the link-time address of the initial value instead. */
static const struct elf_node *from_block(struct arena *a, const struct elf_node *offset,
					 const Elf64_Phdr *block)
{
	uint64_t number = (uint64_t)offset->number;

	if (offset->kind != ELF_NODE_NUMBER || number < block->p_memsz ||
	    number - block->p_vaddr >= block->p_memsz)
		return offset;
	return elf_node_number(a, (int64_t)(number - block->p_vaddr));
}

const struct elf_node *elf_frame_thread_variable(struct elf_data *d, const struct elf_node *offset,
						 const char **why)
{
	const struct elf_node *thread = elf_node_leaf(d->arena, ELF_NODE_THREAD, 0);
	bool is_program = d->file->is_pie || d->file->is_static || !d->file->is_shared;
	struct arena *a = d->arena;
	Elf64_Phdr block;
	uint64_t align, size;

	if (!block_find(d->file, &block)) {
		*why = "its module has no thread-local variables";
		return NULL;
	}
	offset = from_block(a, offset, &block);
	if (!is_program)
		return in_library(d, thread, offset, why);
	align = block.p_align ? block.p_align : 1;
	size = base_align(block.p_memsz, align);
	return elf_node_binary(a, ELF_NODE_ADD, elf_node_plus(a, thread, -(int64_t)size), offset);
}

static bool errno_symbol(struct elf_file *f, uint64_t *offset)
{
	static const char name[] = "errno";
	struct symbol_cursor c = { 0 };
	struct raw_symbol s;

	while (elf_symbol_next(f, &c, &s))
		if (s.name_length == strlen(name) && memcmp(s.name, name, s.name_length) == 0 &&
		    ELF64_ST_TYPE(s.symbol.st_info) == STT_TLS && s.symbol.st_size == 4) {
			*offset = s.symbol.st_value;
			return true;
		}
	return false;
}

bool elf_errno_find(struct elf_file *f, struct elf_variable *out, struct elf_location *where)
{
	struct elf_data *d;
	uint64_t offset;
	const char *why = NULL;

	if (!errno_symbol(f, &offset))
		return false;
	d = arena_new(private_of(f)->arena, struct elf_data);
	d->arena = private_of(f)->arena;
	d->file = f;
	*out = (struct elf_variable){ .name = "errno", .type = elf_type_int(d) };
	*where = (struct elf_location){ .place = ELF_PLACE_MEMORY, .reg = -1 };
	where->node = elf_frame_thread_variable(d, elf_node_number(d->arena, (int64_t)offset), &why);
	if (!where->node)
		*where = elf_location_absent(why);
	return true;
}
