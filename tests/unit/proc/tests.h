/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of proc's tests. */
#ifndef SPILE_TEST_PROC_H
#define SPILE_TEST_PROC_H

int run_maps_tests(void);

#endif
