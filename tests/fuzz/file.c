/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/spile-fuzz.XXXXXX";

static void remove_file(void)
{
	unlink(path);
}

static int open_file(void)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	fd = mkstemp(path);
	if (fd < 0)
		base_oom();
	atexit(remove_file);
	return fd;
}

const char *fuzz_file(const void *head, size_t head_size, const void *data, size_t size)
{
	int fd = open_file();

	if (ftruncate(fd, 0) || pwrite(fd, head, head_size, 0) != (ssize_t)head_size ||
	    pwrite(fd, data, size, (off_t)head_size) != (ssize_t)size)
		base_oom();
	return path;
}
