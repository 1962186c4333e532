/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a process that has another root or other mounts than we have (a container, a chroot).
 *
 * /proc/PID/root leads there. What is found is called by the path that works here: its own where that
 * names the same file, else the path by way of /proc/PID/root, so that everything else of this folder
 * opens it as any other file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "elf/root.h"

#define DELETED " (deleted)"

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_namespace(uint32_t pid)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof path, "/proc/%u/ns/mnt", pid);
	return stat(path, &other) != 0 || stat("/proc/self/ns/mnt", &own) != 0 || is_same(&own, &other);
}

const char *elf_program_path(struct arena *a, uint32_t pid, const char *link)
{
	size_t n = strlen(link), tail = sizeof DELETED - 1;

	if (n <= tail || strcmp(link + n - tail, DELETED) != 0)
		return link;
	return arena_printf(a, "/proc/%u/exe", pid);
}

const char *elf_root_of(struct arena *a, uint32_t pid)
{
	const char *root = arena_printf(a, "/proc/%u/root", pid);
	struct stat own, other;

	if (stat(root, &other) != 0 || stat("/", &own) != 0 || (is_same(&own, &other) && same_namespace(pid)))
		return NULL;
	return root;
}

size_t elf_root_length(const char *path)
{
	int length = 0;
	unsigned pid;

	return sscanf(path, "/proc/%u/root%n", &pid, &length) == 1 && length && path[length] == '/' ? (size_t)length :
												     0;
}

/* Absolute links are followed inside the root; -1 when it is not there. */
static int open_below(const char *root, const char *inside)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (directory < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, directory, inside, &how, sizeof how);
	close(directory);
	return fd;
}

static bool leads_to(const char *path, const struct stat *file)
{
	struct stat st;

	return stat(path, &st) == 0 && is_same(&st, file);
}

bool elf_root_path(const char *root, const char *path, char *out)
{
	size_t skip = elf_root_length(path);
	char own[64], inside[PATH_MAX], through[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	if (skip) {
		snprintf(through, sizeof through, "%.*s", (int)skip, path);
		root = through;
		path += skip;
	}
	if (!root || *path != '/')
		return false;
	fd = open_below(root, path);
	if (fd < 0)
		return false;
	snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
	n = readlink(own, inside, sizeof inside - 1);
	inside[n < 0 ? 0 : n] = 0;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	close(fd);
	if (snprintf(out, PATH_MAX, "%s", inside) < PATH_MAX && leads_to(out, &st))
		return true;
	if (snprintf(out, PATH_MAX, "%s%s", root, inside) < PATH_MAX && leads_to(out, &st))
		return true;
	return snprintf(out, PATH_MAX, "%s%s", root, path) < PATH_MAX && leads_to(out, &st);
}
