/* SPDX-License-Identifier: Apache-2.0 */
/* spile: SystemTap scripts in user space. Reads the command line and starts the passes. */
#include "cmd/driver.h"
#include "cmd/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* auto: on a terminal that can, unless the user wants none at all (no-color.org). */
static bool use_colour(const struct cmd_options *o)
{
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");

	if (strcmp(o->colour, "auto") == 0)
		return isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0) && (!none || !*none);
	return strcmp(o->colour, "always") == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* A file gets SVG; a terminal, or whatever reads on, gets text but for flame graphs. */
static int cmd_plot(struct cmd_session *s)
{
	const struct cmd_options *o = s->options;
	FILE *to = o->output ? fopen(o->output, "we") : stdout;
	bool good;

	if (!to) {
		cmd_error(s, error_errno(errno, "cannot write '%s'", o->output));
		return 1;
	}
	good = plot_filter(s->arena, o->plot, stdin, to, o->output && !ends_with(o->output, ".txt"));
	if (fflush(to) != 0 || (to != stdout && fclose(to) != 0)) {
		cmd_error(s, error_errno(errno, "cannot write the picture"));
		good = false;
	}
	return !good;
}

static int act(struct cmd_session *s)
{
	struct error *e;

	switch (s->options->action) {
	case ACTION_HELP:
		cmd_options_help(stdout);
		return 0;
	case ACTION_VERSION:
		puts("spile " SPILE_VERSION " (SystemTap scripts in user space)");
		return 0;
	case ACTION_CLEANUP:
		e = ctl_cleanup(s->arena, s->options->pid);
		if (e)
			cmd_error(s, e);
		return e != NULL;
	case ACTION_DUMP_FUNCTIONS:
		return cmd_dump_functions(s);
	case ACTION_DUMP_TYPES:
		return cmd_dump_types(s);
	case ACTION_DUMP_ALIASES:
		return cmd_dump_aliases(s);
	case ACTION_PLOT:
		return cmd_plot(s);
	case ACTION_LIST:
		return cmd_list(s);
	case ACTION_RUN:
		return cmd_run(s);
	}
	return 1;
}

/* What was listed must have arrived, unless whoever read it wanted no more. */
static int output_closed(int status)
{
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE || errno == EBADF)
		return status;
	fprintf(stderr, "ERROR: cannot write the output: %s\n", strerror(errno));
	return 1;
}

/* What is opened later does not take the number of one that is closed: what we print would go there. Commands find it closed. */
static void occupy_closed(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			return;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_create();
	struct cmd_options options;
	struct cmd_session s = { .arena = arena, .options = &options };
	int status = 1;

	occupy_closed();
	argv = cmd_rc_words(arena, &argc, argv);
	if (cmd_options_parse(arena, argc, argv, &options)) {
		s.colour = use_colour(&options);
		s.sources = source_set_create(arena);
		s.names = intern_create(arena);
		diag_list_init(&s.diags, arena);
		status = act(&s);
	}
	arena_destroy(arena);
	return options.action == ACTION_RUN && options.last_pass == CMD_PASSES ? status : output_closed(status);
}
