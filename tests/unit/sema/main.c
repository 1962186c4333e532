/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every test of the checker. */
#include "tests.h"

#include <stdlib.h>

int main(void)
{
	return sema_cycles_tests() + sema_judgement_tests() + sema_point_tests() + sema_type_tests() ? EXIT_FAILURE :
												       EXIT_SUCCESS;
}
