/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts through lang and sema, with providers that resolve anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

static bool resolve_tool(struct sema_resolver *r, const struct probe_point *p)
{
	const char *root = p->components.p[0].name;
	enum probe_event event = !strcmp(root, "begin")   ? EVENT_BEGIN
				 : !strcmp(root, "end")   ? EVENT_END
				 : !strcmp(root, "error") ? EVENT_ERROR
				 : !strcmp(root, "never") ? EVENT_NEVER
							  : EVENT_TIMER;

	sema_point_add(r, event, CONTEXT_TOOL, root);
	return true;
}

static bool resolve_process(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point = sema_point_add(r, EVENT_SITE, CONTEXT_TARGET, "process");
	struct sema_site *site = arena_new(r->arena, struct sema_site);

	(void)p;
	site->module = "/bin/x";
	site->address = 0x1000;
	site->mark = "m";
	site->provider = "test";
	vec_push(r->arena, &point->sites, site);
	return true;
}

static const struct {
	const char *name;
	struct sema_operand operand;
} variables[] = {
	{ "$arg1",
	  { OPERAND_REGISTER, .size = 8, .base = ABI_RDI, .index = -1, .type = TYPE_LONG } },
	{ "$arg2",
	  { OPERAND_MEMORY, .size = 4, .is_signed = true, .base = ABI_RSI, .index = -1,
	    .displacement = 4, .type = TYPE_LONG } },
	{ "$arg3",
	  { OPERAND_CONSTANT, .base = -1, .index = -1, .displacement = 42, .type = TYPE_LONG } },
	{ "$arg4",
	  { OPERAND_REGISTER, .size = 1, .is_signed = true, .base = ABI_RDX, .index = -1,
	    .type = TYPE_LONG } },
	{ "$arg5",
	  { OPERAND_MEMORY, .size = 8, .base = ABI_RIP, .index = ABI_RCX, .scale = 8,
	    .module_relative = true, .displacement = 16, .type = TYPE_LONG } },
	{ "$arg6",
	  { OPERAND_REGISTER, .size = 1, .base = ABI_RAX, .index = -1, .shift = 8,
	    .type = TYPE_LONG } },
	{ "$$name", { OPERAND_SITE_NAME, .base = -1, .index = -1, .type = TYPE_STRING } },
	{ "$$provider", { OPERAND_SITE_PROVIDER, .base = -1, .index = -1, .type = TYPE_STRING } },
};

static struct expr *variable(struct sema_resolver *r, const struct sema_point *point,
			     const struct sema_site *site, struct expr *target, bool probing)
{
	(void)point;
	(void)site;
	(void)probing;
	for (size_t i = 0; i < base_count(variables); i++)
		if (!strcmp(target->target.name, variables[i].name)) {
			target->target.operand = arena_dup(r->arena, &variables[i].operand,
							   sizeof variables[i].operand);
			target->type = variables[i].operand.type;
			return target;
		}
	return NULL;
}

static const struct sema_provider providers[] = {
	{ .root = "begin", .resolve = resolve_tool }, { .root = "end", .resolve = resolve_tool },
	{ .root = "error", .resolve = resolve_tool }, { .root = "never", .resolve = resolve_tool },
	{ .root = "timer", .resolve = resolve_tool },
	{ .root = "process", .resolve = resolve_process, .variable = variable },
};

static void check(struct script *s, struct lang_options *lang, const char *text)
{
	const struct sema_provider *list[base_count(providers) + 1] = { 0 };
	struct sema_options o = { .arena = s->arena,
				  .names = lang->names,
				  .sources = s->sources,
				  .diags = &s->diags,
				  .lang = lang,
				  .providers = list,
				  .unoptimized = true };
	struct lang_file *file =
		lang_parse(lang, source_from_text(s->sources, "<input>", text, strlen(text)));

	for (size_t i = 0; i < base_count(providers); i++)
		list[i] = &providers[i];
	if (!s->diags.errors)
		s->program = sema_check(&o, &file, 1);
}

struct script script_lower(const char *text)
{
	static const struct lang_conditions conditions = { "6.1",     "6.1.0",   "5.5", "x86_64",
							   "dyninst", "stapusr", false };
	struct ir_limits limits = { ABI_MAXSTRINGLEN, 2048, NULL };
	struct script s = { .arena = arena_create() };
	struct lang_options lang = { .arena = s.arena,
				     .diags = &s.diags,
				     .conditions = &conditions };

	s.sources = source_set_create(s.arena);
	diag_list_init(&s.diags, s.arena);
	s.diags.suppress_warnings = true;
	lang.names = intern_create(s.arena);
	lang.sources = s.sources;
	limits.sources = s.sources;
	check(&s, &lang, text);
	if (s.diags.errors)
		diag_render(&s.diags, s.sources, stderr, false);
	else
		s.module = ir_lower(s.arena, s.program, &limits);
	return s;
}

void script_free(struct script *s)
{
	arena_destroy(s->arena);
}

char *script_text(struct script *s)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	ir_optimize(s->module);
	ir_print(to, s->module);
	fclose(to);
	return text;
}
