/* SPDX-License-Identifier: Apache-2.0 */
/* Programs by name: $PATH, globs over the file system, scripts' interpreters. */
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/file.h"

/* A script's interpreter may be a script; the kernel gives up after as many. */
#define SCRIPT_DEPTH 4
#define SCRIPT_HEAD 256

static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The first executable called name in $PATH; NULL if there is none. */
static const char *path_search(struct arena *a, const char *name)
{
	const char *path = getenv("PATH");

	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (;;) {
		int length = (int)strcspn(path, ":");
		const char *candidate = length ? arena_printf(a, "%.*s/%s", length, path, name) :
					arena_printf(a, "./%s", name);

		if (access(candidate, X_OK) == 0 && is_regular(candidate))
			return candidate;
		if (!path[length])
			return NULL;
		path += length + 1;
	}
}

static size_t head_read(const char *path, char *head, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, head, size);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* Cuts the next word of a #! line off; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");
	size_t length = strcspn(word, " \t\r");

	if (!length)
		return NULL;
	*line = word + length;
	if (**line)
		*(*line)++ = 0;
	return word;
}

/* The program a #! line starts; of env(1) the one it looks for. NULL: not a script. */
static const char *interpreter_of(struct arena *a, const char *path)
{
	char head[SCRIPT_HEAD + 1], *line = head + 2, *word;
	size_t n = head_read(path, head, SCRIPT_HEAD);
	const char *base;

	head[n] = 0;
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	line[strcspn(line, "\n")] = 0;
	word = next_word(&line);
	if (!word)
		return NULL;
	base = strrchr(word, '/');
	if (strcmp(base ? base + 1 : word, "env") != 0)
		return arena_strdup(a, word);
	do
		word = next_word(&line);
	while (word && (*word == '-' || strchr(word, '=')));
	return word ? arena_strdup(a, word) : NULL;
}

struct error *elf_find_program(struct arena *a, const char *name, const char **out)
{
	const char *asked = name, *next = name;
	char canonical[PATH_MAX];

	for (int depth = 0; next && depth <= SCRIPT_DEPTH; depth++) {
		name = strchr(next, '/') ? next : path_search(a, next);
		if (!name || !is_regular(name) || !realpath(name, canonical))
			return error_new(ERROR_NOT_FOUND, "cannot find executable '%s'", asked);
		next = interpreter_of(a, canonical);
	}
	*out = arena_strdup(a, canonical);
	return NULL;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_elf(const char *path)
{
	char head[SELFMAG];

	return is_regular(path) && head_read(path, head, SELFMAG) == SELFMAG &&
	       memcmp(head, ELFMAG, SELFMAG) == 0;
}

struct error *elf_find_programs(struct arena *a, const char *pattern, const char *const **out,
				uint32_t *n)
{
	struct map *seen = map_create(a);
	VEC(const char *) list = { 0 };
	char canonical[PATH_MAX];
	glob_t found;
	int status = glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &found);

	*out = NULL;
	*n = 0;
	if (status == GLOB_NOMATCH)
		return NULL;
	if (status)
		return error_new(ERROR_OTHER, "cannot expand %s", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path;

		if (!is_elf(found.gl_pathv[i]) || !realpath(found.gl_pathv[i], canonical) ||
		    map_find(seen, canonical))
			continue;
		path = arena_strdup(a, canonical);
		map_put(seen, path, (void *)(uintptr_t)path);
		vec_push(a, &list, path);
	}
	globfree(&found);
	if (list.n)
		qsort(list.p, list.n, sizeof *list.p, compare_texts);
	*out = list.p;
	*n = list.n;
	return NULL;
}
