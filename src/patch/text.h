/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: what the plans of a process have made of its code so far.
 *
 * Plans are made one after the other and must not disturb each other: bytes that one
 * writes or relies on are locked, and where another session's site is to be,
 * nothing is moved away.
 */
#ifndef SPILE_PATCH_TEXT_H
#define SPILE_PATCH_TEXT_H

#include "patch/patch.h"

struct patch_text;
struct patch_text *patch_text_create(struct arena *a);
/* A site is or will be at the address: it is in no plan but its own. */
void patch_text_expect(struct patch_text *t, uint64_t address);
void patch_text_forget(struct patch_text *t, uint64_t start, uint64_t end);
/* Bytes that a plan writes. They are locked. */
void patch_text_write(struct patch_text *t, uint64_t address, const uint8_t *original,
		      const uint8_t *bytes, uint32_t n);
/* Bytes that a plan relies on. */
void patch_text_lock(struct patch_text *t, uint64_t address, uint32_t n);
/* Bytes that are another session's: no plan writes them or relies on them; or no longer so. */
void patch_text_keep_off(struct patch_text *t, uint64_t address, uint32_t n, bool off);
/* A plan's bytes are no longer its own: another is made upon it. */
void patch_text_reopen(struct patch_text *t, uint64_t address, uint32_t n);
bool patch_text_is_foreign(const struct patch_text *t, uint64_t address);
/* bytes, as they are without plans, become as they are with them; and the other way round. */
void patch_text_apply(const struct patch_text *t, uint64_t address, uint8_t *bytes, uint32_t n);
void patch_text_revert(const struct patch_text *t, uint64_t address, uint8_t *bytes, uint32_t n);
/* How many of n bytes from the address on are unlocked and, but for the first, no site. */
uint32_t patch_text_free(const struct patch_text *t, uint64_t address, uint32_t n);
bool patch_text_is_written(const struct patch_text *t, uint64_t address);
bool patch_text_is_site(const struct patch_text *t, uint64_t address);

#endif
