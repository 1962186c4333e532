/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heir LIBRARY: forks children; each, the parent last, loads the library and calls its plugin_work() 10 times.
 * Compiled with -DPLUGIN it is the library.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PLUGIN
__attribute__((noinline)) int plugin_work(int i)
{
	__asm__ volatile("" ::"r"(i) : "memory");
	return i + 1;
}
#else
static int load_and_work(const char *path)
{
	int sum = 0;

	for (int round = 0; round < 2; round++) {
		void *library = dlopen(path, RTLD_NOW);
		int (*work)(int) = library ? (int (*)(int))dlsym(library, "plugin_work") : NULL;

		if (!work)
			return 1;
		for (int i = 0; i < 5; i++)
			sum += work(i);
		dlclose(library);
	}
	return sum != 30;
}

int main(int argc, char **argv)
{
	int status, bad = 0;
	pid_t pids[3];

	if (argc < 2)
		return 2;
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (!pids[i])
			exit(load_and_work(argv[1]));
	}
	for (int i = 0; i < 3; i++) {
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	bad += load_and_work(argv[1]);
	pids[0] = fork();
	if (!pids[0])
		exit(load_and_work(argv[1]));
	waitpid(pids[0], &status, 0);
	bad += status != 0;
	printf("bad %d\n", bad);
	return bad;
}
#endif
