/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @cast(e, "type", "<header.h>"): types that no program at hand describes.
 *
 * The system's C compiler makes a library of nothing but the headers, whose
 * debug information has all their types; it is removed once it is mapped.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/variable.h"

extern char **environ;

static bool write_source(const char *path, const char *headers)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return false;
	for (const char *h = strchr(headers, '<'); h; h = strchr(h + 1, '<'))
		fprintf(f, "#include %.*s\n", (int)(strcspn(h, ">") + 1), h);
	return fclose(f) == 0;
}

static bool compile(const char *source, const char *library)
{
	const char *const argv[] = { "cc",     "-g",   "-fno-eliminate-unused-debug-types",
				     "-shared", "-fPIC", "-w",
				     "-nostdlib", "-o",	   library,
				     source,	NULL };
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
	if (posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ) == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&quiet);
	return status == 0;
}

static struct elf_file *build(struct sema_resolver *r, const char *headers)
{
	const char *base = getenv("TMPDIR");
	char *folder = arena_printf(r->arena, "%s/spile-XXXXXX", base && *base ? base : "/tmp");
	struct probe_user *user = r->user;
	const char *source, *library;
	struct elf_file *f = NULL;

	if (!mkdtemp(folder))
		return NULL;
	source = arena_printf(r->arena, "%s/types.c", folder);
	library = arena_printf(r->arena, "%s/types.so", folder);
	if (write_source(source, headers) && compile(source, library) &&
	    (elf_open(user->elf, library, &f) || !elf_has_debug(f)))
		f = NULL;
	unlink(source);
	unlink(library);
	rmdir(folder);
	return f;
}

struct elf_file *probe_header_open(struct sema_resolver *r, const char *headers)
{
	struct probe_user *user = r->user;
	struct elf_file *f;

	if (!user->headers)
		user->headers = map_create(r->arena);
	f = map_find(user->headers, headers);
	if (!f) {
		f = build(r, headers);
		map_put(user->headers, headers, f);
	}
	return f;
}
