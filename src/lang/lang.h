/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang: from script text to a tree, and the tree back to text.
 *
 * It answers: tokens, macros and %( %) conditions, the tree of one file, the
 * canonical print of a tree (pass 1).  It never looks up a name, a type or a
 * file other than what it is handed.
 *
 * Ownership: trees, names and strings live in lang_options.arena.  Names are
 * interned in lang_options.names: compare with ==.
 *
 *	struct lang_file *f = lang_parse(&options, source);
 *	if (options.diags->errors) ...
 *	lang_print_file(stdout, f);
 *
 * The tree is mutable: sema fills the members marked (sema) and may replace
 * any expression in place.  lang_clone_*() makes deep copies for that.
 */
#ifndef SPILE_LANG_H
#define SPILE_LANG_H

#include "base/base.h"

enum lang_type { TYPE_UNKNOWN, TYPE_LONG, TYPE_STRING, TYPE_STATS };

/* ---- expressions ---------------------------------------------------------- */

struct sema_detail;

enum expr_kind {
	EXPR_NUMBER,
	EXPR_STRING,
	EXPR_SYMBOL, /* name: local, parameter or global */
	EXPR_INDEX, /* a[k, ...] ; also @hist_log(x)[i] */
	EXPR_UNARY, /* + - ! ~ */
	EXPR_BINARY, /* arithmetic, bits, comparison, && ||, . */
	EXPR_TERNARY,
	EXPR_ASSIGN, /* = op= <<< .= */
	EXPR_STEP, /* ++ -- */
	EXPR_IN, /* [k, ...] in a */
	EXPR_REGEX, /* =~ !~ */
	EXPR_CALL,
	EXPR_PRINT, /* the print family */
	EXPR_STAT, /* @count(x) ... @variance */
	EXPR_HIST, /* @hist_log(x), @hist_linear(x, l, h, s) */
	EXPR_TARGET, /* $name and its components; $$vars ... */
	EXPR_OPERATOR, /* @cast @var @entry @defined @perf @const @probewrite @enum ... */
	EXPR_EMBEDDED, /* %{ c %} as a value */
};
#define EXPR_KINDS (EXPR_EMBEDDED + 1)

enum lang_op {
	OP_NONE,
	OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD,
	OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR, OP_USHR,
	OP_CONCAT,
	OP_EQ, OP_NE, OP_LT, OP_GT, OP_LE, OP_GE,
	OP_LOGICAL_AND, OP_LOGICAL_OR,
	OP_NEG, OP_PLUS, OP_NOT, OP_COMPLEMENT,
	OP_ASSIGN, /* plain = */
	OP_AGGREGATE, /* <<< */
};
/* As written, e.g. "+", "&&". */
const char *lang_op_text(enum lang_op op);

enum print_kind { PRINT_PRINT, PRINT_PRINTLN, PRINT_PRINTD, PRINT_PRINTDLN, PRINT_PRINTF, PRINT_CHAR };
enum stat_op { STAT_COUNT, STAT_SUM, STAT_MIN, STAT_MAX, STAT_AVG, STAT_VARIANCE, STAT_NONE };
enum hist_kind { HIST_NONE, HIST_LOG, HIST_LINEAR };

/* ->name, [expr] after a $target or @cast */
struct target_component {
	const char *member; /* NULL: index */
	struct expr *index;
	struct span span;
};

/* One conversion, or one run of literal text, of a format. */
struct format_part {
	char conversion; /* d i u o x X p c s b m M ; 0: literal text */
	const char *text; /* literal, %% and escapes resolved */
	uint32_t text_length;
	char flag; /* 0, '0' '+' '-' ' ' '#' */
	bool has_width, star_width, has_precision, star_precision;
	int32_t width, precision;
};

struct expr_list {
	VEC(struct expr *) list;
};

struct expr {
	enum expr_kind kind;
	struct span span; /* of the whole; for messages `token` is nearer */
	struct span token; /* the token SystemTap would name */
	enum lang_type type; /* (sema) */
	const struct sema_detail *detail; /* (sema) its type in the target's terms, a provider's; or NULL */
	union {
		struct {
			int64_t value;
		} number;
		struct {
			const char *text; /* escapes resolved */
			uint32_t length;
		} string;
		struct {
			const char *name;
			struct lang_variable *variable; /* (sema) */
		} symbol;
		struct {
			struct expr *base; /* SYMBOL or HIST */
			struct expr_list keys; /* a NULL item is `*` (delete and in only) */
		} index;
		struct {
			enum lang_op op;
			struct expr *operand;
		} unary;
		struct {
			enum lang_op op;
			struct expr *left, *right;
		} binary;
		struct {
			struct expr *condition, *yes, *no;
		} ternary;
		struct {
			enum lang_op op; /* OP_ASSIGN, OP_AGGREGATE, or the op of op= */
			struct expr *left, *right;
		} assign;
		struct {
			bool increment, prefix;
			struct expr *operand;
		} step;
		struct {
			struct expr_list keys; /* NULL item is `*` */
			struct expr *array; /* SYMBOL */
		} in;
		struct {
			struct expr *subject;
			const char *pattern;
			uint32_t pattern_length;
			struct span literal; /* its first string */
			bool negate;
			uint32_t regex; /* (sema) index in sema_program.regexes */
			bool is_asked; /* (sema) what it matched is looked at: it has an effect */
		} regex;
		struct {
			const char *name;
			struct expr_list args;
			struct sema_function *function; /* (sema) script function */
			const struct sema_builtin *builtin; /* (sema) native function */
		} call;
		struct {
			enum print_kind print;
			bool to_string; /* sprint... */
			struct expr_list args; /* values only; a HIST may stand alone in print[ln] */
			const char *delimiter; /* printd, printdln */
			uint32_t delimiter_length;
			struct format_part *parts; /* printf only */
			uint32_t n_parts;
			const char *format; /* printf: as written, escapes resolved */
			const char *rescue; /* (sema) the result when an argument fails; NULL: an error */
		} print;
		struct {
			enum stat_op op;
			struct expr *of; /* SYMBOL or INDEX */
			int64_t shift; /* variance */
		} stat;
		struct {
			enum hist_kind hist;
			struct expr *of;
			int64_t low, high, step;
		} hist;
		struct {
			const char *name; /* with its leading $; pretty suffix removed */
			struct target_component *components;
			uint32_t n_components;
			uint8_t pretty; /* 0, 1 for $, 2 for $$ */
			bool address_of;
			struct sema_operand *operand; /* (sema) where the value is found */
		} target;
		struct {
			/*
			 * "@cast", "@var" ... ; or "->": args[0] is an ordinary value
			 * used as a pointer with a type (p->next, f(x)[1], &p->m, p$).
			 */
			const char *name;
			struct expr_list args;
			struct target_component *components;
			uint32_t n_components;
			uint8_t pretty;
			bool address_of;
		} op;
		struct {
			const char *code;
			uint32_t length;
		} embedded;
	};
};

/* ---- statements ------------------------------------------------------------- */

enum stmt_kind {
	STMT_EMPTY, STMT_EXPR, STMT_BLOCK, STMT_IF, STMT_WHILE, STMT_FOR, STMT_FOREACH,
	STMT_RETURN, STMT_DELETE, STMT_BREAK, STMT_CONTINUE, STMT_NEXT, STMT_TRY, STMT_EMBEDDED,
};

struct stmt {
	enum stmt_kind kind;
	struct span span;
	union {
		struct expr *expr; /* EXPR, RETURN (may be NULL), DELETE */
		struct {
			VEC(struct stmt *) list;
		} block;
		struct {
			struct expr *condition;
			struct stmt *yes, *no;
		} if_;
		struct { /* while: init and step NULL */
			struct expr *init, *condition, *step;
			struct stmt *body;
		} loop;
		struct {
			struct expr_list keys; /* SYMBOLs */
			struct expr *value; /* SYMBOL or NULL: v = [k] in a */
			struct expr *array; /* SYMBOL or HIST */
			bool has_slice;
			struct expr_list slice; /* NULL item is `*` */
			enum stat_op sort_op; /* STAT_NONE unless a @op + mark */
			int sort; /* 0 none, 1 ascending, -1 descending */
			int sort_column; /* 0 value, 1.. key number */
			struct expr *limit;
			struct stmt *body;
		} foreach;
		struct {
			struct stmt *body, *handler;
			struct expr *variable; /* SYMBOL or NULL */
		} try_;
		struct {
			const char *code;
			uint32_t length;
		} embedded;
	};
};

/* ---- declarations ------------------------------------------------------------- */

enum variable_kind { VARIABLE_LOCAL, VARIABLE_PARAMETER, VARIABLE_GLOBAL };

/* A named thing that holds values.  lang makes globals and parameters, sema locals. */
struct lang_variable {
	enum variable_kind kind;
	const char *name;
	struct span span;
	enum lang_type type; /* declared, or (sema) */
	bool is_private;
	/* globals */
	bool wraps; /* name% */
	int64_t size; /* declared capacity, 0 none */
	struct expr *init; /* NUMBER or STRING or NULL */
	/* (sema) */
	int arity; /* -1 not yet known, 0 scalar, n keys */
	enum lang_type *key_types;
	uint32_t index; /* in sema_program.globals, or in the owner's locals */
	struct lang_file *file;
	uint32_t stat_ops; /* 1 << enum stat_op that the script reads */
	enum hist_kind hist;
	int64_t hist_low, hist_high, hist_step;
	int64_t variance_shift;
	bool is_read, is_written;
	struct span type_span; /* where the type was first inferred */
	const struct sema_detail *detail; /* as in struct expr */
	bool detail_conflict; /* it was given several: it has none */
	struct span arity_span; /* where the arity was first inferred */
};

struct point_component {
	const char *name; /* may hold wildcards */
	bool has_argument;
	struct expr *argument; /* NUMBER or STRING */
	struct span span;
};

struct probe_point {
	VEC(struct point_component) components;
	bool optional, sufficient;
	struct expr *condition; /* or NULL */
	struct span span;
};

struct probe_decl {
	struct span span;
	bool is_alias, is_epilogue_alias; /* `=`, `+=` */
	VEC(struct probe_point *) names; /* aliases only: what they are called */
	VEC(struct probe_point *) points; /* brace groups already multiplied out */
	struct stmt *body;
	struct stmt *epilogue; /* alias = points {..}, {..} */
	struct lang_file *file;
	bool is_private;
};

struct function_decl {
	const char *name;
	struct span span;
	enum lang_type type; /* declared or UNKNOWN */
	VEC(struct lang_variable *) parameters;
	int64_t priority; /* -1 not given */
	struct stmt *body; /* NULL: embedded */
	const char *embedded;
	uint32_t embedded_length;
	struct span embedded_span; /* of %{ */
	bool is_private;
	struct lang_file *file;
};

struct embedded_decl {
	struct span span;
	const char *code;
	uint32_t length;
};

struct lang_file {
	const struct source *source;
	bool privileged; /* tapset or guru: embedded code allowed */
	VEC(struct probe_decl *) probes, aliases; /* in order of the text */
	VEC(struct lang_variable *) globals;
	VEC(struct function_decl *) functions;
	VEC(struct embedded_decl) embedded;
};

/* ---- parsing --------------------------------------------------------------------- */

/* Macros of .stpm files and of one file; opaque. */
struct lang_macros;
struct lang_macros *lang_macros_create(struct arena *a);

/* What %( %) conditions may ask about. */
struct lang_conditions {
	const char *kernel_v, *kernel_vr; /* uname -r */
	const char *systemtap_v; /* "5.6", the language version spoken */
	const char *arch; /* x86_64 */
	const char *runtime; /* dyninst */
	const char *privilege; /* stapusr */
	bool guru;
};

struct lang_options {
	struct arena *arena;
	struct intern *names;
	struct source_set *sources;
	struct diag_list *diags;
	const struct lang_macros *library_macros; /* or NULL */
	const struct lang_conditions *conditions;
	char **args; /* script arguments $1.. */
	uint32_t n_args;
	bool *args_used; /* [n_args], set where an argument was used; may be NULL */
	bool *argc_used; /* set where $# or @# was used; may be NULL */
	bool privileged;
	/* how deep statements and expressions may nest: as the stack has room, of which a level takes up to 5000 bytes; 0: 1000 */
	uint32_t nesting;
};

/* Recovers at top-level words; what could be parsed is in the file, errors in diags. Never NULL. */
struct lang_file *lang_parse(const struct lang_options *o, const struct source *s);
/* A .stpm file: only @define (and conditions around them) into `into`. */
void lang_parse_macros(const struct lang_options *o, const struct source *s, struct lang_macros *into);
/* One probe point. NULL with a diagnostic. */
struct probe_point *lang_parse_point(const struct lang_options *o, const struct source *s);
/* Probe points with commas between them, as -l takes them: a probe with an empty body. NULL with a diagnostic. */
struct probe_decl *lang_parse_listed(const struct lang_options *o, const struct source *s);

/* ---- printing, cloning, walking ----------------------------------------------------- */

/* Pass 1's output: SystemTap's canonical form. */
void lang_print_file(FILE *to, const struct lang_file *f);
void lang_print_expr(struct buf *to, const struct expr *e);
void lang_print_stmt(struct buf *to, const struct stmt *s, int indent);
/* "process("x").function("y").return", with ? ! and if when asked */
const char *lang_point_text(struct arena *a, const struct probe_point *p, bool with_marks);
const char *lang_type_name(enum lang_type t); /* "long", "string", "stats", "unknown" */
const char *lang_stat_name(enum stat_op op); /* "@count" */
/* "text" with SystemTap's escapes and quotes */
/*
 * Where byte `at` of the text of string literals that follow each other stands, the first of which is at
 * `literal`; all of `literal` if that is no string, but a macro or an argument. Behind the last byte: the closing quote.
 */
struct span lang_text_place(const struct source *s, struct span literal, uint32_t at);
const char *lang_quote(struct arena *a, const char *text, uint32_t length);
/* Whether quoting a text is to put quotes around it. */
bool lang_is_plain(const char *text);

struct expr *lang_expr_new(struct arena *a, enum expr_kind kind, struct span at);
struct stmt *lang_stmt_new(struct arena *a, enum stmt_kind kind, struct span at);
struct expr *lang_clone_expr(struct arena *a, const struct expr *e);
struct stmt *lang_clone_stmt(struct arena *a, const struct stmt *s);

/*
 * Calls back for every expression below (and at) *e, parents first; the hook
 * may replace *e. For statements both hooks are used; either may be NULL.
 */
struct lang_walker {
	void *user;
	/* true: go on below it */
	bool (*expr)(struct lang_walker *w, struct expr **e);
	bool (*stmt)(struct lang_walker *w, struct stmt **s);
	uint32_t depth; /* (lang) levels above the node the hook is called with */
};
void lang_walk_expr(struct lang_walker *w, struct expr **e);
void lang_walk_stmt(struct lang_walker *w, struct stmt **s);

#endif
