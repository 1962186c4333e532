/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of the target, for the files of this folder: from what a script
 * writes ($p->next->name, @cast(e, "t")->m) to an expression that computes it.
 *
 *	variable.c   what is meant: names, @var, @cast, @enum ...; writes
 *	access.c     one step after the other: ->member, [index], dereferences
 *	value.c      trees of elf to expressions of the script language
 *	pretty.c     $x$, $x$$, $$vars
 */
#ifndef SPILE_PROBE_VARIABLE_H
#define SPILE_PROBE_VARIABLE_H

#include "probe/probe.h"

/*
 * A thing of the target on the way: its type and where it is.  Its place is
 * elf's location until a part of the script's own comes in (an index, the
 * operand of @cast); from then on it is an address that is an expression.
 */
struct access {
	struct sema_resolver *resolver;
	const struct expr *written; /* for messages and positions */
	bool probing;
	struct elf_file *file;
	const struct elf_type *type; /* NULL: void */
	struct elf_location where;
	uint64_t bit; /* in `where`, or from `address` */
	uint32_t bit_size; /* of a bit-field, else 0 */
	struct expr *address; /* not NULL: instead of where */
	struct expr *value; /* not NULL: what it is, without a place */
	struct span at; /* the last step, for messages */
};

/* ---- value.c */
struct expr *probe_expr_number(struct sema_resolver *r, const struct expr *like, int64_t value);
struct expr *probe_expr_string(struct sema_resolver *r, const struct expr *like, const char *text);
struct expr *probe_expr_binary(struct sema_resolver *r, const struct expr *like, enum lang_op op,
			       struct expr *left, struct expr *right);
/* A call of a native function with n arguments (struct expr *). */
struct expr *probe_expr_call(struct sema_resolver *r, const struct expr *like, const char *name,
			     uint32_t n, ...);
/* sprintf: text, then one conversion; format: both as a script would write them. */
struct expr *probe_expr_sprint(struct sema_resolver *r, const struct expr *like, const char *text,
			       const char *format, char conversion, char flag, struct expr *value);
struct expr *probe_expr_node(struct sema_resolver *r, const struct expr *like,
			     const struct elf_node *n);
struct expr *probe_expr_load(struct sema_resolver *r, const struct expr *like, struct expr *address,
			     uint32_t size, bool is_signed);

/* ---- access.c: false after a diagnostic (none when probing) */
bool probe_access_walk(struct access *a, const struct target_component *components, uint32_t n);
/* What a pointer or reference points to. */
bool probe_access_follow(struct access *a);
/* Goes to a member that is known. */
bool probe_access_member(struct access *a, const struct elf_member *m);
/* bits of the thing as a number; NULL after a diagnostic. */
struct expr *probe_access_read(struct access *a, uint32_t bits, bool is_signed);
/* The thing's value as scripts see it; NULL after a diagnostic. */
struct expr *probe_access_value(struct access *a);
struct expr *probe_access_address(struct access *a);
/* What computes `value` and writes it there; NULL after a diagnostic. */
struct expr *probe_access_store(struct access *a, struct expr *value);
/* A diagnostic unless probing; false. */
bool probe_access_refuse(const struct access *a, enum diag_tag tag, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
const char *probe_type_text(const struct elf_type *t);

/* ---- header.c */
/* "<a.h>" or "<a.h><b.h>", compiled by cc for its types; NULL when that fails. */
struct elf_file *probe_header_open(struct sema_resolver *r, const char *headers);

/* ---- pretty.c */
/* level 1 for $, 2 for $$ */
struct expr *probe_pretty(struct access *a, uint32_t level);
enum probe_summary { SUMMARY_VARS, SUMMARY_PARMS, SUMMARY_LOCALS };
/* "a=0x1 b={...}"; level 0, or pretty-printed */
struct expr *probe_summary(struct access *a, struct elf_scope *scope, enum probe_summary which,
			   uint32_t level);

/* ---- variable.c: as sema_provider.variable, for sites and, where site is NULL, elsewhere */
struct expr *probe_variable(struct sema_resolver *r, const struct sema_point *point,
			    const struct sema_site *site, struct expr *target, bool probing);
/* perf.c: @perf("name"), a counter's value in the thread of the hit. */
struct expr *probe_counter_value(struct sema_resolver *r, const struct sema_site *site,
				 struct expr *target, bool probing);
/* A mark's argument whose type is that of the type "<mark>_arg<n>", if the module has one. */
const struct elf_type *probe_mark_type(struct sema_resolver *r, const struct sema_site *site, uint32_t n);
/* What is written behind `value`, which has the type: ->m, [i], $. */
struct expr *probe_typed_value(struct sema_resolver *r, const struct sema_site *site,
			       const struct elf_type *t, struct expr *value, struct expr *target,
			       bool probing);
/*
 * The variables of a site as -L shows them: " $p:struct s* $arr:int[]"; "" without debug
 * information.
 */
const char *probe_variables_text(struct arena *a, struct elf_file *f, const struct sema_site *site);

#endif
