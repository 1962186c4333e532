/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a process with another root. */
#ifndef SPILE_ELF_ROOT_H
#define SPILE_ELF_ROOT_H

#include "elf/file.h"

/* "/proc/PID/root" when the process sees other files than we do, else NULL. */
const char *elf_root_of(struct arena *a, uint32_t pid);
/* How long the "/proc/PID/root" is that an absolute path begins with; 0: it does not. */
size_t elf_root_length(const char *path);
/*
 * The path by which a regular file of the root can be opened here: `out` has PATH_MAX bytes. root may be NULL for
 * paths that begin with one. False: there is no such file.
 */
bool elf_root_path(const char *root, const char *path, char *out);

#endif
