/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPILE_RUNTIME_WATCH_H
#define SPILE_RUNTIME_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"

/*
 * A SIGTRAP of a debug register (code TRAP_PERF). False: it is not one of the session's whose process page
 * is given. registers: those of the signal frame, changed so that the thread goes on in the handler.
 */
bool rt_watch_enter(struct abi_process *p, const void *information, uint64_t *registers);

/* The same for a debug exception without a reason (TRAP_BRKPT, TRAP_HWBKPT). False: nothing is watched, or it is the program's own. */
bool rt_watch_enter_stray(struct abi_process *p, uint64_t *registers);

#endif
