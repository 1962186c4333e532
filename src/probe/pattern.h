/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What .function("...") and .statement("...") say:
 *
 *	n1::box*::get@src/box.c:10-12,20
 *	`-scopes--'`-' `--------' `----'
 *	    function   file       lines	also :* all lines, +3 lines behind the declaration
 */
#ifndef SPILE_PROBE_PATTERN_H
#define SPILE_PROBE_PATTERN_H

#include "probe/process.h"

struct function_pattern {
	const char *function; /* glob */
	VEC(const char *) scopes; /* globs, outermost first */
	bool is_global; /* began with "::": the scopes are all there are */
	const char *file; /* glob of the last parts of the path, or NULL */
	bool has_lines;
	struct elf_line_spec lines; /* without the file's match */
};

/* False after a diagnostic at component i. */
bool process_pattern_parse(struct process_query *q, uint32_t i, struct function_pattern *out);
/* Whether a function is meant; *shown gets its name as SystemTap lists it: with scopes as written. */
bool process_pattern_matches(struct process_query *q, const struct function_pattern *p,
			     const struct elf_function *f, const char **shown);
bool process_pattern_file(const char *glob, const char *path);

#endif
