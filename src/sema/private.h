/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of sema share: one run of the checker.
 *
 * The run, in order, each step requiring that the one before found no error:
 *
 *	index.c    every declaration, by name
 *	points.c   probe points -> leaves: an event or sites, and the aliases that led there
 *	derive.c   leaves -> probes: bodies composed, target variables resolved (target.c),
 *	           constants folded (fold.c)
 *	bind.c     names -> variables and functions; a call pulls its function in (call.c)
 *	elide.c    what has no effect is dropped
 *	infer.c    types, to a fixpoint
 *	rules.c    what types do not say: statistics, foreach, conditions
 *	display.c  globals that are written only are shown at the end
 */
#ifndef SPILE_SEMA_PRIVATE_H
#define SPILE_SEMA_PRIVATE_H

#include "sema/sema.h"

typedef VEC(struct function_decl *) sema_function_decls;
typedef VEC(struct lang_variable *) sema_globals;

/* All declarations of one name; user files come before the library. */
struct sema_entry {
	sema_function_decls functions;
	sema_globals globals;
};

/* One alias under one of its names. */
struct sema_alias {
	struct probe_decl *decl;
	struct probe_point *name;
};

/* A declaration of probes and the point of it that is being expanded. */
struct sema_level {
	const struct sema_level *outer; /* who named this alias; NULL: the script itself */
	struct probe_decl *decl;
	const struct probe_point *point; /* of decl, as written */
	const char *name;                /* the same with wildcards in names resolved */
};

/* Where an expansion ended. */
struct sema_leaf {
	struct sema_point *point;
	const struct sema_level *level; /* innermost */
	const struct sema_provider *provider;
};

struct sema_place;
struct sema {
	const struct sema_options *options;
	struct arena *arena;
	struct intern *names;
	struct diag_list *diags;
	struct diag_list muted; /* takes what is said while `quiet` */
	uint32_t quiet;         /* > 0: failures are expected */
	struct map *said;       /* diagnostics so far, so that clones do not repeat them */
	struct sema_program *program;
	struct map *entries; /* name -> struct sema_entry */
	VEC(struct sema_alias) aliases;
	struct map *alias_heads; /* first name of an alias -> itself */
	struct map *files_used;  /* library files whose probes are in */
	VEC(struct sema_leaf) leaves;
	struct map *instances;  /* function_decl and probe, if it matters -> struct sema_function */
	struct map *natives;    /* sema_builtin -> the declaration that stands for it behind a user's */
	struct map *contextual; /* function_decl -> yes/no marker */
	const struct sema_place *place; /* of the probe that is being derived */
	bool arguments_made;
	/* the last text of a probe without aliases */
	const struct probe_decl *derived;
	const char *derivation;
	uint32_t n_embedded; /* pieces of embedded C so far */
};

/* ---- embedded.c: calls in the place of embedded C */
struct stmt *sema_embedded_body(struct sema *s, const struct sema_function *f);
struct expr *sema_embedded_expr(struct sema *s, const struct expr *from, const struct lang_file *file);
void sema_embedded_stmt(struct sema *s, struct stmt *t, const struct lang_file *file); /* in place */
struct expr *sema_embedded_const(struct sema *s, const struct expr *from);
bool sema_embedded_says_next(const struct function_decl *d);
/* What a file says in C outside of functions. */
void sema_embedded_add_file(struct sema *s, const struct lang_file *f);

/* ---- sema.c: messages */
/* Adds ": identifier 'x'" for the token at `at`. NULL when muted or said before. */
struct diag *sema_error(struct sema *s, enum diag_tag tag, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
/* Only about user files. */
/* With a description of the token that is not what stands at `at`. */
void sema_error_named(struct sema *s, enum diag_tag tag, struct span at, const char *token,
		      const char *fmt, ...) BASE_PRINTF(5, 6);
void sema_warn(struct sema *s, enum diag_tag tag, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
void sema_note(struct sema *s, struct diag *d, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
/* "identifier 'x'"; "" for no place */
const char *sema_token_text(struct arena *a, const struct source_set *sources, struct span at);
/* " (similar: a, b)" or "". */
const char *sema_similar(struct arena *a, const char *want, const char *const *names, uint32_t n);
/* The message for a probe point that ends before these. */
const char *sema_truncated(struct arena *a, const char *const *names, uint32_t n);
bool sema_is_library(const struct sema *s, struct span at);

/* ---- index.c */
void sema_index_add(struct sema *s, struct lang_file *f);
/* The functions with n_args that a call in `from` may mean, highest priority first. */
sema_function_decls sema_index_functions(struct sema *s, const char *name, uint32_t n_args,
					 const struct lang_file *from);
/* One of any arity, or NULL. */
struct function_decl *sema_index_any_function(struct sema *s, const char *name,
					      const struct lang_file *from);
struct lang_variable *sema_index_global(struct sema *s, const char *name,
					const struct lang_file *from);
const char *sema_index_similar_global(struct sema *s, const char *name); /* of the user's */
const char *sema_index_similar_function(struct sema *s, const char *name);
/* Takes in the probes of a library file one of whose declarations is used. */
void sema_library_use(struct sema *s, const struct lang_file *f);

/* ---- arguments.c: argc, argv and argv_N come into being when first asked for */
bool sema_arguments_declare(struct sema *s, const char *name);

/* ---- points.c */
void sema_points_expand(struct sema *s, struct probe_decl *d);
bool sema_point_has_wildcard(const struct probe_point *p);
/* Concrete points (arena) for one with wildcards in names. */
typedef VEC(struct probe_point *) sema_point_list;
sema_point_list sema_point_candidates(struct sema *s, const struct probe_point *p);
const char *sema_point_similar(struct sema *s, const char *name);

/* ---- derive.c */
void sema_leaves_derive(struct sema *s);

/* ---- probewrite.c: @probewrite in the body of the alias at l becomes a number */
void sema_probewrite_resolve(struct sema *s, struct stmt **body, const struct sema_level *l);

/* ---- target.c */
/* Where target variables are looked up. */
/* The @entry expressions of one probe. */
struct sema_entries {
	VEC(struct sema_saved {
		struct expr *value;
		struct sema_operand *operand;
		const char *text; /* as printed: equal ones are kept once */
	}) list;
};
struct sema_place {
	struct sema *sema;
	const struct sema_point *point;
	const struct sema_site *site;
	const struct sema_provider *provider;
	struct sema_probe *probe; /* for pn() */
	bool fold; /* all that is constant, not just what depends on @defined */
	struct sema_entries *entries; /* where @entry is allowed, else NULL */
};
/* The entry of the function at whose return `p` is: where @entry is evaluated. */
const struct sema_place *sema_entry_place(const struct sema_place *p);
/* Folds @defined, constants and dead branches, then replaces target variables. */
void sema_targets_resolve(const struct sema_place *p, struct stmt **body,
			  const struct lang_file *file);
/* Asks the provider about a target variable or operator; store: what to write there, or NULL. */
struct expr *sema_target_look_up(const struct sema_place *p, struct expr *e, struct expr *store,
				 bool probing);
/* Text that is equal for sites where everything in `body`, and what it calls, is found alike. */
const char *sema_targets_signature(const struct sema_place *p, struct stmt *body,
				   const struct lang_file *file);
/* Whether a function must be instantiated per probe. */
bool sema_function_is_contextual(struct sema *s, const struct function_decl *d);

/* ---- fold.c */
bool sema_is_number(const struct expr *e, int64_t *value);
/* e with its operands folded already: itself or a literal. */
struct expr *sema_fold(struct arena *a, struct expr *e);

/* ---- bind.c */
/* Globals and calls of a body written in `file`, which is, or is called in, `probe`. */
void sema_names_bind(struct sema *s, struct stmt **body, const struct lang_file *file,
		     struct sema_probe *probe);
void sema_locals_bind(struct sema *s, struct sema_probe *p);
void sema_parameters_bind(struct sema_function *f);
void sema_function_locals_bind(struct sema *s, struct sema_function *f);
void sema_condition_bind(struct sema *s, struct expr **e, const struct lang_file *file);

/* ---- call.c */
/* `probe`: whose body calls (directly or not), for contextual functions. file: of the caller. */
void sema_call_resolve(struct sema *s, struct expr *call, const struct lang_file *file,
		       struct sema_probe *probe);
void sema_recursion_find(struct sema *s);
/* Forgets overloads that no `next` leads to. */
void sema_chains_cut(struct sema *s);

/* ---- effects.c */
bool sema_expr_has_effects(const struct expr *e);
bool sema_stmt_has_effects(const struct stmt *t);
void sema_effects_compute(struct sema *s); /* sema_function.has_effects */
/* Sets is_read, is_written of all variables. */
void sema_uses_compute(struct sema *s);

/* ---- elide.c */
void sema_elide(struct sema *s, bool typed); /* typed: sema_types_infer has been through */
void sema_warn_never_assigned(struct sema *s);
/* Keeps only functions and globals that probes reach; numbers everything. */
void sema_reach(struct sema *s);

/* ---- regular expressions */
/* Before code is dropped: tells whether a match has an effect. */
void sema_regexes_mark(struct sema *s);
/* Compiles those that are left. */
void sema_regexes_compile(struct sema *s);

/* ---- infer.c, infer_expr.c, infer_stmt.c */
struct sema_infer {
	struct sema *sema;
	struct sema_function *function; /* NULL: a probe */
	const struct sema_place *place; /* of the function or probe */
	bool changed, failed, last;     /* last: say what is still unknown */
	bool deleting;                  /* the element asked for next is deleted: it may be a slice */
};
bool sema_types_infer(struct sema *s); /* what can be known; false after contradictions */
bool sema_types_demand(struct sema *s); /* everything must be known by now; false after errors */
void sema_infer_expr(struct sema_infer *i, struct expr *e, enum lang_type want);
void sema_infer_unused(struct sema_infer *i, struct expr *e);
void sema_infer_stmt(struct sema_infer *i, struct stmt *t);
void sema_infer_keys(struct sema_infer *i, struct expr *array, struct expr_list *keys);
/* Gives the variable behind a name a type; its type afterwards. */
enum lang_type sema_infer_symbol(struct sema_infer *i, struct expr *symbol, enum lang_type want);
void sema_infer_scalar(struct sema_infer *i, struct expr *symbol);
bool sema_infer_arity(struct sema_infer *i, struct expr *symbol, int n);
void sema_infer_unresolved(struct sema_infer *i, struct span token);
void sema_infer_mismatch(struct sema_infer *i, const struct expr *e, enum lang_type want,
			 enum lang_type found);

/* ---- rules.c */
void sema_rules_check(struct sema *s);

/* ---- display.c */
void sema_display_add(struct sema *s);

#endif
