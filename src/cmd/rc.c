/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that a user wants always: the lines of $SYSTEMTAP_DIR/rc, by default
 * ~/.systemtap/rc, are split into words as a shell would, without running
 * commands, and stand before those of the command line.
 */
#include "cmd/options.h"

#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

typedef VEC(char *) word_list;

static const char *rc_path(struct arena *a)
{
	const char *folder = getenv("SYSTEMTAP_DIR"), *home = getenv("HOME");

	if (folder && *folder)
		return arena_printf(a, "%s/rc", folder);
	return home && *home ? arena_printf(a, "%s/.systemtap/rc", home) : NULL;
}

static void add_line(struct arena *a, const char *path, unsigned number, const char *line, word_list *to)
{
	wordexp_t w = { 0 };

	if (*line == '#')
		return;
	if (wordexp(line, &w, WRDE_NOCMD | WRDE_UNDEF) != 0) {
		fprintf(stderr, "WARNING: %s:%u: this line cannot be split into words, it is left out\n", path, number);
		return;
	}
	for (size_t i = 0; i < w.we_wordc; i++)
		vec_push(a, to, arena_strdup(a, w.we_wordv[i]));
	wordfree(&w);
}

static void read_lines(struct arena *a, const char *path, word_list *to)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (!f)
		return;
	for (unsigned number = 1; (n = getline(&line, &size, f)) >= 0; number++) {
		if (n && line[n - 1] == '\n')
			line[n - 1] = '\0';
		add_line(a, path, number, line, to);
	}
	free(line);
	fclose(f);
}

char **cmd_rc_words(struct arena *a, int *argc, char **argv)
{
	word_list words = { 0 };
	uint32_t from_file;

	vec_push(a, &words, argv[0]);
	read_lines(a, rc_path(a), &words);
	from_file = words.n - 1;
	for (int i = 1; i < *argc; i++)
		vec_push(a, &words, argv[i]);
	*argc += (int)from_file;
	vec_push(a, &words, NULL);
	return words.p;
}
