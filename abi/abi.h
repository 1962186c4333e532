/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi: the bytes shared by the tool, the generated code and the runtime.
 *
 * Headers only, fixed-width members, no pointers (u64 addresses, u32/u64
 * offsets), no enums or bools inside structs, every offset held by
 * tests/abi/layout.golden.  Change policy: a changed offset raises
 * ABI_VERSION; nothing else does.
 *
 * Three kinds of memory in a target process:
 *
 *   region   memfd, MAP_SHARED, one for all processes of a session:
 *            [header page][globals][slot 0][slot 1]...[tables of modules]   sparse
 *   process  private anonymous, one per process:
 *            [struct abi_process, 1 page][slot table, 64 KiB, and a mark, MADV_WIPEONFORK][ledger][lives]
 *            [pages of counters: a thread maps the kernel's over those of its slot]
 *   code     memfd mapped read+execute (the tool holds a writable view):
 *            [runtime image][bundle code and constants][site table]
 *            and pages of trampolines near each probed object.
 *
 * A forked child keeps everything but the slot table, which reads as zeroes:
 * its threads miss, register and get slots of their own.
 */
#ifndef SPILE_ABI_H
#define SPILE_ABI_H

#include <stdint.h>

#define ABI_MAGIC 0x656c697073ull /* "spile" */
#define ABI_VERSION 15
#define ABI_PAGE 4096u

/* Registers of the target, in the instruction set's own numbering. */
enum abi_register {
	ABI_RAX, ABI_RCX, ABI_RDX, ABI_RBX, ABI_RSP, ABI_RBP, ABI_RSI, ABI_RDI,
	ABI_R8, ABI_R9, ABI_R10, ABI_R11, ABI_R12, ABI_R13, ABI_R14, ABI_R15,
	ABI_RIP, ABI_RFLAGS, ABI_REGISTERS
};

/* ---- strings ------------------------------------------------------------ */

/*
 * A string value: length, then bytes, then a NUL. Buffers hold
 * ABI_STRING_HEAD + MAXSTRINGLEN bytes; length <= MAXSTRINGLEN - 1.
 * Aligned to 8.
 */
struct abi_string {
	uint32_t length;
	uint32_t pad;
	char text[];
};
#define ABI_STRING_HEAD 8u
#define ABI_MAXSTRINGLEN 512u /* default; -D changes it, region.max_string holds it */

/* ---- statistics ------------------------------------------------------------- */

/* What a statistic keeps; bits of abi_stat_desc.keep. */
#define ABI_KEEP_COUNT 1u
#define ABI_KEEP_SUM 2u
#define ABI_KEEP_MIN 4u
#define ABI_KEEP_MAX 8u
#define ABI_KEEP_VARIANCE 16u
#define ABI_KEEP_LOG 32u /* histogram, 128 buckets */
#define ABI_KEEP_LINEAR 64u
/* @op numbers as in rt_stat_get(): same order as enum stat_op of lang. */
#define ABI_STAT_COUNT 0
#define ABI_STAT_SUM 1
#define ABI_STAT_MIN 2
#define ABI_STAT_MAX 3
#define ABI_STAT_AVG 4
#define ABI_STAT_VARIANCE 5
#define ABI_LOG_BUCKETS 128u
#define ABI_HIST_WIDTH 50 /* of the longest bar in text */
#define ABI_HIST_ELISION 2 /* rows of zeroes kept beside others */

/* Constant description of one statistics global. */
struct abi_stat_desc {
	uint32_t keep;
	uint32_t buckets; /* 0, 128, or linear: number + 2 */
	int64_t low, high, step; /* linear */
	int64_t shift; /* variance */
};

/* The value; buckets (u64 each) follow. count 0 = empty. All zero = empty. */
struct abi_stat {
	int64_t count, sum, min, max;
	int64_t mean, m2; /* variance, scaled by shift */
	int64_t bucket[];
};
#define ABI_STAT_HEAD 48u

/* ---- maps ------------------------------------------------------------------------ */

#define ABI_VALUE_LONG 0u
#define ABI_VALUE_STRING 1u
#define ABI_VALUE_STAT 2u
#define ABI_MAX_KEYS 32u

/*
 * A map: header, u32 bucket[buckets], entries. Zeroed memory plus the
 * constant members (written by the tool before use: bundle_global_init) is an
 * empty map. Entry numbers are 1-based, 0 is "none". Insertion order is a
 * doubly linked list; a sorted foreach re-links it, as SystemTap does.
 */
struct abi_map {
	/* constant */
	uint32_t capacity; /* most entries */
	uint32_t buckets; /* power of two */
	uint32_t entry_size; /* bytes, multiple of 8 */
	uint32_t value_offset; /* in an entry */
	uint32_t value_kind; /* ABI_VALUE_ */
	uint32_t n_keys;
	uint32_t string_keys; /* bit i: key i is a string */
	uint32_t wraps; /* evict the oldest instead of overflowing */
	uint32_t entries_offset; /* from the header */
	uint32_t max_string; /* buffer size of string keys and values */
	uint32_t declared; /* size was declared: wording of the overflow error */
	uint32_t pad0;
	struct abi_stat_desc stat;
	/* changing */
	uint32_t count, free, high; /* entries used; free list; highest ever used */
	uint32_t first, last; /* order list */
	uint32_t pad1;
};
struct abi_entry {
	uint32_t chain; /* next in bucket or in free list */
	uint32_t hash;
	uint32_t prev, next; /* order list */
	/* keys: i64, or abi_string of max_string bytes; then the value at value_offset */
};
#define ABI_ENTRY_HEAD 16u

/* ---- globals ------------------------------------------------------------------------ */

/* How a global is shared; chosen by ir from its uses. */
#define ABI_SHARE_TOOL 0u /* only handlers that run in the tool touch it */
#define ABI_SHARE_LOCKED 1u
#define ABI_SHARE_SHARDED 2u /* base + one shard per slot */

/*
 * One per global, in the region at header.globals_offset + index * sizeof.
 * `base` is the value proper. For SHARDED: every slot holds a shard of the same shape at
 * slot + shard_offset; `merged` is a second copy where the tool builds
 * base + all shards for readers (rt_view).
 */
struct abi_global {
	uint32_t share; /* ABI_SHARE_ */
	uint32_t kind; /* ABI_VALUE_ of a scalar, or of the map's values */
	uint32_t is_map;
	uint32_t lock; /* 0 free; 0x80000000|slot number + 1 writer; else number of readers */
	uint64_t base_offset; /* from the region */
	uint64_t merged_offset; /* SHARDED only */
	uint64_t shard_offset; /* from the slot; SHARDED only */
	uint64_t size; /* bytes of base, of merged, of a shard */
	struct abi_stat_desc stat; /* scalar statistics */
	uint64_t dirty; /* SHARDED, tool only: merged is out of date */
	uint64_t lock_waits; /* contended acquisitions, for -t */
	uint32_t locked_since; /* reserved */
	uint32_t pad;
};

/* ---- region header ---------------------------------------------------------------------- */

/*
 * A counter of the processor that handlers read (@perf). Each thread opens its own at its first read; until it may,
 * and where it cannot, the page of the counter reads as zeroes, and so does the counter.
 */
#define ABI_COUNTERS 16u
#define ABI_COUNTERS_UNMAPPED 0x80000000u /* in region.counters_error */
struct abi_counter {
	uint64_t config; /* as perf_event_open(2) has it, and type */
	uint32_t type, pad;
};
/* slot.counters_state, a futex: a thread asks the tool whether its system calls are its own business. */
#define ABI_COUNTERS_ASKED 1u
#define ABI_COUNTERS_GRANTED 2u
#define ABI_COUNTERS_REFUSED 3u /* it is confined by a seccomp filter */

#define ABI_STATE_STARTING 0u
#define ABI_STATE_RUNNING 1u
#define ABI_STATE_EXITING 2u /* the tool leaves: handlers return at once */
#define ABI_STATE_ERROR 3u /* MAXERRORS reached */
#define ABI_STATE_STOPPING 4u /* exit() was called: no handler begins, those that run end as ever */

struct abi_region {
	uint64_t magic;
	uint32_t version, state;
	uint64_t size;
	uint32_t slot_count; /* room for */
	uint32_t slot_next; /* first never used; atomic add by whoever registers */
	uint64_t slots_offset, slot_size;
	uint64_t globals_offset;
	uint32_t n_globals, max_string;
	uint32_t errors, max_errors; /* errors: atomic add */
	uint32_t skipped, max_skipped;
	int64_t max_action; /* statements per hit */
	uint32_t max_nesting, lossless;
	uint32_t target_pid; /* of -c or -x */
	uint32_t tool_pid;
	/* offsets inside a slot */
	uint64_t frame_offset, frame_size; /* script frames: locals and temporaries */
	uint64_t stack_offset, stack_size; /* machine stack for handlers; grows down */
	uint64_t ring_offset, ring_size; /* power of two */
	/* time: ns = ((tsc - tsc_base) * tsc_mult >> 32) + base */
	uint64_t tsc_base, tsc_mult;
	int64_t realtime_base, monotonic_base;
	uint32_t event; /* futex word: raised by targets to wake the tool */
	uint32_t event_waiting; /* the tool sleeps on it */
	uint64_t request_exit; /* exit() was called */
	uint64_t sites_skipped_no_slot;
	uint32_t suppress_errors; /* --suppress-handler-errors */
	uint32_t tool_slot; /* number of the tool's own slot */
	uint32_t collapsed; /* shards are already folded into base (begin, end, error) */
	uint32_t max_map_entries;
	uint32_t condition_holds; /* said by the condition that the tool just ran: rt_condition_holds */
	uint32_t conditions_dirty; /* a variable of a probe's condition was written: rt_condition_changed */
	uint64_t match_offset; /* inside a slot: struct abi_match; 0: no script function asks for it */
	/* texts of @entry: in a slot, from texts_offset on, abi_kept, then texts_count entries of text_size bytes */
	uint64_t texts_offset;
	uint32_t texts_count, text_size;
	int64_t zone_west; /* local time: seconds west of UTC, when the session began */
	char zone_name[16]; /* its name, with a NUL */
	/*
	 * Slots of dead threads, to be taken when there are no fresh ones: 1 + number of the first in the
	 * low half, a count of changes in the high half; the next one, the same way, in slot.site.
	 */
	uint64_t free_slots;
	int32_t hist_width, hist_elision; /* of the text of histograms, -D HIST_WIDTH and HIST_ELISION */
	/* processes: abi_member[member_count] */
	uint64_t members_offset;
	uint32_t member_count;
	uint32_t member_high; /* 1 + the highest ever used */
	uint32_t family_events; /* raised when a member wants to be looked at */
	uint32_t members_missed; /* processes that found no free entry */
	uint32_t subject; /* 1 + the member for which the tool runs a handler; 0 none */
	uint32_t pad_family;
	uint64_t tables_offset, tables_size; /* descriptions of modules: struct abi_modules; 0: no script asks for them */
	uint32_t max_backtrace; /* frames */
	uint32_t n_counters;
	struct abi_counter counters[ABI_COUNTERS];
	uint32_t counters_user; /* they do not count what the kernel does */
	uint32_t counters_asked; /* raised with each ABI_COUNTERS_ASKED */
	uint32_t counters_error; /* errno of the last that could not be opened, ABI_COUNTERS_UNMAPPED: whose page could not be mapped */
	uint64_t counters_failed; /* that could not be opened */
	uint64_t counters_idle; /* reads that found the processor counting something else */
	char counters_file[128]; /* tests: the file whose first page stands for all counters; with a NUL */
};

/* ---- members -------------------------------------------------------------------------------- */

/*
 * A process of the session. A forked child claims an entry for itself, in its first instructions behind the
 * fork; the tool does it for those that it attaches to, and frees all of them.
 */
#define ABI_MEMBERS 4096u
#define ABI_MEMBER_FREE 0u
#define ABI_MEMBER_CLAIMED 1u /* being filled in */
#define ABI_MEMBER_LIVE 2u
#define ABI_EXEC_NONE 0u
#define ABI_EXEC_ASKED 1u /* a thread is about to make an exec and waits for the tool */
#define ABI_EXEC_GRANTED 2u /* the tool traces the thread until its exec */
#define ABI_EXEC_FAILED 3u /* the exec was none; the thread is to be let go */
#define ABI_EXEC_PRIVILEGED 4u /* an exec with another user's rights follows: not ours */
struct abi_member {
	uint32_t state; /* ABI_MEMBER_ */
	uint32_t pid, ppid;
	uint32_t parent; /* 1 + number of the member that forked it; 0 none */
	uint32_t begun; /* its begin was told */
	uint32_t ended; /* its end was told; set first by whoever tells it */
	uint32_t main_begun; /* the same of its first thread: thread.begin told, thread.end not yet */
	uint32_t shares_memory; /* with its parent, until its exec: vfork, posix_spawn */
	uint32_t exec_state; /* futex; ABI_EXEC_ */
	uint32_t exec_tid;
	uint64_t exec_path; /* address in the process */
	int32_t exec_folder; /* descriptor that the path is relative to */
	uint32_t number; /* its own */
	char name[16]; /* as the kernel's comm, when it began */
	uint32_t image; /* abi_process.image_number of the code that it runs */
	uint32_t changes; /* a forked child has loaded libraries, or a condition may change: it needs code of its own */
	uint32_t pad[6];
};

/* A probe of .begin, .end, .thread.begin or .thread.end in a process. */
#define ABI_LIFE_PROCESS_BEGIN 1u
#define ABI_LIFE_THREAD_BEGIN 2u
#define ABI_LIFE_THREAD_END 3u
#define ABI_LIFE_PROCESS_END 4u
struct abi_life {
	uint64_t handler; /* address of its called form */
	uint32_t site; /* number of its abi_site */
	uint16_t event; /* ABI_LIFE_ */
	uint16_t pad;
	uint32_t pid; /* only in this process; 0 any */
	uint32_t pad1;
};

/* Texts that wait in a slot for the return of a function. */
struct abi_kept {
	uint64_t made; /* so far */
	uint64_t last; /* place taken */
};
struct abi_kept_text {
	uint64_t number; /* `made` when it came, cut to its bits; 0: the place is free */
	struct abi_string text;
};
#define ABI_KEPT_TEXTS 256u
/* a token: number of the slot, place, number of the text */
#define ABI_KEPT_SLOT_SHIFT 48u
#define ABI_KEPT_NUMBER_BITS 40u

/* ---- process ------------------------------------------------------------------------------- */

/* What the program believes its disposition of one of our signals is. */
struct abi_sigaction {
	uint64_t handler, flags, restorer, mask;
};
#define ABI_SIGNALS 3u /* SIGSEGV, SIGBUS, SIGTRAP, in this order */
#define ABI_PEERS 4u
#define ABI_COMPANY 8u
#define ABI_SYSCALLS 512u /* numbers below it */
#define ABI_SYSCALL_DEPTH 4u

/* A system call that a thread has made and not come back from. */
struct abi_syscall {
	uint64_t sp; /* of the program: tells it from those of signal handlers above */
	int64_t number;
};

/*
 * A watchpoint of this process: a debug register in each of its threads, which signals (SIGTRAP, TRAP_PERF)
 * with the address of this structure as its data. The handler is entered as from a trampoline,
 * with a frame under it:
 *
 *	target's rsp - 128 - ABI_WATCH_FRAME:  pc  after  before  0
 */
struct abi_watch {
	uint64_t address; /* of the data */
	uint64_t length; /* 1, 2, 4, 8; 0 not in use: signals of it are swallowed */
	uint64_t handler; /* address; 0 none */
	uint64_t site; /* its number, as a trampoline pushes it */
	uint64_t value; /* at the last access */
	uint64_t missed; /* accesses whose handler could not be entered */
};
#define ABI_WATCHES 4u
#define ABI_WATCH_FRAME 32u
#define ABI_WATCH_AFTER 8u
#define ABI_WATCH_BEFORE 16u
#define ABI_RED_ZONE 128u

/*
 * A descriptor that a thread has, or had a moment ago, while it maps a counter's page. fork() copies descriptors first and
 * memory later: a child closes those that it has, told from the program's own by the number that the kernel gave the event.
 */
#define ABI_COUNTER_FILES 16u
struct abi_counter_file {
	uint64_t id; /* as PERF_EVENT_IOC_ID tells it; 0 none */
	uint64_t time; /* stamp: an old one says nothing of what has the number now */
	uint32_t file, pad;
};

/* Bits that tell quickly what is in no page of trampolines, as most addresses are. */
#define ABI_UNWIND_PAGES 2048u
#define ABI_PAGE_HASH(address) ((uint32_t)((uint64_t)(address) >> 12) * 0x9e3779b1u >> 21)
/*
 * Where a trampoline's call returns to is looked up at each step of an unwinder: 1 + the number of the row of
 * abi_process.unwinds that ends there is in one of ABI_CALL_PROBES entries from here on (0: in none behind). A hint:
 * the row has to be looked at, and searched for if it is another.
 */
#define ABI_CALL_HASH(address) ((uint32_t)(address) * 0x9e3779b1u >> 8)
#define ABI_CALL_PROBES 8u

struct abi_process {
	uint64_t magic;
	uint64_t region; /* address here */
	uint64_t table; /* address of the slot table */
	uint64_t sites; /* address of abi_site[] */
	uint64_t n_sites;
	uint64_t traps; /* address of abi_trap[], sorted by address */
	uint64_t n_traps;
	uint32_t tid_offset; /* of the tid in the thread control block, 0 unknown */
	uint32_t signals_taken; /* bit per signal of ABI_SIGNALS */
	struct abi_sigaction virtual_action[ABI_SIGNALS];
	uint64_t module_sequence; /* module events posted / served: rt_module_event */
	uint64_t module_served;
	uint64_t text_start, text_end; /* of the runtime image and bundle code, here */
	uint64_t initial_virtual_mask; /* for threads that register later; bits as slot.virtual_mask */
	/* per signal number: bits of ABI_SIGNALS that the program wants blocked in its handler */
	uint8_t handler_mask[72];
	uint32_t pid; /* as the process itself sees it: a forked child differs and is not served */
	uint32_t pad;
	uint64_t ledger; /* address of struct abi_ledger */
	uint64_t faults, n_faults; /* the runtime's fault table: pairs of i32, relative to themselves */
	/* struct abi_process of later sessions for whose faults and traps this one's handlers stand; 0 none */
	uint64_t peers[ABI_PEERS];
	uint64_t unwinds; /* address of abi_unwind[], sorted, not overlapping */
	uint64_t n_unwinds;
	uint64_t shadow; /* address of the table of return addresses kept aside; entries of shadow_size bytes */
	uint32_t shadow_size, pad1;
	uint64_t lives; /* address of abi_life[] */
	uint32_t n_lives;
	uint32_t member; /* 1 + number of its entry; 0 not followed */
	uint32_t member_pid; /* whose entry that is: a forked child that could not claim one differs */
	uint32_t exec_unanswered; /* the tool did not answer the last time: it may be dead */
	uint64_t memory_mark; /* address of a u64 that is 1, but 0 in a forked child's first moments: MADV_WIPEONFORK */
	uint32_t image_number; /* the tool's, of this set-up: forked children have the same */
	uint32_t alone; /* forked children are left alone: they get no slots */
	uint64_t text_mapped; /* of module_sequence: those of the loader that has mapped code */
	/*
	 * Where the bodies of system calls are whose number is known only when they are made: address of
	 * ABI_SYSCALLS words for entries, then for returns; 0: none for that number.
	 */
	uint64_t syscalls;
	uint32_t syscalls_kept, pad2; /* returns want to know the number: calls are noted in the slot */
	uint64_t modules; /* struct abi_modules, from the region; 0 none */
	uint64_t calls; /* address of u32[calls_mask + 1]: see ABI_CALL_HASH; 0 none */
	struct abi_watch watches[ABI_WATCHES];
	uint32_t calls_mask, pad3;
	uint64_t unwind_pages[ABI_UNWIND_PAGES / 64]; /* bit set: the table of unwinds may have the address, by ABI_PAGE_HASH */
	uint64_t module_begun; /* of module_sequence: the tool is at work on it */
	uint64_t modules_late; /* events that the program went on from before they were served */
	/* struct abi_process of other sessions in the process, through whose trampolines stacks are walked; 0 none */
	uint64_t company[ABI_COMPANY];
	/* The r_state of struct r_debug, int: the loader tells of what it is about to add, too, which is nothing to look at; 0 unknown */
	uint64_t loader_state;
	uint64_t counters; /* address of pages, region.n_counters for each slot in the order of their numbers; 0 none */
	uint32_t counters_mask; /* bits of those that are read in this process */
	uint32_t counters_unanswered; /* the tool did not answer the last time: it may be dead */
	struct abi_counter_file counter_files[ABI_COUNTER_FILES]; /* the latest */
	uint32_t counter_files_next, pad4;
};

/* ---- modules: how to unwind from code, and what it is called ------------------------------------ */

/*
 * Made by the tool, in the region, and never changed once a process has been told of it: a
 * process whose mappings change gets another list, at another place.
 */
struct abi_module {
	uint64_t start, end; /* of an executable mapping */
	uint64_t bias;
	uint64_t tables; /* struct abi_module_tables, from the region */
};
struct abi_modules {
	uint64_t n;
	struct abi_module list[]; /* sorted, not overlapping */
};
struct abi_module_tables {
	/* from the region; 0: there is none, or not yet: struct abi_unwind_table, abi_symbol_table, abi_line_table */
	uint64_t unwind, symbols, lines;
	uint64_t guessed; /* another abi_unwind_table, from the code: where `unwind` does not say anything */
	uint64_t path; /* abi_string, from the region */
	uint64_t build_id; /* abi_string, "" none */
	uint64_t size; /* of what is mapped of the file, from its lowest address on */
	uint64_t lowest; /* link-time */
};

/*
 * Tables count addresses from `text`, a link-time address, in 32 bits; all offsets are
 * from the table's own begin.
 */
struct abi_unwind_table {
	uint64_t size; /* of all */
	uint64_t text;
	uint32_t n_rows, n_rules, n_blocks, pad;
	uint32_t rows, rules, blocks, pad1;
};
/* Holds from `at` up to the next row; rule 0 is ABI_RULE_NONE. */
struct abi_unwind_row {
	uint32_t at, rule;
};
/* blocks[i]: number of rows that begin before i << ABI_BLOCK_SHIFT. */
#define ABI_BLOCK_SHIFT 8u

#define ABI_RULE_NONE 0u /* not described */
#define ABI_RULE_END 1u /* nobody called this */
#define ABI_RULE_REGISTER 2u /* CFA = reg + offset */
#define ABI_RULE_LOAD 3u /* CFA = *(reg + offset) + extra */
#define ABI_RULE_PLT 4u /* CFA = rsp + 8, or + 16 where the low 4 bits of rip are `offset` or more */
#define ABI_RULE_SIGNAL 5u /* rsp is the address of a ucontext: all registers are there */
/* Registers that a callee keeps, in the order of `saved`: rbx rbp r12 r13 r14 r15 */
#define ABI_SAVED 6u
struct abi_unwind_rule {
	uint8_t kind; /* ABI_RULE_ */
	uint8_t reg; /* enum abi_register */
	uint8_t saved_mask; /* bit i: saved[i] holds; else the register is the caller's still */
	int8_t address_in; /* register that holds the return address; -1: it is in memory */
	int32_t offset;
	int8_t extra;
	int8_t base; /* register (as it is here) that saved[] counts from; -1: the CFA */
	int16_t address; /* return address at CFA + 8 * address */
	int16_t saved[ABI_SAVED]; /* at base + 8 * saved[i] */
};

struct abi_symbol_table {
	uint64_t size, text;
	uint32_t n, symbols, names, pad;
};
struct abi_symbol {
	uint32_t at, size; /* size 0: up to the next */
	uint32_t name, length; /* from `names` */
};

struct abi_line_table {
	uint64_t size, text;
	uint32_t n, n_files, rows, files; /* files: struct abi_line_file */
	uint32_t names, pad;
};
struct abi_line {
	uint32_t at, line; /* line 0: not told from here on */
	uint32_t file;
};
struct abi_line_file {
	uint32_t name, length;
};

/* ---- ledger ----------------------------------------------------------------------------------- */

/*
 * What a session has done to a process, for whoever has to undo it: `--cleanup`
 * after the death of the tool, other sessions that probe the same places.  The
 * tool writes it ahead of each change, from outside; nothing in the target reads it.
 * A forked child has a copy.  It is found by the code's memory: the entry point in the ELF header of
 * the runtime image is the address of struct abi_process.
 */
#define ABI_LEDGER_MAGIC 0x7265676465ull /* "edger" */
#define ABI_LEDGER_VERSION 1u
struct abi_ledger {
	uint64_t magic;
	uint32_t version, tool_pid;
	uint64_t tool_start; /* of the tool, clock ticks since boot: numbers of processes come back */
	uint64_t tool_namespace; /* inode of the tool's pid namespace */
	uint64_t order; /* CLOCK_MONOTONIC ns at the arrival: the later session stands upon the earlier */
	uint64_t image, fixed_size, sites; /* the fixed part of the code, and the end of its text */
	uint64_t region, region_size;
	uint64_t size; /* of the ledger, with room for records */
	uint64_t used; /* bytes, this head included */
	uint64_t signals_taken; /* the handlers of ABI_SIGNALS are, or may be, ours */
	uint64_t toggling; /* patches are being armed or disarmed under running threads: see ctl's live.c */
	uint64_t left; /* the session is over; it stands for signals of others still */
	uint64_t reserved[2];
	/* records follow, each 8-aligned */
};
#define ABI_LEDGER_PATCH 1u
#define ABI_LEDGER_SEMAPHORE 2u
struct abi_ledger_record {
	uint32_t size; /* of the record with this head */
	uint16_t kind; /* ABI_LEDGER_ */
	uint16_t role; /* of a patch: ABI_ROLE_ */
	uint64_t address;
};
#define ABI_ROLE_SITE 0u
#define ABI_ROLE_FOLLOW 1u /* the loader's notification function */
#define ABI_ROLE_HOOK 2u /* system calls about signals */
#define ABI_ROLE_UNWINDER 3u /* where unwinders look up descriptions: stays while frames are under way */
#define ABI_ROLE_HELPER 0x100u /* with one of them: room made for the patch of the next record */
struct abi_ledger_patch {
	struct abi_ledger_record head;
	uint64_t trampoline, trampoline_end, resume;
	uint32_t bytes; /* at the address */
	uint32_t n_moved;
	uint8_t original[16], patched[16];
	/*
	 * Over another session's patch: the word that its trampoline jumps by behind the bodies, and the
	 * earlier session's trampoline, which that leads to; 0 none (any more).
	 */
	uint64_t link, below;
	uint32_t span; /* bytes there that it relies on, those it wrote included */
	uint32_t pad;
	/* n_moved pairs of u64 follow: from, to */
};

/* How to unwind from a piece of a trampoline. */
#define ABI_UNWIND_STACK 0u /* CFA = rsp + cfa, return address below it */
#define ABI_UNWIND_CALL 1u /* the same where a displaced function returns to: `end` is on the stack */
#define ABI_UNWIND_SHADOW 2u /* CFA = rsp + cfa, return address in the shadow table */
#define ABI_UNWIND_SHADOW_CALL 3u
#define ABI_UNWIND_DISPLACED 4u /* as from `other` in the program's code, rsp being `cfa` bytes lower (0 but for hooks) */
#define ABI_UNWIND_BODY 5u /* a handler's bytes: as STACK at their begin, what they push themselves comes on top */
struct abi_unwind {
	uint64_t start, end, other;
	int32_t cfa;
	uint32_t kind;
};

/*
 * A function that is probed at its return and looks for arguments on the stack: its return
 * address and inserted frame, found by the address the former belongs at. Open addressing,
 * ABI_SHADOW_PROBES places from ABI_SHADOW_INDEX(key) on.
 *
 * A frame alone, of a function that is probed at its return instructions, has ABI_SHADOW_FRAME in
 * its key; once it was taken ABI_SHADOW_DONE as well: it may be found again (vfork) until the place is wanted.
 */
#define ABI_SHADOW_FRAME 1u
#define ABI_SHADOW_DONE 2u
struct abi_shadow {
	uint64_t key; /* 0 free */
	uint64_t address; /* the return address */
	uint64_t frame[]; /* shadow_size - 16 bytes */
};
#define ABI_SHADOW_ENTRIES 4096u
#define ABI_SHADOW_PROBES 64u
#define ABI_SHADOW_INDEX(key) ((uint32_t)((key) >> 3) & (ABI_SHADOW_ENTRIES - 1))

/* Slot table: open addressing on key = ~fsbase. */
struct abi_table_entry {
	uint64_t key; /* 0 empty */
	uint64_t slot; /* address */
};
#define ABI_TABLE_ENTRIES 4096u
#define ABI_TABLE_GONE 1u /* key of an entry whose thread is dead: searches go on behind it */
/*
 * The top 12 bits of a 32-bit product: thread pointers of one process lie near each other, so
 * that they differ in low bits, which a wider product would not carry up so far.
 */
#define ABI_TABLE_HASH 0x9e3779b1u
#define ABI_TABLE_SHIFT 20u
#define ABI_TABLE_INDEX(key) ((uint32_t)((uint32_t)(key) * ABI_TABLE_HASH) >> ABI_TABLE_SHIFT)

/* One armed site of this process. Handlers get its address in slot.site. */
struct abi_site {
	uint64_t pc; /* address of the probed instruction */
	uint64_t bias; /* load bias of its module */
	/* addresses of constant abi_strings in the bundle's code; 0 none */
	uint64_t point; /* pp() */
	uint64_t function; /* ppfunc() */
	uint64_t name; /* $$name */
	uint64_t provider; /* $$provider */
	uint32_t probe; /* index in bundle.probes */
	uint32_t number; /* index in bundle.sites */
	int32_t sp_adjust; /* target's rsp = slot.saved_sp + this */
	uint32_t flags;
	uint64_t hits; /* unused by handlers; -t */
};

#define ABI_SITE_ENTRY 1u /* of flags: at a function's first instruction */
#define ABI_SITE_RETURN 4u /* of flags: the hit is at a function's return */
#define ABI_SITE_WATCH 16u /* behind an access of data: pc is the data's, the program's is in the frame */

/* abi_site.pc of bodies that serve several system calls: the address is in the word before the one in r11. */
#define ABI_PC_BEFORE_R11 1u

/* Addresses where SIGTRAP means us. */
struct abi_trap {
	uint64_t address; /* of the 0xCC byte */
	uint64_t resume; /* where to continue */
};

/*
 * A system call that waits with a signal mask of its own (rt_sigsuspend, ppoll ...): the program's register points
 * here meanwhile. See runtime/arch/x86_64/waits.c.
 */
#define ABI_WAITS 4u /* in handlers that interrupt each other; the register that points to the mask: */
#define ABI_WAIT_ACTIVE 8u
#define ABI_WAIT_BLOCKED 16u /* ours are really blocked until it begins and after it ends */
struct abi_wait {
	uint64_t from; /* what the register held */
	uint64_t outer; /* slot.virtual_mask before, ABI_WAIT_; 0: free */
	uint64_t mask; /* the program's without our three */
	uint64_t pair[2]; /* pselect6: address and size of the mask */
};

/* ---- slot ------------------------------------------------------------------------------------- */

#define ABI_ERROR_NONE 0u
#define ABI_ERROR_RAISED 1u /* catchable */
#define ABI_ERROR_FATAL 2u /* MAXACTION, abort: not catchable */
#define ABI_CALLED 7u /* calls told of an error */

struct abi_slot {
	uint64_t key; /* ~fsbase of the thread; 0 unused */
	uint64_t process; /* struct abi_process, address in the owner */
	uint64_t region; /* struct abi_region, address in the owner */
	uint64_t tid_address; /* of a u32 that always is the thread's tid */
	uint32_t tid, pid; /* when registered */
	uint32_t busy; /* a handler runs: set first, cleared last */
	uint32_t number;
	uint64_t site; /* struct abi_site of this hit; 0 in the tool; of a free slot: the next one */
	uint64_t saved_sp; /* rsp of the target while on our stack */
	int64_t actions; /* statements left */
	uint32_t error; /* ABI_ERROR_ */
	uint32_t where; /* bundle position of the error */
	uint64_t frame; /* first free byte of script frames, address */
	uint32_t depth; /* script function nesting left */
	uint32_t in_tool; /* this is the tool's own slot */
	uint64_t hit_tsc; /* stamp of this hit's records; 0 none yet */
	/* registers of the target at the hit, by enum abi_register; RIP comes from site.pc */
	uint64_t registers[ABI_REGISTERS];
	/* ring: byte counts since start; position = count & (ring_size - 1) */
	uint64_t ring_write; /* private to the producer */
	uint64_t ring_head; /* published, release, at the end of a handler */
	uint64_t pad0[2];
	uint64_t ring_tail; /* the consumer's, release */
	uint64_t ring_pending; /* 1 + lower bound of stamps not yet published; 0 idle */
	uint32_t borrowed; /* 1 + the member that uses it: a child of vfork(), while its parent waits; 0 none */
	uint32_t thread_begun; /* thread.begin told, thread.end not yet */
	uint64_t pad1[5];
	uint64_t dropped; /* records that found no room */
	uint64_t skipped_nested, skipped_locked, skipped_other;
	uint64_t locks_held; /* count of entries in locks[] */
	uint32_t locks[48]; /* global index | 0x80000000 for write */
	uint64_t virtual_mask; /* bits of ABI_SIGNALS the program believes blocked */
	uint64_t pending; /* asynchronous ones held back */
	uint64_t fault_address; /* of the last caught fault */
	uint64_t returning; /* returnval of the current .return hit */
	uint64_t context_flags;
	uint64_t scratch[20];
	struct abi_wait waits[ABI_WAITS];
	/* the calls of script functions that the pending error came through, innermost first: bundle positions */
	uint32_t n_called, called[ABI_CALLED];
	uint64_t sample; /* in the tool: struct abi_sample that the handler runs for; 0 none */
	struct abi_syscall syscalls[ABI_SYSCALL_DEPTH]; /* the latest, by n_syscalls modulo the size */
	uint64_t n_syscalls;
	uint64_t counters_pages; /* the slot's, address */
	uint32_t counters_tid; /* the thread whose counters they are; 0 nobody's */
	uint32_t counters_asker; /* the thread that counters_state is about */
	uint32_t counters_state, pad2;
	/* text of the raised error, an abi_string of up to ABI_MAXSTRINGLEN bytes, follows at ABI_SLOT_ERROR */
};
#define ABI_SLOT_ERROR 1280u

/*
 * What a handler in the tool runs for when the kernel told of a thread: a sample of a profile, a
 * context switch. slot.pid, slot.tid, slot.registers and slot.site are the thread's meanwhile.
 */
#define ABI_SAMPLE_VALUES 8u
struct abi_sample {
	uint64_t tsc; /* when it happened, as a stamp */
	uint32_t cpu;
	uint32_t in_kernel; /* the thread was; registers are those it entered the kernel with */
	int64_t values[ABI_SAMPLE_VALUES]; /* by kind of probe, see __sample_value() */
	/* the thread's stack from `stack_start` on as it was then: address in the tool; size 0: no copy */
	uint64_t stack, stack_start, stack_size;
	char name[16]; /* of the thread, with a NUL */
	char other_name[16]; /* of the thread that it woke, or that runs after it: tracepoints tell */
};
#define ABI_SLOT_TOKENIZE 2048u /* runtime's own: tokenize, matched, indent */
#define ABI_SLOT_HEAD 8192u /* shards start here */

/* What -t tells of a probe's handler, in nanoseconds; one per probe from ABI_SLOT_HEAD on. */
struct abi_timing {
	uint64_t hits, sum, least, most;
	uint64_t squares_low, squares_high; /* sum of the squares, 128 bits */
};

/* The tool's own: $value of procfs probes. */
struct abi_procfs {
	uint64_t text; /* address of `most` bytes; 0: no handler of such a probe runs */
	uint32_t length, most;
	uint64_t folder; /* address of an abi_string: where the session's files are */
};

/* ---- ring records ------------------------------------------------------------------------------- */

#define ABI_RECORD_PAD 0u /* skip to the ring's start */
#define ABI_RECORD_PRINT 1u /* a format and its arguments */
#define ABI_RECORD_HIST 2u /* format, abi_stat_desc, abi_stat with buckets */
#define ABI_RECORD_ERROR 3u /* u32 where, u32 n, n u32 called, padded to 8, abi_string */
#define ABI_RECORD_WARN 4u /* abi_string */
#define ABI_RECORD_TEXT 5u /* abi_string, printed as is (log, sprint'ed) */
#define ABI_RECORD_SYSTEM 6u /* abi_string: command for sh -c */
#define ABI_RECORD_SWITCH 7u /* abi_string, empty: output goes on in another file */
#define ABI_RECORD_STACK 8u /* abi_record_stack */

/* A stack to be printed; `format` of the head is the form. */
#define ABI_STACK_FULL 0u
#define ABI_STACK_BRIEF 1u
#define ABI_STACK_LINES 2u
#define ABI_STACK_MOST 1024u /* frames */
struct abi_record_stack {
	uint64_t modules; /* as in struct abi_process when it was taken */
	uint32_t n;
	uint32_t exact; /* the first address is that of an instruction, no return address */
	uint64_t addresses[];
};

/* Records are 8-aligned; size counts this head and padding. */
struct abi_record {
	uint32_t size;
	uint16_t kind;
	uint16_t format; /* bundle format number */
	uint64_t tsc;
	/* arguments: i64, or u32 length, u32 0, bytes padded to 8 */
};

/* ---- formats: constant, in the bundle's code ------------------------------------------------------ */

struct abi_format {
	uint32_t n_parts, n_args;
	uint64_t string_args; /* bit i: argument i is a string */
	/* n_parts abi_format_part follow */
};
#define ABI_FORMAT_STAR_WIDTH 1u
#define ABI_FORMAT_STAR_PRECISION 2u
#define ABI_FORMAT_HAS_WIDTH 4u
#define ABI_FORMAT_HAS_PRECISION 8u
struct abi_format_part {
	uint32_t text; /* offset from the abi_format of literal bytes; conversion 0 */
	uint32_t length;
	uint8_t conversion; /* as written; 'i' is 'd'; 'H' a histogram */
	uint8_t flag;
	uint16_t bits; /* ABI_FORMAT_ */
	int32_t width, precision;
	uint32_t pad;
};

/* ---- regular expressions: constant, in the bundle's code ------------------------------------------ */

#define ABI_REGEX_GROUPS 100u /* most capturing groups of one */
#define ABI_REGEX_REGISTERS 256u
#define ABI_REGEX_SPARE 255u /* the register for circles */
#define ABI_REGEX_CELLS 65536u /* most cells of a table: numbers of cells are 16 bits wide */
#define ABI_REGEX_EXTRA_CELLS 2u /* of a row, behind those of the classes */
#define ABI_REGEX_LISTS 0x7fffu
#define ABI_REGEX_UNSET 0xffffu /* of an operation: no position */
#define ABI_REGEX_POSITION 0xfffeu /* the current one */
#define ABI_REGEX_STOP 0xffffu /* ends a list */
#define ABI_REGEX_ACCEPTS 0x8000u /* in abi_regex_edge.ops: the state that is entered accepts */

/*
 * An automaton. A row is one state: a cell per class of bytes, one that holds for the end of the
 * text, one spare (tagged: for acceptance). States are known by the number of their row's first cell; 0 is
 * the state that nothing leads out of.
 *
 * Without groups: u16 cells, the state that follows; the second row is the accepting state;
 *	the end's cell is 1 if the text is accepted there.
 * With groups: abi_regex_edge cells; the last two hold in `ops` the list that fills in the slots of
 *	the match, 0 none. Slot 0 is the start of the match, 2g - 1 and 2g are start and end of group g.
 */
struct abi_regex {
	uint32_t size; /* bytes of all */
	uint32_t n_groups; /* the whole match counted; 0: without groups */
	uint32_t n_classes, stride; /* cells of a row */
	uint32_t start; /* state */
	/*
	 * Low half, with groups: as abi_regex_edge.ops. High half: the classes below this number lead from
	 * the start to itself and do nothing.
	 */
	uint32_t start_ops;
	uint32_t cells; /* offset */
	uint32_t lists; /* offset of u32 offsets of abi_regex_op lists; 0 is empty */
	uint8_t class_of[256];
};
struct abi_regex_edge {
	uint16_t next, ops;
};
struct abi_regex_op {
	uint16_t to; /* register or slot */
	uint16_t from; /* register, UNSET or POSITION */
};

/* The last match of a handler, in the slot. */
struct abi_match {
	uint32_t valid; /* it succeeded */
	uint32_t n_groups; /* the whole match counted */
	uint32_t registers[ABI_REGEX_REGISTERS];
	uint32_t slots[2 * ABI_REGEX_GROUPS + 2]; /* start and end of group g in text, at 2g; or UINT32_MAX */
	/* what matched, whole: abi_string of max_string bytes */
	struct abi_string text;
};

#endif
