/* SPDX-License-Identifier: Apache-2.0 */
/* A mark whose argument has a type, callees, errno, wide values. */
#include <errno.h>
#include <stdio.h>
#include <sys/sdt.h>
#include <unistd.h>

#define NEVER_INLINE __attribute__((noinline))
#define KEEP __asm__ volatile("" ::: "memory")

struct request {
	int id;
	const char *path;
	struct request *next;
};
typedef struct request *handle_arg1; /* what SystemTap looks for: MARK_argN */
struct named_arg1 {
	int id;
	const char *path;
};
handle_arg1 kept;
struct named_arg1 *also_kept;
int counter = 5;
__int128 wide = 7;
long double extended = 2.5L;

NEVER_INLINE int leaf(int n) { KEEP; return n + counter; }
NEVER_INLINE int first(int n) { return leaf(n) * 2; }
NEVER_INLINE int second(int n) { return leaf(n + 1) * 3; }
NEVER_INLINE __int128 wider(__int128 v) { KEEP; return v * 3; }
NEVER_INLINE void failed(int n) { KEEP; (void)n; }

/* A clone is made of it that is not passed the text. */
static NEVER_INLINE int spelled(const char *text, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += text[i & 3] + counter;
	return sum;
}

int main(int argc, char **argv)
{
	struct request b = { 2, "/b", 0 }, a = { 1, "/a", &b };
	int rounds = argc > 1 ? 400 : 1;

	kept = &a;
	DTRACE_PROBE1(demo, handle, kept);
	DTRACE_PROBE1(demo, named, kept);
	DTRACE_PROBE1(demo, plain, kept);
	printf("%d %d %d\n", first(1), second(1), (int)wider(wide));
	fflush(stdout);
	printf("%d\n", spelled("abc", argc + 1) + spelled("abc", argc + 2));
	fflush(stdout);
	errno = ENOENT;
	failed(1);
	for (int i = 0; i < rounds; i++, counter++)
		if (argc > 1)
			usleep(20000);
	return argv[0] == NULL;
}
