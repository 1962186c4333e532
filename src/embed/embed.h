/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed: embedded C, by the system's compiler.
 *
 * It answers: which machine code the C of a checked program is, as one piece that runs anywhere without a
 * linker, and what its constants (@const) are. It alone starts another program, and only for scripts that hold C.
 *
 *	struct bundle_embedded *code;
 *	e = embed_compile(&options, program, &code);
 */
#ifndef SPILE_EMBED_H
#define SPILE_EMBED_H

#include <stdio.h>

#include "bundle/bundle.h"
#include "sema/sema.h"

struct embed_options {
	struct arena *arena;
	const struct source_set *sources;
	struct diag_list *diags;
	uint32_t max_string; /* MAXSTRINGLEN */
	FILE *messages; /* what the compiler says goes here, if it fails */
};

/*
 * Compiles what the program's calls need; *out is NULL when there is no C in it. Each @const becomes its number. An
 * error: the compiler could not be started. Mistakes in the C are told in diags and as the compiler tells them.
 */
struct error *embed_compile(const struct embed_options *o, struct sema_program *p,
			    struct bundle_embedded **out) BASE_MUST_CHECK;

#endif
