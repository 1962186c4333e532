/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program makes and ends processes and threads, and what is called there. Pure: bytes in, bytes out. */
#ifndef SPILE_CTL_LIFE_SITES_H
#define SPILE_CTL_LIFE_SITES_H

#include "base/base.h"

/* Entries of the runtime: see entry.S. */
enum life_hook {
	LIFE_AFTER_CLONE, /* and fork, vfork, clone3 */
	LIFE_BEFORE_EXEC,
	LIFE_BEFORE_EXECAT,
	LIFE_AFTER_EXEC,
	LIFE_BEFORE_EXIT,
	LIFE_BEFORE_EXIT_GROUP,
	LIFE_BEFORE_ANY, /* the number is known there only: exec */
};
extern const char *const life_hook_names[];

struct life_site {
	uint64_t address;
	enum life_hook hook;
	uint32_t number; /* of the system call */
	uint64_t until; /* LIFE_BEFORE_ANY: the call itself; what stands between is run first */
};
struct life_sites {
	VEC(struct life_site) list; /* by address, the highest first */
};
/* In `size` executable bytes at `address`. */
void life_sites_find(struct arena *a, const uint8_t *bytes, size_t size, uint64_t address, struct life_sites *out);

#define LIFE_BODY_MAX 48u
/* The inline body: calls `hook` past the red zone, the call's number in rcx where that is free. */
uint32_t life_body(const struct life_site *s, uint64_t hook, uint8_t out[LIFE_BODY_MAX]);

#endif
