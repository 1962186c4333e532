/* SPDX-License-Identifier: Apache-2.0 */
/* Where a file keeps its call frame information. */
#include <libelf.h>

#include "elf/cursor.h"
#include "elf/debug.h"
#include "elf/unwind_sections.h"

bool elf_eh_frame(const struct elf_file *f, struct cfi_section *out)
{
	uint64_t header = private_of(f)->eh_frame_hdr, at, size;
	struct cursor c = cursor_at(f, header);
	uint8_t version, encoding;
	Elf64_Shdr s;

	*out = (struct cfi_section){ .eh = true };
	if (elf_section_find(f, ".eh_frame", &s)) {
		out->start = elf_section_bytes(f, &s, &size);
		out->end = out->start + size;
		out->address = s.sh_addr;
		return out->start != NULL;
	}
	version = header ? (uint8_t)take(&c, 1) : 0;
	encoding = (uint8_t)take(&c, 1);
	take(&c, 2);
	at = take_encoded(&c, encoding, header);
	if (c.bad || version != 1)
		return false;
	c = cursor_at(f, at);
	*out = (struct cfi_section){ c.p, c.end, at, true };
	return !c.bad;
}

bool elf_debug_frame(struct elf_file *f, struct cfi_section *out)
{
	struct elf_debug *d = elf_debug_file_of(f);
	size_t names;

	if (!d || elf_getshdrstrndx(d->elf, &names) != 0)
		return false;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(d->elf, s));) {
		Elf64_Shdr *head = elf64_getshdr(s);
		const char *name = head ? elf_strptr(d->elf, names, head->sh_name) : NULL;
		Elf_Data *data;

		if (!name || (strcmp(name, ".debug_frame") != 0 && strcmp(name, ".zdebug_frame") != 0))
			continue;
		if (name[1] == 'z')
			elf_compress_gnu(s, 0, 0);
		else if (head->sh_flags & SHF_COMPRESSED)
			elf_compress(s, 0, 0);
		data = elf_getdata(s, NULL);
		if (!data || !data->d_buf || head->sh_type == SHT_NOBITS)
			return false;
		*out = (struct cfi_section){ data->d_buf, (uint8_t *)data->d_buf + data->d_size, 0, false };
		return true;
	}
	return false;
}
