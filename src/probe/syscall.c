/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: process.syscall and .syscall.return, and what the library's syscall.* stand on:
 *
 *	__syscall, __syscall.return			every call of every process of the session
 *	__syscall(NUMBER), __syscall(NUMBER).return	one call
 *
 * They have no place in a file: where a process makes system calls is found when it is there
 * (src/ctl/syscalls.c). Arguments and result are in the registers in which the kernel takes and gives them
 * (System V psABI, A.2.1), the number too: in eax before the call; behind it the trampoline
 * puts it into ecx, which the call has destroyed.
 */
#include <string.h>

#include "abi/abi.h"
#include "probe/process.h"
#include "probe/variable.h"

#define ARGUMENTS 6u
#define NUMBER_MOST 1023

static const int8_t registers[ARGUMENTS] = { ABI_RDI, ABI_RSI, ABI_RDX, ABI_R10, ABI_R8, ABI_R9 };

static struct sema_operand in_register(int8_t number, uint8_t size)
{
	return (struct sema_operand){ .kind = OPERAND_REGISTER,
				      .size = size,
				      .is_signed = true,
				      .base = number,
				      .index = -1,
				      .scale = 1,
				      .type = TYPE_LONG };
}

/* Makes a site one of a system call; number -1: of any. */
static void site_fill(struct arena *a, struct sema_site *s, int32_t number, bool at_return)
{
	s->flags = at_return ? SITE_SYSCALL_RETURN : SITE_SYSCALL;
	s->syscall = number;
	s->mark = "syscall";
	s->n_args = ARGUMENTS;
	s->args = arena_array(a, struct sema_operand, ARGUMENTS);
	s->arg_text = arena_array(a, const char *, ARGUMENTS);
	for (uint32_t i = 0; i < ARGUMENTS; i++) {
		s->args[i] = in_register(registers[i], 8);
		s->arg_text[i] = "";
	}
	s->variables = at_return ? " $syscall:long $return:long $arg1:long $arg2:long $arg3:long $arg4:long "
				   "$arg5:long $arg6:long" :
				   " $syscall:long $arg1:long $arg2:long $arg3:long $arg4:long $arg5:long "
				   "$arg6:long";
}

bool process_syscall_resolve(struct process_query *q, const struct process_module *m)
{
	bool at_return = q->point->components.n > q->tail + 1;
	struct sema_site *s =
		process_site_add(q, m, 0, at_return ? ".syscall.return" : ".syscall");

	site_fill(q->resolver->arena, s, -1, at_return);
	if (!q->point->components.p[0].has_argument)
		s->module = ""; /* whatever the target's tree runs */
	q->type = "utrace_syscall";
	return true;
}

/* ---- variables --------------------------------------------------------------------------- */

static struct expr *register_expr(struct sema_resolver *r, const struct expr *target, int8_t number,
				  uint8_t size)
{
	struct expr *e = lang_expr_new(r->arena, EXPR_TARGET, target->span);
	struct sema_operand o = in_register(number, size);

	e->token = target->token;
	e->type = TYPE_LONG;
	e->target.name = target->target.name;
	e->target.operand = arena_dup(r->arena, &o, sizeof o);
	return e;
}

struct expr *process_syscall_variable(struct sema_resolver *r, const struct sema_site *site,
				      struct expr *target, bool probing)
{
	bool at_return = site->flags & SITE_SYSCALL_RETURN;
	const char *name = target->target.name;

	if (target->target.n_components || target->target.pretty || target->target.address_of || r->store)
		return process_mark_variable(r, site, target, probing);
	if (strcmp(name, "$syscall") == 0 && site->syscall >= 0)
		return probe_expr_number(r, target, site->syscall);
	if (strcmp(name, "$syscall") == 0)
		return register_expr(r, target, at_return ? ABI_RCX : ABI_RAX, 4);
	if (strcmp(name, "$return") == 0 && at_return)
		return register_expr(r, target, ABI_RAX, 8);
	return process_mark_variable(r, site, target, probing);
}

/* ---- what the library's aliases stand on --------------------------------------------------- */

static const char *const types[] = { "__syscall", "__syscall.return", "__syscall(number)",
				     "__syscall(number).return", NULL };

static bool number_of(struct sema_resolver *r, const struct probe_point *p, int64_t *number)
{
	*number = -1;
	if (!p->components.p[0].has_argument)
		return true;
	if (!sema_number_argument(r, p, 0, number))
		return false;
	if (*number >= 0 && *number <= NUMBER_MOST)
		return true;
	if (!r->quiet)
		diag_add(r->diags, DIAG_PROBE_POINT, p->components.p[0].span, "no system call has this number");
	return false;
}

static bool syscall_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	struct sema_point *point;
	struct sema_site *s;
	int64_t number;

	if (!sema_point_match(r, p, types) || !number_of(r, p, &number))
		return false;
	if (!r->options->has_target && !r->options->listing) {
		if (!r->quiet)
			diag_add(r->diags, DIAG_PROBE_TARGET, p->components.p[0].span,
				 "system calls are probed in a process and what it starts: give -c COMMAND or -x PID");
		return false;
	}
	point = sema_point_add(r, EVENT_SITE, CONTEXT_TARGET, lang_point_text(r->arena, p, false));
	point->type = "utrace_syscall";
	s = arena_new(r->arena, struct sema_site);
	s->module = "";
	s->point = s->listed = point->point;
	site_fill(r->arena, s, (int32_t)number, p->components.n > 1);
	s->variables = "";
	vec_push(r->arena, &point->sites, s);
	return true;
}

static struct expr *syscall_variable(struct sema_resolver *r, const struct sema_point *point,
				     const struct sema_site *site, struct expr *target, bool probing)
{
	if (site && target->kind == EXPR_TARGET)
		return process_syscall_variable(r, site, target, probing);
	return probe_variable(r, point, NULL, target, probing);
}

extern const struct sema_provider probe_syscall_provider;
const struct sema_provider probe_syscall_provider = {
	.root = "__syscall",
	.resolve = syscall_resolve,
	.types = types,
	.variable = syscall_variable,
};
