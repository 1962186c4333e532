/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/ld.so.cache and the CPU levels of glibc.
 *
 *	[old format, optional]["glibc-ld.so.cache" "1.1" counts][entries][strings][extensions]
 *
 * Offsets count from the new format's header.  Layout: glibc's
 * sysdeps/generic/dl-cache.h, levels: the x86-64 psABI, "micro-architecture levels".
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/loader.h"

#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_OLD_MAGIC "ld.so-1.7.0"
#define CACHE_OLD_HEAD 16u
#define CACHE_OLD_ENTRY 12u
#define CACHE_X86_64 0x0303 /* ELF_LIBC6 | X8664_LIB64 */
#define CACHE_HWCAP_NAMED (1ull << 62) /* low half: index of the name of the level */
#define CACHE_EXTENSION_MAGIC 0xeaa42174u
#define CACHE_EXTENSION_HWCAPS 1u

struct cache_head {
	char magic[20];
	uint32_t count, strings_size;
	uint8_t flags, pad[3];
	uint32_t extensions, unused[3];
};
struct cache_entry {
	int32_t flags;
	uint32_t key, value, os_version;
	uint64_t hwcap;
};
struct cache_extension {
	uint32_t tag, flags, offset, size;
};

const char *const *elf_loader_hwcaps(void)
{
	static const char *names[4];
	unsigned n = 0;

	if (names[0])
		return names;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl"))
		names[n++] = "x86-64-v4";
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
		names[n++] = "x86-64-v3";
	if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") &&
	    __builtin_cpu_supports("popcnt"))
		names[n++] = "x86-64-v2";
	return names;
}

/* Skips the old format; its number of entries stands behind its magic. */
static size_t new_format_offset(const uint8_t *p, size_t size)
{
	uint32_t count;

	if (size < CACHE_OLD_HEAD || memcmp(p, CACHE_OLD_MAGIC, strlen(CACHE_OLD_MAGIC)) != 0)
		return 0;
	memcpy(&count, p + 12, sizeof count);
	return base_align(CACHE_OLD_HEAD + (size_t)count * CACHE_OLD_ENTRY, 8);
}

static void head_check(struct loader_cache *c)
{
	size_t offset = new_format_offset(c->map, c->map_size);
	struct cache_head head;

	if (offset > c->map_size || c->map_size - offset < sizeof head)
		return;
	memcpy(&head, (uint8_t *)c->map + offset, sizeof head);
	if (memcmp(head.magic, CACHE_MAGIC, sizeof head.magic) != 0 ||
	    head.count > (c->map_size - offset - sizeof head) / sizeof(struct cache_entry))
		return;
	c->bytes = (uint8_t *)c->map + offset;
	c->size = c->map_size - offset;
}

void elf_loader_cache_open(struct loader_cache *c, const char *root)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof path, "%s/etc/ld.so.cache", root ? root : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);

	*c = (struct loader_cache){ 0 };
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		c->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		c->map_size = (size_t)st.st_size;
		if (c->map == MAP_FAILED)
			c->map = NULL;
		else
			head_check(c);
	}
	close(fd);
}

void elf_loader_cache_close(struct loader_cache *c)
{
	if (c->map)
		munmap(c->map, c->map_size);
}

static const char *text_at(const struct loader_cache *c, uint32_t offset)
{
	if (offset >= c->size || !memchr(c->bytes + offset, 0, c->size - offset))
		return "";
	return (const char *)c->bytes + offset;
}

/* The name of a level by its number in the cache; "" unknown. */
static const char *level_name(const struct loader_cache *c, const struct cache_head *head,
			      uint32_t number)
{
	struct { uint32_t magic, count; } start;
	struct cache_extension e;
	uint64_t at = head->extensions;
	uint32_t name;

	if (!at || at + sizeof start > c->size)
		return "";
	memcpy(&start, c->bytes + at, sizeof start);
	at += sizeof start;
	if (start.magic != CACHE_EXTENSION_MAGIC)
		return "";
	for (; start.count-- && at + sizeof e <= c->size; at += sizeof e) {
		memcpy(&e, c->bytes + at, sizeof e);
		if (e.tag != CACHE_EXTENSION_HWCAPS)
			continue;
		if (number >= e.size / 4 || (uint64_t)e.offset + e.size > c->size)
			return "";
		memcpy(&name, c->bytes + e.offset + (size_t)number * 4, sizeof name);
		return text_at(c, name);
	}
	return "";
}

/* 0: not for this CPU; the plain one is 1, better ones have more. */
static unsigned entry_rank(const struct loader_cache *c, const struct cache_head *head,
			   const struct cache_entry *e)
{
	const char *const *levels = elf_loader_hwcaps();
	unsigned n = 0;
	const char *name;

	if (!e->hwcap)
		return 1;
	if (!(e->hwcap & CACHE_HWCAP_NAMED))
		return 0;
	name = level_name(c, head, (uint32_t)e->hwcap);
	while (levels[n])
		n++;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(levels[i], name) == 0)
			return 1 + n - i;
	return 0;
}

const char *elf_loader_cache_find(const struct loader_cache *c, const char *soname)
{
	const char *best = NULL;
	unsigned best_rank = 0;
	struct cache_head head;

	if (!c->bytes)
		return NULL;
	memcpy(&head, c->bytes, sizeof head);
	for (uint32_t i = 0; i < head.count; i++) {
		struct cache_entry e;
		unsigned rank;

		memcpy(&e, c->bytes + sizeof head + i * sizeof e, sizeof e);
		if (e.flags != CACHE_X86_64 || strcmp(text_at(c, e.key), soname) != 0)
			continue;
		rank = entry_rank(c, &head, &e);
		if (rank > best_rank) {
			best_rank = rank;
			best = text_at(c, e.value);
		}
	}
	return best;
}
