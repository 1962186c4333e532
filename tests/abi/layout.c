/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of abi/abi.h against layout.golden: what was once laid down may
 * change only with ABI_VERSION. New members and constants may come without.
 *
 *	layout GOLDEN	compares; UPDATE=1 in the environment rewrites
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"

struct row {
	const char *name;
	uint64_t at, size; /* of a constant: its value, 0 */
};

#define SIZE(s, m) sizeof(((struct s *)0)->m)
static const struct row rows[] = {
	{ "ABI_VERSION", ABI_VERSION, 0 },
#define CONSTANT(n) { #n, n, 0 },
#define STRUCTURE(s) { "struct " #s, 0, sizeof(struct s) },
#define MEMBER(s, m) { #s "." #m, offsetof(struct s, m), SIZE(s, m) },
#define TAIL(s, m) { #s "." #m, offsetof(struct s, m), 0 },
#include "layout_members.h"
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static void print_row(FILE *to, const struct row *r)
{
	fprintf(to, "%s %llu %llu\n", r->name, (unsigned long long)r->at, (unsigned long long)r->size);
}

/* NULL when there is no such name. */
static const struct row *find(const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

struct compared {
	unsigned version, same, changed;
};

static void compare_line(struct compared *c, const char *line)
{
	char *last = strrchr(line, ' '), *name = strdup(line);
	const struct row *now;
	unsigned long long at, size;

	for (int i = 0; i < 2 && strrchr(name, ' '); i++)
		*strrchr(name, ' ') = '\0';
	now = find(name);
	if (!last || sscanf(line + strlen(name), "%llu %llu", &at, &size) != 2)
		exit(2);
	if (strcmp(name, "ABI_VERSION") == 0) {
		c->version = (unsigned)at;
	} else if (now && now->at == at && now->size == size) {
		c->same++;
	} else {
		c->changed++;
		printf("was: %snow: ", line);
		if (now)
			print_row(stdout, now);
		else
			printf("gone\n");
	}
	free(name);
}

static bool read_golden(const char *path, struct compared *c)
{
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f)
		return false;
	while (fgets(line, sizeof line, f))
		if (line[0] != '#')
			compare_line(c, line);
	return fclose(f) == 0;
}

static int update(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return 2;
	fputs("# SPDX-License-Identifier: Apache-2.0\n"
	      "# Name, value or offset, size; made by tests/abi/layout.c.\n", f);
	for (size_t i = 0; i < N_ROWS; i++)
		print_row(f, &rows[i]);
	return fclose(f) ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct compared c = { 0 };
	bool known;

	if (argc != 2)
		return 2;
	known = read_golden(argv[1], &c);
	if (known && c.changed && c.version == ABI_VERSION) {
		printf("the layout changed: raise ABI_VERSION in abi/abi.h, then run with UPDATE=1\n");
		return 1;
	}
	if (getenv("UPDATE"))
		return update(argv[1]);
	if (!known || c.version != ABI_VERSION || c.same + 1 != N_ROWS) {
		printf("tests/abi/layout.golden is out of date: run with UPDATE=1\n");
		return 1;
	}
	return 0;
}
