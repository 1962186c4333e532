/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime image and the bundle's code, made ready for one process.
 *
 * The image is an ELF object with one read-execute segment, no data and no
 * undefined symbols, embedded in the tool.  Code does not change between
 * processes but for addresses baked into it:
 *
 *	code memfd:  [runtime image][bundle code][site table][trap table] [trampolines ...]
 *	              0             code          sites       traps        fixed_size
 *
 * The fixed part is one mapping, so code reaches the runtime by 32-bit distances.
 */
#include <elf.h>
#include <string.h>

#include "ctl/family.h"
#include "ctl/session.h"
#include "ctl/syscalls.h"
#include "x86/x86.h"

#define TRAPS_PER_SITE 5u
#define UNWINDS_PER_SITE 24u
#define SPARE_SITES 64u
#define CODE_ALIGN 64u
#define LARGEST (64u << 20) /* segment believed */
#define SELF_SYMBOL "rt_self" /* 8 bytes that get the address of struct abi_process */

/* ---- reading the image -------------------------------------------------------------- */

struct file {
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *head;
};

/* n items of `item` bytes at an offset, NULL if the file does not hold them or they are not aligned. */
static const void *part(const struct file *f, uint64_t offset, uint64_t n, uint64_t item)
{
	if (offset > f->size || n > (f->size - offset) / item || (item > 1 && offset % 8))
		return NULL;
	return f->bytes + offset;
}

static struct error *damaged(const char *what)
{
	return error_new(ERROR_BAD_FILE, "the runtime image is damaged: %s", what);
}

/* The segment begins at address 0, or behind the headers in the same page, which are taken too. */
static bool read_segment(const struct file *f, const Elf64_Phdr *h, struct ctl_runtime *out)
{
	if (h->p_vaddr >= ABI_PAGE || h->p_offset < h->p_vaddr || h->p_filesz > h->p_memsz ||
	    h->p_memsz > LARGEST || (h->p_offset - h->p_vaddr) % 8)
		return false;
	out->file_size = h->p_vaddr + h->p_filesz;
	out->bytes = part(f, h->p_offset - h->p_vaddr, out->file_size, 1);
	out->size = base_align(h->p_vaddr + h->p_memsz, (uint64_t)ABI_PAGE);
	return out->bytes && out->file_size >= sizeof *f->head;
}

static struct error *read_segments(const struct file *f, struct ctl_runtime *out,
				   const Elf64_Phdr **dynamic)
{
	const Elf64_Phdr *ph = part(f, f->head->e_phoff, f->head->e_phnum, sizeof *ph);
	uint32_t loads = 0;

	*dynamic = NULL;
	for (uint32_t i = 0; ph && i < f->head->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			*dynamic = &ph[i];
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (!read_segment(f, &ph[i], out))
			return damaged("its segment");
		loads++;
	}
	return loads == 1 ? NULL : damaged("it has no single segment");
}

static struct error *read_relatives(struct arena *a, const struct file *f,
				    const Elf64_Phdr *dynamic, struct ctl_runtime *out)
{
	uint64_t n = dynamic ? dynamic->p_filesz / sizeof(Elf64_Dyn) : 0, at = 0, size = 0;
	const Elf64_Dyn *d = n ? part(f, dynamic->p_offset, n, sizeof *d) : NULL;

	for (uint64_t i = 0; d && i < n; i++) {
		if (d[i].d_tag == DT_RELA)
			at = d[i].d_un.d_ptr;
		if (d[i].d_tag == DT_RELASZ)
			size = d[i].d_un.d_val;
	}
	if (at % 8 || at > out->file_size || size > out->file_size - at)
		return damaged("its relocations");
	for (uint64_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
		const Elf64_Rela *r = (const void *)(out->bytes + at + i * sizeof *r);

		if (ELF64_R_TYPE(r->r_info) == R_X86_64_NONE)
			continue;
		if (ELF64_R_TYPE(r->r_info) != R_X86_64_RELATIVE ||
		    r->r_offset > out->file_size - 8)
			return damaged("a relocation of a kind it may not have");
		vec_push(a, &out->relatives, (struct ctl_relative){ r->r_offset, r->r_addend });
	}
	return NULL;
}

static void read_symbols(struct arena *a, const struct file *f, const Elf64_Shdr *table,
			 const Elf64_Shdr *names, struct ctl_runtime *out)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbols = part(f, table->sh_offset, n, sizeof *symbols);
	const char *text = part(f, names->sh_offset, names->sh_size, 1);

	if (!symbols || !text || !names->sh_size || text[names->sh_size - 1])
		return;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *offset;

		if (symbols[i].st_shndx == SHN_UNDEF || symbols[i].st_name >= names->sh_size)
			continue;
		offset = arena_new(a, uint64_t);
		*offset = symbols[i].st_value;
		if (text[symbols[i].st_name])
			map_put(out->symbols, text + symbols[i].st_name, offset);
	}
}

static struct error *read_tables(struct arena *a, const struct file *f, struct ctl_runtime *out)
{
	const Elf64_Shdr *sh = part(f, f->head->e_shoff, f->head->e_shnum, sizeof *sh);

	out->symbols = map_create(a);
	for (uint32_t i = 0; sh && i < f->head->e_shnum; i++)
		if ((sh[i].sh_type == SHT_SYMTAB || sh[i].sh_type == SHT_DYNSYM) &&
		    sh[i].sh_link < f->head->e_shnum)
			read_symbols(a, f, &sh[i], &sh[sh[i].sh_link], out);
	return map_count(out->symbols) ? NULL : damaged("it has no symbols");
}

struct error *ctl_runtime_parse(struct arena *a, const uint8_t *file, size_t size,
				struct ctl_runtime *out)
{
	struct file f = { file, size, (const void *)file };
	const Elf64_Phdr *dynamic;
	struct error *e;

	*out = (struct ctl_runtime){ 0 };
	if (size < sizeof *f.head || memcmp(file, ELFMAG, SELFMAG) != 0)
		return damaged("no ELF header");
	e = read_segments(&f, out, &dynamic);
	if (!e)
		e = read_relatives(a, &f, dynamic, out);
	if (!e)
		e = read_tables(a, &f, out);
	return e;
}

bool ctl_runtime_find(const struct ctl_runtime *r, const char *name, uint64_t *offset)
{
	const uint64_t *found = map_find(r->symbols, name);

	if (found)
		*offset = *found;
	return found != NULL;
}

/* ---- laying out and relocating ------------------------------------------------------------ */

static uint32_t savers(const struct bundle *b)
{
	uint32_t n = 0;

	vec_each(s, &b->sites)
		n += s->saver != 0;
	return n;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;

	while (n < least)
		n *= 2;
	return n;
}

void ctl_place_lay_out(const struct ctl_runtime *r, const struct bundle *b, uint64_t image,
		       struct ctl_place *out)
{
	uint64_t at = image;

	/* Files mapped twice and libraries that come back elsewhere take entries of their own. */
	out->max_sites = 2 * (b->sites.n + savers(b)) + ctl_life_count(b) + ctl_syscall_sites(b) +
			 SPARE_SITES;
	out->max_traps = out->max_sites * TRAPS_PER_SITE;
	out->image = at;
	at = base_align(at + r->size, (uint64_t)CODE_ALIGN);
	out->code = at;
	at = base_align(at + b->code_size, (uint64_t)CODE_ALIGN);
	out->sites = at;
	at = base_align(at + (uint64_t)out->max_sites * sizeof(struct abi_site),
			(uint64_t)CODE_ALIGN);
	out->traps = at;
	at += 2 * (uint64_t)out->max_traps * sizeof(struct abi_trap);
	out->hooks_unwinders = ctl_returns_any(b);
	out->max_unwinds = out->hooks_unwinders || ctl_tables_walk(b) ? UNWINDS_PER_SITE * out->max_sites : 0;
	out->unwinds = at;
	at += 2 * (uint64_t)out->max_unwinds * sizeof(struct abi_unwind);
	out->calls = at;
	out->max_calls = out->max_unwinds ? power_of_two(2 * out->max_sites) : 0;
	at += (uint64_t)out->max_calls * sizeof(uint32_t);
	out->syscalls = base_align(at, (uint64_t)CODE_ALIGN);
	at = out->syscalls + ctl_syscall_stubs_size(b);
	out->fixed_size = base_align(at, (uint64_t)ABI_PAGE) - image;
}

static struct error *relocation_value(const struct ctl_runtime *r, const struct bundle *b,
				      const struct ctl_place *p, const struct bundle_reloc *reloc,
				      uint64_t *out)
{
	uint64_t symbol = 0;

	switch ((enum bundle_reloc_kind)reloc->kind) {
	case RELOC_REGION_ABS64:
		*out = p->region;
		break;
	case RELOC_TABLE_ABS64:
		*out = p->table;
		break;
	case RELOC_PROCESS_ABS64:
		*out = p->process;
		break;
	case RELOC_RUNTIME_ABS64:
	case RELOC_RUNTIME_REL32:
		if (reloc->symbol >= b->runtime_symbols.n ||
		    !ctl_runtime_find(r, b->runtime_symbols.p[reloc->symbol], &symbol))
			return error_new(ERROR_BAD_FILE, "the runtime has no function %s",
					 reloc->symbol < b->runtime_symbols.n
						 ? b->runtime_symbols.p[reloc->symbol]
						 : "of that number");
		*out = p->image + symbol;
		break;
	case RELOC_CODE_ABS64:
	case RELOC_CODE_REL32:
		*out = p->code;
		break;
	case RELOC_THREAD_POINTER:
	case RELOC_OWN_STACK:
	default:
		return error_new(ERROR_BAD_FILE, "the bundle has a relocation of unknown kind %u",
				 reloc->kind);
	}
	*out += (uint64_t)reloc->addend;
	return NULL;
}

static void stay_on_stack(uint8_t *at, uint32_t size)
{
	/* mov %rsp,%r15; and $-16,%r15 */
	static const uint8_t stay[] = { 0x49, 0x89, 0xe7, 0x49, 0x83, 0xe7, 0xf0 };

	memcpy(at, stay, sizeof stay);
	x86_encode_nops(at + sizeof stay, size - (uint32_t)sizeof stay);
}

struct error *ctl_relocate(const struct ctl_runtime *r, const struct bundle *b,
			   const struct ctl_place *p, const struct bundle_reloc *relocs, uint32_t n,
			   uint8_t *bytes, uint64_t address)
{
	static const uint8_t load[] = {
		0x64, 0x48, 0x8b, 0x0c, 0x25, 0, 0, 0, 0
	}; /* mov %fs:0,%rcx */

	for (uint32_t i = 0; i < n; i++) {
		const struct bundle_reloc *reloc = &relocs[i];
		uint8_t *at = bytes + reloc->offset;
		uint64_t value = 0;
		int64_t distance;
		struct error *e;

		if (reloc->kind == RELOC_THREAD_POINTER) {
			if (p->thread_pointer_loads)
				memcpy(at, load, sizeof load);
			continue;
		}
		if (reloc->kind == RELOC_OWN_STACK) {
			if (!p->own_stack)
				stay_on_stack(at, (uint32_t)reloc->addend);
			continue;
		}
		e = relocation_value(r, b, p, reloc, &value);
		if (e)
			return e;
		if (reloc->kind != RELOC_RUNTIME_REL32 && reloc->kind != RELOC_CODE_REL32) {
			memcpy(at, &value, 8);
			continue;
		}
		distance = (int64_t)(value - (address + reloc->offset + 4));
		if (distance != (int32_t)distance)
			return error_new(ERROR_OTHER, "code at 0x%lx does not reach 0x%lx",
					 (unsigned long)address, (unsigned long)value);
		memcpy(at, &(int32_t){ (int32_t)distance }, 4);
	}
	return NULL;
}

/* The unwind description of functions whose return addresses are kept aside names their table. */
static bool fill_shadow(const struct ctl_runtime *r, const struct ctl_place *p, uint8_t *view)
{
	uint64_t table, size;

	if (!ctl_runtime_find(r, "rt_shadow_table", &table) || table > r->file_size - 8 ||
	    !ctl_runtime_find(r, "rt_shadow_size", &size) || size > r->file_size - 8)
		return false;
	memcpy(view + table, &p->shadow, 8);
	memcpy(view + size, &p->shadow_entry, 4);
	return true;
}

struct error *ctl_image_build(const struct ctl_runtime *r, const struct bundle *b,
			      const struct ctl_place *p, uint8_t *view)
{
	uint8_t *code = view + (p->code - p->image);
	uint64_t self, value;

	memcpy(view, r->bytes, r->file_size);
	for (uint32_t i = 0; i < r->relatives.n; i++) {
		value = p->image + (uint64_t)r->relatives.p[i].addend;
		memcpy(view + r->relatives.p[i].offset, &value, 8);
	}
	if (!ctl_runtime_find(r, SELF_SYMBOL, &self) || self > r->file_size - 8)
		return damaged("it has no " SELF_SYMBOL);
	memcpy(view + self, &p->process, 8);
	/* How others find us: see struct abi_ledger. */
	memcpy(view + offsetof(Elf64_Ehdr, e_entry), &p->process, 8);
	if (!fill_shadow(r, p, view))
		return damaged("it has no shadow table");
	if (b->code_size)
		memcpy(code, b->code, b->code_size);
	return ctl_relocate(r, b, p, b->relocs.p, b->relocs.n, code, p->code);
}
