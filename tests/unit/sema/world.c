/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

/*
 * Points of the family `fake`:
 *	fake.site("one")	one site, $arg1 a number in a register, $text a string
 *	fake.site("like")	three sites where $arg1 is the same
 *	fake.site("unlike")	three sites; $arg1 of the second is elsewhere, the third has none
 *	fake.event		no site and no variables
 */
static struct sema_site *site_new(struct sema_resolver *r, struct sema_point *p, const char *name,
				  int base)
{
	struct sema_site *s = arena_new(r->arena, struct sema_site);

	s->point = arena_printf(r->arena, "fake.site(\"%s\") %d", name, base);
	if (base >= 0) {
		s->n_args = 1;
		s->args = arena_new(r->arena, struct sema_operand);
		*s->args = (struct sema_operand){ .kind = OPERAND_REGISTER,
						  .size = 8,
						  .base = (int8_t)base,
						  .index = -1,
						  .type = TYPE_LONG };
	}
	vec_push(r->arena, &p->sites, s);
	return s;
}

static const char *const fake_types[] = { "fake.site(string)", "fake.event", "fake.event.late",
					  NULL };

static bool fake_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	static const int one[] = { 3 }, like[] = { 3, 3, 3 }, unlike[] = { 3, 4, -1 };
	struct sema_point *point;
	const char *name;

	if (!sema_point_match(r, p, fake_types))
		return false;
	if (!p->components.p[1].has_argument) {
		sema_point_add(r, EVENT_SITE, CONTEXT_TARGET, "fake.event");
		return true;
	}
	if (!sema_string_argument(r, p, 1, &name))
		return false;
	if (strcmp(name, "none") == 0) {
		if (!r->quiet)
			diag_add(r->diags, DIAG_PROBE_TARGET, p->span, "no match");
		return false;
	}
	point = sema_point_add(r, EVENT_SITE, CONTEXT_TARGET, "fake.site");
	point->type = "fake";
	for (int i = 0; i < (strcmp(name, "one") == 0 ? 1 : 3); i++)
		site_new(r, point, name,
			 strcmp(name, "one") == 0    ? one[i]
			 : strcmp(name, "like") == 0 ? like[i]
						     : unlike[i]);
	return true;
}

static struct expr *fake_variable(struct sema_resolver *r, const struct sema_point *point,
				  const struct sema_site *site, struct expr *target, bool probing)
{
	(void)point;
	if (site && site->n_args && strcmp(target->target.name, "$arg1") == 0) {
		target->target.operand = site->args;
		target->type = TYPE_LONG;
		return target;
	}
	if (site && strcmp(target->target.name, "$text") == 0) {
		target->kind = EXPR_STRING;
		target->string.text = "text";
		target->string.length = 4;
		return target;
	}
	if (!probing)
		diag_add(r->diags, DIAG_VARIABLE_UNKNOWN, target->token, "no variable '%s'",
			 target->target.name);
	return NULL;
}

static const struct sema_provider fake_provider = {
	.root = "fake",
	.resolve = fake_resolve,
	.types = fake_types,
	.variable = fake_variable,
};

static const char *const edge_types[] = { "begin", "begin(number)", NULL };
static const char *const end_types[] = { "end", NULL };
static const char *const timer_types[] = { "timer.s(number)", "timer.s(number).randomize(number)",
					   "timer.ms(number)", NULL };

static bool edge_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point;

	if (!sema_point_match(r, p, edge_types))
		return false;
	point = sema_point_add(r, EVENT_BEGIN, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->type = "begin_end";
	return !p->components.p[0].has_argument || sema_number_argument(r, p, 0, &point->sequence);
}

static bool end_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	return sema_point_match(r, p, end_types) &&
	       sema_point_add(r, EVENT_END, CONTEXT_TOOL, "end");
}

static bool timer_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	return sema_point_match(r, p, timer_types) &&
	       sema_point_add(r, EVENT_TIMER, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
}

static const struct sema_provider begin_provider = { .root = "begin",
						     .resolve = edge_resolve,
						     .types = edge_types };
static const struct sema_provider end_provider = { .root = "end",
						   .resolve = end_resolve,
						   .types = end_types };
static const struct sema_provider timer_provider = { .root = "timer",
						     .resolve = timer_resolve,
						     .types = timer_types };
static const struct sema_provider *const providers[] = { &fake_provider, &begin_provider,
							 &end_provider, &timer_provider, NULL };

static const char library_text[] =
	"probe once += begin { exit() }\n"
	"probe both = begin, end { where = 1 }\n"
	"probe loop_a = loop_b { } probe loop_b = loop_a { }\n"
	"probe part.one = fake.site(\"one\") { value = $arg1 }\n"
	"probe part.two = fake.event\n { }\n"
	"probe wrapped = begin { println(\"in\") }, { println(\"out\") }\n"
	"global __shared = 7\n"
	"private global hidden\n"
	"function twice:long(x:long) { return x * 2 }\n"
	"function pick(x:long) { return \"library\" }\n"
	"function keep(x) { hidden = x; return hidden }\n"
	"function first_arg:long() { return @defined($arg1) ? $arg1 : -1 }\n"
	"probe begin(-5) { if (__shared == 0) println(\"prepared\") }\n";

void world_open(struct world *w)
{
	struct source *source;

	memset(w, 0, sizeof *w);
	w->arena = arena_create();
	w->sources = source_set_create(w->arena);
	diag_list_init(&w->diags, w->arena);
	w->conditions = (struct lang_conditions){ "6.1",     "6.1",     "5.5", "x86_64",
						  "dyninst", "stapusr", false };
	w->macros = lang_macros_create(w->arena);
	w->lang = (struct lang_options){ .arena = w->arena,
					 .names = intern_create(w->arena),
					 .sources = w->sources,
					 .diags = &w->diags,
					 .library_macros = w->macros,
					 .conditions = &w->conditions,
					 .argc_used = &w->argc_used };
	source = source_from_text(w->sources, "library.stp", library_text, strlen(library_text));
	source->is_library = true;
	w->library = lang_parse(&w->lang, source);
	w->options = (struct sema_options){ .arena = w->arena,
					    .names = w->lang.names,
					    .sources = w->sources,
					    .diags = &w->diags,
					    .providers = providers,
					    .library = &w->library,
					    .n_library = 1,
					    .lang = &w->lang,
					    .global_display = true };
}

uint32_t world_check(struct world *w, const char *script)
{
	struct source *source = source_from_text(w->sources, "<input>", script, strlen(script));
	struct lang_file *file = lang_parse(&w->lang, source);

	if (!w->diags.errors)
		w->program = sema_check(&w->options, &file, 1);
	return w->diags.errors;
}

void world_list(struct world *w, const char *point)
{
	struct source *source = source_from_text(w->sources, "<input>", point, strlen(point));
	struct probe_point *p = lang_parse_point(&w->lang, source);

	w->options.listing = true;
	w->program = sema_list(&w->options, p);
}

void world_close(struct world *w)
{
	arena_destroy(w->arena);
}

bool world_said(const struct world *w, enum diag_tag tag)
{
	vec_each(d, &w->diags.list)
		if (d->tag == tag)
			return true;
	return false;
}

const char *world_messages(struct world *w)
{
	struct buf b;

	buf_init(&b, w->arena);
	vec_each(d, &w->diags.list)
		buf_addf(&b, "[%s] %s\n", diag_tag_name(d->tag), d->text);
	return buf_str(&b);
}

const char *world_print(struct world *w)
{
	char *text = NULL, *copy;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	sema_print_program(to, w->arena, w->program);
	fclose(to);
	copy = arena_strndup(w->arena, text, n);
	free(text);
	return copy;
}

const char *world_body(struct world *w, uint32_t i)
{
	struct buf b;

	buf_init(&b, w->arena);
	lang_print_stmt(&b, w->program->probes.p[i]->body, 0);
	return buf_str(&b);
}
