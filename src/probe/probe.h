/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: what the families of probe points mean.
 *
 * It answers: which places and events a probe point of the script names, and
 * what a target variable is there.  One file per family; each is a
 * struct sema_provider, listed in probe/providers.def.  It changes no process.
 *
 * Ownership: results live in sema_options.arena; the files stay open in
 * probe_user.elf, which must live as long as the program's sites.
 *
 *	struct probe_user user = { .elf = elf_cache_create(arena) };
 *	options.providers = probe_providers();
 *	options.provider_user = &user;
 */
#ifndef SPILE_PROBE_H
#define SPILE_PROBE_H

#include <stdio.h>

#include "elf/elf.h"
#include "sema/sema.h"

/* What a probe perf...counter("name") declares; type and config as perf_event_open(2) has them. */
struct probe_counter {
	const char *name;
	uint32_t type;
	uint64_t config;
	uint32_t number; /* 1 + its place among the processor's counters that handlers read; 0: nobody has yet */
	VEC(struct sema_point *) points; /* that declare it */
};

/* What sema_options.provider_user points to. */
struct probe_user {
	struct elf_cache *elf;
	enum elf_prologue prologue; /* -P */
	struct map *debug_warned; /* modules whose debug files were told of */
	struct map *warned; /* modules already warned about; made when needed */
	struct map *headers; /* "<a.h>": struct elf_file with its types; made when needed */
	VEC(struct probe_counter) counters;
	uint32_t n_counters; /* of the processor, that handlers read */
};

/* All families, NULL-ended. */
const struct sema_provider *const *probe_providers(void);

/*
 * -l (with_variables: -L): the points of a program made by sema_list(), one
 * per line, sorted, without doubles:
 *	process("/usr/bin/python3.11").mark("gc__start") $arg1:long
 * Returns how many: none is exit status 1.
 */
uint32_t probe_list_print(FILE *to, struct arena *a, const struct sema_program *p, bool with_variables);

/* For providers: says what is wrong with component i of a point, unless that may be missing. Always false. */
bool probe_point_fail(struct sema_resolver *r, const struct probe_point *p, uint32_t i, enum diag_tag tag,
		      const char *text);

#endif
