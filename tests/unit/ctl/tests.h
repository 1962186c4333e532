/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of ctl's tests, and bundles made by hand. */
#ifndef SPILE_TEST_CTL_H
#define SPILE_TEST_CTL_H

#include "bundle/bundle.h"

int run_parts_tests(void);

/*
 * A bundle whose sites count their hits in one global, atomically, and whose end
 * probe prints "count N\n".
 */
struct bundle *made_bundle(struct arena *a);
/* Adds the function at the entry of which is counted; false if the file has none of the name. */
bool made_bundle_add(struct bundle *b, const char *path, const char *function);
/* Adds a timer that ends the session. */
void made_bundle_end_after(struct bundle *b, int64_t ns);

#endif
