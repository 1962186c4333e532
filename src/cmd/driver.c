/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: passes 1 to 5 in order; each may be the last one asked for. */
#include "cmd/driver.h"
#include "cmd/plot.h"
#include "elf/elf.h"
#include "embed/embed.h"
#include "gen/gen.h"
#include "ir/ir.h"
#include "probe/probe.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define STACK_MOST (100u << 20)
#define LEVEL_SIZE 5000u /* bytes of stack for a level of nesting, all passes considered */
#define LEVELS_MOST 20000u
#define LEVELS_LEAST 50u

static struct utsname machine;

/*
 * Passes recurse along the tree of a script, and what programs write can be deep. The stack of the first thread may
 * grow to what the limit is by then; the kernel keeps 128 MiB below it free.
 */
static void stack_grow(struct cmd_session *s)
{
	struct rlimit space, wanted;

	s->stack_known = getrlimit(RLIMIT_STACK, &s->stack) == 0;
	wanted = s->stack;
	if (s->stack_known && wanted.rlim_cur < STACK_MOST && getrlimit(RLIMIT_AS, &space) == 0 &&
	    space.rlim_cur == RLIM_INFINITY) {
		wanted.rlim_cur = base_min((rlim_t)STACK_MOST, wanted.rlim_max);
		if (setrlimit(RLIMIT_STACK, &wanted))
			wanted = s->stack;
	}
	s->lang.nesting = (uint32_t)base_min((rlim_t)LEVELS_MOST, wanted.rlim_cur / LEVEL_SIZE);
	s->lang.nesting = base_max(s->lang.nesting, LEVELS_LEAST);
}

/* The target inherits the limit of whoever started us. */
static void stack_as_before(const struct cmd_session *s)
{
	if (s->stack_known)
		setrlimit(RLIMIT_STACK, &s->stack);
}

void cmd_prepare(struct cmd_session *s)
{
	const struct cmd_options *o = s->options;

	uname(&machine);
	s->conditions = (struct lang_conditions){
		.kernel_v = machine.release,
		.kernel_vr = machine.release,
		.systemtap_v = o->compatible ? o->compatible : CMD_LANGUAGE_VERSION,
		.arch = "x86_64",
		.runtime = "dyninst",
		.privilege = "stapusr",
		.guru = o->guru,
	};
	s->args_used = arena_array(s->arena, bool, o->n_script_args + 1);
	s->macros = lang_macros_create(s->arena);
	s->lang = (struct lang_options){
		.arena = s->arena,
		.names = s->names,
		.sources = s->sources,
		.diags = &s->diags,
		.library_macros = s->macros,
		.conditions = &s->conditions,
		.args = o->script_args,
		.n_args = o->n_script_args,
		.args_used = s->args_used,
		.argc_used = &s->argc_used,
		.privileged = o->guru,
	};
	stack_grow(s);
	s->diags.suppress_warnings = o->no_warnings;
	s->diags.warnings_are_errors = o->warnings_fail;
}

static struct error *read_script(struct cmd_session *s, struct source **out)
{
	const struct cmd_options *o = s->options;

	if (o->script_text) {
		*out = source_from_text(s->sources, "<input>", o->script_text, strlen(o->script_text));
		return NULL;
	}
	return source_from_file(s->sources, o->script_file, out);
}

static struct error *parse_scripts(struct cmd_session *s)
{
	const struct cmd_options *o = s->options;
	struct source *source;
	struct error *e;

	if (o->script_text || o->script_file) {
		e = read_script(s, &source);
		if (e)
			return e;
		vec_push(s->arena, &s->user, lang_parse(&s->lang, source));
	}
	for (uint32_t i = 0; i < o->extra.n; i++) {
		source = source_from_text(s->sources, arena_printf(s->arena, "<input%u>", i + 1), o->extra.p[i],
					  strlen(o->extra.p[i]));
		vec_push(s->arena, &s->user, lang_parse(&s->lang, source));
	}
	return NULL;
}

static void warn_unused_arguments(struct cmd_session *s)
{
	if (s->argc_used || s->options->last_pass < 2)
		return;
	for (uint32_t i = 0; i < s->options->n_script_args; i++)
		if (!s->args_used[i])
			diag_add(&s->diags, DIAG_WARN_UNUSED_ARGUMENT, (struct span){ 0, 0, 0 },
				 "unused command line option $%u/@%u", i + 1, i + 1);
}

static bool pass_1(struct cmd_session *s)
{
	struct cmd_clock start = cmd_clock_now();
	struct error *e = cmd_tapset_load(s);

	if (!e)
		e = parse_scripts(s);
	if (!e)
		e = cmd_syscalls_load(s, NULL, false);
	if (e) {
		cmd_error(s, e);
		return false;
	}
	if (!cmd_pass_check(s, 1))
		return false;
	cmd_pass_done(s, 1, start, "parsed %u user script%s and %u library scripts", s->user.n,
		      s->user.n == 1 ? "" : "s", s->library.n);
	return true;
}

static void fill_sema(struct cmd_session *s, struct sema_options *o, struct probe_user *user, bool listing)
{
	*o = (struct sema_options){
		.arena = s->arena,
		.names = s->names,
		.sources = s->sources,
		.diags = &s->diags,
		.providers = probe_providers(),
		.provider_user = user,
		.library = s->library.p,
		.n_library = s->library.n,
		.lang = &s->lang,
		.guru = s->options->guru,
		.unoptimized = s->options->unoptimized,
		.skip_badvars = s->options->skip_badvars,
		.syscalls = s->syscalls.p,
		.n_syscalls = s->syscalls.n,
		.has_target = s->options->command || s->options->pid,
		.target_path = s->target_path,
		.target_pid = s->options->pid,
		.listing = listing,
		.listing_variables = listing && s->options->list_variables,
		.script_args = s->options->script_args,
		.n_script_args = s->options->n_script_args,
		.global_display = !s->options->no_global_display && !listing,
		.stacks_drawn = s->options->flame && !listing,
	};
}

static enum elf_prologue prologue_of(const struct cmd_options *o)
{
	if (!o->prologue || strcmp(o->prologue, "auto") == 0)
		return ELF_PROLOGUE_AUTO;
	return strcmp(o->prologue, "never") == 0 ? ELF_PROLOGUE_NEVER : ELF_PROLOGUE_ALWAYS;
}

static struct sema_program *pass_2(struct cmd_session *s, struct elf_cache *cache)
{
	struct cmd_clock start = cmd_clock_now();
	struct probe_user user = { .elf = cache, .prologue = prologue_of(s->options) };
	struct sema_options o;
	struct sema_program *p;

	fill_sema(s, &o, &user, false);
	p = sema_check(&o, s->user.p, s->user.n);
	warn_unused_arguments(s);
	if (!cmd_pass_check(s, 2))
		return NULL;
	cmd_pass_done(s, 2, start, "analyzed script: %u probe(s), %u function(s), %u global(s)", p->probes.n,
		      p->functions.n, p->globals.n);
	return p;
}

/* Limits from -D; false after a message. Nesting is what `read_nesting` finds. */
static bool read_limits(const struct cmd_options *o, struct gen_limits *l)
{
	/* Stacks that are drawn are whole, and many. */
	int64_t string = o->flame ? 1280 : ABI_MAXSTRINGLEN, entries = o->flame ? 8192 : 2048, errors = 0, skipped = 100;
	int64_t action = 1000, frames = o->flame ? 64 : 20, width = ABI_HIST_WIDTH, elision = ABI_HIST_ELISION;

	if (!cmd_limit(o, "MAXSTRINGLEN", 16, 65536, &string) ||
	    !cmd_limit(o, "MAXMAPENTRIES", 1, 100000000, &entries) ||
	    !cmd_limit(o, "MAXACTION", 1, INT64_MAX / 16, &action))
		return false;
	action *= 10;
	if (!cmd_limit(o, "MAXACTION_INTERRUPTIBLE", 1, INT64_MAX / 16, &action) ||
	    !cmd_limit(o, "MAXERRORS", 0, INT32_MAX, &errors) || !cmd_limit(o, "MAXSKIPPED", 0, INT32_MAX, &skipped) ||
	    !cmd_limit(o, "HIST_WIDTH", 1, 1000, &width) || !cmd_limit(o, "HIST_ELISION", -1000, 1000, &elision) ||
	    !cmd_limit(o, "MAXBACKTRACE", 1, 128, &frames))
		return false;
	if (o->no_time_limits)
		action = INT64_MAX / 16;
	*l = (struct gen_limits){
		.max_string = (uint32_t)string,
		.max_map_entries = (uint32_t)entries,
		.max_action = action,
		.max_errors = (uint32_t)errors,
		.max_skipped = (uint32_t)skipped,
		.hist_width = (int32_t)width,
		.hist_elision = (int32_t)elision,
		.max_backtrace = (uint32_t)frames,
	};
	return true;
}

/* As deep as the script's calls go, unless -D says otherwise. */
static bool read_nesting(const struct cmd_options *o, const struct ir_module *m, struct gen_limits *l)
{
	int64_t nesting = base_max(ir_nesting(m), 1u);

	if (!cmd_limit(o, "MAXNESTING", 1, 10000, &nesting))
		return false;
	l->max_nesting = (uint32_t)nesting;
	return true;
}

static struct ir_module *pass_3(struct cmd_session *s, const struct sema_program *p, const struct gen_limits *g)
{
	struct cmd_clock start = cmd_clock_now();
	struct ir_limits l = { g->max_string, g->max_map_entries, s->sources, g->max_action, s->options->timing };
	struct ir_module *m = ir_lower(s->arena, p, &l);
	const char *wrong;

	ir_optimize(m);
	wrong = ir_verify(m);
	if (wrong) {
		cmd_error(s, error_new(ERROR_OTHER, "internal: %s", wrong));
		return NULL;
	}
	cmd_pass_done(s, 3, start, "lowered script to %u function(s)", m->functions.n);
	return m;
}

/* False after a message: SystemTap's modules refuse such a number, too. */
static bool number_given(struct bundle_global *g, const struct cmd_assignment *a)
{
	char *end;
	bool wide = a->value[0] != '-' && (errno = 0, strtoull(a->value, &end, 0)) > INT64_MAX;

	errno = 0;
	g->init_long = wide ? (int64_t)strtoull(a->value, &end, 0) : strtoll(a->value, &end, 0);
	if (!errno && end != a->value && !*end)
		return true;
	fprintf(stderr, "ERROR: -G %s=%s: the global is a number\n", a->name, a->value);
	return false;
}

static bool apply_global_values(struct cmd_session *s, struct bundle *b)
{
	bool good = true;

	vec_each(a, &s->options->globals) {
		struct bundle_global *found = NULL;

		vec_each(g, &b->globals)
			if (strcmp(g->name, a->name) == 0 && !g->layout.is_map && g->layout.kind != ABI_VALUE_STAT)
				found = g;
		if (!found) {
			fprintf(stderr, "WARNING: Ignoring unknown module option '%s'\n", a->name);
		} else if (found->layout.kind == ABI_VALUE_STRING) {
			found->init_string = a->value;
			found->init_length = (uint32_t)strlen(a->value);
		} else {
			good &= number_given(found, a);
		}
	}
	return good;
}

/* NULL after a message. */
static struct bundle *pass_4(struct cmd_session *s, const struct ir_module *m, struct gen_limits *l)
{
	struct cmd_clock start = cmd_clock_now();
	struct error *e = NULL;
	struct bundle *b;

	l->want_listing = s->options->last_pass == 4 && !s->options->module;
	b = gen_bundle(s->arena, m, l);
	if (!apply_global_values(s, b))
		return NULL;
	if (s->options->module)
		e = bundle_save(b, arena_printf(s->arena, "%s" CMD_SAVED_ENDING, s->options->module));
	if (e) {
		cmd_error(s, e);
		return NULL;
	}
	cmd_pass_done(s, 4, start, "generated %u bytes of code for %u site(s)", b->code_size, b->sites.n);
	return b;
}

/* The name given by -o, with what strftime(3) knows; NULL without one. */
static const char *output_path(struct cmd_session *s)
{
	const char *name = s->options->output;
	char text[PATH_MAX];
	time_t now = time(NULL);

	if (!name || !strchr(name, '%'))
		return name;
	return strftime(text, sizeof text, name, localtime(&now)) ? arena_strdup(s->arena, text) : name;
}

static FILE *open_output(struct cmd_session *s, const char *path)
{
	FILE *f;

	if (!path)
		return stdout;
	if (s->options->rotate_size)
		path = arena_printf(s->arena, "%s.0", path);
	f = fopen(path, "we");
	if (!f)
		cmd_error(s, error_errno(errno, "cannot write '%s'", path));
	return f;
}

/* The title tells what was run. */
static struct plot_flame *flame_begin(struct cmd_session *s)
{
	const struct cmd_options *o = s->options;
	const char *title = o->command ? o->command : o->pid ? arena_printf(s->arena, "process %u", o->pid) : "spile";

	return o->flame ? plot_flame_create(s->arena, title) : NULL;
}

static void flame_add(void *user, const char *const *frames, uint32_t n, uint64_t value)
{
	plot_flame_add(user, frames, n, value);
}

/* False after a message. */
static bool flame_end(struct cmd_session *s, const struct plot_flame *flame)
{
	const char *path = s->options->flame;
	FILE *to;
	bool good;

	if (!flame)
		return true;
	if (!plot_flame_total(flame)) {
		fputs("WARNING: no array has stacks for keys, as in n[ubacktrace()]++: there is nothing to draw\n", stderr);
		return true;
	}
	to = fopen(path, "we");
	if (to)
		plot_flame_write(flame, to);
	good = to && !ferror(to);
	if ((to && fclose(to)) || !good)
		cmd_error(s, error_errno(errno, "cannot write '%s'", path));
	return good;
}

static int pass_5(struct cmd_session *s, const struct bundle *b)
{
	const struct cmd_options *o = s->options;
	struct cmd_clock start = cmd_clock_now();
	const char *path = output_path(s);
	FILE *out = open_output(s, path);
	struct ctl_options c = {
		.arena = s->arena, .bundle = b, .command = s->command, .command_text = o->command, .pids = o->pids.p,
		.n_pids = o->pids.n, .no_follow = o->no_follow, .user = o->user,
		.out = out, .out_path = path, .rotate_size = o->rotate_size, .rotate_keep = o->rotate_keep, .err = stderr, .verbose = o->verbose[4], .quiet = o->no_warnings,
		.lossless = o->lossless, .suppress_handler_errors = o->suppress_errors, .timing = o->timing,
		.colour = s->colour, .timeout_ns = o->timeout_ns, .ring_size = o->buffer, .guru = o->guru,
	};
	struct plot_flame *flame = flame_begin(s);
	int status = 1;
	struct error *e;

	stack_as_before(s);
	c.stack = flame ? flame_add : NULL;
	c.stack_user = flame;
	if (!out)
		return 1;
	if (o->verbose[4])
		fputs("Pass 5: starting run.\n", stderr);
	e = ctl_run(&c, &status);
	if (e)
		cmd_error(s, e);
	else if (!flame_end(s, flame))
		status = 1;
	if (fflush(out) != 0) {
		cmd_error(s, error_errno(errno, "cannot write the output"));
		status = 1;
	}
	if (out != stdout)
		fclose(out);
	cmd_pass_done(s, 5, start, "run completed");
	if (status)
		fputs("Pass 5: run failed.  [man error::pass5]\n", stderr);
	return status;
}

/* The C in the script, by the system's compiler; false after a message. */
static bool compile_embedded(struct cmd_session *s, struct sema_program *p, struct gen_limits *l,
			     struct bundle_embedded **out)
{
	struct embed_options o = { s->arena, s->sources, &s->diags, l->max_string, stderr };
	struct error *e;

	e = embed_compile(&o, p, out);
	if (e)
		cmd_error(s, e);
	return !e && cmd_pass_check(s, 3);
}

/* Passes 3 to 5 of a checked program. */
static int compile_and_run(struct cmd_session *s, struct sema_program *p)
{
	const struct cmd_options *o = s->options;
	struct bundle_embedded *embedded;
	struct gen_limits limits;
	struct ir_module *m;
	struct bundle *b;

	if (!read_limits(o, &limits) || !compile_embedded(s, p, &limits, &embedded))
		return 1;
	limits.embedded = embedded;
	m = pass_3(s, p, &limits);
	if (!m || !read_nesting(o, m, &limits))
		return 1;
	if (o->last_pass == 3) {
		ir_print(stdout, m);
		return 0;
	}
	b = pass_4(s, m, &limits);
	if (!b)
		return 1;
	if (o->last_pass < CMD_PASSES) {
		if (o->module)
			printf("%s" CMD_SAVED_ENDING "\n", o->module);
		fputs(b->listing ? b->listing : "", stdout);
		return 0;
	}
	return pass_5(s, b);
}

static int check_and_run(struct cmd_session *s, struct elf_cache *cache)
{
	struct sema_program *p = pass_2(s, cache);

	if (!p)
		return 1;
	if (s->options->last_pass == 2) {
		sema_print_program(stdout, s->arena, p);
		return 0;
	}
	return compile_and_run(s, p);
}

/* On a terminal, in one line that goes away. */
static void progress_show(const char *what, unsigned percent)
{
	const char *name = strrchr(what, '/');

	if (percent < 100)
		fprintf(stderr, "\rreading the debug information of %s: %2u %% ", name ? name + 1 : what, percent);
	else
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

static struct elf_cache *cache_open(struct cmd_session *s)
{
	struct elf_cache *c = elf_cache_create(s->arena);
	const char *term = getenv("TERM");

	elf_cache_enter(c, s->options->pid);
	if (isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0))
		elf_cache_progress(c, progress_show);
	if (s->options->list && !s->options->list_variables)
		elf_cache_for_names(c);
	return c;
}

/* What must be said when a script is translated. */
static const char *too_late(const struct cmd_options *o)
{
	return o->extra.n      ? "-E" :
	       o->defines.n    ? "-D" :
	       o->module       ? "-m" :
	       o->unoptimized  ? "-u" :
	       o->compatible   ? "--compatible" :
	       o->prologue     ? "-P" :
	       o->last_pass < CMD_PASSES ? "-p" :
				 NULL;
}

/* Pass 5 of what was saved by -m: neither the script nor debug information is needed. */
static int run_saved(struct cmd_session *s)
{
	struct cmd_options *o = s->options;
	const char *option = too_late(o);
	struct bundle *b;
	struct error *e;

	if (option)
		e = error_new(ERROR_OTHER, "%s is translated already: %s comes too late", o->script_file, option);
	else
		e = bundle_load(s->arena, o->script_file, &b);
	if (!e && o->timing && !b->timing_offset)
		e = error_new(ERROR_OTHER, "%s was translated without -t", o->script_file);
	if (!e && !cmd_options_take_globals(s->arena, o))
		return 1;
	if (!e)
		e = cmd_target_find(s);
	if (e) {
		cmd_error(s, e);
		return 1;
	}
	return apply_global_values(s, b) ? pass_5(s, b) : 1;
}

int cmd_run(struct cmd_session *s)
{
	struct elf_cache *cache;
	struct error *e;
	int status;

	if (s->options->script_file && bundle_is_file(s->options->script_file))
		return run_saved(s);
	cmd_prepare(s);
	if (!pass_1(s))
		return 1;
	if (s->options->last_pass == 1) {
		puts("# parse tree dump");
		vec_each(f, &s->user)
			lang_print_file(stdout, *f);
		return 0;
	}
	e = cmd_target_find(s);
	if (e) {
		cmd_error(s, e);
		return 1;
	}
	cache = cache_open(s);
	status = check_and_run(s, cache);
	elf_cache_destroy(cache);
	return status;
}

int cmd_list(struct cmd_session *s)
{
	struct probe_user user = { .prologue = prologue_of(s->options) };
	struct sema_program *p = NULL;
	struct probe_decl *points;
	struct sema_options o;
	struct source *source;
	uint32_t lines = 0;

	cmd_prepare(s);
	source = source_from_text(s->sources, "<input>", s->options->list, strlen(s->options->list));
	if (!pass_1(s) || cmd_target_find(s) != NULL)
		return 1;
	user.elf = cache_open(s);
	points = lang_parse_listed(&s->lang, source);
	if (points && !s->diags.errors && !cmd_syscalls_load(s, points, false)) {
		fill_sema(s, &o, &user, true);
		p = sema_list_all(&o, points);
	}
	diag_render(&s->diags, s->sources, stderr, s->colour);
	if (p)
		lines = probe_list_print(stdout, s->arena, p, s->options->list_variables);
	elf_cache_destroy(user.elf);
	return lines ? 0 : 1;
}
