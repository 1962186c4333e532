/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of all files of runtime/core. */
#include "world.h"

int main(void)
{
	int failed = 0;

#define RUN(group)                                                                                 \
	failed += _cmocka_run_group_tests(#group, group##_tests, n_##group##_tests, NULL, NULL)
	RUN(string);
	RUN(fp);
	RUN(map);
	RUN(each);
	RUN(stat);
	RUN(format);
	RUN(histogram);
	RUN(print);
	RUN(control);
	RUN(lock);
	RUN(share);
	RUN(counter);
	RUN(trap);
#undef RUN
	return failed != 0;
}
