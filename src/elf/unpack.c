/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed sections, unpacked on two processors.
 *
 * libdw unpacks every section of debug information when it opens a file, one after the other: half of the time that an index
 * takes. Here .debug_info is unpacked in one thread and the others in another one, by a second handle, since handles of libelf are
 * not for several threads. For an index alone these are the few that it reads; where libdw is asked afterwards, all. What libdw
 * finds unpacked in the first handle it takes as it is: sections of the second are shown to it there.
 *
 * The packed bytes are dropped from memory when they have been read: they are as many as half of the others.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "elf/debug.h"
#include "elf/scan.h"

#define PAGE 4096u

struct unpacking {
	Elf *elf;
	bool info; /* .debug_info, else others: */
	bool all; /* not only those of an index */
};

static void drop_packed(Elf *elf, const GElf_Shdr *h)
{
	size_t n;
	char *image = elf_rawfile(elf, &n);
	uint64_t start = base_align(h->sh_offset, (uint64_t)PAGE), end = h->sh_offset + h->sh_size;

	if (image && (uintptr_t)image % PAGE == 0 && end <= n && start + PAGE <= end)
		madvise(image + start, (end - start) / PAGE * PAGE, MADV_DONTNEED);
}

static void *unpack(void *user)
{
	const struct unpacking *u = user;
	size_t names;

	if (!u->elf || elf_getshdrstrndx(u->elf, &names) != 0)
		return NULL;
	for (Elf_Scn *scn = elf_nextscn(u->elf, NULL); scn; scn = elf_nextscn(u->elf, scn)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(u->elf, names, h.sh_name) : NULL;
		int section = name ? scan_section_of(name) : -1;
		bool wanted = section >= 0 || (u->all && name && strncmp(name, ".debug_", 7) == 0);

		if (h.sh_flags & SHF_COMPRESSED && wanted && (section == SCAN_INFO) == u->info && elf_compress(scn, 0, 0) > 0)
			drop_packed(u->elf, &h);
	}
	return NULL;
}

void elf_debug_replace(Elf_Scn *scn, void *p, size_t n)
{
	Elf_Data *data[] = { elf_getdata(scn, NULL), elf_rawdata(scn, NULL) };

	for (int i = 0; i < 2; i++)
		if (data[i]) {
			data[i]->d_buf = p;
			data[i]->d_size = n;
		}
}

void elf_debug_share(struct elf_debug *d)
{
	Elf_Scn *from = NULL;
	GElf_Shdr h, unpacked;

	while (d->second && (from = elf_nextscn(d->second, from)) != NULL) {
		Elf_Scn *to = elf_getscn(d->elf, elf_ndxscn(from));
		Elf_Data *data;

		if (!to || !gelf_getshdr(to, &h) || !gelf_getshdr(from, &unpacked) || !(h.sh_flags & SHF_COMPRESSED) ||
		    unpacked.sh_flags & SHF_COMPRESSED || !(data = elf_rawdata(from, NULL)) || !data->d_buf)
			continue;
		h.sh_flags = unpacked.sh_flags;
		h.sh_size = unpacked.sh_size;
		h.sh_addralign = unpacked.sh_addralign;
		elf_debug_replace(to, data->d_buf, data->d_size); /* before: libelf looks whether the file is as long as the header says */
		gelf_update_shdr(to, &h);
	}
}

/* Bytes of .debug_info in the file; 0 when there is something that only libdw knows to unpack. */
static uint64_t packed_bytes(Elf *elf)
{
	uint64_t bytes = 0;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return 0;
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr h;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;

		if (name && strncmp(name, ".zdebug", 7) == 0)
			return 0;
		if (name && scan_section_of(name) == SCAN_INFO && h.sh_flags & SHF_COMPRESSED)
			bytes = h.sh_size;
	}
	return bytes;
}

uint64_t elf_debug_packed(const struct elf_debug *d)
{
	uint64_t bytes = 0;
	size_t names;

	if (d->dwarf || d->second || elf_getshdrstrndx(d->elf, &names) != 0)
		return 0;
	for (Elf_Scn *scn = elf_nextscn(d->elf, NULL); scn; scn = elf_nextscn(d->elf, scn)) {
		GElf_Shdr h;
		GElf_Chdr packed;
		const char *name = gelf_getshdr(scn, &h) ? elf_strptr(d->elf, names, h.sh_name) : NULL;

		if (name && scan_section_of(name) >= 0 && h.sh_flags & SHF_COMPRESSED && gelf_getchdr(scn, &packed))
			bytes += packed.ch_size;
	}
	return bytes;
}

bool elf_debug_unpack(struct elf_debug *d, bool all)
{
	struct unpacking info = { d->elf, true, false }, others = { NULL, false, all };
	pthread_t thread;

	if (d->dwarf || d->second)
		return true;
	if (!packed_bytes(d->elf))
		return false;
	others.elf = d->second = elf_begin(d->fd, ELF_C_READ_MMAP, NULL);
	if (!d->second)
		return false;
	if (pthread_create(&thread, NULL, unpack, &others) != 0) {
		unpack(&others);
		unpack(&info);
		return true;
	}
	unpack(&info);
	pthread_join(thread, NULL);
	return true;
}
