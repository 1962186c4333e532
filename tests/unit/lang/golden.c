/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden tests of pass 1: every NAME.stp of the folder given is parsed.
 * NAME.tree holds the tree expected, NAME.err the diagnostics. What is printed
 * of a tree must parse again to the same print. UPDATE=1 rewrites the answers.
 *
 * A script may say what it is run with:
 *	//@ args: words of the command line
 *	//@ unprivileged
 *	//@ compatible: 2.0
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lang.h"

struct run {
	struct arena *arena;
	struct source_set *set;
	struct diag_list diags;
	struct lang_conditions conditions;
	struct lang_options options;
	VEC(char *) args;
};

static char *directive(struct run *r, const char *text, const char *name)
{
	const char *at = strstr(text, arena_printf(r->arena, "//@ %s", name));

	if (!at)
		return NULL;
	at += 4 + strlen(name);
	return arena_strndup(r->arena, at, strcspn(at, "\n"));
}

static void set_up(struct run *r, const char *text)
{
	char *args, *version;

	r->set = source_set_create(r->arena);
	diag_list_init(&r->diags, r->arena);
	version = directive(r, text, "compatible: ");
	r->conditions = (struct lang_conditions){ "6.1.0", "6.1.0-18-amd64",
						  version ? version : "5.6", "x86_64", "dyninst",
						  "stapusr", true };
	args = directive(r, text, "args: ");
	for (char *w = args ? strtok(args, " ") : NULL; w; w = strtok(NULL, " "))
		vec_push(r->arena, &r->args, w);
	r->options = (struct lang_options){
		.arena = r->arena, .names = intern_create(r->arena), .sources = r->set,
		.diags = &r->diags, .conditions = &r->conditions, .args = r->args.p,
		.n_args = r->args.n, .privileged = !directive(r, text, "unprivileged"),
	};
}

/* The tree, or what is wrong; allocated with malloc. */
static char *parse(struct run *r, const char *name, const char *text, bool *failed)
{
	struct source *s = source_from_text(r->set, name, text, strlen(text));
	struct lang_file *f = lang_parse(&r->options, s);
	char *out = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&out, &n);

	*failed = r->diags.errors > 0;
	diag_render(&r->diags, r->set, to, false);
	if (!*failed)
		lang_print_file(to, f);
	fclose(to);
	return out;
}

static bool differs(const char *what, const char *path, const char *want, const char *got)
{
	if (strcmp(want, got) == 0)
		return false;
	fprintf(stderr, "%s: %s\n--- expected\n%s--- found\n%s", path, what, want, got);
	return true;
}

/*
 * What two prints of one script share: the print of a block ends in a ; of its
 * own, the blocks of try gain braces, and -1 comes back as -(1).
 */
static char *essence(char *text)
{
	char *to = text;

	for (char *p = text; *p; p++)
		if (!strchr(";{}() \n", *p))
			*to++ = *p;
	*to = 0;
	return text;
}

static bool prints_again(struct run *r, const char *path, const char *name, const char *text,
			 const char *printed)
{
	struct run second = { .arena = r->arena };
	char *first = strdup(strstr(printed, "# file ")), *again;
	bool failed, bad;

	set_up(&second, text);
	again = parse(&second, name, first, &failed);
	bad = differs("the print does not parse to itself", path, essence(first), essence(again));
	free(again);
	free(first);
	return !bad;
}

static const char *read_text(struct arena *a, const char *path)
{
	struct source_set *set = source_set_create(a);
	struct source *s;

	if (source_from_file(set, path, &s))
		return NULL;
	return s->text;
}

static bool update(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	fputs(text, f);
	return fclose(f) == 0;
}

static bool check(struct arena *a, const char *folder, const char *file)
{
	size_t n = strlen(file) - 4;
	const char *path = arena_printf(a, "%s/%s", folder, file), *text = read_text(a, path), *want;
	struct run r = { .arena = a };
	bool failed, good = true;
	const char *answer;
	char *got;

	if (!text)
		return false;
	set_up(&r, text);
	got = parse(&r, file, text, &failed);
	answer = arena_printf(a, "%s/%.*s.%s", folder, (int)n, file, failed ? "err" : "tree");
	if (getenv("UPDATE"))
		good = update(answer, got);
	want = read_text(a, answer);
	if (!want)
		want = "(no such file)\n";
	good &= !differs(answer, path, want, got);
	if (good && !failed)
		good = prints_again(&r, path, file, text, got);
	free(got);
	return good;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_script(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && strcmp(d->d_name + n - 4, ".stp") == 0;
}

int main(int argc, char **argv)
{
	struct dirent **list;
	int n, bad = 0;

	if (argc != 2)
		return 2;
	n = scandir(argv[1], &list, is_script, by_name);
	for (int i = 0; i < n; i++) {
		struct arena *a = arena_create();

		bad += !check(a, argv[1], list[i]->d_name);
		arena_destroy(a);
		free(list[i]);
	}
	if (n > 0)
		free(list);
	printf("%d passed, %d failed\n", n - bad, bad);
	return n <= 0 || bad;
}
