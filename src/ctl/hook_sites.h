/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program asks the kernel about signals, and what stands there instead. Pure: bytes in, bytes out. */
#ifndef SPILE_CTL_HOOK_SITES_H
#define SPILE_CTL_HOOK_SITES_H

#include "abi/abi.h"
#include "base/base.h"

/* A `syscall` instruction whose number was put into eax shortly before. */
struct hook_site {
	uint64_t address; /* to patch: the mov if it stands right before the syscall, else the syscall */
	uint64_t move; /* the mov */
	uint64_t after; /* behind the syscall */
	uint32_t number;
	uint32_t written; /* a bit for each register (enum abi_register) that changes in between */
	bool at_move;
};
struct hook_sites {
	VEC(struct hook_site) list;
};

#define SYSCALL_SIZE 2u /* of a `syscall` instruction */
/* Offset of the first pair of bytes at or behind `at` that could be one; size: there is none. */
size_t hook_sites_next(const uint8_t *bytes, size_t size, size_t at);

/*
 * Finds, in `size` executable bytes at `address`, every `mov $number,%eax` for one of
 * numbers[n] that reaches a `syscall` within a few straight-line instructions.
 */
void hook_sites_find(struct arena *a, const uint8_t *bytes, size_t size, uint64_t address,
		     const uint32_t *numbers, uint32_t n, struct hook_sites *out);

/* Room for a body. */
#define HOOK_BODY_MAX 48
/*
 * The inline body for a site: calls `hook` past the red zone, then goes on behind the
 * syscall (at_move), or behind its displaced copy, which follows the body.
 */
uint32_t hook_body(const struct hook_site *s, uint64_t hook, uint8_t out[HOOK_BODY_MAX]);
/* The end of the latter, as a body of its own. */
uint32_t hook_skip_body(uint8_t out[HOOK_BODY_MAX]);
/* A body that calls `hook` past the red zone and goes on. */
uint32_t hook_call_body(uint64_t hook, uint8_t out[HOOK_BODY_MAX]);
/* The row of such a body, or of the first, becomes that of its call, for a call that comes back to the address in the program. */
void hook_call_row(uint64_t comes_back, struct abi_unwind *row);

#endif
