/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of lang share. */
#include "helper.h"

#include <stdlib.h>
#include <string.h>

int fixture_create(void **state)
{
	struct arena *a = arena_create();
	struct fixture *f = arena_new(a, struct fixture);

	f->arena = a;
	f->set = source_set_create(a);
	diag_list_init(&f->diags, a);
	f->conditions = (struct lang_conditions){ "6.1.0", "6.1.0-18-amd64", "5.6", "x86_64",
						  "dyninst", "stapusr", true };
	f->options = (struct lang_options){ .arena = a, .names = intern_create(a),
					    .sources = f->set, .diags = &f->diags,
					    .conditions = &f->conditions, .privileged = true };
	*state = f;
	return 0;
}

int fixture_destroy(void **state)
{
	struct fixture *f = *state;

	arena_destroy(f->arena);
	return 0;
}

struct lang_file *parse_text(struct fixture *f, const char *text)
{
	return lang_parse(&f->options, source_from_text(f->set, "<input>", text, strlen(text)));
}

const char *printed(struct fixture *f, const char *text)
{
	struct lang_file *file = parse_text(f, text);
	char *out = NULL;
	const char *copy;
	size_t n = 0;
	FILE *to = open_memstream(&out, &n);

	if (f->diags.errors)
		diag_render(&f->diags, f->set, stderr, false);
	assert_int_equal(f->diags.errors, 0);
	lang_print_file(to, file);
	fclose(to);
	copy = arena_strdup(f->arena, strchr(out, '\n') + 1);
	free(out);
	return copy;
}

const char *printed_value(struct fixture *f, const char *text)
{
	const char *all = printed(f, arena_printf(f->arena, "probe p { x = %s }", text));
	const char *start = strstr(all, "(x) = (");

	assert_non_null(start);
	start += strlen("(x) = (");
	return arena_strndup(f->arena, start, (size_t)(strstr(start, ");\n}") - start));
}

const char *complaint(struct fixture *f, const char *text)
{
	const struct diag *d;
	const char *message;

	f->diags.list.n = 0;
	f->diags.errors = 0;
	parse_text(f, text);
	assert_int_not_equal(f->diags.list.n, 0);
	d = &f->diags.list.p[0];
	message = arena_printf(f->arena, "%.*s at %s", (int)strcspn(d->text, "\n"), d->text,
			       source_place(f->arena, f->set, d->span));
	return message;
}
