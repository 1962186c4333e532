/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPILE_TEST_SEMA_TESTS_H
#define SPILE_TEST_SEMA_TESTS_H

/* What every test file includes; cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

/* Numbers of failed tests. */
int sema_cycles_tests(void);
int sema_judgement_tests(void);
int sema_point_tests(void);
int sema_type_tests(void);

#endif
