/* SPDX-License-Identifier: Apache-2.0 */
/* Records of text. */
#ifndef SPILE_RUNTIME_PRINT_H
#define SPILE_RUNTIME_PRINT_H

#include "runtime/core/core.h"

/* Writes a record of a kind that holds one abi_string (ERROR: behind slot.where). newline: one is
 * added. */
void rt_print_text(struct abi_slot *s, uint32_t kind, const char *text, uint32_t length,
		   bool newline);

#endif
