/* SPDX-License-Identifier: Apache-2.0 */
/* A checker with a library of a few lines and families of probe points that open no file. */
#ifndef SPILE_TEST_SEMA_WORLD_H
#define SPILE_TEST_SEMA_WORLD_H

#include "sema/sema.h"

/* What is given by default to every script: see world.c. */
struct world {
	struct arena *arena;
	struct source_set *sources;
	struct diag_list diags;
	struct lang_conditions conditions;
	struct lang_options lang;
	struct sema_options options;
	struct sema_program *program;
	struct lang_file *library;
	struct lang_macros *macros;
	bool argc_used;
};

void world_open(struct world *w);
/* Parses and checks; the number of errors. */
uint32_t world_check(struct world *w, const char *script);
void world_list(struct world *w, const char *point);
void world_close(struct world *w);

bool world_said(const struct world *w, enum diag_tag tag);
/* All diagnostics, one per line. */
const char *world_messages(struct world *w);
/* Pass 2's output. */
const char *world_print(struct world *w);
/* Body of probe i as text. */
const char *world_body(struct world *w, uint32_t i);

#endif
