/* SPDX-License-Identifier: Apache-2.0 */
/* What diag.c and render.c share. Private to base. */
#ifndef SPILE_BASE_RENDER_H
#define SPILE_BASE_RENDER_H

#include "base/base.h"

/* A row of diag.def. */
struct diag_info {
	const char *name;
	enum diag_severity severity;
	const char *head;
};
extern const struct diag_info diag_infos[DIAG_TAG_COUNT];

void diag_render_one(const struct diag *d, const struct source_set *set, FILE *to, bool colour);

#endif
