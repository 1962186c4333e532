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
 * Interior instruction boundaries inside dd are pinned to 0xCC by the choice
 * of the trampoline's address; whoever lands there traps and is sent to the
 * relocated copy (moved[]).
 */
#ifndef SPILE_PATCH_H
#define SPILE_PATCH_H

#include "abi/abi.h"
#include "base/base.h"
#include "x86/x86.h"

/* Rungs of the ladder, cheapest first. */
enum patch_rung {
	RUNG_NOP, /* 1: existing nops, nothing displaced */
	RUNG_SINGLE, /* 2: one instruction of 5 bytes or more */
	RUNG_SEVERAL, /* 3: several, boundaries pinned */
	RUNG_PADDING, /* 4: short function with padding behind it */
	RUNG_ISLAND, /* 5: jmp rel8 to a 5-byte hole (not made: a pun needs no hole) */
	RUNG_PUN, /* 6: bytes behind the first instruction serve as displacement, unchanged */
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
 * Replaces the list of free ranges (page-aligned, ascending). Pages already taken
 * need not be missing from it. Room that must stay free (below a stack, above the
 * heap) is left out by the caller.
 */
void patch_space_set_free(struct patch_space *s, const struct patch_range *free, uint32_t n);
/* In the order they were taken; the array moves when a plan takes another page. */
struct patch_page *patch_space_pages(struct patch_space *s, uint32_t *n);
void patch_space_settle(struct patch_space *s);

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
	uint64_t avoid_end; /* bytes from here on belong to another site; 0 none */
	/* one or several handlers on one address: bodies run in order */
	const struct patch_body *bodies;
	uint32_t n_bodies;
};

#define PATCH_MAX 16
struct patch_moved {
	uint64_t from, to; /* an instruction boundary inside the patch and its relocated twin */
};
struct patch_plan {
	enum patch_rung rung;
	uint64_t address; /* of the patch: behind the endbr64 at a request's address */
	uint8_t original[PATCH_MAX], patched[PATCH_MAX];
	uint32_t size; /* bytes at address that are ours: 5, or 1 for RUNG_TRAP */
	uint64_t trampoline; /* first byte of the bodies */
	uint64_t trampoline_end;
	uint64_t resume; /* relocated first instruction: behind the bodies */
	/* interior boundaries, for program counters and traps */
	struct patch_moved moved[PATCH_MAX];
	uint32_t n_moved;
	/* RUNG_TRAP: address traps to `trampoline`; pinned boundaries trap to moved[].to */
};
/*
 * Bytes of the trampoline are in the space's pages afterwards. Error: no rung fits (nowhere
 * to go and no trap allowed, nothing that can be displaced, another tool's breakpoint).
 */
struct error *patch_plan_make(struct arena *a, struct patch_space *s, const struct patch_request *r,
			      struct patch_plan *out) BASE_MUST_CHECK;

#endif
