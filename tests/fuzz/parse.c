/* SPDX-License-Identifier: Apache-2.0 */
/* The parser; what it accepts prints as a script that it accepts and that prints alike. */
#include "fuzz.h"

#include <string.h>

static void print_file(FILE *to, const void *file)
{
	lang_print_file(to, file);
}

/*
 * What groups does not count: every print ends statements by a `;` of its own, puts the blocks of
 * try into braces once more, and gives a number above the largest a sign and parentheses.
 */
static const char *skip(const char *p)
{
	return p + strspn(p, " \t\n;{}()-");
}

static bool same_tokens(const char *a, const char *b)
{
	for (a = skip(a), b = skip(b); *a && *a == *b; a = skip(a + 1), b = skip(b + 1))
		;
	return *a == *b;
}

/* The print reads as the same script: neither macros nor arguments are left in it. */
static void print_and_read(struct fuzz_script *s, const struct lang_file *file)
{
	const char *once = fuzz_printed(s->arena, print_file, file), *twice;
	struct source *source = source_from_text(s->sources, "<printed>", once, strlen(once));

	file = lang_parse(&s->options, source);
	if (s->diags.errors) {
		diag_render(&s->diags, s->sources, stderr, false);
		fuzz_found("refused when printed:\n%s", once);
	}
	twice = fuzz_printed(s->arena, print_file, file);
	once = strchr(once, '\n');
	twice = strchr(twice, '\n');
	if (once && twice && !same_tokens(once, twice))
		fuzz_found("prints otherwise the second time:\n%s\n%s", once, twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_script s;
	struct lang_file *file;

	fuzz_script_open(&s, data, size);
	file = lang_parse(&s.options, s.source);
	if (s.diags.errors)
		fuzz_printed(s.arena, print_file, file);
	else
		print_and_read(&s, file);
	lang_parse_point(&s.options, s.source);
	fuzz_script_close(&s);
	return 0;
}
