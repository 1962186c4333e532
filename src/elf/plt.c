/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of the procedure linkage table, by the name of the function they lead to.
 *
 *	.rela.plt, .rela.dyn:	GOT entry ──▶ symbol
 *	slot:			[f3 0f 1e fa] [f2] ff 25 dd dd dd dd	jmp *entry(%rip)
 *
 * Which sections hold slots depends on the linker's options: .plt (lazy), .plt.sec (lazy, with
 * endbr64; .plt then only has the part that resolves), .plt.got (bound at start).
 */
#include "elf/file.h"

struct plt_query {
	struct elf_file *file;
	const char *glob;
	elf_plt_fn *hook;
	void *user;
	struct map *by_address; /* of entries of the GOT, to names */
	bool stopped;
};

static const char *symbol_name(const struct elf_file *f, const Elf64_Shdr *rela, uint64_t info)
{
	struct elf_private *p = private_of(f);
	Elf64_Shdr table, strings;
	uint64_t size, text_size;
	const uint8_t *symbols, *text;
	Elf64_Sym s;

	if (!elf_section_at(f, rela->sh_link, &table) || !elf_section_at(f, table.sh_link, &strings))
		return NULL;
	symbols = elf_section_bytes(f, &table, &size);
	text = elf_section_bytes(f, &strings, &text_size);
	if (!symbols || !text || ELF64_R_SYM(info) >= size / sizeof s)
		return NULL;
	memcpy(&s, symbols + ELF64_R_SYM(info) * sizeof s, sizeof s);
	text_size = elf_strings_trim((const char *)text, text_size);
	return arena_strdup(p->arena, elf_text_at((const char *)text, text_size, s.st_name));
}

static void relocations_read(struct plt_query *q, const Elf64_Shdr *h)
{
	struct arena *a = private_of(q->file)->arena;
	uint64_t size;
	const uint8_t *p = elf_section_bytes(q->file, h, &size);
	Elf64_Rela r;

	for (; p && size >= sizeof r; p += sizeof r, size -= sizeof r) {
		const char *name;

		memcpy(&r, p, sizeof r);
		if (ELF64_R_TYPE(r.r_info) != R_X86_64_JUMP_SLOT &&
		    ELF64_R_TYPE(r.r_info) != R_X86_64_GLOB_DAT)
			continue;
		name = symbol_name(q->file, h, r.r_info);
		if (name && *name)
			map_put_u64(q->by_address, r.r_offset, arena_strdup(a, name));
	}
}

/* The GOT entry that the code at p jumps through; false when it is no slot. */
static bool slot_target(const uint8_t *p, uint64_t n, uint64_t address, uint64_t *out)
{
	uint64_t at = n >= 4 && memcmp(p, "\xf3\x0f\x1e\xfa", 4) == 0 ? 4 : 0;
	int32_t displacement;

	at += at < n && p[at] == 0xf2;
	if (n < 6 || at > n - 6 || p[at] != 0xff || p[at + 1] != 0x25)
		return false;
	memcpy(&displacement, p + at + 2, 4);
	*out = address + at + 6 + (uint64_t)(int64_t)displacement;
	return true;
}

static void slots_read(struct plt_query *q, const Elf64_Shdr *h)
{
	uint64_t size, target;
	const uint8_t *p = elf_section_bytes(q->file, h, &size);

	for (uint64_t at = 0; p && at < size && !q->stopped; at += 8) {
		const char *name = slot_target(p + at, size - at, h->sh_addr + at, &target) ?
					   map_find_u64(q->by_address, target) : NULL;

		if (name && base_glob(q->glob, name))
			q->stopped = !q->hook(q->user, name, h->sh_addr + at,
					      h->sh_entsize >= 6 ? h->sh_entsize : 8);
	}
}

void elf_each_plt(struct elf_file *f, const char *glob, elf_plt_fn *hook, void *user)
{
	struct plt_query q = { .file = f, .glob = glob, .hook = hook, .user = user,
			       .by_address = map_create(private_of(f)->arena) };
	Elf64_Shdr h;

	for (uint32_t i = 1; elf_section_at(f, i, &h); i++)
		if (h.sh_type == SHT_RELA && h.sh_flags & SHF_ALLOC)
			relocations_read(&q, &h);
	for (uint32_t i = 1; elf_section_at(f, i, &h) && !q.stopped; i++)
		if (h.sh_flags & SHF_EXECINSTR && strncmp(elf_section_name(f, &h), ".plt", 4) == 0)
			slots_read(&q, &h);
}
