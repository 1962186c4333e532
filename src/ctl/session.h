/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of ctl share: the session, its processes, and the verbs of
 * injection in the order of their story.
 *
 *	seize    proc_stop                       (proc)
 *	place    ctl_target_place                target.c
 *	arm      ctl_arm_plan, ctl_arm_apply     arm.c
 *	follow   ctl_modules_serve               modules.c
 *	disarm   ctl_leave                       leave.c
 *	remove   ctl_target_remove               target.c
 *	after the tool's death: ctl_cleanup      cleanup.c, by the ledger
 *	release  proc_release                    (proc)
 *
 * One struct ctl_session per run, one struct ctl_process per process that holds our code.
 * All memory is the session's arena's, but for mappings, which ctl_session_close() gives back.
 */
#ifndef SPILE_CTL_SESSION_H
#define SPILE_CTL_SESSION_H

#include <sys/resource.h>
#include <sys/types.h>

#include "ctl/ctl.h"
#include "elf/elf.h"
#include "patch/patch.h"
#include "proc/proc.h"

/* Same numbers as sema's enum probe_event. */
enum ctl_event {
	CTL_BEGIN,
	CTL_END,
	CTL_ERROR,
	CTL_NEVER,
	CTL_TIMER,
	CTL_SITE,
	CTL_READ,
	CTL_WRITE,
	CTL_RECORD,
	CTL_LIFE
};
/* Same numbers as sema's enum probe_record. */
enum ctl_record {
	CTL_SAMPLE,
	CTL_CPU_ON,
	CTL_CPU_OFF,
	CTL_FORK,
	CTL_EXEC,
	CTL_EXIT,
	CTL_MIGRATE,
	CTL_TRACEPOINT
};
/* Same as sema's. */
#define CTL_SITE_ABSOLUTE 32u
/* Same as sema's SITE_ENTRY: flags and red zone are dead at the site. */
#define CTL_SITE_ENTRY 1u

#define CTL_SLOTS 4096u
#define CTL_TABLE_SIZE (ABI_TABLE_ENTRIES * (uint64_t)sizeof(struct abi_table_entry))
#define CTL_WIPED_SIZE (CTL_TABLE_SIZE + ABI_PAGE) /* the table and abi_process.memory_mark */

/* ---- image.c: the runtime image and bundle code, made ready for one process -------- */

struct ctl_relative {
	uint64_t offset;
	int64_t addend;
};
struct ctl_runtime {
	const uint8_t *bytes; /* of the segment, from address 0 */
	uint64_t file_size, size; /* size: page-aligned, in memory */
	struct map *symbols; /* name: uint64_t offset */
	VEC(struct ctl_relative) relatives;
};
/* Where things are in one process; what relocations need. */
struct ctl_place {
	uint64_t region, process, table, ledger;
	uint64_t ledger_size;
	uint64_t image; /* the runtime; the fixed part of the code begins here */
	uint64_t code; /* the bundle's */
	uint64_t sites, traps; /* tables */
	uint64_t fixed_size; /* image, code and tables, page-aligned */
	uint32_t max_sites, max_traps; /* the trap table has two halves of max_traps */
	uint64_t unwinds; /* table, of two halves as well; max_unwinds 0: nobody needs it */
	uint32_t max_unwinds;
	uint64_t calls; /* abi_process.calls, max_calls entries: a power of two; 0 none */
	uint32_t max_calls;
	bool hooks_unwinders; /* those of the program are patched to know of them */
	uint64_t lives; /* behind the ledger: struct abi_life for each probe of beginnings and ends */
	uint64_t shadow; /* behind that; shadow_entry 0: none */
	uint64_t counters; /* behind that: a page for each slot and counter */
	uint64_t room; /* a page behind that, for remote calls */
	uint64_t syscalls; /* tables of system calls, behind the unwinds: see syscall_stubs.c */
	uint32_t shadow_entry;
	bool own_stack; /* handlers run on the slot's stack, not on with the target's */
	bool thread_pointer_loads; /* %fs:0 holds the thread pointer wherever our code runs */
};
struct error *ctl_runtime_parse(struct arena *a, const uint8_t *file, size_t size,
				struct ctl_runtime *out) BASE_MUST_CHECK;
/* Offset in the image, or false. */
bool ctl_runtime_find(const struct ctl_runtime *r, const char *name, uint64_t *offset);
/* Fills the members behind `process` and `table` for an image at `image`. */
void ctl_place_lay_out(const struct ctl_runtime *r, const struct bundle *b, uint64_t image,
		       struct ctl_place *out);
/* Writes image and code, relocated, into `view` (fixed_size bytes). */
struct error *ctl_image_build(const struct ctl_runtime *r, const struct bundle *b,
			      const struct ctl_place *p, uint8_t *view) BASE_MUST_CHECK;
/* Applies relocations of code or of an inline's copy whose address is `address`. */
struct error *ctl_relocate(const struct ctl_runtime *r, const struct bundle *b,
			   const struct ctl_place *p, const struct bundle_reloc *relocs, uint32_t n,
			   uint8_t *bytes, uint64_t address) BASE_MUST_CHECK;

/* ---- the session --------------------------------------------------------------------- */

struct ctl_session;

/* The session's code in the tool itself. */
struct ctl_tool {
	struct ctl_place place;
	struct abi_process *process;
	struct abi_table_entry *table;
	struct abi_slot *slot;
	struct abi_site *sites; /* one per bundle probe, for pp() */
	uint8_t *view;
	int fd;
	bool signals_taken;
};

struct ctl_timer {
	uint32_t probe;
	int64_t base, next; /* CLOCK_MONOTONIC ns; next is base plus the random part */
};

struct ctl_cursor; /* collect.c */
struct ctl_procfs; /* procfs.h */
struct ctl_records; /* records.c */
struct ctl_family; /* family.c */
struct ctl_file_calls; /* file_calls.h */
struct ctl_everybody; /* everybody.c */
struct ctl_tables; /* tables.c */

struct ctl_session {
	const struct ctl_options *options;
	const struct bundle *bundle;
	struct arena *arena;
	struct elf_cache *elf;
	struct ctl_runtime runtime;
	struct abi_region *region;
	uint64_t region_size;
	int region_fd;
	bool region_is_copy; /* of a dead session's, as ctl_region_copy() last read it */
	struct ctl_tool tool;
	VEC(struct ctl_file) files; /* of the bundle's sites */
	VEC(struct ctl_process *) processes;
	struct ctl_process *target; /* of -c or the first -x, or NULL */
	uint32_t n_named; /* processes that it began with */
	VEC(struct ctl_timer) timers;
	struct ctl_procfs *procfs; /* NULL: no probe of a file, nor of the input */
	struct ctl_records *records; /* NULL: no probe asks for any */
	int64_t end_time; /* -T; 0 none */
	int64_t start_tsc, start_time; /* a first sample for the clock */
	int64_t clock_checked; /* when the bases were last corrected */
	int64_t dead_checked; /* when locks of dead threads were last looked for */
	/* output */
	struct buf output;
	struct ctl_cursor *cursors;
	uint8_t *record; /* the one being printed; record_cap bytes */
	size_t record_cap;
	VEC(pid_t) commands; /* system() in the background */
	struct rlimit descriptors; /* the limit of those as we found it, for whom we start */
	bool output_failed, output_lost, corrupt_told; /* lost: not only unwanted */
	uint32_t output_files; /* times that the output was switched */
	uint64_t output_size; /* bytes of the present one */
	struct arena *scratch; /* for one plan at a time */
	uint64_t start_ticks; /* when the tool began, as /proc counts */
	struct map *warned; /* texts of warn() told already */
	struct map *finders; /* (unwind.c) file: where its unwinder looks up descriptions */
	uint64_t dropped; /* by the collector itself: records that made no sense */
	struct ctl_tables *tables; /* NULL: no script asks for stacks or names */
	struct map *sampled; /* sampled.c's own */
	/* conditions of probes, by bundle probe; NULL: there are none */
	bool *holds;
	int64_t conditions_asked; /* when last; they are asked again soon after a change */
	bool conditions_again;
	struct ctl_family *family; /* its processes; NULL: there was none yet */
	struct ctl_everybody *everybody; /* of --user: who has been looked at */
	struct patch_flow_cache *flows; /* of functions of files that were looked at */
	VEC(struct ctl_file_calls *) file_calls; /* system calls found in files */
	uint32_t counters_answered; /* region.counters_asked that have been served */
	bool counters_refused; /* to some thread */
	bool other_numbers; /* some process has a pid namespace of its own: what it calls its threads means nothing here */
	int64_t slots_looked, slots_wait; /* for those of dead threads: when, and how long until again */
	/* leaving */
	int signals_forwarded;
	int64_t leave_by; /* a launched target told to end has until then */
	bool interrupted;
	bool has_left; /* all processes: the output may wait for who reads it, as long as that takes */
	bool leaves; /* the end: who makes an exec now is not followed, who has one behind it has nothing of ours */
	bool left_behind; /* something of ours stays in a process: a failure, though all results are there */
};

/* A file of the bundle's sites. */
struct ctl_file {
	const char *path, *build_id;
	uint64_t device, inode; /* as the tool sees the path; inode 0: not there */
	VEC(uint32_t) sites; /* indexes in the bundle, by address */
	bool warned;
	bool is_library; /* not a program: any process may load it */
};

/* A mapped instance of a file in a process. */
struct ctl_module {
	const struct ctl_file *file;
	uint64_t start, end; /* of all its mappings */
	uint64_t bias, device, inode;
	bool present; /* seen at the last look */
	bool planned;
};

/* One patch, for one address. */
/* Name of the memory that holds a session's code; the number of the tool's process follows. */
#define CTL_CODE_NAME "/memfd:spile:code:"
#define CTL_REGION_NAME "/memfd:spile:region:"

struct ctl_patch {
	struct patch_plan plan;
	uint64_t address; /* the sites' */
	uint32_t first_site; /* bundle's, for reuse after dlclose */
	uint8_t code[32]; /* at address, when planned; code_size of them */
	uint32_t code_size;
	bool wanted, armed;
	bool just_armed; /* in this window: threads may stand on what is displaced */
	bool noted; /* in the ledger */
	bool held_off; /* the conditions of all its probes are false */
	bool gave_way; /* to a breakpoint of the kernel; armed again when that has gone */
	bool trapped; /* the trap table knows its address, for arming while threads run */
	/* the bundle's sites at the address, if all are under conditions; else NULL */
	const uint32_t *conditional;
	uint32_t n_conditional;
	bool shares_life; /* runs a hook of life.c too, which has the same place */
	bool for_unwinders; /* a hook, or its helper, that stays until no call is under way */
	bool is_helper; /* no sites of its own: made room for the patch behind it in the list */
	uint32_t n_helpers; /* right before it in the list */
	uint64_t ledger_at; /* offset of its record in the ledger; 0 none yet */
	uint64_t link, below; /* as in struct abi_ledger_patch */
	uint8_t bare[PATCH_MAX]; /* plan.original without any session's patches */
	bool covers; /* what stands behind the jump is the program's code, over a longer jump below */
	/* while leaving: the patch of a session above that stands in the text */
	const struct ctl_foreign *covered_by;
	bool covered_rest; /* what it does not reach is ours */
};

/* Where a hook of life.c goes. */
struct ctl_life_place {
	uint64_t address;
	const struct life_found *found; /* life.c's own */
};

/* One watchpoint. */
struct ctl_watch {
	uint32_t site; /* bundle's */
	uint32_t place; /* in abi_process.watches, when armed */
	uint64_t address;
	struct abi_watch entry;
	bool wanted, armed;
	VEC(int) descriptors; /* one per thread that was there */
};

/* A patch of another session, by its ledger. */
struct ctl_foreign {
	uint64_t address, trampoline, resume, link, below;
	uint64_t record; /* address of its record */
	uint64_t order; /* of its session */
	uint32_t size, span; /* as of struct patch_plan */
	bool is_helper; /* its bytes are another patch's: nobody stands upon it */
	uint8_t original[PATCH_MAX], patched[PATCH_MAX];
};

struct ctl_semaphore {
	uint64_t address;
	bool raised;
	bool wanted;
	bool noted; /* in the ledger */
};

/* Sites of one address where another tool's breakpoint, or another session's jump, was when they were to be planned. */
struct ctl_waiting {
	const struct ctl_file *file;
	uint64_t bias, address; /* of the breakpoint, or of the jump */
	uint32_t first, end; /* in the file's sites */
	uint32_t size; /* of the jump; 0: it is a breakpoint */
	uint8_t jump[PATCH_MAX];
};

struct ctl_hooks; /* hooks.c */
struct ctl_syscalls; /* syscalls.c */

/* A page of the process's code, looked at for many patches; arm.c's own. */
struct ctl_page {
	uint64_t address;
	bool active, known;
	uint8_t bytes[ABI_PAGE];
};

/* A program, told from others. */
struct ctl_program {
	uint64_t device, inode;
};

struct ctl_process {
	struct ctl_session *session;
	struct arena *arena;
	struct proc *proc;
	bool is_target, launched;
	bool named; /* by -x or a probe point: the session goes on while one of these runs */
	bool fresh; /* stands behind its exec: nobody has been there before */
	uint32_t member; /* 1 + number of its entry in the region; 0 it has none, or none any more */
	uint32_t image_number; /* of this set-up; forked children tell it */
	uint32_t users; /* members that run its code */
	int64_t idle_since; /* when the last of them went */
	struct ctl_program program;
	uint32_t own_number; /* what it takes itself for: in a pid namespace of its own another one than proc's */
	struct arena *own_arena; /* for all of it; NULL: the session's */
	struct arena *proc_arena; /* of proc, if that was there before; NULL */
	struct proc_maps maps; /* as of the last ctl_maps_refresh() */
	bool is_told; /* or as the kernel told them, and the process may have ended: files are known by their inodes */
	struct arena *maps_arena;
	struct ctl_place place;
	uint8_t *view; /* writable view of the fixed part of the code */
	int code_fd;
	uint64_t code_size; /* of the memfd so far */
	uint64_t ledger_used; /* bytes of the ledger in the process */
	uint64_t ledger_order; /* as in its head */
	VEC(struct ctl_foreign) foreign; /* patches of other sessions, as of ctl_chain_look() */
	struct arena *foreign_arena;
	VEC(struct ctl_waiting) waiting;
	bool waiting_told;
	uint64_t modules_late; /* abi_process.modules_late that have been told */
	int64_t breakpoints_looked; /* when ctl_breakpoints_watch() last did */
	uint32_t breakpoints_next; /* the patch it goes on with */
	struct patch_space *space;
	VEC(struct ctl_module) modules;
	VEC(struct ctl_patch) patches;
	VEC(struct ctl_semaphore) semaphores;
	VEC(struct ctl_watch) watches;
	struct map *by_address; /* site address: index in patches + 1 */
	VEC(struct abi_trap) traps; /* in no order; ctl_traps_publish() sorts a copy */
	bool traps_in_second; /* which half of the trap table is in use */
	VEC(struct abi_unwind) unwinds; /* of planned trampolines, in no order */
	bool unwinds_in_second;
	VEC(struct patch_range) mapped; /* pages of trampolines in the process */
	VEC(struct patch_range) inherited; /* the same, never emptied: forked children have it */
	int remote_code; /* the target's descriptor of the code, -1: none at the moment */
	uint32_t next_site; /* first free entry of the site table */
	uint64_t modules_list; /* struct abi_modules in the region; 0 none */
	bool placed; /* memory is mapped in the process */
	bool needs_hooks; /* something may fault or trap */
	struct ctl_patch follow; /* the hook of the dynamic loader */
	bool follow_shared; /* that hook is a body of a patch for sites */
	uint64_t follow_shared_at; /* of the sites */
	bool was_toggling; /* its tool died, or it was forked, while patches were armed under running threads */
	VEC(struct ctl_life_place) life_places; /* in what is mapped, as of ctl_life_expect() */
	struct ctl_hooks *hooks; /* hooks.c's own */
	struct ctl_syscalls *syscalls; /* syscalls.c's own */
	bool keep_syscalls; /* returns of system calls are probed */
	uint64_t text_served, events_served; /* of abi_process.text_mapped and .module_sequence */
	bool only_text; /* the loader is in the middle of mapping a file */
	VEC(uint64_t) hook_places; /* where they go in modules that have sites, if they are needed */
	VEC(struct ctl_waiting) claimed; /* sites there */
	struct ctl_page page;
	/* counts, for messages */
	uint32_t rungs[RUNG_COUNT];
	uint32_t n_unplaced;
	uint32_t n_covered; /* patches that another tool had written over when we left */
	const char *unplaced; /* why the first could not be placed */
	int64_t window_ns; /* length of the last stop window */
	int64_t toggle_again; /* patches that could not be armed or disarmed are tried again then; 0 none */
	bool live; /* patches may be armed under running threads: it is registered for membarrier */
	int lock_fd; /* see ctl_process_lock(); 0 not open yet */
};

/* Sorts the bundle's sites by file into s->files. */
void ctl_files_sort(struct ctl_session *s);
/* Whether a process may come to have sites: its program is among the files, or a library is. */
bool ctl_files_concern(const struct ctl_session *s, pid_t pid);
/* The process is a run of that file. */
bool ctl_runs_program(const struct ctl_process *p, const char *path);

/* ---- region.c -------------------------------------------------------------- */

struct error *ctl_region_create(struct ctl_session *s) BASE_MUST_CHECK;
void ctl_region_destroy(struct ctl_session *s);
/* Reads heads of a dead session's region and of its slots through the process. */
struct error *ctl_region_copy(struct ctl_process *p) BASE_MUST_CHECK;
struct abi_slot *ctl_slot(const struct ctl_session *s, uint32_t number);
uint32_t ctl_slots_used(const struct ctl_session *s);
void ctl_state_set(struct ctl_session *s, uint32_t state);

/* ---- tables.c -------------------------------------------------------------- */

/* Whether handlers of the bundle walk stacks. */
bool ctl_tables_walk(const struct bundle *b);
/* Room for tables in the region, if the bundle asks for stacks or names. */
void ctl_tables_lay_out(struct ctl_session *s, struct abi_region *r);
/* Describes what is mapped, by p->maps, and tells the process of it. */
void ctl_tables_look(struct ctl_process *p);
/* The list of all modules that any process had. */
uint64_t ctl_tables_known(const struct ctl_session *s);
/* The file of tables (from the region); its symbols are made if they are not yet there. NULL: none. */
struct elf_file *ctl_tables_file(struct ctl_session *s, uint64_t tables);
/* Whether it is the place of a list that was made; target memory is not believed. */
const struct abi_modules *ctl_tables_list(const struct ctl_session *s, uint64_t modules);

/* ---- flame.c --------------------------------------------------------------- */

/* Calls options->stack for each element of an array that has a stack for a key. Handlers have ended. */
void ctl_stacks_tell(struct ctl_session *s);

/* ---- stack.c --------------------------------------------------------------- */

/* Prints a record of a stack; false: it makes no sense. */
bool ctl_print_stack(struct ctl_session *s, const struct abi_record *r);

/* ---- slots.c --------------------------------------------------------------- */

/* When few are left: takes back those of threads that have ended. */
void ctl_slots_reclaim(struct ctl_session *s);
/* Of a thread that is dead: its locks and the slot are free again. */
void ctl_slot_give(struct ctl_session *s, uint32_t number);

/* ---- clock.c --------------------------------------------------------------- */

uint64_t ctl_tsc(void);
int64_t ctl_now(void); /* CLOCK_MONOTONIC, ns */
void ctl_clock_start(struct ctl_session *s); /* first sample */
void ctl_clock_calibrate(struct ctl_session *s); /* second: fills the region's conversion */
void ctl_clock_correct(struct ctl_session *s); /* now and then: follows the kernel's clocks */

/* ---- tool.c ---------------------------------------------------------------- */

struct error *ctl_tool_place(struct ctl_session *s) BASE_MUST_CHECK;
void ctl_tool_remove(struct ctl_session *s);
void ctl_tool_run(struct ctl_session *s, uint32_t probe);
/* The same with a site of its own. */
void ctl_tool_run_for(struct ctl_session *s, uint32_t probe, const struct abi_site *site);
/* Whether the probe's condition holds now; one that fails does. */
bool ctl_tool_ask(struct ctl_session *s, uint32_t probe);
/* All probes of a kind, by sequence number. */
void ctl_tool_run_all(struct ctl_session *s, enum ctl_event event);
/* Shards into bases: nobody else runs any more. */
void ctl_tool_collapse(struct ctl_session *s);

/* ---- timers.c -------------------------------------------------------------- */

void ctl_timers_start(struct ctl_session *s);
void ctl_timers_run(struct ctl_session *s); /* those that are due */
int64_t ctl_timers_next(const struct ctl_session *s); /* INT64_MAX: none */

/* ---- collect.c ------------------------------------------------------------- */

/*
 * Formats what is finished, in order of time; `all`: without a watermark. Returns the number
 * of records.
 */
uint64_t ctl_collect(struct ctl_session *s, bool all);
void ctl_collect_close(struct ctl_session *s);
/* Gives back the locks of threads that died; `all`: nobody runs handlers any more. */
void ctl_release_dead(struct ctl_session *s, bool all);
/* Those of one slot, whose thread is dead. */
void ctl_release_slot(struct ctl_session *s, struct abi_slot *slot);
/* ctl_collect() from inside a handler of the tool whose ring is full. */
void ctl_collect_own(struct ctl_session *s);
void ctl_flush(struct ctl_session *s);
/* The limit of descriptors: as high as may be; as we found it, while something is started that inherits it. */
void ctl_descriptors_raise(struct ctl_session *s);
void ctl_descriptors_lower(const struct ctl_session *s);
/* Reaps background commands that have ended; _finish gives the others a moment. */
void ctl_commands_reap(struct ctl_session *s);
void ctl_commands_finish(struct ctl_session *s);
void ctl_warn(struct ctl_session *s, const char *fmt, ...) BASE_PRINTF(2, 3);
/* "ERROR: text" */
void ctl_complain(struct ctl_session *s, const char *text);
/* -t: what it asked for, to the script's output. */
void ctl_timing_report(struct ctl_session *s);
void ctl_verbose(struct ctl_session *s, int level, const char *fmt, ...) BASE_PRINTF(3, 4);

/* ---- target.c -------------------------------------------------------------- */

/* In an arena of its own, on the session's list. */
struct ctl_process *ctl_process_create(struct ctl_session *s, struct proc *proc);
/* On no list. */
struct ctl_process *ctl_process_alone(struct ctl_session *s, struct proc *proc);
/* Of one that is on no list any more; proc may be NULL. */
void ctl_process_destroy(struct ctl_process *p);
/* Chooses addresses from p->maps and builds the code; the process need not be stopped. */
struct error *ctl_target_prepare(struct ctl_process *p) BASE_MUST_CHECK;
/* Are the chosen addresses, and those of fresh pages, still free in p->maps? */
bool ctl_target_fits(const struct ctl_process *p);
/* Forgets all addresses, patches and modules; for another ctl_target_prepare(). */
void ctl_target_reset(struct ctl_process *p);
/* Maps region, process page, table and code. Stopped, inside proc_remote_begin/end. */
struct error *ctl_target_place(struct ctl_process *p) BASE_MUST_CHECK;
/* Maps new trampoline pages and writes changed ones. Stopped, inside remote begin/end. */
struct error *ctl_target_map_pages(struct ctl_process *p) BASE_MUST_CHECK;
/* Closes descriptors that the two above left open in the target. */
struct error *ctl_target_close_files(struct ctl_process *p) BASE_MUST_CHECK;
/* Unmaps all. Stopped, inside remote begin/end. */
struct error *ctl_target_remove(struct ctl_process *p) BASE_MUST_CHECK;
void ctl_process_close(struct ctl_process *p);
struct error *ctl_maps_refresh(struct ctl_process *p) BASE_MUST_CHECK;
/* Free address ranges for trampolines, from p->maps. */
void ctl_target_refresh_space(struct ctl_process *p);
/* Is the address in memory that we mapped? */
bool ctl_target_owns(const struct ctl_process *p, uint64_t address);
/* Reads and writes of the process's struct abi_process. */
bool ctl_process_read(const struct ctl_process *p, uint32_t offset, void *to, size_t n);
struct error *ctl_process_write(const struct ctl_process *p, uint32_t offset, const void *from,
				size_t n) BASE_MUST_CHECK;
/* Address of a runtime symbol in the process; 0 if the image has none. */
uint64_t ctl_runtime_address(const struct ctl_process *p, const char *name);

/* ---- returns.c ------------------------------------------------------------- */

/* What a handler is made into for one site. */
struct ctl_body_wish {
	uint32_t site; /* bundle's */
	uint32_t handler;
	enum bundle_variant variant;
	bool at_entry; /* of a function, whatever the site says */
	int32_t depth; /* the target's rsp less that at the handler's begin */
};
/* arm.c: false: there is nothing to run, or no room for its site. */
bool ctl_body_make(struct ctl_process *p, const struct ctl_module *m, const struct ctl_body_wish *w,
		   struct patch_body *out);
/* Those of the sites that are at a return; their number. In the session's scratch. */
uint32_t ctl_returns_make(struct ctl_process *p, const struct ctl_module *m, const uint32_t *sites,
			  uint32_t n, struct patch_return **out);
/* Whether any site is at a return. */
bool ctl_returns_any(const struct bundle *b);
/* Bytes of an entry of the shadow table. */
uint32_t ctl_returns_shadow_entry(const struct bundle *b);
/* Adds what unwinders must know of a planned trampoline; in the window: hands all of it to the process. */
void ctl_unwinds_add(struct ctl_process *p, const struct patch_plan *plan);
struct error *ctl_unwinds_publish(struct ctl_process *p) BASE_MUST_CHECK;
struct ctl_returns {
	struct patch_frame frame;
	bool at_rets; /* the function must not be called: its frame.rets are probed instead */
	bool keeps; /* there are frames: the request is for the entry, and plan_rets() makes those of the rets */
};
/*
 * Looks at the function and fills the request's form, or *out; an error: its returns cannot be
 * probed.
 */
struct error *ctl_returns_choose(struct ctl_process *p, const struct ctl_module *m, uint32_t site,
				 struct patch_request *r, struct ctl_returns *out) BASE_MUST_CHECK;
/* Bodies for return instructions, of those of the sites that are at a return; in scratch. */
uint32_t ctl_returns_bodies(struct ctl_process *p, const struct ctl_module *m, const uint32_t *sites,
			    uint32_t n, struct patch_body **out);

/* ---- under_way.c ----------------------------------------------------------- */

/* A search for calls that trampolines have made and that have not returned. */
struct ctl_under_way {
	struct ctl_process *p;
	struct arena *arena;
	struct map *backs; /* return addresses into trampolines: struct abi_unwind of the call */
	uint8_t *filter; /* a bit for each value of a hash of them */
	VEC(struct patch_range) dead; /* below the stack pointers of threads */
	bool lets; /* calls on the stacks of threads are given back to the program */
	uint64_t ret; /* then: as of ctl_let_return_find() */
};
/* In the window, when nobody can begin such a call any more. The search is the arena's. */
void ctl_under_way_begin(struct ctl_process *p, struct arena *a, struct ctl_under_way *out);
/* On the stack that a stopped thread is on: those that cannot be given back to the program. */
uint32_t ctl_under_way_thread(struct ctl_under_way *u, const struct proc_registers *r);
/*
 * Anywhere: on stacks that no thread is on (coroutines, below a handler on its alternate stack). All
 * private writable memory is searched but what is dead. The process may run: a call waits in its place.
 */
uint32_t ctl_under_way_anywhere(const struct ctl_under_way *u);

/* ---- let_return.c ---------------------------------------------------------- */

/* The address of a return instruction that calls under way may come back to, by p->maps; 0: there is none. */
uint64_t ctl_let_return_find(struct ctl_process *p);
/*
 * The call whose return address into the trampoline (row's end) stands at `at` on a stopped thread's stack will return to the
 * program. False: it cannot be done.
 */
bool ctl_let_return(const struct ctl_process *p, uint64_t ret, const struct abi_unwind *row, uint64_t at);

/* ---- unwind.c -------------------------------------------------------------- */

/* Plans the hooks of unwinders in what is mapped, if returns are probed. */
void ctl_unwind_plan(struct ctl_process *p);
/* Exceptions thrown in the program would not pass frames of ours: nobody knows where its unwinder is. */
bool ctl_unwind_is_blind(struct ctl_process *p, const struct ctl_module *m);
/* A site where such a hook goes shares its patch with it. True: *out is the hook's body. */
bool ctl_unwind_share_hook(struct ctl_process *p, const struct ctl_module *m, uint64_t address,
			   struct patch_body *out);

/* ---- arm.c, bytes.c ----------------------------------------------------------------- */

/* Plans the sites of modules not yet planned. No stop needed. */
void ctl_arm_plan(struct ctl_process *p);
/* Those that have the place of a hook of system calls; after ctl_hooks_prepare(). */
void ctl_arm_plan_claimed(struct ctl_process *p);
/* In the window, after ctl_target_map_pages(): writes what is wanted and not armed. */
struct error *ctl_arm_apply(struct ctl_process *p) BASE_MUST_CHECK;
/* Does a site's probe concern the process? */
bool ctl_site_applies(const struct ctl_process *p, const struct bundle_site *site);
/* Takes a planned patch, with what it relies on, into the list. */
void ctl_arm_add(struct ctl_process *p, struct ctl_patch *patch);
/* Adds a trap of a hook or patch; takes effect with ctl_traps_publish(). */
void ctl_trap_add(struct ctl_process *p, uint64_t address, uint64_t resume);
void ctl_traps_forget(struct ctl_process *p, uint64_t start, uint64_t end);
struct error *ctl_traps_publish(struct ctl_process *p) BASE_MUST_CHECK;
/* Puts the plans that a patch's plan relies on into the list of patches, and takes them off it. */
void ctl_helpers_add(struct ctl_process *p, struct ctl_patch *patch);
/* Those of a plan. */
void ctl_traps_add(struct ctl_process *p, const struct patch_plan *plan);
/* Between the two all threads stand: a page of code may be read once for all patches in it. */
void ctl_text_begin(struct ctl_process *p);
void ctl_text_end(struct ctl_process *p);
/* Writes one patch if the bytes are as planned; moves nothing. */
struct error *ctl_patch_write(struct ctl_process *p, struct ctl_patch *patch) BASE_MUST_CHECK;
/* The code is as the patch wants to find it; the patch stands there, not another session's that begins alike. */
bool ctl_patch_fits(struct ctl_process *p, const struct patch_plan *plan);
bool ctl_patch_stands(struct ctl_process *p, const struct patch_plan *plan);
/* Sites, the loader's and those of system calls: all of them, one after the other; NULL: no more. *i begins at 0. */
struct ctl_patch *ctl_patch_next(struct ctl_process *p, uint32_t *i);
/* Its bytes are armed, not armed, or on the way from one to the other. */
bool ctl_patch_is_between(const struct ctl_process *p, const struct patch_plan *plan);
/* Puts the original bytes back where they are still ours. */
struct error *ctl_patch_restore(struct ctl_process *p, struct ctl_patch *patch) BASE_MUST_CHECK;
/*
 * All patches, and the hook of the loader, restored; semaphores down. Tells what it cannot do. The
 * hooks of unwinders stay, if asked.
 */
void ctl_disarm_bytes(struct ctl_process *p, bool keep_unwinders);
/* Threads that stand on instructions over which patches have just been written go on at their copies. */
struct error *ctl_pcs_enter(struct ctl_process *p) BASE_MUST_CHECK;
/* A stopped thread has a SIGTRAP that it was not given yet. */
bool ctl_trap_is_pending(pid_t tid);
struct ctl_frame;
/* A stopped thread that has executed a byte of ours that traps, of which the handler has not been told yet; or, in doubt, may have. */
bool ctl_pc_is_on_the_way(const struct ctl_process *p, pid_t tid, uint64_t pc);
/* The handler has been told of such a byte, by this frame, and has not looked for it yet. */
bool ctl_frame_is_on_the_way(const struct ctl_process *p, const struct ctl_frame *f);
/* Moves the program counters of all held threads. Outside of remote begin/end. */
struct error *ctl_pcs_move(struct ctl_process *p, uint64_t (*to)(const struct ctl_process *p,
								 uint64_t pc)) BASE_MUST_CHECK;
/* Where a thread must go on when the patches at hand are taken out. */
uint64_t ctl_pc_disarmed(const struct ctl_process *p, uint64_t pc);

/* ---- watch.c --------------------------------------------------------------- */

bool ctl_watches_any(const struct bundle *b);
/* One is to be armed still. */
bool ctl_watches_pending(const struct ctl_process *p);
/* A site of the module that is data. */
void ctl_watch_plan(struct ctl_process *p, const struct ctl_module *m, uint32_t site);
/* In the window, when the signals are taken; tells which cannot be. */
void ctl_watches_arm(struct ctl_process *p);
/* A forked child that goes its own way has its parent's. */
void ctl_watches_inherit(struct ctl_process *p, const struct ctl_process *parent);
/* No more signals begin in it and its forked children, if all they come from are stopped; the structures stay. */
void ctl_watches_stop(struct ctl_process *p);
/* The same for good; tells what was missed. */
void ctl_watches_disarm(struct ctl_process *p);
/* The process has made an exec. */
void ctl_watches_forget(struct ctl_process *p);
/* A stopped thread will take a signal of ours when it runs. */
bool ctl_watches_signal_pending(const struct ctl_process *p, pid_t tid);

/* ---- ledger.c -------------------------------------------------------------- */

/* Room for a ledger in the process; bytes. */
uint64_t ctl_ledger_size(const struct bundle *b);
/* Writes the head: the process page is mapped. */
struct error *ctl_ledger_begin(struct ctl_process *p) BASE_MUST_CHECK;
/* Notes what is not yet in the ledger; ahead of the bytes. A patch without room in it is not wanted. */
struct error *ctl_ledger_note(struct ctl_process *p) BASE_MUST_CHECK;
/* Says that the handlers of our signals are about to be taken. */
struct error *ctl_ledger_note_signals(struct ctl_process *p) BASE_MUST_CHECK;

/* A session's traces in a process. */
struct ctl_trace {
	struct abi_ledger head;
	uint64_t process; /* address of its struct abi_process */
	bool alive; /* its tool runs, or is where we cannot see it */
};
/* Those of other sessions than the caller's, by p->maps, the earliest first. */
struct ctl_traces {
	VEC(struct ctl_trace) list;
};
void ctl_traces_find(const struct ctl_process *p, struct arena *a, struct ctl_traces *out);

/* Reads back the original bytes: sessions below that have left changed them. */
void ctl_ledger_refresh(struct ctl_process *p);
/* Patches stand between armed and disarmed. In a child that was forked meanwhile nobody goes on with them. */
bool ctl_ledger_is_toggling(const struct ctl_process *p);
struct error *ctl_ledger_set_toggling(struct ctl_process *p, bool toggling) BASE_MUST_CHECK;
/* The session is over, its memory stays for its peers. */
struct error *ctl_ledger_leave(struct ctl_process *p) BASE_MUST_CHECK;

/* ---- chain.c --------------------------------------------------------------- */

/* Reads the ledgers of other sessions, by p->maps. */
void ctl_chain_look(struct ctl_process *p);
/* No other session is in the process now; reads its maps anew. */
bool ctl_chain_is_alone(struct ctl_process *p);
/* Bytes read from the process become as they are without other sessions' patches. */
void ctl_chain_original(const struct ctl_process *p, uint64_t address, uint8_t *bytes, uint32_t n);
/* The uppermost patch of another session for a site at the address; NULL none. The next plan may take its bytes. */
const struct ctl_foreign *ctl_chain_at(const struct ctl_process *p, uint64_t address);
/* Another session's patch is at just that address. */
bool ctl_chain_has(const struct ctl_process *p, uint64_t address);
/* Another session's patch that touches the code of a site there; NULL none. */
const struct ctl_foreign *ctl_chain_near(const struct ctl_process *p, uint64_t address);
/*
 * Plans the request where another patch may be: a hook of ours, else another session's as ctl_chain_at() says, else none;
 * then the new one stands upon that. An error: it cannot, or patches would overlap. The plan lives in `a`.
 */
struct error *ctl_chain_plan(struct ctl_process *p, struct arena *a, const struct ctl_patch *hook,
			     const struct ctl_foreign *below, struct patch_request *r,
			     struct ctl_patch *patch) BASE_MUST_CHECK;
/* The original bytes become what is there now, if that is how the session below leaves it. */
void ctl_chain_accept(const struct ctl_process *p, struct ctl_patch *patch);
/* Brings the links in the bytes of a page up to date, before it is written again. */
void ctl_chain_keep(struct ctl_process *p, const struct patch_page *page);
/*
 * In the window, leaving, before bytes are restored: sessions above go round us; at the hooks of
 * unwinders, or at everything else.
 */
struct error *ctl_chain_unlink(struct ctl_process *p, bool for_unwinders) BASE_MUST_CHECK;
/* The same for hooks of system calls, when those go: inside remote begin/end. */
struct error *ctl_chain_unlink_hooks(struct ctl_process *p) BASE_MUST_CHECK;
bool ctl_chain_is_covered(const struct ctl_process *p, const struct ctl_patch *patch);
struct error *ctl_chain_restore_rest(const struct ctl_process *p,
				     const struct ctl_patch *patch) BASE_MUST_CHECK;

/* While leaving or after ctl_chain_look(): another session stands upon the patch. */
bool ctl_chain_has_above(struct ctl_process *p, const struct ctl_patch *patch);

/* ---- breakpoints.c --------------------------------------------------------- */

bool ctl_breakpoint_at(const struct ctl_process *p, uint64_t address);
/* What the sites wait for is still there. */
bool ctl_still_waits(const struct ctl_process *p, const struct ctl_waiting *w);
/* Now and then: gives way to breakpoints of the kernel, arms where they have gone. */
void ctl_breakpoints_watch(struct ctl_process *p);

/* ---- peers.c --------------------------------------------------------------- */

/* Fills in what an earlier session's handlers need of us. */
void ctl_peers_fill(const struct ctl_process *p, struct abi_process *page);
/* Another session has taken the signals of the process. */
bool ctl_peers_has_keeper(const struct ctl_process *p);
/* In the window: it stands for us too, from now on; and no longer. */
struct error *ctl_peers_join(struct ctl_process *p) BASE_MUST_CHECK;
void ctl_peers_part(struct ctl_process *p);
/* In the window: stacks are walked through trampolines of all sessions here, by each. Until ctl_peers_part(). */
void ctl_company_join(const struct ctl_process *p);
/* Others rely on the handlers of the session whose struct abi_process is given. */
bool ctl_peers_rely(const struct ctl_process *p, uint64_t process);
/* The address is in code of another session. */
bool ctl_peers_is_in_keeper(const struct ctl_process *p, uint64_t pc);

/* ---- cleanup.c ------------------------------------------------------------- */

/* Takes out what sessions without a tool left in the process, before we come; tells what it did. */
struct error *ctl_cleanup_before(struct ctl_process *p) BASE_MUST_CHECK;
/* The same after we have left: sessions that stayed for us. */
void ctl_cleanup_after(struct ctl_process *p);

/* ---- live.c ---------------------------------------------------------------- */

/* In the window, inside remote begin/end: makes later arming without a window possible. */
void ctl_live_prepare(struct ctl_process *p);
/*
 * Arms patches that are wanted and not held off, disarms those that are; while the threads
 * run if that is possible, else in a window of its own.
 */
struct error *ctl_live_apply(struct ctl_process *p) BASE_MUST_CHECK;
/* Bytes left by a tool that died between the steps of the above. */
bool ctl_live_is_between(const struct patch_plan *plan, const uint8_t *now);
/*
 * One tool at a time changes the code of a process. Waits a bounded time; false: it has
 * not got the lock. Given back by ctl_process_unlock(), or by the tool's death.
 */
bool ctl_process_lock(struct ctl_process *p);
void ctl_process_unlock(struct ctl_process *p);

/* ---- conditions.c ---------------------------------------------------------- */

/* Asks all conditions, before the first process is armed. */
void ctl_conditions_start(struct ctl_session *s);
/* Asks them again if a variable was written, and arms and disarms. */
void ctl_conditions_serve(struct ctl_session *s);
/* Sets held_off of a patch. */
void ctl_conditions_judge(const struct ctl_session *s, struct ctl_patch *patch);
/* After planning: patches whose bytes another's jump needs stay armed whatever their conditions say. */
void ctl_conditions_settle(struct ctl_process *p);
/* When ctl_conditions_serve() wants to be called; INT64_MAX: when the event word is raised. */
int64_t ctl_conditions_next(const struct ctl_session *s);

/* ---- modules.c ------------------------------------------------------------- */

/*
 * Compares p->maps with the modules known: adds new ones, forgets those gone. True:
 * something changed.
 */
bool ctl_modules_look(struct ctl_process *p);
/*
 * A site at the address where the hook of the dynamic loader goes has to share its patch with
 * it. True: *out is the hook's body.
 */
bool ctl_modules_share_hook(struct ctl_process *p, const struct ctl_module *m, uint64_t address,
			    struct patch_body *out);
/* A mapping of the dynamic loader, by p->maps; NULL: there is none. */
const struct proc_map *ctl_modules_loader(const struct ctl_process *p);
/* Address of the r_state of the loader's struct r_debug, by p->maps; 0 unknown. */
uint64_t ctl_modules_loader_state(const struct ctl_process *p);
/* Plans the hook of the dynamic loader if libraries may come later. */
void ctl_modules_follow(struct ctl_process *p);
/* Answers events that the process waits for. */
struct error *ctl_modules_serve(struct ctl_process *p) BASE_MUST_CHECK;

/* ---- attach.c -------------------------------------------------------------- */

/* From a held or running process to an armed and released one: one stop window. */
struct error *ctl_attach(struct ctl_process *p) BASE_MUST_CHECK;
/* Arms what p->modules gained, in a window of its own. */
struct error *ctl_rearm(struct ctl_process *p) BASE_MUST_CHECK;
/* The process made an exec: everything of ours is gone; begins anew. */
struct error *ctl_attach_again(struct ctl_process *p) BASE_MUST_CHECK;
/* Our memory is not there any more. */
bool ctl_has_execed(const struct ctl_process *p);
/* Something that is limited ran out, here or there: the error says nothing of an end, or of another program. */
bool ctl_is_of_limits(const struct error *e);
/* It has no memory at all: it is about to end. */
bool ctl_is_between(const struct ctl_process *p);

/* Bytes, semaphores, hooks and mappings out, in the window; for failures while arming. */
void ctl_take_out(struct ctl_process *p);

/* ---- frames.c -------------------------------------------------------------- */

/* A signal frame on a stack. */
struct ctl_frame {
	uint64_t pc, pc_at; /* of the interrupted code; where it is kept */
	uint64_t mask, mask_at; /* that comes back with sigreturn */
	int32_t signal, code; /* of its siginfo, if its handler was given one */
};
/* Those from sp on, the innermost first. Stopped. */
void ctl_frames_each(struct ctl_process *p, uint64_t sp,
		     void (*visit)(void *user, const struct ctl_frame *f), void *user);

/* ---- leave.c --------------------------------------------------------------- */

/* Takes everything out of the process and lets it run. */
struct error *ctl_leave(struct ctl_process *p) BASE_MUST_CHECK;
/* The same for forked children that still carry our patches. */
void ctl_leave_children(struct ctl_session *s);
/* One that has inherited the code of `parent`; false: it has not, and was left alone. */
bool ctl_leave_child(const struct ctl_process *parent, pid_t pid);

/* ---- signals.c ------------------------------------------------------------- */

/* Blocks the signals that end a session; *before is the mask for the child. */
void ctl_signals_block(sigset_t *before);
/* From here on they are ours; those that are blocked wait for ctl_signals_begin, from which on they wake the loop. */
void ctl_signals_take(void);
void ctl_signals_begin(struct abi_region *r);
void ctl_signals_give_back(const sigset_t *before);
/* SIGUSR2 has come since this was asked last: the output goes on in another file. */
bool ctl_signals_rotate(void);
int ctl_signals_count(void); /* those that end a session, so far */
bool ctl_signals_from_terminal(void); /* the last came from the terminal: the child has it too */
/* A stop window must not be cut: holds deadly signals off. Nests not. */
void ctl_window_open(void);
void ctl_window_close(void);

/* ---- procfs.c -------------------------------------------------------------- */

/* Makes the files of procfs probes and opens the input, before begin handlers; signals are taken already. */
struct error *ctl_procfs_open(struct ctl_session *s) BASE_MUST_CHECK;
/* Answers who has opened, written or typed. True: there is more, and the loop will not sleep. */
bool ctl_procfs_serve(struct ctl_session *s);
/* Lets everybody go and takes the files away. */
void ctl_procfs_close(struct ctl_session *s);

/* ---- loop.c ---------------------------------------------------------------- */

/* Until the target ends, exit(), an error, a signal or the timeout. */
void ctl_loop(struct ctl_session *s);

#endif
