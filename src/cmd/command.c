/* SPDX-License-Identifier: Apache-2.0 */
/* The target of -c or -x: its words and its executable. */
#include "cmd/driver.h"
#include "elf/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wordexp.h>

/* sh -c COMMAND; nothing is known then of the program that will be probed. */
static void use_shell(struct cmd_session *s)
{
	char **words = arena_array(s->arena, char *, 4);

	words[0] = arena_strdup(s->arena, "/bin/sh");
	words[1] = arena_strdup(s->arena, "-c");
	words[2] = arena_strdup(s->arena, s->options->command);
	s->command = words;
}

static struct error *split_command(struct cmd_session *s)
{
	wordexp_t w = { 0 };
	/* $$ is the shell's own number, the target's */
	int result = strstr(s->options->command, "$$") ? WRDE_CMDSUB :
							 wordexp(s->options->command, &w, WRDE_NOCMD | WRDE_UNDEF);

	if (result == WRDE_BADCHAR || result == WRDE_CMDSUB || result == WRDE_BADVAL) {
		use_shell(s);
		return NULL;
	}
	if (result || !w.we_wordc) {
		if (!result)
			wordfree(&w);
		return error_new(ERROR_OTHER, "the command of -c, '%s', cannot be split into words",
				 s->options->command);
	}
	s->command = arena_array(s->arena, char *, w.we_wordc + 1);
	for (size_t i = 0; i < w.we_wordc; i++)
		s->command[i] = arena_strdup(s->arena, w.we_wordv[i]);
	wordfree(&w);
	s->command_error = elf_find_program(s->arena, s->command[0], &s->target_path);
	return s->command_error;
}

static unsigned owner_of(struct cmd_session *s, uint32_t pid)
{
	struct stat st = { 0 };

	return stat(arena_printf(s->arena, "/proc/%u", pid), &st) == 0 ? (unsigned)st.st_uid : 0;
}

static struct error *refused(struct cmd_session *s)
{
	unsigned owner = owner_of(s, s->options->pid);
	struct error *e = error_errno(errno, "process %u may not be probed", s->options->pid);

	if (owner != geteuid())
		return error_hint(e, "it belongs to user %u and you are user %u: run as its owner, or as root", owner,
				  (unsigned)geteuid());
	return error_hint(e, "it has protected itself (PR_SET_DUMPABLE), or has rights that you have not: run as root");
}

/* The process that a thread belongs to; 0: not known. */
static unsigned process_of(struct cmd_session *s)
{
	FILE *f = fopen(arena_printf(s->arena, "/proc/%u/status", s->options->pid), "re");
	unsigned pid = 0;
	char line[128];

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Tgid: %u", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

static struct error *find_process(struct cmd_session *s)
{
	const char *link = arena_printf(s->arena, "/proc/%u/exe", s->options->pid);
	unsigned leader = process_of(s);
	char path[4096];
	ssize_t n;

	if (access(arena_printf(s->arena, "/proc/%u", s->options->pid), F_OK) != 0)
		return error_new(ERROR_NO_PROCESS, "there is no process %u", s->options->pid);
	if (leader && leader != s->options->pid)
		return error_new(ERROR_NO_PROCESS, "%u is a thread, of process %u: that is what can be probed", s->options->pid,
				 leader);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0 && (errno == EACCES || errno == EPERM))
		return refused(s);
	if (n < 0)
		return error_hint(error_new(ERROR_NO_PROCESS, "process %u runs no program",
					    s->options->pid),
				  "it has ended and waits for its parent, its first thread has ended, or it "
				  "belongs to the kernel");
	s->target_path = elf_program_path(s->arena, s->options->pid, arena_strndup(s->arena, path, (size_t)n));
	return NULL;
}

struct error *cmd_target_find(struct cmd_session *s)
{
	if (s->options->command)
		return split_command(s);
	if (s->options->pid)
		return find_process(s);
	return NULL;
}
