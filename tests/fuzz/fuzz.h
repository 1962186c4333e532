/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. One target is one file TARGET.c here, with its
 * corpus in corpus/TARGET; meson.build tells what it is linked with. With
 * -Dfuzz=true libFuzzer drives it; else replay.c runs it on the corpus, as a test.
 */
#ifndef SPILE_TEST_FUZZ_H
#define SPILE_TEST_FUZZ_H

#include "lang/lang.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reading one script needs; the first byte of the input chooses the options. */
struct fuzz_script {
	struct arena *arena;
	struct source_set *sources;
	struct diag_list diags;
	struct lang_conditions conditions;
	struct lang_options options;
	struct source *source;
	bool args_used[3], argc_used;
};
void fuzz_script_open(struct fuzz_script *s, const uint8_t *data, size_t size);
/* Renders what was said, with and without colour, then frees everything. */
void fuzz_script_close(struct fuzz_script *s);
/* Path of a file that holds the bytes of `head` and `data`: one, written anew for every input. */
const char *fuzz_file(const void *head, size_t head_size, const void *data, size_t size);
/* What `print` writes, in the arena. */
const char *fuzz_printed(struct arena *a, void (*print)(FILE *to, const void *what), const void *what);
/* Ends the run with a finding. */
_Noreturn void fuzz_found(const char *fmt, ...) BASE_PRINTF(1, 2);

#endif
