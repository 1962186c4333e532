/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle: the finished product of passes 1-4: code, tables, patch wishes.
 *
 * A bundle holds everything that the session needs and nothing of the script:
 * it can be saved, carried to another machine and run there.
 *
 * Code comes in two kinds.  `code` is one block, laid out behind the runtime
 * image in every process (and in the tool): handlers in full form, script
 * functions, constants.  `inlines` are short handlers that are copied into the
 * trampoline of each site.  Both are relocated for a process by `relocs`.
 *
 * Full-form handler, called from a trampoline:
 *	entry: [rsp] = return address, [rsp+8] = site number (pushed imm32)
 *	saves what it clobbers, finds the slot, switches stacks, runs, restores,
 *	`ret` (the trampoline drops the site number); every register is as
 *	before, in the GENERIC and RETURN variants the arithmetic flags too
 * Tool-form handler: an ordinary C function void (*)(struct abi_slot *).
 * Inline handler: bytes that fall out at their end, all registers (and, in
 *	the GENERIC and RETURN variants, flags) as before.
 *
 * What trampolines, generated code and runtime agree on:
 *	ENTRY trampoline      push $number; call handler; lea 8(%rsp),%rsp
 *	GENERIC trampoline    lea -128(%rsp),%rsp; push $number; call handler;
 *	                      lea 136(%rsp),%rsp
 *	RETURN trampoline     as ENTRY, with rsp at the site's inserted frame (bundle_site.frame):
 *	                      behind a return nothing below rsp is live
 *	slot.saved_sp         rsp inside the handler, below what it pushed
 *	site.sp_adjust        bundle_sp_adjust() of the variant
 *	slot.registers[RSP]   the target's own rsp, adjusted already
 *	slot.registers[...]   all of them and RFLAGS when the handler calls what
 *	                      may ask for any; else those it reads or clobbers
 * Two entries of the runtime image serve the prologues, called with any
 * stack alignment, preserving every register but rax and the flags:
 *	rt_slot_miss  rcx the table key; rax: the slot, 0 none
 *	rt_slot_busy  rax the slot, rcx rsp; rax: not 0 if the handler may run
 *
 * Sharded maps: each slot's shard (at slot + shard_offset) is a complete
 * abi_map.  Fresh slots read as zeroes, so whoever registers a slot copies the
 * constant members, all in front of `count`, from the global's base.
 * Shards of scalars start as zeroes and need nothing.
 */
#ifndef SPILE_BUNDLE_H
#define SPILE_BUNDLE_H

#include "abi/abi.h"
#include "base/base.h"

enum bundle_reloc_kind {
	RELOC_REGION_ABS64, /* region + addend */
	RELOC_TABLE_ABS64, /* slot table + addend */
	RELOC_PROCESS_ABS64, /* struct abi_process + addend */
	RELOC_RUNTIME_ABS64, /* runtime symbol + addend */
	RELOC_RUNTIME_REL32, /* the same, relative to the end of the 4 bytes; code only */
	RELOC_CODE_ABS64, /* bundle code + addend */
	RELOC_CODE_REL32, /* inlines only when near; code uses none (fixed up by gen) */
	/*
	 * The 9 bytes of "rdfsbase %rcx; nop4", that may become "mov %fs:0,%rcx" where every
	 * thread that comes there keeps its own thread pointer at it (System V psABI,
	 * thread-local storage): the load costs less than a tenth.
	 */
	RELOC_THREAD_POINTER,
	/*
	 * addend bytes (7 to 32) that put the top of the slot's stack into r15. They become
	 * "mov %rsp,%r15; and $-16,%r15" and nops where the target's stack has room: a program that runs on
	 * its alternate signal stack must be seen there when a further signal comes, or the kernel
	 * would begin that stack anew.
	 */
	RELOC_OWN_STACK,
};
struct bundle_reloc {
	uint32_t kind;
	uint32_t offset; /* in the code or the inline's bytes */
	uint32_t symbol; /* RUNTIME: index in runtime_symbols */
	uint32_t pad;
	int64_t addend;
};

/* CALLED: as GENERIC, but always in full form: for what is called by the runtime */
enum bundle_variant {
	VARIANT_ENTRY, VARIANT_GENERIC, VARIANT_TOOL, VARIANT_RETURN, VARIANT_CALLED, VARIANT_COUNT
};

struct bundle_handler {
	/* kind 0 absent, 1 full (offset in code), 2 inline (index in inlines), 3 nothing to do */
	struct {
		uint32_t kind, at;
	} variant[VARIANT_COUNT];
	uint32_t clobbers; /* bit per register: what the body uses, for -p4 */
};
#define BUNDLE_ABSENT 0u
#define BUNDLE_FULL 1u
#define BUNDLE_INLINE 2u
#define BUNDLE_EMPTY 3u
/* The target's rsp less slot.saved_sp, in full form: site.sp_adjust. */
#define BUNDLE_SP_ADJUST_ENTRY 32
#define BUNDLE_SP_ADJUST_GENERIC 168
#define BUNDLE_SP_ADJUST_RETURN 40
static inline int32_t bundle_sp_adjust(enum bundle_variant v)
{
	return v == VARIANT_GENERIC ? BUNDLE_SP_ADJUST_GENERIC :
	       v == VARIANT_RETURN  ? BUNDLE_SP_ADJUST_RETURN :
				      BUNDLE_SP_ADJUST_ENTRY;
}

struct bundle_inline {
	const uint8_t *bytes;
	uint32_t size;
	VEC(struct bundle_reloc) relocs;
};

struct bundle_probe {
	uint32_t event; /* enum probe_event: same numbers as sema's */
	uint32_t handler;
	int64_t sequence;
	int64_t interval_ns, randomize_ns;
	const char *path; /* read, write: as of struct sema_point; else NULL */
	uint32_t mode, max_size; /* the same */
	/* of a record of the kernel's: as sema's struct sema_record, same numbers */
	uint32_t record, record_type;
	uint64_t record_config, record_period;
	bool record_is_frequency;
	uint32_t counter; /* 1 + number of the processor's counter that it declares, of type, config and process as above; 0 none */
	const char *record_process, *record_tracepoint;
	const char *name; /* pn() */
	const char *point; /* pp(), tool context */
	const char *place; /* file:line:column in the script, for -t */
	uint32_t pid; /* only in this process; 0 any */
	bool target_only; /* only in the process of -c or -x */
	/* of the beginning or end of processes and threads */
	uint32_t life; /* ABI_LIFE_, else 0 */
	const char *program; /* canonical path of the one that it is limited to; NULL any */
	uint32_t point_text; /* offset in code of an abi_string: pp() in a target */
	/* 1 + the handler that tells in the tool (rt_condition_holds) whether the sites shall be armed; 0 always */
	uint32_t condition;
};

struct bundle_site {
	const char *module; /* canonical path */
	const char *build_id;
	uint64_t address, function_start, function_end, semaphore; /* link-time */
	uint32_t flags; /* as of sema: ENTRY 1, MARK 2, RETURN 4, PLT 8, WATCH 16, ABSOLUTE 32, SYSCALL 64, SYSCALL_RETURN 128 */
	int32_t syscall; /* SYSCALL: only this number; -1 any. module: only in this program; "" any */
	uint32_t probe, handler;
	/*
	 * RETURN: the handler that runs at the function's entry and fills the inserted frame, plus one; 0 none.
	 * Its ENTRY variant is used, of the return's handler the GENERIC one.
	 */
	uint32_t saver;
	uint32_t frame; /* bytes inserted for this site, a multiple of 16 */
	uint32_t watch_length, watch_reads; /* SITE_WATCH: bytes; whether reads count */
	uint32_t point, function, name, provider; /* offsets in code of abi_strings, 0 none */
};

struct bundle_global {
	const char *name;
	struct abi_global layout; /* offsets filled in */
	struct abi_map map; /* constant members, if is_map */
	int64_t init_long;
	const char *init_string;
	uint32_t init_length;
	uint32_t n_keys, string_keys;
};

struct bundle {
	struct arena *arena;
	uint8_t *code;
	uint32_t code_size;
	VEC(struct bundle_reloc) relocs; /* of code */
	VEC(const char *) runtime_symbols;
	VEC(struct bundle_inline) inlines;
	VEC(struct bundle_handler) handlers;
	VEC(struct bundle_probe) probes;
	VEC(struct bundle_site) sites;
	VEC(struct bundle_global) globals;
	VEC(uint32_t) formats; /* offsets in code of abi_formats */
	VEC(const char *) positions;
	/* the region */
	uint64_t globals_offset, globals_size; /* abi_globals, bases, merged copies */
	uint64_t shards_size; /* per slot, behind ABI_SLOT_HEAD */
	uint64_t frame_size; /* per slot */
	uint64_t match_offset; /* in a slot, among the shards: struct abi_match, or 0 */
	uint64_t timing_offset; /* ABI_SLOT_HEAD: struct abi_timing per probe is there; or 0 */
	uint32_t max_string, max_map_entries, max_nesting;
	int64_t max_action;
	uint32_t max_errors, max_skipped;
	int32_t hist_width, hist_elision;
	uint32_t max_backtrace; /* frames */
	bool reads_memory; /* the fault table is needed */
	bool keeps_texts; /* @entry of a string: slots have a store for them */
	/* assembler-like text of the code for -p4; may be NULL */
	const char *listing;
	uint32_t text_offset; /* in code: constants before it, instructions behind */
	uint64_t stack_size; /* least machine stack per slot, for handlers in full form */
};

/* Code that was made elsewhere (embedded C): becomes part of the code, at an offset that is a multiple of 64. */
struct bundle_embedded {
	const uint8_t *bytes;
	uint32_t size;
	VEC(struct bundle_embedded_entry {
		const char *name;
		uint32_t offset;
	}) entries;
	/* 8 bytes at offset: the address of a runtime function or, name NULL, of byte `addend` of the code */
	VEC(struct bundle_embedded_word {
		uint32_t offset;
		const char *name;
		int64_t addend;
	}) words;
};

struct bundle *bundle_create(struct arena *a);
/* To a new file, or over one. */
struct error *bundle_save(const struct bundle *b, const char *path) BASE_MUST_CHECK;
/* ERROR_BAD_FILE: it is none, is damaged, or was made by another version; every index and offset in a loaded one is in its bounds. */
struct error *bundle_load(struct arena *a, const char *path, struct bundle **out) BASE_MUST_CHECK;
/* Whether it is a file that begins as a saved bundle does, of whatever version. Nothing is read of pipes. */
bool bundle_is_file(const char *path);
/* Writes the constant members and initial values of global i into a fresh region. */
void bundle_global_init(const struct bundle *b, uint32_t i, void *region);
/* Index in runtime_symbols, added if new. */
uint32_t bundle_runtime_symbol(struct bundle *b, const char *name);

#endif
