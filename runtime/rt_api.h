/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's door: what generated code, and the interpreter in its stead,
 * may call.  Called by name: src/sema/builtins.def and src/ir name these
 * functions as text, gen finds them in the runtime image's symbol table.
 *
 * Convention: System V AMD64, general registers only.  The first argument is
 * the thread's slot.  Long values are int64_t.  Strings are passed as
 * `const struct abi_string *`; a string result goes to the last argument,
 * a buffer of region.max_string + ABI_STRING_HEAD bytes that may not overlap
 * the arguments unless said so, and is cut at max_string - 1 bytes.
 *
 * A function marked "fails" may set slot->error (and the text at
 * ABI_SLOT_ERROR) and return 0 or "": the caller tests slot->error after it.
 *
 * Nothing here allocates, blocks without bound, calls libc or touches errno.
 */
#ifndef SPILE_RT_API_H
#define SPILE_RT_API_H

#include "abi/abi.h"

#define RT_API __attribute__((visibility("default")))

typedef const struct abi_string *rt_str;

/* ---- strings */
RT_API void rt_str_copy(struct abi_slot *s, rt_str from, struct abi_string *out); /* from == out allowed */
RT_API void rt_str_concat(struct abi_slot *s, rt_str a, rt_str b, struct abi_string *out); /* a == out allowed */
RT_API int64_t rt_str_compare(struct abi_slot *s, rt_str a, rt_str b); /* strcmp: <0 0 >0 */
RT_API int64_t rt_strlen(struct abi_slot *s, rt_str a);
RT_API void rt_substr(struct abi_slot *s, rt_str a, int64_t start, int64_t length, struct abi_string *out);
RT_API int64_t rt_isinstr(struct abi_slot *s, rt_str hay, rt_str needle);
RT_API int64_t rt_strpos(struct abi_slot *s, rt_str hay, rt_str needle);
RT_API int64_t rt_stringat(struct abi_slot *s, rt_str a, int64_t at); /* fails */
RT_API int64_t rt_strtol(struct abi_slot *s, rt_str a, int64_t base);
RT_API void rt_str_replace(struct abi_slot *s, rt_str a, rt_str find, rt_str with, struct abi_string *out);
RT_API int64_t rt_isdigit(struct abi_slot *s, rt_str a);
RT_API void rt_text_str(struct abi_slot *s, rt_str a, struct abi_string *out);
RT_API void rt_text_strn(struct abi_slot *s, rt_str a, int64_t n, int64_t quoted, struct abi_string *out);
/* As JSON has it */
RT_API void rt_json_quoted(struct abi_slot *s, rt_str a, struct abi_string *out);
RT_API void rt_string_quoted(struct abi_slot *s, rt_str a, struct abi_string *out);
RT_API void rt_tokenize(struct abi_slot *s, rt_str a, rt_str delimiters, struct abi_string *out);

/* ---- output. args: n_args u64, longs or addresses of abi_string */
RT_API void rt_print(struct abi_slot *s, int64_t format, const struct abi_format *f, const uint64_t *args);
RT_API void rt_sprint(struct abi_slot *s, const struct abi_format *f, const uint64_t *args,
		      struct abi_string *out); /* args may include out */
RT_API void rt_print_hist(struct abi_slot *s, int64_t format, const struct abi_stat_desc *d,
			  int64_t hist_kind, const struct abi_stat *v); /* fails; kind 1 log 2 linear; format: 1 adds a newline */
RT_API void rt_sprint_hist(struct abi_slot *s, const struct abi_stat_desc *d, int64_t hist_kind,
			   const struct abi_stat *v, struct abi_string *out); /* fails */
RT_API void rt_log(struct abi_slot *s, rt_str text); /* and a newline */
RT_API void rt_put(struct abi_slot *s, rt_str text); /* as it is */
RT_API void rt_warn(struct abi_slot *s, rt_str text);
RT_API void rt_system(struct abi_slot *s, rt_str command);
RT_API void rt_switch_file(struct abi_slot *s); /* what is printed from now on goes to another file */

/* ---- errors and control */
RT_API void rt_error(struct abi_slot *s, rt_str text); /* fails, always: error() */
/* fails, always. Number: 0 division by 0, 1 MAXACTION exceeded (fatal), 2 MAXNESTING exceeded,
 * 3 array overflow, 4 empty aggregate, 5 histogram index out of range, 6 all functions exhausted */
/* The pending error came through a script function that was called there, a bundle position */
RT_API void rt_called_from(struct abi_slot *s, int64_t position);
RT_API void rt_raise(struct abi_slot *s, int64_t number);
/* catch: the text, with " near <place>" left to the caller, into out; clears slot->error */
RT_API void rt_catch(struct abi_slot *s, struct abi_string *out);
RT_API void rt_exit(struct abi_slot *s);
RT_API void rt_abort(struct abi_slot *s); /* fails, fatal, silent; session ends with status 0 */

/* ---- maps. keys: n_keys u64, longs or addresses of abi_string.
 * mask (slices): bit i set: key i is `*`. */
RT_API int64_t rt_map_get(struct abi_slot *s, struct abi_map *m, const uint64_t *keys); /* 0 if absent */
RT_API void rt_map_get_str(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, struct abi_string *out);
RT_API int64_t *rt_map_ref(struct abi_slot *s, struct abi_map *m, const uint64_t *keys); /* creates; fails: NULL */
RT_API int64_t *rt_map_ref_long(struct abi_slot *s, struct abi_map *m, int64_t key); /* one long key; creates; fails */
RT_API void rt_map_set_str(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, rt_str v); /* fails */
RT_API int64_t rt_map_has(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t mask);
RT_API void rt_map_delete(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t mask);
RT_API void rt_map_clear(struct abi_slot *s, struct abi_map *m);
RT_API void rt_map_stat_add(struct abi_slot *s, struct abi_map *m, const uint64_t *keys, int64_t v); /* fails */
/* The element's statistic, or NULL (reads as empty). */
RT_API struct abi_stat *rt_map_stat(struct abi_slot *s, struct abi_map *m, const uint64_t *keys);

/* foreach. The iterator lives in the handler's frame. */
struct rt_each {
	uint64_t map; /* address */
	uint64_t left; /* elements still allowed by limit */
	uint32_t entry; /* current */
	uint32_t next;
	uint64_t mask; /* slice: bits of `*` */
	uint64_t keys; /* address of slice keys, 0 none */
	uint64_t pad[3];
};
/* sort: 0 none, 1 ascending, -1 descending; column: 0 value, i key i; stat_op: for statistic values;
 * limit: INT64_MAX for none. */
RT_API void rt_each_begin(struct abi_slot *s, struct rt_each *it, struct abi_map *m, int64_t sort,
			  int64_t column, int64_t stat_op, int64_t limit, const uint64_t *keys, int64_t mask);
RT_API int64_t rt_each_next(struct abi_slot *s, struct rt_each *it); /* 0 at the end */
RT_API int64_t rt_each_key(struct abi_slot *s, struct rt_each *it, int64_t column); /* 1.. */
RT_API void rt_each_key_str(struct abi_slot *s, struct rt_each *it, int64_t column, struct abi_string *out);
RT_API int64_t rt_each_value(struct abi_slot *s, struct rt_each *it); /* a long, or a statistic's @count */
RT_API void rt_each_value_str(struct abi_slot *s, struct rt_each *it, struct abi_string *out);

/* ---- statistics */
RT_API void rt_stat_add(struct abi_slot *s, const struct abi_stat_desc *d, struct abi_stat *v, int64_t x);
RT_API int64_t rt_stat_get(struct abi_slot *s, const struct abi_stat_desc *d, const struct abi_stat *v,
			   int64_t op); /* v may be NULL; fails if empty (not count, sum) */
RT_API int64_t rt_stat_bucket(struct abi_slot *s, const struct abi_stat_desc *d, int64_t hist_kind,
			      const struct abi_stat *v, int64_t index); /* fails */
RT_API void rt_stat_clear(struct abi_slot *s, const struct abi_stat_desc *d, struct abi_stat *v);

/* ---- shared globals */
/* 1: all held until rt_unlock. locks[n]: global index | 0x80000000 for writing, ascending. 0: skipped, counted. */
RT_API int64_t rt_lock(struct abi_slot *s, const uint32_t *locks, int64_t n);
RT_API void rt_unlock(struct abi_slot *s);
/* Tool only: where to read a SHARDED global now: base when collapsed, else merged, brought up to date if dirty. */
RT_API void *rt_view(struct abi_slot *s, int64_t global);
/* Tool only: folds all shards into base, empties them; sets region.collapsed. */
RT_API void rt_collapse(struct abi_slot *s);

/* ---- conditions of probes */
RT_API void rt_condition_holds(struct abi_slot *s); /* tool only: sets region.condition_holds */
RT_API void rt_condition_changed(struct abi_slot *s); /* a variable was written: wakes the tool, once until it has looked */

/* ---- target memory: fails on a fault ("read fault at 0x...") */
RT_API int64_t rt_read(struct abi_slot *s, int64_t address, int64_t size); /* 1 2 4 8, zero-extended */
RT_API int64_t rt_read_signed(struct abi_slot *s, int64_t address, int64_t size);
/* The same, but what cannot be read is 0: --skip-badvars. */
RT_API int64_t rt_read_or_zero(struct abi_slot *s, int64_t address, int64_t size);
RT_API int64_t rt_read_signed_or_zero(struct abi_slot *s, int64_t address, int64_t size);
RT_API void rt_user_string(struct abi_slot *s, int64_t address, int64_t limit, struct abi_string *out); /* fails */
RT_API void rt_user_bytes(struct abi_slot *s, int64_t address, int64_t size, struct abi_string *out); /* fails; exact, may hold NULs */
RT_API void rt_user_string_quoted(struct abi_slot *s, int64_t address, int64_t limit, int64_t out_limit,
				  struct abi_string *out); /* fault: hex address text */

/* ---- context */
RT_API int64_t rt_pid(struct abi_slot *s);
RT_API int64_t rt_ppid(struct abi_slot *s);
RT_API int64_t rt_tid(struct abi_slot *s);
RT_API int64_t rt_uid(struct abi_slot *s);
RT_API int64_t rt_euid(struct abi_slot *s);
RT_API int64_t rt_gid(struct abi_slot *s);
RT_API int64_t rt_egid(struct abi_slot *s);
RT_API int64_t rt_pgrp(struct abi_slot *s);
RT_API int64_t rt_sid(struct abi_slot *s);
RT_API void rt_execname(struct abi_slot *s, struct abi_string *out);
RT_API int64_t rt_cpu(struct abi_slot *s);
RT_API int64_t rt_target(struct abi_slot *s);
RT_API int64_t rt_user_mode(struct abi_slot *s); /* 0: a sample of a thread that was in the kernel */
/* Of what the kernel told of a thread, in the tool: abi_sample.values[number]; else 0. */
RT_API int64_t rt_sample_value(struct abi_slot *s, int64_t number);
/* The same, abi_sample.other_name; else empty. */
RT_API void rt_sample_name(struct abi_slot *s, struct abi_string *out);
RT_API int64_t rt_stp_pid(struct abi_slot *s);
RT_API void rt_pp(struct abi_slot *s, struct abi_string *out);
RT_API void rt_ppfunc(struct abi_slot *s, struct abi_string *out);
RT_API void rt_mark_name(struct abi_slot *s, struct abi_string *out); /* $$name */
RT_API void rt_mark_provider(struct abi_slot *s, struct abi_string *out); /* $$provider */
/* @entry of a text: a token for the inserted frame; the text of a token, "" if it is gone */
RT_API int64_t rt_text_keep(struct abi_slot *s, rt_str text);
RT_API void rt_text_kept(struct abi_slot *s, int64_t token, struct abi_string *out);
RT_API void rt_text_drop(struct abi_slot *s, int64_t token); /* it is not asked for again */
RT_API int64_t rt_addr(struct abi_slot *s); /* pc of the hit, 0 if none */
RT_API int64_t rt_register(struct abi_slot *s, rt_str name, int64_t is_signed); /* fails */
RT_API int64_t rt_argument(struct abi_slot *s, int64_t number, int64_t size, int64_t is_signed); /* 1..; fails */
RT_API int64_t rt_clock(struct abi_slot *s, int64_t which, int64_t divisor); /* which 0 realtime, 1 monotonic; ns / divisor */
RT_API int64_t rt_zone_west(struct abi_slot *s); /* seconds */
RT_API void rt_zone_name(struct abi_slot *s, struct abi_string *out);
RT_API int64_t rt_cycles(struct abi_slot *s);
RT_API int64_t rt_randint(struct abi_slot *s, int64_t n); /* fails */
RT_API int64_t rt_registers_valid(struct abi_slot *s);

/* ---- tasks, by /proc. pid (or tid): 0 the process of the handler; one that is not there: fails */
RT_API int64_t rt_task_exists(struct abi_slot *s, int64_t pid);
RT_API int64_t rt_task_stat(struct abi_slot *s, int64_t pid, int64_t field); /* of /proc/PID/stat, 3.. */
RT_API int64_t rt_task_pages(struct abi_slot *s, int64_t pid, int64_t column); /* of statm, 0.. */
RT_API int64_t rt_task_status(struct abi_slot *s, int64_t pid, rt_str key, int64_t column); /* of status; -1: one in hexadecimal */
RT_API int64_t rt_task_limit(struct abi_slot *s, int64_t pid, int64_t kind); /* RLIMIT_, soft; -1 none */
RT_API int64_t rt_task_time(struct abi_slot *s, int64_t tid, int64_t system); /* ns, 0: the thread's */
/* What the thread has of a software event, by its number in linux/perf_event.h, since it began. */
RT_API int64_t rt_counter(struct abi_slot *s, int64_t event);
/* At a handler's begin, before it locks anything: the thread gets its counters of the processor. */
RT_API void rt_counters_open(struct abi_slot *s);
/* What the thread has of region.counters[number], since it got them. */
RT_API int64_t rt_processor_counter(struct abi_slot *s, int64_t number);
RT_API int64_t rt_task_files(struct abi_slot *s, int64_t pid); /* open ones */
RT_API int64_t rt_load_average(struct abi_slot *s, int64_t which); /* 0..2; hundredths */
RT_API void rt_task_name(struct abi_slot *s, int64_t pid, struct abi_string *out); /* "" if none */
RT_API void rt_task_children(struct abi_slot *s, int64_t pid, struct abi_string *out); /* "1 2 " */
RT_API void rt_task_link(struct abi_slot *s, int64_t pid, rt_str name, struct abi_string *out); /* "" if none */
/* Of the handler's process: arguments first..last (negative: all) with the delimiter between them. */
RT_API void rt_task_arguments(struct abi_slot *s, int64_t first, int64_t last, rt_str delimiter,
			      struct abi_string *out);
/* $value of procfs probes; "" in targets */
RT_API void rt_procfs_value(struct abi_slot *s, struct abi_string *out);
/* Appends, or with `whole` replaces; out: what it is now. Fails when there is no room for it */
RT_API void rt_procfs_put(struct abi_slot *s, rt_str text, int64_t whole, struct abi_string *out);
RT_API void rt_procfs_folder(struct abi_slot *s, struct abi_string *out);
RT_API int64_t rt_max_string(struct abi_slot *s); /* MAXSTRINGLEN */
RT_API void rt_environment(struct abi_slot *s, rt_str name, struct abi_string *out); /* as at exec */
RT_API void rt_module_path(struct abi_slot *s, int64_t address, struct abi_string *out); /* "" if none */
RT_API int64_t rt_module_offset(struct abi_slot *s, int64_t address); /* from its start; -1 none */
/* Where the file's beginning is mapped; fails when it is not. */
RT_API int64_t rt_module_base(struct abi_slot *s, rt_str path);

/* ---- stacks: by the tables of the region. `form`s of places: unwind.h; of stacks: ABI_STACK_ */
RT_API void rt_ubacktrace(struct abi_slot *s, struct abi_string *out); /* "0x1 0x2"; "" without registers */
RT_API void rt_ucallers(struct abi_slot *s, int64_t n, struct abi_string *out); /* n + 1 of them; negative: all */
RT_API int64_t rt_ustack(struct abi_slot *s, int64_t n); /* fails */
RT_API void rt_sprint_ubacktrace(struct abi_slot *s, struct abi_string *out);
RT_API void rt_print_ubacktrace(struct abi_slot *s, int64_t form);
RT_API void rt_print_ubacktrace_from(struct abi_slot *s, int64_t pc, int64_t sp, int64_t fp, int64_t form);
RT_API void rt_print_usyms(struct abi_slot *s, rt_str text, int64_t form); /* addresses as of rt_ubacktrace() */
RT_API void rt_sprint_usyms(struct abi_slot *s, rt_str text, struct abi_string *out);
RT_API void rt_place_text(struct abi_slot *s, int64_t address, int64_t form, struct abi_string *out);
RT_API void rt_line_text(struct abi_slot *s, int64_t address, int64_t form, struct abi_string *out);
RT_API void rt_build_id_text(struct abi_slot *s, int64_t address, struct abi_string *out);

/* ---- more of the target's memory. width: 2 UTF-16, 4 UTF-32; the result is UTF-8 */
RT_API void rt_user_string_wide(struct abi_slot *s, int64_t address, int64_t width,
				struct abi_string *out); /* fails */
/* The same, and gives the value back. */
RT_API int64_t rt_store(struct abi_slot *s, int64_t address, int64_t value, int64_t size);
/* The low `size` bytes of the target's register (as mov to it would); gives the value back. */
RT_API void rt_set_argument(struct abi_slot *s, int64_t number, int64_t value, int64_t size); /* 1..; fails */
RT_API int64_t rt_store_register(struct abi_slot *s, int64_t value, int64_t number, int64_t size);
/* The bits of a 64-bit float as those of the nearest 32-bit one. */
RT_API int64_t rt_narrow_float(struct abi_slot *s, int64_t bits);
RT_API void rt_write_number(struct abi_slot *s, int64_t address, int64_t value, int64_t size); /* fails; 1 2 4 8 */
RT_API void rt_write_string(struct abi_slot *s, int64_t address, rt_str text); /* fails; with its NUL */
RT_API void rt_write_string_n(struct abi_slot *s, int64_t address, int64_t n, rt_str text); /* fails */
RT_API void rt_delay(struct abi_slot *s, int64_t amount, int64_t unit); /* unit ns each; 10 s at most */
RT_API void rt_raise_signal(struct abi_slot *s, int64_t number); /* fails; by the tool, soon */

/* ---- floating point: IEEE 754 doubles as bits; to nearest, as the processor's SSE2 */
RT_API int64_t rt_fp_add(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_sub(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_mul(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_div(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_rem(struct abi_slot *s, int64_t a, int64_t b); /* IEEE remainder: n to nearest */
RT_API int64_t rt_fp_sqrt(struct abi_slot *s, int64_t a);
RT_API int64_t rt_fp_eq(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_le(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_lt(struct abi_slot *s, int64_t a, int64_t b);
RT_API int64_t rt_fp_from_long(struct abi_slot *s, int64_t value);
/* mode: 0 nearest even, 1 to zero, 2 down, 3 up, 4 nearest away, 6 odd; INT64_MIN for what fits no long */
RT_API int64_t rt_fp_to_long(struct abi_slot *s, int64_t value, int64_t mode, int64_t exact);
RT_API int64_t rt_fp_widen(struct abi_slot *s, int64_t value); /* 32 bits to 64 */
RT_API void rt_fp_to_string(struct abi_slot *s, int64_t value, int64_t precision, struct abi_string *out);
RT_API int64_t rt_string_to_fp(struct abi_slot *s, rt_str text);

/* ---- names of numbers. table: a number of core/names.def */
RT_API void rt_flag_names(struct abi_slot *s, int64_t value, int64_t table,
			  struct abi_string *out); /* "A|B|0x40" */
RT_API void rt_name_of(struct abi_slot *s, int64_t value, int64_t table, struct abi_string *out); /* "" if none */
RT_API int64_t rt_name_value(struct abi_slot *s, rt_str name, int64_t table); /* -1 if none */

/* ---- regular expressions. Both take time in the length of the string alone */
RT_API int64_t rt_regex_test(struct abi_slot *s, rt_str a, const struct abi_regex *x); /* 1 or 0; without groups */
/* With groups: also keeps what matched where; region.match_offset must be set. */
RT_API int64_t rt_regex_match(struct abi_slot *s, rt_str a, const struct abi_regex *x);
RT_API void rt_match_forget(struct abi_slot *s); /* before the first match of a handler */
RT_API void rt_matched(struct abi_slot *s, int64_t group, struct abi_string *out); /* fails; "" if left out */
RT_API int64_t rt_ngroups(struct abi_slot *s); /* fails; the whole match counted */

/* ---- handler edges */
/* -t: a run of the probe's handler that began at time stamp `start` is over. */
RT_API void rt_timing(struct abi_slot *s, int64_t probe, int64_t start);
/* Called by gen's prologues only. Reports slot->error (if uncaught) as a record, counts it; publishes records; drops locks. */
RT_API void rt_handler_end(struct abi_slot *s);

#endif
