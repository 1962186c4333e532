/* SPDX-License-Identifier: Apache-2.0 */
/* spile: SystemTap scripts in user space. Reads the command line and starts the passes. */
#include "cmd/driver.h"
#include "probe/probe.h"

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

static void dump_functions(void)
{
	const struct sema_builtin *b;

	for (uint32_t i = 0; (b = sema_builtin_at(i)); i++) {
		printf("%s:%s (", b->name, lang_type_name(b->type));
		for (uint32_t k = 0; k < b->n_parameters; k++)
			printf("%s%s", k ? ", " : "", lang_type_name(b->parameters[k]));
		puts(")");
	}
}

static void dump_types(void)
{
	for (const struct sema_provider *const *p = probe_providers(); *p; p++)
		for (const char *const *type = (*p)->types; type && *type; type++)
			puts(*type);
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
		dump_functions();
		return 0;
	case ACTION_DUMP_TYPES:
		dump_types();
		return 0;
	case ACTION_LIST:
		return cmd_list(s);
	case ACTION_RUN:
		return cmd_run(s);
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_create();
	struct cmd_options options;
	struct cmd_session s = { .arena = arena, .options = &options };
	int status = 1;

	if (cmd_options_parse(arena, argc, argv, &options)) {
		s.colour = use_colour(&options);
		s.sources = source_set_create(arena);
		s.names = intern_create(arena);
		diag_list_init(&s.diags, arena);
		status = act(&s);
	}
	arena_destroy(arena);
	return status;
}
