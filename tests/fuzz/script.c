/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static char first[] = "3 + x", second[] = "$1 \"\\", third[] = "%( @y";
static char *args[] = { first, second, third };

static const char *const versions[] = { "5.5", "4.8", "2.2", "1.7" };

void fuzz_script_open(struct fuzz_script *s, const uint8_t *data, size_t size)
{
	unsigned choice = size ? data[0] : 0;

	memset(s, 0, sizeof *s);
	s->arena = arena_create();
	s->sources = source_set_create(s->arena);
	diag_list_init(&s->diags, s->arena);
	s->conditions = (struct lang_conditions){
		"6.1", "6.1.0-18-amd64", versions[choice >> 1 & 3], "x86_64", "dyninst", "stapusr", choice & 1
	};
	s->options = (struct lang_options){
		.arena = s->arena, .names = intern_create(s->arena), .sources = s->sources, .diags = &s->diags,
		.conditions = &s->conditions, .args = args, .n_args = base_count(args),
		.args_used = s->args_used, .argc_used = &s->argc_used, .privileged = choice & 1,
	};
	s->source = source_from_text(s->sources, "<input>", size ? (const char *)data + 1 : "",
				     size ? size - 1 : 0);
}

static void render(struct fuzz_script *s, bool colour)
{
	struct diag_list copy = s->diags;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		base_oom();
	diag_render(&copy, s->sources, to, colour);
	fclose(to);
	free(text);
}

void fuzz_script_close(struct fuzz_script *s)
{
	render(s, false);
	render(s, true);
	arena_destroy(s->arena);
}

const char *fuzz_printed(struct arena *a, void (*print)(FILE *to, const void *what), const void *what)
{
	char *text = NULL, *copy;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		base_oom();
	print(to, what);
	fclose(to);
	copy = arena_strndup(a, text, n);
	free(text);
	return copy;
}

void fuzz_found(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
