/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch: from bytes and wishes to a plan: what to write where.
 *
 * Pure: bytes and address ranges in, bytes out. ctl reads the process, asks
 * for plans, maps the pages the plans need, and writes.
 *
 * A plan for one site:
 *
 *	site:        e9 dd dd dd dd                   jmp trampoline
 *	trampoline:  bodies (handler calls or inline code)
 *	             displaced instructions, relocated
 *	             jmp back
 *
 * Interior instruction boundaries inside dd are pinned to a byte that traps by the choice
 * of the trampoline's address; whoever lands there is sent to the relocated copy (moved[]).
 */
#ifndef SPILE_PATCH_H
#define SPILE_PATCH_H

#include "abi/abi.h"
#include "base/base.h"
#include "x86/x86.h"

#define PATCH_CALL_BEFORE 6

/* Rungs of the ladder, cheapest first. */
enum patch_rung {
	RUNG_NOP, /* 1: existing nops, nothing displaced */
	RUNG_SINGLE, /* 2: one instruction of 5 bytes or more */
	RUNG_SEVERAL, /* 3: several, boundaries pinned */
	RUNG_PADDING, /* 4: short function with padding behind it */
	RUNG_ISLAND, /* 5: jmp rel8 to a jump in filler nearby */
	RUNG_PUN, /* 6: bytes behind those displaced serve as displacement, unchanged */
	RUNG_EVICT, /* 6: instructions behind the site, or near it, move out to make room */
	RUNG_TRAP, /* 7: int3 */
	RUNG_COUNT
};
const char *patch_rung_name(enum patch_rung r);

/* ---- where trampolines may go ------------------------------------------------ */

/* Free address space of a process and the pages taken from it so far. */
struct patch_space;
struct patch_range {
	uint64_t start, end;
};
/* A page of trampolines, to be mapped at `address` with `bytes`. */
struct patch_page {
	uint64_t address; /* page-aligned */
	uint8_t *bytes; /* ABI_PAGE of them; unused ones are 0xCC */
	bool fresh; /* taken since the last patch_space_settle() */
	bool changed; /* bytes were added since then */
	uint32_t used;
	void *user; /* ctl's */
};
struct patch_space *patch_space_create(struct arena *a);
/*
 * What is known of the control flow of functions, for all processes that run the same files. Believed of a
 * function at the same address of the same file with the same code: then its tables of jumps are the same, too.
 */
struct patch_flow_cache;
struct patch_flow_cache *patch_flow_cache_create(struct arena *a);
void patch_space_use_cache(struct patch_space *s, struct patch_flow_cache *c);
/*
 * Replaces the list of free ranges (page-aligned, ascending). Pages already taken
 * need not be missing from it. Room that must stay free (below a stack, above the
 * heap) is left out by the caller.
 */
void patch_space_set_free(struct patch_space *s, const struct patch_range *free, uint32_t n);
/* In the order they were taken; the array moves when a plan takes another page. */
struct patch_page *patch_space_pages(struct patch_space *s, uint32_t *n);
void patch_space_settle(struct patch_space *s);
/*
 * A site is going to be planned at the address: no other plan moves its instruction away.
 * Told for all sites of a module before the first is planned; they are planned from
 * the highest address down.
 */
void patch_space_expect(struct patch_space *s, uint64_t address);
/* Bytes that another session has written or relies on: no plan touches them, or relies on them. */
void patch_space_keep_off(struct patch_space *s, uint64_t address, uint32_t n);
/* The next plan is made upon just that session's patch: the bytes are as any others. */
void patch_space_admit(struct patch_space *s, uint64_t address, uint32_t n);
/* The same for a plan of this space: what is planned at the address stands upon it. */
void patch_space_reopen(struct patch_space *s, uint64_t address, uint32_t n);
/* Code between the two is gone, or new: what was planned there no longer counts. */
void patch_space_forget(struct patch_space *s, uint64_t start, uint64_t end);
/* Bytes read from the process become as they are without our patches. */
void patch_space_original(const struct patch_space *s, uint64_t address, uint8_t *bytes, uint32_t n);

/* ---- planning -------------------------------------------------------------------- */

/* What runs at the site. */
struct patch_body {
	bool generic; /* flags and red zone live: skip 128 bytes around a call */
	/* full form: push site_number; call handler; drop. 0: none */
	uint64_t handler;
	uint32_t site_number;
	/* inline form: bytes with relocations already of the process; those relative to
	 * the trampoline's own address are listed */
	const uint8_t *bytes;
	uint32_t size;
	/* Called when the place is known, to finish the copied inline bytes. May be NULL. */
	void (*place)(void *user, uint8_t *at, uint64_t address);
	void *user;
};

/* Bodies outside of any trampoline, with handlers in reach, at `address`; the size. */
uint32_t patch_bodies_put(uint8_t *out, uint64_t address, const struct patch_body *bodies, uint32_t n);

/* ---- functions ------------------------------------------------------------------ */

struct patch_frame_request {
	uint64_t start, end; /* of the function */
	const uint8_t *code; /* all of it */
	/* Reads other code of the process, for parts that were split off; how many bytes. May be NULL. */
	uint32_t (*read)(void *user, uint64_t at, uint8_t *to, uint32_t n);
	void *user;
};
/* What a function does with its stack; see frame.c. */
struct patch_frame {
	const char *why; /* NULL: it never looks above its own frame; else what it does, or may do */
	bool reads_return; /* it looks at, or moves, its return address */
	bool tail_jumps; /* it may end in another function, or begin again */
	VEC(uint64_t) rets; /* where it returns */
	int32_t frame_depth; /* (frame.c) of rbp as a frame pointer */
};
void patch_frame_look(struct arena *a, const struct patch_frame_request *r, struct patch_frame *out);

/* ---- system calls ------------------------------------------------------------------ */

struct patch_request;

/* A `syscall` instruction. */
struct patch_call {
	uint64_t address;
	int32_t number; /* in eax there; -1: it is known only when it runs */
	/*
	 * The instructions right before it, the nearest first, that control comes to only by the one
	 * before and that go on to the next.
	 */
	uint64_t before[PATCH_CALL_BEFORE];
	uint32_t n_before;
	uint8_t move[5]; /* before[0], if it is `mov $number,%eax` and nothing else; else zeroes */
	bool is_entered; /* control comes right to it from elsewhere */
	bool is_passed; /* control comes behind it from elsewhere */
};
struct patch_calls {
	VEC(struct patch_call) list; /* by address */
};
/*
 * Those in a function, of which the request says extents, code, entries and how to read its tables.
 * False: its instructions cannot be told from data.
 */
bool patch_calls_find(struct arena *a, const struct patch_request *function, struct patch_calls *out);

/* How to unwind from `start` on, up to the next one; see describe.c. */
struct patch_rule {
	uint64_t start;
	struct abi_unwind_rule rule;
};
struct patch_rules {
	VEC(struct patch_rule) list;
};
/* Adds those of a function that has no call frame information; `code` is all of it. */
void patch_describe(struct arena *a, uint64_t start, uint64_t end, const uint8_t *code, struct patch_rules *out);

/* How a function that is probed at its return is called; see returns.c. */
enum patch_return_form {
	PATCH_RETURN_INSERTED, /* below a frame of ours: its stack arguments would not be where it looks */
	PATCH_RETURN_SHADOWED, /* the return address is kept aside: any function that returns once */
	/* Not called at all: the frame alone is kept aside at the entry, and found at each return instruction. */
	PATCH_RETURN_KEEP,
	PATCH_RETURN_FIND,
};
/* One site at the return of the function that begins at the request's address. */
struct patch_return {
	uint32_t frame; /* bytes between the handlers and what they find at their rsp; of 16 */
	struct patch_body saver; /* runs at the entry, fills the frame; empty: nothing to fill */
	struct patch_body body;
};

struct patch_request {
	uint64_t address; /* of the site, in the process */
	/*
	 * Bytes around it, as they are without our own patches: the function if known and 16
	 * bytes of what follows it (filler), else at least 32 behind the site.
	 */
	const uint8_t *code;
	uint64_t code_address;
	uint32_t code_size;
	/* 0 0 unknown: bytes that look like a branch into the patch count as one */
	uint64_t function_start, function_end;
	bool allow_trap; /* the trap rung is available */
	enum patch_rung first_rung; /* of the ladder: cheaper ones are not tried (tests) */
	bool check_start; /* the address may lie inside an instruction: then it is refused */
	bool alone; /* relies on no bytes that another plan writes: those may be put back before */
	bool upon; /* stands upon another patch: nothing near it moves out, which is in that one's bytes */
	bool mixed; /* data stand among the function's code: what control is not seen to come to is left alone */
	bool own_int3; /* an int3 at the site is the program's, not a breakpoint */
	/*
	 * The bodies run behind the displaced instructions, which are all of those between the site
	 * and this address; 0: in front of what is displaced.
	 */
	uint64_t until;
	/* Functions before and behind a small one, wholly in `code`: they may make room. */
	struct patch_range near[2];
	uint32_t n_near;
	/* Places that control comes to in ways that code does not show: landing pads, say. In no order. */
	const uint64_t *entries;
	uint32_t n_entries;
	/* A number for the file that the code is from, 0: unknown; and what its addresses are moved by. For the cache. */
	uint64_t file, bias;
	/* Reads the process's data, for tables of jumps; NULL: none are read. */
	bool (*read)(void *user, uint64_t address, void *to, uint32_t n);
	void *read_user;
	/* one or several handlers on one address: bodies run in order */
	const struct patch_body *bodies;
	uint32_t n_bodies;
	const struct patch_body *tail; /* behind all others, right before the displaced code; or NULL */
	/* handlers for the function's return, in the order in which they run */
	const struct patch_return *returns;
	uint32_t n_returns;
	enum patch_return_form form;
	/*
	 * Addresses in the runtime: rt_shadow_enter and _leave, or rt_frame_keep and _find; rt_chain_check,
	 * 0: no need for it.
	 */
	uint64_t shadow_enter, shadow_leave, chain_check;
};

#define PATCH_MAX 16
#define PATCH_REST 4 /* most bytes behind the patch that complete a jump */
struct patch_moved {
	uint64_t from, to; /* an instruction boundary inside the patch and its relocated twin */
};
struct patch_plan {
	enum patch_rung rung;
	uint64_t address; /* of the patch: mostly behind the endbr64 at a request's address */
	/* The first `size` bytes are ours, the rest up to `span` is what stands behind them. */
	uint8_t original[PATCH_MAX], patched[PATCH_MAX + PATCH_REST];
	uint32_t size; /* bytes at address that are written: 1..PATCH_MAX */
	uint32_t span; /* bytes that must be as in patched[] for the jump to be right */
	uint64_t trampoline; /* first byte of the bodies; 0: a helper that has none of its own */
	uint64_t trampoline_end;
	uint64_t resume; /* relocated first instruction: behind the bodies */
	uint64_t back; /* where the called function returns to; 0: it is jumped to */
	uint32_t depth; /* there: bytes from rsp to the program's return address */
	/* the trampoline for unwinders; in the planner's arena */
	struct abi_unwind *unwinds;
	uint32_t n_unwinds;
	/*
	 * Interior boundaries, for program counters and traps: patched[] traps there. Last, from
	 * behind the patch: what the jump out of the trampoline stands for.
	 */
	struct patch_moved moved[PATCH_MAX];
	uint32_t n_moved;
	/*
	 * Plans that this one relies on: to be written before it and put back after it. They have
	 * no bodies. In the arena.
	 */
	struct patch_plan *before;
	uint32_t n_before;
	/* RUNG_TRAP: address traps to `trampoline`; pinned boundaries trap to moved[].to */
};
/* A pinned byte that faults (SIGSEGV, at its address) instead of trapping (SIGTRAP, behind it). */
bool patch_pin_is_fault(uint8_t byte);
/*
 * Bytes of the trampoline are in the space's pages afterwards. Error: no rung fits (nowhere
 * to go and no trap allowed, nothing that can be displaced, another tool's breakpoint).
 * The plan counts as made: later ones keep off its bytes.
 */
struct error *patch_plan_make(struct arena *a, struct patch_space *s, const struct patch_request *r,
			      struct patch_plan *out) BASE_MUST_CHECK;

#endif
