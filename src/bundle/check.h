/* SPDX-License-Identifier: Apache-2.0 */
/* The part of bundle that judges what came from a file. */
#ifndef SPILE_BUNDLE_CHECK_H
#define SPILE_BUNDLE_CHECK_H

#include "bundle/bundle.h"

/* NULL, or what is wrong: an index, offset or size that would lead a user of the bundle astray. */
const char *bundle_check(const struct bundle *b);

#endif
