/* SPDX-License-Identifier: Apache-2.0 */
/* Waking the tool from a target. */
#ifndef SPILE_RUNTIME_WAKE_H
#define SPILE_RUNTIME_WAKE_H

#include "abi/abi.h"

/* Raises region.event (shared futex) and wakes the tool if it says that it sleeps on it. */
void rt_wake_tool(struct abi_region *r);

#endif
