/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens ROUNDS LIBRARY...: opens each, calls came() of it a hundred times, closes it, ROUNDS times. With -DLIBRARY it
 * is such a library, which calls came() ten times itself when it is opened and once when it is closed. Every call counts.
 */
#ifdef LIBRARY
static volatile long by = LIBRARY;

__attribute__((noipa)) long came(long i)
{
	return by + i;
}

__attribute__((constructor)) static void opened(void)
{
	for (long i = 0; i < 10; i++)
		by += came(i) - by - i;
}

__attribute__((destructor)) static void closed(void)
{
	by += came(0) - by;
}
#else
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	long calls = 0, wrong = 0;

	for (int round = 0; round < atoi(argv[1]); round++)
		for (int n = 2; n < argc; n++) {
			void *library = dlopen(argv[n], RTLD_NOW);
			long (*came)(long) = library ? (long (*)(long))dlsym(library, "came") : NULL;

			if (!came)
				return 2;
			for (int i = 0; i < 100; i++)
				wrong += came(i) != n - 1 + i;
			dlclose(library);
			calls += 111;
		}
	printf("calls=%ld wrong=%ld\n", calls, wrong);
	return wrong != 0;
}
#endif
