/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF header, program headers, dynamic section and notes; System V ABI, chapters 4 and 5. */
#include "elf/file.h"

static struct error *header_check(const struct elf_file *f, Elf64_Ehdr *h)
{
	memcpy(h, f->image, sizeof *h);
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return error_new(ERROR_BAD_FILE, "%s is not an ELF file", f->path);
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64)
		return error_new(ERROR_BAD_FILE, "%s is not for x86-64", f->path);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return error_new(ERROR_BAD_FILE, "%s is neither a program nor a library", f->path);
	if (h->e_phentsize != sizeof(Elf64_Phdr) && h->e_phnum)
		return error_new(ERROR_BAD_FILE, "%s: damaged program headers", f->path);
	if (!elf_slice(f, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
		return error_new(ERROR_BAD_FILE, "%s: program headers past the end", f->path);
	return NULL;
}

/* Section headers are a convenience: when they are damaged there are none. */
static void sections_read(struct elf_file *f, const Elf64_Ehdr *h)
{
	struct elf_private *p = private_of(f);
	uint64_t n = h->e_shnum, size;
	uint32_t names = h->e_shstrndx;
	Elf64_Shdr first, s;
	const uint8_t *bytes;

	if (!h->e_shoff || h->e_shentsize != sizeof first)
		return;
	bytes = elf_slice(f, h->e_shoff, sizeof first);
	if (!bytes)
		return;
	memcpy(&first, bytes, sizeof first);
	if (!n)
		n = first.sh_size; /* more than 0xfeff sections */
	if (names == SHN_XINDEX)
		names = first.sh_link;
	if (n > f->image_size / sizeof first || !elf_slice(f, h->e_shoff, n * sizeof first))
		return;
	p->sections = bytes;
	p->n_sections = (uint32_t)n;
	if (!elf_section_at(f, names, &s))
		return;
	bytes = elf_section_bytes(f, &s, &size);
	if (!bytes)
		return;
	p->section_names = (const char *)bytes;
	p->section_names_size = elf_strings_trim(p->section_names, size);
}

static void segments_read(struct arena *a, struct elf_file *f, const Elf64_Ehdr *h)
{
	struct elf_segment *list = arena_array(a, struct elf_segment, h->e_phnum);

	for (uint32_t i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, f->image + h->e_phoff + i * sizeof p, sizeof p);
		if (p.p_type != PT_LOAD || p.p_vaddr + p.p_memsz < p.p_vaddr)
			continue;
		list[f->n_segments++] = (struct elf_segment){
			.address = p.p_vaddr, .file_offset = p.p_offset,
			.file_size = base_min(p.p_filesz, p.p_memsz), .memory_size = p.p_memsz,
			.align = p.p_align, .readable = p.p_flags & PF_R,
			.writable = p.p_flags & PF_W, .executable = p.p_flags & PF_X,
		};
	}
	f->segments = list;
}

static const char *text_copy(struct arena *a, const struct elf_file *f, uint64_t offset,
			     uint64_t size)
{
	const char *p = (const char *)elf_slice(f, offset, size);

	return p && size ? arena_strndup(a, p, strnlen(p, size)) : NULL;
}

static const char *hex(struct arena *a, const uint8_t *p, size_t n)
{
	struct buf b;

	buf_init(&b, a);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%02x", p[i]);
	return buf_str(&b);
}

static void build_id_find(struct arena *a, struct elf_file *f, uint64_t offset, uint64_t size)
{
	const uint8_t *p = elf_slice(f, offset, size);
	Elf64_Nhdr n;

	while (p && size >= sizeof n) {
		uint64_t head, whole;

		memcpy(&n, p, sizeof n);
		head = sizeof n + base_align((uint64_t)n.n_namesz, 4);
		whole = head + base_align((uint64_t)n.n_descsz, 4);
		if (head + n.n_descsz > size)
			return;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && n.n_descsz <= 64 &&
		    memcmp(p + sizeof n, "GNU", 4) == 0) {
			f->build_id = hex(a, p + head, n.n_descsz);
			return;
		}
		if (whole >= size)
			return;
		p += whole;
		size -= whole;
	}
}

/* What one dynamic tag tells; DT_NEEDED is collected by the caller. */
static void dynamic_note(struct dynamic_facts *d, const Elf64_Dyn *t)
{
	switch (t->d_tag) {
	case DT_STRTAB: d->strings = t->d_un.d_ptr; break;
	case DT_STRSZ: d->strings_size = t->d_un.d_val; break;
	case DT_SYMTAB: d->symbols = t->d_un.d_ptr; break;
	case DT_HASH: d->hash = t->d_un.d_ptr; break;
	case DT_GNU_HASH: d->gnu_hash = t->d_un.d_ptr; break;
	case DT_SONAME: d->soname = t->d_un.d_val + 1; break;
	case DT_RPATH: d->rpath = t->d_un.d_val + 1; break;
	case DT_RUNPATH: d->runpath = t->d_un.d_val + 1; break;
	case DT_FLAGS_1: d->flags_1 = t->d_un.d_val; break;
	default: break;
	}
}

struct dynamic_texts {
	const char *strings;
	size_t size;
};

static const char *dynamic_text(const struct dynamic_texts *t, uint64_t offset_plus_1)
{
	if (!offset_plus_1 || offset_plus_1 - 1 >= t->size)
		return NULL;
	return t->strings + offset_plus_1 - 1;
}

static void dynamic_read(struct arena *a, struct elf_file *f, uint64_t offset, uint64_t size)
{
	struct elf_private *p = private_of(f);
	struct dynamic_facts *d = &p->dynamic;
	const uint8_t *bytes = elf_slice(f, offset, size);
	struct dynamic_texts t = { 0 };
	VEC(uint64_t) needed = { 0 };
	const char **names;
	uint64_t available = 0;
	Elf64_Dyn tag;

	for (; bytes && size >= sizeof tag; bytes += sizeof tag, size -= sizeof tag) {
		memcpy(&tag, bytes, sizeof tag);
		if (tag.d_tag == DT_NULL)
			break;
		if (tag.d_tag == DT_NEEDED)
			vec_push(a, &needed, tag.d_un.d_val + 1);
		dynamic_note(d, &tag);
	}
	t.strings = (const char *)elf_bytes(f, d->strings, &available);
	if (t.strings)
		t.size = elf_strings_trim(t.strings, base_min(d->strings_size, available));
	f->soname = dynamic_text(&t, d->soname);
	p->rpath = dynamic_text(&t, d->rpath);
	p->runpath = dynamic_text(&t, d->runpath);
	names = arena_array(a, const char *, needed.n);
	vec_each(n, &needed)
		if (dynamic_text(&t, *n))
			names[f->n_needed++] = dynamic_text(&t, *n);
	f->needed = names;
}

static void program_header_read(struct arena *a, struct elf_file *f, const Elf64_Phdr *p)
{
	switch (p->p_type) {
	case PT_INTERP:
		f->interpreter = text_copy(a, f, p->p_offset, p->p_filesz);
		break;
	case PT_DYNAMIC:
		dynamic_read(a, f, p->p_offset, p->p_filesz);
		break;
	case PT_NOTE:
		if (!f->build_id)
			build_id_find(a, f, p->p_offset, p->p_filesz);
		break;
	case PT_GNU_EH_FRAME:
		private_of(f)->eh_frame_hdr = p->p_vaddr;
		break;
	default:
		break;
	}
}

/* The Go linker always writes one of these sections. */
static bool is_go(const struct elf_file *f)
{
	static const char *const names[] = { ".go.buildinfo", ".note.go.buildid", ".gopclntab" };
	Elf64_Shdr s;

	for (uint32_t i = 0; i < base_count(names); i++)
		if (elf_section_find(f, names[i], &s))
			return true;
	return false;
}

struct error *elf_headers_read(struct arena *a, struct elf_file *f)
{
	struct elf_private *p = arena_new(a, struct elf_private);
	Elf64_Ehdr h;
	struct error *e = header_check(f, &h);

	if (e)
		return e;
	p->arena = a;
	f->priv = p;
	f->entry = h.e_entry;
	f->is_shared = h.e_type == ET_DYN;
	sections_read(f, &h);
	segments_read(a, f, &h);
	for (uint32_t i = 0; i < h.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, f->image + h.e_phoff + i * sizeof ph, sizeof ph);
		program_header_read(a, f, &ph);
	}
	f->is_static = !f->interpreter;
	f->is_pie = f->is_shared && f->entry &&
		    (f->interpreter || p->dynamic.flags_1 & DF_1_PIE);
	f->is_go = is_go(f);
	return NULL;
}
