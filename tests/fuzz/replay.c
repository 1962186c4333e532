/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on every file of the folders given: findings of the past stay mended. */
#include "fuzz.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int replay(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *data = NULL;
	size_t n = 0, part;

	if (!f)
		return 0;
	do {
		data = realloc(data, n + 65536);
		if (!data)
			base_oom();
		part = fread(data + n, 1, 65536, f);
		n += part;
	} while (part);
	fclose(f);
	/* of its size exactly: a sanitizer sees a step over its end */
	data = realloc(data, n ? n : 1);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		const struct dirent *e;
		char path[4096];

		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
			count += replay(path);
		}
		if (d)
			closedir(d);
	}
	printf("%d passed, 0 failed\n", count);
	return count == 0;
}
