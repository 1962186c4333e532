/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of probe points as providers list them: "timer.s(number).randomize(number)". */
#ifndef SPILE_SEMA_PATTERN_H
#define SPILE_SEMA_PATTERN_H

#include "sema/sema.h"

enum pattern_argument { PATTERN_NONE, PATTERN_NUMBER, PATTERN_STRING };

struct pattern_component {
	const char *name;
	enum pattern_argument argument;
};

struct pattern {
	VEC(struct pattern_component) components;
};

struct pattern sema_pattern_parse(struct arena *a, const char *text);
/* An alias's name as a pattern. */
struct pattern sema_pattern_of_point(struct arena *a, const struct probe_point *p);
/* "s(number)" */
const char *sema_pattern_text(struct arena *a, const struct pattern_component *c);
bool sema_pattern_accepts(const struct pattern_component *c, const struct point_component *p);

#endif
