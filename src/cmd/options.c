/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table, getopt_long, checks that need nothing but the words. */
#include "cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
#define OPTION(id, letter, name, argument, help) OPTION_##id,
#include "cmd/options.def"
#undef OPTION
	OPTION_COUNT
};

struct option_row {
	int letter;
	const char *name, *argument, *help;
};

static const struct option_row rows[OPTION_COUNT] = {
#define OPTION(id, letter, name, argument, help) [OPTION_##id] = { letter, name, argument, help },
#include "cmd/options.def"
#undef OPTION
};

#define LONG_BASE 1000 /* getopt's value of row i is LONG_BASE + i */

struct parse {
	struct arena *arena;
	struct cmd_options *o;
	bool action_set;
};

static bool complain(const char *fmt, ...) BASE_PRINTF(1, 2);
static bool complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("ERROR: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return false;
}

static bool parse_pid(const char *text, uint32_t *out)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > INT32_MAX)
		return complain("Invalid target process ID number '%s'.", text);
	*out = (uint32_t)value;
	return true;
}

static bool parse_timeout(const char *text, int64_t *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0.001) || value > 1e9)
		return complain("Invalid timeout interval.");
	*out = (int64_t)(value * 1e9);
	return true;
}

/* Megabytes to bytes, the next power of two. */
static bool parse_buffer(const char *text, uint64_t *out)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 1 || value > 4095)
		return complain("Invalid buffer size '%s' (should be 1-4095).", text);
	for (*out = 1 << 20; *out < (uint64_t)value << 20; *out *= 2)
		;
	return true;
}

/* "MB[,N]" */
static bool parse_rotation(const char *text, struct cmd_options *o)
{
	char *end;
	long size = strtol(text, &end, 10), keep = 0;

	if (end != text && *end == ',') {
		text = end + 1;
		keep = strtol(text, &end, 10);
		if (keep < 1)
			end = (char *)text;
	}
	if (end == text || *end || size < 1 || size > 1 << 20 || keep > 1 << 20)
		return complain("Invalid file size (-S takes megabytes and, behind a comma, a number of files, 1 or more each).");
	o->rotate_size = (uint64_t)size << 20;
	o->rotate_keep = (uint32_t)keep;
	return true;
}

static bool parse_pass(const char *text, int *out)
{
	if (text[0] < '1' || text[0] > '0' + CMD_PASSES || text[1])
		return complain("Invalid pass number '%s' (should be 1-5).", text);
	*out = text[0] - '0';
	return true;
}

static bool parse_verbosity(const char *text, int *verbose)
{
	for (int i = 0; text[i]; i++) {
		if (i == CMD_PASSES || text[i] < '0' || text[i] > '9')
			return complain("Invalid --vp argument: it takes one to five digits.");
		verbose[i] += text[i] - '0';
	}
	return true;
}

static bool is_name(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", text[i]))
			return false;
	return n && !(text[0] >= '0' && text[0] <= '9');
}

static bool parse_assignment(struct parse *p, const char *text, bool need_value, struct cmd_assignment *out)
{
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : strlen(text);

	if (!is_name(text, n) || (need_value && !equals))
		return complain("'%s' is not of the form NAME=VALUE.", text);
	out->name = arena_strndup(p->arena, text, n);
	out->value = equals ? equals + 1 : NULL;
	return true;
}

/* -G values come from this alphabet only, as SystemTap has it. */
static bool parse_global(struct parse *p, const char *text)
{
	struct cmd_assignment a;

	if (!parse_assignment(p, text, true, &a))
		return false;
	for (const char *c = a.value; *c; c++)
		if (!is_name(c, 1) && !strchr("0123456789.-", *c))
			return complain("'%s': the value may hold letters, digits and _ . - only.", text);
	vec_push(p->arena, &p->o->globals, a);
	return true;
}

static bool parse_define(struct parse *p, const char *text)
{
	struct cmd_assignment a;

	if (!parse_assignment(p, text, false, &a))
		return false;
	vec_push(p->arena, &p->o->defines, a);
	return true;
}

static bool set_action(struct parse *p, enum cmd_action action)
{
	if (p->action_set && p->o->action != ACTION_HELP)
		return complain("only one of -l, -L, --cleanup and --dump-... may be given");
	p->o->action = action;
	p->action_set = true;
	return true;
}

static bool set_list(struct parse *p, const char *text, bool variables)
{
	p->o->list = text;
	p->o->list_variables = variables;
	return set_action(p, ACTION_LIST);
}

static bool set_script(struct parse *p, const char *text)
{
	if (p->o->script_text)
		return complain("Only one script can be given by -e; use -E for more.");
	p->o->script_text = text;
	return true;
}

/* -m: the name of a file in the working directory, its ending given or not. */
static bool set_module(struct parse *p, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot && strcmp(dot, CMD_SAVED_ENDING) == 0 ? (size_t)(dot - name) : strlen(name);

	if (!is_name(name, n))
		return complain("Invalid name '%s' for -m: it may hold letters, digits and _ only.", name);
	p->o->module = arena_strndup(p->arena, name, n);
	return true;
}

static bool set_prologue(struct parse *p, const char *when)
{
	if (!when)
		when = "always";
	if (strcmp(when, "never") && strcmp(when, "always") && strcmp(when, "auto"))
		return complain("Invalid argument '%s' for --prologue-searching.", when);
	p->o->prologue = when;
	return true;
}

static bool set_colour(struct parse *p, const char *when)
{
	if (!when)
		when = "always";
	if (strcmp(when, "never") && strcmp(when, "always") && strcmp(when, "auto"))
		return complain("Invalid argument '%s' for --color.", when);
	p->o->colour = when;
	return true;
}

static bool set_compatible(struct parse *p, const char *version)
{
	if (!*version || version[strspn(version, "0123456789.")])
		return complain("Invalid version '%s' for --compatible.", version);
	if (strverscmp(version, CMD_LANGUAGE_VERSION) > 0)
		return complain("language version %s cannot be compatible with future version %s", CMD_LANGUAGE_VERSION,
				version);
	p->o->compatible = version;
	return true;
}

static void raise_verbosity(struct cmd_options *o)
{
	for (int i = 0; i < CMD_PASSES; i++)
		o->verbose[i]++;
}

static bool set_runtime(const char *name)
{
	if (strcmp(name, "dyninst") == 0 || strcmp(name, "kernel") == 0)
		return true;
	return complain("runtime '%s' is not available: spile has one, in the target's own process", name);
}

/* Options that only raise a flag. */
static bool *flag_of(struct cmd_options *o, enum option_id id)
{
	const struct {
		enum option_id id;
		bool *flag;
	} flags[] = {
		{ OPTION_GURU, &o->guru },
		{ OPTION_UNOPTIMIZED, &o->unoptimized },
		{ OPTION_NO_WARNINGS, &o->no_warnings },
		{ OPTION_WARNINGS_FAIL, &o->warnings_fail },
		{ OPTION_TIMING, &o->timing },
		{ OPTION_SUPPRESS_ERRORS, &o->suppress_errors },
		{ OPTION_NO_GLOBAL_DISPLAY, &o->no_global_display },
		{ OPTION_LOSSLESS, &o->lossless },
		{ OPTION_SKIP_BADVARS, &o->skip_badvars },
		{ OPTION_SUPPRESS_TIME_LIMITS, &o->no_time_limits },
		{ OPTION_USER, &o->user },
	};

	for (size_t i = 0; i < base_count(flags); i++)
		if (flags[i].id == id)
			return flags[i].flag;
	return NULL;
}

static bool add_process(struct parse *p, const char *text)
{
	uint32_t pid;

	if (!parse_pid(text, &pid))
		return false;
	if (!p->o->pids.n)
		p->o->pid = pid;
	vec_push(p->arena, &p->o->pids, pid);
	return true;
}

static bool set_follow(struct cmd_options *o, const char *when)
{
	o->no_follow = strcmp(when, "no") == 0;
	return o->no_follow || strcmp(when, "yes") == 0 ||
	       complain("Invalid argument '%s' for --follow (should be yes or no).", when);
}

/* Options that say what is to be done. */
static const struct {
	enum option_id id;
	enum cmd_action action;
} plain_actions[] = {
	{ OPTION_HELP, ACTION_HELP },
	{ OPTION_VERSION, ACTION_VERSION },
	{ OPTION_DUMP_FUNCTIONS, ACTION_DUMP_FUNCTIONS },
	{ OPTION_DUMP_TYPES, ACTION_DUMP_TYPES },
	{ OPTION_DUMP_ALIASES, ACTION_DUMP_ALIASES },
	{ OPTION_PLOT, ACTION_PLOT },
};

/* Where the value of an option goes that is taken as it is, or NULL. */
static const char **text_of(struct cmd_options *o, enum option_id id)
{
	const struct {
		enum option_id id;
		const char **text;
	} texts[] = {
		{ OPTION_COMMAND, &o->command },
		{ OPTION_OUTPUT, &o->output },
		{ OPTION_FLAME, &o->flame },
		{ OPTION_PLOT, &o->plot },
	};

	for (size_t i = 0; i < base_count(texts); i++)
		if (texts[i].id == id)
			return texts[i].text;
	return NULL;
}

/* Flags, and what is taken as it is. */
static void take_plain(struct cmd_options *o, enum option_id id, const char *value)
{
	const char **text = text_of(o, id);
	bool *flag = flag_of(o, id);

	if (flag)
		*flag = true;
	if (text)
		*text = value;
}

/* An exhaustive switch: one case per option that is more than a flag, an action or a text; the rest means nothing here. */
static bool take(struct parse *p, enum option_id id, const char *value)
{
	struct cmd_options *o = p->o;

	take_plain(o, id, value);
	for (size_t i = 0; i < base_count(plain_actions); i++)
		if (plain_actions[i].id == id)
			return set_action(p, plain_actions[i].action);
	switch ((int)id) {
	case OPTION_SCRIPT:
		return set_script(p, value);
	case OPTION_EXTRA:
		vec_push(p->arena, &o->extra, value);
		return true;
	case OPTION_PROCESS:
		return add_process(p, value);
	case OPTION_FOLLOW:
		return set_follow(o, value);
	case OPTION_CLEANUP:
		return parse_pid(value, &o->pid) && set_action(p, ACTION_CLEANUP);
	case OPTION_LIST:
	case OPTION_LIST_VARIABLES:
		return set_list(p, value, id == OPTION_LIST_VARIABLES);
	case OPTION_PASS:
		return parse_pass(value, &o->last_pass);
	case OPTION_ROTATE:
		return parse_rotation(value, o);
	case OPTION_TIMEOUT:
		return parse_timeout(value, &o->timeout_ns);
	case OPTION_BUFFER:
		return parse_buffer(value, &o->buffer);
	case OPTION_DEFINE:
		return parse_define(p, value);
	case OPTION_GLOBAL:
		return parse_global(p, value);
	case OPTION_INCLUDE:
		vec_push(p->arena, &o->includes, value);
		return true;
	case OPTION_VERBOSE:
		raise_verbosity(o);
		return true;
	case OPTION_VERBOSE_PASS:
		return parse_verbosity(value, o->verbose);
	case OPTION_PROLOGUE:
		return set_prologue(p, value);
	case OPTION_COLOUR:
	case OPTION_COLOUR_UK:
		return set_colour(p, value);
	case OPTION_MODULE:
		return set_module(p, value);
	case OPTION_COMPATIBLE:
		return set_compatible(p, value);
	case OPTION_RUNTIME:
		return set_runtime(value);
	default:
		return true;
	}
}

static const char *build_short_options(struct arena *a)
{
	struct buf b;

	buf_init(&b, a);
	for (int i = 0; i < OPTION_COUNT; i++)
		if (rows[i].letter) {
			buf_addc(&b, rows[i].letter);
			if (rows[i].argument && rows[i].argument[0] != '[')
				buf_addc(&b, ':');
		}
	return buf_str(&b);
}

static struct option *build_long_options(struct arena *a)
{
	struct option *list = arena_array(a, struct option, OPTION_COUNT + 1);
	int n = 0;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!rows[i].name)
			continue;
		list[n++] = (struct option){ rows[i].name,
					     !rows[i].argument		 ? no_argument
					     : rows[i].argument[0] == '[' ? optional_argument
									  : required_argument,
					     NULL, LONG_BASE + i };
	}
	return list;
}

static int row_of(int value)
{
	if (value >= LONG_BASE)
		return value - LONG_BASE;
	for (int i = 0; i < OPTION_COUNT; i++)
		if (rows[i].letter == value)
			return i;
	return -1;
}

/* What is left of the words: the script's file, then its arguments. */
static bool take_words(struct parse *p, int argc, char **argv)
{
	struct cmd_options *o = p->o;
	int at = optind;

	if (o->action == ACTION_RUN && !o->script_text && at < argc)
		o->script_file = argv[at++];
	o->script_args = argv + at;
	o->n_script_args = (uint32_t)(argc - at);
	if (o->action == ACTION_RUN && !o->script_text && !o->script_file && !o->extra.n) {
		fputs("A script must be specified.\nTry '--help' for more information.\n", stderr);
		return false;
	}
	if (o->command && o->pid)
		return complain("You can't specify both -c and -x.");
	if (o->no_time_limits && !o->guru)
		return complain("You can't specify --suppress-time-limits without -g.");
	if (o->rotate_size && !o->output)
		return complain("-S needs the name of a file, by -o.");
	if (o->user && (o->command || o->pid))
		return complain("You can't specify --user with -c or -x.");
	return true;
}

bool cmd_options_parse(struct arena *a, int argc, char **argv, struct cmd_options *out)
{
	struct parse p = { .arena = a, .o = out };
	const char *letters = build_short_options(a);
	const struct option *names = build_long_options(a);
	int value;

	*out = (struct cmd_options){ .last_pass = CMD_PASSES, .colour = "auto" };
	while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		int row = row_of(value);

		if (row < 0) {
			fputs("Try '--help' for more information.\n", stderr);
			return false;
		}
		if (!take(&p, (enum option_id)row, optarg))
			return false;
	}
	if (out->action == ACTION_HELP || out->action == ACTION_VERSION)
		return true;
	return take_words(&p, argc, argv);
}

bool cmd_options_take_globals(struct arena *a, struct cmd_options *o)
{
	struct parse p = { .arena = a, .o = o };

	for (uint32_t i = 0; i < o->n_script_args; i++)
		if (!parse_global(&p, o->script_args[i]))
			return false;
	return true;
}

static void help_row(FILE *to, const struct option_row *r)
{
	char left[64];
	int n = 0;

	if (r->letter)
		n = snprintf(left, sizeof left, "-%c%s", r->letter, r->name ? ", " : "");
	if (r->name)
		n += snprintf(left + n, sizeof left - (size_t)n, "--%s", r->name);
	if (r->argument)
		snprintf(left + n, sizeof left - (size_t)n, "%s%s", r->argument[0] == '[' ? "" : " ", r->argument);
	fprintf(to, "  %-28s %s\n", left, r->help);
}

void cmd_options_help(FILE *to)
{
	fputs("Usage: spile [options] FILE [ARGS]      run the script in FILE (- is standard input)\n"
	      "   or: spile [options] NAME.spile [VAR=VALUE ...] run what -m NAME saved\n"
	      "   or: spile [options] -e SCRIPT [ARGS] run the script given\n"
	      "   or: spile [options] -l POINT         list probe points\n\n"
	      "Options:\n",
	      to);
	for (int i = 0; i < OPTION_COUNT; i++)
		if (rows[i].help)
			help_row(to, &rows[i]);
	fputs("\nThe manual: man spile.\n", to);
}

bool cmd_limit(const struct cmd_options *o, const char *name, int64_t least, int64_t most, int64_t *value)
{
	vec_each(d, &o->defines) {
		char *end;
		long long v;

		if (strcmp(d->name, name) != 0)
			continue;
		errno = 0;
		v = strtoll(d->value ? d->value : "", &end, 0);
		if (errno || !d->value || end == d->value || *end || v < least || v > most)
			return complain("-D %s: a number from %lld to %lld is needed", name, (long long)least,
					(long long)most);
		*value = v;
	}
	return true;
}
