/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .callee("pattern"), .callees and .callees(N): functions that a function calls.
 *
 * Inlined callees are code of the caller. Others are probed at their own first instruction; whether
 * it was this caller is seen from the return address, which lies on the stack there (and, for
 * .return, is looked at then).
 */
#include <string.h>

#include "probe/function.h"

/* Levels of .callees(N): each may multiply the functions. */
#define LEVEL_LIMIT 8u

struct callee_walk {
	struct function_search *search;
	uint32_t level;
	const char *path; /* `.function("a").callee("b")` so far */
};

bool process_callees_read(struct function_search *s, const struct point_component *c)
{
	s->callees = "*";
	s->levels = 1;
	if (strcmp(c->name, "callee") == 0) {
		s->callees = c->argument->string.text;
		s->suffix = strcmp(s->suffix, ".callee") == 0 ? "" : s->suffix;
		return true;
	}
	s->suffix = "";
	if (!c->has_argument)
		return true;
	if (c->argument->number.value < 1) {
		process_error(s->query, DIAG_PROBE_POINT, c->span,
			      ".callees(N) only acceptable for N >= 1");
		return false;
	}
	s->levels = (uint32_t)base_min(c->argument->number.value, (int64_t)LEVEL_LIMIT);
	return true;
}

static bool wanted_callee(const struct function_search *s, const struct elf_function *f)
{
	if (f->is_inlined && (s->call_only || s->at_return))
		return false;
	return base_glob(s->callees, f->name) || (*f->linkage && base_glob(s->callees, f->linkage));
}

/* ---- the caller ------------------------------------------------------------------------------- */

static struct expr *operand_new(struct arena *a, struct span at, struct sema_operand o)
{
	struct expr *e = lang_expr_new(a, EXPR_TARGET, at);

	o.size = 8;
	o.scale = 1;
	o.index = -1;
	o.type = e->type = TYPE_LONG;
	e->target.name = "$caller";
	e->target.operand = arena_dup(a, &o, sizeof o);
	return e;
}

static struct expr *binary_new(struct arena *a, struct span at, enum lang_op op, struct expr *left,
			       struct expr *right)
{
	struct expr *e = lang_expr_new(a, EXPR_BINARY, at);

	e->binary.op = op;
	e->binary.left = left;
	e->binary.right = right;
	e->type = TYPE_LONG;
	return e;
}

static struct expr *bound_compare(struct arena *a, struct span at, enum lang_op op, uint64_t bound)
{
	return binary_new(a, at, op,
		operand_new(a, at, (struct sema_operand){ .kind = OPERAND_MEMORY, .base = ABI_RSP }),
		operand_new(a, at, (struct sema_operand){ .kind = OPERAND_ADDRESS, .base = -1,
			.module_relative = true, .displacement = (int64_t)bound }));
}

/* At a function's first instruction its return address is on top of the stack. */
static void caller_guard(struct function_search *s, struct sema_site *site, uint64_t start,
			 uint64_t end)
{
	struct arena *a = s->query->resolver->arena;
	struct span at = s->query->point->components.p[s->query->tail].span;

	site->guard = binary_new(a, at, OP_LOGICAL_AND, bound_compare(a, at, OP_GT, start),
				 bound_compare(a, at, OP_LE, end));
	site->guard_text = arena_printf(a, "from %llx to %llx", (unsigned long long)start,
					(unsigned long long)end);
}

/* ---- sites ------------------------------------------------------------------------------------ */

static void callee_site(const struct callee_walk *w, const struct elf_function *f,
			const struct elf_code *c, const char *tail)
{
	struct function_search *s = w->search;
	struct sema_site *site = process_code_site(s, c, c->address, f->name, tail);
	uint64_t start, end;
	const char *name;

	if (f->is_inlined)
		return;
	site->flags = s->at_return ? SITE_RETURN : SITE_ENTRY;
	if (elf_function_at(s->module->file, s->caller->address, &name, &start, &end))
		caller_guard(s, site, start, end);
}

static bool callee_hook(void *user, const struct elf_function *f, const struct elf_code *c)
{
	const struct callee_walk *w = user;
	struct function_search *s = w->search;
	struct arena *a = s->query->resolver->arena;
	const struct elf_code *caller = s->caller;
	struct callee_walk deeper = { s, w->level + 1, NULL };
	const char *tail;

	if (!wanted_callee(s, f))
		return true;
	deeper.path = arena_printf(a, "%s.callee(%s)", w->path,
				   process_place_text(a, f->name, f->file, f->line));
	tail = arena_printf(a, "%s%s", deeper.path, s->suffix);
	callee_site(w, arena_dup(a, f, sizeof *f), c, tail);
	if (deeper.level < s->levels) {
		s->caller = c;
		elf_each_callee(s->module->file, c, callee_hook, &deeper);
		s->caller = caller;
	}
	return true;
}

bool process_callees_hook(void *user, const struct elf_code *c)
{
	struct function_search *s = user;
	struct arena *a = s->query->resolver->arena;
	const struct elf_function *f = c->function;
	struct callee_walk w = { s, 0, arena_printf(a, ".function(%s)",
		process_place_text(a, s->shown, f->file, f->line)) };

	s->caller = c;
	elf_each_callee(s->module->file, c, callee_hook, &w);
	return true;
}
