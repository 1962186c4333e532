/* SPDX-License-Identifier: Apache-2.0 */
/* process.mark("name"), .provider("p").mark("name"): SDT markers, their arguments and names. */
#include <stdlib.h>
#include <string.h>

#include "probe/process.h"
#include "probe/variable.h"

/* ---- sites ------------------------------------------------------------------------------- */

/* A dash stands for two underscores, as in DTrace; those in [a-z] stay. */
static const char *dashes_replace(struct arena *a, const char *pattern)
{
	bool in_set = false;
	struct buf b;

	buf_init(&b, a);
	for (const char *p = pattern; *p; p++) {
		if (*p == '[')
			in_set = true;
		else if (*p == ']')
			in_set = false;
		if (*p == '-' && !in_set)
			buf_adds(&b, "__");
		else
			buf_addc(&b, *p);
	}
	return buf_str(&b);
}

/* The value of a constant as its size shows it: 1@$-1 is 255, -1@$-1 is -1. */
static int64_t constant_cut(int64_t value, unsigned size, bool is_signed)
{
	unsigned shift = 64 - 8 * size;

	if (is_signed)
		return (int64_t)((uint64_t)value << shift) >> shift;
	return (int64_t)((uint64_t)value << shift >> shift);
}

static struct sema_operand operand_from(const struct elf_operand *o)
{
	static const enum operand_kind kinds[] = {
		[ELF_OPERAND_CONSTANT] = OPERAND_CONSTANT,
		[ELF_OPERAND_REGISTER] = OPERAND_REGISTER,
		[ELF_OPERAND_MEMORY] = OPERAND_MEMORY,
		[ELF_OPERAND_ADDRESS] = OPERAND_ADDRESS,
	};
	unsigned size = o->size ? (unsigned)abs(o->size) : 8;
	struct sema_operand to = {
		.kind = kinds[o->kind],
		.is_signed = o->size < 0,
		.base = o->base,
		.index = o->index,
		.scale = o->scale,
		.shift = o->shift,
		.module_relative = o->module_relative,
		.displacement = o->displacement,
		.type = TYPE_LONG,
	};

	if (!o->valid)
		return to;
	if (o->kind == ELF_OPERAND_REGISTER)
		size = base_min(size, (unsigned)o->register_size);
	if (o->kind == ELF_OPERAND_CONSTANT)
		to.displacement = constant_cut(o->displacement, size, to.is_signed);
	to.size = (uint8_t)size;
	return to;
}

static void arguments_add(struct arena *a, struct sema_site *s, const struct elf_mark *m)
{
	s->args = arena_array(a, struct sema_operand, m->n_args);
	s->arg_text = arena_array(a, const char *, m->n_args);
	s->n_args = m->n_args;
	for (uint32_t i = 0; i < m->n_args; i++) {
		s->args[i] = operand_from(&m->args[i]);
		s->arg_text[i] = m->args[i].text;
	}
}

static void site_add(struct process_query *q, const struct process_module *m,
		     const struct elf_mark *mark, bool with_provider)
{
	struct arena *a = q->resolver->arena;
	const char *provider = "", *name = lang_quote(a, mark->name, (uint32_t)strlen(mark->name));
	struct sema_site *s;

	if (with_provider)
		provider = arena_printf(
			a, ".provider(%s)",
			lang_quote(a, mark->provider, (uint32_t)strlen(mark->provider)));
	s = process_site_add(q, m, mark->address, arena_printf(a, "%s.mark(%s)", provider, name));
	if (!elf_function_at(m->file, mark->address, &s->function, &s->function_start,
			     &s->function_end))
		s->function_start = s->function_end = 0;
	s->semaphore = mark->semaphore;
	s->flags = SITE_MARK;
	s->mark = mark->name;
	s->provider = mark->provider;
	arguments_add(a, s, mark);
}

bool process_mark_resolve(struct process_query *q, const struct process_module *m)
{
	struct arena *a = q->resolver->arena;
	bool with_provider = strcmp(q->point->components.p[q->tail].name, "provider") == 0;
	const char *provider = with_provider ? dashes_replace(a, process_text(q, q->tail)) : "*";
	const char *name = dashes_replace(a, process_text(q, q->tail + with_provider));
	const struct elf_mark *marks;
	uint32_t n;

	q->wanted = (struct process_wanted){ name, "mark", "marks" };
	marks = elf_marks(m->file, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (!base_glob(provider, marks[i].provider))
			continue;
		if (base_glob(name, marks[i].name))
			site_add(q, m, &marks[i], with_provider);
		else
			vec_push(a, &q->near, marks[i].name);
	}
	return true;
}

/* ---- variables --------------------------------------------------------------------------- */

/* "$arg12" is 12; 0 if it is another name. */
static uint32_t argument_number(const char *name)
{
	char *end;
	unsigned long n;

	if (strncmp(name, "$arg", 4) != 0 || name[4] < '1' || name[4] > '9')
		return 0;
	n = strtoul(name + 4, &end, 10);
	return *end || n > 1000 ? 0 : (uint32_t)n;
}

static struct expr *operand_expr(struct sema_resolver *r, const struct expr *target,
				 const char *name, const struct sema_operand *operand)
{
	struct expr *e = lang_expr_new(r->arena, EXPR_TARGET, target->span);

	e->token = target->token;
	e->type = operand->type;
	e->target.name = name;
	e->target.operand = arena_dup(r->arena, operand, sizeof *operand);
	return e;
}

static struct expr *name_expr(struct sema_resolver *r, const struct expr *target,
			      enum operand_kind kind)
{
	struct sema_operand o = { .kind = kind, .size = 8, .base = -1, .index = -1, .scale = 1,
				  .type = TYPE_STRING };

	return operand_expr(r, target, target->target.name, &o);
}

static const char *argument_name(struct sema_resolver *r, uint32_t i)
{
	const char *text = arena_printf(r->arena, "$arg%u", i + 1);

	return intern(r->names, text, strlen(text));
}

static struct format_part literal_part(const char *text)
{
	return (struct format_part){ .text = text, .text_length = (uint32_t)strlen(text) };
}

/* sprintf("$arg1=%#x $arg2=%#x", $arg1, $arg2); an argument that is not understood is "=?". */
static struct expr *summary_expr(struct sema_resolver *r, const struct sema_site *site,
				 struct expr *target)
{
	struct expr *e = lang_expr_new(r->arena, EXPR_PRINT, target->span);
	struct arena *a = r->arena;
	struct buf format;
	VEC(struct format_part) parts = { 0 };

	buf_init(&format, a);
	for (uint32_t i = 0; i < site->n_args; i++) {
		const char *name = argument_name(r, i);
		bool known = site->args[i].size;
		const char *text = arena_printf(a, "%s%s=%s", i ? " " : "", name, known ? "" : "?");

		buf_addf(&format, "%s%s", text, known ? "%#x" : "");
		vec_push(a, &parts, literal_part(text));
		if (!known)
			continue;
		vec_push(a, &parts, (struct format_part){ .conversion = 'x', .flag = '#' });
		vec_push(a, &e->print.args.list, operand_expr(r, target, name, &site->args[i]));
	}
	e->token = target->token;
	e->type = TYPE_STRING;
	e->print.print = PRINT_PRINTF;
	e->print.to_string = true;
	e->print.parts = parts.p;
	e->print.n_parts = parts.n;
	e->print.format = buf_str(&format);
	return e;
}

static void unknown(struct sema_resolver *r, const struct sema_site *site,
		    const struct expr *target)
{
	struct buf b;

	buf_init(&b, r->arena);
	for (uint32_t i = 0; i < site->n_args; i++)
		buf_addf(&b, " $arg%u", i + 1);
	diag_add(r->diags, DIAG_VARIABLE_UNKNOWN, target->token,
		 "unable to find '%s' in mark '%s' (alternatives:%s $$name $$provider $$vars "
		 "$$parms)",
		 target->target.name, site->mark, buf_str(&b));
}

/* Why an existing argument cannot be used as written; NULL when it can. */
static const char *refusal(struct arena *a, const struct sema_site *site, const struct expr *target,
			   uint32_t i)
{
	if (target->target.address_of)
		return "cannot take address of sdt variable";
	if (!site->args[i].size)
		return arena_printf(a, "cannot parse SDT_V3 operand '%s' of '%s' [man error::sdt]",
				    site->arg_text[i], target->target.name);
	return NULL;
}

/* ->m, [i] and $ need the argument's type: that of "<mark>_arg<n>" in the module. */
static struct expr *typed_argument(struct sema_resolver *r, const struct sema_site *site,
				   struct expr *target, uint32_t i, bool probing)
{
	const struct elf_type *t = probe_mark_type(r, site, i + 1);
	struct expr *value = operand_expr(r, target, target->target.name, &site->args[i]);

	if (t)
		return probe_typed_value(r, site, t, value, target, probing);
	if (!probing)
		diag_add(r->diags, DIAG_VARIABLE_CONTEXT, target->token,
			 "the type of '%s' of mark '%s' is not known: the module has no type '%s_arg%u'",
			 target->target.name, site->mark, site->mark, i + 1);
	return NULL;
}

static struct expr *argument_variable(struct sema_resolver *r, const struct sema_site *site,
				      struct expr *target, uint32_t i, bool probing)
{
	const char *why = refusal(r->arena, site, target, i);

	if (!why && (target->target.n_components || target->target.pretty))
		return typed_argument(r, site, target, i, probing);
	if (!why)
		return operand_expr(r, target, target->target.name, &site->args[i]);
	if (!probing)
		diag_add(r->diags, DIAG_VARIABLE_CONTEXT, target->token, "%s", why);
	return NULL;
}

struct expr *process_mark_variable(struct sema_resolver *r, const struct sema_site *site,
				   struct expr *target, bool probing)
{
	const char *name = target->target.name;
	uint32_t n = argument_number(name);

	if (n && n <= site->n_args)
		return argument_variable(r, site, target, n - 1, probing);
	if (!target->target.n_components && !target->target.pretty && !target->target.address_of) {
		if (strcmp(name, "$$name") == 0)
			return name_expr(r, target, OPERAND_SITE_NAME);
		if (strcmp(name, "$$provider") == 0)
			return name_expr(r, target, OPERAND_SITE_PROVIDER);
		if (strcmp(name, "$$vars") == 0 || strcmp(name, "$$parms") == 0)
			return site->n_args ? summary_expr(r, site, target)
					    : process_empty_text(r, target);
		if (strcmp(name, "$$locals") == 0)
			return process_empty_text(r, target);
	}
	if (!probing)
		unknown(r, site, target);
	return NULL;
}
