/* SPDX-License-Identifier: Apache-2.0 */
/* What the dynamic loader's search needs to know about the system. */
#ifndef SPILE_ELF_LOADER_H
#define SPILE_ELF_LOADER_H

#include "elf/file.h"

/* /etc/ld.so.cache, mapped; bytes NULL when there is none or it is not understood. */
struct loader_cache {
	const uint8_t *bytes; /* from the header of the new format */
	size_t size;
	void *map;
	size_t map_size;
};
void elf_loader_cache_open(struct loader_cache *c, const char *root); /* root: or NULL */
void elf_loader_cache_close(struct loader_cache *c);
/* The path given for a soname, the best for this CPU; NULL none. Lives as long as the mapping. */
const char *elf_loader_cache_find(const struct loader_cache *c, const char *soname);

/* Names of glibc-hwcaps subdirectories this CPU can use, best first; NULL-ended. */
const char *const *elf_loader_hwcaps(void);

#endif
