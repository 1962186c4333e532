/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damages the scripts of a folder at random, as many times as asked, and
 * parses, prints, clones and walks what is left: nothing may crash, whatever
 * stands there. Build with sanitizers to learn more. The numbers are a fixed
 * sequence, so that a crash comes back.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lang.h"

static uint64_t state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return below ? (uint32_t)(state >> 20) % below : 0;
}

static const char *const pieces[] = {
	"%(", "%?", "%:", "%)", "@define m(x) %( @x @m(@x) %)", "@m(", "(", ")", "[", "]", "{", "}",
	"$1", "@1", "$#", "\"", "\\", "%{", "%}", "foreach", "in", "probe", "function", "->", "$$",
	"@hist_log(", "@count(", "print(", "printf(\"%", "&", "?", "*", ".", "=", "+=", "1 == 1", "\n",
	"/*", "//", "@cast(", "0x", "18446744073709551616", "\xff", "try", "catch", "if (", "else", ",",
};

static void damage(struct buf *b)
{
	uint32_t at = pick((uint32_t)b->n), n = pick(12);
	const char *piece = pieces[pick(base_count(pieces))];

	n = base_min(n, (uint32_t)b->n - at);
	switch (pick(4)) {
	case 0: /* drop */
		memmove(b->p + at, b->p + at + n, b->n - at - n);
		b->n -= n;
		break;
	case 1: /* one other character */
		if (b->n)
			b->p[at] = (char)pick(256);
		break;
	case 2: /* repeat a part at the end */
		buf_add(b, arena_dup(b->arena, b->p + at, n), n);
		break;
	default: /* write a piece over it */
		for (uint32_t i = 0; piece[i] && at + i < b->n; i++)
			b->p[at + i] = piece[i];
		break;
	}
}

static bool count_expr(struct lang_walker *w, struct expr **e)
{
	(void)e;
	++*(uint64_t *)w->user;
	return true;
}

static void use(struct arena *a, const struct lang_file *f)
{
	uint64_t count = 0;
	struct lang_walker w = { .user = &count, .expr = count_expr };
	FILE *to = fopen("/dev/null", "w");

	vec_each(it, &f->probes) {
		struct stmt *copy = lang_clone_stmt(a, (*it)->body);

		lang_walk_stmt(&w, &copy);
	}
	if (to) {
		lang_print_file(to, f);
		fclose(to);
	}
}

static void parse(const struct buf *b, bool privileged)
{
	struct arena *a = arena_create();
	struct source_set *set = source_set_create(a);
	struct lang_conditions conditions = { "6.1", "6.1", "5.6", "x86_64", "dyninst", "stapusr",
					      false };
	char first[] = "3 + x", second[] = "$1 \"", *args[] = { first, second };
	struct diag_list diags;
	struct lang_options o = { .arena = a, .names = intern_create(a), .sources = set,
				  .diags = &diags, .conditions = &conditions, .args = args,
				  .n_args = 2, .privileged = privileged };
	const struct source *s = source_from_text(set, "mutant", b->p ? b->p : "", b->n);
	FILE *to = fopen("/dev/null", "w");

	diag_list_init(&diags, a);
	use(a, lang_parse(&o, s));
	lang_parse_point(&o, s);
	lang_parse_macros(&o, s, lang_macros_create(a));
	if (to) {
		diag_render(&diags, set, to, true);
		fclose(to);
	}
	arena_destroy(a);
}

static int is_script(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && strcmp(d->d_name + n - 4, ".stp") == 0;
}

static void mutate(const char *path, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		struct arena *a = arena_create();
		struct source_set *set = source_set_create(a);
		struct source *s;
		struct buf b;

		buf_init(&b, a);
		if (!source_from_file(set, path, &s)) {
			buf_add(&b, s->text, s->length);
			for (uint32_t k = pick(6); b.n && k; k--)
				damage(&b);
			parse(&b, pick(2));
		}
		arena_destroy(a);
	}
}

int main(int argc, char **argv)
{
	struct dirent **list;
	char path[4096];
	int n;

	if (argc != 3)
		return 2;
	n = scandir(argv[1], &list, is_script, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", argv[1], list[i]->d_name);
		mutate(path, atoi(argv[2]));
		free(list[i]);
	}
	if (n > 0)
		free(list);
	printf("%d scripts mutated\n", n);
	return n <= 0;
}
