/* SPDX-License-Identifier: Apache-2.0 */
/* spawner: /bin/true by vfork, posix_spawn and system(), and a fork. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(void)
{
	char *words[] = { (char *)"/bin/true", NULL };
	int status;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		pid = vfork();
		if (!pid) {
			execv(words[0], words);
			_exit(1);
		}
		waitpid(pid, &status, 0);
	}
	if (posix_spawn(&pid, words[0], NULL, NULL, words, environ))
		return 1;
	waitpid(pid, &status, 0);
	if (system("exec /bin/true"))
		return 1;
	pid = fork();
	if (!pid)
		_exit(3);
	waitpid(pid, &status, 0);
	printf("%d\n", WEXITSTATUS(status));
	return 0;
}
