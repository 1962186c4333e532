/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sema: from trees to a checked program.
 *
 * It answers: which function, variable, macro, alias a name means; every
 * type; which probes there are after aliases, wildcards and providers had
 * their say.  It never opens an object file: probe points are resolved by the
 * providers it is handed.
 *
 * Ownership: everything lives in sema_options.arena.
 *
 *	struct sema_program *p = sema_check(&options, user_files, n);
 *	if (!options.diags->errors) ... p->probes ...
 */
#ifndef SPILE_SEMA_H
#define SPILE_SEMA_H

#include "base/base.h"
#include "lang/lang.h"

/* ---- where a target variable is found -------------------------------------- */

enum operand_kind {
	OPERAND_CONSTANT, /* displacement */
	OPERAND_REGISTER,
	OPERAND_MEMORY, /* [bias? + base + index * scale + displacement] */
	OPERAND_ADDRESS, /* the same sum, not read */
	OPERAND_SITE_NAME, /* $$name */
	OPERAND_SITE_PROVIDER, /* $$provider */
	OPERAND_VECTOR, /* half of a vector register: base = 2 * number, + 1 the upper half */
	OPERAND_THREAD, /* the thread pointer */
	OPERAND_ENTRY, /* @entry: byte `displacement` of the frame that a return probe inserts */
};
struct sema_operand {
	enum operand_kind kind;
	uint8_t size; /* 1 2 4 8 bytes; of a register: its low bytes */
	bool is_signed;
	int8_t base, index; /* enum abi_register, -1 none; REGISTER: base */
	uint8_t scale; /* 1 2 4 8 */
	uint8_t shift; /* bits: 8 for %ah */
	bool module_relative; /* add the module's load bias */
	int64_t displacement;
	enum lang_type type; /* ENTRY: unknown until inferred */
	const struct sema_detail *detail; /* ENTRY: of the saved value, as in struct expr */
};

/* ---- resolved probe points ------------------------------------------------------ */

enum probe_context {
	CONTEXT_TOOL, /* runs in the tool: begin, end, error, timer, read, write */
	CONTEXT_TARGET, /* runs in a target at an instruction */
};
enum probe_event {
	EVENT_BEGIN,
	EVENT_END,
	EVENT_ERROR,
	EVENT_NEVER,
	EVENT_TIMER,
	EVENT_SITE,
	EVENT_READ, /* of a file of the session */
	EVENT_WRITE, /* the same, written; or a piece of the tool's input */
	EVENT_RECORD, /* the kernel has written a record about a thread; runs in the tool */
	EVENT_LIFE, /* the beginning or end of a process or thread */
};

/* Which records of the kernel's performance events an EVENT_RECORD probe is for. */
enum probe_record {
	RECORD_SAMPLE, /* of the event type.config */
	RECORD_CPU_ON,
	RECORD_CPU_OFF,
	RECORD_FORK,
	RECORD_EXEC,
	RECORD_EXIT,
	RECORD_MIGRATE,
	RECORD_TRACEPOINT,
	RECORD_COUNT
};
struct sema_record {
	enum probe_record kind;
	uint32_t type; /* SAMPLE: as perf_event_open(2) has it */
	uint64_t config;
	uint64_t period; /* events, or with is_frequency samples in a second */
	bool is_frequency;
	const char *process; /* only in processes that run this file; NULL any */
	/* TRACEPOINT: "sched/sched_wakeup pid prio comm": its name, the field that is a thread, others */
	const char *tracepoint;
};
/* Same numbers as ABI_LIFE_. */
enum probe_life { LIFE_NONE, LIFE_PROCESS_BEGIN, LIFE_THREAD_BEGIN, LIFE_THREAD_END, LIFE_PROCESS_END };

#define SITE_ENTRY 1u /* a function's first instruction: flags and red zone dead */
#define SITE_MARK 2u
#define SITE_RETURN 4u /* fires when the function whose first instruction it is returns */
#define SITE_PLT 8u /* mark is the name of the function called */
#define SITE_WATCH 16u /* not code: threads that write or access data there */
#define SITE_ABSOLUTE 32u /* address is the process's */
#define SITE_SYSCALL 64u /* no place: wherever a process makes system calls */
#define SITE_SYSCALL_RETURN 128u

/* One place in one object file. */
struct sema_site {
	const char *module; /* canonical path; SYSCALL: of the program, "" any */
	const char *build_id; /* hex or NULL */
	uint64_t address; /* as in the file's program headers (link-time) */
	uint64_t function_start, function_end; /* link-time, 0 0 unknown */
	uint64_t semaphore; /* link-time address, 0 none */
	uint32_t flags;
	int32_t syscall; /* SYSCALL: its number, -1: any */
	const char *function; /* or NULL */
	const char *mark, *provider; /* or NULL */
	const char *point; /* pp(): process("/usr/bin/x").mark("y") */
	struct sema_operand *args; /* $arg1.. */
	const char **arg_text; /* operand as written, for messages; a bad one has size 0 */
	uint32_t n_args;
	uint64_t debug_entry; /* the DWARF entry whose code it is, in .debug_info; 0: by address */
	/* the handler runs only when this, of operands, is true; alike when the text is; NULL always */
	struct expr *guard;
	const char *guard_text;
	/* WATCH: bytes; reads too; their value is a signed number */
	uint32_t watch_length;
	bool watch_reads, watch_signed;
	const char *variables; /* -L: " $p:struct s*", or NULL */
	const char *listed; /* -l: process("/usr/bin/x").library("/lib/y").mark("z") */
};

/* What one probe point of the script became. */
struct sema_point {
	enum probe_event event;
	enum probe_context context;
	int64_t sequence; /* begin, end, error */
	int64_t interval_ns, randomize_ns; /* timer */
	const char *path; /* read, write: of the file, or "__stdin", "__stdin.line" */
	uint32_t mode; /* read, write: permissions that the probe gives the file */
	uint32_t max_size; /* read: bytes of $value; 0: what a string holds */
	struct sema_record record; /* RECORD */
	uint32_t counter; /* NEVER: 1 + number of the processor's counter that it declares (as record has it), if any handler reads it */
	bool declares; /* its probe needs no body */
	uint32_t pid; /* process(PID): only there; 0 any */
	bool target_only; /* bare `process`: the -c or -x process */
	enum probe_life life; /* of EVENT_LIFE */
	const char *program; /* canonical path of the one it is limited to; NULL any */
	const char *point; /* pp() of non-site points; script form of the others */
	const char *type; /* probe_type(): begin_end, hrtimer, uprobe ... */
	VEC(struct sema_site *) sites;
};

struct sema_resolver;
/*
 * A provider turns probe points that begin with `root` into sema_points.
 * To add one: a file in src/probe/, a row in probe/providers.def, tests,
 * a paragraph in the manual of probe points.
 */
struct sema_provider {
	const char *root; /* "begin", "timer", "process" */
	/*
	 * Appends to out. Returns false after a diagnostic (or silently when
	 * the point is optional). `components` have no script wildcards left in
	 * names, except where the provider's own patterns allow them.
	 */
	bool (*resolve)(struct sema_resolver *r, const struct probe_point *p);
	/*
	 * All forms of the family, NULL-ended: "timer.s(number).randomize(number)". For wildcards
	 * in names, messages and --dump-probe-types.
	 */
	const char *const *types;
	/*
	 * A target variable, or an operator on the target's types (@cast, @var, "->" ...), in a handler at `site`
	 * (NULL if CONTEXT_TOOL). Returns the replacement expression (an EXPR_TARGET with operand and type set, or
	 * anything else such as a sprintf for $$vars), or NULL after a diagnostic; with `probing` set (for @defined)
	 * NULL without one. With resolver.store: what writes that there.
	 */
	struct expr *(*variable)(struct sema_resolver *r, const struct sema_point *point,
				 const struct sema_site *site, struct expr *target, bool probing);
	/*
	 * Its variables are no target's: they are written without -g, `store` is the right side as it stands, `store_op`
	 * the operator.
	 */
	bool takes_writes;
};

/* Handed to providers. */
struct sema_resolver {
	struct arena *arena;
	struct intern *names;
	struct diag_list *diags;
	struct source_set *sources;
	const struct sema_options *options;
	bool quiet; /* optional point: no diagnostics */
	VEC(struct sema_point *) out;
	void *user; /* sema_options.provider_user */
	struct expr *store; /* variable(): the value to write; NULL: read */
	enum lang_op store_op; /* of a provider that takes_writes: how */
	const void *module; /* variable(): the provider's, of what is looked up */
};

/* ---- builtins ------------------------------------------------------------------------- */

#define BUILTIN_PURE 1u /* may be dropped when unused */
#define BUILTIN_FAILS 2u /* slot->error must be tested */
#define BUILTIN_TARGET 4u /* only means something in a target */
#define BUILTIN_GURU 8u
#define BUILTIN_MATCH 32u /* asks about the last match of the handler */
#define BUILTIN_READS_MEMORY 16u /* may fault: the fault table is needed */
#define BUILTIN_COUNTER 128u /* reads a counter of the processor, that the thread has to have */
#define BUILTIN_MAY_PASS 64u /* embedded C: may say STAP_NEXT, by slot.context_flags */

/* A row of sema/builtins.def: script name, result, parameter types, runtime function. */
struct sema_builtin {
	const char *name;
	enum lang_type type; /* UNKNOWN: no value */
	uint8_t n_parameters;
	enum lang_type parameters[6];
	const char *names[6]; /* of the parameters; NULL where nobody needs them */
	uint32_t flags;
	const char *runtime; /* "rt_strlen"; NULL: a constant of each probe, found before calls are */
	/* constants appended after the script's arguments */
	uint8_t n_extra;
	int64_t extra[3];
	const struct sema_embedded *embedded; /* of embedded C: its code; else NULL */
};
const struct sema_builtin *sema_builtin_find(const char *name, uint32_t n_args);
const struct sema_builtin *sema_builtin_at(uint32_t i); /* NULL past the end */

/* ---- embedded C ----------------------------------------------------------------------------- */

enum sema_embedded_kind {
	EMBEDDED_FUNCTION, /* the body of a function */
	EMBEDDED_EXPR,
	EMBEDDED_STMT,
	EMBEDDED_CONST, /* @const("EXPRESSION") */
};
/* A variable that the code may use: arguments of the call beyond the parameters. */
struct sema_embedded_global {
	struct lang_variable *variable;
	bool write;
};
struct sema_embedded {
	enum sema_embedded_kind kind;
	const char *code;
	uint32_t length;
	struct span span;
	struct span code_span; /* of %{ */
	struct sema_builtin builtin; /* what calls of it call; types are complete when the program is */
	const struct sema_function *function; /* FUNCTION: whose body it is */
	bool gives_value;
	VEC(struct sema_embedded_global) globals;
};

/* ---- the checked program ----------------------------------------------------------------- */

struct sema_place;

struct sema_function {
	const char *name;
	struct span span;
	struct function_decl *decl;
	enum lang_type type;
	struct lang_variable **parameters;
	uint32_t n_parameters;
	VEC(struct lang_variable *) locals; /* parameters not included */
	struct stmt *body;
	struct sema_function *next_overload; /* same name and arity, lower priority */
	uint32_t index;
	bool is_recursive;
	bool has_effects;
	const struct sema_place *place; /* (sema) whose target variables it sees; or NULL */
	const struct sema_detail *detail; /* of its result, as in struct expr */
	bool detail_conflict;
};

struct sema_probe {
	const struct sema_place *place; /* (sema) */
	struct span span;
	struct sema_point *point;
	const char *name; /* pn(): as in the script */
	struct stmt *body; /* prologues, body and epilogues in one block */
	VEC(struct lang_variable *) locals;
	struct expr *condition; /* all conditions ANDed, or NULL */
	/* the sites this body was resolved for: a point's sites with unlike $args become several probes */
	VEC(struct sema_site *) sites;
	uint32_t index;
	/* the alias, with its suffix, that the script named; NULL: it named the point itself */
	const char *alias;
	const char *mark; /* of the point that was resolved: "?", "!" or "" */
	/*
	 * What @entry in the body asks for: a probe of the same sites that runs at the function's
	 * entry and fills the inserted frame. It stands in front of this one in `probes`.
	 */
	struct sema_probe *saver;
	bool is_saver;
	VEC(struct sema_operand *) entries; /* of the saver: where its values are */
	uint32_t entry_size; /* bytes of the inserted frame, in both; a multiple of 16 */
	const char *derivation; /* "a = begin <- a": aliases from inside out, then the script's words */
};

/* A compiled pattern; equal ones are one. */
struct sema_regex {
	const char *pattern;
	uint32_t length;
	const struct abi_regex *head; /* head->size bytes */
};

struct sema_program {
	VEC(struct lang_variable *) globals; /* only those used */
	VEC(struct sema_function *) functions; /* only those reached */
	VEC(struct sema_probe *) probes;
	VEC(struct sema_regex) regexes;
	bool asks_match; /* matched() and the like are called: regexes are with groups */
	VEC(struct lang_variable *) unread; /* written, never read: shown at the end */
	VEC(struct embedded_decl) embedded; /* C outside of functions, of files that are used, in order */
};

struct sema_options {
	struct arena *arena;
	struct intern *names;
	struct source_set *sources;
	struct diag_list *diags;
	const struct sema_provider *const *providers; /* NULL-ended */
	void *provider_user;
	/* parsed tapset files, searched for what user files leave open */
	struct lang_file **library;
	uint32_t n_library;
	const struct lang_options *lang; /* to parse on demand */
	bool guru, unoptimized; /* -g, -u */
	bool skip_badvars; /* target variables that are not there, or not readable, are 0 */
	bool has_target; /* -c or -x given */
	const char *target_path; /* the executable of -c / -x, canonical; NULL unknown */
	uint32_t target_pid; /* of -x */
	bool listing; /* -l, -L: bodies are not checked for effects */
	bool listing_variables; /* -L */
	const char *const *syscalls; /* names behind syscall., for those who mistype them */
	uint32_t n_syscalls;
	char **script_args; /* argv(), argc */
	uint32_t n_script_args;
	bool global_display; /* unread globals become an end probe */
	bool stacks_drawn; /* but for arrays that may hold stacks: those are drawn */
};

/* Never NULL; look at diags->errors. */
struct sema_program *sema_check(const struct sema_options *o, struct lang_file **user, uint32_t n_user);
/* -l / -L: the points that p, or all of a probe's, expand to, unsorted. */
struct sema_program *sema_list(const struct sema_options *o, struct probe_point *p);
struct sema_program *sema_list_all(const struct sema_options *o, struct probe_decl *d);
/* Pass 2's output. */
void sema_print_program(FILE *to, struct arena *a, const struct sema_program *p);

/* ---- for providers ------------------------------------------------------------------------- */

struct sema_point *sema_point_add(struct sema_resolver *r, enum probe_event event, enum probe_context context,
				  const char *point);
/* number argument of component i; false after a diagnostic if it is missing or a string */
bool sema_number_argument(struct sema_resolver *r, const struct probe_point *p, uint32_t i, int64_t *out);
bool sema_string_argument(struct sema_resolver *r, const struct probe_point *p, uint32_t i, const char **out);
/* Whether p has one of a provider's forms (sema_provider.types); else says where it goes wrong. */
bool sema_point_match(struct sema_resolver *r, const struct probe_point *p,
		      const char *const *types);

#endif
