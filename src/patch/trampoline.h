/* SPDX-License-Identifier: Apache-2.0 */
/* trampoline: bodies, displaced code, and the way back, as bytes. */
#ifndef SPILE_PATCH_TRAMPOLINE_H
#define SPILE_PATCH_TRAMPOLINE_H

#include "patch/patch.h"
#include "patch/returns.h"

struct trampoline {
	const struct patch_request *request; /* for its bodies */
	const struct x86_ins *ins; /* displaced, adjacent; nops among them are dropped */
	uint32_t n_ins;
	/* (address - origin) & mask == value: what the displacement at the site must look like */
	uint64_t origin;
	uint32_t mask, value;
	/* results */
	uint64_t start, resume, end;
	uint64_t back, next; /* the jump out of it, and where it goes; 0: there is none */
	uint64_t called_from; /* return address of the displaced function, 0 none */
	uint32_t depth;
	patch_unwinds unwinds; /* by address */
	uint64_t twins[PATCH_MAX]; /* of ins[i] */
};

/* Finds a place and writes the bytes there. false: no place, or something cannot be relocated. */
bool patch_trampoline_make(struct arena *a, struct patch_space *s, struct trampoline *t);
/* false: the bodies with the first instruction have no place anywhere in reach, whatever is asked of the address. */
bool patch_trampoline_may_fit(struct patch_space *s, const struct trampoline *t);

#endif
