/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf: questions about object files: segments, symbols, markers.
 *
 * It answers from the file alone (libelf, libdw): no process, no script.
 * Addresses are link-time (as in the program headers); add the load bias for a
 * process.  Damaged files give errors or fewer answers, never a crash.
 *
 * Ownership: what is returned lives in the arena given to elf_open(); an
 * elf_file is opened once per path and session (elf_open caches by path).
 *
 *	struct elf_file *f;
 *	struct error *e = elf_open(cache, "/usr/bin/python3.11", &f);
 *	elf_each_function(f, "PyObject_*", hook, user);
 */
#ifndef SPILE_ELF_H
#define SPILE_ELF_H

#include "abi/abi.h"
#include "base/base.h"

struct elf_cache;
struct elf_cache *elf_cache_create(struct arena *a);
void elf_cache_destroy(struct elf_cache *c); /* closes files and mappings */
/*
 * The program of a process, by what /proc/PID/exe says: that itself, if the file has no name any more (it was
 * replaced, or is a memfd).
 */
const char *elf_program_path(struct arena *a, uint32_t pid, const char *link);
/*
 * Paths that elf_open() has seen are taken for granted until this is called: then it looks again whether the same file
 * is there, and opens another that has taken its place.
 */
void elf_cache_recheck(struct elf_cache *c);
/*
 * Looks for files first where the process sees them, when its root or its mounts are others than ours; paths of
 * such files begin with /proc/PID/root. For the first process that is given.
 */
void elf_cache_enter(struct elf_cache *c, uint32_t pid);
const char *elf_cache_root(const struct elf_cache *c); /* NULL: none */
/*
 * Called, from another thread, while something takes longer than a second: what, and how much of it is done, in
 * percent; at its end with 100.
 */
typedef void elf_progress_fn(const char *what, unsigned percent);
void elf_cache_progress(struct elf_cache *c, elf_progress_fn *hook);
/* Names and lines of functions are all that will be asked for: an index is made with less memory. */
void elf_cache_for_names(struct elf_cache *c);

struct elf_segment {
	uint64_t address, file_offset, file_size, memory_size, align;
	bool readable, writable, executable;
};

struct elf_file {
	const char *path; /* canonical */
	uint64_t device, inode;
	int64_t changed; /* its time of change, ns */
	const char *build_id; /* hex or NULL */
	bool is_pie; /* ET_DYN with an entry */
	bool is_shared; /* ET_DYN */
	bool is_static; /* no interpreter */
	bool is_go;
	const char *interpreter; /* PT_INTERP or NULL */
	const char *soname; /* or NULL */
	uint64_t entry;
	const struct elf_segment *segments; /* PT_LOAD */
	uint32_t n_segments;
	const char *const *needed; /* DT_NEEDED */
	uint32_t n_needed;
	const uint8_t *image; /* the whole file, mapped */
	size_t image_size;
	void *priv;
};

struct error *elf_open(struct elf_cache *c, const char *path,
		       struct elf_file **out) BASE_MUST_CHECK;
/* Bytes at a link-time address, NULL if not backed by the file; *available gets how many follow. */
const uint8_t *elf_bytes(const struct elf_file *f, uint64_t address, uint64_t *available);

/* ---- symbols: .symtab, .dynsym, .gnu_debugdata, merged, one per name and address ------------ */

struct elf_symbol {
	const char *name; /* version suffix removed */
	uint64_t address, size; /* size 0: unknown, up to the next symbol */
	bool is_function, is_global, is_exported /* in .dynsym */, is_ifunc;
};
/* First by name among functions and objects; NULL if none. */
const struct elf_symbol *elf_symbol_find(struct elf_file *f, const char *name);
/* How functions of the file's language are called. */
enum elf_calls {
	ELF_CALLS_PLAIN,
	ELF_CALLS_KNOWN, /* OCaml: its collector finds frames by the return addresses that the compiler knows of */
	ELF_CALLS_JUMPS, /* GHC: they are jumped to, the stack is elsewhere, and tables of data stand between them */
};
enum elf_calls elf_calls_of(struct elf_file *f);
/* Such a file's function that is jumped to, by its name; others are the runtime's, in C. */
bool elf_is_jumped_to(const char *name);
/* Whether the dynamic loader looks the name up for the file. */
bool elf_imports(struct elf_file *f, const char *name);
/* Every function whose name matches the glob; hook returns false to stop. In order of address. */
void elf_each_function(struct elf_file *f, const char *glob,
		       bool (*hook)(void *user, const struct elf_symbol *s), void *user);
/* Neither .symtab, also of a separate file, nor .gnu_debugdata: only exported functions have names. */
bool elf_is_stripped(struct elf_file *f);
/* Those alone at whose address `wanted` says so, if given. */
void elf_each_function_of(struct elf_file *f, const char *glob, bool (*wanted)(struct elf_file *f, uint64_t address),
			  bool (*hook)(void *user, const struct elf_symbol *s), void *user);
/*
 * The function that holds the address, with its extent: by symbol size, else
 * .eh_frame, else the next symbol. *name is NULL when only .eh_frame knows it.
 */
bool elf_function_at(struct elf_file *f, uint64_t address, const char **name, uint64_t *start,
		     uint64_t *end);

/* Code that no function is known to hold: from the end of the one before the address to the next. */
bool elf_gap_at(struct elf_file *f, uint64_t address, uint64_t *start, uint64_t *end);
/*
 * The nearest place at or before the address where an instruction is known to begin: its function's start, the end of the
 * one before, or its section's start. False: none is known.
 */
bool elf_code_begin(struct elf_file *f, uint64_t address, uint64_t *start);

/*
 * Where an exception thrown through the function that holds the address may be caught or cleaned up
 * after: up to `most` addresses into out, in no order, some of them twice. From the call-site table of
 * .gcc_except_table (Itanium C++ ABI, Exception Handling, level II). How many.
 */
uint32_t elf_landing_pads(const struct elf_file *f, uint64_t address, uint64_t *out, uint32_t most);

/* ---- SDT markers (.note.stapsdt, version 3) ------------------------------------------------- */

/* One operand of a marker as its note spells it, decoded. */
struct elf_operand {
	bool valid;
	int8_t size; /* bytes, negative: signed, as in the note; 0: not given */
	bool is_float; /* its bits, not converted */
	enum {
		ELF_OPERAND_CONSTANT,
		ELF_OPERAND_REGISTER,
		ELF_OPERAND_MEMORY,
		ELF_OPERAND_ADDRESS
	} kind;
	int8_t base, index; /* enum abi_register, -1 none */
	uint8_t scale, shift; /* shift 8: %ah */
	uint8_t register_size;
	bool module_relative;
	int64_t displacement;
	const char *text;
};
struct elf_mark {
	const char *provider, *name;
	uint64_t address; /* prelink-adjusted by .stapsdt.base */
	uint64_t semaphore; /* 0 none */
	const struct elf_operand *args;
	uint32_t n_args;
};
/* All markers, in order of the notes. */
const struct elf_mark *elf_marks(struct elf_file *f, uint32_t *n);

/* ---- finding files ------------------------------------------------------------------------ */

/* "sleep" by $PATH; with a slash: relative to cwd; "#!" scripts: their interpreter; canonical. */
struct error *elf_find_program(struct arena *a, const char *name, const char **out) BASE_MUST_CHECK;
/* Globs over the file system; canonical, sorted, without duplicates. */
struct error *elf_find_programs(struct arena *a, const char *pattern, const char *const **out,
				uint32_t *n) BASE_MUST_CHECK;
/*
 * The closure of DT_NEEDED as the dynamic loader would find it (RPATH, RUNPATH, $ORIGIN,
 * LD_LIBRARY_PATH, ld.so.cache, defaults; musl's rules for musl's programs) and the
 * interpreter; canonical paths, breadth first. Libraries that are not found are left out.
 */
struct error *elf_needed_closure(struct elf_cache *c, struct elf_file *f, const char *const **out,
				 uint32_t *n) BASE_MUST_CHECK;
/* The library f would get by dlopen("name"): the same search for one name. Canonical. */
struct error *elf_find_library(struct elf_cache *c, struct elf_file *f, const char *name,
			       const char **out) BASE_MUST_CHECK;

/* ---- debug information --------------------------------------------------------------------- */

/*
 * The file itself or a separate file has DWARF. Separate files are looked for by build-id and by
 * .gnu_debuglink in the directories of SYSTEMTAP_DEBUGINFO_PATH (default: .debug beside the file,
 * /usr/lib/debug) and, when DEBUGINFOD_URLS is set, asked of those servers.
 */
bool elf_has_debug(struct elf_file *f);
/* Why elf_has_debug() says no; NULL when it says yes. */
const char *elf_debug_missing(struct elf_file *f);
/* Separate files that were passed over since they belong to another build; each one line. */
const char *const *elf_debug_warnings(struct elf_file *f, uint32_t *n);

/* ---- functions by debug information ----------------------------------------------------------- */

/* A function of the source; of one that is inlined, what its copies have in common. */
struct elf_function {
	const char *name; /* as in the source: "get", "tmpl<int>" */
	const char *linkage; /* "_ZN2n13boxIiE3getEi", "" none */
	const char *scope; /* "n1::box<int>", "" none */
	const char *file; /* of the declaration, as libdw shows paths, "" not said */
	uint32_t line;
	bool is_external;
	bool is_inlined; /* then it has no address, but copies */
	uint64_t address; /* link-time, of the first instruction */
	uint32_t unit; /* number; with `entry` it names the entry of the debug information */
	uint64_t entry; /* offset in .debug_info */
	uint32_t number; /* in order of names */
};
typedef bool elf_function_fn(void *user, const struct elf_function *f);
/*
 * Functions whose name, or linkage name for "_Z..." and "_R...", or any symbol's name for their
 * first instruction matches the glob; each once. The hook returns false to stop. False: the file
 * has no debug information. The first call per file builds the index (or maps it from the cache).
 */
bool elf_each_debug_function(struct elf_file *f, const char *glob, elf_function_fn *hook, void *user);
/* Whether an address is some function's first instruction. */
bool elf_debug_function_starts(struct elf_file *f, uint64_t address);

/* Code of a function: itself or one of its inlined copies. */
struct elf_code {
	uint32_t unit;
	uint64_t entry; /* offset in .debug_info */
	uint64_t address; /* where it is entered */
	uint64_t start, end; /* of the first range; 0 0 for copies */
	const struct elf_function *function; /* of the caller */
};
typedef bool elf_code_fn(void *user, const struct elf_code *c);
/* The code of a function: one, or its copies; `function` is passed on. */
void elf_each_code(struct elf_file *f, const struct elf_function *function, elf_code_fn *hook,
		   void *user);
/*
 * Where the parameters are in place: behind the prologue as the line table tells it, or the first
 * instruction where the locations hold from there on (units with location lists). always: by the
 * line table in any case; never: the first instruction.
 */
enum elf_prologue { ELF_PROLOGUE_AUTO, ELF_PROLOGUE_ALWAYS, ELF_PROLOGUE_NEVER };
uint64_t elf_code_body(struct elf_file *f, const struct elf_code *c, enum elf_prologue how);

/*
 * Where a call of a function made by the Go compiler begins once, whatever its stack: behind the check that may
 * have it begin anew on a larger one. Everything but flags, r12 and (before Go 1.17) rax and rcx is
 * as at the first instruction. `start` where there is no such check. Link-time addresses.
 */
uint64_t elf_go_body(const struct elf_file *f, uint64_t start, uint64_t end);

/* ---- lines ------------------------------------------------------------------------------------- */

struct elf_line_spec {
	enum { ELF_LINES_ALL, ELF_LINES_LISTED, ELF_LINES_RELATIVE } kind; /* to the declaration */
	const uint32_t *numbers;
	uint32_t n;
	bool nearest; /* else the nearest line that has code */
	bool (*file_matches)(void *user, const char *path);
	void *user;
	/* out: a line that has no code, and the nearest before and behind it that have (0 none) */
	uint32_t missing, before, behind;
	const char *missing_file;
};
typedef bool elf_line_fn(void *user, const struct elf_code *in, uint64_t address, uint32_t line);
/* Places in the line table that belong to the code given; for each code that has the address. */
void elf_each_line(struct elf_file *f, struct elf_line_spec *spec, const struct elf_code *codes,
		   uint32_t n, elf_line_fn *hook, void *user);
/* The record of the line table that an address belongs to; *start is the record's address. */
bool elf_line_at(struct elf_file *f, uint64_t address, const char **file, uint32_t *line,
		 uint64_t *start);
/* The innermost function around an address (a copy only with `inlined`); function has its name. */
bool elf_code_at(struct elf_file *f, uint64_t address, bool inlined, struct elf_code *code,
		 struct elf_function *function);

/*
 * The innermost block of the code around the address, without copies inlined into it: an entry as
 * in elf_code. The code's own entry when there is none.
 */
uint64_t elf_code_block(struct elf_file *f, const struct elf_code *c, uint64_t address);

/* ---- labels and calls ---------------------------------------------------------------------------- */

struct elf_label {
	const char *name, *file;
	uint32_t line;
	uint64_t address;
};
typedef bool elf_label_fn(void *user, const struct elf_label *l);
void elf_each_label(struct elf_file *f, const struct elf_code *in, elf_label_fn *hook, void *user);
/*
 * Functions that the code calls, as far as the compiler knew: inlined copies in it (the code given
 * is the copy) and targets of calls (the function itself), each once.
 */
typedef bool elf_callee_fn(void *user, const struct elf_function *callee, const struct elf_code *c);
void elf_each_callee(struct elf_file *f, const struct elf_code *in, elf_callee_fn *hook,
		     void *user);
#include "elf/variable.h"

/* ---- linkage table ------------------------------------------------------------------------------- */

/* A slot that calls of `name` go through. */
typedef bool elf_plt_fn(void *user, const char *name, uint64_t address, uint64_t size);
void elf_each_plt(struct elf_file *f, const char *glob, elf_plt_fn *hook, void *user);
#include "elf/tables.h"

#endif
