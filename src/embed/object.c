/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the image that the linker made: one segment from address 0, symbols, and words that hold addresses of
 * the image itself (R_X86_64_RELATIVE).
 */
#include <elf.h>
#include <string.h>

#include "embed/private.h"

const char *const embed_runtime_functions[] = { "rt_error", "rt_put", "rt_map_get", "rt_map_get_str", "rt_map_ref", "rt_map_set_str",
						NULL };

struct object {
	struct arena *arena;
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *head;
	struct bundle_embedded *out;
};

static const void *part(const struct object *o, uint64_t offset, uint64_t n, uint64_t item)
{
	if (offset > o->size || n > (o->size - offset) / item)
		return NULL;
	return o->bytes + offset;
}

static bool read_segment(struct object *o)
{
	const Elf64_Phdr *ph = part(o, o->head->e_phoff, o->head->e_phnum, sizeof *ph);

	for (uint32_t i = 0; ph && i < o->head->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (o->out->bytes || ph[i].p_vaddr || ph[i].p_offset || ph[i].p_filesz != ph[i].p_memsz ||
		    !part(o, 0, ph[i].p_filesz, 1))
			return false;
		o->out->bytes = o->bytes;
		o->out->size = (uint32_t)ph[i].p_filesz;
	}
	return o->out->bytes != NULL;
}

static bool add_word(struct object *o, uint64_t offset, const char *name, int64_t addend)
{
	if (offset > o->out->size - 8)
		return false;
	vec_push(o->arena, &o->out->words, (struct bundle_embedded_word){ (uint32_t)offset, name, addend });
	return true;
}

static bool add_symbol(struct object *o, const char *name, uint64_t value)
{
	if (strcmp(name, EMBED_RUNTIME_SYMBOL) == 0) {
		for (uint32_t i = 0; embed_runtime_functions[i]; i++)
			if (!add_word(o, value + 8 * i, embed_runtime_functions[i], 0))
				return false;
		return true;
	}
	if (strncmp(name, EMBED_PREFIX, strlen(EMBED_PREFIX)) != 0)
		return true;
	if (value > o->out->size - 8)
		return false;
	vec_push(o->arena, &o->out->entries, (struct bundle_embedded_entry){ arena_strdup(o->arena, name), (uint32_t)value });
	return true;
}

static bool read_symbols(struct object *o, const Elf64_Shdr *table, const Elf64_Shdr *names)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *s = part(o, table->sh_offset, n, sizeof *s);
	const char *text = part(o, names->sh_offset, names->sh_size, 1);

	if (!s || !text || !names->sh_size || text[names->sh_size - 1])
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (s[i].st_shndx != SHN_UNDEF && s[i].st_name < names->sh_size &&
		    !add_symbol(o, text + s[i].st_name, s[i].st_value))
			return false;
	return true;
}

static bool read_relocations(struct object *o, const Elf64_Shdr *table)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Rela);
	const Elf64_Rela *r = part(o, table->sh_offset, n, sizeof *r);

	for (uint64_t i = 0; r && i < n; i++) {
		if (ELF64_R_TYPE(r[i].r_info) == R_X86_64_NONE)
			continue;
		if (ELF64_R_TYPE(r[i].r_info) != R_X86_64_RELATIVE || !add_word(o, r[i].r_offset, NULL, r[i].r_addend))
			return false;
	}
	return r != NULL;
}

static bool read_sections(struct object *o)
{
	const Elf64_Shdr *sh = part(o, o->head->e_shoff, o->head->e_shnum, sizeof *sh);

	for (uint32_t i = 0; sh && i < o->head->e_shnum; i++) {
		if (sh[i].sh_type == SHT_SYMTAB &&
		    (sh[i].sh_link >= o->head->e_shnum || !read_symbols(o, &sh[i], &sh[sh[i].sh_link])))
			return false;
		if (sh[i].sh_type == SHT_RELA && sh[i].sh_flags & SHF_ALLOC && !read_relocations(o, &sh[i]))
			return false;
	}
	return sh != NULL;
}

bool embed_read_object(struct arena *a, const struct embed_product *from, struct bundle_embedded *out)
{
	struct object o = { a, from->bytes, from->size, (const void *)from->bytes, out };

	if (from->size < sizeof *o.head || memcmp(from->bytes, ELFMAG, SELFMAG) != 0 || o.head->e_machine != EM_X86_64)
		return false;
	return read_segment(&o) && out->size >= sizeof *o.head && read_sections(&o);
}
