/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .gnu_debugdata: an xz-compressed ELF file with the .symtab that strip took.
 *
 * libdwfl unpacks it; its symbols are copied into a table like the others'.
 */
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

#include "elf/file.h"

/* No separate debug files: only what the file itself carries. */
static int no_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **out)
{
	(void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc,
		(void)out;
	return -1;
}

struct copied {
	VEC(Elf64_Sym) symbols;
	struct buf strings;
};

static void symbols_copy(struct arena *a, Dwfl_Module *module, struct copied *to)
{
	int n = dwfl_module_getsymtab(module);

	for (int i = 1; i < n; i++) {
		GElf_Sym s;
		GElf_Addr address;
		const char *name = dwfl_module_getsym_info(module, i, &s, &address, NULL, NULL,
							   NULL);

		if (!name || !*name || s.st_shndx == SHN_UNDEF)
			continue;
		vec_push(a, &to->symbols, (Elf64_Sym){
			.st_name = (Elf64_Word)to->strings.n, .st_info = s.st_info,
			.st_shndx = s.st_shndx, .st_value = address, .st_size = s.st_size });
		buf_add(&to->strings, name, strlen(name) + 1);
	}
}

static void file_copy(const struct elf_file *f, Dwfl *dwfl, struct copied *to)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	Dwfl_Module *module;

	if (fd < 0)
		return;
	dwfl_report_begin(dwfl);
	/* Base 0 and the file's own addresses: nothing is moved. libdwfl owns fd on success. */
	module = dwfl_report_elf(dwfl, "file", f->path, fd, 0, true);
	dwfl_report_end(dwfl, NULL, NULL);
	if (module)
		symbols_copy(private_of(f)->arena, module, to);
	else
		close(fd);
}

bool elf_minidebug_read(struct elf_file *f, struct symbol_table *out)
{
	static const Dwfl_Callbacks callbacks = {
		.section_address = dwfl_offline_section_address,
		.find_debuginfo = no_debuginfo,
	};
	struct copied copied = { 0 };
	Elf64_Shdr s;
	Dwfl *dwfl;

	if (!elf_section_find(f, ".gnu_debugdata", &s))
		return false;
	dwfl = dwfl_begin(&callbacks);
	if (!dwfl)
		return false;
	buf_init(&copied.strings, private_of(f)->arena);
	buf_addc(&copied.strings, 0);
	file_copy(f, dwfl, &copied);
	dwfl_end(dwfl);
	out->symbols = (const uint8_t *)copied.symbols.p;
	out->n = copied.symbols.n;
	out->strings = copied.strings.p;
	out->strings_size = copied.strings.n;
	return out->n > 0;
}
