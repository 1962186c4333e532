/* SPDX-License-Identifier: Apache-2.0 */
/* The IR of golden/NAME.stp, after the passes, is golden/NAME.ir; UPDATE=1 rewrites it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "script.h"
#include "tests.h"

#define FOLDER "tests/unit/ir/golden"

static char *read_all(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	if (f) {
		text[fread(text, 1, (1 << 20) - 1, f)] = 0;
		fclose(f);
	}
	return text;
}

static void write_all(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void compare(const char *script, const char *golden)
{
	char *text = read_all(script), *want, *got;
	struct script s = script_lower(text);

	assert_non_null(s.module);
	assert_null(ir_verify(s.module));
	got = script_text(&s);
	assert_null(ir_verify(s.module));
	if (getenv("UPDATE"))
		write_all(golden, got);
	want = read_all(golden);
	if (strcmp(got, want) != 0)
		fail_msg("%s: the IR is now\n%s", script, got);
	free(want);
	free(got);
	free(text);
	script_free(&s);
}

/* Run from the project's root, as tests/run and meson do. */
void golden_texts_are_kept(void **state)
{
	DIR *d = opendir(FOLDER);
	const struct dirent *e;
	char script[400], golden[400];
	int n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".stp") != 0)
			continue;
		snprintf(script, sizeof script, FOLDER "/%s", e->d_name);
		snprintf(golden, sizeof golden, FOLDER "/%.*s.ir", (int)(dot - e->d_name),
			 e->d_name);
		compare(script, golden);
		n++;
	}
	closedir(d);
	assert_true(n > 0);
}

/* It takes milliseconds; the limit leaves room for sanitizers and busy machines. */
void thousand_probes_are_fast(void **state)
{
	struct ir_limits limits = { ABI_MAXSTRINGLEN, 2048, NULL };
	char *text = NULL;
	struct script s;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	clock_t start;

	(void)state;
	fprintf(f, "global c, a, s\n");
	for (int i = 0; i < 1000; i++)
		fprintf(f,
			"probe process.mark(\"m\") { if ($arg1 > %d) { c += %d; a[$arg1, $arg2] "
			"<<< $arg3 }\n"
			"try { x = $arg1 / $arg2; printf(\"%%d %%s\\n\", x, $$name) } catch (e) { "
			"s = e . \"%d\" } }\n",
			i, i + 1, i);
	fclose(f);
	s = script_lower(text);
	assert_non_null(s.module);
	limits.sources = s.sources;
	start = clock();
	s.module = ir_lower(s.arena, s.program, &limits);
	ir_optimize(s.module);
	print_message("1000 probes: %.1f ms\n", (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
	assert_true(clock() - start < CLOCKS_PER_SEC);
	assert_null(ir_verify(s.module));
	assert_int_equal(s.module->functions.n, 1000);
	free(text);
	script_free(&s);
}
