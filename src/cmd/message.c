/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about passes, their times and failures. */
#include "cmd/driver.h"

#include <sys/resource.h>
#include <time.h>

static const char *const failed[CMD_PASSES] = { "parse failed", "analysis failed", "translation failed",
						"compilation failed", "run failed" };

void cmd_error(const struct cmd_session *s, const struct error *e)
{
	fprintf(stderr, "%sERROR:%s %s\n", s->colour ? "\33[1;31m" : "", s->colour ? "\33[0m" : "", error_text(e));
	for (; e; e = e->cause)
		if (e->hint)
			fprintf(stderr, "  hint: %s\n", e->hint);
}

static int64_t ns_of(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

struct cmd_clock cmd_clock_now(void)
{
	struct timespec now;
	struct rusage u;

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &u);
	return (struct cmd_clock){ ns_of(u.ru_utime), ns_of(u.ru_stime),
				   (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}

void cmd_pass_done(const struct cmd_session *s, int pass, struct cmd_clock since, const char *fmt, ...)
{
	struct cmd_clock now = cmd_clock_now();
	va_list ap;

	if (!s->options->verbose[pass - 1])
		return;
	fprintf(stderr, "Pass %d: ", pass);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " in %lldusr/%lldsys/%lldreal ms.\n", (long long)(now.user - since.user) / 1000000,
		(long long)(now.system - since.system) / 1000000, (long long)(now.real - since.real) / 1000000);
}

bool cmd_pass_check(struct cmd_session *s, int pass)
{
	diag_render(&s->diags, s->sources, stderr, s->colour);
	if (!s->diags.errors)
		return true;
	if (pass == 1)
		fprintf(stderr, "%u parse error%s.\n", s->diags.errors, s->diags.errors == 1 ? "" : "s");
	fprintf(stderr, "Pass %d: %s.  [man error::pass%d]\n", pass, failed[pass - 1], pass);
	return false;
}
