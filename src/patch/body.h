/* SPDX-License-Identifier: Apache-2.0 */
/* body: what one handler puts into a trampoline. */
#ifndef SPILE_PATCH_BODY_H
#define SPILE_PATCH_BODY_H

#include "patch/patch.h"

#define BODY_LITERAL 8u /* bytes of a handler's address, for far calls */

bool patch_body_is_full(const struct patch_body *b);
uint32_t patch_body_size(const struct patch_body *b, bool far_calls);
/* At address `at`; literal: where the handler's address stands, 0: it is in reach. The size. */
uint32_t patch_body_put(uint8_t *out, uint64_t at, const struct patch_body *b, uint64_t literal);
/* call to, or call *literal(%rip): 5 or 6 bytes. */
uint32_t patch_call_put(uint8_t *out, uint64_t at, uint64_t to, uint64_t literal);

#endif
