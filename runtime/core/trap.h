/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of bytes that trap, of the sessions in a process. */
#ifndef SPILE_RUNTIME_TRAP_H
#define SPILE_RUNTIME_TRAP_H

#include "runtime/core/core.h"

/* True: the byte at the address is a patch's, of the session itself or of one of its peers; *resume is where whoever has executed it goes on. */
bool rt_trap_find(const struct abi_process *keeper, uint64_t address, uint64_t *resume);

#endif
